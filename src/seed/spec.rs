//! The `seed` section of perfkit.yaml.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// Which tables get rows, how many, and with which values.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SeedConfig {
    pub(crate) tables: BTreeMap<String, TableConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableConfig {
    /// Rows of a table that stands on its own.
    pub(crate) rows: Option<u64>,
    /// The table whose every row gets `count` rows of this one.
    pub(crate) per: Option<String>,
    pub(crate) count: Option<u64>,
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, Generator>,
}

/// How the values of a column are made.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "GeneratorConfig")]
pub(crate) enum Generator {
    /// 1, 2, 3, … after the greatest key that is there; the default of a primary key.
    Key,
    /// A parent's key; some parents are picked oftener when `skew` is above 1.
    Reference {
        to: String,
        skew: f64,
    },
    /// A parent's key; every parent once, in a new order each round.
    Each {
        to: String,
    },
    /// Another parent's key than that of column `than`, never the same twice for one parent.
    Other {
        to: String,
        than: String,
        skew: f64,
    },
    /// Moments in the order of the rows, evenly from `within` to `until` before the end of the series.
    Time {
        within: Duration,
        until: Duration,
        hours: Option<(u32, u32)>,
    },
    /// Between `min` and `max` after another column's moment; NULL where that is still to come.
    After {
        column: String,
        min: Duration,
        max: Duration,
    },
    /// Whole minutes from one column's moment to another's.
    MinutesBetween {
        from: String,
        to: String,
    },
    /// The first of these columns that is not NULL.
    FirstOf(Vec<String>),
    PersonName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GeneratorConfig {
    key: Option<Nothing>,
    reference: Option<ReferenceConfig>,
    each: Option<EachConfig>,
    other: Option<OtherConfig>,
    time: Option<TimeConfig>,
    after: Option<AfterConfig>,
    minutes_between: Option<MinutesBetweenConfig>,
    first_of: Option<Vec<String>>,
    person_name: Option<Nothing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceConfig {
    to: String,
    #[serde(default = "no_skew")]
    skew: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EachConfig {
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherConfig {
    to: String,
    than: String,
    #[serde(default = "no_skew")]
    skew: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeConfig {
    #[serde(with = "crate::workload::duration")]
    within: Duration,
    #[serde(default, with = "crate::workload::duration")]
    until: Duration,
    from_hour: Option<u32>,
    to_hour: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterConfig {
    column: String,
    #[serde(with = "crate::workload::duration")]
    min: Duration,
    #[serde(with = "crate::workload::duration")]
    max: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MinutesBetweenConfig {
    from: String,
    to: String,
}

fn no_skew() -> f64 {
    1.0
}

impl TryFrom<GeneratorConfig> for Generator {
    type Error = String;

    fn try_from(config: GeneratorConfig) -> Result<Self, String> {
        let kinds = [
            config.key.map(|Nothing {}| Self::Key),
            config.reference.map(|ReferenceConfig { to, skew }| Self::Reference { to, skew }),
            config.each.map(|EachConfig { to }| Self::Each { to }),
            config.other.map(|OtherConfig { to, than, skew }| Self::Other { to, than, skew }),
            config
                .time
                .map(|TimeConfig { within, until, from_hour, to_hour }| match (from_hour, to_hour) {
                    _ if until >= within => Err("time has until not below within".to_owned()),
                    (None, None) => Ok(Self::Time { within, until, hours: None }),
                    (Some(from), Some(to)) if from < to && to <= 24 => {
                        Ok(Self::Time { within, until, hours: Some((from, to)) })
                    }
                    _ => Err("time needs both from_hour and to_hour, the first below the second, up to 24"
                        .to_owned()),
                })
                .transpose()?,
            config
                .after
                .map(|AfterConfig { column, min, max }| {
                    if min > max {
                        return Err("after has min above max".to_owned());
                    }
                    Ok(Self::After { column, min, max })
                })
                .transpose()?,
            config.minutes_between.map(|MinutesBetweenConfig { from, to }| Self::MinutesBetween { from, to }),
            config.first_of.map(Self::FirstOf),
            config.person_name.map(|Nothing {}| Self::PersonName),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            return Err(
                "a column is exactly one of key, reference, each, other, time, after, minutes_between, \
                        first_of, person_name"
                    .to_owned(),
            );
        };
        if let Self::Reference { skew, .. } | Self::Other { skew, .. } = &kind
            && !(*skew >= 1.0 && *skew <= 10.0)
        {
            return Err(format!("skew is {skew}, it must be from 1 to 10"));
        }
        Ok(kind)
    }
}
