//! Bytes to text: UTF-8 with or without a byte order mark, UTF-16 with one, and nothing that only terminals need.

use std::borrow::Cow;

use super::Error;

/// How files that hold no text begin, and what they are called.
const MAGIC: [(&[u8], &str); 10] = [
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"PK\x03\x04", "a zip file"),
    (b"\x89PNG", "a PNG image"),
    (b"%PDF", "a PDF file"),
    (b"\x7fELF", "a program"),
    (b"PGDMP", "a custom-format dump of pg_dump"),
    (b"{\\rtf", "an RTF document"),
];

/// Makes text of what was read. Bytes that are not UTF-8, as in logs of databases in other encodings, become U+FFFD.
pub(super) fn text(input: &[u8]) -> Result<Cow<'_, str>, Error> {
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| input.starts_with(magic)) {
        return Err(binary(1, 1, name));
    }
    let text = match input {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        _ => String::from_utf8_lossy(input),
    };
    if let Some(at) = text.find('\0') {
        let (line, column) = place(&text, at);
        return Err(binary(line, column, "binary data"));
    }
    Ok(without_terminal_codes(text))
}

/// Returns line and column of a byte, both from 1, the column in characters.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.bytes().filter(|byte| *byte == b'\n').count() + 1, before[start..].chars().count() + 1)
}

fn binary(line: usize, column: usize, name: &str) -> Error {
    Error::At {
        line,
        column,
        problem: format!("this looks like {name}, where the text of a plan or a server log was expected"),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Takes out colors, and makes spaces of the no-break spaces that web pages indent with.
fn without_terminal_codes(text: Cow<'_, str>) -> Cow<'_, str> {
    const ESCAPE: char = '\x1b';
    const NO_BREAK_SPACE: char = '\u{a0}';
    if !text.contains([ESCAPE, NO_BREAK_SPACE]) {
        return text;
    }
    let mut clean = String::with_capacity(text.len());
    let mut pieces = text.split(ESCAPE);
    clean.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        // ECMA-48: `[`, parameters, and one final byte from `@` to `~`.
        let end = piece.strip_prefix('[').and_then(|sequence| sequence.find(|c| ('@'..='~').contains(&c)));
        clean.push_str(end.map_or(piece, |end| &piece[end + 2..]));
    }
    Cow::Owned(clean.replace(NO_BREAK_SPACE, " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expected: Result<&str, &str>) {
        let actual = text(input).map_err(|error| error.to_string());
        assert_eq!(actual.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn decodes_unicode() {
        check(b"\xef\xbb\xbfSort", Ok("Sort"));
        check(b"\xff\xfeS\0o\0\xe9\0", Ok("So\u{e9}"));
        check(b"\xfe\xff\0S\0o", Ok("So"));
        check(b"caf\xe9", Ok("caf\u{fffd}"));
        check(b"", Ok(""));
    }

    #[test]
    fn drops_colors_and_keeps_indentation() {
        check(b"\x1b[1;32mSort\x1b[0m\x1b[K x", Ok("Sort x"));
        check("\u{a0}\u{a0}Filter".as_bytes(), Ok("  Filter"));
        check(b"\x1b\x1b[", Ok("["));
    }

    #[test]
    fn names_what_is_no_text() {
        check(
            b"\x1f\x8b\x08\0",
            Err(
                "line 1, column 1: this looks like a gzip file, where the text of a plan or a server log was expected",
            ),
        );
        check(
            b"ab\nc\0",
            Err(
                "line 2, column 2: this looks like binary data, where the text of a plan or a server log was expected",
            ),
        );
    }
}
