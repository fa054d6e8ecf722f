//! An index that a rule judges by statistics: what is known of its rows, and how a finding about it is put right.

use std::collections::BTreeSet;

use super::cover::protection;
use super::unused_index::{Support, support};
use super::{Context, Finding, Fix, Observation, Severity};
use crate::catalog::{Activity, ColumnStatistics, Index, IndexKey, Table, TableKind};
use crate::index::change::record::StatisticsTarget;
use crate::index::change::script::analysis;
use crate::index::change::{Change, Seen};
use crate::index::{Definition, Key, Measures, build_concurrently, drop_index, estimate, estimate_tree};
use crate::query::words::{Lexeme, lexemes, unquoted};
use crate::query::{Operand, SortItem, quote};

/// Rows below which no statistics are worth a finding: the whole table is read in a few milliseconds
/// (`research/audit.md` §3).
const MIN_ROWS: f64 = 10_000.0;
/// Share of the rows that may have changed since ANALYZE for its statistics to count (`research/audit.md` §3): twice
/// what makes autovacuum run it (`autovacuum_analyze_scale_factor` is 0.1).
const MAX_MODIFIED_SHARE: f64 = 0.2;

/// An index that is valid and that nobody builds at this moment, with its table.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) table: &'a Table,
    pub(super) index: &'a Index,
    /// Of the table, with its partitions.
    pub(super) n_rows: f64,
}

/// What a rule says beside the place.
pub(super) struct Verdict {
    pub(super) rule: &'static str,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) remedy: String,
}

/// What puts a finding right.
#[derive(Default)]
pub(super) struct Cure {
    fix: Option<Fix>,
    frees_bytes: u64,
    relies_on: Vec<u32>,
    /// Whether the index is dropped, replaced or rebuilt.
    takes_index: bool,
}

/// Returns the indexes that stand for themselves, those of partitioned tables among them: what is attached to one of
/// those goes and comes with it.
pub(super) fn indexes<'a>(context: &'a Context<'a>) -> impl Iterator<Item = Judged<'a>> {
    with_attached(context).filter(|it| it.index.parent.is_none())
}

/// Returns all indexes that are valid, belong to no extension, and that nobody builds at this moment.
pub(super) fn with_attached<'a>(context: &'a Context<'a>) -> impl Iterator<Item = Judged<'a>> {
    let has_rows = |table: &&Table| {
        matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned | TableKind::MaterializedView)
    };
    context.tables().filter(has_rows).flat_map(move |table| {
        let n_rows = parts(context, table).into_iter().map(Table::planned_rows).sum();
        let is_judged = |index: &&Index| context.is_usable(index) && index.extension.is_none();
        table.indexes.iter().filter(is_judged).map(move |index| Judged { context, table, index, n_rows })
    })
}

/// Returns those of [`indexes`] that are btrees on enough rows with statistics that can be trusted.
pub(super) fn btrees<'a>(context: &'a Context<'a>) -> impl Iterator<Item = Judged<'a>> {
    indexes(context).filter(|it| it.index.method == "btree" && it.n_rows >= MIN_ROWS && it.is_fresh())
}

/// The tables that hold the rows.
fn parts<'a>(context: &Context<'a>, table: &'a Table) -> Vec<&'a Table> {
    match table.kind {
        TableKind::Partitioned => {
            context.partitions(table).iter().flat_map(|partition| parts(context, partition)).collect()
        }
        _ => vec![table],
    }
}

/// Whether little has changed since ANALYZE. Where the server does not say, nothing is known; a standby says that
/// nothing has changed, as it counts no writes.
pub(super) fn is_fresh(table: &Table) -> bool {
    table.activity.is_some_and(|activity| {
        to_f64(activity.n_modified_since_analyze) < MAX_MODIFIED_SHARE * table.planned_rows()
    })
}

impl<'a> Judged<'a> {
    fn is_fresh(&self) -> bool {
        self.parts().into_iter().all(is_fresh)
    }

    /// The tables that hold the rows: the table itself, or its partitions.
    pub(super) fn parts(&self) -> Vec<&'a Table> {
        parts(self.context, self.table)
    }

    /// What happened to the rows, in all partitions; `None` where the server does not say.
    pub(super) fn activity(&self) -> Option<Activity> {
        self.parts().into_iter().try_fold(Activity::default(), |sum, table| {
            let one = table.activity?;
            Some(Activity {
                n_inserted: sum.n_inserted + one.n_inserted,
                n_updated: sum.n_updated + one.n_updated,
                n_hot_updated: sum.n_hot_updated + one.n_hot_updated,
                n_deleted: sum.n_deleted + one.n_deleted,
                n_seq_scans: sum.n_seq_scans + one.n_seq_scans,
                n_rows_seq_read: sum.n_rows_seq_read + one.n_rows_seq_read,
                n_modified_since_analyze: sum.n_modified_since_analyze + one.n_modified_since_analyze,
            })
        })
    }

    /// 8 kB pages of the table, with its partitions.
    pub(super) fn n_pages(&self) -> f64 {
        to_f64(self.context.n_pages(self.table))
    }

    /// The bytes of the index, with those attached to it.
    pub(super) fn size_bytes(&self) -> u64 {
        self.context.size_bytes(self.index)
    }

    /// The statistics of a key. Those of an expression are under names that the server made up: they are known to be
    /// this one's where there is no other.
    pub(super) fn statistics(&self, key: &IndexKey) -> Option<&'a ColumnStatistics> {
        match &key.column {
            Some(name) => self.column_statistics(name),
            None => expression_statistics(self.index),
        }
    }

    pub(super) fn column_statistics(&self, name: &str) -> Option<&'a ColumnStatistics> {
        let column = self.table.column(name)?;
        match self.table.kind {
            TableKind::Partitioned => column.tree_statistics.as_ref(),
            _ => column.statistics.as_ref(),
        }
    }

    /// Whether the index does more than serve scans, so that no other may take its place.
    pub(super) fn is_protected(&self) -> bool {
        self.index.is_unique || protection(self.index).is_some()
    }

    /// Whether it alone finds the rows of a foreign key.
    pub(super) fn is_alone_for_foreign_key(&self) -> bool {
        matches!(support(self.context, self.table, self.index), Support::Alone(_))
    }

    /// Other indexes that find the rows of the foreign keys for which this one goes.
    fn support(&self) -> Vec<u32> {
        match support(self.context, self.table, self.index) {
            Support::Shared(others) => others,
            Support::None | Support::Alone(_) => Vec::new(),
        }
    }

    /// The index as something that can be changed, with its storage parameters, tablespace and operator classes; `None` when it is of a kind that cannot be said.
    pub(super) fn definition(&self) -> Option<Definition> {
        let mut definition = Definition::existing(&self.table.schema, &self.table.name, self.index)?;
        definition.tablespace =
            self.context.subject.evidence.storage.tablespaces.get(&self.index.oid).cloned();
        for key in &mut definition.keys {
            if let Operand::Expression { sql, columns } = &mut key.operand {
                *columns = named_columns(sql, self.table);
            }
        }
        if let Some(predicate) = &mut definition.predicate {
            predicate.columns = named_columns(&predicate.sql, self.table);
        }
        Some(definition)
    }

    fn seen(&self) -> Seen {
        Seen::of(self.table, self.index)
    }

    /// The bytes that an index on this table would have right after it was built.
    pub(super) fn fresh_bytes(&self, definition: &Definition, measures: &Measures) -> u64 {
        match self.table.kind {
            TableKind::Partitioned => estimate_tree(definition, &self.parts(), measures).bytes(),
            _ => estimate(definition, self.table, measures).bytes(),
        }
    }

    /// Puts an index in the place of this one, or nothing where another one does already what it would.
    pub(super) fn replace_by(&self, mut definition: Definition) -> Cure {
        // A column that became a key needs not be stored once more.
        let Definition { keys, include, .. } = &mut definition;
        include.retain(|column| !keys.iter().any(|key| key.column() == Some(column)));
        let size_bytes = self.size_bytes();
        let mut others = self.table.indexes.iter().filter(|other| other.oid != self.index.oid);
        if let Some(known) = others.find(|other| definition.is_covered_by(other)) {
            return Cure {
                fix: Some(Fix::Change(self.context.drop(self.table, self.index))),
                frees_bytes: size_bytes,
                relies_on: self.support().into_iter().chain([known.oid]).collect(),
                takes_index: true,
            };
        }
        let new_bytes = self.fresh_bytes(&definition, &self.measures());
        if let Some(fix) = self.replace_by_hand(&definition) {
            return self.take(fix, size_bytes.saturating_sub(new_bytes));
        }
        let change = Change::Create { definition, size_bytes: new_bytes, replaces: vec![self.seen()] };
        Cure {
            fix: Some(Fix::Change(change)),
            frees_bytes: size_bytes.saturating_sub(new_bytes),
            relies_on: self.support(),
            takes_index: true,
        }
    }

    /// The statements that replace an index whose expressions have statistics targets of their own, which no CREATE INDEX
    /// says; `None` where none of them stays.
    fn replace_by_hand(&self, definition: &Definition) -> Option<Fix> {
        let targets = self.context.subject.evidence.storage.statistics_targets.get(&self.index.oid)?;
        let number_of = |sql: &String| {
            let is_it =
                |key: &Key| matches!(&key.operand, Operand::Expression { sql: own, .. } if own == sql);
            definition.keys.iter().position(is_it).map(|at| at + 1)
        };
        let kept = targets.iter().filter_map(|StatisticsTarget { column, target }| {
            let expression = self.index.keys.get(usize::from(column.checked_sub(1)?))?.expression.as_ref()?;
            Some((number_of(expression)?, *target))
        });
        let kept: Vec<(usize, u16)> = kept.collect();
        if kept.is_empty() || self.table.kind == TableKind::Partitioned {
            return None;
        }
        let schema = &self.table.schema;
        let name = self.context.free_name(schema, &definition.name());
        let qualified = quote::qualified(schema, &name);
        let set = kept.iter().map(|(number, target)| {
            format!("ALTER INDEX {qualified} ALTER COLUMN {number} SET STATISTICS {target}")
        });
        let mut sql = vec![build_concurrently(&definition.ddl_named(&name))];
        sql.extend(set);
        sql.extend(analysis(definition));
        sql.push(drop_index(schema, &self.index.name, false));
        let mut undo_sql = self.context.restoration(self.table, self.index);
        undo_sql.push(drop_index(schema, &name, false));
        Some(Fix::Statements { sql, undo_sql })
    }

    /// Builds an index beside this one.
    pub(super) fn add(&self, definition: Definition) -> Cure {
        let size_bytes = self.fresh_bytes(&definition, &self.measures());
        let change = Change::Create { definition, size_bytes, replaces: Vec::new() };
        Cure { fix: Some(Fix::Change(change)), ..Cure::default() }
    }

    /// Takes the index away.
    pub(super) fn drop(&self) -> Cure {
        self.take(Fix::Change(self.context.drop(self.table, self.index)), self.size_bytes())
    }

    /// Takes the index away by a fix.
    pub(super) fn take(&self, fix: Fix, frees_bytes: u64) -> Cure {
        Cure { fix: Some(fix), frees_bytes, relies_on: self.support(), takes_index: true }
    }

    /// Builds the index anew.
    pub(super) fn rebuild(&self, new_bytes: u64) -> Cure {
        let change = Change::Reindex { index: self.seen(), size_bytes: new_bytes };
        Cure {
            fix: Some(Fix::Change(change)),
            frees_bytes: self.size_bytes().saturating_sub(new_bytes),
            takes_index: true,
            ..Cure::default()
        }
    }

    /// What the index itself tells of its expression and of the rows that its predicate lets in.
    pub(super) fn measures(&self) -> Measures {
        let mut measures = Measures::default();
        let oid = self.table.oid;
        let expression = self.index.keys.iter().find(|key| key.expression.is_some());
        if let (Some(key), Some(statistics)) = (expression, expression_statistics(self.index)) {
            let avg_width = stored_width(statistics.avg_width, &key.opclass_type);
            let statistics = ColumnStatistics { avg_width, ..statistics.clone() };
            measures.expressions.insert((oid, operand_text(key).to_owned()), statistics);
        }
        let n_rows = self.table.planned_rows();
        if let Some(predicate) =
            self.index.predicate.clone().filter(|_| self.index.n_rows > 0.0 && n_rows > 0.0)
        {
            measures.selectivity.insert((oid, predicate), (self.index.n_rows / n_rows).min(1.0));
        }
        measures
    }

    /// The index with its keys, as in `orders_status_idx (status)`.
    pub(super) fn describe(&self) -> String {
        let keys: Vec<String> = self.index.keys.iter().map(key_sql).collect();
        format!("{} ({})", quote::identifier(&self.index.name), keys.join(", "))
    }

    pub(super) fn observe(&self, verdict: Verdict, cure: Cure) -> Observation {
        let Verdict { rule, severity, message, remedy } = verdict;
        let finding = Finding::of_index(rule, self.table, self.index);
        let changes = cure.takes_index.then_some(self.index.oid).into_iter().collect();
        Observation {
            finding: Finding {
                severity,
                message,
                remedy,
                fix: cure.fix,
                frees_bytes: cure.frees_bytes,
                ..finding
            },
            relies_on: cure.relies_on,
            changes,
        }
    }
}

impl Cure {
    pub(super) fn frees_bytes(&self) -> u64 {
        self.frees_bytes
    }
}

/// The bytes that a computed value takes in the index: ANALYZE of an expression sees texts with the header of 4 bytes that
/// they have in memory, of which short ones are stored with 1 (`compute_index_stats` of analyze.c).
fn stored_width(avg_width: i32, type_name: &str) -> i32 {
    const SAVED_BYTES: i32 = 3;
    const SHORT_BYTES: i32 = 127;
    let is_short_text = type_name == "text" && (SAVED_BYTES..SHORT_BYTES).contains(&avg_width);
    if is_short_text { avg_width - SAVED_BYTES } else { avg_width }
}

/// The statistics of the only expression of an index.
fn expression_statistics(index: &Index) -> Option<&ColumnStatistics> {
    let n_expressions = index.keys.iter().filter(|key| key.expression.is_some()).count();
    match index.statistics.as_slice() {
        [(_, statistics)] if n_expressions == 1 => Some(statistics),
        _ => None,
    }
}

/// Returns the columns of a table that an expression names, once each.
pub(super) fn named_columns(sql: &str, table: &Table) -> Vec<String> {
    let words = lexemes(sql).into_iter().filter(Lexeme::is_word).map(|word| unquoted(word.text));
    let names: BTreeSet<String> = words.filter(|name| table.column(name).is_some()).collect();
    names.into_iter().collect()
}

/// The column's name or the expression of a key.
pub(super) fn operand_text(key: &IndexKey) -> &str {
    key.column.as_deref().or(key.expression.as_deref()).unwrap_or_default()
}

/// The key of an index that gives the order of an ORDER BY's item.
pub(super) fn sort_key(item: &SortItem) -> Key {
    Key { descending: item.descending, nulls_first: item.nulls_first, ..Key::of(item.operand.clone()) }
}

/// A key as SQL has it.
pub(super) fn key_sql(key: &IndexKey) -> String {
    key.column
        .as_deref()
        .map_or_else(|| operand_text(key).to_owned(), |name| quote::identifier(name).into_owned())
}

/// Different values of a column of `n_rows` rows, nulls aside; `None` where ANALYZE did not tell.
pub(super) fn n_distinct(statistics: &ColumnStatistics, n_rows: f64) -> Option<f64> {
    match f64::from(statistics.n_distinct) {
        n if n > 0.0 => Some(n),
        share if share < 0.0 => Some(-share * n_rows),
        _ => None,
    }
}

/// A count to reckon with.
pub(super) fn to_f64(n: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of rows and bytes are below 2^53, or need no last digit"
    )]
    let n = n as f64;
    n
}
