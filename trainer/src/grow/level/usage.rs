//! How much photographs use each row of a stage's tables, and so what moving one of its entries costs.

use rayon::prelude::*;

use super::pictures::each_read;
use crate::grow::{forward, net::Net, patches::Patch};

/// By branch and row, the squared weights with which a pixel of a photograph reads the row, added up over its look-ups: what
/// an entry that is off by a unit adds to the mean squared error of the stage's sums.
pub struct Usage(Vec<Vec<f32>>);

impl Usage {
    /// As if photographs used no row more than another.
    #[must_use]
    pub fn unknown(net: &Net, stage: usize) -> Self {
        let branches = net.branches[stage].iter();
        Self(
            branches
                .map(|branch| vec![0.0; branch.table.rows()])
                .collect(),
        )
    }

    /// What square patches of photographs, of `crop` pixels a side, use.
    #[must_use]
    pub fn of(net: &Net, stage: usize, patches: &[Patch], crop: usize) -> Self {
        let size = (crop, crop);
        let runs: Vec<_> = patches
            .par_iter()
            .map(|patch| forward::run(net, &patch.source, size))
            .collect();
        let share = 1.0 / (patches.len() * crop * crop) as f32;
        let mut usage = Self::unknown(net, stage);
        let branches = usage.0.par_iter_mut().enumerate();
        branches.for_each(|(branch, rows)| {
            for run in &runs {
                each_read(net, run, (stage, branch), |row, reader| {
                    rows[row] += share * reader.weight * reader.weight;
                });
            }
        });
        usage
    }

    /// That of a row of a branch.
    pub(super) fn of_row(&self, branch: usize, row: usize) -> f32 {
        self.0[branch][row]
    }
}
