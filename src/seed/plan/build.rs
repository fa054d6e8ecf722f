//! From a schema and a request to a plan, table by table in the order of loading.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::columns::TableColumns;
use super::knots::{self, Part};
use super::request::{Known, Question, Repair, Request};
use super::{ColumnPlan, Existing, Gap, Nulls, Plan, RowsFrom, Step, TablePlan, edges};
use crate::query::quote::qualified;
use crate::seed::make::Maker;
use crate::seed::schema::{ColumnId, ForeignKey, Key, KeyPart, Relation, Schema, TableId};
use crate::seed::spec::{Generator, TableConfig};
use crate::seed::wire::Wire;
use crate::seed::{ALGORITHM, chunk, graph, guess};

/// One transaction loads about so many bytes: enough that its own costs do not show, few enough to be done again. With each COPY
/// the server begins to use other buffers (`BAS_BULKWRITE` in `freelist.c`), 16 MiB that are in no cache.
const CHUNK_BYTES: RangeInclusive<u64> = 8 << 20..=128 << 20;
/// A table is cut into so many chunks before they get larger than the least.
const FEWEST_CHUNKS: u64 = 8;
/// Waves and rows of staged tables go through a temporary table: smaller.
const STAGED_CHUNK_BYTES: u64 = 2 << 20;
/// In a database in use.
const SMALL_CHUNK_BYTES: u64 = 128 << 10;
/// Fewer rows are not worth a transaction.
const LEAST_CHUNK: u64 = 1_000;
/// The server remembers each row of a transaction for which it has a foreign key to look at.
const MOST_CHUNK: u64 = 2_000_000;
/// In a database in use.
const LEAST_SMALL_CHUNK: u64 = 100;
/// A table whose rows are in an order of statistics has one chunk, or at least so many.
const LEAST_CHUNKS_IN_ORDER: u64 = 64;
/// Rows of waves settle after as many rounds: each can only lower them.
const MAX_ROUNDS: usize = 8;

/// The condition of abstract tables.
const NEVER: &str = "CHECK (false)";
/// Why nothing is loaded into a table with the only row that its keys allow.
const FULL: &str = "it has the only row that its keys allow";

/// What is wrong with a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("no table is called {name:?}")]
    NoTable { name: String, nearest: Option<String> },
    #[error("table {table:?} has no column {column:?}")]
    NoColumn { table: String, column: String, nearest: Option<String> },
    #[error("column {column:?} of table {table:?}: {reason}")]
    Column { table: String, column: String, reason: String },
}

impl PlanError {
    /// The name that was meant, perhaps.
    pub(crate) fn nearest(&self) -> Option<&str> {
        match self {
            Self::NoTable { nearest, .. } | Self::NoColumn { nearest, .. } => nearest.as_deref(),
            Self::Column { .. } => None,
        }
    }

    /// The word of perfkit.yaml that is wrong.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::NoTable { name, .. } => name,
            Self::NoColumn { column, .. } | Self::Column { column, .. } => column,
        }
    }
}

/// Plans what is to be loaded. Tables without rows of their own are in the plan as what others refer to.
pub(crate) fn build(schema: &Schema, request: &Request, known: &Known) -> Result<Plan, PlanError> {
    with_questions(schema, request, known).map(|(plan, _)| plan)
}

/// Plans, and tells of which conditions only the server knows whether the planned rows pass.
pub(crate) fn with_questions(
    schema: &Schema,
    request: &Request,
    known: &Known,
) -> Result<(Plan, Vec<Question>), PlanError> {
    again(schema, request, known, &mut Memo::default())
}

/// Plans as [`with_questions`] does, and takes what `memo` remembers of earlier times with the same request: only tables that
/// other repairs concern than before are planned anew, and what depends on them. Nothing else of what is known may change.
pub(crate) fn again(
    schema: &Schema,
    request: &Request,
    known: &Known,
    memo: &mut Memo,
) -> Result<(Plan, Vec<Question>), PlanError> {
    let mut schema = schema.clone();
    repair_schema(&mut schema, &known.repairs);
    refer(&mut schema, request)?;
    let named = Named::new(&schema, request)?;
    let mut gaps = refuse(&mut schema, request, known, &named);
    let mut steps = graph::order(&schema, &known.together(), &known.after());
    let wanted = super::rows::wanted(&schema, &steps, request, &named);
    let mut builder = Builder {
        request,
        known,
        named: &named,
        schema: &schema,
        plan: Plan {
            algorithm: ALGORITHM,
            seed: request.seed,
            as_of_us: request.as_of_us,
            tables: Vec::new(),
            steps: Vec::new(),
            gaps: Vec::new(),
            size: None,
            are_triggers_off: false,
            asked: Vec::new(),
            partitions: Vec::new(),
        },
        n_rows: wanted.iter().map(|(n, _)| *n).collect(),
        untied: BTreeSet::new(),
        questions: BTreeMap::new(),
    };
    builder.limit();
    let ids = 0..u16::try_from(schema.relations.len()).expect("fewer tables than PostgreSQL can name");
    builder.plan.tables = ids.map(|table| builder.empty(table)).collect();
    let mut versions: BTreeMap<TableId, u64> = BTreeMap::new();
    for step in &steps {
        let tables = chunk::of_step(step);
        if tables.iter().all(|table| !builder.relation(*table).is_loadable()) {
            // What is remembered of them is of use when they are tried again.
            for table in tables {
                builder.n_rows[usize::from(*table)] = 0;
            }
            continue;
        }
        let asked = Asked::new(&builder, tables, &wanted, &versions);
        let version = if let Some(remembered) = memo.find(tables, &asked) {
            builder.take(tables, remembered);
            remembered.version
        } else {
            let n_gaps = builder.plan.gaps.len();
            builder.fill_step(step, &wanted)?;
            memo.keep(tables, asked, builder.made(tables, n_gaps))
        };
        versions.extend(tables.iter().map(|table| (*table, version)));
    }
    let questions = builder.questions.into_values().flatten().collect();
    let mut plan = builder.plan;
    let is_loaded = |table: &TableId| plan.tables[usize::from(*table)].is_loaded();
    for step in &mut steps {
        if let Step::Wave(tables) = step {
            tables.retain(is_loaded);
            if let [table] = **tables {
                *step = Step::Table(table);
            }
        }
    }
    steps.retain(|step| match step {
        Step::Table(table) => is_loaded(table),
        Step::Wave(tables) => !tables.is_empty(),
    });
    plan.steps = steps;
    chunk::even_waves(&mut plan);
    gaps.append(&mut plan.gaps);
    for gap in gaps {
        // Rounds say the same again.
        if !plan.gaps.contains(&gap) {
            plan.gaps.push(gap);
        }
    }
    Ok((plan, questions))
}

/// How steps were planned before.
#[derive(Default)]
pub(crate) struct Memo {
    steps: BTreeMap<Vec<TableId>, (Asked, Made)>,
    n_versions: u64,
}

impl Memo {
    fn find(&self, tables: &[TableId], asked: &Asked) -> Option<&Made> {
        self.steps.get(tables).filter(|(before, _)| before == asked).map(|(_, made)| made)
    }

    fn keep(&mut self, tables: &[TableId], asked: Asked, made: Made) -> u64 {
        self.n_versions += 1;
        let made = Made { version: self.n_versions, ..made };
        self.steps.insert(tables.to_vec(), (asked, made));
        self.n_versions
    }
}

/// What decides how the tables of a step are planned, beside what does not change.
#[derive(PartialEq)]
struct Asked {
    /// The rows that each table is to get.
    rows: Vec<(u64, RowsFrom)>,
    n_rows: Vec<u64>,
    refusals: Vec<Option<String>>,
    repairs: Vec<Repair>,
    /// The versions of the tables that they refer to.
    versions: Vec<Option<u64>>,
}

impl Asked {
    fn new(
        builder: &Builder,
        tables: &[TableId],
        wanted: &[(u64, RowsFrom)],
        versions: &BTreeMap<TableId, u64>,
    ) -> Self {
        let at = |table: &TableId| usize::from(*table);
        let repairs = builder.known.repairs.iter();
        let parents = tables.iter().flat_map(|table| &builder.relation(*table).foreign_keys);
        Self {
            rows: tables.iter().map(|table| wanted[at(table)].clone()).collect(),
            n_rows: tables.iter().map(|table| builder.n_rows[at(table)]).collect(),
            refusals: tables.iter().map(|table| builder.relation(*table).refusal.clone()).collect(),
            repairs: repairs.filter(|repair| tables.contains(&repair.table())).cloned().collect(),
            versions: parents.map(|key| versions.get(&key.parent).copied()).collect(),
        }
    }
}

/// The plans of the tables of a step.
struct Made {
    version: u64,
    tables: Vec<TablePlan>,
    gaps: Vec<Gap>,
    questions: Vec<Option<Vec<Question>>>,
}

/// What the request says of each table.
pub(super) struct Named<'r> {
    pub(super) rows: BTreeMap<TableId, u64>,
    pub(super) configs: BTreeMap<TableId, &'r TableConfig>,
}

impl<'r> Named<'r> {
    fn new(schema: &Schema, request: &'r Request) -> Result<Self, PlanError> {
        let find = |name: &str| find(schema, name);
        let rows = request.rows.iter().map(|(name, n)| Ok((find(name)?, *n))).collect::<Result<_, _>>()?;
        let mut configs = BTreeMap::new();
        for (name, config) in &request.config.tables {
            let table = find(name)?;
            let relation = &schema.relations[usize::from(table)];
            for column in config.columns.keys() {
                if relation.column(column).is_none() {
                    let names = relation.fields.iter().map(|field| field.name.as_str());
                    return Err(PlanError::NoColumn {
                        table: name.clone(),
                        column: column.clone(),
                        nearest: nearest(column, names),
                    });
                }
            }
            configs.insert(table, config);
        }
        Ok(Self { rows, configs })
    }

    pub(super) fn config(&self, table: TableId) -> Option<&'r TableConfig> {
        self.configs.get(&table).copied()
    }
}

/// Finds a table by its name, with or without its schema.
pub(super) fn find(schema: &Schema, name: &str) -> Result<TableId, PlanError> {
    let is_named = |relation: &Relation| {
        relation.name == name || format!("{}.{}", relation.schema, relation.name) == name
    };
    let asked = schema.relations.iter().position(|relation| relation.is_asked && is_named(relation));
    let any = || schema.relations.iter().position(is_named);
    let place = asked.or_else(any).ok_or_else(|| PlanError::NoTable {
        name: name.to_owned(),
        nearest: nearest(name, schema.relations.iter().map(|relation| relation.name.as_str())),
    })?;
    Ok(TableId::try_from(place).expect("a place among the relations, whose places fit"))
}

/// The least similarity (Jaro and Winkler) of a name that is offered in place of a wrong one.
const LEAST_SIMILAR: f64 = 0.7;

fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let similarity = |other: &str| strsim::jaro_winkler(name, other);
    let best = names.max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best) >= LEAST_SIMILAR).then(|| best.to_owned())
}

/// Makes the schema such that what repairs ask for is planned.
fn repair_schema(schema: &mut Schema, repairs: &[Repair]) {
    for repair in repairs {
        match repair {
            Repair::NeverNull(table, column) => {
                schema.relations[usize::from(*table)].fields[usize::from(*column)].not_null = true;
            }
            Repair::AlsoUnique(table, columns) => {
                let relation = &mut schema.relations[usize::from(*table)];
                relation.keys.push(Key {
                    name: "a key of a table that its triggers fill".to_owned(),
                    parts: columns.iter().copied().map(KeyPart::Column).collect(),
                    predicate: None,
                    nulls_distinct: true,
                    is_primary: false,
                });
            }
            Repair::WithColumn(table, key, column, of_parent) => {
                let key = &mut schema.relations[usize::from(*table)].foreign_keys[usize::from(*key)];
                key.columns.push(*column);
                key.parent_columns.push(*of_parent);
            }
            Repair::RefersTo(table, column, parent, of_parent) => {
                schema.relations[usize::from(*table)].foreign_keys.push(ForeignKey {
                    name: "a foreign key of a table that its triggers fill".to_owned(),
                    columns: vec![*column],
                    parent: *parent,
                    parent_columns: vec![*of_parent],
                    is_match_full: false,
                    is_deferrable: false,
                });
            }
            Repair::MadeFor(table, key) => {
                let inherited = inherited(schema, *table, usize::from(*key));
                schema.relations[usize::from(*table)].foreign_keys.extend(inherited);
            }
            _ => {}
        }
    }
}

/// The foreign keys of a parent that concern its row for a row of a table, as foreign keys of the table: what a trigger makes there
/// refers to them.
fn inherited(schema: &Schema, table: TableId, key: usize) -> Vec<ForeignKey> {
    let own = &schema.relations[usize::from(table)].foreign_keys;
    let key = &own[key];
    let of = |theirs: &ForeignKey| {
        let column = |column: &ColumnId| {
            let place = key.parent_columns.iter().position(|of| of == column)?;
            Some(key.columns[place])
        };
        let columns = theirs.columns.iter().map(column).collect::<Option<Vec<_>>>()?;
        let is_own = own.iter().any(|own| own.columns == columns && own.parent == theirs.parent);
        (!is_own && theirs.parent != table).then(|| ForeignKey { columns, ..theirs.clone() })
    };
    schema.relations[usize::from(key.parent)].foreign_keys.iter().filter_map(of).collect()
}

/// Adds the references of perfkit.yaml that no foreign key of the schema stands for.
fn refer(schema: &mut Schema, request: &Request) -> Result<(), PlanError> {
    for (name, config) in &request.config.tables {
        let table = usize::from(find(schema, name)?);
        for (column, generator) in &config.columns {
            let (to, to_column) = match generator {
                Generator::Reference { to, .. } | Generator::Each { to } | Generator::Other { to, .. } => {
                    (to, None)
                }
                Generator::From { table, column } => (table, Some(column)),
                _ => continue,
            };
            let parent = find(schema, to)?;
            let Some(id) = schema.relations[table].column(column) else { continue };
            let is_there = schema.relations[table]
                .foreign_keys
                .iter()
                .any(|key| key.columns.contains(&id) && key.parent == parent && to_column.is_none());
            if is_there {
                continue;
            }
            let relation = &schema.relations[usize::from(parent)];
            let wrong =
                |reason: String| PlanError::Column { table: name.clone(), column: column.clone(), reason };
            let parent_column = match to_column {
                Some(of) => relation.column(of).ok_or_else(|| wrong(format!("{to} has no column {of:?}")))?,
                None => match relation.primary_key().map(|key| key.parts.as_slice()) {
                    Some([KeyPart::Column(key)]) => *key,
                    _ => return Err(wrong(format!("{to} has no primary key of one column"))),
                },
            };
            schema.relations[table].foreign_keys.push(ForeignKey {
                name: format!("{column} of perfkit.yaml"),
                columns: vec![id],
                parent,
                parent_columns: vec![parent_column],
                is_match_full: false,
                is_deferrable: false,
            });
        }
    }
    Ok(())
}

/// Marks the tables that get no rows, and says why.
fn refuse(schema: &mut Schema, request: &Request, known: &Known, named: &Named) -> Vec<Gap> {
    for (table, relation) in (0..).zip(&mut schema.relations) {
        let is_asked_for = named.rows.contains_key(&table);
        if named.config(table).is_some_and(|config| config.skip) {
            relation.refusal = Some("is left out in perfkit.yaml".to_owned());
        } else if relation.is_filled && !request.append && relation.is_asked && !is_asked_for {
            // Callers refuse filled tables without `--append` before they plan; what is left are lookup tables.
            relation.refusal = Some("is not empty".to_owned());
        }
        let skipped = known.repairs.iter().find_map(|repair| match repair {
            Repair::Skip(of, reason) if *of == table => Some(reason.clone()),
            Repair::Full(of) if *of == table => Some(FULL.to_owned()),
            _ => None,
        });
        if skipped.is_some() {
            relation.refusal = skipped;
        }
        let never = relation.checks.iter().find(|(_, definition)| definition == NEVER);
        if let (None, Some((name, _))) = (&relation.refusal, never) {
            relation.refusal =
                Some(format!("{name} lets no row be its own: it is there for tables that inherit from it"));
        }
    }
    let mut skipped: Vec<TableId> = Vec::new();
    let mut gaps = Vec::new();
    for (table, relation) in (0..).zip(&schema.relations) {
        if relation.is_loadable() {
            continue;
        }
        skipped.push(table);
        // Who leaves a table out need not be told.
        let is_unwanted = named.config(table).is_some_and(|config| config.skip);
        if let Some(reason) = relation.refusal.clone().filter(|_| relation.is_asked && !is_unwanted) {
            let name = qualified(&relation.schema, &relation.name);
            gaps.push(if known.repairs.contains(&Repair::Full(table)) {
                Gap::Rows { table: name, asked: 1, given: 0, reason }
            } else {
                Gap::Table { table: name, reason }
            });
        }
    }
    for (table, gap) in graph::fallout(schema, &skipped) {
        if let Gap::Table { reason, .. } = &gap {
            schema.relations[usize::from(table)].refusal = Some(reason.clone());
        }
        gaps.push(gap);
    }
    gaps
}

/// A plan in the making.
pub(super) struct Builder<'b> {
    pub(super) request: &'b Request,
    pub(super) known: &'b Known,
    pub(super) named: &'b Named<'b>,
    pub(super) schema: &'b Schema,
    pub(super) plan: Plan,
    /// Rows that tables get, as far as it is known.
    pub(super) n_rows: Vec<u64>,
    /// Foreign keys, by table and place, that are not followed because values would go round in a circle.
    pub(super) untied: BTreeSet<(TableId, usize)>,
    questions: BTreeMap<TableId, Vec<Question>>,
}

impl Builder<'_> {
    /// Returns how the tables of a step are planned now.
    fn made(&self, tables: &[TableId], n_gaps: usize) -> Made {
        Made {
            version: 0,
            tables: tables.iter().map(|table| self.plan.tables[usize::from(*table)].clone()).collect(),
            gaps: self.plan.gaps[n_gaps..].to_vec(),
            questions: tables.iter().map(|table| self.questions.get(table).cloned()).collect(),
        }
    }

    fn take(&mut self, tables: &[TableId], made: &Made) {
        for ((table, plan), questions) in tables.iter().zip(&made.tables).zip(&made.questions) {
            self.n_rows[usize::from(*table)] = plan.n_rows;
            self.plan.tables[usize::from(*table)] = plan.clone();
            if let Some(questions) = questions {
                self.questions.insert(*table, questions.clone());
            }
        }
        self.plan.gaps.extend_from_slice(&made.gaps);
    }

    /// Takes the limits that a rehearsal found.
    fn limit(&mut self) {
        for repair in &self.known.repairs {
            let Repair::AtMost(table, most, reason) = repair else { continue };
            let n = &mut self.n_rows[usize::from(*table)];
            if *n > *most {
                let relation = &self.schema.relations[usize::from(*table)];
                let table = qualified(&relation.schema, &relation.name);
                let (asked, given, reason) = (*n, *most, reason.clone());
                self.plan.gaps.push(Gap::Rows { table, asked, given, reason });
                *n = *most;
            }
        }
    }

    /// The plan of a table that gets no rows.
    fn empty(&self, table: TableId) -> TablePlan {
        let relation = &self.schema.relations[usize::from(table)];
        let column = |field: &crate::seed::schema::Field| ColumnPlan {
            name: field.name.clone(),
            type_name: field.type_name.clone(),
            wire: guess::wire(&field.ty).unwrap_or(Wire::Bytes),
            maker: Maker::Null,
            nulls: Nulls::Never,
            key: 0,
            source: super::MakerFrom::Type,
            sequence: None,
        };
        TablePlan {
            schema: relation.schema.clone(),
            name: relation.name.clone(),
            n_rows: 0,
            rows_from: RowsFrom::Default,
            base: self.known.base(table),
            existing: self.existing(table).cloned(),
            columns: relation.fields.iter().map(column).collect(),
            edges: Vec::new(),
            components: Vec::new(),
            fill_order: Vec::new(),
            routing: None,
            is_staged: false,
            rows_per_chunk: 1,
            waits_for: Vec::new(),
            fed_by: None,
            was_filled: relation.is_filled,
        }
    }

    /// Plans the tables of a step, and does without foreign keys that would tie knots.
    fn fill_step(&mut self, step: &Step, wanted: &[(u64, RowsFrom)]) -> Result<(), PlanError> {
        let wave = if let Step::Wave(tables) = step { tables.as_slice() } else { &[] };
        // Each round but the last one unties a foreign key.
        loop {
            for _ in 0..MAX_ROUNDS {
                let before = self.n_rows.clone();
                for table in chunk::of_step(step) {
                    self.fill(*table, wanted, wave)?;
                }
                if wave.is_empty() || self.n_rows == before {
                    break;
                }
            }
            let Some(knot) = knots::knot(&self.plan.tables, chunk::of_step(step)) else { return Ok(()) };
            if !self.untie(&knot) {
                return Err(self.made_of_itself(&knot));
            }
        }
    }

    /// Does without a foreign key of a knot: one that may be NULL, if there is one. False where there is none.
    fn untie(&mut self, knot: &[Part]) -> bool {
        let place = |part: &Part| {
            let table = part.table();
            let plan = &self.plan.tables[usize::from(table)];
            let edge = match *part {
                Part::Edge(_, edge) => edge,
                Part::Column(_, column) => match plan.columns[usize::from(column)].maker {
                    Maker::Reference { edge, .. } => edge,
                    _ => return None,
                },
            };
            let edge = &plan.edges[usize::from(edge)];
            let relation = self.relation(table);
            let mut keys = relation.foreign_keys.iter();
            let place = keys.position(|key| key.name == edge.name && key.columns == edge.columns)?;
            let may_be_null = edge.columns.iter().any(|column| !relation.field(*column).not_null);
            Some((may_be_null, edge.columns.len(), table, place))
        };
        let chosen = knot.iter().filter_map(place).max();
        chosen.is_some_and(|(_, _, table, place)| self.untied.insert((table, place)))
    }

    /// Columns of a table that perfkit.yaml makes of each other.
    fn made_of_itself(&self, knot: &[Part]) -> PlanError {
        let relation = self.relation(knot[0].table());
        let column = knot.iter().find_map(|part| match part {
            Part::Column(_, column) => Some(relation.field(*column).name.clone()),
            Part::Edge(..) => None,
        });
        PlanError::Column {
            table: relation.name.clone(),
            column: column.unwrap_or_default(),
            reason: "its values would be made of themselves".to_owned(),
        }
    }

    /// Plans the rows of a table; `wave` are the tables that are loaded with it.
    fn fill(
        &mut self,
        table: TableId,
        wanted: &[(u64, RowsFrom)],
        wave: &[TableId],
    ) -> Result<(), PlanError> {
        let relation = &self.schema.relations[usize::from(table)];
        let (_, rows_from) = &wanted[usize::from(table)];
        let n_wanted = self.n_together(table, wave);
        if !relation.is_loadable() || n_wanted == 0 {
            self.n_rows[usize::from(table)] = 0;
            return Ok(());
        }
        let mut plan = self.empty(table);
        let columns = TableColumns::new(self, table, wave, n_wanted)?;
        plan.n_rows = columns.n_rows;
        plan.rows_from = if columns.n_rows < wanted[usize::from(table)].0 {
            RowsFrom::Capped { wanted: wanted[usize::from(table)].0 }
        } else {
            rows_from.clone()
        };
        let name = qualified(&relation.schema, &relation.name);
        if let Some(reason) = columns.refusal {
            self.plan.gaps.push(Gap::Table { table: name, reason });
        } else if plan.n_rows < n_wanted && (plan.n_rows == 0 || matches!(rows_from, RowsFrom::Asked)) {
            self.plan.gaps.push(Gap::Rows {
                table: name,
                asked: n_wanted,
                given: plan.n_rows,
                reason: columns.cap_reason,
            });
        }
        if plan.n_rows == 0 {
            plan.existing = self.known.existing.get(&table).cloned();
        } else {
            self.plan.gaps.extend(columns.gaps);
            for (column, type_name) in &relation.left_out {
                self.plan.gaps.push(Gap::Column {
                    table: qualified(&relation.schema, &relation.name),
                    column: column.clone(),
                    reason: format!("type {type_name} has no binary form"),
                });
            }
            plan.columns = columns.columns;
            plan.edges = columns.edges;
            plan.components = columns.components;
            plan.fill_order = columns.fill_order;
            plan.routing = columns.routing;
            self.questions.insert(table, columns.questions);
        }
        // COPY BINARY into a table reads the forms of all its columns, even of those that it does not write (`BeginCopyFrom` in
        // copyfrom.c).
        plan.is_staged = !wave.is_empty() || relation.has_row_security || !relation.left_out.is_empty();
        let per_row: u64 = plan.columns.iter().map(|column| column.wire.bytes_about()).sum();
        let (bytes, least) = match plan.is_staged {
            _ if self.request.has_small_chunks => (SMALL_CHUNK_BYTES, LEAST_SMALL_CHUNK),
            true => (STAGED_CHUNK_BYTES, LEAST_CHUNK),
            // Rows wait in memory until those of all partitions are made.
            false if plan.routing.is_some() => (*CHUNK_BYTES.start(), LEAST_CHUNK),
            false => {
                let part = plan.n_rows.saturating_mul(per_row) / FEWEST_CHUNKS;
                (part.clamp(*CHUNK_BYTES.start(), *CHUNK_BYTES.end()), LEAST_CHUNK)
            }
        };
        let most = (bytes / per_row.max(1)).clamp(least, MOST_CHUNK);
        plan.rows_per_chunk = chunk::even_size(plan.n_rows, most);
        if self.request.statistics.is_some() && plan.n_rows > u64::from(plan.rows_per_chunk) {
            // Sessions bring chunks in about their order: one has all rows in order, and the more there are, the less it matters.
            let most = u32::try_from(plan.n_rows / LEAST_CHUNKS_IN_ORDER).unwrap_or(u32::MAX);
            plan.rows_per_chunk = plan.rows_per_chunk.min(most.max(u32::try_from(least).unwrap_or(u32::MAX)));
        }
        plan.waits_for = self.waits_for(table);
        plan.fed_by = self.known.repairs.iter().find_map(|repair| match repair {
            Repair::FedBy(of, feeder) if *of == table => Some(*feeder),
            _ => None,
        });
        self.n_rows[usize::from(table)] = plan.n_rows;
        self.plan.tables[usize::from(table)] = plan;
        Ok(())
    }

    /// How many rows a table is to get: as many as the one that it is loaded together with, and no more than there are rows of the
    /// next table in a circle of values, so that each finds one that leads back to it.
    fn n_together(&self, table: TableId, wave: &[TableId]) -> u64 {
        let n = |table: TableId| self.n_rows[usize::from(table)];
        let mut n_wanted = n(table);
        for (parent, child) in self.known.together() {
            if wave.contains(&parent) && wave.contains(&child) && n(parent).min(n(child)) > 0 {
                if table == child {
                    n_wanted = n(parent);
                } else if table == parent {
                    n_wanted = n_wanted.min(n(child));
                }
            }
        }
        // Chunks of equal tables are equal; of others the last ones are not in proportion.
        let n_least = if self.request.has_small_chunks { LEAST_SMALL_CHUNK } else { LEAST_CHUNK };
        for circle in edges::circles(self.schema, wave) {
            let sizes = || circle.iter().map(|table| n(*table));
            let Some(place) = circle.iter().position(|of| *of == table) else { continue };
            if sizes().any(|n| n == 0) {
                continue;
            }
            let most = if sizes().any(|n| n > n_least) { sizes().min() } else { sizes().nth(place + 1) };
            n_wanted = n_wanted.min(most.unwrap_or(u64::MAX));
        }
        n_wanted
    }

    fn waits_for(&self, table: TableId) -> Vec<TableId> {
        let after = self.known.after().into_iter();
        after.filter(|(of, _)| *of == table).map(|(_, other)| other).collect()
    }

    pub(super) fn relation(&self, table: TableId) -> &Relation {
        &self.schema.relations[usize::from(table)]
    }

    /// How many rows of a table can be referred to.
    pub(super) fn n_referable(&self, table: TableId) -> u64 {
        self.existing(table).map_or(0, |existing| existing.n_rows) + self.n_rows[usize::from(table)]
    }

    /// The rows of a table that new ones refer to: those that are there where no new ones come, so that no pair of parents can be
    /// one that is there.
    fn existing(&self, table: TableId) -> Option<&Existing> {
        self.known.existing.get(&table).filter(|_| self.n_rows[usize::from(table)] == 0)
    }
}
