//! Entries moved by whole units, one at a time, while that helps.

use super::{
    Levelness, Usage,
    pictures::{LEVELS, PIXELS, RUNS, Read},
};
use crate::grow::{
    forward::{landing, to_level},
    net::{Branch, Ending, Net},
};

/// What a unit's distance from the trained entry costs, in squared levels.
const RELUCTANCE: f32 = 0.02;
/// What it costs for each squared level that it adds to the mean squared error of photographs.
const PHOTOGRAPHS: f32 = 20_000.0;
/// What a pixel costs that is darker than the one before it where it should not be, in squared levels, and once more for
/// each squared level that it is.
const FALL: f32 = 100.0;
/// What a sub-pixel of a flat area costs that is more than a level off, in squared levels. Few are, and where photographs hold an
/// entry fast they must still outweigh it.
const OFF: f32 = 1000.0;
/// By how much a move must help, in squared levels: more than what sums of these numbers are rounded by.
const LEAST_GAIN: f32 = 1e-4;
/// Rounds over all entries, at most; they end when nothing moves.
const ROUNDS: usize = 64;

/// A stage's tables and what the pictures come out as. A sample is a sub-pixel of a pixel, `pixel * outputs + place`.
pub struct Descent<'a> {
    branches: &'a mut [Branch],
    /// The entries of each branch as they were trained.
    trained: Vec<Vec<f32>>,
    usage: &'a Usage,
    /// Whether flat areas are to keep their level: what comes out is the picture, not a plane of the network's own.
    keeps_levels: bool,
    outputs: usize,
    ending: Ending,
    /// By rotation, where each entry of a row lands.
    landings: Vec<Vec<usize>>,
    /// The sums that end as outputs; those of flat areas come first. They are fractions with a power of two below, so that
    /// `f32` has them exactly, and with them which level a tie is rounded to.
    sums: Vec<f32>,
    /// Which samples follow each other on a ramp.
    neighbours: Vec<Neighbours>,
    /// What a move adds to sums, zero but for those in `touched`.
    changes: Vec<f32>,
    touched: Vec<usize>,
}

#[derive(Clone, Copy, Default)]
struct Neighbours {
    before: Option<usize>,
    after: Option<usize>,
}

impl<'a> Descent<'a> {
    /// A stage of a network, read by the pictures as `reads` says and by photographs as much as `usage` says.
    pub fn new(net: &'a mut Net, stage: usize, reads: &[Read], usage: &'a Usage) -> Self {
        let outputs = net.graph.outputs(stage);
        let ending = net.ending(stage);
        let keeps_levels = stage == net.branches.len() - 1;
        let landings: Vec<_> = (0..4).map(|rotation| landing(outputs, rotation)).collect();
        let branches = &mut net.branches[stage];
        let mut sums = vec![0.0; PIXELS * outputs];
        for read in reads {
            let entries = &branches[read.branch].table.entries[read.row * outputs..][..outputs];
            for reader in &read.readers {
                for (place, entry) in landings[reader.rotation].iter().zip(entries) {
                    sums[reader.pixel * outputs + place] += reader.weight * entry;
                }
            }
        }
        Self {
            trained: branches
                .iter()
                .map(|branch| branch.table.entries.clone())
                .collect(),
            usage,
            keeps_levels,
            neighbours: neighbours(outputs),
            changes: vec![0.0; sums.len()],
            touched: Vec::new(),
            ending,
            branches,
            outputs,
            landings,
            sums,
        }
    }

    /// Moves entries until none helps: as if falls cost nothing at first, for they stand in the way of levels far off.
    pub fn run(&mut self, reads: &[Read], slack: f32) {
        for (fall, off) in [(0.0, 0.0), (FALL, OFF)] {
            let prices = Prices { fall, off, slack };
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
        let level = |sample: usize| to_level(self.output(self.sums[sample]));
        let flat = 0..LEVELS * self.outputs;
        let errors = flat.map(|sample| (level(sample) - self.target(sample)).abs());
        let falls = (0..self.sums.len()).filter(|sample| {
            let after = self.neighbours[*sample].after;
            after.is_some_and(|after| level(*sample) > level(after))
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

    /// The output that a sum ends as, unrounded.
    fn output(&self, sum: f32) -> f32 {
        sum / self.ending.average + self.ending.bias
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
        let used = self.usage.of_row(read.branch, read.row);
        let cost = RELUCTANCE + PHOTOGRAPHS * used / self.ending.average.powi(2);
        let reluctance = cost * ((off + step).powi(2) - off.powi(2));
        for reader in &read.readers {
            let sample = reader.pixel * self.outputs + self.landings[reader.rotation][entry];
            if self.changes[sample] == 0.0 {
                self.touched.push(sample);
            }
            self.changes[sample] += step * reader.weight;
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
                self.sums[sample] += change;
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
        let value = |sample: usize| self.output(self.sums[sample]);
        let changed = |sample: usize| self.output(self.sums[sample] + self.changes[sample]);
        let (now, then) = (value(sample), changed(sample));
        let mut gain = 0.0;
        if self.keeps_levels && sample < LEVELS * self.outputs {
            let target = self.target(sample);
            gain += prices.of_level(now, target) - prices.of_level(then, target);
        }
        let Neighbours { before, after } = self.neighbours[sample];
        if let Some(after) = after {
            gain += prices.of(now, value(after)) - prices.of(then, changed(after));
        }
        if let Some(before) = before.filter(|before| self.changes[*before] == 0.0) {
            gain += prices.of(value(before), now) - prices.of(value(before), then);
        }
        gain
    }
}

/// What falls cost, in squared levels.
#[derive(Clone, Copy)]
struct Prices {
    /// Where a picture shows it.
    fall: f32,
    /// Where a flat area is more than a level off.
    off: f32,
    /// Times the square of every fall, shown or not.
    slack: f32,
}

impl Prices {
    /// What it costs that a flat area comes out as something else.
    fn of_level(self, sample: f32, target: f32) -> f32 {
        let is_off = (to_level(sample) - target).abs() > 1.0;
        let off = if is_off { self.off } else { 0.0 };
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
