//! A client that says exactly the bytes it is told, on any socket, to see exactly those that come back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::pg::Database;

/// No answer takes this long.
const PATIENCE: Duration = Duration::from_mins(2);

trait Socket: Read + Write + Send {
    /// Another handle of the same socket.
    fn twin(&self) -> Box<dyn Socket>;
}

impl Socket for TcpStream {
    fn twin(&self) -> Box<dyn Socket> {
        Box::new(self.try_clone().expect("there are handles enough"))
    }
}

impl Socket for UnixStream {
    fn twin(&self) -> Box<dyn Socket> {
        Box::new(self.try_clone().expect("there are handles enough"))
    }
}

/// A session of protocol 3.0.
pub(crate) struct Wire {
    socket: Box<dyn Socket>,
    /// The process and secret that a cancel request shows.
    pub(crate) key: Vec<u8>,
}

/// A message with a tag.
pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

/// A message without one, as the first of a connection.
pub(crate) fn first(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).expect("a short message");
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

pub(crate) fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = format!("{name}\0{sql}\0").into_bytes();
    body.extend(u16::try_from(types.len()).expect("few types").to_be_bytes());
    body.extend(types.iter().flat_map(|oid| oid.to_be_bytes()));
    message(b'P', &body)
}

/// A Bind of values in text (0) or binary (1) form.
pub(crate) fn bind(portal: &str, name: &str, format: u16, values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = format!("{portal}\0{name}\0").into_bytes();
    body.extend([0, 1]);
    body.extend(format.to_be_bytes());
    body.extend(u16::try_from(values.len()).expect("few values").to_be_bytes());
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).expect("a short value"));
        body.extend(length.to_be_bytes());
        body.extend(value.unwrap_or_default());
    }
    body.extend([0, 0]);
    message(b'B', &body)
}

pub(crate) fn execute(portal: &str, n_rows: u32) -> Vec<u8> {
    message(b'E', &[format!("{portal}\0").as_bytes(), &n_rows.to_be_bytes()].concat())
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', b"")
}

fn tcp(port: u16) -> Box<dyn Socket> {
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("the proxy listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    Box::new(socket)
}

impl Wire {
    /// Opens a session by way of a proxy.
    pub(crate) fn through(port: u16, database: &Database) -> Self {
        Self::open(tcp(port), database, "")
    }

    /// Opens a session on the server itself.
    pub(crate) fn direct(database: &Database) -> Self {
        let folder = database.url.split("host=").nth(1).and_then(|rest| rest.split('&').next());
        let path = format!("{}/.s.PGSQL.5432", folder.expect("the URL names a folder"));
        let socket = UnixStream::connect(path).expect("the server listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        Self::open(Box::new(socket), database, "")
    }

    /// Opens a replication session by way of a proxy.
    pub(crate) fn replication(port: u16, database: &Database) -> Self {
        Self::open(tcp(port), database, "replication\0database\0")
    }

    fn open(mut socket: Box<dyn Socket>, database: &Database, more: &str) -> Self {
        let name = database.url.split('?').next().and_then(|url| url.rsplit('/').next()).expect("a name");
        let startup = format!("user\0postgres\0database\0{name}\0application_name\0wire\0{more}\0");
        socket.write_all(&first(3 << 16, startup.as_bytes())).expect("it is sent");
        let mut wire = Self { socket, key: Vec::new() };
        let greeting = wire.read_to(1);
        let key = greeting.windows(5).position(|window| window == [b'K', 0, 0, 0, 12]).expect("a key");
        wire.key = greeting[key + 5..key + 13].to_vec();
        wire
    }

    /// Sends bytes and returns all up to the `n_ready`th `ReadyForQuery`.
    pub(crate) fn say(&mut self, bytes: &[u8], n_ready: usize) -> Vec<u8> {
        self.send(bytes);
        self.read_to(n_ready)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("it is sent");
    }

    /// Returns all messages up to the `n_ready`th `ReadyForQuery`.
    pub(crate) fn read_to(&mut self, n_ready: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let mut n = 0;
        while n < n_ready {
            let message = self.message();
            n += usize::from(message[0] == b'Z');
            all.extend(message);
        }
        all
    }

    /// Sends bytes while it reads all up to the `n_ready`th `ReadyForQuery`: a server reads no more than it can answer.
    pub(crate) fn talk(&mut self, bytes: &[u8], n_ready: usize) {
        let mut twin = self.socket.twin();
        std::thread::scope(|scope| {
            scope.spawn(move || twin.write_all(bytes).expect("it is sent"));
            self.read_to(n_ready);
        });
    }

    /// Gives all up to the next `ReadyForQuery` away in pieces, however long its messages are; returns how many bytes.
    pub(crate) fn read_in_pieces(&mut self, mut take: impl FnMut(&[u8])) -> u64 {
        let mut buffer = vec![0; 64 * 1024];
        let mut n_bytes = 0;
        loop {
            let mut header = [0; 5];
            self.socket.read_exact(&mut header).expect("the session goes on");
            take(&header);
            let mut n_left = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize - 4;
            n_bytes += (header.len() + n_left) as u64;
            while n_left > 0 {
                let n = n_left.min(buffer.len());
                self.socket.read_exact(&mut buffer[..n]).expect("the session goes on");
                take(&buffer[..n]);
                n_left -= n;
            }
            if header[0] == b'Z' {
                return n_bytes;
            }
        }
    }

    /// Returns the next message.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        let mut message = vec![0; 5];
        self.socket.read_exact(&mut message).expect("the session goes on");
        let length = u32::from_be_bytes([message[1], message[2], message[3], message[4]]) as usize;
        message.resize(length + 1, 0);
        self.socket.read_exact(&mut message[5..]).expect("the session goes on");
        message
    }

    /// Ends the session and waits until the server has.
    pub(crate) fn end(mut self) {
        self.send(&message(b'X', b""));
        let mut rest = Vec::new();
        self.socket.read_to_end(&mut rest).expect("it ends");
        assert!(rest.is_empty());
    }
}
