//! TEXT plans of servers, of old versions, of extensions, broken ones and damaged ones.

use std::fmt::Write;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;

use super::same;
use crate::plan::read::{self, Error};
use crate::plan::{Node, Plan};

/// Real plans of PostgreSQL 14 to 18, each in TEXT and in JSON.
fn fixtures() -> Vec<(PathBuf, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/plans/text");
    let files =
        std::fs::read_dir(folder).expect("the fixtures are there").map(|file| file.expect("a file").path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|name| name == "txt")).collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a text");
        (path, text)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn reads_the_same_plan_from_text_and_json() {
    for (path, text) in fixtures() {
        let json = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let Value::Array(json) = serde_json::from_str(&json).unwrap() else { panic!("no list in {path:?}") };
        let expected: Vec<Plan> =
            json.into_iter().map(|plan| same::normal(read::plan(plan).unwrap())).collect();
        let actual: Vec<Plan> = same::plans(&text).unwrap().into_iter().map(same::normal).collect();
        assert_eq!(actual, expected, "{path:?}");
    }
}

/// A line for each node, below its parent, with its relationship and what is not in its title.
fn outline(text: &str) -> String {
    let mut outline = String::new();
    for plan in same::plans(text).unwrap() {
        for node in &plan.nodes {
            let depth = plan.ancestors(node.id).count();
            let relationship = node.relationship.as_deref().unwrap_or("Root");
            write!(outline, "{:indent$}{relationship}: {}", "", node.title(), indent = 2 * depth).unwrap();
            if let Some(name) = &node.subplan_name {
                write!(outline, " = {name}").unwrap();
            }
            outline.push_str(&details(node));
            outline.push('\n');
        }
        for (key, value) in &plan.details {
            writeln!(outline, "{key}={value}").unwrap();
        }
    }
    outline
}

fn details(node: &Node) -> String {
    let is_in_title = |key: &str| {
        matches!(key, "Strategy" | "Partial Mode" | "Join Type" | "Operation" | "Command" | "Scan Direction")
            || key.ends_with("Aware")
            || key.ends_with("Name")
            || key.ends_with("Provider")
    };
    let details = node.details.iter().filter(|(key, _)| !is_in_title(key));
    details.fold(String::new(), |mut text, (key, value)| {
        write!(text, "; {key}={value}").unwrap();
        text
    })
}

#[test]
fn reads_plans_of_old_versions() {
    insta::assert_snapshot!(outline(
        "\
 Subquery Scan x  (cost=0.00..1.00 rows=1 width=4)
   InitPlan
     ->  Result  (cost=0.00..0.01 rows=1 width=0)
   ->  Nested Loop IN Join  (cost=0.00..1.00 rows=1 width=4)
         ->  Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)
         ->  Index Scan Backward using i on u v  (cost=0.00..1.00 rows=1 width=4)
               Index Cond: (v.a = $0)
   SubPlan
     ->  Function Scan on f  (cost=0.00..1.00 rows=1 width=4)
 Total runtime: 0.234 ms"
    ), @r#"
    Root: Subquery Scan on x
      InitPlan: Result = InitPlan
      Subquery: Nested Loop IN Join
        Outer: Seq Scan on t
        Inner: Index Scan Backward using i on u v; Index Cond="(v.a = $0)"
      SubPlan: Function Scan on f = SubPlan
    "#);
    insta::assert_snapshot!(outline(
        "\
Delete on stock  (cost=1.00..2.00 rows=3 width=4)
  Delete on stock_1
  Delete on public.stock_2 s
  ->  Seq Scan on stock_1  (cost=1.00..2.00 rows=3 width=4)
  ->  Seq Scan on stock_2 s  (cost=1.00..2.00 rows=3 width=4)"
    ), @r#"
    Root: Delete on stock; Target Tables=[{"Relation Name":"stock_1","Alias":"stock_1"},{"Schema":"public","Relation Name":"stock_2","Alias":"s"}]
      Member: Seq Scan on stock_1
      Member: Seq Scan on stock_2 s
    "#);
}

#[test]
fn reads_workers_of_postgresql_12() {
    let plan = &same::plans(
        "\
Gather Merge  (cost=1.00..2.00 rows=3 width=4) (actual time=1.000..2.000 rows=3 loops=1)
  ->  Sort  (cost=1.00..2.00 rows=3 width=4) (actual time=1.000..2.000 rows=3 loops=2)
        Sort Method: quicksort  Memory: 25kB
        Worker 0:  Sort Method: external merge  Disk: 72kB
        Buffers: shared hit=3
        Worker 0: actual time=1.000..1.500 rows=2 loops=1
          Buffers: shared hit=2
        JIT for worker 0:
          Functions: 2
          Timing: Generation 0.100 ms, Inlining 0.000 ms, Total 0.200 ms",
    )
    .unwrap()[0];
    let node = &plan.nodes[1];
    assert_eq!(node.buffers.map(|buffers| buffers.shared_hit), Some(3));
    let [worker] = &node.workers[..] else { panic!("expected one worker, found {:?}", node.workers) };
    assert_eq!(worker.actual.map(|actual| (actual.rows, actual.total_ms)), Some((2.0, Some(1.5))));
    assert_eq!(worker.buffers.map(|buffers| buffers.shared_hit), Some(2));
    insta::assert_snapshot!(Value::Object(worker.details.clone()), @r#"{"Sort Method":"external merge","Sort Space Used":72,"Sort Space Type":"Disk","JIT":{"Functions":2,"Timing":{"Generation":0.1,"Inlining":0.0,"Total":0.2}}}"#);
}

#[test]
fn keeps_what_it_does_not_know() {
    insta::assert_snapshot!(outline(
        "\
 Custom Scan (Citus Adaptive) on public.\"T (x)\" \"a on b\"
   Filter: 7
   ->  Distributed Subplan 1_1
         New Counter: 12 kB
         A line of its own
         ->  Parallel Warp Scan on warp.t w
               Is Fast: true
   Task Count: 1
   ->  Task
         Node: host=localhost port=5432 dbname=d
 New Line: x"
    ), @r#"
    Root: Custom Scan (Citus Adaptive) on T (x) a on b; Filter="7"; Task Count=1
      children: Distributed Subplan 1_1; New Counter=12; Other Lines=["A line of its own"]
        Outer: Parallel Warp Scan on t w; Is Fast=true
      children: Task; Node="host=localhost port=5432 dbname=d"
    New Line="x"
    "#);
}

#[test]
fn reads_masked_numbers() {
    let plan =
        &same::read("Seq Scan on t (cost=N..N rows=N width=N) (actual time=N.N..N.N rows=N.N loops=N)")
            .unwrap()[0];
    insta::assert_snapshot!(Value::Object(plan.nodes[0].properties.clone()), @r#"{"Node Type":"Seq Scan","Relation Name":"t","Alias":"t","Startup Cost":"N","Total Cost":"N","Plan Rows":"N","Plan Width":"N","Actual Startup Time":"N.N","Actual Total Time":"N.N","Actual Rows":"N.N","Actual Loops":"N"}"#);
}

/// One plan, with its indentation, without it, squeezed, and broken at a width.
#[test]
fn finds_the_tree_without_indentation() {
    let plan = "\
Nested Loop  (cost=1.00..9.00 rows=1 width=4)
  InitPlan 1 (returns $0)
    ->  Result  (cost=0.00..0.01 rows=1 width=4)
  InitPlan 2 (returns $1)
    ->  Aggregate  (cost=0.00..1.01 rows=1 width=4)
          ->  Seq Scan on q  (cost=0.00..1.01 rows=1 width=4)
  ->  Hash Join  (cost=1.00..7.00 rows=1 width=4)
        Hash Cond: (a.id = (b.id)::bigint)
        ->  Append  (cost=1.00..3.00 rows=9 width=4)
              ->  Seq Scan on a_1  (cost=0.00..1.00 rows=3 width=4)
                    Filter: (x = (SubPlan 3))
                    SubPlan 3
                      ->  Limit  (cost=1.00..3.00 rows=9 width=4)
                            ->  Seq Scan on l  (cost=0.00..1.00 rows=3 width=4)
              ->  Seq Scan on a_2  (cost=0.00..1.00 rows=6 width=4)
        ->  Hash  (cost=1.00..2.00 rows=3 width=4)
              ->  Seq Scan on b  (cost=0.00..1.00 rows=3 width=4)
  ->  Materialize  (cost=1.00..2.00 rows=3 width=4)
        ->  Append  (cost=1.00..2.00 rows=3 width=4)
              ->  Seq Scan on c_1  (cost=0.00..1.00 rows=1 width=4)
              ->  Seq Scan on c_2  (cost=0.00..1.00 rows=2 width=4)
Planning Time: 1.000 ms";
    let expected = outline(plan);
    let trimmed: String = plan.lines().fold(String::new(), |text, line| text + line.trim() + "\n");
    assert_eq!(outline(&trimmed), expected, "without indentation");
    let squeezed: String = plan.lines().fold(String::new(), |text, line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        text + " " + &words.join(" ") + "\n"
    });
    assert_eq!(outline(&squeezed), expected, "with single blanks");
    let halved: String = plan.lines().fold(String::new(), |text, line| {
        let bare = line.trim_start();
        text + &" ".repeat((line.len() - bare.len()) / 2) + bare + "\n"
    });
    assert_eq!(outline(&halved), expected, "with half the indentation");
    let arrowless = plan.replace("->  ", "    ");
    assert_eq!(outline(&arrowless), expected, "without arrows");
    for width in [37, 50, 64] {
        let broken = broken(plan, width);
        assert_eq!(outline(&broken), expected, "broken at {width}:\n{broken}");
    }
}

/// Breaks lines as a terminal does.
fn broken(text: &str, width: usize) -> String {
    let mut broken = String::new();
    for line in text.lines() {
        for (i, c) in line.chars().enumerate() {
            if i > 0 && i % width == 0 {
                broken.push('\n');
            }
            broken.push(c);
        }
        broken.push('\n');
    }
    broken
}

#[test]
fn reads_several_plans() {
    insta::assert_snapshot!(outline(
        "\
some words
                QUERY PLAN
-------------------------------------------
 Insert on t
   ->  Result
(2 rows)

Time: 0.5 ms
Limit
  ->  Seq Scan on u
Execution Time: 1.000 ms
Query Text: SELECT 1
  FROM v

 WHERE x
Query Parameters: $1 = '5'
Seq Scan on v  (cost=0.00..1.00 rows=1 width=4)
Settings: work_mem = '4MB'"
    ), @r#"
    Root: Insert on t
      Outer: Result
    Root: Limit
      Outer: Seq Scan on u
    Root: Seq Scan on v
    Query Parameters="$1 = '5'"
    "#);
}

#[test]
fn keeps_the_statement_as_it_was_written() {
    let text = "Query Text: SELECT 1\n  FROM v\n\n -- ------\n WHERE x\n\nSeq Scan on v  (cost=0.00..1.00 rows=1 width=4)";
    let plans = same::plans(text).unwrap();
    assert_eq!(plans[0].query.as_deref(), Some("SELECT 1\n  FROM v\n\n -- ------\n WHERE x"));
}

#[test]
fn finds_no_plan_in_other_text() {
    for text in ["", "\n  hello\n", "<html>\n<body>", "\u{0}\u{1}PNG", "| id | select_type |\n+----+---+"] {
        assert_eq!(same::plans(text), Err(Error::NoPlan), "{text:?}");
    }
}

#[test]
fn says_where_a_plan_is_broken() {
    let check = |text: &str, expected: &str| {
        let error = same::plans(text).expect_err(text);
        assert!(matches!(error, Error::At { .. }), "{error}");
        assert_eq!(error.to_string(), expected);
    };
    check(
        "Limit  (cost=0.00..1.00 rows=1 width=4)\n  ->  Seq Scan on t  (cost=0.00..1.0",
        "line 2, column 22: expected `(cost=0.00..1.00 rows=1 width=1)`, found `(cost=0.00..1.0`",
    );
    check(
        "Limit  (cost=0.00..1.00 rows=1 width=4)\n  ->  Seq Scan on t  (co",
        "line 2, column 22: the parenthesis is not closed; expected `(cost=… rows=… width=…)` or \
         `(actual … rows=… loops=…)`, found `(co`",
    );
    check(
        "Limit  (cost=0.00..1.00 rows=1 width=4) (actual time=0.1 rows=1 loops=1)",
        "line 1, column 41: expected `(actual time=0.001..0.002 rows=1 loops=1)`, found `(actual time=0.1 rows=1 \
         loops=1)`",
    );
    check(
        "Limit  (cost=0.00..1.00 rows=1 width=4)\n  ->  ",
        "line 2, column 5: expected the type of a node, as in `Seq Scan on t`",
    );
    check(
        "  ->  Sort\n        ->  Seq Scan on t\n->  Seq Scan on u",
        "line 3, column 5: this node stands left of the plan's first one, in line 1; expected the node that both \
         belong to",
    );
    check(
        "Hash Join  (cost=0.00..1.00 rows=1 width=4)\n-> Seq Scan on t (cost=0.00..1.00 rows=1 width=4)",
        "line 1, column 1: the indentation is lost, and of the 2 inputs of this Hash Join there are 1",
    );
    check(
        "Sort  (cost=0.00..1.00 rows=1 width=4)\n-> Seq Scan on t (cost=0.00..1.00 rows=1 width=4)\n\
         -> Seq Scan on u (cost=0.00..1.00 rows=1 width=4)",
        "line 3, column 4: the indentation is lost, and no node before has a place for this Seq Scan",
    );
}

#[test]
fn reads_deep_plans() {
    const DEPTH: usize = 10_000;
    let mut flat = "Limit\n".to_owned();
    for _ in 1..DEPTH {
        flat.push_str("->  Limit  (cost=0.00..1.00 rows=1 width=4)\n");
    }
    flat.push_str("->  Seq Scan on t\n");
    let plans = same::plans(&flat).unwrap();
    assert_eq!(plans[0].nodes[DEPTH].parent, Some(DEPTH - 1));
}

/// What happens to plans on their way.
#[derive(Clone, Debug)]
enum Damage {
    CutAt(prop::sample::Index),
    DropLine(prop::sample::Index),
    Insert(prop::sample::Index, String),
    Swap(prop::sample::Index, prop::sample::Index),
    Unindent(prop::sample::Index),
    Break(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    let garbage = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "->",
            "->  ",
            "(",
            ")",
            "\"",
            "'",
            "\n",
            "Worker 0:  ",
            "Worker 0:  JIT:",
            "JIT:",
            "Workers: 3",
            "InitPlan 1",
            "CTE x",
            "Group Key: ()",
            "Hash Key: a",
            "Sort Key: b",
            "Planning:",
            "Buffers: x=1",
            "Settings: a = '",
            "Trigger : time=",
            "Update on t",
            "Query Text: ",
            "  (cost=0.00..",
            "→",
            "\u{a0}",
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        index().prop_map(Damage::CutAt),
        index().prop_map(Damage::DropLine),
        (index(), garbage).prop_map(|(at, text)| Damage::Insert(at, text)),
        (index(), index()).prop_map(|(a, b)| Damage::Swap(a, b)),
        index().prop_map(Damage::Unindent),
        (1_usize..80).prop_map(Damage::Break),
    ]
}

impl Damage {
    fn apply(&self, text: &str) -> String {
        let mut lines: Vec<&str> = text.lines().collect();
        if lines.is_empty() {
            return String::new();
        }
        let boundary = |at: &prop::sample::Index| {
            let at = at.index(text.len() + 1);
            (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
        };
        match self {
            Self::CutAt(at) => return text[..boundary(at)].to_owned(),
            Self::Insert(at, garbage) => {
                let (before, after) = text.split_at(boundary(at));
                return format!("{before}{garbage}{after}");
            }
            Self::Break(width) => return broken(text, *width),
            Self::DropLine(at) => {
                lines.remove(at.index(lines.len()));
            }
            Self::Swap(a, b) => {
                let (a, b) = (a.index(lines.len()), b.index(lines.len()));
                lines.swap(a, b);
            }
            Self::Unindent(at) => {
                let at = at.index(lines.len());
                lines[at] = lines[at].trim_start();
            }
        }
        lines.join("\n")
    }
}

proptest! {
    #[test]
    fn damaged_plans_never_panic_and_are_never_empty(
        at in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let fixtures = fixtures();
        let (_, text) = &fixtures[at.index(fixtures.len())];
        let damaged = damages.iter().fold(text.clone(), |text, damage| damage.apply(&text));
        if let Ok(plans) = same::plans(&damaged) {
            prop_assert!(!plans.is_empty() && plans.iter().all(|plan| !plan.nodes.is_empty()));
        }
    }
}
