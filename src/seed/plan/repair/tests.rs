use super::*;
use crate::seed::fixture;
use crate::seed::plan::{ColumnPlan, Component, Edge, Nulls, Pick};
use crate::seed::schema::types::{TextKind, TextType};
use crate::seed::schema::{Field, ForeignKey};

fn field(name: &str, ty: Type, not_null: bool) -> Field {
    Field {
        name: name.to_owned(),
        ty,
        type_name: String::new(),
        not_null,
        default: None,
        sequence: None,
        is_always_identity: false,
        domain_checks: Vec::new(),
        folds_case: false,
    }
}

fn column(name: &str, maker: Maker) -> ColumnPlan {
    ColumnPlan { maker, source: MakerFrom::Type, ..fixture::serial(name, 1, 1) }
}

/// Links refer to link types; a check joins their columns.
fn links() -> (Schema, Plan) {
    let types = Relation {
        name: "link_type".to_owned(),
        fields: vec![field("id", Type::Int4, true), field("has_dates", Type::Bool, true)],
        ..Relation::default()
    };
    let links = Relation {
        name: "link".to_owned(),
        fields: vec![
            field("id", Type::Int4, true),
            field("link_type", Type::Int4, true),
            field("begin_date", Type::Date, false),
            Field {
                default: Some("'x'::text".to_owned()),
                ..field("kind", Type::Enum { labels: vec!["a".to_owned()] }, true)
            },
            field("end_date", Type::Date, false),
        ],
        foreign_keys: vec![ForeignKey {
            name: "link_fk".to_owned(),
            columns: vec![1],
            parent: 0,
            parent_columns: vec![0],
            is_match_full: false,
            is_deferrable: false,
        }],
        checks: vec![("dates".to_owned(), "CHECK ((begin_date <= end_date))".to_owned())],
        ..Relation::default()
    };
    let mut of_types = fixture::table("link_type", 50, 50);
    of_types.columns = vec![fixture::serial("id", 1, 1), column("has_dates", Maker::Null)];
    let mut of_links = fixture::table("link", 50, 50);
    let cases = Maker::Cases { component: 0, by_case: vec![Maker::Null] };
    of_links.columns = vec![
        fixture::serial("id", 1, 1),
        column("link_type", Maker::Reference { edge: 0, column: 0 }),
        column("begin_date", cases.clone()),
        column("kind", Maker::Derived(crate::seed::make::Derived::Copy { of: 0 })),
        column("end_date", cases),
    ];
    of_links.components = vec![Component { weights: vec![1, 1], key: 0, guides: Vec::new() }];
    of_links.edges = vec![Edge {
        name: "link_fk".to_owned(),
        parent: 0,
        columns: vec![1],
        parent_columns: vec![0],
        pick: Pick::Constant(0),
        nulls: Nulls::Never,
        key: 0,
    }];
    let schema = Schema { relations: vec![types, links], functions: Vec::new() };
    (schema, fixture::plan(vec![of_types, of_links]))
}

#[test]
fn the_likeliest_comes_first() {
    let (schema, plan) = links();
    let check =
        |failure: Failure, made: &[Repair], first: &[Trial], contained: &[Repair], refused: &[Repair]| {
            let failure = Failure { table: 1, ..failure };
            let trials = candidates(&schema, &plan, &failure, made);
            assert_eq!(&trials[..first.len()], first, "{trials:?}");
            assert!(matches!(trials.last().unwrap()[..], [Repair::Skip(1, _)]));
            for repair in contained {
                assert!(trials.contains(&vec![repair.clone()]), "{repair:?} in {trials:?}");
            }
            for repair in refused {
                assert!(!trials.iter().flatten().any(|it| it == repair), "{repair:?} in {trials:?}");
            }
        };
    let null = |column| Repair::AlwaysNull(1, column);
    let only = |case| Repair::OnlyCase(1, 0, case);
    let literal = |table, column, value: &str| Repair::Literal(table, column, value.to_owned());
    let of_check =
        Failure { sqlstate: "23514".to_owned(), constraint: Some("dates".to_owned()), ..Failure::default() };
    let first = [vec![null(2)], vec![null(4)], vec![only(0)], vec![only(1)]];
    check(
        of_check.clone(),
        &[],
        &first,
        &[literal(1, 3, "a"), literal(1, 3, "x"), Repair::CopyOf(1, 2, 4)],
        &[null(1)],
    );
    // What is decided is not tried again.
    check(of_check, &[null(2), only(1)], &[vec![null(4)]], &[], &[null(2), literal(1, 2, "0")]);
    let of_trigger = Failure {
        sqlstate: "P0001".to_owned(),
        message: "the type does not support dates".to_owned(),
        ..Failure::default()
    };
    let contained = [literal(0, 1, "false"), literal(0, 1, "true"), null(2), null(4)];
    check(
        of_trigger,
        &[],
        &[vec![literal(0, 1, "false")], vec![literal(0, 1, "true")]],
        &contained,
        &[literal(1, 1, "0"), literal(0, 0, "0")],
    );
    let of_lack = Failure {
        sqlstate: "P0001".to_owned(),
        message: "begin_date is null".to_owned(),
        source: "if new.begin_date is null or new.end_date is null".to_owned(),
        ..Failure::default()
    };
    let value = |column| Repair::NeverNull(1, column);
    check(of_lack, &[], &[vec![value(2)], vec![value(2), value(4)]], &[null(2)], &[value(1), value(3)]);
    let duplicate = Failure { sqlstate: "23505".to_owned(), feeder: Some(0), ..Failure::default() };
    check(duplicate, &[], &[vec![Repair::FedBy(1, 0)]], &[], &[]);
    let missing = Failure { sqlstate: "42P01".to_owned(), message: "no m".to_owned(), ..Failure::default() };
    let reason = "the server refuses its rows: no m".to_owned();
    check(missing, &[], &[vec![Repair::Skip(1, reason)]], &[], &[null(2)]);
}

#[test]
fn columns_come_with_the_row_that_is_referred_to() {
    let (mut schema, plan) = links();
    let of_link = schema.relations[1].foreign_keys[0].clone();
    let key = |columns: &[ColumnId], parent: TableId| ForeignKey {
        name: format!("fk {columns:?}"),
        columns: columns.to_vec(),
        parent,
        ..of_link.clone()
    };
    let (account, owner) = (key(&[5], 2), key(&[2], 2));
    let date = field("begin_date", Type::Date, false);
    schema.relations[0].fields = vec![field("id", Type::Int4, true), date, field("owner", Type::Int4, true)];
    schema.relations[0].foreign_keys = vec![owner];
    schema.relations[1].fields.push(field("account", Type::Int4, true));
    schema.relations[1].foreign_keys.push(account);
    let third = Relation { foreign_keys: vec![key(&[0], 0)], ..schema.relations[0].clone() };
    schema.relations.push(third);
    let trials = |sqlstate: &str, source: &str| {
        let mut plan = plan.clone();
        plan.tables[0].columns.push(fixture::serial("owner", 1, 1));
        plan.tables.push(plan.tables[0].clone());
        plan.tables[1].columns.push(fixture::serial("account", 1, 1));
        let (other, constraint) = (Some(2), Some("fk [0]".to_owned()));
        let (sqlstate, source) = (sqlstate.to_owned(), source.to_owned());
        let failure = Failure { table: 1, sqlstate, source, other, constraint, ..Failure::default() };
        candidates(&schema, &plan, &failure, &[])
    };
    let with = |key, column, of| Repair::WithColumn(1, key, column, of);
    let found = trials("P0001", "begin_date, account");
    // Of the same name, and to the same table; all together first, then what concerns one column.
    let (dates, owner) = (vec![with(0, 2, 1), with(1, 2, 1)], vec![with(0, 5, 2)]);
    assert_eq!(found[..3], [[&dates[..], &owner[..]].concat(), dates.clone(), owner]);
    assert!(found.contains(&vec![dates[1].clone()]));
    assert!(!trials("P0001", "end_date").iter().flatten().any(|it| matches!(it, Repair::WithColumn(..))));
    // What a trigger puts into the third table refers to the first.
    assert_eq!(trials("23503", "")[0], [Repair::RefersTo(1, 0, 0, 0)]);
    assert!(!trials("P0001", "").iter().flatten().any(|it| matches!(it, Repair::RefersTo(..))));
}

#[test]
fn a_table_with_its_only_row_is_full() {
    let (schema, plan) = links();
    let check = |is_filled: bool, n_rows: u64, sqlstate: &str, expected: bool| {
        let (mut schema, mut plan) = (schema.clone(), plan.clone());
        schema.relations[1].is_filled = is_filled;
        plan.tables[1].n_rows = n_rows;
        plan.tables[1].rows_from = RowsFrom::Capped { wanted: 100 };
        let failure = Failure { table: 1, sqlstate: sqlstate.to_owned(), ..Failure::default() };
        let trials = candidates(&schema, &plan, &failure, &[]);
        assert_eq!(trials == [vec![Repair::Full(1)]], expected, "{trials:?}");
    };
    check(true, 1, "23505", true);
    check(true, 2, "23505", false);
    check(true, 1, "23514", false);
    check(false, 1, "23505", false);
}

#[test]
fn a_hierarchy_that_is_there_may_be_gone_on_with() {
    let (mut schema, plan) = links();
    let own = ForeignKey { columns: vec![2], parent: 1, ..schema.relations[1].foreign_keys[0].clone() };
    schema.relations[1].foreign_keys.push(own);
    for is_filled in [false, true] {
        schema.relations[1].is_filled = is_filled;
        let trials = candidates(&schema, &plan, &Failure { table: 1, ..Failure::default() }, &[]);
        assert_eq!(trials.contains(&vec![Repair::BelowExisting(1, 1)]), is_filled, "{trials:?}");
    }
}

#[test]
fn keys_of_tables_that_triggers_fill_are_kept_where_texts_can() {
    let text = || Type::Text(TextType { kind: TextKind::Text, max_length: None });
    let key = |columns: &[ColumnId]| Key {
        name: String::new(),
        parts: columns.iter().copied().map(KeyPart::Column).collect(),
        predicate: None,
        nulls_distinct: true,
        is_primary: false,
    };
    let own = Relation {
        fields: vec![
            field("id", Type::Int4, true),
            field("parent", Type::Int4, true),
            field("name", text(), true),
            field("kind", text(), true),
        ],
        checks: vec![("kinds".to_owned(), "CHECK (kind = ANY (ARRAY['a', 'b']))".to_owned())],
        keys: vec![key(&[0])],
        ..Relation::default()
    };
    let check = |columns: &[ColumnId], expected: &[ColumnId]| {
        let other = Relation { keys: vec![key(columns)], ..own.clone() };
        assert_eq!(keys_of_filled(&own, &other).concat(), expected, "{columns:?}");
    };
    check(&[1, 2], &[1, 2]);
    check(&[2], &[2]);
    // It has that key; a counter of each parent; a list of few values.
    check(&[0, 2], &[]);
    check(&[1], &[]);
    check(&[1, 3], &[]);
    let other = Relation { fields: vec![field("other", text(), true)], keys: vec![key(&[0])], ..own.clone() };
    assert!(keys_of_filled(&own, &other).is_empty());
}

#[test]
fn reasons_name_what_triggers_ask_for() {
    let check = |source: &str, settings: &[&str], expected: &[&str]| {
        let failure = Failure {
            message: "no".to_owned(),
            source: source.to_owned(),
            settings: settings.iter().map(|it| (*it).to_owned()).collect(),
            ..Failure::default()
        };
        let reason = failure.reason();
        assert!(expected.iter().all(|part| reason.contains(part)), "{reason}");
        assert_eq!(reason.contains("--triggers off"), !source.is_empty(), "{reason}");
    };
    check("", &[], &["the server refuses its rows: no"]);
    check("x", &[], &["no (`--triggers off` fills it without its triggers)"]);
    check("x", &["app.a", "app.b"], &["ask for app.a, app.b: give it a value", "PGOPTIONS"]);
    let failure = |source: &str, settings: &[&str]| Failure {
        message: "unrecognized configuration parameter \"app.tenant\"".to_owned(),
        source: source.to_owned(),
        settings: settings.iter().map(|it| (*it).to_owned()).collect(),
        ..Failure::default()
    };
    assert!(
        failure("", &[])
            .reason()
            .ends_with("(it asks for app.tenant: give it a value, as by ALTER ROLE … SET or in PGOPTIONS)")
    );
    assert!(failure("x", &["app.tenant"]).reason().contains("ask for app.tenant: give"));
}

#[test]
fn progress_is_a_later_row_or_another_failure() {
    let check = |before: (&str, &str, Option<u64>), after: (&str, &str, Option<u64>), expected: bool| {
        let failure = |(sqlstate, message, line): (&str, &str, Option<u64>)| Failure {
            sqlstate: sqlstate.to_owned(),
            message: message.to_owned(),
            line,
            ..Failure::default()
        };
        assert_eq!(failure(after).moves_on(&failure(before)), expected, "{before:?} {after:?}");
    };
    check(("P0001", "no 1", Some(1)), ("P0001", "no 7", Some(7)), true);
    check(("P0001", "no 1", Some(1)), ("P0001", "no 2", Some(1)), false);
    check(("P0001", "no 1", Some(1)), ("P0001", "never", Some(1)), true);
    check(("P0001", "no", Some(5)), ("P0001", "never", Some(4)), false);
    check(("P0001", "no", Some(5)), ("23503", "fk", None), true);
    check(("P0001", "no", None), ("23514", "check", Some(1)), false);
    check(("P0001", "no", Some(1)), ("23502", "null", Some(1)), false);
    check(("P0001", "no", Some(1)), ("42P01", "missing", Some(3)), false);
}

#[test]
fn constant_defaults_are_read() {
    let check = |default: &str, expected: Option<&str>| assert_eq!(constant(default).as_deref(), expected);
    check("'it''s'::text", Some("it's"));
    check("0", Some("0"));
    check("'-1'::integer", Some("-1"));
    check("-1.5", Some("-1.5"));
    check("false", Some("false"));
    check("now()", None);
    check("nextval('a'::regclass)", None);
    check("", None);
}
