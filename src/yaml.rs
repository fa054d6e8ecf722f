//! Reads YAML files; an error names file, line, column and the nearest known name.
//!
//! The only user of `serde_yaml`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// A YAML text that is not what it should be.
#[derive(Debug)]
pub(crate) struct Error {
    path: PathBuf,
    location: Option<(usize, usize)>,
    message: String,
    nearest: Option<String>,
}

impl Error {
    /// The known name nearest to the wrong one, if one is near.
    pub(crate) fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }

    /// Line and column, both from 1.
    pub(crate) fn location(&self) -> Option<(usize, usize)> {
        self.location
    }

    /// What is wrong, without the place.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.location {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Error {}

/// Reads `text`, the content of the file at `path`.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Error> {
    serde_yaml::from_str(text).map_err(|error| {
        let located = error.location().map(|location| (location.line(), location.column()));
        let message = without_url(&without_location(&error.to_string()));
        let unknown = unknown_name(&message);
        // serde_yaml points at the mapping that holds an unknown key; the reader wants the key itself.
        let location = match (&unknown, located) {
            (Some((name, _)), Some((line, column))) => locate(text, name, line).or(Some((line, column))),
            _ => located,
        };
        Error {
            path: path.to_owned(),
            location,
            message: unknown.as_ref().map_or(message, |(name, _)| format!("unknown name `{name}`")),
            nearest: unknown.and_then(|(name, known)| nearest(&name, known.iter().map(String::as_str))),
        }
    })
}

/// Makes an error about `word`, a value found in a file that could be read.
pub(crate) fn error_at(path: &Path, text: &str, word: &str, message: String) -> Error {
    Error { path: path.to_owned(), location: locate(text, word, 1), message, nearest: None }
}

/// Returns where `word` stands in a file, as an error begins with it.
pub(crate) fn place(path: &Path, text: &str, word: &str) -> String {
    match locate(text, word, 1) {
        Some((line, column)) => format!("{}:{line}:{column}", path.display()),
        None => path.display().to_string(),
    }
}

/// Returns the name nearest to `wrong`, if it is near enough to be a slip of the fingers.
pub(crate) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(wrong.len()) / 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
}

/// Returns line and column of `word`, as a whole word, at or after `from_line`.
fn locate(text: &str, word: &str, from_line: usize) -> Option<(usize, usize)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.lines().enumerate().skip(from_line.saturating_sub(1)).find_map(|(i, line)| {
        line.match_indices(word)
            .find(|(at, _)| {
                !line[..*at].chars().next_back().is_some_and(is_part)
                    && !line[at + word.len()..].chars().next().is_some_and(is_part)
            })
            .map(|(at, _)| (i + 1, line[..at].chars().count() + 1))
    })
}

/// Returns the unknown name in a message of serde and the names it lists as known.
fn unknown_name(message: &str) -> Option<(String, Vec<String>)> {
    let (_, rest) =
        message.split_once("unknown field `").or_else(|| message.split_once("unknown variant `"))?;
    let (name, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((name.to_owned(), known))
}

/// Hides a quoted value that is a URL, which may hold a password.
fn without_url(message: &str) -> String {
    match (message.find("string \""), message.contains("://")) {
        (Some(start), true) => {
            let end = message[start + 8..].find("\", ").map_or(message.len(), |at| start + 8 + at + 1);
            format!("{}a URL{}", &message[..start], &message[end..])
        }
        _ => message.to_owned(),
    }
}

fn without_location(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |end| &message[..end]).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its reading is tested")]
        database: Inner,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its reading is tested")]
        statement_timeout: Option<u32>,
    }

    fn check(text: &str, expected: &str, expected_nearest: Option<&str>) {
        let error = parse::<Outer>(Path::new("perfkit.yaml"), text).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.nearest(), expected_nearest);
    }

    #[test]
    fn names_line_column_and_nearest_key() {
        check(
            "database:\n  statement_timeout: 1\n  statment_timeout: 3\n",
            "perfkit.yaml:3:3: unknown name `statment_timeout`",
            Some("statement_timeout"),
        );
        check("databse: {}\n", "perfkit.yaml:1:1: unknown name `databse`", Some("database"));
        check("database: {zzz: 1}\n", "perfkit.yaml:1:12: unknown name `zzz`", None);
    }

    #[test]
    fn names_place_of_a_wrong_type() {
        check(
            "database:\n  statement_timeout: soon\n",
            "perfkit.yaml:2:22: database.statement_timeout: invalid type: string \"soon\", expected u32",
            None,
        );
    }

    #[test]
    fn hides_urls() {
        check(
            "database: {statement_timeout: 'postgres://u:hush@h/d'}\n",
            "perfkit.yaml:1:31: database.statement_timeout: invalid type: a URL, expected u32",
            None,
        );
    }

    #[test]
    fn names_place_of_broken_yaml() {
        let error = parse::<Outer>(Path::new("p"), "database: [\n").unwrap_err();
        assert!(error.to_string().starts_with("p:"), "{error}");
    }

    #[test]
    fn locates_whole_words_only() {
        assert_eq!(locate("users: 1\nuser: 2\n", "user", 1), Some((2, 1)));
    }
}
