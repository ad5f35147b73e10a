//! Simplex interpolation by AVX-512: 64 pixels at a time, weights by the closed form or by a sorting network.
//!
//! Cells and rows are explained in docs/performance.md.

use std::arch::x86_64::*;

use super::{
    Table,
    layout::{self, Cell16, Cell64, Cells, Quads, TURN},
};
use crate::engine::kernels::{
    LANES,
    avx512::{add_sums, four_lanes, load, store_eight_sums, store_half_sums, sum_lanes},
};

/// The cells of 64 look-ups and the weights of their corners.
///
/// Pixel `16 l + j` has its cell in `cells[j / 8 * 32 + 8 l + j % 8]` and its weights in lane `l` of `weights[j]`: the
/// order that unpacking within lanes leaves.
struct Corners {
    cells: [u16; LANES],
    weights: [__m512i; 16],
}

/// Finds the cells of 64 look-ups and the weights of their corners (ARITHMETIC section 1, closed form).
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn corners(samples: [__m512i; 4]) -> Corners {
    let cells = cell_indices(samples);
    // SAFETY: both are 128 bytes and any bits make numbers.
    let cells = unsafe { std::mem::transmute::<[__m512i; 2], [u16; LANES]>(cells) };
    let [a, b, c, d] = samples.map(|samples| _mm512_and_si512(samples, _mm512_set1_epi8(15)));
    let (min_ab, max_ab) = (_mm512_min_epu8(a, b), _mm512_max_epu8(a, b));
    let (min_cd, max_cd) = (_mm512_min_epu8(c, d), _mm512_max_epu8(c, d));
    let (q, zero) = (_mm512_set1_epi8(16), _mm512_setzero_si512());
    // By which of a and b, of c and d, belong to the corner: the least fraction that does, the greatest that does not.
    let (least_ab, greatest_ab) = ([q, b, a, min_ab], [max_ab, a, b, zero]);
    let (least_cd, greatest_cd) = ([q, d, c, min_cd], [max_cd, c, d, zero]);
    let mut weights = [zero; 16];
    for (corner, weight) in weights.iter_mut().enumerate() {
        let (ab, cd) = (corner / 4, corner % 4);
        let least = _mm512_min_epu8(least_ab[ab], least_cd[cd]);
        let greatest = _mm512_max_epu8(greatest_ab[ab], greatest_cd[cd]);
        *weight = _mm512_subs_epu8(least, greatest);
    }
    Corners {
        cells,
        weights: transpose(weights),
    }
}

/// The cells of 64 look-ups: 16-bit numbers of four nodes, those of pixels 0 to 7 of each lane and then the others.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn cell_indices([a, b, c, d]: [__m512i; 4]) -> [__m512i; 2] {
    let high = _mm512_set1_epi8(0xf0_u8.cast_signed());
    // Two nodes in a byte: the high bits of the first, those of the second below. 0xca: high ? first : second.
    let pair = |first, second| {
        _mm512_ternarylogic_epi32::<0xca>(high, first, _mm512_srli_epi16::<4>(second))
    };
    let (ab, cd) = (pair(a, b), pair(c, d));
    [_mm512_unpacklo_epi8(cd, ab), _mm512_unpackhi_epi8(cd, ab)]
}

/// From a vector for each of 16 corners to, in each lane, the 16 corners of a pixel.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(corners: [__m512i; 16]) -> [__m512i; 16] {
    let mut bytes = corners;
    for i in 0..8 {
        let (a, b) = (corners[2 * i], corners[2 * i + 1]);
        bytes[i] = _mm512_unpacklo_epi8(a, b);
        bytes[8 + i] = _mm512_unpackhi_epi8(a, b);
    }
    let mut words = bytes;
    for i in 0..8 {
        let (a, b) = (bytes[2 * i], bytes[2 * i + 1]);
        let to = i / 4 * 8 + i % 4;
        words[to] = _mm512_unpacklo_epi16(a, b);
        words[to + 4] = _mm512_unpackhi_epi16(a, b);
    }
    let mut pixels = words;
    for i in 0..4 {
        // Four vectors of four corners each, of the same four pixels in each lane.
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| words[4 * i + k]);
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        pixels[4 * i] = _mm512_unpacklo_epi64(ab_low, cd_low);
        pixels[4 * i + 1] = _mm512_unpackhi_epi64(ab_low, cd_low);
        pixels[4 * i + 2] = _mm512_unpacklo_epi64(ab_high, cd_high);
        pixels[4 * i + 3] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }
    pixels
}

impl Corners {
    /// The cell of pixel `16 lane + j`.
    #[inline(always)]
    fn cell(&self, lane: usize, j: usize) -> usize {
        self.cells[j / 8 * 32 + 8 * lane + j % 8].into()
    }

    /// The weights of pixel `pixel` in all four lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn broadcast_weights(&self, pixel: usize) -> __m512i {
        let lanes: *const __m512i = &self.weights[pixel % 16];
        // SAFETY: a vector has four lanes, and `pixel` is below 64.
        let weights = unsafe { lanes.cast::<__m128i>().add(pixel / 16).read() };
        _mm512_broadcast_i32x4(weights)
    }
}

/// Any pattern, one output: sixteen corners a look-up, four look-ups a vector.
pub struct RotatedOne {
    cells: Cells<Cell16>,
}

impl RotatedOne {
    pub fn new(table: &Table) -> Self {
        Self {
            cells: layout::cells(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn add(&self, inputs: &[[&[u8]; 4]; 4], width: usize, sums: &mut [i16]) {
        let first_half = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
        let second_half = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        for x in (0..width).step_by(LANES) {
            let mut totals = [_mm512_setzero_si512(); 16];
            for axes in inputs {
                let corners = corners(axes.map(|row| load(row, x)));
                let vectors = totals.iter_mut().zip(&corners.weights).enumerate();
                for (j, (total, weights)) in vectors {
                    let cell = |lane| load_lane(&self.cells[corners.cell(lane, j)].0);
                    let cells = four_lanes([cell(0), cell(1), cell(2), cell(3)]);
                    *total = _mm512_dpbusd_epi32(*total, *weights, cells);
                }
            }
            let sum = |j: usize| sum_lanes([0, 1, 2, 3].map(|k| totals[j + k]));
            let low = _mm512_packs_epi32(sum(0), sum(4));
            let high = _mm512_packs_epi32(sum(8), sum(12));
            add_sums(sums, x, _mm512_permutex2var_epi64(low, first_half, high));
            let second = _mm512_permutex2var_epi64(low, second_half, high);
            add_sums(sums, x + 32, second);
        }
    }
}

/// Any pattern, four outputs: one look-up a vector, an output in each lane.
pub struct RotatedFour {
    cells: Cells<Cell64>,
}

impl RotatedFour {
    pub fn new(table: &Table) -> Self {
        Self {
            cells: layout::cells_of_four(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn add(&self, inputs: &[[&[u8]; 4]; 4], width: usize, sums: &mut [i16]) {
        let order = from_turns();
        for x in (0..width).step_by(LANES) {
            let rotations = inputs.map(|axes| corners(axes.map(|row| load(row, x))));
            for first in (0..LANES).step_by(8) {
                let pixel = |k: usize| {
                    let pixel = first + k;
                    let look_up = |rotation: usize| {
                        let corners: &Corners = &rotations[rotation];
                        let cell = &self.cells[corners.cell(pixel / 16, pixel % 16)];
                        let weights = corners.broadcast_weights(pixel);
                        _mm512_dpbusd_epi32(_mm512_setzero_si512(), weights, load_lanes(&cell.0))
                    };
                    let (first, third) = (look_up(1), look_up(3));
                    let first = _mm512_shuffle_i64x2::<0x93>(first, first);
                    let third = _mm512_shuffle_i64x2::<0x39>(third, third);
                    let second = look_up(2);
                    let second = _mm512_shuffle_i64x2::<0x4e>(second, second);
                    _mm512_add_epi32(
                        _mm512_add_epi32(look_up(0), first),
                        _mm512_add_epi32(second, third),
                    )
                };
                let low = sum_lanes([pixel(0), pixel(1), pixel(2), pixel(3)]);
                let high = sum_lanes([pixel(4), pixel(5), pixel(6), pixel(7)]);
                let lanes = _mm512_packs_epi32(low, high);
                let pixels = _mm512_permutexvar_epi16(order, lanes);
                add_sums(sums, 4 * (x + first), pixels);
            }
        }
    }
}

/// Squares with one output: one look-up a vector, a rotation in each lane.
pub struct FoldedOne {
    cells: Cells<Cell64>,
}

impl FoldedOne {
    pub fn new(table: &Table) -> Self {
        Self {
            cells: layout::folded_cells(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, outputs: [&mut [i16]; 4]) {
        let [first_row, second_row, third_row, fourth_row] = outputs;
        for x in (0..squares).step_by(LANES) {
            let corners = corners(inputs.map(|row| load(row, x)));
            for first in (0..LANES).step_by(8) {
                let square = |k: usize| {
                    let square = first + k;
                    let cell = &self.cells[corners.cell(square / 16, square % 16)];
                    let weights = corners.broadcast_weights(square);
                    _mm512_dpbusd_epi32(_mm512_setzero_si512(), weights, load_lanes(&cell.0))
                };
                let low = sum_lanes([square(0), square(1), square(2), square(3)]);
                let high = sum_lanes([square(4), square(5), square(6), square(7)]);
                let lanes = _mm512_packs_epi32(low, high);
                let at = x + first;
                store_eight_sums(first_row, at, _mm512_castsi512_si128(lanes));
                store_eight_sums(second_row, at, _mm512_extracti32x4_epi32::<1>(lanes));
                store_eight_sums(third_row, at, _mm512_extracti32x4_epi32::<2>(lanes));
                store_eight_sums(fourth_row, at, _mm512_extracti32x4_epi32::<3>(lanes));
            }
        }
    }
}

/// 16-bit places of eight pixels with four outputs each, from lanes in the order of [`TURN`].
#[inline]
#[target_feature(enable = "avx512f")]
fn from_turns() -> __m512i {
    let mut from = [0i16; 32];
    for (lane, output) in TURN.into_iter().enumerate() {
        for pixel in 0..8 {
            from[4 * pixel + output] = (8 * lane + pixel) as i16;
        }
    }
    // SAFETY: both are 64 bytes and any bits make a vector.
    unsafe { std::mem::transmute::<[i16; 32], __m512i>(from) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_lane(bytes: &[i8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_lanes(bytes: &[[i8; 16]; 4]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Squares with four outputs: three rows of sixteen values a look-up, each with the four corners of axes c and d.
pub struct FoldedFour {
    rows: Box<[Quads]>,
}

impl FoldedFour {
    pub fn new(table: &Table) -> Self {
        Self {
            rows: layout::folded_quads(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, outputs: [&mut [i16]; 4]) {
        let [first_row, second_row, third_row, fourth_row] = outputs;
        let upper = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
        let lower = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        for x in (0..squares).step_by(LANES) {
            let quads = quads(inputs.map(|row| load(row, x)));
            for group in 0..LANES / 4 {
                let mut squares = [_mm512_setzero_si512(); 4];
                for (k, square) in squares.iter_mut().enumerate() {
                    for vertex in 0..3 {
                        let row = quads.rows[vertex][4 * group + k] as usize;
                        // SAFETY: three vertices of a cell of 16^4 cells are rows of 17^2 nodes by 16^2 cells.
                        let row = unsafe { self.rows.get_unchecked(row) };
                        let weights = quads.weights[vertex][4 * group + k];
                        let weights = _mm512_set1_epi32(weights);
                        *square = _mm512_dpbusd_epi32(*square, weights, load_lanes(&row.0));
                    }
                }
                let [a, b, c, d] = squares;
                let (left, right) = (_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
                let first_two = _mm512_permutex2var_epi64(left, upper, right);
                let last_two = _mm512_permutex2var_epi64(left, lower, right);
                let at = 4 * (x + group % 4 * 16 + group / 4 * 4);
                store_half_sums(first_row, at, _mm512_castsi512_si256(first_two));
                store_half_sums(second_row, at, _mm512_extracti64x4_epi64::<1>(first_two));
                store_half_sums(third_row, at, _mm512_castsi512_si256(last_two));
                store_half_sums(fourth_row, at, _mm512_extracti64x4_epi64::<1>(last_two));
            }
        }
    }
}

/// The vertices of 64 look-ups along axes a and b, and the weights of the four corners of axes c and d at each.
///
/// Pixel `16 l + 4 q + t` is at `16 q + 4 l + t`: the order that unpacking within lanes leaves.
struct QuadSimplexes {
    rows: [[u32; LANES]; 3],
    weights: [[i32; LANES]; 3],
}

/// Finds the simplexes of axes a and b, and the weights of axes c and d (ARITHMETIC section 1: of the closed form's
/// corners those with weight lie at these three vertices).
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn quads(samples: [__m512i; 4]) -> QuadSimplexes {
    let [a, b, c, d] = samples.map(|samples| _mm512_and_si512(samples, _mm512_set1_epi8(15)));
    let (q, zero) = (_mm512_set1_epi8(16), _mm512_setzero_si512());
    let along = [q, _mm512_max_epu8(a, b), _mm512_min_epu8(a, b), zero];
    let least = [q, d, c, _mm512_min_epu8(c, d)];
    let greatest = [_mm512_max_epu8(c, d), c, d, zero];
    let weights = [0, 1, 2].map(|vertex| {
        let [w0, w1, w2, w3] = [0, 1, 2, 3].map(|corner| {
            let least = _mm512_min_epu8(along[vertex], least[corner]);
            let greatest = _mm512_max_epu8(along[vertex + 1], greatest[corner]);
            _mm512_subs_epu8(least, greatest)
        });
        let (low_a, high_a) = (_mm512_unpacklo_epi8(w0, w1), _mm512_unpackhi_epi8(w0, w1));
        let (low_b, high_b) = (_mm512_unpacklo_epi8(w2, w3), _mm512_unpackhi_epi8(w2, w3));
        [
            _mm512_unpacklo_epi16(low_a, low_b),
            _mm512_unpackhi_epi16(low_a, low_b),
            _mm512_unpacklo_epi16(high_a, high_b),
            _mm512_unpackhi_epi16(high_a, high_b),
        ]
    });

    let [first_low, first_high] = cell_indices(samples);
    // One node on along the axis with the greater fraction: by 17 nodes or by one.
    let steps = _mm512_mask_blend_epi8(
        _mm512_cmpge_epu8_mask(a, b),
        _mm512_set1_epi8(1),
        _mm512_set1_epi8(17),
    );
    let (steps_low, steps_high) = (
        _mm512_unpacklo_epi8(zero, steps),
        _mm512_unpackhi_epi8(zero, steps),
    );
    // Sixteen cells to a node of axis a, seventeen nodes.
    let first = |cells| {
        let nodes = _mm512_slli_epi32::<8>(_mm512_srli_epi32::<12>(cells));
        _mm512_add_epi32(cells, nodes)
    };
    let first_row = [
        first(_mm512_unpacklo_epi16(first_low, zero)),
        first(_mm512_unpackhi_epi16(first_low, zero)),
        first(_mm512_unpacklo_epi16(first_high, zero)),
        first(_mm512_unpackhi_epi16(first_high, zero)),
    ];
    let second_row = [
        _mm512_add_epi32(first_row[0], _mm512_unpacklo_epi16(steps_low, zero)),
        _mm512_add_epi32(first_row[1], _mm512_unpackhi_epi16(steps_low, zero)),
        _mm512_add_epi32(first_row[2], _mm512_unpacklo_epi16(steps_high, zero)),
        _mm512_add_epi32(first_row[3], _mm512_unpackhi_epi16(steps_high, zero)),
    ];
    let both = _mm512_set1_epi32(18 << 8);
    let third_row = first_row.map(|rows| _mm512_add_epi32(rows, both));
    let rows = [first_row, second_row, third_row];
    QuadSimplexes {
        // SAFETY: both are 768 bytes and any bits make numbers.
        rows: unsafe { std::mem::transmute::<[[__m512i; 4]; 3], [[u32; LANES]; 3]>(rows) },
        // SAFETY: as above.
        weights: unsafe { std::mem::transmute::<[[__m512i; 4]; 3], [[i32; LANES]; 3]>(weights) },
    }
}
