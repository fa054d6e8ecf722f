//! Records real runs, of which the tests of `seed::size::eta` want to know when they will end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::load::{Options, load, resume};
use super::{Event, ask, facts};
use crate::cli::ConnectArgs;
use crate::config::{Environment, Timeouts};
use crate::pg::interrupt::Interrupt;
use crate::pg::server::{Cluster, Programs, Settings};
use crate::pg::{catalog, test_server};
use crate::scenario::SCENARIOS;
use crate::seed::plan::build;
use crate::seed::plan::request::{Known, Request};
use crate::seed::size::eta::Trace;

/// A run to record.
struct Case {
    name: &'static str,
    tables: &'static str,
    rows: &'static [(&'static str, u64)],
    n_streams: usize,
    /// It is cut short after so many chunks, and what goes on with it is recorded.
    resumed_after: Option<usize>,
}

const CASE: Case = Case { name: "", tables: "", rows: &[], n_streams: 2, resumed_after: None };

/// Texts and documents of all lengths beside a table of narrow rows.
const WIDE: &str = "
    CREATE TABLE authors (id bigserial PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE, bio text, born date);
    CREATE TABLE articles (id bigserial PRIMARY KEY, author_id bigint NOT NULL REFERENCES authors, title text NOT NULL,
        body text NOT NULL, summary text NOT NULL, metadata jsonb NOT NULL, status text NOT NULL, published_at timestamptz NOT NULL);
    CREATE TABLE visits (id bigserial PRIMARY KEY, article_id bigint NOT NULL, at timestamptz NOT NULL, seconds int NOT NULL)";

/// Indexes that are built after the rows, and some that are kept.
const INDEXED: &str = "
    CREATE TABLE accounts (id uuid PRIMARY KEY, email text NOT NULL UNIQUE, country char(2) NOT NULL, created_at timestamptz NOT NULL);
    CREATE INDEX ON accounts (country, created_at);
    CREATE INDEX ON accounts (lower(email));
    CREATE TABLE logins (id bigserial PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts, token uuid NOT NULL UNIQUE,
        agent text NOT NULL, at timestamptz NOT NULL);
    CREATE INDEX ON logins (account_id, at);
    CREATE INDEX ON logins (agent);
    CREATE INDEX ON logins (at);
    CREATE TABLE events (id bigserial PRIMARY KEY, kind text NOT NULL, n int NOT NULL, at timestamptz NOT NULL);
    CREATE INDEX ON events (kind);
    CREATE INDEX ON events (n, at)";

/// Tables in several levels that refer to those above them many times.
const REFERRING: &str = "
    CREATE TABLE countries (id serial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE cities (id serial PRIMARY KEY, country_id int NOT NULL REFERENCES countries, name text NOT NULL);
    CREATE TABLE people (id bigserial PRIMARY KEY, born_in int NOT NULL REFERENCES cities, lives_in int NOT NULL REFERENCES cities,
        works_in int REFERENCES cities, name text NOT NULL);
    CREATE TABLE parcels (id bigserial PRIMARY KEY, sender_id bigint NOT NULL REFERENCES people,
        recipient_id bigint NOT NULL REFERENCES people, from_id int NOT NULL REFERENCES cities, to_id int NOT NULL REFERENCES cities,
        weight_g int NOT NULL, sent_at timestamptz NOT NULL);
    CREATE TABLE scans (id bigserial PRIMARY KEY, parcel_id bigint NOT NULL REFERENCES parcels, city_id int NOT NULL REFERENCES cities,
        at timestamptz NOT NULL)";

const CASES: [Case; 7] = [
    Case { name: "bedtime", rows: &[("users", 20_000)], ..CASE },
    Case {
        name: "wide",
        tables: WIDE,
        rows: &[("authors", 240_000), ("articles", 480_000), ("visits", 6_000_000)],
        ..CASE
    },
    INDEXED_WHOLE,
    Case { name: "indexed-resumed", resumed_after: Some(4), ..INDEXED_ALONE },
    INDEXED_ALONE,
    REFERRING_WHOLE,
    Case { name: "referring-alone", n_streams: 1, ..REFERRING_WHOLE },
];

const INDEXED_WHOLE: Case = Case {
    name: "indexed",
    tables: INDEXED,
    rows: &[("accounts", 200_000), ("logins", 700_000), ("events", 1_000_000)],
    ..CASE
};
/// The same over one session.
const INDEXED_ALONE: Case = Case { name: "indexed-alone", n_streams: 1, ..INDEXED_WHOLE };

const REFERRING_WHOLE: Case = Case {
    name: "referring",
    tables: REFERRING,
    rows: &[
        ("countries", 200),
        ("cities", 40_000),
        ("people", 300_000),
        ("parcels", 500_000),
        ("scans", 1_000_000),
    ],
    ..CASE
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes fixtures/seed-traces anew: `make seed-traces`"]
async fn record() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/seed-traces");
    std::fs::create_dir_all(&folder).unwrap();
    let environment = Environment::of_process();
    let programs = Programs::find(None, &environment, None).expect("there are server programs");
    let cluster = Cluster::start(&programs, Settings::DATA, &environment).await.expect("the server starts");
    for case in &CASES {
        let trace = run(&cluster, case).await;
        let text = serde_json::to_string(&trace).unwrap().replace("},{", "},\n{");
        std::fs::write(folder.join(format!("{}.json", case.name)), text + "\n").unwrap();
    }
}

async fn run(cluster: &Cluster, case: &Case) -> Trace {
    let admin = test_server::connect(cluster, "postgres").await;
    admin.batch_execute("DROP DATABASE IF EXISTS traced WITH (FORCE)").await.unwrap();
    admin.batch_execute("CREATE DATABASE traced").await.unwrap();
    admin.batch_execute("CHECKPOINT").await.unwrap();
    let mut connection = test_server::connect(cluster, "traced").await;
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == case.name);
    let tables = scenario.map_or(case.tables, |scenario| scenario.schema_sql);
    connection.batch_execute(tables).await.unwrap();
    let schema = facts::load(&mut connection, &[]).await.unwrap();
    let transaction = catalog::snapshot(&mut connection).await.unwrap();
    let known = Known { images: ask::images(&transaction, &schema).await.unwrap(), ..Known::default() };
    transaction.rollback().await.unwrap();
    let rows: BTreeMap<String, u64> = case.rows.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    let config = scenario.map(|scenario| crate::sources::scenario_config(scenario).unwrap().config.seed);
    let request =
        Request { rows, scale: 1.0, seed: 42, config: config.unwrap_or_default(), ..Request::default() };
    let (plan, _) = build::with_questions(&schema, &request, &known).unwrap();

    let target = cluster.target("traced", Timeouts::new(&ConnectArgs::default(), None)).unwrap();
    let options = Options { n_streams: case.n_streams, keep_indexes: false, throttle: false };
    let interrupt = Interrupt::new();
    if let Some(n) = case.resumed_after {
        let left = std::cell::Cell::new(n);
        let cut = |event: Event<'_>| {
            if matches!(event, Event::Loaded { .. }) {
                left.set(left.get() - 1);
                if left.get() == 0 {
                    interrupt.raise();
                }
            }
        };
        load(&target, &interrupt, options, plan.clone(), &cut).await.expect_err("it is interrupted");
    }
    let start = Instant::now();
    let trace = RefCell::new(Trace { n_sessions: case.n_streams, ..Trace::default() });
    let on = |event: Event<'_>| {
        let mut trace = trace.borrow_mut();
        trace.seen.extend(event.seen(start.elapsed()));
        if let Event::Works(works) = event {
            trace.works = works;
        }
    };
    if case.resumed_after.is_some() {
        resume(&target, &Interrupt::new(), options, None, &on).await.unwrap();
    } else {
        load(&target, &interrupt, options, plan, &on).await.unwrap();
    }
    let mut trace = trace.into_inner();
    trace.total_us = u64::try_from(start.elapsed().as_micros()).unwrap();
    trace
}
