//! Entries moved by whole units, one at a time, while that helps.

use std::collections::BTreeSet;

use super::{
    Levelness, Photographs, photographs,
    pictures::{LEVELS, PIXELS, RUNS, Reader, Reads},
};
use crate::grow::{
    forward::{landing, to_level},
    net::{Branch, Ending, Net, to_i8},
};

/// What a unit's distance from the trained entry costs, in squared levels.
const RELUCTANCE: f32 = 0.02;
/// What a squared level costs by which the mean square of what photographs come out as moves from the trained.
const PHOTOGRAPHS: f32 = 20_000.0;
/// What a fall costs that shows: that a pixel is darker than the one before it where it should not be, in squared levels, and
/// once more for each squared level that it is.
const FALL: f32 = 10.0;
/// What each squared level of a fall costs once it is dearer, shown or not.
const HIDDEN: f32 = 0.5;
/// By how much what is wrong becomes dearer each time, one walk after the other.
const RISES: [f32; 3] = [2.0, 3.0, 5.0];
/// The highest price.
const DEAREST: f32 = 1e6;
/// How many times without there being less of what is wrong than ever before end a walk.
const PATIENCE: usize = 60;
/// A walk has come near, so that another may get there, where so few places are left or this part of them.
const NEAR: usize = 10;
/// Which mean square of what photographs deviate by is worth it that nothing is wrong, in squared levels for each sub-pixel of
/// a pixel: the squared error of models grows like that, and this is an eightieth of it, 0.05 dB.
const WORTH: f32 = 0.045;
/// What a sub-pixel of a flat area costs that is more than a level off, in squared levels. Few are, and where photographs hold an
/// entry fast they must still outweigh it.
const OFF: f32 = 1000.0;
/// By how much a move must help, in squared levels: more than what sums of these numbers are rounded by.
const LEAST_GAIN: f32 = 1e-4;
/// Rounds over entries, at most; they end when nothing moves.
const ROUNDS: usize = 64;
/// The first of them are over all entries, the others over those that the pictures read.
const ROUNDS_OF_ALL: usize = 6;

/// Most outputs of a stage.
const MOST_OUTPUTS: usize = 16;

/// A stage's tables and what the pictures come out as. A sample is a sub-pixel of a pixel, `pixel * outputs + place`.
pub struct Descent<'a> {
    branches: &'a mut [Branch],
    /// The entries of each branch as they were trained, not rounded.
    trained: Vec<Vec<f32>>,
    reads: &'a Reads,
    photographs: &'a Photographs,
    /// Whether moves cost what photographs deviate by.
    regards_photographs: bool,
    /// Whether flat areas are to keep their level: what comes out is the picture, not a plane of the network's own.
    keeps_levels: bool,
    outputs: usize,
    ending: Ending,
    /// By rotation, where each entry of a row lands.
    landings: Vec<Vec<usize>>,
    /// The sums that end as outputs; those of flat areas come first. They are fractions with a power of two below, so that
    /// `f32` has them exactly, and with them which level a tie is rounded to.
    sums: Vec<f32>,
    /// How far the sums of photographs are from what the trained entries make of them.
    deviations: Vec<f32>,
    /// What a squared unit of a deviation costs.
    deviation_price: f32,
    /// For each sample, by how much it is dearer than at first that it falls to the next, or is off.
    prices: Vec<f32>,
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
    /// The stage of a network that the pictures and photographs read, its entries rounded.
    pub fn new(
        net: &'a mut Net,
        stage: usize,
        reads: &'a Reads,
        photographs: &'a Photographs,
    ) -> Self {
        let outputs = net.graph.outputs(stage);
        let ending = net.ending(stage);
        let keeps_levels = stage == net.branches.len() - 1;
        let landings: Vec<_> = (0..4).map(|rotation| landing(outputs, rotation)).collect();
        let branches = &mut net.branches[stage];
        let entries = branches.iter().map(|branch| branch.table.entries.clone());
        let trained = entries.collect();
        for branch in branches.iter_mut() {
            let entries = branch.table.entries.iter_mut();
            entries.for_each(|entry| *entry = to_i8(*entry));
        }
        let pixels = photographs.pixels();
        let mut descent = Self {
            trained,
            reads,
            photographs,
            regards_photographs: true,
            keeps_levels,
            neighbours: neighbours(outputs),
            sums: vec![0.0; PIXELS * outputs],
            changes: vec![0.0; PIXELS * outputs],
            touched: Vec::new(),
            deviations: vec![0.0; pixels * outputs],
            prices: vec![0.0; PIXELS * outputs],
            deviation_price: PHOTOGRAPHS / (ending.average.powi(2) * pixels.max(1) as f32),
            ending,
            branches,
            outputs,
            landings,
        };
        descent.add_up();
        descent
    }

    /// Adds up the sums of the pictures and the deviations of the photographs.
    fn add_up(&mut self) {
        self.sums.fill(0.0);
        self.deviations.fill(0.0);
        for (index, branch) in self.branches.iter().enumerate() {
            for row in 0..branch.table.rows() {
                let values = row * self.outputs..(row + 1) * self.outputs;
                let entries = &branch.table.entries[values.clone()];
                let trained = &self.trained[index][values];
                for reader in readers(self.reads, (index, row)) {
                    for (place, entry) in self.landings[reader.rotation].iter().zip(entries) {
                        self.sums[reader.pixel * self.outputs + place] += reader.weight * entry;
                    }
                }
                for reader in self.photographs.readers(index, row) {
                    let out = &mut self.deviations[reader.pixel() * self.outputs..][..self.outputs];
                    let places = self.landings[reader.rotation()].iter();
                    for (place, (entry, trained)) in places.zip(entries.iter().zip(trained)) {
                        out[*place] += reader.weight * (entry - trained);
                    }
                }
            }
        }
    }

    /// Moves entries until none helps: as if falls cost nothing at first, for they stand in the way of levels far off. Then, if
    /// it makes the picture, at prices that rise where something is wrong, without regard to photographs, which would hold it
    /// fast; a walk is undone if it does not help, or if photographs pay too much.
    pub fn run(&mut self) {
        let shown: Vec<_> = self.reads.keys().copied().collect();
        let all: BTreeSet<_> = self.photographs.rows().chain(shown.clone()).collect();
        let all: Vec<_> = all.into_iter().collect();
        for has_falls in [false, true] {
            self.prices.fill(if has_falls { 1.0 } else { 0.0 });
            for _ in 0..ROUNDS_OF_ALL {
                self.round(&all);
            }
            self.rounds(&shown);
        }
        if self.keeps_levels {
            let (before, deviation) = (self.branches.to_vec(), self.mean_deviation());
            self.regards_photographs = false;
            let near = (self.wrong().count() / NEAR).max(NEAR);
            let most = deviation + WORTH * self.outputs as f32;
            for factor in RISES {
                let fewest = self.rise(factor);
                self.add_up();
                if fewest == 0 && self.mean_deviation() <= most {
                    return;
                }
                self.branches.clone_from_slice(&before);
                self.prices.fill(1.0);
                self.add_up();
                if fewest > near {
                    return;
                }
            }
        }
    }

    /// How far photographs come out from the trained, in squared levels.
    fn mean_deviation(&self) -> f32 {
        let squares = self.deviations.iter().map(|deviation| deviation.powi(2));
        let average = self.ending.average.powi(2) * self.deviations.len().max(1) as f32;
        squares.sum::<f32>() / average
    }

    /// Makes what is wrong dearer by a factor where it is, again and again; how little there was of it at least.
    fn rise(&mut self, factor: f32) -> usize {
        let (mut fewest, mut patience) = (usize::MAX, PATIENCE);
        loop {
            let wrong: Vec<_> = self.wrong().collect();
            if wrong.len() < fewest {
                (fewest, patience) = (wrong.len(), PATIENCE);
            } else {
                patience -= 1;
            }
            if fewest == 0 || patience == 0 {
                return fewest;
            }
            for sample in wrong {
                self.prices[sample] = (factor * self.prices[sample]).min(DEAREST);
            }
            self.rounds(&self.dear_rows());
        }
    }

    /// The rows that pixels read where something has become dearer.
    fn dear_rows(&self) -> Vec<(usize, usize)> {
        let is_dear = |reader: &Reader| {
            let samples = reader.pixel * self.outputs..(reader.pixel + 1) * self.outputs;
            self.prices[samples].iter().any(|price| *price > 1.0)
        };
        let rows = self.reads.iter();
        let dear = rows.filter(|(_, readers)| readers.iter().any(is_dear));
        dear.map(|(row, _)| *row).collect()
    }

    /// Tries all rows until none moves.
    fn rounds(&mut self, rows: &[(usize, usize)]) {
        for _ in 0..ROUNDS {
            if !self.round(rows) {
                break;
            }
        }
    }

    /// Tries all rows once; whether one has moved.
    fn round(&mut self, rows: &[(usize, usize)]) -> bool {
        rows.iter()
            .fold(false, |has_moved, row| self.try_row(*row) | has_moved)
    }

    /// The samples that fall or are off.
    fn wrong(&self) -> impl Iterator<Item = usize> {
        self.falls().chain(self.off())
    }

    /// The samples whose next one on a ramp is darker, where it should not be.
    fn falls(&self) -> impl Iterator<Item = usize> {
        let level = |sample: usize| to_level(self.output(self.sums[sample]));
        (0..self.sums.len()).filter(move |sample| {
            let after = self.neighbours[*sample].after;
            after.is_some_and(|after| level(*sample) > level(after))
        })
    }

    /// The samples of flat areas that are more than a level off.
    fn off(&self) -> impl Iterator<Item = usize> {
        let flat = 0..LEVELS * self.outputs;
        flat.filter(|sample| is_off(self.output(self.sums[*sample]), self.target(*sample)))
    }

    /// Moves the entries of a row that it helps to move by a unit; whether there are some.
    fn try_row(&mut self, (branch, row): (usize, usize)) -> bool {
        let mut has_moved = false;
        let mut slopes = self.slopes(branch, row);
        for entry in 0..self.outputs {
            // The way down for photographs first.
            let down = -1.0f32.copysign(slopes.of_entry[entry]);
            let helps = [down, -down]
                .into_iter()
                .any(|step| self.try_move((branch, row), entry, step, &slopes));
            if helps {
                slopes = self.slopes(branch, row);
                has_moved = true;
            }
        }
        has_moved
    }

    /// Who reads a row in photographs, while they have a say.
    fn regarded(&self, (branch, row): (usize, usize)) -> &'a [photographs::Reader] {
        match self.regards_photographs {
            true => self.photographs.readers(branch, row),
            false => &[],
        }
    }

    /// How what photographs come out as depends on the entries of a row.
    fn slopes(&self, branch: usize, row: usize) -> Slopes {
        let mut of_rotation = [[0.0f32; MOST_OUTPUTS]; 4];
        let (mut apart, mut together) = (0.0, 0.0);
        let readers = self.regarded((branch, row));
        for readers in readers.chunk_by(|one, next| one.pixel() == next.pixel()) {
            let pixel = readers[0].pixel();
            let deviations = &self.deviations[pixel * self.outputs..][..self.outputs];
            for reader in readers {
                let slopes = &mut of_rotation[reader.rotation()];
                for (slope, deviation) in slopes.iter_mut().zip(deviations) {
                    *slope += reader.weight * deviation;
                }
            }
            let weights = readers.iter().map(|reader| reader.weight);
            apart += weights.clone().map(|weight| weight * weight).sum::<f32>();
            together += weights.sum::<f32>().powi(2);
        }
        let mut of_entry = [0.0; MOST_OUTPUTS];
        for (landing, slopes) in self.landings.iter().zip(&of_rotation) {
            for (slope, place) in of_entry.iter_mut().zip(landing) {
                *slope += slopes[*place];
            }
        }
        // An entry in the middle lands there in all rotations, any other at four places.
        let [first, second] = [0, 1].map(|rotation| &self.landings[rotation]);
        let squares = std::array::from_fn(|entry| match first.get(entry) == second.get(entry) {
            true => together,
            false => apart,
        });
        Slopes { of_entry, squares }
    }

    /// What the pictures come out as now.
    pub fn levelness(&self) -> Levelness {
        let level = |sample: usize| to_level(self.output(self.sums[sample]));
        let flat = 0..LEVELS * self.outputs;
        let errors = flat.map(|sample| (level(sample) - self.target(sample)).abs());
        let moved = self
            .branches
            .iter()
            .zip(&self.trained)
            .map(|(branch, trained)| {
                let pairs = branch.table.entries.iter().zip(trained);
                pairs
                    .filter(|(entry, trained)| **entry != to_i8(**trained))
                    .count()
            });
        Levelness {
            flat_error: errors.fold(0.0, f32::max),
            falls: self.falls().count(),
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
    fn try_move(
        &mut self,
        (branch, row): (usize, usize),
        entry: usize,
        step: f32,
        slopes: &Slopes,
    ) -> bool {
        let index = row * self.outputs + entry;
        let value = self.branches[branch].table.entries[index];
        if !(-128.0..=127.0).contains(&(value + step)) {
            return false;
        }
        let off = value - self.trained[branch][index];
        let squares = 2.0 * step * slopes.of_entry[entry] + step * step * slopes.squares[entry];
        let cost =
            RELUCTANCE * ((off + step).powi(2) - off.powi(2)) + self.deviation_price * squares;
        for reader in readers(self.reads, (branch, row)) {
            let sample = reader.pixel * self.outputs + self.landings[reader.rotation][entry];
            if self.changes[sample] == 0.0 {
                self.touched.push(sample);
            }
            self.changes[sample] += step * reader.weight;
        }
        let gain: f32 = self.touched.iter().map(|sample| self.gain(*sample)).sum();
        let helps = gain - cost > LEAST_GAIN;
        for sample in self.touched.drain(..) {
            let change = std::mem::take(&mut self.changes[sample]);
            if helps {
                self.sums[sample] += change;
            }
        }
        if helps {
            self.branches[branch].table.entries[index] += step;
            for reader in self.regarded((branch, row)) {
                let place = self.landings[reader.rotation()][entry];
                self.deviations[reader.pixel() * self.outputs + place] += step * reader.weight;
            }
        }
        helps
    }

    /// What the changes gain at a sample that they touch: its error, and the pairs that it makes with its neighbours, one
    /// of them left to the neighbour before it if that is touched too.
    fn gain(&self, sample: usize) -> f32 {
        let value = |sample: usize| self.output(self.sums[sample]);
        let changed = |sample: usize| self.output(self.sums[sample] + self.changes[sample]);
        let (now, then) = (value(sample), changed(sample));
        let mut gain = 0.0;
        if self.keeps_levels && sample < LEVELS * self.outputs {
            let target = self.target(sample);
            let price = self.prices[sample];
            gain += of_level(now, target, price) - of_level(then, target, price);
        }
        let Neighbours { before, after } = self.neighbours[sample];
        if let Some(after) = after {
            let price = self.prices[sample];
            gain += of_pair(now, value(after), price) - of_pair(then, changed(after), price);
        }
        if let Some(before) = before.filter(|before| self.changes[*before] == 0.0) {
            let (price, value) = (self.prices[before], value(before));
            gain += of_pair(value, now, price) - of_pair(value, then, price);
        }
        gain
    }
}

/// How the squared deviations of photographs, added up, depend on the entries of a row: a step `d` of one adds
/// `2 d slope + d^2 square`.
struct Slopes {
    of_entry: [f32; MOST_OUTPUTS],
    squares: [f32; MOST_OUTPUTS],
}

/// Who reads a row of a branch in the pictures.
fn readers(reads: &Reads, row: (usize, usize)) -> &[Reader] {
    reads.get(&row).map_or(&[], Vec::as_slice)
}

/// Whether a sample of a flat area is more than a level off.
fn is_off(sample: f32, target: f32) -> bool {
    (to_level(sample) - target).abs() > 1.0
}

/// What it costs that a flat area comes out as something else.
fn of_level(sample: f32, target: f32, price: f32) -> f32 {
    let off = if is_off(sample, target) { OFF } else { 0.0 };
    price * off + (sample - target).powi(2)
}

/// What it costs that one sample follows another. Once dearer, a fall costs something even where rounding hides it: there is
/// a way out of it then.
fn of_pair(sample: f32, next: f32, price: f32) -> f32 {
    let depth = (sample - next).max(0.0).powi(2);
    let shown = match to_level(sample) > to_level(next) {
        true => FALL * (1.0 + depth),
        false => 0.0,
    };
    price * shown + (price - 1.0).max(0.0) * HIDDEN * depth
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
