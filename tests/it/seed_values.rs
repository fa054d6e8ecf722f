//! `perfkit seed`: values that only the server can judge or make.

use crate::support::cli::perfkit;
use crate::support::pg::Database;

fn seed(database: &Database, rows: &str) {
    perfkit(&["seed", "--as-of", "2026-01-31", "--yes", "--rows", rows]).on(database).succeeds();
}

fn count(database: &Database, from: &str) -> u64 {
    database.value(&format!("SELECT count(*) FROM {from}")).parse().expect("a count")
}

#[test]
fn conditions_in_functions_are_understood() {
    let database = Database::create();
    database.execute(
        "CREATE FUNCTION is_small(n int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT n BETWEEN 3 AND 5';
         CREATE FUNCTION padded(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT btrim($1) <> $1';
         CREATE FUNCTION controlled(it text) RETURNS bool LANGUAGE sql IMMUTABLE RETURN NOT padded(it);
         CREATE FUNCTION few(n int) RETURNS SETOF int LANGUAGE sql AS 'SELECT n';
         CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL CHECK (is_small(a)), b text NOT NULL CHECK (controlled(b)))",
    );
    seed(&database, "t=1000");
    assert_eq!(count(&database, "t WHERE a IN (3, 4, 5)"), 1000);
    assert_eq!(count(&database, "(SELECT DISTINCT a FROM t) AS d"), 3);
}

#[test]
fn the_server_makes_values_of_types_that_perfkit_does_not_know() {
    let database = Database::create();
    database.execute(
        "CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION cube; CREATE EXTENSION earthdistance; CREATE EXTENSION isn;
         CREATE TYPE spot AS (at point, label text); CREATE TYPE floats AS RANGE (subtype = float8);
         CREATE DOMAIN north AS point CHECK (VALUE[1] > 20);
         CREATE TABLE t (id int PRIMARY KEY, h hstore NOT NULL, l ltree NOT NULL UNIQUE, q lquery NOT NULL, c cube NOT NULL,
            e earth NOT NULL, p point NOT NULL, n north NOT NULL, li line NOT NULL, ls lseg NOT NULL, b box NOT NULL, pa path NOT NULL,
            po polygon NOT NULL, ci circle NOT NULL, ts tsquery NOT NULL, j jsonpath NOT NULL, r regclass NOT NULL,
            s pg_snapshot NOT NULL, x xid NOT NULL, cc cid NOT NULL, tt tid NOT NULL, ps point[] NOT NULL, sp spot NOT NULL,
            f floats NOT NULL, ii int2vector NOT NULL, a aclitem,
            i isbn NOT NULL DEFAULT '0-393-04002-X')",
    );
    seed(&database, "t=500");
    assert_eq!(count(&database, "t WHERE n[1] > 20 AND cube_is_point(e)"), 500);
    for column in ["h", "q", "c", "e", "n", "ts", "s", "f"] {
        let n = count(&database, &format!("(SELECT DISTINCT {column}::text FROM t) AS d"));
        assert!(n >= 5, "{n} values of {column}");
    }
    // They have no binary form.
    assert_eq!(count(&database, "t WHERE a IS NULL AND i = '0-393-04002-X'"), 500);
}

#[test]
fn the_server_says_which_rows_pass() {
    let database = Database::create();
    let script = "
        CREATE FUNCTION odd(n int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN n % 2 = 1 END $$;
        CREATE FUNCTION fits(kind text, level int) RETURNS bool LANGUAGE plpgsql AS
            $$ BEGIN RETURN (kind = 'odd') = (level % 2 = 1) END $$;
        CREATE FUNCTION never(n int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN false END $$;
        CREATE FUNCTION always(n int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN true END $$;
        CREATE FUNCTION fails(n int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / (n % 3) > -5 END $$;
        CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL CONSTRAINT a_odd CHECK (odd(a)),
            kind text, level int, CONSTRAINT t_fits CHECK (level >= 0 AND fits(kind, level)),
            e int NOT NULL CHECK (always(e)), f int NOT NULL CHECK (f > 0 AND fails(f)),
            m float8, w interval CHECK (w IS NULL OR odd(extract(hour FROM w)::int)));
        CREATE TABLE u (id int PRIMARY KEY, b int CHECK (never(b) IS TRUE));
        CREATE TABLE v (id int PRIMARY KEY, u_id int NOT NULL REFERENCES u)";
    // `execute` cuts at semicolons, of which bodies of functions have one after RETURN.
    let script = script.replace(" END $$", "\u{1} END $$");
    for statement in script.split(';') {
        database.query(&statement.replace('\u{1}', ";"));
    }
    let args = ["seed", "--as-of", "2026-01-31", "--yes", "--rows", "t=3000"];
    let dry = perfkit(&[&args[..], &["--dry-run", "--json"]].concat()).on(&database).exits(1);
    let report = dry.json();
    let checks = report["checks"].as_array().expect("checks");
    let acceptance = |name: &str| {
        let check = checks.iter().find(|check| check["constraint"].as_str().unwrap().contains(name));
        check.unwrap_or_else(|| panic!("{name} in {checks:?}"))["acceptance"].as_f64().expect("a share")
    };
    assert!((0.3..0.7).contains(&acceptance("a_odd")), "{checks:?}");
    assert!(acceptance("t_e_check") >= 1.0 && acceptance("u_b_check") <= 0.0);
    let gaps = report["gaps"].to_string();
    assert!(gaps.contains("no row satisfies CHECK u_b_check"), "{gaps}");
    perfkit(&args).on(&database).exits(1);
    assert_eq!(count(&database, "t"), 3000);
    for (column, least) in [("a", 20), ("level", 3), ("e", 20), ("f", 20), ("kind", 2)] {
        let n = count(&database, &format!("(SELECT DISTINCT {column}::text FROM t) AS d"));
        assert!(n >= least, "{n} values of {column}");
    }
    assert_eq!(count(&database, "u"), 0);
}

#[test]
fn years_end_with_this_one_and_values_begin_where_conditions_do() {
    let database = Database::create();
    database.load(
        "CREATE FUNCTION is_near(n int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN n < 5000010; END $$;
         CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL CHECK (n >= 5000000 AND is_near(n)),
             built smallint NOT NULL CHECK (built BETWEEN 1900 AND extract(year FROM now())),
             next int NOT NULL CHECK (next <= date_part('year', CURRENT_DATE) + 1))",
    );
    seed(&database, "t=1000");
    assert_eq!(count(&database, "t"), 1000);
    assert!(count(&database, "(SELECT DISTINCT built FROM t) AS d") > 50);
}

#[test]
fn rows_are_copied_into_their_partitions() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE p (id bigint NOT NULL, at timestamptz NOT NULL, n int NOT NULL CHECK (n <> 7)) PARTITION BY RANGE (at);
         CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
         CREATE TABLE p_3 PARTITION OF p FOR VALUES FROM ('2025-07-01') TO ('2027-01-01');
         CREATE TABLE p_rest PARTITION OF p DEFAULT;
         CREATE TABLE many (id int NOT NULL) PARTITION BY RANGE (id)",
    );
    for n in 0..40 {
        database.execute(&format!(
            "CREATE TABLE many_{n} PARTITION OF many FOR VALUES FROM ({}) TO ({})",
            n * 100,
            n * 100 + 100
        ));
    }
    perfkit(&["seed", "--as-of", "2026-01-31", "--yes", "--rows", "p=20000", "--rows", "many=3000"])
        .on(&database)
        .succeeds();
    assert_eq!(count(&database, "p"), 20_000);
    assert_eq!(count(&database, "many"), 3_000);
    for partition in ["p_1", "p_2", "p_3"] {
        assert!(count(&database, partition) > 500, "rows of {partition}");
    }
    assert_eq!(count(&database, "p_rest"), 0);
}

/// Ranges that two columns are the ends of: by day and by moment, the end open or not, alone and beside what may be the same; and
/// times of day, of which none is after midnight.
const SPANS: &str = "
    CREATE EXTENSION btree_gist;
    CREATE TABLE rooms (id int PRIMARY KEY);
    CREATE TABLE stays (id int PRIMARY KEY, room_id int NOT NULL REFERENCES rooms, starts date NOT NULL, ends date,
        CHECK (ends IS NULL OR ends > starts),
        EXCLUDE USING gist (room_id WITH =, daterange(starts, COALESCE(ends, 'infinity'), '[]') WITH &&));
    CREATE TABLE meetings (id int PRIMARY KEY, starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
        during tstzrange GENERATED ALWAYS AS (tstzrange(starts_at, ends_at)) STORED,
        is_cancelled boolean NOT NULL, EXCLUDE USING gist (during WITH &&) WHERE (NOT is_cancelled));
    CREATE TABLE blocks (id int PRIMARY KEY, low int NOT NULL, high int NOT NULL,
        EXCLUDE USING gist (int4range(low, high) WITH &&));
    CREATE TABLE hours (id int PRIMARY KEY, opens time NOT NULL, closes time NOT NULL, CHECK (opens < closes));";

#[test]
fn ranges_of_two_columns_do_not_overlap() {
    let database = Database::create();
    database.load(SPANS);
    for append in [&[][..], &["--append"], &["--append"]] {
        let rows = ["stays=1000", "meetings=1000", "blocks=1000", "hours=1000"];
        let rows = rows.iter().flat_map(|rows| ["--rows", rows]);
        let seed: Vec<&str> =
            ["seed", "--yes"].into_iter().chain(append.iter().copied()).chain(rows).collect();
        perfkit(&seed).on(&database).exits(0);
    }
    for table in ["stays", "meetings", "blocks", "hours"] {
        assert_eq!(database.value(&format!("SELECT count(*) FROM {table}")), "3000", "{table}");
    }
    let rooms = "SELECT count(DISTINCT room_id) > 50 AND max(ends - starts) > 1 FROM stays";
    assert_eq!(database.value(rooms), "t");
}

/// Keys with a column of few values, by a list and by a type, and pairs that are the same the other way round.
const FEW: &str = "
    CREATE TYPE kind AS ENUM ('a', 'b', 'c');
    CREATE TABLE accounts (id bigserial PRIMARY KEY);
    CREATE TABLE settings (account_id bigint NOT NULL REFERENCES accounts, key text NOT NULL CHECK (key IN ('a', 'b', 'c')),
        PRIMARY KEY (account_id, key));
    CREATE TABLE kinds (account_id bigint NOT NULL REFERENCES accounts, kind kind NOT NULL, UNIQUE (account_id, kind));
    CREATE TABLE levels (level text PRIMARY KEY CHECK (level IN ('low', 'medium', 'high')));
    CREATE TABLE blocks (id bigserial PRIMARY KEY, a bigint NOT NULL REFERENCES accounts, b bigint NOT NULL REFERENCES accounts,
        CHECK (a <> b));
    CREATE UNIQUE INDEX ON blocks (LEAST(a, b), GREATEST(a, b));";

#[test]
fn keys_of_few_values_are_filled() {
    let database = Database::create();
    database.load(FEW);
    perfkit(&["seed", "--yes"]).on(&database).exits(0);
    for (table, expected) in [("settings", "300"), ("kinds", "300"), ("levels", "3"), ("blocks", "500")] {
        assert_eq!(database.value(&format!("SELECT count(*) FROM {table}")), expected, "{table}");
    }
}

#[test]
fn rows_of_migrations_are_no_data() {
    let database = Database::create();
    database.load(
        "CREATE TABLE schema_migrations (version text PRIMARY KEY); INSERT INTO schema_migrations VALUES ('20260101000000');
         CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE);",
    );
    perfkit(&["seed", "--users", "100", "--yes"]).on(&database).exits(0);
    perfkit(&["seed", "--append", "--users", "10", "--yes"]).on(&database).exits(0);
    assert_eq!(database.value("SELECT count(*) FROM users"), "110");
    assert_eq!(database.value("SELECT string_agg(version, ',') FROM schema_migrations"), "20260101000000");
}

#[test]
fn a_key_of_few_characters_has_all_of_their_texts() {
    let database = Database::create();
    database.load(
        "CREATE TABLE one (code char(1) PRIMARY KEY); CREATE TABLE two (code varchar(2) PRIMARY KEY);
         CREATE TABLE three (code char(3) PRIMARY KEY); CREATE TABLE letters (code char(1) PRIMARY KEY);
         CREATE TABLE pair (a char(1), b char(1), PRIMARY KEY (a, b));
         INSERT INTO letters SELECT chr(96 + i) FROM generate_series(1, 20) AS i",
    );
    let append = || {
        let rows = ["--rows", "two=1000", "--rows", "three=30000", "--rows", "pair=1000"];
        perfkit(&[&["seed", "--yes", "--append"], &rows[..]].concat()).on(&database).succeeds();
        let tables = ["one", "two", "three", "letters", "pair"];
        tables.map(|table| database.value(&format!("SELECT count(*) FROM {table}")))
    };
    assert_eq!(append(), ["36", "1000", "30000", "36", "1000"]);
    // Rows of an earlier run, and rows that nobody here has made, leave the rest.
    assert_eq!(append(), ["36", "1296", "46656", "36", "1296"]);
}
