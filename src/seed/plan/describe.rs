//! What a plan says of a column, in a few words.

use super::{ColumnPlan, MakerFrom, Nulls, Pick, Plan, RowsFrom, TablePlan};
use crate::seed::make::lane::Cells;
use crate::seed::make::{Derived, Draw, Maker, Piece, Template, Values};
use crate::seed::time::{DAY_US, POSTGRES_EPOCH_US};
use crate::seed::wire::Wire;

/// So much of a list of values is shown.
const MAX_SHOWN: usize = 3;

/// How a column's values come about.
pub(crate) fn maker(plan: &Plan, table: &TablePlan, column: &ColumnPlan) -> String {
    let what = of_maker(plan, table, column, &column.maker);
    match &column.nulls {
        Nulls::Share(share) if *share > 0 => {
            let percent = f64::from(*share) / f64::from(u32::MAX) * 100.0;
            format!("{what}, {percent:.0} % NULL")
        }
        Nulls::Slots(slots) if slots.n_values() < table.n_rows => {
            #[expect(clippy::cast_precision_loss, reason = "a percentage without decimals")]
            let percent = (1.0 - slots.n_values() as f64 / table.n_rows as f64) * 100.0;
            format!("{what}, {percent:.0} % NULL")
        }
        _ => what,
    }
}

fn of_maker(plan: &Plan, table: &TablePlan, column: &ColumnPlan, maker: &Maker) -> String {
    let name = |place: u16| table.columns[usize::from(place)].name.clone();
    match maker {
        Maker::Null => "always NULL".to_owned(),
        Maker::Drawn { draw, values } => drawn(draw, values, column),
        Maker::Reference { edge, column } => {
            let edge = &table.edges[usize::from(*edge)];
            let parent = &plan.tables[usize::from(edge.parent)];
            let column = &parent.columns[usize::from(*column)].name;
            let how = match &edge.pick {
                Pick::Laid { .. } | Pick::Drawn { .. } | Pick::Axis { .. } => "",
                Pick::Distinct { .. } => ", another one each time",
                Pick::Other { .. } | Pick::Next { .. } => ", another one",
                Pick::Pair { is_second: false, .. } => ", the first of a pair",
                Pick::Pair { .. } => ", the second of a pair",
                Pick::OneToOne { .. } => ", each once",
                Pick::Digit { .. } => ", every combination once",
                Pick::Within { .. } => ", of the same owner",
                Pick::Tree { .. } => ", as a tree",
                Pick::TreeWithin { .. } => ", as a tree of the same owner",
                Pick::Wave | Pick::Mutual | Pick::Circular { .. } => ", loaded with it",
                Pick::Itself => ", the row itself",
                Pick::Listed { .. } | Pick::Constant(_) | Pick::Among { .. } => ", one that fits",
            };
            format!("{}.{column}{how}", parent.name)
        }
        Maker::Derived(Derived::Copy { of }) => format!("the same as {}", name(*of)),
        Maker::Derived(Derived::FirstOf(of)) => {
            let names: Vec<String> = of.iter().map(|of| name(*of)).collect();
            format!("the first of {}", names.join(", "))
        }
        Maker::Derived(Derived::Beyond { of, step, .. }) => {
            format!("{} {}", if *step < 0 { "before" } else { "after" }, name(*of))
        }
        Maker::Derived(Derived::Since { edge, own, .. }) => {
            let parent = &plan.tables[usize::from(table.edges[usize::from(*edge)].parent)];
            format!("{}, after that of {}", of_maker(plan, table, column, own), parent.name)
        }
        Maker::Derived(Derived::Between { from, to, .. }) => {
            format!("from {} to {}", name(*from), name(*to))
        }
        Maker::Cases { by_case, .. } => {
            let mut cases: Vec<String> =
                by_case.iter().map(|maker| of_maker(plan, table, column, maker)).collect();
            cases.dedup();
            let more = if cases.len() > MAX_SHOWN { " or …" } else { "" };
            cases.truncate(MAX_SHOWN);
            format!("{}{more}", cases.join(" or "))
        }
    }
}

fn drawn(draw: &Draw, values: &Values, column: &ColumnPlan) -> String {
    let what = match values {
        Values::Int { low, step, .. } if *draw == Draw::Serial && is_number(&column.wire) => {
            format!("{low}, {} …", low.saturating_add(*step))
        }
        Values::Int { low: 0, step: 1, n: 2 } if column.wire == Wire::Bool => "true or false".to_owned(),
        Values::Int { low, step, n } => {
            let high = i128::from(*low) + i128::from(*step) * i128::from(n.saturating_sub(1));
            match i64::try_from(high) {
                Ok(high) if !is_number(&column.wire) => moments(*low, high, column),
                _ => format!("{low} to {high}"),
            }
        }
        Values::Wide { low, step, n } => {
            let high = low.saturating_add(step.saturating_mul(i128::from(n.saturating_sub(1))));
            let scale = if let Wire::Numeric { scale } = column.wire { scale } else { 0 };
            format!("{} to {}", decimal(*low, scale), decimal(high, scale))
        }
        #[expect(clippy::cast_precision_loss, reason = "it is shown")]
        Values::Float { low, step, n } => format!("{low} to {}", low + step * n.saturating_sub(1) as f64),
        Values::Spread { stretches, .. } => {
            let n = stretches.last().map_or(0, |last| last.first + last.n);
            format!("{n} {}", if is_number(&column.wire) { "numbers" } else { "moments" })
        }
        Values::Codes(codes) => format!("{} texts", codes.n),
        Values::List(cells) => listed(cells, &column.wire),
        Values::Template(template) => notation(template),
        Values::Matching(_) => "a text that matches".to_owned(),
        Values::Uuid { .. } => "uuid".to_owned(),
        Values::Moments(_) => "moments in the order of the rows".to_owned(),
        Values::Bytes { min, max } => format!("{min} to {max} bytes"),
        Values::Network(_) => "an address".to_owned(),
        Values::BitString { min, max } => format!("{min} to {max} bits"),
        Values::Slots { .. } => "ranges that do not overlap".to_owned(),
        Values::Range { .. } => "a range".to_owned(),
        Values::Array { min, max, .. } => format!("{min} to {max} elements"),
        Values::Composite(_) => "a row".to_owned(),
        Values::Document(_) => "a document".to_owned(),
        Values::Lexemes { .. } => "lexemes".to_owned(),
    };
    match draw {
        Draw::Permuted(_) => format!("{what}, never twice"),
        Draw::Ordinal { .. } | Draw::OrdinalDigit { .. } => format!("{what}, counted for each parent"),
        Draw::Digit { .. } => format!("{what}, every combination once"),
        _ => what,
    }
}

fn is_number(wire: &Wire) -> bool {
    !matches!(wire, Wire::Micros | Wire::Date | Wire::TimeTz | Wire::Interval)
}

/// The first and the last of moments, to the day; times of day and intervals are told in general.
fn moments(low: i64, high: i64, column: &ColumnPlan) -> String {
    let us = |cell: i64| if column.wire == Wire::Date { cell.saturating_mul(DAY_US) } else { cell };
    let day = |cell: i64| {
        let moment = chrono::DateTime::from_timestamp_micros(us(cell).checked_add(POSTGRES_EPOCH_US)?)?;
        Some(moment.format("%Y-%m-%d").to_string())
    };
    let has_days = column.wire == Wire::Date || column.type_name.starts_with("timestamp");
    match (day(low), day(high)) {
        (Some(low), Some(high)) if has_days => format!("{low} to {high}"),
        _ if column.wire == Wire::Interval => "an interval".to_owned(),
        _ => "a time of day".to_owned(),
    }
}

/// Writes `cell / 10^scale` without zeros at its end.
fn decimal(cell: i128, scale: u16) -> String {
    let digits = format!("{:0>width$}", cell.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
    let part = part.trim_end_matches('0');
    let sign = if cell < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// How texts of a template look: what stands in braces is drawn for each.
fn notation(template: &Template) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Word { list, .. } => format!("{{{list}}}"),
        Piece::Words { list, min, max, .. } if min == max => format!("{{{max} of {list}}}"),
        Piece::Words { list, min, max, .. } => format!("{{{min} to {max} of {list}}}"),
        Piece::Digits(n) | Piece::DecimalCode(n) => format!("{{{n} digits}}"),
        Piece::Hex(n) => format!("{{{n} hex digits}}"),
        Piece::Code(n) => format!("{{code of {n}}}"),
    };
    let notation: String = template.pieces.iter().map(piece).collect();
    notation.escape_debug().collect()
}

fn listed(cells: &Cells, wire: &Wire) -> String {
    let shown: Vec<String> = match (cells, wire) {
        (Cells::Int(places), Wire::Labels(labels)) => places
            .iter()
            .filter_map(|place| labels.get(usize::try_from(*place).ok()?).cloned())
            .take(MAX_SHOWN)
            .collect(),
        (Cells::Int(values), Wire::Bool) => values.iter().map(|value| (*value != 0).to_string()).collect(),
        (Cells::Int(values), _) => values.iter().take(MAX_SHOWN).map(ToString::to_string).collect(),
        // Values whose binary form is no text, such as arrays, are counted.
        (Cells::Bytes { .. }, Wire::Bytes) if cells.slices().take(MAX_SHOWN).all(is_readable) => {
            cells.slices().take(MAX_SHOWN).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
        }
        _ => vec![format!("{} value{}", cells.len(), if cells.len() == 1 { "" } else { "s" })],
    };
    let more = if cells.len() > shown.len() && shown.len() == MAX_SHOWN { " …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn is_readable(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(char::is_control))
}

/// What decided a column, as its word in JSON.
pub(crate) fn source(source: MakerFrom) -> &'static str {
    match source {
        MakerFrom::Config => "config",
        MakerFrom::Key => "key",
        MakerFrom::Reference => "reference",
        MakerFrom::Condition => "condition",
        MakerFrom::Name => "name",
        MakerFrom::Type => "type",
        MakerFrom::Default => "default",
        MakerFrom::Statistics => "statistics",
        MakerFrom::Candidates => "candidates",
    }
}

/// What decided the number of rows.
pub(crate) fn rows_from(plan: &Plan, table: &TablePlan) -> String {
    match &table.rows_from {
        _ if table.fed_by.is_some() => {
            let feeder = table.fed_by.map(|feeder| plan.tables[usize::from(feeder)].name.clone());
            format!("made by triggers of {}", feeder.unwrap_or_default())
        }
        RowsFrom::Asked => "asked for".to_owned(),
        RowsFrom::PerParent { parent, mean } => {
            format!("{} for each of {}", (mean * 10.0).round() / 10.0, plan.tables[usize::from(*parent)].name)
        }
        RowsFrom::Default => "by default".to_owned(),
        RowsFrom::Statistics => "as the source has".to_owned(),
        RowsFrom::Capped { wanted } => format!("its keys allow no {wanted}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_short_as_they_are() {
        for (cell, scale, expected) in
            [(99, 2, "0.99"), (1_000, 2, "10"), (-5, 1, "-0.5"), (7, 0, "7"), (0, 3, "0"), (1_250, 3, "1.25")]
        {
            assert_eq!(decimal(cell, scale), expected);
        }
    }

    #[test]
    fn values_that_are_no_text_are_counted() {
        let check = |values: &[&[u8]], expected: &str| {
            assert_eq!(listed(&Cells::of_bytes(values.iter().copied()), &Wire::Bytes), expected);
        };
        check(&[b"a", b"b"], "a, b");
        check(&[b"a", b"b", b"c", b"d"], "a, b, c \u{2026}");
        check(&[b"\0\0\0\x01"], "1 value");
        check(&[b"\xff", b"a"], "2 values");
    }
}
