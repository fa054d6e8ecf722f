//! Prepared statements of SQL: what PREPARE and EXECUTE say (manual, "SQL Commands").

use super::normal::{Kind, Lexer};

/// Returns the name and the statement of a `PREPARE name (types) AS statement`.
pub(crate) fn prepare(sql: &str) -> Option<(String, &str)> {
    let mut solid = Solid::new(sql);
    solid.word("prepare")?;
    let name = solid.name()?;
    let mut depth = 0_usize;
    loop {
        match solid.next()? {
            (Kind::Symbol, "(") => depth += 1,
            (Kind::Symbol, ")") => depth = depth.checked_sub(1)?,
            (Kind::Word, word) if depth == 0 => {
                let statement = sql[solid.at..].trim().trim_end_matches(';').trim_end();
                return (word.eq_ignore_ascii_case("as") && !statement.is_empty())
                    .then_some((name, statement));
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
}

/// Returns the name and the values of an `EXECUTE name (values)`, as the server reads parameters in text form. `None` where a value
/// is no plain constant.
pub(crate) fn execute(sql: &str) -> Option<(String, Vec<Option<String>>)> {
    let mut solid = Solid::new(sql);
    solid.word("execute")?;
    let name = solid.name()?;
    let mut values = Vec::new();
    match solid.next() {
        None | Some((Kind::Symbol, ";")) => return solid.is_at_end().then_some((name, values)),
        Some((Kind::Symbol, "(")) => {}
        Some(_) => return None,
    }
    loop {
        values.push(solid.constant()?);
        match solid.next()? {
            (Kind::Symbol, ",") => {}
            (Kind::Symbol, ")") => return solid.is_at_end().then_some((name, values)),
            _ => return None,
        }
    }
}

/// What means something to the server, piece by piece.
struct Solid<'a> {
    lexer: Lexer<'a>,
    /// Where the next piece begins.
    at: usize,
}

impl<'a> Solid<'a> {
    fn new(sql: &'a str) -> Self {
        Self { lexer: Lexer::new(sql), at: 0 }
    }

    fn next(&mut self) -> Option<(Kind, &'a str)> {
        loop {
            let lexeme = self.lexer.next()?;
            self.at += lexeme.text.len();
            if !matches!(lexeme.kind, Kind::Space | Kind::Comment) {
                return Some((lexeme.kind, lexeme.text));
            }
        }
    }

    fn word(&mut self, wanted: &str) -> Option<()> {
        let (kind, word) = self.next()?;
        (kind == Kind::Word && word.eq_ignore_ascii_case(wanted)).then_some(())
    }

    /// A name as the server keeps it.
    fn name(&mut self) -> Option<String> {
        match self.next()? {
            (Kind::Word, word) => Some(word.to_lowercase()),
            (Kind::Name, name) => Some(name.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\""))
                .filter(|it| !it.is_empty()),
            _ => None,
        }
    }

    #[expect(clippy::option_option, reason = "NULL is a value, too")]
    fn constant(&mut self) -> Option<Option<String>> {
        let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
        match self.next()? {
            (Kind::Number, number) => Some(Some(number.to_owned())),
            (Kind::Symbol, sign @ ("-" | "+")) => match self.next()? {
                (Kind::Number, number) => Some(Some(format!("{}{number}", sign.trim_start_matches('+')))),
                _ => None,
            },
            (Kind::Text, text) => Some(Some(text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"))),
            (Kind::Word, word) if is(word, "null") => Some(None),
            (Kind::Word, word) if is(word, "true") || is(word, "false") => Some(Some(word.to_lowercase())),
            _ => None,
        }
    }

    fn is_at_end(&mut self) -> bool {
        loop {
            match self.next() {
                None => return true,
                Some((Kind::Symbol, ";")) => {}
                Some(_) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prepare_names_a_statement() {
        let check = |sql: &str, expected: Option<(&str, &str)>| {
            assert_eq!(prepare(sql), expected.map(|(name, text)| (name.to_owned(), text)), "{sql}");
        };
        check("PREPARE ByID (int, numeric(5, 2)) AS SELECT $1 ;", Some(("byid", "SELECT $1")));
        check("/* x */ prepare \"By \"\"ID\" as\n  DELETE FROM t", Some(("By \"ID", "DELETE FROM t")));
        for sql in
            ["PREPARE TRANSACTION 'a'", "PREPARE", "PREPARE a", "PREPARE a (int", "PREPARE a AS ", "SELECT 1"]
        {
            check(sql, None);
        }
    }

    #[test]
    fn execute_has_values() {
        let check = |sql: &str, name: &str, values: &[Option<&str>]| {
            let values = values.iter().map(|value| value.map(str::to_owned)).collect();
            assert_eq!(execute(sql), Some((name.to_owned(), values)), "{sql}");
        };
        check("EXECUTE byid;", "byid", &[]);
        check(
            "execute \"ByID\" (1, -2.5, 'it''s', NULL, TRUE) ; ",
            "ByID",
            &[Some("1"), Some("-2.5"), Some("it's"), None, Some("true")],
        );
        for sql in [
            "EXECUTE a (now())",
            "EXECUTE a (1 + 1)",
            "EXECUTE a (E'\\n')",
            "EXECUTE a (1); SELECT 1",
            "EXECUTE a (1",
            "EXECUTE a (1,)",
            "EXECUTE",
            "EXECUTE 'a'",
            "CREATE TABLE t AS EXECUTE a",
        ] {
            assert_eq!(execute(sql), None, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(rest in "[a-zé'\"$();,\\-+*/0-9 ]{0,40}") {
            _ = prepare(&format!("PREPARE {rest}"));
            _ = execute(&format!("EXECUTE {rest}"));
        }
    }
}
