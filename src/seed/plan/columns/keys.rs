//! The part of each column and edge in keeping the keys.

use std::collections::{BTreeMap, BTreeSet};

use super::Planner;
use super::conditions::{self, Conditions};
use super::references::edge_id;
use crate::seed::condition::domain::Domain;
use crate::seed::guess;
use crate::seed::keys::arrangement::{self, Leads, Role, Unit};
use crate::seed::keys::permutation::Permutation;
use crate::seed::make::lane::Cells;
use crate::seed::make::{Draw, Maker, Values};
use crate::seed::plan::edges::{Choice, Edges, Followed, Target};
use crate::seed::plan::suit::{suit, without};
use crate::seed::plan::{pool, repair};
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, Field, Key, KeyPart, TableId};

/// More numbers are no list of labels.
const MAX_LABELS: u64 = 10_000;

/// What the keys of a table ask of its edges and columns.
pub(super) struct Arranged {
    pub(super) n_rows: u64,
    /// Keys that allow no more rows.
    pub(super) limiting: BTreeSet<usize>,
    pub(super) edges: Vec<Role>,
    pub(super) columns: BTreeMap<usize, Role>,
}

impl Planner<'_> {
    /// Values of a column that are never the same twice, and how many there are at least; `None` where there are none that are not
    /// taken.
    pub(super) fn unique(&self, column: usize, conditions: &Conditions, n: u64) -> Option<(Draw, Values)> {
        // Cases restrict what is not unique; what is keeps the values of one case in all of them: of the first that has enough.
        let mut best: Option<(Draw, Values)> = None;
        let allowed = conditions.allowed(column);
        let domains = allowed.iter().map(|it| &it.domain).filter(|it| **it != Domain::Never);
        for domain in domains.chain(allowed.is_empty().then_some(&Domain::Any)) {
            let unique = self.unique_within(column, conditions, domain, n);
            let unique = unique.and_then(|(draw, values)| self.not_taken(column, draw, values));
            if n_of(unique.as_ref()) > n_of(best.as_ref()) {
                best = unique;
            }
            if n_of(best.as_ref()) >= n {
                break;
            }
        }
        best
    }

    fn unique_within(
        &self,
        column: usize,
        conditions: &Conditions,
        domain: &Domain,
        n: u64,
    ) -> Option<(Draw, Values)> {
        let field = &self.relation.fields[column];
        let key = self.stream(&field.name);
        if let Some((draw, values)) = self.starts(column) {
            return suit(&field.ty, &self.wires[column], &draw, &values, domain);
        }
        if let Some(component) = conditions.component(column)
            && let Some(pool) = self.pool(&conditions.components[component])
            && let [cells] = &pool.cells[..]
        {
            let values =
                Values::List(pool::cells(cells, (0..cells.len()).filter(|row| !cells.is_null(*row))));
            return Some((Draw::Permuted(Permutation::new(values.n(), key)), values));
        }
        if let Some(serial) = self.serial(column, domain) {
            return Some(serial);
        }
        let scattered = |values: Values| {
            let n = values.n();
            (Draw::Permuted(Permutation::new(n, key)), values)
        };
        let made = guess::unique(field, self.relation, n)
            .and_then(|values| suit(&field.ty, &self.wires[column], &Draw::Serial, &values, domain))
            .map(|(_, values)| scattered(values));
        if n_of(made.as_ref()) >= n {
            return made;
        }
        let Maker::Drawn { draw, values } = &self.candidates[column].maker else { return made };
        let plain =
            suit(&field.ty, &self.wires[column], draw, values, domain).map(|(_, values)| scattered(values));
        if n_of(made.as_ref()) > n_of(plain.as_ref()) { made } else { plain }
    }

    /// Leaves out what rows have that are there already, where there are few values.
    fn not_taken(&self, column: usize, draw: Draw, values: Values) -> Option<(Draw, Values)> {
        let Some(taken) = self.taken(column) else { return Some((draw, values)) };
        let list = match values {
            Values::List(list) => list,
            // Places in a list of labels, and booleans.
            Values::Int { low, step, n } if n <= MAX_LABELS => {
                Cells::Int((0..n.cast_signed()).map(|ordinal| low + step * ordinal).collect())
            }
            Values::Template(template) => match template.codes(MAX_LABELS) {
                Some(codes) => codes,
                None => return Some((draw, Values::Template(template))),
            },
            _ => return Some((draw, values)),
        };
        let (_, values) = without(&list, taken)?;
        let n = values.n();
        Some((Draw::Permuted(Permutation::new(n, self.stream(&self.relation.fields[column].name))), values))
    }

    /// What rows have that are there already in a column that is a key by itself, where that is known.
    fn taken(&self, column: usize) -> Option<&Cells> {
        self.builder.known.taken.get(&(self.table, ColumnId::try_from(column).ok()?))
    }

    /// A key of one column of whose few values rows have each already.
    pub(super) fn full_key(&self, conditions: &Conditions) -> Option<&str> {
        let is_full = |key: &&Key| {
            let [KeyPart::Column(column)] = key.parts[..] else { return false };
            let has_taken = self.taken(column.into()).is_some();
            has_taken && key.predicate.is_none() && self.unique(column.into(), conditions, 1).is_none()
        };
        self.relation.keys.iter().find(is_full).map(|key| key.name.as_str())
    }

    /// Whole numbers in the order of the rows, after those that are there.
    pub(super) fn serial(&self, column: usize, domain: &Domain) -> Option<(Draw, Values)> {
        let field = &self.relation.fields[column];
        let limit = match field.ty {
            Type::Int2 => i64::from(i16::MAX),
            Type::Int4 => i64::from(i32::MAX),
            Type::Int8 => i64::MAX,
            _ => return None,
        };
        let column_id = ColumnId::try_from(column).ok()?;
        let increment = field.sequence.as_ref().map_or(1, |sequence| sequence.increment.max(1));
        let start = field.sequence.as_ref().map_or(1, |sequence| {
            sequence.last_value.map_or(sequence.start, |last| last.saturating_add(increment))
        });
        // Columns that one sequence feeds, as those of tables that inherit from one, take turns.
        let fed = self.fed_by_same(column_id);
        let turn = i64::try_from(fed.iter().position(|it| *it == (self.table, column_id))?).ok()?;
        let step = increment.checked_mul(i64::try_from(fed.len()).ok()?)?;
        let greatest = fed.iter().filter_map(|it| self.builder.known.first_keys.get(it)).max();
        let mut first = start.max(greatest.map_or(i64::MIN, |greatest| greatest.saturating_add(1)));
        first = first.checked_add(turn.checked_mul(increment)?)?;
        let base = i64::try_from(self.builder.known.base(self.table)).ok()?;
        if !self.relation.is_filled && base == 0 && fed.len() == 1 {
            let least = field.sequence.as_ref().map_or(i64::MIN, |sequence| sequence.min);
            first = self.least_asked(column_id, first).filter(|asked| *asked >= least).unwrap_or(first);
        }
        let mut last = limit;
        if let Domain::Numbers(numbers) = domain {
            // The widest range at or after the first key.
            let after = numbers.ranges.iter().filter(|range| range.1 >= i128::from(first));
            let range = after.max_by_key(|range| range.1 - range.0.max(i128::from(first)))?;
            first = first.max(i64::try_from(range.0).unwrap_or(i64::MIN));
            last = last.min(i64::try_from(range.1).unwrap_or(i64::MAX));
        } else if *domain != Domain::Any {
            return None;
        }
        let low = first.checked_sub(base.checked_mul(step)?)?;
        let n =
            u64::try_from((last - first) / step).ok()?.checked_add(1)?.checked_add(base.unsigned_abs())?;
        Some((Draw::Serial, Values::Int { low, step, n }))
    }

    /// The columns that are fed by the sequence of a column, itself among them.
    fn fed_by_same(&self, column: ColumnId) -> Vec<(TableId, ColumnId)> {
        let Some(own) = &self.relation.field(column).sequence else { return vec![(self.table, column)] };
        let is_same = |field: &Field| {
            let sequence = field.sequence.as_ref();
            sequence.is_some_and(|it| (&it.schema, &it.name) == (&own.schema, &own.name))
        };
        let relations = (0..).zip(&self.builder.schema.relations);
        let columns = relations.flat_map(|(table, relation)| {
            (0..)
                .zip(&relation.fields)
                .filter(|(_, field)| is_same(field))
                .map(move |(column, _)| (table, column))
        });
        columns.collect()
    }

    /// The least key below `first` that a condition of another table asks of this column, where it does not allow `first`: a table
    /// of kinds whose sequence begins after those that are built in.
    fn least_asked(&self, column: ColumnId, first: i64) -> Option<i64> {
        // Most sequences begin with the first number.
        if first <= 1 {
            return None;
        }
        let schema = self.builder.schema;
        let children = schema.relations.iter().filter(|child| child.is_asked && !child.checks.is_empty());
        let asked = children.flat_map(|child| {
            let keys = child.foreign_keys.iter().filter(|key| key.parent == self.table);
            keys.filter_map(|key| {
                let place = key.parent_columns.iter().position(|of| *of == column)?;
                let field = child.field(key.columns[place]);
                let least = conditions::least(field, child, schema, self.builder.request.as_of_us, first)?;
                i64::try_from(least).ok()
            })
        });
        asked.min()
    }

    /// Gives each edge and column its part in keeping the keys, and says how many rows they allow.
    pub(super) fn arrange(
        &self,
        edges: &Edges,
        conditions: &Conditions,
        dropped: &BTreeSet<usize>,
        n_wanted: u64,
    ) -> Arranged {
        let relation = self.relation;
        // Units are the edges, and after them the columns of keys that no edge fills.
        let mut units: Vec<Unit> =
            (0..).zip(&edges.followed).map(|(at, _)| Self::edge_unit(at, edges)).collect();
        let mut free: Vec<usize> = Vec::new();
        let mut keys: Vec<(usize, BTreeSet<usize>)> = Vec::new();
        for (place, key) in self.distinct(dropped) {
            let columns: BTreeSet<ColumnId> = key.iter().copied().collect();
            let is_null = |column: &ColumnId| {
                edges.nulls.contains(column)
                    || matches!(*conditions.allowed(usize::from(*column)), [only] if only.domain == Domain::Never)
            };
            // Rows with a NULL are never equal, unless the key says so.
            let compares =
                |column: ColumnId| relation.keys.get(place).is_some_and(|key| key.compares_null(column));
            if columns.iter().any(|column| is_null(column) && !compares(*column)) {
                continue;
            }
            let contained = |edge: &Followed| self.identifies(&columns, edge) && edge.can_tell_apart();
            let mut unit: BTreeSet<usize> = BTreeSet::new();
            let mut is_kept = false;
            for (at, edge) in edges.followed.iter().enumerate() {
                let is_one_to_one = edge.target == Target::Itself || self.binds(edge);
                is_kept |= is_one_to_one && self.identifies(&columns, edge);
                // The first of a pair stands for both.
                if contained(edge) && !matches!(edge.choice, Choice::Pairs { is_second: true, .. }) {
                    unit.insert(at);
                }
            }
            for column in columns.iter().filter(|column| !edges.owners.contains_key(column)) {
                let column = usize::from(*column);
                let at = free.iter().position(|it| *it == column).unwrap_or_else(|| {
                    free.push(column);
                    units.push(self.column_unit(column, conditions, n_wanted));
                    free.len() - 1
                });
                unit.insert(edges.followed.len() + at);
            }
            if !is_kept && !unit.is_empty() {
                keys.push((place, unit));
            }
        }
        let sets: Vec<BTreeSet<usize>> = keys.iter().map(|(_, units)| units.clone()).collect();
        let arrangement = arrangement::arrange(&units, &sets, n_wanted, self.builder.known.base(self.table));
        let (of_edges, of_columns) = arrangement.roles.split_at(edges.followed.len());
        let mut n_rows = arrangement.n_rows;
        let mut limiting: BTreeSet<usize> = arrangement.limiting.iter().map(|at| keys[*at].0).collect();
        let constant = self.constant(dropped);
        if n_rows > 1 && !constant.is_empty() {
            (n_rows, limiting) = (1, constant);
        }
        Arranged {
            n_rows,
            limiting,
            edges: of_edges.to_vec(),
            columns: free.into_iter().zip(of_columns.iter().cloned()).collect(),
        }
    }

    /// Keys that are the same for all rows, as a unique index on `(true)` or on `(id IS NOT NULL)` is: there is one row at most.
    fn constant(&self, dropped: &BTreeSet<usize>) -> BTreeSet<usize> {
        let is_never_null = |name: &str| {
            let column = self.relation.column(name.trim_matches('"'));
            column.is_some_and(|column| self.relation.field(column).not_null)
        };
        let is_constant = |part: &KeyPart| {
            let KeyPart::Opaque { sql, .. } = part else { return false };
            let mut sql = sql.trim();
            while let Some(inner) = sql.strip_prefix('(').and_then(|sql| sql.strip_suffix(')')) {
                sql = inner;
            }
            repair::constant(sql).is_some() || sql.strip_suffix(" IS NOT NULL").is_some_and(is_never_null)
        };
        let keys = self.relation.keys.iter().enumerate();
        keys.filter(|(place, key)| !dropped.contains(place) && key.parts.iter().all(is_constant))
            .map(|(place, _)| place)
            .collect()
    }

    /// The sets of columns that must not be the same twice: of keys, and of exclusions with `=` or with ranges.
    pub(super) fn distinct(&self, dropped: &BTreeSet<usize>) -> Vec<(usize, Vec<ColumnId>)> {
        let relation = self.relation;
        let keys = relation.keys.iter().enumerate().filter(|(place, _)| !dropped.contains(place));
        let mut sets: Vec<(usize, Vec<ColumnId>)> =
            keys.map(|(place, key)| (place, key.columns().collect())).collect();
        for (place, exclusion) in relation.exclusions.iter().enumerate() {
            let is_range = |part: &&(KeyPart, String)| {
                let column = part.0.columns().first();
                part.1 == "&&" && column.is_some_and(|column| relation.field(*column).ty.is_range())
            };
            let columns = if let Some((range, _)) = exclusion.parts.iter().find(is_range) {
                // Ranges that never overlap keep the whole constraint.
                range.columns().to_vec()
            } else {
                let equal = exclusion.parts.iter().filter(|(_, operator)| operator == "=");
                let start = self.spans.iter().filter(|span| span.exclusion == place).map(|span| span.start);
                equal.flat_map(|(part, _)| part.columns()).copied().chain(start).collect()
            };
            sets.push((relation.keys.len() + place, columns));
        }
        sets
    }

    /// Whether columns say which row an edge leads to: all of its columns, or those that refer to a key of the parent.
    fn identifies(&self, columns: &BTreeSet<ColumnId>, edge: &Followed) -> bool {
        let pairs = edge.key.columns.iter().zip(&edge.key.parent_columns);
        let of_parent: BTreeSet<ColumnId> =
            pairs.filter(|(column, _)| columns.contains(column)).map(|(_, of)| *of).collect();
        let is_covered = |key: &Key| {
            let is_in =
                |part: &KeyPart| matches!(part, KeyPart::Column(column) if of_parent.contains(column));
            key.predicate.is_none() && key.parts.iter().all(is_in)
        };
        of_parent.len() == edge.key.parent_columns.len()
            || self.builder.relation(edge.key.parent).keys.iter().any(is_covered)
    }

    /// Whether each row refers to a row of its own: of a table that it is loaded together with.
    pub(super) fn binds(&self, edge: &Followed) -> bool {
        let pair = (edge.key.parent, self.table);
        edge.target == Target::Wave && self.builder.known.together().contains(&pair)
    }

    fn edge_unit(place: u16, edges: &Edges) -> Unit {
        let edge = &edges.followed[usize::from(place)];
        let asks = |other: &Followed| other.target == Target::OwnWithin { through: place };
        let is_asked = edges.followed.iter().any(asks);
        Unit::Edge {
            // What is no row of the parent is never the same as one.
            parent: match edge.choice {
                Choice::All | Choice::First(_) => edge.key.parent,
                Choice::Among(_) | Choice::Pairs { .. } => TableId::MAX - place,
            },
            n_parents: match edge.choice {
                Choice::First(n) => n,
                _ => edge.n_parents,
            },
            leads: match edge.target {
                Target::Complete if is_asked => Leads::Should,
                Target::Complete => Leads::Can,
                _ => Leads::Never,
            },
        }
    }

    pub(super) fn column_unit(&self, column: usize, conditions: &Conditions, n_wanted: u64) -> Unit {
        let base = self.builder.known.base(self.table);
        let n = self.unique(column, conditions, n_wanted).map_or(1, |(_, values)| match values {
            // Of a list only those are there that no row has.
            Values::List(_) if self.taken(column).is_some() => base.saturating_add(values.n()),
            _ => values.n(),
        });
        let field = &self.relation.fields[column];
        if n < n_wanted.saturating_add(base) {
            Unit::Finite(n)
        } else {
            Unit::Large { is_position: guess::is_position(field) }
        }
    }

    /// What a key makes of a column.
    pub(super) fn keyed(&self, column: usize, conditions: &Conditions, arranged: &Arranged) -> Option<Maker> {
        let role = arranged.columns.get(&column)?;
        let drawn = |draw: Draw, values: Values| Some(Maker::Drawn { draw, values });
        let (draw, values) = self.unique(column, conditions, self.n_rows)?;
        match role {
            Role::Unique => drawn(draw, values),
            Role::Ordinal { lead } => drawn(Draw::Ordinal { edge: edge_id(*lead) }, values),
            Role::OrdinalDigit { lead, divisor, n } => {
                drawn(Draw::OrdinalDigit { edge: edge_id(*lead), divisor: *divisor, n: *n }, values)
            }
            Role::Digit { n_cells, divisor, n } => {
                let cells = Permutation::new(*n_cells, self.stream("cells"));
                drawn(Draw::Digit { cells, divisor: *divisor, n: *n }, values)
            }
            Role::Plain | Role::Lead { .. } | Role::Distinct { .. } => None,
        }
    }

    pub(super) fn cap_reason(&self, arranged: &Arranged) -> String {
        let name = |key: &usize| match self.relation.keys.get(*key) {
            Some(key) => key.name.clone(),
            None => self.relation.exclusions[*key - self.relation.keys.len()].name.clone(),
        };
        let names: Vec<String> = arranged.limiting.iter().map(name).collect();
        format!("{} allows no more", names.join(", "))
    }
}

/// How many values there are.
fn n_of(values: Option<&(Draw, Values)>) -> u64 {
    values.map_or(0, |(_, values)| values.n())
}
