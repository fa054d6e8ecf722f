//! Conditions: what WHERE, ON and HAVING say about the operands of each table.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::conjuncts::conjuncts;
use super::equivalence::{Constant, Equality, EqualityKind, Place};
use super::operand::{Reads, Resolved};
use super::operator::{is_range, is_strict_expression, tests_of, unary};
use super::scope::{Output, Reach, Relation, Scope};
use super::types::{Condition, Operand, TableUse, Test};
use super::{Role, Walk, canonical, keyset, pattern, push_new, volatility};

/// A condition that holds for all rows of the FROM items that it restricts.
pub(super) struct Conjunct {
    pub(super) expr: Expr,
    /// The uses that it restricts, where it stands in the ON of an outer join; `None` for all.
    pub(super) restricts: Option<BTreeSet<usize>>,
    /// The uses whose rows may be all null where it is tested.
    pub(super) nullable: BTreeSet<usize>,
}

/// Where a condition stands.
#[derive(Clone, Copy)]
pub(super) struct Context<'c, 's> {
    pub(super) scope: &'c Scope<'s>,
    pub(super) restricts: Option<&'c BTreeSet<usize>>,
    pub(super) nullable: &'c BTreeSet<usize>,
    /// The conditions that hold together with it.
    pub(super) around: &'c [Expr],
}

/// What conditions say, before it is known which of it restricts a table.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) tests: Vec<Fact>,
    pub(super) joins: Vec<Place>,
    pub(super) rows: Vec<(usize, Vec<Operand>)>,
    pub(super) equalities: Vec<Equality>,
    pub(super) constants: Vec<Constant>,
    /// Uses on the nullable side of an outer join that a condition above it has rows of, so that the join is an inner one.
    pub(super) present: BTreeSet<usize>,
    /// A use and what each branch of an OR says about it.
    pub(super) branches: Vec<(usize, TableUse)>,
}

pub(super) struct Fact {
    pub(super) use_index: usize,
    pub(super) condition: Condition,
    /// Whether it is false for a row of nulls.
    pub(super) is_strict: bool,
    /// Whether the use's rows may be all null.
    pub(super) is_nullable: bool,
}

/// One side of a condition and what is done with it.
struct Tested<'e> {
    operand: &'e Expr,
    test: Test,
    /// What the operand is compared with.
    against: &'e Reads,
    /// The other side, where it is one value.
    value: Option<&'e Expr>,
    /// The whole condition.
    whole: &'e Expr,
    is_strict: bool,
}

impl Walk<'_> {
    /// A condition of WHERE.
    pub(super) fn conjunct(&self, expr: Expr) -> Conjunct {
        Conjunct { expr, restricts: None, nullable: self.nullable.clone() }
    }

    /// Walks conditions that hold together.
    pub(super) fn conditions(&mut self, list: Vec<Conjunct>, scope: &Scope) {
        let mut facts = Facts::default();
        for Conjunct { expr, restricts, nullable } in list {
            let around = &conjuncts(expr);
            let context = Context { scope, restricts: restricts.as_ref(), nullable: &nullable, around };
            for expr in around {
                self.fact(expr, context, &mut facts);
            }
        }
        self.apply(facts);
    }

    fn apply(&mut self, facts: Facts) {
        for fact in facts.tests {
            // `WHERE b.y IS NULL` after a LEFT JOIN looks for rows that b does not have.
            if !fact.is_nullable || fact.is_strict || facts.present.contains(&fact.use_index) {
                self.uses[fact.use_index].conditions.push(fact.condition);
            }
        }
        for (use_index, operand) in facts.joins {
            push_new(&mut self.uses[use_index].joins, operand);
        }
        for (use_index, row) in facts.rows {
            push_new(&mut self.uses[use_index].rows, row);
        }
        self.equalities.extend(facts.equalities);
        self.constants.extend(facts.constants);
        self.uses.extend(facts.branches.into_iter().map(|(_, branch)| branch));
    }

    pub(super) fn fact(&mut self, expr: &Expr, context: Context, facts: &mut Facts) {
        let scope = context.scope;
        match expr {
            Expr::BinaryOp { op: BinaryOperator::Or, .. } => match keyset::keyset(expr, context.around) {
                Some(keyset) => self.keyset(&keyset, context, facts),
                None => self.alternatives(expr, context, facts),
            },
            Expr::BinaryOp { left, op, right } => match (&**left, &**right) {
                (Expr::Tuple(lefts), Expr::Tuple(rights)) if is_range(op) => {
                    self.parameters_in_condition(expr, scope);
                    self.row(lefts, rights, context, facts);
                }
                _ => {
                    let tests = tests_of(op, left, right);
                    self.compare(expr, (left, right), tests, true, context, facts);
                }
            },
            Expr::Between { expr: tested, negated: false, low, high } => {
                for bound in [low, high] {
                    self.compare(expr, (tested, bound), (Test::Range, Test::Range), true, context, facts);
                }
            }
            Expr::InList { expr: tested, list, negated } => {
                let test = match (negated, list.len()) {
                    (true, _) => Test::NotEqual,
                    (false, 1) => Test::Equal,
                    (false, _) => Test::In,
                };
                let values: Vec<&Expr> = list.iter().collect();
                match &**tested {
                    Expr::Tuple(items) => {
                        let against = self.read_all(&values, scope);
                        self.parameters_in_condition(expr, scope);
                        for item in items {
                            self.read(item, scope);
                            if !negated {
                                let (operand, against, value) = (item, &against, None);
                                let tested =
                                    Tested { operand, test, against, value, whole: expr, is_strict: true };
                                self.tested(&tested, context, facts);
                            }
                        }
                    }
                    tested => self.one_sided(expr, tested, &values, test, true, context, facts),
                }
            }
            Expr::AnyOp { left, compare_op, right, .. } => match &**right {
                Expr::Subquery(query) if *compare_op == BinaryOperator::Eq => {
                    self.in_subquery(left, query, false, context, facts);
                }
                _ => {
                    let (test, _) = tests_of(compare_op, left, right);
                    let test = if test == Test::Equal { Test::In } else { test };
                    self.compare(expr, (left, right), (test, Test::Other), true, context, facts);
                }
            },
            Expr::AllOp { left, compare_op, right } => {
                let test = if *compare_op == BinaryOperator::NotEq { Test::NotEqual } else { Test::Other };
                self.compare(expr, (left, right), (test, Test::Other), true, context, facts);
            }
            Expr::InSubquery { expr: tested, subquery, negated } => {
                self.in_subquery(tested, subquery, *negated, context, facts);
            }
            Expr::Exists { subquery, negated } => {
                self.query(subquery, Some(scope), Role { is_joined: !negated, ..Role::EXISTS });
            }
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                let is_distinct = matches!(expr, Expr::IsDistinctFrom(..));
                let test = match (super::is_null(right), is_distinct) {
                    (true, true) => Test::IsNotNull,
                    (true, false) => Test::IsNull,
                    (false, true) => Test::NotEqual,
                    (false, false) => Test::Other,
                };
                self.compare(expr, (left, right), (test, test), false, context, facts);
            }
            Expr::Like { .. } | Expr::ILike { .. } | Expr::SimilarTo { .. } | Expr::Function(_) => {
                self.pattern(expr, context, facts);
            }
            Expr::Between { expr: tested, negated: true, low, high } => {
                self.one_sided(expr, tested, &[low, high], Test::Other, true, context, facts);
            }
            Expr::Case { .. } | Expr::Value(_) => {
                self.read(expr, scope);
            }
            _ => {
                let (tested, test, is_strict) = unary(expr);
                self.one_sided(expr, tested, &[], test, is_strict, context, facts);
            }
        }
    }

    /// Tests of texts with a pattern, and functions of that kind.
    fn pattern(&mut self, expr: &Expr, context: Context, facts: &mut Facts) {
        match expr {
            Expr::Like { negated, any, expr: tested, pattern, .. } => {
                let test = match (negated, any) {
                    (true, _) => Test::Other,
                    (false, true) => Test::Infix,
                    (false, false) => pattern::like(pattern),
                };
                self.one_sided(expr, tested, &[pattern], test, true, context, facts);
            }
            Expr::ILike { negated, expr: tested, pattern, .. } => {
                let test = if *negated { Test::Other } else { Test::Infix };
                self.one_sided(expr, tested, &[pattern], test, true, context, facts);
            }
            Expr::SimilarTo { negated, expr: tested, pattern, .. } => {
                let test = if *negated { Test::Other } else { pattern::similar(pattern) };
                self.one_sided(expr, tested, &[pattern], test, true, context, facts);
            }
            Expr::Function(function) if volatility::name(function) == "starts_with" => {
                match volatility::arguments(function).as_deref() {
                    Some([tested, prefix]) => {
                        self.one_sided(expr, tested, &[prefix], Test::Prefix, true, context, facts);
                    }
                    _ => {
                        self.read(expr, context.scope);
                    }
                }
            }
            _ => self.one_sided(expr, expr, &[], Test::Equal, true, context, facts),
        }
    }

    fn read_all(&mut self, values: &[&Expr], scope: &Scope) -> Reads {
        let mut all = Reads::default();
        for value in values {
            let reads = self.read(value, scope);
            all.uses.extend(reads.uses);
            all.reads_others |= reads.reads_others;
            all.is_volatile |= reads.is_volatile;
        }
        all
    }

    /// A test whose operand can only stand on one side.
    #[expect(clippy::too_many_arguments, reason = "a condition, its parts and its place")]
    fn one_sided(
        &mut self,
        whole: &Expr,
        operand: &Expr,
        values: &[&Expr],
        test: Test,
        is_strict: bool,
        context: Context,
        facts: &mut Facts,
    ) {
        self.read(operand, context.scope);
        let against = self.read_all(values, context.scope);
        self.parameters_in_condition(whole, context.scope);
        let value = None;
        self.tested(&Tested { operand, test, against: &against, value, whole, is_strict }, context, facts);
    }

    /// A test whose operand may stand on either side.
    fn compare(
        &mut self,
        whole: &Expr,
        (left, right): (&Expr, &Expr),
        (left_test, right_test): (Test, Test),
        is_strict: bool,
        context: Context,
        facts: &mut Facts,
    ) {
        let left_reads = self.read(left, context.scope);
        let right_reads = self.read(right, context.scope);
        self.parameters_in_condition(whole, context.scope);
        let sides = [(left, right, &right_reads, left_test), (right, left, &left_reads, right_test)];
        for (operand, value, against, test) in sides {
            let value = Some(value);
            self.tested(&Tested { operand, test, against, value, whole, is_strict }, context, facts);
        }
        if left_test == Test::Equal && !left_reads.is_volatile && !right_reads.is_volatile {
            let lefts = self.operands(left, context.scope);
            let rights = self.operands(right, context.scope);
            for (left, right) in lefts.iter().flat_map(|left| rights.iter().map(move |right| (left, right))) {
                equate(left, right, context, facts);
            }
        }
    }

    fn tested(&self, tested: &Tested, context: Context, facts: &mut Facts) {
        let Tested { operand, test, against, value, whole, is_strict } = *tested;
        if against.is_volatile {
            return;
        }
        for resolved in self.operands(operand, context.scope) {
            let Resolved { use_index, operand, expr, is_outer, reach } = resolved;
            if against.uses.contains(&use_index) {
                continue;
            }
            let is_join = test == Test::Equal && !against.is_fixed();
            if is_outer {
                if is_join && context.scope.is_joined {
                    facts.joins.push((use_index, operand));
                }
                continue;
            }
            if !against.is_fixed() && reach == Reach::Filter {
                continue;
            }
            let is_restricted = context.restricts.is_none_or(|restricts| restricts.contains(&use_index));
            let is_nullable = context.nullable.contains(&use_index);
            let is_strict = is_strict && is_strict_expression(&expr);
            if is_nullable && is_strict && is_restricted {
                facts.present.insert(use_index);
            }
            if is_join {
                // A merge join reads both sides in order, the preserved one too.
                facts.joins.push((use_index, operand));
                continue;
            }
            let is_served_by_joins = !matches!(test, Test::NotEqual | Test::Other);
            if !is_restricted || !against.is_fixed() && !is_served_by_joins {
                continue;
            }
            let fixed =
                if against.is_fixed() { self.fixed(whole, &operand, use_index, context.scope) } else { None };
            if test == Test::Equal
                && let Some(value) = value
            {
                facts.constants.push(Constant {
                    place: (use_index, operand.clone()),
                    value: fixed.as_ref().and_then(|_| canonical::index_expression(value)),
                    is_general: context.restricts.is_none(),
                    is_above: is_nullable,
                });
            }
            let condition = Condition { operand, test, fixed };
            facts.tests.push(Fact { use_index, condition, is_strict, is_nullable });
        }
    }

    /// Returns a whole condition as a predicate, when it compares this operand with constants alone.
    fn fixed(&self, whole: &Expr, operand: &Operand, use_index: usize, scope: &Scope) -> Option<String> {
        let resolved = self.operands(whole, scope).into_iter().find(|whole| whole.use_index == use_index)?;
        let is_alone = resolved.operand.columns().iter().all(|column| operand.columns().contains(column));
        let sql = match resolved.operand {
            Operand::Column(_) => resolved.operand.sql(),
            Operand::Expression { sql, .. } => sql,
        };
        is_alone.then_some(sql)
    }

    /// `(a, b) > (1, 2)`: a range of the first item, or of as many as an index has in this order.
    pub(super) fn row(&mut self, lefts: &[Expr], rights: &[Expr], context: Context, facts: &mut Facts) {
        for (tested, values) in [(lefts, rights), (rights, lefts)] {
            let items: Vec<&Expr> = tested.iter().collect();
            let reads = self.read_all(&values.iter().collect::<Vec<_>>(), context.scope);
            let of: Vec<Vec<Resolved>> =
                items.iter().map(|item| self.operands(item, context.scope)).collect();
            for first in of.first().into_iter().flatten().filter(|first| !first.is_outer) {
                let is_restricted =
                    context.restricts.is_none_or(|restricts| restricts.contains(&first.use_index));
                let reaches = first.reach == Reach::Full || reads.is_fixed();
                if reads.is_volatile || reads.uses.contains(&first.use_index) || !is_restricted || !reaches {
                    continue;
                }
                let row: Option<Vec<Operand>> = of
                    .iter()
                    .map(|item| {
                        let same = item.iter().find(|other| other.use_index == first.use_index);
                        same.map(|other| other.operand.clone())
                    })
                    .collect();
                facts.tests.push(Fact {
                    use_index: first.use_index,
                    condition: Condition { operand: first.operand.clone(), test: Test::Range, fixed: None },
                    is_strict: is_strict_expression(&first.expr),
                    is_nullable: context.nullable.contains(&first.use_index),
                });
                facts.rows.extend(row.filter(|row| row.len() > 1).map(|row| (first.use_index, row)));
            }
        }
    }

    /// `x IN (SELECT …)`: a join, unless it is negated.
    fn in_subquery(
        &mut self,
        tested: &Expr,
        query: &Query,
        negated: bool,
        context: Context,
        facts: &mut Facts,
    ) {
        let items = match tested {
            Expr::Tuple(items) => items.iter().collect(),
            other => vec![other],
        };
        let reads = self.read_all(&items, context.scope);
        let around = std::mem::take(&mut self.outer_uses);
        let role = Role { is_joined: !negated, ..Role::IN };
        let relation = self.query(query, Some(context.scope), role);
        self.outer_uses.extend(around);
        let Relation::Query(outputs) = relation else { return };
        if negated || reads.is_volatile {
            return;
        }
        for (item, output) in items.into_iter().zip(&outputs) {
            let outers = self.operands(item, context.scope);
            let inners: Vec<Resolved> = match output {
                Output::Column { sources, .. } => sources
                    .iter()
                    .filter(|source| source.reach == Reach::Full)
                    .filter_map(|source| {
                        let (use_index, operand) = super::operand::of_source(source)?;
                        let (expr, reach) = (source.expr.clone(), source.reach);
                        Some(Resolved { use_index, operand, expr, is_outer: false, reach })
                    })
                    .collect(),
                Output::All(_) => Vec::new(),
            };
            let joined = outers.iter().filter(|outer| !outer.is_outer && outer.reach == Reach::Full);
            let places = joined.chain(&inners).map(|side| (side.use_index, side.operand.clone()));
            facts.joins.extend(places);
            for (outer, inner) in
                outers.iter().flat_map(|outer| inners.iter().map(move |inner| (outer, inner)))
            {
                equate(outer, inner, context, facts);
            }
        }
    }
}

/// Notes `left = right` of two uses.
fn equate(left: &Resolved, right: &Resolved, context: Context, facts: &mut Facts) {
    let reaches = left.reach == Reach::Full && right.reach == Reach::Full;
    if left.use_index == right.use_index || left.is_outer || right.is_outer || !reaches {
        return;
    }
    let kind = match context.restricts {
        None => EqualityKind::Always,
        Some(restricts) => {
            match (restricts.contains(&left.use_index), restricts.contains(&right.use_index)) {
                // Both on the side that may be null, or neither.
                (true, true) => EqualityKind::Always,
                (false, false) => return,
                (false, true) => EqualityKind::ToTheRight,
                (true, false) => EqualityKind::ToTheLeft,
            }
        }
    };
    let place = |side: &Resolved| (side.use_index, side.operand.clone());
    push_new(&mut facts.equalities, Equality { left: place(left), right: place(right), kind });
}
