//! Partial indexes: conditions that are the same each time, and the predicates that a table's indexes have already.

use std::collections::{BTreeMap, BTreeSet};

use super::btree::{self, Keys};
use super::demand::Demand;
use super::indexable;
use super::statistics;
use super::{Motive, without_repeats};
use crate::index::{Definition, Key, Predicate};
use crate::query::condition::conjuncts;
use crate::query::words::{Sort, lexemes, unquoted};
use crate::query::{Condition, Operand, Test, same_expression};

/// Statements that must have a condition for it to count as one that the workload repeats.
const MIN_REPEATS: usize = 2;
/// Number of different values up to which a column is taken for a state rather than a measure.
const MAX_STATES: f64 = 12.0;
/// The same for a constant that several statements repeat: of more values, it is more likely an example than a rule.
const MAX_REPEATED_STATES: f64 = 100.0;
/// Share of the rows that a state's index may have at most: beyond it, it is hardly smaller than a full one.
const MAX_STATE_SHARE: f64 = 0.5;
/// The same for any other predicate, whose rows a statement may want nearly all of.
const MAX_SHARE: f64 = 0.9;
/// How many predicates, and how many key lists each, one use of a table gets.
const MAX_PREDICATES: usize = 6;
const MAX_LISTS: usize = 8;

/// How many statements have each fixed condition of a table.
pub(super) type Repeats = BTreeMap<String, usize>;

/// Counts the statements that have a fixed condition, by its text.
pub(super) fn repeats(demands: &[Demand]) -> Repeats {
    let found: BTreeSet<(usize, &str)> = demands
        .iter()
        .flat_map(|demand| {
            let fixed = demand.conditions.iter().filter_map(|condition| condition.fixed.as_deref());
            fixed.map(|fixed| (demand.statement, fixed))
        })
        .collect();
    let mut repeats = Repeats::new();
    for (_, fixed) in found {
        *repeats.entry(fixed.to_owned()).or_default() += 1;
    }
    repeats
}

/// A predicate, and the operands of which it leaves nothing to search or sort by.
struct Cut {
    predicate: Predicate,
    settled: BTreeSet<Operand>,
}

/// Returns indexes on the rows alone that one use of a table wants.
pub(super) fn definitions(
    demand: &Demand,
    lists: &[Keys],
    repeats: &Repeats,
    max_columns: usize,
) -> Vec<Definition> {
    let mut found = Vec::new();
    for cut in cuts(demand, repeats) {
        let mut keys: Vec<Vec<Key>> = Vec::new();
        let natural = lists.iter().filter(|(motive, _)| *motive == Motive::Natural);
        for (_, list) in natural {
            let rest: Vec<Key> =
                list.iter().filter(|key| !cut.settled.contains(&key.operand)).cloned().collect();
            if !rest.is_empty() && !keys.contains(&rest) {
                keys.push(rest);
            }
        }
        keys.truncate(MAX_LISTS);
        if keys.is_empty() {
            keys.extend(keys_for_nothing_else(demand, max_columns));
        }
        let table = demand.table;
        found.extend(keys.into_iter().map(|keys| Definition {
            predicate: Some(cut.predicate.clone()),
            ..Definition::btree(&table.schema, &table.name, keys)
        }));
    }
    found
}

/// Returns keys for a predicate that selects the rows alone: what they are sorted by, else the primary key, which many
/// statements read.
fn keys_for_nothing_else(demand: &Demand, max_columns: usize) -> Option<Vec<Key>> {
    let sort = btree::sorts(demand).into_iter().map(|(_, sort)| sort).next();
    let primary_key = || {
        demand
            .table
            .primary_key()
            .map(|key| key.columns.iter().map(|column| Key::ascending(column)).collect())
    };
    let mut keys: Vec<Key> = without_repeats(sort.or_else(primary_key)?);
    keys.truncate(max_columns);
    Some(keys).filter(|keys| !keys.is_empty())
}

/// Returns the predicates that one use of a table implies: what it says of one operand, pairs of that, those of existing
/// indexes.
fn cuts(demand: &Demand, repeats: &Repeats) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    let null_tests = demand.conditions.iter().filter_map(|condition| of_null_test(demand, condition));
    let operands: BTreeSet<&Operand> = demand.conditions.iter().map(|condition| &condition.operand).collect();
    for cut in
        null_tests.chain(operands.into_iter().filter_map(|operand| of_constants(demand, operand, repeats)))
    {
        if !cuts.iter().any(|known| known.predicate == cut.predicate) {
            cuts.push(cut);
        }
    }
    cuts.sort_by(|a, b| a.predicate.cmp(&b.predicate));
    let mut pairs = Vec::new();
    for (at, first) in cuts.iter().enumerate() {
        for second in &cuts[at + 1..] {
            pairs.push(Cut {
                predicate: Predicate::all(&[&first.predicate, &second.predicate]),
                settled: first.settled.union(&second.settled).cloned().collect(),
            });
        }
    }
    cuts.extend(existing(demand));
    cuts.extend(pairs);
    cuts.truncate(MAX_PREDICATES);
    cuts
}

/// Returns the predicate that a test for NULL could be.
fn of_null_test(demand: &Demand, condition: &Condition) -> Option<Cut> {
    let is_null = match condition.test {
        Test::IsNull => true,
        Test::IsNotNull => false,
        _ => return None,
    };
    let Operand::Column(name) = &condition.operand else { return None };
    let column = demand.table.column(name).filter(|column| !column.is_virtual)?;
    // A test that all rows pass, or that no row can, makes no smaller index.
    let is_useful =
        !column.not_null && statistics::share(condition, demand.table).is_none_or(|share| share <= MAX_SHARE);
    is_useful.then(|| Cut {
        predicate: Predicate::null_test(name, is_null),
        settled: is_null.then(|| condition.operand.clone()).into_iter().collect(),
    })
}

/// Returns the predicate that all comparisons of an operand with constants could be, when they are fixed enough and
/// leave out enough rows.
fn of_constants(demand: &Demand, operand: &Operand, repeats: &Repeats) -> Option<Cut> {
    let table = demand.table;
    if !indexable::can_be_indexed(operand, table) {
        return None;
    }
    let is_comparison = |condition: &&&Condition| {
        condition.operand == *operand && !matches!(condition.test, Test::IsNull | Test::IsNotNull)
    };
    let all: Vec<&&Condition> = demand.conditions.iter().filter(is_comparison).collect();
    let fixed: BTreeSet<&String> = all.iter().filter_map(|condition| condition.fixed.as_ref()).collect();
    let share = match all.as_slice() {
        [condition] => statistics::share(condition, table),
        _ => None,
    };
    let has_states = |n: f64| match operand {
        Operand::Column(name) => table.column(name).is_some_and(|column| {
            column.base_type == "bool"
                || column.statistics().is_some() && column.distinct(table.planned_rows()) <= n
        }),
        Operand::Expression { .. } => false,
    };
    let is_state = has_states(MAX_STATES);
    let are_repeated = has_states(MAX_REPEATED_STATES)
        && fixed.iter().all(|sql| repeats.get(*sql).is_some_and(|n| *n >= MIN_REPEATS));
    let is_useful = is_state && share.is_some_and(|share| share <= MAX_STATE_SHARE)
        || (demand.has_placeholders || are_repeated) && share.is_none_or(|share| share <= MAX_SHARE);
    if fixed.is_empty() || !is_useful {
        return None;
    }
    let parts: Vec<Predicate> = fixed
        .iter()
        .map(|sql| Predicate { sql: (*sql).clone(), columns: operand.columns().to_vec() })
        .collect();
    let is_one_value = all.iter().any(|condition| condition.test == Test::Equal && condition.fixed.is_some());
    let is_sorted = demand.orders.iter().flat_map(|order| &order.items).any(|item| item.operand == *operand)
        || demand.groups.iter().flatten().any(|grouped| grouped == operand);
    let is_settled = is_one_value || all.iter().all(|condition| condition.fixed.is_some()) && !is_sorted;
    Some(Cut {
        predicate: Predicate::all(&parts.iter().collect::<Vec<_>>()),
        settled: is_settled.then(|| operand.clone()).into_iter().collect(),
    })
}

/// Returns the predicates of the table's partial indexes that the conditions imply.
fn existing(demand: &Demand) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    let partial = demand.table.indexes.iter().filter_map(|index| index.predicate.as_deref());
    for sql in partial {
        let parts = conjuncts(sql);
        if !parts.iter().all(|part| is_implied(demand, part)) {
            continue;
        }
        let predicate = Predicate { sql: bare(sql, &parts), columns: columns(sql, demand) };
        let is_settled = |condition: &&&Condition| {
            let says_so = |fixed: &String| parts.iter().any(|part| same_expression(fixed, part));
            matches!(condition.test, Test::Equal | Test::IsNull)
                && (condition.fixed.as_ref().is_some_and(says_so)
                    || null_test(condition).is_some_and(|test| says_so(&test)))
        };
        let settled = demand.conditions.iter().filter(is_settled).map(|condition| condition.operand.clone());
        cuts.push(Cut { predicate, settled: settled.collect() });
    }
    cuts.dedup_by(|a, b| a.predicate == b.predicate);
    cuts
}

/// Whether one of the conditions says what a predicate does, or, of `IS NOT NULL`, holds for no NULL.
fn is_implied(demand: &Demand, part: &str) -> bool {
    let is_said = demand.conditions.iter().any(|condition| {
        let says_so = |text: &String| same_expression(text, part);
        condition.fixed.as_ref().is_some_and(says_so) || null_test(condition).as_ref().is_some_and(says_so)
    });
    let strict = demand.conditions.iter().filter(|condition| is_strict(condition.test));
    let mut not_null = strict.map(|condition| &condition.operand).chain(demand.joins.iter().copied());
    is_said
        || not_null.any(|operand| {
            matches!(operand, Operand::Column(name) if same_expression(&Predicate::null_test(name, false).sql, part))
        })
}

/// Whether a comparison of this kind is never true of NULL.
fn is_strict(test: Test) -> bool {
    !matches!(test, Test::IsNull | Test::Other)
}

fn null_test(condition: &Condition) -> Option<String> {
    match (&condition.operand, condition.test) {
        (Operand::Column(name), Test::IsNull) => Some(Predicate::null_test(name, true).sql),
        (Operand::Column(name), Test::IsNotNull) => Some(Predicate::null_test(name, false).sql),
        _ => None,
    }
}

/// Returns a predicate without parentheses around the whole.
fn bare(sql: &str, parts: &[&str]) -> String {
    match parts {
        [part] => (*part).to_owned(),
        _ => sql.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(sql).to_owned(),
    }
}

/// Returns the table's columns that an expression names.
fn columns(sql: &str, demand: &Demand) -> Vec<String> {
    let lexemes = lexemes(sql);
    let words = lexemes.iter().filter(|lexeme| matches!(lexeme.sort, Sort::Word | Sort::QuotedWord));
    let names: BTreeSet<String> = words.map(|lexeme| unquoted(lexeme.text)).collect();
    names.into_iter().filter(|name| demand.table.column(name).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Uses, check, found, on, statement};
    use crate::catalog::{Catalog, ColumnStatistics, Constraint};
    use crate::query::{ParameterUse, Test};

    fn catalog() -> Catalog {
        let mut catalog = fixture::catalog(&[(
            "jobs",
            &[
                "id int8!",
                "user_id int8!",
                "run_at timestamptz!",
                "done_at timestamptz",
                "state text",
                "hidden bool",
            ],
        )]);
        let states = ColumnStatistics {
            n_distinct: 3.0,
            most_common_vals: Some("{done,\"to do\",failed}".into()),
            most_common_freqs: Some(vec![0.9, 0.07, 0.03]),
            ..ColumnStatistics::default()
        };
        fixture::statistics(&mut catalog, "state", &states);
        let flags = ColumnStatistics {
            n_distinct: 2.0,
            most_common_vals: Some("{f,t}".into()),
            most_common_freqs: Some(vec![0.99, 0.01]),
            ..ColumnStatistics::default()
        };
        fixture::statistics(&mut catalog, "hidden", &flags);
        catalog
    }

    #[test]
    fn where_nullness_is_tested() {
        check(
            &catalog(),
            on("jobs").test("user_id", Test::Equal).test("done_at", Test::IsNull),
            &["(user_id) WHERE done_at IS NULL", "(user_id, done_at)"],
        );
        check(
            &catalog(),
            on("jobs").test("done_at", Test::IsNotNull).order(&["run_at"]),
            &["(run_at) WHERE done_at IS NOT NULL"],
        );
        check(
            &catalog(),
            on("jobs").test("user_id", Test::Equal).test("run_at", Test::IsNull),
            &["!(user_id) WHERE run_at IS NULL"],
        );
    }

    #[test]
    fn where_a_rare_state_is_wanted() {
        let wanted = |state: &str| {
            on("jobs").fixed("state", Test::Equal, &format!("state = '{state}'")).order(&["run_at"])
        };
        check(&catalog(), wanted("failed"), &["(run_at) WHERE state = 'failed'", "(state, run_at)"]);
        check(&catalog(), wanted("to do"), &["(run_at) WHERE state = 'to do'"]);
        check(&catalog(), wanted("done"), &["!(run_at) WHERE state = 'done'"]);
        let unlike = on("jobs").fixed("state", Test::NotEqual, "state <> 'done'").order(&["run_at"]);
        check(&catalog(), unlike, &["(run_at) WHERE state <> 'done'"]);
        let listed = on("jobs").fixed("state", Test::In, "state IN ('to do', 'failed')").order(&["run_at"]);
        check(&catalog(), listed, &["(run_at) WHERE state IN ('to do', 'failed')"]);
        let flagged = |sql: &str| on("jobs").fixed("hidden", Test::Equal, sql).order(&["run_at"]);
        check(&catalog(), flagged("hidden"), &["(run_at) WHERE hidden"]);
        check(&catalog(), flagged("hidden IS TRUE"), &["(run_at) WHERE hidden IS TRUE"]);
        check(&catalog(), flagged("NOT hidden"), &["!(run_at) WHERE NOT hidden"]);
    }

    #[test]
    fn where_a_constant_is_really_fixed() {
        let wanted =
            || on("jobs").test("user_id", Test::Equal).fixed("run_at", Test::Range, "run_at > '2024-01-01'");
        let partial = "jobs (user_id) WHERE run_at > '2024-01-01'".to_owned();
        assert!(!found(&[statement([wanted()])], &catalog(), 3).contains(&partial));
        // A moment is an example, however often it comes.
        assert!(!found(&[statement([wanted()]), statement([wanted()])], &catalog(), 3).contains(&partial));
        let mut prepared = statement([wanted()]);
        prepared.parameters.push(ParameterUse::Limit { number: 1 });
        assert!(found(&[prepared], &catalog(), 3).contains(&partial));
    }

    #[test]
    fn with_the_columns_that_are_read() {
        check(
            &catalog(),
            on("jobs")
                .fixed("state", Test::Equal, "state = 'failed'")
                .order(&["run_at"])
                .read(&["id", "run_at", "state"]),
            &["(run_at) INCLUDE (id, state) WHERE state = 'failed'"],
        );
    }

    #[test]
    fn both_ends_of_a_range() {
        let wanted = || {
            let mut prepared = statement([on("jobs")
                .test("user_id", Test::Equal)
                .fixed("run_at", Test::Range, "run_at >= '2024-01-01'")
                .fixed("run_at", Test::Range, "run_at < '2025-01-01'")]);
            prepared.parameters.push(ParameterUse::Limit { number: 1 });
            prepared
        };
        let found = found(&[wanted(), wanted()], &catalog(), 3);
        let partial: Vec<&String> = found.iter().filter(|found| found.contains("WHERE")).collect();
        assert_eq!(partial, ["jobs (user_id) WHERE run_at < '2025-01-01' AND run_at >= '2024-01-01'"]);
    }

    #[test]
    fn two_conditions_at_once() {
        check(
            &catalog(),
            on("jobs")
                .fixed("state", Test::Equal, "state = 'failed'")
                .fixed("done_at", Test::IsNull, "done_at IS NULL")
                .order(&["run_at"]),
            &["(run_at) WHERE done_at IS NULL AND state = 'failed'"],
        );
    }

    #[test]
    fn predicates_that_are_there() {
        let mut catalog = catalog();
        catalog.tables[0].indexes.push(fixture::index(&["id"], Some("(state = 'done'::text)")));
        catalog.tables[0].indexes.push(fixture::index(&["id"], Some("(done_at IS NOT NULL)")));
        let both = "((done_at IS NULL) AND (user_id > 5))";
        catalog.tables[0].indexes.push(fixture::index(&["id"], Some(both)));
        check(
            &catalog,
            on("jobs").fixed("state", Test::Equal, "state = 'done'").order(&["run_at"]),
            &["(run_at) WHERE state = 'done'::text", "!(run_at) WHERE done_at IS NOT NULL"],
        );
        check(
            &catalog,
            on("jobs").test("done_at", Test::Range).order(&["run_at"]),
            &["(run_at) WHERE done_at IS NOT NULL"],
        );
        check(
            &catalog,
            on("jobs").test("done_at", Test::IsNull).fixed("user_id", Test::Range, "user_id > 5"),
            &["(user_id) WHERE (done_at IS NULL) AND (user_id > 5)"],
        );
    }

    #[test]
    fn a_predicate_alone_gets_the_primary_key() {
        let mut catalog = catalog();
        let key = Constraint { kind: 'p', columns: vec!["id".into()], ..Constraint::default() };
        catalog.tables[0].constraints.push(key);
        check(&catalog, on("jobs").test("done_at", Test::IsNull), &["(id) WHERE done_at IS NULL"]);
    }
}
