//! RC modules while a table grows (ARITHMETIC section 4): their sums and squash in real numbers or in those of the file,
//! and the gradients.
//!
//! - `fixed`: the fixed-point numbers of the file.

mod fixed;

use std::borrow::Cow;

use gstrclut::engine::model::{Border, Offset, RcModule, RcTables, rotate_offset};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

use super::{forward::round, plane::Padded};
pub use fixed::{Fixed, thresholds};
use fixed::{every_level, sum_scale};

/// Middle of the 8-bit range, around which the learning weights are centred.
const MIDDLE: f32 = 127.5;
/// What a unit of the sum adds to the tanh's argument while a module learns.
const LEARNING_UNIT: f32 = 1.0 / 255.0;
/// Partial sums of a dot product.
const LANES: usize = 16;
/// How far from 0 the tanh's argument of a line may get on black and on white.
const FLAT_LIMIT: f32 = 1.25;
/// Least slope of the squash that a gradient sees, so that a saturated module can come back.
const LEAST_SLOPE: f32 = 1e-3;

/// An RC module and its numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rc {
    pub module: RcModule,
    pub state: State,
}

/// Which numbers a module has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum State {
    /// `N*N` weights `w` and, last, a bias `b`; the argument of the tanh is `sum of w (v - 127.5) / 255 + b`.
    Lines(Vec<f32>),
    /// The entries of the file, not rounded: 256 or 17 contributions for each position.
    Curves(Vec<f32>),
    /// The numbers of the file.
    Fixed(Fixed),
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
    /// A module that passes the pixel on, nearly, with a small weight from `jitter` at every position: sharpened if the module
    /// is 5 pixels wide, smoothed if it is wider. Modules that start alike find different things to look at late or never.
    #[must_use]
    pub fn pass_through(module: RcModule, mut jitter: impl FnMut() -> f32) -> Self {
        let size = module.size as usize;
        // The window's position nearest the pixel itself, and its neighbours: after it, if the window has any there.
        let at = (-module.origin).clamp(0, size as i32 - 1) as usize;
        let beside = if at + 1 < size {
            at + 1
        } else {
            at.saturating_sub(1)
        };
        let (own, neighbour) = match size {
            0..5 => (2.0, 0.0),
            5 => (4.0, -1.0),
            _ => (1.0, 0.5),
        };
        let mut weights: Vec<f32> = (0..size * size).map(|_| jitter()).collect();
        weights[at * size + at] += own;
        weights[at * size + beside] += neighbour;
        weights[beside * size + at] += neighbour;
        weights.push(0.0);
        Self {
            module,
            state: State::Lines(weights),
        }
    }

    /// The level of a flat area that [`Rc::pass_through`] without jitter turns into an R of `level`.
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
        squash_sums(self, source, &window(self.module, rotation), &mut out);
        out.fill_margin(border);
        out
    }

    /// Passes the gradient of a plane R back: to the weights, unless there is no room for their gradients, and to the
    /// source plane, if asked for.
    pub fn backward(
        &self,
        source: &Padded,
        plane: &Padded,
        rotation: usize,
        gradient: &mut Padded,
        weight_gradients: &mut [f32],
        source_gradient: Option<&mut Padded>,
    ) {
        let (unit, sum) = (self.unit(), self.sum());
        unsquash(unit, plane, gradient);
        let window = window(self.module, rotation);
        if !weight_gradients.is_empty() {
            match &*sum {
                Sum::Lines { .. } => {
                    let scale = LEARNING_UNIT / unit;
                    add_line_gradients(source, gradient, &window, scale, weight_gradients);
                }
                Sum::Curves(_) => add_curve_gradients(source, gradient, &window, weight_gradients),
            }
        }
        if let Some(source_gradient) = source_gradient {
            add_source_gradients(&sum, source, gradient, &window, source_gradient);
        }
    }

    /// The module with weights that learn: entries if they are curved, lines if they are straight, so that they stay it.
    #[must_use]
    pub fn learning(&self) -> Self {
        let state = match &self.state {
            State::Fixed(fixed) => fixed.learning(self.module),
            learning => learning.clone(),
        };
        Self { state, ..*self }
    }

    /// The module with entries that learn, each for itself, even those that make a straight line by now.
    #[must_use]
    pub fn learning_curves(&self) -> Self {
        match &self.state {
            State::Fixed(fixed) => Self {
                state: State::Curves(fixed.entries()),
                ..*self
            },
            learning => Self {
                state: learning.clone(),
                ..*self
            },
        }
    }

    /// The weights that learn; none if they are fixed.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        match &self.state {
            State::Lines(weights) | State::Curves(weights) => weights,
            State::Fixed(_) => &[],
        }
    }

    /// As [`Rc::weights`], to change.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        match &mut self.state {
            State::Lines(weights) | State::Curves(weights) => weights,
            State::Fixed(_) => &mut [],
        }
    }

    /// The module in the fixed point of the file.
    #[must_use]
    pub fn fixed(&self) -> Self {
        match &self.state {
            State::Lines(weights) => fixed::from_lines(self.module, weights)
                .expect("weights are clamped to what no fraction bits hold"),
            State::Curves(entries) => fixed::from_curves(self.module, entries),
            State::Fixed(_) => self.clone(),
        }
    }

    fn sum(&self) -> Cow<'_, Sum> {
        match &self.state {
            State::Lines(weights) => {
                let (bias, slopes) = weights.split_last().expect("a module has a bias");
                let constant = 255.0 * bias - MIDDLE * slopes.iter().sum::<f32>();
                Cow::Owned(Sum::Lines {
                    slopes: slopes.to_vec(),
                    constant,
                })
            }
            State::Curves(entries) => {
                let positions = entries.chunks_exact(self.module.entries as usize);
                Cow::Owned(Sum::Curves(positions.flat_map(every_level).collect()))
            }
            State::Fixed(fixed) => Cow::Borrowed(fixed.sum()),
        }
    }

    /// What a unit of the sum adds to the tanh's argument.
    fn unit(&self) -> f32 {
        match &self.state {
            State::Lines(_) => LEARNING_UNIT,
            State::Curves(_) | State::Fixed(_) => (1.0 / sum_scale(self.module)) as f32,
        }
    }

    /// A step of the weights that moves the sum as far as a step of `rate` moves a line's weight at the middle.
    #[must_use]
    pub fn weight_rate(&self, rate: f32) -> f32 {
        match &self.state {
            State::Curves(_) => rate * 0.5 * self.entry_scale(),
            _ => rate,
        }
    }

    /// What an entry of the file is worth: so many of them move the tanh's argument by 1.
    fn entry_scale(&self) -> f32 {
        ((self.module.size * self.module.size) << self.module.fraction_bits) as f32
    }

    /// Brings a module of straight lines back to where it tells the levels of flat areas apart: first its bias, then all weights
    /// alike. Longer runs drift into saturation, where the squash rounds neighbouring levels to the same R.
    pub fn limit_saturation(&mut self) {
        let State::Lines(weights) = &mut self.state else {
            return;
        };
        let (bias, slopes) = weights.split_last_mut().expect("a module has a bias");
        let sum = slopes.iter().sum::<f32>();
        let excess = 0.5 * sum.abs() + bias.abs() - FLAT_LIMIT;
        if excess > 0.0 {
            let of_bias = excess.min(bias.abs());
            *bias -= of_bias * bias.signum();
            let of_each = 2.0 * (excess - of_bias) * sum.signum() / slopes.len() as f32;
            slopes.iter_mut().for_each(|slope| *slope -= of_each);
        }
    }

    /// Largest weight that [`Rc::fixed`] can hold.
    #[must_use]
    pub fn weight_limit(&self) -> f32 {
        match &self.state {
            State::Curves(_) => f32::from(i16::MAX),
            _ => 127.0 * 255.0 / (self.module.size * self.module.size) as f32,
        }
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
fn squash_sums(rc: &Rc, source: &Padded, window: &[Offset], out: &mut Padded) {
    let (_, height) = source.size();
    let (sum, unit) = (rc.sum(), rc.unit());
    let bounds = match &rc.state {
        State::Fixed(fixed) => fixed.bounds(),
        _ => None,
    };
    for y in 0..height {
        let row = out.row_mut(y, (0, 0));
        sum.row(source, y, window, row);
        match (&rc.state, &bounds) {
            (State::Lines(_) | State::Curves(_), _) => {
                for value in row {
                    *value = round(squash(*value * unit)) + 127.0;
                }
            }
            (State::Fixed(_), Some(bounds)) => fixed::squash_exactly(row, unit, bounds),
            (State::Fixed(fixed), None) => fixed.search(row),
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
                let rows: Vec<&[f32]> =
                    window.iter().map(|offset| source.row(y, *offset)).collect();
                for (block, sums) in sums.chunks_mut(LANES).enumerate() {
                    let (first, count) = (block * LANES, sums.len());
                    let mut lanes = [*constant; LANES];
                    for (slope, row) in slopes.iter().zip(&rows) {
                        add_scaled(&mut lanes, *slope, &row[first..][..count]);
                    }
                    sums.copy_from_slice(&lanes[..count]);
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
fn add_line_gradients(
    source: &Padded,
    sums: &Padded,
    window: &[Offset],
    scale: f32,
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
    *bias += 255.0 * scale * total;
    let mut lanes = vec![[0.0; LANES]; window.len()];
    for y in 0..height {
        let sums = sums.row(y, (0, 0));
        for (lanes, offset) in lanes.iter_mut().zip(window) {
            add_products(sums, source.row(y, *offset), lanes);
        }
    }
    for (slope, lanes) in slopes.iter_mut().zip(lanes) {
        let products = lanes.iter().sum::<f32>();
        *slope += scale * (products - MIDDLE * total);
    }
}

/// Adds to the gradients of the entries what the gradient of the sums gives them: a level reads one of 256 entries, or two
/// of 17, as [`every_level`] does.
fn add_curve_gradients(
    source: &Padded,
    sums: &Padded,
    window: &[Offset],
    entry_gradients: &mut [f32],
) {
    let (_, height) = source.size();
    let entries = entry_gradients.len() / window.len();
    for (out, offset) in entry_gradients.chunks_exact_mut(entries).zip(window) {
        for y in 0..height {
            for (gradient, level) in sums.row(y, (0, 0)).iter().zip(source.row(y, *offset)) {
                let level = *level as usize;
                if entries == 256 {
                    out[level] += gradient;
                } else {
                    let above = (level & 15) as f32;
                    out[level >> 4] += (16.0 - above) * gradient;
                    out[(level >> 4) + 1] += above * gradient;
                }
            }
        }
    }
}

/// `sums += factor * values`, for as many values as there are.
#[inline(always)]
fn add_scaled(sums: &mut [f32; LANES], factor: f32, values: &[f32]) {
    if let Ok(values) = <&[f32; LANES]>::try_from(values) {
        for lane in 0..LANES {
            sums[lane] += factor * values[lane];
        }
    } else {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += factor * value;
        }
    }
}

/// Adds products of neighbours to partial sums, whose order no instruction set changes.
#[inline(always)]
fn add_products(a: &[f32], b: &[f32], sums: &mut [f32; LANES]) {
    let mut lanes = *sums;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[lane] += a * b;
    }
    *sums = lanes;
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
        if let State::Lines(weights) = &mut rc.state {
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
    fn a_saturated_module_comes_back() {
        let argument = |rc: &Rc, level: f32| {
            let (bias, slopes) = rc.weights().split_last().unwrap();
            slopes.iter().sum::<f32>() * (level - MIDDLE) / 255.0 + bias
        };
        for (sum, bias) in [(2.0, 1.0), (4.5, 0.0), (-3.0, -2.0), (1.0, 0.5)] {
            let mut weights = vec![sum / 9.0; 9];
            weights.push(bias);
            let mut rc = Rc {
                module: MODULE,
                state: State::Lines(weights),
            };
            rc.limit_saturation();
            let ends = [0.0, 255.0].map(|level| argument(&rc, level).abs());
            let reached = ends[0].max(ends[1]);
            let wanted = (0.5 * f32::abs(sum) + f32::abs(bias)).min(FLAT_LIMIT);
            assert!((reached - wanted).abs() < 1e-5, "{sum} {bias}: {reached}");
        }
    }

    #[test]
    fn fixed_point_is_within_three_levels_and_one_on_flat_areas() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (rc, source) = (random_module(&mut random), random_plane(&mut random));
        let fixed = rc.fixed();
        assert!(fixed.weights().is_empty() && fixed.module.fraction_bits > 8);
        for rotation in 0..4 {
            let learning = rc.plane(&source, rotation, 0, Border::Edge).samples();
            let fixed = fixed.plane(&source, rotation, 0, Border::Edge).samples();
            let errors = learning.iter().zip(&fixed).map(|(a, b)| (a - b).abs());
            assert!(errors.fold(0.0, f32::max) <= 3.0);
        }
        for level in 0..=255 {
            let flat = Padded::new(&[level as f32; 9], (3, 3), 1, Border::Edge);
            let plane = |rc: &Rc| rc.plane(&flat, 0, 0, Border::Edge).samples()[4];
            assert!((plane(&rc) - plane(&fixed)).abs() <= 1.0, "level {level}");
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
                if let State::Lines(weights) = &mut rc.state {
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
