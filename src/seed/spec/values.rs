//! What the generators of perfkit.yaml make: draws and values for a column.

use std::time::Duration;

use super::generator::{Generator, ZipfValues};
use crate::query::check::{Literal, Pattern, PatternKind};
use crate::seed::condition::TextDomain;
use crate::seed::exact;
use crate::seed::guess;
use crate::seed::keys::curve::Curve;
use crate::seed::keys::fanout::{Distribution, Fanout};
use crate::seed::make::lane::Cells;
use crate::seed::make::matching::Matching;
use crate::seed::make::series::{Rate, series};
use crate::seed::make::{Cut, Derived, Draw, Maker, Values};
use crate::seed::plan::suit::cells;
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, Field, Relation};
use crate::seed::time::DAY_US;
use crate::seed::wire::Wire;

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
/// Slots of a curve that values are drawn from, beside 32 for each value: shares are exact to a millionth.
const N_SLOTS: u64 = 1 << 20;
/// Parts of a bell or a tail: a curve's knots.
const N_PARTS: u32 = 512;
/// A bell reaches so many standard deviations to each side; one value in 16,000 is beyond.
const N_DEVIATIONS: f64 = 4.0;
/// An exponential tail reaches so many means; one value in 22,000 is beyond.
const N_MEANS: f64 = 10.0;
/// Texts of patterns have at most so many characters where the column has no limit.
const MAX_CHARS: u32 = 256;

/// The column that values are made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) relation: &'a Relation,
    pub(crate) column: ColumnId,
    pub(crate) wire: &'a Wire,
    /// The end of time series, µs since 2000-01-01 UTC.
    pub(crate) as_of_us: i64,
    pub(crate) n_rows: u64,
}

/// Returns the maker of a generator. `None` where the generator says nothing of values: keys, references, `from`, `skip`, and
/// what is merely NULL or correlated now and then.
///
/// The error says what is wrong, without the names of table and column.
pub(crate) fn maker(generator: &Generator, site: &Site) -> Result<Option<Maker>, String> {
    let drawn = |draw, values| Ok(Some(Maker::Drawn { draw, values }));
    let field = site.field();
    match generator {
        Generator::Key
        | Generator::Reference { .. }
        | Generator::Each { .. }
        | Generator::Other { .. }
        | Generator::From { .. }
        | Generator::Skip
        | Generator::Nullable { of: None, .. }
        | Generator::Correlated { of: None, .. } => Ok(None),
        Generator::Nullable { of: Some(of), .. } | Generator::Correlated { of: Some(of), .. } => {
            maker(of, site)
        }
        Generator::Time { within, until, hours } => {
            let weights = |(from, to): (u32, u32)| {
                std::array::from_fn(|hour| u64::from((from as usize..to as usize).contains(&hour)))
            };
            let rate = Rate { hours: hours.map_or([1; 24], weights), ..Rate::default() };
            site.moments(*within, *until, &rate)
        }
        Generator::Series(rhythm) => site.moments(rhythm.within, rhythm.until, &rhythm.rate()),
        Generator::After { column, min, max } => {
            let (unit_us, step_us) = site.time_unit().ok_or_else(|| site.wrong_type())?;
            let (low, high) = (-(-micros(*min)).div_euclid(unit_us), micros(*max).div_euclid(unit_us).max(0));
            let step = (step_us / unit_us).max(1);
            let n = ((high - low).max(0) / step).unsigned_abs() + 1;
            let end = site.as_of_us.div_euclid(unit_us);
            let cut = if field.not_null { Cut::At(end) } else { Cut::NullAbove(end) };
            let draw = Draw::Uniform { n };
            Ok(Some(Maker::Derived(Derived::Beyond { of: site.column(column)?, low, step, draw, cut })))
        }
        Generator::MinutesBetween { from, to } => {
            if !matches!(field.ty, Type::Int2 | Type::Int4 | Type::Int8) {
                return Err(site.wrong_type());
            }
            let (from, to) = (site.column(from)?, site.column(to)?);
            Ok(Some(Maker::Derived(Derived::Between { from, to, unit: MINUTE_US })))
        }
        Generator::FirstOf(names) => {
            let columns = names.iter().map(|name| site.column(name)).collect::<Result<Vec<_>, _>>()?;
            Ok(Some(Maker::Derived(Derived::FirstOf(columns))))
        }
        Generator::PersonName => site.words("person_name"),
        Generator::Words(name) => site.words(name),
        Generator::Uniform { min, max } => {
            let line = site.line(min, max)?;
            drawn(Draw::Uniform { n: line.n() }, line)
        }
        Generator::Zipf { values, s } => {
            let values = match values {
                ZipfValues::These(values) => Values::List(site.cells(values)?),
                ZipfValues::UpTo(max) => site.line("1", &max.to_string())?,
            };
            let n = values.n();
            let zipf = Fanout { distribution: Distribution::Zipf { s: *s }, childless: None };
            // Every value has slots, or a long tail would never be drawn.
            drawn(Draw::Skewed(zipf.curve(n, N_SLOTS.saturating_add(n.saturating_mul(32)))), values)
        }
        Generator::Normal { mean, sd } => {
            let bell = |z: f64| exact::exp(-z * z / 2.0);
            site.bent((mean - N_DEVIATIONS * sd, mean + N_DEVIATIONS * sd), |share| {
                bell((share * 2.0 - 1.0) * N_DEVIATIONS)
            })
        }
        Generator::Exponential { mean } => {
            site.bent((0.0, N_MEANS * mean), |share| exact::exp(-share * N_MEANS))
        }
        Generator::Constant(value) => {
            drawn(Draw::Uniform { n: 1 }, Values::List(site.cells(std::slice::from_ref(value))?))
        }
        Generator::Choice(choices) => {
            let (values, weights): (Vec<String>, Vec<f64>) = choices.iter().cloned().unzip();
            let parts: Vec<(u64, f64)> = weights.into_iter().map(|weight| (1, weight)).collect();
            drawn(Draw::Skewed(Curve::of_weights(&parts, N_SLOTS)), Values::List(site.cells(&values)?))
        }
        Generator::Sequence { start, step } => {
            let limits = limits(&field.ty).ok_or_else(|| site.wrong_type())?;
            let end = if *step > 0 { limits.1 } else { limits.0 };
            let last = start.checked_add(step.saturating_mul(i64::try_from(site.n_rows).unwrap_or(i64::MAX)));
            if *start < limits.0
                || *start > limits.1
                || last.is_none_or(|last| last > limits.1 || last < limits.0)
            {
                return Err(format!("sequence leaves the range of type {} within its rows", field.type_name));
            }
            let n = end.abs_diff(*start) / step.unsigned_abs();
            drawn(Draw::Serial, Values::Int { low: *start, step: *step, n })
        }
        Generator::Pattern(pattern) => {
            let Type::Text(text) = &field.ty else { return Err(site.wrong_type()) };
            let pattern = Pattern { text: pattern.clone(), kind: PatternKind::Regex };
            let max_chars = text.max_length.unwrap_or(MAX_CHARS);
            let domain = TextDomain { min_chars: 0, max_chars, patterns: vec![(pattern, false)] };
            let matching =
                Matching::new(&domain).ok_or("no text that the column holds matches the pattern")?;
            drawn(Draw::Uniform { n: matching.n() }, Values::Matching(matching))
        }
    }
}

/// Returns which share of rows is NULL, of 2^32, where a generator says so.
pub(crate) fn null_share(generator: &Generator) -> Option<u32> {
    match generator {
        Generator::Nullable { share, .. } => Some(exact::share(*share)),
        _ => None,
    }
}

impl Site<'_> {
    fn field(&self) -> &Field {
        self.relation.field(self.column)
    }

    fn wrong_type(&self) -> String {
        format!("has type {}, which its generator cannot make", self.field().type_name)
    }

    fn column(&self, name: &str) -> Result<ColumnId, String> {
        self.relation.column(name).ok_or_else(|| {
            let names = self.relation.fields.iter().map(|field| field.name.as_str());
            let nearest = crate::yaml::nearest(name, names);
            let hint = nearest.map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default();
            format!("refers to column \"{name}\", which does not exist{hint}")
        })
    }

    /// The unit of the column's cells in µs, and the step of its moments: whole seconds, as applications record them.
    fn time_unit(&self) -> Option<(i64, i64)> {
        match self.field().ty {
            Type::Date => Some((DAY_US, DAY_US)),
            Type::Timestamp { .. } => Some((1, SECOND_US)),
            _ => None,
        }
    }

    fn moments(&self, within: Duration, until: Duration, rate: &Rate) -> Result<Option<Maker>, String> {
        let (_, step_us) = self.time_unit().ok_or_else(|| self.wrong_type())?;
        let before = |duration| self.as_of_us.saturating_sub(micros(duration));
        let series = series(before(within), before(until), rate, self.n_rows, step_us);
        Ok(Some(Maker::Drawn { draw: Draw::Row, values: Values::Moments(series) }))
    }

    fn words(&self, name: &str) -> Result<Option<Maker>, String> {
        let Type::Text(text) = &self.field().ty else { return Err(self.wrong_type()) };
        let (draw, values) =
            guess::named(name, text.max_length).ok_or_else(|| format!("knows no words {name}"))?;
        Ok(Some(Maker::Drawn { draw, values }))
    }

    /// Returns values of the column's type.
    fn cells(&self, values: &[String]) -> Result<Cells, String> {
        let literals: Vec<Literal> = values.iter().cloned().map(Literal::Text).collect();
        let one = |literal: &Literal| cells(&self.field().ty, self.wire, std::slice::from_ref(literal));
        if let Some((value, _)) = values.iter().zip(&literals).find(|(_, literal)| one(literal).is_none()) {
            return Err(format!("has type {}, of which {value:?} is no value", self.field().type_name));
        }
        if let (Type::Text(text), Some(value)) =
            (&self.field().ty, values.iter().max_by_key(|it| it.chars().count()))
            && text.max_length.is_some_and(|max| value.chars().count() > max as usize)
        {
            return Err(format!("has type {}, which is too short for {value:?}", self.field().type_name));
        }
        cells(&self.field().ty, self.wire, &literals).ok_or_else(|| self.wrong_type())
    }

    /// Returns all values from `min` to `max`, in steps of the type's unit.
    fn line(&self, min: &str, max: &str) -> Result<Values, String> {
        /// Floating-point numbers are made of so many steps.
        const N_STEPS: u64 = 1_000_000;
        let n_steps = |low: i128, high: i128, step: i128| u64::try_from((high - low) / step).ok();
        let values = match self.cells(&[min.to_owned(), max.to_owned()])? {
            Cells::Int(ends) if !matches!(self.wire, Wire::Labels(_)) => {
                let step = self.time_unit().map_or(1, |(unit_us, step_us)| step_us / unit_us);
                n_steps(ends[0].into(), ends[1].into(), step.into()).map(|n| Values::Int {
                    low: ends[0],
                    step,
                    n: n.saturating_add(1),
                })
            }
            Cells::Wide(ends) if matches!(self.wire, Wire::Numeric { .. }) => n_steps(ends[0], ends[1], 1)
                .map(|n| Values::Wide { low: ends[0], step: 1, n: n.saturating_add(1) }),
            #[expect(clippy::cast_precision_loss, reason = "a million")]
            Cells::Float(ends) => Some(Values::Float {
                low: ends[0],
                step: (ends[1] - ends[0]) / N_STEPS as f64,
                n: N_STEPS + 1,
            }),
            _ => return Err(self.wrong_type()),
        };
        let is_rising = !matches!(values, Some(Values::Float { step, .. }) if step < 0.0);
        values.filter(|_| is_rising).ok_or_else(|| format!("has its minimum {min} above its maximum {max}"))
    }

    /// Returns numbers between two ends, each in proportion to the weight at its share of the way.
    fn bent(&self, ends: (f64, f64), weight: impl Fn(f64) -> f64) -> Result<Option<Maker>, String> {
        let (least, most) = number_limits(&self.field().ty, self.wire).ok_or_else(|| self.wrong_type())?;
        let (low, high) = (ends.0.max(least), ends.1.min(most));
        if low > high {
            return Err(format!("has type {}, which holds none of these numbers", self.field().type_name));
        }
        let values = self.line(&decimal(low, self.wire), &decimal(high, self.wire))?;
        let n = values.n();
        let n_parts = u64::from(N_PARTS).min(n);
        let at =
            |part: u64| u64::try_from(u128::from(n) * u128::from(part) / u128::from(n_parts)).unwrap_or(n);
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let parts: Vec<(u64, f64)> = (0..n_parts)
            .map(|part| {
                let middle = low + (high - low) * (part as f64 + 0.5) / n_parts as f64;
                let share = if ends.1 > ends.0 { (middle - ends.0) / (ends.1 - ends.0) } else { 0.5 };
                let n_values = at(part + 1) - at(part);
                (n_values, weight(share) * n_values as f64)
            })
            .collect();
        // A narrow type has numbers only in a corner of the law; all its values may weigh nothing.
        let curve = Curve::of_weights(&parts, N_SLOTS.saturating_add(n.saturating_mul(32)));
        Ok(Some(Maker::Drawn { draw: Draw::Skewed(curve), values }))
    }
}

fn limits(ty: &Type) -> Option<(i64, i64)> {
    match ty {
        Type::Int2 => Some((i16::MIN.into(), i16::MAX.into())),
        Type::Int4 => Some((i32::MIN.into(), i32::MAX.into())),
        Type::Int8 => Some((i64::MIN, i64::MAX)),
        _ => None,
    }
}

/// The least and the greatest number of a type.
fn number_limits(ty: &Type, wire: &Wire) -> Option<(f64, f64)> {
    /// Beyond it neighbouring `f64` are further apart than 1, and a sum of shares is not exact.
    const MOST: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_precision_loss, reason = "cut to what is exact")]
    let of_ints = |(low, high): (i64, i64)| ((low as f64).max(-MOST), (high as f64).min(MOST));
    match (ty, wire) {
        (Type::Numeric { precision: Some(precision), scale }, Wire::Numeric { .. }) => {
            let n_digits = i32::from(*precision) - i32::from(*scale);
            let most = exact::pow(10.0, f64::from(n_digits.clamp(-30, 15)));
            let unit = exact::pow(10.0, -f64::from(*scale));
            Some((unit - most, most - unit))
        }
        (Type::Numeric { .. } | Type::Float4 | Type::Float8, _) => Some((-MOST, MOST)),
        (Type::Money, _) => Some((-MOST / 100.0, MOST / 100.0)),
        _ => limits(ty).map(of_ints),
    }
}

/// Writes a number as values of a wire are written: whole where it takes no decimals.
fn decimal(number: f64, wire: &Wire) -> String {
    match wire {
        Wire::Float4 | Wire::Float8 => number.to_string(),
        Wire::Numeric { scale } => format!("{number:.*}", usize::from((*scale).min(30))),
        _ => format!("{:.0}", number.round()),
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
