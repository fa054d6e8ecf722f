//! Sites and states for tests.

use super::FORMAT;
use super::site::{Counter, KeyPair, Mode, QualifiedName, Site, Storage};
use super::state::{ColumnState, ForeignKeyState, Rights, State, TableState};

pub(crate) fn pair(child: &str, parent: &str, type_name: &str) -> KeyPair {
    KeyPair { child: child.to_owned(), parent: parent.to_owned(), type_name: type_name.to_owned() }
}

pub(crate) fn count(column: &str, condition: Option<&str>) -> Counter {
    Counter {
        column: column.to_owned(),
        type_name: "bigint".to_owned(),
        condition: condition.map(str::to_owned),
        sum: None,
    }
}

pub(crate) fn sum(column: &str, of: &str) -> Counter {
    Counter { sum: Some(of.to_owned()), ..count(column, None) }
}

/// Counters in `app.PARENT` of the rows of `app.CHILD` by one key.
pub(crate) fn site(child: &str, key: &str, parent: &str, counters: Vec<Counter>) -> Site {
    Site {
        format: FORMAT,
        child: QualifiedName::new("app", child),
        parent: QualifiedName::new("app", parent),
        key: vec![pair(key, "id", "bigint")],
        counters,
        mode: Mode::Inline,
        afterwards: None,
        storage: Storage::Column,
        guard: false,
    }
}

/// `app.keywords.mentions_count`.
pub(crate) fn mentions() -> Site {
    site("mentions", "keyword_id", "keywords", vec![count("mentions_count", None)])
}

/// Three counters: of all, of some, and a sum.
pub(crate) fn mentions_of_all_kinds() -> Site {
    let counters = vec![
        count("active_count", Some("(status = 'active'::public.mood)")),
        count("mentions_count", None),
        sum("score", "score"),
    ];
    site("mentions", "keyword_id", "keywords", counters)
}

/// A key of two columns, with a sum under a condition.
pub(crate) fn composite() -> Site {
    let open = Counter { condition: Some("(paid_at IS NULL)".to_owned()), ..sum("open_amount", "amount") };
    Site {
        key: vec![pair("tenant", "tenant_id", "integer"), pair("order", "id", "bigint")],
        ..site("lines", "order", "orders", vec![open])
    }
}

/// Votes by a word that is in no table.
pub(crate) fn side() -> Site {
    Site {
        key: vec![pair("word", "word", "text")],
        storage: Storage::Side,
        ..site("votes", "word", "words_votes_word_counts", vec![count("votes_count", None)])
    }
}

/// Users with keywords with mentions with leads, without any counter.
pub(crate) fn leads_state() -> State {
    let table = |oid: u32, name: &str, columns: &[(&str, &str)], parent: Option<(&str, &str)>| TableState {
        oid,
        name: QualifiedName::new("app", name),
        columns: columns.iter().map(|(name, type_name)| column(name, type_name)).collect(),
        unique_keys: vec![vec!["id".to_owned()]],
        foreign_keys: parent.into_iter().map(|(key, parent)| foreign_key(name, key, parent)).collect(),
        indexes: vec![vec!["id".to_owned()], vec![columns.get(1).map_or("id", |(name, _)| name).to_owned()]],
        owner: "owner".to_owned(),
        rights: Rights { is_owned: true, may_create_in_schema: true, hides_rows: false },
        ..TableState::default()
    };
    let tables = vec![
        table(1, "users", &[("id", "bigint")], None),
        table(2, "keywords", &[("id", "bigint"), ("user_id", "bigint")], Some(("user_id", "users"))),
        table(
            3,
            "mentions",
            &[("id", "bigint"), ("keyword_id", "integer"), ("status", "text"), ("score", "integer")],
            Some(("keyword_id", "keywords")),
        ),
        table(4, "leads", &[("id", "bigint"), ("mention_id", "bigint")], Some(("mention_id", "mentions"))),
    ];
    State { tables, search_path: vec!["app".to_owned()], role: "kit".to_owned(), ..State::default() }
}

pub(crate) fn column(name: &str, type_name: &str) -> ColumnState {
    ColumnState {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        has_system_operators: true,
        ..ColumnState::default()
    }
}

fn foreign_key(child: &str, column: &str, parent: &str) -> ForeignKeyState {
    ForeignKeyState {
        name: format!("{child}_{column}_fkey"),
        columns: vec![column.to_owned()],
        parent: QualifiedName::new("app", parent),
        parent_columns: vec!["id".to_owned()],
        looseness: None,
    }
}
