//! Reads server logs and traces, compressed or not, and gives their events one by one.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::log::{self, Counts, LogFile, Prefix, Sessions};
use crate::pg::Interrupt;
use crate::trace::{self, Event, Statements};

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;
/// How often a reader of a stream looks whether the user wants to stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How a trace begins (`trace::Writer`).
const TRACE_START: &[u8] = b"perfkit trace\n";
/// The name of standard input.
const STDIN: &str = "-";

/// How logs are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// `None` to tell it from the lines.
    pub(crate) prefix: Option<String>,
    pub(crate) is_redacted: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) logs: Vec<LogFile>,
    pub(crate) traces: Vec<TraceFile>,
    /// Of all logs together.
    pub(crate) counts: Counts,
}

/// A trace that was read.
#[derive(Debug)]
pub(crate) struct TraceFile {
    pub(crate) path: PathBuf,
    /// Why it does not tell everything.
    pub(crate) gap: Option<String>,
}

impl Inputs {
    /// What the figures may lack, a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let of_trace = |file: &TraceFile| {
            let gap = file.gap.as_ref()?;
            Some(format!("trace {:?} is incomplete: {gap}", file.path.display()))
        };
        self.logs.iter().flat_map(LogFile::warnings).chain(self.traces.iter().filter_map(of_trace)).collect()
    }

    /// Whether a file could not be read to its end.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    /// Why a file could not be read to its end.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.logs.iter().find_map(|file| file.failure.as_deref())
    }
}

/// Whether a file is to be read as a trace or a server log, by its name or by how it begins.
pub(crate) fn is_capture(path: &Path) -> bool {
    const ENDINGS: [&str; 6] = ["trace", "log", "csv", "json", "gz", "zst"];
    let is_named = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    let starts_as_trace = || {
        let mut start = Vec::new();
        let read = File::open(path).map(|file| file.take(TRACE_START.len() as u64).read_to_end(&mut start));
        read.is_ok() && start == TRACE_START
    };
    path == Path::new(STDIN) || !path.is_dir() && (is_named || starts_as_trace())
}

/// Reads traces and logs into something that takes their events, and warns of what they lack.
pub(crate) async fn read_into<T: Send + 'static>(
    context: &Context,
    paths: Vec<PathBuf>,
    prefix: Option<String>,
    mut taker: T,
    take: fn(&mut T, Event),
) -> Result<(T, Inputs)> {
    let interrupt = context.interrupt.clone();
    let options = Options { prefix, is_redacted: false };
    let reading = tokio::task::spawn_blocking(move || {
        let inputs = read(&paths, &options, &interrupt, &mut |event| {
            take(&mut taker, event);
            Ok(())
        })?;
        Ok::<_, Error>((taker, inputs))
    });
    let (taker, inputs) =
        reading.await.map_err(|error| Error::usage("could not read the workload").cause(error))??;
    for warning in inputs.warnings() {
        context.ui.warn(warning);
    }
    Ok((taker, inputs))
}

/// Gives the events of logs and traces to `sink`, which may refuse them. Logs are of one server, in the order of time.
pub(crate) fn read(
    paths: &[PathBuf],
    options: &Options,
    interrupt: &Interrupt,
    sink: &mut dyn FnMut(Event) -> Result<()>,
) -> Result<Inputs> {
    let mut inputs = Inputs::default();
    let redaction = options
        .is_redacted
        .then(super::redaction)
        .transpose()
        .map_err(|error| Error::usage("could not draw a key to leave values out with").cause(error))?;
    let mut sessions = Sessions::new(Statements::new(super::fingerprint, redaction));
    for path in paths {
        let mut input = open(path, interrupt).map_err(|error| {
            Error::usage(format!("could not read {:?}", path.display()))
                .cause(error)
                .hint("Name a server log, compressed or not, a trace, or `-` for standard input.")
        })?;
        if input.starts_with(TRACE_START) {
            inputs.traces.push(read_trace(path, &mut input, sink)?);
        } else {
            inputs.logs.push(read_log(path, &mut input, options, &mut sessions, sink)?);
        }
    }
    if !inputs.logs.is_empty() {
        let mut refused = Ok(());
        sessions.finish(&mut |event| give(event, &mut refused, sink));
        refused?;
        inputs.counts = sessions.counts;
    }
    Ok(inputs)
}

/// Gives an event on, unless one was refused before.
fn give(event: Event, refused: &mut Result<()>, sink: &mut dyn FnMut(Event) -> Result<()>) {
    if refused.is_ok() {
        *refused = sink(event);
    }
}

fn read_log(
    path: &Path,
    input: &mut Input,
    options: &Options,
    sessions: &mut Sessions,
    sink: &mut dyn FnMut(Event) -> Result<()>,
) -> Result<LogFile> {
    let mut reader = log::Reader::new(options.prefix.as_deref().map(Prefix::new));
    let mut refused = Ok(());
    let mut chunk = vec![0; CHUNK];
    let mut failure = None;
    loop {
        match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => reader.push(&chunk[..n], &mut |entry| {
                sessions.take(entry, &mut |event| give(event, &mut refused, sink));
            }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                failure = Some(error.to_string());
                break;
            }
        }
        if refused.is_err() {
            break;
        }
    }
    let summary =
        reader.finish(&mut |entry| sessions.take(entry, &mut |event| give(event, &mut refused, sink)));
    refused?;
    Ok(LogFile { name: path.display().to_string(), summary, failure })
}

fn read_trace(
    path: &Path,
    input: &mut Input,
    sink: &mut dyn FnMut(Event) -> Result<()>,
) -> Result<TraceFile> {
    let fail = |error: trace::ReadError| {
        Error::usage(format!("could not read trace {:?}", path.display())).cause(&error).causes_of(&error)
    };
    let mut reader = trace::Reader::new(input).map_err(fail)?;
    let (mut has_end, mut n_dropped) = (false, 0);
    while let Some(event) = reader.next_event().map_err(fail)? {
        match &event {
            Event::End { .. } => has_end = true,
            Event::Dropped(dropped) => n_dropped += dropped.n_executions + dropped.n_entries,
            _ => {}
        }
        sink(event)?;
    }
    let gap = if n_dropped > 0 {
        Some(format!("{n_dropped} executions or entries were dropped while it was recorded"))
    } else {
        (reader.is_cut_off() || !has_end).then(|| "its recording did not end as it should".to_owned())
    };
    Ok(TraceFile { path: path.to_owned(), gap })
}

/// What is read, without its compression.
pub(super) struct Input {
    inner: Box<dyn Read>,
    /// The first bytes, to tell traces from logs.
    start: Vec<u8>,
    n_start_read: usize,
}

impl Input {
    fn starts_with(&self, magic: &[u8]) -> bool {
        self.start.starts_with(magic)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.start[self.n_start_read..];
        if left.is_empty() {
            return self.inner.read(buffer);
        }
        let n = left.len().min(buffer.len());
        buffer[..n].copy_from_slice(&left[..n]);
        self.n_start_read += n;
        Ok(n)
    }
}

/// Opens a file, or standard input for `-`, and undoes its compression.
pub(super) fn open(path: &Path, interrupt: &Interrupt) -> io::Result<Input> {
    let raw: Box<dyn Read> = if path == Path::new(STDIN) {
        Box::new(stream(interrupt.clone()))
    } else {
        Box::new(Stoppable { inner: File::open(path)?, interrupt: interrupt.clone() })
    };
    let mut raw = BufReader::with_capacity(CHUNK, raw);
    // What a pipe has first may be as little as a byte, but programs that compress write whole heads.
    let head = raw.fill_buf()?;
    let mut inner: Box<dyn Read> = if head.starts_with(b"\x1f\x8b") {
        Box::new(flate2::bufread::MultiGzDecoder::new(raw))
    } else if head.starts_with(b"\x28\xb5\x2f\xfd") {
        Box::new(zstd::stream::read::Decoder::with_buffer(raw)?)
    } else {
        Box::new(raw)
    };
    let mut start = Vec::new();
    (&mut inner).take(TRACE_START.len() as u64).read_to_end(&mut start)?;
    Ok(Input { inner, start, n_start_read: 0 })
}

/// A file that ends when the user wants to stop.
struct Stoppable {
    inner: File,
    interrupt: Interrupt,
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.is_raised() { Ok(0) } else { self.inner.read(buffer) }
    }
}

/// Standard input, which ends when the user wants to stop: nothing can interrupt a read, so a thread does it.
struct Stream {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    n_read: usize,
    interrupt: Interrupt,
}

fn stream(interrupt: Interrupt) -> Stream {
    let (sender, chunks) = sync_channel(4);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = stdin.read(&mut chunk).map(|n| {
                chunk.truncate(n);
                chunk
            });
            let is_end = read.as_ref().map_or(true, Vec::is_empty);
            if sender.send(read).is_err() || is_end {
                return;
            }
        }
    });
    Stream { chunks, chunk: Vec::new(), n_read: 0, interrupt }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.n_read == self.chunk.len() {
            match self.chunks.recv_timeout(LOOK_INTERVAL) {
                Ok(chunk) => {
                    (self.chunk, self.n_read) = (chunk?, 0);
                    if self.chunk.is_empty() {
                        return Ok(0);
                    }
                }
                Err(RecvTimeoutError::Timeout) if !self.interrupt.is_raised() => {}
                Err(_) => return Ok(0),
            }
        }
        let left = &self.chunk[self.n_read..];
        let n = left.len().min(buffer.len());
        buffer[..n].copy_from_slice(&left[..n]);
        self.n_read += n;
        Ok(n)
    }
}
