//! SQL text as words, constants, comments and symbols, from which it can be put together again.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

/// A piece of SQL text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lexeme<'a> {
    pub(crate) sort: Sort,
    /// As written, quotes and all.
    pub(crate) text: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes.
    QuotedWord,
    /// A string of any notation (`'…'`, `E'…'`, `B'…'`, `$$…$$`), and whatever else has letters and is no word.
    Text,
    Number,
    Comment,
    Space,
    /// Operators, punctuation, `?` and `$1`.
    Symbol,
}

impl Lexeme<'_> {
    /// Whether it means something to the server.
    pub(crate) fn is_solid(&self) -> bool {
        !matches!(self.sort, Sort::Space | Sort::Comment)
    }

    pub(crate) fn is_word(&self) -> bool {
        matches!(self.sort, Sort::Word | Sort::QuotedWord)
    }
}

/// Cuts SQL text into pieces that make up the whole text. A string, name or comment that does not end is one piece to
/// the end of the text.
pub(crate) fn lexemes(sql: &str) -> Vec<Lexeme<'_>> {
    let error = match Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location() {
        Ok(tokens) => return pieces(sql, &tokens),
        Err(error) => error,
    };
    let mut places = Places { sql, byte: 0, line: 1, column: 1 };
    // The error stands where the string began, but at the end of a comment.
    let place = places.byte_at(error.location.line, error.location.column);
    let starts = [Some(place), sql.rfind("/*"), Some(0)];
    let cut = |start: usize| {
        let (head, tail) = sql.split_at(start);
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, head).tokenize_with_location().ok()?;
        let mut pieces = pieces(head, &tokens);
        pieces.push(Lexeme { sort: if has_letters(tail) { Sort::Text } else { Sort::Symbol }, text: tail });
        Some(pieces)
    };
    starts.into_iter().flatten().find_map(cut).unwrap_or_default()
}

fn pieces<'a>(sql: &'a str, tokens: &[TokenWithSpan]) -> Vec<Lexeme<'a>> {
    let mut places = Places { sql, byte: 0, line: 1, column: 1 };
    let starts: Vec<usize> =
        tokens.iter().map(|token| places.byte_at(token.span.start.line, token.span.start.column)).collect();
    let ends = starts.iter().skip(1).copied().chain([sql.len()]);
    tokens
        .iter()
        .zip(starts.iter().zip(ends))
        .filter(|(_, (start, end))| *start < end)
        .map(|(token, (start, end))| {
            let text = &sql[*start..end];
            Lexeme { sort: sort(&token.token, text), text }
        })
        .collect()
}

fn sort(token: &Token, text: &str) -> Sort {
    match token {
        Token::Word(word) if word.quote_style.is_some() => Sort::QuotedWord,
        Token::Word(_) => Sort::Word,
        Token::Number(..) => Sort::Number,
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
            Sort::Comment
        }
        Token::Whitespace(_) => Sort::Space,
        Token::Placeholder(_) if text.bytes().skip(1).all(|byte| byte.is_ascii_digit()) => Sort::Symbol,
        _ if text.contains(['\'', '"']) || has_letters(text) => Sort::Text,
        _ => Sort::Symbol,
    }
}

/// Whether a text holds anything but punctuation.
fn has_letters(text: &str) -> bool {
    !text.bytes().all(|byte| byte.is_ascii_punctuation())
}

/// Turns the tokenizer's lines and columns, which only grow, into byte offsets.
struct Places<'a> {
    sql: &'a str,
    byte: usize,
    line: u64,
    column: u64,
}

impl Places<'_> {
    fn byte_at(&mut self, line: u64, column: u64) -> usize {
        for character in self.sql[self.byte..].chars() {
            if (self.line, self.column) >= (line, column) {
                break;
            }
            self.byte += character.len_utf8();
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.byte
    }
}

/// Whether a text may stand between parentheses: it does not close the first of them, and ends nothing that it has not begun.
pub(crate) fn is_enclosable(sql: &str) -> bool {
    let mut depth = 0_i32;
    for lexeme in lexemes(sql) {
        for symbol in lexeme.text.chars().filter(|_| lexeme.sort == Sort::Symbol) {
            match symbol {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth < 0 || symbol == ';' {
                return false;
            }
        }
    }
    depth == 0 && Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().is_ok()
}

/// Returns the name that a word stands for: without its quotes, letter case kept.
pub(crate) fn unquoted(word: &str) -> String {
    match word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_closes_a_parenthesis_too_early_is_told() {
        for (sql, expected) in [
            ("a = 1", true),
            ("(a = ')') AND b IN (1, 2) -- )", true),
            ("", true),
            ("a) OR (b", false),
            ("a = 1; DROP TABLE t", false),
            ("(a", false),
            ("a = 'x", false),
            ("a /* b", false),
        ] {
            assert_eq!(is_enclosable(sql), expected, "{sql}");
        }
    }

    fn check(sql: &str, expected: &[(Sort, &str)]) {
        let found: Vec<_> = lexemes(sql)
            .into_iter()
            .filter(|lexeme| lexeme.sort != Sort::Space)
            .map(|lexeme| (lexeme.sort, lexeme.text))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn cuts_text_into_pieces() {
        use Sort::{Comment, Number, QuotedWord, Symbol, Text, Word};
        check(
            "a.\"B \"\"c\" >= 1.5e3",
            &[(Word, "a"), (Symbol, "."), (QuotedWord, "\"B \"\"c\""), (Symbol, ">="), (Number, "1.5e3")],
        );
        check("E'a\\'b'::text", &[(Text, "E'a\\'b'"), (Symbol, "::"), (Word, "text")]);
        check("'it''s' $x$ 'y $x$", &[(Text, "'it''s'"), (Text, "$x$ 'y $x$")]);
        check(
            "'ü\n' -- é\n$1 /* b */",
            &[(Text, "'ü\n'"), (Comment, "-- é"), (Symbol, "$1"), (Comment, "/* b */")],
        );
        check("U&'x' X'1F' B'01' N'n'", &[(Text, "U&'x'"), (Text, "X'1F'"), (Text, "B'01'"), (Text, "N'n'")]);
        check("b ~~* ? @name", &[(Word, "b"), (Symbol, "~~*"), (Symbol, "?"), (Symbol, "@"), (Word, "name")]);
        check("a = 'open", &[(Word, "a"), (Symbol, "="), (Text, "'open")]);
        check("b) \"", &[(Word, "b"), (Symbol, ")"), (Symbol, "\"")]);
        check("c /* open", &[(Word, "c"), (Text, "/* open")]);
        check("é $x$ open", &[(Text, "é $x$ open")]);
        check("", &[]);
    }

    #[test]
    fn takes_quotes_off() {
        assert_eq!(unquoted("\"a\"\"b\""), "a\"b");
        assert_eq!(unquoted("Ab"), "Ab");
    }

    proptest! {
        #[test]
        fn pieces_make_up_the_text(sql in r#"([a-z'"$ü🙂/*\-\n\r\t .,:()0-9E&]|\PC){0,30}"#) {
            let joined: String = lexemes(&sql).iter().map(|lexeme| lexeme.text).collect();
            prop_assert_eq!(joined, sql);
        }
    }
}
