//! What happened when: a plot of characters for the terminal, one of lines for pages, and the figures for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::bench::{BenchReport, Stretch};
use crate::report::Style;
use crate::unit;

/// Columns of a terminal's plot, within 80 with what stands before it.
const COLUMNS: usize = 52;
/// From nothing to the highest.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const WIDTH: f64 = 900.0;
const PANEL: f64 = 130.0;
const GAP: f64 = 34.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 20.0;

pub(super) fn json(report: &BenchReport) -> Vec<Value> {
    let of = |stretch: &Stretch| {
        let ms = |ms: Option<f64>| ms.map(unit::json_ms);
        json!({
            "start_ms": unit::json_ms(unit::as_ms(stretch.start)),
            "length_ms": unit::json_ms(unit::as_ms(stretch.length)),
            "count": stretch.count,
            "errors": stretch.n_errors,
            "p50_ms": ms(stretch.p50_ms),
            "p99_ms": ms(stretch.p99_ms),
            "max_ms": ms(stretch.max_ms),
        })
    };
    report.timeline.stretches(report.elapsed).iter().map(of).collect()
}

/// Returns two rows of bars over time: how many a second, and p99; nothing of runs that are too short for a shape.
pub(super) fn text(report: &BenchReport, style: &Style) -> Option<String> {
    let stretches = report.timeline.stretches(report.elapsed);
    if stretches.len() < 3 {
        return None;
    }
    let per_column = stretches.len().div_ceil(COLUMNS);
    let columns: Vec<&[Stretch]> = stretches.chunks(per_column).collect();
    // The lowest rate and the highest p99 of a column are what one looks for.
    let rates: Vec<f64> =
        columns.iter().map(|column| column.iter().map(rate).fold(f64::INFINITY, f64::min)).collect();
    let p99: Vec<f64> =
        columns.iter().map(|column| column.iter().filter_map(|it| it.p99_ms).fold(0.0, f64::max)).collect();
    let highest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let row = |name: &str, values: &[f64], most: String| {
        format!("{name:<6} {}  up to {most}", style.cyan(&bars(values, highest(values))))
    };
    Some(
        [
            row("rate/s", &rates, unit::estimate(highest(&rates))),
            row("p99 ms", &p99, unit::milliseconds(highest(&p99))),
        ]
        .join("\n"),
    )
}

fn bars(values: &[f64], highest: f64) -> String {
    let bar = |value: &f64| {
        if *value <= 0.0 || highest <= 0.0 {
            return ' ';
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of eight heights"
        )]
        let height = (value / highest * HEIGHTS.len() as f64).ceil() as usize;
        HEIGHTS[height.clamp(1, HEIGHTS.len()) - 1]
    };
    values.iter().map(bar).collect()
}

fn rate(stretch: &Stretch) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let count = stretch.count as f64;
    count / stretch.length.as_secs_f64().max(1e-3)
}

/// Returns the rate and the latencies over time, one below the other; nothing of runs that are too short for a line.
pub(super) fn svg(report: &BenchReport) -> Option<String> {
    let stretches = report.timeline.stretches(report.elapsed);
    if stretches.len() < 2 {
        return None;
    }
    let middle = |it: &Stretch| (it.start + it.length / 2).as_secs_f64();
    let line = |of: &dyn Fn(&Stretch) -> Option<f64>| -> Vec<(f64, Option<f64>)> {
        stretches.iter().map(|it| (middle(it), of(it))).collect()
    };
    let end_s = report.elapsed.as_secs_f64();
    let height = TOP + 2.0 * PANEL + GAP + 28.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"rate and latency over time\">\n"
    );
    let rates = line(&|it| Some(rate(it)));
    panel(&mut svg, TOP, end_s, "executions per second", &[("rate", rates)], unit::short_count);
    let (p50, p99) = (line(&|it| it.p50_ms), line(&|it| it.p99_ms));
    let top = TOP + PANEL + GAP;
    panel(&mut svg, top, end_s, "milliseconds", &[("p50", p50), ("p99", p99)], unit::milliseconds);
    for (x, anchor, label) in
        [(LEFT, "start", "0 s".to_owned()), (WIDTH - RIGHT, "end", format!("{end_s:.0} s"))]
    {
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>",
            top + PANEL + 16.0
        );
    }
    Some(svg + "</svg>\n")
}

/// A name and its points: `(seconds, value)`.
type Course<'a> = (&'a str, Vec<(f64, Option<f64>)>);

/// Adds lines over an axis from nothing to the highest value. Where there is no value, there is no line: that is what a stall is.
fn panel(svg: &mut String, top: f64, end_s: f64, title: &str, lines: &[Course], label: fn(f64) -> String) {
    let values = lines.iter().flat_map(|(_, points)| points).filter_map(|point| point.1);
    let highest = values.fold(1e-6, f64::max);
    let x = |seconds: f64| LEFT + seconds / end_s.max(1e-9) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| top + PANEL - value / highest * PANEL;
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{:.1}\">{title}</text>", top - 6.0);
    let labels = [("0".to_owned(), 0.0), (label(highest / 2.0), highest / 2.0), (label(highest), highest)];
    for (text, value) in labels {
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y(value) + 4.0,
            at = y(value)
        );
    }
    let mut key = WIDTH - RIGHT;
    for (i, (name, points)) in lines.iter().enumerate().rev() {
        let runs = points.split(|(_, value)| value.is_none()).filter(|run| !run.is_empty());
        let runs = runs.map(|run| {
            let points =
                run.iter().filter_map(|(at, value)| Some(format!("{:.1},{:.1}", x(*at), y((*value)?))));
            // A run of one point is a dot, by its round ends.
            format!("M{}h0", points.collect::<Vec<_>>().join("L"))
        });
        let _ = writeln!(
            svg,
            "<g class=\"s{i}\"><path class=\"line\" d=\"{}\"><title>{name}</title></path>\
             <rect class=\"key\" x=\"{:.1}\" y=\"{:.1}\" width=\"18\" height=\"4\"/><text x=\"{key:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text></g>",
            runs.collect::<String>(),
            key - 50.0,
            top - 12.0,
            top - 6.0
        );
        key -= 70.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_share() {
        assert_eq!(bars(&[0.0, 0.1, 4.0, 8.0], 8.0), " ▁▄█");
        assert_eq!(bars(&[0.0], 0.0), " ");
    }
}
