use super::*;
use crate::counter::backfill::{Due, Protocol, sql};
use crate::counter::fixture;
use crate::counter::site::{Counter, Storage};
use crate::counter::{FORMAT, verify};
use crate::query;
use proptest::prelude::*;

fn check(name: &str, sql: &[String]) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, format!("{};\n", sql.join(";\n")));
    });
}

fn in_mode(site: Site, mode: Mode) -> Site {
    Site { mode, ..site }
}

/// All that is made for a site.
fn all(site: &Site) -> Vec<String> {
    let mut sql = pending_table(site);
    if site.is_side() {
        sql.push(side_table(site));
    }
    sql.extend(function(site));
    sql.extend(triggers(site, &site.child).into_iter().map(|trigger| trigger.sql));
    for guard in guard::guards(site) {
        sql.extend(guard.create());
        sql.extend(guard.triggers.into_iter().map(|trigger| trigger.sql));
    }
    sql
}

/// All that is sent while parents are counted and compared.
fn batches(site: &Site) -> Vec<String> {
    let mut sql = vec![verify::checked(site), verify::drifted(site), verify::by_leaf(site)];
    for due in [Due::Uncounted, Due::All] {
        sql.extend([
            sql::take_next(site, due, false),
            sql::take_next(site, due, true),
            sql::take_keys(site, due),
        ]);
    }
    for protocol in [Protocol::LockThenCount, Protocol::LockThenScan, Protocol::Snapshot, Protocol::Publish] {
        sql.extend(sql::put_aside(site, protocol));
        sql.push(sql::count(site, protocol));
    }
    if site.has_pending() {
        sql.extend([sql::fold_take(site), sql::fold_add(site), sql::fold_orphans(site)]);
    }
    if site.is_side() {
        sql.extend([sql::next_child_keys(site, false), sql::next_child_keys(site, true)]);
        sql.extend([sql::make_rows(site), sql::make_all_rows(site)]);
    }
    sql.extend(sql::scan(site));
    sql
}

#[test]
fn inline_functions() {
    check("inline_one", &all(&fixture::mentions()));
    check("inline_three", &all(&fixture::mentions_of_all_kinds()));
    check("inline_composite", &all(&Site { guard: true, ..fixture::composite() }));
}

#[test]
fn queue_functions() {
    check("queue_one", &all(&in_mode(fixture::mentions(), Mode::Queue)));
    check("queue_composite", &all(&in_mode(fixture::composite(), Mode::Queue)));
}

#[test]
fn slots_functions() {
    check("slots_three", &all(&in_mode(fixture::mentions_of_all_kinds(), Mode::Slots)));
    check("slots_composite", &all(&in_mode(fixture::composite(), Mode::Slots)));
}

#[test]
fn side_functions() {
    check("side", &all(&fixture::side()));
    check("side_filling", &all(&Site { storage: Storage::SideFilling, ..fixture::side() }));
}

#[test]
fn batch_statements() {
    check("batches_inline", &batches(&fixture::mentions()));
    check("batches_queue", &batches(&in_mode(fixture::mentions_of_all_kinds(), Mode::Queue)));
    check("batches_slots_composite", &batches(&in_mode(fixture::composite(), Mode::Slots)));
    check("batches_side", &batches(&fixture::side()));
}

#[test]
fn quotes_by_dollars_hold_any_text() {
    for (text, expected) in [
        ("a", "$t$a$t$"),
        ("a $t$ b", "$t2$a $t$ b$t2$"),
        ("$t$ $t2$", "$t3$$t$ $t2$$t3$"),
        // The end would make a quote with the first dollar.
        ("a$t", "$t2$a$t$t2$"),
    ] {
        assert_eq!(dollar_quoted(text, "t"), expected);
    }
}

/// Names that look like what surrounds them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,8}",
        "\\PC{1,20}",
        Just("x".repeat(63)),
        Just("perfkit_k1".to_owned()),
        Just("k1".to_owned()),
        Just("d1".to_owned()),
        Just("select".to_owned()),
        Just("a\"b.c'd".to_owned()),
        Just("$perfkit$ */ $counted$".to_owned()),
    ]
    .prop_filter("the server refuses it", |name| !name.contains('\0'))
}

fn any_site() -> impl Strategy<Value = Site> {
    let table = || (name(), name()).prop_map(|(schema, name)| QualifiedName { schema, name });
    let texts = || {
        prop::option::of(prop_oneof![
            Just("(a = '$perfkit$ $counted$ */ /* \\'::text)".to_owned()),
            Just("(lower(b) <> ''::text)".to_owned()),
            Just("(c % 2)".to_owned()),
        ])
    };
    let counter = (name(), texts(), texts()).prop_map(|(column, condition, sum)| Counter {
        column,
        type_name: "bigint".to_owned(),
        condition,
        sum,
    });
    let pair = (name(), name()).prop_map(|(child, parent)| fixture::pair(&child, &parent, "bigint"));
    let mode = prop_oneof![Just(Mode::Inline), Just(Mode::Queue), Just(Mode::Slots)];
    let storage = prop_oneof![Just(Storage::Column), Just(Storage::SideFilling), Just(Storage::Side)];
    let lists = (prop::collection::vec(pair, 1..4), prop::collection::vec(counter, 1..4));
    (table(), table(), lists, mode, storage, any::<bool>()).prop_map(
        |(child, parent, (key, counters), mode, storage, guard)| Site {
            format: FORMAT,
            child,
            parent,
            key,
            counters,
            mode: if storage == Storage::Column { mode } else { Mode::Inline },
            afterwards: None,
            storage,
            guard,
        },
    )
}

proptest! {
    // Each case parses some thirty long statements.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_function_tells_its_site(site in any_site()) {
        let body = body(&site);
        prop_assert_eq!(registry::read(&body), Some(Ok(site.clone())));
        // The server keeps what is between the quotes.
        let create = function(&site).remove(0);
        prop_assert_eq!(create.matches(&body).count(), 1);
        prop_assert_eq!(body.matches("/* perfkit counter").count(), 1);
    }

    #[test]
    fn statements_parse(site in any_site()) {
        for sql in batches(&site).into_iter().filter(|sql| !sql.starts_with("DROP") && !sql.starts_with("ANALYZE")) {
            prop_assert!(query::parse(&sql).is_ok(), "{}: {:?}", sql, query::parse(&sql).err());
        }
        for sql in all(&site) {
            let count = query::split(&sql).map(|statements| statements.len());
            prop_assert_eq!(count.ok(), Some(1), "{}", sql);
        }
    }

    #[test]
    fn bad_bodies_never_panic(body in "(/\\* perfkit counter )?[{}\":,a-z0-9 */]{0,40}") {
        let _ = registry::read(&body);
    }
}
