//! Renames what a plan says of its owner: names, constants, statements. The shape and every number stay.
//!
//! Safe by default: a text is kept only if its key is known to hold PostgreSQL's own words; whatever an extension
//! adds is renamed like an expression.

mod key;
mod names;
mod restore;
mod sql;
mod vocabulary;

use serde_json::{Map, Value};

use super::read::Raw;
use key::Kind;
use names::Names;
use sql::Notation;

pub(crate) use key::Key;
pub(crate) use restore::restore;

/// Keys of nodes that hold words of PostgreSQL, or the name of an extension's code. Other tools write the last four
/// numbers as texts.
const STRUCTURAL_KEYS: [&str; 21] = [
    "Cache Mode",
    "Command",
    "Conflict Resolution",
    "Custom Plan Provider",
    "Format",
    "Join Type",
    "Node Type",
    "Operation",
    "Parent Relationship",
    "Partial Mode",
    "Scan Direction",
    "Sort Method",
    "Sort Methods Used",
    "Sort Space Type",
    "Split Mode",
    "Storage",
    "Strategy",
    "Batches",
    "Disk Usage",
    "Memory Usage",
    "Sort Space Used",
];

/// Settings whose values are numbers, switches and words of PostgreSQL: those that EXPLAIN (SETTINGS) prints (14 to
/// 18), but for `search_path`.
const PLANNER_SETTINGS: [&str; 17] = [
    "constraint_exclusion",
    "cursor_tuple_fraction",
    "debug_parallel_query",
    "effective_cache_size",
    "effective_io_concurrency",
    "force_parallel_mode",
    "from_collapse_limit",
    "hash_mem_multiplier",
    "io_combine_limit",
    "join_collapse_limit",
    "maintenance_io_concurrency",
    "plan_cache_mode",
    "random_page_cost",
    "recursive_worktable_factor",
    "seq_page_cost",
    "temp_buffers",
    "work_mem",
];
/// … and what the names of the others begin with.
const PLANNER_SETTING_PREFIXES: [&str; 7] =
    ["cpu_", "enable_", "geqo", "jit", "max_parallel_", "min_parallel_", "parallel_"];

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Nothing of the owner's.
    Structure,
    /// One name, or a list of names, without quotes.
    Name(Kind),
    Alias,
    /// `CTE x`, or PostgreSQL's own name of a subplan.
    Subplan,
    Sql(Notation),
}

fn content(key: &str) -> Content {
    match key {
        "Schema" => Content::Name(Kind::Schema),
        "Relation Name" | "Relation" | "Tuplestore Name" => Content::Name(Kind::Table),
        "Index Name" | "Conflict Arbiter Indexes" => Content::Name(Kind::Index),
        "CTE Name" => Content::Name(Kind::Cte),
        "Function Name" | "Table Function Name" | "Sampling Method" => Content::Name(Kind::Function),
        "Trigger Name" | "Constraint Name" => Content::Name(Kind::Trigger),
        "Alias" => Content::Alias,
        "Subplan Name" => Content::Subplan,
        "Query Text" | "Remote SQL" | "Query" => Content::Sql(Notation::Statement),
        "Relations" => Content::Sql(Notation::Relations),
        "search_path" => Content::Sql(Notation::SearchPath),
        _ if STRUCTURAL_KEYS.contains(&key) || is_planner_setting(key) => Content::Structure,
        _ => Content::Sql(Notation::Expression),
    }
}

fn is_planner_setting(key: &str) -> bool {
    PLANNER_SETTINGS.contains(&key) || PLANNER_SETTING_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Returns a plan with its names and constants replaced; the key learns those it did not have.
///
/// The same name has the same replacement in every plan that is renamed with the same key. New replacements are none
/// of the plan's own words. `Query Identifier` goes away: who has the statement can compute it.
pub(crate) fn anonymize(mut raw: Raw, key: &mut Key) -> Raw {
    let mut names = Names::new(key);
    for_each_object(&mut raw, &mut |object| {
        object.shift_remove("Query Identifier");
        for (key, value) in object.iter_mut() {
            names.take(key);
            for_each_text(value, &mut |text| names.take(text));
        }
    });
    // Names before expressions, which use them, and statements last, which say least of what a word is.
    for_each_object(&mut raw, &mut |object| learn_names(object, &mut names));
    for_each_object(&mut raw, &mut |object| replace_names(object, &mut names));
    for wanted in [Notation::Expression, Notation::SearchPath, Notation::Relations, Notation::Statement] {
        for_each_object(&mut raw, &mut |object| {
            for (key, value) in object.iter_mut() {
                for_each_text(value, &mut |text| match content(key) {
                    Content::Sql(notation) if notation == wanted => {
                        *text = sql::rename(text, notation, &mut names);
                    }
                    Content::Subplan if wanted == Notation::Expression => *text = subplan(text, &mut names),
                    _ => {}
                });
            }
        });
    }
    raw
}

/// Gives every table, index, function … its replacement, before aliases refer to them.
fn learn_names(object: &mut Map<String, Value>, names: &mut Names) {
    let schema = text_of(object, "Schema");
    for (key, value) in object.iter_mut() {
        for_each_text(value, &mut |text| _ = name(key, text, schema.as_deref(), names));
    }
}

fn replace_names(object: &mut Map<String, Value>, names: &mut Names) {
    let schema = text_of(object, "Schema");
    let scanned = ["Relation Name", "CTE Name", "Function Name", "Table Function Name", "Tuplestore Name"]
        .into_iter()
        .find_map(|key| {
            let original = text_of(object, key)?;
            let replacement = name(key, &original, schema.as_deref(), names)?;
            Some((original, replacement))
        });
    let scanned = scanned.as_ref().map(|(original, replacement)| (original.as_str(), replacement.as_str()));
    if let Some(Value::String(alias)) = object.get_mut("Alias") {
        *alias = names.of_alias(alias, scanned);
    } else if let Some((original, replacement)) = scanned {
        names.add_scanned(original, replacement);
    }
    for (key, value) in object.iter_mut() {
        for_each_text(value, &mut |text| {
            if let Some(replacement) = name(key, text, schema.as_deref(), names) {
                *text = replacement;
            }
        });
    }
}

/// Returns the replacement of what a key names; `None` if the key holds no name.
fn name(key: &str, text: &str, schema: Option<&str>, names: &mut Names) -> Option<String> {
    match content(key) {
        Content::Name(Kind::Function) => Some(names.of_function(text, schema)),
        Content::Name(kind) => Some(names.of(kind, text)),
        _ => None,
    }
}

fn subplan(text: &str, names: &mut Names) -> String {
    match text.strip_prefix("CTE ") {
        Some(name) => format!("CTE {}", names.of(Kind::Cte, name)),
        None if vocabulary::is_subplan_label(text) => text.to_owned(),
        None => sql::rename(text, Notation::Expression, names),
    }
}

fn text_of(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// Visits each node, what stands beside the root, and the objects in them, outer ones first.
fn for_each_object(raw: &mut Raw, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    for node in &mut raw.nodes {
        objects(&mut node.properties, visit);
    }
    objects(&mut raw.top, visit);
}

fn objects(object: &mut Map<String, Value>, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    visit(object);
    object.values_mut().for_each(|value| objects_in(value, visit));
}

fn objects_in(value: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => objects(object, visit),
        Value::Array(items) => items.iter_mut().for_each(|item| objects_in(item, visit)),
        _ => {}
    }
}

/// Visits a text, or those of a list and the lists in it; objects have keys of their own.
fn for_each_text(value: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| for_each_text(item, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::plan::{Explained, read};
    use crate::query::quote;

    fn raw(json: &Value) -> Raw {
        read::raws(json.to_string().as_bytes()).unwrap().plans.remove(0)
    }

    /// Renames a plan, checks that it can be restored, and returns what became of it.
    fn renamed(plan: &Value, key: &mut Key) -> Value {
        let original = raw(plan);
        let renamed = read::to_json(anonymize(original.clone(), key));
        let restored = restore(&format!("{renamed:#}"), key);
        assert_eq!(read::raws(restored.as_bytes()).unwrap().plans, [original]);
        renamed
    }

    fn check(plan: &Value, expected: &Value) {
        let renamed = renamed(&json!([{"Plan": plan}]), &mut Key::default());
        assert_eq!(&renamed[0]["Plan"], expected);
    }

    #[test]
    fn renames_names_and_expressions() {
        check(
            &json!({
                "Node Type": "Index Scan", "Scan Direction": "Forward", "Index Name": "i on t", "Schema": "shop",
                "Relation Name": "orders", "Alias": "orders", "Actual Rows": 3.0, "Output": ["id", "note"],
                "Index Cond": "(orders.id = 5)", "Vendor Filter": "customer = 'Acme'", "Workers": [],
                "Plans": [{
                    "Node Type": "CTE Scan", "Subplan Name": "CTE my orders", "CTE Name": "my orders",
                    "Alias": "orders_1", "Filter": "(orders_1.id > 5)",
                }],
            }),
            &json!({
                "Node Type": "Index Scan", "Scan Direction": "Forward", "Index Name": "i1", "Schema": "s1",
                "Relation Name": "t1", "Alias": "t1", "Actual Rows": 3.0, "Output": ["c1", "c2"],
                "Index Cond": "(t1.c1 = 'v1')", "Vendor Filter": "c3 = 'v2'", "Workers": [],
                "Plans": [{
                    "Node Type": "CTE Scan", "Subplan Name": "CTE w1", "CTE Name": "w1",
                    "Alias": "t1_1", "Filter": "(t1_1.c1 > 'v1')",
                }],
            }),
        );
        check(
            &json!({"Node Type": "Function Scan", "Function Name": "generate_series", "Alias": "generate_series",
                    "Function Call": "generate_series(1, 2)", "Output": ["generate_series"]}),
            &json!({"Node Type": "Function Scan", "Function Name": "generate_series", "Alias": "generate_series",
                    "Function Call": "generate_series('v1', 'v2')", "Output": ["c1"]}),
        );
        check(
            &json!({"Node Type": "Function Scan", "Schema": "shop", "Function Name": "lower", "Alias": "l"}),
            &json!({"Node Type": "Function Scan", "Schema": "s1", "Function Name": "f1", "Alias": "a1"}),
        );
        check(
            &json!({"Node Type": "Values Scan", "Alias": "*VALUES*", "Output": ["\"*VALUES*\".column1"]}),
            &json!({"Node Type": "Values Scan", "Alias": "*VALUES*", "Output": ["\"*VALUES*\".c1"]}),
        );
        // A replacement is no word of the plan.
        check(
            &json!({"Node Type": "Seq Scan", "Relation Name": "t2", "Alias": "t1", "Filter": "(c1 = 'v1'::text)"}),
            &json!({"Node Type": "Seq Scan", "Relation Name": "t3", "Alias": "a1", "Filter": "(c2 = 'v2'::text)"}),
        );
    }

    #[test]
    fn renames_what_stands_beside_the_root() {
        let plan = json!([{
            "Query Text": "SELECT * FROM Users -- Bob",
            "Plan": {"Node Type": "Seq Scan", "Relation Name": "users", "Alias": "users"},
            "Query Identifier": 123,
            "Settings": {"work_mem": "64kB", "enable_seqscan": "off", "search_path": "shop", "vendor.tenant": "acme"},
            "Triggers": [
                {"Trigger Name": "audit", "Relation": "users", "Calls": 1},
                {"Trigger Name": "RI_ConstraintTrigger_c_16505", "Constraint Name": "users_fk", "Relation": "users"},
            ],
        }]);
        let renamed = read::to_json(anonymize(raw(&plan), &mut Key::default()));
        let expected = json!([{
            "Query Text": "SELECT * FROM T1 --x1",
            "Plan": {"Node Type": "Seq Scan", "Relation Name": "t1", "Alias": "t1"},
            "Settings": {"work_mem": "64kB", "enable_seqscan": "off", "search_path": "s1", "vendor.tenant": "c1"},
            "Triggers": [
                {"Trigger Name": "g1", "Relation": "t1", "Calls": 1},
                {"Trigger Name": "RI_ConstraintTrigger_c_16505", "Constraint Name": "g2", "Relation": "t1"},
            ],
        }]);
        assert_eq!(renamed, expected);
    }

    #[test]
    fn names_keep_their_replacements_from_plan_to_plan() {
        let scan =
            |table: &str| json!([{"Plan": {"Node Type": "Seq Scan", "Relation Name": table, "Alias": "x"}}]);
        let mut key = Key::default();
        for (table, expected) in
            [("users", "t1"), ("orders", "t2"), ("users", "t1"), ("t3", "t4"), ("pay", "t5")]
        {
            assert_eq!(renamed(&scan(table), &mut key)[0]["Plan"]["Relation Name"], expected);
            key = Key::from_json(&key.to_json()).unwrap();
        }
    }

    /// The words of every text that is not structure.
    fn words(mut raw: Raw) -> Vec<String> {
        let mut words = Vec::new();
        for_each_object(&mut raw, &mut |object| {
            for (_, value) in object.iter_mut().filter(|(key, _)| content(key) != Content::Structure) {
                for_each_text(value, &mut |text| {
                    words.extend(text.split(|c| !key::is_word_character(c)).map(str::to_owned));
                });
            }
        });
        words
    }

    /// Whether a word is PostgreSQL's own or the number of a subplan or in a type.
    fn says_nothing(word: &str) -> bool {
        let lower = word.to_lowercase();
        let lower = lower.as_str();
        quote::is_reserved(lower)
            || vocabulary::is_expression_word(lower)
            || vocabulary::is_builtin(lower)
            || vocabulary::is_builtin_schema(lower)
            || vocabulary::is_system_column(lower)
            || matches!(lower, "subplan" | "initplan" | "hashed" | "returns" | "cte" | "c")
            || matches!(lower, "varying" | "zone" | "precision" | "year" | "col1" | "col2")
            || vocabulary::is_foreign_key_trigger(word)
            || lower.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The plans of real servers that the rules are tested with.
    fn fixtures() -> Vec<Raw> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plans/findings");
        let rules = fs::read_dir(folder).unwrap().map(|rule| rule.unwrap().path());
        let plans = rules.flat_map(|rule| ["failing.json", "passing.json"].map(|name| rule.join(name)));
        plans.filter_map(|path| Some(read::raws(&fs::read(path).ok()?).unwrap().plans.remove(0))).collect()
    }

    #[test]
    fn no_word_of_a_real_plan_stays() {
        let fixtures = fixtures();
        assert!(fixtures.len() > 20);
        for original in fixtures {
            let renamed = words(anonymize(original.clone(), &mut Key::default()));
            let original = words(original);
            let stayed: Vec<_> =
                renamed.iter().filter(|word| original.contains(word) && !says_nothing(word)).collect();
            assert!(stayed.is_empty(), "{stayed:?}");
        }
    }

    #[test]
    fn real_plans_are_judged_and_restored_as_before() {
        let mut key = Key::default();
        for original in fixtures() {
            let renamed = anonymize(original.clone(), &mut key);
            let restored = restore(&read::to_text(&renamed), &key);
            let mut identified = original.clone();
            identified.top.shift_remove("Query Identifier");
            assert_eq!(read::raws(restored.as_bytes()).unwrap().plans, [identified]);
            let [before, after] =
                [original, renamed].map(|raw| Explained::new(read::shape(raw).unwrap(), None));
            let rules = |explained: &Explained| {
                let judgement = &explained.judgement;
                let findings = judgement.findings.iter().chain(&judgement.notes);
                findings.map(|finding| (finding.rule, finding.node_id, finding.saves_ms)).collect::<Vec<_>>()
            };
            assert_eq!(rules(&before), rules(&after));
            assert_eq!(format!("{:?}", before.times), format!("{:?}", after.times));
            let types = |explained: &Explained| {
                explained.plan.nodes.iter().map(|node| node.node_type.clone()).collect::<Vec<_>>()
            };
            assert_eq!(types(&before), types(&after));
        }
    }

    fn hostile_name() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{1,12}",
            "[a-z\"'\\\\.\n\t 🙂ü%{}$/*-]{1,12}",
            prop::sample::select(vec![
                "select",
                "t1",
                "c1",
                "a1",
                "v1",
                "x1",
                "T1",
                "date",
                "SubPlan",
                "*VALUES*",
                "CTE x",
                "a on b",
                "count",
                "generate_series",
                "orders_1",
                "$user",
                "pg_catalog",
                "true",
                "--",
                "E'x'",
                "t1_1",
            ])
            .prop_map(str::to_owned),
        ]
    }

    proptest! {
        #[test]
        fn hostile_names_are_renamed_and_restored(
            names in prop::collection::vec(hostile_name(), 6), comment in "[^*/]{0,9}", junk in "\\PC{0,20}",
        ) {
            let [table, alias, column, cte, literal, function] = names.as_slice() else { unreachable!() };
            let [q_alias, q_column, q_function] = [alias, column, function].map(|name| quote::identifier(name));
            let text = quote::quote_literal(literal);
            let plan = json!([{
                "Query Text": format!("SELECT {q_alias}.{q_column} /*{comment}*/ FROM {} {q_alias} {junk}", quote::identifier(table)),
                "Plan": {
                    "Node Type": "Seq Scan", "Relation Name": table, "Alias": alias,
                    "Filter": format!("(({q_alias}.{q_column} = {text}::text) AND {q_function}({q_column}))"),
                    "Sort Key": [format!("{q_column} DESC"), junk],
                    "Plans": [{"Node Type": "CTE Scan", "CTE Name": cte, "Subplan Name": format!("CTE {cte}"), "Alias": cte}],
                },
            }]);
            let mut key = Key::default();
            let renamed = renamed(&plan, &mut key);
            let output = words(raw(&renamed));
            for name in [table, column, cte, literal] {
                for word in name.split(|c| !key::is_word_character(c)) {
                    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
                    prop_assert!(is_number || says_nothing(word) || !output.iter().any(|other| other == word), "{word}");
                }
            }
        }

        #[test]
        fn any_text_is_restored(text in "([a-z'\"$(){},:%.0-9 \n/*-]|\\PC){0,40}", is_statement: bool) {
            let name = if is_statement { "Query Text" } else { "Unknown Key" };
            let mut plan = json!([{"Plan": {"Node Type": "Result"}}]);
            plan[0][name] = json!(text);
            renamed(&plan, &mut Key::default());
        }
    }
}
