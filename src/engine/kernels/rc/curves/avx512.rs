//! Sliding sums by AVX-512: all sums of two rotations in a vector, the levels of 64 pixels at a time.

use std::arch::x86_64::*;

use super::{
    BINS, Entry, LANES, Levels, MOST_ROWS, Member, Offset, Rows, Slide, Squash, Window, place, span,
};
use crate::engine::kernels::avx512::load;

/// Modules that are made together.
pub struct Curves {
    slide: Slide,
    /// Each with how much its first sum is above the least.
    squashes: Vec<(u16, Squash)>,
}

/// Samples whose finished sums one vector holds.
const FINISHED: usize = 4;

/// Samples whose entries are added up together.
const TOGETHER: usize = 8;

/// The finished sums of a block in two halves.
type Finished = [[__m512i; LANES / FINISHED]; 2];

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
        let [half, other_half, ..] = entries else {
            unreachable!("entries of two halves")
        };
        let moves = load(self.slide.moves.as_flattened().as_flattened(), 0);
        let mut sums = [_mm512_setzero_si512(); 2];
        let mut finished = [[_mm512_setzero_si512(); LANES / FINISHED]; 2];
        for (block, column) in self.slide.blocks(width).enumerate() {
            let samples = samples::<ROWS>(inputs, block * LANES);
            slide(
                [half, other_half],
                &samples,
                moves,
                &mut sums,
                &mut finished,
            );
            for bin in 0..BINS {
                let members = self.slide.members.iter().zip(&self.squashes).enumerate();
                let mut members = members
                    .filter(|(_, (member, _))| member.bin == bin)
                    .peekable();
                if members.peek().is_none() {
                    continue;
                }
                let rotations = rotations(&finished, bin);
                for (number, (member, (skipped, squash))) in members {
                    for (rotation, pairs) in rotations.iter().enumerate() {
                        let levels = member.levels(squash, *skipped, *pairs);
                        let row = &mut output[(4 * number + rotation) * stride..][..width];
                        place(&levels, column - member.last[rotation], row);
                    }
                }
            }
        }
    }
}

/// A block of samples of each row of two halves, [`TOGETHER`] in a number, the first in the lowest byte: one load for all of
/// them leaves the others to the entries.
type Samples<const ROWS: usize> = [[[u64; LANES / TOGETHER]; ROWS]; 2];

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn samples<const ROWS: usize>(inputs: &Rows, at: usize) -> Samples<ROWS> {
    let mut samples = [[[0; LANES / TOGETHER]; ROWS]; 2];
    for (samples, inputs) in samples.iter_mut().zip(inputs) {
        for (samples, input) in samples.iter_mut().zip(inputs) {
            // SAFETY: both are 64 bytes and any bits make numbers.
            *samples = unsafe { std::mem::transmute::<__m512i, [u64; 8]>(load(input, at)) };
        }
    }
    samples
}

/// Slides along a block. Each of the vectors that come out holds the finished sums of a half for four samples.
///
/// The halves take turns: neither waits for its own last sum.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn slide<const ROWS: usize>(
    entries: [&[Levels; ROWS]; 2],
    samples: &Samples<ROWS>,
    moves: __m512i,
    sums: &mut [__m512i; 2],
    finished: &mut Finished,
) {
    for block in 0..LANES / TOGETHER {
        for half in 0..2 {
            let entry = |row: usize, number: usize| {
                let level = samples[half][row][block] >> (8 * number) & 0xff;
                entry(&entries[half][row][level as usize])
            };
            let mut added: [_; TOGETHER] = std::array::from_fn(|number| entry(0, number));
            for row in 1..ROWS {
                for (number, added) in added.iter_mut().enumerate() {
                    *added = _mm512_add_epi16(*added, entry(row, number));
                }
            }
            for (four, added) in added.as_chunks::<FINISHED>().0.iter().enumerate() {
                let mut done = _mm512_setzero_si512();
                for added in added {
                    let moved = _mm512_shuffle_epi8(sums[half], moves);
                    sums[half] = _mm512_add_epi16(moved, *added);
                    done = _mm512_alignr_epi8::<4>(sums[half], done);
                }
                finished[half][TOGETHER / FINISHED * block + four] = done;
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn entry(entry: &Entry) -> __m512i {
    // SAFETY: reads the 64 bytes of the entry, which are aligned.
    unsafe { _mm512_load_si512(std::ptr::from_ref(entry).cast()) }
}

/// For each rotation, the finished sums of the modules of a bin, a pair for each pixel of a block.
#[inline]
#[target_feature(enable = "avx512f")]
fn rotations(finished: &Finished, bin: usize) -> [[__m512i; 4]; 4] {
    let mut rotations = [[_mm512_setzero_si512(); 4]; 4];
    for (half, finished) in finished.iter().enumerate() {
        for (sixteen, fours) in finished.as_chunks().0.iter().enumerate() {
            let [a, b, c, d]: [__m512i; 4] = *fours;
            let [ab, cd] = [[a, b], [c, d]].map(|[a, b]| match bin {
                0 => _mm512_shuffle_i64x2::<0x44>(a, b),
                _ => _mm512_shuffle_i64x2::<0xee>(a, b),
            });
            rotations[2 * half][sixteen] = _mm512_shuffle_i64x2::<0x88>(ab, cd);
            rotations[2 * half + 1][sixteen] = _mm512_shuffle_i64x2::<0xdd>(ab, cd);
        }
    }
    rotations
}

impl Member {
    /// The levels of a block, from its finished sums in one rotation.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn levels(&self, squash: &Squash, skipped: u16, pairs: [__m512i; 4]) -> [u8; LANES] {
        let [a, b, c, d] = pairs.map(|pairs| match self.place {
            0 => _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff)),
            _ => _mm512_srli_epi32::<16>(pairs),
        });
        let sums = [_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d)];
        let skipped = _mm512_set1_epi16(skipped.cast_signed());
        let levels = squash.levels(sums.map(|sums| _mm512_subs_epu16(sums, skipped)));
        // In each lane of 128 bits come four levels of `a` and of `b`, and between them those of `c` and `d`.
        let places: [u8; LANES] = std::array::from_fn(|pixel| {
            let (vector, lane, number) = (pixel / 16, pixel / 4 % 4, pixel % 4);
            (16 * lane + 2 * (number + 4 * (vector % 2)) + vector / 2) as u8
        });
        let levels = _mm512_permutexvar_epi8(load(&places, 0), levels);
        // SAFETY: both are 64 bytes and any bits make numbers.
        unsafe { std::mem::transmute::<__m512i, [u8; LANES]>(levels) }
    }
}
