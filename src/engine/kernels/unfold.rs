//! Brings the values of squares, looked up once for four rotations, back to the pixels at their corners.

use super::Accumulator;

/// The corner of the square that holds the pixel, for each rotation: `(row, column)` in units of the side.
const PIXEL: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 1), (1, 0)];

/// For the squares of one branch.
#[derive(Clone, Copy)]
pub struct Unfold {
    distance: usize,
    slots: usize,
}

impl Unfold {
    /// For squares of side `distance` with `slots` values for each corner.
    #[must_use]
    pub fn new(distance: usize, slots: usize) -> Self {
        Self { distance, slots }
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
        let [a, b, c, d] = std::array::from_fn(|rotation| {
            let (row, column) = PIXEL[rotation];
            let values = if row == 0 { top } else { bottom }[rotation];
            &values[(1 - column) * self.distance * self.slots..][..count]
        });
        for (i, sum) in sums[..count].iter_mut().enumerate() {
            sum.add(a[i].into());
            sum.add(b[i].into());
            sum.add(c[i].into());
            sum.add(d[i].into());
        }
    }
}
