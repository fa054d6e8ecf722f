//! What PostgreSQL takes and the parser does not know: put so that it does, in the tokens, before it reads them.
//!
//! Each rule looks for words that mean nothing else to PostgreSQL (`src/backend/parser/gram.y`), outside of quoted texts
//! and comments. Tokens keep their places in the text, so that errors point at what the user wrote.

mod rules;
mod text;

use std::borrow::Cow;

use sqlparser::ast::{Expr, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::{LineOffsets, balance};
use rules::Edit;
use text::{Text, is_value};

/// The function that EXTRACT stands for, since PostgreSQL 14 (`func_expr_common_subexpr` of gram.y).
const EXTRACT: &str = "pg_catalog.\"extract\"";

/// Statements as the parser reads them.
pub(super) struct Readable {
    pub(super) statements: Vec<Statement>,
    /// What of the text is not in the statements, without its constants.
    pub(super) left_out: String,
}

/// Parses statements.
pub(super) fn statements(sql: &str) -> Result<Readable, ParserError> {
    let (tokens, left_out) = readable(tokens(sql)?);
    let statements =
        Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens).parse_statements()?;
    Ok(Readable { statements, left_out })
}

/// Parses one expression; `None` for what is not exactly one.
pub(super) fn expression(sql: &str) -> Option<Expr> {
    let (tokens, _) = readable(tokens(sql).ok()?);
    let mut parser = Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens);
    let mut expr = parser.parse_expr().ok()?;
    balance::balance(&mut expr).ok()?;
    (parser.peek_token().token == Token::EOF).then_some(expr)
}

/// Returns a statement that the server takes with parameters: `pg_stat_statements` writes `date $1` for
/// `date '2026-01-01'`, which stands for `$1::date`, and `EXTRACT($1 FROM x)` for `EXTRACT(year FROM x)`. All other text
/// stays as it is.
pub(crate) fn plannable(sql: &str) -> Cow<'_, str> {
    let Ok(tokens) = tokens(sql) else { return Cow::Borrowed(sql) };
    let text = Text::new(&tokens);
    let offsets = LineOffsets::new(sql);
    let written = |from: usize, to: usize| {
        // Up to the end of the last token, without the white space behind it.
        let end = offsets.at(text.tokens[text.solid[to - 1]].span.end);
        sql[offsets.at(text.tokens[text.solid[from]].span.start)..end].trim_end()
    };
    let start_of = |at: usize| offsets.at(text.tokens[text.solid[at]].span.start);
    let mut changed = String::new();
    let mut done = 0;
    let mut at = 0;
    while at < text.solid.len() {
        match text.typed_constant(at) {
            None if text.is_extract(at) => {
                changed.push_str(&sql[done..start_of(at)]);
                changed.extend([EXTRACT, "(", &text.token(at + 2).to_string(), ","]);
                done = offsets.at(text.tokens[text.solid[at + 3]].span.end);
                at += 4;
            }
            Some(typed) if matches!(text.token(typed.value), Token::Placeholder(_)) => {
                changed.push_str(&sql[done..start_of(at)]);
                let (value, type_name) = (written(typed.value, typed.value + 1), written(at, typed.value));
                changed.extend([value, "::", type_name]);
                if typed.end > typed.value + 1 {
                    changed.push(' ');
                    changed.push_str(written(typed.value + 1, typed.end));
                }
                done = offsets.at(text.tokens[text.solid[typed.end - 1]].span.end);
                at = typed.end;
            }
            _ => at += 1,
        }
    }
    if done == 0 {
        return Cow::Borrowed(sql);
    }
    changed.push_str(&sql[done..]);
    Cow::Owned(changed)
}

fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>, ParserError> {
    Ok(Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location()?)
}

/// Applies the rules to tokens, and returns what they left out as text.
fn readable(tokens: Vec<TokenWithSpan>) -> (Vec<TokenWithSpan>, String) {
    let mut edits = Text::new(&tokens).edits();
    // A rule may look ahead; of edits that overlap the first one counts.
    edits.sort_by_key(|edit| edit.from);
    if edits.is_empty() {
        return (tokens, String::new());
    }
    let mut changed = Vec::with_capacity(tokens.len());
    let mut left_out: Vec<String> = Vec::new();
    let mut done = 0;
    for Edit { from, to, instead, is_lossy } in edits {
        if from < done {
            continue;
        }
        changed.extend_from_slice(&tokens[done..from]);
        changed.extend(instead);
        if is_lossy {
            left_out.extend(tokens[from..to].iter().filter_map(|token| general(&token.token)));
        }
        done = to;
    }
    changed.extend_from_slice(&tokens[done..]);
    (changed, left_out.join(" "))
}

/// Returns a token's text, of constants that there is one.
fn general(token: &Token) -> Option<String> {
    match token {
        Token::Whitespace(_) => None,
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        token if is_value(token) || matches!(token, Token::Number(..)) => Some("?".to_owned()),
        token => Some(token.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::parse;

    /// Checks the statement that the parser sees, and what it does not see.
    fn check(sql: &str, expected: &str, left_out: &str) {
        let found = parse(sql).unwrap_or_else(|error| panic!("{sql} {error}"));
        assert_eq!((format!("{found:?}").as_str(), found.left_out.as_str()), (expected, left_out), "{sql}");
    }

    #[test]
    fn locks_of_rows() {
        check("SELECT a FROM t FOR NO KEY UPDATE", "SELECT a FROM t FOR UPDATE", "no key update");
        check(
            "SELECT a FROM t x, u FOR /* weak */ key Share OF x, s.u SKIP LOCKED",
            "SELECT a FROM t x, u FOR SHARE OF x FOR UPDATE OF s.u SKIP LOCKED",
            "key share",
        );
        check("SELECT a FROM t FOR READ ONLY", "SELECT a FROM t", "for read only");
        check(
            "SELECT 'FOR NO KEY UPDATE' FROM \"FOR\" AS no",
            "SELECT 'FOR NO KEY UPDATE' FROM \"FOR\" AS no",
            "",
        );
    }

    #[test]
    fn constants_with_their_type() {
        check("SELECT date $1, \"date\" FROM t", "SELECT $1::DATE, \"date\" FROM t", "");
        check(
            "SELECT timestamp (3) with time zone '2026-01-01', pg_catalog.int4range '[1,2)'",
            "SELECT '2026-01-01'::TIMESTAMP(3) WITH TIME ZONE, '[1,2)'::pg_catalog.int4range",
            "",
        );
        check(
            "SELECT a AT TIME ZONE $1, date(b), time FROM t",
            "SELECT a AT TIME ZONE $1, date(b), time FROM t",
            "",
        );
        check("SELECT interval '1' day", "SELECT INTERVAL '1' DAY", "");
        check("SELECT interval $1 day to second(3)", "SELECT $1::INTERVAL DAY TO SECOND(3)", "");
        check(
            "SELECT sum(a) OVER (ORDER BY b RANGE BETWEEN interval '1 day' PRECEDING AND '2 days'::interval FOLLOWING EXCLUDE NO OTHERS) FROM t",
            "SELECT sum(a) OVER (ORDER BY b RANGE BETWEEN ('1 day'::INTERVAL) PRECEDING AND ('2 days'::INTERVAL) FOLLOWING) FROM t",
            "exclude no others",
        );
    }

    #[test]
    fn clauses_that_are_left_out() {
        check("SELECT a FROM ONLY s.t, ONLY u", "SELECT a FROM s.t, u", "only only");
        check(
            "SELECT a FROM t GROUP BY DISTINCT ROLLUP (a, b) FETCH FIRST ($1) ROWS ONLY",
            "SELECT a FROM t GROUP BY ROLLUP (a, b) FETCH FIRST $1 ROWS ONLY",
            "distinct",
        );
        check(
            "WITH RECURSIVE r AS (SELECT 1) SEARCH DEPTH FIRST BY a, b SET o SELECT * FROM r",
            "WITH RECURSIVE r AS (SELECT 1) SELECT * FROM r",
            "search depth first by a , b set o",
        );
        check(
            "WITH RECURSIVE r AS (SELECT 1) CYCLE a SET c TO 'Y' DEFAULT 'N' USING p SELECT * FROM r",
            "WITH RECURSIVE r AS (SELECT 1) SELECT * FROM r",
            "cycle a set c to ? default ? using p",
        );
        check(
            "INSERT INTO t (a) OVERRIDING USER VALUE VALUES (1) ON CONFLICT (lower(a)) WHERE b > 5 DO UPDATE SET c[1] = 2, d = 3 WHERE t.a = 4",
            "INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET c = 2, d = 3 WHERE t.a = 4",
            "overriding user value ( lower ( a ) ) where b > ? [ ? ]",
        );
        check(
            "INSERT INTO t VALUES (1) ON CONFLICT (a, b) DO NOTHING",
            "INSERT INTO t VALUES (1) ON CONFLICT(a, b) DO NOTHING",
            "",
        );
        check(
            "UPDATE t SET a['x']['y'] = b[1], (c, d) = (1, 2), e[1:2] = 3 WHERE f[1] = 1",
            "UPDATE t SET a = b[1], (c, d) = (1, 2), e = 3 WHERE f[1] = 1",
            "[ ? ] [ ? ] [ ? : ? ]",
        );
    }

    #[test]
    fn other_notations() {
        check(
            "SELECT a ISNULL, isnull(b), c + 1 notnull FROM t",
            "SELECT a IS NULL, isnull(b), c + 1 IS NOT NULL FROM t",
            "",
        );
        check("TABLE s.t ORDER BY a", "SELECT * FROM s.t ORDER BY a", "");
        check("SELECT trim(both FROM a), trim(a)", "SELECT btrim(a), TRIM(a)", "");
        check("SELECT * FROM f($1) AS (a int, b text)", "SELECT * FROM f($1) AS \"*\" (a INT, b TEXT)", "");
        check("WITH x(a) AS (SELECT 1) SELECT a FROM x", "WITH x (a) AS (SELECT 1) SELECT a FROM x", "");
        check(
            "SELECT * FROM ROWS FROM (f(1), g(2)) WITH ORDINALITY AS x(a, b)",
            "SELECT * FROM rows_from(f(1), g(2)) WITH ORDINALITY AS x (a, b)",
            "",
        );
    }

    #[test]
    fn errors_point_at_what_was_written() {
        for (sql, place) in [
            ("SELECT a FROM t\nFOR NO KEY UPDATE )", "Line: 2, Column: 19"),
            ("SELECT date $1 )", "Line: 1, Column: 16"),
            ("SELECT a FROM t FOR KEY", "found: KEY at Line: 1, Column: 21"),
        ] {
            let error = parse(sql).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.ends_with(place), "{sql}: {error}");
        }
    }

    #[test]
    fn says_what_has_no_plan() {
        for sql in [
            "VACUUM (ANALYZE) t",
            "-- now\nDO $$ BEGIN END $$",
            "refresh materialized view v",
            "REINDEX TABLE t",
        ] {
            assert_eq!(
                parse(sql).err().map(|error| error.to_string()).as_deref(),
                Some("has no plan"),
                "{sql}"
            );
        }
    }

    #[test]
    fn makes_statements_that_can_be_planned() {
        for (sql, expected) in [
            ("SELECT date $1", "SELECT $1::date"),
            (
                "SELECT a+interval $2 day to second\n/* x */, 'date $1' -- date $1",
                "SELECT a+$2::interval day to second\n/* x */, 'date $1' -- date $1",
            ),
            (
                "SELECT ü, timestamp(3) with  time zone $1>now()",
                "SELECT ü, $1::timestamp(3) with  time zone>now()",
            ),
            (
                "SELECT date '2026-01-01' + $1, a AT TIME ZONE $2",
                "SELECT date '2026-01-01' + $1, a AT TIME ZONE $2",
            ),
            (
                "SELECT extract ( $1 FROM a), extract(year FROM $2)",
                "SELECT pg_catalog.\"extract\"($1, a), extract(year FROM $2)",
            ),
            ("SELECT public.citext $1", "SELECT $1::public.citext"),
            ("SELECT 'open", "SELECT 'open"),
        ] {
            assert_eq!(plannable(sql), expected);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_changes_nothing_twice(words in prop::collection::vec("(SELECT|extract|date|interval|\\$1|'x'|day|to|time|with time zone|\\(|\\)|FROM|ONLY|t|,|\\.|SET|a\\[|\\]|=|ON CONFLICT|DO|WHERE|FOR|NO KEY|UPDATE|OF|KEY SHARE|AS|ROWS|FETCH FIRST|CYCLE|USING|SEARCH DEPTH FIRST BY|TABLE|trim|both|;|::|\"ü\")", 0..12)) {
            let sql = words.join(" ");
            let once = plannable(&sql).into_owned();
            // Of what is no SQL, such as `date date $1`, each pass may find something new.
            if parse(&sql).is_ok() {
                prop_assert_eq!(&plannable(&once), &once);
            }
        }
    }
}
