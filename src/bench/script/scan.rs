//! Takes a script apart into SQL statements and backslash commands, as psql does.

use std::ops::Range;

/// A part of a script, by its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// A statement without its semicolon, that begins with neither space nor comment.
    Sql(Range<usize>),
    /// What stands between a backslash and the end of its line.
    Command(Range<usize>),
}

/// What a byte of a statement belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Plain,
    /// A string or a quoted identifier.
    Quoted,
    Comment,
    /// Plain, within brackets.
    Subscript,
}

/// Finds all pieces in their order.
pub(super) fn pieces(script: &str) -> Vec<Piece> {
    let bytes = script.as_bytes();
    let mut pieces = Vec::new();
    let (mut at, mut start, mut depth) = (0, 0, 0_usize);
    let sql = |pieces: &mut Vec<Piece>, start: usize, end: usize| {
        let start = start + blank_length(&script[start..end]);
        let end = start + script[start..end].trim_end().len();
        if start < end {
            pieces.push(Piece::Sql(start..end));
        }
    };
    while at < bytes.len() {
        if let Some(length) = quoted_length(script, at) {
            at += length;
            continue;
        }
        match bytes[at] {
            b';' if depth == 0 => {
                sql(&mut pieces, start, at);
                start = at + 1;
            }
            // These keep several statements together, or a colon from being that of a variable.
            b'\\' if matches!(bytes.get(at + 1), Some(b';' | b':')) => at += 1,
            b'\\' => {
                sql(&mut pieces, start, at);
                let end = at + 1 + line_length(&script[at + 1..]);
                pieces.push(Piece::Command(at + 1..end));
                (at, start, depth) = (end, end, 0);
                continue;
            }
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    sql(&mut pieces, start, bytes.len());
    pieces
}

/// Returns what each byte of a statement belongs to.
pub(super) fn parts(sql: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(sql.len());
    let mut n_open = 0_usize;
    while parts.len() < sql.len() {
        if let Some(length) = quoted_length(sql, parts.len()) {
            let is_comment = is_comment(&sql[parts.len()..]);
            parts.resize(parts.len() + length, if is_comment { Part::Comment } else { Part::Quoted });
            continue;
        }
        match sql.as_bytes()[parts.len()] {
            b'[' => n_open += 1,
            b']' => n_open = n_open.saturating_sub(1),
            _ => {}
        }
        parts.push(if n_open > 0 { Part::Subscript } else { Part::Plain });
    }
    parts
}

/// Returns the length of the string, quoted identifier or comment that begins at `at`.
fn quoted_length(script: &str, at: usize) -> Option<usize> {
    let rest = &script.as_bytes()[at..];
    match rest {
        [b'-', b'-', ..] => Some(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(comment_length(rest)),
        [b'"', ..] => Some(until(rest, b'"', false)),
        [b'\'', ..] => {
            // Only a string of the kind E'' knows backslashes.
            let before = &script.as_bytes()[..at];
            let is_escaped = matches!(before, [.., b'e' | b'E']) && !is_word_end(&before[..at - 1]);
            Some(until(rest, b'\'', is_escaped))
        }
        [b'$', ..] if !is_word_end(&script.as_bytes()[..at]) => dollar_length(&script[at..]),
        _ => None,
    }
}

/// Whether a word goes on behind these bytes.
fn is_word_end(before: &[u8]) -> bool {
    before.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..))
}

fn until(rest: &[u8], quote: u8, is_escaped: bool) -> usize {
    let mut length = 1;
    while let Some(byte) = rest.get(length) {
        length += 1;
        if *byte == quote {
            return length;
        }
        if is_escaped && *byte == b'\\' {
            length += 1;
        }
    }
    rest.len()
}

/// Comments nest.
fn comment_length(rest: &[u8]) -> usize {
    let (mut length, mut depth) = (2, 1);
    while length < rest.len() {
        match rest[length..] {
            [b'/', b'*', ..] => {
                depth += 1;
                length += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                length += 2;
                if depth == 0 {
                    return length;
                }
            }
            _ => length += 1,
        }
    }
    rest.len()
}

/// `$tag$ … $tag$`; `None` if it is no such string.
fn dollar_length(rest: &str) -> Option<usize> {
    let tag_end = rest[1..].find('$')? + 2;
    let (tag, body) = rest.split_at(tag_end);
    let name = &tag[1..tag_end - 1];
    let is_tag = !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(super::token::is_word);
    is_tag.then(|| body.find(tag).map_or(rest.len(), |end| tag_end + end + tag_end))
}

/// Returns how many bytes of space and comments there are before a statement.
fn blank_length(sql: &str) -> usize {
    let mut length = 0;
    loop {
        let rest = &sql[length..];
        let space = rest.len() - rest.trim_start().len();
        length += space;
        match quoted_length(sql, length).filter(|_| is_comment(&sql[length..])) {
            Some(comment) => length += comment,
            None => return length,
        }
    }
}

fn is_comment(rest: &str) -> bool {
    rest.starts_with("--") || rest.starts_with("/*")
}

/// Returns the length of a line that may go on behind a backslash at its end.
fn line_length(text: &str) -> usize {
    let mut from = 0;
    while let Some(end) = text[from..].find('\n').map(|end| from + end) {
        if !text[..end].trim_end_matches('\r').ends_with('\\') {
            return end;
        }
        from = end + 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expected: &[&str]) {
        let found: Vec<String> = pieces(script)
            .into_iter()
            .map(|piece| match piece {
                Piece::Sql(range) => script[range].to_owned(),
                Piece::Command(range) => format!("\\{}", &script[range]),
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn finds_statements_and_commands() {
        check("\\set a 1\nSELECT :a;\n\n  SELECT 2", &["\\set a 1", "SELECT :a", "SELECT 2"]);
        check("SELECT 1 AS x \\gset p_\nSELECT 2;", &["SELECT 1 AS x", "\\gset p_", "SELECT 2"]);
        check("\\set a 1 + \\\n  2\n;;", &["\\set a 1 + \\\n  2"]);
        check("-- one; two\n/* a; /* b */ ; */ SELECT 1 -- no; end\n, 2;", &["SELECT 1 -- no; end\n, 2"]);
        check("SELECT 1 \\; SELECT 2;", &["SELECT 1 \\; SELECT 2"]);
        check("", &[]);
        check("-- nothing\n", &[]);
    }

    #[test]
    fn quotes_hide_what_ends_a_statement() {
        check(
            "SELECT ';\\', \"a;\"\"b\", E'\\';', e'x', 'it''s;';",
            &["SELECT ';\\', \"a;\"\"b\", E'\\';', e'x', 'it''s;'"],
        );
        check("DO $x$ a; $$ b; $x$; SELECT $1;", &["DO $x$ a; $$ b; $x$", "SELECT $1"]);
        check(
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);",
            &["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)"],
        );
        check("SELECT 'open", &["SELECT 'open"]);
        check("SELECT $$open;", &["SELECT $$open;"]);
    }

    #[test]
    fn tells_quoted_from_plain() {
        let parts = parts("a[1] ':' b");
        assert_eq!(parts[1], Part::Subscript);
        assert_eq!((parts[0], parts[6], parts[9]), (Part::Plain, Part::Quoted, Part::Plain));
    }
}
