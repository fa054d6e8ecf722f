//! Every example of README.md is run, in order, in a sandbox of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

#[test]
fn examples_are_true() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/ensure-postgres");
    let found = Command::new(script).output().unwrap();
    let bin = String::from_utf8(found.stdout)
        .unwrap()
        .lines()
        .last()
        .expect("server programs are found")
        .to_owned();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let sandbox = folder.path().join("sandbox");
    let _destroy = Destroy(&sandbox);
    trycmd::TestCases::new()
        .env("PERFKIT_SANDBOX_DIR", sandbox.display().to_string())
        .env("PERFKIT_PG_BIN", bin)
        .env("DATABASE_URL", "")
        .env("COLUMNS", "100")
        .case("README.md")
        .run();
}

/// Removes the sandbox also when an example before the last one fails.
struct Destroy<'a>(&'a Path);

impl Drop for Destroy<'_> {
    fn drop(&mut self) {
        let _ = Command::new(env!("CARGO_BIN_EXE_perfkit"))
            .args(["sandbox", "destroy", "--yes", "--quiet"])
            .env("PERFKIT_SANDBOX_DIR", self.0)
            .status();
    }
}
