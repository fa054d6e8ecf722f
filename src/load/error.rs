//! Why a load could not be run.

use std::io;

use nix::errno::Errno;

use super::frame::field;
use crate::error::{Error as RunError, ExitStatus};

/// A load that did not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not connect to {target}")]
    Connect {
        target: String,
        #[source]
        failure: Failure,
    },
    /// The machine, not the server, is in the way.
    #[error("could not run the load")]
    Machine(#[from] io::Error),
    #[error("interrupted")]
    Interrupted,
}

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{}", .0.message)]
    Refused(ServerWords),
    #[error("the server asks for a password, and there is none")]
    NoPassword,
    #[error("the server offers no authentication that is known")]
    UnknownAuthentication,
    #[error("the server cannot tie the password to the TLS connection")]
    NoChannelBinding,
    #[error("{0}")]
    Protocol(&'static str),
}

/// What a server says of an error.
#[derive(Debug, PartialEq)]
pub(crate) struct ServerWords {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
}

impl ServerWords {
    /// Reads the body of an `ErrorResponse`.
    pub(super) fn of_error(body: &[u8]) -> Self {
        let text = |kind| field(body, kind).map(|text| String::from_utf8_lossy(text).into_owned());
        Self {
            code: text(b'C').unwrap_or_default(),
            message: text(b'M').unwrap_or_default(),
            detail: text(b'D'),
            hint: text(b'H'),
        }
    }
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Connect { failure: Failure::Refused(words), .. } => refused(&message, words),
            Error::Connect { failure, .. } => {
                let hint = match &failure {
                    Failure::NoPassword => "Set PGPASSWORD, or add the connection to ~/.pgpass (mode 0600).",
                    Failure::NoChannelBinding => {
                        "Use a user with a SCRAM password and sslmode=require, or drop channel_binding=require."
                    }
                    Failure::Io(error) if is_of_files(error) => TOO_MANY_FILES,
                    _ => "Check that the server runs and takes this many connections.",
                };
                Self::server(message).cause(failure).hint(hint)
            }
            Error::Machine(cause) => Self::server(message).cause(cause).hint(TOO_MANY_FILES),
            Error::Interrupted => Self::new(ExitStatus::Interrupted, message),
        }
    }
}

const TOO_MANY_FILES: &str = "Use fewer connections, or raise the limit of open files (`ulimit -n`).";

/// Whether this process, or the system, can open no more files.
fn is_of_files(error: &io::Error) -> bool {
    [Errno::EMFILE, Errno::ENFILE].iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}

fn refused(message: &str, words: ServerWords) -> RunError {
    let mut error = RunError::server(format!("{message}: {} (SQLSTATE {})", words.message, words.code));
    if let Some(detail) = words.detail {
        error = error.cause(detail);
    }
    let hint = match words.code.as_str() {
        "53300" => Some("Use fewer connections, or raise max_connections.".to_owned()),
        "28000" | "28P01" => Some("Check user and password: in the URL, PGPASSWORD or ~/.pgpass.".to_owned()),
        _ => words.hint,
    };
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_not_the_server_s() {
        let hints = |errno: Errno| {
            let failure = Failure::Io(errno.into());
            RunError::from(Error::Connect { target: "db:1/x".to_owned(), failure }).hints().to_vec()
        };
        assert_eq!(hints(Errno::EMFILE), [TOO_MANY_FILES]);
        assert!(hints(Errno::ECONNREFUSED)[0].contains("the server runs"));
    }

    #[test]
    fn says_what_the_server_says() {
        let words = ServerWords::of_error(b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0");
        let error =
            RunError::from(Error::Connect { target: "db:1/x".to_owned(), failure: Failure::Refused(words) });
        assert_eq!(
            error.message(),
            "could not connect to db:1/x: sorry, too many clients already (SQLSTATE 53300)"
        );
        assert_eq!(error.hints(), ["Use fewer connections, or raise max_connections."]);
        assert_eq!(error.status(), ExitStatus::Server);
    }
}
