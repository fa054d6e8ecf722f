//! Values in an order that statistics describe: numbers spread over stretches, texts that are codes of their ordinals.

use super::lane::{Kind, Lane};
use super::values::{Ordinals, appended};
use super::{Codes, Stretch};
use crate::random;
use crate::seed::wire::Wire;

impl Stretch {
    /// Returns the number of an ordinal, which is one of the stretch's.
    pub(crate) fn at(&self, ordinal: u64) -> i128 {
        let place = ordinal.saturating_sub(self.first);
        let start = self.start(place);
        let Some(key) = self.key else { return self.low + start };
        let room = u64::try_from(self.start(place + 1) - start).unwrap_or(u64::MAX);
        self.low + start + i128::from(random::below(random::at(key, ordinal), room.max(1)))
    }

    /// Where the part of an ordinal begins.
    fn start(&self, place: u64) -> i128 {
        if let (Ok(span), Some(n)) = (u64::try_from(self.span), std::num::NonZeroU64::new(self.n))
            && let Some(product) = place.checked_mul(span)
        {
            return i128::from(product / n);
        }
        // Spans of UUIDs are nearly all of 128 bits.
        let n = i128::from(self.n.max(1));
        let place = i128::from(place);
        self.span / n * place + self.span % n * place / n
    }
}

/// Fills a lane with the numbers of ordinals, as the wire takes them.
pub(super) fn fill(stretches: &[Stretch], per_unit: f64, of: &Ordinals, wire: &Wire, lane: &mut Lane) {
    let numbers = of.ordinals.iter().map(|&ordinal| {
        let after = stretches.partition_point(|stretch| stretch.first <= ordinal);
        stretches.get(after.saturating_sub(1)).map_or(0, |stretch| stretch.at(ordinal))
    });
    match wire.kind() {
        Kind::Wide => lane.wides().extend(numbers),
        #[expect(clippy::cast_precision_loss, reason = "the numbers are below 2^53")]
        Kind::Float => lane.floats().extend(numbers.map(|number| number as f64 / per_unit)),
        Kind::Int => lane.ints().extend(numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX))),
        Kind::Bytes => numbers.for_each(|_| lane.push_null()),
    }
}

impl Codes {
    pub(super) fn fill(&self, of: &Ordinals, lane: &mut Lane) {
        appended(lane, of.ordinals, |&ordinal, bytes| self.append(ordinal, bytes));
    }

    #[cfg(test)]
    pub(crate) fn text(&self, ordinal: u64) -> String {
        let mut bytes = Vec::new();
        self.append(ordinal, &mut bytes);
        String::from_utf8(bytes).expect("letters and digits")
    }

    fn append(&self, ordinal: u64, bytes: &mut Vec<u8>) {
        let after = self.kept.partition_point(|(first, _, _)| *first <= ordinal);
        if let Some((_, text, is_all)) = after.checked_sub(1).map(|at| &self.kept[at]) {
            bytes.extend_from_slice(text.as_bytes());
            if *is_all {
                return;
            }
        }
        self.append_code(ordinal, bytes);
    }

    fn append_code(&self, ordinal: u64, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + self.width as usize, b'0');
        let mut number = ordinal.saturating_mul(self.step).saturating_add(self.offset);
        for place in (start..bytes.len()).rev() {
            bytes[place] = self.digit(number % self.base);
            number /= self.base;
        }
        let mut bits = random::at(self.key, ordinal);
        for place in self.width..self.n_chars {
            // Thirteen letters of a word of bits.
            if (place - self.width) % 13 == 12 {
                bits = random::mix(bits);
            }
            bytes.push(b'a' + u8::try_from(bits % 26).expect("below 26"));
            bits /= 26;
        }
    }

    /// Returns the ordinal of a text; `None` for a text that is none of these.
    pub(crate) fn ordinal(&self, text: &str) -> Option<u64> {
        let digits = text.as_bytes().get(..self.width as usize)?;
        let number = digits.iter().try_fold(0_u64, |number, byte| {
            let digit = (0..self.base).find(|digit| self.digit(*digit) == *byte)?;
            number.checked_mul(self.base)?.checked_add(digit)
        })?;
        let ordinal = number.checked_sub(self.offset)? / self.step;
        let mut bytes = Vec::new();
        self.append_code(ordinal, &mut bytes);
        (ordinal < self.n && bytes == text.trim_end().as_bytes()).then_some(ordinal)
    }

    /// Digits of base 36 begin with `0`, those of base 26 with `a`.
    fn digit(&self, digit: u64) -> u8 {
        let digit = u8::try_from(digit).expect("below the base");
        match digit {
            0..10 if self.base > 26 => b'0' + digit,
            _ if self.base > 26 => b'a' + digit - 10,
            _ => b'a' + digit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_spread_evenly() {
        let check = |low, span, n, expected: &[i128]| {
            let stretch = Stretch { first: 5, n, low, span, key: None };
            assert_eq!((0..n).map(|i| stretch.at(5 + i)).collect::<Vec<_>>(), expected);
        };
        check(10, 4, 4, &[10, 11, 12, 13]);
        check(-3, 10, 3, &[-3, 0, 3]);
        check(0, i128::MAX, 2, &[0, i128::MAX / 2]);
        let scattered = Stretch { first: 0, n: 100, low: 0, span: 1_050, key: Some(1) };
        let numbers: Vec<i128> = (0..100).map(|ordinal| scattered.at(ordinal)).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b) && numbers[99] < 1_050);
        assert!(numbers.windows(2).any(|pair| pair[1] - pair[0] != numbers[1] - numbers[0]));
    }

    #[test]
    fn kept_texts_come_before_their_codes() {
        let codes = Codes {
            n: 5,
            base: 26,
            width: 1,
            step: 5,
            offset: 0,
            n_chars: 1,
            key: 0,
            kept: vec![
                (0, "paid".to_owned(), true),
                (1, "paid".to_owned(), false),
                (3, "sent".to_owned(), true),
            ],
        };
        let texts: Vec<String> = (0..4).map(|ordinal| codes.text(ordinal)).collect();
        assert_eq!(texts, ["paid", "paidf", "paidk", "sent"]);
    }
}
