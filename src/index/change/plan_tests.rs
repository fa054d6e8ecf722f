use proptest::prelude::*;

use super::super::is_same_index;
use super::*;
use crate::catalog::{Catalog, Table, TableKind};
use crate::index::change::name::{shortened, variant};
use crate::index::change::state::{Builder, Protection};

/// A server that does what the steps say, as PostgreSQL would, or stops half-way.
#[derive(Clone, Debug)]
struct Server {
    state: State,
    progress: Progress,
    next_oid: u32,
}

/// Where a step was cut short.
#[derive(Clone, Copy, Debug)]
enum Cut {
    BeforeIt,
    Early,
    Late,
    AfterIt,
}

impl Server {
    /// An ordinary table, and a partitioned one with a partitioned partition.
    fn new() -> Self {
        let mut server = Self { state: State::default(), progress: Progress::default(), next_oid: 100 };
        for (oid, name, kind, parent) in [
            (1, "t", Kind::Ordinary, None),
            (2, "p", Kind::Partitioned, None),
            (3, "p1", Kind::Ordinary, Some(2)),
            (4, "p2", Kind::Partitioned, Some(2)),
            (5, "p2a", Kind::Ordinary, Some(4)),
            (6, "p2b", Kind::Ordinary, Some(4)),
        ] {
            let size_bytes = if kind == Kind::Ordinary { 1 << 20 } else { 0 };
            let (schema, name) = ("s".to_owned(), name.to_owned());
            server.state.tables.push(TableState {
                oid,
                schema,
                name,
                kind,
                parent,
                size_bytes,
                indexes: Vec::new(),
            });
        }
        server
    }

    fn with(mut self, table: &str, sql: &str, is_valid: bool) -> Self {
        self.add(table, index_ddl(sql).unwrap().name.as_deref().unwrap(), sql, is_valid);
        self
    }

    fn table(&mut self, name: &str) -> &mut TableState {
        self.state.tables.iter_mut().find(|table| table.name == name).unwrap()
    }

    fn add(&mut self, table: &str, name: &str, sql: &str, is_valid: bool) -> u32 {
        let oid = self.next_oid;
        self.next_oid += 1;
        let free = self.state.taken.insert(("s".to_owned(), name.to_owned()));
        assert!(free, "relation {name} already exists");
        let table = self.table(table);
        let is_partitioned = table.kind == Kind::Partitioned;
        let (name, definition) = (name.to_owned(), sql.to_owned());
        table.indexes.push(IndexState {
            oid,
            name,
            definition,
            is_valid,
            is_partitioned,
            size_bytes: 1 << 16,
            ..IndexState::default()
        });
        oid
    }

    fn index(&mut self, name: &IndexName) -> &mut IndexState {
        self.table(&name.table).indexes.iter_mut().find(|index| index.name == name.name).unwrap()
    }

    fn remove(&mut self, name: &IndexName) {
        let oid = self.index(name).oid;
        for table in &mut self.state.tables {
            let gone = table.indexes.extract_if(.., |index| index.oid == oid || index.parent == Some(oid));
            for index in gone {
                self.state.taken.remove(&("s".to_owned(), index.name));
            }
        }
    }

    fn run(&mut self, step: &Step) {
        let Step { action, index, sql, .. } = step;
        match action {
            Action::Create => _ = self.add(&index.table, &index.name, sql, true),
            Action::CreateOnParent => {
                let oid = self.table(&index.table).oid;
                let is_empty = self.state.partitions(oid).next().is_none();
                self.add(&index.table, &index.name, sql, is_empty);
            }
            Action::Attach { to } => {
                let parent = self.index(to).oid;
                self.index(index).parent = Some(parent);
                self.validate(to);
            }
            Action::Analyze => {
                let table = self.table(&index.table);
                table.indexes.iter_mut().for_each(|index| index.has_statistics = true);
                let oid = table.oid;
                self.progress.analyzed.insert(oid);
            }
            Action::Reindex => {
                self.index(index).is_valid = true;
                self.progress.rebuilt.insert((index.schema.clone(), index.name.clone()));
            }
            Action::Drop | Action::DropPartitioned | Action::DropLeftover => self.remove(index),
            Action::Await { .. } => self.state.builders.clear(),
        }
    }

    /// What `validatePartitionedIndex` does.
    fn validate(&mut self, parent: &IndexName) {
        let (table, oid) = (self.table(&parent.table).oid, self.index(parent).oid);
        let is_whole = self
            .state
            .partitions(table)
            .all(|child| child.indexes.iter().any(|index| index.parent == Some(oid) && index.is_valid));
        if !is_whole {
            return;
        }
        self.index(parent).is_valid = true;
        let Some(above) = self.index(parent).parent else { return };
        let found = self.state.tables.iter().find_map(|table| {
            let index = table.indexes.iter().find(|index| index.oid == above)?;
            Some(table.index_name(&index.name))
        });
        self.validate(&found.unwrap());
    }

    fn cut_short(&mut self, step: &Step, cut: Cut) {
        let leftover = |suffix: &str| shortened(&step.index.name, suffix);
        match (&step.action, cut) {
            (Action::Create, Cut::Early | Cut::Late) => {
                self.add(&step.index.table, &step.index.name, &step.sql, false);
            }
            (Action::Drop | Action::DropLeftover, Cut::Early | Cut::Late) => {
                self.index(&step.index).is_valid = false;
            }
            (Action::Reindex, Cut::Early | Cut::Late) => {
                let is_late = matches!(cut, Cut::Late);
                let definition = self.index(&step.index).definition.clone();
                if is_late {
                    self.index(&step.index).is_valid = true;
                }
                let mut name = leftover(if is_late { "_ccold" } else { "_ccnew" });
                if self.state.taken.contains(&("s".to_owned(), name.clone())) {
                    name.push('1');
                }
                self.add(&step.index.table, &name, &definition, false);
            }
            (_, Cut::Early | Cut::BeforeIt) => {}
            (_, Cut::Late | Cut::AfterIt) => self.run(step),
        }
        // A later run does not remember what this one has done.
        self.progress = Progress::default();
    }

    /// Plans and runs one step after the other.
    fn finish(&mut self, goals: &[Goal]) -> Plan {
        for _ in 0..200 {
            let plan = plan(goals, &self.state, &self.progress);
            let Some(step) = plan.steps.first() else { return plan };
            if matches!(step.action, Action::Drop | Action::DropPartitioned) {
                self.assert_built(goals, &plan);
            }
            self.run(step);
        }
        panic!("no end: {:#?}", plan(goals, &self.state, &self.progress).steps);
    }

    fn assert_built(&self, goals: &[Goal], plan: &Plan) {
        for goal in goals {
            let Goal::Create(wanted) = goal else { continue };
            if plan.held.iter().any(|(index, _)| *index == wanted.index) {
                continue;
            }
            let table = self.state.table("s", &wanted.index.table).unwrap();
            let is_there = table.indexes.iter().any(|index| index.is_valid && index.is_same(&wanted.ddl));
            assert!(is_there, "no {} in {:#?}", wanted.index.name, table.indexes);
        }
    }
}

fn name(table: &str, name: &str) -> IndexName {
    IndexName { schema: "s".to_owned(), table: table.to_owned(), name: name.to_owned() }
}

fn create(sql: &str, replaces: &[(&str, &str)]) -> Goal {
    let ddl = index_ddl(sql).unwrap();
    Goal::Create(Box::new(Wanted {
        index: name(&ddl.table.name, ddl.name.as_deref().unwrap()),
        ddl,
        size_bytes: Some(1 << 20),
        replaces: replaces.iter().map(|(table, index)| named(table, index)).collect(),
    }))
}

fn named(table: &str, index: &str) -> Seen {
    Seen { index: name(table, index), definition: None, n_scans: None }
}

/// An index as its definition says it.
fn seen(definition: &str) -> Seen {
    let ddl = index_ddl(definition).unwrap();
    let index = name(&ddl.table.name, ddl.name.as_deref().unwrap());
    Seen { index, definition: Some(definition.to_owned()), n_scans: None }
}

fn drop(table: &str, index: &str) -> Goal {
    Goal::Drop { index: named(table, index), covered_by: Vec::new() }
}

fn reindex(table: &str, index: &str) -> Goal {
    Goal::Reindex { index: named(table, index), size_bytes: None }
}

fn statements(server: &Server, goals: &[Goal]) -> Vec<String> {
    plan(goals, &server.state, &server.progress).steps.into_iter().map(|step| step.sql).collect()
}

fn check(server: &Server, goals: &[Goal], expected: &[&str]) {
    assert_eq!(statements(server, goals), expected);
}

#[test]
fn creates_before_it_drops() {
    let server = Server::new().with("t", "CREATE INDEX old ON s.t USING btree (a)", true);
    let goals = [
        drop("t", "gone"),
        create("CREATE INDEX t_a_b_idx ON s.t (a, b)", &[("t", "old")]),
        create("CREATE INDEX t_lower_idx ON s.t (lower(a))", &[]),
        drop("t", "old"),
    ];
    check(
        &server,
        &goals,
        &[
            "CREATE INDEX CONCURRENTLY t_a_b_idx ON s.t (a, b)",
            "CREATE INDEX CONCURRENTLY t_lower_idx ON s.t (lower(a))",
            "ANALYZE s.t",
            "DROP INDEX CONCURRENTLY IF EXISTS s.old",
        ],
    );
}

#[test]
fn a_partitioned_table_gets_its_index_partition_by_partition() {
    let server = Server::new().with("p1", "CREATE INDEX mine ON s.p1 USING btree (a)", true);
    let goals = [create("CREATE INDEX p_a_idx ON s.p (a)", &[])];
    check(
        &server,
        &goals,
        &[
            "CREATE INDEX CONCURRENTLY p2a_a_idx ON s.p2a (a)",
            "CREATE INDEX CONCURRENTLY p2b_a_idx ON s.p2b (a)",
            "CREATE INDEX p2_a_idx ON ONLY s.p2 (a)",
            "ALTER INDEX s.p2_a_idx ATTACH PARTITION s.p2a_a_idx",
            "ALTER INDEX s.p2_a_idx ATTACH PARTITION s.p2b_a_idx",
            "CREATE INDEX p_a_idx ON ONLY s.p (a)",
            "ALTER INDEX s.p_a_idx ATTACH PARTITION s.mine",
            "ALTER INDEX s.p_a_idx ATTACH PARTITION s.p2_a_idx",
        ],
    );
    let mut server = server;
    assert_eq!(server.finish(&goals).present[0].index, name("p", "p_a_idx"));
    check(&server, &[drop("p", "p_a_idx")], &["DROP INDEX IF EXISTS s.p_a_idx"]);
    assert!(plan(&[drop("p1", "mine")], &server.state, &server.progress).held[0].1.contains("partitioned"));
}

#[test]
fn a_name_with_another_index_under_it_stays() {
    let server = Server::new().with("t", "CREATE INDEX i ON s.t USING btree (b)", true);
    check(
        &server,
        &[create("CREATE INDEX i ON s.t (a)", &[])],
        &["CREATE INDEX CONCURRENTLY i_2 ON s.t (a)"],
    );
    let mut server = server;
    server.finish(&[create("CREATE INDEX i ON s.t (a)", &[])]);
    check(&server, &[create("CREATE INDEX i ON s.t (a)", &[])], &[]);
}

#[test]
fn an_index_that_is_there_under_another_name_is_enough() {
    let server = Server::new().with("t", "CREATE INDEX other ON s.t USING btree (a) WHERE (b IS NULL)", true);
    let goals = [create("CREATE INDEX i ON s.t (a) WHERE b IS NULL", &[])];
    let present = plan(&goals, &server.state, &server.progress).present;
    assert_eq!((&present[0].goal, &present[0].index), (&name("t", "i"), &name("t", "other")));
}

#[test]
fn leftovers_are_rebuilt_unless_somebody_builds_them() {
    let sql = "CREATE INDEX i ON s.t USING btree (a)";
    let mut server = Server::new().with("t", sql, false).with("t", "CREATE INDEX theirs ON s.t (c)", false);
    let goals = [create("CREATE INDEX i ON s.t (a)", &[])];
    check(
        &server,
        &goals,
        &["DROP INDEX CONCURRENTLY IF EXISTS s.i", "CREATE INDEX CONCURRENTLY i ON s.t (a)"],
    );
    assert_eq!(plan(&goals, &server.state, &server.progress).foreign, [name("t", "theirs")]);
    server.state.builders.push(Builder { table: 1, pid: 7 });
    let steps = plan(&goals, &server.state, &server.progress).steps;
    assert_eq!(steps.iter().map(|step| &step.action).collect::<Vec<_>>(), [&Action::Await { pid: 7 }]);
}

#[test]
fn leftovers_of_a_rebuild_go_first() {
    let index = "CREATE INDEX i ON s.t USING btree (a)";
    let server = Server::new()
        .with("t", index, true)
        .with("t", &index.replace(" i ", " i_ccnew "), false)
        .with("t", &index.replace(" i ", " i_ccold1 "), false)
        .with("t", &index.replace(" i ", " j_ccnew "), false);
    check(
        &server,
        &[reindex("t", "i")],
        &[
            "DROP INDEX CONCURRENTLY IF EXISTS s.i_ccnew",
            "DROP INDEX CONCURRENTLY IF EXISTS s.i_ccold1",
            "REINDEX INDEX CONCURRENTLY s.i",
        ],
    );
}

#[test]
fn what_others_rely_on_is_not_dropped() {
    for protection in [Protection::Constraint, Protection::ReplicaIdentity, Protection::ForeignKey] {
        let mut server = Server::new().with("t", "CREATE UNIQUE INDEX u ON s.t (a)", true);
        server.index(&name("t", "u")).protection = Some(protection);
        let plan = plan(&[drop("t", "u")], &server.state, &server.progress);
        assert!(plan.steps.is_empty() && plan.held[0].1.contains(protection.reason()), "{plan:?}");
    }
}

#[test]
fn what_others_rely_on_below_is_not_dropped() {
    let on = |name: &str, table: &str| format!("CREATE UNIQUE INDEX {name} ON s.{table} (a)");
    let mut server = Server::new().with("p", &on("u", "p"), true).with("p2", &on("u2", "p2"), true).with(
        "p2a",
        &on("u2a", "p2a"),
        true,
    );
    let top = server.index(&name("p", "u")).oid;
    server.index(&name("p2", "u2")).parent = Some(top);
    let middle = server.index(&name("p2", "u2")).oid;
    server.index(&name("p2a", "u2a")).parent = Some(middle);
    let goal = [drop("p", "u")];
    assert_eq!(plan(&goal, &server.state, &server.progress).steps.len(), 1);
    server.index(&name("p2a", "u2a")).protection = Some(Protection::ReplicaIdentity);
    let plan = plan(&goal, &server.state, &server.progress);
    assert!(plan.steps.is_empty() && plan.held[0].1.contains("u2a"), "{plan:?}");
}

#[test]
fn nothing_is_dropped_for_an_index_that_cannot_be_built() {
    let mut server = Server::new().with("t", "CREATE INDEX old ON s.t (a)", true);
    let mut foreign = server.state.tables[5].clone();
    (foreign.oid, foreign.name, foreign.kind) = (7, "p2f".to_owned(), Kind::Foreign);
    server.state.tables.push(foreign);
    let plan =
        plan(&[create("CREATE INDEX i ON s.p (a)", &[]), drop("t", "old")], &server.state, &server.progress);
    assert!(plan.steps.is_empty(), "{plan:?}");
    assert!(plan.held[0].1.contains("p2f") && plan.held[1].1.contains("first"), "{plan:?}");
}

#[test]
fn a_small_index_is_not_rebuilt() {
    let server = Server::new().with("t", "CREATE INDEX i ON s.t (a)", true);
    let goal = |size_bytes| [Goal::Reindex { index: named("t", "i"), size_bytes: Some(size_bytes) }];
    check(&server, &goal(1 << 16), &[]);
    check(&server, &goal(1 << 14), &["REINDEX INDEX CONCURRENTLY s.i"]);
}

#[test]
fn what_became_another_index_is_left_alone() {
    let check = |saved: &str, now: &str, is_done: bool| {
        let server = Server::new().with("t", now, true);
        for goal in [
            Goal::Drop { index: seen(saved), covered_by: Vec::new() },
            Goal::Reindex { index: seen(saved), size_bytes: None },
        ] {
            let plan = plan(&[goal], &server.state, &server.progress);
            assert_eq!(plan.steps.len(), usize::from(is_done), "{now}: {plan:?}");
            assert_eq!(
                plan.held.iter().any(|(_, reason)| reason.contains("it is not what was seen")),
                !is_done
            );
        }
    };
    let saved = "CREATE INDEX i ON s.t USING btree (a) WHERE ((b)::text = 'x'::text)";
    check(saved, saved, true);
    check(saved, "CREATE INDEX i ON s.t (a) WHERE b = 'x'", true);
    check(saved, "CREATE INDEX i ON s.t (a)", false);
    check(saved, "CREATE UNIQUE INDEX i ON s.t (a) WHERE b = 'x'", false);
    check(saved, "CREATE INDEX i ON s.u (a) WHERE b = 'x'", false);
    // What is no CREATE INDEX to perfkit is compared as it is written.
    let odd = "CREATE INDEX i ON s.t (a) ODD";
    assert!(is_same_index(odd, odd) && !is_same_index(odd, saved));
}

/// What was unused when the plan was made may be needed when it is carried out.
#[test]
fn what_is_scanned_again_stays() {
    const INDEX: &str = "CREATE INDEX i ON s.t (a)";
    let check = |then: Option<u64>, now: u64, is_dropped: bool| {
        let mut server = Server::new().with("t", INDEX, true);
        server.index(&name("t", "i")).n_scans = now;
        let index = Seen { n_scans: then, ..seen(INDEX) };
        let mut goals = [Goal::Drop { index, covered_by: Vec::new() }];
        let planned = plan(&goals, &server.state, &server.progress);
        assert_eq!(planned.steps.len(), usize::from(is_dropped), "{then:?}, {now}: {planned:?}");
        assert_eq!(planned.held.len(), usize::from(!is_dropped));
        // Once that is settled, no later scan changes it.
        settle_scans(&mut goals, &server.state);
        server.index(&name("t", "i")).n_scans = now + 6;
        assert_eq!(plan(&goals, &server.state, &server.progress).steps, planned.steps);
    };
    check(None, 9, true);
    check(Some(0), 0, true);
    check(Some(7), 7, true);
    check(Some(0), 1, false);
    check(Some(7), 8, false);
    // The counters were reset.
    check(Some(7), 0, true);
    check(Some(7), 2, false);
}

#[test]
fn a_held_rebuild_holds_no_drop() {
    let server = Server::new().with("t", "CREATE INDEX i ON s.t (a)", true).with(
        "t",
        "CREATE INDEX j ON s.t (b)",
        true,
    );
    let held = Goal::Reindex { index: seen("CREATE INDEX i ON s.t (c)"), size_bytes: None };
    let plan = plan(&[held, drop("t", "j")], &server.state, &server.progress);
    assert_eq!((plan.held.len(), plan.steps.len()), (1, 1), "{plan:?}");
}

#[test]
fn what_was_named_only_is_noted() {
    let server = Server::new().with("t", "CREATE INDEX i ON s.t (a)", true);
    let saved = seen("CREATE INDEX i ON s.t (b)");
    let goal = |index: &Seen| Goal::Drop { index: index.clone(), covered_by: Vec::new() };
    let mut goals = [drop("t", "i"), drop("t", "gone"), reindex("t", "i"), goal(&saved)];
    note_definitions(&mut goals, &server.state);
    let now = seen("CREATE INDEX i ON s.t (a)");
    let noted = Goal::Reindex { index: now.clone(), size_bytes: None };
    assert_eq!(goals, [goal(&now), drop("t", "gone"), noted, goal(&saved)]);
}

#[test]
fn what_became_the_wanted_index_is_not_built_again() {
    let server = Server::new().with("t", "CREATE INDEX old ON s.t (a, b)", true);
    let mut goal = create("CREATE INDEX t_a_b_idx ON s.t (a, b)", &[]);
    let Goal::Create(wanted) = &mut goal else { panic!("{goal:?}") };
    wanted.replaces = vec![seen("CREATE INDEX old ON s.t (a)")];
    let plan = plan(&[goal], &server.state, &server.progress);
    assert_eq!((&plan.present[0].index, plan.steps.len()), (&name("t", "old"), 0));
    assert!(plan.held[0].1.contains("it is not what was seen: CREATE INDEX old ON s.t (a, b)"));
}

#[test]
fn nothing_is_dropped_without_what_makes_it_superfluous() {
    const NARROW: &str = "CREATE INDEX narrow ON s.t USING btree (a)";
    const WIDE: &str = "CREATE INDEX wide ON s.t USING btree (a, b)";
    let drop = || Goal::Drop { index: seen(NARROW), covered_by: vec![seen(WIDE)] };
    let check = |others: &[(&str, bool)], more: &[Goal], is_dropped: bool| {
        let mut server = Server::new().with("t", NARROW, true);
        for (sql, is_valid) in others {
            server = server.with("t", sql, *is_valid);
        }
        let goals = [more, &[drop()]].concat();
        let plan = plan(&goals, &server.state, &server.progress);
        let is_planned = plan.steps.iter().any(|step| step.sql.ends_with("s.narrow"));
        assert_eq!(is_planned, is_dropped, "{others:?}: {plan:?}");
        let is_said =
            |(_, reason): &(IndexName, String)| reason.contains("\"wide\", which makes it superfluous");
        assert_eq!(plan.held.iter().any(is_said), !is_dropped, "{others:?}: {plan:?}");
    };
    let other = WIDE.replace("b)", "c)");
    check(&[(WIDE, true)], &[], true);
    check(&[(&WIDE.replace("wide", "renamed"), true)], &[], true);
    check(&[], &[], false);
    check(&[(WIDE, false)], &[], false);
    check(&[(&other, true)], &[], false);
    // What the plan makes or mends counts, what it takes away does not.
    check(&[], &[create("CREATE INDEX w ON s.t (a, b)", &[])], true);
    check(&[(&other, true)], &[create("CREATE INDEX w ON s.t (a, c)", &[])], false);
    check(&[(WIDE, false)], &[reindex("t", "wide")], true);
    check(&[(WIDE, true)], &[self::drop("t", "wide")], false);
    // A hand-written cover without definition is told by its name.
    let by_name = [Goal::Drop { index: seen(NARROW), covered_by: vec![named("t", "wide")] }];
    let server = Server::new().with("t", NARROW, true);
    assert!(plan(&by_name, &server.state, &server.progress).steps.is_empty());
    let server = server.with("t", &other, true);
    assert_eq!(statements(&server, &by_name), ["DROP INDEX CONCURRENTLY IF EXISTS s.narrow"]);
}

#[test]
fn a_whole_that_was_not_noticed_is_attached_again() {
    let mut server = Server::new();
    let goals = [create("CREATE INDEX p_a_idx ON s.p (a)", &[])];
    server.finish(&goals);
    server.index(&name("p", "p_a_idx")).is_valid = false;
    check(&server, &goals, &["ALTER INDEX s.p_a_idx ATTACH PARTITION s.p1_a_idx"]);
    server.index(&name("p1", "p1_a_idx")).is_valid = false;
    assert_eq!(statements(&server, &goals), ["REINDEX INDEX CONCURRENTLY s.p1_a_idx"]);
    server.finish(&goals);
    assert!(server.index(&name("p", "p_a_idx")).is_valid);
}

#[test]
fn names_fit() {
    let long = "n".repeat(70);
    assert_eq!(variant(&long, 12).len(), MAX_NAME_BYTES);
    assert!(is_variant(&variant(&long, 12), &long));
    let child = child_name(&"ä".repeat(40), "p", "p_a_idx");
    assert!(child.len() <= MAX_NAME_BYTES && child.ends_with("_idx"), "{child}");
    assert_ne!(child, child_name(&"ä".repeat(40), "p", "p_b_idx"));
}

#[test]
fn saved_changes_are_read() {
    let check = |json: serde_json::Value, expected: &Change| {
        let read: Change = serde_json::from_value(json).unwrap();
        assert_eq!(&read, expected);
        let again = serde_json::to_value(&read).unwrap();
        assert_eq!(serde_json::from_value::<Change>(again).unwrap(), read);
    };
    // As perfkit wrote it before it kept definitions, and as it does now.
    check(
        serde_json::json!({
            "action": "drop", "index": { "schema": "s", "table": "t", "name": "i" }, "size_bytes": 1,
        }),
        &Change::Drop { index: named("t", "i"), size_bytes: 1, covered_by: Vec::new() },
    );
    let definition = "CREATE INDEX i ON s.t USING btree (a)";
    check(
        serde_json::json!({
            "action": "drop",
            "index": { "schema": "s", "table": "t", "name": "i", "definition": definition },
            "size_bytes": 1,
            "covered_by": [{ "schema": "s", "table": "t", "name": "j", "definition": null }],
        }),
        &Change::Drop { index: seen(definition), size_bytes: 1, covered_by: vec![named("t", "j")] },
    );
}

#[test]
fn changes_become_goals() {
    let change: Change = serde_json::from_value(serde_json::json!({
        "action": "create",
        "definition": {
            "schema": "S", "table": "t", "method": "btree", "predicate": null,
            "keys": [{ "Column": "a", "column": "a", "descending": true, "nulls_first": true }],
        },
        "size_bytes": 1,
    }))
    .unwrap();
    let Some(Goal::Create(wanted)) = Goal::of(&change) else { panic!("{change:?}") };
    assert_eq!(wanted.ddl.keys[0].column.as_deref(), Some("a"));
    assert_eq!(wanted.index.name, "t_a_desc_idx");
}

#[test]
fn the_statements_for_a_partitioned_table_are_what_the_server_takes() {
    let table = |oid: u32, name: &str, kind: TableKind, parent: Option<u32>| Table {
        oid,
        schema: "s".to_owned(),
        name: name.to_owned(),
        kind,
        partition_of: parent.map(|oid| (oid, "FOR VALUES".to_owned())),
        ..Table::default()
    };
    let mut catalog = Catalog {
        tables: vec![
            table(1, "p", TableKind::Partitioned, None),
            table(2, "p1", TableKind::Ordinary, Some(1)),
            table(3, "t", TableKind::Ordinary, None),
        ],
        ..Catalog::default()
    };
    let check = |catalog: &Catalog, table: &str, expected: &[&str]| {
        let definition = Definition::btree("s", table, vec![crate::index::Key::ascending("a")]);
        assert_eq!(creation(&definition, &mut State::of_catalog(catalog)).1, expected);
    };
    check(&catalog, "t", &["CREATE INDEX CONCURRENTLY t_a_idx ON s.t (a)"]);
    check(
        &catalog,
        "p",
        &[
            "CREATE INDEX CONCURRENTLY p1_a_idx ON s.p1 (a)",
            "CREATE INDEX p_a_idx ON ONLY s.p (a)",
            "ALTER INDEX s.p_a_idx ATTACH PARTITION s.p1_a_idx",
        ],
    );
    catalog.tables[1].kind = TableKind::Foreign;
    check(&catalog, "p", &["CREATE INDEX p_a_idx ON s.p (a)"]);
}

fn goals() -> Vec<Goal> {
    vec![
        create("CREATE INDEX t_a_b_idx ON s.t (a, b)", &[("t", "old")]),
        create("CREATE INDEX p_low_idx ON s.p (lower(a), b) WHERE c", &[("p", "old_p")]),
        create("CREATE UNIQUE INDEX t_u ON s.t (u)", &[]),
        reindex("t", "fat"),
        drop("t", "useless"),
    ]
}

proptest! {
    #[test]
    fn whatever_is_cut_short_is_completed(
        existing in any::<u16>(),
        cuts in prop::collection::vec((0..14_usize, prop::sample::select(vec![Cut::BeforeIt, Cut::Early, Cut::Late, Cut::AfterIt])), 0..6),
    ) {
        let mut server = Server::new()
            .with("t", "CREATE INDEX old ON s.t (a)", true)
            .with("t", "CREATE INDEX fat ON s.t (f)", existing & 1 == 0)
            .with("t", "CREATE INDEX useless ON s.t (x)", existing & 2 == 0)
            .with("p", "CREATE INDEX old_p ON ONLY s.p (lower(a))", true);
        let more = [
            ("t", "CREATE INDEX t_a_b_idx ON s.t (b)", true),
            ("t", "CREATE INDEX twin ON s.t (a, b)", true),
            ("p1", "CREATE INDEX local ON s.p1 (lower(a), b) WHERE c", true),
            ("p2a", "CREATE INDEX p2a_low_idx ON s.p2a (lower(a), b) WHERE c", false),
            ("p2", "CREATE INDEX p2_low_idx ON ONLY s.p2 (lower(a), b) WHERE c", false),
            ("p2b", "CREATE INDEX p_low_idx ON s.p2b (z)", true),
            ("t", "CREATE INDEX fat_ccnew ON s.t (f)", false),
        ];
        for (bit, (table, sql, is_valid)) in more.into_iter().enumerate() {
            if existing & (4 << bit) != 0 {
                server = server.with(table, sql, is_valid);
            }
        }
        let goals = goals();
        // The plan as it is printed does all.
        let mut at_once = server.clone();
        for step in plan(&goals, &server.state, &server.progress).steps {
            at_once.run(&step);
        }
        prop_assert_eq!(plan(&goals, &at_once.state, &at_once.progress).steps, []);

        for (n_whole, cut) in cuts {
            for _ in 0..n_whole {
                let steps = plan(&goals, &server.state, &server.progress).steps;
                if let Some(step) = steps.first() {
                    server.run(step);
                }
            }
            if let Some(step) = plan(&goals, &server.state, &server.progress).steps.first() {
                server.cut_short(step, cut);
            }
        }
        let done = server.finish(&goals);
        prop_assert!(done.held.is_empty() && done.foreign.is_empty(), "{:?}", done);
        server.assert_built(&goals, &done);
        for table in &server.state.tables {
            for index in &table.indexes {
                prop_assert!(index.is_valid, "{} is invalid", index.name);
                prop_assert!(!["old", "old_p", "useless"].contains(&index.name.as_str()), "{} is there", index.name);
            }
        }
        let n_indexes: usize = server.state.tables.iter().map(|table| table.indexes.len()).sum();
        let twice = server.finish(&goals);
        prop_assert_eq!(twice, done);
        prop_assert_eq!(n_indexes, server.state.tables.iter().map(|table| table.indexes.len()).sum::<usize>());
    }
}
