//! The `seed` section of perfkit.yaml: which tables get rows, how many, and how their columns are made.

mod generator;
mod rhythm;
pub(crate) mod values;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::generator::Scalar;
use super::keys::fanout::{Distribution, Fanout};

pub(crate) use generator::Generator;

/// Which tables get rows, how many, and with which values.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SeedConfig {
    pub(crate) tables: BTreeMap<String, TableConfig>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableConfig {
    /// Rows of a table that stands on its own.
    pub(crate) rows: Option<u64>,
    /// The table whose every row gets `count` rows of this one.
    pub(crate) per: Option<String>,
    pub(crate) count: Option<Count>,
    /// Nothing is loaded.
    #[serde(default)]
    pub(crate) skip: bool,
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, Generator>,
}

/// How many rows each row of the parent gets: a number for all of them, or a mean with a distribution.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "CountConfig")]
pub(crate) struct Count {
    pub(crate) mean: f64,
    /// `None`: the same for all where nothing else decides.
    pub(crate) fanout: Option<Fanout>,
}

impl TableConfig {
    /// Returns how many rows each row of the parent gets on average; one where nothing is said.
    pub(crate) fn mean(&self) -> f64 {
        self.count.as_ref().map_or(1.0, |count| count.mean)
    }

    /// Returns how the rows are shared out among the parents, where that is said.
    pub(crate) fn fanout(&self) -> Option<&Fanout> {
        self.count.as_ref()?.fanout.as_ref()
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "count is a number, or a mapping like {zipf: {mean: 50, s: 1.3}}")]
enum CountConfig {
    Number(u64),
    Distribution(CountMapping),
}

#[derive(Deserialize)]
struct CountMapping {
    childless: Option<f64>,
    #[serde(flatten)]
    distributions: BTreeMap<String, BTreeMap<Scalar, f64>>,
}

/// The greatest exponent: beyond it the first parent has practically all children.
const MAX_EXPONENT: f64 = 10.0;

impl TryFrom<CountConfig> for Count {
    type Error = String;

    fn try_from(config: CountConfig) -> Result<Self, String> {
        let CountMapping { childless, distributions } = match config {
            #[expect(clippy::cast_precision_loss, reason = "a mean")]
            CountConfig::Number(n) => return Ok(Self { mean: n as f64, fanout: None }),
            CountConfig::Distribution(mapping) => mapping,
        };
        let mut all = distributions.into_iter();
        let (Some((name, given)), None) = (all.next(), all.next()) else {
            return Err(format!("count is a number or one of {}", list(DISTRIBUTIONS.iter().map(|it| it.0))));
        };
        let mut given: BTreeMap<String, f64> = given.into_iter().map(|(key, value)| (key.0, value)).collect();
        let (_, keys) = DISTRIBUTIONS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
            generator::unknown(&name, DISTRIBUTIONS.iter().map(|it| it.0).chain(["childless"]))
        })?;
        if name == "choice" {
            return choice(given, childless);
        }
        let mut childless = childless;
        if let Some(share) = given.remove("childless") {
            childless = Some(share);
        }
        if let Some(key) = given.keys().find(|key| !keys.contains(&key.as_str())) {
            return Err(generator::unknown(key, keys.iter().copied().chain(["childless"])));
        }
        let mean = *given.get("mean").ok_or_else(|| format!("{name} needs mean"))?;
        if !(mean > 0.0 && mean.is_finite()) {
            return Err(format!("mean is {mean}, it must be above 0"));
        }
        let s = given.get("s").copied().unwrap_or(1.0);
        if !(0.0..=MAX_EXPONENT).contains(&s) {
            return Err(format!("s is {s}, it must be from 0 to {MAX_EXPONENT}"));
        }
        // Shares of the mean, as fan-outs take them.
        let sd = given.get("sd").copied().unwrap_or(0.0) / mean;
        if sd.is_nan() || sd < 0.0 {
            return Err("sd must not be negative".to_owned());
        }
        let distribution = match name.as_str() {
            "uniform" => Distribution::Uniform,
            "zipf" => Distribution::Zipf { s },
            "normal" => Distribution::Normal { sd },
            "exponential" => Distribution::Exponential,
            _ => Distribution::Constant,
        };
        Ok(Self { mean, fanout: Some(Fanout { distribution, childless: checked(childless)? }) })
    }
}

/// The distributions of counts with their keys; the keys of `choice` are numbers of children.
const DISTRIBUTIONS: &[(&str, &[&str])] = &[
    ("uniform", &["mean"]),
    ("zipf", &["mean", "s"]),
    ("normal", &["mean", "sd"]),
    ("exponential", &["mean"]),
    ("constant", &["mean"]),
    ("choice", &[]),
];

/// Reads numbers of children with their weights.
fn choice(given: BTreeMap<String, f64>, childless: Option<f64>) -> Result<Count, String> {
    let choices = given
        .into_iter()
        .map(|(n, weight)| match n.parse::<u32>() {
            Ok(n) if weight >= 0.0 && weight.is_finite() => Ok((n, weight)),
            Ok(_) => Err(format!("the weight of {n} is {weight}, it must not be negative")),
            Err(_) => Err(format!("a choice of counts is a whole number with a weight, not {n:?}")),
        })
        .collect::<Result<Vec<_>, String>>()?;
    let total: f64 = choices.iter().map(|choice| choice.1).sum();
    if !generator::is_positive(total) {
        return Err("a choice needs a weight above 0".to_owned());
    }
    let mean = choices.iter().map(|&(n, weight)| f64::from(n) * weight).sum::<f64>() / total;
    let distribution =
        Distribution::Choice(choices.into_iter().map(|(n, weight)| (n.into(), weight)).collect());
    Ok(Count { mean, fanout: Some(Fanout { distribution, childless: checked(childless)? }) })
}

fn checked(childless: Option<f64>) -> Result<Option<f64>, String> {
    match childless {
        Some(share) if !(0.0..1.0).contains(&share) => {
            Err(format!("childless is {share}, it must be a share from 0 to below 1"))
        }
        childless => Ok(childless),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn table(text: &str) -> Result<TableConfig, crate::yaml::Error> {
        crate::yaml::parse(Path::new("perfkit.yaml"), text)
    }

    const README: &str = include_str!("../../../README.md");

    #[test]
    fn the_readme_is_right() {
        #[derive(Deserialize)]
        struct Config {
            seed: SeedConfig,
        }
        let block = README.split("```yaml\n").find(|block| block.starts_with("seed:")).unwrap();
        let block = block.split("```").next().unwrap();
        let config: Config = crate::yaml::parse(Path::new("perfkit.yaml"), block).unwrap();
        assert_eq!(config.seed.tables.len(), 3);
        let rows = README.split("A column is one of").nth(1).unwrap().split("\n\n").nth(1).unwrap();
        let generators: Vec<&str> = rows.split('`').filter(|code| code.starts_with('{')).collect();
        assert!(generators.len() > 20, "{generators:?}");
        for generator in generators {
            let text = generator
                .replace("[7 weights]", "[1, 1, 1, 1, 1, 1, 1]")
                .replace("[24 weights]", &format!("{:?}", [1; 24]));
            let parsed: Result<Generator, _> = crate::yaml::parse(Path::new("perfkit.yaml"), &text);
            assert!(parsed.is_ok(), "{generator}: {parsed:?}");
        }
    }

    #[test]
    fn reads_counts() {
        let count = |text: &str| table(&format!("count: {text}")).unwrap().count.unwrap();
        let fanout = |distribution, childless| Some(Fanout { distribution, childless });
        assert_eq!(count("50"), Count { mean: 50.0, fanout: None });
        assert_eq!(
            count("{zipf: {mean: 50, s: 1.3, childless: 0.1}}"),
            Count { mean: 50.0, fanout: fanout(Distribution::Zipf { s: 1.3 }, Some(0.1)) }
        );
        assert_eq!(
            count("{normal: {mean: 20, sd: 5}}"),
            Count { mean: 20.0, fanout: fanout(Distribution::Normal { sd: 0.25 }, None) }
        );
        assert_eq!(
            count("{uniform: {mean: 3.5}, childless: 0.5}"),
            Count { mean: 3.5, fanout: fanout(Distribution::Uniform, Some(0.5)) }
        );
        assert_eq!(
            count("{choice: {0: 1, 4: 3}}"),
            Count { mean: 3.0, fanout: fanout(Distribution::Choice(vec![(0, 1.0), (4, 3.0)]), None) }
        );
    }

    #[test]
    fn reads_the_scenario_as_before() {
        #[derive(Deserialize)]
        struct File {
            seed: SeedConfig,
        }
        let text = include_str!("../../../fixtures/bedtime/perfkit.yaml");
        let tables = crate::yaml::parse::<File>(Path::new("perfkit.yaml"), text).unwrap().seed.tables;
        assert_eq!(tables["users"].rows, Some(100));
        let follows = &tables["follows"];
        assert_eq!((follows.per.as_deref(), follows.mean(), follows.fanout()), (Some("users"), 20.0, None));
        let other = Generator::Other { to: "users".into(), than: "user_id".into(), skew: 2.0 };
        assert_eq!(follows.columns["following_user_id"], other);
        assert_eq!(tables["users"].columns["name"], Generator::PersonName);
    }

    fn check_error(text: &str, expected: &str, expected_nearest: Option<&str>) {
        let error = table(text).unwrap_err();
        assert!(error.message().contains(expected), "{text}: {}", error.message());
        assert_eq!(error.nearest(), expected_nearest, "{text}");
    }

    #[test]
    fn names_what_is_wrong_with_a_table() {
        check_error("count: {zipff: {mean: 3}}", "unknown name `zipff`", Some("zipf"));
        check_error("count: {zipf: {maen: 3}}", "unknown name `maen`", Some("mean"));
        check_error("count: {zipf: {s: 3}}", "zipf needs mean", None);
        check_error("count: {zipf: {mean: 3, s: -1}}", "s is -1", None);
        check_error("count: {zipf: {mean: 0}}", "mean is 0", None);
        check_error("count: {normal: {mean: 3, sd: -1}}", "sd must not be negative", None);
        check_error("count: {uniform: {mean: 3, childless: 1}}", "childless is 1", None);
        check_error("count: {choice: {a: 1}}", "not \"a\"", None);
        check_error("count: {choice: {1: 0}}", "a weight above 0", None);
        check_error("count: {}", "count is a number or one of uniform, zipf", None);
        check_error("count: many", "count is a number, or a mapping", None);
        check_error("row: 5", "unknown name `row`", Some("rows"));
    }
}
