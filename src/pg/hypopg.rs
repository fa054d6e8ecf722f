//! HypoPG: prices candidates on the target itself, by the extension's hypothetical indexes.
//!
//! They live in the memory of one session alone: nothing is written, so read-only sessions and standbys will do. The
//! extension sizes them by its own estimate, without deduplication, which cannot be replaced by a better one.
//!
//! **Invariant:** a partial hypothetical index is only visible to a statement that reads the index's table directly and
//! nothing else. For its selectivity HypoPG makes up a query of one relation, but leaves the relation the number that it
//! has in the real one (`hypo_estimate_index` in `hypopg_index.c`). Behind a view or in a join that number is above 1,
//! beyond the end of the made-up query's array: the server process crashes and takes all others with it (HypoPG#116,
//! there met with a view).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use tokio_postgres::Statement;

use super::catalog::get;
use super::connect::{Access, Connection, Target};
use super::error::{Error, Result};
use super::explain;
use super::interrupt::Interrupt;
use super::pool::{self, Pool};
use super::shadow::Question;
use super::sql;
use crate::index::{Answer, Definition, Size};
use crate::query;

/// Sessions that plan at once. The target has its own work to do.
const SESSIONS: usize = 2;
/// The most columns of an index (`INDEX_MAX_KEYS`). HypoPG before 1.4.4 writes past its arrays when included columns
/// make it more.
const MAX_COLUMNS: usize = 32;
/// From this major on a report, never settled, has INCLUDE end the server process (HypoPG#114) …
const INCLUDE_IN_DOUBT_MAJOR: u32 = 17;
/// … of versions before this one, which has the latest fixes of crashes.
const INCLUDE_TRUSTED_VERSION: [u32; 3] = [1, 4, 5];

const NOT_CREATED: &str =
    "Have a superuser run CREATE EXTENSION hypopg, or use `--what-if shadow`, which needs no extension.";
const NOT_INSTALLED: &str = "Install HypoPG on the server (Debian: postgresql-N-hypopg) and run CREATE EXTENSION hypopg, or use \
                             `--what-if shadow`, which needs no extension.";

/// Sessions on the target with hypothetical indexes. Dropping it ends them, and with them their indexes.
pub(crate) struct Hypopg {
    sessions: Vec<Session>,
    members: Members,
    /// For each statement that was asked about, the schema and name of the table that it reads, where that is all.
    only_tables: BTreeMap<String, Option<(String, String)>>,
    /// What the extension cannot do here, with the reason.
    pub(crate) missing: Vec<String>,
    /// How often the planner was asked.
    pub(crate) n_calls: u64,
}

/// The indexes that questions are about.
struct Members {
    /// Candidates in the order they were given; `None` for those that HypoPG refuses.
    candidates: Vec<Option<Candidate>>,
    /// Oids and names of existing indexes, numbered after the candidates.
    existing: Vec<Option<(u32, String)>>,
    /// The schema of the extension's functions, quoted.
    schema: String,
    /// Whether existing indexes can be hidden.
    can_hide: bool,
}

struct Candidate {
    ddl: String,
    /// Schema and name of its table, of a partial one.
    partial_on: Option<(String, String)>,
}

struct Session {
    client: pool::Session,
    /// The hypothetical indexes that are there, by candidate: oid and name.
    present: BTreeMap<usize, (u32, String)>,
    hidden: BTreeSet<u32>,
    prepared: BTreeMap<String, Statement>,
}

impl Hypopg {
    /// Opens sessions on the server of a connection and tries each candidate once.
    pub(crate) async fn start(
        (target, connection): (&Target, &Connection),
        interrupt: &Interrupt,
        candidates: &[(Definition, Size)],
        existing: &[(String, String)],
    ) -> Result<Self> {
        let pool = Pool::new(target, connection, SESSIONS, Access::ReadOnly)?;
        let first = Session::open(&pool, interrupt).await?;
        let row = first.client.query_one(sql::HYPOPG, &[]).await.map_err(doing("look for HypoPG"))?;
        let Some(schema) = get::<Option<String>>(&row, "schema")? else {
            let hint = if get(&row, "is_available")? { NOT_CREATED } else { NOT_INSTALLED };
            return Err(Error::NoExtension { name: "hypopg", hint });
        };
        let version = version(&get::<String>(&row, "version")?);
        let mut hypopg = Self {
            sessions: vec![first],
            members: Members {
                candidates: Vec::new(),
                existing: Vec::new(),
                schema: sql::quote_identifier(&schema),
                can_hide: get(&row, "can_hide")?,
            },
            only_tables: BTreeMap::new(),
            missing: Vec::new(),
            n_calls: 0,
        };
        for (definition, _) in candidates {
            let candidate = hypopg.try_candidate(definition, (connection.major(), version)).await?;
            hypopg.members.candidates.push(candidate);
        }
        hypopg.find_existing(existing).await?;
        while hypopg.sessions.len() < SESSIONS {
            hypopg.sessions.push(Session::open(&pool, interrupt).await?);
        }
        Ok(hypopg)
    }

    /// Whether HypoPG takes a candidate at all.
    pub(crate) fn has_candidate(&self, candidate: usize) -> bool {
        self.members.candidates[candidate].is_some()
    }

    /// Whether existing indexes can be left out of `visible`; HypoPG before 1.4.0 shows them all the time.
    pub(crate) fn can_hide_existing(&self) -> bool {
        self.members.can_hide
    }

    /// Returns what the planner says to each question, in their order.
    pub(crate) async fn answers(&mut self, questions: &[Question<'_>]) -> Result<Vec<Answer>> {
        let mut shown = Vec::with_capacity(questions.len());
        for question in questions {
            shown.push(self.shown(question).await?);
        }
        let each = questions.len().div_ceil(self.sessions.len()).max(1);
        let members = &self.members;
        let jobs = self
            .sessions
            .iter_mut()
            .zip(questions.chunks(each).zip(shown.chunks(each)))
            .map(|(session, (questions, shown))| session.answers(members, questions, shown));
        let answers: Vec<Vec<Answer>> = try_join_all(jobs).await?;
        self.n_calls += questions.len() as u64;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Returns the members that a question may see, without the partial candidates that could crash the server.
    async fn shown(&mut self, question: &Question<'_>) -> Result<BTreeSet<usize>> {
        let is_partial = |member: &usize| {
            self.members.candidates.get(*member).is_some_and(|candidate| {
                candidate.as_ref().is_some_and(|candidate| candidate.partial_on.is_some())
            })
        };
        if !question.visible.iter().any(is_partial) {
            return Ok(question.visible.clone());
        }
        let table = self.only_table(question.statement).await?;
        if table.is_none() {
            self.note("partial indexes for statements that read more than one plain table: they can crash the server (HypoPG#116)");
        }
        let is_shown = |member: &usize| match self.members.candidates.get(*member) {
            Some(Some(Candidate { partial_on: Some(partial_on), .. })) => Some(partial_on) == table.as_ref(),
            _ => true,
        };
        Ok(question.visible.iter().copied().filter(is_shown).collect())
    }

    /// Returns the table that is all that a statement reads.
    async fn only_table(&mut self, statement: &str) -> Result<Option<(String, String)>> {
        if let Some(known) = self.only_tables.get(statement) {
            return Ok(known.clone());
        }
        let name = query::parse(statement).ok().and_then(|parsed| parsed.only_table());
        let table = match name {
            None => None,
            Some(name) => {
                let quoted = match &name.schema {
                    Some(schema) => sql::quote_qualified(schema, &name.name),
                    None => sql::quote_identifier(&name.name),
                };
                let row = self.sessions[0].client.query_opt(sql::PLAIN_TABLE, &[&quoted]).await;
                let row = row.map_err(doing("look up the statement's table"))?;
                row.map(|row| Ok((get(&row, "schema")?, get(&row, "name")?))).transpose()?
            }
        };
        self.only_tables.insert(statement.to_owned(), table.clone());
        Ok(table)
    }

    async fn try_candidate(
        &mut self,
        definition: &Definition,
        (major, version): (u32, [u32; 3]),
    ) -> Result<Option<Candidate>> {
        let session = &mut self.sessions[0];
        let refused = if definition.keys.len() + definition.include.len() > MAX_COLUMNS {
            Some(format!("has more than {MAX_COLUMNS} columns"))
        } else if !definition.include.is_empty()
            && major >= INCLUDE_IN_DOUBT_MAJOR
            && version < INCLUDE_TRUSTED_VERSION
        {
            Some("INCLUDE is said to crash servers with this version of HypoPG (HypoPG#114)".to_owned())
        } else {
            None
        };
        let candidate = Candidate {
            ddl: definition.ddl(),
            partial_on: definition
                .predicate
                .as_ref()
                .map(|_| (definition.schema.clone(), definition.table.clone())),
        };
        let refused = match refused {
            Some(reason) => Some(reason),
            None => match session.create(&self.members.schema, &[(0, candidate.ddl.clone())]).await {
                Ok(()) => None,
                Err(error) => {
                    Some(error.as_db_error().map(|db| db.message().to_owned()).ok_or_else(|| {
                        doing(format!("create the hypothetical index {}", definition.describe()))(error)
                    })?)
                }
            },
        };
        session.reset(&self.members.schema).await?;
        Ok(match refused {
            None => Some(candidate),
            Some(reason) => {
                self.missing.push(format!("candidate {}: {reason}", definition.describe()));
                None
            }
        })
    }

    async fn find_existing(&mut self, existing: &[(String, String)]) -> Result<()> {
        for (schema, name) in existing {
            let row = self.sessions[0].client.query_opt(sql::RELATION_OID, &[schema, name]).await;
            let row = row.map_err(doing(format!("look up index \"{name}\"")))?;
            let oid: Option<u32> = row.map(|row| get(&row, "oid")).transpose()?;
            self.members.existing.push(oid.map(|oid| (oid, name.clone())));
        }
        if !existing.is_empty() && !self.members.can_hide {
            self.note("what costs without an existing index: HypoPG hides them from 1.4.0 on");
        }
        Ok(())
    }

    fn note(&mut self, missing: &str) {
        if !self.missing.iter().any(|known| known == missing) {
            self.missing.push(missing.to_owned());
        }
    }
}

impl Session {
    async fn open(pool: &Pool, interrupt: &Interrupt) -> Result<Self> {
        let client = pool.get(interrupt).await?;
        // EXPLAIN compiles expressions of costly plans; costs are the same without. HypoPG may be off for this role.
        for (name, value) in [("jit", "off"), ("hypopg.enabled", "on")] {
            client.query(sql::SET_CONFIG, &[&name, &value]).await.map_err(doing(format!("set {name}")))?;
        }
        Ok(Self { client, present: BTreeMap::new(), hidden: BTreeSet::new(), prepared: BTreeMap::new() })
    }

    async fn answers(
        &mut self,
        members: &Members,
        questions: &[Question<'_>],
        shown: &[BTreeSet<usize>],
    ) -> Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(questions.len());
        for (question, shown) in questions.iter().zip(shown) {
            self.show(members, shown).await?;
            answers.push(self.answer(members, question).await?);
        }
        Ok(answers)
    }

    async fn answer(&mut self, members: &Members, question: &Question<'_>) -> Result<Answer> {
        if !self.prepared.contains_key(question.statement) {
            let prepared =
                self.client.prepare(&format!("EXPLAIN (FORMAT JSON) {}", question.statement)).await;
            self.prepared
                .insert(question.statement.to_owned(), prepared.map_err(doing("plan the statement"))?);
        }
        let prepared = &self.prepared[question.statement];
        let text = explain::run_prepared(&self.client, prepared, question.parameters).await?;
        let names: BTreeSet<String> = explain::index_names(&text).collect();
        let hypothetical = self.present.iter().filter(|(_, (_, name))| names.contains(name.as_str()));
        let existing = members.existing.iter().zip(members.candidates.len()..);
        let existing = existing.filter_map(|(index, member)| Some((index.as_ref()?, member)));
        Ok(Answer {
            cost: explain::total_cost(&text)?,
            used: hypothetical
                .map(|(member, _)| *member)
                .chain(
                    existing.filter(|((_, name), _)| names.contains(name.as_str())).map(|(_, member)| member),
                )
                .collect(),
        })
    }

    /// Makes the session see exactly these members.
    async fn show(&mut self, members: &Members, wanted: &BTreeSet<usize>) -> Result<()> {
        let shown = self.switch(members, wanted).await;
        if shown.is_err() {
            // HypoPG keeps what was made before the failure. The failure itself is what matters.
            let _ = self.reset(&members.schema).await;
        }
        shown
    }

    async fn switch(&mut self, members: &Members, wanted: &BTreeSet<usize>) -> Result<()> {
        let superfluous: Vec<u32> = self
            .present
            .iter()
            .filter(|(member, _)| !wanted.contains(member))
            .map(|(_, (oid, _))| *oid)
            .collect();
        self.call(&members.schema, "hypopg_drop_index", &superfluous).await?;
        self.present.retain(|member, _| wanted.contains(member));
        let new: Vec<(usize, String)> = wanted
            .iter()
            .filter(|member| !self.present.contains_key(member))
            .filter_map(|member| Some((*member, members.candidates.get(*member)?.as_ref()?.ddl.clone())))
            .collect();
        if !new.is_empty() {
            self.create(&members.schema, &new).await.map_err(doing("create hypothetical indexes"))?;
        }
        if members.can_hide {
            let numbered = members.existing.iter().zip(members.candidates.len()..);
            let hidden: BTreeSet<u32> = numbered
                .filter(|(_, member)| !wanted.contains(member))
                .filter_map(|(index, _)| Some(index.as_ref()?.0))
                .collect();
            let hide: Vec<u32> = hidden.difference(&self.hidden).copied().collect();
            let unhide: Vec<u32> = self.hidden.difference(&hidden).copied().collect();
            self.call(&members.schema, "hypopg_hide_index", &hide).await?;
            self.call(&members.schema, "hypopg_unhide_index", &unhide).await?;
            self.hidden = hidden;
        }
        Ok(())
    }

    /// Calls one of the extension's functions for each oid.
    async fn call(&self, schema: &str, function: &str, oids: &[u32]) -> Result<()> {
        if oids.is_empty() {
            return Ok(());
        }
        let calls = format!(
            "SELECT {schema}.{function}(i.oid) FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS i (oid)"
        );
        let called = self.client.query(&calls, &[&oids]).await;
        called.map(drop).map_err(doing("switch hypothetical indexes"))
    }

    /// Creates hypothetical indexes for these members.
    async fn create(&mut self, schema: &str, new: &[(usize, String)]) -> Result<(), tokio_postgres::Error> {
        let create = format!(
            "SELECT h.indexrelid AS oid, h.indexname AS name
             FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS d (ddl, n),
                  {schema}.hypopg_create_index(d.ddl) AS h
             ORDER BY d.n"
        );
        let ddl: Vec<&str> = new.iter().map(|(_, ddl)| ddl.as_str()).collect();
        let rows = self.client.query(&create, &[&ddl]).await?;
        for ((member, _), row) in new.iter().zip(&rows) {
            self.present.insert(*member, (row.try_get("oid")?, row.try_get("name")?));
        }
        Ok(())
    }

    /// Drops all hypothetical indexes and shows all others.
    async fn reset(&mut self, schema: &str) -> Result<()> {
        self.present.clear();
        let hidden: Vec<u32> = std::mem::take(&mut self.hidden).into_iter().collect();
        let reset = self.client.query(&format!("SELECT {schema}.hypopg_reset()"), &[]).await;
        reset.map_err(doing("drop hypothetical indexes"))?;
        self.call(schema, "hypopg_unhide_index", &hidden).await
    }
}

fn doing(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Error {
    Error::query(doing)
}

/// Reads a version as in `1.4.2`; what is missing counts as 0.
fn version(text: &str) -> [u32; 3] {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_ordered() {
        assert!(version("1.3.1") < version("1.4"));
        assert!(version("1.4.9") < version("1.4.10"));
        assert_eq!(version("1.4.5"), super::INCLUDE_TRUSTED_VERSION);
        assert_eq!(version("nonsense"), [0, 0, 0]);
    }
}
