//! Tables with one output or four: 32 pixels at a time.
//!
//! Most kernels here read rows: three of four corners a look-up take fewer weights than a cell of sixteen, and the tables
//! are smaller.

use std::arch::x86_64::*;

use super::sorted::{by_value, load_lane};
use crate::engine::kernels::{
    avx2::{
        LANES, add_eight_sums, add_sums, load, store_eight_sums, sum_lanes, sum_pairs, two_lanes,
    },
    simplex::{
        Table,
        layout::{self, CELLS, Cell16, FourQuads, Quads},
        pages::Pages,
    },
};

/// Rows from the first vertex along axes a and b to the third: one node on along both.
const BOTH: usize = 18 << 8;

/// The vertices of 32 look-ups along axes a and b, and the weights of the four corners of axes c and d at each.
///
/// Pixel `16 l + 4 q + t` is at `8 q + 4 l + t`, or `t` of lane `l` of vector `q`: the order that unpacking within lanes
/// leaves. The third vertex's row is [`BOTH`] after the first's.
struct QuadSimplexes {
    first: [u32; LANES],
    second: [u32; LANES],
    weights: [[__m256i; 4]; 3],
}

impl QuadSimplexes {
    /// Memory for what is found: returned by value it would be copied more than once.
    // SAFETY: any bits make numbers and vectors.
    const NOTHING: Self = unsafe { std::mem::zeroed() };
}

/// Finds the simplexes of axes a and b, and the weights of axes c and d (ARITHMETIC section 1: of the closed form's
/// corners those with weight lie at these three vertices).
#[inline]
#[target_feature(enable = "avx2")]
fn find_quads(samples: [__m256i; 4], simplexes: &mut QuadSimplexes) {
    let [a, b, c, d] = samples.map(|samples| _mm256_and_si256(samples, _mm256_set1_epi8(15)));
    let (q, zero) = (_mm256_set1_epi8(16), _mm256_setzero_si256());
    let max_ab = _mm256_max_epu8(a, b);
    let along = [q, max_ab, _mm256_min_epu8(a, b), zero];
    let least = [q, d, c, _mm256_min_epu8(c, d)];
    let greatest = [_mm256_max_epu8(c, d), c, d, zero];
    for (vertex, weights) in simplexes.weights.iter_mut().enumerate() {
        let [w0, w1, w2, w3] = [0, 1, 2, 3].map(|corner| {
            let least = _mm256_min_epu8(along[vertex], least[corner]);
            let greatest = _mm256_max_epu8(along[vertex + 1], greatest[corner]);
            _mm256_subs_epu8(least, greatest)
        });
        let (low_a, high_a) = (_mm256_unpacklo_epi8(w0, w1), _mm256_unpackhi_epi8(w0, w1));
        let (low_b, high_b) = (_mm256_unpacklo_epi8(w2, w3), _mm256_unpackhi_epi8(w2, w3));
        *weights = [
            _mm256_unpacklo_epi16(low_a, low_b),
            _mm256_unpackhi_epi16(low_a, low_b),
            _mm256_unpacklo_epi16(high_a, high_b),
            _mm256_unpackhi_epi16(high_a, high_b),
        ];
    }

    // Sixteen cells to a node of axis a, seventeen nodes.
    let first = widen(cell_indices(samples)).map(|cells| {
        let nodes = _mm256_slli_epi32::<8>(_mm256_srli_epi32::<12>(cells));
        _mm256_add_epi32(cells, nodes)
    });
    // One node on along the axis with the greater fraction: by 17 nodes or by one.
    let sixteen = _mm256_and_si256(_mm256_cmpeq_epi8(max_ab, a), q);
    let steps = _mm256_or_si256(sixteen, _mm256_set1_epi8(1));
    let steps = widen([
        _mm256_unpacklo_epi8(zero, steps),
        _mm256_unpackhi_epi8(zero, steps),
    ]);
    let second = [0, 1, 2, 3].map(|q| _mm256_add_epi32(first[q], steps[q]));
    // SAFETY: both are 128 bytes and any bits make numbers.
    simplexes.first = unsafe { std::mem::transmute::<[__m256i; 4], [u32; LANES]>(first) };
    // SAFETY: as above.
    simplexes.second = unsafe { std::mem::transmute::<[__m256i; 4], [u32; LANES]>(second) };
}

/// The cells of 32 look-ups: 16-bit numbers of four nodes, those of pixels 0 to 7 of each lane and then the others.
#[inline]
#[target_feature(enable = "avx2")]
fn cell_indices([a, b, c, d]: [__m256i; 4]) -> [__m256i; 2] {
    let high = _mm256_set1_epi8(0xf0_u8.cast_signed());
    // Two nodes in a byte: the high bits of the first, those of the second below.
    let pair = |first, second| {
        let below = _mm256_andnot_si256(high, _mm256_srli_epi16::<4>(second));
        _mm256_or_si256(_mm256_and_si256(first, high), below)
    };
    let (ab, cd) = (pair(a, b), pair(c, d));
    [_mm256_unpacklo_epi8(cd, ab), _mm256_unpackhi_epi8(cd, ab)]
}

/// 16-bit numbers as 32-bit ones, each lane by itself.
#[inline]
#[target_feature(enable = "avx2")]
fn widen([low, high]: [__m256i; 2]) -> [__m256i; 4] {
    let zero = _mm256_setzero_si256();
    [
        _mm256_unpacklo_epi16(low, zero),
        _mm256_unpackhi_epi16(low, zero),
        _mm256_unpacklo_epi16(high, zero),
        _mm256_unpackhi_epi16(high, zero),
    ]
}

/// A table of rows of four values, each at the four corners of a cell of axes c and d.
struct FourValues {
    rows: Pages<FourQuads>,
}

impl FourValues {
    /// Looks up four pixels of each lane, those of vector `group`: in each lane of the `t`-th result a pixel, with two
    /// 16-bit parts for each of its four values.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn look_up(&self, simplexes: &QuadSimplexes, group: usize) -> [__m256i; 4] {
        let [first, second, third] = simplexes.weights.map(|weights| spread(weights[group]));
        [0, 1, 2, 3].map(|t| {
            let pixels = [8 * group + t, 8 * group + 4 + t];
            let vertex = |rows: [u32; 2], beyond: usize, weights| {
                let [low, high] = rows.map(|row| {
                    // SAFETY: three vertices of a cell of 16^4 cells are rows of 17^2 nodes by 16^2 cells.
                    let row = unsafe { self.rows.get_unchecked(row as usize + beyond) };
                    load_lane(&row.0)
                });
                _mm256_maddubs_epi16(weights, two_lanes(low, high))
            };
            let first_rows = pixels.map(|pixel| simplexes.first[pixel]);
            let second_rows = pixels.map(|pixel| simplexes.second[pixel]);
            let sum = _mm256_add_epi16(
                vertex(first_rows, 0, first[t]),
                vertex(second_rows, 0, second[t]),
            );
            _mm256_add_epi16(sum, vertex(first_rows, BOTH, third[t]))
        })
    }
}

/// Each 32-bit number of a lane, everywhere in the lane.
#[inline]
#[target_feature(enable = "avx2")]
fn spread(numbers: __m256i) -> [__m256i; 4] {
    [
        _mm256_shuffle_epi32::<0x00>(numbers),
        _mm256_shuffle_epi32::<0x55>(numbers),
        _mm256_shuffle_epi32::<0xaa>(numbers),
        _mm256_shuffle_epi32::<0xff>(numbers),
    ]
}

/// Squares with one output: four values a look-up, one for each rotation.
pub struct FoldedOne {
    rotations: FourValues,
}

impl FoldedOne {
    pub fn new(table: &Table) -> Self {
        let rows = layout::folded_four_quads(table);
        Self {
            rotations: FourValues { rows },
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, mut outputs: [&mut [i16]; 4]) {
        let mut simplexes = QuadSimplexes::NOTHING;
        for x in (0..squares).step_by(LANES) {
            find_quads(inputs.map(|row| load(row, x)), &mut simplexes);
            for half in 0..2 {
                let first_four = by_value(self.rotations.look_up(&simplexes, 2 * half));
                let last_four = by_value(self.rotations.look_up(&simplexes, 2 * half + 1));
                for (rotation, output) in outputs.iter_mut().enumerate() {
                    let sums = sum_pairs(first_four[rotation], last_four[rotation]);
                    let at = x + 8 * half;
                    store_eight_sums(output, at, _mm256_castsi256_si128(sums));
                    store_eight_sums(output, at + 16, _mm256_extracti128_si256::<1>(sums));
                }
            }
        }
    }
}

/// Squares with four outputs: sixteen values a look-up.
pub struct FoldedFour {
    rows: Pages<Quads>,
}

impl FoldedFour {
    pub fn new(table: &Table) -> Self {
        Self {
            rows: layout::folded_quads(table),
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, mut outputs: [&mut [i16]; 4]) {
        let mut simplexes = QuadSimplexes::NOTHING;
        for x in (0..squares).step_by(LANES) {
            find_quads(inputs.map(|row| load(row, x)), &mut simplexes);
            // SAFETY: both are 384 bytes and any bits make numbers.
            let weights = unsafe {
                std::mem::transmute::<[[__m256i; 4]; 3], [[i32; LANES]; 3]>(simplexes.weights)
            };
            for place in (0..LANES).step_by(2) {
                let left = self.square(&simplexes, &weights, place);
                let right = self.square(&simplexes, &weights, place + 1);
                let at = 4 * (x + place % 8 / 4 * 16 + place / 8 * 4 + place % 4);
                let two_squares = [
                    _mm256_unpacklo_epi64(left, right),
                    _mm256_unpackhi_epi64(left, right),
                ];
                for (pair, outputs) in two_squares.into_iter().zip(outputs.chunks_exact_mut(2)) {
                    store_eight_sums(outputs[0], at, _mm256_castsi256_si128(pair));
                    store_eight_sums(outputs[1], at, _mm256_extracti128_si256::<1>(pair));
                }
            }
        }
    }

    /// The values of one square: in the lower halves of the lanes those of the first two rotations.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn square(
        &self,
        simplexes: &QuadSimplexes,
        weights: &[[i32; LANES]; 3],
        place: usize,
    ) -> __m256i {
        let first = simplexes.first[place] as usize;
        let rows = [first, simplexes.second[place] as usize, first + BOTH];
        let mut halves = [_mm256_setzero_si256(); 2];
        for (row, weights) in rows.into_iter().zip(weights) {
            // SAFETY: three vertices of a cell of 16^4 cells are rows of 17^2 nodes by 16^2 cells.
            let row = unsafe { self.rows.get_unchecked(row) };
            let weights = _mm256_set1_epi32(weights[place]);
            for (half, values) in halves.iter_mut().zip(row.0.as_chunks().0) {
                let products = _mm256_maddubs_epi16(weights, load_two_lanes(values));
                *half = _mm256_add_epi16(*half, products);
            }
        }
        sum_pairs(halves[0], halves[1])
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_two_lanes(bytes: &[[i8; 16]; 2]) -> __m256i {
    // SAFETY: reads the 32 bytes of the array.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Any pattern, four outputs.
pub struct RotatedFour {
    outputs: FourValues,
}

impl RotatedFour {
    pub fn new(table: &Table) -> Self {
        let rows = layout::four_quads(table);
        Self {
            outputs: FourValues { rows },
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn add(&self, inputs: &[[&[u8]; 4]; 4], width: usize, sums: &mut [i16]) {
        let mut rotations = [const { QuadSimplexes::NOTHING }; 4];
        for x in (0..width).step_by(LANES) {
            for (axes, simplexes) in inputs.iter().zip(&mut rotations) {
                find_quads(axes.map(|row| load(row, x)), simplexes);
            }
            for group in 0..4 {
                let [zeroth, first, second, third] =
                    [0, 1, 2, 3].map(|rotation| self.outputs.look_up(&rotations[rotation], group));
                // Two parts for each of four outputs, in the order of `layout::TURN`.
                let pixels = [0, 1, 2, 3].map(|t| {
                    let first = _mm256_shuffle_epi32::<0x93>(first[t]);
                    let second = _mm256_shuffle_epi32::<0x4e>(second[t]);
                    let third = _mm256_shuffle_epi32::<0x39>(third[t]);
                    let sum = _mm256_add_epi16(
                        _mm256_add_epi16(zeroth[t], first),
                        _mm256_add_epi16(second, third),
                    );
                    _mm256_shuffle_epi32::<0xb4>(sum)
                });
                for (pair, pixels) in pixels.as_chunks().0.iter().enumerate() {
                    let [left, right]: [__m256i; 2] = *pixels;
                    let pixels = sum_pairs(left, right);
                    let at = 4 * (x + 4 * group + 2 * pair);
                    add_eight_sums(sums, at, _mm256_castsi256_si128(pixels));
                    add_eight_sums(sums, at + 64, _mm256_extracti128_si256::<1>(pixels));
                }
            }
        }
    }
}

/// The cells of 32 look-ups and the weights of their corners.
///
/// Pixel `16 l + j` has its cell in `cells[j / 8 * 16 + 8 l + j % 8]` and its weights in lane `l` of `weights[j]`: the
/// order that unpacking within lanes leaves.
struct Corners {
    cells: [u16; LANES],
    weights: [__m256i; 16],
}

impl Corners {
    /// Memory for what is found: returned by value it would be copied more than once.
    // SAFETY: any bits make numbers and vectors.
    const NOTHING: Self = unsafe { std::mem::zeroed() };
}

/// Finds the cells of 32 look-ups and the weights of their corners (ARITHMETIC section 1, closed form).
#[inline]
#[target_feature(enable = "avx2")]
fn find_corners(samples: [__m256i; 4], corners: &mut Corners) {
    let cells = cell_indices(samples);
    // SAFETY: both are 64 bytes and any bits make numbers.
    corners.cells = unsafe { std::mem::transmute::<[__m256i; 2], [u16; LANES]>(cells) };
    let [a, b, c, d] = samples.map(|samples| _mm256_and_si256(samples, _mm256_set1_epi8(15)));
    let (min_ab, max_ab) = (_mm256_min_epu8(a, b), _mm256_max_epu8(a, b));
    let (min_cd, max_cd) = (_mm256_min_epu8(c, d), _mm256_max_epu8(c, d));
    let (q, zero) = (_mm256_set1_epi8(16), _mm256_setzero_si256());
    // By which of a and b, of c and d, belong to the corner: the least fraction that does, the greatest that does not.
    let (least_ab, greatest_ab) = ([q, b, a, min_ab], [max_ab, a, b, zero]);
    let (least_cd, greatest_cd) = ([q, d, c, min_cd], [max_cd, c, d, zero]);
    let mut weights = [zero; 16];
    for (corner, weight) in weights.iter_mut().enumerate() {
        let (ab, cd) = (corner / 4, corner % 4);
        let least = _mm256_min_epu8(least_ab[ab], least_cd[cd]);
        let greatest = _mm256_max_epu8(greatest_ab[ab], greatest_cd[cd]);
        *weight = _mm256_subs_epu8(least, greatest);
    }
    corners.weights = transpose(weights);
}

/// From a vector for each of 16 corners to, in each lane, the 16 corners of a pixel.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(corners: [__m256i; 16]) -> [__m256i; 16] {
    let mut bytes = corners;
    for i in 0..8 {
        let (a, b) = (corners[2 * i], corners[2 * i + 1]);
        bytes[i] = _mm256_unpacklo_epi8(a, b);
        bytes[8 + i] = _mm256_unpackhi_epi8(a, b);
    }
    let mut words = bytes;
    for i in 0..8 {
        let (a, b) = (bytes[2 * i], bytes[2 * i + 1]);
        let to = i / 4 * 8 + i % 4;
        words[to] = _mm256_unpacklo_epi16(a, b);
        words[to + 4] = _mm256_unpackhi_epi16(a, b);
    }
    let mut pixels = words;
    for i in 0..4 {
        // Four vectors of four corners each, of the same four pixels in each lane.
        let four = by_value([0, 1, 2, 3].map(|k| words[4 * i + k]));
        pixels[4 * i..4 * i + 4].copy_from_slice(&four);
    }
    pixels
}

/// Any pattern, one output: sixteen corners a look-up, two look-ups a vector.
pub struct RotatedOne {
    cells: Pages<Cell16>,
}

impl RotatedOne {
    pub fn new(table: &Table) -> Self {
        Self {
            cells: layout::cells(table),
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn add(&self, inputs: &[[&[u8]; 4]; 4], width: usize, sums: &mut [i16]) {
        let cells: &[Cell16; CELLS] = self.cells.first_chunk().expect("all cells");
        let mut rotations = [const { Corners::NOTHING }; 4];
        for x in (0..width).step_by(LANES) {
            for (axes, corners) in inputs.iter().zip(&mut rotations) {
                find_corners(axes.map(|row| load(row, x)), corners);
            }
            let pixels = |j: usize| {
                let mut total = _mm256_setzero_si256();
                for corners in &rotations {
                    let cell = |lane: usize| {
                        let cell = corners.cells[j / 8 * 16 + 8 * lane + j % 8];
                        load_lane(&cells[usize::from(cell)].0)
                    };
                    let lanes = two_lanes(cell(0), cell(1));
                    let products = _mm256_maddubs_epi16(corners.weights[j], lanes);
                    total = _mm256_add_epi16(total, products);
                }
                total
            };
            let low = sum_lanes([0, 1, 2, 3, 4, 5, 6, 7].map(pixels));
            let high = sum_lanes([8, 9, 10, 11, 12, 13, 14, 15].map(pixels));
            add_sums(sums, x, _mm256_permute2x128_si256::<0x20>(low, high));
            add_sums(sums, x + 16, _mm256_permute2x128_si256::<0x31>(low, high));
        }
    }
}
