//! One-dimensional tables behind an RC module: one entry for each rotation, no interpolation (ARITHMETIC section 4).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
use super::widening::Widening;
use super::{Accumulator, simplex::Table};
use crate::engine::cpu::Cpu;

/// The table of one branch, ready to add.
pub struct Point {
    kernel: Kernel,
    #[cfg(target_arch = "x86_64")]
    widening: Widening,
}

enum Kernel {
    Portable(portable::Point),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Point),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Point),
}

impl Point {
    /// Packs a table of 256 entries.
    #[must_use]
    pub fn new(table: &Table, cpu: Cpu) -> Self {
        let kernel = match cpu {
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx512 if table.side <= 2 => Kernel::Avx512(avx512::Point::new(table)),
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx2 | Cpu::Avx512 => Kernel::Avx2(avx2::Point::new(table)),
            _ => Kernel::Portable(portable::Point::new(table)),
        };
        Self {
            kernel,
            #[cfg(target_arch = "x86_64")]
            widening: Widening::new(table),
        }
    }

    /// Adds the entries of `width` pixels to `sums`; `inputs` has a row of RC planes for each rotation.
    pub fn add<A: Accumulator>(&self, inputs: &[&[u8]; 4], width: usize, sums: &mut [A]) {
        match &self.kernel {
            Kernel::Portable(kernel) => kernel.add(inputs, width, sums),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(kernel) => self.widening.add(width, sums, |x, width, sums| {
                let inputs = inputs.map(|row| &row[x..]);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { kernel.add(&inputs, width, sums) }
            }),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(kernel) => self.widening.add(width, sums, |x, width, sums| {
                let inputs = inputs.map(|row| &row[x..]);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { kernel.add(&inputs, width, sums) }
            }),
        }
    }
}
