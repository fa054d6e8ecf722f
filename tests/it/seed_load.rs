//! `perfkit seed`: whatever ends a run, it can be resumed to the same bytes, or cleaned to what was there before.

use std::process::Child;
use std::sync::LazyLock;
use std::time::Duration;

use crate::support::cli::{finished, output, perfkit};
use crate::support::pg::Database;

const AS_OF: &str = "2026-01-31";

/// Parents, children, a self reference, NOT NULL cycles of two and of three tables, row-level security, and a table of strangers' rows.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE teams (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, details jsonb);
    CREATE TABLE members (id bigserial PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams,
        manager_id bigint REFERENCES members, email text NOT NULL UNIQUE, joined_at timestamptz NOT NULL);
    CREATE TABLE events (id bigserial PRIMARY KEY, member_id bigint NOT NULL REFERENCES members, kind smallint NOT NULL,
        note text NOT NULL, at timestamptz NOT NULL);
    CREATE INDEX events_by_member ON events (member_id);
    CREATE TABLE rooms (id bigserial PRIMARY KEY, track_id bigint NOT NULL);
    CREATE TABLE tracks (id bigserial PRIMARY KEY, room_id bigint NOT NULL REFERENCES rooms);
    ALTER TABLE rooms ADD FOREIGN KEY (track_id) REFERENCES tracks;
    CREATE TABLE ring_a (id bigserial PRIMARY KEY, b_id bigint NOT NULL);
    CREATE TABLE ring_b (id bigserial PRIMARY KEY, c_id bigint NOT NULL);
    CREATE TABLE ring_c (id bigserial PRIMARY KEY, a_id bigint NOT NULL REFERENCES ring_a);
    ALTER TABLE ring_a ADD FOREIGN KEY (b_id) REFERENCES ring_b;
    ALTER TABLE ring_b ADD FOREIGN KEY (c_id) REFERENCES ring_c;
    CREATE TABLE labels (word text, rank int)";

const TABLES: [&str; 9] =
    ["teams", "members", "events", "rooms", "tracks", "ring_a", "ring_b", "ring_c", "labels"];

const ROWS: [&str; 9] = [
    "teams=300",
    "members=4000",
    "events=60000",
    "rooms=50",
    "tracks=400",
    "ring_a=30",
    "ring_b=20",
    "ring_c=90",
    "labels=1000",
];

pub(crate) fn database() -> Database {
    let database = Database::create();
    database.execute(SCHEMA);
    database
}

pub(crate) fn seed_args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["seed", "--as-of", AS_OF, "--yes"];
    args.extend(ROWS.iter().flat_map(|rows| ["--rows", rows]));
    args.extend(more);
    args
}

pub(crate) fn seed(database: &Database, more: &[&str]) {
    perfkit(&seed_args(more)).on(database).succeeds();
}

/// The contents of all tables, and their definitions.
pub(crate) type State = (Vec<String>, Vec<String>);

pub(crate) fn state(database: &Database) -> State {
    (fingerprint(database), definitions(database))
}

/// Returns what a run of those arguments leaves that nobody disturbs.
pub(crate) fn expected(more: &[&str]) -> State {
    let whole = database();
    seed(&whole, more);
    let expected = state(&whole);
    whole.remove();
    expected
}

/// What a run without further arguments is to leave.
pub(crate) static WHOLE: LazyLock<State> = LazyLock::new(|| expected(&[]));

pub(crate) fn spawn(database: &Database, more: &[&str]) -> (Child, tempfile::TempDir) {
    perfkit(&seed_args(more)).on(database).spawn()
}

/// The contents of all tables with the positions of all sequences.
pub(crate) fn fingerprint(database: &Database) -> Vec<String> {
    let tables = TABLES.iter().map(|table| {
        database.value(&format!(
            "SELECT '{table} ' || count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') FROM {table} AS t"
        ))
    });
    let sequences = database.value(
        "SELECT string_agg(sequencename || coalesce(last_value::text, '-'), ' ' ORDER BY sequencename) FROM pg_sequences
         WHERE schemaname = 'public'",
    );
    tables.chain([sequences]).collect()
}

/// Indexes and constraints, as the catalog says them.
pub(crate) fn definitions(database: &Database) -> Vec<String> {
    database.query(
        "SELECT pg_get_indexdef(indexrelid) || indisvalid FROM pg_index JOIN pg_class c ON c.oid = indrelid
         WHERE c.relnamespace = 'public'::regnamespace
         UNION ALL
         SELECT conname || pg_get_constraintdef(oid) || convalidated FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace ORDER BY 1",
    )
}

/// Waits until so many rows have been sent or committed; false if the run has ended before.
pub(crate) fn wait_for(database: &Database, child: &mut Child, n_rows: u64) -> bool {
    let has_manifest = "SELECT to_regclass('perfkit.seed_chunk') IS NOT NULL";
    let seen = "SELECT (SELECT coalesce(sum(n_rows), 0) FROM perfkit.seed_chunk)
                     + (SELECT coalesce(sum(tuples_processed), 0) FROM pg_stat_progress_copy WHERE datname = current_database())";
    loop {
        if database.value(has_manifest) == "t"
            && database.value(seen).parse::<u64>().expect("a sum") >= n_rows
        {
            return true;
        }
        if child.try_wait().expect("it can be waited for").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn any_number_of_streams_loads_the_same_rows_and_keeps_the_schema() {
    let mut all = Vec::new();
    for streams in ["1", "2", "8"] {
        let database = database();
        let before = definitions(&database);
        seed(&database, &["--streams", streams]);
        assert_eq!(definitions(&database), before);
        all.push(fingerprint(&database));
    }
    assert!(all[0][2].starts_with("events 60000 "), "{:?}", all[0]);
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
}

#[test]
fn a_killed_run_is_resumed_to_the_same_bytes() {
    for n_rows in [0_u64, 1, 301, 4_500, 20_000, 40_000, 60_000, 65_000, 66_500] {
        let database = database();
        let (mut child, _folder) = spawn(&database, &["--streams", "2"]);
        let is_cut = wait_for(&database, &mut child, n_rows);
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        if is_cut {
            let resumed = perfkit(&["seed", "--resume", "--yes"]).on(&database).run();
            // It may have ended in the moment of the kill.
            assert!(resumed.status == 0 || resumed.stderr.contains("no run"), "{n_rows}: {}", resumed.stderr);
            // Or before its plan was in the manifest: then there is nothing.
            if database.value("SELECT count(*) FROM perfkit.seed_run") == "0" {
                seed(&database, &[]);
            }
        }
        assert_eq!(state(&database), *WHOLE, "{n_rows}");
    }
}

#[test]
fn a_killed_run_is_cleaned_to_what_was_there_before() {
    for n_rows in [1_u64, 20_000, 65_000] {
        let database = database();
        database.execute("INSERT INTO labels VALUES ('mine', 1), ('mine', 1), (NULL, NULL)");
        let before = state(&database);
        let (mut child, _folder) = spawn(&database, &["--append"]);
        wait_for(&database, &mut child, n_rows);
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
        assert_eq!(state(&database), before, "{n_rows}");
    }
}

#[test]
fn clean_can_be_killed_too() {
    let database = database();
    let before = state(&database);
    seed(&database, &[]);
    let n_chunks = "SELECT count(*) FROM perfkit.seed_chunk";
    let all: u64 = database.value(n_chunks).parse().expect("a count");
    let (mut child, _folder) = perfkit(&["seed", "clean", "--yes"]).on(&database).spawn();
    while child.try_wait().expect("it can be waited for").is_none()
        && database.value(n_chunks).parse::<u64>().expect("a count") + 2 > all
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    assert_eq!(state(&database), before);
}

#[test]
fn terminated_backends_are_replaced() {
    let database = database();
    let (mut child, _folder) = spawn(&database, &["--streams", "2"]);
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'";
    let mut n_killed = 0;
    for n_rows in [4_500_u64, 20_000, 40_000] {
        if wait_for(&database, &mut child, n_rows) {
            n_killed += database.query(kill).len();
        }
    }
    let run = finished(&output(child));
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(n_killed > 0, "nothing was killed");
    assert_eq!(fingerprint(&database), WHOLE.0);
}

#[test]
fn ctrl_c_leaves_whole_chunks_and_says_how_to_go_on() {
    let database = database();
    let (mut child, _folder) = spawn(&database, &[]);
    assert!(wait_for(&database, &mut child, 20_000), "it ended before");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it is there");
    let run = finished(&output(child));
    assert_eq!(run.status, 130, "{}", run.stderr);
    assert!(run.stderr.contains("perfkit seed --resume 20"), "{}", run.stderr);
    let copying = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'";
    // The server undoes what was cancelled.
    while database.value(copying) != "0" {
        std::thread::sleep(Duration::from_millis(1));
    }
    perfkit(&["seed", "--resume", "--yes"]).on(&database).succeeds();
    assert_eq!(fingerprint(&database), WHOLE.0);
}

#[test]
fn two_at_once_do_not_mix() {
    let database = database();
    let (mut child, _folder) = spawn(&database, &[]);
    assert!(wait_for(&database, &mut child, 1), "it ended before");
    let second = perfkit(&["seed", "--resume", "--yes"]).on(&database).run();
    let first = finished(&output(child));
    assert_eq!(first.status, 0, "{}", first.stderr);
    // It waits a while for a perfkit that was killed; one that has ended meanwhile leaves nothing to resume.
    assert!(
        second.stderr.contains("another perfkit is seeding") || second.stderr.contains("no run"),
        "{}",
        second.stderr
    );
    assert_eq!(database.value("SELECT count(*) FROM events"), "60000");
}

#[test]
fn a_locked_table_and_missing_privileges_are_said() {
    let database = database();
    database.while_session("BEGIN; LOCK TABLE teams IN SHARE MODE", || {
        perfkit(&seed_args(&["--lock-timeout", "50ms"]))
            .on(&database)
            .fails(3, &["lock timeout", "perfkit seed --resume 20"]);
    });
    perfkit(&["seed", "--resume", "--yes"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM teams"), "300");

    let url = database.url_for("nobody_special");
    perfkit(&["seed", "clean", "--yes"]).env("DATABASE_URL", &url).fails(3, &["permission denied"]);
}

#[test]
fn strangers_rows_keep_a_run_from_being_cleaned() {
    let database = database();
    seed(&database, &[]);
    database.execute(
        "CREATE TABLE badges (member_id bigint REFERENCES members ON DELETE CASCADE);
         INSERT INTO badges VALUES (17)",
    );
    let before = fingerprint(&database);
    perfkit(&["seed", "clean", "--yes"])
        .on(&database)
        .fails(3, &["public.badges", "public.members", "--cascade"]);
    assert_eq!(fingerprint(&database), before);
    perfkit(&["seed", "clean", "--yes", "--cascade"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM badges"), "0");
}
