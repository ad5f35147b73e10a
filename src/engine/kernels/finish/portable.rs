//! The end of a stage on any processor.

use super::{Finish, POINT, Sample};
use crate::engine::kernels::slots;

pub fn rows<S: Sample>(
    finish: &Finish,
    sums: &[S::Sum],
    groups: usize,
    width: usize,
    outputs: &mut [S],
) {
    let side = finish.side;
    let group = sums.len() / groups;
    let row_length = outputs.len() / side;
    for (row, output) in outputs.chunks_exact_mut(row_length).enumerate() {
        for (x, output) in output[..width * side].iter_mut().enumerate() {
            let place = x / side * slots(side) + row * side + x % side;
            let parts = (0..groups).map(|number| sums[number * group + place].into());
            *output = S::from_u16(finish.sample(parts.sum()));
        }
    }
}

impl Finish {
    /// The sample that a sum becomes.
    #[inline(always)]
    fn sample(&self, sum: i32) -> u16 {
        let dividend = (sum + self.offset).clamp(0, self.limit);
        let half_up = (((dividend >> self.shift) as u64 * self.reciprocal) >> POINT) as i32;
        let tie = half_up * self.divisor == dividend;
        (half_up - i32::from(tie) * (half_up & 1)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{model::Rounding, reference::Division};

    #[test]
    fn every_sum_becomes_the_sample_that_the_reference_says() {
        for rounding in [Rounding::Mid, Rounding::Last] {
            for interval in 3..=6 {
                for branches in 1..=16 {
                    let division = Division::new(rounding, branches, interval, 8);
                    let finish = Finish::new(rounding, branches, interval, 1, 8);
                    let furthest = (4 * 128 * branches as i32) << interval;
                    for sum in -furthest..=furthest {
                        assert_eq!(
                            finish.sample(sum),
                            division.apply(sum.into()),
                            "{sum} by {finish:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn deep_sums_become_the_samples_that_the_reference_says() {
        for rounding in [Rounding::Mid, Rounding::Last] {
            for (interval, branches) in [(3, 15), (4, 1), (4, 3), (4, 13), (5, 7), (6, 16)] {
                for depth in [9, 10, 12, 16] {
                    let division = Division::new(rounding, branches, interval, depth);
                    let finish = Finish::new(rounding, branches, interval, 1, depth);
                    let furthest = (4 * 128 * branches as i32) << (interval + depth - 8);
                    // Every tie and its neighbours, and the ends.
                    let half = finish.divisor / 2;
                    let ties = (-furthest / half..=furthest / half).map(|n| n * half);
                    for sum in ties.flat_map(|tie| tie - 1..=tie + 1) {
                        assert_eq!(
                            finish.sample(sum),
                            division.apply(sum.into()),
                            "{sum} by {finish:?}"
                        );
                    }
                }
            }
        }
    }
}
