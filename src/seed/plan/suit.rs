//! Values that suit what conditions allow: a guess, narrowed, or replaced where nothing of it is left.

use crate::query::check::Literal;
use crate::query::check::literal;
use crate::seed::condition::domain::{Class, Domain, Numbers, TextDomain, Unit};
use crate::seed::make::lane::Cells;
use crate::seed::make::matching::Matching;
use crate::seed::make::{Draw, Piece, Template, Values};
use crate::seed::schema::types::{TextKind, Type};
use crate::seed::wire::Wire;

/// Decimals of types without a scale of their own.
const DEFAULT_SCALE: u8 = 2;
/// Digits that every number type of the kind holds exactly.
const DEFAULT_PRECISION: u8 = 15;
/// So many values where a condition leaves a range that the guess does not touch.
const SPAN: i128 = 10_000;
/// Spans of time are this many µs instead: a year.
const SPAN_US: i128 = 365 * literal::US_PER_DAY as i128;

/// Returns what conditions may know of a type's values. The scale of decimals is that of the wire.
pub(crate) fn class(ty: &Type, wire: Option<&Wire>) -> Class {
    let number = |unit| Class::Number(unit);
    let decimal = |precision, scale| number(Unit::Decimal { precision, scale });
    match ty {
        Type::Bool => Class::Bool,
        Type::Int2 => number(Unit::Int { bytes: 2 }),
        Type::Int4 | Type::Oid => number(Unit::Int { bytes: 4 }),
        Type::Int8 => number(Unit::Int { bytes: 8 }),
        Type::Money => decimal(DEFAULT_PRECISION, 2),
        Type::Float4 | Type::Float8 => decimal(DEFAULT_PRECISION, DEFAULT_SCALE),
        Type::Numeric { precision, .. } => {
            let scale = match wire {
                Some(Wire::Numeric { scale }) => u8::try_from(*scale).unwrap_or(u8::MAX),
                _ => DEFAULT_SCALE,
            };
            decimal(
                precision.and_then(|it| u8::try_from(it).ok()).unwrap_or(DEFAULT_PRECISION + scale),
                scale,
            )
        }
        Type::Text(text) if text.kind != TextKind::Char => {
            Class::Text { max_chars: text.max_length, is_padded: text.kind == TextKind::Bpchar }
        }
        Type::Date => number(Unit::Date),
        Type::Time { .. } => number(Unit::Time),
        Type::Timestamp { .. } => number(Unit::Timestamp),
        Type::Interval => number(Unit::Interval),
        Type::Enum { labels } => Class::Enum(labels.clone()),
        Type::Array { .. } | Type::Bytea => Class::Sized,
        Type::Json | Type::Jsonb => Class::Json,
        _ => Class::Other,
    }
}

/// Narrows `values` to `domain`; `None` when perfkit cannot make values of it.
pub(crate) fn suit(
    ty: &Type,
    wire: &Wire,
    draw: &Draw,
    values: &Values,
    domain: &Domain,
) -> Option<(Draw, Values)> {
    let same = || Some((draw.clone(), values.clone()));
    let listed = |literals: &[Literal]| {
        let cells = cells(ty, wire, literals)?;
        let n = u64::try_from(literals.len()).expect("few literals");
        Some((uniform(n), Values::List(cells)))
    };
    match domain {
        Domain::Any => same(),
        Domain::Never => None,
        Domain::Values(literals) => listed(literals),
        Domain::Numbers(numbers) => narrowed(numbers, ty, wire, draw, values),
        Domain::Text(text) => match (values, text.left_out()) {
            (Values::List(list), Some(left_out)) => without(list, &cells(ty, wire, &left_out)?),
            _ => texts(text, draw, values),
        },
        Domain::Except(literals) => match (values, ty) {
            (Values::List(list), _) => without(list, &cells(ty, wire, literals)?),
            // Made texts and identifiers are none of a few constants.
            _ => same(),
        },
        Domain::Sizes { low, high } => sized(*low, *high, draw, values),
        Domain::JsonTypes(types) => json(types, draw, values),
    }
}

pub(crate) fn uniform(n: u64) -> Draw {
    Draw::Uniform { n }
}

/// Returns constants as cells of a column; `None` when one of them is no value of the type.
pub(crate) fn cells(ty: &Type, wire: &Wire, literals: &[Literal]) -> Option<Cells> {
    let texts = || literals.iter().map(Literal::text).collect::<Option<Vec<String>>>();
    let ints = |of: &dyn Fn(&Literal) -> Option<i64>| {
        literals.iter().map(of).collect::<Option<Vec<i64>>>().map(Cells::Int)
    };
    let scaled = |scale: u8| literals.iter().map(|it| scaled(&it.text()?, scale)).collect::<Option<Vec<_>>>();
    match (ty, wire) {
        (Type::Enum { .. }, Wire::Labels(labels)) => {
            let place = |it: &Literal| labels.iter().position(|label| Some(label) == it.text().as_ref());
            ints(&|it| place(it).and_then(|place| i64::try_from(place).ok()))
        }
        (_, Wire::Bool) => ints(&|it| match it.text()?.as_str() {
            "true" | "t" | "yes" | "on" | "1" => Some(1),
            "false" | "f" | "no" | "off" | "0" => Some(0),
            _ => None,
        }),
        (Type::Money, _) => {
            scaled(2)?.into_iter().map(|it| i64::try_from(it).ok()).collect::<Option<_>>().map(Cells::Int)
        }
        (_, Wire::Int2 | Wire::Int4 | Wire::Int8) => ints(&|it| it.text()?.trim().parse().ok()),
        (_, Wire::Float4 | Wire::Float8) => {
            texts()?.iter().map(|it| it.trim().parse().ok()).collect::<Option<Vec<f64>>>().map(Cells::Float)
        }
        (_, Wire::Numeric { scale }) => scaled(u8::try_from(*scale).ok()?).map(Cells::Wide),
        (_, Wire::Date) => ints(&|it| match it {
            Literal::Date(days) => Some(i64::from(*days)),
            Literal::Timestamp(us) => Some(us.div_euclid(literal::US_PER_DAY)),
            other => literal::date(&other.text()?).map(i64::from),
        }),
        (Type::Timestamp { .. }, Wire::Micros) => ints(&|it| match it {
            Literal::Timestamp(us) => Some(*us),
            Literal::Date(days) => Some(i64::from(*days) * literal::US_PER_DAY),
            other => literal::timestamp(&other.text()?),
        }),
        (Type::Time { .. }, Wire::Micros | Wire::TimeTz) => ints(&|it| literal::clock(&it.text()?)),
        (_, Wire::Uuid) => texts()?.iter().map(|it| uuid(it)).collect::<Option<Vec<i128>>>().map(Cells::Wide),
        (Type::Text(_) | Type::Json | Type::Jsonb | Type::Xml, Wire::Bytes | Wire::Jsonb) => {
            Some(Cells::of_bytes(texts()?.iter().map(String::as_bytes)))
        }
        _ => None,
    }
}

/// Reads a decimal number as a whole number of 10^-scale; digits behind are cut.
fn scaled(text: &str, scale: u8) -> Option<i128> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(usize::from(scale)).collect();
    let all = format!("{whole}{fraction}");
    all.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    all.parse::<i128>().ok().map(|it| sign * it)
}

fn uuid(text: &str) -> Option<i128> {
    let digits: String = text.chars().filter(|it| !matches!(it, '-' | '{' | '}')).collect();
    (digits.len() == 32).then_some(())?;
    u128::from_str_radix(&digits, 16).ok().map(u128::cast_signed)
}

/// What a number's values are made of.
struct Line {
    low: i128,
    step: i128,
    n: u64,
}

impl Line {
    fn high(&self) -> i128 {
        self.low + self.step * i128::from(self.n.saturating_sub(1))
    }
}

/// The line of a guess in units of the domain.
fn line(values: &Values, unit: Unit) -> Option<Line> {
    match values {
        Values::Int { low, step, n } => Some(Line { low: i128::from(*low), step: i128::from(*step), n: *n }),
        Values::Wide { low, step, n } => Some(Line { low: *low, step: *step, n: *n }),
        Values::Float { low, step, n } => {
            Some(Line { low: steps(*low, unit), step: steps(*step, unit).max(1), n: *n })
        }
        Values::Moments(series) => Some(Line {
            low: i128::from(series.from_us),
            step: 1,
            n: series.curve.n_ranks().saturating_mul(series.step_us.unsigned_abs()),
        }),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "guesses are small; a cast of a float saturates")]
fn steps(value: f64, unit: Unit) -> i128 {
    match unit {
        Unit::Decimal { scale, .. } => (value * 10f64.powi(i32::from(scale))).round() as i128,
        _ => value.round() as i128,
    }
}

/// Puts a guess into the ranges that are allowed: where it overlaps most, else beside it.
fn narrowed(
    numbers: &Numbers,
    ty: &Type,
    wire: &Wire,
    draw: &Draw,
    values: &Values,
) -> Option<(Draw, Values)> {
    let is_time = matches!(numbers.unit, Unit::Timestamp | Unit::Time | Unit::Interval);
    let listed = |low: i128, high: i128| {
        let step = if is_time { 1_000_000.min((high - low).max(1)) } else { 1 };
        Some(Line { low, step, n: u64::try_from((high - low) / step).ok()?.checked_add(1)? })
    };
    if let Values::List(list) = values {
        return filtered(list, numbers).or_else(|| replaced(numbers, ty, wire, None, is_time));
    }
    let Some(guess) = line(values, numbers.unit) else { return replaced(numbers, ty, wire, None, is_time) };
    if numbers.ranges.iter().any(|(low, high)| *low <= guess.low && guess.high() <= *high) {
        return Some((draw.clone(), values.clone()));
    }
    let overlap = |(low, high): &(i128, i128)| (guess.high().min(*high) - guess.low.max(*low)).max(-1);
    let best = numbers.ranges.iter().max_by_key(|range| overlap(range))?;
    if overlap(best) < 0 || (overlap(best) == 0 && best.0 < best.1) {
        return replaced(numbers, ty, wire, Some(&guess), is_time);
    }
    let low = guess.low.max(best.0);
    let high = guess.high().min(best.1);
    let line = if matches!(values, Values::Moments(_)) {
        listed(low, high)?
    } else {
        // On the guess's own grid, where a point of it is inside.
        let first = guess.low + (low - guess.low + guess.step - 1).div_euclid(guess.step) * guess.step;
        if first <= high {
            let n = u64::try_from((high - first) / guess.step).ok()?.checked_add(1)?;
            Line { low: first, step: guess.step, n }
        } else {
            listed(low, high)?
        }
    };
    of_line(&line, numbers.unit, ty, wire)
}

/// A range of its own, near the guess.
fn replaced(
    numbers: &Numbers,
    ty: &Type,
    wire: &Wire,
    guess: Option<&Line>,
    is_time: bool,
) -> Option<(Draw, Values)> {
    let (near, span) = match guess {
        Some(guess) => (guess.low, (guess.high() - guess.low).max(1)),
        None => (0, if is_time { SPAN_US } else { SPAN }),
    };
    let distance = |(low, high): &(i128, i128)| if near < *low { low - near } else { (near - high).max(0) };
    let range = numbers.ranges.iter().min_by_key(|range| distance(range))?;
    let (low, high) = if near < range.0 {
        (range.0, range.1.min(range.0.saturating_add(span)))
    } else if near > range.1 {
        (range.0.max(range.1.saturating_sub(span)), range.1)
    } else {
        (near, range.1.min(near.saturating_add(span)))
    };
    let step = if is_time { 1_000_000.min((high - low).max(1)) } else { 1 };
    let n = u64::try_from((high - low) / step).ok()?.checked_add(1)?;
    of_line(&Line { low, step, n }, numbers.unit, ty, wire)
}

fn of_line(line: &Line, unit: Unit, ty: &Type, wire: &Wire) -> Option<(Draw, Values)> {
    let values = match (ty, wire) {
        (_, Wire::Numeric { .. }) => Values::Wide { low: line.low, step: line.step, n: line.n },
        (_, Wire::Float4 | Wire::Float8) => {
            let Unit::Decimal { scale, .. } = unit else { return None };
            let unit = 10f64.powi(-i32::from(scale));
            #[expect(clippy::cast_precision_loss, reason = "a float has no more digits")]
            Values::Float { low: line.low as f64 * unit, step: line.step as f64 * unit, n: line.n }
        }
        _ => Values::Int {
            low: i64::try_from(line.low).ok()?,
            step: i64::try_from(line.step).ok()?,
            n: line.n,
        },
    };
    Some((uniform(line.n), values))
}

/// Those of a list that are in the ranges.
fn filtered(list: &Cells, numbers: &Numbers) -> Option<(Draw, Values)> {
    let is_in = |value: i128| numbers.ranges.iter().any(|(low, high)| *low <= value && value <= *high);
    let kept = match list {
        Cells::Int(cells) => Cells::Int(cells.iter().copied().filter(|it| is_in(i128::from(*it))).collect()),
        Cells::Wide(cells) => Cells::Wide(cells.iter().copied().filter(|it| is_in(*it)).collect()),
        _ => return None,
    };
    of_list(kept)
}

/// Those of a list that are not `excluded`; `None` when there are none, or they are of another kind.
pub(crate) fn without(list: &Cells, excluded: &Cells) -> Option<(Draw, Values)> {
    let kept = match (list, excluded) {
        (Cells::Int(list), Cells::Int(excluded)) => {
            Cells::Int(list.iter().copied().filter(|it| !excluded.contains(it)).collect())
        }
        (Cells::Wide(list), Cells::Wide(excluded)) => {
            Cells::Wide(list.iter().copied().filter(|it| !excluded.contains(it)).collect())
        }
        (list @ Cells::Bytes { .. }, excluded @ Cells::Bytes { .. }) => {
            let excluded: Vec<&[u8]> = excluded.slices().collect();
            Cells::of_bytes(list.slices().filter(|it| !excluded.contains(it)))
        }
        _ => return None,
    };
    of_list(kept)
}

fn of_list(cells: Cells) -> Option<(Draw, Values)> {
    let n = cells.len() as u64;
    (n > 0).then(|| (uniform(n), Values::List(cells)))
}

/// Texts of a length and shape.
fn texts(domain: &TextDomain, draw: &Draw, values: &Values) -> Option<(Draw, Values)> {
    if !domain.patterns.is_empty() {
        let texts = Matching::new(domain)?;
        return Some((uniform(texts.n()), Values::Matching(texts)));
    }
    let Values::Template(template) = values else { return Some((draw.clone(), values.clone())) };
    let mut template = template.clone();
    template.max_length = Some(template.max_length.map_or(domain.max_chars, |it| it.min(domain.max_chars)));
    if fewest_chars(&template) < domain.min_chars {
        // What is too short for sure is filled up; what has one length alone is digits.
        if domain.min_chars == domain.max_chars {
            template.pieces.clear();
        } else {
            template.pieces.push(Piece::Literal(" ".to_owned()));
        }
        template.pieces.push(Piece::Hex(domain.min_chars));
    }
    Some((draw.clone(), Values::Template(template)))
}

/// The characters that a template has at least.
fn fewest_chars(template: &Template) -> u32 {
    let chars = |piece: &Piece| match piece {
        Piece::Literal(text) => u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
        Piece::Word { .. } => 1,
        Piece::Words { min, .. } => (2 * min).saturating_sub(1),
        Piece::Digits(n) | Piece::Hex(n) | Piece::Code(n) | Piece::DecimalCode(n) => *n,
    };
    template.pieces.iter().map(chars).sum()
}

/// Arrays and byte strings of a length.
fn sized(low: u32, high: u32, draw: &Draw, values: &Values) -> Option<(Draw, Values)> {
    let mut values = values.clone();
    match &mut values {
        Values::Bytes { min, max } | Values::Array { min, max, .. } => {
            *min = (*min).clamp(low, high);
            *max = (*max).clamp(low, high);
        }
        _ => return None,
    }
    Some((draw.clone(), values))
}

/// Documents of a type.
fn json(types: &[String], draw: &Draw, values: &Values) -> Option<(Draw, Values)> {
    let Values::Document(document) = values else { return None };
    let mut document = document.clone();
    let takes = |name: &str| types.iter().any(|it| it == name);
    document.array_up_to = match document.array_up_to {
        Some(n) if takes("array") => Some(n),
        _ if takes("object") => None,
        _ if takes("array") => Some(3),
        _ => return None,
    };
    Some((draw.clone(), Values::Document(document)))
}
