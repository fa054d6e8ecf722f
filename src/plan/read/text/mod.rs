//! EXPLAIN (FORMAT TEXT) of PostgreSQL 8 to 19 and of extensions' nodes, to the keys of the JSON format.
//!
//! [`lines`] says what each line begins and rejoins broken ones, [`node`], [`property`] and [`tail`] read them, and
//! [`tree`] finds each node's parent. The indentation tells the owner of a line: a node's properties stand further to
//! the right than its arrow, and so do its children's arrows.
//!
//! What TEXT leaves out, so that a plan read here has not what the same plan in JSON has:
//! - flags that are false (`Parallel Aware`, `Async Capable`, `Inner Unique`, `Disabled`, `Single Copy`);
//! - counters that are zero (`Rows Removed by …`, `Planned Partitions`, `Subplans Removed`, `Exact Heap Blocks`, …);
//!   buffers, I/O times and WAL that are zero are added again when another node shows that they were measured;
//! - planning's buffers when they are zero, `Triggers` and `Settings` when they are empty, and workers that did nothing;
//! - the name of a constraint's trigger (without VERBOSE), and a trigger's table when there is only one;
//! - whether `Function Scan on x` names a function or only an alias (without VERBOSE);
//! - that an index is scanned in no order (`NoMovement`, up to 15), which looks like `Forward`;
//! - to which version the single child of a `ModifyTable` belongs: it is `Outer` as since 14, not `Member` as before.

mod balance;
mod lines;
mod node;
mod property;
mod tail;
mod tree;
mod zeros;

#[cfg(test)]
pub(crate) mod same;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::lines::{Entries, Entry, Kind};
use self::tail::Group;
use self::tree::{Place, Role};
use self::zeros::Measured;
use super::{Error, Line, Raw, RawNode};

/// Reads every plan in the lines; [`Error::NoPlan`] if none begins there.
pub(super) fn raws(lines: &[Line<'_>]) -> Result<Vec<Raw>, Error> {
    let mut reader = Reader::default();
    for entry in Entries::new(lines) {
        reader.take(&entry)?;
    }
    reader.end_plan()?;
    if reader.raws.is_empty() {
        return Err(Error::NoPlan);
    }
    Ok(reader.raws)
}

fn at(entry: &Entry<'_>, byte: usize, problem: String) -> Error {
    let before = entry.text.get(..byte).unwrap_or_default();
    Error::At { line: entry.number, column: entry.column + before.chars().count(), problem }
}

/// The plans so far.
#[derive(Default)]
struct Reader {
    raws: Vec<Raw>,
    open: Option<Open>,
    /// The statement before the plan, from `auto_explain`.
    query: Option<String>,
    parameters: Option<String>,
}

impl Reader {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        match entry.kind {
            Kind::End => self.end_plan(),
            Kind::Query => {
                self.end_plan()?;
                match &mut self.query {
                    Some(query) => {
                        query.push('\n');
                        query.push_str(&entry.text);
                    }
                    None => self.query = Some(entry.text.to_string()),
                }
                Ok(())
            }
            Kind::Parameters => {
                self.parameters = Some(entry.text.to_string());
                Ok(())
            }
            Kind::Root => {
                self.end_plan()?;
                let mut open = Open::new(entry)?;
                for (key, text) in
                    [("Query Text", self.query.take()), ("Query Parameters", self.parameters.take())]
                {
                    if let Some(text) = text {
                        open.top.insert(key.to_owned(), text.trim_end().into());
                    }
                }
                self.open = Some(open);
                Ok(())
            }
            Kind::Node | Kind::Label | Kind::Target | Kind::Property | Kind::Note => match &mut self.open {
                Some(open) => open.take(entry),
                None => Ok(()),
            },
        }
    }

    fn end_plan(&mut self) -> Result<(), Error> {
        if let Some(open) = self.open.take() {
            self.raws.push(open.finish()?);
        }
        Ok(())
    }
}

/// A plan whose lines are being read.
struct Open {
    nodes: Vec<RawNode>,
    /// One for each node.
    places: Vec<Place>,
    /// The nodes from the root to the last one.
    path: Vec<usize>,
    root_indent: usize,
    /// What the last `InitPlan`, `SubPlan` or `CTE` line says of the node that follows.
    label: Option<(usize, String)>,
    part: Part,
    group: Option<Group>,
    top: Map<String, Value>,
    measured: Measured,
    /// The error for a node that stands beside the root, should the indentation be right.
    beside_root: Option<Error>,
}

/// What part of the last node its further lines describe.
#[derive(Clone, Copy, Debug)]
enum Part {
    Node,
    /// A worker, by its number, with the indentation of its first line.
    Worker(usize, usize),
    /// The last target, with the indentation of its line.
    Target(usize),
}

impl Open {
    fn new(entry: &Entry<'_>) -> Result<Self, Error> {
        let mut open = Self {
            nodes: Vec::new(),
            places: Vec::new(),
            path: Vec::new(),
            root_indent: entry.indent,
            label: None,
            part: Part::Node,
            group: None,
            top: Map::new(),
            measured: Measured::default(),
            beside_root: None,
        };
        open.node(entry)?;
        Ok(open)
    }

    fn take(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        match entry.kind {
            Kind::Node => self.node(entry)?,
            Kind::Label => self.label = Some((entry.indent, entry.text.to_string())),
            Kind::Target => {
                let keys = self.last();
                push(keys, "Target Tables", node::parse_target(&entry.text).into());
                self.part = Part::Target(entry.indent);
            }
            Kind::Property => {
                if let Some((key, value)) = lines::property(&entry.text) {
                    self.property(entry.indent, key, value);
                }
            }
            Kind::Note => {
                if self.top.is_empty() {
                    let owner = self.owner(entry.indent);
                    push(&mut self.nodes[owner].properties, "Other Lines", entry.text.as_ref().into());
                }
            }
            Kind::Root | Kind::Query | Kind::Parameters | Kind::End => {}
        }
        Ok(())
    }

    fn node(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let mut properties =
            node::parse(&entry.text).map_err(|problem| at(entry, problem.at, problem.text))?;
        self.measured.see_node(&properties);
        let (position, role) = match self.label.take() {
            Some((indent, name)) => {
                let role = if name.starts_with("SubPlan") { Role::SubPlan } else { Role::InitPlan };
                properties.insert("Subplan Name".to_owned(), name.into());
                // The label stands two blanks left of the arrow, where those of the node's siblings are.
                (indent.max(entry.indent.saturating_sub(2)).min(entry.indent), role)
            }
            None => (entry.indent, Role::Input),
        };
        while self.path.len() > 1 && self.path.last().is_some_and(|id| self.places[*id].position >= position)
        {
            self.path.pop();
        }
        let parent = self.path.last().copied();
        if parent == Some(0) && position < self.root_indent && self.beside_root.is_none() {
            let problem = format!(
                "this node stands left of the plan's first one, in line {}; expected the node that both belong to",
                self.places[0].line
            );
            self.beside_root = Some(at(entry, 0, problem));
        }
        self.path.push(self.nodes.len());
        self.nodes.push(RawNode { parent, properties });
        self.places.push(Place { position, role, line: entry.number, column: entry.column });
        self.part = Part::Node;
        self.group = None;
        Ok(())
    }

    fn property(&mut self, indent: usize, key: &str, value: &str) {
        if let Some(number) = worker_number(key) {
            self.worker(indent, number, key, value);
        } else if self.is_of_top(indent, key) {
            tail::insert(&mut self.top, &mut self.group, key, value);
        } else {
            self.measured.see(key, value);
            let owner = self.owner(indent);
            if owner + 1 < self.nodes.len() {
                // Citus goes on with a node after its children.
                property::insert(&mut self.nodes[owner].properties, key, value);
                return;
            }
            match self.part {
                Part::Worker(number, of) if indent > of || self.is_flat() => {
                    self.worker_line(number, key, value);
                }
                Part::Target(of) if indent > of => match self.last().get_mut("Target Tables") {
                    Some(Value::Array(targets)) => {
                        if let Some(Value::Object(target)) = targets.last_mut() {
                            property::insert(target, key, value);
                        }
                    }
                    _ => property::insert(self.last(), key, value),
                },
                _ => property::insert(self.last(), key, value),
            }
        }
    }

    /// Reads `Worker 0:  actual time=… rows=… loops=…`, where any other property may stand, too.
    fn worker(&mut self, indent: usize, number: usize, key: &str, value: &str) {
        self.part = Part::Worker(number, indent);
        let keys = worker_keys(self.last(), number);
        if key.starts_with("JIT") {
            // PostgreSQL 12.
            tail::object(keys, "JIT");
        } else if !node::parse_actual(keys, value)
            && let Some((key, value)) = lines::property(value)
        {
            self.worker_line(number, key, value);
        }
    }

    fn worker_line(&mut self, number: usize, key: &str, value: &str) {
        let keys = worker_keys(self.last(), number);
        if key == "JIT" {
            tail::object(keys, "JIT");
        } else if !keys.contains_key("JIT") || !tail::insert_jit(keys, key, value) {
            property::insert(keys, key, value);
        }
    }

    /// Whether a line stands beside the root.
    fn is_of_top(&self, indent: usize, key: &str) -> bool {
        if self.group.is_some_and(|group| group.has(key)) {
            return true;
        }
        let is_far_left = indent <= self.root_indent + 1;
        if let Part::Worker(_, of) = self.part
            && indent > of
        {
            return false;
        }
        if tail::is_tail(key) {
            // Citus prints the times of other servers among their nodes.
            return is_far_left || self.owner(indent) == 0;
        }
        is_far_left && (!self.top.is_empty() || (self.nodes.len() > 1 && !self.is_flat()))
    }

    /// Whether the last node is not further to the right than the root: the indentation is lost.
    fn is_flat(&self) -> bool {
        self.places.last().is_some_and(|place| place.position <= self.root_indent + 1)
    }

    /// Returns the node that a line with this indentation describes.
    fn owner(&self, indent: usize) -> usize {
        let last = self.nodes.len() - 1;
        if indent <= self.root_indent + 1 {
            return last;
        }
        let owner = self.path.iter().rev().find(|id| self.places[**id].position < indent);
        owner.copied().unwrap_or(0)
    }

    /// The keys of the last node.
    fn last(&mut self) -> &mut Map<String, Value> {
        let last = self.nodes.len() - 1;
        &mut self.nodes[last].properties
    }

    fn finish(mut self) -> Result<Raw, Error> {
        if tree::is_flat(&self.places) {
            tree::rebuild(&mut self.nodes, &self.places)?;
        } else if let Some(error) = self.beside_root {
            return Err(error);
        }
        tree::relate(&mut self.nodes, &self.places);
        self.measured.complete(&mut self.nodes);
        Ok(Raw { nodes: self.nodes, top: self.top })
    }
}

/// Returns the number of `Worker 0`, or of `JIT for worker 0`.
fn worker_number(key: &str) -> Option<usize> {
    key.strip_prefix("Worker ").or_else(|| key.strip_prefix("JIT for worker "))?.parse().ok()
}

/// Returns the keys of a worker, which are made when it is new.
fn worker_keys(node: &mut Map<String, Value>, number: usize) -> &mut Map<String, Value> {
    let is_it = |worker: &Value| worker.get("Worker Number").and_then(Value::as_u64) == Some(number as u64);
    let workers = node.entry("Workers").or_insert_with(|| Value::Array(Vec::new()));
    if !workers.is_array() {
        *workers = Value::Array(Vec::new());
    }
    let Value::Array(workers) = workers else { unreachable!("made a list above") };
    // The last worker is looked at first, as most lines are of it.
    let at = workers.iter().rposition(is_it).unwrap_or_else(|| {
        workers.push(Value::Object(Map::from_iter([("Worker Number".to_owned(), number.into())])));
        workers.len() - 1
    });
    match &mut workers[at] {
        Value::Object(keys) => keys,
        _ => unreachable!("only objects are found or made"),
    }
}

fn push(keys: &mut Map<String, Value>, key: &str, item: Value) {
    match keys.get_mut(key) {
        Some(Value::Array(items)) => items.push(item),
        _ => {
            keys.insert(key.to_owned(), Value::Array(vec![item]));
        }
    }
}
