//! A connection's bytes: a socket, or TLS over one.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, Connection, ServerConfig, ServerConnection};

use crate::pg::{Address, Endpoint, EndpointTls};

/// The messages `SSLRequest` and `Terminate` (manual, "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(TcpStream, Box<Connection>),
}

impl Stream {
    /// Connects, and agrees on TLS. The stream blocks, but for no longer than the endpoint's time-out at once.
    pub(crate) fn open(endpoint: &Endpoint) -> io::Result<Self> {
        let timeout = endpoint.connect_timeout;
        match &endpoint.address {
            Address::Socket(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_read_timeout(Some(timeout))?;
                socket.set_write_timeout(Some(timeout))?;
                Ok(Self::Unix(socket))
            }
            Address::Network(host, port) => {
                let socket = connect(host, *port, timeout)?;
                socket.set_read_timeout(Some(timeout))?;
                socket.set_write_timeout(Some(timeout))?;
                socket.set_nodelay(true)?;
                match &endpoint.tls {
                    Some(tls) => encrypt(socket, tls),
                    None => Ok(Self::Tcp(socket)),
                }
            }
        }
    }

    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.set_nonblocking(true),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.set_nonblocking(true),
        }
    }

    /// Lets reads and writes wait again, as before [`Self::set_nonblocking`].
    pub(crate) fn set_blocking(&self) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.set_nonblocking(false),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.set_nonblocking(false),
        }
    }

    pub(crate) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.set_read_timeout(Some(timeout)),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.set_read_timeout(Some(timeout)),
        }
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        match self {
            Self::Unix(socket) => socket.as_fd().as_raw_fd(),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.as_fd().as_raw_fd(),
        }
    }

    /// The server's certificate, if there is TLS.
    pub(crate) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Self::Tls(_, session) => session.peer_certificates()?.first(),
            Self::Unix(_) | Self::Tcp(_) => None,
        }
    }

    /// Whether there is nothing to read for now, after a read that did not fill its buffer.
    ///
    /// That holds for sockets (epoll(7), "edge-triggered"), but TLS hands out a record at a time.
    pub(crate) fn is_drained_by_short_read(&self) -> bool {
        !matches!(self, Self::Tls(..))
    }

    #[inline]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (socket, session) = match self {
            Self::Unix(socket) => return socket.read(buffer),
            Self::Tcp(socket) => return socket.read(buffer),
            Self::Tls(socket, session) => (socket, session),
        };
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if session.read_tls(socket)? == 0 {
                return Ok(0);
            }
            session.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Sends what it can; what TLS has taken may still wait for [`Self::flush`].
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.write(bytes),
            Self::Tcp(socket) => socket.write(bytes),
            Self::Tls(socket, session) => {
                // Else TLS may have no room, and a socket that is not full does not report that it is not.
                while session.wants_write() {
                    session.write_tls(socket)?;
                }
                let n = session.writer().write(bytes)?;
                match self.flush() {
                    Ok(()) => Ok(n),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(n),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Sends all that TLS has taken.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Self::Tls(socket, session) = self {
            while session.wants_write() {
                session.write_tls(socket)?;
            }
        }
        Ok(())
    }

    /// Sends everything; for a stream that blocks.
    pub(crate) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = self.write(bytes)?;
            if n == 0 {
                self.flush()?;
            }
            bytes = &bytes[n..];
        }
        self.flush()
    }

    /// Tells the server that the session ends, so that its log does not wonder.
    pub(crate) fn say_goodbye(&mut self) {
        // Who is gone needs no goodbye.
        drop(self.write(&TERMINATE));
    }

    /// Says that nothing more will be sent.
    pub(crate) fn shutdown_write(&mut self) {
        if let Self::Tls(_, session) = self {
            session.send_close_notify();
            // Who is gone needs no goodbye.
            drop(self.flush());
        }
        let closed = match self {
            Self::Unix(socket) => socket.shutdown(Shutdown::Write),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.shutdown(Shutdown::Write),
        };
        // The other end may have been faster.
        drop(closed);
    }

    /// Ends the connection.
    pub(crate) fn close(&self) {
        let closed = match self {
            Self::Unix(socket) => socket.shutdown(Shutdown::Both),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.shutdown(Shutdown::Both),
        };
        // The other end may have been faster.
        drop(closed);
    }
}

/// Shakes hands as the server; the socket blocks.
pub(crate) fn accept_tls(socket: TcpStream, config: &Arc<ServerConfig>) -> io::Result<Stream> {
    shake_hands(socket, ServerConnection::new(config.clone()).map_err(io::Error::other)?.into())
}

fn shake_hands(mut socket: TcpStream, session: Connection) -> io::Result<Stream> {
    let mut session = Box::new(session);
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    // What the client is to know is sent, even if there is nothing to be read.
    while session.wants_write() {
        session.write_tls(&mut socket)?;
    }
    Ok(Stream::Tls(socket, session))
}

/// Tries each address of a host.
fn connect(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Asks for TLS and shakes hands (manual, "SSL Session Encryption").
fn encrypt(mut socket: TcpStream, tls: &EndpointTls) -> io::Result<Stream> {
    socket.write_all(&SSL_REQUEST)?;
    let mut answer = [0];
    socket.read_exact(&mut answer)?;
    match answer {
        [b'S'] => {
            let session = ClientConnection::new(tls.config.clone(), tls.name.clone());
            shake_hands(socket, session.map_err(io::Error::other)?.into())
        }
        [b'N'] if !tls.is_required => Ok(Stream::Tcp(socket)),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "the server has no TLS")),
    }
}
