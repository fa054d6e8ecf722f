//! A formula as cases, of which any one satisfies it: the disjunctive normal form over domains of columns.
//!
//! A test of one column is a set of values with or without NULL, so "TRUE or NULL" needs no cases of its own.

use chrono::{DateTime, Datelike as _};

use super::domain::{Class, Domain, Numbers, TextDomain, Unit};
use super::{Allowed, Case, Column, MAX_CASES, Relation, Truth, pattern, relation};
use crate::query::check::{
    Comparison, Formula, Function, Limit, Literal, Opaque, Pattern, PatternKind, Term, Test,
};
use crate::seed::time::POSTGRES_EPOCH_US;

/// A moment that must not be past is put so far behind the time of the run: rows may be loaded long after they were
/// planned.
const AHEAD_US: i128 = 366 * 86_400_000_000;
/// Ranges of one length test that become cases; more are left to the server.
const MAX_LENGTHS: usize = 4;
/// `num_nulls` of more columns is left to the server.
const MAX_COUNTED: usize = 8;
/// The words of `jsonb_typeof`.
const JSON_TYPES: [&str; 6] = ["object", "array", "string", "number", "boolean", "null"];

/// The columns of a component, and the time of the run.
pub(super) struct Scope<'a> {
    pub(super) columns: Vec<&'a Column>,
    pub(super) as_of_us: i64,
}

/// Cases, and whether there would be more.
pub(super) struct Cases {
    pub(super) cases: Vec<Case>,
    pub(super) is_cut: bool,
}

impl Scope<'_> {
    /// Returns the cases of a formula, fitted to its relations, without those that others cover.
    pub(super) fn cases(&self, formula: &Formula, truth: Truth) -> Cases {
        let Cases { cases, is_cut } = self.normal(formula, truth);
        let settled = cases.into_iter().flat_map(|case| relation::settled(case, &self.columns)).collect();
        let Cases { cases, is_cut: cut_again } = kept(settled);
        Cases { cases, is_cut: is_cut || cut_again }
    }

    /// The case that asks nothing but what NOT NULL asks.
    pub(super) fn any(&self) -> Case {
        let allowed = |column: &&Column| Allowed { domain: Domain::Any, null: !column.not_null };
        Case {
            allowed: self.columns.iter().map(allowed).collect(),
            relations: Vec::new(),
            opaque: Vec::new(),
        }
    }

    fn normal(&self, formula: &Formula, truth: Truth) -> Cases {
        match formula {
            Formula::All(parts) => {
                let mut parts: Vec<Cases> = parts.iter().map(|part| self.normal(part, truth)).collect();
                // What has few cases comes first, so that contradictions are found early.
                parts.sort_by_key(|part| part.cases.len());
                let start = Cases { cases: vec![self.any()], is_cut: false };
                parts.into_iter().fold(start, |done, part| {
                    let pairs =
                        done.cases.iter().flat_map(|case| part.cases.iter().map(|other| case.meet(other)));
                    let Cases { cases, is_cut } = kept(pairs.flatten().collect());
                    Cases { cases, is_cut: is_cut || done.is_cut || part.is_cut }
                })
            }
            Formula::Any(parts) => {
                let parts: Vec<Cases> = parts.iter().map(|part| self.normal(part, truth)).collect();
                let was_cut = parts.iter().any(|part| part.is_cut);
                let Cases { cases, is_cut } = kept(parts.into_iter().flat_map(|part| part.cases).collect());
                Cases { cases, is_cut: is_cut || was_cut }
            }
            Formula::Test { test, sql } => {
                let cases = self.test(test, truth).unwrap_or_else(|| {
                    let columns = test.columns().into_iter().map(str::to_owned).collect();
                    vec![self.opaque(&Opaque { sql: sql.clone(), columns }, truth)]
                });
                Cases { cases: cases.into_iter().filter(Case::is_possible).collect(), is_cut: false }
            }
            Formula::Opaque(opaque) => Cases { cases: vec![self.opaque(opaque, truth)], is_cut: false },
        }
    }

    pub(super) fn opaque(&self, opaque: &Opaque, truth: Truth) -> Case {
        let sql = match truth {
            Truth::Passes => opaque.sql.clone(),
            Truth::Holds => format!("({}) IS TRUE", opaque.sql),
        };
        Case { opaque: vec![Opaque { sql, columns: opaque.columns.clone() }], ..self.any() }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Returns the case in which a column is one of a domain, or NULL where that is enough.
    fn within(&self, place: usize, domain: Domain, truth: Truth) -> Case {
        let domain = match (&self.columns[place].class, domain) {
            (_, Domain::Any) => Domain::Any,
            (Class::Text { max_chars, is_padded }, domain) => {
                let limit = TextDomain::any(*max_chars);
                let domain = domain.meet(&Domain::Text(limit));
                // `' '` is equal to `''` there.
                if *is_padded { domain.meet(&Domain::Text(TextDomain::without(" $"))) } else { domain }
            }
            (_, domain) => domain,
        };
        self.allowed(place, domain, truth == Truth::Passes)
    }

    fn allowed(&self, place: usize, domain: Domain, null: bool) -> Case {
        let mut case = self.any();
        let allowed = &mut case.allowed[place];
        *allowed = Allowed { domain, null: null && allowed.null };
        case
    }

    /// Returns the cases of a test; `None` where only the server can tell.
    fn test(&self, test: &Test, truth: Truth) -> Option<Vec<Case>> {
        match test {
            Test::Null { column, negated: false } => {
                Some(vec![self.allowed(self.place(column)?, Domain::Never, true)])
            }
            Test::Null { column, negated: true } => {
                Some(vec![self.allowed(self.place(column)?, Domain::Any, false)])
            }
            Test::Nulls { columns, comparison, n } => self.nulls(columns, *comparison, *n),
            Test::Order { left, comparison, right, shift } => {
                self.order(left, *comparison, right, shift.as_ref(), truth)
            }
            Test::In { of, .. } | Test::Bound { of, .. } | Test::Matches { of, .. } => {
                let place = self.place(of.column()?)?;
                let function = match of {
                    Term::Call { function, .. } => Some(*function),
                    _ => None,
                };
                let domains = domains(test, function, &self.columns[place].class, truth)?;
                let mut cases: Vec<_> =
                    domains.into_iter().map(|domain| self.within(place, domain, truth)).collect();
                if cases.is_empty() && truth == Truth::Passes {
                    cases.push(self.allowed(place, Domain::Never, true));
                }
                Some(cases)
            }
        }
    }

    fn nulls(&self, columns: &[String], comparison: Comparison, n: i64) -> Option<Vec<Case>> {
        let places = columns.iter().map(|column| self.place(column)).collect::<Option<Vec<_>>>()?;
        if places.len() > MAX_COUNTED {
            return None;
        }
        let chosen = (0_u32..1 << places.len()).filter(|chosen| {
            let n_null = i64::from(chosen.count_ones());
            match comparison {
                Comparison::Equal => n_null == n,
                Comparison::NotEqual => n_null != n,
                Comparison::Less => n_null < n,
                Comparison::LessOrEqual => n_null <= n,
                Comparison::Greater => n_null > n,
                Comparison::GreaterOrEqual => n_null >= n,
            }
        });
        let cases = chosen.map(|chosen| {
            let mut case = self.any();
            for (bit, &place) in places.iter().enumerate() {
                let allowed = &mut case.allowed[place];
                let is_null = chosen & (1 << bit) != 0;
                let domain = if is_null { Domain::Never } else { Domain::Any };
                *allowed = Allowed { domain, null: is_null && allowed.null };
            }
            case
        });
        Some(cases.collect())
    }

    fn order(
        &self,
        left: &Term,
        comparison: Comparison,
        right: &Term,
        shift: Option<&Literal>,
        truth: Truth,
    ) -> Option<Vec<Case>> {
        match (left, right) {
            (Term::Column(column), Term::Now) => {
                let place = self.place(column)?;
                let domain = self.against_now(&self.columns[place].class, comparison, shift)?;
                Some(vec![self.within(place, domain, truth)])
            }
            (Term::Column(column), Term::ThisYear) => {
                let place = self.place(column)?;
                let domain = self.against_year(&self.columns[place].class, comparison, shift)?;
                Some(vec![self.within(place, domain, truth)])
            }
            (Term::Column(column), Term::Call { function, column: same })
            | (Term::Call { function, column: same }, Term::Column(column))
                if column == same && comparison == Comparison::Equal && shift.is_none() =>
            {
                let place = self.place(column)?;
                let is_text = matches!(self.columns[place].class, Class::Text { .. });
                let domain = Domain::Text(fixpoints(*function).filter(|_| is_text)?);
                Some(vec![self.within(place, domain, truth)])
            }
            (Term::Column(left), Term::Column(right)) => {
                let (left, right) = (self.place(left)?, self.place(right)?);
                let relation = match (&self.columns[left].class, &self.columns[right].class) {
                    (Class::Number(unit), Class::Number(other)) => {
                        let (low, high) = shift.map_or(Some((0, 0)), |shift| unit.shift(shift))?;
                        let is_whole = |unit: &Unit| matches!(unit, Unit::Int { .. });
                        // Between `date` and `timestamptz` only the server can compare.
                        let is_comparable = unit == other || is_whole(unit) && is_whole(other);
                        let shift = match comparison {
                            Comparison::Less | Comparison::LessOrEqual => low,
                            Comparison::Greater | Comparison::GreaterOrEqual => high,
                            _ => Some(low).filter(|_| low == high)?,
                        };
                        is_comparable.then(|| Relation::new(left, comparison, right, shift))?
                    }
                    (Class::Json | Class::Sized, _) => return None,
                    (one, other) => {
                        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                        let is_same_class = std::mem::discriminant(one) == std::mem::discriminant(other);
                        (is_equality && is_same_class && shift.is_none())
                            .then(|| Relation::new(left, comparison, right, 0))?
                    }
                };
                let mut case = self.any();
                case.relations.push(relation);
                if truth == Truth::Holds {
                    case.allowed[left].null = false;
                    case.allowed[right].null = false;
                }
                Some(vec![case])
            }
            _ => None,
        }
    }

    fn against_now(&self, class: &Class, comparison: Comparison, shift: Option<&Literal>) -> Option<Domain> {
        let Class::Number(unit @ (Unit::Timestamp | Unit::Date)) = class else { return None };
        let moment = Unit::Timestamp;
        let (low, high) = match shift {
            Some(Literal::Int(days)) => Unit::Timestamp.shift(&Literal::Interval {
                months: 0,
                days: i32::try_from(*days).ok()?,
                us: 0,
            })?,
            Some(shift) => moment.shift(shift)?,
            None => (0, 0),
        };
        let now = i128::from(self.as_of_us);
        let limit = |us: i128| {
            Some(Limit { value: Literal::Timestamp(i64::try_from(us).ok()?), is_inclusive: false })
        };
        let numbers = match comparison {
            Comparison::Less | Comparison::LessOrEqual => {
                Numbers::between(*unit, None, limit(now + low).as_ref())
            }
            Comparison::Greater | Comparison::GreaterOrEqual => {
                Numbers::between(*unit, limit(now + high + AHEAD_US).as_ref(), None)
            }
            _ => None,
        };
        numbers.map(Domain::from)
    }

    /// Years of whole numbers: of what must be later, as for moments, a year more.
    fn against_year(&self, class: &Class, comparison: Comparison, shift: Option<&Literal>) -> Option<Domain> {
        let Class::Number(unit @ Unit::Int { .. }) = class else { return None };
        let shift: i64 = match shift {
            Some(shift) => shift.text()?.parse().ok()?,
            None => 0,
        };
        let limit = |us: i64, is_inclusive| {
            let value = Literal::Int((year(us)?.checked_add(shift)?).into());
            Some(Limit { value, is_inclusive })
        };
        let is_inclusive = matches!(comparison, Comparison::LessOrEqual | Comparison::GreaterOrEqual);
        let numbers = match comparison {
            Comparison::Less | Comparison::LessOrEqual => {
                Numbers::between(*unit, None, Some(&limit(self.as_of_us, is_inclusive)?))
            }
            Comparison::Greater | Comparison::GreaterOrEqual => {
                let ahead = self.as_of_us.checked_add(i64::try_from(AHEAD_US).ok()?)?;
                Numbers::between(*unit, Some(&limit(ahead, is_inclusive)?), None)
            }
            _ => None,
        };
        numbers.map(Domain::from)
    }
}

/// The year of a moment, in microseconds since 2000.
fn year(us: i64) -> Option<i64> {
    let since_1970 = us.checked_add(POSTGRES_EPOCH_US)?;
    Some(DateTime::from_timestamp_micros(since_1970)?.year().into())
}

/// Returns the domains that a test of one column allows, of which each is enough.
fn domains(test: &Test, function: Option<Function>, class: &Class, truth: Truth) -> Option<Vec<Domain>> {
    match (class, function) {
        (Class::Number(unit), None) => numbers(test, *unit).map(|numbers| vec![numbers.into()]),
        (Class::Bool | Class::Enum(_) | Class::Other, None) => finite(test, class).map(|domain| vec![domain]),
        (Class::Text { max_chars: Some(n), is_padded: true }, None)
            if matches!(test, Test::Matches { .. }) =>
        {
            // Where nothing is filled up, it does not matter whether the column is cast to `text`.
            let full = TextDomain { min_chars: *n, ..TextDomain::without(" $") };
            let domain =
                texts(test)?.meet(&Domain::Text(full)).meet(&Domain::Text(TextDomain::any(Some(*n))));
            (domain != Domain::Never).then(|| vec![domain])
        }
        (Class::Text { .. }, None) => texts(test).map(|domain| vec![domain]),
        (Class::Text { .. }, Some(function @ (Function::Lower | Function::Upper | Function::Trim))) => {
            // Only texts that the function leaves alone: that is a part of what is allowed.
            Some(vec![texts(test)?.meet(&Domain::Text(fixpoints(function)?))])
        }
        (Class::Text { .. }, Some(Function::Length | Function::OctetLength | Function::TrimmedLength)) => {
            let more = fixpoints(function?).map_or(Domain::Any, Domain::Text);
            let sizes = sizes(test)?.into_iter().map(|(min_chars, max_chars)| {
                let length = TextDomain { min_chars, max_chars, patterns: Vec::new() };
                Domain::Text(length).meet(&more)
            });
            Some(sizes.filter(|domain| *domain != Domain::Never).collect())
        }
        (Class::Sized, Some(Function::Length | Function::OctetLength | Function::Cardinality)) => {
            Some(sizes(test)?.into_iter().map(|(low, high)| Domain::Sizes { low, high }).collect())
        }
        (Class::Sized, Some(Function::ArrayLength)) => {
            // Of an empty array it is NULL.
            let some = sizes(test)?.into_iter().map(|(low, high)| Domain::Sizes { low: low.max(1), high });
            let empty = (truth == Truth::Passes).then_some(Domain::Sizes { low: 0, high: 0 });
            Some(some.chain(empty).collect())
        }
        (Class::Sized, None) => match test {
            Test::In { values, negated, .. } => {
                let is_empty =
                    values.iter().all(|value| matches!(value.text().as_deref(), Some("{}" | "" | "\\x")));
                let domain = if *negated {
                    Domain::Sizes { low: 1, high: u32::MAX }
                } else {
                    Domain::Sizes { low: 0, high: 0 }
                };
                is_empty.then(|| vec![domain])
            }
            _ => None,
        },
        (Class::Json, Some(Function::JsonType)) => match test {
            Test::In { values, negated, .. } => {
                let is_named = |name: &str| values.iter().any(|value| value.text().as_deref() == Some(name));
                let types = JSON_TYPES.iter().filter(|name| is_named(name) != *negated);
                Some(vec![Domain::JsonTypes(types.map(|name| (*name).to_owned()).collect())])
            }
            _ => None,
        },
        _ => None,
    }
}

/// Returns the numbers that a test allows.
fn numbers(test: &Test, unit: Unit) -> Option<Numbers> {
    match test {
        Test::In { values, negated, .. } => {
            let mut steps = Vec::with_capacity(values.len());
            for value in values {
                match unit.place(value) {
                    Some((step, true)) => steps.push((step, step)),
                    // Between two steps, or no number: no value of the column is equal.
                    Some((_, false)) => {}
                    None if endless(value).is_some() => {}
                    None => return None,
                }
            }
            let (min, max) = unit.limits();
            let among = Numbers::new(unit, steps).meet(&Numbers { unit, ranges: vec![(min, max)] });
            Some(if *negated { among.complement() } else { among })
        }
        Test::Bound { low, high, .. } => {
            let all = |is_all: bool| is_all.then(|| Numbers::between(unit, None, None))?;
            match (
                low.as_ref().map(|low| endless(&low.value)),
                high.as_ref().map(|high| endless(&high.value)),
            ) {
                // Our numbers are all finite.
                (Some(Some(is_positive)), None) => all(!is_positive),
                (None, Some(Some(is_positive))) => all(is_positive),
                _ => Numbers::between(unit, low.as_ref(), high.as_ref()),
            }
        }
        _ => None,
    }
}

/// Whether a constant is above all finite ones (`infinity`, `NaN`) or below them; `None` for one that is neither.
fn endless(value: &Literal) -> Option<bool> {
    let Literal::Other { text, .. } = value else { return None };
    match &*text.to_lowercase() {
        "nan" | "infinity" | "inf" | "+infinity" => Some(true),
        "-infinity" | "-inf" => Some(false),
        _ => None,
    }
}

/// Returns the ranges of lengths that a test of a length allows.
fn sizes(test: &Test) -> Option<Vec<(u32, u32)>> {
    let all = Numbers::new(Unit::Int { bytes: 4 }, vec![(0, i128::from(i32::MAX))]);
    let ranges = numbers(test, all.unit)?.meet(&all).ranges;
    let size = |n: i128| u32::try_from(n).unwrap_or(u32::MAX);
    let end = |n: i128| if n == i128::from(i32::MAX) { u32::MAX } else { size(n) };
    (ranges.len() <= MAX_LENGTHS)
        .then(|| ranges.into_iter().map(|(low, high)| (size(low), end(high))).collect())
}

/// Returns the values of a class that has few, or no order.
fn finite(test: &Test, class: &Class) -> Option<Domain> {
    let all = match class {
        Class::Bool => vec![Literal::Bool(true), Literal::Bool(false)],
        Class::Enum(labels) => labels.iter().cloned().map(Literal::Text).collect(),
        _ => {
            let Test::In { values, negated, .. } = test else { return None };
            return Some(if *negated {
                Domain::Except(values.clone())
            } else {
                Domain::values(values.clone())
            });
        }
    };
    let place = |value: &Literal| all.iter().position(|other| other.text() == value.text());
    let kept: Vec<Literal> = match test {
        Test::In { values, negated, .. } => {
            let named: Vec<_> = values.iter().map(place).collect();
            (0..all.len())
                .filter(|at| named.contains(&Some(*at)) != *negated)
                .map(|at| all[at].clone())
                .collect()
        }
        Test::Bound { low, high, .. } => {
            let at = |limit: &Limit| Some((place(&limit.value)?, limit.is_inclusive));
            let low = low
                .as_ref()
                .map(at)
                .map_or(Some(0), |low| low.map(|(at, is_in)| at + usize::from(!is_in)))?;
            let end = high
                .as_ref()
                .map(at)
                .map_or(Some(all.len()), |high| high.map(|(at, is_in)| at + usize::from(is_in)))?;
            all.get(low..end).unwrap_or_default().to_vec()
        }
        _ => return None,
    };
    Some(if kept.len() == all.len() { Domain::Any } else { Domain::values(kept) })
}

/// Returns the texts that a test of a text allows.
fn texts(test: &Test) -> Option<Domain> {
    let some = TextDomain { min_chars: 1, ..TextDomain::any(None) };
    match test {
        Test::In { values, negated: false, .. } => {
            let texts = values.iter().filter_map(Literal::text);
            Some(Domain::values(texts.map(Literal::Text).collect()))
        }
        Test::In { values, negated: true, .. } => {
            let domains = values.iter().filter_map(Literal::text).map(|text| {
                let all_but =
                    if text.is_empty() { some.clone() } else { TextDomain::matching(exactly(&text), true) };
                Domain::Text(all_but)
            });
            Some(domains.fold(Domain::Any, |met, domain| met.meet(&domain)))
        }
        // Any other order of texts is the collation's.
        Test::Bound { low: Some(low), high: None, .. } if low.value.text().as_deref() == Some("") => {
            Some(if low.is_inclusive { Domain::Any } else { Domain::Text(some) })
        }
        Test::Matches { pattern, negated, .. } => pattern::is_understood(pattern)
            .then(|| Domain::Any.meet(&Domain::Text(TextDomain::matching(pattern.clone(), *negated)))),
        _ => None,
    }
}

/// Returns the pattern that matches one text alone.
fn exactly(text: &str) -> Pattern {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Pattern { text: escaped, kind: PatternKind::Like }
}

/// Returns the texts that a function returns as they are; of lengths, those that have it in another sense too.
fn fixpoints(function: Function) -> Option<TextDomain> {
    Some(TextDomain::without(match function {
        Function::Lower => "[[:upper:]]",
        Function::Upper => "[[:lower:]]",
        Function::Trim | Function::TrimmedLength => "^ | $",
        // A character is a byte.
        Function::OctetLength => "[^\\u0001-\\u007f]",
        _ => return None,
    }))
}

impl Case {
    /// Returns what satisfies both cases.
    fn meet(&self, other: &Self) -> Option<Self> {
        let mut met = self.clone();
        for (allowed, other) in met.allowed.iter_mut().zip(&other.allowed) {
            *allowed =
                Allowed { domain: allowed.domain.meet(&other.domain), null: allowed.null && other.null };
            if allowed.domain == Domain::Never && !allowed.null {
                return None;
            }
        }
        for relation in &other.relations {
            if !met.relations.contains(relation) {
                met.relations.push(relation.clone());
            }
        }
        for opaque in &other.opaque {
            if !met.opaque.contains(opaque) {
                met.opaque.push(opaque.clone());
            }
        }
        Some(met)
    }

    fn is_possible(&self) -> bool {
        self.allowed.iter().all(|allowed| allowed.domain != Domain::Never || allowed.null)
    }

    /// Whether every row of this case is one of another.
    fn is_within(&self, other: &Self) -> bool {
        self.allowed
            .iter()
            .zip(&other.allowed)
            .all(|(allowed, other)| (!allowed.null || other.null) && allowed.domain.is_within(&other.domain))
            && other.opaque.iter().all(|opaque| self.opaque.contains(opaque))
            && other.relations.iter().all(|relation| {
                let is_null = |place: usize| self.allowed[place].domain == Domain::Never;
                self.relations.contains(relation) || is_null(relation.left) || is_null(relation.right)
            })
    }

    /// Returns both cases as one, where they differ in one column.
    fn joined(&self, other: &Self) -> Option<Self> {
        if self.relations != other.relations || self.opaque != other.opaque {
            return None;
        }
        let mut differing =
            (0..self.allowed.len()).filter(|&place| self.allowed[place] != other.allowed[place]);
        let (Some(place), None) = (differing.next(), differing.next()) else { return None };
        let (one, two) = (&self.allowed[place], &other.allowed[place]);
        let mut joined = self.clone();
        joined.allowed[place] =
            Allowed { domain: one.domain.union(&two.domain)?, null: one.null || two.null };
        Some(joined)
    }

    /// How many columns are always NULL.
    pub(super) fn n_forced(&self) -> usize {
        self.allowed.iter().filter(|allowed| allowed.domain == Domain::Never).count()
    }
}

/// Joins cases, drops those that others cover, and keeps the best: few columns forced to be NULL, then nothing opaque.
fn kept(cases: Vec<Case>) -> Cases {
    /// More are not compared with each other.
    const MAX_COMPARED: usize = 1_024;
    let mut is_cut = cases.len() > MAX_COMPARED;
    let mut kept: Vec<Case> = Vec::new();
    for mut case in cases.into_iter().take(MAX_COMPARED) {
        if kept.iter().any(|other| case.is_within(other)) {
            continue;
        }
        kept.retain(|other| !other.is_within(&case));
        while let Some((at, joined)) =
            kept.iter().enumerate().find_map(|(at, other)| Some((at, other.joined(&case)?)))
        {
            kept.remove(at);
            case = joined;
        }
        kept.push(case);
    }
    kept.sort_by_key(|case| (case.n_forced(), case.opaque.len()));
    is_cut |= kept.len() > MAX_CASES;
    kept.truncate(MAX_CASES);
    Cases { cases: kept, is_cut }
}
