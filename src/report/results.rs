//! What was checked and what is wrong with it, for the formats that CI systems read: JUnit XML and SARIF.

/// Cases that belong together, as those of one statement or one table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Suite {
    pub(crate) name: String,
    pub(crate) cases: Vec<Case>,
}

/// One thing that was checked, with or without a problem.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Case {
    /// Unique in its suite, and the same from run to run.
    pub(crate) name: String,
    pub(crate) time_ms: Option<f64>,
    pub(crate) problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    /// The rule's name, as users write it.
    pub(crate) rule: String,
    pub(crate) level: Level,
    /// One line.
    pub(crate) message: String,
    /// More lines, such as what changed since the case was good.
    pub(crate) detail: Option<String>,
    pub(crate) place: Option<Place>,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The case fails.
    Error,
    Warning,
    Note,
}

/// Where a problem can be dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// As it was given to perfkit: relative to the working directory, or absolute.
    pub(crate) path: String,
    /// From 1; `None` for the file as a whole.
    pub(crate) line: Option<usize>,
}

impl Case {
    pub(crate) fn has_failed(&self) -> bool {
        self.problems.iter().any(|problem| problem.level == Level::Error)
    }
}
