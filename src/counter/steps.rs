//! The single steps that make counters and take them away.

use super::backfill::{Due, Protocol};
use super::site::{QualifiedName, Site};
use crate::index::change::lock::Lock;

/// One step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    /// The table that is locked, or what is made.
    pub(crate) on: QualifiedName,
    /// The statements of one transaction, without semicolons; none where batches do the work.
    pub(crate) sql: Vec<String>,
    pub(crate) lock: Option<Lock>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    AddColumns,
    /// Makes a table that holds counters, or one of pending changes.
    CreateTable,
    /// Puts guards on the parent, with the table of pending changes that they write to.
    Guard,
    /// Makes the function with the triggers of the child.
    Install,
    /// Makes the triggers of a table that lacks some.
    Triggers,
    /// Replaces the function while nobody writes: who ran the old body has ended, and all others run the new one.
    Replace,
    SetDefault,
    /// Makes uncounted rows for all keys, in a table of the site's own.
    MakeRows(Box<Site>),
    /// Counts.
    Backfill {
        site: Box<Site>,
        due: Due,
        protocol: Protocol,
    },
    AddCheck,
    Validate,
    SetNotNull,
    DropCheck,
    /// Adds up what is pending until nothing is left; nobody adds to it any more.
    Fold(Box<Site>),
    DropTriggers,
    DropGuards,
    DropColumns,
    /// Takes the comment from columns that stay.
    Release,
    DropTable,
    DropFunction,
}

impl Action {
    /// What it does, in a few words.
    pub(crate) fn verb(&self) -> &'static str {
        match self {
            Self::AddColumns => "add column",
            Self::CreateTable => "create table",
            Self::Guard => "guard keys",
            Self::Install | Self::Triggers => "create triggers",
            Self::Replace => "replace function",
            Self::SetDefault => "set default",
            Self::MakeRows(_) => "make rows",
            Self::Backfill { .. } => "count",
            Self::AddCheck => "add check",
            Self::Validate => "validate check",
            Self::SetNotNull => "set not null",
            Self::DropCheck => "drop check",
            Self::Fold(_) => "fold",
            Self::DropTriggers => "drop triggers",
            Self::DropGuards => "drop guards",
            Self::DropColumns => "drop column",
            Self::Release => "release column",
            Self::DropTable => "drop table",
            Self::DropFunction => "drop function",
        }
    }
}
