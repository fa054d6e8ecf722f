//! A statement whose parameters are replaced by what stands for them.

use std::ops::Range;

use super::placeholders;

/// A text with the places of its parameters, for many calls of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) text: String,
    /// With their numbers, from 0.
    places: Vec<(Range<usize>, usize)>,
}

impl Template {
    pub(crate) fn new(sql: &str) -> Self {
        Self { text: sql.to_owned(), places: placeholders(sql) }
    }

    /// Returns the text with something else in the place of each parameter.
    pub(crate) fn with(&self, mut instead: impl FnMut(usize) -> String) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut end = 0;
        for (place, number) in &self.places {
            text += &self.text[end..place.start];
            text += &instead(*number);
            end = place.end;
        }
        text + &self.text[end..]
    }

    /// Returns the text with constants in the place of parameters, by their numbers, and the others numbered anew in their
    /// order; beside it the numbers that those had.
    pub(crate) fn inlined<'c>(&self, constant: impl Fn(usize) -> Option<&'c str>) -> (String, Vec<usize>) {
        let mut kept: Vec<usize> = self.places.iter().map(|(_, number)| *number).collect();
        kept.sort_unstable();
        kept.dedup();
        kept.retain(|number| constant(*number).is_none());
        let text = self.with(|number| match constant(number) {
            Some(constant) => constant.to_owned(),
            None => format!("${}", kept.partition_point(|it| *it < number) + 1),
        });
        (text, kept)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn constants_stand_in_the_text_and_the_rest_is_numbered_anew() {
        let check = |sql: &str, constants: &[Option<&str>], expected: &str, kept: &[usize]| {
            let (text, numbers) = Template::new(sql).inlined(|number| *constants.get(number)?);
            assert_eq!((text.as_str(), numbers.as_slice()), (expected, kept), "{sql}");
        };
        check(
            "SELECT a FROM t WHERE b = $3 AND c = $2 AND d = $1 LIMIT $4",
            &[None, Some("'x'"), None, Some("5")],
            "SELECT a FROM t WHERE b = $2 AND c = 'x' AND d = $1 LIMIT 5",
            &[0, 2],
        );
        check("SELECT '$1', $1, $1", &[None], "SELECT '$1', $1, $1", &[0]);
        check("SELECT $2, $9", &[], "SELECT $1, $2", &[1, 8]);
        check("SELECT 1", &[Some("2")], "SELECT 1", &[]);
    }

    proptest! {
        #[test]
        fn bad_input_never_panics(sql in "[a-z0-9'$;\" -]{0,40}") {
            let _ = Template::new(&sql).inlined(|number| (number == 0).then_some("1"));
        }
    }
}
