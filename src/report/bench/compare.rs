//! Whether B is slower than A.

mod html;

use serde_json::{Value, json};

use crate::bench::compare::{Comparison, Finding, Verdict};
use crate::report::results::{Case, Level, Problem, Suite};
use crate::report::{Align, Document, Format, SCHEMA_VERSION, Style, Table, junit};
use crate::unit;

/// A comparison with what it is of.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) comparison: Comparison,
    /// What A and B are, for people.
    pub(crate) labels: [String; 2],
    /// How long a block is.
    pub(crate) block: std::time::Duration,
    /// The verdict of a second run from the beginning, after a first one found a regression.
    pub(crate) second: Option<Verdict>,
    pub(crate) interrupted: bool,
    /// Whether A was compared with itself.
    pub(crate) is_calibration: bool,
}

impl Compared {
    /// A regression is one if it is found twice.
    pub(crate) fn verdict(&self) -> Verdict {
        match (self.comparison.verdict, self.second) {
            (Verdict::Regression, Some(Verdict::Regression)) => Verdict::Regression,
            (Verdict::Regression, _) => Verdict::Inconclusive,
            (verdict, _) => verdict,
        }
    }
}

pub(crate) fn document<'a>(compared: &'a Compared, style: &Style) -> Document<'a> {
    let Comparison { findings, .. } = &compared.comparison;
    let verdict = match compared.verdict() {
        Verdict::Pass => style.green(&summary(compared)),
        Verdict::Regression => style.red(&summary(compared)),
        Verdict::Inconclusive => style.yellow(&summary(compared)),
    };
    let document = Document::new(json(compared))
        .form(Format::Html, || html::page(compared))
        .form(Format::Junit, || junit::text(&suites(compared)))
        .csv(|| csv(findings));
    let document = document.prose(verdict, format!("## Comparison\n\n**{}**", summary(compared)));
    let document = if findings.is_empty() { document } else { document.table(table(findings)) };
    match notes(compared) {
        notes if notes.is_empty() => document,
        notes => document.text(notes.join("\n")),
    }
}

fn summary(compared: &Compared) -> String {
    let [a, b] = &compared.labels;
    let Comparison { n_pairs, .. } = compared.comparison;
    let block = humantime::format_duration(compared.block);
    format!(
        "{}: B ({b}) against A ({a}), {} of {block}",
        compared.verdict().name(),
        unit::counted(n_pairs as u64, "pair")
    )
}

fn table(findings: &[Finding]) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("statement", Align::Left),
        ("figure", Align::Left),
        right("A"),
        right("B"),
        right("slower by"),
        right("interval"),
        right("matters from"),
        ("verdict", Align::Left),
    ]);
    for finding in findings {
        table.row([
            finding.statement.clone(),
            finding.metric.name().to_owned(),
            figure(finding, finding.a),
            figure(finding, finding.b),
            percent(finding.slowdown),
            finding
                .interval
                .map_or("-".to_owned(), |(low, high)| format!("{} to {}", percent(low), percent(high))),
            percent(finding.min_effect),
            finding.verdict.name().to_owned(),
        ]);
    }
    table
}

fn csv(findings: &[Finding]) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("statement", Align::Left),
        ("figure", Align::Left),
        right("a"),
        right("b"),
        right("slowdown"),
        right("low"),
        right("high"),
        right("min_effect"),
        ("verdict", Align::Left),
    ]);
    for finding in findings {
        let bound = |of: fn((f64, f64)) -> f64| {
            finding.interval.map_or(String::new(), |it| rounded(of(it)).to_string())
        };
        table.row([
            finding.statement.clone(),
            finding.metric.name().to_owned(),
            rounded(finding.a).to_string(),
            rounded(finding.b).to_string(),
            rounded(finding.slowdown).to_string(),
            bound(|it| it.0),
            bound(|it| it.1),
            finding.min_effect.to_string(),
            finding.verdict.name().to_owned(),
        ]);
    }
    table
}

fn figure(finding: &Finding, value: f64) -> String {
    if finding.metric.is_rate() {
        format!("{}/s", unit::estimate(value))
    } else {
        format!("{} ms", unit::milliseconds(value))
    }
}

fn percent(share: f64) -> String {
    // There is no -0.0 %.
    let share = (share * 1000.0).round() / 10.0;
    format!("{:.1} %", if share == 0.0 { 0.0 } else { share })
}

/// Says what the verdict does not rest on, and what would have been found.
fn notes(compared: &Compared) -> Vec<String> {
    let Comparison { findings, dropped, lacking, .. } = &compared.comparison;
    let mut notes = Vec::new();
    if compared.interrupted {
        notes.push("interrupted: this is what was measured until then".to_owned());
    }
    notes.extend(compared.second.map(|second| match second {
        Verdict::Regression => "a second run from the beginning has found the regression too".to_owned(),
        other => {
            format!(
                "a regression was found, but a second run from the beginning says {}: take it for noise",
                other.name()
            )
        }
    }));
    if let Some(first) = dropped.first() {
        notes.push(format!("pairs that do not count: {}; the first because of {first}", dropped.len()));
    }
    if !lacking.is_empty() {
        let names: Vec<String> =
            lacking.iter().map(|(name, metric)| format!("{name} {}", metric.name())).collect();
        notes.push(format!("not compared, for too few executions in a block: {}", names.join(", ")));
    }
    let name = |finding: &Finding| format!("{} {}", finding.statement, finding.metric.name());
    if compared.is_calibration {
        notes.extend(findings.iter().map(|finding| {
            format!("{}: 95 % of the pairs differ by less than {}", name(finding), percent(finding.noise))
        }));
    }
    let unclear = findings.iter().filter(|finding| finding.verdict == Verdict::Inconclusive);
    for finding in unclear {
        if finding.is_below_floor {
            notes.push(format!(
                "{}: no verdict, since A differs from itself by more than half of what matters",
                name(finding)
            ));
        } else if let Some(detectable) = finding.detectable() {
            notes.push(format!(
                "{}: at this noise a slowdown is told from {} on; more pairs or longer blocks tell smaller ones",
                name(finding),
                percent(detectable)
            ));
        }
    }
    notes
}

fn suites(compared: &Compared) -> Vec<Suite> {
    let case = |finding: &Finding| {
        let message = format!(
            "B is slower by {}, which matters from {} on",
            percent(finding.slowdown),
            percent(finding.min_effect)
        );
        let is_regression =
            finding.verdict == Verdict::Regression && compared.verdict() == Verdict::Regression;
        let problem = Problem {
            rule: "regression".to_owned(),
            level: Level::Error,
            message,
            detail: None,
            place: None,
        };
        Case {
            name: format!("{} {}", finding.statement, finding.metric.name()),
            time_ms: None,
            problems: is_regression.then_some(problem).into_iter().collect(),
        }
    };
    vec![Suite {
        name: "comparison".to_owned(),
        cases: compared.comparison.findings.iter().map(case).collect(),
    }]
}

fn json(compared: &Compared) -> Value {
    let Comparison { findings, n_pairs, dropped, lacking, .. } = &compared.comparison;
    let verdict = |verdict: Verdict| verdict.name().to_ascii_lowercase();
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "statement": finding.statement,
                "figure": finding.metric.name(),
                "unit": if finding.metric.is_rate() { "per_s" } else { "ms" },
                "a": rounded(finding.a),
                "b": rounded(finding.b),
                "slowdown": rounded(finding.slowdown),
                "low": finding.interval.map(|it| rounded(it.0)),
                "high": finding.interval.map(|it| rounded(it.1)),
                "min_effect": finding.min_effect,
                "detectable": finding.detectable().map(rounded),
                "noise": rounded(finding.noise),
                "n_pairs": finding.n_pairs,
                "verdict": verdict(finding.verdict),
            })
        })
        .collect();
    let lacking: Vec<Value> =
        lacking.iter().map(|(name, metric)| json!({ "statement": name, "figure": metric.name() })).collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict(compared.verdict()),
        "second_verdict": compared.second.map(verdict),
        "a": compared.labels[0],
        "b": compared.labels[1],
        "block_ms": unit::json_ms(unit::as_ms(compared.block)),
        "n_pairs": n_pairs,
        "dropped_pairs": dropped,
        "findings": findings,
        "not_compared": lacking,
        "interrupted": compared.interrupted,
        "calibration": compared.is_calibration,
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::Metric;

    fn compared(second: Option<Verdict>) -> Compared {
        let finding = |metric, slowdown: f64, verdict| Finding {
            statement: "one".to_owned(),
            metric,
            a: 2.0,
            b: 2.0 * (1.0 + slowdown),
            slowdown,
            interval: Some((slowdown - 0.03, slowdown + 0.03)),
            min_effect: 0.05,
            noise: 0.02,
            is_below_floor: false,
            n_pairs: 10,
            verdict,
        };
        let findings = vec![
            finding(Metric::P50, 0.1, Verdict::Regression),
            finding(Metric::Mean, 0.04, Verdict::Inconclusive),
        ];
        let comparison = Comparison {
            verdict: Verdict::Regression,
            findings,
            n_pairs: 10,
            dropped: vec!["A: every statement failed".to_owned()],
            lacking: vec![("one".to_owned(), Metric::P99)],
        };
        let block = std::time::Duration::from_secs(3);
        Compared {
            comparison,
            labels: ["old", "new"].map(str::to_owned),
            block,
            second,
            interrupted: false,
            is_calibration: false,
        }
    }

    fn render(compared: &Compared, format: Format) -> String {
        document(compared, &Style::PLAIN).render(format, &Style::PLAIN).unwrap()
    }

    #[test]
    fn the_text_says_what_was_found_and_what_was_not() {
        insta::assert_snapshot!(render(&compared(Some(Verdict::Regression)), Format::Text), @r"
        REGRESSION: B (new) against A (old), 10 pairs of 3s

        statement  figure        A        B  slower by         interval  matters from  verdict
        one        p50     2.00 ms  2.20 ms     10.0 %  7.0 % to 13.0 %         5.0 %  REGRESSION
        one        mean    2.00 ms  2.08 ms      4.0 %   1.0 % to 7.0 %         5.0 %  INCONCLUSIVE

        a second run from the beginning has found the regression too
        pairs that do not count: 1; the first because of A: every statement failed
        not compared, for too few executions in a block: one p99
        one mean: at this noise a slowdown is told from 8.1 % on; more pairs or longer blocks tell smaller ones
        ");
    }

    #[test]
    fn a_regression_that_is_found_once_is_none() {
        let once = compared(Some(Verdict::Pass));
        let text = render(&once, Format::Text);
        assert!(text.starts_with("INCONCLUSIVE: ") && text.contains("take it for noise"), "{text}");
        assert!(!render(&once, Format::Junit).contains("<failure"));
        let twice = compared(Some(Verdict::Regression));
        assert_eq!(render(&twice, Format::Junit).matches("<failure type=\"regression\"").count(), 1);
        assert!(render(&twice, Format::Markdown).starts_with("## Comparison\n\n**REGRESSION: B (new)"));
        let page = render(&twice, Format::Html);
        assert_eq!(page.matches("<circle").count(), 2, "{page}");
        assert!(page.contains(">REGRESSION</text>") && page.contains("<dd>old</dd>"), "{page}");
        assert!(render(&twice, Format::Csv).contains("\none,p50,2,2.2,0.1,0.07,0.13,0.05,REGRESSION\n"));
    }
}
