//! The shapes of JSON documents, by the column's name.

use super::lexicon::{self, Entries};
use super::template;
use crate::seed::make::{Document, Member, MemberValue};

/// A member in a table: its key, per mille of the documents that have it, and what it holds.
type Row = (&'static str, u16, Holds);

#[derive(Clone, Copy, Debug)]
enum Holds {
    Bool,
    Int(i64, i64),
    Decimal(i64),
    /// In the notation of [`template`].
    Text(&'static str),
    OneOf(&'static [&'static str]),
    Tags(&'static str),
    Moment,
    Rows(&'static [Row]),
}

use Holds::{Bool, Decimal, Int, Moment, OneOf, Rows, Tags, Text};

const SETTINGS: &[Row] = &[
    ("theme", 900, OneOf(&["light", "dark", "system"])),
    ("language", 900, Text("{language_code}")),
    ("timezone", 700, Text("{timezone}")),
    ("page_size", 600, OneOf(&["10", "25", "50", "100"])),
    ("notifications", 800, Rows(&[("email", 1_000, Bool), ("push", 900, Bool), ("sms", 400, Bool)])),
    ("beta", 150, Bool),
];

const ADDRESS: &[Row] = &[
    ("street", 1_000, Text("{#3} {last_name} {street_suffix}")),
    ("city", 1_000, Text("{city}")),
    ("zip", 950, Text("{#5}")),
    ("state", 600, Text("{state_code}")),
    ("country", 1_000, Text("{country_code}")),
];

const EVENT: &[Row] = &[
    ("event", 1_000, Text("{event}")),
    ("user_id", 900, Int(1, 10_000)),
    ("timestamp", 1_000, Moment),
    ("ip", 700, Text("10.1{#1}.1{#2}.1{#2}")),
    ("user_agent", 600, Text("{user_agent}")),
    ("path", 800, Text("/{word}/{word}")),
    ("duration_ms", 500, Int(1, 5_000)),
    (
        "properties",
        500,
        Rows(&[
            ("source", 900, Text("{source}")),
            ("device", 700, Text("{device}")),
            ("value", 400, Decimal(500)),
        ]),
    ),
];

const METADATA: &[Row] = &[
    ("source", 900, Text("{source}")),
    ("category", 800, Text("{category}")),
    ("version", 700, Int(1, 10)),
    ("tags", 700, Tags("word")),
    ("priority", 500, Int(1, 5)),
    ("is_verified", 400, Bool),
    ("note", 250, Text("{Lorem 3-8}")),
    ("updated_at", 400, Moment),
];

const PRODUCT: &[Row] = &[
    ("color", 900, Text("{color}")),
    ("size", 800, Text("{size}")),
    ("material", 600, Text("{material}")),
    ("weight", 700, Decimal(50)),
    (
        "dimensions",
        400,
        Rows(&[("width", 1_000, Int(1, 200)), ("height", 1_000, Int(1, 200)), ("depth", 800, Int(1, 200))]),
    ),
];

const ERROR: &[Row] = &[
    ("code", 1_000, Text("{severity}_{word}")),
    ("message", 1_000, Text("{Lorem 3-8}")),
    ("retryable", 600, Bool),
    ("attempt", 500, Int(1, 5)),
];

const PERMISSIONS: &[Row] =
    &[("read", 1_000, Bool), ("write", 900, Bool), ("delete", 700, Bool), ("admin", 400, Bool)];

const TRANSLATIONS: &[Row] = &[
    ("en", 1_000, Text("{buzzword} {word}")),
    ("de", 600, Text("{buzzword} {word}")),
    ("fr", 600, Text("{buzzword} {word}")),
    ("es", 500, Text("{buzzword} {word}")),
];

const ITEM: &[Row] = &[
    ("name", 1_000, Text("{product_adjective} {product_noun}")),
    ("sku", 800, Text("SKU-{#6}")),
    ("quantity", 1_000, Int(1, 10)),
    ("price", 1_000, Decimal(500)),
];

const SHAPES: &Entries<&[Row]> = &[
    ("settings preferences config configuration options prefs features flags", SETTINGS),
    ("address location shipping_address billing_address geo", ADDRESS),
    ("event payload request body params arguments args input message context headers", EVENT),
    ("attributes specifications specs dimensions variant product", PRODUCT),
    ("error exception failure result response output", ERROR),
    ("permissions scopes acl roles capabilities", PERMISSIONS),
    ("translations i18n names localized locales", TRANSLATIONS),
    ("items lines line_items products cart", ITEM),
];

/// How many elements an array of documents has at most.
const MAX_ELEMENTS: u32 = 5;
/// Names of columns that hold an array of documents.
const ARRAYS: &Entries<()> = &[("items lines line_items products entries events records list", ())];

/// Returns the shape that suits a column's name.
pub(super) fn shape(tokens: &[String]) -> Document {
    let rows = lexicon::ending(tokens, SHAPES).copied().unwrap_or(METADATA);
    let array_up_to = lexicon::ending(tokens, ARRAYS).map(|()| MAX_ELEMENTS);
    Document { members: members(rows), array_up_to }
}

fn members(rows: &[Row]) -> Vec<Member> {
    let value = |holds: Holds| match holds {
        Bool => MemberValue::Bool,
        Int(low, high) => MemberValue::Int { low, high },
        Decimal(high) => MemberValue::Decimal { high },
        Text(notation) => MemberValue::Text(template::any(notation, None)),
        OneOf(words) => MemberValue::OneOf(words.iter().map(ToString::to_string).collect()),
        Tags(list) => MemberValue::Tags { list: list.to_owned(), up_to: 4 },
        Moment => MemberValue::Moment,
        Rows(rows) => MemberValue::Object(Document { members: members(rows), array_up_to: None }),
    };
    rows.iter()
        .map(|&(key, share, holds)| Member { key: key.to_owned(), share, value: value(holds) })
        .collect()
}
