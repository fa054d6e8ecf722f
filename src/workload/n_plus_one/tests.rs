use super::*;
use crate::trace::{Execution, Hashes, Outcome, Protocol, SqlState, Timing, Transaction, TransactionState};

const LIST: &str = "SELECT id, author_id FROM posts ORDER BY id LIMIT $1";
const AUTHOR: &str = "SELECT name FROM authors WHERE id = $1";
const MS: Nanos = 1_000_000;

/// Statements as they ran, one session at a time.
#[derive(Default)]
struct Trace {
    events: Vec<Event>,
    ids: HashMap<String, StatementId>,
    now: Nanos,
    session: u64,
    transaction: u64,
    state: TransactionState,
}

impl Trace {
    fn new() -> Self {
        Self { session: 1, state: TransactionState::Idle, ..Self::default() }
    }

    /// Runs a statement for a millisecond, a fifth of one after the one before.
    fn run(&mut self, text: &str, values: &[&str], n_rows: u64) -> &mut Self {
        self.end(text, values, Some(n_rows), Outcome::Complete, &[])
    }

    fn end(
        &mut self,
        text: &str,
        values: &[&str],
        n_rows: Option<u64>,
        outcome: Outcome,
        tags: &[(&str, &str)],
    ) -> &mut Self {
        let next = StatementId(self.ids.len() as u64 + 1);
        let id = *self.ids.entry(text.to_owned()).or_insert(next);
        if id == next {
            let fingerprint = Fingerprint(next.0);
            self.events.push(Event::Statement(Statement {
                id,
                text: text.to_owned(),
                fingerprint,
                parameter_types: Vec::new(),
            }));
        }
        if self.state == TransactionState::Idle {
            self.transaction += 1;
        }
        self.now += MS / 5;
        self.events.push(Event::Execution(Execution {
            session: SessionId(self.session),
            statement: id,
            started_at: Time(self.now),
            timing: Timing { total: Some(MS), ..Timing::default() },
            protocol: Protocol::Extended,
            outcome,
            n_rows,
            result_bytes: None,
            blocks: None,
            transaction: Transaction { number: Some(self.transaction), state: self.state },
            parameters: values.iter().map(|value| self::value(value)).collect(),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }));
        self.now += MS;
        self
    }

    /// Tells the hashes of what the last statement was sent and gave.
    fn hashed(&mut self, parameters: &[u32], columns: &[&str], values: &[u32]) -> &mut Self {
        self.events.push(Event::Hashes(Hashes {
            session: SessionId(self.session),
            parameters: parameters.to_vec(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            values: values.to_vec(),
        }));
        self
    }

    /// Looks authors up whose hashes are a thousand more than their numbers.
    fn known_authors(&mut self, ids: &[u32]) -> &mut Self {
        for id in ids {
            self.run(AUTHOR, &[&id.to_string()], 1).hashed(&[1000 + id], &["name"], &[5000 + id]);
        }
        self
    }

    fn pause(&mut self, ms: u64) -> &mut Self {
        self.now += ms * MS;
        self
    }

    fn begin(&mut self) -> &mut Self {
        self.transaction += 1;
        self.state = TransactionState::Open;
        self
    }

    fn commit(&mut self) -> &mut Self {
        self.state = TransactionState::Idle;
        self
    }

    /// Looks each author up.
    fn authors(&mut self, n: u64) -> &mut Self {
        for id in 0..n {
            self.run(AUTHOR, &[&id.to_string()], 1);
        }
        self
    }

    fn report(&self) -> Report {
        let mut detector = Detector::default();
        for event in self.events.iter().cloned() {
            detector.take(event);
        }
        detector.finish(true, None)
    }

    /// Checks the findings as `kind statement repeats confidence parent key`.
    fn finds(&self, expected: &[&str]) {
        let table = |text: &str| {
            let after = text.split(" FROM ").nth(1).or_else(|| text.split(' ').nth(2)).unwrap_or(text);
            after.split(' ').next().unwrap_or_default().to_owned()
        };
        let found: Vec<String> = self
            .report()
            .findings
            .iter()
            .map(|it| {
                let parent = it.parent.as_ref().map_or("-".to_owned(), |(_, text)| table(text));
                let key = it.key.as_deref().unwrap_or("-");
                let confidence = it.confidence.name();
                format!(
                    "{} {} {} {confidence} {parent} {key}",
                    it.kind.name(),
                    table(&it.statement),
                    it.repeats
                )
            })
            .collect();
        assert_eq!(found, expected, "{:?}", self.report());
    }
}

fn value(text: &str) -> Value {
    match text {
        "?" => Value::Missing,
        text => Value::Text(text.to_owned()),
    }
}

#[test]
fn a_query_for_each_row_of_another_is_found() {
    Trace::new().run(LIST, &["10"], 10).authors(10).finds(&["n-plus-one authors 10 high posts id"]);
    Trace::new().run(LIST, &["10"], 3).authors(3).finds(&["n-plus-one authors 3 high posts id"]);
    Trace::new().run(LIST, &["10"], 2).authors(2).finds(&[]);
}

#[test]
fn it_is_found_in_a_transaction_however_slow_the_client_is() {
    let mut trace = Trace::new();
    trace.begin().run(LIST, &["10"], 5);
    for id in ["1", "2", "3", "4", "5"] {
        trace.pause(400).run(AUTHOR, &[id], 1);
    }
    trace.commit().finds(&["n-plus-one authors 5 high posts id"]);
    assert_eq!(trace.report().findings[0].scope, ScopeKind::Transaction);
}

#[test]
fn scopes_end_with_transactions_pauses_and_requests() {
    let mut transactions = Trace::new();
    for id in ["1", "2", "3", "4", "5", "6"] {
        transactions.begin().run("SELECT a FROM t WHERE b = $1", &["7"], 1).run(AUTHOR, &[id], 1).commit();
    }
    transactions.finds(&[]);
    let mut pauses = Trace::new();
    pauses.run(LIST, &["10"], 10);
    for id in ["1", "2", "3", "4", "5", "6"] {
        pauses.pause(300).run(AUTHOR, &[id], 1);
    }
    pauses.finds(&[]);
    let mut requests = Trace::new();
    requests.run(LIST, &["10"], 10);
    for id in ["1", "2", "3", "4", "5", "6"] {
        requests.end(AUTHOR, &[id], Some(1), Outcome::Complete, &[("traceparent", id)]);
    }
    requests.finds(&[]);
}

#[test]
fn the_first_statements_of_a_client_may_be_slow() {
    Trace::new().run(LIST, &["10"], 10).pause(15).authors(10).finds(&["n-plus-one authors 10 high posts id"]);
    let mut later = Trace::new();
    later.authors(9).run(LIST, &["10"], 10).pause(15).authors(10);
    later.finds(&["n-plus-one authors 10 low - id"]);
}

#[test]
fn a_loop_goes_on_after_a_pause() {
    let stopped = |pause, n_before| {
        let mut trace = Trace::new();
        // So much that its usual pause is known.
        trace.run("SELECT 1", &[], 1).authors(12).pause(300).run(LIST, &["10"], 10);
        trace.authors(n_before).pause(pause).authors(10 - n_before);
        trace
    };
    for n_before in [3, 5, 9] {
        stopped(60, n_before)
            .finds(&["n-plus-one authors 12 low - id", "n-plus-one authors 10 high posts id"]);
    }
    // Two calls are no loop, and a client that waits for so long does something else.
    stopped(60, 2).finds(&["n-plus-one authors 12 low - id"]);
    stopped(150, 5).finds(&["n-plus-one authors 12 low - id", "n-plus-one authors 5 medium posts id"]);
}

#[test]
fn a_loop_of_several_statements_goes_on_after_a_pause_in_a_turn() {
    const PICTURE: &str = "SELECT url FROM pictures WHERE name = $1";
    for place in [12, 13] {
        let mut trace = Trace::new();
        trace.run(LIST, &["10"], 10);
        for (at, id) in (0..20).map(|at| (at, at / 2)) {
            trace.pause(if at == place { 60 } else { 0 });
            match at % 2 {
                0 => trace.run(AUTHOR, &[&id.to_string()], 1),
                _ => trace.run(PICTURE, &[&format!("of {id}")], 1),
            };
        }
        trace.finds(&["n-plus-one authors 10 high posts id"]);
    }
}

#[test]
fn requests_that_ask_for_the_same_are_no_loop() {
    let mut trace = Trace::new();
    for _ in 0..20 {
        trace.pause(30).run(LIST, &["10"], 2).authors(2);
    }
    trace.finds(&[]);
    let mut pairs = Trace::new();
    for _ in 0..20 {
        pairs.pause(60).authors(2);
    }
    pairs.finds(&[]);
}

#[test]
fn sessions_have_scopes_of_their_own() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 6);
    for session in 1..=6 {
        trace.session = session;
        trace.run(AUTHOR, &[&session.to_string()], 1);
    }
    trace.finds(&[]);
}

#[test]
fn the_source_has_as_many_rows_as_there_are_calls() {
    // Nearer, but with too few rows.
    Trace::new()
        .run(LIST, &["10"], 10)
        .run("SELECT a FROM users WHERE b = $1", &["1"], 1)
        .authors(10)
        .finds(&["n-plus-one authors 10 high posts id"]);
    Trace::new().run(LIST, &["90"], 90).authors(10).finds(&["n-plus-one authors 10 medium posts id"]);
    Trace::new().authors(10).finds(&["n-plus-one authors 10 low - id"]);
    Trace::new().authors(4).finds(&[]);
    let mut unknown = Trace::new();
    unknown.end(LIST, &["10"], None, Outcome::Complete, &[]);
    unknown.authors(4).finds(&["n-plus-one authors 4 medium posts id"]);
}

#[test]
fn one_parameter_varies_and_no_more() {
    let of_tenant = "SELECT name FROM authors WHERE tenant = $1 AND id = $2";
    let mut one = Trace::new();
    one.run(LIST, &["10"], 5);
    for id in 0..5 {
        one.run(of_tenant, &["7", &id.to_string()], 1);
    }
    one.finds(&["n-plus-one authors 5 high posts id"]);
    let mut two = Trace::new();
    two.run(LIST, &["10"], 5);
    for id in 0..5 {
        two.run(of_tenant, &[&(id * 3).to_string(), &id.to_string()], 1);
    }
    two.finds(&["n-plus-one authors 5 medium posts tenant"]);
    let mut search = Trace::new();
    search.run(LIST, &["10"], 5);
    for id in 0..5 {
        let text = "SELECT name FROM authors WHERE tenant = $1 AND born > $2";
        search.run(text, &[&(id * 3).to_string(), &id.to_string()], 1);
    }
    search.finds(&[]);
}

#[test]
fn values_of_another_query_s_rows_are_proof() {
    // The rows are many more than the calls, so that numbers alone leave doubt.
    let list = |trace: &mut Trace, n: u32| {
        let values: Vec<u32> = (0..n).flat_map(|id| [id + 1, 1000 + id]).collect();
        trace.run(LIST, &["10"], n.into()).hashed(&[7], &["id", "author_id"], &values);
    };
    let mut trace = Trace::new();
    list(&mut trace, 90);
    trace.run("SELECT a FROM users WHERE b = $1", &["1"], 12).hashed(&[9], &["a"], &[1, 2, 3]);
    trace.known_authors(&[2, 5, 9, 11]).finds(&["n-plus-one authors 4 high posts id"]);
    let found = trace.report().findings.remove(0);
    let origin = Origin { parameter: 1, column: "author_id".to_owned(), share: 1.0 };
    assert_eq!((found.origins, found.doubt), (vec![origin], None));
    let sample = found.sample.unwrap();
    assert_eq!((sample.varying.as_slice(), sample.keys.len()), (&[0][..], 4));
    assert_eq!(found.parent_sample.unwrap().text, LIST);

    let mut others = Trace::new();
    list(&mut others, 5);
    others.known_authors(&[50, 51, 52, 53, 54]).finds(&["n-plus-one authors 5 medium posts id"]);
    assert_eq!(others.report().findings[0].origins, []);
}

#[test]
fn of_equal_columns_the_one_in_the_same_order_is_meant() {
    let mut trace = Trace::new();
    let values = [[1003, 1001], [1002, 1002], [1001, 1003]].concat();
    trace.run(LIST, &["10"], 3).hashed(&[7], &["other", "writer"], &values);
    trace.known_authors(&[1, 2, 3]);
    assert_eq!(trace.report().findings[0].origins[0].column, "writer");
}

#[test]
fn a_row_that_is_handed_on_in_each_turn_is_no_list() {
    let picture = "SELECT path FROM pictures WHERE name = $1";
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 5).hashed(
        &[7],
        &["id", "author_id"],
        &[1, 1000, 2, 1001, 3, 1002, 4, 1003, 5, 1004],
    );
    for id in 0..5 {
        trace.known_authors(&[id]);
        trace.run(picture, &[&format!("n{id}")], 1).hashed(&[5000 + id], &["path"], &[9000 + id]);
    }
    trace.finds(&["n-plus-one authors 5 high posts id"]);
    assert_eq!(trace.report().findings[0].beside, [picture]);
}

#[test]
fn loops_over_the_same_list_are_findings_of_their_own_when_it_is_known_to_be_theirs() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 4).hashed(&[7], &["id", "author_id"], &[1, 1004, 2, 1003, 3, 1002, 4, 1001]);
    for id in 1..=4 {
        trace.known_authors(&[5 - id]);
        trace.run("SELECT count(*) FROM comments WHERE post_id = $1", &[&id.to_string()], 1).hashed(
            &[id],
            &["count"],
            &[0],
        );
    }
    trace.finds(&["n-plus-one authors 4 high posts id", "count-loop comments 4 high posts post_id"]);
    let columns: Vec<String> =
        trace.report().findings.iter().map(|it| it.origins[0].column.clone()).collect();
    assert_eq!(columns, ["author_id", "id"]);
}

#[test]
fn nested_loops_have_their_values_from_the_rows_of_all_turns() {
    let mut trace = Trace::new();
    trace.run("SELECT id FROM notes LIMIT $1", &["5"], 5).hashed(&[0], &["id"], &[1, 2, 3, 4, 5]);
    for note in 0..5_u32 {
        let tags = [100 + 3 * note, 101 + 3 * note, 102 + 3 * note];
        trace.run("SELECT tag_id FROM note_tags WHERE note_id = $1", &[&note.to_string()], 3).hashed(
            &[note + 1],
            &["tag_id"],
            &tags,
        );
        for tag in tags {
            trace.run("SELECT name FROM tags WHERE id = $1", &[&tag.to_string()], 1).hashed(
                &[tag],
                &["name"],
                &[tag + 7000],
            );
        }
    }
    let report = trace.report();
    let of = |table: &str| {
        let found = report.findings.iter().find(|it| it.statement.contains(table));
        found.map(|it| (it.confidence, it.origins[0].column.clone()))
    };
    assert_eq!(of("FROM note_tags"), Some((Confidence::High, "id".to_owned())));
    assert_eq!(of("FROM tags"), Some((Confidence::High, "tag_id".to_owned())));
}

#[test]
fn lists_in_pieces_are_no_loop() {
    let mut trace = Trace::new();
    trace.run(LIST, &["200"], 200);
    for piece in 0..5 {
        let ids: Vec<String> = (0..40).map(|id| (piece * 40 + id).to_string()).collect();
        trace.run("SELECT name FROM authors WHERE id = ANY ($1)", &[&format!("{{{}}}", ids.join(","))], 40);
    }
    trace.finds(&[]);
    assert_eq!(trace.report().n_harmless, 1);
}

#[test]
fn few_values_over_and_over_are_no_loop_over_rows() {
    let mut trace = Trace::new();
    trace.run(LIST, &["20"], 20);
    for id in 0..20 {
        trace.run(AUTHOR, &[&(id % 2).to_string()], 1);
    }
    trace.finds(&[]);
}

#[test]
fn equal_calls_are_duplicates_unless_something_was_written() {
    let setting = "SELECT value FROM settings WHERE name = $1";
    let mut trace = Trace::new();
    for _ in 0..5 {
        trace.run(setting, &["a"], 1);
    }
    trace.finds(&["duplicate-query settings 5 medium - -"]);
    let mut written = Trace::new();
    for _ in 0..5 {
        written.run(setting, &["a"], 1).run("UPDATE settings SET value = $1 WHERE name = $2", &["x", "a"], 1);
    }
    written.finds(&[]);
    let mut volatile = Trace::new();
    for _ in 0..5 {
        volatile.run("SELECT nextval($1) FROM t", &["a"], 1);
    }
    volatile.finds(&[]);
}

#[test]
fn polling_is_no_duplicate() {
    let mut trace = Trace::new();
    for _ in 0..20 {
        trace.pause(1000).run("SELECT id FROM events WHERE done = $1", &["f"], 0);
    }
    trace.finds(&[]);
    // Pauses that are as short as those within a request of a slow client.
    let mut fast = Trace::new();
    for _ in 0..20 {
        fast.pause(30).run("SELECT id FROM events WHERE done = $1", &["f"], 0);
    }
    fast.finds(&[]);
}

#[test]
fn counts_for_each_row_are_their_own_finding() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 5);
    for id in 0..5 {
        trace.run("SELECT count(*) FROM comments WHERE post_id = $1", &[&id.to_string()], 1);
    }
    trace.finds(&["count-loop comments 5 high posts post_id"]);
}

#[test]
fn rows_written_one_by_one_are_their_own_finding() {
    let mut inserts = Trace::new();
    for id in 0..5 {
        inserts.run("INSERT INTO tags (id, name) VALUES ($1, $2)", &[&id.to_string(), &format!("n{id}")], 1);
    }
    inserts.finds(&["write-loop tags 5 medium - -"]);
    let mut heartbeats = Trace::new();
    for _ in 0..5 {
        heartbeats.run("UPDATE workers SET seen = now() WHERE id = $1", &["1"], 1);
    }
    heartbeats.finds(&[]);
}

#[test]
fn statements_that_need_each_other_are_one_finding() {
    const PICTURE: &str = "SELECT url FROM pictures WHERE name = $1";
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 4);
    for id in ["1", "2", "3", "4"] {
        trace.run(AUTHOR, &[id], 1).run(PICTURE, &[&format!("of {id}")], 1);
    }
    trace.finds(&["n-plus-one authors 4 high posts id"]);
    assert_eq!(trace.report().findings[0].beside, [PICTURE]);
}

/// Nobody has the hashes of a log, but the same values are of the same list.
#[test]
fn statements_with_the_same_keys_are_findings_of_their_own() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 4);
    for id in ["1", "2", "3", "4"] {
        trace.run(AUTHOR, &[id], 1).run("SELECT url FROM avatars WHERE author_id = $1", &[id], 1);
    }
    trace.finds(&["n-plus-one authors 4 high posts id", "n-plus-one avatars 4 high posts author_id"]);
}

#[test]
fn loops_within_loops_are_found() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 4);
    for id in 0..4 {
        trace.run("SELECT id FROM comments WHERE post_id = $1", &[&id.to_string()], 3);
        for n in 0..3 {
            trace.run(AUTHOR, &[&(id * 3 + n).to_string()], 1);
        }
    }
    trace.finds(&["n-plus-one authors 12 high comments id", "n-plus-one comments 4 high posts post_id"]);
}

#[test]
fn rows_may_come_in_pieces() {
    let mut cursor = Trace::new();
    cursor.begin();
    for piece in 0..3 {
        cursor.run("FETCH 4 FROM posts", &[], 4);
        for id in 0..4 {
            cursor.run(AUTHOR, &[&(piece * 4 + id).to_string()], 1);
        }
    }
    cursor.commit().finds(&["n-plus-one authors 12 high posts id"]);
    let mut portal = Trace::new();
    portal.begin();
    for piece in 0..3 {
        let outcome = if piece == 0 { Outcome::Complete } else { Outcome::Suspended };
        portal.end(LIST, &["9"], Some(3), outcome, &[]);
        for id in 0..3 {
            portal.run(AUTHOR, &[&(piece * 3 + id).to_string()], 1);
        }
    }
    portal.commit().finds(&["n-plus-one authors 9 high posts id"]);
}

#[test]
fn another_look_up_of_the_same_turn_is_no_source() {
    let mut trace = Trace::new();
    for id in 0..8 {
        trace.run("SELECT value FROM settings WHERE user_id = $1", &[&id.to_string()], 1);
        trace.run(AUTHOR, &[&id.to_string()], 1);
    }
    trace.finds(&["n-plus-one settings 8 low - user_id", "n-plus-one authors 8 low - id"]);
}

#[test]
fn a_list_of_each_turn_is_no_source() {
    let mut trace = Trace::new();
    for id in 0..8 {
        trace.run(LIST, &["20"], 20).run(AUTHOR, &[&id.to_string()], 1);
    }
    trace.finds(&["duplicate-query posts 8 medium - -", "n-plus-one authors 8 low - id"]);
}

#[test]
fn a_tree_is_walked_by_one_statement() {
    let mut trace = Trace::new();
    for (id, n_children) in [(1, 3), (2, 3), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0)] {
        trace.run("SELECT id FROM comments WHERE parent_id = $1", &[&id.to_string()], n_children);
    }
    trace.finds(&["n-plus-one comments 7 medium comments parent_id"]);
}

#[test]
fn short_lists_of_keys_are_loops_and_long_ones_are_batches() {
    let mut lists = Trace::new();
    lists.run(LIST, &["10"], 4);
    for keys in [&["1", "2"][..], &["3"], &["4", "5", "6"], &["7", "8"]] {
        lists.run("SELECT name FROM tags WHERE id IN ($1, $2)", keys, keys.len() as u64);
    }
    lists.finds(&["n-plus-one tags 4 high posts -"]);
    let mut arrays = Trace::new();
    arrays.run(LIST, &["50"], 50);
    for n in 0..5 {
        let keys: Vec<String> = (n * 10..n * 10 + 10).map(|key: i32| key.to_string()).collect();
        arrays.run("SELECT name FROM tags WHERE id = ANY ($1)", &[&format!("{{{}}}", keys.join(","))], 10);
    }
    arrays.finds(&[]);
    assert_eq!(arrays.report().n_harmless, 1);
    let mut rows = Trace::new();
    for n in 0..5 {
        rows.run("INSERT INTO tags SELECT unnest($1::int[])", &[&n.to_string()], 100);
        rows.run("UPDATE posts SET a = 1 WHERE id BETWEEN $1 AND $2", &[&n.to_string(), "9"], 100);
    }
    rows.finds(&[]);
    let mut deletes = Trace::new();
    for n in 0..5 {
        deletes.run("DELETE FROM comments WHERE post_id = $1", &[&n.to_string()], 100);
    }
    deletes.finds(&["write-loop comments 5 medium - -"]);
}

#[test]
fn pages_are_no_loop() {
    let mut offsets = Trace::new();
    for page in 0..6 {
        offsets.run(
            "SELECT id FROM posts ORDER BY id LIMIT $1 OFFSET $2",
            &["10", &(page * 10).to_string()],
            10,
        );
    }
    offsets.finds(&[]);
    assert_eq!(offsets.report().n_harmless, 1);
    let mut keys = Trace::new();
    keys.run(LIST, &["10"], 10);
    for page in 0..6 {
        keys.run(
            "SELECT id FROM logs WHERE id > $1 ORDER BY id LIMIT $2",
            &[&(page * 10).to_string(), "10"],
            10,
        );
    }
    keys.finds(&[]);
}

#[test]
fn retries_are_no_loop() {
    let mut trace = Trace::new();
    let update = "UPDATE accounts SET balance = balance - $1 WHERE id = $2";
    for _ in 0..4 {
        trace.end(update, &["5", "1"], None, Outcome::Failed(SqlState(*b"40001")), &[]);
    }
    trace.run(update, &["5", "1"], 1).finds(&[]);
    assert_eq!(trace.report().n_harmless, 1);
}

#[test]
fn workers_of_a_queue_are_no_loop() {
    let mut trace = Trace::new();
    for id in 0..6 {
        trace.run("SELECT id FROM jobs WHERE state = $1 LIMIT $2 FOR UPDATE SKIP LOCKED", &["new", "1"], 1);
        trace.run("SELECT email FROM users WHERE id = $1", &[&id.to_string()], 1);
        trace.run("UPDATE jobs SET state = $1 WHERE id = $2", &["done", &id.to_string()], 1);
    }
    trace.finds(&[]);
}

#[test]
fn checks_before_inserts_are_doubtful() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 5);
    for id in 0..5 {
        trace.run("SELECT id FROM users WHERE email = $1", &[&format!("e{id}")], 0);
        trace.run("INSERT INTO users (email) VALUES ($1)", &[&format!("e{id}")], 1);
    }
    let found = trace.report().findings;
    assert!(found.iter().all(|it| !it.fails() || it.kind == Kind::WriteLoop), "{found:?}");
}

#[test]
fn what_drivers_ask_is_no_loop() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 8);
    for id in 0..8 {
        trace.run("SELECT t.typname FROM pg_catalog.pg_type t WHERE t.oid = $1", &[&id.to_string()], 1);
        trace.run("SELECT $1", &["1"], 1);
    }
    trace.finds(&[]);
}

#[test]
fn what_drivers_ask_takes_time_but_is_no_pause() {
    let mut types = Trace::new();
    types.run(LIST, &["10"], 5);
    for _ in 0..12 {
        types.pause(5).run("SELECT t.typname FROM pg_catalog.pg_type t WHERE t.oid = $1", &["1"], 1);
    }
    types.authors(5).finds(&["n-plus-one authors 5 high posts id"]);
    // A pool that asks before each request whether its connection lives.
    let mut requests = Trace::new();
    requests.run(LIST, &["10"], 5);
    for id in ["1", "2", "3", "4", "5"] {
        requests.pause(300).run("SELECT $1", &["1"], 1).run(AUTHOR, &[id], 1);
    }
    requests.finds(&[]);
}

#[test]
fn calls_in_no_order_are_doubtful() {
    let others =
        ["SELECT a FROM x WHERE b = $1", "SELECT a FROM y WHERE b = $1", "SELECT a FROM z WHERE b = $1"];
    let mut trace = Trace::new();
    trace.begin().run(LIST, &["10"], 7);
    for id in 0..7 {
        trace.run(AUTHOR, &[&id.to_string()], 1);
        for n in 0..=id % 3 {
            trace.run(others[(id + n) % 3], &["1"], 1);
        }
    }
    let found = trace.report().findings;
    assert!(found.iter().filter(|it| it.statement == AUTHOR).all(|it| !it.fails()), "{found:?}");
}

#[test]
fn large_results_are_no_look_up() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 5);
    for id in 0..5 {
        trace.run("SELECT a FROM events WHERE day = $1", &[&id.to_string()], 5000);
    }
    trace.finds(&[]);
}

#[test]
fn rows_of_a_portal_are_one_call() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 5);
    for _ in 0..5 {
        trace.end("SELECT a FROM t", &[], Some(50), Outcome::Suspended, &[]);
    }
    trace.finds(&[]);
}

#[test]
fn values_that_a_log_lacks_leave_doubt() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 5);
    for _ in 0..5 {
        trace.run(AUTHOR, &["?"], 1);
    }
    trace.finds(&["n-plus-one authors 5 low posts id"]);
}

#[test]
fn scopes_with_the_same_loop_are_one_finding() {
    let mut trace = Trace::new();
    for n in [3, 6, 4] {
        trace.pause(2000).run(LIST, &["10"], n).authors(n);
    }
    trace.finds(&["n-plus-one authors 6 high posts id"]);
    let found = &trace.report().findings[0];
    assert_eq!((found.n_scopes, found.n_calls, found.wasted), (3, 13, 10 * 6 * MS / 5));
    assert!(found.fails());
}

#[test]
fn what_wastes_hardly_anything_is_left_out() {
    let mut trace = Trace::new();
    trace.run(LIST, &["10"], 3).authors(3);
    let mut detector = Detector::default();
    for event in trace.events.iter().cloned() {
        detector.take(event);
    }
    assert!(detector.finish(false, None).findings.is_empty());
}
