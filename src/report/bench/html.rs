//! A run as one HTML page that loads nothing and runs nothing: it can be mailed, archived and printed.

use std::fmt::Write as _;

use super::plot::{self, Line};
use super::{baseline, basis, caveats, errors, server, summary, table, timeline};
use crate::bench::{BenchReport, StatementStats};
use crate::report::html::escape;
use crate::report::index::html::still_page;
use crate::report::{Align, Table};

/// More lines in one plot cannot be told apart.
const MAX_LINES: usize = 6;
/// Points of a curve for each nine of the percentile.
const POINTS_PER_DECADE: u32 = 20;

pub(super) fn page(report: &BenchReport) -> String {
    let mut body = format!("<p class=\"summary\">{}</p>\n", escape(&summary(report)));
    for caveat in caveats(report) {
        let _ = writeln!(body, "<p class=\"summary\"><strong>{}</strong></p>", escape(&caveat));
    }
    if !report.outcomes.is_empty() {
        let mut thresholds =
            Table::new([("threshold", Align::Left), ("verdict", Align::Left), ("measured", Align::Right)]);
        for outcome in &report.outcomes {
            let verdict = if outcome.passed { "met" } else { "missed" };
            thresholds.row([outcome.expression.as_str(), verdict, &outcome.actual_text]);
        }
        section(&mut body, "Thresholds", &thresholds.to_html());
    }
    let total = StatementStats::total(&report.statements);
    section(&mut body, "Statements", &table(report, &total).to_html());
    if total.response.count() > 0 {
        section(&mut body, "Latency by percentile", &plot::percentiles(&lines(report, &total)));
    }
    section(&mut body, "Over time", &timeline::svg(report).unwrap_or_default());
    let changes = baseline::table(report.held.as_ref()).map(|table| table.to_html()).unwrap_or_default();
    section(&mut body, "Against the baseline", &(changes + &list(&baseline::lines(report.held.as_ref()))));
    let server = server::table(report.server.as_ref()).map(|table| table.to_html());
    section(&mut body, "On the server", &server.unwrap_or_default());
    section(&mut body, "Errors", &list(&errors(report)));
    section(&mut body, "How this was measured", &list(&basis(report)));
    still_page("Load test", &body)
}

/// Returns the curves of all and of the statements that take most time together.
fn lines(report: &BenchReport, total: &StatementStats) -> Vec<Line> {
    let mut lines = vec![Line { name: "all".to_owned(), points: total.response.curve(POINTS_PER_DECADE) }];
    if report.is_open_loop {
        let points = total.service.curve(POINTS_PER_DECADE);
        lines.push(Line { name: "all, without waiting for a connection".to_owned(), points });
    }
    let mut statements: Vec<&StatementStats> =
        report.statements.iter().filter(|stats| stats.response.count() > 0).collect();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let spent = |stats: &StatementStats| stats.response.mean_ms() * stats.response.count() as f64;
    statements.sort_by(|a, b| spent(b).total_cmp(&spent(a)));
    if statements.len() > 1 {
        let curve = |stats: &&StatementStats| Line {
            name: stats.name.clone(),
            points: stats.response.curve(POINTS_PER_DECADE),
        };
        lines.extend(statements.iter().take(MAX_LINES - lines.len()).map(curve));
    }
    lines
}

/// Adds a card under a heading, unless there is nothing to show.
pub(super) fn section(body: &mut String, heading: &str, content: &str) {
    if !content.is_empty() {
        let _ = write!(body, "<h2>{heading}</h2>\n<section>\n{content}</section>\n");
    }
}

pub(super) fn list(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let items: Vec<String> = lines.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    format!("<ul>\n{}</ul>\n", items.concat())
}
