//! Sliding sums by AVX2: those of two rotations in a vector or two, the levels of single ones.

use std::arch::x86_64::*;

use super::{BINS, Entry, LANES, MOST_ROWS, Offset, Rows, Slide, Table, Window, place, samples};
use crate::engine::kernels::avx2::load;

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
        let (entries, _) = self.slide.entries.as_chunks::<ROWS>();
        let moves = self.slide.moves.each_ref();
        let moves = moves.map(|lanes| load(lanes.as_flattened(), 0));
        let mut sums = [[_mm256_setzero_si256(); BINS]; 2];
        for (block, column) in self.slide.blocks(width).enumerate() {
            let mut finished = [[[_mm256_setzero_si256(); LANES / FINISHED]; BINS]; 2];
            let samples = samples::<ROWS>(inputs, block * LANES);
            for half in 0..2 {
                let sums = &mut sums[half];
                for four in 0..LANES / FINISHED {
                    for x in FINISHED * four..FINISHED * (four + 1) {
                        let entry = |row: usize| {
                            load_entry(&entries[half][row][usize::from(samples[half][row][x])])
                        };
                        let mut added = entry(0);
                        for row in 1..ROWS {
                            for (added, entry) in added.iter_mut().zip(entry(row)) {
                                *added = _mm256_add_epi16(*added, entry);
                            }
                        }
                        for bin in 0..BINS {
                            let moved = _mm256_shuffle_epi8(sums[bin], moves[bin]);
                            sums[bin] = _mm256_add_epi16(moved, added[bin]);
                            let finished = &mut finished[half][bin][four];
                            *finished = _mm256_alignr_epi8::<4>(sums[bin], *finished);
                        }
                    }
                }
            }
            // SAFETY: both are as long and any bits make numbers.
            let finished = unsafe {
                std::mem::transmute::<
                    [[[__m256i; LANES / FINISHED]; BINS]; 2],
                    [[[[[[u16; 2]; FINISHED]; 2]; LANES / FINISHED]; BINS]; 2],
                >(finished)
            };
            let members = self.slide.members.iter().zip(&self.tables);
            for ((member, table), output) in members.zip(output.chunks_mut(4 * stride)) {
                for (rotation, row) in output.chunks_mut(stride).take(4).enumerate() {
                    let mut made = [0; LANES];
                    let finished = &finished[rotation / 2][member.bin];
                    let sums = finished.iter().flat_map(|four| &four[rotation % 2]);
                    for (made, sums) in made.iter_mut().zip(sums) {
                        *made = table.level(sums[member.place]);
                    }
                    place(&made, column - member.last[rotation], &mut row[..width]);
                }
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_entry(Entry(bins): &Entry) -> [__m256i; BINS] {
    // SAFETY: reads the 32 bytes of a bin.
    bins.each_ref()
        .map(|bin| unsafe { _mm256_loadu_si256(std::ptr::from_ref(bin).cast()) })
}
