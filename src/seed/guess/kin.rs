//! Columns of a row that tell of one person or one place: they draw the same words.
//!
//! Such columns have one stream of random bits, and in it each list has bits of its own, whatever template it stands in. The
//! lists of places have a line for each place, and so agree where they draw with the same bits.

use super::lexicon::{self, Entries};
use crate::seed::schema::Relation;

/// What is said of a person.
const PERSON: &Entries<()> = &[(
    "first_name given_name forename fname last_name surname family_name lname full_name real_name display_name name username \
     user_name login handle screen_name email email_address mail e_mail",
    (),
)];
/// What is said of a place.
const PLACE: &Entries<()> = &[(
    "city town state province state_province county country country_name country_code zip zip_code postal_code postcode",
    (),
)];
const CITY: &Entries<()> = &[("city town", ())];
/// The looks of places where nothing else says which, and what they are for the place of a row.
const LOOKS: &[(&str, &str)] = &[
    ("{city}", "{place_city}"),
    ("{state}|{state_code}", "{place_state}|{place_state_code}"),
    ("{country}|{country_code}", "{place_country}|{place_country_code}"),
    ("{country_code}", "{place_country_code}"),
    ("{#5}|{#4}", "{place_zip}{#2}|{#4}"),
];
/// Lists that all columns of a stream draw from with the same bits, each with its own.
const LISTS: &[&[&str]] = &[
    &["first_name"],
    &["last_name"],
    &["place_city", "place_state", "place_state_code", "place_country", "place_country_code", "place_zip"],
];
/// The numbers of pieces end before this one.
const FIRST_NUMBER: u64 = 1 << 32;

/// Returns the name of the stream that a column shares with others of its table; `None` where it is alone.
pub(crate) fn stream(column: &str, relation: &Relation) -> Option<String> {
    let words = lexicon::tokens(column);
    if let Some(whose) = before(&words, PERSON) {
        return Some(format!("person {}", whose.concat()));
    }
    place(&words, relation).map(|whose| format!("place {whose}"))
}

/// Returns the look of a column for the place of its row, if the row has a city.
pub(super) fn look_of_place(look: &str, words: &[String], relation: &Relation) -> Option<&'static str> {
    place(words, relation)?;
    LOOKS.iter().find(|(any, _)| *any == look).map(|(_, placed)| *placed)
}

/// Returns which bits of a cell a list is drawn with, the same in all templates; `None` where its place in them decides.
pub(crate) fn number(list: &str) -> Option<u64> {
    let place = LISTS.iter().position(|lists| lists.contains(&list))?;
    Some(FIRST_NUMBER + place as u64)
}

/// Returns whose place a column tells of, if another column names the city.
fn place(words: &[String], relation: &Relation) -> Option<String> {
    let whose = before(words, PLACE)?;
    let is_city = |name: &str| {
        let tokens = lexicon::tokens(name);
        before(&tokens, CITY).is_some_and(|theirs| theirs == whose)
    };
    relation.fields.iter().any(|field| is_city(&field.name)).then(|| whose.concat())
}

/// Returns the words before the longest ending that is known: whose it is.
fn before<'w>(words: &'w [String], entries: &Entries<()>) -> Option<&'w [String]> {
    (0..words.len())
        .find(|&start| lexicon::exact(&words[start..].concat(), entries).is_some())
        .map(|n| &words[..n])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{relation, text_type};
    use super::*;

    fn check(columns: &str, expected: &[Option<&str>]) {
        let fields: Vec<_> = columns.split(' ').map(|name| (name, text_type(None))).collect();
        let relation = relation("t", &fields);
        let found: Vec<Option<String>> = fields.iter().map(|(name, _)| stream(name, &relation)).collect();
        assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), expected, "{columns}");
    }

    #[test]
    fn columns_of_one_person_share_a_stream() {
        check("first_name lastName email bio", &[Some("person "), Some("person "), Some("person "), None]);
        check("billing_name billing_email", &[Some("person billing"), Some("person billing")]);
        check("middle_name", &[Some("person middle")]);
    }

    #[test]
    fn columns_of_one_place_share_a_stream_where_the_city_is_known() {
        check("city zip country", &[Some("place "), Some("place "), Some("place ")]);
        check("city shipping_country", &[Some("place "), None]);
        check("country status", &[None, None]);
    }

    #[test]
    fn every_look_of_a_place_names_lists_that_agree() {
        for (_, placed) in LOOKS {
            let list = placed[1..].split('}').next().unwrap_or_default();
            assert_eq!(number(list), number("place_city"), "{placed}");
        }
        assert_ne!(number("first_name"), number("last_name"));
        assert_eq!(number("word"), None);
    }
}
