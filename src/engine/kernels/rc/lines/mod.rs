//! Modules whose contributions are lines: a convolution. What the kernels of every instruction set share.

pub mod avx2;
pub mod avx512;
pub mod deep;

use std::collections::{BTreeMap, BTreeSet};

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
            runs(&taps.collect())
        });
        Some(Self {
            runs,
            constant: window.at_zero(),
        })
    }
}

/// The runs of a window with these slopes.
fn runs<const TAPS: usize>(slopes: &BTreeMap<Offset, i8>) -> Vec<Run<TAPS>> {
    let columns = slopes.keys().map(|(_, column)| *column);
    let first = columns.clone().min().unwrap_or(0);
    // The pixels on the right need their last tap.
    let end = columns.max().unwrap_or(0) + 2;
    let count = (end - first)
        .cast_unsigned()
        .div_ceil(TAPS as u32)
        .cast_signed();
    // Windows that begin or end at the same column have runs at the same offsets.
    let first = match first + end > 0 {
        true => first,
        false => end - count * TAPS as i32,
    };
    let rows: BTreeSet<_> = slopes.keys().map(|(row, _)| *row).collect();
    let starts = (0..count).map(|run| first + run * TAPS as i32);
    let offsets = rows
        .into_iter()
        .flat_map(|row| starts.clone().map(move |start| (row, start)));
    let runs = offsets.map(|(row, start)| {
        let slope = |column| *slopes.get(&(row, column)).unwrap_or(&0);
        Run {
            offset: (row, start),
            even: std::array::from_fn(|tap| slope(start + tap as i32)),
            odd: std::array::from_fn(|tap| slope(start + tap as i32 - 1)),
        }
    });
    let counts = |run: &Run<TAPS>| run.even.iter().chain(&run.odd).any(|slope| *slope != 0);
    runs.filter(counts).collect()
}
