use super::*;
use crate::counter::fixture::{self, leads_state};
use crate::counter::state::{CheckState, FunctionState, Kind, TriggerState};
use crate::counter::triggers::sink::{SLOT, XID};
use proptest::prelude::*;

/// A database that steps are done on.
#[derive(Clone, Debug, Default)]
struct World {
    state: State,
    counted: Counted,
}

impl World {
    fn plan(&self, goals: &[Goal]) -> Vec<Step> {
        plan(goals, &self.state, &self.counted)
    }

    /// Does what a step says, reading its statements.
    fn apply(&mut self, step: &Step) {
        match &step.action {
            Action::Backfill { site, .. } => {
                for counter in &site.counters {
                    let ours = self.state.table(&site.parent).and_then(|it| it.column(&counter.column));
                    if ours.is_some_and(|column| !column.is_ours()) && !site.is_side() {
                        self.counted.insert((site.parent.clone(), counter.column.clone()));
                    }
                }
            }
            _ => {
                for sql in &step.sql {
                    self.run(sql);
                }
            }
        }
    }

    fn run(&mut self, sql: &str) {
        let words: Vec<&str> = sql.split_whitespace().collect();
        match words.as_slice() {
            ["LOCK" | "REVOKE", ..] | ["CREATE", "INDEX", ..] | ["ALTER", "FUNCTION", ..] => {}
            ["CREATE", "TABLE", name, ..] => {
                let columns = &sql[sql.find('(').unwrap() + 1..];
                let mut table = TableState { name: named(name), ..TableState::default() };
                for column in columns.split(", ").map(|it| it.split_whitespace().collect::<Vec<_>>()) {
                    if column[0] == "PRIMARY" {
                        break;
                    }
                    table.columns.push(fixture::column(column[0], column[1]));
                }
                table.oid = 100 + u32::try_from(self.state.tables.len()).unwrap();
                self.state.tables.push(table);
            }
            ["CREATE", "OR", "REPLACE", "FUNCTION", name, ..] => {
                let name = named(name.strip_suffix("()").unwrap());
                let body =
                    sql.split_once("AS $perfkit$").unwrap().1.strip_suffix("$perfkit$").unwrap().to_owned();
                self.state.functions.retain(|function| function.name != name);
                let config = vec!["search_path=pg_catalog, pg_temp".to_owned()];
                self.state.functions.push(FunctionState { name, body, is_security_definer: true, config });
            }
            ["CREATE", "OR", "REPLACE", "TRIGGER", name, rest @ ..] => {
                let on = rest.iter().position(|word| *word == "ON").unwrap();
                let function = named(rest.last().unwrap().strip_suffix("()").unwrap());
                let table = self.table(rest[on + 1]);
                table.triggers.retain(|trigger| trigger.name != *name);
                let name = (*name).to_owned();
                table.triggers.push(TriggerState {
                    name,
                    function,
                    is_enabled: true,
                    ..TriggerState::default()
                });
            }
            ["DROP", "TRIGGER", name, "ON", table] => {
                self.table(table).triggers.retain(|trigger| trigger.name != *name);
            }
            ["DROP", "FUNCTION", name, "CASCADE"] | ["DROP", "FUNCTION", name] => {
                let name = named(name.strip_suffix("()").unwrap());
                self.state.functions.retain(|function| function.name != name);
                for table in &mut self.state.tables {
                    let before = table.triggers.len();
                    table.triggers.retain(|trigger| trigger.function != name);
                    assert!(words.last() == Some(&"CASCADE") || table.triggers.len() == before, "{sql}");
                }
            }
            ["DROP", "TABLE", "IF", "EXISTS", name] | ["DROP", "TABLE", name] => {
                let name = named(name);
                self.state.tables.retain(|table| table.name != name);
            }
            ["COMMENT", "ON", "TABLE", name, "IS", ..] => self.table(name).comment = Some(COMMENT.to_owned()),
            ["COMMENT", "ON", "COLUMN", name, "IS", text, ..] => {
                let (table, column) = name.rsplit_once('.').unwrap();
                let text = (*text != "NULL").then(|| COMMENT.to_owned());
                self.column(table, column).comment = text;
            }
            ["ALTER", "TABLE", table, "OWNER", "TO", _] | ["ALTER", "TABLE", table, "REPLICA", ..] => {
                _ = self.table(table);
            }
            ["ALTER", "TABLE", table, ..] => {
                let parts = sql.split_once(table).unwrap().1;
                for part in parts.split(", ") {
                    self.alter(table, &part.split_whitespace().collect::<Vec<_>>());
                }
            }
            _ => panic!("{sql}"),
        }
    }

    fn alter(&mut self, table: &str, words: &[&str]) {
        match words {
            ["ADD", "COLUMN", name, type_name, ..] => {
                assert!(self.table(table).column(name).is_none(), "{name} is there");
                self.table(table).columns.push(fixture::column(name, type_name));
            }
            ["DROP", "COLUMN", name] => {
                assert!(self.table(table).column(name).is_some(), "no {name}");
                let check = name::not_null_check(name);
                let table = self.table(table);
                table.columns.retain(|column| column.name != *name);
                // The server drops the constraints of a column with it.
                table.checks.retain(|it| it.name != check);
            }
            ["ALTER", "COLUMN", name, "SET", "DEFAULT", value] => {
                self.column(table, name).default = Some((*value).to_owned());
            }
            ["ALTER", "COLUMN", name, "SET", "NOT", "NULL"] => self.column(table, name).is_not_null = true,
            ["ADD", "CONSTRAINT", name, "CHECK", ..] => {
                let check = CheckState { name: (*name).to_owned(), is_validated: false };
                self.table(table).checks.push(check);
            }
            ["VALIDATE", "CONSTRAINT", name] => {
                let checks = &mut self.table(table).checks;
                checks.iter_mut().find(|check| check.name == *name).unwrap().is_validated = true;
            }
            ["DROP", "CONSTRAINT", name] => {
                let n = self.table(table).checks.len();
                self.table(table).checks.retain(|check| check.name != *name);
                assert_eq!(self.table(table).checks.len(), n - 1);
            }
            _ => panic!("{words:?}"),
        }
    }

    fn table(&mut self, name: &str) -> &mut TableState {
        let name = named(name);
        self.state.tables.iter_mut().find(|table| table.name == name).unwrap()
    }

    fn column(&mut self, table: &str, column: &str) -> &mut ColumnState {
        self.table(table).columns.iter_mut().find(|it| it.name == column).unwrap()
    }

    /// What is left to tell of it, in an order that does not depend on what was made when.
    fn fingerprint(&self) -> String {
        let mut lines: Vec<String> = self.state.functions.iter().map(|it| format!("{it:?}")).collect();
        for table in &self.state.tables {
            let mut table = TableState { oid: 0, ..table.clone() };
            table.columns.sort_by(|a, b| a.name.cmp(&b.name));
            table.triggers.sort_by(|a, b| a.name.cmp(&b.name));
            lines.push(format!("{table:?}"));
        }
        lines.sort();
        lines.join("\n")
    }
}

fn named(text: &str) -> QualifiedName {
    let (schema, name) = text.split_once('.').unwrap();
    QualifiedName::new(schema, name)
}

/// Checks that a run may be cut short after any step, and returns what is there at the end.
fn check_prefixes(world: &World, goals: &[Goal]) -> World {
    let steps = world.plan(goals);
    let mut now = world.clone();
    for (at, step) in steps.iter().enumerate() {
        let planned = now.plan(goals);
        // A step without statements leaves no trace: batches and folds are done again, and find nothing to do.
        let left: Vec<&Step> = steps[at..].iter().collect();
        let again = untraced(&steps[..at]);
        let planned: Vec<&Step> =
            planned.iter().filter(|it| !again.contains(it) || left.contains(it)).collect();
        assert!(
            planned == left,
            "{:?}, not {:?}, after {at} steps of {goals:?}",
            shown(&planned),
            shown(&left)
        );
        now.apply(step);
    }
    let rest = now.plan(goals);
    assert!(rest.is_empty(), "{rest:?}");
    now
}

fn untraced(steps: &[Step]) -> Vec<&Step> {
    steps.iter().filter(|step| step.sql.is_empty()).collect()
}

fn shown(steps: &[&Step]) -> Vec<String> {
    steps
        .iter()
        .map(|step| format!("{} {}: {}", step.action.verb(), step.on.name, step.sql.join("; ")))
        .collect()
}

fn verbs(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| format!("{} {}", step.action.verb(), step.on.name)).collect()
}

/// The child `mentions` with two partitions.
fn partitioned() -> State {
    let mut state = leads_state();
    state.tables[2].kind = Kind::Partitioned;
    for (oid, name) in [(7, "mentions_1"), (8, "mentions_2")] {
        let indexes = state.tables[2].indexes.clone();
        let name = QualifiedName::new("app", name);
        state.tables.push(TableState { oid, name, parents: vec![3], indexes, ..TableState::default() });
    }
    state
}

fn without_indexes() -> State {
    let mut state = leads_state();
    state.tables[2].indexes.clear();
    state
}

fn in_mode(mode: Mode) -> Site {
    Site { mode, ..fixture::mentions_of_all_kinds() }
}

fn world(state: State) -> World {
    World { state, counted: Counted::new() }
}

const NOT_NULL: [&str; 4] =
    ["add check keywords", "validate check keywords", "set not null keywords", "drop check keywords"];

#[test]
fn a_counter_is_made_step_by_step() {
    let check = |state: State, site: Site, expected: &[&[&str]]| {
        let start = world(state);
        assert_eq!(verbs(&start.plan(&[Goal::Have(site.clone())])), expected.concat());
        let end = check_prefixes(&start, &[Goal::Have(site.clone())]);
        assert_eq!(end.state.installed(&site), Some(site));
    };
    let begin = ["add column keywords", "guard keys keywords", "create triggers mentions"];
    let count = ["set default keywords", "count keywords"];
    check(leads_state(), fixture::mentions(), &[&begin, &count, &NOT_NULL]);
    let leaves = ["create triggers mentions_1", "create triggers mentions_2"];
    check(partitioned(), fixture::mentions(), &[&begin, &leaves, &count, &NOT_NULL]);
    check(leads_state(), in_mode(Mode::Queue), &[&begin, &count, &NOT_NULL]);
    check(leads_state(), in_mode(Mode::Slots), &[&begin, &count, &NOT_NULL]);
    // Without an index the child is scanned once, and changes are queued meanwhile.
    let end =
        ["replace function mentions", "fold keywords_mentions_keyword_id_pending", "drop guards keywords"];
    check(without_indexes(), fixture::mentions(), &[&begin, &count, &NOT_NULL, &end]);
}

#[test]
fn a_table_of_its_own_gets_rows_first() {
    let mut state = leads_state();
    let mut votes = state.tables[2].clone();
    votes.oid = 50;
    votes.name = QualifiedName::new("app", "votes");
    votes.columns.push(fixture::column("word", "text"));
    state.tables.push(votes);
    let start = world(state);
    let goals = [Goal::Have(fixture::side())];
    let parent = "words_votes_word_counts";
    let expected = [
        format!("create table {parent}"),
        "create triggers votes".to_owned(),
        format!("make rows {parent}"),
        "replace function votes".to_owned(),
        format!("count {parent}"),
        format!("add check {parent}"),
        format!("validate check {parent}"),
        format!("set not null {parent}"),
        format!("drop check {parent}"),
    ];
    assert_eq!(verbs(&start.plan(&goals)), expected);
    let there = check_prefixes(&start, &goals);
    let lack = lack(&fixture::side(), &["votes_count"], false);
    let gone = check_prefixes(&there, &[lack]);
    assert_eq!(gone.fingerprint(), start.fingerprint());
}

fn lack(site: &Site, columns: &[&str], keeps_columns: bool) -> Goal {
    let columns = columns.iter().map(|&column| column.to_owned()).collect();
    Goal::Lack { parent: site.parent.clone(), columns, keeps_columns }
}

const ALL: [&str; 3] = ["active_count", "mentions_count", "score"];

#[test]
fn what_is_dropped_leaves_nothing() {
    for state in [leads_state(), partitioned(), without_indexes()] {
        for mode in [Mode::Inline, Mode::Queue, Mode::Slots] {
            let start = world(state.clone());
            let site = Site { guard: mode == Mode::Inline, ..in_mode(mode) };
            let steps = start.plan(&[Goal::Have(site.clone())]);
            // Also of an add that was cut short anywhere.
            let mut now = start.clone();
            for step in &steps {
                let gone = check_prefixes(&now, &[lack(&site, &ALL, false)]);
                assert_eq!(gone.fingerprint(), start.fingerprint(), "before {step:?}");
                now.apply(step);
            }
            let gone = check_prefixes(&now, &[lack(&site, &ALL, false)]);
            assert_eq!(gone.fingerprint(), start.fingerprint());
        }
    }
}

#[test]
fn goals_of_one_table_are_planned_together() {
    let site = in_mode(Mode::Inline);
    let start = world(leads_state());
    let there = check_prefixes(&start, &[Goal::Have(site.clone())]);
    let together = there.plan(&[lack(&site, &ALL, false)]);
    let one_by_one = ALL.map(|column| lack(&site, &[column], false));
    assert_eq!(there.plan(&one_by_one), together);
    assert_eq!(check_prefixes(&there, &one_by_one).fingerprint(), start.fingerprint());
}

#[test]
fn single_counters_come_and_go() {
    for mode in [Mode::Inline, Mode::Queue, Mode::Slots] {
        let whole = in_mode(mode);
        let mut less = whole.clone();
        less.counters.retain(|counter| counter.column != "active_count");
        let start = check_prefixes(&world(leads_state()), &[Goal::Have(less.clone())]);
        let more = check_prefixes(&start, &[Goal::Have(whole.clone())]);
        assert_eq!(more.state.installed(&whole), Some(whole.clone()));
        let back = check_prefixes(&more, &[lack(&whole, &["active_count"], false)]);
        assert_eq!(back.fingerprint(), start.fingerprint());
    }
}

#[test]
fn columns_that_stay_are_folded_and_released() {
    let site = in_mode(Mode::Queue);
    let mut there = check_prefixes(&world(leads_state()), &[Goal::Have(site.clone())]);
    // A run was cut short before it dropped the check.
    let left = CheckState { name: name::not_null_check("score"), is_validated: true };
    there.state.tables[1].checks.push(left);
    let goals = [lack(&site, &ALL, true)];
    let expected = [
        "drop triggers mentions",
        "fold keywords_mentions_keyword_id_pending",
        "drop guards keywords",
        "release column keywords",
        "drop function perfkit_count_mentions_keyword_id",
    ];
    assert_eq!(verbs(&there.plan(&goals)), expected);
    let gone = check_prefixes(&there, &goals);
    let keywords = gone.state.table(&site.parent).unwrap();
    assert!(keywords.checks.is_empty());
    assert!(ALL.iter().all(|column| keywords.column(column).is_some_and(|column| !column.is_ours())));
}

#[test]
fn columns_of_others_are_counted_and_left_alone() {
    let mut state = leads_state();
    let mut column = fixture::column("mentions_count", "integer");
    column.default = Some("0".to_owned());
    column.is_not_null = true;
    state.tables[1].columns.push(column);
    let start = world(state);
    let goals = [Goal::Have(fixture::mentions())];
    let steps = start.plan(&goals);
    assert_eq!(verbs(&steps), ["guard keys keywords", "create triggers mentions", "count keywords"]);
    assert!(matches!(steps[2].action, Action::Backfill { due: Due::All, .. }));
    let there = check_prefixes(&start, &goals);
    let gone = check_prefixes(&there, &[lack(&fixture::mentions(), &["mentions_count"], false)]);
    assert_eq!(gone.fingerprint(), start.fingerprint());
}

/// The function that counts mentions.
fn counting(state: &mut State) -> &mut FunctionState {
    let mut functions = state.functions.iter_mut();
    functions.find(|it| it.name.name == "perfkit_count_mentions_keyword_id").unwrap()
}

#[test]
fn what_was_changed_is_put_right() {
    let site = fixture::mentions();
    let goals = [Goal::Have(site.clone())];
    let whole = check_prefixes(&world(partitioned()), &goals);
    let check = |change: fn(&mut State), expected: &[&str]| {
        let mut now = whole.clone();
        change(&mut now.state);
        assert_eq!(verbs(&now.plan(&goals)), expected);
        check_prefixes(&now, &goals);
    };
    check(|_| {}, &[]);
    check(|state| state.tables[4].triggers.clear(), &["create triggers mentions_1"]);
    check(|state| state.tables[5].triggers[0].is_enabled = false, &["create triggers mentions_2"]);
    check(|state| state.tables[1].triggers.clear(), &["guard keys keywords"]);
    check(|state| state.tables[1].columns[2].default = None, &["set default keywords"]);
    check(|state| counting(state).body.push(' '), &["replace function mentions"]);
    check(|state| counting(state).config.clear(), &["replace function mentions"]);
    // A detached partition keeps its triggers.
    check(|state| state.tables[4].parents.clear(), &["drop triggers mentions_1"]);
}

#[test]
fn modes_are_switched() {
    let modes = [Mode::Inline, Mode::Queue, Mode::Slots];
    for from in modes {
        let there = check_prefixes(&world(leads_state()), &[Goal::Have(in_mode(from))]);
        for to in modes {
            let now = check_prefixes(&there, &[Goal::Have(in_mode(to))]);
            assert_eq!(now.state.installed(&in_mode(to)).map(|site| site.mode), Some(to));
            let pending = now.state.table(&name::pending(&in_mode(to)));
            assert_eq!(pending.map(TableState::mode_of_pending), (to != Mode::Inline).then_some(to));
            assert_eq!(pending.is_some_and(|it| it.column(XID).is_some()), to == Mode::Queue);
            assert_eq!(pending.is_some_and(|it| it.column(SLOT).is_some()), to == Mode::Slots);
        }
    }
}

#[test]
fn what_is_made_belongs_to_the_owner_of_the_counters() {
    let steps = world(leads_state()).plan(&[Goal::Have(in_mode(Mode::Queue))]);
    let owned: Vec<&str> = steps
        .iter()
        .flat_map(|step| &step.sql)
        .filter(|sql| sql.contains("OWNER TO"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        owned,
        [
            "ALTER TABLE app.keywords_mentions_keyword_id_pending OWNER TO owner",
            "ALTER FUNCTION app.perfkit_count_mentions_keyword_id_key() OWNER TO owner",
            "ALTER FUNCTION app.perfkit_count_mentions_keyword_id_gone() OWNER TO owner",
            "ALTER FUNCTION app.perfkit_count_mentions_keyword_id_emptied() OWNER TO owner",
            "ALTER FUNCTION app.perfkit_count_mentions_keyword_id() OWNER TO owner",
        ]
    );
    let mut own = leads_state();
    own.role = "owner".to_owned();
    let steps = world(own).plan(&[Goal::Have(in_mode(Mode::Queue))]);
    assert!(!steps.iter().any(|step| step.sql.iter().any(|sql| sql.contains("OWNER TO"))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Sites that are wanted one after the other, each cut short anywhere and then given up for the next.
    #[test]
    fn any_way_leads_to_what_is_wanted(
        wishes in prop::collection::vec((0_usize..3, 1_u8..8, any::<bool>(), 0_usize..14), 1..5), has_index: bool,
    ) {
        let mut now = world(if has_index { partitioned() } else { without_indexes() });
        let start = now.fingerprint();
        for (mode, counters, guard, n_steps) in wishes {
            let mode = [Mode::Inline, Mode::Queue, if has_index { Mode::Slots } else { Mode::Inline }][mode];
            let there = now.state.installed(&in_mode(mode)).map(|site| site.counters).unwrap_or_default();
            let mut site = Site { guard, ..in_mode(mode) };
            // What is there stays, as `check::sites` has it.
            let mut bit = 1;
            site.counters.retain(|counter| {
                bit <<= 1;
                counters & (bit >> 1) != 0 || there.contains(counter)
            });
            for step in now.plan(&[Goal::Have(site.clone())]).iter().take(n_steps) {
                now.apply(step);
            }
            let whole = check_prefixes(&now, &[Goal::Have(site.clone())]);
            prop_assert_eq!(whole.state.installed(&site), Some(site));
        }
        let gone = check_prefixes(&now, &[lack(&in_mode(Mode::Inline), &ALL, false)]);
        prop_assert_eq!(gone.fingerprint(), start);
    }
}
