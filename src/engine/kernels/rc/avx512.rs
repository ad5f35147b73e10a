//! RC modules by AVX-512: 64 pixels of a vector, four taps an instruction.

use std::arch::x86_64::*;

use super::{
    affine::{Affine, MOST_TAPS},
    squash::{Levels, Squash},
    window::Window,
};
use crate::engine::{
    kernels::{
        LANES,
        avx512::{load, store},
        padded_width,
    },
    model::Offset,
};

/// Most runs of taps in a window.
const MAX_RUNS: usize = MOST_TAPS.pow(2) / 4;

/// A module of lines.
pub struct Convolution {
    taps: Affine<4>,
    squash: Squash,
}

impl Convolution {
    /// If the contributions are lines, and the squash is one for vectors.
    pub fn new(window: &Window, thresholds: &[i32]) -> Option<Self> {
        let levels = Levels::new(thresholds, window.reach())?;
        Some(Self {
            taps: Affine::new(window)?,
            squash: Squash::new(&levels, thresholds)?,
        })
    }

    /// Makes `width` pixels of the plane of one rotation.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn make<'a>(
        &self,
        rotation: usize,
        input: impl Fn(Offset) -> &'a [u8],
        width: usize,
        output: &mut [u8],
    ) {
        let runs = &self.taps.runs[rotation];
        let mut rows: [&[u8]; MAX_RUNS] = [&[]; MAX_RUNS];
        for (row, run) in rows.iter_mut().zip(runs) {
            *row = input(run.offset);
        }
        let rows = &rows[..runs.len()];
        let (mut x, end) = (0, padded_width(width));
        while x + 4 * LANES <= end {
            self.pixels::<4>(rotation, rows, x, output);
            x += 4 * LANES;
        }
        while x < end {
            self.pixels::<1>(rotation, rows, x, output);
            x += LANES;
        }
    }

    /// Makes as many vectors of pixels. The more there are, the more use is made of slopes once loaded.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn pixels<const VECTORS: usize>(
        &self,
        rotation: usize,
        rows: &[&[u8]],
        x: usize,
        output: &mut [u8],
    ) {
        // Vector `k` of four holds the sums of pixels `4 i + k`: then 64 bytes of a row are taps of all of them.
        let constant = _mm512_set1_epi32(self.taps.constant - self.squash.first);
        let mut sums = [[constant; 4]; VECTORS];
        for (run, row) in self.taps.runs[rotation].iter().zip(rows) {
            let slopes = |slopes: [i8; 4]| {
                _mm512_set1_epi32(i32::from_le_bytes(slopes.map(i8::cast_unsigned)))
            };
            let (even, odd) = (slopes(run.even), slopes(run.odd));
            let row = &row[x..][..VECTORS * LANES + 2];
            for (number, [a, b, c, d]) in sums.iter_mut().enumerate() {
                let taps = load(row, number * LANES);
                *a = _mm512_dpbusd_epi32(*a, taps, even);
                *b = _mm512_dpbusd_epi32(*b, taps, odd);
                let taps = load(row, number * LANES + 2);
                *c = _mm512_dpbusd_epi32(*c, taps, even);
                *d = _mm512_dpbusd_epi32(*d, taps, odd);
            }
        }
        // In each lane of 128 bits levels come out as four of `a`, four of `b`, ...
        let places: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
        let in_order = _mm512_broadcast_i32x4(load_lane(&places));
        for (number, [a, b, c, d]) in sums.into_iter().enumerate() {
            let pairs = [_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d)];
            let levels = self.squash.levels(pairs);
            store(
                output,
                x + number * LANES,
                _mm512_shuffle_epi8(levels, in_order),
            );
        }
    }
}

impl Squash {
    /// 64 levels, from sums counted from the first. In each lane of 128 bits the levels of the first vector come before
    /// those of the second.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn levels(&self, sums: [__m512i; 2]) -> __m512i {
        let last = _mm512_set1_epi16(self.last.cast_signed());
        let scale = _mm512_set1_epi16(self.scale.cast_signed());
        let bases = load_words(&self.bases);
        let rises = load_words(&self.rises);
        let sums = sums.map(|sums| _mm512_min_epu16(sums, last));
        let estimates = sums.map(|sums| {
            let segment = _mm512_mulhi_epu16(sums, scale);
            let fraction = _mm512_mullo_epi16(sums, scale);
            let base = _mm512_permutexvar_epi16(segment, bases);
            let rise = _mm512_permutexvar_epi16(segment, rises);
            let part = _mm512_mulhi_epu16(fraction, rise);
            _mm512_srli_epi16::<8>(_mm512_add_epi16(base, part))
        });
        let indices = _mm512_packus_epi16(estimates[0], estimates[1]);
        let [low, high] = look_up(indices, &self.next);
        let next = [
            _mm512_unpacklo_epi8(low, high),
            _mm512_unpackhi_epi8(low, high),
        ];
        let one = _mm512_set1_epi16(1);
        let [first, second] = [0, 1].map(|half| {
            let reached = _mm512_cmpge_epu16_mask(sums[half], next[half]);
            _mm512_mask_add_epi16(estimates[half], reached, estimates[half], one)
        });
        _mm512_packus_epi16(first, second)
    }
}

/// 64 entries of two tables of 256.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn look_up(indices: __m512i, tables: &[[u8; 256]; 2]) -> [__m512i; 2] {
    let upper_half = _mm512_movepi8_mask(indices);
    let upper_quarter = _mm512_movepi8_mask(_mm512_add_epi8(indices, indices));
    tables.each_ref().map(|table| {
        let half = |start: usize| {
            let found = _mm512_permutexvar_epi8(indices, load(table, start));
            let upper = load(table, start + 64);
            _mm512_mask_permutexvar_epi8(found, upper_quarter, indices, upper)
        };
        _mm512_mask_blend_epi8(upper_half, half(0), half(128))
    })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_words(words: &[u16; 32]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_lane(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: reads the 16 bytes of the array.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
