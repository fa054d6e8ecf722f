//! Draws: the ordinal of each row.

use super::Draw;
use super::block::Block;
use crate::random;
use crate::seed::keys::curve::Curve;
use crate::seed::keys::permutation::Permutation;
use crate::seed::plan::EdgeId;

impl Draw {
    /// Whether ordinals depend on random bits.
    pub(super) fn is_random(&self) -> bool {
        matches!(
            self,
            Self::Bits | Self::Uniform { .. } | Self::Skewed(_) | Self::Along { .. } | Self::Axis { .. }
        )
    }

    /// Whether ordinals rise with the random bits.
    pub(crate) fn is_ranked(&self) -> bool {
        matches!(self, Self::Uniform { .. } | Self::Skewed(_))
    }

    /// Returns the edge that must be followed before.
    pub(crate) fn edge(&self) -> Option<EdgeId> {
        match self {
            Self::Ordinal { edge } | Self::OrdinalDigit { edge, .. } => Some(*edge),
            _ => None,
        }
    }

    /// Appends the ordinals of a block's rows, for values of which there are `n`.
    pub(super) fn ordinals(&self, block: &mut Block, bits: &[u64], n: u64, ordinals: &mut Vec<u64>) {
        match self {
            Self::Row => ordinals.extend_from_slice(&block.rows),
            Self::Serial => ordinals.extend_from_slice(&block.serials),
            Self::Permuted(permutation) => {
                block.distinct(permutation.n(), ordinals);
                for ordinal in ordinals.iter_mut() {
                    *ordinal = image(permutation, *ordinal);
                }
            }
            Self::Bits if n == u64::MAX => ordinals.extend_from_slice(bits),
            Self::Bits => ordinals.extend(bits.iter().map(|&bits| random::below(bits, n.max(1)))),
            Self::Uniform { n } => ordinals.extend(bits.iter().map(|&bits| random::below(bits, (*n).max(1)))),
            Self::Skewed(curve) => ordinals.extend(bits.iter().map(|&bits| drawn(curve, bits))),
            Self::Along { key, share, draw } => {
                let mut theirs = Vec::with_capacity(bits.len());
                block.bits(*key, &mut theirs);
                let follows = |own: u64| random::mix(own) >> 32 < u64::from(*share);
                for (their, &own) in theirs.iter_mut().zip(bits) {
                    if !follows(own) {
                        *their = own;
                    }
                }
                draw.ordinals(block, &theirs, n, ordinals);
            }
            Self::Laid { slots, curve } => {
                ordinals.extend(block.rows.iter().map(|&row| located(curve, image(slots, row)).0));
            }
            Self::Axis { slots, curve, step } => {
                ordinals.extend(block.rows.iter().map(|&row| located(curve, slots.apply(row)).0 * step));
                // A row that was refused has any other value, unless each is there once.
                if curve.n_ranks() < curve.n_slots() {
                    for &(place, _) in &block.attempts {
                        ordinals[place] = drawn(curve, bits[place]) * step;
                    }
                }
            }
            Self::Ordinal { edge } => {
                ordinals.extend_from_slice(&block.edges[usize::from(*edge)].of.ordinals);
            }
            Self::Digit { cells, divisor, n } => {
                block.distinct(cells.n(), ordinals);
                for ordinal in ordinals {
                    *ordinal = digit(image(cells, *ordinal), *divisor, *n);
                }
            }
            Self::OrdinalDigit { edge, divisor, n } => {
                let of = &block.edges[usize::from(*edge)].of.ordinals;
                ordinals.extend(of.iter().map(|&ordinal| digit(ordinal, *divisor, *n)));
            }
        }
    }
}

pub(super) fn digit(cell: u64, divisor: u64, n: u64) -> u64 {
    cell / divisor.max(1) % n.max(1)
}

/// Returns the image of `i`, which wraps around where the plan left no room for it.
pub(super) fn image(permutation: &Permutation, i: u64) -> u64 {
    match permutation.n() {
        0 => 0,
        n if i < n => permutation.apply(i),
        n => permutation.apply(i % n),
    }
}

/// Returns the rank and the place of a slot, the last one for slots after it.
pub(super) fn located(curve: &Curve, slot: u64) -> (u64, u64) {
    match curve.n_slots() {
        0 => (0, 0),
        n => curve.locate(slot.min(n - 1)),
    }
}

pub(super) fn drawn(curve: &Curve, bits: u64) -> u64 {
    if curve.n_slots() == 0 { 0 } else { curve.draw(bits) }
}
