//! Sets of values: what a column may be besides NULL.

use serde::{Deserialize, Serialize};

use super::pattern::{self, Texts};
use crate::query::check::literal::{US_PER_DAY, clock, date, interval, timestamp};
use crate::query::check::{Limit, Literal, Pattern, PatternKind};

/// What kind of values a column has, as far as conditions care; `Domain`s are of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Class {
    Bool,
    Number(Unit),
    /// `text`, `varchar(n)`, `char(n)`, `citext`, `name`: length limit in characters.
    Text {
        max_chars: Option<u32>,
        /// `char(n)`: filled up with spaces, which some operators see and others do not.
        is_padded: bool,
    },
    /// The labels in their order.
    Enum(Vec<String>),
    /// Arrays and `bytea`, of which only the length is understood.
    Sized,
    /// `json` and `jsonb`, of which only the type of the outermost value is understood.
    Json,
    Other,
}

/// Values on a line, as whole numbers of a smallest step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    /// `smallint`, `integer`, `bigint`: the number itself.
    Int { bytes: u8 },
    /// `numeric(precision, scale)` in steps of 10^-scale. `numeric` without precision, `real`, `double precision` and
    /// `money` too: the caller says the scale and the greatest number of digits to use.
    Decimal { precision: u8, scale: u8 },
    /// `timestamp`, `timestamptz`: microseconds since 2000.
    Timestamp,
    /// Days since 2000.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds, where a month has 30 days as in comparisons (`interval_cmp_value` of timestamp.c).
    Interval,
}

/// A set of values of one class; NULL is never in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Domain {
    /// Every value of the type.
    Any,
    /// No value.
    Never,
    Numbers(Numbers),
    /// These values, each once: booleans, labels, texts, and constants of other types.
    Values(Vec<Literal>),
    Text(TextDomain),
    /// Every value of a type without order but these.
    Except(Vec<Literal>),
    /// A number of elements (arrays) or of bytes (bytea), both ends included.
    Sizes {
        low: u32,
        high: u32,
    },
    /// Documents whose outermost value is of these types, in the words of `jsonb_typeof`.
    JsonTypes(Vec<String>),
}

/// Disjoint ranges of whole numbers in rising order, both ends included. An end that no condition gives is the limit of
/// the type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    pub(crate) unit: Unit,
    pub(crate) ranges: Vec<(i128, i128)>,
}

/// Texts of a length that match some patterns and do not match others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextDomain {
    /// In characters, both ends included.
    pub(crate) min_chars: u32,
    pub(crate) max_chars: u32,
    /// In rising order; `true` for those that must not match.
    pub(crate) patterns: Vec<(Pattern, bool)>,
}

/// Days that a month surely has, and those that it has at most.
const MIN_DAYS: i128 = 28;
const MAX_DAYS: i128 = 31;
/// So many days a month has where intervals are compared.
const DAYS_PER_MONTH: i128 = 30;

impl Unit {
    /// Returns the smallest and the greatest value of the type.
    pub(crate) fn limits(self) -> (i128, i128) {
        match self {
            Self::Int { bytes } => {
                let high = 1 << (u32::from(bytes.clamp(1, 8)) * 8 - 1);
                (-high, high - 1)
            }
            Self::Decimal { precision, .. } => {
                let high = 10_i128.pow(u32::from(precision).min(38)) - 1;
                (-high, high)
            }
            // `MIN_TIMESTAMP`, `END_TIMESTAMP`, `DATETIME_MIN_JULIAN` and `DATE_END_JULIAN` of datatype/timestamp.h.
            Self::Timestamp => (-211_813_488_000_000_000, 9_223_371_331_199_999_999),
            Self::Date => (-2_451_545, 2_145_031_948),
            Self::Time => (0, i128::from(US_PER_DAY)),
            Self::Interval => (-i128::from(i64::MAX), i128::from(i64::MAX)),
        }
    }

    /// Returns the last step that is not above a constant, and whether it is equal; `None` for a constant of another
    /// kind. A text is none: of a number that is cast to text it would say too much.
    pub(crate) fn place(self, literal: &Literal) -> Option<(i128, bool)> {
        let days = |us: i64| (i128::from(us.div_euclid(US_PER_DAY)), us.rem_euclid(US_PER_DAY) == 0);
        let exact = |value| Some((value, true));
        match (self, literal) {
            (Self::Int { .. }, Literal::Int(value)) => exact(*value),
            (Self::Int { .. }, Literal::Numeric(text)) => decimal(text, 0),
            (Self::Decimal { scale, .. }, Literal::Int(_) | Literal::Numeric(_)) => {
                decimal(&literal.text()?, usize::from(scale))
            }
            (Self::Timestamp, Literal::Timestamp(us)) => exact(i128::from(*us)),
            (Self::Timestamp, Literal::Date(days)) => exact(i128::from(*days) * i128::from(US_PER_DAY)),
            (Self::Date, Literal::Date(days)) => exact(i128::from(*days)),
            (Self::Date, Literal::Timestamp(us)) => Some(days(*us)),
            (Self::Time, Literal::Other { text, type_name }) if type_name.starts_with("time") => {
                exact(i128::from(clock(text)?))
            }
            (Self::Interval, Literal::Interval { months, days, us }) => {
                let days = i128::from(*months) * DAYS_PER_MONTH + i128::from(*days);
                exact(days * i128::from(US_PER_DAY) + i128::from(*us))
            }
            _ => None,
        }
    }

    /// Returns the smallest and the greatest distance that a constant can mean when it is added: months differ.
    pub(crate) fn shift(self, literal: &Literal) -> Option<(i128, i128)> {
        match (self, literal) {
            (Self::Timestamp | Self::Date, Literal::Interval { months, days, us }) => {
                let months = i128::from(*months);
                let us_per_day = i128::from(US_PER_DAY);
                let of = |per: i128| (months * per + i128::from(*days)) * us_per_day + i128::from(*us);
                let (low, high) = (of(MIN_DAYS).min(of(MAX_DAYS)), of(MIN_DAYS).max(of(MAX_DAYS)));
                match self {
                    Self::Date => Some((low.div_euclid(us_per_day), -(-high).div_euclid(us_per_day))),
                    _ => Some((low, high)),
                }
            }
            (Self::Date, Literal::Int(days)) => Some((*days, *days)),
            (Self::Timestamp, Literal::Int(_)) => None,
            _ => self.place(literal).filter(|(_, is_exact)| *is_exact).map(|(step, _)| (step, step)),
        }
    }

    /// Returns a step as a constant.
    pub(crate) fn literal(self, step: i128) -> Literal {
        let us = i64::try_from(step).unwrap_or(if step < 0 { i64::MIN } else { i64::MAX });
        match self {
            Self::Int { .. } | Self::Decimal { scale: 0, .. } => Literal::Int(step),
            Self::Decimal { scale, .. } => {
                let scale = usize::from(scale);
                let digits = format!("{:0>width$}", step.unsigned_abs(), width = scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                Literal::Numeric(format!("{}{whole}.{fraction}", if step < 0 { "-" } else { "" }))
            }
            Self::Timestamp => Literal::Timestamp(us),
            Self::Date => {
                Literal::Date(i32::try_from(step).unwrap_or(if step < 0 { i32::MIN } else { i32::MAX }))
            }
            Self::Time => {
                let (seconds, us) = (us / 1_000_000, us % 1_000_000);
                let text =
                    format!("{:02}:{:02}:{:02}.{us:06}", seconds / 3600, seconds / 60 % 60, seconds % 60);
                Literal::Other { text, type_name: "time".to_owned() }
            }
            Self::Interval => Literal::Interval { months: 0, days: 0, us },
        }
    }
}

/// Cuts a decimal fraction down to a number of digits behind the point, and says whether nothing was lost.
fn decimal(text: &str, scale: usize) -> Option<(i128, bool)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (kept, lost) = fraction.split_at(fraction.len().min(scale));
    let value: i128 = format!("{whole}{kept:0<scale$}").parse().ok()?;
    let is_exact = lost.bytes().all(|digit| digit == b'0');
    Some((sign * value - i128::from(sign < 0 && !is_exact), is_exact))
}

impl Numbers {
    /// Returns the numbers between limits, which are those of the type where there are none.
    pub(crate) fn between(unit: Unit, low: Option<&Limit>, high: Option<&Limit>) -> Option<Self> {
        let (min, max) = unit.limits();
        let low = match low {
            Some(limit) => {
                let (step, is_exact) = unit.place(&limit.value)?;
                step + i128::from(!(is_exact && limit.is_inclusive))
            }
            None => min,
        };
        let high = match high {
            Some(limit) => {
                let (step, is_exact) = unit.place(&limit.value)?;
                step - i128::from(is_exact && !limit.is_inclusive)
            }
            None => max,
        };
        Some(Self::new(unit, vec![(low.max(min), high.min(max))]))
    }

    /// Puts ranges in order and together.
    pub(crate) fn new(unit: Unit, mut ranges: Vec<(i128, i128)>) -> Self {
        ranges.retain(|(low, high)| low <= high);
        ranges.sort_unstable();
        let mut joined: Vec<(i128, i128)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match joined.last_mut() {
                Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
                _ => joined.push((low, high)),
            }
        }
        Self { unit, ranges: joined }
    }

    pub(crate) fn complement(&self) -> Self {
        let (mut from, max) = self.unit.limits();
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        for &(low, high) in &self.ranges {
            ranges.push((from, low - 1));
            from = high + 1;
        }
        ranges.push((from, max));
        Self::new(self.unit, ranges)
    }

    pub(crate) fn meet(&self, other: &Self) -> Self {
        let pairs =
            self.ranges.iter().flat_map(|a| other.ranges.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))));
        Self::new(self.unit, pairs.collect())
    }

    /// Returns the smallest and the greatest number; `None` when there is none.
    pub(crate) fn span(&self) -> Option<(i128, i128)> {
        Some((self.ranges.first()?.0, self.ranges.last()?.1))
    }
}

impl From<Numbers> for Domain {
    fn from(numbers: Numbers) -> Self {
        match &numbers.ranges[..] {
            [] => Self::Never,
            [range] if *range == numbers.unit.limits() => Self::Any,
            _ => Self::Numbers(numbers),
        }
    }
}

impl TextDomain {
    /// Every text of at most `max_chars` characters.
    pub(crate) fn any(max_chars: Option<u32>) -> Self {
        Self { min_chars: 0, max_chars: max_chars.unwrap_or(u32::MAX), patterns: Vec::new() }
    }

    /// The texts that match a pattern, or do not.
    pub(crate) fn matching(pattern: Pattern, negated: bool) -> Self {
        Self { patterns: vec![(pattern, negated)], ..Self::any(None) }
    }

    /// The texts that a regular expression does not match.
    pub(super) fn without(regex: &str) -> Self {
        Self::matching(Pattern { text: regex.to_owned(), kind: PatternKind::Regex }, true)
    }

    /// Returns the texts that are not in the set, where its patterns leave out single texts and nothing else.
    pub(crate) fn left_out(&self) -> Option<Vec<Literal>> {
        let texts = self.patterns.iter().map(|(pattern, is_negated)| {
            let is_single = *is_negated && pattern.kind == PatternKind::Like;
            is_single.then(|| pattern::single(&pattern.text)).flatten().map(Literal::Text)
        });
        let empty = (self.min_chars == 1).then(|| Some(Literal::Text(String::new())));
        (self.min_chars <= 1).then_some(())?;
        texts.chain(empty).collect()
    }

    fn meet(&self, other: &Self) -> Domain {
        let mut patterns: Vec<_> = self.patterns.iter().chain(&other.patterns).cloned().collect();
        patterns.sort_unstable();
        patterns.dedup();
        let (min_chars, max_chars) =
            (self.min_chars.max(other.min_chars), self.max_chars.min(other.max_chars));
        let met = Self { min_chars, max_chars, patterns };
        // What cannot be counted is not known to be empty.
        let is_empty = min_chars > max_chars || Texts::new(&met).is_some_and(|texts| texts.size() == 0);
        if is_empty { Domain::Never } else { Domain::Text(met) }
    }
}

impl Domain {
    /// Returns what is in both sets.
    pub(crate) fn meet(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, same) | (same, Self::Any) => same.clone(),
            (Self::Numbers(a), Self::Numbers(b)) => a.meet(b).into(),
            (Self::Text(a), Self::Text(b)) => a.meet(b),
            (Self::Values(values), other) | (other, Self::Values(values)) => {
                Self::values(values.iter().filter(|value| other.accepts(value)).cloned().collect())
            }
            (Self::Except(a), Self::Except(b)) => Self::Except(joined(a, b)),
            (Self::Sizes { low, high }, Self::Sizes { low: l, high: h }) => {
                let (low, high) = (*low.max(l), *high.min(h));
                if low <= high { Self::Sizes { low, high } } else { Self::Never }
            }
            (Self::JsonTypes(a), Self::JsonTypes(b)) => {
                let both: Vec<_> = a.iter().filter(|name| b.contains(name)).cloned().collect();
                if both.is_empty() { Self::Never } else { Self::JsonTypes(both) }
            }
            _ => Self::Never,
        }
    }

    /// Returns what is in one of the sets, where that is a set of the same form.
    pub(crate) fn union(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Never, same) | (same, Self::Never) => same.clone(),
            (Self::Numbers(a), Self::Numbers(b)) => {
                Numbers::new(a.unit, a.ranges.iter().chain(&b.ranges).copied().collect()).into()
            }
            (Self::Values(a), Self::Values(b)) => Self::Values(joined(a, b)),
            (Self::Sizes { low, high }, Self::Sizes { low: l, high: h })
                if *low.max(l) <= high.min(h).saturating_add(1) =>
            {
                Self::Sizes { low: *low.min(l), high: *high.max(h) }
            }
            (Self::JsonTypes(a), Self::JsonTypes(b)) => Self::JsonTypes(joined(a, b)),
            (a, b) if a == b => a.clone(),
            _ => return None,
        })
    }

    /// Whether all of this set is known to be in another.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        *other == Self::Any || self == other || self.meet(other) == *self
    }

    /// Returns these values, each once.
    pub(crate) fn values(values: Vec<Literal>) -> Self {
        let mut each: Vec<Literal> = Vec::with_capacity(values.len());
        for value in values {
            if !each.contains(&value) {
                each.push(value);
            }
        }
        if each.is_empty() { Self::Never } else { Self::Values(each) }
    }

    /// Returns how many values there are, at most `u64::MAX`; `None` where that is not known. Of texts it is how many
    /// [`Domain::nth`] makes.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Never => Some(0),
            Self::Numbers(numbers) => {
                let n = numbers.ranges.iter().map(|(low, high)| high.abs_diff(*low).saturating_add(1));
                Some(u64::try_from(n.fold(0, u128::saturating_add)).unwrap_or(u64::MAX))
            }
            Self::Values(values) => u64::try_from(values.len()).ok(),
            Self::Text(texts) => Texts::new(texts).map(|texts| texts.size()),
            Self::Any | Self::Except(_) | Self::Sizes { .. } | Self::JsonTypes(_) => None,
        }
    }

    /// Returns the n-th value, another one for every `n` below the size; `None` from there on. For many texts prepare
    /// [`Texts`] once.
    #[cfg(test)]
    pub(crate) fn nth(&self, n: u64) -> Option<Literal> {
        match self {
            Self::Numbers(numbers) => {
                let mut n = i128::from(n);
                for &(low, high) in &numbers.ranges {
                    let place = low.checked_add(n)?;
                    if place <= high {
                        return Some(numbers.unit.literal(place));
                    }
                    n -= high - low + 1;
                }
                None
            }
            Self::Values(values) => values.get(usize::try_from(n).ok()?).cloned(),
            Self::Text(texts) => Texts::new(texts)?.nth(n).map(Literal::Text),
            Self::Any | Self::Never | Self::Except(_) | Self::Sizes { .. } | Self::JsonTypes(_) => None,
        }
    }

    /// Whether a value is in the set, as far as that can be told from a constant.
    pub(crate) fn accepts(&self, value: &Literal) -> bool {
        match (self, value) {
            (_, Literal::Null) => false,
            (Self::Any, _) => true,
            (Self::Numbers(numbers), value) => numbers.unit.place(value).is_some_and(|(step, is_exact)| {
                is_exact && numbers.ranges.iter().any(|(low, high)| (low..=high).contains(&&step))
            }),
            // A label or a uuid may be written with its type or without it.
            (Self::Values(values), value) => values.iter().any(|other| other.text() == value.text()),
            (Self::Text(texts), Literal::Text(text)) => pattern::accepts(texts, text),
            (Self::Except(values), value) => values.iter().all(|other| other.text() != value.text()),
            _ => false,
        }
    }
}

fn joined<T: Clone + PartialEq>(a: &[T], b: &[T]) -> Vec<T> {
    let mut joined: Vec<T> = Vec::with_capacity(a.len() + b.len());
    for value in a.iter().chain(b) {
        if !joined.contains(value) {
            joined.push(value.clone());
        }
    }
    joined
}

/// Reads a constant without a type as one of a class.
pub(crate) fn typed(literal: &Literal, class: &Class) -> Option<Literal> {
    let text = literal.text()?;
    match class {
        Class::Bool => Some(Literal::Bool(matches!(&*text, "true" | "t"))),
        Class::Number(unit) => match unit {
            Unit::Int { .. } => text.parse().ok().map(Literal::Int),
            Unit::Decimal { .. } => decimal(&text, 0).map(|_| Literal::Numeric(text)),
            Unit::Timestamp => timestamp(&text).map(Literal::Timestamp),
            Unit::Date => date(&text).map(Literal::Date),
            Unit::Time => Some(Literal::Other { text, type_name: "time".to_owned() }),
            Unit::Interval => interval(&text),
        },
        Class::Text { .. } | Class::Enum(_) => Some(Literal::Text(text)),
        Class::Sized | Class::Json | Class::Other => Some(literal.clone()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = Numbers> {
        prop::collection::vec((-9_i128..9, -9_i128..9), 0..4)
            .prop_map(|ranges| Numbers::new(Unit::Int { bytes: 2 }, ranges))
    }

    proptest! {
        #[test]
        fn sets_of_numbers(a in numbers(), b in numbers()) {
            let is_in = |set: &Domain, n: i128| set.accepts(&Literal::Int(n));
            let (one, other) = (Domain::from(a.clone()), Domain::from(b));
            let (met, both) = (one.meet(&other), one.union(&other).unwrap());
            let not: Domain = a.complement().into();
            for n in -11..11 {
                prop_assert_eq!(is_in(&met, n), is_in(&one, n) && is_in(&other, n));
                prop_assert_eq!(is_in(&both, n), is_in(&one, n) || is_in(&other, n));
                prop_assert_eq!(is_in(&not, n), !is_in(&one, n));
            }
            let size = one.size().unwrap();
            let all: Vec<_> = (0..size).map(|n| one.nth(n).unwrap()).collect();
            prop_assert!(all.windows(2).all(|pair| pair[0] < pair[1]) && all.iter().all(|n| one.accepts(n)));
            prop_assert_eq!(one.nth(size), None);
            prop_assert!(met.is_within(&one) && one.is_within(&both));
        }
    }

    #[test]
    fn steps_are_written_as_constants() {
        let decimal = Unit::Decimal { precision: 6, scale: 2 };
        for (unit, step, expected) in [
            (Unit::Int { bytes: 4 }, -5, "-5"),
            (decimal, -5, "-0.05"),
            (decimal, 12_345, "123.45"),
            (Unit::Date, -1, "1999-12-31"),
            (Unit::Date, -730_485, "0001-01-01 BC"),
            (Unit::Timestamp, 1_500_000, "2000-01-01 00:00:01.500000"),
            (Unit::Time, 3_600_000_001, "01:00:00.000001"),
            (Unit::Interval, -1_500_000, "0 mons 0 days -1.500000 seconds"),
        ] {
            let literal = unit.literal(step);
            assert_eq!(literal.text().as_deref(), Some(expected));
            if step != -730_485 {
                assert_eq!(unit.place(&literal), Some((step, true)), "{expected}");
            }
        }
        assert_eq!(decimal.place(&Literal::Numeric("-0.005".into())), Some((-1, false)));
        assert_eq!(Unit::Date.place(&Literal::Timestamp(-1)), Some((-1, false)));
    }
}
