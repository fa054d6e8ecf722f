//! An index that was not scanned for as long as the counters reach.
//!
//! Why it matters: every write maintains it for nothing. Example: an index for a report that no longer exists. Remedy: drop
//! it. Wrong when: it was built a short while ago, which PostgreSQL does not record; something that runs less often than the
//! counters are old needs it; it is scanned on a replica that the audit was not shown.
//!
//! Condition: no scan on this server and all given replicas, or, from PostgreSQL 16 on, none for [`QUIET_S`]; valid; not
//! unique, because checks of uniqueness do not count as scans; needed by nothing else ([`protection`]). What is
//! duplicate or redundant is said there. While the counters are younger than `Options::min_counted_s` or nobody knows how old
//! they are, an index without a scan is no finding: a restore, a reset or a crash makes every index look so ([`unproven`]).
//! No fix is offered
//! - while none of the servers is the primary: standbys do not see what it does;
//! - where it alone serves a foreign key: nobody has deleted parents yet.
//!
//! An index with an expression has statistics of it, on which estimates rest: they are kept by CREATE STATISTICS.

use super::cover::protection;
use super::serving::{foreign_keys, serves};
use super::{Change, Context, Finding, Fix, Observation, Severity, duplicate_index, redundant_index};
use crate::catalog::{Index, Table, TableKind};
use crate::index::change::name::shortened;
use crate::index::drop_index;
use crate::query::quote;
use crate::unit;

pub(super) const RULE: &str = "unused-index";

/// Without a scan for this long an index serves no monthly job either.
pub(super) const QUIET_S: f64 = 35.0 * DAY_S;
const DAY_S: f64 = 86_400.0;
/// An index below this costs little (pgdoctor's limit).
const LARGE_BYTES: u64 = 10 << 20;

/// What the counters say of an index that was not scanned.
struct Silence {
    /// As a clause.
    since: String,
    /// Why that proves nothing.
    doubt: Option<String>,
}

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let mut found = Vec::new();
    for table in context.tables() {
        let silent: Vec<(&Index, Silence)> = silent(context, table).collect();
        if silent.is_empty() {
            continue;
        }
        let told = told(context, table);
        for (index, silence) in silent.into_iter().filter(|(index, _)| !told.contains(&index.oid)) {
            found.push(observation(context, table, index, silence));
        }
    }
    found
}

/// Returns the indexes that nothing has scanned, where the counters are too young for that to be a finding, and why they are.
pub(super) fn unproven<'a>(context: &Context<'a>) -> Option<(Vec<(&'a Table, &'a Index)>, String)> {
    let reason = youth(context.counted_s(), context.options.min_counted_s)?;
    let mut found = Vec::new();
    for table in context.tables() {
        let is_unscanned = |index: &&Index| may_go(context, index) && context.n_scans(index) == Some(0);
        let unscanned: Vec<&Index> = table.indexes.iter().filter(is_unscanned).collect();
        if unscanned.is_empty() {
            continue;
        }
        let told = told(context, table);
        let untold = unscanned.into_iter().filter(|index| !told.contains(&index.oid));
        found.extend(untold.map(|index| (table, index)));
    }
    Some((found, reason))
}

/// The indexes of a table that other rules speak of, by oid.
fn told(context: &Context, table: &Table) -> Vec<u32> {
    let duplicates = duplicate_index::duplicates(context, table);
    let redundant = redundant_index::of_table(context, table).into_iter();
    let redundant = redundant.filter(|it| it.finding.fix.is_some()).flat_map(|it| it.changes);
    duplicates.iter().map(|(index, _)| index.oid).chain(redundant).collect()
}

/// The indexes of a table that certainly nothing needs, by oid.
pub(super) fn proven(context: &Context, table: &Table) -> Vec<u32> {
    silent(context, table)
        .filter(|(index, silence)| {
            silence.doubt.is_none() && !matches!(support(context, table, index), Support::Alone(_))
        })
        .map(|(index, _)| index.oid)
        .collect()
}

fn silent<'a>(context: &Context, table: &'a Table) -> impl Iterator<Item = (&'a Index, Silence)> {
    let may_go = |index: &&Index| may_go(context, index);
    table.indexes.iter().filter(may_go).filter_map(|index| Some((index, silence(context, index)?)))
}

fn may_go(context: &Context, index: &Index) -> bool {
    context.is_usable(index) && !index.is_unique && protection(index).is_none()
}

fn silence(context: &Context, index: &Index) -> Option<Silence> {
    let n_scans = context.n_scans(index)?;
    let usage = index.usage?;
    if n_scans == 0 {
        let counted_s = context
            .counted_s()
            .filter(|_| youth(context.counted_s(), context.options.min_counted_s).is_none())?;
        let doubt = context.unseen_primary();
        let since = match &doubt {
            None => format!("was not scanned in {}", days(counted_s)),
            Some(_) => "was not scanned".to_owned(),
        };
        return Some(Silence { since, doubt });
    }
    // Times of scans are known of this server alone.
    let quiet_s = usage.scanned_s_ago.filter(|quiet_s| *quiet_s >= QUIET_S && n_scans == usage.n_scans)?;
    Some(Silence {
        since: format!(
            "was last scanned {} ago ({} scans before that read {} entries)",
            days(quiet_s),
            unit::count(n_scans),
            unit::count(usage.n_entries_read)
        ),
        doubt: context.unseen_primary(),
    })
}

/// Returns why counters that have counted for so long prove nothing; `None` where they are old enough.
pub(super) fn youth(counted_s: Option<f64>, min_counted_s: f64) -> Option<String> {
    match counted_s {
        None => Some("nobody knows since when the counters count".to_owned()),
        Some(counted_s) if counted_s < min_counted_s => {
            Some(format!("the counters are only {} old", days(counted_s)))
        }
        Some(_) => None,
    }
}

/// An age in its largest unit.
fn days(seconds: f64) -> String {
    let units = [(DAY_S, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1.0, "second"));
    let n = unit::estimate((seconds / size).floor());
    format!("{n} {unit}{}", if n == "1" { "" } else { "s" })
}

/// Whether foreign keys need an index.
pub(super) enum Support {
    None,
    /// Others serve them too: one of each.
    Shared(Vec<u32>),
    /// Nothing else serves this one.
    Alone(String),
}

pub(super) fn support(context: &Context, table: &Table, index: &Index) -> Support {
    let mut others = Vec::new();
    for (_, foreign_key, reference) in foreign_keys(context, table) {
        if !serves(index, foreign_key, reference) {
            continue;
        }
        let serving =
            table.indexes.iter().filter(|it| it.oid != index.oid && serves(it, foreign_key, reference));
        match serving.max_by_key(|it| (protection(it).is_some(), context.n_scans(it), it.oid)) {
            Some(other) => others.push(other.oid),
            None => return Support::Alone(foreign_key.name.clone()),
        }
    }
    if others.is_empty() { Support::None } else { Support::Shared(others) }
}

fn observation(context: &Context, table: &Table, index: &Index, silence: Silence) -> Observation {
    let bytes = context.size_bytes(index);
    let Silence { since, mut doubt } = silence;
    let replicas = match context.subject.evidence.replicas.len() {
        0 => String::new(),
        1 => " here and on 1 replica".to_owned(),
        n => format!(" here and on {n} replicas"),
    };
    let mut relies_on = Vec::new();
    match support(context, table, index) {
        Support::None => {}
        Support::Shared(others) => relies_on = others,
        Support::Alone(name) => {
            let alone = format!("it alone finds the rows of the foreign key {name}");
            doubt = Some(doubt.map_or(alone.clone(), |doubt| format!("{doubt}, and {alone}")));
        }
    }
    let message = format!("{} ({}) {since}{replicas}", index.name, unit::bytes(bytes));
    let of_index = Finding::of_index(RULE, table, index);
    if let Some(doubt) = doubt {
        return Observation::of(Finding {
            message: format!("{message}, but {doubt}"),
            remedy: "Leave it until the audit can tell; nothing is proven yet.".to_owned(),
            ..of_index
        });
    }
    let (fix, remedy) = fix(context, table, index);
    let severity = if bytes < LARGE_BYTES { Severity::Low } else { Severity::of_waste(bytes) };
    Observation {
        finding: Finding { severity, message, remedy, fix: Some(fix), frees_bytes: bytes, ..of_index },
        relies_on,
        changes: vec![index.oid],
    }
}

fn fix(context: &Context, table: &Table, index: &Index) -> (Fix, String) {
    let caution = "unless it is new, a job needs it that runs less often than that, or a replica uses it that was not \
                   looked at (--replica)";
    let expressions: Vec<&String> = index.keys.iter().filter_map(|key| key.expression.as_ref()).collect();
    // Statistics of expressions are hidden from all but the owner, so that none in sight means nothing. Of a partitioned table
    // the partitions have them, and they go with their indexes: that is for the undo to bring back.
    if expressions.is_empty() || table.kind == TableKind::Partitioned {
        let mut change = context.drop(table, index);
        if let Change::Drop { index: seen, .. } = &mut change {
            seen.n_scans = index.usage.map(|usage| usage.n_scans);
        }
        return (Fix::Change(change), format!("Drop it, {caution}."));
    }
    let relation = quote::qualified(&table.schema, &table.name);
    let names: Vec<String> = (1..=expressions.len())
        .map(|n| quote::qualified(&table.schema, &statistics_name(&index.name, n)))
        .collect();
    let mut sql: Vec<String> = names
        .iter()
        .zip(&expressions)
        .map(|(name, expression)| format!("CREATE STATISTICS {name} ON ({expression}) FROM {relation}"))
        .collect();
    sql.push(format!("ANALYZE {relation}"));
    sql.push(drop_index(&table.schema, &index.name, false));
    let mut undo_sql = context.restoration(table, index);
    undo_sql.extend(names.iter().map(|name| format!("DROP STATISTICS {name}")));
    let remedy = format!(
        "Drop it, {caution}; its statistics of {} shape estimates, so that CREATE STATISTICS has to keep them.",
        expressions.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ")
    );
    (Fix::Statements { sql, undo_sql }, remedy)
}

/// A name that depends on the index's alone and fits.
fn statistics_name(index: &str, number: usize) -> String {
    let suffix = if number == 1 { "_stat".to_owned() } else { format!("_stat{number}") };
    shortened(index, &suffix)
}

#[cfg(test)]
mod tests {
    use super::super::Replica;
    use super::super::fixture::{DAY_S, Fixture, foreign_key, index, never_scanned, owned, table};
    use super::*;
    use crate::catalog::IndexUsage;

    fn fixture(indexes: Vec<Index>) -> Fixture {
        let columns = ["id int8!", "a int8", "email text"];
        Fixture::new(vec![table("parent", &["id int8!"], vec![]), table("t", &columns, indexes)])
    }

    fn check_fixture(fixture: &Fixture, expected: &[(&str, bool)]) {
        let found = fixture.check(check);
        let said: Vec<(&str, bool)> =
            found.iter().map(|it| (it.finding.message.as_str(), it.finding.fix.is_some())).collect();
        assert_eq!(said, expected);
    }

    fn silent() -> Fixture {
        fixture(vec![never_scanned(index("x", &["a"]))])
    }

    #[test]
    fn speaks_of_what_nobody_scans() {
        check_fixture(&silent(), &[("x (30 MB) was not scanned in 30 days", true)]);
        assert_eq!(silent().check(check)[0].finding.severity, Severity::Medium);
        check_fixture(&fixture(vec![index("x", &["a"])]), &[]);
        let unknown = Index { usage: None, ..index("x", &["a"]) };
        check_fixture(&fixture(vec![unknown]), &[]);
    }

    /// Trap 13: young counters, and those of which nobody knows the age (a crash zeroes them).
    #[test]
    fn counters_must_be_old_enough() {
        let check_unproven = |fixture: &Fixture, expected: Option<&str>| {
            let subject = fixture.subject();
            let unproven = unproven(&Context::new(&subject, &fixture.options));
            assert_eq!(unproven.as_ref().map(|(_, reason)| reason.as_str()), expected);
            if let Some((indexes, _)) = unproven {
                let names: Vec<&str> = indexes.iter().map(|(_, index)| index.name.as_str()).collect();
                assert_eq!(names, ["x"]);
                check_fixture(fixture, &[]);
            }
        };
        let scanned = index("y", &["id"]);
        let same = never_scanned(index("z", &["id"]));
        let key = owned(never_scanned(index("t_pkey", &["id", "a"])));
        let mut fixture = fixture(vec![never_scanned(index("x", &["a"])), scanned, same, key]);
        check_unproven(&fixture, None);
        fixture.evidence.counted_s = Some(6.5 * DAY_S);
        check_unproven(&fixture, Some("the counters are only 6 days old"));
        fixture.options.min_counted_s = DAY_S;
        check_unproven(&fixture, None);
        check_fixture(&fixture, &[("x (30 MB) was not scanned in 6 days", true)]);
        fixture.options.min_counted_s = 7.0 * DAY_S;
        for (counted_s, age) in
            [(DAY_S, "1 day"), (7_300.0, "2 hours"), (3_599.0, "59 minutes"), (5.0, "5 seconds")]
        {
            fixture.evidence.counted_s = Some(counted_s);
            check_unproven(&fixture, Some(&format!("the counters are only {age} old")));
        }
        fixture.evidence.counted_s = None;
        check_unproven(&fixture, Some("nobody knows since when the counters count"));
    }

    /// Trap 14.
    #[test]
    fn replicas_count() {
        let mut fixture = silent();
        let oid = fixture.index_mut("x").oid;
        let replica = Replica {
            label: "r".into(),
            is_standby: true,
            counted_s: Some(9.0 * DAY_S),
            n_scans: vec![(oid, 0)],
        };
        fixture.evidence.replicas = vec![replica.clone()];
        check_fixture(&fixture, &[("x (30 MB) was not scanned in 9 days here and on 1 replica", true)]);
        fixture.evidence.replicas.push(Replica { counted_s: Some(DAY_S), ..replica.clone() });
        check_fixture(&fixture, &[]);
        fixture.evidence.replicas[1].counted_s = Some(8.0 * DAY_S);
        check_fixture(&fixture, &[("x (30 MB) was not scanned in 8 days here and on 2 replicas", true)]);
        fixture.evidence.replicas[1].n_scans = vec![(oid, 3)];
        check_fixture(&fixture, &[]);
    }

    /// However many standbys say that they do not scan an index, the primary may.
    #[test]
    fn standbys_prove_nothing_of_the_primary() {
        let mut fixture = silent();
        let oid = fixture.index_mut("x").oid;
        fixture.evidence.is_standby = true;
        let unseen = "alone: what the primary scans was not seen";
        let told = format!("x (30 MB) was not scanned, but the counters are those of a standby {unseen}");
        check_fixture(&fixture, &[(&told, false)]);
        let other = Replica {
            label: "r".into(),
            is_standby: true,
            counted_s: Some(30.0 * DAY_S),
            n_scans: vec![(oid, 0)],
        };
        fixture.evidence.replicas = vec![other.clone()];
        let told = format!(
            "x (30 MB) was not scanned here and on 1 replica, but the counters are those of 2 standbys {unseen}"
        );
        check_fixture(&fixture, &[(&told, false)]);
        fixture.evidence.replicas.push(Replica { is_standby: false, ..other });
        check_fixture(&fixture, &[("x (30 MB) was not scanned in 30 days here and on 2 replicas", true)]);
    }

    /// … nor does an old scan on a standby.
    #[test]
    fn old_scans_on_a_standby_prove_nothing() {
        let usage = IndexUsage { scanned_s_ago: Some(40.0 * DAY_S), ..index("x", &["a"]).usage.unwrap() };
        let mut fixture = fixture(vec![Index { usage: Some(usage), ..index("x", &["a"]) }]);
        fixture.evidence.is_standby = true;
        assert_eq!(fixture.check(check)[0].finding.fix, None);
    }

    /// Traps 15 and 22: checks of uniqueness are no scans.
    #[test]
    fn what_does_more_than_scans_stays() {
        let plain = || never_scanned(index("x", &["a"]));
        for index in [
            owned(plain()),
            Index { is_unique: true, ..plain() },
            Index { is_constraint: true, method: "gist".into(), ..plain() },
            Index { is_replica_identity: true, ..plain() },
            Index { is_clustered: true, ..plain() },
            Index { parent: Some(9), ..plain() },
            Index { is_valid: false, ..plain() },
        ] {
            check_fixture(&fixture(vec![index]), &[]);
        }
    }

    /// Traps 16 and 18: planning counts as a scan, and few scans can read much; the time of the last one tells.
    #[test]
    fn old_scans() {
        let scanned = |days: f64| {
            let usage = IndexUsage { scanned_s_ago: Some(days * DAY_S), ..index("x", &["a"]).usage.unwrap() };
            fixture(vec![Index { usage: Some(usage), ..index("x", &["a"]) }])
        };
        check_fixture(&scanned(34.0), &[]);
        let told = "x (30 MB) was last scanned 40 days ago (1,000 scans before that read 50,000 entries)";
        check_fixture(&scanned(40.0), &[(told, true)]);
        let mut fixture = scanned(40.0);
        let oid = fixture.index_mut("x").oid;
        fixture.evidence.replicas = vec![Replica { n_scans: vec![(oid, 1)], ..Replica::default() }];
        check_fixture(&fixture, &[]);
    }

    /// Trap 21: whether an index serves a foreign key is asked of that key.
    #[test]
    fn foreign_keys_need_one() {
        let with_key = |indexes: Vec<Index>| {
            let mut fixture = fixture(indexes);
            let mut tables = std::mem::take(&mut fixture.catalog.tables);
            tables[1].constraints.push(foreign_key("t_a_fk", &["a"], 1, &["id"]));
            Fixture::new(tables)
        };
        let told =
            "x (30 MB) was not scanned in 30 days, but it alone finds the rows of the foreign key t_a_fk";
        check_fixture(&with_key(vec![never_scanned(index("x", &["a"]))]), &[(told, false)]);
        let other = never_scanned(index("y", &["email"]));
        check_fixture(
            &with_key(vec![other, index("a", &["a"])]),
            &[("y (30 MB) was not scanned in 30 days", true)],
        );
        // Each of two may go, but not both.
        let two = vec![never_scanned(index("x", &["a", "id"])), never_scanned(index("y", &["a", "email"]))];
        let mut fixture = with_key(two);
        check_fixture(
            &fixture,
            &[("x (30 MB) was not scanned in 30 days", true), ("y (30 MB) was not scanned in 30 days", true)],
        );
        fixture.options.only = vec![RULE.parse().unwrap()];
        let fixed: Vec<bool> = fixture.findings().iter().map(|it| it.fix.is_some()).collect();
        assert_eq!(fixed, [true, false]);
    }

    /// Trap 19.
    #[test]
    fn keeps_statistics_of_expressions() {
        let mut expression = never_scanned(index("t_lower_idx", &["lower(email)"]));
        check_fixture(
            &fixture(vec![expression.clone()]),
            &[("t_lower_idx (30 MB) was not scanned in 30 days", true)],
        );
        expression.statistics = vec![("lower".into(), crate::catalog::ColumnStatistics::default())];
        let found = fixture(vec![expression]).check(check);
        let sql = [
            "CREATE STATISTICS public.t_lower_idx_stat ON (lower(email)) FROM public.t",
            "ANALYZE public.t",
            "DROP INDEX CONCURRENTLY public.t_lower_idx",
        ];
        let undo_sql = [
            "CREATE INDEX CONCURRENTLY t_lower_idx ON public.t USING btree (lower(email))",
            "ANALYZE public.t",
            "DROP STATISTICS public.t_lower_idx_stat",
        ];
        let owned = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(
            found[0].finding.fix,
            Some(Fix::Statements { sql: owned(&sql), undo_sql: owned(&undo_sql) })
        );
    }

    /// Trap 17 and case 053: of two that are the same one goes, of a narrow and a wide one the unused.
    #[test]
    fn leaves_duplicates_to_their_rule() {
        let two = vec![never_scanned(index("older", &["a"])), index("newer", &["a"])];
        check_fixture(&fixture(two), &[]);
        let pair = vec![index("narrow", &["a"]), never_scanned(index("wide", &["a", "id"]))];
        check_fixture(&fixture(pair), &[("wide (30 MB) was not scanned in 30 days", true)]);
        let pair = vec![never_scanned(index("narrow", &["a"])), index("wide", &["a", "id"])];
        let findings = fixture(pair).findings();
        let of_narrow: Vec<&str> =
            findings.iter().filter(|it| it.index.as_deref() == Some("narrow")).map(|it| it.rule).collect();
        assert_eq!(of_narrow, ["redundant-index"]);
        let Some(Fix::Change(Change::Drop { .. })) = findings[0].fix else { panic!("{findings:?}") };
    }
}
