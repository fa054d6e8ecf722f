//! Learns the plans that matter: asks the planner what the set found could still be missing.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::Bits;
use super::knowledge::{Knowledge, Question, View};
use super::model::{Model, Terms};
use super::{
    COST_RESOLUTION, MIN_IMPROVEMENT, MIN_IMPROVEMENT_IN_BUDGET, MIN_STATEMENT_IMPROVEMENT, NEARLY_EQUAL,
    Planner, Role,
};

/// Questions asked together, so that several planners are busy.
const BATCH: usize = 16;
/// Questions about other plans for each work item before the first set is made, on average.
const PLANS_AN_ITEM: usize = 24;
/// Questions about what a set lacks for each work item, on average; more of them after a round in vain.
const DOUBTS_AN_ITEM: usize = 12;
/// Times that a set is made and the planner asked what it lacks.
const MAX_ROUNDS: usize = 12;
/// In a set of so few members, what could take the place of two of them is asked for as well.
const FEW_MEMBERS: usize = 6;
/// Rounds that may pass without a better set.
const MAX_IDLE_ROUNDS: usize = 3;
/// The largest candidates that are looked at alone, as parts of the limit to bytes.
const SCALES: [u64; 3] = [2, 4, 8];
/// How much less a plan promises that lacks one index more.
const DECAY: f64 = 0.7;
/// Candidates that one question shows at the most. Planning an OR over hundreds of indexes takes a second, because
/// all their bitmaps are compared in pairs (`choose_bitmap_and`); with this many it takes milliseconds.
const MAX_VISIBLE: usize = 80;
/// Times that the candidates of a work item with more of them compete to be among those shown.
const COMPETITIONS: usize = 3;

/// What the search found.
pub(super) struct Found {
    pub(super) chosen: Bits,
    pub(super) terms: Terms,
    /// Whether it stopped because calls or time ran out.
    pub(super) is_cut_short: bool,
}

pub(super) fn search<P: Planner>(knowledge: &mut Knowledge<P>) -> Result<Found, P::Error> {
    let problem = knowledge.problem;
    let items = 0..problem.workload.len();
    let existing = knowledge.existing.clone();
    // Today's costs are asked even when no call is left: without them nothing can be said.
    knowledge.ask_exactly(items.clone().map(|item| knowledge.question(item, &existing)).collect())?;
    let base = knowledge.base.clone();
    knowledge.ask_in_any_case(items.clone().map(|item| knowledge.question(item, &base)).collect())?;
    let mut pools = pools(knowledge)?;
    knowledge.ask(pools.iter().cloned().enumerate().collect())?;
    let mut terms = terms(knowledge);
    let hopeless = hopeless(knowledge, &terms);
    for (item, pool) in pools.iter_mut().enumerate() {
        *pool = pool.minus(&knowledge.view(item, &hopeless));
    }
    let scales = scales(knowledge, &pools);
    let budget = (items.len() * PLANS_AN_ITEM).min(knowledge.n_calls_left() / 3) / scales.len();
    for scale in scales {
        explore(knowledge, &terms, &[scale], budget)?;
    }

    let mut best = (f64::INFINITY, existing);
    let mut n_idle = 0;
    for round in 0..MAX_ROUNDS {
        let optima: Vec<(Bits, u64)> = {
            let model = Model::new(problem, &knowledge.plans, &terms, &base);
            let states = model.best(&[best.1.clone()]);
            states.into_iter().map(|state| (state.chosen, state.bytes)).collect()
        };
        if round == 0 {
            terms.per_byte = per_byte(knowledge, optima[0].1);
        }
        n_idle += 1;
        let mut n_asked = 0;
        // Where the best set lacks nothing, one that is nearly as good may.
        for (chosen, _) in &optima {
            // What the set costs for real; what is learnt from it may change the choice.
            n_asked += knowledge.ask(items.clone().map(|item| knowledge.question(item, chosen)).collect())?;
            let value = Model::new(problem, &knowledge.plans, &terms, &base).state(chosen).value;
            if value < best.0 - COST_RESOLUTION {
                n_idle = 0;
                best = (value, chosen.clone());
            }
            n_asked += doubt(knowledge, &terms, chosen, &pools, DOUBTS_AN_ITEM * (1 + n_idle))?;
            if n_asked > 0 {
                break;
            }
        }
        if n_asked == 0 || n_idle == MAX_IDLE_ROUNDS {
            break;
        }
    }
    let is_cut_short = knowledge.n_calls_left() == 0;
    let chosen = Model::new(problem, &knowledge.plans, &terms, &base).best(&[best.1]).swap_remove(0).chosen;
    Ok(Found { chosen, terms, is_cut_short })
}

/// Returns, for each work item, the members that questions about it show: those there already and the candidates
/// that fit the limits by themselves; of too many, the shortest and those that win over others.
fn pools<P: Planner>(knowledge: &mut Knowledge<P>) -> Result<Vec<View>, P::Error> {
    let problem = knowledge.problem;
    let (members, limits) = (&problem.members, problem.limits);
    let fits = |member: usize| {
        members[member].role == Role::Candidate
            && limits.storage_bytes.is_none_or(|limit| members[member].size_bytes <= limit)
            && limits.max_indexes != Some(0)
    };
    let mut pools = Vec::new();
    let mut crowded: BTreeMap<usize, Vec<View>> = BTreeMap::new();
    for (item, relevant) in knowledge.relevant.iter().enumerate() {
        let mut own: Vec<usize> = (0..relevant.len()).filter(|place| fits(relevant[*place])).collect();
        let there = knowledge.view(item, &knowledge.existing);
        if own.len() <= MAX_VISIBLE {
            pools.push(View::of(relevant.len(), &own).or(&there));
            continue;
        }
        // Dealt out in the order of their keys, so that each group holds one of every kind.
        own.sort_by(|a, b| members[relevant[*a]].key.cmp(&members[relevant[*b]].key).then(a.cmp(b)));
        let n_groups = own.len().div_ceil(MAX_VISIBLE / 2);
        let mut groups = vec![View::new(relevant.len()); n_groups];
        for (at, place) in own.iter().enumerate() {
            groups[at % n_groups].insert(*place);
        }
        crowded.insert(item, groups);
        // The shortest would lose against what is wider and may be all that a budget has room for.
        own.sort_by_key(|place| {
            let member = &members[relevant[*place]];
            (member.key.len(), member.size_bytes, *place)
        });
        own.truncate(MAX_VISIBLE / 4);
        pools.push(there.or(&View::of(relevant.len(), &own)));
    }
    let n_steps = crowded.values().map(Vec::len).max().unwrap_or(0);
    for step in 0..COMPETITIONS * n_steps {
        let mut questions = Vec::new();
        for (item, groups) in &crowded {
            // Winners of this round meet the next group; those of earlier rounds make way for what comes second.
            if let Some(group) = groups.get(step % n_steps) {
                let there = knowledge.view(*item, &knowledge.existing);
                questions.push((*item, group.minus(&pools[*item]).or(&there)));
            }
        }
        knowledge.ask(questions.clone())?;
        for question in questions {
            if let Some(known) = knowledge.answer(&question) {
                pools[question.0] = pools[question.0].or(&known.used);
            }
        }
    }
    Ok(pools)
}

/// Returns where to look for plans first: among all candidates, and, when bytes are limited, also among the smaller ones
/// alone. The best plans use the largest indexes, of which a small budget holds few; the way from there to what many
/// small ones can do is long.
fn scales<P: Planner>(knowledge: &Knowledge<P>, pools: &[View]) -> Vec<Doubt> {
    let limits = knowledge.problem.limits;
    let largest = limits.storage_bytes.into_iter().flat_map(|limit| SCALES.map(|part| limit / part));
    std::iter::once(u64::MAX)
        .chain(largest)
        .map(|largest| {
            let members = knowledge.problem.members.iter().enumerate();
            let too_large = members
                .filter(|(_, member)| member.role != Role::Existing && member.size_bytes > largest)
                .map(|(at, _)| at);
            let hidden = Bits::of(knowledge.problem.members.len(), &too_large.collect::<Vec<_>>());
            let questions = pools
                .iter()
                .enumerate()
                .map(|(item, pool)| (item, pool.minus(&knowledge.view(item, &hidden))))
                .collect();
            Doubt { keep: knowledge.base.clone(), questions, share: 1.0 }
        })
        .collect()
}

/// Returns what sets are judged by.
///
/// Without a budget, an index must save [`MIN_IMPROVEMENT`] of the workload or [`MIN_STATEMENT_IMPROVEMENT`] of a
/// statement. Both are one rule when no statement counts for less than the ratio of the two in the workload. Nor does
/// one count for more than all others together: one that dwarfs them would hide what they need.
fn terms<P: Planner>(knowledge: &Knowledge<P>) -> Terms {
    let problem = knowledge.problem;
    let today = |item: usize| knowledge.upper_bound(item, &knowledge.existing);
    let most = problem.workload.iter().enumerate().map(|(at, item)| item.most(today(at))).collect();
    let mut weights: Vec<f64> = problem.workload.iter().map(|item| item.weight).collect();
    if problem.limits.storage_bytes.is_some() || problem.limits.max_indexes.is_some() {
        let floor: f64 = weights
            .iter()
            .zip(&knowledge.plans)
            .map(|(weight, plans)| weight * plans.first().map_or(0.0, |plan| plan.cost))
            .sum();
        return Terms { weights, most, per_index: MIN_IMPROVEMENT_IN_BUDGET * floor, per_byte: 0.0 };
    }
    let mut costs: BTreeMap<usize, f64> = BTreeMap::new();
    for (at, item) in problem.workload.iter().enumerate() {
        *costs.entry(item.statement).or_default() += item.weight * today(at);
    }
    let total = total_today(knowledge);
    let least = MIN_IMPROVEMENT / MIN_STATEMENT_IMPROVEMENT * total;
    for (weight, item) in weights.iter_mut().zip(&problem.workload) {
        let cost = costs[&item.statement];
        if cost > 0.0 && cost < least {
            *weight *= least / cost;
        }
    }
    Terms { weights, most, per_index: MIN_IMPROVEMENT * total, per_byte: 0.0 }
}

/// Returns what the workload costs today, of a statement that dwarfs all others only as much as those.
fn total_today<P: Planner>(knowledge: &Knowledge<P>) -> f64 {
    let mut costs: BTreeMap<usize, f64> = BTreeMap::new();
    for (at, item) in knowledge.problem.workload.iter().enumerate() {
        *costs.entry(item.statement).or_default() +=
            item.weight * knowledge.upper_bound(at, &knowledge.existing);
    }
    let total: f64 = costs.values().sum();
    let largest = costs.values().copied().fold(0.0, f64::max);
    let others = total - largest;
    if costs.len() > 1 { others + largest.min(others) } else { total }
}

/// Returns the price of a byte, where nobody said what may be used: a set that costs a little less does not justify
/// being much larger.
fn per_byte<P: Planner>(knowledge: &Knowledge<P>, bytes: u64) -> f64 {
    let limits = knowledge.problem.limits;
    if limits.storage_bytes.is_some() || limits.max_indexes.is_some() {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a price needs no more than 53 bits")]
    let bytes = bytes.max(1) as f64;
    NEARLY_EQUAL * total_today(knowledge) / bytes
}

/// Returns the candidates that cost more than all that their work items can save.
fn hopeless<P: Planner>(knowledge: &Knowledge<P>, terms: &Terms) -> Bits {
    let problem = knowledge.problem;
    let mut savings = vec![0.0; problem.members.len()];
    for item in 0..problem.workload.len() {
        let without = knowledge.upper_bound(item, &knowledge.base);
        let saving = without - knowledge.plans[item].first().map_or(without, |plan| plan.cost);
        for &member in &knowledge.relevant[item] {
            savings[member] += terms.weights[item] * saving;
        }
    }
    let members = problem.members.iter().enumerate();
    let hopeless =
        members.filter(|(at, member)| member.role == Role::Candidate && savings[*at] <= terms.price(member));
    Bits::of(problem.members.len(), &hopeless.map(|(at, _)| at).collect::<Vec<_>>())
}

/// What a set may lack.
struct Doubt {
    /// The set, perhaps without a member.
    keep: Bits,
    /// For each work item, what it could see besides.
    questions: Vec<Question>,
    /// Of what others save, the share that is left when the member's loss is paid.
    share: f64,
}

/// Asks what a set costs with everything that would still fit, and with everything that would fit instead of each of
/// its members, of few also of each two of them; then for the plans in which that could save something. Returns the number of questions asked.
fn doubt<P: Planner>(
    knowledge: &mut Knowledge<P>,
    terms: &Terms,
    chosen: &Bits,
    pools: &[View],
    doubts_an_item: usize,
) -> Result<usize, P::Error> {
    let problem = knowledge.problem;
    let (members, limits) = (&problem.members, problem.limits);
    let created: Vec<usize> = chosen.minus(&knowledge.base).iter().collect();
    let bytes: u64 = created.iter().map(|member| members[*member].size_bytes).sum();
    let mut doubts = Vec::new();
    let pairs = created.iter().enumerate().filter(|_| created.len() <= FEW_MEMBERS);
    let pairs = pairs.flat_map(|(at, first)| created[..at].iter().map(|second| vec![*first, *second]));
    let removals = std::iter::once(Vec::new()).chain(created.iter().map(|member| vec![*member])).chain(pairs);
    for removed in removals {
        let n_kept = created.len() - removed.len();
        if limits.max_indexes.is_some_and(|limit| n_kept >= limit) {
            continue;
        }
        let freed: u64 = removed.iter().map(|member| members[*member].size_bytes).sum();
        let slack = limits.storage_bytes.map_or(u64::MAX, |limit| limit.saturating_sub(bytes - freed));
        // Without a limit to bytes, what a member leaves room for is what could have been added anyway: only those
        // that see the member may want something else.
        let is_concerned = |item: &usize| {
            limits.storage_bytes.is_some()
                || limits.max_indexes.is_some()
                || removed.is_empty()
                || removed.iter().any(|member| knowledge.relevant[*item].binary_search(member).is_ok())
        };
        let too_large = (0..members.len()).filter(|member| members[*member].size_bytes > slack);
        let mut hidden = Bits::of(members.len(), &too_large.collect::<Vec<_>>());
        let mut keep = chosen.clone();
        for member in &removed {
            hidden.insert(*member);
            keep.remove(*member);
        }
        let questions = (0..pools.len())
            .filter(is_concerned)
            .map(|item| {
                let rest = pools[item].minus(&knowledge.view(item, &hidden));
                (item, rest.or(&knowledge.view(item, &keep)))
            })
            .collect();
        doubts.push(Doubt { keep, questions, share: 0.0 });
    }
    let hopeful = doubts.iter().flat_map(|doubt| {
        let is_hopeful = |question: &&Question| hope(knowledge, &doubt.keep, question) > COST_RESOLUTION;
        doubt.questions.iter().filter(is_hopeful).cloned()
    });
    let n_asked = knowledge.ask(hopeful.collect())?;
    let model = Model::new(problem, &knowledge.plans, terms, &knowledge.base);
    let value = model.state(chosen).value;
    for doubt in &mut doubts {
        let loss = model.state(&doubt.keep).value - value;
        let savings = doubt
            .questions
            .iter()
            .map(|question| terms.weights[question.0] * hope(knowledge, &doubt.keep, question));
        let saving: f64 = savings.filter(|saving| *saving > 0.0).sum();
        // Even all of it does not make up for the member: nothing is better in its place.
        doubt.share = if saving > loss { 1.0 - loss.max(0.0) / saving } else { 0.0 };
    }
    doubts.retain(|doubt| doubt.share > 0.0);
    let budget = (problem.workload.len() * doubts_an_item).min(knowledge.n_calls_left() / 3);
    Ok(n_asked + explore(knowledge, terms, &doubts, budget)?)
}

/// Returns what a work item could save at the most if it saw what the question shows, for one run of it.
fn hope<P: Planner>(knowledge: &Knowledge<P>, keep: &Bits, question: &Question) -> f64 {
    if knowledge.problem.workload[question.0].weight <= 0.0 {
        return 0.0;
    }
    knowledge.upper_bound(question.0, keep) - knowledge.lower_bound(question)
}

/// A question of [`explore`].
struct Node {
    /// What the plans that it may find can save at the most, less for what is far from the best plan.
    promise: f64,
    doubt: usize,
    question: Question,
}

/// Asks for plans other than the best: without an index that it uses, and without all that are alike and no smaller.
///
/// What a doubt keeps stays visible, and plans that cost no less than with that alone are of no interest. Returns the
/// number of questions asked.
fn explore<P: Planner>(
    knowledge: &mut Knowledge<P>,
    terms: &Terms,
    doubts: &[Doubt],
    budget: usize,
) -> Result<usize, P::Error> {
    let mut n_asked = 0;
    let mut seen: BTreeSet<Question> = BTreeSet::new();
    let mut open: Vec<Node> = Vec::new();
    for (at, doubt) in doubts.iter().enumerate() {
        for question in &doubt.questions {
            let item = question.0;
            let hope = hope(knowledge, &doubt.keep, question);
            if hope > COST_RESOLUTION && seen.insert(question.clone()) {
                let promise = terms.weights[item] * hope * doubt.share;
                open.push(Node { promise, doubt: at, question: question.clone() });
            }
        }
    }
    while !open.is_empty() && n_asked < budget {
        // The order of equal promises is that of their making.
        open.sort_by(|a, b| b.promise.total_cmp(&a.promise));
        let rest = open.split_off(open.len().min(BATCH));
        let batch = std::mem::replace(&mut open, rest);
        n_asked += knowledge.ask(batch.iter().map(|node| node.question.clone()).collect())?;
        for Node { promise, doubt, question } in batch {
            let (item, keep) = (question.0, &doubts[doubt].keep);
            let Some(known) = knowledge.answer(&question) else {
                return Ok(n_asked);
            };
            let saving = knowledge.upper_bound(item, keep) - known.cost;
            if saving <= COST_RESOLUTION {
                continue;
            }
            let promise = (terms.weights[item] * saving * doubts[doubt].share).min(promise);
            for member in knowledge.members(item, &known.used).filter(|member| !keep.contains(*member)) {
                let alikes = no_smaller_alikes(knowledge, member).minus(keep);
                let itself = Bits::of(knowledge.problem.members.len(), &[member]);
                for (decay, removed) in [(DECAY, alikes), (DECAY * DECAY, itself)] {
                    let question = (item, question.1.minus(&knowledge.view(item, &removed)));
                    if seen.insert(question.clone()) {
                        open.push(Node { promise: promise * decay, doubt, question });
                    }
                }
            }
        }
    }
    Ok(n_asked)
}

/// Returns the candidates that begin with the same column and are no smaller, itself included.
fn no_smaller_alikes<P: Planner>(knowledge: &Knowledge<P>, member: usize) -> Bits {
    let members = &knowledge.problem.members;
    let alike = knowledge
        .alikes(member)
        .iter()
        .copied()
        .filter(|other| members[*other].size_bytes >= members[member].size_bytes);
    let mut alikes = Bits::of(members.len(), &alike.collect::<Vec<_>>());
    alikes.insert(member);
    alikes
}
