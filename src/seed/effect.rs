//! What triggers do beside while rows are loaded or deleted, and which of the rows that they have made are the run's to delete.
//!
//! A row says which transaction has put it there (`xmin`), but one that was only changed says so too. A transaction that has
//! changed nothing in a table has made all rows of it that bear its number; of others that is certain only in a table that was
//! empty before the run and where all rows bear numbers of the run.

use std::collections::{BTreeMap, BTreeSet};

/// What a session has done to a table, with its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) n_inserted: i64,
    pub(crate) n_updated: i64,
}

/// What triggers have done to a table in one transaction of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) oid: u32,
    /// As `xmin` has it.
    pub(crate) xid: String,
    /// Its subtransactions that have put or changed rows there: triggers work in them to catch errors.
    pub(crate) nested: Vec<String>,
    /// Whether `xmin` still tells the transaction from others.
    pub(crate) is_known: bool,
    pub(crate) n_inserted: i64,
    pub(crate) n_updated: i64,
}

impl Effect {
    /// The transaction and its subtransactions.
    pub(crate) fn xids(&self) -> impl Iterator<Item = String> {
        std::iter::once(&self.xid).chain(&self.nested).cloned()
    }
}

/// What triggers have made in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) n_rows: u64,
    /// All transactions that have done something there.
    pub(crate) all: BTreeSet<String>,
    /// Transactions whose rows were all made by them.
    pub(crate) sure: BTreeSet<String>,
    /// Whether transactions have changed rows as well, or cannot be told from others.
    pub(crate) is_doubtful: bool,
}

/// Returns what was done between two counts, but for the rows that perfkit itself has put into tables (by schema and name).
pub(crate) fn between(before: &[Counts], after: &[Counts], own: &[(&str, &str, u64)]) -> Vec<Counts> {
    let since = |now: &Counts| {
        let then = before.iter().find(|then| then.oid == now.oid);
        let is_it = |own: &&(&str, &str, u64)| (own.0, own.1) == (now.schema.as_str(), now.name.as_str());
        let own: Vec<i64> =
            own.iter().filter(is_it).map(|own| i64::try_from(own.2).unwrap_or(i64::MAX)).collect();
        let n_inserted = now.n_inserted - then.map_or(0, |then| then.n_inserted) - own.iter().sum::<i64>();
        let n_updated = now.n_updated - then.map_or(0, |then| then.n_updated);
        // Rows that perfkit has made are found by their keys, changed or not.
        let is_of_triggers = n_inserted > 0 || (n_updated > 0 && own.is_empty());
        is_of_triggers.then(|| Counts { n_inserted, n_updated, ..now.clone() })
    };
    after.iter().filter_map(since).collect()
}

/// Returns what triggers have made, by table.
pub(crate) fn made(effects: &[Effect]) -> BTreeMap<u32, Made> {
    let mut made: BTreeMap<u32, Made> = BTreeMap::new();
    for effect in effects {
        let of = made.entry(effect.oid).or_default();
        of.n_rows += u64::try_from(effect.n_inserted).unwrap_or(0);
        of.all.insert(effect.xid.clone());
        if effect.is_known && effect.n_updated == 0 {
            of.sure.extend(effect.xids());
        } else {
            of.is_doubtful = true;
        }
    }
    made.retain(|_, made| made.n_rows > 0);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(oid: u32, name: &str, n_inserted: i64, n_updated: i64) -> Counts {
        Counts { oid, schema: "s".to_owned(), name: name.to_owned(), n_inserted, n_updated }
    }

    #[test]
    fn own_rows_are_not_those_of_triggers() {
        let check =
            |before: &[Counts], after: Counts, own: &[(&str, &str, u64)], expected: Option<(i64, i64)>| {
                let found = between(before, &[after], own);
                assert_eq!(found.first().map(|it| (it.n_inserted, it.n_updated)), expected);
            };
        check(&[], counts(1, "a", 3, 0), &[], Some((3, 0)));
        check(&[counts(1, "a", 3, 1)], counts(1, "a", 3, 1), &[], None);
        check(&[counts(1, "a", 3, 1)], counts(1, "a", 5, 2), &[], Some((2, 1)));
        check(&[counts(2, "b", 3, 1)], counts(1, "a", 5, 2), &[("s", "a", 4)], Some((1, 2)));
        check(&[], counts(1, "a", 5, 2), &[("s", "a", 5)], None);
        check(&[], counts(1, "a", 5, 0), &[("t", "a", 5)], Some((5, 0)));
        check(&[], counts(1, "a", 0, 2), &[], Some((0, 2)));
    }

    #[test]
    fn rows_of_transactions_that_changed_others_are_doubtful() {
        let check = |effects: &[(&str, bool, i64, i64)], expected: Option<(u64, &[&str], bool)>| {
            let effects: Vec<Effect> = effects
                .iter()
                .map(|&(xid, is_known, n_inserted, n_updated)| Effect {
                    oid: 1,
                    xid: xid.to_owned(),
                    nested: if n_inserted > 2 { vec![format!("{xid}1")] } else { Vec::new() },
                    is_known,
                    n_inserted,
                    n_updated,
                })
                .collect();
            let made = made(&effects);
            let found = made.get(&1).map(|made| {
                (made.n_rows, made.sure.iter().map(String::as_str).collect::<Vec<_>>(), made.is_doubtful)
            });
            assert_eq!(found, expected.map(|(n, sure, doubt)| (n, sure.to_vec(), doubt)));
        };
        check(&[], None);
        check(&[("7", true, 2, 0), ("8", true, 3, 0)], Some((5, &["7", "8", "81"], false)));
        check(&[("7", true, 2, 0), ("8", true, 0, 1)], Some((2, &["7"], true)));
        check(&[("7", false, 2, 0)], Some((2, &[], true)));
        check(&[("7", true, 0, 4)], None);
    }
}
