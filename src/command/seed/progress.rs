//! What a run shows while it goes on, and the times that it takes note of.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::pg::seed::Event;
use crate::pg::seed::load::Options;
use crate::report::seed::Times;
use crate::seed::plan::Plan;
use crate::seed::size::eta::Forecast;
use crate::seed::size::work::Phase;
use crate::ui::{Progress, Ui, Unit};
use crate::unit;

/// Follows a run.
pub(super) struct Watch<'u> {
    ui: &'u Ui,
    state: RefCell<State>,
    options: Options,
}

struct State {
    start: Instant,
    phase_start: Instant,
    rows: Duration,
    /// Of a load, once it is known what is to be done.
    forecast: Option<Forecast>,
    names: Vec<String>,
    times: Vec<Duration>,
    n_rows: u64,
    n_bytes: u64,
    bar: Option<Progress>,
}

impl<'u> Watch<'u> {
    pub(super) fn new(ui: &'u Ui, plan: &Plan, options: Options) -> Self {
        let state = State {
            start: Instant::now(),
            phase_start: Instant::now(),
            rows: Duration::ZERO,
            forecast: None,
            names: plan.tables.iter().map(|table| table.name.clone()).collect(),
            times: vec![Duration::ZERO; plan.tables.len()],
            n_rows: 0,
            n_bytes: 0,
            bar: None,
        };
        Self { ui, state: RefCell::new(state), options }
    }

    pub(super) fn see(&self, event: &Event<'_>) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        if let (Some(forecast), Some(seen)) = (&mut state.forecast, event.seen(state.start.elapsed())) {
            forecast.see(&seen);
        }
        match event {
            Event::Begun { run, n_rows_left } => {
                self.ui.status(format_args!("run {run}: {} to load", unit::counted(*n_rows_left, "row")));
                state.bar = Some(self.ui.progress("rows", *n_rows_left, Unit::Rows));
            }
            Event::Cleaning { n_rows_left } => {
                state.bar = Some(self.ui.progress("rows", *n_rows_left, Unit::Rows));
            }
            Event::Works(works) => {
                state.forecast =
                    Some(Forecast::new(works.clone(), self.options.n_streams, self.options.throttle));
            }
            Event::Phase { phase, n } => {
                state.phase_start = Instant::now();
                let steps = |label: &str| Some(self.ui.progress(label, *n as u64, Unit::Steps));
                match phase {
                    // Its bar begins with the run.
                    Phase::Rows => {}
                    Phase::Indexes => state.bar = steps("indexes"),
                    Phase::Vacuum => state.bar = steps("vacuum and analyze"),
                    Phase::Loose => state.bar = steps("half-empty indexes"),
                    Phase::ForeignKeys => {
                        self.ui.status(format_args!("triggers were off: checking {n} foreign keys"));
                        state.bar = steps("foreign keys");
                    }
                }
            }
            Event::Loaded { table, n_rows, n_bytes, took } => {
                let at = usize::from(*table);
                state.times[at] += *took;
                state.rows = state.phase_start.elapsed();
                state.n_rows += n_rows;
                state.n_bytes += n_bytes;
                let seconds = state.rows.as_secs_f64().max(1e-9);
                #[expect(clippy::cast_precision_loss, reason = "a rate is shown with three digits")]
                let (rows_per_s, bytes_per_s) =
                    (state.n_rows as f64 / seconds, state.n_bytes as f64 / seconds);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
                let message = format!(
                    "{} rows/s  {}/s  {}",
                    unit::estimate(rows_per_s),
                    unit::bytes(bytes_per_s as u64),
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
            Event::Step { .. } => {
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
        if let (Some(bar), Some(forecast)) = (&state.bar, &state.forecast) {
            let total = Duration::try_from_secs_f64(forecast.total_s()).ok();
            bar.ends_at(total.and_then(|total| state.start.checked_add(total)));
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
