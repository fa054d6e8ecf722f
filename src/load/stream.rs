//! A connection's bytes: a socket, or TLS over one.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustls::ClientConnection;
use rustls::pki_types::CertificateDer;

use crate::pg::{Address, Endpoint, EndpointTls};

pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(TcpStream, Box<ClientConnection>),
}

impl Stream {
    /// Connects, and agrees on TLS. The stream blocks, but for no longer than the endpoint's time-out at once.
    pub(super) fn open(endpoint: &Endpoint) -> io::Result<Self> {
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

    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.set_nonblocking(true),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.set_nonblocking(true),
        }
    }

    pub(super) fn raw_fd(&self) -> RawFd {
        match self {
            Self::Unix(socket) => socket.as_fd().as_raw_fd(),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.as_fd().as_raw_fd(),
        }
    }

    /// The server's certificate, if there is TLS.
    pub(super) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Self::Tls(_, session) => session.peer_certificates()?.first(),
            Self::Unix(_) | Self::Tcp(_) => None,
        }
    }

    /// Whether there is nothing to read for now, after a read that did not fill its buffer.
    ///
    /// That holds for sockets (epoll(7), "edge-triggered"), but TLS hands out a record at a time.
    pub(super) fn is_drained_by_short_read(&self) -> bool {
        !matches!(self, Self::Tls(..))
    }

    #[inline]
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Self::Tls(socket, session) = self {
            while session.wants_write() {
                session.write_tls(socket)?;
            }
        }
        Ok(())
    }

    /// Sends everything; for a stream that blocks.
    pub(super) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
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
    pub(super) fn say_goodbye(&mut self) {
        let mut message = BytesMut::new();
        frontend::terminate(&mut message);
        // Who is gone needs no goodbye.
        drop(self.write(&message));
    }

    /// Ends the connection.
    pub(super) fn close(&self) {
        let closed = match self {
            Self::Unix(socket) => socket.shutdown(Shutdown::Both),
            Self::Tcp(socket) | Self::Tls(socket, _) => socket.shutdown(Shutdown::Both),
        };
        // The other end may have been faster.
        drop(closed);
    }
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
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    socket.write_all(&request)?;
    let mut answer = [0];
    socket.read_exact(&mut answer)?;
    match answer {
        [b'S'] => {
            let mut session = Box::new(
                ClientConnection::new(tls.config.clone(), tls.name.clone()).map_err(io::Error::other)?,
            );
            while session.is_handshaking() {
                session.complete_io(&mut socket)?;
            }
            Ok(Stream::Tls(socket, session))
        }
        [b'N'] if !tls.is_required => Ok(Stream::Tcp(socket)),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "the server has no TLS")),
    }
}
