//! Sets of values to plan a statement with: observed, drawn as the workload says, or chosen from statistics.

use std::collections::BTreeMap;

use crate::array;
use crate::catalog::{Catalog, Column, ColumnStatistics};
use crate::query::{self, Bound, Notation, Operand, ParameterUse, TableName};
use crate::statistics::ExpressionStatistics;

use super::column_values::{Class, ColumnValues, ranked_elements};
use super::documents;
use super::neutral::{ParameterType, neutral};

/// As many sets as a statement gets whose values are not observed: typical, common and rare ones.
pub(crate) const N_CLASSES: usize = Class::ALL.len();
/// A page of a list, for a `LIMIT $n` that nobody gave a value.
const LIMIT: &str = "20";
/// What the planner assumes of an array that it does not know (`estimate_array_length` of selfuncs.c).
const ARRAY_LENGTH: usize = 10;
/// As many sets as are taken from what was seen of one statement: each is a planner call.
const MAX_OBSERVED: usize = 3;
/// Letters of a pattern that somebody searches with, as `pg_trgm` needs for one trigram.
const PATTERN_LENGTH: usize = 3;

/// Values for all parameters of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ValueSet {
    /// `typical`, `common`, `rare`, each also as `typical infix`; `observed 1`, `draw 1`; `as written` for a statement
    /// without parameters.
    pub(crate) label: String,
    /// How likely the set is; those of a statement sum up to 1.
    ///
    /// All are equally likely, since nothing says how often an application asks for what is common: rows say what is
    /// stored, not what is wanted. Sets that turn out the same count together.
    pub(crate) weight: f64,
    /// In the order of `$1`, `$2`, …; `None` is NULL.
    pub(crate) values: Vec<Option<String>>,
}

/// What is known of the data that parameters are compared with.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) expressions: &'a [ExpressionStatistics],
    /// Statistics of columns that were never analyzed, by schema, table and column.
    pub(crate) sampled: &'a BTreeMap<(String, String, String), ColumnStatistics>,
}

/// A statement that wants values.
#[derive(Clone, Copy)]
pub(crate) struct Wanting<'a> {
    pub(crate) n_parameters: usize,
    pub(crate) uses: &'a [ParameterUse],
    /// Of all parameters, or of none where no server was asked.
    pub(crate) types: &'a [ParameterType],
}

/// How values are chosen that were neither observed nor described.
#[derive(Clone, Copy)]
struct Choice {
    class: Class,
    /// Whether patterns are found anywhere in a text, and not only at its start.
    is_infix: bool,
}

/// Returns the sets of values to plan a statement with; the first is the most typical.
///
/// Where a parameter is a whole pattern and no value was observed, nothing tells whether people search for a beginning or
/// for something in the middle, which other indexes serve: each class has a set of either kind, with half of its weight.
///
/// `drawn` holds the first parameters' values of each class, which the workload describes; those behind are chosen. The
/// parameters of a set are all common, all typical or all rare. `Err` says which parameter cannot be given a value.
pub(crate) fn value_sets(
    statement: &Wanting<'_>,
    drawn: &[Vec<Option<String>>; N_CLASSES],
    observed: &[Vec<Option<String>>],
    known: &Known<'_>,
) -> Result<Vec<ValueSet>, String> {
    let placements = placements(statement, drawn[0].len(), observed);
    let observed = (1..).zip(observed).map(|(i, values)| (format!("observed {i}"), values.clone()));
    let mut labelled: Vec<(String, Vec<Option<String>>)> = observed.collect();
    for ((i, class), drawn) in (1..).zip(Class::ALL).zip(drawn) {
        let label = match (statement.n_parameters, drawn.len()) {
            (0, _) => "as written".to_owned(),
            (n_parameters, n_drawn) if n_parameters == n_drawn => format!("draw {i}"),
            _ => class.label().to_owned(),
        };
        for &is_infix in &placements {
            let mut values = drawn.clone();
            for number in drawn.len() + 1..=statement.n_parameters {
                values.push(Some(value(statement, number, Choice { class, is_infix }, known)?));
            }
            labelled.push((if is_infix { format!("{label} infix") } else { label.clone() }, values));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "there are few value sets")]
    let weight = 1.0 / labelled.len() as f64;
    let mut sets: Vec<ValueSet> = Vec::new();
    for (label, values) in labelled {
        match sets.iter_mut().find(|set| set.values == values) {
            Some(set) => set.weight += weight,
            None => sets.push(ValueSet { label, weight, values }),
        }
    }
    Ok(sets)
}

/// Returns whether patterns are to be chosen that find anywhere, or at the start, or both: as the observed ones do.
fn placements(statement: &Wanting<'_>, n_drawn: usize, observed: &[Vec<Option<String>>]) -> Vec<bool> {
    let patterns: Vec<(usize, Notation)> = (n_drawn + 1..=statement.n_parameters)
        .filter_map(|number| match statement.first_use(number)? {
            ParameterUse::Pattern { notation, .. } => Some((number, *notation)),
            _ => None,
        })
        .collect();
    if patterns.is_empty() {
        return vec![false];
    }
    let is_infix = |value: &str, notation| match notation {
        Notation::Like => value.starts_with(['%', '_']),
        Notation::Regex => !value.starts_with('^'),
    };
    let seen: Vec<bool> = observed
        .iter()
        .flat_map(|values| {
            patterns.iter().filter_map(|(number, notation)| {
                values.get(number - 1)?.as_deref().map(|value| is_infix(value, *notation))
            })
        })
        .collect();
    [false, true].into_iter().filter(|kind| seen.is_empty() || seen.contains(kind)).collect()
}

/// Returns, for each statement, values that it was seen to run with: `seen` holds the texts of statements that run or ran,
/// with their constants.
pub(crate) fn observed<'s>(
    statements: &[&str],
    seen: impl IntoIterator<Item = &'s str>,
) -> Vec<Vec<Vec<Option<String>>>> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, sql) in statements.iter().enumerate() {
        if let Ok(parsed) = query::parse(sql)
            && query::placeholder_count(sql) > 0
        {
            places.entry(parsed.fingerprint).or_default().push(i);
        }
    }
    let mut observed = vec![Vec::new(); statements.len()];
    for text in seen {
        let Ok(parsed) = query::parse(text) else { continue };
        for &i in places.get(&parsed.fingerprint).into_iter().flatten() {
            if let Some(values) = query::literals_for(statements[i], text)
                && observed[i].len() < MAX_OBSERVED
                && !observed[i].contains(&values)
            {
                observed[i].push(values);
            }
        }
    }
    observed
}

fn value(
    statement: &Wanting<'_>,
    number: usize,
    choice: Choice,
    known: &Known<'_>,
) -> Result<String, String> {
    let unknown = ParameterType::default();
    let parameter_type = statement.types.get(number - 1).unwrap_or(&unknown);
    let parameter_use = statement.first_use(number);
    parameter_use
        .and_then(|parameter_use| chosen(statement.uses, parameter_use, choice, parameter_type, known))
        .or_else(|| parameter_type.neutral())
        .or_else(|| neutral(&known.column(parameter_use?)?.base_type))
        .ok_or_else(|| {
            let of_type = match parameter_type.name.as_str() {
                "" => String::new(),
                name => format!(" of type {name}"),
            };
            format!("has a parameter ${number}{of_type} without known values; describe the statement with `params` in perfkit.yaml")
        })
}

/// Returns a value of the class by what the parameter is used for; `None` where nothing is known.
fn chosen(
    uses: &[ParameterUse],
    parameter_use: &ParameterUse,
    choice: Choice,
    parameter_type: &ParameterType,
    known: &Known<'_>,
) -> Option<String> {
    let Choice { class, is_infix } = choice;
    match parameter_use {
        ParameterUse::Limit { .. } => Some(LIMIT.to_owned()),
        ParameterUse::Offset { .. } => Some("0".to_owned()),
        ParameterUse::Column { table, column, bound: Some(bound), .. } => {
            let statistics = known.of_column(table, column)?;
            range_end(uses, (table, &Operand::Column(column.clone())), *bound, class, statistics)
        }
        ParameterUse::Column { table, column, bound: None, .. } => {
            nth_value(uses, parameter_use, class, known.of_column(table, column)?)
        }
        ParameterUse::Array { table, column, .. } => {
            Some(several(class, known.of_column(table, column)?)).filter(|array| array != "{}")
        }
        ParameterUse::Expression { table, operand, bound: Some(bound), .. } => {
            range_end(uses, (table, operand), *bound, class, known.of_operand(table, operand)?)
        }
        ParameterUse::Expression { table, operand, bound: None, .. } => {
            nth_value(uses, parameter_use, class, known.of_operand(table, operand)?)
        }
        ParameterUse::ExpressionArray { table, operand, .. } => {
            Some(several(class, known.of_operand(table, operand)?)).filter(|array| array != "{}")
        }
        ParameterUse::Pattern { table, operand, notation, .. } => {
            let piece = piece(class, *notation, known.of_operand(table, operand)?)?;
            Some(match (notation, is_infix) {
                (Notation::Like, false) => format!("{piece}%"),
                (Notation::Like, true) => format!("%{piece}%"),
                (Notation::Regex, false) => format!("^{piece}"),
                (Notation::Regex, true) => piece,
            })
        }
        ParameterUse::Part { table, operand, .. } => {
            piece(class, Notation::Like, known.of_operand(table, operand)?)
        }
        ParameterUse::Wildcard { .. } => Some("%".to_owned()),
        ParameterUse::Element { table, operand, .. } | ParameterUse::Words { table, operand, .. } => {
            class.pick(&ranked_elements(known.of_operand(table, operand)?)).cloned()
        }
        ParameterUse::Operator { table, operand, operator, .. } => {
            let statistics = known.of_operand(table, operand)?;
            part(operator, class, known.column(parameter_use)?, parameter_type, statistics)
        }
        ParameterUse::Typed { type_name, .. } => neutral(type_name),
    }
}

/// Returns a value to compare with `=`: of several parameters for the same column each gets its own, as in an IN list.
fn nth_value(
    uses: &[ParameterUse],
    parameter_use: &ParameterUse,
    class: Class,
    statistics: &ColumnStatistics,
) -> Option<String> {
    let is_same = |other: &&ParameterUse| match (parameter_use, other) {
        (
            ParameterUse::Column { table, column, .. },
            ParameterUse::Column { table: other_table, column: other_column, bound: None, .. },
        ) => table == other_table && column == other_column,
        _ => false,
    };
    let n_before =
        uses.iter().filter(is_same).filter(|other| other.number() < parameter_use.number()).count();
    let values = ColumnValues::of(statistics);
    let several = values.several(class, n_before + 1);
    several.get(n_before % several.len().max(1)).map(|&value| value.to_owned())
}

/// Returns an array to compare with `= ANY`.
fn several(class: Class, statistics: &ColumnStatistics) -> String {
    let values = ColumnValues::of(statistics);
    array::write(values.several(class, ARRAY_LENGTH).into_iter().map(Some))
}

/// Returns an end of a range that lets the class's share of the rows through. A range with both ends lies in the middle.
fn range_end(
    uses: &[ParameterUse],
    (table, operand): (&TableName, &Operand),
    bound: Bound,
    class: Class,
    statistics: &ColumnStatistics,
) -> Option<String> {
    let has_other_end = uses.iter().any(|other| match other {
        ParameterUse::Column { table: other_table, column, bound: Some(other), .. } => {
            *other != bound
                && other_table == table
                && matches!(operand, Operand::Column(name) if name == column)
        }
        ParameterUse::Expression {
            table: other_table, operand: other_operand, bound: Some(other), ..
        } => *other != bound && other_table == table && other_operand == operand,
        _ => false,
    });
    let share = class.share();
    let quantile = match (bound, has_other_end) {
        (Bound::Lower, false) => 1.0 - share,
        (Bound::Upper, false) => share,
        (Bound::Lower, true) => (1.0 - share) / 2.0,
        (Bound::Upper, true) => f64::midpoint(1.0, share),
    };
    ColumnValues::of(statistics).quantile(quantile).map(str::to_owned)
}

/// Returns the beginning of the class's value, as somebody types it to search, with what means more escaped.
fn piece(class: Class, notation: Notation, statistics: &ColumnStatistics) -> Option<String> {
    let special = match notation {
        Notation::Like => r"%_\",
        Notation::Regex => r".^$*+?()[]{}|\",
    };
    let values = ColumnValues::of(statistics);
    let value = values.several(class, 1).first().copied()?;
    let mut piece = String::new();
    for c in value.chars().take(PATTERN_LENGTH) {
        if special.contains(c) {
            piece.push('\\');
        }
        piece.push(c);
    }
    Some(piece)
}

/// Returns a part of the column's documents, arrays or words.
fn part(
    operator: &str,
    class: Class,
    column: &Column,
    parameter_type: &ParameterType,
    statistics: &ColumnStatistics,
) -> Option<String> {
    let wants_array = parameter_type.name.starts_with('_');
    let one = |part: &String| {
        if wants_array { array::write([Some(part.as_str())]) } else { part.clone() }
    };
    match (column.base_type.as_str(), operator) {
        ("jsonb", "<@") => {
            ColumnValues::of(statistics).several(class, 1).first().map(|&document| document.to_owned())
        }
        ("jsonb", "?" | "?|" | "?&") => class.pick(&documents::parts(statistics).keys).map(one),
        ("jsonb", "@?" | "@@") => class.pick(&documents::parts(statistics).paths).cloned(),
        ("jsonb", _) => class.pick(&documents::parts(statistics).contained).cloned(),
        ("tsvector", _) => class.pick(&ranked_elements(statistics)).map(|word| {
            // `to_tsquery ($1)` and the like read a text.
            if parameter_type.name == "text" { word.clone() } else { query::quote::quote_literal(word) }
        }),
        _ if column.element_type.is_some() && operator == "<@" => {
            let elements = ranked_elements(statistics);
            let elements = elements.iter().take(ARRAY_LENGTH).map(|element| Some(element.as_str()));
            Some(array::write(elements)).filter(|array| array != "{}")
        }
        _ if column.element_type.is_some() => {
            class.pick(&ranked_elements(statistics)).map(|element| array::write([Some(element.as_str())]))
        }
        _ => None,
    }
}

/// Returns values of a column as its statistics show them, common ones more often, to draw from.
pub(crate) fn population(statistics: &ColumnStatistics) -> Vec<String> {
    /// Enough for the rarest of a hundred common values to be there.
    const SIZE: usize = 1000;
    ColumnValues::of(statistics).population(SIZE)
}

impl<'a> Wanting<'a> {
    /// Returns the most telling use of a parameter.
    fn first_use(&self, number: usize) -> Option<&'a ParameterUse> {
        self.uses.iter().find(|parameter_use| parameter_use.number() == number)
    }
}

impl<'a> Known<'a> {
    fn column(&self, parameter_use: &ParameterUse) -> Option<&'a Column> {
        let (table, column) = parameter_use.column()?;
        self.catalog.table(table)?.column(column)
    }

    fn of_column(&self, table: &TableName, column: &str) -> Option<&'a ColumnStatistics> {
        let table = self.catalog.table(table)?;
        table
            .column(column)?
            .statistics()
            .or_else(|| self.sampled.get(&(table.schema.clone(), table.name.clone(), column.to_owned())))
    }

    /// Returns the statistics of an operand: of an expression those that were sampled for it.
    fn of_operand(&self, table: &TableName, operand: &Operand) -> Option<&'a ColumnStatistics> {
        match operand {
            Operand::Column(column) => self.of_column(table, column),
            Operand::Expression { sql, .. } => {
                let table = self.catalog.table(table)?;
                self.expressions
                    .iter()
                    .find(|of| of.schema == table.schema && of.table == table.name && of.expression == *sql)
                    .map(|of| &of.statistics)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Table;

    #[expect(clippy::unnecessary_wraps, reason = "as the statistics have it")]
    fn list(values: &[&str]) -> Option<String> {
        Some(array::write(values.iter().map(|&value| Some(value))))
    }

    /// A table with a column of each kind.
    fn catalog() -> Catalog {
        let hundred: Vec<String> = (0..=100).map(|i| i.to_string()).collect();
        let hundred: Vec<&str> = hundred.iter().map(String::as_str).collect();
        let column = |name: &str, base_type: &str, statistics: ColumnStatistics| Column {
            name: name.to_owned(),
            base_type: base_type.to_owned(),
            element_type: base_type.strip_prefix('_').map(str::to_owned),
            statistics: Some(statistics),
            ..Column::default()
        };
        let unique = ColumnStatistics { histogram_bounds: list(&hundred), ..ColumnStatistics::default() };
        let common = |values: &[&str], freqs: &[f32]| ColumnStatistics {
            most_common_vals: list(values),
            most_common_freqs: Some(freqs.to_vec()),
            ..ColumnStatistics::default()
        };
        let elements = ColumnStatistics {
            most_common_elems: list(&["it's", "red"]),
            most_common_elem_freqs: Some(vec![0.1, 0.6, 0.1, 0.6, 0.0]),
            ..ColumnStatistics::default()
        };
        let table = Table {
            schema: "public".into(),
            name: "t".into(),
            columns: vec![
                column("id", "int8", unique),
                column("status", "text", common(&["done", "100%", "new"], &[0.9, 0.06, 0.04])),
                column("doc", "jsonb", common(&[r#"{"kind": "a"}"#, r#"{"kind": "b"}"#], &[0.7, 0.3])),
                column("tags", "_text", elements.clone()),
                column("words", "tsvector", elements),
                column("plain", "int4", ColumnStatistics::default()),
            ],
            ..Table::default()
        };
        Catalog { tables: vec![table], search_path: vec!["public".into()], ..Catalog::default() }
    }

    fn sets(sql: &str, types: &[&str]) -> Result<Vec<ValueSet>, String> {
        let catalog = catalog();
        let uses = query::parse(sql).unwrap().shape(&catalog).parameters;
        let types: Vec<ParameterType> = types
            .iter()
            .map(|&name| ParameterType { name: name.to_owned(), ..ParameterType::default() })
            .collect();
        let statement = Wanting { n_parameters: query::placeholder_count(sql), uses: &uses, types: &types };
        let lower = ExpressionStatistics {
            schema: "public".into(),
            table: "t".into(),
            expression: "lower(status)".into(),
            statistics: ColumnStatistics { histogram_bounds: list(&["a", "b", "c"]), ..Default::default() },
        };
        let known = Known { catalog: &catalog, expressions: &[lower], sampled: &BTreeMap::new() };
        value_sets(&statement, &Default::default(), &[], &known)
    }

    /// Each set as `label: value value`.
    fn check(sql: &str, types: &[&str], expected: &[&str]) {
        let sets = sets(sql, types).unwrap();
        assert!((sets.iter().map(|set| set.weight).sum::<f64>() - 1.0).abs() < 1e-9);
        let found: Vec<String> = sets
            .iter()
            .map(|set| {
                let values: Vec<&str> =
                    set.values.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
                format!("{}: {}", set.label, values.join(" "))
            })
            .collect();
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn chooses_by_what_the_parameter_is_used_for() {
        check("SELECT 1 FROM t", &[], &["as written: "]);
        check("SELECT 1 FROM t WHERE id = $1", &[], &["typical: 50"]);
        check(
            "SELECT 1 FROM t WHERE status = $1 LIMIT $2 OFFSET $3",
            &[],
            &["typical: done 20 0", "rare: new 20 0"],
        );
        check("SELECT 1 FROM t WHERE status IN ($1, $2)", &[], &["typical: done 100%", "rare: new 100%"]);
        check("SELECT 1 FROM t WHERE id > $1", &[], &["typical: 90", "common: 50", "rare: 99"]);
        check("SELECT 1 FROM t WHERE $1 >= id", &[], &["typical: 10", "common: 50", "rare: 1"]);
        check(
            "SELECT 1 FROM t WHERE id BETWEEN $1 AND $2",
            &[],
            &["typical: 45 55", "common: 25 75", "rare: 49 50"],
        );
        check(
            "SELECT 1 FROM t WHERE status = ANY ($1)",
            &[],
            &[r#"typical: {"done","100%","new"}"#, r#"rare: {"new","100%","done"}"#],
        );
    }

    #[test]
    fn chooses_patterns_and_parts() {
        check(
            "SELECT 1 FROM t WHERE status LIKE $1",
            &[],
            &["typical: don%", "typical infix: %don%", "rare: new%", "rare infix: %new%"],
        );
        check(
            "SELECT 1 FROM t WHERE status ~ $1",
            &[],
            &["typical: ^don", "typical infix: don", "rare: ^new", "rare infix: new"],
        );
        check(
            "SELECT 1 FROM t WHERE status LIKE $1 || $2 || $3 AND status % $4",
            &[],
            &["typical: % don % don", "rare: % new % new"],
        );
        check(
            "SELECT 1 FROM t WHERE doc @> $1",
            &[],
            &[r#"typical: {"kind": "b"}"#, r#"common: {"kind": "a"}"#],
        );
        check("SELECT 1 FROM t WHERE tags @> $1", &[], &[r#"typical: {"it's"}"#, r#"common: {"red"}"#]);
        check("SELECT 1 FROM t WHERE words @@ $1", &["tsquery"], &["typical: 'it''s'", "common: 'red'"]);
        let number = 1;
        let table = || TableName { schema: None, name: "t".into() };
        let catalog = catalog();
        let of = |parameter_use: ParameterUse, type_name: &str| {
            let lower = ExpressionStatistics {
                schema: "public".into(),
                table: "t".into(),
                expression: "lower(status)".into(),
                statistics: ColumnStatistics {
                    histogram_bounds: list(&["abcd", "bcde", "c"]),
                    ..Default::default()
                },
            };
            let known = Known { catalog: &catalog, expressions: &[lower], sampled: &BTreeMap::new() };
            let types = [ParameterType { name: type_name.to_owned(), ..ParameterType::default() }];
            let statement = Wanting { n_parameters: 1, uses: &[parameter_use], types: &types };
            value(&statement, 1, Choice { class: Class::Typical, is_infix: false }, &known).unwrap()
        };
        let expression = |sql: &str| Operand::Expression { sql: sql.into(), columns: vec!["status".into()] };
        let value =
            |sql| ParameterUse::Expression { number, table: table(), operand: expression(sql), bound: None };
        assert_eq!(of(value("lower(status)"), "text"), "bcde");
        assert_eq!(of(value("upper(status)"), "text"), "");
        let piece = ParameterUse::Part { number, table: table(), operand: expression("lower(status)") };
        assert_eq!(of(piece, "text"), "bcd");
        let operator = |operator: &str| {
            let operand = Operand::Column("doc".into());
            ParameterUse::Operator { number, table: table(), operand, operator: operator.to_owned() }
        };
        assert_eq!(of(operator("?"), "text"), "kind");
        assert_eq!(of(operator("?|"), "_text"), r#"{"kind"}"#);
        assert_eq!(of(operator("@?"), "jsonpath"), r#"$."kind" ? (@ == "b")"#);
    }

    #[test]
    fn falls_back_on_the_type() {
        check("SELECT 1 FROM t WHERE plain = $1", &[], &["typical: 0"]);
        check("SELECT $1::int + 1", &["int4"], &["typical: 0"]);
        let reason = sets("SELECT 1 FROM t WHERE f(id, $1)", &["vector"]).unwrap_err();
        assert!(reason.starts_with("has a parameter $1 of type vector without known values"), "{reason}");
    }

    #[test]
    fn the_workloads_own_values_come_first() {
        let catalog = catalog();
        let known = Known { catalog: &catalog, expressions: &[], sampled: &BTreeMap::new() };
        let statement = Wanting { n_parameters: 1, uses: &[], types: &[] };
        let drawn = ["1", "2", "1"].map(|value| vec![Some(value.to_owned())]);
        let observed = [vec![None]];
        let sets = value_sets(&statement, &drawn, &observed, &known).unwrap();
        let found: Vec<(&str, f64)> = sets.iter().map(|set| (set.label.as_str(), set.weight)).collect();
        assert_eq!(found, [("observed 1", 0.25), ("draw 1", 0.5), ("draw 2", 0.25)]);
    }

    #[test]
    fn patterns_are_found_where_the_observed_ones_were() {
        let catalog = catalog();
        let uses = query::parse("SELECT 1 FROM t WHERE status LIKE $1").unwrap().shape(&catalog).parameters;
        let statement = Wanting { n_parameters: 1, uses: &uses, types: &[] };
        let known = Known { catalog: &catalog, expressions: &[], sampled: &BTreeMap::new() };
        for (observed, expected) in [("%x%", ["%x%", "%don%", "%new%"]), ("x%", ["x%", "don%", "new%"])] {
            let observed = [vec![Some(observed.to_owned())]];
            let sets = value_sets(&statement, &Default::default(), &observed, &known).unwrap();
            let found: Vec<&str> = sets.iter().filter_map(|set| set.values[0].as_deref()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn recognizes_what_was_seen() {
        let statements =
            ["SELECT 1 FROM t WHERE id = $1", "SELECT 1 FROM t", "SELECT 1 FROM t WHERE status = $1"];
        let seen = [
            "SELECT 1 FROM t WHERE id = -5",
            "select 1 from t where id = 6",
            "SELECT 1 FROM t WHERE id = 6 ",
            "SELECT 1 FROM t WHERE id = $1",
            "SELECT 1 FROM t WHERE id = (cut",
            "SELECT 1 FROM t",
        ];
        let value = |text: &str| vec![Some(text.to_owned())];
        assert_eq!(observed(&statements, seen), [vec![value("-5"), value("6")], vec![], vec![]]);
    }
}
