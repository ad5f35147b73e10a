//! RC modules of lines above 8 bits by AVX-512: 64 pixels of two vectors, two taps an instruction.

use std::arch::x86_64::*;

use super::{MAX_RUNS, Run, Taps};
use crate::engine::{
    kernels::{
        LANES,
        avx512::{load, load_words, store},
        padded_width,
        rc::{squash::Squash, window::Window},
    },
    model::Offset,
};

/// A module of lines.
pub struct Lines {
    taps: Taps,
    squash: Squash,
    start: i32,
}

impl Lines {
    /// If the contributions are lines, and the squash is one for vectors.
    pub fn new(window: &Window, thresholds: &[i32], depth: u32) -> Option<Self> {
        let taps = Taps::new(window, depth)?;
        let squash = Squash::new(thresholds, taps.reach)?;
        let start = taps.start(squash.first)?;
        Some(Self {
            taps,
            squash,
            start,
        })
    }

    /// Makes `width` pixels of the planes of all rotations.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
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
            let (mut x, end) = (0, padded_width(width));
            while x + 4 * LANES <= end {
                self.pixels::<4>(runs, &rows, x, output);
                x += 4 * LANES;
            }
            while x < end {
                self.pixels::<1>(runs, &rows, x, output);
                x += LANES;
            }
        }
    }

    /// Makes as many times 64 pixels. The more there are, the more use is made of slopes once loaded.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn pixels<const TIMES: usize>(
        &self,
        runs: &[Run],
        rows: &[&[u16]],
        x: usize,
        output: &mut [u8],
    ) {
        let middle = _mm512_set1_epi16(i16::MIN);
        // For each half of 64 pixels, the sums of every other one from the first on, and from the second on.
        let mut sums = [[[_mm512_set1_epi32(self.start); 2]; 2]; TIMES];
        for (run, row) in runs.iter().zip(rows) {
            let (even, odd) = (_mm512_set1_epi32(run.even), _mm512_set1_epi32(run.odd));
            let row = &row[x..][..TIMES * LANES];
            for (number, [evens, odds]) in sums.as_flattened_mut().iter_mut().enumerate() {
                let taps = _mm512_xor_si512(load_words(row, number * LANES / 2), middle);
                *evens = _mm512_dpwssd_epi32(*evens, taps, even);
                *odds = _mm512_dpwssd_epi32(*odds, taps, odd);
            }
        }
        let deeper = _mm_cvtsi32_si128(self.taps.deeper as i32);
        // Levels of the first half and of the last alternate.
        let places: [u8; LANES] =
            std::array::from_fn(|pixel| (2 * (pixel % 32) + pixel / 32) as u8);
        let in_order = load(&places, 0);
        for (number, halves) in sums.into_iter().enumerate() {
            let halves = halves.map(|[evens, odds]| {
                let low = _mm512_unpacklo_epi32(evens, odds);
                let high = _mm512_unpackhi_epi32(evens, odds);
                _mm512_packus_epi32(
                    _mm512_sra_epi32(low, deeper),
                    _mm512_sra_epi32(high, deeper),
                )
            });
            let levels = _mm512_permutexvar_epi8(in_order, self.squash.levels(halves));
            store(output, x + number * LANES, levels);
        }
    }
}
