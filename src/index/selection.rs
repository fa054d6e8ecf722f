//! Which indexes to build: the set that saves most under a storage budget.
//!
//! The search is a pure function of the costs known so far. When it needs a cost that is not known, it says which,
//! and is called again with the answer: [`select`] runs from the start each time, over cached costs, so it has no
//! state to keep and the same costs give the same answer.
//!
//! It grows the set as Extend does (Schlosser, Kossmann, Boissier: "Efficient scalable multi-attribute index
//! selection using recursive strategies", ICDE 2019): each step adds the index, or replaces a chosen one by an
//! extension of it, with the highest saving per byte. At the end, indexes that others made superfluous are dropped.

use std::collections::{BTreeMap, BTreeSet};

use super::Definition;

/// A step must save this share of the workload's cost (Extend's `min_cost_improvement` of 1.003).
const MIN_IMPROVEMENT: f64 = 0.003;
/// … or this share of what some statement costs today, so that a cheap but frequent one is not left slow.
const MIN_STATEMENT_IMPROVEMENT: f64 = 0.2;
/// Moves whose costs are asked for together: enough for the planners to be busy, few enough to ask for little in vain.
const MOVES_AT_ONCE: usize = 4;
/// Cost units below which a difference is rounding: EXPLAIN prints two digits.
const COST_RESOLUTION: f64 = 0.02;

/// An index that could be built.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) definition: Definition,
    pub(crate) size_bytes: u64,
    /// Cost of keeping the index while the workload runs once, in the planner's units.
    pub(crate) upkeep: f64,
}

/// A statement of the workload.
#[derive(Clone, Debug)]
pub(crate) struct Workitem {
    /// How often it runs.
    pub(crate) weight: f64,
    /// The candidates that could change its plan.
    pub(crate) relevant: BTreeSet<usize>,
}

/// What to search.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) workload: Vec<Workitem>,
    pub(crate) limits: Limits,
}

/// What the chosen set may not exceed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) storage_bytes: Option<u64>,
    pub(crate) max_indexes: Option<usize>,
}

/// A question for the planner: what does this statement cost when it sees these candidates?
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Trial {
    pub(crate) visible: BTreeSet<usize>,
    pub(crate) statement: usize,
}

/// The planner's answers so far.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    known: BTreeMap<Trial, Answer>,
}

/// What the planner says to a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) cost: f64,
    /// The candidates in its plan.
    pub(crate) used: BTreeSet<usize>,
}

impl Costs {
    pub(crate) fn insert(&mut self, trial: Trial, answer: Answer) {
        self.known.insert(trial, answer);
    }
}

/// What [`select`] has to say.
#[derive(Debug)]
pub(crate) enum Step {
    /// Costs that must be known before the search can go on.
    Ask(Vec<Trial>),
    Done(Outcome),
}

/// The best set found.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Candidates to build, the one that saves most first.
    pub(crate) chosen: Vec<usize>,
    /// Cost of each statement today and with the chosen set, for one run of it.
    pub(crate) statements: Vec<(f64, f64)>,
    /// What each chosen index helps: statements with their cost without it and with it, the rest of the set present.
    pub(crate) helps: Vec<Vec<(usize, f64, f64)>>,
}

type Set = BTreeSet<usize>;

/// Searches as far as the known costs go.
pub(crate) fn select(problem: &Problem, costs: &Costs) -> Step {
    let search = Search { problem, costs, missing: std::cell::RefCell::default() };
    match search.run() {
        Some(outcome) => Step::Done(outcome),
        None => Step::Ask(search.missing.into_inner().into_iter().collect()),
    }
}

struct Search<'a> {
    problem: &'a Problem,
    costs: &'a Costs,
    missing: std::cell::RefCell<BTreeSet<Trial>>,
}

/// What each statement costs without any candidate, and with all of them.
struct Ends {
    start: Vec<f64>,
    floor: Vec<f64>,
}

/// What the search does next.
enum Next {
    Move(Move),
    Stop,
}

/// A change of the chosen set.
#[derive(Clone, Debug)]
struct Move {
    add: Set,
    remove: Option<usize>,
}

impl Search<'_> {
    /// Returns `None` when a cost is missing; `missing` then holds what is needed next.
    fn run(&self) -> Option<Outcome> {
        let everything: Set = (0..self.problem.candidates.len()).collect();
        let (start, floor) = (self.statement_costs(&Set::new()), self.statement_costs(&everything));
        let ends = Ends { start: start?, floor: floor? };
        let (hopeful, together) = self.hopeful(&ends, &everything)?;
        let mut chosen = Set::new();
        while let Next::Move(next) = self.best_move(&chosen, &ends, &hopeful, &together)? {
            chosen = next.applied_to(&chosen);
        }
        self.drop_superfluous(&mut chosen, &ends.start)?;
        self.outcome(&chosen)
    }

    /// Returns the candidates of statements that get cheaper when they see all their candidates, and the sets of
    /// candidates that their plans then use together: two halves of a bitmap may be useless alone.
    fn hopeful(&self, ends: &Ends, everything: &Set) -> Option<(Set, BTreeSet<Set>)> {
        let (mut hopeful, mut together) = (Set::new(), BTreeSet::new());
        for (statement, item) in self.problem.workload.iter().enumerate() {
            if ends.start[statement] - ends.floor[statement] > COST_RESOLUTION {
                hopeful.extend(&item.relevant);
                let used = &self.answer(statement, everything)?.used;
                if used.len() > 1 {
                    together.insert(used.clone());
                }
            }
        }
        Some((hopeful, together))
    }

    /// Returns the move with the highest saving per byte.
    ///
    /// What a move can save at the most is known before the planner is asked: its statements get no cheaper than
    /// with all candidates. Moves are tried in that order, and no further than the best one found.
    fn best_move(&self, chosen: &Set, ends: &Ends, hopeful: &Set, together: &BTreeSet<Set>) -> Option<Next> {
        let today = self.statement_costs(chosen)?;
        let total_today = self.total(chosen, &today);
        let mut moves: Vec<(f64, Set, Move)> = self
            .moves(chosen, hopeful, together)
            .into_iter()
            .filter_map(|next| {
                let set = next.applied_to(chosen);
                let bound = self.fits(&set).then(|| self.bound(&next, &today, ends)).flatten()?;
                Some((self.per_byte(bound, chosen, &set), set, next))
            })
            .collect();
        moves.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut best: Option<(f64, Move)> = None;
        let mut n_unknown = 0;
        for (bound, set, next) in moves {
            if n_unknown == MOVES_AT_ONCE || best.as_ref().is_some_and(|(best, _)| bound <= *best) {
                break;
            }
            let Some(then) = self.statement_costs(&set) else {
                n_unknown += 1;
                continue;
            };
            let saving = total_today - self.total(&set, &then);
            let rank = self.per_byte(saving, chosen, &set);
            if self.is_worth_it(saving, &ends.start, &then, &today)
                && best.as_ref().is_none_or(|(best, _)| rank > *best)
            {
                best = Some((rank, next));
            }
        }
        (n_unknown == 0).then(|| best.map_or(Next::Stop, |(_, next)| Next::Move(next)))
    }

    /// Returns what a move saves at the most; `None` when even that would not matter.
    fn bound(&self, next: &Move, today: &[f64], ends: &Ends) -> Option<f64> {
        let is_touched = |item: &Workitem| !item.relevant.is_disjoint(&next.add);
        let reachable: Vec<f64> = self
            .problem
            .workload
            .iter()
            .zip(today.iter().zip(&ends.floor))
            .map(|(item, (today, floor))| if is_touched(item) { floor.min(*today) } else { *today })
            .collect();
        let none = Set::new();
        let freed = next.remove.map_or(0.0, |removed| self.problem.candidates[removed].upkeep);
        let bound = self.total(&none, today) - self.total(&none, &reachable) + freed;
        self.is_worth_it(bound, &ends.start, &reachable, today).then_some(bound)
    }

    #[expect(clippy::cast_precision_loss, reason = "a rank needs no more than 53 bits")]
    fn per_byte(&self, saving: f64, chosen: &Set, set: &Set) -> f64 {
        saving / self.bytes(set).saturating_sub(self.bytes(chosen)).max(1) as f64
    }

    /// Whether a saving matters, measured by what everything costs today: on top of a good set, small improvements
    /// are large shares of little.
    fn is_worth_it(&self, saving: f64, start: &[f64], cheaper: &[f64], dearer: &[f64]) -> bool {
        let total_start = self.total(&Set::new(), start);
        saving > MIN_IMPROVEMENT * total_start
            || saving > 0.0
                && start.iter().zip(cheaper.iter().zip(dearer)).any(|(start, (cheaper, dearer))| {
                    dearer - cheaper > COST_RESOLUTION.max(MIN_STATEMENT_IMPROVEMENT * start)
                })
    }

    fn moves(&self, chosen: &Set, hopeful: &Set, together: &BTreeSet<Set>) -> Vec<Move> {
        let candidates = &self.problem.candidates;
        let mut moves = Vec::new();
        for &add in hopeful.difference(chosen) {
            moves.push(Move { add: Set::from([add]), remove: None });
            for &old in chosen {
                if candidates[add].definition.extends(&candidates[old].definition) {
                    moves.push(Move { add: Set::from([add]), remove: Some(old) });
                }
            }
        }
        let compound = together.iter().map(|used| used.difference(chosen).copied().collect::<Set>());
        moves.extend(compound.filter(|add| add.len() > 1).map(|add| Move { add, remove: None }));
        moves
    }

    /// Drops indexes without which nothing gets dearer than their upkeep, the largest first.
    fn drop_superfluous(&self, chosen: &mut Set, start: &[f64]) -> Option<()> {
        let mut by_size: Vec<usize> = chosen.iter().copied().collect();
        by_size.sort_by_key(|index| std::cmp::Reverse(self.problem.candidates[*index].size_bytes));
        for index in by_size {
            let with = self.statement_costs(chosen)?;
            let mut rest = chosen.clone();
            rest.remove(&index);
            let without = self.statement_costs(&rest)?;
            let loss = self.total(&rest, &without) - self.total(chosen, &with);
            if !self.is_worth_it(loss, start, &with, &without) {
                *chosen = rest;
            }
        }
        Some(())
    }

    fn outcome(&self, chosen: &Set) -> Option<Outcome> {
        let (today, then) = (self.statement_costs(&Set::new())?, self.statement_costs(chosen)?);
        let mut helped = Vec::new();
        for &index in chosen {
            let mut rest = chosen.clone();
            rest.remove(&index);
            let without = self.statement_costs(&rest)?;
            let helps: Vec<(usize, f64, f64)> = without
                .iter()
                .zip(&then)
                .enumerate()
                .filter(|(_, (without, with))| *without - *with > COST_RESOLUTION)
                .map(|(statement, (without, with))| (statement, *without, *with))
                .collect();
            let saving: f64 = helps
                .iter()
                .map(|(at, without, with)| self.problem.workload[*at].weight * (without - with))
                .sum();
            helped.push((saving, index, helps));
        }
        helped.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Some(Outcome {
            chosen: helped.iter().map(|(_, index, _)| *index).collect(),
            statements: today.into_iter().zip(then).collect(),
            helps: helped.into_iter().map(|(_, _, helps)| helps).collect(),
        })
    }

    fn fits(&self, set: &Set) -> bool {
        let limits = self.problem.limits;
        limits.storage_bytes.is_none_or(|limit| self.bytes(set) <= limit)
            && limits.max_indexes.is_none_or(|limit| set.len() <= limit)
    }

    fn bytes(&self, set: &Set) -> u64 {
        set.iter().map(|index| self.problem.candidates[*index].size_bytes).sum()
    }

    fn total(&self, set: &Set, statement_costs: &[f64]) -> f64 {
        let upkeep: f64 = set.iter().map(|index| self.problem.candidates[*index].upkeep).sum();
        let workload = self.problem.workload.iter().zip(statement_costs);
        upkeep + workload.map(|(item, cost)| item.weight * cost).sum::<f64>()
    }

    /// Returns each statement's cost with this set, or notes all that is missing.
    fn statement_costs(&self, set: &Set) -> Option<Vec<f64>> {
        let answers: Vec<Option<&Answer>> =
            (0..self.problem.workload.len()).map(|statement| self.answer(statement, set)).collect();
        answers.into_iter().map(|answer| answer.map(|answer| answer.cost)).collect()
    }

    fn answer(&self, statement: usize, set: &Set) -> Option<&Answer> {
        // Only what a statement can use decides its cost, so that one answer serves many sets.
        let relevant = &self.problem.workload[statement].relevant;
        let trial = Trial { visible: relevant.intersection(set).copied().collect(), statement };
        let known = self.costs.known.get(&trial);
        if known.is_none() {
            self.missing.borrow_mut().insert(trial);
        }
        known
    }
}

impl Move {
    fn applied_to(&self, chosen: &Set) -> Set {
        let mut set: Set = chosen.union(&self.add).copied().collect();
        if let Some(removed) = self.remove {
            set.remove(&removed);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Definition;
    use proptest::prelude::*;

    fn candidate(columns: &[&str], size_bytes: u64, upkeep: f64) -> Candidate {
        let keys = columns.iter().map(|column| super::super::definition::Key::ascending(column)).collect();
        let definition = Definition { schema: "public".into(), table: "t".into(), keys, predicate: None };
        Candidate { definition, size_bytes, upkeep }
    }

    fn problem(candidates: Vec<Candidate>, n_statements: usize, limits: Limits) -> Problem {
        let relevant: Set = (0..candidates.len()).collect();
        Problem { candidates, workload: vec![Workitem { weight: 1.0, relevant }; n_statements], limits }
    }

    /// Answers every question by `cost` and returns the outcome with the number of questions.
    fn solve(problem: &Problem, cost: impl Fn(&Trial) -> f64) -> (Outcome, usize) {
        let mut costs = Costs::default();
        let mut n_asked = 0;
        loop {
            match select(problem, &costs) {
                Step::Done(outcome) => return (outcome, n_asked),
                Step::Ask(trials) => {
                    assert!(!trials.is_empty());
                    n_asked += trials.len();
                    for trial in trials {
                        let answer = Answer { cost: cost(&trial), used: trial.visible.clone() };
                        costs.insert(trial, answer);
                    }
                }
            }
        }
    }

    #[test]
    fn prefers_saving_per_byte_and_respects_the_budget() {
        let candidates = vec![candidate(&["a"], 100, 0.0), candidate(&["b"], 1000, 0.0)];
        let cost = |trial: &Trial| {
            100.0
                - if trial.visible.contains(&0) { 30.0 } else { 0.0 }
                - if trial.visible.contains(&1) { 40.0 } else { 0.0 }
        };
        let (outcome, _) = solve(&problem(candidates.clone(), 1, Limits::default()), cost);
        assert_eq!(outcome.chosen, [1, 0]);
        let limits = Limits { storage_bytes: Some(500), ..Limits::default() };
        let (outcome, _) = solve(&problem(candidates.clone(), 1, limits), cost);
        assert_eq!(outcome.chosen, [0]);
        assert_eq!(outcome.statements, [(100.0, 70.0)]);
        let limits = Limits { max_indexes: Some(0), ..Limits::default() };
        assert!(solve(&problem(candidates, 1, limits), cost).0.chosen.is_empty());
    }

    #[test]
    fn an_extension_replaces_its_prefix() {
        let candidates = vec![candidate(&["a"], 100, 0.0), candidate(&["a", "b"], 150, 0.0)];
        let cost = |trial: &Trial| {
            if trial.visible.contains(&1) {
                10.0
            } else if trial.visible.contains(&0) {
                20.0
            } else {
                100.0
            }
        };
        let (outcome, _) = solve(&problem(candidates, 2, Limits::default()), cost);
        assert_eq!(outcome.chosen, [1]);
        assert_eq!(outcome.helps, [vec![(0, 100.0, 10.0), (1, 100.0, 10.0)]]);
    }

    #[test]
    fn a_pair_that_helps_only_together_is_found() {
        let candidates = vec![candidate(&["a"], 100, 0.0), candidate(&["b"], 100, 0.0)];
        let cost = |trial: &Trial| if trial.visible.len() == 2 { 10.0 } else { 100.0 };
        assert_eq!(solve(&problem(candidates, 1, Limits::default()), cost).0.chosen, [0, 1]);
    }

    #[test]
    fn an_extension_that_saves_little_of_the_start_is_left_out() {
        let candidates = vec![candidate(&["a"], 100, 0.0), candidate(&["a", "b"], 300, 0.0)];
        let cost = |trial: &Trial| {
            if trial.visible.contains(&1) {
                20.0
            } else if trial.visible.contains(&0) {
                40.0
            } else {
                8000.0
            }
        };
        assert_eq!(solve(&problem(candidates, 1, Limits::default()), cost).0.chosen, [0]);
    }

    #[test]
    fn upkeep_can_outweigh_the_gain() {
        let candidates = vec![candidate(&["a"], 100, 50.0)];
        let cost = |trial: &Trial| if trial.visible.is_empty() { 100.0 } else { 60.0 };
        assert!(solve(&problem(candidates, 1, Limits::default()), cost).0.chosen.is_empty());
    }

    #[test]
    fn useless_candidates_cost_two_questions_a_statement() {
        let candidates = (0..50).map(|i| candidate(&[["a", "b"][i % 2]], 100, 0.0)).collect();
        let (outcome, n_asked) = solve(&problem(candidates, 3, Limits::default()), |_| 10.0);
        assert!(outcome.chosen.is_empty());
        assert_eq!(n_asked, 6);
    }

    proptest! {
        #[test]
        fn never_makes_a_workload_dearer(
            gains in prop::collection::vec(prop::collection::vec(0.0..50.0f64, 4), 1..4),
            sizes in prop::collection::vec(1u64..1000, 4),
            budget in 1u64..2000,
        ) {
            let columns = [&["a"][..], &["a", "b"], &["b"], &["c"]];
            let candidates =
                columns.iter().zip(&sizes).map(|(columns, size)| candidate(columns, *size, 0.5)).collect();
            let limits = Limits { storage_bytes: Some(budget), max_indexes: None };
            let problem = problem(candidates, gains.len(), limits);
            let cost = |trial: &Trial| {
                let gain = trial.visible.iter().map(|index| gains[trial.statement][*index]).fold(0.0, f64::max);
                60.0 - gain
            };
            let (outcome, _) = solve(&problem, cost);
            let bytes: u64 = outcome.chosen.iter().map(|index| sizes[*index]).sum();
            prop_assert!(bytes <= budget);
            for (before, after) in outcome.statements {
                prop_assert!(after <= before);
            }
        }
    }
}
