//! Takes the lines of TEXT plans apart by what they begin, and rejoins lines that a terminal or a mail broke.

use std::borrow::Cow;

use super::balance::Balance;
use super::node;
use crate::plan::read::Line;

/// A node, property or other item of a plan, in one line again.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// Of its first line in the input, from 1.
    pub(super) number: usize,
    /// Of its first character in that line, from 1.
    pub(super) column: usize,
    /// Blanks before it.
    pub(super) indent: usize,
    pub(super) kind: Kind,
    /// Without the arrow and without blanks around it.
    pub(super) text: Cow<'a, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first node of a plan.
    Root,
    /// A node below another; `indent` is that of its arrow.
    Node,
    /// `InitPlan 1 (returns $0)`, `SubPlan 2` or `CTE x`: the name of the node that follows.
    Label,
    /// One of several tables that a `ModifyTable` changes, as in `Update on part_1 t_1`.
    Target,
    /// `Key: value`.
    Property,
    /// A line of the statement that `auto_explain` logs before the plan.
    Query,
    /// The values of the statement's parameters, before the plan.
    Parameters,
    /// Anything else between the lines of a plan.
    Note,
    /// What ends a plan: a header, a ruler or a row count.
    End,
}

/// Where in the input the reader is.
#[derive(Clone, Copy, Debug)]
enum State {
    Outside,
    Query,
    Inside {
        root_indent: usize,
        /// Whether the root has costs or was measured, as then every node has or was.
        has_measures: bool,
        /// Whether the last node is a `ModifyTable`, whose targets may follow.
        lists_targets: bool,
    },
}

/// The entries of an input, in order.
pub(super) struct Entries<'a> {
    lines: &'a [Line<'a>],
    next: usize,
    /// Characters in the longest line: a line as long as that may have been broken anywhere.
    width: usize,
    /// Whether several lines are as long, as where a terminal broke them; the indentation must not be lost, too.
    is_wrapped: bool,
    state: State,
}

impl<'a> Entries<'a> {
    pub(super) fn new(lines: &'a [Line<'a>]) -> Self {
        let (mut width, mut n_widest) = (0, 0);
        for length in lines.iter().map(|line| length(&line.text)) {
            if length > width {
                (width, n_widest) = (length, 0);
            }
            n_widest += usize::from(length == width);
        }
        let is_indented = |line: &Line<'_>| {
            let (indent, start) = indentation(&line.text);
            indent > 1 && after_arrow(&line.text[start..]).is_some()
        };
        let is_wrapped = n_widest > 1 && lines.iter().any(is_indented);
        Self { lines, next: 0, width, is_wrapped, state: State::Outside }
    }

    /// Says what a line begins, if anything, and at which byte. What is taken goes on to the end of the line.
    fn begin(&mut self, line: &str) -> Option<(Kind, usize)> {
        let line = line.trim_end();
        let (indent, start) = indentation(line);
        let text = &line[start..];
        let at = |rest: &str| line.len() - rest.len();
        if let Some(query) = text.strip_prefix("Query Text:") {
            self.state = State::Query;
            return Some((Kind::Query, at(query.trim_start())));
        }
        match self.state {
            State::Query => Some(if let Some(parameters) = text.strip_prefix("Query Parameters:") {
                (Kind::Parameters, at(parameters.trim_start()))
            } else if node::has_measures(text) {
                (Kind::Root, at(after_arrow(text).unwrap_or(text)))
            } else {
                // A statement keeps its own indentation.
                (Kind::Query, 0)
            }),
            _ if is_end(text) => {
                self.state = State::Outside;
                Some((Kind::End, start))
            }
            State::Outside => {
                if let Some(node) = after_arrow(text) {
                    return Some((Kind::Root, at(node)));
                }
                let is_root = node::has_measures(text)
                    || node::is_known(text)
                    || node::is_broken(text)
                    || self.has_child(indent, text);
                is_root.then_some((Kind::Root, start))
            }
            State::Inside { root_indent, lists_targets, .. } => {
                // Some tools take the arrows away.
                let kind_of_node = if indent > root_indent { Kind::Node } else { Kind::Root };
                let kind = if let Some(node) = after_arrow(text) {
                    return Some((Kind::Node, at(node)));
                } else if is_label(text) {
                    Kind::Label
                } else if property(text).is_some() {
                    Kind::Property
                } else if node::has_measures(text) {
                    kind_of_node
                } else if lists_targets && node::is_target(text) {
                    Kind::Target
                } else if node::is_known(text) {
                    kind_of_node
                } else if indent > root_indent {
                    Kind::Note
                } else {
                    return None;
                };
                Some((kind, start))
            }
        }
    }

    /// Joins a line with those that a terminal tore off at its width, wherever that was.
    fn whole(&mut self, line: &'a Line<'a>) -> (Cow<'a, str>, &'a Line<'a>) {
        let (mut text, mut last) = (Cow::Borrowed(&*line.text), line);
        while let Some(next) = self.lines.get(self.next)
            && self.is_torn(last, next)
        {
            text.to_mut().push_str(&next.text);
            last = next;
            self.next += 1;
        }
        (text, last)
    }

    /// Whether a line is as long as a terminal is wide, and the next one stands left of all that a plan has.
    fn is_torn(&self, last: &Line<'_>, next: &Line<'_>) -> bool {
        let State::Inside { root_indent, .. } = self.state else { return false };
        if !self.is_wrapped || length(&last.text) < self.width {
            return false;
        }
        let (indent, start) = indentation(&next.text);
        let text = next.text[start..].trim_end();
        let is_begin = text.is_empty()
            || after_arrow(text).is_some()
            || is_end(text)
            || is_tail(text)
            || node::begins_known(text);
        indent < root_indent + 2 && !is_begin
    }

    /// Whether an arrow follows that is further to the right: so the line is a node, even if of an unknown type.
    fn has_child(&self, indent: usize, text: &str) -> bool {
        if !text.starts_with(|c: char| c.is_ascii_uppercase()) || text.ends_with([';', ':', ',']) {
            return false;
        }
        let following = self.lines[self.next..].iter().find(|line| !line.text.trim().is_empty());
        following.is_some_and(|line| {
            let (further, skipped) = indentation(&line.text);
            further > indent && after_arrow(line.text[skipped..].trim_end()).is_some()
        })
    }

    /// Appends the lines that continue an entry.
    fn complete(&mut self, entry: &mut Entry<'a>, mut last: &'a Line<'a>) {
        let is_block = entry.text.ends_with(':');
        let mut balance = None;
        while let Some(line) = self.lines.get(self.next) {
            let (indent, skipped) = indentation(&line.text);
            let text = line.text.trim_end().get(skipped..).unwrap_or_default();
            let likelihood = self.likelihood(entry, indent, text);
            if likelihood == Likelihood::Never {
                return;
            }
            let balance = balance.get_or_insert_with(|| Balance::default().after(&entry.text));
            let is_full = length(&last.text) >= self.width;
            let continues = match likelihood {
                Likelihood::Never => false,
                Likelihood::IfOpen => balance.is_open(),
                Likelihood::IfIncomplete => balance.is_open() || is_full || entry.text.ends_with(','),
                Likelihood::Always => true,
            };
            if !continues {
                return;
            }
            let joined = entry.text.to_mut();
            if is_block || (balance.is_in_literal() && !(is_full && self.is_wrapped)) {
                // A line break of its own, such as in a literal, with the blanks after it.
                joined.push('\n');
                joined.push_str(line.text.trim_end());
            } else {
                let has_blank = last.text.ends_with(' ') || line.text.starts_with(' ');
                // A node is broken in the middle of a word, or where blanks do not matter.
                let is_node = matches!(entry.kind, Kind::Node | Kind::Root);
                if has_blank || !(is_full || is_node) {
                    joined.push(' ');
                }
                joined.push_str(text);
            }
            *balance = balance.after(text);
            last = line;
            self.next += 1;
        }
    }

    /// Says how likely it is from its text that a line is the rest of an entry.
    fn likelihood(&self, entry: &Entry<'_>, indent: usize, text: &str) -> Likelihood {
        let State::Inside { root_indent, has_measures, .. } = self.state else { return Likelihood::Never };
        if text.is_empty() || is_end(text) || after_arrow(text).is_some() {
            return Likelihood::Never;
        }
        let is_node = matches!(entry.kind, Kind::Node | Kind::Root);
        if is_label(text) || property(text).is_some() {
            // Only an open quote or parenthesis tells that this is not what it looks like.
            let may_be_other = !is_node && indent <= root_indent && !is_tail(text);
            return if may_be_other { Likelihood::IfOpen } else { Likelihood::Never };
        }
        if text.starts_with(['(', ')', ',', '=', '<', '>', ':', '|', '\'', '.'])
            || text.starts_with("AND ")
            || text.starts_with("OR ")
        {
            return Likelihood::Always;
        }
        if is_node && has_measures && !node::has_measures(&entry.text) {
            return Likelihood::Always;
        }
        if node::is_known(text) || node::has_measures(text) {
            // The rest of `(cost=… widt` may look like a node with what was measured.
            return if is_node { Likelihood::IfOpen } else { Likelihood::Never };
        }
        let is_block = entry.kind == Kind::Property && entry.text.ends_with(':') && indent > entry.indent;
        if is_block { Likelihood::Always } else { Likelihood::IfIncomplete }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likelihood {
    Never,
    /// When the entry has an open quote or parenthesis.
    IfOpen,
    /// Also when the entry may have been broken at the end of its line.
    IfIncomplete,
    Always,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.lines.get(self.next)?;
            self.next += 1;
            let is_blank = line.text.trim().is_empty();
            if is_blank && !matches!(self.state, State::Query) {
                continue;
            }
            let (text, last) = self.whole(line);
            let Some((kind, start)) = self.begin(&text) else { continue };
            let (indent, _) = indentation(&text);
            let column = line.column + length(&text[..start]);
            let text = match text {
                Cow::Borrowed(text) => text[start..].trim_end().into(),
                Cow::Owned(text) => text[start..].trim_end().to_owned().into(),
            };
            let mut entry = Entry { number: line.number, column, indent, kind, text };
            if kind == Kind::Root {
                self.state = State::Inside { root_indent: indent, has_measures: false, lists_targets: false };
            }
            if matches!(kind, Kind::Root | Kind::Node | Kind::Property | Kind::Label) {
                self.complete(&mut entry, last);
            }
            if let State::Inside { has_measures, lists_targets, .. } = &mut self.state {
                match entry.kind {
                    Kind::Root => {
                        *has_measures = node::has_measures(&entry.text);
                        *lists_targets = node::is_target(&entry.text);
                    }
                    Kind::Node => *lists_targets = node::is_target(&entry.text),
                    _ => {}
                }
            }
            return Some(entry);
        }
    }
}

/// Characters, as a terminal counts them.
fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// Returns the columns and the bytes of the blanks that a line begins with; a tab goes to the next multiple of 8.
fn indentation(text: &str) -> (usize, usize) {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        match c {
            '\t' => columns += 8 - columns % 8,
            c if c.is_whitespace() => columns += 1,
            _ => return (columns, at),
        }
    }
    (columns, text.len())
}

/// Returns what follows the arrow of a node's line.
fn after_arrow(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("->").or_else(|| text.strip_prefix('→'))?;
    let node = rest.trim_start();
    // `-> 'key'` is JSON's operator, at the begin of a broken line.
    let is_node = node.is_empty()
        || rest.starts_with("  ")
        || (rest.len() > node.len() && node.starts_with(|c: char| c.is_alphabetic()));
    is_node.then_some(node)
}

fn is_label(text: &str) -> bool {
    let is_label =
        |word: &str| text.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    text.starts_with(['I', 'S', 'C'])
        && (is_label("InitPlan") || is_label("SubPlan") || is_label("CTE"))
        && !text.starts_with("CTE Scan on ")
}

/// Splits a line at the colon after its key. A key is a few words without quotes, as in `Rows Removed by Filter`.
pub(super) fn property(text: &str) -> Option<(&str, &str)> {
    /// The longest key of PostgreSQL 18 has 31 characters; triggers have their names in it.
    const LONGEST_KEY: usize = 64;

    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    if text.starts_with("Trigger ") {
        let end = text.rfind(": time=").or_else(|| text.rfind(": calls="));
        if let Some(end) = end {
            return Some((&text[..end], text[end + 1..].trim_start()));
        }
    }
    let is_of_key =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'/' | b'-' | b'_' | b'.');
    let end = text.bytes().take(LONGEST_KEY).position(|byte| !is_of_key(byte))?;
    let value = text[end..].strip_prefix(':')?;
    (value.is_empty() || value.starts_with(' ')).then(|| (&text[..end], value.trim_start()))
}

/// Whether a line is one of those at the end of a plan.
fn is_tail(text: &str) -> bool {
    property(text).is_some_and(|(key, _)| super::tail::is_tail(key))
}

/// `QUERY PLAN`, the ruler below it, and the row count at the end.
fn is_end(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'(') => is_row_count(text),
        Some(b'-' | b'=' | b'Q' | b'+' | 0x80..) => {
            let bare = text.trim_matches(['-', '─', '═', '=', '+', '┼', '|', ' ']);
            bare == "QUERY PLAN" || (bare.is_empty() && length(text) > 2)
        }
        _ => false,
    }
}

/// `(5 rows)`, in any language.
fn is_row_count(text: &str) -> bool {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.and_then(|inner| inner.split_once(' ')).is_some_and(|(count, word)| {
        !count.is_empty()
            && count.bytes().all(|byte| byte.is_ascii_digit())
            && !word.is_empty()
            && word.chars().all(char::is_alphabetic)
    })
}
