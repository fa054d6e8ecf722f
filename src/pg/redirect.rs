//! The environment variables that lead a program to another address of its database.

use super::conninfo::percent_encode;
use super::endpoint::Endpoint;

/// Parameters of a URL that are about the way to the server, which is another one now.
const OF_THE_WAY: [&str; 14] = [
    "channel_binding",
    "gssencmode",
    "host",
    "hostaddr",
    "load_balance_hosts",
    "port",
    "service",
    "servicefile",
    "ssl",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
];
/// Variables of libpq about the way to the server.
const VARIABLES_OF_THE_WAY: [&str; 9] = [
    "PGCHANNELBINDING",
    "PGHOSTADDR",
    "PGLOADBALANCEHOSTS",
    "PGREQUIRESSL",
    "PGSERVICE",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLNEGOTIATION",
    "PGSSLROOTCERT",
];

/// A variable, with its value or none: it is to be unset.
pub(crate) type Variable = (String, Option<String>);

/// Returns the variables by which a program finds `endpoint` at a port of this machine, without TLS. `original` is the URL that it
/// would have used; `urls` are the names of variables that hold such a URL.
pub(crate) fn variables(
    endpoint: &Endpoint,
    original: Option<&str>,
    port: u16,
    urls: &[String],
) -> Vec<Variable> {
    let database = endpoint.startup.iter().find(|(name, _)| *name == "database");
    let login = Login {
        user: &endpoint.user,
        password: endpoint.password.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()),
        database: database.map_or("", |(_, name)| name),
    };
    of_login(&login, original, port, urls)
}

/// Who comes, and what to.
struct Login<'a> {
    user: &'a str,
    password: Option<&'a str>,
    database: &'a str,
}

fn of_login(login: &Login, original: Option<&str>, port: u16, urls: &[String]) -> Vec<Variable> {
    let url = url(login, original.unwrap_or_default(), port);
    let mut variables: Vec<Variable> = urls.iter().map(|name| (name.clone(), Some(url.clone()))).collect();
    let port = port.to_string();
    for (name, value) in [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", &port),
        ("PGUSER", login.user),
        ("PGDATABASE", login.database),
        ("PGSSLMODE", "disable"),
        ("PGGSSENCMODE", "disable"),
    ] {
        variables.push((name.to_owned(), Some(value.to_owned())));
    }
    // One that a password file has is of another host and port there.
    variables.extend(login.password.map(|password| ("PGPASSWORD".to_owned(), Some(password.to_owned()))));
    variables.extend(VARIABLES_OF_THE_WAY.map(|name| (name.to_owned(), None)));
    variables
}

/// Keeps the scheme, which names a driver in some frameworks, and the parameters that are not about the way.
fn url(login: &Login, original: &str, port: u16) -> String {
    let is_scheme = |scheme: &str| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
    };
    let (scheme, rest) = match original.trim().split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        _ => ("postgresql", ""),
    };
    let parameters = rest.split_once('?').map_or("", |(_, parameters)| parameters);
    // The login is known, and stands elsewhere.
    let stays = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let is_login = matches!(name, "user" | "password" | "dbname" | "");
        !is_login && !OF_THE_WAY.contains(&name)
    };
    let kept: Vec<&str> = parameters.split('&').filter(stays).collect();
    let part = |text: &str| percent_encode(text).replace('/', "%2F");
    let password = login.password.map(|password| format!(":{}", part(password))).unwrap_or_default();
    let kept = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{scheme}://{}{password}@127.0.0.1:{port}/{}{kept}", part(login.user), part(login.database))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::conninfo::Conninfo;

    fn check(original: &str, expected: &str) {
        let login = Login { user: "me", password: Some("p@ss/w:rd"), database: "shop" };
        assert_eq!(url(&login, original, 4711), expected);
    }

    #[test]
    fn urls_keep_what_is_not_about_the_way() {
        check("", "postgresql://me:p%40ss%2Fw%3Ard@127.0.0.1:4711/shop");
        check("host=db dbname=shop", "postgresql://me:p%40ss%2Fw%3Ard@127.0.0.1:4711/shop");
        check(
            "postgresql+asyncpg://u@db.example.com:5433/x?ssl=true&application_name=web&host=/tmp",
            "postgresql+asyncpg://me:p%40ss%2Fw%3Ard@127.0.0.1:4711/shop?application_name=web",
        );
        check(
            "postgres://u:p@h/x?sslmode=require&schema=public&&pgbouncer=true",
            "postgres://me:p%40ss%2Fw%3Ard@127.0.0.1:4711/shop?schema=public&pgbouncer=true",
        );
    }

    #[test]
    fn libpq_finds_the_same_address() {
        let login = Login { user: "a b", password: None, database: "c/d" };
        let urls = ["DATABASE_URL".to_owned(), "TEST_URL".to_owned()];
        let variables = of_login(&login, None, 4711, &urls);
        let value = |name: &str| {
            variables.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_deref().unwrap_or("unset"))
        };
        assert_eq!(value("TEST_URL"), value("DATABASE_URL"));
        let conninfo = Conninfo::parse(value("DATABASE_URL").unwrap()).unwrap();
        for (keyword, variable) in
            [("host", "PGHOST"), ("port", "PGPORT"), ("user", "PGUSER"), ("dbname", "PGDATABASE")]
        {
            assert_eq!(conninfo.get(keyword), value(variable), "{keyword}");
        }
        assert_eq!((value("PGPASSWORD"), value("PGSERVICE")), (None, Some("unset")));
        assert_eq!(value("PGSSLMODE"), Some("disable"));
    }
}
