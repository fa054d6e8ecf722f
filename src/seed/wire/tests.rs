//! Bytes that `typsend` functions of PostgreSQL 14 to 18 give, which are the same in all of them.

use super::Wire;
use super::nested::{Fields, append_array_header};
use crate::seed::make::RangeElement;
use crate::seed::make::lane::{Cells, Lane};

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Checks the field of the only cell of a lane, and that it is NULL as every field is.
fn check(wire: &Wire, cells: Cells, expected: &str) {
    let mut lane = Lane { nulls: Vec::new(), cells };
    let field = hex(Fields::new(wire, &lane).slice(0..1));
    assert_eq!(field, format!("{:08x}{expected}", expected.len() / 2), "{wire:?}");
    lane.set_null(0);
    assert_eq!(hex(Fields::new(wire, &lane).slice(0..1)), "ffffffff", "{wire:?}");
}

fn int(cell: i64) -> Cells {
    Cells::Int(vec![cell])
}

fn bytes(bytes: &[u8]) -> Cells {
    Cells::Bytes { ends: vec![u32::try_from(bytes.len()).unwrap()], bytes: bytes.to_vec() }
}

#[test]
fn fixed_widths_are_as_the_server_sends_them() {
    check(&Wire::Bool, int(1), "01");
    check(&Wire::Int2, int(-7), "fff9");
    check(&Wire::Int4, int(258), "00000102");
    check(&Wire::Int4, int(i32::MIN.into()), "80000000");
    check(&Wire::Int8, int(9_007_199_254_740_993), "0020000000000001");
    check(&Wire::Oid, int(u32::MAX.into()), "ffffffff");
    // 12.34 as money.
    check(&Wire::Int8, int(1_234), "00000000000004d2");
    check(&Wire::Float4, Cells::Float(vec![1.1]), "3f8ccccd");
    check(&Wire::Float8, Cells::Float(vec![-0.1]), "bfb999999999999a");
    check(&Wire::Date, int(0), "00000000");
    check(&Wire::Date, int(-1), "ffffffff");
    check(&Wire::Date, int(9_821), "0000265d");
    check(&Wire::Micros, int(848_599_200_123_456), "000303cbe5e14a40");
    check(&Wire::Micros, int(45_296_789_000), "0000000a8be62608");
    check(&Wire::TimeTz, int(45_296_789_000), "0000000a8be6260800000000");
    check(&Wire::Interval, int(273_906_000_000), "000000036c8bc0800000000300000000");
    check(&Wire::Interval, int(-273_906_000_000), "fffffffc93743f80fffffffd00000000");
    check(
        &Wire::Uuid,
        Cells::Wide(vec![0x0123_4567_89ab_4def_8123_4567_89ab_cdef]),
        "0123456789ab4def8123456789abcdef",
    );
}

#[test]
fn numerics_are_as_the_server_sends_them() {
    for (cell, scale, expected) in [
        (0, 0, "0000000000000000"),
        (0, 2, "0000000000000002"),
        (1, 0, "00010000000000000001"),
        (-1, 0, "00010000400000000001"),
        (5, 1, "0001ffff000000011388"),
        (-5, 2, "0001ffff4000000201f4"),
        (123_456_789, 4, "0003000100000004000109291a85"),
        (100_000_000, 0, "00010002000000000001"),
        (1_000_000, 2, "00010001000000020001"),
        (-100_000, 1, "00010001400000010001"),
        (12_345, 8, "0002ffff0000000800010929"),
        (1, 8, "0001fffe000000080001"),
        (123_456, 5, "0003000000000005000109291770"),
        (10i128.pow(38) - 1, 0, "000a0009000000000063270f270f270f270f270f270f270f270f270f"),
        (i128::MAX, 0, "000a00090000000000aa0583209a01d5090d0c601c871bf620da165f"),
        (i128::MIN, 3, "000a00084000000306a510160d8412540c6506970bdd063410091c70"),
        (1_844_674_407_370_955_161_600, 0, "00060005000000000012117311370e7d158c0640"),
        (1_844_674_407_370_955_161_610, 2, "000600040000000207341a5802e103bb065003e8"),
    ] {
        check(&Wire::Numeric { scale }, Cells::Wide(vec![cell]), expected);
    }
}

#[test]
fn bytes_are_as_the_server_sends_them() {
    check(&Wire::Bytes, bytes(b"ab"), "6162");
    check(&Wire::Jsonb, bytes(br#"{"a": 1}"#), "017b2261223a20317d");
    let moods = Wire::Labels(vec!["sad".to_owned(), "happy".to_owned()]);
    check(&moods, int(1), "6861707079");
    let mut range = Vec::new();
    RangeElement::Int4.append(3, 7, &mut range);
    check(&Wire::Multirange, bytes(&range), "00000001000000110200000004000000030000000400000007");
}

#[test]
fn ranges_are_as_the_server_sends_them() {
    let second = 1_000_000;
    for (element, low, high, expected) in [
        (RangeElement::Int4, 3, 7, "0200000004000000030000000400000007"),
        (RangeElement::Int8, 3, 7, "02000000080000000000000003000000080000000000000007"),
        (RangeElement::Date, 3, 7, "0200000004000000030000000400000007"),
        (
            RangeElement::Timestamp,
            3 * second,
            7 * second,
            "020000000800000000002dc6c00000000800000000006acfc0",
        ),
        (RangeElement::Numeric, 3, 70_000, "020000000a000100000000000000030000000a00010001000000000007"),
        (
            RangeElement::Uuid,
            3,
            7,
            "0200000010000000000000000000000000000000030000001000000000000000000000000000000007",
        ),
    ] {
        let mut bytes = Vec::new();
        element.append(low, high, &mut bytes);
        assert_eq!(hex(&bytes), expected, "{element:?}");
    }
}

#[test]
fn arrays_begin_as_the_server_sends_them() {
    const INT4_OID: u32 = 23;
    for (n_elements, expected) in
        [(2, "0000000100000000000000170000000200000001"), (0, "000000000000000000000017")]
    {
        let mut bytes = Vec::new();
        append_array_header(INT4_OID, n_elements, &mut bytes);
        assert_eq!(hex(&bytes), expected);
    }
}
