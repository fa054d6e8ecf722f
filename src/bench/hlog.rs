//! HdrHistogram interval logs, which the other tools of HdrHistogram read and write.
//!
//! Each statement has its lines, tagged with its name: `NAME` is the time of service, `NAME/response` that from the schedule
//! where there was a rate. What these logs have no place for stands in comments: `#perfkit error NAME SQLSTATE COUNT`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, LogIteratorError, Tag,
};

use super::latency::HdrError;
use super::{BenchReport, Environment, Latency, StatementStats, Timeline};

/// The largest latency of a line is for people: in milliseconds, as the log processor of HdrHistogram has it.
const NS_PER_MS: f64 = 1e6;
const RESPONSE: &str = "/response";
const ERROR: &str = "#perfkit error ";
const INVALID: &str = "#perfkit invalid ";
const INTERRUPTED: &str = "#perfkit interrupted";
/// What has no tag is filed under this name.
const UNTAGGED: &str = "untagged";
/// A log without a base has times since 1970 if they are within a year of its start (`HistogramLogReader` of `HdrHistogram`).
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("line {line} is none of an interval log")]
    Line { line: usize },
    #[error("the histogram of line {line} is not base64")]
    Base64 {
        line: usize,
        #[source]
        source: base64::DecodeError,
    },
    #[error("the histogram of line {line} cannot be used")]
    Histogram {
        line: usize,
        #[source]
        source: HdrError,
    },
    #[error("it holds no histogram")]
    Empty,
}

/// Returns a run as an interval log of one interval.
pub(crate) fn write(report: &BenchReport) -> String {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("[perfkit bench: latencies in nanoseconds, a tag a statement]");
    builder.with_max_value_divisor(NS_PER_MS);
    if let Some(started_at) = report.started_at {
        builder.with_start_time(UNIX_EPOCH + started_at).with_base_time(UNIX_EPOCH + started_at);
    }
    let mut log = builder.begin_log_with(&mut bytes, &mut serializer).expect("memory can be written");
    for stats in &report.statements {
        let name = escaped(&stats.name);
        let response = format!("{name}{RESPONSE}");
        let histograms = [(&name, &stats.service), (&response, &stats.response)];
        for (tag, latency) in histograms.into_iter().take(if report.is_open_loop { 2 } else { 1 }) {
            let tag = Tag::new(tag).expect("escaped names can be tags");
            log.write_histogram(&latency.histogram(), Duration::ZERO, report.elapsed, Some(tag))
                .expect("memory can be written");
        }
    }
    let mut text = String::from_utf8(bytes).expect("the format is text");
    for stats in &report.statements {
        for (class, n) in &stats.errors {
            let _ = writeln!(text, "{ERROR}{} {class} {n}", escaped(&stats.name));
        }
    }
    if let Some(reason) = &report.invalid_reason {
        let _ = writeln!(text, "{INVALID}{}", reason.replace(['\n', '\r'], " "));
    }
    if report.interrupted {
        let _ = writeln!(text, "{INTERRUPTED}");
    }
    text
}

/// Reads an interval log of perfkit or of another tool; intervals of a tag are added up.
pub(crate) fn read(text: &str) -> Result<BenchReport, Error> {
    let text = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let mut log = Log::default();
    // Line by line: the parser of the crate tells no places but those where it fails.
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        if content.trim().is_empty() {
            continue;
        }
        log.comment(content.trim_end());
        for entry in IntervalLogIterator::new(content.as_bytes()) {
            let entry = entry.map_err(|LogIteratorError::ParseError { .. }| Error::Line { line })?;
            match entry {
                LogEntry::StartTime(time) => log.start = Some(time),
                LogEntry::BaseTime(time) => log.base = Some(time),
                LogEntry::Interval(interval) => log.add(&interval, line)?,
            }
        }
    }
    log.into_report()
}

/// What was read so far.
#[derive(Default)]
struct Log {
    start: Option<Duration>,
    base: Option<Duration>,
    /// From the start of the first interval to the end of the last.
    span: Option<(Duration, Duration)>,
    /// In the order of their first lines.
    names: Vec<String>,
    service: BTreeMap<String, Latency>,
    response: BTreeMap<String, Latency>,
    errors: Vec<(String, String, u64)>,
    invalid_reason: Option<String>,
    interrupted: bool,
}

impl Log {
    fn add(&mut self, interval: &IntervalLogHistogram<'_>, line: usize) -> Result<(), Error> {
        let bytes =
            STANDARD.decode(interval.encoded_histogram()).map_err(|source| Error::Base64 { line, source })?;
        let latency = Latency::from_hdr(&bytes).map_err(|source| Error::Histogram { line, source })?;
        let tag = interval.tag().map_or(UNTAGGED, |tag| tag.as_str());
        let (name, of) = match tag.strip_suffix(RESPONSE) {
            Some(name) => (unescaped(name), &mut self.response),
            None => (unescaped(tag), &mut self.service),
        };
        of.entry(name.clone()).or_insert_with(Latency::new).merge(&latency);
        self.name(name);
        let (start, end) =
            (interval.start_timestamp(), interval.start_timestamp().saturating_add(interval.duration()));
        self.span = Some(self.span.map_or((start, end), |(from, to)| (from.min(start), to.max(end))));
        Ok(())
    }

    fn name(&mut self, name: String) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// Reads what perfkit has added for itself; other comments say nothing.
    fn comment(&mut self, line: &str) {
        if let Some(error) = line.strip_prefix(ERROR)
            && let [name, class, n] = error.split(' ').collect::<Vec<_>>()[..]
            && let Ok(n) = n.parse()
        {
            self.name(unescaped(name));
            self.errors.push((unescaped(name), class.to_owned(), n));
        } else if let Some(reason) = line.strip_prefix(INVALID) {
            self.invalid_reason = Some(reason.to_owned());
        } else if line == INTERRUPTED {
            self.interrupted = true;
        }
    }

    fn into_report(mut self) -> Result<BenchReport, Error> {
        let (from, to) = self.span.ok_or(Error::Empty)?;
        let is_open_loop = !self.response.is_empty();
        let statement = |name: &String| {
            let service = self.service.remove(name);
            let response = self.response.remove(name).or_else(|| service.clone());
            StatementStats {
                name: name.clone(),
                // A tool that tells response times alone has no others.
                service: service.or_else(|| response.clone()).unwrap_or_else(Latency::new),
                response: response.unwrap_or_else(Latency::new),
                errors: self
                    .errors
                    .iter()
                    .filter(|(of, ..)| of == name)
                    .map(|(_, class, n)| (class.clone(), *n))
                    .collect(),
                n_retries: 0,
            }
        };
        let started_at = match (self.base, self.start) {
            (Some(base), _) => Some(base.saturating_add(from)),
            (None, Some(start)) if from.saturating_add(YEAR) < start => Some(start.saturating_add(from)),
            (None, _) => (from > YEAR).then_some(from),
        };
        Ok(BenchReport {
            invalid_reason: self.invalid_reason,
            doubts: Vec::new(),
            environment: Environment { generators: 1, ..Environment::default() },
            statements: self.names.iter().map(statement).collect(),
            steps: Vec::new(),
            started_at,
            elapsed: to.saturating_sub(from),
            outcomes: Vec::new(),
            interrupted: self.interrupted,
            all_lost: false,
            is_open_loop,
            lag: Latency::new(),
            n_lost: 0,
            resources: None,
            timeline: Timeline::default(),
            server: None,
            held: None,
            runs: Vec::new(),
        })
    }
}

/// Returns a name as a tag can hold it: what tags forbid or mean is percent-encoded.
fn escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '%' | ',' | '/' | '"' | '#' => {
                let _ = write!(escaped, "%{:02X}", u32::from(c));
            }
            c if c.is_ascii() && !c.is_ascii_graphic() => {
                let _ = write!(escaped, "%{:02X}", u32::from(c));
            }
            c => escaped.push(c),
        }
        escaped
    })
}

/// Undoes [`escaped`]; what it cannot have written stays.
fn unescaped(tag: &str) -> String {
    let mut parts = tag.split('%');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        if let Some(code) = code.filter(u8::is_ascii) {
            name.push(char::from(code));
            name.push_str(&part[2..]);
        } else {
            name.push('%');
            name.push_str(part);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::super::saved::tests::report;
    use super::*;
    use proptest::prelude::*;

    /// What a log keeps of a run.
    fn kept(report: &BenchReport) -> impl PartialEq + std::fmt::Debug {
        let statements: Vec<_> = report
            .statements
            .iter()
            .map(|stats| {
                (stats.name.clone(), stats.service.to_hdr(), stats.response.to_hdr(), stats.errors.clone())
            })
            .collect();
        let state = (report.invalid_reason.clone(), report.interrupted, report.is_open_loop);
        (statements, report.started_at, report.elapsed, state)
    }

    #[test]
    fn a_run_comes_back() {
        let mut run = report(&[("one", &[1, 2, 3]), ("a b,c/d%", &[700])]);
        assert_eq!(kept(&read(&write(&run)).unwrap()), kept(&run));
        run.is_open_loop = true;
        run.statements[0].response.record(Duration::from_millis(9));
        run.statements[1].errors.insert("40001".to_owned(), 3);
        run.statements.push(StatementStats::new("all fail"));
        run.statements[2].errors.insert("connection".to_owned(), 1);
        run.invalid_reason = Some("too slow".to_owned());
        run.interrupted = true;
        assert_eq!(kept(&read(&write(&run)).unwrap()), kept(&run));
    }

    #[test]
    fn the_log_is_one_of_hdr_histogram() {
        let log = write(&report(&[("one", &[1, 2, 3])]));
        let log =
            log.replace(&STANDARD.encode(report(&[("one", &[1, 2, 3])]).statements[0].service.to_hdr()), "…");
        insta::assert_snapshot!(log, @r"
        #[perfkit bench: latencies in nanoseconds, a tag a statement]
        #[StartTime: 1700000000.000 (seconds since epoch)]
        #[BaseTime: 1700000000.000 (seconds since epoch)]
        #[MaxValueDivisor: 1000000.000]
        Tag=one,0.000,2.000,3.000,…
        ");
    }

    #[test]
    fn reads_intervals_of_other_tools() {
        let hdr = STANDARD.encode(report(&[("x", &[5])]).statements[0].service.to_hdr());
        let log = format!(
            "#[Logged with jHiccup version 2.0]\n#[Histogram log format version 1.3]\n\
             #[StartTime: 1700000000.500 (seconds since epoch), Tue Nov 14 22:13:20 UTC 2023]\n\
             \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n\
             0.100,1.000,5.0,{hdr}\r\n1.100,1.500,5.0,{hdr}"
        );
        let read = read(&log).unwrap();
        assert_eq!((read.statements[0].name.as_str(), read.statements[0].service.count()), (UNTAGGED, 2));
        assert_eq!(read.elapsed, Duration::from_millis(2500));
        assert_eq!(read.started_at, Some(Duration::from_millis(1_700_000_000_600)));
        assert!(!read.is_open_loop);
    }

    #[test]
    fn refuses_what_is_no_log() {
        for (text, expected) in [
            ("", "it holds no histogram"),
            ("# nothing\n", "it holds no histogram"),
            ("# a log\nhello\n", "line 2 is none of an interval log"),
            ("0.0,1.0,1.0,???\n", "the histogram of line 1 is not base64"),
            ("0.0,1.0,1.0,AAAA\n", "the histogram of line 1 cannot be used"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn names_come_back(name in any::<String>()) {
            let tag = escaped(&name);
            prop_assert!(Tag::new(&tag).is_some());
            prop_assert_eq!(unescaped(&tag), name);
        }

        #[test]
        fn anything_is_read_or_refused(text in "(Tag=[a-z%]{0,3},)?[0-9.,#\\[a-zA-Z+/\n]{0,60}") {
            _ = read(&text);
        }
    }
}
