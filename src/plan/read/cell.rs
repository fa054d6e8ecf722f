//! Takes plans out of the cells that CSV, `pgAdmin`, `DBeaver` and JSON strings put them into.

use std::borrow::Cow;

use super::Line;
use super::block::{Format, Spelling};

/// What lines of plans contain.
const SIGNS: [&str; 4] = ["Plan", "PLAN", "(cost=", "(actual "];

/// Takes the quotes off a line of a TEXT plan that is a cell of its own, as others before it were or as it looks.
pub(super) fn line<'a>(line: &Line<'a>, is_expected: bool) -> Option<Line<'a>> {
    let (rest, quote) = opened(line)?;
    let inner = rest.text.trim_end().strip_suffix(quote)?;
    let is_of_plan = is_expected
        || inner.starts_with("  ")
        || inner.contains(": ")
        || inner.ends_with(':')
        || SIGNS.iter().any(|sign| inner.contains(sign));
    let is_other = inner.contains("\\n") || inner.contains("\",\"") || Format::of(inner).is_some();
    (is_of_plan && !is_other).then(|| rest.line(inner.len(), quote == '"'))
}

/// Reads the cells in quotes that begin in a line.
///
/// Returns the line after them and, if there are plans in them, their lines.
pub(super) fn cells<'a>(lines: &[Line<'a>], at: usize) -> (usize, Option<(Vec<Line<'a>>, Spelling)>) {
    let first = lines[at].text.trim_start();
    let late = [",\"[", ",\"{", ",\"- Plan", ",\"<explain"];
    let may_begin = first.starts_with(['"', '\''])
        || (first.contains(",\"") && late.iter().any(|cell| first.contains(cell)));
    if !may_begin {
        return (at + 1, None);
    }
    let mut cells = Vec::new();
    if first.contains("\\n") && string_lines(&lines[at], &mut cells).is_some() {
        return (at + 1, Some((cells, Spelling::Json)));
    }
    let mut end = at;
    let goes_on = |end: usize| lines.get(end).is_some_and(|line| line.text.trim_start().starts_with('"'));
    while (goes_on(end) || (end == at && !first.starts_with('\'')))
        && let Some(next) = record(lines, end, &mut cells)
    {
        end = next;
    }
    let mut spelling = Spelling::Doubled;
    if end == at {
        (end, cells) = careless(lines, at).unwrap_or((at + 1, Vec::new()));
        spelling = Spelling::Plain;
    }
    let has_plans = cells.iter().any(|line| SIGNS.iter().any(|sign| line.text.contains(sign)));
    (end, has_plans.then_some((cells, spelling)))
}

/// Returns what follows the quote that a line begins with.
fn opened<'a>(line: &Line<'a>) -> Option<(Rest<'a>, char)> {
    let text = line.text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut rest = Rest::of(line);
    rest.skip(rest.text.len() - text.len() + 1);
    Some((rest, quote))
}

/// Reads a document of several lines in quotes whose own quotes are not doubled.
fn careless<'a>(lines: &[Line<'a>], at: usize) -> Option<(usize, Vec<Line<'a>>)> {
    let (rest, quote) = opened(&lines[at])?;
    Format::of(&rest.text)?;
    let mut cells = vec![rest.line(rest.text.len(), false)];
    for (i, line) in lines.iter().enumerate().skip(at + 1) {
        let text = line.text.trim_end();
        // The quotes of a line come in pairs, but for the last.
        if text.ends_with(quote) && text.matches(quote).count() % 2 == 1 {
            cells.push(Rest::of(line).line(text.len() - 1, false));
            return Some((i + 1, cells));
        }
        // The next document begins: this one has no end.
        if opened(line).is_some_and(|(rest, _)| Format::of(&rest.text).is_some()) {
            return None;
        }
        cells.push(line.clone());
    }
    None
}

/// Splits what a JSON string holds into lines.
pub(super) fn string_lines(line: &Line, cells: &mut Vec<Line>) -> Option<()> {
    let text = line.text.trim_end();
    let string = text.trim_start();
    let content: String = serde_json::from_str(string).ok()?;
    // The quote before it.
    let mut column = line.column + text[..text.len() - string.len()].chars().count() + 1;
    for text in content.split('\n') {
        let width: usize = text.chars().map(|c| Spelling::Json.width(c)).sum();
        cells.push(Line { number: line.number, column, text: Cow::Owned(text.to_owned()) });
        // The escaped line break, too.
        column += width + 2;
    }
    Some(())
}

/// Reads the fields of a CSV record (RFC 4180) that begins at a line, and returns the line after it.
///
/// `None` if a field has no end.
fn record<'a>(lines: &[Line<'a>], at: usize, cells: &mut Vec<Line<'a>>) -> Option<usize> {
    let mut number = at;
    let mut text = Rest::of(&lines[at]);
    loop {
        text.skip(text.text.len() - text.text.trim_start().len());
        if text.text.starts_with('"') {
            text.skip(1);
            while closing_quote(&text.text).is_none() {
                cells.push(text.line(text.text.len(), true));
                number += 1;
                text = Rest::of(lines.get(number)?);
            }
            let end = closing_quote(&text.text)?;
            cells.push(text.line(end, true));
            text.skip(end + 1);
        } else {
            let end = text.text.find([',', ';', '\t']).unwrap_or(text.text.len());
            cells.push(text.line(end, false));
            text.skip(end);
        }
        match text.text.chars().next() {
            Some(',' | ';' | '\t') => text.skip(1),
            None => return Some(number + 1),
            Some(c) if c.is_whitespace() && text.text.trim().is_empty() => return Some(number + 1),
            Some(_) => return None,
        }
    }
}

/// What is left of a line.
struct Rest<'a> {
    number: usize,
    column: usize,
    text: Cow<'a, str>,
}

impl<'a> Rest<'a> {
    fn of(line: &Line<'a>) -> Self {
        Self { number: line.number, column: line.column, text: line.text.clone() }
    }

    fn skip(&mut self, n_bytes: usize) {
        self.column += self.text[..n_bytes].chars().count();
        match &mut self.text {
            Cow::Borrowed(text) => *text = &text[n_bytes..],
            Cow::Owned(text) => drop(text.drain(..n_bytes)),
        }
    }

    fn line(&self, end: usize, is_quoted: bool) -> Line<'a> {
        let text = match &self.text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
            Cow::Owned(text) => Cow::Owned(text[..end].to_owned()),
        };
        Line {
            number: self.number,
            column: self.column,
            text: if is_quoted { undoubled(text) } else { text },
        }
    }
}

/// Returns where a quote stands that is not doubled.
pub(super) fn closing_quote(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text[at..].find('"')?;
        if !text[at + 1..].starts_with('"') {
            return Some(at);
        }
        at += 2;
    }
}

pub(super) fn undoubled(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains("\"\"") { Cow::Owned(text.replace("\"\"", "\"")) } else { text }
}
