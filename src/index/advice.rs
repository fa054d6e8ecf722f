//! The advisor's whole answer, as it is reported.

use std::time::Duration;

use super::change::IndexName;
use super::change::Seen;
use super::verification::Verification;
use super::{Definition, drop_index};
use crate::workload::Skipped;

/// The set of indexes to end with, as changes of the set that is there.
#[derive(Debug, Default)]
pub(crate) struct Advice {
    /// The index that saves most first.
    pub(crate) suggestions: Vec<Suggestion>,
    pub(crate) drops: Vec<DropAdvice>,
    /// Indexes that would make statements cheaper and are not worth their writes.
    pub(crate) refusals: Vec<Refusal>,
    /// The rest of the set, where all of it was designed anew.
    pub(crate) redesign: Option<Redesign>,
    /// The workload's statements, in its order.
    pub(crate) statements: Vec<StatementCost>,
    /// Cost of the weighted workload today and with the suggested set, in the planner's units.
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
    pub(crate) skipped: Vec<Skipped>,
    /// What of the target the shadow lacks.
    pub(crate) missing: Vec<String>,
    pub(crate) self_check: Option<SelfCheck>,
    /// What running the workload has shown, where that was asked for. Suggestions that it found useless are no longer
    /// among `suggestions`; the planned costs are those of the whole set.
    pub(crate) verification: Option<Verification>,
    /// `shadow` or `hypopg`.
    pub(crate) engine: &'static str,
    pub(crate) n_candidates: usize,
    /// Whether a budget, a number of indexes or a time was set.
    pub(crate) is_limited: bool,
    /// Whether the search ended because of its time limit.
    pub(crate) is_cut_short: bool,
    /// How often the planner was asked.
    pub(crate) n_calls: u64,
    pub(crate) elapsed: Duration,
}

impl Advice {
    /// Returns the cost of which an index saves a part: today's, or, where the index takes the place of what there is today,
    /// what the workload would cost without it.
    pub(crate) fn cost_without(&self, saves: f64) -> f64 {
        if self.redesign.is_some() { self.cost_after + saves } else { self.cost_before }
    }
}

/// An index to build, with its price and what it is for.
#[derive(Clone, Debug)]
pub(crate) struct Suggestion {
    pub(crate) definition: Definition,
    /// The statements that build it while others write, without semicolons; several for a partitioned table.
    pub(crate) ddl: Vec<String>,
    pub(crate) size_bytes: u64,
    pub(crate) write_price: WritePrice,
    /// What the weighted workload saves by it, the rest of the set present, before its upkeep; planner's units.
    pub(crate) saves: f64,
    pub(crate) helps: Vec<Help>,
    /// Names of the existing indexes that it makes superfluous.
    pub(crate) replaces: Vec<String>,
    /// What was priced in its place, the best first.
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) reason: String,
}

impl Suggestion {
    /// Returns the statements as a script.
    pub(crate) fn script(&self) -> String {
        script(&self.ddl)
    }
}

fn script(statements: &[String]) -> String {
    let lines: Vec<String> = statements.iter().map(|sql| format!("{sql};")).collect();
    lines.join("\n")
}

impl DropAdvice {
    /// Returns the statement that drops it, blocking others as little as can be.
    pub(crate) fn ddl(&self) -> String {
        drop_index(&self.seen.index.schema, &self.seen.index.name, self.is_partitioned)
    }

    /// Returns the statements that bring it back as a script.
    pub(crate) fn undo_script(&self) -> String {
        script(&self.undo_ddl)
    }
}

/// A statement that an index makes cheaper: its cost without it and with it, the rest of the set present.
#[derive(Clone, Debug)]
pub(crate) struct Help {
    pub(crate) statement: String,
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
}

/// What an index costs whoever writes to its table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct WritePrice {
    /// Bytes of index for each row that is written to the table.
    pub(crate) bytes_per_row: f64,
    /// Cost of the writes that the weighted workload makes, in the planner's units.
    pub(crate) upkeep: f64,
    /// What the server's counters say of a day; `None` where they say nothing.
    pub(crate) per_day: Option<DailyPrice>,
}

/// Writes of an average day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DailyPrice {
    pub(crate) wal_bytes: f64,
    pub(crate) cpu_ms: f64,
    /// Updates that change no index today and would have to change all of them.
    pub(crate) hot_updates_lost: f64,
}

/// Another index in the place of a suggested one.
#[derive(Clone, Debug)]
pub(crate) struct Alternative {
    pub(crate) definition: Definition,
    pub(crate) size_bytes: u64,
    /// What the weighted workload costs with it in the suggested one's place.
    pub(crate) cost: f64,
    pub(crate) reason: String,
}

/// An existing index that the suggested set does without.
#[derive(Clone, Debug)]
pub(crate) struct DropAdvice {
    pub(crate) seen: Seen,
    /// An index that stays or is suggested, and does all that it can.
    pub(crate) covered_by: Option<Seen>,
    /// Whether its table is partitioned: then nothing can be done to it concurrently.
    pub(crate) is_partitioned: bool,
    /// The statements that bring it back as it was, without semicolons.
    pub(crate) undo_ddl: Vec<String>,
    pub(crate) size_bytes: u64,
    /// Cost of the writes that the weighted workload makes to it, in the planner's units.
    pub(crate) upkeep: f64,
    pub(crate) reason: String,
}

/// What a redesign leaves as it is, and the whole set before and after: of the tables that the workload names or that get an
/// index, without primary keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redesign {
    pub(crate) kept: Vec<KeptIndex>,
    pub(crate) before: IndexSet,
    pub(crate) after: IndexSet,
    /// Why the server's counters do not show whether something beside the workload scans the indexes that go, if so.
    pub(crate) doubt: Option<String>,
}

impl Redesign {
    /// Leaves out indexes that turned out to be of no use, and lets those stay that were to go.
    pub(crate) fn take_back(&mut self, withdrawn: &[Suggestion], dropped: Vec<DropAdvice>) {
        for suggestion in withdrawn {
            self.after.n_indexes -= 1;
            self.after.size_bytes -= suggestion.size_bytes;
            self.after.upkeep -= suggestion.write_price.upkeep;
        }
        for drop in dropped {
            self.after.n_indexes += 1;
            self.after.size_bytes += drop.size_bytes;
            self.after.upkeep += drop.upkeep;
            let IndexName { schema, table, name } = drop.seen.index;
            self.kept.push(KeptIndex {
                schema,
                table,
                name,
                definition: drop.seen.definition.unwrap_or_default(),
                size_bytes: drop.size_bytes,
                helps: Vec::new(),
                reason: "the runs spoke against the set without it".to_owned(),
            });
        }
    }
}

/// An existing index that stays.
#[derive(Clone, Debug)]
pub(crate) struct KeptIndex {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) name: String,
    /// As `pg_get_indexdef` writes it.
    pub(crate) definition: String,
    pub(crate) size_bytes: u64,
    /// The statements that would be dearer without it.
    pub(crate) helps: Vec<Help>,
    pub(crate) reason: String,
}

/// A set of indexes in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct IndexSet {
    pub(crate) n_indexes: usize,
    pub(crate) size_bytes: u64,
    /// Cost of the writes that the weighted workload makes to it, in the planner's units.
    pub(crate) upkeep: f64,
}

/// An index that saves less than its writes cost.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) definition: Definition,
    pub(crate) saves: f64,
    pub(crate) write_price: WritePrice,
    pub(crate) reason: String,
}

/// What a statement costs today and with the suggested set.
#[derive(Clone, Debug)]
pub(crate) struct StatementCost {
    pub(crate) name: String,
    pub(crate) sql: String,
    /// How often it runs, relative to the others.
    pub(crate) weight: f64,
    /// Share of the workload's measured time, where the source knows it; 0 to 1.
    pub(crate) time_share: Option<f64>,
    /// The mean over its value sets.
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
    pub(crate) value_sets: Vec<ValueSetCost>,
    /// The plan for any values, where the statement has parameters.
    pub(crate) generic: Option<(f64, f64)>,
}

/// What a statement costs with one set of values.
#[derive(Clone, Debug)]
pub(crate) struct ValueSetCost {
    /// `typical`, `common`, `rare`, `observed`, or the number of a draw.
    pub(crate) label: String,
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
}

/// How near the shadow's costs are to the target's, over the workload's statements as they are today.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SelfCheck {
    pub(crate) n_compared: usize,
    /// The statement with the largest relative difference, and that difference (0.01 = 1 %).
    pub(crate) worst: Option<(String, f64)>,
}
