//! Says what an input is that holds no plan of PostgreSQL.

use super::Error;
use super::block::Format;
use super::border::bare_lines;
use super::decode::place;
use super::json;

/// What only the plans of other systems have, and whose plans those are.
const SIGNATURES: [(&str, &str); 27] = [
    ("\"query_block\"", "the JSON plan of MySQL or MariaDB"),
    ("\"queryPlanner\"", "the explain output of MongoDB"),
    ("| select_type", "the EXPLAIN table of MySQL or MariaDB"),
    ("select_type: ", "the EXPLAIN table of MySQL or MariaDB"),
    ("EXPLAIN: -> ", "the tree plan of MySQL"),
    ("-> Table scan on ", "the tree plan of MySQL"),
    ("-> Index lookup on ", "the tree plan of MySQL"),
    ("-> Covering index ", "the tree plan of MySQL"),
    ("-> Nested loop inner join", "the tree plan of MySQL"),
    ("<ShowPlanXML", "the XML plan of SQL Server"),
    ("|--Clustered Index", "the text plan of SQL Server"),
    ("|--Table Scan", "the text plan of SQL Server"),
    ("|--Nested Loops", "the text plan of SQL Server"),
    ("|--Compute Scalar", "the text plan of SQL Server"),
    ("|--Hash Match", "the text plan of SQL Server"),
    ("|--Stream Aggregate", "the text plan of SQL Server"),
    ("|--Sort(ORDER BY:", "the text plan of SQL Server"),
    ("|--Filter(WHERE:", "the text plan of SQL Server"),
    ("|--Index Seek", "the text plan of SQL Server"),
    ("Plan hash value:", "the plan of Oracle"),
    ("TABLE ACCESS FULL", "the plan of Oracle"),
    ("|--SCAN ", "the query plan of SQLite"),
    ("|--SEARCH ", "the query plan of SQLite"),
    ("`--SCAN ", "the query plan of SQLite"),
    ("`--SEARCH ", "the query plan of SQLite"),
    ("== Physical Plan ==", "the plan of Spark"),
    ("• scan", "the plan of CockroachDB"),
];

/// Statements that people paste instead of their plans.
const STATEMENTS: [&str; 9] =
    ["select", "insert", "update", "delete", "with", "merge", "explain", "create", "values"];

const EXPECTED: &str = "where the output of PostgreSQL's EXPLAIN was expected";

/// Recognizes plans of other systems, some of which look much like PostgreSQL's.
pub(super) fn plan_of_another_system(text: &str) -> Option<Error> {
    /// Enough for a header and a statement before the plan.
    const N_BYTES: usize = 4096;
    let head = &text[..text.floor_char_boundary(N_BYTES)];
    let (at, name) = SIGNATURES.iter().find_map(|(signature, name)| Some((head.find(signature)?, name)))?;
    // A statement or a condition of PostgreSQL may hold any of them.
    if [" width=", "Node Type", "Node-Type", "plan:"].iter().any(|own| text.contains(own)) {
        return None;
    }
    Some(error(text, at, &format!("this looks like {name}, {EXPECTED}")))
}

/// Says what a text looks like that has no plan.
pub(super) fn no_plan(text: &str) -> Error {
    let start = text.len() - text.trim_start().len();
    let bare = text.trim();
    if bare.is_empty() {
        return error(text, 0, &format!("the input is empty, {EXPECTED}"));
    }
    let lower = bare[..bare.floor_char_boundary(64)].to_ascii_lowercase();
    if bare.lines().next().and_then(Format::of) == Some(Format::Json)
        && let Err(error) = json::raws(text)
    {
        return error;
    }
    let looks_like = |what: &str| error(text, start, &format!("this looks like {what}, {EXPECTED}"));
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return looks_like("an HTML page");
    }
    if lower.starts_with('<') {
        return looks_like("XML of another kind");
    }
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return looks_like("the address of a page, which is not fetched");
    }
    if let Some(at) = text.find(" LOG:  ").or_else(|| text.find("\tLOG:  ")) {
        let advice = "auto_explain writes plans there when auto_explain.log_min_duration is set";
        return error(text, at, &format!("this looks like a server log without plans: {advice}"));
    }
    let is_aside = |text: &str| text.is_empty() || text.starts_with("--") || text.starts_with("```");
    let first = bare_lines(text).into_iter().find(|line| !is_aside(line.text.trim()));
    let statement = first.and_then(|line| {
        let statement = line.text.trim_start();
        let word = statement.split(|c: char| !c.is_alphabetic()).next()?.to_ascii_lowercase();
        let column = line.column + line.text.len() - statement.len();
        STATEMENTS.contains(&word.as_str()).then_some((line.number, column))
    });
    if let Some((line, column)) = statement {
        let problem = format!("this looks like an SQL statement, {EXPECTED}: run it with EXPLAIN first");
        return Error::At { line, column, problem };
    }
    error(text, start, &format!("there is no line of a plan, {EXPECTED}"))
}

fn error(text: &str, at: usize, problem: &str) -> Error {
    let (line, column) = place(text, at);
    Error::At { line, column, problem: problem.to_owned() }
}
