//! What a run shows while it goes on, and the times that it takes note of.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::pg::seed::{Event, Phase};
use crate::report::seed::Times;
use crate::seed::plan::Plan;
use crate::seed::size::eta::{self, Work};
use crate::ui::{Progress, Ui, Unit};
use crate::unit;

/// Nanoseconds that a row is expected to take, by the bytes of its columns on the wire, before any was loaded.
const NS_PER_BYTE: f64 = 15.0;

/// Follows a run.
pub(super) struct Watch<'u> {
    ui: &'u Ui,
    state: RefCell<State>,
    n_streams: usize,
}

struct State {
    start: Instant,
    phase_start: Instant,
    rows: Duration,
    works: Vec<Work>,
    names: Vec<String>,
    times: Vec<Duration>,
    n_rows: u64,
    n_bytes: u64,
    bar: Option<Progress>,
}

impl<'u> Watch<'u> {
    pub(super) fn new(ui: &'u Ui, plan: &Plan, n_streams: usize) -> Self {
        let work = |table: &crate::seed::plan::TablePlan| {
            let bytes: u64 = table.columns.iter().map(|column| column.wire.bytes_about()).sum();
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let expected_ns = bytes as f64 * NS_PER_BYTE;
            Work::new(if table.fed_by.is_some() { 0 } else { table.n_rows }, expected_ns)
        };
        let state = State {
            start: Instant::now(),
            phase_start: Instant::now(),
            rows: Duration::ZERO,
            works: plan.tables.iter().map(work).collect(),
            names: plan.tables.iter().map(|table| table.name.clone()).collect(),
            times: vec![Duration::ZERO; plan.tables.len()],
            n_rows: 0,
            n_bytes: 0,
            bar: None,
        };
        Self { ui, state: RefCell::new(state), n_streams }
    }

    pub(super) fn see(&self, event: &Event<'_>) {
        let mut state = self.state.borrow_mut();
        match event {
            Event::Begun { run, n_rows_left } => {
                self.ui.status(format_args!("run {run}: {} rows to load", unit::count(*n_rows_left)));
                state.bar = Some(self.ui.progress("rows", *n_rows_left, Unit::Rows));
            }
            Event::Phase(phase) => {
                state.phase_start = Instant::now();
                match phase {
                    Phase::Rows => {}
                    Phase::Indexes { n } => {
                        state.bar = Some(self.ui.progress("indexes", *n as u64, Unit::Steps));
                    }
                    Phase::ForeignKeys { n } => {
                        self.ui.status(format_args!("triggers were off: checking {n} foreign keys"));
                        state.bar = Some(self.ui.progress("foreign keys", *n as u64, Unit::Steps));
                    }
                    Phase::Vacuum { n } => {
                        state.bar = Some(self.ui.progress("vacuum and analyze", *n as u64, Unit::Steps));
                    }
                }
            }
            Event::Loaded { table, n_rows, n_bytes, took } => {
                let at = usize::from(*table);
                state.times[at] += *took;
                state.works[at].observe(*n_rows, *took);
                state.rows = state.phase_start.elapsed();
                state.n_rows += n_rows;
                state.n_bytes += n_bytes;
                let seconds = state.rows.as_secs_f64().max(1e-9);
                #[expect(clippy::cast_precision_loss, reason = "a rate is shown with three digits")]
                let (rows_per_s, bytes_per_s) =
                    (state.n_rows as f64 / seconds, state.n_bytes as f64 / seconds);
                let left = eta::remaining(&state.works, self.n_streams);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
                let message = format!(
                    "{} rows/s  {}/s  eta {} s  {}",
                    unit::estimate(rows_per_s),
                    unit::bytes(bytes_per_s as u64),
                    left.as_secs(),
                    state.names[at]
                );
                if let Some(bar) = &state.bar {
                    bar.advance(*n_rows);
                    bar.message(message);
                }
            }
            Event::Deleted { table, n_rows } => {
                if let Some(bar) = &state.bar {
                    bar.advance(*n_rows);
                    bar.message(state.names[usize::from(*table)].clone());
                }
            }
            Event::Step => {
                if let Some(bar) = &state.bar {
                    bar.advance(1);
                }
            }
            Event::Patched(patch) => self.ui.status(format_args!(
                "row {} of {} was refused, another one takes its place",
                patch.row,
                state.names[usize::from(patch.table)]
            )),
            Event::Lost(error) => {
                self.ui.warn(format_args!("a session was lost, another is opened: {error}"));
            }
            Event::Warning(message) => self.ui.warn(message),
        }
    }

    pub(super) fn end(self) -> Times {
        let state = self.state.into_inner();
        Times {
            tables: state.times,
            rows: state.rows,
            elapsed: state.start.elapsed(),
            n_bytes: state.n_bytes,
        }
    }
}
