//! What each position of a module's window contributes at each level of an 8-bit sample, and whether that is a line.

use super::{RcModule, RcTables, offsets};
use crate::engine::model::{Offset, rotate_offset};

/// The positions of a window.
pub struct Window {
    offsets: Vec<Offset>,
    /// For each position, the contribution of each level.
    contributions: Vec<[i32; 256]>,
}

impl Window {
    /// Tables of 17 entries are interpolated (ARITHMETIC section 4).
    pub fn new(module: &RcModule, tables: &RcTables) -> Self {
        let entries = tables
            .contributions
            .chunks_exact(module.entries as usize)
            .map(|entries| std::array::from_fn(|level| contribution(entries, level)));
        Self {
            offsets: offsets(module).collect(),
            contributions: entries.collect(),
        }
    }

    /// Rows, and columns.
    pub fn size(&self) -> usize {
        self.offsets.len().isqrt()
    }

    /// What each level contributes, for each position.
    pub fn contributions(&self) -> &[[i32; 256]] {
        &self.contributions
    }

    /// No sum is outside of these.
    pub fn reach(&self) -> [i32; 2] {
        let least = |levels: &[i32; 256]| levels.iter().copied().min();
        let most = |levels: &[i32; 256]| levels.iter().copied().max();
        [
            self.contributions.iter().filter_map(least).sum(),
            self.contributions.iter().filter_map(most).sum(),
        ]
    }

    /// The sum where all samples are 0.
    pub fn at_zero(&self) -> i32 {
        self.contributions.iter().map(|levels| levels[0]).sum()
    }

    /// For each position what a level adds, if all contributions are lines with slopes of 8 bits.
    pub fn slopes(&self) -> Option<Vec<i8>> {
        self.contributions.iter().map(slope).collect()
    }

    /// Where the positions lie in the unrotated frame, in the order of the contributions.
    pub fn rotated(&self, rotation: usize) -> impl Iterator<Item = Offset> + Clone {
        let offsets = self.offsets.iter();
        offsets.map(move |offset| rotate_offset(rotation, *offset))
    }
}

fn contribution(entries: &[i16], level: usize) -> i32 {
    if entries.len() == 256 {
        return entries[level].into();
    }
    let (node, fraction) = (level / 16, (level % 16) as i32);
    i32::from(entries[node]) * (16 - fraction) + i32::from(entries[node + 1]) * fraction
}

fn slope(levels: &[i32; 256]) -> Option<i8> {
    let slope = levels[1] - levels[0];
    let straight = levels.windows(2).all(|pair| pair[1] - pair[0] == slope);
    i8::try_from(slope).ok().filter(|_| straight)
}
