//! One row: four source rows blended into one, then spread to the output's width.

use super::weights::{Axis, Phase, WEIGHT_BITS};
use crate::engine::cpu::Cpu;

/// Samples that a blended row repeats on either side.
pub const EDGE: usize = 2;

/// Fraction bits of a blended sample.
const BLEND_BITS: u32 = 6;

const fn half(bits: u32) -> i64 {
    1 << (bits - 1)
}

/// A width of sample; a blended one is as narrow as its range allows (-0.125 to 1.125 of white).
pub trait Blendable: Copy + Sync + Send {
    type Blended: Copy + Default + Send;

    /// The weighted sum of four samples down a column, with `BLEND_BITS` of fraction; bits above `white` are ignored.
    fn blend(taps: [Self; 4], weights: [i32; 4], white: Self) -> Self::Blended;

    /// The weighted sum of four blended samples along a row, rounded and held to `0..=white`.
    fn finish(taps: [Self::Blended; 4], weights: [i32; 4], white: Self) -> Self;

    /// Blends neighbouring samples by vectors as far as there is a kernel for it; the samples done.
    fn blend_rows(_: [&[Self]; 4], _: [i32; 4], _: &mut [Self::Blended], _: Cpu) -> usize {
        0
    }

    /// Spreads a row over neighbouring samples by vectors as far as there is a kernel for it; the blended samples done.
    fn spread_row(_: &[Self::Blended], _: &[Phase], _: &mut [Self], _: Cpu) -> usize {
        0
    }
}

impl Blendable for u8 {
    type Blended = i16;

    #[inline(always)]
    fn blend(taps: [u8; 4], weights: [i32; 4], _white: u8) -> i16 {
        const DROP: u32 = WEIGHT_BITS - BLEND_BITS;
        let sum: i32 = (0..4).map(|k| i32::from(taps[k]) * weights[k]).sum();
        ((sum + half(DROP) as i32) >> DROP) as i16
    }

    #[inline(always)]
    fn finish(taps: [i16; 4], weights: [i32; 4], white: u8) -> u8 {
        const DROP: u32 = WEIGHT_BITS + BLEND_BITS;
        let sum: i32 = (0..4).map(|k| i32::from(taps[k]) * weights[k]).sum();
        ((sum + half(DROP) as i32) >> DROP).clamp(0, i32::from(white)) as u8
    }

    fn blend_rows(rows: [&[u8]; 4], weights: [i32; 4], blended: &mut [i16], cpu: Cpu) -> usize {
        match cpu {
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx512 => {
                const DROP: u32 = WEIGHT_BITS - BLEND_BITS;
                // SAFETY: the resampler asks for no more than the processor has.
                unsafe { super::avx512::blend(rows, weights, blended, DROP) }
            }
            _ => 0,
        }
    }

    fn spread_row(blended: &[i16], phases: &[Phase], row: &mut [u8], cpu: Cpu) -> usize {
        #[cfg(target_arch = "x86_64")]
        const DROP: u32 = WEIGHT_BITS + BLEND_BITS;
        match cpu {
            // SAFETY: the resampler asks for no more than the processor has.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx512 => unsafe { super::avx512::spread(blended, phases, row, DROP) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx2 => unsafe { super::avx2::spread(blended, phases, row, DROP as i32) },
            _ => 0,
        }
    }
}

impl Blendable for u16 {
    type Blended = i32;

    #[inline(always)]
    fn blend(taps: [u16; 4], weights: [i32; 4], white: u16) -> i32 {
        const DROP: u32 = WEIGHT_BITS - BLEND_BITS;
        let taps = taps.map(|tap| i32::from(tap & white));
        let sum: i32 = (0..4).map(|k| taps[k] * weights[k]).sum();
        (sum + half(DROP) as i32) >> DROP
    }

    #[inline(always)]
    fn finish(taps: [i32; 4], weights: [i32; 4], white: u16) -> u16 {
        const DROP: u32 = WEIGHT_BITS + BLEND_BITS;
        let sum: i64 = (0..4)
            .map(|k| i64::from(taps[k]) * i64::from(weights[k]))
            .sum();
        ((sum + half(DROP)) >> DROP).clamp(0, i64::from(white)) as u16
    }
}

/// Blends four rows, whose samples lie `step` apart, and repeats the ends of the result.
pub fn blend<T: Blendable>(
    rows: [&[T]; 4],
    step: usize,
    weights: [i32; 4],
    white: T,
    blended: &mut [T::Blended],
    cpu: Cpu,
) {
    let width = blended.len() - 2 * EDGE;
    let middle = &mut blended[EDGE..][..width];
    let done = match step {
        1 => T::blend_rows(rows, weights, middle, cpu),
        _ => 0,
    };
    let rest = &mut middle[done..];
    let rows = rows.map(|row| &row[done * step..]);
    // A step known to the compiler lets it use vectors.
    match step {
        // SAFETY: the resampler asks for no more than the processor has.
        #[cfg(target_arch = "x86_64")]
        1 if cpu >= Cpu::Avx2 => unsafe { blend_avx2(rows, weights, white, rest) },
        1 => blend_stepped(rows, 1, weights, white, rest),
        2 => blend_stepped(rows, 2, weights, white, rest),
        4 => blend_stepped(rows, 4, weights, white, rest),
        _ => blend_stepped(rows, step, weights, white, rest),
    }
    let (left, right) = (middle[0], middle[width - 1]);
    blended[..EDGE].fill(left);
    blended[EDGE + width..].fill(right);
}

/// As it is, with wider vectors.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn blend_avx2<T: Blendable>(
    rows: [&[T]; 4],
    weights: [i32; 4],
    white: T,
    blended: &mut [T::Blended],
) {
    blend_stepped(rows, 1, weights, white, blended);
}

#[inline(always)]
fn blend_stepped<T: Blendable>(
    rows: [&[T]; 4],
    step: usize,
    weights: [i32; 4],
    white: T,
    blended: &mut [T::Blended],
) {
    let Some(last) = blended.len().checked_sub(1) else {
        return;
    };
    let rows = rows.map(|row| &row[..last * step + 1]);
    for (x, blended) in blended.iter_mut().enumerate() {
        *blended = T::blend(rows.map(|row| row[x * step]), weights, white);
    }
}

/// Spreads a blended row over an output row, whose samples lie `step` apart.
pub fn spread<T: Blendable>(
    blended: &[T::Blended],
    axis: &Axis,
    white: T,
    row: &mut [T],
    step: usize,
    cpu: Cpu,
) {
    let done = match step {
        1 => T::spread_row(blended, axis.phases(), row, cpu),
        _ => 0,
    };
    let blended = &blended[done..];
    let row = &mut row[done * axis.phases().len()..];
    for (k, phase) in axis.phases().iter().enumerate() {
        let Some(row) = row.get_mut(k * step..) else {
            return;
        };
        // Steps known to the compiler let it use vectors.
        match axis.phases().len() * step {
            1 => spread_phase(blended, phase, white, row, 1),
            2 => spread_phase(blended, phase, white, row, 2),
            4 => spread_phase(blended, phase, white, row, 4),
            step => spread_phase(blended, phase, white, row, step),
        }
    }
}

#[inline(always)]
fn spread_phase<T: Blendable>(
    blended: &[T::Blended],
    phase: &Phase,
    white: T,
    row: &mut [T],
    step: usize,
) {
    let taps = blended[phase.first..].windows(4);
    for (sample, taps) in row.iter_mut().step_by(step).zip(taps) {
        *sample = T::finish([taps[0], taps[1], taps[2], taps[3]], phase.weights, white);
    }
}
