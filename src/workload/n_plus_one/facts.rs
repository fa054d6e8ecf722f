//! What the text of a statement tells of its part in a loop.

use crate::query;
use crate::query::words::{Lexeme, Sort, lexemes};
use crate::workload::StatementKind;

/// What is known of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what a text tells is independent")]
pub(crate) struct Facts {
    pub(crate) kind: StatementKind,
    /// Each parameter's use, in their order.
    pub(crate) parameters: Vec<Use>,
    /// What drivers and pools ask by themselves: settings, catalogs, whether the server is there. And what has an effect on
    /// sessions alone: locks, notifications.
    pub(crate) is_background: bool,
    /// BEGIN, COMMIT, SAVEPOINT and the like.
    pub(crate) is_control: bool,
    /// Workers take jobs with SKIP LOCKED.
    pub(crate) skips_locked: bool,
    /// The same call may give another result.
    pub(crate) is_volatile: bool,
    /// Counts or sums up rows, without groups.
    pub(crate) is_count: bool,
    pub(crate) has_limit: bool,
    /// Gives the next rows of a cursor.
    pub(crate) is_fetch: bool,
}

/// What a parameter is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// `column = $n`.
    Equal(String),
    /// `column IN ($n, …)` and `column = ANY ($n)`.
    OneOf,
    /// `column > $n` and the like.
    Range,
    Offset,
    Limit,
    Other,
}

/// Reads the text of a statement, with `$n` for its constants.
pub(crate) fn facts(text: &str) -> Facts {
    let parsed = query::parse(&query::plannable(text)).ok();
    let solid: Vec<Lexeme> = lexemes(text).into_iter().filter(Lexeme::is_solid).collect();
    let words: Vec<String> =
        solid.iter().filter(|it| it.sort == Sort::Word).map(|it| it.text.to_ascii_lowercase()).collect();
    let has = |word: &str| words.iter().any(|it| it == word);
    let follows =
        |first: &str, second: &str| words.windows(2).any(|pair| pair[0] == first && pair[1] == second);
    let first = words.first().map(String::as_str).unwrap_or_default();
    let kind = parsed.map_or_else(|| kind_of_word(first), |parsed| parsed.kind);
    Facts {
        kind,
        parameters: uses(&solid),
        is_background: is_background(first, &words, &solid),
        is_control: is_control(first),
        skips_locked: follows("skip", "locked"),
        is_volatile: words.iter().any(|word| is_volatile(word)),
        is_count: ["count", "sum"].iter().any(|it| words.get(1).is_some_and(|word| word == it))
            && !has("group"),
        has_limit: has("limit") || (has("fetch") && has("only")),
        is_fetch: first == "fetch",
    }
}

fn kind_of_word(first: &str) -> StatementKind {
    match first {
        "select" | "with" | "values" => StatementKind::Select,
        "insert" => StatementKind::Insert,
        "update" => StatementKind::Update,
        "delete" => StatementKind::Delete,
        _ => StatementKind::Utility,
    }
}

fn is_control(first: &str) -> bool {
    const WORDS: [&str; 10] = [
        "abort",
        "begin",
        "commit",
        "end",
        "prepare",
        "release",
        "rollback",
        "savepoint",
        "start",
        "deallocate",
    ];
    WORDS.contains(&first)
}

/// Drivers learn types and versions when they connect; pools ask `SELECT 1`.
fn is_background(first: &str, words: &[String], solid: &[Lexeme]) -> bool {
    const CATALOGS: [&str; 2] = ["pg_catalog", "information_schema"];
    let is_setting =
        matches!(first, "close" | "discard" | "listen" | "notify" | "reset" | "set" | "show" | "unlisten");
    let is_catalog = |word: &String| {
        let relation =
            ["pg_type", "pg_class", "pg_namespace", "pg_attribute", "pg_range", "pg_enum", "pg_settings"];
        CATALOGS.contains(&word.as_str()) || relation.contains(&word.as_str())
    };
    let is_ping = first == "select" && solid.len() <= 2;
    let asks_server = ["version", "current_setting", "set_config", "pg_backend_pid", "pg_is_in_recovery"]
        .iter()
        .any(|name| words.iter().any(|word| word == name));
    let reads_table = words.iter().any(|word| word == "from");
    let is_of_server = !reads_table && (asks_server || words.iter().any(|word| is_of_sessions(word)));
    is_setting || is_ping || is_of_server || words.iter().any(is_catalog)
}

/// Locks and notifications between sessions.
fn is_of_sessions(word: &str) -> bool {
    ["pg_advisory", "pg_try_advisory", "pg_notify"].iter().any(|start| word.starts_with(start))
}

fn is_volatile(word: &str) -> bool {
    const NAMES: [&str; 9] = [
        "clock_timestamp",
        "currval",
        "gen_random_uuid",
        "lastval",
        "nextval",
        "now",
        "random",
        "statement_timestamp",
        "timeofday",
    ];
    NAMES.contains(&word) || is_of_sessions(word)
}

/// Returns the use of each parameter, by what stands before it.
fn uses(solid: &[Lexeme]) -> Vec<Use> {
    let mut uses = Vec::new();
    for (at, lexeme) in solid.iter().enumerate() {
        let Some(number) = lexeme.text.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok())
        else {
            continue;
        };
        // Numbers are the text's own; a statement has no more than 65,535.
        if lexeme.sort != Sort::Symbol || number == 0 || number > 65_535 {
            continue;
        }
        if uses.len() < number {
            uses.resize(number, Use::Other);
        }
        let is_next_of_list = |before: &[Lexeme]| matches!(before, [.., last, comma] if comma.text == "," && is_listed(last, &uses));
        let own = if is_next_of_list(&solid[..at]) { Use::OneOf } else { use_of(&solid[..at]) };
        uses[number - 1] = own;
    }
    uses
}

/// Whether this is a parameter that stands in a list.
fn is_listed(lexeme: &Lexeme, uses: &[Use]) -> bool {
    let number = lexeme.text.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
    number.and_then(|number| uses.get(number.checked_sub(1)?)) == Some(&Use::OneOf)
}

fn use_of(before: &[Lexeme]) -> Use {
    let Some((last, rest)) = before.split_last() else { return Use::Other };
    match last.text {
        "=" => rest
            .last()
            .filter(|it| it.is_word())
            .map_or(Use::Other, |it| Use::Equal(query::words::unquoted(it.text))),
        ">" | "<" | ">=" | "<=" => Use::Range,
        // The simple protocol of JDBC writes `column = ('7'::int4)`.
        "(" if rest.last().is_some_and(|it| it.text == "=") => use_of(rest),
        "(" if rest
            .last()
            .is_some_and(|it| ["in", "any"].iter().any(|word| it.text.eq_ignore_ascii_case(word))) =>
        {
            Use::OneOf
        }
        word if word.eq_ignore_ascii_case("offset") => Use::Offset,
        word if word.eq_ignore_ascii_case("limit") => Use::Limit,
        _ => Use::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_parameters_are_compared_with() {
        let found =
            facts("SELECT a FROM t WHERE t.b = $1 AND \"C\"=$2 AND d > $3 AND e LIKE $4 LIMIT $5 OFFSET $6")
                .parameters;
        let equal = |name: &str| Use::Equal(name.to_owned());
        assert_eq!(found, [equal("b"), equal("C"), Use::Range, Use::Other, Use::Limit, Use::Offset]);
        assert_eq!(facts("SELECT '$9', $0").parameters, []);
        let found =
            facts("SELECT f($1, $2) FROM t WHERE a IN ($3, $4) AND b = ANY ($5) AND c = $6").parameters;
        let (list, other) = (Use::OneOf, Use::Other);
        assert_eq!(facts("SELECT a FROM t WHERE b = ($1::int4)").parameters, [equal("b")]);
        assert_eq!(found, [other.clone(), other, list.clone(), list.clone(), list, equal("c")]);
    }

    fn check(is: fn(&Facts) -> bool, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(is(&facts(text)), "{text}");
        }
        for text in no {
            assert!(!is(&facts(text)), "{text}");
        }
    }

    #[test]
    fn tells_what_drivers_ask() {
        check(
            |facts| facts.is_background,
            &[
                "SELECT $1",
                "SHOW server_version",
                "SET a = $1",
                "SELECT version()",
                "SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid = $1",
                "SELECT pg_advisory_xact_lock($1)",
                "SELECT pg_notify($1, $2)",
                "CLOSE ALL",
            ],
            &[
                "SELECT a FROM t",
                "SELECT name FROM version WHERE id = $1",
                "SELECT pg_try_advisory_lock(id) FROM t",
            ],
        );
        check(
            |facts| facts.is_control,
            &["BEGIN", "rollback to savepoint a", "RELEASE a"],
            &["SELECT a FROM commit"],
        );
    }

    #[test]
    fn tells_workers_counts_and_what_changes() {
        check(
            |facts| facts.skips_locked,
            &["SELECT id FROM jobs WHERE state = $1 LIMIT $2 FOR UPDATE SKIP LOCKED"],
            &["SELECT id FROM jobs FOR UPDATE"],
        );
        check(
            |facts| facts.is_count,
            &["SELECT count(*) FROM t WHERE a = $1", "SELECT SUM(b) FROM t WHERE a = $1"],
            &["SELECT a, count(*) FROM t GROUP BY a", "SELECT count(*) FROM t GROUP BY a"],
        );
        check(
            |facts| facts.is_volatile,
            &["SELECT nextval($1)", "SELECT a FROM t WHERE b < now()"],
            &["SELECT a FROM t"],
        );
        check(
            |facts| facts.has_limit,
            &["SELECT a FROM t LIMIT $1", "SELECT a FROM t FETCH FIRST $1 ROWS ONLY"],
            &["SELECT a FROM t"],
        );
    }
}
