//! What is wrong with the indexes and keys that a database has, one rule a file; the fixes never contradict each other.

mod asked;
pub(crate) mod baseline;
mod bloated_index;
mod btree_on_append_only;
mod btree_on_document;
mod context;
pub(crate) mod cover;
mod duplicate_foreign_key;
mod duplicate_index;
#[cfg(test)]
mod fixture;
mod foreign_key_type_mismatch;
mod index_on_hot_updated_column;
mod invalid_index;
mod judged;
mod low_cardinality_index;
mod missing_primary_key;
mod near_unique_leading_column;
mod null_heavy_index;
mod overwide_index;
mod partition_without_index;
mod rarely_used_index;
mod redundant_index;
mod redundant_predicate;
mod resolution;
mod sequence_overflow;
mod serving;
#[cfg(test)]
mod statistics_fixture;
mod unindexed_foreign_key;
mod unused_index;
mod unvalidated_constraint;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::change::record::Storage;
use super::change::{Change, IndexName, Seen};
use crate::catalog::{Catalog, Index, Table};
use crate::query::index_ddl::index_ddl;
use crate::query::{StatementShape, Write};
use crate::yaml::nearest;
pub(super) use asked::is_key;
use context::Context;

/// The rule whose findings can be measured.
pub(crate) const BLOATED_INDEX: &str = bloated_index::RULE;
/// The rule that needs counters which have counted for long enough ([`unproven`]).
pub(crate) const UNUSED_INDEX: &str = unused_index::RULE;

/// How long counters must have counted before they prove anything: a week holds every day's and every weekend's jobs
/// (pgdoctor's limit).
const MIN_COUNTED_S: f64 = 7.0 * 86_400.0;

/// Something that costs without need, or that is missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    /// Kebab-case; it names the defect.
    pub(crate) rule: &'static str,
    pub(crate) severity: Severity,
    pub(crate) schema: String,
    pub(crate) table: String,
    /// `None` where no index is concerned.
    pub(crate) index: Option<String>,
    /// The columns (or expressions) that it is about.
    pub(crate) columns: Vec<String>,
    /// What is wrong, with the numbers that show it: one sentence without full stop.
    pub(crate) message: String,
    /// What to do, and what would speak against it, as full sentences.
    pub(crate) remedy: String,
    /// `None` where a person has to decide.
    pub(crate) fix: Option<Fix>,
    /// What the fix frees.
    pub(crate) frees_bytes: u64,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Data or the service are in danger, or every write pays for nothing.
    High,
    Medium,
    /// Worth knowing; nothing is harmed.
    Low,
}

/// How a finding is put right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fix {
    /// `perfkit index apply` does it.
    Change(Change),
    /// What a person runs.
    Statements { sql: Vec<String>, undo_sql: Vec<String> },
}

/// What the rules look at.
pub(crate) struct Subject<'a> {
    /// Without objects of extensions; of all schemas, as partitions and foreign keys reach into others.
    pub(crate) catalog: &'a Catalog,
    pub(crate) evidence: &'a Evidence,
    /// The workload's statements, where a workload was given.
    pub(crate) workload: &'a [Statement],
}

/// What a statement of the workload asks of tables and does to them.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// Its share of the workload's calls, 0 to 1.
    pub(crate) share: f64,
    pub(crate) shape: StatementShape,
    /// `query::Parsed::writes()`.
    pub(crate) writes: Vec<Write>,
}

/// What else than the catalog speaks for or against a finding.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// PostgreSQL's major version.
    pub(crate) major: u32,
    pub(crate) is_standby: bool,
    /// For how long the counters have certainly counted: the least of all reset clocks and the server's start after
    /// a crash, which zeroes them in silence. `None` when that cannot be told.
    pub(crate) counted_s: Option<f64>,
    /// Other servers of the cluster whose scans count as well.
    pub(crate) replicas: Vec<Replica>,
    /// Indexes that somebody builds at this moment, by oid (`pg_stat_progress_create_index`).
    pub(crate) in_progress: Vec<u32>,
    pub(crate) sequences: Vec<Sequence>,
    pub(crate) storage: Storage,
    /// Share of wasted bytes that `pgstattuple` measured, by the index's oid; 0 to 1.
    pub(crate) measured_bloat: Vec<(u32, f64)>,
    /// Number of different combinations of an index's keys, by its oid, where extended statistics (`ndistinct`) tell it.
    pub(crate) n_combinations: Vec<(u32, f64)>,
}

/// A server that replays the same database, with the scans that it counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replica {
    /// As messages name it, without secrets.
    pub(crate) label: String,
    /// Whether it is a standby: then it says nothing of what the primary does.
    pub(crate) is_standby: bool,
    pub(crate) counted_s: Option<f64>,
    /// Scans by the index's oid.
    pub(crate) n_scans: Vec<(u32, u64)>,
}

/// A sequence with the column that it feeds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequence {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// Schema, table, column and the column's type in `pg_type`.
    pub(crate) feeds: Option<(String, String, String, String)>,
    /// `None` when it was not used yet, or may not be read.
    pub(crate) last_value: Option<i64>,
    pub(crate) max_value: i64,
    pub(crate) increment: i64,
    pub(crate) cycles: bool,
}

/// Indexes without a scan, of which nobody can say yet whether they are unused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unproven {
    pub(crate) indexes: Vec<IndexName>,
    /// Why, as a clause.
    pub(crate) reason: String,
    /// When the counters will be old enough, in seconds; `None` where their age is not known.
    pub(crate) wait_s: Option<f64>,
}

/// What to leave out.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// All rules when empty.
    pub(crate) only: Vec<Rule>,
    pub(crate) ignored: Vec<Rule>,
    /// Findings in other schemas are left out; of none when empty.
    pub(crate) schemas: Vec<String>,
    /// Findings about smaller indexes are left out, but for grave ones.
    pub(crate) min_size_bytes: u64,
    /// Younger counters do not prove that an index is not used.
    pub(crate) min_counted_s: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            ignored: Vec::new(),
            schemas: Vec::new(),
            min_size_bytes: 0,
            min_counted_s: MIN_COUNTED_S,
        }
    }
}

impl Options {
    fn is_audited(&self, schema: &str) -> bool {
        self.schemas.is_empty() || self.schemas.iter().any(|audited| audited == schema)
    }
}

/// What a rule says, before contradictions are resolved.
#[derive(Clone, Debug)]
struct Observation {
    finding: Finding,
    /// The indexes that must stay for the fix to be right, by oid: what covers a dropped index.
    relies_on: Vec<u32>,
    /// The indexes that the fix drops, replaces or rebuilds, by oid.
    changes: Vec<u32>,
}

type Check = fn(&Context) -> Vec<Observation>;

/// In the order in which fixes win where two contradict each other.
const RULES: &[(&str, Check)] = &[
    (invalid_index::RULE, invalid_index::check),
    (duplicate_index::RULE, duplicate_index::check),
    (redundant_index::RULE, redundant_index::check),
    (unused_index::RULE, unused_index::check),
    (redundant_predicate::RULE, redundant_predicate::check),
    (btree_on_document::RULE, btree_on_document::check),
    (near_unique_leading_column::RULE, near_unique_leading_column::check),
    (null_heavy_index::RULE, null_heavy_index::check),
    (low_cardinality_index::RULE, low_cardinality_index::check),
    (overwide_index::RULE, overwide_index::check),
    (index_on_hot_updated_column::RULE, index_on_hot_updated_column::check),
    (btree_on_append_only::RULE, btree_on_append_only::check),
    (rarely_used_index::RULE, rarely_used_index::check),
    (bloated_index::RULE, bloated_index::check),
    (unindexed_foreign_key::RULE, unindexed_foreign_key::check),
    (foreign_key_type_mismatch::RULE, foreign_key_type_mismatch::check),
    (duplicate_foreign_key::RULE, duplicate_foreign_key::check),
    (missing_primary_key::RULE, missing_primary_key::check),
    (partition_without_index::RULE, partition_without_index::check),
    (unvalidated_constraint::RULE, unvalidated_constraint::check),
    (sequence_overflow::RULE, sequence_overflow::check),
];

/// The name of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule(&'static str);

impl Rule {
    pub(crate) fn name(self) -> &'static str {
        self.0
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        RULES.iter().map(|(name, _)| Self(name))
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().find(|rule| rule.0 == name).ok_or_else(|| {
            let hint = nearest(name, Self::all().map(Self::name))
                .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            let names: BTreeSet<&str> = Self::all().map(Self::name).collect();
            let names: Vec<&str> = names.into_iter().collect();
            format!("unknown rule {name:?}{hint} (the rules are {})", names.join(", "))
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Of an index that does nothing, by its size: each write pays for it, whatever that is, and the rest is memory and
    /// time of backups.
    fn of_waste(bytes: u64) -> Self {
        const HIGH_BYTES: u64 = 1 << 30;
        if bytes >= HIGH_BYTES { Self::High } else { Self::Medium }
    }
}

/// Returns the indexes that are large enough to matter, but of which neither statistics nor a measurement tell how much
/// of them is waste.
pub(crate) fn of_unknown_bloat(subject: &Subject, options: &Options) -> Vec<IndexName> {
    let mut unknown = bloated_index::unknown(&Context::new(subject, options));
    unknown.retain(|index| options.is_audited(&index.schema));
    unknown
}

/// Returns the indexes that look unused to counters which are too young to prove it; `None` where they are old enough, or no
/// index looks so.
pub(crate) fn unproven(subject: &Subject, options: &Options) -> Option<Unproven> {
    let context = Context::new(subject, options);
    let (mut indexes, reason) = unused_index::unproven(&context)?;
    indexes.retain(|(table, index)| {
        options.is_audited(&table.schema) && context.size_bytes(index) >= options.min_size_bytes
    });
    let wait_s = context.counted_s().map(|counted_s| options.min_counted_s - counted_s);
    let indexes: Vec<IndexName> = indexes.iter().map(|(table, index)| IndexName::of(table, index)).collect();
    (!indexes.is_empty()).then_some(Unproven { indexes, reason, wait_s })
}

/// Returns why this server's counters do not prove that an index is not used; `None` where they are old enough.
pub(crate) fn doubt_of_counters(catalog: &Catalog) -> Option<String> {
    let is_counted = |table: &Table| table.indexes.iter().all(|index| index.usage.is_some());
    if catalog.tables.iter().all(is_counted) {
        unused_index::youth(catalog.counted_s, MIN_COUNTED_S)
    } else {
        Some("track_counts is off".to_owned())
    }
}

/// Returns what is wrong, the gravest first, then what frees the most.
pub(crate) fn findings(subject: &Subject, options: &Options) -> Vec<Finding> {
    let context = Context::new(subject, options);
    let is_wanted = |name: &str| {
        (options.only.is_empty() || options.only.iter().any(|rule| rule.0 == name))
            && !options.ignored.iter().any(|rule| rule.0 == name)
    };
    let observations =
        RULES.iter().filter(|(name, _)| is_wanted(name)).flat_map(|(_, check)| check(&context));
    let small = context.small_indexes();
    let is_small = |finding: &Finding| {
        let index = finding.index.as_deref();
        index.is_some_and(|index| small.contains(&(&*finding.schema, &*finding.table, index)))
    };
    let is_reported = |finding: &Finding| {
        options.is_audited(&finding.schema) && (finding.severity == Severity::High || !is_small(finding))
    };
    // What is not reported contradicts nothing.
    let observations = observations.filter(|it| is_reported(&it.finding)).collect();
    let mut findings = resolution::resolved(observations, &context);
    let place = |finding: &Finding| {
        let Finding { schema, table, index, rule, .. } = finding.clone();
        (schema, table, index, rule)
    };
    findings.sort_by_cached_key(|it| (it.severity, std::cmp::Reverse(it.frees_bytes), place(it)));
    findings
}

impl Fix {
    /// Schema and name of the indexes that a person builds by it: others need other names.
    pub(crate) fn built_names(&self) -> Vec<(String, String)> {
        let Self::Statements { sql, .. } = self else { return Vec::new() };
        let built = sql.iter().filter_map(|sql| index_ddl(sql));
        built.filter_map(|ddl| Some((ddl.table.schema?, ddl.name?))).collect()
    }
}

impl Finding {
    /// The index that it is about.
    pub(crate) fn index_name(&self) -> Option<IndexName> {
        let name = self.index.clone()?;
        Some(IndexName { schema: self.schema.clone(), table: self.table.clone(), name })
    }

    /// About an index; the rest is to be filled in.
    fn of_index(rule: &'static str, table: &Table, index: &Index) -> Self {
        let columns = index.keys.iter().filter_map(|key| key.column.clone().or(key.expression.clone()));
        Self { index: Some(index.name.clone()), ..Self::of_table(rule, table, columns.collect()) }
    }

    /// About a table; the rest is to be filled in.
    fn of_table(rule: &'static str, table: &Table, columns: Vec<String>) -> Self {
        Self::of_relation(rule, &table.schema, &table.name, columns)
    }

    /// About a table or sequence; the rest is to be filled in.
    fn of_relation(rule: &'static str, schema: &str, name: &str, columns: Vec<String>) -> Self {
        Self {
            rule,
            severity: Severity::Low,
            schema: schema.to_owned(),
            table: name.to_owned(),
            index: None,
            columns,
            message: String::new(),
            remedy: String::new(),
            fix: None,
            frees_bytes: 0,
        }
    }
}

impl Observation {
    /// What needs no index and leaves all indexes alone.
    fn of(finding: Finding) -> Self {
        Self { finding, relies_on: Vec::new(), changes: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Partitions and their parents, and both sides of a foreign key, may be in different schemas: all are looked at, and
    /// what is found is reported of those that are audited.
    #[test]
    fn schemas_are_left_out_at_the_end() {
        use super::fixture::{Fixture, foreign_key, index, never_scanned, partition, table};
        let elsewhere = |table: Table| Table { schema: "other".into(), ..table };
        let mut child = table("orders", &["parent_id int8"], vec![]);
        child.constraints.push(foreign_key("orders_fk", &["parent_id"], 1, &["id"]));
        let parent = Table { replica_identity: 'f', ..elsewhere(table("parent", &["id int8!"], vec![])) };
        let whole = elsewhere(table("logs", &["at int8"], vec![index("logs_at", &["at"])]));
        let mut part = table("logs_1", &["at int8"], vec![never_scanned(index("logs_1_at", &["at"]))]);
        part.indexes[0].parent = Some(101);
        let unused = elsewhere(table("u", &["a int8"], vec![never_scanned(index("u_a", &["a"]))]));
        let mut fixture = Fixture::new(vec![parent, child, whole, part, unused]);
        partition(&mut fixture.catalog, "logs", "logs_1");
        let sequence = |schema: &str| Sequence {
            schema: schema.into(),
            name: format!("{schema}_seq"),
            last_value: Some(99),
            max_value: 100,
            increment: 1,
            ..Sequence::default()
        };
        fixture.evidence.sequences = vec![sequence("public"), sequence("other")];
        fixture.options.ignored = vec!["missing-primary-key".parse().unwrap()];
        let found = |fixture: &Fixture| {
            let mut rules: Vec<String> =
                fixture.findings().iter().map(|it| format!("{} {}", it.rule, it.table)).collect();
            rules.sort();
            rules
        };
        fixture.options.schemas = vec!["public".into()];
        assert_eq!(found(&fixture), ["sequence-overflow public_seq", "unindexed-foreign-key orders"]);
        fixture.options.schemas = vec!["other".into()];
        assert_eq!(found(&fixture), ["sequence-overflow other_seq", "unused-index u"]);
    }

    #[test]
    fn rules_have_names() {
        assert_eq!("unused-index".parse::<Rule>().unwrap().name(), "unused-index");
        let error = "unsued-index".parse::<Rule>().unwrap_err();
        let start = "unknown rule \"unsued-index\"; did you mean \"unused-index\"? (the rules are ";
        assert!(error.starts_with(start), "{error}");
        assert!(!"x".parse::<Rule>().unwrap_err().contains("did you mean"));
        let names: BTreeSet<Rule> = Rule::all().collect();
        assert_eq!(names.len(), RULES.len());
    }
}
