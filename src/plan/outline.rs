//! The bare tree of a plan: what its nodes are and what they read, and where two trees part.

use super::Plan;

/// Returns a line for each node, indented by its depth: its type with that of its join or aggregation, its index and relation.
pub(crate) fn outline(plan: &Plan) -> Vec<String> {
    let mut depths = vec![0_usize; plan.nodes.len()];
    let mut lines = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        depths[node.id] = node.parent.map_or(0, |parent| depths[parent] + 1);
        lines.push(format!("{:indent$}{}", "", node.title(), indent = 2 * depths[node.id]));
    }
    lines
}

/// Two plans of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    pub(crate) statement: String,
    /// Which values it has.
    pub(crate) values: String,
    /// Outlines, or why the statement could not be planned.
    pub(crate) source: Result<Vec<String>, String>,
    pub(crate) copy: Result<Vec<String>, String>,
}

impl Pair {
    /// Whether both plans have the same shape.
    pub(crate) fn is_same(&self) -> bool {
        self.source.is_ok() && self.source == self.copy
    }

    /// Returns the first lines that are not the same, without their indentation, of the source and of the copy.
    pub(crate) fn parting(&self) -> [String; 2] {
        let none = Vec::new();
        let (source, copy) = (self.source.as_ref().unwrap_or(&none), self.copy.as_ref().unwrap_or(&none));
        let at = source.iter().zip(copy).take_while(|(source, copy)| source == copy).count();
        let line = |of: &Result<Vec<String>, String>| match of {
            Ok(lines) => lines.get(at).map_or_else(String::new, |line| line.trim_start().to_owned()),
            Err(reason) => reason.clone(),
        };
        [line(&self.source), line(&self.copy)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use serde_json::json;

    fn outline_of(inner: &str, cost: f64) -> Vec<String> {
        let plan = json!({ "Plan": {"Node Type": "Hash Join", "Join Type": "Left", "Total Cost": cost, "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "a", "Filter": "(x > 5)"},
            {"Node Type": "Hash", "Plans": [
                {"Node Type": inner, "Relation Name": "u", "Alias": "u", "Index Name": "i"},
            ]},
        ]}});
        outline(&read::plan(plan).unwrap())
    }

    #[test]
    fn shows_types_indexes_and_relations() {
        let expected = ["Hash Left Join", "  Seq Scan on t a", "  Hash", "    Index Scan using i on u"]
            .map(str::to_owned);
        assert_eq!(outline_of("Index Scan", 5.0), expected);
    }

    #[test]
    fn says_where_plans_part() {
        let pair = |copy: Result<Vec<String>, String>| Pair {
            statement: "q".to_owned(),
            values: "typical".to_owned(),
            source: Ok(outline_of("Index Scan", 1.0)),
            copy,
        };
        assert!(pair(Ok(outline_of("Index Scan", 2.0))).is_same());
        let other = pair(Ok(outline_of("Index Only Scan", 1.0)));
        assert!(!other.is_same());
        assert_eq!(other.parting(), ["Index Scan using i on u", "Index Only Scan using i on u"]);
        let cut = pair(Ok(outline_of("Index Scan", 1.0)[..3].to_vec()));
        assert_eq!(cut.parting(), ["Index Scan using i on u", ""]);
        let failed = pair(Err("no such table".to_owned()));
        assert!(!failed.is_same());
        assert_eq!(failed.parting(), ["Hash Left Join", "no such table"]);
    }
}
