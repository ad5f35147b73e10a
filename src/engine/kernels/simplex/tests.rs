//! The simplex kernels of every instruction set against the portable ones.

use super::*;
use crate::engine::kernels::{
    check::{Content, cases, cpus, guarded_sums, noise, unguarded},
    slots,
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

/// The values of squares. Scale 3 has room for more than it has.
fn values<A: Copy + PartialEq + From<i16>>(sums: &[A], width: usize, side: usize) -> Vec<A> {
    let slots = slots(side);
    let pixels = unguarded(sums, width, slots).chunks_exact(slots);
    pixels
        .flat_map(|pixel| &pixel[..side * side])
        .copied()
        .collect()
}

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
            let folded = Folded::new(&[*table], Cpu::Portable);
            for cpu in cpus().filter(|cpu| *cpu > Cpu::Portable) {
                let kernels = (
                    Rotated::new(table, pattern, cpu),
                    Folded::new(&[*table], cpu),
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
                        let mut sums: [_; 4] =
                            std::array::from_fn(|_| guarded_sums::<i32>(width, slots));
                        kernel.look_up(&inputs[..1], width, sums.each_mut().map(Vec::as_mut_slice));
                        sums.map(|sums| values(&sums, width, side))
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
        let table = &table(&entries, side);
        let slots = slots(side);
        let portable = Folded::new(&[*table], Cpu::Portable);
        for cpu in cpus() {
            let kernel = Folded::new(&[*table], cpu);
            for (width, content) in cases() {
                let rows: [Vec<u8>; 4] = std::array::from_fn(|i| content.row(width, i as u32));
                let inputs = rows.each_ref().map(Vec::as_slice);
                let [expected, found] = [&portable, &kernel].map(|kernel| {
                    let mut sums: [_; 4] =
                        std::array::from_fn(|_| guarded_sums::<i16>(width, slots));
                    kernel.look_up(&[inputs], width, sums.each_mut().map(Vec::as_mut_slice));
                    sums.map(|sums| values::<i16>(&sums, width, side))
                });
                assert_eq!(found, expected, "{cpu:?}, {width} squares, {content:?}");
            }
        }
    }
}

/// As many tables as a kernel sums, and fewer: the sums are those of kernels with one table each.
#[test]
fn squares_of_several_tables_are_summed() {
    let entries = tables(2);
    let each = [0, 1, 0, 1].map(|number: usize| table(&entries[number], 2));
    for cpu in cpus() {
        let alone = each.map(|table| Folded::new(&[table], Cpu::Portable));
        for count in 2..=Folded::tables_at_once(&each[0], cpu) {
            let kernel = Folded::new(&each[..count], cpu);
            for (width, content) in cases() {
                let rows: [[Vec<u8>; 4]; MOST_TABLES] = std::array::from_fn(|number| {
                    std::array::from_fn(|i| content.row(width, (4 * number + i) as u32))
                });
                let inputs = rows
                    .each_ref()
                    .map(|rows| rows.each_ref().map(Vec::as_slice));
                let look_up = |kernel: &Folded, inputs: &[[&[u8]; 4]]| {
                    let mut sums: [_; 4] = std::array::from_fn(|_| guarded_sums::<i16>(width, 4));
                    kernel.look_up(inputs, width, sums.each_mut().map(Vec::as_mut_slice));
                    sums.map(|sums| values::<i16>(&sums, width, 2))
                };
                let mut expected = look_up(&alone[0], &inputs[..1]);
                for number in 1..count {
                    let more = look_up(&alone[number], &inputs[number..=number]);
                    for (row, more) in expected.iter_mut().zip(more) {
                        row.iter_mut()
                            .zip(more)
                            .for_each(|(sum, value)| *sum += value);
                    }
                }
                let found = look_up(&kernel, &inputs[..count]);
                assert_eq!(
                    found, expected,
                    "{count} tables, {cpu:?}, {width} squares, {content:?}"
                );
            }
        }
    }
}
