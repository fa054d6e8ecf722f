//! The statements of batches: which rows are taken, and how their children are counted.
//!
//! Keys come and go as text, in an array for each column of the key.

use std::time::Duration;

use super::{Due, Protocol};
use crate::counter::name;
use crate::counter::site::{Mode, Site};
use crate::counter::triggers::guard::WRITES;
use crate::counter::triggers::sink::{GONE, ID, N_SLOTS, SLOT, XID};
use crate::counter::triggers::{each, equal};
use crate::query::quote;

/// How long a batch waits for a lock.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_millis(50);
/// Who waits for longer than this part of `deadlock_timeout` gives way, so that nobody else's statement finds a deadlock with
/// perfkit in it and is chosen to end.
const DEADLOCK_TIMEOUT_PARTS: u32 = 4;
/// The temporary table with what one scan of a child has counted.
const COUNTED: &str = "pg_temp.perfkit_counted";

/// Returns how long to wait for a lock: this long, or less where somebody else would look for deadlocks before.
pub(crate) fn lock_timeout(wanted: Duration, deadlock_timeout: Duration) -> Duration {
    // A timeout of 0 would be none.
    wanted.min(deadlock_timeout / DEADLOCK_TIMEOUT_PARTS).max(Duration::from_millis(1))
}

/// Returns the statements that begin a batch. The child is locked before any row, and before any snapshot: TRUNCATE locks it
/// first as well, and is not MVCC-safe, so that an older snapshot would see the counters but no children.
///
/// A batch whose commit is lost in a crash is uncounted again, so its commit need not wait for the disk.
pub(crate) fn begin(site: &Site, protocol: Protocol, lock_timeout: Duration) -> Vec<String> {
    let isolation = match protocol {
        Protocol::LockThenCount | Protocol::LockThenScan | Protocol::Publish => "READ COMMITTED",
        // What is pending must be seen, or not, together with the children that it is about.
        Protocol::Snapshot => "REPEATABLE READ",
    };
    vec![
        format!("BEGIN ISOLATION LEVEL {isolation} READ WRITE"),
        // No SELECT set_config(…): that takes a snapshot.
        format!("SET LOCAL lock_timeout = '{}ms'", lock_timeout.as_millis()),
        "SET LOCAL synchronous_commit = off".to_owned(),
        format!("SET LOCAL {WRITES} = 'on'"),
        format!("LOCK TABLE {} IN ACCESS SHARE MODE", site.child),
    ]
}

/// As [`begin`], for a batch, which reads few rows of large tables by their keys: the planner would read all of a table for some
/// hundred of them, while their locks are held. Measured with 50,000 parents of 20 children each, 500 at a time: 38 ms so, 12 ms
/// by the indexes.
pub(crate) fn begin_batch(site: &Site, protocol: Protocol, lock_timeout: Duration) -> Vec<String> {
    let mut statements = begin(site, protocol, lock_timeout);
    if matches!(protocol, Protocol::LockThenCount | Protocol::Snapshot) {
        let settings = ["SET LOCAL enable_seqscan = off", "SET LOCAL random_page_cost = 1.1"];
        statements.splice(1..1, settings.map(str::to_owned));
    }
    statements
}

/// Selects the next parents that are due and locks those that nobody else has locked: columns `k1` … and `is_taken`, in the
/// order of the keys. The values of the cursor, if there is one, are the first parameters; then comes the number of rows.
pub(crate) fn take_next(site: &Site, due: Due, has_cursor: bool) -> String {
    let n = site.key.len();
    let mut wheres: Vec<String> = is_due(site, due).into_iter().collect();
    if has_cursor {
        let values = site.key.iter().enumerate().map(|(i, pair)| value(i + 1, &pair.type_name));
        let values = values.collect::<Vec<_>>().join(", ");
        wheres.insert(0, format!("({}) > ({values})", parent_keys(site)));
    }
    let limit = if has_cursor { n + 1 } else { 1 };
    let rows = format!(
        "SELECT {} FROM {} AS p{} ORDER BY {} LIMIT ${limit}",
        aliased_keys(site),
        site.parent,
        where_all(&wheres),
        parent_keys(site),
    );
    take(site, due, &rows)
}

/// As [`take_next`], of given keys.
pub(crate) fn take_keys(site: &Site, due: Due) -> String {
    let wheres: Vec<String> = is_due(site, due).into_iter().collect();
    let rows = format!(
        "SELECT {} FROM {} AS p JOIN {} ON {}{}",
        aliased_keys(site),
        site.parent,
        unnested(site),
        parent_is(site, "u"),
        where_all(&wheres),
    );
    take(site, due, &rows)
}

fn take(site: &Site, due: Due, rows: &str) -> String {
    let wheres: Vec<String> = is_due(site, due).into_iter().collect();
    let texts = each(site.key.len(), |i| format!("d.k{i}::pg_catalog.text AS k{i}"));
    let same = (1..=site.key.len()).map(|i| format!("t.k{i} = d.k{i}")).collect::<Vec<_>>().join(" AND ");
    format!(
        "WITH due AS MATERIALIZED ({rows}), taken AS MATERIALIZED (
  SELECT {} FROM {} AS p JOIN due AS d ON {}{} ORDER BY {} FOR NO KEY UPDATE OF p SKIP LOCKED)
SELECT {texts}, t.k1 IS NOT NULL AS is_taken FROM due AS d LEFT JOIN taken AS t ON {same} ORDER BY {}",
        aliased_keys(site),
        site.parent,
        parent_is(site, "d"),
        where_all(&wheres),
        parent_keys(site),
        each(site.key.len(), |i| format!("d.k{i}")),
    )
}

/// Returns the statements between the lock and the count, which take the keys as parameters: they put aside what is pending and
/// will be in the count.
pub(crate) fn put_aside(site: &Site, protocol: Protocol) -> Vec<String> {
    let forget = format!(
        "DELETE FROM {} AS d WHERE {}",
        name::pending(site),
        is_among(site, "d.", |pair| &pair.parent)
    );
    match (protocol, site.mode) {
        (_, Mode::Inline) => Vec::new(),
        (_, Mode::Slots) => vec![lock_slots(site), forget],
        (Protocol::Publish, Mode::Queue) => {
            // Only what the scan has seen; the rest comes on top of it.
            let snapshot = format!("${}::pg_catalog.text::pg_catalog.pg_snapshot", site.key.len() + 1);
            let is_seen = format!("pg_catalog.pg_visible_in_snapshot(d.{XID}, {snapshot})");
            // The children that it has counted of a parent that has gone since went with it, whoever has the key now.
            let mut i = 0;
            let matches = equal(&site.key, |pair| {
                i += 1;
                (format!("c.k{i}"), format!("d.{}", quote::identifier(&pair.parent)))
            });
            let uncount = format!(
                "DELETE FROM {COUNTED} AS c USING {} AS d WHERE {matches} AND {} AND d.{GONE} AND NOT {is_seen}",
                name::pending(site),
                is_among(site, "d.", |pair| &pair.parent),
            );
            vec![uncount, format!("{forget} AND {is_seen}")]
        }
        (_, Mode::Queue) => vec![forget],
    }
}

/// Takes all slots of the keys, those that are not there as well, so that whoever writes one has either ended or comes later.
fn lock_slots(site: &Site) -> String {
    let columns = each_key(site, |pair| quote::identifier(&pair.parent).into_owned());
    let counters: Vec<_> = site.counters.iter().map(|counter| quote::identifier(&counter.column)).collect();
    let first = &counters[0];
    format!(
        "INSERT INTO {} AS p ({columns}, {SLOT}, {}) SELECT {keys}, s, {} FROM {}, pg_catalog.generate_series(0, {}) AS s
ORDER BY {keys}, s ON CONFLICT ({columns}, {SLOT}) DO UPDATE SET {first} = p.{first}",
        name::pending(site),
        counters.join(", "),
        each(site.counters.len(), |_| "0".to_owned()),
        unnested(site),
        N_SLOTS - 1,
        keys = each(site.key.len(), |i| format!("u.k{i}")),
    )
}

/// Counts the children of the keys, which are parameters, and writes what differs. It must be a statement of its own: the rows
/// were locked before its snapshot.
pub(crate) fn count(site: &Site, protocol: Protocol) -> String {
    let counted = match protocol {
        Protocol::Publish => COUNTED.to_owned(),
        Protocol::LockThenCount | Protocol::Snapshot => {
            format!("(\n    {})", counted(site, &is_among(site, "", |pair| &pair.child)))
        }
        // Each child would be compared with all keys of an array before PostgreSQL 14.
        Protocol::LockThenScan => {
            format!("(\n    {})", counted(site, &is_among_rows(site, "", |pair| &pair.child)))
        }
    };
    let kept: Vec<String> =
        site.counters.iter().map(|counter| format!("p.{}", quote::identifier(&counter.column))).collect();
    let sets: Vec<String> = site
        .counters
        .iter()
        .enumerate()
        .map(|(i, counter)| format!("{} = c.d{}", quote::identifier(&counter.column), i + 1))
        .collect();
    let values: Vec<String> = site
        .counters
        .iter()
        .enumerate()
        .map(|(i, counter)| format!("coalesce(c.d{0}, 0)::{1} AS d{0}", i + 1, counter.type_name))
        .collect();
    let same = (1..=site.key.len()).map(|i| format!("c.k{i} = u.k{i}")).collect::<Vec<_>>().join(" AND ");
    format!(
        "UPDATE {} AS p SET {} FROM (
  SELECT {}, {} FROM {} LEFT JOIN {counted} AS c ON {same}) AS c
WHERE {} AND ({}) IS DISTINCT FROM ({})",
        site.parent,
        sets.join(", "),
        each(site.key.len(), |i| format!("u.k{i}")),
        values.join(", "),
        unnested(site),
        parent_is(site, "c"),
        kept.join(", "),
        each(site.counters.len(), |i| format!("c.d{i}")),
    )
}

/// Counts children by key: `k1` … and `d1` ….
pub(crate) fn counted(site: &Site, condition: &str) -> String {
    let keys: Vec<String> = site
        .key
        .iter()
        .enumerate()
        .map(|(i, pair)| format!("{}::{} AS k{}", quote::identifier(&pair.child), pair.type_name, i + 1))
        .collect();
    let sums: Vec<String> = site
        .counters
        .iter()
        .enumerate()
        .map(|(i, counter)| format!("{} AS d{}", counter.aggregate(), i + 1))
        .collect();
    format!(
        "SELECT {}, {} FROM {} WHERE {condition} GROUP BY {}",
        keys.join(", "),
        sums.join(", "),
        site.child,
        each(site.key.len(), |i| i.to_string()),
    )
}

/// Returns the statements that count the whole child in one scan, where it has no index on the key: in one transaction of
/// REPEATABLE READ, begun as [`Protocol::Snapshot`]. The last one tells the snapshot.
pub(crate) fn scan(site: &Site) -> Vec<String> {
    let is_key = has_key(site);
    vec![
        format!("DROP TABLE IF EXISTS {COUNTED}"),
        format!("CREATE TEMPORARY TABLE perfkit_counted AS {}", counted(site, &is_key)),
        format!("CREATE INDEX ON {COUNTED} ({})", each(site.key.len(), |i| format!("k{i}"))),
        format!("ANALYZE {COUNTED}"),
        "SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text AS snapshot".to_owned(),
    ]
}

/// Selects the next keys of the child, as [`take_next`] does those of the parent.
pub(crate) fn next_child_keys(site: &Site, has_cursor: bool) -> String {
    let columns = each_key(site, |pair| quote::identifier(&pair.child).into_owned());
    let mut wheres = vec![has_key(site)];
    if has_cursor {
        let values = site.key.iter().enumerate().map(|(i, pair)| value(i + 1, &pair.type_name));
        wheres.insert(0, format!("({columns}) > ({})", values.collect::<Vec<_>>().join(", ")));
    }
    let limit = if has_cursor { site.key.len() + 1 } else { 1 };
    let texts = each(site.key.len(), |i| format!("k.k{i}::pg_catalog.text AS k{i}"));
    format!(
        "SELECT {texts} FROM (SELECT DISTINCT {} FROM {}{} ORDER BY {} LIMIT ${limit}) AS k ORDER BY {}",
        aliased_child_keys(site),
        site.child,
        where_all(&wheres),
        each(site.key.len(), |i| i.to_string()),
        each(site.key.len(), |i| format!("k.k{i}")),
    )
}

/// Makes uncounted rows of a table of its own for keys, which are parameters.
pub(crate) fn make_rows(site: &Site) -> String {
    format!(
        "INSERT INTO {} ({}) SELECT {keys} FROM {} ORDER BY {keys} ON CONFLICT DO NOTHING",
        site.parent,
        each_key(site, |pair| quote::identifier(&pair.parent).into_owned()),
        unnested(site),
        keys = each(site.key.len(), |i| format!("u.k{i}")),
    )
}

/// Makes uncounted rows of a table of its own for all keys of the child at once, where it has no index on the key.
pub(crate) fn make_all_rows(site: &Site) -> String {
    format!(
        "INSERT INTO {} ({}) SELECT DISTINCT {} FROM {} WHERE {} ORDER BY {} ON CONFLICT DO NOTHING",
        site.parent,
        each_key(site, |pair| quote::identifier(&pair.parent).into_owned()),
        aliased_child_keys(site),
        site.child,
        has_key(site),
        each(site.key.len(), |i| i.to_string()),
    )
}

/// Selects parents that have something pending and that nobody has locked, and locks them; the parameter is how many pending
/// changes are looked at. The parent comes before what is pending, as everywhere: the other way round two would deadlock.
pub(crate) fn fold_take(site: &Site) -> String {
    let texts = site
        .key
        .iter()
        .enumerate()
        .map(|(i, pair)| format!("p.{}::pg_catalog.text AS k{}", quote::identifier(&pair.parent), i + 1));
    format!(
        "SELECT {} FROM {} AS p WHERE ({keys}) IN (SELECT {} FROM {} AS d LIMIT $1) ORDER BY {keys} FOR NO KEY UPDATE OF p SKIP LOCKED",
        texts.collect::<Vec<_>>().join(", "),
        site.parent,
        each_key(site, |pair| format!("d.{}", quote::identifier(&pair.parent))),
        name::pending(site),
        keys = parent_keys(site),
    )
}

/// Adds what is pending of keys, which are parameters, to their counters. Slots that somebody is writing to come next time.
pub(crate) fn fold_add(site: &Site) -> String {
    let columns = |prefix: &str| -> Vec<String> {
        site.counters
            .iter()
            .map(|counter| format!("{prefix}{}", quote::identifier(&counter.column)))
            .collect()
    };
    let keys = site
        .key
        .iter()
        .enumerate()
        .map(|(i, pair)| format!("d.{} AS k{}", quote::identifier(&pair.parent), i + 1));
    let deltas = columns("d.").into_iter().enumerate().map(|(i, column)| format!("{column} AS d{}", i + 1));
    let mut returned: Vec<String> = keys.chain(deltas).collect();
    let key_names = each(site.key.len(), |i| format!("k{i}"));
    let is_queue = site.mode == Mode::Queue;
    let mut rows = "gone".to_owned();
    if is_queue {
        // What came before a parent has gone is not for the one that has its key now.
        returned.extend([format!("d.{ID} AS id"), format!("d.{GONE} AS is_gone")]);
        rows = format!(
            "(SELECT *, coalesce(pg_catalog.max(id) FILTER (WHERE is_gone) OVER (PARTITION BY {key_names}), 0) AS gone_id
  FROM gone) AS gone"
        );
    }
    let sum = |i: usize| {
        if is_queue {
            format!("coalesce(pg_catalog.sum(d{i}) FILTER (WHERE id > gone_id), 0)")
        } else {
            format!("pg_catalog.sum(d{i})")
        }
    };
    let sums: Vec<String> = site
        .counters
        .iter()
        .enumerate()
        .map(|(i, counter)| format!("{}::{} AS d{}", sum(i + 1), counter.type_name, i + 1))
        .collect();
    let sets: Vec<String> = columns("")
        .iter()
        .enumerate()
        .map(|(i, column)| format!("{column} = p.{column} + s.d{}", i + 1))
        .collect();
    format!(
        "WITH gone AS (
  DELETE FROM {pending} AS d WHERE d.ctid = ANY (ARRAY(
    SELECT x.ctid FROM {pending} AS x WHERE {} FOR UPDATE SKIP LOCKED)) RETURNING {}),
sums AS (SELECT {key_names}, {} FROM {rows} GROUP BY {key_names})
UPDATE {} AS p SET {} FROM sums AS s WHERE {}",
        is_among(site, "x.", |pair| &pair.parent),
        returned.join(", "),
        sums.join(", "),
        site.parent,
        sets.join(", "),
        parent_is(site, "s"),
        pending = name::pending(site),
    )
}

/// Deletes pending changes of keys that no parent has; the parameter is how many at most.
pub(crate) fn fold_orphans(site: &Site) -> String {
    // What says that a parent has gone must not go before what came for that parent.
    let order = if site.mode == Mode::Queue { format!(" ORDER BY x.{ID}") } else { String::new() };
    format!(
        "DELETE FROM {pending} AS d WHERE d.ctid = ANY (ARRAY(
  SELECT x.ctid FROM {pending} AS x WHERE NOT EXISTS (SELECT FROM {} AS p WHERE {}){order}
  LIMIT $1 FOR UPDATE SKIP LOCKED))",
        site.parent,
        equal(&site.key, |pair| {
            let column = quote::identifier(&pair.parent);
            (format!("p.{column}"), format!("x.{column}"))
        }),
        pending = name::pending(site),
    )
}

/// Says whether anything is pending.
pub(crate) fn has_pending(site: &Site) -> String {
    format!("SELECT EXISTS (SELECT FROM {}) AS has_pending", name::pending(site))
}

fn is_due(site: &Site, due: Due) -> Option<String> {
    let nulls =
        site.counters.iter().map(|counter| format!("p.{} IS NULL", quote::identifier(&counter.column)));
    (due == Due::Uncounted).then(|| format!("({})", nulls.collect::<Vec<_>>().join(" OR ")))
}

/// A key with a NULL refers to nothing.
pub(crate) fn has_key(site: &Site) -> String {
    let tests: Vec<String> =
        site.key.iter().map(|pair| format!("{} IS NOT NULL", quote::identifier(&pair.child))).collect();
    tests.join(" AND ")
}

fn where_all(wheres: &[String]) -> String {
    if wheres.is_empty() { String::new() } else { format!(" WHERE {}", wheres.join(" AND ")) }
}

fn each_key(site: &Site, text: impl Fn(&super::KeyPair) -> String) -> String {
    site.key.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn parent_keys(site: &Site) -> String {
    each_key(site, |pair| format!("p.{}", quote::identifier(&pair.parent)))
}

fn aliased_keys(site: &Site) -> String {
    let keys = site.key.iter().enumerate();
    let keys = keys.map(|(i, pair)| format!("p.{} AS k{}", quote::identifier(&pair.parent), i + 1));
    keys.collect::<Vec<_>>().join(", ")
}

fn aliased_child_keys(site: &Site) -> String {
    let keys = site.key.iter().enumerate();
    let keys =
        keys.map(|(i, pair)| format!("{}::{} AS k{}", quote::identifier(&pair.child), pair.type_name, i + 1));
    keys.collect::<Vec<_>>().join(", ")
}

/// Compares the parent's key with the numbered columns of a relation.
fn parent_is(site: &Site, relation: &str) -> String {
    let mut i = 0;
    equal(&site.key, |pair| {
        i += 1;
        (format!("p.{}", quote::identifier(&pair.parent)), format!("{relation}.k{i}"))
    })
}

/// The keys that are parameters, as rows `u` of `k1` ….
fn unnested(site: &Site) -> String {
    // Only the bare name takes several arrays (manual, "Array Functions").
    format!("unnest({}) AS u ({})", arrays(site), each(site.key.len(), |i| format!("k{i}")))
}

/// Whether a key is one of the parameters. One column is compared with an array, for which indexes are read in order.
pub(crate) fn is_among<'s>(
    site: &'s Site,
    prefix: &str,
    column: impl Fn(&'s super::KeyPair) -> &'s String,
) -> String {
    match site.key.as_slice() {
        [pair] => format!("{prefix}{} = ANY ({})", quote::identifier(column(pair)), arrays(site)),
        _ => is_among_rows(site, prefix, column),
    }
}

/// As [`is_among`], for a relation that is read as a whole.
fn is_among_rows<'s>(
    site: &'s Site,
    prefix: &str,
    column: impl Fn(&'s super::KeyPair) -> &'s String,
) -> String {
    let columns = site.key.iter().map(|pair| format!("{prefix}{}", quote::identifier(column(pair))));
    format!(
        "({}) IN (SELECT {} FROM {})",
        columns.collect::<Vec<_>>().join(", "),
        each(site.key.len(), |i| format!("u.k{i}")),
        unnested(site)
    )
}

fn arrays(site: &Site) -> String {
    let arrays = site.key.iter().enumerate();
    let arrays = arrays.map(|(i, pair)| format!("${}::pg_catalog.text[]::{}[]", i + 1, pair.type_name));
    arrays.collect::<Vec<_>>().join(", ")
}

fn value(parameter: usize, type_name: &str) -> String {
    format!("${parameter}::pg_catalog.text::{type_name}")
}
