//! Where the PostgreSQL server programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::config::Environment;
use crate::pg::error::{Error, Result};

const OLDEST_MAJOR: u32 = 14;
/// Where the distributions put the programs; `*` is the version.
const DISTRIBUTION_FOLDERS: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "pgsql-*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@*/bin"),
];

/// A folder with `initdb` and `postgres` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
}

impl Programs {
    /// Finds server programs: in the named folder, `PERFKIT_PG_BIN`, `pg_config`, `PATH`, then where
    /// distributions and `scripts/ensure-postgres --major` put them. Of those the first of major version
    /// `wanted` is taken, else the first.
    pub(crate) fn find(named: Option<&Path>, environment: &Environment, wanted: Option<u32>) -> Result<Self> {
        for (folder, origin) in
            [(named, "--pg-bin"), (environment.set("PERFKIT_PG_BIN").map(Path::new), "PERFKIT_PG_BIN")]
        {
            if let Some(folder) = folder {
                return Self::at(folder).ok_or_else(|| Error::LocalServer {
                    message: format!("{origin} names {folder:?}, which has no working initdb and postgres of version 14 or newer"),
                    hint: "Name the folder that holds both programs.".to_owned(),
                });
            }
        }
        let mut found = candidates(environment).into_iter().filter_map(|folder| Self::at(&folder));
        let Some(wanted) = wanted else { return found.next().ok_or_else(not_found) };
        let found: Vec<Self> = found.collect();
        let exact = found.iter().find(|programs| programs.major == wanted).cloned();
        exact.or(found.into_iter().next()).ok_or_else(not_found)
    }

    /// Returns the programs in a folder if they run and are not too old.
    fn at(folder: &Path) -> Option<Self> {
        let initdb = folder.join("initdb");
        let output =
            Command::new(folder.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?;
        let number = version.split_once("(PostgreSQL) ")?.1;
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        let major = digits.parse().ok()?;
        (initdb.is_file() && major >= OLDEST_MAJOR).then(|| Self { bin: folder.to_owned(), major })
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.bin.join(program)
    }

    /// Whether a library for `shared_preload_libraries` comes with the programs.
    pub(super) fn has_library(&self, name: &str) -> bool {
        let Some(prefix) = self.bin.parent() else { return false };
        ["lib", "lib/postgresql", "lib/pgsql", "lib64/pgsql"].iter().any(|folder| {
            ["so", "dylib"]
                .iter()
                .any(|ending| prefix.join(folder).join(format!("{name}.{ending}")).is_file())
        })
    }
}

fn not_found() -> Error {
    Error::LocalServer {
        message: "could not find the PostgreSQL server programs (initdb, postgres) of version 14 or newer"
            .to_owned(),
        hint: "Install PostgreSQL (Debian: postgresql, Fedora: postgresql-server, Homebrew: postgresql@18), \
               or name their folder with `--pg-bin` or PERFKIT_PG_BIN."
            .to_owned(),
    }
}

fn candidates(environment: &Environment) -> Vec<PathBuf> {
    let path = environment.path();
    let mut folders = Vec::new();
    if let Some(pg_config) = path.iter().map(|folder| folder.join("pg_config")).find(|file| file.is_file())
        && let Ok(output) = Command::new(pg_config).arg("--bindir").stdin(Stdio::null()).output()
    {
        folders.extend(String::from_utf8(output.stdout).map(|folder| PathBuf::from(folder.trim())));
    }
    folders.extend(path.into_iter().filter(|folder| folder.join("postgres").is_file()));
    let mut versioned = Vec::new();
    for (root, pattern) in DISTRIBUTION_FOLDERS {
        versioned.extend(versioned_folders(Path::new(root), pattern));
    }
    for cache in caches(environment) {
        versioned.extend(versioned_folders(&cache, "bin"));
    }
    // The newest first, as numbers: 9 is older than 14.
    versioned.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    folders.extend(versioned.into_iter().map(|(_, folder)| folder));
    folders
}

/// Where `scripts/ensure-postgres --major` keeps its programs.
fn caches(environment: &Environment) -> Vec<PathBuf> {
    match environment.set("PERFKIT_PG_CACHE") {
        Some(cache) => vec![PathBuf::from(cache)],
        None => std::iter::once(PathBuf::from("/var/cache/perfkit/postgres"))
            .chain(environment.home().map(|home| home.join(".cache/perfkit/postgres")))
            .collect(),
    }
}

/// Returns the folders `root/PREFIX<version>/SUFFIX` with their versions; `pattern` is `PREFIX*/SUFFIX`, or
/// `SUFFIX` alone where the folder's whole name is the version.
fn versioned_folders(root: &Path, pattern: &str) -> Vec<(u32, PathBuf)> {
    let (prefix, suffix) = pattern.split_once("*/").unwrap_or(("", pattern));
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join(suffix)))
        })
        .collect()
}
