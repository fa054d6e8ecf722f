//! What a statement does outside of its transaction, so that a rollback does not undo it.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Functions whose effects outlive a rollback, or reach out of the database (manual, "System Administration Functions",
/// "Sequence Manipulation Functions", and the extensions dblink, `pg_stat_statements`, adminpack, http, `aws_lambda`).
const FUNCTIONS: [&str; 40] = [
    "dblink",
    "dblink_connect",
    "dblink_connect_u",
    "dblink_exec",
    "dblink_open",
    "dblink_send_query",
    "http",
    "http_delete",
    "http_get",
    "http_patch",
    "http_post",
    "http_put",
    "invoke",
    "lo_export",
    "lo_import",
    "nextval",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_unlock_all",
    "pg_backup_start",
    "pg_backup_stop",
    "pg_cancel_backend",
    "pg_create_logical_replication_slot",
    "pg_create_physical_replication_slot",
    "pg_create_restore_point",
    "pg_drop_replication_slot",
    "pg_file_write",
    "pg_logical_emit_message",
    "pg_promote",
    "pg_reload_conf",
    "pg_replication_slot_advance",
    "pg_rotate_logfile",
    "pg_stat_reset",
    "pg_stat_statements_reset",
    "pg_switch_wal",
    "pg_terminate_backend",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_wal_replay_pause",
    "setval",
];

/// Returns the functions that a statement calls by name and whose effects a rollback does not undo. What a view, a
/// trigger or another function calls cannot be seen in the statement.
pub(crate) fn outside_effects(sql: &str) -> Vec<&'static str> {
    let called = called(sql);
    let mut found = Vec::new();
    for name in &called {
        let known = FUNCTIONS.iter().find(|function| *function == name);
        found.extend(known.filter(|known| !found.contains(*known)));
    }
    found
}

/// Returns the names before a parenthesis, those of functions among them, as the server folds them.
pub(crate) fn called(sql: &str) -> Vec<String> {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else { return Vec::new() };
    let mut tokens = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).peekable();
    let mut called = Vec::new();
    while let Some(token) = tokens.next() {
        if let (Token::Word(word), Some(Token::LParen)) = (token, tokens.peek()) {
            called.push(match word.quote_style {
                Some(_) => word.value.clone(),
                None => word.value.to_ascii_lowercase(),
            });
        }
    }
    called
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_calls_with_effects_outside() {
        for (sql, expected) in [
            ("SELECT nextval('s'), Pg_Catalog.SetVal ('s', 1)", &["nextval", "setval"][..]),
            ("SELECT \"nextval\"('s') FROM t", &["nextval"]),
            ("SELECT nextval FROM t -- setval(1)", &[]),
            ("SELECT 'nextval(1)', \"NEXTVAL\"(1)", &[]),
            ("WITH x AS (SELECT * FROM dblink('a', 'b') AS t(i int)) SELECT * FROM x", &["dblink"]),
            ("SELECT 'open", &[]),
        ] {
            assert_eq!(outside_effects(sql), expected, "{sql}");
        }
    }

    #[test]
    fn names_what_is_called() {
        assert_eq!(called("SELECT f (1), s.\"G\"(2), h FROM t WHERE a IN (1)"), ["f", "G", "in"]);
    }

    #[test]
    fn functions_are_sorted_and_once() {
        assert!(FUNCTIONS.is_sorted());
    }
}
