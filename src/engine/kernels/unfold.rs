//! Brings the values of squares, looked up once for four rotations, back to the pixels at their corners.

use super::Accumulator;
use crate::engine::cpu::Cpu;

/// The corner of the square that holds the pixel, for each rotation: `(row, column)` in units of the side.
const PIXEL: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 1), (1, 0)];

/// For the squares of one branch.
#[derive(Clone, Copy)]
pub struct Unfold {
    distance: usize,
    slots: usize,
    cpu: Cpu,
}

impl Unfold {
    /// For squares of side `distance` with `slots` values for each corner.
    #[must_use]
    pub fn new(distance: usize, slots: usize, cpu: Cpu) -> Self {
        Self {
            distance,
            slots,
            cpu,
        }
    }

    /// Rows between the top and the bottom of a square.
    #[must_use]
    pub fn distance(&self) -> usize {
        self.distance
    }

    /// Values for each corner of a square.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Adds to each pixel the look-ups of the four squares that it is a corner of.
    ///
    /// `top` are the rows, one for each rotation, of the squares whose top is the pixel's row, from `distance` columns
    /// left of the first pixel on; `bottom` those whose bottom it is.
    pub fn add<A: Accumulator>(
        &self,
        top: [&[A]; 4],
        bottom: [&[A]; 4],
        width: usize,
        sums: &mut [A],
    ) {
        let count = width * self.slots;
        let values = std::array::from_fn(|rotation| {
            let (row, column) = PIXEL[rotation];
            let values = if row == 0 { top } else { bottom }[rotation];
            &values[(1 - column) * self.distance * self.slots..][..count]
        });
        let sums = &mut sums[..count];
        match self.cpu {
            // SAFETY: the processor has the instruction set that the plan is made for.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx512 => unsafe { add_avx512(values, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx2 => unsafe { add_avx2(values, sums) },
            _ => add(values, sums),
        }
    }
}

#[inline(always)]
fn add<A: Accumulator>([a, b, c, d]: [&[A]; 4], sums: &mut [A]) {
    let values = a.iter().zip(b).zip(c).zip(d);
    for (sum, (((a, b), c), d)) in sums.iter_mut().zip(values) {
        sum.add((*a).into());
        sum.add((*b).into());
        sum.add((*c).into());
        sum.add((*d).into());
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_avx2<A: Accumulator>(values: [&[A]; 4], sums: &mut [A]) {
    add(values, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn add_avx512<A: Accumulator>(values: [&[A]; 4], sums: &mut [A]) {
    add(values, sums);
}
