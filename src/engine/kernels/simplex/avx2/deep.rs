//! Look-ups on planes above 8 bits (ARITHMETIC section 5): five rows each, in sums of 32 bits, for any interval and depth.
//!
//! Weights go up to 2^14, so that entries are widened to 16 bits and multiplied in pairs. Processors with AVX-512 use these
//! kernels too.

use std::arch::x86_64::*;

use super::sorted::{Grid, LANES, LookUps, Sorted, by_value, load_lane};
use crate::engine::kernels::{
    avx2::{add_wide_sums, load_eight_words, store_wide_sums},
    simplex::{
        Table,
        layout::{self, Cell16, Cell64, TURN, turns},
        pages::Pages,
        portable::fold,
    },
};

/// Values of a pixel, even those of scale 3.
const SLOTS: usize = 16;

/// How far the second weight of a pair is above the first.
const BITS: i32 = 16;

/// The order in which rows have sixteen values: unpacking those of two rows within lanes then leaves them in order.
const ORDER: [usize; 16] = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15];

/// Finds the vertices of the look-ups at `x`.
#[inline]
#[target_feature(enable = "avx2")]
fn find(grid: Grid, inputs: &[&[u16]; 4], x: usize) -> Sorted {
    grid.find::<BITS>(inputs.map(|row| load_eight_words(row, x)))
}

/// Four values a look-up: eight look-ups at a time.
struct FourValues {
    grid: Grid,
    rows: Box<[[i8; 4]]>,
}

impl FourValues {
    fn new(table: &Table, rows: impl Iterator<Item = [i8; 4]>) -> Self {
        Self {
            grid: Grid::new(table),
            rows: rows.collect(),
        }
    }

    /// For each value, 256 times those of eight look-ups.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn look_up(&self, inputs: &[&[u16]; 4], x: usize) -> [__m256i; 4] {
        let Sorted { vertices, weights } = find(self.grid, inputs, x);
        // SAFETY: the table has a row of 4 bytes for every vertex of the grid.
        let [a, b, c, d, e] = vertices.map(|vertices| unsafe {
            _mm256_i32gather_epi32::<4>(self.rows.as_ptr().cast(), vertices)
        });
        let mut values = [_mm256_setzero_si256(); 4];
        // The second of the last pair has no weight.
        for ((one, two), weights) in [(a, b), (c, d), (e, e)].into_iter().zip(weights) {
            // The first two entries of both rows, and the last two.
            let halves = [
                _mm256_blend_epi16::<0xaa>(one, _mm256_slli_epi32::<16>(two)),
                _mm256_blend_epi16::<0xaa>(_mm256_srli_epi32::<16>(one), two),
            ];
            for (values, half) in values.as_chunks_mut::<2>().0.iter_mut().zip(halves) {
                // An entry in the upper byte of a word is 256 times the entry.
                let even = _mm256_slli_epi16::<8>(half);
                let odd = _mm256_andnot_si256(_mm256_set1_epi16(0xff), half);
                values[0] = _mm256_add_epi32(values[0], _mm256_madd_epi16(weights, even));
                values[1] = _mm256_add_epi32(values[1], _mm256_madd_epi16(weights, odd));
            }
        }
        values
    }
}

/// The weighted sums of sixteen entries of five rows, in order if those are in [`ORDER`].
#[inline]
#[target_feature(enable = "avx2")]
fn interpolate([a, b, c, d, e]: [__m128i; 5], weights: [__m256i; 3]) -> [__m256i; 2] {
    let [a, b, c, d, e] = [a, b, c, d, e].map(|entries| _mm256_cvtepi8_epi16(entries));
    let sum = |pairs: [__m256i; 3]| {
        let products = [0, 1, 2].map(|pair| _mm256_madd_epi16(weights[pair], pairs[pair]));
        _mm256_add_epi32(_mm256_add_epi32(products[0], products[1]), products[2])
    };
    // The second of the last pair has no weight.
    [
        sum([
            _mm256_unpacklo_epi16(a, b),
            _mm256_unpacklo_epi16(c, d),
            _mm256_unpacklo_epi16(e, e),
        ]),
        sum([
            _mm256_unpackhi_epi16(a, b),
            _mm256_unpackhi_epi16(c, d),
            _mm256_unpackhi_epi16(e, e),
        ]),
    ]
}

/// A look-up's pairs of weights, each everywhere.
#[inline]
#[target_feature(enable = "avx2")]
fn weights(look_ups: &LookUps, number: usize) -> [__m256i; 3] {
    let weights = look_ups.weights(number);
    weights.map(|pair| _mm256_set1_epi32(pair))
}

/// Squares, by how many outputs there are.
pub enum Folded {
    One(FoldedOne),
    Four(FoldedFour),
    Wide(FoldedWide),
}

impl Folded {
    pub fn new(table: &Table) -> Self {
        match table.side {
            1 => Self::One(FoldedOne::new(table)),
            2 => Self::Four(FoldedFour::new(table)),
            _ => Self::Wide(FoldedWide::new(table)),
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn look_up(&self, inputs: &[&[u16]; 4], squares: usize, outputs: [&mut [i32]; 4]) {
        match self {
            Self::One(table) => table.look_up(inputs, squares, outputs),
            Self::Four(table) => table.look_up(inputs, squares, outputs),
            Self::Wide(table) => table.look_up(inputs, squares, outputs),
        }
    }
}

/// One output: a value for each rotation.
pub struct FoldedOne {
    rotations: FourValues,
}

impl FoldedOne {
    fn new(table: &Table) -> Self {
        let rows = fold(table);
        Self {
            rotations: FourValues::new(table, rows.as_chunks().0.iter().copied()),
        }
    }

    #[target_feature(enable = "avx2")]
    fn look_up(&self, inputs: &[&[u16]; 4], squares: usize, mut outputs: [&mut [i32]; 4]) {
        for x in (0..squares).step_by(LANES) {
            let values = self.rotations.look_up(inputs, x);
            for (output, values) in outputs.iter_mut().zip(values) {
                store_wide_sums(output, x, _mm256_srai_epi32::<8>(values));
            }
        }
    }
}

/// Four outputs: sixteen values.
pub struct FoldedFour {
    grid: Grid,
    rows: Pages<Cell16>,
}

impl FoldedFour {
    fn new(table: &Table) -> Self {
        let rows = fold(table);
        let rows = rows.as_chunks::<16>().0.iter();
        Self {
            grid: Grid::new(table),
            rows: Pages::new(rows.map(|row| Cell16(ORDER.map(|at| row[at])))),
        }
    }

    #[target_feature(enable = "avx2")]
    fn look_up(&self, inputs: &[&[u16]; 4], squares: usize, outputs: [&mut [i32]; 4]) {
        let mut look_ups = LookUps::NOTHING;
        for x in (0..squares).step_by(LANES) {
            look_ups.keep::<4>(find(self.grid, inputs, x));
            for pair in 0..LANES / 2 {
                let [left, right] = [2 * pair, 2 * pair + 1].map(|square| {
                    // SAFETY: they were found for rows of 2^4 bytes, of which the table has all.
                    let rows = unsafe { look_ups.rows(&self.rows, square) };
                    let rows = rows.map(|row| load_lane(&row.0));
                    interpolate(rows, weights(&look_ups, square))
                });
                for half in 0..2 {
                    let (left, right) = (left[half], right[half]);
                    let at = 4 * (x + 2 * pair);
                    let first = _mm256_permute2x128_si256::<0x20>(left, right);
                    let second = _mm256_permute2x128_si256::<0x31>(left, right);
                    store_wide_sums(outputs[2 * half], at, first);
                    store_wide_sums(outputs[2 * half + 1], at, second);
                }
            }
        }
    }
}

/// Nine or sixteen outputs: as many values for each rotation.
pub struct FoldedWide {
    grid: Grid,
    rows: Pages<Cell64>,
}

impl FoldedWide {
    fn new(table: &Table) -> Self {
        let outputs = table.side * table.side;
        let row = |row: &[i8]| {
            let rotation = |rotation| {
                let values = &row[rotation * outputs..][..outputs];
                ORDER.map(|at| values.get(at).copied().unwrap_or(0))
            };
            Cell64([0, 1, 2, 3].map(rotation))
        };
        Self {
            grid: Grid::new(table),
            rows: Pages::new(fold(table).chunks_exact(4 * outputs).map(row)),
        }
    }

    #[target_feature(enable = "avx2")]
    fn look_up(&self, inputs: &[&[u16]; 4], squares: usize, mut outputs: [&mut [i32]; 4]) {
        let mut look_ups = LookUps::NOTHING;
        for x in (0..squares).step_by(LANES) {
            look_ups.keep::<6>(find(self.grid, inputs, x));
            for square in 0..LANES {
                // SAFETY: they were found for rows of 2^6 bytes, of which the table has all.
                let rows = unsafe { look_ups.rows(&self.rows, square) };
                let weights = weights(&look_ups, square);
                for (rotation, output) in outputs.iter_mut().enumerate() {
                    let rows = rows.map(|row| load_lane(&row.0[rotation]));
                    let [first, last] = interpolate(rows, weights);
                    store_wide_sums(output, SLOTS * (x + square), first);
                    store_wide_sums(output, SLOTS * (x + square) + 8, last);
                }
            }
        }
    }
}

/// Any pattern, by how many outputs there are.
pub enum Rotated {
    One(RotatedOne),
    Four(RotatedFour),
    Wide(RotatedWide),
}

impl Rotated {
    pub fn new(table: &Table) -> Self {
        match table.side {
            1 => Self::One(RotatedOne::new(table)),
            2 => Self::Four(RotatedFour::new(table)),
            _ => Self::Wide(RotatedWide::new(table)),
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn add(&self, inputs: &[[&[u16]; 4]; 4], width: usize, sums: &mut [i32]) {
        match self {
            Self::One(table) => table.add(inputs, width, sums),
            Self::Four(table) => table.add(inputs, width, sums),
            Self::Wide(table) => table.add(inputs, width, sums),
        }
    }
}

/// One output: eight pixels at a time.
pub struct RotatedOne {
    grid: Grid,
    /// The entries, and three bytes that are read with the last.
    entries: Box<[i8]>,
}

impl RotatedOne {
    fn new(table: &Table) -> Self {
        let entries = table.entries.iter().copied();
        Self {
            grid: Grid::new(table),
            entries: entries.chain([0; 3]).collect(),
        }
    }

    #[target_feature(enable = "avx2")]
    fn add(&self, inputs: &[[&[u16]; 4]; 4], width: usize, sums: &mut [i32]) {
        for x in (0..width).step_by(LANES) {
            let mut total = _mm256_setzero_si256();
            for axes in inputs {
                let Sorted { vertices, weights } = find(self.grid, axes, x);
                // SAFETY: the table has an entry for every vertex of the grid, and three more bytes.
                let [a, b, c, d, e] = vertices.map(|vertices| unsafe {
                    _mm256_i32gather_epi32::<1>(self.entries.as_ptr().cast(), vertices)
                });
                // The second of the last pair has no weight.
                for ((one, two), weights) in [(a, b), (c, d), (e, e)].into_iter().zip(weights) {
                    let both = _mm256_blend_epi16::<0xaa>(one, _mm256_slli_epi32::<16>(two));
                    // An entry in the upper byte of a word is 256 times the entry.
                    let entries = _mm256_slli_epi16::<8>(both);
                    total = _mm256_add_epi32(total, _mm256_madd_epi16(weights, entries));
                }
            }
            add_wide_sums(sums, x, _mm256_srai_epi32::<8>(total));
        }
    }
}

/// Four outputs: eight pixels at a time.
pub struct RotatedFour {
    outputs: FourValues,
}

impl RotatedFour {
    fn new(table: &Table) -> Self {
        let entries = table.entries.as_chunks::<4>().0.iter();
        Self {
            outputs: FourValues::new(table, entries.map(|entry| TURN.map(|at| entry[at]))),
        }
    }

    #[target_feature(enable = "avx2")]
    fn add(&self, inputs: &[[&[u16]; 4]; 4], width: usize, sums: &mut [i32]) {
        for x in (0..width).step_by(LANES) {
            let [zeroth, first, second, third] =
                inputs.each_ref().map(|axes| self.outputs.look_up(axes, x));
            // Each rotation moves the outputs on by one, in the order of `TURN`.
            let totals = [0, 1, 2, 3].map(|at| {
                let sum = _mm256_add_epi32(
                    _mm256_add_epi32(zeroth[at], first[(at + 3) % 4]),
                    _mm256_add_epi32(second[(at + 2) % 4], third[(at + 1) % 4]),
                );
                _mm256_srai_epi32::<8>(sum)
            });
            let [a, b, c, d] = by_value(TURN.map(|at| totals[at]));
            for (pair, (left, right)) in [(a, b), (c, d)].into_iter().enumerate() {
                let at = 4 * (x + 2 * pair);
                let first = _mm256_permute2x128_si256::<0x20>(left, right);
                let second = _mm256_permute2x128_si256::<0x31>(left, right);
                add_wide_sums(sums, at, first);
                add_wide_sums(sums, at + 4 * LANES / 2, second);
            }
        }
    }
}

/// Nine or sixteen outputs.
pub struct RotatedWide {
    grid: Grid,
    rows: Pages<Cell16>,
    /// For each rotation, which entry comes to each place.
    turns: [[i8; 16]; 4],
}

impl RotatedWide {
    fn new(table: &Table) -> Self {
        Self {
            grid: Grid::new(table),
            rows: layout::wide_rows(table),
            turns: turns(table.side).map(|turn| ORDER.map(|at| turn[at])),
        }
    }

    #[target_feature(enable = "avx2")]
    fn add(&self, inputs: &[[&[u16]; 4]; 4], width: usize, sums: &mut [i32]) {
        let mut rotations = [LookUps::NOTHING; 4];
        for x in (0..width).step_by(LANES) {
            for (axes, look_ups) in inputs.iter().zip(&mut rotations) {
                look_ups.keep::<4>(find(self.grid, axes, x));
            }
            for pixel in 0..LANES {
                let mut total = [_mm256_setzero_si256(); 2];
                for (look_ups, turn) in rotations.iter().zip(&self.turns) {
                    let turn = load_lane(turn);
                    // SAFETY: they were found for rows of 2^4 bytes, of which the table has all.
                    let rows = unsafe { look_ups.rows(&self.rows, pixel) };
                    let rows = rows.map(|row| _mm_shuffle_epi8(load_lane(&row.0), turn));
                    let values = interpolate(rows, weights(look_ups, pixel));
                    total = [0, 1].map(|half| _mm256_add_epi32(total[half], values[half]));
                }
                add_wide_sums(sums, SLOTS * (x + pixel), total[0]);
                add_wide_sums(sums, SLOTS * (x + pixel) + 8, total[1]);
            }
        }
    }
}
