//! Copies a schema: what tables need first, then tables, then what stands on them.

use super::{OWNER, TEMPLATE, adopt, ddl};
use crate::catalog::{Catalog, Table, TableKind};
use crate::pg::catalog::{Locale, Surroundings};
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;

/// An object to create.
struct Creation {
    kind: String,
    name: String,
    ddl: String,
}

/// Creates the empty template, which orders texts as the target does where this machine can.
pub(super) async fn create_database(
    admin: &Connection,
    locale: &Locale,
    missing: &mut Vec<String>,
) -> Result<()> {
    let roles = format!("CREATE ROLE {OWNER} LOGIN; GRANT pg_read_all_data, pg_write_all_data TO {OWNER}");
    admin.batch_execute(&roles).await.map_err(Error::query("create the shadow's owner"))?;
    let mut refusal = None;
    for options in locale_options(locale) {
        let create = format!("CREATE DATABASE {TEMPLATE} OWNER {OWNER} TEMPLATE template0{options}");
        match admin.batch_execute(&create).await {
            Ok(()) => {
                missing.extend(refusal.map(|reason| format!("the database's collation: {reason}")));
                return Ok(());
            }
            Err(error) => match error.as_db_error() {
                Some(db) if !error.is_closed() => refusal = refusal.or(Some(db.message().to_owned())),
                _ => return Err(Error::query("create the shadow database")(error)),
            },
        }
    }
    let reason = refusal.unwrap_or_default();
    Err(Error::Answer { what: "CREATE DATABASE".to_owned(), reason })
}

/// Options of CREATE DATABASE: the target's own first, then what is nearest to them on any machine.
///
/// What matters to plans is whether texts are ordered by their bytes: only then does a plain btree find prefixes.
fn locale_options(locale: &Locale) -> Vec<String> {
    let quote = sql::quote_literal;
    let name = quote(locale.name.as_deref().unwrap_or_default());
    let provider = match locale.provider.as_str() {
        "i" => {
            let rules = locale.icu_rules.as_deref().map(|rules| format!(" ICU_RULES {}", quote(rules)));
            format!(" LOCALE_PROVIDER icu ICU_LOCALE {name}{}", rules.unwrap_or_default())
        }
        "b" => format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {name}"),
        _ => String::new(),
    };
    let own = format!(
        " ENCODING {} LC_COLLATE {} LC_CTYPE {}{provider}",
        quote(&locale.encoding),
        quote(&locale.collate),
        quote(&locale.ctype)
    );
    let by_bytes = match locale.provider.as_str() {
        "b" => true,
        "i" => false,
        _ => matches!(locale.collate.as_str(), "" | "C" | "POSIX"),
    };
    let mut options = if locale.encoding.is_empty() { Vec::new() } else { vec![own] };
    if !by_bytes {
        let others = ["C.UTF-8", "en_US.UTF-8"].map(quote);
        options.extend(others.map(|other| format!(" ENCODING 'UTF8' LC_COLLATE {other} LC_CTYPE {other}")));
    }
    options.push(String::new());
    options
}

/// Copies everything but statistics; an object that cannot be created here is noted, and statements that need it will
/// say so.
pub(super) async fn copy(
    superuser: &Connection,
    owner: &Connection,
    catalog: &Catalog,
    surroundings: &Surroundings,
    missing: &mut Vec<String>,
) -> Result<()> {
    let mut late = Vec::new();
    let (schemas, others): (Vec<Creation>, Vec<Creation>) =
        surroundings.objects.iter().map(Creation::of).partition(|it| it.kind == "schema");
    let (extensions, objects) = others.into_iter().partition(|it| it.kind == "extension");
    late.extend(create(owner, schemas).await?);
    // Not every extension is for everybody; its script comes from this machine.
    late.extend(create(superuser, extensions).await?);
    // Texts of the target name what its search path finds without a schema.
    let path = catalog.search_path.iter().map(|schema| sql::quote_identifier(schema)).collect::<Vec<_>>();
    let settings = [("search_path", path.join(", ")), ("check_function_bodies", "off".to_owned())];
    adopt(owner, &settings.map(|(name, value)| (name.to_owned(), value))).await?;
    for creations in [objects, tables(catalog), views(catalog), indexes(catalog), foreign_keys(catalog)] {
        late.extend(create(owner, creations).await?);
    }
    // What failed may have needed what came after it, as a function does that returns rows of a table.
    let mut n_late = usize::MAX;
    while late.len() < n_late {
        n_late = late.len();
        late = create(owner, late.into_iter().map(|(creation, _)| creation).collect()).await?;
    }
    note(late, missing);
    Ok(())
}

/// Lets the target's row security apply to what is planned here.
pub(super) async fn secure(
    owner: &Connection,
    surroundings: &Surroundings,
    missing: &mut Vec<String>,
) -> Result<()> {
    note(create(owner, surroundings.policies.iter().map(Creation::of).collect()).await?, missing);
    Ok(())
}

fn note(failed: Vec<(Creation, String)>, missing: &mut Vec<String>) {
    for (creation, reason) in failed {
        missing.push(format!("{} \"{}\": {reason}", creation.kind, creation.name));
    }
}

/// Creates objects and returns those that could not be, with the reasons.
async fn create(connection: &Connection, creations: Vec<Creation>) -> Result<Vec<(Creation, String)>> {
    let mut failed = Vec::new();
    for creation in creations {
        if let Err(error) = connection.batch_execute(&creation.ddl).await {
            match error.as_db_error() {
                Some(db) if !error.is_closed() => failed.push((creation, db.message().to_owned())),
                _ => {
                    let doing = format!("copy {} \"{}\" into the shadow", creation.kind, creation.name);
                    return Err(Error::query(doing)(error));
                }
            }
        }
    }
    Ok(failed)
}

fn tables(catalog: &Catalog) -> Vec<Creation> {
    let tables = ddl::parents_first(catalog).into_iter();
    tables.map(|table| Creation::new("table", &table.name, ddl::create_table(table, catalog))).collect()
}

fn views(catalog: &Catalog) -> Vec<Creation> {
    let views = catalog.tables.iter().filter(|table| table.kind == TableKind::View);
    views.filter_map(|view| Some(Creation::new("view", &view.name, ddl::create_view(view)?))).collect()
}

/// Constraints and indexes, those of partitions before those of their parents, which adopt them.
fn indexes(catalog: &Catalog) -> Vec<Creation> {
    let tables = ddl::parents_first(catalog).into_iter().rev();
    tables
        .flat_map(|table| {
            let indexes = table.indexes.iter().filter(|index| ddl::is_copied(index));
            constraints(table, |kind| kind != 'f').chain(
                indexes.map(|index| Creation::new("index", &index.name, ddl::create_index(table, index))),
            )
        })
        .collect()
}

fn foreign_keys(catalog: &Catalog) -> Vec<Creation> {
    catalog.tables.iter().flat_map(|table| constraints(table, |kind| kind == 'f')).collect()
}

fn constraints(table: &Table, is_wanted: fn(char) -> bool) -> impl Iterator<Item = Creation> {
    let constraints = table.constraints.iter().filter(move |constraint| is_wanted(constraint.kind));
    constraints.map(|it| Creation::new("constraint", &it.name, ddl::add_constraint(table, it)))
}

impl Creation {
    fn new(kind: &str, name: &str, ddl: String) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), ddl }
    }

    fn of(object: &crate::pg::catalog::Object) -> Self {
        Self::new(&object.kind, &object.name, object.ddl.clone())
    }
}
