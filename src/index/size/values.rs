//! What an index stores of one column or expression: how wide its values are and how often they repeat.

use super::distinct::{self, count};
use super::spectrum::Spectrum;
use super::{Measures, is_unique};
use crate::catalog::{Column, ColumnStatistics, Table};
use crate::query::Operand;

/// What is known of an operand's values.
pub(super) struct Values<'c> {
    /// The type's name in `pg_type`; `None` for an expression.
    pub(super) base_type: Option<&'c str>,
    pub(super) element_type: Option<&'c str>,
    pub(super) statistics: Option<&'c ColumnStatistics>,
    pub(super) null_frac: f64,
    /// Different values, nulls aside.
    pub(super) n_distinct: f64,
    /// How the table's rows fall on the values.
    pub(super) spectrum: Spectrum,
    layout: Layout,
    /// Whether the statistics' values are texts as they are stored.
    is_text: bool,
    has_equal_images: bool,
}

/// How a value lies in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    /// Bytes and alignment.
    Fixed(u32, u32),
    /// Of variable length; unaligned while it is short.
    Variable,
}

/// Types whose equal values may differ in their bytes, which are never deduplicated: those without an equality image
/// function (`pg_amproc`; manual, "B-Tree Indexes", section "Deduplication"). Arrays and ranges lack one too. Columns
/// with a nondeterministic collation belong here and are not known.
const WITHOUT_EQUAL_IMAGES: [&str; 14] = [
    "numeric",
    "float4",
    "float8",
    "jsonb",
    "interval",
    "tsvector",
    "tsquery",
    "citext",
    "hstore",
    "record",
    "int4range",
    "int8range",
    "numrange",
    "daterange",
];
/// A datum of this size or more has a header of 4 bytes and is aligned, not one of 1 byte (`VARATT_SHORT_MAX`).
const SHORT_BYTES: u32 = 127;
/// Widths that stand for all of a column's.
const MAX_WIDTHS: usize = 32;
/// Different values that the planner assumes without statistics (`DEFAULT_NUM_DISTINCT` of selfuncs.h).
const DEFAULT_DISTINCT: f64 = 200.0;
/// Bytes of an expression's value that nothing is known of.
const DEFAULT_BYTES: i32 = 16;

impl<'c> Values<'c> {
    pub(super) fn new(operand: &Operand, table: &'c Table, measures: &'c Measures) -> Self {
        match operand {
            Operand::Column(name) => {
                let column = table.column(name);
                let base_type = column.map_or("", |column| column.base_type.as_str());
                let statistics = column.and_then(Column::statistics);
                Self {
                    base_type: Some(base_type),
                    element_type: column.and_then(|column| column.element_type.as_deref()),
                    layout: layout(base_type, statistics),
                    is_text: is_text(Some(base_type)),
                    has_equal_images: has_equal_images(base_type),
                    ..Self::with_spectrum(operand, table, measures, statistics, statistics)
                }
            }
            Operand::Expression { sql, columns } => {
                let source = match columns.as_slice() {
                    [column] => table.column(column),
                    _ => None,
                };
                let of_column = source.filter(|source| keeps_type(sql, &source.base_type));
                let measured = measures.expression(sql, table);
                let statistics = measured.or_else(|| of_column?.statistics());
                // A function of one column gives at the most as many values as the column has.
                let repeats = measured.or_else(|| source?.statistics());
                let sources = columns.iter().filter_map(|column| table.column(column));
                Self {
                    layout: match (of_column, statistics) {
                        (Some(column), _) => layout(&column.base_type, statistics),
                        (None, Some(statistics)) => layout_by_width(statistics),
                        (None, None) => Layout::Variable,
                    },
                    is_text: of_column.is_some(),
                    has_equal_images: result_has_equal_images(sql, sources.map(|it| it.base_type.as_str())),
                    ..Self::with_spectrum(operand, table, measures, statistics, repeats)
                }
            }
        }
    }

    fn with_spectrum(
        operand: &Operand,
        table: &Table,
        measures: &Measures,
        statistics: Option<&'c ColumnStatistics>,
        repeats: Option<&ColumnStatistics>,
    ) -> Self {
        let n_rows = table.planned_rows();
        let null_frac = repeats.map_or(0.0, |it| f64::from(it.null_frac));
        let common = repeats.and_then(|it| it.most_common_freqs.as_deref()).unwrap_or_default();
        let is_unique = matches!(operand, Operand::Column(name) if is_unique(&[name], table));
        let spectrum = match (measures.distinct(vec![operand.sql()], table), repeats) {
            _ if is_unique => Spectrum::of_values(&[], null_frac, n_rows, n_rows),
            (Some(n_distinct), _) => Spectrum::of_values(common, null_frac, n_distinct.min(n_rows), n_rows),
            (None, Some(statistics)) if statistics.n_distinct != 0.0 => distinct::spectrum(statistics, table),
            _ => Spectrum::of_values(common, null_frac, DEFAULT_DISTINCT.min(n_rows), n_rows),
        };
        Self {
            base_type: None,
            element_type: None,
            statistics,
            null_frac,
            n_distinct: spectrum.n_distinct(n_rows),
            spectrum,
            layout: Layout::Variable,
            is_text: false,
            has_equal_images: true,
        }
    }

    /// Whether equal values have the same bytes, so that a btree can store them once.
    pub(super) fn has_equal_images(&self) -> bool {
        self.has_equal_images
    }

    /// Returns widths in bytes with their shares of the rows or, `by_value`, of the different values; nulls aside.
    pub(super) fn widths(&self, by_value: bool) -> Vec<(u32, f64)> {
        let Layout::Variable = self.layout else {
            let Layout::Fixed(bytes, _) = self.layout else { return Vec::new() };
            return vec![(bytes, 1.0)];
        };
        let average = self.statistics.map_or(DEFAULT_BYTES, |statistics| statistics.avg_width).unsigned_abs();
        let Some(statistics) = self.statistics else { return around(average) };
        if matches!(self.base_type, Some("inet" | "cidr")) {
            return vec![(average, 1.0)];
        }
        let is_numeric = self.base_type == Some("numeric");
        if !is_numeric && !self.is_text {
            return around(average);
        }
        let width = |text: &str| if is_numeric { numeric_bytes(text) } else { text_bytes(text.len()) };
        let mut widths: Vec<(u32, f64)> = Vec::new();
        let bounds = elements(statistics.histogram_bounds.as_deref());
        let values = elements(statistics.most_common_vals.as_deref());
        let shares = statistics.most_common_freqs.as_deref().unwrap_or_default();
        let (n_common, n_bounds) = (count(values.len()), count(bounds.len()));
        let common: f64 = shares.iter().copied().map(f64::from).sum();
        let rest = (1.0 - self.null_frac - common).max(0.0);
        let rest_values = (self.n_distinct - n_common).max(1.0);
        for (value, share) in values.iter().zip(shares) {
            widths.push((width(value), if by_value { 1.0 } else { f64::from(*share) }));
        }
        for bound in &bounds {
            widths.push((width(bound), if by_value { rest_values } else { rest } / n_bounds));
        }
        let total: f64 = widths.iter().map(|(_, share)| share).sum();
        if total <= 0.0 {
            return around(average);
        }
        // The average is of far more values than the bounds are, and is cut off to a whole number.
        let by_rows: f64 = values
            .iter()
            .zip(shares)
            .map(|(value, share)| f64::from(width(value)) * f64::from(*share))
            .sum::<f64>()
            + bounds.iter().map(|bound| f64::from(width(bound)) * rest / n_bounds.max(1.0)).sum::<f64>();
        let mean = by_rows / (common + rest).max(f64::MIN_POSITIVE);
        let average = f64::from(average);
        let is_known = bounds.is_empty() || mean <= 0.0 || mean >= average && mean < average + 1.0;
        let factor = if is_known { 1.0 } else { (average + 0.5) / mean };
        fewer(
            widths
                .into_iter()
                .map(|(bytes, share)| (rounded(f64::from(bytes) * factor), share / total))
                .collect(),
        )
    }

    /// Returns where a value of `width` bytes ends that comes at `offset`.
    pub(super) fn end(&self, offset: u32, width: u32) -> u32 {
        let alignment = match self.layout {
            Layout::Fixed(_, alignment) => alignment,
            Layout::Variable if width < SHORT_BYTES => 1,
            Layout::Variable => 4,
        };
        offset.next_multiple_of(alignment) + width
    }

    /// The mean width in bytes, nulls aside.
    pub(super) fn mean_width(&self) -> f64 {
        self.widths(false).iter().map(|(bytes, share)| f64::from(*bytes) * share).sum()
    }
}

/// Size and alignment by `pg_type.typlen` and `typalign`.
fn layout(base_type: &str, statistics: Option<&ColumnStatistics>) -> Layout {
    match base_type {
        "bool" | "char" => Layout::Fixed(1, 1),
        "int2" => Layout::Fixed(2, 2),
        "int4" | "float4" | "date" | "oid" | "xid" => Layout::Fixed(4, 4),
        "int8" | "float8" | "time" | "timestamp" | "timestamptz" | "money" | "xid8" | "pg_lsn" => {
            Layout::Fixed(8, 8)
        }
        "macaddr" => Layout::Fixed(6, 4),
        "macaddr8" => Layout::Fixed(8, 4),
        "timetz" => Layout::Fixed(12, 8),
        "uuid" => Layout::Fixed(16, 1),
        "interval" | "point" => Layout::Fixed(16, 8),
        "box" | "lseg" => Layout::Fixed(32, 8),
        "circle" => Layout::Fixed(24, 8),
        "text" | "varchar" | "bpchar" | "name" | "bytea" | "numeric" | "jsonb" | "json" | "inet" | "cidr"
        | "citext" | "bit" | "varbit" | "tsvector" => Layout::Variable,
        // An enum, which is 4 bytes, or a type of an extension.
        _ => match statistics {
            Some(statistics) if statistics.avg_width == 4 => Layout::Fixed(4, 4),
            _ => Layout::Variable,
        },
    }
}

/// Guesses how an expression's values lie from how wide they are: texts are wider than their characters by a byte.
fn layout_by_width(statistics: &ColumnStatistics) -> Layout {
    let width = statistics.avg_width.unsigned_abs();
    let texts: Vec<String> = elements(statistics.histogram_bounds.as_deref())
        .into_iter()
        .chain(elements(statistics.most_common_vals.as_deref()))
        .collect();
    let is_text = texts.iter().all(|text| !text.is_empty())
        && texts.iter().map(|text| f64::from(text_bytes(text.len()))).sum::<f64>()
            / count(texts.len()).max(1.0)
            < f64::from(width) + 1.5
        && texts.iter().any(|text| text_bytes(text.len()) >= width);
    match width {
        _ if is_text => Layout::Variable,
        1 | 2 | 4 | 8 => Layout::Fixed(width, width),
        12 | 16 => Layout::Fixed(width, 8),
        _ => Layout::Variable,
    }
}

fn is_text(base_type: Option<&str>) -> bool {
    // Of an expression, what is neither of a number's nor a date's size.
    base_type.is_none_or(|base_type| matches!(base_type, "text" | "varchar" | "bpchar" | "citext"))
}

fn has_equal_images(base_type: &str) -> bool {
    !WITHOUT_EQUAL_IMAGES.contains(&base_type) && !base_type.starts_with('_') && !base_type.ends_with("range")
}

/// Whether an expression's values are of the type of the column it is made of: functions of texts.
fn keeps_type(sql: &str, base_type: &str) -> bool {
    const OF_TEXT: [&str; 6] = ["lower(", "upper(", "btrim(", "ltrim(", "rtrim(", "unaccent("];
    matches!(base_type, "text" | "varchar" | "citext")
        && OF_TEXT.iter().any(|function| sql.starts_with(function))
}

/// Whether an expression can be deduplicated, as far as its text tells: by its last cast, else by its columns.
fn result_has_equal_images<'a>(sql: &str, mut base_types: impl Iterator<Item = &'a str>) -> bool {
    if let Some((_, cast)) = sql.rsplit_once("::").filter(|(_, cast)| !cast.contains([')', ',', '\''])) {
        return !matches!(cast, "numeric" | "real" | "double precision" | "jsonb" | "interval" | "citext");
    }
    let gives_text = sql.contains("->>") || sql.contains("#>>") || sql.starts_with("date_trunc(");
    gives_text || base_types.all(has_equal_images)
}

/// Bytes of a text with its header.
pub(super) fn text_bytes(length: usize) -> u32 {
    let length = u32::try_from(length).unwrap_or(u32::MAX - 4);
    if length + 1 < SHORT_BYTES { length + 1 } else { length + 4 }
}

/// Bytes of a number with its headers: 2 for each group of four decimal digits (numeric.c).
fn numeric_bytes(text: &str) -> u32 {
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let zeros = |text: &str| text.chars().take_while(|digit| *digit == '0').count() / 4;
    let mut groups = whole.len().div_ceil(4) + fraction.len().div_ceil(4);
    // Groups are counted from the point; those of zeros at either end are left out.
    if fraction.is_empty() {
        groups -= zeros(&whole.chars().rev().collect::<String>());
    } else if whole.is_empty() {
        groups -= zeros(fraction);
    }
    3 + 2 * u32::try_from(groups).unwrap_or(u32::MAX / 4)
}

/// Widths of which the one that is known is the average, cut off: texts have any length.
fn around(average: u32) -> Vec<(u32, f64)> {
    (0..8).map(|i| ((average + i).saturating_sub(3).max(1), 1.0 / 8.0)).collect()
}

/// Keeps so many widths that combining columns stays cheap.
fn fewer(mut widths: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    widths.sort_by_key(|(bytes, _)| *bytes);
    widths.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 += next.1;
        }
        is_same
    });
    if widths.len() <= MAX_WIDTHS {
        return widths;
    }
    let per_group = widths.len().div_ceil(MAX_WIDTHS);
    let group = |group: &[(u32, f64)]| {
        let share: f64 = group.iter().map(|(_, share)| share).sum();
        let bytes: f64 = group.iter().map(|(bytes, share)| f64::from(*bytes) * share).sum();
        (rounded(bytes / share), share)
    };
    widths.chunks(per_group).map(group).collect()
}

fn rounded(bytes: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to integer cast saturates"
    )]
    let bytes = bytes.round() as u32;
    bytes
}

/// The elements of an array in text form, nulls included (manual, "Array Input and Output Syntax").
pub(super) fn elements(array: Option<&str>) -> Vec<String> {
    let Some(body) = array.and_then(|text| text.strip_prefix('{')?.strip_suffix('}')) else {
        return Vec::new();
    };
    if body.is_empty() {
        return Vec::new();
    }
    let (mut elements, mut element, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => element.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => elements.push(std::mem::take(&mut element)),
            c => element.push(c),
        }
    }
    elements.push(element);
    elements
}
