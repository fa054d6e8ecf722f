//! pgbench's built-in scripts, for the tables that `pgbench -i` makes (manual of pgbench, "What Is the Transaction Actually
//! Performed in pgbench?").

/// A script that pgbench brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

pub(crate) const BUILTINS: [Builtin; 3] = [
    Builtin { name: "tpcb-like", text: TPCB_LIKE },
    Builtin { name: "simple-update", text: SIMPLE_UPDATE },
    Builtin { name: "select-only", text: SELECT_ONLY },
];

const TPCB_LIKE: &str = r"\set aid random(1, 100000 * :scale)
\set bid random(1, 1 * :scale)
\set tid random(1, 10 * :scale)
\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;
";

const SIMPLE_UPDATE: &str = r"\set aid random(1, 100000 * :scale)
\set bid random(1, 1 * :scale)
\set tid random(1, 10 * :scale)
\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;
";

const SELECT_ONLY: &str = r"\set aid random(1, 100000 * :scale)
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
";

/// Returns the script that a name, or the unambiguous beginning of one, stands for.
pub(crate) fn find(name: &str) -> Option<Builtin> {
    let mut found = BUILTINS.into_iter().filter(|builtin| builtin.name.starts_with(name));
    match (found.next(), found.next()) {
        (Some(builtin), None) => Some(builtin),
        _ => None,
    }
}
