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

/// What a piece of a template draws from.
#[derive(Clone, Copy)]
pub(super) struct Source {
    list: List,
    /// Which of the cell's bits.
    number: u64,
}

/// A sentence has at least so many words before it may end, and then ends after one word in so many.
const MIN_SENTENCE: u32 = 4;
const SENTENCE_ENDS: u64 = 6;
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
        let sources: Vec<Source> = (0..).zip(&self.pieces).map(source_of).collect();
        appended(lane, of.cells(), |(ordinal, bits), bytes| self.append(ordinal, bits, &sources, bytes));
    }

    /// Appends the text of an ordinal. `sources` are those of the pieces, or empty: then they are looked up.
    ///
    /// Words give way where the text would be too long, so that literals and codes are whole as long as they fit.
    pub(super) fn append(&self, ordinal: u64, bits: u64, sources: &[Source], bytes: &mut Vec<u8>) {
        let start = bytes.len();
        let max = self.max_length.map_or(usize::MAX, |max| max as usize);
        let mut room = max;
        if self.max_length.is_some() {
            room = max.saturating_sub(self.pieces.iter().map(fixed_length).sum());
        }
        for (number, piece) in (0..).zip(&self.pieces) {
            let Source { list, number: of_bits } =
                sources.get(to_place(number)).copied().unwrap_or_else(|| source_of((number, piece)));
            let bits = random::at(bits, of_bits);
            let before = bytes.len();
            match piece {
                Piece::Literal(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Word { style, .. } => {
                    if let Some(word) = word(list, bits) {
                        append_word(word, *style, room, bytes);
                    }
                }
                Piece::Words { min, max, sentence, .. } => {
                    append_words(list, length(*min, *max, bits), bits, *sentence, room, bytes);
                }
                Piece::Digits(n_digits) => append_random::<10>(*n_digits, DECIMAL_DIGITS, bits, bytes),
                Piece::Hex(n_digits) => append_random::<16>(*n_digits, HEX_DIGITS, bits, bytes),
                Piece::Code(n_digits) => append_number::<36>(ordinal, *n_digits, bytes),
                Piece::DecimalCode(n_digits) => append_number::<10>(ordinal, *n_digits, bytes),
            }
            if matches!(piece, Piece::Word { .. } | Piece::Words { .. }) {
                room -= bytes.len() - before;
            }
        }
        if bytes.len() - start > max {
            cut(bytes, start, max);
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

fn source_of((number, piece): (u64, &Piece)) -> Source {
    match piece {
        Piece::Word { list, .. } => {
            Source { list: words::words(list), number: kin::number(list).unwrap_or(number) }
        }
        Piece::Words { list, .. } => Source { list: words::words(list), number },
        _ => Source { list: &[], number },
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
    let mut at = bytes.len();
    let end = at.saturating_add(room);
    bytes.resize(at + n * (HEAD_BYTES + 2), 0);
    let mut in_sentence = 0;
    for number in 0..n as u64 {
        let bits = random::at(bits, number);
        let Some(word) = word(list, bits) else { break };
        let is_next = is_sentence
            && in_sentence >= MIN_SENTENCE
            && random::below(random::mix(bits), SENTENCE_ENDS) == 0;
        let separator: &[u8; 2] = if is_next { b". " } else { b" \0" };
        let n_between = usize::from(number > 0) + usize::from(is_next);
        // The full stop at the end has its place.
        if number > 0 && at + n_between + word.text.len() + usize::from(is_sentence) > end {
            break;
        }
        let needed = at + n_between + word.text.len().max(HEAD_BYTES);
        if bytes.len() < needed {
            bytes.resize(needed, 0);
        }
        let out = &mut bytes[at..needed];
        out[..2].copy_from_slice(separator);
        let out = &mut out[n_between..];
        let length = word.text.len().min(end - at - n_between);
        if length <= HEAD_BYTES {
            out[..HEAD_BYTES].copy_from_slice(&word.head);
        } else {
            out[..length].copy_from_slice(&word.text.as_bytes()[..length]);
        }
        if is_next {
            in_sentence = 0;
        }
        if is_sentence && in_sentence == 0 {
            out[0].make_ascii_uppercase();
        }
        in_sentence += 1;
        at += n_between + length;
    }
    bytes.truncate(at);
    if is_sentence && n > 0 && at < end {
        bytes.push(b'.');
    }
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
