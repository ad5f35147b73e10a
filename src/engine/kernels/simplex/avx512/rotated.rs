//! Any pattern: sixteen corners a look-up, four look-ups for each pixel.

use std::arch::x86_64::*;

use super::corners::{Corners, Finder, Quarter, for_each_part};
use crate::engine::kernels::{
    avx512::{add_sums, four_lanes, load_lane, load_lanes, sum_lanes},
    simplex::{
        Table,
        layout::{self, Cell16, Cell64, TURN},
        pages::Pages,
    },
};

/// Any pattern, one output: sixteen corners a look-up, four look-ups a vector.
pub struct RotatedOne {
    cells: Pages<Cell16>,
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
        let mut quarters = [_mm512_setzero_si512(); 4];
        for_each_part::<4, 4>(
            inputs,
            width,
            |x, q, [zeroth, first, second, third], finder| {
                let mut pixels = |t: usize| {
                    finder.step(2 * t);
                    let sum = self.add_pixels(_mm512_setzero_si512(), &zeroth[q], t);
                    let sum = self.add_pixels(sum, &first[q], t);
                    finder.step(2 * t + 1);
                    let sum = self.add_pixels(sum, &second[q], t);
                    self.add_pixels(sum, &third[q], t)
                };
                quarters[q] = sum_lanes([pixels(0), pixels(1), pixels(2), pixels(3)]);
                if q == 3 {
                    let low = _mm512_packs_epi32(quarters[0], quarters[1]);
                    let high = _mm512_packs_epi32(quarters[2], quarters[3]);
                    add_sums(sums, x, _mm512_permutex2var_epi64(low, first_half, high));
                    let second = _mm512_permutex2var_epi64(low, second_half, high);
                    add_sums(sums, x + 32, second);
                }
            },
        );
    }

    /// Adds the look-ups of pixel `t` of each lane, each in four parts.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn add_pixels(&self, sum: __m512i, quarter: &Quarter, t: usize) -> __m512i {
        // SAFETY: the corners are those of cells of 2^4 bytes, of which the table has all.
        let cell = |lane: usize| load_lane(unsafe { &quarter.cell(&self.cells, lane, t).0 });
        let cells = four_lanes([cell(0), cell(1), cell(2), cell(3)]);
        _mm512_dpbusd_epi32(sum, quarter.lane_weights(t), cells)
    }
}

/// Any pattern, four outputs: one look-up a vector, an output in each lane.
pub struct RotatedFour {
    cells: Pages<Cell64>,
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
        for_each_part::<6, 4>(inputs, width, |x, lane, rotations, finder| {
            // Checked at once: what comes before a check the compiler may put off until after it.
            let sums = &mut sums[4 * (x + 16 * lane)..][..64];
            for half in 0..2 {
                let low = self.four_pixels(rotations, lane, 2 * half, finder);
                let high = self.four_pixels(rotations, lane, 2 * half + 1, finder);
                let lanes = _mm512_packs_epi32(low, high);
                let pixels = _mm512_permutexvar_epi16(order, lanes);
                add_sums(sums, 32 * half, pixels);
            }
        });
    }

    /// The outputs of four pixels, one in each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn four_pixels(
        &self,
        [zeroth, first, second, third]: &[Corners; 4],
        lane: usize,
        q: usize,
        finder: &mut Finder,
    ) -> __m512i {
        finder.step(2 * q);
        let pixels = [_mm512_setzero_si512(); 4];
        let pixels = self.turn_and_add(pixels, &third[q], lane);
        let pixels = self.turn_and_add(pixels, &second[q], lane);
        finder.step(2 * q + 1);
        let pixels = self.turn_and_add(pixels, &first[q], lane);
        sum_lanes(self.turn_and_add(pixels, &zeroth[q], lane))
    }

    /// Moves the outputs of four pixels on by one lane, as the rotations after this one demand (`layout::TURN`), and adds
    /// the look-ups of this one, each output in four parts.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn turn_and_add(&self, pixels: [__m512i; 4], quarter: &Quarter, lane: usize) -> [__m512i; 4] {
        let pixel = |t: usize| {
            let turned = _mm512_shuffle_i64x2::<0x93>(pixels[t], pixels[t]);
            // SAFETY: the corners are those of cells of 2^6 bytes, of which the table has all.
            let cell = unsafe { quarter.cell(&self.cells, lane, t) };
            let weights = quarter.broadcast_weights(lane, t);
            _mm512_dpbusd_epi32(turned, weights, load_lanes(&cell.0))
        };
        [pixel(0), pixel(1), pixel(2), pixel(3)]
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
