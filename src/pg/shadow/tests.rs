//! What only a server can show: planners, members and candidates of a shadow of a real database.

use std::collections::BTreeSet;

use super::{Checked, ExpressionStatistics, Question, Shadow};
use crate::catalog::{Catalog, ColumnStatistics};
use crate::config::{Environment, Timeouts};
use crate::index::{Answer, Definition, Key, Method, Size};
use crate::pg::catalog::{self, Surroundings};
use crate::pg::connect::{Access, Connection};
use crate::pg::interrupt::Interrupt;
use crate::pg::server::{Cluster, Programs, Settings};
use crate::query::Operand;

/// A database and its shadow.
struct Pair {
    target: Connection,
    catalog: Catalog,
    surroundings: Surroundings,
    shadow: Shadow,
    cluster: Cluster,
}

async fn pair(schema: &str) -> Pair {
    let environment = Environment::of_process();
    let programs = Programs::find(None, &environment, None).unwrap();
    let cluster = Cluster::start(&programs, Settings::DATA, &environment).await.unwrap();
    let timeouts = Timeouts::new(&crate::cli::ConnectArgs::default(), None);
    let interrupt = Interrupt::new();
    let mut target =
        cluster.target("postgres", timeouts).unwrap().connect(Access::ReadWrite, &interrupt).await.unwrap();
    for statement in schema.split(';') {
        target.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    let (catalog, surroundings) = catalog::load_with_surroundings(&mut target).await.unwrap();
    let known = (&catalog, &surroundings);
    let shadow = Shadow::build(&programs, &environment, timeouts, &interrupt, known, &[]).await.unwrap();
    Pair { target, catalog, surroundings, shadow, cluster }
}

fn btree(table: &str, columns: &[&str]) -> Definition {
    Definition::btree("public", table, columns.iter().map(|column| Key::ascending(column)).collect())
}

fn expression(sql: &str, columns: &[&str]) -> Operand {
    let columns = columns.iter().map(|&column| column.to_owned()).collect();
    Operand::Expression { sql: sql.to_owned(), columns }
}

async fn answer(shadow: &mut Shadow, visible: &[usize], statement: &str) -> Answer {
    shadow.plan(&visible.iter().copied().collect(), statement, &[]).await.unwrap()
}

const SCHEMA: &str = "CREATE SCHEMA other;
    CREATE TABLE t (id int PRIMARY KEY, a int, b text, c int);
    INSERT INTO t SELECT i, i % 5000, 'b' || i % 100, i FROM generate_series(1, 100000) AS i;
    CREATE INDEX same_name ON t (c);
    CREATE TABLE other.t (a int, c int); INSERT INTO other.t SELECT i, i FROM generate_series(1, 50000) AS i;
    CREATE INDEX same_name ON other.t (c);
    CREATE TABLE logs (id int, at date, kind int) PARTITION BY RANGE (at);
    CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (kind);
    CREATE TABLE logs_2a PARTITION OF logs_2 DEFAULT;
    INSERT INTO logs SELECT i, date '2026-01-01' + i % 50, i % 1000 FROM generate_series(1, 100000) AS i;
    CREATE TABLE docs (body json, name text); INSERT INTO docs SELECT '{}', 'N' || i FROM generate_series(1, 50000) AS i;
    CREATE TABLE keyed (id int PRIMARY KEY, at date) PARTITION BY HASH (id);
    CREATE TABLE keyed_0 PARTITION OF keyed FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    INSERT INTO keyed SELECT i, '2026-01-01' FROM generate_series(1, 30000) AS i;
    VACUUM ANALYZE";

const BY_A: &str = "SELECT * FROM t WHERE a = 77";
const BY_C: &str = "SELECT * FROM t WHERE c = 77";
const BY_OTHER_C: &str = "SELECT * FROM other.t WHERE c = 77";
const BY_KIND: &str = "SELECT * FROM logs WHERE kind = 7";
const BY_NAME: &str = "SELECT * FROM docs WHERE lower(name) = 'n7'";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn members_come_and_go() {
    let Pair { target, mut shadow, catalog, cluster: _cluster, .. } = pair(SCHEMA).await;
    assert_eq!(shadow.missing, Vec::<String>::new());
    let rows = shadow.rows(BY_A).await.unwrap();
    assert!((10.0..40.0).contains(&rows), "{rows}");

    // Candidates: an ordinary one, one of partitions, an impossible one, an expression.
    let candidates = [
        (btree("t", &["a"]), Size { n_rows: 1e5, n_pages: 90, tree_level: 1, ..Size::default() }),
        (btree("logs", &["kind"]), Size { n_rows: 1e5, n_pages: 90, tree_level: 1, ..Size::default() }),
        (btree("docs", &["body"]), Size { n_rows: 5e4, n_pages: 90, tree_level: 1, ..Size::default() }),
    ];
    shadow.add_candidates(&candidates, &ExpressionStatistics::new()).await.unwrap();
    let docs = catalog.tables.iter().find(|table| table.name == "docs").unwrap().oid;
    let unique = ColumnStatistics { avg_width: 6, n_distinct: -1.0, ..ColumnStatistics::default() };
    let lower = "lower(name)";
    let named = Definition::btree("public", "docs", vec![Key::of(expression(lower, &["name"]))]);
    let expressions = ExpressionStatistics::from([((docs, lower.to_owned()), unique)]);
    let second = [(named, Size { n_rows: 5e4, n_pages: 150, tree_level: 1, ..Size::default() })];
    shadow.add_candidates(&second, &expressions).await.unwrap();
    shadow.add_existing([
        ("public", "same_name"),
        ("other", "same_name"),
        ("public", "none"),
        ("public", "t_pkey"),
    ]);
    assert_eq!(
        (0..8).map(|member| shadow.has_member(member)).collect::<Vec<_>>(),
        [true, true, false, true, true, true, false, true]
    );
    assert_eq!(shadow.missing.len(), 1, "{:?}", shadow.missing);
    assert!(shadow.missing[0].contains("docs (body)"), "{:?}", shadow.missing);

    for (statement, member) in [(BY_A, 0), (BY_KIND, 1), (BY_NAME, 3), (BY_C, 4), (BY_OTHER_C, 5)] {
        let without = answer(&mut shadow, &[], statement).await;
        assert_eq!(without.used, BTreeSet::new(), "{statement}");
        let with = answer(&mut shadow, &[0, 1, 2, 3, 4, 5, 6, 7], statement).await;
        assert_eq!(with.used, BTreeSet::from([member]), "{statement}");
        assert!(with.cost < without.cost / 2.0, "{statement}: {} {}", with.cost, without.cost);
    }
    let by_id = "SELECT * FROM t WHERE id = 5";
    assert_eq!(answer(&mut shadow, &[7], by_id).await.used, BTreeSet::from([7]));
    assert!(answer(&mut shadow, &[], by_id).await.cost > 1000.0);
    // A plan for people names indexes as the target does.
    let plan = shadow.explain(BY_OTHER_C, &[]).await.unwrap();
    assert!(plan.contains("\"same_name\""), "{plan}");
    // Hidden ones come back, the real costs with them.
    let expected = target.query(&format!("EXPLAIN {BY_C}"), &[]).await.unwrap()[0].get::<_, String>(0);
    let cost = answer(&mut shadow, &[4], BY_C).await.cost;
    assert!(expected.contains(&format!("..{cost:.2} ")), "{cost} {expected}");
}

/// Candidates are created many at a time, and one that is impossible takes no other one with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_candidates_created_together_only_the_impossible_are_missing() {
    let Pair { mut shadow, cluster: _cluster, .. } = pair(SCHEMA).await;
    let size = Size { n_rows: 1e5, n_pages: 90, tree_level: 1, ..Size::default() };
    // In the first batch, in the second one as its first and as its last, and none in the third.
    let impossible = BTreeSet::from([17, 32, 63]);
    let candidates: Vec<(Definition, Size)> = (0..70)
        .map(|number| match number {
            17 => (btree("docs", &["body"]), size),
            32 => (btree("nowhere", &["a"]), size),
            63 => (btree("t", &["nothing"]), size),
            40 => (btree("t", &["a"]), size),
            _ => (btree("docs", &["name"]), size),
        })
        .collect();
    shadow.add_candidates(&candidates, &ExpressionStatistics::new()).await.unwrap();
    let absent: BTreeSet<usize> = (0..70).filter(|member| !shadow.has_member(*member)).collect();
    assert_eq!(absent, impossible);
    assert_eq!(shadow.missing.len(), 3, "{:?}", shadow.missing);
    for (missing, described) in shadow.missing.iter().zip(["docs (body)", "nowhere (a)", "t (nothing)"]) {
        assert!(missing.contains(described), "{missing}");
    }
    let all: Vec<usize> = (0..70).collect();
    assert_eq!(answer(&mut shadow, &all, BY_A).await.used, BTreeSet::from([40]));
    // What comes next has the next number.
    shadow.add_candidates(&[(btree("t", &["c", "a"]), size)], &ExpressionStatistics::new()).await.unwrap();
    let covered = "SELECT a FROM t WHERE c = 77 ORDER BY a";
    assert_eq!(answer(&mut shadow, &[40, 70], covered).await.used, BTreeSet::from([70]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_number_of_planners_gives_the_same_answers() {
    let Pair { target, mut shadow, cluster: _cluster, .. } = pair(SCHEMA).await;
    let candidates = [("a", 0), ("b", 1), ("c", 2)].map(|(column, _)| {
        (btree("t", &[column]), Size { n_rows: 1e5, n_pages: 200, tree_level: 1, ..Size::default() })
    });
    shadow.add_candidates(&candidates, &ExpressionStatistics::new()).await.unwrap();
    shadow.add_existing([("public", "same_name")]);
    let sets: Vec<BTreeSet<usize>> =
        (0..16u32).map(|bits| (0..4).filter(|member| bits & (1 << member) != 0).collect()).collect();
    let questions: Vec<Question> = sets
        .iter()
        .flat_map(|visible| {
            [BY_A, BY_C, BY_KIND, "SELECT * FROM t WHERE b = 'b7' AND a < 50"].map(|statement| Question {
                visible,
                statement,
                parameters: &[],
            })
        })
        .collect();
    let one = shadow.answers(&questions).await.unwrap();
    shadow.start_planners(3).await.unwrap();
    assert_eq!(one, shadow.answers(&questions).await.unwrap());
    shadow.start_planners(2).await.unwrap();
    let mut reversed: Vec<Question> = questions.clone();
    reversed.reverse();
    let mut answers = shadow.answers(&reversed).await.unwrap();
    answers.reverse();
    assert_eq!(one, answers);
    assert_eq!(shadow.n_calls, 3 * 64);
    assert!(
        shadow.answers(&[Question { statement: "SELECT * FROM nowhere", ..questions[0] }]).await.is_err()
    );

    let checked = [
        ("a", BY_A),
        ("kind", BY_KIND),
        ("other", BY_OTHER_C),
        ("wrong", "SELECT nothing"),
        ("key", "SELECT * FROM keyed WHERE id = 5"),
    ]
    .map(|(name, statement)| Checked { name, statement, parameters: &[] });
    let check = shadow.self_check(&target, &checked).await.unwrap();
    let (name, difference) = check.worst.unwrap();
    assert_eq!(check.n_compared, 4);
    assert!(difference < 0.01, "{name}: {difference}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn heights_and_sizes_are_the_targets() {
    let Pair { target, mut shadow, catalog, surroundings, cluster: _cluster } = pair(
        "CREATE EXTENSION pageinspect;
         CREATE TABLE t (id bigint PRIMARY KEY, a int, name text, at timestamptz);
         INSERT INTO t SELECT i, i % 777, 'some longer name ' || i, timestamptz '2026-01-01' + i * interval '1 s'
         FROM generate_series(1, 200000) AS i;
         CREATE INDEX by_a ON t (a); CREATE INDEX by_name ON t (name); CREATE INDEX by_both ON t (a, at);
         CREATE INDEX by_half ON t (at) WHERE a < 300; VACUUM ANALYZE t",
    )
    .await;
    // A plain value survives being written down.
    let text = serde_json::to_string(&(&catalog, &surroundings)).unwrap();
    let (again, _): (Catalog, Surroundings) = serde_json::from_str(&text).unwrap();
    assert_eq!(again.tables[0].n_rows.to_string(), catalog.tables[0].n_rows.to_string());
    for index in ["t_pkey", "by_a", "by_name", "by_both", "by_half"] {
        let row =
            target.query_one(&format!("SELECT level::int FROM bt_metap('{index}')"), &[]).await.unwrap();
        let expected = u32::try_from(row.get::<_, i32>(0)).unwrap();
        let relation = shadow.relations.iter().find(|relation| relation.name == index).unwrap();
        let start = shadow.figures[&relation.oid].start;
        assert_eq!(start, super::files::Start::Btree { level: expected }, "{index}");
    }
    let statements = [
        "SELECT * FROM t WHERE id = 5",
        "SELECT * FROM t AS x JOIN t AS y ON y.id = x.a WHERE x.name = 'some longer name 7'",
        "SELECT * FROM t WHERE a = 5 ORDER BY at LIMIT 1",
        "SELECT max(id) FROM t",
        "SELECT count(*) FROM t WHERE at > '2026-01-03' AND a < 300",
        "SELECT * FROM t WHERE id > 150000",
    ];
    for statement in statements {
        let checked = [Checked { name: statement, statement, parameters: &[] }];
        let check = shadow.self_check(&target, &checked).await.unwrap();
        let (name, difference) = check.worst.unwrap();
        assert!(difference < 0.001, "{name}: {difference}");
    }
    // The ends of an index that has no entries are looked for and not found.
    let gin = Definition { method: Method::Gin, ..btree("t", &["name"]) };
    let brin = Definition { method: Method::Brin, ..btree("t", &["at"]) };
    let size = Size { n_rows: 2e5, n_pages: 3, tree_level: 1, ..Size::default() };
    shadow.add_candidates(&[(gin, size), (brin, size)], &ExpressionStatistics::new()).await.unwrap();
    assert!(!shadow.has_member(0) && shadow.has_member(1), "{:?}", shadow.missing);
    let statement = "SELECT count(name) FROM t WHERE at > '2026-01-03 07:00'";
    let (without, with) =
        (answer(&mut shadow, &[], statement).await, answer(&mut shadow, &[1], statement).await);
    assert!(with.cost < without.cost && with.used == BTreeSet::from([1]), "{} {}", with.cost, without.cost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn gin_indexes_cost_what_they_cost_on_the_target() {
    // Nearly all pages of the first hold lists of rows, which the planner does not guess: without the index's own counts
    // it takes nine of ten for pages of entries, of which a search reads more.
    let Pair { target, mut shadow, cluster: _cluster, .. } = pair(
        "CREATE TABLE d AS SELECT i AS id, ARRAY(
             SELECT (hashint8extended(i, k) & 2147483647) % 600 FROM generate_series(1, 20) AS k
         ) AS numbers, jsonb_build_object('kind', 'kind ' || i % 16, 'key', md5(i::text)) AS doc
         FROM generate_series(1, 60000) AS i;
         CREATE INDEX by_numbers ON d USING gin (numbers); CREATE INDEX by_doc ON d USING gin (doc);
         VACUUM ANALYZE d",
    )
    .await;
    for statement in [
        "SELECT * FROM d WHERE numbers @> ARRAY[7, 70, 300]::bigint[]",
        "SELECT * FROM d WHERE doc @> '{\"kind\": \"kind 7\", \"key\": \"c4ca4238a0b923820dcc509a6f75849b\"}'",
    ] {
        let checked = [Checked { name: statement, statement, parameters: &[] }];
        let check = shadow.self_check(&target, &checked).await.unwrap();
        let (name, difference) = check.worst.unwrap();
        assert!(difference < 0.05, "{name}: {difference}");
    }
}
