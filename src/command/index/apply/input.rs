//! What `apply` is to do: from the advisor, from what suggest or audit have saved, or from a script of index statements.

use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::index::change::plan::{Goal, Wanted};
use crate::index::change::{Change, IndexName};
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
    /// An index of which the table is not known.
    Drop(RelationName),
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
    resolve(wishes, connection).await
}

pub(super) async fn of_advice(advice: &Advice, connection: &Connection) -> Result<Input> {
    let creates = advice.suggestions.iter().map(|it| create(&it.definition, it.size_bytes, &it.replaces));
    let drops = advice.drops.iter().map(|it| drop_wish(&it.schema, &it.name));
    resolve(creates.chain(drops).collect(), connection).await
}

impl Input {
    /// Leaves out all that drops.
    pub(super) fn without_drops(mut self) -> Self {
        self.goals.retain(|goal| !matches!(goal, Goal::Drop(_)));
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

fn create(definition: &Definition, size_bytes: u64, replaces: &[String]) -> Wish {
    let name = |name: &String| IndexName {
        schema: definition.schema.clone(),
        table: definition.table.clone(),
        name: name.clone(),
    };
    let replaces = replaces.iter().map(name).collect();
    Wish::Change(Change::Create { definition: definition.clone(), size_bytes, replaces })
}

fn drop_wish(schema: &str, name: &str) -> Wish {
    Wish::Drop(RelationName { schema: Some(schema.to_owned()), name: name.to_owned() })
}

fn read(text: &str) -> Result<Vec<Wish>, String> {
    if !text.trim_start().starts_with('{') {
        let statements = index_script(text).map_err(|error| error.to_string())?;
        let wishes = statements.into_iter().flat_map(|(line, statement)| match statement {
            IndexStatement::Create(ddl) => vec![Wish::Create(line, ddl)],
            IndexStatement::Drop(names) => names.into_iter().map(Wish::Drop).collect(),
            IndexStatement::Reindex(name) => vec![Wish::Reindex(name)],
        });
        return Ok(wishes.collect());
    }
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if json.get("findings").is_some() {
        let audited: Audited = serde_json::from_value(json).map_err(|error| error.to_string())?;
        return Ok(audited.findings.into_iter().filter_map(|it| it.change).map(Wish::Change).collect());
    }
    let saved: Saved = serde_json::from_value(json).map_err(|error| error.to_string())?;
    if saved.suggestions.iter().any(|it| it.definition.keys.is_empty()) {
        return Err("there is an index without columns".to_owned());
    }
    let creates = saved.suggestions.iter().map(|it| create(&it.definition, it.size_bytes, &it.replaces));
    let drops = saved.drops.iter().map(|it| drop_wish(&it.schema, &it.name));
    Ok(creates.chain(drops).collect())
}

/// Finds the tables and indexes that are named.
async fn resolve(wishes: Vec<Wish>, connection: &Connection) -> Result<Input> {
    let names: Vec<RelationName> = wishes
        .iter()
        .map(|wish| match wish {
            Wish::Change(change) => named(change),
            Wish::Create(_, ddl) => ddl.table.clone(),
            Wish::Drop(name) | Wish::Reindex(name) => name.clone(),
        })
        .collect();
    let found = ddl::resolve(connection, &names).await?;
    let mut input = Input::default();
    for ((wish, name), found) in wishes.into_iter().zip(names).zip(found) {
        match (wish, found) {
            (Wish::Drop(_), Some(index)) => {
                input.goals.push(Goal::Drop(index.clone()));
                input.changes.push(Change::Drop { index, size_bytes: 0 });
            }
            (Wish::Drop(_), None) => input.absent.push(name.name),
            (Wish::Reindex(_), Some(index)) => {
                input.goals.push(Goal::Reindex { index: index.clone(), size_bytes: None });
                input.changes.push(Change::Reindex { index, size_bytes: 0 });
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
            (Wish::Change(change), _) => {
                let goal = Goal::of(&change).ok_or_else(|| {
                    Error::usage(format!("the index on \"{}\" cannot be built", name.name)).hint(HINT)
                })?;
                input.goals.push(goal);
                input.changes.push(change);
            }
        }
    }
    Ok(input)
}

impl Input {
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
        Change::Drop { index, .. } | Change::Reindex { index, .. } => (&index.schema, &index.name),
    };
    RelationName { schema: Some(schema.clone()), name: name.clone() }
}
