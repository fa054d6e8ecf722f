//! `perfkit seed`: bad schemas, missing privileges, locks, and servers that stop, crash, fill up or change roles.

use std::os::unix::fs::{chown, symlink};
use std::path::PathBuf;
use std::process::Child;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::seed_load::{SCHEMA, State, WHOLE, database, expected, seed_args, spawn, state, wait_for};
use crate::support::cli::{Finished, finished, output, perfkit};
use crate::support::pg::{Database, SHARED, Server, unprivileged};

/// Commits that nobody waits for stay in the server's memory, so that a crash takes the last of them away.
const FORGETFUL: [&str; 4] =
    ["listen_addresses=", "wal_writer_delay=10s", "wal_writer_flush_after=1GB", "bgwriter_lru_maxpages=0"];
/// Chunks of a few thousand rows, and parents of several chunks.
const MANY_CHUNKS: [&str; 5] = ["--throttle", "--streams", "2", "--rows", "members=12000"];

fn ended(child: Child) -> Finished {
    finished(&output(child))
}

static MANY: LazyLock<State> = LazyLock::new(|| expected(&MANY_CHUNKS));

/// Rows of whole chunks alone are there.
fn has_whole_chunks(database: &Database, table: &str, step: u32) {
    let rows = database.value(&format!("SELECT count(*) FROM {table}"));
    let in_manifest = format!("SELECT coalesce(sum(n_rows), 0) FROM perfkit.seed_chunk WHERE step = {step}");
    assert_eq!(rows, database.value(&in_manifest), "{table}");
}

/// Kills a session of a server as a bug in it would, so that all of them end and the server recovers from its log. All have ended
/// when this returns.
fn crash(database: &Database) {
    let pid = database.value(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
         AND backend_type = 'client backend' LIMIT 1",
    );
    let pid = Pid::from_raw(pid.parse().expect("a process"));
    nix::sys::signal::kill(pid, Signal::SIGKILL).expect("it is ours");
    // Ended with all others, or refused at once.
    let ended = database.try_query("SELECT pg_sleep(10)");
    assert!(ended.is_err(), "the server does not crash");
}

#[test]
fn rows_that_an_older_transaction_keeps_from_index_only_scans_are_named() {
    let database = Database::create();
    database.execute("CREATE TABLE t (id int PRIMARY KEY)");
    let shown = "SELECT relallvisible = relpages FROM pg_class WHERE relname = 't'";
    let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    let args = ["seed", "--t", "1000", "--yes"];
    let run = database.while_session(snapshot, || perfkit(&args).on(&database).succeeds());
    let said = "cannot be marked as visible to all while a transaction is older than they are";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert_eq!(database.value(shown), "f");
    // One that ends soon is waited for.
    let short =
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SET idle_in_transaction_session_timeout = 800; SELECT 1";
    let args = ["seed", "--t", "1000", "--append", "--yes"];
    let run = database.while_session(short, || perfkit(&args).on(&database).succeeds());
    assert!(!run.stderr.contains("visible to all"), "{}", run.stderr);
    assert_eq!(database.value(shown), "t");
}

#[test]
fn what_cannot_be_filled_is_named_before_rows_are_loaded() {
    let database = Database::create();
    database.load(
        "CREATE TABLE fine (id int PRIMARY KEY);
         CREATE TABLE torn (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, CONSTRAINT torn CHECK (a > b AND b > a));
         CREATE TABLE below (id int PRIMARY KEY, torn_id int NOT NULL REFERENCES torn);
         CREATE FUNCTION no(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
         CREATE TABLE opaque (id int PRIMARY KEY, CONSTRAINT never CHECK (no(id)));
         CREATE TABLE base (id int PRIMARY KEY, CONSTRAINT no_own CHECK (false) NO INHERIT);
         CREATE TABLE bare (id int, at date) PARTITION BY RANGE (at);
         CREATE TABLE few (id int, part int NOT NULL) PARTITION BY LIST (part);
         CREATE TABLE few_7 PARTITION OF few FOR VALUES IN (7)",
    );
    let plan = perfkit(&["seed", "--dry-run"]).on(&database).exits(1);
    let run = perfkit(&["seed", "--yes", "--rows", "few=50"]).on(&database).exits(1);
    for (table, reason) in [
        ("torn", "torn"),
        ("below", "torn"),
        ("opaque", "never"),
        ("base", "no_own lets no row be its own"),
        ("bare", "partition"),
    ] {
        let line = format!("table public.{table} gets no rows: ");
        for said in [&plan.stdout, &run.stderr] {
            let said = said.lines().find_map(|it| it.split_once(&line));
            assert!(
                said.is_some_and(|(_, why)| why.contains(reason)),
                "{table}: {}{}",
                plan.stdout,
                run.stderr
            );
        }
        assert_eq!(database.value(&format!("SELECT count(*) FROM {table}")), "0");
    }
    assert_ne!(database.value("SELECT count(*) FROM fine"), "0");
    assert_eq!(database.value("SELECT count(*) FROM few_7"), "50");
}

#[test]
fn a_partition_that_goes_meanwhile_is_said_and_waited_for() {
    let database = Database::create();
    let create = "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (15000) TO (30001)";
    database.execute(&format!(
        "CREATE TABLE p (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (15000); {create}"
    ));
    let args = ["seed", "--yes", "--rows", "p=30000", "--throttle", "--streams", "1"];
    let whole = "SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM p";
    perfkit(&args).on(&database).succeeds();
    let md5 = database.value(whole);
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    let (mut child, _folder) = perfkit(&args).on(&database).spawn();
    assert!(wait_for(&database, &mut child, 5_000), "it ended before");
    database.execute("DROP TABLE p2");
    let run = ended(child);
    assert_eq!(run.status, 3, "{}", run.stderr);
    for part in ["does not exist", "perfkit seed --resume 20"] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }
    has_whole_chunks(&database, "p", 0);
    database.execute(create);
    perfkit(&["seed", "--resume"]).on(&database).succeeds();
    assert_eq!(database.value(whole), md5);
}

#[test]
fn missing_privileges_are_said_before_rows_are_loaded() {
    let database = Database::create();
    database.execute(
        "CREATE ROLE filler LOGIN;
         CREATE TABLE mine (id bigserial PRIMARY KEY, name text);
         CREATE TABLE theirs (id bigserial PRIMARY KEY);
         CREATE TABLE of_theirs (id bigserial PRIMARY KEY, theirs_id bigint NOT NULL REFERENCES theirs);
         GRANT SELECT, INSERT ON mine, of_theirs TO filler;
         GRANT SELECT ON theirs TO filler",
    );
    let url = database.url_for("filler");
    let fill = || perfkit(&["seed", "--yes", "--rows", "mine=100"]).env("DATABASE_URL", &url);
    fill()
        .fails(3, &["could not create the manifest", "permission denied", "CREATE SCHEMA perfkit", "42501"]);
    assert_eq!(database.value("SELECT count(*) FROM mine"), "0");
    database.execute("CREATE SCHEMA perfkit; GRANT CREATE, USAGE ON SCHEMA perfkit TO filler");
    let run = fill().exits(1);
    for part in [
        "table public.theirs gets no rows: ",
        "table public.of_theirs gets no rows: ",
        "this role may not set sequence public.mine_id_seq; have its owner run: SELECT setval('public.mine_id_seq', 100)",
    ] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }
    assert_eq!(database.value("SELECT count(*) FROM mine"), "100");
    assert_eq!(database.value("SELECT count(*) FROM of_theirs"), "0");
    // Without the privilege to delete nothing is half deleted.
    perfkit(&["seed", "clean", "--yes"])
        .env("DATABASE_URL", &url)
        .fails(3, &["permission denied", "mine", "perfkit seed clean --run 20"]);
    assert_eq!(database.value("SELECT count(*) FROM mine"), "100");
    database.execute("GRANT DELETE ON mine TO filler");
    perfkit(&["seed", "clean", "--yes"]).env("DATABASE_URL", &url).succeeds();
    // A privilege that goes meanwhile ends the run, which goes on when it is back.
    let args = ["seed", "--yes", "--rows", "mine=40000", "--throttle", "--streams", "1"];
    database.execute("GRANT UPDATE, USAGE ON SEQUENCE mine_id_seq TO filler");
    let (mut child, _folder) = perfkit(&args).env("DATABASE_URL", &url).spawn();
    assert!(wait_for(&database, &mut child, 5_000), "it ended before");
    database.execute("REVOKE INSERT ON mine FROM filler");
    let run = ended(child);
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.stderr.contains("permission denied for table mine"), "{}", run.stderr);
    has_whole_chunks(&database, "mine", 0);
    database.execute("GRANT INSERT ON mine TO filler");
    perfkit(&["seed", "--resume"]).env("DATABASE_URL", &url).exits(1);
    assert_eq!(database.value("SELECT count(*) FROM mine"), "40000");
    assert_eq!(database.value("SELECT last_value FROM mine_id_seq"), "40000");
}

#[test]
fn a_locked_table_is_named_and_waited_for() {
    let database = database();
    let args = [&MANY_CHUNKS[..], &["--lock-timeout", "50ms"]].concat();
    database.while_session("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE", || {
        perfkit(&seed_args(&args)).on(&database).fails(3, &["lock timeout", "public.events", "55P03"]);
    });
    assert_eq!(database.value("SELECT count(*) FROM teams"), "0");
    // For less than the run waits.
    let args = [&MANY_CHUNKS[..], &["--lock-timeout", "500ms"]].concat();
    let (mut child, _folder) = spawn(&database, &args);
    assert!(wait_for(&database, &mut child, 20_000), "it ended before");
    let waits = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'events'::regclass";
    database.while_session("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE", || {
        while database.value(waits) == "f" {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let run = ended(child);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(state(&database), *MANY);
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    // For longer.
    let args = [&MANY_CHUNKS[..], &["--lock-timeout", "20ms"]].concat();
    let (mut child, _folder) = spawn(&database, &args);
    assert!(wait_for(&database, &mut child, 20_000), "it ended before");
    let run = database.while_session("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE", || ended(child));
    assert_eq!(run.status, 3, "{}", run.stderr);
    for part in ["lock timeout", "events", "perfkit seed --resume 20"] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }
    perfkit(&["seed", "--resume"]).on(&database).succeeds();
    assert_eq!(state(&database), *MANY);
}

/// Lets a file of a table take no byte, as on a disk without space, until it is given back.
struct FullDisk {
    file: PathBuf,
}

impl FullDisk {
    fn of(database: &Database, table: &str) -> Self {
        let path = database.value(&format!("SELECT pg_relation_filepath('{table}')"));
        let file = SHARED.folder.join("data").join(path);
        assert_eq!(std::fs::metadata(&file).expect("the table has a file").len(), 0);
        std::fs::remove_file(&file).expect("it is ours");
        symlink("/dev/full", &file).expect("it is ours");
        Self { file }
    }

    fn end(self) {
        std::fs::remove_file(&self.file).expect("it is ours");
        std::fs::write(&self.file, "").expect("it is ours");
        if let Some((uid, gid)) = unprivileged() {
            chown(&self.file, Some(uid), Some(gid)).expect("root can give files away");
        }
    }
}

#[test]
fn a_full_disk_ends_a_run_which_goes_on_when_there_is_space() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE p (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (12000);
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (12000) TO (30001)",
    );
    let args = ["seed", "--yes", "--rows", "p=30000", "--throttle", "--streams", "2", "--no-rehearsal"];
    let whole = "SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM p";
    perfkit(&args).on(&database).succeeds();
    let md5 = database.value(whole);
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    database.execute("TRUNCATE p");
    let disk = FullDisk::of(&database, "p2");
    perfkit(&args).on(&database).fails(
        3,
        &[
            "could not copy rows into table \"p\"",
            "No space left on device",
            "53100",
            "Free disk space",
            "seed --resume 20",
        ],
    );
    disk.end();
    assert_eq!(database.value("SELECT count(*) FROM p2"), "0");
    has_whole_chunks(&database, "p", 0);
    perfkit(&["seed", "--resume"]).on(&database).succeeds();
    assert_eq!(database.value(whole), md5);
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let server = Server::start("", &FORGETFUL, 5432);
    for (n, mode) in ["fast", "immediate"].into_iter().enumerate() {
        let database = server.database(&format!("restarted_{n}"));
        database.execute(SCHEMA);
        let (mut child, _folder) = spawn(&database, &MANY_CHUNKS);
        assert!(wait_for(&database, &mut child, 40_000), "it ended before");
        server.control(&["restart", "-m", mode]);
        let run = ended(child);
        assert_eq!(run.status, 0, "{mode}: {}", run.stderr);
        assert!(run.stderr.contains("a session was lost, another is opened"), "{}", run.stderr);
        assert_eq!(state(&database), *MANY, "{mode}: {}", run.stderr);
    }
}

#[test]
fn commits_that_a_crash_takes_away_come_again() {
    let server = Server::start("", &FORGETFUL, 5432);
    let mut n_lost = 0;
    // While parents are loaded, and children.
    for (n, n_rows) in [7_000, 40_000].into_iter().enumerate() {
        let database = server.database(&format!("crashed_{n}"));
        database.execute(SCHEMA);
        let (mut child, _folder) = spawn(&database, &MANY_CHUNKS);
        assert!(wait_for(&database, &mut child, n_rows), "it ended before");
        crash(&database);
        let run = ended(child);
        assert_eq!(run.status, 0, "{}", run.stderr);
        n_lost += usize::from(run.stderr.contains("the server has lost"));
        assert_eq!(state(&database), *MANY, "{}", run.stderr);
    }
    assert!(n_lost > 0, "nothing was lost: this proves nothing");
    // With perfkit at the same moment.
    let database = server.database("crashed_with_perfkit");
    database.execute(SCHEMA);
    let (mut child, _folder) = spawn(&database, &MANY_CHUNKS);
    assert!(wait_for(&database, &mut child, 30_000), "it ended before");
    crash(&database);
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    wait_until_ready(&database);
    perfkit(&["seed", "--resume"]).on(&database).succeeds();
    assert_eq!(state(&database), *MANY);
}

#[test]
fn unlogged_tables_that_a_crash_empties_are_filled_again() {
    let server = Server::start("", &FORGETFUL, 5432);
    let database = server.database("unlogged");
    database.execute(
        "CREATE UNLOGGED TABLE parents (id int PRIMARY KEY, name text);
         CREATE UNLOGGED TABLE children (id int PRIMARY KEY, parent_id int NOT NULL REFERENCES parents);
         CREATE TABLE kept (id int PRIMARY KEY, name text)",
    );
    let rows = ["--rows", "parents=12000", "--rows", "children=20000", "--rows", "kept=40000"];
    let args = [&["seed", "--yes", "--throttle", "--streams", "2"], &rows[..]].concat();
    let contents = || {
        ["parents", "children", "kept"].map(|table| {
            database.value(&format!(
                "SELECT count(*) || md5(string_agg(t::text, ',' ORDER BY id)) FROM {table} AS t"
            ))
        })
    };
    perfkit(&args).on(&database).succeeds();
    let expected = contents();
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    for is_resumed in [false, true] {
        let (mut child, _folder) = perfkit(&args).on(&database).spawn();
        assert!(wait_for(&database, &mut child, 40_000), "it ended before");
        crash(&database);
        if is_resumed {
            child.kill().expect("it is ours");
            child.wait().expect("it ends");
            wait_until_ready(&database);
            perfkit(&["seed", "--resume"]).on(&database).succeeds();
        } else {
            let run = ended(child);
            assert_eq!(run.status, 0, "{}", run.stderr);
        }
        assert_eq!(contents(), expected);
        perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    }
}

#[test]
fn a_server_that_comes_back_as_a_standby_is_waited_for() {
    let server = Server::start("", &FORGETFUL, 5432);
    let database = server.database("demoted");
    database.execute(SCHEMA);
    let (mut child, _folder) = spawn(&database, &MANY_CHUNKS);
    assert!(wait_for(&database, &mut child, 40_000), "it ended before");
    std::fs::write(server.folder.join("data/standby.signal"), "").expect("it is ours");
    server.control(&["restart", "-m", "fast"]);
    // Until perfkit has seen it.
    let seen = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'perfkit'";
    while database.value(seen) == "f" {
        std::thread::sleep(Duration::from_millis(1));
    }
    server.control(&["promote"]);
    let run = ended(child);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(state(&database), *MANY, "{}", run.stderr);
}

fn wait_until_ready(database: &Database) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while database.try_query("SELECT 1").is_err() {
        assert!(Instant::now() < deadline, "the server does not come back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn limits_of_the_role_do_not_end_a_run() {
    let database = database();
    database.execute(
        "CREATE ROLE hasty LOGIN SUPERUSER;
         ALTER ROLE hasty SET statement_timeout = '500ms';
         ALTER ROLE hasty SET lock_timeout = '1ms';
         ALTER ROLE hasty SET idle_in_transaction_session_timeout = '200ms';
         ALTER ROLE hasty SET synchronous_commit = off;
         ALTER ROLE hasty SET default_transaction_read_only = on",
    );
    if crate::support::pg::major() >= 17 {
        database.execute("ALTER ROLE hasty SET transaction_timeout = '500ms'");
    }
    database.execute("ALTER ROLE hasty SET idle_session_timeout = '200ms'");
    let url = database.url_for("hasty");
    perfkit(&seed_args(&[])).env("DATABASE_URL", &url).succeeds();
    assert_eq!(state(&database), *WHOLE);
    perfkit(&["seed", "clean", "--yes"]).env("DATABASE_URL", &url).succeeds();
    let (mut child, _folder) = spawn(&database, &[]);
    wait_for(&database, &mut child, 20_000);
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    perfkit(&["seed", "--resume"]).env("DATABASE_URL", &url).succeeds();
    assert_eq!(state(&database), *WHOLE);
}

#[test]
fn refused_rows_of_tables_in_a_cycle_are_replaced() {
    let schema = "
        CREATE TABLE rooms (id bigserial PRIMARY KEY, track_id bigint NOT NULL, size int NOT NULL);
        CREATE TABLE tracks (id bigserial PRIMARY KEY, room_id bigint NOT NULL REFERENCES rooms, size int NOT NULL);
        ALTER TABLE rooms ADD FOREIGN KEY (track_id) REFERENCES tracks;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF NEW.id % 97 = 5 AND NEW.size % 2 = 0 THEN RAISE ''odd ones only''; END IF; RETURN NEW; END'";
    let args = ["seed", "--yes", "--rows", "rooms=400", "--rows", "tracks=600", "--no-rehearsal"];
    let md5 = |database: &Database| {
        ["rooms", "tracks"].map(|table| {
            database.value(&format!(
                "SELECT count(*) || md5(string_agg(t::text, ',' ORDER BY id)) FROM {table} t"
            ))
        })
    };
    let mut first = None;
    for streams in ["1", "2"] {
        let database = Database::create();
        database.load(schema);
        database
            .execute("CREATE TRIGGER refuse BEFORE INSERT ON tracks FOR EACH ROW EXECUTE FUNCTION refuse()");
        let run = perfkit(&[&args[..], &["--streams", streams]].concat()).on(&database).succeeds();
        assert!(run.stderr.contains(" of tracks was refused"), "{}", run.stderr);
        assert_eq!(database.value("SELECT count(*) FROM tracks WHERE id % 97 = 5 AND size % 2 = 0"), "0");
        let md5 = md5(&database);
        assert!(md5[0].starts_with("400") && md5[1].starts_with("600"), "{md5:?}");
        assert_eq!(*first.get_or_insert_with(|| md5.clone()), md5);
    }
    // What the server says only after foreign keys of the single row, it says for all rows at once.
    let database = Database::create();
    database.load(schema);
    database.execute("CREATE TRIGGER refuse AFTER INSERT ON tracks FOR EACH ROW EXECUTE FUNCTION refuse()");
    perfkit(&args)
        .on(&database)
        .fails(3, &["odd ones only", "rooms, tracks refer to each other", "seed --resume 20"]);
    assert_eq!(database.value("SELECT count(*) FROM rooms"), "0");
}

#[test]
fn without_triggers_foreign_keys_are_checked_at_the_end() {
    let database = database();
    database.load(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''never''; END';
         CREATE TRIGGER shout BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION shout()",
    );
    let run = perfkit(&seed_args(&["--triggers=off"])).on(&database).succeeds();
    // Of members two, events, rooms, tracks, and of the ring three.
    assert!(run.stderr.contains("triggers were off: checking 8 foreign keys"), "{}", run.stderr);
    assert_eq!(state(&database), *WHOLE);

    // A row goes while nobody looks.
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    let (mut child, _folder) = spawn(&database, &["--triggers", "off", "--throttle"]);
    assert!(wait_for(&database, &mut child, 20_000), "it ended before");
    database.load("SET session_replication_role = replica; DELETE FROM teams WHERE id = 1");
    let run = ended(child);
    assert_eq!(run.status, 3, "{}", run.stderr);
    for part in [
        "rows of table public.members break foreign key \"members_team_id_fkey\"",
        "perfkit seed clean --run",
    ] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }

    let database = Database::create();
    database.execute("CREATE TABLE t (id int); GRANT ALL ON t TO nobody_special");
    perfkit(&["seed", "--yes", "--triggers=off"])
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .fails(3, &["could not switch triggers off", "42501", "Leave out `--triggers=off`"]);
}
