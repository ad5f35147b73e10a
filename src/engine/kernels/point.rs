//! One-dimensional tables behind an RC module: one entry for each rotation, no interpolation (ARITHMETIC section 4).

use super::{Accumulator, simplex::Table, sub_pixel_places};

/// The table of one branch, ready to add.
pub struct Point {
    /// For each rotation 256 entries, each sub-pixel in its place, already times the interval.
    entries: [Box<[i32]>; 4],
    outputs: usize,
}

impl Point {
    /// Packs a table of 256 entries.
    #[must_use]
    pub fn new(table: Table) -> Self {
        let places = sub_pixel_places(table.side);
        let outputs = places[0].len();
        Self {
            entries: places.map(|places| {
                let mut entries = vec![0; table.entries.len()];
                let rows = table.entries.chunks_exact(outputs);
                for (row, entry) in entries.chunks_exact_mut(outputs).zip(rows) {
                    for (value, place) in entry.iter().zip(&places) {
                        row[*place] = i32::from(*value) << (table.interval + table.shift);
                    }
                }
                entries.into()
            }),
            outputs,
        }
    }

    /// Adds the entries of `width` pixels to `sums`; `inputs` has a row of RC planes for each rotation.
    pub fn add<A: Accumulator>(&self, inputs: &[&[u8]; 4], width: usize, sums: &mut [A]) {
        for (row, entries) in inputs.iter().zip(&self.entries) {
            let sums = sums.chunks_exact_mut(self.outputs);
            for (index, sums) in row[..width].iter().zip(sums) {
                let entry = &entries[usize::from(*index) * self.outputs..][..self.outputs];
                for (sum, value) in sums.iter_mut().zip(entry) {
                    sum.add(*value);
                }
            }
        }
    }
}
