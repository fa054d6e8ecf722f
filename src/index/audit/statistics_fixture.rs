//! Statistics and statements for the tests of the rules that judge by them.

use super::fixture::Fixture;
use super::{Check, Finding, Fix, Statement};
use crate::catalog::ColumnStatistics;
use crate::index::change::Change;
use crate::query;

/// A column of so many values, of which the common ones have these shares.
pub(super) fn values(n_distinct: f32, shares: &[f32]) -> ColumnStatistics {
    ColumnStatistics {
        n_distinct,
        avg_width: 8,
        most_common_freqs: (!shares.is_empty()).then(|| shares.to_vec()),
        correlation: Some(0.0),
        ..ColumnStatistics::default()
    }
}

/// … with the common values, as an array.
pub(super) fn common(values: &str, shares: &[f32]) -> ColumnStatistics {
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let n_distinct = shares.len() as f32;
    ColumnStatistics { most_common_vals: Some(values.into()), ..self::values(n_distinct, shares) }
}

/// … and a share of nulls.
pub(super) fn with_nulls(null_frac: f32, statistics: ColumnStatistics) -> ColumnStatistics {
    ColumnStatistics { null_frac, ..statistics }
}

pub(super) fn correlated(correlation: f32, statistics: ColumnStatistics) -> ColumnStatistics {
    ColumnStatistics { correlation: Some(correlation), ..statistics }
}

impl Fixture {
    /// Gives a column of the only table statistics.
    pub(super) fn with_statistics(mut self, column: &str, statistics: ColumnStatistics) -> Self {
        let column = self.catalog.tables[0].columns.iter_mut().find(|it| it.name == column).unwrap();
        column.statistics = Some(statistics);
        self
    }

    /// Adds statements, which share the calls.
    pub(super) fn asking(mut self, statements: &[&str]) -> Self {
        let share = 1.0 / f64::from(u32::try_from(statements.len()).unwrap());
        for sql in statements {
            let parsed = query::parse(sql).unwrap();
            self.workload.push(Statement {
                share,
                shape: parsed.shape(&self.catalog),
                writes: parsed.writes(),
            });
        }
        self
    }

    /// Checks what the rule says of the only index that it speaks of: severity and what the fix does, as in `medium:
    /// create t (a) for t_b_idx`; an empty text where it is silent.
    pub(super) fn check_verdict(&self, check: Check, expected: &str) {
        let found: Vec<String> = self.check(check).iter().map(|it| verdict(&it.finding)).collect();
        assert_eq!(found.join("; "), expected, "{:#?}", self.check(check));
    }
}

fn verdict(finding: &Finding) -> String {
    let fix = match &finding.fix {
        None => "no fix".to_owned(),
        Some(Fix::Statements { sql, undo_sql }) => format!("{} / {}", sql.join("; "), undo_sql.join("; ")),
        Some(Fix::Change(Change::Create { definition, replaces, .. })) => {
            let names: Vec<&str> = replaces.iter().map(|seen| seen.index.name.as_str()).collect();
            let place = if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) };
            format!("create {}{place}", definition.describe())
        }
        Some(Fix::Change(Change::Drop { index, .. })) => format!("drop {}", index.index.name),
        Some(Fix::Change(Change::Reindex { index, .. })) => format!("reindex {}", index.index.name),
    };
    format!("{}: {fix}", finding.severity.name())
}

mod tests {
    use proptest::prelude::*;

    use super::super::RULES;
    use super::super::fixture::{Fixture, index, table};
    use super::*;
    use crate::catalog::{Activity, Index, IndexUsage};

    const STATEMENTS: [&str; 6] = [
        "SELECT * FROM t WHERE a = $1 AND b > $2",
        "SELECT * FROM t WHERE a IS NULL ORDER BY b LIMIT 3",
        "SELECT a FROM t WHERE a BETWEEN $1 AND $2",
        "SELECT a, count(*) FROM t WHERE a = 'x' GROUP BY a",
        "UPDATE t SET b = $1 WHERE a = $2",
        "SELECT * FROM t WHERE (a, b) > ($1, $2) ORDER BY a, b",
    ];

    proptest! {
        /// Whatever the statistics say, nothing panics, and no fix frees more than there is.
        #[test]
        fn any_numbers_are_judged(
            n_distinct in prop_oneof![Just(0.0_f32), -1.0_f32..0.0, 1.0_f32..1e9],
            null_frac in 0.0_f32..=1.0,
            shares in prop::collection::vec(0.0_f32..0.4, 0..6),
            correlation in prop::option::of(-1.0_f32..=1.0),
            n_rows in prop_oneof![Just(-1.0_f64), 0.0_f64..1e9],
            size_bytes in 0_u64..1 << 40,
            counts in prop::collection::vec(0_u64..1 << 40, 6),
            columns in prop::sample::subsequence(vec!["a", "b", "c"], 1..=3),
            statements in prop::sample::subsequence(STATEMENTS.to_vec(), 0..=6),
        ) {
            let usage = IndexUsage {
                n_scans: counts[0], n_entries_read: counts[1], n_rows_fetched: counts[2], scanned_s_ago: None,
            };
            let indexed = Index { size_bytes, n_rows, usage: Some(usage), ..index("i", &columns) };
            let mut judged = table("t", &["a text", "b timestamptz", "c int8!"], vec![indexed]);
            judged.n_rows = n_rows;
            judged.activity = Some(Activity {
                n_inserted: counts[3], n_updated: counts[4], n_deleted: counts[5], ..Activity::default()
            });
            let statistics = ColumnStatistics { null_frac, correlation, ..values(n_distinct, &shares) };
            let mut fixture = Fixture::new(vec![judged])
                .with_statistics("a", statistics.clone())
                .with_statistics("b", statistics.clone())
                .with_statistics("c", statistics);
            if !statements.is_empty() {
                fixture = fixture.asking(&statements);
            }
            for (rule, check) in RULES {
                for observation in fixture.check(*check) {
                    let finding = observation.finding;
                    prop_assert!(finding.frees_bytes <= size_bytes, "{rule}: {finding:?}");
                    prop_assert!(finding.fix.is_some() || finding.frees_bytes == 0, "{rule}: {finding:?}");
                    prop_assert!(!finding.message.contains("NaN") && !finding.message.contains("inf"), "{finding:?}");
                }
            }
        }
    }
}
