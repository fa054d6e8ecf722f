//! `perfkit counter add`, `sync`, `fold` and `drop`

use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// Users with keywords with mentions, of which every third is open.
pub(crate) fn mentions(n_keywords: u32, n_mentions: u32) -> Database {
    let database = Database::create();
    fill(&database, n_keywords, n_mentions);
    database
}

pub(crate) fn fill(database: &Database, n_keywords: u32, n_mentions: u32) {
    database.execute(&format!(
        "CREATE TABLE users (id bigserial PRIMARY KEY);
         CREATE TABLE keywords (id bigserial PRIMARY KEY, user_id bigint REFERENCES users ON DELETE CASCADE);
         CREATE INDEX ON keywords (user_id);
         CREATE TABLE mentions (id bigserial PRIMARY KEY,
             keyword_id bigint REFERENCES keywords ON DELETE CASCADE ON UPDATE CASCADE, status text, score int);
         CREATE INDEX mentions_by_keyword ON mentions (keyword_id);
         INSERT INTO users SELECT FROM generate_series(1, 20);
         INSERT INTO keywords (user_id) SELECT 1 + i % 20 FROM generate_series(1, {n_keywords}) AS i;
         INSERT INTO mentions (keyword_id, status, score)
             SELECT 1 + i * 7 % {n_keywords}, CASE WHEN i % 3 = 0 THEN 'open' END, i % 5 FROM generate_series(1, {n_mentions}) AS i;
         ANALYZE"
    ));
}

/// How many keywords have another count than they have mentions.
pub(crate) const DRIFT: &str = "SELECT count(*) FROM keywords AS k WHERE k.mentions_count IS DISTINCT FROM
    (SELECT count(*) FROM mentions AS m WHERE m.keyword_id = k.id)";

const COUNTS: [&str; 5] = ["counter", "add", "keywords.mentions_count", "--counts", "mentions"];

fn add(args: &[&str]) -> crate::support::cli::Perfkit {
    perfkit(&[&COUNTS[..], args].concat())
}

/// What a changed database would show: columns, functions and triggers.
pub(crate) fn made(database: &Database) -> Vec<String> {
    database.query(
        "SELECT attrelid::regclass || '.' || attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relnamespace = 'public'::regnamespace AND attname LIKE '%\\_count' AND NOT attisdropped
         UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'perfkit%'
         UNION ALL SELECT tgname FROM pg_trigger WHERE tgname LIKE 'perfkit%'
         UNION ALL SELECT relname FROM pg_class WHERE relname LIKE '%\\_pending' OR relname LIKE '%\\_counts'",
    )
}

pub(crate) fn churn(database: &Database) {
    database.execute(
        "INSERT INTO mentions (keyword_id, score) SELECT 1 + i % 9, 2 FROM generate_series(1, 50) AS i;
         DELETE FROM mentions WHERE id % 11 = 0;
         UPDATE mentions SET keyword_id = 5 WHERE id % 13 = 0;
         UPDATE mentions SET keyword_id = NULL WHERE id % 17 = 0;
         UPDATE mentions SET status = 'open' WHERE id % 7 = 0;
         UPDATE keywords SET id = 100000 WHERE id = 3;
         DELETE FROM keywords WHERE id = 4",
    );
}

#[test]
fn a_counter_is_made_and_stays_right() {
    let database = mentions(300, 3000);
    let run = add(&["--yes"]).on(&database).succeeds();
    for part in [
        "ALTER TABLE public.keywords ADD COLUMN mentions_count bigint;",
        "ACCESS EXCLUSIVE lock: reads and writes wait",
        "FOR NO KEY UPDATE OF p SKIP LOCKED",
        "SET NOT NULL",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(database.value(DRIFT), "0");
    churn(&database);
    assert_eq!(database.value(DRIFT), "0");
    assert_eq!(
        database.value("SELECT format('%s %s', attnotnull, pg_get_expr(adbin, adrelid)) FROM pg_attribute JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attname = 'mentions_count'"),
        "t 0"
    );
    let again = add(&["--yes", "--json"]).on(&database).succeeds();
    assert!(again.stderr.contains("everything is as it is wanted"), "{}", again.stderr);
    assert_eq!(again.json()["counters"][0]["column"], "mentions_count");
}

#[test]
fn it_asks_first_and_a_dry_run_touches_nothing() {
    let database = mentions(10, 50);
    let run = add(&[]).on(&database).exits(2);
    for part in ["cannot ask", "--yes", "ADD COLUMN"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let run = add(&["--dry-run", "--json"]).on(&database).succeeds().json();
    assert_eq!(run["dry_run"], true);
    assert_eq!(run["steps"][0]["action"], "add column");
    assert!(made(&database).is_empty(), "{:?}", made(&database));
    assert_eq!(database.value("SELECT to_regnamespace('perfkit') IS NULL"), "t");
}

#[test]
fn all_counters_of_a_file_are_made_at_once() {
    let yaml = "counters:
- {table: keywords, counts: mentions}
- {table: keywords, column: open_count, counts: mentions, where: status = 'open'}
- {table: keywords, column: score_count, counts: mentions, sum: score}
- {table: users, counts: keywords}
- {table: users, counts: mentions, through: keywords}
";
    let database = mentions(100, 1000);
    perfkit(&["counter", "add", "--yes"]).file("perfkit.yaml", yaml).on(&database).succeeds();
    churn(&database);
    assert_eq!(database.value(DRIFT), "0");
    for drift in [
        "SELECT count(*) FROM keywords AS k WHERE (open_count, score_count) IS DISTINCT FROM
            (SELECT (count(*) FILTER (WHERE status = 'open'), coalesce(sum(score), 0)) FROM mentions WHERE keyword_id = k.id)",
        "SELECT count(*) FROM users AS u WHERE keywords_count <> (SELECT count(*) FROM keywords WHERE user_id = u.id)",
        "SELECT count(*) FROM users AS u WHERE mentions_count <>
            (SELECT count(*) FROM mentions JOIN keywords AS k ON k.id = keyword_id WHERE user_id = u.id)",
    ] {
        let drift = drift.replace("(open_count, score_count)", "ROW(open_count, score_count)").replace("SELECT (count", "SELECT ROW(count");
        assert_eq!(database.value(&drift), "0", "{drift}");
    }
    perfkit(&["counter", "drop", "keywords.mentions_count", "--yes"])
        .on(&database)
        .fails(2, &["users.mentions_count adds up"]);
    let all = [
        "keywords.mentions_count",
        "keywords.open_count",
        "keywords.score_count",
        "users.keywords_count",
        "users.mentions_count",
    ];
    perfkit(&[&["counter", "drop", "--yes"][..], &all].concat()).on(&database).succeeds();
    assert!(made(&database).is_empty(), "{:?}", made(&database));
}

#[test]
fn queue_and_slots_are_exact_with_what_is_pending_and_are_folded() {
    for mode in ["queue", "slots"] {
        let database = mentions(50, 500);
        add(&["--mode", mode, "--yes"]).on(&database).succeeds();
        churn(&database);
        let pending = "public.keywords_mentions_keyword_id_pending";
        let exact = DRIFT.replace(
            "k.mentions_count",
            &format!("k.mentions_count + (SELECT coalesce(sum(d.mentions_count), 0) FROM {pending} AS d WHERE d.id = k.id)"),
        );
        assert_eq!(database.value(&exact), "0", "{mode}");
        assert_ne!(database.value(DRIFT), "0", "{mode}");
        perfkit(&["counter", "fold"]).on(&database).succeeds();
        assert_eq!(database.value(DRIFT), "0", "{mode}");
        assert_eq!(database.value(&format!("SELECT count(*) FROM {pending}")), "0", "{mode}");
        perfkit(&["counter", "drop", "keywords.mentions_count", "--yes"]).on(&database).succeeds();
        assert!(made(&database).is_empty(), "{mode}: {:?}", made(&database));
    }
}

#[test]
fn a_child_without_an_index_is_counted_in_one_scan() {
    let database = mentions(200, 2000);
    database.execute("DROP INDEX mentions_by_keyword");
    let run = add(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("counted in one scan"), "{}", run.stderr);
    churn(&database);
    assert_eq!(database.value(DRIFT), "0");
    assert_eq!(database.value("SELECT count(*) FROM pg_class WHERE relname LIKE '%pending'"), "0");
}

#[test]
fn a_table_of_its_own_counts_values_without_a_parent() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE votes (id bigserial PRIMARY KEY, word text, weight int);
         CREATE INDEX ON votes (word);
         INSERT INTO votes (word, weight) SELECT 'w' || i % 30, i % 4 FROM generate_series(1, 500) AS i",
    );
    let words = [
        "counter",
        "add",
        "words.votes_count",
        "--counts",
        "votes",
        "--key",
        "word",
        "--storage",
        "side",
        "--yes",
    ];
    perfkit(&words).on(&database).succeeds();
    database.execute(
        "INSERT INTO votes (word) VALUES ('new'), ('w1'), (NULL); DELETE FROM votes WHERE id % 3 = 0;
         UPDATE votes SET word = 'other' WHERE id % 7 = 0",
    );
    let drift = "SELECT count(*) FROM words_votes_word_counts AS c FULL JOIN
        (SELECT word, count(*) AS n FROM votes WHERE word IS NOT NULL GROUP BY word) AS v ON v.word = c.word
        WHERE coalesce(c.votes_count, 0) <> coalesce(v.n, 0)";
    assert_eq!(database.value(drift), "0");
    perfkit(&["counter", "drop", "words.votes_count", "--yes"]).on(&database).succeeds();
    assert!(made(&database).is_empty(), "{:?}", made(&database));
}

/// Small batches would make more scans of the child, and not shorter ones.
#[test]
fn values_without_an_index_are_counted_in_few_scans() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE votes (id bigserial PRIMARY KEY, word text);
         INSERT INTO votes (word) SELECT 'w' || i % 2000 FROM generate_series(1, 5000) AS i; ANALYZE",
    );
    let scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'votes'";
    let before: u64 = database.value(scans).parse().expect("a number");
    let words = ["counter", "add", "words.votes_count", "--counts", "votes", "--key", "word", "--storage"];
    perfkit(&[&words[..], &["side", "--batch-time", "1ms", "--yes"]].concat()).on(&database).succeeds();
    let after: u64 = database.value(scans).parse().expect("a number");
    // One makes the rows, one counts.
    assert!(after - before <= 4, "{before} {after}");
    let right = "SELECT count(*) FROM words_votes_word_counts AS c
        WHERE votes_count = (SELECT count(*) FROM votes AS v WHERE v.word = c.word)";
    assert_eq!(database.value(right), "2000");
}

#[test]
fn sync_puts_triggers_on_a_new_partition() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE keywords (id bigint PRIMARY KEY); INSERT INTO keywords SELECT generate_series(1, 9);
         CREATE TABLE mentions (at date, keyword_id bigint REFERENCES keywords) PARTITION BY RANGE (at);
         CREATE TABLE mentions_1 PARTITION OF mentions FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
         CREATE INDEX ON mentions (keyword_id);
         INSERT INTO mentions_1 SELECT '2026-01-02', 1 + i % 9 FROM generate_series(1, 100) AS i",
    );
    add(&["--yes"]).on(&database).succeeds();
    database.execute(
        "CREATE TABLE mentions_2 PARTITION OF mentions FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    );
    perfkit(&["counter", "sync", "--yes"]).on(&database).succeeds();
    database.execute(
        "INSERT INTO mentions_2 VALUES ('2026-02-03', 2); INSERT INTO mentions_1 VALUES ('2026-01-03', 3)",
    );
    assert_eq!(database.value(DRIFT), "0");
    let again = perfkit(&["counter", "sync", "--yes"]).on(&database).succeeds();
    assert!(again.stderr.contains("where they should be"), "{}", again.stderr);
}

#[test]
fn a_lock_that_is_held_is_tried_for_and_harms_nobody() {
    let database = mentions(20, 100);
    let hold = "BEGIN; LOCK TABLE keywords IN ROW EXCLUSIVE MODE";
    let run = database.while_session(hold, || {
        add(&["--yes", "--lock-timeout", "20ms", "--lock-tries", "2"]).on(&database).exits(3)
    });
    assert!(run.stderr.contains("try 2 of 2"), "{}", run.stderr);
    assert!(run.stderr.contains("run the command again"), "{}", run.stderr);
    add(&["--yes"]).on(&database).succeeds();
    assert_eq!(database.value(DRIFT), "0");
}

#[test]
fn what_cannot_be_kept_is_refused_and_nothing_is_changed() {
    let database = mentions(10, 50);
    database.execute(
        "ALTER TABLE keywords ADD COLUMN label text; CREATE VIEW looks AS SELECT * FROM mentions;
         CREATE TABLE strangers (word text, data json);
         CREATE ROLE counter_guest LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO counter_guest",
    );
    let refused = |args: &[&str], status: i32, parts: &[&str]| {
        perfkit(&[&["counter", "add", "--yes"][..], args].concat()).on(&database).fails(status, parts);
    };
    let counts = |counter: &'static str, child: &'static str| [counter, "--counts", child];
    refused(&counts("keywords.label", "mentions"), 2, &["of type text", "Use another column"]);
    refused(
        &counts("keywords.n", "mentoins"),
        2,
        &["\"mentoins\" does not exist", "Did you mean \"mentions\"?"],
    );
    refused(&counts("keywords.n", "looks"), 2, &["is a view"]);
    refused(&counts("keywords.n", "strangers"), 2, &["has no foreign key", "--storage side"]);
    refused(&counts("n", "mentions"), 2, &["TABLE.COLUMN"]);
    let with = |more: &[&'static str]| [&counts("keywords.n", "mentions")[..], more].concat();
    refused(&with(&["--key", "nothing"]), 2, &["\"nothing\""]);
    refused(&with(&["--where", "now() > '2026-01-01'"]), 2, &["IMMUTABLE"]);
    refused(&with(&["--where", "keywords.id > 1"]), 2, &["FROM-clause", "columns of the counted table"]);
    refused(&with(&["--where", "id > (SELECT 1)"]), 2, &["subquer"]);
    refused(&with(&["--where", "true) OR (true"]), 2, &["not one expression"]);
    refused(&with(&["--sum", "score::float8"]), 2, &["double precision"]);
    refused(&with(&["--pause-when", "SELECT 'perhaps'"]), 2, &["neither yes nor no"]);
    refused(
        &["strangers.n", "--counts", "strangers", "--key", "data", "--storage", "side"],
        2,
        &["of type json"],
    );
    refused(&[], 2, &["no counter is named"]);
    perfkit(&["counter", "add", "--yes"])
        .file(
            "perfkit.yaml",
            "counters:\n- {table: keywords, counts: mentions}\n- {table: keywrods, counts: mentions}\n",
        )
        .on(&database)
        .fails(2, &["perfkit.yaml:3:11:", "\"keywrods\" does not exist", "\"keywords\""]);
    add(&["--yes"])
        .env("DATABASE_URL", database.url_for("counter_guest"))
        .fails(3, &["does not own", "Run it as \"postgres\""]);
    assert!(made(&database).is_empty(), "{:?}", made(&database));
    database.execute("DROP OWNED BY counter_guest; DROP ROLE counter_guest");
}
