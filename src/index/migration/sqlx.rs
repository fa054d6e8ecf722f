//! sqlx: reversible migrations, which run without a transaction when they start with a certain comment (sqlx-core,
//! migrate/migration.rs) and are sent as they are, so that each holds one statement.

use super::numbering::{self, leading_digits};
use super::{MigrationFile, Piece, Place, Step};

pub(super) fn files(steps: &[Step], place: &Place) -> Vec<MigrationFile> {
    one_statement_files(steps, place, "-- no-transaction\n")
}

/// Returns a pair of files for each statement, `header` first in each.
pub(super) fn one_statement_files(steps: &[Step], place: &Place, header: &str) -> Vec<MigrationFile> {
    let pieces: Vec<Piece> = steps.iter().flat_map(Step::pieces).collect();
    let numbers = numbering::next(pieces.len(), place, leading_digits);
    pieces
        .iter()
        .zip(numbers)
        .flat_map(|(piece, number)| {
            [("up", &piece.up), ("down", &piece.down)].map(|(direction, statement)| MigrationFile {
                name: format!("{number}_{}.{direction}.sql", piece.slug),
                text: format!("{header}{statement};\n"),
            })
        })
        .collect()
}
