//! Conditions of constraints and predicates, read into a [`formula`].

pub(crate) mod bound;
pub(crate) mod formula;
mod inline;
pub(crate) mod literal;
mod reader;
mod term;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::words::{Sort, lexemes};
use super::{condition, grammar, quote};
pub(crate) use bound::{Bound, Edge, bound};
pub(crate) use formula::{Comparison, Formula, Function, Limit, Opaque, Pattern, PatternKind, Term, Test};
pub(crate) use inline::SqlFunction;
pub(crate) use literal::Literal;

/// A CHECK constraint, of a table or of a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    /// The condition in SQL, without `CHECK ( )` around it; of a domain, with the column in the place of VALUE.
    pub(crate) sql: String,
    pub(crate) columns: Vec<String>,
    pub(crate) formula: Formula,
}

/// Reads a definition as `pg_get_constraintdef` prints it. What cannot be understood is opaque, part by part. Calls of
/// `functions` are written out where that leaves nothing opaque.
pub(crate) fn check(name: &str, definition: &str, functions: &[SqlFunction]) -> Check {
    let sql = inside(definition).to_owned();
    let formula = predicate(&sql, functions);
    Check { name: name.to_owned(), columns: formula.columns(), sql, formula }
}

/// Reads the definition of a domain's constraint for a column of the domain.
pub(crate) fn of_domain(name: &str, definition: &str, column: &str, functions: &[SqlFunction]) -> Check {
    let of_column: String = lexemes(definition)
        .into_iter()
        .map(|lexeme| match lexeme.sort {
            Sort::Word if lexeme.text == "VALUE" => quote::quote_identifier(column),
            _ => lexeme.text.to_owned(),
        })
        .collect();
    check(name, &of_column, functions)
}

/// Reads a condition, such as the predicate of an index.
pub(crate) fn predicate(sql: &str, functions: &[SqlFunction]) -> Formula {
    let Some(expr) = grammar::expression(sql) else {
        let parts = condition::conjuncts(sql);
        return match parts[..] {
            [part] => Formula::Opaque(Opaque { sql: part.to_owned(), columns: words(part) }),
            _ => Formula::all(parts.into_iter().map(|part| predicate(part, functions)).collect()),
        };
    };
    let formula = reader::formula(&expr);
    if !formula.opaque().is_empty()
        && let Some(inlined) = inline::inlined(&expr, functions)
    {
        let inlined = reader::formula(&inlined);
        if inlined.opaque().is_empty() {
            return inlined;
        }
    }
    match formula {
        // As PostgreSQL wrote it.
        Formula::Opaque(opaque) => Formula::Opaque(Opaque { sql: sql.to_owned(), ..opaque }),
        other => other,
    }
}

/// Returns the constants in an expression as text, each once.
pub(crate) fn constants(sql: &str) -> Vec<String> {
    let mut constants: Vec<String> = Vec::new();
    for lexeme in lexemes(sql) {
        let text = match lexeme.sort {
            Sort::Number => lexeme.text.to_owned(),
            Sort::Text => {
                let Some(text) = lexeme.text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''))
                else {
                    continue;
                };
                text.replace("''", "'")
            }
            _ => continue,
        };
        if !constants.contains(&text) {
            constants.push(text);
        }
    }
    constants
}

/// Returns what stands in the parentheses behind CHECK, or all of a text without it.
fn inside(definition: &str) -> &str {
    let Some(rest) = definition.trim().strip_prefix("CHECK (") else { return definition };
    // `NO INHERIT`, `NOT VALID` and `NOT ENFORCED` may follow.
    let end = [
        "",
        " NO INHERIT",
        " NOT VALID",
        " NO INHERIT NOT VALID",
        " NOT ENFORCED",
        " NO INHERIT NOT ENFORCED",
    ];
    end.into_iter().find_map(|end| rest.strip_suffix(end)?.strip_suffix(')')).unwrap_or(rest)
}

/// Returns the words of a text that could not be parsed, each once: some of them are its columns.
fn words(sql: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for lexeme in lexemes(sql).iter().filter(|lexeme| lexeme.is_word()) {
        let name = match lexeme.sort {
            Sort::QuotedWord => lexeme.text.trim_matches('"').replace("\"\"", "\""),
            _ => lexeme.text.to_lowercase(),
        };
        if !words.contains(&name) {
            words.push(name);
        }
    }
    words
}
