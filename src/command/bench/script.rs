//! `perfkit bench --file`: scripts of pgbench as a load.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use super::Plan;
use super::checked::Checked;
use super::load_args::LoadArgs;
use crate::bench::script::{Scripts, Source, builtin};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::load::{Playbook, Protocol, Unsuited};
use crate::pg::{self, Access, Connection};
use crate::query::{self, TableName};
use crate::random;

/// What a load of scripts is.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[command(next_help_heading = "Scripts")]
pub(super) struct ScriptArgs {
    /// Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)
    ///
    /// All of pgbench's commands are known but \shell and \setshell. Latencies are those of whole scripts, and of each statement
    /// within.
    #[arg(short, long = "file", value_name = "FILE[@WEIGHT]", conflicts_with = "workload")]
    files: Vec<Weighted>,
    /// Run this built-in script of pgbench: tpcb-like, simple-update or select-only (can be repeated)
    #[arg(short, long = "builtin", value_name = "NAME[@WEIGHT]", conflicts_with = "workload")]
    builtins: Vec<Weighted>,
    /// Set a variable of the scripts, as in scale=10 (can be repeated)
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = parse_definition)]
    definitions: Vec<(String, String)>,
}

impl ScriptArgs {
    pub(super) fn are_given(&self) -> bool {
        !self.files.is_empty() || !self.builtins.is_empty()
    }

    /// Returns the files with their weights as they are written, and the variables with those that were given in the place of others.
    pub(super) fn with(&self, files: &[String], define: &BTreeMap<String, String>) -> Result<Self, String> {
        let definitions = define.iter().map(|(name, value)| parse_definition(&format!("{name}={value}")));
        Ok(Self {
            files: files.iter().map(|file| file.parse()).collect::<Result<_, _>>()?,
            builtins: Vec::new(),
            definitions: definitions
                .chain(self.definitions.iter().cloned().map(Ok))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns the same scripts with the variables of others.
    #[must_use]
    pub(super) fn with_definitions_of(&self, other: &Self) -> Self {
        Self { definitions: other.definitions.clone(), ..self.clone() }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.files.iter().chain(&self.builtins).map(|script| script.name.clone())
    }
}

/// A script and how often it runs.
#[derive(Clone, Debug, PartialEq)]
struct Weighted {
    name: String,
    weight: f64,
}

impl FromStr for Weighted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Only digits are a weight: a path may hold the character as well.
        let weighted =
            text.rsplit_once('@').and_then(|(name, weight)| Some((name, weight.parse::<u32>().ok()?)));
        let (name, weight) = weighted.unwrap_or((text, 1));
        if name.is_empty() {
            return Err("the name of the script is missing".to_owned());
        }
        Ok(Self { name: name.to_owned(), weight: f64::from(weight) })
    }
}

fn parse_definition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if Scripts::is_name(name) => Ok((name.to_owned(), value.to_owned())),
        Some((name, _)) => Err(format!("{name:?} is no name of a variable: letters, digits and underscores")),
        None => Err("write it as NAME=VALUE, as in scale=10".to_owned()),
    }
}

/// Makes the scripts ready to be sent.
pub(super) async fn checked(
    args: &LoadArgs,
    wanted: &ScriptArgs,
    target: &pg::Target,
    connection: &mut Connection,
    plan: &Plan,
) -> Result<Checked> {
    let sources = sources(wanted)?;
    let definitions = definitions(args.seed, wanted, connection).await?;
    let scripts = Scripts::new(&sources, &definitions).map_err(|error| {
        let usage = Error::usage(error.to_string());
        match error.hint {
            Some(hint) => usage.hint(hint),
            None => usage.hint("The manual of pgbench describes scripts under \"Custom Scripts\"."),
        }
    })?;
    if !args.allow_writes {
        refuse_writes(&scripts)?;
    }
    let playbook = Playbook::new(scripts, plan.protocol).map_err(|error| {
        let hint = match error {
            Unsuited::Quoted { .. } => {
                "Write the variable without quotes, or use `--protocol simple`, which puts in its text."
            }
            Unsuited::Pipeline { .. } => "Use `--protocol extended` or `prepared`.",
        };
        Error::usage(error.to_string()).hint(hint)
    })?;
    check_statements(connection, &playbook, plan.protocol).await?;
    Checked::of_scripts(target, connection, playbook, plan)
}

/// Reads the scripts.
fn sources(args: &ScriptArgs) -> Result<Vec<Source>> {
    let mut sources: Vec<Source> = Vec::new();
    let files = args.files.iter().map(|file| (file, read(&file.name)));
    let builtins = args.builtins.iter().map(|wanted| (wanted, find(&wanted.name)));
    for (wanted, found) in files.chain(builtins) {
        let (name, text) = found?;
        let n_alike = sources.iter().filter(|source| source.name == name).count();
        let name = if n_alike == 0 { name } else { format!("{name} ({})", n_alike + 1) };
        sources.push(Source { name, text, weight: wanted.weight });
    }
    if sources.iter().all(|source| source.weight == 0.0) {
        return Err(Error::usage("every script has weight 0").hint("Give one of them another weight."));
    }
    Ok(sources)
}

fn read(name: &str) -> Result<(String, String)> {
    let fail = |error: std::io::Error| {
        Error::usage(format!("could not read script {name:?}"))
            .cause(error)
            .hint("A script is a file of SQL statements and backslash commands, as for pgbench.")
    };
    if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(fail)?;
        return Ok(("standard input".to_owned(), text));
    }
    Ok((name.to_owned(), std::fs::read_to_string(name).map_err(fail)?))
}

fn find(name: &str) -> Result<(String, String)> {
    let found = builtin::find(name).ok_or_else(|| {
        let known: Vec<&str> = builtin::BUILTINS.iter().map(|builtin| builtin.name).collect();
        Error::usage(format!("there is no one built-in script {name:?}"))
            .hint(format!("They are {}.", known.join(", ")))
    })?;
    Ok((found.name.to_owned(), found.text.to_owned()))
}

/// Returns what variables hold at first; what the user says comes last, and counts.
async fn definitions(
    seed: u64,
    wanted: &ScriptArgs,
    connection: &mut Connection,
) -> Result<Vec<(String, String)>> {
    let given = &wanted.definitions;
    let has_scale = given.iter().any(|(name, _)| name == "scale");
    let scale = if has_scale || wanted.builtins.is_empty() { 1 } else { scale(connection).await? };
    let default_seed = random::substream(seed, "default_seed").cast_signed();
    let own = [
        ("scale", scale.to_string()),
        ("random_seed", seed.to_string()),
        ("default_seed", default_seed.to_string()),
    ];
    Ok(own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(given.iter().cloned()).collect())
}

/// Returns how large the tables of the built-in scripts are.
async fn scale(connection: &mut Connection) -> Result<i64> {
    const BRANCHES: &str = "pgbench_branches";
    let catalog: Catalog = pg::catalog::load(connection).await?;
    let branches =
        catalog.table(&TableName { schema: None, name: BRANCHES.to_owned() }).ok_or_else(|| {
            Error::usage(format!("table \"{BRANCHES}\" does not exist"))
                .hint("The built-in scripts need the tables that `pgbench -i` makes.")
        })?;
    Ok(pg::pgbench::scale(connection, branches).await?)
}

/// Refuses scripts that change data, unless that is allowed.
fn refuse_writes(scripts: &Scripts) -> Result<()> {
    for script in &scripts.scripts {
        if let Some(writing) = script.statements.iter().find(|statement| query::may_write(&statement.sql)) {
            return Err(Error::usage(format!(
                "{}:{}: the script changes data: {}",
                script.name,
                writing.line,
                crate::sources::one_line(&writing.sql)
            ))
            .hint("Add `--allow-writes` to run it."));
        }
    }
    Ok(())
}

/// Lets the server parse each statement, unless the scripts make what others of them need. One that cannot be parsed would only
/// count errors for the whole run.
async fn check_statements(connection: &Connection, playbook: &Playbook, protocol: Protocol) -> Result<()> {
    let statements = || {
        let scripts = playbook.scripts.scripts.iter();
        scripts.flat_map(|script| script.statements.iter().map(move |statement| (script, statement)))
    };
    let changes_objects = statements().any(|(_, statement)| {
        ["CREATE", "ALTER", "DROP", "CALL", "DO", "SET"]
            .iter()
            .any(|word| statement.sql.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word)))
    });
    if changes_objects {
        return Ok(());
    }
    for (script, statement) in statements() {
        // In the simple protocol a variable may stand for any part of the statement.
        if protocol == Protocol::Simple && (!statement.places.is_empty() || statement.sql.contains(';')) {
            continue;
        }
        let Ok((text, _)) = statement.with_parameters() else { continue };
        pg::explain::parameter_types(connection, &text).await.map_err(|error| {
            Error::from(error)
                .context(format!("{}:{}: the statement cannot be run", script.name, statement.line))
        })?;
    }
    Ok(())
}

impl Checked {
    fn of_scripts(
        target: &pg::Target,
        connection: &Connection,
        playbook: Playbook,
        plan: &Plan,
    ) -> Result<Self> {
        let access = if plan.allow_writes { Access::ReadWrite } else { Access::ReadOnly };
        Ok(Self {
            statements: Vec::new(),
            generators: Vec::new(),
            shapes: Vec::new(),
            requests: Vec::new(),
            playbook: Some(Arc::new(playbook)),
            endpoint: Arc::new(target.endpoint(connection, access)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_a_number() {
        let weighted = |name: &str, weight| Ok(Weighted { name: name.to_owned(), weight });
        assert_eq!("a.sql@3".parse(), weighted("a.sql", 3.0));
        assert_eq!("a@b/c.sql".parse(), weighted("a@b/c.sql", 1.0));
        assert_eq!("a@b@0".parse(), weighted("a@b", 0.0));
        assert!("@3".parse::<Weighted>().is_err());
    }

    #[test]
    fn definitions_are_names_and_values() {
        assert_eq!(parse_definition("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(parse_definition("1a=b").is_err() && parse_definition("a").is_err());
    }
}
