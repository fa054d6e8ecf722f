//! What indexes are called, said and compared as.

use proptest::prelude::*;

use super::*;
use crate::catalog::IndexKey;
use crate::index::change::name::MAX_NAME_BYTES;

fn definition(table: &str, keys: &[&str], predicate: Option<Predicate>) -> Definition {
    let key = |key: &&str| match key.strip_prefix('-') {
        Some(column) => Key { descending: true, nulls_first: true, ..Key::ascending(column) },
        None => Key::ascending(key),
    };
    Definition { predicate, ..Definition::btree("public", table, keys.iter().map(key).collect()) }
}

fn null(column: &str) -> Predicate {
    Predicate::null_test(column, true)
}

#[test]
fn writes_ddl() {
    let definition = definition("Records", &["user_id", "-bedtime"], Some(null("wake_time")));
    assert_eq!(
        definition.ddl_concurrently(),
        "CREATE INDEX CONCURRENTLY \"Records_user_id_bedtime_desc_where_wake_time_null_idx\" \
         ON public.\"Records\" (user_id, bedtime DESC) WHERE wake_time IS NULL"
    );
}

#[test]
fn long_names_stay_different() {
    let long = "a".repeat(40);
    let first = definition("t", &[&long, "bbbbbbbbbbbbbbbbbbbbbbbbbb"], None).name();
    let second = definition("t", &[&long, "bbbbbbbbbbbbbbbbbbbbbbbbbc"], None).name();
    assert!(first.len() <= 63 && second.len() <= 63);
    assert_ne!(first, second);
}

fn operands() -> Vec<Operand> {
    let columns = ["a", "b", "c"].map(|name| Operand::Column(name.into()));
    let expressions =
        ["lower(a)", "upper(a)", "d ->> 'k'::text", "d -> 'k'::text", "a::text", "a || b", "a + b"];
    let expressions =
        expressions.map(|sql| Operand::Expression { sql: sql.into(), columns: vec!["a".into()] });
    columns.into_iter().chain(expressions).collect()
}

fn predicates() -> Vec<Option<Predicate>> {
    let texts = [
        "s = 'a'",
        "s <> 'a'",
        "s < 5",
        "s <= 5",
        "s > 5",
        "s = 'a b'",
        "s = 'a-b'",
        "s = 'a+b'",
        "s = 'a_b'",
        "s = 1.5",
        "s = 15",
        "s = -15",
        "lower(s) = 'a'",
        "s IS NULL",
        "s IS NOT NULL",
        "NOT s",
        "s",
        "s = ''",
        "s = 5 OR b = 6",
        "s = 5 AND b = 6",
        "s IN ('a', 'b')",
        "s LIKE 'a%'",
        "s LIKE '%a'",
        "s @> '{a}'",
    ];
    let predicate = |sql: &str| Predicate { sql: sql.into(), columns: vec!["s".into()] };
    texts.into_iter().map(|sql| Some(predicate(sql))).chain([None]).collect()
}

/// Any index of a small family, in which no two have the same words.
fn family() -> impl Strategy<Value = Definition> {
    let opclass = prop::option::of(prop::sample::select(vec!["x_ops".to_owned(), "y_ops".to_owned()]));
    let parts = (prop::sample::select(operands()), opclass, any::<bool>(), any::<bool>());
    let key = parts.prop_map(|(operand, opclass, descending, nulls_first)| Key {
        opclass,
        descending,
        nulls_first,
        ..Key::of(operand)
    });
    let methods = vec![Method::Btree, Method::Gin, Method::Gist, Method::Brin];
    let include = prop::collection::vec(prop::sample::select(vec!["a".to_owned(), "b".to_owned()]), 0..2);
    let parts = (
        prop::sample::select(methods),
        prop::collection::vec(key, 1..4),
        include,
        prop::sample::select(predicates()),
    );
    parts.prop_map(|(method, keys, include, predicate)| Definition {
        method,
        include,
        predicate,
        ..Definition::btree("public", "t", keys)
    })
}

/// An index that exists, as the catalog reads it.
fn exists(definition: &Definition) -> Index {
    let key = |key: &Key| IndexKey {
        column: key.column().map(str::to_owned),
        expression: key.column().is_none().then(|| key.operand.sql()),
        opclass: key.opclass.clone(),
        descending: key.descending,
        nulls_first: key.nulls_first,
        ..IndexKey::default()
    };
    Index {
        name: "i".into(),
        definition: definition.ddl(),
        method: definition.method.name().into(),
        keys: definition.keys.iter().map(key).collect(),
        include: definition.include.clone(),
        predicate: definition.predicate.as_ref().map(|predicate| format!("({})", predicate.sql)),
        is_valid: true,
        ..Index::default()
    }
}

#[test]
fn names_say_what_differs() {
    let named = |sql: &str| {
        let predicate = Predicate { sql: sql.into(), columns: vec!["state".into()] };
        definition("t", &["a"], Some(predicate)).name()
    };
    assert_eq!(named("state = 'to do'"), "t_a_where_state_to_do_500d_idx");
    assert_eq!(named("state <> 'done'"), "t_a_where_state_not_done_idx");
    assert_eq!(named("(state = 'done'::text)"), "t_a_where_state_done_idx");
    let of = |keys: Vec<Key>| Definition::btree("public", "t", keys).name();
    let key = Key::ascending("a");
    assert_eq!(of(vec![Key { nulls_first: true, ..key.clone() }]), "t_a_nulls_first_idx");
    assert_eq!(of(vec![Key { descending: true, ..key.clone() }]), "t_a_desc_nulls_last_idx");
    assert_eq!(of(vec![Key { opclass: Some("text_pattern_ops".into()), ..key }]), "t_a_text_pattern_ops_idx");
    let path = Operand::Expression { sql: "data ->> 'city'".into(), columns: vec!["data".into()] };
    assert_eq!(of(vec![Key::of(path)]), "t_data_city_idx");
}

/// What `pg_get_indexdef` says beside the columns stays when an index is made from another one.
#[test]
fn an_existing_index_is_said_whole() {
    let key = |column: &str, opclass: Option<&str>| IndexKey {
        column: Some(column.into()),
        opclass: opclass.map(str::to_owned),
        ..IndexKey::default()
    };
    for (method, keys, options, text) in [
        (
            "btree",
            vec![key("a", None)],
            vec!["fillfactor=70", "deduplicate_items=off"],
            "(a) WITH (fillfactor='70', deduplicate_items='off')",
        ),
        (
            "btree",
            vec![key("a", None), key("b", Some("text_pattern_ops"))],
            vec![],
            "(a COLLATE pg_catalog.\"C\", b text_pattern_ops)",
        ),
        ("gist", vec![key("a", Some("gist_trgm_ops"))], vec![], "(a \"Ext\".gist_trgm_ops (siglen='32'))"),
        ("gist", vec![key("a", None)], vec![], "(a tsvector_ops (siglen='100'))"),
    ] {
        let index = Index {
            definition: format!("CREATE INDEX i ON public.t USING {method} {text}"),
            method: method.into(),
            keys,
            options: options.into_iter().map(str::to_owned).collect(),
            is_valid: true,
            ..Index::default()
        };
        let definition = Definition::existing("public", "t", &index).unwrap();
        let ddl = definition.ddl_named("i").replace(" ON public.t (", " ON public.t USING btree (");
        assert_eq!(ddl, index.definition);
        assert!(definition.is_covered_by(&index), "{}", index.definition);
    }
    let expression = Index {
        definition: "CREATE INDEX i ON t USING btree (lower(a) COLLATE \"C\")".into(),
        method: "btree".into(),
        keys: vec![IndexKey { expression: Some("lower(a)".into()), ..IndexKey::default() }],
        ..Index::default()
    };
    let definition = Definition::existing("public", "t", &expression).unwrap();
    assert_eq!(definition.ddl_named("i"), "CREATE INDEX i ON public.t (lower(a) COLLATE \"C\")");
    assert_eq!(definition.name(), "t_lower_a_c_idx");
    let placed = Definition {
        options: vec!["fillfactor=70".into()],
        tablespace: Some("Fast disks".into()),
        include: vec!["b".into()],
        ..self::definition("t", &["a"], Some(null("c")))
    };
    assert_eq!(
        placed.ddl(),
        "CREATE INDEX t_a_include_b_where_c_null_idx ON public.t (a) INCLUDE (b) WITH (fillfactor='70') \
         TABLESPACE \"Fast disks\" WHERE c IS NULL"
    );
    let brin = placed.by_method(Method::Brin);
    assert_eq!((brin.options.len(), brin.tablespace.as_deref()), (0, Some("Fast disks")));
}

#[test]
fn knows_what_is_there_already() {
    let existing = |keys: &[&str], predicate: Option<Predicate>| exists(&definition("t", keys, predicate));
    let wide = existing(&["a", "b"], None);
    let partial = existing(&["a"], Some(null("c")));
    let gin = exists(&Definition { method: Method::Gin, ..definition("t", &["a", "b"], None) });
    let pattern = Key { opclass: Some("text_pattern_ops".into()), ..Key::ascending("a") };
    let pattern = exists(&Definition::btree("public", "t", vec![pattern]));
    let stored = exists(&Definition { include: vec!["b".into()], ..definition("t", &["a"], None) });
    let collated =
        Index { definition: "CREATE INDEX i ON t USING btree (a COLLATE \"C\")".into(), ..wide.clone() };
    let invalid = Index { is_valid: false, ..wide.clone() };
    let unique = Index { is_unique: true, ..wide.clone() };
    let lower = |sql: &str| {
        let operand = Operand::Expression { sql: sql.into(), columns: vec!["a".into()] };
        Definition::btree("public", "t", vec![Key::of(operand)])
    };
    let plain = |keys: &[&str]| definition("t", keys, None);
    let with = |keys: &[&str], include: &str| Definition { include: vec![include.into()], ..plain(keys) };
    for (own, index, expected) in [
        (plain(&["a"]), &wide, true),
        (plain(&["a", "b"]), &wide, true),
        (plain(&["-a", "-b"]), &wide, true),
        (plain(&["a", "-b"]), &wide, false),
        (plain(&["b"]), &wide, false),
        (plain(&["a", "b", "c"]), &wide, false),
        (plain(&["a"]), &unique, true),
        (plain(&["a"]), &invalid, false),
        (plain(&["a"]), &collated, false),
        (plain(&["a"]), &pattern, false),
        (plain(&["a"]), &gin, false),
        (Definition { method: Method::Gin, ..plain(&["b"]) }, &gin, true),
        (definition("t", &["a"], Some(null("c"))), &partial, true),
        (definition("t", &["a"], Some(Predicate::null_test("c", false))), &partial, false),
        (plain(&["a"]), &partial, false),
        // The partial one is smaller.
        (definition("t", &["a"], Some(null("c"))), &wide, false),
        (with(&["a"], "b"), &wide, true),
        (with(&["a"], "c"), &wide, false),
        (with(&["a"], "b"), &stored, true),
        (plain(&["a", "b"]), &stored, false),
        (lower("lower(a)"), &exists(&lower("lower(a)")), true),
        (lower("lower(a)"), &exists(&lower("upper(a)")), false),
    ] {
        assert_eq!(own.is_covered_by(index), expected, "{} by {}", own.describe(), index.definition);
    }
}

#[test]
fn collations_of_other_schemas_differ() {
    let collated = |name: &str| {
        let collation = Some(name.to_owned());
        Definition::btree("public", "t", vec![Key { collation, ..Key::ascending("a") }])
    };
    for (one, other, expected) in [
        ("\"C\"", "pg_catalog.\"C\"", true),
        ("own.\"C\"", "pg_catalog.\"C\"", false),
        ("own.german", "other.german", false),
        ("own.german", "own.german", true),
        // A dot within a name separates nothing.
        ("own.\"x.y\"", "own.\"z.y\"", false),
    ] {
        assert_eq!(collated(one).is_within(&collated(other)), expected, "{one}, {other}");
    }
}

#[test]
fn knows_what_it_replaces() {
    let plain = |keys: &[&str]| definition("t", keys, None);
    let partial = |keys: &[&str], column: &str| definition("t", keys, Some(null(column)));
    let both = Predicate::all(&[&null("c"), &null("d")]);
    let stored = Definition { include: vec!["c".into()], ..plain(&["a"]) };
    for (own, existing, expected) in [
        (plain(&["a", "b"]), plain(&["a"]), true),
        (plain(&["a"]), plain(&["a"]), true),
        (plain(&["-a", "-b"]), plain(&["a", "b"]), true),
        (plain(&["a"]), plain(&["a", "b"]), false),
        (plain(&["a", "b"]), plain(&["b"]), false),
        (plain(&["a"]), partial(&["a"], "c"), true),
        (partial(&["a"], "c"), plain(&["a"]), false),
        (partial(&["a", "b"], "c"), partial(&["a"], "c"), true),
        (partial(&["a"], "c"), partial(&["a"], "d"), false),
        (partial(&["a"], "c"), definition("t", &["a"], Some(both.clone())), true),
        (definition("t", &["a"], Some(both)), partial(&["a"], "c"), false),
        (plain(&["a", "b"]), stored.clone(), false),
        (plain(&["a", "c"]), stored.clone(), true),
        (stored, plain(&["a"]), true),
    ] {
        let index = exists(&existing);
        assert_eq!(own.makes_superfluous(&index), expected, "{} of {}", own.describe(), existing.describe());
        assert_eq!(index_makes_superfluous(&exists(&own), &index), expected);
        let unique = Index { is_unique: true, ..index.clone() };
        let constraint = Index { is_constraint: true, ..index };
        assert!(!own.makes_superfluous(&unique) && !own.makes_superfluous(&constraint));
    }
}

proptest! {
    #[test]
    fn different_indexes_have_different_names(a in family(), b in family()) {
        let mut family = BTreeSet::from([a.clone(), b]);
        family.extend(predicates().into_iter().map(|predicate| Definition { predicate, ..a.clone() }));
        for operand in operands() {
            let mut other = a.clone();
            other.keys[0].operand = operand;
            family.insert(other);
        }
        let names: BTreeSet<String> = family.iter().map(Definition::name).collect();
        prop_assert!(names.iter().all(|name| name.len() <= MAX_NAME_BYTES));
        prop_assert_eq!(names.len(), family.len(), "{:#?}", names);
    }

    #[test]
    fn an_index_covers_and_replaces_itself(a in family()) {
        let index = exists(&a);
        prop_assert!(a.is_covered_by(&index), "{}", a.ddl());
        prop_assert!(a.makes_superfluous(&index), "{}", a.ddl());
    }

    #[test]
    fn replacing_is_transitive(a in family(), b in family(), c in family()) {
        if a.makes_superfluous(&exists(&b)) && b.makes_superfluous(&exists(&c)) {
            prop_assert!(a.makes_superfluous(&exists(&c)), "{}, {}, {}", a.ddl(), b.ddl(), c.ddl());
        }
    }
}
