//! `perfkit seed clean`: triggers that do not let rows go, and what is left without them.

use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// A trigger that wants a table which is not there, when rows go.
const SCHEMA: &str = "
    CREATE TABLE tenant (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE message (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenant ON DELETE CASCADE);
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        DELETE FROM outbox.messages WHERE id = OLD.id; RETURN OLD; END $$;
    CREATE TRIGGER tell AFTER DELETE ON tenant FOR EACH ROW EXECUTE FUNCTION tell()";

fn seeded() -> Database {
    let database = Database::create();
    database.load(SCHEMA);
    perfkit(&["seed", "--yes"]).on(&database).succeeds();
    database
}

fn n_rows(database: &Database) -> [String; 2] {
    ["tenant", "message"].map(|table| database.value(&format!("SELECT count(*) FROM {table}")))
}

#[test]
fn a_trigger_that_fails_is_named_and_done_without() {
    let database = seeded();
    let run = perfkit(&["seed", "clean", "--yes"]).on(&database).exits(3);
    for said in
        ["relation \"outbox.messages\" does not exist", "add `--triggers=off`", "goes on where it was"]
    {
        assert!(run.stderr.contains(said), "no {said:?} in {}", run.stderr);
    }
    // Children went before.
    assert_eq!(n_rows(&database), ["100", "0"]);
    perfkit(&["seed", "clean", "--yes", "--triggers=off"]).on(&database).succeeds();
    assert_eq!(n_rows(&database), ["0", "0"]);
}

#[test]
fn a_trigger_that_refuses_that_rows_go_is_done_without() {
    let database = Database::create();
    database.load(
        "CREATE TABLE ledger (id int PRIMARY KEY, amount int NOT NULL);
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'rows of % stay', TG_TABLE_NAME; END $$;
         CREATE TRIGGER keep BEFORE DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    perfkit(&["seed", "--yes"]).on(&database).succeeds();
    perfkit(&["seed", "clean", "--yes"])
        .on(&database)
        .fails(3, &["rows of ledger stay", "add `--triggers=off`", "goes on where it was"]);
    perfkit(&["seed", "clean", "--yes", "--triggers=off"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM ledger"), "0");
}

#[test]
fn rows_of_others_are_seen_without_foreign_keys() {
    let database = seeded();
    database.execute("INSERT INTO message VALUES (-1, 50)");
    let before = n_rows(&database);
    let clean = ["seed", "clean", "--yes", "--triggers=off"];
    let run = perfkit(&clean).on(&database).exits(3);
    assert!(
        run.stderr.contains("rows of table public.message refer to seeded rows of table public.tenant"),
        "{}",
        run.stderr
    );
    assert_eq!(n_rows(&database), before);
    // One that is not seen by the keys of the rows comes while they go.
    database.execute("DELETE FROM message WHERE id = -1");
    database
        .execute("CREATE TABLE note (tenant_name text, tenant_id int REFERENCES tenant ON DELETE SET NULL)");
    database.execute("INSERT INTO note VALUES ('x', 7)");
    perfkit(&clean).on(&database).exits(3);
    assert_eq!(database.value("SELECT tenant_id FROM note"), "7");
    database.execute("DELETE FROM note");
    perfkit(&clean).on(&database).succeeds();
    assert_eq!(n_rows(&database), ["0", "0"]);
}

#[test]
fn rows_of_tables_that_inherit_refer_to_nothing() {
    let database = Database::create();
    database.load(
        "CREATE TABLE person (id int PRIMARY KEY, name text NOT NULL);
         CREATE TABLE file (id int PRIMARY KEY, person_id int NOT NULL REFERENCES person);
         CREATE TABLE image (width int NOT NULL) INHERITS (file)",
    );
    perfkit(&["seed", "--yes"]).on(&database).succeeds();
    database.execute("INSERT INTO image SELECT -id, id, 1 FROM person");
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM person"), "0");
    assert_eq!(database.value("SELECT count(*) FROM image WHERE id < 0"), "100");
}

#[test]
fn partitions_with_foreign_keys_of_their_own_are_of_the_run() {
    let database = Database::create();
    database.load(
        "CREATE TABLE customer (id int PRIMARY KEY);
         CREATE TABLE payment (id int NOT NULL, customer_id int NOT NULL) PARTITION BY HASH (id);
         CREATE TABLE payment_0 PARTITION OF payment FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE payment_1 PARTITION OF payment FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         ALTER TABLE payment_0 ADD FOREIGN KEY (customer_id) REFERENCES customer;
         ALTER TABLE payment_1 ADD FOREIGN KEY (customer_id) REFERENCES customer ON DELETE CASCADE",
    );
    perfkit(&["seed", "--yes"]).on(&database).succeeds();
    assert_ne!(database.value("SELECT count(*) FROM payment_0"), "0");
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM customer"), "0");
}

#[test]
fn foreign_keys_that_change_rows_need_triggers() {
    let database = seeded();
    let run = perfkit(&["seed", "clean", "--yes", "--cascade", "--triggers=off"]).on(&database).exits(2);
    assert!(run.stderr.contains("`--cascade` needs `--triggers=on`"), "{}", run.stderr);
    assert_eq!(n_rows(&database)[0], "100");
}

/// Triggers that make rows when rows come, change and go: a log, totals that are put in or changed, and a parent that must be there.
const MAKING: &str = "
    CREATE TABLE entity (id bigserial PRIMARY KEY, kind text NOT NULL);
    CREATE TABLE account (id int PRIMARY KEY, entity_id bigint NOT NULL UNIQUE REFERENCES entity, name text NOT NULL);
    CREATE TABLE payment (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account, amount int NOT NULL);
    CREATE TABLE total (account_id int PRIMARY KEY REFERENCES account, amount bigint NOT NULL);
    CREATE TABLE log (id bigserial PRIMARY KEY, said text NOT NULL);
    CREATE FUNCTION make_entity() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO entity (kind) VALUES ('account') RETURNING id INTO NEW.entity_id; RETURN NEW; END $$;
    CREATE TRIGGER make_entity BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION make_entity();
    CREATE FUNCTION add_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO total AS t VALUES (NEW.account_id, NEW.amount)
            ON CONFLICT (account_id) DO UPDATE SET amount = t.amount + NEW.amount;
        RETURN NULL; END $$;
    CREATE TRIGGER add_up AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION add_up();
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO log (said) VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
    CREATE TRIGGER log AFTER INSERT OR DELETE ON payment FOR EACH ROW EXECUTE FUNCTION log();
    CREATE CONSTRAINT TRIGGER late AFTER INSERT OR DELETE ON account DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION log()";
const SEED_ACCOUNTS: [&str; 3] = ["seed", "--yes", "--account=300"];

/// The same within blocks that catch errors: their rows bear the numbers of subtransactions.
fn making_nested() -> String {
    let nested = |statement: &str| {
        format!("BEGIN {statement} EXCEPTION WHEN division_by_zero THEN RAISE WARNING 'not made'; END;")
    };
    let mut schema = MAKING.to_owned();
    for statement in [
        "INSERT INTO entity (kind) VALUES ('account') RETURNING id INTO NEW.entity_id;",
        "INSERT INTO log (said) VALUES (TG_OP || ' ' || TG_TABLE_NAME);",
    ] {
        assert!(schema.contains(statement));
        schema = schema.replace(statement, &nested(statement));
    }
    schema
}

fn left(database: &Database) -> [String; 5] {
    ["entity", "account", "payment", "total", "log"]
        .map(|table| database.value(&format!("SELECT count(*) FROM {table}")))
}

#[test]
fn rows_that_triggers_have_made_go_as_well() {
    check_made_rows_go(MAKING);
}

#[test]
fn rows_that_triggers_have_made_in_subtransactions_go_as_well() {
    check_made_rows_go(&making_nested());
}

fn check_made_rows_go(schema: &str) {
    let database = Database::create();
    database.load(schema);
    perfkit(&SEED_ACCOUNTS).on(&database).succeeds();
    for table in ["account", "payment", "total", "log"] {
        assert_ne!(database.value(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
    let run = perfkit(&["seed", "clean", "--yes", "--json"]).on(&database).succeeds();
    assert_eq!(left(&database), ["0"; 5], "{} {}", run.stdout, run.stderr);
    assert!(run.stdout.contains("trigger_tables"), "{}", run.stdout);
    assert!(!run.stderr.contains("are left"), "{}", run.stderr);
    assert_eq!(database.value("SELECT count(*) FROM perfkit.seed_effect"), "0");
}

#[test]
fn rows_of_others_stay_beside_those_that_triggers_have_made() {
    check_rows_of_others_stay(MAKING);
}

#[test]
fn rows_of_others_stay_beside_those_of_subtransactions() {
    check_rows_of_others_stay(&making_nested());
}

fn check_rows_of_others_stay(schema: &str) {
    let database = Database::create();
    database.load(schema);
    // A log that was in use before, and is in use while the run is there.
    database.execute("INSERT INTO log (said) SELECT 'before' FROM generate_series(1, 10)");
    perfkit(&[&SEED_ACCOUNTS[..], &["--append", "--rows", "log=0"]].concat()).on(&database).succeeds();
    database.execute("INSERT INTO log (said) VALUES ('after')");
    database.execute(
        "UPDATE log SET said = 'mine now' WHERE id = (SELECT min(id) FROM log WHERE said LIKE 'INSERT%')",
    );
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    assert_eq!(
        database.query("SELECT said || ' ' || count(*) FROM log GROUP BY said ORDER BY said"),
        ["after 1", "before 10", "mine now 1"]
    );
    assert_eq!(left(&database)[..4], ["0"; 4]);
}

#[test]
fn rows_of_triggers_that_cannot_be_told_apart_are_named() {
    let database = Database::create();
    database.load(
        "CREATE TABLE day (at date PRIMARY KEY, n int NOT NULL);
         INSERT INTO day VALUES ('2020-01-01', 7);
         CREATE TABLE visit (id int PRIMARY KEY, at date NOT NULL);
         CREATE FUNCTION count_visit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO day AS d VALUES (date_trunc('month', NEW.at), 1) ON CONFLICT (at) DO UPDATE SET n = d.n + 1;
             RETURN NULL; END $$;
         CREATE TRIGGER count_visit AFTER INSERT ON visit FOR EACH ROW EXECUTE FUNCTION count_visit()",
    );
    perfkit(&["seed", "--yes", "--append", "--visit=500", "--rows", "day=0"]).on(&database).succeeds();
    let n = database.value("SELECT count(*) FROM day WHERE at <> '2020-01-01'");
    assert_ne!(n, "0");
    let run = perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    let said = format!(
        "{n} rows that triggers have made or changed are left in table public.day: triggers have changed"
    );
    assert!(run.stderr.contains(&said), "no {said:?} in {}", run.stderr);
    assert_eq!(database.value("SELECT count(*) FROM visit"), "0");
    assert_eq!(database.value("SELECT n FROM day WHERE at = '2020-01-01'"), "7");
}

#[test]
fn a_trigger_that_a_foreign_key_stops_is_named_and_done_without() {
    let database = Database::create();
    // As in the schema of MusicBrainz: who deletes the last row of a table that uses a link deletes the link.
    database.load(
        "CREATE TABLE link (id int PRIMARY KEY, name text NOT NULL);
         CREATE TABLE l_one (id int PRIMARY KEY, link int NOT NULL REFERENCES link);
         CREATE TABLE l_two (id int PRIMARY KEY, link int NOT NULL REFERENCES link);
         CREATE FUNCTION remove_unused_links() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE is_used bool; BEGIN
             EXECUTE 'SELECT EXISTS (SELECT FROM ' || TG_TABLE_NAME || ' WHERE link = $1)' INTO is_used USING OLD.link;
             IF NOT is_used THEN DELETE FROM link WHERE id = OLD.link; END IF;
             RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER remove_unused_links AFTER DELETE ON l_one DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION remove_unused_links();
         CREATE CONSTRAINT TRIGGER remove_unused_links AFTER DELETE ON l_two DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION remove_unused_links()",
    );
    perfkit(&["seed", "--yes", "--link=20", "--l_one=100", "--l_two=100"]).on(&database).succeeds();
    let run = perfkit(&["seed", "clean", "--yes"]).on(&database).exits(3);
    assert!(run.stderr.contains("add `--triggers=off`"), "{}", run.stderr);
    assert!(!run.stderr.contains("not of the run"), "{}", run.stderr);
    perfkit(&["seed", "clean", "--yes", "--triggers=off"]).on(&database).succeeds();
    for table in ["link", "l_one", "l_two"] {
        assert_eq!(database.value(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
}

#[test]
fn a_row_of_others_that_a_trigger_has_changed_stays() {
    let database = Database::create();
    database.load(
        "CREATE TABLE visit (id int PRIMARY KEY, at date NOT NULL);
         CREATE TABLE site (id int PRIMARY KEY, name text NOT NULL, last_visit_id int REFERENCES visit);
         INSERT INTO site VALUES (1, 'mine');
         CREATE FUNCTION visited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             UPDATE site SET last_visit_id = NEW.id; RETURN NULL; END $$;
         CREATE TRIGGER visited AFTER INSERT ON visit FOR EACH ROW EXECUTE FUNCTION visited()",
    );
    perfkit(&["seed", "--yes", "--append", "--visit=100", "--rows", "site=0"]).on(&database).succeeds();
    let run = perfkit(&["seed", "clean", "--yes"]).on(&database).exits(3);
    let said = "rows of table public.site refer to seeded rows of table public.visit";
    assert!(run.stderr.contains(said), "no {said:?} in {}", run.stderr);
    assert_eq!(database.value("SELECT name FROM site"), "mine");
    database.execute("UPDATE site SET last_visit_id = NULL");
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) || ' ' || (SELECT name FROM site) FROM visit"), "0 mine");
}

/// Votes that a trigger adds up, as in the schema of `MusicBrainz`: tags and their sums refer to each other.
const VOTES: &str = "
    CREATE TABLE tag (id int PRIMARY KEY, name text NOT NULL, best_area int);
    CREATE TABLE area_tag (area int NOT NULL, tag int NOT NULL REFERENCES tag, n int NOT NULL, PRIMARY KEY (tag, area));
    ALTER TABLE tag ADD FOREIGN KEY (id, best_area) REFERENCES area_tag (tag, area);
    CREATE TABLE vote (id int PRIMARY KEY, area int NOT NULL, tag int NOT NULL REFERENCES tag);
    CREATE TABLE remark (id int PRIMARY KEY, tag int NOT NULL, area int NOT NULL, FOREIGN KEY (tag, area) REFERENCES area_tag);
    CREATE FUNCTION count_vote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO area_tag AS t VALUES (NEW.area, NEW.tag, 1) ON CONFLICT (tag, area) DO UPDATE SET n = t.n + 1;
        RETURN NULL; END $$;
    CREATE TRIGGER count_vote AFTER INSERT ON vote FOR EACH ROW EXECUTE FUNCTION count_vote()";

fn voted() -> Database {
    let database = Database::create();
    database.load(VOTES);
    let sizes = ["--tag=30", "--area_tag=40", "--vote=400", "--rows", "remark=0"];
    perfkit(&[&["seed", "--yes"], &sizes[..]].concat()).on(&database).succeeds();
    let n: u32 = database.value("SELECT count(*) FROM area_tag").parse().expect("a number");
    assert!(n > 60, "votes have made sums beside the 40: {n}");
    database
}

#[test]
fn rows_that_triggers_have_made_beside_loaded_ones_go_with_what_they_refer_to() {
    for triggers in ["on", "off"] {
        let database = voted();
        let run = perfkit(&["seed", "clean", "--yes", "--triggers", triggers]).on(&database).succeeds();
        for table in ["tag", "area_tag", "vote"] {
            let n = database.value(&format!("SELECT count(*) FROM {table}"));
            assert_eq!(n, "0", "{table}, triggers {triggers}: {}", run.stderr);
        }
        assert!(!run.stderr.contains("were not in table"), "{}", run.stderr);
    }
}

#[test]
fn rows_of_others_that_refer_to_those_of_triggers_are_seen_without_foreign_keys() {
    let database = voted();
    // One that no row of the run is like.
    database.execute(
        "INSERT INTO remark SELECT 1, tag, area FROM area_tag WHERE xmin::text = (SELECT xmin::text FROM vote LIMIT 1) LIMIT 1",
    );
    assert_eq!(database.value("SELECT count(*) FROM remark"), "1");
    let run = perfkit(&["seed", "clean", "--yes", "--triggers=off"]).on(&database).exits(3);
    let said = "rows of table public.remark refer to seeded rows of table public.area_tag";
    assert!(run.stderr.contains(said), "no {said:?} in {}", run.stderr);
    let refers = "SELECT count(*) FROM remark JOIN area_tag USING (tag, area) JOIN tag ON tag.id = tag";
    assert_eq!(database.value(refers), "1");
    database.execute("DELETE FROM remark");
    perfkit(&["seed", "clean", "--yes", "--triggers=off"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM area_tag"), "0");
}

/// The key begins with the tenant, of which there are four: for each row that goes the server would read a quarter of the table.
#[test]
fn few_rows_are_read_for_each_that_goes() {
    let database = Database::create();
    database.load(
        "CREATE TABLE tenant (id int PRIMARY KEY);
         CREATE TABLE message (tenant_id int NOT NULL REFERENCES tenant, id int, reply_to int, PRIMARY KEY (tenant_id, id),
             FOREIGN KEY (tenant_id, reply_to) REFERENCES message)",
    );
    perfkit(&["seed", "--yes", "--tenant", "4", "--message", "10000"]).on(&database).succeeds();
    database.execute("SELECT pg_stat_reset()");
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    let read =
        "SELECT idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'message' AND n_tup_del = 10000";
    database.await_true(&format!("SELECT EXISTS ({read})"));
    let n: u64 = database.value(read).parse().unwrap();
    assert!(n < 200_000, "{n} rows are read for 10,000");
    assert_eq!(
        database.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'perfkit_seed_clean_%'"),
        "0"
    );
}
