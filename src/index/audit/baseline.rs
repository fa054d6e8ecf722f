//! Findings that somebody has accepted, so that only new ones are reported.

use std::fmt::Write as _;

use chrono::NaiveDate;
use serde::Deserialize;

use super::Finding;
use crate::query::quote;

/// The content of a baseline file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    pub(crate) accepted: Vec<Accepted>,
}

/// One finding that is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// [`Finding::id`].
    pub(crate) finding: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// The last day on which it holds, as in `2026-12-31`; without it, it holds for ever.
    #[serde(default)]
    pub(crate) until: Option<String>,
}

/// Findings held against a baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Held {
    /// What is not accepted.
    pub(crate) findings: Vec<Finding>,
    pub(crate) accepted: Vec<Finding>,
    /// Entries whose day has passed, while their finding is still there.
    pub(crate) expired: Vec<Accepted>,
    /// Entries that accept nothing: what they name was put right, or is written otherwise.
    pub(crate) stale: Vec<Accepted>,
    /// Entries that accept nothing, of findings that this run could not look for.
    pub(crate) unseen: Vec<Accepted>,
}

impl Accepted {
    /// Returns the last day on which it holds, or what is wrong with it.
    pub(crate) fn last_day(&self) -> Result<Option<NaiveDate>, String> {
        let parse = |text: &String| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map_err(|_| format!("until is {text:?}, it must be a day as in 2026-12-31"))
        };
        self.until.as_ref().map(parse).transpose()
    }

    fn has_expired(&self, today: NaiveDate) -> bool {
        self.last_day().is_ok_and(|day| day.is_some_and(|day| day < today))
    }
}

impl Finding {
    /// Says which finding it is, the same from run to run: what a later one is compared with.
    pub(crate) fn id(&self) -> String {
        let table = quote::qualified(&self.schema, &self.table);
        match &self.index {
            Some(index) => format!("{} {table}.{}", self.rule, quote::identifier(index)),
            None if self.columns.is_empty() => format!("{} {table}", self.rule),
            None => format!("{} {table} ({})", self.rule, self.columns.join(", ")),
        }
    }
}

impl Baseline {
    /// Splits findings into new and accepted ones. `is_audited` tells whether findings of this rule in this schema were looked
    /// for at all: the entries of others are not stale.
    pub(crate) fn hold(
        &self,
        findings: Vec<Finding>,
        today: NaiveDate,
        is_audited: impl Fn(&str, &str) -> bool,
    ) -> Held {
        let mut held = Held::default();
        let mut is_used = vec![false; self.accepted.len()];
        for finding in findings {
            let id = finding.id();
            match self.accepted.iter().position(|accepted| accepted.finding == id) {
                Some(at) => {
                    let is_first = !std::mem::replace(&mut is_used[at], true);
                    if self.accepted[at].has_expired(today) {
                        held.expired.extend(is_first.then(|| self.accepted[at].clone()));
                        held.findings.push(finding);
                    } else {
                        held.accepted.push(finding);
                    }
                }
                None => held.findings.push(finding),
            }
        }
        let unused = self.accepted.iter().zip(is_used).filter(|(_, is_used)| !is_used);
        let was_looked_for = |entry: &Accepted| {
            let (rule, place) = entry.finding.split_once(' ').unwrap_or((&entry.finding, ""));
            is_audited(rule, &schema_of(place))
        };
        (held.stale, held.unseen) =
            unused.map(|(entry, _)| entry.clone()).partition(|entry| was_looked_for(entry));
        held
    }

    /// Returns the baseline that accepts all that was found, with the reasons and days of this one, and what this one accepts
    /// and the run could not look for.
    #[must_use]
    pub(crate) fn accepting(&self, held: &Held) -> Self {
        let mut accepted = held.unseen.clone();
        for finding in held.accepted.iter().chain(&held.findings) {
            let id = finding.id();
            if accepted.iter().all(|entry| entry.finding != id) {
                let known = self.accepted.iter().find(|entry| entry.finding == id).cloned();
                accepted.push(known.unwrap_or_else(|| Accepted { finding: id, ..Accepted::default() }));
            }
        }
        accepted.sort_by(|a, b| a.finding.cmp(&b.finding));
        Self { accepted }
    }

    /// Writes the file.
    pub(crate) fn to_yaml(&self) -> String {
        let mut text = String::from(
            "# Findings of `perfkit index audit` that are accepted. Each may have a `reason`, and a day that it is accepted\n\
             # `until`, as in 2026-12-31.\n",
        );
        if self.accepted.is_empty() {
            text.push_str("accepted: []\n");
            return text;
        }
        text.push_str("accepted:\n");
        for entry in &self.accepted {
            let _ = writeln!(text, "  - finding: {}", quoted(&entry.finding));
            for (key, value) in [("reason", &entry.reason), ("until", &entry.until)] {
                if let Some(value) = value {
                    let _ = writeln!(text, "    {key}: {}", quoted(value));
                }
            }
        }
        text
    }
}

/// Writes text as YAML: a string of JSON is one (YAML 1.2, section 1.3), but for the line breaks that only YAML knows.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.chars().fold(String::new(), |mut quoted, c| {
        if !c.is_ascii() && (c.is_whitespace() || c.is_control() || c == '\u{feff}') {
            let _ = write!(quoted, "\\u{:04x}", u32::from(c));
        } else {
            quoted.push(c);
        }
        quoted
    })
}

/// Returns the schema of a name as [`quote::qualified`] writes it.
fn schema_of(place: &str) -> String {
    let Some(quoted) = place.strip_prefix('"') else {
        return place.split('.').next().unwrap_or_default().to_owned();
    };
    let end = quoted.find("\".").unwrap_or(quoted.len());
    quoted[..end].replace("\"\"", "\"")
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;
    use proptest::prelude::*;

    fn finding(rule: &'static str, schema: &str, index: Option<&str>) -> Finding {
        Finding {
            rule,
            severity: Severity::Low,
            schema: schema.to_owned(),
            table: "t".to_owned(),
            index: index.map(str::to_owned),
            columns: vec!["a".to_owned(), "b".to_owned()],
            message: String::new(),
            remedy: String::new(),
            fix: None,
            frees_bytes: 0,
        }
    }

    fn accepted(finding: &str, until: Option<&str>) -> Accepted {
        Accepted { finding: finding.to_owned(), reason: None, until: until.map(str::to_owned) }
    }

    fn day(text: &str) -> NaiveDate {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap()
    }

    #[test]
    fn ids_name_rule_and_place() {
        assert_eq!(finding("unused-index", "public", Some("I")).id(), "unused-index public.t.\"I\"");
        assert_eq!(finding("missing", "a.b", None).id(), "missing \"a.b\".t (a, b)");
        for (place, expected) in
            [("public.t.i", "public"), ("\"a.b\".t (a, b)", "a.b"), ("\"a\"\"b\".t", "a\"b"), ("", "")]
        {
            assert_eq!(schema_of(place), expected);
        }
    }

    #[test]
    fn accepted_findings_are_told_from_new_ones() {
        let baseline = Baseline {
            accepted: vec![
                accepted("unused-index public.t.kept", None),
                accepted("unused-index public.t.late", Some("2026-01-31")),
                accepted("unused-index public.t.today", Some("2026-02-01")),
                accepted("unused-index public.t.gone", None),
                accepted("unused-index other.t.unseen", None),
            ],
        };
        let found =
            ["kept", "late", "today", "new"].map(|name| finding("unused-index", "public", Some(name)));
        let held = baseline.hold(found.to_vec(), day("2026-02-01"), |_, schema| schema == "public");
        let names = |findings: &[Finding]| -> Vec<String> {
            findings.iter().map(|finding| finding.index.clone().unwrap()).collect()
        };
        assert_eq!(names(&held.findings), ["late", "new"]);
        assert_eq!(names(&held.accepted), ["kept", "today"]);
        assert_eq!(held.expired, [accepted("unused-index public.t.late", Some("2026-01-31"))]);
        assert_eq!(held.stale, [accepted("unused-index public.t.gone", None)]);
        // Written again, it keeps what was not looked for and loses what was put right.
        let again: Vec<String> =
            baseline.accepting(&held).accepted.into_iter().map(|it| it.finding).collect();
        let expected = ["other.t.unseen", "public.t.kept", "public.t.late", "public.t.new", "public.t.today"];
        assert_eq!(again, expected.map(|place| format!("unused-index {place}")));
    }

    #[test]
    fn days_are_checked() {
        assert!(accepted("a", Some("2026-13-01")).last_day().is_err());
        assert_eq!(accepted("a", Some("2026-12-01")).last_day(), Ok(Some(day("2026-12-01"))));
        assert_eq!(accepted("a", None).last_day(), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_accepts_all(schemas in proptest::collection::vec("\\PC{1,8}", 0..5), reason in "\\PC*") {
            let findings: Vec<Finding> = schemas.iter().map(|schema| finding("r", schema, None)).collect();
            let found = Held { findings: findings.clone(), ..Held::default() };
            let mut baseline = Baseline::default().accepting(&found);
            for entry in &mut baseline.accepted {
                entry.reason = Some(reason.clone());
            }
            let read: Baseline =
                crate::yaml::parse(std::path::Path::new("baseline.yaml"), &baseline.to_yaml()).unwrap();
            prop_assert_eq!(&read, &baseline);
            prop_assert_eq!(&read.accepting(&found), &baseline);
            let held = read.hold(findings, day("2026-02-01"), |_, _| true);
            prop_assert!(held.findings.is_empty() && held.stale.is_empty());
        }
    }
}
