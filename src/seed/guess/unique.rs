//! Values that are never the same twice.

use super::scalar::{self, FREE_SCALE};
use super::{XML, lexicon, range_element, template, texts, times, wire};
use crate::seed::make::{Network, Piece, RangeElement, Values};
use crate::seed::schema::types::{TextType, Type};
use crate::seed::schema::{Field, Relation};

/// No column needs more different numbers.
const N_MOST: u64 = 1 << 50;
/// Bytes that hold every ordinal, and look like a hash.
const N_BYTES: u32 = 16;

/// Returns different values for `n_needed` ordinals in the look that the column's name asks for, as many as [`Values::n`]
/// says; `None` where the type has none that perfkit can make different.
///
/// There may be fewer than `n_needed`: the type holds no more. Texts are different in lower case too. For the same column and a like
/// number of rows these are always the same values: rows of a later run, with later ordinals, do not meet earlier ones.
pub(crate) fn unique(field: &Field, relation: &Relation, n_needed: u64) -> Option<Values> {
    of_type(&field.ty, &lexicon::tokens(&field.name), relation, n_needed)
}

fn of_type(ty: &Type, words: &[String], relation: &Relation, n_needed: u64) -> Option<Values> {
    let ints = |low: i64, n: u64| Values::Int { low, step: 1, n };
    Some(match ty {
        Type::Bool => ints(0, 2),
        Type::Int2 => ints(1, i16::MAX.unsigned_abs().into()),
        Type::Int4 | Type::Oid => ints(1, i32::MAX.unsigned_abs().into()),
        Type::Int8 | Type::Money => ints(1, N_MOST),
        Type::PgLsn => Values::Int { low: 8, step: 8, n: N_MOST },
        // All whole numbers up to the width of the mantissa are exact.
        Type::Float4 => Values::Float { low: 1.0, step: 1.0, n: 1 << 24 },
        Type::Float8 => Values::Float { low: 1.0, step: 1.0, n: N_MOST },
        Type::Numeric { precision, scale } => numeric(*precision, *scale, n_needed),
        Type::Text(of) => text(of, words, relation, n_needed),
        Type::Xml => Values::Template(template::unique(&XML.replace("{#4}", "{!}"), None, n_needed)),
        Type::Json | Type::Jsonb => {
            Values::Template(template::json(Piece::Code(template::MAX_CODE_LENGTH), None))
        }
        Type::Date | Type::Time { .. } | Type::Timestamp { .. } | Type::Interval => {
            times::unique(ty, n_needed)
        }
        Type::Uuid => Values::Uuid { series: None },
        Type::Inet => Values::Network(Network::Inet),
        Type::Cidr => Values::Network(Network::Cidr),
        Type::MacAddr => Values::Network(Network::MacAddr),
        Type::MacAddr8 => Values::Network(Network::MacAddr8),
        Type::Bit { n_bits, varying } => {
            let n = n_bits.unwrap_or(if *varying { u64::BITS } else { 1 });
            Values::BitString { min: n, max: n }
        }
        Type::Bytea => {
            let n = match scalar::plain(ty, words).1 {
                Values::Bytes { min, max } if min == max => min,
                _ => N_BYTES,
            };
            Values::Bytes { min: n, max: n }
        }
        Type::Enum { labels } => ints(0, labels.len() as u64),
        Type::Array { of, element_oid } => Values::Array {
            element_oid: *element_oid,
            wire: Box::new(wire(of)?),
            of: Box::new(of_type(of, words, relation, n_needed)?),
            min: 1,
            max: 1,
        },
        Type::Range { of } | Type::Multirange { of } => range(range_element(of)?),
        Type::Composite { attributes } => {
            let mut attributes = attributes
                .iter()
                .map(|(oid, ty)| Some((*oid, wire(ty)?, super::of_type(ty, &[], relation, None).1)))
                .collect::<Option<Vec<_>>>()?;
            let first = of_type(first_type(ty)?, &[], relation, n_needed)?;
            attributes.first_mut()?.2 = first;
            Values::Composite(attributes)
        }
        Type::TsVector | Type::Other { .. } => return None,
    })
}

fn first_type(ty: &Type) -> Option<&Type> {
    let Type::Composite { attributes } = ty else { return None };
    attributes.first().map(|(_, ty)| ty)
}

fn text(text: &TextType, words: &[String], relation: &Relation, n_needed: u64) -> Values {
    let look = texts::look(words, &relation.name, false).unwrap_or_else(|| "{word}".into());
    if look == texts::JSON {
        let json = template::json(Piece::Code(template::MAX_CODE_LENGTH), text.max_length);
        if json.pieces.len() > 1 {
            return Values::Template(json);
        }
    }
    // A lookup table has the words themselves.
    if let Some(words) = scalar::fitting_words(&template::any(&look, text.max_length))
        && words.len() as u64 >= n_needed
    {
        return scalar::listed(&words);
    }
    let look = if look == texts::JSON { "{word}".into() } else { look };
    Values::Template(template::unique(&look, text.max_length, n_needed))
}

/// Whole numbers where there are enough, else all that the precision holds.
fn numeric(precision: Option<u16>, scale: i16, n_needed: u64) -> Values {
    let power = |n: u32| 10_i128.saturating_pow(n.min(36));
    let n_up_to = |max: i128| u64::try_from(max).map_or(N_MOST, |max| max.min(N_MOST)).max(1);
    let Some(precision) = precision else {
        let one = power(FREE_SCALE.into());
        return Values::Wide { low: one, step: one, n: N_MOST };
    };
    let max = power(precision.into()) - 1;
    let one = power(u32::from(scale.unsigned_abs()));
    if scale < 0 {
        return Values::Wide { low: one, step: one, n: n_up_to(max) };
    }
    match n_up_to(max / one) {
        n if n >= n_needed => Values::Wide { low: one, step: one, n },
        _ => Values::Wide { low: 1, step: 1, n: n_up_to(max) },
    }
}

/// Ranges that begin at different values, and do not overlap.
fn range(element: RangeElement) -> Values {
    let (low, n) = match element {
        RangeElement::Int4 => (1, i32::MAX.unsigned_abs().into()),
        RangeElement::Int8 | RangeElement::Numeric | RangeElement::Uuid => (1, N_MOST),
        RangeElement::Date => (times::FROM_US / times::DAY_US, 100 * 36_525),
        RangeElement::Timestamp => (times::FROM_US, N_MOST),
    };
    // The end of the last range has to be a value of the type as well.
    Values::Range { element, low, n: n - 1, max_width: 1 }
}
