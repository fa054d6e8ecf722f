//! golang-migrate: its PostgreSQL drivers open no transaction and send each file as it is, so that each holds one statement.

use super::sqlx::one_statement_files;
use super::{MigrationFile, Place, Step};

pub(super) fn files(steps: &[Step], place: &Place) -> Vec<MigrationFile> {
    // A second statement, were it only a SET, would make the file a transaction.
    one_statement_files(steps, place, "")
}
