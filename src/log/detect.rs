//! Which format a log has, and which prefix its lines have.

use memchr::memchr_iter;

use super::csv::{self, Csv, Scan};
use super::entry::label;
use super::json::Json;
use super::prefix::Prefix;
use super::time;

/// What distributions, services and the manuals of log readers use.
const KNOWN: [&str; 17] = [
    "%m [%p] ",
    "%t [%p] ",
    "%m [%p] %q%u@%d ",
    "%t [%p] %q%u@%d ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    // pgBadger
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    // Amazon RDS and Aurora
    "%t:%r:%u@%d:[%p]:",
    "%t:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    // Google Cloud SQL
    "%m [%p]: [%l-1] db=%d,user=%u ",
    // Azure
    "%t-%c-",
    // Crunchy, Percona and others
    "%t [%p]: [%l-1] %quser=%u,db=%d,app=%a,client=%h ",
    "%m [%p] %q%u@%d/%a ",
    "",
];
/// Lines with a label that are looked at.
const MAX_LINES: usize = 400;
/// Lines that a prefix is guessed from.
const MAX_GUESSES: usize = 40;

/// The format of a log.
#[derive(Debug)]
pub(super) enum Detected {
    Stderr(Prefix),
    Csv,
    Json,
}

/// Tells the format of a log from its beginning, which ends with a whole line.
pub(super) fn detect(sample: &[u8]) -> Option<Detected> {
    let mut starts = vec![0];
    starts.extend(memchr_iter(b'\n', sample).map(|end| end + 1).filter(|start| *start < sample.len()));
    let (mut json, mut csv) = (Json::default(), Csv::default());
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(sample.len());
        let line = &sample[start..end];
        if line.first() == Some(&b'{') && json.read(line).is_some() {
            return Some(Detected::Json);
        }
        if csv::is_start(line) {
            let record = Scan::default().end(&sample[start..]).map(|length| &sample[start..start + length]);
            if record.is_some_and(|record| csv.read(record).is_some()) {
                return Some(Detected::Csv);
            }
        }
    }
    let lines: Vec<&[u8]> =
        sample.split(|byte| *byte == b'\n').filter(|line| head(line).is_some()).take(MAX_LINES).collect();
    prefix(&lines).map(Detected::Stderr)
}

/// Returns the prefix that most lines have; of two, the one that says more.
fn prefix(lines: &[&[u8]]) -> Option<Prefix> {
    let mut templates: Vec<String> = KNOWN.map(str::to_owned).to_vec();
    for line in lines.iter().take(MAX_GUESSES) {
        let guess = head(line).map(guess).unwrap_or_default();
        if !templates.contains(&guess) {
            templates.push(guess);
        }
    }
    // Processes that are no session write the first part only.
    let guesses: Vec<String> = templates[KNOWN.len()..].to_vec();
    for short in templates.clone().iter().filter(|template| !template.is_empty()) {
        let longer = guesses
            .iter()
            .filter_map(|long| long.strip_prefix(short.as_str()))
            .filter(|rest| !rest.is_empty());
        templates.extend(longer.map(|rest| format!("{short}%q{rest}")));
    }
    let mut best: Option<((usize, usize), Prefix)> = None;
    for template in &templates {
        let prefix = Prefix::new(template);
        let plausible = |line: &&[u8]| prefix.read(line).filter(|matched| !matched.head.has_spaces(line));
        let score = lines
            .iter()
            .filter_map(plausible)
            .fold((0, 0), |(n_matched, n_fields), matched| (n_matched + 1, n_fields + matched.n_fields));
        if score.0 > 0 && best.as_ref().is_none_or(|(best, _)| score > *best) {
            best = Some((score, prefix));
        }
    }
    // A line of statement text may look like one of a log.
    best.filter(|((n_matched, _), _)| n_matched * 2 >= lines.len()).map(|(_, prefix)| prefix)
}

/// Returns what stands before the label of a line.
fn head(line: &[u8]) -> Option<&[u8]> {
    const LONGEST: usize = 400;
    if line.first() == Some(&b'\t') {
        return None;
    }
    let end = line.len().min(LONGEST);
    let colon = memchr::memmem::find_iter(&line[..end], b":  ");
    colon.into_iter().find_map(|colon| {
        let letters = line[..colon].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        // `%c-LOG:` and `:[%p]:LOG:` have no space before the label, but nothing of a word.
        label(&line[colon - letters..]).map(|_| &line[..colon - letters])
    })
}

/// Guesses a template from what stands before one label.
fn guess(head: &[u8]) -> String {
    let mut guess = Guess { head, at: 0, template: String::new(), has_time: false, has_pid: false };
    while guess.at < head.len() {
        guess.step();
    }
    guess.template
}

struct Guess<'a> {
    head: &'a [u8],
    at: usize,
    template: String,
    has_time: bool,
    has_pid: bool,
}

impl Guess<'_> {
    fn step(&mut self) {
        let rest = &self.head[self.at..];
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        let before = self.at.checked_sub(1).map(|before| self.head[before]);
        if before.is_some_and(|byte| is_word(&byte)) && !self.template.ends_with('-') {
            return self.literal();
        }
        if let Some(read) = time::read(rest) {
            let has_fraction = rest.get(19) == Some(&b'.');
            let escape = if has_fraction {
                "%m"
            } else if self.has_time {
                "%s"
            } else {
                "%t"
            };
            self.has_time = true;
            return self.field(escape, read.length);
        }
        let count = |is: &dyn Fn(&u8) -> bool| rest.iter().take_while(|byte| is(byte)).count();
        let digits = count(&u8::is_ascii_digit);
        if digits == 10 && rest.get(10) == Some(&b'.') && rest.get(11).is_some_and(u8::is_ascii_digit) {
            return self.field("%n", digits + 4);
        }
        let hexadecimal = count(&|byte| byte.is_ascii_hexdigit() || *byte == b'.');
        if super::entry::session_id(&rest[..hexadecimal]).is_some() && rest.get(8) == Some(&b'.') {
            return self.field("%c", hexadecimal);
        }
        if let Some((escape, key, value)) = keyed(rest) {
            self.template.push_str(&String::from_utf8_lossy(&rest[..key]));
            self.at += key;
            return self.field(escape, value);
        }
        if rest.starts_with(b"[local]") {
            return self.field("%r", "[local]".len());
        }
        let address = count(&|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'));
        let is_address = rest[..address].iter().filter(|byte| matches!(byte, b'.' | b':')).count() >= 3;
        if is_address && address >= 7 {
            let has_port = rest.get(address) == Some(&b'(');
            let port = if has_port {
                rest[address..].iter().position(|byte| *byte == b')').map_or(0, |n| n + 1)
            } else {
                0
            };
            return self.field("%r", address + port);
        }
        let slashed = count(&|byte| byte.is_ascii_digit() || *byte == b'/');
        if digits > 0 && slashed > digits + 1 {
            return self.field("%v", slashed);
        }
        let is_number = digits > 0 && rest.get(digits).is_none_or(|byte| !is_word(byte));
        // The second part of `[%l-1]` never changes.
        if is_number && self.template.ends_with("%l-") {
            return self.literal();
        }
        if is_number && !(self.has_pid && digits == 5) {
            let escape = if self.has_pid { "%l" } else { "%p" };
            self.has_pid = true;
            return self.field(escape, digits);
        }
        let unknown = b"[unknown]";
        // What follows user and database is the application most of the time.
        if self.template.ends_with("%d ") {
            let length = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
            return self.field("%a", length);
        }
        let word = if rest.starts_with(unknown) { unknown.len() } else { count(&|byte| is_word(byte)) };
        if word > 0 && rest.get(word) == Some(&b'@') {
            let database = &rest[word + 1..];
            let length = if database.starts_with(unknown) {
                unknown.len()
            } else {
                database.iter().take_while(|byte| is_word(byte) || **byte == b'-').count()
            };
            return self.field("%u@%d", word + 1 + length);
        }
        let is_state = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        if word == 5 && rest[..5].iter().all(is_state) && rest[..5].iter().any(u8::is_ascii_digit) {
            return self.field("%e", 5);
        }
        self.literal();
    }

    fn field(&mut self, escape: &str, length: usize) {
        self.template.push_str(escape);
        self.at += length;
    }

    fn literal(&mut self) {
        let byte = self.head[self.at];
        self.template.push(char::from(byte));
        if byte == b'%' {
            self.template.push('%');
        }
        self.at += 1;
    }
}

/// Reads `user=me`: its escape, and the lengths of key and value.
fn keyed(text: &[u8]) -> Option<(&'static str, usize, usize)> {
    const KEYS: [(&str, &str); 23] = [
        ("user", "%u"),
        ("usr", "%u"),
        ("u", "%u"),
        ("username", "%u"),
        ("db", "%d"),
        ("database", "%d"),
        ("dbname", "%d"),
        ("d", "%d"),
        ("app", "%a"),
        ("application", "%a"),
        ("application_name", "%a"),
        ("appname", "%a"),
        ("a", "%a"),
        ("client", "%h"),
        ("host", "%h"),
        ("remote", "%r"),
        ("h", "%h"),
        ("pid", "%p"),
        ("p", "%p"),
        ("session", "%c"),
        ("vxid", "%v"),
        ("xid", "%x"),
        ("sqlstate", "%e"),
    ];
    let equals = text.iter().take(20).position(|byte| *byte == b'=')?;
    let (_, escape) = KEYS.iter().find(|(key, _)| key.as_bytes().eq_ignore_ascii_case(&text[..equals]))?;
    let value = &text[equals + 1..];
    let is_application = *escape == "%a";
    // Names of applications have spaces; what follows one is another key, or the end.
    let is_end = |byte: &u8| {
        matches!(byte, b',' | b'|' | b';' | b')') || (!is_application && matches!(byte, b' ' | b'/'))
    };
    let length = if value.starts_with(b"[unknown]") || value.starts_with(b"[local]") {
        value.iter().position(|byte| *byte == b']').map_or(0, |end| end + 1)
    } else {
        let is_end = |byte: &u8| is_end(byte) || *byte == b']';
        value.iter().position(is_end).unwrap_or(value.trim_ascii_end().len())
    };
    Some((escape, equals + 1, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: &str) {
        let text = lines.join("\n") + "\n";
        let found = match detect(text.as_bytes()) {
            Some(Detected::Stderr(prefix)) => prefix.template().to_owned(),
            Some(Detected::Csv) => "csv".to_owned(),
            Some(Detected::Json) => "json".to_owned(),
            None => "-".to_owned(),
        };
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn tells_well_known_prefixes() {
        check(&["2026-11-22 11:48:11.123 UTC [7] LOG:  x"], "%m [%p] ");
        check(
            &["2026-11-22 11:48:11.123 UTC [7] LOG:  x", "2026-11-22 11:48:11.123 UTC [8] me@shop LOG:  x"],
            "%m [%p] %q%u@%d ",
        );
        check(&["2026-11-22 11:48:11 UTC:10.0.0.1(4711):me@shop:[7]:LOG:  x"], "%t:%r:%u@%d:[%p]:");
        check(&["2026-11-22 11:48:11 UTC-63b0d0f0.1a2b-LOG:  x"], "%t-%c-");
        check(&["LOG:  x", "\tLOG:  y"], "");
    }

    #[test]
    fn guesses_where_background_processes_stop() {
        check(
            &[
                "2026-11-22 11:48:11.123 UTC [7] me@shop psql 3/12 00000 LOG:  x",
                "2026-11-22 11:48:11.123 UTC [8] LOG:  x",
            ],
            "%m [%p] %q%u@%d %a %v %e ",
        );
    }

    #[test]
    fn guesses_prefixes() {
        check(&["1795348091.123 7 [3-1] me@shop 3/12 00000: LOG:  x"], "%n %p [%l-1] %u@%d %v %e: ");
        check(
            &[
                "2026-11-22 11:48:11.123 UTC [7] me@shop psql 3/12 LOG:  x",
                "2026-11-22 11:48:11.123 UTC [7] me@shop my app 3/12 LOG:  x",
            ],
            "%m [%p] %u@%d %a %v ",
        );
        check(
            &["<2026-11-22 11:48:11.123 UTC|63b0d0f0.1a2b|app=my app|db=shop|10.0.0.1(4711)> LOG:  x"],
            "<%m|%c|app=%a|db=%d|%r> ",
        );
    }

    #[test]
    fn tells_other_formats() {
        check(
            &[
                "cut,of",
                "{\"timestamp\":\"2026-11-22 11:48:11.123 UTC\",\"pid\":7,\"error_severity\":\"LOG\"}",
            ],
            "json",
        );
        check(
            &[
                "2026-11-22 11:48:11.123 UTC,,,7,,63b0d0f0.7,1,,2026-11-22 11:48:00 UTC,,0,LOG,00000,\"a",
                "b\",,,,,,,,,\"\"",
            ],
            "csv",
        );
        check(&["hello", "world"], "-");
        check(&[""], "-");
    }
}
