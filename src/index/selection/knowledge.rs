//! What the planner has said, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::Bits;
use super::{COST_RESOLUTION, Planner, Problem, Role, Trial};

/// The parts of a member's key that make it alike others: the table and the first column.
const ALIKE_PARTS: usize = 2;

/// Members by their places among those relevant to one work item. Thousands of these are kept, and a work item knows a
/// few dozen members of thousands.
pub(super) type View = Bits;

/// A question: a work item's number and the members that it sees.
pub(super) type Question = (usize, View);

/// Everything asked so far.
pub(super) struct Knowledge<'p, P> {
    pub(super) problem: &'p Problem,
    planner: &'p mut P,
    /// The members that each work item's plan could use, in ascending order.
    pub(super) relevant: Vec<Vec<usize>>,
    /// Members that are there today.
    pub(super) existing: Bits,
    /// Those of them that the search always leaves in the set.
    pub(super) base: Bits,
    /// For each member, its group of those on the same table that begin alike and may be left out.
    group_of: Vec<usize>,
    groups: Vec<Vec<usize>>,
    answers: Vec<Vec<Known>>,
    /// For each work item, its plans, the cheapest first; none that another with fewer members beats.
    pub(super) plans: Vec<Vec<Plan>>,
    n_calls: usize,
}

/// An answer of the planner.
#[derive(Clone, Debug)]
pub(super) struct Known {
    visible: View,
    pub(super) used: View,
    pub(super) cost: f64,
}

/// A way to run a work item.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The members that it uses.
    pub(super) members: Vec<usize>,
    pub(super) cost: f64,
}

impl<'p, P: Planner> Knowledge<'p, P> {
    pub(super) fn new(problem: &'p Problem, planner: &'p mut P) -> Self {
        let n_members = problem.members.len();
        let those = |is_meant: fn(Role) -> bool| {
            let members = problem.members.iter().enumerate();
            let meant: Vec<usize> =
                members.filter(|(_, member)| is_meant(member.role)).map(|(at, _)| at).collect();
            Bits::of(n_members, &meant)
        };
        let mut by_begin: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        for (at, member) in problem.members.iter().enumerate() {
            by_begin.entry(&member.key[..member.key.len().min(ALIKE_PARTS)]).or_default().push(at);
        }
        let mut group_of = vec![0; n_members];
        for (group, members) in by_begin.values().enumerate() {
            for member in members {
                group_of[*member] = group;
            }
        }
        let may_go = |member: &usize| problem.members[*member].role != Role::Existing;
        let groups = by_begin.into_values().map(|group| group.into_iter().filter(may_go).collect()).collect();
        Self {
            planner,
            group_of,
            groups,
            relevant: problem
                .workload
                .iter()
                .map(|item| item.relevant.iter().copied().filter(|member| *member < n_members).collect())
                .collect(),
            existing: those(|role| role != Role::Candidate),
            base: those(|role| role == Role::Existing),
            answers: vec![Vec::new(); problem.workload.len()],
            plans: vec![Vec::new(); problem.workload.len()],
            n_calls: 0,
            problem,
        }
    }

    /// Returns the members on the same table that begin with the same column and may be left out.
    pub(super) fn alikes(&self, member: usize) -> &[usize] {
        &self.groups[self.group_of[member]]
    }

    /// How many questions may still be asked.
    pub(super) fn n_calls_left(&self) -> usize {
        if self.planner.is_out_of_time() {
            return 0;
        }
        self.problem.limits.max_calls.map_or(usize::MAX, |limit| limit.saturating_sub(self.n_calls))
    }

    /// Returns what a work item sees of a set.
    pub(super) fn view(&self, item: usize, set: &Bits) -> View {
        let relevant = &self.relevant[item];
        let seen = relevant.iter().enumerate().filter(|(_, member)| set.contains(**member));
        let mut view = View::new(relevant.len());
        for (place, _) in seen {
            view.insert(place);
        }
        view
    }

    /// Returns the members of a view.
    pub(super) fn members<'a>(&'a self, item: usize, view: &'a View) -> impl Iterator<Item = usize> + 'a {
        view.iter().map(move |place| self.relevant[item][place])
    }

    /// Returns the question what a work item costs with a set.
    pub(super) fn question(&self, item: usize, set: &Bits) -> Question {
        (item, self.view(item, set))
    }

    /// Returns the answer to a question, as far as it follows from those given.
    pub(super) fn answer(&self, (item, visible): &Question) -> Option<&Known> {
        // The plan of a larger set is the best of this one too when it uses nothing else.
        self.answers[*item]
            .iter()
            .find(|known| known.used.is_subset(visible) && visible.is_subset(&known.visible))
    }

    /// Returns the planner's own answer to exactly this question.
    pub(super) fn exact_answer(&self, (item, visible): &Question) -> Option<&Known> {
        self.answers[*item].iter().find(|known| known.visible == *visible)
    }

    /// Returns what a work item costs at least: no less than with more members visible.
    pub(super) fn lower_bound(&self, (item, visible): &Question) -> f64 {
        let larger = self.answers[*item].iter().filter(|known| visible.is_subset(&known.visible));
        larger.map(|known| known.cost).fold(0.0, f64::max)
    }

    /// Returns what a work item costs at most: the cheapest plan known whose members are there.
    pub(super) fn upper_bound(&self, item: usize, set: &Bits) -> f64 {
        let is_there = |plan: &&Plan| plan.members.iter().all(|member| set.contains(*member));
        self.plans[item].iter().find(is_there).map_or(super::model::UNKNOWN_COST, |plan| plan.cost)
    }

    /// Asks what does not follow from the answers so far, as far as calls are left. Returns the number of questions
    /// asked.
    pub(super) fn ask(&mut self, mut questions: Vec<Question>) -> Result<usize, P::Error> {
        questions.retain(|question| self.answer(question).is_none());
        questions.truncate(self.n_calls_left());
        self.ask_exactly(questions)
    }

    /// Asks what does not follow from the answers so far, whatever is left of calls and time.
    pub(super) fn ask_in_any_case(&mut self, mut questions: Vec<Question>) -> Result<usize, P::Error> {
        questions.retain(|question| self.answer(question).is_none());
        self.ask_exactly(questions)
    }

    /// Asks each question that was not asked literally before, whatever is left of calls and time.
    pub(super) fn ask_exactly(&mut self, questions: Vec<Question>) -> Result<usize, P::Error> {
        let mut seen = BTreeSet::new();
        let questions: Vec<Question> = questions
            .into_iter()
            .filter(|question| self.exact_answer(question).is_none() && seen.insert(question.clone()))
            .collect();
        if questions.is_empty() {
            return Ok(0);
        }
        let trials: Vec<Trial> = questions
            .iter()
            .map(|(item, view)| Trial { visible: self.members(*item, view).collect(), statement: *item })
            .collect();
        let answers = self.planner.answers(&trials)?;
        self.n_calls += trials.len();
        for ((item, visible), answer) in questions.into_iter().zip(&answers) {
            let mut used = View::new(self.relevant[item].len());
            for place in visible.iter().filter(|place| answer.used.contains(&self.relevant[item][*place])) {
                used.insert(place);
            }
            // A plan without a cost is none that anyone wants.
            let cost = if answer.cost.is_finite() { answer.cost } else { super::model::UNKNOWN_COST };
            let members = self.members(item, &used).collect();
            self.learn_plan(item, Plan { members, cost });
            self.answers[item].push(Known { visible, used, cost });
        }
        Ok(trials.len())
    }

    fn learn_plan(&mut self, item: usize, plan: Plan) {
        let is_subset =
            |part: &Plan, whole: &Plan| part.members.iter().all(|member| whole.members.contains(member));
        let plans = &mut self.plans[item];
        if plans
            .iter()
            .any(|known| known.cost <= plan.cost + COST_RESOLUTION / 2.0 && is_subset(known, &plan))
        {
            return;
        }
        plans.retain(|known| known.cost < plan.cost || !is_subset(&plan, known));
        let at = plans.partition_point(|known| known.cost <= plan.cost);
        plans.insert(at, plan);
    }
}
