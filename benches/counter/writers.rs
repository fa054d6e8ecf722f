//! Writers at a fixed rate, each with a schedule of its own: a slow transaction does not put off the measure of those after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use crate::support::Sandbox;

const N_WRITERS: u64 = 4;

pub(crate) struct Writers {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<(Instant, Duration)>>>,
}

/// When transactions were due, and how long after that they had ended.
pub(crate) struct Latencies(Vec<(Instant, Duration)>);

impl Writers {
    pub(crate) fn start(sandbox: &Sandbox, n_parents: u64, n_children: u64, rate: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let every =
            Duration::from_secs(N_WRITERS).div_f64(f64::from(u32::try_from(rate.max(1)).expect("a rate")));
        let threads = (0..N_WRITERS)
            .map(|number| {
                let (url, is_over) = (sandbox.url.clone(), Arc::clone(&is_over));
                let first = every.mul_f64(
                    f64::from(u32::try_from(number).expect("few"))
                        / f64::from(u32::try_from(N_WRITERS).expect("few")),
                );
                std::thread::spawn(move || {
                    write(&url, number, (n_parents, n_children), (first, every), &is_over)
                })
            })
            .collect();
        Self { is_over, threads }
    }

    pub(crate) fn stop(self) -> Latencies {
        self.is_over.store(true, Ordering::Relaxed);
        let all = self.threads.into_iter().flat_map(|thread| thread.join().expect("a writer ends"));
        Latencies(all.collect())
    }
}

/// Two inserts, a change of the parent and a deletion, in turn; now and then of one of a few parents.
fn write(
    url: &str,
    number: u64,
    (n_parents, n_children): (u64, u64),
    (first, every): (Duration, Duration),
    is_over: &AtomicBool,
) -> Vec<(Instant, Duration)> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let config: tokio_postgres::Config = url.parse().expect("the sandbox's URL");
        let (client, connection) = config.connect(NoTls).await.expect("the sandbox answers");
        tokio::spawn(async move { drop(connection.await) });
        client.batch_execute("SET log_min_duration_statement = -1").await.expect("a superuser may");
        let prepare = async |sql: &str| client.prepare(sql).await.expect("it is right");
        let insert = prepare("INSERT INTO children (parent_id, status) VALUES ($1, 'active')").await;
        let reparent = prepare("UPDATE children SET parent_id = $2 WHERE id = $1").await;
        let delete = prepare("DELETE FROM children WHERE id = $1").await;
        let mut random = number + 1;
        let mut below = move |n: u64| {
            // Knuth's MMIX generator; its high bits are random enough.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((random >> 33) % n).expect("keys are small")
        };
        let mut latencies = Vec::new();
        let mut due = Instant::now() + first;
        let mut turn = 0;
        while !is_over.load(Ordering::Relaxed) {
            tokio::time::sleep_until(due.into()).await;
            let parent = 1 + if below(10) == 0 { below(20) } else { below(n_parents) };
            let child = 1 + below(n_children);
            let ended = match turn % 4 {
                0 | 1 => client.execute(&insert, &[&parent]).await,
                2 => client.execute(&reparent, &[&child, &parent]).await,
                _ => client.execute(&delete, &[&child]).await,
            };
            ended.expect("a writer meets no error");
            latencies.push((due, due.elapsed()));
            due += every;
            turn += 1;
        }
        latencies
    })
}

impl Latencies {
    /// Returns the latencies of what was due in these windows, shortest first.
    pub(crate) fn within(&self, windows: &[(Instant, Instant)]) -> Vec<Duration> {
        let is_within = |at: Instant| windows.iter().any(|(start, end)| (*start..*end).contains(&at));
        let mut within: Vec<Duration> =
            self.0.iter().filter(|(at, _)| is_within(*at)).map(|(_, latency)| *latency).collect();
        within.sort();
        within
    }

    pub(crate) fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
        sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e3
    }
}
