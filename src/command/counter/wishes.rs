//! From what people ask for to sites, with what the server says of it.

use clap::Args;

use super::table_and_column;
use crate::config::ConfigFile;
use crate::context::Context;
use crate::counter::chain::{self, ChainError};
use crate::counter::check::{self, Resolved};
use crate::counter::refusal::Refusal;
use crate::counter::site::{Mode, Site};
use crate::counter::spec::{Columns, StorageWish, Wish};
use crate::counter::state::State;
use crate::error::{Error, Result};
use crate::pg::Connection;
use crate::pg::counter::expression::{self, Written};
use crate::pg::counter::facts;

/// Which counter.
#[derive(Args, Debug, Clone)]
pub(crate) struct WishArgs {
    /// The counter, as TABLE.COLUMN; without it, all of `counters` in perfkit.yaml
    #[arg(value_name = "TABLE.COLUMN", requires = "counts")]
    counter: Option<String>,
    /// Count the rows of this table
    #[arg(long, value_name = "CHILD", requires = "counter")]
    counts: Option<String>,
    /// The columns of CHILD that refer to TABLE
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "counter")]
    key: Vec<String>,
    /// The tables between, from CHILD on
    #[arg(long, value_name = "TABLE", value_delimiter = ',', requires = "counter")]
    through: Vec<String>,
    /// Count the rows for which this holds
    #[arg(long = "where", value_name = "CONDITION", requires = "counter")]
    condition: Option<String>,
    /// Add this up, instead of counting rows
    #[arg(long, value_name = "EXPRESSION", requires = "counter")]
    sum: Option<String>,
}

/// How a counter is kept.
#[derive(Args, Debug, Clone)]
pub(crate) struct ModeArgs {
    /// Write to the row itself, to a queue, or to one of a few slots [default: inline]
    #[arg(long, value_name = "MODE", requires = "counter")]
    mode: Option<Mode>,
    /// Keep it in a column, or in a table of its own
    #[arg(long, value_name = "WHERE", value_parser = ["column", "side"], default_value = "column")]
    storage: String,
    /// Take back writes of the column by anybody but triggers
    #[arg(long, requires = "counter")]
    guard: bool,
}

/// What was asked for, and where.
pub(super) struct Asked<'c> {
    wishes: Vec<Wish>,
    /// Where it stands, if in a file.
    file: Option<&'c ConfigFile>,
}

/// What is to be kept, in the order in which it is made.
pub(super) struct Decided {
    pub(super) sites: Vec<Site>,
    pub(super) state: State,
    /// The tables as they were named.
    pub(super) names: Vec<String>,
}

impl WishArgs {
    pub(super) fn asked<'c>(&self, context: &'c Context, mode: Option<&ModeArgs>) -> Result<Asked<'c>> {
        if let (Some(counter), Some(counts)) = (&self.counter, &self.counts) {
            let (table, column) = table_and_column(counter)?;
            let wish = Wish {
                table,
                column: Some(column),
                counts: counts.clone(),
                key: Columns(self.key.clone()),
                through: Columns(self.through.clone()),
                condition: self.condition.clone(),
                sum: self.sum.clone(),
                mode: mode.and_then(|mode| mode.mode),
                storage: match mode {
                    Some(mode) if mode.storage == "side" => StorageWish::Side,
                    _ => StorageWish::Column,
                },
                guard: mode.is_some_and(|mode| mode.guard),
            };
            return Ok(Asked { wishes: vec![wish], file: None });
        }
        match context.config.as_ref().filter(|file| !file.config.counters.is_empty()) {
            Some(file) => Ok(Asked { wishes: file.config.counters.clone(), file: Some(file) }),
            None => Err(Error::usage("no counter is named")
                .hint("Name one, as in `perfkit counter add keywords.mentions_count --counts mentions`.")
                .hint("Or write all of them under `counters` in perfkit.yaml.")),
        }
    }
}

/// Finds out what to keep for what was asked. Nothing is changed, though the session must be allowed to.
pub(super) async fn decide(connection: &mut Connection, asked: &Asked<'_>) -> Result<Decided> {
    let mut names: Vec<String> = asked.wishes.iter().flat_map(tables).collect();
    names.sort();
    names.dedup();
    let state = facts::load(connection, &names).await?;
    let wishes = chain::levels(&asked.wishes, |wish| is_kept(wish, &state));
    let mut resolved: Vec<Resolved> = Vec::new();
    for wish in &wishes {
        let refuse = |refusal: Refusal| refused(&refusal, wish, asked.file);
        let found = check::resolve(wish, &state).map_err(refuse)?;
        let planned: Vec<(String, String)> = resolved
            .iter()
            .filter(|other| other.site.parent == found.site.child)
            .flat_map(|other| &other.site.counters)
            .map(|counter| (counter.column.clone(), counter.type_name.clone()))
            .collect();
        let written = Written {
            child: &found.site.child,
            condition: wish.condition.as_deref(),
            sum: wish.sum.as_deref(),
            planned: &planned,
        };
        let canonical = expression::canonical(connection, written).await.map_err(|error| {
            let error = Error::from(error);
            match asked.file {
                Some(file) => located(file, &wish.counts, &error),
                None => error,
            }
        })?;
        resolved.push(check::complete(found, canonical).map_err(refuse)?);
    }
    let of_all = |refusal: Refusal| refused(&refusal, &wishes[0], asked.file);
    let sites = check::sites(&resolved, &state).map_err(of_all)?;
    let sites = chain::in_order(sites).map_err(|error| chained(&error))?;
    let others = state.readable_sites();
    let others = others.filter(|other| !sites.iter().any(|site| site.is_same_place(other)));
    let all: Vec<Site> = sites.iter().cloned().chain(others).collect();
    chain::refuse_diamonds(&all).map_err(|error| chained(&error))?;
    Ok(Decided { sites, state, names })
}

fn tables(wish: &Wish) -> impl Iterator<Item = String> {
    [&wish.table, &wish.counts].into_iter().chain(&wish.through.0).cloned().collect::<Vec<_>>().into_iter()
}

/// Returns the column that counts what a wish asks for, if there is one already.
fn is_kept(wish: &Wish, state: &State) -> Option<String> {
    let (parent, child) = (&state.named(&wish.table)?.name, &state.named(&wish.counts)?.name);
    let bare = |text: &Option<String>| {
        text.as_ref().map(|text| text.trim_matches(|c: char| c == '(' || c == ')' || c == ' ').to_owned())
    };
    let sites = state.readable_sites();
    let mut sites = sites.filter(|site| site.parent == *parent && site.child == *child);
    sites.find_map(|site| {
        let same = |counter: &&crate::counter::site::Counter| {
            bare(&counter.condition) == bare(&wish.condition) && bare(&counter.sum) == bare(&wish.sum)
        };
        site.counters.iter().find(same).map(|counter| counter.column.clone())
    })
}

fn refused(refusal: &Refusal, wish: &Wish, file: Option<&ConfigFile>) -> Error {
    let error = if refusal.is_about_rights() {
        Error::server(refusal.to_string())
    } else {
        Error::usage(refusal.to_string())
    };
    let error = match file {
        Some(file) if !refusal.is_about_rights() => {
            let word = match refusal {
                Refusal::NoTable { name, .. } => name,
                Refusal::NoColumn { column, .. } => column,
                _ => wish.column.as_ref().unwrap_or(&wish.counts),
            };
            located(file, word, &error)
        }
        _ => error,
    };
    match refusal.hint() {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Puts the place of a word in a file before an error.
fn located(file: &ConfigFile, word: &str, error: &Error) -> Error {
    let place = file.error_at(word, error.message().to_owned());
    let placed = error.causes().iter().fold(Error::new(error.status(), place.message()), Error::cause);
    error.hints().iter().fold(placed, |placed, hint| placed.hint(hint.clone()))
}

fn chained(error: &ChainError) -> Error {
    let hint = error.hint();
    let error = Error::usage(error.to_string());
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
