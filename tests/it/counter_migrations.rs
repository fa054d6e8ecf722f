//! Migration files of `perfkit counter add`, run as their frameworks run them.

use std::path::Path;

use crate::counter_add::{DRIFT, churn, made, mentions};
use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// What is sent to the server at once, in its order; all of it by one session.
type Script = Vec<String>;

/// Writes the files into a folder of their own, and returns them by their names.
fn files(database: &Database, framework: &str) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let add = ["counter", "add", "keywords.mentions_count", "--counts", "mentions", "--migration", framework];
    let dir = folder.path().to_str().expect("its path is text");
    perfkit(&[&add[..], &["--migration-dir", dir]].concat()).on(database).succeeds();
    let mut paths: Vec<_> = std::fs::read_dir(folder.path())
        .expect("it is there")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_name().expect("it has a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).expect("it is text"))).collect()
}

fn run(database: &Database, script: &Script) {
    let done = database.with_client(|client| async move {
        for sql in script {
            let done = client.batch_execute(sql).await;
            assert!(done.is_ok(), "{sql}: {:?}", done.err());
        }
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error:?}"));
}

/// Splits a script where psql and Flyway do: at semicolons outside of quotes, comments and dollar quotes.
fn split(script: &str) -> Script {
    let mut statements = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = script.get(at..).filter(|rest| !rest.is_empty()) {
        let until =
            |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |i| from + i + end.len());
        let dollar = rest.strip_prefix('$').and_then(|tail| tail.split_once('$')).map(|(tag, _)| tag);
        let is_tag = |tag: &&str| tag.chars().all(|c| c.is_alphanumeric() || c == '_');
        at += match rest.chars().next().expect("it is not empty") {
            '\'' => until(1, "'"),
            '"' => until(1, "\""),
            '-' if rest.starts_with("--") => until(2, "\n"),
            '/' if rest.starts_with("/*") => until(2, "*/"),
            '$' if dollar.as_ref().is_some_and(is_tag) => {
                let quote = format!("${}$", dollar.expect("it was looked at"));
                until(quote.len(), &quote)
            }
            ';' => {
                statements.push(script[start..=at].to_owned());
                start = at + 1;
                1
            }
            c => c.len_utf8(),
        };
    }
    statements
}

/// Reads a literal of Ruby or Python as `migration::double_quoted` writes it.
fn literal(text: &str) -> String {
    let text = text.trim().trim_end_matches(',').replace("\\#", "#");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The statements of a method of a Rails migration.
fn rails(text: &str, method: &str) -> Script {
    let body = text.split(&format!("  def {method}\n")).nth(1).expect("the method is there");
    let body = body.split("\n  end\n").next().expect("it ends");
    let statement = |line: &str| match line.trim() {
        "transaction do" => "BEGIN".to_owned(),
        "end" => "COMMIT".to_owned(),
        line => literal(line.strip_prefix("execute ").unwrap_or_else(|| panic!("{line}"))),
    };
    assert!(text.contains("disable_ddl_transaction!"));
    body.lines().filter(|line| !line.trim().is_empty()).map(statement).collect()
}

/// What the operations of a Django migration send, to make it or to take it back.
fn django(text: &str, list: &str) -> Script {
    assert!(text.contains("atomic = False"));
    let mut script = Vec::new();
    for operation in text.split("migrations.RunSQL(\n").skip(1) {
        let Some((_, rest)) = operation.split_once(&format!(" {list}=[\n")) else {
            assert!(operation.contains(&format!("{list}=migrations.RunSQL.noop")), "{operation}");
            continue;
        };
        let (strings, _) = rest.split_once("\n            ],").expect("the list ends");
        script.push(strings.lines().map(literal).collect::<Vec<_>>());
    }
    if list == "reverse_sql" {
        script.reverse();
    }
    script.into_iter().flatten().collect()
}

/// Runs the files up and down.
fn check(framework: &str, script: impl Fn(&[(String, String)], bool) -> Script) {
    let database = mentions(300, 1000);
    let files = files(&database, framework);
    assert!(made(&database).is_empty(), "{framework}");
    run(&database, &script(&files, true));
    assert_eq!(database.value(DRIFT), "0", "{framework}");
    churn(&database);
    assert_eq!(database.value(DRIFT), "0", "{framework}");
    perfkit(&["counter", "verify"]).on(&database).succeeds();
    let again = ["counter", "add", "keywords.mentions_count", "--counts", "mentions", "--yes"];
    let again = perfkit(&again).on(&database).succeeds();
    assert!(again.stderr.contains("everything is as it is wanted"), "{framework}: {}", again.stderr);
    run(&database, &script(&files, false));
    assert!(made(&database).is_empty(), "{framework}: {:?}", made(&database));
}

/// The texts of the files whose names end so.
fn ending(files: &[(String, String)], end: &str) -> Vec<String> {
    files.iter().filter(|(name, _)| name.ends_with(end)).map(|(_, text)| text.clone()).collect()
}

#[test]
fn rails_makes_the_counter_and_takes_it_back() {
    check("rails", |files, is_up| {
        let [(_, text)] = files else { panic!("one file") };
        rails(text, if is_up { "up" } else { "down" })
    });
}

#[test]
fn django_makes_the_counter_and_takes_it_back() {
    // Django finds the app's other migrations by their names, and there are none.
    check("django", |files, is_up| {
        let [(_, text)] = files else { panic!("one file") };
        django(text, if is_up { "sql" } else { "reverse_sql" })
    });
}

#[test]
fn flyway_makes_the_counter_and_takes_it_back() {
    check("flyway", |files, is_up| {
        assert!(ending(files, ".conf").iter().all(|text| text.contains("executeInTransaction=false")));
        let first = if is_up { 'V' } else { 'U' };
        let of_direction: Vec<_> =
            files.iter().filter(|(name, _)| name.starts_with(first)).cloned().collect();
        ending(&of_direction, ".sql").iter().flat_map(|text| split(text)).collect()
    });
}

#[test]
fn sqlx_makes_the_counter_and_takes_it_back() {
    check("sqlx", |files, is_up| {
        let mut texts = ending(files, if is_up { ".up.sql" } else { ".down.sql" });
        assert!(texts.iter().all(|text| text.starts_with("-- no-transaction\n")));
        if !is_up {
            texts.reverse();
        }
        texts
    });
}

#[test]
fn psql_makes_the_counter_and_takes_it_back() {
    check("plain", |files, is_up| {
        ending(files, if is_up { "up.sql" } else { "down.sql" }).iter().flat_map(|text| split(text)).collect()
    });
}
