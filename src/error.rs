//! What a failed run says and returns: the message, its causes, its hints and the exit status.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// What the process returns to its caller (`DESIGN.md`, "Exit codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done.
    Success,
    /// Done, with findings, a missed threshold or a regression.
    Findings,
    /// Wrong arguments, configuration or input.
    Usage,
    /// The server failed, refused or was not reached.
    Server,
    /// The measurement is invalid.
    InvalidMeasurement,
    /// Interrupted, after the running queries were cancelled.
    Interrupted,
}

impl ExitStatus {
    /// The number the operating system sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Server => 3,
            Self::InvalidMeasurement => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

/// A failed run: what failed, why, and what to do about it.
///
/// Messages are in PostgreSQL's manner: lower case, no full stop. Hints are full sentences.
#[derive(Debug)]
pub(crate) struct Error {
    status: ExitStatus,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

/// The result of everything at the level of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Wrong arguments, configuration or input (exit status 2).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message)
    }

    /// The server failed, refused or was not reached (exit status 3).
    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Server, message)
    }

    /// The reader of our output went away, which is no failure: nothing is printed, exit status 0.
    pub(crate) fn closed_pipe() -> Self {
        Self::new(ExitStatus::Success, "")
    }

    #[must_use]
    pub(crate) fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds every error below `error`, outermost first.
    #[must_use]
    pub(crate) fn causes_of(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = error.source();
        while let Some(source) = next {
            self.causes.push(source.to_string());
            next = source.source();
        }
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Puts what was being done before what went wrong, which becomes the first cause.
    #[must_use]
    pub(crate) fn context(mut self, doing: impl Into<String>) -> Self {
        self.causes.insert(0, std::mem::replace(&mut self.message, doing.into()));
        self
    }

    pub(crate) fn status(&self) -> ExitStatus {
        self.status
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::closed_pipe();
        }
        Self::usage("could not write the output").cause(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_keeps_the_original_message_as_first_cause() {
        let error = Error::server("connection refused").cause("os error 111").context("could not connect");
        assert_eq!(error.to_string(), "could not connect: connection refused: os error 111");
    }

    #[test]
    fn closed_pipe_is_success() {
        let error = Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(error.status(), ExitStatus::Success);
    }
}
