//! What statements ask of a table: conditions, orders, limits.

use super::*;

#[test]
fn one_table() {
    check(
        "SELECT id FROM records WHERE user_id = $1 AND wake_time IS NULL ORDER BY bedtime DESC LIMIT 20",
        &["records: user_id Equal; wake_time IsNull [wake_time IS NULL]; order (bedtime desc) limited"],
    );
    check(
        "SELECT * FROM records r WHERE r.bedtime BETWEEN $1 AND $2 AND $3 <= id",
        &["records: bedtime Range; id Range"],
    );
    check(
        "SELECT * FROM users WHERE is_active AND name IN ('a', 'b') AND NOT (id <> 5)",
        &["users: is_active Equal [is_active]; name In [name IN ('a', 'b')]; id Equal [id = 5]"],
    );
    check("SELECT * FROM users WHERE name = ANY($1)", &["users: name In"]);
    check("SELECT * FROM users WHERE 5 < id", &["users: id Range [5 < id]"]);
    check("SELECT \"Id\" FROM \"Mixed\" WHERE \"Id\" = 1", &["Mixed: Id Equal [\"Id\" = 1]"]);
    check("SELECT 1 FROM users WHERE id = random()", &["users: "]);
    check("SELECT 1 FROM ONLY users WHERE users.id = 1", &["users: id Equal [id = 1]"]);
    check("SELECT 1 FROM users WHERE created_at > now() - interval '1 day'", &["users: created_at Range"]);
    check("SELECT 1 FROM users WHERE id = id", &["users: "]);
    check(
        "SELECT 1 FROM users WHERE id = (SELECT max(user_id) FROM follows)",
        &["users: id Equal", "follows: order (user_id desc) limited"],
    );
    check("EXPLAIN ANALYZE SELECT 1 FROM users WHERE id = 1", &["users: id Equal [id = 1]"]);
}

#[test]
fn expressions() {
    check("SELECT 1 FROM users u WHERE LOWER(u.email) = $1", &["users: lower(email) Equal"]);
    check(
        "SELECT 1 FROM users WHERE data->>'category' = 'a' AND (data->>'n')::int > 5",
        &[
            "users: data ->> 'category' Equal [(data ->> 'category') = 'a']; (data ->> 'n')::integer Range [(data ->> 'n')::integer > 5]",
        ],
    );
    check("SELECT 1 FROM users u WHERE u.tags[1] = 'x'", &["users: tags[1] Equal [tags[1] = 'x']"]);
    check("SELECT 1 FROM users WHERE now() > created_at", &["users: created_at Range"]);
    check(
        "SELECT 1 FROM users u JOIN records r ON u.id + r.id = 5 AND lower(u.name) = upper(r.score)",
        &["users: join lower(name)", "records: join upper(score)"],
    );
    // What depends on the session's time zone is no key; the date of a time without zone is.
    check(
        "SELECT 1 FROM events WHERE at::date = '2020-01-01' AND day::date = '2020-01-01'",
        &["events: day::date Equal [day::date = '2020-01-01']"],
    );
    check("SELECT 1 FROM events WHERE date_trunc('day', at) = $1", &["events: "]);
    check(
        "SELECT 1 FROM events WHERE date_trunc('day', at AT TIME ZONE 'UTC') = $1",
        &["events: date_trunc('day', at AT TIME ZONE 'UTC') Equal"],
    );
}

#[test]
fn every_test() {
    for (condition, expected) in [
        ("a = 1", "a Equal [a = 1]"),
        ("a IN (1)", "a Equal [a = 1]"),
        ("a NOT IN (1, 2)", "a NotEqual [a NOT IN (1, 2)]"),
        ("a <> 1", "a NotEqual [a <> 1]"),
        ("a < ANY (ARRAY[1])", "a Range [a < ANY (ARRAY[1])]"),
        ("a <> ALL ($1)", "a NotEqual"),
        ("a IS NOT NULL", "a IsNotNull [a IS NOT NULL]"),
        ("NOT a IS NULL", "a IsNotNull [a IS NOT NULL]"),
        ("a IS DISTINCT FROM 1", "a NotEqual [a IS DISTINCT FROM 1]"),
        ("a IS NOT DISTINCT FROM NULL", "a IsNull [NOT (a IS DISTINCT FROM NULL)]"),
        ("a", "a Equal [a]"),
        ("NOT a", "a Equal [NOT a]"),
        ("a = false", "a Equal [NOT a]"),
        ("a IS TRUE", "a Equal [a IS TRUE]"),
        ("a IS NOT TRUE", "a NotEqual [a IS NOT TRUE]"),
        ("a LIKE 'x%'", "a Prefix [a LIKE 'x%']"),
        ("a LIKE '%x'", "a Infix [a LIKE '%x']"),
        ("a LIKE $1", "a Pattern"),
        ("a LIKE lower($1::text)", "a Pattern"),
        ("a LIKE concat('%', $1, '%')", "a Infix"),
        ("a LIKE concat($1, '%')", "a Prefix"),
        ("a LIKE '' || $1 || '%'", "a Prefix"),
        ("a LIKE upper('%' || $1 || '%')", "a Infix"),
        ("a LIKE format('%%%s%%', $1)", "a Infix"),
        ("a LIKE $1 || $2 || $3", "a Infix"),
        ("a LIKE $1 || $2", "a Prefix"),
        ("a LIKE $2 || $1", "a Infix"),
        ("a ILIKE $1", "a Infix"),
        ("a ~ $1", "a Pattern"),
        ("a ~ ('^' || $1)", "a Prefix"),
        ("a ~* $1", "a Infix"),
        ("a SIMILAR TO $1", "a Pattern"),
        ("a LIKE $1 || '%'", "a Prefix"),
        ("a LIKE '%' || $1 || '%'", "a Infix"),
        ("a NOT LIKE 'x%'", "a Other [a NOT LIKE 'x%']"),
        ("a ILIKE 'x%'", "a Infix [a ILIKE 'x%']"),
        ("a ~~ 'x%'", "a Prefix [a LIKE 'x%']"),
        ("a ~ '^x'", "a Prefix [a ~ '^x']"),
        ("a ~ 'x'", "a Infix [a ~ 'x']"),
        ("a ~* '^x'", "a Infix [a ~* '^x']"),
        ("a !~ '^x'", "a Other [a !~ '^x']"),
        ("a ^@ 'x'", "a Prefix [a ^@ 'x']"),
        ("starts_with(a, $1)", "a Prefix"),
        ("a SIMILAR TO 'x%'", "a Prefix [a SIMILAR TO 'x%']"),
        ("a % 'x'", "a Infix [a % 'x']"),
        ("a @> $1", "a Contains"),
        ("$1 @> a", "a ContainedBy"),
        ("a <@ ARRAY[1, 2]", "a ContainedBy [a <@ ARRAY[1, 2]]"),
        ("a && $1", "a Overlaps"),
        ("a ? 'k'", "a HasKey [a ? 'k']"),
        ("a ?| $1", "a HasKey"),
        ("a ?& ARRAY['k']", "a HasKey [a ?& ARRAY['k']]"),
        ("a @? '$.x'", "a JsonPath [a @? '$.x']"),
        ("a @@ '$.x == 1'", "a JsonPath [a @@ '$.x == 1']"),
        ("a @@ to_tsquery('english', 'x')", "a Matches [a @@ to_tsquery('english', 'x')]"),
        ("a @@ plainto_tsquery($1)", "a Matches"),
        ("a @@ 'x & y'::tsquery", "a Matches [a @@ 'x & y'::tsquery]"),
        ("to_tsvector('english', a) @@ $1", "to_tsvector('english', a) Matches"),
        ("a BETWEEN 1 AND 2", "a Range [a BETWEEN 1 AND 2]"),
        ("a NOT BETWEEN 1 AND 2", "a Other [a NOT BETWEEN 1 AND 2]"),
        ("(a, b) > ($1, $2)", "a Range; row (a, b)"),
        ("($1, $2) < (a, b)", "a Range; row (a, b)"),
        ("(a, b) = (1, $2)", "a Equal [a = 1]; b Equal"),
        ("(a, b) IN ((1, 2), (3, 4))", "a In; b In"),
        ("1 = ANY (a)", "a Other [1 = ANY (a)]"),
        ("NOT (a = 1 OR b > 2)", "a NotEqual [a <> 1]; b Range [b <= 2]"),
        ("a = 1 AND (b = 2 AND (c = 3))", "a Equal [a = 1]; b Equal [b = 2]; c Equal [c = 3]"),
        ("CASE WHEN a THEN b ELSE c END", ""),
        ("coalesce(a, 0) = 1", "coalesce(a, 0) Equal [coalesce(a, 0) = 1]"),
        ("TRUE", ""),
    ] {
        struct Any;
        impl Relations for Any {
            fn has_column(&self, _: &TableName, _: &str) -> Option<bool> {
                Some(true)
            }
        }
        let sql = format!("SELECT 1 FROM t WHERE {condition}");
        let shape = crate::query::parse(&sql).unwrap().shape(&Any);
        assert_eq!(describe(&shape.uses[0]), format!("t: {expected}"), "{condition}");
    }
}

#[test]
fn values_go_through_equalities() {
    check(
        "SELECT 1 FROM users u JOIN records r ON r.user_id = u.id JOIN orders o ON o.user_id = r.user_id WHERE u.id = 5",
        &[
            "users: id Equal [id = 5]; join id",
            "records: user_id Equal [user_id = 5]; join user_id",
            "orders: user_id Equal [user_id = 5]; join user_id",
        ],
    );
    check(
        "SELECT 1 FROM users u LEFT JOIN records r ON r.user_id = u.id WHERE u.id = $1",
        &["users: id Equal; join id", "records: user_id Equal; join user_id"],
    );
    check(
        "SELECT 1 FROM users u LEFT JOIN records r ON r.user_id = u.id AND r.user_id = 5",
        &["users: join id", "records: user_id Equal [user_id = 5]; join user_id"],
    );
    check(
        "SELECT 1 FROM users u LEFT JOIN records r ON r.user_id = u.id WHERE r.user_id = 5",
        &["users: id Equal [id = 5]; join id", "records: user_id Equal [user_id = 5]; join user_id"],
    );
    // The equality holds where both rows are there, and the order of one is that of the other.
    check(
        "SELECT 1 FROM users u JOIN records r ON r.user_id = u.id ORDER BY u.id LIMIT 1",
        &["users: join id; order (id) limited", "records: join user_id; order (user_id) limited"],
    );
}

#[test]
fn or_branches_are_uses_of_their_own() {
    check(
        "SELECT 1 FROM follows WHERE user_id = 1 OR following_id = $1",
        &[
            "follows: ",
            "follows: user_id Equal [user_id = 1]; branch of 0",
            "follows: following_id Equal; branch of 0",
        ],
    );
    check(
        "SELECT 1 FROM follows WHERE user_id = 1 OR user_id IN (2, 3)",
        &["follows: user_id In [(user_id = 1) OR (user_id IN (2, 3))]"],
    );
    check(
        "SELECT 1 FROM records WHERE (user_id = 1 AND score > 2 AND id = 7) OR (user_id = 1 AND bedtime < 3)",
        &[
            "records: user_id Equal [user_id = 1]",
            "records: score Range [score > 2]; id Equal [id = 7]; branch of 0",
            "records: bedtime Range [bedtime < 3]; branch of 0",
        ],
    );
    // Each branch restricts users, only one restricts records.
    check(
        "SELECT 1 FROM users u JOIN records r ON r.user_id = u.id WHERE (u.id = 1 AND r.score = 2) OR u.name = 'x'",
        &[
            "users: join id",
            "records: join user_id",
            "users: id Equal [id = 1]; branch of 0",
            "users: name Equal [name = 'x']; branch of 0",
        ],
    );
    check(
        "SELECT 1 FROM users a, users b WHERE (a.name = 'x' AND b.name = 'y') OR (a.name = 'y' AND b.name = 'x')",
        &["users: name In [(name = 'x') OR (name = 'y')]", "users: name In [(name = 'y') OR (name = 'x')]"],
    );
    check("SELECT 1 FROM users WHERE $1 IS NULL OR name = $1", &["users: "]);
    check("SELECT 1 FROM users WHERE NOT (name = 'a' AND id > 1)", &["users: "]);
}

#[test]
fn pages_by_key() {
    let row = "records: user_id Equal; score Range; row (score, id); order (score, id) limited";
    for condition in [
        "(score, id) > ($2, $3)",
        "(score > $2 OR (score = $2 AND id > $3))",
        // As `pg_stat_statements` has constants.
        "(score > $2::int OR score = $3::int AND $4 < id)",
        "((score = $2 AND id >= $3) OR score > $2)",
        "((id > $3 AND score = $2) OR $2 < score)",
    ] {
        let sql =
            format!("SELECT id FROM records WHERE user_id = $1 AND {condition} ORDER BY score, id LIMIT 9");
        check(&sql, &[row]);
    }
    check(
        "SELECT id FROM records WHERE score >= $1 AND (score > $1 OR (score = $1 AND id > $2))",
        &["records: score Range; row (score, id)"],
    );
    check(
        "SELECT id FROM records WHERE score <= 5 AND (score < 5 OR id < 7)",
        &["records: score Range [score <= 5]; score Range; row (score, id)"],
    );
    let three = "records: score Range; row (score, bedtime, id)";
    check(
        "SELECT id FROM records r WHERE r.score > $1 OR (r.score = $1 AND r.bedtime < $2) OR (r.score = $1 AND r.bedtime = $2 AND r.id > $3)",
        &[three],
    );
    check(
        "SELECT id FROM records WHERE score < 1 OR (score = 1 AND (bedtime > 'x' OR (bedtime = 'x' AND id < 3)))",
        &[three],
    );
    // Other values and other columns are other conditions.
    check(
        "SELECT id FROM records WHERE score > 1 OR (score = 2 AND id > 3)",
        &[
            "records: ",
            "records: score Range [score > 1]; branch of 0",
            "records: score Equal [score = 2]; id Range [id > 3]; branch of 0",
        ],
    );
    check(
        "SELECT id FROM records WHERE score > 1 OR id > 3",
        &[
            "records: ",
            "records: score Range [score > 1]; branch of 0",
            "records: id Range [id > 3]; branch of 0",
        ],
    );
    check_parameters(
        "SELECT 1 FROM records WHERE score > $1 OR (score = $2 AND bedtime < $3)",
        &["from records.score", "from records.score", "to records.bedtime"],
    );
    check_reads("SELECT 1 FROM records WHERE score > $1 OR (score = $1 AND id > $2)", &["id score"]);
}

#[test]
fn grouping_and_output_names() {
    check(
        "SELECT user_id, count(*) FROM records GROUP BY 1 ORDER BY 1",
        &["records: order (user_id); group (user_id)"],
    );
    check(
        "SELECT bedtime AS b FROM records ORDER BY b DESC NULLS LAST",
        &["records: order (bedtime desc nulls last)"],
    );
    check("SELECT 1 FROM records r JOIN users u ON true ORDER BY r.id, u.id", &["records: ", "users: "]);
    check("SELECT DISTINCT user_id, score FROM records", &["records: group (user_id, score)"]);
    check(
        "SELECT DISTINCT ON (user_id) * FROM records ORDER BY user_id, bedtime DESC",
        &["records: order (user_id, bedtime desc)"],
    );
    check("SELECT DISTINCT ON (user_id) * FROM records", &["records: group (user_id)"]);
    check(
        "SELECT score, count(DISTINCT user_id) FROM records GROUP BY score",
        &["records: group (score); group (score, user_id)"],
    );
    check(
        "SELECT count(*) FROM records GROUP BY ROLLUP (user_id, score)",
        &["records: group (user_id, score)"],
    );
    check(
        "SELECT count(*) FROM records GROUP BY GROUPING SETS ((user_id, score), (user_id))",
        &["records: group (user_id, score)"],
    );
    check(
        "SELECT user_id FROM records UNION SELECT user_id FROM orders",
        &["records: group (user_id)", "orders: group (user_id)"],
    );
    check(
        "SELECT date_trunc('day', bedtime) AS d, count(*) FROM records GROUP BY d ORDER BY d LIMIT 5",
        &["records: order (date_trunc('day', bedtime)) limited; group (date_trunc('day', bedtime))"],
    );
    check(
        "SELECT user_id, count(*) FROM records GROUP BY user_id HAVING user_id > 5 AND count(*) > 3",
        &["records: user_id Range [user_id > 5]; group (user_id)"],
    );
    check(
        "SELECT min(bedtime), max(score) FROM records WHERE user_id = 1",
        &["records: user_id Equal [user_id = 1]; order (bedtime) limited; order (score desc) limited"],
    );
    check("SELECT min(bedtime), count(*) FROM records", &["records: "]);
}

#[test]
fn windows() {
    check(
        "SELECT row_number() OVER (PARTITION BY user_id ORDER BY bedtime DESC) FROM records",
        &["records: order (user_id, bedtime desc)"],
    );
    check(
        "SELECT rank() OVER w, sum(score) OVER w FROM records WINDOW w AS (PARTITION BY user_id ORDER BY id)",
        &["records: order (user_id, id)"],
    );
    // What partitions the rows selects whole partitions.
    check(
        "SELECT * FROM (SELECT user_id, score, row_number() OVER (PARTITION BY user_id ORDER BY bedtime) n FROM records) x \
         WHERE n = 1 AND user_id = 5 AND score = 1",
        &["records: user_id Equal [user_id = 5]; order (user_id, bedtime)"],
    );
}
