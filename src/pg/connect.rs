//! Connections: hosts in turn, TLS, password files, a session with timeouts that is read-only unless asked.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio_postgres::config::{
    ChannelBinding, Host as DriverHost, SslMode as DriverSslMode, TargetSessionAttrs,
};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::conninfo::{self, Conninfo};
use super::endpoint::{self, Address, Endpoint, EndpointTls};
use super::error::{Error, Result};
use super::interrupt::{Interrupt, Registration};
use super::sql;
use super::tls::{SslMode, Tls};
use crate::config::{Environment, Timeouts};

/// libpq waits for ever; a command-line tool should not.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_PORT: u16 = 5432;
/// Where the distributions put the server's socket.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];
/// The oldest server that is supported, as `server_version_num`.
const OLDEST_VERSION: u32 = 140_000;

/// Whether a session may change data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    ReadOnly,
    ReadWrite,
}

/// A database that can be connected to, as often as needed.
#[derive(Clone)]
pub(crate) struct Target {
    hosts: Vec<Host>,
    mode: SslMode,
    tls: Option<Tls>,
    connect_timeout: Duration,
    timeouts: Timeouts,
    /// What the password file got wrong, to be shown once.
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone)]
struct Host {
    config: Config,
    /// Host, port and database, without secrets.
    label: String,
}

/// A session on a server.
pub(crate) struct Connection {
    client: Client,
    /// `server_version_num`, as in 150004.
    pub(crate) version: u32,
    pub(crate) is_standby: bool,
    /// Host, port and database, without secrets.
    pub(crate) label: String,
    /// The way that led to the server, for more sessions of the same kind.
    pub(super) route: Route,
    registration: Registration,
}

/// A way to a server that has worked.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) config: Config,
    pub(super) tls: Option<Tls>,
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Connection {
    /// The client itself, where a transaction object is needed.
    pub(crate) fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Lets what this session runs from now on end by itself when the user interrupts, as a clean-up must.
    pub(crate) fn shield(&self) {
        self.registration.shield();
    }

    /// The major version, as in 15.
    pub(crate) fn major(&self) -> u32 {
        self.version / 10_000
    }

    /// Refuses a server that cannot be changed.
    pub(crate) fn require_primary(&self) -> Result<()> {
        if self.is_standby { Err(Error::Standby { target: self.label.clone() }) } else { Ok(()) }
    }
}

/// Escapes what would end an option of the server's command line.
fn escaped_option(value: &str) -> String {
    value.chars().fold(String::new(), |mut escaped, c| {
        if c.is_ascii_whitespace() || c == '\\' {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

impl Target {
    /// Resolves a connection string with its defaults, password file and certificates.
    pub(crate) fn new(conninfo: Conninfo, environment: &Environment, timeouts: Timeouts) -> Result<Self> {
        let conninfo = conninfo.with_defaults(environment).map_err(Error::Conninfo)?;
        let mut warnings = Vec::new();
        let mode =
            conninfo.get("sslmode").map_or(Ok(SslMode::Prefer), str::parse).map_err(Error::Conninfo)?;
        let connect_timeout = parse_seconds(&conninfo)?.unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        let hosts = hosts(&conninfo, environment, &mut warnings)?;
        let has_network_host = hosts.iter().any(|host| !host.label.starts_with('/'));
        let tls = if mode == SslMode::Disable || !has_network_host {
            None
        } else {
            Some(Tls::new(mode, &conninfo, environment).map_err(|reason| Error::Tls {
                target: hosts.first().map(|host| host.label.clone()).unwrap_or_default(),
                reason,
            })?)
        };
        Ok(Self { hosts, mode, tls, connect_timeout, timeouts, warnings })
    }

    /// Host, port and database of the first host, without secrets.
    pub(crate) fn label(&self) -> &str {
        &self.hosts[0].label
    }

    /// Lets statements of this target take as long as they need.
    #[must_use]
    pub(crate) fn with_statement_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.statement = timeout;
        self
    }

    /// Gives every session these settings, as `PGOPTIONS` would, after those that it has.
    #[must_use]
    pub(crate) fn with_settings(mut self, settings: &[(String, String)]) -> Self {
        for host in &mut self.hosts {
            let mut options = host.config.get_options().unwrap_or_default().to_owned();
            for (name, value) in settings {
                options = format!("{options} -c {name}={}", escaped_option(value));
            }
            if !options.is_empty() {
                host.config.options(options.trim_start().to_owned());
            }
        }
        self
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Connects to the first host that answers and sets the session up.
    pub(crate) async fn connect(&self, access: Access, interrupt: &Interrupt) -> Result<Connection> {
        let mut last = None;
        for host in &self.hosts {
            if interrupt.is_raised() {
                return Err(Error::Interrupted);
            }
            match self.connect_host(host).await {
                Ok((client, route)) => {
                    return self.session(client, route, &host.label, access, interrupt).await;
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("a target has a host"))
    }

    /// Opens a session by the way that led an earlier one to its server, which `label` names: no other host is asked.
    pub(super) async fn connect_by(
        &self,
        route: Route,
        label: &str,
        access: Access,
        interrupt: &Interrupt,
    ) -> Result<Connection> {
        let opening = open(&route.config, route.tls.clone());
        let client = match tokio::time::timeout(self.connect_timeout, opening).await {
            Ok(Ok(client)) => client,
            Ok(Err(source)) => return Err(Error::Connect { target: label.to_owned(), source }),
            Err(_) => {
                let timeout = self.connect_timeout;
                return Err(Error::ConnectTimeout { target: label.to_owned(), timeout });
            }
        };
        self.session(client, route, label, access, interrupt).await
    }

    /// Returns how to open more sessions like `connection`, without the driver, by the way that led it to its server.
    pub(crate) fn endpoint(&self, connection: &Connection, access: Access) -> Result<Endpoint> {
        let Route { config, tls } = &connection.route;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
        let (address, name) = match (config.get_hosts().first(), config.get_hostaddrs().first()) {
            (Some(DriverHost::Unix(directory)), _) => {
                (Address::Socket(directory.join(format!(".s.PGSQL.{port}"))), None)
            }
            (Some(DriverHost::Tcp(name)), None) => (Address::Network(name.clone(), port), Some(name.clone())),
            (host, Some(address)) => {
                let name = match host {
                    Some(DriverHost::Tcp(name)) => name.clone(),
                    _ => address.to_string(),
                };
                (Address::Network(address.to_string(), port), Some(name))
            }
            (None, None) => unreachable!("a route has a host"),
        };
        let tls = match (tls, name) {
            (Some(tls), Some(name)) => Some(EndpointTls {
                config: tls.config.clone(),
                name: ServerName::try_from(name).map_err(|error| Error::Tls {
                    target: connection.label.clone(),
                    reason: error.to_string(),
                })?,
                is_required: config.get_ssl_mode() == DriverSslMode::Require,
            }),
            _ => None,
        };
        let mut startup = vec![("database", text(config.get_dbname()))];
        startup.extend(config.get_application_name().map(|name| ("application_name", name.to_owned())));
        startup.extend(config.get_options().map(|options| ("options", options.to_owned())));
        Ok(Endpoint {
            label: connection.label.clone(),
            address,
            tls,
            channel_binding: match config.get_channel_binding() {
                ChannelBinding::Disable => endpoint::ChannelBinding::Disable,
                ChannelBinding::Require => endpoint::ChannelBinding::Require,
                _ => endpoint::ChannelBinding::Prefer,
            },
            user: text(config.get_user()),
            password: config.get_password().map(<[u8]>::to_vec),
            startup,
            set_up: (sql::SESSION, settings(access, self.timeouts).to_vec()),
            connect_timeout: self.connect_timeout,
            statement_timeout: self.timeouts.statement,
        })
    }

    async fn session(
        &self,
        client: Client,
        route: Route,
        label: &str,
        access: Access,
        interrupt: &Interrupt,
    ) -> Result<Connection> {
        let registration = interrupt.register(client.cancel_token(), route.tls.clone());
        let doing = || "set up the session".to_owned();
        set_up(&client, access, self.timeouts).await.map_err(Error::query(doing()))?;
        let row = client.query_one(sql::SERVER, &[]).await.map_err(Error::query(doing()))?;
        let read = |source| Error::Query { doing: doing(), source };
        let version: i32 = row.try_get("version_num").map_err(read)?;
        let version = u32::try_from(version).unwrap_or(0);
        if version < OLDEST_VERSION {
            let version = row.try_get("version").map_err(read)?;
            return Err(Error::TooOld { target: label.to_owned(), version });
        }
        Ok(Connection {
            client,
            version,
            is_standby: row.try_get("is_standby").map_err(read)?,
            label: label.to_owned(),
            route,
            registration,
        })
    }

    /// Tries the ways that `sslmode` allows, in libpq's order.
    async fn connect_host(&self, host: &Host) -> Result<(Client, Route)> {
        let with_tls = |mode| (mode, self.tls.clone());
        let attempts = match (self.mode, is_socket(host)) {
            (_, true) | (SslMode::Disable, _) => vec![(DriverSslMode::Disable, None)],
            (SslMode::Allow, _) => vec![(DriverSslMode::Disable, None), with_tls(DriverSslMode::Require)],
            (SslMode::Prefer, _) => vec![with_tls(DriverSslMode::Prefer), (DriverSslMode::Disable, None)],
            _ => vec![with_tls(DriverSslMode::Require)],
        };
        let last = attempts.len() - 1;
        for (i, (mode, tls)) in attempts.into_iter().enumerate() {
            let mut config = host.config.clone();
            config.ssl_mode(mode);
            let connected = tokio::time::timeout(self.connect_timeout, open(&config, tls.clone())).await;
            match connected {
                Ok(Ok(client)) => return Ok((client, Route { config, tls })),
                Ok(Err(error)) if i < last && may_work_otherwise(&error) => {}
                Ok(Err(source)) => return Err(Error::Connect { target: host.label.clone(), source }),
                Err(_) => {
                    let timeout = self.connect_timeout;
                    return Err(Error::ConnectTimeout { target: host.label.clone(), timeout });
                }
            }
        }
        unreachable!("the last attempt returns")
    }
}

/// Whether the server may accept the same user with, or without, TLS.
fn may_work_otherwise(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        // No SQLSTATE: the connection was refused, or TLS failed.
        None => error.to_string().contains("TLS"),
    }
}

async fn open(config: &Config, tls: Option<Tls>) -> Result<Client, tokio_postgres::Error> {
    if let Some(tls) = tls {
        let (client, connection) = config.connect(tls.connector).await?;
        // An error of the connection reaches the client as a failed query.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    } else {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }
}

/// Sets the timeouts and the access of a fresh session.
pub(super) async fn set_up(
    client: &Client,
    access: Access,
    timeouts: Timeouts,
) -> Result<(), tokio_postgres::Error> {
    let [statement, lock, read_only] = settings(access, timeouts);
    client.query(sql::SESSION, &[&statement, &lock, &read_only]).await.map(drop)
}

/// The values of [`sql::SESSION`].
fn settings(access: Access, timeouts: Timeouts) -> [String; 3] {
    let milliseconds = |duration: Duration| duration.as_millis().to_string();
    let read_only = if access == Access::ReadOnly { "on" } else { "off" };
    [milliseconds(timeouts.statement), milliseconds(timeouts.lock), read_only.to_owned()]
}

fn is_socket(host: &Host) -> bool {
    host.label.starts_with('/')
}

fn parse_seconds(conninfo: &Conninfo) -> Result<Option<Duration>> {
    let Some(text) = conninfo.get("connect_timeout") else { return Ok(None) };
    let seconds = text.parse::<i64>().map_err(|_| invalid("connect_timeout", text))?;
    // libpq: zero or negative means to wait for ever; a day is that.
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).unwrap_or(86_400);
    Ok(Some(Duration::from_secs(seconds)))
}

fn invalid(keyword: &'static str, value: &str) -> Error {
    Error::Conninfo(conninfo::Error::InvalidValue { keyword, value: value.to_owned() })
}

fn hosts(conninfo: &Conninfo, environment: &Environment, warnings: &mut Vec<String>) -> Result<Vec<Host>> {
    let user = match conninfo.get("user") {
        Some(user) => user.to_owned(),
        None => os_user(environment),
    };
    let dbname = conninfo.get("dbname").unwrap_or(&user).to_owned();
    let ports: Vec<&str> = conninfo.get("port").map(|ports| ports.split(',').collect()).unwrap_or_default();
    let addresses: Vec<&str> =
        conninfo.get("hostaddr").map(|list| list.split(',').collect()).unwrap_or_default();
    let names: Vec<&str> = match conninfo.get("host") {
        Some(hosts) => hosts.split(',').collect(),
        None => vec![""; addresses.len().max(1)],
    };
    let password_file = password_file(conninfo, environment, warnings);
    let mut hosts = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let port = match ports.get(i).or(ports.last()) {
            None | Some(&"") => DEFAULT_PORT,
            // A port that is no number is often a piece of a password; it is not shown.
            Some(port) => port.parse().map_err(|_| invalid("port", "…"))?,
        };
        let address = addresses.get(i).copied().filter(|address| !address.is_empty());
        let name = match (*name, address) {
            ("", Some(address)) => address.to_owned(),
            ("", None) => default_host(port),
            (name, _) => name.to_owned(),
        };
        let mut config = Config::new();
        config.host(&name).port(port).user(&user).dbname(&dbname);
        if let Some(address) = address {
            config.hostaddr(address.parse().map_err(|_| invalid("hostaddr", "…"))?);
        }
        config.application_name(
            conninfo
                .get("application_name")
                .or(conninfo.get("fallback_application_name"))
                .unwrap_or("perfkit"),
        );
        if let Some(options) = conninfo.get("options") {
            config.options(options);
        }
        config.target_session_attrs(match conninfo.get("target_session_attrs") {
            None | Some("any" | "prefer-standby") => TargetSessionAttrs::Any,
            Some("read-write" | "primary") => TargetSessionAttrs::ReadWrite,
            Some("read-only" | "standby") => TargetSessionAttrs::ReadOnly,
            Some(other) => return Err(invalid("target_session_attrs", other)),
        });
        config.channel_binding(match conninfo.get("channel_binding") {
            None | Some("prefer") => ChannelBinding::Prefer,
            Some("require") => ChannelBinding::Require,
            Some("disable") => ChannelBinding::Disable,
            Some(other) => return Err(invalid("channel_binding", other)),
        });
        let file_host = if SOCKET_DIRECTORIES.contains(&name.as_str()) { "localhost" } else { &name };
        let password = conninfo
            .get("password")
            .map(str::to_owned)
            .or_else(|| conninfo::password_in(password_file.as_deref()?, file_host, port, &dbname, &user));
        if let Some(password) = password {
            config.password(password);
        }
        let label = if name.starts_with('/') {
            format!("{name} port {port} database {dbname}")
        } else {
            format!("{name}:{port}/{dbname}")
        };
        hosts.push(Host { config, label });
    }
    Ok(hosts)
}

/// Returns the socket directory that has a server on this port, or localhost.
fn default_host(port: u16) -> String {
    SOCKET_DIRECTORIES
        .into_iter()
        .find(|directory| Path::new(directory).join(format!(".s.PGSQL.{port}")).exists())
        .unwrap_or("localhost")
        .to_owned()
}

/// Returns the name of the operating system's user, as libpq does.
fn os_user(environment: &Environment) -> String {
    nix::unistd::User::from_uid(nix::unistd::Uid::effective())
        .ok()
        .flatten()
        .map(|user| user.name)
        .or_else(|| environment.set("USER").map(str::to_owned))
        .unwrap_or_else(|| "postgres".to_owned())
}

/// Reads the password file unless others may read it too, which libpq refuses as well.
fn password_file(
    conninfo: &Conninfo,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let path = match conninfo.get("passfile") {
        Some(path) => PathBuf::from(path),
        None => environment.home()?.join(".pgpass"),
    };
    let metadata = fs::metadata(&path).ok()?;
    if !metadata.is_file() {
        warnings.push(format!("password file {path:?} is not a plain file; it is ignored"));
        return None;
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        warnings.push(format!(
            "password file {path:?} has group or world access; it is ignored until its mode is 0600 or less"
        ));
        return None;
    }
    match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            warnings.push(format!("could not read password file {path:?}: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_with_spaces_stay_one_option() {
        assert_eq!(escaped_option("64MB"), "64MB");
        assert_eq!(escaped_option(r"a b\c"), r"a\ b\\c");
    }
}
