//! The words of column names, and what is looked up by them.

use super::words;

/// Splits a name into lower-case words: at anything but letters and digits, and before the capitals of `camelCase`.
pub(super) fn tokens(name: &str) -> Vec<String> {
    let mut tokens: Vec<String> = vec![String::new()];
    let chars: Vec<char> = name.chars().collect();
    for (place, &c) in chars.iter().enumerate() {
        let is_lower = |place: Option<&char>| place.is_some_and(|c| c.is_lowercase());
        let before = place.checked_sub(1).map(|place| chars[place]);
        let starts_hump = c.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_uppercase() && is_lower(chars.get(place + 1)))
            });
        if !c.is_alphanumeric() || starts_hump {
            tokens.push(String::new());
        }
        if c.is_alphanumeric() {
            tokens.last_mut().expect("one from the start").extend(c.to_lowercase());
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// Returns the singular of an English noun, as far as its ending tells.
pub(super) fn singular(noun: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    match noun {
        "people" => "person".to_owned(),
        "children" => "child".to_owned(),
        "series" | "news" => noun.to_owned(),
        "movies" | "cookies" => noun[..noun.len() - 1].to_owned(),
        _ if noun.len() > 4 && ends(&["ies"]) => format!("{}y", &noun[..noun.len() - 3]),
        _ if ends(&["sses", "xes", "ches", "shes", "uses"]) => noun[..noun.len() - 2].to_owned(),
        _ if noun.len() > 3 && ends(&["s"]) && !ends(&["ss", "us", "is"]) => {
            noun[..noun.len() - 1].to_owned()
        }
        _ => noun.to_owned(),
    }
}

/// Words before a column's own that say what it is of: `item` of `order_items`.
pub(super) fn subject(relation: &str) -> Option<String> {
    tokens(relation).last().map(|noun| singular(noun))
}

/// A table of a lexicon: names, with blanks between, and what they mean. Names are compared without their `_`, so that
/// `firstname` is `first_name`.
pub(super) type Entries<T> = [(&'static str, T)];

/// Returns what the longest ending of a name means: `billing_first_name` ends in `first_name`.
pub(super) fn ending<'t, T>(tokens: &[String], entries: &'t Entries<T>) -> Option<&'t T> {
    let simple = simplified(tokens);
    endings(tokens).chain(endings(&simple)).find_map(|name| exact(&name, entries))
}

/// Returns the word list whose name a column's name ends in.
pub(super) fn list(tokens: &[String]) -> Option<&'static str> {
    let simple = simplified(tokens);
    endings(tokens)
        .chain(endings(&simple))
        .find_map(|name| words::LISTS.iter().map(|(list, _)| *list).find(|list| is_same(list, &name)))
}

/// Returns what a whole name means.
pub(super) fn exact<'t, T>(name: &str, entries: &'t Entries<T>) -> Option<&'t T> {
    let of = |names: &str| names.split(' ').any(|known| is_same(known, name));
    entries.iter().find(|(names, _)| of(names)).map(|(_, meaning)| meaning)
}

fn is_same(known: &str, name: &str) -> bool {
    known.bytes().filter(|&byte| byte != b'_').eq(name.bytes())
}

fn endings(tokens: &[String]) -> impl Iterator<Item = String> {
    (0..tokens.len()).map(|start| tokens[start..].concat())
}

/// Returns the name without numbers, its last word in the singular: `address_line_2`, `phone1` and `emails` are known by that.
fn simplified(tokens: &[String]) -> Vec<String> {
    let mut simple: Vec<String> = tokens
        .iter()
        .map(|token| token.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned())
        .filter(|token| !token.is_empty())
        .collect();
    if let Some(last) = simple.last_mut() {
        *last = singular(last);
    }
    simple
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &[&str]) {
        assert_eq!(tokens(name), expected, "{name}");
    }

    #[test]
    fn splits_names_into_words() {
        check("created_at", &["created", "at"]);
        check("createdAt", &["created", "at"]);
        check("HTMLBody", &["html", "body"]);
        check("userID", &["user", "id"]);
        check("sha256Hash", &["sha256", "hash"]);
        check("Zip Code", &["zip", "code"]);
        check("__x--y", &["x", "y"]);
        check("", &[]);
        check("straße", &["straße"]);
    }

    #[test]
    fn knows_singulars() {
        for (plural, one) in [
            ("users", "user"),
            ("categories", "category"),
            ("addresses", "address"),
            ("boxes", "box"),
            ("status", "status"),
            ("statuses", "status"),
            ("people", "person"),
            ("is", "is"),
        ] {
            assert_eq!(singular(plural), one);
        }
    }

    #[test]
    fn the_longest_ending_counts() {
        let entries = [("name", 1), ("first_name given", 2)];
        let find = |name: &str| ending(&tokens(name), &entries).copied();
        assert_eq!(find("billing_first_name"), Some(2));
        assert_eq!(find("firstname"), Some(2));
        assert_eq!(find("first_names"), Some(2));
        assert_eq!(find("first_name_2"), Some(2));
        assert_eq!(find("surname"), None);
        assert_eq!(list(&tokens("colorful")), None);
        assert_eq!(list(&tokens("wall_colors")), Some("color"));
    }
}
