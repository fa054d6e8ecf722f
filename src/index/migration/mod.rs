//! Migration files: the suggested changes as the frameworks want them that run migrations.
//!
//! No framework may run them in a transaction, since `CREATE INDEX CONCURRENTLY` refuses that (manual, "CREATE INDEX"), and
//! a simple query with several statements is one as well (manual, "Multiple Statements in a Simple Query"): tools that send a
//! whole file at once get a file for each change.

mod django;
mod flyway;
mod golang_migrate;
mod numbering;
mod plain;
mod rails;
mod sqlx;
mod transactions;

use std::fmt::Write as _;
use std::str::FromStr;

use super::change::script::analysis;
use super::{Definition, DropAdvice};
use crate::query::index_ddl::index_ddl;
use crate::query::quote;

pub(crate) use transactions::{Change as TransactionChange, transactions};

/// Who runs the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framework {
    Rails,
    Django,
    Flyway,
    Sqlx,
    GolangMigrate,
    /// `up.sql` and `down.sql`, for everybody else.
    Plain,
}

/// The folder that the files are for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Now, in UTC, as `YYYYMMDDHHMMSS`.
    pub(crate) timestamp: u64,
    /// The names of the files that are in the folder, in any order.
    pub(crate) existing: &'a [String],
    /// The label of Django's app; the others have none.
    pub(crate) app: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MigrationFile {
    /// The name in the folder.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What the files are called where a name says nothing about one change.
const NAME: &str = "perfkit_indexes";
/// Why the files look as they do.
const NO_TRANSACTION: &str = "CREATE INDEX CONCURRENTLY cannot run in a transaction.";
const AFTER_INTERRUPTION: &str =
    "A build that is interrupted leaves an INVALID index, which goes away first.";

impl Framework {
    pub(crate) const ALL: [Self; 6] =
        [Self::Rails, Self::Django, Self::Flyway, Self::Sqlx, Self::GolangMigrate, Self::Plain];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rails => "rails",
            Self::Django => "django",
            Self::Flyway => "flyway",
            Self::Sqlx => "sqlx",
            Self::GolangMigrate => "golang-migrate",
            Self::Plain => "plain",
        }
    }

    /// Returns the folder of the migrations below that of the project; `None` where each app has its own.
    pub(crate) fn folder(self) -> Option<&'static str> {
        match self {
            Self::Rails => Some("db/migrate"),
            Self::Django => None,
            Self::Flyway => Some("src/main/resources/db/migration"),
            Self::Sqlx | Self::GolangMigrate => Some("migrations"),
            Self::Plain => Some("."),
        }
    }
}

impl FromStr for Framework {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|framework| framework.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("unknown framework {name:?}; known are {}", names.join(", "))
        })
    }
}

/// Returns the files that build `creates`, each by its statements, then drop `drops`, and take both back; none when there is
/// nothing to do.
pub(crate) fn files(
    framework: Framework,
    creates: &[(&Definition, &[String])],
    drops: &[DropAdvice],
    place: &Place,
) -> Vec<MigrationFile> {
    let steps: Vec<Step> = creates
        .iter()
        .map(|(definition, ddl)| Step::create(definition, ddl))
        .chain(drops.iter().map(Step::drop))
        .collect();
    if steps.is_empty() {
        return Vec::new();
    }
    match framework {
        Framework::Rails => rails::files(&steps, place),
        Framework::Django => django::files(&steps, place),
        Framework::Flyway => flyway::files(&steps, place),
        Framework::Sqlx => sqlx::files(&steps, place),
        Framework::GolangMigrate => golang_migrate::files(&steps, place),
        Framework::Plain => plain::files(&steps),
    }
}

/// Returns the statement that drops an index, without blocking anybody where it is not that of a partitioned table.
pub(crate) fn drop_index(schema: &str, name: &str, is_partitioned: bool) -> String {
    let how = if is_partitioned { "" } else { "CONCURRENTLY " };
    format!("DROP INDEX {how}{}", quote::qualified(schema, name))
}

/// One change with its way back, as SQL without semicolons.
struct Step<'a> {
    change: Change<'a>,
    schema: &'a str,
    /// The index's name, not qualified.
    index: String,
    /// The statements that build it, and what else makes it what it is to be.
    create: Vec<String>,
    drop: String,
}

/// One statement with what takes it back, and a name for both.
struct Piece {
    slug: String,
    up: String,
    down: String,
}

/// What takes back a statement that goes with another one.
const NOTHING: &str = "SELECT 1";

enum Change<'a> {
    Create(&'a Definition),
    Drop,
}

impl<'a> Step<'a> {
    fn create(definition: &'a Definition, ddl: &[String]) -> Self {
        // The last CREATE INDEX is that of the whole table.
        let whole = ddl.iter().rev().find_map(|sql| index_ddl(sql)?.name);
        let index = whole.unwrap_or_else(|| definition.name());
        let drop = drop_index(&definition.schema, &index, is_of_partitions(ddl));
        let change = Change::Create(definition);
        let create = ddl.iter().cloned().chain(analysis(definition)).collect();
        Self { change, schema: &definition.schema, create, drop, index }
    }

    fn drop(advice: &'a DropAdvice) -> Self {
        Self {
            change: Change::Drop,
            schema: &advice.seen.index.schema,
            index: advice.seen.index.name.clone(),
            create: advice.undo_ddl.clone(),
            drop: advice.ddl(),
        }
    }

    /// The change in single statements.
    fn pieces(&self) -> Vec<Piece> {
        let drop = self.drop.clone();
        let of_partitions = is_of_partitions(&self.create);
        let piece = |sql: &String| match (drop_created(sql), verb(sql)) {
            (Some((name, drop)), verb) if of_partitions => (slug(&verb, &name), drop),
            (Some(_), verb) => (slug(&verb, &self.index), drop.clone()),
            (None, verb) => (slug(&verb, &self.index), NOTHING.to_owned()),
        };
        if self.change.is_create() {
            let piece = |sql| {
                let (slug, down) = piece(sql);
                Piece { slug, up: sql.clone(), down }
            };
            return self.create.iter().map(piece).collect();
        }
        // The way back begins with the last one, which also is the one that drops: half of the files have done nothing.
        let rest = self.create.iter().skip(1).rev().map(|sql| Piece {
            slug: slug(&format!("drop_{}", verb(sql)), &self.index),
            up: NOTHING.to_owned(),
            down: sql.clone(),
        });
        let first = self.create.first().cloned().unwrap_or_else(|| NOTHING.to_owned());
        rest.chain([Piece { slug: self.slug(), up: drop.clone(), down: first }]).collect()
    }

    /// The statements of the change, such that it can be run again after an interruption.
    fn up_again(&self) -> Vec<String> {
        match self.change {
            Change::Create(_) => self.create_again(),
            Change::Drop => vec![self.drop_if_exists()],
        }
    }

    /// The statements that take it back, such that they can be run again.
    fn down_again(&self) -> Vec<String> {
        match self.change {
            Change::Create(_) => vec![self.drop_if_exists()],
            Change::Drop => self.create_again(),
        }
    }

    fn create_again(&self) -> Vec<String> {
        // What is attached goes with the whole, and only so.
        let whole = self.drop_if_exists();
        if !is_of_partitions(&self.create) {
            return [vec![whole], self.create.clone()].concat();
        }
        let parts = self.create.iter().flat_map(|sql| {
            drop_created(sql)
                .map(|(_, drop)| drop)
                .filter(|drop| *drop != whole)
                .into_iter()
                .chain([sql.clone()])
        });
        std::iter::once(whole.clone()).chain(parts).collect()
    }

    fn drop_if_exists(&self) -> String {
        let name = quote::qualified(self.schema, &self.index);
        let how = if self.drop.contains(" CONCURRENTLY ") { "CONCURRENTLY " } else { "" };
        format!("DROP INDEX {how}IF EXISTS {name}")
    }

    /// What a file of this change alone is called.
    fn slug(&self) -> String {
        slug(if self.change.is_create() { "create" } else { "drop" }, &self.index)
    }
}

impl Change<'_> {
    fn is_create(&self) -> bool {
        matches!(self, Self::Create(_))
    }
}

/// Whether these statements build the index of a partitioned table, part by part.
fn is_of_partitions(create: &[String]) -> bool {
    create.iter().filter(|sql| index_ddl(sql).is_some()).count() > 1
}

/// Returns what a statement does, in a word.
fn verb(sql: &str) -> String {
    let first = sql.split(' ').next().unwrap_or_default();
    let is_attachment = first == "ALTER" && sql.contains(" ATTACH PARTITION ");
    if is_attachment { "attach".to_owned() } else { first.to_ascii_lowercase() }
}

/// Returns a part of a file's name, in lower case ASCII.
fn slug(verb: &str, index: &str) -> String {
    let index = index.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("{verb}_{}", index.to_ascii_lowercase())
}

/// Returns the index that a CREATE INDEX makes, and the statement that drops it if it is there.
fn drop_created(sql: &str) -> Option<(String, String)> {
    let ddl = index_ddl(sql)?;
    let (schema, name) = (ddl.table.schema?, ddl.name?);
    let is_concurrent = ["CREATE INDEX CONCURRENTLY ", "CREATE UNIQUE INDEX CONCURRENTLY "];
    let how = if is_concurrent.iter().any(|head| sql.starts_with(head)) { "CONCURRENTLY " } else { "" };
    let drop = format!("DROP INDEX {how}IF EXISTS {}", quote::qualified(&schema, &name));
    Some((name, drop))
}

/// Returns `CREATE INDEX` as it is run while others write.
pub(crate) fn build_concurrently(ddl: &str) -> String {
    const INDEX: &str = " INDEX ";
    let ddl = ddl.trim_end().trim_end_matches(';');
    match ddl.split_once(INDEX) {
        Some((create, rest)) if !rest.starts_with("CONCURRENTLY ") => {
            format!("{create}{INDEX}CONCURRENTLY {rest}")
        }
        _ => ddl.to_owned(),
    }
}

/// Returns the statements as a script, all in the order in which they run.
fn script(header: &str, statements: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = header.to_owned();
    for group in statements {
        text.push('\n');
        for statement in group {
            text.push_str(&statement);
            text.push_str(";\n");
        }
    }
    text
}

/// Returns text as a string literal of Python, and but for `#` of Ruby.
fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
