//! Whether a statement may change data, for those that have no plan as well.

use super::parse;

/// Commands that change no data.
const READING: &str = "ABORT BEGIN CLOSE COMMIT DEALLOCATE DECLARE DISCARD END EXECUTE EXPLAIN FETCH LISTEN MOVE PREPARE \
    RELEASE RESET ROLLBACK SAVEPOINT SELECT SET SHOW START TABLE UNLISTEN VALUES";

/// Whether a statement may change data, by its first word; a read-only session refuses what is overlooked.
pub(crate) fn may_write(sql: &str) -> bool {
    let first: String = sql.chars().take_while(char::is_ascii_alphabetic).collect();
    if first.eq_ignore_ascii_case("with") {
        return parse(sql).is_ok_and(|parsed| parsed.kind.writes());
    }
    // An opening parenthesis begins a query.
    !first.is_empty() && !READING.split(' ').any(|reading| first.eq_ignore_ascii_case(reading))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_write_are_told_by_their_first_word() {
        for sql in ["SELECT 1", "begin", "(SELECT 1)", "WITH a AS (SELECT 1) SELECT * FROM a", "SET a = 1"] {
            assert!(!may_write(sql), "{sql}");
        }
        for sql in ["UPDATE t SET a = 1", "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "VACUUM"] {
            assert!(may_write(sql), "{sql}");
        }
    }
}
