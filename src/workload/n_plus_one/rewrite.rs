//! What a loop should have sent instead, and what is known of that.

use super::{Finding, Kind};
use crate::query::batch::{self, Batch, Repeated};
use crate::query::{Template, constant_text};
use crate::trace::Value;

/// Keys of a loop that are kept, and that one statement asks for when it is tried.
pub(crate) const MAX_KEYS: usize = 100;

/// What the calls of a loop were sent with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// The text that they had.
    pub(crate) text: String,
    /// The types of its parameters by OID, 0 where unknown.
    pub(crate) types: Vec<u32>,
    /// All values of the first call.
    pub(crate) values: Vec<Value>,
    /// The parameters that vary, from 0.
    pub(crate) varying: Vec<usize>,
    /// Their values, of each combination once, [`MAX_KEYS`] at the most.
    pub(crate) keys: Vec<Vec<Value>>,
}

impl Sample {
    /// Adds the keys of another scope with the same statement and the same values beside them.
    pub(super) fn merge(&mut self, other: &Self) {
        let beside = |it: &Self| {
            let beside = it.values.iter().enumerate().filter(|(at, _)| !it.varying.contains(at));
            beside.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        if self.text != other.text || self.varying != other.varying || beside(self) != beside(other) {
            return;
        }
        for key in &other.keys {
            if self.keys.len() < MAX_KEYS && !self.keys.contains(key) {
                self.keys.push(key.clone());
            }
        }
    }
}

/// A value as a parameter is sent in text form; `None` is NULL.
pub(crate) type Sent = Option<String>;

/// A statement as it stands in a program: constants in it that are always the same, and parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) sql: String,
    /// The parameters that vary, from 0.
    pub(crate) keys: Vec<usize>,
    /// The types of the parameters as far as the trace knows them.
    pub(crate) types: Vec<Option<&'static str>>,
    /// The value of each parameter in the first call; `None` where the trace does not have it.
    pub(crate) values: Vec<Option<Sent>>,
    /// What the keys were in different calls; those that the trace does not have are left out.
    pub(crate) rows: Vec<Vec<Sent>>,
}

impl Question {
    pub(crate) fn new(sample: &Sample) -> Self {
        let (sql, kept) = Template::new(&sample.text).inlined(|at| match sample.values.get(at) {
            Some(Value::Literal(text)) if !sample.varying.contains(&at) => Some(text.as_str()),
            _ => None,
        });
        let place = |number: &usize| kept.iter().position(|it| it == number);
        // A text that was cut may lack a parameter that has values.
        let keys = sample.varying.iter().map(place).collect::<Option<Vec<usize>>>();
        Self {
            sql,
            keys: keys.unwrap_or_default(),
            types: kept.iter().map(|at| sample.types.get(*at).copied().and_then(type_name)).collect(),
            values: kept.iter().map(|at| sample.values.get(*at).and_then(text)).collect(),
            rows: sample.keys.iter().filter_map(|key| key.iter().map(text).collect()).collect(),
        }
    }

    /// The types of all parameters, where no server says what they are.
    pub(crate) fn assumed_types(&self) -> Vec<String> {
        let of = |(number, known): (usize, Option<&'static str>)| {
            let seen = |at: usize| -> Vec<&str> {
                self.rows.iter().filter_map(|row| row.get(at)?.as_deref()).collect()
            };
            let values = match self.keys.iter().position(|key| *key == number) {
                Some(at) => seen(at),
                None => self.values[number].iter().flatten().map(String::as_str).collect(),
            };
            known.unwrap_or_else(|| type_like(&values)).to_owned()
        };
        self.types.iter().copied().enumerate().map(of).collect()
    }

    /// Whether the trace knows the types of all keys.
    pub(crate) fn knows_types(&self) -> bool {
        self.keys.iter().all(|key| self.types.get(*key).is_some_and(Option::is_some))
    }

    pub(crate) fn repeated<'a>(&'a self, types: &'a [String]) -> Repeated<'a> {
        Repeated { sql: &self.sql, keys: &self.keys, types }
    }
}

/// What is known of the statement for all turns of a loop.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rewrite {
    pub(crate) sql: Option<String>,
    /// How it asks for all keys; see [`batch::Form`].
    pub(crate) form: Option<&'static str>,
    /// The faster way for many new rows.
    pub(crate) copy: Option<String>,
    /// Whether it gave the same rows for each key; `None` when that was not tried.
    pub(crate) verified: Option<bool>,
    /// Why there is no statement, or why it is not proven.
    pub(crate) reason: Option<String>,
    pub(crate) proof: Option<Proof>,
    /// The same with the query before.
    pub(crate) joined: Option<JoinedRewrite>,
    pub(crate) index: Option<IndexNeed>,
    /// The command that makes a counter for it.
    pub(crate) counter: Option<String>,
    pub(crate) notes: Vec<String>,
}

/// What a trial on a database showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Proof {
    /// Keys that were asked for, one by one and at once; some of them made up.
    pub(crate) n_keys: usize,
    /// Rows that were compared.
    pub(crate) n_rows: usize,
    /// The medians of asking one by one, and at once.
    pub(crate) loop_ms: f64,
    pub(crate) batch_ms: f64,
}

impl Proof {
    /// How many times faster one statement is.
    pub(crate) fn speed_up(&self) -> Option<f64> {
        (self.batch_ms > 0.0).then(|| self.loop_ms / self.batch_ms)
    }
}

/// The loop and the query before it as one statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JoinedRewrite {
    pub(crate) sql: String,
    pub(crate) verified: Option<bool>,
    pub(crate) reason: Option<String>,
}

/// The index that finds the rows of a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexNeed {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
    /// The index that is there.
    pub(crate) existing: Option<String>,
    /// What creates the one that is missing.
    pub(crate) ddl: Option<String>,
}

/// Why nothing was tried.
pub(crate) const NO_DATABASE: &str = "no database was named to try it on";

/// Returns what can be said of a loop without a database.
pub(crate) fn offline(finding: &Finding) -> Rewrite {
    let Some(sample) = &finding.sample else { return Rewrite::default() };
    let question = Question::new(sample);
    let types = question.assumed_types();
    let mut rewrite = match finding.kind {
        Kind::NPlusOne | Kind::CountLoop => match batch::batches(&question.repeated(&types)) {
            Ok(batches) => of_batch(batches.first()),
            Err(obstacle) => refused(&obstacle),
        },
        Kind::WriteLoop => change(&question, &types),
        Kind::Duplicate => return Rewrite::default(),
    };
    if rewrite.sql.is_some() {
        if rewrite.reason.is_none() {
            rewrite.reason = Some(NO_DATABASE.to_owned());
        }
        if !question.knows_types() {
            rewrite.notes.push("the types of its parameters are guessed from the values".to_owned());
        }
    }
    rewrite
}

/// Returns the statement that changes all rows at once, or why there is none.
pub(crate) fn change(question: &Question, types: &[String]) -> Rewrite {
    match batch::change(&question.repeated(types)) {
        Ok(change) => Rewrite {
            sql: Some(change.sql),
            form: Some("rows"),
            copy: change.copy,
            reason: Some("statements that change rows are not tried".to_owned()),
            notes: change.caution.iter().map(|caution| (*caution).to_owned()).collect(),
            ..Rewrite::default()
        },
        Err(obstacle) => refused(&obstacle),
    }
}

/// A statement of which no more is known.
pub(crate) fn of_batch(batch: Option<&Batch>) -> Rewrite {
    Rewrite {
        sql: batch.map(|batch| batch.sql.clone()),
        form: batch.map(|batch| batch.form.name()),
        ..Rewrite::default()
    }
}

pub(crate) fn refused(obstacle: &batch::Obstacle) -> Rewrite {
    Rewrite { reason: Some(obstacle.to_string()), ..Rewrite::default() }
}

/// A value as it is sent; `None` where the trace does not have it.
fn text(value: &Value) -> Option<Sent> {
    match value {
        Value::Null => Some(None),
        Value::Text(text) => Some(Some(text.clone())),
        Value::Literal(literal) => constant_text(literal).map(Some),
        Value::Binary(_) | Value::Cut { .. } | Value::Redacted(_) | Value::Missing => None,
    }
}

/// The types that clients name, by OID (`pg_type.dat`; they never change).
fn type_name(oid: u32) -> Option<&'static str> {
    Some(match oid {
        16 => "boolean",
        17 => "bytea",
        20 => "bigint",
        21 => "smallint",
        23 => "integer",
        25 => "text",
        26 => "oid",
        114 => "json",
        700 => "real",
        701 => "double precision",
        1042 => "character",
        1043 => "character varying",
        1082 => "date",
        1114 => "timestamp without time zone",
        1184 => "timestamp with time zone",
        1700 => "numeric",
        2950 => "uuid",
        3802 => "jsonb",
        _ => return None,
    })
}

/// The type that values look like.
fn type_like(values: &[&str]) -> &'static str {
    let all = |is: fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| is(value));
    if all(|value| value.parse::<i64>().is_ok()) {
        "bigint"
    } else if all(|value| value.parse::<f64>().is_ok_and(f64::is_finite)) {
        "numeric"
    } else if all(is_uuid) {
        "uuid"
    } else {
        "text"
    }
}

fn is_uuid(value: &str) -> bool {
    let lengths: Vec<usize> = value.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && value.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

/// A value that hardly any row has, of a type; for a key without rows.
pub(crate) fn unlikely(type_name: &str) -> Option<&'static str> {
    match type_name {
        "smallint" => Some("-32767"),
        "integer" | "bigint" | "numeric" => Some("-2147483647"),
        "uuid" => Some("ffffffff-ffff-4fff-bfff-ffffffffffff"),
        "text" | "character varying" => Some("perfkit: no such key"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str, values: &[Value], varying: &[usize], keys: &[&str]) -> Sample {
        Sample {
            text: text.to_owned(),
            types: vec![23],
            values: values.to_vec(),
            varying: varying.to_vec(),
            keys: keys.iter().map(|key| vec![Value::Literal((*key).to_owned())]).collect(),
        }
    }

    fn literal(text: &str) -> Value {
        Value::Literal(text.to_owned())
    }

    #[test]
    fn constants_stay_and_parameters_are_numbered_anew() {
        let values = [literal("'x'"), literal("7"), literal("3"), Value::Text("b".to_owned())];
        let sample = sample(
            "SELECT a FROM t WHERE kind = $1 AND id = $2 AND c = $4 LIMIT $3",
            &values,
            &[1],
            &["7", "'it''s'", "E'\\t'"],
        );
        let question = Question::new(&sample);
        assert_eq!(question.sql, "SELECT a FROM t WHERE kind = 'x' AND id = $1 AND c = $2 LIMIT 3");
        assert_eq!(question.keys, [0]);
        assert_eq!(question.values[1], Some(Some("b".to_owned())));
        let rows: Vec<&str> = question.rows.iter().filter_map(|row| row[0].as_deref()).collect();
        assert_eq!(rows, ["7", "it's", "\t"]);
        assert_eq!(question.assumed_types(), ["text", "text"]);
    }

    #[test]
    fn types_are_those_of_the_trace_or_of_the_values() {
        for (values, expected) in [
            (&["1", "-20"][..], "bigint"),
            (&["1", "2.5"], "numeric"),
            (&["6f1e2d3c-0000-4000-8000-000000000001"], "uuid"),
            (&["1", "a"], "text"),
            (&[], "text"),
        ] {
            assert_eq!(type_like(values), expected, "{values:?}");
        }
        let bound = sample("SELECT a FROM t WHERE id = $1", &[Value::Text("7".to_owned())], &[0], &["7"]);
        assert_eq!(Question::new(&bound).assumed_types(), ["integer"]);
        assert!(Question::new(&bound).knows_types());
    }

    #[test]
    fn values_that_are_not_known_are_no_keys() {
        let mut hidden = sample("SELECT a FROM t WHERE id = $1", &[Value::Redacted(7)], &[0], &[]);
        hidden.keys = vec![vec![Value::Redacted(7)], vec![Value::Null]];
        assert_eq!(Question::new(&hidden).rows, [vec![None]]);
    }
}
