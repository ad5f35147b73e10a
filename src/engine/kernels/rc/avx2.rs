//! RC modules by AVX2: the convolution 32 pixels at a time, four taps an instruction; the squash one pixel at a time.

use std::arch::x86_64::*;

use super::affine::{Affine, MAX_RUNS, Squash};
use crate::engine::{
    kernels::avx2::{LANES, load},
    model::Offset,
};

/// Makes `width` pixels of the plane of one rotation.
#[target_feature(enable = "avx2")]
pub fn make<'a>(
    module: &Affine,
    rotation: usize,
    input: impl Fn(Offset) -> &'a [u8],
    width: usize,
    output: &mut [u8],
) {
    let runs = &module.runs[rotation];
    let mut rows: [&[u8]; MAX_RUNS] = [&[]; MAX_RUNS];
    for (row, run) in rows.iter_mut().zip(runs) {
        *row = input(run.offset);
    }
    let low_byte = _mm256_set1_epi16(255);
    for (chunk, output) in output[..width].chunks_mut(LANES).enumerate() {
        let x = chunk * LANES;
        // Vector `k` holds the sums of pixels `4 i + k`: then a load is the taps of all of them.
        let mut sums = [_mm256_set1_epi32(module.constant); 4];
        for (run, row) in runs.iter().zip(rows) {
            let [a, b, c, d] = run.slopes.map(i32::from);
            let even = _mm256_set1_epi32(a & 0xffff | c << 16);
            let odd = _mm256_set1_epi32(b & 0xffff | d << 16);
            for (k, sum) in sums.iter_mut().enumerate() {
                // Products of bytes would not fit in pairs of 16 bits.
                let taps = load(row, x + k);
                let evens = _mm256_madd_epi16(_mm256_and_si256(taps, low_byte), even);
                let odds = _mm256_madd_epi16(_mm256_srli_epi16::<8>(taps), odd);
                *sum = _mm256_add_epi32(*sum, _mm256_add_epi32(evens, odds));
            }
        }
        // SAFETY: both are 128 bytes and any bits make numbers.
        let sums = unsafe { std::mem::transmute::<[__m256i; 4], [[i32; 8]; 4]>(sums) };
        for (x, output) in output.iter_mut().enumerate() {
            *output = module.squash.level(sums[x % 4][x / 4]);
        }
    }
}

impl Squash {
    /// The level of a sum, counted from the first.
    #[inline(always)]
    fn level(&self, sum: i32) -> u8 {
        let sum = (sum.clamp(0, self.last()) as usize) << self.shift;
        let (bucket, low) = (sum >> 8, sum as u8);
        let reached = |thresholds: &[[u8; 64]]| u8::from(low > thresholds.as_flattened()[bucket]);
        let inside = self.inside.iter().map(|thresholds| reached(thresholds));
        self.below.as_flattened()[bucket] + inside.sum::<u8>()
    }
}
