//! Connection strings with libpq's meanings: URLs, keyword/value strings, `PG*` variables, service and password
//! files (manual, "Connection Strings", "Environment Variables", "The Password File").

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::Environment;
use crate::yaml::nearest;

/// The parameters understood, with the environment variable that each defaults to.
const KEYWORDS: [(&str, Option<&str>); 26] = [
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("port", Some("PGPORT")),
    ("dbname", Some("PGDATABASE")),
    ("user", Some("PGUSER")),
    ("password", Some("PGPASSWORD")),
    ("passfile", Some("PGPASSFILE")),
    ("service", Some("PGSERVICE")),
    ("servicefile", Some("PGSERVICEFILE")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("options", Some("PGOPTIONS")),
    ("application_name", Some("PGAPPNAME")),
    ("fallback_application_name", None),
    ("client_encoding", Some("PGCLIENTENCODING")),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("keepalives", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("gssencmode", Some("PGGSSENCMODE")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
];

/// A connection string that cannot be used. No variant holds a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    #[error("unknown parameter \"{name}\"{}", suggestion(.nearest.as_deref()))]
    UnknownKeyword { name: String, nearest: Option<String> },
    #[error("a parameter has no \"=\"")]
    MissingEquals,
    #[error("unknown URL scheme; known are postgresql:// and postgres://")]
    UnknownScheme,
    #[error("unterminated quote")]
    UnterminatedQuote,
    #[error("invalid percent-encoding")]
    PercentEncoding,
    #[error("the host in brackets is not closed")]
    Bracket,
    #[error("service \"{service}\" is not defined in {path:?}")]
    UnknownService { service: String, path: PathBuf },
    #[error("service \"{0}\" was asked for, but there is no service file")]
    NoServiceFile(String),
    #[error("service file {path:?}, line {line}: {reason}")]
    ServiceFile { path: PathBuf, line: usize, reason: String },
    #[error("invalid {keyword} \"{value}\"")]
    InvalidValue { keyword: &'static str, value: String },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default()
}

/// Connection parameters by keyword. `Debug` and `Display` never show the password.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Conninfo {
    parameters: BTreeMap<String, String>,
}

impl Conninfo {
    /// Reads a URL, a keyword/value string, or the bare name of a database.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Some((scheme, rest)) = text.split_once("://")
            // Frameworks name their driver behind a plus sign.
            && matches!(scheme.split('+').next(), Some("postgresql" | "postgres"))
        {
            return Self::parse_url(rest);
        }
        // What looks like a URL may hold a password: it is neither taken for a name nor shown.
        if !text.contains('=') && text.contains(['@', ':', '/']) || text.contains("://") {
            return Err(Error::UnknownScheme);
        }
        if !text.is_empty() && !text.contains('=') {
            return Ok(Self { parameters: BTreeMap::from([("dbname".to_owned(), text.to_owned())]) });
        }
        Self::parse_keywords(text)
    }

    pub(crate) fn get(&self, keyword: &str) -> Option<&str> {
        self.parameters.get(keyword).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Sets a parameter that has no value yet.
    pub(crate) fn set_default(&mut self, keyword: &str, value: &str) {
        if self.get(keyword).is_none() {
            self.parameters.insert(keyword.to_owned(), value.to_owned());
        }
    }

    /// Fills what the string leaves open: the service's parameters, then the `PG*` variables.
    pub(crate) fn with_defaults(mut self, environment: &Environment) -> Result<Self, Error> {
        let service = self.get("service").or_else(|| environment.set("PGSERVICE")).map(str::to_owned);
        if let Some(service) = service {
            for (keyword, value) in service_parameters(&service, &self, environment)? {
                self.set_default(&keyword, &value);
            }
        }
        for (keyword, variable) in KEYWORDS {
            if let Some(value) = variable.and_then(|variable| environment.set(variable)) {
                self.set_default(keyword, value);
            }
        }
        Ok(self)
    }

    fn insert(&mut self, keyword: &str, value: String) -> Result<(), Error> {
        // JDBC and some ORMs write `ssl=true` where libpq says sslmode=require; libpq takes it in URLs as well.
        if keyword == "ssl" && value == "true" {
            self.parameters.insert("sslmode".to_owned(), "require".to_owned());
            return Ok(());
        }
        if !KEYWORDS.iter().any(|(known, _)| *known == keyword) {
            // A piece of a password with a question mark in it would stand here.
            let is_word = keyword.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            return Err(Error::UnknownKeyword {
                name: if is_word { keyword.to_owned() } else { "…".to_owned() },
                nearest: nearest(keyword, KEYWORDS.iter().map(|(known, _)| *known)),
            });
        }
        self.parameters.insert(keyword.to_owned(), value);
        Ok(())
    }

    fn parse_url(rest: &str) -> Result<Self, Error> {
        let mut conninfo = Self::default();
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, dbname) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(c, h)| (Some(c), h));
        if let Some(credentials) = credentials {
            let (user, password) =
                credentials.split_once(':').map_or((credentials, None), |(u, p)| (u, Some(p)));
            conninfo.insert("user", percent_decode(user)?)?;
            if let Some(password) = password {
                conninfo.insert("password", percent_decode(password)?)?;
            }
        }
        let mut names = Vec::new();
        let mut ports = Vec::new();
        for host in hosts.split(',') {
            let (name, port) = split_host(host)?;
            names.push(percent_decode(name)?);
            ports.push(port.to_owned());
        }
        if names.iter().any(|name| !name.is_empty()) {
            conninfo.insert("host", names.join(","))?;
        }
        if ports.iter().any(|port| !port.is_empty()) {
            conninfo.insert("port", ports.join(","))?;
        }
        if !dbname.is_empty() {
            conninfo.insert("dbname", percent_decode(dbname)?)?;
        }
        for pair in query.iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
            let (keyword, value) = pair.split_once('=').ok_or(Error::MissingEquals)?;
            conninfo.insert(&percent_decode(keyword)?, percent_decode(value)?)?;
        }
        Ok(conninfo)
    }

    fn parse_keywords(text: &str) -> Result<Self, Error> {
        let mut conninfo = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (keyword, after) = rest.split_once('=').ok_or(Error::MissingEquals)?;
            let after = after.trim_start();
            let (value, after) = match after.strip_prefix('\'') {
                Some(quoted) => unquote(quoted, |c| c == '\'').ok_or(Error::UnterminatedQuote)?,
                None => unquote(after, char::is_whitespace).unwrap_or_else(|| (unescape(after), "")),
            };
            conninfo.insert(keyword.trim(), value)?;
            rest = after.trim_start();
        }
        Ok(conninfo)
    }
}

impl fmt::Debug for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .parameters
            .iter()
            .map(|(keyword, value)| (keyword, if keyword == "password" { "…" } else { value.as_str() }));
        f.debug_map().entries(shown).finish()
    }
}

fn split_host(host: &str) -> Result<(&str, &str), Error> {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, after) = rest.split_once(']').ok_or(Error::Bracket)?;
        return Ok((name, after.strip_prefix(':').unwrap_or("")));
    }
    Ok(host.rsplit_once(':').unwrap_or((host, "")))
}

/// Reads a value with backslash escapes up to a terminator, which it consumes.
fn unquote(text: &str, is_end: impl Fn(char) -> bool) -> Option<(String, &str)> {
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        if c == '\\' {
            characters.next();
        } else if is_end(c) {
            return Some((unescape(&text[..at]), &text[at + c.len_utf8()..]));
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut unescaped = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        unescaped.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    unescaped
}

fn percent_decode(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) =
                (digit().ok_or(Error::PercentEncoding)?, digit().ok_or(Error::PercentEncoding)?);
            bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::PercentEncoding)
}

/// Encodes what has a meaning in a URL (RFC 3986), but for slashes.
pub(super) fn percent_encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Returns the parameters of a service from `PGSERVICEFILE`, `~/.pg_service.conf` or
/// `$PGSYSCONFDIR/pg_service.conf`.
fn service_parameters(
    service: &str,
    conninfo: &Conninfo,
    environment: &Environment,
) -> Result<Vec<(String, String)>, Error> {
    let named = conninfo.get("servicefile").or_else(|| environment.set("PGSERVICEFILE")).map(PathBuf::from);
    let own = environment.home().map(|home| home.join(".pg_service.conf"));
    let of_system = environment
        .set("PGSYSCONFDIR")
        .map_or_else(|| PathBuf::from("/etc/postgresql-common"), PathBuf::from)
        .join("pg_service.conf");
    let files: Vec<PathBuf> =
        named.or(own).into_iter().chain([of_system]).filter(|path| path.is_file()).collect();
    for path in &files {
        let text = std::fs::read_to_string(path).map_err(|error| Error::ServiceFile {
            path: path.clone(),
            line: 0,
            reason: error.to_string(),
        })?;
        if let Some(parameters) = parse_service(&text, service, path)? {
            return Ok(parameters);
        }
    }
    match files.into_iter().next() {
        Some(path) => Err(Error::UnknownService { service: service.to_owned(), path }),
        None => Err(Error::NoServiceFile(service.to_owned())),
    }
}

fn parse_service(text: &str, service: &str, path: &Path) -> Result<Option<Vec<(String, String)>>, Error> {
    let mut parameters = None;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        let fail = |reason: String| Error::ServiceFile { path: path.to_owned(), line: i + 1, reason };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if parameters.is_some() {
                break;
            }
            let name =
                name.strip_suffix(']').ok_or_else(|| fail("the section name is not closed".to_owned()))?;
            if name == service {
                parameters = Some(Vec::new());
            }
        } else if let Some(parameters) = &mut parameters {
            let (keyword, value) = line.split_once('=').ok_or_else(|| fail("missing \"=\"".to_owned()))?;
            Conninfo::default().insert(keyword, String::new()).map_err(|error| fail(error.to_string()))?;
            parameters.push((keyword.to_owned(), value.to_owned()));
        }
    }
    Ok(parameters)
}

/// Returns the password that a password file has for a connection.
///
/// Fields are `host:port:database:user:password`, `*` matches anything, and `\` escapes `:` and `\`.
pub(crate) fn password_in(text: &str, host: &str, port: u16, dbname: &str, user: &str) -> Option<String> {
    let port = port.to_string();
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = split_fields(line);
        let [file_host, file_port, file_dbname, file_user, password] = fields.as_slice() else { return None };
        let matches = |field: &str, value: &str| field == "*" || field == value;
        (matches(file_host, host)
            && matches(file_port, &port)
            && matches(file_dbname, dbname)
            && matches(file_user, user))
        .then(|| password.clone())
    })
}

fn split_fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    while fields.len() < 4
        && let Some((field, after)) = unquote(rest, |c| c == ':')
    {
        fields.push(field);
        rest = after;
    }
    fields.push(unescape(rest));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let conninfo = Conninfo::parse(text).unwrap();
        let actual: Vec<(&str, &str)> =
            conninfo.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(actual, expected, "{text}");
    }

    #[test]
    fn reads_urls() {
        check("postgresql://", &[]);
        check("postgres://localhost", &[("host", "localhost")]);
        check("postgresql+asyncpg://localhost", &[("host", "localhost")]);
        check(
            "postgresql://u%40x:p%3A@h:5433/d%2Fb?sslmode=verify-full&connect_timeout=3",
            &[
                ("connect_timeout", "3"),
                ("dbname", "d/b"),
                ("host", "h"),
                ("password", "p:"),
                ("port", "5433"),
                ("sslmode", "verify-full"),
                ("user", "u@x"),
            ],
        );
        check("postgresql:///db?host=/tmp/s&port=1", &[("dbname", "db"), ("host", "/tmp/s"), ("port", "1")]);
        check("postgresql://%2Ftmp%2Fs/db", &[("dbname", "db"), ("host", "/tmp/s")]);
        check("postgresql://[::1]:5,b/", &[("host", "::1,b"), ("port", "5,")]);
        check("postgres://h/d?ssl=true", &[("dbname", "d"), ("host", "h"), ("sslmode", "require")]);
    }

    #[test]
    fn reads_keywords() {
        check(
            "host=h dbname = 'my db' password='it\\'s' ",
            &[("dbname", "my db"), ("host", "h"), ("password", "it's")],
        );
        check("mydb", &[("dbname", "mydb")]);
        check("user=a\\ b", &[("user", "a b")]);
        check("", &[]);
    }

    #[test]
    fn refuses_what_libpq_refuses() {
        for (text, expected) in [
            ("hots=h", "unknown parameter \"hots\"; did you mean \"host\"?"),
            ("host=h dbname", "a parameter has no \"=\""),
            ("mysql://u:hush@h/d", "unknown URL scheme; known are postgresql:// and postgres://"),
            ("u:hush@h/d", "unknown URL scheme; known are postgresql:// and postgres://"),
            ("password=my hush word", "a parameter has no \"=\""),
            ("host='h", "unterminated quote"),
            ("postgresql://%zz", "invalid percent-encoding"),
            ("postgresql://[::1/d", "the host in brackets is not closed"),
            ("postgresql://h/d?x=1", "unknown parameter \"x\""),
        ] {
            assert_eq!(Conninfo::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn passwords_stay_secret() {
        let conninfo = Conninfo::parse("postgresql://u:hush@h/d").unwrap();
        assert!(!format!("{conninfo:?}").contains("hush"));
    }

    #[test]
    fn string_beats_environment() {
        let environment = Environment::from([("PGHOST", "e"), ("PGUSER", "e")]);
        let conninfo = Conninfo::parse("host=s").unwrap().with_defaults(&environment).unwrap();
        assert_eq!((conninfo.get("host"), conninfo.get("user")), (Some("s"), Some("e")));
    }

    #[test]
    fn reads_service_files() {
        let text = "# x\n[a]\nhost=ha\n\n[b]\nhost=hb\ndbname=db\n[c]\nbroken\n";
        let path = Path::new("f");
        let parameters = parse_service(text, "b", path).unwrap().unwrap();
        assert_eq!(parameters, [("host".into(), "hb".into()), ("dbname".into(), "db".into())]);
        assert_eq!(parse_service(text, "z", path).unwrap(), None);
        assert_eq!(
            parse_service(text, "c", path).unwrap_err().to_string(),
            "service file \"f\", line 9: missing \"=\""
        );
    }

    #[test]
    fn finds_passwords() {
        let text = "# c\nh:5432:d:u:one\n*:*:*:u\\:x:t\\\\wo:2\n";
        assert_eq!(password_in(text, "h", 5432, "d", "u").as_deref(), Some("one"));
        assert_eq!(password_in(text, "h", 1, "d", "u:x").as_deref(), Some("t\\wo:2"));
        assert_eq!(password_in(text, "h", 1, "d", "u"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = Conninfo::parse(&text);
            let _ = Conninfo::parse(&format!("postgresql://{text}"));
            let _ = password_in(&text, "h", 1, "d", "u");
        }
    }
}
