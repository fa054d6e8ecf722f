//! The proof of `perfkit seed` on real schemas: every table is filled or named, every constraint holds, and `clean` leaves all as
//! it was, without triggers where those of DELETE fail or make rows of their own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::cli::{Finished, end_of_proof, perfkit};
use crate::support::pg::Database;

/// Tables that can be filled: not partitions, and not those of perfkit.
const TABLES: &str = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' \
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'perfkit') AND n.nspname !~ '^pg_t' \
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1";

/// All constraints and triggers of user tables, as one text.
const CONSTRAINTS: &str = "SELECT coalesce(md5(string_agg(it, E'\\n' ORDER BY it)), '') FROM ( \
    SELECT concat_ws(' ', conrelid::regclass, conname, convalidated, pg_get_constraintdef(o.oid)) FROM pg_constraint o \
        WHERE conrelid = ANY ($$oids$$::oid[]) \
    UNION ALL SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger \
        WHERE NOT tgisinternal AND tgrelid = ANY ($$oids$$::oid[])) AS of (it)";

/// For each constraint a query that is true when rows break it. Rows of tables that inherit from one are not its own.
const BROKEN: &str = "SELECT CASE o.contype \
      WHEN 'c' THEN format('SELECT EXISTS (SELECT FROM %s WHERE NOT (%s))', own.name, pg_get_expr(o.conbin, o.conrelid)) \
      WHEN 'f' THEN format('SELECT EXISTS (SELECT FROM %s c WHERE ROW(%s) IS NOT NULL AND NOT EXISTS (SELECT FROM %s p WHERE %s))', \
        own.name, \
        (SELECT string_agg(format('c.%I', a.attname), ', ' ORDER BY k.i) FROM unnest(o.conkey) WITH ORDINALITY k (n, i) \
           JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.n), \
        (SELECT CASE WHEN p.relkind = 'r' THEN 'ONLY ' ELSE '' END || p.oid::regclass FROM pg_class p WHERE p.oid = o.confrelid), \
        (SELECT string_agg(format('p.%I = c.%I', b.attname, a.attname), ' AND ') \
           FROM unnest(o.conkey, o.confkey) k (n, m) JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.n \
           JOIN pg_attribute b ON b.attrelid = o.confrelid AND b.attnum = k.m)) \
      ELSE format('SELECT EXISTS (SELECT FROM %s WHERE ROW(%s) IS NOT NULL GROUP BY %2$s HAVING count(*) > 1)', own.name, \
        (SELECT string_agg(quote_ident(a.attname), ', ') FROM unnest(o.conkey) k (n) \
           JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.n)) \
      END FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
      CROSS JOIN LATERAL (SELECT CASE WHEN c.relkind = 'r' THEN 'ONLY ' ELSE '' END || c.oid::regclass) AS own (name) \
    WHERE o.contype IN ('c', 'f', 'p', 'u') AND o.convalidated AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'perfkit') ORDER BY 1";

struct Proof {
    n_tables: usize,
    n_filled: usize,
    /// Left out, and said so.
    n_named: usize,
    /// What those who read the table should know, the reasons of tables that are left out among it.
    notes: Vec<String>,
    problems: Vec<String>,
}

/// Triggers that fire when rows are deleted (`TRIGGER_TYPE_DELETE` in `pg_trigger.h`).
const DELETE_TRIGGERS: &str =
    "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgtype & 8 <> 0 AND NOT tgisinternal)";
const SEED: [&str; 7] = ["seed", "--scale", "1", "--yes", "--make-partitions", "--schema", "*"];

/// What `clean` has to bring back.
#[derive(PartialEq)]
struct Contents {
    counts: Vec<String>,
    n_partitions: String,
}

fn contents(database: &Database, tables: &[String]) -> Contents {
    let n_partitions =
        "SELECT count(*) || ' partitions' FROM pg_class WHERE relispartition AND relkind = 'r'";
    Contents { counts: counts(database, tables), n_partitions: database.value(n_partitions) }
}

fn run(database: &Database, args: &[&str]) -> Finished {
    let (child, _folder) = perfkit(args).on(database).spawn();
    end_of_proof(child)
}

/// Cleans, and returns what is wrong afterwards.
fn clean(database: &Database, tables: &[String], before: &Contents, triggers: &str) -> Vec<String> {
    let run = run(database, &["seed", "clean", "--yes", "--triggers", triggers]);
    if run.status != 0 {
        return vec![format!("clean: {}", run.stderr)];
    }
    let after = contents(database, tables);
    let both = before.counts.iter().chain([&before.n_partitions]);
    both.zip(after.counts.iter().chain([&after.n_partitions]))
        .filter(|(before, after)| before != after)
        .map(|(_, after)| format!("after clean: {after}"))
        .collect()
}

/// Counts the rows of each table, as `table: n`, in the order of the tables.
fn counts(database: &Database, tables: &[String]) -> Vec<String> {
    let partitioned = database.query("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'p'");
    // Rows of tables that inherit from one are not its own.
    let only = |table: &String| if partitioned.contains(table) { "" } else { "ONLY " };
    let counts: Vec<String> = (0..)
        .zip(tables)
        .map(|(place, table)| {
            let name = table.replace('\'', "''");
            format!("SELECT '{name}: ' || count(*), {place} AS place FROM {}{table}", only(table))
        })
        .collect();
    // The server appends in any order.
    let ordered = |some: &[String]| format!("{} ORDER BY place", some.join(" UNION ALL "));
    counts.chunks(200).flat_map(|some| database.query(&ordered(some))).collect()
}

/// Loads a schema as its users do, since dumps hold commands of psql; returns what could not be loaded.
fn load(database: &Database, schema: &Path) -> Vec<String> {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-d", &database.url, "-f"]).arg(schema);
    psql.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let output = psql.output().expect("psql is there");
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines()
        .filter_map(|line| Some(format!("not loaded: {}", line.split_once("ERROR:")?.1.trim())))
        .collect()
}

/// Proves it with triggers, and without where those of DELETE stand in the way of `clean`.
fn prove(schema: &Path) -> Proof {
    let (mut proof, is_kept) = prove_with(schema, "on");
    if is_kept {
        let (without, _) = prove_with(schema, "off");
        proof.notes.push(format!("without triggers: {} filled, {} named", without.n_filled, without.n_named));
        proof.notes.extend(without.notes);
        proof.problems.extend(without.problems);
    }
    proof
}

/// Seeds and cleans, without triggers where they keep `clean` from its work; says whether they do.
fn prove_with(schema: &Path, triggers: &str) -> (Proof, bool) {
    let database = Database::create();
    let notes = load(&database, schema);
    let tables = database.query(TABLES);
    let oids = database.value(&format!("SELECT array_agg(it::regclass::oid) FROM ({TABLES}) AS of (it)"));
    let constraints = || database.value(&CONSTRAINTS.replace("$$oids$$", &format!("'{oids}'")));
    let (before, contents_before) = (constraints(), contents(&database, &tables));
    let is_empty = |count: &String| count.ends_with(": 0");
    // Some schemas come with rows of their own.
    let append: &[&str] = if contents_before.counts.iter().all(is_empty) { &[] } else { &["--append"] };
    let run = run(&database, &[&SEED[..], &["--triggers", triggers], append].concat());
    let mut proof = Proof { n_tables: tables.len(), n_filled: 0, n_named: 0, notes, problems: Vec::new() };
    // What is left out is named.
    if !matches!(run.status, 0 | 1) {
        let error =
            run.stderr.lines().filter(|line| !line.starts_with("warning")).collect::<Vec<_>>().join("; ");
        proof.problems.push(error);
    }
    let counts_after = counts(&database, &tables);
    for ((table, before), after) in tables.iter().zip(&contents_before.counts).zip(&counts_after) {
        let bare = |name: &str| name.replace('"', "");
        let is_named = |line: &str| {
            let Some((of, _)) = line.split_once(" gets no rows") else { return false };
            let of = bare(of.rsplit("table ").next().unwrap_or(of));
            of == bare(table) || of.rsplit('.').next() == Some(&bare(table))
        };
        if after != before {
            proof.n_filled += 1;
        } else if let Some(reason) = run.stderr.lines().find(|line| is_named(line)) {
            proof.n_named += 1;
            proof.notes.push(reason.to_owned());
        } else if !is_empty(before) {
            // Such as the list of migrations, or all that its keys allow.
            proof.notes.push(format!("keeps the rows that it came with: {before}"));
        } else {
            proof.problems.push(format!("{table} is empty"));
        }
    }
    if constraints() != before {
        proof.problems.push("constraints have changed".to_owned());
    }
    for query in database.query(BROKEN).iter().filter(|query| !query.is_empty()) {
        if database.value(query) == "t" {
            proof.problems.push(format!("broken: {query}"));
        }
    }
    if run.status != i32::from(proof.n_named > 0) {
        proof.problems.push(format!("status {}", run.status));
    }
    let mut differences = clean(&database, &tables, &contents_before, triggers);
    let is_kept = triggers == "on" && !differences.is_empty() && database.value(DELETE_TRIGGERS) == "t";
    if is_kept {
        proof.notes.push(format!("triggers keep clean from its work: {}", differences.join("; ")));
        differences = clean(&database, &tables, &contents_before, "off");
    }
    proof.problems.extend(differences);
    (proof, is_kept)
}

#[test]
#[ignore = "needs schemas that are not in the repository: make prove-seed SCHEMAS=FOLDER"]
#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
fn real_schemas() {
    #[expect(clippy::disallowed_methods, reason = "a test has no Environment")]
    let folder = std::env::var("PERFKIT_SCHEMAS").expect("PERFKIT_SCHEMAS is a folder of .sql files");
    let mut files: Vec<_> = Path::new(&folder)
        .read_dir()
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    println!(
        "{:28} {:>6} {:>6} {:>6} {:>8} {:>8}",
        "schema", "tables", "filled", "named", "problems", "seconds"
    );
    let mut n_problems = 0;
    for file in &files {
        let start = Instant::now();
        let proof = prove(file);
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let Proof { n_tables, n_filled, n_named, notes, problems } = proof;
        let (n, seconds) = (problems.len(), start.elapsed().as_secs());
        println!("{name:28} {n_tables:>6} {n_filled:>6} {n_named:>6} {n:>8} {seconds:>8}");
        for line in notes.iter().chain(&problems) {
            println!("    {line}");
        }
        n_problems += n;
    }
    assert_eq!(n_problems, 0);
}
