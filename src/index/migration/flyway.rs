//! Flyway: a versioned and an undo migration, each with a script configuration (its manual, "Script Configuration").

use super::numbering::{self, leading_digits};
use super::{AFTER_INTERRUPTION, MigrationFile, NAME, NO_TRANSACTION, Place, Step, script};

/// Flyway sends statement by statement, so one file holds them all.
const HEADER: &str = "-- Suggested by perfkit. Flyway must hold its lock without a transaction, else the build waits for it for ever:
-- set flyway.postgresql.transactional.lock=false
";

pub(super) fn files(steps: &[Step], place: &Place) -> Vec<MigrationFile> {
    // Of V1.2__name.sql the whole part is enough.
    let number = numbering::next(1, place, |name| leading_digits(name.strip_prefix('V').unwrap_or_default()));
    let header = format!("{HEADER}-- {AFTER_INTERRUPTION}\n");
    let texts = [
        ('V', script(&header, steps.iter().map(Step::up_again))),
        ('U', script(&header, steps.iter().rev().map(Step::down_again))),
    ];
    let mut files = Vec::new();
    for (prefix, text) in texts {
        let name = format!("{prefix}{}__{NAME}.sql", number.concat());
        let configuration =
            MigrationFile { name: format!("{name}.conf"), text: configuration(&text, NO_TRANSACTION) };
        files.extend([MigrationFile { name, text }, configuration]);
    }
    files
}

/// Returns the configuration of a script, with the reason for it.
pub(super) fn configuration(script: &str, why: &str) -> String {
    let mut text = format!("# {why}\nexecuteInTransaction=false\n");
    // Flyway puts values in the place of these, inside literals too.
    if script.contains("${") {
        text.push_str("placeholderReplacement=false\n");
    }
    text
}
