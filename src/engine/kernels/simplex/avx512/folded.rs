//! Squares: one look-up for four rotations.

use std::arch::x86_64::*;

use super::{
    corners::{Quarter, for_each_part},
    quads,
};
use crate::engine::kernels::{
    avx512::{load_bytes, load_lanes, store_eight_sums, store_half_sums, sum_lanes},
    simplex::{
        Table,
        layout::{self, Cell64, Quads},
        pages::Pages,
    },
};

/// Squares with one output: one look-up a vector, a rotation in each lane.
pub struct FoldedOne {
    cells: Pages<Cell64>,
    /// Which bytes of a lane of eight values come from the eight before, and which from them, when they move on by the
    /// square's side.
    moved: [[u8; 16]; 2],
}

impl FoldedOne {
    pub fn new(table: &Table, distance: usize) -> Self {
        let byte = |to: usize, first: usize| match (16 + to - 2 * distance).checked_sub(first) {
            Some(byte @ 0..16) => byte as u8,
            // A number with the high bit set is nowhere.
            _ => 0x80,
        };
        let moved = [0, 16].map(|first| std::array::from_fn(|to| byte(to, first)));
        Self {
            cells: layout::folded_cells(table),
            moved,
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[&[u8]; 4], squares: usize, [top, bottom]: [&mut [i16]; 2]) {
        let [from_before, from_here] = self
            .moved
            .map(|bytes| _mm512_broadcast_i32x4(load_bytes(&bytes)));
        let mut before = _mm512_setzero_si512();
        for_each_part::<6, 1>(&[*inputs], squares, |x, lane, [corners], finder| {
            // Checked at once: what comes before a check the compiler may put off until after it.
            let top = &mut top[x + 16 * lane..][..16];
            let bottom = &mut bottom[x + 16 * lane..][..16];
            for half in 0..2 {
                finder.step(2 * lane + half);
                let low = sum_lanes(self.four_squares(&corners[2 * half], lane));
                let high = sum_lanes(self.four_squares(&corners[2 * half + 1], lane));
                let lanes = _mm512_packs_epi32(low, high);
                let moved = _mm512_or_si512(
                    _mm512_shuffle_epi8(before, from_before),
                    _mm512_shuffle_epi8(lanes, from_here),
                );
                before = lanes;
                // To rotation 0 comes 1, to rotation 3 comes 2.
                let left = _mm512_shuffle_i64x2::<0xa5>(moved, moved);
                let sides = _mm512_add_epi16(lanes, left);
                store_eight_sums(top, 8 * half, _mm512_castsi512_si128(sides));
                store_eight_sums(bottom, 8 * half, _mm512_extracti32x4_epi32::<3>(sides));
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
    /// Of four squares before and these four, which come to the places of these when they move on by the square's side:
    /// for the rotation whose values are in the first half of a vector, and for the one in the last.
    moved: [i64; 8],
}

impl FoldedFour {
    /// The longest side of a square.
    pub const FURTHEST: usize = 4;

    pub fn new(tables: &[Table], distance: usize) -> Self {
        let from = |to: usize| {
            let from = 4 + to % 4 - distance;
            (8 * (from / 4) + 4 * (to / 4) + from % 4) as i64
        };
        Self {
            tables: tables.iter().map(layout::folded_quads).collect(),
            moved: std::array::from_fn(from),
        }
    }

    /// `inputs` has corners for each table.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn look_up(&self, inputs: &[[&[u8]; 4]], squares: usize, outputs: [&mut [i16]; 2]) {
        // SAFETY: reads the 64 bytes of the array.
        let moved = unsafe { _mm512_loadu_si512(self.moved.as_ptr().cast()) };
        match self.tables.as_slice() {
            [a] => look_up_four([a], moved, inputs, squares, outputs),
            [a, b] => look_up_four([a, b], moved, inputs, squares, outputs),
            [a, b, c] => look_up_four([a, b, c], moved, inputs, squares, outputs),
            [a, b, c, d] => look_up_four([a, b, c, d], moved, inputs, squares, outputs),
            tables => unreachable!("{} tables", tables.len()),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn look_up_four<const N: usize>(
    tables: [&Pages<Quads>; N],
    moved: __m512i,
    inputs: &[[&[u8]; 4]],
    squares: usize,
    [top, bottom]: [&mut [i16]; 2],
) {
    let inputs: &[_; N] = inputs.first_chunk().expect("corners for each table");
    // Rotations 0 and 3, and rotations 1 and 2.
    let right = _mm512_setr_epi64(0, 1, 8, 9, 6, 7, 14, 15);
    let left = _mm512_setr_epi64(2, 3, 10, 11, 4, 5, 12, 13);
    let mut before = _mm512_setzero_si512();
    quads::for_each_lane(inputs, squares, |x, lane, quarters, finder| {
        // Checked at once: what comes before a check the compiler may put off until after it.
        let top = &mut top[4 * x..][..64];
        let bottom = &mut bottom[4 * x..][..64];
        for q in 0..4 {
            finder.advance::<N>(q);
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
            let first_two = _mm512_packs_epi32(squares[0], squares[1]);
            let last_two = _mm512_packs_epi32(squares[2], squares[3]);
            let here = _mm512_permutex2var_epi64(first_two, left, last_two);
            let sides = _mm512_add_epi16(
                _mm512_permutex2var_epi64(first_two, right, last_two),
                _mm512_permutex2var_epi64(before, moved, here),
            );
            before = here;
            store_half_sums(top, 16 * q, _mm512_castsi512_si256(sides));
            store_half_sums(bottom, 16 * q, _mm512_extracti64x4_epi64::<1>(sides));
        }
    });
}
