//! Adam (D. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015), its moments kept for each entry and
//! moved only where a batch has touched the table: an entry that no look-up reads has no say and costs nothing.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    backward::{BranchGradient, Gradient},
    net::{Branch, Net, to_i8},
    rc::Rc,
};

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.99;
const EPSILON: f32 = 1e-7;
/// Entries of a table that a thread updates at a time.
const BLOCK: usize = 1024;

/// How far a step goes.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Of the last stage's entries, in levels.
    pub last: f32,
    /// Of the other stages' entries, in levels.
    pub inner: f32,
    /// Of the weights of RC modules.
    pub rc: f32,
}

/// Running means of gradients and of their squares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Moments {
    pub first: Vec<f32>,
    pub second: Vec<f32>,
}

/// What is remembered of a branch: the moments of its table and of its RC module's weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BranchMoments {
    pub table: Moments,
    pub rc: Moments,
    /// For each entry of the table, how many steps have touched it.
    pub touches: Vec<u32>,
}

/// Moments by stage and branch.
pub type Adam = Vec<Vec<BranchMoments>>;

/// Moments of a network that has not moved yet.
#[must_use]
pub fn new_moments(net: &Net) -> Adam {
    let zeros = |count| Moments {
        first: vec![0.0; count],
        second: vec![0.0; count],
    };
    let branch = |branch: &Branch| BranchMoments {
        table: zeros(branch.table.entries.len()),
        rc: zeros(branch.rc.as_ref().map_or(0, |rc| rc.weights().len())),
        touches: vec![0; branch.table.rows()],
    };
    net.branches
        .iter()
        .map(|stage| stage.iter().map(branch).collect())
        .collect()
}

/// Moves a network against the sum of some gradients and sets them to zero. Entries of `played`, if given, follow,
/// rounded as in the file.
pub fn step(
    net: &mut Net,
    mut played: Option<&mut Net>,
    gradients: &mut [Gradient],
    adam: &mut Adam,
    rates: Rates,
) {
    let last = net.branches.len() - 1;
    let first = gradients[0]
        .iter()
        .take_while(|stage| stage.is_empty())
        .count();
    for (index, stage) in net.branches.iter_mut().enumerate().skip(first) {
        let rate = if index == last {
            rates.last
        } else {
            rates.inner
        };
        for (number, branch) in stage.iter_mut().enumerate() {
            let moments = &mut adam[index][number];
            let mut gradients: Vec<&mut BranchGradient> = gradients
                .iter_mut()
                .map(|gradient| &mut gradient[index][number])
                .collect();
            if let Some(rc) = &mut branch.rc {
                step_rc(rc, &mut gradients, &mut moments.rc, rates.rc);
            }
            let played = played.as_mut().map(|net| {
                let played = &mut net.branches[index][number];
                let learning = branch.rc.as_ref().filter(|rc| !rc.weights().is_empty());
                if let Some(rc) = learning {
                    played.rc = Some(rc.fixed());
                }
                &mut played.table.entries[..]
            });
            step_table(branch, played, &mut gradients, moments, rate);
        }
    }
}

/// Some rows of a table, with all that a step changes there.
struct Block<'a> {
    entries: &'a mut [f32],
    /// What follows the entries, if anything.
    played: Option<&'a mut [f32]>,
    firsts: &'a mut [f32],
    seconds: &'a mut [f32],
    touches: &'a mut [u32],
    /// Of each thread, the gradients and where they are not zero.
    gradients: Vec<(&'a mut [f32], &'a mut [bool])>,
}

fn step_table(
    branch: &mut Branch,
    played: Option<&mut [f32]>,
    gradients: &mut [&mut BranchGradient],
    moments: &mut BranchMoments,
    rate: f32,
) {
    let outputs = branch.table.outputs;
    let block = BLOCK * outputs;
    let mut played = played.map(|played| played.chunks_mut(block));
    let mut gradients: Vec<_> = gradients
        .iter_mut()
        .map(|gradient| {
            let values = gradient.table.chunks_mut(block);
            values.zip(gradient.touched.chunks_mut(BLOCK))
        })
        .collect();
    let entries = branch.table.entries.chunks_mut(block);
    let moments_of = &mut moments.table;
    let firsts = moments_of.first.chunks_mut(block);
    let seconds = moments_of.second.chunks_mut(block);
    let touches = moments.touches.chunks_mut(BLOCK);
    let rows = entries.zip(touches).zip(firsts.zip(seconds));
    let blocks = rows.map(|((entries, touches), (firsts, seconds))| Block {
        entries,
        played: played.as_mut().and_then(Iterator::next),
        firsts,
        seconds,
        touches,
        gradients: gradients.iter_mut().filter_map(Iterator::next).collect(),
    });
    let blocks: Vec<_> = blocks.collect();
    blocks
        .into_par_iter()
        .for_each(|block| block.step(outputs, rate));
}

impl Block<'_> {
    fn step(mut self, outputs: usize, rate: f32) {
        let mut total = vec![0.0; outputs];
        for row in 0..self.touches.len() {
            let values = row * outputs..(row + 1) * outputs;
            let mut is_touched = false;
            for (gradients, touched) in &mut self.gradients {
                if std::mem::take(&mut touched[row]) {
                    is_touched = true;
                    for (total, gradient) in total.iter_mut().zip(&mut gradients[values.clone()]) {
                        *total += std::mem::take(gradient);
                    }
                }
            }
            if !is_touched {
                continue;
            }
            self.touches[row] += 1;
            let entries = &mut self.entries[values.clone()];
            let firsts = &mut self.firsts[values.clone()];
            let seconds = &mut self.seconds[values.clone()];
            update(entries, &total, firsts, seconds, rate);
            for entry in &mut *entries {
                *entry = entry.clamp(-127.0, 127.0);
            }
            if let Some(played) = &mut self.played {
                for (played, entry) in played[values].iter_mut().zip(entries) {
                    *played = to_i8(*entry);
                }
            }
            total.fill(0.0);
        }
    }
}

fn step_rc(rc: &mut Rc, gradients: &mut [&mut BranchGradient], moments: &mut Moments, rate: f32) {
    let mut total = vec![0.0; rc.weights().len()];
    for gradient in gradients {
        for (total, gradient) in total.iter_mut().zip(&mut gradient.rc) {
            *total += std::mem::take(gradient);
        }
    }
    let (limit, rate) = (rc.weight_limit(), rc.weight_rate(rate));
    let Moments { first, second } = moments;
    update(rc.weights_mut(), &total, first, second, rate);
    let weights = rc.weights_mut().iter_mut();
    weights.for_each(|weight| *weight = weight.clamp(-limit, limit));
}

/// One step. The moments start at zero and are not corrected for it: with these two decays the first step of an entry
/// is exactly one rate long all the same, `(1 - BETA_1) / sqrt(1 - BETA_2) = 1`.
fn update(
    values: &mut [f32],
    gradients: &[f32],
    firsts: &mut [f32],
    seconds: &mut [f32],
    rate: f32,
) {
    let moments = firsts.iter_mut().zip(seconds);
    for ((value, gradient), (first, second)) in values.iter_mut().zip(gradients).zip(moments) {
        *first = BETA_1 * *first + (1.0 - BETA_1) * gradient;
        *second = BETA_2 * *second + (1.0 - BETA_2) * gradient * gradient;
        *value -= rate * *first / (second.sqrt() + EPSILON);
    }
}

impl Rates {
    /// Rates in the proportions that a search found good, from that of the last stage's entries.
    #[must_use]
    pub fn from_first(last: f32) -> Self {
        Self {
            last,
            inner: 2.0 * last,
            rc: last / 75.0,
        }
    }
}
