//! Changes that are transactions of several statements each, as the frameworks want them.

use std::fmt::Write as _;

use super::numbering::{self, leading_digits};
use super::{Framework, MigrationFile, NOTHING, Place, django, double_quoted, flyway, rails, script, slug};

/// Statements of one transaction, with those that take it back, all without semicolons. One statement alone is not put into a
/// transaction, so that it may have some of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// What it does, in a word or two, and to what.
    pub(crate) verb: String,
    pub(crate) on: String,
    pub(crate) up: Vec<String>,
    pub(crate) down: Vec<String>,
}

/// Returns the files that make changes one after the other, and take them back; none when there is nothing to do. `name` is what
/// the files are called where a name says nothing about one change, and `why` why there is no transaction around all of them.
pub(crate) fn transactions(
    framework: Framework,
    (name, why): (&str, &str),
    changes: &[Change],
    place: &Place,
) -> Vec<MigrationFile> {
    if changes.is_empty() {
        return Vec::new();
    }
    match framework {
        Framework::Rails => of_rails((name, why), changes, place),
        Framework::Django => of_django((name, why), changes, place),
        Framework::Flyway => of_flyway((name, why), changes, place),
        Framework::Sqlx => a_file_each(changes, place, "-- no-transaction\n"),
        Framework::GolangMigrate => a_file_each(changes, place, ""),
        Framework::Plain => {
            let header =
                format!("-- Suggested by perfkit. Run with psql, without --single-transaction:\n-- {why}\n");
            let [up, down] = scripts(&header, changes);
            [("up.sql", up), ("down.sql", down)]
                .map(|(name, text)| MigrationFile { name: name.to_owned(), text })
                .into()
        }
    }
}

fn of_rails((name, why): (&str, &str), changes: &[Change], place: &Place) -> Vec<MigrationFile> {
    let timestamp = place.timestamp;
    let body = |statements: &[String]| {
        let lines = |indent: &str| {
            let line = |sql: &String| format!("{indent}execute {}\n", rails::string(sql));
            statements.iter().map(line).collect::<Vec<_>>().concat()
        };
        match statements {
            [] | [_] => lines("    "),
            _ => format!("    transaction do\n{}    end\n", lines("      ")),
        }
    };
    let up: String = changes.iter().map(|change| body(&change.up)).collect();
    let down: String = changes.iter().rev().map(|change| body(&change.down)).collect();
    let class: String = name
        .split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_uppercase() + rest
        })
        .collect();
    let version = rails::VERSION;
    let text = format!(
        "# Suggested by perfkit.
class {class}{timestamp} < ActiveRecord::Migration[{version}]
  # {why}
  disable_ddl_transaction!

  def up
{up}  end

  def down
{down}  end
end
"
    );
    vec![MigrationFile { name: format!("{timestamp}_{name}_{timestamp}.rb"), text }]
}

fn of_django((name, why): (&str, &str), changes: &[Change], place: &Place) -> Vec<MigrationFile> {
    let mut text = django::head(place, why);
    text.push_str("    operations = [\n");
    // Several statements in one text are one transaction (manual, "Multiple Statements in a Simple Query").
    let list = |statements: &[String]| match statements {
        [] => "migrations.RunSQL.noop".to_owned(),
        _ => format!("[\n                {},\n            ]", double_quoted(&statements.join(";\n"))),
    };
    for change in changes {
        let (sql, reverse_sql) = (list(&change.up), list(&change.down));
        let _ = write!(
            text,
            "        migrations.RunSQL(\n            sql={sql},\n            reverse_sql={reverse_sql},\n            \
             elidable=False,\n        ),\n"
        );
    }
    text.push_str("    ]\n");
    vec![MigrationFile { name: django::file_name(place, name), text }]
}

fn of_flyway((name, why): (&str, &str), changes: &[Change], place: &Place) -> Vec<MigrationFile> {
    let number = numbering::next(1, place, |name| leading_digits(name.strip_prefix('V').unwrap_or_default()));
    let texts = scripts(&format!("-- Suggested by perfkit.\n-- {why}\n"), changes);
    let mut files = Vec::new();
    for (prefix, text) in ['V', 'U'].into_iter().zip(texts) {
        let name = format!("{prefix}{}__{name}.sql", number.concat());
        let configuration = flyway::configuration(&text, why);
        files.push(MigrationFile { name: name.clone(), text });
        files.push(MigrationFile { name: format!("{name}.conf"), text: configuration });
    }
    files
}

/// Several statements that are sent at once are one transaction.
fn a_file_each(changes: &[Change], place: &Place, header: &str) -> Vec<MigrationFile> {
    let numbers = numbering::next(changes.len(), place, leading_digits);
    let file = |(change, number): (&Change, String)| {
        let slug = slug(&change.verb, &change.on).replace(' ', "_");
        [("up", &change.up), ("down", &change.down)].map(|(direction, statements)| {
            let sql = if statements.is_empty() { NOTHING.to_owned() } else { statements.join(";\n") };
            MigrationFile {
                name: format!("{number}_{slug}.{direction}.sql"),
                text: format!("{header}{sql};\n"),
            }
        })
    };
    changes.iter().zip(numbers).flat_map(file).collect()
}

/// The ways there and back.
fn scripts(header: &str, changes: &[Change]) -> [String; 2] {
    let block = |statements: &Vec<String>| match statements.as_slice() {
        [] | [_] => statements.clone(),
        many => {
            let edge = |word: &str| vec![word.to_owned()];
            [edge("BEGIN"), many.to_vec(), edge("COMMIT")].concat()
        }
    };
    let down = changes.iter().rev().filter(|change| !change.down.is_empty());
    [
        script(header, changes.iter().map(|change| block(&change.up))),
        script(header, down.map(|change| block(&change.down))),
    ]
}
