//! RC modules: a window of one-dimensional contributions, summed and squashed, in four rotations (ARITHMETIC section 4).

#[cfg(target_arch = "x86_64")]
mod affine;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(target_arch = "x86_64")]
mod squash;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod window;

use super::Sample;
use crate::engine::{
    cpu::Cpu,
    model::{Offset, RcModule, RcTables, rotate_offset},
};

/// One module, ready to make its four planes.
pub struct Module {
    kernel: Kernel,
}

enum Kernel {
    Portable(portable::Module),
    #[cfg(target_arch = "x86_64")]
    Avx2Lines(avx2::Convolution),
    #[cfg(target_arch = "x86_64")]
    Avx512Lines(Box<avx512::Convolution>),
}

/// Where the positions of a window lie, in the order of its contributions.
fn offsets(module: &RcModule) -> impl Iterator<Item = Offset> + use<> {
    let range = module.origin..module.origin + module.size as i32;
    let rows = range.clone();
    rows.flat_map(move |dy| range.clone().map(move |dx| (dy, dx)))
}

impl Module {
    /// Packs a module for planes of `depth` bits. Only planes of 8 bits have kernels above [`Cpu::Portable`].
    #[must_use]
    pub fn new(module: &RcModule, tables: &RcTables, depth: u32, cpu: Cpu) -> Self {
        let kernel = match cpu {
            #[cfg(target_arch = "x86_64")]
            Cpu::Avx2 | Cpu::Avx512 => Kernel::of_vectors(module, tables, cpu),
            _ => None,
        };
        let portable = || Kernel::Portable(portable::Module::new(module, tables, depth));
        Self {
            kernel: kernel.unwrap_or_else(portable),
        }
    }

    /// Makes `width` pixels of the plane of one rotation, in the unrotated frame.
    ///
    /// `input` gives the row to read for an offset, from the first pixel's sample on; `sums` is scratch.
    pub fn make<'a, S: Sample>(
        &self,
        rotation: usize,
        input: impl Fn(Offset) -> &'a [S],
        width: usize,
        sums: &mut [i64],
        output: &mut [u8],
    ) {
        match &self.kernel {
            Kernel::Portable(module) => module.make(rotation, input, width, sums, output),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2Lines(module) => {
                let input = |offset| S::bytes(input(offset));
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { module.make(rotation, input, width, output) }
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Lines(module) => {
                let input = |offset| S::bytes(input(offset));
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { module.make(rotation, input, width, output) }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel {
    /// A kernel above [`Cpu::Portable`], if there is one for these tables.
    fn of_vectors(module: &RcModule, tables: &RcTables, cpu: Cpu) -> Option<Self> {
        let window = window::Window::new(module, tables);
        match cpu {
            Cpu::Avx512 => avx512::Convolution::new(&window, &tables.thresholds)
                .map(Box::new)
                .map(Self::Avx512Lines),
            _ => avx2::Convolution::new(&window, &tables.thresholds).map(Self::Avx2Lines),
        }
    }
}
