//! What is known to be equal: a value that one operand is compared with holds for those that are equated with it.

use super::types::{Condition, Operand, Test};
use super::{Walk, push_new};

/// An operand of a use of a table.
pub(super) type Place = (usize, Operand);

/// `a.x = b.y` of two uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Equality {
    pub(super) left: Place,
    pub(super) right: Place,
    pub(super) kind: EqualityKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EqualityKind {
    /// All rows that are wanted have it.
    Always,
    /// In the ON of an outer join: the right operand, where its row is not made of nulls, equals the left one
    /// (`reconsider_outer_join_clauses` of equivclass.c).
    ToTheRight,
    ToTheLeft,
}

/// `a.x = 5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Constant {
    pub(super) place: Place,
    /// The value, where it is known already.
    pub(super) value: Option<String>,
    /// Whether it holds for all rows that are wanted, and not only within the ON of an outer join.
    pub(super) is_general: bool,
    /// Whether the condition stands above the outer join that makes its use nullable, so that the join is an inner one.
    pub(super) is_above: bool,
}

impl Walk<'_> {
    /// Adds the conditions that follow from constants and equalities.
    pub(super) fn hand_on_constants(&mut self) {
        let mut constants = std::mem::take(&mut self.constants);
        for constant in &mut constants {
            constant.is_general &= constant.is_above || !self.nullable.contains(&constant.place.0);
        }
        let mut i = 0;
        while i < constants.len() {
            let constant = constants[i].clone();
            i += 1;
            for equality in &self.equalities {
                let reached = equality.other(&constant.place, constant.is_general);
                let Some((use_index, operand)) =
                    reached.filter(|(use_index, _)| *use_index != constant.place.0)
                else {
                    continue;
                };
                let place = (*use_index, operand.clone());
                if constants.iter().any(|known| known.place == place) {
                    continue;
                }
                let fixed = constant.value.as_ref().map(|value| format!("{} = {value}", operand.sql()));
                let condition = Condition { operand: operand.clone(), test: Test::Equal, fixed };
                self.uses[*use_index].conditions.push(condition);
                constants.push(Constant { place, ..constant.clone() });
            }
        }
    }

    /// Returns every operand that always equals this one, itself first.
    pub(super) fn equals(&self, place: &Place) -> Vec<Place> {
        let mut found = vec![place.clone()];
        let mut i = 0;
        while i < found.len() {
            let current = found[i].clone();
            i += 1;
            for equality in self.equalities.iter().filter(|equality| equality.kind == EqualityKind::Always) {
                if let Some(other) = equality.other(&current, true) {
                    push_new(&mut found, other.clone());
                }
            }
        }
        found
    }
}

impl Equality {
    /// Returns the side that a value of `place` is handed on to.
    fn other(&self, place: &Place, is_general: bool) -> Option<&Place> {
        // A general condition on the nullable side makes an inner join of the outer one.
        if *place == self.left && (is_general || self.kind != EqualityKind::ToTheLeft) {
            Some(&self.right)
        } else if *place == self.right && (is_general || self.kind != EqualityKind::ToTheRight) {
            Some(&self.left)
        } else {
            None
        }
    }
}
