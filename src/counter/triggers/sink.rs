//! The second half of a function: what happens with the changes of the counters.

use super::deltas::variables;
use super::{each, equal};
use crate::counter::name;
use crate::counter::site::{KeyPair, Mode, Site, Storage};
use crate::query::quote;

/// Rows that a parent may have among its pending ones in [`Mode::Slots`]: with so many, sessions seldom meet in one, and a fold
/// has few to read.
pub(crate) const N_SLOTS: u32 = 16;
/// The column with the number of the slot. Others are named as in the parent.
pub(crate) const SLOT: &str = "perfkit_slot";
/// The column with the transaction that a change came with.
pub(crate) const XID: &str = "perfkit_xid";
/// The column that says in which order changes came to the queue.
pub(crate) const ID: &str = "perfkit_id";
/// The column that is true where a parent has gone: what came to the queue for its key before is not for whoever gets the key next.
/// A transaction that deletes a parent by an old snapshot cannot see all of it, so that it cannot delete it.
pub(crate) const GONE: &str = "perfkit_gone";

/// Returns the statements of a site's sink.
pub(super) fn sink(site: &Site) -> String {
    match (site.storage, site.mode) {
        (Storage::Column, Mode::Inline) => inline(site),
        (Storage::Column, Mode::Queue) => refuse_newer_parent(site) + &queue(site),
        (Storage::Column, Mode::Slots) => refuse_newer_parent(site) + &slots(site),
        (Storage::Side, _) => upsert(site),
        (Storage::SideFilling, _) => upsert_uncounted(site),
    }
}

/// Whether changes go to the rows of the parents themselves.
pub(super) fn is_inline(site: &Site) -> bool {
    site.storage == Storage::Column && site.mode == Mode::Inline
}

/// Locks the parents in the order of their keys, so that two statements never wait for each other, and adds. NULL stays NULL, but
/// its row is locked like any other: skipping it would lose the change that a count under way does not see.
fn inline(site: &Site) -> String {
    let key = |pair: &KeyPair| format!("p.{}", quote::identifier(&pair.parent));
    let keys = site.key.iter().map(key).collect::<Vec<_>>().join(", ");
    let is_single = numbered(site, |pair, i| (key(pair), format!("perfkit_k{i}[1]")));
    let matches = numbered(site, |pair, i| (key(pair), format!("d.k{i}")));
    format!(
        "  IF cardinality(perfkit_k1) = 1 THEN
    UPDATE {parent} AS p SET {single} WHERE {is_single};
  ELSE
    PERFORM 1 FROM {parent} AS p JOIN unnest({key_arrays}) AS d ({key_names}) ON {matches}
      ORDER BY {keys} FOR NO KEY UPDATE OF p;
    UPDATE {parent} AS p SET {adds}
      FROM unnest({arrays}) AS d ({names}) WHERE {matches};
  END IF;
{refusal}",
        parent = site.parent,
        single = added(site, |i, _| format!("perfkit_d{i}[1]")),
        adds = added(site, |i, _| format!("d.d{i}")),
        key_arrays = each(site.key.len(), |i| format!("perfkit_k{i}")),
        key_names = each(site.key.len(), |i| format!("k{i}")),
        arrays = variables(site).join(", "),
        names = names(site),
        refusal = refuse_newer_parent(site),
    )
}

/// The variable of an inline function with the number of parents that were found.
pub(super) const FOUND: &str = "perfkit_found";

/// Refuses to lose a change: the check of a foreign key to a partitioned table takes a snapshot of its own (`RI_FKey_check`), and so
/// finds a parent that is newer than the snapshot of the transaction, in which functions do not. That of any other table fails.
fn refuse_newer_parent(site: &Site) -> String {
    let has_key = site.key.iter().map(|pair| format!("c.{} IS NOT NULL", quote::identifier(&pair.child)));
    let is_parent = equal(&site.key, |pair| {
        let child = format!("c.{}::{}", quote::identifier(&pair.child), pair.type_name);
        (format!("p.{}", quote::identifier(&pair.parent)), child)
    });
    let (found, are_missing) = if is_inline(site) {
        (
            format!("  GET DIAGNOSTICS {FOUND} = ROW_COUNT;\n"),
            format!("{FOUND} < cardinality(perfkit_k1) AND "),
        )
    } else {
        Default::default()
    };
    format!(
        "{found}  IF {are_missing}tg_op IN ('INSERT', 'UPDATE') AND current_setting('transaction_isolation') <> 'read committed' THEN
    IF EXISTS (SELECT FROM perfkit_new AS c WHERE {} AND NOT EXISTS (SELECT FROM {} AS p WHERE {is_parent})) THEN
      RAISE serialization_failure USING MESSAGE = 'could not serialize access: a row refers to one that is newer than the snapshot',
        HINT = 'The transaction might succeed if retried.';
    END IF;
  END IF;
",
        has_key.collect::<Vec<_>>().join(" AND "),
        site.parent,
    )
}

fn queue(site: &Site) -> String {
    format!(
        "  INSERT INTO {} ({}) SELECT {names} FROM unnest({}) AS d ({names});\n",
        name::pending(site),
        columns(site).join(", "),
        variables(site).join(", "),
        names = names(site),
    )
}

/// Adds to the slot of this session. The rows come in the order of the keys.
fn slots(site: &Site) -> String {
    let mut target = columns(site);
    target.insert(site.key.len(), SLOT.to_owned());
    let mut values: Vec<String> = (1..=site.key.len()).map(|i| format!("k{i}")).collect();
    values.push(format!("pg_backend_pid() % {N_SLOTS}"));
    values.extend((1..=site.counters.len()).map(|i| format!("d{i}")));
    format!(
        "  INSERT INTO {} AS p ({}) SELECT {} FROM unnest({}) AS d ({}) ORDER BY {keys}
    ON CONFLICT ({}, {SLOT}) DO UPDATE SET {};\n",
        name::pending(site),
        target.join(", "),
        values.join(", "),
        variables(site).join(", "),
        names(site),
        key_columns(site),
        added(site, excluded),
        keys = each(site.key.len(), |i| format!("k{i}")),
    )
}

/// Adds to the row of the key, which is there from its first child on.
fn upsert(site: &Site) -> String {
    format!(
        "  INSERT INTO {} AS p ({}) SELECT {names} FROM unnest({}) AS d ({names}) ORDER BY {}
    ON CONFLICT ({}) DO UPDATE SET {};\n",
        site.parent,
        columns(site).join(", "),
        variables(site).join(", "),
        each(site.key.len(), |i| format!("k{i}")),
        key_columns(site),
        added(site, excluded),
        names = names(site),
    )
}

/// As [`upsert`], but a row that is not there yet is made uncounted: older children may have its key.
fn upsert_uncounted(site: &Site) -> String {
    let keys = each(site.key.len(), |i| format!("k{i}"));
    let nulls = each(site.counters.len(), |_| "NULL".to_owned());
    let matches =
        numbered(site, |pair, k| (format!("d.k{k}"), excluded(k, &quote::identifier(&pair.parent))));
    format!(
        "  WITH d AS MATERIALIZED (SELECT * FROM unnest({}) AS d ({}))
  INSERT INTO {} AS p ({}) SELECT {keys}, {nulls} FROM d ORDER BY {keys}
    ON CONFLICT ({}) DO UPDATE SET {};\n",
        variables(site).join(", "),
        names(site),
        site.parent,
        columns(site).join(", "),
        key_columns(site),
        added(site, |i, _| format!("(SELECT d.d{i} FROM d WHERE {matches})")),
    )
}

/// The names of an unnested row of all arrays.
fn names(site: &Site) -> String {
    format!(
        "{}, {}",
        each(site.key.len(), |i| format!("k{i}")),
        each(site.counters.len(), |i| format!("d{i}"))
    )
}

/// The columns that a row of changes has, in the parent's names.
fn columns(site: &Site) -> Vec<String> {
    let keys = site.key.iter().map(|pair| quote::identifier(&pair.parent).into_owned());
    keys.chain(site.counters.iter().map(|counter| quote::identifier(&counter.column).into_owned())).collect()
}

fn key_columns(site: &Site) -> String {
    columns(site)[..site.key.len()].join(", ")
}

/// Adds to each counter its change, by the counter's number from 1 and its column.
fn added(site: &Site, change: impl Fn(usize, &str) -> String) -> String {
    let adds = (1..).zip(&site.counters).map(|(i, counter)| {
        let column = quote::identifier(&counter.column);
        format!("{column} = p.{column} + {}", change(i, &column))
    });
    adds.collect::<Vec<_>>().join(", ")
}

/// What was to be inserted into a column.
fn excluded(_: usize, column: &str) -> String {
    format!("excluded.{column}")
}

/// Compares the columns of the key with what stands for each, numbered from 1.
fn numbered(site: &Site, sides: impl Fn(&KeyPair, usize) -> (String, String)) -> String {
    let mut i = 0;
    equal(&site.key, |pair| {
        i += 1;
        sides(pair, i)
    })
}
