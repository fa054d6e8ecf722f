//! What `perfkit bench -o` writes for people and for CI

use crate::support::browser::show;
use crate::support::cli::perfkit;
use crate::support::pg::Database;

const CONFIG: &str = "workload:\n  statements:\n    - {name: one, sql: SELECT 1}\n    - {name: <i>two, sql: SELECT 2}\n\
                      bench: {thresholds: ['p50 < 1h', 'p50 < 1ns']}\n";

#[test]
fn files_are_for_pull_requests_and_ci() {
    let database = Database::create();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("perfkit.yaml"), CONFIG).unwrap();
    for (file, expected) in [
        ("bench.md", "| p50 \\< 1ns |"),
        ("bench.xml", "<failure type=\"threshold\" message=\"p50 &lt; 1ns is missed"),
        ("bench.csv", "\n<i>two,"),
        ("bench.html", "<polyline"),
    ] {
        perfkit(&["bench", "--duration", "300ms", "-c", "2", "-o", file])
            .within(folder.path())
            .on(&database)
            .exits(1);
        let content = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(content.contains(expected), "{file}:\n{content}");
    }
    let shown = show(&folder.path().join("bench.html"), "");
    assert_eq!(shown.console, [""; 0]);
    let curves = crate::support::browser::tags(&shown.dom).filter(|tag| tag.name == "polyline").count();
    assert_eq!(curves, 3, "all, and each of two statements");
    assert!(shown.dom.contains("&lt;i&gt;two"));
}
