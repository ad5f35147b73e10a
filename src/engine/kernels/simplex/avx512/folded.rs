//! Squares: one look-up for four rotations.

use std::arch::x86_64::*;

use super::{
    corners::{Quarter, for_each_part},
    quads,
};
use crate::engine::kernels::{
    avx512::{load_lanes, store_eight_sums, store_half_sums, sum_lanes},
    simplex::{
        Table,
        layout::{self, Cell64, Quads},
        pages::Pages,
    },
};

/// Squares with one output: one look-up a vector, a rotation in each lane.
pub struct FoldedOne {
    cells: Pages<Cell64>,
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
        for_each_part::<6, 1>(&[*inputs], squares, |x, lane, [corners], finder| {
            for half in 0..2 {
                finder.step(2 * lane + half);
                let low = sum_lanes(self.four_squares(&corners[2 * half], lane));
                let high = sum_lanes(self.four_squares(&corners[2 * half + 1], lane));
                let lanes = _mm512_packs_epi32(low, high);
                let at = x + 16 * lane + 8 * half;
                store_eight_sums(first_row, at, _mm512_castsi512_si128(lanes));
                store_eight_sums(second_row, at, _mm512_extracti32x4_epi32::<1>(lanes));
                store_eight_sums(third_row, at, _mm512_extracti32x4_epi32::<2>(lanes));
                store_eight_sums(fourth_row, at, _mm512_extracti32x4_epi32::<3>(lanes));
            }
        });
    }

    /// Four squares, the value of each rotation in four parts.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn four_squares(&self, quarter: &Quarter, lane: usize) -> [__m512i; 4] {
        let square = |t: usize| {
            // SAFETY: the corners are those of cells of 2^6 bytes, of which the table has all.
            let cell = unsafe { quarter.cell(&self.cells, lane, t) };
            let weights = quarter.broadcast_weights(lane, t);
            _mm512_dpbusd_epi32(_mm512_setzero_si512(), weights, load_lanes(&cell.0))
        };
        [square(0), square(1), square(2), square(3)]
    }
}

/// Squares with four outputs, of up to four tables that are summed: three rows of sixteen values a look-up, each with the
/// four corners of axes c and d.
pub struct FoldedFour {
    tables: Vec<Pages<Quads>>,
}

impl FoldedFour {
    pub fn new(tables: &[Table]) -> Self {
        Self {
            tables: tables.iter().map(layout::folded_quads).collect(),
        }
    }

    /// `inputs` has corners for each table.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[[&[u8]; 4]], squares: usize, outputs: [&mut [i16]; 4]) {
        match self.tables.as_slice() {
            [a] => look_up_four([a], inputs, squares, outputs),
            [a, b] => look_up_four([a, b], inputs, squares, outputs),
            [a, b, c] => look_up_four([a, b, c], inputs, squares, outputs),
            [a, b, c, d] => look_up_four([a, b, c, d], inputs, squares, outputs),
            tables => unreachable!("{} tables", tables.len()),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn look_up_four<const N: usize>(
    tables: [&Pages<Quads>; N],
    inputs: &[[&[u8]; 4]],
    squares: usize,
    outputs: [&mut [i16]; 4],
) {
    let [first_row, second_row, third_row, fourth_row] = outputs;
    let inputs: &[_; N] = inputs.first_chunk().expect("corners for each table");
    let upper = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    let lower = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    quads::for_each_quarter(inputs, squares, |x, lane, q, quarters| {
        let mut squares = [_mm512_setzero_si512(); 4];
        // Table by table: the processor adds to four sums at once, to one only a product after the other.
        for (rows, quarters) in tables.into_iter().zip(quarters) {
            for (t, sum) in squares.iter_mut().enumerate() {
                // SAFETY: `layout::folded_quads` makes all rows.
                for (row, weights) in unsafe { quarters[q].vertices(rows, lane, t) } {
                    let weights = _mm512_set1_epi32(weights);
                    *sum = _mm512_dpbusd_epi32(*sum, weights, load_lanes(&row.0));
                }
            }
        }
        let left = _mm512_packs_epi32(squares[0], squares[1]);
        let right = _mm512_packs_epi32(squares[2], squares[3]);
        let first_two = _mm512_permutex2var_epi64(left, upper, right);
        let last_two = _mm512_permutex2var_epi64(left, lower, right);
        store_half_sums(first_row, 4 * x, _mm512_castsi512_si256(first_two));
        store_half_sums(second_row, 4 * x, _mm512_extracti64x4_epi64::<1>(first_two));
        store_half_sums(third_row, 4 * x, _mm512_castsi512_si256(last_two));
        store_half_sums(fourth_row, 4 * x, _mm512_extracti64x4_epi64::<1>(last_two));
    });
}
