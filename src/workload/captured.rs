//! A workload as it was captured: executions become statements, their number is the weight, and their values are drawn from.

use std::collections::HashMap;

use super::parameter::{Parameter, Rows};
use super::top::{By, Top};
use super::{Source, Workload};
use crate::query::{self, Template, quote::quote_literal};
use crate::random;
use crate::trace::{Event, Execution, Fingerprint, Outcome, Statement, StatementId, Value};

/// As many executions of one text are remembered, each as likely as any other.
const MAX_SETS: usize = 2_000;
/// A constant that is the same in so many executions belongs to the text: an index may be made for it.
const MIN_REPEATED: u64 = 20;

/// Takes the events of traces and logs.
#[derive(Default)]
pub(crate) struct Captured {
    /// Calls and times.
    top: Top,
    variants: Vec<Variant>,
    by_text: HashMap<String, usize>,
    /// The statements of the present trace.
    by_id: HashMap<StatementId, usize>,
    /// Executions whose values cannot be sent again, as they were left out or cut.
    pub(crate) n_without_values: u64,
}

/// One text of a statement; lists of other lengths are other texts.
struct Variant {
    fingerprint: Fingerprint,
    text: String,
    n_executions: u64,
    /// Values of `$1`, `$2` and so on of executions taken at random.
    sets: Vec<Vec<Option<String>>>,
    n_sets_seen: u64,
    /// For each parameter, the constant that stood there every time.
    constants: Vec<Option<String>>,
}

/// A value that nobody can send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) &'static str);

/// Returns a value as the server reads a parameter in text form.
pub(crate) fn text_of(value: &Value) -> Result<Option<String>, Unknown> {
    match value {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text.clone())),
        Value::Literal(literal) => {
            constant(literal).ok_or(Unknown("a constant is written in an unusual way"))
        }
        Value::Binary(_) => Err(Unknown("the type of a binary value is not known")),
        Value::Cut { .. } => Err(Unknown("only the beginning of a long value was kept")),
        Value::Redacted(_) => Err(Unknown("values were left out (`--redact`)")),
        Value::Missing => Err(Unknown("its source did not keep a value")),
    }
}

/// Reads a constant as it is written in a statement.
#[expect(clippy::option_option, reason = "NULL is a value, too")]
fn constant(literal: &str) -> Option<Option<String>> {
    if literal.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Some(Some(literal.to_owned()));
    }
    if let Some(text) = literal.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Some(Some(text.replace("''", "'")));
    }
    let values = query::literals_for("SELECT $1", &format!("SELECT {literal}"))?;
    values.into_iter().next()
}

impl Captured {
    pub(crate) fn take(&mut self, event: &Event) {
        self.top.take(event);
        match event {
            Event::Statement(statement) => self.statement(statement),
            Event::Execution(execution) => self.execution(execution),
            _ => {}
        }
    }

    fn statement(&mut self, statement: &Statement) {
        let place = *self.by_text.entry(statement.text.clone()).or_insert_with(|| {
            self.variants.push(Variant {
                fingerprint: statement.fingerprint,
                text: statement.text.clone(),
                n_executions: 0,
                sets: Vec::new(),
                n_sets_seen: 0,
                constants: Vec::new(),
            });
            self.variants.len() - 1
        });
        self.by_id.insert(statement.id, place);
    }

    fn execution(&mut self, execution: &Execution) {
        let Some(variant) = self.by_id.get(&execution.statement).map(|place| &mut self.variants[*place])
        else {
            return;
        };
        // What goes on with a portal is the same call.
        if execution.outcome == Outcome::Suspended {
            return;
        }
        variant.n_executions += 1;
        let values: Result<Vec<_>, Unknown> = execution.parameters.iter().map(text_of).collect();
        match values {
            Ok(values) => variant.see(values, &execution.parameters),
            Err(_) => self.n_without_values += 1,
        }
    }

    /// Returns the statements with what was seen of them, the costliest first.
    pub(crate) fn workload(self, source: Source) -> Workload {
        let mut workload = Workload::new(source);
        let mut variants: HashMap<Fingerprint, Variant> = HashMap::new();
        for variant in self.variants {
            let most = variants.get(&variant.fingerprint).map(|known| known.n_executions);
            if most.is_none_or(|most| variant.n_executions > most) {
                variants.insert(variant.fingerprint, variant);
            }
        }
        for total in self.top.ranked(By::Total) {
            let (text, parameters) = match variants.remove(&total.fingerprint) {
                Some(variant) if variant.n_executions > 0 => variant.described(),
                _ => (total.text.clone(), Vec::new()),
            };
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
            let calls = total.calls as f64;
            let mean_ms = (total.n_timed > 0).then(|| total.mean_ns() / 1e6);
            workload.add(None, &text, parameters, calls, mean_ms);
        }
        for statement in &mut workload.statements {
            statement.is_observed = true;
        }
        workload
    }

    /// Returns the values that a statement was seen with, in the order of its own parameters.
    pub(crate) fn values_of(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let fingerprint = Fingerprint(query::fingerprint(sql));
        let same = self.variants.iter().filter(|variant| variant.fingerprint == fingerprint);
        let mut found = Vec::new();
        for variant in same {
            let Some(places) = places(sql, &variant.text) else { continue };
            // A parameter that stands in two places has been seen where both had one value.
            let one = |set: &Vec<Option<String>>, places: &Vec<usize>| {
                let value = set.get(*places.first()?)?;
                places.iter().all(|place| set.get(*place) == Some(value)).then(|| value.clone())
            };
            let in_order =
                |set: &Vec<Option<String>>| places.iter().map(|it| one(set, it)).collect::<Option<Vec<_>>>();
            found.extend(variant.sets.iter().filter_map(in_order));
        }
        found
    }
}

impl Variant {
    fn see(&mut self, values: Vec<Option<String>>, as_sent: &[Value]) {
        let literals: Vec<Option<&str>> = as_sent
            .iter()
            .map(|value| match value {
                Value::Literal(literal) => Some(&**literal),
                _ => None,
            })
            .collect();
        if self.n_sets_seen == 0 {
            self.constants = literals.iter().map(|literal| literal.map(str::to_owned)).collect();
        }
        for (constant, literal) in self.constants.iter_mut().zip(&literals) {
            if constant.as_deref() != *literal {
                *constant = None;
            }
        }
        // Vitter, "Random sampling with a reservoir", 1985, algorithm R.
        let bits = random::at(self.fingerprint.0, self.n_sets_seen);
        self.n_sets_seen += 1;
        if self.sets.len() < MAX_SETS {
            self.sets.push(values);
        } else if let Ok(place) = usize::try_from(random::below(bits, self.n_sets_seen))
            && place < MAX_SETS
        {
            self.sets[place] = values;
        }
    }

    /// Returns the text, with constants that never change, and how its parameters are drawn.
    fn described(self) -> (String, Vec<Parameter>) {
        let is_repeated = self.n_sets_seen >= MIN_REPEATED;
        let fixed =
            |number: usize| self.constants.get(number).and_then(Option::as_deref).filter(|_| is_repeated);
        let (text, varying) = Template::new(&self.text).inlined(fixed);
        let rows: Rows = self
            .sets
            .iter()
            .filter_map(|set| varying.iter().map(|number| set.get(*number).cloned()).collect())
            .collect();
        let observed = |column| Parameter::Observed { rows: rows.clone(), column };
        // Without any values, they are chosen as for a statement that was not seen.
        let n_described = if rows.is_empty() { 0 } else { varying.len() };
        (text, (0..n_described).map(observed).collect())
    }
}

/// Returns for each parameter of a statement, which ones of another text for the same statement stand in its places.
fn places(sql: &str, other: &str) -> Option<Vec<Vec<usize>>> {
    let mark = |number: usize| format!("perfkit parameter {number}");
    let marked = query::with_placeholders(other, |number| quote_literal(&mark(number)));
    // Each place by itself: in the other text there may be a constant of its own.
    let mut numbers = Vec::new();
    let apart = query::with_placeholders(sql, |number| {
        numbers.push(number);
        format!("${}", numbers.len())
    });
    let values = query::literals_for(&apart, &query::plannable(&marked))?;
    let n = query::placeholder_count(other);
    let mut places = vec![Vec::new(); query::placeholder_count(sql)];
    for (number, value) in numbers.into_iter().zip(values) {
        places[number].push((0..n).find(|number| value.as_deref() == Some(&mark(*number)))?);
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Protocol, SessionId, Time, Timing, Transaction};

    fn captured(executions: &[(&str, &[Value])]) -> Captured {
        let mut captured = Captured::default();
        for (id, (text, values)) in (1..).zip(executions) {
            let fingerprint = Fingerprint(query::fingerprint(text));
            captured.take(&Event::Statement(Statement {
                id: StatementId(id),
                text: (*text).to_owned(),
                fingerprint,
                parameter_types: Vec::new(),
            }));
            captured.take(&Event::Execution(Execution {
                session: SessionId(1),
                statement: StatementId(id),
                started_at: Time(id),
                timing: Timing { total: Some(2_000_000), ..Timing::default() },
                protocol: Protocol::Extended,
                outcome: Outcome::Complete,
                n_rows: None,
                result_bytes: None,
                blocks: None,
                transaction: Transaction::default(),
                parameters: values.to_vec(),
                tags: Vec::new(),
            }));
        }
        captured
    }

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    fn literal(value: &str) -> Value {
        Value::Literal(value.to_owned())
    }

    #[test]
    fn calls_become_weights_and_values_parameters() {
        let by_id = "SELECT a FROM t WHERE id = $1";
        let workload = captured(&[
            (by_id, &[text("7")]),
            (by_id, &[Value::Null]),
            ("SELECT b FROM t", &[]),
            ("BEGIN", &[]),
        ])
        .workload(Source::File("x".to_owned()));
        let [first, second] = &workload.statements[..] else { panic!("{workload:?}") };
        assert_eq!((first.weight, first.mean_ms, second.weight), (2.0, Some(2.0), 1.0));
        let Parameter::Observed { rows, column: 0 } = &first.parameters[0] else { panic!("{first:?}") };
        assert_eq!(rows[..], [vec![Some("7".to_owned())], vec![None]]);
        assert_eq!((second.parameters.len(), workload.skipped.len()), (0, 1));
    }

    #[test]
    fn constants_that_never_change_stay_in_the_text() {
        let sql = "SELECT a FROM t WHERE state = $2 AND id = $1 LIMIT $3";
        let values: Vec<Vec<Value>> =
            (0..20).map(|i| vec![text(&i.to_string()), literal("'o''k'"), literal("5")]).collect();
        let seen = |n: usize| -> Vec<(&str, &[Value])> {
            values[..n].iter().map(|values| (sql, &values[..])).collect()
        };
        let described = |n| {
            let workload = captured(&seen(n)).workload(Source::CommandLine);
            (workload.statements[0].sql.clone(), workload.statements[0].parameters.len())
        };
        assert_eq!(described(20), ("SELECT a FROM t WHERE state = 'o''k' AND id = $1 LIMIT 5".to_owned(), 1));
        assert_eq!(described(19), (sql.to_owned(), 3));
    }

    #[test]
    fn the_text_that_ran_most_stands_for_lists_of_all_lengths() {
        let (short, long) = ("SELECT a FROM t WHERE id IN ($1)", "SELECT a FROM t WHERE id IN ($1, $2)");
        let workload = captured(&[
            (short, &[text("1")]),
            (long, &[text("2"), text("3")]),
            (long, &[text("4"), text("5")]),
        ])
        .workload(Source::CommandLine);
        let [only] = &workload.statements[..] else { panic!("{workload:?}") };
        assert_eq!((&*only.sql, only.weight, only.parameters.len()), (long, 3.0, 2));
    }

    #[test]
    fn values_that_were_left_out_are_not_made_up() {
        let captured = captured(&[
            ("SELECT a FROM t WHERE id = $1", &[Value::Redacted(5)]),
            ("SELECT a FROM t WHERE id = $1", &[Value::Missing]),
        ]);
        assert_eq!(captured.n_without_values, 2);
        let workload = captured.workload(Source::CommandLine);
        assert!(workload.statements[0].parameters.is_empty() && workload.skipped.is_empty());
        assert!(text_of(&Value::Redacted(5)).unwrap_err().0.contains("--redact"));
    }

    #[test]
    fn reads_constants_as_the_server_does() {
        for (written, value) in [("42", "42"), (".5", ".5"), ("'it''s'", "it's"), ("$$a$$", "a"), ("''", "")]
        {
            assert_eq!(text_of(&literal(written)), Ok(Some(value.to_owned())), "{written}");
        }
        assert_eq!(text_of(&literal("E'a\\tb'")), Ok(Some("a\tb".to_owned())));
        assert!(text_of(&literal("X'1F'")).is_err());
    }

    #[test]
    fn values_are_found_for_another_text_of_the_statement() {
        let captured = captured(&[("SELECT a FROM t WHERE id = $1 AND b = $2", &[text("1"), text("x")])]);
        let found = captured.values_of("select a from t where id = $2 and b = $1");
        assert_eq!(found, [[Some("x".to_owned()), Some("1".to_owned())]]);
        let found = captured.values_of("SELECT a FROM t WHERE id = 7 AND b = $1");
        assert_eq!(found, [[Some("x".to_owned())]]);
        assert!(captured.values_of("SELECT b FROM t WHERE id = $1").is_empty());
    }

    #[test]
    fn a_parameter_in_two_places_takes_two_equal_constants() {
        let seen = "SELECT a FROM t WHERE id = $1 OR parent = $2";
        let captured = captured(&[
            (seen, &[literal("7"), literal("7")]),
            (seen, &[literal("8"), literal("9")]),
            ("SELECT a FROM t WHERE id = $1 OR parent = $1", &[text("5")]),
        ]);
        let of = |value: &str| vec![Some(value.to_owned())];
        assert_eq!(captured.values_of("SELECT a FROM t WHERE id = $1 OR parent = $1"), [of("7"), of("5")]);
        let mut apart = captured.values_of("SELECT a FROM t WHERE id = $2 OR parent = $1");
        apart.sort();
        let of = |one: &str, two: &str| vec![Some(one.to_owned()), Some(two.to_owned())];
        assert_eq!(apart, [of("5", "5"), of("7", "7"), of("9", "8")]);
    }

    #[test]
    fn memory_is_bounded() {
        let sql = "SELECT a FROM t WHERE id = $1";
        let values: Vec<[Value; 1]> = (0..5000).map(|i| [text(&i.to_string())]).collect();
        let executions: Vec<(&str, &[Value])> = values.iter().map(|values| (sql, &values[..])).collect();
        let found = captured(&executions).values_of(sql);
        assert_eq!(found.len(), MAX_SETS);
        let late =
            found.iter().filter(|set| set[0].as_ref().unwrap().parse::<u32>().unwrap() >= 2500).count();
        assert!((900..1100).contains(&late), "{late}");
    }
}
