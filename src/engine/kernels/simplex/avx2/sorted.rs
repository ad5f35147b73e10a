//! The five vertices of each of eight look-ups, and their weights: fractions sorted by a network (ARITHMETIC section 1). For
//! samples of any depth, in tables of any interval.

use std::arch::x86_64::*;

use crate::engine::kernels::simplex::Table;

/// Look-ups that are made at a time.
pub const LANES: usize = 8;

/// The nodes of a table.
#[derive(Clone, Copy)]
pub struct Grid {
    interval: u32,
    /// Nodes along an axis.
    nodes: i32,
    /// Bits of a sample.
    depth: u32,
}

/// The vertices of eight look-ups and their weights, which add up to the interval.
pub struct Sorted {
    /// Numbers of vertices.
    pub vertices: [__m256i; 5],
    /// The weights of the first two vertices, of the next two, and of the last one and none.
    pub weights: [__m256i; 3],
}

impl Grid {
    /// # Panics
    /// If the table has not an entry for each vertex.
    pub fn new(table: &Table) -> Self {
        let outputs = table.side * table.side;
        assert_eq!(table.entries.len(), table.nodes.pow(4) * outputs);
        Self {
            interval: table.interval,
            nodes: table.nodes as i32,
            depth: table.depth(),
        }
    }

    /// Finds the vertices of samples, one in 32 bits; bits above the depth do not count. Of a pair of weights the second is
    /// moved up by `BITS`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn find<const BITS: i32>(self, samples: [__m256i; 4]) -> Sorted {
        let nodes = _mm256_set1_epi32(self.nodes);
        let interval = _mm_cvtsi32_si128(self.interval as i32);
        let q = _mm256_sll_epi32(_mm256_set1_epi32(1), interval);
        let fractions = _mm256_sub_epi32(q, _mm256_set1_epi32(1));
        let depth = _mm256_set1_epi32((1 << self.depth) - 1);
        let samples = samples.map(|samples| _mm256_and_si256(samples, depth));
        let mut vertex = _mm256_setzero_si256();
        // A fraction above, the stride of its axis below: sorting the one sorts the other along.
        let mut keys = samples;
        let mut stride = self.nodes.pow(3);
        for (key, samples) in keys.iter_mut().zip(samples) {
            let node = _mm256_srl_epi32(samples, interval);
            vertex = _mm256_add_epi32(_mm256_mullo_epi32(vertex, nodes), node);
            let fraction = _mm256_slli_epi32::<16>(_mm256_and_si256(samples, fractions));
            *key = _mm256_or_si256(fraction, _mm256_set1_epi32(stride));
            stride /= self.nodes;
        }
        for (high, low) in [(0, 1), (2, 3), (0, 2), (1, 3), (1, 2)] {
            let pair = (keys[high], keys[low]);
            keys[high] = _mm256_max_epi32(pair.0, pair.1);
            keys[low] = _mm256_min_epi32(pair.0, pair.1);
        }
        let mut vertices = [vertex; 5];
        let strides = _mm256_set1_epi32(0xffff);
        for (j, key) in keys.into_iter().enumerate() {
            vertices[j + 1] = _mm256_add_epi32(vertices[j], _mm256_and_si256(key, strides));
        }
        let [f1, f2, f3, f4] = keys.map(|key| _mm256_srli_epi32::<16>(key));
        let pair = |first, second| _mm256_or_si256(first, _mm256_slli_epi32::<BITS>(second));
        Sorted {
            vertices,
            weights: [
                pair(_mm256_sub_epi32(q, f1), _mm256_sub_epi32(f1, f2)),
                pair(_mm256_sub_epi32(f2, f3), _mm256_sub_epi32(f3, f4)),
                f4,
            ],
        }
    }
}

/// What [`Sorted`] has, in memory, for look-ups one by one.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub struct LookUps {
    /// Where the rows of the vertices lie in the table, in bytes.
    rows: [[u32; LANES]; 5],
    weights: [[i32; LANES]; 3],
}

impl LookUps {
    /// Nothing found yet.
    pub const NOTHING: Self = Self {
        rows: [[0; LANES]; 5],
        weights: [[0; LANES]; 3],
    };

    /// Keeps what was found, for rows of `2^SIZE` bytes.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn keep<const SIZE: i32>(&mut self, sorted: Sorted) {
        for (rows, vertices) in self.rows.iter_mut().zip(sorted.vertices) {
            let offsets = _mm256_slli_epi32::<SIZE>(vertices);
            // SAFETY: writes the 32 bytes of the array.
            unsafe { _mm256_storeu_si256(rows.as_mut_ptr().cast(), offsets) }
        }
        for (to, weights) in self.weights.iter_mut().zip(sorted.weights) {
            // SAFETY: writes the 32 bytes of the array.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), weights) }
        }
    }

    /// The rows of a look-up's vertices.
    ///
    /// # Safety
    /// They must have been found for the size of `T`, in a table that has a row for each vertex of the grid.
    #[inline(always)]
    pub unsafe fn rows<'a, T>(&self, rows: &'a [T], number: usize) -> [&'a T; 5] {
        // SAFETY: then the offset is the number of a vertex times the size.
        [0, 1, 2, 3, 4].map(|j| unsafe { &*rows.as_ptr().byte_add(self.rows[j][number] as usize) })
    }

    /// A look-up's pairs of weights.
    #[inline(always)]
    pub fn weights(&self, number: usize) -> [i32; 3] {
        [0, 1, 2].map(|pair| self.weights[pair][number])
    }

    /// The pairs of weights of all look-ups: of the first four in the lower lane, of the last four in the upper.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn all_weights(&self) -> [__m256i; 3] {
        [0, 1, 2].map(|pair| {
            // SAFETY: reads the 32 bytes of the array.
            unsafe { _mm256_loadu_si256(self.weights[pair].as_ptr().cast()) }
        })
    }
}

/// From a vector for each of four pixels of a lane to one for each of their four 32-bit values, or back.
#[inline]
#[target_feature(enable = "avx2")]
pub fn by_value([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    let (low_ab, high_ab) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (low_cd, high_cd) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(low_ab, low_cd),
        _mm256_unpackhi_epi64(low_ab, low_cd),
        _mm256_unpacklo_epi64(high_ab, high_cd),
        _mm256_unpackhi_epi64(high_ab, high_cd),
    ]
}

/// Sixteen entries.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_lane(bytes: &[i8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
