//! What the plan of a statement must and must not do: the list `contract:` of perfkit.yaml.
//!
//! The accepted plan of a statement lies beside the file, in `perfkit.contract/NAME.json`, so that a broken
//! contract can be shown with what changed.

mod accept;
mod edit;
mod file;
mod violations;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

pub(crate) use accept::accept;
pub(crate) use edit::{line_of, with_contract};
pub(crate) use file::{FOLDER, accepted_plan, file_name};
pub(crate) use violations::{Violation, violations};

/// Rules for one statement. What is not given is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contract {
    /// The name of a statement of the workload.
    pub(crate) statement: String,
    /// `true`: every table that is filtered is read by an index. Or the names of indexes, each of which must
    /// be used.
    #[serde(default)]
    pub(crate) must_use_index: Names,
    /// `true`: no table is read from end to end. Or the names of such tables. Tiny tables are left out.
    #[serde(default)]
    pub(crate) no_seq_scan: Names,
    /// Rows that one sequential scan may read, at the most.
    #[serde(default)]
    pub(crate) max_seq_scan_rows: Option<RowLimit>,
    /// Tables that are never read from end to end, however small they are.
    #[serde(default)]
    pub(crate) critical_tables: Vec<String>,
    /// No sort goes through temporary files.
    #[serde(default)]
    pub(crate) no_disk_sort: bool,
    /// Nothing goes through temporary files.
    #[serde(default)]
    pub(crate) no_spill: bool,
    /// Blocks asked for, found in shared buffers or not.
    #[serde(default)]
    pub(crate) max_shared_blocks: Option<u64>,
    /// Blocks written to temporary files.
    #[serde(default)]
    pub(crate) max_temp_blocks: Option<u64>,
    /// Rows that the statement returns or changes.
    #[serde(default)]
    pub(crate) max_rows: Option<f64>,
    /// The factor between expected and actual rows, of any node.
    #[serde(default)]
    pub(crate) max_q_error: Option<f64>,
    #[serde(default)]
    pub(crate) max_cost: Option<f64>,
    /// The plan has this shape: `shape_hash` of the report.
    #[serde(default)]
    pub(crate) shape: Option<String>,
    /// Noisy: for a machine that does nothing else.
    #[serde(default)]
    pub(crate) max_planning_ms: Option<f64>,
    /// Noisy: for a machine that does nothing else.
    #[serde(default)]
    pub(crate) max_execution_ms: Option<f64>,
}

/// `true` for all, `false` for none, or names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Names {
    #[default]
    None,
    All,
    These(Vec<String>),
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("true, a name or a list of names")
            }

            fn visit_bool<E>(self, all: bool) -> Result<Names, E> {
                Ok(if all { Names::All } else { Names::None })
            }

            fn visit_str<E>(self, name: &str) -> Result<Names, E> {
                Ok(Names::These(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Names, A::Error> {
                let mut these = Vec::new();
                while let Some(name) = names.next_element()? {
                    these.push(name);
                }
                Ok(Names::These(these))
            }
        }
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// A limit for all tables, or one for each of some.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RowLimit {
    All(f64),
    Each(BTreeMap<String, f64>),
}

impl RowLimit {
    pub(crate) fn of(&self, table: &str) -> Option<f64> {
        match self {
            Self::All(limit) => Some(*limit),
            Self::Each(limits) => limits.get(table).copied(),
        }
    }
}

impl<'de> Deserialize<'de> for RowLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowLimitVisitor;
        impl<'de> Visitor<'de> for RowLimitVisitor {
            type Value = RowLimit;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of rows, or tables with numbers of rows")
            }

            fn visit_u64<E: serde::de::Error>(self, rows: u64) -> Result<RowLimit, E> {
                #[expect(clippy::cast_precision_loss, reason = "no table has 2^53 rows")]
                self.visit_f64(rows as f64)
            }

            fn visit_i64<E: serde::de::Error>(self, rows: i64) -> Result<RowLimit, E> {
                #[expect(clippy::cast_precision_loss, reason = "no table has 2^53 rows")]
                self.visit_f64(rows as f64)
            }

            fn visit_f64<E: serde::de::Error>(self, rows: f64) -> Result<RowLimit, E> {
                if rows.is_finite() && rows >= 0.0 {
                    Ok(RowLimit::All(rows))
                } else {
                    Err(E::custom("a number of rows cannot be negative"))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut tables: A) -> Result<RowLimit, A::Error> {
                let mut limits = BTreeMap::new();
                while let Some((table, rows)) = tables.next_entry::<String, f64>()? {
                    if !rows.is_finite() || rows < 0.0 {
                        return Err(A::Error::custom("a number of rows cannot be negative"));
                    }
                    limits.insert(table, rows);
                }
                Ok(RowLimit::Each(limits))
            }
        }
        deserializer.deserialize_any(RowLimitVisitor)
    }
}

impl Contract {
    /// Returns the names of the rules that the contract states, in the order in which they are judged.
    pub(crate) fn rules(&self) -> Vec<&'static str> {
        let stated = [
            ("must_use_index", self.must_use_index != Names::None),
            ("no_seq_scan", self.no_seq_scan != Names::None),
            ("max_seq_scan_rows", self.max_seq_scan_rows.is_some()),
            ("critical_tables", !self.critical_tables.is_empty()),
            ("no_disk_sort", self.no_disk_sort),
            ("no_spill", self.no_spill),
            ("max_shared_blocks", self.max_shared_blocks.is_some()),
            ("max_temp_blocks", self.max_temp_blocks.is_some()),
            ("max_rows", self.max_rows.is_some()),
            ("max_q_error", self.max_q_error.is_some()),
            ("max_cost", self.max_cost.is_some()),
            ("shape", self.shape.is_some()),
            ("max_planning_ms", self.max_planning_ms.is_some()),
            ("max_execution_ms", self.max_execution_ms.is_some()),
        ];
        stated.into_iter().filter(|(_, is_stated)| *is_stated).map(|(rule, _)| rule).collect()
    }

    /// Finds what no plan can meet; returns the word at fault and the reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        for (word, limit) in [
            ("max_rows", self.max_rows),
            ("max_cost", self.max_cost),
            ("max_planning_ms", self.max_planning_ms),
            ("max_execution_ms", self.max_execution_ms),
        ] {
            if limit.is_some_and(|limit| !limit.is_finite() || limit < 0.0) {
                return Err((word, "cannot be negative"));
            }
        }
        if self.max_q_error.is_some_and(|limit| !limit.is_finite() || limit < 1.0) {
            return Err(("max_q_error", "must be 1 or above: it is a factor"));
        }
        let is_hash = |shape: &String| shape.len() == 16 && shape.bytes().all(|b| b.is_ascii_hexdigit());
        if self.shape.as_ref().is_some_and(|shape| !is_hash(shape)) {
            return Err(("shape", "must be 16 hexadecimal digits in quotes"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<Contract, String> {
        yaml::parse(Path::new("perfkit.yaml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_rules() {
        let contract =
            read("{statement: current-session, must_use_index: true, max_seq_scan_rows: 1000}").unwrap();
        assert_eq!(contract.must_use_index, Names::All);
        assert_eq!(contract.max_seq_scan_rows.as_ref().unwrap().of("any"), Some(1000.0));
        assert_eq!(contract.rules(), ["must_use_index", "max_seq_scan_rows"]);
        let contract =
            read("{statement: a, must_use_index: [i, j], no_seq_scan: t, max_seq_scan_rows: {t: 5}}")
                .unwrap();
        assert_eq!(contract.must_use_index, Names::These(vec!["i".to_owned(), "j".to_owned()]));
        assert_eq!(contract.no_seq_scan, Names::These(vec!["t".to_owned()]));
        assert_eq!(contract.max_seq_scan_rows.as_ref().unwrap().of("u"), None);
        assert_eq!(read("{statement: a, no_seq_scan: false}").unwrap().rules(), [""; 0]);
    }

    #[test]
    fn errors_name_the_place_and_what_was_expected() {
        for (text, expected) in [
            (
                "statement: a\nmust_use_index: 5",
                "perfkit.yaml:2:17: must_use_index: invalid type: integer `5`, expected true, a name or a list of names",
            ),
            (
                "statement: a\nmax_seq_scan_rows: soon",
                "perfkit.yaml:2:20: max_seq_scan_rows: invalid type: string \"soon\", expected a number of rows, or \
                 tables with numbers of rows",
            ),
            ("statement: a\nmax_blocks: 5", "perfkit.yaml:2:1: unknown name `max_blocks`"),
            ("must_use_index: true", "perfkit.yaml:1:1: missing field `statement`"),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
        let error = read("{statement: a, max_seq_scan_rows: -5}").unwrap_err();
        assert!(error.ends_with("a number of rows cannot be negative"), "{error}");
    }

    #[test]
    fn refuses_what_no_plan_can_meet() {
        for (text, expected) in [
            ("{statement: a, max_q_error: 0.5}", Some("max_q_error")),
            ("{statement: a, shape: abc}", Some("shape")),
            ("{statement: a, max_cost: -1}", Some("max_cost")),
            ("{statement: a, shape: \"0123456789abcdef\", max_cost: 1}", None),
        ] {
            assert_eq!(read(text).unwrap().check().err().map(|(word, _)| word), expected, "{text}");
        }
    }
}
