//! The dashboard of `fixtures/leads` with its five counters, and writers on all four levels of it.

use super::Case;
use super::random::Random;
use super::step::{Act, Step, WHOLE};

const N_USERS: u64 = 40;
const N_KEYWORDS: u64 = 400;
const N_MENTIONS: u64 = 3_000;
const N_LEADS: u64 = 1_200;

const STATUSES: [&str; 5] = ["new", "contacted", "qualified", "converted", "lost"];

pub(crate) fn case(has_indexes: bool) -> Case {
    let config = include_str!("../../../fixtures/leads/perfkit.yaml");
    let counters = config.split_once("\ncounters:").expect("it has counters").1;
    let counters = counters.split_once("\n\n").expect("another section follows").0;
    Case {
        name: format!("leads{}", if has_indexes { "" } else { " unindexed" }),
        setup: setup(has_indexes),
        config: format!("counters:{counters}\n"),
        child: "mentions, leads, keywords".to_owned(),
        drift: drift(true),
        columns_alone: drift(false),
        pending: vec!["users_leads_user_id_pending".to_owned()],
        n_counted: "SELECT (SELECT count(*) FROM keywords WHERE mentions_count IS NOT NULL)
            + (SELECT count(*) FROM users WHERE leads_count IS NOT NULL)"
            .to_owned(),
        has_pending: true,
        step: Box::new(step),
        once: Vec::new(),
    }
}

fn setup(has_indexes: bool) -> String {
    let mut sql = format!(
        "{}
        INSERT INTO users (email, name) SELECT 'u' || i || '@example.com', 'u' || i FROM generate_series(1, {N_USERS}) AS i;
        INSERT INTO keywords (user_id, keyword) SELECT 1 + (i * i) % {N_USERS}, 'k' || i FROM generate_series(1, {N_KEYWORDS}) AS i;
        INSERT INTO mentions (keyword_id, content, author)
          SELECT 1 + (i * i) % {N_KEYWORDS}, 'm' || i, 'a' FROM generate_series(1, {N_MENTIONS}) AS i;
        INSERT INTO leads (mention_id, user_id, status)
          SELECT m.id, k.user_id, 'new' FROM mentions m JOIN keywords k ON k.id = m.keyword_id ORDER BY md5(m.id::text) LIMIT {N_LEADS};",
        include_str!("../../../fixtures/leads/schema.sql"),
    );
    if has_indexes {
        sql += "CREATE INDEX ON keywords (user_id); CREATE INDEX ON mentions (keyword_id);
                CREATE INDEX ON leads (mention_id); CREATE INDEX ON leads (user_id);";
    }
    sql + "ANALYZE;"
}

/// Counts everything from the rows at the bottom, whatever the columns between say.
fn drift(has_pending: bool) -> Vec<String> {
    let pending = if has_pending {
        " + (SELECT coalesce(sum(q.leads_count), 0) FROM users_leads_user_id_pending q WHERE q.id = u.id)"
    } else {
        ""
    };
    [
        "keywords p LEFT JOIN (SELECT keyword_id AS id, count(*) AS n FROM mentions GROUP BY 1) c USING (id)
            WHERE p.mentions_count IS DISTINCT FROM coalesce(c.n, 0)"
            .to_owned(),
        "keywords p LEFT JOIN (SELECT m.keyword_id AS id, count(*) AS n FROM leads l JOIN mentions m ON m.id = l.mention_id GROUP BY 1) c
            USING (id) WHERE p.leads_count IS DISTINCT FROM coalesce(c.n, 0)"
            .to_owned(),
        "users p LEFT JOIN (SELECT user_id AS id, count(*) AS n FROM keywords GROUP BY 1) c USING (id)
            WHERE p.keywords_count IS DISTINCT FROM coalesce(c.n, 0)"
            .to_owned(),
        "users p LEFT JOIN (SELECT k.user_id AS id, count(*) AS n FROM mentions m JOIN keywords k ON k.id = m.keyword_id GROUP BY 1) c
            USING (id) WHERE p.mentions_count IS DISTINCT FROM coalesce(c.n, 0)"
            .to_owned(),
        format!(
            "users u LEFT JOIN (SELECT user_id AS id, count(*) AS n FROM leads GROUP BY 1) c USING (id)
            WHERE u.leads_count{pending} IS DISTINCT FROM coalesce(c.n, 0)"
        ),
    ]
    .into_iter()
    .map(|from| format!("SELECT count(*) FROM {from}"))
    .collect()
}

/// What belongs to a user is written under that user's lock. What changes or deletes from above has it for itself.
fn step(random: &mut Random) -> Step {
    let step = match random.below(100) {
        0..20 => insert_mentions(random),
        20..25 => copy(random),
        25..42 => insert_leads(random),
        42..52 => change_leads(random),
        52..60 => delete(random, "leads", 3),
        60..67 => delete(random, "mentions", 3),
        67..70 => delete(random, "keywords", 1),
        70..74 => add_keywords(random),
        74..80 => move_keyword(random),
        80..85 => move_mentions(random),
        85..91 => savepoint(random),
        91..94 => Step::sql("insert users", "INSERT INTO users (email, name) VALUES ('n@example.com', 'n'), ('o@example.com', 'o')"),
        94..96 => Step::sql("delete a user", format!("DELETE FROM users WHERE id = {}", user(random)))
            .exclusive(&all_users()),
        96..98 => Step::sql("delete and insert leads", delete_and_insert(random)).exclusive(&all_users()),
        98 => Step::of("truncate leads", ["TRUNCATE leads".to_owned(), refill_leads()]).exclusive(&all_users()),
        _ => Step::of(
            "truncate mentions",
            [
                "TRUNCATE mentions, leads, analysis_results".to_owned(),
                "INSERT INTO mentions (keyword_id, content, author) SELECT id, 'again', 'a' FROM keywords, generate_series(1, 5)".to_owned(),
                refill_leads(),
            ],
        )
        .exclusive(&all_users()),
    };
    // What has no user of its own excludes what does all of them.
    let step =
        if step.locks.first().is_some_and(|lock| lock.key == WHOLE) { step } else { step.shared(&[WHOLE]) };
    if random.percent(8) { step.rolled_back() } else { step }
}

fn user(random: &mut Random) -> u64 {
    if random.percent(40) { random.between(1, 3) } else { random.between(1, N_USERS + 6) }
}

/// One lock instead of one for each user.
fn all_users() -> [u64; 1] {
    [WHOLE]
}

fn insert_mentions(random: &mut Random) -> Step {
    let users: Vec<u64> = (0..random.between(1, 4)).map(|_| user(random)).collect();
    let sql = format!(
        "INSERT INTO mentions (keyword_id, content, author) SELECT id, 'c', 'a' FROM keywords WHERE user_id IN ({})
         ORDER BY md5(id::text || '{}') LIMIT {}",
        list(&users),
        random.below(1_000),
        random.between(1, 12),
    );
    Step::sql("insert mentions", sql).shared(&users)
}

fn insert_leads(random: &mut Random) -> Step {
    let users: Vec<u64> = (0..random.between(1, 3)).map(|_| user(random)).collect();
    let sql = format!(
        "INSERT INTO leads (mention_id, user_id, status) SELECT m.id, k.user_id, 'new'
         FROM mentions m JOIN keywords k ON k.id = m.keyword_id WHERE k.user_id IN ({})
         ORDER BY md5(m.id::text || '{}') LIMIT {}",
        list(&users),
        random.below(1_000),
        random.between(1, 12),
    );
    Step::sql("insert leads", sql).shared(&users)
}

/// Whose keywords these are by now is not known.
fn copy(random: &mut Random) -> Step {
    let n = random.between(1, 15);
    let rows: Vec<String> = (0..n).map(|_| format!("{},copied,a\n", random.between(1, N_KEYWORDS))).collect();
    let rows = rows.concat();
    Step::new(
        "copy mentions",
        vec![Act::Copy { into: "mentions (keyword_id, content, author)".to_owned(), rows }],
    )
    .exclusive(&all_users())
}

fn of_user(table: &str, user: u64) -> String {
    match table {
        "keywords" => format!("SELECT id FROM keywords WHERE user_id = {user}"),
        "mentions" => format!(
            "SELECT id FROM mentions WHERE keyword_id IN (SELECT id FROM keywords WHERE user_id = {user})"
        ),
        _ => format!("SELECT id FROM leads WHERE user_id = {user}"),
    }
}

fn change_leads(random: &mut Random) -> Step {
    let user = user(random);
    let sql = format!(
        "UPDATE leads SET status = '{}' WHERE id IN ({} ORDER BY id LIMIT 5 FOR UPDATE)",
        random.pick(&STATUSES),
        of_user("leads", user),
    );
    Step::sql("change leads", sql).shared(&[user])
}

/// With what hangs on the rows.
fn delete(random: &mut Random, table: &'static str, n: u64) -> Step {
    let user = user(random);
    let sql = format!(
        "DELETE FROM {table} WHERE id IN ({} ORDER BY md5(id::text || '{}') LIMIT {n})",
        of_user(table, user),
        random.below(1_000),
    );
    Step::sql("delete", sql).exclusive(&[user])
}

fn add_keywords(random: &mut Random) -> Step {
    let users: Vec<u64> = (0..3).map(|_| user(random)).collect();
    let rows: Vec<String> = users.iter().map(|user| format!("({user}, 'new')")).collect();
    Step::sql(
        "insert keywords",
        format!("INSERT INTO keywords (user_id, keyword) VALUES {}", rows.join(", ")),
    )
    .shared(&users)
}

/// A keyword goes to another user, and its leads with it.
fn move_keyword(random: &mut Random) -> Step {
    let (from, to) = (user(random), user(random));
    let leads = format!(
        "UPDATE leads SET user_id = {to} WHERE mention_id IN (SELECT m.id FROM mentions m JOIN keywords k ON k.id = m.keyword_id
         WHERE k.id = (SELECT min(id) FROM keywords WHERE user_id = {from}))"
    );
    let keyword = format!(
        "UPDATE keywords SET user_id = {to} WHERE id = (SELECT min(id) FROM keywords WHERE user_id = {from})"
    );
    Step::of("move a keyword", [leads, keyword]).exclusive(&[from, to])
}

fn move_mentions(random: &mut Random) -> Step {
    let user = user(random);
    let sql = format!(
        "UPDATE mentions SET keyword_id = (SELECT max(id) FROM keywords WHERE user_id = {user}) WHERE id IN ({} ORDER BY id LIMIT 4)",
        of_user("mentions", user),
    );
    Step::sql("move mentions", sql).exclusive(&[user])
}

fn savepoint(random: &mut Random) -> Step {
    let user = user(random);
    let mention = format!(
        "INSERT INTO mentions (keyword_id, content, author) SELECT min(id), 'c', 'a' FROM keywords WHERE user_id = {user} HAVING count(*) > 0"
    );
    let delete =
        format!("DELETE FROM mentions WHERE id IN ({} ORDER BY id LIMIT 3)", of_user("mentions", user));
    Step::of(
        "savepoint",
        [
            mention.clone(),
            "SAVEPOINT s".to_owned(),
            delete.clone(),
            mention,
            "ROLLBACK TO SAVEPOINT s".to_owned(),
            "SELECT pg_sleep(0.004)".to_owned(),
            delete,
        ],
    )
    .exclusive(&[user])
}

/// One statement takes leads away and makes others.
fn delete_and_insert(random: &mut Random) -> String {
    format!(
        "WITH gone AS (DELETE FROM leads WHERE id IN ({} ORDER BY id LIMIT 3) RETURNING mention_id, user_id)
         INSERT INTO leads (mention_id, user_id, status) SELECT mention_id, user_id, 'lost' FROM gone",
        of_user("leads", user(random)),
    )
}

fn refill_leads() -> String {
    "INSERT INTO leads (mention_id, user_id, status) SELECT m.id, k.user_id, 'new' FROM mentions m JOIN keywords k ON k.id = m.keyword_id
     WHERE m.id % 3 = 0"
        .to_owned()
}

fn list(users: &[u64]) -> String {
    users.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
