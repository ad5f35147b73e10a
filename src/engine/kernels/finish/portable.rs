//! The end of a stage on any processor.

use super::{Division, POINT, Sample};
use crate::engine::kernels::slots;

pub fn rows<S: Sample>(
    division: &Division,
    sums: &[S::Sum],
    groups: usize,
    width: usize,
    outputs: &mut [S],
) {
    let side = division.side;
    let group = sums.len() / groups;
    let row_length = outputs.len() / side;
    for (row, output) in outputs.chunks_exact_mut(row_length).enumerate() {
        for (x, output) in output[..width * side].iter_mut().enumerate() {
            let place = x / side * slots(side) + row * side + x % side;
            let parts = (0..groups).map(|number| sums[number * group + place].into());
            *output = S::from_u16(division.sample(parts.sum()));
        }
    }
}

impl Division {
    /// The sample that a sum becomes.
    #[inline(always)]
    fn sample(&self, sum: i32) -> u16 {
        let dividend = (sum + self.offset).clamp(0, self.limit);
        let half_up = (((dividend >> self.shift) as u64 * self.reciprocal) >> POINT) as i32;
        let tie = half_up * self.divisor == dividend;
        (half_up - i32::from(tie) * (half_up & 1)) as u16
    }
}
