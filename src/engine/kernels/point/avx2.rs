//! One-dimensional tables by AVX2: a load for each look-up, of all its outputs as sums.

use std::arch::x86_64::*;

use crate::engine::kernels::{
    avx2::{LANES, add_eight_sums, add_sums, load_sums},
    simplex::Table,
    sub_pixel_places,
};

/// A table with one output, four, or nine or sixteen.
pub enum Point {
    One(Rows<1>),
    Four(Rows<4>),
    Wide(Rows<16>),
}

/// For each rotation, 256 rows of entries, each sub-pixel in its place, already times the interval.
pub struct Rows<const SLOTS: usize>([Box<[[i16; SLOTS]; 256]>; 4]);

impl Point {
    pub fn new(table: &Table) -> Self {
        match table.side {
            1 => Self::One(Rows::new(table)),
            2 => Self::Four(Rows::new(table)),
            _ => Self::Wide(Rows::new(table)),
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn add(&self, inputs: &[&[u8]; 4], width: usize, sums: &mut [i16]) {
        match self {
            Self::One(rows) => rows.add_one(inputs, width, sums),
            Self::Four(rows) => rows.add_four(inputs, width, sums),
            Self::Wide(rows) => rows.add_wide(inputs, width, sums),
        }
    }
}

impl<const SLOTS: usize> Rows<SLOTS> {
    fn new(table: &Table) -> Self {
        Self(sub_pixel_places(table.side).map(|places| {
            let mut rows = Box::new([[0; SLOTS]; 256]);
            let entries = table.entries.chunks_exact(places.len());
            for (row, entry) in rows.iter_mut().zip(entries) {
                for (value, place) in entry.iter().zip(&places) {
                    row[*place] = i16::from(*value) << table.interval;
                }
            }
            rows
        }))
    }

    /// The entries of a pixel, a row for each rotation.
    #[inline(always)]
    fn at(&self, inputs: &[&[u8]; 4], x: usize) -> [&[i16; SLOTS]; 4] {
        std::array::from_fn(|rotation| &self.0[rotation][usize::from(inputs[rotation][x])])
    }
}

impl Rows<1> {
    fn add_one(&self, inputs: &[&[u8]; 4], width: usize, sums: &mut [i16]) {
        let inputs = inputs.map(|row| &row[..width]);
        for (x, sum) in sums[..width].iter_mut().enumerate() {
            let [[a], [b], [c], [d]] = self.at(&inputs, x);
            *sum += (a + b) + (c + d);
        }
    }
}

impl Rows<4> {
    #[target_feature(enable = "avx2")]
    fn add_four(&self, inputs: &[&[u8]; 4], width: usize, sums: &mut [i16]) {
        let inputs = inputs.map(|row| &row[..width.next_multiple_of(LANES)]);
        for x in (0..width).step_by(2) {
            let [left, right] = [x, x + 1].map(|x| {
                let [a, b, c, d] = self.at(&inputs, x).map(|row| load_four(row));
                _mm_add_epi16(_mm_add_epi16(a, b), _mm_add_epi16(c, d))
            });
            add_eight_sums(sums, 4 * x, _mm_unpacklo_epi64(left, right));
        }
    }
}

impl Rows<16> {
    #[target_feature(enable = "avx2")]
    fn add_wide(&self, inputs: &[&[u8]; 4], width: usize, sums: &mut [i16]) {
        let inputs = inputs.map(|row| &row[..width]);
        for x in 0..width {
            let [a, b, c, d] = self.at(&inputs, x).map(|row| load_sums(row, 0));
            let sum = _mm256_add_epi16(_mm256_add_epi16(a, b), _mm256_add_epi16(c, d));
            add_sums(sums, 16 * x, sum);
        }
    }
}

/// Four sums in the lower half.
#[inline]
#[target_feature(enable = "avx2")]
fn load_four(sums: &[i16; 4]) -> __m128i {
    // SAFETY: reads the 8 bytes of the array.
    unsafe { _mm_loadu_si64(sums.as_ptr().cast()) }
}
