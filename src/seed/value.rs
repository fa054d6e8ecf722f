//! Values before they have a wire format, and the makers of single values.

use crate::random;

/// Microseconds of a day.
pub(super) const DAY_US: i64 = 86_400_000_000;

/// One column's value in one row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    /// Microseconds since the Unix epoch.
    Timestamp(i64),
    Text(String),
}

const FIRST_NAMES: [&str; 40] = [
    "Aaliyah", "Adam", "Amara", "Ana", "Arjun", "Astrid", "Bao", "Carlos", "Chiara", "Dmitri", "Elena",
    "Emeka", "Fatima", "Felix", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jamal", "Jun", "Kamala", "Kofi",
    "Lars", "Leila", "Luca", "Mai", "Marta", "Mateo", "Nadia", "Noor", "Olga", "Omar", "Priya", "Rosa",
    "Sami", "Sofia", "Tariq", "Yuki", "Zoe",
];

const LAST_NAMES: [&str; 40] = [
    "Abebe",
    "Ahmed",
    "Andersson",
    "Bauer",
    "Brown",
    "Chen",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fernandez",
    "Garcia",
    "Haddad",
    "Hansen",
    "Ito",
    "Ivanova",
    "Jones",
    "Kaya",
    "Khan",
    "Kim",
    "Kowalski",
    "Larsen",
    "Lopez",
    "Mensah",
    "Moreau",
    "Mueller",
    "Nguyen",
    "Novak",
    "Okafor",
    "Patel",
    "Petrov",
    "Rossi",
    "Santos",
    "Sato",
    "Schmidt",
    "Silva",
    "Singh",
    "Smith",
    "Tanaka",
    "Wang",
    "Weber",
];

/// Returns a name with an initial; about 41,600 different ones.
pub(super) fn person_name(bits: u64) -> String {
    let index =
        |i: u64, n: usize| usize::try_from(random::below(random::at(bits, i), n as u64)).expect("below n");
    let initial = char::from(b'A' + u8::try_from(index(1, 26)).expect("below 26"));
    format!(
        "{} {initial}. {}",
        FIRST_NAMES[index(0, FIRST_NAMES.len())],
        LAST_NAMES[index(2, LAST_NAMES.len())]
    )
}
