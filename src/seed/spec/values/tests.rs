//! Tests of what generators make.

use std::path::Path;

use super::*;
use crate::seed::guess::tests::{relation, text_type};
use crate::seed::guess::wire;
use crate::seed::time::HOUR_US;

/// 2026-01-01.
const AS_OF_US: i64 = 9_497 * DAY_US;

fn made(generator: &str, ty: &Type) -> Result<Option<Maker>, String> {
    let generator: Generator = crate::yaml::parse(Path::new("perfkit.yaml"), generator).unwrap();
    let moment = Type::Timestamp { precision: 6, with_zone: true };
    let table = relation("orders", &[("own", ty.clone()), ("began", moment.clone()), ("ended", moment)]);
    let wire = wire(ty).unwrap();
    let site = Site { relation: &table, column: 0, wire: &wire, as_of_us: AS_OF_US, n_rows: 1_000 };
    maker(&generator, &site)
}

fn drawn(generator: &str, ty: &Type) -> (Draw, Values) {
    match made(generator, ty) {
        Ok(Some(Maker::Drawn { draw, values })) => (draw, values),
        other => panic!("{generator}: {other:?}"),
    }
}

fn numeric() -> Type {
    Type::Numeric { precision: Some(8), scale: 2 }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
/// The share of the draws whose number is from `low` up to `high`.
fn share(generator: &str, ty: &Type, low: f64, high: f64) -> f64 {
    let (Draw::Skewed(curve), Values::Int { low: first, step, .. }) = drawn(generator, ty) else {
        panic!("{generator} draws integers by a curve")
    };
    let rank =
        |number: f64| ((number - first as f64) / step as f64).clamp(0.0, curve.n_ranks() as f64) as u64;
    (curve.start(rank(high)) - curve.start(rank(low))) as f64 / curve.n_slots() as f64
}

#[test]
fn uniform_spans_any_type_with_an_order() {
    let check = |generator: &str, ty: Type, expected: Values| {
        assert_eq!(drawn(generator, &ty), (Draw::Uniform { n: expected.n() }, expected), "{generator}");
    };
    check("{uniform: {min: 3, max: 7}}", Type::Int4, Values::Int { low: 3, step: 1, n: 5 });
    check("{uniform: {min: 0.5, max: 1}}", numeric(), Values::Wide { low: 50, step: 1, n: 51 });
    check("{uniform: {min: 2000-01-02, max: 2000-01-04}}", Type::Date, Values::Int { low: 1, step: 1, n: 3 });
    check(
        "{uniform: {min: 2000-01-01, max: 2000-01-02}}",
        Type::Timestamp { precision: 0, with_zone: false },
        Values::Int { low: 0, step: SECOND_US, n: 86_401 },
    );
}

#[test]
fn laws_have_their_shares() {
    let within =
        |share: f64, expected: f64| assert!((share - expected).abs() < 0.01, "{share}, not {expected}");
    let normal = "{normal: {mean: 100, sd: 10}}";
    within(share(normal, &Type::Int4, 90.0, 110.0), 0.683);
    // Half of them, without half of those that are 100.
    within(share(normal, &Type::Int4, 0.0, 100.0), 0.48);
    let exponential = "{exponential: {mean: 1000}}";
    within(share(exponential, &Type::Int4, 0.0, 1_000.0), 0.632);
    // What a narrow type holds of a wide law.
    within(share("{normal: {mean: 32767, sd: 100}}", &Type::Int2, 32_667.0, 32_768.0), 0.683);
    let zipf = "{zipf: {max: 3, s: 1}}";
    within(share(zipf, &Type::Int8, 1.0, 2.0), 6.0 / 11.0);
}

#[test]
fn values_have_their_weights() {
    let labels = Type::Enum { labels: vec!["new".into(), "paid".into()] };
    let (draw, values) = drawn("{choice: {paid: 3, new: 1}}", &labels);
    assert_eq!(values, Values::List(Cells::Int(vec![0, 1])));
    assert!(matches!(draw, Draw::Skewed(curve) if curve.degree(1) == 3 * curve.degree(0)));
    let (_, values) = drawn("{constant: true}", &Type::Bool);
    assert_eq!(values, Values::List(Cells::Int(vec![1])));
}

#[test]
fn time_keeps_its_hours() {
    let moment = Type::Timestamp { precision: 6, with_zone: true };
    let generator = "{time: {within: 365d, from_hour: 18, to_hour: 24}}";
    let (Draw::Row, Values::Moments(series)) = drawn(generator, &moment) else { panic!("moments") };
    assert_eq!((series.from_us, series.curve.n_slots()), (AS_OF_US - 365 * DAY_US, 1_000));
    for row in 0..1_000 {
        let us = series.from_us + series.step_us * series.curve.locate(row).0.cast_signed();
        assert!(us < AS_OF_US && us.rem_euclid(DAY_US) >= 18 * HOUR_US);
    }
}

#[test]
fn columns_are_made_of_others() {
    let moment = Type::Timestamp { precision: 6, with_zone: true };
    assert_eq!(
        made("{after: {column: began, min: 4h, max: 10h}}", &moment),
        Ok(Some(Maker::Derived(Derived::Beyond {
            of: 1,
            low: 4 * HOUR_US,
            step: SECOND_US,
            draw: Draw::Uniform { n: 6 * 3_600 + 1 },
            cut: Cut::NullAbove(AS_OF_US),
        })))
    );
    assert_eq!(
        made("{minutes_between: {from: began, to: ended}}", &Type::Int4),
        Ok(Some(Maker::Derived(Derived::Between { from: 1, to: 2, unit: MINUTE_US })))
    );
    assert_eq!(
        made("{first_of: [ended, began]}", &moment),
        Ok(Some(Maker::Derived(Derived::FirstOf(vec![2, 1]))))
    );
    assert_eq!(made("{reference: {to: users}}", &Type::Int8), Ok(None));
}

#[test]
fn says_what_a_column_cannot_hold() {
    let check = |generator: &str, ty: Type, expected: &str| {
        let error = made(generator, &ty).unwrap_err();
        assert!(error.contains(expected), "{generator}: {error}");
    };
    check("{uniform: {min: 9, max: 1}}", Type::Int4, "its minimum 9 above its maximum 1");
    check("{uniform: {min: a, max: b}}", Type::Int4, "of which \"a\" is no value");
    check("{uniform: {min: a, max: b}}", text_type(None), "cannot make");
    check("{choice: [new, old]}", Type::Enum { labels: vec!["new".into()] }, "of which \"old\" is no value");
    check("{constant: abcdef}", text_type(Some(3)), "too short for \"abcdef\"");
    check("{email: {}}", Type::Int4, "cannot make");
    check("{time: {within: 1d}}", Type::Int4, "cannot make");
    check("{sequence: {start: 32000}}", Type::Int2, "leaves the range");
    check("{after: {column: begann, min: 1h, max: 2h}}", Type::Date, "did you mean \"began\"?");
    check("{pattern: '(?=x)y'}", text_type(None), "matches the pattern");
}
