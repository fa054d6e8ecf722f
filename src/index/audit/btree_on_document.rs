//! A btree on a jsonb document or an array, which finds only documents that are equal as a whole.
//!
//! Why it matters: statements look for what is in a document (`@>`, `?`, `&&`), which a btree does not answer; its entries
//! are as wide as the documents, and an INSERT fails when one is larger than a third of a page (2704 bytes). Example:
//! `(tags)` on posts, searched by `tags @> ARRAY['sql']`. Remedy: a GIN index; for one field of a document, a btree on the
//! expression (`(data ->> 'status')`).
//!
//! Wrong when: whole documents are compared for equality, sorted or grouped by, or have to be unique: then it is
//! silent. So it is for ranges and texts, which a btree orders. Without a workload it only tells.

use super::asked::Asked;
use super::judged::{self, Judged, Verdict};
use super::{Context, Observation, Severity};
use crate::catalog::{IndexKey, Table};
use crate::index::Method;
use crate::query::Test;

pub(super) const RULE: &str = "btree-on-document";
/// Types, as operator classes name what they are for, whose values have parts that are searched for.
const DOCUMENTS: [&str; 2] = ["jsonb", "anyarray"];

pub(super) fn check(context: &Context) -> Vec<Observation> {
    judged::indexes(context)
        .filter(|it| it.index.method == "btree")
        .filter_map(|it| observe(context, &it))
        .collect()
}

fn observe(context: &Context, judged: &Judged) -> Option<Observation> {
    if judged.index.is_unique || judged.index.is_constraint {
        return None;
    }
    let key = judged.index.keys.iter().find(|key| is_document(key, judged.table))?;
    let asked: Vec<Asked> = context.uses(judged.table).filter(|asked| asked.names(key)).collect();
    let wants_whole = |asked: &Asked| {
        let is_whole = |test| matches!(test, Test::Equal | Test::In | Test::Range);
        asked.is_joined_by(key) || asked.sorting(key).is_some() || asked.tests(key).any(is_whole)
    };
    if asked.iter().any(wants_whole) {
        return None;
    }
    let is_searched = asked.iter().any(|asked| asked.tests(key).any(is_of_parts));
    let name = judged::key_sql(key);
    let message = format!(
        "{} finds {name} only as a whole, and an INSERT fails where it is larger than 2704 bytes",
        judged.describe()
    );
    let remedy = format!(
        "Index what is in {name} with GIN, or the single field that is searched for as an expression. Keep the btree where \
         whole values are compared for equality."
    );
    let is_alone = judged.index.keys.len() == 1 && judged.index.include.is_empty();
    let cure = judged
        .definition()
        .filter(|_| is_searched && is_alone && !judged.is_protected())
        .map(|definition| judged.replace_by(definition.by_method(Method::Gin)));
    let severity = if is_searched { Severity::Medium } else { Severity::Low };
    Some(judged.observe(Verdict { rule: RULE, severity, message, remedy }, cure.unwrap_or_default()))
}

fn is_document(key: &IndexKey, table: &Table) -> bool {
    let column = key.column.as_ref().and_then(|name| table.column(name));
    DOCUMENTS.contains(&key.opclass_type.as_str())
        || column.is_some_and(|column| column.base_type == "jsonb" || column.element_type.is_some())
}

fn is_of_parts(test: Test) -> bool {
    matches!(test, Test::Contains | Test::ContainedBy | Test::Overlaps | Test::HasKey | Test::JsonPath)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, owned, table};
    use super::*;
    use crate::catalog::{Column, Index};

    fn posts(indexed: Index) -> Fixture {
        let mut posts = table("t", &["id int8!", "data jsonb", "tags _text", "name text"], vec![indexed]);
        let tags = Column { element_type: Some("text".into()), ..posts.columns[2].clone() };
        posts.columns[2] = tags;
        Fixture::new(vec![posts])
    }

    #[test]
    fn the_workload_decides() {
        let gin = "medium: create t USING gin (data) for i";
        for (statements, expected) in [
            (&[][..], "low: no fix"),
            (&["SELECT * FROM t WHERE name = 'x'"], "low: no fix"),
            (&["SELECT * FROM t WHERE data @> '{\"a\": 1}'"], gin),
            (&["SELECT * FROM t WHERE data ? 'a'"], gin),
            // The whole document is compared.
            (&["SELECT * FROM t WHERE data = $1"], ""),
            (&["SELECT * FROM t WHERE data @> $1", "SELECT DISTINCT data FROM t"], ""),
        ] {
            posts(index("i", &["data"])).asking(statements).check_verdict(check, expected);
        }
        posts(index("i", &["tags"]))
            .asking(&["SELECT * FROM t WHERE tags && ARRAY['sql']"])
            .check_verdict(check, "medium: create t USING gin (tags) for i");
    }

    #[test]
    fn says_what_it_cannot_do() {
        assert_eq!(
            posts(index("i", &["tags"])).messages(check),
            ["i (tags) finds tags only as a whole, and an INSERT fails where it is larger than 2704 bytes"]
        );
    }

    #[test]
    fn the_operator_class_tells_of_expressions() {
        let mut fixture = posts(index("i", &["(data -> 'a'::text)"]));
        fixture.check_verdict(check, "");
        fixture.index_mut("i").keys[0].opclass_type = "jsonb".into();
        fixture.check_verdict(check, "low: no fix");
    }

    #[test]
    fn not_other_methods_and_types() {
        posts(index("i", &["name"])).check_verdict(check, "");
        posts(Index { method: "gin".into(), ..index("i", &["data"]) }).check_verdict(check, "");
        // Whole documents have to be unique.
        posts(Index { is_unique: true, ..index("i", &["tags"]) }).check_verdict(check, "");
        posts(owned(index("i", &["data"]))).check_verdict(check, "");
    }

    /// The other keys may be worth their index.
    #[test]
    fn beside_other_keys_it_only_tells() {
        posts(index("i", &["name", "data"]))
            .asking(&["SELECT * FROM t WHERE data @> $1"])
            .check_verdict(check, "medium: no fix");
    }
}
