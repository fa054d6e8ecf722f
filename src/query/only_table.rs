//! Which statements read one relation, by its own name, and nothing else.

use std::ops::ControlFlow;

use sqlparser::ast::{self, SetExpr, TableFactor, visit_relations};

use super::scope::{TableName, table_name};

/// Returns the relation of a statement that names one relation once, in its FROM or as the target of an UPDATE or
/// DELETE, so that the planner numbers it as the first one.
pub(super) fn only_table(statement: &ast::Statement) -> Option<TableName> {
    let mut n_relations = 0;
    let _ = visit_relations(statement, |_| {
        n_relations += 1;
        ControlFlow::<()>::Continue(())
    });
    if n_relations != 1 {
        return None;
    }
    match statement {
        ast::Statement::Query(query) => {
            let SetExpr::Select(select) = &*query.body else { return None };
            if query.with.is_some() {
                return None;
            }
            of_from(&select.from)
        }
        ast::Statement::Update(update) if update.from.is_none() => {
            of_from(std::slice::from_ref(&update.table))
        }
        ast::Statement::Delete(delete) if delete.using.is_none() => {
            let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
            of_from(from)
        }
        _ => None,
    }
}

fn of_from(from: &[ast::TableWithJoins]) -> Option<TableName> {
    let [item] = from else { return None };
    match &item.relation {
        TableFactor::Table { name, args: None, .. } if item.joins.is_empty() => table_name(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    fn check(sql: &str, expected: Option<&str>) {
        let found = super::super::parse(sql).unwrap().only_table().map(|table| table.to_string());
        assert_eq!(found.as_deref(), expected, "{sql}");
    }

    #[test]
    fn names_the_only_relation() {
        check("SELECT * FROM t WHERE a = 1 ORDER BY b LIMIT 3", Some("t"));
        check("SELECT * FROM s.\"T\" AS x FOR UPDATE", Some("s.T"));
        check("UPDATE t SET a = 1 WHERE b = 2", Some("t"));
        check("DELETE FROM t WHERE b = 2 RETURNING a", Some("t"));
    }

    #[test]
    fn knows_what_reads_more_or_otherwise() {
        for sql in [
            "SELECT * FROM t JOIN u USING (id)",
            "SELECT * FROM t, u",
            "SELECT * FROM generate_series(1, 3) AS g, t",
            "SELECT * FROM unnest(ARRAY[1]) AS g JOIN t ON true",
            "SELECT * FROM f(1)",
            "SELECT * FROM (SELECT * FROM t) AS s",
            "SELECT * FROM t UNION ALL SELECT 1",
            "WITH x AS (SELECT 1) SELECT * FROM t",
            "SELECT * FROM t WHERE EXISTS (SELECT FROM t AS u)",
            "INSERT INTO t SELECT 1",
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET a = 1 FROM u",
            "DELETE FROM t USING u",
            "SELECT 1",
        ] {
            check(sql, None);
        }
    }
}
