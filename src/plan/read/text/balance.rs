//! Quotes and parentheses in expressions.

/// What a text leaves open. A doubled quote closes and opens again, which comes to the same.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Balance {
    depth: usize,
    quote: Option<u8>,
}

impl Balance {
    pub(super) fn after(mut self, text: &str) -> Self {
        text.bytes().for_each(|byte| self.step(byte));
        self
    }

    pub(super) fn step(&mut self, byte: u8) {
        match (self.quote, byte) {
            (Some(quote), _) if quote == byte => self.quote = None,
            (None, b'\'' | b'"') => self.quote = Some(byte),
            (None, b'(' | b'[') => self.depth += 1,
            (None, b')' | b']') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    pub(super) fn is_open(self) -> bool {
        self.depth > 0 || self.quote.is_some()
    }

    /// Whether the text ends within a literal.
    pub(super) fn is_in_literal(self) -> bool {
        self.quote == Some(b'\'')
    }
}
