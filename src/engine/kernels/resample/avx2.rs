//! Rows of 8-bit samples by AVX2.

use std::arch::x86_64::*;

use super::weights::Phase;

/// Source samples at a time.
const LANES: usize = 16;

/// Spreads a blended row over an output row of twice its width, as far as whole vectors go; the source samples done.
#[target_feature(enable = "avx2")]
pub fn spread_two(blended: &[i16], phases: [&Phase; 2], row: &mut [u8], drop: i32) -> usize {
    let half = _mm256_set1_epi32(1 << (drop - 1));
    let drop = _mm_cvtsi32_si128(drop);
    // Samples of the first phase are in the lower half of each lane, those of the second in the upper one.
    let interleave = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15,
    ));
    let phases = phases.map(|phase| {
        let [w0, w1, w2, w3] = phase.weights;
        let pair = |low: i32, high: i32| _mm256_set1_epi32(low & 0xffff | high << 16);
        (phase.first, pair(w0, w1), pair(w2, w3))
    });
    let mut x = 0;
    while let (Some(taps), Some(to)) = (
        blended[x..].first_chunk::<{ LANES + 4 }>(),
        row[2 * x..].first_chunk_mut::<{ 2 * LANES }>(),
    ) {
        let samples = phases.map(|(first, w01, w23)| {
            let [t0, t1, t2, t3] = [0, 1, 2, 3].map(|k| load(&taps[first + k..]));
            let sum = |t01, t23| {
                let t01 = _mm256_madd_epi16(t01, w01);
                let sum = _mm256_add_epi32(t01, _mm256_madd_epi16(t23, w23));
                _mm256_sra_epi32(_mm256_add_epi32(sum, half), drop)
            };
            _mm256_packs_epi32(
                sum(_mm256_unpacklo_epi16(t0, t1), _mm256_unpacklo_epi16(t2, t3)),
                sum(_mm256_unpackhi_epi16(t0, t1), _mm256_unpackhi_epi16(t2, t3)),
            )
        });
        let bytes = _mm256_packus_epi16(samples[0], samples[1]);
        let bytes = _mm256_shuffle_epi8(bytes, interleave);
        // SAFETY: writes the 32 bytes of the array.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) };
        x += LANES;
    }
    x
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(taps: &[i16]) -> __m256i {
    let taps: &[i16; LANES] = taps.first_chunk().expect("taps of a whole vector");
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(taps.as_ptr().cast()) }
}
