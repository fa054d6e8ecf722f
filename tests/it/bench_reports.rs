//! What `perfkit bench -o` writes for people and for CI

use std::path::Path;

use crate::support::browser::{Screen, look_at, show, tags};
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
    let curves = tags(&shown.dom).filter(|tag| tag.name == "polyline").count();
    assert_eq!(curves, 3, "all, and each of two statements");
    assert!(shown.dom.contains("&lt;i&gt;two"));
}

/// Shows a page as it is, without a complaint of the browser, and looks at it on two screens; returns how many elements of each name
/// and class it has.
fn shown(page: &Path, wanted: &[(&str, &str)]) -> Vec<usize> {
    let shown = show(page, "");
    assert_eq!(shown.console, [""; 0]);
    for screen in [Screen { width: 1280, is_dark: false }, Screen { width: 400, is_dark: true }] {
        look_at(page, screen);
    }
    wanted.iter().map(|(name, class)| shown.tags(name, class).count()).collect()
}

#[test]
fn the_page_of_a_run_is_readable_on_any_screen() {
    let (database, folder) = (Database::create(), tempfile::tempdir().unwrap());
    let long = "a-statement-with-a-name-that-is-much-longer-than-what-a-column-has-room-for";
    let config = format!(
        "workload:\n  statements:\n    - {{name: one, sql: SELECT 1}}\n    - {{name: {long}, sql: SELECT pg_sleep(0.001)}}\n    \
         - {{name: maybe, sql: SELECT 1 / ($1::int * pg_backend_pid()), params: [{{choice: [0, 1]}}]}}\n"
    );
    std::fs::write(folder.path().join("perfkit.yaml"), config).unwrap();
    let args = [
        "bench",
        "--duration",
        "3s",
        "--rate",
        "300",
        "-c",
        "4",
        "--threshold",
        "p50 < 1h",
        "-o",
        "bench.html",
    ];
    perfkit(&args).within(folder.path()).on(&database).succeeds();
    let page = folder.path().join("bench.html");
    let [curves, courses] = shown(&page, &[("polyline", "line"), ("path", "line")])[..] else { panic!() };
    assert_eq!(curves, 5, "all, with waiting and without, and three statements");
    assert_eq!(courses, 3, "the rate, p50 and p99 over time");
    let dom = show(&page, "").dom;
    let course = tags(&dom).find(|tag| tag.name == "path").and_then(|tag| tag.get("d")).unwrap();
    assert_eq!(course.matches(',').count(), 3, "a point for each second: {course}");
    assert!(dom.contains("SQLSTATE 22012") && dom.contains(long));
}

#[test]
fn the_page_of_a_comparison_is_readable_on_any_screen() {
    let (database, folder) = (Database::create(), tempfile::tempdir().unwrap());
    let config = "workload:\n  statements:\n    - {name: <i>nap, sql: \"SELECT pg_sleep(current_setting('perfkit.nap')::float8)\"}\n    \
                  - {name: one-with-a-long-name-of-forty-characters, sql: SELECT 1}\n\
                  bench: {compare: {a: {set: {perfkit.nap: 0.001}}, b: {set: {perfkit.nap: 0.004}}, block: 150ms, max_pairs: 6}}\n";
    std::fs::write(folder.path().join("perfkit.yaml"), config).unwrap();
    let run = perfkit(&["bench", "compare", "-c", "16", "-o", "compare.html"])
        .within(folder.path())
        .on(&database)
        .run();
    assert!(matches!(run.status, 0 | 1), "{}", run.stderr);
    let [intervals, dots, limits] =
        shown(&folder.path().join("compare.html"), &[("line", "line"), ("circle", "key"), ("line", "limit")])
            [..]
    else {
        panic!()
    };
    assert!(intervals >= 1 && dots == intervals && limits == intervals, "{intervals} {dots} {limits}");
}
