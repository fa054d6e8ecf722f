//! Plots as SVG, for pages that run nothing.

use std::fmt::Write as _;

use crate::report::html::escape;
use crate::unit;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;
/// The legend's lines, below the plot.
const LEGEND_LINE: f64 = 20.0;

/// A named curve of `(quantile, ms)`; it has a point at least.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Returns latencies over percentiles: the distance from 100 % to the right and the latency upwards, both logarithmic, so that
/// the rare and slow have as much room as the others.
pub(super) fn percentiles(lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let nines = points().map(|point| rarity(point.0)).fold(1.0, f64::max);
    let (lowest, highest) = points()
        .fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), (_, ms)| (low.min(ms.max(1e-6)), high.max(*ms)));
    // A flat curve gets a decade around it.
    let (bottom, top) = (lowest.log10().floor(), highest.log10().ceil().max(lowest.log10().floor() + 1.0));
    let x = |quantile: f64| LEFT + rarity(quantile) / nines * (WIDTH - LEFT - RIGHT);
    let y = |ms: f64| {
        HEIGHT - BOTTOM - (ms.max(1e-6).log10() - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM)
    };
    #[expect(clippy::cast_precision_loss, reason = "a plot has few lines")]
    let height = HEIGHT + LEGEND_LINE * lines.len() as f64;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"latency by percentile\">\n");
    for (label, ms) in decades(bottom, top) {
        let y = y(ms);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    }
    for (label, quantile) in ticks(nines) {
        let x = x(quantile);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 16.0
        );
    }
    for (i, line) in lines.iter().enumerate() {
        let points: Vec<String> =
            line.points.iter().map(|(quantile, ms)| format!("{:.1},{:.1}", x(*quantile), y(*ms))).collect();
        #[expect(clippy::cast_precision_loss, reason = "a plot has few lines")]
        let legend = HEIGHT + LEGEND_LINE * i as f64;
        let name = escape(&line.name);
        let _ = writeln!(
            svg,
            "<g class=\"s{i}\"><polyline class=\"line\" points=\"{}\"><title>{name}</title></polyline>\
             <rect class=\"key\" x=\"{LEFT}\" y=\"{:.1}\" width=\"18\" height=\"4\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text></g>",
            points.join(" "),
            legend + 2.0,
            LEFT + 26.0,
            legend + 8.0
        );
    }
    svg + "</svg>\n"
}

/// A share with the interval around it, and from where on it matters.
pub(super) struct Interval {
    pub(super) name: String,
    /// What stands after it.
    pub(super) note: &'static str,
    pub(super) series: usize,
    pub(super) middle: f64,
    pub(super) bounds: Option<(f64, f64)>,
    pub(super) limit: f64,
}

/// Room for names before the intervals, and for notes after them.
const NAMES: f64 = 250.0;
const NOTES: f64 = 120.0;
/// As many characters have room there.
const NAME_CHARS: usize = 36;
const ROW: f64 = 26.0;
/// The least distance of two labels.
const LABEL_WIDTH: f64 = 50.0;

/// Returns intervals one below the other, on a logarithmic axis of factors: half as much is as far from the middle as twice as much.
pub(super) fn intervals(rows: &[Interval], title: &str) -> String {
    let ends = rows.iter().flat_map(|row| {
        let (low, high) = row.bounds.unwrap_or((row.middle, row.middle));
        [low, high, row.middle, row.limit, -row.limit]
    });
    let (lowest, highest) =
        ends.map(f64::ln_1p).fold((0.0, 0.0_f64), |(low, high), end| (f64::min(low, end), high.max(end)));
    let scale = (WIDTH - NAMES - NOTES) / (highest - lowest).max(1e-9);
    let x = |share: f64| NAMES + (share.ln_1p() - lowest) * scale;
    #[expect(clippy::cast_precision_loss, reason = "a comparison has few figures")]
    let bottom = TOP + ROW * rows.len() as f64;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{title}\">\n", bottom + BOTTOM);
    for (label, share) in shares(&x) {
        let x = x(share);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            bottom + 16.0
        );
    }
    let mut y = TOP + ROW / 2.0;
    for row in rows {
        let (name, whole) = (escape(&shortened(&row.name)), escape(&row.name));
        let (low, high) = row.bounds.unwrap_or((row.middle, row.middle));
        let _ = writeln!(
            svg,
            "<g class=\"s{}\"><title>{whole}</title><text x=\"0\" y=\"{:.1}\">{name}</text>\
             <line class=\"line\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><circle class=\"key\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"5\"/>\
             <line class=\"limit\" x1=\"{limit:.1}\" x2=\"{limit:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/><text x=\"{WIDTH}\" y=\"{:.1}\" text-anchor=\"end\">{}</text></g>",
            row.series,
            y + 4.0,
            x(low),
            x(high),
            x(row.middle),
            y - 9.0,
            y + 9.0,
            y + 4.0,
            row.note,
            limit = x(row.limit),
        );
        y += ROW;
    }
    svg + "</svg>\n"
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Returns the shares that are named below the intervals: nothing, and others to both sides as far as there is room.
fn shares(x: &dyn Fn(f64) -> f64) -> Vec<(String, f64)> {
    const SLOWER: [f64; 12] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0, 1000.0];
    const FASTER: [f64; 9] = [-0.01, -0.02, -0.05, -0.1, -0.2, -0.5, -0.75, -0.9, -0.99];
    let mut kept = vec![0.0];
    for side in [&SLOWER[..], &FASTER[..]] {
        let mut last = x(0.0);
        for share in side {
            let at = x(*share);
            if (NAMES..=WIDTH - NOTES).contains(&at) && (at - last).abs() >= LABEL_WIDTH {
                kept.push(*share);
                last = at;
            }
        }
    }
    kept.into_iter().map(|share| (format!("{:.0} %", share * 100.0), share)).collect()
}

/// Returns how many nines a quantile has: 0 for the shortest, 1 for p90, 2 for p99.
fn rarity(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-12).log10()
}

/// Returns each power of ten milliseconds with its label.
fn decades(bottom: f64, top: f64) -> Vec<(String, f64)> {
    let powers = std::iter::successors(Some(bottom), |power| Some(power + 1.0));
    powers
        .take_while(|power| *power <= top)
        .map(|power| {
            let ms = 10_f64.powf(power);
            let label = if ms < 1.0 {
                format!(
                    "{} µs",
                    unit::milliseconds(ms * 1000.0).trim_end_matches(".00").trim_end_matches(".0")
                )
            } else if ms < 1000.0 {
                format!("{ms:.0} ms")
            } else {
                format!("{:.0} s", ms / 1000.0)
            };
            (label, ms)
        })
        .collect()
}

/// Returns the percentiles that are named below the plot.
fn ticks(nines: f64) -> Vec<(&'static str, f64)> {
    [
        ("p50", 0.5),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("p99.99", 0.9999),
        ("p99.999", 0.999_99),
        ("p99.9999", 0.999_999),
    ]
    .into_iter()
    .filter(|(_, quantile)| rarity(*quantile) <= nines)
    .collect()
}
