//! `perfkit demo`

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::cli::perfkit;

/// How many throw-away servers have a folder below this one.
fn servers(folder: &std::path::Path) -> usize {
    let names = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it is listed").file_name());
    names.filter(|name| name.to_string_lossy().starts_with("perfkit-")).count()
}

fn server_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir_in("/tmp").expect("a folder in /tmp");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("it is ours");
    folder
}

#[test]
fn shows_the_whole_loop_and_leaves_nothing() {
    let folder = server_folder();
    let run = perfkit(&["demo", "--json"]).env("TMPDIR", folder.path()).succeeds();
    assert_eq!(servers(folder.path()), 0);
    let report = run.json();
    assert!(report["statements"].as_array().unwrap().len() >= 14, "{}", run.stdout);
    assert!(report["indexes"].as_array().unwrap().len() >= 5, "{}", run.stdout);
    // The costliest statements read 100,000 rows before, and some pages after.
    for statement in report["statements"].as_array().unwrap() {
        if ["records", "current-session", "feed"].contains(&statement["name"].as_str().unwrap()) {
            assert!(statement["p50_ratio"].as_f64().unwrap() > 2.0, "{statement}");
        }
    }
}

#[test]
fn a_killed_demo_leaves_nothing() {
    let folder = server_folder();
    for (signal, after) in [
        (nix::sys::signal::Signal::SIGKILL, 100),
        (nix::sys::signal::Signal::SIGKILL, 2500),
        (nix::sys::signal::Signal::SIGINT, 2000),
    ] {
        let (mut child, _home) = perfkit(&["demo"]).env("TMPDIR", folder.path()).spawn();
        std::thread::sleep(Duration::from_millis(after));
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
        child.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while servers(folder.path()) > 0 {
            assert!(Instant::now() < deadline, "{signal:?} after {after} ms: a server's folder is left");
            std::thread::sleep(Duration::from_millis(50));
        }
        let processes = Command::new("ps").args(["-eo", "args"]).stderr(Stdio::null()).output().unwrap();
        let processes = String::from_utf8_lossy(&processes.stdout).into_owned();
        assert!(
            !processes.contains(&folder.path().display().to_string()),
            "{signal:?} after {after} ms: {processes}"
        );
    }
}
