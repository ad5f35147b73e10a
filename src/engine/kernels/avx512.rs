//! What AVX-512 kernels share: checked loads and stores, look-ups, and sums across lanes.

use std::arch::x86_64::*;

/// 64 bytes of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn load(row: &[u8], at: usize) -> __m512i {
    let bytes: &[u8; 64] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// 16 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn load_bytes(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// 16 entries.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn load_lane(bytes: &[i8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Four times 16 entries.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn load_lanes(bytes: &[[i8; 16]; 4]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// 32 samples of a row above 8 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn load_words(row: &[u16], at: usize) -> __m512i {
    let words: &[u16; 32] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// 32 sums of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn load_sums(row: &[i16], at: usize) -> __m512i {
    let sums: &[i16; 32] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(sums.as_ptr().cast()) }
}

/// Writes 32 sums of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn store_sums(row: &mut [i16], at: usize, sums: __m512i) {
    let to: &mut [i16; 32] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 64 bytes of the array.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sums) }
}

/// Adds 32 sums to those of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn add_sums(row: &mut [i16], at: usize, sums: __m512i) {
    let sum = _mm512_add_epi16(load_sums(row, at), sums);
    store_sums(row, at, sum);
}

/// Writes 8 sums of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn store_eight_sums(row: &mut [i16], at: usize, sums: __m128i) {
    let to: &mut [i16; 8] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 16 bytes of the array.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), sums) }
}

/// Adds 8 sums to those of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn add_eight_sums(row: &mut [i16], at: usize, sums: __m128i) {
    let from: &[i16; 8] = row[at..].first_chunk().expect("a padded row");
    // SAFETY: reads the 16 bytes of the array.
    let before = unsafe { _mm_loadu_si128(from.as_ptr().cast()) };
    store_eight_sums(row, at, _mm_add_epi16(before, sums));
}

/// Writes 16 sums of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn store_half_sums(row: &mut [i16], at: usize, sums: __m256i) {
    let to: &mut [i16; 16] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 32 bytes of the array.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), sums) }
}

/// Writes 64 samples of a row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn store(row: &mut [u8], at: usize, samples: __m512i) {
    let to: &mut [u8; 64] = row[at..].first_chunk_mut().expect("a padded row");
    // SAFETY: writes the 64 bytes of the array.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), samples) }
}

/// 64 entries of a table of 256.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
pub fn look_up(indices: __m512i, table: &[u8; 256]) -> __m512i {
    let upper_half = _mm512_movepi8_mask(indices);
    let upper_quarter = _mm512_movepi8_mask(_mm512_add_epi8(indices, indices));
    let half = |start: usize| {
        let found = _mm512_permutexvar_epi8(indices, load(table, start));
        let upper = load(table, start + 64);
        _mm512_mask_permutexvar_epi8(found, upper_quarter, indices, upper)
    };
    _mm512_mask_blend_epi8(upper_half, half(0), half(128))
}

/// Sums the four numbers of each lane of 128 bits: lane `l` of the result has the sums of lane `l` of the four vectors.
///
/// The numbers and the sums must fit in 16 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn sum_lanes(vectors: [__m512i; 4]) -> __m512i {
    let ones = _mm512_set1_epi16(1);
    let [a, b, c, d] = vectors;
    let ab = _mm512_madd_epi16(_mm512_packs_epi32(a, b), ones);
    let cd = _mm512_madd_epi16(_mm512_packs_epi32(c, d), ones);
    _mm512_madd_epi16(_mm512_packs_epi32(ab, cd), ones)
}

/// Four vectors of 128 bits as the lanes of one.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
pub fn four_lanes(lanes: [__m128i; 4]) -> __m512i {
    let [a, b, c, d] = lanes;
    let vector = _mm512_castsi128_si512(a);
    let vector = _mm512_mask_broadcast_i32x4(vector, 0x00f0, b);
    let vector = _mm512_mask_broadcast_i32x4(vector, 0x0f00, c);
    _mm512_mask_broadcast_i32x4(vector, 0xf000, d)
}
