//! The end of a stage: bias, division rounded half to even, clamp (ARITHMETIC sections 3 and 5).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod deep;
mod portable;
#[cfg(target_arch = "x86_64")]
mod sixteen_bits;

use super::{Accumulator, Sample};
use crate::engine::{cpu::Cpu, model::Rounding};

/// The end of one stage, for the sum of `groups` parts.
pub struct Finish {
    division: Division,
    groups: usize,
    kernel: Kernel,
}

enum Kernel {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(sixteen_bits::Samples),
    #[cfg(target_arch = "x86_64")]
    Avx512(sixteen_bits::Samples),
    #[cfg(target_arch = "x86_64")]
    Deep(deep::Samples),
}

/// Turns sums into samples, exactly, by a multiplication.
///
/// At more than 8 bits the stage's own `q` cancels against the `2^(depth-8)` that section 5 multiplies by: at any depth
/// a sample is `clamp(rhe(S / divisor) + bias, 0, max)` with the same divisor.
#[derive(Clone, Copy, Debug)]
struct Division {
    /// Output pixels a side for each pixel.
    side: usize,
    /// `bias * divisor + divisor / 2`: with it a floor division rounds half up.
    offset: i32,
    divisor: i32,
    /// Largest sum, offset included, that the clamp leaves alone.
    limit: i32,
    /// `divisor = odd << shift`
    shift: u32,
    /// `2^POINT / odd`, rounded up.
    reciprocal: u64,
}

/// A dividend without its `shift` low bits is below 2^20, and `odd` is at most 15: so many bits make the product exact,
/// as the excess of the reciprocal, below `odd / 2^POINT`, never adds up to the next multiple of `1 / odd`.
const POINT: u32 = 24;

impl Division {
    fn new(stage: &Stage, side: usize, depth: u32) -> Self {
        let branches = stage.branches as i32;
        let (average, bias) = match stage.rounding {
            Rounding::Mid => (4 * branches, 127 << (depth - 8)),
            Rounding::Last => (branches, 0),
        };
        let divisor = average << stage.interval;
        let max = (1 << depth) - 1;
        let shift = divisor.trailing_zeros();
        Self {
            side,
            offset: bias * divisor + divisor / 2,
            divisor,
            limit: max * divisor + divisor / 2 - 1,
            shift,
            reciprocal: (1u64 << POINT).div_ceil((divisor >> shift) as u64),
        }
    }
}

/// What a stage's end depends on.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    pub rounding: Rounding,
    /// How many branches are summed, 1..=16.
    pub branches: usize,
    /// Interval bits of their tables.
    pub interval: u32,
}

impl Stage {
    /// How many branches the 16-bit sums of 8-bit planes can hold: an entry is at least -128, and a branch makes four
    /// look-ups.
    #[must_use]
    pub fn branches_per_sum(&self) -> usize {
        (1 << 15) / ((4 * 128) << self.interval)
    }
}

impl Finish {
    /// For the sum of `groups` parts of a stage that makes `side^2` samples of `depth` bits for each pixel.
    #[must_use]
    pub fn new(stage: &Stage, groups: usize, side: usize, depth: u32, cpu: Cpu) -> Self {
        let division = Division::new(stage, side, depth);
        let kernel = match cpu {
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx2 | Cpu::Avx512 if depth > 8 && groups == 1 => {
                Some(Kernel::Deep(deep::Samples::new(&division)))
            }
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx2 => sixteen_bits::Samples::new(&division, groups).map(Kernel::Avx2),
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx512 => sixteen_bits::Samples::new(&division, groups).map(Kernel::Avx512),
            _ => None,
        };
        Self {
            division,
            groups,
            kernel: kernel.unwrap_or(Kernel::Portable),
        }
    }

    /// Output pixels a side for each pixel.
    #[must_use]
    pub fn side(&self) -> usize {
        self.division.side
    }

    /// Parts of a sum.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Turns the sums of `width` pixels into `side` rows of samples.
    ///
    /// `sums` has as many equal parts as there are groups, [`slots`](super::slots) for each pixel in each; `outputs` has
    /// `side` equal parts, one for each row.
    pub fn rows<S: Sample>(&self, sums: &[S::Sum], width: usize, outputs: &mut [S]) {
        match self.kernel {
            Kernel::Portable => {
                portable::rows(&self.division, sums, self.groups, width, outputs);
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Deep(samples) => {
                let sums = S::Sum::thirty_two_bits(sums);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { deep::rows(samples, sums, width, S::words_mut(outputs)) }
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(samples) => {
                let sums = S::Sum::sixteen_bits(sums);
                let outputs = S::bytes_mut(outputs);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe {
                    match self.division.side {
                        1 => avx2::one(samples, sums, self.groups, width, outputs),
                        2 => avx2::four(samples, sums, self.groups, width, outputs),
                        3 => avx2::wide::<3>(samples, sums, self.groups, width, outputs),
                        _ => avx2::wide::<4>(samples, sums, self.groups, width, outputs),
                    }
                }
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(samples) => {
                let sums = S::Sum::sixteen_bits(sums);
                let outputs = S::bytes_mut(outputs);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe {
                    match self.division.side {
                        1 => avx512::one(samples, sums, self.groups, width, outputs),
                        2 => avx512::four(samples, sums, self.groups, width, outputs),
                        side => avx512::wide(samples, sums, self.groups, width, side, outputs),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        kernels::{
            check::{cpus, widths},
            padded_width, slots,
        },
        reference,
    };

    /// Every kind of stage end.
    fn stages() -> impl Iterator<Item = Stage> {
        [Rounding::Mid, Rounding::Last]
            .into_iter()
            .flat_map(|rounding| {
                (3..=6).flat_map(move |interval| {
                    (1..=16).map(move |branches| Stage {
                        rounding,
                        branches,
                        interval,
                    })
                })
            })
    }

    /// Finishes sums, one for each pixel, and compares with the reference.
    fn check<S: Sample>(stage: &Stage, groups: &[Vec<S::Sum>], depth: u32, cpu: Cpu) {
        let finish = Finish::new(stage, groups.len(), 1, depth, cpu);
        let oracle =
            reference::Division::new(stage.rounding, stage.branches, stage.interval, depth);
        let width = groups[0].len();
        let padded = padded_width(width);
        let mut sums = Vec::new();
        for group in groups {
            sums.extend_from_slice(group);
            sums.resize(sums.len() + padded - width, S::Sum::default());
        }
        let mut output = vec![S::default(); padded];
        finish.rows(&sums, width, &mut output);
        for (x, found) in output[..width].iter().enumerate() {
            let sum: i64 = groups.iter().map(|group| i64::from(group[x].into())).sum();
            let found: u16 = (*found).into();
            assert_eq!(
                found,
                oracle.apply(sum),
                "sum {sum} of {stage:?}, {depth} bits, {cpu:?}"
            );
        }
    }

    /// Sums as far as `furthest`: the ties, their neighbours and the ends, or all of them where vectors work.
    fn sums(stage: &Stage, furthest: i32) -> Vec<i32> {
        if stage.interval == 4 {
            return (-furthest..furthest).collect();
        }
        let half = Division::new(stage, 1, 8).divisor / 2;
        let ties = (-furthest / half + 1..furthest / half).flat_map(|tie| {
            let tie = tie * half;
            tie - 1..=tie + 1
        });
        ties.chain([-furthest, furthest - 1]).collect()
    }

    #[test]
    fn every_sum_becomes_the_sample_that_the_reference_says() {
        for cpu in cpus() {
            for stage in stages() {
                let per_sum = stage.branches_per_sum();
                let groups = stage.branches.div_ceil(per_sum) as i32;
                let sums = sums(&stage, (512 << stage.interval) * stage.branches as i32);
                // Each group takes as much of the sum as it can hold.
                let part = |sum: &i32, group: i32| {
                    let share = |n: i32| sum * n / groups;
                    (share(group + 1) - share(group)) as i16
                };
                let parts =
                    (0..groups).map(|group| sums.iter().map(|sum| part(sum, group)).collect());
                check::<u8>(&stage, &parts.collect::<Vec<_>>(), 8, cpu);
            }
        }
    }

    #[test]
    fn deep_sums_become_the_samples_that_the_reference_says() {
        let cases = cpus().flat_map(|cpu| stages().map(move |stage| (cpu, stage)));
        for (cpu, stage) in cases {
            for depth in [9, 10, 12, 16] {
                let furthest = (512 * stage.branches as i32) << (stage.interval + depth - 8);
                // Ties and their neighbours, some of each size, and the ends.
                let half = Division::new(&stage, 1, depth).divisor / 2;
                let ties =
                    (-furthest / half..=furthest / half).step_by(1 + 7 * (depth as usize - 9));
                let sums = ties.flat_map(|tie| tie * half - 1..=tie * half + 1);
                let sums = sums.chain([-furthest, furthest - 1]).collect();
                check::<u16>(&stage, &[sums], depth, cpu);
            }
        }
    }

    /// The samples of a pixel land where they belong, and sums of two groups whose total has more than 16 bits are cut
    /// only where the clamp hides it.
    #[test]
    fn blocks_are_laid_out_alike_by_every_instruction_set() {
        for side in 1..=4 {
            for (branches, groups) in [(3, 1), (4, 1), (5, 2), (8, 2), (9, 3)] {
                let stage = Stage {
                    rounding: Rounding::Last,
                    branches,
                    interval: 4,
                };
                for width in widths() {
                    let padded = padded_width(width);
                    let count = groups * padded * slots(side);
                    let sums: Vec<i16> = (0..count as i32)
                        .map(|i| (i * 7919 % 65_536 - 32_768) as i16)
                        .collect();
                    let rows = |cpu| {
                        let mut output = vec![0u8; side * side * padded];
                        Finish::new(&stage, groups, side, 8, cpu).rows(&sums, width, &mut output);
                        let rows = output.chunks_exact(side * padded);
                        rows.flat_map(|row| row[..width * side].to_vec())
                            .collect::<Vec<_>>()
                    };
                    let expected = rows(Cpu::Portable);
                    for cpu in cpus() {
                        assert_eq!(
                            rows(cpu),
                            expected,
                            "{side} a side, {branches} branches, {width} pixels, {cpu:?}"
                        );
                    }
                }
            }
        }
    }
}
