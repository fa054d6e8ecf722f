//! Finds plans in a text and takes off what psql, other clients, mails and web pages put around them.

use std::borrow::Cow;

use super::Line;
use super::block::{Block, Format, Spelling};
use super::border::{bare_lines, ruler};
use super::cell;

/// Splits a text into the blocks that may hold plans. Whatever is no other format is for the reader of TEXT plans,
/// which passes over lines that belong to none.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    blocks_in(bare_lines(text), None)
}

/// Splits lines into blocks. Those of cells, whose spelling is known, hold no cells again.
fn blocks_in(mut lines: Vec<Line<'_>>, of_cells: Option<Spelling>) -> Vec<Block<'_>> {
    let spelling = of_cells.unwrap_or(Spelling::Plain);
    let mut blocks = Vec::new();
    let mut of_text = Vec::new();
    let mut has_cells = false;
    let mut at = 0;
    while at < lines.len() {
        let text = &*lines[at].text;
        if is_break(text) {
            end_text(&mut of_text, spelling, &mut blocks);
            at += 1;
        } else if let Some(format) = Format::of(text) {
            let end = at + extent(format, &lines[at..]);
            let mut own: Vec<Line> = lines[at..end].iter_mut().map(take).collect();
            at = end;
            // Conditions contain JSON too, and prose a line `Plan:`.
            let sign = if format == Format::Yaml { "Node Type" } else { "Plan" };
            if own.iter().any(|line| line.text.contains(sign) || line.text.contains("QUERY PLAN")) {
                end_text(&mut of_text, spelling, &mut blocks);
                without_marks(&mut own);
                blocks.push(Block { format, lines: own, spelling, duration_ms: None });
            } else {
                of_text.append(&mut own);
            }
        } else if of_cells.is_some() {
            of_text.push(take(&mut lines[at]));
            at += 1;
        } else if let Some(line) = cell::line(&lines[at], has_cells) {
            has_cells = true;
            lines[at] = line;
        } else {
            let (end, cells) = cell::cells(&lines, at);
            if let Some((cells, spelling)) = cells {
                end_text(&mut of_text, Spelling::Plain, &mut blocks);
                blocks.extend(blocks_in(cells, Some(spelling)));
            } else {
                of_text.extend(lines[at..end].iter_mut().map(take));
            }
            at = end;
        }
    }
    end_text(&mut of_text, spelling, &mut blocks);
    blocks
}

fn take<'a>(line: &mut Line<'a>) -> Line<'a> {
    Line { number: line.number, column: line.column, text: std::mem::take(&mut line.text) }
}

fn end_text<'a>(of_text: &mut Vec<Line<'a>>, spelling: Spelling, blocks: &mut Vec<Block<'a>>) {
    let lines = std::mem::take(of_text);
    if lines.iter().any(|line| !line.text.trim().is_empty()) {
        blocks.push(Block { format: Format::Text, lines, spelling, duration_ms: None });
    }
}

/// Returns how many of the lines belong to the document that begins with the first.
pub(super) fn extent(format: Format, lines: &[Line]) -> usize {
    let is_end = |line: &Line| is_break(&line.text);
    let to = |end: Option<usize>| end.unwrap_or(lines.len());
    match format {
        Format::Text => to(lines.iter().position(is_end)),
        Format::Json => {
            let mut n_open = 0_usize;
            let mut is_quoted = false;
            for (i, line) in lines.iter().enumerate() {
                if i > 0 && !is_quoted && is_end(line) {
                    return i;
                }
                let mut bytes = line.text.bytes();
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => is_quoted = !is_quoted,
                        b'\\' if is_quoted => _ = bytes.next(),
                        b'{' | b'[' if !is_quoted => n_open += 1,
                        b'}' | b']' if !is_quoted => n_open = n_open.saturating_sub(1),
                        _ => {}
                    }
                }
                if n_open == 0 {
                    return i + 1;
                }
            }
            lines.len()
        }
        Format::Xml => {
            let last = lines.iter().position(|line| line.text.contains("</explain>"));
            last.map_or_else(|| to(lines.iter().position(is_end)), |last| last + 1)
        }
        Format::Yaml => {
            let indent = |text: &str| text.len() - text.trim_start().len();
            let own = lines.first().map_or(0, |line| indent(&line.text));
            let belongs = |line: &Line| {
                let text = line.text.trim();
                let is_key =
                    || text.starts_with("- ") || text.split_once(':').is_some_and(|(key, _)| is_words(key));
                text.is_empty() || indent(&line.text) > own || (indent(&line.text) == own && is_key())
            };
            to(lines.iter().position(|line| is_end(line) || !belongs(line)))
        }
    }
}

fn is_words(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || " -/".contains(c))
}

/// Takes off the marks with which psql says that a cell goes on in the next line.
fn without_marks(lines: &mut [Line]) {
    let is_marked = |line: &Line| line.text.trim_end().ends_with(['+', '↵']);
    if !lines.first().is_some_and(is_marked) {
        return;
    }
    for line in lines {
        let bare = line.text.trim_end();
        if let Some(bare) = bare.strip_suffix(['+', '↵']) {
            let length = bare.trim_end().len();
            truncate(&mut line.text, length);
        }
    }
}

fn truncate(text: &mut Cow<'_, str>, length: usize) {
    match text {
        Cow::Borrowed(text) => *text = &text[..length],
        Cow::Owned(text) => text.truncate(length),
    }
}

/// Whether a line stands between plans: a header, a ruler, a row count, a fence of Markdown, a prompt.
pub(super) fn is_break(text: &str) -> bool {
    let text = text.trim();
    match text.as_bytes().first() {
        None => false,
        Some(b'(') => is_row_count(text),
        Some(b'`' | b'~') => text.starts_with("```") || text.starts_with("~~~"),
        _ => text == "QUERY PLAN" || ruler(text).is_some() || is_prompt(text) || is_timing(text),
    }
}

/// `(5 rows)`, in any language.
fn is_row_count(text: &str) -> bool {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.and_then(|inner| inner.split_once(' ')).is_some_and(|(count, word)| {
        count.bytes().all(|byte| byte.is_ascii_digit()) && word.chars().all(char::is_alphabetic)
    })
}

/// `Time: 12.345 ms`, in any language: one word, unlike `Planning Time`.
fn is_timing(text: &str) -> bool {
    let Some((word, time)) = text.split_once(':') else { return false };
    let number = time.trim_start().split_once(" ms").map_or("", |(number, _)| number);
    word.trim_end().chars().all(char::is_alphabetic)
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',')
}

/// `shop=# `, `shop-> ` or `user@host:shop=*> `, with or without a statement after it.
fn is_prompt(text: &str) -> bool {
    let Some(end) = text.find(['#', '>']) else { return false };
    let (prompt, rest) = (&text[..end], &text[end + 1..]);
    let before = prompt.trim_end_matches(['*', '!', '?']);
    let name = before.strip_suffix(['=', '-', '^', '\'', '"', '$', '(']);
    (rest.is_empty() || rest.starts_with(' '))
        && name.is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
}
