//! The rehearsal of `perfkit seed`

use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// What only the server knows: an opaque check, triggers that refuse at once and at the end, one that fills a table, one that
/// creates tables, one that needs what is missing; and a check that nothing satisfies.
const SCHEMA: &str = r"
    CREATE FUNCTION is_right(kind text, is_new boolean) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN RETURN is_new; END $$;
    CREATE TABLE opaque (id int PRIMARY KEY, kind text, is_new boolean NOT NULL, CONSTRAINT right_kind CHECK (is_right(kind, is_new)));

    CREATE TABLE link_type (id int PRIMARY KEY, has_dates boolean NOT NULL);
    CREATE TABLE link (id int PRIMARY KEY, type_id int NOT NULL REFERENCES link_type, begin_date date NOT NULL);
    CREATE FUNCTION check_dates() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NOT (SELECT has_dates FROM link_type WHERE id = NEW.type_id) THEN RAISE 'type does not support dates'; END IF;
        RETURN NEW; END $$;
    CREATE TRIGGER check_dates BEFORE INSERT ON link FOR EACH ROW EXECUTE FUNCTION check_dates();

    CREATE TABLE late (id int PRIMARY KEY, state text NOT NULL CHECK (state IN ('open', 'closed')), closed_on date);
    CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.closed_on IS NOT NULL THEN RAISE 'closed_on is not known yet'; END IF; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse_late();

    CREATE TABLE artist (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE artist_meta (id int PRIMARY KEY REFERENCES artist, rating smallint);
    CREATE FUNCTION add_meta() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO artist_meta (id) VALUES (NEW.id); RETURN NULL; END $$;
    CREATE TRIGGER add_meta AFTER INSERT ON artist FOR EACH ROW EXECUTE FUNCTION add_meta();

    CREATE TABLE team (id int PRIMARY KEY);
    CREATE FUNCTION add_table() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE format('CREATE TABLE team_%s ()', NEW.id); RETURN NULL; END $$;
    CREATE TRIGGER add_table AFTER INSERT ON team FOR EACH ROW EXECUTE FUNCTION add_table();

    CREATE TABLE sent (id int PRIMARY KEY);
    CREATE FUNCTION send() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO outbox.messages VALUES (NEW.id); RETURN NULL; END $$;
    CREATE TRIGGER send AFTER INSERT ON sent FOR EACH ROW EXECUTE FUNCTION send();

    CREATE FUNCTION never(id int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN false; END $$;
    CREATE TABLE nothing (id int PRIMARY KEY, CHECK (never(id)));
    CREATE TABLE of_nothing (id int PRIMARY KEY, nothing_id int NOT NULL REFERENCES nothing);";

fn database() -> Database {
    let database = Database::create();
    database.load(SCHEMA);
    database
}

#[test]
fn what_the_server_refuses_is_found_before() {
    let database = database();
    let run = perfkit(&["seed", "--yes"]).on(&database).exits(1);
    let check = |from: &str, expected: &str| {
        assert_eq!(
            database.value(&format!("SELECT count(*) FROM {from}")),
            expected,
            "{from}\n{}",
            run.stderr
        );
    };
    for table in ["opaque", "link", "late", "artist"] {
        assert_ne!(database.value(&format!("SELECT count(*) FROM {table}")), "0", "{table}\n{}", run.stderr);
    }
    check("late WHERE closed_on IS NOT NULL", "0");
    check("link_type WHERE NOT has_dates", "0");
    check("artist LEFT JOIN artist_meta USING (id) WHERE artist_meta.id IS NULL", "0");
    check("team", "20");
    check("pg_class WHERE relname ~ '^team_[0-9]+$'", "20");
    for empty in ["sent", "nothing", "of_nothing"] {
        check(empty, "0");
        assert!(run.stderr.contains(&format!("table public.{empty} gets no rows")), "{}", run.stderr);
    }
    assert!(run.stderr.contains("relation \"outbox.messages\" does not exist"), "{}", run.stderr);
    assert!(run.stderr.contains("column closed_on of public.late stays empty"), "{}", run.stderr);
}

#[test]
fn triggers_find_rows_that_they_need_and_leave_others_alone() {
    let database = Database::create();
    // Tags that nothing refers to go at once; a mirror takes what is not there yet; a member is of a group that is known by number.
    database.load(
        "CREATE TABLE tag (id int PRIMARY KEY, name text NOT NULL);
         CREATE TABLE tagged (id int PRIMARY KEY, tag int NOT NULL REFERENCES tag);
         CREATE TABLE tag_alias (id int PRIMARY KEY, tag int NOT NULL REFERENCES tag, name text NOT NULL);
         CREATE FUNCTION delete_unused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             BEGIN DELETE FROM tag WHERE id = NEW.id; EXCEPTION WHEN foreign_key_violation THEN NULL; END; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER delete_unused AFTER INSERT ON tag DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION delete_unused();
         CREATE TABLE original (id int PRIMARY KEY, note text);
         CREATE TABLE original_mirror (id int PRIMARY KEY, note text);
         CREATE FUNCTION mirror() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO original_mirror VALUES (NEW.id, NEW.note) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
         CREATE TRIGGER mirror AFTER INSERT ON original FOR EACH ROW EXECUTE FUNCTION mirror();
         CREATE TABLE member (id int PRIMARY KEY);
         CREATE TABLE party (id int PRIMARY KEY);
         CREATE TABLE party_member (party int NOT NULL REFERENCES party, member int NOT NULL REFERENCES member);
         CREATE FUNCTION join_party() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NOT EXISTS (SELECT FROM party WHERE id = 7) THEN RAISE 'no party 7'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER join_party BEFORE INSERT ON member FOR EACH ROW EXECUTE FUNCTION join_party()",
    );
    let run = perfkit(&["seed", "--yes"]).on(&database).succeeds();
    let is_filled = |table: &str| database.value(&format!("SELECT EXISTS (SELECT FROM {table})")) == "t";
    for table in ["tag", "tagged", "tag_alias", "original", "original_mirror", "member", "party_member"] {
        assert!(is_filled(table), "{table} is empty\n{}", run.stderr);
    }
    assert_eq!(
        database.value("SELECT count(*) FROM tag"),
        database.value("SELECT count(DISTINCT tag) FROM tag_alias")
    );
    perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    for table in ["tag", "tagged", "original", "member"] {
        assert!(!is_filled(table), "{table} has rows");
    }
}

#[test]
fn a_rehearsal_leaves_nothing_behind() {
    let database = database();
    let run = perfkit(&["seed", "--dry-run"]).on(&database).exits(1);
    assert!(run.stdout.contains("its triggers create"), "{}", run.stdout);
    let rows = "(SELECT sum((xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || oid::regclass, true, true, '')))[1]
                 ::text::int) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)";
    assert_eq!(database.value(&format!("SELECT {rows}")), "0");
    assert_eq!(database.value("SELECT count(*) FROM pg_class WHERE relname ~ '^team_[0-9]|^perfkit'"), "0");
    // Without it the load itself fails.
    perfkit(&["seed", "--yes", "--no-rehearsal"]).on(&database).exits(3);
}

#[test]
fn what_triggers_change_is_named() {
    let database = Database::create();
    // Texts, numbers and documents come back in other bytes than they were sent in, which is no change.
    database.load(
        "CREATE TABLE note (id int PRIMARY KEY, title char(12) NOT NULL, price numeric(8, 2), data jsonb, span int4range,
             slug text NOT NULL, updated_at timestamptz);
         CREATE FUNCTION set_slug() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.slug := lower(NEW.title) || '-' || NEW.id; RETURN NEW; END $$;
         CREATE TRIGGER set_slug BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION set_slug();
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER nothing AFTER INSERT ON note FOR EACH ROW EXECUTE FUNCTION nothing()",
    );
    let changed = |args: &[&str]| {
        let run = perfkit(&[&["seed", "--dry-run"], args].concat()).on(&database).succeeds();
        let lines = run.stdout.lines().filter(|line| line.contains(" is changed: "));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(changed(&[]), ["column slug of public.note is changed: trigger set_slug"]);
    assert!(changed(&["--triggers", "off"]).is_empty());
    assert_eq!(database.value("SELECT count(*) FROM note"), "0");
}

#[test]
fn rows_that_triggers_make_beside_do_not_meet_planned_ones() {
    let database = Database::create();
    // Names of tables that are built, and rows with keys of the same parents.
    database.load(
        "CREATE TABLE place (id int PRIMARY KEY);
         CREATE TABLE tag (id int PRIMARY KEY);
         CREATE TABLE place_tag (place int NOT NULL REFERENCES place, tag int NOT NULL REFERENCES tag, n int NOT NULL,
             PRIMARY KEY (place, tag));
         CREATE TABLE place_tag_raw (place int NOT NULL REFERENCES place, tag int NOT NULL REFERENCES tag, id serial PRIMARY KEY);
         CREATE FUNCTION count_tags() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             EXECUTE format('INSERT INTO %I AS t VALUES ($1, $2, 1) ON CONFLICT (place, tag) DO UPDATE SET n = t.n + 1',
                 TG_ARGV[0] || '_tag') USING NEW.place, NEW.tag;
             RETURN NULL; END $$;
         CREATE TRIGGER count_tags AFTER INSERT ON place_tag_raw FOR EACH ROW EXECUTE FUNCTION count_tags('place');
         CREATE TABLE person (id int PRIMARY KEY);
         CREATE TABLE note (id int PRIMARY KEY, person_id int NOT NULL REFERENCES person);
         CREATE TABLE recipient (person_id int NOT NULL REFERENCES person, note_id int NOT NULL REFERENCES note,
             PRIMARY KEY (person_id, note_id));
         CREATE FUNCTION receive() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO recipient VALUES (NEW.person_id, NEW.id); RETURN NULL; END $$;
         CREATE TRIGGER receive AFTER INSERT ON note FOR EACH ROW EXECUTE FUNCTION receive()",
    );
    let args = [
        "seed",
        "--yes",
        "--streams",
        "2",
        "--place",
        "50",
        "--tag",
        "50",
        "--rows",
        "place_tag=1500",
        "--person",
        "20",
    ];
    let run = perfkit(&args).on(&database).succeeds();
    assert!(!run.stderr.contains("was refused"), "{}", run.stderr);
    assert_ne!(database.value("SELECT count(*) FROM recipient"), "0");
    assert_eq!(
        database.value("SELECT count(*) FROM note FULL JOIN recipient r ON note_id = note.id AND r.person_id = note.person_id
            WHERE note.id IS NULL OR note_id IS NULL"),
        "0"
    );
}

#[test]
fn settings_that_triggers_ask_for_are_named() {
    let database = Database::create();
    database.load(
        "CREATE FUNCTION of_session(name text) RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN RETURN current_setting(name, true)::int; END $$;
         CREATE TABLE audit (id serial PRIMARY KEY, revision int NOT NULL);
         CREATE FUNCTION note_change() RETURNS void LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO audit (revision) VALUES (of_session('app.revision')); END $$;
         CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM note_change(); RETURN NULL; END $$;
         CREATE TABLE subnet (id int PRIMARY KEY);
         CREATE TRIGGER audit AFTER INSERT ON subnet FOR EACH ROW EXECUTE FUNCTION audit()",
    );
    let run = perfkit(&["seed", "--dry-run"]).on(&database).exits(1);
    for said in [
        "table public.subnet gets no rows",
        "its triggers ask for app.revision",
        "ALTER ROLE",
        "--triggers off",
    ] {
        assert!(run.stdout.contains(said), "no {said:?} in {}", run.stdout);
    }
    let name = database.value("SELECT current_database()");
    database.execute(&format!("ALTER DATABASE {name} SET app.revision = '7'"));
    perfkit(&["seed", "--yes"]).on(&database).succeeds();
    let both = "SELECT (SELECT count(*) FROM audit WHERE revision = 7) >= (SELECT count(*) FROM subnet)";
    assert_eq!(database.value(both), "t");
}

#[test]
fn a_table_of_one_row_that_has_it_is_complete() {
    let database = Database::create();
    database.load(
        "CREATE TABLE lock (lock char(1) NOT NULL DEFAULT 'X' UNIQUE, v int NOT NULL, CHECK (lock = 'X'));
         CREATE TABLE flag (id boolean PRIMARY KEY CHECK (id), name text);
         CREATE TABLE one (v text NOT NULL);
         CREATE UNIQUE INDEX one_row ON one ((true));
         CREATE TABLE sole (id int NOT NULL, v text);
         CREATE UNIQUE INDEX sole_row ON sole ((id IS NOT NULL));
         CREATE TABLE many (id int PRIMARY KEY)",
    );
    perfkit(&["seed", "--yes"]).on(&database).succeeds();
    let run = perfkit(&["seed", "--append", "--yes"]).on(&database).succeeds();
    assert!(!run.stderr.contains("gets no rows"), "{}", run.stderr);
    let plan = perfkit(&["seed", "--append", "--dry-run"]).on(&database).succeeds();
    let reasons = [
        ("lock", "100 rows: it has each row that lock_lock_key allows"),
        ("flag", "100 rows: it has each row that flag_pkey allows"),
        ("one", "1 rows: it has the only row that its keys allow"),
        ("sole", "1 rows: it has the only row that its keys allow"),
    ];
    for (table, reason) in reasons {
        let said = format!("table public.{table} gets 0 of {reason}");
        assert!(plan.stdout.contains(&said), "no {said:?} in {}", plan.stdout);
        assert_eq!(database.value(&format!("SELECT count(*) FROM {table}")), "1");
    }
    assert_eq!(database.value("SELECT count(*) FROM many"), "200");
}

#[test]
fn lists_of_values_that_are_there_in_part_are_completed() {
    let database = Database::create();
    database.load(
        "CREATE TYPE shade AS ENUM ('light', 'dark');
         CREATE TABLE shades (shade shade PRIMARY KEY);
         INSERT INTO shades VALUES ('light'), ('dark');
         CREATE TABLE colors (name text PRIMARY KEY CHECK (name IN ('red', 'green', 'blue', 'black')), shade shade NOT NULL REFERENCES shades);
         INSERT INTO colors VALUES ('red', 'light'), ('green', 'light');
         CREATE DOMAIN user_id AS text CHECK (length(trim(VALUE)) > 10 OR VALUE = 'u_anon' OR VALUE = 'u_auth');
         CREATE TABLE users (id user_id PRIMARY KEY, color text NOT NULL REFERENCES colors);
         INSERT INTO users VALUES ('u_anon', 'red')",
    );
    let seed = ["seed", "--yes", "--append", "--users=500"];
    let run = perfkit(&seed).on(&database).succeeds();
    assert!(!run.stderr.contains("gets no rows"), "{}", run.stderr);
    let count = |of: &str| database.value(&format!("SELECT count(*) FROM {of}"));
    assert_eq!([count("shades"), count("colors"), count("users")], ["2", "4", "501"]);
    perfkit(&seed).on(&database).succeeds();
    assert_eq!([count("shades"), count("colors"), count("users")], ["2", "4", "1001"]);
    for _ in 0..2 {
        perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    }
    assert_eq!([count("shades"), count("colors"), count("users")], ["2", "2", "1"]);
}

#[test]
fn triggers_get_what_they_ask_for() {
    let database = Database::create();
    // A trigger wants values that the table does without; others make the row that theirs extends; a hierarchy has its root.
    database.load(
        "CREATE TABLE owner (id int PRIMARY KEY);
         CREATE TABLE job (id int PRIMARY KEY, owner_id int REFERENCES owner, target text, note text);
         CREATE FUNCTION check_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.owner_id IS NULL THEN RAISE 'owner_id is null'; END IF;
             IF NEW.target IS NULL THEN RAISE 'target is null'; END IF;
             RETURN NEW; END $$;
         CREATE TRIGGER check_job BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION check_job();
         CREATE TABLE tenant (id text PRIMARY KEY);
         CREATE TABLE account (id text PRIMARY KEY, tenant_id text NOT NULL REFERENCES tenant, UNIQUE (tenant_id, id));
         CREATE TABLE bank_account (id text PRIMARY KEY, tenant_id text NOT NULL, iban text NOT NULL,
             FOREIGN KEY (tenant_id, id) REFERENCES account (tenant_id, id));
         CREATE FUNCTION add_account() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO account VALUES (NEW.id, NEW.tenant_id); RETURN NEW; END $$;
         CREATE TRIGGER add_account BEFORE INSERT ON bank_account FOR EACH ROW EXECUTE FUNCTION add_account();
         CREATE TABLE kind (name text PRIMARY KEY CHECK (name IN ('root', 'org', 'team', 'none')));
         INSERT INTO kind VALUES ('root'), ('org'), ('team'), ('none');
         CREATE TABLE scope (id text PRIMARY KEY, kind text NOT NULL REFERENCES kind, parent_id text REFERENCES scope,
             CHECK (kind = 'root' AND parent_id IS NULL OR kind = 'org' AND parent_id = 'world' OR kind = 'team' AND parent_id <> 'world'));
         CREATE TABLE org (id text PRIMARY KEY REFERENCES scope);
         CREATE FUNCTION add_org() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.kind = 'org' THEN INSERT INTO org VALUES (NEW.id); END IF;
             IF NEW.kind = 'team' THEN PERFORM FROM org WHERE id = NEW.parent_id; IF NOT FOUND THEN RAISE 'no such org'; END IF; END IF;
             RETURN NULL; END $$;
         CREATE TRIGGER add_org AFTER INSERT ON scope FOR EACH ROW EXECUTE FUNCTION add_org();
         INSERT INTO scope VALUES ('world', 'root', NULL);
         CREATE UNIQUE INDEX one_root ON scope ((true)) WHERE parent_id IS NULL",
    );
    let run = perfkit(&["seed", "--yes", "--append", "--job=200"]).on(&database).succeeds();
    let count = |of: &str| database.value(&format!("SELECT count(*) FROM {of}"));
    assert_eq!(count("job WHERE owner_id IS NOT NULL AND target IS NOT NULL"), "200", "{}", run.stderr);
    assert_ne!(count("bank_account"), "0", "{}", run.stderr);
    assert_eq!(count("scope WHERE parent_id = 'world'"), "100", "{}", run.stderr);
}

#[test]
fn a_part_of_a_foreign_key_is_enough_for_a_key() {
    let database = Database::create();
    database.load(
        "CREATE TABLE team (org int NOT NULL, id int PRIMARY KEY, UNIQUE (org, id));
         CREATE TABLE person (id int PRIMARY KEY);
         CREATE TABLE member (org int NOT NULL, team int NOT NULL, person int REFERENCES person, UNIQUE (team, person),
             FOREIGN KEY (org, team) REFERENCES team (org, id))",
    );
    let run =
        perfkit(&["seed", "--yes", "--team=10", "--person=20", "--member=1000"]).on(&database).succeeds();
    let pairs = database.value(
        "SELECT count(*) FROM (SELECT DISTINCT team, person FROM member WHERE person IS NOT NULL) AS pairs",
    );
    assert!(!run.stderr.contains("was refused"), "{}", run.stderr);
    assert!(pairs.parse::<u32>().unwrap() > 100, "{pairs}");
}

#[test]
fn triggers_take_keys_of_a_sequence_while_rows_are_appended() {
    let database = Database::create();
    database.load(
        "CREATE TABLE a (id serial PRIMARY KEY, name text NOT NULL);
         CREATE TABLE b (id serial PRIMARY KEY, a_id int REFERENCES a, note text NOT NULL);
         CREATE TABLE c (id serial PRIMARY KEY, b_id int NOT NULL REFERENCES b, n int NOT NULL);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO b (a_id, note) VALUES (NEW.id, 'made'); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION note()",
    );
    let seed = ["seed", "--yes", "--a=100", "--b=200", "--c=300"];
    for n in 1..=3 {
        let run =
            perfkit(&[&seed[..], if n == 1 { &[] } else { &["--append"] }].concat()).on(&database).succeeds();
        assert!(!run.stderr.contains("gets no rows") && !run.stderr.contains("refused"), "{}", run.stderr);
        let counts = ["a", "b", "c"].map(|table| database.value(&format!("SELECT count(*) FROM {table}")));
        assert_eq!(counts, [100 * n, 300 * n, 300 * n].map(|n: u32| n.to_string()));
    }
    // Children of rows that are there, those of triggers among them.
    perfkit(&["seed", "--yes", "--append", "--rows", "a=0", "--rows", "b=0", "--c=900"])
        .on(&database)
        .succeeds();
    let made = "SELECT count(*) > 0 FROM (SELECT b_id FROM c ORDER BY id DESC LIMIT 900) AS c JOIN b ON b.id = c.b_id WHERE note = 'made'";
    assert_eq!(database.value(made), "t");
    for _ in 0..4 {
        perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
    }
    let left = ["a", "b", "c"].map(|table| database.value(&format!("SELECT count(*) FROM {table}")));
    assert_eq!(left, ["0"; 3]);
}

/// Tables that a trigger fills, of which others need the keys: serial ones, those of the parent, and such as nobody can foretell.
const FED: &str = "
    CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE profiles (user_id bigint PRIMARY KEY REFERENCES users, bio text);
    CREATE TABLE accounts (id bigserial PRIMARY KEY, user_id bigint NOT NULL UNIQUE REFERENCES users);
    CREATE TABLE wallets (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id bigint NOT NULL UNIQUE REFERENCES users);
    CREATE TABLE badges (id bigserial PRIMARY KEY, profile_id bigint NOT NULL REFERENCES profiles);
    CREATE TABLE payments (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts, amount int NOT NULL);
    CREATE TABLE cards (id bigserial PRIMARY KEY, wallet_id uuid NOT NULL UNIQUE REFERENCES wallets);
    CREATE TABLE refunds (id bigserial PRIMARY KEY, payment_id bigint NOT NULL REFERENCES payments);
    CREATE FUNCTION welcome() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO profiles (user_id) VALUES (NEW.id);
        INSERT INTO accounts (user_id) VALUES (NEW.id);
        INSERT INTO wallets (user_id) VALUES (NEW.id);
        RETURN NULL; END $$;
    CREATE TRIGGER welcome AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION welcome();";

#[test]
fn rows_refer_to_those_that_triggers_make() {
    let database = Database::create();
    database.load(FED);
    let seed = ["seed", "--yes", "--streams", "2"];
    perfkit(&[&seed[..], &["--rows", "users=3000", "--rows", "cards=3000"]].concat()).on(&database).exits(0);
    let n = |table: &str| database.value(&format!("SELECT count(*) FROM {table}"));
    for table in ["users", "profiles", "accounts", "wallets", "cards"] {
        assert_eq!(n(table), "3000", "{table}");
    }
    let payments = n("payments");
    for table in ["badges", "payments", "refunds"] {
        assert_ne!(n(table), "0", "{table}");
    }
    // Spread over all accounts, not over the first ones.
    let spread = "SELECT count(DISTINCT account_id) > 1000 FROM payments";
    assert_eq!(database.value(spread), "t");

    perfkit(&[&seed[..], &["--append", "--rows", "users=200"]].concat()).on(&database).exits(0);
    assert_eq!(n("accounts"), "3200");
    assert_ne!(n("payments"), payments, "more of them");

    for _ in 0..2 {
        perfkit(&["seed", "clean", "--yes"]).on(&database).exits(0);
    }
    for table in ["users", "profiles", "accounts", "wallets", "badges", "payments", "cards", "refunds"] {
        assert_eq!(n(table), "0", "{table}");
    }
}

#[test]
fn rows_that_triggers_take_out_again_are_planned() {
    let database = Database::create();
    database.load(
        "CREATE TABLE release (id int PRIMARY KEY, name text NOT NULL);
         CREATE TABLE release_pending (release_id int PRIMARY KEY);
         CREATE FUNCTION add_pending() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO release_pending VALUES (NEW.id) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
         CREATE TRIGGER add_pending AFTER INSERT ON release FOR EACH ROW EXECUTE FUNCTION add_pending();
         CREATE FUNCTION apply_pending() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             DELETE FROM release_pending; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER apply_pending AFTER INSERT ON release DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION apply_pending()",
    );
    let run = perfkit(&["seed", "--yes"]).on(&database).succeeds();
    for table in ["release", "release_pending"] {
        assert_ne!(database.value(&format!("SELECT count(*) FROM {table}")), "0", "{table}\n{}", run.stderr);
    }
}

#[test]
fn entries_of_a_ledger_balance() {
    let database = Database::create();
    database.load(
        "CREATE TABLE entry (id serial PRIMARY KEY, note text NOT NULL);
         CREATE TABLE line (id serial PRIMARY KEY, entry_id int NOT NULL REFERENCES entry, debit numeric(12,2) NOT NULL DEFAULT 0,
             credit numeric(12,2) NOT NULL DEFAULT 0, CHECK (debit >= 0 AND credit >= 0));
         CREATE FUNCTION balance() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF (SELECT sum(debit) - sum(credit) FROM line WHERE entry_id = NEW.entry_id) <> 0 THEN
                 RAISE 'entry % does not balance', NEW.entry_id; END IF;
             RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER balance AFTER INSERT OR UPDATE ON line DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION balance()",
    );
    perfkit(&["seed", "--yes"]).on(&database).succeeds();
    let lines =
        database.query("SELECT count(DISTINCT debit) > 100 AND count(DISTINCT entry_id) > 50 FROM line");
    assert_eq!(lines, ["t"]);
}

/// A row is of the account that the row it refers to is of, which only triggers know; what they put into other tables refers as well.
#[test]
fn rows_are_of_the_account_of_what_they_refer_to() {
    let database = Database::create();
    database.load(
        "CREATE TABLE accounts (id serial PRIMARY KEY, name text NOT NULL);
         CREATE TABLE projects (id serial PRIMARY KEY, account_id int NOT NULL REFERENCES accounts, region text NOT NULL);
         CREATE TABLE tasks (id serial PRIMARY KEY, tenant int NOT NULL REFERENCES accounts, project_id int NOT NULL REFERENCES projects);
         CREATE TABLE comments (id serial PRIMARY KEY, tenant int NOT NULL REFERENCES accounts, task_id int NOT NULL REFERENCES tasks);
         CREATE TABLE files (id serial PRIMARY KEY, account_id int NOT NULL REFERENCES accounts, project_id int REFERENCES projects,
             region text);
         CREATE FUNCTION is_of_project() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.tenant <> (SELECT account_id FROM projects WHERE id = NEW.project_id) THEN RAISE 'of another account'; END IF;
             RETURN NEW; END $$;
         CREATE TRIGGER is_of_project BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION is_of_project();
         CREATE FUNCTION is_of_task() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM FROM tasks WHERE id = NEW.task_id AND tenant = NEW.tenant;
             IF NOT FOUND THEN RAISE 'not allowed'; END IF; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER is_of_task AFTER INSERT ON comments DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION is_of_task();
         CREATE FUNCTION is_in_project() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM FROM projects AS p WHERE p.id = NEW.project_id AND p.account_id = NEW.account_id AND p.region = NEW.region;
             IF NOT FOUND AND NEW.project_id IS NOT NULL THEN RAISE 'no such project in this region'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER is_in_project BEFORE INSERT ON files FOR EACH ROW EXECUTE FUNCTION is_in_project();
         CREATE TABLE jobs (id serial PRIMARY KEY, user_id int NOT NULL, region_id int NOT NULL REFERENCES accounts);
         CREATE TABLE last_jobs (user_id int PRIMARY KEY REFERENCES accounts, region_id int NOT NULL);
         CREATE FUNCTION note_jobs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO last_jobs SELECT user_id, region_id FROM new_jobs GROUP BY user_id, region_id
                 ON CONFLICT (user_id) DO UPDATE SET region_id = excluded.region_id;
             RETURN NULL; END $$;
         CREATE TRIGGER note_jobs AFTER INSERT ON jobs REFERENCING NEW TABLE AS new_jobs
             FOR EACH STATEMENT EXECUTE FUNCTION note_jobs()",
    );
    perfkit(&["seed", "--yes"]).on(&database).succeeds();
    for (table, column, least) in [
        ("tasks", "tenant", 50),
        ("tasks", "project_id", 500),
        ("comments", "tenant", 50),
        ("comments", "task_id", 500),
        ("files", "project_id", 500),
        ("files", "region", 5),
        ("jobs", "user_id", 50),
    ] {
        let found = database.value(&format!("SELECT count(DISTINCT {column}) FROM {table}"));
        assert!(found.parse::<u64>().unwrap() >= least, "{table}.{column}: {found}");
    }
}

/// The triggers want nobody muted or silenced, so what was rehearsed after them comes after them.
#[test]
fn tables_come_in_the_rehearsed_order_where_triggers_read_them() {
    let database = Database::create();
    database.load(
        "CREATE TABLE account (id int PRIMARY KEY);
         CREATE TABLE message (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account);
         CREATE TABLE muted (account_id int PRIMARY KEY REFERENCES account);
         CREATE TABLE post (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account);
         CREATE TABLE silenced (account_id int PRIMARY KEY REFERENCES account);
         CREATE VIEW silent AS SELECT account_id FROM silenced;
         CREATE FUNCTION is_silent(int) RETURNS boolean STABLE LANGUAGE sql RETURN EXISTS (SELECT FROM silent WHERE account_id = $1);
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_sleep(0.001);
             IF EXISTS (SELECT FROM muted WHERE muted.account_id = NEW.account_id) THEN RAISE 'muted'; END IF;
             RETURN NEW; END $$;
         CREATE FUNCTION refuse_silent() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_sleep(0.001);
             IF is_silent(NEW.account_id) THEN RAISE 'silent'; END IF;
             RETURN NEW; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION refuse();
         CREATE TRIGGER refuse BEFORE INSERT ON post FOR EACH ROW EXECUTE FUNCTION refuse_silent();",
    );
    let run = perfkit(&["seed", "--yes", "--message", "300", "--post", "300", "--streams", "4"])
        .on(&database)
        .succeeds();
    assert!(!run.stderr.contains("was refused"), "{}", run.stderr);
    assert_eq!(database.value("SELECT count(*) FROM muted CROSS JOIN LATERAL (SELECT count(*) FROM silenced) AS s (n) WHERE n = 100"), "100");
}
