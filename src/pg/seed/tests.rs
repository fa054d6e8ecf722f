//! Loads and cleans hand-made plans on a server.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

use super::load::{Options, load, resume};
use super::{Event, clean};
use crate::cli::ConnectArgs;
use crate::config::Timeouts;
use crate::error::ExitStatus;
use crate::pg::connect::{Connection, Target};
use crate::pg::interrupt::Interrupt;
use crate::pg::server::Cluster;
use crate::pg::test_server;
use crate::seed::fixture::{plan, serial, table};
use crate::seed::keys::curve::Curve;
use crate::seed::keys::permutation::Permutation;
use crate::seed::make::{Draw, Maker, Piece, Template, Values};
use crate::seed::plan::{ColumnPlan, Edge, Nulls, Pick, Plan, Step, TablePlan};
use crate::seed::schema::{Sequence, TableId};
use crate::seed::size::work::{Task, Work};
use crate::seed::wire::Wire;

/// Two tables refer to each other, one has a trigger that refuses rows without naming them, one has no key.
const SCHEMA: &str = "
    CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE);
    CREATE TABLE orders (id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users,
        amount bigint NOT NULL CHECK (amount <> 7));
    CREATE TABLE rooms (id bigint PRIMARY KEY, track_id bigint NOT NULL);
    CREATE TABLE tracks (id bigint PRIMARY KEY, room_id bigint NOT NULL REFERENCES rooms);
    ALTER TABLE rooms ADD FOREIGN KEY (track_id) REFERENCES tracks;
    CREATE TABLE notes (kind bigint, word text);
    CREATE TABLE folders (id bigint PRIMARY KEY, parent_id bigint REFERENCES folders ON DELETE CASCADE);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.amount = 13 THEN RAISE 'no thirteen'; END IF; RETURN NULL; END $$;
    CREATE TRIGGER refuse AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse();
    INSERT INTO notes VALUES (1, 'mine'), (NULL, NULL), (0, 'n00');
    SELECT setval('orders_id_seq', 70)";

const TABLES: [&str; 6] = ["users", "orders", "rooms", "tracks", "notes", "folders"];

fn column(name: &str, key: u64, wire: Wire, draw: Draw, values: Values) -> ColumnPlan {
    ColumnPlan { key, wire, maker: Maker::Drawn { draw, values }, ..serial(name, 0, 1) }
}

fn refers(name: &str, parent: TableId, pick: Pick, nulls: Nulls) -> (ColumnPlan, Edge) {
    let column = ColumnPlan { maker: Maker::Reference { edge: 0, column: 0 }, ..serial(name, 0, 1) };
    let edge = Edge {
        name: name.to_owned(),
        parent,
        columns: vec![1],
        parent_columns: vec![0],
        pick,
        nulls,
        key: 77,
    };
    (column, edge)
}

fn with(
    name: &str,
    n_rows: u64,
    rows_per_chunk: u32,
    columns: Vec<ColumnPlan>,
    edges: Vec<Edge>,
) -> TablePlan {
    let fill_order = (0..).take(columns.len()).collect();
    TablePlan { columns, edges, fill_order, ..table(name, n_rows, rows_per_chunk) }
}

fn code(literal: &str, digits: u32) -> Values {
    let pieces = vec![Piece::Literal(literal.to_owned()), Piece::Code(digits)];
    Values::Template(Template { pieces, max_length: None })
}

fn shop() -> Plan {
    let sequence = |name: &str, last_value| Sequence {
        schema: "public".to_owned(),
        name: name.to_owned(),
        increment: 1,
        min: 1,
        max: i64::MAX,
        last_value,
        start: 1,
        may_update: true,
        is_owner: true,
    };
    let mut id = serial("id", 1, 1);
    id.sequence = Some(sequence("users_id_seq", None));
    let email = Draw::Permuted(Permutation::new(36_u64.pow(6), 5));
    let users =
        with("users", 700, 100, vec![id, column("email", 1, Wire::Bytes, email, code("u", 6))], Vec::new());

    let (user_id, user) = refers(
        "user_id",
        0,
        Pick::Drawn { curve: Curve::even(700, 1 << 62), ranks: Permutation::new(700, 3), born: None },
        Nulls::Never,
    );
    let mut id = serial("id", 1, 1);
    id.sequence = Some(sequence("orders_id_seq", Some(70)));
    let amount =
        column("amount", 2, Wire::Int8, Draw::Uniform { n: 900 }, Values::Int { low: 0, step: 1, n: 900 });
    let orders = TablePlan { base: 70, ..with("orders", 5_000, 300, vec![id, user_id, amount], vec![user]) };

    let wave = |name: &str, column: &str, n_rows, rows_per_chunk, parent| {
        let (reference, edge) = refers(column, parent, Pick::Wave, Nulls::Never);
        let table = with(name, n_rows, rows_per_chunk, vec![serial("id", 1, 1), reference], vec![edge]);
        TablePlan { is_staged: true, ..table }
    };
    let rooms = wave("rooms", "track_id", 40, 10, 3);
    let tracks = wave("tracks", "room_id", 200, 50, 2);
    let kind = column("kind", 3, Wire::Int8, Draw::Uniform { n: 3 }, Values::Int { low: 0, step: 1, n: 3 });
    let word = column("word", 4, Wire::Bytes, Draw::Uniform { n: 4 }, code("n", 2));
    let word = ColumnPlan { nulls: Nulls::Share(1 << 31), ..word };
    let notes = with("notes", 500, 200, vec![kind, word], Vec::new());
    let (parent_id, parent) =
        refers("parent_id", 5, Pick::Tree { roots: 1 << 30, not_self: false }, Nulls::Share(1 << 30));
    let folders = with("folders", 600, 200, vec![serial("id", 1, 1), parent_id], vec![parent]);
    let steps = vec![Step::Table(0), Step::Table(1), Step::Wave(vec![2, 3]), Step::Table(4), Step::Table(5)];
    Plan { steps, ..plan(vec![users, orders, rooms, tracks, notes, folders]) }
}

struct Place {
    target: Target,
    connection: Connection,
}

async fn database(cluster: &Cluster, schema: &str) -> Place {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("loaded_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = test_server::connect(cluster, "postgres").await;
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let connection = test_server::connect(cluster, &name).await;
    connection.batch_execute(schema).await.unwrap();
    let timeouts = Timeouts::new(&ConnectArgs::default(), None);
    Place { target: cluster.target(&name, timeouts).unwrap(), connection }
}

impl Place {
    async fn text(&self, sql: &str) -> String {
        let row =
            self.connection.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        row.get::<_, Option<String>>(0).unwrap_or_default()
    }

    /// The contents of all tables, in one string a table.
    async fn contents(&self) -> Vec<String> {
        let mut all = Vec::new();
        for table in TABLES {
            let md5 = format!(
                "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') FROM {table} AS t"
            );
            all.push(format!("{table} {}", self.text(&md5).await));
        }
        all
    }

    async fn sequences(&self) -> String {
        self.text(
            "SELECT string_agg(sequencename || ' ' || coalesce(last_value::text, '-'), ', ' ORDER BY sequencename)
             FROM pg_sequences WHERE schemaname = 'public'",
        )
        .await
    }

    async fn clean(&self) -> Vec<u64> {
        let options = clean::Options { run: None, cascade: false, are_triggers_off: false, n_streams: 2 };
        let cleaned = clean::clean(&self.target, &Interrupt::new(), options, &ignore).await.unwrap();
        cleaned.expect("there is a run").n_rows
    }
}

fn ignore(_: Event<'_>) {}

/// What a run has said of its work.
#[derive(Default)]
struct Told {
    works: Vec<Work>,
    done: Vec<(Task, u64)>,
}

impl Told {
    fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Works(works) => self.works.clone_from(works),
            Event::Loaded { table, n_rows, .. } => self.done.push((Task::Rows(*table), *n_rows)),
            Event::Step { task, .. } => self.done.push((*task, 1)),
            _ => {}
        }
    }

    /// Returns the tasks in the order of the plan; each was done as a whole, and no other but what nobody foresees: that a chunk which
    /// was cut has left an index with room.
    fn done_as_planned(self) -> Vec<Task> {
        let is_planned = |task: &Task| self.works.iter().any(|work| work.task == *task);
        assert!(
            self.done.iter().all(|(task, _)| is_planned(task) || matches!(task, Task::Loose(_))),
            "{:?}",
            self.done
        );
        for work in &self.works {
            let n: u64 = self.done.iter().filter(|(task, _)| *task == work.task).map(|(_, n)| n).sum();
            assert_eq!(n, work.n_units, "{work:?}");
        }
        self.works.iter().map(|work| work.task).collect()
    }
}

fn streams(n_streams: usize) -> Options {
    Options { n_streams, keep_indexes: false, throttle: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_the_same_over_any_number_of_streams_and_go_again() {
    let cluster = test_server::start().await;
    let mut first: Option<Vec<String>> = None;
    for n_streams in [1, 2, 8] {
        let place = database(&cluster, SCHEMA).await;
        let before = (place.contents().await, place.sequences().await);
        let loaded =
            load(&place.target, &Interrupt::new(), streams(n_streams), shop(), &ignore).await.unwrap();
        assert_eq!(loaded.n_rows, 7_040);
        // Of 5,000 amounts below 900 some are 7, which a constraint refuses with their line, and some 13, without.
        assert!(loaded.n_patches > 2, "{}", loaded.n_patches);
        let contents = place.contents().await;
        assert!(
            contents[0].starts_with("users 700 ") && contents[4].starts_with("notes 503 "),
            "{contents:?}"
        );
        assert_eq!(*first.get_or_insert_with(|| contents.clone()), contents, "{n_streams} streams");
        assert_eq!(place.sequences().await, "orders_id_seq 5070, users_id_seq 700");

        assert_eq!(place.clean().await, [700, 5_000, 40, 200, 500, 600]);
        assert_eq!((place.contents().await, place.sequences().await), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_cut_short_goes_on() {
    let cluster = test_server::start().await;
    let whole = database(&cluster, SCHEMA).await;
    load(&whole.target, &Interrupt::new(), streams(2), shop(), &ignore).await.unwrap();
    let expected = whole.contents().await;
    for n_chunks in [0, 1, 5, 9, 17, 26, 30] {
        let place = database(&cluster, SCHEMA).await;
        let before = (place.contents().await, place.sequences().await);
        // As if it were killed: all its sessions close at once, wherever they are.
        let (left, cut) = (Cell::new(n_chunks), Notify::new());
        let count = |event: Event<'_>| {
            if matches!(event, Event::Loaded { .. } | Event::Begun { .. }) {
                if left.get() == 0 {
                    cut.notify_one();
                }
                left.set(left.get() - 1);
            }
        };
        let interrupt = Interrupt::new();
        tokio::select! {
            biased;
            () = cut.notified() => {}
            _ = load(&place.target, &interrupt, streams(3), shop(), &count) => panic!("it was not cut"),
        }
        if n_chunks % 2 == 0 {
            place.clean().await;
            assert_eq!((place.contents().await, place.sequences().await), before, "{n_chunks}");
            continue;
        }
        let loaded = resume(&place.target, &Interrupt::new(), streams(2), None, &ignore).await.unwrap();
        assert!(loaded.n_rows < 7_040);
        assert_eq!(place.contents().await, expected, "{n_chunks}");
        let nothing = resume(&place.target, &Interrupt::new(), streams(2), None, &ignore).await.unwrap_err();
        assert_eq!(nothing.status(), ExitStatus::Usage, "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_sessions_are_replaced() {
    let cluster = test_server::start().await;
    let whole = database(&cluster, SCHEMA).await;
    load(&whole.target, &Interrupt::new(), streams(2), shop(), &ignore).await.unwrap();
    let place = database(&cluster, SCHEMA).await;
    let (n_lost, n_loaded, more) = (Cell::new(0), Cell::new(0), Notify::new());
    let on = |event: Event<'_>| match event {
        Event::Lost(_) => n_lost.set(n_lost.get() + 1),
        Event::Loaded { .. } => {
            n_loaded.set(n_loaded.get() + 1);
            more.notify_one();
        }
        _ => {}
    };
    let killing = async {
        loop {
            more.notified().await;
            if n_loaded.get() % 5 == 1 {
                // The one that holds the lock, too.
                let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                            AND pid <> pg_backend_pid()";
                place.connection.query(kill, &[]).await.unwrap();
            }
        }
    };
    let interrupt = Interrupt::new();
    tokio::select! {
        loaded = load(&place.target, &interrupt, streams(2), shop(), &on) => drop(loaded.unwrap()),
        () = killing => {}
    }
    assert!(n_lost.get() > 0);
    assert_eq!(place.contents().await, whole.contents().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_of_large_tables_are_away_meanwhile_and_come_back() {
    let schema = "CREATE TABLE large (id bigint PRIMARY KEY, n bigint NOT NULL);
        CREATE INDEX by_n ON large (n) WITH (fillfactor = 70);
        COMMENT ON INDEX by_n IS 'mine';
        CREATE INDEX ON large ((n % 10)) WHERE n > 5";
    let n = column("n", 9, Wire::Int8, Draw::Uniform { n: 1_000 }, Values::Int { low: 0, step: 1, n: 1_000 });
    let large =
        || plan(vec![with("large", 120_000, 50_000, vec![serial("id", 1, 1), n.clone()], Vec::new())]);
    let definitions =
        "SELECT string_agg(pg_get_indexdef(indexrelid) || coalesce(obj_description(indexrelid), ''), '; '
                       ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'large'::regclass";
    let cluster = test_server::start().await;
    let place = database(&cluster, schema).await;
    let before = place.text(definitions).await;
    let told = RefCell::new(Told::default());
    let loaded =
        load(&place.target, &Interrupt::new(), streams(1), large(), &|event| told.borrow_mut().hear(&event))
            .await
            .unwrap();
    assert_eq!(loaded.n_indexes, 2);
    let tasks = [Task::Rows(0), Task::Index(1), Task::Index(0), Task::Vacuum(0)];
    assert_eq!(told.take().done_as_planned(), tasks);
    assert_eq!(place.text(definitions).await, before);
    assert_eq!(place.text("SELECT count(*)::text FROM large").await, "120000");
    place.clean().await;

    // Cut while they are away.
    for is_cleaned in [false, true] {
        let (cut, interrupt) = (Notify::new(), Interrupt::new());
        let on = |event: Event<'_>| {
            if matches!(event, Event::Loaded { .. }) {
                cut.notify_one();
            }
        };
        tokio::select! {
            biased;
            () = cut.notified() => {}
            _ = load(&place.target, &interrupt, streams(1), large(), &on) => panic!("it was not cut"),
        }
        assert_ne!(place.text(definitions).await, before);
        if is_cleaned {
            place.clean().await;
        } else {
            let told = RefCell::new(Told::default());
            let on = |event: Event<'_>| told.borrow_mut().hear(&event);
            resume(&place.target, &Interrupt::new(), streams(1), None, &on).await.unwrap();
            assert_eq!(told.take().done_as_planned(), tasks);
            place.clean().await;
        }
        assert_eq!(place.text(definitions).await, before);
        assert_eq!(place.text("SELECT count(*)::text FROM large").await, "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_others_are_not_touched() {
    let cluster = test_server::start().await;
    let place = database(&cluster, SCHEMA).await;
    load(&place.target, &Interrupt::new(), streams(2), shop(), &ignore).await.unwrap();
    let full = place.contents().await;
    let refuse = async |cascade: bool, by: &str| {
        let options = clean::Options { run: None, cascade, are_triggers_off: false, n_streams: 1 };
        let error = clean::clean(&place.target, &Interrupt::new(), options, &ignore).await.unwrap_err();
        assert!(error.to_string().contains(by), "{error}");
        error
    };
    // A cascade would take it along.
    place.connection.batch_execute("INSERT INTO folders VALUES (-1, 5)").await.unwrap();
    refuse(false, "rows of table public.folders refer to").await;
    place.connection.batch_execute("DELETE FROM folders WHERE id = -1").await.unwrap();
    assert_eq!(place.contents().await, full);
    place
        .connection
        .batch_execute("CREATE TABLE mine (user_id bigint REFERENCES users); INSERT INTO mine VALUES (3)")
        .await
        .unwrap();
    refuse(false, "rows of table public.mine refer to").await;
    assert_eq!(place.contents().await, full);
    place.connection.batch_execute("DROP TABLE mine; SELECT nextval('orders_id_seq')").await.unwrap();
    assert_eq!(place.clean().await[1], 5_000);
    // Somebody has taken a key since.
    assert_eq!(place.sequences().await, "orders_id_seq 5071, users_id_seq -");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_a_run_is_said() {
    let cluster = test_server::start().await;
    let place = database(&cluster, SCHEMA).await;
    let fails = async |expected: &str| {
        let error =
            load(&place.target, &Interrupt::new(), streams(2), shop(), &ignore).await.map(drop).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        error
    };
    // Most rows are refused.
    place.connection.batch_execute("ALTER TABLE orders ADD CHECK (amount < 100) NOT VALID").await.unwrap();
    let error = fails("could not load table \"orders\"").await;
    assert!(
        error.hints().iter().any(|hint| hint.contains("perfkit seed --resume 20")),
        "{:?}",
        error.hints()
    );
    assert_eq!(error.status(), ExitStatus::Server);
    // A new run with the same keys is not begun.
    fails("sequence public.users_id_seq has been used").await;
    place.connection.batch_execute("ALTER TABLE orders ALTER amount TYPE int").await.unwrap();
    let error =
        resume(&place.target, &Interrupt::new(), streams(1), None, &ignore).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("public.orders.amount bigint is"), "{error}");

    let interrupt = Interrupt::new();
    let stop = |event: Event<'_>| {
        if matches!(event, Event::Loaded { .. }) {
            interrupt.raise();
        }
    };
    let place = database(&cluster, SCHEMA).await;
    let error = load(&place.target, &interrupt, streams(2), shop(), &stop).await.map(drop).unwrap_err();
    assert_eq!(error.status(), ExitStatus::Interrupted, "{error}");
}
