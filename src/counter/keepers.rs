//! Whether triggers that somebody else has made keep a column right.

/// A trigger of the counted table whose function, or arguments, name the column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keeper {
    /// What it fires for, of [`EVENTS`].
    pub(crate) events: Vec<String>,
}

/// What changes a count.
const EVENTS: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"];

/// What nothing in the database does for a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Gap {
    #[error(
        "no trigger of {child} names column \"{column}\": if the application keeps it, then in the transaction of each change and by \
         adding to it, else it drifts"
    )]
    NoKeeper { child: String, column: String },
    #[error("no trigger keeps column \"{column}\" at {event} of {child}: it will drift")]
    Event { child: String, column: String, event: &'static str },
}

/// Returns what is missing for a column to stay right. That of TRUNCATE is seldom written, and is told of alike.
pub(crate) fn gaps(child: &str, column: &str, keepers: &[Keeper]) -> Vec<Gap> {
    let (child, column) = (child.to_owned(), column.to_owned());
    if keepers.is_empty() {
        return vec![Gap::NoKeeper { child, column }];
    }
    let is_missing =
        |event: &&'static str| !keepers.iter().any(|keeper| keeper.events.iter().any(|it| it == event));
    let missing = EVENTS.into_iter().filter(is_missing);
    missing.map(|event| Gap::Event { child: child.clone(), column: column.clone(), event }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_needs_a_keeper() {
        let check = |keepers: &[Keeper], expected: &[&str]| {
            let gaps: Vec<String> = gaps("app.c", "n", keepers).iter().map(ToString::to_string).collect();
            assert_eq!(gaps.len(), expected.len(), "{gaps:?}");
            assert!(gaps.iter().zip(expected).all(|(gap, word)| gap.contains(word)), "{gaps:?}");
        };
        let keeper = |events: &[&str]| Keeper { events: events.iter().map(|&it| it.to_owned()).collect() };
        let rows = keeper(&["INSERT", "DELETE"]);
        check(&[], &["if the application keeps it"]);
        check(std::slice::from_ref(&rows), &["UPDATE", "TRUNCATE"]);
        let rest = keeper(&["UPDATE", "TRUNCATE"]);
        check(&[rows, rest], &[]);
    }
}
