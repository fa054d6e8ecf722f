//! The SQL that keeps counters: functions, triggers and the tables beside them.

mod deltas;
pub(crate) mod guard;
pub(crate) mod registry;
pub(crate) mod sink;
#[cfg(test)]
mod tests;

use super::name;
use super::site::{Counter, KeyPair, Mode, QualifiedName, Site};
use crate::query::quote;

/// A trigger of ours; making it again replaces it and enables it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) sql: String,
}

/// Returns the body of a site's function, as `pg_proc.prosrc` has it: from this the site is known ([`registry::read`]), and a
/// function whose body differs was changed by somebody, or made by another perfkit.
pub(crate) fn body(site: &Site) -> String {
    let mut declared: Vec<String> = deltas::variables(site)
        .into_iter()
        .zip(deltas::types(site))
        .map(|(variable, type_name)| format!("  {variable} {type_name}[];\n"))
        .collect();
    if sink::is_inline(site) {
        declared.push(format!("  {} bigint;\n", sink::FOUND));
    }
    // A column of the child may have the name of a variable, such as tg_op.
    format!(
        "\n{}\n#variable_conflict use_column\nDECLARE\n{}BEGIN\n{}{}  RETURN NULL;\nEND",
        registry::header(site),
        declared.concat(),
        deltas::branches(site),
        sink::sink(site),
    )
}

/// Returns the statements that make a site's function, or replace it.
pub(crate) fn function(site: &Site) -> Vec<String> {
    create_function(&name::function(site), &body(site))
}

/// Returns the triggers of one table: the child, or a partition or heir of it. Triggers of statements fire for the table that
/// a statement names, and those of TRUNCATE for each table that is emptied.
pub(crate) fn triggers(site: &Site, table: &QualifiedName) -> Vec<Trigger> {
    const EVENTS: [(&str, &str, &str); 5] = [
        ("insert", "AFTER INSERT", " REFERENCING NEW TABLE AS perfkit_new"),
        ("update", "AFTER UPDATE", " REFERENCING OLD TABLE AS perfkit_old NEW TABLE AS perfkit_new"),
        ("delete", "AFTER DELETE", " REFERENCING OLD TABLE AS perfkit_old"),
        ("truncate", "BEFORE TRUNCATE", ""),
        ("truncated", "AFTER TRUNCATE", ""),
    ];
    let n_events = if deltas::is_fed(site) { 5 } else { 4 };
    let trigger = |(event, when, rows): (&str, &str, &str)| {
        let name = name::trigger(site, event);
        let sql = format!(
            "CREATE OR REPLACE TRIGGER {} {when} ON {table}{rows} FOR EACH STATEMENT EXECUTE FUNCTION {}()",
            quote::identifier(&name),
            name::function(site),
        );
        Trigger { name, sql }
    };
    EVENTS.into_iter().take(n_events).map(trigger).collect()
}

/// Returns the statements that make the table with the pending changes of a site, if its mode has one.
pub(crate) fn pending_table(site: &Site) -> Vec<String> {
    let table = name::pending(site);
    let keys = site
        .key
        .iter()
        .map(|pair| format!("{} {} NOT NULL", quote::identifier(&pair.parent), pair.type_name));
    let deltas = site.counters.iter().map(pending_column);
    let key_columns: Vec<String> =
        site.key.iter().map(|pair| quote::identifier(&pair.parent).into_owned()).collect();
    let key_columns = key_columns.join(", ");
    let mut columns: Vec<String> = keys.collect();
    match site.mode {
        Mode::Inline => Vec::new(),
        Mode::Queue => {
            columns.extend(deltas);
            // Read by a count of the whole child, which knows its snapshot but locks nothing.
            columns.push(format!("{} xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id()", sink::XID));
            columns.push(format!("{} bigint NOT NULL GENERATED ALWAYS AS IDENTITY", sink::ID));
            columns.push(format!("{} boolean NOT NULL DEFAULT false", sink::GONE));
            vec![
                // Rows come and go, so that the table is vacuumed by their number and not by its size.
                format!(
                    "CREATE TABLE {table} ({}) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
                    columns.join(", "),
                ),
                format!("CREATE INDEX ON {table} ({key_columns})"),
                // A publication of all tables refuses DELETE without it.
                format!("ALTER TABLE {table} REPLICA IDENTITY FULL"),
            ]
        }
        Mode::Slots => {
            columns.push(format!("{} smallint NOT NULL", sink::SLOT));
            columns.extend(deltas);
            columns.push(format!("PRIMARY KEY ({key_columns}, {})", sink::SLOT));
            // Room for the new versions of rows that are updated all the time.
            vec![format!("CREATE TABLE {table} ({}) WITH (fillfactor = 70)", columns.join(", "))]
        }
    }
}

/// A counter's column of a table with pending changes; one that comes later has changed nothing before.
pub(crate) fn pending_column(counter: &Counter) -> String {
    format!("{} {} NOT NULL DEFAULT 0", quote::identifier(&counter.column), counter.type_name)
}

/// Returns the statement that makes the table of a site's own.
pub(crate) fn side_table(site: &Site) -> String {
    let keys = site.key.iter().map(|pair| format!("{} {}", quote::identifier(&pair.parent), pair.type_name));
    let counters = site
        .counters
        .iter()
        .map(|counter| format!("{} {}", quote::identifier(&counter.column), counter.type_name));
    let columns: Vec<String> = keys.chain(counters).collect();
    let key: Vec<String> = site.key.iter().map(|pair| quote::identifier(&pair.parent).into_owned()).collect();
    format!("CREATE TABLE {} ({}, PRIMARY KEY ({}))", site.parent, columns.join(", "), key.join(", "))
}

/// A function acts with its owner's rights, because who writes to the child may lack those on the parent; so nobody but its owner
/// may make triggers of it. With the search path of a session, whoever may create in one of its schemas would have these rights.
fn create_function(name: &QualifiedName, body: &str) -> Vec<String> {
    let body = dollar_quoted(body, "perfkit");
    vec![
        format!(
            "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {body}"
        ),
        format!("REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"),
    ]
}

/// Quotes a text by dollars and a tag that does not occur in it; this holds whatever `standard_conforming_strings` is.
pub(super) fn dollar_quoted(text: &str, tag: &str) -> String {
    let mut n = 1;
    let mut quote = format!("${tag}$");
    // The end of the text and the first dollar of the quote could make a quote too early.
    while format!("{text}{quote}").find(&quote) != Some(text.len()) {
        n += 1;
        quote = format!("${tag}{n}$");
    }
    format!("{quote}{text}{quote}")
}

/// Joins what stands for each of `n` items, by its number from 1.
pub(super) fn each(n: usize, text: impl Fn(usize) -> String) -> String {
    (1..=n).map(text).collect::<Vec<_>>().join(", ")
}

/// Compares all columns of a key.
pub(super) fn equal(key: &[KeyPair], mut sides: impl FnMut(&KeyPair) -> (String, String)) -> String {
    let tests = key.iter().map(|pair| {
        let (left, right) = sides(pair);
        format!("{left} = {right}")
    });
    tests.collect::<Vec<_>>().join(" AND ")
}
