use proptest::prelude::*;

use super::*;
use crate::index::change::{IndexName, Seen};
use crate::index::{Key, Method, Predicate};
use crate::query::Operand;

fn expression(sql: &str, columns: &[&str]) -> Key {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Key::of(Operand::Expression { sql: sql.to_owned(), columns })
}

fn predicate(sql: &str) -> Predicate {
    Predicate { sql: sql.to_owned(), columns: Vec::new() }
}

/// One index for each thing that an index can have.
fn definitions() -> Vec<Definition> {
    let key = Key::ascending;
    vec![
        Definition::btree("public", "orders", vec![key("customer_id"), key("ordered_at")]),
        Definition {
            include: vec!["total".into(), "Note".into()],
            ..Definition::btree(
                "public",
                "orders",
                vec![
                    key("status"),
                    Key { descending: true, ..key("ordered_at") },
                    Key { descending: true, nulls_first: true, ..key("id") },
                    Key { nulls_first: true, ..key("rank") },
                ],
            )
        },
        Definition {
            predicate: Some(predicate(r"status = 'open' AND note LIKE '50\%%'")),
            ..Definition::btree("public", "orders", vec![key("ordered_at")])
        },
        Definition::btree("public", "users", vec![expression("lower(email)", &["email"]), key("id")]),
        Definition {
            method: Method::Gin,
            ..Definition::btree(
                "public",
                "users",
                vec![Key { opclass: Some("gin_trgm_ops".into()), ..key("name") }],
            )
        },
        Definition::btree(
            "billing",
            "Invoices 2026",
            vec![Key { opclass: Some("text_pattern_ops".into()), descending: true, ..key("Due Date") }],
        ),
        Definition {
            predicate: Some(predicate("\"a\"\"b\" <> '#{x} ${y}\n\\'")),
            ..Definition::btree("odd.schema", "it's \"quoted\"", vec![key("a\"b")])
        },
    ]
}

fn drops() -> Vec<DropAdvice> {
    vec![DropAdvice {
        seen: Seen {
            index: IndexName {
                schema: "public".into(),
                table: "orders".into(),
                name: "orders_customer_id_idx".into(),
            },
            definition: Some(
                "CREATE INDEX orders_customer_id_idx ON public.orders USING btree (customer_id)".into(),
            ),
            n_scans: None,
        },
        covered_by: None,
        is_partitioned: false,
        undo_ddl: [
            "CREATE UNIQUE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders USING btree (customer_id) TABLESPACE fast",
            "COMMENT ON INDEX public.orders_customer_id_idx IS 'since 2019'",
        ]
        .map(str::to_owned)
        .to_vec(),
        upkeep: 0.0,
        size_bytes: 8192,
        reason: "orders_customer_id_ordered_at_idx begins with its column".into(),
    }]
}

fn all_files(framework: Framework, existing: &[&str]) -> Vec<MigrationFile> {
    let existing: Vec<String> = existing.iter().map(|name| (*name).to_owned()).collect();
    let place = Place { timestamp: 20_260_131_120_000, existing: &existing, app: "shop" };
    let definitions = definitions();
    let ddl: Vec<Vec<String>> = definitions.iter().map(|it| vec![it.ddl_concurrently()]).collect();
    let creates: Vec<_> = definitions.iter().zip(&ddl).map(|(it, ddl)| (it, ddl.as_slice())).collect();
    files(framework, &creates, &drops(), &place)
}

fn check(framework: Framework, existing: &[&str]) {
    let files = all_files(framework, existing);
    let shown: Vec<String> =
        files.iter().map(|MigrationFile { name, text }| format!("==> {name} <==\n{text}")).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(framework.name(), shown.join("\n"));
    });
}

#[test]
fn rails() {
    check(Framework::Rails, &["20260101000000_create_orders.rb"]);
}

#[test]
fn django() {
    check(
        Framework::Django,
        &["0001_initial.py", "0009_total.py", "0010_note.py", "__init__.py", "0012_x.pyc"],
    );
}

#[test]
fn flyway() {
    check(Framework::Flyway, &["V1__init.sql", "V7.2__more.sql", "U9__undo.sql", "R__views.sql"]);
}

#[test]
fn sqlx() {
    check(Framework::Sqlx, &["20260101000000_init.up.sql"]);
}

#[test]
fn golang_migrate() {
    check(Framework::GolangMigrate, &["000007_init.up.sql", "000007_init.down.sql"]);
}

#[test]
fn plain() {
    check(Framework::Plain, &[]);
}

#[test]
fn a_partitioned_table_s_index_is_built_and_dropped_as_the_server_allows() {
    let definition = Definition::btree("s", "p", vec![Key::ascending("a")]);
    let ddl = [
        "CREATE INDEX CONCURRENTLY p1_a_idx ON s.p1 (a)",
        "CREATE INDEX p_a_idx ON ONLY s.p (a)",
        "ALTER INDEX s.p_a_idx ATTACH PARTITION s.p1_a_idx",
    ]
    .map(str::to_owned);
    let place = Place { timestamp: 20_260_131_120_000, existing: &[], app: "shop" };
    let texts = |framework| -> Vec<String> {
        let files = files(framework, &[(&definition, &ddl)], &[], &place);
        files.into_iter().map(|file| format!("{}: {}", file.name, file.text)).collect()
    };
    let plain = texts(Framework::Plain);
    let up = "
DROP INDEX IF EXISTS s.p_a_idx;
DROP INDEX CONCURRENTLY IF EXISTS s.p1_a_idx;
CREATE INDEX CONCURRENTLY p1_a_idx ON s.p1 (a);
CREATE INDEX p_a_idx ON ONLY s.p (a);
ALTER INDEX s.p_a_idx ATTACH PARTITION s.p1_a_idx;
";
    assert!(plain[0].ends_with(up), "{}", plain[0]);
    assert!(plain[1].ends_with("\nDROP INDEX IF EXISTS s.p_a_idx;\n"), "{}", plain[1]);
    let single = texts(Framework::GolangMigrate);
    let expected = [
        "20260131120000_create_p1_a_idx.up.sql: CREATE INDEX CONCURRENTLY p1_a_idx ON s.p1 (a);\n",
        "20260131120000_create_p1_a_idx.down.sql: DROP INDEX CONCURRENTLY IF EXISTS s.p1_a_idx;\n",
        "20260131120001_create_p_a_idx.up.sql: CREATE INDEX p_a_idx ON ONLY s.p (a);\n",
        "20260131120001_create_p_a_idx.down.sql: DROP INDEX IF EXISTS s.p_a_idx;\n",
        "20260131120002_attach_p_a_idx.up.sql: ALTER INDEX s.p_a_idx ATTACH PARTITION s.p1_a_idx;\n",
        "20260131120002_attach_p_a_idx.down.sql: SELECT 1;\n",
    ];
    assert_eq!(single, expected);
    assert!(texts(Framework::Rails)[0].contains("execute \"CREATE INDEX p_a_idx ON ONLY s.p (a)\""));
}

#[test]
fn django_s_first_migration_depends_on_none() {
    let files = all_files(Framework::Django, &["__init__.py"]);
    assert_eq!(files[0].name, "0001_perfkit_indexes.py");
    assert!(files[0].text.contains("    dependencies = []\n"), "{}", files[0].text);
}

#[test]
fn nothing_to_do_gives_no_file() {
    let place = Place { timestamp: 1, existing: &[], app: "" };
    for framework in Framework::ALL {
        assert!(files(framework, &[], &[], &place).is_empty());
        assert_eq!(framework.name().parse(), Ok(framework));
    }
    assert!("Rails".parse::<Framework>().unwrap_err().contains("rails, django"));
}

#[test]
fn indexes_are_built_again_while_others_write() {
    for (ddl, expected) in [
        ("CREATE INDEX i ON t (a);", "CREATE INDEX CONCURRENTLY i ON t (a)"),
        ("CREATE UNIQUE INDEX \" INDEX \" ON t (a)", "CREATE UNIQUE INDEX CONCURRENTLY \" INDEX \" ON t (a)"),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX CONCURRENTLY i ON t (a)"),
    ] {
        assert_eq!(build_concurrently(ddl), expected);
    }
}

proptest! {
    /// Whatever the names: files have sound names, no two the same, and those of one statement hold one.
    #[test]
    fn any_name_gives_sound_files(table in "\\PC{1,70}", column in "\\PC{1,20}", same in any::<bool>()) {
        let other = if same { &table } else { &column };
        let definitions = [
            Definition::btree("public", &table, vec![Key::ascending(&column)]),
            Definition::btree("public", other, vec![Key::ascending("x")]),
        ];
        let place = Place { timestamp: 20_260_131_120_000, existing: &[], app: "shop" };
        for framework in Framework::ALL {
            let ddl: Vec<Vec<String>> = definitions.iter().map(|it| vec![it.ddl_concurrently()]).collect();
            let creates: Vec<_> = definitions.iter().zip(&ddl).map(|(it, ddl)| (it, ddl.as_slice())).collect();
            let files = files(framework, &creates, &[], &place);
            let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
            let is_sound = |name: &&str| {
                name.len() < 120 && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
            };
            prop_assert!(names.iter().all(is_sound), "{:?}", names);
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), files.len());
        }
    }

    /// A string literal ends where it should.
    #[test]
    fn literals_end_at_their_end(text in any::<String>()) {
        let quoted = double_quoted(&text);
        let inner = &quoted[1..quoted.len() - 1];
        prop_assert!(!inner.replace("\\\\", "").replace("\\\"", "").contains(['"', '\n']));
        prop_assert_eq!(inner.replace("\\\\", "").matches('\\').count(),
            text.chars().filter(|c| *c == '"' || c.is_ascii_control()).count());
    }
}
