//! Texts as PostgreSQL prints them, and what is read.

use proptest::prelude::*;

use super::*;

fn show_literal(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => format!("'{text}'"),
        Literal::Other { text, type_name } => format!("'{text}'::{type_name}"),
        other => other.text().unwrap_or("NULL".into()),
    }
}

fn show_term(term: &Term) -> String {
    match term {
        Term::Column(column) => column.clone(),
        Term::Call { function, column } => format!("{function:?}({column})"),
        Term::Now => "now".into(),
        Term::ThisYear => "this year".into(),
    }
}

fn show_comparison(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn show(formula: &Formula) -> String {
    let join = |parts: &[Formula], word: &str| parts.iter().map(show).collect::<Vec<_>>().join(word);
    let not = |negated: bool| if negated { "not " } else { "" };
    match formula {
        Formula::All(parts) => format!("({})", join(parts, " & ")),
        Formula::Any(parts) => format!("({})", join(parts, " | ")),
        Formula::Opaque(opaque) => format!("?[{}]", opaque.sql),
        Formula::Test { test, .. } => match test {
            Test::Null { column, negated } => format!("{column} is {}null", not(*negated)),
            Test::Nulls { columns, comparison, n } => {
                format!("nulls({}) {} {n}", columns.join(","), show_comparison(*comparison))
            }
            Test::In { of, values, negated } => {
                let values: Vec<_> = values.iter().map(show_literal).collect();
                format!("{} {}in {}", show_term(of), not(*negated), values.join(","))
            }
            Test::Bound { of, low, high } => {
                let end = |limit: &Option<Limit>, signs: [&str; 2]| {
                    limit.as_ref().map_or(String::new(), |limit| {
                        format!(" {} {}", signs[usize::from(limit.is_inclusive)], show_literal(&limit.value))
                    })
                };
                format!("{}{}{}", show_term(of), end(low, [">", ">="]), end(high, ["<", "<="]))
            }
            Test::Order { left, comparison, right, shift } => {
                let shift =
                    shift.as_ref().map_or(String::new(), |shift| format!(" + {}", show_literal(shift)));
                format!("{} {} {}{shift}", show_term(left), show_comparison(*comparison), show_term(right))
            }
            Test::Matches { of, pattern, negated } => {
                format!("{} {}{:?} /{}/", show_term(of), not(*negated), pattern.kind, pattern.text)
            }
        },
    }
}

fn check_read(definition: &str, expected: &str) {
    assert_eq!(show(&check("c", definition, &[]).formula), expected, "{definition}");
}

#[test]
fn numbers_and_labels() {
    for (definition, expected) in [
        ("CHECK ((edits_pending >= 0))", "edits_pending >= 0"),
        ("CHECK ((\"position\" >= 0)) NO INHERIT", "position >= 0"),
        ("CHECK (((rating >= 0) AND (rating <= 100))) NOT VALID", "(rating >= 0 & rating <= 100)"),
        ("CHECK ((price > 0.00))", "price > 0.00"),
        ("CHECK ((0 < price))", "price > 0"),
        ("CHECK ((vote = ANY (ARRAY['-1'::integer, 0, 1])))", "vote in -1,0,1"),
        ("CHECK ((id = ANY ('{1,2}'::integer[])))", "id in 1,2"),
        ("CHECK ((type <> ALL (ARRAY[2, 5, 6])))", "type not in 2,5,6"),
        ("CHECK (((acl_type)::text = 'allow'::text))", "acl_type in 'allow'"),
        (
            "CHECK (((entity_type)::text = ANY ((ARRAY['artist'::character varying, 'it''s'::character varying])::text[])))",
            "entity_type in 'artist','it's'",
        ),
        ("CHECK ((category = ANY (ARRAY['A'::bpchar, 'L'::bpchar])))", "category in 'A','L'"),
        ("CHECK ((deleted = 'y'::boolenum))", "deleted in 'y'::boolenum"),
        ("CHECK ((amount <> 'NaN'::numeric))", "amount not in 'NaN'::numeric"),
        ("CHECK ((share < '1e-06'::double precision))", "share < 0.000001"),
        ("CHECK ((length(id) = (256 / 8)))", "Length(id) in 32"),
        ("CHECK ((vacationhours >= '-40'::integer))", "vacationhours >= -40"),
        ("CHECK ((x NOT BETWEEN 1 AND 3))", "(x < 1 | x > 3)"),
        (
            "CHECK ((id <> '00000000-0000-0000-0000-000000000000'::uuid))",
            "id not in '00000000-0000-0000-0000-000000000000'::uuid",
        ),
    ] {
        check_read(definition, expected);
    }
}

#[test]
fn truth_values_and_nulls() {
    for (definition, expected) in [
        ("CHECK (false)", "()"),
        ("CHECK (approved)", "approved in true"),
        (
            "CHECK (((invnumber IS NOT NULL) OR (NOT approved)))",
            "(invnumber is not null | approved not in true)",
        ),
        ("CHECK ((flag IS FALSE))", "(flag not in true & flag is not null)"),
        ("CHECK ((flag IS NOT TRUE))", "(flag not in true | flag is null)"),
        (
            "CHECK (((a IS NULL) = (b IS NULL)))",
            "((a is null & b is null) | (a is not null & b is not null))",
        ),
        ("CHECK ((num_nonnulls(a, b, c) = 1))", "nulls(a,b,c) = 2"),
        ("CHECK ((num_nulls(a, b) < 2))", "nulls(a,b) < 2"),
        ("CHECK ((num_nonnulls(a, b, c) >= 1))", "nulls(a,b,c) <= 2"),
        ("CHECK (((((a IS NOT NULL))::integer + ((b IS NOT NULL))::integer) = 1))", "nulls(a,b) = 1"),
        ("CHECK ((((a IS NULL)::int + (b IS NULL)::int + (c IS NULL)::int) < 2))", "nulls(a,b,c) < 2"),
        (
            "CHECK ((((CASE WHEN (a IS NULL) THEN 0 ELSE 1 END + CASE WHEN (b IS NULL) THEN 0 ELSE 1 END) + \
             CASE WHEN (c IS NOT NULL) THEN 1 ELSE 0 END) = 1))",
            "nulls(a,b,c) = 2",
        ),
        ("CHECK ((NOT ((a IS NOT NULL) AND (b > 3))))", "(a is null | b <= 3)"),
        ("CHECK ((a IS DISTINCT FROM 5))", "(a not in 5 | a is null)"),
        (
            "CHECK ((NOT (a IS DISTINCT FROM b)))",
            "((a = b & a is not null & b is not null) | (a is null & b is null))",
        ),
        ("CHECK ((COALESCE(flag, false) = false))", "(flag is null | flag not in true)"),
        ("CHECK ((COALESCE(a, 0) > 0))", "(a is not null & a > 0)"),
        ("CHECK ((COALESCE(a, b) IS NULL))", "(a is null & b is null)"),
        ("CHECK ((COALESCE(a, b, c) IS NOT NULL))", "(a is not null | b is not null | c is not null)"),
        ("CHECK ((ROW(a, b) IS NOT NULL))", "(a is not null & b is not null)"),
    ] {
        check_read(definition, expected);
    }
}

#[test]
fn texts_and_times() {
    for (definition, expected) in [
        ("CHECK (((name)::text <> ''::text))", "name not in ''"),
        ("CHECK ((upper((gender)::text) = ANY (ARRAY['M'::text, 'F'::text])))", "Upper(gender) in 'M','F'"),
        ("CHECK ((isni ~ '^\\d{15}[\\dX]$'::text))", "isni Regex /^\\d{15}[\\dX]$/"),
        ("CHECK ((hash ~~ '$2_$%'::text))", "hash Like /$2_$%/"),
        ("CHECK ((hash !~~* 'x%'::text))", "hash not LikeIgnoringCase /x%/"),
        ("CHECK ((a ~ similar_to_escape('(a|b)%'::text)))", "a Similar /(a|b)%/"),
        ("CHECK ((length(btrim(a)) > 0))", "TrimmedLength(a) > 0"),
        ("CHECK ((btrim(a) = a))", "Trim(a) = a"),
        ("CHECK ((jsonb_typeof(a) = 'object'::text))", "JsonType(a) in 'object'"),
        ("CHECK ((array_length(a, 1) <= 3))", "ArrayLength(a) <= 3"),
        ("CHECK ((enddate >= startdate))", "enddate >= startdate"),
        ("CHECK ((a > (b + '1 day'::interval)))", "a > b + 0 mons 1 days +0.000000 seconds"),
        ("CHECK (((a - b) > 5))", "a > b + 5"),
        ("CHECK (((a + 1) < b))", "b > a + 1"),
        (
            "CHECK ((birthdate <= (now() - '18 years'::interval)))",
            "birthdate <= now + -216 mons 0 days +0.000000 seconds",
        ),
        ("CHECK ((CURRENT_DATE <= due))", "due >= now"),
        ("CHECK (((y)::numeric <= EXTRACT(year FROM now())))", "y <= this year"),
        ("CHECK ((y <= ((EXTRACT(year FROM CURRENT_DATE))::integer + 1)))", "y <= this year + 1"),
        ("CHECK (((y)::double precision < date_part('year'::text, now())))", "y < this year"),
        ("CHECK ((hiredate >= '1996-07-01'::date))", "hiredate >= 1996-07-01"),
        ("CHECK ((at < '2020-01-01 02:00:00+05:30'::timestamp with time zone))", "at < 2019-12-31 20:30:00"),
    ] {
        check_read(definition, expected);
    }
}

#[test]
fn what_it_cannot_read_is_opaque_by_itself() {
    check_read("CHECK (((name <> ''::text) AND fine(name)))", "(name not in '' & ?[fine(name)])");
    check_read("CHECK (fine((name)::text))", "?[fine((name)::text)]");
    check_read("CHECK ((NOT (fine(name) AND (a > 1))))", "(?[NOT (fine(name))] | a <= 1)");
    check_read("CHECK (((a === 5) AND (b > 1)))", "(?[a === 5] & b > 1)");
    check_read("CHECK (((amount)::integer > 5))", "?[((amount)::integer > 5)]");
    let opaque = check("c", "CHECK ((public.fine(a, \"B c\") > x.y))", &[]).formula.opaque();
    assert_eq!(opaque[0].columns, ["a", "B c", "y"]);
    assert_eq!(constants("f(x, 'it''s', 5) > 5"), ["it's", "5"]);
}

#[test]
fn functions_in_sql_are_written_out() {
    let function = |name: &str, parameter: &str, body: &str| SqlFunction {
        schema: "s".into(),
        name: name.into(),
        parameters: vec![parameter.into()],
        body: body.into(),
    };
    let functions = [
        function("padded", "", "\n  SELECT btrim($1) <> $1;\n"),
        function("controlled", "str", "SELECT NOT padded(str)"),
        function("odd", "n", "RETURN (f(n) > 1)"),
        function("endless", "n", "SELECT endless(n)"),
    ];
    let read = |definition: &str| show(&check("c", definition, &functions).formula);
    assert_eq!(read("CHECK (s.controlled((name)::text))"), "Trim(name) = name");
    assert_eq!(read("CHECK ((odd(a) AND (b > 0)))"), "(?[odd(a)] & b > 0)");
    assert_eq!(read("CHECK (endless(a))"), "?[endless(a)]");
}

#[test]
fn domains_and_bounds() {
    let check = of_domain("c", "CHECK (((VALUE >= 1901) AND (VALUE <> 'VALUE'::text)))", "a b", &[]);
    assert_eq!(show(&check.formula), "(a b >= 1901 & a b not in 'VALUE')");
    let value = |text: &str| Edge::Value(Literal::Text(text.into()));
    for (text, expected) in [
        ("DEFAULT", Some(Bound::Default)),
        (
            "FOR VALUES FROM ('2020-01-01', MINVALUE) TO (' TO (', MAXVALUE)",
            Some(Bound::Range {
                low: vec![value("2020-01-01"), Edge::MinValue],
                high: vec![value(" TO ("), Edge::MaxValue],
            }),
        ),
        ("FOR VALUES IN ('a', NULL)", Some(Bound::List(vec![Literal::Text("a".into()), Literal::Null]))),
        ("FOR VALUES IN (5)", Some(Bound::List(vec![Literal::Int(5)]))),
        ("FOR VALUES WITH (modulus 4, remainder 3)", Some(Bound::Hash { modulus: 4, remainder: 3 })),
        ("FOR VALUES FROM (1", None),
    ] {
        assert_eq!(bound(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn never_panics(words in prop::collection::vec("(CHECK|a|\"B\"|1|0.5|'x'|'1e-9'|::int|::date|::interval|NOT|AND|OR|IS|NULL|TRUE|\\(|\\)|=|<>|<|~|!~~|ANY|ARRAY\\[|\\]|,|lower|now|coalesce|num_nulls|-|\\+|/|FOR VALUES|FROM|TO|IN|'é)", 0..14)) {
        let sql = words.join(" ");
        let read = check("c", &sql, &[]);
        let _ = (read.formula.negated(), bound(&sql), of_domain("c", &sql, "é", &[]));
    }

    #[test]
    fn times_are_written_as_they_are_read(us in -60_000_000_000_000_000_i64..200_000_000_000_000_000) {
        let text = Literal::Timestamp(us).text().unwrap();
        prop_assert_eq!(literal::timestamp(&text), Some(us));
    }
}
