//! RC modules by AVX2: the sums of 32 pixels at a time, the levels of single ones.

use std::arch::x86_64::*;

use super::{Convolution, MOST_TAPS, Run, Table, Window};
use crate::engine::{
    kernels::avx2::{LANES, load},
    model::Offset,
};

/// Most runs of taps in a window.
const MAX_RUNS: usize = MOST_TAPS.pow(2) / 2 * 2;

/// A module of lines.
pub struct Lines {
    taps: Convolution<2>,
    table: Table,
}

impl Lines {
    /// If the contributions are lines, and 16 bits hold all sums.
    pub fn new(window: &Window, thresholds: &[i32]) -> Option<Self> {
        let table = Table::new(thresholds, window.reach())?;
        let mut taps = Convolution::new(window)?;
        taps.runs = taps
            .runs
            .map(|runs| runs.into_iter().flat_map(split).collect());
        Some(Self { taps, table })
    }

    /// Makes `width` pixels of the planes of all rotations.
    #[target_feature(enable = "avx2")]
    pub fn make<'a, 'b>(
        &self,
        input: impl Fn(Offset) -> &'a [u8],
        width: usize,
        outputs: impl Iterator<Item = &'b mut [u8]>,
    ) {
        for (runs, output) in self.taps.runs.iter().zip(outputs) {
            let mut rows: [&[u8]; MAX_RUNS] = [&[]; MAX_RUNS];
            for (row, run) in rows.iter_mut().zip(runs) {
                *row = input(run.offset);
            }
            self.row(runs, &rows, width, output);
        }
    }

    /// Makes `width` pixels of one rotation, from the rows of its runs.
    #[target_feature(enable = "avx2")]
    fn row(&self, runs: &[Run<2>], rows: &[&[u8]], width: usize, output: &mut [u8]) {
        let constant = (self.taps.constant - self.table.first) as i16;
        for (chunk, output) in output[..width].chunks_mut(LANES).enumerate() {
            // The sums are exact at last whatever overflows on the way.
            let mut evens = _mm256_set1_epi16(constant);
            let mut odds = evens;
            for (run, row) in runs.iter().zip(rows) {
                let slopes = |[a, b]: [i8; 2]| {
                    _mm256_set1_epi16(i16::from_le_bytes([a, b].map(i8::cast_unsigned)))
                };
                let taps = load(row, chunk * LANES);
                let even = _mm256_maddubs_epi16(taps, slopes(run.even));
                let odd = _mm256_maddubs_epi16(taps, slopes(run.odd));
                evens = _mm256_add_epi16(evens, even);
                odds = _mm256_add_epi16(odds, odd);
            }
            let [evens, odds] = [evens, odds].map(|sums| {
                // SAFETY: both are 32 bytes and any bits make numbers.
                unsafe { std::mem::transmute::<__m256i, [u16; 16]>(sums) }
            });
            let sums = evens
                .into_iter()
                .zip(odds)
                .flat_map(|(even, odd)| [even, odd]);
            for (output, sum) in output.iter_mut().zip(sums) {
                *output = self.table.level(sum);
            }
        }
    }
}

/// A run whose sums of products fit in 16 bits, or two of them.
fn split(run: Run<2>) -> impl Iterator<Item = Run<2>> {
    let fits = |slopes: [i8; 2]| {
        let [a, b] = slopes.map(i32::from);
        let sums = [a.min(0) + b.min(0), a.max(0) + b.max(0)];
        sums.iter().all(|sum| i16::try_from(255 * sum).is_ok())
    };
    let part = |number: usize| {
        let only = |slopes: [i8; 2]| {
            std::array::from_fn(|tap| if tap == number { slopes[tap] } else { 0 })
        };
        Run {
            offset: run.offset,
            even: only(run.even),
            odd: only(run.odd),
        }
    };
    let parts = match fits(run.even) && fits(run.odd) {
        true => vec![run],
        false => vec![part(0), part(1)],
    };
    parts.into_iter()
}
