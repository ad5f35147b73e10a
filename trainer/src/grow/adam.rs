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

/// Moves a network against a gradient and sets the gradient to zero. Entries of `played`, if given, follow, rounded as
/// in the file.
pub fn step(
    net: &mut Net,
    mut played: Option<&mut Net>,
    gradient: &mut Gradient,
    adam: &mut Adam,
    rates: Rates,
) {
    let last = net.branches.len() - 1;
    for (index, (stage, gradients)) in net.branches.iter_mut().zip(gradient).enumerate() {
        let rate = if index == last {
            rates.last
        } else {
            rates.inner
        };
        for (number, (branch, gradient)) in stage.iter_mut().zip(gradients).enumerate() {
            let moments = &mut adam[index][number];
            step_table(branch, gradient, &mut moments.table, rate);
            if let Some(rc) = &mut branch.rc {
                step_rc(rc, &mut gradient.rc, &mut moments.rc, rates.rc);
            }
            if let Some(played) = &mut played {
                let played = &mut played.branches[index][number];
                follow(played, branch, &gradient.touched);
            }
            for (touches, touched) in moments.touches.iter_mut().zip(&mut gradient.touched) {
                *touches += u32::from(std::mem::take(touched));
            }
        }
    }
}

fn step_table(
    branch: &mut Branch,
    gradient: &mut BranchGradient,
    moments: &mut Moments,
    rate: f32,
) {
    let outputs = branch.table.outputs;
    let block = BLOCK * outputs;
    let entries = branch.table.entries.par_chunks_mut(block);
    let gradients = gradient.table.par_chunks_mut(block);
    let firsts = moments.first.par_chunks_mut(block);
    let seconds = moments.second.par_chunks_mut(block);
    let blocks = entries.zip(gradients).zip(firsts.zip(seconds));
    blocks.zip(gradient.touched.par_chunks(BLOCK)).for_each(
        |(((entries, gradients), (firsts, seconds)), touched)| {
            for (row, touched) in touched.iter().enumerate() {
                if *touched {
                    let row = row * outputs..(row + 1) * outputs;
                    let entries = &mut entries[row.clone()];
                    let gradients = &mut gradients[row.clone()];
                    let (firsts, seconds) = (&mut firsts[row.clone()], &mut seconds[row]);
                    update(entries, gradients, firsts, seconds, rate);
                    entries
                        .iter_mut()
                        .for_each(|entry| *entry = entry.clamp(-127.0, 127.0));
                    gradients.fill(0.0);
                }
            }
        },
    );
}

fn follow(played: &mut Branch, branch: &Branch, touched: &[bool]) {
    let outputs = branch.table.outputs;
    let rows = played.table.entries.chunks_exact_mut(outputs);
    let rows = rows.zip(branch.table.entries.chunks_exact(outputs));
    for ((played, entries), _) in rows.zip(touched).filter(|(_, touched)| **touched) {
        for (played, entry) in played.iter_mut().zip(entries) {
            *played = to_i8(*entry);
        }
    }
    played.rc = branch.rc.as_ref().map(Rc::fixed);
}

fn step_rc(rc: &mut Rc, gradients: &mut [f32], moments: &mut Moments, rate: f32) {
    let (limit, rate) = (rc.weight_limit(), rc.weight_rate(rate));
    let Moments { first, second } = moments;
    update(rc.weights_mut(), gradients, first, second, rate);
    let weights = rc.weights_mut().iter_mut();
    weights.for_each(|weight| *weight = weight.clamp(-limit, limit));
    gradients.fill(0.0);
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
            inner: 4.0 * last,
            rc: last / 150.0,
        }
    }
}
