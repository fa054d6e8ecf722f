use std::time::Duration;

use super::*;
use crate::bench::{Environment, Threshold, Timeline};

/// A run with a statement of known latencies, one that always fails, and a name that is markup.
fn report() -> BenchReport {
    let mut fast = StatementStats::new("fast");
    for ms in 1..=1000 {
        fast.service.record(Duration::from_millis(ms));
        fast.response.record(Duration::from_millis(2 * ms));
    }
    let mut slow = StatementStats::new("<b>|slow");
    slow.service.record(Duration::from_secs(4));
    slow.response.record(Duration::from_secs(5));
    let mut failing = StatementStats::new("failing");
    failing.errors.insert("22012".to_owned(), 3);
    let mut report = BenchReport {
        invalid_reason: None,
        doubts: Vec::new(),
        environment: Environment {
            server_version: Some(150_018),
            perfkit_version: Some("0.1.0".to_owned()),
            connections: Some(8),
            cpus: Some(2),
            seed: Some(42),
            generators: 2,
        },
        statements: vec![fast, slow, failing],
        steps: Vec::new(),
        started_at: None,
        elapsed: Duration::from_secs(10),
        outcomes: Vec::new(),
        interrupted: false,
        all_lost: false,
        is_open_loop: true,
        lag: Latency::new(),
        n_lost: 0,
        resources: None,
        timeline: Timeline::default(),
        server: None,
        held: None,
        runs: Vec::new(),
    };
    let thresholds = ["p50 < 2s", "errors < 0.1%"].map(|text| text.parse::<Threshold>().unwrap());
    report.check(&thresholds);
    report
}

fn render(report: &BenchReport, format: Format) -> String {
    document(report, &Style::PLAIN).render(format, &Style::PLAIN).unwrap()
}

#[test]
fn markdown_has_the_verdicts_first() {
    insta::assert_snapshot!(render(&report(), Format::Markdown), @r"
    ## Load test

    **1,001 executions in 10.0 s, 100 per second; p50 1002 ms, p99 1983 ms; 3 errors; 8 connections; 2 generators**

    | threshold | measured | verdict |
    | --- | ---: | --- |
    | p50 \< 2s | 1002.44ms | met |
    | errors \< 0.1% | 0.30% | missed |

    | statement | count | rate/s | errors | p50 ms | p90 | p95 | p99 | p99.9 | max |
    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | fast | 1,000 | 100 | 0 | 1000 | 1800 | 1900 | 1981 | 1999 | 2001 |
    | \<b>\|slow | 1 | 0 | 0 | 5004 | 5004 | 5004 | 5004 | 5004 | 5004 |
    | failing | 0 | 0 | 3 | - | - | - | - | - | - |
    | all | 1,001 | 100 | 3 | 1002 | 1803 | 1902 | 1983 | 2001 | 5004 |

    Errors:

    - failing: 3 × SQLSTATE 22012

    <details><summary>How this was measured</summary>

    - Latencies are response times: from the moment when the schedule had a statement due.
    - PostgreSQL 15.18, perfkit 0.1.0, a generator with 2 processors, seed 42

    </details>
    ");
}

#[test]
fn csv_has_service_and_response_times() {
    let csv = render(&report(), Format::Csv);
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("statement,count,errors,rate_per_s,mean_ms,p50_ms,"), "{csv}");
    assert!(lines[0].ends_with(",response_p999_ms,response_max_ms"), "{csv}");
    assert!(lines[1].starts_with("fast,1000,0,100.000,500.5,"), "{csv}");
    assert!(lines[3].starts_with("failing,0,3,0.000,,,"), "{csv}");
    assert!(lines[4].starts_with("all,1001,3,"), "{csv}");
    let n_fields = lines[0].split(',').count();
    assert!(lines.iter().all(|line| line.split(',').count() == n_fields), "{csv}");
}

#[test]
fn junit_fails_what_was_missed_and_what_never_ran() {
    let xml = render(&report(), Format::Junit);
    assert!(xml.contains("tests=\"6\" failures=\"2\""), "{xml}");
    assert!(
        xml.contains("<failure type=\"threshold\" message=\"errors &lt; 0.1% is missed: 0.30%\">"),
        "{xml}"
    );
    assert!(xml.contains("no execution of the statement ended well"), "{xml}");
    let invalid = BenchReport { invalid_reason: Some("too slow".to_owned()), ..report() };
    assert!(
        render(&invalid, Format::Junit)
            .contains("<failure type=\"invalid-measurement\" message=\"too slow\">")
    );
}

#[test]
fn the_page_has_a_curve_for_each_that_was_measured() {
    let page = render(&report(), Format::Html);
    assert_eq!(page.matches("<polyline").count(), 4, "all twice, and two statements");
    assert!(page.contains("&lt;b&gt;|slow") && !page.contains("<b>|slow"));
    assert!(page.contains(">p99.9<") && page.contains(">10 s<") && page.contains(">1 ms<"), "{page}");
    let nothing = BenchReport { statements: vec![StatementStats::new("none")], ..report() };
    assert!(!render(&nothing, Format::Html).contains("<svg"));
    let invalid =
        BenchReport { invalid_reason: Some("too <slow>".to_owned()), interrupted: true, ..report() };
    assert!(render(&invalid, Format::Html).contains("The measurement is invalid: too &lt;slow&gt;."));
}

#[test]
fn the_timeline_has_a_gap_where_nothing_ended() {
    let mut timeline = Timeline::default();
    for ms in [100, 900, 1500, 3500] {
        timeline.record(Duration::from_millis(ms), Duration::from_millis(5));
    }
    let page = render(&BenchReport { timeline, elapsed: Duration::from_secs(4), ..report() }, Format::Html);
    let courses: Vec<&str> =
        page.split("<path class=\"line\" d=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let shapes: Vec<(usize, usize)> =
        courses.iter().map(|d| (d.matches('M').count(), d.matches(',').count())).collect();
    assert_eq!(shapes, [(1, 4), (2, 3), (2, 3)], "a rate of nothing is a rate: {courses:?}");
}

#[test]
fn intervals_stay_inside_of_the_plot() {
    let interval = |middle: f64, bounds| plot::Interval {
        name: "a name of a statement with more characters than there is room for".to_owned(),
        note: "PASS",
        series: 0,
        middle,
        bounds,
        limit: 0.05,
    };
    for rows in [
        vec![interval(0.0, None)],
        vec![interval(-0.999, Some((-0.9999, -0.9))), interval(4000.0, Some((10.0, 50_000.0)))],
        vec![interval(0.02, Some((0.01, 0.03)))],
    ] {
        let svg = plot::intervals(&rows, "slower");
        let numbers = |name: &str| -> Vec<f64> {
            svg.split(&format!(" {name}=\""))
                .skip(1)
                .map(|it| it.split('"').next().unwrap().parse().unwrap())
                .collect()
        };
        for x in ["x1", "x2", "cx", "x"].into_iter().flat_map(numbers) {
            assert!((0.0..=900.0).contains(&x), "{x} in {svg}");
        }
        assert!(
            svg.contains(">0 %<")
                && svg.contains("more char…")
                && svg.matches("<circle").count() == rows.len()
        );
    }
}

#[test]
fn curves_stay_inside_of_the_plot() {
    for points in
        [vec![(0.0, 5.0)], vec![(0.0, 0.001), (0.5, 0.001)], vec![(0.0, 0.01), (0.999_999, 90_000.0)]]
    {
        let svg = plot::percentiles(&[plot::Line { name: "all".to_owned(), points }]);
        let numbers = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        for point in numbers.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((64.0..=884.0).contains(&x) && (12.0..=332.0).contains(&y), "{point} in {svg}");
        }
    }
}
