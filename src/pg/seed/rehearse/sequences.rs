//! Sequences in a rehearsal: what `nextval` gives to triggers must not be the keys of rows that are rehearsed.

use std::collections::BTreeSet;

use crate::pg::sql;
use crate::seed::plan::repair::words;
use crate::seed::plan::request::Known;
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, Field, Relation, Schema, Sequence};

/// Triggers of a rehearsal take fewer keys.
const BEYOND: i64 = 1_000_000;

/// Returns statements that move sequences of empty tables past the keys of the rehearsal, as loading does. After this statement
/// even what `nextval` does is undone by a rollback (manual: ALTER SEQUENCE). Nobody else waits for a sequence of an empty table.
pub(super) fn restarts(schema: &Schema) -> String {
    let empty = schema.relations.iter().filter(|relation| relation.is_loadable() && !relation.is_filled);
    let sequences = empty.flat_map(|relation| &relation.fields).filter_map(|field| field.sequence.as_ref());
    let restart = |sequence: &Sequence| {
        let last = sequence.last_value.unwrap_or(sequence.start);
        let next = beyond(last, sequence.max);
        let name = sql::quote_qualified(&sequence.schema, &sequence.name);
        format!("ALTER SEQUENCE {name} RESTART WITH {next};")
    };
    let own = sequences.filter(|sequence| sequence.is_owner && sequence.increment > 0);
    own.map(restart).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Lets the serial keys of filled tables begin far behind those that triggers take: their sequences stay where they are, since
/// others may use them, while a load reserves its keys before it begins.
pub(super) fn keep_clear(schema: &Schema, known: &mut Known) {
    if schema.relations.iter().all(|relation| relation.triggers.is_empty()) {
        return;
    }
    for (table, relation) in (0..).zip(&schema.relations) {
        if !relation.is_loadable() || !relation.is_filled {
            continue;
        }
        for (column, field) in (0..).zip(&relation.fields) {
            let key = (table, column);
            let greatest = known.first_keys.get(&key).copied();
            if let Some(first) = clear_key(relation, (column, field), greatest) {
                known.first_keys.insert(key, first);
            }
        }
    }
}

/// The key behind which those of a column are rehearsed; `None` where no sequence gives them, or where they are limited.
fn clear_key(relation: &Relation, (column, field): (ColumnId, &Field), greatest: Option<i64>) -> Option<i64> {
    let sequence = field.sequence.as_ref().filter(|sequence| sequence.increment > 0)?;
    let bounds = relation.partitioning.iter().flat_map(|it| &it.leaves).flat_map(|leaf| &leaf.bounds);
    let is_limited = bounds.into_iter().any(|it| it.columns.is_empty() || it.columns.contains(&column))
        || !field.domain_checks.is_empty()
        || relation
            .checks
            .iter()
            .any(|(_, definition)| words(definition).contains(&field.name.to_lowercase()));
    let max = match field.ty {
        Type::Int2 => i64::from(i16::MAX),
        Type::Int4 => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    let last = sequence.last_value.unwrap_or(sequence.start).max(greatest.unwrap_or(i64::MIN));
    (!is_limited).then(|| beyond(last, max.min(sequence.max)))
}

fn beyond(last: i64, max: i64) -> i64 {
    last.saturating_add(BEYOND.min(max.saturating_sub(last) / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_beyond_those_of_triggers_and_stay_in_the_type() {
        let check = |last: i64, max: i64, expected: i64| assert_eq!(beyond(last, max), expected);
        check(100, i64::MAX, 1_000_100);
        check(100, 1_100, 600);
        check(100, 100, 100);
        check(i64::MAX - 1, i64::MAX, i64::MAX - 1);
    }
}
