//! Values of values: arrays, composites, and texts to search.

use super::block::Scratch;
use super::lane::Lane;
use super::text::{append_word, word};
use super::values::{Ordinals, appended, length};
use super::{Values, WordStyle};
use crate::random;
use crate::seed::guess::words::{self, Word};
use crate::seed::wire::Wire;
use crate::seed::wire::nested::{Fields, append_array_header};

/// The streams of an array's element ordinals and element bits.
const ORDINAL_STREAM: u64 = 1 << 32;
const BITS_STREAM: u64 = 2 << 32;

/// Fills a lane with arrays of `min..=max` elements, which differ from each other if there are enough values.
///
/// The first element has the ordinal of the array: arrays that are never empty are as distinct as their elements.
pub(super) fn arrays(
    (oid, wire, values): (u32, &Wire, &Values),
    (min, max): (u32, u32),
    of: &Ordinals,
    scratch: &mut Scratch,
    lane: &mut Lane,
) {
    let n = values.n().max(1);
    let (mut ordinals, mut bits) = (scratch.numbers(), scratch.numbers());
    for (ordinal, row_bits) in of.cells() {
        let first =
            if min > 0 { ordinal % n } else { random::below(random::at(row_bits, ORDINAL_STREAM), n) };
        let n_elements = length(min, max, row_bits) as u64;
        for number in 0..n_elements {
            let offset = offset(number, n_elements, n, random::at(row_bits, ORDINAL_STREAM + number));
            let sum = u128::from(first) + u128::from(offset);
            ordinals.push(u64::try_from(sum % u128::from(n)).expect("below n"));
            bits.push(random::at(row_bits, BITS_STREAM + number));
        }
    }
    let mut elements = scratch.lane();
    values.fill(&Ordinals { ordinals: &ordinals, bits: &bits, ..*of }, wire, scratch, &mut elements);
    let fields = Fields::new(wire, &elements);
    let mut next = 0;
    appended(lane, of.bits, |&row_bits, bytes| {
        let n_elements = length(min, max, row_bits);
        append_array_header(oid, n_elements, bytes);
        bytes.extend_from_slice(fields.slice(next..next + n_elements));
        next += n_elements;
    });
    scratch.keep_lane(elements);
    scratch.keep_numbers(ordinals);
    scratch.keep_numbers(bits);
}

/// Returns how far element `number` of `n_elements` is from the first one among `n` values: each in its own part of `1..n`.
fn offset(number: u64, n_elements: u64, n: u64, bits: u64) -> u64 {
    if number == 0 {
        return 0;
    }
    match (n - 1) / (n_elements - 1) {
        0 => random::below(bits, n),
        width => 1 + width * (number - 1) + random::below(bits, width),
    }
}

/// Fills a lane with rows of a composite type, the first attribute of which has the ordinal of the row.
pub(super) fn composites(
    attributes: &[(u32, Wire, Values)],
    of: &Ordinals,
    scratch: &mut Scratch,
    lane: &mut Lane,
) {
    let mut fields = Vec::with_capacity(attributes.len());
    for (number, (oid, wire, values)) in (0..).zip(attributes) {
        let (mut ordinals, mut bits) = (scratch.numbers(), scratch.numbers());
        let n = values.n();
        if number == 0 {
            ordinals.extend_from_slice(of.ordinals);
        } else {
            ordinals.extend(
                of.bits.iter().map(|&bits| random::below(random::at(bits, ORDINAL_STREAM + number), n)),
            );
        }
        bits.extend(of.bits.iter().map(|&bits| random::at(bits, BITS_STREAM + number)));
        let part = Ordinals {
            key: random::at(of.key, number),
            as_of_us: of.as_of_us,
            ordinals: &ordinals,
            bits: &bits,
        };
        let mut cells = scratch.lane();
        values.fill(&part, wire, scratch, &mut cells);
        fields.push((oid.to_be_bytes(), Fields::new(wire, &cells)));
        scratch.keep_lane(cells);
        scratch.keep_numbers(ordinals);
        scratch.keep_numbers(bits);
    }
    let n_attributes =
        i32::try_from(attributes.len()).expect("a row has at most 1,664 attributes").to_be_bytes();
    appended(lane, 0..of.ordinals.len(), |row, bytes| {
        bytes.extend_from_slice(&n_attributes);
        for (oid, fields) in &fields {
            bytes.extend_from_slice(oid);
            bytes.extend_from_slice(fields.slice(row..row + 1));
        }
    });
}

/// The list that `tsvector` lexemes are from: lower case, and no word twice.
const LEXEMES: &str = "word";

/// Returns what [`append_lexemes`] takes lexemes from.
pub(super) fn lexemes() -> &'static [Word] {
    words::words(LEXEMES)
}

/// Appends a `tsvector` (`tsvectorsend` in `tsvector.c`) of different words, each at one position.
pub(super) fn append_lexemes(list: &[Word], n_lexemes: usize, bits: u64, bytes: &mut Vec<u8>) {
    let n_lexemes = n_lexemes.min(list.len());
    bytes.extend(i32::try_from(n_lexemes).expect("no more than the list has").to_be_bytes());
    for number in 0..n_lexemes {
        let part = &list[list.len() * number / n_lexemes..list.len() * (number + 1) / n_lexemes];
        if let Some(word) = word(part, random::at(bits, number as u64)) {
            append_word(word, WordStyle::AsIs, usize::MAX, bytes);
        }
        // The word's end, one position, and its number: positions are 14 bits below two of weight.
        let [high, low] = u16::try_from(number + 1).unwrap_or(u16::MAX).min(0x3FFF).to_be_bytes();
        bytes.extend_from_slice(&[0, 0, 1, high, low]);
    }
}
