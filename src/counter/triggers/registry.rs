//! What a function says of itself: the first line of its body names the site that it serves.
//!
//! So the catalog alone tells which counters a database has, also in a restored dump and on a standby. The functions of guards
//! name the place alone, for they are there before that function.

use crate::counter::FORMAT;
use crate::counter::site::{Mode, Site, Storage};

/// What the body of a function of ours begins with.
pub(crate) const MARK: &str = "/* perfkit counter ";
/// What the body of a guard begins with.
const GUARD_MARK: &str = "/* perfkit counter guard ";
const END: &str = " */";

/// Why what a function says of itself cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("it is of form {0}; this perfkit reads forms up to {FORMAT}")]
    Newer(u32),
    #[error("its first line was changed: {0}")]
    Broken(String),
}

/// Returns the first line of a site's function.
pub(super) fn header(site: &Site) -> String {
    line(MARK, site)
}

/// Returns the first line of a guard's function.
pub(super) fn guard_header(site: &Site) -> String {
    let place = Site {
        counters: Vec::new(),
        mode: Mode::Inline,
        afterwards: None,
        storage: Storage::Column,
        guard: false,
        ..site.clone()
    };
    line(GUARD_MARK, &place)
}

fn line(mark: &str, site: &Site) -> String {
    let json = serde_json::to_string(site).expect("a site is made of strings and numbers");
    // A slash is in strings only, where JSON may escape it: so nothing in the comment ends it or opens another.
    format!("{mark}{}{END}", json.replace('/', "\\u002f"))
}

/// Returns the site that a function serves; `None` for a function that is not ours.
pub(crate) fn read(body: &str) -> Option<Result<Site, RegistryError>> {
    marked(MARK, body)
}

/// Returns the place that a guard watches over, as a site without counters; `None` for a function that is none.
pub(crate) fn read_guard(body: &str) -> Option<Site> {
    marked(GUARD_MARK, body)?.ok()
}

fn marked(mark: &str, body: &str) -> Option<Result<Site, RegistryError>> {
    let rest = body.trim_start().strip_prefix(mark)?;
    // A guard is no site.
    if mark == MARK && rest.starts_with("guard ") {
        return None;
    }
    let Some((json, _)) = rest.split_once(END) else {
        return Some(Err(RegistryError::Broken("it has no end".to_owned())));
    };
    Some(site(json))
}

fn site(json: &str) -> Result<Site, RegistryError> {
    let broken = |error: serde_json::Error| RegistryError::Broken(error.to_string());
    let value: serde_json::Value = serde_json::from_str(json).map_err(broken)?;
    match value
        .get("format")
        .and_then(serde_json::Value::as_u64)
        .and_then(|format| u32::try_from(format).ok())
    {
        Some(format) if format > FORMAT => Err(RegistryError::Newer(format)),
        _ => serde_json::from_value(value).map_err(broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;

    #[test]
    fn a_body_tells_its_site() {
        for site in
            [fixture::mentions(), fixture::mentions_of_all_kinds(), fixture::composite(), fixture::side()]
        {
            assert_eq!(read(&format!("\n{}\nBEGIN", header(&site))), Some(Ok(site)));
        }
    }

    #[test]
    fn what_is_not_ours_or_too_new_is_told_apart() {
        assert_eq!(read("BEGIN RETURN NULL; END"), None);
        assert_eq!(read("/* perfkit counter {\"format\":2,\"x\":1} */"), Some(Err(RegistryError::Newer(2))));
        for broken in
            ["/* perfkit counter {\"format\":1} */", "/* perfkit counter {", "/* perfkit counter x */"]
        {
            assert!(matches!(read(broken), Some(Err(RegistryError::Broken(_)))), "{broken}");
        }
    }

    #[test]
    fn a_comment_stays_one() {
        let condition = "(a <> '*/ /* x'::text)";
        let site = fixture::site("c", "k", "p", vec![fixture::count("n", Some(condition))]);
        let header = header(&site);
        assert_eq!((header.matches("/*").count(), header.matches("*/").count()), (1, 1), "{header}");
        assert_eq!(read(&header), Some(Ok(site)));
    }
}
