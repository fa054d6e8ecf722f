//! A column as its statistics say: how many rows each value has, which rows these are, and what the values are.

use std::collections::BTreeSet;

use super::axis::{Axis, Marginal, Piece};
use super::elements::{self, Elements};
use super::slots::Slots;
use super::source;
use super::stand_in::{self, Limits};
use crate::array;
use crate::catalog::ColumnStatistics;
use crate::query::check::Literal;
use crate::random;
use crate::seed::condition::domain::Domain;
use crate::seed::exact::{count, rounded};
use crate::seed::guess;
use crate::seed::keys::curve::Curve;
use crate::seed::make::lane::Cells;
use crate::seed::make::{Codes, Stretch, Values};
use crate::seed::plan::suit;
use crate::seed::schema::types::{TextKind, Type};
use crate::seed::time::DAY_US;
use crate::seed::wire::Wire;
use crate::seed::wire::nested::{Fields, append_array_header};

/// Texts, of which the order alone is known, are so far from each other: there is always room between two.
const TEXT_STEP: i128 = 1 << 64;
/// Elements of arrays are a column of so many rows: shares are exact enough.
const N_ELEMENTS: u64 = 1 << 20;
/// Digits that a `double precision` holds for sure (`DBL_DIG`).
const MAX_DIGITS: u32 = 15;

/// What a column is made by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stated {
    pub(crate) slots: Slots,
    pub(crate) curve: Curve,
    /// `None`: those that it has anyway, the ordinals of the axis being theirs.
    pub(crate) values: Option<Values>,
    /// What is not as the source has it.
    pub(crate) conflict: Option<String>,
    /// The source's most common values, each with the rank of what stands for it.
    pub(crate) common: Vec<(String, u64)>,
}

/// A column of the copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    pub(crate) statistics: &'p ColumnStatistics,
    pub(crate) ty: &'p Type,
    pub(crate) wire: &'p Wire,
    /// What its conditions allow.
    pub(crate) domain: &'p Domain,
    pub(crate) n_rows: u64,
    pub(crate) may_be_null: bool,
    /// Every value once.
    pub(crate) is_unique: bool,
    /// A key needs so many values.
    pub(crate) least_distinct: u64,
    /// The source's values are kept.
    pub(crate) is_kept: bool,
    /// By how much moments move.
    pub(crate) shift_us: i64,
    /// Values that are made where the type has no order that perfkit knows.
    pub(crate) n_guessed: u64,
    pub(crate) key: u64,
}

impl Place<'_> {
    /// The values that are known, as numbers by `number`, with the number of distinct ones.
    fn marginal(&self, number: &dyn Fn(&str) -> Option<i128>) -> Marginal {
        let n_values = n_values(self.statistics, self.n_rows, self.may_be_null);
        let n_distinct = if self.is_unique {
            n_values
        } else {
            source::n_distinct(self.statistics, self.n_rows)
                .map_or(n_values, rounded)
                .max(self.least_distinct)
                .clamp(1, n_values.max(1))
        };
        let values = list(self.statistics.most_common_vals.as_deref());
        let shares = self.statistics.most_common_freqs.iter().flatten();
        let common = if self.is_unique {
            Vec::new()
        } else {
            let of = values.iter().zip(shares);
            of.filter_map(|(value, share)| Some((number(value)?, f64::from(*share)))).collect()
        };
        let bounds = list(self.statistics.histogram_bounds.as_deref());
        let bounds = bounds.iter().filter_map(|value| number(value)).collect();
        Marginal { n_rows: self.n_rows, n_values, n_distinct, common, bounds }
    }

    /// Makes the column; the reason when its statistics cannot be kept.
    pub(crate) fn stated(&self) -> Result<Stated, String> {
        match self.domain {
            Domain::Values(literals) => return self.closed(literals),
            Domain::Never => return Err("a constraint leaves no value".to_owned()),
            Domain::Text(text) if !text.patterns.is_empty() => return self.by_ordinal(),
            _ => {}
        }
        match self.ty {
            Type::Bool => self.closed(&[Literal::Bool(false), Literal::Bool(true)]),
            Type::Enum { labels } => {
                let literals: Vec<Literal> = labels.iter().map(|it| Literal::Text(it.clone())).collect();
                self.closed(&literals)
            }
            Type::Text(text) if text.kind == TextKind::Char => self.by_ordinal(),
            Type::Text(_) | Type::Bytea => self.texts(),
            Type::Array { of, element_oid } => match self.arrays(of, *element_oid) {
                Some(arrays) => Ok(arrays),
                None => self.by_ordinal(),
            },
            _ if self.limits().is_some() => self.numbers(),
            _ => self.by_ordinal(),
        }
    }

    /// `number` says where a value is on the axis.
    fn finish(
        &self,
        axis: &Axis,
        values: Option<Values>,
        conflict: Option<String>,
        number: &dyn Fn(&str) -> Option<i128>,
    ) -> Stated {
        let curve = axis.curve();
        let slots = slots(self.statistics, self.n_rows, &curve, self.key);
        let common = list(self.statistics.most_common_vals.as_deref());
        let ranked = |text: String| Some((axis.rank(number(&text)?)?, text));
        let common = common.into_iter().filter_map(ranked).map(|(rank, text)| (text, rank)).collect();
        Stated { slots, curve, values, conflict, common }
    }

    /// Values that the schema names: they are no secret, and no others are allowed.
    fn closed(&self, literals: &[Literal]) -> Result<Stated, String> {
        let unreadable = || "its constraint has values that perfkit cannot read".to_owned();
        let cells = suit::cells(self.ty, self.wire, literals).ok_or_else(unreadable)?;
        let texts: Vec<String> = literals.iter().filter_map(Literal::text).collect();
        let find = |text: &str| {
            let is_it = |other: &String| {
                other.trim_end() == text.trim_end()
                    || matches!((other.as_str(), text), ("true", "t") | ("false", "f"))
            };
            texts.iter().position(is_it).and_then(|place| i128::try_from(place).ok())
        };
        let mut marginal = self.marginal(&find);
        let n_known = list(self.statistics.most_common_vals.as_deref()).len();
        let conflict = (marginal.common.len() < n_known && !self.is_unique)
            .then(|| "its constraint does not allow all values that the source has".to_owned());
        marginal.n_distinct = marginal.n_distinct.min(literals.len() as u64);
        if marginal.common.is_empty() {
            let last = i128::try_from(literals.len()).unwrap_or(i128::MAX);
            marginal.bounds = vec![0, (last - 1).max(0)];
        }
        let axis = Axis::new(&marginal);
        let places: Vec<u64> = axis
            .pieces
            .iter()
            .flat_map(|piece: &Piece| {
                let span = piece.high.saturating_sub(piece.low);
                (0..i128::from(piece.n_values))
                    .map(move |i| piece.low + i * span / i128::from(piece.n_values).max(1))
            })
            .filter_map(|place| u64::try_from(place).ok())
            .collect();
        let values = Values::List(chosen(&cells, &places));
        Ok(self.finish(&axis, Some(values), conflict, &find))
    }

    /// Values that the type's own makers make, in their order as far as they have one.
    fn by_ordinal(&self) -> Result<Stated, String> {
        let known = Ranked::new(self.statistics);
        let mut marginal = self.marginal(&|text| known.number(text));
        let wanted = marginal.n_distinct;
        marginal.n_distinct = wanted.min(self.n_guessed.max(1));
        if self.is_unique && marginal.n_distinct < wanted {
            return Err("too few values are known of its type".to_owned());
        }
        marginal.common.truncate(usize::try_from(marginal.n_distinct).unwrap_or(usize::MAX));
        let axis = Axis::new(&marginal);
        let conflict = (marginal.n_distinct < wanted)
            .then(|| format!("only {} values of it are made", marginal.n_distinct));
        Ok(self.finish(&axis, None, conflict, &|text| known.number(text)))
    }

    /// Arrays with elements as frequent as in the source; `None` where nothing is known of these, or there are too many arrays.
    fn arrays(&self, of: &Type, element_oid: u32) -> Option<Stated> {
        let elements = Elements::new(self.statistics)?;
        let known = Ranked::new(self.statistics);
        let number = |text: &str| known.number(text);
        let marginal = self.marginal(&number);
        if self.is_unique || *self.domain != Domain::Any || marginal.n_distinct > elements::MOST_ARRAYS {
            return None;
        }
        let axis = Axis::new(&marginal);
        let images = self.element_images(&elements, of)?;
        let curve = axis.curve();
        let mut asked: Vec<elements::Asked> = (0..curve.n_ranks())
            .map(|rank| elements::Asked { n_rows: curve.degree(rank), elements: None })
            .collect();
        for text in list(self.statistics.most_common_vals.as_deref()) {
            let rank = number(&text).and_then(|number| axis.rank(number));
            if let Some(asked) = rank.and_then(|rank| asked.get_mut(usize::try_from(rank).ok()?)) {
                asked.elements = elements.read(&text);
            }
        }
        let made = elements.arrays(&asked, self.key);
        let arrays: Vec<Vec<u8>> = made
            .iter()
            .map(|places| {
                let mut bytes = Vec::new();
                append_array_header(element_oid, places.len(), &mut bytes);
                for place in places {
                    bytes.extend_from_slice(images.slice(*place..place + 1));
                }
                bytes
            })
            .collect();
        let values = Values::List(Cells::of_bytes(arrays.iter().map(Vec::as_slice)));
        Some(self.finish(&axis, Some(values), None, &number))
    }

    /// Returns what stands for the elements of arrays, common ones first, then rare ones.
    fn element_images(&self, elements: &Elements, of: &Type) -> Option<Fields> {
        let wire = guess::wire(of)?;
        let statistics = elements.as_column(self.statistics);
        let place = Place {
            statistics: &statistics,
            ty: of,
            wire: &wire,
            domain: &Domain::Any,
            n_rows: N_ELEMENTS,
            may_be_null: false,
            least_distinct: 1,
            key: random::mix(self.key),
            ..*self
        };
        let stated = place.stated().ok()?;
        let rank = |(text, _): &(String, f64)| {
            stated.common.iter().find(|(other, _)| other == text).map(|(_, rank)| *rank)
        };
        let mut ordinals: Vec<u64> = elements.common.iter().map(rank).collect::<Option<_>>()?;
        let is_common: BTreeSet<u64> = ordinals.iter().copied().collect();
        let rare = (0..stated.curve.n_ranks()).filter(|rank| !is_common.contains(rank));
        ordinals.extend(rare.take(usize::try_from(elements.n_rare).ok()?));
        let is_whole = ordinals.len() as u64 == elements.common.len() as u64 + elements.n_rare;
        is_whole.then_some(())?;
        Some(Fields::new(&wire, &stated.values?.cells(&ordinals, &wire, place.key)))
    }

    fn texts(&self) -> Result<Stated, String> {
        let known = Ranked::new(self.statistics);
        let axis = Axis::new(&self.marginal(&|text| known.number(text)));
        let (mut least, mut most) = (1, None);
        if let Type::Text(text) = self.ty {
            // Values of `name` have 63 bytes (NAMEDATALEN).
            most = if text.kind == TextKind::Name { Some(63) } else { text.max_length };
        }
        match self.domain {
            Domain::Text(text) => {
                least = text.min_chars.max(1);
                most = Some(most.map_or(text.max_chars, |most| most.min(text.max_chars)));
            }
            Domain::Sizes { low, high } => (least, most) = ((*low).max(1), Some(*high)),
            _ => {}
        }
        let n = axis.curve().n_ranks();
        let n_chars = n_chars(self.statistics.avg_width).max(least);
        let made = stand_in::texts(n, n_chars, most, &known.texts, self.key);
        let codes = made.ok_or_else(|| format!("{} characters hold no {n} texts", most.unwrap_or(0)))?;
        let codes = if self.is_kept { kept(codes, &axis, &known, most) } else { codes };
        Ok(self.finish(&axis, Some(Values::Codes(codes)), None, &|text| known.number(text)))
    }

    fn numbers(&self) -> Result<Stated, String> {
        let unknown = || "its type has no order that perfkit knows".to_owned();
        let mut limits = self.limits().ok_or_else(unknown)?;
        let per_unit = self.per_unit();
        let cell = |text: &str| number(self.ty, self.wire, per_unit, text);
        let mut is_bounded = false;
        if let Domain::Numbers(numbers) = self.domain {
            let (Some(first), Some(last)) = (numbers.ranges.first(), numbers.ranges.last()) else {
                return Err("a constraint leaves no value".to_owned());
            };
            if numbers.ranges.len() > 1 {
                return Err("its constraint allows several ranges".to_owned());
            }
            // Conditions on floating-point numbers have a scale of their own.
            if !matches!(self.wire, Wire::Float4 | Wire::Float8) {
                limits = Limits { low: limits.low.max(first.0), high: limits.high.min(last.1) };
                is_bounded = first.0 > i128::from(i64::MIN) && last.1 < i128::from(i64::MAX);
            } else if first.0 >= 0 {
                limits.low = limits.low.max(1);
            }
        }
        let marginal = self.marginal(&|text| cell(text).filter(|it| limits.low <= *it && *it <= limits.high));
        let n_texts = list(self.statistics.most_common_vals.as_deref()).len();
        let mut conflict = (marginal.common.len() < n_texts && !self.is_unique)
            .then(|| "its constraint or type does not allow all values that the source has".to_owned());
        let axis = Axis::new(&marginal);
        let stretches = if self.is_kept {
            stand_in::kept_numbers(&axis)
        } else if axis.known.is_empty() {
            let room = limits.high.saturating_sub(limits.low.max(1));
            let n = axis.curve().n_ranks().max(1);
            // Values that nothing is known of: a thousand apart, as far as there is room.
            let unit = if is_time(self.ty) { 1_000_000 } else { 1 };
            let step = (room / i128::from(n)).clamp(1, unit);
            let low = limits.low.max(1);
            vec![Stretch { first: 0, n, low, span: step * i128::from(n), key: Some(self.key) }]
        } else {
            let unit_us = if matches!(self.wire, Wire::Date) { DAY_US } else { 1 };
            let is_moment = matches!(self.ty, Type::Date | Type::Timestamp { .. });
            let shift = if is_moment { i128::from(self.shift_us.div_euclid(unit_us)) } else { 0 };
            if let Some(stretches) = stand_in::numbers(&axis, limits, shift, self.key) {
                stretches
            } else if is_bounded {
                // The schema names the range, and all of it is in use.
                stand_in::kept_numbers(&axis)
            } else {
                conflict = Some("its constraint or type leaves no other values than the source's".to_owned());
                let n = axis.curve().n_ranks().max(1);
                let room = limits.high.saturating_sub(limits.low).saturating_add(1);
                if room < i128::from(n) {
                    return Err("its constraint or type leaves too few values".to_owned());
                }
                // Any numbers: what a table holds of them is not told.
                vec![Stretch { first: 0, n, low: limits.low, span: room, key: Some(self.key) }]
            }
        };
        Ok(self.finish(&axis, Some(Values::Spread { stretches, per_unit }), conflict, &cell))
    }

    /// The numbers that a type holds, in the units of its wire; `None` for types that are no numbers.
    fn limits(&self) -> Option<Limits> {
        let bits = |n: u32| Limits { low: -(1_i128 << (n - 1)), high: (1_i128 << (n - 1)) - 1 };
        Some(match (self.ty, self.wire) {
            (Type::Int2, _) => bits(16),
            (Type::Int4, _) => bits(32),
            (Type::Int8 | Type::Money, _) => bits(64),
            (Type::Oid, _) => Limits { low: 1, high: (1 << 32) - 1 },
            (Type::Float4, _) => bits(24),
            (Type::Float8, _) => bits(53),
            (Type::Numeric { precision, .. }, _) => {
                let digits = precision.map_or(30, u32::from).min(37);
                let high = 10_i128.pow(digits) - 1;
                Limits { low: -high, high }
            }
            // 4713 BC to 9999 AD, within what all moments can be shifted.
            (Type::Date, _) => Limits { low: -2_451_000, high: 2_921_000 },
            (Type::Timestamp { .. }, _) => {
                let day = i128::from(DAY_US);
                Limits { low: -2_451_000 * day, high: 2_921_000 * day }
            }
            (Type::Time { .. }, Wire::Micros | Wire::TimeTz) => {
                Limits { low: 0, high: i128::from(DAY_US) - 1 }
            }
            // Half of them: an order of signed numbers is that of the bytes.
            (Type::Uuid, Wire::Uuid) => Limits { low: 0, high: i128::MAX },
            _ => return None,
        })
    }

    /// Units of a floating-point number: a power of ten that makes whole numbers of the known values.
    fn per_unit(&self) -> f64 {
        if !matches!(self.wire, Wire::Float4 | Wire::Float8) {
            return 1.0;
        }
        let lists = [&self.statistics.most_common_vals, &self.statistics.histogram_bounds];
        let texts: Vec<String> = lists.into_iter().flat_map(|it| list(it.as_deref())).collect();
        let decimals = |text: &String| match text.split_once(['e', 'E']) {
            Some(_) => 9,
            None => text.split_once('.').map_or(0, |(_, after)| u32::try_from(after.len()).unwrap_or(9)),
        };
        let whole = |text: &String| {
            let value = text.parse::<f64>().ok().filter(|it| it.is_finite()).map_or(0.0, f64::abs);
            (0..MAX_DIGITS).find(|n| value < 10_f64.powi(n.cast_signed())).unwrap_or(MAX_DIGITS)
        };
        let digits = if *self.wire == Wire::Float4 { 7 } else { MAX_DIGITS };
        // One more, so that there is room between values.
        let wanted = texts.iter().map(decimals).max().unwrap_or(2) + 1;
        let allowed = digits.saturating_sub(texts.iter().map(whole).max().unwrap_or(2));
        10_f64.powi(wanted.min(allowed).cast_signed())
    }
}

/// A reference to a parent by statistics of the column that refers.
pub(crate) fn reference(
    statistics: &ColumnStatistics,
    n_rows: u64,
    may_be_null: bool,
    parents: (u64, f64),
    key: u64,
) -> (Slots, Curve) {
    let n_values = n_values(statistics, n_rows, may_be_null);
    let n_parents = parents.0;
    let n_distinct = source::n_referred(statistics, n_rows, parents).unwrap_or(count(n_parents));
    let known = Ranked::new(statistics);
    let shares = statistics.most_common_freqs.iter().flatten();
    let common = list(statistics.most_common_vals.as_deref());
    let common: Vec<(i128, f64)> = common
        .iter()
        .zip(shares)
        .filter_map(|(value, share)| Some((known.number(value)?, f64::from(*share))))
        .take(usize::try_from(n_parents).unwrap_or(usize::MAX))
        .collect();
    let bounds = list(statistics.histogram_bounds.as_deref());
    let bounds = bounds.iter().filter_map(|value| known.number(value)).collect();
    let n_distinct = rounded(n_distinct).max(common.len() as u64).clamp(1, n_parents.min(n_values).max(1));
    let curve = Axis::new(&Marginal { n_rows, n_values, n_distinct, common, bounds }).curve();
    (slots(statistics, n_rows, &curve, key), curve)
}

/// Lays out the rows of a curve in the physical order that the statistics tell.
pub(crate) fn slots(statistics: &ColumnStatistics, n_rows: u64, curve: &Curve, key: u64) -> Slots {
    match statistics.correlation {
        Some(correlation) => Slots::correlated(n_rows, curve, f64::from(correlation), key),
        None => Slots::scattered(n_rows, curve.n_slots(), key),
    }
}

/// Rows that are not NULL.
fn n_values(statistics: &ColumnStatistics, n_rows: u64, may_be_null: bool) -> u64 {
    let share = if may_be_null { f64::from(statistics.null_frac) } else { 0.0 };
    n_rows - rounded(share * count(n_rows)).min(n_rows)
}

/// The known values of a column in their order, which is all that is used of them.
struct Ranked {
    texts: Vec<String>,
}

impl Ranked {
    fn new(statistics: &ColumnStatistics) -> Self {
        let mut texts = list(statistics.most_common_vals.as_deref());
        texts.extend(list(statistics.histogram_bounds.as_deref()));
        texts.sort_unstable_by(|a, b| order(a, b));
        texts.dedup();
        Self { texts }
    }

    fn number(&self, text: &str) -> Option<i128> {
        let place = self.texts.binary_search_by(|other| order(other, text)).ok()?;
        Some(i128::try_from(place).ok()? * TEXT_STEP)
    }
}

/// Numbers as numbers; texts about as linguistic collations order them: letters and digits first, regardless of case.
pub(super) fn order(a: &str, b: &str) -> std::cmp::Ordering {
    let folded = |text: &str| -> String {
        text.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(_), _) | (_, Ok(_)) => crate::statistics::compare(a, b),
        _ => folded(a).cmp(&folded(b)).then_with(|| a.cmp(b)),
    }
}

/// Gives the codes the source's own texts: each for its most common value, and as the beginning of those that follow.
fn kept(mut codes: Codes, axis: &Axis, known: &Ranked, max_chars: Option<u32>) -> Codes {
    let mut first = 0;
    for piece in &axis.pieces {
        let place = usize::try_from(piece.after / TEXT_STEP).unwrap_or(usize::MAX);
        let text = known.texts.get(place).cloned().unwrap_or_default();
        let room = max_chars.map_or(usize::MAX, |most| most.saturating_sub(codes.width) as usize);
        let start: String = text.chars().take(room).collect();
        // A bound is a value of its own.
        let is_itself = piece.is_common || piece.low == piece.after;
        if is_itself {
            codes.kept.push((first, text, true));
        }
        if piece.n_values > u64::from(is_itself) {
            codes.kept.push((first + u64::from(is_itself), start, false));
        }
        first += piece.n_values;
    }
    codes.n_chars = codes.width;
    codes
}

pub(super) fn list(array: Option<&str>) -> Vec<String> {
    array.and_then(array::parse).unwrap_or_default().into_iter().flatten().collect()
}

/// Characters of a text that takes so many bytes with its header: one byte up to 126 (`VARATT_SHORT_MAX` of varatt.h), else four.
fn n_chars(avg_width: i32) -> u32 {
    let bytes = u32::try_from(avg_width).unwrap_or(0);
    bytes.saturating_sub(if bytes <= 127 { 1 } else { 4 })
}

/// A value as a number in the units of the wire.
fn number(ty: &Type, wire: &Wire, per_unit: f64, text: &str) -> Option<i128> {
    let cells = suit::cells(ty, wire, &[Literal::Text(text.to_owned())])?;
    match cells {
        Cells::Int(cells) => cells.first().map(|it| i128::from(*it)),
        Cells::Wide(cells) => cells.first().copied(),
        #[expect(clippy::cast_possible_truncation, reason = "a cast saturates")]
        Cells::Float(cells) => {
            cells.first().filter(|it| it.is_finite()).map(|it| (it * per_unit).round() as i128)
        }
        Cells::Bytes { .. } => None,
    }
}

fn is_time(ty: &Type) -> bool {
    matches!(ty, Type::Timestamp { .. } | Type::Time { .. })
}

fn chosen(cells: &Cells, places: &[u64]) -> Cells {
    let places = || places.iter().filter_map(|place| usize::try_from(*place).ok());
    match cells {
        Cells::Int(of) => Cells::Int(places().filter_map(|at| of.get(at).copied()).collect()),
        Cells::Float(of) => Cells::Float(places().filter_map(|at| of.get(at).copied()).collect()),
        Cells::Wide(of) => Cells::Wide(places().filter_map(|at| of.get(at).copied()).collect()),
        Cells::Bytes { .. } => {
            let of: Vec<&[u8]> = cells.slices().collect();
            Cells::of_bytes(places().filter_map(|at| of.get(at).copied()))
        }
    }
}
