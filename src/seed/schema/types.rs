//! Types as seeding sees them: through domains, with what their values need to be made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A row of `pg_type` with what belongs to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TypeFact {
    pub(crate) name: String,
    /// Whether it is in `pg_catalog`.
    pub(crate) is_builtin: bool,
    /// `typtype`: `b` base, `c` composite, `d` domain, `e` enum, `r` range, `m` multirange.
    pub(crate) kind: char,
    /// Whether COPY BINARY cannot read it: a base type without a receive function.
    pub(crate) has_no_binary: bool,
    /// The base of a domain, the element of an array, the subtype of a range, the range of a multirange.
    pub(crate) part: Option<u32>,
    /// Of a domain's base.
    pub(crate) modifier: i32,
    /// Of a domain, as its default and CHECKs are.
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    /// Names and definitions.
    pub(crate) checks: Vec<(String, String)>,
    pub(crate) labels: Vec<String>,
    /// Types and modifiers of a composite's attributes.
    pub(crate) attributes: Vec<(u32, i32)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Type {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    /// Minor units, as `lc_monetary` has them.
    Money,
    /// `None`: any number of digits.
    Numeric {
        precision: Option<u16>,
        scale: i16,
    },
    Text(TextType),
    Date,
    /// Digits after the second, 0 to 6.
    Time {
        precision: u8,
        with_zone: bool,
    },
    Timestamp {
        precision: u8,
        with_zone: bool,
    },
    Interval,
    Uuid,
    Inet,
    Cidr,
    MacAddr,
    MacAddr8,
    /// Bits; `bit(n)` or `varbit(n)`.
    Bit {
        n_bits: Option<u32>,
        varying: bool,
    },
    Bytea,
    PgLsn,
    Xml,
    Json,
    Jsonb,
    TsVector,
    Enum {
        labels: Vec<String>,
    },
    Array {
        of: Box<Type>,
        element_oid: u32,
    },
    /// The name of the range type decides nothing; of its subtype everything follows.
    Range {
        of: Box<Type>,
    },
    Multirange {
        of: Box<Type>,
    },
    Composite {
        attributes: Vec<(u32, Type)>,
    },
    /// Values come from the server: the type's name in `pg_type`, for which literals are known or not.
    Other {
        oid: u32,
        name: String,
    },
}

impl Type {
    pub(crate) fn is_range(&self) -> bool {
        matches!(self, Self::Range { .. })
    }
}

/// A text type and how many characters it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TextType {
    pub(crate) kind: TextKind,
    /// Characters; of `name` and `"char"` bytes.
    pub(crate) max_length: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TextKind {
    Text,
    Varchar,
    /// `char(n)`, blank-padded.
    Bpchar,
    Name,
    Citext,
    /// `"char"`, a single byte.
    Char,
}

/// Whether COPY BINARY cannot read a type, or something that its values hold.
pub(crate) fn has_no_binary(facts: &BTreeMap<u32, TypeFact>, oid: u32) -> bool {
    let Some(fact) = facts.get(&oid) else { return false };
    let parts = fact.part.into_iter().chain(fact.attributes.iter().map(|(oid, _)| *oid));
    fact.has_no_binary || parts.into_iter().any(|part| has_no_binary(facts, part))
}

impl Type {
    /// Returns the type of this OID; `modifier` is `atttypmod`, −1 for none.
    pub(crate) fn of(facts: &BTreeMap<u32, TypeFact>, oid: u32, modifier: i32) -> Self {
        let other = |name: &str| Self::Other { oid, name: name.to_owned() };
        let Some(fact) = facts.get(&oid) else { return other("unknown") };
        match (fact.kind, fact.part) {
            ('d', Some(base)) => Self::of(facts, base, fact.modifier),
            ('e', _) => Self::Enum { labels: fact.labels.clone() },
            ('r', Some(subtype)) => Self::Range { of: Box::new(Self::of(facts, subtype, -1)) },
            ('m', Some(range)) => match Self::of(facts, range, -1) {
                Self::Range { of } => Self::Multirange { of },
                _ => other(&fact.name),
            },
            ('c', _) => {
                let attribute = |(oid, modifier): &(u32, i32)| (*oid, Self::of(facts, *oid, *modifier));
                Self::Composite { attributes: fact.attributes.iter().map(attribute).collect() }
            }
            // The modifier of an array is that of its elements.
            ('b', Some(element)) => {
                Self::Array { of: Box::new(Self::of(facts, element, modifier)), element_oid: element }
            }
            _ if fact.is_builtin => builtin(&fact.name, modifier).unwrap_or_else(|| other(&fact.name)),
            // The extension's type, wherever it was created.
            _ if fact.name == "citext" => Self::Text(TextType { kind: TextKind::Citext, max_length: None }),
            _ => other(&fact.name),
        }
    }
}

/// `VARHDRSZ` of `c.h`, which the modifiers of `varchar`, `bpchar` and `numeric` are too large by.
const HEADER: i32 = 4;
/// `NAMEDATALEN - 1`, in bytes.
const NAME_LENGTH: u32 = 63;

fn builtin(name: &str, modifier: i32) -> Option<Type> {
    let text = |kind, max_length| Type::Text(TextType { kind, max_length });
    let length = u32::try_from(modifier.saturating_sub(HEADER)).ok();
    // Microseconds, unless fewer digits are asked for.
    let precision = u8::try_from(modifier).unwrap_or(6).min(6);
    Some(match name {
        "bool" => Type::Bool,
        "int2" => Type::Int2,
        "int4" => Type::Int4,
        "int8" => Type::Int8,
        "oid" => Type::Oid,
        "float4" => Type::Float4,
        "float8" => Type::Float8,
        "money" => Type::Money,
        "numeric" => numeric(modifier),
        "text" => text(TextKind::Text, None),
        "varchar" => text(TextKind::Varchar, length),
        "bpchar" => text(TextKind::Bpchar, length),
        "name" => text(TextKind::Name, Some(NAME_LENGTH)),
        "char" => text(TextKind::Char, Some(1)),
        "date" => Type::Date,
        "time" => Type::Time { precision, with_zone: false },
        "timetz" => Type::Time { precision, with_zone: true },
        "timestamp" => Type::Timestamp { precision, with_zone: false },
        "timestamptz" => Type::Timestamp { precision, with_zone: true },
        "interval" => Type::Interval,
        "uuid" => Type::Uuid,
        "inet" => Type::Inet,
        "cidr" => Type::Cidr,
        "macaddr" => Type::MacAddr,
        "macaddr8" => Type::MacAddr8,
        "bit" => Type::Bit { n_bits: u32::try_from(modifier).ok(), varying: false },
        "varbit" => Type::Bit { n_bits: u32::try_from(modifier).ok(), varying: true },
        "bytea" => Type::Bytea,
        "pg_lsn" => Type::PgLsn,
        "xml" => Type::Xml,
        "json" => Type::Json,
        "jsonb" => Type::Jsonb,
        "tsvector" => Type::TsVector,
        _ => return None,
    })
}

/// Takes a modifier of `numeric` apart (`make_numeric_typmod` of `numeric.c`): the scale is a signed number of eleven bits.
fn numeric(modifier: i32) -> Type {
    let packed = modifier.saturating_sub(HEADER);
    let Ok(precision) = u16::try_from(packed >> 16) else {
        return Type::Numeric { precision: None, scale: 0 };
    };
    let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
    Type::Numeric { precision: Some(precision), scale: i16::try_from(scale).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: u32 = 1;

    fn builtin_named(name: &str) -> TypeFact {
        TypeFact { name: name.to_owned(), is_builtin: true, kind: 'b', ..TypeFact::default() }
    }

    fn check(name: &str, modifier: i32, expected: &Type) {
        let facts = [(TYPE, builtin_named(name))].into();
        assert_eq!(Type::of(&facts, TYPE, modifier), *expected, "{name} {modifier}");
    }

    #[test]
    fn modifiers_are_read_as_the_server_packs_them() {
        let text = |kind, max_length| Type::Text(TextType { kind, max_length });
        check("varchar", 24, &text(TextKind::Varchar, Some(20)));
        check("varchar", -1, &text(TextKind::Varchar, None));
        check("bpchar", 5, &text(TextKind::Bpchar, Some(1)));
        check("name", -1, &text(TextKind::Name, Some(63)));
        // numeric(10,2), numeric(1000,1000), numeric(3,-2) and numeric.
        check("numeric", (10 << 16) + 2 + 4, &Type::Numeric { precision: Some(10), scale: 2 });
        check("numeric", (1000 << 16) + 1000 + 4, &Type::Numeric { precision: Some(1000), scale: 1000 });
        check("numeric", (3 << 16) + 0x7fe + 4, &Type::Numeric { precision: Some(3), scale: -2 });
        check("numeric", -1, &Type::Numeric { precision: None, scale: 0 });
        check("timestamptz", 0, &Type::Timestamp { precision: 0, with_zone: true });
        check("time", -1, &Type::Time { precision: 6, with_zone: false });
        check("bit", 4, &Type::Bit { n_bits: Some(4), varying: false });
        check("varbit", -1, &Type::Bit { n_bits: None, varying: true });
        check("point", -1, &Type::Other { oid: TYPE, name: "point".to_owned() });
    }

    #[test]
    fn types_are_made_of_types() {
        let made = |kind, part| TypeFact { kind, part, ..TypeFact::default() };
        let mine = |name: &str| TypeFact { is_builtin: false, ..builtin_named(name) };
        let facts: BTreeMap<u32, TypeFact> = [
            (TYPE, builtin_named("varchar")),
            (2, TypeFact { modifier: 9, ..made('d', Some(TYPE)) }),
            (3, made('b', Some(2))),
            (4, TypeFact { attributes: vec![(3, -1), (5, -1)], ..made('c', None) }),
            (5, TypeFact { labels: vec!["a".to_owned()], ..made('e', None) }),
            (6, builtin_named("int4")),
            (7, made('r', Some(6))),
            (8, made('m', Some(7))),
            (9, made('b', Some(TYPE))),
            (10, mine("citext")),
            // Somebody's own type of a known name.
            (11, mine("uuid")),
        ]
        .into();
        let of = |oid| Type::of(&facts, oid, -1);
        let five = Type::Text(TextType { kind: TextKind::Varchar, max_length: Some(5) });
        let array = Type::Array { of: Box::new(five.clone()), element_oid: 2 };
        let label = Type::Enum { labels: vec!["a".to_owned()] };
        assert_eq!(of(2), five);
        assert_eq!(of(3), array);
        assert_eq!(of(4), Type::Composite { attributes: vec![(3, array), (5, label)] });
        assert_eq!(of(7), Type::Range { of: Box::new(Type::Int4) });
        assert_eq!(of(8), Type::Multirange { of: Box::new(Type::Int4) });
        assert_eq!(Type::of(&facts, 9, 9), Type::Array { of: Box::new(five), element_oid: TYPE });
        assert_eq!(of(10), Type::Text(TextType { kind: TextKind::Citext, max_length: None }));
        assert_eq!(of(11), Type::Other { oid: 11, name: "uuid".to_owned() });
        assert_eq!(of(12), Type::Other { oid: 12, name: "unknown".to_owned() });
    }
}
