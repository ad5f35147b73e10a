//! Modules of lines above 8 bits: interpolated between two entries (ARITHMETIC section 5), a line is still the same line, and
//! the module a convolution of samples of 16 bits. What the kernels of every instruction set share.

pub mod avx2;
pub mod avx512;

use super::{Convolution, MOST_TAPS};
use crate::engine::{kernels::rc::window::Window, model::Offset};

/// Most runs of two taps in a window.
const MAX_RUNS: usize = MOST_TAPS.pow(2) / 2;

/// Two neighbouring taps of a row, as [`super::Run`] has them: words in the halves of 32 bits.
struct Run {
    offset: Offset,
    even: i32,
    odd: i32,
}

/// A window as a convolution in four rotations, of samples that count from the middle of 16 bits.
pub struct Taps {
    runs: [Vec<Run>; 4],
    /// What the sum of the taps starts with, for samples of 8 bits.
    constant: i32,
    /// What half of 16 bits adds to a sum.
    middle: i32,
    /// Bits more than eight of a sample, and of a sum.
    deeper: u32,
    /// No sum without these bits is outside of these.
    reach: [i32; 2],
}

impl Taps {
    /// If the contributions are lines with slopes of 8 bits.
    pub fn new(window: &Window, depth: u32) -> Option<Self> {
        let slopes = window.slopes()?;
        let pair = |[low, high]: [i8; 2]| i32::from(low) & 0xffff | i32::from(high) << 16;
        let Convolution { runs, constant } = Convolution::<2>::new(window)?;
        let run = |run: super::Run<2>| Run {
            offset: run.offset,
            even: pair(run.even),
            odd: pair(run.odd),
        };
        // A sample is below the 256th level.
        let part = |slope: &i8| 256 * i32::from(*slope);
        let below: i32 = slopes.iter().map(part).map(|part| part.min(0)).sum();
        let above: i32 = slopes.iter().map(part).map(|part| part.max(0)).sum();
        Some(Self {
            runs: runs.map(|runs| runs.into_iter().map(run).collect()),
            constant,
            middle: slopes.iter().map(|slope| i32::from(*slope) << 15).sum(),
            deeper: depth - 8,
            reach: [constant + below, constant + above],
        })
    }

    /// What the sum of taps starts with where sums count from `first`, if 32 bits hold all of them.
    fn start(&self, first: i32) -> Option<i32> {
        let scaled = |sum: i32| {
            let sum = i64::from(sum) - i64::from(first);
            i32::try_from(sum << self.deeper).ok()
        };
        let [least, most] = self.reach;
        scaled(least)?;
        scaled(most)?;
        // What overflows on the way comes right at last.
        Some(scaled(self.constant)?.wrapping_add(self.middle))
    }
}
