//! `perfkit sandbox`

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::cli::{Perfkit, perfkit};

fn in_sandbox(folder: &Path, args: &[&str]) -> Perfkit {
    perfkit(args).env("PERFKIT_SANDBOX_DIR", folder.join("sandbox"))
}

/// Removes the sandbox when the test ends, however it ends.
struct Destroy<'a>(&'a Path);

impl Drop for Destroy<'_> {
    fn drop(&mut self) {
        in_sandbox(self.0, &["sandbox", "destroy", "--yes"]).run();
    }
}

#[test]
fn is_the_database_of_last_resort() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = folder.path();
    let _destroy = Destroy(folder);
    in_sandbox(folder, &["sandbox", "url"]).fails(2, &["there is no sandbox", "perfkit sandbox start"]);
    let url = in_sandbox(folder, &["sandbox", "start"]).succeeds().stdout;
    assert!(url.starts_with("postgresql:///perfkit?host=/"), "{url}");
    assert_eq!(in_sandbox(folder, &["sandbox", "start"]).succeeds().stdout, url);
    assert_eq!(in_sandbox(folder, &["sandbox", "url"]).succeeds().stdout, url);
    // The three commands of the README, with nothing configured.
    let run = in_sandbox(folder, &["seed", "--users", "100"]).succeeds();
    assert!(run.stderr.contains("database: the sandbox"), "{}", run.stderr);
    in_sandbox(folder, &["index", "suggest"]).succeeds();
    in_sandbox(folder, &["explain"]).succeeds();
    in_sandbox(folder, &["sandbox", "stop"]).succeeds();
    in_sandbox(folder, &["explain"]).fails(2, &["no database is configured"]);
    in_sandbox(folder, &["sandbox", "url"]).fails(2, &["stopped"]);
    in_sandbox(folder, &["sandbox", "start"]).succeeds();
    in_sandbox(folder, &["seed", "--users", "1"]).fails(2, &["not empty"]);
    in_sandbox(folder, &["sandbox", "destroy"]).fails(2, &["--yes"]);
    in_sandbox(folder, &["sandbox", "destroy", "--yes"]).succeeds();
    assert!(!folder.join("sandbox").exists());
}
