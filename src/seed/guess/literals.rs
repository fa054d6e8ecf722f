//! Values of types that perfkit cannot wire itself, as the text that their input functions read: the server makes the images.

use std::collections::HashSet;

use crate::seed::schema::types::Type;

/// Returns different literals of a type, about `n` of them; the server says which of them it takes. `type_name` is as
/// `format_type` writes it: its modifiers say what some types may be.
pub(crate) fn literals(ty: &Type, type_name: &str, n: usize) -> Vec<String> {
    let modifiers = modifiers(type_name);
    // The domain of `earthdistance` is a known one, over `cube`.
    let is_earth = type_name.rsplit('.').next() == Some("earth");
    let of = |i: usize| if is_earth { vec![on_earth(i)] } else { literal(ty, &modifiers, i) };
    let mut seen = HashSet::new();
    (0..n).flat_map(of).filter(|literal| seen.insert(literal.clone())).collect()
}

/// What stands in the parentheses of a type's name: `vector(3)`, `geometry(Point,4326)`.
fn modifiers(type_name: &str) -> Vec<String> {
    let inside =
        type_name.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inside, _)| inside);
    inside.into_iter().flat_map(|inside| inside.split(',')).map(|it| it.trim().to_lowercase()).collect()
}

/// A point as far from the centre as `earth()` says, for which no sine is needed.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn on_earth(i: usize) -> String {
    const RADIUS_M: f64 = 6_378_168.0;
    let on_circle = |t: f64| ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
    let (along, up) = on_circle((i * 7_919 % 1_999) as f64 / 1_000.0 - 1.0);
    let (x, y) = on_circle((i * 104_729 % 19_993) as f64 / 1_000.0 - 10.0);
    format!("({:.4}, {:.4}, {:.4})", RADIUS_M * along * x, RADIUS_M * along * y, RADIUS_M * up)
}

/// The literals of a number: most types have one, of some not all may be right.
fn literal(ty: &Type, modifiers: &[String], i: usize) -> Vec<String> {
    let low = |ty: &Type| literal(ty, &[], i);
    let next = |ty: &Type| literal(ty, &[], i + 1);
    match ty {
        Type::Array { of, .. } => {
            let elements: Vec<String> =
                (0..=i % 3).flat_map(|more| literal(of, modifiers, i + more).into_iter().take(1)).collect();
            let elements: Vec<String> = elements.iter().map(|element| quoted(element)).collect();
            vec![format!("{{{}}}", elements.join(","))]
        }
        Type::Range { of } => ranges(&low(of), &next(of)),
        Type::Multirange { of } => {
            ranges(&low(of), &next(of)).into_iter().map(|range| format!("{{{range}}}")).collect()
        }
        Type::Composite { attributes } => {
            let fields =
                attributes.iter().map(|(_, ty)| low(ty).first().map_or_else(String::new, |it| quoted(it)));
            vec![format!("({})", fields.collect::<Vec<_>>().join(","))]
        }
        Type::Enum { labels } => labels.get(i % labels.len().max(1)).cloned().into_iter().collect(),
        Type::Other { name, .. } => of_name(name, modifiers, i),
        _ => vec![plain(ty, i)],
    }
}

/// As an element of an array or a composite.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Which bound is the lower one only the server knows.
fn ranges(some: &[String], others: &[String]) -> Vec<String> {
    let pairs = some.iter().zip(others);
    pairs
        .flat_map(|(one, other)| [(one, other), (other, one)])
        .map(|(low, high)| format!("[{},{})", quoted(low), quoted(high)))
        .collect()
}

/// Parts of the types above that perfkit could wire.
fn plain(ty: &Type, i: usize) -> String {
    match ty {
        Type::Bool => i.is_multiple_of(2).to_string(),
        Type::Date => format!("{}-{:02}-{:02}", 2020 + i / 336 % 100, i / 28 % 12 + 1, i % 28 + 1),
        Type::Time { .. } => format!("{:02}:{:02}", i / 60 % 24, i % 60),
        Type::Timestamp { .. } => {
            format!("{}-01-{:02} {:02}:00", 2020 + i / 672 % 100, i / 24 % 28 + 1, i % 24)
        }
        Type::Interval => format!("{} hours", i + 1),
        Type::Float4 | Type::Float8 | Type::Numeric { .. } => format!("{}.5", i % 100_000),
        Type::Uuid => format!("{i:08x}-0000-4000-8000-000000000000"),
        Type::Inet | Type::Cidr => address(i),
        Type::MacAddr => format!("02:00:00:00:{:02x}:{:02x}", i / 256 % 256, i % 256),
        Type::MacAddr8 => format!("02:00:00:ff:fe:00:{:02x}:{:02x}", i / 256 % 256, i % 256),
        Type::Bit { n_bits, varying } => {
            let n_bits = n_bits.map_or(if *varying { 8 } else { 1 }, |n| usize::try_from(n).unwrap_or(8));
            (0..n_bits).map(|bit| if bit < 64 && i >> bit & 1 == 1 { '1' } else { '0' }).collect()
        }
        Type::Bytea => format!("\\x{i:08x}"),
        Type::PgLsn => format!("0/{:X}", 8 * i),
        Type::Xml => format!("<item>{i}</item>"),
        Type::Json | Type::Jsonb => format!("{{\"{}\": {i}}}", word(i)),
        Type::TsVector => format!("{}:1 {}:2", word(i), word(i + 1)),
        Type::Text(_) => numbered(i),
        _ => (i % 30_000).to_string(),
    }
}

const WORDS: [&str; 16] = [
    "alpha", "bravo", "cedar", "delta", "ember", "flint", "grove", "harbor", "iris", "juniper", "kite",
    "lumen", "maple", "north", "onyx", "pine",
];

fn word(i: usize) -> &'static str {
    WORDS[i % WORDS.len()]
}

/// A word of its own for each number.
fn numbered(i: usize) -> String {
    match i / WORDS.len() {
        0 => word(i).to_owned(),
        round => format!("{}{round}", word(i)),
    }
}

fn address(i: usize) -> String {
    format!("10.{}.{}.{}", i / 65_536 % 256, i / 256 % 256, i % 256)
}

/// A number of its own with two decimals, spread by a step that has no common divisor with the bound.
fn spread(i: usize, factor: usize, bound: usize) -> String {
    let n = i * factor % bound;
    format!("{}.{:02}", n / 100, n % 100)
}

fn of_name(name: &str, modifiers: &[String], i: usize) -> Vec<String> {
    let (first, second) = (numbered(i), word(i + 5));
    let (x, y) = (spread(i, 7919, 17_999), spread(i, 104_729, 8_999));
    let (right, top) = (spread(i + 1, 7919, 17_999), spread(i, 104_729, 8_999) + "5");
    let number = |at: usize| modifiers.get(at).and_then(|it| it.parse::<usize>().ok());
    let one = match name {
        "hstore" => format!("\"{first}\"=>\"{}\", \"{second}\"=>\"{}\"", i + 1, i % 7),
        // Paths of numbers: where labels are keys, triggers read them as such.
        "ltree" => match i % 3 {
            0 => format!("{}", i + 1),
            1 => format!("{}.{}", i / 3 + 1, i + 1),
            _ => format!("{}.{i}.{}", i / 3 + 1, i + 1),
        },
        "lquery" => format!("*.{first}.*"),
        "ltxtquery" => format!("{first} & {second}"),
        "cube" if i.is_multiple_of(2) => format!("({x},{y},{})", i % 10),
        "cube" => format!("({x},{y},{}),({right},{top},{})", i % 10, i % 10 + 1),
        "seg" => format!("{x} .. {}", spread(i, 7919, 17_999) + "9"),
        "point" => format!("({x},{y})"),
        "line" => format!("{{{},-1,{y}}}", i % 50 + 1),
        "lseg" => format!("[({x},{y}),({right},{top})]"),
        "box" => format!("(({x},{y}),({right},{top}))"),
        "path" => format!("[({x},{y}),({right},{top}),({right},{y})]"),
        "polygon" => format!("(({x},{y}),({right},{top}),({right},{y}))"),
        "circle" => format!("<({x},{y}),{}>", i % 20 + 1),
        "geometry" | "geography" => spatial(modifiers, [&x, &y, &right, &top]),
        "raster" | "gtsvector" => return Vec::new(),
        "vector" | "halfvec" => {
            let cells = (0..number(0).unwrap_or(3)).map(|at| spread(i + at, 37 + at, 97));
            format!("[{}]", cells.collect::<Vec<_>>().join(","))
        }
        "sparsevec" => {
            let n = number(0).unwrap_or(3).max(1);
            format!("{{{}:{}.5}}/{n}", i % n + 1, i)
        }
        "tsquery" => format!("'{first}' & '{second}'"),
        "jsonpath" => format!("$.{first}[*].{second}"),
        "txid_snapshot" | "pg_snapshot" => format!("{}:{}:{}", i + 10, i + 13, i + 11),
        "xid" | "cid" | "xid8" => (i + 3).to_string(),
        "tid" => format!("({},{})", i / 100, i % 100 + 1),
        "refcursor" => first,
        "int2vector" | "oidvector" => format!("{} {}", i % 1_000, i % 7 + 1),
        "aclitem" => "=r/pg_read_all_data".to_owned(),
        "query_int" => format!("{}&({}|{})", i, i + 1, i + 2),
        "regclass" => {
            return pick(i, &["pg_class", "pg_type", "pg_proc", "pg_index", "pg_attribute", "pg_namespace"]);
        }
        "regtype" => {
            return pick(i, &["integer", "text", "boolean", "uuid", "date", "jsonb", "numeric", "bytea"]);
        }
        "regproc" => {
            return pick(i, &["now", "pg_backend_pid", "pg_postmaster_start_time", "clock_timestamp"]);
        }
        "regprocedure" => {
            return pick(i, &["now()", "lower(text)", "upper(text)", "abs(integer)", "md5(text)"]);
        }
        "regoper" => return pick(i, &["pg_catalog.||/", "pg_catalog.|/", "pg_catalog.!~~*"]),
        "regoperator" => {
            return pick(i, &["+(integer,integer)", "=(text,text)", "<(date,date)", "||(text,text)"]);
        }
        "regrole" => {
            return pick(i, &["pg_monitor", "pg_read_all_data", "pg_write_all_data", "pg_signal_backend"]);
        }
        "regnamespace" => return pick(i, &["pg_catalog", "information_schema", "public"]),
        "regconfig" => return pick(i, &["simple", "english", "german", "french", "spanish", "russian"]),
        "regdictionary" => return pick(i, &["simple", "english_stem", "german_stem", "french_stem"]),
        "regcollation" => return pick(i, &["\"C\"", "\"POSIX\"", "\"default\""]),
        // The server works the check digit out.
        "isbn" => format!("{:09}?", 39_304_000 + i),
        "isbn13" => format!("978{:09}?", 39_304_000 + i),
        "issn" => format!("{:07}?", 1_234_000 + i),
        "issn13" => format!("977{:07}00?", 1_234_000 + i),
        "ismn" => format!("M{:08}?", i + 1),
        "ismn13" => format!("9790{:08}?", i + 1),
        "ean13" => format!("{:012}?", 400_638_133_000 + i),
        "upc" => format!("{:011}?", 12_345_678_000 + i),
        "semver" | "debversion" => format!("{}.{}.{}", i / 20 + 1, i / 4 % 5, i % 4),
        "ip4" | "ipaddress" => address(i),
        "ip4r" | "iprange" => format!("{}/32", address(i)),
        "ip6" => format!("2001:db8::{i:x}"),
        "ip6r" => format!("2001:db8::{i:x}/128"),
        "uri" => format!("https://example.com/{first}"),
        "ulid" => format!("01HZZZZZZZZZZZZZZZ{i:08}"),
        "email" => format!("{first}@example.com"),
        "money" => format!("{i}.50"),
        "roaringbitmap" => format!("{{{i},{}}}", i + 1),
        _ => return unknown(i),
    };
    vec![one]
}

fn pick(i: usize, of: &[&str]) -> Vec<String> {
    of.get(i).map(|it| (*it).to_owned()).into_iter().collect()
}

/// Well-known text of the kind and the reference system that the modifiers ask for, with or without heights and measures: the types of
/// geometries of `PostGIS`.
fn spatial(modifiers: &[String], [x, y, right, top]: [&str; 4]) -> String {
    let kind = modifiers.first().map_or("point", String::as_str);
    let flat = kind.strip_suffix("zm").or(kind.strip_suffix('z')).or(kind.strip_suffix('m')).unwrap_or(kind);
    let dimensions = kind.strip_prefix(flat).unwrap_or_default();
    let more = " 1".repeat(dimensions.len());
    let at = |x: &str, y: &str| format!("{x} {y}{more}");
    let line = format!("({}, {})", at(x, y), at(right, top));
    let ring = format!("(({0}, {1}, {2}, {0}))", at(x, y), at(right, top), at(right, y));
    let point = format!("point{dimensions} ({})", at(x, y));
    let shape = match flat {
        "linestring" | "multipoint" => format!("{kind} {line}"),
        "circularstring" => format!("{kind} ({}, {}, {})", at(x, y), at(right, y), at(right, top)),
        "polygon" | "curvepolygon" | "triangle" => format!("{kind} {ring}"),
        "multilinestring" | "compoundcurve" | "multicurve" => format!("{kind} ({line})"),
        "multipolygon" | "multisurface" | "polyhedralsurface" | "tin" => format!("{kind} ({ring})"),
        "geometrycollection" => format!("{kind} ({point})"),
        _ => point,
    };
    match modifiers.get(1) {
        Some(srid) => format!("SRID={srid};{shape}"),
        None => shape,
    }
}

/// What somebody's own type may read.
fn unknown(i: usize) -> Vec<String> {
    let literal = match i % 5 {
        0 => (i / 5).to_string(),
        1 => numbered(i / 5),
        2 => format!("({},{})", i / 5, i / 5 + 1),
        3 => format!("[{},{}]", i / 5, i / 5 + 1),
        _ => format!("{{{}}}", i / 5),
    };
    vec![literal]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(name: &str) -> Type {
        Type::Other { oid: 1, name: name.to_owned() }
    }

    fn check(ty: &Type, type_name: &str, expected: &[&str]) {
        assert_eq!(literals(ty, type_name, expected.len())[..expected.len()], *expected, "{type_name}");
    }

    #[test]
    fn types_have_literals_by_name_and_modifiers() {
        check(&other("ltree"), "ltree", &["1", "1.2", "1.2.3", "4", "2.5"]);
        check(&other("vector"), "vector(2)", &["[0.00,0.38]", "[0.37,0.76]"]);
        check(&other("geometry"), "geometry(PointZ,4326)", &["SRID=4326;pointz (0.00 0.00 1)"]);
        check(&other("geometry"), "geometry(GeometryM)", &["pointm (0.00 0.00 1)"]);
        let line = "linestringzm (0.00 0.00 1 1, 79.19 0.005 1 1)";
        check(&other("geometry"), "geometry(LineStringZM)", &[line]);
        let surface = "SRID=1;multisurface (((0.00 0.00, 79.19 0.005, 79.19 0.00, 0.00 0.00)))";
        check(&other("geometry"), "geometry(MultiSurface,1)", &[surface]);
        let collection = "geometrycollectionz (pointz (0.00 0.00 1))";
        check(&other("geometry"), "geometry(GeometryCollectionZ)", &[collection]);
        for point in literals(&other("cube"), "public.earth", 30) {
            let numbers = point.trim_matches(['(', ')']).split(", ").map(|it| it.parse::<f64>().unwrap());
            let radius = numbers.map(|it| it * it).sum::<f64>().sqrt();
            assert!((radius - 6_378_168.0).abs() < 0.001, "{point}");
        }
        check(&other("whose"), "whose", &["0", "alpha", "(0,1)"]);
    }

    #[test]
    fn what_holds_such_types_is_made_of_their_literals() {
        let tree = || Box::new(other("ltree"));
        let array = Type::Array { of: tree(), element_oid: 1 };
        check(&array, "ltree[]", &["{\"1\"}", "{\"1.2\",\"1.2.3\"}"]);
        check(
            &Type::Range { of: Box::new(Type::Float8) },
            "floatrange",
            &["[\"0.5\",\"1.5\")", "[\"1.5\",\"0.5\")"],
        );
        let row = Type::Composite { attributes: vec![(1, Type::Int4), (2, other("hstore"))] };
        check(&row, "row", &[r#"("0","\"alpha\"=>\"1\", \"flint\"=>\"0\"")"#]);
    }

    #[test]
    fn literals_are_different_ones() {
        for name in
            ["hstore", "ltree", "cube", "point", "circle", "tsquery", "jsonpath", "pg_snapshot", "isbn"]
        {
            assert_eq!(literals(&other(name), name, 1_000).len(), 1_000, "{name}");
        }
        assert_eq!(literals(&other("regclass"), "regclass", 30).len(), 6);
    }
}
