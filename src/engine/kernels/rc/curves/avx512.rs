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

/// For each half, where a block's levels come from: in each lane of 128 bits lie four of the first vector of sums and of the
/// second, and between them those of the third and the fourth. The other half comes from the last to the first.
const PLACES: [[u8; LANES]; 2] = {
    let mut places = [[0; LANES]; 2];
    let mut pixel = 0;
    while pixel < LANES {
        let (vector, lane, number) = (pixel / 16, pixel / 4 % 4, pixel % 4);
        let place = (16 * lane + 2 * (number + 4 * (vector % 2)) + vector / 2) as u8;
        places[0][pixel] = place;
        places[1][LANES - 1 - pixel] = place;
        pixel += 1;
    }
    places
};

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
        let entries = self
            .slide
            .entries
            .first_chunk()
            .expect("entries of each row");
        let moves = load(self.slide.moves.as_flattened().as_flattened(), 0);
        for (half, inputs) in inputs.iter().enumerate() {
            let mut sums = _mm512_setzero_si512();
            let mut finished = [_mm512_setzero_si512(); LANES / FINISHED];
            for column in self.slide.blocks(width, half) {
                let samples = samples::<ROWS>(inputs, self.slide.index(column), half);
                slide(entries, &samples, moves, &mut sums, &mut finished);
                for bin in 0..BINS {
                    let members = self.slide.members.iter().zip(&self.squashes).enumerate();
                    let mut members = members
                        .filter(|(_, (member, _))| member.bin == bin)
                        .peekable();
                    if members.peek().is_none() {
                        continue;
                    }
                    let pairs = rotations(&finished, bin);
                    for (number, (member, (skipped, squash))) in members {
                        for (rotation, pairs) in (2 * half..).zip(pairs) {
                            let levels = member.levels(squash, *skipped, pairs, half);
                            let row = &mut output[(4 * number + rotation) * stride..][..width];
                            place(&levels, column - member.end[rotation], row);
                        }
                    }
                }
            }
        }
    }
}

/// A block of samples of each row in the order of sliding, [`TOGETHER`] in a number, the first in the lowest byte: one load for
/// all of them leaves the others to the entries.
type Samples<const ROWS: usize> = [[u64; LANES / TOGETHER]; ROWS];

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn samples<const ROWS: usize>(
    inputs: &[&[u8]; MOST_ROWS],
    at: usize,
    half: usize,
) -> Samples<ROWS> {
    let mut samples = [[0; LANES / TOGETHER]; ROWS];
    for (samples, input) in samples.iter_mut().zip(inputs) {
        // SAFETY: both are 64 bytes and any bits make numbers.
        *samples = unsafe { std::mem::transmute::<__m512i, [u64; 8]>(load(input, at)) };
        if half == 1 {
            samples.reverse();
            *samples = samples.map(u64::swap_bytes);
        }
    }
    samples
}

/// Slides along a block. Each of the vectors that come out holds finished sums for four samples.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
fn slide<const ROWS: usize>(
    entries: &[Levels; ROWS],
    samples: &Samples<ROWS>,
    moves: __m512i,
    sums: &mut __m512i,
    finished: &mut [__m512i; LANES / FINISHED],
) {
    for (block, finished) in finished
        .as_chunks_mut::<{ TOGETHER / FINISHED }>()
        .0
        .iter_mut()
        .enumerate()
    {
        let entry = |row: usize, number: usize| {
            let level = samples[row][block] >> (8 * number) & 0xff;
            entry(&entries[row][level as usize])
        };
        let mut added: [_; TOGETHER] = std::array::from_fn(|number| entry(0, number));
        for row in 1..ROWS {
            for (number, added) in added.iter_mut().enumerate() {
                *added = _mm512_add_epi16(*added, entry(row, number));
            }
        }
        for (finished, added) in finished.iter_mut().zip(added.as_chunks::<FINISHED>().0) {
            let mut done = _mm512_setzero_si512();
            for added in added {
                let moved = _mm512_shuffle_epi8(*sums, moves);
                *sums = _mm512_add_epi16(moved, *added);
                done = _mm512_alignr_epi8::<4>(*sums, done);
            }
            *finished = done;
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn entry(entry: &Entry) -> __m512i {
    // SAFETY: reads the 64 bytes of the entry, which are aligned.
    unsafe { _mm512_load_si512(std::ptr::from_ref(entry).cast()) }
}

/// For both rotations, the finished sums of the modules of a bin, a pair for each pixel of a block.
#[inline]
#[target_feature(enable = "avx512f")]
fn rotations(finished: &[__m512i; LANES / FINISHED], bin: usize) -> [[__m512i; 4]; 2] {
    let mut rotations = [[_mm512_setzero_si512(); 4]; 2];
    for (sixteen, fours) in finished.as_chunks().0.iter().enumerate() {
        let [a, b, c, d]: [__m512i; 4] = *fours;
        let [ab, cd] = [[a, b], [c, d]].map(|[a, b]| match bin {
            0 => _mm512_shuffle_i64x2::<0x44>(a, b),
            _ => _mm512_shuffle_i64x2::<0xee>(a, b),
        });
        rotations[0][sixteen] = _mm512_shuffle_i64x2::<0x88>(ab, cd);
        rotations[1][sixteen] = _mm512_shuffle_i64x2::<0xdd>(ab, cd);
    }
    rotations
}

impl Member {
    /// The levels of a block, from its finished sums in one rotation of a half.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    fn levels(
        &self,
        squash: &Squash,
        skipped: u16,
        pairs: [__m512i; 4],
        half: usize,
    ) -> [u8; LANES] {
        let [a, b, c, d] = pairs.map(|pairs| match self.place {
            0 => _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff)),
            _ => _mm512_srli_epi32::<16>(pairs),
        });
        let sums = [_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d)];
        let skipped = _mm512_set1_epi16(skipped.cast_signed());
        let levels = squash.levels(sums.map(|sums| _mm512_subs_epu16(sums, skipped)));
        let levels = _mm512_permutexvar_epi8(load(&PLACES[half], 0), levels);
        // SAFETY: both are 64 bytes and any bits make numbers.
        unsafe { std::mem::transmute::<__m512i, [u8; LANES]>(levels) }
    }
}
