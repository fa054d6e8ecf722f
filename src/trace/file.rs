//! A trace as a file: a head, then frames of compressed events, each of which can be read on its own.
//!
//! ```text
//! "perfkit trace\n"  version: u16  length: u32  checksum: u32  header
//! length: u32  length when decompressed: u32  checksum: u32  events (zstd)
//! …
//! ```
//!
//! Numbers are little-endian. A writer that is killed leaves whole frames and perhaps a part of one, which readers leave
//! out. Both hold one frame in memory.

use std::io::{self, Read, Write};

use super::code::{Code as _, Input, Malformed, Output};
use super::{Event, Header};

const MAGIC: &[u8; 14] = b"perfkit trace\n";
/// What this program writes, and the newest that it reads. 2 added [`Event::Hashes`]; all else is as in 1.
const VERSION: u16 = 2;
/// When a frame is written: enough to compress well, little enough to lose.
const FRAME_BYTES: usize = 256 * 1024;
/// No frame and no event is larger, so that a reader needs no more memory.
const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;
/// zstd's fastest of the usual levels; higher ones cost more than they save.
const LEVEL: i32 = 1;

/// A trace that could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("could not write the trace")]
    Io(#[from] io::Error),
    #[error("an event has {0} bytes; a trace holds up to {MAX_FRAME_BYTES}")]
    TooLarge(usize),
}

/// A trace that could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("could not read the trace")]
    Io(#[source] io::Error),
    #[error("it is no trace of perfkit")]
    NotATrace,
    #[error("the trace has format version {0}, and this perfkit reads up to version {VERSION}")]
    Newer(u16),
    #[error("the trace is damaged at byte {at}: {reason}")]
    Damaged { at: u64, reason: Damage },
}

/// What is wrong with a part of a trace.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    #[error("the checksum does not match")]
    Checksum,
    #[error("the length of a frame is out of range")]
    Length,
    #[error("a frame cannot be decompressed")]
    Compression,
    #[error("{0}")]
    Event(#[from] Malformed),
}

/// Writes a trace.
pub(crate) struct Writer<W> {
    inner: W,
    events: Output,
    compressor: zstd::bulk::Compressor<'static>,
    frame: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the head.
    pub(crate) fn new(mut inner: W, header: &Header) -> Result<Self, WriteError> {
        let mut out = Output::default();
        header.write(&mut out);
        let length = u32::try_from(out.bytes.len()).map_err(|_| WriteError::TooLarge(out.bytes.len()))?;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&length.to_le_bytes());
        head.extend_from_slice(&crc32fast::hash(&out.bytes).to_le_bytes());
        head.extend_from_slice(&out.bytes);
        inner.write_all(&head)?;
        inner.flush()?;
        out.clear();
        Ok(Self { inner, events: out, compressor: zstd::bulk::Compressor::new(LEVEL)?, frame: Vec::new() })
    }

    /// Adds an event. It is in the file at the latest after [`Self::flush`].
    pub(crate) fn write(&mut self, event: &Event) -> Result<(), WriteError> {
        let mark = self.events.mark();
        event.write(&mut self.events);
        let n_bytes = self.events.bytes.len() - mark.0;
        if n_bytes > MAX_FRAME_BYTES - FRAME_BYTES {
            self.events.undo(mark);
            return Err(WriteError::TooLarge(n_bytes));
        }
        if self.events.bytes.len() >= FRAME_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes the events so far as a frame.
    pub(crate) fn flush(&mut self) -> Result<(), WriteError> {
        let n_bytes = self.events.bytes.len();
        if n_bytes == 0 {
            return Ok(());
        }
        let compressed = self.compressor.compress(&self.events.bytes);
        self.events.clear();
        let compressed = compressed?;
        let length = |n: usize| u32::try_from(n).map(u32::to_le_bytes).map_err(|_| WriteError::TooLarge(n));
        self.frame.clear();
        self.frame.extend_from_slice(&length(compressed.len())?);
        self.frame.extend_from_slice(&length(n_bytes)?);
        self.frame.extend_from_slice(&crc32fast::hash(&compressed).to_le_bytes());
        self.frame.extend_from_slice(&compressed);
        // In one piece, so that what another process reads ends with a frame most of the time.
        self.inner.write_all(&self.frame)?;
        Ok(self.inner.flush()?)
    }

    /// Writes what is left and hands the file back.
    pub(crate) fn finish(mut self) -> Result<W, WriteError> {
        self.flush()?;
        Ok(self.inner)
    }
}

/// Reads a trace event by event.
pub(crate) struct Reader<R> {
    inner: R,
    header: Header,
    decompressor: zstd::bulk::Decompressor<'static>,
    /// The events of the present frame, and where they go on.
    events: Vec<u8>,
    n_read: usize,
    last: u64,
    /// Bytes of the file that are read, and where the present frame begins.
    at: u64,
    frame_at: u64,
    is_cut_off: bool,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(mut inner: R) -> Result<Self, ReadError> {
        let mut head = [0; MAGIC.len() + 2];
        let n = fill(&mut inner, &mut head)?;
        if n < head.len() || !head.starts_with(MAGIC) {
            return Err(ReadError::NotATrace);
        }
        let version = u16::from_le_bytes([head[MAGIC.len()], head[MAGIC.len() + 1]]);
        if version > VERSION {
            return Err(ReadError::Newer(version));
        }
        let mut at = head.len() as u64;
        let damaged = |reason: Damage| ReadError::Damaged { at, reason };
        let mut lengths = [0; 8];
        if fill(&mut inner, &mut lengths)? < lengths.len() {
            return Err(damaged(Malformed::Short.into()));
        }
        let [length, checksum] = numbers(lengths);
        let header = part(&mut inner, length).map_err(|cause| cause.at(at))?;
        let Some(header) = header else { return Err(damaged(Malformed::Short.into())) };
        if crc32fast::hash(&header) != checksum {
            return Err(damaged(Damage::Checksum));
        }
        let header_bytes = header.len() as u64;
        let header = Header::read(&mut Input::new(&header, 0)).map_err(|cause| damaged(cause.into()))?;
        at += lengths.len() as u64 + header_bytes;
        Ok(Self {
            inner,
            header,
            decompressor: zstd::bulk::Decompressor::new().map_err(ReadError::Io)?,
            events: Vec::new(),
            n_read: 0,
            last: 0,
            at,
            frame_at: at,
            is_cut_off: false,
        })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the file ended within a frame. It is known when there are no more events.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Returns the next event; `None` after the last whole frame.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        while self.n_read == self.events.len() {
            if !self.next_frame()? {
                return Ok(None);
            }
        }
        let mut input = Input::new(&self.events[self.n_read..], self.last);
        let event = Event::read(&mut input)
            .map_err(|cause| ReadError::Damaged { at: self.frame_at, reason: cause.into() })?;
        self.n_read = self.events.len() - input.n_left();
        self.last = input.last();
        Ok(Some(event))
    }

    /// Reads a frame; `false` when there is no whole one.
    fn next_frame(&mut self) -> Result<bool, ReadError> {
        self.frame_at = self.at;
        let mut lengths = [0; 12];
        let n = fill(&mut self.inner, &mut lengths)?;
        if n < lengths.len() {
            self.is_cut_off |= n > 0;
            return Ok(false);
        }
        let [length, n_bytes, checksum] = numbers(lengths);
        let damaged = |reason| ReadError::Damaged { at: self.frame_at, reason };
        let n_bytes = usize::try_from(n_bytes).unwrap_or(usize::MAX);
        if n_bytes > MAX_FRAME_BYTES {
            return Err(damaged(Damage::Length));
        }
        let Some(compressed) = part(&mut self.inner, length).map_err(|cause| cause.at(self.frame_at))? else {
            self.is_cut_off = true;
            return Ok(false);
        };
        if crc32fast::hash(&compressed) != checksum {
            return Err(damaged(Damage::Checksum));
        }
        self.at += lengths.len() as u64 + compressed.len() as u64;
        self.events = self
            .decompressor
            .decompress(&compressed, n_bytes)
            .ok()
            .filter(|events| events.len() == n_bytes)
            .ok_or_else(|| damaged(Damage::Compression))?;
        self.n_read = 0;
        self.last = 0;
        Ok(true)
    }
}

/// Why a part could not be read.
enum PartError {
    Io(io::Error),
    Length,
}

impl PartError {
    fn at(self, at: u64) -> ReadError {
        match self {
            Self::Io(cause) => ReadError::Io(cause),
            Self::Length => ReadError::Damaged { at, reason: Damage::Length },
        }
    }
}

/// Reads so many bytes; `None` when there are not as many.
fn part(inner: &mut impl Read, length: u32) -> Result<Option<Vec<u8>>, PartError> {
    // What zstd makes of bytes that cannot be compressed is a little longer than they are.
    let length =
        usize::try_from(length).ok().filter(|length| *length <= MAX_FRAME_BYTES + MAX_FRAME_BYTES / 128);
    let length = length.ok_or(PartError::Length)?;
    let mut bytes = Vec::new();
    inner.take(length as u64).read_to_end(&mut bytes).map_err(PartError::Io)?;
    Ok((bytes.len() == length).then_some(bytes))
}

/// Reads until the buffer is full or the input ends; returns how much that was.
fn fill(inner: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ReadError> {
    let mut n = 0;
    while n < buffer.len() {
        match inner.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadError::Io(error)),
        }
    }
    Ok(n)
}

fn numbers<const BYTES: usize, const N: usize>(bytes: [u8; BYTES]) -> [u32; N] {
    std::array::from_fn(|n| {
        bytes[4 * n..4 * n + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
    })
}
