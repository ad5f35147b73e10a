//! 4-D simplex interpolation of a row, four rotations at once (ARITHMETIC sections 1 and 2).

mod portable;

use super::{Accumulator, Sample, sub_pixel_places};
use crate::engine::model::{Offset, rotate_offset};

/// The table of one branch, as the model has it.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    /// Entries, outputs last.
    pub entries: &'a [i8],
    /// Output pixels a side for each pixel: an entry has the square of it.
    pub side: usize,
    /// Nodes along an axis.
    pub nodes: usize,
    /// Bits of a sample below its node.
    pub interval: u32,
    /// Left shift that brings a value to the scale of the stage's sum.
    pub shift: u32,
}

/// A branch with any pattern: sixteen samples, four look-ups for each pixel.
pub struct Rotated {
    offsets: [[Offset; 4]; 4],
    kernel: portable::Rotated,
}

impl Rotated {
    /// Packs a table.
    #[must_use]
    pub fn new(table: Table, pattern: [Offset; 4]) -> Self {
        Self {
            offsets: std::array::from_fn(|rotation| {
                pattern.map(|offset| rotate_offset(rotation, offset))
            }),
            kernel: portable::Rotated::new(table, sub_pixel_places(table.side)),
        }
    }

    /// For each rotation, the offsets of axes a b c d in the unrotated frame.
    #[must_use]
    pub fn offsets(&self) -> &[[Offset; 4]; 4] {
        &self.offsets
    }

    /// Adds the look-ups of `width` pixels to `sums`, `side^2` for each pixel.
    ///
    /// `inputs` has, for each rotation and axis, the row to read from the first pixel's sample on.
    pub fn add<I: Sample, A: Accumulator>(
        &self,
        inputs: &[[&[I]; 4]; 4],
        width: usize,
        sums: &mut [A],
    ) {
        self.kernel.add(inputs, width, sums);
    }
}

/// A branch whose pattern is the corners of a square, on a plane: its four rotations read the same four samples, so that
/// one look-up in a table of permuted entries replaces four (docs/performance.md, "Folding").
pub struct Folded {
    kernel: portable::Folded,
}

/// For each rotation, which corner of the square (top left, top right, bottom left, bottom right) each axis reads.
const CORNERS: [[usize; 4]; 4] = [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]];

impl Folded {
    /// The side of the square, if the pattern is one.
    #[must_use]
    pub fn distance(pattern: [Offset; 4]) -> Option<usize> {
        let (_, side) = pattern[1];
        let square = [(0, 0), (0, side), (side, 0), (side, side)];
        (side > 0 && pattern == square).then_some(side as usize)
    }

    /// Packs a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self {
            kernel: portable::Folded::new(table, sub_pixel_places(table.side)),
        }
    }

    /// Looks up `squares` squares, side by side, into four rows: one for each rotation, `side^2` values for each square.
    ///
    /// `inputs` has the rows of the corners (top left, top right, bottom left, bottom right) from the first square on.
    pub fn look_up<I: Sample, A: Accumulator>(
        &self,
        inputs: &[&[I]; 4],
        squares: usize,
        outputs: [&mut [A]; 4],
    ) {
        self.kernel.look_up(inputs, squares, outputs);
    }
}

/// Brings the four rotations' values of squares back to the pixels at their corners.
#[derive(Clone, Copy)]
pub struct Unfold {
    distance: usize,
    outputs: usize,
}

/// The corner of the square that holds the pixel, for each rotation: `(row, column)` in units of the side.
const PIXEL: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 1), (1, 0)];

impl Unfold {
    /// For squares of side `distance` with `outputs` values for each corner.
    #[must_use]
    pub fn new(distance: usize, outputs: usize) -> Self {
        Self { distance, outputs }
    }

    /// Rows between the top and the bottom of a square.
    #[must_use]
    pub fn distance(&self) -> usize {
        self.distance
    }

    /// Values for each corner of a square.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Adds to each pixel the look-ups of the four squares that it is a corner of.
    ///
    /// `top` are the rows that [`Folded::look_up`] made of the squares whose top is the pixel's row, from `distance`
    /// columns left of the first pixel on; `bottom` those whose bottom it is.
    pub fn add<A: Accumulator>(
        &self,
        top: [&[A]; 4],
        bottom: [&[A]; 4],
        width: usize,
        sums: &mut [A],
    ) {
        let sums = &mut sums[..width * self.outputs];
        for (rotation, (row, column)) in PIXEL.into_iter().enumerate() {
            let values = if row == 0 { top } else { bottom }[rotation];
            let first = (1 - column) * self.distance * self.outputs;
            for (sum, value) in sums.iter_mut().zip(&values[first..]) {
                sum.add((*value).into());
            }
        }
    }
}
