//! How many rows a fixed condition lets in, as far as the statistics tell.

use crate::array;
use crate::catalog::{Column, Table};
use crate::query::words::{Sort, lexemes};
use crate::query::{Condition, Operand, Test};

/// Returns the share of the table's rows that pass a condition; `None` when the statistics do not tell.
pub(in crate::index) fn share(condition: &Condition, table: &Table) -> Option<f64> {
    let Operand::Column(name) = &condition.operand else { return None };
    let column = table.column(name)?;
    let statistics = column.statistics()?;
    let null_frac = f64::from(statistics.null_frac);
    match condition.test {
        Test::IsNull => return Some(null_frac),
        Test::IsNotNull => return Some(1.0 - null_frac),
        _ => {}
    }
    let of_values = || -> Option<f64> {
        let values = constants(condition.fixed.as_ref()?, column);
        (!values.is_empty()).then_some(())?;
        values.iter().map(|value| frequency(value, column, table)).sum()
    };
    match condition.test {
        Test::Equal | Test::In => of_values(),
        Test::NotEqual => Some((1.0 - null_frac - of_values()?).max(0.0)),
        _ => None,
    }
}

/// Returns the values that a comparison has constants for, in the notation of an array's elements.
fn constants(sql: &str, column: &Column) -> Vec<String> {
    let lexemes = lexemes(sql);
    let word = |wanted: &str| lexemes.iter().any(|lexeme| lexeme.text.eq_ignore_ascii_case(wanted));
    if column.base_type == "bool" {
        // `done`, `NOT done`, `done IS FALSE`, `done = 'f'`: as many NOTs as not.
        let is_negative = word("not") != (word("false") || word("'f'") || word("'false'"));
        return vec![if is_negative { "f" } else { "t" }.to_owned()];
    }
    lexemes
        .iter()
        .filter_map(|lexeme| match lexeme.sort {
            Sort::Number => Some(lexeme.text.to_owned()),
            Sort::Text => {
                let inner = lexeme.text.strip_prefix('\'')?.strip_suffix('\'')?;
                Some(inner.replace("''", "'"))
            }
            _ => None,
        })
        .collect()
}

/// Returns the share of rows with this value: its own if it is a common one, else its part of what those leave.
fn frequency(value: &str, column: &Column, table: &Table) -> Option<f64> {
    let statistics = column.statistics()?;
    let values = array::parse(statistics.most_common_vals.as_deref().unwrap_or("{}"))?;
    let frequencies = statistics.most_common_freqs.as_deref().unwrap_or_default();
    if let Some(at) = values.iter().position(|common| common.as_deref() == Some(value)) {
        return frequencies.get(at).map(|frequency| f64::from(*frequency));
    }
    #[expect(clippy::cast_precision_loss, reason = "there are at most ten thousand common values")]
    let n_others = column.distinct(table.planned_rows()) - values.len() as f64;
    let common: f64 = frequencies.iter().map(|frequency| f64::from(*frequency)).sum();
    let rest = (1.0 - f64::from(statistics.null_frac) - common).max(0.0);
    Some(rest / n_others.max(1.0))
}
