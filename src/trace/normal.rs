//! SQL text without its constants and comments, in one walk over its bytes: a trace sees each statement thousands of times.
//!
//! This is no parser: what it makes of text that PostgreSQL would refuse does not matter. Constants stay where a
//! parameter would mean something else, as in `ORDER BY 1` and `numeric(10, 2)`.

use super::{Value, tags};

/// A statement whose constants are apart from it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Normal {
    pub(super) text: String,
    /// The values of the parameters above those that the text had.
    pub(super) constants: Vec<Value>,
    pub(super) tags: Vec<(String, String)>,
    /// How many parameters the text had.
    pub(super) n_bound: usize,
}

/// Which constants are taken out of statements that have no plan; texts always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// `FETCH 100` keeps its number.
    OfQueries,
    All,
}

/// Takes the constants out of one statement. At least `n_bound` parameters are taken as its own.
pub(super) fn normal(sql: &str, n_bound: usize, numbers: Numbers) -> Normal {
    let n_bound = Lexer::new(sql).filter_map(|lexeme| lexeme.parameter()).fold(n_bound, usize::max);
    let mut walk = Walk::new(sql, n_bound, numbers);
    for lexeme in Lexer::new(sql) {
        walk.take(lexeme);
    }
    walk.end()
}

/// Cuts a script at its semicolons; pieces without a word are left out, as the server does.
pub(crate) fn split(sql: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut at, mut depth) = (0, 0, 0_usize);
    let (mut is_empty, mut is_create) = (true, false);
    // `CREATE FUNCTION … BEGIN ATOMIC …; END` is one statement.
    let (mut n_open_blocks, mut is_after_begin) = (0_usize, false);
    for lexeme in Lexer::new(sql) {
        at += lexeme.text.len();
        match (lexeme.kind, lexeme.text) {
            (Kind::Space | Kind::Comment, _) => continue,
            (Kind::Symbol, "(") => depth += 1,
            (Kind::Symbol, ")") => depth = depth.saturating_sub(1),
            (Kind::Symbol, ";") if depth == 0 && n_open_blocks == 0 => {
                if !is_empty {
                    pieces.push(sql[start..at - 1].trim());
                }
                (start, is_empty, is_create) = (at, true, false);
                continue;
            }
            (Kind::Word, word) if is_empty => is_create = word.eq_ignore_ascii_case("create"),
            (Kind::Word, word) if is_create => {
                let is = |other: &str| word.eq_ignore_ascii_case(other);
                if is("atomic") && is_after_begin || is("case") && n_open_blocks > 0 {
                    n_open_blocks += 1;
                } else if is("end") {
                    n_open_blocks = n_open_blocks.saturating_sub(1);
                }
                is_after_begin = is("begin");
            }
            _ => {}
        }
        is_empty = false;
    }
    if !is_empty {
        pieces.push(sql[start..].trim());
    }
    pieces
}

/// The first word of a statement.
pub(super) fn first_word(sql: &str) -> &str {
    Lexer::new(sql)
        .find(|lexeme| !matches!(lexeme.kind, Kind::Space | Kind::Comment) && lexeme.text != "(")
        .map_or("", |lexeme| lexeme.text)
}

/// What takes numbers in parentheses that are no expressions.
const TYPES: [&str; 15] = [
    "bit",
    "char",
    "character",
    "dec",
    "decimal",
    "float",
    "interval",
    "nchar",
    "numeric",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "varbit",
    "varchar",
];
/// What begins statements whose numbers are expressions.
const QUERIES: [&str; 12] = [
    "call", "delete", "execute", "explain", "insert", "merge", "select", "table", "update", "values", "with",
    "declare",
];
/// What ends the list of `GROUP BY` and `ORDER BY`.
const AFTER_BY: [&str; 11] =
    ["except", "fetch", "for", "having", "intersect", "limit", "offset", "range", "rows", "union", "window"];
/// What is followed by a secret.
const SECRETS: [&str; 2] = ["password", "connection"];

struct Walk<'a> {
    text: String,
    constants: Vec<Value>,
    tags: Vec<(String, String)>,
    n_bound: usize,
    takes_numbers: bool,
    /// The last two lexemes that are no space.
    before: [&'a str; 2],
    last_kind: Kind,
    has_space: bool,
    depth: usize,
    /// The depth of the list of a `BY`.
    by: Option<usize>,
    /// The depth of the parentheses of a type.
    type_depth: Option<usize>,
    /// A comment that is a call site if nothing follows.
    last_comment: Option<&'a str>,
}

impl<'a> Walk<'a> {
    fn new(sql: &str, n_bound: usize, numbers: Numbers) -> Self {
        let is_query = is_one_of(first_word(sql), &QUERIES);
        Self {
            text: String::with_capacity(sql.len()),
            constants: Vec::new(),
            tags: Vec::new(),
            n_bound,
            takes_numbers: is_query || numbers == Numbers::All,
            before: ["", ""],
            last_kind: Kind::Symbol,
            has_space: false,
            depth: 0,
            by: None,
            type_depth: None,
            last_comment: None,
        }
    }

    fn take(&mut self, lexeme: Lexeme<'a>) {
        match lexeme.kind {
            Kind::Space => self.has_space = true,
            Kind::Comment => self.comment(lexeme.text),
            Kind::Symbol if lexeme.text == ";" => self.has_space = true,
            _ => {
                self.last_comment = None;
                self.solid(lexeme);
                self.last_kind = lexeme.kind;
                self.before = [self.before[1], lexeme.text];
            }
        }
    }

    fn comment(&mut self, text: &'a str) {
        self.has_space = true;
        // A hint is an order to the planner.
        if text.starts_with("/*+") {
            self.push(text);
            return;
        }
        if let Some(text) = text.strip_prefix("/*").and_then(|text| text.strip_suffix("*/")) {
            if self.text.is_empty() {
                self.tags.extend(tags::of_comment(text).unwrap_or_default());
            } else {
                self.last_comment = Some(text);
            }
        }
    }

    fn solid(&mut self, lexeme: Lexeme<'a>) {
        match lexeme.kind {
            Kind::Word => self.word(lexeme.text),
            Kind::Text
                if self.last_kind == Kind::Text && self.has_space && self.before[1].ends_with('\'') =>
            {
                // Texts with a line break between them are one.
                if let Some(Value::Literal(text)) = self.constants.last_mut() {
                    text.push('\n');
                    text.push_str(lexeme.text);
                }
            }
            Kind::Text => self.constant(lexeme.text),
            Kind::Number if self.takes_numbers && !self.is_fixed() => self.constant(lexeme.text),
            Kind::Symbol => self.symbol(lexeme.text),
            _ => self.push(lexeme.text),
        }
    }

    fn word(&mut self, word: &str) {
        if word.eq_ignore_ascii_case("by") {
            self.by = Some(self.depth);
        } else if self.by.is_some() && is_one_of(word, &AFTER_BY) {
            self.by = None;
        }
        self.push(word);
    }

    fn symbol(&mut self, symbol: &str) {
        match symbol {
            "(" => {
                self.depth += 1;
                if is_one_of(self.before[1], &TYPES) || self.before[1].eq_ignore_ascii_case("varying") {
                    self.type_depth = Some(self.depth);
                }
            }
            ")" => {
                if self.type_depth == Some(self.depth) {
                    self.type_depth = None;
                }
                self.depth = self.depth.saturating_sub(1);
                if self.by.is_some_and(|by| by > self.depth) {
                    self.by = None;
                }
            }
            _ => {}
        }
        self.push(symbol);
    }

    /// Whether a number stands where a parameter would mean something else.
    fn is_fixed(&self) -> bool {
        let is_position = self.by == Some(self.depth)
            && (self.before[1] == "," || self.before[1].eq_ignore_ascii_case("by"));
        is_position || self.type_depth.is_some()
    }

    fn constant(&mut self, text: &str) {
        let is_secret = is_one_of(self.before[1], &SECRETS) || text.contains("password=");
        self.constants.push(if is_secret { Value::Missing } else { Value::Literal(text.to_owned()) });
        let number = self.n_bound + self.constants.len();
        self.push(&format!("${number}"));
    }

    fn push(&mut self, text: &str) {
        if self.has_space && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.has_space = false;
        self.text.push_str(text);
    }

    fn end(mut self) -> Normal {
        if let Some(tags) = self.last_comment.and_then(tags::of_comment) {
            self.tags.extend(tags);
        }
        let Self { text, constants, tags, n_bound, .. } = self;
        Normal { text, constants, tags, n_bound }
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| word.eq_ignore_ascii_case(other))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Space,
    Comment,
    Word,
    /// A name in double quotes.
    Name,
    /// A string of any notation.
    Text,
    Number,
    Parameter,
    Symbol,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Lexeme<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

impl Lexeme<'_> {
    /// The number of a parameter.
    fn parameter(&self) -> Option<usize> {
        let digits = (self.kind == Kind::Parameter).then(|| &self.text[1..])?;
        // The server takes no more than 65535.
        digits.parse::<u16>().ok().map(usize::from)
    }
}

/// Cuts SQL text into pieces that make up the whole text (manual, "Lexical Structure").
pub(super) struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self { rest: sql }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Lexeme<'a>;

    fn next(&mut self) -> Option<Lexeme<'a>> {
        let bytes = self.rest.as_bytes();
        let (kind, n) = lexeme(bytes, *bytes.first()?);
        // Every end is one of ASCII or of the text, but for a lone prefix.
        let (text, rest) = self.rest.split_at_checked(n).unwrap_or((self.rest, ""));
        self.rest = rest;
        Some(Lexeme { kind, text })
    }
}

fn lexeme(bytes: &[u8], first: u8) -> (Kind, usize) {
    let run = |is_part: fn(u8) -> bool| bytes.iter().position(|byte| !is_part(*byte)).unwrap_or(bytes.len());
    let second = bytes.get(1).copied().unwrap_or(0);
    match first {
        _ if first.is_ascii_whitespace() || first == 0x0b => {
            (Kind::Space, run(|byte| byte.is_ascii_whitespace() || byte == 0x0b))
        }
        b'-' if second == b'-' => (Kind::Comment, run(|byte| byte != b'\n' && byte != b'\r')),
        b'/' if second == b'*' => (Kind::Comment, block_comment(bytes)),
        b'"' => (Kind::Name, quoted(bytes, 1, b'"', false)),
        b'\'' => (Kind::Text, quoted(bytes, 1, b'\'', false)),
        b'e' | b'E' if second == b'\'' => (Kind::Text, quoted(bytes, 2, b'\'', true)),
        b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if second == b'\'' => {
            (Kind::Text, quoted(bytes, 2, b'\'', false))
        }
        b'u' | b'U' if bytes[1..].starts_with(b"&'") => (Kind::Text, quoted(bytes, 3, b'\'', false)),
        b'u' | b'U' if bytes[1..].starts_with(b"&\"") => (Kind::Name, quoted(bytes, 3, b'"', false)),
        b'$' if second.is_ascii_digit() => {
            let digits = bytes[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            (Kind::Parameter, 1 + digits)
        }
        b'$' => dollar_quoted(bytes).map_or((Kind::Symbol, 1), |n| (Kind::Text, n)),
        b'.' if second.is_ascii_digit() => (Kind::Number, number(bytes)),
        b'0'..=b'9' => (Kind::Number, number(bytes)),
        _ if is_word_start(first) => {
            (Kind::Word, run(|byte| is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'))
        }
        _ => (Kind::Symbol, 1),
    }
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// Comments nest.
fn block_comment(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < bytes.len() && depth > 0 {
        at += match &bytes[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
    }
    at
}

/// A doubled quote is one within.
fn quoted(bytes: &[u8], mut at: usize, quote: u8, has_escapes: bool) -> usize {
    while at < bytes.len() {
        at += match bytes[at] {
            b'\\' if has_escapes => 2,
            byte if byte == quote => {
                if bytes.get(at + 1) != Some(&quote) {
                    return at + 1;
                }
                2
            }
            _ => 1,
        };
    }
    bytes.len()
}

/// `$$…$$` and `$tag$…$tag$`.
fn dollar_quoted(bytes: &[u8]) -> Option<usize> {
    let tag = 2 + bytes[1..].iter().position(|byte| *byte == b'$')?;
    let is_name = |name: &[u8]| {
        name.iter().all(|byte| is_word_start(*byte) || byte.is_ascii_digit())
            && name.first().is_none_or(|first| !first.is_ascii_digit())
    };
    if !is_name(&bytes[1..tag - 1]) {
        return None;
    }
    let quote = &bytes[..tag];
    let mut at = tag;
    while let Some(dollar) = bytes[at..].iter().position(|byte| *byte == b'$') {
        at += dollar;
        if bytes[at..].starts_with(quote) {
            return Some(at + tag);
        }
        at += 1;
    }
    Some(bytes.len())
}

fn number(bytes: &[u8]) -> usize {
    if bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) {
        return 2 + bytes[2..].iter().take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'_').count();
    }
    let digits =
        |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'_').count();
    let mut at = digits(0);
    // `1..2` is a loop's range.
    if bytes.get(at) == Some(&b'.') && bytes.get(at + 1) != Some(&b'.') {
        at += 1;
        at += digits(at);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = if at + 1 + sign <= bytes.len() { digits(at + 1 + sign) } else { 0 };
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(sql: &str, expected: &str) {
        let normal = normal(sql, 0, Numbers::OfQueries);
        let constants: Vec<&str> = normal
            .constants
            .iter()
            .map(|value| match value {
                Value::Literal(text) => text.as_str(),
                _ => "secret",
            })
            .collect();
        assert_eq!(format!("{} [{}]", normal.text, constants.join("|")), expected, "{sql}");
    }

    #[test]
    fn takes_constants_out() {
        check(
            "SELECT a  FROM t\nWHERE b = 42 AND c='it''s';",
            "SELECT a FROM t WHERE b = $1 AND c=$2 [42|'it''s']",
        );
        check(
            r"SELECT E'a\'b', $$x$$, $t$y$z$t$, 1.5e-3, .5",
            "SELECT $1, $2, $3, $4, $5 [E'a\\'b'|$$x$$|$t$y$z$t$|1.5e-3|.5]",
        );
        check("SELECT $2, 7", "SELECT $2, $3 [7]");
        check("SELECT t1.a, \"2\" FROM t1 -- 3\n/* 4 /* 5 */ */", "SELECT t1.a, \"2\" FROM t1 []");
        check("SELECT 'a'\n'b'", "SELECT $1 ['a'\n'b']");
        check(
            "INSERT INTO t VALUES (1, -2), (3, X'1f')",
            "INSERT INTO t VALUES ($1, -$2), ($3, $4) [1|2|3|X'1f']",
        );
    }

    #[test]
    fn leaves_what_is_no_value() {
        check(
            "SELECT a FROM t ORDER BY 1, 2 DESC LIMIT 3",
            "SELECT a FROM t ORDER BY 1, 2 DESC LIMIT $1 [3]",
        );
        check(
            "SELECT a, sum(b) OVER (ORDER BY c), 7 FROM t GROUP BY 1 HAVING sum(b) > 5",
            "SELECT a, sum(b) OVER (ORDER BY c), $1 FROM t GROUP BY 1 HAVING sum(b) > $2 [7|5]",
        );
        check("SELECT 1.55::numeric(10, 1)", "SELECT $1::numeric(10, 1) [1.55]");
        check("FETCH 100 FROM c", "FETCH 100 FROM c []");
        check("SELECT a FROM t ORDER BY b + 1", "SELECT a FROM t ORDER BY b + $1 [1]");
    }

    #[test]
    fn keeps_no_secret() {
        check("ALTER ROLE a PASSWORD 'b'", "ALTER ROLE a PASSWORD $1 [secret]");
        check("SELECT dblink('host=a password=b')", "SELECT dblink($1) [secret]");
    }

    #[test]
    fn reads_call_sites() {
        let found = normal("/*action:index*/ SELECT 1 /*route='a'*/ ;", 0, Numbers::OfQueries);
        let tags: Vec<(&str, &str)> = found.tags.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!((&*found.text, tags), ("SELECT $1", vec![("action", "index"), ("route", "a")]));
        assert_eq!(normal("SELECT /*+ SeqScan(t) */ 1", 0, Numbers::All).text, "SELECT /*+ SeqScan(t) */ $1");
    }

    #[test]
    fn cuts_scripts() {
        assert_eq!(
            split("SELECT 1; ;-- x\nSELECT ';' ; SELECT 2"),
            ["SELECT 1", "-- x\nSELECT ';'", "SELECT 2"]
        );
        assert_eq!(split(" ; /* */ "), Vec::<&str>::new());
        assert_eq!(
            split("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; SELECT 3").len(),
            2
        );
        assert_eq!(split("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3").len(), 2);
        assert_eq!(split("BEGIN; SELECT 1; END"), ["BEGIN", "SELECT 1", "END"]);
    }

    proptest! {
        #[test]
        fn pieces_make_up_the_text(sql: String) {
            let text: String = Lexer::new(&sql).map(|lexeme| lexeme.text).collect();
            prop_assert_eq!(text, sql);
        }

        #[test]
        fn no_text_panics(sql in r#"([a-z$'"/*;(),.0-9 \\eE-]|by |order |--|/\*|\$\$){0,40}"#) {
            let first = normal(&sql, 0, Numbers::All);
            split(&sql);
            let text: String = Lexer::new(&sql).map(|lexeme| lexeme.text).collect();
            prop_assert_eq!(text, sql);
            prop_assert!(first.constants.iter().all(|value| *value != Value::Null));
        }
    }
}
