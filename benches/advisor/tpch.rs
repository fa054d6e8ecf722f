//! TPC-H at scale factor 1: the suggested sets beside those of published advisors.
//!
//! Every index of every set is really built once, and a set is priced by hiding the others, so that all are measured
//! by the same script: planned cost of the workload, and bytes on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use futures_util::SinkExt as _;
use serde_json::Value;
use tokio_postgres::Client;
use tpchgen::csv::{
    CustomerCsv, LineItemCsv, NationCsv, OrderCsv, PartCsv, PartSuppCsv, RegionCsv, SupplierCsv,
};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

use crate::support::Sandbox;

const SCALE: f64 = 1.0;
/// Storage budgets in MB of 1,000,000 bytes.
const BUDGETS_MB: [u64; 4] = [250, 500, 1000, 2000];
/// Queries that `q19` leaves out: their cost without indexes hides all others.
const EXCLUDED: [&str; 3] = ["02", "17", "20"];
/// Bytes of a COPY message.
const CHUNK_BYTES: usize = 1 << 16;

/// What the search may use: its name in the table, and the options of `perfkit index suggest`.
const MODES: [(&str, &[&str]); 3] = [
    ("2 columns", &["--max-columns", "2", "--kinds", "btree"]),
    ("3 columns", &["--max-columns", "3", "--kinds", "btree"]),
    ("all kinds", &["--max-columns", "3"]),
];

/// A set of indexes, by what stands behind ON in their definitions.
struct Set {
    name: String,
    workload: &'static str,
    indexes: BTreeSet<String>,
    /// Planner calls and seconds, of our own.
    effort: Option<(u64, f64)>,
}

/// What a set costs.
struct Priced<'s> {
    set: &'s Set,
    megabytes: f64,
    /// Share of the workload's cost without indexes.
    cost: f64,
}

pub(crate) fn measure(folder: &Path) {
    let sandbox = Sandbox::start();
    let start = Instant::now();
    sandbox.session(async |client| load(&client, folder).await);
    println!("TPC-H: loaded in {:.0} s", start.elapsed().as_secs_f64());
    let queries = read_queries(&folder.join("queries"));
    let mut sets = peers(&folder.join("peers"));
    for workload in ["q19", "q22"] {
        let statements = tempfile::tempdir().expect("a folder for the workload");
        for (name, sql) in queries.iter().filter(|(name, _)| is_in(workload, name)) {
            fs::write(statements.path().join(format!("{name}.sql")), sql).expect("a query is written");
        }
        for (mode, options) in MODES {
            for budget in BUDGETS_MB {
                sets.push(suggested(&sandbox, workload, statements.path(), mode, options, budget));
            }
        }
    }
    sandbox.session(async |client| compare(&client, &sets, &queries).await);
}

fn is_in(workload: &str, query: &str) -> bool {
    workload == "q22" || !EXCLUDED.contains(&query)
}

fn read_queries(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder).expect("the folder of queries");
    files
        .map(|file| {
            let path = file.expect("a query").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a query is text"))
        })
        .collect()
}

/// Reads the sets of published advisors; each file's name ends with its workload.
fn peers(folder: &Path) -> Vec<Set> {
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the folder of sets").map(|file| file.expect("a set").path()).collect();
    files.sort();
    files
        .iter()
        .filter_map(|path| {
            let name = path.file_stem()?.to_string_lossy().into_owned();
            let workload = if name.ends_with("_q19") { "q19" } else { "q22" };
            let text = fs::read_to_string(path).expect("a set is text");
            let indexes = text.lines().filter_map(|line| index_of(line.split(';').next()?)).collect();
            Some(Set { name, workload, indexes, effort: None })
        })
        .collect()
}

/// Returns what a CREATE INDEX indexes, in one spelling.
fn index_of(ddl: &str) -> Option<String> {
    let (_, on) = ddl.starts_with("CREATE INDEX").then(|| ddl.split_once(" ON "))??;
    Some(on.trim().trim_start_matches("public.").to_owned())
}

fn suggested(
    sandbox: &Sandbox,
    workload: &'static str,
    statements: &Path,
    mode: &str,
    options: &[&str],
    budget: u64,
) -> Set {
    let (folder, budget_text) = (statements.display().to_string(), format!("{}B", budget * 1_000_000));
    let args =
        ["index", "suggest", "--json", "--quiet", "--workload", &folder, "--storage-budget", &budget_text];
    let start = Instant::now();
    let report = sandbox.perfkit(&[&args[..], options].concat());
    let elapsed_s = start.elapsed().as_secs_f64();
    let report: Value = serde_json::from_str(&report).expect("suggest prints JSON");
    let suggestions = report["suggestions"].as_array().expect("a list of suggestions");
    let indexes = suggestions
        .iter()
        .map(|suggestion| suggestion["ddl"].as_str().expect("DDL").trim_end_matches(';'))
        .filter_map(index_of)
        .collect();
    let calls = report["what_if"]["calls"].as_u64().expect("a number of calls");
    Set { name: format!("perfkit, {mode}, {budget} MB"), workload, indexes, effort: Some((calls, elapsed_s)) }
}

async fn compare(client: &Client, sets: &[Set], queries: &BTreeMap<String, String>) {
    let start = Instant::now();
    let all: BTreeSet<&String> = sets.iter().flat_map(|set| &set.indexes).collect();
    let mut oids = BTreeMap::new();
    for (i, index) in all.iter().enumerate() {
        let ddl = format!("CREATE INDEX built_{i} ON {index}");
        client.batch_execute(&ddl).await.expect("the index is built");
        let row = client
            .query_one(
                "SELECT oid, pg_relation_size(oid) FROM pg_class WHERE relname = $1",
                &[&format!("built_{i}")],
            )
            .await
            .expect("the index is there");
        oids.insert((*index).clone(), (row.get::<_, u32>(0), row.get::<_, i64>(1)));
    }
    println!("{} indexes built in {:.0} s", all.len(), start.elapsed().as_secs_f64());
    client.batch_execute("SET jit = off").await.expect("jit is off");
    for workload in ["q19", "q22"] {
        let queries: Vec<&String> =
            queries.iter().filter(|(name, _)| is_in(workload, name)).map(|(_, sql)| sql).collect();
        let base = price(client, &oids, &BTreeSet::new(), &queries).await;
        let mut priced = Vec::new();
        for set in sets.iter().filter(|set| set.workload == workload) {
            let cost = price(client, &oids, &set.indexes, &queries).await;
            let bytes: i64 = set.indexes.iter().map(|index| oids[index].1).sum();
            #[expect(clippy::cast_precision_loss, reason = "sizes are shown in MB")]
            priced.push(Priced { set, megabytes: bytes as f64 / 1e6, cost: cost / base });
        }
        print_table(workload, &priced);
    }
}

/// Prints our sets, each with the best of the others that is no larger, and the sets on the others' front.
fn print_table(workload: &str, priced: &[Priced]) {
    println!("\n{workload}: cost in % of no index, sizes as built");
    let (own, others): (Vec<&Priced>, Vec<&Priced>) =
        priced.iter().partition(|priced| priced.set.effort.is_some());
    for own in own {
        let (calls, elapsed_s) = own.set.effort.unwrap_or_default();
        let rival = others
            .iter()
            .filter(|other| other.megabytes <= own.megabytes * 1.001)
            .min_by(|a, b| a.cost.total_cmp(&b.cost));
        let rival = rival.map_or_else(String::new, |rival| {
            let verdict = if own.cost <= rival.cost + 1e-6 { "<=" } else { "> !" };
            format!("{verdict} {:.2} {} ({:.0} MB)", rival.cost * 100.0, rival.set.name, rival.megabytes)
        });
        println!(
            "{:<28} {:>5.0} MB {:>6.2} {:>3} indexes {calls:>5} calls {elapsed_s:>5.1} s  {rival}",
            own.set.name,
            own.megabytes,
            own.cost * 100.0,
            own.set.indexes.len()
        );
    }
    let mut front: Vec<&&Priced> = others
        .iter()
        .filter(|set| {
            !others.iter().any(|other| {
                other.megabytes <= set.megabytes
                    && other.cost <= set.cost
                    && (other.megabytes < set.megabytes || other.cost < set.cost)
            })
        })
        .collect();
    front.sort_by(|a, b| a.megabytes.total_cmp(&b.megabytes));
    println!("front of the others:");
    for set in front {
        println!("  {:>5.0} MB {:>6.2}  {}", set.megabytes, set.cost * 100.0, set.set.name);
    }
}

/// Returns the planned cost of the queries when exactly these of the built indexes are there.
async fn price(
    client: &Client,
    oids: &BTreeMap<String, (u32, i64)>,
    indexes: &BTreeSet<String>,
    queries: &[&String],
) -> f64 {
    let all: Vec<u32> = oids.values().map(|(oid, _)| *oid).collect();
    let shown: Vec<u32> = indexes.iter().map(|index| oids[index].0).collect();
    client
        .execute(
            "UPDATE pg_index SET indisvalid = indexrelid = ANY ($2) WHERE indexrelid = ANY ($1)",
            &[&all, &shown],
        )
        .await
        .expect("indexes are shown and hidden");
    let mut sum = 0.0;
    for sql in queries {
        let row = client.query_one(&format!("EXPLAIN (FORMAT JSON) {sql}"), &[]).await.expect("a plan");
        let plan: Value = row.get(0);
        sum += plan[0]["Plan"]["Total Cost"].as_f64().expect("a cost");
    }
    sum
}

async fn load(client: &Client, folder: &Path) {
    let script = |name: &str| fs::read_to_string(folder.join(name)).expect("a script of TPC-H");
    client.batch_execute(&script("schema.sql")).await.expect("the tables are made");
    copy(client, "region", RegionGenerator::new(SCALE, 1, 1).iter().map(RegionCsv::new)).await;
    copy(client, "nation", NationGenerator::new(SCALE, 1, 1).iter().map(NationCsv::new)).await;
    copy(client, "supplier", SupplierGenerator::new(SCALE, 1, 1).iter().map(SupplierCsv::new)).await;
    copy(client, "customer", CustomerGenerator::new(SCALE, 1, 1).iter().map(CustomerCsv::new)).await;
    copy(client, "part", PartGenerator::new(SCALE, 1, 1).iter().map(PartCsv::new)).await;
    copy(client, "partsupp", PartSuppGenerator::new(SCALE, 1, 1).iter().map(PartSuppCsv::new)).await;
    copy(client, "orders", OrderGenerator::new(SCALE, 1, 1).iter().map(OrderCsv::new)).await;
    copy(client, "lineitem", LineItemGenerator::new(SCALE, 1, 1).iter().map(LineItemCsv::new)).await;
    client.batch_execute(&script("primary_keys.sql")).await.expect("the primary keys are made");
    client.batch_execute("VACUUM (ANALYZE)").await.expect("the tables are analyzed");
}

async fn copy(client: &Client, table: &str, rows: impl Iterator<Item: Display>) {
    let sink = client.copy_in(&format!("COPY {table} FROM STDIN (FORMAT csv)")).await.expect("COPY starts");
    futures_util::pin_mut!(sink);
    let mut chunk = String::new();
    for row in rows {
        use std::fmt::Write as _;
        writeln!(chunk, "{row}").expect("writing to memory");
        if chunk.len() > CHUNK_BYTES {
            sink.send(Bytes::from(std::mem::take(&mut chunk))).await.expect("rows are sent");
        }
    }
    sink.send(Bytes::from(chunk)).await.expect("rows are sent");
    sink.finish().await.expect("COPY ends");
}
