//! The page of `perfkit explain -o plan.html`, in a real browser.

use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::browser::{Shown, Tag, show, tags};
use crate::support::cli::perfkit;

/// A page in a folder that goes away with it.
struct Page {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Page {
    fn of(plan: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("plan.html");
        perfkit(&["explain", "--plan", "plan.json", "-o", path.to_str().expect("the path is text")])
            .file("plan.json", &plan.to_string())
            .succeeds();
        Self { path, _folder: folder }
    }

    /// Leaves what a browser without JavaScript shows. (Chromium needs JavaScript itself to print a document.)
    fn without_script(self) -> Self {
        let page = std::fs::read_to_string(&self.path).expect("it was written");
        let (text, _) = page.split_once("</noscript>").expect("it has a part for this");
        std::fs::write(&self.path, text.replace("<noscript>", "<section id=\"text\">") + "</section>")
            .expect("the folder can be written");
        self
    }

    /// Shows the page; it must load without a complaint of the browser.
    fn at(&self, fragment: &str) -> Shown {
        let shown = show(&self.path, fragment);
        assert_eq!(shown.console, [""; 0]);
        shown
    }
}

fn node(node_type: &str, ms: f64, rest: &Value, children: &[Value]) -> Value {
    let mut node = json!({"Node Type": node_type, "Actual Startup Time": 0.1, "Actual Total Time": ms, "Actual Rows": 5,
                          "Actual Loops": 1, "Plan Rows": 500, "Startup Cost": 0, "Total Cost": ms * 100.0, "Plan Width": 4,
                          "Shared Hit Blocks": 7, "Plans": children});
    node.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
    node
}

/// A plan with an `InitPlan`, a CTE, a node that never ran, triggers and serialization.
fn orders() -> Value {
    let init = json!({"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)"});
    let cte = json!({"Parent Relationship": "InitPlan", "Subplan Name": "CTE open", "Relation Name": "orders",
                     "Filter": "(status = 'open'::text)", "Rows Removed by Filter": 90});
    let scan =
        json!({"Parent Relationship": "Outer", "CTE Name": "open", "Alias": "o", "Filter": "(n > $0)"});
    let lookup = json!({"Parent Relationship": "Inner", "Relation Name": "customers", "Index Name": "customers_pkey",
                        "Index Cond": "(id = o.id)", "Actual Loops": 5, "Actual Rows": 1, "Shared Hit Blocks": 15,
                        "Inner Unique": true, "Disabled": false});
    let never = json!({"Parent Relationship": "Member", "Relation Name": "old_orders", "Actual Loops": 0, "Actual Rows": 0});
    let join = node(
        "Nested Loop",
        60.0,
        &json!({"Parent Relationship": "Outer", "Shared Hit Blocks": 50}),
        &[
            node("CTE Scan", 48.0, &scan, &[]),
            node("Index Scan", 2.0, &lookup, &[]),
            node("Seq Scan", 0.0, &never, &[]),
        ],
    );
    let root = node(
        "Sort",
        70.0,
        &json!({"Sort Key": ["o.n", "c.name DESC"], "Sort Method": "quicksort", "Shared Hit Blocks": 70}),
        &[node("Aggregate", 8.0, &init, &[]), node("Seq Scan", 30.0, &cte, &[]), join],
    );
    json!([{"Plan": root, "Planning Time": 4.0, "Execution Time": 80.0, "Serialization": {"Time": 2.0, "Output Volume": 9},
            "Settings": {"work_mem": "64kB"}, "Triggers": [{"Trigger Name": "audit", "Relation": "orders", "Time": 3.0, "Calls": 5}]}])
}

/// Parents of the nodes of [`orders`], in the order of the plan.
const PARENTS: [Option<usize>; 7] = [None, Some(0), Some(0), Some(0), Some(3), Some(3), Some(3)];

#[test]
fn the_tree_holds_every_node() {
    let shown = Page::of(&orders()).at("");
    let rows: Vec<Tag> = shown.tags("div", "row").collect();
    let ids: Vec<usize> = rows.iter().filter_map(|row| row.number("data-node")).collect();
    assert_eq!(ids, (0..PARENTS.len()).collect::<Vec<_>>());
    let depth = |id: usize| std::iter::successors(PARENTS[id], |id| PARENTS[*id]).count();
    for (id, row) in rows.iter().enumerate() {
        assert_eq!(row.number("aria-level"), Some(depth(id) + 1));
        let has_children = PARENTS.contains(&Some(id));
        assert_eq!(row.get("aria-expanded").as_deref(), has_children.then_some("true"), "node {id}");
    }
    let plan = shown.text_of("section", "plan");
    for text in
        ["Index Scan", "using customers_pkey on customers", "InitPlan 1 (returns $0)", "never executed"]
    {
        assert!(plan.contains(text), "{text} is not in {plan}");
    }
    assert!(plan.contains("filter: (status = 'open'::text) – discards 90 rows"), "{plan}");
    assert!(plan.contains("100× fewer"), "{plan}");
}

#[test]
fn the_summary_spells_the_balance_out() {
    let summary = Page::of(&orders()).at("").text_of("section", "summary");
    for text in [
        "execution 80.0 ms",
        "in 7 nodes",
        "3.00 ms in triggers",
        "2.00 ms in serialization",
        "planning 4.00 ms",
    ] {
        assert!(summary.contains(text), "{text} is not in {summary}");
    }
    assert!(!summary.contains("the parts are"), "{summary}");
}

/// Every frame lies within that of its parent, siblings do not overlap, and the first row is the whole.
#[test]
fn the_flame_graph_adds_up() {
    let shown = Page::of(&orders()).at("#view=flame");
    let frames: Vec<Tag> = shown.tags("button", "frame").collect();
    let span = |tag: &Tag| {
        let left = tag.percentage("--left").expect("a frame has a place");
        (left, left + tag.percentage("--width").expect("a frame has a width"))
    };
    let of = |id: usize| frames.iter().find(|frame| frame.number("data-node") == Some(id));
    for (id, parent) in PARENTS.iter().enumerate() {
        let Some(frame) = of(id) else {
            assert_eq!(id, 6, "only the node that never ran has no frame");
            continue;
        };
        if let Some(parent) = parent {
            let ((left, right), (from, to)) = (span(frame), span(of(*parent).expect("a parent is as wide")));
            assert!(left >= from - 0.001 && right <= to + 0.001, "{id}: {left} to {right} in {from} to {to}");
        }
    }
    let mut top: Vec<(f64, f64)> = frames
        .iter()
        .filter(|frame| frame.get("style").is_some_and(|style| style.contains("--row: 1;")))
        .map(span)
        .collect();
    top.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(top.len(), 5, "planning, the root, triggers, serialization and the rest");
    let mut end = 0.0;
    for (left, right) in top {
        assert!((left - end).abs() < 0.001, "a gap or an overlap at {left}");
        end = right;
    }
    assert!((end - 100.0).abs() < 0.001, "{end}");
}

#[test]
fn a_frame_fills_the_graph_when_it_is_zoomed() {
    let shown = Page::of(&orders()).at("#view=flame&zoom=3");
    let frames: Vec<Tag> = shown.tags("button", "frame").collect();
    let width =
        |id: usize| frames.iter().find(|frame| frame.number("data-node") == Some(id))?.percentage("--width");
    assert_eq!([width(0), width(3), width(1)], [Some(100.0), Some(100.0), None]);
    assert!(width(5).is_some_and(|width| width > 0.0 && width < 100.0));
}

#[test]
fn details_show_every_key() {
    let shown = Page::of(&orders()).at("#node=5");
    let details = shown.text_of("aside", "details");
    for text in [
        "Index Scan",
        "using customers_pkey",
        "Index Cond",
        "(id = o.id)",
        "Inner Unique",
        "yes",
        "Disabled",
        "no",
        "loops",
        "10.0 ms",
    ] {
        assert!(details.contains(text), "{text} is not in {details}");
    }
    let selected: Vec<Tag> =
        shown.tags("div", "row").filter(|row| row.get("aria-selected").as_deref() == Some("true")).collect();
    assert_eq!(selected.iter().filter_map(|row| row.number("data-node")).collect::<Vec<_>>(), [5]);
}

/// An index that the planner was not asked about is proposed, and that is said.
#[test]
fn findings_propose_indexes() {
    let plan = include_str!("../../fixtures/plans/findings/index-discards-rows/failing.json");
    let page = Page::of(&serde_json::from_str(plan).unwrap());
    let dom = page.at("").dom;
    assert!(dom.contains("CREATE INDEX CONCURRENTLY") && dom.contains("not checked with the planner"));
    assert!(!dom.contains("would not help (not checked"));
}

#[test]
fn tables_sort_by_any_column() {
    let page = Page::of(&orders());
    let names = |fragment: &str| -> Vec<String> {
        let shown = page.at(fragment);
        let table = shown.element("table", "by_node_type");
        tags(table).filter(|tag| tag.name == "a").map(|tag| tag.text.to_owned()).collect()
    };
    let by_share = names("#view=tables");
    let by_name = names("#view=tables&sort=by_node_type.name-up");
    assert_eq!(by_name, ["Aggregate", "CTE Scan", "Index Scan", "Nested Loop", "Seq Scan", "Sort"]);
    assert_eq!(
        names("#view=tables&sort=by_node_type.name"),
        by_name.iter().rev().cloned().collect::<Vec<_>>()
    );
    assert_ne!(by_share, by_name);
    assert_eq!(by_share[0], "Seq Scan");
    // Of another table or an unknown column: as at the start.
    assert_eq!(names("#view=tables&sort=by_table.rows"), by_share);
    assert_eq!(names("#view=tables&sort=by_node_type.constructor"), by_share);
}

/// Names come from other people's databases. They must neither run nor load anything, nor hide.
#[test]
fn hostile_names_stay_text() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("the listener can be asked");
    let url = format!("http://{}/x", listener.local_addr().expect("it has an address"));
    let names = [
        format!("</script><script>document.title='run';fetch('{url}')</script>"),
        format!("<img src={url} onerror=\"document.title='run'\">"),
        format!("\"><svg onload=fetch('{url}')>"),
        format!("<!--<script><style>@import '{url}';</style>"),
        format!("a\u{0}b\u{202e}c\u{200f}'\"`${{fetch('{url}')}}"),
        format!("</title></noscript></pre><iframe src={url}></iframe>"),
        format!("javascript:fetch('{url}')//{{title}}"),
    ];
    let children: Vec<Value> = names
        .iter()
        .map(|name| {
            let keys = json!({"Relation Name": name, "Alias": name, "Index Name": name, "Filter": name, name: name,
                              "Subplan Name": name, "Parent Relationship": "SubPlan", "Output": [name, {name: name}]});
            node("Index Scan", 2.0, &keys, &[])
        })
        .collect();
    let plan = json!([{"Plan": node(&names[0], 20.0, &json!({}), &children), "Query Text": names.join("\n"), "Planning Time": 1,
                       "Execution Time": 21.0, "Settings": {&names[1]: names[2]},
                       "Triggers": [{"Trigger Name": names[1], "Relation": names[0], "Time": 0.1, "Calls": 1}]}]);
    let page = Page::of(&plan);
    for fragment in
        ["", "#node=1", "#node=5", "#view=flame", "#view=flame&zoom=3", "#view=tables", "#view=statement"]
    {
        check_is_text(&page.at(fragment), fragment);
    }
    check_is_text(
        &page.at(&format!("#find={}&node=%3Cimg%3E&view=%3C", names[1].replace('%', ""))),
        "the address",
    );
    assert!(
        page.at("#node=5").text_of("aside", "details").contains("⟨U+202E⟩"),
        "what turns text around is shown"
    );
    check_is_text(&page.without_script().at(""), "without script");
    assert!(listener.accept().is_err(), "something was loaded");
}

fn check_is_text(shown: &Shown, place: &str) {
    for tag in tags(&shown.dom) {
        assert!(
            !["img", "svg", "iframe", "object", "link", "base", "form"].contains(&tag.name),
            "{place}: {}",
            tag.name
        );
        assert!(
            !tag.attribute_names().any(|name| name.starts_with("on") || name == "src"),
            "{place}: {}",
            tag.name
        );
        let href = tag.get("href");
        assert!(href.as_ref().is_none_or(|href| href.starts_with('#')), "{place}: {href:?}");
        assert!(tag.name != "title" || tag.text != "run", "{place}: a script ran");
    }
    let count = |name: &str| tags(&shown.dom).filter(|tag| tag.name == name).count();
    assert!(count("script") <= 2 && count("style") <= 1, "{place}");
}

#[test]
fn a_plan_that_was_not_timed_shows_costs() {
    let scan = json!({"Node Type": "Seq Scan", "Relation Name": "t", "Startup Cost": 0.0, "Total Cost": 30.0, "Plan Rows": 5});
    let plan = json!([{"Plan": {"Node Type": "Sort", "Startup Cost": 35.0, "Total Cost": 40.0, "Plan Rows": 5, "Plans": [scan]}}]);
    let shown = Page::of(&plan).at("");
    let summary = shown.text_of("section", "summary");
    assert!(summary.contains("Not run") && summary.contains("shares of the estimated cost"), "{summary}");
    let own: Vec<Option<f64>> = shown.tags("span", "bar").map(|bar| bar.percentage("--own")).collect();
    assert!(own.starts_with(&[Some(25.0), Some(75.0)]), "{own:?}");
}

#[test]
fn without_script_the_plan_is_text() {
    let text = Page::of(&orders()).without_script().at("").text_of("section", "text");
    assert!(text.contains("Index Scan using customers_pkey on customers"), "{text}");
    assert!(text.contains("execution 80.0 ms"), "{text}");
}

#[test]
fn ten_thousand_nodes_are_shown() {
    let leaf = |i: usize| {
        node(
            "Index Scan",
            1.0,
            &json!({"Relation Name": format!("part_{i}"), "Parent Relationship": "Member"}),
            &[],
        )
    };
    let leaves: Vec<Value> = (1..10_000).map(leaf).collect();
    let plan = json!([{"Plan": node("Append", 10_000.0, &json!({}), &leaves), "Execution Time": 10_001.0}]);
    let page = Page::of(&plan);
    let shown = page.at("#node=9999");
    assert_eq!(shown.tags("div", "row").count(), 10_000);
    assert!(shown.text_of("aside", "details").contains("part_9999"));
    // What is narrower than a pixel is drawn as one.
    let shown = page.at("#view=flame");
    assert_eq!(shown.tags("button", "narrow").count(), 1);
    assert!(shown.text_of("section", "flame").contains("9,999 narrow nodes"));
}
