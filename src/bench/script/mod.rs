//! Scripts in the language of pgbench: SQL with variables, and commands that begin with a backslash.
//!
//! `scan` takes a script apart, `token` and `parser` read expressions, `commands` what else there is. All scripts of a run share the
//! names of their variables (`names`). [`Script::next`] goes through a script step by step, with the `variables` of one client and
//! the [`Draws`] of one run; who sends the statements decides nothing.

pub(crate) mod builtin;
mod commands;
mod draw;
mod expression;
mod names;
mod parser;
mod scan;
mod statement;
#[cfg(test)]
mod tests;
mod token;
mod value;
mod variables;

use std::fmt;
use std::time::Duration;

pub(crate) use draw::Draws;
pub(crate) use expression::{EvaluationError, Expression};
pub(crate) use names::Names;
pub(crate) use statement::{Assigned, QuotedVariable, Results, ScriptStatement};
pub(crate) use value::Value;
pub(crate) use variables::Variables;

/// The text of a script.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As the user named it.
    pub(crate) name: String,
    pub(crate) text: String,
    /// How often it runs, relative to the other scripts.
    pub(crate) weight: f64,
}

/// The scripts of a run.
#[derive(Clone, Debug)]
pub(crate) struct Scripts {
    pub(crate) scripts: Vec<Script>,
    pub(crate) names: Names,
    client_id: usize,
    /// What variables hold at first.
    defined: Vec<(usize, String)>,
}

/// A script, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) weight: f64,
    pub(crate) statements: Vec<ScriptStatement>,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    /// Where it is written, from 1.
    line: usize,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Set(usize, Expression),
    /// Goes on at another step unless the condition is true.
    Unless(Expression, usize),
    Goto(usize),
    Sleep(Amount, Duration),
    Statement(usize),
    StartPipeline,
    SyncPipeline,
    EndPipeline,
}

/// How often to sleep for a unit of time.
#[derive(Clone, Debug)]
enum Amount {
    Fixed(u32),
    Variable(usize),
}

/// What a script wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This statement of it sent.
    Statement(usize),
    Sleep(Duration),
    StartPipeline,
    SyncPipeline,
    EndPipeline,
    End,
}

/// A step that cannot be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stop {
    pub(crate) line: usize,
    pub(crate) error: EvaluationError,
}

impl Script {
    pub(crate) fn has_pipeline(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::StartPipeline))
    }

    /// Does steps from `place` on, up to what needs a server or time; `place` is behind it then.
    pub(crate) fn next(
        &self,
        place: &mut usize,
        variables: &mut Variables,
        draws: &mut Draws,
    ) -> Result<Next, Stop> {
        while let Some(step) = self.steps.get(*place) {
            *place += 1;
            let stop = |error| Stop { line: step.line, error };
            match &step.action {
                Action::Set(number, expression) => {
                    let value =
                        expression.evaluate(&|number| variables.value(number), draws).map_err(stop)?;
                    variables.set(*number, value);
                }
                Action::Unless(condition, otherwise) => {
                    let value = condition.evaluate(&|number| variables.value(number), draws).map_err(stop)?;
                    if !value.is_true() {
                        *place = *otherwise;
                    }
                }
                Action::Goto(target) => *place = *target,
                Action::Sleep(amount, unit) => {
                    return amount.count(variables).map(|n| Next::Sleep(*unit * n)).map_err(stop);
                }
                Action::Statement(number) => return Ok(Next::Statement(*number)),
                Action::StartPipeline => return Ok(Next::StartPipeline),
                Action::SyncPipeline => return Ok(Next::SyncPipeline),
                Action::EndPipeline => return Ok(Next::EndPipeline),
            }
        }
        Ok(Next::End)
    }
}

impl Amount {
    /// Nobody sleeps for less than no time.
    fn count(&self, variables: &Variables) -> Result<u32, EvaluationError> {
        match self {
            Self::Fixed(n) => Ok(*n),
            Self::Variable(number) => match variables.value(*number)? {
                Value::Integer(n) => Ok(u32::try_from(n.max(0)).unwrap_or(u32::MAX)),
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
                Value::Double(n) => Ok(n as u32),
                Value::Null | Value::Boolean(_) => Err(EvaluationError::Malformed(*number)),
            },
        }
    }
}

impl Scripts {
    /// Reads scripts. `defined` are variables with their texts, the last of a name counts.
    pub(crate) fn new(sources: &[Source], defined: &[(String, String)]) -> Result<Self, Error> {
        let mut names = Names::default();
        let client_id = names.set("client_id");
        let defined = defined.iter().map(|(name, text)| (names.set(name), text.clone())).collect();
        let mut uses = Vec::with_capacity(sources.len());
        let mut scripts = Vec::with_capacity(sources.len());
        for source in sources {
            scripts.push(commands::script(source, &mut names).map_err(|fault| Error::new(source, fault))?);
            uses.push(names.take_uses());
        }
        for (source, uses) in sources.iter().zip(uses) {
            if let Some((number, at)) = uses.into_iter().find(|(number, _)| !names.can_be_set(*number)) {
                return Err(Error::new(source, undefined(&names, number, at)));
            }
        }
        for script in &mut scripts {
            commands::resolve(script, &names);
        }
        Ok(Self { scripts, names, client_id, defined })
    }

    /// Whether a variable may be called this.
    pub(crate) fn is_name(text: &str) -> bool {
        token::is_name(text)
    }

    /// Returns the variables of a client as they are at first.
    pub(crate) fn variables(&self, client: u64) -> Variables {
        let mut variables = Variables::new(self.names.len());
        variables.set(self.client_id, Value::Integer(client.cast_signed()));
        for (number, text) in &self.defined {
            variables.set_text(*number, text);
        }
        variables
    }

    /// Says what is wrong with a step, and where.
    pub(crate) fn describe(&self, script: usize, stop: Stop) -> String {
        let what = match stop.error {
            EvaluationError::Undefined(number) => {
                format!("variable \"{}\" has no value yet", self.names.text(number))
            }
            EvaluationError::Malformed(number) => {
                format!("variable \"{}\" holds no number and no boolean", self.names.text(number))
            }
            other => other.to_string(),
        };
        format!("{}:{}: {what}", self.scripts[script].name, stop.line)
    }
}

fn undefined(names: &Names, number: usize, at: usize) -> Fault {
    let name = names.text(number);
    let fault = Fault::new(at, format!("undefined variable \"{name}\""));
    match nearest(name, names.of_set()) {
        Some(near) => fault.hint(format!("Did you mean `:{near}`?")),
        None => fault.hint(format!("Set it by `\\set {name} …` before, or with `-D {name}=VALUE`.")),
    }
}

/// What is wrong at a byte of a script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    at: usize,
    message: String,
    hint: Option<String>,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A script that cannot be run: what is wrong, where, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Error {
    name: String,
    line: usize,
    column: usize,
    message: String,
    pub(crate) hint: Option<String>,
}

impl Error {
    fn new(source: &Source, Fault { at, message, hint }: Fault) -> Self {
        let mut at = at.min(source.text.len());
        while !source.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &source.text[..at];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            name: source.name.clone(),
            line: line_of(&source.text, at),
            column: before[line_start..].chars().count() + 1,
            message,
            hint,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.name, self.line, self.column, self.message)
    }
}

impl std::error::Error for Error {}

/// Returns the line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Returns the name nearest to `wrong`, if it is a slip of the fingers.
fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    crate::yaml::nearest(wrong, known)
}
