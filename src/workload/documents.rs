//! Parts of the documents of a jsonb column, for parameters that ask for documents with a part.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalog::ColumnStatistics;

use super::column_values::elements;

/// Parts of documents in text form, the most common first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Documents of one member or element, for `@>`.
    pub(super) contained: Vec<String>,
    /// Keys, and strings of arrays, for `?`.
    pub(super) keys: Vec<String>,
    /// Paths that ask for one member's value, for `@?`.
    pub(super) paths: Vec<String>,
}

/// Returns the parts of the documents that the statistics show.
pub(super) fn parts(statistics: &ColumnStatistics) -> Parts {
    let common = elements(statistics.most_common_vals.as_deref());
    let freqs: Vec<f64> =
        statistics.most_common_freqs.iter().flatten().map(|freq| f64::from(*freq)).collect();
    let others = elements(statistics.histogram_bounds.as_deref());
    let of_others = (1.0 - freqs.iter().sum::<f64>() - f64::from(statistics.null_frac)).max(0.0);
    #[expect(clippy::cast_precision_loss, reason = "statistics have at most 10,000 entries")]
    let each = of_others / others.len().max(1) as f64;
    let documents = common.into_iter().zip(freqs).chain(others.into_iter().map(|document| (document, each)));
    let (mut contained, mut keys, mut paths) = (Shares::default(), Shares::default(), Shares::default());
    for (document, share) in documents {
        let Some(Ok(document)) = document.map(|text| serde_json::from_str::<Value>(&text)) else { continue };
        match document {
            Value::Object(members) => {
                for (key, value) in members {
                    let name = Value::String(key.clone());
                    match value {
                        Value::Object(_) => {}
                        Value::Array(list) => {
                            let one =
                                list.into_iter().find(|element| !element.is_object() && !element.is_array());
                            if let Some(element) = one {
                                contained.add(format!("{{{name}: [{element}]}}"), share);
                                paths.add(format!("$.{name}[*] ? (@ == {element})"), share);
                            }
                        }
                        value => {
                            contained.add(format!("{{{name}: {value}}}"), share);
                            paths.add(format!("$.{name} ? (@ == {value})"), share);
                        }
                    }
                    keys.add(key, share);
                }
            }
            Value::Array(list) => {
                for element in list {
                    if !element.is_object() && !element.is_array() {
                        contained.add(format!("[{element}]"), share);
                        paths.add(format!("$[*] ? (@ == {element})"), share);
                    }
                    if let Value::String(key) = element {
                        keys.add(key, share);
                    }
                }
            }
            _ => {}
        }
    }
    Parts { contained: contained.ranked(), keys: keys.ranked(), paths: paths.ranked() }
}

#[derive(Default)]
struct Shares(BTreeMap<String, f64>);

impl Shares {
    fn add(&mut self, part: String, share: f64) {
        *self.0.entry(part).or_default() += share;
    }

    fn ranked(self) -> Vec<String> {
        let mut ranked: Vec<(String, f64)> = self.0.into_iter().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.into_iter().map(|(part, _)| part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array;

    #[test]
    fn ranks_parts_by_how_common_they_are() {
        let list = |documents: &[&str]| Some(array::write(documents.iter().map(|&document| Some(document))));
        let statistics = ColumnStatistics {
            most_common_vals: list(&[r#"{"kind": "a", "n": {"x": 1}}"#]),
            most_common_freqs: Some(vec![0.6]),
            histogram_bounds: list(&[r#"{"kind": "b", "tags": [7]}"#, r#"["kind"]"#, "no json"]),
            ..ColumnStatistics::default()
        };
        let parts = parts(&statistics);
        assert_eq!(
            parts.contained,
            [r#"{"kind": "a"}"#, r#"["kind"]"#, r#"{"kind": "b"}"#, r#"{"tags": [7]}"#]
        );
        assert_eq!(parts.keys, ["kind", "n", "tags"]);
        assert_eq!(parts.paths[0], r#"$."kind" ? (@ == "a")"#);
        assert_eq!(super::parts(&ColumnStatistics::default()), Parts::default());
    }
}
