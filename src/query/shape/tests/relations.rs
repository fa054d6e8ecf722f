//! Joins, subqueries, views and WITH: which table a condition is of.

use super::*;

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
