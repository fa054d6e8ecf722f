//! Tests of [`super`]: a few statements before and after a few changes.

use proptest::prelude::*;

use super::super::Run;
use super::*;
use crate::catalog::{Constraint, Reference, Table};

/// Reads `t.i` as index `i` of table `t`.
fn index(text: &str) -> IndexName {
    let (table, name) = text.split_once('.').expect("a table and an index");
    IndexName { schema: "s".into(), table: table.into(), name: name.into() }
}

/// Reads `+t.i` or `-t.i`, followed by `unique`, `expression`, `key` or an index that it replaces.
fn change(text: &str) -> Changed {
    let (first, traits) = text.split_once(' ').unwrap_or((text, ""));
    let has = |word: &str| traits.split(' ').any(|it| it == word);
    Changed {
        kind: if first.starts_with('+') { Kind::Created } else { Kind::Dropped },
        index: index(&first[1..]),
        parts: vec![index(&first[1..])],
        is_unique: has("unique"),
        has_expressions: has("expression"),
        replaces: traits.split(' ').filter(|it| it.contains('.')).map(index).collect(),
        foreign_key: has("key").then(|| "t_fk".into()),
    }
}

/// Reads a side of a statement: its time, or `plan` if it was not run, then tables and indexes of its plan. It reads ten
/// blocks per millisecond, or a hundred if the time ends with `=`.
fn side(text: &str) -> (Vec<Run>, Named) {
    let mut named = Named::default();
    let mut words = text.split_whitespace();
    let time = words.next().expect("a time");
    for word in words {
        named.tables.insert(("s".into(), word.split('.').next().unwrap_or_default().into()));
        named.indexes.extend(word.split_once('.').map(|(_, index)| index.to_owned()));
    }
    let runs = match time {
        "plan" => vec![],
        time => {
            let ms: f64 = time.trim_end_matches('=').parse().expect("a time");
            vec![Run { ms, blocks: if time.ends_with('=') { 100.0 } else { ms * 10.0 } }]
        }
    };
    (runs, named)
}

/// Reads `name: before -> after`.
fn observed(text: &str) -> Observed {
    let (name, sides) = text.split_once(": ").expect("a name");
    let (before, after) = sides.split_once(" -> ").expect("two sides");
    let ((before, named_before), (after, named_after)) = (side(before), side(after));
    let measured = Measured { name: name.into(), before, after, ..Measured::default() };
    Observed { measured, before: named_before, after: named_after }
}

/// Describes each change as `effect: reason`, with a `!` before what is to be undone.
fn check(statements: &[&str], changes: &[&str], expected: &[&str]) {
    let observed: Vec<Observed> = statements.iter().map(|text| observed(text)).collect();
    let (_, judged) = prove(&observed, &changes.iter().map(|text| change(text)).collect::<Vec<_>>());
    let found: Vec<String> = judged
        .iter()
        .map(|it| format!("{}{}: {}", if it.is_to_undo { "!" } else { "" }, it.effect.name(), it.reason))
        .collect();
    assert_eq!(found, expected, "{statements:?} {changes:?}");
}

#[test]
fn a_created_index_must_be_used_and_help() {
    check(&["q: 10 t -> 1 t.i"], &["+t.i"], &["helps: faster: q"]);
    check(&["q: 10 t -> 10 t.i"], &["+t.i"], &["!unhelpful: no statement that uses it got faster: q"]);
    check(&["q: 10 t -> 10 t"], &["+t.i"], &["!unhelpful: no statement's plan uses it"]);
    // Faster for another reason.
    check(&["q: 10 t -> 1 t"], &["+t.i"], &["!unhelpful: no statement's plan uses it"]);
    check(
        &["q: 10 t -> 1 t.i", "r: 9 t -> 9 t"],
        &["+t.i", "+t.j"],
        &["helps: faster: q", "!unhelpful: no statement's plan uses it"],
    );
}

#[test]
fn an_index_of_the_same_name_elsewhere_is_another() {
    check(&["q: 10 u -> 1 u.i", "r: 9 t -> 9 t"], &["+t.i"], &["!unhelpful: no statement's plan uses it"]);
}

#[test]
fn what_no_run_can_show_is_not_judged() {
    check(&["q: 10 u -> 10 u"], &["+t.i"], &["unproven: no statement that ran reads its table"]);
    check(&["q: 10 t -> 10 t"], &["+t.i unique"], &["unproven: it keeps duplicates out"]);
    check(&["q: 10 t -> 10 t"], &["+t.i key"], &["unproven: it serves the checks of foreign key t_fk"]);
    check(
        &["q: 10 t -> 10 t", "w: plan t -> plan t.i"],
        &["+t.i"],
        &["unproven: the plan of w, which was not run, uses it"],
    );
    check(&["q: 10 u -> 10 u"], &["-t.i"], &["unproven: no statement that ran reads its table"]);
    check(
        &["q: 10 t -> 10 t", "w: plan t.i -> plan t"],
        &["-t.i"],
        &["unproven: the plan of w, which was not run, used it"],
    );
    // It ran before the changes only.
    check(&["q: 10 t -> plan t"], &["+t.i"], &["unproven: no statement that ran reads its table"]);
}

#[test]
fn a_change_that_makes_a_statement_slower_goes() {
    check(&["q: 10 t -> 20 t.i"], &["+t.i"], &["!slows: slower: q"]);
    check(&["q: 10 t -> 20 t.i", "r: 9 t -> 1 t.i"], &["+t.i"], &["!slows: slower: q; faster: r"]);
    check(&["q: 10 t.i -> 20 t"], &["-t.i"], &["!slows: slower: q"]);
    check(&["q: 10 t.i -> 10.5 t"], &["-t.i"], &["harmless: no statement that used it got slower"]);
    // A unique index slows as well, if it does.
    check(&["q: 10 t -> 20 t.i"], &["+t.i unique"], &["!slows: slower: q"]);
}

#[test]
fn the_same_work_in_more_time_is_no_slower_statement() {
    let is_slower = |text: &str| observed(text).compare().verdict == Verdict::Slower;
    assert!(!is_slower("q: 10= t.i -> 20= t.i"));
    assert!(is_slower("q: 10= t.i -> 20= t.j"));
    assert!(is_slower("q: 10= t.i -> 20 t.i"));
    assert!(is_slower("q: 10 t -> 20 t"));
}

#[test]
fn a_loss_is_to_blame_before_what_took_its_place() {
    check(
        &["q: 10 t.old -> 20 t.new", "r: 9 t -> 1 t.new"],
        &["+t.new", "-t.old"],
        &["helps: faster: r", "!slows: slower: q"],
    );
    // Nothing else is to be said for it, once the old one is back.
    check(
        &["q: 10 t.old -> 20 t.new"],
        &["+t.new t.old", "-t.old"],
        &["!unhelpful: no statement that uses it got faster: q", "!slows: slower: q"],
    );
}

#[test]
fn an_index_that_takes_over_helps() {
    check(
        &["q: 10 t.old -> 10 t.new"],
        &["+t.new", "-t.old"],
        &["helps: q uses it in place of old, no slower", "harmless: no statement that used it got slower"],
    );
    // Of another table it takes nothing over.
    check(
        &["q: 10 u.old t -> 10 t.new u"],
        &["+t.new", "-u.old"],
        &[
            "!unhelpful: no statement that uses it got faster: q",
            "harmless: no statement that used it got slower",
        ],
    );
    check(
        &["q: 10 t -> 10 t"],
        &["+t.new t.old", "-t.old"],
        &[
            "unproven: it replaces old, which no statement that ran used",
            "harmless: no statement that used it got slower",
        ],
    );
}

#[test]
fn what_an_index_stands_in_for_comes_back_when_it_goes() {
    check(
        &["q: 10 t.old -> 10 t.new", "r: 10 t -> 20 t.new"],
        &["+t.new", "-t.old"],
        &["!slows: slower: r", "!harmless: new replaced it and goes"],
    );
    check(
        &["r: 10 t -> 20 t.new"],
        &["+t.new t.old", "-t.old", "-t.other"],
        &[
            "!slows: slower: r",
            "!harmless: new replaced it and goes",
            "harmless: no statement that used it got slower",
        ],
    );
}

#[test]
fn an_index_may_inform_the_planner_without_being_used() {
    check(&["q: 10 t -> 1 t"], &["+t.i expression"], &["helps: faster: q"]);
    check(&["q: 10 t -> 20 t"], &["-t.i expression"], &["!slows: slower: q"]);
    check(&["q: 10 t -> 20 t"], &["-t.i unique"], &["!slows: slower: q"]);
    check(&["q: 10 t -> 20 t"], &["-t.i"], &["harmless: no statement that used it got slower"]);
    check(&["q: 10 t -> 20 t"], &["+t.i unique"], &["unproven: it keeps duplicates out"]);
    // The plans name another change.
    check(
        &["q: 10 t.j -> 20 t"],
        &["-t.i expression", "-t.j"],
        &["harmless: no statement that used it got slower", "!slows: slower: q"],
    );
}

#[test]
fn runs_once_more_what_is_concerned() {
    let observed =
        ["w: plan t.i -> plan t", "a: 10 t -> 10 t.i", "b: 10 u -> 20 u", "c: 10 u -> 10 u"].map(observed);
    let (statements, _) = prove(&observed, &[change("+t.i")]);
    assert_eq!(concerned(&observed, &statements, &[&change("+t.i")]), [1, 2]);
    assert_eq!(concerned(&observed, &statements, &[]), [2]);
}

fn state(indexes: &[(&str, &str)]) -> State {
    let indexes = indexes.iter().zip(1..).map(|((name, keys), oid)| IndexState {
        oid,
        name: (*name).into(),
        definition: format!("CREATE INDEX {name} ON s.t USING btree {keys}"),
        is_valid: true,
        ..IndexState::default()
    });
    let table = TableState {
        oid: 100,
        schema: "s".into(),
        name: "t".into(),
        indexes: indexes.collect(),
        ..TableState::default()
    };
    State { tables: vec![table], ..State::default() }
}

#[test]
fn an_index_is_one_with_those_of_its_partitions() {
    let mut state = state(&[("i", "(a)"), ("j", "(b)")]);
    let child = IndexState { oid: 7, name: "t1_i".into(), parent: Some(1), ..IndexState::default() };
    let grandchild = IndexState { oid: 8, name: "t1a_i".into(), parent: Some(7), ..IndexState::default() };
    for (name, index) in [("t1", child), ("t1a", grandchild)] {
        state.tables.push(TableState {
            schema: "s".into(),
            name: name.into(),
            indexes: vec![index],
            ..TableState::default()
        });
    }
    let dropped = Changed::dropped(&index("t.i"), &state);
    assert_eq!(dropped.parts, ["t.i", "t1.t1_i", "t1a.t1a_i"].map(index));
    assert_eq!(Changed::dropped(&index("t.gone"), &state).parts, [index("t.gone")]);
}

#[test]
fn finds_the_foreign_key_that_an_index_alone_serves() {
    fn check(indexes: &[(&str, &str)], expected: Option<&str>) {
        let key = |name: &str, columns: &[&str]| Constraint {
            name: name.into(),
            kind: 'f',
            columns: columns.iter().map(|column| (*column).into()).collect(),
            references: Some(Reference::default()),
            ..Constraint::default()
        };
        let constraints = vec![key("t_fk", &["a", "b"])];
        let table = Table { schema: "s".into(), name: "t".into(), constraints, ..Table::default() };
        let catalog = Catalog { tables: vec![table], ..Catalog::default() };
        let found = served_foreign_key(&index("t.i"), &catalog, &state(indexes));
        assert_eq!(found.as_deref(), expected, "{indexes:?}");
    }
    check(&[("i", "(b, c)")], Some("t_fk"));
    check(&[("i", "(c, b)")], None);
    check(&[("i", "(a) WHERE (c > 1)")], None);
    check(&[("i", "(b)"), ("j", "(a)")], None);
    check(&[("i", "(b)"), ("j", "(a) WHERE (c > 1)"), ("k", "(c)")], Some("t_fk"));
    check(&[("j", "(a)")], None);
}

proptest! {
    /// What an undone index stood in for is never left out, and what helps and slows nothing stays.
    #[test]
    fn an_undo_leaves_no_gap(
        rows in prop::collection::vec((1.0f64..100.0, 1.0f64..100.0, 0usize..4, 0usize..4), 0..6),
    ) {
        let changes = ["+t.a", "+t.b t.y", "-t.x", "-t.y"];
        let names = ["t", "t.a", "t.b", "t.c"];
        let old = ["t", "t.x", "t.y", "t.z"];
        let observed: Vec<Observed> = rows
            .iter()
            .map(|(before, after, used_before, used_after)| {
                observed(&format!("q: {before} {} -> {after} {}", old[*used_before], names[*used_after]))
            })
            .collect();
        let (_, judged) = prove(&observed, &changes.map(change));
        for created in judged.iter().filter(|it| it.changed.kind == Kind::Created) {
            for dropped in judged.iter().filter(|it| it.changed.kind == Kind::Dropped) {
                let stands_in = created.changed.replaces.contains(&dropped.changed.index)
                    || observed.iter().any(|it| it.uses(&created.changed) && it.uses(&dropped.changed));
                prop_assert!(!(stands_in && created.is_to_undo) || dropped.is_to_undo);
            }
            prop_assert!(!created.is_to_undo || created.effect != Effect::Helps);
        }
    }
}
