//! Catalogs with evidence for the tests of the rules.

use super::{Check, Context, Evidence, Finding, Observation, Options, Statement, Subject, findings};
use crate::catalog::{
    Activity, Catalog, Column, Constraint, Index, IndexKey, IndexUsage, Reference, Table, TableKind,
};
use crate::query::quote;
use crate::random;

/// Everything that an audit looks at.
pub(super) struct Fixture {
    pub(super) catalog: Catalog,
    pub(super) evidence: Evidence,
    pub(super) workload: Vec<Statement>,
    pub(super) options: Options,
}

pub(super) const DAY_S: f64 = 86_400.0;

/// A table of schema `public` with a million rows in 20,000 pages. A column is written as its name, its type, and `!` when it
/// is never NULL.
pub(super) fn table(name: &str, columns: &[&str], indexes: Vec<Index>) -> Table {
    Table {
        schema: "public".into(),
        name: name.into(),
        columns: columns.iter().map(|text| column(text)).collect(),
        indexes,
        n_rows: 1_000_000.0,
        n_pages: 20_000,
        n_all_visible_pages: 20_000,
        activity: Some(Activity { n_inserted: 1_000_000, ..Activity::default() }),
        fillfactor: 100,
        replica_identity: 'd',
        ..Table::default()
    }
}

fn column(text: &str) -> Column {
    let not_null = text.ends_with('!');
    let (name, base_type) = text.trim_end_matches('!').split_once(' ').unwrap();
    let (name, base_type) = (name.to_owned(), base_type.to_owned());
    Column { name, type_name: base_type.clone(), base_type, not_null, ..Column::default() }
}

/// A valid btree of 30 MB that was scanned 1000 times. A key is written as a column or, with parentheses, as an
/// expression, `-` before it when it descends, and behind it `nulls first`, `nulls last`, `collate NAME` or an operator
/// class that is not the type's own.
pub(super) fn index(name: &str, keys: &[&str]) -> Index {
    Index {
        name: name.into(),
        method: "btree".into(),
        keys: keys.iter().map(|text| key(text)).collect(),
        is_valid: true,
        is_ready: true,
        usage: Some(IndexUsage {
            n_scans: 1000,
            n_entries_read: 50_000,
            n_rows_fetched: 50_000,
            scanned_s_ago: None,
        }),
        n_rows: 1_000_000.0,
        size_bytes: 30 << 20,
        ..Index::default()
    }
}

/// … that was never scanned.
pub(super) fn never_scanned(index: Index) -> Index {
    Index { usage: Some(IndexUsage::default()), ..index }
}

/// … that a PRIMARY KEY or UNIQUE constraint of its name owns, which [`Fixture::new`] adds to the table.
pub(super) fn owned(index: Index) -> Index {
    Index { is_unique: true, is_constraint: true, ..index }
}

fn key(text: &str) -> IndexKey {
    let descending = text.starts_with('-');
    let text = text.trim_start_matches('-');
    let (operand, rest) = match text.rfind(')') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(' ').unwrap_or(text.len())),
    };
    let is_expression = operand.contains('(');
    let rest = rest.trim();
    let collation = rest.strip_prefix("collate ").map(quote::quote_identifier);
    let opclass = (rest.ends_with("_ops")).then(|| rest.to_owned());
    IndexKey {
        column: (!is_expression).then(|| operand.to_owned()),
        expression: is_expression.then(|| operand.to_owned()),
        opclass,
        has_other_collation: collation.is_some(),
        collation,
        descending,
        nulls_first: match rest {
            "nulls first" => true,
            "nulls last" => false,
            _ => descending,
        },
        ..IndexKey::default()
    }
}

/// A validated foreign key; `parent` is the number of the table in the fixture, from 1.
pub(super) fn foreign_key(name: &str, columns: &[&str], parent: u32, referred: &[&str]) -> Constraint {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    Constraint {
        name: name.into(),
        kind: 'f',
        definition: format!(
            "FOREIGN KEY ({}) REFERENCES table_{parent}({})",
            columns.join(", "),
            referred.join(", ")
        ),
        columns: names(columns),
        is_validated: true,
        references: Some(Reference {
            table: parent,
            columns: names(referred),
            families: Vec::new(),
            on_delete: 'a',
            on_update: 'a',
        }),
        ..Constraint::default()
    }
}

impl Fixture {
    /// Numbers the tables from 1 and their indexes from 101, and completes what follows from the rest: operator families,
    /// definitions, constraints that own indexes. Counters are 30 days old on PostgreSQL 16.
    pub(super) fn new(tables: Vec<Table>) -> Self {
        let mut catalog = Catalog {
            tables,
            search_path: vec!["public".into()],
            counted_s: Some(30.0 * DAY_S),
            ..Catalog::default()
        };
        let mut next_oid = 101;
        for (table, oid) in catalog.tables.iter_mut().zip(1..) {
            table.oid = oid;
            for index in &mut table.indexes {
                if index.oid == 0 {
                    index.oid = next_oid;
                }
                next_oid += 1;
            }
            complete_indexes(table);
        }
        complete_foreign_keys(&mut catalog);
        let evidence = Evidence { major: 16, counted_s: Some(30.0 * DAY_S), ..Evidence::default() };
        Self { catalog, evidence, workload: Vec::new(), options: Options::default() }
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject { catalog: &self.catalog, evidence: &self.evidence, workload: &self.workload }
    }

    /// What one rule says.
    pub(super) fn check(&self, check: Check) -> Vec<Observation> {
        let subject = self.subject();
        check(&Context::new(&subject, &self.options))
    }

    /// What one rule says: its messages.
    pub(super) fn messages(&self, check: Check) -> Vec<String> {
        self.check(check).into_iter().map(|observation| observation.finding.message).collect()
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        findings(&self.subject(), &self.options)
    }

    pub(super) fn table_mut(&mut self, name: &str) -> &mut Table {
        self.catalog.tables.iter_mut().find(|table| table.name == name).unwrap()
    }

    /// An index by its name.
    pub(super) fn index_mut(&mut self, name: &str) -> &mut Index {
        let mut indexes = self.catalog.tables.iter_mut().flat_map(|table| &mut table.indexes);
        indexes.find(|index| index.name == name).unwrap()
    }
}

fn complete_indexes(table: &mut Table) {
    for index in &mut table.indexes {
        let method = index.method.clone();
        for key in &mut index.keys {
            let own = table.columns.iter().find(|column| Some(&column.name) == key.column.as_ref());
            // The expressions of tests are texts.
            let base_type = own.map_or("text", |column| column.base_type.as_str());
            let opclass_type = if base_type == "varchar" { "text" } else { base_type };
            opclass_type.clone_into(&mut key.opclass_type);
            key.opfamily = family(&method, base_type, key.opclass.as_deref());
            if key.collation.is_none() && opclass_type == "text" {
                key.collation = Some("pg_catalog.\"default\"".into());
            }
        }
        if index.definition.is_empty() {
            index.definition = definition(&table.schema, &table.name, index);
        }
        let is_known = table.constraints.iter().any(|known| known.index == Some(index.oid));
        if index.is_constraint && !is_known {
            let columns: Vec<String> = index.keys.iter().filter_map(|key| key.column.clone()).collect();
            let is_primary = index.name.ends_with("_pkey");
            let kind = if is_primary { "PRIMARY KEY" } else { "UNIQUE" };
            table.constraints.push(Constraint {
                name: index.name.clone(),
                kind: if is_primary { 'p' } else { 'u' },
                definition: format!("{kind} ({})", columns.join(", ")),
                columns,
                is_validated: true,
                index: Some(index.oid),
                references: None,
            });
        }
    }
}

/// A number for an operator family: integers have one, as have texts.
fn family(method: &str, base_type: &str, opclass: Option<&str>) -> u32 {
    let of_type = match base_type {
        "int2" | "int4" | "int8" => "integer_ops",
        "varchar" | "text" => "text_ops",
        other => other,
    };
    let name = format!("{method} {}", opclass.unwrap_or(of_type));
    u32::try_from(random::substream(0, &name) >> 33).unwrap()
}

fn definition(schema: &str, table: &str, index: &Index) -> String {
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|key| {
            let mut text = key.column.clone().or(key.expression.clone()).unwrap();
            if key.has_other_collation {
                text = format!("{text} COLLATE {}", key.collation.as_ref().unwrap());
            }
            text.extend(key.opclass.iter().map(|opclass| format!(" {opclass}")));
            text.push_str(if key.descending { " DESC" } else { "" });
            match (key.descending, key.nulls_first) {
                (true, false) => text + " NULLS LAST",
                (false, true) => text + " NULLS FIRST",
                _ => text,
            }
        })
        .collect();
    let unique = if index.is_unique { "UNIQUE " } else { "" };
    let mut text = format!(
        "CREATE {unique}INDEX {} ON {schema}.{table} USING {} ({})",
        index.name,
        index.method,
        keys.join(", ")
    );
    if !index.include.is_empty() {
        text = format!("{text} INCLUDE ({})", index.include.join(", "));
    }
    if !index.options.is_empty() {
        text = format!("{text} WITH ({})", index.options.join(", "));
    }
    text.extend(index.predicate.iter().map(|predicate| format!(" WHERE {predicate}")));
    text
}

/// Fills in the families of equal types and of integers among each other, as those of `=` of the parent's and the
/// child's type are.
fn complete_foreign_keys(catalog: &mut Catalog) {
    let types: Vec<Vec<(String, String)>> = catalog
        .tables
        .iter()
        .map(|table| table.columns.iter().map(|it| (it.name.clone(), it.base_type.clone())).collect())
        .collect();
    let type_of = |table: usize, column: &String| {
        types[table]
            .iter()
            .find(|(name, _)| name == column)
            .unwrap_or_else(|| panic!("no {column}"))
            .1
            .as_str()
    };
    for (number, table) in catalog.tables.iter_mut().enumerate() {
        for constraint in &mut table.constraints {
            let Some(reference) = constraint.references.as_mut().filter(|it| it.families.is_empty()) else {
                continue;
            };
            let parent = usize::try_from(reference.table).unwrap() - 1;
            let pairs = constraint.columns.iter().zip(&reference.columns);
            reference.families = pairs
                .map(|(own, referred)| {
                    let (own, referred) = (type_of(number, own), type_of(parent, referred));
                    let methods = ["btree", "hash", "gin", "gist", "brin"];
                    if family("btree", own, None) != family("btree", referred, None) {
                        return Vec::new();
                    }
                    let mut families: Vec<u32> =
                        methods.iter().map(|method| family(method, own, None)).collect();
                    families.push(family("btree", own, Some("text_pattern_ops")));
                    families
                })
                .collect();
        }
    }
}

/// Makes a table partitioned, and another one its partition.
pub(super) fn partition(catalog: &mut Catalog, parent: &str, child: &str) {
    let parent = catalog.tables.iter_mut().find(|table| table.name == parent).unwrap();
    parent.kind = TableKind::Partitioned;
    (parent.n_pages, parent.n_all_visible_pages) = (0, 0);
    let oid = parent.oid;
    let child = catalog.tables.iter_mut().find(|table| table.name == child).unwrap();
    child.partition_of = Some((oid, format!("FOR VALUES IN ('{}')", child.name)));
}
