//! Orders and groups: ORDER BY, DISTINCT, GROUP BY, windows, `min` and `max`.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, DuplicateTreatment, Expr, Function, FunctionArguments, GroupByExpr, GroupByWithModifier, Ident,
    NamedWindowExpr, OrderByExpr, OrderBySort, Query, Select, SelectItem, Value, Visit, Visitor, WindowSpec,
    WindowType,
};

use super::equivalence::Place;
use super::scope::{Entry, Name, Output, Reach, Relation, Scope};
use super::types::{Operand, Order, SortItem};
use super::{Walk, has_group_by, operand, output_name, projected, push_new, volatility};
use crate::query::scope::fold;

impl Walk<'_> {
    pub(super) fn grouping(&mut self, select: &Select, order_by: &[OrderByExpr], scope: &Scope) {
        let groups = group_items(&select.group_by);
        let groups: Vec<&Expr> = groups.into_iter().map(|item| self.input(item, select, scope)).collect();
        self.group(&groups, scope);
        match &select.distinct {
            Some(ast::Distinct::On(items)) => {
                for item in items {
                    self.input(item, select, scope);
                }
                let items: Vec<&Expr> = items.iter().map(|item| output(item, select)).collect();
                // With ORDER BY, the rows are wanted in its order.
                if order_by.is_empty() {
                    self.group(&items, scope);
                }
            }
            Some(ast::Distinct::Distinct) => {
                let items: Vec<&Expr> = projected(select).collect();
                if items.len() == select.projection.len() {
                    self.group(&items, scope);
                }
            }
            Some(ast::Distinct::All) | None => {}
        }
        // Each group's values are sorted before they are counted.
        let is_distinct = |function: &Function| match &function.args {
            FunctionArguments::List(list) => list.duplicate_treatment == Some(DuplicateTreatment::Distinct),
            _ => false,
        };
        for function in functions(select) {
            if let Some(argument) =
                volatility::arguments(&function).and_then(|arguments| arguments.first().copied())
                && is_distinct(&function)
            {
                let items: Vec<&Expr> = groups.iter().copied().chain([argument]).collect();
                self.group(&items, scope);
            }
        }
    }

    fn group(&mut self, items: &[&Expr], scope: &Scope) {
        let places: Vec<Vec<Place>> = items.iter().map(|item| self.sort_places(item, scope)).collect();
        self.add_group(&places);
    }

    fn add_group(&mut self, places: &[Vec<Place>]) {
        for (use_index, operands) in same_use(places) {
            push_new(&mut self.uses[use_index].groups, operands);
        }
    }

    /// Groups the rows of one side of a UNION by all output columns.
    pub(super) fn group_outputs(&mut self, outputs: &[Output]) {
        let places: Vec<Vec<Place>> = outputs.iter().map(|output| self.output_places(output)).collect();
        self.add_group(&places);
    }

    pub(super) fn ordering(
        &mut self,
        order_by: &[OrderByExpr],
        select: &Select,
        is_limited: bool,
        scope: &Scope,
    ) {
        let mut items = Vec::new();
        for item in order_by {
            let expr = output(&item.expr, select);
            if std::ptr::eq(expr, &raw const item.expr) {
                self.read(expr, scope);
            } else {
                self.read_again(expr, scope);
            }
            items.push((self.sort_places(expr, scope), direction(item)));
        }
        self.add_order(&items, is_limited);
    }

    fn add_order(&mut self, items: &[(Vec<Place>, Direction)], is_limited: bool) {
        let places: Vec<Vec<Place>> = items.iter().map(|(places, _)| places.clone()).collect();
        for (use_index, operands) in same_use(&places) {
            let items = operands
                .into_iter()
                .zip(items)
                .map(|(operand, (_, Direction { descending, nulls_first }))| SortItem {
                    operand,
                    descending: *descending,
                    nulls_first: *nulls_first,
                })
                .collect();
            push_new(&mut self.uses[use_index].orders, Order { items, is_limited });
        }
    }

    /// Orders the output of a set operation or of a query in parentheses, by name or number.
    pub(super) fn order_outputs(&mut self, order_by: &[OrderByExpr], outputs: &[Output], is_limited: bool) {
        let mut scope = Scope::new(None);
        scope.entries.push(Entry { alias: "*".to_owned(), relation: Relation::Query(outputs.to_vec()) });
        let mut items = Vec::new();
        for item in order_by {
            let places = if let Some(output) = number(&item.expr).and_then(|number| outputs.get(number)) {
                self.mark_outputs(std::slice::from_ref(output));
                self.output_places(output)
            } else {
                self.read(&item.expr, &scope);
                self.sort_places(&item.expr, &scope)
            };
            items.push((places, direction(item)));
        }
        self.add_order(&items, is_limited);
    }

    /// Orders that window functions need: by what partitions the rows, then by what orders them.
    pub(super) fn windows(
        &mut self,
        select: &Select,
        order_by: &[OrderByExpr],
        is_limited: bool,
        scope: &Scope,
    ) {
        for ast::NamedWindowDefinition(_, window) in &select.named_window {
            if let NamedWindowExpr::WindowSpec(spec) = window {
                let sorted = spec.order_by.iter().map(|item| &item.expr);
                for expr in spec.partition_by.iter().chain(sorted) {
                    self.read(expr, scope);
                }
            }
        }
        for spec in window_specs(select) {
            let partition = spec.partition_by.iter().map(|expr| (expr, Direction::ASCENDING));
            let sorted = spec.order_by.iter().map(|item| (&item.expr, direction(item)));
            let items: Vec<_> = partition
                .chain(sorted)
                .map(|(expr, direction)| (self.sort_places(expr, scope), direction))
                .collect();
            self.add_order(&items, is_limited && order_by.is_empty());
        }
    }

    /// Returns what each window partitions the rows by; `None` when there is no window.
    pub(super) fn partitions(&self, select: &Select, scope: &Scope) -> Option<Vec<Vec<Place>>> {
        let specs = window_specs(select);
        let keys = |spec: &WindowSpec| {
            spec.partition_by.iter().flat_map(|expr| self.operand_keys(expr, scope)).collect()
        };
        (!specs.is_empty()).then(|| specs.iter().map(keys).collect())
    }

    /// `min` and `max` of one table read one end of an index (`preprocess_minmax_aggregates` of planagg.c).
    pub(super) fn extremes(&mut self, select: &Select, scope: &Scope) {
        let is_simple = !has_group_by(select)
            && select.having.is_none()
            && matches!(&select.from[..], [item] if item.joins.is_empty());
        let aggregates: Vec<Function> = functions(select)
            .into_iter()
            .filter(|function| {
                function.over.is_none() && volatility::is_aggregate(&volatility::name(function))
            })
            .collect();
        let is_extreme = |function: &Function| {
            matches!(volatility::name(function).as_str(), "min" | "max") && function.filter.is_none()
        };
        if !is_simple || !aggregates.iter().all(is_extreme) {
            return;
        }
        for function in &aggregates {
            let arguments = volatility::arguments(function);
            let Some([argument]) = arguments.as_deref() else {
                continue;
            };
            let descending = volatility::name(function) == "max";
            let items =
                [(self.sort_places(argument, scope), Direction { descending, nulls_first: descending })];
            self.add_order(&items, true);
        }
    }

    /// Returns the operands that an order of `expr` is an order of: those that equal it come last.
    fn sort_places(&self, expr: &Expr, scope: &Scope) -> Vec<Place> {
        let own: Vec<Place> = self
            .operands(expr, scope)
            .into_iter()
            .filter(|resolved| !resolved.is_outer && resolved.reach == Reach::Full)
            .map(|resolved| (resolved.use_index, resolved.operand))
            .collect();
        self.with_equals(&own)
    }

    fn output_places(&self, output: &Output) -> Vec<Place> {
        let Output::Column { sources, .. } = output else { return Vec::new() };
        let full = sources.iter().filter(|source| source.reach == Reach::Full);
        self.with_equals(&full.filter_map(operand::of_source).collect::<Vec<_>>())
    }

    fn with_equals(&self, own: &[Place]) -> Vec<Place> {
        let mut places = own.to_owned();
        for place in own.iter().flat_map(|place| self.equals(place)) {
            push_new(&mut places, place);
        }
        places
    }

    /// Returns what an item of GROUP BY or DISTINCT ON means, and reads it: a column of the input goes before an alias.
    fn input<'e>(&mut self, expr: &'e Expr, select: &'e Select, scope: &Scope) -> &'e Expr {
        let is_column = match expr {
            Expr::Identifier(name) => {
                matches!(scope.resolve(std::slice::from_ref(name), self.relations),
                    Name::Column { is_outer: false, ref sources } if !sources.is_empty())
            }
            _ => false,
        };
        let meant = if is_column { expr } else { output(expr, select) };
        if std::ptr::eq(meant, expr) {
            self.read(expr, scope);
        } else {
            self.read_again(meant, scope);
        }
        meant
    }
}

#[derive(Clone, Copy)]
struct Direction {
    descending: bool,
    nulls_first: bool,
}

impl Direction {
    const ASCENDING: Self = Self { descending: false, nulls_first: false };
}

fn direction(item: &OrderByExpr) -> Direction {
    let descending = match &item.options.sort {
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(operator)) => operator.to_string().starts_with('>'),
        Some(OrderBySort::Asc) | None => false,
    };
    Direction { descending, nulls_first: item.options.nulls_first.unwrap_or(descending) }
}

/// Returns the uses of which every item has an operand, with these operands.
fn same_use(items: &[Vec<Place>]) -> Vec<(usize, Vec<Operand>)> {
    let Some(first) = items.first() else { return Vec::new() };
    let mut found: Vec<(usize, Vec<Operand>)> = Vec::new();
    for (use_index, _) in first {
        let of_use = |item: &Vec<Place>| {
            item.iter().find(|(other, _)| other == use_index).map(|(_, operand)| operand.clone())
        };
        if found.iter().all(|(known, _)| known != use_index)
            && let Some(operands) = items.iter().map(of_use).collect()
        {
            found.push((*use_index, operands));
        }
    }
    found
}

/// Returns the items of GROUP BY; of grouping sets those of the first and longest.
fn group_items(group_by: &GroupByExpr) -> Vec<&Expr> {
    fn add<'e>(expr: &'e Expr, items: &mut Vec<&'e Expr>) {
        match expr {
            Expr::Rollup(sets) | Expr::Cube(sets) => sets.iter().flatten().for_each(|expr| add(expr, items)),
            Expr::GroupingSets(sets) => sets.iter().take(1).flatten().for_each(|expr| add(expr, items)),
            Expr::Tuple(list) => list.iter().for_each(|expr| add(expr, items)),
            other => items.push(other),
        }
    }
    let mut items = Vec::new();
    if let GroupByExpr::Expressions(expressions, modifiers) = group_by {
        let sets = modifiers.iter().filter_map(|modifier| match modifier {
            GroupByWithModifier::GroupingSets(expr) => Some(expr),
            _ => None,
        });
        expressions.iter().chain(sets).for_each(|expr| add(expr, &mut items));
    }
    items
}

/// Returns what an ORDER BY item means: output columns go by their number or name too.
pub(in crate::query) fn output<'e>(expr: &'e Expr, select: &'e Select) -> &'e Expr {
    let by_name = |ident: &Ident| {
        select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if fold(alias) == fold(ident) => Some(expr),
            SelectItem::UnnamedExpr(expr) if output_name(expr) == fold(ident) => Some(expr),
            _ => None,
        })
    };
    let by_number = |number: usize| match select.projection.get(number)? {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    };
    match expr {
        Expr::Identifier(ident) => by_name(ident).unwrap_or(expr),
        _ => number(expr).and_then(by_number).unwrap_or(expr),
    }
}

/// Returns the place that `ORDER BY 2` means, from 0.
fn number(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse::<usize>().ok()?.checked_sub(1),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the windows that a SELECT's functions use.
fn window_specs(select: &Select) -> Vec<WindowSpec> {
    let named = |name: &Ident| {
        select.named_window.iter().find_map(|ast::NamedWindowDefinition(known, window)| match window {
            NamedWindowExpr::WindowSpec(spec) if fold(known) == fold(name) => Some(spec.clone()),
            _ => None,
        })
    };
    let mut specs = Vec::new();
    for function in functions(select) {
        let spec = match function.over {
            Some(WindowType::WindowSpec(spec)) => match spec.window_name.as_ref().and_then(named) {
                // `OVER (w ORDER BY …)` adds to a named window.
                Some(base) if spec.order_by.is_empty() => Some(base),
                Some(base) => Some(WindowSpec { order_by: spec.order_by, ..base }),
                None => Some(spec),
            },
            Some(WindowType::NamedWindow(name)) => named(&name),
            None => None,
        };
        if let Some(spec) = spec {
            push_new(&mut specs, spec);
        }
    }
    specs
}

/// Returns the functions of a SELECT's list and HAVING, without those in the queries there.
fn functions(select: &Select) -> Vec<Function> {
    #[derive(Default)]
    struct Functions {
        found: Vec<Function>,
        depth: usize,
    }
    impl Visitor for Functions {
        type Break = std::convert::Infallible;
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
            if let Expr::Function(function) = expr
                && self.depth == 0
            {
                self.found.push(function.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut functions = Functions::default();
    for expr in projected(select).chain(&select.having) {
        let ControlFlow::Continue(()) = expr.visit(&mut functions);
    }
    functions.found
}
