//! Settings: flags over environment over perfkit.yaml over defaults.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::bench::BenchConfig;
use crate::budget::Budget;
use crate::cli::ConnectArgs;
use crate::counter::spec::Wish;
use crate::error::{Error, Result};
use crate::pg::conninfo::Conninfo;
use crate::plan::contract::Contract;
use crate::seed::SeedConfig;
use crate::workload::parameter::{Parameter, Place};
use crate::yaml;

/// The configuration file that is read when none is named.
pub(crate) const CONFIG_FILE: &str = "perfkit.yaml";
/// A statement that runs longer is cancelled, unless the user says otherwise.
const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than a brief lock takes, shorter than a queue behind us would hurt.
const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The environment variables of the run, read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the process's environment. Variables that are not Unicode are left out.
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Returns a variable that is set and not empty.
    pub(crate) fn set(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.set("HOME").map(PathBuf::from)
    }

    /// Where PostgreSQL's client programs are looked for.
    pub(crate) fn path(&self) -> Vec<PathBuf> {
        self.set("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { variables: variables.into_iter().map(owned).collect() }
    }
}

/// A perfkit.yaml.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) workload: WorkloadConfig,
    pub(crate) bench: BenchConfig,
    pub(crate) seed: SeedConfig,
    pub(crate) counters: Vec<Wish>,
    pub(crate) contract: Vec<Contract>,
    pub(crate) budgets: Vec<Budget>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseConfig {
    pub(crate) url: Option<String>,
    #[serde(with = "crate::workload::duration::optional")]
    pub(crate) statement_timeout: Option<Duration>,
    #[serde(with = "crate::workload::duration::optional")]
    pub(crate) lock_timeout: Option<Duration>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkloadConfig {
    pub(crate) statements: Vec<StatementConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatementConfig {
    pub(crate) name: Option<String>,
    pub(crate) sql: String,
    #[serde(default)]
    pub(crate) params: Vec<Parameter>,
    #[serde(default = "default_weight")]
    pub(crate) weight: f64,
}

fn default_weight() -> f64 {
    1.0
}

/// A configuration with the text it came from, so that errors can name the place.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) config: Config,
}

impl ConfigFile {
    /// Reads the file that `--config` names, or ./perfkit.yaml if it is there.
    pub(crate) fn load(named: Option<&Path>) -> Result<Option<Self>> {
        let path = named.unwrap_or(Path::new(CONFIG_FILE));
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(None),
            Err(error) => {
                Err(Error::usage(format!("could not read configuration file {:?}", path.display()))
                    .cause(error)
                    .hint("Check the path and its permissions, or write a new file with `perfkit init`."))
            }
        }
    }

    pub(crate) fn parse(path: &Path, text: String) -> Result<Self> {
        let mut config: Config = yaml::parse(path, &text)?;
        settle(&mut config.workload, path, &text);
        config.bench.settle(path.parent().unwrap_or(Path::new("")));
        let fail = |word: &str, reason: &str| yaml::error_at(path, &text, word, format!("{word} {reason}"));
        for (word, timeout) in [
            ("statement_timeout", config.database.statement_timeout),
            ("lock_timeout", config.database.lock_timeout),
        ] {
            if let Some(Err(reason)) = timeout.map(checked_timeout) {
                return Err(fail(word, reason).into());
            }
        }
        if let Err((word, reason)) = config.bench.check() {
            return Err(fail(word, reason).into());
        }
        for statement in &config.workload.statements {
            if !(statement.weight > 0.0 && statement.weight.is_finite()) {
                let name = statement.name.as_deref().unwrap_or(&statement.sql);
                let message = format!("weight of {name:?} is {}, it must be above 0", statement.weight);
                return Err(yaml::error_at(path, &text, name, message).into());
            }
        }
        for contract in &config.contract {
            if let Err((word, reason)) = contract.check() {
                return Err(fail(word, reason).into());
            }
        }
        if let Err(unfit) = Budget::check(&config.budgets) {
            return Err(yaml::error_at(path, &text, &unfit.word, unfit.message).into());
        }
        Ok(Self { path: path.to_owned(), text, config })
    }

    /// Makes an error about a name in the file that the database does not have.
    pub(crate) fn error_at(&self, word: &str, message: String) -> Error {
        yaml::error_at(&self.path, &self.text, word, message).into()
    }
}

/// Gives parameters their place in the file, and what they take from it.
fn settle(workload: &mut WorkloadConfig, path: &Path, text: &str) {
    let folder = path.parent().unwrap_or(Path::new(""));
    for StatementConfig { sql, params, .. } in &mut workload.statements {
        for (number, parameter) in params.iter_mut().enumerate() {
            let Some(word) = parameter.source_text() else { continue };
            let place = Place(yaml::place(path, text, &word));
            parameter.settle(folder, place, (sql, number));
        }
    }
}

impl From<yaml::Error> for Error {
    fn from(error: yaml::Error) -> Self {
        let hint = error.nearest().map(|name| format!("Did you mean `{name}`?"));
        let converted = Self::usage(error.to_string());
        match hint {
            Some(hint) => converted.hint(hint),
            None => converted,
        }
    }
}

/// Where the connection string came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectSource {
    Flag,
    DatabaseUrl,
    LibpqVariables,
    ConfigFile,
}

/// Returns the connection string of this run and where it was found; `None` when nothing names a database.
pub(crate) fn conninfo(
    args: &ConnectArgs,
    environment: &Environment,
    config: Option<&ConfigFile>,
) -> Result<Option<(Conninfo, ConnectSource)>> {
    const NAMING: [&str; 6] = ["PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER"];
    let from_file = config.and_then(|file| Some((file, file.config.database.url.as_deref()?)));
    let (text, source) = if let Some(url) = args.database_url.as_deref() {
        (url.to_owned(), ConnectSource::Flag)
    } else if let Some(url) = environment.set("DATABASE_URL") {
        (url.to_owned(), ConnectSource::DatabaseUrl)
    } else if NAMING.iter().any(|name| environment.set(name).is_some()) {
        (String::new(), ConnectSource::LibpqVariables)
    } else if let Some((file, url)) = from_file {
        match expand(url, environment) {
            Ok(url) => (url, ConnectSource::ConfigFile),
            // The starter file refers to DATABASE_URL; without it, a sandbox may still be there.
            Err(name) if name == "DATABASE_URL" => return Ok(None),
            Err(name) => {
                let message = format!("environment variable \"{name}\" in database.url is not set");
                return Err(file
                    .error_at("url", message)
                    .hint(format!("Set {name}, or write the URL itself.")));
            }
        }
    } else {
        return Ok(None);
    };
    let conninfo = Conninfo::parse(&text).map_err(|error| {
        let place = match source {
            ConnectSource::Flag => "--database-url",
            ConnectSource::DatabaseUrl => "DATABASE_URL",
            ConnectSource::LibpqVariables => "the PG* variables",
            ConnectSource::ConfigFile => "database.url of the configuration file",
        };
        Error::usage(format!("invalid connection string in {place}"))
            .cause(error)
            .hint("Write it as postgresql://user@host:5432/database or as \"host=… dbname=…\".")
    })?;
    Ok(Some((conninfo, source)))
}

/// Replaces `${NAME}` by environment variables; returns the name of one that is not set.
pub(crate) fn expand(text: &str, environment: &Environment) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        expanded.push_str(before);
        expanded.push_str(environment.set(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    Ok(expanded + rest)
}

/// Refuses timeouts that the server would take for none, or not at all.
pub(crate) fn checked_timeout(timeout: Duration) -> Result<Duration, &'static str> {
    const LONGEST: Duration = Duration::from_hours(24 * 24);
    if (Duration::from_millis(1)..=LONGEST).contains(&timeout) {
        Ok(timeout)
    } else {
        Err("must be from 1 ms to 24 days")
    }
}

/// How long statements and lock waits may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    pub(crate) statement: Duration,
    pub(crate) lock: Duration,
}

impl Timeouts {
    pub(crate) fn new(args: &ConnectArgs, config: Option<&ConfigFile>) -> Self {
        let database = config.map(|file| &file.config.database);
        let configured = |of: fn(&DatabaseConfig) -> Option<Duration>| database.and_then(of);
        Self {
            statement: args
                .statement_timeout
                .or_else(|| configured(|database| database.statement_timeout))
                .unwrap_or(DEFAULT_STATEMENT_TIMEOUT),
            lock: args
                .lock_timeout
                .or_else(|| configured(|database| database.lock_timeout))
                .unwrap_or(DEFAULT_LOCK_TIMEOUT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile> {
        ConfigFile::parse(Path::new("perfkit.yaml"), text.to_owned())
    }

    #[test]
    fn every_built_in_scenario_is_valid() {
        for scenario in &crate::scenario::SCENARIOS {
            let file = parse(scenario.config_yaml).unwrap();
            assert!(!file.config.workload.statements.is_empty());
            assert!(!file.config.seed.tables.is_empty());
        }
    }

    #[test]
    fn flag_beats_environment_beats_file() {
        let file = parse("database: {url: 'dbname=${DB}'}").unwrap();
        let flag = ConnectArgs { database_url: Some("dbname=flag".into()), ..ConnectArgs::default() };
        let none = ConnectArgs::default();
        let environment = Environment::from([("DATABASE_URL", "dbname=env"), ("DB", "file")]);
        let source = |args, environment: &Environment, file| {
            conninfo(args, environment, file)
                .unwrap()
                .map(|(conninfo, source)| (conninfo.get("dbname").unwrap_or_default().to_owned(), source))
        };
        assert_eq!(source(&flag, &environment, Some(&file)), Some(("flag".into(), ConnectSource::Flag)));
        assert_eq!(
            source(&none, &environment, Some(&file)),
            Some(("env".into(), ConnectSource::DatabaseUrl))
        );
        let environment = Environment::from([("DB", "file")]);
        assert_eq!(
            source(&none, &environment, Some(&file)),
            Some(("file".into(), ConnectSource::ConfigFile))
        );
        let environment = Environment::from([("PGHOST", "h"), ("DB", "file")]);
        assert_eq!(
            source(&none, &environment, Some(&file)),
            Some((String::new(), ConnectSource::LibpqVariables))
        );
        assert_eq!(source(&none, &Environment::default(), None), None);
        assert!(conninfo(&none, &Environment::default(), Some(&file)).is_err());
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for (text, expected) in [
            (
                "bench: {connections: 18446744073709551615}",
                "perfkit.yaml:1:9: connections must be from 1 to 10000",
            ),
            ("bench:\n  rate: .nan", "perfkit.yaml:2:3: rate must be above 0, up to 10 million a second"),
            (
                "bench: {stages: [{duration: 584000000y}]}",
                "perfkit.yaml:1:19: duration must be above 0, up to 30 days",
            ),
            (
                "bench:\n  compare:\n    min_effect: 0",
                "perfkit.yaml:3:5: min_effect must be above 0, up to 100: it is in percent",
            ),
            ("bench: {compare: {max_pairs: 31}}", "perfkit.yaml:1:19: max_pairs must be from 1 to 30"),
            (
                "bench: {compare: {b: {set: {\"a b\": 1}}}}",
                "perfkit.yaml:1:23: set must name settings, as in work_mem: 64MB",
            ),
            ("bench: {compare: {block: 0s}}", "perfkit.yaml:1:19: block must be above 0, up to 30 days"),
            (
                "bench: {compare: {a: {set: {jit: null}}}}",
                "perfkit.yaml:1:22: bench.compare.a: jit has no value",
            ),
            ("database: {lock_timeout: 0s}", "perfkit.yaml:1:12: lock_timeout must be from 1 ms to 24 days"),
            (
                "contract: [{statement: a, max_q_error: 0.5}]",
                "perfkit.yaml:1:27: max_q_error must be 1 or above: it is a factor",
            ),
            ("budgets:\n  - {max_ms: -1}", "perfkit.yaml:2:6: max_ms must be above 0"),
            (
                "budgets:\n  - {max_queries: 1}\n  - {scope: list, tag: a=b, max_calls: 1}",
                "perfkit.yaml:3:13: a budget is of one scope: name scope or tag, not both",
            ),
            (
                "budgets: [{max_queries: -1}]",
                "perfkit.yaml:1:25: budgets[0].max_queries: invalid type: integer `-1`, expected u64",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().message(), expected, "{text}");
        }
    }

    #[test]
    fn comparisons_have_files_beside_their_file() {
        let text = "bench: {compare: {a: {set: {work_mem: 4MB, jit: true, geqo_seed: 0.5}}, b: {workload: [new.sql, pg_stat_statements], scripts: [a.sql@3]}}}";
        let file = ConfigFile::parse(Path::new("conf/perfkit.yaml"), text.to_owned()).unwrap();
        let compare = &file.config.bench.compare;
        let set: Vec<_> = compare.a.set.values().map(String::as_str).collect();
        assert_eq!(set, ["0.5", "true", "4MB"]);
        assert_eq!(compare.b.workload, ["conf/new.sql", "pg_stat_statements"]);
        assert_eq!(compare.b.scripts, ["conf/a.sql@3"]);
        assert_eq!(
            parse("bench: {compare: {c: {}}}").unwrap_err().message(),
            "perfkit.yaml:1:19: unknown name `c`"
        );
    }

    #[test]
    fn errors_name_the_nearest_key() {
        let error = parse("database: {ulr: x}").unwrap_err();
        assert_eq!(error.message(), "perfkit.yaml:1:12: unknown name `ulr`");
        assert_eq!(error.hints(), ["Did you mean `url`?"]);
        let error =
            parse("workload:\n  statements:\n    - {sql: SELECT 1, name: one, weight: 0}").unwrap_err();
        assert!(error.message().starts_with("perfkit.yaml:3:29: weight of \"one\" is 0"), "{error}");
    }
}
