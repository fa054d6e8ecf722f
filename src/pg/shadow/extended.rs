//! Copies what ANALYZE knows of several columns together, and of the expressions of CREATE STATISTICS.
//!
//! The server takes none of these types as text (`pg_ndistinct_in` and the others refuse), but their bytes are those of
//! a `bytea`: with casts that only a superuser can make, rows can be written as they were. Columns are in the bytes by
//! number, and numbers differ where the target has dropped columns. A list of most common values holds them in their
//! types' own formats, so it is made by ANALYZE from a table of just these values, and only the frequencies in it are
//! replaced. Layouts: `mvdistinct.c`, `dependencies.c` and `mcv.c` in `src/backend/statistics`; the same from 14 to 18.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::statistics::{self, Entry};
use crate::pg::catalog::{CommonItem, ExtendedStatistics, get};
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;

/// Where values become lists; nothing else is in this schema, and it is gone afterwards.
const SCRATCH: &str = "perfkit_scratch";
const TYPES: [&str; 3] = ["pg_ndistinct", "pg_dependencies", "pg_mcv_list"];

/// Creates the objects and writes their data.
pub(super) async fn copy(
    superuser: &Connection,
    owner: &Connection,
    all: &[ExtendedStatistics],
    missing: &mut Vec<String>,
) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let doing = || Error::query("prepare for extended statistics");
    let casts =
        TYPES.map(|name| format!("CREATE CAST (bytea AS pg_catalog.{name}) WITHOUT FUNCTION;")).concat();
    superuser.batch_execute(&casts).await.map_err(doing())?;
    owner.batch_execute(&format!("CREATE SCHEMA {SCRATCH}")).await.map_err(doing())?;
    let mut last = None;
    for object in all {
        let name = (&object.schema, &object.name);
        let copied = async {
            // There is a row for the table alone, and one with those below it.
            if last.replace(name) != Some(name) {
                owner.batch_execute(&object.definition).await.map_err(refused)?;
            }
            if object.is_readable { write(superuser, owner, object).await } else { Err(unreadable()) }
        };
        match copied.await {
            Ok(()) => {}
            Err(Error::Answer { reason, .. }) => {
                missing.push(format!("extended statistics \"{}\": {reason}", object.name));
            }
            Err(error) => return Err(error),
        }
    }
    owner.batch_execute(&format!("DROP SCHEMA {SCRATCH} CASCADE")).await.map_err(doing())
}

/// Tells what the server refused, which is noted, from a server that is gone.
fn refused(error: tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(db) if !error.is_closed() => {
            Error::Answer { what: "extended statistics".to_owned(), reason: db.message().to_owned() }
        }
        _ => Error::query("copy extended statistics")(error),
    }
}

fn unreadable() -> Error {
    malformed("not readable, so columns are taken for independent")
}

fn malformed(reason: &str) -> Error {
    Error::Answer { what: "extended statistics".to_owned(), reason: reason.to_owned() }
}

async fn write(superuser: &Connection, owner: &Connection, object: &ExtendedStatistics) -> Result<()> {
    let rows = superuser.query(sql::COLUMN_NUMBERS, &[&object.table_schema, &object.table]).await;
    let mut here: BTreeMap<String, i16> = BTreeMap::new();
    for row in rows.map_err(refused)? {
        here.insert(get(&row, "name")?, get(&row, "number")?);
    }
    let numbers: BTreeMap<i16, i16> =
        object.columns.iter().filter_map(|(number, name)| Some((*number, *here.get(name)?))).collect();
    let renumber = |digits: &Option<String>, of: fn(&mut [u8], &BTreeMap<i16, i16>) -> Option<()>| {
        let Some(digits) = digits else { return Ok(None) };
        let mut bytes = from_hex(digits).ok_or_else(|| malformed("no hexadecimal digits"))?;
        of(&mut bytes, &numbers).ok_or_else(|| malformed("an unknown format"))?;
        Ok(Some(to_hex(&bytes)))
    };
    let n_distinct = renumber(&object.n_distinct, renumber_n_distinct)?;
    let dependencies = renumber(&object.dependencies, renumber_dependencies)?;
    // The list has the columns in the order of their numbers here.
    let mut order: Vec<usize> = (0..object.columns.len()).collect();
    order.sort_by_key(|at| numbers.get(&object.columns[*at].0));
    order.extend(object.columns.len()..object.columns.len() + object.expressions.len());
    let n_expressions = object.expression_statistics.iter().flatten().count();
    let mut list = None;
    if n_expressions > 0 || !object.most_common.is_empty() {
        make_scratch(owner, object, &order).await?;
        list = most_common(superuser, owner, object, &order).await?;
        for (at, statistics) in object.expression_statistics.iter().enumerate() {
            let Some(statistics) = statistics else { continue };
            let column = scratch_column(object.columns.len() + at);
            let entry =
                Entry { schema: SCRATCH, relation: "items", column: &column, statistics, type_oid: None };
            statistics::replace(superuser, &entry).await.map_err(refused)?;
        }
    }
    let is_per_kind = superuser.major() >= 15;
    let (column, value) = if is_per_kind { (", stxdinherit", ", $6") } else { ("", "") };
    // The casts are made above, so no file can hold this statement.
    let insert = format!(
        "INSERT INTO pg_catalog.pg_statistic_ext_data (stxoid, stxdndistinct, stxddependencies, stxdmcv, stxdexpr{column})
         SELECT e.oid, pg_catalog.decode($3, 'hex')::pg_catalog.pg_ndistinct,
                pg_catalog.decode($4, 'hex')::pg_catalog.pg_dependencies,
                pg_catalog.decode($5, 'hex')::pg_catalog.pg_mcv_list,
                {expressions}{value}
         FROM pg_catalog.pg_statistic_ext AS e
         JOIN pg_catalog.pg_namespace AS n ON n.oid = e.stxnamespace
         WHERE n.nspname = $1 AND e.stxname = $2",
        expressions = if n_expressions > 0 { expression_rows(object) } else { "NULL".to_owned() },
    );
    // 14 makes the row together with the object.
    if !is_per_kind {
        superuser
            .execute(
                "DELETE FROM pg_catalog.pg_statistic_ext_data AS d USING pg_catalog.pg_statistic_ext AS e,
                        pg_catalog.pg_namespace AS n
                 WHERE e.oid = d.stxoid AND n.oid = e.stxnamespace AND n.nspname = $1 AND e.stxname = $2",
                &[&object.schema, &object.name],
            )
            .await
            .map_err(refused)?;
    }
    let mut values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        vec![&object.schema, &object.name, &n_distinct, &dependencies, &list];
    if is_per_kind {
        values.push(&object.inherited);
    }
    superuser.execute(&insert, &values).await.map_err(refused)?;
    Ok(())
}

/// Makes an empty table with the columns and expressions of an object, in the order of the server's list.
async fn make_scratch(owner: &Connection, object: &ExtendedStatistics, order: &[usize]) -> Result<()> {
    let sources: Vec<String> = order
        .iter()
        .map(|at| {
            let source = match object.columns.get(*at) {
                Some((_, name)) => sql::quote_identifier(name),
                None => format!("({})", object.expressions[at - object.columns.len()]),
            };
            format!("{source} AS {}", scratch_column(*at))
        })
        .collect();
    let create = format!(
        "DROP TABLE IF EXISTS {SCRATCH}.items; CREATE TABLE {SCRATCH}.items AS SELECT {} FROM {} WITH NO DATA",
        sources.join(", "),
        sql::quote_qualified(&object.table_schema, &object.table)
    );
    owner.batch_execute(&create).await.map_err(refused)
}

fn scratch_column(at: usize) -> String {
    format!("c{at}")
}

/// The rows of the scratch table's statistics, as they are kept for expressions.
fn expression_rows(object: &ExtendedStatistics) -> String {
    let columns: Vec<String> = (0..object.expressions.len())
        .map(|at| sql::quote_literal(&scratch_column(object.columns.len() + at)))
        .collect();
    format!(
        "(SELECT pg_catalog.array_agg(s ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute AS a
          LEFT JOIN pg_catalog.pg_statistic AS s ON s.starelid = a.attrelid AND s.staattnum = a.attnum
          WHERE a.attrelid = '{SCRATCH}.items'::pg_catalog.regclass AND a.attname IN ({}))",
        columns.join(", ")
    )
}

/// Lets the server make the list, and puts the target's frequencies into it.
async fn most_common(
    superuser: &Connection,
    owner: &Connection,
    object: &ExtendedStatistics,
    order: &[usize],
) -> Result<Option<String>> {
    if object.most_common.is_empty() {
        return Ok(None);
    }
    let rows: Vec<String> = object
        .most_common
        .iter()
        .map(|item| {
            let values = order.iter().map(|at| match &item.values[*at] {
                Some(value) => sql::quote_literal(value),
                None => "NULL".to_owned(),
            });
            format!("({})", values.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let columns: Vec<String> = order.iter().map(|at| scratch_column(*at)).collect();
    // The longest list there can be (`MAX_STATISTICS_TARGET`): every value is kept.
    let fill = format!(
        "INSERT INTO {SCRATCH}.items VALUES {};
         CREATE STATISTICS {SCRATCH}.items_list (mcv) ON {} FROM {SCRATCH}.items;
         ALTER STATISTICS {SCRATCH}.items_list SET STATISTICS 10000;
         ANALYZE {SCRATCH}.items",
        rows.join(", "),
        columns.join(", ")
    );
    owner.batch_execute(&fill).await.map_err(refused)?;
    let rows = superuser.query(sql::MULTIVARIATE_LIST, &[&"items_list", &SCRATCH]).await.map_err(refused)?;
    let Some(first) = rows.first() else { return Ok(None) };
    let digits: String = get(first, "list")?;
    let mut bytes = from_hex(&digits).ok_or_else(|| malformed("no hexadecimal digits"))?;
    let known: BTreeMap<Vec<Option<&str>>, &CommonItem> = object
        .most_common
        .iter()
        .map(|item| (order.iter().map(|at| item.values[*at].as_deref()).collect(), item))
        .collect();
    let mut frequencies = Vec::new();
    for row in &rows {
        let values: Vec<Option<&str>> = get(row, "values")?;
        let item = known.get(&values).ok_or_else(|| malformed("a value that reads differently here"))?;
        frequencies.push((item.frequency, item.base_frequency));
    }
    set_frequencies(&mut bytes, order.len(), &frequencies).ok_or_else(|| malformed("an unknown format"))?;
    Ok(Some(to_hex(&bytes)))
}

/// Replaces the frequencies of a list of most common values, whose items are its end.
fn set_frequencies(bytes: &mut [u8], n_dimensions: usize, frequencies: &[(f64, f64)]) -> Option<()> {
    // An item: whether each value is NULL (1 byte), two frequencies (8 each), the places of the values (2 each).
    let item_bytes = n_dimensions * (1 + 2) + 2 * 8;
    let start = bytes.len().checked_sub(item_bytes * frequencies.len())?;
    for (item, (frequency, base_frequency)) in bytes[start..].chunks_exact_mut(item_bytes).zip(frequencies) {
        let numbers = &mut item[n_dimensions..n_dimensions + 16];
        numbers[..8].copy_from_slice(&frequency.to_ne_bytes());
        numbers[8..].copy_from_slice(&base_frequency.to_ne_bytes());
    }
    Some(())
}

/// Replaces column numbers: after a header each item has a number (8 bytes), a count (4 bytes) and the columns.
fn renumber_n_distinct(bytes: &mut [u8], numbers: &BTreeMap<i16, i16>) -> Option<()> {
    renumber(bytes, numbers, 4)
}

/// Replaces column numbers: after a header each item has a degree (8 bytes), a count (2 bytes) and the columns.
fn renumber_dependencies(bytes: &mut [u8], numbers: &BTreeMap<i16, i16>) -> Option<()> {
    renumber(bytes, numbers, 2)
}

fn renumber(bytes: &mut [u8], numbers: &BTreeMap<i16, i16>, count_bytes: usize) -> Option<()> {
    // Magic number, type, number of items.
    let mut at = 12;
    while at < bytes.len() {
        at += 8;
        let mut count = [0; 4];
        count[..count_bytes].copy_from_slice(bytes.get(at..at + count_bytes)?);
        at += count_bytes;
        for _ in 0..u32::from_le_bytes(count) {
            let place = bytes.get_mut(at..at + 2)?;
            let number = i16::from_le_bytes([place[0], place[1]]);
            // Expressions have negative numbers.
            let number = if number < 0 { number } else { *numbers.get(&number)? };
            place.copy_from_slice(&number.to_le_bytes());
            at += 2;
        }
    }
    (at == bytes.len()).then_some(())
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing into a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As PostgreSQL 15 writes `{"1 => 3": 1.000000}` and `{"1, 3": 7}`.
    const DEPENDENCY: &str = "2c9a54b40100000001000000000000000000f03f020001000300";
    const N_DISTINCT: &str = "a4bf52a301000000010000000000000000001c400200000001000300";

    fn check(input: &str, renumber: fn(&mut [u8], &BTreeMap<i16, i16>) -> Option<()>, expected: &str) {
        let mut bytes = from_hex(input).unwrap();
        renumber(&mut bytes, &BTreeMap::from([(1, 1), (3, 2)])).unwrap();
        assert_eq!(to_hex(&bytes), expected);
    }

    #[test]
    fn columns_get_their_numbers_here() {
        check(DEPENDENCY, renumber_dependencies, &DEPENDENCY.replace("01000300", "01000200"));
        check(N_DISTINCT, renumber_n_distinct, &N_DISTINCT.replace("01000300", "01000200"));
    }

    #[test]
    fn frequencies_are_replaced() {
        let mut bytes = vec![7; 10 + 2 * (2 * 3 + 16)];
        set_frequencies(&mut bytes, 2, &[(0.5, 0.25), (0.125, 0.0)]).unwrap();
        assert_eq!(bytes[12..20], 0.5f64.to_ne_bytes());
        assert_eq!(bytes[34..42], 0.125f64.to_ne_bytes());
        assert!(set_frequencies(&mut [0; 3], 2, &[(0.5, 0.25)]).is_none());
    }

    proptest! {
        #[test]
        fn bad_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let numbers = BTreeMap::from([(0, 1), (1, 0)]);
            let _ = renumber_n_distinct(&mut bytes, &numbers);
            let _ = renumber_dependencies(&mut bytes, &numbers);
            prop_assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
        }
    }
}
