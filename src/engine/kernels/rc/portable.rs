//! RC modules on any processor: any contributions, any thresholds, any depth.

use super::{Offset, RcModule, RcTables, Sample, offsets, rotate_offset};

pub struct Module {
    /// For each rotation, where each position of the window lies in the unrotated frame.
    offsets: [Box<[Offset]>; 4],
    /// For each position, the contributions at the nodes and one node beyond the last entry.
    contributions: Vec<Box<[i64]>>,
    /// Bits of a sample below its node.
    interval: u32,
    thresholds: Box<[i32]>,
    /// How many bits more than the thresholds the sum has.
    shift: u32,
}

impl Module {
    pub fn new(module: &RcModule, tables: &RcTables, depth: u32) -> Self {
        let entries = module.entries as usize;
        let nodes = |entries: &[i16]| {
            let last = i64::from(entries[entries.len() - 1]);
            let before = i64::from(entries[entries.len() - 2]);
            let nodes = entries.iter().map(|entry| i64::from(*entry));
            nodes.chain([2 * last - before]).collect()
        };
        Self {
            offsets: [0, 1, 2, 3].map(|rotation| {
                let positions = offsets(module);
                positions
                    .map(|offset| rotate_offset(rotation, offset))
                    .collect()
            }),
            contributions: tables
                .contributions
                .chunks_exact(entries)
                .map(nodes)
                .collect(),
            interval: if entries == 256 { depth - 8 } else { depth - 4 },
            thresholds: tables.thresholds.as_slice().into(),
            shift: depth - 8,
        }
    }

    /// Makes `width` pixels of the planes of all rotations.
    pub fn make<'a, 'b, S: Sample>(
        &self,
        input: impl Fn(Offset) -> &'a [S],
        width: usize,
        sums: &mut [i64],
        outputs: impl Iterator<Item = &'b mut [u8]>,
    ) {
        for (rotation, output) in (0..4).zip(outputs) {
            self.row(rotation, &input, width, sums, output);
        }
    }

    fn row<'a, S: Sample>(
        &self,
        rotation: usize,
        input: impl Fn(Offset) -> &'a [S],
        width: usize,
        sums: &mut [i64],
        output: &mut [u8],
    ) {
        let sums = &mut sums[..width];
        sums.fill(0);
        for (offset, nodes) in self.offsets[rotation].iter().zip(&self.contributions) {
            let pixels = sums.iter_mut().zip(input(*offset));
            if self.interval == 0 {
                // Every level is a node: nothing to interpolate.
                for (sum, sample) in pixels {
                    let sample: u16 = (*sample).into();
                    *sum += nodes[usize::from(sample)];
                }
                continue;
            }
            for (sum, sample) in pixels {
                let sample: u16 = (*sample).into();
                let node = usize::from(sample >> self.interval);
                let fraction = i64::from(sample) & ((1 << self.interval) - 1);
                let (low, high) = (nodes[node], nodes[node + 1]);
                *sum += (low << self.interval) + (high - low) * fraction;
            }
        }
        for (output, sum) in output.iter_mut().zip(sums) {
            let sum = *sum >> self.shift;
            let reached = |threshold: &i32| i64::from(*threshold) <= sum;
            *output = self.thresholds.partition_point(reached) as u8;
        }
    }
}
