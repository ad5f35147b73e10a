//! The end of a stage: bias, division rounded half to even, clamp (ARITHMETIC sections 3 and 5).

mod portable;

use super::Sample;
use crate::engine::model::Rounding;

/// Turns sums into samples, exactly, by a multiplication.
///
/// At more than 8 bits the stage's own `q` cancels against the `2^(depth-8)` that section 5 multiplies by: at any depth
/// a sample is `clamp(rhe(S / divisor) + bias, 0, max)` with the same divisor.
#[derive(Clone, Copy, Debug)]
pub struct Finish {
    /// Output pixels a side for each pixel.
    side: usize,
    /// `bias * divisor + divisor / 2`: with it a floor division rounds half up.
    offset: i32,
    divisor: i32,
    /// Largest sum, offset included, that the clamp leaves alone.
    limit: i32,
    /// `divisor = odd << shift`
    shift: u32,
    /// `2^POINT / odd`, rounded up.
    reciprocal: u64,
}

/// A dividend without its `shift` low bits is below 2^20, and `odd` is at most 15: so many bits make the product exact,
/// as the excess of the reciprocal, below `odd / 2^POINT`, never adds up to the next multiple of `1 / odd`.
const POINT: u32 = 24;

impl Finish {
    /// For the sum of `branches` branches, 1..=16, of tables with `interval` bits, at `depth` bits a sample.
    #[must_use]
    pub fn new(
        rounding: Rounding,
        branches: usize,
        interval: u32,
        side: usize,
        depth: u32,
    ) -> Self {
        let (average, bias) = match rounding {
            Rounding::Mid => (4 * branches as i32, 127 << (depth - 8)),
            Rounding::Last => (branches as i32, 0),
        };
        let divisor = average << interval;
        let max = (1 << depth) - 1;
        let shift = divisor.trailing_zeros();
        Self {
            side,
            offset: bias * divisor + divisor / 2,
            divisor,
            limit: max * divisor + divisor / 2 - 1,
            shift,
            reciprocal: (1u64 << POINT).div_ceil((divisor >> shift) as u64),
        }
    }

    /// How many branches of tables with `interval` bits an 8-bit plane's sum can hold: an entry is at least -128, and a
    /// branch makes four look-ups.
    #[must_use]
    pub fn branches_per_sum(interval: u32) -> usize {
        (1 << 15) / ((4 * 128) << interval)
    }

    /// Output pixels a side for each pixel.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// Turns the sums of `width` pixels into `side` rows of samples.
    ///
    /// `sums` has `groups` equal parts that add up to the stage's sum, [`slots`](super::slots) for each pixel in each; `outputs`
    /// has `side` equal parts, one for each row.
    pub fn rows<S: Sample>(&self, sums: &[S::Sum], groups: usize, width: usize, outputs: &mut [S]) {
        portable::rows(self, sums, groups, width, outputs);
    }
}
