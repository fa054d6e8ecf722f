//! Rails: one migration with `disable_ddl_transaction!`, in `add_index` where that can say it and in SQL elsewhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{AFTER_INTERRUPTION, Change, MigrationFile, NAME, NO_TRANSACTION, Place, Step, is_of_partitions};
use crate::index::{Definition, Key, Method};

/// The first version of Active Record that knows `include`; later ones run its migrations unchanged.
pub(super) const VERSION: &str = "7.1";
/// The schema that names without one are in.
const DEFAULT_SCHEMA: &str = "public";

pub(super) fn files(steps: &[Step], place: &Place) -> Vec<MigrationFile> {
    let timestamp = place.timestamp;
    let up = body(steps.iter().map(up));
    let down = body(steps.iter().rev().map(down));
    // Rails wants each class name once in the whole history.
    let text = format!(
        "# Suggested by perfkit.
class PerfkitIndexes{timestamp} < ActiveRecord::Migration[{VERSION}]
  # {NO_TRANSACTION}
  disable_ddl_transaction!

  # {AFTER_INTERRUPTION}
  def up
{up}  end

  def down
{down}  end
end
"
    );
    vec![MigrationFile { name: format!("{timestamp}_{NAME}_{timestamp}.rb"), text }]
}

fn body(groups: impl Iterator<Item = String>) -> String {
    groups.collect::<Vec<_>>().join("\n")
}

fn up(step: &Step) -> String {
    match step.change {
        Change::Create(definition) if is_sayable(step, definition) => {
            let (remove, add) = (remove_index(definition, &step.index), add_index(definition, &step.index));
            format!("{remove}{add}{}", execute(&step.create[1..]))
        }
        _ => execute(&step.up_again()),
    }
}

fn down(step: &Step) -> String {
    match step.change {
        Change::Create(definition) if is_sayable(step, definition) => remove_index(definition, &step.index),
        _ => execute(&step.down_again()),
    }
}

fn execute(statements: &[String]) -> String {
    let lines: Vec<String> =
        statements.iter().map(|statement| format!("    execute {}\n", string(statement))).collect();
    lines.concat()
}

/// Whether `add_index` and `remove_index` mean the same by these names: they take dots and quotes in the name of a table or
/// index for syntax, and find the options of a column by its name.
fn is_sayable(step: &Step, definition: &Definition) -> bool {
    let names = [&definition.schema, &definition.table, &definition.name()];
    let columns: BTreeSet<_> = definition.keys.iter().filter_map(Key::column).collect();
    !is_of_partitions(&step.create)
        && !names.iter().any(|name| name.contains(['.', '"']))
        && (has_expression(definition) || columns.len() == definition.keys.len())
}

fn has_expression(definition: &Definition) -> bool {
    definition.keys.iter().any(|key| key.column().is_none())
}

fn remove_index(definition: &Definition, name: &str) -> String {
    format!(
        "    remove_index {}, name: {}, if_exists: true, algorithm: :concurrently\n",
        table(definition),
        string(name)
    )
}

fn add_index(definition: &Definition, name: &str) -> String {
    let keys = &definition.keys;
    let mut options = vec![format!("name: {}", string(name))];
    if definition.method != Method::Btree {
        options.push(format!("using: :{}", definition.method.name()));
    }
    let columns = if has_expression(definition) {
        // What is no name is taken as it is, so that all keys must be SQL.
        string(&keys.iter().map(Key::sql).collect::<Vec<_>>().join(", "))
    } else {
        let order = |key: &Key| match (key.descending, key.nulls_first) {
            (false, false) => None,
            (true, true) => Some(":desc".to_owned()),
            (true, false) => Some("\"DESC NULLS LAST\"".to_owned()),
            (false, true) => Some("\"ASC NULLS FIRST\"".to_owned()),
        };
        options.extend(by_column("order", keys, order));
        options.extend(by_column("opclass", keys, |key| key.opclass.as_deref().map(symbol)));
        list(keys.iter().filter_map(Key::column))
    };
    if !definition.include.is_empty() {
        options.push(format!("include: {}", list(definition.include.iter().map(String::as_str))));
    }
    if let Some(predicate) = &definition.predicate {
        options.push(format!("where: {}", string(&predicate.sql)));
    }
    options.push("algorithm: :concurrently".to_owned());
    let mut text = format!("    add_index {}, {columns}", table(definition));
    for option in options {
        let _ = write!(text, ",\n      {option}");
    }
    text.push('\n');
    text
}

/// Returns an option with a value for some of the columns.
fn by_column(name: &str, keys: &[Key], value: impl Fn(&Key) -> Option<String>) -> Option<String> {
    let values: Vec<String> = keys
        .iter()
        .filter_map(|key| {
            let column = key.column()?;
            let value = value(key)?;
            Some(if is_word(column) {
                format!("{column}: {value}")
            } else {
                format!("{} => {value}", string(column))
            })
        })
        .collect();
    (!values.is_empty()).then(|| format!("{name}: {{ {} }}", values.join(", ")))
}

fn table(definition: &Definition) -> String {
    if definition.schema == DEFAULT_SCHEMA {
        symbol(&definition.table)
    } else {
        string(&format!("{}.{}", definition.schema, definition.table))
    }
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    format!("[{}]", names.map(symbol).collect::<Vec<_>>().join(", "))
}

/// Returns a symbol, or a string where a symbol would need quotes anyway.
fn symbol(name: &str) -> String {
    if is_word(name) { format!(":{name}") } else { string(name) }
}

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

pub(super) fn string(text: &str) -> String {
    // `#{…}` is evaluated between double quotes.
    super::double_quoted(text).replace('#', "\\#")
}
