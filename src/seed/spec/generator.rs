//! How the values of a column are made, as perfkit.yaml says it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::rhythm::Rhythm;
use crate::seed::guess::{self, words};

/// How the values of a column are made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Generator {
    /// 1, 2, 3, … after the greatest key that is there; the default of a primary key.
    Key,
    /// A parent's key; some parents are picked oftener when `skew` is above 1.
    Reference {
        to: String,
        skew: f64,
    },
    /// A parent's key; every parent once, in a new order each round.
    Each {
        to: String,
    },
    /// Another parent's key than that of column `than`, never the same twice for one parent.
    Other {
        to: String,
        than: String,
        skew: f64,
    },
    /// Moments in the order of the rows, evenly from `within` to `until` before the end of the series.
    Time {
        within: Duration,
        until: Duration,
        hours: Option<(u32, u32)>,
    },
    /// Between `min` and `max` after another column's moment; NULL where that is still to come.
    After {
        column: String,
        min: Duration,
        max: Duration,
    },
    /// Whole minutes from one column's moment to another's.
    MinutesBetween {
        from: String,
        to: String,
    },
    /// The first of these columns that is not NULL.
    FirstOf(Vec<String>),
    PersonName,
    /// Texts of a look, or words of a list, by its name.
    Words(String),
    /// Each value from `min` to `max` alike; moments and numbers, as the column has them.
    Uniform {
        min: String,
        max: String,
    },
    /// The r-th value in proportion to r^-s.
    Zipf {
        values: ZipfValues,
        s: f64,
    },
    Normal {
        mean: f64,
        sd: f64,
    },
    Exponential {
        mean: f64,
    },
    Constant(String),
    /// Values with their weights.
    Choice(Vec<(String, f64)>),
    Sequence {
        start: i64,
        step: i64,
    },
    /// Values of a column of another table, each row's of a row at random.
    From {
        table: String,
        column: String,
    },
    /// Texts that match a regular expression.
    Pattern(String),
    /// Moments in the order of the rows, at a rate that varies.
    Series(Box<Rhythm>),
    /// In the order of another column's values: so much of its rank.
    Correlated {
        with: String,
        rank: f64,
        of: Option<Box<Generator>>,
    },
    /// NULL in this share of the rows, else the generator, or what suits the column.
    Nullable {
        share: f64,
        of: Option<Box<Generator>>,
    },
    /// Left out: NULL or the column's default.
    Skip,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ZipfValues {
    /// 1 to so many.
    UpTo(u64),
    These(Vec<String>),
}

/// The generators beside word lists and looks.
const KINDS: &[&str] = &[
    "key",
    "reference",
    "each",
    "other",
    "time",
    "after",
    "minutes_between",
    "first_of",
    "person_name",
    "uniform",
    "zipf",
    "normal",
    "exponential",
    "constant",
    "choice",
    "sequence",
    "from",
    "pattern",
    "series",
    "correlated",
    "null",
    "skip",
];

/// Says that a name is unknown in the words of serde, in which [`crate::yaml`] finds the nearest one.
pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<String> = known.map(|known| format!("`{known}`")).collect();
    format!("unknown field `{name}`, expected one of {}", known.join(", "))
}

impl<'de> Deserialize<'de> for Generator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(GeneratorVisitor)
    }
}

struct GeneratorVisitor;

impl<'de> Visitor<'de> for GeneratorVisitor {
    type Value = Generator;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a generator like {{uniform: {{min: 1, max: 9}}}}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Generator, A::Error> {
        let mut kind = None;
        let mut null = None;
        let mut correlated: Option<Correlated> = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "null" => null = Some(map.next_value::<f64>()?),
                "correlated" => correlated = Some(map.next_value()?),
                _ => {
                    let next = if key == "of" { map.next_value()? } else { generator::<A>(&key, &mut map)? };
                    if kind.replace(next).is_some() {
                        return Err(A::Error::custom(format!(
                            "a column is exactly one of {}, or the name of a word list",
                            KINDS.join(", ")
                        )));
                    }
                }
            }
        }
        if let Some(Correlated { with, rank }) = correlated {
            if !(-1.0..=1.0).contains(&rank) {
                return Err(A::Error::custom(format!("rank is {rank}, it must be from -1 to 1")));
            }
            kind = Some(Generator::Correlated { with, rank, of: kind.map(Box::new) });
        }
        if let Some(share) = null {
            if !(0.0..=1.0).contains(&share) {
                return Err(A::Error::custom(format!("null is {share}, it must be a share from 0 to 1")));
            }
            kind = Some(Generator::Nullable { share, of: kind.map(Box::new) });
        }
        kind.ok_or_else(|| {
            A::Error::custom(format!(
                "a column is exactly one of {}, or the name of a word list",
                KINDS.join(", ")
            ))
        })
    }
}

/// Reads what stands behind the name of a generator.
fn generator<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Generator, A::Error> {
    let fail = |message: String| Err(A::Error::custom(message));
    let skewed = |skew: f64| {
        if (1.0..=10.0).contains(&skew) {
            Ok(skew)
        } else {
            Err(A::Error::custom(format!("skew is {skew}, it must be from 1 to 10")))
        }
    };
    Ok(match key {
        "key" => map.next_value().map(|Nothing {}| Generator::Key)?,
        "skip" => map.next_value().map(|Nothing {}| Generator::Skip)?,
        "person_name" => map.next_value().map(|Nothing {}| Generator::PersonName)?,
        "reference" => {
            let Reference { to, skew } = map.next_value()?;
            Generator::Reference { to, skew: skewed(skew)? }
        }
        "each" => map.next_value().map(|Each { to }| Generator::Each { to })?,
        "other" => {
            let Other { to, than, skew } = map.next_value()?;
            Generator::Other { to, than, skew: skewed(skew)? }
        }
        "time" => match map.next_value()? {
            Time { within, until, .. } if until >= within => {
                return fail("time has until not below within".to_owned());
            }
            Time { within, until, from_hour: None, to_hour: None } => {
                Generator::Time { within, until, hours: None }
            }
            Time { within, until, from_hour: Some(from), to_hour: Some(to) } if from < to && to <= 24 => {
                Generator::Time { within, until, hours: Some((from, to)) }
            }
            _ => {
                return fail(
                    "time needs both from_hour and to_hour, the first below the second, up to 24".to_owned(),
                );
            }
        },
        "after" => match map.next_value()? {
            After { min, max, .. } if min > max => return fail("after has min above max".to_owned()),
            After { column, min, max } => Generator::After { column, min, max },
        },
        "minutes_between" => {
            map.next_value().map(|Between { from, to }| Generator::MinutesBetween { from, to })?
        }
        "first_of" => Generator::FirstOf(map.next_value()?),
        "uniform" | "zipf" | "normal" | "exponential" | "constant" | "choice" | "sequence" | "series" => {
            return law(key, map);
        }
        "from" => {
            let name = map.next_value::<String>()?;
            match name.rsplit_once('.') {
                Some((table, column)) if !table.is_empty() && !column.is_empty() => {
                    Generator::From { table: table.to_owned(), column: column.to_owned() }
                }
                _ => return fail(format!("from is table.column, not {name:?}")),
            }
        }
        "pattern" => Generator::Pattern(map.next_value()?),
        name if guess::is_look(name) => {
            map.next_value().map(|Nothing {}| Generator::Words(name.to_owned()))?
        }
        name => {
            let lists = words::LISTS.iter().map(|(list, _)| *list);
            return fail(unknown(name, KINDS.iter().copied().chain(guess::look_names()).chain(lists)));
        }
    })
}

/// Reads what stands behind the name of a distribution, a sequence or a series.
fn law<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Generator, A::Error> {
    let fail = |message: String| Err(A::Error::custom(message));
    Ok(match key {
        "uniform" => {
            map.next_value().map(|Uniform { min, max }| Generator::Uniform { min: min.0, max: max.0 })?
        }
        "zipf" => {
            let Zipf { values, max, s } = map.next_value()?;
            if !(0.0..=super::MAX_EXPONENT).contains(&s) {
                return fail(format!("s is {s}, it must be from 0 to {}", super::MAX_EXPONENT));
            }
            let values = match (values, max) {
                (Some(values), None) if !values.is_empty() => {
                    ZipfValues::These(values.into_iter().map(|value| value.0).collect())
                }
                (None, Some(max)) if max > 0 => ZipfValues::UpTo(max),
                _ => return fail("zipf needs either values or max".to_owned()),
            };
            Generator::Zipf { values, s }
        }
        "normal" => match map.next_value()? {
            Normal { mean, sd } if sd >= 0.0 && sd.is_finite() && mean.is_finite() => {
                Generator::Normal { mean, sd }
            }
            Normal { sd, .. } => return fail(format!("sd is {sd}, it must not be negative")),
        },
        "exponential" => match map.next_value()? {
            Exponential { mean } if mean > 0.0 && mean.is_finite() => Generator::Exponential { mean },
            Exponential { mean } => return fail(format!("mean is {mean}, it must be above 0")),
        },
        "constant" => map.next_value().map(|Scalar(value)| Generator::Constant(value))?,
        "choice" => {
            let Weights(choices) = map.next_value()?;
            let total: f64 = choices.iter().map(|choice| choice.1).sum();
            let is_wrong = |weight: f64| !(weight >= 0.0 && weight.is_finite());
            if choices.iter().any(|choice| is_wrong(choice.1)) || !is_positive(total) {
                return fail(
                    "the weights of a choice must not be negative, and one of them above 0".to_owned(),
                );
            }
            Generator::Choice(choices)
        }
        "sequence" => match map.next_value()? {
            Sequence { step: 0, .. } => return fail("step of a sequence is 0".to_owned()),
            Sequence { start, step } => Generator::Sequence { start, step },
        },
        _ => {
            let rhythm: Rhythm = map.next_value()?;
            if let Some(problem) = rhythm.problem() {
                return fail(problem);
            }
            Generator::Series(Box::new(rhythm))
        }
    })
}

/// Whether a number is above 0, which what is no number is not.
pub(super) fn is_positive(number: f64) -> bool {
    number > 0.0
}

/// A value as text, whichever way YAML writes it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scalar(pub(super) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number, a text, true or false")]
        enum Any {
            Bool(bool),
            Int(i64),
            Float(f64),
            Text(String),
        }
        Ok(Self(match Any::deserialize(deserializer)? {
            Any::Bool(value) => value.to_string(),
            Any::Int(value) => value.to_string(),
            Any::Float(value) => value.to_string(),
            Any::Text(value) => value,
        }))
    }
}

/// `{a: 3, b: 1}`, or `[a, b]` with equal weights.
struct Weights(Vec<(String, f64)>);

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "values with weights like {a: 3, b: 1}, or a list of values")]
        enum Any {
            Weighted(BTreeMap<Scalar, f64>),
            Alike(Vec<Scalar>),
        }
        Ok(Self(match Any::deserialize(deserializer)? {
            Any::Weighted(weights) => weights.into_iter().map(|(value, weight)| (value.0, weight)).collect(),
            Any::Alike(values) => values.into_iter().map(|value| (value.0, 1.0)).collect(),
        }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    to: String,
    #[serde(default = "one")]
    skew: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Each {
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    to: String,
    than: String,
    #[serde(default = "one")]
    skew: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    #[serde(with = "crate::workload::duration")]
    within: Duration,
    #[serde(default, with = "crate::workload::duration")]
    until: Duration,
    from_hour: Option<u32>,
    to_hour: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    column: String,
    #[serde(with = "crate::workload::duration")]
    min: Duration,
    #[serde(with = "crate::workload::duration")]
    max: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Uniform {
    min: Scalar,
    max: Scalar,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Zipf {
    values: Option<Vec<Scalar>>,
    max: Option<u64>,
    #[serde(default = "one")]
    s: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Normal {
    mean: f64,
    sd: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exponential {
    mean: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sequence {
    #[serde(default = "first")]
    start: i64,
    #[serde(default = "first")]
    step: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Correlated {
    with: String,
    rank: f64,
}

fn one() -> f64 {
    1.0
}

fn first() -> i64 {
    1
}

#[cfg(test)]
mod tests;
