//! RC modules by AVX-512: 64 pixels at a time, four taps an instruction.

use std::arch::x86_64::*;

use super::affine::{Affine, MAX_RUNS, Squash};
use crate::engine::{
    kernels::{
        LANES,
        avx512::{load, store},
    },
    model::Offset,
};

/// Makes `width` pixels of the plane of one rotation.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
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
    for x in (0..width).step_by(LANES) {
        // Vector `k` holds the sums of pixels `4 i + k`: then a load is the taps of all of them.
        let mut sums = [_mm512_set1_epi32(module.constant); 4];
        for (run, row) in runs.iter().zip(rows) {
            let slopes = _mm512_set1_epi32(i32::from_le_bytes(run.slopes.map(i8::cast_unsigned)));
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = _mm512_dpbusd_epi32(*sum, load(row, x + k), slopes);
            }
        }
        store(output, x, squash(&module.squash, sums));
    }
}

/// 64 levels from sums counted from the squash's first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn squash(squash: &Squash, sums: [__m512i; 4]) -> __m512i {
    let (zero, last) = (_mm512_setzero_si512(), _mm512_set1_epi32(squash.last()));
    let up = _mm_cvtsi32_si128(squash.shift as i32);
    let sums = sums.map(|sums| {
        let within = _mm512_min_epi32(_mm512_max_epi32(sums, zero), last);
        _mm512_sll_epi32(within, up)
    });
    let byte = |place: u32| {
        // Byte `place` of each sum, in the order of the pixels.
        let shift = _mm_cvtsi32_si128(8 * place as i32);
        let [a, b, c, d] = sums.map(|sums| {
            let byte = _mm512_set1_epi32(255);
            _mm512_and_si512(_mm512_srl_epi32(sums, shift), byte)
        });
        let (b, d) = (_mm512_slli_epi32::<8>(b), _mm512_slli_epi32::<24>(d));
        let c = _mm512_slli_epi32::<16>(c);
        _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d))
    };
    let (low, bucket) = (byte(0), byte(1));
    // The page: the two high bits of the bucket's byte, below those of the next byte.
    let two_bits = _mm512_and_si512(_mm512_srli_epi16::<6>(bucket), _mm512_set1_epi8(3));
    let page = if squash.below.len() > 4 {
        _mm512_or_si512(two_bits, _mm512_slli_epi16::<2>(byte(2)))
    } else {
        two_bits
    };
    let look_up = |pages: &[[u8; 64]]| {
        let mut found = zero;
        for (number, buckets) in pages.iter().enumerate() {
            let here = _mm512_cmpeq_epi8_mask(page, _mm512_set1_epi8(number as i8));
            found = _mm512_mask_permutexvar_epi8(found, here, bucket, load(buckets, 0));
        }
        found
    };
    let mut level = look_up(&squash.below);
    for inside in &squash.inside {
        let reached = _mm512_cmpgt_epu8_mask(low, look_up(inside));
        level = _mm512_mask_add_epi8(level, reached, level, _mm512_set1_epi8(1));
    }
    level
}
