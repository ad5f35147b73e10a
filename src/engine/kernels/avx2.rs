//! What AVX2 kernels share: checked loads and stores, and sums across lanes.

use std::arch::x86_64::*;

/// Pixels that a kernel handles at a time.
pub const LANES: usize = 32;

/// 32 bytes of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load(row: &[u8], at: usize) -> __m256i {
    let bytes: &[u8; 32] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Eight bytes of a row, as numbers of 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_eight(row: &[u8], at: usize) -> __m256i {
    let bytes: &[u8; 8] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 8 bytes of the array.
    _mm256_cvtepu8_epi32(unsafe { _mm_loadu_si64(bytes.as_ptr().cast()) })
}

/// 16 samples of a row above 8 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_words(row: &[u16], at: usize) -> __m256i {
    let words: &[u16; 16] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Eight samples of a row above 8 bits, as numbers of 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_eight_words(row: &[u16], at: usize) -> __m256i {
    let words: &[u16; 8] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 16 bytes of the array.
    _mm256_cvtepu16_epi32(unsafe { _mm_loadu_si128(words.as_ptr().cast()) })
}

/// Eight sums of 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_wide_sums(row: &[i32], at: usize) -> __m256i {
    let sums: &[i32; 8] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) }
}

/// Writes eight sums of 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_wide_sums(row: &mut [i32], at: usize, sums: __m256i) {
    let to: &mut [i32; 8] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 32 bytes of the array.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), sums) }
}

/// Adds eight sums of 32 bits to those of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn add_wide_sums(row: &mut [i32], at: usize, sums: __m256i) {
    let sum = _mm256_add_epi32(load_wide_sums(row, at), sums);
    store_wide_sums(row, at, sum);
}

/// 16 sums of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_sums(row: &[i16], at: usize) -> __m256i {
    let sums: &[i16; 16] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) }
}

/// Writes 16 sums of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_sums(row: &mut [i16], at: usize, sums: __m256i) {
    let to: &mut [i16; 16] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 32 bytes of the array.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), sums) }
}

/// Adds 16 sums to those of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn add_sums(row: &mut [i16], at: usize, sums: __m256i) {
    let sum = _mm256_add_epi16(load_sums(row, at), sums);
    store_sums(row, at, sum);
}

/// Writes 8 sums of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_eight_sums(row: &mut [i16], at: usize, sums: __m128i) {
    let to: &mut [i16; 8] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 16 bytes of the array.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), sums) }
}

/// Adds 8 sums to those of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn add_eight_sums(row: &mut [i16], at: usize, sums: __m128i) {
    let from: &[i16; 8] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 16 bytes of the array.
    let before = unsafe { _mm_loadu_si128(from.as_ptr().cast()) };
    store_eight_sums(row, at, _mm_add_epi16(before, sums));
}

/// Writes 32 samples of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store(row: &mut [u8], at: usize, samples: __m256i) {
    let to: &mut [u8; 32] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 32 bytes of the array.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), samples) }
}

/// Writes 16 samples of a row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_half(row: &mut [u8], at: usize, samples: __m128i) {
    let to: &mut [u8; 16] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 16 bytes of the array.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), samples) }
}

/// Writes 16 samples above 8 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_words(row: &mut [u16], at: usize, samples: __m256i) {
    let to: &mut [u16; 16] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 32 bytes of the array.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), samples) }
}

/// Writes 8 samples above 8 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_half_words(row: &mut [u16], at: usize, samples: __m128i) {
    let to: &mut [u16; 8] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 16 bytes of the array.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), samples) }
}

/// Two vectors of 128 bits as the lanes of one.
#[inline]
#[target_feature(enable = "avx2")]
pub fn two_lanes(low: __m128i, high: __m128i) -> __m256i {
    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
}

/// Sums neighbouring numbers of each lane: those of the first vector to the lower half, those of the second to the upper.
///
/// The sums must fit in 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn sum_pairs(first: __m256i, second: __m256i) -> __m256i {
    let ones = _mm256_set1_epi16(1);
    _mm256_packs_epi32(
        _mm256_madd_epi16(first, ones),
        _mm256_madd_epi16(second, ones),
    )
}

/// Sums the eight numbers of each lane: lane `l` of the result has the sums of lane `l` of the eight vectors.
///
/// The sums must fit in 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn sum_lanes([a, b, c, d, e, f, g, h]: [__m256i; 8]) -> __m256i {
    let first_four = sum_pairs(sum_pairs(a, b), sum_pairs(c, d));
    let last_four = sum_pairs(sum_pairs(e, f), sum_pairs(g, h));
    sum_pairs(first_four, last_four)
}
