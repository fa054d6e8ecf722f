//! Opens sessions: what a client says first, TLS with it, a connection to the server. This blocks, so each connection has
//! a thread of its own until it is handed to an event loop.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::conversation::Conversation;
use super::event_loop::Opened;
use super::first::{self, First, Startup};
use super::record::Client;
use super::{Clock, Problem, Shared};
use crate::stream::{self, Stream};

/// How long a client may take to say what it wants; a server's `authentication_timeout` is as long.
const FIRST_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the server may take to hear of a cancel request.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);
const NO_TLS: &[u8] = b"N";
const TLS: &[u8] = b"S";

/// Why a client got no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It went away or spoke another language.
    #[error("a client's connection failed before its session began")]
    Client(#[source] io::Error),
    #[error("could not connect to the server {server}")]
    Server { server: String, source: io::Error },
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Client(error)
    }
}

/// Serves a client up to its session; `None` when it wants none.
pub(super) fn open(shared: &Shared, clock: Clock, socket: TcpStream) -> Result<Option<Opened>, Failure> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(FIRST_TIMEOUT))?;
    socket.set_write_timeout(Some(FIRST_TIMEOUT))?;
    let address = socket.peer_addr().map_or_else(|_| String::new(), |address| address.ip().to_string());
    let Some((mut client, message)) = first_message(shared, socket)? else { return Ok(None) };
    let startup = match first::read(&message) {
        First::Cancel => {
            cancel(shared, &message)?;
            return Ok(None);
        }
        First::Startup(startup) => Some(startup),
        _ => None,
    };
    let mut server = match connect(shared) {
        Ok(server) => server,
        Err(failure) => {
            let reason = match &failure {
                Failure::Server { source, .. } => source.to_string(),
                Failure::Client(error) => error.to_string(),
            };
            let message = format!("perfkit's proxy {failure}: {reason}");
            client.write_all(&first::fatal("08006", &message, "See whether the server runs."))?;
            client.shutdown_write();
            return Err(failure);
        }
    };
    server.write_all(&message)?;
    let mut conversation = startup.filter(|startup| !startup.is_replication).and_then(|startup| {
        let Startup { user, database, application_name, .. } = startup;
        let client = Client { user, database, application_name, address };
        let session = shared.counts.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        shared.captures.then(|| Conversation::new(session, Arc::new(client), shared.keeps_rows))
    });
    if matches!(server, Stream::Tls(..)) {
        let greeting = authentication_request(&mut server)?;
        client.write_all(&greeting)?;
        // Nothing is recorded before the session is open.
        if let Some(this) = &mut conversation
            && this.answered(&greeting, clock.now(), &mut Vec::new()).is_err()
        {
            conversation = None;
        }
    }
    client.set_nonblocking()?;
    server.set_nonblocking()?;
    Ok(Some(Opened { client, server, conversation }))
}

/// Agrees on encryption, and returns the first message that is about something else.
fn first_message(shared: &Shared, mut socket: TcpStream) -> Result<Option<(Stream, Vec<u8>)>, Failure> {
    let mut byte = [0];
    if socket.peek(&mut byte)? == 0 {
        // Whoever looks whether the port is open leaves without a word.
        return Ok(None);
    }
    if byte[0] == first::TLS_HANDSHAKE {
        // Without a certificate it is refused as by a server that has none: the client goes without an answer.
        let Some(tls) = &shared.tls else { return Ok(None) };
        let mut client = stream::accept_tls(socket, tls)?;
        let message = message(&mut client)?;
        return Ok(Some((client, message)));
    }
    loop {
        let mut plain = Stream::Tcp(socket);
        let message = message(&mut plain)?;
        let Stream::Tcp(back) = plain else { unreachable!("it was made of a socket") };
        socket = back;
        match (first::read(&message), &shared.tls) {
            (First::Ssl, Some(tls)) => {
                socket.write_all(TLS)?;
                let mut client = stream::accept_tls(socket, tls)?;
                let message = self::message(&mut client)?;
                return Ok(Some((client, message)));
            }
            (First::Ssl | First::GssEncryption, _) => socket.write_all(NO_TLS)?,
            _ => return Ok(Some((Stream::Tcp(socket), message))),
        }
    }
}

/// Reads a message without a tag, length included.
fn message(client: &mut Stream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    read_exact(client, &mut message)?;
    let length = <[u8; 4]>::try_from(&message[..]).ok().and_then(first::length);
    let length = length.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "the first message is not of PostgreSQL's protocol")
    })?;
    message.resize(length, 0);
    read_exact(client, &mut message[4..])?;
    Ok(message)
}

fn read_exact(stream: &mut Stream, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => buffer = &mut buffer[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn connect(shared: &Shared) -> Result<Stream, Failure> {
    Stream::open(&shared.endpoint)
        .map_err(|source| Failure::Server { server: shared.endpoint.label.clone(), source })
}

/// Forwards a cancel request, and waits until the server has taken it: it closes the connection then, and so do we.
fn cancel(shared: &Shared, message: &[u8]) -> Result<(), Failure> {
    let mut server = connect(shared)?;
    server.write_all(message)?;
    server.set_read_timeout(CANCEL_TIMEOUT)?;
    let mut byte = [0];
    // There is no answer but the end.
    while server.read(&mut byte).is_ok_and(|n| n > 0) {}
    Ok(())
}

/// Reads the server's messages up to its first about authentication, and takes out of that what would tie the client to
/// the server's TLS connection.
fn authentication_request(server: &mut Stream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut header = [0; 5];
        match read_exact(server, &mut header) {
            // The server has ended the connection: the client sees what came before.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(all),
            read => read?,
        }
        let [tag, length @ ..] = header;
        let length = first::length_of_body(length).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the server does not speak PostgreSQL's protocol")
        })?;
        let mut body = vec![0; length];
        read_exact(server, &mut body)?;
        if tag == b'R'
            && let Some(body) = first::without_channel_binding(&body)
        {
            all.extend_from_slice(&first::message(tag, &body));
            return Ok(all);
        }
        all.extend_from_slice(&header);
        all.extend_from_slice(&body);
        // Protocol negotiation and notices come before it, an error instead of it.
        if matches!(tag, b'R' | b'E') {
            return Ok(all);
        }
    }
}

impl Failure {
    /// What the user should hear of; clients come and go.
    pub(super) fn problem(&self) -> Option<Problem> {
        match self {
            Self::Client(error) if error.kind() == io::ErrorKind::InvalidData => {
                Some(Problem { message: self.to_string(), cause: error.to_string() })
            }
            Self::Client(_) => None,
            Self::Server { source, .. } => {
                Some(Problem { message: self.to_string(), cause: source.to_string() })
            }
        }
    }
}
