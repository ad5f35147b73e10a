//! Sliding sums by AVX2: those of two rotations in a vector or two, the levels of single ones.

use std::arch::x86_64::*;

use super::{BINS, Entry, LANES, MOST_ROWS, Member, Offset, Rows, Slide, Table, Window, place};
use crate::engine::kernels::avx2::{load, store_eight_sums};

/// Modules that are made together.
pub struct Curves {
    slide: Slide,
    tables: Vec<Table>,
}

/// Samples whose finished sums one vector holds.
const FINISHED: usize = 4;

impl Curves {
    /// If there are places for all sums, and 16 bits hold them.
    pub fn new(modules: &[(Window, &[i32])]) -> Option<Self> {
        let mut windows = Vec::new();
        let mut tables = Vec::new();
        for (window, thresholds) in modules {
            let table = Table::new(thresholds, window.reach())?;
            windows.push((window, table.first));
            tables.push(table);
        }
        Some(Self {
            slide: Slide::new(&windows)?,
            tables,
        })
    }

    pub fn count(&self) -> usize {
        self.slide.members.len()
    }

    /// Makes `width` pixels of four rows of output for each module, `stride` samples apart.
    #[target_feature(enable = "avx2")]
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
    #[target_feature(enable = "avx2")]
    fn rows<const ROWS: usize>(
        &self,
        inputs: &Rows,
        width: usize,
        output: &mut [u8],
        stride: usize,
    ) {
        let entries = &self.slide.entries[..ROWS];
        let moves = self.slide.moves.each_ref();
        let moves = moves.map(|lanes| load(lanes.as_flattened(), 0));
        for (half, inputs) in inputs.iter().enumerate() {
            let mut sums = [_mm256_setzero_si256(); BINS];
            for column in self.slide.blocks(width, half) {
                let mut finished = [[_mm256_setzero_si256(); LANES / FINISHED]; BINS];
                let samples = samples::<ROWS>(inputs, self.slide.index(column), half);
                for four in 0..LANES / FINISHED {
                    for x in FINISHED * four..FINISHED * (four + 1) {
                        let entry =
                            |row: usize| load_entry(&entries[row][usize::from(samples[row][x])]);
                        let mut added = entry(0);
                        for row in 1..ROWS {
                            for (added, entry) in added.iter_mut().zip(entry(row)) {
                                *added = _mm256_add_epi16(*added, entry);
                            }
                        }
                        for bin in 0..BINS {
                            let moved = _mm256_shuffle_epi8(sums[bin], moves[bin]);
                            sums[bin] = _mm256_add_epi16(moved, added[bin]);
                            let finished = &mut finished[bin][four];
                            *finished = _mm256_alignr_epi8::<4>(sums[bin], *finished);
                        }
                    }
                }
                let members = self.slide.members.iter().zip(&self.tables);
                for ((member, table), output) in members.zip(output.chunks_mut(4 * stride)) {
                    let rows = output.chunks_mut(stride).enumerate();
                    for (rotation, row) in rows.skip(2 * half).take(2) {
                        let sums = member.sums(&finished[member.bin], rotation % 2);
                        let mut levels = sums.map(|sum| table.level(sum.cast_unsigned()));
                        if half == 1 {
                            levels.reverse();
                        }
                        place(&levels, column - member.end[rotation], &mut row[..width]);
                    }
                }
            }
        }
    }
}

impl Member {
    /// The finished sums of a block, of one of the two rotations of a vector.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn sums(&self, finished: &[__m256i; LANES / FINISHED], lane: usize) -> [i16; LANES] {
        let mut sums = [0; LANES];
        for (number, pair) in finished.as_chunks().0.iter().enumerate() {
            let [a, b] = pair.map(|pairs| {
                let pairs = match lane {
                    0 => _mm256_castsi256_si128(pairs),
                    _ => _mm256_extracti128_si256::<1>(pairs),
                };
                match self.place {
                    0 => _mm_and_si128(pairs, _mm_set1_epi32(0xffff)),
                    _ => _mm_srli_epi32::<16>(pairs),
                }
            });
            store_eight_sums(&mut sums, 2 * FINISHED * number, _mm_packus_epi32(a, b));
        }
        sums
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_entry(Entry(bins): &Entry) -> [__m256i; BINS] {
    // SAFETY: reads the 32 bytes of a bin.
    bins.each_ref()
        .map(|bin| unsafe { _mm256_loadu_si256(std::ptr::from_ref(bin).cast()) })
}

/// A block of samples of each row, in the order of sliding.
#[inline(always)]
fn samples<const ROWS: usize>(
    inputs: &[&[u8]; MOST_ROWS],
    at: usize,
    half: usize,
) -> [[u8; LANES]; ROWS] {
    let mut samples = [[0; LANES]; ROWS];
    for (samples, input) in samples.iter_mut().zip(inputs) {
        samples.copy_from_slice(&input[at..][..LANES]);
        if half == 1 {
            samples.reverse();
        }
    }
    samples
}
