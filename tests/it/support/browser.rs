//! A headless Chromium that shows a page from a file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// A page that hangs is ended after this.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a browser made of a page.
pub(crate) struct Shown {
    /// The document after the scripts have run.
    pub(crate) dom: String,
    /// What the page wrote to the console: errors, and what its security policy refused.
    pub(crate) console: Vec<String>,
}

/// An element's opening tag.
pub(crate) struct Tag<'d> {
    pub(crate) name: &'d str,
    attributes: Vec<(&'d str, &'d str)>,
    /// The text up to the next tag; none in scripts and styles.
    pub(crate) text: &'d str,
}

/// What a page is shown on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) is_dark: bool,
}

/// What a page looks like on a screen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    width: u32,
    dark: bool,
    /// By how many pixels it is wider than its screen.
    overflow: i32,
    /// What is drawn beside its plot, and which labels lie on others.
    outside: Vec<String>,
    overlapping: Vec<String>,
    /// The height of the smallest label.
    label_px: f64,
    text_contrast: f64,
    line_contrast: f64,
}

/// Looks at a page that runs no script, in a frame of one that does: windows are not as narrow as phones. What it draws must fit and
/// be readable.
pub(crate) fn look_at(page: &Path, screen: Screen) -> Look {
    /// What text and graphics need (Web Content Accessibility Guidelines 2, 1.4.3); two of six colors of lines are less on white, and
    /// have their names beside them.
    const MIN_TEXT_CONTRAST: f64 = 4.5;
    const MIN_LINE_CONTRAST: f64 = 2.0;
    const MIN_LABEL_PX: f64 = 9.0;
    let text =
        std::fs::read_to_string(page).expect("it was written").replace('&', "&amp;").replace('"', "&quot;");
    let around = format!(
        "<!doctype html><meta charset=\"utf-8\"><style>:root {{ color-scheme: light dark; }} iframe {{ border: 0; width: {}px; height: 3000px; }}</style>\
         <body><iframe srcdoc=\"{text}\"></iframe><script>(async () => {{{}}})()</script>",
        screen.width,
        include_str!("probe.js")
    );
    let copy = page.with_extension("framed.html");
    std::fs::write(&copy, around).expect("the folder can be written");
    let shown = show_on(&copy, "", screen);
    let look: Look = serde_json::from_str(&shown.text_of("pre", "probe")).expect("the probe has run");
    assert_eq!((look.width, look.dark), (screen.width, screen.is_dark));
    assert!(look.overflow <= 0 && look.outside.is_empty() && look.overlapping.is_empty(), "{look:?}");
    assert!(look.text_contrast >= MIN_TEXT_CONTRAST && look.line_contrast >= MIN_LINE_CONTRAST, "{look:?}");
    assert!(look.label_px >= MIN_LABEL_PX, "{look:?}");
    look
}

/// Shows a page at this fragment of its address (`#view=flame`), until its timers are done.
pub(crate) fn show(page: &Path, fragment: &str) -> Shown {
    show_on(page, fragment, Screen { width: 1200, is_dark: false })
}

fn show_on(page: &Path, fragment: &str, screen: Screen) -> Shown {
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(program())
        .args([
            "--headless",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--virtual-time-budget=5000",
            "--dump-dom",
        ])
        // Chromium's sandbox needs rights that containers and root do not have; the page is ours.
        .arg("--no-sandbox")
        .arg(format!("--window-size={},900", screen.width))
        .arg(format!("--blink-settings=preferredColorScheme={}", i32::from(!screen.is_dark)))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}{fragment}", page.display()))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(profile.path().join("dom")).expect("the folder can be written"))
        .stderr(std::fs::File::create(profile.path().join("log")).expect("the folder can be written"))
        .spawn()
        .expect("Chromium starts");
    let started = Instant::now();
    while child.try_wait().expect("Chromium can be waited for").is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().expect("Chromium can be ended");
            panic!("Chromium did not finish {}{fragment}", page.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let read = |name: &str| {
        String::from_utf8_lossy(&std::fs::read(profile.path().join(name)).expect("it was written"))
            .into_owned()
    };
    let console = read("log").lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    Shown { dom: read("dom"), console }
}

/// The browser that `scripts/ensure-chromium` finds or installs.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/ensure-chromium"))
            .stderr(Stdio::inherit())
            .output()
            .expect("scripts/ensure-chromium starts");
        assert!(output.status.success(), "scripts/ensure-chromium found no browser");
        let text = String::from_utf8_lossy(&output.stdout);
        PathBuf::from(text.lines().last().expect("it prints the program's path"))
    })
}

impl Shown {
    /// Returns the opening tags of these elements that have this class.
    pub(crate) fn tags<'d>(&'d self, name: &'d str, class: &'d str) -> impl Iterator<Item = Tag<'d>> {
        tags(&self.dom).filter(move |tag| tag.name == name && tag.classes().any(|each| each == class))
    }

    /// Returns the element of this name and id, up to the next end of such an element.
    pub(crate) fn element(&self, name: &str, id: &str) -> &str {
        let start =
            self.dom.find(&format!("<{name} id=\"{id}\"")).unwrap_or_else(|| panic!("no {name} {id}"));
        let end = self.dom[start..].find(&format!("</{name}>")).expect("it is closed");
        &self.dom[start..start + end]
    }

    /// Returns the text of such an element, with one space where any space or tag is.
    pub(crate) fn text_of(&self, name: &str, id: &str) -> String {
        let mut quoted = false;
        let mut in_tag = false;
        let mut text = String::new();
        for c in self.element(name, id).chars() {
            match c {
                '"' if in_tag => quoted = !quoted,
                '<' if !quoted => in_tag = true,
                '>' if in_tag && !quoted => {
                    in_tag = false;
                    text.push(' ');
                }
                _ if in_tag => {}
                _ => text.push(c),
            }
        }
        unescaped(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Tag<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| unescaped(value))
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    pub(crate) fn attribute_names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| *name)
    }

    /// Returns a custom property of its own style, which is a percentage.
    pub(crate) fn percentage(&self, property: &str) -> Option<f64> {
        let style = self.get("style")?;
        let value = style
            .split(';')
            .find_map(|part| part.trim().strip_prefix(property)?.strip_prefix(':').map(str::to_owned))?;
        value.trim().strip_suffix('%')?.parse().ok()
    }

    fn classes(&self) -> impl Iterator<Item = &str> {
        let value = self.attributes.iter().find(|(key, _)| *key == "class").map_or("", |(_, value)| *value);
        value.split(' ')
    }
}

/// Reads the opening tags of a document as Chromium writes it: every value in double quotes.
pub(crate) fn tags(dom: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = dom;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('<')? + 1..];
            let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric())?;
            let name = &rest[..name_end];
            if name.is_empty() {
                continue; // A closing tag, a comment or the document type.
            }
            rest = &rest[name_end..];
            let mut attributes = Vec::new();
            while !rest.trim_start().starts_with('>') {
                rest = rest.trim_start();
                let (key, after) = rest.split_once("=\"")?;
                let (value, after) = after.split_once('"')?;
                attributes.push((key, value));
                rest = after;
            }
            rest = &rest[rest.find('>')? + 1..];
            let mut text = &rest[..rest.find('<').unwrap_or(rest.len())];
            if matches!(name, "script" | "style") {
                rest = &rest[rest.find(&format!("</{name}>"))?..];
                text = "";
            }
            return Some(Tag { name, attributes, text });
        }
    })
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}
