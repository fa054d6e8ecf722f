//! Reading, judging and drawing large plans, beside what `serde_json` takes to parse the same bytes.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::cast_precision_loss, reason = "megabytes")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const LARGE_NODES: usize = 25_000;
const MANY_NODES: usize = 10_000;

/// A table of so many partitions, as EXPLAIN (ANALYZE, VERBOSE, BUFFERS) prints it.
fn json(n_nodes: usize) -> String {
    let mut text = String::from(
        "[{\"Plan\": {\"Node Type\": \"Append\", \"Parallel Aware\": false, \"Startup Cost\": 0.00, \
         \"Total Cost\": 900000.00, \"Plan Rows\": 500000, \"Plan Width\": 44, \"Actual Startup Time\": 0.010, \
         \"Actual Total Time\": 9000.000, \"Actual Rows\": 500000, \"Actual Loops\": 1, \"Plans\": [",
    );
    for i in 1..n_nodes {
        let comma = if i > 1 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}\n    {{\n      \"Node Type\": \"Seq Scan\",\n      \"Parent Relationship\": \"Member\",\n      \
             \"Parallel Aware\": false,\n      \"Async Capable\": false,\n      \"Relation Name\": \"part_{i}\",\n      \
             \"Schema\": \"public\",\n      \"Alias\": \"p_{i}\",\n      \"Startup Cost\": 0.00,\n      \
             \"Total Cost\": 35.50,\n      \"Plan Rows\": 20,\n      \"Plan Width\": 44,\n      \
             \"Actual Startup Time\": 0.010,\n      \"Actual Total Time\": 0.050,\n      \"Actual Rows\": 20,\n      \
             \"Actual Loops\": 1,\n      \"Output\": [\"p_{i}.a\", \"p_{i}.b\", \"p_{i}.c\"],\n      \
             \"Filter\": \"((p_{i}.a > 5) AND (p_{i}.b = 'x'::text))\",\n      \"Rows Removed by Filter\": 100,\n      \
             \"Shared Hit Blocks\": 12,\n      \"Shared Read Blocks\": 3,\n      \"Shared Dirtied Blocks\": 0,\n      \
             \"Shared Written Blocks\": 0,\n      \"Local Hit Blocks\": 0,\n      \"Local Read Blocks\": 0,\n      \
             \"Local Dirtied Blocks\": 0,\n      \"Local Written Blocks\": 0,\n      \"Temp Read Blocks\": 0,\n      \
             \"Temp Written Blocks\": 0\n    }}"
        );
    }
    text + "]}, \"Planning Time\": 1.0, \"Triggers\": [], \"Execution Time\": 9001.0}]\n"
}

fn text(n_nodes: usize) -> String {
    let mut text = String::from(
        "Append  (cost=0.00..900000.00 rows=500000 width=44) (actual time=0.010..9000.000 rows=500000 loops=1)\n",
    );
    for i in 1..n_nodes {
        let _ = writeln!(
            text,
            "  ->  Seq Scan on public.part_{i} p_{i}  (cost=0.00..35.50 rows=20 width=44) (actual time=0.010..0.050 \
             rows=20 loops=1)\n        Output: p_{i}.a, p_{i}.b, p_{i}.c\n        \
             Filter: ((p_{i}.a > 5) AND (p_{i}.b = 'x'::text))\n        Rows Removed by Filter: 100\n        \
             Buffers: shared hit=12 read=3"
        );
    }
    text + "Planning Time: 1.0 ms\nExecution Time: 9001.000 ms\n"
}

/// How long the whole program takes for a plan, from its start to its end.
fn explain(path: &Path) -> Duration {
    let start = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_perfkit"))
        .args(["explain", "--quiet", "--plan"])
        .arg(path)
        .stdout(Stdio::null())
        .status()
        .expect("perfkit starts");
    assert!(status.success());
    start.elapsed()
}

fn median_ms(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn main() {
    let folder = std::env::temp_dir().join(format!("perfkit-bench-explain-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let write = |name: &str, content: &str| -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("the folder can be written");
        path
    };
    let (large_json, large_text) = (json(LARGE_NODES), text(LARGE_NODES));
    let inputs = [
        ("JSON", LARGE_NODES, large_json.len(), write("large.json", &large_json)),
        ("TEXT", LARGE_NODES, large_text.len(), write("large.txt", &large_text)),
        ("JSON", MANY_NODES, 0, write("many.json", &json(MANY_NODES))),
        ("TEXT", MANY_NODES, 0, write("many.txt", &text(MANY_NODES))),
    ];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); inputs.len()];
    let mut parse = Vec::new();
    for _ in 0..ROUNDS {
        for ((.., path), times) in inputs.iter().zip(&mut times) {
            times.push(explain(path));
        }
        let start = Instant::now();
        let value: serde_json::Value = serde_json::from_str(&large_json).expect("it is JSON");
        drop(value);
        parse.push(start.elapsed());
    }
    let parse_ms = median_ms(&mut parse);
    for ((format, n_nodes, n_bytes, _), times) in inputs.iter().zip(&mut times) {
        let ms = median_ms(times);
        let rate = match n_bytes {
            0 => String::new(),
            n_bytes => format!(", {:.0} MB/s", *n_bytes as f64 / 1e3 / ms),
        };
        println!("explain: {format} of {n_nodes} nodes read, judged and drawn in {ms:.0} ms{rate}");
    }
    println!(
        "explain: serde_json parses the same {:.0} MB of JSON in {parse_ms:.0} ms ({:.0} MB/s)",
        large_json.len() as f64 / 1e6,
        large_json.len() as f64 / 1e3 / parse_ms
    );
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}
