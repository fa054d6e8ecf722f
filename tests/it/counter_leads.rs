//! The scenario of the dashboard: it is seeded, its workload runs, and its page reads less with counters.

use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

const CONFIG: &str = include_str!("../../fixtures/leads/perfkit.yaml");
/// The team's list of indexes, as far as the page needs it.
const INDEXES: &str = "
    CREATE INDEX ON keywords (user_id);
    CREATE INDEX ON mentions (keyword_id, created_at);
    CREATE INDEX ON leads (mention_id);
    CREATE INDEX ON leads (user_id, status);
    CREATE INDEX ON integrations (user_id);
    CREATE INDEX ON integration_logs (integration_id, created_at)";

fn seeded(users: &str) -> Database {
    let database = Database::create();
    perfkit(&["seed", "--scenario", "leads", "--users", users, "--as-of", "2026-01-31"])
        .on(&database)
        .succeeds();
    database
}

fn count(database: &Database, from: &str) -> u64 {
    database.value(&format!("SELECT count(*) FROM {from}")).parse().expect("a number")
}

#[test]
fn the_scenario_is_seeded_as_it_says() {
    let database = seeded("40");
    assert_eq!((count(&database, "users"), count(&database, "keywords")), (40, 400));
    assert_eq!((count(&database, "mentions"), count(&database, "leads")), (20_000, 2_000));
    assert_eq!(count(&database, "analysis_results"), 20_000);
    assert_eq!((count(&database, "integrations"), count(&database, "integration_logs")), (120, 12_000));
    let most = "SELECT max(n) FROM (SELECT count(*) AS n FROM mentions GROUP BY keyword_id) AS c";
    let most: u64 = database.value(most).parse().expect("a number");
    assert!((500..5_000).contains(&most), "some keywords are mentioned oftener than the mean of 50: {most}");
    let childless =
        count(&database, "keywords k WHERE NOT EXISTS (SELECT FROM mentions m WHERE m.keyword_id = k.id)");
    assert!(childless > 0, "some keywords are never mentioned");
}

#[test]
fn the_workload_plans() {
    let database = seeded("10");
    let n_statements = CONFIG.matches("- name: ").count();
    let run = perfkit(&["explain", "--json"]).on(&database).run();
    assert!(matches!(run.status, 0 | 1), "{}", run.stderr);
    let said = format!("workload: {n_statements} statements from built-in scenario leads\n");
    assert!(run.stderr.contains(&said), "{}", run.stderr);
    for file in ["page.sql", "page_with_counters.sql"] {
        assert!(page(file).iter().all(|asked| asked.sql.contains("$1")), "{file}");
    }
    for asked in page("page.sql") {
        for value in database.query(&asked.each.replace("$1", "1")) {
            explained(&database, &asked.sql, value.parse().expect("a key"));
        }
    }
}

/// A statement of a page.
struct Asked {
    sql: String,
    /// Selects the values that it is asked for, of the user `$1`.
    each: &'static str,
}

/// Reads the statements of a page with how often each is sent.
fn page(file: &str) -> Vec<Asked> {
    let path = format!("{}/fixtures/leads/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    let (_, statements) = text.split_once("\n\n").expect("a heading comes first");
    let newest = "(SELECT mention_id FROM leads WHERE user_id = $1 ORDER BY created_at DESC LIMIT 10)";
    statements
        .split_terminator(";\n")
        .map(|statement| {
            let (how_often, sql) = statement.split_once('\n').expect("a comment comes before each statement");
            let each = match how_often {
                "-- once" => "SELECT $1",
                "-- for each of the newest leads" => newest,
                "-- for each of their mentions" => {
                    "SELECT m.keyword_id FROM (SELECT mention_id FROM leads WHERE user_id = $1 ORDER BY created_at DESC LIMIT 10) AS l
                     JOIN mentions m ON m.id = l.mention_id"
                }
                "-- for each keyword" => "SELECT id FROM keywords WHERE user_id = $1",
                "-- for each active integration" => {
                    "SELECT id FROM integrations WHERE user_id = $1 AND status = 'active'"
                }
                other => panic!("{file}: {other}"),
            };
            Asked { sql: sql.to_owned(), each }
        })
        .collect()
}

/// What a page costs.
#[derive(Debug, Default)]
struct Cost {
    n_statements: u64,
    n_blocks: u64,
    /// Rows that plans read from tables.
    n_rows: u64,
}

fn cost(database: &Database, file: &str, user: u64) -> Cost {
    let mut cost = Cost::default();
    for asked in page(file) {
        for value in database.query(&asked.each.replace("$1", &user.to_string())) {
            let plan = explained(database, &asked.sql, value.parse().expect("a key"));
            cost.n_statements += 1;
            let blocks = |name: &str| plan[name].as_u64().expect("BUFFERS counts them");
            cost.n_blocks += blocks("Shared Hit Blocks") + blocks("Shared Read Blocks");
            cost.n_rows += rows_read(&plan);
        }
    }
    cost
}

fn explained(database: &Database, sql: &str, value: u64) -> Value {
    let sql = sql.replace("$1", &value.to_string());
    let lines = database.query(&format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"));
    let explained: Value = serde_json::from_str(&lines.concat()).expect("JSON");
    explained[0]["Plan"].clone()
}

fn rows_read(plan: &Value) -> u64 {
    let number = |name: &str| plan[name].as_f64().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
    let own = if plan["Relation Name"].is_string() {
        ((number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops")) as u64
    } else {
        0
    };
    let below = plan["Plans"].as_array().into_iter().flatten();
    own + below.map(rows_read).sum::<u64>()
}

#[test]
fn the_page_reads_less_with_counters() {
    let database = seeded("40");
    database.execute(INDEXES);
    perfkit(&["counter", "add", "--yes"]).on(&database).file("perfkit.yaml", CONFIG).succeeds();
    database.execute("VACUUM ANALYZE");
    let user =
        database.value("SELECT user_id FROM keywords GROUP BY 1 ORDER BY abs(count(*) - 15), 1 LIMIT 1");
    let user: u64 = user.parse().expect("a key");
    // First it is the same page.
    let figures = |sql: &str| database.query(&sql.replace("$1", &user.to_string()));
    assert_eq!(
        figures(
            "SELECT (SELECT count(*) FROM keywords WHERE user_id = $1)::text
             || ' ' || (SELECT count(*) FROM mentions m JOIN keywords k ON k.id = m.keyword_id WHERE k.user_id = $1)
             || ' ' || (SELECT count(*) FROM leads WHERE user_id = $1)"
        ),
        figures(
            "SELECT keywords_count || ' ' || mentions_count || ' ' || leads_count
             + (SELECT coalesce(sum(leads_count), 0) FROM users_leads_user_id_pending d WHERE d.id = u.id) FROM users u WHERE id = $1"
        )
    );
    let naive = cost(&database, "page.sql", user);
    let counted = cost(&database, "page_with_counters.sql", user);
    assert!((50..=100).contains(&naive.n_statements), "{naive:?}");
    assert!(counted.n_statements <= 20, "{counted:?}");
    // The team went from 50 to 100 statements to 10 to 20: 70 % less.
    assert!(counted.n_statements * 10 <= naive.n_statements * 3, "{naive:?} {counted:?}");
    assert!(counted.n_blocks * 2 <= naive.n_blocks, "{naive:?} {counted:?}");
    // Some statements need the rows themselves, counters or not.
    assert!(counted.n_rows * 10 <= naive.n_rows * 7, "{naive:?} {counted:?}");
}
