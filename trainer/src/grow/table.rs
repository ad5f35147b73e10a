//! A table while it grows: real entries on a grid that is refined as training goes on.

use serde::{Deserialize, Serialize};

/// Entries at the nodes of a grid over 8-bit values, one axis or four.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// 4 (simplex interpolation) or 1 (linear).
    pub axes: usize,
    /// Nodes lie `2^interval` levels apart, from 0 to 256.
    pub interval: u32,
    /// Values of an entry.
    pub outputs: usize,
    /// `nodes^axes` entries of `outputs` values, last axis fastest.
    pub entries: Vec<f32>,
}

impl Table {
    /// A table whose outputs at a node are all the same function of the node's first coordinate, in levels.
    #[must_use]
    pub fn from_first_axis(
        axes: usize,
        interval: u32,
        outputs: usize,
        value: impl Fn(usize) -> f32,
    ) -> Self {
        let mut table = Self {
            axes,
            interval,
            outputs,
            entries: Vec::new(),
        };
        let (rows, below) = (table.rows(), table.strides()[0] as usize);
        table.entries.reserve(rows * outputs);
        for row in 0..rows {
            let value = value((row / below) << interval);
            table.entries.extend(std::iter::repeat_n(value, outputs));
        }
        table
    }

    /// Nodes along an axis.
    #[must_use]
    pub fn nodes(&self) -> usize {
        (256 >> self.interval) + 1
    }

    /// Entries, each of `outputs` values.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.nodes().pow(self.axes as u32)
    }

    /// How many entries lie between neighbours along each axis; axes that a table does not have count 0.
    #[must_use]
    pub fn strides(&self) -> [u32; 4] {
        let nodes = self.nodes() as u32;
        match self.axes {
            4 => [nodes * nodes * nodes, nodes * nodes, nodes, 1],
            _ => [1, 0, 0, 0],
        }
    }

    /// The table on a grid of twice as many cells a side, equal to this one everywhere: the simplices of the fine grid
    /// lie inside those of the coarse one, so interpolating at the new nodes changes no value between them.
    #[must_use]
    pub fn refined(&self) -> Self {
        let mut fine = Self {
            interval: self.interval - 1,
            entries: Vec::new(),
            ..*self
        };
        let (coarse_strides, nodes, outputs) = (self.strides(), fine.nodes(), self.outputs);
        fine.entries.reserve(fine.rows() * outputs);
        for row in 0..fine.rows() {
            // A new node lies half way between the two ends of its simplex: the cell's corner, and that corner
            // moved one step on every axis whose coordinate is odd.
            let (mut low, mut high, mut rest) = (0, 0, row);
            for stride in coarse_strides[..self.axes].iter().rev() {
                let coordinate = rest % nodes;
                rest /= nodes;
                low += coordinate / 2 * *stride as usize;
                high += coordinate.div_ceil(2) * *stride as usize;
            }
            let (low, high) = (
                &self.entries[low * outputs..],
                &self.entries[high * outputs..],
            );
            let pairs = low.iter().zip(high).take(outputs);
            fine.entries
                .extend(pairs.map(|(low, high)| 0.5 * (low + high)));
        }
        fine
    }
}

#[cfg(test)]
mod tests {
    use gstrclut::engine::model::Graph;

    use crate::grow::{forward, net::Net};

    #[test]
    fn refining_changes_no_output() {
        let graph = Graph::parse("s 3 ; d 5' y@0", 2).unwrap();
        let mut net = Net::identity(graph, 1);
        for branch in net.branches.iter_mut().flatten() {
            for (index, entry) in branch.table.entries.iter_mut().enumerate() {
                *entry += ((index * 7919) % 64) as f32 - 32.0;
            }
        }
        let source: Vec<f32> = (0..11 * 8).map(|i| ((i * i * 31) % 256) as f32).collect();
        let coarse = forward::run(&net, &source, (11, 8)).output;
        for interval in [5, 4] {
            net.refine(interval);
            let fine = forward::run(&net, &source, (11, 8)).output;
            let errors = coarse.iter().zip(&fine).map(|(a, b)| (a - b).abs());
            assert!(errors.fold(0.0, f32::max) < 1e-3);
        }
        assert!(net.is_finest());
    }
}
