//! Tables with nine or sixteen outputs, for scales 3 and 4: five rows a look-up.

use std::arch::x86_64::*;

use super::sorted::{Grid, LANES, LookUps, load_lane};
use crate::engine::kernels::{
    avx2::{add_sums, load_eight, store_sums, two_lanes},
    simplex::{
        Table,
        layout::{self, Cell16, FoldedRow, turns},
        pages::Pages,
    },
};

/// Values of a pixel, even those of scale 3.
const SLOTS: usize = 16;

/// How far the second weight of a pair is above the first.
const BITS: i32 = 8;

/// The weighted sum of five rows: of the lower halves of their lanes, and of the upper.
#[inline]
#[target_feature(enable = "avx2")]
fn interpolate([a, b, c, d, e]: [__m256i; 5], weights: [__m256i; 3]) -> [__m256i; 2] {
    let zero = _mm256_setzero_si256();
    let sum = |pairs: [__m256i; 3]| {
        let products = [0, 1, 2].map(|pair| _mm256_maddubs_epi16(weights[pair], pairs[pair]));
        _mm256_add_epi16(_mm256_add_epi16(products[0], products[1]), products[2])
    };
    [
        sum([
            _mm256_unpacklo_epi8(a, b),
            _mm256_unpacklo_epi8(c, d),
            _mm256_unpacklo_epi8(e, zero),
        ]),
        sum([
            _mm256_unpackhi_epi8(a, b),
            _mm256_unpackhi_epi8(c, d),
            _mm256_unpackhi_epi8(e, zero),
        ]),
    ]
}

/// Squares: a row holds the values of four rotations.
pub struct FoldedWide {
    grid: Grid,
    rows: Pages<FoldedRow>,
}

impl FoldedWide {
    pub fn new(table: &Table) -> Self {
        Self {
            grid: Grid::new(table),
            rows: layout::folded_rows(table),
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, outputs: [&mut [i16]; 4]) {
        let mut look_ups = LookUps::NOTHING;
        for x in (0..squares).step_by(LANES) {
            let samples = inputs.map(|row| load_eight(row, x));
            look_ups.keep::<6>(self.grid.find::<BITS>(samples));
            for square in 0..LANES {
                // SAFETY: they were found for rows of 2^6 bytes, of which the table has all.
                let rows = unsafe { look_ups.rows(&self.rows, square) };
                let weights = look_ups.weights(square);
                let weights = weights.map(|pair| _mm256_set1_epi16(pair as i16));
                for half in 0..2 {
                    let rows = rows.map(|row| {
                        let [low, high] = [row.0[2 * half], row.0[2 * half + 1]];
                        two_lanes(load_lane(&low), load_lane(&high))
                    });
                    let [one, two_on] = interpolate(rows, weights);
                    store_sums(outputs[half], SLOTS * (x + square), one);
                    store_sums(outputs[half + 2], SLOTS * (x + square), two_on);
                }
            }
        }
    }
}

/// Any pattern: two pixels a vector, one in each lane.
pub struct RotatedWide {
    grid: Grid,
    rows: Pages<Cell16>,
    /// For each rotation, which entry lands on each output.
    turns: [[i8; 16]; 4],
}

impl RotatedWide {
    pub fn new(table: &Table) -> Self {
        Self {
            grid: Grid::new(table),
            rows: layout::wide_rows(table),
            turns: turns(table.side),
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn add(&self, inputs: &[[&[u8]; 4]; 4], width: usize, sums: &mut [i16]) {
        let mut rotations = [LookUps::NOTHING; 4];
        for x in (0..width).step_by(LANES) {
            for (axes, look_ups) in inputs.iter().zip(&mut rotations) {
                let samples = axes.map(|row| load_eight(row, x));
                look_ups.keep::<4>(self.grid.find::<BITS>(samples));
            }
            for pixel in 0..LANES / 2 {
                let [first, last] = self.two_pixels(&rotations, pixel);
                let left = _mm256_permute2x128_si256::<0x20>(first, last);
                let right = _mm256_permute2x128_si256::<0x31>(first, last);
                add_sums(sums, SLOTS * (x + pixel), left);
                add_sums(sums, SLOTS * (x + pixel + LANES / 2), right);
            }
        }
    }

    /// The first eight values of the pixel of this number in each half of the look-ups, and the last eight.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn two_pixels(&self, rotations: &[LookUps; 4], pixel: usize) -> [__m256i; 2] {
        let mut sums = [_mm256_setzero_si256(); 2];
        // The weights of the pixel, everywhere in its lane.
        let places = _mm256_set1_epi16(0x0404 * pixel as i16 + 0x0100);
        for (look_ups, turn) in rotations.iter().zip(&self.turns) {
            let turn = _mm256_broadcastsi128_si256(load_lane(turn));
            // SAFETY: they were found for rows of 2^4 bytes, of which the table has all.
            let rows = |number| unsafe { look_ups.rows(&self.rows, number) };
            let (left, right) = (rows(pixel), rows(pixel + LANES / 2));
            let rows = [0, 1, 2, 3, 4].map(|j| {
                let rows = two_lanes(load_lane(&left[j].0), load_lane(&right[j].0));
                _mm256_shuffle_epi8(rows, turn)
            });
            let weights = look_ups.all_weights();
            let weights = weights.map(|pair| _mm256_shuffle_epi8(pair, places));
            let values = interpolate(rows, weights);
            sums = [0, 1].map(|half| _mm256_add_epi16(sums[half], values[half]));
        }
        sums
    }
}
