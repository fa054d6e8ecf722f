//! An index's name, made of what it is.

use super::{Definition, Method};
use crate::index::change::name::{MAX_NAME_BYTES, shortened};
use crate::query::Operand;
use crate::query::words::{Lexeme, Sort, lexemes, unquoted};
use crate::random;

/// How a name says an operator; others are told apart by a hash. `->>` is the common way into a document and `AND`
/// the common way to join, so they need no word.
const SPOKEN: [(&str, &str); 25] = [
    ("=", ""),
    ("->>", ""),
    ("and", ""),
    ("<>", "not"),
    ("!=", "not"),
    ("<", "lt"),
    ("<=", "le"),
    (">", "gt"),
    (">=", "ge"),
    ("->", "json"),
    ("#>", "at"),
    ("#>>", "text_at"),
    ("@>", "contains"),
    ("<@", "in"),
    ("&&", "overlaps"),
    ("?", "has"),
    ("@@", "matches"),
    ("||", "concat"),
    ("+", "plus"),
    ("-", "minus"),
    ("*", "times"),
    ("/", "by"),
    ("%", "mod"),
    ("~", "regex"),
    ("~~", "like"),
];

impl Definition {
    /// Returns a name that depends on the definition alone, in the manner of PostgreSQL's own names.
    pub(crate) fn name(&self) -> String {
        let mut parts = vec![self.table.clone()];
        let mut lost = String::new();
        let mut spoken = |sql: &str| {
            let (words, is_exact) = words(sql);
            if !is_exact {
                lost.push_str(sql);
            }
            words
        };
        for key in &self.keys {
            parts.extend(match &key.operand {
                Operand::Column(column) => vec![column.clone()],
                Operand::Expression { sql, .. } => spoken(sql),
            });
            if let Some(collation) = &key.collation {
                parts.extend(spoken(&last_part(collation).to_lowercase()));
            }
            parts.extend(key.opclass.clone());
            parts.extend(key.descending.then(|| "desc".to_owned()));
            if key.nulls_first != key.descending {
                parts.push(if key.nulls_first { "nulls_first" } else { "nulls_last" }.to_owned());
            }
        }
        if !self.include.is_empty() {
            parts.push("include".to_owned());
            parts.extend(self.include.iter().cloned());
        }
        if let Some(predicate) = &self.predicate {
            parts.push("where".to_owned());
            parts.extend(match predicate.as_null_test() {
                Some((column, true)) => vec![format!("{column}_null")],
                Some((column, false)) => vec![format!("{column}_not_null")],
                None => spoken(&predicate.sql),
            });
        }
        if self.method != Method::Btree {
            parts.push(self.method.name().to_owned());
        }
        if !lost.is_empty() {
            parts.push(format!("{:04x}", random::substream(0, &lost) >> 48));
        }
        let name = format!("{}_idx", parts.join("_"));
        if name.len() <= MAX_NAME_BYTES {
            return name;
        }
        shortened(&name, &format!("_{:08x}_idx", random::substream(0, &name) >> 32))
    }
}

/// Returns the words of an expression as in a name, and whether they say all of it: `data`, `category` for
/// `(data ->> 'category'::text)`.
fn words(sql: &str) -> (Vec<String>, bool) {
    let mut words = Vec::new();
    let mut is_exact = true;
    let mut before: [&str; 2] = [""; 2];
    for lexeme in lexemes(sql).into_iter().filter(Lexeme::is_solid) {
        let lower = lexeme.text.to_lowercase();
        // What a constant is cast to hardly ever tells two expressions apart.
        let is_of_constant = before[1] == "::" && before[0].ends_with('\'');
        before = [before[1], lexeme.text];
        if is_of_constant || matches!(lexeme.text, "::" | "(" | ")" | ",") {
            continue;
        }
        if let Some((_, word)) = SPOKEN.iter().find(|(operator, _)| *operator == lower) {
            words.extend((!word.is_empty()).then(|| (*word).to_owned()));
        } else if lexeme.sort == Sort::Symbol {
            is_exact = false;
        } else {
            let bare = if lexeme.sort == Sort::Word { lower } else { unquoted(lexeme.text) };
            let bare = bare.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(&bare);
            let is_plain = |c: char| c.is_alphanumeric() || c == '_';
            is_exact &= !bare.is_empty() && bare.chars().all(is_plain);
            let pieces = bare.split(|c| !is_plain(c)).filter(|piece| !piece.is_empty());
            words.extend(pieces.map(str::to_owned));
        }
    }
    (words, is_exact)
}

/// The name of a name that may be qualified: `"C"` of `pg_catalog."C"`.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
