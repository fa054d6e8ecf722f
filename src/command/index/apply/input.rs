//! What `apply` is to do: from the advisor, from what suggest or audit have saved, or from a script of index statements.

use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::index::change::plan::{Goal, Wanted, settle_scans};
use crate::index::change::{Change, IndexName, Seen};
use crate::index::{Advice, Definition};
use crate::pg::{Connection, ddl};
use crate::query::index_ddl::{IndexDdl, IndexStatement, RelationName, index_script};

const HINT: &str = "Make one with `perfkit index suggest -o FILE.json` or `perfkit index audit -o FILE.json`, or write CREATE, \
                    DROP and REINDEX INDEX statements into a FILE.sql.";

/// What a run is to do.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) goals: Vec<Goal>,
    /// The same for the journal, as far as a [`Change`] can say it.
    pub(super) changes: Vec<Change>,
    /// What the input names and the database does not have.
    pub(super) absent: Vec<String>,
}

/// A change before its names are looked up.
enum Wish {
    Change(Change),
    /// Its table is looked up.
    Drop(SavedDrop),
    /// An index of which the table is not known.
    DropNamed(RelationName),
    Create(usize, IndexDdl),
    Reindex(RelationName),
}

/// The part of `perfkit index suggest --json` that says what to do.
#[derive(Deserialize)]
struct Saved {
    suggestions: Vec<SavedSuggestion>,
    #[serde(default)]
    drops: Vec<SavedDrop>,
}

#[derive(Deserialize)]
struct SavedSuggestion {
    #[serde(flatten)]
    definition: Definition,
    size_bytes: u64,
    #[serde(default)]
    replaces: Vec<String>,
}

#[derive(Deserialize)]
struct SavedDrop {
    schema: String,
    name: String,
    /// Unknown where an older perfkit has written the file, or a person.
    #[serde(default)]
    definition: Option<String>,
    #[serde(default)]
    n_scans: Option<u64>,
    #[serde(default)]
    covered_by: Vec<Seen>,
    #[serde(default)]
    size_bytes: u64,
}

/// The part of `perfkit index audit --json` that says what to do.
#[derive(Deserialize)]
struct Audited {
    findings: Vec<SavedFinding>,
}

#[derive(Deserialize)]
struct SavedFinding {
    #[serde(default)]
    change: Option<Change>,
}

/// Reads the file, or standard input for `-`.
pub(super) async fn of_file(path: &Path, connection: &Connection) -> Result<Input> {
    let failed = |error| Error::usage(format!("could not read {:?}", path.display())).cause(error).hint(HINT);
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        text
    } else {
        std::fs::read_to_string(path).map_err(failed)?
    };
    let wishes = read(&text).map_err(|reason| {
        Error::usage(format!("{:?} holds no changes of indexes", path.display())).cause(reason).hint(HINT)
    })?;
    let mut input = resolve(wishes, connection).await?;
    let state = ddl::read_state(connection, &input.goals).await?;
    settle_scans(&mut input.goals, &state);
    Ok(input)
}

/// Reads statements from the command line.
pub(super) async fn of_statements(sql: &str, connection: &Connection) -> Result<Input> {
    let wishes = read(sql).map_err(|reason| {
        Error::usage(format!("{sql:?} creates no index"))
            .cause(reason)
            .hint("Write it as CREATE INDEX … ON … (…).")
    })?;
    resolve(wishes, connection).await
}

pub(super) async fn of_advice(advice: &Advice, connection: &Connection) -> Result<Input> {
    let suggestions = advice.suggestions.iter().map(|it| SavedSuggestion {
        definition: it.definition.clone(),
        size_bytes: it.size_bytes,
        replaces: it.replaces.clone(),
    });
    let drops = advice.drops.iter().map(|it| {
        let covers = it.covered_by.iter().cloned().collect();
        // What has scanned it since then is perfkit itself.
        let seen = Seen { n_scans: None, ..it.seen.clone() };
        saved_drop(seen, it.size_bytes, covers)
    });
    resolve(Saved { suggestions: suggestions.collect(), drops: drops.collect() }.wishes(), connection).await
}

impl Input {
    /// Leaves out all that drops.
    pub(super) fn without_drops(mut self) -> Self {
        self.goals.retain(|goal| !matches!(goal, Goal::Drop { .. }));
        self.changes.retain(|change| !matches!(change, Change::Drop { .. }));
        for goal in &mut self.goals {
            if let Goal::Create(wanted) = goal {
                wanted.replaces.clear();
            }
        }
        for change in &mut self.changes {
            if let Change::Create { replaces, .. } = change {
                replaces.clear();
            }
        }
        self
    }
}

impl Saved {
    fn wishes(self) -> Vec<Wish> {
        let Self { suggestions, drops } = self;
        // What a suggestion replaces is among the drops, with its definition.
        let seen = |definition: &Definition, name: String| {
            let IndexName { schema, table, .. } = IndexName::to_be(definition);
            let known = drops.iter().find(|drop| (&drop.schema, &drop.name) == (&schema, &name));
            let definition = known.and_then(|drop| drop.definition.clone());
            Seen { index: IndexName { schema, table, name }, definition, n_scans: None }
        };
        let create = |SavedSuggestion { definition, size_bytes, replaces }| {
            let replaces = replaces.into_iter().map(|name| seen(&definition, name)).collect();
            Wish::Change(Change::Create { definition, size_bytes, replaces })
        };
        let creates: Vec<Wish> = suggestions.into_iter().map(create).collect();
        creates.into_iter().chain(drops.into_iter().map(Wish::Drop)).collect()
    }
}

fn saved_drop(seen: Seen, size_bytes: u64, covered_by: Vec<Seen>) -> SavedDrop {
    let Seen { index: IndexName { schema, name, .. }, definition, n_scans } = seen;
    SavedDrop { schema, name, definition, n_scans, covered_by, size_bytes }
}

/// The table of an index that is to go is looked up, as it may have been renamed.
fn wish(change: Change) -> Wish {
    match change {
        Change::Drop { index, size_bytes, covered_by } => {
            Wish::Drop(saved_drop(index, size_bytes, covered_by))
        }
        Change::Create { .. } | Change::Reindex { .. } => Wish::Change(change),
    }
}

fn read(text: &str) -> Result<Vec<Wish>, String> {
    if !text.trim_start().starts_with('{') {
        let statements = index_script(text).map_err(|error| error.to_string())?;
        let wishes = statements.into_iter().flat_map(|(line, statement)| match statement {
            IndexStatement::Create(ddl) => vec![Wish::Create(line, ddl)],
            IndexStatement::Drop(names) => names.into_iter().map(Wish::DropNamed).collect(),
            IndexStatement::Reindex(name) => vec![Wish::Reindex(name)],
        });
        return Ok(wishes.collect());
    }
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if json.get("findings").is_some() {
        let audited: Audited = serde_json::from_value(json).map_err(|error| error.to_string())?;
        return Ok(audited.findings.into_iter().filter_map(|it| it.change).map(wish).collect());
    }
    let saved: Saved = serde_json::from_value(json).map_err(|error| error.to_string())?;
    if saved.suggestions.iter().any(|it| it.definition.keys.is_empty()) {
        return Err("there is an index without columns".to_owned());
    }
    Ok(saved.wishes())
}

/// Finds the tables and indexes that are named.
async fn resolve(wishes: Vec<Wish>, connection: &Connection) -> Result<Input> {
    let names: Vec<RelationName> = wishes
        .iter()
        .map(|wish| match wish {
            Wish::Change(change) => named(change),
            Wish::Create(_, ddl) => ddl.table.clone(),
            Wish::Drop(drop) => RelationName { schema: Some(drop.schema.clone()), name: drop.name.clone() },
            Wish::DropNamed(name) | Wish::Reindex(name) => name.clone(),
        })
        .collect();
    let found = ddl::resolve(connection, &names).await?;
    let mut input = Input::default();
    for ((wish, name), found) in wishes.into_iter().zip(names).zip(found) {
        match (wish, found) {
            (Wish::Drop(drop), Some(index)) => {
                let SavedDrop { definition, n_scans, covered_by, size_bytes, .. } = drop;
                let index = Seen { index, definition, n_scans };
                input.push(Change::Drop { index, size_bytes, covered_by })?;
            }
            (Wish::DropNamed(_), Some(index)) => {
                let index = Seen { index, definition: None, n_scans: None };
                input.push(Change::Drop { index, size_bytes: 0, covered_by: Vec::new() })?;
            }
            (Wish::Drop(_) | Wish::DropNamed(_), None) => input.absent.push(name.name),
            (Wish::Reindex(_), Some(index)) => {
                input.push(Change::Reindex {
                    index: Seen { index, definition: None, n_scans: None },
                    size_bytes: 0,
                })?;
            }
            (Wish::Reindex(_), None) => {
                return Err(Error::usage(format!("index \"{}\" does not exist", name.name))
                    .hint("Check the name and the search_path, and that this is the right database."));
            }
            (Wish::Create(line, ddl), Some(table)) => input.add(line, &table, ddl)?,
            (Wish::Create(..), None) => {
                return Err(Error::usage(format!("table \"{}\" does not exist", name.name))
                    .hint("Check the name and the search_path, and that this is the right database."));
            }
            (Wish::Change(change), _) => input.push(change)?,
        }
    }
    Ok(input)
}

impl Input {
    fn push(&mut self, change: Change) -> Result<()> {
        let goal = Goal::of(&change).ok_or_else(|| {
            let table = named(&change).name;
            Error::usage(format!("the index on \"{table}\" cannot be built")).hint(HINT)
        })?;
        self.goals.push(goal);
        self.changes.push(change);
        Ok(())
    }

    fn add(&mut self, line: usize, table: &IndexName, ddl: IndexDdl) -> Result<()> {
        let mut definition = Definition::of_ddl(&table.schema, &ddl);
        if let Some(definition) = &mut definition {
            definition.table.clone_from(&table.name);
        }
        let name = ddl.name.clone().or_else(|| definition.as_ref().map(Definition::name));
        let Some(name) = name else {
            return Err(Error::usage(format!("line {line}: the index has no name"))
                .hint("Name it in its CREATE INDEX, so that it is found again."));
        };
        let index = IndexName { name, ..table.clone() };
        self.goals.push(Goal::Create(Box::new(Wanted {
            index,
            ddl,
            size_bytes: None,
            replaces: Vec::new(),
        })));
        self.changes.extend(definition.map(|definition| Change::Create {
            definition,
            size_bytes: 0,
            replaces: Vec::new(),
        }));
        Ok(())
    }
}

fn named(change: &Change) -> RelationName {
    let (schema, name) = match change {
        Change::Create { definition, .. } => (&definition.schema, &definition.table),
        Change::Drop { index, .. } | Change::Reindex { index, .. } => {
            (&index.index.schema, &index.index.name)
        }
    };
    RelationName { schema: Some(schema.clone()), name: name.clone() }
}
