//! Tests of whole statements.

use proptest::prelude::*;

use super::*;
use crate::workload::StatementKind;

struct Tables;

const TABLES: [(&str, &str); 8] = [
    ("users", "id name email created_at is_active data tags manager_id"),
    ("records", "id user_id bedtime wake_time score"),
    ("follows", "user_id following_id"),
    ("orders", "id user_id status total placed_at note"),
    ("documents", "id title body data tsv tags name"),
    ("Mixed", "Id"),
    ("nodes", "id parent_id"),
    ("events", "id at day kind"),
];

impl Relations for Tables {
    fn has_column(&self, table: &TableName, column: &str) -> Option<bool> {
        Some(self.columns(table)?.iter().any(|known| known == column))
    }

    fn columns(&self, table: &TableName) -> Option<Vec<String>> {
        let (_, columns) = TABLES.iter().find(|(name, _)| *name == table.name)?;
        Some(columns.split(' ').map(str::to_owned).collect())
    }

    fn column_type(&self, table: &TableName, column: &str) -> Option<String> {
        (table.name == "events" && column == "at").then(|| "timestamptz".to_owned())
    }

    fn view(&self, name: &TableName) -> Option<&str> {
        Some(match name.name.as_str() {
            "active_users" => {
                "SELECT users.id, users.name AS label, lower(users.email) AS mail FROM users WHERE users.is_active;"
            }
            "loud_users" => {
                "SELECT a.id, a.label FROM active_users a WHERE ((a.label)::text ~~ 'LOUD%'::text)"
            }
            "totals" => {
                "SELECT o.user_id, count(*) AS n, sum(o.total) AS total FROM orders o GROUP BY o.user_id"
            }
            "things" => {
                "SELECT records.id, records.user_id AS owner FROM records UNION ALL SELECT orders.id, orders.user_id FROM orders"
            }
            "itself" => "SELECT itself.id FROM itself",
            _ => return None,
        })
    }
}

/// Checks what is asked of each table, one line a use, without what it reads.
fn check(sql: &str, expected: &[&str]) {
    let shape = crate::query::parse(sql).unwrap().shape(&Tables);
    let uses: Vec<String> = shape.uses.iter().map(describe).collect();
    assert_eq!(uses, expected, "{sql}");
}

fn describe(table_use: &TableUse) -> String {
    let mut parts: Vec<String> = Vec::new();
    for Condition { operand, test, fixed } in &table_use.conditions {
        let fixed = fixed.as_ref().map(|fixed| format!(" [{fixed}]")).unwrap_or_default();
        parts.push(format!("{} {test:?}{fixed}", name(operand)));
    }
    parts.extend(table_use.joins.iter().map(|operand| format!("join {}", name(operand))));
    parts.extend(table_use.rows.iter().map(|row| format!("row ({})", names(row))));
    for Order { items, is_limited } in &table_use.orders {
        let items: Vec<String> = items
            .iter()
            .map(|SortItem { operand, descending, nulls_first }| {
                let direction = if *descending { " desc" } else { "" };
                let nulls = match (descending, nulls_first) {
                    (true, false) => " nulls last",
                    (false, true) => " nulls first",
                    _ => "",
                };
                format!("{}{direction}{nulls}", name(operand))
            })
            .collect();
        let limit = if *is_limited { " limited" } else { "" };
        parts.push(format!("order ({}){limit}", items.join(", ")));
    }
    parts.extend(table_use.groups.iter().map(|group| format!("group ({})", names(group))));
    parts.extend(table_use.branch_of.map(|whole| format!("branch of {whole}")));
    parts.extend(table_use.is_written.then(|| "written".to_owned()));
    format!("{}: {}", table_use.table, parts.join("; "))
}

fn names(operands: &[Operand]) -> String {
    operands.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn name(operand: &Operand) -> &str {
    match operand {
        Operand::Column(column) => column,
        Operand::Expression { sql, .. } => sql,
    }
}

/// Checks the columns that each use reads; `*` for the whole row.
fn check_reads(sql: &str, expected: &[&str]) {
    let shape = crate::query::parse(sql).unwrap().shape(&Tables);
    let reads: Vec<String> = shape
        .uses
        .iter()
        .map(|table_use| match &table_use.columns {
            Some(columns) => columns.iter().cloned().collect::<Vec<_>>().join(" "),
            None => "*".to_owned(),
        })
        .collect();
    assert_eq!(reads, expected, "{sql}");
}

/// Checks what the first use of each parameter is.
fn check_parameters(sql: &str, expected: &[&str]) {
    let shape = crate::query::parse(sql).unwrap().shape(&Tables);
    let n_parameters = crate::query::placeholder_count(sql);
    let described: Vec<String> = (1..=n_parameters)
        .map(|wanted| {
            shape
                .parameters
                .iter()
                .find_map(|parameter| describe_parameter(parameter, wanted))
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(described, expected, "{sql}");
}

fn end(bound: Option<Bound>) -> &'static str {
    match bound {
        None => "",
        Some(Bound::Lower) => "from ",
        Some(Bound::Upper) => "to ",
    }
}

fn describe_parameter(parameter: &ParameterUse, wanted: usize) -> Option<String> {
    let (number, text) = match parameter {
        ParameterUse::Column { number, table, column, bound } => {
            (number, format!("{}{table}.{column}", end(*bound)))
        }
        ParameterUse::Array { number, table, column } => (number, format!("array of {table}.{column}")),
        ParameterUse::Expression { number, table, operand, bound } => {
            (number, format!("{}{table}: {}", end(*bound), name(operand)))
        }
        ParameterUse::ExpressionArray { number, table, operand } => {
            (number, format!("array of {table}: {}", name(operand)))
        }
        ParameterUse::Pattern { number, operand, notation: Notation::Like, .. } => {
            (number, format!("pattern of {}", name(operand)))
        }
        ParameterUse::Pattern { number, operand, .. } => (number, format!("regex of {}", name(operand))),
        ParameterUse::Wildcard { number } => (number, "wildcard".to_owned()),
        ParameterUse::Part { number, operand, .. } => (number, format!("part of {}", name(operand))),
        ParameterUse::Element { number, operand, .. } => (number, format!("element of {}", name(operand))),
        ParameterUse::Operator { number, operand, operator, .. } => {
            (number, format!("{} {operator}", name(operand)))
        }
        ParameterUse::Words { number, operand, .. } => (number, format!("words of {}", name(operand))),
        ParameterUse::Limit { number } => (number, "limit".to_owned()),
        ParameterUse::Offset { number } => (number, "offset".to_owned()),
        ParameterUse::Typed { number, type_name } => (number, type_name.clone()),
    };
    (*number == wanted).then_some(text)
}

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
fn joins() {
    check(
        "SELECT u.name FROM follows f JOIN users u ON u.id = f.following_id WHERE f.user_id = $1 ORDER BY name",
        &["follows: user_id Equal; join following_id", "users: join id; order (name)"],
    );
    check(
        "SELECT 1 FROM records JOIN follows USING (user_id)",
        &["records: join user_id", "follows: join user_id"],
    );
    check("SELECT 1 FROM records NATURAL JOIN follows", &["records: join user_id", "follows: join user_id"]);
    check(
        "SELECT 1 FROM users u, records r WHERE u.id = r.user_id",
        &["users: join id", "records: join user_id"],
    );
    check(
        "SELECT 1 FROM users u JOIN records r ON r.score BETWEEN u.id AND u.manager_id",
        &["users: id Range; manager_id Range", "records: score Range"],
    );
    check("SELECT 1 FROM users u JOIN unnest($1::int[]) x ON x = u.id", &["users: join id"]);
    check("SELECT 1 FROM users u JOIN (VALUES (1), (2)) v(id) ON v.id = u.id", &["users: join id"]);
}

#[test]
fn outer_joins_restrict_one_side() {
    check(
        "SELECT 1 FROM users u LEFT JOIN records r ON r.user_id = u.id AND r.score > 5 AND u.is_active",
        &["users: join id", "records: score Range [score > 5]; join user_id"],
    );
    check(
        "SELECT 1 FROM users u LEFT JOIN records r ON r.user_id = u.id WHERE r.id IS NULL",
        &["users: join id", "records: join user_id"],
    );
    check(
        "SELECT 1 FROM users u LEFT JOIN records r ON r.user_id = u.id WHERE r.wake_time IS NULL AND r.score > 5",
        &[
            "users: join id",
            "records: wake_time IsNull [wake_time IS NULL]; score Range [score > 5]; join user_id",
        ],
    );
    check(
        "SELECT 1 FROM users u RIGHT JOIN records r ON r.user_id = u.id AND u.is_active AND r.score = 1",
        &["users: is_active Equal [is_active]; join id", "records: join user_id"],
    );
    check(
        "SELECT 1 FROM users u FULL JOIN records r ON r.user_id = u.id AND r.score = 1",
        &["users: join id", "records: join user_id"],
    );
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
fn subqueries() {
    check(
        "SELECT 1 FROM users WHERE id IN (SELECT user_id FROM follows WHERE following_id = 3)",
        &["users: join id", "follows: following_id Equal [following_id = 3]; join user_id"],
    );
    check("SELECT 1 FROM users WHERE id NOT IN (SELECT user_id FROM follows)", &["users: ", "follows: "]);
    check(
        "SELECT 1 FROM users WHERE (id, manager_id) IN (SELECT user_id, following_id FROM follows)",
        &["users: join id; join manager_id", "follows: join user_id; join following_id"],
    );
    check(
        "SELECT 1 FROM users u WHERE EXISTS (SELECT 1 FROM records r WHERE r.user_id = u.id)",
        &["users: join id", "records: join user_id"],
    );
    check(
        "SELECT 1 FROM users u WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.user_id = u.id)",
        &["users: ", "records: join user_id"],
    );
    check(
        "SELECT (SELECT max(bedtime) FROM records r WHERE r.user_id = u.id) FROM users u",
        &["users: ", "records: join user_id; order (bedtime desc) limited"],
    );
    check(
        "SELECT 1 FROM users u, LATERAL (SELECT * FROM records r WHERE r.user_id = u.id ORDER BY bedtime LIMIT 3) l",
        &["users: join id", "records: join user_id; order (bedtime) limited"],
    );
    check(
        "SELECT 1 FROM users u WHERE id = ANY (SELECT user_id FROM follows)",
        &["users: join id", "follows: join user_id"],
    );
    check(
        "SELECT 1 FROM users u WHERE u.id > (SELECT min(r.id) FROM records r WHERE r.user_id = u.id)",
        &["users: ", "records: join user_id; order (id) limited"],
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

#[test]
fn looks_through_views_and_derived_tables() {
    check(
        "SELECT * FROM active_users v WHERE v.label = 'x' ORDER BY v.id",
        &["users: is_active Equal [is_active]; name Equal [name = 'x']; order (id)"],
    );
    check(
        "SELECT 1 FROM active_users WHERE mail = $1",
        &["users: is_active Equal [is_active]; lower(email) Equal"],
    );
    check(
        "SELECT 1 FROM loud_users WHERE id = 5",
        &[
            "users: is_active Equal [is_active]; name::text Prefix [name::text LIKE 'LOUD%']; id Equal [id = 5]",
        ],
    );
    check(
        "SELECT 1 FROM records r JOIN active_users u ON u.id = r.user_id",
        &["records: join user_id", "users: is_active Equal [is_active]; join id"],
    );
    check(
        "SELECT 1 FROM totals WHERE user_id = 5 AND n > 3",
        &["orders: user_id Equal [user_id = 5]; group (user_id)"],
    );
    check(
        "SELECT 1 FROM users u JOIN totals t ON t.user_id = u.id",
        &["users: join id", "orders: group (user_id)"],
    );
    check(
        "SELECT 1 FROM things WHERE owner = 5 ORDER BY id LIMIT 3",
        &[
            "records: user_id Equal [user_id = 5]; order (id) limited",
            "orders: user_id Equal [user_id = 5]; order (id) limited",
        ],
    );
    check(
        "SELECT 1 FROM users u JOIN things t ON t.owner = u.id",
        &["users: join id", "records: join user_id", "orders: join user_id"],
    );
    check("SELECT 1 FROM (SELECT id AS i FROM users) x WHERE x.i = 1", &["users: id Equal [id = 1]"]);
    check(
        "SELECT 1 FROM (SELECT * FROM users) x (a, b) WHERE x.b = 'y'",
        &["users: name Equal [name = 'y']"],
    );
    check("SELECT 1 FROM (SELECT * FROM users LIMIT 5) x WHERE x.id = 1", &["users: "]);
    check(
        "SELECT 1 FROM (SELECT DISTINCT name FROM users) x WHERE x.name = 'a'",
        &["users: name Equal [name = 'a']; group (name)"],
    );
    check(
        "SELECT * FROM (SELECT * FROM records ORDER BY bedtime) x LIMIT 5",
        &["records: order (bedtime) limited"],
    );
    check(
        "SELECT id FROM records WHERE score = 1 UNION ALL SELECT id FROM orders ORDER BY id DESC LIMIT 3",
        &["records: score Equal [score = 1]; order (id desc) limited", "orders: order (id desc) limited"],
    );
    check("SELECT 1 FROM itself WHERE id = 5", &["itself: id Equal [id = 5]"]);
}

#[test]
fn with_queries() {
    check(
        "WITH x AS (SELECT * FROM users WHERE id = 1) SELECT * FROM x WHERE name = 'a'",
        &["users: id Equal [id = 1]; name Equal [name = 'a']"],
    );
    check("WITH x AS MATERIALIZED (SELECT * FROM users) SELECT * FROM x WHERE name = 'a'", &["users: "]);
    check(
        "WITH x AS (SELECT * FROM users) SELECT * FROM x WHERE name = 'a' UNION ALL SELECT * FROM x",
        &["users: "],
    );
    check(
        "WITH x AS NOT MATERIALIZED (SELECT * FROM users) SELECT 1 FROM x a JOIN x b ON a.id = b.manager_id WHERE a.name = 'a'",
        &["users: name Equal [name = 'a']; join id", "users: join manager_id"],
    );
    check("WITH x AS (SELECT 1 FROM users) SELECT 1 FROM records", &["records: "]);
    check(
        "WITH RECURSIVE r AS (SELECT id FROM nodes WHERE id = $1 UNION ALL SELECT n.id FROM nodes n JOIN r ON n.parent_id = r.id) \
         SELECT * FROM r",
        &["nodes: id Equal", "nodes: join parent_id"],
    );
    check(
        "WITH d AS (DELETE FROM follows WHERE user_id = 5 RETURNING following_id) SELECT 1 FROM users u JOIN d ON d.following_id = u.id",
        &["follows: user_id Equal [user_id = 5]; written", "users: join id"],
    );
}

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

#[test]
fn names_without_a_catalog() {
    struct Nothing;
    impl Relations for Nothing {
        fn has_column(&self, _: &TableName, _: &str) -> Option<bool> {
            None
        }
    }
    let shape = crate::query::parse("SELECT t.a FROM t WHERE t.b = 1 AND c = 2").unwrap().shape(&Nothing);
    assert_eq!(describe(&shape.uses[0]), "t: b Equal [b = 1]");
    assert_eq!(shape.uses[0].columns, None);
}

/// Words from which statements are made that the parser takes often enough.
const WORDS: &str = "(SELECT|FROM|users|records|WHERE|id|u\\.id|name|=|>|AND|OR|NOT|\\(|\\)|\\(SELECT id FROM records\\)|IN|EXISTS|1|'a'|\\$1|ORDER BY|GROUP BY|LIMIT|DISTINCT|,|\\*|JOIN|LEFT JOIN|ON|USING \\(id\\)|AS|u|x|UNION ALL|count\\(\\*\\)|lower\\(name\\)|max\\(id\\)|IS NULL|BETWEEN|LIKE|WITH x AS|FOR UPDATE|active_users|totals|things)";

proptest! {
    #[test]
    fn never_panics(words in prop::collection::vec(WORDS, 0..14), conditions in prop::collection::vec("(id|name|u\\.score|tags\\[1\\]|lower\\(name\\)|x\\.id|\\$1|5|\\(id, name\\)|\\(SELECT id FROM records WHERE user_id = u\\.id\\)) (=|>|<>|IN|LIKE|@>|IS NOT DISTINCT FROM) (5|\\(1, 2\\)|\\(\\$1, name\\)|ANY\\(\\$1\\)|'a%'|u\\.id|\\(SELECT id FROM follows\\))", 1..5), link in "(AND|OR|AND NOT)") {
        let texts = [
            format!("SELECT {}", words.join(" ")),
            format!("SELECT * FROM users u LEFT JOIN totals x ON x.user_id = u.id WHERE {}", conditions.join(&format!(" {link} "))),
            format!("DELETE FROM users u WHERE {}", conditions.join(&format!(" {link} "))),
        ];
        for sql in &texts {
            if let Ok(parsed) = crate::query::parse(sql) {
                let shape = parsed.shape(&Tables);
                for table_use in &shape.uses {
                    prop_assert!(table_use.branch_of.is_none_or(|whole| whole < shape.uses.len()));
                }
            }
        }
    }
}

#[test]
fn long_conditions_do_not_overflow_the_stack() {
    let ors: Vec<String> = (0..200).map(|i| format!("id = {i}")).collect();
    let sql = format!("SELECT 1 FROM users WHERE {}", ors.join(" OR "));
    let shape = crate::query::parse(&sql).unwrap().shape(&Tables);
    assert_eq!(shape.uses[0].conditions[0].test, Test::In);
    assert_eq!(shape.uses.len(), 1);
}
