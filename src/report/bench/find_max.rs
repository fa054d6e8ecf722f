//! The highest rate at which thresholds are met.

use serde_json::{Value, json};

use crate::bench::find_max::{Capacity, Next, Probe};
use crate::bench::{Outcome, Summary, Threshold};
use crate::report::{Align, Document, SCHEMA_VERSION, Style, Table};
use crate::unit;

/// What all searches have found.
pub(crate) struct Found {
    pub(crate) until: Vec<Threshold>,
    pub(crate) searches: Vec<Search>,
    pub(crate) interrupted: bool,
}

/// A search with one number of connections.
pub(crate) struct Search {
    pub(crate) connections: usize,
    pub(crate) windows: Vec<Window>,
    /// Why windows say more of the generator than of the server, where that ended the search.
    pub(crate) spoilt: Option<String>,
    /// How far it came.
    pub(crate) end: Next,
}

/// What was measured at one rate.
pub(crate) struct Window {
    pub(crate) probe: Probe,
    pub(crate) achieved_per_s: f64,
    pub(crate) sent_share: f64,
    pub(crate) error_share: f64,
    pub(crate) summary: Option<Summary>,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Found {
    /// Says why what was found is not the server's.
    pub(crate) fn invalid_reason(&self) -> Option<&str> {
        self.searches.iter().find_map(|search| search.spoilt.as_deref())
    }
}

impl Search {
    fn capacity(&self) -> Option<Capacity> {
        match self.end {
            Next::Found(capacity) => Some(capacity),
            Next::Try(_) | Next::Nothing => None,
        }
    }
}

pub(crate) fn document<'a>(found: &'a Found, style: &Style) -> Document<'a> {
    let lines: Vec<String> = found.searches.iter().map(|search| summary(found, search)).collect();
    let markdown = lines.iter().map(|line| format!("**{line}**")).collect::<Vec<_>>().join("\n\n");
    let text = lines.iter().map(|line| style.bold(line)).collect::<Vec<_>>().join("\n");
    Document::new(json(found))
        .csv(|| csv(found))
        .prose(text, format!("## Capacity\n\n{markdown}"))
        .table(table(found))
}

/// Says in a line what one search has found.
fn summary(found: &Found, search: &Search) -> String {
    let until: Vec<String> = found.until.iter().map(ToString::to_string).collect();
    let (until, connections) = (until.join(" and "), search.connections);
    let with = format!("{until} with {}", unit::counted(connections as u64, "connection"));
    let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), unit::estimate);
    match (&search.spoilt, search.capacity()) {
        (Some(reason), _) => format!("not found: {with}: {reason}"),
        (None, Some(capacity)) if capacity.is_confirmed => format!(
            "{} per second: {with}; met at {}, missed at {}",
            rate(capacity.rate_per_s()),
            rate(capacity.met_per_s),
            rate(capacity.missed_per_s)
        ),
        (None, Some(capacity)) => format!(
            "not certain after {} windows: {with}; met at {}, missed at {}",
            search.windows.len(),
            rate(capacity.met_per_s),
            rate(capacity.missed_per_s)
        ),
        (None, None) if search.end == Next::Nothing && !found.interrupted => {
            format!("not met at any rate: {with}")
        }
        (None, None) => format!("interrupted after {} windows: {with}", search.windows.len()),
    }
}

fn table(found: &Found) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        right("connections"),
        right("rate/s"),
        right("achieved/s"),
        right("p50 ms"),
        right("p99"),
        right("max"),
        right("errors"),
        ("verdict", Align::Left),
    ]);
    for (search, window) in windows(found) {
        let ms = |of: fn(&Summary) -> f64| {
            window.summary.as_ref().map_or("-".to_owned(), |summary| unit::milliseconds(of(summary)))
        };
        table.row([
            search.connections.to_string(),
            unit::estimate(window.probe.rate_per_s),
            unit::estimate(window.achieved_per_s),
            ms(|it| it.p50_ms),
            ms(|it| it.p99_ms),
            ms(|it| it.max_ms),
            format!("{:.1} %", window.error_share * 100.0),
            verdict(window),
        ]);
    }
    table
}

fn verdict(window: &Window) -> String {
    let missed = window.outcomes.iter().find(|outcome| !outcome.passed);
    match (window.probe.is_met, missed) {
        (true, _) => "met".to_owned(),
        (false, Some(outcome)) => format!("missed: {}", outcome.expression),
        (false, None) => "missed: not all were sent, or too many failed".to_owned(),
    }
}

fn windows(found: &Found) -> impl Iterator<Item = (&Search, &Window)> {
    found.searches.iter().flat_map(|search| search.windows.iter().map(move |window| (search, window)))
}

fn csv(found: &Found) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        right("connections"),
        right("rate_per_s"),
        right("achieved_per_s"),
        right("p50_ms"),
        right("p99_ms"),
        right("met"),
    ]);
    for (search, window) in windows(found) {
        let ms = |of: fn(&Summary) -> f64| {
            window.summary.as_ref().map_or(String::new(), |summary| unit::json_ms(of(summary)).to_string())
        };
        table.row([
            search.connections.to_string(),
            rounded(window.probe.rate_per_s).to_string(),
            rounded(window.achieved_per_s).to_string(),
            ms(|it| it.p50_ms),
            ms(|it| it.p99_ms),
            window.probe.is_met.to_string(),
        ]);
    }
    table
}

fn json(found: &Found) -> Value {
    let search = |search: &Search| {
        let capacity = search.capacity();
        let rate = |of: fn(&Capacity) -> Option<f64>| capacity.as_ref().and_then(of).map(rounded);
        json!({
            "connections": search.connections,
            "rate_per_s": rate(Capacity::rate_per_s),
            "met_per_s": rate(|it| it.met_per_s),
            "missed_per_s": rate(|it| it.missed_per_s),
            "confirmed": capacity.is_some_and(|it| it.is_confirmed),
            "windows": search.windows.iter().map(window_json).collect::<Vec<_>>(),
        })
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "valid": found.invalid_reason().is_none(),
        "invalid_reason": found.invalid_reason(),
        "until": found.until.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "searches": found.searches.iter().map(search).collect::<Vec<_>>(),
        "interrupted": found.interrupted,
    })
}

fn window_json(window: &Window) -> Value {
    let ms = |of: fn(&Summary) -> f64| window.summary.as_ref().map(|summary| unit::json_ms(of(summary)));
    json!({
        "rate_per_s": rounded(window.probe.rate_per_s),
        "achieved_per_s": rounded(window.achieved_per_s),
        "sent_share": rounded(window.sent_share),
        "error_share": rounded(window.error_share),
        "p50_ms": ms(|it| it.p50_ms),
        "p99_ms": ms(|it| it.p99_ms),
        "max_ms": ms(|it| it.max_ms),
        "met": window.probe.is_met,
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Format;

    fn found(end: Next, spoilt: Option<&str>) -> Found {
        let window = |rate_per_s, is_met| Window {
            probe: Probe { rate_per_s, is_met },
            achieved_per_s: rate_per_s,
            sent_share: 1.0,
            error_share: 0.0,
            summary: None,
            outcomes: Vec::new(),
        };
        let windows = vec![window(1000.0, true), window(1040.0, false)];
        let search = Search { connections: 8, windows, spoilt: spoilt.map(str::to_owned), end };
        let until = vec!["p99 < 20ms".parse().unwrap()];
        Found { until, searches: vec![search], interrupted: false }
    }

    fn text(found: &Found) -> String {
        document(found, &Style::PLAIN).render(Format::Text, &Style::PLAIN).unwrap()
    }

    #[test]
    fn the_first_line_says_what_was_found() {
        let capacity = |is_confirmed| {
            Next::Found(Capacity { met_per_s: Some(1000.0), missed_per_s: Some(1040.0), is_confirmed })
        };
        insta::assert_snapshot!(text(&found(capacity(true), None)), @r"
        1,020 per second: p99 < 20ms with 8 connections; met at 1,000, missed at 1,040

        connections  rate/s  achieved/s  p50 ms  p99  max  errors  verdict
                  8   1,000       1,000       -    -    -   0.0 %  met
                  8   1,040       1,040       -    -    -   0.0 %  missed: not all were sent, or too many failed
        ");
        assert!(text(&found(capacity(false), None)).starts_with("not certain after 2 windows: p99 < 20ms"));
        assert!(text(&found(Next::Nothing, None)).starts_with("not met at any rate: p99 < 20ms"));
        assert!(text(&found(Next::Try(5.0), None)).starts_with("interrupted after 2 windows"));
        let spoilt = found(Next::Try(5.0), Some("the generator was near its limit"));
        assert!(text(&spoilt).starts_with("not found: p99 < 20ms with 8 connections: the generator was"));
        assert_eq!(spoilt.invalid_reason(), Some("the generator was near its limit"));
    }
}
