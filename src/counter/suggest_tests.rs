use std::path::Path;

use super::*;
use crate::catalog::{Activity, Column, ColumnStatistics, Reference};
use crate::counter::fixture;
use crate::query;
use crate::yaml as yaml_file;

fn table(oid: u32, name: &str, columns: &[&str], keys: &[(&str, u32)]) -> Table {
    let constraint = |kind: char, column: &str| Constraint {
        kind,
        columns: vec![column.to_owned()],
        ..Constraint::default()
    };
    let mut constraints = vec![constraint('p', "id")];
    constraints.extend(keys.iter().map(|(column, parent)| Constraint {
        references: Some(Reference {
            table: *parent,
            columns: vec!["id".to_owned()],
            ..Reference::default()
        }),
        ..constraint('f', column)
    }));
    Table {
        oid,
        schema: "app".to_owned(),
        name: name.to_owned(),
        columns: columns
            .iter()
            .map(|column| Column {
                name: (*column).to_owned(),
                not_null: *column == "id",
                ..Column::default()
            })
            .collect(),
        constraints,
        ..Table::default()
    }
}

/// Users with keywords with mentions, as [`fixture::leads_state`] has them, and messages between users.
fn catalog() -> Catalog {
    Catalog {
        tables: vec![
            table(1, "users", &["id", "name"], &[]),
            table(2, "keywords", &["id", "user_id", "word"], &[("user_id", 1)]),
            table(3, "mentions", &["id", "keyword_id", "status", "score"], &[("keyword_id", 2)]),
            table(
                5,
                "messages",
                &["id", "sender_id", "receiver_id", "read_at"],
                &[("sender_id", 1), ("receiver_id", 1)],
            ),
        ],
        search_path: vec!["app".to_owned()],
        ..Catalog::default()
    }
}

fn found(sql: &str) -> Vec<Result<Wanted, String>> {
    let catalog = catalog();
    let countings = query::parse(sql).unwrap().countings(&catalog);
    countings.iter().map(|counting| wanted(counting, &catalog)).collect()
}

fn check(sql: &str, expected: Result<(Form, &str), &str>) {
    let found = found(sql);
    assert_eq!(found.len(), 1, "{sql}: {found:?}");
    let found = found.into_iter().next().unwrap().map(|it| (it.form, command(&it.wish)));
    let found =
        found.as_ref().map(|(form, command)| (*form, command.strip_prefix("perfkit counter add ").unwrap()));
    assert_eq!(found.map_err(String::as_str), expected, "{sql}");
}

#[test]
fn counts_by_a_foreign_key_become_counters() {
    let plain = "keywords.mentions_count --counts mentions";
    check("SELECT count(*) FROM mentions WHERE keyword_id = $1", Ok((Form::Single, plain)));
    check("SELECT count(*) FROM app.mentions WHERE keyword_id = 17", Ok((Form::Single, plain)));
    check(
        "SELECT k.*, (SELECT count(*) FROM mentions m WHERE m.keyword_id = k.id) FROM keywords k WHERE user_id = $1",
        Ok((Form::Beside, plain)),
    );
    check("SELECT keyword_id, count(id) FROM mentions GROUP BY keyword_id", Ok((Form::Grouped, plain)));
    check(
        "SELECT k.id, k.word, count(m.id) FROM keywords k LEFT JOIN mentions m ON m.keyword_id = k.id
         WHERE k.user_id = $1 GROUP BY k.id, k.word",
        Ok((Form::Grouped, plain)),
    );
    check(
        "SELECT k.word, count(DISTINCT m.id) FROM mentions m JOIN keywords k ON k.id = m.keyword_id
         WHERE keyword_id = ANY ($1) GROUP BY m.keyword_id, k.word",
        Ok((Form::Grouped, plain)),
    );
}

#[test]
fn conditions_and_sums_name_the_column() {
    check(
        "SELECT count(*) FROM mentions WHERE keyword_id = $1 AND status = 'in review'",
        Ok((
            Form::Single,
            "keywords.in_review_mentions_count --counts mentions --where 'status = '\\''in review'\\'''",
        )),
    );
    check(
        "SELECT count(score) FROM mentions WHERE keyword_id = $1",
        Ok((Form::Single, "keywords.score_mentions_count --counts mentions --where 'score IS NOT NULL'")),
    );
    check(
        "SELECT sum(score) FROM mentions WHERE keyword_id = $1",
        Ok((Form::Single, "keywords.mentions_score_sum --counts mentions --sum score")),
    );
    check(
        "SELECT count(*) FROM messages WHERE receiver_id = $1 AND read_at IS NULL",
        Ok((
            Form::Single,
            "users.not_read_at_messages_count --counts messages --key receiver_id --where 'read_at IS NULL'",
        )),
    );
}

#[test]
fn tables_between_make_a_chain() {
    let chain = "users.mentions_count --counts mentions --through keywords";
    check(
        "SELECT count(*) FROM mentions JOIN keywords ON keywords.id = keyword_id WHERE user_id = $1",
        Ok((Form::Single, chain)),
    );
    check(
        "SELECT u.id, count(m.id) FROM users u LEFT JOIN keywords k ON k.user_id = u.id
         LEFT JOIN mentions m ON m.keyword_id = k.id GROUP BY u.id",
        Ok((Form::Grouped, chain)),
    );
    check(
        "SELECT (SELECT count(*) FROM mentions m JOIN keywords k ON k.id = m.keyword_id WHERE k.user_id = u.id) FROM users u",
        Ok((Form::Beside, chain)),
    );
}

#[test]
fn says_why_there_is_no_counter() {
    for (sql, reason) in [
        ("SELECT count(*) FROM mentions WHERE status = $1", "it does not count by a foreign key"),
        (
            "SELECT count(*) FROM mentions WHERE keyword_id = $1 AND status = $2",
            "status is another from call to call",
        ),
        (
            "SELECT count(*) FROM mentions WHERE keyword_id = $1 AND score > $2",
            "score > $2 is another condition from call to call",
        ),
        ("SELECT keyword_id, status, count(*) FROM mentions GROUP BY 1, 2", "it groups by status as well"),
        (
            "SELECT k.id, count(*) FROM keywords k LEFT JOIN mentions m ON m.keyword_id = k.id GROUP BY k.id",
            "count(*) of an outer join counts 1 where there is none",
        ),
        (
            "SELECT count(*) FROM mentions m JOIN keywords k ON k.id = m.keyword_id WHERE user_id = $1 AND word = 'x'",
            "word = 'x' is a condition on keywords, which is between",
        ),
        (
            "SELECT count(DISTINCT score) FROM mentions WHERE keyword_id = $1",
            "it counts how many score differ",
        ),
        ("SELECT count(*) FROM strangers s WHERE s.keyword_id = $1", "strangers is no known table"),
    ] {
        check(sql, Err(reason));
    }
}

#[test]
fn what_cannot_be_kept_is_refused_before() {
    let state = fixture::leads_state();
    let plain = Wish::new("keywords", "mentions");
    assert_eq!(kept(&plain, None, &state), Ok(None));
    let through = Wish { through: Columns(vec!["keywords".to_owned()]), ..Wish::new("users", "mentions") };
    assert_eq!(kept(&through, None, &state), Ok(None));
    let sum = Wish { sum: Some("ratio".to_owned()), ..plain.clone() };
    let refused = kept(&sum, Some("double precision"), &state).unwrap_err();
    assert!(refused.contains("does not add up exactly"), "{refused}");
    let mut installed = state;
    let site = fixture::mentions();
    installed.functions.push(crate::counter::state::FunctionState {
        name: crate::counter::name::function(&site),
        body: crate::counter::triggers::body(&site),
        ..Default::default()
    });
    assert_eq!(kept(&plain, None, &installed), Ok(Some("keywords.mentions_count".to_owned())));
}

#[test]
fn costs_follow_from_how_a_statement_counts() {
    let check = |form, before, rows, expected: f64| {
        let after = cost_after(form, before, rows, (40.0, 8.0, 300.0));
        assert!((after - expected).abs() < 1e-9, "{form:?}: {after}");
    };
    check(Form::Single, 40.0, 1.0, 8.0);
    check(Form::Single, 5.0, 1.0, 5.0);
    check(Form::Beside, 1_000.0, 20.0, 200.0);
    check(Form::Beside, 100.0, 20.0, 8.0);
    check(Form::Grouped, 5_000.0, 20.0, 160.0);
    check(Form::Grouped, 5_000.0, 1_000.0, 300.0);
}

#[test]
fn hot_parents_are_written_another_way() {
    let check =
        |writes_per_s: Option<f64>, hot_share: Option<f64>, n_waiting, reads: Option<f64>, expected| {
            let price = WritePrice { writes_per_s, hot_share, n_waiting };
            assert_eq!(mode(&price, true, reads).0, expected, "{price:?}");
        };
    check(Some(1_000.0), Some(0.01), 0, None, Mode::Inline);
    check(Some(1_000.0), Some(0.5), 0, None, Mode::Queue);
    check(Some(1_000.0), Some(0.5), 0, Some(5_000.0), Mode::Slots);
    check(Some(2.0), Some(0.9), 0, None, Mode::Inline);
    check(None, Some(0.9), 0, None, Mode::Queue);
    check(None, None, 3, None, Mode::Queue);
    let price = WritePrice { writes_per_s: Some(1_000.0), hot_share: Some(0.5), n_waiting: 0 };
    assert_eq!(
        mode(&price, false, Some(5_000.0)),
        (Mode::Queue, Some("one parent gets 50 % of the writes".to_owned()))
    );
}

#[test]
fn writes_are_priced_by_what_the_server_has_counted() {
    let mut catalog = catalog();
    catalog.counted_s = Some(100.0);
    catalog.tables[2].activity =
        Some(Activity { n_inserted: 500, n_updated: 300, n_deleted: 200, ..Activity::default() });
    catalog.tables[2].columns[1].statistics =
        Some(ColumnStatistics { most_common_freqs: Some(vec![0.25, 0.1]), ..ColumnStatistics::default() });
    let countings =
        query::parse("SELECT count(*) FROM mentions WHERE keyword_id = $1").unwrap().countings(&catalog);
    let wanted = wanted(&countings[0], &catalog).unwrap();
    assert_eq!(
        price(&wanted, &catalog),
        WritePrice { writes_per_s: Some(10.0), hot_share: Some(0.25), n_waiting: 0 }
    );
}

#[test]
fn probes_are_statements_of_one_parent() {
    let sql = "SELECT count(*) FROM mentions JOIN keywords ON keywords.id = keyword_id WHERE user_id = $1";
    let wanted = found(sql).remove(0).unwrap();
    let probes = probes(&wanted, &catalog()).unwrap();
    assert_eq!(
        probes,
        [
            "SELECT pg_catalog.count(*) FROM app.mentions AS t0 JOIN app.keywords AS t1 ON t0.keyword_id = t1.id WHERE t1.user_id = $1",
            "SELECT id FROM app.users WHERE id = $1",
            "SELECT id FROM app.users",
        ]
    );
}

#[test]
fn the_item_for_perfkit_yaml_is_read_back() {
    let wish = Wish {
        column: Some("open".to_owned()),
        key: Columns(vec!["tenant".to_owned(), "order".to_owned()]),
        condition: Some("status <> 'it''s, {done}'".to_owned()),
        sum: Some("a: b".to_owned()),
        mode: Some(Mode::Queue),
        ..Wish::new("app.orders", "null")
    };
    let read: Vec<Wish> = yaml_file::parse(Path::new("p"), &yaml(&wish)).unwrap();
    assert_eq!(read, [wish]);
}

#[test]
fn one_name_stands_for_one_counter() {
    let open =
        Wish { condition: Some("a = 'x'".to_owned()), column: Some("n".to_owned()), ..Wish::new("p", "c") };
    let mut other = Wish { condition: Some("b = 'x'".to_owned()), ..open.clone() };
    apart(std::slice::from_ref(&open), &mut other);
    assert_eq!(other.column(), "n_2");
    let mut same = open.clone();
    apart(&[open, other], &mut same);
    assert_eq!(same.column(), "n");
}
