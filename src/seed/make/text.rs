//! Texts of words, digits and codes.

use super::lane::{Cells, Lane};
use super::values::{Ordinals, appended, length};
use super::world::to_place;
use super::{Piece, Template, WordStyle};
use crate::random;
use crate::seed::guess::kin;
use crate::seed::guess::words::{self, HEAD_BYTES, Pair, Word};

/// A template with all that its texts have in common, so that nothing is looked up or counted for a single one.
pub(super) struct Compiled<'t> {
    parts: Vec<Part<'t>>,
    max_length: usize,
    /// Characters that words may take.
    room: usize,
}

struct Part<'t> {
    piece: &'t Piece,
    literal: Known,
    list: &'static [Word],
    /// Of texts of several words.
    pairs: &'static [Pair],
    /// Which of the cell's bits, as [`random::spread`] has it.
    counter: u64,
}

/// A text that is appended again and again. A copy of so many bytes, whatever its length, is foreseen by the processor; one of any
/// length is not.
pub(super) struct Known {
    head: [u8; KNOWN_BYTES],
    text: Vec<u8>,
}

const KNOWN_BYTES: usize = 32;

/// Pairs of a sentence: at least so many, for it has four words at the least, and up to as many more as [`LENGTH_BITS`] say.
const MIN_PAIRS: u64 = 2;
const LENGTH_BITS: u32 = 3;
/// A draw says which pairs come next, as many as this, with so many bits each.
const PAIRS_A_DRAW: usize = 4;
const PAIR_BITS: u32 = 16;
/// Which of a text's bits the last word takes where the others are pairs.
const LAST: u64 = random::spread(1 << 32);
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

    /// Returns all texts of a template that is nothing but a code, unless there are more than `n_most`.
    pub(crate) fn codes(&self, n_most: u64) -> Option<Cells> {
        let [Piece::Code(_) | Piece::DecimalCode(_)] = self.pieces[..] else { return None };
        let n = Some(self.n()).filter(|n| *n <= n_most)?;
        let compiled = self.compiled();
        let texts: Vec<Vec<u8>> = (0..n)
            .map(|ordinal| {
                let mut text = Vec::new();
                compiled.append(ordinal, 0, &mut text);
                text
            })
            .collect();
        Some(Cells::of_bytes(texts.iter().map(Vec::as_slice)))
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
        for Part { piece, literal, list, pairs, counter } in &self.parts {
            let bits = random::of(bits, *counter);
            let before = bytes.len();
            match piece {
                Piece::Literal(_) => literal.append(bytes),
                Piece::Word { style, .. } => {
                    if let Some(word) = word(list, bits) {
                        append_word(word, *style, room, bytes);
                    }
                    room -= bytes.len() - before;
                }
                Piece::Words { min, max, sentence, .. } => {
                    let n = length(*min, *max, bits);
                    append_words((list, pairs), n, bits, *sentence, room, bytes);
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
        let (list, pairs, number) = match piece {
            Piece::Word { list, .. } => (words::words(list), &[][..], kin::number(list).unwrap_or(number)),
            Piece::Words { list, .. } => (words::words(list), words::pairs(list), number),
            _ => (&[][..], &[][..], number),
        };
        let literal = if let Piece::Literal(text) = piece { text.as_bytes() } else { &[] };
        Self { piece, literal: Known::new(literal.to_vec()), list, pairs, counter: random::spread(number) }
    }
}

impl Known {
    pub(super) fn new(text: Vec<u8>) -> Self {
        let mut head = [0; KNOWN_BYTES];
        head.iter_mut().zip(&text).for_each(|(to, from)| *to = *from);
        Self { head, text }
    }

    pub(super) fn append(&self, bytes: &mut Vec<u8>) {
        if self.text.len() <= KNOWN_BYTES {
            let end = bytes.len() + self.text.len();
            bytes.extend_from_slice(&self.head);
            bytes.truncate(end);
        } else {
            bytes.extend_from_slice(&self.text);
        }
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

/// Appends as many of `n` words as there is room for, and of the first one what fits. After it they come in pairs, and the last one
/// alone if it is left over; each alone where there are no pairs.
fn append_words(
    (list, pairs): (&[Word], &[Pair]),
    n: usize,
    bits: u64,
    is_sentence: bool,
    room: usize,
    bytes: &mut Vec<u8>,
) {
    let start = bytes.len();
    let end = start.saturating_add(room);
    let Some(first) = word(list, random::at(bits, 0)).filter(|_| n > 0) else { return };
    append_word(first, WordStyle::AsIs, room, bytes);
    if let Some(first) = bytes.get_mut(start).filter(|_| is_sentence) {
        first.make_ascii_uppercase();
    }
    // The full stop at the end has its place.
    let words_end = end.saturating_sub(usize::from(is_sentence));
    let n_pairs = if pairs.is_empty() { 0 } else { (n - 1) / 2 };
    append_pairs(pairs, n_pairs, bits, is_sentence, words_end, bytes);
    for number in 1 + 2 * n_pairs..n {
        let Some(word) = word(list, random::of(bits, LAST ^ number as u64)) else { break };
        if bytes.len() + 1 + word.text.len() > words_end {
            break;
        }
        bytes.push(b' ');
        append_word(word, WordStyle::AsIs, usize::MAX, bytes);
    }
    if is_sentence && bytes.len() < end {
        bytes.push(b'.');
    }
}

/// Appends pairs of words as long as they end before `end`; sentences among them end with a full stop and begin with a capital.
fn append_pairs(pairs: &[Pair], n: usize, bits: u64, is_sentence: bool, end: usize, bytes: &mut Vec<u8>) {
    let mut lengths = random::mix(bits);
    // The first word belongs to the first sentence.
    let mut n_left = n_pairs_of_sentence(&mut lengths);
    let mut draw = 0;
    for number in 0..n {
        if number % PAIRS_A_DRAW == 0 {
            draw = random::at(bits, 1 + (number / PAIRS_A_DRAW) as u64);
        }
        let place = ((draw & ((1 << PAIR_BITS) - 1)) * pairs.len() as u64) >> PAIR_BITS;
        draw >>= PAIR_BITS;
        let Pair { bytes: text, n_bytes } = &pairs[to_place(place)];
        let is_next = is_sentence && n_left == 0;
        let start = bytes.len();
        let next = start + usize::from(is_next) + usize::from(*n_bytes);
        if next > end {
            break;
        }
        if is_next {
            n_left = n_pairs_of_sentence(&mut lengths);
            bytes.push(b'.');
        }
        n_left = n_left.wrapping_sub(1);
        // As many bytes whatever the words, for the same reason as [`Word::head`].
        bytes.extend_from_slice(text);
        if is_next {
            bytes[start + 2].make_ascii_uppercase();
        }
        bytes.truncate(next);
    }
}

/// Returns the number of pairs of the next sentence.
fn n_pairs_of_sentence(lengths: &mut u64) -> u64 {
    let n = MIN_PAIRS + (*lengths & ((1 << LENGTH_BITS) - 1));
    *lengths = lengths.rotate_right(LENGTH_BITS);
    n
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
    // Two at once are twice as fast: each has to wait for the division before it.
    let mut pairs = bytes[start..].rchunks_exact_mut(2);
    for pair in &mut pairs {
        let both = rest % (BASE * BASE);
        rest /= BASE * BASE;
        pair.copy_from_slice(&[DIGITS[to_place(both / BASE)], DIGITS[to_place(both % BASE)]]);
    }
    if let [first] = pairs.into_remainder() {
        *first = DIGITS[to_place(rest % BASE)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A text as it is said to be.
    fn plain(
        (list, pairs): (&[Word], &[Pair]),
        n: usize,
        bits: u64,
        is_sentence: bool,
        room: usize,
    ) -> String {
        let Some(first) = word(list, random::at(bits, 0)).filter(|_| n > 0) else { return String::new() };
        let mut text = first.text.to_owned();
        if is_sentence {
            text[..1].make_ascii_uppercase();
        }
        text.truncate(room);
        let n_pairs = if pairs.is_empty() { 0 } else { (n - 1) / 2 };
        let mut lengths = (0..).map(|number| random::mix(bits).rotate_right(3 * number) % 8 + 2);
        let mut n_left = lengths.next().unwrap();
        for number in 0..n_pairs {
            let draw = random::at(bits, 1 + number as u64 / 4) >> (16 * (number % 4));
            let pair = pairs[to_place((draw % 65_536) * pairs.len() as u64 / 65_536)];
            let mut words = String::from_utf8(pair.bytes[..pair.n_bytes.into()].to_vec()).unwrap();
            if is_sentence && n_left == 0 {
                n_left = lengths.next().unwrap();
                words[1..2].make_ascii_uppercase();
                words.insert(0, '.');
            }
            n_left -= u64::from(n_left > 0);
            if text.len() + words.len() + usize::from(is_sentence) > room {
                break;
            }
            text += &words;
        }
        for number in 1 + 2 * n_pairs..n {
            let Some(word) = word(list, random::of(bits, LAST ^ number as u64)) else { break };
            if text.len() + 1 + word.text.len() + usize::from(is_sentence) > room {
                break;
            }
            text = [&text, " ", word.text].concat();
        }
        if is_sentence && text.len() < room {
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
            let lists = (words::words(list), words::pairs(list));
            let mut bytes = before.clone().into_bytes();
            append_words(lists, n, bits, is_sentence, room, &mut bytes);
            let expected = before + &plain(lists, n, bits, is_sentence, room);
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }
}
