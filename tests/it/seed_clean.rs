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
