//! Rows of 8-bit samples by AVX2.

use std::arch::x86_64::*;

use super::weights::{MOST_PHASES, Phase};

/// Source samples at a time.
const LANES: usize = 16;

/// Spreads a blended row over an output row two to four times as wide, as far as whole vectors go; the source samples done.
#[target_feature(enable = "avx2")]
pub fn spread(blended: &[i16], phases: &[Phase], row: &mut [u8], drop: i32) -> usize {
    match phases {
        [a, b] => spread_phases::<2, 16>([a, b], blended, row, drop),
        [a, b, c] => spread_phases::<3, 24>([a, b, c], blended, row, drop),
        [a, b, c, d] => spread_phases::<4, 32>([a, b, c, d], blended, row, drop),
        _ => 0,
    }
}

/// As [`spread`]; eight samples become `BYTES`.
#[inline]
#[target_feature(enable = "avx2")]
fn spread_phases<const SCALE: usize, const BYTES: usize>(
    phases: [&Phase; SCALE],
    blended: &[i16],
    row: &mut [u8],
    drop: i32,
) -> usize {
    let half = _mm256_set1_epi32(1 << (drop - 1));
    let drop = _mm_cvtsi32_si128(drop);
    let phases = phases.map(|phase| {
        let [w0, w1, w2, w3] = phase.weights;
        let pair = |low: i32, high: i32| _mm256_set1_epi32(low & 0xffff | high << 16);
        (phase.first, pair(w0, w1), pair(w2, w3))
    });
    let places = places::<SCALE>();
    let mut x = 0;
    while let (Some(taps), Some(to)) = (
        blended[x..].first_chunk::<{ LANES + 4 }>(),
        row[SCALE * x..].get_mut(..SCALE * LANES),
    ) {
        let mut samples = [_mm256_setzero_si256(); MOST_PHASES];
        for (samples, (first, w01, w23)) in samples.iter_mut().zip(phases) {
            let [t0, t1, t2, t3] = [0, 1, 2, 3].map(|k| load(&taps[first + k..]));
            let sum = |t01, t23| {
                let t01 = _mm256_madd_epi16(t01, w01);
                let sum = _mm256_add_epi32(t01, _mm256_madd_epi16(t23, w23));
                _mm256_sra_epi32(_mm256_add_epi32(sum, half), drop)
            };
            *samples = _mm256_packs_epi32(
                sum(_mm256_unpacklo_epi16(t0, t1), _mm256_unpacklo_epi16(t2, t3)),
                sum(_mm256_unpackhi_epi16(t0, t1), _mm256_unpackhi_epi16(t2, t3)),
            );
        }
        let [a, b, c, d] = samples;
        let both = [_mm256_packus_epi16(a, b), _mm256_packus_epi16(c, d)];
        let bytes = places.map(|of_both| {
            let [ab, cd] =
                [0, 1].map(|two| _mm256_shuffle_epi8(both[two], load_places(&of_both[two])));
            _mm256_or_si256(ab, cd)
        });
        // SAFETY: both are 64 bytes and any bits make numbers.
        let bytes = unsafe { std::mem::transmute::<[__m256i; 2], [[[u8; 16]; 2]; 2]>(bytes) };
        for (lane, to) in to.chunks_exact_mut(BYTES).enumerate() {
            let all = [bytes[0][lane], bytes[1][lane]];
            to.copy_from_slice(&all.as_flattened()[..BYTES]);
        }
        x += LANES;
    }
    x
}

/// For each byte of what eight samples become, sixteen at a time, where it is in two lanes, or nowhere: eight samples of the
/// first phase and then of the second are in the one, those of the third and the fourth in the other.
#[inline(always)]
fn places<const SCALE: usize>() -> [[[u8; 16]; 2]; 2] {
    let place = |byte: usize, two: usize| match (byte / SCALE, byte % SCALE) {
        (sample @ 0..8, phase) if phase / 2 == two => (8 * (phase % 2) + sample) as u8,
        _ => u8::MAX,
    };
    [0, 16].map(|first| [0, 1].map(|two| std::array::from_fn(|byte| place(first + byte, two))))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_places(places: &[u8; 16]) -> __m256i {
    // SAFETY: reads the 16 bytes of the array.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(places.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(taps: &[i16]) -> __m256i {
    let taps: &[i16; LANES] = taps.first_chunk().expect("taps of a whole vector");
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(taps.as_ptr().cast()) }
}
