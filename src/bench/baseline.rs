//! What an earlier run needed, to hold a later one against it.
//!
//! Latencies of one run each say little, and nothing on another machine. What a statement reads, writes and returns for the same
//! parameters does not depend on how fast or busy a machine is, so that it is judged on shared CI runners as well, to the block.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The version of the file's form.
pub(crate) const FORM: u32 = 1;
/// The bytes of all tables may differ by this share: a load leaves free space at other places.
const SAME_BYTES: f64 = 0.02;
/// By how much a statement that changes rows may need more: what earlier ones left behind fills its pages.
const WRITES_TOLERANCE: f64 = 0.10;

/// The content of a baseline file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    pub(crate) baseline_version: u32,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) statements: Vec<Measured>,
}

/// Where and with what a run took place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    pub(crate) perfkit_version: String,
    pub(crate) server_version_num: u32,
    /// Those that plans depend on.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) n_tables: u64,
    pub(crate) table_bytes: u64,
    pub(crate) seed: u64,
    /// Executions of each statement that were counted.
    pub(crate) executions: u64,
    /// How the load was sent; of the latencies alone.
    pub(crate) load: String,
    /// The generator's processors, by number and model; of the latencies alone.
    pub(crate) machine: String,
}

/// A statement of a run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    pub(crate) name: String,
    /// Its text without constants, as a number.
    pub(crate) text: String,
    pub(crate) writes: bool,
    pub(crate) work: Work,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

/// What a number of executions with known parameters needed, all together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Work {
    /// Blocks of tables and indexes, in the cache or not.
    pub(crate) blocks: u64,
    pub(crate) temp_blocks: u64,
    pub(crate) rows: u64,
    pub(crate) wal_records: u64,
    /// Identities of its plans.
    pub(crate) plans: BTreeSet<String>,
}

impl Work {
    pub(crate) fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.temp_blocks += other.temp_blocks;
        self.rows += other.rows;
        self.wal_records += other.wal_records;
        self.plans.extend(other.plans);
    }
}

/// A figure of a statement against the same of the baseline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gate {
    pub(crate) statement: String,
    pub(crate) figure: &'static str,
    pub(crate) before: String,
    pub(crate) now: String,
    pub(crate) outcome: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Same,
    Better,
    /// Another, without being worse in itself.
    Other,
    Worse,
}

/// A run held against a baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Held {
    /// Why the work cannot be compared; then there are no gates.
    pub(crate) differences: Vec<String>,
    /// Why the latencies cannot be compared.
    pub(crate) of_latencies: Vec<String>,
    pub(crate) gates: Vec<Gate>,
    /// Where they can be compared.
    pub(crate) latencies: Vec<Latencies>,
}

/// A statement's p50 and p99 in milliseconds, then and now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Latencies {
    pub(crate) statement: String,
    pub(crate) before: [Option<f64>; 2],
    pub(crate) now: [Option<f64>; 2],
}

impl Held {
    pub(crate) fn is_comparable(&self) -> bool {
        self.differences.is_empty()
    }

    pub(crate) fn is_worse(&self) -> bool {
        self.gates.iter().any(|gate| gate.outcome == Change::Worse)
    }
}

/// Holds a run against a baseline.
pub(crate) fn hold(before: &Baseline, now: &Baseline) -> Held {
    let mut held = Held {
        differences: differences(&before.fingerprint, &now.fingerprint),
        of_latencies: latency_differences(&before.fingerprint, &now.fingerprint),
        ..Held::default()
    };
    held.differences.extend(statement_differences(before, now));
    if !held.is_comparable() {
        return held;
    }
    for (before, now) in before.statements.iter().zip(&now.statements) {
        held.gates.extend(gates(before, now));
        if held.of_latencies.is_empty() {
            let of = |it: &Measured| [it.p50_ms, it.p99_ms];
            let statement = now.name.clone();
            held.latencies.push(Latencies { statement, before: of(before), now: of(now) });
        }
    }
    held
}

/// Says what of two runs decides how much work their statements are, and differs.
fn differences(before: &Fingerprint, now: &Fingerprint) -> Vec<String> {
    let mut found = Vec::new();
    let (old, new) = (before.server_version_num / 10_000, now.server_version_num / 10_000);
    if old != new {
        found.push(format!("the server was PostgreSQL {old} and is {new}"));
    }
    let names: BTreeSet<&String> = before.settings.keys().chain(now.settings.keys()).collect();
    for name in names {
        let value =
            |of: &Fingerprint| of.settings.get(name).cloned().unwrap_or_else(|| "not there".to_owned());
        let (old, new) = (value(before), value(now));
        if old != new {
            found.push(format!("{name} was {old} and is {new}"));
        }
    }
    if before.n_tables != now.n_tables {
        found.push(format!("there were {} tables and are {}", before.n_tables, now.n_tables));
    }
    #[expect(clippy::cast_precision_loss, reason = "a share needs few digits")]
    let (old, new) = (before.table_bytes as f64, now.table_bytes as f64);
    if (old - new).abs() > SAME_BYTES * old.max(new) {
        let bytes = crate::unit::bytes;
        found.push(format!(
            "the tables had {} and have {}",
            bytes(before.table_bytes),
            bytes(now.table_bytes)
        ));
    }
    if before.seed != now.seed || before.executions != now.executions {
        found.push("the parameters were others: use the same --seed and the same perfkit".to_owned());
    }
    found
}

fn latency_differences(before: &Fingerprint, now: &Fingerprint) -> Vec<String> {
    [("machine", &before.machine, &now.machine), ("load", &before.load, &now.load)]
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| format!("the {name} was {old} and is {new}"))
        .collect()
}

fn statement_differences(before: &Baseline, now: &Baseline) -> Option<String> {
    let texts = |of: &Baseline| -> Vec<(String, String)> {
        of.statements.iter().map(|it| (it.name.clone(), it.text.clone())).collect()
    };
    (texts(before) != texts(now)).then(|| "the statements are others, or in another order".to_owned())
}

fn gates(before: &Measured, now: &Measured) -> Vec<Gate> {
    let tolerance = if now.writes { WRITES_TOLERANCE } else { 0.0 };
    let gate = |figure, before: String, after: String, outcome| Gate {
        statement: now.name.clone(),
        figure,
        before,
        now: after,
        outcome,
    };
    let more = |figure, old: u64, new: u64| {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let (exact_old, exact_new) = (old as f64, new as f64);
        let outcome = if old == new {
            Change::Same
        } else if exact_new > exact_old * (1.0 + tolerance) {
            Change::Worse
        } else if exact_new < exact_old * (1.0 - tolerance) {
            Change::Better
        } else {
            Change::Same
        };
        gate(figure, crate::unit::count(old), crate::unit::count(new), outcome)
    };
    let (old, new) = (&before.work, &now.work);
    let mut gates =
        vec![more("blocks", old.blocks, new.blocks), more("temp blocks", old.temp_blocks, new.temp_blocks)];
    if now.writes {
        // Reads write WAL too, for hint bits, but only once.
        gates.push(more("WAL records", old.wal_records, new.wal_records));
    }
    // Other rows are another result: nobody knows which is right.
    let rows = if old.rows == new.rows { Change::Same } else { Change::Worse };
    gates.push(gate("rows", crate::unit::count(old.rows), crate::unit::count(new.rows), rows));
    let plans = |plans: &BTreeSet<String>| plans.iter().cloned().collect::<Vec<_>>().join(" ");
    let plan = if old.plans == new.plans { Change::Same } else { Change::Other };
    gates.push(gate("plan", plans(&old.plans), plans(&new.plans), plan));
    gates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        let work = |blocks| Work {
            blocks,
            rows: 10,
            wal_records: 5,
            plans: ["aa".to_owned()].into(),
            temp_blocks: 0,
        };
        let statement = |name: &str, writes| Measured {
            name: name.to_owned(),
            text: name.to_owned(),
            writes,
            work: work(100),
            p50_ms: Some(1.0),
            p99_ms: Some(2.0),
        };
        Baseline {
            baseline_version: FORM,
            fingerprint: Fingerprint {
                server_version_num: 150_018,
                settings: [("work_mem".to_owned(), "4096".to_owned())].into(),
                n_tables: 3,
                table_bytes: 1 << 20,
                load: "8 connections".to_owned(),
                machine: "2 processors".to_owned(),
                ..Fingerprint::default()
            },
            statements: vec![statement("read", false), statement("write", true)],
        }
    }

    /// Returns what is not as it was: statement, figure and how.
    fn changes(change: impl FnOnce(&mut Baseline)) -> (Vec<(String, &'static str, Change)>, Held) {
        let mut now = baseline();
        change(&mut now);
        let held = hold(&baseline(), &now);
        let changed = held.gates.iter().filter(|gate| gate.outcome != Change::Same);
        (changed.map(|gate| (gate.statement.clone(), gate.figure, gate.outcome)).collect(), held)
    }

    #[test]
    fn the_same_is_the_same() {
        let (changed, held) = changes(|_| ());
        assert!(changed.is_empty() && held.is_comparable() && !held.is_worse());
        assert_eq!((held.gates.len(), held.latencies.len()), (9, 2));
    }

    #[test]
    fn a_block_more_is_found() {
        let (changed, held) = changes(|now| now.statements[0].work.blocks += 1);
        assert_eq!(changed, [("read".to_owned(), "blocks", Change::Worse)]);
        assert!(held.is_worse());
        let (changed, held) = changes(|now| now.statements[0].work.blocks -= 1);
        assert_eq!(changed, [("read".to_owned(), "blocks", Change::Better)]);
        assert!(!held.is_worse());
    }

    #[test]
    fn statements_that_write_leave_something_behind() {
        assert!(changes(|now| now.statements[1].work.blocks = 110).0.is_empty());
        let (changed, _) = changes(|now| now.statements[1].work.blocks = 111);
        assert_eq!(changed, [("write".to_owned(), "blocks", Change::Worse)]);
        let (changed, _) = changes(|now| now.statements[1].work.wal_records = 6);
        assert_eq!(changed, [("write".to_owned(), "WAL records", Change::Worse)]);
        assert!(changes(|now| now.statements[0].work.wal_records = 50).0.is_empty());
    }

    #[test]
    fn other_rows_are_wrong_and_another_plan_is_said() {
        let (changed, held) = changes(|now| now.statements[0].work.rows = 9);
        assert!(held.is_worse() && changed == [("read".to_owned(), "rows", Change::Worse)]);
        let (changed, held) = changes(|now| _ = now.statements[0].work.plans.insert("bb".to_owned()));
        assert!(!held.is_worse() && changed == [("read".to_owned(), "plan", Change::Other)]);
    }

    #[test]
    fn what_differs_is_not_compared() {
        let check = |change: fn(&mut Baseline), expected: &str| {
            let (_, held) = changes(change);
            assert!(
                held.differences.len() == 1 && held.differences[0].contains(expected),
                "{:?}",
                held.differences
            );
            assert!(held.gates.is_empty() && held.latencies.is_empty());
        };
        check(|now| now.fingerprint.server_version_num = 160_001, "PostgreSQL 15 and is 16");
        check(
            |now| _ = now.fingerprint.settings.insert("work_mem".to_owned(), "1".to_owned()),
            "work_mem was 4096 and is 1",
        );
        check(
            |now| _ = now.fingerprint.settings.insert("jit".to_owned(), "on".to_owned()),
            "jit was not there",
        );
        check(|now| now.fingerprint.table_bytes = 1_100_000, "the tables had 1.0 MB");
        check(|now| now.fingerprint.n_tables = 4, "3 tables and are 4");
        check(|now| now.fingerprint.seed = 4, "--seed");
        check(|now| now.statements[0].text = "other".to_owned(), "statements are others");
        check(|now| now.statements.truncate(1), "statements are others");
    }

    #[test]
    fn on_another_machine_only_the_work_is_compared() {
        let (changed, held) = changes(|now| now.fingerprint.machine = "64 processors".to_owned());
        assert!(changed.is_empty() && held.is_comparable() && held.latencies.is_empty());
        assert_eq!(held.of_latencies, ["the machine was 2 processors and is 64 processors"]);
    }
}
