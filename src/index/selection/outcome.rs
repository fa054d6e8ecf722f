//! From the set found to the answer: what is dropped, what is not worth having, and what each index does.
//!
//! Nothing here rests on what follows from other answers: the final set is asked for as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::Bits;
use super::discovery::Found;
use super::knowledge::{Knowledge, Known};
use super::model::Terms;
use super::{COST_RESOLUTION, Helps, NEARLY_EQUAL, Outcome, Planner, Role};

/// Times that a member is taken back because it makes a work item dearer, before all are.
const MAX_REPAIRS: usize = 8;
/// Alternatives named for each chosen index.
const MAX_ALTERNATIVES: usize = 3;
/// Refused members named.
const MAX_REFUSED: usize = 10;

/// Other members, each with the cost of the workload.
type Alternatives = Vec<(usize, f64)>;

pub(super) fn outcome<P: Planner>(knowledge: &mut Knowledge<P>, found: &Found) -> Result<Outcome, P::Error> {
    let existing = knowledge.existing.clone();
    let mut set = found.chosen.clone();
    let mut n_repairs = 0;
    let mut droppable = existing.clone();
    let helps = loop {
        let helps = helps(knowledge, &set)?;
        if let Some(member) = least_worthy(knowledge, &found.terms, &helps, &droppable) {
            set.remove(member);
            droppable.remove(member);
            continue;
        }
        if let Some(member) = next_drop(knowledge, &set, &droppable)? {
            set.remove(member);
            droppable.remove(member);
            continue;
        }
        // So far answers may have followed from others; the last word is the planner's own.
        let n_asked = confirm(knowledge, &set)?;
        if let Some(repaired) = repaired(knowledge, &set) {
            // Only what takes members away can turn in circles: what is put back is no longer droppable.
            n_repairs += usize::from(!set.is_subset(&repaired));
            // What was dropped and is needed stays.
            droppable = droppable.minus(&repaired.minus(&set));
            set = if n_repairs > MAX_REPAIRS { existing.clone() } else { repaired };
        } else if n_asked == 0 {
            break helps;
        }
    };

    let dropped = existing.minus(&set);
    let dropped = dropped.iter().map(|member| (member, superseding(knowledge, member, &set))).collect();
    let alternatives = alternatives(knowledge, &set, &helps)?;
    let refused = refused(knowledge, &found.terms, &set);
    let weight = |item: usize| knowledge.problem.workload[item].weight;
    let mut ranked: Vec<(f64, usize)> = helps
        .iter()
        .map(|(member, helps)| {
            (helps.iter().map(|(item, without, with)| weight(*item) * (without - with)).sum(), *member)
        })
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let (kept, chosen): (Vec<usize>, Vec<usize>) =
        ranked.into_iter().map(|(_, member)| member).partition(|member| existing.contains(*member));
    Ok(Outcome {
        items: (0..knowledge.problem.workload.len())
            .map(|item| (cost(knowledge, item, &existing), cost(knowledge, item, &set)))
            .collect(),
        helps: chosen.iter().map(|member| helps[member].clone()).collect(),
        alternatives: chosen.iter().map(|member| alternatives[member].clone()).collect(),
        kept: kept.into_iter().map(|member| (member, helps[&member].clone())).collect(),
        chosen,
        dropped,
        refused,
        is_cut_short: found.is_cut_short,
    })
}

/// Asks every work item for its cost with exactly this set, also when time or calls have run out. Returns the number of
/// questions asked.
fn confirm<P: Planner>(knowledge: &mut Knowledge<P>, set: &Bits) -> Result<usize, P::Error> {
    let items = 0..knowledge.problem.workload.len();
    knowledge.ask_exactly(items.map(|item| knowledge.question(item, set)).collect())
}

/// Returns the plan of a work item under a set: the planner's own word, or what follows from other answers.
fn known<'k, P: Planner>(knowledge: &'k Knowledge<P>, item: usize, set: &Bits) -> Option<&'k Known> {
    let question = knowledge.question(item, set);
    knowledge.exact_answer(&question).or_else(|| knowledge.answer(&question))
}

/// Returns the cost of a work item under a set; at most, where the planner was not asked.
fn cost<P: Planner>(knowledge: &Knowledge<P>, item: usize, set: &Bits) -> f64 {
    known(knowledge, item, set).map_or_else(|| knowledge.upper_bound(item, set), |known| known.cost)
}

/// Returns the members of these that plans use, each with the work item, in their order.
fn users<P: Planner>(knowledge: &Knowledge<P>, set: &Bits, of: &Bits) -> Vec<(usize, usize)> {
    let mut users = Vec::new();
    for item in 0..knowledge.problem.workload.len() {
        if let Some(known) = known(knowledge, item, set) {
            let used = knowledge.members(item, &known.used).filter(|member| of.contains(*member));
            users.extend(used.map(|member| (member, item)));
        }
    }
    users.sort_unstable();
    users
}

/// Returns the set without a member for whose sake something got dearer, or with one back that is missed.
fn repaired<P: Planner>(knowledge: &Knowledge<P>, set: &Bits) -> Option<Bits> {
    let existing = &knowledge.existing;
    let n_members = knowledge.problem.members.len();
    let is_orphan =
        |member: &usize| knowledge.base.contains(*member) && superseding(knowledge, *member, set).is_none();
    if let Some(orphan) = existing.minus(set).iter().find(is_orphan) {
        return Some(set.or(&Bits::of(n_members, &[orphan])));
    }
    let mut all_missed = Bits::of(n_members, &[]);
    for item in 0..knowledge.problem.workload.len() {
        let today = knowledge.exact_answer(&knowledge.question(item, existing))?;
        let then = knowledge.exact_answer(&knowledge.question(item, set))?;
        if then.cost <= knowledge.problem.workload[item].most(today.cost) {
            continue;
        }
        let used =
            |known: &Known| Bits::of(n_members, &knowledge.members(item, &known.used).collect::<Vec<_>>());
        let missed = used(today).minus(set);
        let culprits = used(then).minus(existing);
        match (missed.iter().next(), culprits.iter().next()) {
            (Some(_), _) => all_missed = all_missed.or(&missed),
            (None, Some(_)) => return Some(set.minus(&culprits)),
            // Whatever the plan does not name changed it all the same.
            (None, None) => {
                let seen = Bits::of(n_members, &knowledge.relevant[item]);
                return Some(set.or(&existing.and(&seen)).minus(&seen.minus(existing)));
            }
        }
    }
    if all_missed.iter().next().is_some() {
        return Some(set.or(&all_missed));
    }
    let total = |set: &Bits| {
        let upkeep: f64 = set.iter().map(|member| knowledge.problem.members[member].upkeep).sum();
        let workload = knowledge.problem.workload.iter().enumerate();
        upkeep + workload.map(|(at, item)| item.weight * cost(knowledge, at, set)).sum::<f64>()
    };
    (set != existing && total(set) > total(existing) + COST_RESOLUTION).then(|| existing.clone())
}

/// Returns, for each member of the set that could be left out, what it helps.
fn helps<P: Planner>(knowledge: &mut Knowledge<P>, set: &Bits) -> Result<BTreeMap<usize, Helps>, P::Error> {
    let items = 0..knowledge.problem.workload.len();
    // Without an answer nobody would seem to use a member, and it would go.
    knowledge.ask_in_any_case(items.map(|item| knowledge.question(item, set)).collect())?;
    // What the plan of a work item does not use cannot help it.
    let judged = set.minus(&knowledge.base);
    let users = users(knowledge, set, &judged);
    let without = users.iter().map(|(member, item)| knowledge.question(*item, &set.without(*member)));
    knowledge.ask(without.collect())?;
    let mut helps: BTreeMap<usize, Helps> = judged.iter().map(|member| (member, Vec::new())).collect();
    for (member, item) in users {
        let with = cost(knowledge, item, set);
        let rest = set.without(member);
        let without = cost(knowledge, item, &rest);
        // A set whose time ran out may hold what no plan is known without; for what is there today one is.
        let there = knowledge.base.or(&knowledge.existing.and(&rest));
        let without = without.min(cost(knowledge, item, &there).max(with));
        if without - with > COST_RESOLUTION {
            helps.entry(member).or_default().push((item, without, with));
        }
    }
    Ok(helps)
}

/// Returns the member that is worth least, if it is worth less than it costs: a candidate, or one that may be dropped.
fn least_worthy<P: Planner>(
    knowledge: &Knowledge<P>,
    terms: &Terms,
    helps: &BTreeMap<usize, Helps>,
    droppable: &Bits,
) -> Option<usize> {
    let problem = knowledge.problem;
    let may_go =
        |member: usize| problem.members[member].role == Role::Candidate || droppable.contains(member);
    let judged = helps.iter().filter(|(member, _)| may_go(**member));
    let worth = judged.map(|(member, helps)| {
        let (mut saving, mut judged) = (0.0, 0.0);
        for (item, without, with) in helps {
            saving += problem.workload[*item].weight * (without - with);
            judged += terms.weights[*item] * (without - with);
        }
        let net = saving - problem.members[*member].upkeep;
        (net.min(judged - terms.price(&problem.members[*member])), *member)
    });
    worth.filter(|(worth, _)| *worth <= 0.0).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, member)| member)
}

/// Returns a member that stays and can do all that another one can.
fn superseding<P: Planner>(knowledge: &Knowledge<P>, member: usize, set: &Bits) -> Option<usize> {
    set.iter().find(|other| *other != member && supersedes(knowledge, *other, member))
}

/// Whether a member can do all that another one can, perhaps by way of members between them.
fn supersedes<P: Planner>(knowledge: &Knowledge<P>, member: usize, other: usize) -> bool {
    let mut reached = BTreeSet::from([member]);
    let mut open = vec![member];
    while let Some(next) = open.pop() {
        let superseded = &knowledge.problem.members[next].supersedes;
        open.extend(superseded.iter().filter(|superseded| reached.insert(**superseded)));
    }
    reached.contains(&other)
}

/// Returns an existing member that another one supersedes and without which the set is as good.
fn next_drop<P: Planner>(
    knowledge: &mut Knowledge<P>,
    set: &Bits,
    droppable: &Bits,
) -> Result<Option<usize>, P::Error> {
    let problem = knowledge.problem;
    let existing = set.and(droppable);
    let candidates: Vec<usize> =
        existing.iter().filter(|member| superseding(knowledge, *member, set).is_some()).collect();
    let users = users(knowledge, set, &Bits::of(problem.members.len(), &candidates));
    let without = users.iter().map(|(member, item)| knowledge.question(*item, &set.without(*member)));
    knowledge.ask(without.collect())?;
    let total: f64 = (0..problem.workload.len())
        .map(|item| problem.workload[item].weight * cost(knowledge, item, &knowledge.existing))
        .sum();
    Ok(candidates.into_iter().find(|member| {
        let rest = set.without(*member);
        // The other one is a little larger; that is no reason to keep both.
        let mut loss = -problem.members[*member].upkeep - NEARLY_EQUAL * total;
        for (_, item) in users.iter().filter(|(user, _)| user == member) {
            let Some(without) = known(knowledge, *item, &rest).map(|known| known.cost) else {
                return false;
            };
            if without > problem.workload[*item].most(cost(knowledge, *item, &knowledge.existing)) {
                return false;
            }
            loss += problem.workload[*item].weight * (without - cost(knowledge, *item, set));
        }
        loss <= 0.0
    }))
}

/// Returns, for each created member, the best others in its place.
fn alternatives<P: Planner>(
    knowledge: &mut Knowledge<P>,
    set: &Bits,
    helps: &BTreeMap<usize, Helps>,
) -> Result<BTreeMap<usize, Alternatives>, P::Error> {
    let problem = knowledge.problem;
    let bytes: u64 = helps.keys().map(|member| problem.members[*member].size_bytes).sum();
    let total: f64 = (0..problem.workload.len())
        .map(|item| problem.workload[item].weight * cost(knowledge, item, set))
        .sum();
    let loss = |knowledge: &Knowledge<P>, set: &Bits, helps: &Helps| -> f64 {
        let costs = helps
            .iter()
            .map(|(item, _, with)| problem.workload[*item].weight * (cost(knowledge, *item, set) - with));
        costs.sum()
    };
    let mut found: BTreeMap<usize, Vec<(f64, usize)>> = BTreeMap::new();
    let mut questions = Vec::new();
    for (member, helps) in helps.iter().filter(|(member, _)| !knowledge.existing.contains(**member)) {
        let rest = set.without(*member);
        let freed = bytes - problem.members[*member].size_bytes;
        let fits = |other: usize| {
            let size = problem.members[other].size_bytes;
            problem.limits.storage_bytes.is_none_or(|limit| freed.saturating_add(size) <= limit)
        };
        let missed = loss(knowledge, &rest, helps);
        let mut others: Vec<usize> = helps
            .iter()
            .flat_map(|(item, _, _)| &knowledge.plans[*item])
            .flat_map(|plan| &plan.members)
            .copied()
            .filter(|other| !set.contains(*other) && *other != *member && fits(*other))
            .filter(|other| problem.members[*other].role == Role::Candidate)
            .collect();
        others.sort_unstable();
        others.dedup();
        let with = |other: usize| rest.or(&Bits::of(problem.members.len(), &[other]));
        let mut ranked: Vec<(f64, usize)> =
            others.into_iter().map(|other| (loss(knowledge, &with(other), helps), other)).collect();
        ranked.retain(|(loss, _)| *loss < missed - COST_RESOLUTION);
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        ranked.truncate(MAX_ALTERNATIVES);
        for (_, other) in &ranked {
            questions.extend(helps.iter().map(|(item, _, _)| knowledge.question(*item, &with(*other))));
        }
        found.insert(*member, ranked);
    }
    knowledge.ask(questions)?;
    let mut alternatives = BTreeMap::new();
    for (member, ranked) in found {
        let rest = set.without(member);
        let mut costs: Vec<(usize, f64)> = ranked
            .into_iter()
            .map(|(_, other)| {
                let with = rest.or(&Bits::of(problem.members.len(), &[other]));
                (other, total + loss(knowledge, &with, &helps[&member]))
            })
            .collect();
        costs.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        alternatives.insert(member, costs);
    }
    Ok(alternatives)
}

/// Returns the candidates that would save enough if they cost nothing to keep, with what they save.
fn refused<P: Planner>(knowledge: &Knowledge<P>, terms: &Terms, set: &Bits) -> Vec<(usize, f64)> {
    let problem = knowledge.problem;
    let mut items_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (item, plans) in knowledge.plans.iter().enumerate() {
        for member in plans.iter().flat_map(|plan| &plan.members) {
            if problem.members[*member].role == Role::Candidate && problem.members[*member].upkeep > 0.0 {
                let items = items_of.entry(*member).or_default();
                if items.last() != Some(&item) {
                    items.push(item);
                }
            }
        }
    }
    // Each is judged on top of those refused before, so that of many alike the best one is named.
    let mut set = set.clone();
    let mut refused = Vec::new();
    while refused.len() < MAX_REFUSED {
        let mut best: Option<(f64, usize)> = None;
        for (&member, items) in items_of.iter().filter(|(member, _)| !set.contains(**member)) {
            let mut with = set.clone();
            with.insert(member);
            let (mut saving, mut judged) = (0.0, 0.0);
            for &item in items {
                let saved = knowledge.upper_bound(item, &set) - knowledge.upper_bound(item, &with);
                saving += problem.workload[item].weight * saved;
                judged += terms.weights[item] * saved;
            }
            let upkeep = problem.members[member].upkeep;
            if judged > terms.per_index
                && saving > COST_RESOLUTION
                && saving <= upkeep
                && best.is_none_or(|(best, _)| saving > best)
            {
                best = Some((saving, member));
            }
        }
        let Some((saving, member)) = best else { break };
        set.insert(member);
        refused.push((member, saving));
    }
    refused
}
