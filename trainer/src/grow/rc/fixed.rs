//! RC modules in the fixed point of the file, and how weights that learn become it (ARITHMETIC section 4).

use gstrclut::engine::model::{RcModule, RcTables, THRESHOLDS};
use serde::{Deserialize, Serialize};

use super::{MIDDLE, Rc, State, Sum, squash};
use crate::grow::{cells::level_bits, forward::round};

/// Most fraction bits that the format allows.
const MOST_FRACTION_BITS: u32 = 15;

/// The numbers of a file, and the sums that they make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fixed {
    contributions: Vec<i16>,
    thresholds: Vec<i32>,
    /// The thresholds are those of a tanh.
    is_tanh: bool,
    sum: Sum,
}

impl Fixed {
    /// The numbers of a file; those of straight lines are summed as such.
    pub(super) fn new(module: RcModule, tables: RcTables) -> Self {
        let entries = module.entries as usize;
        let contributions = tables.contributions.iter();
        let contributions: Vec<f32> = contributions.map(|entry| f32::from(*entry)).collect();
        let positions: Vec<Vec<f32>> = contributions
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
        Self {
            contributions: tables.contributions,
            is_tanh: tables.thresholds == thresholds(module),
            thresholds: tables.thresholds,
            sum,
        }
    }

    pub(super) fn sum(&self) -> &Sum {
        &self.sum
    }

    /// The numbers, as the file holds them.
    #[must_use]
    pub fn to_tables(&self) -> RcTables {
        RcTables {
            contributions: self.contributions.clone(),
            thresholds: self.thresholds.clone(),
        }
    }

    /// Weights that learn, from which the same R comes, or nearly the same where sums had more than 16 bits; the numbers themselves if there are none, because the thresholds
    /// are not those of a tanh.
    pub(super) fn learning(&self, module: RcModule) -> State {
        if !self.is_tanh {
            return State::Fixed(self.clone());
        }
        if let Sum::Lines { slopes, constant } = &self.sum {
            let scale = sum_scale(module);
            let weight = |slope: &f32| (f64::from(*slope) * 255.0 / scale) as f32;
            let middles = f64::from(MIDDLE * slopes.iter().sum::<f32>());
            let bias = ((f64::from(*constant) + middles) / scale) as f32;
            let weights: Vec<f32> = slopes.iter().map(weight).chain([bias]).collect();
            // With as many fraction bits the integers are the same.
            let bits = scale_bits(module);
            let holds =
                bits <= MOST_FRACTION_BITS && integer_lines(&weights, module.size, bits).is_some();
            if holds {
                return State::Lines(weights);
            }
        }
        State::Curves(self.entries())
    }

    /// The contributions, as entries that learn.
    pub(super) fn entries(&self) -> Vec<f32> {
        let entries = self.contributions.iter();
        entries.map(|entry| f32::from(*entry)).collect()
    }

    /// The thresholds between two that no sum passes, as the real numbers that they are compared with; none if they are
    /// not those of a tanh, which is what [`squash_exactly`] guesses by.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        self.is_tanh.then(|| {
            let mut bounds = [f32::INFINITY; THRESHOLDS + 2];
            bounds[0] = f32::NEG_INFINITY;
            for (bound, threshold) in bounds[1..].iter_mut().zip(&self.thresholds) {
                *bound = *threshold as f32;
            }
            bounds
        })
    }

    /// Sums to R by whatever thresholds there are.
    #[inline(always)]
    pub(super) fn search(&self, row: &mut [f32]) {
        for value in row {
            let sum = *value as i32;
            *value = self.thresholds.partition_point(|reached| *reached <= sum) as f32;
        }
    }
}

/// An R of `r` comes from sums from `bounds[r]` on, below `bounds[r + 1]`. Sums and thresholds are whole numbers below 2^24.
pub(super) type Bounds = [f32; THRESHOLDS + 2];

/// Sums to R, exactly: the smooth squash guesses, at most one off, and the bounds decide. `unit` is what a unit of the sum
/// adds to the tanh's argument.
#[inline(always)]
pub(super) fn squash_exactly(row: &mut [f32], unit: f32, bounds: &Bounds) {
    for value in row {
        let sum = *value;
        let guess = round(squash(sum * unit)) + 127.0;
        let index = level_bits(guess) as usize;
        let above = if sum >= bounds[index + 1] { 1.0 } else { 0.0 };
        let below = if sum < bounds[index] { 1.0 } else { 0.0 };
        *value = guess + above - below;
    }
}

/// A module of straight lines, `slope * v + constant` with integer slopes that fit 8 bits and sums that fit 16, so that the
/// engine can run them as a convolution of vectors. The fraction bits are as many as allow that; none do if a weight is
/// beyond [`Rc::weight_limit`].
pub(super) fn from_lines(module: RcModule, weights: &[f32]) -> Option<Rc> {
    let bits = (0..=MOST_FRACTION_BITS).rev();
    let mut lines =
        bits.filter_map(|bits| Some((bits, integer_lines(weights, module.size, bits)?)));
    // Weights up to the limit at all positions are more than 16 bits hold even without fraction bits.
    let (bits, lines) = lines.find(|(bits, lines)| *bits == 0 || sums_are_narrow(lines))?;
    let entries = |(slope, constant): &(i32, i32)| {
        let (slope, constant) = (*slope, *constant);
        (0..256).map(move |v| (slope * v + constant) as i16)
    };
    let module = RcModule {
        entries: 256,
        fraction_bits: bits,
        ..module
    };
    let tables = RcTables {
        contributions: lines.iter().flat_map(entries).collect(),
        thresholds: thresholds(module),
    };
    Some(Rc::from_tables(module, tables))
}

/// A module of curves, straight ones too, with the fraction bits that it has.
pub(super) fn from_curves(module: RcModule, entries: &[f32]) -> Rc {
    let round = |entry: &f32| entry.round_ties_even() as i16;
    let contributions: Vec<i16> = entries.iter().map(round).collect();
    let rounded: Vec<f32> = contributions
        .iter()
        .map(|entry| f32::from(*entry))
        .collect();
    let positions = rounded.chunks_exact(module.entries as usize);
    let fixed = Fixed {
        sum: Sum::Curves(positions.flat_map(every_level).collect()),
        contributions,
        thresholds: thresholds(module),
        is_tanh: true,
    };
    Rc {
        module,
        state: State::Fixed(fixed),
    }
}

/// The contribution of each of the 256 levels, from 256 or 17 entries (ARITHMETIC section 4).
pub(super) fn every_level(table: &[f32]) -> Vec<f32> {
    let level = |v: usize| match table.len() {
        256 => table[v],
        _ => table[v >> 4] * (16 - (v & 15)) as f32 + table[(v >> 4) + 1] * (v & 15) as f32,
    };
    (0..256).map(level).collect()
}

/// The sum at which the argument of the tanh is 1: `N*N*2^F`, 16 times that with 17 entries.
pub(super) fn sum_scale(module: RcModule) -> f64 {
    f64::from(module.size * module.size) * f64::from(1u32 << scale_bits(module))
}

/// The fraction bits of a module's sums.
fn scale_bits(module: RcModule) -> u32 {
    let interpolated = if module.entries == 17 { 4 } else { 0 };
    module.fraction_bits + interpolated
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

/// The nearest whole numbers that have the sum, rounded: each rounded for itself, slopes would add up to another, and flat
/// areas would become a level or two brighter. Those that lie nearest to the next number go there.
fn round_with_sum(exact: &[f64]) -> Vec<i32> {
    let mut rounded: Vec<f64> = exact.iter().map(|value| value.round()).collect();
    let missing = exact.iter().sum::<f64>().round() - rounded.iter().sum::<f64>();
    let short = |index: &usize| missing.signum() * (exact[*index] - rounded[*index]);
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by(|a, b| short(b).total_cmp(&short(a)));
    for index in &order[..missing.abs() as usize] {
        rounded[*index] += missing.signum();
    }
    rounded.iter().map(|value| *value as i32).collect()
}

/// Slope and constant of each position with `bits` fraction bits, if 8 and 16 bits hold them.
fn integer_lines(weights: &[f32], size: u32, bits: u32) -> Option<Vec<(i32, i32)>> {
    let (bias, weights) = weights.split_last().expect("a module has a bias");
    let scale = f64::from(size * size) * f64::from(1u32 << bits);
    let exact: Vec<f64> = weights
        .iter()
        .map(|w| f64::from(*w) * scale / 255.0)
        .collect();
    let slopes = round_with_sum(&exact).into_iter();
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

/// Whether 16 bits tell apart all sums of lines.
fn sums_are_narrow(lines: &[(i32, i32)]) -> bool {
    let slopes: i32 = lines.iter().map(|(slope, _)| slope.abs()).sum();
    u16::try_from(255 * slopes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_a_large_window_fit_in_16_bits() {
        let module = RcModule {
            size: 7,
            origin: 0,
            entries: 256,
            fraction_bits: 0,
        };
        // Slopes alone would leave room for fraction bits: the greatest is not much greater than the others.
        let weights: Vec<f32> = (0..50).map(|p| 0.5 - 0.02 * p as f32).collect();
        let rc = from_lines(module, &weights).expect("weights below the limit");
        let State::Fixed(fixed) = &rc.state else {
            panic!("a fixed module");
        };
        let Sum::Lines { slopes, .. } = &fixed.sum else {
            panic!("lines");
        };
        let reach: f32 = slopes.iter().map(|slope| 255.0 * slope.abs()).sum();
        assert!(
            (32_768.0..65_536.0).contains(&reach),
            "sums reach over {reach}"
        );
        let greatest = slopes.iter().fold(0.0, |most, slope| slope.abs().max(most));
        assert!(greatest < 64.0, "a slope of {greatest}");
    }

    #[test]
    fn lines_of_17_entries_learn_as_lines_only_if_8_bits_hold_their_slopes() {
        let module = RcModule {
            size: 3,
            origin: 0,
            entries: 17,
            fraction_bits: 5,
        };
        let learning = |steepest: i16| {
            let entries = (0..9).flat_map(|p| (0..17).map(move |node| (steepest - p) * node));
            let tables = RcTables {
                contributions: entries.collect(),
                thresholds: thresholds(module),
            };
            Rc::from_tables(module, tables).learning().state
        };
        assert!(matches!(learning(127), State::Lines(_)));
        // Rounded to 8 bits they would not be the same.
        assert!(matches!(learning(201), State::Curves(_)));
    }

    #[test]
    fn thresholds_are_where_the_formula_steps() {
        let module = RcModule {
            size: 5,
            origin: 0,
            entries: 256,
            fraction_bits: 9,
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
    fn rounding_keeps_the_sum() {
        let up = [0.4; 5];
        assert_eq!(round_with_sum(&up).iter().sum::<i32>(), 2);
        assert_eq!(round_with_sum(&[0.4, -2.6, 0.3]), [1, -3, 0]);
        assert_eq!(round_with_sum(&[7.0, -3.0, 0.0]), [7, -3, 0]);
    }

    #[test]
    fn the_squash_is_exact() {
        for (size, fraction_bits) in [(3, 2), (5, 9), (7, 15)] {
            let module = RcModule {
                size,
                origin: 0,
                entries: 256,
                fraction_bits,
            };
            let weights = vec![0.0; (size * size) as usize + 1];
            let fixed = Fixed::new(
                module,
                RcTables {
                    contributions: vec![0; weights.len() * 256 - 256],
                    thresholds: thresholds(module),
                },
            );
            let sums: Vec<i32> = (-1_500_000..1_500_000).step_by(61).collect();
            let near = fixed.thresholds.iter().flat_map(|t| [t - 1, *t]);
            let sums: Vec<i32> = sums.into_iter().chain(near).collect();
            let mut row: Vec<f32> = sums.iter().map(|sum| *sum as f32).collect();
            let unit = (1.0 / sum_scale(module)) as f32;
            squash_exactly(&mut row, unit, &fixed.bounds().unwrap());
            for (sum, r) in sums.iter().zip(row) {
                let reached = fixed
                    .thresholds
                    .partition_point(|threshold| sum >= threshold);
                assert_eq!(
                    r, reached as f32,
                    "size {size}, F {fraction_bits}, sum {sum}"
                );
            }
        }
    }
}
