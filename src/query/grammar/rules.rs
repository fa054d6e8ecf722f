//! The rules: which tokens the parser does not know, and what it is given instead.

use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::text::{Text, is_value, is_word};
use super::{EXTRACT, tokens};

/// Words that are left out or replaced wherever they follow certain others.
struct Phrase {
    /// What stands before them, separated by `|`; anything where it is empty.
    after: &'static str,
    words: &'static str,
    instead: &'static str,
}

const PHRASES: [Phrase; 12] = [
    // All locks of rows are the same to whoever asks which rows are found.
    Phrase { after: "FOR", words: "NO KEY UPDATE", instead: "UPDATE" },
    Phrase { after: "FOR", words: "KEY SHARE", instead: "SHARE" },
    Phrase { after: "", words: "FOR READ ONLY", instead: "" },
    Phrase { after: "ROW|PRECEDING|FOLLOWING", words: "EXCLUDE CURRENT ROW", instead: "" },
    Phrase { after: "ROW|PRECEDING|FOLLOWING", words: "EXCLUDE GROUP", instead: "" },
    Phrase { after: "ROW|PRECEDING|FOLLOWING", words: "EXCLUDE TIES", instead: "" },
    Phrase { after: "ROW|PRECEDING|FOLLOWING", words: "EXCLUDE NO OTHERS", instead: "" },
    Phrase { after: "GROUP BY", words: "DISTINCT", instead: "" },
    Phrase { after: "GROUP BY", words: "ALL", instead: "" },
    Phrase { after: "", words: "OVERRIDING SYSTEM VALUE", instead: "" },
    Phrase { after: "", words: "OVERRIDING USER VALUE", instead: "" },
    Phrase { after: "THEN", words: "INSERT DEFAULT VALUES", instead: "INSERT VALUES (DEFAULT)" },
];

/// The first words of what follows AS in a WITH query, where it is no list of a function's columns.
const QUERIES: &str = "SELECT|VALUES|WITH|TABLE|INSERT|UPDATE|DELETE|MERGE";

/// Tokens that are replaced.
pub(super) struct Edit {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) instead: Vec<TokenWithSpan>,
    /// Whether what it leaves out means something.
    pub(super) is_lossy: bool,
}

impl Text<'_> {
    pub(super) fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut at = 0;
        while at < self.solid.len() {
            let found = self.phrase(at).or_else(|| self.typed(at)).or_else(|| self.clause(at));
            if self.is(at, "SET") {
                edits.extend(self.subscripts(at + 1));
            }
            at = match found {
                Some((end, edit)) => {
                    edits.push(edit);
                    end
                }
                None => at + 1,
            };
        }
        edits
    }

    fn phrase(&self, at: usize) -> Option<(usize, Edit)> {
        if !self.is_name(at) {
            return None;
        }
        PHRASES.iter().find_map(|Phrase { after, words, instead }| {
            let end = self.phrase_end(at, words)?;
            let n_before = after.split(' ').count();
            let is_after = after.is_empty()
                || at >= n_before
                    && after.split(' ').zip(at - n_before..).all(|(word, at)| self.is(at, word));
            is_after.then(|| (end, self.edit(at, end, instead, true)))
        })
    }

    /// `type 'constant'` as `'constant'::type`; in the frame of a window in parentheses, where the parser takes no cast.
    fn typed(&self, at: usize) -> Option<(usize, Edit)> {
        const FRAME_ENDS: &str = "PRECEDING|FOLLOWING";
        let (value, end) = match self.typed_constant(at) {
            Some(typed) => (typed.value, typed.end),
            None if *self.token(at + 1) == Token::DoubleColon
                && matches!(self.token(at), Token::SingleQuotedString(_))
                && self.is(at + 3, FRAME_ENDS) =>
            {
                (at, at + 3)
            }
            None => return None,
        };
        let own = |place: usize| self.tokens[self.solid[place]].clone();
        let mut instead = vec![own(value)];
        if value > at {
            instead.push(TokenWithSpan { token: Token::DoubleColon, span: instead[0].span });
            instead.extend((at..value).map(own));
        }
        instead.extend((value + 1..end).map(own));
        if self.is(end, FRAME_ENDS) {
            let span = instead[0].span;
            instead.insert(0, TokenWithSpan { token: Token::LParen, span });
            instead.push(TokenWithSpan { token: Token::RParen, span });
        }
        let (from, to) = (self.solid[at], self.solid[end - 1] + 1);
        Some((end, Edit { from, to, instead, is_lossy: false }))
    }

    /// Clauses that are more than fixed words.
    fn clause(&self, at: usize) -> Option<(usize, Edit)> {
        let left_out = |end: usize| (end, self.edit(at, end, "", true));
        let replaced = |end: usize, instead: &str| (end, self.edit(at, end, instead, false));
        let Token::Word(word) = self.token(at) else {
            return (*self.token(at) == Token::Comma && self.is_locked(at))
                .then(|| replaced(at + 1, "FOR UPDATE OF"));
        };
        if word.quote_style.is_some() {
            return None;
        }
        let before = self.before(at);
        match word.value.to_uppercase().as_str() {
            // A reserved word, that ends `FETCH FIRST … ROWS ONLY` and starts nothing else.
            "ONLY" if is_word(before, "FROM|JOIN|UPDATE|INTO|USING|TABLE") || *before == Token::Comma => {
                self.is_name(at + 1).then(|| left_out(at + 1))
            }
            "ISNULL" if ends_operand(before) => Some(replaced(at + 1, "IS NULL")),
            "NOTNULL" if ends_operand(before) => Some(replaced(at + 1, "IS NOT NULL")),
            "TABLE" if starts_query(before) && self.is_name(at + 1) => {
                Some(replaced(at + 1, "SELECT * FROM"))
            }
            "TRIM" if *self.token(at + 1) == Token::LParen && self.is(at + 3, "FROM") => {
                let function = match self.token(at + 2) {
                    side if is_word(side, "BOTH") => "btrim(",
                    side if is_word(side, "LEADING") => "ltrim(",
                    side if is_word(side, "TRAILING") => "rtrim(",
                    _ => return None,
                };
                Some(replaced(at + 4, function))
            }
            "EXTRACT" if self.is_extract(at) => {
                Some(replaced(at + 4, &format!("{EXTRACT}({},", self.token(at + 2))))
            }
            "SEARCH" if *before == Token::RParen => {
                let by = ["SEARCH DEPTH FIRST BY", "SEARCH BREADTH FIRST BY"];
                let by = by.into_iter().find_map(|words| self.phrase_end(at, words))?;
                let set = self.names_end(by).filter(|set| self.is(*set, "SET"))?;
                Some(left_out(set + 2))
            }
            "CYCLE" if *before == Token::RParen => {
                let set = self.names_end(at + 1).filter(|set| self.is(*set, "SET"))?;
                let using = (set..self.solid.len()).take(8).find(|place| self.is(*place, "USING"))?;
                Some(left_out(using + 2))
            }
            "ON" => {
                let open =
                    self.phrase_end(at, "ON CONFLICT").filter(|at| *self.token(*at) == Token::LParen)?;
                let close = self.closing(open)?;
                let is_plain = self.names_end(open + 1) == Some(close) && self.is(close + 1, "DO");
                let end = (close..self.solid.len()).find(|place| self.is(*place, "DO"))?;
                (!is_plain).then(|| (end, self.edit(open, end, "", true)))
            }
            // `f(…) AS (a int)`: the parser wants a name before the columns.
            "AS" if *before == Token::RParen && *self.token(at + 1) == Token::LParen => {
                let is_column = self.is_name(at + 2) && !self.is(at + 2, QUERIES);
                is_column.then(|| replaced(at + 1, "AS \"*\""))
            }
            "ROWS" => self.phrase_end(at, "ROWS FROM").map(|end| replaced(end, "rows_from")),
            "FIRST" | "NEXT" if is_word(before, "FETCH") && *self.token(at + 1) == Token::LParen => {
                let is_one = *self.token(at + 3) == Token::RParen && self.is(at + 4, "ROW|ROWS");
                let value = self.token(at + 2).to_string();
                is_one.then(|| replaced(at + 4, &format!("FIRST {value}")))
            }
            "WITH" if is_word(before, "RETURNING") && *self.token(at + 1) == Token::LParen => {
                self.closing(at + 1).map(|close| left_out(close + 1))
            }
            _ => None,
        }
    }

    /// Whether the comma at a place stands in the list of `FOR UPDATE OF a, b`.
    fn is_locked(&self, at: usize) -> bool {
        let names = (0..at).rev().take_while(|place| {
            matches!(self.token(*place), Token::Comma | Token::Period) || self.is_name(*place)
        });
        let of = names.into_iter().find(|place| self.is(*place, "OF"));
        of.is_some_and(|of| is_word(self.before(of), "UPDATE|SHARE") && self.names_end(of + 1) > Some(at))
    }

    /// Leaves out the subscripts of the columns that an UPDATE sets, as in `SET tags[1] = 'a'`, from behind SET.
    fn subscripts(&self, mut at: usize) -> Vec<Edit> {
        let mut edits = Vec::new();
        loop {
            let name = match self.token(at) {
                Token::LParen => self.closing(at).map(|close| close + 1),
                _ => self.name_end(at),
            };
            let Some(name) = name else { return edits };
            let mut end = name;
            while *self.token(end) == Token::LBracket {
                let Some(close) = self.closing(end) else { return edits };
                end = close + 1;
            }
            if *self.token(end) != Token::Eq {
                return edits;
            }
            if end > name {
                edits.push(self.edit(name, end, "", true));
            }
            at = end + 1;
            loop {
                match self.token(at) {
                    Token::LParen | Token::LBracket => match self.closing(at) {
                        Some(close) => at = close + 1,
                        None => return edits,
                    },
                    Token::Comma => break,
                    Token::EOF | Token::RParen | Token::SemiColon => return edits,
                    _ if self.is(at, "FROM|WHERE|RETURNING|WHEN") => return edits,
                    _ => at += 1,
                }
            }
            at += 1;
        }
    }

    /// Puts a fixed text in the place of the tokens from `from` to before `to`.
    fn edit(&self, from: usize, to: usize, instead: &str, is_lossy: bool) -> Edit {
        let (from, to) = (self.solid[from], self.solid[to - 1] + 1);
        let span: Span = self.tokens[from].span;
        let instead = tokens(instead).expect("the texts of the rules are made of tokens");
        let instead = instead.into_iter().filter(|token| token.token != Token::EOF);
        let instead = instead.map(|TokenWithSpan { token, .. }| TokenWithSpan { token, span }).collect();
        Edit { from, to, instead, is_lossy }
    }
}

/// Whether a query can start behind this token.
fn starts_query(token: &Token) -> bool {
    matches!(token, Token::EOF | Token::SemiColon | Token::LParen)
        || is_word(token, "UNION|ALL|INTERSECT|EXCEPT|EXPLAIN|ANALYZE|VERBOSE")
}

/// Whether the test of an operand can stand behind this token.
fn ends_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_some() || !is_word(token, "SELECT|AS|AND|OR|NOT|WHERE|ON|BY|WHEN")
        }
        Token::RParen | Token::RBracket | Token::Number(..) => true,
        token => is_value(token),
    }
}
