//! A sequence nears the end of its numbers, or of those that its column can hold.
//!
//! Why it matters: at the end every insert fails. Example: an `integer` key after 1.9 of 2.1 billion numbers, fed by a
//! `bigint` sequence. Remedy: `bigint`, for the column and for all that refer to it; that rewrites tables, so begin in time.
//! Wrong when: the table stopped growing.
//!
//! Condition: the last number is 75 % of the least of both limits or more, and grave from 90 % on (pgdoctor's limits;
//! `check_postgres` warns at 85 % and 95 %). A sequence that cycles does not end, unless its column ends before.

use super::{Context, Finding, Fix, Observation, Sequence, Severity};
use crate::query::quote;
use crate::unit;

pub(super) const RULE: &str = "sequence-overflow";

const MEDIUM_SHARE: f64 = 0.75;
const HIGH_SHARE: f64 = 0.90;

pub(super) fn check(context: &Context) -> Vec<Observation> {
    context.subject.evidence.sequences.iter().filter_map(observation).collect()
}

fn observation(sequence: &Sequence) -> Option<Observation> {
    // One that counts down has its limit below, which is not read.
    let last = sequence.last_value.filter(|last| *last > 0 && sequence.increment > 0)?;
    let of_column = sequence.feeds.as_ref().and_then(|(.., base_type)| max_of(base_type));
    let limit = of_column.map_or(sequence.max_value, |max| max.min(sequence.max_value));
    if sequence.cycles && limit == sequence.max_value {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = last as f64 / limit.max(1) as f64;
    if share < MEDIUM_SHARE {
        return None;
    }
    let is_limited_by_column = of_column == Some(limit);
    let (schema, name) = (&sequence.schema, &sequence.name);
    let left = u64::try_from(limit.saturating_sub(last)).unwrap_or_default()
        / sequence.increment.unsigned_abs().max(1);
    let what = match &sequence.feeds {
        Some((_, table, column, base_type)) if is_limited_by_column => {
            format!("{name} has used {:.0} % of what {table}.{column} ({base_type}) can hold", share * 100.0)
        }
        Some((_, table, column, _)) => {
            format!("{name}, which feeds {table}.{column}, has used {:.0} % of its numbers", share * 100.0)
        }
        None => format!("{name} has used {:.0} % of its numbers", share * 100.0),
    };
    // AS bigint raises the end of a sequence that ends where its type does.
    let old_type = [("smallint", i64::from(i16::MAX)), ("integer", i64::from(i32::MAX))]
        .into_iter()
        .find(|(_, max)| *max == sequence.max_value && !is_limited_by_column);
    let fix = old_type.map(|(old, _)| {
        let alter = format!("ALTER SEQUENCE {} AS", quote::qualified(schema, name));
        Fix::Statements { sql: vec![format!("{alter} bigint")], undo_sql: vec![format!("{alter} {old}")] }
    });
    let remedy = if fix.is_some() {
        "Make the sequence a bigint; its column can hold more already."
    } else if is_limited_by_column {
        "Change the column, and those that refer to it, to bigint: through a new column that is filled in batches, \
         because ALTER COLUMN TYPE rewrites the table under a lock that blocks everybody."
    } else {
        "Raise its MAXVALUE."
    };
    let base = match &sequence.feeds {
        Some((schema, table, column, _)) => Finding::of_relation(RULE, schema, table, vec![column.clone()]),
        None => Finding::of_relation(RULE, schema, name, Vec::new()),
    };
    Some(Observation::of(Finding {
        severity: if share >= HIGH_SHARE { Severity::High } else { Severity::Medium },
        message: format!("{what}: {} are left", unit::count(left)),
        remedy: remedy.to_owned(),
        fix,
        ..base
    }))
}

fn max_of(base_type: &str) -> Option<i64> {
    match base_type {
        "int2" => Some(i64::from(i16::MAX)),
        "int4" => Some(i64::from(i32::MAX)),
        "int8" => Some(i64::MAX),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn sequence(column_type: &str, last_value: i64, max_value: i64) -> Sequence {
        let feeds = ["public", "orders", "id", column_type].map(str::to_owned);
        Sequence {
            schema: "public".into(),
            name: "orders_id_seq".into(),
            feeds: Some(feeds.into()),
            last_value: Some(last_value),
            max_value,
            increment: 1,
            cycles: false,
        }
    }

    fn check_sequence(sequence: Sequence, expected: Option<(Severity, &str)>) -> Option<Fix> {
        let mut fixture = Fixture::new(vec![]);
        fixture.evidence.sequences.push(sequence);
        let found = fixture.check(check).pop().map(|observation| observation.finding);
        let said = found.as_ref().map(|finding| (finding.severity, finding.message.as_str()));
        assert_eq!(said, expected);
        found?.fix
    }

    /// Trap 47: a bigint sequence that feeds an integer column.
    #[test]
    fn the_column_is_the_limit() {
        let told = "orders_id_seq has used 93 % of what orders.id (int4) can hold: 147,483,647 are left";
        check_sequence(sequence("int4", 2_000_000_000, i64::MAX), Some((Severity::High, told)));
        check_sequence(sequence("int8", 2_000_000_000, i64::MAX), None);
        check_sequence(sequence("int4", 1_500_000_000, i64::MAX), None);
        let told = "orders_id_seq has used 79 % of what orders.id (int4) can hold: 447,483,647 are left";
        check_sequence(sequence("int4", 1_700_000_000, i64::MAX), Some((Severity::Medium, told)));
    }

    #[test]
    fn the_sequence_is_the_limit() {
        let told = "orders_id_seq, which feeds orders.id, has used 93 % of its numbers: 147,483,647 are left";
        let max = i64::from(i32::MAX);
        let fix = check_sequence(sequence("int8", 2_000_000_000, max), Some((Severity::High, told)));
        let sql = vec!["ALTER SEQUENCE public.orders_id_seq AS bigint".to_owned()];
        let undo_sql = vec!["ALTER SEQUENCE public.orders_id_seq AS integer".to_owned()];
        assert_eq!(fix, Some(Fix::Statements { sql, undo_sql }));
        // A limit that somebody chose is for somebody to raise.
        let told = "orders_id_seq, which feeds orders.id, has used 95 % of its numbers: 50 are left";
        assert_eq!(check_sequence(sequence("int8", 950, 1000), Some((Severity::High, told))), None);
    }

    #[test]
    fn silent_where_nothing_ends() {
        let cycling = Sequence { cycles: true, ..sequence("int4", 2_000_000_000, i64::from(i32::MAX)) };
        check_sequence(cycling.clone(), None);
        // It cycles too late for its column.
        let told = "orders_id_seq has used 93 % of what orders.id (int4) can hold: 147,483,647 are left";
        check_sequence(Sequence { max_value: i64::MAX, ..cycling }, Some((Severity::High, told)));
        check_sequence(Sequence { last_value: None, ..sequence("int4", 0, i64::MAX) }, None);
        check_sequence(Sequence { increment: -1, ..sequence("int2", 32_000, 32_767) }, None);
        let in_steps = Sequence { increment: 1000, ..sequence("int4", 2_000_000_000, i64::MAX) };
        let told = "orders_id_seq has used 93 % of what orders.id (int4) can hold: 147,483 are left";
        check_sequence(in_steps, Some((Severity::High, told)));
    }
}
