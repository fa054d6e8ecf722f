//! Cells that never change while the algorithm has its number.

use std::fmt::Write as _;

use super::*;

/// A change of any of these is another [`crate::seed::ALGORITHM`].
#[test]
fn cells_never_change() {
    let (plan, patches) = (plan(), Patches::default());
    let world = World::new(&plan, &patches);
    let rows: Vec<u64> = (0..N_TASKS).collect();
    let mut hashes = String::new();
    for (column, of) in (0..).zip(&plan.tables[usize::from(TASKS)].columns) {
        let bytes = fields(&world, TASKS, column, &rows);
        let hash = bytes.iter().fold(0, |hash, byte| random::mix(hash ^ u64::from(*byte)));
        writeln!(hashes, "{} {hash:016x}", of.name).unwrap();
    }
    insta::assert_snapshot!(hashes, @r"
    id 4766cf276be66194
    project_id 5f9973e1c294ffc9
    created_at afb3b1f99d1f377f
    completed_at 215a6cd6f74afd48
    minutes ed6af698e4847f60
    created_copy afb3b1f99d1f377f
    created_on 58dcd47235386e2a
    first_of b8d3b8d7ec69a4f4
    since d1ec21c583f1a491
    by_case 25a3d0c601aff985
    member_id 432ef12e02556880
    anyone_id b52a889064a2a1b0
    born_id 000bbc1461515800
    other_id 237946744e023d62
    tree_id 52bc8e2143ac10c0
    cell_id 8989fd150532e4b8
    listed_id 3593f8bd884d604b
    constant_id 618468cb4d0b3a12
    partner_id 1a748bcb73040fe3
    wave_id 35289ec0f600d45d
    tree_within_id a15c4dd80e49ce11
    position 3fe022bdaa206c9f
    digit 37ee3b7fb068809b
    ordinal_digit cce0aa48f55de39f
    skewed fc3acc356daefef9
    laid 6ce2cd0a48f3620c
    null ac398305aff61c62
    numeric d9147626777e9b2e
    float 88d1e47eadb81fdd
    label 8ab91808c2a4f873
    uuid_v4 07da5c1b3ca22c37
    uuid_v7 f8baeb281f8528f2
    date 58dcd47235386e2a
    bytes ccaa2ee151776516
    hash 0af85c8c387165bc
    inet 6a11fd18dd11e56d
    cidr b0b462e6f851a7eb
    mac 4c3da3aa263b633e
    mac8 a807dd75f75cecb1
    bits eaaedce19914aaeb
    email bea88b26b5609e99
    words d3b5ea491ee3ce14
    number 322430ba2eefa6c1
    document 118a2071a5a2d8a3
    lexemes d16accabfaec48eb
    array 3f1fc672b1d0dce0
    codes 92d7984d96d66316
    pair b70ec0e79f7ad7a8
    slots 57d87f4e64a5487f
    uuid_range 765416f0f54d9612
    multirange 5b6b39f16972beb9
    range c3d5cac152005cb1
    ");
}
