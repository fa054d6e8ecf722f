//! Reads the indexes of tables.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Transaction};

use super::catalog::{Attributes, DOING, Sizes, find, get, index_usage, scaled};
use super::error::{Error, Result};
use super::sql;
use crate::catalog::{Index, IndexKey, Table};
use crate::index::BLOCK_BYTES;
use crate::query::quote;

/// The first oid of objects that users make (`FirstNormalObjectId` of transam.h).
const FIRST_NORMAL_OID: u32 = 16384;
/// `varchar` has no operator class of its own: it is indexed as `text` (oids of `pg_type.dat`).
const VARCHAR_AND_TEXT: (u32, u32) = (1043, 25);
/// Bits of `pg_index.indoption` (`INDOPTION_DESC` and `INDOPTION_NULLS_FIRST` of `pg_index.h`).
const DESCENDING: i16 = 1;
const NULLS_FIRST: i16 = 2;

/// Words that `pg_get_indexdef` quotes as names, though they need no quotes: those that cannot name a function or a type
/// (category `C` of `pg_get_keywords`, PostgreSQL 14 to 18; `quote_identifier` of ruleutils.c).
const QUOTED_WORDS: [&str; 59] = [
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "dec",
    "decimal",
    "extract",
    "float",
    "greatest",
    "grouping",
    "inout",
    "int",
    "integer",
    "interval",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "least",
    "merge_action",
    "national",
    "nchar",
    "none",
    "normalize",
    "nullif",
    "numeric",
    "out",
    "overlay",
    "position",
    "precision",
    "real",
    "row",
    "setof",
    "smallint",
    "substring",
    "time",
    "timestamp",
    "treat",
    "trim",
    "varchar",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

struct OperatorClass {
    name: String,
    opfamily: u32,
    type_oid: u32,
    type_name: String,
    is_default: bool,
}

/// What the keys of indexes refer to, by oid.
struct Dictionary {
    opclasses: HashMap<u32, OperatorClass>,
    collations: HashMap<u32, String>,
}

/// Reads the indexes of these tables, whose columns are known.
pub(super) async fn read_indexes(
    transaction: &Transaction<'_>,
    major: u32,
    tables: &mut [Table],
    attributes: &Attributes,
    sizes: Sizes,
) -> Result<()> {
    let dictionary = dictionary(transaction).await?;
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let parameters: [&(dyn ToSql + Sync); 2] = [&oids, &sizes.may_be_old()];
    let usage = index_usage(transaction, major, &oids).await?;
    // Where an index is that the server must describe: PostgreSQL takes many times longer to write a definition down than to
    // return the facts, and most definitions follow from them.
    let mut unwritten: HashMap<u32, (usize, usize)> = HashMap::new();
    let rows = transaction.query_raw(sql::CATALOG_INDEXES, parameters).await.map_err(Error::query(DOING))?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(Error::query(DOING))? {
        let table: u32 = get(&row, "table")?;
        let Some(at) = find(tables, table) else { continue };
        let table = &mut tables[at];
        // It was dropped since the snapshot was taken: what the server tells of its file is of now.
        let Some(size_bytes) = get::<Option<i64>>(&row, "size_bytes")? else { continue };
        let mut index = index(&row, size_bytes)?;
        index.usage = usage.as_ref().map(|usage| usage.get(&index.oid).copied().unwrap_or_default());
        let is_plain = set_keys(&mut index, &row, table, attributes, &dictionary)?;
        match plain_definition(table, &index).filter(|_| is_plain) {
            Some(definition) => index.definition = definition,
            None => drop(unwritten.insert(index.oid, (at, table.indexes.len()))),
        }
        table.indexes.push(index);
    }
    let oids: Vec<u32> = unwritten.keys().copied().collect();
    let rows = transaction.query(sql::CATALOG_INDEX_DEFINITIONS, &[&oids]).await;
    for row in rows.map_err(Error::query(DOING))? {
        let Some((table, index)) = unwritten.get(&get(&row, "oid")?) else { continue };
        let index = &mut tables[*table].indexes[*index];
        // There is none, or not all of it, of an index that was dropped meanwhile.
        let definition: Option<String> = get(&row, "definition")?;
        let expressions: Vec<Option<String>> = get(&row, "expressions")?;
        if let Some((definition, expressions)) = definition.zip(expressions.into_iter().collect()) {
            index.definition = definition;
            set_expressions(index, expressions);
        }
    }
    for table in tables {
        table.indexes.retain(|index| !index.definition.is_empty());
        table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        table.indexes.shrink_to_fit();
    }
    Ok(())
}

async fn dictionary(transaction: &Transaction<'_>) -> Result<Dictionary> {
    let query = async |statement| transaction.query(statement, &[]).await.map_err(Error::query(DOING));
    let mut opclasses = HashMap::new();
    for row in query(sql::CATALOG_OPCLASSES).await? {
        let opclass = OperatorClass {
            name: get(&row, "name")?,
            opfamily: get(&row, "opfamily")?,
            type_oid: get(&row, "type")?,
            type_name: get(&row, "type_name")?,
            is_default: get(&row, "is_default")?,
        };
        opclasses.insert(get(&row, "oid")?, opclass);
    }
    let mut collations = HashMap::new();
    for row in query(sql::CATALOG_COLLATIONS).await? {
        collations.insert(get(&row, "oid")?, get(&row, "name")?);
    }
    Ok(Dictionary { opclasses, collations })
}

/// Sets keys and included columns but for expressions, and returns whether PostgreSQL writes the keys as names and order
/// alone: no other collation or operator class than the columns' own, and no class that takes parameters, as none of
/// PostgreSQL's own for btree does.
fn set_keys(
    index: &mut Index,
    row: &Row,
    table: &Table,
    attributes: &Attributes,
    dictionary: &Dictionary,
) -> Result<bool> {
    let numbers: Vec<i16> = get(row, "keys")?;
    let n_keys = usize::try_from(get::<i16>(row, "n_keys")?).unwrap_or(0);
    let (flags, classes, collations): (Vec<i16>, Vec<u32>, Vec<u32>) =
        (get(row, "flags")?, get(row, "classes")?, get(row, "collations")?);
    index.keys.reserve_exact(n_keys);
    let mut is_plain = true;
    for (n, number) in numbers.iter().enumerate() {
        let attribute = attributes.get(&(table.oid, *number));
        let column = attribute.map(|attribute| table.columns[attribute.at].name.clone());
        if n >= n_keys {
            index.include.extend(column);
            continue;
        }
        let (Some(class), Some(collation), Some(flags)) = (classes.get(n), collations.get(n), flags.get(n))
        else {
            continue;
        };
        let opclass = dictionary.opclasses.get(class);
        let has_other_collation = attribute.is_some_and(|attribute| attribute.collation != *collation);
        is_plain &= !has_other_collation
            && *class < FIRST_NORMAL_OID
            && attribute.zip(opclass).is_some_and(|(attribute, opclass)| {
                let of_column = (attribute.type_oid, opclass.type_oid);
                opclass.is_default && (of_column.0 == of_column.1 || of_column == VARCHAR_AND_TEXT)
            });
        index.keys.push(IndexKey {
            column,
            expression: None,
            opclass: opclass.filter(|opclass| !opclass.is_default).map(|opclass| opclass.name.clone()),
            opfamily: opclass.map_or(0, |opclass| opclass.opfamily),
            opclass_type: opclass.map(|opclass| opclass.type_name.clone()).unwrap_or_default(),
            collation: dictionary.collations.get(collation).cloned(),
            has_other_collation,
            descending: flags & DESCENDING != 0,
            nulls_first: flags & NULLS_FIRST != 0,
        });
    }
    Ok(is_plain)
}

/// Returns what `pg_get_indexdef` writes for a btree whose keys are names and order alone; `None` where more must be said, or
/// where a name may need quotes.
///
/// It writes the predicate as `pg_get_expr` does.
fn plain_definition(table: &Table, index: &Index) -> Option<String> {
    let is_plain = index.method == "btree"
        && index.options.is_empty()
        && !index.nulls_not_distinct
        && table.partition_key.is_none();
    if !is_plain {
        return None;
    }
    let mut text = if index.is_unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " }.to_owned();
    let (name, schema, of) = (unquoted(&index.name)?, unquoted(&table.schema)?, unquoted(&table.name)?);
    let _ = write!(text, "{name} ON {schema}.{of} USING btree (");
    for (n, key) in index.keys.iter().enumerate() {
        let comma = if n > 0 { ", " } else { "" };
        let order = match (key.descending, key.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        };
        let _ = write!(text, "{comma}{}{order}", unquoted(key.column.as_deref()?)?);
    }
    text.push(')');
    if !index.include.is_empty() {
        let include: Option<Vec<&str>> = index.include.iter().map(|name| unquoted(name)).collect();
        let _ = write!(text, " INCLUDE ({})", include?.join(", "));
    }
    if let Some(predicate) = &index.predicate {
        let _ = write!(text, " WHERE {predicate}");
    }
    Some(text)
}

/// Returns a name that the server writes without quotes.
fn unquoted(name: &str) -> Option<&str> {
    let is_plain = matches!(quote::identifier(name), Cow::Borrowed(_));
    (is_plain && QUOTED_WORDS.binary_search(&name).is_err()).then_some(name)
}

/// Sets the expressions, which are in the order of the keys that are no columns.
fn set_expressions(index: &mut Index, expressions: Vec<String>) {
    let Index { keys, definition, predicate, .. } = index;
    for (key, expression) in keys.iter_mut().filter(|key| key.column.is_none()).zip(expressions) {
        key.has_other_collation = has_collation(definition, predicate.as_deref(), &expression);
        key.expression = Some(expression);
    }
}

/// Whether an index's definition gives this key a collation that the expression itself has not: only then does
/// `pg_get_indexdef` write one behind it.
fn has_collation(definition: &str, predicate: Option<&str>, expression: &str) -> bool {
    let keys = predicate.and_then(|predicate| definition.strip_suffix(predicate)).unwrap_or(definition);
    keys.contains(&format!("{expression} COLLATE "))
}

fn index(row: &Row, size_bytes: i64) -> Result<Index> {
    let (n_rows, analyzed_pages): (f32, i32) = (get(row, "n_rows")?, get(row, "n_pages")?);
    let size_bytes = u64::try_from(size_bytes).unwrap_or(0);
    let n_pages = f64::from(u32::try_from(size_bytes / BLOCK_BYTES).unwrap_or(u32::MAX));
    Ok(Index {
        oid: get(row, "oid")?,
        name: get(row, "name")?,
        method: get(row, "method")?,
        definition: String::new(),
        keys: Vec::new(),
        include: Vec::new(),
        is_unique: get(row, "is_unique")?,
        predicate: get(row, "predicate")?,
        is_valid: get(row, "is_valid")?,
        is_ready: get(row, "is_ready")?,
        is_deferrable: get(row, "is_deferrable")?,
        nulls_not_distinct: get(row, "nulls_not_distinct")?,
        is_replica_identity: get(row, "is_replica_identity")?,
        is_clustered: get(row, "is_clustered")?,
        parent: get(row, "parent")?,
        referencing: get(row, "referencing")?,
        extension: get(row, "extension")?,
        options: get(row, "options")?,
        comment: get(row, "comment")?,
        usage: None,
        is_constraint: get(row, "is_constraint")?,
        // The metapage holds no rows (`estimate_rel_size` in plancat.c).
        n_rows: scaled(n_rows, f64::from(analyzed_pages) - 1.0, n_pages - 1.0),
        size_bytes,
        statistics: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_to_the_server_what_it_quotes() {
        assert!(QUOTED_WORDS.is_sorted());
        for (name, expected) in [
            ("id", true),
            ("name", true),
            ("position", false),
            ("time", false),
            ("user", false),
            ("Id", false),
        ] {
            assert_eq!(unquoted(name).is_some(), expected, "{name}");
        }
    }
}
