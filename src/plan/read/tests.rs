//! Plans in everything that stands around them, read as a whole.

use super::*;

/// Reads an input and tells the types of the nodes of each plan, as in `Limit Sort, Result`, then what was skipped; or
/// the error.
fn told(input: &[u8]) -> String {
    let reading = match plans(input) {
        Ok(reading) => reading,
        Err(error) => return error.to_string(),
    };
    let types =
        |plan: &Plan| plan.nodes.iter().map(|node| node.node_type.as_str()).collect::<Vec<_>>().join(" ");
    let plans = reading.plans.iter().map(types).collect::<Vec<_>>().join(", ");
    let skipped = reading.skipped.iter().map(|skipped| format!("; {skipped:?}"));
    skipped.fold(plans, |told, skipped| told + &skipped)
}

#[track_caller]
fn check(input: &str, expected: &str) {
    assert_eq!(told(input.as_bytes()), expected, "{input}");
}

const TEXT: &str = "\
Hash Join  (cost=1.09..2.17 rows=4 width=16)
  Hash Cond: (a.i = b.i)
  ->  Seq Scan on a  (cost=0.00..1.04 rows=4 width=8)
  ->  Hash  (cost=1.04..1.04 rows=4 width=8)
        ->  Seq Scan on b  (cost=0.00..1.04 rows=4 width=8)
Planning Time: 0.105 ms";

const JSON: &str = r#"[
  {
    "Plan": {
      "Node Type": "Limit",
      "Plan Rows": 1,
      "Plans": [
        {
          "Node Type": "Seq Scan",
          "Relation Name": "t",
          "Filter": "(a = '{\"k\": [1]}'::jsonb)"
        }
      ]
    }
  }
]"#;

const YAML: &str = r#"- Plan: 
    Node Type: "Limit"
    Plan Rows: 1
    Plans: 
      - Node Type: "Seq Scan"
        Relation Name: "t"
        Filter: "(a = '{\"k\": [1]}'::jsonb)""#;

const XML: &str = r#"<explain xmlns="http://www.postgresql.org/2009/explain">
  <Query>
    <Plan>
      <Node-Type>Limit</Node-Type>
      <Plan-Rows>1</Plan-Rows>
      <Plans>
        <Plan>
          <Node-Type>Seq Scan</Node-Type>
          <Relation-Name>t</Relation-Name>
          <Filter>(a = '{"k": [1]}'::jsonb)</Filter>
        </Plan>
      </Plans>
    </Plan>
  </Query>
</explain>"#;

const JOIN: &str = "Hash Join Seq Scan Hash Seq Scan";

/// Puts something around every line, padded to the longest as psql does.
fn framed(plan: &str, before: &str, after: &str, mark: &str) -> String {
    let width = plan.lines().map(|line| line.chars().count()).max().unwrap();
    let n_lines = plan.lines().count();
    let line = |(i, line): (usize, &str)| {
        let mark = if i + 1 < n_lines { mark } else { "" };
        format!("{before}{line:width$}{mark}{after}\n")
    };
    plan.lines().enumerate().map(line).collect()
}

/// The same plan in every document format, with what psql puts around it.
fn check_documents(frame: impl Fn(&str) -> String) {
    for document in [JSON, YAML, XML] {
        let input = frame(document);
        check(&input, "Limit Seq Scan");
        let read = plans(input.as_bytes()).unwrap().plans;
        assert_eq!(read, plans(JSON.as_bytes()).unwrap().plans, "{input}");
    }
}

#[test]
fn takes_off_borders_of_psql() {
    let rule = "-".repeat(80);
    check(TEXT, JOIN);
    check(&format!("QUERY PLAN\n{rule}\n{TEXT}\n(6 rows)\n\nTime: 1.234 ms\n"), JOIN);
    check(&format!("  QUERY PLAN\n{rule}\n{}(6 Zeilen)\n", framed(TEXT, " ", "", "")), JOIN);
    for bar in ["|", "│", "║"] {
        let rule = if bar == "|" { format!("+{rule}+") } else { format!("┌{}┐", "─".repeat(80)) };
        let framed = framed(TEXT, &format!("{bar} "), &format!(" {bar}"), "");
        check(&format!("{rule}\n{bar} QUERY PLAN {bar}\n{rule}\n{framed}{rule}\n(6 rows)"), JOIN);
    }
    check(&format!("QUERY PLAN {:60}|\n{rule}+\n{}", "", framed(TEXT, "", "|", "")), JOIN);
}

#[test]
fn takes_off_marks_of_continued_cells() {
    let rule = "-".repeat(62);
    for mark in ["+", "↵", ""] {
        check_documents(|plan| format!("QUERY PLAN\n{rule}\n{}(1 row)\n", framed(plan, "", "", mark)));
        check_documents(|plan| format!("QUERY PLAN\n{rule}\n{}(1 row)\n", framed(plan, " ", "", mark)));
        check_documents(|plan| {
            format!("+{rule}+\n| QUERY PLAN |\n+{rule}+\n{}+{rule}+\n", framed(plan, "| ", "|", mark))
        });
    }
}

#[test]
fn rejoins_wrapped_lines_of_psql() {
    let wrapped = |rule: &str, rows: [&str; 2], left: &str, right: &str| {
        check(&format!("QUERY PLAN\n{rule}\n{left}{}{right}\n{}", rows[0], rows[1]), "Seq Scan");
    };
    let halves = ["Seq Scan on t  (cost=0.00..1.0", "4 rows=4 width=8)"];
    wrapped(&"-".repeat(32), [halves[0], ".4 rows=4 width=8)"], " ", ".");
    wrapped(&"─".repeat(32), [halves[0], "…4 rows=4 width=8)"], " ", "…");
    wrapped(&"-".repeat(30), halves, "", ".");
    // Broken by the terminal, not by psql: the dots are those of the costs.
    let rule = "-".repeat(27);
    check(
        &format!("QUERY PLAN\n{rule}\n-----\n Seq Scan on t  (cost=0.00.\n.1.04 rows=4 width=8)"),
        "Seq Scan",
    );
}

#[test]
fn takes_off_expanded_output() {
    let first = "Seq Scan on t  (cost=0.00..1.04 rows=4 width=8)";
    check(
        &format!(
            "-[ RECORD 1 ]---\nQUERY PLAN | {first}\n-[ RECORD 2 ]---\nQUERY PLAN |   Filter: (a = 1)\n"
        ),
        "Seq Scan",
    );
    check(&format!("* Record 1\nQUERY PLAN {first}\n* Record 2\nQUERY PLAN   Filter: (a = 1)\n"), "Seq Scan");
    check(&format!("QUERY PLAN|{first}\n\nQUERY PLAN|  Filter: (a = 1)\n"), "Seq Scan");
    let expanded =
        |plan: &str| framed(plan, "           | ", "", "+").replacen("           |", "QUERY PLAN |", 1);
    check_documents(|plan| format!("-[ RECORD 1 ]---------\n{}", expanded(plan)));
}

#[test]
fn takes_off_quotes() {
    let quoted = |quote: &str, doubled: &str| {
        TEXT.lines()
            .map(|line| format!("{quote}{}{quote}\n", line.replace(quote, doubled)))
            .collect::<Vec<_>>()
            .concat()
    };
    check(&quoted("\"", "\"\""), JOIN);
    check(&quoted("'", "'"), JOIN);
    check(&format!("\"QUERY PLAN\"\n{}", quoted("\"", "\"\"")), JOIN);
    check_documents(|plan| format!("\"QUERY PLAN\"\n\"{}\"\n", plan.replace('"', "\"\"")));
    check_documents(|plan| format!("id,plan\n7,\"{}\",x\n", plan.replace('"', "\"\"")));
    check_documents(|plan| format!("'{plan}'"));
    check_documents(|plan| format!("\"{plan}\""));
    check_documents(|plan| Value::from(plan).to_string());
    let rows: Vec<Value> = TEXT.lines().map(|line| serde_json::json!({"QUERY PLAN": line})).collect();
    check(&Value::from(rows).to_string(), JOIN);
    check_documents(|plan| serde_json::json!({"rows": [{"QUERY PLAN": plan}]}).to_string());
}

#[test]
fn keeps_quotes_of_the_plan() {
    let text = "Sort  (cost=1.00..2.00 rows=1 width=8)\n  Sort Key: \"a b\", 'x\n\"y\"\nz'\n";
    let read = plans(text.as_bytes()).unwrap().plans;
    assert_eq!(read[0].nodes[0].list("Sort Key").collect::<Vec<_>>(), ["\"a b\"", "'x\n\"y\"\nz'"]);
}

#[test]
fn takes_off_mails_markdown_and_prompts() {
    check(&format!("Hi,\n\n{TEXT}\n\nWhy?").replace('\n', "\n> ").replacen("Hi", "> Hi", 1), JOIN);
    check(
        &format!("Please look:\n\n```sql\nSELECT 1;\n```\n\nPlan:\n\n```\n{TEXT}\n```\n\nThanks: all\n"),
        JOIN,
    );
    check(&format!("shop=# EXPLAIN SELECT *\nshop-#  FROM a JOIN b USING (i);\n{TEXT}\nshop=# \\q\n"), JOIN);
    check_documents(|plan| {
        format!("shop=*> EXPLAIN (FORMAT X) SELECT '[{{';\n{plan}\n\n\nshop=*> COMMIT;\nCOMMIT\n")
    });
    check(&TEXT.replace('\n', "\r\n"), JOIN);
    check(&format!("\u{feff}{}", TEXT.replace("  ->", "\t->")), JOIN);
    check(&TEXT.replace("  ", "\u{a0}\u{a0}"), JOIN);
}

#[test]
fn reads_several_plans() {
    check(&format!("{TEXT}\n(6 rows)\n\n{TEXT}\n"), &format!("{JOIN}, {JOIN}"));
    check(
        &format!("{JSON}\n{YAML}\n{XML}\n{TEXT}"),
        &format!("Limit Seq Scan, Limit Seq Scan, Limit Seq Scan, {JOIN}"),
    );
    check(&format!("a=# EXPLAIN x;\n{JSON}\na=# EXPLAIN y;\n{JSON}"), "Limit Seq Scan, Limit Seq Scan");
}

#[test]
fn names_what_was_skipped() {
    let broken = JSON.replacen("1,", "1", 1);
    check(
        &format!("{JSON}\n\n a=# x\n {broken}"),
        "Limit Seq Scan; Skipped { line: 23, column: 7, \
         reason: \"expected \\\",\\\" or \\\"}\\\" after the value of a key, found \\\"\\\"\\\"\" }",
    );
    check(
        &format!("{TEXT}\n```\n[\n  {{\n    \"Plan\": {{\n```\n"),
        &format!(
            "{JOIN}; Skipped {{ line: 10, column: 14, \
             reason: \"the JSON was cut off: it ends with 3 lists or objects open\" }}"
        ),
    );
}

#[test]
fn names_places_in_the_input() {
    let cut = "[{\"Plan\": {\"Node Type\": 1 2}}]";
    let expected = "expected \",\" or \"}\" after the value of a key, found \"2\"";
    check(cut, &format!("line 1, column 27: {expected}"));
    check(&format!("QUERY PLAN\n-----------\n {cut}"), &format!("line 3, column 28: {expected}"));
    check(&format!("+--------+\n| {cut}  |"), &format!("line 2, column 29: {expected}"));
    // Four quotes more before it, and the one at the begin.
    check(&format!("\"{}\"", cut.replace('"', "\"\"")), &format!("line 1, column 32: {expected}"));
    check(&format!("x\n{}", Value::from(format!("{cut}\n"))), &format!("line 2, column 32: {expected}"));
    check(
        "- Plan:\n    Node Type: \"A\n",
        "line 3, column 1: this is no YAML: found unexpected end of stream, while scanning a quoted scalar",
    );
    check(
        "<explain>\n  <Plan><Node-Type>A</Plan>\n</explain>",
        "line 2, column 21: this is no XML: expected 'Node-Type' tag, not 'Plan'",
    );
}

#[test]
fn says_what_is_no_plan() {
    let check = |input: &str, place: &str, name: &str| {
        let expected =
            format!("{place}: this looks like {name}, where the output of PostgreSQL's EXPLAIN was expected");
        assert_eq!(told(input.as_bytes()), expected);
    };
    check(
        "+----+-------------+\n| id | select_type |\n",
        "line 2, column 6",
        "the EXPLAIN table of MySQL or MariaDB",
    );
    check("{\"query_block\": {\"select_id\": 1}}", "line 1, column 2", "the JSON plan of MySQL or MariaDB");
    check("EXPLAIN: -> Limit: 1 row(s)  (cost=0.35 rows=1)\n", "line 1, column 1", "the tree plan of MySQL");
    check("  |--Table Scan(OBJECT:([a].[b]))", "line 1, column 3", "the text plan of SQL Server");
    check("<ShowPlanXML xmlns=\"x\"></ShowPlanXML>", "line 1, column 1", "the XML plan of SQL Server");
    check("Plan hash value: 1\n\n| Id | Operation |", "line 1, column 1", "the plan of Oracle");
    check("QUERY PLAN\n|--SCAN t\n", "line 2, column 1", "the query plan of SQLite");
    check("\n <!DOCTYPE html><html>", "line 2, column 2", "an HTML page");
    check("<html><body>EXPLAIN</body>", "line 1, column 1", "an HTML page");
    check("<svg></svg>", "line 1, column 1", "XML of another kind");
    check("https://example.com/plan/x", "line 1, column 1", "the address of a page, which is not fetched");
}

#[test]
fn finds_no_plan_in_prose() {
    let prose =
        "Hi, the Sort is slow.\nSort of strange\nResult looks wrong:\n  - Limit 10\nUpdate it on Tuesday\n\n";
    check(&format!("{prose}{TEXT}\n\n{prose}"), JOIN);
    assert!(told(prose.as_bytes()).starts_with("line 1, column 1: there is no line of a plan"));
    let mysql = "Seq Scan on t  (cost=0.00..1.04 rows=4 width=8)\n  Filter: (x = '| select_type |'::text)\n";
    check(mysql, "Seq Scan");
}

#[test]
fn says_what_is_missing() {
    let expected = "where the output of PostgreSQL's EXPLAIN was expected";
    check(" \n ", &format!("line 1, column 1: the input is empty, {expected}"));
    check("hello\n", &format!("line 1, column 1: there is no line of a plan, {expected}"));
    check(
        "-- slow\n  SELECT *\nFROM t\n",
        &format!("line 2, column 3: this looks like an SQL statement, {expected}: run it with EXPLAIN first"),
    );
    check(
        "2026-01-01 00:00:00 UTC [7] LOG:  duration: 7.1 ms  statement: SELECT 1\n",
        "line 1, column 28: this looks like a server log without plans: auto_explain writes plans there when \
         auto_explain.log_min_duration is set",
    );
    check(
        "{\"a\": [1]}",
        "line 1, column 1: this JSON has no object with the key \"Plan\", as EXPLAIN (FORMAT JSON) prints",
    );
}

/// Inputs of every kind, to be damaged.
fn whole_inputs() -> Vec<String> {
    let entry = format!("u@d [7] LOG:  duration: 1.5 ms  plan:\n{TEXT}").replace('\n', "\n\t");
    let rule = "-".repeat(80);
    vec![
        TEXT.to_owned(),
        JSON.to_owned(),
        YAML.to_owned(),
        XML.to_owned(),
        format!("+{rule}+\n| QUERY PLAN |\n+{rule}+\n{}+{rule}+\n(1 row)\n", framed(JSON, "| ", "|", "+")),
        format!("-[ RECORD 1 ]--\n{}", framed(YAML, "           | ", "", "↵")),
        format!("QUERY PLAN\n{}\n Seq Scan on t  (cost=0.00..1.…\n…04 rows=4 width=8)\n", "─".repeat(31)),
        format!("id,plan\n7,\"{}\",x\n", XML.replace('"', "\"\"")),
        format!("> {}", TEXT.replace('\n', "\n> ")),
        serde_json::json!({"rows": [{"QUERY PLAN": TEXT}]}).to_string(),
        format!(
            "a,\"{}\",b\n",
            entry.replace("\n\t", "\n").replace("u@d [7] LOG:  ", "").replace('"', "\"\"")
        ),
        serde_json::json!({"message": entry}).to_string(),
        format!("db postgres[7]: [3-1] {}", entry.replace("\n\t", "\ndb postgres[7]: [3-1] #011")),
        entry.replace("\n\t", "#012#011"),
        entry,
    ]
}

proptest::proptest! {
    #[test]
    fn never_panics_on_bytes(input: Vec<u8>) {
        told(&input);
    }

    #[test]
    fn never_panics_on_damaged_plans(
        which in proptest::sample::select(whole_inputs()),
        with in proptest::sample::select(whole_inputs()),
        damage in proptest::collection::vec(
            (proptest::prelude::any::<proptest::sample::Index>(), 0_usize..40, "[\\[\\]{}\"'\\\\<>()|+.…,:#\\n\\t \\r\\-ab0-9é]{0,6}"),
            1..5,
        ),
        splice: proptest::sample::Index,
        is_spliced: bool,
    ) {
        let mut input: Vec<char> = which.chars().collect();
        for (at, n_removed, inserted) in damage {
            let at = at.index(input.len() + 1);
            let end = (at + n_removed).min(input.len());
            input.splice(at..end, inserted.chars());
        }
        if is_spliced {
            let at = splice.index(input.len() + 1);
            input.splice(at..at, with.chars());
        }
        let input: String = input.into_iter().collect();
        for plan in plans(input.as_bytes()).map(|reading| reading.plans).unwrap_or_default() {
            proptest::prop_assert!(!plan.nodes.is_empty());
            for node in &plan.nodes {
                proptest::prop_assert!(node.parent.is_none_or(|parent| parent < node.id) && node.parent.is_none() == (node.id == 0));
            }
        }
    }
}
