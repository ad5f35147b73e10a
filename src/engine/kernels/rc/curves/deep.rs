//! Modules of any contributions above 8 bits by AVX2: two neighbouring entries a look-up, interpolated (ARITHMETIC section 5).

use std::arch::x86_64::*;

use super::super::{RcModule, RcTables, lines::MOST_TAPS, offsets, squash::Table};
use crate::engine::{
    kernels::{
        avx2::{load_eight_words, store_words},
        padded_width,
    },
    model::{Offset, rotate_offset},
};

/// Pixels that are made at once.
const LANES: usize = 16;

/// Most positions of a window.
const MOST_POSITIONS: usize = MOST_TAPS.pow(2);

/// A module of any contributions.
pub struct Curves {
    /// For each rotation, where each position of the window lies.
    offsets: [Box<[Offset]>; 4],
    /// For each position and each node, the contributions there and at the next node.
    nodes: Vec<Box<[[i16; 2]]>>,
    /// Bits of a sample below its node.
    interval: u32,
    /// Bits more than eight of a sample, and of a sum.
    deeper: u32,
    table: Table,
}

impl Curves {
    /// If 16 bits hold all sums without the bits that are more than eight of a sample.
    pub fn new(module: &RcModule, tables: &RcTables, depth: u32) -> Option<Self> {
        let entries = module.entries as usize;
        let interval = if entries == 256 { depth - 8 } else { depth - 4 };
        let positions = tables.contributions.chunks_exact(entries);
        let nodes: Option<Vec<_>> = positions.map(pairs).collect();
        let nodes = nodes?;
        let scaled = |contribution: i16| i32::from(contribution) << (interval + 8 - depth);
        let ends = |pairs: &[[i16; 2]]| {
            let all = || pairs.as_flattened().iter().copied().map(scaled);
            [all().min(), all().max()].map(|end| end.expect("a table has nodes"))
        };
        let reach = nodes.iter().map(|pairs| ends(pairs));
        let reach = reach.fold([0, 0], |sum, end| [sum[0] + end[0], sum[1] + end[1]]);
        Some(Self {
            offsets: [0, 1, 2, 3].map(|rotation| {
                let positions = offsets(module);
                positions
                    .map(|offset| rotate_offset(rotation, offset))
                    .collect()
            }),
            nodes,
            interval,
            deeper: depth - 8,
            table: Table::new(&tables.thresholds, reach)?,
        })
    }

    /// Makes `width` pixels of the planes of all rotations.
    #[target_feature(enable = "avx2")]
    pub fn make<'a, 'b>(
        &self,
        input: impl Fn(Offset) -> &'a [u16],
        width: usize,
        outputs: impl Iterator<Item = &'b mut [u8]>,
    ) {
        for (offsets, output) in self.offsets.iter().zip(outputs) {
            let mut rows: [&[u16]; MOST_POSITIONS] = [&[]; MOST_POSITIONS];
            for (row, offset) in rows.iter_mut().zip(offsets) {
                *row = input(*offset);
            }
            let output = &mut output[..width];
            for x in (0..padded_width(width)).step_by(LANES) {
                self.pixels(&rows, x, output);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn pixels(&self, rows: &[&[u16]], x: usize, output: &mut [u8]) {
        let interval = _mm_cvtsi32_si128(self.interval as i32);
        let q = _mm256_sll_epi32(_mm256_set1_epi32(1), interval);
        let fractions = _mm256_sub_epi32(q, _mm256_set1_epi32(1));
        let last = _mm256_set1_epi32(self.nodes[0].len() as i32 - 1);
        // What overflows on the way comes right at last.
        let start = self.table.first.wrapping_neg() << self.deeper;
        let mut sums = [_mm256_set1_epi32(start); 2];
        for (pairs, row) in self.nodes.iter().zip(rows) {
            let row = &row[x..][..LANES];
            for (half, sums) in sums.iter_mut().enumerate() {
                let samples = load_eight_words(row, half * LANES / 2);
                let fraction = _mm256_and_si256(samples, fractions);
                let node = _mm256_and_si256(_mm256_srl_epi32(samples, interval), last);
                // SAFETY: a power of two of nodes, of four bytes each: none is beyond the last.
                let pairs = unsafe { _mm256_i32gather_epi32::<4>(pairs.as_ptr().cast(), node) };
                let weights = _mm256_or_si256(
                    _mm256_sub_epi32(q, fraction),
                    _mm256_slli_epi32::<16>(fraction),
                );
                *sums = _mm256_add_epi32(*sums, _mm256_madd_epi16(weights, pairs));
            }
        }
        let deeper = _mm_cvtsi32_si128(self.deeper as i32);
        let [low, high] = sums.map(|sums| _mm256_sra_epi32(sums, deeper));
        let words = _mm256_permute4x64_epi64::<0xd8>(_mm256_packus_epi32(low, high));
        let mut in_order = [0; LANES];
        store_words(&mut in_order, 0, words);
        for (output, sum) in output.iter_mut().skip(x).zip(in_order) {
            *output = self.table.level(sum);
        }
    }
}

/// For each node the contributions there and at the next one, if 16 bits hold all: above 256 entries lies one more, in line
/// with the last two.
fn pairs(entries: &[i16]) -> Option<Box<[[i16; 2]]>> {
    let mut nodes = entries.to_vec();
    if let [.., before, last] = *entries
        && entries.len() == 256
    {
        let beyond = 2 * i32::from(last) - i32::from(before);
        nodes.push(i16::try_from(beyond).ok()?);
    }
    let pairs: Box<[_]> = nodes.windows(2).map(|pair| [pair[0], pair[1]]).collect();
    assert!(pairs.len().is_power_of_two(), "16 or 256 nodes");
    Some(pairs)
}
