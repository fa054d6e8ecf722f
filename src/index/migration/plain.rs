//! `up.sql` and `down.sql`, to run with psql.

use super::{AFTER_INTERRUPTION, MigrationFile, NO_TRANSACTION, Step, script};

pub(super) fn files(steps: &[Step]) -> Vec<MigrationFile> {
    let header = format!(
        "-- Suggested by perfkit. Run with psql, without --single-transaction:\n-- {NO_TRANSACTION}\n-- {AFTER_INTERRUPTION}\n"
    );
    let up = script(&header, steps.iter().map(Step::up_again));
    let down = script(&header, steps.iter().rev().map(Step::down_again));
    vec![
        MigrationFile { name: "up.sql".to_owned(), text: up },
        MigrationFile { name: "down.sql".to_owned(), text: down },
    ]
}
