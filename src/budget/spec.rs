//! What budgets are of, and their limits: the list `budgets:` of perfkit.yaml.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

/// Executions that belong together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    Run,
    /// From `SELECT 'perfkit:scope=NAME'` to the next such statement of the session.
    Marked(String),
    Application(String),
    /// Key and value of a call site (sqlcommenter, marginalia).
    Tag(String, String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("run"),
            Self::Marked(name) => write!(f, "scope {name}"),
            Self::Application(name) => write!(f, "application_name {name}"),
            Self::Tag(key, value) => write!(f, "tag {key}={value}"),
        }
    }
}

/// The limits of one scope; what is not given is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Budget {
    /// The scope that marker statements name. Without any name the budget is of the whole run.
    pub(crate) scope: Option<String>,
    pub(crate) application_name: Option<String>,
    /// As in `route=/notes`.
    pub(crate) tag: Option<String>,
    pub(crate) max_queries: Option<u64>,
    /// Calls of each statement.
    pub(crate) max_calls: Option<u64>,
    pub(crate) max_writes: Option<u64>,
    pub(crate) max_transactions: Option<u64>,
    pub(crate) max_rows: Option<u64>,
    pub(crate) max_ms: Option<f64>,
    pub(crate) no_n_plus_one: bool,
    pub(crate) no_new_statements: bool,
}

/// A list of budgets that cannot be meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// A word of the file that is near it.
    pub(crate) word: String,
    pub(crate) message: String,
}

impl Budget {
    /// What the budget is of.
    pub(crate) fn of(&self) -> Scope {
        match (&self.scope, &self.application_name, &self.tag) {
            (Some(name), ..) => Scope::Marked(name.clone()),
            (None, Some(name), _) => Scope::Application(name.clone()),
            (None, None, Some(tag)) => {
                let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
                Scope::Tag(key.to_owned(), value.to_owned())
            }
            (None, None, None) => Scope::Run,
        }
    }

    /// Puts the limits of `over` in the place of its own, where there are any.
    pub(crate) fn overridden_by(&mut self, over: &Self) {
        self.max_queries = over.max_queries.or(self.max_queries);
        self.max_calls = over.max_calls.or(self.max_calls);
        self.max_writes = over.max_writes.or(self.max_writes);
        self.max_transactions = over.max_transactions.or(self.max_transactions);
        self.max_rows = over.max_rows.or(self.max_rows);
        self.max_ms = over.max_ms.or(self.max_ms);
        self.no_n_plus_one |= over.no_n_plus_one;
        self.no_new_statements |= over.no_new_statements;
    }

    pub(crate) fn has_limit(&self) -> bool {
        *self
            != Self {
                scope: self.scope.clone(),
                application_name: self.application_name.clone(),
                tag: self.tag.clone(),
                ..Self::default()
            }
    }

    /// Checks the budgets of a file.
    pub(crate) fn check(budgets: &[Self]) -> Result<(), Unfit> {
        let mut seen = BTreeSet::new();
        for budget in budgets {
            let names: Vec<(&str, &String)> = [
                ("scope", &budget.scope),
                ("application_name", &budget.application_name),
                ("tag", &budget.tag),
            ]
            .into_iter()
            .filter_map(|(key, name)| Some((key, name.as_ref()?)))
            .collect();
            let word = names.first().map_or_else(|| "budgets".to_owned(), |(_, name)| (*name).clone());
            let of = budget.of();
            let unfit = |message: String| Err(Unfit { word: word.clone(), message });
            if let Some((key, _)) = names.iter().find(|(_, name)| name.trim().is_empty()) {
                return Err(Unfit {
                    word: (*key).to_owned(),
                    message: format!("{key} of a budget is empty"),
                });
            }
            if let [(first, _), (second, _), ..] = names.as_slice() {
                return unfit(format!("a budget is of one scope: name {first} or {second}, not both"));
            }
            if let Some(tag) = budget.tag.as_ref().filter(|tag| !tag.contains('=')) {
                return unfit(format!("tag {tag:?} has no value; write it as in route=/notes"));
            }
            if budget.max_ms.is_some_and(|limit| !(limit.is_finite() && limit > 0.0)) {
                return Err(Unfit {
                    word: "max_ms".to_owned(),
                    message: "max_ms must be above 0".to_owned(),
                });
            }
            if !budget.has_limit() {
                return unfit(format!(
                    "the budget of {of} has no limit; known are max_queries, max_calls, max_writes, max_transactions, max_rows, max_ms, no_n_plus_one, no_new_statements"
                ));
            }
            if !seen.insert(of.clone()) {
                return unfit(format!("there are two budgets of {of}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_run() -> Budget {
        Budget { max_queries: Some(1), ..Budget::default() }
    }

    #[test]
    fn a_budget_is_of_one_scope() {
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(of_run().of().to_string(), "run");
        assert_eq!(Budget { scope: named("a"), ..of_run() }.of().to_string(), "scope a");
        assert_eq!(Budget { tag: named("a=b=c"), ..of_run() }.of(), Scope::Tag("a".into(), "b=c".into()));
        let application = Budget { application_name: named("a"), ..of_run() };
        assert_eq!(application.of().to_string(), "application_name a");
        assert_eq!(Budget::check(&[of_run(), application]), Ok(()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let check = |budgets: &[Budget], word: &str, message: &str| {
            let unfit = Budget::check(budgets).unwrap_err();
            assert_eq!(unfit.word, word, "{unfit:?}");
            assert!(unfit.message.contains(message), "{unfit:?}");
        };
        let named = |name: &str| Some(name.to_owned());
        check(&[of_run(), of_run()], "budgets", "two budgets of run");
        check(&[Budget { scope: named("a"), tag: named("b=c"), ..of_run() }], "a", "scope or tag, not both");
        check(&[Budget { tag: named("b"), ..of_run() }], "b", "has no value");
        check(&[Budget { scope: named(" "), ..of_run() }], "scope", "is empty");
        check(&[Budget { scope: named("a"), ..Budget::default() }], "a", "has no limit");
        check(&[Budget { max_ms: Some(f64::NAN), ..of_run() }], "max_ms", "above 0");
    }

    #[test]
    fn flags_come_before_the_file() {
        let mut budget = Budget { max_calls: Some(5), no_n_plus_one: true, ..of_run() };
        budget.overridden_by(&Budget { max_queries: Some(9), ..Budget::default() });
        let expected =
            Budget { max_queries: Some(9), max_calls: Some(5), no_n_plus_one: true, ..Budget::default() };
        assert_eq!(budget, expected);
    }
}
