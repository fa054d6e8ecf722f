//! `perfkit init`

use crate::support::cli::{output, perfkit};
use crate::support::pg::Database;

#[test]
fn the_starter_file_works() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE \"Order Items\" (id bigint PRIMARY KEY, sku text); INSERT INTO \"Order Items\" VALUES (1, 'a'); ANALYZE",
    );
    let run = perfkit(&["init", "made.yaml"]).on(&database);
    let path = run.folder().join("made.yaml");
    let (child, folder) = run.spawn();
    assert!(output(child).status.success());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("${DATABASE_URL}") && text.contains("Order Items"), "{text}");
    drop(folder);
    perfkit(&["explain"]).file("perfkit.yaml", &text).on(&database).succeeds();
    perfkit(&["bench", "--duration", "500ms"]).file("perfkit.yaml", &text).on(&database).succeeds();
}

#[test]
fn knows_the_built_in_scenario_and_never_overwrites() {
    let database = Database::with_bedtime();
    perfkit(&["init"]).on(&database).succeeds();
    perfkit(&["init"]).file("perfkit.yaml", "{}").on(&database).fails(2, &["perfkit.yaml", "--force"]);
    perfkit(&["init", "--force"]).file("perfkit.yaml", "{}").on(&database).succeeds();
}
