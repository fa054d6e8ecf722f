//! Tests of generators: what they are read as, and what is said of wrong ones.

use std::path::Path;
use std::time::Duration;

use super::*;

fn parsed(text: &str) -> Result<Generator, crate::yaml::Error> {
    crate::yaml::parse(Path::new("perfkit.yaml"), text)
}

fn check(text: &str, expected: &Generator) {
    assert_eq!(parsed(text).unwrap(), *expected, "{text}");
}

#[test]
fn reads_generators() {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let day = Duration::from_hours(24);
    check("key: {}", &Generator::Key);
    check("{reference: {to: users, skew: 1.3}}", &Generator::Reference { to: "users".into(), skew: 1.3 });
    check("{each: {to: users}}", &Generator::Each { to: "users".into() });
    check("{time: {within: 2d, until: 1d}}", &Generator::Time { within: 2 * day, until: day, hours: None });
    check("{first_of: [a, b]}", &Generator::FirstOf(texts(&["a", "b"])));
    check("{person_name: {}}", &Generator::PersonName);
    check("{email: {}}", &Generator::Words("email".into()));
    check("{city: {}}", &Generator::Words("city".into()));
    check("{product_name: {}}", &Generator::Words("product_name".into()));
    check("{uniform: {min: 1, max: 9.5}}", &Generator::Uniform { min: "1".into(), max: "9.5".into() });
    check(
        "{uniform: {min: 2024-01-01, max: 2024-12-31}}",
        &Generator::Uniform { min: "2024-01-01".into(), max: "2024-12-31".into() },
    );
    check("{zipf: {max: 10, s: 1.2}}", &Generator::Zipf { values: ZipfValues::UpTo(10), s: 1.2 });
    check(
        "{zipf: {values: [a, 2, true]}}",
        &Generator::Zipf { values: ZipfValues::These(texts(&["a", "2", "true"])), s: 1.0 },
    );
    check("{normal: {mean: 5, sd: 2}}", &Generator::Normal { mean: 5.0, sd: 2.0 });
    check("{exponential: {mean: 5}}", &Generator::Exponential { mean: 5.0 });
    check("{constant: x}", &Generator::Constant("x".into()));
    check("{constant: 7}", &Generator::Constant("7".into()));
    check("{choice: {a: 3, 2: 1}}", &Generator::Choice(vec![("2".into(), 1.0), ("a".into(), 3.0)]));
    check("{choice: [a, b]}", &Generator::Choice(vec![("a".into(), 1.0), ("b".into(), 1.0)]));
    check("{sequence: {start: 10}}", &Generator::Sequence { start: 10, step: 1 });
    check("{from: users.name}", &Generator::From { table: "users".into(), column: "name".into() });
    check("{pattern: '[A-Z]{3}'}", &Generator::Pattern("[A-Z]{3}".into()));
    check("{skip: {}}", &Generator::Skip);
    check("{null: 0.2}", &Generator::Nullable { share: 0.2, of: None });
    let city = || Some(Box::new(Generator::Words("city".into())));
    check("{null: 0.2, of: {city: {}}}", &Generator::Nullable { share: 0.2, of: city() });
    check("{city: {}, null: 0.2}", &Generator::Nullable { share: 0.2, of: city() });
    check(
        "{correlated: {with: price, rank: 0.8}, city: {}}",
        &Generator::Correlated { with: "price".into(), rank: 0.8, of: city() },
    );
    let rhythm = Rhythm {
        within: 7 * day,
        until: Duration::ZERO,
        trend: 2.0,
        weekday: Some([1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5]),
        hours: None,
    };
    check(
        "{series: {within: 7d, trend: 2, weekday: [1, 1, 1, 1, 1, 0.5, 0.5]}}",
        &Generator::Series(Box::new(rhythm)),
    );
}

fn check_error(text: &str, expected: &str, expected_nearest: Option<&str>) {
    let error = parsed(text).unwrap_err();
    assert!(error.message().contains(expected), "{text}: {}", error.message());
    assert_eq!(error.nearest(), expected_nearest, "{text}");
}

#[test]
fn names_what_is_wrong() {
    check_error("{unifrom: {min: 1, max: 2}}", "unknown name `unifrom`", Some("uniform"));
    check_error("{emial: {}}", "unknown name `emial`", Some("email"));
    check_error("{uniform: {min: 1, mx: 2}}", "unknown name `mx`", Some("max"));
    check_error("{reference: {too: users}}", "unknown name `too`", Some("to"));
    check_error("{}", "a column is exactly one of key, reference", None);
    check_error("{key: {}, skip: {}}", "a column is exactly one of key, reference", None);
    check_error("{reference: {to: users, skew: 0.5}}", "skew is 0.5", None);
    check_error("{time: {within: 1d, until: 2d}}", "until not below within", None);
    check_error("{time: {within: 1d, from_hour: 3}}", "both from_hour and to_hour", None);
    check_error("{after: {column: a, min: 2d, max: 1d}}", "min above max", None);
    check_error("{zipf: {}}", "either values or max", None);
    check_error("{zipf: {max: 3, s: 99}}", "s is 99", None);
    check_error("{normal: {mean: 1, sd: -1}}", "sd is -1", None);
    check_error("{exponential: {mean: 0}}", "mean is 0", None);
    check_error("{choice: {a: 0}}", "one of them above 0", None);
    check_error("{choice: {a: -1, b: 2}}", "must not be negative", None);
    check_error("{sequence: {step: 0}}", "step of a sequence is 0", None);
    check_error("{from: users}", "table.column", None);
    check_error("{null: 1.5}", "null is 1.5", None);
    check_error("{correlated: {with: a, rank: 2}}", "rank is 2", None);
    check_error("{series: {within: 1d, trend: 0}}", "trend is 0", None);
    check_error("{series: {within: 1d, hours: [1, 2]}}", "hours has 2 weights", None);
    check_error("{series: {within: 1d, weekday: [0, 0, 0, 0, 0, 0, 0]}}", "weights of weekday", None);
    check_error("5", "a generator like", None);
}
