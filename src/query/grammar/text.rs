//! Tokens as words and clauses: what stands where.

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Types that can stand before a string constant, as in `date '2026-01-01'`, those of several words aside. `path`, which
/// is a word of `JSON_TABLE`, and `name`, one of `xmlelement`, are not among them.
const TYPES: &str = "bigint|bit|bool|boolean|box|bpchar|bytea|char|character|cidr|circle|citext|cube|date|datemultirange\
    |daterange|dec|decimal|float|float4|float8|geography|geometry|hstore|inet|int|int2|int4|int4multirange\
    |int4range|int8|int8multirange|int8range|integer|interval|json|jsonb|jsonpath|line|lquery|lseg|ltree\
    |ltxtquery|macaddr|macaddr8|money|numeric|nummultirange|numrange|oid|pg_lsn|point|polygon|real|regclass\
    |smallint|text|time|timestamp|timestamptz|timetz|tsmultirange|tsquery|tsrange|tstzmultirange|tstzrange\
    |tsvector|uuid|varchar";
/// The fields of an interval, as in `interval '1' day`.
const FIELDS: &str = "YEAR|MONTH|DAY|HOUR|MINUTE|SECOND";

/// A constant with its type before it.
pub(super) struct Typed {
    /// The place of the string or placeholder; the type's name is before it.
    pub(super) value: usize,
    /// The end of the fields of an interval behind it.
    pub(super) end: usize,
}

/// Tokens by their places among those that mean something.
pub(super) struct Text<'t> {
    pub(super) tokens: &'t [TokenWithSpan],
    pub(super) solid: Vec<usize>,
}

impl<'t> Text<'t> {
    pub(super) fn new(tokens: &'t [TokenWithSpan]) -> Self {
        let is_solid = |at: &usize| !matches!(tokens[*at].token, Token::Whitespace(_) | Token::EOF);
        Self { tokens, solid: (0..tokens.len()).filter(is_solid).collect() }
    }

    pub(super) fn token(&self, at: usize) -> &'t Token {
        self.solid.get(at).map_or(&Token::EOF, |at| &self.tokens[*at].token)
    }

    /// Returns the token before a place.
    pub(super) fn before(&self, at: usize) -> &'t Token {
        at.checked_sub(1).map_or(&Token::EOF, |at| self.token(at))
    }

    /// Whether one of the words, separated by `|`, stands at a place.
    pub(super) fn is(&self, at: usize, words: &str) -> bool {
        is_word(self.token(at), words)
    }

    pub(super) fn is_name(&self, at: usize) -> bool {
        matches!(self.token(at), Token::Word(_))
    }

    /// Returns the place behind words that stand at a place.
    pub(super) fn phrase_end(&self, at: usize, words: &str) -> Option<usize> {
        let mut end = at;
        for word in words.split(' ') {
            end = self.is(end, word).then_some(end + 1)?;
        }
        Some(end)
    }

    /// Returns the place of the parenthesis or bracket that closes the one at a place.
    pub(super) fn closing(&self, at: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for place in at..self.solid.len() {
            match self.token(place) {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(place);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Returns the place behind `a` or `a.b` at a place.
    pub(super) fn name_end(&self, at: usize) -> Option<usize> {
        let mut end = self.is_name(at).then_some(at + 1)?;
        while *self.token(end) == Token::Period && self.is_name(end + 1) {
            end += 2;
        }
        Some(end)
    }

    /// Returns the place behind `a, b` at a place.
    pub(super) fn names_end(&self, at: usize) -> Option<usize> {
        let mut end = self.name_end(at)?;
        while *self.token(end) == Token::Comma {
            end = self.name_end(end + 1)?;
        }
        Some(end)
    }

    /// Whether `EXTRACT($1 FROM` stands at a place.
    pub(super) fn is_extract(&self, at: usize) -> bool {
        self.is(at, "EXTRACT")
            && *self.token(at + 1) == Token::LParen
            && matches!(self.token(at + 2), Token::Placeholder(_))
            && self.is(at + 3, "FROM")
    }

    /// Returns the places behind a type's name and the constant of the type at a place.
    pub(super) fn typed_constant(&self, at: usize) -> Option<Typed> {
        if matches!(self.before(at), Token::Period | Token::DoubleColon) {
            return None;
        }
        // `schema.type`
        let name = if *self.token(at + 1) == Token::Period && self.is_name(at) { at + 2 } else { at };
        let modified = |end: usize| match self.token(end) {
            Token::LParen => self.closing(end).map(|close| close + 1),
            _ => Some(end),
        };
        let value = if self.is(name, "TIMESTAMP|TIME") {
            let end = modified(name + 1)?;
            let zone = ["WITH TIME ZONE", "WITHOUT TIME ZONE"];
            zone.into_iter().find_map(|zone| self.phrase_end(end, zone)).unwrap_or(end)
        } else if self.is(name, "DOUBLE") {
            self.phrase_end(name, "DOUBLE PRECISION")?
        } else if self.is(name, "CHARACTER|CHAR|BIT") && self.is(name + 1, "VARYING") {
            modified(name + 2)?
        } else {
            // The constant first: names are many, and so are types.
            let value = modified(name + 1)?;
            if !is_value(self.token(value)) || !self.is(name, TYPES) {
                return None;
            }
            value
        };
        let mut end = is_value(self.token(value)).then_some(value + 1)?;
        if self.is(name, "INTERVAL") && self.is(end, FIELDS) {
            // The parser knows `interval '1' day`, which is another interval than `'1'::interval day`.
            if !matches!(self.token(value), Token::Placeholder(_)) {
                return None;
            }
            end += 1;
            if self.is(end, "TO") && self.is(end + 1, FIELDS) {
                end += 2;
            }
            end = modified(end)?;
        }
        Some(Typed { value, end })
    }
}

/// Whether a token is a string or a placeholder.
pub(super) fn is_value(token: &Token) -> bool {
    matches!(
        token,
        Token::Placeholder(_)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::DollarQuotedString(_)
    )
}

/// Whether a token is one of the words, separated by `|`, without quotes.
pub(super) fn is_word(token: &Token, words: &str) -> bool {
    match token {
        Token::Word(word) if word.quote_style.is_none() => {
            words.split('|').any(|known| word.value.eq_ignore_ascii_case(known))
        }
        _ => false,
    }
}
