//! Parents that go while their counters are kept or counted, and whose keys others get.

use crate::counter_add::{DRIFT, mentions};
use crate::counter_backfill::{end, held};
use crate::support::cli::perfkit;
use crate::support::pg::Database;

fn expect_right(database: &Database, what: &str) {
    let verified = perfkit(&["counter", "verify"]).on(database).run();
    assert_eq!(verified.status, 0, "{what}: {}{}", verified.stdout, verified.stderr);
    perfkit(&["counter", "fold"]).on(database).succeeds();
    assert_eq!(database.value(DRIFT), "0", "{what}");
    perfkit(&["counter", "verify"]).on(database).succeeds();
}

/// Runs statements by a snapshot that is older than a child's move from keyword 1 to 2. Returns the SQLSTATE if they fail.
fn by_an_old_snapshot(database: &Database, sql: &str) -> Option<String> {
    let done = database.with_client(|client| async move {
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
        client.batch_execute("SELECT count(*) FROM keywords").await?;
        tokio::task::block_in_place(|| {
            database.execute("UPDATE mentions SET keyword_id = 2 WHERE keyword_id = 1");
        });
        client.batch_execute(sql).await?;
        client.batch_execute("COMMIT").await
    });
    done.err().map(|error| error.code().expect("the server answers").code().to_owned())
}

#[test]
fn a_key_is_not_charged_for_what_an_old_snapshot_could_not_see() {
    let goes = [
        "DELETE FROM keywords WHERE id = 1",
        "UPDATE keywords SET id = 100 WHERE id = 1",
        "DELETE FROM keywords WHERE id = 1; INSERT INTO keywords (id) VALUES (1)",
    ];
    for mode in ["inline", "queue", "slots"] {
        for (is_folded, goes) in goes.into_iter().map(|sql| (false, sql)).chain([(true, goes[0])]) {
            let what = format!("{mode}, {goes}, {is_folded}");
            let database = mentions(9, 50);
            let add = [
                "counter",
                "add",
                "keywords.mentions_count",
                "--counts",
                "mentions",
                "--mode",
                mode,
                "--yes",
            ];
            perfkit(&add).on(&database).succeeds();
            let failure = by_an_old_snapshot(&database, goes);
            // A queue takes everything; elsewhere the writer and the one who deletes are in each other's way.
            let expected = if mode == "queue" { None } else { Some("40001") };
            assert_eq!(failure.as_deref(), expected, "{what}");
            if failure.is_some() {
                database.load(goes);
            }
            if is_folded {
                perfkit(&["counter", "fold"]).on(&database).succeeds();
            }
            database.execute(
                "INSERT INTO keywords (id) VALUES (1) ON CONFLICT DO NOTHING; INSERT INTO mentions (keyword_id) VALUES (1)",
            );
            expect_right(&database, &what);
        }
    }
}

/// Without an index on the key the child is counted in one scan, and what parents have of it is written later.
#[test]
fn a_key_is_not_charged_for_what_a_scan_has_counted_of_another() {
    let goes = [
        "DELETE FROM keywords WHERE id = 1",
        "DELETE FROM mentions WHERE keyword_id = 1; DELETE FROM keywords WHERE id = 1",
        "UPDATE keywords SET id = 1000 WHERE id = 1",
        "TRUNCATE keywords CASCADE; INSERT INTO keywords (id) VALUES (2)",
    ];
    for (goes, mode) in goes.into_iter().map(|goes| (goes, "queue")).chain([(goes[0], "inline")]) {
        let database = mentions(50, 500);
        // All rows of a column that was there are counted, those that come meanwhile as well.
        database
            .execute("DROP INDEX mentions_by_keyword; ALTER TABLE keywords ADD COLUMN mentions_count bigint");
        let (child, file, _folder) = held(&database, &["--mode", mode]);
        database.execute(goes);
        database.execute(
            "INSERT INTO keywords (id) VALUES (1); INSERT INTO mentions (keyword_id) VALUES (1), (1), (2)",
        );
        std::fs::remove_file(file).expect("it is there");
        let (is_done, stderr) = end(child);
        assert!(is_done, "{stderr}");
        expect_right(&database, &format!("{mode}: {goes}"));
    }
}
