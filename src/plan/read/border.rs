//! Splits a text into lines and takes off the borders that psql, other clients, mails and Markdown put around them.

use std::borrow::Cow;

use super::Line;
use super::frame::is_break;

/// Vertical borders of psql's line styles, and of Markdown.
const BARS: [char; 3] = ['|', '│', '║'];

/// Splits a text into lines and takes off borders and the marks of quoted mails.
pub(super) fn bare_lines(text: &str) -> Vec<Line<'_>> {
    let is_quoted = is_quoted_mail(text);
    let mut table = Table::default();
    let mut lines: Vec<Line> = Vec::new();
    for (i, whole) in text.split('\n').enumerate() {
        let mut line = whole.trim_end();
        while is_quoted && let Some(rest) = line.strip_prefix('>') {
            line = rest.strip_prefix(' ').unwrap_or(rest);
        }
        let Some(cell) = table.cell(line) else { continue };
        match lines.last_mut() {
            Some(last) if cell.goes_on => {
                let joined = last.text.to_mut();
                joined.pop();
                joined.push_str(cell.text);
            }
            _ => {
                // What is left is always a part of the line.
                let skipped = cell.text.as_ptr() as usize - whole.as_ptr() as usize;
                let column = whole[..skipped].chars().count() + 1;
                lines.push(Line { number: i + 1, column, text: Cow::Borrowed(cell.text) });
            }
        }
    }
    lines
}

/// Whether most of the first lines begin as a mail program or Markdown quotes them.
fn is_quoted_mail(text: &str) -> bool {
    /// Enough to tell a quotation from a comparison that a broken line begins with.
    const N_LINES: usize = 20;
    let lines = || text.lines().filter(|line| !line.trim().is_empty()).take(N_LINES);
    let n_quoted = lines().filter(|line| line.starts_with('>')).count();
    n_quoted > 0 && 2 * n_quoted >= lines().count()
}

/// psql's marks for the rest of a wrapped line (`\pset format wrapped`).
const WRAP_MARKS: [char; 2] = ['.', '…'];

/// What is known of the table around the current line.
#[derive(Default)]
struct Table {
    /// Of the ruler below the header, which a terminal may have broken into several.
    width: Option<usize>,
    is_below_ruler: bool,
    /// Blanks that psql puts before each cell.
    margin: Option<&'static str>,
    /// Expanded output (`\x`): each line begins with the name of the column.
    is_expanded: bool,
    /// The mark at the end of the last line, and whether its counterpart must follow.
    mark: Option<(char, bool)>,
}

struct Cell<'a> {
    text: &'a str,
    /// Whether it is the rest of the last cell.
    goes_on: bool,
}

impl Table {
    /// Takes the borders off a line. The head of a record in expanded output leaves nothing.
    fn cell<'a>(&mut self, line: &'a str) -> Option<Cell<'a>> {
        let mark = self.mark.take();
        let whole = |text| Some(Cell { text, goes_on: false });
        if line.contains("[ RECORD ") || line.starts_with("* Record ") {
            *self = Self { is_expanded: true, ..Self::default() };
            return None;
        }
        if let Some(width) = ruler(line) {
            let broken = self.width.filter(|_| self.is_below_ruler).unwrap_or(0);
            *self = Self { width: Some(broken + width), is_below_ruler: true, ..Self::default() };
            return whole(line);
        }
        // Expanded and not aligned.
        if let Some(value) = line.strip_prefix("QUERY PLAN|") {
            return whole(value);
        }
        if !self.is_expanded && self.width.is_none() && !line.ends_with(BARS) {
            return whole(line);
        }
        if is_break(line) {
            *self = Self::default();
            return whole(line);
        }
        let is_first = self.is_below_ruler && !line.is_empty();
        self.is_below_ruler &= line.is_empty();
        let mut text = line;
        if self.is_expanded {
            text = expanded(text);
        } else if let Some(inner) = text.strip_suffix(BARS) {
            // Without a bar at the begin it is a table of DBeaver.
            text = inner.trim_start().strip_prefix(BARS).unwrap_or(inner).trim_end();
            if text.len() < inner.trim_end().len() {
                self.margin = Some(" ");
            }
        } else if is_first {
            self.margin = Some(if line.starts_with(' ') { " " } else { "" });
        }
        text = text.strip_prefix(self.margin.unwrap_or_default()).unwrap_or(text);
        let goes_on = mark.is_some_and(|(mark, has_counterpart)| !has_counterpart || text.starts_with(mark));
        if let (true, Some((mark, _))) = (goes_on, mark) {
            text = text.strip_prefix(mark).unwrap_or(text);
        }
        if let (Some(width), true) = (self.width, text.ends_with(WRAP_MARKS)) {
            let length = line.chars().count();
            let is_at_edge = length == width || length == width + 1;
            // Without borders there is no room for a mark at the begin.
            self.mark = text.chars().next_back().filter(|_| is_at_edge).map(|mark| (mark, length == width));
        }
        Some(Cell { text, goes_on })
    }
}

/// Takes the name of the column off a line of expanded output: before the first line of a cell it stands in full.
fn expanded(line: &str) -> &str {
    const NAME: &str = "QUERY PLAN";
    let line = line.strip_suffix(BARS).unwrap_or(line).trim_end();
    let inner = line.strip_prefix(BARS).map_or(line, |line| line.strip_prefix(' ').unwrap_or(line));
    let blanks = [" "; NAME.len()].concat();
    let Some(rest) = inner.strip_prefix(NAME).or_else(|| inner.strip_prefix(&blanks)) else { return line };
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    match rest.strip_prefix(BARS).or_else(|| rest.strip_prefix(':')) {
        Some(value) => value.strip_prefix(' ').unwrap_or(value),
        None => rest,
    }
}

/// Returns the width of a horizontal line in characters.
pub(super) fn ruler(text: &str) -> Option<usize> {
    let is_line = |c: char| matches!(c, '-' | '=' | '+' | '|' | ' ' | ':' | '\u{2500}'..='\u{257f}');
    let is_ruler = !text.starts_with(char::is_alphanumeric) && text.len() > 3 && text.chars().all(is_line);
    (is_ruler && text.contains(['-', '=', '─', '═', '━'])).then(|| text.chars().count())
}
