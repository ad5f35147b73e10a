//! The simplex kernels of every instruction set against the portable ones.

use super::*;
use crate::engine::kernels::{
    check::{cases, cpus, guarded_sums, noise, unguarded},
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
                    let mut sums = guarded_sums(width, slots);
                    kernel.add(&inputs, width, &mut sums);
                    sums
                });
                let [expected, found] = sums.each_ref().map(|s| unguarded(s, width, slots));
                assert_eq!(found, expected, "{cpu:?}, {width} pixels, {content:?}");
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
        let portable = Folded::new(table, Cpu::Portable);
        for cpu in cpus() {
            let kernel = Folded::new(table, cpu);
            for (width, content) in cases() {
                let rows: [Vec<u8>; 4] = std::array::from_fn(|i| content.row(width, i as u32));
                let inputs = rows.each_ref().map(Vec::as_slice);
                let [expected, found] = [&portable, &kernel].map(|kernel| {
                    let mut sums: [_; 4] = std::array::from_fn(|_| guarded_sums(width, slots));
                    kernel.look_up(&inputs, width, sums.each_mut().map(Vec::as_mut_slice));
                    // Scale 3 has room for more values than it has.
                    let values = |sums: &[i16]| -> Vec<i16> {
                        let pixels = sums.chunks_exact(slots);
                        pixels
                            .flat_map(|pixel| &pixel[..side * side])
                            .copied()
                            .collect()
                    };
                    sums.map(|sums| values(unguarded(&sums, width, slots)))
                });
                assert_eq!(found, expected, "{cpu:?}, {width} squares, {content:?}");
            }
        }
    }
}
