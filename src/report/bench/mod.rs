//! Latencies of a load test.

pub(crate) mod baseline;
mod ci;
pub(crate) mod compare;
pub(crate) mod find_max;
mod html;
mod json;
mod markdown;
mod plot;
mod resources;
mod server;
mod timeline;

use super::{Align, Document, Format, Style, Table, junit};
use crate::bench::{BenchReport, Latency, StatementStats, Summary};
use crate::unit;

/// Bars of a text histogram for each factor of ten.
const BUCKETS_PER_DECADE: f64 = 4.0;
const BAR_WIDTH: usize = 40;

pub(crate) fn document<'a>(report: &'a BenchReport, style: &Style) -> Document<'a> {
    let total = StatementStats::total(&report.statements);
    let document = Document::new(json::report(report))
        .form(Format::Markdown, || markdown::comment(report))
        .form(Format::Html, || html::page(report))
        .form(Format::Junit, || junit::text(&ci::suites(report)))
        .csv(|| csv(report))
        .table(table(report, &total));
    let document = if style.terminal && total.service.count() > 0 {
        let plots = [Some(histogram(&total.response, style)), timeline::text(report, style)];
        plots.into_iter().flatten().fold(document, Document::text)
    } else {
        document
    };
    let document = server::table(report.server.as_ref()).into_iter().fold(document, Document::table);
    let document = baseline::table(report.held.as_ref()).into_iter().fold(document, Document::table);
    let events = [errors(report), events(report), baseline::lines(report.held.as_ref())].concat();
    let document = if events.is_empty() { document } else { document.text(events.join("\n")) };
    if report.outcomes.is_empty() { document } else { document.text(thresholds(report, style)) }
}

fn table(report: &BenchReport, total: &StatementStats) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("statement", Align::Left),
        right("count"),
        right("rate/s"),
        right("errors"),
        right("p50 ms"),
        right("p90"),
        right("p95"),
        right("p99"),
        right("p99.9"),
        right("max"),
    ]);
    for stats in report.statements.iter().chain(&report.steps).chain([total]) {
        let mut row = vec![
            stats.name.clone(),
            unit::count(stats.service.count()),
            unit::estimate(report.rate_per_s(stats)),
            unit::count(stats.error_count()),
        ];
        match stats.response.summary() {
            Some(s) => row.extend(
                [s.p50_ms, s.p90_ms, s.p95_ms, s.p99_ms, s.p999_ms, s.max_ms].map(unit::milliseconds),
            ),
            None => row.extend(std::iter::repeat_n("-".to_owned(), 6)),
        }
        table.row(row);
    }
    table
}

/// The name of a column and what stands in it.
type Figure = (&'static str, fn(&Summary) -> f64);

/// A row for each statement and one for all, with service and response times.
fn csv(report: &BenchReport) -> Table {
    const FIGURES: [Figure; 8] = [
        ("mean_ms", |s| s.mean_ms),
        ("p50_ms", |s| s.p50_ms),
        ("p75_ms", |s| s.p75_ms),
        ("p90_ms", |s| s.p90_ms),
        ("p95_ms", |s| s.p95_ms),
        ("p99_ms", |s| s.p99_ms),
        ("p999_ms", |s| s.p999_ms),
        ("max_ms", |s| s.max_ms),
    ];
    let response = FIGURES.map(|(name, _)| format!("response_{name}"));
    let columns = ["count", "errors", "rate_per_s"].into_iter().chain(FIGURES.map(|(name, _)| name));
    let columns = columns.chain(response.iter().map(String::as_str)).map(|name| (name, Align::Right));
    let mut table = Table::new([("statement", Align::Left)].into_iter().chain(columns));
    let total = StatementStats::total(&report.statements);
    for stats in report.statements.iter().chain(&report.steps).chain([&total]) {
        let counted = [
            stats.name.clone(),
            stats.service.count().to_string(),
            stats.error_count().to_string(),
            format!("{:.3}", report.rate_per_s(stats)),
        ];
        let figures = [&stats.service, &stats.response].into_iter().flat_map(|latency| {
            let summary = latency.summary();
            FIGURES
                .map(|(_, of)| summary.as_ref().map(|s| unit::json_ms(of(s)).to_string()).unwrap_or_default())
        });
        table.row(counted.into_iter().chain(figures));
    }
    table
}

/// Says in a line what was measured.
fn summary(report: &BenchReport) -> String {
    let total = StatementStats::total(&report.statements);
    let environment = &report.environment;
    let mut parts = vec![format!(
        "{} executions in {:.1} s, {} per second",
        unit::count(total.service.count()),
        report.elapsed.as_secs_f64(),
        unit::estimate(report.rate_per_s(&total))
    )];
    if let Some(summary) = total.response.summary() {
        parts.push(format!(
            "p50 {} ms, p99 {} ms",
            unit::milliseconds(summary.p50_ms),
            unit::milliseconds(summary.p99_ms)
        ));
    }
    if total.error_count() > 0 {
        parts.push(unit::counted(total.error_count(), "error"));
    }
    if let Some(connections) = environment.connections {
        parts.push(unit::counted(connections as u64, "connection"));
    }
    if environment.generators > 1 {
        parts.push(format!("{} generators", environment.generators));
    }
    parts.join("; ")
}

/// Says what stands in the way of the figures, if anything does.
fn caveats(report: &BenchReport) -> Vec<String> {
    let invalid = report.invalid_reason.iter().map(|reason| format!("The measurement is invalid: {reason}."));
    let interrupted = report
        .interrupted
        .then(|| "The run was interrupted; this is what was measured until then.".to_owned());
    let doubts = report.doubts.iter().map(|doubt| format!("Doubtful: {doubt}."));
    invalid.chain(doubts).chain(interrupted).collect()
}

/// Says how the latencies were taken and where.
fn basis(report: &BenchReport) -> Vec<String> {
    let environment = &report.environment;
    let latency = if report.is_open_loop {
        "Latencies are response times: from the moment when the schedule had a statement due."
    } else {
        "Each connection sent as fast as the server answered; latencies are from sending to the last byte of the answer."
    };
    let version = environment.server_version.map(|n| format!("PostgreSQL {}.{}", n / 10_000, n % 10_000));
    let perfkit = environment.perfkit_version.as_ref().map(|version| format!("perfkit {version}"));
    let cpus = environment.cpus.map(|n| format!("a generator with {n} processors"));
    let seed = environment.seed.map(|seed| format!("seed {seed}"));
    let place: Vec<String> = [version, perfkit, cpus, seed].into_iter().flatten().collect();
    [latency.to_owned(), place.join(", ")]
        .into_iter()
        .filter(|line| !line.is_empty())
        .chain(resources::lines(report))
        .chain(server::lines(report.server.as_ref()))
        .collect()
}

/// One bar for each step of the latency axis, which is logarithmic.
fn histogram(latency: &Latency, style: &Style) -> String {
    let buckets = latency.log_buckets(BUCKETS_PER_DECADE);
    let most = buckets.iter().map(|(_, n)| *n).max().unwrap_or(1).max(1);
    buckets
        .iter()
        .map(|(upper_ms, n)| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a bar has at most 40 characters"
            )]
            let length = (*n as f64 / most as f64 * BAR_WIDTH as f64).ceil() as usize;
            let bar = format!("{:<BAR_WIDTH$}", "█".repeat(length));
            format!("{:>10} ms  {}  {}", unit::milliseconds(*upper_ms), style.cyan(&bar), unit::count(*n))
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn errors(report: &BenchReport) -> Vec<String> {
    report
        .statements
        .iter()
        .chain(&report.steps)
        .flat_map(|stats| stats.error_classes().map(|class| format!("{}: {class}", stats.name)))
        .collect()
}

/// What happened beside statements that ended, a line each.
fn events(report: &BenchReport) -> Vec<String> {
    let retried = report.statements.iter().filter(|stats| stats.n_retries > 0).map(|stats| {
        format!("{}: {} × tried again (SQLSTATE 40001, 40P01)", stats.name, unit::count(stats.n_retries))
    });
    let lost =
        (report.n_lost > 0).then(|| format!("connections were lost {} times", unit::count(report.n_lost)));
    let lag = report.lag.summary().map(|lag| {
        let [p50, p99, max] = [lag.p50_ms, lag.p99_ms, lag.max_ms].map(unit::milliseconds);
        format!("sent behind schedule: p50 {p50} ms, p99 {p99} ms, max {max} ms")
    });
    let server = server::lines(report.server.as_ref());
    retried.chain(lost).chain(lag).chain(resources::lines(report)).chain(server).collect()
}

fn thresholds(report: &BenchReport, style: &Style) -> String {
    report
        .outcomes
        .iter()
        .map(|outcome| {
            let verdict = if outcome.passed { style.green("met   ") } else { style.red("missed") };
            format!("{verdict}  {:<16} {}", outcome.expression, outcome.actual_text)
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests;
