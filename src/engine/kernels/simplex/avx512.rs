//! Simplex interpolation by AVX-512: 64 pixels at a time, weights by the closed form or by a sorting network.
//!
//! Cells and rows are explained in docs/performance.md.

use std::arch::x86_64::*;

use super::{
    Table,
    layout::{self, Cell16, Cell64, Cells, Row16, TURN},
};
use crate::engine::kernels::{
    LANES,
    avx512::{add_sums, four_lanes, load, store_eight_sums, store_sums, sum_lanes},
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
    let [a, b, c, d] = samples;
    let high = _mm512_set1_epi8(0xf0_u8.cast_signed());
    // Two nodes in a byte: the high bits of the first, those of the second below. 0xca: high ? first : second.
    let pair = |first, second| {
        _mm512_ternarylogic_epi32::<0xca>(high, first, _mm512_srli_epi16::<4>(second))
    };
    let (ab, cd) = (pair(a, b), pair(c, d));
    let halves = [_mm512_unpacklo_epi8(cd, ab), _mm512_unpackhi_epi8(cd, ab)];
    // SAFETY: both are 128 bytes and any bits make numbers.
    let cells = unsafe { std::mem::transmute::<[__m512i; 2], [u16; LANES]>(halves) };

    let fraction = |samples| _mm512_and_si512(samples, _mm512_set1_epi8(15));
    let [a, b, c, d] = [fraction(a), fraction(b), fraction(c), fraction(d)];
    let (min_ab, max_ab) = (_mm512_min_epu8(a, b), _mm512_max_epu8(a, b));
    let (min_cd, max_cd) = (_mm512_min_epu8(c, d), _mm512_max_epu8(c, d));
    let (q, zero) = (_mm512_set1_epi8(16), _mm512_setzero_si512());
    // By which of a and b, of c and d, belong to the corner: the least fraction that does, the greatest that does not.
    let (least_ab, greatest_ab) = ([q, b, a, min_ab], [max_ab, a, b, zero]);
    let (least_cd, greatest_cd) = ([q, d, c, min_cd], [max_cd, c, d, zero]);
    let mut weights = [zero; 16];
    for corner in 0..16 {
        let (ab, cd) = (corner / 4, corner % 4);
        let least = _mm512_min_epu8(least_ab[ab], least_cd[cd]);
        let greatest = _mm512_max_epu8(greatest_ab[ab], greatest_cd[cd]);
        weights[corner] = _mm512_subs_epu8(least, greatest);
    }
    Corners {
        cells,
        weights: transpose(weights),
    }
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
                for j in 0..16 {
                    let cell = |lane| load_lane(&self.cells[corners.cell(lane, j)].0);
                    let cells = four_lanes([cell(0), cell(1), cell(2), cell(3)]);
                    totals[j] = _mm512_dpbusd_epi32(totals[j], corners.weights[j], cells);
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

/// Squares with four outputs: five rows of sixteen values a look-up, four look-ups a vector.
pub struct FoldedFour {
    rows: Box<[Row16]>,
}

impl FoldedFour {
    pub fn new(table: &Table) -> Self {
        Self {
            rows: layout::folded_rows_of_four(table),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, outputs: [&mut [i16]; 4]) {
        let [first_row, second_row, third_row, fourth_row] = outputs;
        let zero = _mm512_setzero_si512();
        let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
        let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
        for x in (0..squares).step_by(LANES) {
            let simplex = simplex(inputs.map(|row| load(row, x)));
            let [w0, w1, w2, w3, w4] = simplex.weights;
            // Pairs of weights, each twice, for four squares of each lane: what `maddubs` takes beside pairs of rows.
            let pairs = [(w0, w1), (w2, w3), (w4, zero)].map(|(a, b)| {
                let (low, high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
                [
                    _mm512_unpacklo_epi16(low, low),
                    _mm512_unpackhi_epi16(low, low),
                    _mm512_unpacklo_epi16(high, high),
                    _mm512_unpackhi_epi16(high, high),
                ]
            });
            for lane in 0..4 {
                let spread = spread_lane(lane);
                let four = |quarter: usize| {
                    let rows = |vertex: usize| {
                        let row = |k: usize| {
                            let row = simplex.rows[vertex][16 * quarter + 4 * lane + k] as usize;
                            load_lane(&self.rows[row].0)
                        };
                        four_lanes([row(0), row(1), row(2), row(3)])
                    };
                    let [w01, w23, w4] =
                        pairs.map(|pair| _mm512_permutexvar_epi32(spread, pair[quarter]));
                    let (r0, r1, r2, r3, r4) = (rows(0), rows(1), rows(2), rows(3), rows(4));
                    let low = _mm512_add_epi16(
                        _mm512_add_epi16(
                            _mm512_maddubs_epi16(w01, _mm512_unpacklo_epi8(r0, r1)),
                            _mm512_maddubs_epi16(w23, _mm512_unpacklo_epi8(r2, r3)),
                        ),
                        _mm512_maddubs_epi16(w4, _mm512_unpacklo_epi8(r4, zero)),
                    );
                    let high = _mm512_add_epi16(
                        _mm512_add_epi16(
                            _mm512_maddubs_epi16(w01, _mm512_unpackhi_epi8(r0, r1)),
                            _mm512_maddubs_epi16(w23, _mm512_unpackhi_epi8(r2, r3)),
                        ),
                        _mm512_maddubs_epi16(w4, _mm512_unpackhi_epi8(r4, zero)),
                    );
                    (low, high)
                };
                for half in 0..2 {
                    let ((low_a, high_a), (low_b, high_b)) = (four(2 * half), four(2 * half + 1));
                    let at = 4 * (x + 16 * lane + 8 * half);
                    store_sums(first_row, at, _mm512_permutex2var_epi64(low_a, even, low_b));
                    store_sums(second_row, at, _mm512_permutex2var_epi64(low_a, odd, low_b));
                    store_sums(
                        third_row,
                        at,
                        _mm512_permutex2var_epi64(high_a, even, high_b),
                    );
                    store_sums(
                        fourth_row,
                        at,
                        _mm512_permutex2var_epi64(high_a, odd, high_b),
                    );
                }
            }
        }
    }
}

/// Which numbers of 32 bits spread those of one lane over all four.
#[inline]
#[target_feature(enable = "avx512f")]
fn spread_lane(lane: usize) -> __m512i {
    let within = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    _mm512_add_epi32(within, _mm512_set1_epi32(4 * lane as i32))
}

/// The vertices of 64 look-ups and their weights.
///
/// Pixel `16 l + 4 q + t` has its rows in `rows[..][16 q + 4 l + t]`, its weights in byte `16 l + 4 q + t`.
struct Simplexes {
    rows: [[u32; LANES]; 5],
    weights: [__m512i; 5],
}

/// Rows from a node to the next along each axis.
const STRIDES: [u16; 4] = [17 * 17 * 17, 17 * 17, 17, 1];

/// Finds the vertices of 64 look-ups and their weights (ARITHMETIC section 1) by a sorting network.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn simplex(samples: [__m512i; 4]) -> Simplexes {
    let low = _mm512_set1_epi8(15);
    let high = _mm512_set1_epi8(0xf0_u8.cast_signed());
    // A fraction above a bit that names its axis: sorting the one sorts the other along. 0xf8: bit | (fraction & high).
    let key = |samples, axis: i8| {
        let fraction = _mm512_slli_epi16::<4>(samples);
        _mm512_ternarylogic_epi32::<0xf8>(_mm512_set1_epi8(axis), fraction, high)
    };
    let [a, b, c, d] = samples;
    let sort = |(x, y)| (_mm512_max_epu8(x, y), _mm512_min_epu8(x, y));
    let (k0, k1) = sort((key(a, 8), key(b, 4)));
    let (k2, k3) = sort((key(c, 2), key(d, 1)));
    let (k0, k2) = sort((k0, k2));
    let (k1, k3) = sort((k1, k3));
    let (k1, k2) = sort((k1, k2));
    let upper = |bytes| _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low);
    let [f1, f2, f3, f4] = [k0, k1, k2, k3].map(upper);
    let weights = [
        _mm512_sub_epi8(_mm512_set1_epi8(16), f1),
        _mm512_sub_epi8(f1, f2),
        _mm512_sub_epi8(f2, f3),
        _mm512_sub_epi8(f3, f4),
        f4,
    ];
    // The axes along which each vertex lies one node on.
    let one_axis = _mm512_and_si512(k0, low);
    let two_axes = _mm512_and_si512(_mm512_or_si512(k0, k1), low);
    let three_axes = _mm512_andnot_si512(k3, low);
    let first = first_rows([a, b, c, d].map(upper));
    let last: i32 = STRIDES.iter().map(|stride| i32::from(*stride)).sum();
    let rows = [
        first,
        advance(first, one_axis),
        advance(first, two_axes),
        advance(first, three_axes),
        first.map(|rows| _mm512_add_epi32(rows, _mm512_set1_epi32(last))),
    ];
    Simplexes {
        // SAFETY: both are 1280 bytes and any bits make numbers.
        rows: unsafe { std::mem::transmute::<[[__m512i; 4]; 5], [[u32; LANES]; 5]>(rows) },
        weights,
    }
}

/// The row of each look-up's first vertex, from its nodes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn first_rows([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let pair = _mm512_set1_epi16(0x0111);
    let pairs = _mm512_set1_epi32(1 << 16 | i32::from(STRIDES[1]));
    let ab_low = _mm512_maddubs_epi16(_mm512_unpacklo_epi8(a, b), pair);
    let ab_high = _mm512_maddubs_epi16(_mm512_unpackhi_epi8(a, b), pair);
    let cd_low = _mm512_maddubs_epi16(_mm512_unpacklo_epi8(c, d), pair);
    let cd_high = _mm512_maddubs_epi16(_mm512_unpackhi_epi8(c, d), pair);
    [
        _mm512_madd_epi16(_mm512_unpacklo_epi16(ab_low, cd_low), pairs),
        _mm512_madd_epi16(_mm512_unpackhi_epi16(ab_low, cd_low), pairs),
        _mm512_madd_epi16(_mm512_unpacklo_epi16(ab_high, cd_high), pairs),
        _mm512_madd_epi16(_mm512_unpackhi_epi16(ab_high, cd_high), pairs),
    ]
}

/// Moves rows one node on along the axes that `axes` has the bits of.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
fn advance(rows: [__m512i; 4], axes: __m512i) -> [__m512i; 4] {
    let mut low_bytes = [0u8; 16];
    let mut high_bytes = [0u8; 16];
    for axes in 0..16 {
        let on = STRIDES.into_iter().enumerate();
        let on = on.filter(|(axis, _)| axes >> (3 - axis) & 1 == 1);
        let [low, high] = on.map(|(_, stride)| stride).sum::<u16>().to_le_bytes();
        (low_bytes[axes], high_bytes[axes]) = (low, high);
    }
    let look_up = |bytes: [u8; 16]| {
        // SAFETY: reads the 16 bytes of the array.
        let table = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), axes)
    };
    let (low, high) = (look_up(low_bytes), look_up(high_bytes));
    let zero = _mm512_setzero_si512();
    let halves = [
        _mm512_unpacklo_epi8(low, high),
        _mm512_unpackhi_epi8(low, high),
    ];
    let [a, b, c, d] = rows;
    [
        _mm512_add_epi32(a, _mm512_unpacklo_epi16(halves[0], zero)),
        _mm512_add_epi32(b, _mm512_unpackhi_epi16(halves[0], zero)),
        _mm512_add_epi32(c, _mm512_unpacklo_epi16(halves[1], zero)),
        _mm512_add_epi32(d, _mm512_unpackhi_epi16(halves[1], zero)),
    ]
}
