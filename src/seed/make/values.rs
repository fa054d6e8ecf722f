//! Values: what stands for each ordinal.

use super::block::Scratch;
use super::draw::located;
use super::lane::{Cells, Lane, end};
use super::world::to_place;
use super::{Network, Series, Values};
use crate::random;
use crate::seed::time::{DAY_US, POSTGRES_EPOCH_US};
use crate::seed::wire::Wire;

/// What values are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ordinals<'a> {
    /// The stream of the column, or of the part of it that these values are.
    pub(super) key: u64,
    pub(super) as_of_us: i64,
    pub(super) ordinals: &'a [u64],
    /// Random bits of each cell; empty where [`Values::need_bits`] does not hold.
    pub(super) bits: &'a [u64],
}

impl Ordinals<'_> {
    /// Returns ordinals with their bits.
    pub(super) fn cells(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ordinals.iter().copied().zip(self.bits.iter().copied())
    }
}

impl Values {
    /// Returns how many ordinals have different values: those of `0..n`.
    pub(crate) fn n(&self) -> u64 {
        match self {
            Self::Int { n, .. } | Self::Wide { n, .. } | Self::Float { n, .. } | Self::Range { n, .. } => *n,
            Self::List(Cells::Int(cells)) => cells.len() as u64,
            Self::List(Cells::Float(cells)) => cells.len() as u64,
            Self::List(Cells::Wide(cells)) => cells.len() as u64,
            Self::List(Cells::Bytes { ends, .. }) => ends.len() as u64,
            Self::Spread { stretches, .. } => stretches.last().map_or(0, |last| last.first + last.n),
            Self::Codes(codes) => codes.n,
            Self::Template(template) => template.n(),
            Self::Matching(texts) => texts.n(),
            Self::Uuid { .. } | Self::Slots { .. } => u64::MAX,
            Self::Moments(series) => series.curve.n_slots(),
            Self::Bytes { min, .. } => power_of_two(min.saturating_mul(8)),
            Self::BitString { min, .. } => power_of_two(*min),
            Self::Network(Network::Inet) => power_of_two(32),
            Self::Network(Network::Cidr) => power_of_two(24),
            Self::Network(Network::MacAddr) => power_of_two(40),
            Self::Network(Network::MacAddr8) => power_of_two(56),
            Self::Array { of, min, .. } => {
                if *min > 0 {
                    of.n()
                } else {
                    1
                }
            }
            Self::Composite(attributes) => attributes.first().map_or(1, |(_, _, values)| values.n()),
            Self::Document(_) | Self::Lexemes { .. } => 1,
        }
    }

    /// Whether cells depend on random bits besides their ordinals.
    pub(super) fn need_bits(&self) -> bool {
        match self {
            Self::Uuid { series } => series.is_some(),
            Self::Template(_)
            | Self::Moments(_)
            | Self::Bytes { .. }
            | Self::BitString { .. }
            | Self::Range { .. }
            | Self::Array { .. }
            | Self::Composite(_)
            | Self::Document(_)
            | Self::Lexemes { .. } => true,
            _ => false,
        }
    }

    /// Returns the cells of ordinals in a stream, for a plan that holds them.
    pub(crate) fn cells(&self, ordinals: &[u64], wire: &Wire, key: u64) -> Lane {
        let bits: Vec<u64> = ordinals.iter().map(|&ordinal| random::at(key, ordinal)).collect();
        let mut lane = Lane::default();
        let of = Ordinals { key, as_of_us: 0, ordinals, bits: &bits };
        self.fill(&of, wire, &mut Scratch::default(), &mut lane);
        lane
    }

    /// Fills a lane for a wire.
    pub(super) fn fill(&self, of: &Ordinals, wire: &Wire, scratch: &mut Scratch, lane: &mut Lane) {
        match self {
            Self::Int { low, step, .. } => {
                let cell = |&i: &u64| low.wrapping_add(step.wrapping_mul(i.cast_signed()));
                lane.ints().extend(of.ordinals.iter().map(cell));
            }
            Self::Wide { low, step, .. } => {
                let cell = |&i: &u64| low.wrapping_add(step.wrapping_mul(i.into()));
                lane.wides().extend(of.ordinals.iter().map(cell));
            }
            #[expect(clippy::cast_precision_loss, reason = "floating-point numbers are not exact")]
            Self::Float { low, step, .. } => {
                lane.floats().extend(of.ordinals.iter().map(|&i| low + step * i as f64));
            }
            Self::List(cells) => list(cells, of.ordinals, lane),
            Self::Spread { stretches, per_unit } => super::spread::fill(stretches, *per_unit, of, wire, lane),
            Self::Codes(codes) => codes.fill(of, lane),
            Self::Template(template) => template.fill(of, lane),
            Self::Matching(texts) => appended(lane, of.ordinals, |&i, bytes| texts.append(i, bytes)),
            Self::Uuid { series: None } => {
                lane.wides().extend(of.ordinals.iter().map(|&i| uuid(of.key, i, random::at(of.key, i), 4)));
            }
            Self::Uuid { series: Some(series) } => {
                let mut moments = Moments::new(series);
                lane.wides().extend(of.cells().map(|(i, bits)| {
                    let unix_ms = (moments.at(i, bits) + POSTGRES_EPOCH_US).cast_unsigned() / 1_000;
                    uuid(of.key, i, (unix_ms << 16) | (random::at(of.key, i) & 0xFFFF), 7)
                }));
            }
            Self::Moments(series) => {
                let mut moments = Moments::new(series);
                let cells = lane.ints();
                cells.extend(of.cells().map(|(i, bits)| moments.at(i, bits)));
                if *wire == Wire::Date {
                    for cell in cells.iter_mut() {
                        *cell = cell.div_euclid(DAY_US);
                    }
                } else if series.unit_us > 1 {
                    for cell in cells.iter_mut() {
                        *cell -= cell.rem_euclid(series.unit_us);
                    }
                }
            }
            Self::Bytes { min, max } => appended(lane, of.cells(), |(i, bits), bytes| {
                let n_bytes = length(*min, *max, bits);
                let first = injective(of.key, i, min.saturating_mul(8), bits);
                append_words(first, bits, n_bytes, bytes);
            }),
            Self::BitString { min, max } => appended(lane, of.cells(), |(i, bits), bytes| {
                let n_bits = length(*min, *max, bits);
                bytes.extend(u32::try_from(n_bits).unwrap_or(u32::MAX).to_be_bytes());
                append_words(injective(of.key, i, *min, bits), bits, n_bits.div_ceil(8), bytes);
                // Bits after the last one are 0 (`bit_recv` in `varbit.c` clears them, so equality would not suffer).
                if let Some(last) = bytes.last_mut().filter(|_| !n_bits.is_multiple_of(8)) {
                    *last &= 0xFF << (8 - n_bits % 8);
                }
            }),
            Self::Network(network) => appended(lane, of.ordinals, |&i, bytes| network.append(i, bytes)),
            Self::Slots { element, low, cell, width } => {
                appended(lane, of.ordinals, |&i, bytes| {
                    let low = low.saturating_add(cell.saturating_mul(i.cast_signed()));
                    element.append(low, low.saturating_add(*width), bytes);
                });
            }
            Self::Range { element, low, max_width, .. } => appended(lane, of.cells(), |(i, bits), bytes| {
                let low = low.saturating_add(i.cast_signed());
                let width = 1 + random::below(random::mix(bits), max_width.unsigned_abs().max(1));
                element.append(low, low.saturating_add(width.cast_signed()), bytes);
            }),
            Self::Array { element_oid, wire, of: values, min, max } => {
                super::nested::arrays((*element_oid, wire, values), (*min, *max), of, scratch, lane);
            }
            Self::Composite(attributes) => super::nested::composites(attributes, of, scratch, lane),
            Self::Document(document) => {
                let document = document.compiled();
                appended(lane, of.bits, |&bits, bytes| document.append(bits, of.as_of_us, bytes));
            }
            Self::Lexemes { min, max } => {
                let list = super::nested::lexemes();
                appended(lane, of.bits, |&bits, bytes| {
                    super::nested::append_lexemes(list, length(*min, *max, bits), bits, bytes);
                });
            }
        }
    }
}

/// Fills a lane of bytes with what is appended for each item.
pub(super) fn appended<T>(
    lane: &mut Lane,
    items: impl IntoIterator<Item = T>,
    mut append: impl FnMut(T, &mut Vec<u8>),
) {
    let (ends, bytes) = lane.bytes();
    for item in items {
        append(item, bytes);
        ends.push(end(bytes));
    }
}

fn list(list: &Cells, ordinals: &[u64], lane: &mut Lane) {
    fn of<T: Copy>(list: &[T], ordinals: &[u64], cells: &mut Vec<T>) {
        cells.extend(ordinals.iter().filter_map(|&i| list.get(to_place(i % list.len().max(1) as u64))));
    }
    match list {
        Cells::Int(list) => of(list, ordinals, lane.ints()),
        Cells::Float(list) => of(list, ordinals, lane.floats()),
        Cells::Wide(list) => of(list, ordinals, lane.wides()),
        Cells::Bytes { ends: of, bytes: from } => appended(lane, ordinals, |&i, bytes| {
            let place = to_place(i % of.len().max(1) as u64);
            let start = place.checked_sub(1).map_or(0, |before| of[before]);
            bytes.extend_from_slice(&from[start as usize..of[place] as usize]);
        }),
    }
}

/// Returns a length of `min..=max`.
pub(super) fn length(min: u32, max: u32, bits: u64) -> usize {
    let n = u64::from(max.saturating_sub(min)) + 1;
    min as usize + to_place(random::below(random::mix(bits), n))
}

fn power_of_two(exponent: u32) -> u64 {
    1u64.checked_shl(exponent).unwrap_or(u64::MAX)
}

/// Returns 64 bits of which the first `n_bits` tell apart as many ordinals as they can.
fn injective(key: u64, ordinal: u64, n_bits: u32, bits: u64) -> u64 {
    match 64u32.checked_sub(n_bits) {
        None | Some(0) => random::mix(ordinal ^ key),
        Some(n_free) => {
            ordinal.checked_shl(n_free).unwrap_or(0) | (random::at(bits, 1) & (u64::MAX >> n_bits))
        }
    }
}

/// Appends bytes that begin with those of `first` and go on at random.
fn append_words(first: u64, bits: u64, n_bytes: usize, bytes: &mut Vec<u8>) {
    let end = bytes.len() + n_bytes;
    let mut word = first;
    let mut n_words = 2;
    while bytes.len() < end {
        let n = (end - bytes.len()).min(8);
        bytes.extend_from_slice(&word.to_be_bytes()[..n]);
        word = random::at(bits, n_words);
        n_words += 1;
    }
}

/// Returns a UUID of a version (RFC 9562) whose lower half holds the ordinal, mixed, and whose upper half is given, up to two
/// bits of the ordinal that have no room beside the variant.
fn uuid(key: u64, ordinal: u64, upper: u64, version: u64) -> i128 {
    let mixed = random::mix(ordinal ^ key);
    let upper = (upper & !0xF003) | (version << 12) | (mixed >> 62);
    let lower = (mixed & (u64::MAX >> 2)) | (1 << 63);
    ((u128::from(upper) << 64) | u128::from(lower)).cast_signed()
}

/// The moments of a series, fast for ordinals that follow each other.
struct Moments<'a> {
    series: &'a Series,
    /// The slots of the rank that was looked at last.
    slots: std::ops::Range<u64>,
    /// When the rank begins.
    from_us: i64,
    /// The time that each slot has.
    gap_us: u64,
}

impl<'a> Moments<'a> {
    fn new(series: &'a Series) -> Self {
        Self { series, slots: 0..0, from_us: series.from_us, gap_us: 0 }
    }

    fn at(&mut self, ordinal: u64, bits: u64) -> i64 {
        let curve = &self.series.curve;
        let slot = ordinal.min(curve.n_slots().saturating_sub(1));
        let step_us = self.series.step_us.unsigned_abs();
        if !self.slots.contains(&slot) {
            let (rank, place) = located(curve, slot);
            let degree = if curve.n_slots() == 0 { 1 } else { curve.degree(rank) };
            self.slots = slot - place..slot - place + degree;
            self.from_us = self.series.from_us.saturating_add(rank.saturating_mul(step_us).cast_signed());
            self.gap_us = step_us / degree;
        }
        let place = slot - self.slots.start;
        let us = if self.gap_us > 0 {
            place * self.gap_us + random::below(random::mix(bits), self.gap_us)
        } else {
            // More rows than microseconds.
            let us = u128::from(place) * u128::from(step_us) / u128::from(self.slots.end - self.slots.start);
            u64::try_from(us).expect("within the rank")
        };
        self.from_us.saturating_add(us.cast_signed())
    }
}

impl Network {
    /// Appends an address in its wire form (`network_send` in `network.c`: family, bits, whether cidr, bytes).
    ///
    /// The first ones are private or locally administered, and say so by their first byte.
    fn append(self, ordinal: u64, bytes: &mut Vec<u8>) {
        /// `PGSQL_AF_INET` (`inet.h`).
        const IPV4: u8 = 2;
        /// 10.0.0.0/8 (RFC 1918).
        const PRIVATE: u8 = 0x0A;
        let low = ordinal.to_be_bytes();
        match self {
            Self::Inet => {
                bytes.extend_from_slice(&[IPV4, 32, 0, 4, PRIVATE ^ low[4], low[5], low[6], low[7]]);
            }
            Self::Cidr => bytes.extend_from_slice(&[IPV4, 24, 1, 4, PRIVATE ^ low[5], low[6], low[7], 0]),
            Self::MacAddr => bytes.extend_from_slice(&[2, low[3], low[4], low[5], low[6], low[7]]),
            Self::MacAddr8 => {
                bytes.push(2);
                bytes.extend_from_slice(&low[1..]);
            }
        }
    }
}
