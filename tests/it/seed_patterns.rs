//! What schemas of applications ask of `perfkit seed`: patterns that were met in more than one of them.

use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// Seeds a schema whose tables must all be filled; queries beside must count no row.
fn check(schema: &str, never: &[&str]) {
    let database = Database::create();
    database.load(schema);
    let run = perfkit(&["seed", "--yes"]).on(&database).succeeds();
    assert!(!run.stderr.contains("gets no rows"), "{}", run.stderr);
    let empty = database.value(
        "SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class AS c
         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
           AND query_to_xml(format('SELECT 1 FROM %I LIMIT 1', relname), false, true, '')::text NOT LIKE '%<row%'",
    );
    assert_eq!(empty, "", "{}", run.stderr);
    for query in never {
        assert_eq!(database.value(&format!("SELECT count(*) FROM {query}")), "0", "{query}\n{}", run.stderr);
    }
}

#[test]
fn moments_are_there_where_a_condition_asks_for_them() {
    check(
        "CREATE TABLE club (id int PRIMARY KEY, name text);
         CREATE TABLE drive (id int PRIMARY KEY, club_id int NOT NULL REFERENCES club, created_at timestamptz NOT NULL,
             deleted_at timestamptz);
         CREATE UNIQUE INDEX ON drive (club_id) WHERE deleted_at IS NULL;
         CREATE TABLE term (id int PRIMARY KEY, start_at timestamptz, end_at timestamptz,
             CHECK ((start_at IS NULL AND end_at IS NULL) OR (start_at IS NOT NULL AND end_at IS NOT NULL)));",
        &[],
    );
}

#[test]
fn rules_on_some_rows_are_no_obstacle() {
    check(
        "CREATE TABLE word (id int PRIMARY KEY, word text NOT NULL UNIQUE);
         CREATE RULE once AS ON INSERT TO word WHERE EXISTS (SELECT FROM word AS w WHERE w.word = new.word) DO INSTEAD NOTHING;",
        &[],
    );
}

#[test]
fn a_favourite_child_is_one_of_its_own() {
    check(
        "CREATE TABLE shop (id int PRIMARY KEY, main_desk_id int NOT NULL);
         CREATE TABLE desk (id int PRIMARY KEY, shop_id int NOT NULL REFERENCES shop DEFERRABLE INITIALLY DEFERRED,
             UNIQUE (shop_id, id));
         ALTER TABLE shop ADD FOREIGN KEY (id, main_desk_id) REFERENCES desk (shop_id, id) DEFERRABLE INITIALLY DEFERRED;",
        &["shop JOIN desk ON desk.id = main_desk_id WHERE shop_id <> shop.id"],
    );
}

#[test]
fn rows_share_an_owner_several_steps_away() {
    check(
        "CREATE TABLE owner (id int PRIMARY KEY, name text);
         CREATE TABLE place (id int PRIMARY KEY, owner_id int NOT NULL REFERENCES owner, UNIQUE (id, owner_id));
         CREATE TABLE feed (id int PRIMARY KEY, place_id int NOT NULL, owner_id int NOT NULL,
             FOREIGN KEY (place_id, owner_id) REFERENCES place (id, owner_id), UNIQUE (id, owner_id));
         CREATE TABLE poll (id int PRIMARY KEY, owner_id int NOT NULL REFERENCES owner, UNIQUE (id, owner_id));
         CREATE TABLE both_of (id int PRIMARY KEY, feed_id int NOT NULL, poll_id int NOT NULL, owner_id int NOT NULL,
             FOREIGN KEY (feed_id, owner_id) REFERENCES feed (id, owner_id),
             FOREIGN KEY (poll_id, owner_id) REFERENCES poll (id, owner_id));",
        &[],
    );
}

#[test]
fn triggers_may_make_the_parent() {
    check(
        "CREATE TABLE account (key text PRIMARY KEY, name text);
         CREATE TABLE ldap_account (key text PRIMARY KEY REFERENCES account, name text);
         CREATE FUNCTION add_account() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO account VALUES (NEW.key, NEW.name); RETURN NEW; END $$;
         CREATE TRIGGER add_account BEFORE INSERT ON ldap_account FOR EACH ROW EXECUTE FUNCTION add_account();",
        &["ldap_account LEFT JOIN account USING (key) WHERE account.key IS NULL"],
    );
}

#[test]
fn lists_that_must_not_meet_are_empty() {
    check(
        "CREATE TYPE region AS ENUM ('north', 'south');
         CREATE TABLE copy (id int PRIMARY KEY, main region NOT NULL, others region[] NOT NULL, gone region[] NOT NULL);
         CREATE FUNCTION check_regions() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT FROM unnest(NEW.main || NEW.others || NEW.gone) AS r GROUP BY r HAVING count(*) > 1) THEN
                 RAISE 'regions meet'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER check_regions BEFORE INSERT ON copy FOR EACH ROW EXECUTE FUNCTION check_regions();",
        &[],
    );
}

#[test]
fn a_case_without_parents_is_not_taken() {
    let database = Database::create();
    database.load(
        "CREATE TABLE post (id int PRIMARY KEY);
         CREATE TABLE page (id int PRIMARY KEY);
         CREATE TABLE report (id int PRIMARY KEY, post_id int REFERENCES post, page_id int REFERENCES page,
             CHECK (num_nonnulls(post_id, page_id) = 1));
         CREATE RULE none AS ON INSERT TO page DO INSTEAD NOTHING;",
    );
    perfkit(&["seed", "--yes"]).on(&database).exits(1);
    assert_eq!(database.value("SELECT count(*) > 0 AND count(*) = count(post_id) FROM report"), "t");
}
