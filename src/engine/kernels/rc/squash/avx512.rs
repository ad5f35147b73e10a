//! Levels of sums by AVX-512.

use std::arch::{asm, x86_64::*};

use super::{SEGMENTS, Squash};
use crate::engine::kernels::avx512::load;

impl Squash {
    /// 64 levels, from sums counted from the first. In each lane of 128 bits the levels of the first vector come before
    /// those of the second.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn levels(&self, sums: [__m512i; 2]) -> __m512i {
        let last = _mm512_set1_epi16(self.last.cast_signed());
        let scale = _mm512_set1_epi16(self.scale.cast_signed());
        let bases = load_words(&self.bases);
        let rises = load_words(&self.rises);
        let sums = sums.map(|sums| _mm512_min_epu16(sums, last));
        let estimates = sums.map(|sums| {
            let segment = high_product(sums, scale);
            let fraction = _mm512_mullo_epi16(sums, scale);
            let base = _mm512_permutexvar_epi16(segment, bases);
            let rise = _mm512_permutexvar_epi16(segment, rises);
            let part = _mm512_mulhi_epu16(fraction, rise);
            _mm512_srli_epi16::<8>(_mm512_add_epi16(base, part))
        });
        let indices = _mm512_packus_epi16(estimates[0], estimates[1]);
        let [low, high] = look_up(indices, &self.next);
        let next = [
            _mm512_unpacklo_epi8(low, high),
            _mm512_unpackhi_epi8(low, high),
        ];
        let one = _mm512_set1_epi16(1);
        let [first, second] = [0, 1].map(|half| {
            let reached = _mm512_cmpge_epu16_mask(sums[half], next[half]);
            _mm512_mask_add_epi16(estimates[half], reached, estimates[half], one)
        });
        _mm512_packus_epi16(first, second)
    }
}

/// The high halves of the products of numbers of 16 bits.
///
/// The compiler sees that few of their bits are used as indices and replaces `_mm512_mulhi_epu16` by eight instructions.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn high_product(a: __m512i, b: __m512i) -> __m512i {
    let product;
    // SAFETY: one instruction, of the set that the function is for; it touches its operands only.
    unsafe {
        asm!(
            "vpmulhuw {}, {}, {}",
            lateout(zmm_reg) product, in(zmm_reg) a, in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    product
}

/// 64 entries of two tables of 256.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn look_up(indices: __m512i, tables: &[[u8; 256]; 2]) -> [__m512i; 2] {
    let upper_half = _mm512_movepi8_mask(indices);
    let upper_quarter = _mm512_movepi8_mask(_mm512_add_epi8(indices, indices));
    tables.each_ref().map(|table| {
        let half = |start: usize| {
            let found = _mm512_permutexvar_epi8(indices, load(table, start));
            let upper = load(table, start + 64);
            _mm512_mask_permutexvar_epi8(found, upper_quarter, indices, upper)
        };
        _mm512_mask_blend_epi8(upper_half, half(0), half(128))
    })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_words(words: &[u16; SEGMENTS]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}
