//! The simplex kernels of every instruction set against the portable ones.

use super::*;
use crate::engine::kernels::{
    check::{Content, cases, cpus, guarded_sums, noise, unguarded},
    slots,
    unfold::Unfold,
};

/// Entries of tables of 17 nodes: noise, and nothing but the extremes.
fn tables(side: usize) -> [Vec<i8>; 2] {
    let mut noise = noise(side as u32);
    let mut entries = |entry: fn(u32) -> i8| {
        let count = 17usize.pow(4) * side * side;
        (0..count).map(|_| entry(noise())).collect()
    };
    [
        entries(|v| v as i8),
        entries(|v| if v & 32 == 0 { -128 } else { 127 }),
    ]
}

fn table(entries: &[i8], side: usize) -> Table<'_> {
    Table {
        entries,
        side,
        nodes: 17,
        interval: 4,
        shift: 0,
    }
}

/// The same table for planes of another depth.
fn deeper<'a>(table: &Table<'a>, depth: u32) -> Table<'a> {
    Table {
        interval: table.interval + depth - 8,
        ..*table
    }
}

/// Depths above 8 bits: the fractions have 6, 8 and 12 bits of 16.
const DEPTHS: [u32; 3] = [10, 12, 16];

/// The sides that have kernels of their own.
const SIDES: [usize; 4] = [1, 2, 3, 4];

#[test]
fn rotated_look_ups_are_the_same_by_every_instruction_set() {
    let pattern = [(0, 0), (0, 1), (1, 0), (1, 1)];
    for (side, entries) in SIDES
        .into_iter()
        .flat_map(|side| tables(side).map(|t| (side, t)))
    {
        let table = &table(&entries, side);
        let slots = slots(side);
        let portable = Rotated::new(table, pattern, Cpu::Portable);
        for cpu in cpus() {
            let kernel = Rotated::new(table, pattern, cpu);
            for (width, content) in cases() {
                let rows: [Vec<u8>; 16] = std::array::from_fn(|i| content.row(width, i as u32));
                let inputs = std::array::from_fn(|rotation| {
                    std::array::from_fn(|axis| rows[4 * rotation + axis].as_slice())
                });
                let sums = [&portable, &kernel].map(|kernel| {
                    let mut sums = guarded_sums::<i16>(width, slots);
                    kernel.add(&inputs, width, &mut sums);
                    sums
                });
                let [expected, found] = sums.each_ref().map(|s| unguarded(s, width, slots));
                assert_eq!(found, expected, "{cpu:?}, {width} pixels, {content:?}");
            }
        }
    }
}

/// What squares of side `distance` say of the pixels at their corners, if rows of squares are all alike. Scale 3 has room
/// for more than it has.
fn unfolded<I: Sample, A: Accumulator + PartialEq + From<i16>>(
    kernel: &Folded,
    inputs: &[[&[I]; 4]],
    (squares, distance): (usize, usize),
    side: usize,
    cpu: Cpu,
) -> Vec<A> {
    let (slots, width) = (slots(side), squares - distance);
    let row = guarded_sums::<A>(squares, slots);
    let mut rows = row.repeat(kernel.rows().count());
    kernel.look_up(inputs, squares, &mut rows, row.len());
    let rows: Vec<&[A]> = rows.chunks_exact(row.len()).collect();
    for row in &rows {
        unguarded(row, squares, slots);
    }
    let unfold = Unfold::new(distance, slots, kernel.rows(), cpu);
    let mut sums = vec![A::from(-3); width * slots];
    unfold.set(|number, _| rows[number], width, &mut sums);
    let pixels = sums.chunks_exact(slots);
    pixels
        .flat_map(|pixel| &pixel[..side * side])
        .copied()
        .collect()
}

/// Sides of squares: those that have a letter, and the longest.
const DISTANCES: [usize; 5] = [1, 2, 3, 4, 8];

#[test]
fn deep_look_ups_are_the_same_by_every_instruction_set() {
    let pattern = [(0, 0), (0, 1), (1, 0), (1, 1)];
    for (side, entries) in SIDES
        .into_iter()
        .flat_map(|side| tables(side).map(|t| (side, t)))
    {
        let slots = slots(side);
        for depth in DEPTHS {
            let table = &deeper(&table(&entries, side), depth);
            let rotated = Rotated::new(table, pattern, Cpu::Portable);
            let folded = Folded::new(&[*table], 1, Cpu::Portable);
            for cpu in cpus().filter(|cpu| *cpu > Cpu::Portable) {
                let kernels = (
                    Rotated::new(table, pattern, cpu),
                    Folded::new(&[*table], 1, cpu),
                );
                for (width, content) in cases() {
                    let rows: [Vec<u16>; 16] =
                        std::array::from_fn(|i| content.deep_row(width, i as u32, depth));
                    let inputs: [[&[u16]; 4]; 4] = std::array::from_fn(|rotation| {
                        std::array::from_fn(|axis| rows[4 * rotation + axis].as_slice())
                    });
                    let what = format!(
                        "{side} a side, {depth} bits, {cpu:?}, {width} pixels, {content:?}"
                    );
                    let [expected, found] = [&rotated, &kernels.0].map(|kernel| {
                        let mut sums = guarded_sums::<i32>(width, slots);
                        kernel.add(&inputs, width, &mut sums);
                        unguarded(&sums, width, slots).to_vec()
                    });
                    assert!(found == expected, "rotated, {what}");
                    let [expected, found] = [&folded, &kernels.1].map(|kernel| {
                        unfolded::<_, i32>(kernel, &inputs[..1], (width, 1), side, cpu)
                    });
                    assert!(found == expected, "folded, {what}");
                }
            }
        }
    }
}

/// Intervals of the tables of 8 bits other than 4, at the depths with the fewest and the most bits of a fraction.
#[test]
fn deep_look_ups_of_any_interval_are_the_same_by_every_instruction_set() {
    let pattern = [(0, 0), (0, 1), (1, 0), (1, 1)];
    for (interval, depth) in [(3, 9), (3, 16), (6, 9), (6, 16)] {
        let nodes = (1 << (8 - interval)) + 1;
        let mut noise = noise(interval);
        let count = usize::pow(nodes, 4);
        let entries: Vec<i8> = (0..count).map(|_| noise() as i8).collect();
        let table = Table {
            entries: &entries,
            side: 1,
            nodes,
            interval: interval + depth - 8,
            shift: 0,
        };
        let portable = Rotated::new(&table, pattern, Cpu::Portable);
        for cpu in cpus() {
            let kernel = Rotated::new(&table, pattern, cpu);
            for content in Content::ALL {
                let rows: [Vec<u16>; 16] =
                    std::array::from_fn(|i| content.deep_row(130, i as u32, depth));
                let inputs: [[&[u16]; 4]; 4] = std::array::from_fn(|rotation| {
                    std::array::from_fn(|axis| rows[4 * rotation + axis].as_slice())
                });
                let [expected, found] = [&portable, &kernel].map(|kernel| {
                    let mut sums = guarded_sums::<i32>(130, 1);
                    kernel.add(&inputs, 130, &mut sums);
                    unguarded(&sums, 130, 1).to_vec()
                });
                assert!(
                    found == expected,
                    "{interval}, {depth} bits, {cpu:?}, {content:?}"
                );
            }
        }
    }
}

/// Behind an RC module samples have 8 bits, and sums the scale of a deeper plane.
#[test]
fn look_ups_for_deep_sums_are_the_same_by_every_instruction_set() {
    let pattern = [(0, 0), (0, 1), (1, 0), (1, 1)];
    for (side, entries) in SIDES.map(|side| (side, tables(side)[1].clone())) {
        let slots = slots(side);
        for depth in DEPTHS {
            let table = &Table {
                shift: depth - 8,
                ..table(&entries, side)
            };
            let portable = Rotated::new(table, pattern, Cpu::Portable);
            for cpu in cpus() {
                let kernel = Rotated::new(table, pattern, cpu);
                for width in [1, 64, 255, 256, 257, 300, 513] {
                    let rows: [Vec<u8>; 16] =
                        std::array::from_fn(|i| Content::Noise.row(width, i as u32));
                    let inputs = std::array::from_fn(|rotation| {
                        std::array::from_fn(|axis| rows[4 * rotation + axis].as_slice())
                    });
                    let [expected, found] = [&portable, &kernel].map(|kernel| {
                        let mut sums = guarded_sums::<i32>(width, slots);
                        kernel.add(&inputs, width, &mut sums);
                        unguarded(&sums, width, slots).to_vec()
                    });
                    assert!(
                        found == expected,
                        "{side} a side, {depth} bits, {cpu:?}, {width} pixels"
                    );
                }
            }
        }
    }
}

#[test]
fn folded_look_ups_are_the_same_by_every_instruction_set() {
    for (side, entries) in SIDES
        .into_iter()
        .flat_map(|side| tables(side).map(|t| (side, t)))
    {
        let table = table(&entries, side);
        for (cpu, distance) in cpus().flat_map(|cpu| DISTANCES.map(|distance| (cpu, distance))) {
            let portable = Folded::new(&[table], distance, Cpu::Portable);
            let kernel = Folded::new(&[table], distance, cpu);
            for (squares, content) in cases().filter(|(squares, _)| *squares > distance) {
                let rows: [Vec<u8>; 4] = std::array::from_fn(|i| content.row(squares, i as u32));
                let inputs = [rows.each_ref().map(Vec::as_slice)];
                let [expected, found] = [&portable, &kernel].map(|kernel| {
                    unfolded::<_, i16>(kernel, &inputs, (squares, distance), side, cpu)
                });
                let what = format!("{cpu:?}, {squares} squares {distance} wide, {content:?}");
                assert_eq!(found, expected, "{what}");
            }
        }
    }
}

/// As many tables as a kernel sums, and fewer: the sums are those of kernels with one table each.
#[test]
fn squares_of_several_tables_are_summed() {
    for (side, cpu) in SIDES
        .into_iter()
        .flat_map(|side| cpus().map(move |cpu| (side, cpu)))
    {
        let entries = tables(side);
        let each = [0, 1, 0, 1].map(|number: usize| table(&entries[number], side));
        let alone = each.map(|table| Folded::new(&[table], 2, Cpu::Portable));
        for count in 2..=Folded::tables_at_once(&each[0], 2, cpu) {
            let kernel = Folded::new(&each[..count], 2, cpu);
            for (squares, content) in cases().filter(|(squares, _)| *squares > 2) {
                let rows: [[Vec<u8>; 4]; MOST_TABLES] = std::array::from_fn(|number| {
                    std::array::from_fn(|i| content.row(squares, (4 * number + i) as u32))
                });
                let inputs = rows
                    .each_ref()
                    .map(|rows| rows.each_ref().map(Vec::as_slice));
                let look_up = |kernel: &Folded, inputs: &[[&[u8]; 4]]| {
                    unfolded::<_, i16>(kernel, inputs, (squares, 2), side, cpu)
                };
                let alone = alone[..count].iter().zip(inputs.chunks_exact(1));
                let alone: Vec<_> = alone
                    .map(|(kernel, inputs)| look_up(kernel, inputs))
                    .collect();
                let what = format!(
                    "{count} tables, {side} a side, {cpu:?}, {squares} squares, {content:?}"
                );
                for (at, found) in look_up(&kernel, &inputs[..count]).into_iter().enumerate() {
                    let expected: i16 = alone.iter().map(|sums| sums[at]).sum();
                    assert_eq!(found, expected, "{what}");
                }
            }
        }
    }
}
