//! Tables with nine or sixteen outputs, for scales 3 and 4: five rows a look-up.

use std::arch::x86_64::*;

use super::sorted::{self, Quarter, Sorted};
use crate::engine::kernels::{
    LANES,
    avx512::{add_eight_sums, four_lanes, load_lane, load_lanes, store_half_sums},
    simplex::{
        Table,
        layout::{self, Cell16, FoldedRow},
        pages::Pages,
    },
    sub_pixel_places,
};

/// Values of a pixel, even those of scale 3.
const SLOTS: usize = 16;

/// The weighted sum of five rows: of the lower halves of their lanes, and of the upper.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interpolate([a, b, c, d, e]: [__m512i; 5], weights: [__m512i; 3]) -> [__m512i; 2] {
    let zero = _mm512_setzero_si512();
    let sum = |products: [__m512i; 3]| {
        let [first, second, third] = products;
        _mm512_add_epi16(_mm512_add_epi16(first, second), third)
    };
    [
        sum([
            _mm512_maddubs_epi16(weights[0], _mm512_unpacklo_epi8(a, b)),
            _mm512_maddubs_epi16(weights[1], _mm512_unpacklo_epi8(c, d)),
            _mm512_maddubs_epi16(weights[2], _mm512_unpacklo_epi8(e, zero)),
        ]),
        sum([
            _mm512_maddubs_epi16(weights[0], _mm512_unpackhi_epi8(a, b)),
            _mm512_maddubs_epi16(weights[1], _mm512_unpackhi_epi8(c, d)),
            _mm512_maddubs_epi16(weights[2], _mm512_unpackhi_epi8(e, zero)),
        ]),
    ]
}

/// Squares, of up to four tables that are summed: a row holds the values of four rotations.
pub struct FoldedWide {
    tables: Vec<Pages<FoldedRow>>,
}

impl FoldedWide {
    pub fn new(tables: &[Table]) -> Self {
        Self {
            tables: tables.iter().map(layout::folded_rows).collect(),
        }
    }

    /// `inputs` has corners for each table.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[[&[u8]; 4]], squares: usize, outputs: [&mut [i16]; 4]) {
        match self.tables.as_slice() {
            [a] => look_up_wide([a], inputs, squares, outputs),
            [a, b] => look_up_wide([a, b], inputs, squares, outputs),
            [a, b, c] => look_up_wide([a, b, c], inputs, squares, outputs),
            [a, b, c, d] => look_up_wide([a, b, c, d], inputs, squares, outputs),
            tables => unreachable!("{} tables", tables.len()),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn look_up_wide<const N: usize>(
    tables: [&Pages<FoldedRow>; N],
    inputs: &[[&[u8]; 4]],
    squares: usize,
    outputs: [&mut [i16]; 4],
) {
    let [first_row, second_row, third_row, fourth_row] = outputs;
    let mut sorted = [sorted::NOTHING; N];
    for x in (0..squares).step_by(LANES) {
        for (axes, sorted) in inputs.iter().zip(&mut sorted) {
            sorted::find::<6>(axes, x, sorted);
        }
        for square in 0..LANES {
            let (l, q, t) = (square / 16, square / 4 % 4, square % 4);
            let (mut first_two, mut last_two) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            for (rows, sorted) in tables.into_iter().zip(&sorted) {
                let values = values(rows, &sorted[q], l, t);
                first_two = _mm512_add_epi16(first_two, values[0]);
                last_two = _mm512_add_epi16(last_two, values[1]);
            }
            let at = SLOTS * (x + square);
            store_half_sums(first_row, at, _mm512_castsi512_si256(first_two));
            store_half_sums(second_row, at, _mm512_extracti64x4_epi64::<1>(first_two));
            store_half_sums(third_row, at, _mm512_castsi512_si256(last_two));
            store_half_sums(fourth_row, at, _mm512_extracti64x4_epi64::<1>(last_two));
        }
    }
}

/// The values of the first two rotations of a square, and of the last two.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn values(rows: &Pages<FoldedRow>, quarter: &Quarter, l: usize, t: usize) -> [__m512i; 2] {
    let row = |vertex: usize| {
        // SAFETY: the vertices are those of rows of 2^6 bytes, of which the table has all.
        load_lanes(unsafe { &quarter.row(rows, vertex, l, t).0 })
    };
    let weights = |pair: usize| quarter.weights(pair, l, t);
    interpolate(
        [row(0), row(1), row(2), row(3), row(4)],
        [weights(0), weights(1), weights(2)],
    )
}

/// Any pattern: four pixels a vector, one in each lane.
pub struct RotatedWide {
    rows: Pages<Cell16>,
    turn: Turn,
}

impl RotatedWide {
    pub fn new(table: &Table) -> Self {
        Self {
            rows: layout::wide_rows(table),
            turn: Turn::new(table.side),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn add(&self, inputs: &[[&[u8]; 4]; 4], width: usize, sums: &mut [i16]) {
        let mut rotations = [sorted::NOTHING; 4];
        for x in (0..width).step_by(LANES) {
            for (axes, sorted) in inputs.iter().zip(&mut rotations) {
                sorted::find::<4>(axes, x, sorted);
            }
            for pixel in 0..LANES / 4 {
                let [low, high] = self.four_pixels(&rotations, pixel / 4, pixel % 4);
                let lanes = [
                    [_mm512_castsi512_si128(low), _mm512_castsi512_si128(high)],
                    [
                        _mm512_extracti32x4_epi32::<1>(low),
                        _mm512_extracti32x4_epi32::<1>(high),
                    ],
                    [
                        _mm512_extracti32x4_epi32::<2>(low),
                        _mm512_extracti32x4_epi32::<2>(high),
                    ],
                    [
                        _mm512_extracti32x4_epi32::<3>(low),
                        _mm512_extracti32x4_epi32::<3>(high),
                    ],
                ];
                for (l, [low, high]) in lanes.into_iter().enumerate() {
                    let at = SLOTS * (x + 16 * l + pixel);
                    add_eight_sums(sums, at, low);
                    add_eight_sums(sums, at + 8, high);
                }
            }
        }
    }

    /// The first eight values of pixel `t` of each lane, and the last.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn four_pixels(&self, rotations: &[Sorted; 4], q: usize, t: usize) -> [__m512i; 2] {
        let mut sums = [_mm512_setzero_si512(); 2];
        for sorted in rotations.iter().rev() {
            let quarter = &sorted[q];
            let rows = |vertex: usize| {
                // SAFETY: the vertices are those of rows of 2^4 bytes, of which the table has all.
                let row = |l| load_lane(unsafe { &quarter.row(&self.rows, vertex, l, t).0 });
                four_lanes([row(0), row(1), row(2), row(3)])
            };
            // The number of pixel `t`, everywhere in its lane.
            let number = 0x0404_0404 * t as i32 + 0x0302_0100;
            let places = _mm512_set1_epi32(number);
            let weights = |pair: usize| _mm512_shuffle_epi8(quarter.all_weights(pair), places);
            let values = interpolate(
                [rows(0), rows(1), rows(2), rows(3), rows(4)],
                [weights(0), weights(1), weights(2)],
            );
            let [low, high] = self.turn.apply(sums);
            sums = [
                _mm512_add_epi16(low, values[0]),
                _mm512_add_epi16(high, values[1]),
            ];
        }
        sums
    }
}

/// How the outputs of a look-up move when the image turns on: for each half of a lane's values, which bytes come from the
/// first half, and which from the last.
struct Turn {
    from: [[[u8; 16]; 2]; 2],
}

impl Turn {
    fn new(side: usize) -> Self {
        // A number with the high bit set is nowhere.
        let mut from = [[[0x80; 16]; 2]; 2];
        for (entry, place) in sub_pixel_places(side)[1].iter().enumerate() {
            for byte in 0..2 {
                let to = 2 * (place % 8) + byte;
                from[place / 8][entry / 8][to] = (2 * (entry % 8) + byte) as u8;
            }
        }
        Self { from }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq")]
    fn apply(&self, halves: [__m512i; 2]) -> [__m512i; 2] {
        let from = |half: usize, source: usize| {
            // SAFETY: reads the 16 bytes of the array.
            let bytes = unsafe { _mm_loadu_si128(self.from[half][source].as_ptr().cast()) };
            _mm512_shuffle_epi8(halves[source], _mm512_broadcast_i32x4(bytes))
        };
        [
            _mm512_or_si512(from(0, 0), from(0, 1)),
            _mm512_or_si512(from(1, 0), from(1, 1)),
        ]
    }
}
