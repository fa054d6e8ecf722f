use super::*;
use crate::counter::fixture::{self, leads_state};
use crate::counter::spec::Columns;
use crate::counter::state::{COMMENT, ColumnState, FunctionState, Looseness, TriggerState};
use crate::counter::triggers;

fn wish(table: &str, counts: &str) -> Wish {
    Wish::new(table, counts)
}

fn refused(wish: &Wish, state: &State) -> String {
    let refusal = resolve(wish, state).unwrap_err();
    let hint = refusal.hint().map(|hint| format!(" | {hint}")).unwrap_or_default();
    format!("{refusal}{hint}")
}

/// Resolves a wish whose texts the server leaves as they are.
fn resolved(wish: &Wish, state: &State, sum_type: &str) -> Result<Resolved, Refusal> {
    let sum = wish.sum.clone().map(|sql| CanonicalSum { sql, type_name: sum_type.to_owned() });
    complete(resolve(wish, state)?, Canonical { condition: wish.condition.clone(), sum })
}

#[test]
fn the_only_foreign_key_is_the_key() {
    let state = leads_state();
    let found = resolve(&wish("keywords", "mentions"), &state).unwrap();
    assert_eq!(found.site, fixture::mentions());
    let mut named = wish("app.keywords", "app.mentions");
    named.key = Columns(vec!["keyword_id".to_owned()]);
    assert_eq!(resolve(&named, &state).unwrap().site, fixture::mentions());
}

#[test]
fn pairs_follow_the_order_of_the_unique_key() {
    let mut state = leads_state();
    let strings = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let keywords = &mut state.tables[1];
    keywords.unique_keys.push(strings(["user_id", "id"]));
    let mentions = &mut state.tables[2];
    mentions.foreign_keys = vec![ForeignKeyState {
        name: "f".to_owned(),
        columns: strings(["keyword_id", "status"]),
        parent: QualifiedName::new("app", "keywords"),
        parent_columns: strings(["id", "user_id"]),
        looseness: None,
    }];
    let site = resolve(&wish("keywords", "mentions"), &state).unwrap().site;
    let pairs: Vec<(&str, &str)> =
        site.key.iter().map(|it| (it.child.as_str(), it.parent.as_str())).collect();
    assert_eq!(pairs, [("status", "user_id"), ("keyword_id", "id")]);
}

#[test]
fn what_is_not_there_is_named_with_the_nearest() {
    let state = leads_state();
    assert_eq!(
        refused(&wish("keyword", "mentions"), &state),
        "table \"keyword\" does not exist | Did you mean \"keywords\"?"
    );
    let mut named = wish("keywords", "mentions");
    named.key = Columns(vec!["keywordid".to_owned()]);
    assert_eq!(
        refused(&named, &state),
        "column \"keywordid\" of table app.mentions does not exist | Did you mean \"keyword_id\"?"
    );
}

#[test]
fn a_key_must_hold_at_all_times() {
    let mut state = leads_state();
    assert_eq!(
        refused(&wish("users", "mentions"), &state),
        "table app.mentions has no foreign key to app.users | Keep the counter in a table of its own with --storage side."
    );
    let second =
        ForeignKeyState { columns: vec!["status".to_owned()], ..state.tables[2].foreign_keys[0].clone() };
    state.tables[2].foreign_keys.push(second);
    assert_eq!(
        refused(&wish("keywords", "mentions"), &state),
        "table app.mentions has 2 foreign keys to app.keywords | Name the columns that refer to it with --key: keyword_id or \
         status."
    );
    let mut state = leads_state();
    for (looseness, expected) in [
        (
            Looseness::Deferrable,
            "is deferrable, so that a child may come before its parent | Use --storage side.",
        ),
        (
            Looseness::NotEnforced,
            "is not enforced, so that a child may come before its parent | Use --storage side.",
        ),
        (
            Looseness::NotValid,
            "is not valid, so that a child may come before its parent | Validate it with ALTER TABLE … VALIDATE CONSTRAINT, or \
             use --storage side.",
        ),
    ] {
        state.tables[2].foreign_keys[0].looseness = Some(looseness);
        assert_eq!(
            refused(&wish("keywords", "mentions"), &state),
            format!("foreign key \"mentions_keyword_id_fkey\" of app.mentions {expected}")
        );
    }
    let mut state = leads_state();
    state.tables[1].columns[0].has_system_operators = false;
    state.tables[1].columns[0].type_name = "public.citext".to_owned();
    assert_eq!(
        refused(&wish("keywords", "mentions"), &state),
        "key column \"id\" is of type public.citext, whose operators are not the system's own"
    );
}

#[test]
fn keys_without_a_parent_get_a_table() {
    let state = leads_state();
    let mut by_status = wish("statuses", "mentions");
    by_status.storage = StorageWish::Side;
    assert_eq!(refused(&by_status, &state), "table \"statuses\" does not exist");
    by_status.key = Columns(vec!["status".to_owned()]);
    let site = resolve(&by_status, &state).unwrap().site;
    assert_eq!(
        (site.parent.sql().as_str(), site.storage),
        ("app.statuses_mentions_status_counts", Storage::SideFilling)
    );
    assert_eq!(site.key, [fixture::pair("status", "status", "text")]);
    let mut of_foreign_key = wish("keywords", "mentions");
    of_foreign_key.storage = StorageWish::Side;
    let site = resolve(&of_foreign_key, &state).unwrap().site;
    assert_eq!(site.key, [fixture::pair("keyword_id", "keyword_id", "integer")]);
    of_foreign_key.mode = Some(Mode::Queue);
    assert_eq!(refused(&of_foreign_key, &state), "counters in a table of their own are kept inline");
}

#[test]
fn slots_need_an_index() {
    let mut state = leads_state();
    let slots = Wish { mode: Some(Mode::Slots), ..wish("keywords", "mentions") };
    assert!(resolve(&slots, &state).is_ok());
    state.tables[2].indexes.clear();
    assert_eq!(
        refused(&slots, &state),
        "mode slots needs an index of app.mentions that begins with (keyword_id) | Create it, or use --mode queue."
    );
}

#[test]
fn only_tables_whose_changes_triggers_see() {
    let check = |change: fn(&mut State), expected: &str| {
        let mut state = leads_state();
        change(&mut state);
        assert_eq!(refused(&wish("keywords", "mentions"), &state), expected);
    };
    check(
        |state| state.tables[2].kind = Kind::View,
        "app.mentions is a view | Count rows of a table, into a table.",
    );
    check(
        |state| state.tables[1].kind = Kind::Temporary,
        "app.keywords is a temporary table | Count rows of a table, into a table.",
    );
    check(
        |state| state.tables[2].is_subscribed = true,
        "a subscription applies changes to app.mentions, which triggers of statements do not see",
    );
    check(
        |state| {
            let name = QualifiedName::new("far", "away");
            let parents = vec![state.tables[2].oid];
            state.tables.push(TableState {
                oid: 99,
                name,
                kind: Kind::Foreign,
                parents,
                ..TableState::default()
            });
        },
        "partition far.away of app.mentions is a foreign table, whose changes triggers do not see",
    );
}

fn last(state: &mut State) -> &mut ColumnState {
    state.tables[1].columns.last_mut().unwrap()
}

#[test]
fn columns_that_are_there_must_suit() {
    let check = |change: fn(&mut State), expected: Result<&str, &str>| {
        let mut state = leads_state();
        let mut column = fixture::column("mentions_count", "bigint");
        column.default = Some("0".to_owned());
        state.tables[1].columns.push(column);
        change(&mut state);
        match (resolved(&wish("keywords", "mentions"), &state, ""), expected) {
            (Ok(found), Ok(type_name)) => assert_eq!(found.site.counters[0].type_name, type_name),
            (Err(refusal), Err(expected)) => assert_eq!(refusal.to_string(), expected),
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    };
    check(|_| {}, Ok("bigint"));
    check(|state| last(state).type_name = "integer".to_owned(), Ok("bigint"));
    check(|state| last(state).type_name = "numeric".to_owned(), Ok("numeric"));
    check(|state| last(state).default = Some("'0'::bigint".to_owned()), Ok("bigint"));
    check(|state| last(state).default = Some("(0)::numeric".to_owned()), Ok("bigint"));
    check(
        |state| last(state).default = Some("10".to_owned()),
        Err("column \"mentions_count\" of app.keywords is 10 by default"),
    );
    check(
        |state| last(state).type_name = "smallint".to_owned(),
        Err("column \"mentions_count\" of app.keywords is of type smallint"),
    );
    check(
        |state| last(state).is_generated = true,
        Err("column \"mentions_count\" of app.keywords is generated"),
    );
    check(
        |state| state.tables[1].unique_keys.push(vec!["mentions_count".to_owned()]),
        Err("column \"mentions_count\" of app.keywords is part of a key"),
    );
}

#[test]
fn sums_add_up_exactly() {
    let check = |sum_type: &str, column_type: Option<&str>, expected: Result<&str, &str>| {
        let mut state = leads_state();
        if let Some(type_name) = column_type {
            state.tables[1].columns.push(fixture::column("mentions_count", type_name));
        }
        let mut wish = wish("keywords", "mentions");
        wish.sum = Some("score".to_owned());
        let found = resolved(&wish, &state, sum_type).map(|it| it.site.counters[0].type_name.clone());
        assert_eq!(
            found.map_err(|refusal| refusal.to_string()),
            expected.map(str::to_owned).map_err(str::to_owned)
        );
    };
    check("integer", None, Ok("bigint"));
    check("bigint", None, Ok("bigint"));
    check("numeric", None, Ok("numeric"));
    check("bigint", Some("numeric"), Ok("numeric"));
    check(
        "double precision",
        None,
        Err("the sum is of type double precision, which does not add up exactly"),
    );
    check(
        "numeric",
        Some("bigint"),
        Err("column \"mentions_count\" of app.keywords is of type bigint, and the sum is numeric"),
    );
}

#[test]
fn rights_are_needed() {
    let check = |change: fn(&mut State), expected: &str| {
        let mut state = leads_state();
        change(&mut state);
        assert_eq!(refused(&wish("keywords", "mentions"), &state), expected);
        assert!(resolve(&wish("keywords", "mentions"), &state).unwrap_err().is_about_rights());
    };
    check(
        |state| state.tables[1].rights.is_owned = false,
        "role \"kit\" does not own table app.keywords | Run it as \"owner\", or as a member of that role.",
    );
    check(
        |state| state.tables[2].rights.may_create_in_schema = false,
        "role \"kit\" may not create in schema \"app\" | GRANT CREATE ON SCHEMA app TO kit.",
    );
    check(
        |state| state.tables[2].rights.hides_rows = true,
        "row security hides rows of app.mentions | Run it as a role with BYPASSRLS.",
    );
}

fn with_function(body: String) -> State {
    let mut state = leads_state();
    let name = name::function(&fixture::mentions());
    state.functions.push(FunctionState { name, body, ..FunctionState::default() });
    state
}

#[test]
fn what_others_have_made_is_left_alone() {
    let plain = wish("keywords", "mentions");
    assert_eq!(
        refused(&plain, &with_function("BEGIN END".to_owned())),
        "app.perfkit_count_mentions_keyword_id exists, and perfkit has not made it | Rename \
         app.perfkit_count_mentions_keyword_id."
    );
    assert_eq!(
        refused(&plain, &with_function("/* perfkit counter {\"format\":9} */".to_owned())),
        "function app.perfkit_count_mentions_keyword_id cannot be read: it is of form 9; this perfkit reads forms up to 1 | Use \
         a newer perfkit."
    );
    let mut state = leads_state();
    let name = name::pending(&fixture::mentions());
    state.tables.push(TableState { name, ..TableState::default() });
    assert_eq!(
        refused(&plain, &state),
        "app.keywords_mentions_keyword_id_pending exists, and perfkit has not made it | Rename \
         app.keywords_mentions_keyword_id_pending."
    );
    state.tables.last_mut().unwrap().comment = Some(COMMENT.to_owned());
    assert!(resolve(&plain, &state).is_ok());
    // The column is kept by triggers on another table.
    let other =
        fixture::site("leads", "keyword_id", "keywords", vec![fixture::count("mentions_count", None)]);
    let mut state = leads_state();
    let body = triggers::body(&other);
    state.functions.push(FunctionState { name: name::function(&other), body, ..FunctionState::default() });
    assert_eq!(
        refused(&plain, &state),
        "app.keywords.mentions_count already counts app.leads, by another key or table | Use another column, or drop that counter \
         first: perfkit counter drop app.keywords.mentions_count."
    );
}

#[test]
fn counters_of_one_key_are_kept_together() {
    let state = leads_state();
    let of = |column: &str, condition: Option<&str>, mode: Option<Mode>| {
        let wish = Wish {
            column: Some(column.to_owned()),
            condition: condition.map(str::to_owned),
            mode,
            ..wish("keywords", "mentions")
        };
        resolved(&wish, &state, "").unwrap()
    };
    let found = sites(&[of("b", None, None), of("a", Some("x"), Some(Mode::Queue))], &state).unwrap();
    let columns: Vec<&str> = found[0].counters.iter().map(|counter| counter.column.as_str()).collect();
    assert_eq!((found.len(), columns, found[0].mode), (1, vec!["a", "b"], Mode::Queue));
    let modes = sites(&[of("a", None, Some(Mode::Slots)), of("b", None, Some(Mode::Queue))], &state);
    assert_eq!(
        modes.unwrap_err().to_string(),
        "counters of app.keywords by app.mentions cannot be kept in mode slots and in mode queue"
    );
    let twice = sites(&[of("a", None, None), of("a", Some("x"), None)], &state);
    assert_eq!(twice.unwrap_err().to_string(), "app.keywords.a is there with another condition or sum");
}

#[test]
fn what_is_there_stays() {
    let there = Site { mode: Mode::Queue, ..fixture::mentions_of_all_kinds() };
    let state = with_function(triggers::body(&there));
    let wish = Wish { column: Some("b".to_owned()), ..wish("keywords", "mentions") };
    let found = sites(&[resolved(&wish, &state, "").unwrap()], &state).unwrap();
    let columns: Vec<&str> = found[0].counters.iter().map(|counter| counter.column.as_str()).collect();
    assert_eq!((columns, found[0].mode), (vec!["active_count", "b", "mentions_count", "score"], Mode::Queue));
    let slots = Wish { mode: Some(Mode::Slots), ..wish };
    let found = sites(&[resolved(&slots, &state, "").unwrap()], &state).unwrap();
    assert_eq!(found[0].mode, Mode::Slots);
}

#[test]
fn what_is_to_be_known_is_said() {
    let check = |site: &Site, change: fn(&mut State), expected: &[Note]| {
        let mut state = leads_state();
        change(&mut state);
        assert_eq!(notes(site, &state), expected);
    };
    let plain = fixture::mentions();
    check(&plain, |_| {}, &[Note::Truncate]);
    check(&Site { mode: Mode::Queue, ..plain.clone() }, |_| {}, &[Note::Fold, Note::Truncate]);
    let scan = Note::Scan { child: plain.child.clone(), columns: vec!["keyword_id".to_owned()] };
    check(&plain, |state| state.tables[2].indexes.clear(), &[scan, Note::Truncate]);
    let triggers = Note::ParentTriggers { parent: plain.parent.clone(), triggers: vec!["touch".to_owned()] };
    let touch = |state: &mut State| {
        for (name, fires_for_updated_rows) in [("touch", true), ("other", false)] {
            let function = QualifiedName::new("app", name);
            let trigger =
                TriggerState { name: name.to_owned(), function, is_enabled: true, fires_for_updated_rows };
            state.tables[1].triggers.push(trigger);
        }
    };
    check(&plain, touch, &[triggers, Note::Truncate]);
    let integer =
        |state: &mut State| state.tables[1].columns.push(fixture::column("mentions_count", "integer"));
    check(&plain, integer, &[Note::Integer("mentions_count".to_owned()), Note::Truncate]);
    let numeric = Counter { type_name: "numeric".to_owned(), ..fixture::sum("total", "score") };
    let numeric = Site { counters: vec![numeric], ..plain };
    check(&numeric, |_| {}, &[Note::NotANumber("total".to_owned()), Note::Truncate]);
}
