//! Numbers for statements: each text is written once, however often it runs.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::normal::{Normal, Numbers, normal};
use super::{Fingerprint, Statement, StatementId, Value};

/// Texts that are remembered. Beyond that all are forgotten and get new numbers, so that memory stays bounded.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What a trace has seen of statements so far.
pub(crate) struct Statements {
    fingerprint: fn(&str) -> Fingerprint,
    redaction: Option<Redaction>,
    /// By text without constants, and types.
    known: HashMap<String, Vec<(Vec<u32>, StatementId)>>,
    /// By text as sent, of those that are sent again and again: no constants, no call site.
    exact: HashMap<Box<str>, Exact>,
    n_bytes: usize,
    n_seen: u64,
}

/// What a text as sent stands for.
struct Exact {
    text: String,
    n_bound: usize,
}

/// A statement as it ran.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) id: StatementId,
    /// To be written before anything that names the number; `None` when it is.
    pub(crate) new: Option<Statement>,
    /// How many parameters the client binds; the constants follow.
    pub(crate) n_bound: usize,
    pub(crate) constants: Vec<Value>,
    pub(crate) tags: Vec<(String, String)>,
}

/// How values are left out. Who does not have the key cannot try values until one fits.
#[derive(Clone, Copy)]
pub(crate) struct Redaction {
    pub(crate) key: [u64; 2],
}

impl Redaction {
    /// A short hash of a value that is there: never 0, and of what was left out by the same key that of the value.
    pub(crate) fn hash(self, value: &Value) -> Option<u32> {
        let left_out = match value {
            Value::Text(text) => self.number(text.as_bytes()),
            Value::Literal(text) => self.number(unquoted(text).as_bytes()),
            Value::Redacted(_) => value.clone(),
            Value::Null | Value::Missing | Value::Binary(_) | Value::Cut { .. } => return None,
        };
        let Value::Redacted(number) = left_out else { return None };
        // The lower half of both halves' difference.
        u32::try_from((number ^ (number >> 32)) & u64::from(u32::MAX)).ok().map(|hash| hash.max(1))
    }

    fn number(self, bytes: &[u8]) -> Value {
        let mut hasher = DefaultHasher::new();
        self.key.hash(&mut hasher);
        bytes.hash(&mut hasher);
        Value::Redacted(hasher.finish())
    }
}

impl Statements {
    /// `fingerprint` says which texts are the same statement; it is asked once for each text.
    pub(crate) fn new(fingerprint: fn(&str) -> Fingerprint, redaction: Option<Redaction>) -> Self {
        Self { fingerprint, redaction, known: HashMap::new(), exact: HashMap::new(), n_bytes: 0, n_seen: 0 }
    }

    /// Returns the number of a statement that runs; `types` are those of its bound parameters, as far as known.
    pub(crate) fn see(&mut self, sql: &str, types: &[u32]) -> Seen {
        if let Some(Exact { text, n_bound }) = self.exact.get(sql)
            && let Some(ids) = self.known.get(text)
            && let Some((_, id)) = ids.iter().find(|(known, _)| known == types)
        {
            return Seen { id: *id, new: None, n_bound: *n_bound, constants: Vec::new(), tags: Vec::new() };
        }
        let numbers = if self.redaction.is_some() { Numbers::All } else { Numbers::OfQueries };
        let Normal { text, constants, tags, n_bound } = normal(sql, types.len(), numbers);
        let is_exact = constants.is_empty() && tags.is_empty();
        self.make_room(if is_exact { sql.len() + 2 * text.len() } else { 0 });
        if is_exact {
            self.exact.insert(sql.into(), Exact { text: text.clone(), n_bound });
        }
        let known = self.known.get(&text).and_then(|ids| ids.iter().find(|(known, _)| known == types));
        let (id, new) = match known {
            Some((_, id)) => (*id, None),
            None => self.add(text, types),
        };
        let constants = constants.into_iter().map(|value| self.redacted(value)).collect();
        Seen { id, new, n_bound, constants, tags }
    }

    /// Returns a value as it may be written.
    pub(crate) fn redacted(&self, value: Value) -> Value {
        let Some(redaction) = self.redaction else { return value };
        match &value {
            Value::Null | Value::Missing | Value::Redacted(_) => value,
            Value::Text(text) => redaction.number(text.as_bytes()),
            // As the server reads it, so that `'a'` and a bound `a` are equal.
            Value::Literal(text) => redaction.number(unquoted(text).as_bytes()),
            Value::Binary(bytes) => redaction.number(bytes),
            Value::Cut { start, .. } => redaction.number(start),
        }
    }

    fn add(&mut self, text: String, types: &[u32]) -> (StatementId, Option<Statement>) {
        self.n_seen += 1;
        let id = StatementId(self.n_seen);
        self.n_bytes += text.len() + 4 * types.len() + size_of::<StatementId>();
        let fingerprint = (self.fingerprint)(&text);
        self.known.entry(text.clone()).or_default().push((types.to_vec(), id));
        (id, Some(Statement { id, text, fingerprint, parameter_types: types.to_vec() }))
    }

    fn make_room(&mut self, n_bytes: usize) {
        self.n_bytes += n_bytes;
        if self.n_bytes > MAX_BYTES {
            self.known.clear();
            self.exact.clear();
            self.n_bytes = n_bytes;
        }
    }
}

/// The text of a plain string constant, and any other constant as it is written.
fn unquoted(literal: &str) -> String {
    literal
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
        .map_or_else(|| literal.to_owned(), |text| text.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(redaction: Option<Redaction>) -> Statements {
        Statements::new(|text| Fingerprint(text.len() as u64), redaction)
    }

    #[test]
    fn a_text_is_new_once() {
        let mut statements = statements(None);
        let first = statements.see("SELECT a FROM t WHERE b = 1", &[]);
        assert_eq!(first.new.as_ref().map(|new| &*new.text), Some("SELECT a FROM t WHERE b = $1"));
        let second = statements.see("SELECT a FROM t WHERE b = 2 /*a:b*/", &[]);
        assert_eq!((second.id, second.new), (first.id, None));
        assert_eq!(second.constants, [Value::Literal("2".to_owned())]);
        assert_eq!(second.tags, [("a".to_owned(), "b".to_owned())]);
        let bound = statements.see("SELECT a FROM t WHERE b = $1", &[23]);
        assert!(bound.new.is_some(), "types make another statement");
        let again = statements.see("SELECT a FROM t WHERE b = $1", &[23]);
        assert_eq!((again.id, again.new, again.n_bound), (bound.id, None, 1));
    }

    #[test]
    fn redacted_values_are_comparable_and_gone() {
        let mut statements = statements(Some(Redaction { key: [1, 2] }));
        let seen = statements.see("SELECT 'secret'", &[]);
        let bound = statements.redacted(Value::Text("secret".to_owned()));
        assert_eq!(seen.constants, [bound]);
        assert_ne!(statements.redacted(Value::Text("other".to_owned())), seen.constants[0]);
        assert_eq!(statements.redacted(Value::Null), Value::Null);
        assert!(!format!("{seen:?}").contains("secret"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut statements = statements(None);
        let long = "x".repeat(MAX_BYTES / 8);
        for n in 0..5 {
            statements.see(&format!("SELECT a{n}{long}"), &[]);
            assert!(statements.n_bytes <= MAX_BYTES + long.len() * 4);
        }
        assert!(statements.known.len() < 5);
    }
}
