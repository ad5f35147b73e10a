//! One-dimensional tables on any processor.

use super::{Accumulator, Table};
use crate::engine::kernels::{slots, sub_pixel_places};

pub struct Point {
    /// For each rotation 256 rows of entries, each sub-pixel in its place, already times the interval.
    rows: [Box<[i32]>; 4],
    slots: usize,
}

impl Point {
    pub fn new(table: &Table) -> Self {
        let places = sub_pixel_places(table.side);
        let (outputs, slots) = (places[0].len(), slots(table.side));
        Self {
            rows: places.map(|places| {
                let mut rows = vec![0; 256 * slots];
                let entries = table.entries.chunks_exact(outputs);
                for (row, entry) in rows.chunks_exact_mut(slots).zip(entries) {
                    for (value, place) in entry.iter().zip(&places) {
                        row[*place] = i32::from(*value) << (table.interval + table.shift);
                    }
                }
                rows.into()
            }),
            slots,
        }
    }

    pub fn add<A: Accumulator>(&self, inputs: &[&[u8]; 4], width: usize, sums: &mut [A]) {
        for (input, rows) in inputs.iter().zip(&self.rows) {
            let sums = sums.chunks_exact_mut(self.slots);
            for (index, sums) in input[..width].iter().zip(sums) {
                let entry = &rows[usize::from(*index) * self.slots..][..self.slots];
                for (sum, value) in sums.iter_mut().zip(entry) {
                    sum.add(*value);
                }
            }
        }
    }
}
