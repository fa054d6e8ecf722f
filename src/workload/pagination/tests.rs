//! What executions say of lists, and what tells their rows apart.

use proptest::prelude::*;

use super::*;
use crate::catalog::{Catalog, Column, Constraint, Index, IndexKey, Table};
use crate::trace::{self, Timing};

/// Statements that ran one after the other, in one session, with their parameters and rows.
fn report(calls: &[(&str, &[u64], u64)]) -> Report {
    let mut pages = Pages::default();
    for (n, (text, parameters, n_rows)) in calls.iter().enumerate() {
        let id = StatementId(n as u64);
        let fingerprint = Fingerprint(query::fingerprint(text));
        let statement = Statement { id, text: (*text).to_owned(), fingerprint, parameter_types: vec![] };
        pages.take(Event::Statement(statement));
        pages.take(Event::Execution(Execution {
            session: SessionId(1),
            statement: id,
            started_at: Time(n as u64),
            timing: Timing { total: Some(1_000_000), ..Timing::default() },
            protocol: trace::Protocol::Extended,
            outcome: Outcome::Complete,
            n_rows: Some(*n_rows),
            result_bytes: None,
            blocks: None,
            transaction: trace::Transaction::default(),
            parameters: parameters.iter().map(|value| Value::Text(value.to_string())).collect(),
            tags: vec![],
        }));
    }
    pages.finish(Limits { max_page_size: 1000 })
}

fn kinds(calls: &[(&str, &[u64], u64)]) -> Vec<&'static str> {
    let lists = report(calls).lists;
    lists.iter().flat_map(|list| &list.problems).map(|problem| problem.kind.name()).collect()
}

const PAGED: &str = "SELECT id FROM notes WHERE author_id = $1 ORDER BY id LIMIT $2 OFFSET $3";

#[test]
fn deep_offsets_and_walks() {
    assert_eq!(kinds(&[(PAGED, &[1, 20, 0], 20), (PAGED, &[1, 20, 20], 20)]), [""; 0]);
    assert_eq!(kinds(&[(PAGED, &[1, 20, 1020], 20)]), ["deep-offset"]);
    // Many rows are skipped for few, though not far.
    assert_eq!(kinds(&[(PAGED, &[1, 5, 500], 2)]), ["deep-offset"]);
    assert_eq!(kinds(&[(PAGED, &[1, 5, 90], 1)]), [""; 0]);
    let walk = |authors: [u64; 6]| {
        let parameters: Vec<[u64; 3]> = (0..6).map(|page| [authors[page], 20, page as u64 * 20]).collect();
        let calls: Vec<(&str, &[u64], u64)> = parameters.iter().map(|it| (PAGED, &it[..], 20)).collect();
        kinds(&calls)
    };
    assert_eq!(walk([1; 6]), ["offset-walk"]);
    assert_eq!(walk([1, 2, 1, 2, 1, 2]), [""; 0]);
}

#[test]
fn pages_in_no_order_of_any_size_and_without_an_end() {
    assert_eq!(kinds(&[("SELECT id FROM notes LIMIT $1 OFFSET $2", &[20, 20], 20)]), ["unstable-order"]);
    assert_eq!(kinds(&[("SELECT id FROM notes LIMIT $1", &[20], 20)]), [""; 0]);
    let limited = "SELECT id FROM notes ORDER BY id LIMIT $1";
    assert_eq!(kinds(&[(limited, &[20], 20), (limited, &[5000], 100)]), ["large-page"]);
    assert_eq!(kinds(&[(limited, &[5000], 100)]), [""; 0]);
    let list = "SELECT id FROM notes WHERE author_id = $1";
    let of_sizes = |sizes: &dyn Fn(u64) -> u64| {
        let calls: Vec<(&str, &[u64], u64)> = (0..100).map(|n| (list, &[1][..], sizes(n))).collect();
        kinds(&calls)
    };
    assert_eq!(of_sizes(&|n| 1000 + 20 * n), ["unbounded-list"]);
    assert_eq!(of_sizes(&|n| if n % 20 == 0 { 3000 } else { 10 }), ["unbounded-list"]);
    assert_eq!(of_sizes(&|_| 3000), [""; 0]);
    assert_eq!(of_sizes(&|n| n), [""; 0]);
}

#[test]
fn counts_of_the_same_rows() {
    let count = "SELECT count(*) FROM notes WHERE author_id = $1";
    assert_eq!(kinds(&[(PAGED, &[1, 20, 0], 20), (count, &[1], 1)]), ["count-twin"]);
    let other = "SELECT count(*) FROM notes";
    assert_eq!(kinds(&[(PAGED, &[1, 20, 0], 20), (other, &[], 1)]), [""; 0]);
}

#[test]
fn constants_go_back_into_the_text() {
    let values = [Value::Literal("'it''s'".into()), Value::Text("7".into()), Value::Null];
    let found = runnable("SELECT $1, $3, $2, $3", &values).unwrap();
    assert_eq!(found.sql, "SELECT 'it''s', $2, $1, $2");
    assert_eq!(found.values, [Some("7".into()), None]);
    assert_eq!(runnable("SELECT $1", &[Value::Redacted(1)]), None);
    assert_eq!(runnable("SELECT $1", &[]), None);
}

/// Users with notes, as CREATE TABLE would have them.
fn catalog() -> Catalog {
    let column =
        |name: &&str, not_null: bool| Column { name: (*name).to_owned(), not_null, ..Column::default() };
    let index = |oid: u32, name: &str, columns: &[&str]| Index {
        oid,
        name: name.to_owned(),
        method: "btree".to_owned(),
        keys: columns
            .iter()
            .map(|column| IndexKey { column: Some((*column).to_owned()), ..IndexKey::default() })
            .collect(),
        is_valid: true,
        is_ready: true,
        ..Index::default()
    };
    let table = |oid: u32, name: &str, columns: &[&str], nullable: &[&str], other: Option<Index>| Table {
        oid,
        schema: "public".to_owned(),
        name: name.to_owned(),
        columns: columns.iter().map(|name| column(name, !nullable.contains(name))).collect(),
        indexes: [Index { is_unique: true, ..index(oid + 100, "pkey", &["id"]) }]
            .into_iter()
            .chain(other)
            .collect(),
        constraints: vec![Constraint {
            kind: 'p',
            columns: vec!["id".to_owned()],
            index: Some(oid + 100),
            ..Constraint::default()
        }],
        ..Table::default()
    };
    let notes = ["id", "author_id", "title", "created_at", "edited_at"];
    let other = index(300, "notes_by_author", &["author_id", "created_at", "id"]);
    Catalog {
        tables: vec![
            table(1, "users", &["id", "name"], &[], None),
            table(2, "notes", &notes, &["edited_at"], Some(other)),
        ],
        search_path: vec!["public".to_owned()],
        ..Catalog::default()
    }
}

fn key_of(sql: &str) -> String {
    let catalog = catalog();
    match key(&query::parse(sql).unwrap().list(&catalog).unwrap(), &catalog) {
        Err(reason) => reason,
        Ok(key) => {
            let items: Vec<&str> = key.items.iter().map(|item| item.sql.as_str()).collect();
            let index = match key.index {
                Some(NeededIndex::Exists(name)) => format!(", {name}"),
                Some(NeededIndex::Missing(definition)) => format!(", {}", definition.describe()),
                None => String::new(),
            };
            format!("{} (+{}){index}", items.join(" "), key.n_added)
        }
    }
}

#[test]
fn keys_tell_the_rows_of_all_tables_apart() {
    for (sql, expected) in [
        ("SELECT * FROM notes ORDER BY id", "id (+0), pkey"),
        ("SELECT * FROM notes", "id (+1), pkey"),
        (
            "SELECT * FROM notes WHERE author_id = $1 ORDER BY created_at DESC",
            "created_at id (+1), notes_by_author",
        ),
        (
            "SELECT * FROM notes WHERE author_id = $1 ORDER BY author_id, created_at",
            "created_at id (+1), notes_by_author",
        ),
        (
            "SELECT * FROM notes WHERE author_id = $1 ORDER BY created_at DESC, title",
            "created_at title id (+1), notes (author_id, created_at, title DESC, id DESC)",
        ),
        ("SELECT * FROM notes ORDER BY edited_at DESC", "edited_at id (+1), notes (edited_at, id)"),
        ("SELECT * FROM notes WHERE id = $1 ORDER BY title", "title (+0), notes (id, title)"),
        (
            "SELECT * FROM users u JOIN notes n ON n.author_id = u.id ORDER BY n.created_at",
            "n.created_at n.id (+1), notes (created_at, id)",
        ),
        ("SELECT * FROM users u JOIN notes n ON n.author_id = u.id ORDER BY u.name", "u.name n.id (+1)"),
        ("SELECT * FROM users u, notes n ORDER BY u.name", "u.name u.id n.id (+2)"),
        (
            "SELECT * FROM notes ORDER BY title, edited_at",
            "edited_at may be NULL: declare it NOT NULL, or leave NULLs out",
        ),
        (
            "SELECT * FROM notes WHERE edited_at > $1 ORDER BY title, edited_at",
            "title edited_at id (+1), notes (title, edited_at, id)",
        ),
        (
            "SELECT * FROM users u LEFT JOIN notes n ON n.author_id = u.id ORDER BY u.name",
            "notes has no primary key or unique index without NULLs to tell its rows apart",
        ),
        ("SELECT * FROM strangers ORDER BY id", "there is no table strangers"),
    ] {
        assert_eq!(key_of(sql), expected, "{sql}");
    }
}

proptest! {
    /// A walk that lacks, repeats or swaps a row is seen, whatever the pages.
    #[test]
    fn a_walk_is_equal_only_if_all_rows_are(rows in 2usize..40, size in 1usize..9, at in any::<prop::sample::Index>(), fault in 0u8..3) {
        let row = |n: usize| (format!("row {n}"), vec![Some(n.to_string())]);
        let all: Vec<Row> = (0..rows).map(row).collect();
        let pages = |rows: &[Row]| rows.chunks(size).map(<[Row]>::to_vec).collect::<Vec<_>>();
        let backward: Vec<Row> = all[..rows - 1].iter().rev().cloned().collect();
        prop_assert_eq!(judge_walk(&pages(&all), &pages(&all), &pages(&backward)), Verdict::Equal);
        let spoil = |rows: &[Row]| {
            let mut rows = rows.to_vec();
            let at = at.index(rows.len());
            match fault {
                0 => drop(rows.remove(at)),
                1 => rows.insert(at, row(1000)),
                _ => rows[at] = row(1000),
            }
            rows
        };
        prop_assert_ne!(judge_walk(&pages(&all), &pages(&spoil(&all)), &pages(&backward)), Verdict::Equal);
        prop_assert_ne!(judge_walk(&pages(&all), &pages(&all), &pages(&spoil(&backward))), Verdict::Equal);
    }
}
