//! The statements that bring an index back, or what is missing of it, without blocking writers where that is possible.

use serde::{Deserialize, Serialize};

use super::lock::Lock;
use super::name::child_name;
use super::record::{Constraint, ConstraintKind, Record};
use super::{IndexName, steps};
use crate::index::build_concurrently;
use crate::query::quote;
use crate::query::words::{Sort, lexemes};

/// A statement of a change, to be sent as a message of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Without semicolon.
    pub(crate) sql: String,
    pub(crate) lock: Lock,
    /// What is locked, quoted.
    pub(crate) relation: String,
    /// Those with CONCURRENTLY may not, and wait for older transactions, where no lock timeout must strike.
    pub(crate) may_run_in_transaction: bool,
}

/// What is there now of all that records name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The tables of the records, their partitions at any depth, and the tables of foreign keys.
    pub(crate) tables: Vec<Table>,
    pub(crate) indexes: Vec<Record>,
}

/// A table as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Table {
    pub(crate) name: TableName,
    pub(crate) columns: Vec<String>,
    pub(crate) is_partitioned: bool,
    /// The table that it is a partition of.
    pub(crate) parent: Option<TableName>,
    /// The index that CLUSTER uses.
    pub(crate) clustered_by: Option<String>,
    /// Its replica identity is an index that was dropped: updates are replicated no more.
    pub(crate) has_lost_identity: bool,
    /// Its own foreign keys.
    pub(crate) foreign_keys: Vec<String>,
    /// Its indexes that plans do not use.
    pub(crate) invalid_indexes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TableName {
    pub(crate) schema: String,
    pub(crate) name: String,
}

/// What keeps an index from coming back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("table {table} is gone")]
    NoTable { table: String },
    #[error("column \"{column}\" of table {table} is gone")]
    NoColumn { table: String, column: String },
    #[error("another index has the name now: {definition}")]
    NameTaken { definition: String },
}

impl Statement {
    /// Whether nothing is left to be done once it has its locks: what adds a constraint may read the table.
    pub(crate) fn only_drops(&self) -> bool {
        self.sql.starts_with("DROP ") || self.sql.contains(" DROP CONSTRAINT ")
    }

    /// Whether it changes but the catalog: it drops, creates ON ONLY a partitioned table, or alters an index.
    pub(crate) fn takes_no_time(&self) -> bool {
        self.only_drops() || self.lock == Lock::Share || self.sql.starts_with("ALTER INDEX ")
    }
}

/// Returns the statements that bring an index back as it was; none when it is there as it was.
///
/// A comment, a statistics target or a mark that somebody has changed since is left alone.
pub(crate) fn restore(record: &Record, now: &State) -> Result<Vec<Statement>, Obstacle> {
    let mut plan = Plan { now, statements: Vec::new(), is_built: false };
    plan.bring_back(record)?;
    if plan.is_built && record.has_expressions {
        let table = table_of(&record.index);
        plan.add(format!("ANALYZE {table}"), Lock::ShareUpdateExclusive, table);
    }
    Ok(plan.statements)
}

/// Returns the statements that bring an index back once it was dropped, where nothing else changes.
pub(crate) fn restore_dropped(record: &Record) -> Vec<Statement> {
    let mut now = State::default();
    let mut open = vec![record];
    while let Some(record) = open.pop() {
        now.tables.push(Table {
            name: TableName::of_index(&record.index),
            columns: record.columns.clone(),
            is_partitioned: record.is_partitioned,
            parent: record.parent.as_ref().map(TableName::of_index),
            clustered_by: None,
            has_lost_identity: true,
            foreign_keys: Vec::new(),
            invalid_indexes: Vec::new(),
        });
        open.extend(record.partitions.iter().rev());
    }
    restore(record, &now).expect("its tables are there, and no other index is")
}

/// Returns the statement that drops an index. One that a constraint owns goes with the constraint.
pub(crate) fn drop_statement(record: &Record) -> Statement {
    let (table, name) = (table_of(&record.index), record.index.qualified());
    if record.constraint.is_some() {
        let constraint = quote::identifier(&record.index.name);
        let sql = format!("ALTER TABLE {table} DROP CONSTRAINT {constraint}");
        Statement { sql, lock: Lock::AccessExclusive, relation: table, may_run_in_transaction: true }
    } else if record.is_partitioned {
        let sql = format!("DROP INDEX {name}");
        Statement { sql, lock: Lock::AccessExclusive, relation: table, may_run_in_transaction: true }
    } else {
        drop_concurrently(&record.index)
    }
}

pub(super) fn drop_concurrently(index: &IndexName) -> Statement {
    concurrent(steps::drop_index(index, false), table_of(index))
}

/// Whether two definitions say the same but for the index's name.
pub(super) fn is_same_but_for_name(a: &str, b: &str) -> bool {
    after_name(a) == after_name(b)
}

/// Returns a definition from the table's name on.
pub(super) fn after_name(definition: &str) -> &str {
    &definition[place_of(definition, &["on"]).unwrap_or(0)..]
}

pub(super) fn table_of(index: &IndexName) -> String {
    quote::qualified(&index.schema, &index.table)
}

fn concurrent(sql: String, relation: String) -> Statement {
    Statement { sql, lock: Lock::ShareUpdateExclusive, relation, may_run_in_transaction: false }
}

impl State {
    pub(crate) fn table(&self, schema: &str, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name.schema == schema && table.name.name == name)
    }

    pub(crate) fn index(&self, index: &IndexName) -> Option<&Record> {
        self.indexes.iter().find_map(|record| record.find(index))
    }

    /// The tables that are partitions of this one.
    fn partitions(&self, index: &IndexName) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| table.is_partition_of(index))
    }
}

impl TableName {
    fn of_index(index: &IndexName) -> Self {
        Self { schema: index.schema.clone(), name: index.table.clone() }
    }
}

impl Table {
    fn is_partition_of(&self, index: &IndexName) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.schema == index.schema && parent.name == index.table)
    }
}

impl Record {
    /// The index of this schema and name among this one and its partitions.
    fn find(&self, index: &IndexName) -> Option<&Self> {
        if self.index.schema == index.schema && self.index.name == index.name {
            return Some(self);
        }
        self.partitions.iter().find_map(|partition| partition.find(index))
    }

    /// The index that a partition needs which was made after this was recorded.
    fn for_partition(&self, table: &Table) -> Self {
        let name = child_name(&table.name.name, &self.index.table, &self.index.name);
        let kind = if self.definition.starts_with("CREATE UNIQUE") { "UNIQUE INDEX" } else { "INDEX" };
        let only = if table.is_partitioned { "ONLY " } else { "" };
        let from = place_of(&self.definition, &["using"]).unwrap_or(self.definition.len());
        let definition = format!(
            "CREATE {kind} {} ON {only}{} {}",
            quote::identifier(&name),
            quote::qualified(&table.name.schema, &table.name.name),
            &self.definition[from..]
        );
        let TableName { schema, name: table_name } = table.name.clone();
        Self {
            index: IndexName { schema, table: table_name, name },
            definition,
            comment: None,
            is_clustered: false,
            is_replica_identity: false,
            constraint: self.constraint.clone().map(|constraint| Constraint { comment: None, ..constraint }),
            foreign_keys: Vec::new(),
            parent: Some(self.index.clone()),
            is_partitioned: table.is_partitioned,
            partitions: Vec::new(),
            ..self.clone()
        }
    }

    /// Plans did not use it, so that it is no loss.
    fn is_worthless(&self) -> bool {
        !self.is_valid && !self.is_partitioned
    }

    /// Whether its constraint can take over an index that was built before.
    fn constraint_takes_index(&self) -> bool {
        // A primary key WITHOUT OVERLAPS is kept by a GiST index.
        !self.is_partitioned
            && self.method == "btree"
            && self.constraint.as_ref().is_some_and(|constraint| constraint.kind != ConstraintKind::Exclusion)
    }
}

/// The statements so far.
struct Plan<'a> {
    now: &'a State,
    statements: Vec<Statement>,
    is_built: bool,
}

impl Plan<'_> {
    fn add(&mut self, sql: String, lock: Lock, relation: String) {
        self.statements.push(Statement { sql, lock, relation, may_run_in_transaction: true });
    }

    fn bring_back(&mut self, record: &Record) -> Result<(), Obstacle> {
        let table = self.now.table(&record.index.schema, &record.index.table);
        let table = table.ok_or_else(|| Obstacle::NoTable { table: table_of(&record.index) })?;
        if let Some(column) = record.columns.iter().find(|column| !table.columns.contains(column)) {
            return Err(Obstacle::NoColumn { table: table_of(&record.index), column: column.clone() });
        }
        let existing = self.now.index(&record.index);
        match existing {
            Some(existing) if existing.definition != record.definition => {
                return Err(Obstacle::NameTaken { definition: existing.definition.clone() });
            }
            // Its drop came so far that nothing keeps it up to date.
            Some(existing) if !existing.is_live => {
                self.statements.push(drop_concurrently(&record.index));
                self.create(record);
            }
            // A drop or a rebuild was cut short; building it anew makes it valid under its own name.
            Some(existing) if !existing.is_valid && record.is_valid && !record.is_partitioned => {
                self.statements.push(concurrent(steps::reindex(&record.index), table_of(&record.index)));
                self.is_built = true;
                self.add_constraint_using_index(record, existing.constraint.is_some());
            }
            Some(existing) => self.add_constraint_using_index(record, existing.constraint.is_some()),
            None if record.is_worthless() => return Ok(()),
            None => self.create(record),
        }
        self.attach_partitions(record)?;
        self.put_marks(record, existing.filter(|existing| existing.is_live), table);
        self.add_foreign_keys(record);
        Ok(())
    }

    fn create(&mut self, record: &Record) {
        self.is_built = true;
        let table = table_of(&record.index);
        match &record.constraint {
            Some(constraint) if !record.constraint_takes_index() => {
                let only = if record.is_partitioned { "ONLY " } else { "" };
                let definition = in_tablespace(
                    &constraint.definition,
                    "USING INDEX TABLESPACE",
                    record.tablespace.as_deref(),
                );
                let name = quote::identifier(&record.index.name);
                let sql = format!("ALTER TABLE {only}{table} ADD CONSTRAINT {name} {definition}");
                self.add(sql, Lock::AccessExclusive, table);
            }
            _ => {
                let sql = in_tablespace(&record.definition, "TABLESPACE", record.tablespace.as_deref());
                if record.is_partitioned {
                    // ON ONLY its table, which takes no time.
                    self.add(sql, Lock::Share, table);
                } else {
                    self.statements.push(concurrent(build_concurrently(&sql), table));
                }
                self.add_constraint_using_index(record, false);
            }
        }
    }

    fn add_constraint_using_index(&mut self, record: &Record, has_constraint: bool) {
        let Some(constraint) = &record.constraint else { return };
        if has_constraint || !record.constraint_takes_index() {
            return;
        }
        let (table, name) = (table_of(&record.index), quote::identifier(&record.index.name));
        let kind = if constraint.kind == ConstraintKind::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" };
        let mut sql = format!("ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}");
        if constraint.is_deferrable {
            sql.push_str(" DEFERRABLE");
        }
        if constraint.is_initially_deferred {
            sql.push_str(" INITIALLY DEFERRED");
        }
        self.add(sql, Lock::AccessExclusive, table);
    }

    /// Brings the partitions' indexes back and attaches them: only then the partitioned index is valid.
    fn attach_partitions(&mut self, record: &Record) -> Result<(), Obstacle> {
        if !record.is_partitioned {
            return Ok(());
        }
        let partitions: Vec<&Table> = self.now.partitions(&record.index).collect();
        for table in partitions {
            let known = record.partitions.iter().find(|known| {
                known.index.schema == table.name.schema && known.index.table == table.name.name
            });
            // One that was not valid had no index on every partition either.
            let made = (known.is_none() && record.is_valid).then(|| record.for_partition(table));
            let Some(partition) = known.or(made.as_ref()) else { continue };
            let attached = self
                .now
                .index(&record.index)
                .and_then(|now| now.partitions.iter().find(|now| now.index.table == partition.index.table));
            // Under whatever name, one partition has one index that belongs to it.
            if attached.is_some_and(|attached| attached.index.name != partition.index.name)
                || partition.is_worthless()
            {
                continue;
            }
            self.bring_back(partition)?;
            if attached.is_none() {
                let sql = steps::attach(&record.index, &partition.index);
                self.add(sql, Lock::AccessExclusive, partition.index.qualified());
            }
        }
        Ok(())
    }

    /// Puts back what is missing of comments, statistics targets and the table's marks.
    fn put_marks(&mut self, record: &Record, existing: Option<&Record>, table: &Table) {
        const LOCK: Lock = Lock::ShareUpdateExclusive;
        let (name, table_name) = (record.index.qualified(), table_of(&record.index));
        let index = quote::identifier(&record.index.name);
        for wanted in &record.statistics_targets {
            let is_set = existing.is_some_and(|now| {
                now.statistics_targets.iter().any(|target| target.column == wanted.column)
            });
            if !is_set {
                let (column, target) = (wanted.column, wanted.target);
                let sql = format!("ALTER INDEX {name} ALTER COLUMN {column} SET STATISTICS {target}");
                self.add(sql, LOCK, name.clone());
            }
        }
        if let (Some(comment), None) = (&record.comment, existing.and_then(|now| now.comment.as_ref())) {
            let sql = format!("COMMENT ON INDEX {name} IS {}", quote::quote_literal(comment));
            self.add(sql, LOCK, name);
        }
        let comment = |record: &Record| record.constraint.as_ref().and_then(|c| c.comment.clone());
        if let (Some(comment), None) = (comment(record), existing.and_then(comment)) {
            let comment = quote::quote_literal(&comment);
            let sql = format!("COMMENT ON CONSTRAINT {index} ON {table_name} IS {comment}");
            self.add(sql, LOCK, table_name.clone());
        }
        if record.is_clustered && table.clustered_by.is_none() {
            self.add(format!("ALTER TABLE {table_name} CLUSTER ON {index}"), LOCK, table_name.clone());
        }
        if record.is_replica_identity && table.has_lost_identity {
            let sql = format!("ALTER TABLE {table_name} REPLICA IDENTITY USING INDEX {index}");
            self.add(sql, Lock::AccessExclusive, table_name);
        }
    }

    /// Adds foreign keys that have gone with the index, where their tables are still there.
    fn add_foreign_keys(&mut self, record: &Record) {
        for key in &record.foreign_keys {
            let Some(table) = self.now.table(&key.schema, &key.table) else { continue };
            if table.foreign_keys.contains(&key.name) {
                continue;
            }
            let table = quote::qualified(&key.schema, &key.table);
            let name = quote::identifier(&key.name);
            let is_checked = !key.definition.ends_with("NOT VALID") && !key.is_of_partitioned;
            // The check of the rows then needs no lock that keeps writers out.
            let not_valid = if is_checked { " NOT VALID" } else { "" };
            let sql = format!("ALTER TABLE {table} ADD CONSTRAINT {name} {}{not_valid}", key.definition);
            self.add(sql, Lock::ShareRowExclusive, table.clone());
            if is_checked {
                let sql = format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}");
                self.add(sql, Lock::ShareUpdateExclusive, table.clone());
            }
            if let Some(comment) = &key.comment {
                let comment = quote::quote_literal(comment);
                let sql = format!("COMMENT ON CONSTRAINT {name} ON {table} IS {comment}");
                self.add(sql, Lock::ShareUpdateExclusive, table);
            }
        }
    }
}

/// Names the tablespace in a definition that PostgreSQL has written, which leaves it out.
fn in_tablespace(definition: &str, clause: &str, tablespace: Option<&str>) -> String {
    let Some(tablespace) = tablespace else { return definition.to_owned() };
    let place = place_of(definition, &["where", "deferrable", "initially"]).unwrap_or(definition.len());
    let (head, tail) = definition.split_at(place);
    format!("{} {clause} {} {tail}", head.trim_end(), quote::identifier(tablespace)).trim_end().to_owned()
}

/// Returns where the first of these keywords stands outside of all parentheses.
fn place_of(definition: &str, keywords: &[&str]) -> Option<usize> {
    let (mut depth, mut place) = (0_usize, 0);
    for lexeme in lexemes(definition) {
        match lexeme.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            text if depth == 0
                && lexeme.sort == Sort::Word
                && keywords.iter().any(|keyword| text.eq_ignore_ascii_case(keyword)) =>
            {
                return Some(place);
            }
            _ => {}
        }
        place += lexeme.text.len();
    }
    None
}
