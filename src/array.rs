//! Array literals of PostgreSQL: `{a,"b c",NULL}` (manual, "Arrays", section "Array Input and Output Syntax").

/// Reads an array of one dimension, whose NULL elements are `None`; `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Vec<Option<String>>> {
    let mut rest = text.trim();
    // `[0:2]={1,2,3}` when the first index is not 1.
    if rest.starts_with('[') {
        rest = rest.split_once('=')?.1.trim_start();
    }
    let mut rest = rest.strip_prefix('{')?.strip_suffix('}')?.trim_start();
    let mut elements = Vec::new();
    if rest.is_empty() {
        return Some(elements);
    }
    loop {
        let (element, after) = element(rest)?;
        elements.push(element);
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return after.is_empty().then_some(elements),
        }
    }
}

/// Reads one element, and returns what follows it.
fn element(text: &str) -> Option<(Option<String>, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    if text.starts_with('"') {
        chars.next();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return Some((Some(value), text[at + 1..].trim_start())),
                '\\' => value.push(chars.next()?.1),
                c => value.push(c),
            }
        }
        return None;
    }
    let mut end = text.len();
    let mut is_escaped = false;
    // Space around an element does not count, unless it is escaped.
    let mut kept = 0;
    while let Some((at, c)) = chars.next() {
        match c {
            ',' => {
                end = at;
                break;
            }
            '{' | '}' | '"' => return None,
            '\\' => {
                is_escaped = true;
                value.push(chars.next()?.1);
                kept = value.len();
            }
            c => {
                value.push(c);
                if !c.is_ascii_whitespace() {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    let is_null = !is_escaped && value.eq_ignore_ascii_case("null");
    let is_missing = value.is_empty();
    (!is_missing).then_some(((!is_null).then_some(value), &text[end..]))
}

/// Writes an array of one dimension.
pub(crate) fn write<'a>(elements: impl IntoIterator<Item = Option<&'a str>>) -> String {
    let elements: Vec<String> =
        elements.into_iter().map(|element| element.map_or_else(|| "NULL".to_owned(), quoted)).collect();
    format!("{{{}}}", elements.join(","))
}

fn quoted(element: &str) -> String {
    format!("\"{}\"", element.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_server_writes() {
        let some = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            ("{}", Some(vec![])),
            (" { 1, 2 ,NULL } ", Some(vec![some("1"), some("2"), None])),
            (
                r#"{"a b","",null,"NULL","x\"y\\z","{1,2}"}"#,
                Some(vec![some("a b"), some(""), None, some("NULL"), some("x\"y\\z"), some("{1,2}")]),
            ),
            (r"{a\,b,\null,c d\ }", Some(vec![some("a,b"), some("null"), some("c d ")])),
            ("[0:1]={7,8}", Some(vec![some("7"), some("8")])),
            ("{{1},{2}}", None),
            ("{1,}", None),
            ("{,1}", None),
            ("{\"a}", None),
            ("{\"a\"b}", None),
            ("{a\\}", None),
            ("1,2", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(elements in prop::collection::vec(prop::option::of("\\PC{0,8}|[\\\\\"{},N]{0,6}"), 0..6)) {
            let text = write(elements.iter().map(Option::as_deref));
            prop_assert_eq!(parse(&text), Some(elements));
        }

        #[test]
        fn bad_input_never_panics(text in "[{}\\[\\]=\\\\\",a ü]{0,20}") {
            let _ = parse(&text);
        }
    }
}
