//! What no compiler checks: layers, forgotten files, stale completions.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::cli::perfkit;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("a file of the source").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The code of a file without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn name(path: &Path) -> String {
    path.strip_prefix(root().join("src")).expect("below src").display().to_string()
}

const EDGE_FILES: [&str; 9] = [
    "main.rs",
    "lib.rs",
    "cli.rs",
    "config.rs",
    "context.rs",
    "error.rs",
    "fuzzing.rs",
    "ui.rs",
    "stream.rs",
];
const EDGE_FOLDERS: [&str; 6] = ["command/", "pg/", "load/", "proxy/", "report/", "sources/"];

fn is_core(name: &str) -> bool {
    !EDGE_FILES.contains(&name) && !EDGE_FOLDERS.iter().any(|folder| name.starts_with(folder))
}

#[test]
fn core_names_no_edge() {
    const FORBIDDEN: [&str; 21] = [
        "tokio",
        "clap",
        "comfy_table",
        "indicatif",
        "colored",
        "postgres_protocol",
        "crate::command",
        "crate::pg",
        "crate::report",
        "crate::ui",
        "crate::config",
        "crate::context",
        "crate::sources",
        "crate::load",
        "crate::proxy",
        "crate::stream",
        "std::env",
        "SystemTime",
        "Instant::now",
        "async fn",
        " rand::",
    ];
    for path in rust_files(&root().join("src")).into_iter().filter(|path| is_core(&name(path))) {
        let code = code(&path);
        for word in FORBIDDEN {
            assert!(!code.contains(word), "src/{} is core and names {word}", name(&path));
        }
    }
}

#[test]
fn each_library_has_one_user() {
    for (library, owners) in [
        ("tokio_postgres", &["pg/"][..]),
        ("postgres_protocol", &["load/"]),
        ("mio::", &["load/", "proxy/"]),
        ("zstd::", &["trace/file.rs", "command/capture/files.rs"]),
        ("crc32fast::", &["trace/file.rs"]),
        ("sqlparser", &["query/"]),
        ("regex_syntax", &["seed/condition/pattern.rs"]),
        ("serde_yaml", &["yaml.rs"]),
        ("roxmltree", &["plan/read/xml.rs"]),
        ("sha2::", &["report/html/", "load/channel_binding.rs"]),
        ("indicatif", &["ui.rs"]),
        ("comfy_table", &["report/"]),
        ("colored", &["ui.rs", "report/style.rs"]),
        ("println!", &[]),
        ("eprintln!", &[]),
    ] {
        for path in rust_files(&root().join("src")) {
            let name = name(&path);
            let is_owner = owners.iter().any(|owner| name.starts_with(owner));
            assert!(is_owner || !code(&path).contains(library), "src/{name} uses {library}");
        }
    }
}

#[test]
fn edges_below_commands_name_no_command() {
    for path in rust_files(&root().join("src")) {
        let name = name(&path);
        if ["pg/", "report/", "load/", "proxy/"].iter().any(|folder| name.starts_with(folder)) {
            assert!(!code(&path).contains("crate::command"), "src/{name} names a command");
        }
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let main = fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests/it")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if path.extension().is_some_and(|ending| ending == "rs") && stem != "main" {
            assert!(main.contains(&format!("mod {stem};")), "tests/it/{stem}.rs is not in main.rs");
        }
    }
}

#[test]
fn completions_are_fresh() {
    for shell in ["bash", "zsh", "fish"] {
        let printed = perfkit(&["completions", shell]).succeeds().stdout;
        let kept = fs::read_to_string(root().join(format!("completions/perfkit.{shell}"))).unwrap();
        assert!(printed == kept, "completions/perfkit.{shell} is stale: run `make completions`");
    }
}

#[test]
fn manual_pages_are_made_for_every_command() {
    assert!(perfkit(&["man"]).succeeds().stdout.contains(".TH perfkit"));
    assert!(perfkit(&["man", "index", "suggest"]).succeeds().stdout.contains("storage"));
    perfkit(&["man", "nonsense"]).fails(2, &["there is no command"]);
}
