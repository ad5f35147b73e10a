//! The end of a stage for sums of 16 bits, by numbers of 16 bits alone. What the kernels for vectors share.

use super::Division;

/// How sums of 16 bits become samples.
///
/// Beyond the clamp's upper end the quotient need not be exact: it never decreases, and so is at least 255, which packing
/// to 8 bits makes of all that is above. Only an odd one is lowered as a tie, and that of 255 is one in truth.
#[derive(Clone, Copy, Debug)]
pub struct Samples {
    /// What is taken from a sum, itself moved up by 2^15, so that a floor division rounds half up; saturates at 0.
    pub below: u16,
    pub divisor: u16,
    pub shift: u16,
    /// `2^16 / odd`, rounded up, where `divisor = odd << shift`.
    pub reciprocal: u16,
}

impl Samples {
    /// Present if everything that matters fits in 16 bits: the sum of `groups` groups, cut to 16 bits if need be, must be
    /// beyond the clamp wherever it is cut.
    pub fn new(division: &Division, groups: usize) -> Option<Self> {
        let cut_is_beyond =
            division.offset <= division.divisor && division.limit <= i16::MAX.into();
        if groups > 2 || groups == 2 && !cut_is_beyond || division.limit > u16::MAX.into() {
            return None;
        }
        // A divisor that is a power of two is halved once less, for its reciprocal to have 16 bits.
        let shift = division.shift - u32::from(division.divisor.count_ones() == 1);
        let odd = (division.divisor >> shift) as u32;
        Some(Self {
            below: u16::try_from((1 << 15) - division.offset).ok()?,
            divisor: division.divisor as u16,
            shift: shift as u16,
            reciprocal: (1u32 << 16).div_ceil(odd) as u16,
        })
    }
}
