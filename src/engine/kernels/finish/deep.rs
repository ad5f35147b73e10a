//! The end of a stage above 8 bits by AVX2: eight sums of 32 bits at a time.

use std::arch::x86_64::*;

use super::Division;
use crate::engine::kernels::avx2::{load_wide_sums, store_half_words, store_words};

/// How sums of 32 bits become samples.
#[derive(Clone, Copy, Debug)]
pub struct Samples {
    division: Division,
    shift: i32,
    /// `2^32 / odd`, rounded up, where `divisor = odd << shift`.
    reciprocal: u32,
}

impl Samples {
    pub fn new(division: &Division) -> Self {
        // A divisor that is a power of two is halved once less, for its reciprocal to have 32 bits.
        let shift = division.shift - u32::from(division.divisor.count_ones() == 1);
        let odd = (division.divisor >> shift) as u64;
        Self {
            division: *division,
            shift: shift as i32,
            reciprocal: (1u64 << 32).div_ceil(odd) as u32,
        }
    }

    /// Eight samples of 32 bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_eight(self, sums: __m256i) -> __m256i {
        let Division {
            offset,
            divisor,
            limit,
            ..
        } = self.division;
        let dividend = _mm256_add_epi32(sums, _mm256_set1_epi32(offset));
        let dividend = _mm256_max_epi32(dividend, _mm256_setzero_si256());
        let dividend = _mm256_min_epi32(dividend, _mm256_set1_epi32(limit));
        let shifted = _mm256_srl_epi32(dividend, _mm_cvtsi32_si128(self.shift));
        let reciprocal = _mm256_set1_epi32(self.reciprocal.cast_signed());
        let even = _mm256_mul_epu32(shifted, reciprocal);
        let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(shifted), reciprocal);
        let half_up = _mm256_blend_epi32::<0xaa>(_mm256_srli_epi64::<32>(even), odd);
        let product = _mm256_mullo_epi32(half_up, _mm256_set1_epi32(divisor));
        let odd = _mm256_and_si256(half_up, _mm256_set1_epi32(1));
        let tie = _mm256_cmpeq_epi32(product, dividend);
        _mm256_sub_epi32(half_up, _mm256_and_si256(odd, tie))
    }

    /// The samples of 16 sums: in each lane four of the first eight and four of the last.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn at(self, sums: &[i32], at: usize) -> __m256i {
        let eight = |at: usize| self.of_eight(load_wide_sums(sums, at));
        _mm256_packus_epi32(eight(at), eight(at + 8))
    }
}

/// `side` rows of as many samples for each pixel.
#[target_feature(enable = "avx2")]
pub fn rows(samples: Samples, sums: &[i32], width: usize, outputs: &mut [u16]) {
    match samples.division.side {
        1 => one(samples, sums, width, outputs),
        2 => four(samples, sums, width, outputs),
        3 => wide::<3>(samples, sums, width, outputs),
        _ => wide::<4>(samples, sums, width, outputs),
    }
}

#[target_feature(enable = "avx2")]
fn one(samples: Samples, sums: &[i32], width: usize, output: &mut [u16]) {
    for x in (0..width).step_by(16) {
        let words = samples.at(sums, x);
        store_words(output, x, _mm256_permute4x64_epi64::<0xd8>(words));
    }
}

#[target_feature(enable = "avx2")]
fn four(samples: Samples, sums: &[i32], width: usize, outputs: &mut [u16]) {
    let (first_row, second_row) = outputs.split_at_mut(outputs.len() / 2);
    // A pixel's upper pair of samples and its lower one, of pixels 0, 2, 1 and 3.
    let rows = _mm256_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7);
    for x in (0..width).step_by(4) {
        let words = _mm256_permutevar8x32_epi32(samples.at(sums, 4 * x), rows);
        store_half_words(first_row, 2 * x, _mm256_castsi256_si128(words));
        store_half_words(second_row, 2 * x, _mm256_extracti128_si256::<1>(words));
    }
}

#[target_feature(enable = "avx2")]
fn wide<const SIDE: usize>(samples: Samples, sums: &[i32], width: usize, outputs: &mut [u16]) {
    let row_length = outputs.len() / SIDE;
    for x in 0..width {
        let words = samples.at(sums, 16 * x);
        let mut pixel = [0; 16];
        store_words(&mut pixel, 0, _mm256_permute4x64_epi64::<0xd8>(words));
        for (row, samples) in pixel.chunks_exact(SIDE).take(SIDE).enumerate() {
            let output = &mut outputs[row * row_length + SIDE * x..];
            output[..SIDE].copy_from_slice(samples);
        }
    }
}
