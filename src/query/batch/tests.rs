//! Many shapes, and what becomes of them.

use super::*;
use proptest::prelude::*;

use crate::query::parse;

fn types(n: usize) -> Vec<String> {
    (0..n).map(|n| if n == 0 { "integer" } else { "text" }.to_owned()).collect()
}

fn check(sql: &str, keys: &[usize], expected: &[&str]) {
    let types = types(4);
    let repeated = Repeated { sql, keys, types: &types };
    let found = batches(&repeated).unwrap_or_else(|obstacle| panic!("{sql}: {obstacle}"));
    let written: Vec<String> = found
        .iter()
        .map(|batch| {
            assert!(parse(&batch.sql).is_ok(), "{}", batch.sql);
            let flat = batch.sql.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{}: {}", batch.form.name(), flat)
        })
        .collect();
    assert_eq!(written, expected, "{sql}");
}

fn refused(sql: &str, keys: &[usize], expected: &str) {
    let types = types(4);
    let found = batches(&Repeated { sql, keys, types: &types });
    let reason = found.err().unwrap_or_else(|| panic!("{sql} is written")).to_string();
    assert!(reason.contains(expected), "{sql}: {reason}");
}

#[test]
fn look_ups_ask_for_any_key() {
    check(
        "SELECT id, name FROM users WHERE id = $1",
        &[0],
        &[
            "any: SELECT id, name FROM users WHERE id = ANY ($1::integer[])",
            "lateral: SELECT keys.ord, child.* FROM unnest($1::integer[]) WITH ORDINALITY AS keys (key, ord) \
             CROSS JOIN LATERAL ( SELECT id, name FROM users WHERE id = keys.key ) AS child ORDER BY keys.ord",
        ],
    );
}

#[test]
fn the_key_is_added_where_it_is_not_returned() {
    check(
        "SELECT u.name FROM users u JOIN teams t ON t.id = u.team WHERE t.kind = $2 AND u.id = $1",
        &[0],
        &[
            "any: SELECT u.id, u.name FROM users u JOIN teams t ON t.id = u.team WHERE t.kind = $2 AND u.id = ANY ($1::integer[])",
            "lateral: SELECT keys.ord, child.* FROM unnest($1::integer[]) WITH ORDINALITY AS keys (key, ord) \
             CROSS JOIN LATERAL ( SELECT u.name FROM users u JOIN teams t ON t.id = u.team WHERE t.kind = $2 AND u.id = keys.key ) AS child ORDER BY keys.ord",
        ],
    );
    let types = types(2);
    let of = |sql| batches(&Repeated { sql, keys: &[0], types: &types }).unwrap().swap_remove(0);
    assert_eq!(of("SELECT * FROM users WHERE id = $1").key, KeyPlace::Named("id".to_owned()));
    assert_eq!(of("SELECT name, users.id FROM users WHERE id = $1").key, KeyPlace::Column(1));
    let added = of("SELECT name FROM users WHERE id = $1");
    assert_eq!((added.key, added.n_before), (KeyPlace::Column(0), 1));
}

#[test]
fn numbers_of_other_parameters_follow_those_of_keys() {
    let types = types(3);
    let sql = "SELECT id FROM t WHERE a = $1 AND b = $2 AND c = $3 AND d = $1";
    let found = batches(&Repeated { sql, keys: &[1], types: &types }).unwrap();
    assert!(
        found[0].sql.ends_with("WHERE a = $2 AND b = ANY ($1::text[]) AND c = $3 AND d = $2"),
        "{}",
        found[0].sql
    );
    assert_eq!(found[0].arguments, [Argument::Keys(0), Argument::Same(0), Argument::Same(2)]);
}

#[test]
fn rows_of_each_key_keep_their_limit_and_order() {
    check(
        "SELECT id FROM posts WHERE author_id = $1 ORDER BY created_at DESC LIMIT 3",
        &[0],
        &["lateral: SELECT keys.ord, child.* FROM unnest($1::integer[]) WITH ORDINALITY AS keys (key, ord) \
           CROSS JOIN LATERAL ( SELECT child.*, row_number() OVER () AS place FROM \
           (SELECT id FROM posts WHERE author_id = keys.key ORDER BY created_at DESC LIMIT 3) AS child ) AS child \
           ORDER BY keys.ord, child.place"],
    );
    check(
        "SELECT id FROM posts WHERE author_id = $1 ORDER BY created_at DESC LIMIT 1",
        &[0],
        &["lateral: SELECT keys.ord, child.* FROM unnest($1::integer[]) WITH ORDINALITY AS keys (key, ord) \
           CROSS JOIN LATERAL ( SELECT id FROM posts WHERE author_id = keys.key ORDER BY created_at DESC LIMIT 1 ) AS child \
           ORDER BY keys.ord"],
    );
}

#[test]
fn counts_are_grouped_and_zero_where_there_is_no_row() {
    let types = types(2);
    let sql = "SELECT count(*), sum(size) AS total, count(a) FROM notes WHERE author_id = $1 AND kind = 'x'";
    let found = batches(&Repeated { sql, keys: &[0], types: &types }).unwrap();
    assert_eq!(found.iter().map(|it| it.form).collect::<Vec<_>>(), [Form::Grouped, Form::Lateral]);
    insta::assert_snapshot!(found[0].sql, @r"
    SELECT keys.ord, coalesce(child.count, 0) AS count, child.total, coalesce(child.count_2, 0) AS count_2
    FROM unnest($1::integer[]) WITH ORDINALITY AS keys (key, ord)
    LEFT JOIN (
      SELECT author_id, count(*), sum(size) AS total, count(a) FROM notes WHERE author_id = ANY ($1::integer[]) AND kind = 'x' GROUP BY author_id
    ) AS child (key, count, total, count_2) ON child.key = keys.key
    ORDER BY keys.ord
    ");
}

#[test]
fn all_else_runs_for_each_key_in_one_statement() {
    let forms = |sql: &str, keys: &[usize]| {
        let types = types(4);
        let found = batches(&Repeated { sql, keys, types: &types });
        found.unwrap_or_else(|it| panic!("{sql}: {it}")).iter().map(|it| it.form.name()).collect::<Vec<_>>()
    };
    for (sql, keys) in [
        ("SELECT DISTINCT name FROM t WHERE id = $1", &[0][..]),
        ("SELECT a, count(*) FROM t WHERE id = $1 GROUP BY a", &[0]),
        ("SELECT max(a) + 1 FROM t WHERE id = $1", &[0]),
        ("SELECT a FROM t WHERE id = $1 OR b = 2", &[0]),
        ("SELECT a FROM t WHERE id > $1", &[0]),
        ("SELECT a FROM t WHERE id = $1::bigint", &[0]),
        ("SELECT a FROM t WHERE $1 = id", &[0]),
        ("SELECT a FROM t WHERE id = $1 AND b < $1", &[0]),
        ("SELECT a FROM t WHERE id = $1 AND b = $2", &[0, 1]),
        ("SELECT a FROM t WHERE id = $1 UNION ALL SELECT b FROM u WHERE id = 1", &[0]),
        ("WITH x AS (SELECT a FROM t WHERE id = $1) SELECT a FROM x", &[0]),
        ("SELECT a, rank() OVER (ORDER BY a) FROM t WHERE id = $1", &[0]),
        ("SELECT EXISTS (SELECT 1 FROM t WHERE id = $1)", &[0]),
        ("SELECT a FROM t WHERE lower(b) = $1", &[0]),
    ] {
        assert_eq!(forms(sql, keys), ["lateral"], "{sql}");
    }
    check(
        "SELECT a FROM keys WHERE id = $1 AND b = $2",
        &[0, 1],
        &[
            "lateral: SELECT keys_1.ord, child.* FROM unnest($1::integer[], $2::text[]) WITH ORDINALITY AS keys_1 (key1, key2, ord) \
           CROSS JOIN LATERAL ( SELECT a FROM keys WHERE id = keys_1.key1 AND b = keys_1.key2 ) AS child ORDER BY keys_1.ord",
        ],
    );
}

#[test]
fn what_cannot_be_one_statement_says_why() {
    refused("SELECT a FROM t WHERE id = $1 FOR UPDATE", &[0], "locks rows");
    refused("SELECT a FROM t WHERE id = $1 FOR NO KEY UPDATE", &[0], "locks rows");
    refused("SELECT a, random() FROM t WHERE id = $1", &[0], "random");
    refused("SELECT nextval('s') FROM t WHERE id = $1", &[0], "nextval");
    refused("SELECT pg_advisory_xact_lock($1)", &[0], "pg_advisory_xact_lock");
    refused("WITH x AS (DELETE FROM t WHERE id = $1 RETURNING a) SELECT a FROM x", &[0], "WITH query");
    refused("SELECT a FROM t LIMIT $1", &[0], "how many rows");
    refused("SELECT a FROM t OFFSET $1", &[0], "how many rows");
    refused("SELECT a FROM t WHERE id = 1", &[], "no value");
    refused("SELECT a FROM t WHERE id = 1", &[0], "no value");
    refused("SELECT a FROM t WHERE (id = $1", &[0], "cannot be parsed");
    refused("UPDATE t SET a = 1 WHERE id = $1", &[0], "reads only");
}

#[test]
fn a_query_is_joined_to_the_one_before() {
    let types = types(2);
    let child = "SELECT name FROM users WHERE id = $2 AND team = $1";
    let repeated = Repeated { sql: child, keys: &[1], types: &types };
    let found = joined(
        &repeated,
        "SELECT id, \"Author\" FROM posts WHERE kind = $1 ORDER BY id",
        &["Author".to_owned()],
    )
    .unwrap();
    insta::assert_snapshot!(found.sql, @r#"
    SELECT parent.*, child.*
    FROM (
      SELECT rows.*, row_number() OVER () AS place
      FROM (SELECT id, "Author" FROM posts WHERE kind = $1 ORDER BY id) AS rows
    ) AS parent
    LEFT JOIN LATERAL (
      SELECT name FROM users WHERE id = parent."Author" AND team = $2
    ) AS child ON true
    ORDER BY parent.place
    "#);
    assert_eq!((found.n_parent, found.same.as_slice()), (1, &[0][..]));
    assert!(parse(&found.sql).is_ok() && parse(&found.parent).is_ok());
}

fn changed(sql: &str, keys: &[usize]) -> String {
    let types = types(4);
    let found = change(&Repeated { sql, keys, types: &types });
    let found = found.unwrap_or_else(|it| panic!("{sql}: {it}"));
    assert!(parse(&found.sql).is_ok(), "{}", found.sql);
    let flat = found.sql.split_whitespace().collect::<Vec<_>>().join(" ");
    [Some(flat), found.copy].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[test]
fn changes_take_all_rows_at_once() {
    assert_eq!(
        changed("INSERT INTO t (a, b, c) VALUES ($1, $2, 'x')", &[0, 1]),
        "INSERT INTO t (a, b, c) SELECT rows.v1, rows.v2, 'x' FROM unnest($1::integer[], $2::text[]) AS rows (v1, v2); \
         COPY t (a, b, c) FROM STDIN"
    );
    assert_eq!(
        changed(
            "INSERT INTO t (a, b) VALUES ($1, lower($2)) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING a",
            &[0]
        ),
        "INSERT INTO t (a, b) SELECT rows.v1, lower($2) FROM unnest($1::integer[]) AS rows (v1) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING a"
    );
    assert_eq!(
        changed("UPDATE t SET a = a + $1, v1 = 0 WHERE id = $2 RETURNING id", &[0, 1]),
        "UPDATE t SET a = a + rows.v1_1, v1 = 0 FROM unnest($1::integer[], $2::text[]) AS rows (v1_1, v2) WHERE id = rows.v2 RETURNING id"
    );
    assert_eq!(
        changed("DELETE FROM t WHERE kind = $2 AND id = $1", &[0]),
        "DELETE FROM t WHERE kind = $2 AND id = ANY ($1::integer[])"
    );
    assert_eq!(
        changed("DELETE FROM t WHERE id = $1 AND b = $2", &[0, 1]),
        "DELETE FROM t USING unnest($1::integer[], $2::text[]) AS rows (v1, v2) WHERE id = rows.v1 AND b = rows.v2"
    );
}

#[test]
fn changes_that_are_none_for_all_say_why() {
    let types = types(2);
    for (sql, expected) in [
        ("INSERT INTO t (a) VALUES ($1), ($2)", "several rows already"),
        ("INSERT INTO t (a) SELECT $1", "a query returns"),
        ("INSERT INTO t (a, b) VALUES ($1, DEFAULT)", "DEFAULT"),
        ("UPDATE t SET a = $1", "no condition"),
        ("UPDATE t SET a = $1 FROM u WHERE u.id = t.id", "joins other tables"),
        ("WITH x AS (SELECT 1) DELETE FROM t WHERE id = $1", "WITH"),
        ("SELECT $1", "neither"),
    ] {
        let found = change(&Repeated { sql, keys: &[0], types: &types });
        let reason = found.err().map(|it| it.to_string()).unwrap_or_default();
        assert!(reason.contains(expected), "{sql}: {reason}");
    }
}

proptest! {
    #[test]
    fn bad_input_never_panics(sql in "(SELECT|INSERT INTO t VALUES|UPDATE t SET|DELETE FROM t)? ?[a-z$0-9=(),.;' /*-]{0,50}( WHERE a = \\$1)?") {
        let types = types(2);
        let repeated = Repeated { sql: &sql, keys: &[0], types: &types };
        let _ = batches(&repeated);
        let _ = change(&repeated);
        let _ = joined(&repeated, &sql, &["a".to_owned()]);
    }

    /// What is written again is a statement, and nothing but the places of values is changed.
    #[test]
    fn conditions_stay_as_they_are(conditions in prop::collection::vec("[bcd] (=|<|<>) ('x'|\\$2|5)", 0..4), at in 0_usize..4) {
        let mut conditions = conditions;
        conditions.insert(at.min(conditions.len()), "a = $1".to_owned());
        let sql = format!("SELECT e FROM t WHERE {}", conditions.join(" AND "));
        let types = types(2);
        let found = batches(&Repeated { sql: &sql, keys: &[0], types: &types }).unwrap();
        prop_assert_eq!(found[0].form, Form::Any);
        let expected = sql.replace("SELECT e", "SELECT a, e").replace("$1", "ANY ($1::integer[])");
        prop_assert_eq!(&found[0].sql, &expected);
        prop_assert!(found.iter().all(|batch| parse(&batch.sql).is_ok()));
    }
}
