//! RC modules while a table grows: straight lines whose weights learn, then the fixed-point tables of the file
//! (ARITHMETIC section 4).

use std::borrow::Cow;

use gstrclut::engine::model::{Border, Offset, RcModule, RcTables, THRESHOLDS, rotate_offset};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

use super::plane::Padded;

/// Middle of the 8-bit range, around which the learning weights are centred.
const MIDDLE: f32 = 127.5;
/// What a unit of the sum adds to the tanh's argument while a module learns.
const LEARNING_UNIT: f32 = 1.0 / 255.0;
/// Least slope of the squash that a gradient sees, so that a saturated module can come back.
const LEAST_SLOPE: f32 = 1e-3;

/// An RC module and its numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rc {
    pub module: RcModule,
    pub state: State,
}

/// Whether a module still learns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum State {
    /// `N*N` weights `w` and, last, a bias `b`; the argument of the tanh is `sum of w (v - 127.5) / 255 + b`.
    Learning(Vec<f32>),
    /// The numbers of the file.
    Fixed(Fixed),
}

/// A module in the fixed point of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fixed {
    contributions: Vec<i16>,
    thresholds: Vec<i32>,
    sum: Sum,
    /// What one unit of the sum adds to the tanh's argument.
    unit: f32,
}

/// How the contributions of a window are summed.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Sum {
    /// Straight lines: a slope for each position, and one constant.
    Lines { slopes: Vec<f32>, constant: f32 },
    /// A table of 256 contributions for each position.
    Curves(Vec<f32>),
}

impl Rc {
    /// A module that passes the pixel on, nearly: the squash of `2 v / 255 - 1`, plus a small weight from `jitter` at
    /// every position, so that no two modules start alike.
    #[must_use]
    pub fn pass_through(module: RcModule, mut jitter: impl FnMut() -> f32) -> Self {
        let size = module.size as usize;
        // The window's position nearest the pixel itself.
        let at = (-module.origin).clamp(0, size as i32 - 1) as usize;
        let mut weights: Vec<f32> = (0..size * size).map(|_| jitter()).collect();
        weights[at * size + at] += 2.0;
        weights.push(0.0);
        Self {
            module,
            state: State::Learning(weights),
        }
    }

    /// The level that [`Rc::pass_through`] without jitter turns into an R of `level`.
    #[must_use]
    pub fn unsquashed(level: f32) -> f32 {
        let squashed = ((level - 127.0) / 127.0).clamp(-0.995, 0.995);
        ((squashed.atanh() + 1.0) * MIDDLE).clamp(0.0, 255.0)
    }

    /// A module with the numbers of a file.
    #[must_use]
    pub fn from_tables(module: RcModule, tables: RcTables) -> Self {
        Self {
            module,
            state: State::Fixed(Fixed::new(module, tables)),
        }
    }

    /// The plane R of one rotation, in the unrotated frame, with a margin for the pattern behind it.
    #[must_use]
    pub fn plane(&self, source: &Padded, rotation: usize, margin: usize, border: Border) -> Padded {
        let (width, height) = source.size();
        let mut out = Padded::zeros(width, height, margin);
        squash_sums(
            &self.state,
            &self.sum(),
            source,
            &window(self.module, rotation),
            &mut out,
        );
        out.fill_margin(border);
        out
    }

    /// Passes the gradient of a plane R back: to the weights (if they learn) and to the source plane (if asked for).
    pub fn backward(
        &self,
        source: &Padded,
        plane: &Padded,
        rotation: usize,
        gradient: &mut Padded,
        weight_gradients: &mut [f32],
        source_gradient: Option<&mut Padded>,
    ) {
        let unit = match &self.state {
            State::Learning(_) => LEARNING_UNIT,
            State::Fixed(fixed) => fixed.unit,
        };
        unsquash(unit, plane, gradient);
        let window = window(self.module, rotation);
        if self.learns() {
            add_weight_gradients(source, gradient, &window, weight_gradients);
        }
        if let Some(source_gradient) = source_gradient {
            add_source_gradients(&self.sum(), source, gradient, &window, source_gradient);
        }
    }

    /// Whether the module still learns.
    #[must_use]
    pub fn learns(&self) -> bool {
        matches!(self.state, State::Learning(_))
    }

    /// The weights that learn, the bias last; none once they are fixed.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        match &self.state {
            State::Learning(weights) => weights,
            State::Fixed(_) => &[],
        }
    }

    /// The module in the fixed point of the file. Contributions are integer lines, `slope * v + constant` with slopes
    /// that fit 8 bits, so that the engine can run them as a convolution. The fraction bits are as many as allow that.
    #[must_use]
    pub fn fixed(&self) -> Self {
        let State::Learning(weights) = &self.state else {
            return self.clone();
        };
        let fits = |bits: &u32| integer_lines(weights, self.module.size, *bits).is_some();
        let bits = (0..=15).rev().find(fits).unwrap_or(0);
        let lines = integer_lines(weights, self.module.size, bits)
            .expect("weights are clamped to what no fraction bits hold");
        let entries = |(slope, constant): &(i32, i32)| {
            let (slope, constant) = (*slope, *constant);
            (0..256).map(move |v| (slope * v + constant) as i16)
        };
        let module = RcModule {
            entries: 256,
            fraction_bits: bits,
            ..self.module
        };
        let tables = RcTables {
            contributions: lines.iter().flat_map(entries).collect(),
            thresholds: thresholds(module),
        };
        Self::from_tables(module, tables)
    }

    fn sum(&self) -> Cow<'_, Sum> {
        match &self.state {
            State::Learning(weights) => {
                let (bias, slopes) = weights.split_last().expect("a module has a bias");
                let constant = 255.0 * bias - MIDDLE * slopes.iter().sum::<f32>();
                Cow::Owned(Sum::Lines {
                    slopes: slopes.to_vec(),
                    constant,
                })
            }
            State::Fixed(fixed) => Cow::Borrowed(&fixed.sum),
        }
    }

    /// Largest weight that [`Rc::fixed`] can hold.
    #[must_use]
    pub fn weight_limit(&self) -> f32 {
        127.0 * 255.0 / (self.module.size * self.module.size) as f32
    }
}

/// Offsets of a module's positions in the unrotated frame.
fn window(module: RcModule, rotation: usize) -> Vec<Offset> {
    let size = module.size as i32;
    let positions = (0..size).flat_map(|i| (0..size).map(move |j| (i, j)));
    let offsets = positions.map(|(i, j)| (i + module.origin, j + module.origin));
    offsets
        .map(|offset| rotate_offset(rotation, offset))
        .collect()
}

/// The plane R of the sums over a window.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2"))]
fn squash_sums(state: &State, sum: &Sum, source: &Padded, window: &[Offset], out: &mut Padded) {
    let (_, height) = source.size();
    for y in 0..height {
        let row = out.row_mut(y, (0, 0));
        sum.row(source, y, window, row);
        match state {
            State::Learning(_) => {
                for value in row {
                    *value = squash(*value * LEARNING_UNIT).round_ties_even() + 127.0;
                }
            }
            State::Fixed(fixed) => fixed.squash(row),
        }
    }
}

/// Turns the gradient of a plane R into that of its sums.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2"))]
fn unsquash(unit: f32, plane: &Padded, gradient: &mut Padded) {
    let (_, height) = plane.size();
    for y in 0..height {
        let squashed = plane.row(y, (0, 0));
        for (gradient, r) in gradient.row_mut(y, (0, 0)).iter_mut().zip(squashed) {
            let t = (r - 127.0) * (1.0 / 127.0);
            *gradient *= 127.0 * unit * (1.0 - t * t).max(LEAST_SLOPE);
        }
    }
}

impl Sum {
    /// The sum over the window for each pixel of a row.
    #[inline(always)]
    fn row(&self, source: &Padded, y: usize, window: &[Offset], sums: &mut [f32]) {
        match self {
            Self::Lines { slopes, constant } => {
                sums.fill(*constant);
                for (slope, offset) in slopes.iter().zip(window) {
                    for (sum, sample) in sums.iter_mut().zip(source.row(y, *offset)) {
                        *sum += slope * sample;
                    }
                }
            }
            Self::Curves(tables) => {
                sums.fill(0.0);
                for (table, offset) in tables.chunks_exact(256).zip(window) {
                    for (sum, sample) in sums.iter_mut().zip(source.row(y, *offset)) {
                        *sum += table[*sample as usize];
                    }
                }
            }
        }
    }
}

/// Adds to the source's gradient what the gradient of the sums gives it.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2"))]
fn add_source_gradients(
    sum: &Sum,
    source: &Padded,
    sums: &Padded,
    window: &[Offset],
    out: &mut Padded,
) {
    let (_, height) = source.size();
    for y in 0..height {
        let gradients = sums.row(y, (0, 0));
        for (position, offset) in window.iter().enumerate() {
            let out = out.row_mut(y, *offset).iter_mut().zip(gradients);
            match sum {
                Sum::Lines { slopes, .. } => {
                    for (out, gradient) in out {
                        *out += slopes[position] * gradient;
                    }
                }
                Sum::Curves(tables) => {
                    let table = &tables[position * 256..][..256];
                    for ((out, gradient), sample) in out.zip(source.row(y, *offset)) {
                        let low = (*sample as usize).min(254);
                        *out += (table[low + 1] - table[low]) * gradient;
                    }
                }
            }
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2"))]
fn add_weight_gradients(
    source: &Padded,
    sums: &Padded,
    window: &[Offset],
    weight_gradients: &mut [f32],
) {
    let (_, height) = source.size();
    let total: f32 = (0..height)
        .map(|y| sums.row(y, (0, 0)).iter().sum::<f32>())
        .sum();
    let (bias, slopes) = weight_gradients
        .split_last_mut()
        .expect("a module has a bias");
    // The sum is 255 times the tanh's argument, and so are its derivatives.
    *bias += 255.0 * total;
    for (slope, offset) in slopes.iter_mut().zip(window) {
        let mut products = 0.0;
        for y in 0..height {
            products += dot(sums.row(y, (0, 0)), source.row(y, *offset));
        }
        *slope += products - MIDDLE * total;
    }
}

/// A dot product in sixteen partial sums, whose order no instruction set changes.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0.0; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_lanes.remainder().iter().zip(b_lanes.remainder());
    let rest: f32 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in a_lanes.zip(b_lanes) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// `127 tanh x` by Lambert's continued fraction, within 0.02 of the truth.
#[inline(always)]
fn squash(x: f32) -> f32 {
    let x = x.clamp(-4.9, 4.9);
    let square = x * x;
    let above = x * (135_135.0 + square * (17_325.0 + square * (378.0 + square)));
    let below = 135_135.0 + square * (62_370.0 + square * (3_150.0 + square * 28.0));
    (127.0 * above / below).clamp(-127.0, 127.0)
}

impl Fixed {
    fn new(module: RcModule, tables: RcTables) -> Self {
        let entries = module.entries as usize;
        let positions: Vec<Vec<f32>> = tables
            .contributions
            .chunks_exact(entries)
            .map(every_level)
            .collect();
        let straight = |table: &Vec<f32>| {
            table
                .windows(2)
                .all(|pair| pair[1] - pair[0] == table[1] - table[0])
        };
        let sum = if positions.iter().all(straight) {
            Sum::Lines {
                slopes: positions.iter().map(|table| table[1] - table[0]).collect(),
                constant: positions.iter().map(|table| table[0]).sum(),
            }
        } else {
            Sum::Curves(positions.concat())
        };
        let RcTables {
            contributions,
            thresholds,
        } = tables;
        Self {
            contributions,
            thresholds,
            sum,
            unit: (1.0 / sum_scale(module)) as f32,
        }
    }

    /// The numbers, as the file holds them.
    #[must_use]
    pub fn to_tables(&self) -> RcTables {
        RcTables {
            contributions: self.contributions.clone(),
            thresholds: self.thresholds.clone(),
        }
    }

    /// Sums to R, exactly: the smooth squash guesses, the thresholds decide.
    #[inline(always)]
    fn squash(&self, row: &mut [f32]) {
        let thresholds = &self.thresholds;
        for value in row {
            let sum = *value as i32;
            let guess = squash(*value * self.unit).round_ties_even() + 127.0;
            let mut reached = (guess as usize).min(THRESHOLDS);
            while reached < THRESHOLDS && sum >= thresholds[reached] {
                reached += 1;
            }
            while reached > 0 && sum < thresholds[reached - 1] {
                reached -= 1;
            }
            *value = reached as f32;
        }
    }
}

/// The contribution of each of the 256 levels, from 256 or 17 entries (ARITHMETIC section 4).
fn every_level(table: &[i16]) -> Vec<f32> {
    let entry = |index: usize| f32::from(table[index]);
    let level = |v: usize| match table.len() {
        256 => entry(v),
        _ => entry(v >> 4) * (16 - (v & 15)) as f32 + entry((v >> 4) + 1) * (v & 15) as f32,
    };
    (0..256).map(level).collect()
}

/// The sum at which the argument of the tanh is 1: `N*N*2^F`, 16 times that with 17 entries.
fn sum_scale(module: RcModule) -> f64 {
    let interpolated = if module.entries == 17 { 4 } else { 0 };
    f64::from(module.size * module.size) * f64::from(1u32 << (module.fraction_bits + interpolated))
}

/// For each `k`, the smallest sum that the squash takes to `k + 1` or above (ARITHMETIC section 4).
#[must_use]
pub fn thresholds(module: RcModule) -> Vec<i32> {
    let scale = sum_scale(module);
    let reached = |sum: i32| (127.0 * (f64::from(sum) / scale).tanh()).round_ties_even() as i32;
    let threshold = |k: i32| {
        let wanted = k - 126;
        let mut sum = (scale * ((f64::from(wanted) - 0.5) / 127.0).atanh()).round() as i32;
        while reached(sum) >= wanted {
            sum -= 1;
        }
        while reached(sum) < wanted {
            sum += 1;
        }
        sum
    };
    (0..THRESHOLDS as i32).map(threshold).collect()
}

/// Slope and constant of each position with `bits` fraction bits, if 8 and 16 bits hold them.
fn integer_lines(weights: &[f32], size: u32, bits: u32) -> Option<Vec<(i32, i32)>> {
    let (bias, weights) = weights.split_last().expect("a module has a bias");
    let scale = f64::from(size * size) * f64::from(1u32 << bits);
    let slopes = weights
        .iter()
        .map(|w| (f64::from(*w) * scale / 255.0).round() as i32);
    // Each line is centred on 0; what is left of the constant is spread evenly.
    let mut lines: Vec<(i32, i32)> = slopes.map(|slope| (slope, -(slope * 255) / 2)).collect();
    let middles: f64 = lines
        .iter()
        .map(|(slope, _)| f64::from(*slope) * f64::from(MIDDLE))
        .sum();
    let constants: i32 = lines.iter().map(|(_, constant)| constant).sum();
    let rest = (f64::from(*bias) * scale - middles).round() as i32 - constants;
    let count = lines.len() as i32;
    for (index, (_, constant)) in lines.iter_mut().enumerate() {
        *constant += rest.div_euclid(count) + i32::from((index as i32) < rest.rem_euclid(count));
    }
    let fits = |(slope, constant): &(i32, i32)| {
        let ends = [*constant, slope * 255 + constant];
        slope.abs() <= 127 && ends.iter().all(|end| i16::try_from(*end).is_ok())
    };
    lines.iter().all(fits).then_some(lines)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const SIZE: (usize, usize) = (40, 30);
    const MODULE: RcModule = RcModule {
        size: 3,
        origin: -1,
        entries: 256,
        fraction_bits: 12,
    };

    fn random_module(random: &mut ChaCha8Rng) -> Rc {
        let mut rc = Rc::pass_through(MODULE, || random.random_range(-0.4..0.4));
        if let State::Learning(weights) = &mut rc.state {
            weights[9] = 0.2;
        }
        rc
    }

    fn random_plane(random: &mut ChaCha8Rng) -> Padded {
        let levels: Vec<f32> = (0..SIZE.0 * SIZE.1)
            .map(|_| f32::from(random.random::<u8>()))
            .collect();
        Padded::new(&levels, SIZE, 1, Border::Edge)
    }

    #[test]
    fn thresholds_are_where_the_formula_steps() {
        let module = RcModule {
            size: 5,
            fraction_bits: 9,
            ..MODULE
        };
        let thresholds = thresholds(module);
        let formula = |sum: i32| {
            let argument = f64::from(sum) / (25.0 * 512.0);
            (127.0 * argument.tanh()).round_ties_even() as i32 + 127
        };
        for sum in -60_000..60_000 {
            let reached = thresholds.partition_point(|threshold| sum >= *threshold);
            assert_eq!(reached as i32, formula(sum), "sum {sum}");
        }
    }

    #[test]
    fn fixed_point_is_within_two_levels_and_straight() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (rc, source) = (random_module(&mut random), random_plane(&mut random));
        let fixed = rc.fixed();
        assert!(!fixed.learns() && fixed.module.fraction_bits > 8);
        for rotation in 0..4 {
            let learning = rc.plane(&source, rotation, 0, Border::Edge).samples();
            let fixed = fixed.plane(&source, rotation, 0, Border::Edge).samples();
            let errors = learning.iter().zip(&fixed).map(|(a, b)| (a - b).abs());
            assert!(errors.fold(0.0, f32::max) <= 2.0);
        }
    }

    /// R is a whole level, so the differences are wide and the sums long; the gradient is within their noise.
    #[test]
    fn gradients_by_weights_are_finite_differences() {
        const STEP: f32 = 0.1;
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let (rc, source) = (random_module(&mut random), random_plane(&mut random));
        let total = |rc: &Rc| {
            rc.plane(&source, 1, 0, Border::Edge)
                .samples()
                .iter()
                .sum::<f32>()
        };
        let plane = rc.plane(&source, 1, 0, Border::Edge);
        let mut ones = Padded::zeros(SIZE.0, SIZE.1, 0);
        ones.data_mut().fill(1.0);
        let mut found = vec![0.0; 10];
        rc.backward(&source, &plane, 1, &mut ones, &mut found, None);
        for (index, found) in found.iter().enumerate() {
            let moved = |by: f32| {
                let mut rc = rc.clone();
                if let State::Learning(weights) = &mut rc.state {
                    weights[index] += by;
                }
                total(&rc)
            };
            let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            assert!(
                (found - difference).abs() < 0.05 * difference.abs() + 250.0,
                "weight {index}: {found} {difference}"
            );
        }
    }
}
