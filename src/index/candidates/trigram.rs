//! Trigram indexes: text by what it has anywhere (`LIKE '%a%'`, `ILIKE`, regular expressions).

use std::collections::BTreeSet;

use super::demand::{Demand, demands};
use super::indexable::{self, Family};
use super::inverted::with_scalars;
use crate::catalog::Catalog;
use crate::index::{Definition, Key, Method};
use crate::query::{Operand, StatementShape, Test};

const PG_TRGM: &str = "pg_trgm";

/// An extension that would make another index possible.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MissingExtension {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) operand: Operand,
    pub(crate) extension: &'static str,
}

/// Returns the trigram indexes that serve one use of a table, where the extension is there.
pub(super) fn definitions(demand: &Demand, extensions: &[String]) -> Vec<Definition> {
    if !has_trigrams(extensions) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for operand in operands(demand) {
        // GiST knows trigrams as well. The planner takes it for cheap, because it charges for no rechecks of its pages,
        // and reads with it are slower (manual, pg_trgm, "Index Support").
        let key = Key { opclass: Some("gin_trgm_ops".to_owned()), ..Key::of(operand.clone()) };
        found.extend(with_scalars(demand, Method::Gin, &key, extensions, "btree_gin"));
    }
    found
}

/// Returns what only an extension that is not installed could index.
pub(crate) fn missing_extensions(shapes: &[StatementShape], catalog: &Catalog) -> BTreeSet<MissingExtension> {
    if has_trigrams(&catalog.extensions) {
        return BTreeSet::new();
    }
    let missing = |(_, demand): &(usize, Demand)| -> Vec<MissingExtension> {
        let table = demand.table;
        operands(demand)
            .into_iter()
            .map(|operand| MissingExtension {
                schema: table.schema.clone(),
                table: table.name.clone(),
                operand: operand.clone(),
                extension: PG_TRGM,
            })
            .collect()
    };
    demands(shapes, catalog).iter().flat_map(missing).collect()
}

fn has_trigrams(extensions: &[String]) -> bool {
    extensions.iter().any(|extension| extension == PG_TRGM)
}

/// Returns the texts that are searched for something in their middle, or for what only the value says.
fn operands<'a>(demand: &Demand<'a>) -> Vec<&'a Operand> {
    let is_infix = |test: Test| matches!(test, Test::Infix | Test::Pattern);
    let infix = demand.conditions.iter().filter(|condition| is_infix(condition.test));
    infix
        .map(|condition| &condition.operand)
        .filter(|operand| {
            indexable::can_be_indexed(operand, demand.table)
                && indexable::family(operand, demand.table) == Family::Text
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Uses, check, on, statement};
    use super::*;

    #[test]
    fn only_with_the_extension() {
        let mut catalog = fixture::catalog(&[("people", &["id int8", "name text", "data bytea"])]);
        let wanted = || on("people").test("id", Test::Equal).test("name", Test::Infix);
        check(&catalog, wanted(), &["!USING gin (name gin_trgm_ops)"]);
        let missing = |catalog: &Catalog| missing_extensions(&[statement([wanted()])], catalog);
        let expected = MissingExtension {
            schema: "public".into(),
            table: "people".into(),
            operand: Operand::Column("name".into()),
            extension: "pg_trgm",
        };
        assert_eq!(missing(&catalog), BTreeSet::from([expected]));
        catalog.extensions.extend(["pg_trgm".to_owned(), "btree_gin".to_owned()]);
        check(
            &catalog,
            wanted(),
            &[
                "USING gin (name gin_trgm_ops)",
                "USING gin (id, name gin_trgm_ops)",
                "!USING gist (name gist_trgm_ops)",
                "!(name)",
            ],
        );
        // A btree finds by a beginning, trigrams by anything: the planner has both for a pattern that is not known.
        check(
            &catalog,
            on("people").test("name", Test::Pattern),
            &["USING gin (name gin_trgm_ops)", "(name text_pattern_ops)"],
        );
        check(&catalog, on("people").test("name", Test::Prefix), &["!USING gin (name gin_trgm_ops)"]);
        check(&catalog, on("people").test("data", Test::Infix), &["!USING gin (data gin_trgm_ops)"]);
        assert!(missing(&catalog).is_empty());
    }
}
