//! Sliding sums by AVX-512: all sums of two rotations in a vector, the levels of 16 pixels in four rotations at a time.

use std::arch::x86_64::*;

use super::{
    Entry, LANES, MOST_ROWS, Member, Offset, Rows, Slide, Squash, Window, place, samples, span,
};
use crate::engine::kernels::avx512::{load, load_lane};

/// Modules that are made together.
pub struct Curves {
    slide: Slide,
    /// Each with how much its first sum is above the least.
    squashes: Vec<(u16, Squash)>,
}

/// Samples whose finished sums one vector holds.
const FINISHED: usize = 4;

impl Curves {
    /// If there are places for all sums, 16 bits hold them, and the squashes are for vectors.
    pub fn new(modules: &[(Window, &[i32])]) -> Option<Self> {
        let mut windows = Vec::new();
        let mut squashes = Vec::new();
        for (window, thresholds) in modules {
            let squash = Squash::new(thresholds, window.reach())?;
            let [least, most] = window.reach();
            let start = least.min(squash.first);
            span([start, most])?;
            windows.push((window, start));
            squashes.push((span([start, squash.first])?, squash));
        }
        Some(Self {
            slide: Slide::new(&windows)?,
            squashes,
        })
    }

    pub fn count(&self) -> usize {
        self.slide.members.len()
    }

    /// Makes `width` pixels of four rows of output for each module, `stride` samples apart.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub fn make<'a>(
        &self,
        input: impl Fn(Offset) -> &'a [u8],
        width: usize,
        output: &mut [u8],
        stride: usize,
    ) {
        let inputs = &self.slide.inputs(input);
        match self.slide.rows.len() {
            1 => self.rows::<1>(inputs, width, output, stride),
            2 => self.rows::<2>(inputs, width, output, stride),
            3 => self.rows::<3>(inputs, width, output, stride),
            4 => self.rows::<4>(inputs, width, output, stride),
            5 => self.rows::<5>(inputs, width, output, stride),
            6 => self.rows::<6>(inputs, width, output, stride),
            7 => self.rows::<7>(inputs, width, output, stride),
            _ => self.rows::<MOST_ROWS>(inputs, width, output, stride),
        }
    }

    /// As [`Curves::make`], for windows of as many rows.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn rows<const ROWS: usize>(
        &self,
        inputs: &Rows,
        width: usize,
        output: &mut [u8],
        stride: usize,
    ) {
        let (entries, _) = self.slide.entries.as_chunks::<ROWS>();
        let moves = load(self.slide.moves.as_flattened().as_flattened(), 0);
        let mut sums = [_mm512_setzero_si512(); 2];
        for (block, column) in self.slide.blocks(width).enumerate() {
            let mut finished = [[_mm512_setzero_si512(); LANES / FINISHED]; 2];
            let samples = samples::<ROWS>(inputs, block * LANES);
            for half in 0..2 {
                for (four, finished) in finished[half].iter_mut().enumerate() {
                    for x in FINISHED * four..FINISHED * (four + 1) {
                        let entry = |row: usize| {
                            load_entry(&entries[half][row][usize::from(samples[half][row][x])])
                        };
                        let mut added = entry(0);
                        for row in 1..ROWS {
                            added = _mm512_add_epi16(added, entry(row));
                        }
                        let moved = _mm512_shuffle_epi8(sums[half], moves);
                        sums[half] = _mm512_add_epi16(moved, added);
                        *finished = _mm512_alignr_epi8::<4>(sums[half], *finished);
                    }
                }
            }
            let members = self.slide.members.iter().zip(&self.squashes);
            for ((member, (skipped, squash)), output) in members.zip(output.chunks_mut(4 * stride))
            {
                for quarter in 0..4 {
                    let finished = finished.each_ref().map(|half| &half[4 * quarter..][..4]);
                    let levels = member.levels(squash, *skipped, finished);
                    let rows = output.chunks_mut(stride);
                    for ((levels, last), row) in levels.iter().zip(member.last).zip(rows) {
                        place(
                            levels,
                            column + 16 * quarter as i32 - last,
                            &mut row[..width],
                        );
                    }
                }
            }
        }
    }
}

impl Member {
    /// The levels of 16 pixels in four rotations, from their finished sums in two rotations and in the others.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn levels(
        &self,
        squash: &Squash,
        skipped: u16,
        [half, other_half]: [&[__m512i]; 2],
    ) -> [[u8; 16]; 4] {
        // A lane for each rotation, with pairs of sums of four pixels.
        let pairs: [__m512i; 4] = std::array::from_fn(|four| match self.bin {
            0 => _mm512_shuffle_i64x2::<0x44>(half[four], other_half[four]),
            _ => _mm512_shuffle_i64x2::<0xee>(half[four], other_half[four]),
        });
        let sums = pairs.map(|pairs| match self.place {
            0 => _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff)),
            _ => _mm512_srli_epi32::<16>(pairs),
        });
        let [a, b, c, d] = sums;
        let sums = [_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d)];
        let skipped = _mm512_set1_epi16(skipped.cast_signed());
        let levels = squash.levels(sums.map(|sums| _mm512_subs_epu16(sums, skipped)));
        // In each lane levels come as one of `a`, one of `c`, ..., and then those of `b` and `d`.
        let places = [0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15];
        let levels = _mm512_shuffle_epi8(levels, _mm512_broadcast_i32x4(load_lane(&places)));
        // SAFETY: both are 64 bytes and any bits make numbers.
        unsafe { std::mem::transmute::<__m512i, [[u8; 16]; 4]>(levels) }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_entry(entry: &Entry) -> __m512i {
    // SAFETY: reads the 64 bytes of the entry, which are aligned.
    unsafe { _mm512_load_si512(std::ptr::from_ref(entry).cast()) }
}
