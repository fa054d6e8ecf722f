//! A plan of four tables with every maker, every pick and every wire.

use crate::random;
use crate::seed::fixture as small;
use crate::seed::keys::curve::Curve;
use crate::seed::keys::permutation::Permutation;
use crate::seed::make::lane::{Cells, Lane};
use crate::seed::make::*;
use crate::seed::plan::{
    Born, ColumnPlan, Component, Edge, Existing, MakerFrom, Nulls, Pick, Plan, TablePlan,
};
use crate::seed::schema::TableId;
use crate::seed::time::{DAY_US, HOUR_US};
use crate::seed::wire::Wire;

pub(super) const TENANTS: TableId = 0;
pub(super) const PROJECTS: TableId = 1;
pub(super) const USERS: TableId = 2;
pub(super) const TASKS: TableId = 3;
pub(super) const N_TENANTS: u64 = 40;
pub(super) const N_PROJECTS: u64 = 900;
pub(super) const N_USERS: u64 = 500;
pub(super) const N_EXISTING: u64 = 3;
pub(super) const N_TASKS: u64 = 10_000;

pub(super) fn permutation(n: u64, name: &str) -> Permutation {
    Permutation::new(n, random::substream(42, name))
}

/// Some rows an hour, more in later hours.
pub(super) fn series(n_hours: u64, n_rows: u64) -> Series {
    let curve = Curve::of_parts([(n_hours / 2, n_rows / 4), (n_hours - n_hours / 2, n_rows - n_rows / 4)]);
    Series { from_us: 0, step_us: HOUR_US, curve, unit_us: 1 }
}

pub(super) fn skewed(n_ranks: u64, n_slots: u64) -> Curve {
    Curve::falling([(n_ranks / 10, n_slots / 2), (n_ranks - n_ranks / 10, n_slots - n_slots / 2)])
}

pub(super) fn edge(name: &str, parent: TableId, pick: Pick, nulls: Nulls) -> Edge {
    let key = random::substream(42, name);
    Edge { name: name.to_owned(), parent, columns: Vec::new(), parent_columns: Vec::new(), pick, nulls, key }
}

pub(super) fn column(name: &str, wire: Wire, maker: Maker) -> ColumnPlan {
    ColumnPlan {
        name: name.to_owned(),
        type_name: String::new(),
        wire,
        maker,
        nulls: Nulls::Never,
        key: random::substream(42, name),
        source: MakerFrom::Type,
        sequence: None,
    }
}

pub(super) fn drawn(name: &str, wire: Wire, draw: Draw, values: Values) -> ColumnPlan {
    column(name, wire, Maker::Drawn { draw, values })
}

pub(super) fn serial(low: i64) -> ColumnPlan {
    drawn("id", Wire::Int8, Draw::Serial, Values::Int { low, step: 1, n: u64::MAX })
}

pub(super) fn moments(name: &str, series: Series) -> ColumnPlan {
    drawn(name, Wire::Micros, Draw::Row, Values::Moments(series))
}

pub(super) fn reference(name: &str, wire: Wire, edge: u16, column_id: ColumnId) -> ColumnPlan {
    column(name, wire, Maker::Reference { edge, column: column_id })
}

pub(super) fn table(name: &str, n_rows: u64, columns: Vec<ColumnPlan>, edges: Vec<Edge>) -> TablePlan {
    let fill_order = (0..).take(columns.len()).collect();
    TablePlan { columns, edges, fill_order, ..small::table(name, n_rows, 1_000) }
}

pub(super) fn plan() -> Plan {
    let tenants = table("tenants", N_TENANTS, vec![serial(1)], Vec::new());
    let of_tenant = |n: u64| Pick::Laid {
        slots: permutation(n, "slots"),
        curve: skewed(N_TENANTS, n),
        ranks: permutation(N_TENANTS, "tenants"),
    };
    let projects = table(
        "projects",
        N_PROJECTS,
        vec![
            drawn(
                "id",
                Wire::Uuid,
                Draw::Permuted(permutation(1 << 40, "ids")),
                Values::Uuid { series: None },
            ),
            reference("tenant_id", Wire::Int8, 0, 0),
            moments("created_at", series(1_000, N_PROJECTS)),
        ],
        vec![edge("tenant", TENANTS, of_tenant(N_PROJECTS), Nulls::Never)],
    );
    let mut users = table(
        "users",
        N_USERS,
        vec![
            serial(1),
            reference("tenant_id", Wire::Int8, 0, 0),
            moments("created_at", series(1_000, N_USERS)),
        ],
        vec![edge("tenant", TENANTS, of_tenant(N_USERS), Nulls::Never)],
    );
    users.base = 1_000;
    let existing = Lane { nulls: Vec::new(), cells: Cells::Int(vec![7, 8, 9]) };
    users.existing = Some(Existing { n_rows: N_EXISTING, columns: vec![(0, existing)] });
    let tasks = tasks();
    Plan {
        algorithm: crate::seed::ALGORITHM,
        seed: 42,
        as_of_us: 848_599_200_000_000,
        tables: vec![tenants, projects, users, tasks],
        steps: Vec::new(),
        gaps: Vec::new(),
        size: None,
        are_triggers_off: false,
        asked: Vec::new(),
        partitions: Vec::new(),
    }
}

/// The edges of tasks, by place.
pub(super) const PROJECT: EdgeId = 0;
pub(super) const MEMBER: EdgeId = 1;
pub(super) const ANYONE: EdgeId = 2;
pub(super) const BORN: EdgeId = 3;
pub(super) const OTHER: EdgeId = 4;
pub(super) const TREE: EdgeId = 5;
pub(super) const CELL_PROJECT: EdgeId = 6;
pub(super) const LISTED: EdgeId = 7;
pub(super) const CONSTANT: EdgeId = 8;
pub(super) const PARTNER: EdgeId = 9;
pub(super) const WAVE: EdgeId = 10;
pub(super) const TREE_WITHIN: EdgeId = 11;

fn tasks() -> TablePlan {
    let n_people = N_EXISTING + N_USERS;
    let people = || permutation(n_people, "people");
    let lead = Pick::Laid {
        slots: permutation(N_TASKS, "tasks"),
        curve: skewed(N_PROJECTS, N_TASKS).clip(N_PROJECTS - 2),
        ranks: permutation(N_PROJECTS, "projects"),
    };
    let cells = permutation(N_PROJECTS * 100, "cells");
    let popular = || skewed(n_people, 1 << 40);
    let other = Pick::Distinct {
        lead: PROJECT,
        curve: skewed(N_PROJECTS, 1 << 40),
        ranks: permutation(N_PROJECTS, "projects"),
        not_self: true,
    };
    let born = Born { series: series(1_000, N_USERS), moment: 2 };
    let drawn_pick = |born| Pick::Drawn { curve: popular(), ranks: people(), born };
    let never = Nulls::Never;
    let edges = vec![
        edge("project", PROJECTS, lead, never.clone()),
        edge(
            "member",
            USERS,
            Pick::Within { through: PROJECT, ours: Some(0), further: Vec::new(), theirs: 0 },
            never.clone(),
        ),
        edge("anyone", USERS, drawn_pick(None), Nulls::Share(1 << 30)),
        edge("born", USERS, drawn_pick(Some(born)), never.clone()),
        edge("other", PROJECTS, other, never.clone()),
        edge("tree", TASKS, Pick::Tree { roots: 1 << 28, not_self: false }, Nulls::Share(0)),
        edge("cell", PROJECTS, Pick::Digit { cells, divisor: 1, n: N_PROJECTS }, never.clone()),
        edge("listed", USERS, Pick::Listed { rows: vec![1, 20, 300] }, never.clone()),
        edge("constant", TENANTS, Pick::Constant(5), never.clone()),
        edge("partner", TASKS, Pick::OneToOne { rows: permutation(N_TASKS, "partners") }, never.clone()),
        edge("wave", PROJECTS, Pick::Wave, never.clone()),
        edge("tree_within", TASKS, Pick::TreeWithin { through: PROJECT, roots: 0 }, Nulls::Share(0)),
    ];
    let mut columns = key_columns(cells);
    columns.extend(value_columns());
    columns.extend(text_columns());
    columns.extend(nested_columns());
    let mut tasks = table("tasks", N_TASKS, columns, edges);
    tasks.base = 100;
    tasks.components = vec![Component { weights: vec![6, 3, 1], key: 77, guides: Vec::new() }];
    tasks
}

fn key_columns(cells: Permutation) -> Vec<ColumnPlan> {
    let int = |low, n| Values::Int { low, step: 1, n };
    let mut completed = column(
        "completed_at",
        Wire::Micros,
        Maker::Derived(Derived::Beyond {
            of: 2,
            low: HOUR_US,
            step: 60_000_000,
            draw: Draw::Uniform { n: 100_000 },
            cut: Cut::NullAbove(1_900 * HOUR_US),
        }),
    );
    completed.nulls = Nulls::ByCase { component: 0, is_null: vec![false, true, false] };
    let case = |low| Maker::Drawn { draw: Draw::Uniform { n: 10 }, values: int(low, 10) };
    let since = Maker::Drawn { draw: Draw::Row, values: Values::Moments(series(100, N_TASKS)) };
    vec![
        serial(1),
        reference("project_id", Wire::Uuid, PROJECT, 0),
        moments("created_at", series(2_000, N_TASKS)),
        completed,
        column("minutes", Wire::Int4, Maker::Derived(Derived::Between { from: 2, to: 3, unit: 60_000_000 })),
        column("created_copy", Wire::Micros, Maker::Derived(Derived::Copy { of: 2 })),
        column("created_on", Wire::Date, Maker::Derived(Derived::Copy { of: 2 })),
        column("first_of", Wire::Micros, Maker::Derived(Derived::FirstOf(vec![3, 2]))),
        column(
            "since",
            Wire::Micros,
            Maker::Derived(Derived::Since { own: Box::new(since), edge: PROJECT, column: 2, low: 5 }),
        ),
        column(
            "by_case",
            Wire::Int4,
            Maker::Cases { component: 0, by_case: vec![case(0), Maker::Null, case(20)] },
        ),
        reference("member_id", Wire::Int8, MEMBER, 0),
        reference("anyone_id", Wire::Int8, ANYONE, 0),
        reference("born_id", Wire::Int8, BORN, 0),
        reference("other_id", Wire::Uuid, OTHER, 0),
        reference("tree_id", Wire::Int8, TREE, 0),
        reference("cell_id", Wire::Uuid, CELL_PROJECT, 0),
        reference("listed_id", Wire::Int8, LISTED, 0),
        reference("constant_id", Wire::Int8, CONSTANT, 0),
        reference("partner_id", Wire::Int8, PARTNER, 0),
        reference("wave_id", Wire::Uuid, WAVE, 0),
        reference("tree_within_id", Wire::Int8, TREE_WITHIN, 0),
        drawn("position", Wire::Int4, Draw::Ordinal { edge: PROJECT }, int(1, u64::MAX)),
        drawn("digit", Wire::Int2, Draw::Digit { cells, divisor: N_PROJECTS, n: 100 }, int(0, 100)),
        drawn("ordinal_digit", Wire::Int2, Draw::OrdinalDigit { edge: PROJECT, divisor: 2, n: 3 }, int(0, 3)),
        drawn("skewed", Wire::Int4, Draw::Skewed(skewed(50, 1 << 40)), int(0, 50)),
        drawn(
            "laid",
            Wire::Int4,
            Draw::Laid { slots: permutation(N_TASKS, "laid"), curve: skewed(50, N_TASKS) },
            int(0, 50),
        ),
        column("null", Wire::Bytes, Maker::Null),
    ]
}

fn value_columns() -> Vec<ColumnPlan> {
    let network = |network| Values::Network(network);
    let wide = Values::Wide { low: -100_000, step: 999, n: 1_000_000 };
    let labels = Wire::Labels(vec!["open".to_owned(), "done".to_owned()]);
    let mut floats = drawn(
        "float",
        Wire::Float8,
        Draw::Uniform { n: 1_000 },
        Values::Float { low: -1.0, step: 0.25, n: 1_000 },
    );
    floats.nulls = Nulls::Share(1 << 31);
    let v7 = Values::Uuid { series: Some(series(2_000, N_TASKS)) };
    vec![
        drawn("numeric", Wire::Numeric { scale: 3 }, Draw::Bits, wide),
        floats,
        drawn("label", labels, Draw::Uniform { n: 2 }, Values::List(Cells::Int(vec![0, 1]))),
        drawn("uuid_v4", Wire::Uuid, Draw::Bits, Values::Uuid { series: None }),
        drawn("uuid_v7", Wire::Uuid, Draw::Row, v7),
        drawn("date", Wire::Date, Draw::Row, Values::Moments(series(2_000, N_TASKS))),
        drawn("bytes", Wire::Bytes, Draw::Bits, Values::Bytes { min: 3, max: 40 }),
        drawn("hash", Wire::Bytes, Draw::Serial, Values::Bytes { min: 32, max: 32 }),
        drawn("inet", Wire::Bytes, Draw::Bits, network(Network::Inet)),
        drawn("cidr", Wire::Bytes, Draw::Serial, network(Network::Cidr)),
        drawn("mac", Wire::Bytes, Draw::Serial, network(Network::MacAddr)),
        drawn("mac8", Wire::Bytes, Draw::Serial, network(Network::MacAddr8)),
        drawn("bits", Wire::Bytes, Draw::Bits, Values::BitString { min: 5, max: 90 }),
    ]
}

pub(super) fn text_columns() -> Vec<ColumnPlan> {
    let word = |list: &str, style| Piece::Word { list: list.to_owned(), style };
    let literal = |text: &str| Piece::Literal(text.to_owned());
    let text = |pieces, max_length| Values::Template(Template { pieces, max_length });
    let email = vec![
        word("first_name", WordStyle::Lower),
        literal("."),
        word("last_name", WordStyle::Slug),
        Piece::Code(5),
        literal("@example.com"),
    ];
    let words = vec![Piece::Words { list: "lorem".to_owned(), min: 3, max: 30, sentence: true }];
    let number = vec![literal("№ "), Piece::Digits(25), literal("-"), Piece::Hex(9), Piece::DecimalCode(6)];
    let member = |key: &str, value| Member { key: key.to_owned(), share: 900, value };
    let inner = Document { members: vec![member("x", MemberValue::Null)], array_up_to: Some(2) };
    let document = Document {
        members: vec![
            member("bool", MemberValue::Bool),
            member("int \"quoted\"", MemberValue::Int { low: -3, high: 3 }),
            member("price", MemberValue::Decimal { high: 20 }),
            member("name", MemberValue::Text(Template { pieces: email.clone(), max_length: None })),
            member("kind", MemberValue::OneOf(vec!["a\\b".to_owned(), "c".to_owned()])),
            member("tags", MemberValue::Tags { list: "tag".to_owned(), up_to: 3 }),
            member("at", MemberValue::Moment),
            member("inner", MemberValue::Object(inner)),
        ],
        array_up_to: None,
    };
    vec![
        drawn(
            "email",
            Wire::Bytes,
            Draw::Permuted(permutation(36u64.pow(5), "email")),
            text(email, Some(28)),
        ),
        drawn("words", Wire::Bytes, Draw::Bits, text(words, Some(100))),
        drawn("number", Wire::Bytes, Draw::Serial, text(number, None)),
        drawn("document", Wire::Jsonb, Draw::Bits, Values::Document(document)),
        drawn("lexemes", Wire::Bytes, Draw::Bits, Values::Lexemes { min: 2, max: 9 }),
    ]
}

fn nested_columns() -> Vec<ColumnPlan> {
    let tags = Values::List(Cells::Bytes { ends: vec![3, 7, 12], bytes: b"redblueblack".to_vec() });
    let array = |element_oid, min, of| Values::Array {
        element_oid,
        wire: Box::new(Wire::Bytes),
        of: Box::new(of),
        min,
        max: 3,
    };
    let ints = Values::Int { low: 1, step: 1, n: 1_000_000 };
    let pair = vec![(23, Wire::Int4, ints), (25, Wire::Bytes, tags.clone())];
    let slots = |element, cell| Values::Slots { element, low: 0, cell, width: cell / 2 };
    let range = Values::Range { element: RangeElement::Numeric, low: 0, n: 50, max_width: 9 };
    vec![
        drawn("array", Wire::Bytes, Draw::Bits, array(25, 0, tags)),
        drawn("codes", Wire::Bytes, Draw::Serial, array(17, 1, Values::Bytes { min: 6, max: 9 })),
        drawn("pair", Wire::Bytes, Draw::Serial, Values::Composite(pair)),
        drawn("slots", Wire::Bytes, Draw::Serial, slots(RangeElement::Timestamp, DAY_US)),
        drawn("uuid_range", Wire::Bytes, Draw::Serial, slots(RangeElement::Uuid, 10)),
        drawn("multirange", Wire::Multirange, Draw::Serial, slots(RangeElement::Int4, 10)),
        drawn("range", Wire::Bytes, Draw::Bits, range),
    ]
}
