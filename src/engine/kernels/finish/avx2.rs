//! The end of a stage by AVX2, for sums of 16 bits: 16 sums at a time.

use std::arch::x86_64::*;

use super::sixteen_bits::Samples;
use crate::engine::kernels::avx2::{load_sums, store, store_half};

impl Samples {
    /// 16 samples of 16 bits, those above 255 still to be cut.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_sixteen(self, sums: __m256i) -> __m256i {
        let set = |value: u16| _mm256_set1_epi16(value.cast_signed());
        let from_zero = _mm256_xor_si256(sums, set(1 << 15));
        let dividend = _mm256_subs_epu16(from_zero, set(self.below));
        let shifted = _mm256_srl_epi16(dividend, _mm_cvtsi32_si128(self.shift.into()));
        let half_up = _mm256_mulhi_epu16(shifted, set(self.reciprocal));
        let product = _mm256_mullo_epi16(half_up, set(self.divisor));
        let odd = _mm256_and_si256(half_up, set(1));
        let tie = _mm256_cmpeq_epi16(product, dividend);
        _mm256_sub_epi16(half_up, _mm256_and_si256(odd, tie))
    }

    /// The samples of 32 sums, of one group or of two: in each lane eight of the first 16 sums and eight of the last.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn at_avx2(self, sums: &[i16], groups: usize, at: usize) -> __m256i {
        let sixteen = |at: usize| {
            let first = load_sums(sums, at);
            if groups == 1 {
                return self.of_sixteen(first);
            }
            let second = load_sums(sums, sums.len() / 2 + at);
            self.of_sixteen(_mm256_adds_epi16(first, second))
        };
        _mm256_packus_epi16(sixteen(at), sixteen(at + 16))
    }
}

/// One row of one sample for each pixel.
#[target_feature(enable = "avx2")]
pub fn one(samples: Samples, sums: &[i16], groups: usize, width: usize, output: &mut [u8]) {
    for x in (0..width).step_by(32) {
        let bytes = samples.at_avx2(sums, groups, x);
        store(output, x, _mm256_permute4x64_epi64::<0xd8>(bytes));
    }
}

/// Two rows of two samples for each pixel.
#[target_feature(enable = "avx2")]
pub fn four(samples: Samples, sums: &[i16], groups: usize, width: usize, outputs: &mut [u8]) {
    let (first_row, second_row) = outputs.split_at_mut(outputs.len() / 2);
    // In each lane the upper samples of two pairs of pixels and then their lower ones.
    let rows = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15,
    ));
    let pixels = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for x in (0..width).step_by(8) {
        let bytes = samples.at_avx2(sums, groups, 4 * x);
        let bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(bytes, rows), pixels);
        store_half(first_row, 2 * x, _mm256_castsi256_si128(bytes));
        store_half(second_row, 2 * x, _mm256_extracti128_si256::<1>(bytes));
    }
}

/// `SIDE` rows of as many samples for each pixel, three or four.
#[target_feature(enable = "avx2")]
pub fn wide<const SIDE: usize>(
    samples: Samples,
    sums: &[i16],
    groups: usize,
    width: usize,
    outputs: &mut [u8],
) {
    let row_length = outputs.len() / SIDE;
    for x in (0..width).step_by(2) {
        let bytes = samples.at_avx2(sums, groups, 16 * x);
        let mut pixels = [0; 32];
        store(&mut pixels, 0, _mm256_permute4x64_epi64::<0xd8>(bytes));
        for (number, samples) in pixels.chunks_exact(16).enumerate() {
            for (row, samples) in samples.chunks_exact(SIDE).take(SIDE).enumerate() {
                let output = &mut outputs[row * row_length + SIDE * (x + number)..];
                output[..SIDE].copy_from_slice(samples);
            }
        }
    }
}
