//! What the names in an expression mean: the relations of a FROM clause, and the columns that they pass on.

use sqlparser::ast::{Expr, Ident};

use crate::query::scope::{Relations, TableName, fold};

/// The relations that one FROM clause brings in, inside those of the query around it.
pub(super) struct Scope<'a> {
    pub(super) entries: Vec<Entry>,
    outer: Option<&'a Scope<'a>>,
    /// Names of WITH queries, and where their relations are kept.
    ctes: Vec<(String, usize)>,
    /// Whether the query is joined to the one around it (EXISTS, IN, LATERAL), so that what the outer row is equated
    /// with can find that row.
    pub(super) is_joined: bool,
}

/// One relation of a FROM clause.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) alias: String,
    pub(super) relation: Relation,
}

#[derive(Clone)]
pub(super) enum Relation {
    Table {
        name: TableName,
        use_index: usize,
    },
    /// A query, a view, or tables under one alias.
    Query(Vec<Output>),
    /// A function, or what else is not looked into.
    Opaque,
}

/// An output column of a query.
#[derive(Clone)]
pub(super) enum Output {
    Column {
        name: String,
        /// What it is made of, for each branch of a UNION ALL; none where no condition outside reaches a table.
        sources: Vec<Source>,
    },
    /// All columns of a relation whose columns are not known.
    All(Relation),
}

/// An expression of one table's columns that a name stands for.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) use_index: usize,
    /// With the table's own column names, unqualified.
    pub(super) expr: Expr,
    pub(super) reach: Reach,
}

/// How far what is said about an output column of a query reaches into it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Only comparisons with values that are fixed before the query starts.
    Filter,
    /// As if the query's tables stood outside: joins and orders too.
    Full,
}

/// What a name means.
pub(super) enum Name {
    Column {
        sources: Vec<Source>,
        is_outer: bool,
    },
    /// A whole row.
    Row(Relation),
    /// Nothing that is known; these are the relations that it could belong to.
    Unknown(Vec<Relation>),
}

impl<'a> Scope<'a> {
    pub(super) fn new(outer: Option<&'a Scope<'a>>) -> Self {
        Self { entries: Vec::new(), outer, ctes: Vec::new(), is_joined: false }
    }

    pub(super) fn add_cte(&mut self, name: &Ident, place: usize) {
        self.ctes.push((fold(name), place));
    }

    /// Returns where the relation of a WITH query is kept.
    pub(super) fn cte(&self, table: &TableName) -> Option<usize> {
        if table.schema.is_some() {
            return None;
        }
        let own = self.ctes.iter().rev().find(|(name, _)| *name == table.name).map(|(_, place)| *place);
        own.or_else(|| self.outer.and_then(|outer| outer.cte(table)))
    }

    /// Finds what a name means, in this query or in one around it.
    pub(super) fn resolve(&self, parts: &[Ident], relations: &dyn Relations) -> Name {
        let Some((column, qualifier)) = parts.split_last() else { return Name::Unknown(Vec::new()) };
        let (column, qualifier) = (fold(column), qualifier.last().map(fold));
        let mut scope = Some(self);
        let mut is_outer = false;
        while let Some(current) = scope {
            if let Some(qualifier) = &qualifier {
                if let Some(entry) = current.entries.iter().find(|entry| entry.alias == *qualifier) {
                    return match entry.relation.column(&column, relations, true) {
                        Some(sources) => Name::Column { sources, is_outer },
                        None => Name::Unknown(vec![entry.relation.clone()]),
                    };
                }
            } else {
                let mut columns = current
                    .entries
                    .iter()
                    .filter_map(|entry| entry.relation.column(&column, relations, false));
                if let Some(sources) = columns.next() {
                    return Name::Column { sources, is_outer };
                }
                if let Some(entry) = current.entries.iter().find(|entry| entry.alias == column) {
                    return match entry.relation {
                        Relation::Opaque => Name::Column { sources: Vec::new(), is_outer },
                        _ => Name::Row(entry.relation.clone()),
                    };
                }
            }
            is_outer = true;
            scope = current.outer;
        }
        let entries = || self.entries.iter().map(|entry| &entry.relation);
        if entries().any(|relation| matches!(relation, Relation::Opaque)) {
            return Name::Column { sources: Vec::new(), is_outer: false };
        }
        Name::Unknown(entries().cloned().collect())
    }
}

impl Relation {
    /// Returns what a column is made of; `None` when there is no such column. A qualified column of an unknown table is
    /// believed.
    pub(super) fn column(
        &self,
        column: &str,
        relations: &dyn Relations,
        is_qualified: bool,
    ) -> Option<Vec<Source>> {
        match self {
            Self::Table { name, use_index } => {
                let is_there = relations.has_column(name, column).unwrap_or(is_qualified);
                is_there.then(|| vec![Source::column(*use_index, column)])
            }
            Self::Query(outputs) => outputs.iter().find_map(|output| match output {
                Output::Column { name, sources } => (name == column).then(|| sources.clone()),
                Output::All(relation) => relation.column(column, relations, is_qualified),
            }),
            Self::Opaque => is_qualified.then(Vec::new),
        }
    }

    /// Returns the columns in their order, as a query's output.
    pub(super) fn outputs(&self, relations: &dyn Relations) -> Vec<Output> {
        match self {
            Self::Table { name, use_index } => match relations.columns(name) {
                Some(columns) => columns
                    .into_iter()
                    .map(|name| Output::Column { sources: vec![Source::column(*use_index, &name)], name })
                    .collect(),
                None => vec![Output::All(self.clone())],
            },
            Self::Query(outputs) => outputs.clone(),
            Self::Opaque => vec![Output::All(Self::Opaque)],
        }
    }

    /// The uses of tables that its columns come from.
    pub(super) fn uses(&self) -> Vec<usize> {
        match self {
            Self::Table { use_index, .. } => vec![*use_index],
            Self::Query(outputs) => outputs.iter().flat_map(Output::uses).collect(),
            Self::Opaque => Vec::new(),
        }
    }
}

impl Output {
    fn uses(&self) -> Vec<usize> {
        match self {
            Self::Column { sources, .. } => sources.iter().map(|source| source.use_index).collect(),
            Self::All(relation) => relation.uses(),
        }
    }

    /// Returns it with conditions reaching no further than `reach`.
    pub(super) fn within(self, reach: Reach) -> Self {
        match self {
            Self::Column { name, sources } => {
                let narrowed = |source: Source| Source { reach: source.reach.min(reach), ..source };
                Self::Column { name, sources: sources.into_iter().map(narrowed).collect() }
            }
            // Columns that are not known by name cannot be narrowed.
            Self::All(_) => Self::All(Relation::Opaque),
        }
    }

    /// Returns it as a column that no condition reaches through.
    pub(super) fn opaque(self) -> Self {
        match self {
            Self::Column { name, .. } => Self::Column { name, sources: Vec::new() },
            Self::All(_) => Self::All(Relation::Opaque),
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Column { name, .. } => Some(name),
            Self::All(_) => None,
        }
    }
}

impl Source {
    fn column(use_index: usize, name: &str) -> Self {
        Self { use_index, expr: Expr::Identifier(Ident::with_quote('"', name)), reach: Reach::Full }
    }
}
