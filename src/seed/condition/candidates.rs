//! Rows to ask the server about where only it knows a condition, and what its answer means.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::domain::typed;
use super::{Allowed, Case, Class, Column, Domain, Unit};
use crate::query::check::{Literal, constants};

/// So many rows are asked about at most.
const MAX_TUPLES: usize = 10_000;
/// Combinations of special values of all columns, of those.
const MAX_COMBINATIONS: usize = 2_000;
/// From this share of passing rows on the usual values are kept, and rows that are refused while loading are changed one
/// by one.
const USUAL_SHARE: f64 = 0.999;
/// So many different usual rows that pass do without others.
const ENOUGH_USUAL: usize = 20;
/// A pool is a part of the plan, which is kept in the database.
const MAX_POOL: usize = 4_096;

/// A column that a condition is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) column: &'a Column,
    /// The text of a constant DEFAULT.
    pub(crate) default: Option<&'a str>,
    /// What the column would have without the condition, `None` for NULL: as many for each column, row by row.
    pub(crate) usual: &'a [Option<String>],
}

/// Rows, one text for each column: first the usual ones, then others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tuples {
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) n_usual: usize,
}

/// What to do with the columns of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nearly all usual rows pass.
    Usual { passing: f64 },
    /// These rows are the ones to use; `passing` is the share of the usual ones that do.
    Pool { rows: Vec<usize>, passing: f64 },
    /// None passes.
    Refused,
}

/// Returns the rows to ask about for a case with opaque conditions; columns are those of its component.
pub(crate) fn tuples(case: &Case, columns: &[Asked<'_>]) -> Tuples {
    let written: Vec<String> = case.opaque.iter().flat_map(|opaque| constants(&opaque.sql)).collect();
    let special: Vec<Vec<Option<String>>> =
        columns.iter().zip(&case.allowed).map(|(asked, allowed)| special(&written, asked, allowed)).collect();
    let n_usual = columns.iter().map(|asked| asked.usual.len()).min().unwrap_or(0).min(MAX_TUPLES * 6 / 10);
    let usual = |row: usize| columns.iter().map(move |asked| asked.usual[row].clone());
    let mut rows: Vec<Vec<Option<String>>> = (0..n_usual).map(|row| usual(row).collect()).collect();
    // All combinations while they are few, else those that differ first in the first columns.
    let n_all = special.iter().map(Vec::len).fold(1, usize::saturating_mul);
    for number in 0..n_all.min(MAX_COMBINATIONS) {
        let mut left = number;
        let row = special.iter().map(|values| {
            let value = values[left % values.len()].clone();
            left /= values.len();
            value
        });
        rows.push(row.collect());
    }
    // Usual rows with one column changed: to a special value, or to what another column of its kind has.
    let changes = columns.iter().enumerate().flat_map(|(place, asked)| {
        let others = columns
            .iter()
            .enumerate()
            .filter(move |(other, of)| *other != place && of.column.class == asked.column.class);
        let copies = others.map(|(other, _)| Change::Copy(other));
        special[place].iter().map(Change::To).chain(copies).map(move |change| (place, change))
    });
    let changes: Vec<_> = changes.collect();
    for round in 0..n_usual {
        for (place, change) in changes.iter().skip(round % 8).step_by(8) {
            if rows.len() >= MAX_TUPLES {
                return Tuples { rows, n_usual };
            }
            let mut row: Vec<_> = usual(round).collect();
            row[*place] = match change {
                Change::To(value) => (*value).clone(),
                Change::Copy(other) => row[*other].clone(),
            };
            rows.push(row);
        }
    }
    Tuples { rows, n_usual }
}

#[derive(Clone, Copy)]
enum Change<'a> {
    To(&'a Option<String>),
    Copy(usize),
}

/// Judges by the places of the rows that pass, in rising order.
#[expect(clippy::cast_precision_loss, reason = "a share of at most 10,000 rows")]
pub(crate) fn verdict(tuples: &Tuples, passed: &[usize]) -> Verdict {
    let n_passed = passed.iter().filter(|row| **row < tuples.n_usual).count();
    let passing = if tuples.n_usual == 0 { 0.0 } else { n_passed as f64 / tuples.n_usual as f64 };
    if passed.is_empty() {
        return Verdict::Refused;
    }
    if passing >= USUAL_SHARE {
        return Verdict::Usual { passing };
    }
    let mut seen = BTreeSet::new();
    let rows = passed.iter().copied().filter(|row| tuples.rows.get(*row).is_some_and(|row| seen.insert(row)));
    let mut rows: Vec<usize> = rows.collect();
    // Rows come in their order: the usual ones, which look best, are first.
    let n_usual = rows.iter().filter(|row| **row < tuples.n_usual).count();
    rows.truncate(if n_usual >= ENOUGH_USUAL { n_usual } else { MAX_POOL });
    Verdict::Pool { rows, passing }
}

/// Values where conditions often change their mind: constants of the conditions and their neighbours, the default,
/// nothing, zero, labels.
fn special(written: &[String], asked: &Asked<'_>, allowed: &Allowed) -> Vec<Option<String>> {
    let class = &asked.column.class;
    let mut texts: Vec<String> = asked.default.into_iter().map(str::to_owned).collect();
    match class {
        Class::Bool => texts.extend(["true", "false"].map(str::to_owned)),
        Class::Enum(labels) => texts.extend(labels.iter().cloned()),
        Class::Number(unit) => {
            let step = |text: &String| Some(unit.place(&typed(&Literal::Text(text.clone()), class)?)?.0);
            // What is allowed may be far from all of these.
            let ends = match &allowed.domain {
                Domain::Numbers(numbers) => &numbers.ranges[..],
                _ => &[],
            };
            let ends = ends.iter().flat_map(|(low, high)| [*low, *high]);
            let steps: Vec<i128> = written.iter().filter_map(step).chain([0, 1, -1]).chain(ends).collect();
            let one = match unit {
                Unit::Decimal { scale, .. } => 10_i128.pow(u32::from((*scale).min(30))),
                _ => 1,
            };
            let (low, high) = unit.limits();
            let near = steps.iter().flat_map(|step| [*step, step - one, step + one]);
            texts.extend(
                near.filter(|step| (low..=high).contains(step)).filter_map(|step| unit.literal(step).text()),
            );
        }
        Class::Text { max_chars, .. } => {
            for text in written.iter().map(String::as_str).chain(["", "0", "1", "a"]) {
                texts.extend([
                    text.to_owned(),
                    text.trim().to_owned(),
                    text.to_lowercase(),
                    text.to_uppercase(),
                ]);
            }
            for text in asked.usual.iter().take(20).flatten() {
                texts.extend([text.trim().to_owned(), text.to_lowercase(), text.to_uppercase()]);
            }
            let limit = max_chars.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
            texts.retain(|text| text.chars().count() <= limit);
        }
        Class::Json => {
            texts.extend(documents(written, asked.usual));
            texts.extend(["{}", "[]", "null", "0", "\"\"", "true"].map(str::to_owned));
        }
        Class::Sized => texts.push(String::from("{}")),
        Class::Other => texts.extend_from_slice(written),
    }
    if let Domain::Values(values) = &allowed.domain {
        texts.extend(values.iter().filter_map(Literal::text));
    }
    texts.retain(|text| {
        typed(&Literal::Text(text.clone()), class).is_some_and(|value| allowed.domain.accepts(&value))
    });
    let mut values: Vec<Option<String>> = Vec::new();
    for value in texts.into_iter().map(Some).chain(allowed.null.then_some(None)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// Documents with what a condition may look for: its constants as keys, alone and all together, and as values of keys.
fn documents(written: &[String], usual: &[Option<String>]) -> Vec<String> {
    /// Of more constants there are too many pairs.
    const MAX_WRITTEN: usize = 8;
    /// So many of the usual documents get the keys besides.
    const N_USUAL: usize = 20;
    const VALUES: [&str; 6] = ["1", "\"a\"", "true", "[]", "{}", "null"];
    let words = written.iter().filter(|text| text.parse::<f64>().is_err()).take(MAX_WRITTEN);
    let quoted: Vec<String> = words.map(|text| json_string(text)).collect();
    if quoted.is_empty() {
        return Vec::new();
    }
    let all = |value: &str| {
        let members: Vec<String> = quoted.iter().map(|key| format!("{key}: {value}")).collect();
        members.join(", ")
    };
    let mut documents: Vec<String> = Vec::new();
    for value in VALUES {
        let insides = usual.iter().flatten().filter_map(|text| {
            let inside = text.trim().strip_prefix('{')?.trim();
            (!inside.starts_with('}')).then_some(inside)
        });
        documents.extend(insides.take(N_USUAL).map(|inside| format!("{{{}, {inside}", all(value))));
        documents.push(format!("{{{}}}", all(value)));
    }
    for key in &quoted {
        let values = VALUES.into_iter().chain(quoted.iter().map(String::as_str));
        documents.extend(values.map(|value| format!("{{{key}: {value}}}")));
    }
    documents.push(format!("[{}]", quoted.join(", ")));
    documents
}

/// A text as JSON writes it.
fn json_string(text: &str) -> String {
    let mut written = String::from("\"");
    for it in text.chars() {
        match it {
            '"' | '\\' => written.extend(['\\', it]),
            it if u32::from(it) < 0x20 => _ = write!(written, "\\u{:04x}", u32::from(it)),
            it => written.push(it),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::check::Opaque;

    fn case(sql: &str, n_columns: usize) -> Case {
        let allowed = Allowed { domain: Domain::Any, null: true };
        Case {
            allowed: vec![allowed; n_columns],
            relations: Vec::new(),
            opaque: vec![Opaque { sql: sql.into(), columns: Vec::new() }],
        }
    }

    fn column(class: Class) -> Column {
        Column { name: "a".into(), not_null: false, class, checks: Vec::new() }
    }

    #[test]
    fn constants_and_their_neighbours_are_asked_about() {
        let (number, text) = (
            column(Class::Number(Unit::Int { bytes: 2 })),
            column(Class::Text { max_chars: Some(4), is_padded: false }),
        );
        let usual = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
        let (numbers, texts) = (usual(&["7", "8"]), usual(&[" x", "Y"]));
        let asked = [
            Asked { column: &number, default: Some("3"), usual: &numbers },
            Asked { column: &text, default: None, usual: &texts },
        ];
        let found = tuples(&case("odd(a, 40) AND fine(b, 'Long', 'too long')", 2), &asked);
        assert_eq!(found.n_usual, 2);
        assert_eq!(found.rows[1], usual(&["8", "Y"]));
        let of = |place: usize, text: &str| found.rows.iter().any(|row| row[place].as_deref() == Some(text));
        for number in ["3", "39", "40", "41", "0", "-1"] {
            assert!(of(0, number), "{number}");
        }
        for text in ["Long", "long", "LONG", "", "x"] {
            assert!(of(1, text), "{text}");
        }
        assert!(!of(1, "too long") && found.rows.iter().any(|row| *row == [None, None]));
        assert!(found.rows.len() <= MAX_TUPLES);
    }

    #[test]
    fn documents_have_what_is_looked_for() {
        let usual = [Some(r#"{"b": 2}"#.to_owned()), None, Some("{}".to_owned()), Some("[]".to_owned())];
        let found = documents(&["id".to_owned(), "5".to_owned(), "a\"".to_owned()], &usual);
        for document in [
            r#"{"id": 1, "a\"": 1, "b": 2}"#,
            r#"{"id": "a", "a\"": "a"}"#,
            r#"{"id": "a\""}"#,
            r#"{"id": []}"#,
            r#"["id", "a\""]"#,
        ] {
            assert!(found.iter().any(|it| it == document), "{document} in {found:?}");
        }
        assert!(documents(&["1".to_owned()], &usual).is_empty());
    }

    #[test]
    fn answers_are_judged() {
        let row = |text: &str| vec![Some(text.to_owned())];
        let tuples = Tuples { rows: [row("a"), row("b"), row("c"), row("c")].into(), n_usual: 2 };
        assert_eq!(verdict(&tuples, &[0, 1]), Verdict::Usual { passing: 1.0 });
        assert_eq!(verdict(&tuples, &[1, 2, 3]), Verdict::Pool { rows: vec![1, 2], passing: 0.5 });
        assert_eq!(verdict(&tuples, &[]), Verdict::Refused);
    }
}
