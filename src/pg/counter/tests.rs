//! Reads the facts of a real server, and lets it judge expressions.

use super::batch::Counting;
use super::expression::{Written, canonical};
use super::facts;
use crate::counter::backfill::{Batch, Due, Protocol};
use crate::counter::check::{self, Canonical};
use crate::counter::fixture;
use crate::counter::plan::{Goal, plan};
use crate::counter::site::{QualifiedName, Site};
use crate::counter::spec::{StorageWish, Wish};
use crate::counter::state::{Kind, Looseness, State};
use crate::error::{Error as RunError, ExitStatus};
use crate::index::change::failure::Failure;
use crate::pg::connect::Connection;
use crate::pg::test_server;

const SCHEMA: &str = "
    CREATE SCHEMA app; SET search_path = app;
    CREATE TYPE mood AS ENUM ('calm', 'wild'); CREATE DOMAIN amount AS integer CHECK (value > 0);
    CREATE TABLE keywords (id bigint PRIMARY KEY, code char(3) UNIQUE DEFERRABLE, half int, UNIQUE (half, code));
    CREATE UNIQUE INDEX ON keywords (half) WHERE half > 0;
    CREATE TABLE mentions (id bigint, keyword_id bigint REFERENCES keywords, late bigint REFERENCES keywords DEFERRABLE,
        mood mood, amount amount, ratio float8, n numeric GENERATED ALWAYS AS (id * 2) STORED, day date, words text[])
        PARTITION BY RANGE (id);
    CREATE TABLE mentions_1 PARTITION OF mentions FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
    CREATE TABLE mentions_1_1 PARTITION OF mentions_1 FOR VALUES FROM (0) TO (50);
    CREATE INDEX ON mentions (keyword_id, lower(words[1]), id);
    CREATE VIEW looks AS SELECT * FROM keywords;
    ALTER TABLE mentions ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    CREATE TRIGGER touch BEFORE UPDATE ON keywords FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE TRIGGER sometimes BEFORE UPDATE OF half ON keywords FOR EACH ROW EXECUTE FUNCTION touch();
    ALTER TABLE keywords ENABLE ROW LEVEL SECURITY; COMMENT ON COLUMN keywords.half IS 'h'";

async fn load(connection: &mut Connection, names: &[&str]) -> State {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    facts::load(connection, &names).await.unwrap()
}

#[tokio::test]
async fn a_server_tells_what_counters_go_by() {
    let cluster = test_server::start().await;
    let mut connection = test_server::connect(&cluster, "postgres").await;
    connection.batch_execute(SCHEMA).await.unwrap();

    let state = load(&mut connection, &["app.keywords", "mentions", "looks"]).await;
    let names: Vec<&str> = state.tables.iter().map(|table| table.name.name.as_str()).collect();
    assert_eq!(names, ["keywords", "mentions", "mentions_1", "mentions_1_1", "looks"]);
    assert_eq!((state.search_path.as_slice(), state.names.as_slice()), (&["app".to_owned()][..], &[][..]));
    let keywords = state.named("keywords").unwrap();
    let owned = |columns: &[&str]| columns.iter().map(|&column| column.to_owned()).collect::<Vec<_>>();
    assert_eq!(keywords.unique_keys, [owned(&["id"]), owned(&["half", "code"])]);
    assert_eq!(keywords.column("code").unwrap().type_name, "bpchar");
    assert_eq!(keywords.column("half").unwrap().comment.as_deref(), Some("h"));
    let fires: Vec<(&str, bool)> =
        keywords.triggers.iter().map(|it| (it.name.as_str(), it.fires_for_updated_rows)).collect();
    assert_eq!(fires, [("sometimes", false), ("touch", true)]);
    assert!(keywords.rights.is_owned && keywords.rights.may_create_in_schema && !keywords.rights.hides_rows);
    assert_eq!(state.named("looks").unwrap().kind, Kind::View);

    let mentions = state.named("mentions").unwrap();
    assert_eq!(mentions.kind, Kind::Partitioned);
    assert_eq!(state.tree(mentions).len(), 3);
    let loose: Vec<Option<Looseness>> = mentions.foreign_keys.iter().map(|key| key.looseness).collect();
    assert_eq!(loose, [None, Some(Looseness::Deferrable)]);
    assert_eq!(mentions.foreign_keys[0].parent, keywords.name);
    assert_eq!(mentions.indexes, [owned(&["keyword_id"])]);
    assert!(!mentions.check("positive").unwrap().is_validated);
    let typed = |name: &str| {
        let column = mentions.column(name).unwrap();
        (column.type_name.as_str(), column.is_generated, column.has_system_operators)
    };
    assert_eq!(typed("mood"), ("app.mood", false, true));
    assert_eq!(typed("amount"), ("integer", false, true));
    assert_eq!(typed("n"), ("numeric", true, true));
    assert_eq!(typed("words"), ("text[]", false, true));

    let state = load(&mut connection, &["mentoins"]).await;
    assert_eq!(state.tables.len(), 0);
    let refusal = check::resolve(&Wish::new("keywords", "mentoins"), &state).unwrap_err();
    assert_eq!(refusal.hint().as_deref(), Some("Did you mean \"mentions\"?"));
}

/// What is installed is found again, without being named, and nothing is left to do.
#[tokio::test]
async fn a_planned_counter_is_there_once_its_steps_have_run() {
    let cluster = test_server::start().await;
    let mut connection = test_server::connect(&cluster, "postgres").await;
    connection.batch_execute(SCHEMA).await.unwrap();
    connection.batch_execute("ALTER TABLE mentions DROP COLUMN late").await.unwrap();
    let wishes = [
        Wish { mode: Some("queue".parse().unwrap()), ..Wish::new("keywords", "mentions") },
        Wish {
            key: crate::counter::spec::Columns(vec!["words".to_owned()]),
            storage: StorageWish::Side,
            ..Wish::new("words", "mentions")
        },
    ];
    for round in 0..2 {
        let state = load(&mut connection, &["keywords", "mentions"]).await;
        let resolved: Vec<_> = wishes.iter().map(|wish| check::resolve(wish, &state).unwrap()).collect();
        let sites: Vec<Site> = check::sites(&resolved, &state).unwrap();
        let goals: Vec<Goal> = sites.into_iter().map(Goal::Have).collect();
        let steps = plan(&goals, &state, &std::collections::BTreeSet::new());
        // Nothing is counted here, as both tables are empty.
        assert_eq!(steps.iter().all(|step| step.sql.is_empty()), round == 1, "{steps:#?}");
        for step in steps {
            // Each step is a transaction.
            let script = step.sql.join(";\n");
            let ran = connection.batch_execute(&format!("BEGIN;\n{script};\nCOMMIT")).await;
            ran.unwrap_or_else(|error| panic!("{script}: {error:?}"));
        }
    }
    let state = load(&mut connection, &[]).await;
    assert_eq!(state.sites().count(), 2);
    assert!(
        state.tables.iter().any(|table| table.is_ours() && table.name.name == "words_mentions_words_counts")
    );
    assert!(
        state.table(&QualifiedName::new("app", "keywords_mentions_keyword_id_pending")).unwrap().is_ours()
    );
    assert!(state.named("keywords").unwrap().column("mentions_count").unwrap().is_ours());
}

type Judged = (Option<String>, Option<(String, String)>);

async fn judged(
    connection: &mut Connection,
    child: &QualifiedName,
    (condition, sum): (Option<&str>, Option<&str>),
) -> Result<Judged, RunError> {
    let Canonical { condition, sum } = canonical(
        connection,
        Written { child, condition, sum, planned: &[("later".to_owned(), "bigint".to_owned())] },
    )
    .await
    .map_err(RunError::from)?;
    Ok((condition, sum.map(|sum| (sum.sql, sum.type_name))))
}

#[tokio::test]
async fn the_server_judges_what_people_write() {
    let cluster = test_server::start().await;
    let mut connection = test_server::connect(&cluster, "postgres").await;
    connection.batch_execute(SCHEMA).await.unwrap();
    let child = QualifiedName::new("app", "mentions");
    let some = |text: &str| Some(text.to_owned());
    for (written, expected) in [
        ((Some("mood = 'wild'"), None), (some("(mood = 'wild'::app.mood)"), None)),
        ((Some("mentions.day > '2026-01-01' -- new"), None), (some("(day > '2026-01-01'::date)"), None)),
        ((None, Some("amount")), (None, Some(("amount".to_owned(), "integer".to_owned())))),
        (
            (Some("ratio > 1"), Some("n * 2")),
            (
                some("(ratio > (1)::double precision)"),
                Some(("(n * (2)::numeric)".to_owned(), "numeric".to_owned())),
            ),
        ),
        ((None, Some("later")), (None, Some(("later".to_owned(), "bigint".to_owned())))),
        ((None, Some("ratio")), (None, Some(("ratio".to_owned(), "double precision".to_owned())))),
        ((None, Some("words")), (None, Some(("words".to_owned(), "text[]".to_owned())))),
    ] {
        assert_eq!(judged(&mut connection, &child, written).await.unwrap(), expected, "{written:?}");
    }
    for (written, message) in [
        ((Some("day > now()"), None), "IMMUTABLE"),
        ((Some("random() > 0.5"), None), "IMMUTABLE"),
        ((Some("keywords.half > 1"), None), "FROM-clause"),
        ((Some("half > 1"), None), "\"half\" does not exist"),
        ((Some("id IN (SELECT 1)"), None), "subquery"),
        ((Some("count(*) > 1"), None), "aggregate"),
        ((None, Some("sum(n)")), "aggregate"),
        ((Some("mood"), None), "boolean"),
        ((Some("true) WITH (fillfactor = 10"), None), "not one expression"),
        ((Some("true; DROP TABLE mentions"), None), "not one expression"),
    ] {
        let error = judged(&mut connection, &child, written).await.unwrap_err();
        assert_eq!(error.status(), ExitStatus::Usage, "{written:?}");
        assert!(error.message().contains(message), "{written:?}: {error}");
    }
    let left: i64 = connection
        .query_one("SELECT count(*) FROM pg_class WHERE relpersistence = 't' OR relname LIKE 'perfkit%'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_role_without_temporary_tables_can_ask_as_well() {
    let cluster = test_server::start().await;
    let mut connection = test_server::connect(&cluster, "postgres").await;
    connection.batch_execute(SCHEMA).await.unwrap();
    connection
        .batch_execute(
            "CREATE ROLE kit; REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC; ALTER TABLE mentions OWNER TO kit;
             GRANT CREATE, USAGE ON SCHEMA app TO kit; SET ROLE kit",
        )
        .await
        .unwrap();
    let child = QualifiedName::new("app", "mentions");
    let written = Written { child: &child, condition: Some("day IS NULL"), sum: None, planned: &[] };
    assert_eq!(
        canonical(&mut connection, written).await.unwrap().condition.as_deref(),
        Some("(day IS NULL)")
    );
    let state = load(&mut connection, &["keywords", "mentions"]).await;
    assert_eq!(state.role, "kit");
    let rights = |name: &str| state.named(name).unwrap().rights;
    assert!(rights("mentions").is_owned && !rights("keywords").is_owned && rights("keywords").hides_rows);
}

/// Statements that are sent before the one ahead of them has answered must not outlive its error.
#[tokio::test]
async fn a_batch_that_fails_leaves_nothing_behind() {
    let cluster = test_server::start().await;
    let connection = test_server::connect(&cluster, "postgres").await;
    let other = test_server::connect(&cluster, "postgres").await;
    other
        .batch_execute(
            "CREATE SCHEMA app; CREATE TABLE app.keywords (id bigint PRIMARY KEY, mentions_count bigint);
             CREATE TABLE app.mentions (keyword_id bigint); CREATE INDEX ON app.mentions (keyword_id);
             INSERT INTO app.keywords SELECT generate_series(1, 3); INSERT INTO app.mentions VALUES (1), (1), (3);
             CREATE FUNCTION app.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END';
             CREATE TRIGGER refuse BEFORE UPDATE ON app.keywords FOR EACH ROW WHEN (new.id = 3) EXECUTE FUNCTION app.refuse()",
        )
        .await
        .unwrap();
    let site = fixture::mentions();
    for protocol in [Protocol::LockThenCount, Protocol::LockThenScan] {
        let counting = Counting::start(&connection, &site, Due::All, protocol).await.unwrap();
        let batch = Batch::After { key: None, n_rows: 10 };
        for (before, failure) in
            [("BEGIN; LOCK TABLE app.mentions", Failure::Busy), ("SELECT 1", Failure::Other)]
        {
            other.batch_execute("ROLLBACK").await.unwrap();
            other.batch_execute(before).await.unwrap();
            let error = counting.run(&connection, &batch).await.unwrap_err();
            assert_eq!(error.failure(), failure, "{error}");
            // It is refused within a transaction.
            connection.batch_execute("VACUUM app.keywords").await.unwrap();
            other.batch_execute("SELECT FROM app.keywords FOR UPDATE NOWAIT").await.unwrap();
        }
        other.batch_execute("ALTER TABLE app.keywords DISABLE TRIGGER refuse").await.unwrap();
        let keys: Vec<_> = (1..=3).map(|key| (vec![key.to_string()], true)).collect();
        assert_eq!(counting.run(&connection, &batch).await.unwrap().seen, keys);
        let counts = "SELECT array_agg(mentions_count ORDER BY id) FROM app.keywords";
        let counts: Vec<i64> = other.query_one(counts, &[]).await.unwrap().get(0);
        assert_eq!(counts, [2, 0, 1]);
        let again =
            "UPDATE app.keywords SET mentions_count = NULL; ALTER TABLE app.keywords ENABLE TRIGGER refuse";
        other.batch_execute(again).await.unwrap();
    }
}
