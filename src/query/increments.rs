//! How statements change a column: by adding to what it holds, or by a value from elsewhere.

use sqlparser::ast::{
    self, Assignment, AssignmentTarget, BinaryOperator, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, Statement,
};

use super::scope::fold;

/// What an assignment makes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assigned {
    Added,
    Subtracted,
    /// To something that does not follow from what it held.
    Set,
}

/// Returns how an UPDATE, or the DO UPDATE of an INSERT, changes a column; `None` where it leaves it alone.
pub(super) fn assigned(statement: &Statement, column: &str) -> Option<Assigned> {
    let assignments: &[Assignment] = match statement {
        Statement::Update(update) => &update.assignments,
        Statement::Insert(insert) => match &insert.on {
            Some(ast::OnInsert::OnConflict(ast::OnConflict {
                action: ast::OnConflictAction::DoUpdate(update),
                ..
            })) => &update.assignments,
            _ => return None,
        },
        _ => return None,
    };
    assignments.iter().find_map(|assignment| match &assignment.target {
        AssignmentTarget::ColumnName(name) => {
            let target = name.0.first().and_then(|part| part.as_ident()).map(fold);
            (target.as_deref() == Some(column))
                .then(|| change(&assignment.value, column).unwrap_or(Assigned::Set))
        }
        AssignmentTarget::Tuple(names) => {
            let mut targets = names.iter().filter_map(|name| name.0.first()?.as_ident().map(fold));
            targets.any(|target| target == column).then_some(Assigned::Set)
        }
    })
}

/// Returns what an expression adds to a column, however it is dressed: as `COALESCE(n, 0) + 1` or `GREATEST(n - 1, 0)`.
fn change(expr: &Expr, column: &str) -> Option<Assigned> {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => change(inner, column),
        Expr::BinaryOp { left, op: BinaryOperator::Plus, right } => {
            (holds(left, column) || holds(right, column)).then_some(Assigned::Added)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Minus, right: _ } => {
            holds(left, column).then_some(Assigned::Subtracted)
        }
        Expr::Function(_) => {
            arguments(expr, &["coalesce", "greatest", "least"]).find_map(|it| change(it, column))
        }
        _ => None,
    }
}

/// Whether an expression is what the column holds, with 0 for NULL.
fn holds(expr: &Expr, column: &str) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => holds(inner, column),
        Expr::Identifier(name) => fold(name) == column,
        Expr::CompoundIdentifier(names) => {
            // The new row's value comes from elsewhere.
            let is_new = names.first().is_some_and(|table| names.len() == 2 && fold(table) == "excluded");
            !is_new && names.last().is_some_and(|name| fold(name) == column)
        }
        Expr::Function(_) => arguments(expr, &["coalesce"]).any(|it| holds(it, column)),
        _ => false,
    }
}

/// The arguments of a function that is called by one of these names; none of another.
pub(super) fn arguments<'e>(expr: &'e Expr, names: &[&str]) -> impl Iterator<Item = &'e Expr> {
    let list = match expr {
        Expr::Function(function) => {
            let name = function.name.0.last().and_then(|part| part.as_ident()).map(fold);
            match &function.args {
                FunctionArguments::List(list) if name.is_some_and(|name| names.contains(&name.as_str())) => {
                    list.args.as_slice()
                }
                _ => &[],
            }
        }
        _ => &[],
    };
    list.iter().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::parse;

    #[test]
    fn increments_are_told_from_values() {
        for (sql, expected) in [
            // Rails, with and without counter_cache, as pg_stat_statements has them.
            (r#"UPDATE "k" SET "n" = COALESCE("k"."n", $1) + $2 WHERE "k"."id" = $3"#, Some(Assigned::Added)),
            (
                r#"UPDATE "k" SET "n" = COALESCE("n", $1) - $2, "at" = $3 WHERE "k"."id" = $4"#,
                Some(Assigned::Subtracted),
            ),
            // Django's F().
            (r#"UPDATE "k" SET "n" = ("k"."n" + $1) WHERE "k"."id" = $2"#, Some(Assigned::Added)),
            (r#"UPDATE "k" SET "n" = ("k"."n" - $1) WHERE "k"."id" IN ($2)"#, Some(Assigned::Subtracted)),
            ("UPDATE k SET N = 1 + n WHERE id = 2", Some(Assigned::Added)),
            ("UPDATE k SET n = GREATEST(n - 1, 0)", Some(Assigned::Subtracted)),
            ("UPDATE k SET n = (coalesce(n, 0) + $1)::bigint", Some(Assigned::Added)),
            (
                "INSERT INTO k (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = k.n + excluded.n",
                Some(Assigned::Added),
            ),
            (
                "INSERT INTO k (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = excluded.n + 1",
                Some(Assigned::Set),
            ),
            ("UPDATE k SET n = $1", Some(Assigned::Set)),
            ("UPDATE k SET n = $1 - n", Some(Assigned::Set)),
            ("UPDATE k SET n = m + 1", Some(Assigned::Set)),
            ("UPDATE k SET n = (SELECT count(*) FROM c WHERE k_id = k.id)", Some(Assigned::Set)),
            ("UPDATE k SET (m, n) = (SELECT 1, n + 1)", Some(Assigned::Set)),
            ("UPDATE k SET m = n + 1", None),
            ("INSERT INTO k (id, n) VALUES (1, 0)", None),
            ("DELETE FROM k WHERE n = 0", None),
        ] {
            assert_eq!(parse(sql).unwrap().assigned("n"), expected, "{sql}");
        }
    }
}
