//! RC modules of lines above 8 bits by AVX2: the sums of 16 pixels at a time, the levels of single ones.

use std::arch::x86_64::*;

use super::{MAX_RUNS, Run, Taps};
use crate::engine::{
    kernels::{
        avx2::{load_words, store_words},
        padded_width,
        rc::{squash::Table, window::Window},
    },
    model::Offset,
};

/// Pixels of a vector.
const LANES: usize = 16;

/// Vectors of pixels that are made at once. Padded rows are as many vectors, or several times that.
const VECTORS: usize = 4;

/// A module of lines.
pub struct Lines {
    taps: Taps,
    table: Table,
    start: i32,
}

impl Lines {
    /// If the contributions are lines, and 16 bits hold all sums without the bits that are more than eight of a sample.
    pub fn new(window: &Window, thresholds: &[i32], depth: u32) -> Option<Self> {
        let taps = Taps::new(window, depth)?;
        let table = Table::new(thresholds, taps.reach)?;
        let start = taps.start(table.first)?;
        Some(Self { taps, table, start })
    }

    /// Makes `width` pixels of the planes of all rotations.
    #[target_feature(enable = "avx2")]
    pub fn make<'a, 'b>(
        &self,
        input: impl Fn(Offset) -> &'a [u16],
        width: usize,
        outputs: impl Iterator<Item = &'b mut [u8]>,
    ) {
        for (runs, output) in self.taps.runs.iter().zip(outputs) {
            let mut rows: [&[u16]; MAX_RUNS] = [&[]; MAX_RUNS];
            for (row, run) in rows.iter_mut().zip(runs) {
                *row = input(run.offset);
            }
            let output = &mut output[..width];
            for x in (0..padded_width(width)).step_by(VECTORS * LANES) {
                self.pixels(runs, &rows, x, output);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn pixels(&self, runs: &[Run], rows: &[&[u16]], x: usize, output: &mut [u8]) {
        let middle = _mm256_set1_epi16(i16::MIN);
        let mut sums = [[_mm256_set1_epi32(self.start); 2]; VECTORS];
        for (run, row) in runs.iter().zip(rows) {
            let (even, odd) = (_mm256_set1_epi32(run.even), _mm256_set1_epi32(run.odd));
            let row = &row[x..][..VECTORS * LANES];
            for (number, [evens, odds]) in sums.iter_mut().enumerate() {
                let taps = _mm256_xor_si256(load_words(row, number * LANES), middle);
                *evens = _mm256_add_epi32(*evens, _mm256_madd_epi16(taps, even));
                *odds = _mm256_add_epi32(*odds, _mm256_madd_epi16(taps, odd));
            }
        }
        let deeper = _mm_cvtsi32_si128(self.taps.deeper as i32);
        let mut in_order = [0; VECTORS * LANES];
        for (number, [evens, odds]) in sums.into_iter().enumerate() {
            let halves = [
                _mm256_unpacklo_epi32(evens, odds),
                _mm256_unpackhi_epi32(evens, odds),
            ];
            let [low, high] = halves.map(|sums| _mm256_sra_epi32(sums, deeper));
            store_words(
                &mut in_order,
                number * LANES,
                _mm256_packus_epi32(low, high),
            );
        }
        for (output, sum) in output.iter_mut().skip(x).zip(in_order) {
            *output = self.table.level(sum);
        }
    }
}
