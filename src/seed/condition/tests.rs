//! Cases of whole conditions, against an evaluator of their formulas.

use proptest::prelude::*;

use super::*;
use crate::query::check::{self, Function, Limit, Literal, Pattern, PatternKind, Term, Test};

const INT: Class = Class::Number(Unit::Int { bytes: 4 });
/// 2026-01-01.
const NOW: i64 = 820_540_800_000_000;

fn column(name: &str, class: Class) -> Column {
    Column { name: name.into(), not_null: false, class, checks: Vec::new() }
}

/// `a`, `b`: integers, `n`: one that is not NULL; `p`: numeric(6,2); `t`: varchar(9); `c`: char(3); `f`, `g`: booleans;
/// `d`, `e`: dates; `m`: an enum; `j`: jsonb; `l`: an array.
fn columns() -> Vec<Column> {
    let mut columns = vec![
        column("a", INT),
        column("b", INT),
        column("n", INT),
        column("p", Class::Number(Unit::Decimal { precision: 6, scale: 2 })),
        column("t", Class::Text { max_chars: Some(9), is_padded: false }),
        column("c", Class::Text { max_chars: Some(3), is_padded: true }),
        column("f", Class::Bool),
        column("g", Class::Bool),
        column("d", Class::Number(Unit::Date)),
        column("e", Class::Number(Unit::Date)),
        column("m", Class::Enum(["sad", "ok", "happy"].map(str::to_owned).to_vec())),
        column("j", Class::Json),
        column("l", Class::Sized),
    ];
    columns[2].not_null = true;
    columns
}

fn solve(definitions: &[&str]) -> Result<Vec<Component>, Unsatisfiable> {
    let checks: Vec<Check> =
        definitions.iter().map(|text| check::check(text, &format!("CHECK ({text})"), &[])).collect();
    components(&columns(), &checks, NOW)
}

fn show_domain(domain: &Domain) -> String {
    let text = |literal: &Literal| literal.text().unwrap_or_default();
    match domain {
        Domain::Numbers(numbers) => {
            let (min, max) = numbers.unit.limits();
            let end = |step: i128| {
                if step == min || step == max { String::new() } else { text(&numbers.unit.literal(step)) }
            };
            let ranges = numbers.ranges.iter().map(|&(low, high)| {
                if low == high { end(low) } else { format!("{}..{}", end(low), end(high)) }
            });
            ranges.collect::<Vec<_>>().join(",")
        }
        Domain::Values(values) => values.iter().map(text).collect::<Vec<_>>().join("|"),
        Domain::Text(texts) => {
            let patterns = texts
                .patterns
                .iter()
                .map(|(pattern, negated)| format!(" {}/{}/", if *negated { "!" } else { "" }, pattern.text));
            format!("{}-{}{}", texts.min_chars, texts.max_chars, patterns.collect::<String>())
        }
        other => format!("{other:?}").to_lowercase(),
    }
}

/// One line for each case: `a:1..?` is a from 1 on or NULL.
fn show(components: &[Component]) -> String {
    let names: Vec<String> = columns().into_iter().map(|column| column.name).collect();
    let cases = components.iter().flat_map(|component| {
        component.cases.iter().map(|case| {
            let name = |place: usize| &*names[component.columns[place]];
            let allowed = case.allowed.iter().enumerate().map(|(place, allowed)| {
                let null = if allowed.null { "?" } else { "" };
                format!("{}:{}{null}", name(place), show_domain(&allowed.domain))
            });
            let relations = case.relations.iter().map(|relation| {
                let Relation { left, comparison, right, shift } = relation;
                format!("{} {comparison:?} {}+{shift}", name(*left), name(*right))
            });
            let opaque = case.opaque.iter().map(|opaque| format!("?[{}]", opaque.sql));
            allowed.chain(relations).chain(opaque).collect::<Vec<_>>().join(" ")
        })
    });
    cases.collect::<Vec<_>>().join("\n")
}

fn check_cases(definitions: &[&str], expected: &[&str]) {
    let found = solve(definitions).map_or_else(|error| error.to_string(), |components| show(&components));
    assert_eq!(found, expected.join("\n"), "{definitions:?}");
}

#[test]
fn one_column() {
    for (definition, expected) in [
        ("a > 0", "a:1..?"),
        ("n > 0", "n:1.."),
        ("a <> 5 AND a >= 0", "a:0..4,6..?"),
        ("a IN (1, 2, 7) OR a IS NULL", "a:1..2,7?"),
        ("a = 1 OR a > 5", "a:1,6..?"),
        ("a IS NOT NULL", "a:any"),
        ("a IS NULL", "a:never?"),
        ("p >= 0.005 AND p < 1", "p:0.01..0.99?"),
        ("p <> 'NaN'::numeric", "p:any?"),
        ("t <> ''", "t:1-9?"),
        ("length(t) = 3", "t:3-3?"),
        ("t ~ '^[A-Z]{3}$'", "t:0-9 /^[A-Z]{3}$/?"),
        ("t LIKE 'a%' AND t IN ('ab', 'b')", "t:ab?"),
        ("t = upper(t) AND t IN ('ab', 'B')", "t:B?"),
        ("upper(t) = ANY (ARRAY['M'::text, 'f'::text])", "t:M?"),
        ("c ~ '^[A-Z]{3}$'", "c:3-3 !/ $/ /^[A-Z]{3}$/?"),
        ("c ~ '^[A-Z]{2}$'", "c:any? ?[c ~ '^[A-Z]{2}$']"),
        ("f", "f:true?"),
        ("f IS FALSE", "f:false"),
        ("f IS NOT TRUE", "f:false?"),
        ("m <> 'sad'::mood", "m:ok|happy?"),
        ("m >= 'ok'::mood", "m:ok|happy?"),
        ("d <= now()", "d:..2025-12-31?"),
        ("n >= 1900 AND (n)::numeric <= EXTRACT(year FROM now())", "n:1900..2026"),
        ("n < ((EXTRACT(year FROM CURRENT_DATE))::integer + 1)", "n:..2026"),
        ("(n)::numeric > EXTRACT(year FROM now())", "n:2028.."),
        ("d > '2020-01-01'::date AND d < '2020-01-04'::date", "d:2020-01-02..2020-01-03?"),
        ("jsonb_typeof(j) = 'object'::text", "j:jsontypes([\"object\"])?"),
        ("array_length(l, 1) <= 3", "l:sizes { low: 0, high: 3 }?"),
        ("t > 'm'", "t:any? ?[t > 'm']"),
    ] {
        check_cases(&[definition], &[expected]);
    }
}

#[test]
fn several_columns() {
    check_cases(&["a > 0", "b > 0"], &["a:1..?", "b:1..?"]);
    check_cases(&["num_nonnulls(a, b) = 1"], &["a:never? b:any", "a:any b:never?"]);
    check_cases(&["(a IS NULL) = (b IS NULL)"], &["a:any b:any", "a:never? b:never?"]);
    check_cases(&["n <> 1 OR (a = 3 AND b IS NULL)"], &["a:any? b:any? n:..0,2..", "a:3? b:never? n:any"]);
    check_cases(&["a < b OR a IS NULL"], &["a:any? b:any? a Less b+0"]);
    check_cases(&["e >= d + 7"], &["d:any? e:any? d LessOrEqual e+-7"]);
    check_cases(&["e > d + '1 mon'::interval"], &["d:any? e:any? d Less e+-31"]);
    check_cases(&["a < b", "a >= 5", "b <= 7"], &["a:5..6? b:6..7? a Less b+0"]);
    check_cases(&["t = c"], &["t:any? c:any? t Equal c+0"]);
    check_cases(&["f OR fine(a)"], &["a:any? f:true?", "a:any? f:any? ?[fine(a)]"]);
}

#[test]
fn contradictions() {
    check_cases(&["n > 1", "n < 1"], &["no row can satisfy n > 1, n < 1"]);
    check_cases(&["false"], &["no row can satisfy false"]);
    check_cases(&["n > 5 AND n < b", "b < 7"], &["b:never? n:6.."]);
    check_cases(&["a > b AND b > a"], &["a:never? b:any?", "a:any? b:never?"]);
    check_cases(&["n IS NULL"], &["no row can satisfy n IS NULL"]);
}

#[test]
fn predicates_hold() {
    let holds = |text: &str| {
        let check = check::check(text, text, &[]);
        cases(&columns(), &check, Truth::Holds, NOW).map(|component| show(&[component])).unwrap()
    };
    assert_eq!(holds("a > 0"), "a:1..");
    assert_eq!(holds("f"), "f:true");
    assert_eq!(holds("a < b"), "a:any b:any a Less b+0");
    assert_eq!(holds("NOT f AND fine(a)"), "a:any? f:false ?[(fine(a)) IS TRUE]");
}

/// Evaluates a formula in three-valued logic; `None` is NULL.
fn evaluate(formula: &Formula, row: &[(&str, Literal)]) -> Option<bool> {
    match formula {
        Formula::All(parts) | Formula::Any(parts) => {
            // What decides alone: FALSE for AND, TRUE for OR.
            let decisive = matches!(formula, Formula::Any(_));
            let truths: Vec<_> = parts.iter().map(|part| evaluate(part, row)).collect();
            if truths.contains(&Some(decisive)) {
                return Some(decisive);
            }
            (!truths.contains(&None)).then_some(!decisive)
        }
        Formula::Test { test, .. } => evaluate_test(test, row),
        Formula::Opaque(_) => panic!("none is made"),
    }
}

fn value<'a>(name: &str, row: &'a [(&str, Literal)]) -> &'a Literal {
    &row.iter().find(|(column, _)| *column == name).unwrap().1
}

fn compare(comparison: Comparison, ordering: std::cmp::Ordering) -> bool {
    match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }
}

fn evaluate_test(test: &Test, row: &[(&str, Literal)]) -> Option<bool> {
    let of = |term: &Term| match term {
        Term::Column(name) => match value(name, row) {
            Literal::Null => None,
            other => Some(other.clone()),
        },
        Term::Call { function: Function::Length, column } => match value(column, row) {
            Literal::Text(text) => Some(Literal::Int(i128::try_from(text.chars().count()).unwrap())),
            _ => None,
        },
        other => panic!("{other:?} is not made"),
    };
    let int = |literal: &Literal| match literal {
        Literal::Int(value) => *value,
        other => panic!("{other:?} is no integer"),
    };
    match test {
        Test::Null { column, negated } => Some((*value(column, row) == Literal::Null) != *negated),
        Test::Nulls { columns, comparison, n } => {
            let n_null = columns.iter().filter(|column| *value(column, row) == Literal::Null).count();
            Some(compare(*comparison, i64::try_from(n_null).unwrap().cmp(n)))
        }
        Test::In { of: term, values, negated } => Some(values.contains(&of(term)?) != *negated),
        Test::Bound { of: term, low, high } => {
            let value = int(&of(term)?);
            let above = |low: &Limit| value > int(&low.value) || low.is_inclusive && value == int(&low.value);
            let below =
                |high: &Limit| value < int(&high.value) || high.is_inclusive && value == int(&high.value);
            Some(low.as_ref().is_none_or(above) && high.as_ref().is_none_or(below))
        }
        Test::Order { left, comparison, right, shift } => {
            let shift = shift.as_ref().map_or(0, int);
            Some(compare(*comparison, int(&of(left)?).cmp(&(int(&of(right)?) + shift))))
        }
        Test::Matches { of: term, pattern, negated } => {
            let Literal::Text(text) = of(term)? else { panic!("no text") };
            // The only patterns that are made.
            let matches = match &*pattern.text {
                "^a" => text.starts_with('a'),
                "b$" => text.ends_with('b'),
                other => panic!("{other}"),
            };
            Some(matches != *negated)
        }
    }
}

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

fn any_test() -> impl Strategy<Value = Test> {
    let name = || prop::sample::select(vec!["a", "b", "n"]).prop_map(str::to_owned);
    let any_name = prop::sample::select(vec!["a", "b", "n", "t", "f"]).prop_map(str::to_owned);
    let comparison = || prop::sample::select(COMPARISONS.to_vec());
    let int = || (0_i128..4).prop_map(Literal::Int);
    let limit = || (int(), any::<bool>()).prop_map(|(value, is_inclusive)| Limit { value, is_inclusive });
    prop_oneof![
        (any_name, any::<bool>()).prop_map(|(column, negated)| Test::Null { column, negated }),
        (comparison(), 0_i64..4).prop_map(|(comparison, n)| Test::Nulls {
            columns: ["a", "b", "t"].map(str::to_owned).to_vec(),
            comparison,
            n
        }),
        (name(), prop::collection::vec(int(), 0..3), any::<bool>())
            .prop_map(|(of, values, negated)| Test::In { of: Term::Column(of), values, negated }),
        (name(), prop::option::of(limit()), prop::option::of(limit()))
            .prop_map(|(of, low, high)| Test::Bound { of: Term::Column(of), low, high }),
        (name(), comparison(), name(), prop::option::of(int())).prop_map(
            |(left, comparison, right, shift)| {
                Test::Order { left: Term::Column(left), comparison, right: Term::Column(right), shift }
            }
        ),
        any::<bool>().prop_map(|negated| Test::In {
            of: Term::Column("f".into()),
            values: vec![Literal::Bool(true)],
            negated
        }),
        (prop::sample::subsequence(vec!["", "a", "ab"], 0..3), any::<bool>()).prop_map(|(texts, negated)| {
            let values = texts.into_iter().map(|text| Literal::Text(text.into())).collect();
            Test::In { of: Term::Column("t".into()), values, negated }
        }),
        (prop::option::of(limit()), prop::option::of(limit())).prop_map(|(low, high)| Test::Bound {
            of: Term::Call { function: Function::Length, column: "t".into() },
            low,
            high
        }),
        (any::<bool>(), any::<bool>()).prop_map(|(is_start, negated)| {
            let text = if is_start { "^a" } else { "b$" }.to_owned();
            let pattern = Pattern { text, kind: PatternKind::Regex };
            Test::Matches { of: Term::Column("t".into()), pattern, negated }
        }),
    ]
}

fn any_formula() -> impl Strategy<Value = Formula> {
    let test = any_test().prop_map(|test| Formula::Test { test, sql: "none".into() });
    test.prop_recursive(3, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Formula::all),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Formula::any),
            inner.prop_map(|formula| formula.negated()),
        ]
    })
}

/// All rows over a few values of `a`, `b`, `n`, `t` and `f`.
fn rows() -> Vec<Vec<(&'static str, Literal)>> {
    let ints = |from: i128| (from..4).map(Literal::Int);
    let mut rows = vec![Vec::new()];
    let null = || std::iter::once(Literal::Null);
    let texts = ["", "a", "b", "ab", "ba"].map(|text| Literal::Text(text.into()));
    for (name, values) in [
        ("a", null().chain(ints(-1)).collect::<Vec<_>>()),
        ("b", null().chain(ints(-1)).collect()),
        ("n", ints(0).collect()),
        ("t", null().chain(texts).collect()),
        ("f", null().chain([Literal::Bool(false), Literal::Bool(true)]).collect()),
    ] {
        rows = rows
            .into_iter()
            .flat_map(|row: Vec<_>| {
                values.iter().map(move |value| [&row[..], &[(name, value.clone())]].concat())
            })
            .collect();
    }
    rows
}

/// Whether a row is one of a case.
fn is_in(case: &Case, component: &Component, columns: &[Column], row: &[(&str, Literal)]) -> bool {
    let at = |place: usize| value(&columns[component.columns[place]].name, row);
    let is_allowed = |(place, allowed): (usize, &Allowed)| match at(place) {
        Literal::Null => allowed.null,
        value => allowed.domain.accepts(value),
    };
    case.allowed.iter().enumerate().all(is_allowed)
        && case.relations.iter().all(|relation| match (at(relation.left), at(relation.right)) {
            (Literal::Int(left), Literal::Int(right)) => {
                compare(relation.comparison, left.cmp(&(right + relation.shift)))
            }
            _ => true,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rows_of_cases_are_the_rows_that_pass(formulas in prop::collection::vec(any_formula(), 1..4), holds in any::<bool>()) {
        let columns = columns();
        let checks: Vec<Check> = formulas
            .into_iter()
            .map(|formula| Check { name: "c".into(), sql: String::new(), columns: formula.columns(), formula })
            .collect();
        let whole = Formula::all(checks.iter().map(|check| check.formula.clone()).collect());
        let found = if holds {
            let check = Check { formula: whole.clone(), ..checks[0].clone() };
            cases(&columns, &check, Truth::Holds, NOW).map(|component| vec![component])
        } else {
            components(&columns, &checks, NOW)
        };
        // A formula of more cases is cut.
        prop_assume!(found.as_ref().map_or(true, |found| found.iter().all(|found| found.cases.len() < MAX_CASES)));
        for row in rows() {
            let truth = evaluate(&whole, &row);
            let expected = if holds { truth == Some(true) } else { truth != Some(false) };
            let is_found = found.as_ref().is_ok_and(|found| found.iter().all(|component| {
                component.cases.iter().any(|case| is_in(case, component, &columns, &row))
            }));
// Relations narrow the domains of both columns, although one of them being NULL would be enough.
            let is_narrowed = ["a", "b"].iter().any(|name| *value(name, &row) == Literal::Null);
            let is_right = if is_narrowed { !is_found || expected } else { is_found == expected };
            prop_assert!(is_right, "{:?} {:?} {:?}", row, whole, found);
            prop_assert!(!expected || found.is_ok(), "{:?} {:?}", row, whole);
        }
    }
}
