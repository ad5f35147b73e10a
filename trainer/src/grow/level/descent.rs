//! Entries moved by whole units, one at a time and, where a ramp still falls, two at a time, while that helps.

use std::collections::{BTreeMap, BTreeSet};

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
/// Moves that may lead nowhere before they are undone.
const PATIENCE: usize = 1000;
/// Moves for which an entry rests that has moved where it cost more than it helped.
const REST: usize = 10;
/// Rounds over all entries, at most; they end when nothing moves.
const ROUNDS: usize = 64;

/// A stage's tables and what the pictures come out as. A sample is a sub-pixel of a pixel, `pixel * outputs + place`.
pub struct Descent<'a> {
    branches: &'a mut [Branch],
    reads: &'a [Read],
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
    /// Which entries each sample is made of.
    parts: Vec<Vec<Part>>,
    /// What moves add to sums, zero but for those in `touched`.
    changes: Vec<f32>,
    touched: Vec<usize>,
}

/// An entry of a row: the number of its [`Read`] and its place in the row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    read: usize,
    entry: usize,
}

/// An entry's step by a unit up or down.
#[derive(Clone, Copy)]
struct Move {
    part: Part,
    step: f32,
}

#[derive(Clone, Copy, Default)]
struct Neighbours {
    before: Option<usize>,
    after: Option<usize>,
}

impl<'a> Descent<'a> {
    /// A stage of a network, read by the pictures as `reads` says and by photographs as much as `usage` says.
    pub fn new(net: &'a mut Net, stage: usize, reads: &'a [Read], usage: &'a Usage) -> Self {
        let outputs = net.graph.outputs(stage);
        let ending = net.ending(stage);
        let keeps_levels = stage == net.branches.len() - 1;
        let landings: Vec<_> = (0..4).map(|rotation| landing(outputs, rotation)).collect();
        let branches = &mut net.branches[stage];
        let mut sums = vec![0.0; PIXELS * outputs];
        let mut parts = vec![Vec::new(); PIXELS * outputs];
        for (number, read) in reads.iter().enumerate() {
            let values = &branches[read.branch].table.entries[read.row * outputs..][..outputs];
            for reader in &read.readers {
                for (entry, place) in landings[reader.rotation].iter().enumerate() {
                    let sample = reader.pixel * outputs + place;
                    sums[sample] += reader.weight * values[entry];
                    parts[sample].push(Part {
                        read: number,
                        entry,
                    });
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
            reads,
            parts,
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
    pub fn run(&mut self, slack: f32) {
        for (fall, off) in [(0.0, 0.0), (FALL, OFF)] {
            self.move_each(Prices { fall, off, slack });
        }
        let prices = Prices {
            fall: FALL,
            off: OFF,
            slack,
        };
        self.wander(prices);
    }

    /// Moves one entry at a time until none helps.
    fn move_each(&mut self, prices: Prices) {
        for _ in 0..ROUNDS {
            let mut has_moved = false;
            for read in 0..self.reads.len() {
                for entry in 0..self.outputs {
                    let part = Part { read, entry };
                    let mut steps = [1.0, -1.0].into_iter();
                    has_moved |= steps.any(|step| self.try_move(&Move { part, step }, prices));
                }
            }
            if !has_moved {
                break;
            }
        }
    }

    /// Moves, where a ramp falls, whichever entry there costs least, even if that costs more than it helps: what is a way
    /// out of one fall only into the next may lead out of both. What does not pay off in the end is undone.
    fn wander(&mut self, prices: Prices) {
        let mut resting = BTreeMap::<Part, usize>::new();
        let (mut astray, mut lost) = (Vec::new(), 0.0);
        let mut sample = 0;
        for step in 0.. {
            let Some(fall) = self.next_fall(sample).filter(|_| astray.len() < PATIENCE) else {
                break;
            };
            sample = fall + 1;
            let after = self.neighbours[fall].after.expect("it falls to the next");
            let parts: BTreeSet<_> = [fall, after]
                .iter()
                .flat_map(|sample| &self.parts[*sample])
                .copied()
                .filter(|part| resting.get(part).is_none_or(|until| *until < step))
                .collect();
            let moves = parts
                .into_iter()
                .flat_map(|part| [1.0, -1.0].map(|step| Move { part, step }));
            let gains = moves.map(|single| (self.gain(&single, prices), single));
            let Some((gain, single)) = gains.max_by(|(a, _), (b, _)| a.total_cmp(b)) else {
                break;
            };
            if gain == f32::NEG_INFINITY {
                break;
            }
            self.make(&single);
            resting.insert(single.part, step + REST);
            astray.push(single);
            lost -= gain;
            if lost < -LEAST_GAIN {
                (astray, lost) = (Vec::new(), 0.0);
            }
        }
        for single in astray.iter().rev() {
            self.make(&Move {
                step: -single.step,
                ..*single
            });
        }
    }

    /// The first sample from `first` on, and then from the beginning, after which a ramp falls.
    fn next_fall(&self, first: usize) -> Option<usize> {
        let falls = |sample: &usize| {
            let after = self.neighbours[*sample].after;
            let level = |sample: usize| to_level(self.output(self.sums[sample]));
            after.is_some_and(|after| level(*sample) > level(after))
        };
        (first..self.sums.len()).chain(0..first).find(falls)
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

    /// Makes a move if that helps; whether it has.
    fn try_move(&mut self, single: &Move, prices: Prices) -> bool {
        let helps = self.gain(single, prices) > LEAST_GAIN;
        if helps {
            self.make(single);
        }
        helps
    }

    fn make(&mut self, single: &Move) {
        let (branch, index) = self.entry(single.part);
        self.branches[branch].table.entries[index] += single.step;
        self.each_change(single, |descent, sample, change| {
            descent.sums[sample] += change
        });
    }

    /// What a move gains, in squared levels; it is not made.
    fn gain(&mut self, single: &Move, prices: Prices) -> f32 {
        self.each_change(single, |descent, sample, change| {
            if descent.changes[sample] == 0.0 {
                descent.touched.push(sample);
            }
            descent.changes[sample] += change;
        });
        let gains = self
            .touched
            .iter()
            .map(|sample| self.gain_at(*sample, prices));
        let gain = gains.sum::<f32>() - self.reluctance(single);
        for sample in self.touched.drain(..) {
            self.changes[sample] = 0.0;
        }
        gain
    }

    /// What a move costs, wherever it leads; more than anything if its entry ends there.
    fn reluctance(&self, Move { part, step }: &Move) -> f32 {
        let (branch, index) = self.entry(*part);
        let value = self.branches[branch].table.entries[index];
        if !(-128.0..=127.0).contains(&(value + step)) {
            return f32::INFINITY;
        }
        let off = value - self.trained[branch][index];
        let used = self.usage.of_row(branch, self.reads[part.read].row);
        let cost = RELUCTANCE + PHOTOGRAPHS * used / self.ending.average.powi(2);
        cost * ((off + step).powi(2) - off.powi(2))
    }

    /// The branch of an entry, and its place in the branch's table.
    fn entry(&self, part: Part) -> (usize, usize) {
        let read = &self.reads[part.read];
        (read.branch, read.row * self.outputs + part.entry)
    }

    /// Visits each sample that a move changes, and by how much.
    fn each_change(
        &mut self,
        Move { part, step }: &Move,
        mut visit: impl FnMut(&mut Self, usize, f32),
    ) {
        let reads = self.reads;
        for reader in &reads[part.read].readers {
            let place = self.landings[reader.rotation][part.entry];
            visit(
                self,
                reader.pixel * self.outputs + place,
                step * reader.weight,
            );
        }
    }

    /// What the changes gain at a sample that they touch: its error, and the pairs that it makes with its neighbours, one
    /// of them left to the neighbour before it if that is touched too.
    fn gain_at(&self, sample: usize, prices: Prices) -> f32 {
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
