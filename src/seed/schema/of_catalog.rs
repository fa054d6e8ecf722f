//! Rows of the system catalogs → [`Schema`].

use std::collections::{BTreeMap, BTreeSet};

use super::types::{TextKind, TextType, Type, TypeFact, has_no_binary};
use super::{
    Exclusion, Field, ForeignKey, Key, KeyPart, Leaf, LevelBound, PartitionStrategy, Partitioning, Relation,
    Schema, Sequence, TableId, Trigger,
};
use crate::query::check::SqlFunction;
use crate::query::condition;

/// The refusal of a partitioned table without partitions.
pub(crate) const NO_PARTITION: &str = "it has no partition (`--make-partitions` makes some)";
/// The refusal of one whose partitions are partitioned in turn, and have none.
const NO_LEAF: &str = "its partitions have no partition";

/// What was read of the catalogs, at one moment.
///
/// Tables are named by their OIDs. A partition is no table here: what it has of its own is with the root of its tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// SQL functions that constraints may call.
    pub(crate) functions: Vec<SqlFunction>,
    pub(crate) members: Vec<Member>,
    pub(crate) columns: Vec<Column>,
    pub(crate) types: BTreeMap<u32, TypeFact>,
    pub(crate) checks: Vec<Check>,
    pub(crate) foreign_keys: Vec<Reference>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) triggers: Vec<(u32, Trigger)>,
    /// Tables that hold rows.
    pub(crate) filled: BTreeSet<u32>,
}

/// A table, or a partition of one at any level.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that the catalog states")]
pub(crate) struct Member {
    pub(crate) oid: u32,
    pub(crate) root: u32,
    /// What it is a partition of; the root has none.
    pub(crate) parent: Option<u32>,
    pub(crate) is_asked: bool,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// `pg_class.relkind`.
    pub(crate) kind: char,
    /// `pg_partitioned_table.partstrat`.
    pub(crate) strategy: Option<char>,
    /// Of its own partition key; none where it has expressions.
    pub(crate) partition_columns: Vec<String>,
    pub(crate) bound: Option<String>,
    pub(crate) has_row_security: bool,
    /// A rule that replaces every INSERT.
    pub(crate) rule: Option<String>,
    pub(crate) may_use_schema: bool,
    pub(crate) may_insert: bool,
    pub(crate) may_select: bool,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that the catalog states")]
pub(crate) struct Column {
    pub(crate) table: u32,
    pub(crate) name: String,
    pub(crate) type_oid: u32,
    pub(crate) modifier: i32,
    pub(crate) type_name: String,
    pub(crate) not_null: bool,
    pub(crate) is_generated: bool,
    /// Or the expression that generates it.
    pub(crate) default: Option<String>,
    pub(crate) is_always_identity: bool,
    /// Of its collation.
    pub(crate) folds_case: bool,
    pub(crate) sequence: Option<Sequence>,
}

#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) table: u32,
    /// The table or the partition that has it.
    pub(crate) member: u32,
    pub(crate) name: String,
    pub(crate) definition: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Reference {
    pub(crate) table: u32,
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) parent: u32,
    pub(crate) parent_columns: Vec<String>,
    pub(crate) is_match_full: bool,
    pub(crate) is_deferrable: bool,
}

/// A unique index, or that of an EXCLUDE constraint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) table: u32,
    pub(crate) name: String,
    pub(crate) is_primary: bool,
    pub(crate) nulls_distinct: bool,
    pub(crate) predicate: Option<String>,
    pub(crate) parts: Vec<IndexPart>,
    /// Of EXCLUDE, for each part; else none.
    pub(crate) operators: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct IndexPart {
    /// `None`: an expression.
    pub(crate) column: Option<String>,
    pub(crate) definition: String,
    pub(crate) folds_case: bool,
}

/// Puts together what was read; the relations are in the order of the members, each root's keys with the primary key first.
pub(crate) fn schema(facts: &Facts) -> Schema {
    let roots = || facts.members.iter().filter(|member| member.oid == member.root);
    let places: BTreeMap<u32, TableId> = roots().map(|member| member.oid).zip(0..=TableId::MAX).collect();
    let mut relations: Vec<Relation> =
        roots().take(places.len()).map(|member| relation(facts, member)).collect();
    let place_of = |table: u32| places.get(&table).map(|place| usize::from(*place));
    let mut generated = BTreeMap::new();
    for column in &facts.columns {
        let Some(place) = place_of(column.table) else { continue };
        if column.is_generated {
            let expression = column.default.as_deref().unwrap_or_default();
            generated.insert((column.table, column.name.as_str()), expression);
        } else if has_no_binary(&facts.types, column.type_oid) {
            let field = field(column, &facts.types);
            if field.not_null && field.default.is_none() {
                let reason = format!("type {} of column {} has no binary form", field.type_name, field.name);
                relations[place].refusal.get_or_insert(reason);
            }
            relations[place].left_out.push((field.name, field.type_name));
        } else {
            relations[place].fields.push(field(column, &facts.types));
        }
    }
    for index in &facts.indexes {
        if let Some(place) = place_of(index.table) {
            add_index(&mut relations[place], index, &generated);
        }
    }
    for (table, trigger) in &facts.triggers {
        if let Some(place) = place_of(*table)
            && !relations[place].triggers.contains(trigger)
        {
            relations[place].triggers.push(trigger.clone());
        }
    }
    let trees = Trees::of(&facts.members);
    for relation in &mut relations {
        relation.partitioning = trees.partitioning(relation);
        if relation.partitioning.as_ref().is_some_and(|of| of.leaves.is_empty()) {
            let is_bare = trees.of_root(relation.oid).count() == 1;
            let reason = if is_bare { NO_PARTITION } else { NO_LEAF };
            relation.refusal.get_or_insert_with(|| reason.to_owned());
        }
    }
    for check in &facts.checks {
        if let Some(place) = place_of(check.table) {
            let known = &mut relations[place].checks;
            let is_known = known.iter().any(|(_, definition)| *definition == check.definition);
            if !is_known && trees.is_of_all_rows(check, &facts.checks) {
                known.push((check.name.clone(), check.definition.clone()));
            }
        }
    }
    for reference in &facts.foreign_keys {
        let (Some(place), Some(parent)) = (place_of(reference.table), places.get(&reference.parent)) else {
            continue;
        };
        let Some(key) = foreign_key(&relations, place, reference, *parent) else {
            let reason = format!("foreign key \"{}\" is of a generated column", reference.name);
            relations[place].refusal.get_or_insert(reason);
            continue;
        };
        let is_same = |known: &ForeignKey| ForeignKey { name: key.name.clone(), ..known.clone() } == key;
        if !relations[place].foreign_keys.iter().any(is_same) {
            relations[place].foreign_keys.push(key);
        }
    }
    Schema { relations, functions: facts.functions.clone() }
}

fn relation(facts: &Facts, member: &Member) -> Relation {
    let refusal = if !member.may_use_schema {
        Some(format!("the role may not use schema \"{}\"", member.schema))
    } else if !member.may_insert {
        Some("the role may not INSERT into it".to_owned())
    } else if !member.may_select {
        // Whether there are rows is not known then.
        Some("the role may not SELECT from it".to_owned())
    } else {
        member.rule.as_ref().map(|rule| format!("rule \"{rule}\" replaces INSERT"))
    };
    let is_filled = facts.filled.contains(&member.oid);
    Relation {
        oid: member.oid,
        schema: member.schema.clone(),
        name: member.name.clone(),
        is_asked: member.is_asked && !(is_filled && is_bookkeeping(&member.name)),
        has_row_security: member.has_row_security,
        is_filled,
        refusal,
        ..Relation::default()
    }
}

/// Whether a table is where a tool keeps which migrations it has run: every database that one has made has such rows, and they are
/// no data.
fn is_bookkeeping(name: &str) -> bool {
    const TABLES: &str = "schema_migrations ar_internal_metadata django_migrations flyway_schema_history alembic_version \
        _prisma_migrations knex_migrations knex_migrations_lock sequelizemeta typeorm_metadata mikro_orm_migrations \
        __drizzle_migrations databasechangelog databasechangeloglock goose_db_version gorp_migrations \
        atlas_schema_revisions _sqlx_migrations __diesel_schema_migrations refinery_schema_history seaql_migrations \
        __efmigrationshistory phinxlog doctrine_migration_versions migrations pgmigrations yoyo_lock _yoyo_migration \
        schema_version schema_history";
    TABLES.split_whitespace().any(|table| name.eq_ignore_ascii_case(table))
}

fn field(column: &Column, types: &BTreeMap<u32, TypeFact>) -> Field {
    let ty = Type::of(types, column.type_oid, column.modifier);
    let domain = |oid: u32| types.get(&oid).filter(|known| known.kind == 'd');
    let levels = || {
        let base = |level: &&TypeFact| level.part.and_then(domain);
        std::iter::successors(domain(column.type_oid), base)
    };
    let is_citext = matches!(ty, Type::Text(TextType { kind: TextKind::Citext, .. }));
    Field {
        name: column.name.clone(),
        ty,
        type_name: column.type_name.clone(),
        not_null: column.not_null || levels().any(|level| level.not_null),
        // A domain over a domain has the default of that one, unless it has its own.
        default: column.default.clone().or_else(|| levels().next()?.default.clone()),
        sequence: column.sequence.clone(),
        is_always_identity: column.is_always_identity,
        domain_checks: levels().flat_map(|level| level.checks.iter().cloned()).collect(),
        folds_case: is_citext || column.folds_case,
    }
}

fn add_index(relation: &mut Relation, index: &Index, generated: &BTreeMap<(u32, &str), &str>) {
    let parts: Vec<KeyPart> = index.parts.iter().map(|part| key_part(relation, part, generated)).collect();
    let (name, predicate) = (index.name.clone(), index.predicate.clone());
    if index.operators.is_empty() {
        let (nulls_distinct, is_primary) = (index.nulls_distinct, index.is_primary);
        let is_same = |known: &Key| {
            (&known.parts, &known.predicate, known.nulls_distinct) == (&parts, &predicate, nulls_distinct)
        };
        if !relation.keys.iter().any(is_same) {
            relation.keys.push(Key { name, parts, predicate, nulls_distinct, is_primary });
        }
    } else {
        let parts: Vec<_> = parts.into_iter().zip(index.operators.iter().cloned()).collect();
        if !relation.exclusions.iter().any(|known| (&known.parts, &known.predicate) == (&parts, &predicate)) {
            relation.exclusions.push(Exclusion { name, parts, predicate });
        }
    }
}

fn key_part(relation: &Relation, part: &IndexPart, generated: &BTreeMap<(u32, &str), &str>) -> KeyPart {
    if let Some(name) = &part.column
        && let Some(column) = relation.column(name)
    {
        let folds_case = part.folds_case || relation.field(column).folds_case;
        return if folds_case { KeyPart::Folded(column) } else { KeyPart::Column(column) };
    }
    let of_generated = part.column.as_ref().and_then(|name| generated.get(&(relation.oid, name.as_str())));
    let sql = of_generated.map_or(part.definition.as_str(), |expression| expression);
    if let Some(column) = folded(sql).and_then(|name| relation.column(&name))
        && matches!(relation.field(column).ty, Type::Text(_))
    {
        return KeyPart::Folded(column);
    }
    let columns = condition::columns(sql).iter().filter_map(|column| relation.column(&column.name)).collect();
    KeyPart::Opaque { sql: sql.to_owned(), columns }
}

/// Returns the column of `lower(x)` and `upper(x)`, as `pg_get_indexdef` writes them: other types with a cast to text.
fn folded(sql: &str) -> Option<String> {
    let argument = sql.strip_prefix("lower(").or_else(|| sql.strip_prefix("upper("))?.strip_suffix(')')?;
    let argument = argument.strip_suffix("::text").unwrap_or(argument);
    condition::single_column(argument).map(|column| column.name)
}

/// `None` where a column is generated: it cannot be given what the parent has.
fn foreign_key(
    relations: &[Relation],
    place: usize,
    reference: &Reference,
    parent: TableId,
) -> Option<ForeignKey> {
    let columns =
        |of: &Relation, names: &[String]| names.iter().map(|name| of.column(name)).collect::<Option<_>>();
    Some(ForeignKey {
        name: reference.name.clone(),
        columns: columns(&relations[place], &reference.columns)?,
        parent,
        parent_columns: columns(&relations[usize::from(parent)], &reference.parent_columns)?,
        is_match_full: reference.is_match_full,
        is_deferrable: reference.is_deferrable,
    })
}

/// Tables with their partitions.
struct Trees<'f> {
    members: BTreeMap<(u32, u32), &'f Member>,
}

impl<'f> Trees<'f> {
    fn of(members: &'f [Member]) -> Self {
        Self { members: members.iter().map(|member| ((member.root, member.oid), member)).collect() }
    }

    fn of_root(&self, root: u32) -> impl Iterator<Item = &'f Member> {
        self.members.range((root, 0)..=(root, u32::MAX)).map(|(_, member)| *member)
    }

    /// Returns a member with what it is a part of, up to the root.
    fn up(&self, member: &'f Member) -> impl Iterator<Item = &'f Member> {
        std::iter::successors(Some(member), move |below| {
            self.members.get(&(below.root, below.parent?)).copied()
        })
    }

    /// Returns the members that can hold rows and whose rows perfkit can make: foreign tables are not.
    fn leaves(&self, root: u32) -> impl Iterator<Item = &'f Member> {
        self.of_root(root).filter(|member| member.kind == 'r')
    }

    fn partitioning(&self, relation: &Relation) -> Option<Partitioning> {
        let root = self.members.get(&(relation.oid, relation.oid))?;
        let columns = |of: &Member| {
            let columns = of.partition_columns.iter().map(|name| relation.column(name));
            columns.collect::<Option<Vec<_>>>().unwrap_or_default()
        };
        let bound = |member: &Member| {
            let parent = self.members.get(&(member.root, member.parent?))?;
            let (strategy, columns) = (strategy(parent)?, columns(parent));
            Some(LevelBound { strategy, columns, text: member.bound.clone()? })
        };
        let leaf = |member: &'f Member| {
            let mut bounds: Vec<_> = self.up(member).filter_map(bound).collect();
            bounds.reverse();
            let may_insert = member.may_use_schema && member.may_insert;
            Leaf { schema: member.schema.clone(), name: member.name.clone(), bounds, may_insert }
        };
        let mut leaves: Vec<Leaf> = self.leaves(relation.oid).map(leaf).collect();
        leaves.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Some(Partitioning { strategy: strategy(root)?, columns: columns(root), leaves })
    }

    /// Whether a CHECK holds for all rows of its tree: the root has it, or each partition has one like it. What some partitions
    /// have alone, as their bounds, would contradict what others have.
    fn is_of_all_rows(&self, check: &Check, checks: &[Check]) -> bool {
        if check.member == check.table {
            return true;
        }
        let having: BTreeSet<u32> = checks
            .iter()
            .filter(|other| (other.table, &other.definition) == (check.table, &check.definition))
            .map(|other| other.member)
            .collect();
        self.leaves(check.table).all(|leaf| self.up(leaf).any(|member| having.contains(&member.oid)))
    }
}

fn strategy(member: &Member) -> Option<PartitionStrategy> {
    match member.strategy? {
        'r' => Some(PartitionStrategy::Range),
        'l' => Some(PartitionStrategy::List),
        'h' => Some(PartitionStrategy::Hash),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT4: u32 = 23;
    const TEXT: u32 = 25;
    const CITEXT: u32 = 16_400;

    fn member(oid: u32, root: u32, parent: Option<u32>) -> Member {
        Member {
            oid,
            root,
            parent,
            is_asked: true,
            schema: "public".to_owned(),
            name: format!("t{oid}"),
            kind: 'r',
            may_use_schema: true,
            may_insert: true,
            may_select: true,
            ..Member::default()
        }
    }

    fn partitioned(oid: u32, root: u32, parent: Option<u32>, strategy: char, column: &str) -> Member {
        let partition_columns = vec![column.to_owned()];
        Member { kind: 'p', strategy: Some(strategy), partition_columns, ..member(oid, root, parent) }
    }

    fn column(table: u32, name: &str, type_oid: u32) -> Column {
        Column {
            table,
            name: name.to_owned(),
            type_oid,
            modifier: -1,
            type_name: String::new(),
            not_null: false,
            is_generated: false,
            default: None,
            is_always_identity: false,
            folds_case: false,
            sequence: None,
        }
    }

    /// Two tables `t1` and `t2` of an integer `a`, a text `b` and a generated integer `g`.
    fn facts() -> Facts {
        let builtin = |name: &str| TypeFact {
            name: name.to_owned(),
            is_builtin: true,
            kind: 'b',
            ..TypeFact::default()
        };
        let citext = TypeFact { is_builtin: false, ..builtin("citext") };
        let columns = [1, 2].into_iter().flat_map(|table| {
            let generated = Column {
                is_generated: true,
                default: Some("(a + 1)".to_owned()),
                ..column(table, "g", INT4)
            };
            [column(table, "a", INT4), generated, column(table, "b", TEXT)]
        });
        Facts {
            members: vec![member(1, 1, None), member(2, 2, None)],
            columns: columns.collect(),
            types: [(INT4, builtin("int4")), (TEXT, builtin("text")), (CITEXT, citext)].into(),
            ..Facts::default()
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// An index of columns or expressions.
    fn index(name: &str, parts: &[&str]) -> Index {
        let part = |definition: &&str| IndexPart {
            column: ["a", "b", "g"].contains(definition).then(|| (*definition).to_owned()),
            definition: (*definition).to_owned(),
            folds_case: false,
        };
        let parts = parts.iter().map(part).collect();
        Index { table: 1, name: name.to_owned(), nulls_distinct: true, parts, ..Index::default() }
    }

    #[test]
    fn generated_columns_are_no_fields() {
        let schema = schema(&facts());
        let fields: Vec<_> = schema.relations[0].fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(fields, ["a", "b"]);
    }

    #[test]
    fn columns_without_a_binary_form_have_their_defaults() {
        const ARRAY: u32 = 100;
        const ISBN: u32 = 101;
        let mut facts = facts();
        facts.types.insert(ISBN, TypeFact { kind: 'b', has_no_binary: true, ..TypeFact::default() });
        facts.types.insert(ARRAY, TypeFact { kind: 'b', part: Some(ISBN), ..TypeFact::default() });
        facts.columns[2].type_oid = ARRAY;
        let of = |facts: &Facts| schema(facts).relations[0].clone();
        assert_eq!((of(&facts).fields.len(), of(&facts).left_out.len()), (1, 1));
        assert_eq!(of(&facts).refusal, None);
        facts.columns[2].not_null = true;
        assert_eq!(of(&facts).refusal.as_deref(), Some("type  of column b has no binary form"));
    }

    fn check_part(sql: &str, expected: &KeyPart) {
        let facts = Facts { indexes: vec![index("i", &[sql])], ..facts() };
        assert_eq!(schema(&facts).relations[0].keys[0].parts, std::slice::from_ref(expected), "{sql}");
    }

    #[test]
    fn parts_of_keys_are_read() {
        let opaque =
            |sql: &str, columns: &[u16]| KeyPart::Opaque { sql: sql.to_owned(), columns: columns.to_vec() };
        check_part("a", &KeyPart::Column(0));
        check_part("lower(b)", &KeyPart::Folded(1));
        check_part("upper((b)::text)", &KeyPart::Folded(1));
        check_part("lower(\"b\")", &KeyPart::Folded(1));
        // The lower bound of a range, which has nothing to do with case.
        check_part("lower(a)", &opaque("lower(a)", &[0]));
        check_part("(lower(b) || upper(b))", &opaque("(lower(b) || upper(b))", &[1]));
        check_part("COALESCE(a, length(b))", &opaque("COALESCE(a, length(b))", &[0, 1]));
        check_part("g", &opaque("(a + 1)", &[0]));
        check_part("(true)", &opaque("(true)", &[]));
    }

    #[test]
    fn keys_that_fold_case_are_known_by_type_and_collation() {
        let mut facts = Facts { indexes: vec![index("i", &["a", "b"])], ..facts() };
        facts.columns[0].type_oid = CITEXT;
        facts.indexes[0].parts[1].folds_case = true;
        let relation = &schema(&facts).relations[0];
        assert_eq!(relation.keys[0].parts, [KeyPart::Folded(0), KeyPart::Folded(1)]);
        assert!(relation.fields[0].folds_case);
        assert!(!relation.fields[1].folds_case);
    }

    #[test]
    fn keys_that_say_the_same_are_one() {
        let primary = Index { is_primary: true, ..index("pk", &["a"]) };
        let partial = Index { predicate: Some("(b IS NULL)".to_owned()), ..index("partial", &["a"]) };
        let exclusion = Index { operators: names(&["="]), ..index("x", &["a"]) };
        let indexes = vec![primary, index("again", &["a"]), partial, exclusion.clone(), exclusion];
        let schema = schema(&Facts { indexes, ..facts() });
        let relation = &schema.relations[0];
        let keys: Vec<_> = relation.keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(keys, ["pk", "partial"]);
        assert_eq!(relation.primary_key().map(|key| key.name.as_str()), Some("pk"));
        assert_eq!(relation.exclusions.len(), 1);
        assert_eq!(relation.exclusions[0].parts, [(KeyPart::Column(0), "=".to_owned())]);
    }

    fn reference(columns: &[&str], parent: u32, parent_columns: &[&str]) -> Reference {
        Reference {
            table: 1,
            name: "fk".to_owned(),
            columns: names(columns),
            parent,
            parent_columns: names(parent_columns),
            ..Reference::default()
        }
    }

    #[test]
    fn foreign_keys_name_columns_by_place() {
        let foreign_keys = vec![
            reference(&["b", "a"], 2, &["b", "a"]),
            reference(&["b", "a"], 2, &["b", "a"]),
            reference(&["a"], 1, &["a"]),
            // A table that nobody told of.
            reference(&["a"], 9, &["a"]),
        ];
        let schema = schema(&Facts { foreign_keys, ..facts() });
        let keys = schema.relations[0].foreign_keys.iter();
        let keys: Vec<_> = keys.map(|key| (&key.columns[..], key.parent, &key.parent_columns[..])).collect();
        assert_eq!(keys, [(&[1, 0][..], 1, &[1, 0][..]), (&[0], 0, &[0])]);
    }

    fn check_refusal(facts: &Facts, expected: Option<&str>) {
        assert_eq!(schema(facts).relations[0].refusal.as_deref(), expected);
    }

    #[test]
    fn a_table_that_cannot_be_filled_says_why() {
        let with = |change: fn(&mut Member)| {
            let mut facts = facts();
            change(&mut facts.members[0]);
            facts
        };
        check_refusal(&facts(), None);
        check_refusal(
            &with(|member| member.may_use_schema = false),
            Some("the role may not use schema \"public\""),
        );
        check_refusal(&with(|member| member.may_insert = false), Some("the role may not INSERT into it"));
        check_refusal(&with(|member| member.may_select = false), Some("the role may not SELECT from it"));
        check_refusal(&with(|member| member.rule = Some("r".to_owned())), Some("rule \"r\" replaces INSERT"));
        check_refusal(&with(|member| *member = partitioned(1, 1, None, 'r', "a")), Some(NO_PARTITION));
        let foreign_keys = vec![reference(&["g"], 2, &["a"])];
        let reason = Some("foreign key \"fk\" is of a generated column");
        check_refusal(&Facts { foreign_keys, ..facts() }, reason);
    }

    /// `t1`, by range of `a`: `t3`, by list of `b`: `t4`, `t5` and the foreign table `t7`; `t6` by default.
    fn tree() -> Facts {
        let bound = |member: Member, bound: &str| Member { bound: Some(bound.to_owned()), ..member };
        let members = vec![
            partitioned(1, 1, None, 'r', "a"),
            bound(member(6, 1, Some(1)), "DEFAULT"),
            bound(member(4, 1, Some(3)), "FOR VALUES IN ('x')"),
            bound(partitioned(3, 1, Some(1), 'l', "b"), "FOR VALUES FROM (0) TO (9)"),
            bound(Member { may_insert: false, ..member(5, 1, Some(3)) }, "DEFAULT"),
            bound(Member { kind: 'f', ..member(7, 1, Some(3)) }, "FOR VALUES IN ('y')"),
        ];
        Facts { members, ..facts() }
    }

    #[test]
    fn partitions_are_leaves_with_the_bounds_of_all_levels() {
        let schema = schema(&tree());
        assert_eq!(schema.relations.len(), 1);
        let partitioning = schema.relations[0].partitioning.as_ref().expect("t1 is partitioned");
        let bound = |strategy, column, text: &str| LevelBound {
            strategy,
            columns: vec![column],
            text: text.to_owned(),
        };
        let range = |text| bound(PartitionStrategy::Range, 0, text);
        let list = |text| bound(PartitionStrategy::List, 1, text);
        let leaf = |name: &str, may_insert, bounds| Leaf {
            schema: "public".to_owned(),
            name: name.to_owned(),
            bounds,
            may_insert,
        };
        let expected = Partitioning {
            strategy: PartitionStrategy::Range,
            columns: vec![0],
            leaves: vec![
                leaf("t4", true, vec![range("FOR VALUES FROM (0) TO (9)"), list("FOR VALUES IN ('x')")]),
                leaf("t5", false, vec![range("FOR VALUES FROM (0) TO (9)"), list("DEFAULT")]),
                leaf("t6", true, vec![range("DEFAULT")]),
            ],
        };
        assert_eq!(partitioning, &expected);
    }

    /// CHECKs of members of `t1` by name; the definition is the name.
    fn check_checks(checks: &[(u32, &str)], expected: &[&str]) {
        let check = |(member, name): &(u32, &str)| Check {
            table: 1,
            member: *member,
            name: (*name).to_owned(),
            definition: format!("CHECK ({name})"),
        };
        let facts = Facts { checks: checks.iter().map(check).collect(), ..tree() };
        let schema = schema(&facts);
        let found: Vec<_> = schema.relations[0].checks.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn checks_of_partitions_count_where_all_have_them() {
        check_checks(&[(1, "root")], &["root"]);
        check_checks(&[(6, "one"), (4, "other")], &[]);
        check_checks(&[(3, "both"), (6, "both")], &["both"]);
        check_checks(&[(4, "most"), (6, "most")], &[]);
        check_checks(&[(4, "all"), (5, "all"), (6, "all")], &["all"]);
    }

    #[test]
    fn domains_give_what_all_their_levels_ask() {
        let mut facts = facts();
        let domain =
            |part, modifier| TypeFact { kind: 'd', part: Some(part), modifier, ..TypeFact::default() };
        let checks = |name: &str| vec![(name.to_owned(), format!("CHECK ({name})"))];
        let inner = TypeFact { not_null: true, checks: checks("inner"), ..domain(TEXT, -1) };
        let outer =
            TypeFact { default: Some("'x'::text".to_owned()), checks: checks("outer"), ..domain(100, -1) };
        facts.types.extend([(100, inner), (101, outer)]);
        facts.columns[0].type_oid = 101;
        let schema = schema(&facts);
        let field = schema.relations[0].field(0);
        assert_eq!(field.ty, Type::Text(TextType { kind: TextKind::Text, max_length: None }));
        assert!(field.not_null);
        assert_eq!(field.default.as_deref(), Some("'x'::text"));
        assert_eq!(field.domain_checks, [checks("outer"), checks("inner")].concat());
    }
}
