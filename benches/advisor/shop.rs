//! Fifteen statements over 4.2 million rows that want every kind of index: the suggested set beside one that was made by
//! hand, both really built.

use std::fmt::Write as _;

use serde_json::Value;
use tokio_postgres::Client;

use crate::support::Sandbox;

const SCHEMA: &str = "
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL, name text NOT NULL, country text NOT NULL,
    created_at timestamptz NOT NULL, profile jsonb NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, status text NOT NULL, total numeric(10, 2) NOT NULL,
    created_at timestamptz NOT NULL, shipped_at timestamptz);
CREATE TABLE items (id bigint PRIMARY KEY, order_id bigint NOT NULL, product_id int NOT NULL, quantity int NOT NULL,
    price numeric(10, 2) NOT NULL);
INSERT INTO customers SELECT i, 'User' || i || '@Example.com', md5(i::text) || ' ' || md5((i * 7)::text), 'c' || i % 60,
    timestamptz '2025-01-01' + i * interval '2 minutes', jsonb_build_object('plan', 'p' || i % 400, 'tags', ARRAY['t' || i % 900])
    FROM generate_series(1, 200000) AS i;
INSERT INTO orders SELECT i, 1 + i * 7919::bigint % 200000,
    CASE WHEN i % 250 = 0 THEN 'pending' WHEN i % 10 = 0 THEN 'shipped' ELSE 'done' END, i * 31 % 100000 / 100.0,
    timestamptz '2025-01-01' + i * interval '30 seconds',
    CASE WHEN i % 250 <> 0 THEN timestamptz '2025-01-02' + i * interval '30 seconds' END FROM generate_series(1, 1000000) AS i;
INSERT INTO items SELECT i, 1 + i * 104729::bigint % 1000000, 1 + i * 31 % 20000, 1 + i % 5, i % 5000 / 10.0
    FROM generate_series(1, 3000000) AS i";

const STATEMENTS: [&str; 15] = [
    "SELECT * FROM customers WHERE lower(email) = 'user777@example.com'",
    "SELECT id, name FROM customers WHERE name LIKE '%c81e728d9%'",
    "SELECT id, email FROM customers WHERE email LIKE 'User1234%'",
    "SELECT id FROM customers WHERE profile @> '{\"plan\": \"p77\"}'",
    "SELECT * FROM orders WHERE customer_id = 4711 ORDER BY created_at DESC LIMIT 20",
    "SELECT id, total FROM orders WHERE customer_id = 4711 AND status = 'done'",
    "SELECT id, created_at FROM orders WHERE status = 'pending' ORDER BY created_at LIMIT 50",
    "SELECT count(*) FROM orders WHERE created_at >= '2025-06-01' AND created_at < '2025-06-02'",
    "SELECT sum(total) FROM orders WHERE created_at >= '2025-06-01' AND created_at < '2025-06-08'",
    "SELECT * FROM orders ORDER BY total DESC, created_at LIMIT 10",
    "SELECT order_id, sum(quantity * price) FROM items WHERE order_id = 90210 GROUP BY order_id",
    "SELECT product_id, sum(quantity) FROM items WHERE product_id = 1234 GROUP BY product_id",
    "SELECT c.country, sum(i.quantity) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
     JOIN items AS i ON i.order_id = o.id WHERE c.id = 99 GROUP BY c.country",
    "UPDATE orders SET status = 'shipped' WHERE customer_id = 815 AND status = 'pending'",
    "DELETE FROM items WHERE order_id = 4242",
];

/// One index of each kind that a statement asks for, by somebody who has read them all.
const BY_HAND: [&str; 9] = [
    "customers (lower(email))",
    "customers USING gin (name gin_trgm_ops)",
    "customers (email text_pattern_ops)",
    "customers USING gin (profile jsonb_path_ops)",
    "orders (customer_id, created_at DESC)",
    "orders (created_at) INCLUDE (total)",
    "orders (total DESC, created_at)",
    "items (order_id)",
    "items (product_id) INCLUDE (quantity)",
];

pub(crate) fn measure() {
    let sandbox = Sandbox::start();
    for sql in [SCHEMA, "VACUUM (ANALYZE)"] {
        sandbox.session(async |client| client.batch_execute(sql).await.expect("the tables are filled"));
    }
    let workload = tempfile::Builder::new().suffix(".sql").tempfile().expect("a file for the workload");
    let script = STATEMENTS.map(|statement| format!("{statement};\n")).concat();
    std::fs::write(workload.path(), script).expect("the workload is written");
    let path = workload.path().display().to_string();
    let report = sandbox.perfkit(&["index", "suggest", "--json", "--quiet", "-w", &path]);
    let report: Value = serde_json::from_str(&report).expect("suggest prints JSON");
    let suggestions = report["suggestions"].as_array().expect("a list of suggestions");
    let suggested: Vec<String> = suggestions
        .iter()
        .map(|suggestion| suggestion["ddl"].as_str().expect("DDL"))
        .map(|ddl| ddl.split_once(" ON ").expect("it names a table").1.trim_end_matches(';').to_owned())
        .collect();
    let by_hand = BY_HAND.map(str::to_owned);
    sandbox.session(async |client| {
        let base = price(&client, &[]).await.0;
        for (name, set) in [("by hand", &by_hand[..]), ("perfkit", &suggested)] {
            let (cost, bytes) = price(&client, set).await;
            #[expect(clippy::cast_precision_loss, reason = "sizes are shown in MB")]
            let megabytes = bytes as f64 / 1e6;
            println!(
                "15 statements, {name}: {:.2} % of no index with {} indexes, {megabytes:.0} MB",
                100.0 * cost / base,
                set.len()
            );
        }
        for index in &suggested {
            println!("  {index}");
        }
    });
}

/// Returns what the statements cost with these indexes alone, and the bytes of the indexes.
async fn price(client: &Client, indexes: &[String]) -> (f64, i64) {
    // Expressions have statistics only after ANALYZE.
    let mut script = String::from("BEGIN; SET LOCAL jit = off; SET LOCAL maintenance_work_mem = '512MB'; ");
    for (i, index) in indexes.iter().enumerate() {
        let _ = write!(script, "CREATE INDEX priced_{i} ON {index}; ");
    }
    client.batch_execute(&(script + "ANALYZE customers")).await.expect("the indexes are built");
    let mut cost = 0.0;
    for statement in STATEMENTS {
        let row = client.query_one(&format!("EXPLAIN (FORMAT JSON) {statement}"), &[]).await.expect("a plan");
        let plan: Value = row.get(0);
        cost += plan[0]["Plan"]["Total Cost"].as_f64().expect("a cost");
    }
    let sizes =
        "SELECT coalesce(sum(pg_relation_size(oid)), 0)::int8 FROM pg_class WHERE relname LIKE 'priced\\_%'";
    let bytes = client.query_one(sizes, &[]).await.expect("the sizes").get(0);
    client.batch_execute("ROLLBACK").await.expect("the indexes go");
    (cost, bytes)
}
