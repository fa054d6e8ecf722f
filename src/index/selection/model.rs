//! The best set as far as the plans known tell.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::bits::Bits;
use super::knowledge::Plan;
use super::{Member, Problem, Role};

/// What a work item costs when no known plan can run it: more than anything, and small enough to be summed.
pub(super) const UNKNOWN_COST: f64 = 1e100;
/// How much a plan counts that costs more than its work item may: what makes a statement dearer is hardly ever the way to
/// the best set, and never its end.
const DEARER: f64 = 1000.0;
/// Changes that one search weighs, at the most: some seconds for the largest workloads, never reached by small ones.
const MAX_EFFORT: usize = 3_000_000;

/// Sets that are improved, of those to begin with.
const MAX_STARTS: usize = 4;
/// Changed sets that are grown again, of all changes of a set.
const MAX_REGROWN: usize = 64;

/// What a set is judged by.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The weight of each work item.
    pub(super) weights: Vec<f64>,
    /// What each work item may cost.
    pub(super) most: Vec<f64>,
    /// What an index must save at the least, besides its upkeep.
    pub(super) per_index: f64,
    pub(super) per_byte: f64,
}

const RANKS: [Rank; 2] = [Rank::PerByte, Rank::Saving];

impl Rank {
    fn score(self, saving: f64, bytes: f64) -> f64 {
        match self {
            Self::Saving => saving,
            Self::PerByte => saving / bytes,
            Self::PerRootByte => saving / bytes.sqrt(),
        }
    }
}

impl Terms {
    /// What having a member costs.
    #[expect(clippy::cast_precision_loss, reason = "a price needs no more than 53 bits")]
    pub(super) fn price(&self, member: &Member) -> f64 {
        match member.role {
            Role::Candidate => member.upkeep + self.per_index + self.per_byte * member.size_bytes as f64,
            // It need not be built.
            Role::Open => member.upkeep + self.per_byte * member.size_bytes as f64,
            Role::Existing => member.upkeep,
        }
    }
}

/// The search over known plans.
pub(super) struct Model<'k> {
    pub(super) problem: &'k Problem,
    pub(super) terms: &'k Terms,
    plans: &'k [Vec<Plan>],
    /// For each member, the work items that have a plan with it.
    items_of: Vec<Vec<usize>>,
    /// The candidates of each plan, which are worth adding together.
    additions: Vec<Vec<usize>>,
    /// For each work item, the additions that could change its cost.
    additions_of: Vec<Vec<usize>>,
    /// The members that no set leaves out.
    fixed: Bits,
}

/// A set with what it costs.
#[derive(Clone)]
pub(super) struct State<'m, 'k> {
    model: &'m Model<'k>,
    pub(super) chosen: Bits,
    /// For each work item, the place of its plan among those known; their number when none of them can be.
    plans: Vec<usize>,
    pub(super) value: f64,
    pub(super) bytes: u64,
    pub(super) n_created: usize,
}

/// How greedy growth weighs saving against bytes.
#[derive(Clone, Copy)]
enum Rank {
    Saving,
    PerByte,
    PerRootByte,
}

impl<'k> Model<'k> {
    pub(super) fn new(problem: &'k Problem, plans: &'k [Vec<Plan>], terms: &'k Terms, fixed: &Bits) -> Self {
        let mut items_of = vec![BTreeSet::new(); problem.members.len()];
        let mut additions = BTreeSet::new();
        for (item, plans) in plans.iter().enumerate() {
            for plan in plans {
                for member in &plan.members {
                    items_of[*member].insert(item);
                }
                let added: Vec<usize> =
                    plan.members.iter().copied().filter(|member| !fixed.contains(*member)).collect();
                if !added.is_empty() {
                    additions.insert(added);
                }
            }
        }
        let items_of: Vec<Vec<usize>> =
            items_of.into_iter().map(|items| items.into_iter().collect()).collect();
        let additions: Vec<Vec<usize>> = additions.into_iter().collect();
        let mut additions_of = vec![BTreeSet::new(); plans.len()];
        for (at, addition) in additions.iter().enumerate() {
            for item in addition.iter().flat_map(|member| &items_of[*member]) {
                additions_of[*item].insert(at);
            }
        }
        let additions_of =
            additions_of.into_iter().map(|additions| additions.into_iter().collect()).collect();
        Self { problem, terms, plans, items_of, additions, additions_of, fixed: fixed.clone() }
    }

    /// Returns the best sets found from several ones to begin with, the best one first.
    pub(super) fn best(&self, seeds: &[Bits]) -> Vec<State<'_, 'k>> {
        let mut effort = 0;
        let mut starts = vec![self.state(&self.fixed)];
        for rank in [Rank::PerByte, Rank::PerRootByte, Rank::Saving] {
            let mut state = self.state(&self.fixed);
            state.grow(rank, &mut effort);
            starts.push(state);
        }
        for seed in seeds {
            let mut state = self.state(seed);
            state.shrink_to_limits(Rank::PerByte, &[], &mut effort);
            state.grow(Rank::PerByte, &mut effort);
            starts.push(state);
        }
        starts.sort_by(|a, b| a.value.total_cmp(&b.value));
        starts.dedup_by(|a, b| a.chosen == b.chosen);
        starts.truncate(MAX_STARTS);
        for state in &mut starts {
            state.improve(&mut effort);
        }
        starts.sort_by(|a, b| a.value.total_cmp(&b.value));
        starts.dedup_by(|a, b| a.chosen == b.chosen);
        starts
    }

    pub(super) fn state(&self, chosen: &Bits) -> State<'_, 'k> {
        let chosen = chosen.or(&self.fixed);
        let is_there = |plan: &Plan| plan.members.iter().all(|member| chosen.contains(*member));
        let plans: Vec<usize> =
            self.plans.iter().map(|plans| first(plans, 0, plans.len(), is_there)).collect();
        let costs = plans.iter().enumerate().map(|(item, plan)| self.cost(item, *plan));
        let value = costs.zip(&self.terms.weights).map(|(cost, weight)| cost * weight).sum();
        let mut state = State { model: self, plans, value, bytes: 0, n_created: 0, chosen };
        for member in state.chosen.iter().collect::<Vec<_>>() {
            state.value += self.price(member);
            if !self.fixed.contains(member) {
                state.bytes += self.problem.members[member].size_bytes;
                state.n_created += 1;
            }
        }
        state
    }

    /// What a work item costs with the plan at this place.
    fn cost(&self, item: usize, plan: usize) -> f64 {
        let cost = self.plans[item].get(plan).map_or(UNKNOWN_COST, |plan| plan.cost);
        if cost > self.terms.most[item] { DEARER * cost } else { cost }
    }

    /// The work items whose plans a change could concern, in ascending order.
    fn touched(&self, add: &[usize], remove: &[usize]) -> Cow<'_, [usize]> {
        let mut changed = add.iter().chain(remove);
        if let (Some(only), None) = (changed.next(), changed.next()) {
            return Cow::Borrowed(&self.items_of[*only]);
        }
        let mut items: Vec<usize> =
            add.iter().chain(remove).flat_map(|member| &self.items_of[*member]).copied().collect();
        items.sort_unstable();
        items.dedup();
        Cow::Owned(items)
    }

    /// What having a member costs.
    fn price(&self, member: usize) -> f64 {
        self.terms.price(&self.problem.members[member])
    }

    fn size(&self, members: &[usize]) -> u64 {
        members.iter().map(|member| self.problem.members[*member].size_bytes).sum()
    }
}

/// Returns the place of the first plan from `from` on that is possible, or `to` when none is before that.
fn first(plans: &[Plan], from: usize, to: usize, is_possible: impl Fn(&Plan) -> bool) -> usize {
    plans[from..to].iter().position(is_possible).map_or(to, |at| from + at)
}

/// Keeps the best sets.
fn keep_best(states: &mut Vec<State>) {
    states.sort_by(|a, b| a.value.total_cmp(&b.value));
    states.truncate(MAX_REGROWN);
}

impl State<'_, '_> {
    /// The place of a work item's plan after a change.
    ///
    /// Most changes leave most plans as they are, and this is asked millions of times: a plan stays while its members
    /// do, unless a cheaper one appears, which needs something added.
    fn plan(&self, item: usize, add: &[usize], remove: &[usize]) -> usize {
        let (plans, current) = (&self.model.plans[item], self.plans[item]);
        let is_there = |member: &usize| {
            self.chosen.contains(*member) && !remove.contains(member) || add.contains(member)
        };
        let is_possible = |plan: &Plan| plan.members.iter().all(is_there);
        let cheaper = if add.is_empty() { current } else { first(plans, 0, current, is_possible) };
        if cheaper < current || plans.get(current).is_some_and(is_possible) {
            cheaper
        } else {
            first(plans, current, plans.len(), is_possible)
        }
    }

    /// Returns by how much a change makes the set dearer; negative when it is better.
    pub(super) fn change(&self, add: &[usize], remove: &[usize]) -> f64 {
        let prices = |members: &[usize]| members.iter().map(|member| self.model.price(*member)).sum::<f64>();
        let items = self.model.touched(add, remove);
        let costs = items.iter().map(|item| {
            let (then, now) = (self.plan(*item, add, remove), self.plans[*item]);
            self.model.terms.weights[*item] * (self.model.cost(*item, then) - self.model.cost(*item, now))
        });
        costs.sum::<f64>() + prices(add) - prices(remove)
    }

    fn apply(&mut self, add: &[usize], remove: &[usize]) {
        let add: Vec<usize> = add.iter().copied().filter(|member| !self.chosen.contains(*member)).collect();
        self.value += self.change(&add, remove);
        let model = self.model;
        for &item in model.touched(&add, remove).iter() {
            self.plans[item] = self.plan(item, &add, remove);
        }
        for member in &add {
            self.chosen.insert(*member);
            self.bytes += self.model.problem.members[*member].size_bytes;
        }
        for member in remove {
            self.chosen.remove(*member);
            self.bytes -= self.model.problem.members[*member].size_bytes;
        }
        self.n_created = self.n_created + add.len() - remove.len();
    }

    fn missing(&self, addition: &[usize]) -> Vec<usize> {
        addition.iter().copied().filter(|member| !self.chosen.contains(*member)).collect()
    }

    fn fits(&self, add: &[usize]) -> bool {
        let limits = self.model.problem.limits;
        limits.storage_bytes.is_none_or(|limit| self.bytes + self.model.size(add) <= limit)
            && limits.max_indexes.is_none_or(|limit| self.n_created + add.len() <= limit)
    }

    /// Adds, as long as something saves more than it costs, what saves most by this rank.
    fn grow(&mut self, rank: Rank, effort: &mut usize) {
        let model = self.model;
        let mut missing: Vec<Option<Vec<usize>>> = vec![None; model.additions.len()];
        let mut savings: Vec<Option<f64>> = vec![None; model.additions.len()];
        loop {
            let mut best: Option<(f64, usize)> = None;
            for (at, addition) in model.additions.iter().enumerate() {
                if savings[at].is_some_and(|saving| saving <= 0.0) {
                    continue;
                }
                let add = missing[at].get_or_insert_with(|| self.missing(addition));
                if add.is_empty() || !self.fits(add) {
                    continue;
                }
                let saving = *savings[at].get_or_insert_with(|| {
                    *effort += 1;
                    -self.change(add, &[])
                });
                #[expect(clippy::cast_precision_loss, reason = "a rank needs no more than 53 bits")]
                let bytes = model.size(add).max(1) as f64;
                let score = rank.score(saving, bytes);
                if saving > 0.0 && best.is_none_or(|(best, _)| score > best) {
                    best = Some((score, at));
                }
            }
            let Some((_, best)) = best else { return };
            let add = self.missing(&model.additions[best]);
            // Whatever has a member of these concerns a work item that they do.
            for at in model.touched(&add, &[]).iter().flat_map(|item| &model.additions_of[*item]) {
                savings[*at] = None;
                missing[*at] = None;
            }
            self.apply(&add, &[]);
        }
    }

    /// Removes what costs least by this rank until the set fits, and what is not worth its price.
    fn shrink_to_limits(&mut self, rank: Rank, keep: &[usize], effort: &mut usize) {
        loop {
            let fits = self.fits(&[]);
            let limits = self.model.problem.limits;
            let is_too_large = limits.storage_bytes.is_some_and(|limit| self.bytes > limit);
            let mut best: Option<(f64, usize)> = None;
            for member in self.chosen.iter() {
                if self.model.fixed.contains(member) || keep.contains(&member) {
                    continue;
                }
                *effort += 1;
                let loss = self.change(&[], &[member]);
                #[expect(clippy::cast_precision_loss, reason = "a rank needs no more than 53 bits")]
                let bytes = self.model.problem.members[member].size_bytes.max(1) as f64;
                let score = if is_too_large && loss > 0.0 { rank.score(loss, bytes) } else { loss };
                if (!fits || loss <= 0.0) && best.is_none_or(|(best, _)| score < best) {
                    best = Some((score, member));
                }
            }
            let Some((_, member)) = best else { return };
            self.apply(&[], &[member]);
        }
    }

    /// Takes in plans at the expense of other members, and leaves out members for others, as long as that helps.
    fn improve(&mut self, effort: &mut usize) {
        let model = self.model;
        loop {
            let before = self.value;
            let mut others: Vec<Self> = Vec::new();
            for addition in &model.additions {
                let add = self.missing(addition);
                if add.is_empty() || *effort > MAX_EFFORT {
                    continue;
                }
                let mut other = self.clone();
                other.apply(&add, &[]);
                for rank in if other.fits(&[]) { &RANKS[..1] } else { &RANKS[..] } {
                    let mut other = other.clone();
                    other.shrink_to_limits(*rank, &add, effort);
                    if other.fits(&[]) {
                        others.push(other);
                    }
                }
                if others.len() >= 2 * MAX_REGROWN {
                    keep_best(&mut others);
                }
            }
            keep_best(&mut others);
            for other in others {
                self.adopt_if_better(&other, effort);
            }
            let created = self.chosen.minus(&model.fixed);
            for member in created.iter() {
                if !self.chosen.contains(member) || *effort > MAX_EFFORT {
                    continue;
                }
                // What only this member made useful leaves with it.
                let mut other = self.clone();
                other.apply(&[], &[member]);
                other.shrink_to_limits(Rank::PerByte, &[], effort);
                self.adopt_if_better(&other, effort);
            }
            if self.value >= before {
                return;
            }
        }
    }

    /// Takes on the other set, grown again, if it is better.
    fn adopt_if_better(&mut self, other: &Self, effort: &mut usize) {
        for rank in RANKS {
            let mut grown = other.clone();
            grown.grow(rank, effort);
            grown.shrink_to_limits(rank, &[], effort);
            // Rounding must not let two sets take turns.
            if grown.value < self.value - 1e-9 * self.value.abs() {
                *self = grown;
            }
        }
    }
}
