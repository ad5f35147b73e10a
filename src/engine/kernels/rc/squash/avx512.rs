//! Levels of sums by AVX-512.

use std::arch::{asm, x86_64::*};

use super::{SEGMENTS, Squash};
use crate::engine::kernels::avx512::look_up;

impl Squash {
    /// 64 levels, from sums counted from the first. Levels of the first vector and of the second alternate.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn levels(&self, sums: [__m512i; 2]) -> __m512i {
        let last = _mm512_set1_epi16(self.last.cast_signed());
        let scale = _mm512_set1_epi16(self.scale.cast_signed());
        let bases = load_words(&self.bases);
        let rises = load_words(&self.rises);
        let [even, odd] = sums.map(|sums| {
            let sums = _mm512_min_epu16(sums, last);
            let segment = high_product(sums, scale);
            let fraction = _mm512_mullo_epi16(sums, scale);
            let base = _mm512_permutexvar_epi16(segment, bases);
            let rise = _mm512_permutexvar_epi16(segment, rises);
            _mm512_add_epi16(base, _mm512_mulhi_epu16(fraction, rise))
        });
        let low_bytes = _mm512_set1_epi16(0xff);
        let levels = select(low_bytes, _mm512_srli_epi16::<8>(even), odd);
        let fractions = select(low_bytes, even, _mm512_slli_epi16::<8>(odd));
        let turns = look_up(levels, &self.turns);
        let turned = _mm512_cmpge_epu8_mask(fractions, turns);
        _mm512_mask_add_epi8(levels, turned, levels, _mm512_set1_epi8(1))
    }
}

/// Bits of `a` where those of `mask` are set, and of `b` elsewhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn select(mask: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0xca>(mask, a, b)
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

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_words(words: &[u16; SEGMENTS]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}
