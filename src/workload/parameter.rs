//! Where a statement's `$n` values come from: `params` in perfkit.yaml.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::array;
use crate::random;

/// A column as perfkit.yaml names it: `table.column` or `schema.table.column`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ColumnName {
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
    pub(crate) column: String,
}

impl TryFrom<String> for ColumnName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('.').collect();
        let (schema, table, column) = match parts[..] {
            [table, column] => (None, table, column),
            [schema, table, column] => (Some(schema.to_owned()), table, column),
            _ => return Err(format!("{text:?} is not a column; write it as table.column")),
        };
        Ok(Self { schema, table: table.to_owned(), column: column.to_owned() })
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// How the values of one `$n` are drawn.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "ParameterConfig")]
pub(crate) enum Parameter {
    /// The same value every time; `None` is NULL.
    Value(Option<String>),
    /// One of these, equally likely.
    Choice(Vec<Option<String>>),
    /// A value that the column holds, equally likely.
    From(ColumnName),
    /// A value that the column holds; the k-th likeliest has weight `k^-s`.
    Zipf { from: ColumnName, s: f64 },
    /// An array of so many values that the column holds, for `= ANY ($n)`.
    Array { from: ColumnName, length: u32 },
    /// An integer in `min..=max`, equally likely.
    Uniform { min: i64, max: i64 },
    /// A moment between `max` and `min` before now, equally likely.
    Ago { min: Duration, max: Duration },
}

impl Parameter {
    /// The column whose values must be sampled before this parameter can be drawn.
    pub(crate) fn column(&self) -> Option<&ColumnName> {
        match self {
            Self::From(column) | Self::Zipf { from: column, .. } | Self::Array { from: column, .. } => {
                Some(column)
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterConfig {
    #[serde(default, deserialize_with = "present")]
    value: Option<Scalar>,
    choice: Option<Vec<Scalar>>,
    from: Option<ColumnName>,
    zipf: Option<ZipfConfig>,
    array: Option<ArrayConfig>,
    uniform: Option<UniformConfig>,
    ago: Option<AgoConfig>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZipfConfig {
    from: ColumnName,
    #[serde(default = "default_zipf_exponent")]
    s: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayConfig {
    from: ColumnName,
    length: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UniformConfig {
    min: i64,
    max: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgoConfig {
    #[serde(default, with = "crate::workload::duration")]
    min: Duration,
    #[serde(with = "crate::workload::duration")]
    max: Duration,
}

/// A YAML scalar, kept as the text that the server will read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Null(()),
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Null(()) => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Float(value) => Some(value.to_string()),
            Self::Text(value) => Some(value),
        }
    }
}

/// Keeps `value: null` apart from no `value` at all.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Scalar>, D::Error> {
    Scalar::deserialize(deserializer).map(Some)
}

fn default_zipf_exponent() -> f64 {
    1.1
}

impl TryFrom<ParameterConfig> for Parameter {
    type Error = String;

    fn try_from(config: ParameterConfig) -> Result<Self, String> {
        let mut kinds = Vec::new();
        if let Some(value) = config.value {
            kinds.push(Self::Value(value.into_text()));
        }
        if let Some(values) = config.choice {
            if values.is_empty() {
                return Err("choice needs a value at least".to_owned());
            }
            kinds.push(Self::Choice(values.into_iter().map(Scalar::into_text).collect()));
        }
        if let Some(column) = config.from {
            kinds.push(Self::From(column));
        }
        if let Some(ZipfConfig { from, s }) = config.zipf {
            if !(s > 0.0 && s <= 10.0) {
                return Err(format!("the zipf exponent s is {s}, it must be above 0 and at most 10"));
            }
            kinds.push(Self::Zipf { from, s });
        }
        if let Some(ArrayConfig { from, length }) = config.array {
            if !(1..=10_000).contains(&length) {
                return Err(format!("the array length is {length}, it must be from 1 to 10000"));
            }
            kinds.push(Self::Array { from, length });
        }
        if let Some(UniformConfig { min, max }) = config.uniform {
            if min > max {
                return Err(format!("uniform has min {min} above max {max}"));
            }
            kinds.push(Self::Uniform { min, max });
        }
        if let Some(AgoConfig { min, max }) = config.ago {
            if min > max {
                return Err("ago has min above max".to_owned());
            }
            kinds.push(Self::Ago { min, max });
        }
        match (kinds.pop(), kinds.pop()) {
            (Some(kind), None) => Ok(kind),
            _ => {
                Err("a parameter is exactly one of value, choice, from, zipf, array, uniform, ago".to_owned())
            }
        }
    }
}

/// The values of columns that parameters draw from, in text form.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    columns: BTreeMap<ColumnName, Vec<String>>,
}

impl Samples {
    pub(crate) fn insert(&mut self, column: ColumnName, values: Vec<String>) {
        self.columns.insert(column, values);
    }

    /// Returns the column's values; none when the table is empty.
    pub(crate) fn values(&self, column: &ColumnName) -> &[String] {
        self.columns.get(column).map_or(&[], Vec::as_slice)
    }
}

/// Draws one parameter's values; built once, used from every thread.
#[derive(Clone, Debug)]
pub(crate) enum Generator {
    Fixed(Option<String>),
    Choice(Vec<Option<String>>),
    /// Values with the running sums of their weights.
    Weighted {
        values: Vec<String>,
        cumulated: Vec<f64>,
    },
    Array {
        values: Vec<String>,
        length: u32,
    },
    Uniform {
        min: i64,
        max: i64,
    },
    Ago {
        min: Duration,
        max: Duration,
    },
}

impl Generator {
    /// Prepares to draw `parameter`. A column without values gives NULL.
    pub(crate) fn new(parameter: &Parameter, samples: &Samples, seed: u64) -> Self {
        match parameter {
            Parameter::Value(value) => Self::Fixed(value.clone()),
            Parameter::Choice(values) => Self::Choice(values.clone()),
            Parameter::From(column) => {
                let values = samples.values(column);
                if values.is_empty() {
                    return Self::Fixed(None);
                }
                Self::Choice(values.iter().cloned().map(Some).collect())
            }
            Parameter::Zipf { from, s } => Self::zipf(samples.values(from), *s, seed),
            Parameter::Array { from, length } => {
                Self::Array { values: samples.values(from).to_vec(), length: *length }
            }
            Parameter::Uniform { min, max } => Self::Uniform { min: *min, max: *max },
            Parameter::Ago { min, max } => Self::Ago { min: *min, max: *max },
        }
    }

    fn zipf(sample: &[String], s: f64, seed: u64) -> Self {
        let n = sample.len() as u64;
        if n == 0 {
            return Self::Fixed(None);
        }
        // The likeliest values are scattered over the key range, as popular rows are in life.
        let permutation = random::Permutation::new(n, seed);
        let values = (0..n)
            .map(|rank| sample[usize::try_from(permutation.apply(rank)).expect("below a length")].clone())
            .collect();
        let mut sum = 0.0;
        #[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^53")]
        let cumulated = (1..=n)
            .map(|rank| {
                sum += (rank as f64).powf(-s);
                sum
            })
            .collect();
        Self::Weighted { values, cumulated }
    }

    /// Returns the value for these random bits, in text form; `None` is NULL.
    ///
    /// `now_us` is the time in microseconds since the Unix epoch.
    pub(crate) fn draw(&self, bits: u64, now_us: i64) -> Option<String> {
        let mut text = String::new();
        self.write(bits, now_us, &mut text).then_some(text)
    }

    /// Appends what [`Self::draw`] returns; false, and nothing, is NULL.
    pub(crate) fn write(&self, bits: u64, now_us: i64, out: &mut impl fmt::Write) -> bool {
        let index = |n: usize| usize::try_from(random::below(bits, n as u64)).expect("below a length");
        let written = match self {
            Self::Fixed(None) => return false,
            Self::Fixed(Some(value)) => out.write_str(value),
            Self::Choice(values) => match &values[index(values.len())] {
                Some(value) => out.write_str(value),
                None => return false,
            },
            Self::Weighted { values, cumulated } => {
                let total = cumulated.last().expect("a sample has a value");
                let at = random::unit(bits) * total;
                let rank = cumulated.partition_point(|sum| *sum <= at).min(values.len() - 1);
                out.write_str(&values[rank])
            }
            Self::Array { values, .. } if values.is_empty() => out.write_str(&array::write([])),
            Self::Array { values, length } => {
                let drawn = (0..u64::from(*length)).map(|i| {
                    let at = random::below(random::at(bits, i), values.len() as u64);
                    Some(values[usize::try_from(at).expect("below a length")].as_str())
                });
                out.write_str(&array::write(drawn))
            }
            Self::Uniform { min, max } => {
                let span = max.abs_diff(*min).saturating_add(1);
                write!(out, "{}", min.wrapping_add_unsigned(random::below(bits, span)))
            }
            Self::Ago { min, max } => {
                let span =
                    u64::try_from(max.saturating_sub(*min).as_micros()).unwrap_or(u64::MAX).saturating_add(1);
                let least = i64::try_from(min.as_micros()).unwrap_or(i64::MAX);
                let ago = least.saturating_add_unsigned(random::below(bits, span));
                write_timestamp(now_us.saturating_sub(ago), out)
            }
        };
        written.expect("text in memory takes what is written");
        true
    }
}

/// Writes a moment as PostgreSQL reads it into any date or time type.
fn write_timestamp(unix_us: i64, out: &mut impl fmt::Write) -> fmt::Result {
    match chrono::DateTime::from_timestamp_micros(unix_us) {
        Some(moment) => write!(out, "{}", moment.format("%Y-%m-%d %H:%M:%S%.6f+00")),
        None => out.write_str("epoch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Parameter, crate::yaml::Error> {
        crate::yaml::parse(Path::new("p"), text)
    }

    #[test]
    fn reads_every_kind() {
        let id = || ColumnName::try_from("users.id".to_owned()).unwrap();
        for (text, expected) in [
            ("{value: 20}", Parameter::Value(Some("20".into()))),
            ("{value: null}", Parameter::Value(None)),
            ("{choice: [a, true]}", Parameter::Choice(vec![Some("a".into()), Some("true".into())])),
            ("{from: users.id}", Parameter::From(id())),
            ("{zipf: {from: users.id}}", Parameter::Zipf { from: id(), s: 1.1 }),
            ("{array: {from: users.id, length: 3}}", Parameter::Array { from: id(), length: 3 }),
            ("{uniform: {min: 1, max: 9}}", Parameter::Uniform { min: 1, max: 9 }),
            ("{ago: {max: 7d}}", Parameter::Ago { min: Duration::ZERO, max: Duration::from_hours(168) }),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_nonsense() {
        for text in [
            "{}",
            "{value: 1, from: users.id}",
            "{from: id}",
            "{uniform: {min: 2, max: 1}}",
            "{array: {from: users.id, length: 0}}",
            "{zipf: {from: users.id, s: 0}}",
            "{choice: []}",
            "{ziph: {}}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arrays_are_array_literals() {
        let generator = Generator::Array { values: vec!["a\"b\\".to_owned()], length: 2 };
        assert_eq!(generator.draw(1, 0).unwrap(), r#"{"a\"b\\","a\"b\\"}"#);
        assert_eq!(Generator::Array { values: vec![], length: 2 }.draw(1, 0).unwrap(), "{}");
    }

    #[test]
    fn zipf_prefers_few_values() {
        let column = ColumnName::try_from("t.c".to_owned()).unwrap();
        let mut samples = Samples::default();
        samples.insert(column.clone(), (0..100).map(|i| i.to_string()).collect());
        let generator = Generator::new(&Parameter::Zipf { from: column, s: 1.1 }, &samples, 7);
        let mut counts = BTreeMap::new();
        for i in 0..10_000 {
            *counts.entry(generator.draw(random::at(1, i), 0)).or_insert(0) += 1;
        }
        let most = *counts.values().max().unwrap();
        assert!(
            (2000..3200).contains(&most),
            "the first of 100 has a share of about 0.25, not {most} of 10000"
        );
    }

    #[test]
    fn draws_are_in_range() {
        for i in 0..1000 {
            let bits = random::mix(i);
            let drawn = Generator::Uniform { min: -3, max: 3 }.draw(bits, 0).unwrap();
            assert!((-3..=3).contains(&drawn.parse::<i64>().unwrap()));
            let hour = Duration::from_hours(1);
            let drawn = Generator::Ago { min: hour, max: hour }.draw(bits, 3_600_000_000).unwrap();
            assert_eq!(drawn, "1970-01-01 00:00:00.000000+00");
        }
        assert_eq!(
            Generator::Uniform { min: i64::MIN, max: i64::MAX }.draw(0, 0).unwrap(),
            i64::MIN.to_string()
        );
    }
}
