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

use std::fmt::Write as _;
use std::str::FromStr;

use super::{Definition, DropAdvice};
use crate::query::quote;

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

/// Returns the files that build `creates`, then drop `drops`, and take both back; none when there is nothing to do.
pub(crate) fn files(
    framework: Framework,
    creates: &[&Definition],
    drops: &[DropAdvice],
    place: &Place,
) -> Vec<MigrationFile> {
    let steps: Vec<Step> = creates
        .iter()
        .map(|definition| Step::create(definition))
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

/// Returns the statement that drops an index without blocking anybody.
pub(crate) fn drop_concurrently(schema: &str, name: &str) -> String {
    format!("DROP INDEX CONCURRENTLY {}", quote::qualified(schema, name))
}

/// One change with its way back, as SQL without semicolons.
struct Step<'a> {
    change: Change<'a>,
    schema: &'a str,
    /// The index's name, not qualified.
    index: String,
    create: String,
    drop: String,
}

enum Change<'a> {
    Create(&'a Definition),
    Drop,
}

impl<'a> Step<'a> {
    fn create(definition: &'a Definition) -> Self {
        let index = definition.name();
        Self {
            change: Change::Create(definition),
            schema: &definition.schema,
            create: definition.ddl_concurrently(),
            drop: drop_concurrently(&definition.schema, &index),
            index,
        }
    }

    fn drop(advice: &'a DropAdvice) -> Self {
        Self {
            change: Change::Drop,
            schema: &advice.schema,
            index: advice.name.clone(),
            create: concurrently(&advice.undo_ddl),
            drop: drop_concurrently(&advice.schema, &advice.name),
        }
    }

    /// The one statement of the change.
    fn up(&self) -> &str {
        match self.change {
            Change::Create(_) => &self.create,
            Change::Drop => &self.drop,
        }
    }

    /// The one statement that takes it back.
    fn down(&self) -> &str {
        match self.change {
            Change::Create(_) => &self.drop,
            Change::Drop => &self.create,
        }
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
        vec![self.drop_if_exists(), self.create.clone()]
    }

    fn drop_if_exists(&self) -> String {
        format!("DROP INDEX CONCURRENTLY IF EXISTS {}", quote::qualified(self.schema, &self.index))
    }

    /// What a file of this change alone is called, in lower case ASCII.
    fn slug(&self) -> String {
        let verb = match self.change {
            Change::Create(_) => "create",
            Change::Drop => "drop",
        };
        let index = self.index.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        format!("{verb}_{}", index.to_ascii_lowercase())
    }
}

/// Returns `CREATE INDEX` as it is run while others write.
fn concurrently(ddl: &str) -> String {
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
