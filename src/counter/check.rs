//! From wishes to sites: whether what is asked for can be kept in this database.

use super::FORMAT;
use super::name;
use super::refusal::Refusal;
use super::site::{Counter, KeyPair, Mode, QualifiedName, Site, Storage};
use super::spec::{StorageWish, Wish};
use super::state::{ForeignKeyState, Kind, State, TableState};
use super::triggers::registry;
use crate::yaml;

/// A wish that is a site with one counter, whose condition and sum are still as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) site: Site,
    /// Whether the mode was asked for.
    pub(crate) has_mode: bool,
    /// The type of the column, if it is there.
    column_type: Option<String>,
}

/// What the server makes of a condition and a sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Canonical {
    pub(crate) condition: Option<String>,
    pub(crate) sum: Option<CanonicalSum>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CanonicalSum {
    pub(crate) sql: String,
    /// As `format_type` writes it.
    pub(crate) type_name: String,
}

/// Finds the tables and the key of a wish that names no tables between.
pub(crate) fn resolve(wish: &Wish, state: &State) -> Result<Resolved, Refusal> {
    let child = table(state, &wish.counts)?;
    let is_side = wish.storage == StorageWish::Side;
    let parent = match table(state, &wish.table) {
        Ok(parent) => Some(parent),
        Err(_) if is_side && !wish.key.0.is_empty() => None,
        Err(refusal) => return Err(refusal),
    };
    refuse_unseen_changes(state, child)?;
    let (parent_name, key, storage) = if is_side {
        let key = side_key(wish, child, parent)?;
        let bare = wish.table.rsplit_once('.').map_or(wish.table.as_str(), |(_, name)| name);
        let columns: Vec<&str> = key.iter().map(|pair| pair.child.as_str()).collect();
        (name::side_table(bare, &child.name, &columns), key, Storage::SideFilling)
    } else {
        let parent = parent.ok_or_else(|| Refusal::NoTable { name: wish.table.clone(), nearest: None })?;
        (parent.name.clone(), key(wish, child, parent)?, Storage::Column)
    };
    if is_side && wish.mode.is_some_and(|mode| mode != Mode::Inline) {
        return Err(Refusal::SideMode);
    }
    let counter = Counter {
        column: wish.column(),
        type_name: "bigint".to_owned(),
        condition: wish.condition.clone(),
        sum: wish.sum.clone(),
    };
    let mut site = Site {
        format: FORMAT,
        child: child.name.clone(),
        parent: parent_name,
        key,
        counters: vec![counter],
        mode: wish.mode.unwrap_or_default(),
        afterwards: None,
        storage,
        guard: wish.guard,
    };
    refuse_strangers(state, &site)?;
    // A run that was cut short may have left another mode for the time being.
    if let Some(there) = state.installed(&site).map(|there| there.lasting()) {
        site.mode = wish.mode.unwrap_or(there.mode);
        site.storage = there.storage;
        site.guard |= there.guard;
    }
    // With slots each batch reads the children of its keys; the other modes can do with one scan.
    if site.mode == Mode::Slots && !state.has_key_index(&site) {
        let columns = site.key.iter().map(|pair| pair.child.clone()).collect();
        return Err(Refusal::NoIndex { child: site.child, columns });
    }
    let column_type = match state.table(&site.parent) {
        Some(table) => column_type(table, &wish.column())?,
        None => None,
    };
    refuse_without_rights(state, child)?;
    if let Some(parent) = parent.filter(|_| !is_side) {
        refuse_without_rights(state, parent)?;
    }
    if !child.rights.may_create_in_schema {
        return Err(Refusal::NoCreate { role: state.role.clone(), schema: child.name.schema.clone() });
    }
    Ok(Resolved { site, has_mode: wish.mode.is_some(), column_type })
}

/// Puts in what the server has made of the condition and the sum.
pub(crate) fn complete(mut resolved: Resolved, canonical: Canonical) -> Result<Resolved, Refusal> {
    let counter = &mut resolved.site.counters[0];
    counter.condition = canonical.condition;
    let is_numeric = match canonical.sum.as_ref().map(|sum| sum.type_name.as_str()) {
        None | Some("smallint" | "integer" | "bigint") => false,
        Some("numeric") => true,
        Some(other) => return Err(Refusal::SumType(other.to_owned())),
    };
    counter.sum = canonical.sum.map(|sum| sum.sql);
    match resolved.column_type.as_deref() {
        Some(type_name @ ("integer" | "bigint")) if is_numeric => {
            return Err(Refusal::Column {
                table: resolved.site.parent.clone(),
                column: counter.column.clone(),
                is: format!("of type {type_name}, and the sum is numeric"),
            });
        }
        Some("numeric") => "numeric".clone_into(&mut counter.type_name),
        _ if is_numeric => "numeric".clone_into(&mut counter.type_name),
        _ => {}
    }
    Ok(resolved)
}

/// Puts counters of one child, parent and key together, with those that are there already.
pub(crate) fn sites(wishes: &[Resolved], state: &State) -> Result<Vec<Site>, Refusal> {
    let mut sites: Vec<(Site, bool)> = Vec::new();
    for Resolved { site, has_mode, .. } in wishes {
        let at = sites.iter().position(|(known, _)| known.is_same_place(site)).unwrap_or_else(|| {
            let counters = state.installed(site).map(|there| there.counters).unwrap_or_default();
            sites.push((Site { counters, ..site.clone() }, false));
            sites.len() - 1
        });
        let (known, known_has_mode) = &mut sites[at];
        if *has_mode {
            if *known_has_mode && known.mode != site.mode {
                return Err(Refusal::Modes {
                    parent: site.parent.clone(),
                    child: site.child.clone(),
                    one: known.mode,
                    other: site.mode,
                });
            }
            known.mode = site.mode;
            *known_has_mode = true;
        }
        known.guard |= site.guard;
        for counter in &site.counters {
            match known.counter(&counter.column) {
                None => known.counters.push(counter.clone()),
                Some(there) if there == counter => {}
                Some(_) => {
                    return Err(Refusal::Changed {
                        parent: site.parent.clone(),
                        column: counter.column.clone(),
                    });
                }
            }
        }
        known.counters.sort_by(|a, b| a.column.cmp(&b.column));
    }
    Ok(sites.into_iter().map(|(site, _)| site).collect())
}

/// What is to be known before a counter is made, though nothing stands against it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Note {
    #[error("each change of a counter runs triggers of {parent} as well: {}; --storage side avoids that", .triggers.join(", "))]
    ParentTriggers { parent: QualifiedName, triggers: Vec<String> },
    #[error("{child} has no index that begins with ({}): it is counted in one scan, and changes are queued meanwhile", .columns.join(", "))]
    Scan { child: QualifiedName, columns: Vec<String> },
    #[error("column \"{0}\" is of type integer: writers of a parent with more than 2,147,483,647 will fail")]
    Integer(String),
    #[error("column \"{0}\" is a sum of numeric: a single NaN never leaves it")]
    NotANumber(String),
    #[error("somebody has to fold what is pending: perfkit counter fold")]
    Fold,
    #[error(
        "a TRUNCATE in a REPEATABLE READ transaction removes rows that it does not see; verify shows whether it did"
    )]
    Truncate,
}

/// Returns what is to be known of a site that is to be made.
pub(crate) fn notes(site: &Site, state: &State) -> Vec<Note> {
    let mut notes = Vec::new();
    let parent = state.table(&site.parent).filter(|_| !site.is_side());
    let triggers = parent.map(|table| table.triggers.iter().filter(|trigger| trigger.fires_for_updated_rows));
    let foreign = triggers.into_iter().flatten().filter(|it| {
        // Guards of ours fire for keys, and for writes of others.
        state.function(&it.function).is_none_or(|it| registry::read_guard(&it.body).is_none())
    });
    let triggers: Vec<String> = foreign.map(|trigger| trigger.name.clone()).collect();
    if !triggers.is_empty() {
        notes.push(Note::ParentTriggers { parent: site.parent.clone(), triggers });
    }
    if !state.has_key_index(site) {
        let columns = site.key.iter().map(|pair| pair.child.clone()).collect();
        notes.push(Note::Scan { child: site.child.clone(), columns });
    }
    for counter in &site.counters {
        let there = parent.and_then(|table| table.column(&counter.column));
        if there.is_some_and(|column| column.type_name == "integer") {
            notes.push(Note::Integer(counter.column.clone()));
        }
        if counter.sum.is_some() && counter.type_name == "numeric" {
            notes.push(Note::NotANumber(counter.column.clone()));
        }
    }
    if site.has_pending() {
        notes.push(Note::Fold);
    }
    notes.push(Note::Truncate);
    notes
}

fn table<'s>(state: &'s State, name: &str) -> Result<&'s TableState, Refusal> {
    let Some(table) = state.named(name) else {
        let known = state.tables.iter().map(|table| table.name.name.as_str());
        let names = known.chain(state.names.iter().map(String::as_str));
        return Err(Refusal::NoTable { name: name.to_owned(), nearest: yaml::nearest(name, names) });
    };
    if table.kind.is_table() {
        Ok(table)
    } else {
        Err(Refusal::NotATable { table: table.name.clone(), kind: table.kind.name() })
    }
}

/// Triggers of statements need transition tables, which foreign tables have not, and do not fire for what a subscription applies
/// (manual, "CREATE TRIGGER" and "Logical Replication", section "Architecture").
fn refuse_unseen_changes(state: &State, child: &TableState) -> Result<(), Refusal> {
    for table in state.tree(child) {
        if table.kind == Kind::Foreign {
            return Err(Refusal::ForeignPartition {
                table: child.name.clone(),
                partition: table.name.clone(),
            });
        }
        if table.is_subscribed {
            return Err(Refusal::Subscribed(table.name.clone()));
        }
    }
    Ok(())
}

fn refuse_without_rights(state: &State, table: &TableState) -> Result<(), Refusal> {
    if !table.rights.is_owned {
        return Err(Refusal::NotOwner {
            role: state.role.clone(),
            table: table.name.clone(),
            owner: table.owner.clone(),
        });
    }
    if table.rights.hides_rows { Err(Refusal::HiddenRows(table.name.clone())) } else { Ok(()) }
}

/// Returns the key by the foreign key that is named, or the only one.
fn key(wish: &Wish, child: &TableState, parent: &TableState) -> Result<Vec<KeyPair>, Refusal> {
    let named = key_columns(wish, child)?;
    let refers = |key: &&ForeignKeyState| {
        key.parent == parent.name && (named.is_empty() || same_columns(&key.columns, &named))
    };
    let mut candidates: Vec<&ForeignKeyState> = child.foreign_keys.iter().filter(refers).collect();
    candidates.sort_by_key(|key| key.looseness.is_some());
    let foreign_key = match candidates.as_slice() {
        [] => {
            return Err(Refusal::NoForeignKey {
                child: child.name.clone(),
                parent: parent.name.clone(),
                columns: named,
            });
        }
        [_, _, ..] if named.is_empty() => {
            let keys = candidates.iter().map(|key| key.columns.clone()).collect();
            return Err(Refusal::ManyForeignKeys {
                child: child.name.clone(),
                parent: parent.name.clone(),
                keys,
            });
        }
        [key, ..] => key,
    };
    if let Some(looseness) = foreign_key.looseness {
        let name = foreign_key.name.clone();
        return Err(Refusal::LooseForeignKey { child: child.name.clone(), name, looseness });
    }
    let order = parent.unique_keys.iter().find(|unique| same_columns(unique, &foreign_key.parent_columns));
    let order = order.unwrap_or(&foreign_key.parent_columns);
    let pairs = order.iter().map(|column| {
        let at = foreign_key.parent_columns.iter().position(|it| it == column);
        let child_column = at.and_then(|at| foreign_key.columns.get(at)).unwrap_or(column);
        pair(child_column, column, parent)
    });
    pairs.collect()
}

/// Returns the key of a table of its own: the columns that are named, or those of the only foreign key.
fn side_key(wish: &Wish, child: &TableState, parent: Option<&TableState>) -> Result<Vec<KeyPair>, Refusal> {
    let mut columns = key_columns(wish, child)?;
    if columns.is_empty() {
        let mut keys = child.foreign_keys.iter().filter(|key| parent.is_some_and(|it| it.name == key.parent));
        columns = match (keys.next(), keys.next()) {
            (Some(key), None) => key.columns.clone(),
            _ => return Err(Refusal::NoKey(child.name.clone())),
        };
    }
    columns.iter().map(|column| pair(column, column, child)).collect()
}

/// Makes a pair whose type is that of a column of `table`.
fn pair(child_column: &str, column: &str, table: &TableState) -> Result<KeyPair, Refusal> {
    let state = table.column(column).ok_or_else(|| no_column(table, column))?;
    if !state.has_system_operators {
        return Err(Refusal::KeyType { column: column.to_owned(), type_name: state.type_name.clone() });
    }
    Ok(KeyPair {
        child: child_column.to_owned(),
        parent: column.to_owned(),
        type_name: state.type_name.clone(),
    })
}

fn key_columns(wish: &Wish, child: &TableState) -> Result<Vec<String>, Refusal> {
    if let Some(missing) = wish.key.0.iter().find(|column| child.column(column).is_none()) {
        return Err(no_column(child, missing));
    }
    Ok(wish.key.0.clone())
}

fn no_column(table: &TableState, column: &str) -> Refusal {
    let names = table.columns.iter().map(|it| it.name.as_str());
    Refusal::NoColumn {
        table: table.name.clone(),
        column: column.to_owned(),
        nearest: yaml::nearest(column, names),
    }
}

fn same_columns(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|column| b.contains(column))
}

/// Refuses what has the name of something that is to be made, and columns that other triggers of ours keep.
fn refuse_strangers(state: &State, site: &Site) -> Result<(), Refusal> {
    let function = name::function(site);
    if let Some(there) = state.function(&function) {
        match registry::read(&there.body) {
            None => return Err(Refusal::NameTaken(function)),
            Some(Err(reason)) => return Err(Refusal::Registry { name: function, reason }),
            Some(Ok(other)) if !other.is_same_place(site) => return Err(Refusal::NameTaken(function)),
            Some(Ok(_)) => {}
        }
    }
    let made = [site.is_side().then(|| site.parent.clone()), Some(name::pending(site))];
    for name in made.into_iter().flatten() {
        if state.table(&name).is_some_and(|table| !table.is_ours()) {
            return Err(Refusal::NameTaken(name));
        }
    }
    let column = &site.counters[0].column;
    let others = state.sites().filter_map(|(_, other)| other.ok());
    let keeps = |other: &Site| other.parent == site.parent && other.counter(column).is_some();
    match others.filter(|other| !other.is_same_place(site)).find(keeps) {
        Some(other) => {
            Err(Refusal::Taken { parent: site.parent.clone(), column: column.clone(), child: other.child })
        }
        None => Ok(()),
    }
}

/// Returns the type of a column that is there and can be a counter.
fn column_type(table: &TableState, column: &str) -> Result<Option<String>, Refusal> {
    let Some(there) = table.column(column) else { return Ok(None) };
    let is = if there.is_generated {
        "generated".to_owned()
    } else if !matches!(there.type_name.as_str(), "integer" | "bigint" | "numeric") {
        format!("of type {}", there.type_name)
    } else if table.unique_keys.iter().any(|key| key.iter().any(|it| it == column)) {
        "part of a key".to_owned()
    } else if let Some(default) = there.default.as_deref().filter(|default| !is_zero(default)) {
        format!("{default} by default")
    } else {
        return Ok(Some(there.type_name.clone()));
    };
    Err(Refusal::Column { table: table.name.clone(), column: column.to_owned(), is })
}

/// Whether a default is 0, as `pg_get_expr` writes it: `0`, `'0'::bigint`, `(0)::numeric`.
fn is_zero(default: &str) -> bool {
    let value = default.split_once("::").map_or(default, |(value, _)| value);
    value.trim_matches(|c: char| "()' ".contains(c)) == "0"
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
