//! Texts that match patterns: how many there are, and the n-th of them.
//!
//! Patterns are parsed by `regex-syntax` after PostgreSQL's own notation is translated (manual, "Pattern Matching"),
//! made to nondeterministic automata, and all of a [`TextDomain`]'s together, negated ones too, to one deterministic
//! automaton: that has exactly one path for each text, so counting paths counts texts, and the n-th path is the n-th
//! text. Texts are made of ASCII and of what the patterns name; the shorter ones come first.

use std::collections::{BTreeMap, BTreeSet};

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use regex_syntax::{ParserBuilder, escape, is_meta_character};

use super::domain::TextDomain;
use crate::query::check::{Pattern, PatternKind};

/// Texts are made up to so many characters longer than the shortest: 26^16 is more than is ever asked for.
const MAX_SLACK: u32 = 16;
/// No text is made that must have more characters.
const MAX_CHARS: u32 = 4_096;
/// Patterns that need larger automata are left to the server; so many states are counted in well under a second.
const MAX_NFA_STATES: usize = 8_000;
const MAX_DFA_STATES: usize = 2_000;
/// Where letters and what a pattern names give fewer texts, all printable ASCII characters are used.
const ENOUGH: u64 = 1_000_000;
/// The characters of a class with at most so many of ASCII count as named: letters and digits, but not all but a few.
const MAX_NAMED: usize = 62;

/// Whether a pattern can be translated.
pub(super) fn is_understood(pattern: &Pattern) -> bool {
    Nfa::new(pattern, false).is_some()
}

/// Whether a text is in a domain; where a pattern is not understood, it is not.
pub(crate) fn accepts(domain: &TextDomain, text: &str) -> bool {
    let n_chars = text.chars().count();
    u32::try_from(n_chars).is_ok_and(|n| (domain.min_chars..=domain.max_chars).contains(&n))
        && domain.patterns.iter().all(|(pattern, negated)| {
            Nfa::new(pattern, *negated).is_some_and(|nfa| {
                let mut set = nfa.closure(&[nfa.start], true, false);
                for c in text.chars() {
                    let next = nfa.step(&set, |class| nfa.classes[class].contains(c));
                    set = nfa.closure(&next, false, false);
                }
                nfa.is_accepting(&set, text.is_empty())
            })
        })
}

/// All texts of a domain, in an order.
#[derive(Debug)]
pub(crate) struct Texts {
    min_chars: u32,
    /// Characters that no pattern tells apart.
    symbols: Vec<Vec<char>>,
    /// For each state and group of `symbols` the next state; the first state is 0.
    next: Vec<Vec<usize>>,
    /// For each number of characters that are left and each state: how many texts (at most `u64::MAX`).
    counts: Vec<Vec<u64>>,
}

impl Texts {
    /// Prepares the texts of a domain; `None` where its patterns are too large or not understood.
    pub(crate) fn new(domain: &TextDomain) -> Option<Self> {
        let nfas: Vec<Nfa> = domain
            .patterns
            .iter()
            .map(|(pattern, negated)| Nfa::new(pattern, *negated))
            .collect::<Option<_>>()?;
        let named: BTreeSet<char> = nfas.iter().flat_map(|nfa| nfa.named.iter().copied()).collect();
        let of = |more: &mut dyn Iterator<Item = char>| {
            let mut alphabet: Vec<char> = more.collect();
            alphabet.extend(named.iter().filter(|c| !alphabet.contains(c)).collect::<Vec<_>>());
            Self::over(domain, &nfas, &alphabet)
        };
        let plain = of(&mut ('a'..='z'))?;
        if plain.size() >= ENOUGH {
            return Some(plain);
        }
        let printable = ('a'..='z').chain('A'..='Z').chain('0'..='9');
        of(&mut printable.chain((' '..='~').filter(|c| !c.is_ascii_alphanumeric())))
    }

    pub(crate) fn size(&self) -> u64 {
        self.counts
            .iter()
            .skip(usize::try_from(self.min_chars).unwrap_or(usize::MAX))
            .fold(0, |sum, counts| sum.saturating_add(counts[0]))
    }

    /// Returns the n-th text; every `n` below the size gives another one.
    pub(crate) fn nth(&self, mut n: u64) -> Option<String> {
        let mut left = usize::try_from(self.min_chars).ok()?;
        while n >= self.counts.get(left)?[0] {
            n -= self.counts[left][0];
            left += 1;
        }
        let (mut state, mut text) = (0, String::with_capacity(left));
        while left > 0 {
            left -= 1;
            for (symbols, &next) in self.symbols.iter().zip(&self.next[state]) {
                let each = self.counts[left][next];
                let all = each.saturating_mul(u64::try_from(symbols.len()).ok()?);
                if n < all {
                    text.push(symbols[usize::try_from(n / each).ok()?]);
                    n %= each;
                    state = next;
                    break;
                }
                n -= all;
            }
        }
        Some(text)
    }

    fn over(domain: &TextDomain, nfas: &[Nfa], alphabet: &[char]) -> Option<Self> {
        let symbols = groups(nfas, alphabet);
        let start = State {
            is_start: true,
            sets: nfas.iter().map(|nfa| nfa.closure(&[nfa.start], true, false)).collect(),
        };
        let mut places = BTreeMap::from([(start.clone(), 0)]);
        let mut states = vec![start];
        let mut next = Vec::new();
        while let Some(state) = states.get(next.len()).cloned() {
            let mut row = Vec::with_capacity(symbols.len());
            for group in &symbols {
                let sets = nfas.iter().zip(&state.sets).map(|(nfa, set)| {
                    nfa.closure(&nfa.step(set, |class| nfa.classes[class].contains(group[0])), false, false)
                });
                let reached = State { is_start: false, sets: sets.collect() };
                let place = *places.entry(reached.clone()).or_insert(states.len());
                if place == states.len() {
                    states.push(reached);
                }
                row.push(place);
            }
            next.push(row);
            if states.len() > MAX_DFA_STATES {
                return None;
            }
        }
        let is_accepted = |state: &State| {
            nfas.iter().zip(&state.sets).all(|(nfa, set)| nfa.is_accepting(set, state.is_start))
        };
        let mut counts: Vec<Vec<u64>> =
            vec![states.iter().map(|state| u64::from(is_accepted(state))).collect()];
        let (mut n_chars, mut last) = (0, domain.max_chars.min(MAX_CHARS));
        loop {
            let before = counts.last().expect("the counts of the empty text");
            if n_chars >= domain.min_chars && before[0] > 0 {
                last = last.min(n_chars.saturating_add(MAX_SLACK));
                break;
            }
            if n_chars >= last {
                break;
            }
            counts.push(longer(before, &symbols, &next));
            n_chars += 1;
        }
        while n_chars < last {
            counts.push(longer(counts.last().expect("as above"), &symbols, &next));
            n_chars += 1;
        }
        Some(Self { min_chars: domain.min_chars, symbols, next, counts })
    }
}

/// Counts the texts of one character more.
fn longer(before: &[u64], symbols: &[Vec<char>], next: &[Vec<usize>]) -> Vec<u64> {
    next.iter()
        .map(|row| {
            row.iter().zip(symbols).fold(0_u64, |sum, (&to, group)| {
                let n = u64::try_from(group.len()).unwrap_or(u64::MAX);
                sum.saturating_add(before[to].saturating_mul(n))
            })
        })
        .collect()
}

/// Puts characters together that no class tells apart.
fn groups(nfas: &[Nfa], alphabet: &[char]) -> Vec<Vec<char>> {
    let mut groups: Vec<(Vec<bool>, Vec<char>)> = Vec::new();
    for &c in alphabet {
        let sign: Vec<bool> =
            nfas.iter().flat_map(|nfa| nfa.classes.iter().map(|class| class.contains(c))).collect();
        match groups.iter_mut().find(|(other, _)| *other == sign) {
            Some((_, group)) => group.push(c),
            None => groups.push((sign, vec![c])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// A state of the deterministic automaton: where each of the others may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    is_start: bool,
    sets: Vec<Vec<usize>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Ranges(Vec<(char, char)>);

impl Ranges {
    fn contains(&self, c: char) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&c))
    }
}

#[derive(Debug)]
enum Step {
    /// One character of a class, then on.
    One(usize, usize),
    Either(Vec<usize>),
    /// On at the start or the end of the text alone.
    Start(usize),
    End(usize),
    Match,
}

/// A nondeterministic automaton of the whole text (Thompson, "Regular Expression Search Algorithm", 1968).
#[derive(Debug)]
struct Nfa {
    steps: Vec<Step>,
    classes: Vec<Ranges>,
    start: usize,
    is_negated: bool,
    /// Characters that the pattern names, unless it is negated.
    named: BTreeSet<char>,
}

impl Nfa {
    fn new(pattern: &Pattern, is_negated: bool) -> Option<Self> {
        let ignores_case =
            matches!(pattern.kind, PatternKind::RegexIgnoringCase | PatternKind::LikeIgnoringCase);
        let (text, ignores_case) = match pattern.kind {
            PatternKind::Like | PatternKind::LikeIgnoringCase => (like(&pattern.text)?, ignores_case),
            PatternKind::Similar => (similar(&pattern.text)?, false),
            PatternKind::Regex | PatternKind::RegexIgnoringCase => regex(&pattern.text, ignores_case)?,
        };
        let hir = ParserBuilder::new()
            .dot_matches_new_line(true)
            .case_insensitive(ignores_case)
            .build()
            .parse(&text)
            .ok()?;
        let mut nfa = Self {
            steps: vec![Step::Match],
            classes: Vec::new(),
            start: 0,
            is_negated,
            named: BTreeSet::new(),
        };
        let any = nfa.class(vec![(char::MIN, char::MAX)]);
        let after = nfa.any(any, 0);
        let inner = nfa.add(&hir, after)?;
        nfa.start = nfa.any(any, inner);
        if is_negated {
            nfa.named.clear();
        }
        Some(nfa)
    }

    fn push(&mut self, step: Step) -> Option<usize> {
        self.steps.push(step);
        (self.steps.len() <= MAX_NFA_STATES).then_some(self.steps.len() - 1)
    }

    fn class(&mut self, ranges: Vec<(char, char)>) -> usize {
        let ranges = Ranges(ranges);
        if let Some(place) = self.classes.iter().position(|class| *class == ranges) {
            return place;
        }
        self.classes.push(ranges);
        self.classes.len() - 1
    }

    /// Adds a loop over a class before a step.
    fn any(&mut self, class: usize, then: usize) -> usize {
        let split = self.steps.len();
        self.steps.push(Step::Either(vec![then, split + 1]));
        self.steps.push(Step::One(class, split));
        split
    }

    /// Adds an expression before the step `then`, and returns its first step.
    fn add(&mut self, hir: &Hir, then: usize) -> Option<usize> {
        match hir.kind() {
            HirKind::Empty => Some(then),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                let mut then = then;
                for c in text.chars().rev() {
                    self.named.insert(c);
                    let class = self.class(vec![(c, c)]);
                    then = self.push(Step::One(class, then))?;
                }
                Some(then)
            }
            HirKind::Class(Class::Unicode(class)) => {
                let ranges =
                    Ranges(class.ranges().iter().map(|range| (range.start(), range.end())).collect());
                let printable: Vec<char> = (' '..='~').filter(|c| ranges.contains(*c)).collect();
                if printable.is_empty() {
                    /// Of a class without ASCII so many are used.
                    const N_FOREIGN: usize = 16;
                    let foreign = ranges.0.iter().flat_map(|&(low, high)| low..=high).take(N_FOREIGN);
                    self.named.extend(foreign);
                } else if printable.len() <= MAX_NAMED {
                    self.named.extend(printable);
                }
                let class = self.class(ranges.0);
                self.push(Step::One(class, then))
            }
            HirKind::Look(Look::Start) => self.push(Step::Start(then)),
            HirKind::Look(Look::End) => self.push(Step::End(then)),
            HirKind::Class(Class::Bytes(_)) | HirKind::Look(_) => None,
            HirKind::Capture(capture) => self.add(&capture.sub, then),
            HirKind::Concat(parts) => parts.iter().rev().try_fold(then, |then, part| self.add(part, then)),
            HirKind::Alternation(parts) => {
                let starts = parts.iter().map(|part| self.add(part, then)).collect::<Option<Vec<_>>>()?;
                self.push(Step::Either(starts))
            }
            HirKind::Repetition(repetition) => {
                let mut then = then;
                match repetition.max {
                    None => {
                        let split = self.push(Step::Either(vec![then]))?;
                        let again = self.add(&repetition.sub, split)?;
                        self.steps[split] = Step::Either(vec![then, again]);
                        then = split;
                    }
                    Some(max) => {
                        let end = then;
                        for _ in repetition.min..max {
                            let start = self.add(&repetition.sub, then)?;
                            then = self.push(Step::Either(vec![start, end]))?;
                        }
                    }
                }
                (0..repetition.min).try_fold(then, |then, _| self.add(&repetition.sub, then))
            }
        }
    }

    /// Returns all steps that are reached without a character, in rising order.
    fn closure(&self, from: &[usize], at_start: bool, at_end: bool) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let mut left = from.to_vec();
        while let Some(step) = left.pop() {
            if seen.insert(step) {
                match &self.steps[step] {
                    Step::Either(next) => left.extend(next),
                    Step::Start(next) if at_start => left.push(*next),
                    Step::End(next) if at_end => left.push(*next),
                    _ => {}
                }
            }
        }
        seen.into_iter().collect()
    }

    fn step(&self, set: &[usize], is_in: impl Fn(usize) -> bool) -> Vec<usize> {
        set.iter()
            .filter_map(|&step| match self.steps[step] {
                Step::One(class, next) if is_in(class) => Some(next),
                _ => None,
            })
            .collect()
    }

    fn is_accepting(&self, set: &[usize], at_start: bool) -> bool {
        // The first step is the match.
        self.closure(set, at_start, true).first().is_some_and(|&first| first == 0) != self.is_negated
    }
}

/// Translates LIKE (`MatchText` of `like_match.c`).
fn like(text: &str) -> Option<String> {
    let mut regex = String::from("^");
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => regex.push_str(&escape(chars.next()?.encode_utf8(&mut [0; 4]))),
            c => regex.push_str(&escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    Some(regex)
}

/// Translates SIMILAR TO (`similar_escape_internal` of `regexp.c`), whose brackets and repetitions are those of regular
/// expressions.
fn similar(text: &str) -> Option<String> {
    let mut are = String::from("^(?:");
    let mut chars = text.chars();
    let mut in_brackets = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => are.extend(['\\', chars.next().filter(|c| !c.is_alphanumeric())?]),
            '[' => {
                in_brackets = true;
                are.push('[');
            }
            ']' => {
                in_brackets = false;
                are.push(']');
            }
            c if in_brackets => are.push(c),
            '%' => are.push_str(".*"),
            '_' => are.push('.'),
            '.' | '^' | '$' => are.extend(['\\', c]),
            c => are.push(c),
        }
    }
    are.push_str(")$");
    regex(&are, false).map(|(regex, _)| regex)
}

/// Translates an advanced regular expression (manual, "POSIX Regular Expressions"), and says whether it ignores case;
/// `None` for what only PostgreSQL has.
fn regex(text: &str, ignores_case: bool) -> Option<(String, bool)> {
    if let Some(literal) = text.strip_prefix("***=") {
        return Some((escape(literal), ignores_case));
    }
    let text = text.strip_prefix("***:").unwrap_or(text);
    let (text, ignores_case) = match text.strip_prefix("(?").and_then(|rest| rest.split_once(')')) {
        Some((options, rest)) if !options.is_empty() && options.chars().all(|c| "ics".contains(c)) => {
            (rest, options.rfind('i') > options.rfind('c'))
        }
        _ => (text, ignores_case),
    };
    let mut regex = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => regex.push_str(&escaped(&mut rest)?),
            '[' => bracket(&mut rest, &mut regex)?,
            '{' if !rest.peek().is_some_and(char::is_ascii_digit) => regex.push_str("\\{"),
            '(' if rest.peek() == Some(&'?') => {
                // `(?:` alone means the same to both.
                rest.next();
                rest.next_if_eq(&':')?;
                regex.push_str("(?:");
            }
            c => regex.push(c),
        }
    }
    Some((regex, ignores_case))
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Translates what follows a backslash.
fn escaped(rest: &mut Chars<'_>) -> Option<String> {
    let c = rest.next()?;
    Some(match c {
        'u' | 'U' => {
            let n_digits = if c == 'u' { 4 } else { 8 };
            let digits: String = rest.by_ref().take(n_digits).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == n_digits)?;
            escape(char::from_u32(code)?.encode_utf8(&mut [0; 4]))
        }
        'A' => "\\A".to_owned(),
        'Z' => "\\z".to_owned(),
        'b' => "\\x08".to_owned(),
        'B' => "\\\\".to_owned(),
        'e' => "\\x1B".to_owned(),
        c if "dDsSwWafnrtv".contains(c) => format!("\\{c}"),
        // Word boundaries, back references, and numbers of characters.
        c if c.is_alphanumeric() => return None,
        c if is_meta_character(c) => format!("\\{c}"),
        c => c.to_string(),
    })
}

/// Translates a bracket expression, from behind `[`.
fn bracket(rest: &mut Chars<'_>, regex: &mut String) -> Option<()> {
    regex.push('[');
    if rest.next_if_eq(&'^').is_some() {
        regex.push('^');
    }
    if rest.next_if_eq(&']').is_some() {
        regex.push_str("\\]");
    }
    loop {
        match rest.next()? {
            ']' => {
                regex.push(']');
                return Some(());
            }
            '[' if rest.next_if_eq(&':').is_some() => {
                let name: String = rest.by_ref().take_while(|c| *c != ':').collect();
                rest.next_if_eq(&']')?;
                // Letters are those of Unicode, as in all locales but C.
                regex.push_str(match &*name {
                    "alpha" => "\\p{Alphabetic}",
                    "alnum" => "\\p{Alphabetic}\\d",
                    "upper" => "\\p{Uppercase}",
                    "lower" => "\\p{Lowercase}",
                    "digit" => "\\d",
                    "space" => "\\s",
                    "blank" => " \\t",
                    "word" => "\\w",
                    "punct" => "[[:punct:]]",
                    "xdigit" => "[[:xdigit:]]",
                    _ => return None,
                });
            }
            '[' if matches!(rest.peek(), Some('.' | '=')) => return None,
            '\\' => regex.push_str(&escaped(rest)?),
            c @ ('[' | '&' | '~') => regex.extend(['\\', c]),
            '-' if regex.ends_with('-') => regex.push_str("\\-"),
            c => regex.push(c),
        }
    }
}

/// Returns the only text that a pattern of LIKE matches; `None` where it matches more.
pub(super) fn single(like: &str) -> Option<String> {
    let mut text = String::with_capacity(like.len());
    let mut chars = like.chars();
    while let Some(it) = chars.next() {
        match it {
            '%' | '_' => return None,
            '\\' => text.push(chars.next()?),
            it => text.push(it),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn domain(kind: PatternKind, text: &str) -> TextDomain {
        TextDomain::matching(Pattern { text: text.into(), kind }, false)
    }

    /// Checks how many texts there are and the first of them; all that are looked at differ and are accepted.
    fn check(domain: &TextDomain, size: Option<u64>, first: &[&str]) {
        let texts = Texts::new(domain).unwrap();
        let shown = format!("{domain:?} {}", texts.size());
        if let Some(size) = size {
            assert_eq!(texts.size(), size, "{shown}");
        }
        let step = (texts.size() / 100).max(1);
        let near = (0..100).take_while(|n| *n < texts.size());
        let all: BTreeSet<u64> =
            (0..100).map(|n| n * step).filter(|n| *n < texts.size()).chain(near).collect();
        let made: BTreeSet<String> = all.iter().map(|n| texts.nth(*n).unwrap()).collect();
        assert_eq!(made.len(), all.len(), "{shown}");
        for text in &made {
            assert!(accepts(domain, text), "{shown} {text:?}");
        }
        for (n, text) in (0..).zip(first) {
            assert_eq!(texts.nth(n).as_deref(), Some(*text), "{shown}");
        }
        assert!(texts.size() == u64::MAX || texts.nth(texts.size()).is_none(), "{shown}");
    }

    #[test]
    fn counts_and_makes_texts() {
        for (text, size, first) in [
            ("^[A-C]{2}$", Some(9), &["AA", "AB"][..]),
            ("^(a|b|ab)*$", None, &["", "a", "b", "aa"]),
            ("^\\d{15}[\\dX]$", Some(11 * 10_u64.pow(15)), &["0000000000000000"]),
            ("^T-?\\d{3}$", Some(2_000), &["T000"]),
            ("^[]^-]$", Some(3), &[]),
            ("^[[:digit:]a-]$", Some(12), &[]),
            ("^\\[x\\]$", Some(1), &["[x]"]),
            ("^a{b$", Some(1), &["a{b"]),
            ("^(?:x|)$", Some(2), &["", "x"]),
            ("(?i)^ab$", Some(4), &[]),
            ("***=a.b", None, &["a.b"]),
            ("^ü$", Some(1), &["ü"]),
            ("^\\u0041\\Z", Some(1), &["A"]),
            ("a$^", Some(0), &[]),
        ] {
            check(&domain(PatternKind::Regex, text), size, first);
        }
        check(&domain(PatternKind::Like, "a\\%%"), None, &["a%"]);
        check(&domain(PatternKind::LikeIgnoringCase, "a_"), Some(2 * 95), &[]);
        check(&domain(PatternKind::Similar, "(ab|c.)[x%]"), Some(4), &["abx"]);
    }

    #[test]
    fn patterns_and_lengths_meet() {
        let mut both = domain(PatternKind::Regex, "^[a-d]+$");
        both.patterns.push((Pattern { text: "%b%".into(), kind: PatternKind::Like }, true));
        (both.min_chars, both.max_chars) = (2, 3);
        check(&both, Some(9 + 27), &["aa", "ac"]);
        both.patterns.push((Pattern { text: "^aa$".into(), kind: PatternKind::Regex }, true));
        check(&both, Some(8 + 27), &["ac"]);
    }

    #[test]
    fn what_only_postgresql_has_is_left_to_it() {
        for text in [
            "\\mword\\M",
            "(a)\\1",
            "a(?=b)",
            "[[:<:]]x",
            "[[.hyphen.]]",
            "(?x)a b",
            "(",
            "a\\",
            "[a",
            "a{1,8000}b",
        ] {
            assert!(!is_understood(&Pattern { text: text.into(), kind: PatternKind::Regex }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(parts in prop::collection::vec("(a|b|\\.|\\*|\\?|\\{2\\}|\\(|\\)|\\||\\[|\\]|\\^|\\$|\\\\|-|%|_|é|[[:alpha:]])", 0..9), negated in any::<bool>()) {
            let text = parts.concat();
            for kind in [PatternKind::Regex, PatternKind::LikeIgnoringCase, PatternKind::Similar] {
                let domain = TextDomain::matching(Pattern { text: text.clone(), kind }, negated);
                if let Some(texts) = Texts::new(&domain) {
                    for n in 0..texts.size().min(5) {
                        prop_assert!(accepts(&domain, &texts.nth(n).unwrap()), "{:?}", domain);
                    }
                }
            }
        }
    }

    #[test]
    fn a_pattern_of_one_text_is_that_text() {
        let check =
            |like: &str, expected: Option<&str>| assert_eq!(single(like).as_deref(), expected, "{like}");
        check("EUR", Some("EUR"));
        check("50\\% a\\_b\\\\", Some("50% a_b\\"));
        check("a%", None);
        check("a_", None);
        check("", Some(""));
    }
}
