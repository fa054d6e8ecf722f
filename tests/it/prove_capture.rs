//! What the capture holds at full size: a row of nearly 1 GB, ten thousand statements in one pipeline, a log of 10 GB
//! (`make prove-capture`). The suite has a small version of each.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::KilledAtDrop;
use crate::support::cli::perfkit;
use crate::support::pg::Database;
use crate::support::proxy::{Ended, proxy};
use crate::support::wire::{Wire, bind, execute, message, parse, query, sync};

/// No capture needs more memory, whatever goes through it.
const MAX_RSS_BYTES: u64 = 200 << 20;
/// How long a statement sleeps that is to be told from others.
const NAP: Duration = Duration::from_millis(50);

/// Returns the most memory that a process had so far, where the system tells.
fn peak_rss_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb << 10)
}

fn require_little_memory(peak: Option<u64>) {
    assert!(peak.is_none_or(|peak| peak < MAX_RSS_BYTES), "{peak:?} bytes");
}

/// A row of so many bytes, as text and as bytea, is the same through the proxy, which never holds it.
#[expect(clippy::print_stdout, reason = "the figures are what the command is for")]
fn row_of(n_bytes: usize) {
    const PATTERN: &str = "a pattern of 23 letters";
    let database = Database::create();
    let n = n_bytes / PATTERN.len();
    let sql = format!("SELECT 7, repeat('{PATTERN}', {n}), 'end'");
    let bound = [
        // As text a byte has two digits.
        parse("", &format!("SELECT convert_to(repeat($1, {}), 'UTF8')", n / 2), &[25]),
        bind("", "", 0, &[Some(PATTERN.as_bytes())]),
        execute("", 0),
        sync(),
    ];
    let talk = |wire: &mut Wire| -> Vec<(u64, u64)> {
        [query(&sql), bound.concat()]
            .iter()
            .map(|request| {
                wire.send(request);
                let mut hasher = DefaultHasher::new();
                let n_bytes = wire.read_in_pieces(|piece| hasher.write(piece));
                (hasher.finish(), n_bytes)
            })
            .collect()
    };
    let mut wire = Wire::direct(&database);
    let direct = talk(&mut wire);
    wire.end();
    let running = proxy(&database, &[]);
    let mut wire = Wire::through(running.port, &database);
    let start = Instant::now();
    let through = talk(&mut wire);
    let elapsed = start.elapsed();
    wire.end();
    require_little_memory(peak_rss_bytes(running.child.id()));
    let peak = peak_rss_bytes(running.child.id()).unwrap_or_default();
    let ended = running.end();
    assert_eq!(through, direct);
    let text = ended.execution("SELECT $1, repeat($2, $3), $4");
    assert!(text["result_bytes"].as_u64().expect("a number") >= (n * PATTERN.len()) as u64, "{text}");
    assert!(ended.is_complete(), "{}", ended.stdout);
    println!("rows of {n_bytes} bytes: {elapsed:.1?}, {} MB of memory", peak >> 20);
}

/// Of statements in a pipeline, each has its own time: those that sleep are slow, and no others.
fn pipeline_of(n_statements: usize, nap_each: usize) {
    let database = Database::create();
    let running = proxy(&database, &[]);
    for is_synced_each in [true, false] {
        let mut wire = Wire::through(running.port, &database);
        let mut pipeline = Vec::new();
        for n in 0..n_statements {
            let nap = if n % nap_each == nap_each / 2 { NAP.as_secs_f64() } else { 0.0 };
            pipeline.extend(parse(
                "",
                &format!("SELECT $1::int, pg_sleep($2) AS s{is_synced_each}"),
                &[23, 701],
            ));
            let (n, nap) = (n.to_string(), nap.to_string());
            pipeline.extend(bind("", "", 0, &[Some(n.as_bytes()), Some(nap.as_bytes())]));
            pipeline.extend(execute("", 0));
            // The server keeps answers back up to the next Sync, unless it is told to send them.
            pipeline.extend(if is_synced_each { sync() } else { message(b'H', b"") });
        }
        if !is_synced_each {
            pipeline.extend(sync());
        }
        wire.talk(&pipeline, if is_synced_each { n_statements } else { 1 });
        wire.end();
    }
    let ended = running.end();
    assert!(ended.is_complete(), "{}", ended.stdout);
    for is_synced_each in [true, false] {
        each_has_its_time(&ended, &format!("AS s{is_synced_each}"), (n_statements, nap_each));
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what the command is for")]
fn each_has_its_time(ended: &Ended, name: &str, (n_statements, nap_each): (usize, usize)) {
    let executions: Vec<&Value> =
        ended.executions().into_iter().filter(|(sql, _)| sql.ends_with(name)).map(|(_, it)| it).collect();
    assert_eq!(executions.len(), n_statements);
    let half = u64::try_from(NAP.as_nanos() / 2).expect("it is short");
    // A busy machine makes a statement slow now and then, or lets the proxy come late to the end of the one before.
    let n_naps = n_statements / nap_each;
    let (mut n_quick_naps, mut n_slow) = (0, 0);
    let mut end = 0;
    for (n, execution) in executions.iter().enumerate() {
        assert_eq!(execution["parameters"][0]["text"], n.to_string(), "{name}: in their order");
        let ns = |key: &str| execution[key].as_u64().expect("it is known");
        assert!(ns("started_at_ns") >= end, "{name}: it begins when the one before has ended");
        end = ns("started_at_ns") + ns("total_ns");
        let is_nap = n % nap_each == nap_each / 2;
        n_quick_naps += usize::from(is_nap && ns("total_ns") < half);
        n_slow += usize::from(!is_nap && ns("total_ns") >= half);
    }
    println!(
        "{name}: {n_naps} of {n_statements} sleep; {n_quick_naps} of them were quick, {n_slow} others slow"
    );
    assert!(n_quick_naps * 10 <= n_naps, "{name}: {n_quick_naps} of {n_naps} that sleep were quick");
    assert!(n_slow * 10 <= n_naps.max(10) * 5, "{name}: {n_slow} were slow that do not sleep");
}

/// Reads a log of so many bytes from standard input, which is made as it is read.
#[expect(clippy::print_stdout, reason = "the figures are what the command is for")]
fn log_of(n_bytes: u64) {
    let (child, _folder) = perfkit(&["capture", "log", "--json", "-"]).input("").spawn();
    let mut child = KilledAtDrop(child);
    let mut stdin = child.stdin.take().expect("it is piped");
    let block = block();
    let start = Instant::now();
    let (mut n_written, mut n_statements, mut peak) = (0, 0, None);
    while n_written < n_bytes {
        stdin.write_all(block.0.as_bytes()).expect("it reads on");
        n_written += block.0.len() as u64;
        n_statements += block.1;
        peak = peak_rss_bytes(child.id()).or(peak);
    }
    drop(stdin);
    let mut stdout = String::new();
    child.stdout.take().expect("it is piped").read_to_string(&mut stdout).expect("text");
    let elapsed = start.elapsed();
    assert!(child.wait().expect("it ends").success());
    let report: Value = serde_json::from_str(&stdout).expect("an object");
    assert_eq!(report["executions"], n_statements, "{report}");
    require_little_memory(peak);
    println!(
        "log of {} MB: {:.0} MB/s, {} MB of memory",
        n_written >> 20,
        n_written as f64 / 1e6 / elapsed.as_secs_f64(),
        peak.unwrap_or_default() >> 20
    );
}

/// A piece of a log, as servers write them, and how many executions it tells of.
fn block() -> (String, u64) {
    let mut block = String::new();
    for n in 0..4000_u32 {
        let (pid, id, ms) = (1000 + n % 40, n.wrapping_mul(2_654_435_761), f64::from(n % 97) / 10.0);
        let prefix = format!("2026-11-22 11:48:{:02}.{:03} UTC [{pid}] app@shop ", n / 1000 % 60, n % 1000);
        let line = match n % 4 {
            0 => format!("duration: {ms:.3} ms  statement: SELECT * FROM orders WHERE id = {id}"),
            1 => format!(
                "duration: {ms:.3} ms  execute s{}: SELECT name, price FROM items\n\tWHERE shop = $1 AND id = $2\n\
                 {prefix}DETAIL:  parameters: $1 = 'shop {id}', $2 = '{n}'",
                n % 7
            ),
            2 => format!(
                "duration: {ms:.3} ms  statement: UPDATE carts SET n = {n} WHERE id = {id} /*route='%2Fcart'*/"
            ),
            _ => "connection authorized: user=app database=shop".to_owned(),
        };
        block.extend([&prefix, "LOG:  ", &line, "\n"]);
    }
    (block, 3000)
}

#[test]
fn long_rows_are_the_same_through_the_proxy() {
    row_of(20 << 20);
}

#[test]
fn statements_of_a_pipeline_have_their_own_times() {
    pipeline_of(1000, 100);
}

#[test]
fn logs_are_read_in_little_memory() {
    log_of(3 << 20);
}

#[test]
#[ignore = "make prove-capture runs it"]
fn a_row_of_nearly_a_gigabyte() {
    row_of(900_000_000);
}

#[test]
#[ignore = "make prove-capture runs it"]
fn ten_thousand_statements() {
    pipeline_of(10_000, 100);
}

#[test]
#[ignore = "make prove-capture runs it"]
fn a_log_of_any_size() {
    #[expect(clippy::disallowed_methods, reason = "a test has no Environment")]
    let gb = std::env::var("PERFKIT_LOG_GB");
    let gb: f64 = gb.map_or(10.0, |gb| gb.parse().expect("PERFKIT_LOG_GB is a number"));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size that somebody asks for"
    )]
    log_of((gb * 1e9) as u64);
}
