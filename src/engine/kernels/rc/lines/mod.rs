//! Modules whose contributions are lines: a convolution. What the kernels of every instruction set share.

pub mod avx2;
pub mod avx512;
pub mod deep;

use super::{
    squash::{Squash, Table},
    window::Window,
};
use crate::engine::model::Offset;

/// No window has more rows, nor its rows more taps, counting one more for the pixels on the right.
pub const MOST_TAPS: usize = 16;

/// As many neighbouring taps of a row as one instruction multiplies and adds.
///
/// What an instruction multiplies lies at every `TAPS`-th sample from the offset on. The pixels there take the taps from
/// the offset on; the pixels right of them take the taps from one before it on.
pub struct Run<const TAPS: usize> {
    pub offset: Offset,
    pub even: [i8; TAPS],
    pub odd: [i8; TAPS],
}

/// A window as a convolution in four rotations.
pub struct Convolution<const TAPS: usize> {
    pub runs: [Vec<Run<TAPS>>; 4],
    /// What the sum of the taps starts with.
    pub constant: i32,
}

impl<const TAPS: usize> Convolution<TAPS> {
    /// If the contributions are lines with slopes of 8 bits.
    pub fn new(window: &Window) -> Option<Self> {
        let slopes = window.slopes()?;
        let runs = [0, 1, 2, 3].map(|rotation| {
            let taps = window.rotated(rotation).zip(slopes.iter().copied());
            let mut taps: Vec<_> = taps.filter(|(_, slope)| *slope != 0).collect();
            taps.sort_unstable();
            let rows = taps.chunk_by(|((row, _), _), ((next, _), _)| row == next);
            rows.flat_map(runs).collect()
        });
        Some(Self {
            runs,
            constant: window.at_zero(),
        })
    }
}

/// The runs of a row of taps.
fn runs<const TAPS: usize>(taps: &[(Offset, i8)]) -> impl Iterator<Item = Run<TAPS>> {
    let ((row, first), _) = taps[0];
    let ((_, last), _) = taps[taps.len() - 1];
    let slopes = move |at: i32| {
        let slope = |dx| taps.iter().find(|((_, x), _)| *x == dx);
        std::array::from_fn(|tap| slope(at + tap as i32).map_or(0, |(_, slope)| *slope))
    };
    // The pixels on the right need their last tap.
    let starts = (first..=last + 1).step_by(TAPS);
    starts.map(move |at| Run {
        offset: (row, at),
        even: slopes(at),
        odd: slopes(at - 1),
    })
}
