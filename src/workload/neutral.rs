//! Values for parameters of which nothing is known but their type.

/// The type that the server gives a `$n`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ParameterType {
    /// Its name in `pg_type`, through domains: `int4`, `_text`.
    pub(crate) name: String,
    /// The labels of an enum, in its order.
    pub(crate) labels: Vec<String>,
}

impl ParameterType {
    /// Returns a value of the type, in text form.
    pub(super) fn neutral(&self) -> Option<String> {
        self.labels.first().cloned().or_else(|| neutral(&self.name))
    }
}

/// Returns a value of a type in text form; `None` for types that are not known. The name is that of `pg_type`, or what
/// `format_type` makes of it.
///
/// Never NULL: a comparison with NULL is false without a plan. Dates are today, which the server reads so that no clock is
/// read here.
pub(super) fn neutral(type_name: &str) -> Option<String> {
    if type_name.ends_with("[]") {
        return Some("{}".to_owned());
    }
    // Modifiers may stand in the middle, as in `timestamp(3) with time zone`.
    let (name, rest) = type_name.split_once('(').unwrap_or((type_name, ""));
    let zone = rest.split_once(')').map_or("", |(_, zone)| zone);
    let value = match format!("{name}{zone}").as_str() {
        "bool" | "boolean" => "true",
        "int2" | "smallint" | "int4" | "integer" | "int8" | "bigint" | "oid" | "xid" | "xid8" | "float4"
        | "real" | "float8" | "double precision" | "numeric" | "money" | "bit" | "varbit" | "bit varying" => {
            "0"
        }
        "text" | "varchar" | "character varying" | "bpchar" | "character" | "char" | "\"char\"" | "name"
        | "citext" | "unknown" | "tsvector" | "hstore" => "",
        "date" | "timestamp" | "timestamp without time zone" | "timestamptz" | "timestamp with time zone" => {
            "today"
        }
        "time" | "time without time zone" | "timetz" | "time with time zone" => "12:00",
        "interval" => "1 day",
        "uuid" => "00000000-0000-0000-0000-000000000000",
        // Multiranges and JSON are written alike when they are empty.
        "json" | "jsonb" | "int4multirange" | "int8multirange" | "nummultirange" | "tsmultirange"
        | "tstzmultirange" | "datemultirange" => "{}",
        "jsonpath" => "$",
        "tsquery" | "ltree" | "lquery" => "a",
        "bytea" => "\\x",
        "inet" | "cidr" => "0.0.0.0/32",
        "macaddr" => "00:00:00:00:00:00",
        "macaddr8" => "00:00:00:00:00:00:00:00",
        "xml" => "<a/>",
        "point" => "(0,0)",
        "box" | "lseg" => "(0,0),(0,0)",
        "circle" => "<(0,0),0>",
        "pg_lsn" => "0/0",
        "int4range" | "int8range" | "numrange" | "tsrange" | "tstzrange" | "daterange" => "empty",
        // An array's type is its element's with this before it.
        name if name.starts_with('_') => "{}",
        _ => return None,
    };
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enums_have_their_first_label_and_arrays_nothing_in_them() {
        let of = |name: &str, labels: &[&str]| {
            let labels = labels.iter().map(|&label| label.to_owned()).collect();
            ParameterType { name: name.to_owned(), labels }.neutral()
        };
        assert_eq!(of("mood", &["sad", "glad"]).as_deref(), Some("sad"));
        assert_eq!(of("_mood", &[]).as_deref(), Some("{}"));
        assert_eq!(of("int8", &[]).as_deref(), Some("0"));
        assert_eq!(of("mood", &[]), None);
    }

    #[test]
    fn knows_types_by_both_names() {
        for (type_name, expected) in [
            ("int8", "0"),
            ("bigint", "0"),
            ("numeric(10,2)", "0"),
            ("character varying(20)", ""),
            ("timestamp(3) with time zone", "today"),
            ("time without time zone", "12:00"),
            ("text[]", "{}"),
            ("numeric(10,2)[]", "{}"),
        ] {
            assert_eq!(neutral(type_name).as_deref(), Some(expected), "{type_name}");
        }
        assert_eq!(neutral("app.mood"), None);
    }
}
