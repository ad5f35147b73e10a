//! A network in training: one step at a time, deterministic for the same number of threads.

use std::borrow::Cow;

use gstrclut::engine::model::Graph;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    adam::{self, Adam, BranchMoments, Rates},
    backward::{self, Gradient, add_gradient},
    level::{Photographs, level},
    net::{Branch, Net},
    patches::Patch,
    rc::Rc,
    schedule::Phase,
    smooth::smooth,
};

/// A network, what it is played as, and the state of its optimiser.
pub struct Learner {
    /// The network in real numbers.
    net: Net,
    /// While a finished model is tuned, the network in the numbers of the file; it runs, and `net` follows its gradient.
    played: Option<Net>,
    phase: Phase,
    adam: Adam,
    /// One gradient for each thread.
    gradients: Vec<Gradient>,
}

/// What of a learner a checkpoint holds.
#[derive(Serialize, Deserialize)]
pub struct Saved<'a> {
    branches: Cow<'a, [Vec<Branch>]>,
    phase: Phase,
    adam: Cow<'a, [Vec<BranchMoments>]>,
}

impl Learner {
    /// A learner that starts from a network, its batches shared by `threads` threads.
    #[must_use]
    pub fn new(net: Net, threads: usize) -> Self {
        let adam = adam::new_moments(&net);
        Self::with_moments(net, adam, threads)
    }

    fn with_moments(net: Net, adam: Adam, threads: usize) -> Self {
        let gradients = vec![backward::zero_gradient(&net, 0); threads];
        Self {
            net,
            played: None,
            phase: Phase::Growing,
            adam,
            gradients,
        }
    }

    /// The learner that a checkpoint holds.
    #[must_use]
    pub fn resume(graph: Graph, saved: Saved, threads: usize) -> Self {
        let net = Net {
            graph,
            branches: saved.branches.into_owned(),
        };
        let mut learner = Self::with_moments(net, saved.adam.into_owned(), threads);
        match saved.phase {
            Phase::Growing => {}
            Phase::Tuning => learner.play_file_numbers(),
            Phase::Closing => learner.close_planes(),
        }
        learner
    }

    /// A learner that starts from a finished network and runs the numbers of the file from the first step on.
    #[must_use]
    pub fn tune(net: Net, threads: usize) -> Self {
        let mut learner = Self::new(net, threads);
        learner.play_file_numbers();
        learner
    }

    /// What a checkpoint must hold.
    #[must_use]
    pub fn saved(&self) -> Saved<'_> {
        Saved {
            branches: Cow::Borrowed(&self.net.branches),
            phase: self.phase,
            adam: Cow::Borrowed(&self.adam),
        }
    }

    /// The network that runs: while a finished model is tuned, in the numbers of the file.
    #[must_use]
    pub fn net(&self) -> &Net {
        self.played.as_ref().unwrap_or(&self.net)
    }

    /// How far it has come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Refines the grids to `interval` bits, the untouched parts of the tables smoothed first, and forgets the
    /// optimiser's moments; nothing if they are as fine already.
    pub fn refine(&mut self, interval: u32) {
        if self.net.is_coarser_than(interval) {
            self.smooth();
            self.net.refine(interval);
            *self = Self::new(self.net.clone(), self.gradients.len());
        }
    }

    /// From now on only the tables of the last stage learn. RC modules and the planes between the stages are brought to the numbers
    /// of the file, first stage first, while what reads them still has time to get used to that; `patches` say what
    /// photographs use. They stay as they are: a slope that is rounded the other way moves whole areas by a level, and
    /// the tables that follow could no longer catch up.
    pub fn close(&mut self, patches: &[Patch], crop: usize) {
        if self.phase < Phase::Closing {
            self.smooth();
            self.net.fix_modules();
            for stage in 0..self.net.branches.len() - 1 {
                let photographs = Photographs::of(&self.net, stage, patches, crop);
                level(&mut self.net, stage, &photographs);
            }
            self.close_planes();
        }
    }

    fn play_file_numbers(&mut self) {
        self.played = Some(self.net.in_file_numbers());
        self.phase = Phase::Tuning;
    }

    fn close_planes(&mut self) {
        let last = self.net.branches.len() - 1;
        self.gradients
            .fill(backward::zero_gradient(&self.net, last));
        self.phase = Phase::Closing;
    }

    fn smooth(&mut self) {
        for (index, moments) in self.adam.iter().enumerate() {
            let starts = (0..moments.len()).map(|number| self.net.starting_table(index, number));
            let starts: Vec<_> = starts.collect();
            let branches = self.net.branches[index].par_iter_mut();
            branches
                .zip(moments)
                .zip(starts)
                .for_each(|((branch, moments), start)| {
                    smooth(&mut branch.table, &moments.touches, &start);
                });
        }
    }

    /// Learns from a batch of square patches of `crop` pixels a side and returns their mean squared error, in levels.
    pub fn step(&mut self, batch: &[Patch], crop: usize, rates: Rates) -> f64 {
        let net = self.played.as_ref().unwrap_or(&self.net);
        let shares = batch.par_chunks(batch.len().div_ceil(self.gradients.len()));
        let errors = shares.zip(&mut self.gradients).map(|(share, gradient)| {
            let errors = share.iter().map(|patch| {
                add_gradient(net, &patch.source, &patch.target, (crop, crop), gradient)
            });
            errors.sum::<f64>()
        });
        let error = errors.collect::<Vec<_>>().iter().sum::<f64>() / batch.len() as f64;
        adam::step(
            &mut self.net,
            self.played.as_mut(),
            &mut self.gradients,
            &mut self.adam,
            rates,
        );
        if self.phase == Phase::Growing {
            let branches = self.net.branches.iter_mut().flatten();
            let modules = branches.filter_map(|branch| branch.rc.as_mut());
            modules.for_each(Rc::limit_saturation);
        }
        error
    }
}
