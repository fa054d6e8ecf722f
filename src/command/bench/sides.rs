//! What A and B of `perfkit bench compare` are, by flags over perfkit.yaml.

use super::compare::CompareArgs;
use super::script::ScriptArgs;
use crate::bench::compare::{ArmConfig, CompareConfig};
use crate::config;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::Target;

/// One of the two that are compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Side {
    /// A database other than that of the command.
    url: Option<Url>,
    pub(super) settings: Vec<(String, String)>,
    /// Where its statements come from.
    pub(super) workload: Vec<String>,
    /// The names of those that it is sent; all, if there are none.
    pub(super) statements: Vec<String>,
    /// What it is sent in their place.
    pub(super) scripts: ScriptArgs,
}

/// A database, and what names it.
#[derive(Clone, Debug, PartialEq)]
struct Url {
    option: &'static str,
    text: String,
}

/// Returns A and B. What B does not name it has from A, but for settings.
pub(super) fn sides(context: &Context, args: &CompareArgs, config: &CompareConfig) -> Result<[Side; 2]> {
    let mut a = side(context, args, &config.a, "bench.compare.a.url")?;
    if args.load.connect.database_url.is_some() {
        a.url = None;
    }
    if !args.set_a.is_empty() {
        a.settings.clone_from(&args.set_a);
    }
    if args.calibrate || !args.with_index.is_empty() {
        return Ok([a.clone(), a]);
    }
    let mut b = side(context, args, &config.b, "bench.compare.b.url")?;
    if let Some(url) = &args.b {
        b.url = Some(Url { option: "--b", text: url.clone() });
    }
    if !args.set_b.is_empty() {
        b.settings.clone_from(&args.set_b);
    }
    if !args.workload_b.is_empty() {
        (b.workload, b.statements) = (args.workload_b.clone(), Vec::new());
    }
    b.url = b.url.or_else(|| a.url.clone());
    if b.workload.is_empty() && !b.scripts.are_given() {
        b.workload.clone_from(&a.workload);
        if b.statements.is_empty() {
            b.statements.clone_from(&a.statements);
            let has_own = !config.b.define.is_empty();
            b.scripts = a.scripts.with_definitions_of(if has_own { &b.scripts } else { &a.scripts });
        }
    }
    if a.scripts.are_given() != b.scripts.are_given() {
        return Err(Error::usage("one of A and B runs scripts, and the other statements")
            .hint("Name `scripts` for both under `bench.compare` in perfkit.yaml, or for none."));
    }
    Ok([a, b])
}

/// Returns what the configuration says of one, with the load that flags name for both.
fn side(context: &Context, args: &CompareArgs, config: &ArmConfig, option: &'static str) -> Result<Side> {
    let url = config.url.as_deref().map(|text| expanded(context, text, option)).transpose()?;
    let settings = config.set.clone().into_iter().collect();
    let named = &args.load.workload.workload;
    if !named.is_empty() || args.load.scripts.are_given() {
        let scripts = args.load.scripts.clone();
        return Ok(Side { url, settings, workload: named.clone(), statements: Vec::new(), scripts });
    }
    let scripts = args.load.scripts.with(&config.scripts, &config.define).map_err(|reason| {
        Error::usage(format!("bench.compare of the configuration: {reason}"))
            .hint("A script is a file of pgbench's, with @WEIGHT after it if it runs more often than others.")
    })?;
    Ok(Side {
        url,
        settings,
        workload: config.workload.clone(),
        statements: config.statements.clone(),
        scripts,
    })
}

fn expanded(context: &Context, text: &str, option: &'static str) -> Result<Url> {
    let text = config::expand(text, &context.environment).map_err(|name| {
        Error::usage(format!("environment variable \"{name}\" in {option} is not set"))
            .hint(format!("Set {name}, or write the URL itself."))
    })?;
    Ok(Url { option, text })
}

impl Side {
    /// Returns its database, for sessions with its settings.
    pub(super) fn target(&self, context: &Context, args: &CompareArgs) -> Result<Target> {
        let connect = &args.load.connect;
        let target = match &self.url {
            Some(url) => context.target_of_option(connect, url.option, &url.text)?,
            None => context.target(connect)?,
        };
        Ok(target.with_settings(&self.settings))
    }

    /// Says what it is.
    pub(super) fn label(&self, target: &Target) -> String {
        let settings = self.settings.iter().map(|(name, value)| format!("{name}={value}"));
        let sources = self.workload.iter().chain(&self.statements).cloned().chain(self.scripts.names());
        [target.label().to_owned()].into_iter().chain(settings).chain(sources).collect::<Vec<_>>().join(", ")
    }
}
