//! Tries one statement in the place of many: both run in one snapshot that nothing can be changed in, and are compared and timed.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Statement, Transaction};

use super::catalog::{get, snapshot};
use super::connect::Connection;
use super::error::{Error, Result};
use super::interrupt::Interrupt;
use super::value::TextValue;
use super::{explain, sql, trial};
use crate::array;
use crate::query::batch::{Argument, Batch, Joined, KeyPlace};
use crate::workload::n_plus_one::proof::{self, Row};
use crate::workload::n_plus_one::rewrite::{Proof, Question, unlikely};

/// Rows that are compared, so that memory is bounded.
const MAX_ROWS: usize = 100_000;
/// Rows of the query before for which the child is run one by one.
const MAX_PARENT_ROWS: usize = 200;
/// Repeats of both ways, in turns, that are timed, unless they take longer than this in all.
const N_REPEATS: usize = 7;
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Keys are asked for one by one for so long; a loop that takes longer would keep the server busy for a trial.
const LOOP_LIMIT: Duration = Duration::from_secs(30);

/// What a trial came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Proved(Proof),
    /// It gives other rows, or none of a key that has some.
    Unequal(String),
    /// It could not be tried.
    Untried(String),
}

/// A value of any type, as the server sent it.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Why a trial ends before its end.
enum Stop {
    Failed(Error),
    Untried(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Returns the SQL names of the types of a statement's parameters; or why the server does not take the statement.
pub(crate) async fn parameter_types(
    connection: &mut Connection,
    interrupt: &Interrupt,
    statement: &str,
) -> Result<Result<Vec<String>, String>> {
    let transaction = snapshot(connection).await?;
    let found = types_in(&transaction, statement).await;
    settled(transaction, found, interrupt).await
}

async fn types_in(transaction: &Transaction<'_>, statement: &str) -> Result<Vec<String>, Stop> {
    let prepared = prepare(transaction, statement).await?;
    let mut types = Vec::new();
    for parameter in prepared.params() {
        let row = transaction.query_one(sql::TYPE_NAME, &[&parameter.oid()]).await;
        types.push(get(&row.map_err(Error::query("read the name of a type"))?, "type_name")?);
    }
    Ok(types)
}

/// Returns the functions of a statement that may do something, by what the server knows of them.
pub(crate) async fn volatile_function(connection: &Connection, statement: &str) -> Result<Option<String>> {
    Ok(trial::volatile_functions(connection, statement).await?.into_iter().next())
}

/// Runs a question for each of its keys and the batch for all of them, and compares. `types` are those of the parameters.
pub(crate) async fn prove(
    connection: &mut Connection,
    interrupt: &Interrupt,
    question: &Question,
    types: &[String],
    batch: &Batch,
) -> Result<Verdict> {
    let transaction = snapshot(connection).await?;
    let proved = prove_in(&transaction, question, types, batch).await;
    Ok(settled(transaction, proved, interrupt).await?.unwrap_or_else(Verdict::Untried))
}

async fn prove_in(
    transaction: &Transaction<'_>,
    question: &Question,
    types: &[String],
    batch: &Batch,
) -> Result<Verdict, Stop> {
    let same = same_values(question)?;
    if question.rows.is_empty() {
        return Err(Stop::Untried(
            "no values are known to try it with (`--redact` leaves them out)".to_owned(),
        ));
    }
    let single = prepare(transaction, &question.sql).await?;
    let all = prepare(transaction, &batch.sql).await?;
    let n_columns = single.columns().len();
    if all.columns().len() != batch.n_before + n_columns + batch.n_after {
        return Ok(Verdict::Unequal("it returns other columns".to_owned()));
    }
    let keys = with_made_up(&question.rows, question, types);
    let mut alone = Vec::with_capacity(keys.len());
    let mut n_rows = 0;
    let began = Instant::now();
    for key in &keys {
        if began.elapsed() > LOOP_LIMIT {
            let limit = LOOP_LIMIT.as_secs();
            return Err(Stop::Untried(format!("asking one by one takes more than {limit} s")));
        }
        let rows = rows(transaction, &single, &values_of(key, question, &same), MAX_ROWS - n_rows).await?;
        n_rows += rows.len();
        alone.push(rows);
    }
    let arguments = arguments(batch, &keys, &same);
    let found = rows(transaction, &all, &arguments, MAX_ROWS + keys.len()).await?;
    let place = match &batch.key {
        KeyPlace::Number => 0,
        KeyPlace::Column(at) => *at,
        KeyPlace::Named(name) => {
            let mut named = all.columns().iter().enumerate().filter(|(_, column)| column.name() == name);
            match (named.next(), named.next()) {
                (Some((at, _)), None) => at,
                _ => {
                    return Ok(Verdict::Unequal(format!("no single column \"{name}\" says whose row it is")));
                }
            }
        }
    };
    let wanted = if batch.key == KeyPlace::Number {
        (1..).take(keys.len()).map(|n: i64| Some(n.to_be_bytes().to_vec())).collect()
    } else {
        key_bytes(transaction, &keys, all.columns()[place].type_().oid(), types, question).await?
    };
    let tagged = found
        .into_iter()
        .map(|row| (row[place].clone(), row[batch.n_before..row.len() - batch.n_after].to_vec()))
        .collect();
    let compared =
        proof::by_key(tagged, &wanted).and_then(|at_once| proof::compare(&alone, &at_once, batch.is_ordered));
    if let Err(difference) = compared {
        return Ok(Verdict::Unequal(difference.to_string()));
    }
    let (loop_ms, batch_ms) = timed(transaction, (&single, &all), question, batch, &same).await?;
    Ok(Verdict::Proved(Proof { n_keys: keys.len(), n_rows, loop_ms, batch_ms }))
}

/// Returns the indexes by which a key alone is found, if all keys at once are found without any of them.
pub(crate) async fn lost_indexes(
    connection: &Connection,
    question: &Question,
    batch: &Batch,
) -> Result<Vec<String>> {
    let (Ok(same), Some(first)) = (same_values(question), question.rows.first()) else {
        return Ok(Vec::new());
    };
    let alone = explain::estimate(connection, &question.sql, &values_of(first, question, &same)).await?;
    let at_once = explain::estimate(connection, &batch.sql, &arguments(batch, &question.rows, &same)).await?;
    let mut names: Vec<String> = explain::index_names(&alone).collect();
    names.sort();
    names.dedup();
    let is_kept = explain::index_names(&at_once).any(|name| names.contains(&name));
    Ok(if is_kept { Vec::new() } else { names })
}

/// Compares a query that is joined to the one before with both, one after the other.
pub(crate) async fn prove_joined(
    connection: &mut Connection,
    interrupt: &Interrupt,
    question: &Question,
    parent: &Question,
    joined: &Joined,
) -> Result<Result<Option<String>, String>> {
    let transaction = snapshot(connection).await?;
    let compared = joined_in(&transaction, question, parent, joined).await;
    settled(transaction, compared, interrupt).await
}

/// Returns what is different, if anything is.
async fn joined_in(
    transaction: &Transaction<'_>,
    question: &Question,
    parent: &Question,
    joined: &Joined,
) -> Result<Option<String>, Stop> {
    let (same, of_parent) = (same_values(question)?, same_values(parent)?);
    if parent.values.contains(&None) {
        return Err(Stop::Untried("the trace does not have the values of the query before".to_owned()));
    }
    let before = prepare(transaction, &joined.parent).await?;
    let parents = rows(transaction, &before, &of_parent, MAX_ROWS).await?;
    if parents.len() > MAX_PARENT_ROWS {
        return Err(Stop::Untried(format!(
            "the query before gives {} rows; it is tried with up to {MAX_PARENT_ROWS}",
            parents.len()
        )));
    }
    let single = prepare(transaction, &question.sql).await?;
    let (n_keys, n_columns) = (question.keys.len(), single.columns().len());
    let mut expected = Vec::new();
    let mut has_order = joined.parent_place;
    for row in parents {
        let (row, keys) = row.split_at(row.len() - n_keys);
        let key: Vec<Option<String>> = keys
            .iter()
            .map(|key| key.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
            .collect();
        let mut children = rows(transaction, &single, &values_of(&key, question, &same), MAX_ROWS).await?;
        if children.is_empty() {
            children.push(vec![None; n_columns]);
        }
        has_order &= joined.child_place || children.len() <= 1;
        expected.extend(children.into_iter().map(|child| [row, &child].concat()));
    }
    let all = prepare(transaction, &joined.sql).await?;
    let mut values = of_parent;
    values.extend(joined.same.iter().map(|at| same[*at].clone()));
    let found = rows(transaction, &all, &values, MAX_ROWS).await?;
    let n_parent = before.columns().len() - n_keys;
    let start = n_parent + usize::from(joined.parent_place);
    if all.columns().len() != start + n_columns + usize::from(joined.child_place) {
        return Ok(Some("it returns other columns".to_owned()));
    }
    let found: Vec<Row> =
        found.into_iter().map(|row| [&row[..n_parent], &row[start..start + n_columns]].concat()).collect();
    Ok(proof::compare(&[expected], &[found], has_order).err().map(|difference| difference.to_string()))
}

/// Ends the transaction. What the server did not take is a reason, what is interrupted or lost an error.
async fn settled<T>(
    transaction: Transaction<'_>,
    result: Result<T, Stop>,
    interrupt: &Interrupt,
) -> Result<Result<T, String>> {
    let rolled_back = transaction.rollback().await;
    if interrupt.is_raised() {
        return Err(Error::Interrupted);
    }
    match result {
        Ok(value) => {
            rolled_back.map_err(Error::query("end the trial"))?;
            Ok(Ok(value))
        }
        Err(Stop::Untried(reason)) => Ok(Err(reason)),
        Err(Stop::Failed(error)) => match said(&error) {
            Some(reason) => Ok(Err(reason)),
            None => Err(error),
        },
    }
}

/// What the server said, if it is there and says no to one statement.
fn said(error: &Error) -> Option<String> {
    let Error::Query { doing, source } = error else { return None };
    let said = source.as_db_error()?;
    // Class 57P is the server's end, 08 the connection's.
    let is_lost = said.code().code().starts_with("57P") || said.code().code().starts_with("08");
    (!is_lost).then(|| format!("could not {doing}: {}", said.message()))
}

async fn prepare(transaction: &Transaction<'_>, statement: &str) -> Result<Statement> {
    transaction.prepare(statement).await.map_err(Error::query("plan the statement"))
}

/// Runs a statement and returns its rows, of which there may be so many.
async fn rows(
    transaction: &Transaction<'_>,
    statement: &Statement,
    values: &[TextValue],
    max: usize,
) -> Result<Vec<Row>, Stop> {
    const DOING: &str = "run the statement";
    if values.len() != statement.params().len() {
        return Err(Stop::Untried("the trace has other values than the statement has parameters".to_owned()));
    }
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    let stream = transaction.query_raw(statement, values).await.map_err(Error::query(DOING))?;
    futures_util::pin_mut!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(Error::query(DOING))? {
        if rows.len() == max {
            return Err(Stop::Untried(format!("it returns more than {MAX_ROWS} rows")));
        }
        let values = (0..row.len()).map(|at| {
            let value: Option<Raw> = row.try_get(at).map_err(Error::query(DOING))?;
            Ok(value.map(|Raw(bytes)| bytes))
        });
        rows.push(values.collect::<Result<Row>>()?);
    }
    Ok(rows)
}

/// The parameters of the first call. Those of keys that are not known are NULL: others take their places.
fn same_values(question: &Question) -> Result<Vec<TextValue>, Stop> {
    let values = question.values.iter().enumerate().map(|(at, value)| match value {
        Some(value) => Ok(TextValue(value.clone())),
        None if question.keys.contains(&at) => Ok(TextValue(None)),
        None => Err(Stop::Untried("the trace does not have the values".to_owned())),
    });
    values.collect()
}

/// The parameters of one call.
fn values_of(key: &[Option<String>], question: &Question, same: &[TextValue]) -> Vec<TextValue> {
    let mut values = same.to_vec();
    for (at, value) in question.keys.iter().zip(key) {
        values[*at] = TextValue(value.clone());
    }
    values
}

/// The parameters of a batch.
fn arguments(batch: &Batch, keys: &[Vec<Option<String>>], same: &[TextValue]) -> Vec<TextValue> {
    let of = |argument: &Argument| match argument {
        Argument::Keys(at) => {
            TextValue(Some(array::write(keys.iter().map(|key| key.get(*at).and_then(Option::as_deref)))))
        }
        Argument::Same(at) => same.get(*at).cloned().unwrap_or(TextValue(None)),
    };
    batch.arguments.iter().map(of).collect()
}

/// Adds a key that comes twice, NULL, and one that hardly has rows.
fn with_made_up(
    rows: &[Vec<Option<String>>],
    question: &Question,
    types: &[String],
) -> Vec<Vec<Option<String>>> {
    let mut keys = rows.to_vec();
    keys.extend(rows.first().cloned());
    keys.push(vec![None; question.keys.len()]);
    let unlikely: Option<Vec<Option<String>>> =
        question.keys.iter().map(|at| Some(Some(unlikely(types.get(*at)?)?.to_owned()))).collect();
    keys.extend(unlikely);
    keys
}

/// The keys as the server sends values of a column's type.
async fn key_bytes(
    transaction: &Transaction<'_>,
    keys: &[Vec<Option<String>>],
    column_type: u32,
    types: &[String],
    question: &Question,
) -> Result<Vec<Option<Vec<u8>>>, Stop> {
    let row = transaction.query_one(sql::TYPE_NAME, &[&column_type]).await;
    let column_type: String = get(&row.map_err(Error::query("read the name of a type"))?, "type_name")?;
    let key_type = question.keys.first().and_then(|at| types.get(*at)).map_or("text", String::as_str);
    let statement = format!(
        "SELECT keys.key::{column_type} FROM pg_catalog.unnest($1::{key_type}[]) WITH ORDINALITY AS keys (key, ord) ORDER BY keys.ord"
    );
    let prepared = prepare(transaction, &statement).await?;
    let all = TextValue(Some(array::write(keys.iter().map(|key| key.first().and_then(Option::as_deref)))));
    let rows = rows(transaction, &prepared, &[all], MAX_ROWS).await?;
    Ok(rows.into_iter().map(|mut row| row.swap_remove(0)).collect())
}

/// Times asking one by one and at once, in turns, for the keys of the trace; returns the medians in milliseconds.
async fn timed(
    transaction: &Transaction<'_>,
    (single, all): (&Statement, &Statement),
    question: &Question,
    batch: &Batch,
    same: &[TextValue],
) -> Result<(f64, f64), Stop> {
    let arguments = arguments(batch, &question.rows, same);
    let singles: Vec<Vec<TextValue>> =
        question.rows.iter().map(|key| values_of(key, question, same)).collect();
    let began = Instant::now();
    let (mut alone, mut at_once) = (Vec::new(), Vec::new());
    for turn in 0..N_REPEATS {
        for is_batch in [turn % 2 == 0, turn % 2 != 0] {
            let start = Instant::now();
            if is_batch {
                rows(transaction, all, &arguments, MAX_ROWS).await?;
                at_once.push(start.elapsed());
            } else {
                for values in &singles {
                    rows(transaction, single, values, MAX_ROWS).await?;
                }
                alone.push(start.elapsed());
            }
        }
        if began.elapsed() > TIME_LIMIT {
            break;
        }
    }
    Ok((median_ms(alone), median_ms(at_once)))
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::test_server::{connect, start};
    use crate::query::batch::{Form, batches, joined};

    fn question(sql: &str, keys: &[usize], rows: &[&[Option<&str>]]) -> Question {
        let n = crate::query::placeholder_count(sql);
        Question {
            sql: sql.to_owned(),
            keys: keys.to_vec(),
            types: vec![None; n],
            values: vec![Some(Some("1".to_owned())); n],
            rows: rows.iter().map(|row| row.iter().map(|it| it.map(str::to_owned)).collect()).collect(),
        }
    }

    async fn verdicts(connection: &mut Connection, question: &Question) -> Vec<(Form, Verdict)> {
        let interrupt = Interrupt::new();
        let types = parameter_types(connection, &interrupt, &question.sql).await.unwrap();
        let types = types.unwrap_or_else(|reason| panic!("{}: {reason}", question.sql));
        let mut found = Vec::new();
        for batch in batches(&question.repeated(&types)).unwrap() {
            let verdict = prove(connection, &interrupt, question, &types, &batch).await.unwrap();
            found.push((batch.form, verdict));
        }
        found
    }

    const TABLES: &str = "
        CREATE TABLE authors (id int PRIMARY KEY, name text, team int);
        INSERT INTO authors SELECT i, CASE WHEN i % 5 <> 0 THEN 'n' || i % 3 END, i % 2 FROM generate_series(1, 20) AS i;
        CREATE TABLE posts (id int PRIMARY KEY, author_id int, code numeric, kind text, created date);
        INSERT INTO posts SELECT i, nullif(i * 7 % 23, 0), i % 4 + 0.50, chr(97 + i % 3), date '2026-01-01' + i % 9
        FROM generate_series(1, 200) AS i;";

    /// Every shape gives the rows of each key: those that come twice, NULL, and those without rows.
    #[tokio::test(flavor = "multi_thread")]
    async fn one_statement_gives_each_key_its_rows() {
        let cluster = start().await;
        let mut connection = connect(&cluster, "postgres").await;
        connection.batch_execute(TABLES).await.unwrap();
        let ids: Vec<Vec<Option<&str>>> = ["1", "2", "2", "5", "21", "99"].map(|id| vec![Some(id)]).into();
        let ids: Vec<&[Option<&str>]> = ids.iter().map(Vec::as_slice).collect();
        for sql in [
            "SELECT id, name FROM authors WHERE id = $1",
            "SELECT name FROM authors WHERE id = $1",
            "SELECT * FROM posts WHERE author_id = $1",
            "SELECT p.*, a.name FROM posts p JOIN authors a ON a.id = p.author_id WHERE p.kind = 'a' AND p.author_id = $1",
            "SELECT p.id FROM authors a LEFT JOIN posts p ON p.author_id = a.id WHERE a.id = $1",
            "SELECT id FROM posts WHERE author_id = $1 ORDER BY created DESC, id LIMIT 2",
            "SELECT id FROM posts WHERE author_id = $1 ORDER BY id OFFSET 1",
            "SELECT id FROM posts WHERE author_id = $1 ORDER BY id LIMIT 1",
            "SELECT DISTINCT kind FROM posts WHERE author_id = $1",
            "SELECT kind, count(*) FROM posts WHERE author_id = $1 GROUP BY kind HAVING count(*) > 1",
            "SELECT count(*) FROM posts WHERE author_id = $1",
            "SELECT count(*), sum(id) AS total, min(kind), array_agg(id ORDER BY id) FROM posts WHERE author_id = $1 AND kind <> 'b'",
            "SELECT max(id) + 1 FROM posts WHERE author_id = $1",
            "SELECT EXISTS (SELECT FROM posts WHERE author_id = $1)",
            "SELECT id FROM posts WHERE author_id = $1 OR id = $1",
            "SELECT id FROM posts WHERE author_id > $1::bigint AND id < 30",
            "SELECT id FROM posts WHERE $1 = author_id UNION ALL SELECT id FROM authors WHERE id = $1",
            "WITH own AS (SELECT * FROM posts WHERE author_id = $1) SELECT id, kind FROM own WHERE kind = 'a'",
            "SELECT id, rank() OVER (ORDER BY created, id) FROM posts WHERE author_id = $1",
            "SELECT id, created + $1::int FROM posts WHERE author_id = $1",
        ] {
            let found = verdicts(&mut connection, &question(sql, &[0], &ids)).await;
            for (form, verdict) in found {
                assert!(matches!(verdict, Verdict::Proved(_)), "{sql} as {}: {verdict:?}", form.name());
            }
        }
        let pairs: [&[Option<&str>]; 3] =
            [&[Some("1"), Some("a")], &[Some("2"), Some("b")], &[Some("1"), None]];
        let two = question("SELECT id FROM posts WHERE author_id = $1 AND kind = $2", &[0, 1], &pairs);
        assert!(matches!(verdicts(&mut connection, &two).await[..], [(Form::Lateral, Verdict::Proved(_))]));
        let beside = question("SELECT id FROM posts WHERE id > $1 AND author_id = $2", &[1], &ids);
        let found = verdicts(&mut connection, &beside).await;
        assert!(
            found.iter().all(|(_, it)| matches!(it, Verdict::Proved(proof) if proof.n_rows > 0)),
            "{found:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_differs_or_cannot_run_is_not_proven() {
        let cluster = start().await;
        let mut connection = connect(&cluster, "postgres").await;
        connection.batch_execute(TABLES).await.unwrap();
        // Numbers that are equal and are not written alike: no client could tell whose the rows are.
        let sql = "SELECT id FROM posts WHERE code = $1";
        let found = verdicts(&mut connection, &question(sql, &[0], &[&[Some("1.5")], &[Some("2.50")]])).await;
        assert!(
            matches!(&found[..], [(Form::Any, Verdict::Unequal(_)), (Form::Lateral, Verdict::Proved(_))]),
            "{found:?}"
        );
        let interrupt = Interrupt::new();
        let missing =
            parameter_types(&mut connection, &interrupt, "SELECT a FROM nothing WHERE b = $1").await;
        assert!(missing.unwrap().unwrap_err().contains("\"nothing\" does not exist"));
        connection.batch_execute("SET statement_timeout = 100").await.unwrap();
        let slow =
            "SELECT count(*) FROM authors a, authors b, authors c, authors d, authors e WHERE a.id > $1";
        let found = verdicts(&mut connection, &question(slow, &[0], &[&[Some("1")]])).await;
        assert!(
            matches!(&found[..], [(_, Verdict::Untried(reason))] if reason.contains("statement timeout")),
            "{found:?}"
        );
        // A loop that would write is refused by the transaction.
        connection.batch_execute("RESET statement_timeout; CREATE SEQUENCE s").await.unwrap();
        let writes = Batch {
            form: Form::Lateral,
            sql: "SELECT 1::bigint, nextval('s') FROM unnest($1::int[])".to_owned(),
            arguments: vec![Argument::Keys(0)],
            key: KeyPlace::Number,
            n_before: 1,
            n_after: 0,
            is_ordered: false,
        };
        let asked = question("SELECT id::bigint FROM authors WHERE id = $1", &[0], &[&[Some("1")]]);
        let types = vec!["integer".to_owned()];
        let verdict = prove(&mut connection, &interrupt, &asked, &types, &writes).await.unwrap();
        assert!(matches!(&verdict, Verdict::Untried(reason) if reason.contains("read-only")), "{verdict:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_join_gives_the_rows_of_both() {
        let cluster = start().await;
        let mut connection = connect(&cluster, "postgres").await;
        connection.batch_execute(TABLES).await.unwrap();
        let interrupt = Interrupt::new();
        let types = vec!["integer".to_owned()];
        let list = "SELECT id, author_id FROM posts WHERE id > $1 ORDER BY created, id LIMIT 30";
        let parent = question(list, &[], &[]);
        for child in [
            "SELECT name FROM authors WHERE id = $1",
            "SELECT id FROM posts WHERE author_id = $1 ORDER BY id DESC LIMIT 2",
            "SELECT count(*) FROM posts WHERE author_id = $1",
        ] {
            let child = question(child, &[0], &[&[Some("1")]]);
            let both = joined(&child.repeated(&types), list, &["author_id".to_owned()]).unwrap();
            let found = prove_joined(&mut connection, &interrupt, &child, &parent, &both).await.unwrap();
            assert_eq!(found, Ok(None), "{}", both.sql);
        }
        let child = question("SELECT name FROM authors WHERE id = $1", &[0], &[&[Some("1")]]);
        let mut wrong = joined(&child.repeated(&types), list, &["author_id".to_owned()]).unwrap();
        wrong.sql = wrong.sql.replace("LEFT JOIN LATERAL", "JOIN LATERAL");
        let found = prove_joined(&mut connection, &interrupt, &child, &parent, &wrong).await.unwrap();
        assert!(matches!(found, Ok(Some(_))), "{found:?}");
    }
}
