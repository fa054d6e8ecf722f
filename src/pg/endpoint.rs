//! What it takes to open a session without the driver, as plain values.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

/// Where a server is, who comes, and how each session begins.
///
/// It holds the password, so it has no `Debug`.
pub(crate) struct Endpoint {
    /// Host, port and database, without secrets.
    pub(crate) label: String,
    pub(crate) address: Address,
    pub(crate) tls: Option<EndpointTls>,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) user: String,
    pub(crate) password: Option<Vec<u8>>,
    /// The parameters of the startup message beside the user, as names and values.
    pub(crate) startup: Vec<(&'static str, String)>,
    /// The statement that sets a fresh session up, with its values in text form.
    pub(crate) set_up: (&'static str, Vec<String>),
    /// How long the server may take to answer while a session is opened.
    pub(crate) connect_timeout: Duration,
    /// After this time the server ends a statement; zero is never.
    pub(crate) statement_timeout: Duration,
}

/// Where a server listens.
pub(crate) enum Address {
    Socket(PathBuf),
    /// A host's name or address, and the port.
    Network(String, u16),
}

impl Address {
    /// Whether the server is on this machine, as far as its address says.
    pub(crate) fn is_here(&self) -> bool {
        match self {
            Self::Socket(_) => true,
            Self::Network(host, _) => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

/// How a connection is encrypted.
pub(crate) struct EndpointTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
    /// Whether a server without TLS is refused.
    pub(crate) is_required: bool,
}

/// Whether the password exchange must be tied to the TLS connection (RFC 5802, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}
