//! A comparison as one HTML page that loads nothing and runs nothing.

use std::fmt::Write as _;

use super::super::html::{list, section};
use super::super::plot::{self, Interval};
use super::{Compared, notes, summary, table};
use crate::bench::compare::{Finding, Verdict};
use crate::report::html::escape;
use crate::report::index::html::still_page;

/// What the plot is read by.
const LEGEND: &str = "To the right B is slower. A dot is the estimate, its line the interval; what lies beyond the tick matters.";

pub(super) fn page(compared: &Compared) -> String {
    let findings = &compared.comparison.findings;
    let mut body = format!("<p class=\"summary\"><strong>{}</strong></p>\n", escape(&summary(compared)));
    if !findings.is_empty() {
        let intervals: Vec<Interval> = findings.iter().map(interval).collect();
        let plot = plot::intervals(&intervals, "how much slower B is");
        section(&mut body, "How much slower B is", &format!("{plot}<p>{LEGEND}</p>\n"));
        section(&mut body, "Figures", &table(findings).to_html());
    }
    section(&mut body, "Notes", &list(&notes(compared)));
    let mut arms = String::new();
    for (name, label) in ["A", "B"].iter().zip(&compared.labels) {
        let _ = writeln!(arms, "<dt>{name}</dt><dd>{}</dd>", escape(label));
    }
    section(&mut body, "What was compared", &format!("<dl>\n{arms}</dl>\n"));
    still_page("Comparison", &body)
}

fn interval(finding: &Finding) -> Interval {
    Interval {
        name: format!("{} {}", finding.statement, finding.metric.name()),
        note: finding.verdict.name(),
        series: match finding.verdict {
            Verdict::Pass => 2,
            Verdict::Regression => 1,
            Verdict::Inconclusive => 4,
        },
        middle: finding.slowdown,
        bounds: finding.interval,
        limit: finding.min_effect,
    }
}
