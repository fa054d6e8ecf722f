//! Lists as texts say them, and their pages by key.

use super::Source::{Given, Key};
use super::*;
use crate::query::parse;

/// Users with notes; columns by table.
struct Tables;

impl Relations for Tables {
    fn has_column(&self, table: &TableName, column: &str) -> Option<bool> {
        Some(match table.name.as_str() {
            "notes" => ["id", "author_id", "title", "created_at"].contains(&column),
            "users" => ["id", "name"].contains(&column),
            _ => return None,
        })
    }
}

fn list_of(sql: &str) -> List {
    parse(sql).unwrap().list(&Tables).unwrap()
}

fn item(sql: &str, descending: bool, is_nullable: bool) -> SortKey {
    SortKey { sql: sql.to_owned(), column: None, descending, nulls_first: descending, is_nullable }
}

#[test]
fn tells_lists_from_other_queries() {
    for sql in [
        "SELECT 1",
        "SELECT count(*) FROM notes",
        "INSERT INTO notes VALUES (1)",
        "SELECT id FROM notes UNION SELECT id FROM users",
        "VALUES (1)",
    ] {
        assert!(parse(sql).unwrap().list(&Tables).is_none(), "{sql}");
    }
    let list =
        list_of("SELECT id FROM notes n WHERE author_id = $1 ORDER BY 1 DESC NULLS LAST LIMIT 20 OFFSET $2");
    assert_eq!((list.limit, list.offset), (Amount::Rows(20), Amount::Parameter(1)));
    assert_eq!(list.order.len(), 1);
    let item = &list.order[0];
    assert_eq!((item.sql.as_str(), item.descending, item.nulls_first), ("id", true, false));
    assert_eq!(list.fixed, [ListedColumn { table: 0, column: "author_id".into() }]);
    assert_eq!(list.tables[0].alias, "n");
}

#[test]
fn reads_amounts() {
    let amounts = |tail: &str| {
        let list = list_of(&format!("SELECT id FROM notes {tail}"));
        (list.limit, list.offset)
    };
    assert_eq!(amounts(""), (Amount::None, Amount::None));
    assert_eq!(amounts("LIMIT ALL OFFSET 0"), (Amount::None, Amount::None));
    assert_eq!(amounts("OFFSET $2 LIMIT $1"), (Amount::Parameter(0), Amount::Parameter(1)));
    assert_eq!(amounts("OFFSET 5 FETCH FIRST 3 ROWS ONLY"), (Amount::Rows(3), Amount::Rows(5)));
    assert_eq!(amounts("LIMIT $1 OFFSET ($2 - 1) * $1"), (Amount::Parameter(0), Amount::Computed));
}

#[test]
fn says_what_stands_in_the_way_of_keys() {
    let obstacle = |sql: &str| list_of(sql).obstacle.unwrap_or_default();
    for (sql, expected) in [
        ("SELECT id FROM notes ORDER BY id", ""),
        ("SELECT author_id FROM notes GROUP BY author_id", "it groups rows"),
        ("SELECT DISTINCT title FROM notes", "it groups rows"),
        ("SELECT id, row_number() OVER (ORDER BY id) FROM notes", "its window functions"),
        ("SELECT id FROM notes ORDER BY random()", "another one each time"),
        ("SELECT id FROM notes FOR UPDATE", "it locks its rows"),
        ("SELECT id FROM notes FETCH FIRST 3 ROWS WITH TIES", "ties"),
        ("SELECT id FROM (SELECT id FROM notes) x", "query or function"),
        ("WITH x AS (SELECT 1 AS id) SELECT id FROM x", "WITH query"),
    ] {
        let found = obstacle(sql);
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{sql}: {found}");
    }
}

#[test]
fn knows_which_columns_go_together() {
    let list = list_of(
        "SELECT n.id FROM notes n JOIN users u ON u.id = n.author_id WHERE title IS NOT NULL AND n.created_at > $1",
    );
    let column = |table, column: &str| ListedColumn { table, column: column.into() };
    let (user, author) = (column(1, "id"), column(0, "author_id"));
    assert_eq!(list.determines, [(user.clone(), author.clone()), (author.clone(), user.clone())]);
    for (table, name) in [(0, "title"), (0, "created_at")] {
        assert!(list.present.contains(&column(table, name)), "{name}");
    }
    // A user without notes has a row as well: it tells nothing of the user.
    let list = list_of("SELECT u.id FROM users u LEFT JOIN notes n ON n.author_id = u.id AND n.title = 'x'");
    let (user, author) = (column(0, "id"), column(1, "author_id"));
    assert_eq!(list.determines, [(user, author)]);
    assert!(list.fixed.is_empty() && list.tables[1].is_optional);
    let list = list_of("SELECT name FROM notes JOIN users USING (id)");
    assert_eq!(list.determines.len(), 2);
}

#[test]
fn a_list_and_its_count_are_about_the_same_rows() {
    let list = list_of("SELECT id FROM notes WHERE author_id = $2 AND title = $1 ORDER BY id LIMIT $3");
    let count = |sql: &str| parse(sql).unwrap().counted_rows();
    let expected = Some(list.rows);
    assert_eq!(count("SELECT count(*) FROM notes WHERE author_id = $1 AND title = $2"), expected);
    assert_eq!(count("select COUNT(1) AS total from notes where author_id = $5 and title = $9"), expected);
    assert_ne!(count("SELECT count(*) FROM notes"), expected);
    for other in [
        "SELECT count(title) FROM notes",
        "SELECT count(*), max(id) FROM notes",
        "SELECT count(*) FROM notes GROUP BY title",
        "SELECT count(*) OVER () FROM notes",
    ] {
        assert_eq!(count(other), None, "{other}");
    }
}

#[test]
fn pages_begin_after_a_key() {
    let list = list_of(
        "SELECT title FROM notes WHERE author_id = $1 OR title = $2 ORDER BY created_at DESC LIMIT $3 OFFSET $4",
    );
    let key = [item("created_at", true, false), item("id", true, false)];
    let next = list.next_page(&key, Way::Forward, None);
    insta::assert_snapshot!(next.sql, @"SELECT title, created_at, id FROM notes WHERE (author_id = $1 OR title = $2) AND (created_at, id) < ($4, $5) ORDER BY created_at DESC, id DESC LIMIT $3");
    assert_eq!(next.parameters, [Given(0), Given(1), Given(2), Key(0), Key(1)]);
    insta::assert_snapshot!(list.next_page(&key, Way::Backward, Some(7)).sql, @"SELECT title, created_at, id FROM notes WHERE (author_id = $1 OR title = $2) AND (created_at, id) > ($3, $4) ORDER BY created_at, id LIMIT 7");
    insta::assert_snapshot!(list.first_page(&key, None).sql, @"SELECT title, created_at, id FROM notes WHERE author_id = $1 OR title = $2 ORDER BY created_at DESC, id DESC LIMIT $3");
    insta::assert_snapshot!(list.rows_at(&key, 40, 20).sql, @"SELECT perfkit_page::text, page_key_1::text, page_key_2::text FROM (SELECT title, created_at AS page_key_1, id AS page_key_2 FROM notes WHERE author_id = $1 OR title = $2 ORDER BY created_at DESC, id DESC LIMIT 20 OFFSET 40) AS perfkit_page");
}

#[test]
fn directions_that_differ_are_written_out() {
    let list = list_of("SELECT * FROM notes ORDER BY title, created_at DESC LIMIT 20 OFFSET 40");
    let key = [item("title", false, false), item("created_at", true, false), item("id", true, false)];
    insta::assert_snapshot!(list.next_page(&key, Way::Forward, None).sql, @"SELECT *, title, created_at, id FROM notes WHERE title >= $1 AND (title > $1 OR ((created_at, id) < ($2, $3))) ORDER BY title, created_at DESC, id DESC LIMIT 20");
}

#[test]
fn nulls_are_rows_of_their_own() {
    let list = list_of(
        "WITH x AS (SELECT 1) SELECT id FROM notes WHERE author_id = $1 ORDER BY title LIMIT $2 OFFSET $3",
    );
    let key = [item("title", false, true), item("id", false, false)];
    insta::assert_snapshot!(list.next_page(&key, Way::Forward, None).sql, @"WITH x AS (SELECT 1) SELECT * FROM ((SELECT id, title AS page_key_1, id AS page_key_2 FROM notes WHERE author_id = $1 AND (title, id) > ($3, $4) ORDER BY title, id LIMIT $2) UNION ALL (SELECT id, title AS page_key_1, id AS page_key_2 FROM notes WHERE author_id = $1 AND title IS NULL AND ($3 IS NOT NULL OR (id > $4)) ORDER BY title, id LIMIT $2)) AS page ORDER BY page_key_1, page_key_2 LIMIT $2");
    insta::assert_snapshot!(list.next_page(&key, Way::Backward, None).sql, @"WITH x AS (SELECT 1) SELECT * FROM ((SELECT id, title AS page_key_1, id AS page_key_2 FROM notes WHERE author_id = $1 AND title IS NOT NULL AND ((title, id) < ($3, $4) OR $3 IS NULL) ORDER BY title DESC, id DESC LIMIT $2) UNION ALL (SELECT id, title AS page_key_1, id AS page_key_2 FROM notes WHERE author_id = $1 AND title IS NULL AND $3 IS NULL AND (id < $4) ORDER BY title DESC, id DESC LIMIT $2)) AS page ORDER BY page_key_1 DESC, page_key_2 DESC LIMIT $2");
}
