//! Modules whose contributions are straight lines: a convolution, then the squash by buckets. What the kernels for
//! vectors share.

use super::{RcModule, RcTables, window};
use crate::engine::model::{Offset, THRESHOLDS, rotate_offset};

/// Taps beside each other that one instruction multiplies and adds.
pub const TAPS: usize = 4;
/// Most runs of taps in a window: fifteen rows of fifteen.
pub const MAX_RUNS: usize = 15 * 15_usize.div_ceil(TAPS);

/// A run of taps.
pub struct Run {
    /// Where the first tap lies.
    pub offset: Offset,
    pub slopes: [i8; TAPS],
}

/// A module as a convolution and a squash.
pub struct Affine {
    /// For each rotation, all taps.
    pub runs: [Vec<Run>; 4],
    /// What the sum of the taps starts with: the lines' values at 0, less [`Squash`]'s first sum.
    pub constant: i32,
    pub squash: Squash,
}

impl Affine {
    /// The module as a convolution of an 8-bit plane, if its contributions are lines with slopes of 8 bits and its
    /// thresholds are not too dense.
    pub fn new(module: &RcModule, tables: &RcTables) -> Option<Self> {
        let entries = module.entries as usize;
        // Tables of 17 entries are interpolated: a line over nodes is a line over levels, times the interval.
        let unit = if entries == 256 { 1 } else { 16 };
        let lines = tables.contributions.chunks_exact(entries).map(line);
        let lines: Vec<(i8, i32)> = lines.collect::<Option<_>>()?;
        let constant: i32 = lines.iter().map(|(_, at_zero)| at_zero * unit).sum();
        let slopes = lines.iter().map(|(slope, _)| i32::from(*slope));
        let lowest = slopes.clone().map(|slope| slope.min(0) * 255).sum::<i32>();
        let highest = slopes.map(|slope| slope.max(0) * 255).sum::<i32>();
        let reachable = [constant + lowest, constant + highest];
        let squash = Squash::new(&tables.thresholds, reachable)?;
        let positions = || window(module).zip(&lines);
        let runs = [0, 1, 2, 3].map(|rotation| {
            runs(positions().map(|(offset, (slope, _))| (rotate_offset(rotation, offset), *slope)))
        });
        Some(Self {
            runs,
            constant: constant - squash.first,
            squash,
        })
    }
}

/// The slope and the value at 0 of a table, if it is a line whose slope has 8 bits.
fn line(entries: &[i16]) -> Option<(i8, i32)> {
    let at_zero = i32::from(entries[0]);
    let slope = i8::try_from(i32::from(entries[1]) - at_zero).ok()?;
    let on_line =
        |(v, entry): (usize, &i16)| i32::from(*entry) == at_zero + i32::from(slope) * v as i32;
    entries
        .iter()
        .enumerate()
        .all(on_line)
        .then_some((slope, at_zero))
}

/// Cuts the rows of a window into runs.
fn runs(taps: impl Iterator<Item = (Offset, i8)>) -> Vec<Run> {
    let mut taps: Vec<(Offset, i8)> = taps.collect();
    taps.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for ((dy, dx), slope) in taps {
        let open = runs
            .last_mut()
            .filter(|run| run.offset.0 == dy && dx < run.offset.1 + TAPS as i32);
        match open {
            Some(run) => run.slopes[(dx - run.offset.1) as usize] = slope,
            None => runs.push(Run {
                offset: (dy, dx),
                slopes: [slope, 0, 0, 0],
            }),
        }
    }
    runs
}

/// Counts the thresholds that a sum reaches, by buckets: a count for all below the bucket, and the few thresholds inside.
pub struct Squash {
    /// The sum that bucket 0 starts at.
    pub first: i32,
    /// Sums count from the first and are moved up so far; a bucket then is 256 of them.
    pub shift: u32,
    /// For each bucket, the thresholds below it; pages of 64 buckets.
    pub below: Box<[[u8; 64]]>,
    /// The thresholds inside the buckets, one of each bucket in each list: a sum reaches one if its low byte is greater.
    pub inside: Vec<Box<[[u8; 64]]>>,
}

/// Pages that are worth a search by vectors.
const MAX_PAGES: usize = 16;
/// Thresholds in a bucket that are worth a search by vectors.
const MAX_INSIDE: usize = 8;
/// No low byte is greater.
const NEVER: u8 = 255;

impl Squash {
    /// For sums between the two that are reachable. Smaller buckets need more pages but have fewer thresholds inside.
    fn new(thresholds: &[i32], reachable: [i32; 2]) -> Option<Self> {
        debug_assert_eq!(thresholds.len(), THRESHOLDS);
        let all = (0..=8).filter_map(|shift| Self::with_shift(thresholds, reachable, shift));
        all.min_by_key(|squash| squash.below.len() * (1 + squash.inside.len()))
    }

    fn with_shift(thresholds: &[i32], [lowest, highest]: [i32; 2], shift: u32) -> Option<Self> {
        let always = thresholds.partition_point(|threshold| *threshold <= lowest);
        let some = thresholds.partition_point(|threshold| *threshold <= highest);
        let relevant = &thresholds[always..some];
        let first = relevant.first().map_or(lowest, |threshold| threshold - 1);
        let from_first = |threshold: &i32| ((threshold - first) as usize) << shift;
        let span = relevant.last().map_or(0, from_first);
        let pages = (span >> 14) + 1;
        if pages > MAX_PAGES {
            return None;
        }
        let mut below = vec![always as u8; 64 * pages];
        let mut inside: Vec<Vec<u8>> = Vec::new();
        let mut filled = vec![0; 64 * pages];
        for threshold in relevant.iter().map(from_first) {
            let (bucket, low) = (threshold >> 8, threshold as u8);
            below[bucket + 1..].iter_mut().for_each(|count| *count += 1);
            if low == 0 {
                below[bucket] += 1;
                continue;
            }
            if filled[bucket] == inside.len() {
                inside.push(vec![NEVER; 64 * pages]);
            }
            inside[filled[bucket]][bucket] = low - 1;
            filled[bucket] += 1;
        }
        if inside.len() > MAX_INSIDE {
            return None;
        }
        let paged = |buckets: Vec<u8>| buckets.as_chunks().0.into();
        Some(Self {
            first,
            shift,
            below: paged(below),
            inside: inside.into_iter().map(paged).collect(),
        })
    }

    /// The greatest sum, counted from the first and not yet moved up, that has a bucket.
    pub fn last(&self) -> i32 {
        ((self.below.len() << 14) as i32 - 1) >> self.shift
    }
}
