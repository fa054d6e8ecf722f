//! A set of small numbers, as bits.

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set of numbers below `n`.
    pub(super) fn new(n: usize) -> Self {
        Self(vec![0; n.div_ceil(64)])
    }

    /// The set of `members`, of numbers below `n`; others are left out.
    pub(super) fn of<'a>(n: usize, members: impl IntoIterator<Item = &'a usize>) -> Self {
        let mut bits = Self::new(n);
        for member in members.into_iter().filter(|member| **member < n) {
            bits.insert(*member);
        }
        bits
    }

    pub(super) fn contains(&self, member: usize) -> bool {
        self.0[member / 64] >> (member % 64) & 1 == 1
    }

    pub(super) fn insert(&mut self, member: usize) {
        self.0[member / 64] |= 1 << (member % 64);
    }

    pub(super) fn remove(&mut self, member: usize) {
        self.0[member / 64] &= !(1 << (member % 64));
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| own & !other == 0)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own & other).collect())
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own | other).collect())
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own & !other).collect())
    }

    pub(super) fn without(&self, member: usize) -> Self {
        let mut rest = self.clone();
        rest.remove(member);
        rest
    }

    /// The members, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.iter_from(0)
    }

    /// The members that are no smaller than this, in ascending order.
    pub(super) fn iter_from(&self, from: usize) -> impl Iterator<Item = usize> + '_ {
        let (first, bit) = (from / 64, from % 64);
        self.0.iter().enumerate().skip(first).flat_map(move |(at, word)| {
            let mut rest = if at == first { *word >> bit << bit } else { *word };
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    at * 64 + bit
                })
            })
        })
    }
}
