//! The rows that contradict a unique index.

use crate::query::index_ddl::IndexDdl;
use crate::query::quote;

/// How many keys are shown.
pub(crate) const MAX_SHOWN: usize = 5;

/// Returns a query for the keys that occur more than once, the most frequent first: `key` (an array of texts) and `n_rows`.
pub(crate) fn duplicates(ddl: &IndexDdl, schema: &str, table: &str) -> String {
    let keys: Vec<String> = ddl
        .keys
        .iter()
        .map(|key| match &key.column {
            Some(column) => quote::quote_identifier(column),
            None => format!("({})", key.sql),
        })
        .collect();
    let mut conditions: Vec<String> = ddl.predicate.iter().map(|sql| format!("({sql})")).collect();
    if !ddl.nulls_not_distinct {
        conditions.extend(keys.iter().map(|key| format!("{key} IS NOT NULL")));
    }
    let condition =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let groups: Vec<String> = (1..=keys.len()).map(|n| format!("k{n}")).collect();
    let columns: Vec<String> =
        keys.iter().zip(&groups).map(|(key, name)| format!("{key} AS {name}")).collect();
    let shown: Vec<String> = groups.iter().map(|name| format!("{name}::pg_catalog.text")).collect();
    format!(
        "SELECT ARRAY[{}] AS key, pg_catalog.count(*) AS n_rows FROM (SELECT {} FROM {}{condition}) AS keys \
         GROUP BY {} HAVING pg_catalog.count(*) > 1 ORDER BY pg_catalog.count(*) DESC, 1 LIMIT {MAX_SHOWN}",
        shown.join(", "),
        columns.join(", "),
        quote::quote_qualified(schema, table),
        groups.join(", "),
    )
}

/// Returns a key with its number of rows as people read it: `(a, b) = ('x', NULL): 3 rows`.
pub(crate) fn describe(ddl: &IndexDdl, key: &[Option<String>], n_rows: u64) -> String {
    let names: Vec<&str> = ddl.keys.iter().map(|key| key.column.as_deref().unwrap_or(&key.sql)).collect();
    let values: Vec<String> = key
        .iter()
        .map(|value| value.as_deref().map_or_else(|| "NULL".to_owned(), quote::quote_literal))
        .collect();
    format!("({}) = ({}): {n_rows} rows", names.join(", "), values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::index_ddl::index_ddl;

    #[test]
    fn nulls_are_duplicates_only_where_the_index_says_so() {
        let query = |sql: &str| duplicates(&index_ddl(sql).unwrap(), "s", "T");
        assert_eq!(
            query("CREATE UNIQUE INDEX ON s.t (a, lower(b)) WHERE c"),
            "SELECT ARRAY[k1::pg_catalog.text, k2::pg_catalog.text] AS key, pg_catalog.count(*) AS n_rows FROM (SELECT \"a\" \
             AS k1, (lower(b)) AS k2 FROM \"s\".\"T\" WHERE (c) AND \"a\" IS NOT NULL AND (lower(b)) IS NOT NULL) AS keys \
             GROUP BY k1, k2 HAVING pg_catalog.count(*) > 1 ORDER BY pg_catalog.count(*) DESC, 1 LIMIT 5"
        );
        assert!(!query("CREATE UNIQUE INDEX ON t (a) NULLS NOT DISTINCT").contains("WHERE"));
    }

    #[test]
    fn keys_are_quoted() {
        let ddl = index_ddl("CREATE UNIQUE INDEX ON t (a, b)").unwrap();
        assert_eq!(describe(&ddl, &[Some("it's".to_owned()), None], 3), "(a, b) = ('it''s', NULL): 3 rows");
    }
}
