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
/// Where there are no more pairs of an addition and a member of the set, each member is tried as the one that makes room.
const MAX_PAIRS: usize = 2_000;
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
    /// For each work item, the number of its first plan when those of all are numbered through.
    starts: Vec<usize>,
    /// For each member, the work items that have a plan with it, in ascending order.
    items_of: Vec<Vec<usize>>,
    /// … and the places of these plans, in ascending order.
    places_of: Vec<Vec<Vec<usize>>>,
    /// The candidates of each plan, which are worth adding together.
    additions: Vec<Vec<usize>>,
    /// For each work item, the additions that could change its cost, and the members of its plans.
    additions_of: Vec<Vec<usize>>,
    members_of: Vec<Vec<usize>>,
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
    /// The plans, by their numbers, whose members are all chosen.
    possible: Bits,
    pub(super) value: f64,
    pub(super) bytes: u64,
    pub(super) n_created: usize,
    /// What each addition would save and what the set would lose without each member; `None` when that is not known, or
    /// no longer: sets are changed a little at a time, and most changes do not concern each other.
    savings: Vec<Option<f64>>,
    losses: Vec<Option<f64>>,
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
        let mut items_of: Vec<Vec<usize>> = vec![Vec::new(); problem.members.len()];
        let mut places_of: Vec<Vec<Vec<usize>>> = vec![Vec::new(); problem.members.len()];
        let mut additions = BTreeSet::new();
        for (item, plans) in plans.iter().enumerate() {
            for (place, plan) in plans.iter().enumerate() {
                for &member in &plan.members {
                    if items_of[member].last() != Some(&item) {
                        items_of[member].push(item);
                        places_of[member].push(Vec::new());
                    }
                    places_of[member].last_mut().expect("one for each item").push(place);
                }
                let added: Vec<usize> =
                    plan.members.iter().copied().filter(|member| !fixed.contains(*member)).collect();
                if !added.is_empty() {
                    additions.insert(added);
                }
            }
        }
        let additions: Vec<Vec<usize>> = additions.into_iter().collect();
        let mut additions_of = vec![BTreeSet::new(); plans.len()];
        for (at, addition) in additions.iter().enumerate() {
            for item in addition.iter().flat_map(|member| &items_of[*member]) {
                additions_of[*item].insert(at);
            }
        }
        let additions_of =
            additions_of.into_iter().map(|additions| additions.into_iter().collect()).collect();
        let members = |plans: &Vec<Plan>| -> BTreeSet<usize> {
            plans.iter().flat_map(|plan| &plan.members).copied().collect()
        };
        let members_of = plans.iter().map(|plans| members(plans).into_iter().collect()).collect();
        let ends = plans.iter().scan(0, |end, plans| {
            *end += plans.len();
            Some(*end)
        });
        let starts = std::iter::once(0).chain(ends).collect();
        let fixed = fixed.clone();
        Self {
            problem,
            terms,
            plans,
            starts,
            items_of,
            places_of,
            additions,
            additions_of,
            members_of,
            fixed,
        }
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
        let all = self.plans.iter().flatten();
        let there: Vec<usize> =
            all.clone().enumerate().filter(|(_, plan)| is_there(plan)).map(|(number, _)| number).collect();
        let possible = Bits::of(all.count(), &there);
        let plans: Vec<usize> =
            self.plans.iter().map(|of| of.iter().position(is_there).unwrap_or(of.len())).collect();
        let mut state = State {
            model: self,
            value: self.value(&plans, &chosen),
            plans,
            possible,
            bytes: 0,
            n_created: 0,
            savings: vec![None; self.additions.len()],
            losses: vec![None; self.problem.members.len()],
            chosen,
        };
        for member in state.chosen.minus(&self.fixed).iter() {
            state.bytes += self.problem.members[member].size_bytes;
            state.n_created += 1;
        }
        state
    }

    /// What a set costs, the price of its members included.
    fn value(&self, plans: &[usize], chosen: &Bits) -> f64 {
        let costs = plans.iter().enumerate().map(|(item, plan)| self.cost(item, *plan));
        let workload: f64 = costs.zip(&self.terms.weights).map(|(cost, weight)| cost * weight).sum();
        workload + chosen.iter().map(|member| self.price(member)).sum::<f64>()
    }

    /// What a work item costs with the plan at this place.
    fn cost(&self, item: usize, plan: usize) -> f64 {
        let cost = self.plans[item].get(plan).map_or(UNKNOWN_COST, |plan| plan.cost);
        if cost > self.terms.most[item] { DEARER * cost } else { cost }
    }

    /// The work items whose plans could change with these members, in ascending order.
    fn touched(&self, members: &[usize]) -> Cow<'_, [usize]> {
        if let [only] = members {
            return Cow::Borrowed(&self.items_of[*only]);
        }
        let mut items: Vec<usize> =
            members.iter().flat_map(|member| &self.items_of[*member]).copied().collect();
        items.sort_unstable();
        items.dedup();
        Cow::Owned(items)
    }

    /// The places of a work item's plans with this member, in ascending order.
    fn places(&self, item: usize, member: usize) -> &[usize] {
        self.items_of[member].binary_search(&item).map_or(&[], |at| &self.places_of[member][at])
    }

    /// The plans with this member: the work item and the place of each.
    fn plans_with(&self, member: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let items = self.items_of[member].iter().zip(&self.places_of[member]);
        items.flat_map(|(item, places)| places.iter().map(|place| (*item, *place)))
    }

    /// What having a member costs.
    fn price(&self, member: usize) -> f64 {
        self.terms.price(&self.problem.members[member])
    }

    fn size(&self, members: &[usize]) -> u64 {
        members.iter().map(|member| self.problem.members[*member].size_bytes).sum()
    }
}

/// Keeps the best sets.
fn keep_best(states: &mut Vec<State>) {
    states.sort_by(|a, b| a.value.total_cmp(&b.value));
    states.truncate(MAX_REGROWN);
}

impl State<'_, '_> {
    /// The place of a work item's plan once members are added: a cheaper one than now holds one of them.
    fn plan_with(&self, item: usize, add: &[usize]) -> usize {
        let plans = &self.model.plans[item];
        let is_there = |member: &usize| self.chosen.contains(*member) || add.contains(member);
        let mut best = self.plans[item];
        for member in add {
            let places = self.model.places(item, *member).iter().copied();
            let mut cheaper = places.take_while(|place| *place < best);
            best = cheaper.find(|place| plans[*place].members.iter().all(is_there)).unwrap_or(best);
        }
        best
    }

    /// The place of a work item's plan once a member is removed: the same, unless that one held it.
    fn plan_without(&self, item: usize, member: usize) -> usize {
        let (plans, current) = (&self.model.plans[item], self.plans[item]);
        if !plans.get(current).is_some_and(|plan| plan.members.contains(&member)) {
            return current;
        }
        let start = self.model.starts[item];
        let possible = self.possible.iter_from(start + current + 1).map(|number| number - start);
        let mut others = possible.take_while(|place| *place < plans.len());
        others.find(|place| !plans[*place].members.contains(&member)).unwrap_or(plans.len())
    }

    /// By how much another plan makes a work item dearer.
    fn loss(&self, item: usize, then: usize) -> f64 {
        let now = self.plans[item];
        if then == now {
            return 0.0;
        }
        self.model.terms.weights[item] * (self.model.cost(item, then) - self.model.cost(item, now))
    }

    /// Returns by how much these additional members make the set dearer; negative when it is better.
    fn loss_with(&self, add: &[usize]) -> f64 {
        let items = self.model.touched(add);
        let losses = items.iter().map(|item| self.loss(*item, self.plan_with(*item, add)));
        losses.sum::<f64>() + add.iter().map(|member| self.model.price(*member)).sum::<f64>()
    }

    /// Returns by how much the set gets dearer without a member; negative when it is better.
    fn loss_without(&self, member: usize) -> f64 {
        let items = &self.model.items_of[member];
        let losses = items.iter().map(|item| self.loss(*item, self.plan_without(*item, member)));
        losses.sum::<f64>() - self.model.price(member)
    }

    fn add(&mut self, members: &[usize]) {
        let add = self.missing(members);
        self.value += self.loss_with(&add);
        let model = self.model;
        for &item in model.touched(&add).iter() {
            self.plans[item] = self.plan_with(item, &add);
        }
        for member in &add {
            self.chosen.insert(*member);
            self.bytes += model.problem.members[*member].size_bytes;
        }
        for member in &add {
            for (item, place) in model.plans_with(*member) {
                if model.plans[item][place].members.iter().all(|member| self.chosen.contains(*member)) {
                    self.possible.insert(model.starts[item] + place);
                }
            }
        }
        self.n_created += add.len();
        self.forget(&add);
    }

    fn remove(&mut self, member: usize) {
        self.value += self.loss_without(member);
        let model = self.model;
        for &item in &model.items_of[member] {
            self.plans[item] = self.plan_without(item, member);
        }
        self.chosen.remove(member);
        for (item, place) in model.plans_with(member) {
            self.possible.remove(model.starts[item] + place);
        }
        self.bytes -= model.problem.members[member].size_bytes;
        self.n_created -= 1;
        self.forget(&[member]);
    }

    /// Forgets what depends on whether these members are there: whatever concerns a work item that they do.
    fn forget(&mut self, changed: &[usize]) {
        let model = self.model;
        for item in model.touched(changed).iter() {
            for addition in &model.additions_of[*item] {
                self.savings[*addition] = None;
            }
            for member in &model.members_of[*item] {
                self.losses[*member] = None;
            }
        }
        for member in changed {
            self.losses[*member] = None;
        }
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
        loop {
            let mut best: Option<(f64, usize)> = None;
            for (at, addition) in model.additions.iter().enumerate() {
                if self.savings[at].is_some_and(|saving| saving <= 0.0) {
                    continue;
                }
                let add = self.missing(addition);
                if add.is_empty() || !self.fits(&add) {
                    continue;
                }
                let saving = self.savings[at].unwrap_or_else(|| {
                    *effort += 1;
                    -self.loss_with(&add)
                });
                self.savings[at] = Some(saving);
                #[expect(clippy::cast_precision_loss, reason = "a rank needs no more than 53 bits")]
                let bytes = model.size(&add).max(1) as f64;
                let score = rank.score(saving, bytes);
                if saving > 0.0 && best.is_none_or(|(best, _)| score > best) {
                    best = Some((score, at));
                }
            }
            let Some((_, best)) = best else { return };
            self.add(&model.additions[best]);
        }
    }

    /// Removes what costs least by this rank until the set fits, and what is not worth its price.
    fn shrink_to_limits(&mut self, rank: Rank, keep: &[usize], effort: &mut usize) {
        loop {
            let fits = self.fits(&[]);
            let limits = self.model.problem.limits;
            let is_too_large = limits.storage_bytes.is_some_and(|limit| self.bytes > limit);
            let mut best: Option<(f64, usize)> = None;
            for member in self.chosen.minus(&self.model.fixed).iter() {
                if keep.contains(&member) {
                    continue;
                }
                *effort += 1;
                let loss = self.losses[member].unwrap_or_else(|| self.loss_without(member));
                self.losses[member] = Some(loss);
                #[expect(clippy::cast_precision_loss, reason = "a rank needs no more than 53 bits")]
                let bytes = self.model.problem.members[member].size_bytes.max(1) as f64;
                let score = if is_too_large && loss > 0.0 { rank.score(loss, bytes) } else { loss };
                if (!fits || loss <= 0.0) && best.is_none_or(|(best, _)| score < best) {
                    best = Some((score, member));
                }
            }
            let Some((_, member)) = best else { return };
            self.remove(member);
        }
    }

    /// Takes in plans at the expense of other members, and leaves out members for others, as long as that helps.
    fn improve(&mut self, effort: &mut usize) {
        let model = self.model;
        self.value = model.value(&self.plans, &self.chosen);
        loop {
            let before = self.value;
            let mut others: Vec<Self> = Vec::new();
            for addition in &model.additions {
                let add = self.missing(addition);
                if add.is_empty() || *effort > MAX_EFFORT {
                    continue;
                }
                let mut other = self.clone();
                other.add(&add);
                if other.fits(&[]) {
                    other.shrink_to_limits(Rank::PerByte, &add, effort);
                    others.push(other);
                } else {
                    others.extend(other.with_room(&add, effort));
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
                other.remove(member);
                other.shrink_to_limits(Rank::PerByte, &[], effort);
                self.adopt_if_better(&other, effort);
            }
            if self.value >= before {
                return;
            }
        }
    }

    /// Returns what a set that is too large becomes when it keeps these members and others leave.
    fn with_room(&self, keep: &[usize], effort: &mut usize) -> Vec<Self> {
        let created = self.chosen.minus(&self.model.fixed);
        let n_pairs = self.model.additions.len() * self.n_created;
        let first = created.iter().filter(|member| n_pairs <= MAX_PAIRS && !keep.contains(member));
        let mut smaller = Vec::new();
        for first in std::iter::once(None).chain(first.map(Some)) {
            for rank in RANKS {
                let mut other = self.clone();
                if let Some(member) = first {
                    other.remove(member);
                }
                other.shrink_to_limits(rank, keep, effort);
                if other.fits(&[]) {
                    smaller.push(other);
                }
            }
        }
        smaller
    }

    /// Takes on the other set, grown again, if it is better.
    fn adopt_if_better(&mut self, other: &Self, effort: &mut usize) {
        let model = self.model;
        for rank in RANKS {
            let mut grown = other.clone();
            grown.grow(rank, effort);
            grown.shrink_to_limits(rank, &[], effort);
            // On the way here sets may have cost a million times as much, and what is left of their sums after rounding would
            // make the same set seem better than itself. Nor must rounding let two sets take turns.
            grown.value = model.value(&grown.plans, &grown.chosen);
            if grown.value < self.value - 1e-9 * self.value.abs() {
                *self = grown;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::selection::tests::{arbitrary_limits, arbitrary_members, arbitrary_plans, problem};
    use proptest::prelude::*;

    const N_MEMBERS: usize = 8;
    /// Far more than any way to a better set is long: whoever needs more turns in circles.
    const MAX_EFFORT_OF_A_STEP: usize = 100_000;

    /// What is done to a set.
    #[derive(Clone, Debug)]
    enum Step {
        Add(usize),
        Remove(usize),
        Grow,
        Shrink,
        Improve,
    }

    fn arbitrary_steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (0..64usize).prop_map(Step::Add),
            6 => (0..N_MEMBERS).prop_map(Step::Remove),
            1 => Just(Step::Grow),
            1 => Just(Step::Shrink),
            1 => Just(Step::Improve),
        ];
        prop::collection::vec(step, 1..20)
    }

    fn take(state: &mut State, step: &Step) {
        let (additions, effort) = (&state.model.additions, &mut 0);
        match *step {
            Step::Add(at) if !additions.is_empty() => state.add(&additions[at % additions.len()]),
            Step::Remove(member) if state.chosen.contains(member) && !state.model.fixed.contains(member) => {
                state.remove(member);
            }
            Step::Add(_) | Step::Remove(_) => {}
            Step::Grow => state.grow(Rank::PerByte, effort),
            Step::Shrink => state.shrink_to_limits(Rank::PerByte, &[], effort),
            Step::Improve => state.improve(effort),
        }
        assert!(*effort < MAX_EFFORT_OF_A_STEP, "{effort}");
    }

    /// Whatever a set was changed by, all that it remembers is what one made afresh would find.
    fn assert_fresh(state: &State) {
        let (model, fresh) = (state.model, state.model.state(&state.chosen));
        assert_eq!(state.plans, fresh.plans);
        assert_eq!(state.possible, fresh.possible);
        assert_eq!((state.bytes, state.n_created), (fresh.bytes, fresh.n_created));
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0);
        assert!(near(state.value, fresh.value), "{} instead of {}", state.value, fresh.value);
        for (addition, saving) in model.additions.iter().zip(&state.savings) {
            let Some(saving) = saving else { continue };
            let mut with = fresh.clone();
            with.add(addition);
            let expected = fresh.value - model.state(&with.chosen).value;
            assert!(near(*saving, expected), "{addition:?} saves {saving} instead of {expected}");
        }
        for (member, loss) in state.losses.iter().enumerate() {
            let Some(loss) = loss else { continue };
            let expected = model.state(&fresh.chosen.without(member)).value - fresh.value;
            assert!(near(*loss, expected), "without {member} {loss} instead of {expected}");
        }
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_is_found_afresh(
            members in arbitrary_members(N_MEMBERS),
            known in arbitrary_plans(N_MEMBERS),
            weights in prop::collection::vec(prop_oneof![Just(0.0), 0.1..10.0f64], 5),
            most in prop::collection::vec(20.0..150.0f64, 5),
            limits in arbitrary_limits(),
            steps in arbitrary_steps(),
        ) {
            let plans: Vec<Vec<Plan>> = known
                .iter()
                .map(|known| {
                    let plan = |(members, cost): &(BTreeSet<usize>, f64)| {
                        Plan { members: members.iter().copied().collect(), cost: *cost }
                    };
                    let mut plans: Vec<Plan> = known.iter().map(plan).collect();
                    plans.sort_by(|a, b| a.cost.total_cmp(&b.cost));
                    plans
                })
                .collect();
            let n_items = plans.len();
            let problem = problem(members, n_items, limits);
            let existing = (0..N_MEMBERS).filter(|at| problem.members[*at].role == Role::Existing);
            let fixed = Bits::of(N_MEMBERS, &existing.collect::<Vec<_>>());
            let terms = Terms {
                weights: weights[..n_items].to_vec(),
                most: most[..n_items].to_vec(),
                per_index: 0.5,
                per_byte: 0.001,
            };
            let model = Model::new(&problem, &plans, &terms, &fixed);
            let mut state = model.state(&fixed);
            for step in &steps {
                take(&mut state, step);
                assert_fresh(&state);
            }
        }
    }
}
