//! A notation for text templates, and the template that fits a limit.
//!
//! Text stands for itself, `{…}` for a piece: `{city}` is a word of that list, `{city.lower}` and `{city.slug}` the same in
//! another style, `{lorem 3-8}` so many words, `{Lorem 3-8}` a sentence, `{#5}` digits, `{x32}` hexadecimal digits.
//! `{#7!}` and `{x32!}` hold the row's code where the text has to be unique, and `{-!}` is a code after `-` then, and
//! nothing otherwise. Alternatives, from the longest to the shortest, stand between `|`.

use super::words;
use crate::seed::make::{Piece, Template, WordStyle};

/// Characters of a code in base 36: 36^7 are 78 billion rows.
const CODE_LENGTH: u32 = 7;
/// 36^12 is the greatest power that an ordinal of 63 bits reaches.
pub(super) const MAX_CODE_LENGTH: u32 = 12;
/// Decimal digits of a code that has to look hexadecimal.
const HEX_CODE_LENGTH: u32 = 18;

/// Returns the first alternative that `max_length` characters hold, or else a word that may be cut.
pub(super) fn any(notation: &str, max_length: Option<u32>) -> Template {
    let fitting =
        alternatives(notation).find_map(|alternative| fitted(parsed(alternative, None), max_length));
    let pieces = fitting.unwrap_or_else(|| parsed("{word}", None));
    Template { pieces, max_length }
}

/// Returns the first alternative with a code that `max_length` characters hold and that has `n_needed` codes, or else a bare
/// code.
pub(super) fn unique(notation: &str, max_length: Option<u32>, n_needed: u64) -> Template {
    let n_digits = if n_needed <= 36_u64.pow(CODE_LENGTH) { CODE_LENGTH } else { MAX_CODE_LENGTH };
    let with_code = |alternative: &str| {
        let mut pieces = parsed(alternative, Some(n_digits));
        if !pieces.iter().any(|piece| n_codes(piece).is_some()) {
            let separator = if alternative.contains(' ') { " " } else { "-" };
            pieces.extend([Piece::Literal(separator.to_owned()), Piece::Code(n_digits)]);
        }
        let has_room = pieces.iter().filter_map(n_codes).any(|n| n >= n_needed);
        fitted(pieces, max_length).filter(|pieces| has_room && is_anchored(pieces))
    };
    let pieces = alternatives(notation).find_map(with_code).unwrap_or_else(|| {
        vec![Piece::Code(max_length.unwrap_or(MAX_CODE_LENGTH).clamp(1, MAX_CODE_LENGTH))]
    });
    Template { pieces, max_length }
}

/// Returns a JSON object with a piece in it, or an empty one where the limit is narrow.
pub(super) fn json(piece: Piece, max_length: Option<u32>) -> Template {
    let literal = |text: &str| Piece::Literal(text.to_owned());
    let pieces = vec![literal("{\"id\":\""), piece, literal("\"}")];
    let fits = max_length.is_none_or(|max| longest(&pieces) <= max);
    Template { pieces: if fits { pieces } else { vec![literal("{}")] }, max_length }
}

/// Returns the greatest number of characters that the pieces give.
pub(super) fn longest(pieces: &[Piece]) -> u32 {
    pieces.iter().map(|piece| lengths(piece).1).sum()
}

/// Returns how many texts the code of a piece tells apart.
fn n_codes(piece: &Piece) -> Option<u64> {
    match piece {
        Piece::Code(n) => Some(36_u64.saturating_pow(*n)),
        Piece::DecimalCode(n) => Some(10_u64.saturating_pow(*n)),
        _ => None,
    }
}

/// Whether the code is always at the same distance from an end of the text, so that different codes make different texts
/// whatever words are around.
fn is_anchored(pieces: &[Piece]) -> bool {
    let is_fixed = |piece: &Piece| {
        let (min, max) = lengths(piece);
        min == max
    };
    let is_code = |piece: &&Piece| n_codes(piece).is_some();
    pieces.iter().take_while(|piece| !is_code(piece)).all(is_fixed)
        || pieces.iter().rev().take_while(|piece| !is_code(piece)).all(is_fixed)
}

fn alternatives(notation: &str) -> impl Iterator<Item = &str> {
    notation.split('|')
}

/// Returns the least and the greatest number of characters.
fn lengths(piece: &Piece) -> (u32, u32) {
    let of_list = |list: &str| {
        let lengths = || words::list(list).iter().map(|word| u32::try_from(word.len()).unwrap_or(u32::MAX));
        (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0))
    };
    match piece {
        Piece::Literal(text) => {
            let n = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            (n, n)
        }
        Piece::Word { list, .. } => of_list(list),
        // A blank between words, and full stops after sentences, which have at least four words.
        Piece::Words { list, min, max, sentence } => {
            let (shortest, longest) = of_list(list);
            let n_stops = |n_words: u32| if *sentence { n_words.div_ceil(4) } else { 0 };
            (min * (shortest + 1) + n_stops(*min) - 1, max * (longest + 1) + n_stops(*max) - 1)
        }
        Piece::Digits(n) | Piece::Hex(n) | Piece::Code(n) | Piece::DecimalCode(n) => (*n, *n),
    }
}

/// Returns the pieces, with fewer words where that makes them fit.
fn fitted(mut pieces: Vec<Piece>, max_length: Option<u32>) -> Option<Vec<Piece>> {
    let Some(max_length) = max_length else { return Some(pieces) };
    while longest(&pieces) > max_length {
        let n_words = pieces.iter_mut().find_map(|piece| match piece {
            Piece::Words { min, max, .. } if *max > 1 => Some((min, max)),
            _ => None,
        });
        let (min, max) = n_words?;
        *max -= 1;
        *min = (*min).min(*max);
    }
    Some(pieces)
}

/// Returns the pieces of an alternative; with a code of so many digits where it has to be unique.
fn parsed(alternative: &str, n_digits: Option<u32>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = alternative;
    while let Some((text, (inner, after))) =
        rest.split_once('{').and_then(|(text, from)| Some((text, from.split_once('}')?)))
    {
        if !text.is_empty() {
            pieces.push(Piece::Literal(text.to_owned()));
        }
        pieces.extend(piece(inner, n_digits));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    pieces
}

fn piece(inner: &str, n_digits: Option<u32>) -> Vec<Piece> {
    let number = |text: &str| text.parse::<u32>().ok();
    let (body, has_code) = inner.strip_suffix('!').map_or((inner, false), |body| (body, true));
    let n_digits = n_digits.filter(|_| has_code);
    if let Some(n) = body.strip_prefix('#').and_then(number) {
        return vec![if n_digits.is_some() { Piece::DecimalCode(n) } else { Piece::Digits(n) }];
    }
    if let Some(n) = body.strip_prefix('x').and_then(number) {
        return match (n_digits, n.checked_sub(HEX_CODE_LENGTH)) {
            (None, _) => vec![Piece::Hex(n)],
            (Some(_), None | Some(0)) => vec![Piece::DecimalCode(n)],
            (Some(_), Some(n_free)) => vec![Piece::Hex(n_free), Piece::DecimalCode(HEX_CODE_LENGTH)],
        };
    }
    if has_code {
        let separator =
            Some(body).filter(|body| !body.is_empty()).map(|body| Piece::Literal(body.to_owned()));
        return n_digits.map_or_else(Vec::new, |n| separator.into_iter().chain([Piece::Code(n)]).collect());
    }
    if let Some((list, (min, max))) =
        body.split_once(' ').and_then(|(list, range)| Some((list, range.split_once('-')?)))
        && let (Some(min), Some(max)) = (number(min), number(max))
    {
        let sentence = list.starts_with(|first: char| first.is_ascii_uppercase());
        return vec![Piece::Words { list: list.to_ascii_lowercase(), min, max, sentence }];
    }
    let (list, style) = match body.split_once('.') {
        Some((list, "lower")) => (list, WordStyle::Lower),
        Some((list, _)) => (list, WordStyle::Slug),
        None => (body, WordStyle::AsIs),
    };
    vec![Piece::Word { list: list.to_owned(), style }]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes pieces as in the notation, with codes as `{*7}` and `{+7}`.
    fn written(template: &Template) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Word { list, style: WordStyle::AsIs } => format!("{{{list}}}"),
            Piece::Word { list, style } => format!("{{{list}.{style:?}}}"),
            Piece::Words { list, min, max, sentence } => format!("{{{list} {min}-{max} {sentence}}}"),
            Piece::Digits(n) => format!("{{#{n}}}"),
            Piece::Hex(n) => format!("{{x{n}}}"),
            Piece::Code(n) => format!("{{*{n}}}"),
            Piece::DecimalCode(n) => format!("{{+{n}}}"),
        };
        template.pieces.iter().map(piece).collect()
    }

    fn check(notation: &str, max_length: Option<u32>, expected_any: &str, expected_unique: &str) {
        assert_eq!(written(&any(notation, max_length)), expected_any);
        assert_eq!(written(&unique(notation, max_length, 1_000)), expected_unique);
    }

    #[test]
    fn reads_the_notation() {
        check("{city}", None, "{city}", "{city}-{*7}");
        check("a {city.slug}", None, "a {city.Slug}", "a {city.Slug} {*7}");
        check("{city.lower}{.!}@x.org", None, "{city.Lower}@x.org", "{city.Lower}.{*7}@x.org");
        check("SKU-{#7!}", None, "SKU-{#7}", "SKU-{+7}");
        check("{x32!}", None, "{x32}", "{x14}{+18}");
        check("{x8!}", None, "{x8}", "{+8}");
        check("{Lorem 3-8}", None, "{lorem 3-8 true}", "{lorem 3-8 true} {*7}");
    }

    #[test]
    fn keeps_to_the_limit() {
        check("{Lorem 3-8}", Some(64), "{lorem 3-4 true}", "{lorem 3-3 true} {*7}");
        check("{country}|{country_code}", Some(2), "{country_code}", "{*2}");
        check("{first_name} {last_name}", Some(10), "{word}", "{*10}");
        check("{#20!}", Some(5), "{word}", "{*5}");
    }

    #[test]
    fn takes_more_digits_where_rows_are_many() {
        assert_eq!(written(&unique("{word}", None, 1 << 40)), "{word}-{*12}");
        assert_eq!(written(&unique("{#4!}", None, 20_000)), "{*12}");
    }

    #[test]
    fn a_code_between_words_of_any_length_is_not_trusted() {
        assert_eq!(written(&unique("{city}{-!}{city}", None, 10)), "{*12}");
    }
}
