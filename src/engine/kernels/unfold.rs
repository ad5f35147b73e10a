//! Brings the values of squares, looked up once for four rotations, back to the pixels at their corners.

use super::Accumulator;
use crate::engine::cpu::Cpu;

/// The corner of the square that holds the pixel, for each rotation: `(row, column)` in units of the side.
const PIXEL: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 1), (1, 0)];

/// What the rows of a fold hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// For each rotation, the values of squares.
    Rotations,
    /// For the pixels at the top of squares and for those at the bottom: what the square to the right of a pixel says of it
    /// and the one to the left, summed, in the former's place.
    Sides,
}

impl Rows {
    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::Rotations => 4,
            Self::Sides => 2,
        }
    }
}

/// For the squares of one side.
#[derive(Clone, Copy)]
pub struct Unfold {
    distance: usize,
    slots: usize,
    rows: Rows,
    cpu: Cpu,
}

impl Unfold {
    /// For squares of side `distance` with `slots` values for each corner.
    #[must_use]
    pub fn new(distance: usize, slots: usize, rows: Rows, cpu: Cpu) -> Self {
        Self {
            distance,
            slots,
            rows,
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

    /// What is unfolded.
    #[must_use]
    pub fn rows(&self) -> Rows {
        self.rows
    }

    /// Adds to each pixel the look-ups of the four squares that it is a corner of.
    ///
    /// `row` gives one of the rows of the squares whose top is so many rows above the pixels, from `distance` columns left
    /// of the first pixel on.
    pub fn add<'a, A: Accumulator>(
        &self,
        row: impl Fn(usize, usize) -> &'a [A],
        width: usize,
        sums: &mut [A],
    ) {
        self.sum::<A, true>(row, width, sums);
    }

    /// As [`Unfold::add`], but to zeros in place of the sums; those behind the last pixel become zeros too.
    pub fn set<'a, A: Accumulator>(
        &self,
        row: impl Fn(usize, usize) -> &'a [A],
        width: usize,
        sums: &mut [A],
    ) {
        self.sum::<A, false>(row, width, sums);
        sums[width * self.slots..].fill(A::default());
    }

    fn sum<'a, A: Accumulator, const KEEP: bool>(
        &self,
        row: impl Fn(usize, usize) -> &'a [A],
        width: usize,
        sums: &mut [A],
    ) {
        let count = width * self.slots;
        let values = |number: usize, above: usize, columns: usize| {
            &row(number, above * self.distance)[columns * self.distance * self.slots..][..count]
        };
        let sums = &mut sums[..count];
        match self.rows {
            Rows::Rotations => {
                let values = |rotation: usize| {
                    let (row, column) = PIXEL[rotation];
                    values(rotation, row, 1 - column)
                };
                self.sum_rows::<A, KEEP, 4>([0, 1, 2, 3].map(values), sums);
            }
            Rows::Sides => {
                self.sum_rows::<A, KEEP, 2>([0, 1].map(|side| values(side, side, 1)), sums);
            }
        }
    }

    fn sum_rows<A: Accumulator, const KEEP: bool, const N: usize>(
        &self,
        values: [&[A]; N],
        sums: &mut [A],
    ) {
        match self.cpu {
            // SAFETY: the processor has the instruction set that the plan is made for.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx512 => unsafe { sum_avx512::<A, KEEP, N>(values, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx2 => unsafe { sum_avx2::<A, KEEP, N>(values, sums) },
            _ => sum::<A, KEEP, N>(values, sums),
        }
    }
}

#[inline(always)]
fn sum<A: Accumulator, const KEEP: bool, const N: usize>(values: [&[A]; N], sums: &mut [A]) {
    let values = values.map(|values| &values[..sums.len()]);
    for (at, sum) in sums.iter_mut().enumerate() {
        let mut total = if KEEP { *sum } else { A::default() };
        for values in values {
            total.add(values[at].into());
        }
        *sum = total;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2<A: Accumulator, const KEEP: bool, const N: usize>(values: [&[A]; N], sums: &mut [A]) {
    sum::<A, KEEP, N>(values, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn sum_avx512<A: Accumulator, const KEEP: bool, const N: usize>(values: [&[A]; N], sums: &mut [A]) {
    sum::<A, KEEP, N>(values, sums);
}
