//! RC modules by AVX-512: 64 pixels of a vector, four taps an instruction.

use std::arch::x86_64::*;

use super::{Convolution, MOST_TAPS, Run, Squash, Window};
use crate::engine::{
    kernels::{
        LANES,
        avx512::{load, store},
        padded_width,
    },
    model::Offset,
};

/// Most runs of taps in a window.
const MAX_RUNS: usize = MOST_TAPS.pow(2) / 4;

/// A module of lines.
pub struct Lines {
    taps: Convolution<4>,
    squash: Squash,
}

impl Lines {
    /// If the contributions are lines, and the squash is one for vectors.
    pub fn new(window: &Window, thresholds: &[i32]) -> Option<Self> {
        Some(Self {
            taps: Convolution::new(window)?,
            squash: Squash::new(thresholds, window.reach())?,
        })
    }

    /// Makes `width` pixels of the planes of all rotations.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
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
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn row(&self, runs: &[Run<4>], rows: &[&[u8]], width: usize, output: &mut [u8]) {
        let (mut x, end) = (0, padded_width(width));
        while x + 4 * LANES <= end {
            self.pixels::<4>(runs, rows, x, output);
            x += 4 * LANES;
        }
        while x < end {
            self.pixels::<1>(runs, rows, x, output);
            x += LANES;
        }
    }

    /// Makes as many vectors of pixels. The more there are, the more use is made of slopes once loaded.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn pixels<const VECTORS: usize>(
        &self,
        runs: &[Run<4>],
        rows: &[&[u8]],
        x: usize,
        output: &mut [u8],
    ) {
        // Vector `k` of four holds the sums of pixels `4 i + k`: then 64 bytes of a row are taps of all of them.
        let constant = _mm512_set1_epi32(self.taps.constant - self.squash.first);
        let mut sums = [[constant; 4]; VECTORS];
        for (run, row) in runs.iter().zip(rows) {
            let slopes = |slopes: [i8; 4]| {
                _mm512_set1_epi32(i32::from_le_bytes(slopes.map(i8::cast_unsigned)))
            };
            let (even, odd) = (slopes(run.even), slopes(run.odd));
            let row = &row[x..][..VECTORS * LANES + 2];
            for (number, [a, b, c, d]) in sums.iter_mut().enumerate() {
                let taps = load(row, number * LANES);
                *a = _mm512_dpbusd_epi32(*a, taps, even);
                *b = _mm512_dpbusd_epi32(*b, taps, odd);
                let taps = load(row, number * LANES + 2);
                *c = _mm512_dpbusd_epi32(*c, taps, even);
                *d = _mm512_dpbusd_epi32(*d, taps, odd);
            }
        }
        // In each lane of 128 bits levels come out as four of `a`, four of `b`, ...
        let places: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
        let in_order = _mm512_broadcast_i32x4(load_lane(&places));
        for (number, [a, b, c, d]) in sums.into_iter().enumerate() {
            let pairs = [_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d)];
            let levels = self.squash.levels(pairs);
            store(
                output,
                x + number * LANES,
                _mm512_shuffle_epi8(levels, in_order),
            );
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_lane(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
