//! The first half of a function: which keys a statement has changed, and by how much each counter.

use std::fmt::Write as _;

use super::{dollar_quoted, each, equal};
use crate::counter::name;
use crate::counter::site::Site;
use crate::query::quote;

/// The arrays that the statement leaves in the function's variables are NULL when nothing has changed. Arrays stand between both
/// halves because plans are made for what they hold: a join to the transition table keeps the plan of a session's first
/// statement, and after a bulk insert each single row would read the whole parent.
pub(super) fn branches(site: &Site) -> String {
    let new = part(site, "perfkit_new", Sign::Plus);
    let old = part(site, "perfkit_old", Sign::Minus);
    let into = format!(" INTO {}", variables(site).join(", "));
    let truncated = truncated(site);
    let (skip, mark) =
        if is_fed(site) { (skip_emptied(site), mark_emptied(site)) } else { Default::default() };
    let mut sql = String::new();
    _ = write!(
        sql,
        "{skip}  IF tg_op = 'INSERT' THEN
    {};
  ELSIF tg_op = 'DELETE' THEN
    {};
  ELSIF tg_op = 'UPDATE' THEN
    {};
  ELSE
    EXECUTE {truncated}{into};
{mark}  END IF;
  IF perfkit_k1 IS NULL THEN
    RETURN NULL;
  END IF;
",
        collected(site, &new, &into),
        collected(site, &old, &into),
        // Reparenting, flipped conditions, soft deletes, keys that become NULL, and updates that change nothing.
        collected(site, &format!("{new}\n        UNION ALL\n        {old}"), &into),
    );
    sql
}

/// Whether what rows count may be a counter of theirs, which other triggers write.
pub(super) fn is_fed(site: &Site) -> bool {
    site.counters.iter().any(|counter| counter.condition.is_some() || counter.sum.is_some())
}

/// Returns the text of a statement that collects the rows of a truncated table, as an expression. It reads exactly the table of the
/// trigger: a leaf, or the root's own rows. Nobody else writes to it now. A partition without triggers of its own, as a new one is, is
/// read by those of the table above it.
fn truncated(site: &Site) -> String {
    let statement = collected(site, ROWS, "");
    let (head, tail) = statement.split_once(ROWS).unwrap_or((&statement, ""));
    let rows = quoted_around(
        &part(site, &format!("ONLY {TABLE} AS perfkit_old"), Sign::Minus),
        TABLE,
        "perfkit_emptied.relid::regclass::text",
    );
    let tables = format!(
        "(
      SELECT string_agg({rows}, ' UNION ALL ')
      FROM (
        SELECT tg_relid::regclass AS relid
        UNION
        SELECT t.relid FROM pg_partition_tree(tg_relid) AS t
        WHERE t.isleaf AND NOT EXISTS (
          SELECT FROM pg_partition_ancestors(t.relid) AS a (relid)
          JOIN pg_trigger AS other ON other.tgrelid = a.relid AND other.tgenabled IN ('O', 'A') AND other.tgtype & {BEFORE_TRUNCATE} = {BEFORE_TRUNCATE}
          JOIN pg_trigger AS own ON own.tgfoid = other.tgfoid AND own.tgrelid = tg_relid AND own.tgname = tg_name
          WHERE a.relid NOT IN (SELECT above.relid FROM pg_partition_ancestors(tg_relid) AS above (relid)))) AS perfkit_emptied)"
    );
    format!("{} || {tables} || {}", dollar_quoted(head, "counted"), dollar_quoted(tail, "counted"))
}

/// `TRIGGER_TYPE_BEFORE` and `TRIGGER_TYPE_TRUNCATE` of `catalog/pg_trigger.h`.
const BEFORE_TRUNCATE: u32 = 2 + 32;

/// Where the rows are put in that a statement collects.
const ROWS: &str = "\0";

/// The setting that holds, while a TRUNCATE is under way, which rows have been taken off already.
const EMPTIED: &str = "perfkit.emptied";

/// TRUNCATE of several tables of a chain fires all triggers before it removes any row. What the lower ones then take off from rows of
/// the upper table has been taken off with these rows.
fn skip_emptied(site: &Site) -> String {
    let emptied = emptied(site);
    format!(
        "  IF tg_op = 'UPDATE' AND strpos(current_setting('{EMPTIED}', true), {emptied}) > 0 THEN
    RETURN NULL;
  ELSIF tg_op = 'TRUNCATE' AND tg_when = 'AFTER' THEN
    PERFORM set_config('{EMPTIED}', replace(current_setting('{EMPTIED}', true), {emptied}, ''), true);
    RETURN NULL;
  END IF;
"
    )
}

fn mark_emptied(site: &Site) -> String {
    let emptied = emptied(site);
    format!(
        "    PERFORM set_config('{EMPTIED}', concat(current_setting('{EMPTIED}', true), {emptied}), true);\n"
    )
}

/// What says that the rows of the trigger's table have been taken off from what this function keeps.
fn emptied(site: &Site) -> String {
    format!("concat(' ', tg_relid, ' ', {}, ' ')", dollar_quoted(&name::function(site).sql(), "function"))
}

/// The variables of a function: an array for each column of the key and for each counter.
pub(super) fn variables(site: &Site) -> Vec<String> {
    let keys = (1..=site.key.len()).map(|i| format!("perfkit_k{i}"));
    keys.chain((1..=site.counters.len()).map(|i| format!("perfkit_d{i}"))).collect()
}

/// Their types, without the brackets.
pub(super) fn types(site: &Site) -> impl Iterator<Item = &str> {
    site.key
        .iter()
        .map(|pair| pair.type_name.as_str())
        .chain(site.counters.iter().map(|counter| counter.type_name.as_str()))
}

#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Plus,
    Minus,
}

/// Where the name of a truncated table is put in; no identifier holds this character, as the server refuses it.
const TABLE: &str = "\0";

/// Selects the rows of one side with what they count. A key with a NULL refers to nothing (MATCH SIMPLE; with MATCH FULL all of
/// it is NULL).
fn part(site: &Site, from: &str, sign: Sign) -> String {
    let keys = site
        .key
        .iter()
        .enumerate()
        .map(|(i, pair)| format!("{}::{} AS k{}", quote::identifier(&pair.child), pair.type_name, i + 1));
    let weights = site.counters.iter().enumerate().map(|(i, counter)| match sign {
        Sign::Plus => format!("{} AS d{}", counter.weight(), i + 1),
        Sign::Minus => format!("0 - {} AS d{}", counter.weight(), i + 1),
    });
    let mut wheres: Vec<String> =
        site.key.iter().map(|pair| format!("{} IS NOT NULL", quote::identifier(&pair.child))).collect();
    if sign == Sign::Minus && site.has_pending() {
        // The triggers of a cascade fire after all those of the parent's statement. What they left for a parent that is gone
        // would reach whoever gets its key next.
        let matches = equal(&site.key, |pair| {
            let child = format!("perfkit_old.{}", quote::identifier(&pair.child));
            (format!("p.{}", quote::identifier(&pair.parent)), format!("{child}::{}", pair.type_name))
        });
        wheres.push(format!("EXISTS (SELECT FROM {} AS p WHERE {matches})", site.parent));
    }
    let columns: Vec<String> = keys.chain(weights).collect();
    format!("SELECT {}\n        FROM {from} WHERE {}", columns.join(", "), wheres.join(" AND "))
}

/// Adds the rows up by key, in the order of the keys, and collects what is not zero.
fn collected(site: &Site, rows: &str, into: &str) -> String {
    let keys = each(site.key.len(), |i| format!("k{i}"));
    let n = site.counters.len();
    let sums: Vec<String> = site
        .counters
        .iter()
        .enumerate()
        .map(|(i, counter)| format!("sum(d{0})::{1} AS d{0}", i + 1, counter.type_name))
        .collect();
    let arrays =
        [each(site.key.len(), |i| format!("array_agg(k{i})")), each(n, |i| format!("array_agg(d{i})"))];
    format!(
        "SELECT {}{into} FROM (
      SELECT {keys}, {} FROM (
        {rows}) AS s
      GROUP BY {keys} HAVING {} ORDER BY {keys}) AS t",
        arrays.join(", "),
        sums.join(", "),
        (1..=n).map(|i| format!("sum(d{i}) <> 0")).collect::<Vec<_>>().join(" OR "),
    )
}

/// Writes a text as an expression that puts another one in at some places.
fn quoted_around(text: &str, places: &str, expression: &str) -> String {
    let parts: Vec<String> = text.split(places).map(|part| dollar_quoted(part, "counted")).collect();
    parts.join(&format!(" || {expression} || "))
}
