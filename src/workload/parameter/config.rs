//! Parameters as perfkit.yaml writes them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{ColumnKey, ColumnName, Parameter, Place, ReadColumn, RowSource, Spread};

/// The kinds, as an error lists them.
const KINDS: &str =
    "value, choice, from, zipf, array, uniform, normal, exponential, sequence, ago, query, csv, trace";
/// What pgbench takes for `random_gaussian` at the least.
const MIN_DEVIATIONS: f64 = 2.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParameterConfig {
    #[serde(default, deserialize_with = "present")]
    value: Option<Scalar>,
    choice: Option<Vec<Scalar>>,
    from: Option<ColumnName>,
    zipf: Option<ZipfConfig>,
    array: Option<ArrayConfig>,
    uniform: Option<UniformConfig>,
    normal: Option<SpreadConfig>,
    exponential: Option<SpreadConfig>,
    sequence: Option<SequenceConfig>,
    ago: Option<AgoConfig>,
    query: Option<String>,
    csv: Option<PathBuf>,
    trace: Option<PathBuf>,
    /// Of a query or a file.
    column: Option<ColumnKey>,
    /// Whether a file's first line names its columns.
    header: Option<bool>,
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
struct SpreadConfig {
    min: i64,
    max: i64,
    #[serde(default = "default_spread_parameter")]
    parameter: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SequenceConfig {
    #[serde(default = "one")]
    min: i64,
    #[serde(default = "no_end")]
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
pub(crate) enum Scalar {
    Null(()),
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    pub(crate) fn into_text(self) -> Option<String> {
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

fn default_spread_parameter() -> f64 {
    2.5
}

fn one() -> i64 {
    1
}

fn no_end() -> i64 {
    i64::MAX
}

impl SpreadConfig {
    fn checked(self, name: &str, spread: fn(f64) -> Spread, least: f64) -> Result<Parameter, String> {
        let Self { min, max, parameter } = self;
        // As pgbench has it, and it counts the numbers of a range.
        if min > max || max.checked_sub(min).is_none_or(|span| span == i64::MAX) {
            return Err(format!(
                "{name} has no range of fewer than 2^63 numbers from min {min} to max {max}"
            ));
        }
        if !(parameter >= least && parameter > 0.0 && parameter.is_finite()) {
            let limit = if least > 0.0 { format!("{least} at least") } else { "above 0".to_owned() };
            return Err(format!("the parameter of {name} is {parameter}, it must be {limit}"));
        }
        Ok(Parameter::Spread { min, max, spread: spread(parameter) })
    }
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
        if let Some(normal) = config.normal {
            kinds.push(normal.checked("normal", Spread::Normal, MIN_DEVIATIONS)?);
        }
        if let Some(exponential) = config.exponential {
            kinds.push(exponential.checked("exponential", Spread::Exponential, 0.0)?);
        }
        if let Some(SequenceConfig { min, max }) = config.sequence {
            if min > max {
                return Err(format!("sequence has min {min} above max {max}"));
            }
            kinds.push(Self::Sequence { min, max });
        }
        kinds.extend(read(config.query, config.csv, config.trace, config.column, config.header)?);
        match (kinds.pop(), kinds.pop()) {
            (Some(kind), None) => Ok(kind),
            _ => Err(format!("a parameter is exactly one of {KINDS}")),
        }
    }
}

/// Returns the kinds that are read from somewhere.
fn read(
    query: Option<String>,
    csv: Option<PathBuf>,
    trace: Option<PathBuf>,
    column: Option<ColumnKey>,
    header: Option<bool>,
) -> Result<Vec<Parameter>, String> {
    if column == Some(ColumnKey::Number(0)) {
        return Err("columns are counted from 1".to_owned());
    }
    if header.is_some() && csv.is_none() {
        return Err("header says whether the first line of a csv names its columns".to_owned());
    }
    if column.is_some() && query.is_none() && csv.is_none() {
        return Err("column is one of a query or of a csv".to_owned());
    }
    let has_header = header.unwrap_or(true);
    if !has_header && matches!(column, Some(ColumnKey::Name(_))) {
        return Err("a csv without a header has columns by number".to_owned());
    }
    if query.as_deref().is_some_and(|sql| sql.trim().is_empty()) {
        return Err("query is empty".to_owned());
    }
    if [&csv, &trace].into_iter().flatten().any(|path| path.as_os_str().is_empty()) {
        return Err("the name of the file is missing".to_owned());
    }
    let sources = [
        query.map(RowSource::Query),
        csv.map(|path| RowSource::Csv { path, has_header }),
        trace.map(|path| RowSource::Trace { path, statement: String::new() }),
    ];
    let column = column.unwrap_or(ColumnKey::Number(1));
    let read =
        |source| Parameter::Read(ReadColumn { source, column: column.clone(), place: Place::default() });
    Ok(sources.into_iter().flatten().map(read).collect())
}
