//! How a sum becomes a level: what vector kernels look up in place of searching the thresholds.

mod avx512;

use std::ops::Range;

use crate::engine::model::THRESHOLDS;

/// The level of every sum, if 16 bits hold all that are reachable.
pub struct Table {
    /// The sum that the table starts with.
    pub first: i32,
    levels: Box<[u8; 1 << 16]>,
}

impl Table {
    /// For sums between the two of `reach`.
    pub fn new(thresholds: &[i32], reach: [i32; 2]) -> Option<Self> {
        let [first, _] = reach;
        span(reach)?;
        let levels = levels(thresholds, first, u16::MAX);
        Some(Self {
            first,
            levels: levels.try_into().expect("a level of each sum"),
        })
    }

    /// The level of a sum, counted from the first.
    #[inline(always)]
    pub fn level(&self, sum: u16) -> u8 {
        self.levels[usize::from(sum)]
    }
}

/// How far the greatest sum is from the least, if 16 bits hold that.
pub fn span([least, most]: [i32; 2]) -> Option<u16> {
    most.checked_sub(least)?.try_into().ok()
}

/// The levels of the sums from `first` on, as many more as `last`.
fn levels(thresholds: &[i32], first: i32, last: u16) -> Box<[u8]> {
    debug_assert_eq!(thresholds.len(), THRESHOLDS);
    let mut level = 0;
    let levels = (0..=i32::from(last)).map(|sum| {
        let more = thresholds[level..].iter();
        level += more
            .take_while(|threshold| **threshold <= first + sum)
            .count();
        level as u8
    });
    levels.collect()
}

/// Segments that the sums are divided into.
pub const SEGMENTS: usize = 32;

/// Levels by lines over segments of the sums, each line put right where a level turns into the next.
///
/// A sum counts from `first` and is clamped to `0..=last`. Times `scale`, its high half is the number of its segment and
/// its low half the fraction of it. The segment's base and that fraction of its rise estimate 256 times the level: the high
/// byte is the level, or one too low where the low byte reaches the turn of that level.
#[repr(C, align(64))]
pub struct Squash {
    pub bases: [u16; SEGMENTS],
    pub rises: [u16; SEGMENTS],
    /// For each level, the least low byte of an estimate that belongs to the next.
    pub turns: [u8; 256],
    /// A sum below the first threshold that matters.
    pub first: i32,
    pub last: u16,
    pub scale: u16,
}

impl Squash {
    /// For sums between the two of `reach`, if 16 bits can tell apart those that differ in level and if there are such lines;
    /// for the thresholds of a tanh there are.
    pub fn new(thresholds: &[i32], [least, most]: [i32; 2]) -> Option<Self> {
        /// Whether there are lines depends on where segments end, so several ways to divide the sums are tried.
        const WAYS: i32 = 32;
        let reached = |sum| thresholds.partition_point(|threshold| *threshold <= sum);
        let start = reached(least).min(THRESHOLDS - 2);
        let reached = start..reached(most).max(start + 2);
        let relevant = &thresholds[reached.clone()];
        let ([from, second, ..], [.., before, to]) = (relevant, relevant) else {
            return None;
        };
        span([*from, *to])?;
        (1..=WAYS).find_map(|way| {
            // Less than half of a level more at both ends.
            let [below, above] = [second - from, to - before].map(|gap| gap * way / (2 * WAYS + 1));
            let first = from.checked_sub(1 + below)?;
            let last = span([first, to.checked_add(1 + above)?])?;
            // Sums count from the first: those that are reached must be near.
            least.checked_sub(first).and(most.checked_sub(first))?;
            Self::of_lines(thresholds, &reached, first, last)
        })
    }

    /// For sums from `first` on, `last` more at most, which reach these levels.
    fn of_lines(thresholds: &[i32], reached: &Range<usize>, first: i32, last: u16) -> Option<Self> {
        let scale = ((SEGMENTS << 16) - 1) / usize::from(last).max(SEGMENTS);
        let scale = u16::try_from(scale).ok()?;
        let levels = levels(thresholds, first, last);
        let sums = levels.iter().zip(0..).map(|(level, sum)| Sum {
            level: *level,
            position: u32::from(scale) * sum,
            aim: aim(thresholds, reached, first + sum as i32, (*level).into()),
        });
        let sums: Vec<Sum> = sums.collect();
        let mut squash = Self {
            bases: [0; SEGMENTS],
            rises: [0; SEGMENTS],
            turns: [u8::MAX; 256],
            first,
            last,
            scale,
        };
        for segment in sums.chunk_by(|one, next| one.segment() == next.segment()) {
            let (base, rise) = line(segment)?;
            squash.bases[segment[0].segment()] = base;
            squash.rises[segment[0].segment()] = rise;
        }
        squash.turns[..reached.start].fill(0);
        for (below, sum) in steps(&sums) {
            [_, squash.turns[usize::from(below.level)]] = squash.estimate(sum);
        }
        let right = |sum: &Sum| {
            let [level, fraction] = squash.estimate(sum);
            let turned = fraction >= squash.turns[usize::from(level)];
            level.wrapping_add(turned.into()) == sum.level
        };
        sums.iter().all(right).then_some(squash)
    }

    /// The high and the low byte of 256 times a sum's level, roughly.
    fn estimate(&self, sum: &Sum) -> [u8; 2] {
        let [base, rise] = [&self.bases, &self.rises].map(|of| of[sum.segment()]);
        base.wrapping_add(sum.part(rise)).to_be_bytes()
    }
}

/// A sum times the scale, its level, and what it is best estimated as.
struct Sum {
    level: u8,
    position: u32,
    aim: i32,
}

impl Sum {
    fn segment(&self) -> usize {
        (self.position >> 16) as usize
    }

    fn fraction(&self) -> u32 {
        self.position & 0xffff
    }

    /// What a rise adds here.
    fn part(&self, rise: u16) -> u16 {
        ((self.fraction() * u32::from(rise)) >> 16) as u16
    }
}

/// 256 times the level of a sum, counting from threshold to threshold, such that levels turn at half of 256.
fn aim(thresholds: &[i32], reached: &Range<usize>, sum: i32, level: usize) -> i32 {
    let next = level.clamp(reached.start + 1, reached.end - 1);
    let (from, to) = (thresholds[next - 1], thresholds[next]);
    256 * next as i32 + 128 - 256 * (to - sum) / (to - from).max(1)
}

/// The sums whose level is not that of the sum below, each with that.
fn steps(sums: &[Sum]) -> impl Iterator<Item = (&Sum, &Sum)> {
    let pairs = sums.iter().zip(sums.iter().skip(1));
    pairs.filter(|(below, sum)| below.level < sum.level)
}

/// The base and the rise for the sums of a segment, if there are some that tell apart the sums at every step.
fn line(sums: &[Sum]) -> Option<(u16, u16)> {
    /// Rises that are tried on either side of the best.
    const RISES: i64 = 1 << 10;
    let (first, last) = (sums.first()?, sums.last()?);
    let run = (last.fraction() - first.fraction()).max(1);
    let rise = (i64::from(last.aim - first.aim) << 16) / i64::from(run);
    let steps: Vec<_> = steps(sums).collect();
    let rises = (0..RISES).flat_map(|more| [rise + more, rise - more]);
    let mut rises = rises.filter_map(|rise| u16::try_from(rise).ok());
    rises.find_map(|rise| {
        let told_apart = |(below, sum): &(&Sum, &Sum)| below.part(rise) < sum.part(rise);
        let known = [first, last].into_iter();
        let known = known.chain(steps.iter().map(|(_, sum)| *sum));
        let bases = known.map(|sum| sum.aim - i32::from(sum.part(rise)));
        let (least, most) = (bases.clone().min()?, bases.max()?);
        let base = u16::try_from(least.midpoint(most)).ok()?;
        // Half of 256 is as far as an estimate may miss its aim.
        let fits = most - least < 256 && steps.iter().all(told_apart);
        fits.then_some((base, rise))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_lines_for_every_tanh() {
        // Units of windows from 3 x 3 on with fractions from 6 bits on.
        for unit in (0..60).map(|step: i32| 1.1f64.powi(step) * 9.0 * 64.0) {
            let threshold = |k: usize| (unit * ((k as f64 - 126.5) / 127.0).atanh()).ceil() as i32;
            let thresholds: Vec<i32> = (0..THRESHOLDS).map(threshold).collect();
            // From little of the tanh to all of it, as far as 16 bits reach.
            for tenths in 2..40 {
                let most = (unit * f64::from(tenths) / 10.0).min(28_000.0) as i32;
                for reach in [[-most, most], [-most, most / 2], [-most / 3, most]] {
                    let squash = Squash::new(&thresholds, reach);
                    assert!(squash.is_some(), "unit {unit}, sums {reach:?}");
                }
            }
        }
    }
}
