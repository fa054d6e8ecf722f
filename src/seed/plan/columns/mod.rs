//! How each column of a table is made: by its references, its keys, its conditions, the configuration, its name and type.

mod apart;
mod conditions;
mod configured;
mod guides;
mod keys;
mod pairs;
mod references;
pub(crate) mod spans;
mod stated;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::apart::value;
pub(super) use self::conditions::Conditions;
use self::keys::Arranged;
use self::spans::Span;

use super::build::{Builder, PlanError};
use super::edges::Edges;
use super::pool::Pooled;
use super::request::{Pool, Question, Repair};
use super::suit::{self, uniform};
use super::{ColumnPlan, Component, Edge, Gap, MakerFrom, Nulls, Routing};
use crate::query::check::Literal;
use crate::query::quote::qualified;
use crate::random;
use crate::seed::condition;
use crate::seed::condition::domain::Domain;
use crate::seed::guess;
use crate::seed::keys::arrangement::Role;
use crate::seed::make::guide::Guide;
use crate::seed::make::lane::Cells;
use crate::seed::make::{Derived, Draw, Maker, Values};
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, Field, Relation, TableId};
use crate::seed::stats::joint::Ranks;
use crate::seed::time::DAY_US;
use crate::seed::wire::Wire;

/// So many of 2^32 references are NULL where nothing else is said: a tenth.
const NULL_REFERENCES: u32 = u32::MAX / 10;
/// So many of 2^32 rows of a tree have no parent: a twentieth.
const ROOTS: u32 = u32::MAX / 20;
/// Moments are of the last two years.
const PERIOD_US: i64 = 2 * 365 * DAY_US;

/// The columns of a table as they are planned.
#[derive(Default)]
pub(super) struct TableColumns {
    pub(super) n_rows: u64,
    /// Why the table gets no rows at all.
    pub(super) refusal: Option<String>,
    /// Why it gets fewer than were asked for.
    pub(super) cap_reason: String,
    pub(super) gaps: Vec<Gap>,
    pub(super) columns: Vec<ColumnPlan>,
    pub(super) edges: Vec<Edge>,
    pub(super) components: Vec<Component>,
    pub(super) fill_order: Vec<ColumnId>,
    pub(super) routing: Option<Routing>,
    pub(super) questions: Vec<Question>,
}

/// What a column would be, were there no keys and conditions.
#[derive(Clone)]
struct Candidate {
    maker: Maker,
    /// In 1/2^32.
    null_share: u32,
    source: MakerFrom,
}

impl TableColumns {
    pub(super) fn new(
        builder: &Builder,
        table: TableId,
        wave: &[TableId],
        n_wanted: u64,
    ) -> Result<Self, PlanError> {
        let relation = builder.relation(table);
        let mut planner = match Planner::new(builder, table, n_wanted)? {
            Ok(planner) => planner,
            Err(reason) => return Ok(Self::refused(reason)),
        };
        // A partial key that would limit the rows is met by not letting its predicate hold.
        let mut dropped: BTreeSet<usize> = BTreeSet::new();
        loop {
            let mut conditions = match planner.conditions(&dropped) {
                Ok(conditions) => conditions,
                Err(reason) => return Ok(Self::refused(reason)),
            };
            let mut edges = match Edges::new(builder, table, wave, &conditions.always_null()) {
                Ok(edges) => edges,
                Err(reason) => return Ok(Self::refused(reason)),
            };
            conditions.keep_null(&edges.nulls);
            if let Some(key) = planner.full_key(&conditions) {
                let cap_reason = format!("it has each row that {key} allows");
                return Ok(Self { cap_reason, ..Self::default() });
            }
            planner.narrow(&mut edges, &conditions, &dropped);
            let arranged = planner.arrange(&edges, &conditions, &dropped, n_wanted);
            let limiting = (0..relation.keys.len()).find(|key| {
                arranged.n_rows < n_wanted
                    && arranged.limiting.contains(key)
                    && relation.keys[*key].predicate.is_some()
                    && !dropped.contains(key)
                    && planner.can_drop(*key, &dropped)
            });
            if let Some(key) = limiting {
                dropped.insert(key);
                continue;
            }
            planner.settle(arranged.n_rows)?;
            return Ok(planner.finish(edges, &conditions, &arranged));
        }
    }

    fn refused(reason: String) -> Self {
        Self { refusal: Some(reason), ..Self::default() }
    }
}

/// What is known of a table's columns before its keys are arranged.
struct Planner<'b> {
    builder: &'b Builder<'b>,
    table: TableId,
    relation: &'b Relation,
    name: String,
    wires: Vec<Wire>,
    candidates: Vec<Candidate>,
    gaps: Vec<Gap>,
    n_rows: u64,
    spans: Vec<Span>,
}

impl<'b> Planner<'b> {
    /// The reason when a column that must not be NULL cannot be made.
    fn new(
        builder: &'b Builder<'b>,
        table: TableId,
        n_wanted: u64,
    ) -> Result<Result<Self, String>, PlanError> {
        let relation = builder.relation(table);
        let name = qualified(&relation.schema, &relation.name);
        let mut planner = Self {
            builder,
            table,
            relation,
            name,
            wires: Vec::new(),
            candidates: Vec::new(),
            gaps: Vec::new(),
            n_rows: n_wanted,
            spans: spans::spans(relation).collect(),
        };
        for (column, field) in (0..).zip(&relation.fields) {
            match planner.candidate(column, field)? {
                Ok((wire, candidate)) => {
                    planner.wires.push(wire);
                    planner.candidates.push(candidate);
                }
                Err(reason)
                    if field.not_null
                        && relation.foreign_keys.iter().all(|key| !key.columns.contains(&column)) =>
                {
                    return Ok(Err(format!("needs column {}: {reason}", field.name)));
                }
                Err(reason) => {
                    planner.gaps.push(Gap::Column {
                        table: planner.name.clone(),
                        column: field.name.clone(),
                        reason,
                    });
                    planner.wires.push(Wire::Bytes);
                    planner.candidates.push(Candidate {
                        maker: Maker::Null,
                        null_share: 0,
                        source: MakerFrom::Type,
                    });
                }
            }
        }
        Ok(Ok(planner))
    }

    /// What a column is when nothing but its own name, type and configuration decides.
    fn candidate(
        &self,
        column: ColumnId,
        field: &Field,
    ) -> Result<Result<(Wire, Candidate), String>, PlanError> {
        let Some(wire) = guess::wire(&field.ty) else {
            let Some(images) = self.builder.known.images.get(&(self.table, column)) else {
                return Ok(Err(format!("no values of type {} are known", field.type_name)));
            };
            let draw = uniform(images.len() as u64);
            let maker = Maker::Drawn { draw, values: Values::List(images.clone()) };
            let null_share = 0;
            return Ok(Ok((Wire::Bytes, Candidate { maker, null_share, source: MakerFrom::Type })));
        };
        if let Some(candidate) = self.configured(column, field, &wire)? {
            return Ok(Ok((wire, candidate)));
        }
        if let Some(cells) = self.rows_before(column) {
            let maker =
                Maker::Drawn { draw: uniform(cells.len() as u64), values: Values::List(cells.clone()) };
            return Ok(Ok((wire, Candidate { maker, null_share: 0, source: MakerFrom::Reference })));
        }
        // Statistics say when by themselves, also where the moment before it is NULL.
        if self.statistics(usize::from(column)).is_none()
            && let Some(maker) = guess::timed(column, self.relation, &self.period())
        {
            let null_share = guess::values(field, self.relation).null_share;
            return Ok(Ok((wire, Candidate { maker, null_share, source: MakerFrom::Name })));
        }
        let guess = guess::values(field, self.relation);
        let maker = Maker::Drawn { draw: guess.draw, values: guess.values };
        Ok(Ok((wire, Candidate { maker, null_share: guess.null_share, source: guess.source })))
    }

    /// The keys of the table's rows that were there before, where a foreign key to itself is to refer to them.
    fn rows_before(&self, column: ColumnId) -> Option<&'b Cells> {
        let is_it = |repair: &Repair| match repair {
            Repair::BelowExisting(table, key) if *table == self.table => {
                let key = &self.relation.foreign_keys[usize::from(*key)];
                (key.columns == [column]).then_some(key.parent_columns[0])
            }
            _ => None,
        };
        let of = self.builder.known.repairs.iter().find_map(is_it)?;
        let existing = self.builder.known.existing.get(&self.table)?;
        existing.columns.iter().find(|(column, _)| *column == of).map(|(_, lane)| &lane.cells)
    }

    /// Takes the number of rows that the keys allow: series are compiled for it.
    fn settle(&mut self, n_rows: u64) -> Result<(), PlanError> {
        if n_rows == self.n_rows {
            return Ok(());
        }
        self.n_rows = n_rows;
        for (column, field) in (0..).zip(&self.relation.fields) {
            if let Ok((_, candidate)) = self.candidate(column, field)? {
                self.candidates[usize::from(column)] = candidate;
            }
        }
        Ok(())
    }
}

impl Planner<'_> {
    /// The stream of random bits of a column or an edge.
    fn stream(&self, name: &str) -> u64 {
        let table = format!("{}.{}", self.relation.schema, self.relation.name);
        random::substream(self.builder.request.seed, &format!("{table}.{name}"))
    }

    /// The stream of a column, which may be that of others of its row.
    fn column_stream(&self, name: &str) -> u64 {
        match guess::kin::stream(name, self.relation) {
            Some(shared) => self.stream(&shared),
            None => self.stream(name),
        }
    }
}

impl<'b> Planner<'b> {
    /// Puts everything together.
    fn finish(mut self, edges: Edges, conditions: &Conditions, arranged: &Arranged) -> TableColumns {
        let is_configured: Vec<bool> =
            self.candidates.iter().map(|candidate| candidate.source == MakerFrom::Config).collect();
        let is_taken = |column: usize| {
            let id = ColumnId::try_from(column).unwrap_or(ColumnId::MAX);
            edges.owners.contains_key(&id)
                || edges.nulls.contains(&id)
                || arranged.columns.get(&column).is_some_and(|role| *role != Role::Plain)
                || is_configured[column]
        };
        let is_alone = |column: usize| {
            // Of the values of a single column a key can take each once.
            let is_unique = arranged.columns.get(&column) == Some(&Role::Unique);
            is_unique && !is_configured[column] && conditions.is_alone(column)
        };
        let is_free = |component: &condition::Component| {
            component.columns.iter().all(|column| {
                let id = ColumnId::try_from(*column).unwrap_or(ColumnId::MAX);
                let is_repaired = self.repaired(id, &self.relation.fields[*column]).is_some();
                (!is_taken(*column) || is_alone(*column)) && !is_repaired
            })
        };
        let questions = super::pool::questions(self.table, self.relation, conditions, &is_free);
        let pools: BTreeMap<usize, Pooled> = (0..)
            .zip(&conditions.components)
            .filter(|(_, component)| is_free(component))
            .filter_map(|(place, component)| Some((place, Pooled::new(place, self.pool(component)?))))
            .collect();
        let is_pooled =
            |column: usize| conditions.component(column).is_some_and(|at| pools.contains_key(&at));
        let is_taken = |column: usize| is_taken(column) || is_pooled(column);
        let mut derived = self.derived(conditions, &|column| !is_taken(column));
        let plans: Vec<Edge> = (0..)
            .zip(&edges.followed)
            .map(|(place, edge)| self.edge(place, edge, &edges, conditions, arranged))
            .collect();
        self.follow_moments(&plans, conditions, &|column| {
            !is_taken(column) && !derived.contains_key(&(column, 0))
        });
        let paired = self.paired(&edges, conditions, arranged, &is_pooled);
        let mut columns = Vec::new();
        let mut ranks = Ranks::new();
        for (column, field) in self.relation.fields.iter().enumerate() {
            let id = ColumnId::try_from(column).expect("fewer columns than PostgreSQL can name");
            let Candidate { maker, null_share, source } =
                self.decided((id, field), &edges, conditions, arranged);
            if source == MakerFrom::Candidates {
                derived.retain(|(of, _), _| *of != column);
            }
            let pooled = conditions.component(column).and_then(|component| {
                let maker = pools.get(&component)?.maker(id).filter(|_| source != MakerFrom::Key)?;
                Some((maker, self.stream(&format!("pool {component}"))))
            });
            let is_open = !matches!(source, MakerFrom::Reference | MakerFrom::Candidates | MakerFrom::Config)
                && !is_pooled(column);
            // The values of a key are of one case, and no other one changes them where nothing else depends on it.
            let is_of_key = source == MakerFrom::Key && conditions.is_alone(column);
            let is_final = matches!(maker, Maker::Reference { .. }) || is_pooled(column) || is_of_key;
            let (maker, key, source) = match pooled {
                Some((maker, key)) => (maker, key, MakerFrom::Candidates),
                None => (maker, self.column_stream(&field.name), source),
            };
            let (made, may_be_null) = if is_final {
                (maker.clone(), false)
            } else {
                self.with_conditions(column, &maker, conditions, &derived)
            };
            let source =
                if made != maker && source != MakerFrom::Key { MakerFrom::Condition } else { source };
            let is_serial = matches!(&made, Maker::Drawn { draw: Draw::Serial, values: Values::Int { .. } });
            let mut plan = ColumnPlan {
                name: field.name.clone(),
                type_name: field.type_name.clone(),
                wire: self.wires[column].clone(),
                maker: made,
                nulls: if may_be_null && null_share > 0 { Nulls::Share(null_share) } else { Nulls::Never },
                key,
                source,
                sequence: field.sequence.clone().filter(|_| is_serial),
            };
            if is_open {
                let known = (&paired, &mut ranks);
                self.gaps.extend(self.state(column, &mut plan, may_be_null, conditions, arranged, known));
            }
            columns.push(plan);
        }
        self.join(&mut columns, &paired, &ranks);
        let guides = |component: &_| self.guides(component, &columns, &edges, &plans);
        let components = self.components(conditions, &pools, guides);
        self.gaps.extend(edges.gaps);
        let n_columns = ColumnId::try_from(columns.len()).expect("fewer columns than PostgreSQL can name");
        TableColumns {
            n_rows: self.n_rows,
            refusal: None,
            cap_reason: self.cap_reason(arranged),
            gaps: self.gaps,
            routing: super::routing::routing(self.relation, &columns),
            columns,
            edges: plans,
            components,
            fill_order: (0..n_columns).collect(),
            questions,
        }
    }

    /// What a column is by its references, what a rehearsal chose, its keys, or else by itself.
    fn decided(
        &self,
        (id, field): (ColumnId, &Field),
        edges: &Edges,
        conditions: &Conditions,
        arranged: &Arranged,
    ) -> Candidate {
        let column = usize::from(id);
        let of = |maker: Maker, source: MakerFrom| Candidate { maker, null_share: 0, source };
        if let Some((edge, parent_column)) = edges.owners.get(&id) {
            of(Maker::Reference { edge: *edge, column: *parent_column }, MakerFrom::Reference)
        } else if edges.nulls.contains(&id) {
            of(Maker::Null, MakerFrom::Reference)
        } else if let Some(maker) = self.repaired(id, field) {
            of(maker, MakerFrom::Candidates)
        } else {
            let keyed = self.keyed(column, conditions, arranged);
            keyed.map_or_else(|| self.candidates[column].clone(), |maker| of(maker, MakerFrom::Key))
        }
    }

    /// What is drawn for each component of conditions: a case, or a form of the rows that the server accepted.
    fn components(
        &self,
        conditions: &Conditions,
        pools: &BTreeMap<usize, Pooled>,
        guides: impl Fn(&condition::Component) -> Vec<Guide>,
    ) -> Vec<Component> {
        let of = |(place, component): (usize, &condition::Component)| {
            let (weights, guides) = match pools.get(&place) {
                Some(pool) => (pool.weights(), Vec::new()),
                None => (component.weights.clone(), guides(component)),
            };
            Component { weights, key: self.stream(&format!("case {place}")), guides }
        };
        (0..).zip(&conditions.components).map(of).collect()
    }

    /// The values of a component's columns that the server accepted.
    fn pool(&self, component: &condition::Component) -> Option<&'b Pool> {
        let is_it = |pool: &&Pool| {
            let columns = pool.columns.iter().map(|column| usize::from(*column));
            pool.table == self.table && columns.eq(component.columns.iter().copied())
        };
        self.builder.known.pools.iter().find(is_it)
    }

    /// The values that a rehearsal chose.
    fn repaired(&self, column: ColumnId, field: &Field) -> Option<Maker> {
        let literal = |text: &str| {
            if matches!(field.ty, Type::Array { .. }) && text == "{}" {
                let (guess, empty) = (guess::values(field, self.relation), Domain::Sizes { low: 0, high: 0 });
                let wire = &self.wires[usize::from(column)];
                let (draw, values) = suit::suit(&field.ty, wire, &guess.draw, &guess.values, &empty)?;
                return Some(Maker::Drawn { draw, values });
            }
            let literal = Literal::Text(text.to_owned());
            let cells = suit::cells(&field.ty, &self.wires[usize::from(column)], &[literal])?;
            Some(Maker::Drawn { draw: uniform(1), values: Values::List(cells) })
        };
        self.builder.known.repairs.iter().find_map(|repair| match repair {
            Repair::AlwaysNull(table, of) if (*table, *of) == (self.table, column) => Some(Maker::Null),
            Repair::Literal(table, of, text) if (*table, *of) == (self.table, column) => literal(text),
            Repair::CopyOf(table, to, of) if (*table, *to) == (self.table, column) => {
                Some(Maker::Derived(Derived::Copy { of: *of }))
            }
            _ => None,
        })
    }
}
