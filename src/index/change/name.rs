//! Names for indexes that are to be built: free ones, and those of partitions.

use std::collections::BTreeSet;

use super::state::State;
use crate::catalog::Catalog;
use crate::random;

/// The longest name that PostgreSQL keeps whole, in bytes (`NAMEDATALEN` - 1).
pub(crate) const MAX_NAME_BYTES: usize = 63;
/// How many names are tried for an index.
const MAX_NAMES: usize = 99;

/// Schema and name of relations: of what an index cannot be called.
pub(crate) type Taken = BTreeSet<(String, String)>;

/// Returns the names that a catalog shows to be taken. It shows no sequences and no composite types.
pub(crate) fn taken(catalog: &Catalog) -> Taken {
    State::of_catalog(catalog).taken
}

/// Returns the first name for an index that nothing else in its schema has, and takes it.
pub(crate) fn take_free(taken: &mut Taken, schema: &str, own_name: &str) -> String {
    let free = (1..=MAX_NAMES)
        .map(|n| variant(own_name, n))
        .find(|name| !taken.contains(&(schema.to_owned(), name.clone())))
        .unwrap_or_else(|| own_name.to_owned());
    taken.insert((schema.to_owned(), free.clone()));
    free
}

/// Returns the `n`-th name for an index, from 1.
pub(super) fn variant(name: &str, n: usize) -> String {
    if n == 1 { shortened(name, "") } else { shortened(name, &format!("_{n}")) }
}

pub(super) fn is_variant(name: &str, own_name: &str) -> bool {
    (1..=MAX_NAMES).any(|n| variant(own_name, n) == name)
}

/// Returns a name with a suffix, cut before that where both together would be too long.
pub(crate) fn shortened(name: &str, suffix: &str) -> String {
    let mut end = name.len().min(MAX_NAME_BYTES - suffix.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}

/// Returns what the index of a partition is called: `events_a_idx` of `events` is `events_2026_a_idx` of `events_2026`.
pub(crate) fn child_name(child: &str, table: &str, name: &str) -> String {
    let rest = name.strip_prefix(table).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name);
    let whole = format!("{child}_{rest}");
    if whole.len() <= MAX_NAME_BYTES {
        return whole;
    }
    shortened(&whole, &format!("_{:08x}_idx", random::substream(0, &whole) >> 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_free_name() {
        let mut taken = Taken::from([("s".to_owned(), "t_a_idx".to_owned())]);
        let mut next = |schema, name| take_free(&mut taken, schema, name);
        assert_eq!([next("s", "t_a_idx"), next("s", "t_a_idx")], ["t_a_idx_2", "t_a_idx_3"]);
        assert_eq!([next("other", "t_a_idx"), next("s", "t_b_idx")], ["t_a_idx", "t_b_idx"]);
        let long = "x".repeat(MAX_NAME_BYTES);
        assert_eq!(next("s", &long), long);
        let second = next("s", &long);
        assert!(second.len() == MAX_NAME_BYTES && second.ends_with("x_2"), "{second}");
    }
}
