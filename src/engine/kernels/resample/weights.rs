//! Which source samples make an output sample, and by how much (ARITHMETIC section 6).

use super::{Filter, Siting};

/// Fraction bits of a weight.
pub const WEIGHT_BITS: u32 = 14;

/// Phases of the greatest scale.
pub const MOST_PHASES: usize = 4;

/// The four taps of one output phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The first tap, counted from two samples before the one that output sample's group starts at: 0 or 1.
    pub first: usize,
    /// Weights in `1 / 2^WEIGHT_BITS`; they sum to one exactly.
    pub weights: [i32; 4],
}

/// One axis: output sample `m * scale + k` has phase `k` around source sample `m`.
#[derive(Clone, Debug)]
pub struct Axis {
    phases: Vec<Phase>,
}

impl Axis {
    pub fn new(scale: usize, filter: Filter, siting: Siting) -> Self {
        let phase = |k| Phase::new(k, scale, filter, siting);
        let phases = (0..scale).map(phase).collect();
        Self { phases }
    }

    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// The source samples of output sample `at`, repeated at the edges of `length`, and their weights.
    pub fn taps(&self, at: usize, length: usize) -> ([usize; 4], [i32; 4]) {
        let Phase { first, weights } = self.phases[at % self.phases.len()];
        let start = at / self.phases.len() + first;
        let taps = [0, 1, 2, 3].map(|tap| (start + tap).saturating_sub(2).min(length - 1));
        (taps, weights)
    }
}

impl Phase {
    fn new(k: usize, scale: usize, filter: Filter, siting: Siting) -> Self {
        let (k, scale) = (k as i64, scale as i64);
        // The position, k/scale - shift, in units of 1 / (4 scale).
        let unit = 4 * scale;
        let shift = match siting {
            Siting::Centred => 2 * (scale - 1),
            Siting::Cosited => scale - 1,
        };
        let position = 4 * k - shift;
        let first = position.div_euclid(unit) + 1;
        let weights = match filter {
            Filter::Bicubic => catmull_rom,
            Filter::Bilinear => linear,
        };
        Self {
            first: usize::try_from(first).expect("a shift below one sample"),
            weights: weights(position.rem_euclid(unit), unit),
        }
    }
}

/// Catmull-Rom weights (Keys 1981, a = -1/2) at `r / unit` past the second tap. The larger middle weight takes what
/// rounding leaves, so that a flat plane stays flat.
fn catmull_rom(r: i64, unit: i64) -> [i32; 4] {
    let (r2, r3, unit2, unit3) = (r * r, r * r * r, unit * unit, unit * unit * unit);
    let one = 1 << WEIGHT_BITS;
    let exact = [
        -r3 + 2 * r2 * unit - r * unit2,
        3 * r3 - 5 * r2 * unit + 2 * unit3,
        -3 * r3 + 4 * r2 * unit + r * unit2,
        r3 - r2 * unit,
    ];
    let mut weights = exact.map(|exact| (exact * one + unit3).div_euclid(2 * unit3));
    let middle = if weights[1] >= weights[2] { 1 } else { 2 };
    weights[middle] += one - weights.iter().sum::<i64>();
    weights.map(|weight| i32::try_from(weight).expect("at most one"))
}

/// Weights of the line between the two middle taps, at `r / unit` past the second.
fn linear(r: i64, unit: i64) -> [i32; 4] {
    let one = 1 << WEIGHT_BITS;
    let right = (2 * r * one + unit).div_euclid(2 * unit);
    [0, one - right, right, 0].map(|weight| i32::try_from(weight).expect("at most one"))
}
