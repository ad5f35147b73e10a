//! What is done to a row of pixels: one folder for each operation, in it one file for each instruction set.
//!
//! A kernel reads padded rows, all of them at least [`padded_width`] samples long, and so never minds the border.

pub mod finish;
pub mod point;
pub mod rc;
pub mod resample;
pub mod simplex;
pub mod unfold;
#[cfg(target_arch = "x86_64")]
mod widening;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod check;

use super::model::rotate_sub_pixel;

/// Pixels that the widest kernel handles at a time.
pub const LANES: usize = 64;

/// Pixels that a kernel may touch in a row of `width` pixels.
#[must_use]
pub fn padded_width(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

/// A sample of a plane: `u8`, or `u16` with 8 to 16 significant bits.
pub trait Sample: Copy + Default + Eq + Send + Sync + Into<u16> + 'static {
    /// Holds the sum of as many look-ups as [`finish::Finish::branches_per_sum`] allows.
    type Sum: Accumulator;

    /// The sample with this value, which fits.
    fn from_u16(value: u16) -> Self;

    /// Copies every `step`-th sample of `from`, without the bits above `depth`.
    fn load(from: &[Self], step: usize, depth: u32, to: &mut [Self]) {
        let mask = u16::MAX >> (16 - depth);
        let copy = |(to, from): (&mut Self, &Self)| *to = Self::from_u16((*from).into() & mask);
        match step {
            // A loop of its own, for vectors.
            1 => to.iter_mut().zip(from).for_each(copy),
            _ => to.iter_mut().zip(from.iter().step_by(step)).for_each(copy),
        }
    }

    /// The row as it is, for kernels of 8-bit planes.
    ///
    /// # Panics
    /// If samples have more than 8 bits: the plan gives such planes other kernels.
    fn bytes(row: &[Self]) -> &[u8];

    /// As [`Sample::bytes`].
    fn bytes_mut(row: &mut [Self]) -> &mut [u8];

    /// The row as it is, for kernels of deeper planes.
    ///
    /// # Panics
    /// If samples have 8 bits.
    fn words(row: &[Self]) -> &[u16];

    /// As [`Sample::words`].
    fn words_mut(row: &mut [Self]) -> &mut [u16];
}

/// Sums of look-ups, each a look-up's value times the interval.
pub trait Accumulator: Copy + Default + Send + Sync + Into<i32> + 'static {
    /// Adds a value; whoever adds knows that the sum fits.
    fn add(&mut self, value: i32);

    /// The sums as they are, if they have 16 bits.
    fn narrow_mut(sums: &mut [Self]) -> Option<&mut [i16]>;

    /// The sums as they are, for kernels of 8-bit planes.
    ///
    /// # Panics
    /// If they have more than 16 bits: the plan gives deeper planes other kernels.
    fn sixteen_bits_mut(sums: &mut [Self]) -> &mut [i16] {
        Self::narrow_mut(sums).expect("sums of an 8-bit plane")
    }

    /// As [`Accumulator::sixteen_bits_mut`].
    fn sixteen_bits(sums: &[Self]) -> &[i16];

    /// The sums as they are, for kernels of deeper planes.
    ///
    /// # Panics
    /// If they have 16 bits.
    fn thirty_two_bits_mut(sums: &mut [Self]) -> &mut [i32];

    /// As [`Accumulator::thirty_two_bits_mut`].
    fn thirty_two_bits(sums: &[Self]) -> &[i32];
}

impl Sample for u8 {
    type Sum = i16;

    fn from_u16(value: u16) -> Self {
        value as Self
    }

    fn bytes(row: &[Self]) -> &[u8] {
        row
    }

    fn bytes_mut(row: &mut [Self]) -> &mut [u8] {
        row
    }

    fn words(_: &[Self]) -> &[u16] {
        unreachable!("a kernel of deeper planes for one of 8 bits")
    }

    fn words_mut(_: &mut [Self]) -> &mut [u16] {
        unreachable!("a kernel of deeper planes for one of 8 bits")
    }
}

impl Sample for u16 {
    type Sum = i32;

    fn from_u16(value: u16) -> Self {
        value
    }

    fn bytes(_: &[Self]) -> &[u8] {
        unreachable!("a kernel of 8-bit planes for a deeper one")
    }

    fn bytes_mut(_: &mut [Self]) -> &mut [u8] {
        unreachable!("a kernel of 8-bit planes for a deeper one")
    }

    fn words(row: &[Self]) -> &[u16] {
        row
    }

    fn words_mut(row: &mut [Self]) -> &mut [u16] {
        row
    }
}

impl Accumulator for i16 {
    fn add(&mut self, value: i32) {
        *self = self.wrapping_add(value as Self);
    }

    fn narrow_mut(sums: &mut [Self]) -> Option<&mut [i16]> {
        Some(sums)
    }

    fn sixteen_bits(sums: &[Self]) -> &[i16] {
        sums
    }

    fn thirty_two_bits_mut(_: &mut [Self]) -> &mut [i32] {
        unreachable!("a kernel of deeper planes for one of 8 bits")
    }

    fn thirty_two_bits(_: &[Self]) -> &[i32] {
        unreachable!("a kernel of deeper planes for one of 8 bits")
    }
}

impl Accumulator for i32 {
    fn add(&mut self, value: i32) {
        *self += value;
    }

    fn narrow_mut(_: &mut [Self]) -> Option<&mut [i16]> {
        None
    }

    fn sixteen_bits(_: &[Self]) -> &[i16] {
        unreachable!("a kernel of 8-bit planes for a deeper one")
    }

    fn thirty_two_bits_mut(sums: &mut [Self]) -> &mut [i32] {
        sums
    }

    fn thirty_two_bits(sums: &[Self]) -> &[i32] {
        sums
    }
}

/// Sums that a pixel has room for in a row: those of its `side^2` outputs, and at scale 3 as many as at scale 4, so that
/// vectors hold whole pixels.
#[must_use]
pub fn slots(side: usize) -> usize {
    match side {
        1 | 2 => side * side,
        _ => 16,
    }
}

/// For each rotation, where each of an entry's `scale^2` values lands in the unrotated block (ARITHMETIC section 2).
#[must_use]
pub fn sub_pixel_places(scale: usize) -> [Vec<usize>; 4] {
    std::array::from_fn(|rotation| {
        let sub_pixels = (0..scale * scale).map(|entry| (entry / scale, entry % scale));
        let rotated = sub_pixels.map(|sub_pixel| rotate_sub_pixel(rotation, sub_pixel, scale));
        rotated.map(|(row, column)| row * scale + column).collect()
    })
}
