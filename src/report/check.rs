//! Plans held against their contracts: what is broken, and what changed since the plan was accepted.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::explain::escaped;
use super::results::{Case, Level, Place, Problem, Suite};
use super::{Document, Format, SCHEMA_VERSION, Style, diff, junit, sarif};
use crate::plan::Explained;
use crate::plan::contract::{Contract, Violation, violations};
use crate::plan::diff::Difference;
use crate::unit;

/// What each rule of a contract asks for.
const RULES: [sarif::Rule; 14] = [
    ("must_use_index", "Filtered tables are read by an index, or these indexes are used."),
    ("no_seq_scan", "No table, or none of these, is read from end to end."),
    ("max_seq_scan_rows", "A sequential scan reads at most so many rows."),
    ("critical_tables", "These tables are never read from end to end."),
    ("no_disk_sort", "No sort goes through temporary files."),
    ("no_spill", "Nothing goes through temporary files."),
    ("max_shared_blocks", "The statement asks for at most so many blocks."),
    ("max_temp_blocks", "The statement writes at most so many blocks of temporary files."),
    ("max_rows", "The statement returns or changes at most so many rows."),
    ("max_q_error", "Row estimates are off by at most this factor."),
    ("max_cost", "The planner expects at most this cost."),
    ("shape", "The plan has the shape that was accepted."),
    ("max_planning_ms", "Planning takes at most so long."),
    ("max_execution_ms", "Execution takes at most so long."),
];

/// A statement's plan held against its contract.
#[derive(Debug)]
pub(crate) struct Checked<'a> {
    contract: &'a Contract,
    explained: &'a Explained,
    violations: Vec<Violation>,
    /// The plan that was accepted, and what changed since; only for a broken contract.
    changed: Option<(&'a Explained, Difference)>,
    place: Option<Place>,
}

impl<'a> Checked<'a> {
    /// Holds a plan against its contract, which stands at `place`.
    pub(crate) fn new(
        contract: &'a Contract,
        explained: &'a Explained,
        accepted: Option<&'a Explained>,
        place: Option<Place>,
    ) -> Self {
        let violations = violations(contract, explained);
        let changed = accepted
            .filter(|_| !violations.is_empty())
            .map(|accepted| (accepted, crate::plan::diff::diff(accepted, explained)));
        Self { contract, explained, violations, changed, place }
    }

    pub(crate) fn is_broken(&self) -> bool {
        !self.violations.is_empty()
    }
}

/// Returns the document of all statements that have a contract.
pub(crate) fn document<'a>(checked: &'a [Checked], style: &Style) -> Document<'a> {
    let document = Document::new(json(checked))
        .form(Format::Junit, || junit::text(&suites(checked)))
        .form(Format::Sarif, || sarif::text(&suites(checked), &RULES));
    let document =
        checked.iter().fold(document, |document, one| document.prose(text(one, style), markdown(one)));
    let n_broken = checked.iter().filter(|one| one.is_broken()).count();
    document.text(format!("{} statements, {n_broken} broken", checked.len()))
}

fn suites(checked: &[Checked]) -> Vec<Suite> {
    checked.iter().map(suite).collect()
}

fn text(checked: &Checked, style: &Style) -> String {
    let n_rules = checked.contract.rules().len();
    let name = &checked.contract.statement;
    if !checked.is_broken() {
        return format!("{}  {name}  {n_rules} rules", style.green("met   "));
    }
    let mut lines = vec![format!(
        "{}  {name}  {} violations of {n_rules} rules",
        style.red("broken"),
        checked.violations.len()
    )];
    for violation in &checked.violations {
        lines.push(format!("  {}  {}", violation.message, style.dim(&format!("[{}]", violation.rule))));
    }
    if let Some(changed) = since_accepted(checked, style) {
        lines.push("  since the plan was accepted:".to_owned());
        lines.extend(changed.lines().map(|line| format!("    {line}")));
    }
    lines.join("\n")
}

/// Writes the same as a list.
fn markdown(checked: &Checked) -> String {
    let name = escaped(&checked.contract.statement);
    if !checked.is_broken() {
        return format!("**{name}** meets its contract ({} rules)\n", checked.contract.rules().len());
    }
    let mut text = format!("**{name}** breaks its contract\n\n");
    for violation in &checked.violations {
        let _ = writeln!(text, "- {} `{}`", escaped(&violation.message), violation.rule);
    }
    if let Some((_, difference)) = &checked.changed {
        let _ = write!(text, "\nSince the plan was accepted:\n\n{}", diff::markdown(difference));
    }
    text
}

/// Returns what changed since the plan was accepted.
fn since_accepted(checked: &Checked, style: &Style) -> Option<String> {
    let (_, difference) = checked.changed.as_ref()?;
    let causes = diff::causes(difference, style);
    let gap = if causes.is_empty() { "" } else { "\n" };
    Some(format!("{}{gap}{causes}", diff::changes(difference, style)))
}

/// Makes a case of every rule, so that CI systems have a history for each.
fn suite(checked: &Checked) -> Suite {
    let detail = since_accepted(checked, &Style { color: false, terminal: false, width: 0 });
    let cases = checked.contract.rules().into_iter().map(|rule| {
        let broken = checked.violations.iter().filter(|violation| violation.rule == rule);
        let problems = broken.map(|violation| Problem {
            rule: rule.to_owned(),
            level: Level::Error,
            message: violation.message.clone(),
            detail: detail.clone(),
            place: checked.place.clone(),
        });
        Case { name: rule.to_owned(), time_ms: None, problems: problems.collect() }
    });
    Suite { name: checked.contract.statement.clone(), cases: cases.collect() }
}

fn json(checked: &[Checked]) -> Value {
    let statements: Vec<Value> = checked
        .iter()
        .map(|one| {
            let violations: Vec<Value> = one
                .violations
                .iter()
                .map(|violation| {
                    json!({
                        "rule": violation.rule,
                        "node_id": violation.node_id,
                        "expected": violation.expected,
                        "actual": violation.actual,
                        "noisy": violation.is_noisy(),
                        "message": violation.message,
                    })
                })
                .collect();
            let root = one.explained.plan.nodes.first();
            json!({
                "statement": one.contract.statement,
                "met": !one.is_broken(),
                "rules": one.contract.rules(),
                "shape": crate::plan::shape_hash(&one.explained.plan),
                "shared_blocks": root.and_then(|root| root.buffers).map(|buffers| buffers.shared()),
                "execution_ms": one.explained.plan.execution_ms.map(unit::json_ms),
                "violations": violations,
                "changed": one.changed.as_ref().map(|(accepted, difference)| {
                    diff::difference_json(accepted, one.explained, difference)
                }),
            })
        })
        .collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "met": !checked.iter().any(Checked::is_broken),
        "statements": statements,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;
    use crate::plan::contract::accept;
    use crate::plan::read;
    use serde::Deserialize;

    fn explained(plan: &Value) -> Explained {
        let plan = read::plan(json!({ "Plan": plan })).unwrap();
        Explained { name: Some("feed".to_owned()), ..Explained::new(plan, None) }
    }

    fn index_scan() -> Explained {
        explained(&json!({"Node Type": "Index Scan", "Relation Name": "t", "Alias": "t", "Index Name": "i",
            "Index Cond": "(a = 5)", "Total Cost": 8.3, "Plan Rows": 1, "Actual Rows": 1.0, "Actual Loops": 1,
            "Shared Hit Blocks": 4}))
    }

    fn seq_scan() -> Explained {
        explained(
            &json!({"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Filter": "(a = 5)", "Total Cost": 500.0,
            "Plan Rows": 1, "Actual Rows": 1.0, "Actual Loops": 1, "Rows Removed by Filter": 999, "Shared Hit Blocks": 400}),
        )
    }

    fn render(format: Format) -> String {
        let (good, bad) = (index_scan(), seq_scan());
        let contract = accept(&good, None);
        let place = Some(Place { path: "perfkit.yaml".to_owned(), line: Some(7) });
        let checked =
            [Checked::new(&contract, &good, None, None), Checked::new(&contract, &bad, Some(&good), place)];
        document(&checked, &Style::PLAIN).render(format, &Style::PLAIN).unwrap()
    }

    #[test]
    fn text_tells_what_changed() {
        let text = render(Format::Text);
        let expected = "\
met     feed  4 rules

broken  feed  3 violations of 4 rules
  Seq Scan on t reads 1,000 rows, and no sequential scan is allowed  [no_seq_scan]
  400 shared blocks, 5 are allowed  [max_shared_blocks]
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\n    critical  400 shared blocks instead of 4"), "{text}");
        assert!(text.contains("\n    because  index i is probably gone"), "{text}");
        assert!(text.ends_with("\n\n2 statements, 1 broken\n"), "{text}");
    }

    #[test]
    fn markdown_is_for_a_comment() {
        let markdown = render(Format::Markdown);
        assert!(markdown.starts_with("**feed** meets its contract (4 rules)\n"), "{markdown}");
        assert!(
            markdown.contains("\n- 400 shared blocks, 5 are allowed `max_shared_blocks`\n"),
            "{markdown}"
        );
        assert!(markdown.contains("\n- **critical** "), "{markdown}");
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Mirror {
        schema_version: u32,
        met: bool,
        statements: Vec<StatementMirror>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct StatementMirror {
        statement: String,
        met: bool,
        rules: Vec<String>,
        shape: String,
        shared_blocks: Option<u64>,
        execution_ms: Option<f64>,
        violations: Vec<ViolationMirror>,
        changed: Option<Value>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct ViolationMirror {
        rule: String,
        node_id: Option<usize>,
        expected: String,
        actual: String,
        noisy: bool,
        message: String,
    }

    #[test]
    fn json_is_an_interface() {
        let mirror: Mirror = serde_json::from_str(&render(Format::Json)).unwrap();
        assert!(!mirror.met && mirror.statements[0].met && !mirror.statements[1].met);
        assert_eq!(mirror.statements[1].violations[1].actual, "400 shared blocks");
        assert!(mirror.statements[0].changed.is_none() && mirror.statements[1].changed.is_some());
    }

    #[test]
    fn every_rule_is_a_case() {
        let junit = render(Format::Junit);
        assert!(junit.contains("tests=\"8\" failures=\"3\""), "{junit}");
        assert!(
            junit.contains("perfkit.yaml:7: max_shared_blocks: 400 shared blocks, 5 are allowed"),
            "{junit}"
        );
        assert!(junit.contains("because  index i is probably gone"), "{junit}");
    }

    #[test]
    fn sarif_describes_every_rule() {
        let every = Contract {
            statement: "a".to_owned(),
            must_use_index: crate::plan::contract::Names::All,
            no_seq_scan: crate::plan::contract::Names::All,
            max_seq_scan_rows: Some(crate::plan::contract::RowLimit::All(1.0)),
            critical_tables: vec!["t".to_owned()],
            no_disk_sort: true,
            no_spill: true,
            max_shared_blocks: Some(1),
            max_temp_blocks: Some(1),
            max_rows: Some(1.0),
            max_q_error: Some(1.0),
            max_cost: Some(1.0),
            shape: Some("0".repeat(16)),
            max_planning_ms: Some(1.0),
            max_execution_ms: Some(1.0),
        };
        assert_eq!(every.rules(), RULES.map(|(rule, _)| rule));
        let log: Value = serde_json::from_str(&render(Format::Sarif)).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 3);
        assert_eq!(results[0]["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
    }
}
