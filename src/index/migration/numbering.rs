//! The numbers that migrations run in the order of.

use super::Place;

/// Numbers of this many digits and more are times, as in `20260131120000`; shorter ones are counted.
const TIMESTAMP_DIGITS: usize = 14;

/// Returns `n` numbers that follow those in the folder, in its way: times where it has times or nothing, else counted on
/// with as many digits. `number` finds the digits in a file's name.
pub(super) fn next(n: usize, place: &Place, number: fn(&str) -> &str) -> Vec<String> {
    let last = last(place, number);
    let (first, width) = match last {
        Some((last, width)) if width < TIMESTAMP_DIGITS => (last + 1, width),
        Some((last, _)) => (place.timestamp.max(last + 1), TIMESTAMP_DIGITS),
        None => (place.timestamp, TIMESTAMP_DIGITS),
    };
    // Several files of one second: the tools read a number, not a time.
    (first..).take(n).map(|number| format!("{number:0width$}")).collect()
}

/// Returns the highest number in the folder and how many digits it has.
pub(super) fn last(place: &Place, number: fn(&str) -> &str) -> Option<(u64, usize)> {
    place
        .existing
        .iter()
        .filter_map(|name| {
            let digits = number(name);
            // What is longer than eighteen digits would not fit the tools either.
            (digits.len() <= 18).then(|| Some((digits.parse().ok()?, digits.len())))?
        })
        .max()
}

/// Returns the digits that a name starts with.
pub(super) fn leading_digits(name: &str) -> &str {
    let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(existing: &[&str], expected: &[&str]) {
        let existing: Vec<String> = existing.iter().map(|name| (*name).to_owned()).collect();
        let place = Place { timestamp: 20_260_131_120_000, existing: &existing, app: "" };
        assert_eq!(next(expected.len(), &place, leading_digits), expected, "{existing:?}");
    }

    #[test]
    fn numbers_follow_the_folder_s_way() {
        check(&[], &["20260131120000", "20260131120001"]);
        check(&["README.md", "20250101000000_users.up.sql"], &["20260131120000"]);
        check(&["20260131120000_a.up.sql", "20260131120000_a.down.sql"], &["20260131120001"]);
        check(&["000009_a.up.sql", "000010_b.up.sql"], &["000011", "000012"]);
        check(&["9_a.sql"], &["10"]);
        check(&["1699999999_unix.up.sql"], &["1700000000"]);
        check(&["99999999999999999999999_x.sql"], &["20260131120000"]);
    }
}
