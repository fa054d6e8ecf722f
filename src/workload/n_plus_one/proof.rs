//! Whether one statement for all keys gives each of them the rows that it has alone.

use std::collections::HashMap;
use std::fmt;

/// A row as the server sent it: `None` is NULL.
pub(crate) type Row = Vec<Option<Vec<u8>>>;

/// Where one statement differs from many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A key has so many rows alone, and so many in one statement.
    Number { key: usize, alone: usize, at_once: usize },
    /// A key has others.
    Rows { key: usize },
    /// A key has them in another order.
    Order { key: usize },
    /// Rows of no key that was asked for.
    Stray { n_rows: usize },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { key, alone, at_once } => {
                write!(f, "key {} has {alone} rows alone and {at_once} in one statement", key + 1)
            }
            Self::Rows { key } => write!(f, "key {} has other rows alone than in one statement", key + 1),
            Self::Order { key } => write!(
                f,
                "key {} has the same rows in another order: its ORDER BY does not say which of equal ones comes first",
                key + 1
            ),
            Self::Stray { n_rows } => write!(f, "{n_rows} rows in one statement belong to no key"),
        }
    }
}

/// Compares the rows of each key, in their order where they have one.
pub(crate) fn compare(alone: &[Vec<Row>], at_once: &[Vec<Row>], is_ordered: bool) -> Result<(), Difference> {
    for (key, (alone, at_once)) in alone.iter().zip(at_once).enumerate() {
        if alone.len() != at_once.len() {
            return Err(Difference::Number { key, alone: alone.len(), at_once: at_once.len() });
        }
        if !have_same_rows(alone, at_once) {
            return Err(Difference::Rows { key });
        }
        if is_ordered && alone != at_once {
            return Err(Difference::Order { key });
        }
    }
    Ok(())
}

/// Whether each row comes equally often in both.
fn have_same_rows(alone: &[Row], at_once: &[Row]) -> bool {
    let mut counts: HashMap<&Row, i64> = HashMap::new();
    for row in alone {
        *counts.entry(row).or_default() += 1;
    }
    for row in at_once {
        *counts.entry(row).or_default() -= 1;
    }
    counts.values().all(|n| *n == 0)
}

/// Gives each key its rows, by what their key column holds; a key that comes twice has its rows twice, and NULL has none.
pub(crate) fn by_key(
    rows: Vec<(Option<Vec<u8>>, Row)>,
    keys: &[Option<Vec<u8>>],
) -> Result<Vec<Vec<Row>>, Difference> {
    let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, key) in keys.iter().enumerate() {
        if let Some(key) = key {
            places.entry(key).or_default().push(at);
        }
    }
    let mut found = vec![Vec::new(); keys.len()];
    let mut n_rows = 0;
    for (key, row) in rows {
        match key.as_deref().and_then(|key| places.get(key)) {
            Some(places) => places.iter().for_each(|at| found[*at].push(row.clone())),
            None => n_rows += 1,
        }
    }
    if n_rows > 0 { Err(Difference::Stray { n_rows }) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(texts: &[&str]) -> Vec<Row> {
        texts.iter().map(|text| vec![(!text.is_empty()).then(|| text.as_bytes().to_vec())]).collect()
    }

    #[test]
    fn rows_are_equal_as_often_as_they_come() {
        let check = |alone: &[&str], at_once: &[&str], is_ordered, expected| {
            assert_eq!(compare(&[rows(alone)], &[rows(at_once)], is_ordered).err(), expected);
        };
        check(&["a", "b", "a"], &["a", "a", "b"], false, None);
        check(&["a", "b"], &["b", "a"], true, Some(Difference::Order { key: 0 }));
        check(&["a", "b", "b"], &["a", "a", "b"], false, Some(Difference::Rows { key: 0 }));
        check(&["a"], &[], false, Some(Difference::Number { key: 0, alone: 1, at_once: 0 }));
        check(&[""], &["a"], false, Some(Difference::Rows { key: 0 }));
        check(&[], &[], true, None);
    }

    #[test]
    fn keys_that_come_twice_have_their_rows_twice() {
        let key = |text: &str| Some(text.as_bytes().to_vec());
        let keys = [key("1"), None, key("2"), key("1")];
        let found = by_key(vec![(key("1"), rows(&["a"])[0].clone())], &keys).unwrap();
        assert_eq!(found, [rows(&["a"]), vec![], vec![], rows(&["a"])]);
        let stray = by_key(vec![(key("3"), rows(&["a"])[0].clone()), (None, vec![])], &keys);
        assert_eq!(stray, Err(Difference::Stray { n_rows: 2 }));
    }

    proptest! {
        #[test]
        fn any_other_order_is_equal_without_one(texts in prop::collection::vec("[ab]{0,2}", 0..8), turn in 0_usize..8) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let alone = rows(&texts);
            let mut turned = alone.clone();
            turned.rotate_left(turn.min(texts.len()));
            prop_assert!(compare(std::slice::from_ref(&alone), &[turned], false).is_ok());
            let mut more = alone.clone();
            more.push(vec![Some(b"c".to_vec())]);
            prop_assert!(compare(&[alone], &[more], false).is_err());
        }
    }
}
