//! Tests of [`super`]: whole runs, undone on paper.

use super::super::journal::{FORMAT, Run, Wanted};
use super::super::restore::{Table, TableName};
use super::*;
use crate::run_id::RunId;

fn name(table: &str, name: &str) -> IndexName {
    IndexName { schema: "s".to_owned(), table: table.to_owned(), name: name.to_owned() }
}

/// A valid index of a column `a`; `only` for that of a partitioned table.
fn record(index: &IndexName, only: bool) -> Record {
    let on = if only { "ONLY " } else { "" };
    Record {
        index: index.clone(),
        definition: format!("CREATE INDEX {} ON {on}s.{} USING btree (a)", index.name, index.table),
        method: "btree".to_owned(),
        columns: vec!["a".to_owned()],
        has_expressions: false,
        tablespace: None,
        comment: None,
        statistics_targets: Vec::new(),
        is_clustered: false,
        is_replica_identity: false,
        is_valid: true,
        is_ready: true,
        is_live: true,
        constraint: None,
        foreign_keys: Vec::new(),
        parent: None,
        is_partitioned: only,
        partitions: Vec::new(),
    }
}

fn table(table: &str, parent: Option<&str>) -> Table {
    let name = |name: &str| TableName { schema: "s".to_owned(), name: name.to_owned() };
    Table {
        name: name(table),
        columns: vec!["a".to_owned()],
        is_partitioned: false,
        parent: parent.map(name),
        clustered_by: None,
        has_lost_identity: false,
        foreign_keys: Vec::new(),
        invalid_indexes: Vec::new(),
    }
}

fn step(action: Action, index: &IndexName, state: StepState) -> Step {
    Step { state, ..Step::planned(0, action, index.clone(), Vec::new()) }
}

fn created(index: &IndexName) -> Step {
    let sql = vec![format!("CREATE INDEX CONCURRENTLY {} ON s.{} (a)", index.name, index.table)];
    Step { sql, ..step(Action::Create, index, StepState::Done) }
}

fn history(steps: Vec<Step>) -> History {
    let steps = steps.into_iter().zip(0..).map(|(step, ordinal)| Step { ordinal, ..step }).collect();
    let run = Run::of_test("2", FORMAT, Wanted::default());
    History { run, steps }
}

#[track_caller]
fn check(steps: Vec<Step>, now: &State, expected: &[&str]) {
    let lines: Vec<String> = undo(&history(steps), now)
        .into_iter()
        .flat_map(|undoing| match undoing.remedy {
            Remedy::Nothing => Vec::new(),
            Remedy::Statements(statements) => statements.into_iter().map(|it| it.sql).collect(),
            Remedy::Impossible(reason) => vec![format!("{}: {reason}", undoing.index.name)],
        })
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn steps_are_undone_backwards() {
    let (old, new) = (name("t", "old"), name("t", "new"));
    let dropped = Step { before: Some(record(&old, false)), ..step(Action::Drop, &old, StepState::Done) };
    let steps = vec![created(&new), step(Action::Analyze, &new, StepState::Done), dropped];
    let mut now = State { tables: vec![table("t", None)], indexes: vec![record(&new, false)] };
    let back = "CREATE INDEX CONCURRENTLY old ON s.t USING btree (a)";
    check(steps.clone(), &now, &[back, "DROP INDEX CONCURRENTLY IF EXISTS s.new"]);
    // An undo that was cut short.
    now.indexes = vec![record(&old, false), record(&new, false)];
    check(steps.clone(), &now, &["DROP INDEX CONCURRENTLY IF EXISTS s.new"]);
    now.indexes = vec![Record { is_valid: false, ..record(&old, false) }];
    check(steps.clone(), &now, &["REINDEX INDEX CONCURRENTLY s.old"]);
    now.indexes = vec![Record { is_valid: false, is_live: false, ..record(&old, false) }];
    check(steps.clone(), &now, &["DROP INDEX CONCURRENTLY IF EXISTS s.old", back]);
    now.indexes = vec![record(&old, false)];
    check(steps.clone(), &now, &[]);
    now.tables.clear();
    check(steps, &now, &["old: table s.t is gone"]);
}

#[test]
fn some_indexes_of_a_run_are_undone_alone() {
    let (old, new, other) = (name("t", "old"), name("t", "new"), name("t", "other"));
    let dropped = Step { before: Some(record(&old, false)), ..step(Action::Drop, &old, StepState::Done) };
    let whole = history(vec![created(&new), created(&other), dropped]);
    let now =
        State { tables: vec![table("t", None)], indexes: vec![record(&new, false), record(&other, false)] };
    let found = |indexes: &[IndexName]| -> Vec<(u32, String)> {
        let undoings = undo(&only(&whole, indexes), &now);
        undoings.into_iter().map(|undoing| (undoing.ordinal, undoing.index.name)).collect()
    };
    assert_eq!(found(&[]), []);
    assert_eq!(found(std::slice::from_ref(&other)), [(1, "other".to_owned())]);
    assert_eq!(found(&[new, old]), [(2, "old".to_owned()), (0, "new".to_owned())]);
}

/// As an undo after a proof leaves it that was killed: the rest of the run was to stay.
#[test]
fn an_undo_that_was_cut_short_takes_back_no_more_than_it_was_to() {
    use StepState::{Done, Undoing, Undone};
    let (a, b, c) = (name("t", "a"), name("t", "b"), name("t", "c"));
    let numbered = |ordinal, state, index| Step { ordinal, state, ..created(index) };
    let of = |states: [StepState; 3]| {
        let steps = states.into_iter().zip([&a, &b, &c]).zip(0..);
        history(steps.map(|((state, index), ordinal)| numbered(ordinal, state, index)).collect())
    };
    let left = |states| cut_short(&of(states)).map(|left| left.steps.iter().map(|it| it.ordinal).collect());
    assert_eq!(left([Done, Undoing, Undone]), Some(vec![1]));
    assert_eq!(left([Undoing, Undoing, Undoing]), Some(vec![0, 1, 2]));
    assert_eq!(left([Done, Undone, Undone]), None);
    assert_eq!(left([Done, Done, Done]), None);
}

#[test]
fn steps_that_did_nothing_are_left_out() {
    let new = name("t", "new");
    let now = State { tables: vec![table("t", None)], indexes: vec![record(&new, false)] };
    for state in [StepState::Planned, StepState::Skipped, StepState::Undone] {
        check(vec![Step { state, ..created(&new) }], &now, &[]);
    }
}

#[test]
fn only_what_the_run_has_created_is_dropped() {
    let new = name("t", "new");
    let is = |change: fn(&mut Record), expected: &[&str]| {
        let mut existing = record(&new, false);
        change(&mut existing);
        let now = State { tables: vec![table("t", None)], indexes: vec![existing] };
        check(vec![created(&new)], &now, expected);
    };
    let drop = "DROP INDEX CONCURRENTLY IF EXISTS s.new";
    is(|_| {}, &[drop]);
    is(|it| it.comment = Some("mine".to_owned()), &[drop]);
    let other = "new: it is not what the run has created any more: CREATE INDEX new ON s.t USING btree (b)";
    is(|it| it.definition = "CREATE INDEX new ON s.t USING btree (b)".to_owned(), &[other]);
    is(|it| it.is_replica_identity = true, &["new: it is the table's replica identity now"]);
    is(
        |it| it.parent = Some(name("p", "whole")),
        &["new: it belongs to index s.whole now, which the run has not created"],
    );
    // What was written down when it was done counts before what was asked for.
    let after = Some(Record {
        definition: "CREATE INDEX new ON s.t USING hash (a)".to_owned(),
        ..record(&new, false)
    });
    let now = State { tables: vec![table("t", None)], indexes: vec![record(&new, false)] };
    let left = "new: it is not what the run has created any more: CREATE INDEX new ON s.t USING btree (a)";
    check(vec![Step { after, ..created(&new) }], &now, &[left]);
}

#[test]
fn partitions_go_with_the_whole_and_what_was_there_before_comes_back() {
    let (whole, made, mine) = (name("p", "whole"), name("p1", "made"), name("p2", "mine"));
    let attach = |index: &IndexName| {
        let before = Some(record(index, false));
        Step { before, ..step(Action::Attach { to: whole.clone() }, index, StepState::Done) }
    };
    let on_parent = Step { sql: vec!["CREATE INDEX whole ON ONLY s.p (a)".to_owned()], ..created(&whole) };
    let steps = vec![created(&made), on_parent, attach(&made), attach(&mine)];
    let attached = |index: &IndexName| Record { parent: Some(whole.clone()), ..record(index, false) };
    let tree = Record { partitions: vec![attached(&made), attached(&mine)], ..record(&whole, true) };
    let parent = Table { is_partitioned: true, ..table("p", None) };
    let tables = vec![parent, table("p1", Some("p")), table("p2", Some("p"))];
    let mut now = State { tables, indexes: vec![tree] };
    let back = "CREATE INDEX CONCURRENTLY mine ON s.p2 USING btree (a)";
    check(steps.clone(), &now, &["DROP INDEX s.whole", back]);
    // Killed between the two.
    now.indexes.clear();
    check(steps.clone(), &now, &[back]);
    // Killed before anything was attached.
    now.indexes = vec![record(&made, false), record(&mine, false), record(&whole, true)];
    check(steps, &now, &["DROP INDEX s.whole", "DROP INDEX CONCURRENTLY IF EXISTS s.made"]);
}

#[test]
fn a_rebuild_leaves_nothing_behind() {
    let index = name("t", "i");
    let rebuilt = || {
        vec![Step { before: Some(record(&index, false)), ..step(Action::Reindex, &index, StepState::Failed) }]
    };
    let mut now = State { tables: vec![table("t", None)], indexes: vec![record(&index, false)] };
    check(rebuilt(), &now, &[]);
    now.tables[0].invalid_indexes = vec!["i_ccnew".to_owned(), "i_ccold1".to_owned(), "j_ccnew".to_owned()];
    let leftovers =
        ["DROP INDEX CONCURRENTLY IF EXISTS s.i_ccnew", "DROP INDEX CONCURRENTLY IF EXISTS s.i_ccold1"];
    check(rebuilt(), &now, &leftovers);
}

#[test]
fn a_new_name_is_taken_back_before_the_index_goes() {
    let (temporary, last) = (name("t", "temporary"), name("t", "last"));
    let steps = vec![
        created(&temporary),
        step(Action::Rename { to: "last".to_owned() }, &temporary, StepState::Done),
    ];
    let mut now = State { tables: vec![table("t", None)], indexes: vec![record(&last, false)] };
    let rename = "ALTER INDEX s.last RENAME TO temporary";
    let drop = "DROP INDEX CONCURRENTLY IF EXISTS s.temporary";
    check(steps.clone(), &now, &[rename, drop]);
    now.indexes = vec![record(&temporary, false)];
    check(steps, &now, &[drop]);
}

#[test]
fn the_record_of_a_whole_index_counts() {
    let index = name("t", "i");
    let drop = |is_valid, state| {
        let before = Some(Record { is_valid, ..record(&index, false) });
        Step { before, ..step(Action::Drop, &index, state) }
    };
    let mut earlier = history(vec![drop(true, StepState::Started)]);
    earlier.run.id = RunId("1".to_owned());
    let later = history(vec![drop(false, StepState::Done)]);
    let found = |all: &[History]| with_earlier_records(&later, all).steps[0].before.clone().unwrap().is_valid;
    assert!(found(&[earlier.clone(), later.clone()]));
    earlier.steps[0].state = StepState::Undone;
    assert!(!found(&[earlier, later.clone()]));
}
