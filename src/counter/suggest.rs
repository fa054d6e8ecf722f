//! From what a workload counts to the counters that would spare it.
//!
//! A counting by the columns of a foreign key is what a counter of the table it refers to holds. Over several tables it is a
//! chain, each of which refers to the next.

use crate::catalog::{Catalog, Constraint, Index, Table};
use crate::query::quote;
use crate::query::{Aggregate, Counting, Filter, Place, TableName, same_expression};

use super::chain;
use super::check::{self, Canonical, CanonicalSum};
use super::site::{Mode, Site};
use super::spec::{Columns, Wish, default_column};
use super::state::State;

/// A parent that gets this part of the writes and more caps them: they wait for each other's commit. Measured with 16 clients, one
/// hot parent cost nine tenths of the throughput, and a thousand parents hardly any.
const HOT_SHARE: f64 = 0.2;
/// Below so many writes a second to one parent they hardly meet: a commit takes some 5 ms, so that the row is locked a tenth of
/// the time.
const HOT_WRITES_PER_S: f64 = 20.0;

/// How a statement goes about counting, from which follows what a counter spares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The children of one parent, in a statement of its own: once for each row of a list, often (N+1).
    Single,
    /// Beside each row of a query that reads the parents anyway.
    Beside,
    /// By group: of all or several parents at once.
    Grouped,
}

/// A counter that a statement could read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) wish: Wish,
    pub(crate) form: Form,
    /// From the counted table on: each table with the foreign key to the next.
    pub(crate) hops: Vec<Hop>,
    pub(crate) parent: u32,
}

/// A table with its foreign key to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) table: u32,
    pub(crate) columns: Vec<String>,
    pub(crate) parent_columns: Vec<String>,
}

/// What a counter does for one statement, in the planner's units.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Benefit {
    /// The statement's name in the workload.
    pub(crate) statement: String,
    pub(crate) sql: String,
    pub(crate) form: Form,
    /// How often it runs, relative to the other statements, or in all.
    pub(crate) calls: f64,
    pub(crate) mean_ms: Option<f64>,
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
}

/// What is known of the writes that a counter would add to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct WritePrice {
    /// Rows of the counted table that are inserted, updated and deleted in a second; `None` where the server does not say.
    pub(crate) writes_per_s: Option<f64>,
    /// The share of the counted rows that the parent with the most has, as far as statistics tell.
    pub(crate) hot_share: Option<f64>,
    /// Sessions that wait for rows of the parent now.
    pub(crate) n_waiting: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Suggestion {
    pub(crate) wish: Wish,
    pub(crate) benefits: Vec<Benefit>,
    pub(crate) price: WritePrice,
    /// Why the mode is another than inline.
    pub(crate) mode_reason: Option<String>,
}

/// What counts and gets no counter, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) statement: String,
    pub(crate) sql: String,
    pub(crate) reason: String,
}

impl Suggestion {
    /// What it saves, over all calls.
    pub(crate) fn saving(&self) -> f64 {
        self.benefits.iter().map(|it| it.calls * (it.cost_before - it.cost_after)).sum()
    }
}

/// Returns the counter that a counting could read, or why there is none.
pub(crate) fn wanted(counting: &Counting, catalog: &Catalog) -> Result<Wanted, String> {
    let tables: Vec<&Table> = counting
        .tables
        .iter()
        .map(|listed| catalog.table(&listed.name).ok_or_else(|| format!("{} is no known table", listed.name)))
        .collect::<Result<_, _>>()?;
    let anchors = anchors(counting, catalog, &tables);
    if anchors.is_empty() {
        return Err("it does not count by a foreign key".to_owned());
    }
    if let Some(obstacle) = &counting.obstacle {
        return Err(obstacle.clone());
    }
    let mut failure = None;
    for anchor in anchors {
        match of_anchor(counting, catalog, &tables, &anchor) {
            Ok(wanted) => return Ok(wanted),
            Err(reason) => failure = failure.or(Some(reason)),
        }
    }
    Err(failure.unwrap_or_default())
}

/// Whose rows the groups are.
struct Anchor {
    form: Form,
    parent: u32,
    /// Its number among the tables, where it is one of them.
    own: Option<usize>,
    /// The table whose foreign key refers to it, by its number, with that key.
    top: Option<(usize, Hop)>,
}

fn anchors(counting: &Counting, catalog: &Catalog, tables: &[&Table]) -> Vec<Anchor> {
    let by_constant = counting
        .conditions
        .iter()
        .filter_map(|filter| Some(Place { table: filter.table, column: filter.equal.clone()? }));
    let fixed: Vec<Place> = counting.fixed.iter().cloned().chain(by_constant).collect();
    let (form, places) =
        if counting.groups.is_empty() { (Form::Single, &fixed) } else { (Form::Grouped, &counting.groups) };
    let mut anchors = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        for hop in foreign_keys(table) {
            let (key, parent) = hop;
            let outer = |(own, theirs): (&String, &String)| {
                counting.outer.iter().any(|(place, name, column)| {
                    place.table == at
                        && place.column == *own
                        && column == theirs
                        && catalog.table(name).is_some_and(|table| table.oid == parent)
                })
            };
            let is_outer = key.columns.iter().zip(&key.parent_columns).all(outer);
            let is_among = !is_outer && counting.outer.is_empty() && has_all(places, at, &key.columns);
            if is_outer || is_among {
                let form = if is_outer { Form::Beside } else { form };
                // It may be joined as well.
                let own = tables.iter().enumerate().position(|(other, it)| {
                    it.oid == parent && other != at && is_joined(counting, (at, &key), other)
                });
                anchors.push(Anchor { form, parent, own, top: Some((at, key)) });
            }
        }
    }
    for (at, table) in tables.iter().enumerate() {
        let is_key = |constraint: &&Constraint| {
            matches!(constraint.kind, 'p' | 'u') && has_all(places, at, &constraint.columns)
        };
        if counting.outer.is_empty() && table.constraints.iter().any(|it| is_key(&it)) && tables.len() > 1 {
            anchors.push(Anchor { form, parent: table.oid, own: Some(at), top: None });
        }
    }
    anchors
}

fn has_all(places: &[Place], table: usize, columns: &[String]) -> bool {
    let is_there = |column: &String| places.iter().any(|it| it.table == table && it.column == *column);
    !columns.is_empty() && columns.iter().all(is_there)
}

/// Each foreign key of a table with the table that it refers to.
fn foreign_keys(table: &Table) -> impl Iterator<Item = (Hop, u32)> {
    table.constraints.iter().filter_map(|constraint| {
        let reference = constraint.references.as_ref()?;
        let hop = Hop {
            table: table.oid,
            columns: constraint.columns.clone(),
            parent_columns: reference.columns.clone(),
        };
        Some((hop, reference.table))
    })
}

/// Whether a statement joins a table to another by a foreign key.
fn is_joined(counting: &Counting, (from, key): (usize, &Hop), to: usize) -> bool {
    key.columns.iter().zip(&key.parent_columns).all(|(own, theirs)| {
        let own = Place { table: from, column: own.clone() };
        let theirs = Place { table: to, column: theirs.clone() };
        counting.joins.iter().any(|(a, b)| (*a == own && *b == theirs) || (*a == theirs && *b == own))
    })
}

fn of_anchor(
    counting: &Counting,
    catalog: &Catalog,
    tables: &[&Table],
    anchor: &Anchor,
) -> Result<Wanted, String> {
    let path = path(counting, tables, anchor)?;
    let numbers: Vec<usize> = path.iter().map(|(at, _)| *at).collect();
    let Some(stranger) = (0..tables.len()).find(|at| !numbers.contains(at) && anchor.own != Some(*at)) else {
        let hops: Vec<Hop> = path.into_iter().map(|(_, hop)| hop).collect();
        let condition = condition(counting, tables, anchor, &numbers, &hops)?;
        return Ok(finished(counting, catalog, tables, anchor, (hops, numbers[0]), condition));
    };
    Err(format!("{} is joined beside the way to the parent", tables[stranger].name))
}

/// Finds the way from the counted table to the parent.
fn path(counting: &Counting, tables: &[&Table], anchor: &Anchor) -> Result<Vec<(usize, Hop)>, String> {
    let mut path: Vec<(usize, Hop)> = anchor.top.iter().cloned().collect();
    loop {
        let above = path.first().map(|(at, _)| *at).or(anchor.own);
        let Some(above) = above else { return Err("it reads no table".to_owned()) };
        let taken = |at: usize| at == above || anchor.own == Some(at) || path.iter().any(|(it, _)| *it == at);
        let below = (0..tables.len()).filter(|at| !taken(*at)).find_map(|at| {
            let refers = |(key, parent): &(Hop, u32)| {
                *parent == tables[above].oid && is_joined(counting, (at, key), above)
            };
            foreign_keys(tables[at]).find(refers).map(|(key, _)| (at, key))
        });
        match below {
            Some(below) => path.insert(0, below),
            None if path.is_empty() => return Err("no table is joined by a foreign key".to_owned()),
            None => return Ok(path),
        }
    }
}

/// Returns which rows of the counted table count.
fn condition(
    counting: &Counting,
    tables: &[&Table],
    anchor: &Anchor,
    path: &[usize],
    hops: &[Hop],
) -> Result<Option<String>, String> {
    let child = path[0];
    let is_of_anchor = |table: usize, column: &str| {
        anchor.own == Some(table)
            || anchor
                .top
                .as_ref()
                .is_some_and(|(at, key)| *at == table && key.columns.iter().any(|it| it == column))
    };
    if let Some(place) = counting.fixed.iter().find(|it| !is_of_anchor(it.table, &it.column)) {
        return Err(format!("{} is another from call to call", place.column));
    }
    if let Some(place) = counting.groups.iter().find(|it| !is_of_anchor(it.table, &it.column)) {
        return Err(format!("it groups by {} as well", place.column));
    }
    if let Some((place, ..)) = counting.outer.iter().find(|(it, ..)| !is_of_anchor(it.table, &it.column)) {
        return Err(format!("{} depends on the row around it", place.column));
    }
    let mut parts = Vec::new();
    for Filter { table, sql, equal, has_parameter } in &counting.conditions {
        let is_key = anchor.form == Form::Single
            && counting.fixed.is_empty()
            && equal.as_ref().is_some_and(|column| is_of_anchor(*table, column));
        if anchor.own == Some(*table) || is_key {
            continue;
        }
        if *table != child {
            return Err(format!("{sql} is a condition on {}, which is between", tables[*table].name));
        }
        if *has_parameter {
            return Err(format!("{sql} is another condition from call to call"));
        }
        parts.push(sql.clone());
    }
    let is_not_null = |column: &str| tables[child].column(column).is_some_and(|column| column.not_null);
    match &counting.aggregate {
        Aggregate::Rows if counting.tables[child].is_optional => {
            return Err("count(*) of an outer join counts 1 where there is none".to_owned());
        }
        Aggregate::Rows => {}
        Aggregate::Sum { table, .. } if *table == child => {}
        Aggregate::Values(place) if place.table == child => {
            // A row of the key's column has one.
            if !is_not_null(&place.column) && !hops[0].columns.contains(&place.column) {
                parts.push(format!("{} IS NOT NULL", quote::identifier(&place.column)));
            }
        }
        Aggregate::Distinct(place) if place.table == child => {
            let is_unique = tables[child].constraints.iter().any(|constraint| {
                matches!(constraint.kind, 'p' | 'u') && constraint.columns == [place.column.clone()]
            });
            if !is_unique || !is_not_null(&place.column) {
                return Err(format!("it counts how many {} differ", place.column));
            }
        }
        _ => return Err("it counts another table than the lowest".to_owned()),
    }
    Ok((!parts.is_empty()).then(|| parts.join(" AND ")))
}

fn finished(
    counting: &Counting,
    catalog: &Catalog,
    tables: &[&Table],
    anchor: &Anchor,
    (hops, child): (Vec<Hop>, usize),
    condition: Option<String>,
) -> Wanted {
    let sum = match &counting.aggregate {
        Aggregate::Sum { sql, .. } => Some(sql.clone()),
        _ => None,
    };
    let name = |oid: u32| catalog.table_by_oid(oid).map(|table| shortest(table, catalog)).unwrap_or_default();
    let next = hops.get(1).map_or(anchor.parent, |hop| hop.table);
    let n_keys = foreign_keys(tables[child]).filter(|(_, parent)| *parent == next).count();
    let counts = name(tables[child].oid);
    let wish = Wish {
        column: Some(column(&counts, condition.as_deref(), sum.as_deref())),
        key: Columns(if n_keys > 1 { hops[0].columns.clone() } else { Vec::new() }),
        through: Columns(hops[1..].iter().map(|hop| name(hop.table)).collect()),
        condition,
        sum,
        ..Wish::new(&name(anchor.parent), &counts)
    };
    Wanted { wish, form: anchor.form, hops, parent: anchor.parent }
}

/// Returns a table's name, with its schema where the search path does not find it without.
fn shortest(table: &Table, catalog: &Catalog) -> String {
    let bare = TableName { schema: None, name: table.name.clone() };
    if catalog.table(&bare).is_some_and(|found| found.oid == table.oid) {
        table.name.clone()
    } else {
        format!("{}.{}", table.schema, table.name)
    }
}

/// Returns what a counter is called: as Rails has it, with the words of its condition before and those of its sum behind.
fn column(counts: &str, condition: Option<&str>, sum: Option<&str>) -> String {
    let plain = default_column(counts);
    let plain = match sum {
        None => plain,
        Some(sum) => format!("{}_{}_sum", plain.trim_end_matches("_count"), slug(sum)),
    };
    let words = condition.map(condition_words).unwrap_or_default();
    if words.is_empty() { plain } else { format!("{words}_{plain}") }
}

/// The values that a condition compares with, or what it is about.
fn condition_words(condition: &str) -> String {
    let values: Vec<&str> =
        condition.split('\'').skip(1).step_by(2).filter(|word| !word.is_empty()).collect();
    if !values.is_empty() {
        return slug(&values.join("_"));
    }
    let words: Vec<String> = condition
        .to_lowercase()
        .replace(" is null", " null")
        .replace(" is not null", " ")
        .split_whitespace()
        .filter(|word| !matches!(*word, "and" | "=" | "true" | "is"))
        .map(|word| match word {
            "null" | "false" => "not".to_owned(),
            word => word.to_owned(),
        })
        .collect();
    let mut words = words;
    // `deleted_at null` reads `not_deleted_at`.
    if words.last().is_some_and(|word| word == "not") {
        words.rotate_right(1);
    }
    slug(&words.join("_"))
}

fn slug(text: &str) -> String {
    let text: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    text.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

/// Gives counters that differ and have one name another one.
pub(crate) fn apart(taken: &[Wish], wish: &mut Wish) {
    let plain = wish.column();
    let mut n = 1;
    while taken.iter().any(|it| it.table == wish.table && it.column() == wish.column() && !is_same(it, wish))
    {
        n += 1;
        wish.column = Some(format!("{plain}_{n}"));
    }
}

/// Whether two wishes are for the same counter, whatever it is called.
pub(crate) fn is_same(a: &Wish, b: &Wish) -> bool {
    (&a.table, &a.counts, &a.key, &a.through) == (&b.table, &b.counts, &b.key, &b.through)
        && same_text(a.condition.as_deref(), b.condition.as_deref())
        && same_text(a.sum.as_deref(), b.sum.as_deref())
}

fn same_text(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_expression(a, b),
        _ => false,
    }
}

/// Whether a wish can be kept; `sum_type` is the type of its sum. An error says why not; `Ok` names the counter that is there
/// already, if one is.
pub(crate) fn kept(wish: &Wish, sum_type: Option<&str>, state: &State) -> Result<Option<String>, String> {
    let mut sites: Vec<Site> = state.readable_sites().collect();
    let mut found = None;
    for level in chain::levels(std::slice::from_ref(wish), |below| there(below, state)) {
        found = there(&level, state).map(|column| format!("{}.{column}", level.table));
        if found.is_some() {
            continue;
        }
        let resolved = match check::resolve(&level, state) {
            Ok(resolved) => resolved,
            Err(refusal) => {
                let hint = refusal.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                return Err(format!("{refusal}{hint}"));
            }
        };
        let sum = level.sum.clone().map(|sql| CanonicalSum {
            sql,
            type_name: sum_type.filter(|_| level.sum == wish.sum).unwrap_or("bigint").to_owned(),
        });
        let canonical = Canonical { condition: level.condition.clone(), sum };
        let complete = check::complete(resolved, canonical).map_err(|refusal| refusal.to_string())?;
        sites.push(complete.site);
    }
    chain::refuse_diamonds(&sites).map_err(|error| error.to_string())?;
    Ok(found)
}

/// Returns the column that counts what a wish without tables between asks for.
fn there(wish: &Wish, state: &State) -> Option<String> {
    let resolved = check::resolve(wish, state).ok();
    let named = |text: &str| state.named(text).map(|table| table.name.clone());
    let (table, counts) = (named(&wish.table)?, named(&wish.counts)?);
    let is_of = |site: &Site| {
        site.parent == table
            && site.child == counts
            && resolved.as_ref().is_none_or(|resolved| resolved.site.is_same_place(site))
    };
    let sites = state.readable_sites();
    let counters = sites.filter(is_of).flat_map(|site| site.counters).find(|counter| {
        same_text(counter.condition.as_deref(), wish.condition.as_deref())
            && same_text(counter.sum.as_deref(), wish.sum.as_deref())
    });
    counters.map(|counter| counter.column)
}

/// What a statement costs once it reads the counter: `rows` are what it returns, `one_count` and `one_row` the costs of counting
/// for one parent and of reading one, `scan` that of reading all.
pub(crate) fn cost_after(
    form: Form,
    cost_before: f64,
    rows: f64,
    (one_count, one_row, scan): (f64, f64, f64),
) -> f64 {
    match form {
        Form::Single => one_row.min(cost_before),
        Form::Beside => (cost_before - rows * one_count).max(one_row.min(cost_before)),
        Form::Grouped => (rows * one_row).min(scan).min(cost_before),
    }
}

/// Returns how changes are to reach a counter, and why where that is not the writer's own statement.
pub(crate) fn mode(
    price: &WritePrice,
    has_key_index: bool,
    reads_per_s: Option<f64>,
) -> (Mode, Option<String>) {
    let share = price.hot_share.unwrap_or(0.0);
    let is_slow = price.writes_per_s.is_some_and(|writes| writes * share < HOT_WRITES_PER_S);
    let is_hot = share > HOT_SHARE && !is_slow;
    if !is_hot && price.n_waiting == 0 {
        return (Mode::Inline, None);
    }
    let reason = if is_hot {
        format!("one parent gets {:.0} % of the writes", share * 100.0)
    } else {
        format!("{} sessions wait for rows of the parent now", price.n_waiting)
    };
    // What is pending of a parent is bounded in slots, so that reading the exact value stays cheap.
    let reads_more =
        matches!((reads_per_s, price.writes_per_s), (Some(reads), Some(writes)) if reads > writes);
    let mode = if has_key_index && reads_more { Mode::Slots } else { Mode::Queue };
    (mode, Some(reason))
}

/// Returns what is known of the writes of a counted table.
pub(crate) fn price(wanted: &Wanted, catalog: &Catalog) -> WritePrice {
    let Some(hop) = wanted.hops.first() else { return WritePrice::default() };
    let Some(table) = catalog.table_by_oid(hop.table) else { return WritePrice::default() };
    let parts = catalog.leaves(table);
    let activities: Vec<_> =
        if parts.is_empty() { vec![table] } else { parts }.into_iter().filter_map(|it| it.activity).collect();
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    let writes: f64 = activities.iter().map(|it| (it.n_inserted + it.n_updated + it.n_deleted) as f64).sum();
    let counted_s = catalog.counted_s.filter(|counted_s| *counted_s >= 1.0 && !activities.is_empty());
    let hot_share = match hop.columns.as_slice() {
        [column] => table.column(column).and_then(|column| {
            let statistics = column.tree_statistics.as_ref().or(column.statistics.as_ref())?;
            statistics.most_common_freqs.as_ref()?.first().copied().map(f64::from)
        }),
        // Statistics of single columns say nothing of pairs.
        _ => None,
    };
    WritePrice { writes_per_s: counted_s.map(|counted_s| writes / counted_s), hot_share, n_waiting: 0 }
}

/// Whether the counted table has an index that begins with the key.
pub(crate) fn has_key_index(wanted: &Wanted, catalog: &Catalog) -> bool {
    let Some(hop) = wanted.hops.first() else { return false };
    let serves = |index: &Index| {
        let first: Vec<_> =
            index.keys.iter().take(hop.columns.len()).map(|key| key.column.as_ref()).collect();
        index.is_valid
            && index.predicate.is_none()
            && hop.columns.iter().all(|column| first.contains(&Some(column)))
    };
    catalog.table_by_oid(hop.table).is_some_and(|table| table.indexes.iter().any(serves))
}

/// Returns the statements whose costs say what a counter saves: counting for one parent, reading one, and reading all.
pub(crate) fn probes(wanted: &Wanted, catalog: &Catalog) -> Option<[String; 3]> {
    let name = |oid: u32| catalog.table_by_oid(oid).map(|table| quote::qualified(&table.schema, &table.name));
    let top = wanted.hops.last()?;
    let mut from = vec![format!("{} AS t0", name(wanted.hops.first()?.table)?)];
    for (i, pair) in wanted.hops.windows(2).enumerate() {
        let tests = pair[0].columns.iter().zip(&pair[0].parent_columns).map(|(own, theirs)| {
            format!("t{i}.{} = t{}.{}", quote::identifier(own), i + 1, quote::identifier(theirs))
        });
        let tests = tests.collect::<Vec<_>>().join(" AND ");
        from.push(format!("JOIN {} AS t{} ON {tests}", name(pair[1].table)?, i + 1));
    }
    let from = from.join(" ");
    let at = wanted.hops.len() - 1;
    let keys = |prefix: &str, columns: &[String]| {
        let tests = columns
            .iter()
            .zip(1..)
            .map(|(column, n)| format!("{prefix}{} = ${n}", quote::identifier(column)));
        tests.collect::<Vec<_>>().join(" AND ")
    };
    // With one table no name needs a qualifier; over several, conditions are on columns of the first, which others may have too.
    let condition = match &wanted.wish.condition {
        Some(condition) if at == 0 => format!(" AND ({condition})"),
        _ => String::new(),
    };
    let parent = name(wanted.parent)?;
    let columns: Vec<_> = top.parent_columns.iter().map(|column| quote::identifier(column)).collect();
    let columns = columns.join(", ");
    Some([
        format!(
            "SELECT pg_catalog.count(*) FROM {from} WHERE {}{condition}",
            keys(&format!("t{at}."), &top.columns)
        ),
        format!("SELECT {columns} FROM {parent} WHERE {}", keys("", &top.parent_columns)),
        format!("SELECT {columns} FROM {parent}"),
    ])
}

/// Returns the counter as an item of `counters` in perfkit.yaml.
pub(crate) fn yaml(wish: &Wish) -> String {
    let mut items = vec![
        format!("table: {}", scalar(&wish.table)),
        format!("column: {}", scalar(&wish.column())),
        format!("counts: {}", scalar(&wish.counts)),
    ];
    let list = |columns: &Columns| match columns.0.as_slice() {
        [one] => scalar(one),
        many => format!("[{}]", many.iter().map(|it| scalar(it)).collect::<Vec<_>>().join(", ")),
    };
    for (name, columns) in [("key", &wish.key), ("through", &wish.through)] {
        if !columns.0.is_empty() {
            items.push(format!("{name}: {}", list(columns)));
        }
    }
    items.extend(wish.condition.iter().map(|condition| format!("where: {}", scalar(condition))));
    items.extend(wish.sum.iter().map(|sum| format!("sum: {}", scalar(sum))));
    items.extend(wish.mode.iter().map(|mode| format!("mode: {mode}")));
    format!("- {{{}}}", items.join(", "))
}

/// Returns a text as YAML reads it back inside braces.
fn scalar(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// Returns the command that makes the counter.
pub(crate) fn command(wish: &Wish) -> String {
    let mut words = vec![
        "perfkit counter add".to_owned(),
        word(&format!("{}.{}", wish.table, wish.column())),
        format!("--counts {}", word(&wish.counts)),
    ];
    for (flag, columns) in [("--key", &wish.key), ("--through", &wish.through)] {
        if !columns.0.is_empty() {
            words.push(format!("{flag} {}", word(&columns.0.join(","))));
        }
    }
    words.extend(wish.condition.iter().map(|condition| format!("--where {}", word(condition))));
    words.extend(wish.sum.iter().map(|sum| format!("--sum {}", word(sum))));
    words.extend(wish.mode.iter().map(|mode| format!("--mode {mode}")));
    words.join(" ")
}

/// Returns a text as a shell reads it back as one word.
fn word(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.,-".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
#[path = "suggest_tests.rs"]
mod tests;
