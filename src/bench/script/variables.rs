//! What the variables of one client hold.

use std::fmt;

use super::expression::EvaluationError;
use super::value::Value;

/// The variables of one client; they keep what they hold from one run of a script to the next.
#[derive(Clone, Debug)]
pub(crate) struct Variables(Vec<Variable>);

#[derive(Clone, Debug)]
struct Variable {
    held: Held,
    /// Keeps its room, so that taking a result seldom allocates.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    Nothing,
    Value(Value),
    /// What an option or the server said.
    Text,
}

impl Variables {
    pub(super) fn new(n: usize) -> Self {
        Self(vec![Variable { held: Held::Nothing, text: String::new() }; n])
    }

    /// Returns what expressions see.
    pub(crate) fn value(&self, number: usize) -> Result<Value, EvaluationError> {
        let Variable { held, text } = &self.0[number];
        match held {
            Held::Nothing => Err(EvaluationError::Undefined(number)),
            Held::Value(value) => Ok(*value),
            Held::Text => Value::of_text(text).ok_or(EvaluationError::Malformed(number)),
        }
    }

    /// Says which of these has no value.
    pub(crate) fn check(&self, numbers: impl IntoIterator<Item = usize>) -> Result<(), EvaluationError> {
        match numbers.into_iter().find(|number| self.0[*number].held == Held::Nothing) {
            Some(number) => Err(EvaluationError::Undefined(number)),
            None => Ok(()),
        }
    }

    pub(crate) fn set(&mut self, number: usize, value: Value) {
        self.0[number].held = Held::Value(value);
    }

    pub(crate) fn set_text(&mut self, number: usize, text: &str) {
        let variable = &mut self.0[number];
        variable.held = Held::Text;
        variable.text.clear();
        variable.text.push_str(text);
    }

    /// Writes what statements get; false, and nothing, is NULL, or no value at all.
    pub(crate) fn write(&self, number: usize, out: &mut impl fmt::Write) -> bool {
        let Variable { held, text } = &self.0[number];
        let written = match held {
            Held::Nothing | Held::Value(Value::Null) => return false,
            Held::Value(value) => write!(out, "{value}"),
            Held::Text => out.write_str(text),
        };
        written.expect("text in memory takes what is written");
        true
    }
}
