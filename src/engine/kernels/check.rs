//! What the tests of kernels share: instruction sets, widths, rows that are hard to get right, and canaries.

use super::{LANES, padded_width};
use crate::engine::cpu::Cpu;

/// The instruction sets that the processor has, those that it lacks told.
pub fn cpus() -> impl Iterator<Item = Cpu> {
    Cpu::ALL.into_iter().filter(|cpu| {
        let has = *cpu <= Cpu::detected();
        if !has {
            println!("SKIPPED: {} is more than this processor has", cpu.name());
        }
        has
    })
}

/// Widths around every boundary of a vector of 16, 32 or 64 pixels.
pub fn widths() -> impl Iterator<Item = usize> {
    (1..=130).filter(|width| (width + 2) % 16 < 5)
}

/// Rows of every content and such widths.
pub fn cases() -> impl Iterator<Item = (usize, Content)> {
    widths().flat_map(|width| Content::ALL.map(|content| (width, content)))
}

/// Numbers that look random and are the same in each run.
pub fn noise(seed: u32) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    }
}

/// What a row of samples shows.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    Noise,
    /// Few fractions of 4-bit intervals: ties, the ends, and every order of four axes.
    Ties,
    /// Neighbours differ little, as in an image.
    Smooth,
}

impl Content {
    pub const ALL: [Self; 3] = [Self::Noise, Self::Ties, Self::Smooth];

    /// A row of samples of `depth` bits, as long.
    pub fn deep_row(self, width: usize, seed: u32, depth: u32) -> Vec<u16> {
        let mut noise = noise(seed + 100);
        let (bits, last) = (depth - 8, (1 << (depth - 4)) - 1);
        let deeper = |high: u8| match self {
            // The fractions are those of intervals that have grown.
            Self::Ties => {
                u16::from(high >> 4) << (depth - 4) | [0, 1, last / 2, last][noise() as usize % 4]
            }
            Self::Noise | Self::Smooth => {
                u16::from(high) << bits | noise() as u16 & ((1 << bits) - 1)
            }
        };
        self.row(width, seed).into_iter().map(deeper).collect()
    }

    /// A row as long as a kernel of `width` pixels may read, and no longer.
    pub fn row(self, width: usize, seed: u32) -> Vec<u8> {
        let mut noise = noise(seed);
        let sample = |x: usize| match self {
            Self::Noise => noise() as u8,
            Self::Ties => (noise() as u8 & 0xf0) | [0, 1, 8, 15][noise() as usize % 4],
            Self::Smooth => (2 * x as u32 + noise() % 8) as u8,
        };
        (0..padded_width(width)).map(sample).collect()
    }
}

/// What lies behind a destination, before and after.
const CANARY: i16 = 0x5a5a;

/// Sums for `width` pixels of `slots`, followed by canaries.
pub fn guarded_sums<A: Clone + From<i16>>(width: usize, slots: usize) -> Vec<A> {
    let mut sums = vec![A::from(-3); padded_width(width) * slots];
    sums.resize(sums.len() + LANES * slots, A::from(CANARY));
    sums
}

/// The sums of the pixels, once the canaries are seen to be alive.
pub fn unguarded<A: PartialEq + From<i16>>(sums: &[A], width: usize, slots: usize) -> &[A] {
    let behind = &sums[padded_width(width) * slots..];
    assert!(
        behind.iter().all(|v| *v == A::from(CANARY)),
        "wrote behind {width} pixels"
    );
    &sums[..width * slots]
}
