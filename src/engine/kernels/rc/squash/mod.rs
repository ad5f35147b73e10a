//! How a sum becomes a level: what vector kernels look up in place of searching the thresholds.

mod avx512;

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

/// Levels by lines over segments of the sums, each at most one too low, and the threshold that decides.
///
/// A sum counts from `first` and is clamped to `0..=last`. Times `scale`, its high half is the number of its segment and
/// its low half the fraction of it. The segment's base and that fraction of its rise make 256 times a level that is right
/// or one too low: the latter if the sum reaches the next threshold above that level.
#[repr(C, align(64))]
pub struct Squash {
    pub bases: [u16; SEGMENTS],
    pub rises: [u16; SEGMENTS],
    /// For each level, the low and the high byte of the next threshold.
    pub next: [[u8; 256]; 2],
    /// A sum below the first threshold that any reaches.
    pub first: i32,
    pub last: u16,
    pub scale: u16,
}

impl Squash {
    /// For sums between the two of `reach`, if 16 bits can tell apart those that differ in level and if there are such lines;
    /// for the thresholds of a tanh there are.
    pub fn new(thresholds: &[i32], [least, most]: [i32; 2]) -> Option<Self> {
        let reached = |sum| thresholds.partition_point(|threshold| *threshold <= sum);
        let relevant = &thresholds[reached(least)..reached(most)];
        let first = relevant.first().map_or(least, |threshold| threshold - 1);
        let last = span([first, *relevant.last().unwrap_or(&first)])?;
        if last == u16::MAX {
            return None;
        }
        let scale = ((SEGMENTS << 16) - 1) / usize::from(last).max(SEGMENTS);
        let mut squash = Self {
            bases: [0; SEGMENTS],
            rises: [0; SEGMENTS],
            next: [[u8::MAX; 256]; 2],
            first,
            last,
            scale: scale as u16,
        };
        for (level, threshold) in thresholds.iter().enumerate() {
            // Those below the first are always reached, those above the last never.
            let next = threshold.saturating_sub(first);
            let next = next.clamp(0, i32::from(u16::MAX)) as u16;
            let [low, high] = next.to_le_bytes();
            squash.next[0][level] = low;
            squash.next[1][level] = high;
        }
        let levels = levels(thresholds, first, last);
        let sums = levels.iter().zip(0..).map(|(level, sum)| Sum {
            level: (*level).into(),
            position: u32::from(squash.scale) * sum,
        });
        let sums: Vec<Sum> = sums.collect();
        for segment in sums.chunk_by(|one, next| one.segment() == next.segment()) {
            let (base, rise) = line(segment, squash.scale)?;
            squash.bases[segment[0].segment()] = base;
            squash.rises[segment[0].segment()] = rise;
        }
        Some(squash)
    }
}

/// A sum times the scale, and its level.
struct Sum {
    level: i32,
    position: u32,
}

impl Sum {
    fn segment(&self) -> usize {
        (self.position >> 16) as usize
    }

    /// What a rise adds here.
    fn part(&self, rise: u16) -> i32 {
        (((self.position & 0xffff) * u32::from(rise)) >> 16) as i32
    }
}

/// The base and the rise for the sums of a segment. That they fit is seen sum by sum.
fn line(sums: &[Sum], scale: u16) -> Option<(u16, u16)> {
    let steps = sums.windows(2).zip(0..);
    let mut steps = steps.filter(|(pair, _)| pair[0].level < pair[1].level);
    let first = steps.next();
    let rise = match (first, steps.last()) {
        (Some((from, start)), Some((to, end))) => {
            let levels = (to[1].level - from[1].level) as u64;
            levels * (256 << 16) / ((end - start) * u64::from(scale))
        }
        _ => 0,
    };
    let rise = u16::try_from(rise).ok()?;
    let lowest = sums
        .iter()
        .map(|sum| 256 * (sum.level - 1).max(0) - sum.part(rise));
    let highest = sums
        .iter()
        .map(|sum| 256 * sum.level + 255 - sum.part(rise));
    let (lowest, highest) = (lowest.max()?, highest.min()?);
    let base = u16::try_from(lowest.midpoint(highest)).ok()?;
    (lowest <= highest).then_some((base, rise))
}
