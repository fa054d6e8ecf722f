//! What to try when the server refuses the rows of a table: other choices for its columns, the likeliest to help first.
//!
//! Nothing is known of a trigger or a function but its text and what it says. So each choice is tried on the server, in a
//! transaction that is rolled back.

use std::collections::BTreeSet;

use super::request::Repair;
use super::{Gap, Nulls, Plan, RowsFrom};
use crate::query::check;
use crate::query::quote::qualified;
use crate::seed::chunk;
use crate::seed::make::Maker;
use crate::seed::plan::MakerFrom;
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, Field, ForeignKey, Key, KeyPart, Relation, Schema, TableId};

/// So many cases of a component of conditions are tried.
const MAX_CASES: usize = 12;
/// So many labels of an enumeration, and constants of a text.
const MAX_CONSTANTS: usize = 8;
/// So many rows of a parent.
const MAX_PARENTS: u64 = 4;
/// Shorter words of a name say nothing: `id`, `is`, `has`.
const LEAST_WORD: usize = 4;
/// What triggers say of values that are not there.
const WORDS_OF_LACK: [&str; 7] = ["null", "empty", "missing", "must", "required", "needs", "without"];
/// What triggers say of texts that they cannot read, and a text that they can.
const FORMATS: [(&str, &str); 4] =
    [("xml", "<root/>"), ("start tag", "<root/>"), ("json", "{}"), ("url", "https://example.com/")];
/// Manual: PostgreSQL Error Codes.
const UNIQUE_VIOLATION: &str = "23505";
const FOREIGN_KEY_VIOLATION: &str = "23503";

/// Repairs that are tried together.
pub(crate) type Trial = Vec<Repair>;

/// What the server had against rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The table whose rows were loaded.
    pub(crate) table: TableId,
    pub(crate) sqlstate: String,
    pub(crate) message: String,
    pub(crate) constraint: Option<String>,
    pub(crate) column: Option<String>,
    /// The row, from 1, where the server names it. It does not for what is checked after all rows.
    pub(crate) line: Option<u64>,
    /// A table whose triggers have put rows here.
    pub(crate) feeder: Option<TableId>,
    /// The table that refuses a row of a trigger.
    pub(crate) other: Option<TableId>,
    /// The text of the functions of the table's triggers.
    pub(crate) source: String,
    /// Settings of the session that they ask for.
    pub(crate) settings: Vec<String>,
}

impl Failure {
    /// Whether no other row can help: something that triggers or functions use is missing, or not allowed (class 42).
    pub(crate) fn is_hopeless(&self) -> bool {
        self.sqlstate.starts_with("42")
    }

    /// Whether something was reached by a repair that met this failure, after `before`: a later row, or another constraint.
    pub(crate) fn moves_on(&self, before: &Self) -> bool {
        const NOT_NULL_VIOLATION: &str = "23502";
        const CHECK_VIOLATION: &str = "23514";
        let line = |failure: &Self| failure.line.unwrap_or(u64::MAX);
        if self.is_hopeless() || line(self) < line(before) {
            return false;
        }
        // What a repair itself brings about is no progress.
        let is_own = [NOT_NULL_VIOLATION, CHECK_VIOLATION].contains(&self.sqlstate.as_str());
        line(self) > line(before) || (self.kind() != before.kind() && !is_own)
    }

    /// Whether a repair that ends here is better than the `best` so far, after `before`.
    pub(crate) fn is_better(&self, best: Option<&Self>, before: &Self) -> bool {
        let line = |failure: &Self| failure.line.unwrap_or(u64::MAX);
        self.table == before.table && self.moves_on(before) && best.is_none_or(|best| line(self) > line(best))
    }

    /// What the failure is, apart from the values that it names.
    fn kind(&self) -> (&str, Option<&str>, String) {
        let message = match self.constraint {
            Some(_) => String::new(),
            None => self.message.chars().filter(|it| !it.is_ascii_digit()).collect(),
        };
        (&self.sqlstate, self.constraint.as_deref(), message)
    }

    /// The server's message as a reason.
    fn reason(&self) -> String {
        let named = self.message.strip_prefix("unrecognized configuration parameter ");
        let named =
            named.map(|name| name.trim_matches('"').to_owned()).filter(|it| !self.settings.contains(it));
        let settings = self.settings.iter().cloned().chain(named).collect::<Vec<String>>().join(", ");
        let give = format!("{settings}: give it a value, as by ALTER ROLE … SET or in PGOPTIONS");
        let hint = match (self.source.is_empty(), settings.is_empty()) {
            (true, true) => String::new(),
            (true, false) => format!(" (it asks for {give})"),
            (false, true) => " (`--triggers off` fills it without its triggers)".to_owned(),
            (false, false) => format!(
                " (its triggers ask for {give}, or fill the table without its triggers by `--triggers off`)"
            ),
        };
        format!("the server refuses its rows: {}{hint}", self.message)
    }
}

/// Returns what may help, the likeliest first; the last one leaves the table out.
pub(crate) fn candidates(schema: &Schema, plan: &Plan, failure: &Failure, made: &[Repair]) -> Vec<Trial> {
    let relation = &schema.relations[usize::from(failure.table)];
    if is_full(relation, plan, failure) {
        return vec![vec![Repair::Full(failure.table)]];
    }
    let mut message = words(&failure.message);
    // Messages of constraints name the table.
    message.remove(&relation.name.to_lowercase());
    let mut search = Search {
        schema,
        plan,
        failure,
        table: failure.table,
        relation,
        message,
        source: words(&failure.source),
        trials: Vec::new(),
    };
    if !failure.is_hopeless() {
        search.all();
    }
    let mut trials = search.trials;
    let is_open = |trial: &Trial| {
        let is_chosen = |repair: &Repair| made.iter().any(|other| place(other) == place(repair));
        !trial.is_empty() && !trial.iter().any(is_chosen)
    };
    trials.retain(is_open);
    let mut seen = BTreeSet::new();
    trials.retain(|trial| seen.insert(trial.clone()));
    trials.push(vec![Repair::Skip(failure.table, failure.reason())]);
    trials
}

/// Whether a table has a row already and its keys allow no other one.
fn is_full(relation: &Relation, plan: &Plan, failure: &Failure) -> bool {
    let table = &plan.tables[usize::from(failure.table)];
    relation.is_filled
        && failure.sqlstate == UNIQUE_VIOLATION
        && table.n_rows == 1
        && matches!(table.rows_from, RowsFrom::Capped { .. })
}

/// Returns the keys of another table that a table's triggers fill, as columns of the same names: few rows may pass, of many some are the
/// same. Only texts can be told apart at will; of other columns alone a trigger keeps one row by itself.
pub(crate) fn keys_of_filled(own: &Relation, other: &Relation) -> Vec<Vec<ColumnId>> {
    let is_free_text = |column: &ColumnId| {
        let field = own.field(*column);
        matches!(field.ty, Type::Text(_))
            && own.foreign_keys.iter().all(|key| !key.columns.contains(column))
            && own
                .checks
                .iter()
                .all(|(_, definition)| !words(definition).contains(&field.name.to_lowercase()))
    };
    let of_own = |key: &Key| {
        let column = |part: &KeyPart| match part {
            KeyPart::Column(column) => own.column(&other.field(*column).name),
            _ => None,
        };
        let columns = key.parts.iter().map(column).collect::<Option<Vec<ColumnId>>>()?;
        let is_within = |key: &Key| {
            let is_in = |part: &KeyPart| part.columns().iter().all(|column| columns.contains(column));
            key.predicate.is_none() && key.parts.iter().all(is_in)
        };
        let is_unmet = !own.keys.iter().any(is_within) && columns.iter().any(is_free_text);
        (key.predicate.is_none() && is_unmet).then_some(columns)
    };
    other.keys.iter().filter_map(of_own).collect()
}

/// Returns the tables that one can be loaded together with, so that each of its rows is referred to as soon as it is there: the
/// simplest first.
pub(crate) fn companions(schema: &Schema, plan: &Plan, table: TableId) -> Vec<TableId> {
    let relations = (0..).zip(&schema.relations);
    let companion = |(child, relation): (TableId, &Relation)| {
        let mut keys = relation.foreign_keys.iter().filter(|key| key.parent == table);
        let (key, None) = (keys.next()?, keys.next()) else { return None };
        let is_there = key.columns.iter().all(|column| relation.field(*column).not_null);
        let can = child != table && is_there && plan.tables[usize::from(child)].n_rows > 0;
        can.then_some((relation.triggers.len(), relation.checks.len(), relation.foreign_keys.len(), child))
    };
    let mut companions: Vec<_> = relations.filter_map(companion).collect();
    companions.sort_unstable();
    companions.into_iter().map(|(.., child)| child).collect()
}

/// Says what is lost by a repair. What [`super::build::build`] says itself, of tables and rows, is not repeated.
/// `all` are the repairs of the plan: of a table that is left out nothing more is said.
pub(crate) fn gap(schema: &Schema, all: &[Repair], repair: &Repair, reason: &str) -> Option<Gap> {
    let Repair::AlwaysNull(table, column) = repair else { return None };
    if all.iter().any(|other| matches!(other, Repair::Skip(of, _) if of == table)) {
        return None;
    }
    let relation = &schema.relations[usize::from(*table)];
    Some(Gap::Column {
        table: qualified(&relation.schema, &relation.name),
        column: relation.field(*column).name.clone(),
        reason: format!("the server refuses values: {reason}"),
    })
}

/// What a repair decides: two that decide the same cannot be made together.
fn place(repair: &Repair) -> (TableId, u8, u32) {
    let (table, sort, of): (&TableId, u8, u16) = match repair {
        Repair::AlwaysNull(table, column)
        | Repair::NeverNull(table, column)
        | Repair::Literal(table, column, _)
        | Repair::CopyOf(table, column, _)
        | Repair::RefersTo(table, column, ..) => (table, 0, *column),
        Repair::OnlyCase(table, component, _) => (table, 1, *component),
        Repair::OneParent(table, key, _) => (table, 5, *key),
        Repair::After(table, other) => (table, 6, *other),
        Repair::Together(table, _) => (table, 7, 0),
        Repair::MadeFor(table, key) => (table, 8, *key),
        Repair::BelowExisting(table, key) => (table, 9, *key),
        Repair::AlsoUnique(table, columns) => (table, 10, columns.first().copied().unwrap_or(0)),
        Repair::WithColumn(table, key, column, _) => {
            return (*table, 11, u32::from(*key) << 16 | u32::from(*column));
        }
        Repair::AtMost(table, ..) => (table, 2, 0),
        Repair::FedBy(table, _) => (table, 3, 0),
        Repair::Skip(table, _) | Repair::Full(table) => (table, 4, 0),
    };
    (*table, sort, u32::from(of))
}

/// The words of a text in small letters.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    let is_within = |it: char| it.is_alphanumeric() || it == '_';
    text.split(|it| !is_within(it)).filter(|it| !it.is_empty()).map(str::to_lowercase).collect()
}

/// How near a column is to what failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// Of the constraint.
    Named,
    /// Its name, or a part of it, is in the message.
    InMessage,
    /// Its name is in the text of a trigger.
    InSource,
    Unknown,
}

struct Search<'s> {
    schema: &'s Schema,
    plan: &'s Plan,
    failure: &'s Failure,
    table: TableId,
    relation: &'s Relation,
    message: BTreeSet<String>,
    source: BTreeSet<String>,
    trials: Vec<Trial>,
}

impl Search<'_> {
    fn all(&mut self) {
        self.fed();
        self.after();
        self.below();
        let named = self.named();
        let mut columns: Vec<(Nearness, ColumnId)> = (0..)
            .zip(&self.relation.fields)
            .map(|(column, field)| (self.nearness(&field.name, named.contains(&column)), column))
            .collect();
        columns.sort_unstable();
        let near = |most: Nearness| -> Vec<ColumnId> {
            columns.iter().filter(|(nearness, _)| *nearness <= most).map(|(_, column)| *column).collect()
        };
        let (near_message, near_source, all) =
            (near(Nearness::InMessage), near(Nearness::InSource), near(Nearness::Unknown));
        // A few of each first: what helps may be of any sort.
        self.references_of_others(&near_source);
        self.some(6, |search| search.formats(&near_source));
        self.some(6, |search| search.with_columns(&near_source));
        if WORDS_OF_LACK.iter().any(|word| self.message.contains(*word)) {
            self.some(4, |search| search.values(&near_message));
            self.values_together(&near_source);
        }
        self.some(4, |search| search.nulls(&named));
        self.some(6, |search| search.parents(Nearness::InMessage));
        self.some(6, |search| search.cases(&near_source));
        self.some(3, |search| search.values(&near_message));
        self.some(8, |search| search.one_parent(&near_message));
        self.some(6, |search| search.literals(&near_source));
        self.some(6, |search| search.parents(Nearness::InSource));
        self.some(8, |search| search.one_parent(&near_source));
        for together in [&near_message, &near_source, &all] {
            self.null_together(together);
        }
        self.values_together(&near_source);
        self.empty_together(&near_source);
        self.some(3, |search| search.copies(&near_source));
        self.nulls(&near_source);
        self.literals(&near_source);
        self.copies(&near_source);
        self.nulls(&all);
        self.literals(&all);
        self.parents(Nearness::Unknown);
        let reason = format!("the server refuses more: {}", self.failure.message);
        self.trials.push(vec![Repair::AtMost(self.table, 1, reason)]);
    }

    /// Takes the first `n` of what `find` adds.
    fn some(&mut self, n: usize, find: impl FnOnce(&mut Self)) {
        let n_before = self.trials.len();
        find(self);
        self.trials.truncate(n_before + n);
    }

    /// Rows that are there already may be those of a trigger: one for each row of the table that it is on.
    fn fed(&mut self) {
        if self.failure.sqlstate != UNIQUE_VIOLATION {
            return;
        }
        // A trigger makes the very rows that were to be referred to.
        if let Some(parent) = self.failure.other {
            let keys = (0..).zip(&self.relation.foreign_keys).filter(|(_, key)| key.parent == parent);
            self.trials.push(keys.map(|(place, _)| Repair::MadeFor(self.table, place)).collect());
            // Or rows that were planned there stand in their way.
            let planned = &self.plan.tables[usize::from(parent)];
            if planned.is_loaded() && planned.rows_from != RowsFrom::Asked {
                self.trials.push(vec![Repair::FedBy(parent, self.table)]);
            }
        }
        let Some(feeder) = self.failure.feeder else { return };
        if self.relation.foreign_keys.iter().any(|key| key.parent == feeder) {
            self.trials.push(vec![Repair::FedBy(self.table, feeder)]);
        }
        // Triggers often leave alone what is there.
        self.trials.push(vec![Repair::After(feeder, self.table)]);
    }

    /// Triggers may look for rows of tables that come later.
    fn after(&mut self) {
        let steps = || self.plan.steps.iter().map(chunk::of_step);
        let Some(own) = steps().position(|tables| tables.contains(&self.table)) else { return };
        let later = steps().skip(own + 1).flatten();
        let is_named = |table: &&TableId| {
            let relation = &self.schema.relations[usize::from(**table)];
            self.source.contains(&relation.name.to_lowercase())
                && relation.foreign_keys.iter().all(|key| key.parent != self.table)
        };
        let named: Trial = later.filter(is_named).map(|other| Repair::After(self.table, *other)).collect();
        self.trials.push(named);
    }

    /// Rules of a hierarchy may ask for the roots that are there, and let but one kind of rows be below them.
    fn below(&mut self) {
        if !self.relation.is_filled {
            return;
        }
        let keys = (0..).zip(&self.relation.foreign_keys);
        let own = keys.filter(|(_, key)| key.parent == self.table && key.columns.len() == 1);
        let below: Trial = own.map(|(place, _)| Repair::BelowExisting(self.table, place)).collect();
        if below.is_empty() {
            return;
        }
        let n_before = self.trials.len();
        self.some(6, |search| search.cases(&[]));
        let with_case: Vec<Trial> =
            self.trials.drain(n_before..).map(|case| [&below[..], &case[..]].concat()).collect();
        self.trials.push(below);
        self.trials.extend(with_case);
    }

    /// What triggers put into another table has to be there where that table refers to.
    fn references_of_others(&mut self, near: &[ColumnId]) {
        let Some(other) = self.failure.other.filter(|_| self.failure.sqlstate == FOREIGN_KEY_VIOLATION)
        else {
            return;
        };
        let other = &self.schema.relations[usize::from(other)];
        let named = |key: &&ForeignKey| Some(&key.name) == self.failure.constraint.as_ref();
        let Some(key) = other.foreign_keys.iter().find(named) else { return };
        let ([theirs], [of_parent]) = (&key.columns[..], &key.parent_columns[..]) else { return };
        let theirs = other.field(*theirs);
        let is_open = |column: &ColumnId| {
            self.relation.field(*column).ty == theirs.ty
                && self.relation.foreign_keys.iter().all(|own| !own.columns.contains(column))
        };
        let same = self.relation.column(&theirs.name).filter(is_open);
        let others = near.iter().copied().filter(|column| is_open(column) && Some(*column) != same);
        let refers = |column: ColumnId| Repair::RefersTo(self.table, column, key.parent, *of_parent);
        let repairs: Trial = same.into_iter().chain(others).map(refers).collect();
        self.each(repairs);
    }

    /// Triggers see to it that a row is of the account that the rows it refers to are of: both have such a column, which has the same
    /// name or refers to the same table.
    fn with_columns(&mut self, near: &[ColumnId]) {
        let keys = || (0..).zip(&self.relation.foreign_keys).filter(|(_, key)| !key.is_match_full);
        let of_column = |column: ColumnId| -> Trial {
            let keys = keys().filter(|(_, key)| !key.columns.contains(&column));
            keys.filter_map(|(place, key)| {
                let of = self.same_of_parent(column, key)?;
                Some(Repair::WithColumn(self.table, place, column, of))
            })
            .collect()
        };
        let columns: Vec<Trial> = near.iter().map(|column| of_column(*column)).collect();
        self.trials.push(columns.concat());
        self.trials.extend(columns.iter().cloned());
        self.each(columns.concat());
    }

    /// The column of a parent that means what an own one does.
    fn same_of_parent(&self, column: ColumnId, key: &ForeignKey) -> Option<ColumnId> {
        let parent = &self.schema.relations[usize::from(key.parent)];
        let own = self.relation.field(column);
        let grandparent = refers_to(self.relation, column);
        let is_open = |of: &(ColumnId, &Field)| {
            !key.parent_columns.contains(&of.0) && of.1.ty == own.ty && (of.1.not_null || !own.not_null)
        };
        let columns = || (0..).zip(&parent.fields).filter(is_open);
        let of_same =
            |of: &(ColumnId, &Field)| grandparent.is_some() && grandparent == refers_to(parent, of.0);
        let found =
            columns().find(|(_, field)| field.name == own.name).or_else(|| columns().find(of_same))?;
        Some(found.0)
    }

    /// Columns of the constraint that failed, and the column that the server names.
    fn named(&self) -> Vec<ColumnId> {
        let relation = self.relation;
        let mut columns: Vec<ColumnId> = Vec::new();
        let mut add = |column: ColumnId| {
            if !columns.contains(&column) {
                columns.push(column);
            }
        };
        self.failure.column.iter().filter_map(|name| relation.column(name)).for_each(&mut add);
        let Some(constraint) = &self.failure.constraint else { return columns };
        for key in relation.foreign_keys.iter().filter(|key| key.name == *constraint) {
            key.columns.iter().copied().for_each(&mut add);
        }
        let key_parts =
            relation.keys.iter().filter(|key| key.name == *constraint).flat_map(|key| &key.parts).chain(
                relation
                    .exclusions
                    .iter()
                    .filter(|exclusion| exclusion.name == *constraint)
                    .flat_map(|exclusion| exclusion.parts.iter().map(|(part, _)| part)),
            );
        key_parts.flat_map(KeyPart::columns).copied().for_each(&mut add);
        for (name, definition) in relation.checks.iter().filter(|(name, _)| name == constraint) {
            let check = check::check(name, definition, &self.schema.functions);
            check.columns.iter().filter_map(|name| relation.column(name)).for_each(&mut add);
        }
        for (column, field) in (0..).zip(&relation.fields) {
            if field.domain_checks.iter().any(|(name, _)| name == constraint) {
                add(column);
            }
        }
        columns
    }

    fn nearness(&self, name: &str, is_named: bool) -> Nearness {
        let name = name.to_lowercase();
        let is_said = |part: &str| {
            let one = part.strip_suffix('s').unwrap_or(part);
            part.len() >= LEAST_WORD
                && self.message.iter().any(|word| word.strip_suffix('s').unwrap_or(word) == one)
        };
        if is_named {
            Nearness::Named
        } else if self.message.contains(&name) || name.split('_').any(is_said) {
            Nearness::InMessage
        } else if self.source.contains(&name) {
            Nearness::InSource
        } else {
            Nearness::Unknown
        }
    }

    fn can_be_null(&self, column: ColumnId) -> bool {
        let is_null =
            self.plan.tables[usize::from(self.table)].columns[usize::from(column)].maker == Maker::Null;
        !self.relation.field(column).not_null && !is_null
    }

    fn nulls(&mut self, columns: &[ColumnId]) {
        self.each(self.always_null(columns));
    }

    fn null_together(&mut self, columns: &[ColumnId]) {
        self.trials.push(self.always_null(columns));
    }

    fn always_null(&self, columns: &[ColumnId]) -> Trial {
        let nullable = columns.iter().copied().filter(|column| self.can_be_null(*column));
        nullable.map(|column| Repair::AlwaysNull(self.table, column)).collect()
    }

    fn values(&mut self, columns: &[ColumnId]) {
        self.each(self.never_null(columns));
    }

    fn values_together(&mut self, columns: &[ColumnId]) {
        self.trials.push(self.never_null(columns));
    }

    /// No NULL: triggers may ask for what the table itself does without.
    fn never_null(&self, columns: &[ColumnId]) -> Trial {
        let nullable = columns.iter().copied().filter(|column| self.may_be_null(*column));
        nullable.map(|column| Repair::NeverNull(self.table, column)).collect()
    }

    /// Tries each repair by itself.
    fn each(&mut self, repairs: Trial) {
        self.trials.extend(repairs.into_iter().map(|repair| vec![repair]));
    }

    /// Whether some of the planned values may be NULL.
    fn may_be_null(&self, column: ColumnId) -> bool {
        let planned = &self.plan.tables[usize::from(self.table)];
        let of = &planned.columns[usize::from(column)];
        let is_reference_null = || match of.maker {
            Maker::Reference { edge, .. } => planned.edges[usize::from(edge)].nulls != Nulls::Never,
            _ => false,
        };
        let is_free = matches!(of.maker, Maker::Cases { .. } | Maker::Derived(_) | Maker::Null);
        !self.relation.field(column).not_null && (is_free || of.nulls != Nulls::Never || is_reference_null())
    }

    /// Lists that are to have nothing in common are easily so without elements.
    fn empty_together(&mut self, columns: &[ColumnId]) {
        let is_list = |column: &ColumnId| matches!(self.relation.field(*column).ty, Type::Array { .. });
        let lists =
            columns.iter().copied().filter(|column| is_list(column) && self.is_free(self.table, *column));
        let trial = lists.map(|column| Repair::Literal(self.table, column, "{}".to_owned())).collect();
        self.trials.push(trial);
    }

    /// Single cases of the conditions that these columns are in, then of the others.
    fn cases(&mut self, near: &[ColumnId]) {
        let planned = &self.plan.tables[usize::from(self.table)];
        let component_of = |maker: &Maker| match maker {
            Maker::Cases { component, .. } => Some(*component),
            _ => None,
        };
        let mut components: Vec<u16> = near
            .iter()
            .filter_map(|column| component_of(&planned.columns[usize::from(*column)].maker))
            .chain((0..).zip(&planned.components).map(|(component, _)| component))
            .collect();
        let mut seen = BTreeSet::new();
        components.retain(|component| seen.insert(*component));
        for component in components {
            let n = planned.components[usize::from(component)].weights.len();
            let cases = u16::try_from(n.min(MAX_CASES)).expect("few cases");
            if n > 1 {
                self.trials
                    .extend((0..cases).map(|case| vec![Repair::OnlyCase(self.table, component, case)]));
            }
        }
    }

    /// Whether a column has values of its own that may be any.
    fn is_free(&self, table: TableId, column: ColumnId) -> bool {
        let planned = &self.plan.tables[usize::from(table)].columns[usize::from(column)];
        planned.source != MakerFrom::Key && !matches!(planned.maker, Maker::Reference { .. })
    }

    /// One value for all rows.
    fn literals(&mut self, columns: &[ColumnId]) {
        let definition =
            self.relation.checks.iter().find(|(name, _)| Some(name) == self.failure.constraint.as_ref());
        let text = definition.map_or(self.failure.source.as_str(), |(_, definition)| definition);
        let constants = check::constants(text);
        let free = columns.iter().copied().filter(|column| self.is_free(self.table, *column));
        let mut trials: Vec<Trial> = Vec::new();
        for column in free {
            let field = self.relation.field(column);
            let values = field.default.as_deref().and_then(constant).into_iter();
            let values = values.chain(few(&field.ty)).chain(typical(&field.ty, &constants));
            trials.extend(values.map(|value| vec![Repair::Literal(self.table, column, value)]));
        }
        self.trials.extend(trials);
    }

    /// Texts of the format that the message names.
    fn formats(&mut self, columns: &[ColumnId]) {
        let message = self.failure.message.to_lowercase();
        let Some((_, text)) = FORMATS.iter().find(|(word, _)| message.contains(word)) else { return };
        let is_text = |column: &ColumnId| matches!(self.relation.field(*column).ty, Type::Text(_));
        let texts =
            columns.iter().copied().filter(|column| is_text(column) && self.is_free(self.table, *column));
        self.each(texts.map(|column| Repair::Literal(self.table, column, (*text).to_owned())).collect());
    }

    /// A column has what another one of the same type has.
    fn copies(&mut self, columns: &[ColumnId]) {
        let mut trials: Vec<Trial> = Vec::new();
        for to in columns.iter().copied().filter(|column| self.is_free(self.table, *column)) {
            for of in columns.iter().copied().filter(|of| *of != to) {
                if self.relation.field(of).ty == self.relation.field(to).ty {
                    trials.push(vec![Repair::CopyOf(self.table, to, of)]);
                }
            }
        }
        self.trials.extend(trials);
    }

    /// One row of a parent for all rows.
    fn one_parent(&mut self, columns: &[ColumnId]) {
        let mut trials: Vec<Trial> = Vec::new();
        for column in columns {
            for (place, key) in (0..).zip(&self.relation.foreign_keys) {
                let n = self.plan.tables[usize::from(key.parent)].n_rows;
                if key.parent != self.table && key.columns.contains(column) {
                    let rows = 0..n.min(MAX_PARENTS);
                    trials.extend(rows.map(|row| vec![Repair::OneParent(self.table, place, row)]));
                }
            }
        }
        self.trials.extend(trials);
    }

    /// Flags and kinds of the rows that are referred to: many triggers ask them.
    fn parents(&mut self, most: Nearness) {
        let mut trials: Vec<Trial> = Vec::new();
        for parent in self.plan.tables[usize::from(self.table)].edges.iter().map(|edge| edge.parent) {
            let relation = &self.schema.relations[usize::from(parent)];
            if parent == self.table || self.plan.tables[usize::from(parent)].n_rows == 0 {
                continue;
            }
            for (column, field) in (0..).zip(&relation.fields) {
                if self.nearness(&field.name, false) > most || !self.is_free(parent, column) {
                    continue;
                }
                trials.extend(few(&field.ty).map(|value| vec![Repair::Literal(parent, column, value)]));
                if !field.not_null && most < Nearness::Unknown {
                    trials.push(vec![Repair::AlwaysNull(parent, column)]);
                }
            }
        }
        self.trials.extend(trials);
    }
}

/// The table that a column alone refers to.
fn refers_to(relation: &Relation, column: ColumnId) -> Option<TableId> {
    relation.foreign_keys.iter().find(|key| key.columns == [column]).map(|key| key.parent)
}

/// All values of a type that has few.
fn few(ty: &Type) -> impl Iterator<Item = String> + use<> {
    let values: Vec<String> = match ty {
        Type::Bool => ["false", "true"].map(str::to_owned).to_vec(),
        Type::Enum { labels } => labels.iter().take(MAX_CONSTANTS).cloned().collect(),
        _ => Vec::new(),
    };
    values.into_iter()
}

/// Values of other types that code often asks for.
fn typical(ty: &Type, constants: &[String]) -> Vec<String> {
    let is_number = |text: &&String| text.parse::<f64>().is_ok();
    match ty {
        Type::Int2 | Type::Int4 | Type::Int8 | Type::Numeric { .. } | Type::Float4 | Type::Float8 => {
            let constants = constants.iter().filter(is_number).take(MAX_CONSTANTS).cloned();
            ["0", "1"].map(str::to_owned).into_iter().chain(constants).collect()
        }
        Type::Array { .. } => vec!["{}".to_owned()],
        Type::Text(_) => constants.iter().filter(|it| !is_number(it)).take(MAX_CONSTANTS).cloned().collect(),
        _ => Vec::new(),
    }
}

/// The value of an expression that is a constant, such as `'new'::text`, `0` or `false`.
pub(super) fn constant(expression: &str) -> Option<String> {
    let value = expression.split("::").next().unwrap_or(expression).trim();
    let is_plain = |it: char| it.is_ascii_digit() || it == '.';
    if let Some(text) = value.strip_prefix('\'') {
        return text.strip_suffix('\'').map(|text| text.replace("''", "'"));
    }
    let is_number = !value.is_empty() && value.strip_prefix('-').unwrap_or(value).chars().all(is_plain);
    (is_number || value == "true" || value == "false").then(|| value.to_owned())
}

#[cfg(test)]
mod tests;
