//! Rows of 8-bit samples by AVX-512: pairs of taps summed by one instruction.

use std::arch::x86_64::*;

use super::weights::{MOST_PHASES, Phase};

/// Source samples at a time.
const LANES: usize = 32;

/// A phase begins with the first or the second tap.
const FOUR: &str = "four taps of a whole vector";

/// The weights of the first two of four taps and of the last two, everywhere.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pairs([w0, w1, w2, w3]: [i32; 4]) -> [__m512i; 2] {
    let pair = |low: i32, high: i32| _mm512_set1_epi32(low & 0xffff | high << 16);
    [pair(w0, w1), pair(w2, w3)]
}

/// The weighted sums of four vectors of taps, rounded, without their `drop` low bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sum([t0, t1, t2, t3]: [__m512i; 4], [w01, w23]: [__m512i; 2], drop: u32) -> __m512i {
    let half = _mm512_set1_epi32(1 << (drop - 1));
    let sum = |t01, t23| {
        let sum = _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(half, t01, w01), t23, w23);
        _mm512_srav_epi32(sum, _mm512_set1_epi32(drop as i32))
    };
    _mm512_packs_epi32(
        sum(_mm512_unpacklo_epi16(t0, t1), _mm512_unpacklo_epi16(t2, t3)),
        sum(_mm512_unpackhi_epi16(t0, t1), _mm512_unpackhi_epi16(t2, t3)),
    )
}

/// Blends four rows without the `drop` low bits of the sums, as far as whole vectors go; the samples done.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub fn blend(rows: [&[u8]; 4], weights: [i32; 4], blended: &mut [i16], drop: u32) -> usize {
    let weights = pairs(weights);
    let rows = rows.map(|row| &row[..blended.len()]);
    let mut x = 0;
    while let Some(to) = blended[x..].first_chunk_mut::<LANES>() {
        let [a, b, c, d] = rows;
        let taps = [
            load_bytes(a, x),
            load_bytes(b, x),
            load_bytes(c, x),
            load_bytes(d, x),
        ];
        // SAFETY: writes the 64 bytes of the array.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sum(taps, weights, drop)) };
        x += LANES;
    }
    x
}

/// Spreads a blended row over an output row two to four times as wide, as far as whole vectors go; the source samples done.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub fn spread(blended: &[i16], phases: &[Phase], row: &mut [u8], drop: u32) -> usize {
    match phases {
        [a, b] => spread_phases::<2>([a, b], blended, row, drop),
        [a, b, c] => spread_phases::<3>([a, b, c], blended, row, drop),
        [a, b, c, d] => spread_phases::<4>([a, b, c, d], blended, row, drop),
        _ => 0,
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn spread_phases<const SCALE: usize>(
    phases: [&Phase; SCALE],
    blended: &[i16],
    row: &mut [u8],
    drop: u32,
) -> usize {
    let phases = phases.map(|phase| (phase.first, pairs(phase.weights)));
    let places = places::<SCALE>();
    let mut x = 0;
    while let (Some(taps), Some(to)) = (
        blended[x..].first_chunk::<{ LANES + 4 }>(),
        row[SCALE * x..].get_mut(..SCALE * LANES),
    ) {
        let mut samples = [_mm512_setzero_si512(); MOST_PHASES];
        for (samples, (first, weights)) in samples.iter_mut().zip(phases) {
            let taps = taps[first..].first_chunk().expect(FOUR);
            *samples = sum(four(taps), weights, drop);
        }
        let [a, b, c, d] = samples;
        let (ab, cd) = (_mm512_packus_epi16(a, b), _mm512_packus_epi16(c, d));
        for (places, to) in places.iter().zip(to.chunks_mut(2 * LANES)) {
            let bytes = _mm512_permutex2var_epi8(ab, load_places(places), cd);
            match to.first_chunk_mut::<{ 2 * LANES }>() {
                // SAFETY: writes the 64 bytes of the array.
                Some(to) => unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), bytes) },
                None => {
                    let half: &mut [u8; LANES] = to.first_chunk_mut().expect("half of a vector");
                    let bytes = _mm512_castsi512_si256(bytes);
                    // SAFETY: writes the 32 bytes of the array.
                    unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), bytes) }
                }
            }
        }
        x += LANES;
    }
    x
}

/// For each byte of the output, where it is in two vectors. In each lane of the first are eight samples of the first phase
/// and then of the second, in the other those of the third and the fourth.
#[inline(always)]
fn places<const SCALE: usize>() -> [[u8; 2 * LANES]; 2] {
    let place = |byte: usize| {
        let (sample, phase) = (byte / SCALE, byte % SCALE);
        (64 * (phase / 2) + 16 * (sample / 8) + 8 * (phase % 2) + sample % 8) as u8
    };
    [0, 2 * LANES].map(|first| std::array::from_fn(|byte| place((first + byte) % (SCALE * LANES))))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_places(places: &[u8; 2 * LANES]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(places.as_ptr().cast()) }
}

/// Four vectors of taps, each a sample after the one before.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn four(taps: &[i16; LANES + 3]) -> [__m512i; 4] {
    [load(taps, 0), load(taps, 1), load(taps, 2), load(taps, 3)]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(taps: &[i16], at: usize) -> __m512i {
    let taps: &[i16; LANES] = taps[at..].first_chunk().expect("taps of a whole vector");
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(taps.as_ptr().cast()) }
}

/// 32 samples, with 16 bits each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_bytes(row: &[u8], at: usize) -> __m512i {
    let bytes: &[u8; LANES] = row[at..].first_chunk().expect("as long as the blended row");
    // SAFETY: reads the 32 bytes of the array.
    _mm512_cvtepu8_epi16(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) })
}
