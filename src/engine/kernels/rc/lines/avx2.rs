//! RC modules by AVX2: the sums of 32 pixels at a time, the levels of single ones.

use std::arch::x86_64::*;

use super::{Convolution, MOST_TAPS, Run, Table, Window};
use crate::engine::{
    kernels::{
        avx2::{LANES, load, store_sums},
        padded_width,
    },
    model::Offset,
};

/// Most runs of taps in a window.
const MAX_RUNS: usize = MOST_TAPS.pow(2) / 2 * 2;

/// Vectors of pixels that are made at once.
const MOST_VECTORS: usize = 4;

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
        let (mut x, end) = (0, padded_width(width));
        while x + MOST_VECTORS * LANES <= end {
            self.pixels::<MOST_VECTORS>(runs, rows, x, output);
            x += MOST_VECTORS * LANES;
        }
        while x < end {
            self.pixels::<1>(runs, rows, x, output);
            x += LANES;
        }
    }

    /// Makes as many vectors of pixels. The more there are, the more use is made of slopes once loaded.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pixels<const VECTORS: usize>(
        &self,
        runs: &[Run<2>],
        rows: &[&[u8]],
        x: usize,
        output: &mut [u8],
    ) {
        let constant = _mm256_set1_epi16((self.taps.constant - self.table.first) as i16);
        let mut sums = [[constant; 2]; VECTORS];
        for (run, row) in runs.iter().zip(rows) {
            let slopes = |slopes: [i8; 2]| {
                _mm256_set1_epi16(i16::from_le_bytes(slopes.map(i8::cast_unsigned)))
            };
            let (even, odd) = (slopes(run.even), slopes(run.odd));
            let row = &row[x..][..VECTORS * LANES];
            for (number, [evens, odds]) in sums.iter_mut().enumerate() {
                // What overflows on the way comes right at last.
                let taps = load(row, number * LANES);
                *evens = _mm256_add_epi16(*evens, _mm256_maddubs_epi16(taps, even));
                *odds = _mm256_add_epi16(*odds, _mm256_maddubs_epi16(taps, odd));
            }
        }
        let mut in_order = [0; MOST_VECTORS * LANES];
        for (number, [evens, odds]) in sums.into_iter().enumerate() {
            let first = _mm256_unpacklo_epi16(evens, odds);
            let second = _mm256_unpackhi_epi16(evens, odds);
            let lower = _mm256_permute2x128_si256::<0x20>(first, second);
            let upper = _mm256_permute2x128_si256::<0x31>(first, second);
            store_sums(&mut in_order, number * LANES, lower);
            store_sums(&mut in_order, number * LANES + LANES / 2, upper);
        }
        let output = &mut output[x..][..VECTORS * LANES];
        for (levels, sums) in output
            .as_chunks_mut()
            .0
            .iter_mut()
            .zip(in_order.as_chunks().0)
        {
            *levels = self.eight_levels(sums);
        }
    }

    /// Eight levels, put together to be stored at once.
    #[inline(always)]
    fn eight_levels(&self, sums: &[i16; 8]) -> [u8; 8] {
        let levels = sums.map(|sum| u64::from(self.table.level(sum.cast_unsigned())));
        let levels = levels.into_iter().rev();
        levels
            .fold(0, |after, level| after << 8 | level)
            .to_le_bytes()
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
