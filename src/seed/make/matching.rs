//! Texts that match patterns, by their number: prepared once, kept in a plan as what they must match.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::seed::condition::domain::TextDomain;
use crate::seed::condition::pattern::Texts;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "TextDomain", into = "TextDomain")]
pub(crate) struct Matching {
    domain: TextDomain,
    texts: Arc<Texts>,
}

impl Matching {
    /// `None` where the patterns are not understood, or no text matches them.
    pub(crate) fn new(domain: &TextDomain) -> Option<Self> {
        let texts = Texts::new(domain).filter(|texts| texts.size() > 0)?;
        Some(Self { domain: domain.clone(), texts: Arc::new(texts) })
    }

    pub(crate) fn n(&self) -> u64 {
        self.texts.size()
    }

    pub(super) fn append(&self, i: u64, bytes: &mut Vec<u8>) {
        bytes.extend(self.texts.nth(i % self.n()).unwrap_or_default().into_bytes());
    }
}

impl PartialEq for Matching {
    fn eq(&self, other: &Self) -> bool {
        self.domain == other.domain
    }
}

impl From<Matching> for TextDomain {
    fn from(matching: Matching) -> Self {
        matching.domain
    }
}

impl TryFrom<TextDomain> for Matching {
    type Error = &'static str;

    fn try_from(domain: TextDomain) -> Result<Self, Self::Error> {
        Self::new(&domain).ok_or("no text matches these patterns")
    }
}
