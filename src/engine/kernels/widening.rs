//! Look-ups of 8-bit samples in the sums of a deeper plane: what is behind an RC module (ARITHMETIC section 5).

use super::{Accumulator, simplex::Table, slots};

/// Pixels that are made at a time, in as much memory as the nearest cache has room for.
const PIXELS: usize = 256;
/// Most sums of a pixel.
const MOST_SLOTS: usize = 16;

/// How sums of 16 bits, as kernels of 8-bit samples make them, come to the scale of a stage's others.
pub struct Widening {
    slots: usize,
    shift: u32,
}

impl Widening {
    /// For the look-ups in a table.
    pub fn new(table: &Table) -> Self {
        Self {
            slots: slots(table.side),
            shift: table.shift,
        }
    }

    /// Adds what a kernel adds to the sums of `width` pixels. The kernel gets the number of a pixel, how many there are from
    /// there on, and their sums.
    pub fn add<A: Accumulator>(
        &self,
        width: usize,
        sums: &mut [A],
        kernel: impl Fn(usize, usize, &mut [i16]),
    ) {
        if let Some(sums) = A::narrow_mut(sums) {
            return kernel(0, width, sums);
        }
        let mut narrow = [0; PIXELS * MOST_SLOTS];
        let parts = sums.chunks_mut(PIXELS * self.slots);
        for (x, sums) in (0..width).step_by(PIXELS).zip(parts) {
            let narrow = &mut narrow[..sums.len()];
            narrow.fill(0);
            kernel(x, PIXELS.min(width - x), narrow);
            for (sum, more) in sums.iter_mut().zip(narrow) {
                sum.add(i32::from(*more) << self.shift);
            }
        }
    }
}
