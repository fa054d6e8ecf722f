//! GIN indexes: documents, arrays and full text, by what is in them.

use super::demand::Demand;
use super::indexable::{self, Family};
use crate::index::{Definition, Key, Method};
use crate::query::{Operand, Test};

/// The operator class of documents that finds by containment and path alone, in less room.
const JSONB_PATH_OPS: &str = "jsonb_path_ops";
/// The extension with which a GIN index has scalar columns too.
const BTREE_GIN: &str = "btree_gin";

/// Returns the GIN indexes that serve one use of a table.
pub(super) fn definitions(demand: &Demand, extensions: &[String]) -> Vec<Definition> {
    let mut found = Vec::new();
    for condition in &demand.conditions {
        let operand = &condition.operand;
        if !indexable::can_be_indexed(operand, demand.table) {
            continue;
        }
        for opclass in opclasses(indexable::family(operand, demand.table), condition.test) {
            let key = Key { opclass: opclass.map(str::to_owned), ..Key::of(operand.clone()) };
            found.extend(with_scalars(demand, Method::Gin, &key, extensions, BTREE_GIN));
        }
    }
    found
}

/// Returns the operator classes that find by a test, `None` for the type's default (manual, "Built-in GIN Operator
/// Classes").
///
/// A document that is contained in another is not found by any; nor is `value = ANY (column)`, which the planner does
/// not turn into a containment.
fn opclasses(family: Family, test: Test) -> &'static [Option<&'static str>] {
    match (family, test) {
        (Family::Jsonb, Test::Contains | Test::JsonPath) => &[Some(JSONB_PATH_OPS), None],
        (Family::Jsonb, Test::HasKey)
        | (Family::Array, Test::Contains | Test::ContainedBy | Test::Overlaps)
        | (Family::TextSearch, Test::Matches) => &[None],
        _ => &[],
    }
}

/// Returns the index on a key alone and, where an extension lets the method have scalars, behind each column with one
/// value.
pub(super) fn with_scalars(
    demand: &Demand,
    method: Method,
    key: &Key,
    extensions: &[String],
    needed: &str,
) -> Vec<Definition> {
    let table = demand.table;
    let definition =
        |keys: Vec<Key>| Definition { method, ..Definition::btree(&table.schema, &table.name, keys) };
    let mut found = vec![definition(vec![key.clone()])];
    if extensions.iter().any(|extension| extension == needed) {
        let is_scalar =
            |operand: &&&Operand| matches!(indexable::family(operand, table), Family::Scalar | Family::Text);
        let scalars = demand.equalities();
        let scalars = scalars.iter().filter(is_scalar).filter(|operand| ***operand != key.operand);
        found.extend(scalars.map(|scalar| definition(vec![Key::of((*scalar).clone()), key.clone()])));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Uses, check, on};
    use crate::query::Test;

    #[test]
    fn what_is_inside() {
        let mut catalog = fixture::catalog(&[(
            "docs",
            &["id int8", "data jsonb", "tags _text", "words tsvector", "body text", "plain json"],
        )]);
        let with = |operand: &str, test: Test| on("docs").test("id", Test::Equal).test(operand, test);
        check(
            &catalog,
            with("data", Test::Contains),
            &["USING gin (data jsonb_path_ops)", "USING gin (data)", "!USING gin (id, data)", "!(data)"],
        );
        check(
            &catalog,
            with("data", Test::HasKey),
            &["USING gin (data)", "!USING gin (data jsonb_path_ops)"],
        );
        check(&catalog, with("data", Test::JsonPath), &["USING gin (data jsonb_path_ops)"]);
        check(&catalog, with("data -> 'tags'@data", Test::HasKey), &["USING gin ((data -> 'tags'))"]);
        check(&catalog, with("tags", Test::Contains), &["USING gin (tags)"]);
        check(&catalog, with("tags", Test::Overlaps), &["USING gin (tags)"]);
        check(&catalog, with("words", Test::Matches), &["USING gin (words)"]);
        let named = "to_tsvector('english', body)";
        check(
            &catalog,
            with(&format!("{named}@body"), Test::Matches),
            &["USING gin (to_tsvector('english', body))"],
        );
        check(&catalog, with("plain", Test::Contains), &["!USING gin (plain)"]);
        catalog.extensions.push("btree_gin".into());
        check(&catalog, with("tags", Test::Contains), &["USING gin (id, tags)"]);
    }
}
