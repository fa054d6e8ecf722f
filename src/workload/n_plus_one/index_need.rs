//! Which index finds the rows of one key: without it, one statement for all keys reads the whole table as well.

use super::rewrite::{IndexNeed, Question};
use crate::catalog::{Catalog, Table};
use crate::index::candidates::{self, Kinds, Options};
use crate::index::{Definition, Method};
use crate::query::{self, Operand, ParameterUse, StatementShape, TableUse, Test};

/// Key columns of an index that is suggested for a loop.
const MAX_COLUMNS: usize = 3;

/// Returns the index that serves a repeated query, or the one that is missing; `None` where its keys are no columns of one table.
pub(crate) fn index_need(question: &Question, catalog: &Catalog) -> Option<IndexNeed> {
    let shape = query::parse(&query::plannable(&question.sql)).ok()?.shape(catalog);
    let of_key = |at: &usize| shape.parameters.iter().find(|it| it.number() == at + 1);
    let compared: Vec<&ParameterUse> = question.keys.iter().filter_map(of_key).collect();
    let (name, _) = compared.first()?.column()?;
    let table = catalog.table(name)?;
    let columns: Vec<String> = compared
        .iter()
        .filter_map(|it| it.column())
        .filter(|(table, _)| *table == name)
        .map(|(_, column)| column.to_owned())
        .collect();
    let table_use = shape.uses.iter().find(|it| it.table == *name)?;
    let found = |existing: Option<String>, ddl: Option<String>| IndexNeed {
        table: name.to_string(),
        columns: columns.clone(),
        existing,
        ddl,
    };
    if let Some(existing) = existing(table, table_use, &columns) {
        return Some(found(Some(existing), None));
    }
    Some(found(
        None,
        missing(shape.clone(), table, table_use, &columns, catalog).map(|it| it.ddl_concurrently()),
    ))
}

/// The index whose first columns are compared with one value each, a key among them.
fn existing(table: &Table, table_use: &TableUse, keys: &[String]) -> Option<String> {
    let fixed: Vec<&str> = table_use
        .conditions
        .iter()
        .filter(|it| matches!(it.test, Test::Equal | Test::In | Test::IsNull))
        .filter_map(|it| match &it.operand {
            Operand::Column(column) => Some(column.as_str()),
            Operand::Expression { .. } => None,
        })
        .collect();
    let holds = |predicate: &str, definition: Option<&Definition>| {
        let test =
            definition.and_then(|it| it.predicate.as_ref()?.as_null_test().map(|(a, b)| (a.to_owned(), b)));
        let is_met = |column: &str, wanted: Test| {
            let is_it = |operand: &Operand| matches!(operand, Operand::Column(name) if name == column);
            table_use.conditions.iter().any(|it| it.test == wanted && is_it(&it.operand))
        };
        match test {
            Some((column, true)) => is_met(&column, Test::IsNull),
            Some((column, false)) => is_met(&column, Test::IsNotNull),
            None => table_use.conditions.iter().any(|it| it.fixed.as_deref() == Some(predicate)),
        }
    };
    let finds = |index: &&crate::catalog::Index| {
        let leading = index.keys.iter().map_while(|key| {
            key.column
                .as_deref()
                .filter(|column| fixed.contains(column) || keys.iter().any(|it| it == column))
        });
        let mut leading = leading;
        let definition = Definition::existing(&table.schema, &table.name, index);
        index.is_valid
            && matches!(index.method.as_str(), "btree" | "hash")
            && leading.any(|column| keys.iter().any(|key| key == column))
            && index.predicate.as_ref().is_none_or(|it| holds(it, definition.as_ref()))
    };
    table.indexes.iter().find(finds).map(|index| index.name.clone())
}

/// The index that serves the conditions and, where only the first rows are wanted, their order.
fn missing(
    shape: StatementShape,
    table: &Table,
    table_use: &TableUse,
    keys: &[String],
    catalog: &Catalog,
) -> Option<Definition> {
    let kinds: Kinds = "btree".parse().ok()?;
    let is_limited = table_use.orders.iter().any(|order| order.is_limited);
    let proposals = candidates::candidates(&[shape], catalog, &Options { max_columns: MAX_COLUMNS, kinds });
    let serving = proposals.into_iter().map(|it| it.definition).filter(|definition| {
        let first = definition.keys.first().and_then(|key| key.column());
        let is_plain = definition.method == Method::Btree && definition.include.is_empty();
        let is_key = first.is_some_and(|column| keys.iter().any(|key| key == column));
        is_plain && is_key && definition.schema == table.schema && definition.table == table.name
    });
    // For an order with a limit the longest serves both; else the shortest costs least.
    if is_limited {
        serving.max_by_key(|definition| definition.keys.len())
    } else {
        serving.min_by_key(|definition| definition.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, Index, IndexKey};

    fn catalog(indexes: &[(&str, &[&str])]) -> Catalog {
        let column = |name: &str| Column {
            name: name.to_owned(),
            type_name: "integer".to_owned(),
            base_type: "int4".to_owned(),
            ..Column::default()
        };
        let index = |(name, columns): &(&str, &[&str])| Index {
            name: (*name).to_owned(),
            method: "btree".to_owned(),
            is_valid: true,
            keys: columns
                .iter()
                .map(|column| IndexKey { column: Some((*column).to_owned()), ..IndexKey::default() })
                .collect(),
            ..Index::default()
        };
        let table = Table {
            oid: 1,
            schema: "public".to_owned(),
            name: "posts".to_owned(),
            n_rows: 100_000.0,
            n_pages: 1000,
            columns: ["id", "author_id", "kind", "created"].map(column).into(),
            indexes: indexes.iter().map(index).collect(),
            ..Table::default()
        };
        Catalog { tables: vec![table], search_path: vec!["public".to_owned()], ..Catalog::default() }
    }

    fn check(sql: &str, indexes: &[(&str, &[&str])], expected: &str) {
        let question = Question {
            sql: sql.to_owned(),
            keys: vec![0],
            types: vec![None],
            values: vec![None],
            rows: Vec::new(),
        };
        let found = index_need(&question, &catalog(indexes)).map(|it| {
            let [existing, ddl] = [it.existing, it.ddl].map(Option::unwrap_or_default);
            format!("{existing}{ddl}")
        });
        assert_eq!(found.unwrap_or_default(), expected, "{sql}");
    }

    #[test]
    fn names_the_index_that_is_there_or_the_one_that_is_missing() {
        let by_author = "SELECT id FROM posts WHERE author_id = $1";
        check(by_author, &[("by_author", &["author_id", "created"])], "by_author");
        check(
            by_author,
            &[("by_created", &["created", "author_id"])],
            "CREATE INDEX CONCURRENTLY posts_author_id_idx ON public.posts (author_id)",
        );
        check(
            "SELECT id FROM posts WHERE author_id = $1 ORDER BY created LIMIT 3",
            &[],
            "CREATE INDEX CONCURRENTLY posts_author_id_created_idx ON public.posts (author_id, created)",
        );
        check(
            "SELECT id FROM posts WHERE kind = 5 AND author_id = $1",
            &[("both", &["kind", "author_id"])],
            "both",
        );
        check("SELECT id FROM posts WHERE lower($1) = 'x'", &[], "");
        check("SELECT id FROM other WHERE author_id = $1", &[], "");
    }
}
