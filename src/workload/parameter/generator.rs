//! Draws the values of parameters.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{ColumnKey, ColumnName, Parameter, ReadColumn, RowSource, Rows, Spread};
use crate::array;
use crate::bench::script::Draws;
use crate::random;

/// What the values of one execution are drawn from: the same draw gives the same values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Draw {
    pub(crate) bits: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) now_us: i64,
    /// The place in sequences; see [`Parameter::Sequence`].
    pub(crate) turn: u64,
}

/// The values of columns that parameters draw from, in text form.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    columns: BTreeMap<ColumnName, Vec<String>>,
    /// With the place of the column in each row.
    read: BTreeMap<(RowSource, ColumnKey), (Rows, usize)>,
}

impl Samples {
    pub(crate) fn insert(&mut self, column: ColumnName, values: Vec<String>) {
        self.columns.insert(column, values);
    }

    /// Keeps rows, which are not empty, and which of their values a parameter takes.
    pub(crate) fn insert_read(&mut self, read: &ReadColumn, rows: Rows, column: usize) {
        self.read.insert((read.source.clone(), read.column.clone()), (rows, column));
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
    Spread {
        min: i64,
        max: i64,
        spread: Spread,
    },
    Sequence {
        min: i64,
        /// How many numbers there are.
        n: u64,
    },
    Ago {
        min: Duration,
        max: Duration,
    },
    /// A value of the row that a stream of random bits names: parameters with the same stream take it of the same row.
    Row {
        rows: Rows,
        column: usize,
        stream: u64,
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
            Parameter::Spread { min, max, spread } => Self::Spread { min: *min, max: *max, spread: *spread },
            Parameter::Sequence { min, max } => {
                Self::Sequence { min: *min, n: max.abs_diff(*min).saturating_add(1) }
            }
            Parameter::Ago { min, max } => Self::Ago { min: *min, max: *max },
            Parameter::Read(read) => match samples.read.get(&(read.source.clone(), read.column.clone())) {
                Some((rows, column)) => Self::row(rows, *column, &read.source.to_string()),
                None => Self::Fixed(None),
            },
            Parameter::Observed { rows, column } => Self::row(rows, *column, "observed"),
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

    fn row(rows: &Rows, column: usize, source: &str) -> Self {
        if rows.is_empty() {
            return Self::Fixed(None);
        }
        Self::Row { rows: rows.clone(), column, stream: random::substream(0, source) }
    }

    /// Returns the value of the `number`-th parameter, from 0, in text form; `None` is NULL.
    pub(crate) fn draw(&self, draw: &Draw, number: u64) -> Option<String> {
        let mut text = String::new();
        self.write(draw, number, &mut text).then_some(text)
    }

    /// Appends what [`Self::draw`] returns; false, and nothing, is NULL.
    pub(crate) fn write(&self, draw: &Draw, number: u64, out: &mut impl fmt::Write) -> bool {
        let bits = random::at(draw.bits, number);
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
                write_timestamp(draw.now_us.saturating_sub(ago), out)
            }
            Self::Spread { min, max, spread } => {
                let mut draws = Draws::new(bits);
                let number = match spread {
                    Spread::Normal(parameter) => draws.gaussian(*min, *max, *parameter),
                    Spread::Exponential(parameter) => draws.exponential(*min, *max, *parameter),
                };
                write!(out, "{number}")
            }
            Self::Sequence { min, n } => write!(out, "{}", min.wrapping_add_unsigned(draw.turn % n)),
            Self::Row { rows, column, stream } => {
                let row = random::below(random::at(draw.bits, *stream), rows.len() as u64);
                match &rows[usize::try_from(row).expect("below a length")][*column] {
                    Some(value) => out.write_str(value),
                    None => return false,
                }
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

    fn draw(bits: u64, now_us: i64) -> Draw {
        Draw { bits, now_us, turn: 0 }
    }

    #[test]
    fn arrays_are_array_literals() {
        let generator = Generator::Array { values: vec!["a\"b\\".to_owned()], length: 2 };
        assert_eq!(generator.draw(&draw(1, 0), 0).unwrap(), r#"{"a\"b\\","a\"b\\"}"#);
        assert_eq!(Generator::Array { values: vec![], length: 2 }.draw(&draw(1, 0), 0).unwrap(), "{}");
    }

    #[test]
    fn zipf_prefers_few_values() {
        let column = ColumnName::try_from("t.c".to_owned()).unwrap();
        let mut samples = Samples::default();
        samples.insert(column.clone(), (0..100).map(|i| i.to_string()).collect());
        let generator = Generator::new(&Parameter::Zipf { from: column, s: 1.1 }, &samples, 7);
        let mut counts = BTreeMap::new();
        for i in 0..10_000 {
            *counts.entry(generator.draw(&draw(random::at(1, i), 0), 0)).or_insert(0) += 1;
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
            let drawn = Generator::Uniform { min: -3, max: 3 }.draw(&draw(bits, 0), 0).unwrap();
            assert!((-3..=3).contains(&drawn.parse::<i64>().unwrap()));
            let hour = Duration::from_hours(1);
            let drawn = Generator::Ago { min: hour, max: hour }.draw(&draw(bits, 3_600_000_000), 0).unwrap();
            assert_eq!(drawn, "1970-01-01 00:00:00.000000+00");
        }
        assert_eq!(
            Generator::Uniform { min: i64::MIN, max: i64::MIN }.draw(&draw(0, 0), 0).unwrap(),
            i64::MIN.to_string()
        );
    }

    /// The shapes themselves are tested where they are (`bench::script`).
    #[test]
    fn numbers_are_spread_over_their_range() {
        let share_below_middle = |spread| {
            let generator = Generator::Spread { min: 1, max: 100, spread };
            let drawn = (0..2000).map(|i| generator.draw(&draw(random::mix(i), 0), 0).unwrap());
            let numbers: Vec<i64> = drawn.map(|text| text.parse().unwrap()).collect();
            assert!(numbers.iter().all(|number| (1..=100).contains(number)));
            numbers.iter().filter(|number| **number <= 50).count()
        };
        assert!((900..1100).contains(&share_below_middle(Spread::Normal(2.5))));
        // 1 / (1 + exp(-2.5 / 2)) is 0.78.
        assert!((1500..1620).contains(&share_below_middle(Spread::Exponential(2.5))));
    }

    #[test]
    fn a_sequence_goes_by_the_turn() {
        let numbers = |min, max| {
            let generator = Generator::new(&Parameter::Sequence { min, max }, &Samples::default(), 1);
            [0, 1, 2, 3].map(|turn| generator.draw(&Draw { turn, ..draw(7, 0) }, 0).unwrap())
        };
        assert_eq!(numbers(-1, 1), ["-1", "0", "1", "-1"]);
        assert_eq!(numbers(1, i64::MAX), ["1", "2", "3", "4"]);
        assert_eq!(numbers(i64::MIN, i64::MAX)[0], i64::MIN.to_string());
    }

    #[test]
    fn values_of_one_row_stay_together() {
        let rows: Rows = (0..50).map(|i| vec![Some(i.to_string()), Some((i * i).to_string())]).collect();
        let [first, second] = [0, 1].map(|column| {
            Generator::new(
                &Parameter::Observed { rows: rows.clone(), column },
                &Samples::default(),
                column as u64,
            )
        });
        let mut seen = std::collections::BTreeSet::new();
        for i in 0..500 {
            let draw = draw(random::mix(i), 0);
            let root: u64 = first.draw(&draw, 0).unwrap().parse().unwrap();
            assert_eq!(second.draw(&draw, 1).unwrap(), (root * root).to_string());
            seen.insert(root);
        }
        assert!(seen.len() > 45, "{seen:?}");
    }
}
