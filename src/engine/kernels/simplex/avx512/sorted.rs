//! The five vertices of each of a block of 64 look-ups, and their weights: fractions sorted by a network (ARITHMETIC
//! section 1). For wide entries, of which five rows are fewer than sixteen corners.

use std::arch::x86_64::*;

use super::corners::interleave;
use crate::engine::kernels::{avx512::load, simplex::layout};

/// The look-ups of pixels `16 l + 4 q + t` of a block, for one `q`: for each `l`, for each `t`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Quarter {
    /// Where the rows of the vertices lie in the table, in bytes.
    rows: [[[u32; 4]; 4]; 5],
    /// The weights of the first two vertices, of the next two, and of the last one and none, all twice.
    weights: [[[u32; 4]; 4]; 3],
}

/// A block's quarters.
pub type Sorted = [Quarter; 4];

/// Nothing found yet.
pub const NOTHING: Sorted = [Quarter {
    rows: [[[0; 4]; 4]; 5],
    weights: [[[0; 4]; 4]; 3],
}; 4];

impl Quarter {
    /// The row of a pixel's vertex in a table whose rows have the size that the vertices were found for.
    ///
    /// # Safety
    /// They must have been found for the size of `T`, and the table must have all `17^4` rows.
    #[inline(always)]
    pub unsafe fn row<'a, T>(&self, rows: &'a [T], vertex: usize, l: usize, t: usize) -> &'a T {
        // SAFETY: then the offset is the number of a vertex times the size.
        unsafe { &*rows.as_ptr().byte_add(self.rows[vertex][l][t] as usize) }
    }

    /// A pixel's pair of weights, everywhere.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn weights(&self, pair: usize, l: usize, t: usize) -> __m512i {
        _mm512_set1_epi32(self.weights[pair][l][t].cast_signed())
    }

    /// The pairs of weights of all pixels: in lane `l` those of each `t`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn all_weights(&self, pair: usize) -> __m512i {
        // SAFETY: reads the 64 bytes of the array.
        unsafe { _mm512_loadu_si512(self.weights[pair].as_ptr().cast()) }
    }
}

/// Finds the vertices of the block at `x`, for rows of `2^SIZE` bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
pub fn find<const SIZE: u32>(inputs: &[&[u8]; 4], x: usize, sorted: &mut Sorted) {
    let samples = inputs.map(|row| load(row, x));
    let nibble = _mm512_set1_epi8(15);
    let zero = _mm512_setzero_si512();
    // A fraction above, the bit of its axis below: sorting the one sorts the other along.
    let key = |axis: usize| {
        let fraction = _mm512_slli_epi16::<4>(_mm512_and_si512(samples[axis], nibble));
        _mm512_or_si512(fraction, _mm512_set1_epi8(8 >> axis))
    };
    let mut keys = [key(0), key(1), key(2), key(3)];
    for (high, low) in [(0, 1), (2, 3), (0, 2), (1, 3), (1, 2)] {
        let pair = (keys[high], keys[low]);
        keys[high] = _mm512_max_epu8(pair.0, pair.1);
        keys[low] = _mm512_min_epu8(pair.0, pair.1);
    }
    let [f1, f2, f3, f4] = keys.map(|key| high_nibbles(key));
    let pairs = [
        [
            _mm512_sub_epi8(_mm512_set1_epi8(16), f1),
            _mm512_sub_epi8(f1, f2),
        ],
        [_mm512_sub_epi8(f2, f3), _mm512_sub_epi8(f3, f4)],
        [f4, zero],
    ];
    for (pair, [even, odd]) in pairs.into_iter().enumerate() {
        let weights = interleave([even, odd, even, odd]);
        for (quarter, weights) in sorted.iter_mut().zip(weights) {
            store_numbers(&mut quarter.weights[pair], weights);
        }
    }
    let one = keys[0];
    let two = _mm512_or_si512(one, keys[1]);
    let three = _mm512_or_si512(two, keys[2]);
    let axes = [zero, one, two, three, nibble].map(|axes| _mm512_and_si512(axes, nibble));
    let first = first_vertices(samples);
    let [low_steps, high_steps] = layout::STEPS.map(|steps| _mm512_broadcast_i32x4(bytes(&steps)));
    for (vertex, axes) in axes.into_iter().enumerate() {
        let steps = interleave([
            _mm512_shuffle_epi8(low_steps, axes),
            _mm512_shuffle_epi8(high_steps, axes),
            zero,
            zero,
        ]);
        for (q, quarter) in sorted.iter_mut().enumerate() {
            let vertices = _mm512_add_epi32(first[q], steps[q]);
            let offsets = _mm512_sll_epi32(vertices, _mm_cvtsi32_si128(SIZE as i32));
            store_numbers(&mut quarter.rows[vertex], offsets);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_numbers(to: &mut [[u32; 4]; 4], numbers: __m512i) {
    // SAFETY: writes the 64 bytes of the array.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), numbers) }
}

/// The numbers of the cells' first vertices, for each quarter.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn first_vertices(samples: [__m512i; 4]) -> [__m512i; 4] {
    let nodes = samples.map(|samples| high_nibbles(samples));
    // Bytes 17 and 1: the number of two nodes. Then 17^2 and 1: that of four.
    let (two, four) = (_mm512_set1_epi16(0x0111), _mm512_set1_epi32(1 << 16 | 289));
    interleave(nodes).map(|nodes| _mm512_madd_epi16(_mm512_maddubs_epi16(nodes, two), four))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn bytes(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn high_nibbles(bytes: __m512i) -> __m512i {
    _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), _mm512_set1_epi8(15))
}
