//! Finds what `auto_explain` wrote into a server log: stderr with any prefix, syslog, csvlog, jsonlog, and what
//! collectors of logs make of these.

use std::borrow::Cow;

use super::block::{Block, Format, Spelling};
use super::border::bare_lines;
use super::cell::{closing_quote, string_lines, undoubled};
use super::frame::{extent, is_break};
use super::{Line, Skipped};

/// Bytes of a line that may belong to a prefix.
const MAX_PREFIX: usize = 256;

/// Lines of other processes that may stand between two of one entry in syslog.
const MAX_GAP: usize = 100;

/// Where an entry says that a plan follows.
struct Mark {
    /// Of `duration:`.
    start: usize,
    /// Behind `plan:`.
    end: usize,
    duration_ms: f64,
}

/// What follows a mark.
struct Entry<'a> {
    lines: Vec<Line<'a>>,
    spelling: Spelling,
    /// Where the next mark may stand.
    end: usize,
    /// Why the entry is known not to be whole.
    problem: Option<&'static str>,
}

pub(super) fn has_entries(text: &str) -> bool {
    marks(text).next().is_some()
}

/// Returns the plans of a log, in order; in the place of one that the log cut off, why it cannot be read.
pub(super) fn blocks(text: &str) -> Vec<Result<Block<'_>, Skipped>> {
    let mut blocks = Vec::new();
    let mut place = Place { at: 0, line_start: 0, line: 1, column: 1 };
    let mut end = 0;
    for mark in marks(text) {
        // A statement may speak of marks, too.
        if mark.start < end {
            continue;
        }
        place.advance(text, mark.start);
        let entry = entry(text, &mark, &place);
        end = entry.end;
        let skipped = |reason| Skipped { line: place.line, column: place.column, reason };
        blocks.push(block(entry, &mark).map_err(skipped));
    }
    blocks
}

/// Where a mark stands. All entries of a log may stand in one line, so places are counted from one to the next.
struct Place {
    at: usize,
    line_start: usize,
    /// From 1.
    line: usize,
    /// From 1.
    column: usize,
}

impl Place {
    fn advance(&mut self, text: &str, to: usize) {
        let passed = &text[self.at..to];
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        let mut rest = passed;
        if let Some(end) = passed.rfind('\n') {
            self.line_start = self.at + end + 1;
            self.column = 1;
            rest = &passed[end + 1..];
        }
        self.column += rest.chars().count();
        self.at = to;
    }
}

/// `duration: 1.234 ms  plan:`; `auto_explain` does not translate it.
fn marks(text: &str) -> impl Iterator<Item = Mark> {
    text.match_indices("plan:").filter_map(|(at, plan)| {
        let before = text[..at].trim_end().strip_suffix("ms")?.trim_end();
        let number = before.rfind(|c: char| !c.is_ascii_digit() && c != '.')? + 1;
        let duration_ms = before.get(number..)?.parse().ok()?;
        let start = before[..number].trim_end().strip_suffix("duration:")?.len();
        Some(Mark { start, end: at + plan.len(), duration_ms })
    })
}

fn block<'a>(entry: Entry<'a>, mark: &Mark) -> Result<Block<'a>, String> {
    let Entry { mut lines, spelling, problem, .. } = entry;
    if let Some(problem) = problem {
        return Err(problem.to_owned());
    }
    let Some(first) = lines.iter().position(|line| !line.text.trim().is_empty()) else {
        return Err("there is no plan after \"plan:\": the log was cut off".to_owned());
    };
    lines.drain(..first);
    let format = Format::of(&lines[0].text).unwrap_or(Format::Text);
    Ok(Block { format, lines, spelling, duration_ms: Some(mark.duration_ms) })
}

/// Reads the entry at a mark.
fn entry<'a>(text: &'a str, mark: &Mark, place: &Place) -> Entry<'a> {
    let prefix = &text[place.line_start..mark.start];
    let rest = &text[mark.end..];
    if rest.starts_with("\\n") {
        return of_json(text, mark, place);
    }
    if rest.starts_with("#012") {
        return of_one_line(text, mark, place);
    }
    let after = rest.find('\n').map_or(text.len(), |end| mark.end + end + 1);
    let following = Following { text, at: after, number: place.line + 1 };
    if prefix.ends_with('"') {
        return of_csv(following);
    }
    let first = following.clone().next().map_or("", |line| line.text);
    if first.starts_with('\t') {
        return of_stderr(following);
    }
    if let Some(head) = Syslog::of(prefix) {
        return of_syslog(following, &head);
    }
    match collected(prefix, first) {
        Some(head) => of_collector(following, head),
        None => of_client(&following),
    }
}

/// The lines of the input from a place on.
#[derive(Clone)]
struct Following<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

struct Physical<'a> {
    start: usize,
    number: usize,
    text: &'a str,
}

impl<'a> Iterator for Following<'a> {
    type Item = Physical<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        let rest = &self.text[self.at..];
        let end = rest.find('\n').unwrap_or(rest.len());
        let line = Physical { start: self.at, number: self.number, text: rest[..end].trim_end_matches('\r') };
        self.at += end + 1;
        self.number += 1;
        Some(line)
    }
}

impl<'a> Physical<'a> {
    /// The line from a byte on.
    fn from(&self, at: usize) -> Line<'a> {
        let text = Cow::Borrowed(&self.text[at..]);
        Line { number: self.number, column: self.text[..at].chars().count() + 1, text }
    }
}

/// stderr: a tab before each line but the first. Editors may have taken it off empty lines.
fn of_stderr(following: Following) -> Entry {
    let mut entry = Entry { lines: Vec::new(), spelling: Spelling::Plain, end: following.at, problem: None };
    let mut following = following.peekable();
    while let Some(line) = following.next() {
        if line.text.starts_with('\t') {
            entry.lines.push(line.from(1));
        } else if line.text.is_empty() && following.peek().is_some_and(|next| next.text.starts_with('\t')) {
            entry.lines.push(line.from(0));
        } else {
            break;
        }
        entry.end = line.start + line.text.len();
    }
    entry
}

/// csvlog: the rest of a field in quotes, over several lines.
fn of_csv(following: Following) -> Entry {
    let mut entry =
        Entry { lines: Vec::new(), spelling: Spelling::Doubled, end: following.at, problem: None };
    for line in following {
        let end = closing_quote(line.text);
        let text = undoubled(Cow::Borrowed(&line.text[..end.unwrap_or(line.text.len())]));
        entry.lines.push(Line { number: line.number, column: 1, text });
        entry.end = line.start + line.text.len();
        if end.is_some() {
            return entry;
        }
    }
    entry.problem = Some("the field of the CSV log has no end: the log was cut off");
    entry
}

/// jsonlog, and logs whose lines a collector put into JSON: the rest of a string.
fn of_json<'a>(text: &'a str, mark: &Mark, place: &Place) -> Entry<'a> {
    let mut entry = Entry { lines: Vec::new(), spelling: Spelling::Json, end: mark.end, problem: None };
    // An even number of backslashes before a quote are backslashes themselves.
    let is_free = |at: usize| {
        let before = &text[place.line_start..at];
        (before.len() - before.trim_end_matches('\\').len()).is_multiple_of(2)
    };
    let before = text[place.line_start..mark.start].rmatch_indices('"');
    let start = before.map(|(at, _)| place.line_start + at).find(|at| is_free(*at));
    let mut after = text[mark.end..].match_indices(['"', '\n']).map(|(at, stop)| (mark.end + at, stop));
    let end = after.find(|(at, stop)| *stop == "\n" || is_free(*at)).unwrap_or((text.len(), "\n"));
    entry.end = end.0;
    let mut lines = Vec::new();
    let string = start.filter(|_| end.1 == "\"").and_then(|start| {
        let column = place.column - text[start..mark.start].chars().count();
        string_lines(
            &Line { number: place.line, column, text: Cow::Borrowed(&text[start..=end.0]) },
            &mut lines,
        )
    });
    if string.is_none() {
        entry.problem = Some("the message of the JSON log has no end: the log was cut off");
        return entry;
    }
    let mark = lines.iter().position(|line| line.text.trim_end().ends_with("plan:")).map_or(0, |at| at + 1);
    entry.lines = lines.split_off(mark);
    // The message of a line of stderr has its tabs.
    if entry.lines.iter().all(|line| line.text.is_empty() || line.text.starts_with('\t')) {
        entry.lines.iter_mut().for_each(without_tab);
    }
    entry
}

fn without_tab(line: &mut Line) {
    if let Some(text) = line.text.strip_prefix('\t') {
        line.column += 2;
        line.text = Cow::Owned(text.to_owned());
    }
}

/// A collector of syslog that writes control characters as `#` and their octal codes: the whole entry in one line.
fn of_one_line<'a>(text: &'a str, mark: &Mark, place: &Place) -> Entry<'a> {
    let line_end = text[mark.end..].find('\n').map_or(text.len(), |end| mark.end + end);
    let number = place.line;
    let mut column = place.column + text[mark.start..mark.end].chars().count();
    let mut lines = Vec::new();
    for piece in text[mark.end..line_end].trim_end_matches('\r').split("#012") {
        let bare = piece.strip_prefix("#011").unwrap_or(piece);
        lines.push(Line { number, column: column + piece.len() - bare.len(), text: unescaped(bare) });
        column += piece.chars().count() + "#012".len();
    }
    Entry { lines, spelling: Spelling::Syslog, end: line_end, problem: None }
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains("#011") { Cow::Owned(text.replace("#011", "\t")) } else { Cow::Borrowed(text) }
}

/// Strips the tab that a line of an entry begins with behind its prefix.
fn after_tab(text: &str) -> Option<&str> {
    text.strip_prefix('\t').or_else(|| text.strip_prefix("#011"))
}

/// What syslog or journald puts before a line of PostgreSQL, as in `Jul  5 10:00:00 db postgres[71]: [3-2] `.
struct Syslog<'a> {
    /// Program and process, as in `postgres[71]:`.
    process: &'a str,
    /// The number of the message and of its line (`syslog_sequence_numbers`).
    numbers: Option<(u64, u64)>,
    /// Bytes of it all.
    length: usize,
}

impl<'a> Syslog<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let head = &line[..line.floor_char_boundary(MAX_PREFIX)];
        let numbered = head.match_indices('[').find_map(|(start, _)| {
            let (numbers, rest) = head[start + 1..].split_once(']')?;
            let (message, line) = numbers.split_once('-')?;
            let numbers = (message.parse().ok()?, line.parse().ok()?);
            rest.starts_with(' ').then(|| (start, numbers, head.len() - rest.len() + 1))
        });
        if let Some((start, numbers, length)) = numbered {
            // RFC 5424 writes `postgres 71 - -`.
            let before = head[..start].trim_end();
            let mut words = before.rsplit(' ');
            let name = words.find(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))?;
            let process = &before[name.as_ptr() as usize - before.as_ptr() as usize..];
            return Some(Self { process, numbers: Some(numbers), length });
        }
        head.match_indices("]: ").find_map(|(end, _)| {
            let (name, pid) = head[..end].rsplit_once('[')?;
            let start = name.rfind(' ').map_or(0, |at| at + 1);
            let is_pid = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
            is_pid.then(|| Self { process: &head[start..end], numbers: None, length: end + "]: ".len() })
        })
    }
}

/// syslog: lines of other processes may stand between, and long lines go on without a tab.
fn of_syslog<'a>(following: Following<'a>, head: &Syslog) -> Entry<'a> {
    let mut entry = Entry { lines: Vec::new(), spelling: Spelling::Syslog, end: following.at, problem: None };
    let mut last = head.numbers;
    let mut gap = 0;
    for line in following {
        let is_own = line.text.contains(head.process);
        let own = is_own.then(|| Syslog::of(line.text)).flatten().filter(|own| own.process == head.process);
        let Some(own) = own else {
            gap += 1;
            if gap > MAX_GAP {
                break;
            }
            continue;
        };
        gap = 0;
        match (last, own.numbers) {
            (Some((message, _)), Some((own, _))) if own != message => break,
            (Some((_, last)), Some((_, number))) if number != last + 1 => {
                entry.problem = Some("lines are missing within the entry: the log was cut off");
                break;
            }
            _ => last = own.numbers,
        }
        let rest = &line.text[own.length..];
        match (after_tab(rest), entry.lines.last_mut()) {
            (Some(text), _) => {
                let line = line.from(line.text.len() - text.len());
                entry.lines.push(Line { text: unescaped(text), ..line });
            }
            (None, Some(whole)) if own.numbers.is_some() => whole.text.to_mut().push_str(&unescaped(rest)),
            (None, _) => break,
        }
    }
    entry
}

/// Returns what a collector put before the first line of an entry and, alike, before the second.
fn collected<'a>(prefix: &str, second: &'a str) -> Option<&'a str> {
    let tab =
        second.find(['\t', '#']).filter(|at| *at <= MAX_PREFIX && after_tab(&second[*at..]).is_some())?;
    let head = &second[..tab];
    is_alike(head, prefix).then_some(head)
}

/// Whether a text begins like another, but for numbers.
fn is_alike(head: &str, text: &str) -> bool {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (mut head, mut text) = (head, text);
    while let Some(c) = head.chars().next() {
        let (own, other) = (digits(head), digits(text));
        if (own == 0) != (other == 0) || (own == 0 && !text.starts_with(c)) {
            return false;
        }
        head = &head[own.max(if own == 0 { c.len_utf8() } else { 0 })..];
        text = &text[other.max(if other == 0 { c.len_utf8() } else { 0 })..];
    }
    true
}

/// docker compose, Kubernetes, `aws logs tail`: something alike before every line.
fn of_collector<'a>(following: Following<'a>, head: &str) -> Entry<'a> {
    let mut entry = Entry { lines: Vec::new(), spelling: Spelling::Syslog, end: following.at, problem: None };
    for line in following {
        let own = collected(head, line.text).map(|own| &line.text[own.len()..]);
        let Some(text) = own.and_then(after_tab) else { break };
        entry.end = line.start + line.text.len();
        let line = line.from(line.text.len() - text.len());
        entry.lines.push(Line { text: unescaped(text), ..line });
    }
    entry
}

/// What psql shows with `client_min_messages = log`, among results: nothing stands before the lines.
fn of_client<'a>(following: &Following<'a>) -> Entry<'a> {
    let rest = &following.text[following.at..];
    let next = marks(rest).next().map_or(rest, |mark| {
        let line_start = rest[..mark.start].rfind('\n').map_or(0, |end| end + 1);
        &rest[..line_start]
    });
    let mut lines = bare_lines(next);
    let format = lines.first().and_then(|line| Format::of(&line.text)).unwrap_or(Format::Text);
    let mut end = extent(format, &lines);
    if format == Format::Text {
        let is_message = |line: &Line| {
            let word =
                line.text.split(":  ").next().unwrap_or_default().rsplit(' ').next().unwrap_or_default();
            line.text.contains(":  ") && word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase())
        };
        end = lines[..end].iter().position(is_message).unwrap_or(end);
        // The header of a result stands before its ruler.
        if lines
            .get(end)
            .is_some_and(|line| is_break(&line.text) && line.text.trim_start().starts_with(['-', '─']))
        {
            end = end.saturating_sub(1);
        }
    }
    lines.truncate(end);
    for line in &mut lines {
        line.number += following.number - 1;
    }
    Entry { lines, spelling: Spelling::Plain, end: following.at, problem: None }
}

#[cfg(test)]
mod tests {
    use super::super::plans;

    const PREFIX: &str = "2026-11-21 06:25:53 UTC:[local]:u@d:[71]:";

    /// Entries of a log as the server makes them: a line and, behind tabs, more lines.
    const ENTRIES: [&str; 6] = [
        "LOG:  duration: 0.007 ms  statement: SET a = 'plan:'",
        "LOG:  duration: 1.500 ms  plan:\n\tQuery Text: SELECT \"a\"\n\t  FROM t\n\t\n\t WHERE b = $1;\n\tQuery Parameters: \
         $1 = 'it''s'\n\tLimit  (cost=0.00..1.00 rows=1 width=4) (actual rows=1 loops=1)\n\t  ->  Seq Scan on t  \
         (cost=0.00..9.00 rows=9 width=4) (actual rows=1 loops=1)\n\t        Filter: (b = 'x\ty'::text)",
        "CONTEXT:  PL/pgSQL function f() line 1 at RETURN\n\tmore of it",
        "LOG:  duration: 2.000 ms  plan:\n\t{\n\t  \"Query Text\": \"SELECT '\\\"'\",\n\t  \"Plan\": {\n\t    \"Node Type\": \
         \"Result\"\n\t  }\n\t}",
        "LOG:  duration: 3.000 ms  plan:\n\tQuery Text: \"SELECT 1\"\n\tPlan: \n\t  Node Type: \"Result\"\n\t  Plan Rows: 1",
        "LOG:  duration: 4.000 ms  plan:\n\t<explain xmlns=\"x\">\n\t  <Query-Text>SELECT 1</Query-Text>\n\t  <Plan>\n\t    \
         <Node-Type>Result</Node-Type>\n\t  </Plan>\n\t</explain>",
    ];

    /// Reads a log and tells duration, types of nodes and statement of each plan, then what was skipped.
    fn told(log: &str) -> Vec<String> {
        let reading = match plans(log.as_bytes()) {
            Ok(reading) => reading,
            Err(error) => return vec![error.to_string()],
        };
        let plans = reading.plans.iter().map(|plan| {
            let types: Vec<&str> = plan.nodes.iter().map(|node| node.node_type.as_str()).collect();
            format!(
                "{} {} {:?}",
                plan.details["Duration"],
                types.join(" "),
                plan.query.as_deref().unwrap_or("")
            )
        });
        plans.chain(reading.skipped.iter().map(|skipped| format!("{skipped:?}"))).collect()
    }

    #[track_caller]
    fn check(log: &str) {
        let expected = [
            "1.5 Limit Seq Scan \"SELECT \\\"a\\\"\\n  FROM t\\n\\n WHERE b = $1;\"",
            "2.0 Result \"SELECT '\\\"'\"",
            "3.0 Result \"SELECT 1\"",
            "4.0 Result \"SELECT 1\"",
        ];
        assert_eq!(told(log), expected, "{log}");
        let read = plans(log.as_bytes()).unwrap();
        assert_eq!(read.plans[0].nodes[1].text("Filter"), Some("(b = 'x\ty'::text)"), "{log}");
        assert_eq!(read.plans[0].details["Query Parameters"], "$1 = 'it''s'", "{log}");
    }

    fn entries(line: impl Fn(usize, usize, &str) -> String) -> String {
        let entry = |(i, entry): (usize, &&str)| {
            entry.split('\n').enumerate().map(|(j, text)| line(i, j, text)).collect::<String>()
        };
        ENTRIES.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn reads_stderr_with_any_prefix() {
        for prefix in [PREFIX, "", "< 2026-11-21 06:25:53.123 GMT >", "[71] u@d %% ", "0\t"] {
            let log = entries(|_, j, text| format!("{}{text}\n", if j == 0 { prefix } else { "" }));
            check(&log);
            check(&log.replace('\n', "\r\n"));
            // An editor took the blanks off the ends of lines.
            check(&log.replace("\n\t\n", "\n\n"));
        }
    }

    #[test]
    fn reads_what_collectors_put_before_every_line() {
        check(&entries(|_, _, text| format!("db-1  | {text}\n")));
        check(&entries(|i, j, text| {
            format!("2026-11-21T06:25:53.{i}{j}1Z stderr F {PREFIX}{text}\n")
                .replace(&format!("{PREFIX}\t"), "\t")
        }));
        check(&entries(|i, j, text| format!("2026-11-21T06:2{i}:{j}3+00:00 shop-1.0 {text}\n")));
    }

    #[test]
    fn reads_syslog() {
        let escaped = |text: &str| text.replace('\t', "#011");
        check(&entries(|i, j, text| {
            let (i, j, text) = (i + 9, j + 1, escaped(text));
            format!(
                "Nov  1 06:25:{j} db postgres[71]: [{i}-{j}] {text}\nNov  1 06:25:00 db postgres[72]: [{i}-{j}] LOG:  x\n"
            )
        }));
        check(&entries(|i, j, text| {
            format!("<134>1 2026-11-21T06:25:53Z db postgres 71 - - [{i}-{j}] {}\nno syslog\n", escaped(text))
        }));
        check(&entries(|_, _, text| format!("Nov 21 06:25:53 db postgres[71]: {text}\n")));
        // Lines longer than syslog takes go on without a tab.
        let numbered = |(i, entry): (usize, &&str)| {
            let pieces = escaped(entry).replace("rows=", "\nrows=");
            let line = |(j, piece): (usize, &str)| format!("db postgres[71]: [{i}-{}] {piece}\n", j + 1);
            pieces.split('\n').enumerate().map(line).collect::<String>()
        };
        check(&ENTRIES.iter().enumerate().map(numbered).collect::<String>());
        let line = |entry: &&str| {
            format!("Nov 21 06:25:53 db postgres[71]: {}\n", escaped(entry).replace('\n', "#012"))
        };
        check(&ENTRIES.iter().map(line).collect::<String>());
    }

    #[test]
    fn reads_csv_and_json() {
        let message = |entry: &str| entry.replacen("LOG:  ", "", 1).replace("\n\t", "\n");
        let csv = |entry: &&str| {
            format!(
                "2026-11-21 06:25:53 UTC,\"u\",\"d\",71,LOG,00000,\"{}\",,,\"psql\"\n",
                message(entry).replace('"', "\"\"")
            )
        };
        check(&ENTRIES.iter().map(csv).collect::<String>());
        let json = |entry: &&str| {
            format!("{}\n", serde_json::json!({"pid": 71, "message": message(entry), "query_id": 0}))
        };
        check(&ENTRIES.iter().map(json).collect::<String>());
        // Lines of stderr in the JSON of a collector.
        let json = |entry: &&str| serde_json::json!({"message": format!("{PREFIX}{entry}")});
        let events: Vec<_> = ENTRIES.iter().map(json).collect();
        check(&serde_json::to_string_pretty(&serde_json::json!({ "events": events })).unwrap());
    }

    #[test]
    fn reads_what_psql_shows() {
        let result = " a \n---\n 1\n(1 row)\n\n";
        check(
            &entries(|_, _, text| format!("{}\n", text.strip_prefix('\t').unwrap_or(text)))
                .replace("CONTEXT:", &format!("{result}CONTEXT:")),
        );
    }

    #[test]
    fn names_what_the_log_cut_off() {
        let entry = |text: &str| format!("{PREFIX}LOG:  duration: 1.5 ms  plan:\n{text}");
        let whole = entry("\tResult  (cost=0.00..1.00 rows=1 width=4)\n");
        let skipped = |line, column, reason: &str| {
            vec![
                "1.5 Result \"\"".to_owned(),
                format!("Skipped {{ line: {line}, column: {column}, reason: {reason:?} }}"),
            ]
        };
        let check = |cut: String, expected| assert_eq!(told(&format!("{cut}{whole}")), expected, "{cut}");
        check(entry(""), skipped(1, 48, "there is no plan after \"plan:\": the log was cut off"));
        check(
            entry("\tQuery Text: SELECT\n"),
            skipped(2, 2, "the entry ends before its plan: the log was cut off"),
        );
        check(
            entry("\t{\n\t  \"Plan\": {\n"),
            skipped(3, 13, "the JSON was cut off: it ends with 2 lists or objects open"),
        );
        let syslog = "db postgres[7]: [3-1] LOG:  duration: 1.5 ms  plan:\ndb postgres[7]: [3-2] #011Result\n\
                      db postgres[7]: [3-4] #011  x\n";
        check(syslog.to_owned(), skipped(1, 29, "lines are missing within the entry: the log was cut off"));
        let json = "{\"message\":\"duration: 1.5 ms  plan:\\nResult\n";
        check(json.to_owned(), skipped(1, 13, "the message of the JSON log has no end: the log was cut off"));
        assert_eq!(
            told("a,\"duration: 1.5 ms  plan:\nResult  (cost=0.00..1.00 rows=1 width=4)\n"),
            ["line 1, column 4: the field of the CSV log has no end: the log was cut off"]
        );
    }
}
