//! What statements read and write, and what their parameters are.

use super::*;
use crate::workload::StatementKind;

#[test]
fn changes() {
    check("UPDATE users SET name = $1 WHERE id = $2", &["users: id Equal; written"]);
    check(
        "UPDATE users u SET name = o.note FROM orders o WHERE o.user_id = u.id AND o.status = 'x'",
        &["users: join id; written", "orders: status Equal [status = 'x']; join user_id"],
    );
    check("DELETE FROM follows WHERE user_id = $1", &["follows: user_id Equal; written"]);
    check(
        "DELETE FROM follows f USING users u WHERE f.user_id = u.id AND NOT u.is_active",
        &["follows: join user_id; written", "users: is_active Equal [NOT is_active]; join id"],
    );
    check("INSERT INTO users (name) VALUES ($1)", &[]);
    check(
        "INSERT INTO follows SELECT user_id, 1 FROM records WHERE score > 5",
        &["records: score Range [score > 5]"],
    );
    check(
        "INSERT INTO users (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE users.name <> 'a'",
        &[],
    );
    check(
        "MERGE INTO users u USING orders o ON u.id = o.user_id AND u.is_active AND o.status = 'x' \
         WHEN MATCHED AND u.name = 'a' THEN UPDATE SET name = o.note WHEN NOT MATCHED THEN INSERT (id) VALUES (o.user_id)",
        &["users: is_active Equal [is_active]; join id; written", "orders: join user_id"],
    );
    check(
        "SELECT 1 FROM users u JOIN records r ON r.user_id = u.id FOR UPDATE OF u",
        &["users: join id; written", "records: join user_id"],
    );
}

#[test]
fn tables_that_are_written() {
    for (sql, expected) in [
        ("UPDATE s.t SET a = 1, (b, c) = (2, 3)", vec![("s.t", StatementKind::Update, "a b c")]),
        ("INSERT INTO t (a) VALUES (1)", vec![("t", StatementKind::Insert, "a")]),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2",
            vec![("t", StatementKind::Insert, ""), ("t", StatementKind::Update, "b")],
        ),
        ("DELETE FROM t", vec![("t", StatementKind::Delete, "")]),
        (
            "WITH x AS (UPDATE t SET a = 1 RETURNING *) INSERT INTO u SELECT * FROM x",
            vec![("u", StatementKind::Insert, ""), ("t", StatementKind::Update, "a")],
        ),
        ("SELECT 1 FROM t", vec![]),
    ] {
        let mut found: Vec<(String, StatementKind, String)> = crate::query::parse(sql)
            .unwrap()
            .writes()
            .into_iter()
            .map(|write| (write.table.to_string(), write.kind, write.columns.join(" ")))
            .collect();
        found.sort_by(|a, b| b.0.cmp(&a.0));
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(table, kind, columns)| (table.to_owned(), kind, columns.to_owned()))
            .collect();
        assert_eq!(found, expected, "{sql}");
    }
}

#[test]
fn columns_that_are_read() {
    check_reads(
        "SELECT id FROM users WHERE lower(email) = 'x' ORDER BY created_at",
        &["created_at email id"],
    );
    check_reads("SELECT count(*) FROM users WHERE is_active", &["is_active"]);
    check_reads("SELECT * FROM users", &["*"]);
    check_reads("SELECT u.* , r.id FROM users u JOIN records r ON r.user_id = u.id", &["*", "id user_id"]);
    check_reads("SELECT row_to_json(u) FROM users u", &["*"]);
    check_reads("SELECT count(u) FROM users u", &["*"]);
    check_reads("SELECT ctid FROM users", &["*"]);
    check_reads("SELECT u.ctid FROM users u", &["*"]);
    check_reads("SELECT id FROM users FOR UPDATE", &["*"]);
    check_reads("UPDATE users SET name = 'x' WHERE id = 1", &["*"]);
    check_reads("SELECT label FROM active_users WHERE id = 5", &["id is_active name"]);
    check_reads("SELECT * FROM (SELECT id, name FROM users) x", &["id name"]);
    check_reads("SELECT x.id FROM (SELECT * FROM users) x", &["id"]);
    check_reads("SELECT x.id FROM (SELECT id, name FROM users) x", &["id"]);
    check_reads(
        "SELECT 1 FROM users u WHERE EXISTS (SELECT * FROM records r WHERE r.user_id = u.id)",
        &["id", "user_id"],
    );
    check_reads("SELECT 1 FROM users WHERE id IN (SELECT user_id FROM records)", &["id", "user_id"]);
    check_reads(
        "SELECT sum(score) FILTER (WHERE id > 5) OVER (PARTITION BY user_id) FROM records",
        &["id score user_id"],
    );
    check_reads("SELECT e FROM users u, jsonb_array_elements(u.data) e", &["data"]);
    check_reads(
        "SELECT id FROM users WHERE name = 'a' OR email = 'b'",
        &["email id name", "email id name", "email id name"],
    );
    check_reads("WITH x AS (SELECT id, name FROM users) SELECT a.id FROM x a, x b", &["id name"]);
    check_reads("SELECT DISTINCT user_id FROM records", &["user_id"]);
}

#[test]
fn parameters() {
    check_parameters(
        "SELECT 1 FROM records WHERE user_id = $1 AND bedtime >= $2::timestamptz LIMIT $3 OFFSET $4",
        &["records.user_id", "from records.bedtime", "limit", "offset"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE lower(email) = $1 AND lower(name) = lower($2)",
        &["users: lower(email)", "users.name"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE name LIKE $1 AND email ILIKE '%' || $2 || '%'",
        &["pattern of name", "part of email"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE id = ANY($1::int[]) AND lower(name) = ANY($2)",
        &["array of users.id", "array of users: lower(name)"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE $1 = ANY(tags) AND tags @> ARRAY[$2] AND tags && $3",
        &["element of tags", "element of tags", "tags &&"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE data @> $1 AND data ? $2 AND data->>'k' = $3",
        &["data @>", "data ?", "users: data ->> 'k'"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE data @> jsonb_build_object('k', $1::text)",
        &["users: data ->> 'k'"],
    );
    check_parameters(
        "SELECT 1 FROM documents WHERE tsv @@ plainto_tsquery('english', $1) AND tsv @@ $2",
        &["words of tsv", "tsv @@"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE (created_at, id) > ($1, $2)",
        &["from users.created_at", "from users.id"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE (id, name) IN (($1, $2), ($3, $4))",
        &["users.id", "users.name", "users.id", "users.name"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE created_at BETWEEN $1 AND $2",
        &["from users.created_at", "to users.created_at"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE created_at > now() - $1::interval AND id = coalesce($2, id)",
        &["interval", "users.id"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE created_at > now() - make_interval(days => $1)",
        &["integer"],
    );
    check_parameters("SELECT 1 FROM users WHERE created_at > now() - $1 * interval '1 day'", &["integer"]);
    check_parameters(
        "SELECT 1 FROM users WHERE created_at > now() - ($1 || ' days')::interval",
        &["integer"],
    );
    check_parameters("SELECT 1 FROM users WHERE $1 IS NULL OR name = $1", &["users.name"]);
    check_parameters("SELECT 1 FROM users WHERE $1::bool AND id > $2 + 5", &["boolean", "from users.id"]);
    check_parameters(
        "SELECT CASE WHEN name = $1 THEN 1 END FROM users FETCH FIRST $2 ROWS ONLY",
        &["users.name", "limit"],
    );
    check_parameters(
        "SELECT user_id FROM records GROUP BY 1 HAVING count(*) > $1 AND max(score) < $2",
        &["bigint", "to records.score"],
    );
    check_parameters("INSERT INTO follows VALUES ($1, $2)", &["follows.user_id", "follows.following_id"]);
    check_parameters(
        "INSERT INTO users (name) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM users WHERE name = $1)",
        &["users.name"],
    );
    check_parameters(
        "INSERT INTO users (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET name = $2",
        &["users.id", "users.name"],
    );
    check_parameters(
        "UPDATE users SET (name, email) = ($1, $2) WHERE id = $3",
        &["users.name", "users.email", "users.id"],
    );
    check_parameters("UPDATE users SET manager_id = manager_id + $1", &["users.manager_id"]);
    check_parameters(
        "SELECT 1 FROM active_users WHERE label = $1 AND mail = $2",
        &["users.name", "users: lower(email)"],
    );
    check_parameters("SELECT 1 FROM users WHERE id % $1 = 0", &[""]);
    check_parameters(
        "SELECT 1 FROM users WHERE name % $1 AND position($2 in name) > 0 AND name ~ $3",
        &["part of name", "part of name", "regex of name"],
    );
    check_parameters(
        "SELECT 1 FROM users WHERE name LIKE $2 || $1 || $3 AND email ILIKE concat($4::text, $5)",
        &["part of name", "wildcard", "wildcard", "part of email", "wildcard"],
    );
    check_parameters(
        "SELECT 1 FROM users u, LATERAL (SELECT 1 FROM records r WHERE r.user_id = u.id AND score = $1) x",
        &["records.score"],
    );
}
