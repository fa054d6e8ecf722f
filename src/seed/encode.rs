//! COPY BINARY (manual, "COPY", section "Binary Format").

use super::value::{DAY_US, Value};

/// The signature, flags and extension length that start a binary copy.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The field count that ends a binary copy.
pub(super) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();
/// The PostgreSQL epoch, 2000-01-01, in microseconds of the Unix epoch.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// The binary form that a column's type takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Int2,
    Int4,
    Int8,
    Timestamp,
    Date,
    Text,
}

impl Encoding {
    /// Returns the form of a type by its name in `pg_type`; `None` for types that cannot be made yet.
    pub(super) fn of(base_type: &str) -> Option<Self> {
        match base_type {
            "int2" => Some(Self::Int2),
            "int4" => Some(Self::Int4),
            "int8" => Some(Self::Int8),
            "timestamptz" | "timestamp" => Some(Self::Timestamp),
            "date" => Some(Self::Date),
            "text" | "varchar" | "bpchar" | "citext" => Some(Self::Text),
            _ => None,
        }
    }

    /// Whether a value of this kind can take this form.
    pub(super) fn accepts(self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Int(_) => matches!(self, Self::Int2 | Self::Int4 | Self::Int8 | Self::Text),
            Value::Timestamp(_) => matches!(self, Self::Timestamp | Self::Date),
            Value::Text(_) => self == Self::Text,
        }
    }

    /// The greatest integer that fits.
    pub(super) fn max_int(self) -> i64 {
        match self {
            Self::Int2 => i64::from(i16::MAX),
            Self::Int4 => i64::from(i32::MAX),
            _ => i64::MAX,
        }
    }
}

/// Appends one field. The value is of a kind that the encoding accepts.
pub(super) fn field(buffer: &mut Vec<u8>, encoding: Encoding, value: &Value) {
    match (value, encoding) {
        (Value::Null, _) => buffer.extend((-1_i32).to_be_bytes()),
        (Value::Int(n), Encoding::Int2) => {
            sized(buffer, &i16::try_from(*n).expect("checked when the seed was planned").to_be_bytes());
        }
        (Value::Int(n), Encoding::Int4) => {
            sized(buffer, &i32::try_from(*n).expect("checked when the seed was planned").to_be_bytes());
        }
        (Value::Int(n), Encoding::Text) => sized(buffer, n.to_string().as_bytes()),
        (Value::Int(n), _) => sized(buffer, &n.to_be_bytes()),
        (Value::Timestamp(us), Encoding::Date) => {
            let days = (us - POSTGRES_EPOCH_US).div_euclid(DAY_US);
            sized(buffer, &i32::try_from(days).expect("a date of our time").to_be_bytes());
        }
        (Value::Timestamp(us), _) => sized(buffer, &(us - POSTGRES_EPOCH_US).to_be_bytes()),
        (Value::Text(text), _) => sized(buffer, text.as_bytes()),
    }
}

fn sized(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend(i32::try_from(bytes.len()).expect("values are short").to_be_bytes());
    buffer.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(encoding: Encoding, value: &Value, expected: &[u8]) {
        let mut buffer = Vec::new();
        field(&mut buffer, encoding, value);
        assert_eq!(buffer, expected);
    }

    #[test]
    fn writes_the_manuals_forms() {
        check(Encoding::Int4, &Value::Int(258), &[0, 0, 0, 4, 0, 0, 1, 2]);
        check(Encoding::Text, &Value::Text("ab".into()), &[0, 0, 0, 2, b'a', b'b']);
        check(Encoding::Text, &Value::Int(7), &[0, 0, 0, 1, b'7']);
        check(Encoding::Int8, &Value::Null, &[255, 255, 255, 255]);
        check(
            Encoding::Timestamp,
            &Value::Timestamp(POSTGRES_EPOCH_US + 1),
            &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1],
        );
        check(Encoding::Date, &Value::Timestamp(POSTGRES_EPOCH_US - 1), &[0, 0, 0, 4, 255, 255, 255, 255]);
    }
}
