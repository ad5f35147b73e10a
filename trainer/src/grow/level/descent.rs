//! Entries moved by whole units, one at a time, while that helps.

use super::{
    Levelness,
    pictures::{LEVELS, PIXELS, RUNS, Read},
};
use crate::grow::{
    forward::{landing, to_level},
    net::{Branch, Net},
};

/// What a unit's distance from the trained entry costs, in squared levels.
const RELUCTANCE: f32 = 0.02;
/// What a pixel costs that is darker than the one before it where it should not be, in squared levels, and once more for
/// each squared level that it is.
const FALL: f32 = 100.0;
/// By how much a move must help, in squared levels: more than what sums of these numbers are rounded by.
const LEAST_GAIN: f32 = 1e-4;
/// Rounds over all entries, at most; they end when nothing moves.
const ROUNDS: usize = 64;

/// The last stage's tables and what the pictures come out as. A sample is a sub-pixel of a pixel, `pixel * outputs + place`.
pub struct Descent<'a> {
    branches: &'a mut [Branch],
    /// The entries of each branch as they were trained.
    trained: Vec<Vec<f32>>,
    outputs: usize,
    average: f32,
    /// By rotation, where each entry of a row lands.
    landings: Vec<Vec<usize>>,
    /// The outputs, unrounded; those of flat areas come first.
    samples: Vec<f32>,
    /// Which samples follow each other on a ramp.
    neighbours: Vec<Neighbours>,
    /// What a move adds to samples, zero but for those in `touched`.
    changes: Vec<f32>,
    touched: Vec<usize>,
}

#[derive(Clone, Copy, Default)]
struct Neighbours {
    before: Option<usize>,
    after: Option<usize>,
}

impl<'a> Descent<'a> {
    /// The last stage of a network, read as `reads` says.
    pub fn new(net: &'a mut Net, reads: &[Read]) -> Self {
        let last = net.branches.len() - 1;
        let outputs = net.graph.outputs(last);
        let ending = net.ending(last);
        let landings: Vec<_> = (0..4).map(|rotation| landing(outputs, rotation)).collect();
        let branches = &mut net.branches[last];
        let mut samples = vec![ending.bias; PIXELS * outputs];
        for read in reads {
            let entries = &branches[read.branch].table.entries[read.row * outputs..][..outputs];
            for reader in &read.readers {
                for (place, entry) in landings[reader.rotation].iter().zip(entries) {
                    samples[reader.pixel * outputs + place] +=
                        reader.weight * entry / ending.average;
                }
            }
        }
        Self {
            trained: branches
                .iter()
                .map(|branch| branch.table.entries.clone())
                .collect(),
            neighbours: neighbours(outputs),
            changes: vec![0.0; samples.len()],
            touched: Vec::new(),
            average: ending.average,
            branches,
            outputs,
            landings,
            samples,
        }
    }

    /// Moves entries until none helps: as if falls cost nothing at first, for they stand in the way of levels far off.
    pub fn run(&mut self, reads: &[Read], slack: f32) {
        for prices in [Prices { fall: 0.0, slack }, Prices { fall: FALL, slack }] {
            for _ in 0..ROUNDS {
                let mut has_moved = false;
                for read in reads {
                    for entry in 0..self.outputs {
                        let mut steps = [1.0, -1.0].into_iter();
                        has_moved |= steps.any(|step| self.try_move(read, entry, step, prices));
                    }
                }
                if !has_moved {
                    break;
                }
            }
        }
    }

    /// What the pictures come out as now.
    pub fn levelness(&self) -> Levelness {
        let flat = self.samples[..LEVELS * self.outputs].iter().enumerate();
        let errors = flat.map(|(sample, value)| (to_level(*value) - self.target(sample)).abs());
        let falls = (0..self.samples.len()).filter(|sample| {
            let after = self.neighbours[*sample].after;
            after.is_some_and(|after| {
                to_level(self.samples[*sample]) > to_level(self.samples[after])
            })
        });
        let moved = self
            .branches
            .iter()
            .zip(&self.trained)
            .map(|(branch, trained)| {
                let pairs = branch.table.entries.iter().zip(trained);
                pairs.filter(|(entry, trained)| entry != trained).count()
            });
        Levelness {
            flat_error: errors.fold(0.0, f32::max),
            falls: falls.count(),
            moved: moved.sum(),
        }
    }

    /// The level of the flat area that a sample is of.
    fn target(&self, sample: usize) -> f32 {
        (sample / self.outputs) as f32
    }

    /// Moves an entry of a row by a step if that helps; whether it has.
    fn try_move(&mut self, read: &Read, entry: usize, step: f32, prices: Prices) -> bool {
        let index = read.row * self.outputs + entry;
        let value = self.branches[read.branch].table.entries[index];
        if !(-128.0..=127.0).contains(&(value + step)) {
            return false;
        }
        let off = value - self.trained[read.branch][index];
        let reluctance = RELUCTANCE * ((off + step).powi(2) - off.powi(2));
        for reader in &read.readers {
            let sample = reader.pixel * self.outputs + self.landings[reader.rotation][entry];
            if self.changes[sample] == 0.0 {
                self.touched.push(sample);
            }
            self.changes[sample] += step * reader.weight / self.average;
        }
        let gain: f32 = self
            .touched
            .iter()
            .map(|sample| self.gain(*sample, prices))
            .sum();
        let helps = gain - reluctance > LEAST_GAIN;
        for sample in self.touched.drain(..) {
            let change = std::mem::take(&mut self.changes[sample]);
            if helps {
                self.samples[sample] += change;
            }
        }
        if helps {
            self.branches[read.branch].table.entries[index] += step;
        }
        helps
    }

    /// What the changes gain at a sample that they touch: its error, and the pairs that it makes with its neighbours, one
    /// of them left to the neighbour before it if that is touched too.
    fn gain(&self, sample: usize, prices: Prices) -> f32 {
        let (value, changed) = (
            self.samples[sample],
            self.samples[sample] + self.changes[sample],
        );
        let mut gain = 0.0;
        if sample < LEVELS * self.outputs {
            let target = self.target(sample);
            gain += prices.of_level(value, target) - prices.of_level(changed, target);
        }
        let Neighbours { before, after } = self.neighbours[sample];
        if let Some(after) = after {
            let next = self.samples[after];
            gain += prices.of(value, next) - prices.of(changed, next + self.changes[after]);
        }
        if let Some(before) = before.filter(|before| self.changes[*before] == 0.0) {
            let previous = self.samples[before];
            gain += prices.of(previous, value) - prices.of(previous, changed);
        }
        gain
    }
}

/// What falls cost, in squared levels.
#[derive(Clone, Copy)]
struct Prices {
    /// Where a picture shows it.
    fall: f32,
    /// Times the square of every fall, shown or not.
    slack: f32,
}

impl Prices {
    /// What it costs that a flat area comes out as something else; more than a level is as bad as a fall.
    fn of_level(self, sample: f32, target: f32) -> f32 {
        let is_off = (to_level(sample) - target).abs() > 1.0;
        let off = if is_off { self.fall } else { 0.0 };
        off + (sample - target).powi(2)
    }

    /// What it costs that one sample follows another.
    fn of(self, sample: f32, next: f32) -> f32 {
        let shown = to_level(sample) > to_level(next);
        let depth = (sample - next).max(0.0).powi(2);
        let fall = if shown {
            self.fall * (1.0 + depth)
        } else {
            0.0
        };
        fall + self.slack * depth
    }
}

/// The neighbours of every sample of all pictures; a flat area's have none.
fn neighbours(outputs: usize) -> Vec<Neighbours> {
    let side = outputs.isqrt();
    let mut neighbours = vec![Neighbours::default(); PIXELS * outputs];
    let mut first = LEVELS;
    for width in RUNS.map(|run| LEVELS * run) {
        for row in 0..side {
            let sample = |x: usize| (first + x / side) * outputs + row * side + x % side;
            for x in 1..width * side {
                neighbours[sample(x - 1)].after = Some(sample(x));
                neighbours[sample(x)].before = Some(sample(x - 1));
            }
        }
        first += width;
    }
    neighbours
}
