//! Which values suit a column, by its name and type.
//!
//! The name is looked up first ([`texts`], [`numbers`], [`documents`]); what it says is then made within the limits of the type.
//! A name that says nothing, or something that the type cannot hold, leaves the decision to the type.

mod documents;
pub(crate) mod kin;
mod lexicon;
pub(crate) mod literals;
mod numbers;
mod places;
mod scalar;
mod template;
#[cfg(test)]
pub(crate) mod tests;
mod texts;
mod times;
mod unique;
pub(crate) mod words;

use crate::seed::keys::curve::Curve;
use crate::seed::make::{Document, Draw, RangeElement, Values};
use crate::seed::plan::MakerFrom;
use crate::seed::schema::types::Type;
use crate::seed::schema::{Field, Relation};
use crate::seed::wire::Wire;

pub(crate) use times::{Period, timed};
pub(crate) use unique::unique;

/// What suits a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guess {
    pub(crate) draw: Draw,
    pub(crate) values: Values,
    /// So many of 2^32 rows are NULL; 0 where the column is NOT NULL.
    pub(crate) null_share: u32,
    pub(crate) source: MakerFrom,
}

/// How often a column is NULL that may be: mostly it is not.
const NULLS: u64 = 50;
/// Columns that are mostly left empty, and in how many of a thousand rows.
const OFTEN_NULL: &lexicon::Entries<u64> = &[
    ("middle_name nickname suffix name_suffix title_suffix fax address2 address_line2 line2 suite", 700),
    ("note notes comment comments remark remarks memo bio website homepage avatar avatar_url", 400),
    ("error error_message exception failure_reason cancel_reason reason reset_token confirmation_token", 800),
    ("parent_id deleted_by", 500),
];
/// Columns that are filled even where they need not be.
const NEVER_NULL: &lexicon::Entries<()> = &[(
    "id name title email username status type price amount quantity count slug code created_at timestamp",
    (),
)];
/// Elements of an array.
const MAX_ELEMENTS: u32 = 4;
/// Slots of a curve that values are drawn from: shares are exact to a millionth.
const N_SLOTS: u64 = 1 << 20;

/// Returns how the cells of a type are wired; `None` where the server has to make them.
pub(crate) fn wire(ty: &Type) -> Option<Wire> {
    Some(match ty {
        Type::Bool => Wire::Bool,
        Type::Int2 => Wire::Int2,
        Type::Int4 => Wire::Int4,
        Type::Int8 | Type::Money | Type::PgLsn => Wire::Int8,
        Type::Oid => Wire::Oid,
        Type::Float4 => Wire::Float4,
        Type::Float8 => Wire::Float8,
        Type::Numeric { precision, scale } => Wire::Numeric {
            scale: if precision.is_none() { scalar::FREE_SCALE } else { u16::try_from(*scale).unwrap_or(0) },
        },
        Type::Date => Wire::Date,
        Type::Time { with_zone: true, .. } => Wire::TimeTz,
        Type::Time { .. } | Type::Timestamp { .. } => Wire::Micros,
        Type::Interval => Wire::Interval,
        Type::Uuid => Wire::Uuid,
        Type::Jsonb => Wire::Jsonb,
        Type::Enum { labels } => Wire::Labels(labels.clone()),
        Type::Text(_)
        | Type::Inet
        | Type::Cidr
        | Type::MacAddr
        | Type::MacAddr8
        | Type::Bit { .. }
        | Type::Bytea
        | Type::Xml
        | Type::Json
        | Type::TsVector => Wire::Bytes,
        Type::Array { of, .. } => wire(of).map(|_| Wire::Bytes)?,
        Type::Range { of } => range_element(of).map(|_| Wire::Bytes)?,
        Type::Multirange { of } => range_element(of).map(|_| Wire::Multirange)?,
        Type::Composite { attributes } => {
            attributes.iter().all(|(_, ty)| wire(ty).is_some()).then_some(Wire::Bytes)?
        }
        Type::Other { .. } => return None,
    })
}

/// Returns what suits a column. Where [`wire`] is `None` the server makes the values, and these mean nothing.
///
/// Moments are of a fixed period; those of the run's own are [`timed`].
pub(crate) fn values(field: &Field, relation: &Relation) -> Guess {
    let words = lexicon::tokens(&field.name);
    let (draw, values, is_named) = of_type(&field.ty, &words, relation, field.default.as_deref());
    let nulls = match times::nulls(&field.ty, &words) {
        Some(nulls) => nulls,
        None if lexicon::ending(&words, NEVER_NULL).is_some() => 0,
        None => lexicon::ending(&words, OFTEN_NULL).copied().unwrap_or(NULLS),
    };
    Guess {
        draw,
        values,
        null_share: if field.not_null { 0 } else { share(nulls) },
        source: if is_named { MakerFrom::Name } else { MakerFrom::Type },
    }
}

/// Whether [`named`] knows a name.
pub(crate) fn is_look(name: &str) -> bool {
    texts::by_name(name).is_some_and(|look| look != texts::JSON)
}

/// The names that [`named`] knows beside those of word lists.
pub(crate) fn look_names() -> impl Iterator<Item = &'static str> {
    texts::known_names()
}

/// Returns texts of a look or words of a list, by its name.
pub(crate) fn named(name: &str, max_length: Option<u32>) -> Option<(Draw, Values)> {
    texts::by_name(name).filter(|look| look != texts::JSON).map(|look| scalar::look_values(&look, max_length))
}

/// Whether a column holds a place in an order, of which each parent's rows have their own: the lines of an order.
pub(crate) fn is_position(field: &Field) -> bool {
    const POSITIONS: &lexicon::Entries<()> = &[(
        "position ordinal rank line line_number line_no seq sequence sequence_number number no idx index version priority \
         sort sort_order display_order order ordering place step level revision item_number track_number",
        (),
    )];
    let is_whole = matches!(field.ty, Type::Int2 | Type::Int4 | Type::Int8);
    is_whole && lexicon::ending(&lexicon::tokens(&field.name), POSITIONS).is_some()
}

/// Returns a draw, values, and whether the name had a say in them.
fn of_type(ty: &Type, words: &[String], relation: &Relation, default: Option<&str>) -> (Draw, Values, bool) {
    match ty {
        Type::Text(text) => scalar::text(text, words, relation),
        Type::Xml => (Draw::Bits, Values::Template(template::any(XML, None)), false),
        Type::Json | Type::Jsonb => (Draw::Bits, Values::Document(documents::shape(words)), true),
        Type::Enum { labels } => (scalar::ranked(labels.len()), scalar::labels(labels, default), false),
        Type::Array { of, element_oid } => {
            let Some(wire) = wire(of) else { return unknown() };
            let (_, values, is_named) = of_type(of, words, relation, None);
            let values = Values::Array {
                element_oid: *element_oid,
                wire: Box::new(wire),
                of: Box::new(values),
                min: 0,
                max: MAX_ELEMENTS,
            };
            (Draw::Bits, values, is_named)
        }
        Type::Range { of } | Type::Multirange { of } => match range_element(of) {
            Some(element) => {
                let values = scalar::range(element);
                (Draw::Uniform { n: values.n() }, values, false)
            }
            None => unknown(),
        },
        Type::Composite { attributes } => {
            let attribute = |(oid, ty): &(u32, Type)| {
                let (_, values, _) = of_type(ty, &[], relation, None);
                Some((*oid, wire(ty)?, values))
            };
            match attributes.iter().map(attribute).collect() {
                Some(attributes) => (Draw::Bits, Values::Composite(attributes), false),
                None => unknown(),
            }
        }
        Type::Other { .. } => unknown(),
        _ => scalar::plain(ty, words),
    }
}

const XML: &str = "<item><name>{word}</name><value>{#4}</value></item>";

/// Stands where the server makes the values.
fn unknown() -> (Draw, Values, bool) {
    (Draw::Bits, Values::Document(Document { members: Vec::new(), array_up_to: None }), false)
}

/// Returns how the bounds of ranges over a type are made; `None` where they cannot.
fn range_element(ty: &Type) -> Option<RangeElement> {
    Some(match ty {
        Type::Int4 => RangeElement::Int4,
        Type::Int8 => RangeElement::Int8,
        Type::Date => RangeElement::Date,
        Type::Timestamp { .. } => RangeElement::Timestamp,
        Type::Numeric { precision: None, .. } => RangeElement::Numeric,
        Type::Uuid => RangeElement::Uuid,
        _ => return None,
    })
}

/// Thousandths as a share of 2^32.
fn share(thousandths: u64) -> u32 {
    u32::try_from((thousandths << 32) / 1_000).unwrap_or(u32::MAX)
}

/// Returns a curve of ranks whose shares fall as 1/r, of which the last one is still drawn.
fn falling(n_ranks: usize) -> Curve {
    let n = n_ranks as u64;
    let slots = |rank: u64| N_SLOTS / (rank + 1) / n.max(1) + 1;
    Curve::of_parts((0..n).map(|rank| (1, slots(rank))))
}
