//! Counters over several levels: chains of sums, their order, and two ways to one row.
//!
//! `users.mentions_count` through keywords is the sum of `keywords.mentions_count`: when a mention comes, its trigger updates the
//! keyword, and that update's trigger the user. No trigger looks a grandparent up: a cascade has deleted it by then.

use std::collections::BTreeSet;

use super::site::{Counter, Mode, QualifiedName, Site, Storage};
use super::spec::{Columns, Wish};
use crate::query::condition;
use crate::query::quote;

/// Why sites cannot be kept together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChainError {
    #[error("counters of {0} depend on themselves")]
    Cycle(QualifiedName),
    #[error("one statement on {child} would lock rows of {parent} by two ways: {}", .routes.join(" and "))]
    Diamond { child: QualifiedName, parent: QualifiedName, routes: Vec<String> },
}

impl ChainError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Cycle(_) => None,
            Self::Diamond { .. } => Some(
                "Two statements could wait for each other for ever; keep one of the ways with --mode queue."
                    .to_owned(),
            ),
        }
    }
}

/// Takes wishes through other tables apart, level by level. A level is what another wish asks for, what `is_kept` says is there
/// (table, counted table, condition and sum give the column), or a column of its own with the name of the topmost.
pub(crate) fn levels(wishes: &[Wish], is_kept: impl Fn(&Wish) -> Option<String>) -> Vec<Wish> {
    let mut all: Vec<Wish> = wishes.iter().filter(|wish| wish.through.0.is_empty()).cloned().collect();
    for wish in wishes.iter().filter(|wish| !wish.through.0.is_empty()) {
        let mut below = Wish { through: Columns::default(), column: None, guard: false, ..wish.clone() };
        for table in &wish.through.0 {
            below.table.clone_from(table);
            let asked = all.iter().find(|other| counts_the_same(other, &below)).map(Wish::column);
            let column = asked.or_else(|| is_kept(&below)).unwrap_or_else(|| {
                all.push(Wish { column: Some(wish.column()), ..below.clone() });
                wish.column()
            });
            below = Wish {
                counts: table.clone(),
                key: Columns::default(),
                condition: None,
                sum: Some(quote::identifier(&column).into_owned()),
                ..below
            };
        }
        below.table.clone_from(&wish.table);
        all.push(Wish { column: Some(wish.column()), guard: wish.guard, ..below });
    }
    all
}

fn counts_the_same(a: &Wish, b: &Wish) -> bool {
    let what =
        |wish: &Wish| (wish.table.clone(), wish.counts.clone(), wish.condition.clone(), wish.sum.clone());
    what(a) == what(b) && (a.key == b.key || b.key.0.is_empty())
}

/// Puts sites in an order in which each comes after those whose counters it adds up.
pub(crate) fn in_order(mut sites: Vec<Site>) -> Result<Vec<Site>, ChainError> {
    let mut ordered: Vec<Site> = Vec::new();
    while !sites.is_empty() {
        let is_free = |site: &Site| !sites.iter().any(|below| feeds(below, site));
        let Some(at) = sites.iter().position(is_free) else {
            return Err(ChainError::Cycle(sites[0].parent.clone()));
        };
        ordered.push(sites.remove(at));
    }
    Ok(ordered)
}

/// Refuses what would lock rows of one table by two ways in one statement: by the first way in the order of one key, by the
/// second in that of another, so that two statements could wait for each other. Only [`Mode::Inline`] locks parents.
pub(crate) fn refuse_diamonds(sites: &[Site]) -> Result<(), ChainError> {
    let children: BTreeSet<&QualifiedName> = sites.iter().map(|site| &site.child).collect();
    for child in children {
        let mut reached: Vec<Vec<&Site>> = Vec::new();
        for first in sites.iter().filter(|site| site.child == *child) {
            walk(sites, &mut vec![first], &mut reached);
        }
        for (at, route) in reached.iter().enumerate() {
            let end = |route: &[&Site]| route.last().map(|site| site.parent.clone());
            if let Some(other) = reached[..at].iter().find(|other| end(other) == end(route)) {
                let routes = [other, route].map(|route| described(route)).to_vec();
                let parent = end(route).unwrap_or_default();
                return Err(ChainError::Diamond { child: child.clone(), parent, routes });
            }
        }
    }
    Ok(())
}

/// Collects all ways on from a route, itself first.
fn walk<'s>(sites: &'s [Site], route: &mut Vec<&'s Site>, reached: &mut Vec<Vec<&'s Site>>) {
    let Some(last) = route.last().copied().filter(|site| locks_parents(site)) else { return };
    reached.push(route.clone());
    for next in sites.iter().filter(|next| feeds(last, next)) {
        if !route.iter().any(|site| std::ptr::eq(*site, next)) {
            route.push(next);
            walk(sites, route, reached);
            route.pop();
        }
    }
}

fn locks_parents(site: &Site) -> bool {
    site.mode == Mode::Inline && site.storage == Storage::Column
}

fn described(route: &[&Site]) -> String {
    let keys = route.iter().map(|site| {
        let columns: Vec<&str> = site.key.iter().map(|pair| pair.child.as_str()).collect();
        format!("{}.{}", site.child.name, columns.join(", "))
    });
    keys.collect::<Vec<_>>().join(" → ")
}

/// Whether a change of the counters of one site changes what another adds up.
fn feeds(below: &Site, above: &Site) -> bool {
    let is_read = |counter: &Counter| above.counters.iter().any(|it| reads(it, &counter.column));
    below.parent == above.child && !below.is_side() && below.counters.iter().any(is_read)
}

/// Whether a counter goes by a column of what it counts.
pub(crate) fn reads(counter: &Counter, column: &str) -> bool {
    let texts = [&counter.condition, &counter.sum];
    texts.into_iter().flatten().any(|text| condition::columns(text).iter().any(|it| it.name == column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture::{count, site, sum};
    use crate::random;
    use proptest::prelude::*;

    fn wish(text: &str) -> Wish {
        let words: Vec<&str> = text.split(' ').collect();
        let (table, column) = words[0].split_once('.').unwrap();
        let mut wish = Wish { column: Some(column.to_owned()), ..Wish::new(table, words[1]) };
        for word in &words[2..] {
            match word.split_once('=').unwrap() {
                ("through", tables) => wish.through = Columns(tables.split(',').map(str::to_owned).collect()),
                ("sum", sum) => wish.sum = Some(sum.to_owned()),
                ("where", condition) => wish.condition = Some(condition.to_owned()),
                (other, _) => panic!("{other}"),
            }
        }
        wish
    }

    fn check_levels(wishes: &[&str], kept: &str, expected: &[&str]) {
        let wishes: Vec<Wish> = wishes.iter().map(|text| wish(text)).collect();
        let is_kept = |below: &Wish| (below.table == kept).then(|| "there".to_owned());
        let expected: Vec<Wish> = expected.iter().map(|text| wish(text)).collect();
        assert_eq!(levels(&wishes, is_kept), expected);
    }

    #[test]
    fn wishes_through_tables_become_chains_of_sums() {
        // The five counters of leads.
        check_levels(
            &[
                "keywords.mentions_count mentions",
                "keywords.leads_count leads through=mentions",
                "users.keywords_count keywords",
                "users.mentions_count mentions through=keywords",
                "users.leads_count leads",
            ],
            "",
            &[
                "keywords.mentions_count mentions",
                "users.keywords_count keywords",
                "users.leads_count leads",
                "mentions.leads_count leads",
                "keywords.leads_count mentions sum=leads_count",
                "users.mentions_count keywords sum=mentions_count",
            ],
        );
        check_levels(&["d.n a through=b,c where=x"], "", &["b.n a where=x", "c.n b sum=n", "d.n c sum=n"]);
        check_levels(&["d.n a through=b,c"], "b", &["c.n b sum=there", "d.n c sum=n"]);
        // A count under another condition is another level.
        check_levels(
            &["b.all a", "c.few a through=b where=x"],
            "",
            &["b.all a", "b.few a where=x", "c.few b sum=few"],
        );
    }

    #[test]
    fn a_counter_that_adds_itself_up_is_refused() {
        let own = site("a", "parent_id", "a", vec![sum("n", "n")]);
        assert_eq!(in_order(vec![own]), Err(ChainError::Cycle(QualifiedName::new("app", "a"))));
        let replies = site("a", "parent_id", "a", vec![count("n", None)]);
        assert_eq!(in_order(vec![replies.clone()]), Ok(vec![replies]));
    }

    #[test]
    fn two_ways_to_a_row_are_refused() {
        let check = |sites: &[Site], expected: Option<&str>| {
            let found = refuse_diamonds(sites).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), expected);
        };
        let leads = site("leads", "mention_id", "mentions", vec![count("leads_count", None)]);
        let mentions = site("mentions", "keyword_id", "keywords", vec![sum("leads_count", "leads_count")]);
        let keywords = site("keywords", "user_id", "users", vec![count("keywords_count", None)]);
        let own = site("leads", "user_id", "users", vec![count("leads_count", None)]);
        let sites = [leads, mentions, keywords, own];
        check(&sites, None);
        // Users are reached twice once they add up what keywords keep of leads.
        let mut both = sites.to_vec();
        both[2].counters.push(sum("all_leads_count", "leads_count"));
        check(
            &both,
            Some(
                "one statement on app.leads would lock rows of app.users by two ways: leads.mention_id → mentions.keyword_id → \
                 keywords.user_id and leads.user_id",
            ),
        );
        both[3].mode = Mode::Queue;
        check(&both, None);
        // Two keys of one table, as followers have them.
        let follows =
            ["user_id", "following_id"].map(|key| site("follows", key, "users", vec![count(key, None)]));
        check(
            &follows,
            Some(
                "one statement on app.follows would lock rows of app.users by two ways: follows.user_id and \
                 follows.following_id",
            ),
        );
        check(&[site("a", "parent_id", "a", vec![count("n", None)])], None);
    }

    proptest! {
        /// Random chains in which a table's counter `n` adds up those of some tables with smaller numbers.
        #[test]
        fn what_is_added_up_comes_first(n in 1_u64..8, seed: u64) {
            let table = |i: u64| format!("t{i}");
            let mut sites = Vec::new();
            for child in 0..n {
                for parent in child + 1..n {
                    let bits = random::at(seed, child * 10 + parent);
                    if bits.is_multiple_of(3) {
                        let counter = if bits & 4 == 0 { sum("n", "n") } else { count("n", None) };
                        sites.push(site(&table(child), &format!("to{parent}"), &table(parent), vec![counter]));
                    }
                }
            }
            sites.sort_by_key(|site| random::substream(seed, &site.child.name));
            let ordered = in_order(sites.clone()).unwrap();
            prop_assert_eq!(ordered.len(), sites.len());
            for (at, site) in ordered.iter().enumerate() {
                prop_assert!(!ordered[at..].iter().any(|later| feeds(later, site)));
            }
            // As many ways from table to table as the paths whose edges after the first add up.
            let mut has_two = false;
            for start in 0..n {
                let mut ways = vec![0_u64; usize::try_from(n).unwrap()];
                for at in start..n {
                    for edge in sites.iter().filter(|edge| edge.child.name == table(at)) {
                        let to: usize = edge.parent.name[1..].parse().unwrap();
                        let from = usize::try_from(at).unwrap();
                        let is_sum = edge.counters[0].sum.is_some();
                        ways[to] += u64::from(at == start) + if is_sum { ways[from] } else { 0 };
                    }
                }
                has_two |= ways.iter().any(|n| *n > 1);
            }
            prop_assert_eq!(refuse_diamonds(&sites).is_err(), has_two);
        }
    }
}
