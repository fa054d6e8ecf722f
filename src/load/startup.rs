//! Opens sessions: startup message, authentication, settings. This blocks, and is never done within an event loop.

use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::backend::{
    AUTHENTICATION_TAG, BACKEND_KEY_DATA_TAG, ERROR_RESPONSE_TAG, Header, NOTICE_RESPONSE_TAG,
    READY_FOR_QUERY_TAG,
};
use postgres_protocol::message::frontend;

use super::channel_binding;
use super::error::{Failure, ServerWords};
use super::request;
use crate::pg::{ChannelBinding, Endpoint};
use crate::stream::Stream;

/// No message of a session's start is longer.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// A session that waits for its first statement. Its stream no longer blocks.
pub(super) struct Opened {
    pub(super) stream: Stream,
    /// What a request to cancel must show.
    pub(super) key: Option<CancelKey>,
}

/// Names a session to its server, with a secret.
#[derive(Clone, Copy)]
pub(super) struct CancelKey {
    process_id: i32,
    secret: i32,
}

/// Opens a session and sets it up.
pub(super) fn open(endpoint: &Endpoint) -> Result<Opened, Failure> {
    let mut talk = Talk { stream: Stream::open(endpoint)?, input: BytesMut::new(), output: BytesMut::new() };
    let parameters = endpoint.startup.iter().map(|(name, value)| (*name, value.as_str()));
    frontend::startup_message(
        [("user", endpoint.user.as_str()), ("client_encoding", "UTF8")].into_iter().chain(parameters),
        &mut talk.output,
    )?;
    authenticate(&mut talk, endpoint)?;
    let key = talk.until_ready()?;
    set_up(&mut talk, endpoint)?;
    if !talk.input.is_empty() {
        return Err(Failure::Protocol("the server says more than it was asked"));
    }
    talk.stream.set_nonblocking()?;
    Ok(Opened { stream: talk.stream, key })
}

/// Asks the server to cancel what a session runs.
pub(super) fn cancel(endpoint: &Endpoint, key: CancelKey) -> io::Result<()> {
    let mut stream = Stream::open(endpoint)?;
    let mut request = BytesMut::new();
    frontend::cancel_request(key.process_id, key.secret, &mut request);
    stream.write_all(&request)
}

/// A conversation message by message.
struct Talk {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
}

impl Talk {
    fn send(&mut self) -> io::Result<()> {
        let sent = self.stream.write_all(&self.output);
        self.output.clear();
        sent
    }

    /// Sends what is written, and returns tag and body of the next message that is no error.
    fn ask(&mut self) -> Result<(u8, Bytes), Failure> {
        self.send()?;
        loop {
            match self.message()? {
                (ERROR_RESPONSE_TAG, body) => return Err(Failure::Refused(ServerWords::of_error(&body))),
                (NOTICE_RESPONSE_TAG, _) => {}
                message => return Ok(message),
            }
        }
    }

    fn message(&mut self) -> Result<(u8, Bytes), Failure> {
        let mut piece = [0; 4096];
        loop {
            if let Some(header) = Header::parse(&self.input)? {
                let length = usize::try_from(header.len()).unwrap_or(usize::MAX);
                if length > MAX_MESSAGE_BYTES {
                    return Err(Failure::Protocol("a message is too long; is this a PostgreSQL server?"));
                }
                if self.input.len() > length {
                    let mut message = self.input.split_to(length + 1);
                    message.advance(5);
                    return Ok((header.tag(), message.freeze()));
                }
            }
            let n = self.stream.read(&mut piece)?;
            if n == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.input.extend_from_slice(&piece[..n]);
        }
    }

    /// Reads to the end of an answer.
    fn until_ready(&mut self) -> Result<Option<CancelKey>, Failure> {
        let mut key = None;
        loop {
            match self.ask()? {
                (READY_FOR_QUERY_TAG, _) => return Ok(key),
                (BACKEND_KEY_DATA_TAG, mut body) if body.len() == 8 => {
                    key = Some(CancelKey { process_id: body.get_i32(), secret: body.get_i32() });
                }
                _ => {}
            }
        }
    }
}

/// Sets timeouts and access, as for every other session.
fn set_up(talk: &mut Talk, endpoint: &Endpoint) -> Result<(), Failure> {
    let (sql, values) = &endpoint.set_up;
    frontend::parse("", sql, [], &mut talk.output)?;
    let value = |value: &String, out: &mut BytesMut| {
        out.put_slice(value.as_bytes());
        true
    };
    request::bind("", [], values, value, &[], &mut talk.output)?;
    frontend::execute("", 0, &mut talk.output)?;
    frontend::sync(&mut talk.output);
    talk.until_ready().map(drop)
}

/// What the server asks for (manual, "Message Formats": the authentication messages).
mod method {
    pub(super) const OK: i32 = 0;
    pub(super) const CLEARTEXT_PASSWORD: i32 = 3;
    pub(super) const MD5_PASSWORD: i32 = 5;
    pub(super) const SASL: i32 = 10;
    pub(super) const SASL_CONTINUE: i32 = 11;
    pub(super) const SASL_FINAL: i32 = 12;
}

/// Answers until the server is content.
fn authenticate(talk: &mut Talk, endpoint: &Endpoint) -> Result<(), Failure> {
    let must_bind = endpoint.channel_binding == ChannelBinding::Require;
    match authentication(talk)? {
        (method::SASL, mechanisms) => {
            scram(talk, endpoint, &mechanisms)?;
            expect_ok(talk)
        }
        // Only SCRAM can be tied to the connection.
        _ if must_bind => Err(Failure::NoChannelBinding),
        (method::OK, _) => Ok(()),
        (method::CLEARTEXT_PASSWORD, _) => {
            frontend::password_message(password(endpoint)?, &mut talk.output)?;
            expect_ok(talk)
        }
        (method::MD5_PASSWORD, salt) => {
            let salt = salt[..]
                .try_into()
                .map_err(|_| Failure::Protocol("the salt of a password has no 4 bytes"))?;
            let hash = md5_hash(endpoint.user.as_bytes(), password(endpoint)?, salt);
            frontend::password_message(hash.as_bytes(), &mut talk.output)?;
            expect_ok(talk)
        }
        _ => Err(Failure::UnknownAuthentication),
    }
}

/// Reads an authentication message: its kind and the rest.
fn authentication(talk: &mut Talk) -> Result<(i32, Bytes), Failure> {
    match talk.ask()? {
        (AUTHENTICATION_TAG, mut body) if body.len() >= 4 => Ok((body.get_i32(), body)),
        _ => Err(Failure::Protocol("the server does not authenticate")),
    }
}

fn expect_ok(talk: &mut Talk) -> Result<(), Failure> {
    match authentication(talk)? {
        (method::OK, _) => Ok(()),
        _ => Err(Failure::Protocol("the server asks for another password")),
    }
}

fn password(endpoint: &Endpoint) -> Result<&[u8], Failure> {
    endpoint.password.as_deref().ok_or(Failure::NoPassword)
}

/// Proves that both sides know the password (RFC 5802), on TLS tied to its certificate where the server can.
fn scram(talk: &mut Talk, endpoint: &Endpoint, mechanisms: &[u8]) -> Result<(), Failure> {
    let is_offered =
        |name: &str| mechanisms.split(|byte| *byte == 0).any(|mechanism| mechanism == name.as_bytes());
    let certificate_hash = match endpoint.channel_binding {
        ChannelBinding::Disable => None,
        ChannelBinding::Prefer | ChannelBinding::Require => {
            talk.stream.certificate().and_then(|certificate| channel_binding::hash(certificate))
        }
    };
    let (mechanism, binding) = match certificate_hash {
        Some(hash) if is_offered(SCRAM_SHA_256_PLUS) => {
            (SCRAM_SHA_256_PLUS, sasl::ChannelBinding::tls_server_end_point(hash))
        }
        _ if endpoint.channel_binding == ChannelBinding::Require => return Err(Failure::NoChannelBinding),
        Some(_) => (SCRAM_SHA_256, sasl::ChannelBinding::unrequested()),
        None => (SCRAM_SHA_256, sasl::ChannelBinding::unsupported()),
    };
    if !is_offered(mechanism) {
        return Err(Failure::UnknownAuthentication);
    }
    let mut scram = ScramSha256::new(password(endpoint)?, binding);
    frontend::sasl_initial_response(mechanism, scram.message(), &mut talk.output)?;
    let (method::SASL_CONTINUE, challenge) = authentication(talk)? else {
        return Err(Failure::Protocol("the server breaks off the password exchange"));
    };
    scram.update(&challenge)?;
    frontend::sasl_response(scram.message(), &mut talk.output)?;
    let (method::SASL_FINAL, proof) = authentication(talk)? else {
        return Err(Failure::Protocol("the server does not prove that it knows the password"));
    };
    scram.finish(&proof)?;
    Ok(())
}
