//! What must hold for cells of every maker.

mod fixture;
mod golden;

use proptest::prelude::*;

use self::fixture::*;
use super::block::{Patches, Scratch};
use super::guide::{Fit, Fits, Guide};
use super::lane::Lane;
use super::world::{NONE, World};
use crate::random;
use crate::seed::plan::{EdgeId, RouteBy, Routing};
use crate::seed::schema::{ColumnId, TableId};
use crate::seed::time::{DAY_US, HOUR_US};
use crate::seed::wire::nested::Fields;
use crate::seed::wire::rows::RowWriter;

/// Returns a column's fields in some rows.
fn fields(world: &World, table: TableId, column: ColumnId, rows: &[u64]) -> Vec<u8> {
    let mut lane = Lane::default();
    world.fill(table, column, rows, &mut Scratch::default(), &mut lane);
    assert_eq!(lane.len(), rows.len());
    let wire = &world.table(table).columns[usize::from(column)].wire;
    Fields::new(wire, &lane).slice(0..rows.len()).to_vec()
}

fn ints(world: &World, table: TableId, column: &str, rows: &[u64]) -> Vec<Option<i64>> {
    let place = world.table(table).columns.iter().position(|plan| plan.name == column).unwrap();
    let mut lane = Lane::default();
    world.fill(table, u16::try_from(place).unwrap(), rows, &mut Scratch::default(), &mut lane);
    (0..rows.len()).map(|place| (!lane.is_null(place)).then(|| lane.as_ints()[place])).collect()
}

fn parents(world: &World, edge: EdgeId) -> Vec<u64> {
    let rows: Vec<u64> = (0..N_TASKS).collect();
    let mut parents = Vec::new();
    world.parents(TASKS, edge, &rows, &mut Scratch::default(), &mut parents);
    parents
}

fn written(world: &World, table: TableId, rows: std::ops::Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    RowWriter::new(world, table).append(rows, &mut out);
    out
}

#[test]
fn scattered_rows_have_the_cells_of_single_ones() {
    let (plan, patches) = (plan(), Patches::default());
    let world = World::new(&plan, &patches);
    for (table, of) in (0..).zip(&plan.tables) {
        let rows: Vec<u64> = [0, 1, 39, 38, 1, 499, 899, 2_001, 9_999, 17, 3_500]
            .into_iter()
            .filter(|row| *row < of.n_rows)
            .collect();
        for (column, of) in (0..).zip(&of.columns) {
            let single: Vec<u8> =
                rows.iter().flat_map(|row| fields(&world, table, column, &[*row])).collect();
            assert_eq!(fields(&world, table, column, &rows), single, "{}", of.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn blocks_do_not_show(start in 0..N_TASKS, cuts in prop::collection::vec(0u64..2_500, 0..4)) {
        let (plan, patches) = (plan(), Patches::default());
        let world = World::new(&plan, &patches);
        let end = N_TASKS.min(start + 2_500);
        let mut ends: Vec<u64> = cuts.into_iter().map(|cut| end.min(start + cut)).chain([end]).collect();
        ends.sort_unstable();
        let mut out = Vec::new();
        let mut writer = RowWriter::new(&world, TASKS);
        let mut from = start;
        for end in ends {
            writer.append(from..end, &mut out);
            from = end;
        }
        prop_assert_eq!(out, written(&world, TASKS, start..end));
    }

    #[test]
    fn patches_change_their_row_alone(row in 0..N_TASKS, attempt in 1u32..5) {
        let (plan, none) = (plan(), Patches::default());
        let mut patches = Patches::default();
        patches.set(TASKS, row, attempt);
        patches.set(USERS, row, 1);
        let (before, after) = (World::new(&plan, &none), World::new(&plan, &patches));
        let (from, to) = (row.saturating_sub(3), N_TASKS.min(row + 1_500));
        prop_assert_ne!(written(&before, TASKS, row..row + 1), written(&after, TASKS, row..row + 1));
        for other in [from..row, row + 1..to] {
            prop_assert_eq!(written(&before, TASKS, other.clone()), written(&after, TASKS, other));
        }
        // Emails move to codes that no row has.
        let email = plan.tables[usize::from(TASKS)].columns.iter().position(|plan| plan.name == "email").unwrap();
        let email = ColumnId::try_from(email).unwrap();
        prop_assert_ne!(fields(&before, TASKS, email, &[row]), fields(&after, TASKS, email, &[row]));
    }
}

#[test]
fn picks_keep_their_promises() {
    let (plan, patches) = (plan(), Patches::default());
    let world = World::new(&plan, &patches);
    let rows: Vec<u64> = (0..N_TASKS).collect();
    let projects = parents(&world, PROJECT);

    let mut counts = vec![0u64; usize::try_from(N_PROJECTS).unwrap()];
    for &project in &projects {
        counts[usize::try_from(project).unwrap()] += 1;
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    assert!((0..).zip(&counts).all(|(rank, count)| skewed(N_PROJECTS, N_TASKS).degree(rank) == *count));

    let others = parents(&world, OTHER);
    let mut pairs: Vec<(u64, u64)> = projects.iter().copied().zip(others).collect();
    assert!(pairs.iter().all(|(project, other)| project != other && *other < N_PROJECTS));
    pairs.sort_unstable();
    assert!(pairs.windows(2).all(|pair| pair[0] != pair[1]), "distinct within a project");

    let members = parents(&world, MEMBER);
    let own: Vec<u64> = members.iter().map(|row| row - N_EXISTING).collect();
    assert_eq!(ints(&world, PROJECTS, "tenant_id", &projects), ints(&world, USERS, "tenant_id", &own));

    let born = parents(&world, BORN);
    let created = ints(&world, TASKS, "created_at", &rows);
    let births =
        ints(&world, USERS, "created_at", &born.iter().map(|row| row.saturating_sub(3)).collect::<Vec<_>>());
    let is_young =
        |((parent, birth), moment): ((&u64, Option<i64>), &Option<i64>)| *parent > 3 && birth > *moment;
    assert_eq!(born.iter().zip(births).zip(&created).filter(|&each| is_young(each)).count(), 0);
    assert!(born.iter().any(|parent| *parent > 400));

    let anyone = parents(&world, ANYONE);
    let n_null = anyone.iter().filter(|parent| **parent == NONE).count();
    assert!((2_300..2_700).contains(&n_null), "a quarter: {n_null}");
    assert!(anyone.iter().all(|parent| *parent == NONE || *parent < N_EXISTING + N_USERS));

    let tree = parents(&world, TREE);
    for (row, parent) in (0..).zip(&tree) {
        assert!(*parent == NONE || (*parent < row && (*parent / 1_000 == row / 1_000)) || *parent < 1_000);
        assert_ne!(row, *parent);
    }
    let n_roots = tree.iter().filter(|parent| **parent == NONE).count();
    assert!((500..750).contains(&n_roots), "one in sixteen: {n_roots}");

    let branches = parents(&world, TREE_WITHIN);
    for (row, &parent) in branches.iter().enumerate().filter(|(_, parent)| **parent != NONE) {
        let parent = usize::try_from(parent).unwrap();
        assert!(parent < row && projects[parent] == projects[row], "{row} {parent}");
    }
    for project in 0..N_PROJECTS {
        let own = || projects.iter().zip(&branches).filter(|(of, _)| **of == project);
        let (n, n_roots) = (own().count(), own().filter(|(_, parent)| **parent == NONE).count());
        assert!(n_roots == n.min(1) || (n > 16 && n_roots < n / 8 + 8), "{n_roots} of {n}");
    }
    assert!(branches.iter().any(|parent| *parent != NONE && *parent > 1_000), "in any chunk");

    let digits = ints(&world, TASKS, "digit", &rows);
    let mut cells: Vec<_> = parents(&world, CELL_PROJECT).into_iter().zip(digits).collect();
    cells.sort_unstable();
    assert!(cells.windows(2).all(|pair| pair[0] != pair[1]), "cells of an arrangement");
    let mut partners = parents(&world, PARTNER);
    partners.sort_unstable();
    assert_eq!(partners, rows);
    assert!(parents(&world, WAVE).iter().all(|parent| *parent < N_PROJECTS));
    assert!(parents(&world, LISTED).iter().all(|parent| [1, 20, 300].contains(parent)));
}

#[test]
fn derived_cells_follow_their_sources() {
    let (plan, patches) = (plan(), Patches::default());
    let world = World::new(&plan, &patches);
    let rows: Vec<u64> = (0..N_TASKS).collect();
    let of = |name| ints(&world, TASKS, name, &rows);
    let (created, completed, minutes) = (of("created_at"), of("completed_at"), of("minutes"));
    assert!(created.is_sorted());
    assert_eq!(created, of("created_copy"));
    let (first, dates, made_dates) = (of("first_of"), of("created_on"), of("date"));
    let (since, by_case) = (of("since"), of("by_case"));
    let project_births = ints(&world, PROJECTS, "created_at", &parents(&world, PROJECT));
    for place in 0..rows.len() {
        let moment = created[place].unwrap();
        assert_eq!(dates[place], Some(moment.div_euclid(DAY_US)));
        assert_eq!(first[place], completed[place].or(Some(moment)));
        let span = completed[place].map(|end| (end - moment) / 60_000_000);
        assert_eq!(minutes[place], span);
        assert!(completed[place].is_none_or(|end| end >= moment + HOUR_US && end <= 1_900 * HOUR_US));
        assert!(since[place] >= project_births[place].map(|birth| birth + 5));
        assert!(by_case[place].is_none_or(|cell| (0..10).contains(&cell) || (20..30).contains(&cell)));
        // The second case has neither.
        assert!(by_case[place].is_some() || completed[place].is_none());
    }
    assert!(made_dates.is_sorted() && made_dates[9_999] == Some(83));
    let n_second = by_case.iter().filter(|cell| cell.is_none()).count();
    assert!((2_800..3_200).contains(&n_second), "three in ten: {n_second}");
}

#[test]
fn texts_fit_and_differ() {
    let (plan, patches) = (plan(), Patches::default());
    let world = World::new(&plan, &patches);
    let rows: Vec<u64> = (0..N_TASKS).collect();
    let texts = |name: &str| {
        let place = world.table(TASKS).columns.iter().position(|plan| plan.name == name).unwrap();
        let mut lane = Lane::default();
        world.fill(TASKS, u16::try_from(place).unwrap(), &rows, &mut Scratch::default(), &mut lane);
        (0..rows.len())
            .map(|place| String::from_utf8(lane.bytes_at(place).to_vec()).unwrap())
            .collect::<Vec<_>>()
    };
    let mut emails = texts("email");
    assert!(emails.iter().all(|email| email.len() <= 28 && email.ends_with("@example.com")));
    emails.sort_unstable();
    assert!(emails.windows(2).all(|pair| pair[0] != pair[1]));
    for text in texts("words") {
        assert!(
            text.len() <= 100 && text.ends_with('.') && text.starts_with(|c: char| c.is_uppercase()),
            "{text}"
        );
    }
    assert!(texts("number")[0].starts_with("№ ") && texts("number")[0].ends_with("000100"));
    for text in texts("document") {
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(
            value.get("at").is_none_or(|at| at.as_str().is_some_and(|at| at.starts_with("202"))),
            "{text}"
        );
    }
}

#[test]
fn rows_go_to_their_leaves() {
    let (plan, patches) = (plan(), Patches::default());
    let world = World::new(&plan, &patches);
    let leaf = |name: &str| ("public".to_owned(), name.to_owned());
    let routing = Routing {
        column: 2,
        leaves: vec![leaf("early"), leaf("late")],
        by: RouteBy::Range(vec![(100 * HOUR_US, 0), (1_500 * HOUR_US, 1)]),
    };
    let mut writer = RowWriter::new(&world, TASKS);
    let mut outs = vec![Vec::new(); 3];
    writer.append_split(0..N_TASKS, &routing, &mut outs);
    let leaves = writer.leaves(0..N_TASKS, &routing);
    // Moments rise with rows, so leaves are ranges of rows.
    assert!(leaves.windows(2).filter(|pair| pair[0] != pair[1]).count() == 2);
    let n_root = leaves.iter().filter(|leaf| **leaf == 2).count() as u64;
    let n_early = leaves.iter().filter(|leaf| **leaf == 0).count() as u64;
    assert_eq!(outs[2], written(&world, TASKS, 0..n_root));
    assert_eq!(outs[0], written(&world, TASKS, n_root..n_root + n_early));
    assert_eq!(outs[1], written(&world, TASKS, n_root + n_early..N_TASKS));
}

#[test]
fn rows_take_a_case_that_suits_what_they_refer_to() {
    let mut plan = plan();
    let rows: Vec<u64> = (0..N_TASKS).collect();
    let middle = {
        let plain = ints(&World::new(&plan, &Patches::default()), TASKS, "anyone_id", &rows);
        let mut referred: Vec<i64> = plain.into_iter().flatten().collect();
        referred.sort_unstable();
        referred[referred.len() / 2]
    };
    let column =
        plan.tables[usize::from(TASKS)].columns.iter().position(|it| it.name == "anyone_id").unwrap();
    let fit = |may_be_null, values| Fit { may_be_null, values };
    plan.tables[usize::from(TASKS)].components[0].guides = vec![Guide {
        column: u16::try_from(column).unwrap(),
        by_case: vec![
            fit(false, Fits::Ranges(vec![(i64::MIN, middle)])),
            fit(true, Fits::Any),
            fit(false, Fits::Ranges(vec![(middle + 1, i64::MAX)])),
        ],
    }];
    let mut patches = Patches::default();
    // A redraw keeps to it.
    (0..N_TASKS).step_by(3).for_each(|row| patches.set(TASKS, row, 2));
    let world = World::new(&plan, &patches);
    let (anyone, by_case) = (ints(&world, TASKS, "anyone_id", &rows), ints(&world, TASKS, "by_case", &rows));
    let mut n_of_case = [0; 3];
    for (anyone, by_case) in anyone.into_iter().zip(by_case) {
        let case = by_case.map_or(1, |it| if it < 10 { 0 } else { 2 });
        n_of_case[case] += 1;
        match case {
            0 => assert!(anyone.is_some_and(|it| it <= middle), "{anyone:?}"),
            1 => {}
            _ => assert!(anyone.is_some_and(|it| it > middle), "{anyone:?}"),
        }
    }
    assert!(n_of_case.iter().all(|n| *n > 500), "{n_of_case:?}");
}
