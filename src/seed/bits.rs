//! The random bits of a cell: a function of its column's stream, its row's serial and the attempt at the row.

use crate::random;

/// Set apart the decision whether a cell is NULL from what it is else.
const NULL_STREAM: u64 = 0x6E75_6C6C;

/// Returns the bits of a row in a stream; each attempt has others.
pub(crate) const fn of_row(key: u64, serial: u64, attempt: u32) -> u64 {
    random::at(key ^ of_attempt(attempt), serial)
}

/// Returns the bits of a row that nobody has refused, by [`random::spread`] of its serial.
pub(crate) const fn of_spread(key: u64, spread: u64) -> u64 {
    random::of(key, spread)
}

/// Returns the stream that decides which cells of the stream `key` are NULL.
pub(crate) const fn null_stream(key: u64) -> u64 {
    key ^ random::mix(NULL_STREAM)
}

/// Returns where an injective draw puts a row whose attempt is not the first: any of the ordinals `n_used..n` that no row has,
/// or its own when there are none.
///
/// It depends on nothing of the column, so that the digits of one cell move together.
pub(crate) const fn moved(serial: u64, attempt: u32, n_used: u64, n: u64) -> u64 {
    if attempt == 0 || n <= n_used {
        return serial;
    }
    n_used + random::below(random::at(of_attempt(attempt), serial), n - n_used)
}

const fn of_attempt(attempt: u32) -> u64 {
    if attempt == 0 { 0 } else { random::mix(attempt as u64) }
}
