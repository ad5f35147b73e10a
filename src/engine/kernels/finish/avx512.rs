//! The end of a stage by AVX-512, for sums of 16 bits: 32 sums at a time.

use std::arch::x86_64::*;

use super::sixteen_bits::Samples;
use crate::engine::kernels::avx512::{load, load_sums, store};

impl Samples {
    /// 32 samples of 16 bits, those above 255 still to be cut.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn of(self, sums: __m512i) -> __m512i {
        let set = |value: u16| _mm512_set1_epi16(value.cast_signed());
        let from_zero = _mm512_xor_si512(sums, set(1 << 15));
        let dividend = _mm512_subs_epu16(from_zero, set(self.below));
        let shifted = _mm512_srlv_epi16(dividend, set(self.shift));
        let half_up = _mm512_mulhi_epu16(shifted, set(self.reciprocal));
        let product = _mm512_mullo_epi16(half_up, set(self.divisor));
        let tie = _mm512_cmpeq_epi16_mask(product, dividend);
        let odd = _mm512_and_si512(half_up, set(1));
        _mm512_mask_sub_epi16(half_up, tie, half_up, odd)
    }

    /// The samples of 64 sums, of one group or of two: in each lane eight of the first 32 sums and eight of the last.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn at(self, sums: &[i16], groups: usize, at: usize) -> __m512i {
        let half = |at: usize| {
            let first = load_sums(sums, at);
            if groups == 1 {
                return self.of(first);
            }
            let second = load_sums(sums, sums.len() / 2 + at);
            self.of(_mm512_adds_epi16(first, second))
        };
        _mm512_packus_epi16(half(at), half(at + 32))
    }
}

/// One row of one sample for each pixel.
#[target_feature(enable = "avx512f,avx512bw")]
pub fn one(samples: Samples, sums: &[i16], groups: usize, width: usize, output: &mut [u8]) {
    let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    for x in (0..width).step_by(64) {
        let bytes = samples.at(sums, groups, x);
        store(output, x, _mm512_permutexvar_epi64(order, bytes));
    }
}

/// Two rows of two samples for each pixel.
#[target_feature(enable = "avx512f,avx512bw")]
pub fn four(samples: Samples, sums: &[i16], groups: usize, width: usize, outputs: &mut [u8]) {
    let (first_row, second_row) = outputs.split_at_mut(outputs.len() / 2);
    // In each lane the upper samples of two pairs of pixels, eight pixels apart, and then their lower ones.
    let rows = _mm512_broadcast_i32x4(_mm_setr_epi8(
        0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15,
    ));
    // The upper samples of 16 pairs of pixels.
    let upper = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 16, 20, 24, 28, 17, 21, 25, 29);
    let lower = _mm512_add_epi32(upper, _mm512_set1_epi32(2));
    for x in (0..width).step_by(32) {
        let sixteen_pixels = |x: usize| _mm512_shuffle_epi8(samples.at(sums, groups, 4 * x), rows);
        let (left, right) = (sixteen_pixels(x), sixteen_pixels(x + 16));
        store(
            first_row,
            2 * x,
            _mm512_permutex2var_epi32(left, upper, right),
        );
        store(
            second_row,
            2 * x,
            _mm512_permutex2var_epi32(left, lower, right),
        );
    }
}

/// Three or four rows of as many samples for each pixel.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub fn wide(
    samples: Samples,
    sums: &[i16],
    groups: usize,
    width: usize,
    side: usize,
    outputs: &mut [u8],
) {
    // A row of four pixels in each lane.
    let mut places = [0u8; 64];
    for (row, places) in places.chunks_exact_mut(16).take(side).enumerate() {
        for (at, place) in places.iter_mut().take(4 * side).enumerate() {
            let (pixel, value) = (at / side, row * side + at % side);
            // Two of four pixels have eight values in each lane, and so have the other two.
            let lane = pixel % 2 * 2 + value / 8;
            *place = (16 * lane + pixel / 2 * 8 + value % 8) as u8;
        }
    }
    let places = load(&places, 0);
    let row_length = outputs.len() / side;
    for x in (0..width).step_by(4) {
        let pixels = samples.at(sums, groups, 16 * x);
        let mut rows = [0; 64];
        store(&mut rows, 0, _mm512_permutexvar_epi8(places, pixels));
        for (row, samples) in rows.chunks_exact(16).take(side).enumerate() {
            let output = &mut outputs[row * row_length + side * x..];
            match side {
                3 => output[..12].copy_from_slice(&samples[..12]),
                _ => output[..16].copy_from_slice(samples),
            }
        }
    }
}
