//! What a client asks for, until it is answered.

use std::sync::Arc;

use super::record::{Bound, Prepared, Rows, Sql};
use crate::trace::Protocol;

/// What an entry of the queue takes beside its texts.
const ENTRY_BYTES: usize = 160;

/// A request that is not answered.
pub(super) enum Pending {
    Parse {
        name: Box<[u8]>,
        prepared: Arc<Prepared>,
        before: Option<Arc<Prepared>>,
        started_at: u64,
    },
    Bind {
        portal: Option<Portal>,
        started_at: u64,
    },
    Describe(Option<Arc<Prepared>>),
    Close {
        name: Box<[u8]>,
        before: Option<Arc<Prepared>>,
    },
    Execute(Run),
    Query(Run),
    FunctionCall,
    /// Only matters to a COPY; see [`Conversation::copy_in`].
    CopyEnd,
    Sync,
}

/// A statement with its values.
#[derive(Clone)]
pub(super) struct Portal {
    pub(super) prepared: Arc<Prepared>,
    pub(super) bound: Arc<Bound>,
    pub(super) is_named_statement: bool,
    /// Whether some of its rows were asked for already.
    pub(super) is_begun: bool,
}

/// An execution that is asked for.
pub(super) struct Run {
    /// `None` when the client executes what was prepared out of sight.
    pub(super) sql: Option<Sql>,
    pub(super) bound: Option<Arc<Bound>>,
    pub(super) protocol: Protocol,
    pub(super) arrived_at: u64,
    pub(super) first_answer_at: Option<u64>,
    pub(super) result_bytes: u64,
    pub(super) n_data_rows: u64,
    /// Goes on with a portal.
    pub(super) is_rest: bool,
    pub(super) rows: Rows,
    pub(super) is_client_slow: bool,
}

impl Pending {
    /// About how much memory it holds.
    pub(super) fn n_bytes(&self) -> usize {
        ENTRY_BYTES
            + match self {
                Self::Parse { name, prepared, .. } => name.len() + prepared.text.len(),
                Self::Bind { portal: Some(portal), .. } => portal.bound.0.len(),
                Self::Close { name, .. } => name.len(),
                Self::Query(Run { sql: Some(Sql::Query { text, .. }), .. }) => text.len(),
                _ => 0,
            }
    }
}

impl Run {
    pub(super) fn new(
        sql: Option<Sql>,
        bound: Option<Arc<Bound>>,
        protocol: Protocol,
        arrived_at: u64,
    ) -> Self {
        Self {
            sql,
            bound,
            protocol,
            arrived_at,
            first_answer_at: None,
            result_bytes: 0,
            n_data_rows: 0,
            is_rest: false,
            rows: Rows::default(),
            is_client_slow: false,
        }
    }

    /// Returns the statement of a query message that has ended, and goes on with the next.
    pub(super) fn next_part(&mut self, now: u64) -> Self {
        let next = match &self.sql {
            Some(Sql::Query { text, part }) => Some(Sql::Query { text: text.clone(), part: part + 1 }),
            other => other.clone(),
        };
        std::mem::replace(self, Self::new(next, None, self.protocol, now))
    }
}

/// Cuts at the first zero byte.
pub(super) fn until_zero(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(zero) => (&bytes[..zero], &bytes[zero + 1..]),
        None => (bytes, &[]),
    }
}

pub(super) fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The number at the end of a command tag, as in `INSERT 0 5`.
pub(super) fn rows(tag: &[u8]) -> Option<u64> {
    let digits = tag.rsplit(|byte| *byte == b' ').next().filter(|digits| digits.len() < tag.len())?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
