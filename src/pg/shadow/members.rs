//! The indexes that planners are asked with and without: candidates, and existing ones that could go.

use std::collections::BTreeMap;

use super::Relation;
use crate::index::Definition;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;

/// Candidates that are created by one message. A statement's own takes longer than an empty index; and a transaction
/// locks every one of its indexes.
const CREATED_TOGETHER: usize = 32;

/// Members by their numbers, and by the names that plans give their indexes.
///
/// EXPLAIN names an index without its schema, so no two indexes of a shadow share a name.
#[derive(Debug, Default)]
pub(super) struct Members {
    members: Vec<Member>,
    by_name: BTreeMap<String, usize>,
    /// The target's schema and name of indexes that have another name here.
    renamed: BTreeMap<String, (String, String)>,
}

/// An index with those of the partitions.
#[derive(Debug)]
struct Member {
    /// Empty when it is not there.
    oids: Vec<u32>,
    /// Whether the target has it, so that it is visible to begin with.
    is_existing: bool,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// The member's indexes.
    pub(super) fn oids(&self, member: usize) -> &[u32] {
        &self.members[member].oids
    }

    /// The indexes of a member and all that came after it.
    pub(super) fn oids_from(&self, first: usize) -> Vec<u32> {
        self.members[first..].iter().flat_map(|member| member.oids.iter().copied()).collect()
    }

    /// The numbers of those that the target has.
    pub(super) fn existing(&self) -> impl Iterator<Item = usize> {
        (0..self.members.len()).filter(|number| self.members[*number].is_existing)
    }

    /// The member that an index named in a plan belongs to.
    pub(super) fn by_name(&self, index: &str) -> Option<usize> {
        self.by_name.get(index).copied()
    }

    /// The names here and on the target of indexes whose names differ.
    pub(super) fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.renamed.iter().map(|(here, (_, there))| (here.as_str(), there.as_str()))
    }

    /// Creates the indexes of candidates, which become the next members. Returns what could not be created, with the
    /// reason; such a member has no index.
    pub(super) async fn create(
        &mut self,
        connection: &Connection,
        definitions: &[&Definition],
    ) -> Result<Vec<String>> {
        let mut refused = Vec::new();
        for definitions in definitions.chunks(CREATED_TOGETHER) {
            let statements: Vec<String> = definitions
                .iter()
                .zip(self.members.len()..)
                .map(|(definition, number)| definition.ddl_named(&candidate_name(number)))
                .collect();
            let absent = definitions.iter().map(|_| Member { oids: Vec::new(), is_existing: false });
            self.members.extend(absent);
            // What is sent together is one transaction: none of them is there when one fails, and each is tried alone.
            match connection.batch_execute(&statements.join(";")).await {
                Ok(()) => continue,
                Err(error) if error.as_db_error().is_some() => {}
                Err(error) => return Err(Error::query("create candidates")(error)),
            }
            for (definition, statement) in definitions.iter().zip(&statements) {
                let described = definition.describe();
                match connection.batch_execute(statement).await {
                    Ok(()) => {}
                    Err(error) => match error.as_db_error() {
                        // Not every type has an order, and a table may be missing here.
                        Some(db) => refused.push(format!("candidate {described}: {}", db.message())),
                        None => return Err(Error::query(format!("create candidate {described}"))(error)),
                    },
                }
            }
        }
        Ok(refused)
    }

    /// Finds the indexes of the candidates from `first` on, and gives those of partitions names of their own.
    pub(super) async fn adopt_trees(
        &mut self,
        connection: &Connection,
        relations: &mut [Relation],
        first: usize,
    ) -> Result<()> {
        for number in first..self.members.len() {
            let name = candidate_name(number);
            let root = relations.iter().find(|relation| relation.is_index && relation.name == name);
            let Some(root) = root else { continue };
            let oids = tree(root.oid, relations);
            for oid in &oids[1..] {
                let relation = relations.iter_mut().find(|it| it.oid == *oid).expect("it was found there");
                rename(connection, relation, format!("{name}_{oid}")).await?;
            }
            self.insert(number, oids, relations);
        }
        Ok(())
    }

    /// Makes an index of the target a member, and returns its number.
    pub(super) fn add_existing(&mut self, schema: &str, name: &str, relations: &[Relation]) -> usize {
        let number = self.members.len();
        self.members.push(Member { oids: Vec::new(), is_existing: true });
        let root = relations.iter().find(|it| it.is_index && self.is_called(it, schema, name));
        if let Some(root) = root {
            self.insert(number, tree(root.oid, relations), relations);
        }
        number
    }

    /// Gives every index whose name another one has in another schema a name of its own.
    pub(super) async fn rename_duplicates(
        &mut self,
        connection: &Connection,
        relations: &mut [Relation],
    ) -> Result<()> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for relation in relations.iter().filter(|relation| relation.is_index) {
            *counts.entry(relation.name.clone()).or_default() += 1;
        }
        for relation in relations.iter_mut().filter(|relation| relation.is_index) {
            if counts[&relation.name] > 1 {
                let original = (relation.schema.clone(), relation.name.clone());
                rename(connection, relation, format!("perfkit_index_{}", relation.oid)).await?;
                self.renamed.insert(relation.name.clone(), original);
            }
        }
        Ok(())
    }

    fn is_called(&self, relation: &Relation, schema: &str, name: &str) -> bool {
        match self.renamed.get(&relation.name) {
            Some((original_schema, original)) => original_schema == schema && original == name,
            None => relation.schema == schema && relation.name == name,
        }
    }

    fn insert(&mut self, number: usize, oids: Vec<u32>, relations: &[Relation]) {
        for relation in relations.iter().filter(|relation| oids.contains(&relation.oid)) {
            self.by_name.insert(relation.name.clone(), number);
        }
        self.members[number].oids = oids;
    }
}

fn candidate_name(number: usize) -> String {
    format!("perfkit_candidate_{number}")
}

/// An index and those of the partitions below it, itself first.
fn tree(root: u32, relations: &[Relation]) -> Vec<u32> {
    let mut oids = vec![root];
    let mut at = 0;
    while at < oids.len() {
        let parent = Some(oids[at]);
        oids.extend(relations.iter().filter(|it| it.parent == parent).map(|it| it.oid));
        at += 1;
    }
    oids
}

async fn rename(connection: &Connection, relation: &mut Relation, name: String) -> Result<()> {
    let old = sql::quote_qualified(&relation.schema, &relation.name);
    let rename = format!("ALTER INDEX {old} RENAME TO {}", sql::quote_identifier(&name));
    connection.batch_execute(&rename).await.map_err(Error::query(format!("rename index {old}")))?;
    relation.name = name;
    Ok(())
}
