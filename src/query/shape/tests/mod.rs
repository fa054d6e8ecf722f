//! Tests of whole statements.

mod columns;
mod conditions;
mod relations;

use proptest::prelude::*;

use super::*;

struct Tables;

const TABLES: [(&str, &str); 8] = [
    ("users", "id name email created_at is_active data tags manager_id"),
    ("records", "id user_id bedtime wake_time score"),
    ("follows", "user_id following_id"),
    ("orders", "id user_id status total placed_at note"),
    ("documents", "id title body data tsv tags name"),
    ("Mixed", "Id"),
    ("nodes", "id parent_id"),
    ("events", "id at day kind"),
];

impl Relations for Tables {
    fn has_column(&self, table: &TableName, column: &str) -> Option<bool> {
        Some(self.columns(table)?.iter().any(|known| known == column))
    }

    fn columns(&self, table: &TableName) -> Option<Vec<String>> {
        let (_, columns) = TABLES.iter().find(|(name, _)| *name == table.name)?;
        Some(columns.split(' ').map(str::to_owned).collect())
    }

    fn column_type(&self, table: &TableName, column: &str) -> Option<String> {
        (table.name == "events" && column == "at").then(|| "timestamptz".to_owned())
    }

    fn view(&self, name: &TableName) -> Option<&str> {
        Some(match name.name.as_str() {
            "active_users" => {
                "SELECT users.id, users.name AS label, lower(users.email) AS mail FROM users WHERE users.is_active;"
            }
            "loud_users" => {
                "SELECT a.id, a.label FROM active_users a WHERE ((a.label)::text ~~ 'LOUD%'::text)"
            }
            "totals" => {
                "SELECT o.user_id, count(*) AS n, sum(o.total) AS total FROM orders o GROUP BY o.user_id"
            }
            "things" => {
                "SELECT records.id, records.user_id AS owner FROM records UNION ALL SELECT orders.id, orders.user_id FROM orders"
            }
            "itself" => "SELECT itself.id FROM itself",
            _ => return None,
        })
    }
}

/// Checks what is asked of each table, one line a use, without what it reads.
fn check(sql: &str, expected: &[&str]) {
    let shape = crate::query::parse(sql).unwrap().shape(&Tables);
    let uses: Vec<String> = shape.uses.iter().map(describe).collect();
    assert_eq!(uses, expected, "{sql}");
}

fn describe(table_use: &TableUse) -> String {
    let mut parts: Vec<String> = Vec::new();
    for Condition { operand, test, fixed } in &table_use.conditions {
        let fixed = fixed.as_ref().map(|fixed| format!(" [{fixed}]")).unwrap_or_default();
        parts.push(format!("{} {test:?}{fixed}", name(operand)));
    }
    parts.extend(table_use.joins.iter().map(|operand| format!("join {}", name(operand))));
    parts.extend(table_use.rows.iter().map(|row| format!("row ({})", names(row))));
    for Order { items, is_limited } in &table_use.orders {
        let items: Vec<String> = items
            .iter()
            .map(|SortItem { operand, descending, nulls_first }| {
                let direction = if *descending { " desc" } else { "" };
                let nulls = match (descending, nulls_first) {
                    (true, false) => " nulls last",
                    (false, true) => " nulls first",
                    _ => "",
                };
                format!("{}{direction}{nulls}", name(operand))
            })
            .collect();
        let limit = if *is_limited { " limited" } else { "" };
        parts.push(format!("order ({}){limit}", items.join(", ")));
    }
    parts.extend(table_use.groups.iter().map(|group| format!("group ({})", names(group))));
    parts.extend(table_use.branch_of.map(|whole| format!("branch of {whole}")));
    parts.extend(table_use.is_written.then(|| "written".to_owned()));
    format!("{}: {}", table_use.table, parts.join("; "))
}

fn names(operands: &[Operand]) -> String {
    operands.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn name(operand: &Operand) -> &str {
    match operand {
        Operand::Column(column) => column,
        Operand::Expression { sql, .. } => sql,
    }
}

/// Checks the columns that each use reads; `*` for the whole row.
fn check_reads(sql: &str, expected: &[&str]) {
    let shape = crate::query::parse(sql).unwrap().shape(&Tables);
    let reads: Vec<String> = shape
        .uses
        .iter()
        .map(|table_use| match &table_use.columns {
            Some(columns) => columns.iter().cloned().collect::<Vec<_>>().join(" "),
            None => "*".to_owned(),
        })
        .collect();
    assert_eq!(reads, expected, "{sql}");
}

/// Checks what the first use of each parameter is.
fn check_parameters(sql: &str, expected: &[&str]) {
    let shape = crate::query::parse(sql).unwrap().shape(&Tables);
    let n_parameters = crate::query::placeholder_count(sql);
    let described: Vec<String> = (1..=n_parameters)
        .map(|wanted| {
            shape
                .parameters
                .iter()
                .find_map(|parameter| describe_parameter(parameter, wanted))
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(described, expected, "{sql}");
}

fn end(bound: Option<Bound>) -> &'static str {
    match bound {
        None => "",
        Some(Bound::Lower) => "from ",
        Some(Bound::Upper) => "to ",
    }
}

fn describe_parameter(parameter: &ParameterUse, wanted: usize) -> Option<String> {
    let (number, text) = match parameter {
        ParameterUse::Column { number, table, column, bound } => {
            (number, format!("{}{table}.{column}", end(*bound)))
        }
        ParameterUse::Array { number, table, column } => (number, format!("array of {table}.{column}")),
        ParameterUse::Expression { number, table, operand, bound } => {
            (number, format!("{}{table}: {}", end(*bound), name(operand)))
        }
        ParameterUse::ExpressionArray { number, table, operand } => {
            (number, format!("array of {table}: {}", name(operand)))
        }
        ParameterUse::Pattern { number, operand, notation: Notation::Like, .. } => {
            (number, format!("pattern of {}", name(operand)))
        }
        ParameterUse::Pattern { number, operand, .. } => (number, format!("regex of {}", name(operand))),
        ParameterUse::Wildcard { number } => (number, "wildcard".to_owned()),
        ParameterUse::Part { number, operand, .. } => (number, format!("part of {}", name(operand))),
        ParameterUse::Element { number, operand, .. } => (number, format!("element of {}", name(operand))),
        ParameterUse::Operator { number, operand, operator, .. } => {
            (number, format!("{} {operator}", name(operand)))
        }
        ParameterUse::Words { number, operand, .. } => (number, format!("words of {}", name(operand))),
        ParameterUse::Limit { number } => (number, "limit".to_owned()),
        ParameterUse::Offset { number } => (number, "offset".to_owned()),
        ParameterUse::Typed { number, type_name } => (number, type_name.clone()),
    };
    (*number == wanted).then_some(text)
}

#[test]
fn names_without_a_catalog() {
    struct Nothing;
    impl Relations for Nothing {
        fn has_column(&self, _: &TableName, _: &str) -> Option<bool> {
            None
        }
    }
    let shape = crate::query::parse("SELECT t.a FROM t WHERE t.b = 1 AND c = 2").unwrap().shape(&Nothing);
    assert_eq!(describe(&shape.uses[0]), "t: b Equal [b = 1]");
    assert_eq!(shape.uses[0].columns, None);
}

/// Words from which statements are made that the parser takes often enough.
const WORDS: &str = "(SELECT|FROM|users|records|WHERE|id|u\\.id|name|=|>|AND|OR|NOT|\\(|\\)|\\(SELECT id FROM records\\)|IN|EXISTS|1|'a'|\\$1|ORDER BY|GROUP BY|LIMIT|DISTINCT|,|\\*|JOIN|LEFT JOIN|ON|USING \\(id\\)|AS|u|x|UNION ALL|count\\(\\*\\)|lower\\(name\\)|max\\(id\\)|IS NULL|BETWEEN|LIKE|WITH x AS|FOR UPDATE|active_users|totals|things)";

proptest! {
    #[test]
    fn never_panics(words in prop::collection::vec(WORDS, 0..14), conditions in prop::collection::vec("(id|name|u\\.score|tags\\[1\\]|lower\\(name\\)|x\\.id|\\$1|5|\\(id, name\\)|\\(SELECT id FROM records WHERE user_id = u\\.id\\)) (=|>|<>|IN|LIKE|@>|IS NOT DISTINCT FROM) (5|\\(1, 2\\)|\\(\\$1, name\\)|ANY\\(\\$1\\)|'a%'|u\\.id|\\(SELECT id FROM follows\\))", 1..5), link in "(AND|OR|AND NOT)") {
        let texts = [
            format!("SELECT {}", words.join(" ")),
            format!("SELECT * FROM users u LEFT JOIN totals x ON x.user_id = u.id WHERE {}", conditions.join(&format!(" {link} "))),
            format!("DELETE FROM users u WHERE {}", conditions.join(&format!(" {link} "))),
        ];
        for sql in &texts {
            if let Ok(parsed) = crate::query::parse(sql) {
                let shape = parsed.shape(&Tables);
                for table_use in &shape.uses {
                    prop_assert!(table_use.branch_of.is_none_or(|whole| whole < shape.uses.len()));
                }
            }
        }
    }
}

#[test]
fn long_conditions_do_not_overflow_the_stack() {
    let ors: Vec<String> = (0..200).map(|i| format!("id = {i}")).collect();
    let sql = format!("SELECT 1 FROM users WHERE {}", ors.join(" OR "));
    let shape = crate::query::parse(&sql).unwrap().shape(&Tables);
    assert_eq!(shape.uses[0].conditions[0].test, Test::In);
    assert_eq!(shape.uses.len(), 1);
}
