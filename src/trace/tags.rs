//! Call sites in comments: sqlcommenter (`/*route='/notes',traceparent='00-…'*/`) and marginalia (`/*action:index*/`).
//!
//! Only a comment at the end or at the beginning of a statement counts, as both libraries write it; hints (`/*+ … */`)
//! and comments of another form are none.

/// Returns the key-value pairs of a comment's text without its `/*` and `*/`; `None` when it is no call site.
pub(super) fn of_comment(comment: &str) -> Option<Vec<(String, String)>> {
    let comment = comment.trim();
    if comment.is_empty() || comment.starts_with('+') {
        return None;
    }
    if comment.ends_with('\'') { sqlcommenter(comment) } else { marginalia(comment) }
}

/// `key='value'` with commas between; keys and values are URL-encoded, quotes and backslashes in them escaped by `\`
/// (specification of sqlcommenter, "Format").
fn sqlcommenter(comment: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = comment;
    loop {
        let (key, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('\'')?;
        let end = closing_quote(quoted)?;
        if !is_key(key.trim()) {
            return None;
        }
        pairs.push((decoded(key.trim()), decoded(&quoted[..end].replace("\\'", "'"))));
        rest = quoted[end + 1..].trim_start();
        if rest.is_empty() {
            return Some(pairs);
        }
        rest = rest.strip_prefix(',')?;
    }
}

fn closing_quote(quoted: &str) -> Option<usize> {
    let mut is_escaped = false;
    quoted.bytes().position(|byte| {
        let closes = byte == b'\'' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })
}

/// `key:value` with commas between (marginalia; Rails' query logs write the same, or sqlcommenter's form).
fn marginalia(comment: &str) -> Option<Vec<(String, String)>> {
    comment
        .split(',')
        .map(|pair| {
            let (key, value) = pair.split_once(':')?;
            is_key(key.trim()).then(|| (key.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

/// Prose is no key: there are no spaces in one.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.%".contains(&byte))
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |n: usize| bytes.get(at + n).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(comment: &str, expected: &str) {
        let found = of_comment(comment).map(|pairs| {
            pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found.as_deref().unwrap_or("none"), expected, "{comment}");
    }

    #[test]
    fn reads_sqlcommenter() {
        check("route='%2Fnotes%20new',db_driver='x'", "route=/notes new db_driver=x");
        check(r"name='it\'s', a='b'", "name=it's a=b");
        check(
            "traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'",
            "traceparent=00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01",
        );
        check("a='%zz%4'", "a=%zz%4");
        check("a='b", "none");
        check("a='b' c='d'", "none");
    }

    #[test]
    fn reads_marginalia() {
        check(
            "application:Notes,controller:notes,action:index",
            "application=Notes controller=notes action=index",
        );
        check("line:/app/models/note.rb:12:in `all'", "none");
        check("line:/app/models/note.rb:12:in all", "line=/app/models/note.rb:12:in all");
        check("see the manual: it says so", "none");
        check("+ SeqScan(a)", "none");
        check("", "none");
        check("todo", "none");
    }
}
