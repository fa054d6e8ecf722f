//! What a load cost the generator, and who else used its machine.

use serde_json::{Value, json};

use crate::bench::{BenchReport, MachineUse, Resources, StatementStats};
use crate::unit;

pub(super) fn generator_json(report: &BenchReport) -> Value {
    let resources = report.resources.as_ref();
    let threads = resources.map(|it| it.threads.iter().copied().map(share).collect::<Vec<_>>());
    let cpu = resources.filter(|it| !it.threads.is_empty());
    json!({
        "thread_cpu_shares": threads.unwrap_or_default(),
        "cpu_ms": cpu.map(|it| unit::json_ms(unit::as_ms(it.cpu))),
        "cpu_us_per_execution": cpu.and_then(|it| us_per_execution(report, it)).map(|us| (us * 1000.0).round() / 1000.0),
        "peak_rss_bytes": resources.and_then(|it| it.peak_rss_bytes),
    })
}

pub(super) fn machine_json(report: &BenchReport) -> Value {
    let machine = report.resources.as_ref().and_then(|it| it.machine);
    let of = |of: fn(&MachineUse) -> f64| machine.as_ref().map(|machine| share(of(machine)));
    json!({
        "generator_share": of(|it| it.generator),
        "server_share": machine.and_then(|it| it.server).map(share),
        "others_share": of(|it| it.others),
        "steal_share": of(|it| it.steal),
        "idle_share": of(|it| it.idle),
    })
}

/// Says in a line each what the generator and the others used.
pub(super) fn lines(report: &BenchReport) -> Vec<String> {
    let Some(resources) = &report.resources else { return Vec::new() };
    let mut generator = Vec::new();
    if let Some(busiest) = resources.threads.iter().copied().reduce(f64::max) {
        let n = resources.threads.len();
        generator.push(match n {
            1 => format!("its thread used {} of a processor", unit::whole_percent(busiest)),
            n => format!("the busiest of {n} threads used {} of a processor", unit::whole_percent(busiest)),
        });
        generator.extend(us_per_execution(report, resources).map(|us| format!("{us:.1} µs an execution")));
    }
    generator
        .extend(resources.peak_rss_bytes.map(|peak| format!("{} of memory at the most", unit::bytes(peak))));
    let generator = (!generator.is_empty()).then(|| format!("generator: {}", generator.join(", ")));
    let machine = resources.machine.as_ref().map_or_else(
        || "its machine: not looked at (it runs no Linux, or the run was too short)".to_owned(),
        |machine| {
            let server = match machine.server {
                Some(server) => format!("servers of PostgreSQL here {}", unit::whole_percent(server)),
                None => "the server is elsewhere".to_owned(),
            };
            format!(
                "its machine: generator {}, {server}, others {}, stolen {}, free {}",
                unit::whole_percent(machine.generator),
                unit::whole_percent(machine.others),
                unit::whole_percent(machine.steal),
                unit::whole_percent(machine.idle)
            )
        },
    );
    generator.into_iter().chain([machine]).collect()
}

fn us_per_execution(report: &BenchReport, resources: &Resources) -> Option<f64> {
    let total = StatementStats::total(&report.statements);
    let n = total.service.count() + total.error_count();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let us = resources.cpu.as_secs_f64() * 1e6 / n as f64;
    (n > 0 && !resources.threads.is_empty()).then_some(us)
}

fn share(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}
