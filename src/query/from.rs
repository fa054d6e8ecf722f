//! The tables of a FROM clause, and what its joins say of them.

use sqlparser::ast::{Expr, JoinConstraint, JoinOperator, Select, TableFactor};

use super::scope::{TableName, fold, table_name};

/// A table of a FROM clause, under its name there.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) alias: String,
    pub(super) name: TableName,
}

/// A FROM clause, read.
#[derive(Default)]
pub(super) struct From {
    pub(super) entries: Vec<Entry>,
    pub(super) is_optional: Vec<bool>,
    /// Conditions of joins, with the only table that they may restrict.
    pub(super) conditions: Vec<(Expr, Option<usize>)>,
    pub(super) using: Vec<(String, usize)>,
    pub(super) obstacle: Option<String>,
}

impl From {
    pub(super) fn read(select: &Select, ctes: &[String]) -> Self {
        let mut from = Self::default();
        for item in &select.from {
            from.factor(&item.relation, false, ctes);
            for join in &item.joins {
                let (constraint, is_optional) = match &join.join_operator {
                    JoinOperator::Join(constraint)
                    | JoinOperator::Inner(constraint)
                    | JoinOperator::CrossJoin(constraint) => (Some(constraint), false),
                    JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
                        (Some(constraint), true)
                    }
                    _ => (None, false),
                };
                let at = from.entries.len();
                from.factor(&join.relation, is_optional, ctes);
                match constraint {
                    Some(JoinConstraint::On(expr)) => {
                        from.conditions.push((expr.clone(), is_optional.then_some(at)));
                    }
                    Some(JoinConstraint::Using(names)) => {
                        let names = names.iter().filter_map(table_name);
                        from.using.extend(names.map(|name| (name.name, at)));
                    }
                    Some(JoinConstraint::None) => {}
                    Some(JoinConstraint::Natural) | None => {
                        from.refuse("it joins in a way that is not looked into");
                    }
                }
            }
        }
        from
    }

    fn factor(&mut self, factor: &TableFactor, is_optional: bool, ctes: &[String]) {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let Some(name) = table_name(name) else { return self.refuse("it names no table") };
                if name.schema.is_none() && ctes.contains(&name.name) {
                    return self.refuse("it reads a WITH query");
                }
                let alias = alias.as_ref().map_or_else(|| name.name.clone(), |alias| fold(&alias.name));
                self.entries.push(Entry { alias, name });
                self.is_optional.push(is_optional);
            }
            _ => self.refuse("it reads a query or function beside tables"),
        }
    }

    fn refuse(&mut self, reason: &str) {
        self.obstacle.get_or_insert_with(|| reason.to_owned());
    }
}

/// Returns what parentheses hold.
pub(super) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}
