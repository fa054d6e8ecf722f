//! Django: one migration that is not atomic, of `RunSQL` operations. Its own `AddIndexConcurrently` belongs to an index of a
//! model's `Meta`, which a migration alone cannot change.

use std::fmt::Write as _;

use super::numbering::{self, leading_digits};
use super::{AFTER_INTERRUPTION, MigrationFile, NAME, NO_TRANSACTION, Place, Step, double_quoted};

/// As `makemigrations` numbers them.
const DIGITS: usize = 4;

pub(super) fn files(steps: &[Step], place: &Place) -> Vec<MigrationFile> {
    let mut text = head(place, NO_TRANSACTION);
    let _ = write!(text, "    # {AFTER_INTERRUPTION}\n    operations = [\n");
    for step in steps {
        let (sql, reverse_sql) = (list(&step.up_again()), list(&step.down_again()));
        let _ = write!(
            text,
            "        migrations.RunSQL(\n            sql={sql},\n            reverse_sql={reverse_sql},\n            \
             elidable=False,\n        ),\n"
        );
    }
    text.push_str("    ]\n");
    vec![MigrationFile { name: file_name(place, NAME), text }]
}

/// Returns a file's name, with the number after the last one.
pub(super) fn file_name(place: &Place, name: &str) -> String {
    let next = numbering::last(place, number).map_or(1, |(last, _)| last + 1);
    format!("{next:0DIGITS$}_{name}.py")
}

/// Returns the beginning of a migration, with the reason why it is not atomic.
pub(super) fn head(place: &Place, why: &str) -> String {
    let last = numbering::last(place, number);
    let dependency = last.and_then(|(last, _)| {
        let names = place.existing.iter().filter(|name| number(name).parse() == Ok(last));
        names.filter_map(|name| name.strip_suffix(".py")).max()
    });
    let mut text = format!(
        "# Suggested by perfkit.\nfrom django.db import migrations\n\n\nclass Migration(migrations.Migration):\n    \
         # {why}\n    atomic = False\n\n"
    );
    match dependency {
        Some(name) => {
            let (app, name) = (double_quoted(place.app), double_quoted(name));
            let _ = write!(text, "    dependencies = [\n        ({app}, {name}),\n    ]\n\n");
        }
        None => text.push_str("    dependencies = []\n\n"),
    }
    text
}

fn number(name: &str) -> &str {
    name.strip_suffix(".py").map_or("", leading_digits)
}

/// A list, since Django runs what is one string as one statement.
fn list(statements: &[String]) -> String {
    let lines: Vec<String> = statements
        .iter()
        .map(|statement| format!("                {},\n", double_quoted(statement)))
        .collect();
    format!("[\n{}            ]", lines.concat())
}
