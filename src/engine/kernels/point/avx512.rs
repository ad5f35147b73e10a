//! One-dimensional tables by AVX-512: 256 entries in four registers, 64 pixels at a time.

use std::arch::x86_64::*;

use crate::engine::kernels::{
    LANES,
    avx512::{add_sums, load, look_up},
    simplex::Table,
    sub_pixel_places,
};

/// A table with one output or four.
pub struct Point {
    /// For each output.
    entries: Vec<Entries>,
    interval: u32,
}

/// For each rotation, 256 entries, on cache lines.
#[derive(Clone)]
#[repr(align(64))]
struct Entries([[u8; 256]; 4]);

impl Point {
    pub fn new(table: &Table) -> Self {
        let places = sub_pixel_places(table.side);
        let outputs = places[0].len();
        let mut entries = vec![Entries([[0; 256]; 4]); outputs];
        for (rotation, places) in places.iter().enumerate() {
            for (k, place) in places.iter().enumerate() {
                let values = table.entries.iter().skip(k).step_by(outputs);
                for (entry, value) in entries[*place].0[rotation].iter_mut().zip(values) {
                    *entry = value.cast_unsigned();
                }
            }
        }
        Self {
            entries,
            interval: table.interval,
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn add(&self, inputs: &[&[u8]; 4], width: usize, sums: &mut [i16]) {
        let first_half = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
        let second_half = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
        for x in (0..width).step_by(LANES) {
            let indices = inputs.map(|row| load(row, x));
            match self.entries.as_slice() {
                [one] => {
                    let [low, high] = self.sums(indices, one);
                    add_sums(sums, x, _mm512_permutex2var_epi64(low, first_half, high));
                    let second = _mm512_permutex2var_epi64(low, second_half, high);
                    add_sums(sums, x + 32, second);
                }
                [a, b, c, d] => {
                    let outputs = [a, b, c, d].map(|entries| self.sums(indices, entries));
                    for half in 0..2 {
                        let [a, b, c, d] = outputs.map(|output| output[half]);
                        // Eight pixels of each lane, sixteen pixels apart.
                        let lanes = transpose_lanes(four_outputs([a, b, c, d]));
                        for (lane, pixels) in lanes.into_iter().enumerate() {
                            let at = 4 * (x + 16 * lane + 8 * half);
                            add_sums(sums, at, pixels);
                        }
                    }
                }
                entries => unreachable!("{} outputs", entries.len()),
            }
        }
    }

    /// The entries of four rotations summed, times the interval: pixels 0 to 7 of each lane, and 8 to 15.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn sums(&self, indices: [__m512i; 4], Entries(entries): &Entries) -> [__m512i; 2] {
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| look_up(indices[k], &entries[k]));
        let ones = _mm512_set1_epi8(1);
        let interval = _mm_cvtsi32_si128(self.interval as i32);
        let pair = |low, high| {
            let sum = _mm512_add_epi16(
                _mm512_maddubs_epi16(ones, low),
                _mm512_maddubs_epi16(ones, high),
            );
            _mm512_sll_epi16(sum, interval)
        };
        [
            pair(_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d)),
            pair(_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d)),
        ]
    }
}

/// From a vector for each of four outputs to vectors of two pixels in each lane, all four outputs of each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn four_outputs([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (low_ab, high_ab) = (_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b));
    let (low_cd, high_cd) = (_mm512_unpacklo_epi16(c, d), _mm512_unpackhi_epi16(c, d));
    [
        _mm512_unpacklo_epi32(low_ab, low_cd),
        _mm512_unpackhi_epi32(low_ab, low_cd),
        _mm512_unpacklo_epi32(high_ab, high_cd),
        _mm512_unpackhi_epi32(high_ab, high_cd),
    ]
}

/// Lane `i` of vector `k` becomes lane `k` of vector `i`.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_lanes([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (low_ab, high_ab) = (
        _mm512_shuffle_i64x2::<0x44>(a, b),
        _mm512_shuffle_i64x2::<0xee>(a, b),
    );
    let (low_cd, high_cd) = (
        _mm512_shuffle_i64x2::<0x44>(c, d),
        _mm512_shuffle_i64x2::<0xee>(c, d),
    );
    [
        _mm512_shuffle_i64x2::<0x88>(low_ab, low_cd),
        _mm512_shuffle_i64x2::<0xdd>(low_ab, low_cd),
        _mm512_shuffle_i64x2::<0x88>(high_ab, high_cd),
        _mm512_shuffle_i64x2::<0xdd>(high_ab, high_cd),
    ]
}
