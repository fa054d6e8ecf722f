//! Why counters are wrong, as far as the database tells.

use std::collections::BTreeSet;

use super::backfill::Key;
use super::name;
use super::site::{QualifiedName, Site};
use super::state::State;
use super::triggers::guard::all_guards;
use super::triggers::{self, guard};

/// A counter that is not what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drifted {
    pub(crate) key: Key,
    pub(crate) column: String,
    /// With what is pending; `None` was never counted.
    pub(crate) kept: Option<String>,
    pub(crate) counted: String,
}

/// What was looked up once a counter was found to be wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Of the keys that were found: what each table that holds children counts, by counter.
    pub(crate) by_leaf: Vec<LeafCount>,
    /// Statements of the application that write the columns, as `pg_stat_statements` has them.
    pub(crate) writers: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeafCount {
    /// With its schema.
    pub(crate) leaf: String,
    pub(crate) key: Key,
    pub(crate) column: String,
    pub(crate) counted: String,
}

/// A likely cause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Cause {
    #[error("they were not counted yet")]
    NotCounted,
    #[error("{0} lacks triggers: changes that name it are not seen")]
    NoTrigger(QualifiedName),
    #[error("triggers of {0} are disabled")]
    TriggerDisabled(QualifiedName),
    #[error("function {0} was changed")]
    FunctionChanged(QualifiedName),
    #[error(
        "the rows of {0} count once too little: it was attached with rows, or written to while it had no triggers"
    )]
    LeafNotCounted(String),
    #[error("{0} is no partition any more, but its triggers are still there")]
    Detached(QualifiedName),
    #[error("they count twice, and nothing watches over updates of the parent's key")]
    KeyUpdate,
    #[error("the application writes the column: {0}")]
    Overwritten(String),
    #[error("column {0} has no default: new parents are not counted")]
    NoDefault(String),
    #[error("unknown; changes with session_replication_role = replica fire no triggers, for one")]
    Unknown,
}

impl Cause {
    /// Whether changes go on to be missed until the triggers are made right.
    pub(crate) fn lasts(&self) -> bool {
        matches!(
            self,
            Self::NoTrigger(_)
                | Self::TriggerDisabled(_)
                | Self::FunctionChanged(_)
                | Self::KeyUpdate
                | Self::NoDefault(_)
        )
    }
}

/// Returns the likely causes with how many of the counters found each explains, the surest first. What the catalog shows may
/// explain any of them; of the rest each has one cause.
pub(crate) fn causes(
    drifted: &[Drifted],
    site: &Site,
    state: &State,
    evidence: &Evidence,
) -> Vec<(Cause, usize)> {
    if drifted.is_empty() {
        return Vec::new();
    }
    let counted_ones: Vec<&Drifted> = drifted.iter().filter(|it| it.kept.is_some()).collect();
    let uncounted: BTreeSet<&str> =
        drifted.iter().filter(|it| it.kept.is_none()).map(|it| it.column.as_str()).collect();
    let mut causes = Vec::new();
    if !uncounted.is_empty() {
        let n = drifted.len() - counted_ones.len();
        let lacks_default = |column: &&&str| {
            let table = state.table(&site.parent);
            table.and_then(|table| table.column(column)).is_some_and(|column| column.default.is_none())
        };
        let without_default = uncounted.iter().find(lacks_default).filter(|_| !site.is_side());
        causes.push((
            without_default.map_or(Cause::NotCounted, |column| Cause::NoDefault((*column).to_owned())),
            n,
        ));
    }
    let seen = seen_in_catalog(site, state);
    let has_key_guard = has_key_guard(site, state);
    let mut single: Vec<Cause> = Vec::new();
    for it in &counted_ones {
        if let Some(cause) = leaf_cause(it, evidence) {
            single.push(cause);
        } else if !has_key_guard && is_double(it) {
            single.push(Cause::KeyUpdate);
        }
    }
    let n_explained = single.len();
    single.sort();
    for group in single.chunk_by(|a, b| a == b) {
        causes.push((group[0].clone(), group.len()));
    }
    let n_left = counted_ones.len() - n_explained;
    let n_seen = seen.len();
    causes.extend(seen.into_iter().map(|cause| (cause, n_left)));
    if n_left > 0 && !evidence.writers.is_empty() {
        causes.extend(evidence.writers.iter().map(|writer| (Cause::Overwritten(writer.clone()), n_left)));
    } else if n_left > 0 && n_seen == 0 {
        causes.push((Cause::Unknown, n_left));
    }
    causes
}

/// What is not as it was made.
fn seen_in_catalog(site: &Site, state: &State) -> Vec<Cause> {
    let mut causes = Vec::new();
    let function = name::function(site);
    if let Some(child) = state.table(&site.child) {
        let strangers = state.strangers(site);
        causes.extend(strangers.into_iter().map(|table| Cause::Detached(table.name.clone())));
        for table in state.tree(child) {
            let wanted = triggers::triggers(site, &table.name);
            let there: Vec<_> = wanted.iter().filter_map(|trigger| table.trigger(&trigger.name)).collect();
            if there.len() < wanted.len() || there.iter().any(|trigger| trigger.function != function) {
                causes.push(Cause::NoTrigger(table.name.clone()));
            } else if there.iter().any(|trigger| !trigger.is_enabled) {
                causes.push(Cause::TriggerDisabled(table.name.clone()));
            }
        }
    }
    if state.function(&function).is_some_and(|there| !there.is_current(&triggers::body(site))) {
        causes.push(Cause::FunctionChanged(function));
    }
    causes
}

fn has_key_guard(site: &Site, state: &State) -> bool {
    let Some(parent) = state.table(&site.parent) else { return false };
    let key: Vec<guard::Guard> = all_guards(site).into_iter().take(1).collect();
    key.iter()
        .flat_map(|guard| &guard.triggers)
        .all(|wanted| parent.trigger(&wanted.name).is_some_and(|trigger| trigger.is_enabled))
}

/// Whether one table's rows make the difference.
fn leaf_cause(it: &Drifted, evidence: &Evidence) -> Option<Cause> {
    let difference = number(it.kept.as_deref()?)? - number(&it.counted)?;
    let leaves = evidence.by_leaf.iter().filter(|leaf| leaf.key == it.key && leaf.column == it.column);
    let mut leaves: Vec<&LeafCount> = leaves.collect();
    // Where one table holds all children, it says nothing that the counter does not.
    if leaves.len() < 2 {
        return None;
    }
    leaves.retain(|leaf| number(&leaf.counted).is_some_and(|n| n != 0 && difference.abs() == n));
    match leaves.as_slice() {
        [leaf] if difference < 0 => Some(Cause::LeafNotCounted(leaf.leaf.clone())),
        _ => None,
    }
}

/// An update of the key adds the children again.
fn is_double(it: &Drifted) -> bool {
    let counted = number(&it.counted).filter(|n| *n != 0);
    counted.is_some_and(|n| it.kept.as_deref().and_then(number) == n.checked_mul(2))
}

/// Reads a count. The sums of `numeric` may have digits after the point; they are compared where they have none.
fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture::{self, leads_state};
    use crate::counter::state::{FunctionState, Kind, TableState, TriggerState};

    fn drifted(key: &str, kept: Option<&str>, counted: &str) -> Drifted {
        Drifted {
            key: vec![key.to_owned()],
            column: "mentions_count".to_owned(),
            kept: kept.map(str::to_owned),
            counted: counted.to_owned(),
        }
    }

    fn leaf(name: &str, key: &str, counted: &str) -> LeafCount {
        LeafCount {
            leaf: name.to_owned(),
            key: vec![key.to_owned()],
            column: "mentions_count".to_owned(),
            counted: counted.to_owned(),
        }
    }

    /// A partitioned child whose counter is kept as it should be.
    fn whole() -> State {
        let site = fixture::mentions();
        let mut state = leads_state();
        state.tables[2].kind = Kind::Partitioned;
        for (oid, name) in [(7, "mentions_1"), (8, "mentions_2")] {
            let name = QualifiedName::new("app", name);
            state.tables.push(TableState { oid, name, parents: vec![3], ..TableState::default() });
        }
        let function = name::function(&site);
        for table in state.tables.iter_mut().filter(|table| table.name.name.starts_with("mentions")) {
            let triggers = triggers::triggers(&site, &table.name).into_iter();
            table.triggers = triggers.map(|trigger| there(&trigger.name, &function)).collect();
        }
        let mut column = fixture::column("mentions_count", "bigint");
        column.default = Some("0".to_owned());
        state.tables[1].columns.push(column);
        let guard = &all_guards(&site)[0];
        state.tables[1].triggers = vec![there(&guard.triggers[0].name, &guard.function)];
        state.functions.push(FunctionState {
            name: function,
            body: triggers::body(&site),
            is_security_definer: true,
            config: vec!["search_path=pg_catalog, pg_temp".to_owned()],
        });
        state
    }

    fn there(name: &str, function: &QualifiedName) -> TriggerState {
        let (name, function) = (name.to_owned(), function.clone());
        TriggerState { name, function, is_enabled: true, fires_for_updated_rows: false }
    }

    fn check(found: &[Drifted], change: fn(&mut State), evidence: &Evidence, expected: &[(&str, usize)]) {
        let mut state = whole();
        change(&mut state);
        let causes = causes(found, &fixture::mentions(), &state, evidence);
        let causes: Vec<(String, usize)> =
            causes.into_iter().map(|(cause, n)| (cause.to_string(), n)).collect();
        let expected: Vec<(String, usize)> =
            expected.iter().map(|(text, n)| ((*text).to_owned(), *n)).collect();
        assert_eq!(causes, expected);
    }

    #[test]
    fn what_the_catalog_shows_is_the_cause() {
        let none = Evidence::default();
        let found = [drifted("1", Some("3"), "4")];
        check(&[], |state| state.tables.clear(), &none, &[]);
        check(
            &found,
            |_| {},
            &none,
            &[("unknown; changes with session_replication_role = replica fire no triggers, for one", 1)],
        );
        check(
            &found,
            |state| _ = state.tables[4].triggers.pop(),
            &none,
            &[("app.mentions_1 lacks triggers: changes that name it are not seen", 1)],
        );
        check(
            &found,
            |state| state.tables[2].triggers[0].is_enabled = false,
            &none,
            &[("triggers of app.mentions are disabled", 1)],
        );
        check(
            &found,
            |state| state.functions[0].body.push('x'),
            &none,
            &[("function app.perfkit_count_mentions_keyword_id was changed", 1)],
        );
        check(
            &found,
            |state| state.tables[5].parents.clear(),
            &none,
            &[("app.mentions_2 is no partition any more, but its triggers are still there", 1)],
        );
    }

    #[test]
    fn what_was_never_counted_is_told_apart() {
        let found = [drifted("1", None, "4"), drifted("2", None, "0")];
        check(&found, |_| {}, &Evidence::default(), &[("they were not counted yet", 2)]);
        check(
            &found,
            |state| state.tables[1].columns.last_mut().unwrap().default = None,
            &Evidence::default(),
            &[("column mentions_count has no default: new parents are not counted", 2)],
        );
    }

    #[test]
    fn numbers_tell_the_rest() {
        let evidence = Evidence {
            by_leaf: vec![
                leaf("app.mentions_1", "1", "3"),
                leaf("app.mentions_2", "1", "2"),
                leaf("app.mentions_1", "2", "5"),
            ],
            writers: Vec::new(),
        };
        // 3 of 5: the two rows of one table are missing; 0 of 5 says nothing where one table has them all.
        let found = [drifted("1", Some("3"), "5"), drifted("2", Some("10"), "5")];
        let unknown = "unknown; changes with session_replication_role = replica fire no triggers, for one";
        let leaf_cause = "the rows of app.mentions_2 count once too little: it was attached with rows, or written to while it had \
                          no triggers";
        check(&found, |_| {}, &evidence, &[(leaf_cause, 1), (unknown, 1)]);
        check(
            &found,
            |state| state.tables[1].triggers.clear(),
            &evidence,
            &[(leaf_cause, 1), ("they count twice, and nothing watches over updates of the parent's key", 1)],
        );
        let writes =
            Evidence { writers: vec!["UPDATE keywords SET mentions_count = $1".to_owned()], ..evidence };
        let overwritten = "the application writes the column: UPDATE keywords SET mentions_count = $1";
        check(&found, |_| {}, &writes, &[(leaf_cause, 1), (overwritten, 1)]);
    }
}
