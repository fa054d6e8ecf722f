//! Time and memory of `perfkit index audit` on a catalog of 10,000 tables and 50,000 indexes, against the limit: one session
//! that runs the same statements and throws their rows away.
//!
//! `PERFKIT_AUDIT_TABLES` makes fewer tables.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "cargo bench takes no arguments of ours")]

#[path = "support/memory.rs"]
mod memory;
mod support;

use std::time::{Duration, Instant};

use memory::run;
use support::{Sandbox, median_ms};
use tokio_postgres::{Client, Row};

const ROUNDS: usize = 5;
const N_TABLES: u32 = 10_000;

/// Makes tables of nine columns, five indexes, a check, a foreign key and a sequence each. Every fiftieth is large enough for
/// the rules that go by statistics. A hundred tables a transaction, or the server runs out of locks.
const PROCEDURE: &str = "
    CREATE PROCEDURE make(first int, last int) LANGUAGE plpgsql AS $procedure$
    BEGIN
        FOR n IN first..last LOOP
            EXECUTE format(
                $table$
                    CREATE TABLE t%1$s (
                        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_id bigint REFERENCES t%1$s,
                        account_id int NOT NULL, name text NOT NULL, email varchar(200), state text DEFAULT 'new',
                        amount numeric(12, 2) CHECK (amount >= 0), created_at timestamptz NOT NULL DEFAULT now(), data jsonb
                    );
                    INSERT INTO t%1$s (parent_id, account_id, name, email, state, amount)
                        SELECT 1 + i / 2, i %% 77, 'n' || i, 'U' || i || '@example.org',
                            (ARRAY['new', 'done', 'sent'])[1 + i %% 3], i
                        FROM generate_series(1, %2$s) AS i;
                    CREATE INDEX t%1$s_parent ON t%1$s (parent_id);
                    CREATE INDEX t%1$s_account ON t%1$s (account_id, created_at DESC);
                    CREATE INDEX t%1$s_email ON t%1$s (lower(email));
                    CREATE INDEX t%1$s_state ON t%1$s (state) WHERE state <> 'done'
                $table$,
                n, CASE WHEN n % 50 = 0 THEN 5000 ELSE 10 END
            );
            IF n % 100 = 0 THEN
                COMMIT;
            END IF;
        END LOOP;
    END
    $procedure$";

fn main() {
    let named = std::env::var("PERFKIT_AUDIT_TABLES").ok();
    let n_tables = named.map_or(N_TABLES, |n| n.parse().expect("PERFKIT_AUDIT_TABLES is a number"));
    let sandbox = Sandbox::start();
    make(&sandbox, n_tables);
    let path = std::env::temp_dir().join(format!("perfkit-bench-{}.json", std::process::id()));
    let mut audit = sandbox.command(&["index", "audit", "--quiet", "-o"]);
    audit.arg(&path);
    let (mut audits, mut reads, mut peak_kb) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let (run, _) = run(&mut audit, |_| ());
        // 1 says that there are findings.
        assert!(matches!(run.status.code(), Some(0 | 1)), "the audit ended with {}", run.status);
        audits.push(run.elapsed);
        peak_kb = peak_kb.max(run.peak_kb);
        reads.push(sandbox.session(read));
    }
    let text = std::fs::read_to_string(&path).expect("the report was written");
    std::fs::remove_file(&path).expect("the report is there");
    let report: serde_json::Value = serde_json::from_str(&text).expect("audit writes JSON");
    let (audit_ms, read_ms) = (median_ms(audits), median_ms(reads));
    println!(
        "audit of {} tables and {} indexes, {} findings: {:.2} s, {} MB resident at the most; its statements alone, one \
         after the other: {:.2} s, ratio {:.2} (medians of {ROUNDS})",
        report["tables"],
        report["indexes"],
        report["findings"].as_array().map_or(0, Vec::len),
        audit_ms / 1e3,
        peak_kb / 1000,
        read_ms / 1e3,
        audit_ms / read_ms
    );
}

/// Makes the tables, in two sessions.
fn make(sandbox: &Sandbox, n_tables: u32) {
    sandbox.session(async |client| client.batch_execute(PROCEDURE).await.expect("the procedure is made"));
    let make = |first: u32, last: u32| {
        let call = format!("CALL make({first}, {last})");
        sandbox.session(async |client| client.batch_execute(&call).await.expect("the tables are made"));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| make(1, n_tables / 2));
        scope.spawn(|| make(n_tables / 2 + 1, n_tables));
    });
    for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
        sandbox.session(async |client| client.batch_execute(statement).await.expect("the tables are ready"));
    }
}

/// Reads what an audit of these tables reads.
async fn read(client: Client) -> Duration {
    let of =
        |name: &str| perfkit::STATEMENTS.iter().find(|(known, _)| *known == name).expect("it is there").1;
    let start = Instant::now();
    client.query(of("cheap_planning"), &[]).await.expect("the settings are made");
    let tables = client.query(of("catalog_tables"), &[&true]).await.expect("the tables are read");
    let oids: Vec<u32> = tables.iter().map(|row| row.get("oid")).collect();
    for name in ["catalog_columns", "catalog_constraints", "index_usage"] {
        client.query(of(name), &[&oids]).await.expect("parts of the tables are read");
    }
    let indexes = client.query(of("catalog_indexes"), &[&oids, &true]).await.expect("the indexes are read");
    let must_be_described = |row: &&Row| row.get::<_, Vec<i16>>("keys").contains(&0);
    let described: Vec<u32> = indexes.iter().filter(must_be_described).map(|row| row.get("oid")).collect();
    client.query(of("catalog_index_definitions"), &[&described]).await.expect("definitions are read");
    client.query(of("catalog_sequences"), &[]).await.expect("the sequences are read");
    start.elapsed()
}
