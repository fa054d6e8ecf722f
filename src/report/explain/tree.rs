//! A plan as a tree: one line a node with its own time, its share, its rows and what was expected.

use crate::plan::rows::estimate;
use crate::plan::{Basis, Explained, Node, Plan};
use crate::report::Style;
use crate::report::style::visible_width;
use crate::unit;

/// Shares of the time from which a node is marked (pev2's and explain.depesz.com's bands: 10 %, 50 %).
const WARM_SHARE: f64 = 0.1;
const HOT_SHARE: f64 = 0.5;
/// Factors between expected and actual rows from which the estimate is marked (pev2, explain.depesz.com).
const WRONG_FACTOR: f64 = 10.0;
const VERY_WRONG_FACTOR: f64 = 100.0;
/// Columns of a bar that stands for the whole time.
const BAR_WIDTH: usize = 6;
/// Lines that a long condition may take on a terminal.
const MAX_DETAIL_LINES: usize = 3;
/// Bytes of a block (`BLCKSZ`; other sizes are rare and EXPLAIN does not tell).
const BLOCK_BYTES: u64 = 8192;

/// Lays the tree out. On a terminal long lines are cut to its width and bars are drawn; elsewhere all is kept.
pub(super) fn tree(explained: &Explained, style: &Style) -> String {
    let Explained { plan, times, .. } = explained;
    let bar_header = if style.terminal { format!(" {:BAR_WIDTH$}", "") } else { String::new() };
    let unit = match times.basis {
        Basis::Time => "self ms",
        Basis::Cost => "cost",
    };
    let width = count_width(style);
    let header = format!("{unit:>8} {:>4}{bar_header} {:>width$} {:>width$}  plan", "%", "rows", "expected");
    let indent = header.chars().count() - "plan".len();
    let mut lines = vec![style.bold(&header)];
    let prefixes = prefixes(plan);
    for node in &plan.nodes {
        let (head, below) = &prefixes[node.id];
        let title = title(node);
        let title = fit(&title, style, indent + head.chars().count());
        lines.push(format!("{}  {}{title}", numbers(explained, node, style), style.dim(head)));
        for detail in details(explained, node) {
            for line in wrap(&detail, style, indent + below.chars().count(), MAX_DETAIL_LINES) {
                lines.push(style.dim(&format!("{:indent$}{below}{line}", "")));
            }
        }
    }
    lines.join("\n")
}

fn title(node: &Node) -> String {
    let loops = node.actual.map_or(0.0, |actual| actual.loops);
    let repeated = if loops > 1.0 { format!("  × {}", unit::estimate(loops)) } else { String::new() };
    let subplan = node.subplan_name.as_ref().map(|name| format!("[{name}] ")).unwrap_or_default();
    format!("{subplan}{}{repeated}", node.title())
}

/// The columns before the tree.
fn numbers(explained: &Explained, node: &Node, style: &Style) -> String {
    let Explained { plan, times, .. } = explained;
    let self_ms = times.nodes[node.id].self_ms;
    let share = if times.whole_ms > 0.0 { self_ms / times.whole_ms } else { 0.0 };
    let spent = match times.basis {
        Basis::Time => unit::milliseconds(self_ms),
        Basis::Cost => unit::estimate(self_ms),
    };
    let bar = if style.terminal { format!(" {:BAR_WIDTH$}", bar(share)) } else { String::new() };
    let spent = format!("{spent:>8} {:>4.0}{bar}", share * 100.0);
    let spent = if share >= HOT_SHARE {
        style.red(&spent)
    } else if share >= WARM_SHARE {
        style.yellow(&spent)
    } else {
        spent
    };
    let rows = match node.actual {
        Some(actual) if node.is_run() => count(actual.rows, style),
        Some(_) => "never".to_owned(),
        None => String::new(),
    };
    let width = count_width(style);
    let expected = node.plan_rows.map(|rows| count(rows, style)).unwrap_or_default();
    let expected = format!("{expected:>width$}");
    let factor =
        estimate(plan, node.id).filter(|estimate| estimate.excuse.is_none()).map_or(1.0, |it| it.factor);
    let expected = if factor >= VERY_WRONG_FACTOR {
        style.red(&expected)
    } else if factor >= WRONG_FACTOR {
        style.yellow(&expected)
    } else {
        expected
    };
    format!("{spent} {rows:>width$} {expected}")
}

/// A person reads three digits, a program all of them.
fn count(n: f64, style: &Style) -> String {
    if style.terminal { unit::short_count(n) } else { unit::estimate(n) }
}

fn count_width(style: &Style) -> usize {
    if style.terminal { 8 } else { 12 }
}

/// Draws a share of the whole in eighths of a column.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let full = BAR_WIDTH * 8;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0 to 48"
    )]
    let eighths = ((share * full as f64).round().max(0.0) as usize).min(full);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// What a reader needs to know of a node beside its name.
fn details(explained: &Explained, node: &Node) -> Vec<String> {
    const CONDITIONS: [(&str, &str); 9] = [
        ("Index Cond", "index condition"),
        ("Recheck Cond", "recheck"),
        ("Hash Cond", "hash condition"),
        ("Merge Cond", "merge condition"),
        ("Join Filter", "join filter"),
        ("TID Cond", "tid condition"),
        ("Filter", "filter"),
        ("One-Time Filter", "one-time filter"),
        ("Cache Key", "cache key"),
    ];
    const DISCARDS: [(&str, &str); 3] = [
        ("Rows Removed by Filter", "filter"),
        ("Rows Removed by Join Filter", "join filter"),
        ("Rows Removed by Index Recheck", "recheck"),
    ];
    let mut details = Vec::new();
    let sort_keys: Vec<&str> = node.list("Sort Key").collect();
    if !sort_keys.is_empty() {
        let method = node.text("Sort Method").map(|method| format!(", {method}")).unwrap_or_default();
        let space = match (node.number("Sort Space Used"), node.text("Sort Space Type")) {
            (Some(kb), Some(place)) => format!(", {} kB {}", unit::estimate(kb), place.to_lowercase()),
            _ => String::new(),
        };
        details.push(format!("by {}{method}{space}", sort_keys.join(", ")));
    }
    for (key, label) in CONDITIONS {
        if let Some(condition) = node.text(key) {
            details.push(format!("{label}: {condition}"));
        }
    }
    for (key, label) in DISCARDS {
        if let Some(removed) = node.number(key).filter(|removed| *removed > 0.0) {
            details.push(format!("{label} discards {} rows a loop", unit::estimate(removed)));
        }
    }
    details.extend(work(explained, node));
    details.extend(blocks(explained, node));
    details
}

/// How the time of a hot node was shared by processes.
fn work(explained: &Explained, node: &Node) -> Option<String> {
    let time = explained.times.nodes[node.id];
    if explained.times.basis != Basis::Time || time.participants <= 1.0 || !is_warm(explained, node) {
        return None;
    }
    let slowest =
        time.slowest_ms.map(|ms| format!(", the slowest {} ms", unit::milliseconds(ms))).unwrap_or_default();
    Some(format!(
        "{} processes worked {} ms in all{slowest}",
        unit::estimate(time.participants),
        unit::milliseconds(time.work_ms)
    ))
}

/// The blocks that a hot node itself touched, and what waiting for them took.
fn blocks(explained: &Explained, node: &Node) -> Option<String> {
    let own = explained.resources[node.id];
    let buffers = own.buffers.filter(|_| is_warm(explained, node))?;
    let mut parts = Vec::new();
    for (label, blocks) in [
        ("read", buffers.shared_read + buffers.local_read),
        ("hit", buffers.shared_hit + buffers.local_hit),
        ("temp read", buffers.temp_read),
        ("temp written", buffers.temp_written),
    ] {
        if blocks > 0 {
            parts.push(format!("{label} {}", unit::bytes(blocks.saturating_mul(BLOCK_BYTES))));
        }
    }
    let io_ms = own.io.map_or(0.0, |io| io.total_ms()) / explained.times.nodes[node.id].participants;
    if io_ms > 0.0 {
        parts.push(format!("{} ms of it in I/O", unit::milliseconds(io_ms)));
    }
    (!parts.is_empty()).then(|| format!("blocks: {}", parts.join(", ")))
}

fn is_warm(explained: &Explained, node: &Node) -> bool {
    explained.times.nodes[node.id].self_ms >= WARM_SHARE * explained.times.whole_ms
}

/// Returns, for each node, the branch before its title and what stands before its details.
fn prefixes(plan: &Plan) -> Vec<(String, String)> {
    let mut prefixes: Vec<(String, String)> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let prefix = match node.parent {
            None => (String::new(), "  ".to_owned()),
            Some(parent) => {
                let is_last = plan.nodes[parent].children.last() == Some(&node.id);
                let above = prefixes[parent].1.strip_suffix("  ").unwrap_or_default().to_owned();
                let (branch, below) = if is_last { ("└ ", "  ") } else { ("├ ", "│ ") };
                (format!("{above}{branch}"), format!("{above}{below}  "))
            }
        };
        prefixes.push(prefix);
    }
    prefixes
}

/// Breaks text at spaces into lines of what `used` columns leave of the terminal's width, so many at the most. What goes
/// into a pipe or file stays whole.
pub(in crate::report) fn wrap(text: &str, style: &Style, used: usize, max_lines: usize) -> Vec<String> {
    const LEAST_ROOM: usize = 20;
    let room = style.width.saturating_sub(used).max(LEAST_ROOM);
    if !style.terminal {
        return vec![text.to_owned()];
    }
    let mut lines = broken(text, room);
    if lines.len() > max_lines {
        lines.truncate(max_lines);
        lines[max_lines - 1].push_str(" …");
    }
    lines.iter().map(|line| fit(line, style, style.width.saturating_sub(room))).collect()
}

/// Breaks text between words into lines of so many columns. A longer word has a line of its own, and stays whole.
pub(in crate::report) fn broken(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one line at least");
        if line.is_empty() {
            line.push_str(word);
        } else if visible_width(line) + 1 + visible_width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Cuts text to what `used` columns leave of the terminal's width; what goes into a pipe or file stays whole.
pub(in crate::report) fn fit(text: &str, style: &Style, used: usize) -> String {
    const LEAST_ROOM: usize = 8;
    let room = style.width.saturating_sub(used).max(LEAST_ROOM);
    if !style.terminal || visible_width(text) <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}
