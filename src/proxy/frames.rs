//! Finds the messages in one direction of a session's bytes, which come in pieces of any size. Nothing is copied but the
//! bodies of messages that lie in two pieces.

/// Bytes of a message's tag and length.
const HEADER_BYTES: usize = 5;
/// No body is kept beyond this; what follows is counted only.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) tag: u8,
    /// The body, or its beginning; empty when it is not kept.
    pub(super) body: &'a [u8],
    /// The length of the whole body.
    pub(super) n_bytes: usize,
}

/// A length below that of the length itself: these are no messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte stream is not of PostgreSQL's protocol")]
pub(super) struct Garbage;

/// The place in a stream of messages.
#[derive(Default)]
pub(super) struct Frames {
    header: [u8; HEADER_BYTES],
    n_header: usize,
    /// Whether a message's header is read and its body is not.
    is_within: bool,
    /// Bytes of the whole body, and those still to come.
    n_body: usize,
    n_left: usize,
    body: Vec<u8>,
}

impl Frames {
    /// Takes bytes off `input` up to the end of the next message; `None` once all are taken.
    #[inline]
    pub(super) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        is_kept: impl Fn(u8) -> bool,
    ) -> Result<Option<Frame<'a>>, Garbage> {
        if !self.is_within {
            if self.n_header == 0
                && let Some((header, rest)) = input.split_first_chunk::<HEADER_BYTES>()
            {
                let n_bytes = body_bytes(*header)?;
                if let Some((body, after)) = rest.split_at_checked(n_bytes) {
                    *input = after;
                    let n_kept = if is_kept(header[0]) { n_bytes.min(MAX_BODY_BYTES) } else { 0 };
                    return Ok(Some(Frame { tag: header[0], body: &body[..n_kept], n_bytes }));
                }
            }
            let n = (HEADER_BYTES - self.n_header).min(input.len());
            let (part, rest) = input.split_at(n);
            self.header[self.n_header..self.n_header + n].copy_from_slice(part);
            self.n_header += n;
            *input = rest;
            if self.n_header < HEADER_BYTES {
                return Ok(None);
            }
            self.n_body = body_bytes(self.header)?;
            self.n_left = self.n_body;
            self.is_within = true;
            self.body.clear();
        }
        let (part, rest) = input.split_at(self.n_left.min(input.len()));
        *input = rest;
        self.n_left -= part.len();
        if is_kept(self.header[0]) {
            let n_kept = part.len().min(MAX_BODY_BYTES - self.body.len());
            self.body.extend_from_slice(&part[..n_kept]);
        }
        if self.n_left > 0 {
            return Ok(None);
        }
        self.is_within = false;
        self.n_header = 0;
        Ok(Some(Frame { tag: self.header[0], body: &self.body, n_bytes: self.n_body }))
    }
}

fn body_bytes([_, length @ ..]: [u8; HEADER_BYTES]) -> Result<usize, Garbage> {
    // The length counts itself.
    let length = u32::try_from(i32::from_be_bytes(length)).map_err(|_| Garbage)?;
    usize::try_from(length).ok().and_then(|length| length.checked_sub(4)).ok_or(Garbage)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message of either side.
    pub(in crate::proxy) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len() + 4).unwrap();
        [&[tag], &length.to_be_bytes()[..], body].concat()
    }

    /// What is found in pieces of a stream: tag, body and length of each message.
    fn found(pieces: &[&[u8]]) -> Result<Vec<(u8, Vec<u8>, usize)>, Garbage> {
        let mut frames = Frames::default();
        let mut all = Vec::new();
        for piece in pieces {
            let mut piece = *piece;
            while let Some(frame) = frames.next(&mut piece, |tag| tag != b'D')? {
                all.push((frame.tag, frame.body.to_vec(), frame.n_bytes));
            }
            assert!(piece.is_empty());
        }
        Ok(all)
    }

    #[test]
    fn long_bodies_are_counted_and_cut() {
        let long = vec![7; MAX_BODY_BYTES + 3];
        let stream = [message(b'D', &long), message(b'd', &long), message(b'Z', b"I")].concat();
        let expected = vec![
            (b'D', vec![], long.len()),
            (b'd', vec![7; MAX_BODY_BYTES], long.len()),
            (b'Z', b"I".to_vec(), 1),
        ];
        assert_eq!(found(&[&stream]).unwrap(), expected);
        assert_eq!(found(&stream.chunks(1000).collect::<Vec<_>>()).unwrap(), expected);
    }

    #[test]
    fn refuses_what_is_no_message() {
        assert_eq!(found(&[b"Z\0\0\0\x03"]), Err(Garbage));
        assert_eq!(found(&[b"GET / HT", b"TP/1.1"]).unwrap(), vec![]);
        assert_eq!(found(&[b"Z\xff\xff\xff", b"\xff"]), Err(Garbage));
    }

    proptest! {
        #[test]
        fn pieces_say_the_same(
            messages in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            cuts in prop::collection::vec(0usize..300, 0..12),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|(tag, body)| message(*tag, body)).collect();
            let whole = found(&[&stream]).unwrap();
            let expected: Vec<(u8, usize)> = messages.iter().map(|(tag, body)| (*tag, body.len())).collect();
            prop_assert_eq!(whole.iter().map(|(tag, _, n)| (*tag, *n)).collect::<Vec<_>>(), expected);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            prop_assert_eq!(found(&pieces).unwrap(), whole);
        }

        #[test]
        fn no_bytes_panic(pieces: Vec<Vec<u8>>) {
            drop(found(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        }
    }
}
