//! The point kernels of every instruction set against the portable one.

use super::*;
use crate::engine::kernels::{
    check::{Content, cases, cpus, guarded_sums, noise, unguarded},
    slots,
};

#[test]
fn entries_are_added_alike_by_every_instruction_set() {
    for side in 1..=4 {
        let mut noise = noise(side as u32);
        let count = 256 * side * side;
        let noisy: Vec<i8> = (0..count).map(|_| noise() as i8).collect();
        for entries in [noisy, vec![-128; count], vec![127; count]] {
            let table = Table {
                entries: &entries,
                side,
                nodes: 256,
                interval: 4,
                shift: 0,
            };
            let slots = slots(side);
            let portable = Point::new(&table, Cpu::Portable);
            for cpu in cpus() {
                let kernel = Point::new(&table, cpu);
                for (width, content) in cases() {
                    let rows: [Vec<u8>; 4] = std::array::from_fn(|i| content.row(width, i as u32));
                    let inputs = rows.each_ref().map(Vec::as_slice);
                    let [expected, found] = [&portable, &kernel].map(|kernel| {
                        let mut sums = guarded_sums::<i16>(width, slots);
                        kernel.add(&inputs, width, &mut sums);
                        unguarded(&sums, width, slots).to_vec()
                    });
                    assert_eq!(found, expected, "{cpu:?}, {width} pixels, {content:?}");
                }
            }
        }
    }
}

/// In the sums of a deeper plane, whose scale is another.
#[test]
fn entries_are_added_to_deep_sums_alike_by_every_instruction_set() {
    for side in 1..=4 {
        let mut noise = noise(side as u32);
        let count = 256 * side * side;
        let entries: Vec<i8> = (0..count).map(|_| noise() as i8).collect();
        for shift in [2, 4, 8] {
            let table = Table {
                entries: &entries,
                side,
                nodes: 256,
                interval: 4,
                shift,
            };
            let slots = slots(side);
            let portable = Point::new(&table, Cpu::Portable);
            for cpu in cpus() {
                let kernel = Point::new(&table, cpu);
                for width in [1, 64, 255, 256, 257, 300, 513] {
                    let rows: [Vec<u8>; 4] =
                        std::array::from_fn(|i| Content::Noise.row(width, i as u32));
                    let inputs = rows.each_ref().map(Vec::as_slice);
                    let [expected, found] = [&portable, &kernel].map(|kernel| {
                        let mut sums = guarded_sums::<i32>(width, slots);
                        kernel.add(&inputs, width, &mut sums);
                        unguarded(&sums, width, slots).to_vec()
                    });
                    assert_eq!(
                        found, expected,
                        "{cpu:?}, {width} pixels, {shift} bits more"
                    );
                }
            }
        }
    }
}
