//! What happens on the parent: a key that changes or goes, and writes of the counters by others.

use super::sink::{GONE, N_SLOTS, SLOT};
use super::{Trigger, create_function, equal, registry};
use crate::counter::name;
use crate::counter::site::{KeyPair, Mode, QualifiedName, Site};
use crate::query::quote;

/// A function on the parent with its triggers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guard {
    pub(crate) table: QualifiedName,
    pub(crate) function: QualifiedName,
    /// As `pg_proc.prosrc` has it.
    pub(crate) body: String,
    pub(crate) triggers: Vec<Trigger>,
}

impl Guard {
    /// Returns the statements that make the function, or replace it.
    pub(crate) fn create(&self) -> Vec<String> {
        create_function(&self.function, &self.body)
    }
}

/// Returns the guards of a site. A table of its own needs none: nobody else writes to it, and its keys are values.
pub(crate) fn guards(site: &Site) -> Vec<Guard> {
    if site.is_side() {
        return Vec::new();
    }
    let mut guards = vec![key_update(site)];
    if site.guard {
        guards.push(overwrite(site));
    }
    if site.has_pending() {
        guards.extend([gone(site), emptied(site)]);
    }
    guards
}

/// Returns the guards that a site has in some mode: what is to be dropped where they are not wanted.
pub(crate) fn all_guards(site: &Site) -> Vec<Guard> {
    if site.is_side() {
        Vec::new()
    } else {
        vec![key_update(site), overwrite(site), gone(site), emptied(site)]
    }
}

/// After an update of the key all children have left the old one. Those that follow (ON UPDATE CASCADE) come as an addition to
/// the new one; with SET NULL none does. A child keeps the key of its parent otherwise.
fn key_update(site: &Site) -> Guard {
    let zeros: Vec<String> = site
        .counters
        .iter()
        .map(|counter| {
            let column = quote::quote_identifier(&counter.column);
            format!("  new.{column} := CASE WHEN new.{column} IS NULL THEN NULL ELSE 0 END;\n")
        })
        .collect();
    let body = format!("BEGIN\n{}  RETURN new;\nEND", zeros.concat());
    guard(site, "key", &body, &[("key", format!("BEFORE UPDATE OF {}", keys(site)), key_changes(site))])
}

/// Mappers that save a whole row write back a counter that was read before.
fn overwrite(site: &Site) -> Guard {
    let columns: Vec<String> =
        site.counters.iter().map(|counter| quote::quote_identifier(&counter.column)).collect();
    let olds: Vec<String> =
        columns.iter().map(|column| format!("  new.{column} := old.{column};\n")).collect();
    let body = format!("BEGIN\n{}  RETURN new;\nEND", olds.concat());
    let when = format!(
        "WHEN (pg_catalog.pg_trigger_depth() = 0 AND pg_catalog.current_setting('{WRITES}', true) IS DISTINCT FROM 'on')"
    );
    let event = format!("BEFORE UPDATE OF {}", columns.join(", "));
    guard(site, "keep", &body, &[("keep", event, when)])
}

/// The setting that is `on` in sessions of perfkit that write counters.
pub(crate) const WRITES: &str = "perfkit.writes";

/// Pending changes of a key that is gone are not for whoever gets it next. The actions of foreign keys have run by then, and
/// whoever wrote one of the children has ended, because the parent's row or the child's was locked. So all of the key's pending
/// changes are there, though not all of them are visible to a transaction with an old snapshot.
fn gone(site: &Site) -> Guard {
    let olds = keys_of(site, |column| format!("old.{column}"));
    let matches = equal(&site.key, |pair| {
        let column = quote::identifier(&pair.parent);
        (format!("d.{column}"), format!("old.{}", quote::quote_identifier(&pair.parent)))
    });
    // A unique key may have a NULL, and then nobody refers to it.
    let has_key =
        site.key.iter().map(|pair| format!("old.{} IS NOT NULL", quote::quote_identifier(&pair.parent)));
    let has_key = has_key.collect::<Vec<_>>().join(" AND ");
    let pending = name::pending(site);
    let forget = format!("  DELETE FROM {pending} AS d WHERE {matches};\n");
    let body = match site.mode {
        Mode::Queue => format!(
            "{forget}  INSERT INTO {pending} ({}, {GONE}) SELECT {olds}, true WHERE {has_key};\n",
            keys(site)
        ),
        // Making the slots fails to serialize where one is there that cannot be seen.
        Mode::Slots => format!(
            "  IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
    INSERT INTO {pending} AS p ({keys}, {SLOT}) SELECT {olds}, s FROM pg_catalog.generate_series(0, {}) AS s
      WHERE {has_key} ON CONFLICT ({keys}, {SLOT}) DO UPDATE SET {SLOT} = p.{SLOT};
  END IF;
{forget}",
            N_SLOTS - 1,
            keys = keys(site),
        ),
        Mode::Inline => forget,
    };
    let moved = format!("AFTER UPDATE OF {}", keys(site));
    guard(
        site,
        "gone",
        &format!("BEGIN\n{body}  RETURN NULL;\nEND"),
        &[("gone", "AFTER DELETE".to_owned(), String::new()), ("moved", moved, key_changes(site))],
    )
}

/// The foreign keys of the children have them emptied as well, so that each key that had any has something pending.
fn emptied(site: &Site) -> Guard {
    let matches = equal(&site.key, |pair| {
        let column = quote::identifier(&pair.parent);
        (format!("p.{column}"), format!("d.{column}"))
    });
    let pending = name::pending(site);
    let forget = format!(
        "DELETE FROM {pending} AS d WHERE NOT EXISTS (SELECT FROM {} AS p WHERE {matches})",
        site.parent
    );
    let body = if site.mode == Mode::Queue {
        format!(
            "WITH emptied AS ({forget} RETURNING {})
  INSERT INTO {pending} ({keys}, {GONE}) SELECT DISTINCT {keys}, true FROM emptied",
            keys_of(site, |column| format!("d.{column}")),
            keys = keys(site),
        )
    } else {
        forget
    };
    let body = format!("BEGIN\n  {body};\n  RETURN NULL;\nEND");
    guard(site, "emptied", &body, &[("emptied", "AFTER TRUNCATE".to_owned(), String::new())])
}

fn guard(site: &Site, guard: &str, body: &str, triggers: &[(&str, String, String)]) -> Guard {
    let function = name::guard_function(site, guard);
    let triggers = triggers.iter().map(|(suffix, event, when)| {
        let name = name::guard_trigger(site, suffix);
        let level = if event.ends_with("TRUNCATE") { "STATEMENT" } else { "ROW" };
        let when = if when.is_empty() { String::new() } else { format!(" {when}") };
        let sql = format!(
            "CREATE OR REPLACE TRIGGER {} {event} ON {} FOR EACH {level}{when} EXECUTE FUNCTION {function}()",
            quote::identifier(&name),
            site.parent,
        );
        Trigger { name, sql }
    });
    Guard {
        table: site.parent.clone(),
        triggers: triggers.collect(),
        body: format!("\n{}\n{body}", registry::guard_header(site)),
        function,
    }
}

fn keys(site: &Site) -> String {
    let columns: Vec<String> =
        site.key.iter().map(|pair| quote::identifier(&pair.parent).into_owned()).collect();
    columns.join(", ")
}

/// Lists what stands for each column of the parent's key.
fn keys_of(site: &Site, column: impl Fn(&str) -> String) -> String {
    let columns: Vec<String> =
        site.key.iter().map(|pair| column(&quote::quote_identifier(&pair.parent))).collect();
    columns.join(", ")
}

/// Keys that are written differently but equal (1.0 and 1.00) leave all children where they are.
fn key_changes(site: &Site) -> String {
    let changed = |pair: &KeyPair| {
        let column = quote::identifier(&pair.parent);
        format!("old.{column} IS DISTINCT FROM new.{column}")
    };
    format!("WHEN ({})", site.key.iter().map(changed).collect::<Vec<_>>().join(" OR "))
}
