//! A statement's text with a few places written anew: all else stays as its author wrote it.

use std::ops::Range;

use crate::query::words::{Lexeme, Sort, lexemes};

/// A statement's text in pieces, without comments.
pub(super) struct Text {
    pub(super) sql: String,
    /// Where each solid piece stands, and what it is.
    pieces: Vec<(Range<usize>, Sort)>,
}

/// What a place becomes.
pub(super) type Edit = (Range<usize>, String);

impl Text {
    pub(super) fn new(sql: &str) -> Self {
        // A comment to the end of its line would hide what is written behind the statement.
        let without: String =
            lexemes(sql).iter().map(|it| if it.sort == Sort::Comment { " " } else { it.text }).collect();
        let sql = without.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned();
        let mut at = 0;
        let mut pieces = Vec::new();
        for lexeme in lexemes(&sql) {
            let end = at + lexeme.text.len();
            if lexeme.is_solid() {
                pieces.push((at..end, lexeme.sort));
            }
            at = end;
        }
        Self { sql, pieces }
    }

    fn piece(&self, at: usize) -> Option<Lexeme<'_>> {
        let (place, sort) = self.pieces.get(at)?;
        Some(Lexeme { sort: *sort, text: &self.sql[place.clone()] })
    }

    /// The pieces in their order, with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Range<usize>, Lexeme<'_>)> {
        self.pieces
            .iter()
            .map(|(place, sort)| (place.clone(), Lexeme { sort: *sort, text: &self.sql[place.clone()] }))
    }

    /// Where each parameter stands, with its number from 0.
    pub(super) fn parameters(&self) -> Vec<(Range<usize>, usize)> {
        self.iter()
            .filter_map(|(place, it)| {
                let digits = it.text.strip_prefix('$').filter(|_| it.sort == Sort::Symbol)?;
                Some((place, digits.parse::<usize>().ok()?.checked_sub(1)?))
            })
            .collect()
    }

    /// The places of a keyword outside of all parentheses.
    pub(super) fn outer_words(&self, word: &str) -> Vec<Range<usize>> {
        let mut depth = 0_i32;
        let mut found = Vec::new();
        for (place, it) in self.iter() {
            match it.text {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                text if depth == 0 && it.sort == Sort::Word && text.eq_ignore_ascii_case(word) => {
                    found.push(place);
                }
                _ => {}
            }
        }
        found
    }

    /// Where the parenthesis that opens at or behind a place is closed.
    pub(super) fn closing(&self, from: usize) -> Option<Range<usize>> {
        let mut depth = 0_i32;
        for (place, it) in self.iter().filter(|(place, _)| place.start >= from) {
            match it.text {
                "(" => depth += 1,
                ")" => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(place);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The solid piece before a place.
    pub(super) fn before(&self, start: usize) -> Option<Lexeme<'_>> {
        let at = self.pieces.iter().position(|(place, _)| place.start >= start)?;
        self.piece(at.checked_sub(1)?)
    }

    /// The solid piece behind a place.
    pub(super) fn after(&self, end: usize) -> Option<Lexeme<'_>> {
        let at = self.pieces.iter().position(|(place, _)| place.start >= end)?;
        self.piece(at)
    }

    /// The white space before a place.
    pub(super) fn space_before(&self, start: usize) -> Range<usize> {
        self.sql[..start].trim_end().len()..start
    }

    /// A name like `wanted` that nothing in the text has.
    pub(super) fn free_name(&self, wanted: &str) -> String {
        let is_used = |name: &str| {
            self.iter().any(|(_, it)| it.is_word() && it.text.trim_matches('"').eq_ignore_ascii_case(name))
        };
        let numbered = (1..).map(|n| format!("{wanted}_{n}"));
        std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !is_used(name)).unwrap_or_default()
    }

    /// The text with these places written anew.
    pub(super) fn with(&self, mut edits: Vec<Edit>) -> String {
        edits.sort_by_key(|(place, _)| (place.start, place.end));
        let mut written = String::with_capacity(self.sql.len());
        let mut done = 0;
        for (place, text) in edits {
            written.push_str(&self.sql[done..place.start]);
            written.push_str(&text);
            done = place.end;
        }
        written.push_str(&self.sql[done..]);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_places_and_writes_them_anew() {
        let text = Text::new("SELECT a /* $9 */ FROM t -- x\nWHERE b = $2 AND c IN ($1, '$3') ; ");
        assert_eq!(text.parameters().iter().map(|(_, number)| *number).collect::<Vec<_>>(), [1, 0]);
        let edits = text.parameters().into_iter().map(|(place, n)| (place, format!("<{n}>"))).collect();
        let written = text.with(edits);
        assert!(written.ends_with("WHERE b = <1> AND c IN (<0>, '$3')"), "{written}");
        assert!(!written.contains("--"), "{written}");
        assert_eq!(text.outer_words("where").len(), 1);
        assert_eq!((text.free_name("keys").as_str(), text.free_name("T").as_str()), ("keys", "T_1"));
    }
}
