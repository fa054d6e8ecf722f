//! Texts of words, digits and codes.

use super::lane::Lane;
use super::values::{Ordinals, appended, length};
use super::world::to_place;
use super::{Piece, Template, WordStyle};
use crate::random;
use crate::seed::guess::kin;
use crate::seed::guess::words::{self, HEAD_BYTES, Word};

/// Words of a list.
type List = &'static [Word];

/// A template with all that its texts have in common, so that nothing is looked up or counted for a single one.
pub(super) struct Compiled<'t> {
    parts: Vec<Part<'t>>,
    max_length: usize,
    /// Characters that words may take.
    room: usize,
}

struct Part<'t> {
    piece: &'t Piece,
    list: List,
    /// Which of the cell's bits, as [`random::spread`] has it.
    counter: u64,
}

/// A sentence has at least so many words before it may end, and then ends after one word in so many.
const MIN_SENTENCE: u32 = 4;
const SENTENCE_ENDS: u64 = 6;
/// What texts take of the numbers of their words, of which few have more.
const COUNTERS: [u64; 64] = {
    let mut counters = [0; 64];
    let mut number = 0;
    while number < counters.len() {
        counters[number] = random::spread(number as u64);
        number += 1;
    }
    counters
};
/// How many decimal and hexadecimal digits 64 bits give.
const DECIMAL_DIGITS: u32 = 19;
const HEX_DIGITS: u32 = 16;

impl Template {
    /// Returns how many ordinals have different texts for certain: those that a code holds.
    pub(super) fn n(&self) -> u64 {
        let codes = self.pieces.iter().map(|piece| match piece {
            Piece::Code(n_digits) => 36u64.saturating_pow(*n_digits),
            Piece::DecimalCode(n_digits) => 10u64.saturating_pow(*n_digits),
            _ => 1,
        });
        codes.max().unwrap_or(1)
    }

    pub(super) fn fill(&self, of: &Ordinals, lane: &mut Lane) {
        let compiled = self.compiled();
        appended(lane, of.cells(), |(ordinal, bits), bytes| compiled.append(ordinal, bits, bytes));
    }

    pub(super) fn compiled(&self) -> Compiled<'_> {
        let max_length = self.max_length.map_or(usize::MAX, |max| max as usize);
        // Words give way where the text would be too long, so that literals and codes are whole as long as they fit.
        let room = match self.max_length {
            Some(_) => max_length.saturating_sub(self.pieces.iter().map(fixed_length).sum()),
            None => usize::MAX,
        };
        Compiled { parts: (0..).zip(&self.pieces).map(Part::new).collect(), max_length, room }
    }
}

impl Compiled<'_> {
    /// Appends the text of an ordinal.
    pub(super) fn append(&self, ordinal: u64, bits: u64, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        let mut room = self.room;
        for Part { piece, list, counter } in &self.parts {
            let bits = random::of(bits, *counter);
            let before = bytes.len();
            match piece {
                Piece::Literal(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Word { style, .. } => {
                    if let Some(word) = word(list, bits) {
                        append_word(word, *style, room, bytes);
                    }
                    room -= bytes.len() - before;
                }
                Piece::Words { min, max, sentence, .. } => {
                    append_words(list, length(*min, *max, bits), bits, *sentence, room, bytes);
                    room -= bytes.len() - before;
                }
                Piece::Digits(n_digits) => append_random::<10>(*n_digits, DECIMAL_DIGITS, bits, bytes),
                Piece::Hex(n_digits) => append_random::<16>(*n_digits, HEX_DIGITS, bits, bytes),
                Piece::Code(n_digits) => append_number::<36>(ordinal, *n_digits, bytes),
                Piece::DecimalCode(n_digits) => append_number::<10>(ordinal, *n_digits, bytes),
            }
        }
        if bytes.len() - start > self.max_length {
            cut(bytes, start, self.max_length);
        }
    }
}

impl<'t> Part<'t> {
    fn new((number, piece): (u64, &'t Piece)) -> Self {
        let (list, number) = match piece {
            Piece::Word { list, .. } => (words::words(list), kin::number(list).unwrap_or(number)),
            Piece::Words { list, .. } => (words::words(list), number),
            _ => (&[][..], number),
        };
        Self { piece, list, counter: random::spread(number) }
    }
}

/// Cuts the text from `start` on at `max` characters.
fn cut(bytes: &mut Vec<u8>, start: usize, max: usize) {
    let is_first_byte = |byte: &u8| byte & 0xC0 != 0x80;
    let firsts = bytes[start..].iter().enumerate().filter(|&(_, byte)| is_first_byte(byte));
    if let Some((end, _)) = firsts.map(|(at, byte)| (at, *byte)).nth(max) {
        bytes.truncate(start + end);
    }
}

/// Returns the characters of a piece that has always as many; 0 for words.
fn fixed_length(piece: &Piece) -> usize {
    match piece {
        Piece::Literal(text) => text.chars().count(),
        Piece::Word { .. } | Piece::Words { .. } => 0,
        Piece::Digits(n) | Piece::Hex(n) | Piece::Code(n) | Piece::DecimalCode(n) => *n as usize,
    }
}

/// Returns a word of a list that has any.
pub(super) fn word(list: &[Word], bits: u64) -> Option<&Word> {
    list.get(to_place(random::below(bits, list.len().max(1) as u64)))
}

/// Appends up to `room` characters of a word. Words of lists are ASCII.
pub(super) fn append_word(word: &Word, style: WordStyle, room: usize, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    let length = word.text.len().min(room);
    if length <= HEAD_BYTES {
        bytes.extend_from_slice(&word.head);
        if let Some(head) = bytes.last_chunk_mut::<HEAD_BYTES>() {
            set_style(head, style);
        }
        bytes.truncate(start + length);
    } else {
        bytes.extend_from_slice(&word.text.as_bytes()[..length]);
        set_style(&mut bytes[start..], style);
    }
}

#[inline]
fn set_style(word: &mut [u8], style: WordStyle) {
    match style {
        WordStyle::AsIs => {}
        WordStyle::Lower => word.make_ascii_lowercase(),
        WordStyle::Slug => {
            for byte in word {
                *byte = if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
            }
        }
    }
}

/// Appends as many of `n` words as there is room for, and of the first one what fits.
fn append_words(list: List, n: usize, bits: u64, is_sentence: bool, room: usize, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    let end = start.saturating_add(room);
    if n == 0 {
        return;
    }
    if let Some(first) = word(list, random::of(bits, COUNTERS[0])) {
        append_word(first, WordStyle::AsIs, room, bytes);
        if let Some(first) = bytes.get_mut(start).filter(|_| is_sentence) {
            first.make_ascii_uppercase();
        }
        append_more_words(list, n, bits, is_sentence, end, bytes);
    }
    if is_sentence && bytes.len() < end {
        bytes.push(b'.');
    }
}

/// Appends the words after the first of `n`, as long as they end before `end`.
fn append_more_words(list: List, n: usize, bits: u64, is_sentence: bool, end: usize, bytes: &mut Vec<u8>) {
    let mut at = bytes.len();
    bytes.resize(at + n * HEAD_BYTES, 0);
    // The full stop at the end has its place.
    let end = end.saturating_sub(usize::from(is_sentence));
    let mut in_sentence = 1;
    for number in 1..n {
        let counter = COUNTERS.get(number).copied().unwrap_or_else(|| random::spread(number as u64));
        let bits = random::of(bits, counter);
        let Some(word) = word(list, bits) else { break };
        let is_next = is_sentence
            && in_sentence >= MIN_SENTENCE
            && random::below(random::mix(bits), SENTENCE_ENDS) == 0;
        in_sentence = if is_next { 1 } else { in_sentence + 1 };
        let before = if is_next { words::AFTER_SENTENCE } else { words::AFTER_WORD };
        let next = at + before.len() + word.text.len();
        if next > end {
            break;
        }
        let head = &word.after[usize::from(is_next)];
        if let Some(out) = bytes.get_mut(at..at + HEAD_BYTES).filter(|_| next - at <= HEAD_BYTES) {
            out.copy_from_slice(head);
        } else {
            // The head has what comes before the word, and its first letter.
            let n_kept = before.len() + 1;
            bytes.truncate(at);
            bytes.extend_from_slice(&head[..n_kept]);
            bytes.extend_from_slice(&word.text.as_bytes()[1..]);
            bytes.resize(next + (n - number) * HEAD_BYTES, 0);
        }
        at = next;
    }
    bytes.truncate(at);
}

fn append_random<const BASE: u64>(n_digits: u32, per_word: u32, bits: u64, bytes: &mut Vec<u8>) {
    let mut left = n_digits;
    let mut number = 0;
    while left > 0 {
        let n = left.min(per_word);
        append_number::<BASE>(random::at(bits, number), n, bytes);
        left -= n;
        number += 1;
    }
}

/// Appends the last digits of a number. The base is known when this is compiled, for a division costs several times as much as the
/// multiplication that then takes its place.
pub(super) fn append_number<const BASE: u64>(number: u64, n_digits: u32, bytes: &mut Vec<u8>) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let start = bytes.len();
    bytes.resize(start + n_digits as usize, b'0');
    let mut rest = number;
    for digit in bytes[start..].iter_mut().rev() {
        *digit = DIGITS[to_place(rest % BASE)];
        rest /= BASE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The words of a text one by one, as they are said to be.
    fn plain(list: List, n: usize, bits: u64, is_sentence: bool, room: usize) -> String {
        let mut text = String::new();
        let mut in_sentence = 0;
        for number in 0..n as u64 {
            let bits = random::at(bits, number);
            let Some(word) = word(list, bits) else { break };
            let ends = random::below(random::mix(bits), SENTENCE_ENDS) == 0;
            let is_next = is_sentence && in_sentence >= MIN_SENTENCE && ends;
            let before = if number == 0 { "" } else { ["", "."][usize::from(is_next)] };
            let blank = if number == 0 { "" } else { " " };
            let length = text.len() + before.len() + blank.len() + word.text.len() + usize::from(is_sentence);
            if number > 0 && length > room {
                break;
            }
            let starts = is_sentence && (number == 0 || is_next);
            let (first, rest) = word.text.split_at(1);
            let first = if starts { first.to_ascii_uppercase() } else { first.to_owned() };
            text += &[before, blank, &first, rest].concat();
            text.truncate(room);
            in_sentence = if is_next { 1 } else { in_sentence + 1 };
        }
        if is_sentence && n > 0 && text.len() < room {
            text.push('.');
        }
        text
    }

    proptest! {
        #[test]
        fn words_follow_each_other(
            list in prop::sample::select(vec!["lorem", "word", "user_agent", "timezone", "nothing"]),
            n in 0usize..90,
            bits: u64,
            is_sentence: bool,
            room in prop_oneof![0usize..300, Just(usize::MAX)],
            before in "[a-z]{0,3}",
        ) {
            let list = words::words(list);
            let mut bytes = before.clone().into_bytes();
            append_words(list, n, bits, is_sentence, room, &mut bytes);
            let expected = before + &plain(list, n, bits, is_sentence, room);
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }
}
