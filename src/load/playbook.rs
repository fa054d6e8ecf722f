//! The statements of scripts as the messages that a server is sent.

use std::io;
use std::ops::Range;

use bytes::{BufMut as _, BytesMut};
use postgres_protocol::message::frontend;

use super::request::{Protocol, bind, framed};
use crate::bench::script::{EvaluationError, QuotedVariable, Results, Script, Scripts, Variables};

/// Scripts that are ready to be run.
pub(crate) struct Playbook {
    pub(crate) scripts: Scripts,
    protocol: Protocol,
    /// Those of all scripts.
    statements: Vec<Prepared>,
    /// The number of each script's first statement.
    firsts: Vec<usize>,
}

/// A statement of a script that is ready to be sent.
struct Prepared {
    name: String,
    line: usize,
    text: String,
    /// What the server knows it as; empty when it is parsed every time.
    handle: String,
    /// What its parameters hold; for the simple protocol with the places in the text.
    variables: Vec<usize>,
    places: Vec<Range<usize>>,
    results: Results,
}

/// Whether the server has a statement prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PreparedState {
    No,
    Yes,
    /// It was asked to in a pipeline, and has not said yet.
    Sent,
    /// It may have it, but not for sure.
    Unknown,
}

/// A script that this protocol cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsuited {
    #[error("{script}:{line}: variable {name} stands within quotes, where the protocol takes no parameter")]
    Quoted { script: String, line: usize, name: String },
    #[error("{script}: the simple protocol has no pipelines")]
    Pipeline { script: String },
}

impl Playbook {
    pub(crate) fn new(scripts: Scripts, protocol: Protocol) -> Result<Self, Unsuited> {
        let mut this = Self { protocol, statements: Vec::new(), firsts: Vec::new(), scripts };
        for script in &this.scripts.scripts {
            if protocol == Protocol::Simple && script.has_pipeline() {
                return Err(Unsuited::Pipeline { script: script.name.clone() });
            }
            this.firsts.push(this.statements.len());
            for statement in &script.statements {
                let (text, variables, places) =
                    if protocol == Protocol::Simple {
                        let places = statement.places.iter();
                        let (places, variables) =
                            places.map(|place| (place.range.clone(), place.variable)).unzip();
                        (statement.sql.clone(), variables, places)
                    } else {
                        let (text, variables) =
                            statement.with_parameters().map_err(|QuotedVariable { name }| {
                                Unsuited::Quoted { script: script.name.clone(), line: statement.line, name }
                            })?;
                        (text, variables, Vec::new())
                    };
                let number = this.statements.len();
                let handle =
                    if protocol == Protocol::Prepared { format!("perfkit_{number}") } else { String::new() };
                this.statements.push(Prepared {
                    name: format!("{}:{}", script.name, statement.line),
                    line: statement.line,
                    text,
                    handle,
                    variables,
                    places,
                    results: statement.results.clone(),
                });
            }
        }
        Ok(this)
    }

    /// The names of scripts.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.scripts.scripts.iter().map(|script| script.name.as_str())
    }

    /// The names of all statements.
    pub(super) fn statement_names(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().map(|statement| statement.name.as_str())
    }

    pub(super) fn n_statements(&self) -> usize {
        self.statements.len()
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn script(&self, number: usize) -> &Script {
        &self.scripts.scripts[number]
    }

    /// Returns the number of a script's statement among those of all scripts.
    pub(super) fn number(&self, script: usize, statement: usize) -> usize {
        self.firsts[script] + statement
    }

    pub(super) fn results(&self, number: usize) -> &Results {
        &self.statements[number].results
    }

    pub(super) fn line(&self, number: usize) -> usize {
        self.statements[number].line
    }

    /// Says whether all variables of a statement have values.
    pub(super) fn check(&self, number: usize, variables: &Variables) -> Result<(), EvaluationError> {
        variables.check(self.statements[number].variables.iter().copied())
    }

    /// Appends all that runs a statement once, but for what ends an answer of the extended protocol (Sync).
    pub(super) fn write(
        &self,
        number: usize,
        variables: &Variables,
        prepared: PreparedState,
        out: &mut BytesMut,
    ) -> io::Result<()> {
        let statement = &self.statements[number];
        if self.protocol == Protocol::Simple {
            return statement.write_simple(variables, out);
        }
        if prepared == PreparedState::Unknown {
            // It is no error to close what is not there.
            frontend::close(b'S', &statement.handle, out)?;
        }
        if matches!(prepared, PreparedState::No | PreparedState::Unknown) {
            frontend::parse(&statement.handle, &statement.text, [], out)?;
        }
        let value = |variable: &usize, out: &mut BytesMut| variables.write(*variable, out);
        bind(&statement.handle, [], &statement.variables, value, &[], out)?;
        if statement.results != Results::Dropped {
            frontend::describe(b'P', "", out)?;
        }
        frontend::execute("", 0, out)
    }
}

impl Prepared {
    /// Appends the statement as one text. As with pgbench, values are put in as they are: a script may make up any part of a
    /// statement.
    fn write_simple(&self, variables: &Variables, out: &mut BytesMut) -> io::Result<()> {
        framed(out, |out| {
            let mut start = 0;
            for (place, variable) in self.places.iter().zip(&self.variables) {
                out.put_slice(&self.text.as_bytes()[start..place.start]);
                start = place.end;
                if !variables.write(*variable, out) {
                    out.put_slice(b"NULL");
                }
            }
            out.put_slice(&self.text.as_bytes()[start..]);
        })
    }
}
