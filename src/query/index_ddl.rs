//! Reads CREATE INDEX, DROP INDEX and REINDEX INDEX, as people and `pg_get_indexdef` write them.

use super::quote;
use super::words::{Lexeme, Sort, lexemes};
use super::{same_expression, split};

/// A statement that changes the set of indexes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum IndexStatement {
    Create(IndexDdl),
    Drop(Vec<RelationName>),
    Reindex(RelationName),
}

/// A relation's name as it is written: the schema may be left to the search path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelationName {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// What a CREATE INDEX says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexDdl {
    pub(crate) name: Option<String>,
    pub(crate) table: RelationName,
    pub(crate) is_unique: bool,
    /// In lower case.
    pub(crate) method: String,
    pub(crate) keys: Vec<IndexDdlKey>,
    pub(crate) include: Vec<String>,
    pub(crate) nulls_not_distinct: bool,
    /// Storage parameters as `name=value`, in order of their names.
    pub(crate) options: Vec<String>,
    pub(crate) predicate: Option<String>,
    /// All that follows the table's name, as it is written.
    pub(crate) body: String,
}

/// A key of a CREATE INDEX.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexDdlKey {
    /// `None` for an expression.
    pub(crate) column: Option<String>,
    /// The column or expression, without the parentheses around it.
    pub(crate) sql: String,
    pub(crate) collation: Option<String>,
    /// With its parameters.
    pub(crate) opclass: Option<String>,
    /// Both as they are written, with their schemas.
    pub(crate) collation_sql: Option<String>,
    pub(crate) opclass_sql: Option<String>,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// Why a text is no such statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct IndexDdlError {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// Parts of the names of operator classes that are not their type's default although it has one (`pg_opclass`,
/// version 18). `pg_get_indexdef` leaves a default one out, so that only these tell two indexes apart.
const NEVER_DEFAULT: [&str; 7] = [
    "_pattern_ops",
    "_image_ops",
    "_path_ops",
    "_bloom_ops",
    "_minmax_multi_ops",
    "kd_point_ops",
    "intbig_ops",
];

/// Reads a script of such statements, each with the line that it begins in. ANALYZE, which scripts have after the build of an
/// index with expressions, says nothing of indexes.
pub(crate) fn index_script(script: &str) -> Result<Vec<(usize, IndexStatement)>, IndexDdlError> {
    let statements = split(script).map_err(|error| IndexDdlError { line: 1, reason: error.to_string() })?;
    let mut read = Vec::new();
    let mut from = 0;
    for statement in statements {
        // The pieces are parts of the script, in its order.
        let at = script[from..].find(statement).map_or(from, |at| from + at);
        from = at + statement.len();
        let words = lexemes(statement).into_iter().filter(|it| it.sort == Sort::Word);
        if words.map(|it| it.text).next().is_some_and(|word| word.eq_ignore_ascii_case("analyze")) {
            continue;
        }
        let line = script[..at].matches('\n').count() + 1;
        let statement = index_statement(statement).map_err(|reason| IndexDdlError { line, reason })?;
        read.push((line, statement));
    }
    Ok(read)
}

/// Reads one statement, without its semicolon.
pub(crate) fn index_statement(sql: &str) -> Result<IndexStatement, String> {
    let pieces: Vec<Lexeme> = lexemes(sql).into_iter().filter(|it| it.sort != Sort::Comment).collect();
    let mut reader = Reader { pieces: &pieces, at: 0 };
    let statement = if reader.takes("create") {
        reader.create().map(IndexStatement::Create)
    } else if reader.takes("drop") {
        reader.drop_index().map(IndexStatement::Drop)
    } else if reader.takes("reindex") {
        reader.reindex().map(IndexStatement::Reindex)
    } else {
        None
    };
    match statement {
        Some(statement) if reader.peek().is_none() => Ok(statement),
        _ => Err(match reader.peek() {
            Some(piece) => format!("no CREATE INDEX, DROP INDEX or REINDEX INDEX: at {:?}", piece.text),
            None => "no whole CREATE INDEX, DROP INDEX or REINDEX INDEX".to_owned(),
        }),
    }
}

/// Reads a CREATE INDEX alone.
pub(crate) fn index_ddl(sql: &str) -> Option<IndexDdl> {
    match index_statement(sql) {
        Ok(IndexStatement::Create(ddl)) => Some(ddl),
        _ => None,
    }
}

impl IndexDdl {
    /// Whether both say the same index, name, table and tablespace aside.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same_key = |(a, b): (&IndexDdlKey, &IndexDdlKey)| {
            a.column == b.column
                && (a.column.is_some() || same_expression(&a.sql, &b.sql))
                && a.collation == b.collation
                && same_opclass(a.opclass.as_deref(), b.opclass.as_deref())
                && (a.descending, a.nulls_first) == (b.descending, b.nulls_first)
        };
        self.is_unique == other.is_unique
            && self.method == other.method
            && self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(same_key)
            && self.include == other.include
            && self.nulls_not_distinct == other.nulls_not_distinct
            && self.options == other.options
            && match (&self.predicate, &other.predicate) {
                (None, None) => true,
                (Some(a), Some(b)) => same_expression(a, b),
                _ => false,
            }
    }

    pub(crate) fn has_expression(&self) -> bool {
        self.keys.iter().any(|key| key.column.is_none())
    }

    /// Returns the statement that builds it on a table under a name; `how` is `CONCURRENTLY `, or nothing.
    pub(crate) fn create(&self, how: &str, name: &str, on: &str) -> String {
        let unique = if self.is_unique { "UNIQUE " } else { "" };
        format!("CREATE {unique}INDEX {how}{} ON {on} {}", quote::identifier(name), self.body)
    }
}

fn same_opclass(a: Option<&str>, b: Option<&str>) -> bool {
    let is_told = |opclass: &str| NEVER_DEFAULT.iter().any(|part| opclass.contains(part));
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        (Some(one), None) | (None, Some(one)) => !is_told(one),
        (None, None) => true,
    }
}

/// Goes through the pieces of a statement.
struct Reader<'p, 's> {
    pieces: &'p [Lexeme<'s>],
    at: usize,
}

impl<'p, 's> Reader<'p, 's> {
    fn peek(&self) -> Option<&'p Lexeme<'s>> {
        self.pieces[self.at..].iter().find(|piece| piece.is_solid())
    }

    fn next(&mut self) -> Option<&'p Lexeme<'s>> {
        let offset = self.pieces[self.at..].iter().position(Lexeme::is_solid)?;
        self.at += offset + 1;
        self.pieces.get(self.at - 1)
    }

    /// Goes past a keyword or symbol if it is next.
    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.peek().is_some_and(|piece| is(piece, word));
        if is_next {
            self.next();
        }
        is_next
    }

    fn takes_all(&mut self, words: &[&str]) -> bool {
        let start = self.at;
        let all = words.iter().all(|word| self.takes(word));
        if !all {
            self.at = start;
        }
        all
    }

    fn create(&mut self) -> Option<IndexDdl> {
        let is_unique = self.takes("unique");
        self.takes("index").then_some(())?;
        self.takes("concurrently");
        self.takes_all(&["if", "not", "exists"]);
        let name =
            if self.peek().is_some_and(|piece| is(piece, "on")) { None } else { Some(self.identifier()?) };
        self.takes("on").then_some(())?;
        self.takes("only");
        let table = self.relation()?;
        let body_start = self.at;
        let method = if self.takes("using") { self.identifier()?.to_lowercase() } else { "btree".to_owned() };
        let keys = self.group()?;
        let keys = split_at_commas(keys).into_iter().map(key).collect::<Option<Vec<_>>>()?;
        let include = if self.takes("include") {
            let columns = split_at_commas(self.group()?);
            columns.into_iter().map(|pieces| Reader { pieces, at: 0 }.identifier()).collect::<Option<_>>()?
        } else {
            Vec::new()
        };
        let nulls_not_distinct = self.takes_all(&["nulls", "not", "distinct"]);
        self.takes_all(&["nulls", "distinct"]);
        let mut options = Vec::new();
        if self.takes("with") {
            options.extend(split_at_commas(self.group()?).into_iter().map(|pieces| option(&text(pieces))));
            options.sort();
        }
        if self.takes("tablespace") {
            self.identifier()?;
        }
        let predicate = if self.takes("where") {
            let start = self.at;
            self.at = self.pieces.len();
            Some(bare(&self.pieces[start..])).filter(|sql| !sql.is_empty())
        } else {
            None
        };
        let body = text(&self.pieces[body_start..self.at]);
        let is_whole = !keys.is_empty();
        is_whole.then_some(IndexDdl {
            name,
            table,
            is_unique,
            method,
            keys,
            include,
            nulls_not_distinct,
            options,
            predicate,
            body,
        })
    }

    fn drop_index(&mut self) -> Option<Vec<RelationName>> {
        self.takes("index").then_some(())?;
        self.takes("concurrently");
        self.takes_all(&["if", "exists"]);
        let mut names = vec![self.relation()?];
        while self.takes(",") {
            names.push(self.relation()?);
        }
        // RESTRICT is the default; with CASCADE more would go than an index.
        self.takes("restrict");
        Some(names)
    }

    fn reindex(&mut self) -> Option<RelationName> {
        self.takes_all(&["(", "concurrently", ")"]);
        self.takes("index").then_some(())?;
        self.takes("concurrently");
        self.relation()
    }

    fn relation(&mut self) -> Option<RelationName> {
        let first = self.identifier()?;
        if self.takes(".") {
            return Some(RelationName { schema: Some(first), name: self.identifier()? });
        }
        Some(RelationName { schema: None, name: first })
    }

    fn identifier(&mut self) -> Option<String> {
        let piece = self.peek()?;
        let name = match piece.sort {
            Sort::Word => piece.text.to_lowercase(),
            Sort::QuotedWord => unquoted(piece.text)?,
            _ => return None,
        };
        self.next();
        Some(name)
    }

    /// Returns what stands between the parentheses that come next.
    fn group(&mut self) -> Option<&'p [Lexeme<'s>]> {
        self.takes("(").then_some(())?;
        let start = self.at;
        let mut depth = 1;
        while let Some(piece) = self.next() {
            match piece.text {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(&self.pieces[start..self.at - 1]);
            }
        }
        None
    }
}

fn is(piece: &Lexeme, word: &str) -> bool {
    matches!(piece.sort, Sort::Word | Sort::Symbol) && piece.text.eq_ignore_ascii_case(word)
}

fn unquoted(text: &str) -> Option<String> {
    Some(text.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\""))
}

fn text(pieces: &[Lexeme]) -> String {
    let text: String = pieces.iter().map(|piece| piece.text).collect();
    text.trim().to_owned()
}

/// Returns an expression without the parentheses around all of it.
fn bare(pieces: &[Lexeme]) -> String {
    let mut reader = Reader { pieces, at: 0 };
    match reader.group() {
        Some(inner) if reader.peek().is_none() => bare(inner),
        _ => text(pieces),
    }
}

fn split_at_commas<'p, 's>(pieces: &'p [Lexeme<'s>]) -> Vec<&'p [Lexeme<'s>]> {
    let mut depth = 0;
    pieces
        .split(|piece| {
            match piece.text {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                _ => {}
            }
            depth == 0 && piece.text == ","
        })
        .collect()
}

fn option(sql: &str) -> String {
    let (name, value) = sql.split_once('=').unwrap_or((sql, "true"));
    format!("{}={}", name.trim().to_lowercase(), value.trim().trim_matches('\'').to_lowercase())
}

fn key(pieces: &[Lexeme]) -> Option<IndexDdlKey> {
    let mut reader = Reader { pieces, at: 0 };
    let start = reader.at;
    let mut column = None;
    let sql = if reader.peek()?.text == "(" {
        bare(reader.group()?)
    } else {
        let name = reader.relation()?;
        if reader.peek().is_some_and(|piece| piece.text == "(") {
            reader.group()?;
            text(&pieces[start..reader.at])
        } else {
            // A qualified name is no column of an index.
            name.schema.is_none().then_some(())?;
            column.insert(name.name).clone()
        }
    };
    let mut collation = None;
    let mut collation_sql = None;
    if reader.takes("collate") {
        let start = reader.at;
        collation = Some(reader.qualified()?);
        collation_sql = Some(text(&pieces[start..reader.at]));
    }
    let mut opclass = None;
    let opclass_start = reader.at;
    let is_order = |piece: &Lexeme| ["asc", "desc", "nulls"].iter().any(|word| is(piece, word));
    if reader.peek().is_some_and(|piece| !is_order(piece)) {
        let name = reader.qualified()?;
        let parameters = reader.peek().is_some_and(|piece| piece.text == "(").then(|| reader.group());
        opclass = Some(match parameters {
            Some(parameters) => {
                let all: Vec<String> =
                    split_at_commas(parameters?).into_iter().map(|it| option(&text(it))).collect();
                format!("{name} ({})", all.join(", "))
            }
            None => name,
        });
    }
    let opclass_sql = opclass.is_some().then(|| text(&pieces[opclass_start..reader.at]));
    let descending = reader.takes("desc");
    if !descending {
        reader.takes("asc");
    }
    let nulls_first = if reader.takes_all(&["nulls", "first"]) {
        true
    } else if reader.takes_all(&["nulls", "last"]) {
        false
    } else {
        descending
    };
    reader.peek().is_none().then_some(IndexDdlKey {
        column,
        sql,
        collation,
        opclass,
        collation_sql,
        opclass_sql,
        descending,
        nulls_first,
    })
}

impl Reader<'_, '_> {
    /// The last part of a name that may be qualified: `pg_catalog."C"` is `C`.
    fn qualified(&mut self) -> Option<String> {
        self.relation().map(|name| name.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ddl(sql: &str) -> IndexDdl {
        index_ddl(sql).unwrap_or_else(|| panic!("{sql}: {:?}", index_statement(sql)))
    }

    #[test]
    fn reads_what_people_and_the_server_write() {
        let read = ddl(r#"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "My idx" ON ONLY app.t USING btree
               (lower(a), (b || c) COLLATE "C" text_pattern_ops DESC NULLS LAST, d) INCLUDE (e, "F")
               NULLS NOT DISTINCT WITH (fillfactor='70') TABLESPACE fast WHERE (x IS NULL)"#);
        assert_eq!(read.name.as_deref(), Some("My idx"));
        assert_eq!(read.table, RelationName { schema: Some("app".to_owned()), name: "t".to_owned() });
        assert!(read.is_unique && read.nulls_not_distinct && read.has_expression());
        assert_eq!(read.keys[0].sql, "lower(a)");
        let second = &read.keys[1];
        assert_eq!((second.sql.as_str(), second.collation.as_deref()), ("b || c", Some("C")));
        assert_eq!(second.opclass.as_deref(), Some("text_pattern_ops"));
        assert_eq!((second.descending, second.nulls_first), (true, false));
        let written =
            ddl("CREATE INDEX ON t USING gist (a COLLATE pg_catalog.\"C\" ext.trgm_ops (siglen='32') DESC)");
        assert_eq!(written.keys[0].collation_sql.as_deref(), Some("pg_catalog.\"C\""));
        assert_eq!(written.keys[0].opclass_sql.as_deref(), Some("ext.trgm_ops (siglen='32')"));
        assert_eq!(read.keys[2].column.as_deref(), Some("d"));
        assert_eq!(read.include, ["e", "F"]);
        assert_eq!(read.options, ["fillfactor=70"]);
        assert_eq!(read.predicate.as_deref(), Some("x IS NULL"));
        assert!(
            read.create("CONCURRENTLY ", "n", "app.t")
                .starts_with("CREATE UNIQUE INDEX CONCURRENTLY n ON app.t USING btree\n")
        );
    }

    #[test]
    fn compares_what_is_indexed() {
        let same = |a: &str, b: &str, expected: bool| {
            let (a, b) = (format!("CREATE INDEX i ON {a}"), format!("CREATE INDEX j ON {b}"));
            assert_eq!(ddl(&a).is_same(&ddl(&b)), expected, "{a} and {b}");
            assert_eq!(ddl(&b).is_same(&ddl(&a)), expected, "{b} and {a}");
        };
        same("t (a, b)", "public.t USING btree (a, b)", true);
        same("t (a, b)", "t (b, a)", false);
        same("t (a DESC)", "t USING btree (a DESC NULLS FIRST)", true);
        same("t (a DESC)", "t (a DESC NULLS LAST)", false);
        same("t (a) WHERE status = 'x'", "t USING btree (a) WHERE ((status)::text = 'x'::text)", true);
        same("t (a) WHERE b", "t (a)", false);
        same("t ((data ->> 'k'))", "t USING btree (((data ->> 'k'::text)))", true);
        same("t (lower(a))", "t (upper(a))", false);
        same("t (a text_ops)", "t (a)", true);
        same("t (a text_pattern_ops)", "t (a)", false);
        same("t (a) WITH (fillfactor = 70)", "t (a) WITH (fillfactor='70')", true);
        same("t (a) WITH (fillfactor = 70)", "t (a)", false);
        same("t (a COLLATE \"C\")", "t (a)", false);
        same("t USING gin (a)", "t (a)", false);
        same("t (a) INCLUDE (b)", "t (a) INCLUDE (c)", false);
        assert!(!ddl("CREATE UNIQUE INDEX ON t (a)").is_same(&ddl("CREATE INDEX ON t (a)")));
    }

    #[test]
    fn reads_scripts_and_says_where_they_are_wrong() {
        let script = "-- first\nCREATE INDEX ON t (a);\n\nDROP INDEX CONCURRENTLY IF EXISTS s.a, \"B\";\nREINDEX INDEX CONCURRENTLY c;";
        let read = index_script(script).unwrap();
        assert_eq!(read.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4, 5]);
        assert!(
            matches!(&read[1].1, IndexStatement::Drop(names) if names.len() == 2 && names[1].name == "B")
        );
        for (script, line) in [
            ("CREATE TABLE t (a int)", 1),
            ("DROP INDEX a;\n\nDROP TABLE t", 3),
            ("DROP INDEX a CASCADE", 1),
            ("CREATE INDEX i ON t", 1),
            ("CREATE INDEX i ON t ()", 1),
            ("CREATE INDEX i ON t (a) nonsense", 1),
            ("CREATE INDEX i ON t (a", 1),
            ("REINDEX TABLE t", 1),
            ("SELECT 'open", 1),
        ] {
            assert_eq!(index_script(script).unwrap_err().line, line, "{script}");
        }
        for script in ["-- nothing\n", "-- after a build\nANALYZE public.t;"] {
            assert!(index_script(script).unwrap().is_empty(), "{script}");
        }
    }
}
