use super::*;

const RULES: Rules<'static> = Rules { min_effect: 0.05, n_resamples: 60, seed: 1, floors: &[] };

fn normal(seed: u64, counter: u64) -> f64 {
    let [u, v] = [2 * counter, 2 * counter + 1].map(|i| random::unit(random::at(seed, i)));
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A block of a machine that drifts, with noise in each block and now and then a neighbor that doubles all latencies.
fn block(seed: u64, pair: u64, arm: u64, slower: f64) -> Block {
    let drift = 0.3 * (f64::from(u32::try_from(pair).unwrap()) / 7.0 + random::unit(seed)).sin();
    let place = 10 * (2 * pair + arm);
    let neighbor = if random::unit(random::at(!seed, place)) < 0.03 { 2.0 } else { 1.0 };
    let noise = |i: u64, sd: f64| (sd * normal(seed, place + i)).exp();
    let level = drift.exp() * neighbor * noise(0, 0.025) * slower;
    let figures = [
        Figure::Is(level * noise(1, 0.01)),
        Figure::Is(3.0 * level * noise(2, 0.02)),
        Figure::Is(7.0 * level * noise(3, 0.04)),
        Figure::Is(1.4 * level * noise(4, 0.01)),
        Figure::Pointless,
    ];
    let mut rate = [Figure::Pointless; METRICS.len()];
    rate[4] = Figure::Is(5000.0 / level);
    Block { rows: vec![("one".to_owned(), figures), (ALL.to_owned(), rate)], flaw: None, read_share: None }
}

/// Runs the whole procedure; `slower` is how much slower B is. Returns the verdict and how many pairs it took.
fn run(seed: u64, slower: f64) -> (Verdict, usize) {
    let pair =
        |i: usize| Pair { a: block(seed, i as u64, 0, 1.0), b: block(seed, i as u64, 1, 1.0 + slower) };
    let mut verdict = Verdict::Inconclusive;
    for look in LOOKS {
        let pairs: Vec<Pair> = (0..look).map(pair).collect();
        verdict = compare(&pairs, &RULES).verdict;
        if verdict != Verdict::Inconclusive {
            return (verdict, look);
        }
    }
    (verdict, LOOKS[2])
}

fn count(n: u64, slower: f64, verdict: Verdict) -> usize {
    (0..n).filter(|seed| run(random::mix(*seed), slower).0 == verdict).count()
}

#[test]
fn the_same_is_no_regression() {
    let n_alarms = count(200, 0.0, Verdict::Regression);
    assert!(n_alarms <= 2, "{n_alarms} false alarms in 200 runs of A against A");
    let n_passes = count(60, 0.0, Verdict::Pass);
    assert!(n_passes >= 54, "{n_passes} of 60 runs of A against A pass");
}

#[test]
fn a_slowdown_below_what_matters_is_no_regression() {
    let n_alarms = count(50, 0.03, Verdict::Regression);
    assert_eq!(n_alarms, 0, "false alarms in 50 runs with 3 % more");
}

#[test]
fn ten_percent_more_are_found() {
    let n_found = count(100, 0.10, Verdict::Regression);
    assert!(n_found >= 95, "{n_found} of 100 slowdowns by 10 % are found");
    let n_missed = count(100, 0.10, Verdict::Pass);
    assert_eq!(n_missed, 0, "slowdowns by 10 % pass");
}

#[test]
fn few_pairs_decide_nothing() {
    let pairs: Vec<Pair> = (0..5).map(|i| Pair { a: block(1, i, 0, 1.0), b: block(1, i, 1, 3.0) }).collect();
    let comparison = compare(&pairs, &RULES);
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    assert!(comparison.findings.iter().all(|finding| finding.interval.is_none() && finding.slowdown > 1.0));
    assert_eq!(compare(&[], &RULES).verdict, Verdict::Inconclusive);
}

#[test]
fn what_the_machine_cannot_tell_is_inconclusive() {
    let json = r#"{"calibration": true, "findings": [{"statement": "one", "figure": "p50", "noise": 0.03}]}"#;
    let floors = floors(json).unwrap();
    let rules = Rules { floors: &floors, ..RULES };
    let pairs: Vec<Pair> = (0..10).map(|i| Pair { a: block(7, i, 0, 1.0), b: block(7, i, 1, 1.5) }).collect();
    let findings = compare(&pairs, &rules).findings;
    assert!(findings[0].is_below_floor && findings[0].verdict == Verdict::Inconclusive);
    assert!(!findings[1].is_below_floor && findings[1].verdict == Verdict::Regression);
    assert!(findings.iter().all(|finding| finding.noise > 0.3));
}

#[test]
fn flawed_pairs_do_not_count() {
    let mut pairs: Vec<Pair> =
        (0..10).map(|i| Pair { a: block(1, i, 0, 1.0), b: block(1, i, 1, 1.0) }).collect();
    pairs[3].b = Block { flaw: Some("every statement failed".to_owned()), ..block(1, 3, 1, 50.0) };
    let comparison = compare(&pairs, &RULES);
    assert_eq!(
        (comparison.n_pairs, comparison.dropped.as_slice()),
        (9, &["B: every statement failed".to_owned()][..])
    );
    assert!(comparison.findings.iter().all(|finding| finding.n_pairs == 9 && finding.slowdown.abs() < 0.2));
}

#[test]
fn more_latency_and_less_rate_are_slowdowns() {
    let pairs: Vec<Pair> = (0..10).map(|i| Pair { a: block(7, i, 0, 1.0), b: block(7, i, 1, 1.5) }).collect();
    let comparison = compare(&pairs, &RULES);
    let names: Vec<_> = comparison.findings.iter().map(|finding| finding.metric.name()).collect();
    assert_eq!(names, ["p50", "p95", "p99", "mean", "rate"]);
    for finding in &comparison.findings {
        assert!((0.3..0.7).contains(&finding.slowdown), "{finding:?}");
        let (low, high) = finding.interval.unwrap();
        assert!(low < finding.slowdown && finding.slowdown < high, "{finding:?}");
        assert!(finding.detectable().unwrap() > finding.min_effect);
    }
    assert!(comparison.findings[4].b < comparison.findings[4].a);
}

#[test]
fn the_order_favors_nobody() {
    for seed in 0..4 {
        let order: Vec<bool> = (0..8).map(|pair| starts_with_b(pair, seed)).collect();
        assert_eq!(order.iter().filter(|first| **first).count(), 4);
        assert!(order[0] == order[3] && order[1] == order[2] && order[0] != order[1]);
    }
    assert!((0..16).any(|seed| starts_with_b(0, seed)) && (0..16).any(|seed| !starts_with_b(0, seed)));
}

#[test]
fn figures_need_enough_executions() {
    let mut stats = StatementStats::new("one");
    for us in 1..=2000 {
        stats.response.record(Duration::from_micros(us));
    }
    let second = Duration::from_secs(1);
    let block = Block::new(&[stats.clone()], second, false, None);
    let measured =
        |block: &Block, row: usize| block.rows[row].1.map(|figure| matches!(figure, Figure::Is(_)));
    assert_eq!(measured(&block, 0), [true, true, false, true, false], "20 beyond p99 are too few");
    assert_eq!(measured(&block, 1), [false, false, false, false, true], "all of one statement is its rate");
    let comparison = compare(&[Pair { a: block.clone(), b: block }], &RULES);
    assert_eq!(comparison.lacking, [("one".to_owned(), Metric::P99)]);
    let block = Block::new(&[stats.clone(), StatementStats::new("two")], second, true, None);
    assert_eq!(measured(&block, 1), [false; METRICS.len()], "nothing was measured");
    assert_eq!(measured(&block, 2), [true, true, false, true, false]);
}
