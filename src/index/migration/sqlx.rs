//! sqlx: reversible migrations, which run without a transaction when they start with a certain comment (sqlx-core,
//! migrate/migration.rs) and are sent as they are, so that each holds one statement.

use super::numbering::{self, leading_digits};
use super::{MigrationFile, Place, Step};

pub(super) fn files(steps: &[Step], place: &Place) -> Vec<MigrationFile> {
    one_statement_files(steps, place, "-- no-transaction\n")
}

/// Returns a pair of files for each change, `header` first in each.
pub(super) fn one_statement_files(steps: &[Step], place: &Place, header: &str) -> Vec<MigrationFile> {
    let numbers = numbering::next(steps.len(), place, leading_digits);
    steps
        .iter()
        .zip(numbers)
        .flat_map(|(step, number)| {
            [("up", step.up()), ("down", step.down())].map(|(direction, statement)| MigrationFile {
                name: format!("{number}_{}.{direction}.sql", step.slug()),
                text: format!("{header}{statement};\n"),
            })
        })
        .collect()
}
