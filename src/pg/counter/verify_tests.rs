//! Verifies and repairs counters of a real server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::verify::verify;
use super::{facts, repair};
use crate::counter::check;
use crate::counter::journal::Counted;
use crate::counter::migration;
use crate::counter::plan::{Goal, plan};
use crate::counter::site::Mode;
use crate::counter::spec::Wish;
use crate::counter::verify::Verdict;
use crate::index::migration::{Framework, Place};
use crate::pg::connect::Connection;
use crate::pg::server::Cluster;
use crate::pg::{Interrupt, test_server};
use crate::random;

const SCHEMA: &str = "
    CREATE SCHEMA app; SET search_path = app;
    CREATE TABLE keywords (id bigint PRIMARY KEY);
    CREATE TABLE mentions (id bigint, keyword_id bigint REFERENCES keywords ON UPDATE CASCADE, status text)
        PARTITION BY RANGE (id);
    CREATE TABLE mentions_1 PARTITION OF mentions FOR VALUES FROM (0) TO (1000);
    CREATE TABLE mentions_2 PARTITION OF mentions FOR VALUES FROM (1000) TO (1000000);
    CREATE INDEX ON mentions (keyword_id);
    INSERT INTO keywords SELECT generate_series(1, 40);
    INSERT INTO mentions SELECT i, 1 + i % 40, 'open' FROM generate_series(1, 2000) AS i";

fn wishes(mode: Mode) -> [Wish; 2] {
    let open = Wish {
        column: Some("open_count".to_owned()),
        condition: Some("status = 'open'".to_owned()),
        ..Wish::new("keywords", "mentions")
    };
    [Wish { mode: Some(mode), ..Wish::new("keywords", "mentions") }, open]
}

/// Makes both counters by the files that golang-migrate would run, each of which is sent as it is.
async fn with_counters(cluster: &Cluster, mode: Mode) -> Connection {
    let mut connection = test_server::connect(cluster, "postgres").await;
    connection.batch_execute(SCHEMA).await.unwrap();
    let names = ["keywords", "mentions"].map(str::to_owned);
    let state = facts::load(&mut connection, &names).await.unwrap();
    let resolved: Vec<_> = wishes(mode)
        .iter()
        .map(|wish| {
            let resolved = check::resolve(wish, &state).unwrap();
            let canonical = check::Canonical {
                condition: wish.condition.as_ref().map(|_| "(status = 'open'::text)".to_owned()),
                sum: None,
            };
            check::complete(resolved, canonical).unwrap()
        })
        .collect();
    let sites = check::sites(&resolved, &state).unwrap();
    let goals: Vec<Goal> = sites.iter().cloned().map(Goal::Have).collect();
    let steps = plan(&goals, &state, &Counted::new());
    let place = Place { timestamp: 20_260_131_120_000, existing: &[], app: "" };
    let files = migration::files(Framework::GolangMigrate, (&steps, &sites), &state, &place).unwrap();
    for file in files.iter().filter(|file| file.name.ends_with(".up.sql")) {
        connection
            .batch_execute(&file.text)
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}\n{}", file.name, file.text));
    }
    let state = facts::load(&mut connection, &names).await.unwrap();
    let left = plan(&goals, &state, &Counted::new());
    assert!(left.is_empty(), "{left:?}");
    connection
}

async fn verdict(connection: &mut Connection) -> Verdict {
    let (_, mut verdicts) = verify(connection, &[], 1_000, &Interrupt::new()).await.unwrap();
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

/// Sets everything right.
async fn repaired(connection: &mut Connection, helper: &Connection) {
    let (state, verdicts) = verify(connection, &[], 1_000, &Interrupt::new()).await.unwrap();
    for verdict in verdicts {
        let keys = repair::distinct(verdict.drifted.iter().map(|it| it.key.clone()));
        let left = repair::repair(helper, (&verdict.site, &state), keys, &Interrupt::new(), |_| {}).await;
        assert_eq!(left.unwrap(), 0);
    }
}

/// Writes at random until it is told to stop; a deadlock between writers is theirs.
async fn write(connection: Connection, seed: u64, stop: Arc<AtomicBool>) {
    for i in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let bits = random::at(seed, i);
        let (id, key) = (10_000 + seed * 10_000 + i % 300, 1 + (bits >> 8) % 40);
        let sql = match bits % 12 {
            0..=3 => format!(
                "INSERT INTO app.mentions SELECT {id}, {key} + j % 2, 'open' FROM generate_series(0, 2) AS j"
            ),
            4 | 5 => format!("DELETE FROM app.mentions WHERE id = {id}"),
            6 | 7 => format!(
                "UPDATE app.mentions SET keyword_id = {key} WHERE keyword_id = {}",
                1 + (bits >> 20) % 40
            ),
            8 => format!("UPDATE app.mentions SET status = 'done' WHERE id % 7 = {}", bits % 7),
            9 => format!("BEGIN; INSERT INTO app.mentions VALUES ({id}, {key}, 'open'); ROLLBACK"),
            10 => {
                format!("UPDATE app.mentions SET id = 1500 + id % 500 WHERE keyword_id = {key} AND id < 1000")
            }
            _ if bits % 40 == 11 => "TRUNCATE app.mentions_1".to_owned(),
            _ => format!("INSERT INTO app.mentions_2 VALUES ({id}, {key}, NULL)"),
        };
        // Key 41 does not exist: its statement fails as a whole.
        _ = connection.batch_execute(&sql).await;
        _ = connection.batch_execute("ROLLBACK").await;
    }
}

/// Tells writers to stop also where a test fails: a runtime waits for a task that never waits itself.
struct StopAtDrop(Arc<AtomicBool>);

impl Drop for StopAtDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn while_writing(cluster: &Cluster, body: impl AsyncFnOnce()) {
    let stop = Arc::new(AtomicBool::new(false));
    let stops = StopAtDrop(Arc::clone(&stop));
    let mut writers = Vec::new();
    for seed in 1..=3 {
        let connection = test_server::connect(cluster, "postgres").await;
        writers.push(tokio::spawn(write(connection, seed, Arc::clone(&stop))));
    }
    body().await;
    drop(stops);
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_raise_no_false_alarm() {
    for mode in [Mode::Inline, Mode::Slots] {
        let cluster = test_server::start().await;
        let mut connection = with_counters(&cluster, mode).await;
        while_writing(&cluster, async || {
            for _ in 0..15 {
                let verdict = verdict(&mut connection).await;
                assert!(verdict.is_right(), "{verdict:?}");
                assert_eq!(verdict.n_checked, 40);
            }
        })
        .await;
        assert!(verdict(&mut connection).await.is_right());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_is_exact_while_others_write() {
    for (mode, has_index) in [(Mode::Inline, true), (Mode::Slots, true), (Mode::Inline, false)] {
        let cluster = test_server::start().await;
        let mut connection = with_counters(&cluster, mode).await;
        if !has_index {
            connection.batch_execute("DROP INDEX app.mentions_keyword_id_idx").await.unwrap();
        }
        let helper = test_server::connect(&cluster, "postgres").await;
        let drift = "SET session_replication_role = replica;
            INSERT INTO app.mentions SELECT i, 1 + i % 13, 'open' FROM generate_series(5000, 5100) AS i;
            UPDATE app.keywords SET mentions_count = NULL WHERE id = 20; RESET session_replication_role";
        connection
            .batch_execute("ALTER TABLE app.keywords ALTER mentions_count DROP NOT NULL")
            .await
            .unwrap();
        connection.batch_execute(drift).await.unwrap();
        let found = verdict(&mut connection).await;
        assert_eq!(found.totals.iter().map(|total| total.n_drifted).collect::<Vec<_>>(), [14, 13]);
        assert_eq!(found.totals[1].absolute_error, "101");
        assert_eq!((found.drifted[0].key[0].as_str(), found.drifted[0].kept.as_deref()), ("20", None));
        while_writing(&cluster, async || repaired(&mut connection, &helper).await).await;
        let left = verdict(&mut connection).await;
        assert!(left.is_right(), "{left:?}");
    }
}

/// Does something that makes counters wrong, and says what is named as the cause.
async fn cause(connection: &mut Connection, helper: &Connection, sql: &str) -> Vec<String> {
    connection.batch_execute(sql).await.unwrap();
    let found = verdict(connection).await;
    assert!(!found.is_right(), "{sql}");
    repaired(connection, helper).await;
    assert!(verdict(connection).await.is_right(), "{sql}");
    found.causes.into_iter().map(|(cause, _)| cause.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cause_is_named() {
    let cluster = test_server::start().await;
    let mut connection = with_counters(&cluster, Mode::Inline).await;
    let helper = test_server::connect(&cluster, "postgres").await;
    let silent = "SET session_replication_role = replica";
    for (sql, expected) in [
        // All children of a key in two tables: one of them is missing.
        (
            format!(
                "{silent}; INSERT INTO app.mentions SELECT 2001 + i, 3, 'open' FROM generate_series(1, 60) AS i;
                 DELETE FROM app.mentions_2 WHERE keyword_id = 3 AND id < 2001; RESET session_replication_role"
            ),
            "session_replication_role = replica",
        ),
        (
            "CREATE TABLE app.mentions_3 PARTITION OF app.mentions FOR VALUES FROM (1000000) TO (2000000);
             INSERT INTO app.mentions_3 VALUES (1000001, 5, 'open')"
                .to_owned(),
            "app.mentions_3 lacks triggers",
        ),
        (
            "ALTER TABLE app.mentions_2 DISABLE TRIGGER ALL; DELETE FROM app.mentions_2 WHERE id < 1200;
             DROP TABLE app.mentions_3"
                .to_owned(),
            "triggers of app.mentions_2 are disabled",
        ),
        (
            "ALTER TABLE app.mentions_2 ENABLE TRIGGER ALL;
             CREATE TABLE app.loose (LIKE app.mentions INCLUDING ALL);
             INSERT INTO app.loose SELECT 3000000 + i, 7, 'open' FROM generate_series(1, 31) AS i;
             ALTER TABLE app.mentions ATTACH PARTITION app.loose FOR VALUES FROM (3000000) TO (4000000)"
                .to_owned(),
            "the rows of app.loose count once too little",
        ),
        (
            "ALTER TABLE app.mentions DETACH PARTITION app.mentions_1".to_owned(),
            "app.mentions_1 is no partition any more",
        ),
        (
            "DROP TABLE app.mentions_1;
             DROP TRIGGER perfkit_count_mentions_keyword_id_key ON app.keywords; UPDATE app.keywords SET id = 100 WHERE id = 9"
                .to_owned(),
            "they count twice, and nothing watches over updates of the parent's key",
        ),
    ] {
        let causes = cause(&mut connection, &helper, &sql).await;
        assert!(causes.iter().any(|cause| cause.contains(expected)), "{sql}: {causes:?}");
    }
}

#[tokio::test]
async fn counters_that_are_named_are_verified_alone() {
    let cluster = test_server::start().await;
    let mut connection = with_counters(&cluster, Mode::Inline).await;
    connection.batch_execute("UPDATE app.keywords SET open_count = 7 WHERE id = 1").await.unwrap();
    let mut verified = async |name: &str| {
        verify(&mut connection, &[name.to_owned()], 10, &Interrupt::new()).await.map(|(_, verdicts)| verdicts)
    };
    let right = verified("keywords.mentions_count").await.unwrap();
    assert!(right[0].is_right() && right[0].totals.len() == 1);
    let wrong = verified("app.keywords.open_count").await.unwrap();
    assert_eq!(wrong[0].totals[0].absolute_error, "43");
    assert!(verified("keywords.closed_count").await.unwrap_err().to_string().contains("no counter"));
}
