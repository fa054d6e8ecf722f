//! The report as one HTML page: it loads nothing, works from a file, and is text where JavaScript is off.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page.css");
/// In the order in which they use each other.
const SCRIPTS: [&str; 8] = [
    include_str!("model.js"),
    include_str!("dom.js"),
    include_str!("tree.js"),
    include_str!("flame.js"),
    include_str!("tables.js"),
    include_str!("details.js"),
    include_str!("summary.js"),
    include_str!("page.js"),
];
/// What a style means without spaces too.
const STYLE_SPACES: [(&str, &str); 5] = [(": ", ":"), (" {", "{"), ("{ ", "{"), ("; }", "}"), (", ", ",")];
/// The longest title that window managers show.
const TITLE_CHARS: usize = 80;

/// Returns the page of a report: `json` is what `--json` prints, `text` what the terminal shows, without color.
pub(crate) fn page(title: &str, json: &str, text: &str) -> String {
    let style = compact(STYLE);
    let style = STYLE_SPACES.iter().fold(style, |style, (long, short)| style.replace(long, short));
    let script = SCRIPTS.map(compact).concat();
    // The page may run this script and use this style, and do nothing else: no request, no frame, no form, and no
    // text turned into markup.
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(&style),
        hash(&script)
    );
    format!(
        include_str!("page.html"),
        policy = policy,
        version = env!("CARGO_PKG_VERSION"),
        title = escape(&shortened(title)),
        style = style,
        text = escape(text),
        report = json.replace('<', "\\u003c"),
        script = script,
    )
}

/// Returns a source as it may stand in a content security policy.
pub(super) fn hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(source)))
}

/// Leaves out indentation, empty lines and whole-line comments. No text in the sources spans lines.
pub(super) fn compact(source: &str) -> String {
    source
        .lines()
        .map(str::trim)
        .filter(|line| {
            !line.is_empty() && !["//", "/*", "* ", "*/"].iter().any(|comment| line.starts_with(comment))
        })
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Returns a title for the window, before the script runs or without it.
fn shortened(title: &str) -> String {
    let title: String =
        title.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TITLE_CHARS).collect();
    format!("{title} – perfkit explain")
}

/// Returns text as it stands between tags. HTML cannot hold NUL, not even escaped.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\0', "␀")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The page is sent along with mails and tickets, so its own part stays small.
    const MAX_EMPTY_BYTES: usize = 60 * 1024;

    /// Returns what stands between two marks of a page.
    fn between<'p>(page: &'p str, start: &str, end: &str) -> &'p str {
        let from = page.find(start).unwrap() + start.len();
        &page[from..from + page[from..].find(end).unwrap()]
    }

    /// Checks that a name stays text in each place where it stands.
    fn check(name: &str, in_title: &str, in_text: &str) {
        let json = json!({"name": name, "plan": {"nodes": [{"id": 0, "title": name}]}});
        let page = page(name, &json.to_string(), name);
        assert_eq!(between(&page, "<title>", "</title>"), format!("{in_title} – perfkit explain"));
        assert_eq!(between(&page, "<pre dir=\"ltr\">", "</pre>"), in_text);
        let report = between(&page, "id=\"report\">", "</script>");
        assert_eq!(serde_json::from_str::<Value>(report).unwrap(), json);
    }

    #[test]
    fn names_stay_text() {
        check("orders", "orders", "orders");
        check(
            "</script><img src=x onerror=alert(1)>",
            "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;",
            "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;",
        );
        check("</title> & </pre>", "&lt;/title&gt; &amp; &lt;/pre&gt;", "&lt;/title&gt; &amp; &lt;/pre&gt;");
        check("<!--<script>\u{2028}", "&lt;!--&lt;script&gt;", "&lt;!--&lt;script&gt;\u{2028}");
        check("a\0b", "a␀b", "a␀b");
        check("{style}{}", "{style}{}", "{style}{}");
    }

    #[test]
    fn the_policy_allows_the_page_s_own_script_and_style() {
        let page = page("", "{}", "");
        let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
        for source in
            [between(&page, "<style>", "</style>"), between(&page, "<script type=\"module\">", "</script>")]
        {
            assert!(policy.contains(&hash(source)), "{policy}");
            assert!(source.len() > 10_000, "the source is cut short by something that looks like its end");
        }
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        // As `printf abc | openssl dgst -sha256 -binary | base64` has it.
        assert_eq!(hash("abc"), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }

    #[test]
    fn an_empty_page_is_small() {
        let size = page("", "{}", "").len();
        assert!(size < MAX_EMPTY_BYTES, "{size} bytes");
    }

    #[test]
    fn comments_and_indentation_are_left_out() {
        let source = "/** Says.\n * More.\n */\nf() {\n  // Why.\n  a * b; // kept\n\n}\n";
        assert_eq!(compact(source), "f() {\na * b; // kept\n}\n");
    }
}
