//! Renames what SQL text names: the expressions that EXPLAIN writes, and statements.
//!
//! The text is not parsed: each word is judged by what stands beside it, so that whatever an extension writes is
//! renamed too. What looks like a name and is not known to be PostgreSQL's own does not stay.

use std::fmt::{self, Write};

use super::key::{Kind, is_word_character};
use super::names::Names;
use super::vocabulary::{
    is_builtin, is_builtin_collation, is_expression_word, is_made_up_alias, is_statement_word,
    is_subplan_label, is_system_column, type_words,
};
use crate::query::quote::is_reserved;
use crate::query::words::{Lexeme, Sort, lexemes, unquoted};

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// What EXPLAIN writes of an expression: keywords in upper case, names that need it in quotes, functions with
    /// their parenthesis.
    Expression,
    /// What somebody wrote.
    Statement,
    /// The tables of a foreign join, as in `(public.t a) INNER JOIN (public.u b)`.
    Relations,
    /// A list of schemas.
    SearchPath,
}

/// Returns a text with its names and constants replaced.
pub(super) fn rename(text: &str, notation: Notation, names: &mut Names) -> String {
    let output = String::with_capacity(text.len());
    let mut renaming =
        Renaming { lexemes: lexemes(text), at: 0, notation, names, output, parentheses: Vec::new() };
    renaming.run();
    renaming.output
}

struct Renaming<'a, 'n, 'k> {
    lexemes: Vec<Lexeme<'a>>,
    at: usize,
    notation: Notation,
    names: &'n mut Names<'k>,
    output: String,
    /// Whether each open parenthesis is that of CAST.
    parentheses: Vec<bool>,
}

impl<'a> Renaming<'a, '_, '_> {
    fn run(&mut self) {
        while let Some(lexeme) = self.lexemes.get(self.at).copied() {
            match lexeme.sort {
                // A replacement could not be told from what it touches, as in `$1x`.
                Sort::Word if self.output.ends_with(is_word_character) => self.constant(lexeme.text),
                Sort::Word | Sort::QuotedWord => {
                    self.chain();
                    continue;
                }
                Sort::Text => self.constant(lexeme.text),
                Sort::Number if matches!(self.text(self.before(self.at)), "SubPlan" | "InitPlan") => {
                    self.keep();
                }
                Sort::Number => {
                    let replacement = self.names.of(Kind::Literal, lexeme.text);
                    self.write_out(format_args!("'{replacement}'"));
                }
                Sort::Comment => self.comment(lexeme.text),
                Sort::Space => self.keep(),
                Sort::Symbol => {
                    match lexeme.text {
                        "(" => {
                            let is_cast = self.text(self.before(self.at)).eq_ignore_ascii_case("cast");
                            self.parentheses.push(is_cast);
                        }
                        ")" => _ = self.parentheses.pop(),
                        _ => {}
                    }
                    self.keep();
                }
            }
            self.at += 1;
        }
    }

    /// Writes the current piece as it is.
    fn keep(&mut self) {
        self.output.push_str(self.lexemes[self.at].text);
    }

    fn write_out(&mut self, text: fmt::Arguments) {
        self.output.write_fmt(text).expect("a String takes every text");
    }

    /// Returns the place of the last piece before a place that is neither space nor comment.
    fn before(&self, at: usize) -> Option<usize> {
        (0..at).rev().find(|at| self.lexemes[*at].is_solid())
    }

    /// Returns the place of the first piece behind a place that is neither space nor comment.
    fn behind(&self, at: usize) -> Option<usize> {
        (at + 1..self.lexemes.len()).find(|at| self.lexemes[*at].is_solid())
    }

    fn text(&self, at: Option<usize>) -> &'a str {
        at.and_then(|at| self.lexemes.get(at)).map_or("", |lexeme| lexeme.text)
    }

    /// Replaces a constant. The `%` around a pattern and the number of an array's elements stay: they decide how a
    /// condition can be executed.
    fn constant(&mut self, text: &str) {
        let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        if let Some(inner) = inner
            && let Some(elements) = inner.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
            && self.is_cast_to_array()
        {
            let elements = self.elements(elements);
            self.write_out(format_args!("'{{{elements}}}'"));
            return;
        }
        let bare = inner.map_or("", |inner| inner.trim_matches('%'));
        let (before, bare, behind) = match inner {
            Some(inner) if bare.len() < inner.len() && !bare.is_empty() => {
                let start = if inner.starts_with('%') { "%" } else { "" };
                let end = if inner.ends_with('%') { "%" } else { "" };
                (start, &inner[start.len()..inner.len() - end.len()], end)
            }
            _ => ("", text, ""),
        };
        let replacement = self.names.of(Kind::Literal, bare);
        self.write_out(format_args!("'{before}{replacement}{behind}'"));
    }

    /// Whether the current constant has `::type[]` behind it.
    fn is_cast_to_array(&self) -> bool {
        let mut pieces = self.lexemes[self.at + 1..].iter();
        pieces.next().is_some_and(|piece| piece.text == "::")
            && pieces
                .find(|piece| {
                    !piece.is_word()
                        && piece.sort != Sort::Number
                        && !matches!(piece.text, "." | " " | "(" | "," | ")")
                })
                .is_some_and(|piece| piece.text == "[")
    }

    /// Replaces the elements of an array's text; braces, commas and NULL stay.
    fn elements(&mut self, text: &str) -> String {
        let mut output = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = if matches!(first, '{' | '}' | ',') { 1 } else { element_length(rest) };
            let (element, behind) = rest.split_at(length);
            match element {
                "{" | "}" | "," | "NULL" => output.push_str(element),
                _ => output.push_str(&self.names.of(Kind::Literal, element)),
            }
            rest = behind;
        }
        output
    }

    fn comment(&mut self, text: &str) {
        let (start, inner, end) = match text.strip_prefix("/*").and_then(|rest| rest.strip_suffix("*/")) {
            Some(inner) => ("/*", inner, "*/"),
            None => ("--", text.strip_prefix("--").unwrap_or(text), ""),
        };
        if inner.chars().any(is_word_character) {
            let replacement = self.names.of(Kind::Other, inner);
            self.write_out(format_args!("{start}{replacement}{end}"));
        } else {
            self.output.push_str(text);
        }
    }

    /// Writes words that dots join, and goes on behind them.
    fn chain(&mut self) {
        let start = self.at;
        let mut parts = vec![start];
        while self.text(Some(self.at + 1)) == "."
            && self.lexemes.get(self.at + 2).is_some_and(Lexeme::is_word)
        {
            self.at += 2;
            parts.push(self.at);
        }
        let before = self.text(self.before(start));
        if before == "::" || (before.eq_ignore_ascii_case("as") && self.parentheses.last() == Some(&true)) {
            self.type_name(&parts);
        } else if before == "." {
            self.fields(&parts);
        } else if parts.len() == 1 && self.stays(start) {
            self.keep();
        } else if before == "COLLATE" {
            self.collation(&parts);
        } else if self.is_called(&parts) {
            self.function(&parts);
        } else {
            self.relation_or_column(&parts);
        }
        self.at += 1;
    }

    /// Returns the name at a place, and whether it is in quotes.
    fn name(&self, at: usize) -> (String, bool) {
        let lexeme = self.lexemes[at];
        (unquoted(lexeme.text), lexeme.sort == Sort::QuotedWord)
    }

    /// Returns the name at a place as the server knows it.
    fn folded(&self, at: usize) -> String {
        match self.name(at) {
            (name, true) => name,
            (name, false) => name.to_lowercase(),
        }
    }

    /// Writes words with their dots, each replaced as the name of its kind.
    fn write(&mut self, parts: &[usize], kinds: impl Fn(usize) -> Kind) {
        for (position, at) in parts.iter().enumerate() {
            let kind = kinds(position);
            let (name, is_quoted) = self.name(*at);
            let replacement = match kind {
                Kind::Alias => self.names.of_qualifier(&name, is_quoted),
                Kind::Column if is_system_column(&name) => name,
                _ => self.names.of_word(kind, &name, is_quoted),
            };
            self.write_word(position, &replacement, is_quoted);
        }
    }

    fn write_word(&mut self, position: usize, word: &str, is_quoted: bool) {
        let dot = if position > 0 { "." } else { "" };
        let quote = if is_quoted { "\"" } else { "" };
        self.write_out(format_args!("{dot}{quote}{word}{quote}"));
    }

    /// Writes the schema that stands before a name; returns whether the name is PostgreSQL's own by its schema or by
    /// having none.
    fn schema(&mut self, parts: &[usize]) -> bool {
        let qualifiers = &parts[..parts.len() - 1];
        self.write(qualifiers, |_| Kind::Schema);
        qualifiers.last().is_none_or(|at| self.folded(*at) == "pg_catalog")
    }

    /// Writes a type with the words and numbers that belong to it.
    fn type_name(&mut self, parts: &[usize]) {
        let is_own = self.schema(parts);
        let last = parts[parts.len() - 1];
        let (name, is_quoted) = self.name(last);
        let position = parts.len() - 1;
        if !is_own || !is_builtin(&self.folded(last)) {
            let replacement = self.names.of_word(Kind::Type, &name, is_quoted);
            self.write_word(position, &replacement, is_quoted);
            return;
        }
        self.write_word(position, &name, is_quoted);
        let words = type_words(&name.to_lowercase());
        while let Some(end) = self.end_of_modifier().or_else(|| self.end_of_type_word(words)) {
            while self.at < end {
                self.at += 1;
                self.keep();
            }
        }
    }

    /// Returns where `(10,2)` ends, if it comes next.
    fn end_of_modifier(&self) -> Option<usize> {
        if self.text(Some(self.at + 1)) != "(" {
            return None;
        }
        let end = (self.at + 2..self.lexemes.len()).find(|at| {
            let lexeme = self.lexemes[*at];
            lexeme.sort != Sort::Number && !matches!(lexeme.text, "," | " " | "-")
        })?;
        (self.lexemes[end].text == ")").then_some(end)
    }

    fn end_of_type_word(&self, words: &[&str]) -> Option<usize> {
        let next = self.behind(self.at)?;
        words.contains(&self.text(Some(next)).to_lowercase().as_str()).then_some(next)
    }

    /// Writes fields of a composite value; the columns of a subplan are PostgreSQL's.
    fn fields(&mut self, parts: &[usize]) {
        let is_column_of_subplan = |name: &str| {
            name.strip_prefix("col").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
                && self.is_behind_subplan(parts[0])
        };
        if parts.len() == 1 && is_column_of_subplan(self.text(Some(parts[0]))) {
            self.keep();
        } else {
            self.write(parts, |_| Kind::Column);
        }
    }

    /// Whether `(SubPlan 1).` stands before a place.
    fn is_behind_subplan(&self, at: usize) -> bool {
        let mut place = Some(at);
        let mut back = || {
            place = place.and_then(|place| self.before(place));
            self.text(place)
        };
        let [dot, parenthesis, _label, word] = [back(), back(), back(), back()];
        dot == "." && parenthesis == ")" && matches!(word, "SubPlan" | "InitPlan")
    }

    fn collation(&mut self, parts: &[usize]) {
        let is_own = self.schema(parts);
        let last = parts[parts.len() - 1];
        let (name, is_quoted) = self.name(last);
        let is_own = is_own && is_builtin_collation(&name);
        let name = if is_own { name } else { self.names.of_word(Kind::Other, &name, is_quoted) };
        self.write_word(parts.len() - 1, &name, is_quoted);
    }

    /// Whether a word alone is PostgreSQL's own.
    fn stays(&self, at: usize) -> bool {
        let (word, is_quoted) = self.name(at);
        if is_quoted {
            return is_made_up_alias(&word);
        }
        let folded = word.to_lowercase();
        let before = self.before(at);
        let behind = self.text(self.behind(at));
        if is_reserved(&folded) || self.is_of_subplan(&word, self.text(before), behind) {
            return true;
        }
        // The fields of EXTRACT are no column's.
        if self.text(before) == "("
            && self.text(before.and_then(|at| self.before(at))).eq_ignore_ascii_case("extract")
            && behind.eq_ignore_ascii_case("from")
        {
            return true;
        }
        match self.notation {
            Notation::Expression => word == word.to_uppercase() && is_expression_word(&folded),
            Notation::Statement | Notation::Relations => {
                let is_typed_constant =
                    behind.starts_with('\'') && is_builtin(&folded) && !self.is_known(&folded);
                is_typed_constant
                    || behind == "(" && is_expression_word(&folded) && !self.names_relation(at)
                    || (is_statement_word(&folded) || self.begins_statement(at, &folded))
                        && !self.is_known(&folded)
            }
            Notation::SearchPath => false,
        }
    }

    /// Whether a word is part of EXPLAIN's way to name subplans, as in `(hashed SubPlan 1)` and
    /// `(alternatives: SubPlan 1 or hashed SubPlan 2)`.
    fn is_of_subplan(&self, word: &str, before: &str, behind: &str) -> bool {
        self.notation == Notation::Expression
            && match word {
                "SubPlan" | "InitPlan" => true,
                "hashed" | "rescan" => behind == "SubPlan",
                "alternatives" => behind == ":",
                "returns" => behind.starts_with('$'),
                _ => matches!(before, "SubPlan" | "InitPlan") && is_subplan_label(word),
            }
    }

    /// Whether the word is the first of a statement.
    fn begins_statement(&self, at: usize, folded: &str) -> bool {
        matches!(folded, "begin" | "close" | "copy" | "declare" | "refresh" | "truncate")
            && matches!(self.text(self.before(at)), "" | ";")
    }

    fn is_called(&self, parts: &[usize]) -> bool {
        let last = parts[parts.len() - 1];
        match self.notation {
            Notation::Expression => self.text(Some(last + 1)) == "(",
            Notation::Statement => {
                let name = self.folded(last);
                // Aliases and CTEs may have a list of columns.
                let is_function = is_builtin(&name) || self.names.known(&[Kind::Function], &name).is_some();
                let is_other =
                    self.names.is_qualifier(&name) || self.names.known(&[Kind::Cte], &name).is_some();
                self.text(self.behind(last)) == "("
                    && !self.names_relation(parts[0])
                    && (is_function || !is_other)
            }
            Notation::Relations | Notation::SearchPath => false,
        }
    }

    fn function(&mut self, parts: &[usize]) {
        let is_own = self.schema(parts);
        let last = parts[parts.len() - 1];
        let (name, is_quoted) = self.name(last);
        let is_own = is_own && is_builtin(&self.folded(last));
        let name = if is_own { name } else { self.names.of_word(Kind::Function, &name, is_quoted) };
        self.write_word(parts.len() - 1, &name, is_quoted);
    }

    /// Whether a statement names a table here that it writes.
    fn names_relation(&self, at: usize) -> bool {
        matches!(self.text(self.before(at)).to_lowercase().as_str(), "into" | "update")
    }

    /// Whether the plan, or an earlier one, has a name like this word.
    fn is_known(&self, folded: &str) -> bool {
        const KINDS: [Kind; 6] =
            [Kind::Column, Kind::Table, Kind::Alias, Kind::Cte, Kind::Index, Kind::Schema];
        self.names.is_qualifier(folded) || self.names.known(&KINDS, folded).is_some()
    }

    fn relation_or_column(&mut self, parts: &[usize]) {
        let n_parts = parts.len();
        let is_open = self.text(Some(self.at + 1)) == ".";
        match self.notation {
            Notation::SearchPath => self.write(parts, |_| Kind::Schema),
            _ if is_open && self.is_operator(parts[0]) => self.write(parts, |_| Kind::Schema),
            Notation::Expression if self.is_defined() => self.write(parts, |_| Kind::Other),
            _ if self.text(self.before(parts[0])).eq_ignore_ascii_case("over") => {
                self.write(parts, |_| Kind::Other);
            }
            // `t.*` names no column.
            _ if is_open => self.write(parts, |position| qualifier(position, n_parts + 1)),
            Notation::Expression => self.write(parts, |position| qualifier(position, n_parts)),
            Notation::Statement | Notation::Relations => {
                let kinds = self.kinds(parts);
                self.write(parts, |position| kinds[position]);
            }
        }
    }

    /// Whether a place is the schema in `OPERATOR(schema.+)`.
    fn is_operator(&self, at: usize) -> bool {
        let parenthesis = self.before(at);
        self.text(parenthesis) == "("
            && self.text(parenthesis.and_then(|at| self.before(at))).eq_ignore_ascii_case("operator")
    }

    /// Whether the current word is the name in `w AS (…)`, a window or CTE.
    fn is_defined(&self) -> bool {
        let next = self.behind(self.at);
        self.text(next).eq_ignore_ascii_case("as")
            && self.text(next.and_then(|next| self.behind(next))) == "("
    }

    /// Says what names in a statement are, by the word before them and by what the plan has said of them.
    fn kinds(&self, parts: &[usize]) -> Vec<Kind> {
        let folded: Vec<String> = parts.iter().map(|at| self.folded(*at)).collect();
        let before = self.text(self.before(parts[0])).to_lowercase();
        let is_table_place =
            matches!(before.as_str(), "from" | "join" | "into" | "update" | "only" | "table")
                || self.notation == Notation::Relations;
        let relation = |name: &str| self.names.known(&[Kind::Table, Kind::Cte], name);
        match folded.as_slice() {
            [name] => {
                let other = || {
                    const KINDS: [Kind; 9] = [
                        Kind::Column,
                        Kind::Table,
                        Kind::Alias,
                        Kind::Cte,
                        Kind::Index,
                        Kind::Other,
                        Kind::Schema,
                        Kind::Function,
                        Kind::Type,
                    ];
                    if self.names.is_qualifier(name) && self.names.known(&[Kind::Column], name).is_none() {
                        return Some(Kind::Alias);
                    }
                    self.names.known(&KINDS, name)
                };
                let default = if is_table_place {
                    Kind::Table
                } else if self.is_defined() {
                    Kind::Cte
                } else {
                    Kind::Column
                };
                let known = if is_table_place { relation(name).or_else(other) } else { other() };
                vec![known.unwrap_or(default)]
            }
            [schema, table] if is_table_place || self.is_schema(schema) && relation(table).is_some() => {
                vec![Kind::Schema, relation(table).unwrap_or(Kind::Table)]
            }
            [_, _] => vec![Kind::Alias, Kind::Column],
            parts => (0..parts.len())
                .map(|position| match parts.len() - position {
                    1 => Kind::Column,
                    2 => Kind::Table,
                    _ => Kind::Schema,
                })
                .collect(),
        }
    }

    fn is_schema(&self, name: &str) -> bool {
        !self.names.is_qualifier(name) && self.names.known(&[Kind::Schema], name).is_some()
    }
}

/// Says what a part of `schema.table.column` is.
fn qualifier(position: usize, n_parts: usize) -> Kind {
    match n_parts - position {
        1 => Kind::Column,
        2 => Kind::Alias,
        _ => Kind::Schema,
    }
}

/// Returns the length of the first element of an array's text.
fn element_length(text: &str) -> usize {
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '{' | '}' | ',' if !is_quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::*;

    /// Renames with a plan in mind that scans `users` as `u`, and `orders`.
    fn check(notation: Notation, text: &str, expected: &str) {
        let mut key = Key::default();
        let mut names = Names::new(&mut key);
        for table in ["users", "orders"] {
            let replacement = names.of(Kind::Table, table);
            let alias = if table == "users" { "u" } else { table };
            names.of_alias(alias, Some((table, &replacement)));
        }
        names.of(Kind::Cte, "recent");
        names.of(Kind::Column, "id");
        assert_eq!(rename(text, notation, &mut names), expected);
    }

    #[test]
    fn renames_expressions() {
        for (text, expected) in [
            ("((u.id = orders.user_id) AND (u.id <> 5))", "((a1.c1 = t2.c2) AND (a1.c1 <> 'v1'))"),
            ("(\"Odd \"\"Name\"\"\" IS NOT NULL)", "(\"c2\" IS NOT NULL)"),
            ("u.*", "a1.*"),
            ("count(*) FILTER (WHERE (count > 1))", "count(*) FILTER (WHERE (c2 > 'v1'))"),
            ("PARTIAL sum((date)::numeric(10,2))", "PARTIAL sum((c2)::numeric(10,2))"),
            ("(x)::timestamp(3) without time zone", "(c2)::timestamp(3) without time zone"),
            ("('a'::character varying)::text", "('v1'::character varying)::text"),
            (
                "('1'::\"char\", 'a'::shop.\"Mood\", 'b'::\"Date\")",
                "('v1'::\"char\", 'v2'::s1.\"y1\", 'v3'::\"y2\")",
            ),
            ("shop.price(a, \"left\"(b, 2)) + public.lower(c)", "s1.f1(c2, \"left\"(c3, 'v1')) + s2.f2(c4)"),
            ("pg_catalog.lower(a) COLLATE \"C\"", "pg_catalog.lower(c2) COLLATE \"C\""),
            ("name COLLATE \"de_DE\" DESC NULLS LAST", "c2 COLLATE \"x1\" DESC NULLS LAST"),
            ("(a OPERATOR(shop.~~) b)", "(c2 OPERATOR(s1.~~) c3)"),
            ("EXTRACT(year FROM year)", "EXTRACT(year FROM c2)"),
            ("((pair).first = (row).\"B\")", "((c2).c3 = (c4).\"c5\")"),
            ("(ctid = '(0,1)'::tid)", "(ctid = 'v1'::tid)"),
            ("rank() OVER (?), rank() OVER w", "rank() OVER (?), rank() OVER x1"),
            ("w AS (PARTITION BY id)", "x1 AS (PARTITION BY c1)"),
            ("TRUE", "TRUE"),
            ("SECRET", "C2"),
        ] {
            check(Notation::Expression, text, expected);
        }
    }

    #[test]
    fn keeps_references_to_subplans() {
        for text in [
            "(NOT (hashed SubPlan 1))",
            "(alternatives: SubPlan 1 or hashed SubPlan 2)",
            "(InitPlan 1).col1",
            "InitPlan 1 (returns $0,$1)",
            "EXISTS(SubPlan exists_1)",
            "($0 = (InitPlan expr_12).col1)",
        ] {
            check(Notation::Expression, text, text);
        }
        check(Notation::Expression, "(hashed).col1", "(c2).c3");
    }

    #[test]
    fn renames_constants() {
        for (text, expected) in [
            ("'a', 'b', 'a', 1.5, E'\\'', $$x$$, B'01'", "'v1', 'v2', 'v1', 'v3', 'v4', 'v5', 'v6'"),
            ("(x ~~ '%a b%'::text) OR (x ~~ 'c%'::text)", "(c2 ~~ '%v1%'::text) OR (c2 ~~ 'v2%'::text)"),
            ("'%'", "'v1'"),
            ("'{1,\"a,}\\\"\",NULL,{2}}'::numeric(4,1)[]", "'{v1,v2,NULL,{v3}}'::numeric(4,1)[]"),
            ("'{\"a\": 1}'::jsonb", "'v1'::jsonb"),
            ("'{}'::text[]", "'{}'::text[]"),
            ("(a = 'cut off", "(c2 = 'v1'"),
        ] {
            check(Notation::Expression, text, expected);
        }
    }

    #[test]
    fn renames_statements() {
        for (text, expected) in [
            (
                "select U.id, o.Total from USERS u join shop.orders o using (id) where note = 'x' -- why\n",
                "select A1.c1, a2.C2 from T1 a1 join s1.t2 a2 using (c1) where c3 = 'v1' --x1\n",
            ),
            (
                "WITH recent(a) AS (SELECT 1), inlined AS (SELECT 2)",
                "WITH w1(c2) AS (SELECT 'v1'), w2 AS (SELECT 'v2')",
            ),
            (
                "INSERT INTO orders(id) VALUES (cast($1 as text))",
                "INSERT INTO t2(c1) VALUES (cast($1 as text))",
            ),
            (
                "/*+ SeqScan(u) */ UPDATE ONLY shop.pay SET id = date '2020-01-01'",
                "/*x1*/ UPDATE ONLY s1.t3 SET c1 = date 'v1'",
            ),
            (
                "SELECT lower (a), price (b), u.* FROM f(1) u(x)",
                "SELECT lower (c2), f1 (c3), a1.* FROM f2('v1') a1(c4)",
            ),
            ("SELECT text AS text FROM data.users", "SELECT c2 AS c2 FROM s1.t1"),
        ] {
            check(Notation::Statement, text, expected);
        }
        check(Notation::Relations, "(public.users u) INNER JOIN (remote b)", "(s1.t1 a1) INNER JOIN (t3 t4)");
        check(
            Notation::SearchPath,
            "\"$user\", public, \"Sales Dept\", pg_catalog",
            "\"$user\", s1, \"s2\", pg_catalog",
        );
    }
}
