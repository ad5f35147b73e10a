//! RC modules: a window of one-dimensional contributions, summed and squashed, in four rotations (ARITHMETIC section 4).

#[cfg(target_arch = "x86_64")]
mod curves;
#[cfg(target_arch = "x86_64")]
mod lines;
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

/// The modules that read one plane, ready to make their planes, four of each.
pub struct Modules {
    kernels: Vec<Kernel>,
}

/// Makes the planes of one module, or of several.
enum Kernel {
    Portable(portable::Module),
    #[cfg(target_arch = "x86_64")]
    Avx2Lines(lines::avx2::Lines),
    #[cfg(target_arch = "x86_64")]
    Avx2Curves(curves::avx2::Curves),
    #[cfg(target_arch = "x86_64")]
    Avx512Lines(Box<lines::avx512::Lines>),
    #[cfg(target_arch = "x86_64")]
    Avx512Curves(curves::avx512::Curves),
    #[cfg(target_arch = "x86_64")]
    Avx2DeepLines(lines::deep::avx2::Lines),
    #[cfg(target_arch = "x86_64")]
    Avx512DeepLines(Box<lines::deep::avx512::Lines>),
    #[cfg(target_arch = "x86_64")]
    DeepCurves(curves::deep::Curves),
}

/// A module and its tables.
type Tabled<'a> = (&'a RcModule, &'a RcTables);

/// Where the positions of a window lie, in the order of its contributions.
fn offsets(module: &RcModule) -> impl Iterator<Item = Offset> + use<> {
    let range = module.origin..module.origin + module.size as i32;
    let rows = range.clone();
    rows.flat_map(move |dy| range.clone().map(move |dx| (dy, dx)))
}

impl Modules {
    /// Packs modules for planes of `depth` bits.
    #[must_use]
    pub fn new(modules: &[Tabled], depth: u32, cpu: Cpu) -> Self {
        let mut kernels = Vec::new();
        let mut rest = modules;
        while let Some((module, tables)) = rest.first() {
            let kernel = match cpu {
                #[cfg(target_arch = "x86_64")]
                Cpu::Avx2 | Cpu::Avx512 if depth == 8 => Kernel::of_vectors(rest, cpu),
                #[cfg(target_arch = "x86_64")]
                Cpu::Avx2 | Cpu::Avx512 => Kernel::of_deep_vectors(module, tables, depth, cpu),
                _ => None,
            };
            let portable = || Kernel::Portable(portable::Module::new(module, tables, depth));
            let kernel = kernel.unwrap_or_else(portable);
            rest = &rest[kernel.modules()..];
            kernels.push(kernel);
        }
        Self { kernels }
    }

    /// Rows that are made: four for each module.
    #[must_use]
    pub fn planes(&self) -> usize {
        4 * self.kernels.iter().map(Kernel::modules).sum::<usize>()
    }

    /// Makes `width` pixels of all planes, each in the unrotated frame.
    ///
    /// `input` gives the row to read for an offset, from the first pixel's sample on and up to at least
    /// [`LANES`](super::LANES) samples behind the padded row. The rows of `output` are `stride` apart: those of the first
    /// module's four rotations, then those of the next module's. `sums` is scratch.
    pub fn make<'a, S: Sample>(
        &self,
        input: impl Fn(Offset) -> &'a [S] + Copy,
        width: usize,
        sums: &mut [i64],
        output: &mut [u8],
        stride: usize,
    ) {
        let mut output = output;
        for kernel in &self.kernels {
            let rows = (4 * kernel.modules() * stride).min(output.len());
            let (rows, rest) = output.split_at_mut(rows);
            kernel.make(input, width, sums, rows, stride);
            output = rest;
        }
    }
}

impl Kernel {
    fn modules(&self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Curves(modules) => modules.count(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Lines(modules) => modules.count(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Curves(modules) => modules.count(),
            _ => 1,
        }
    }

    fn make<'a, S: Sample>(
        &self,
        input: impl Fn(Offset) -> &'a [S],
        width: usize,
        sums: &mut [i64],
        output: &mut [u8],
        stride: usize,
    ) {
        #[cfg(target_arch = "x86_64")]
        let (bytes, words) = (
            |offset| S::bytes(input(offset)),
            |offset| S::words(input(offset)),
        );
        match self {
            Self::Portable(module) => module.make(input, width, sums, output.chunks_mut(stride)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Lines(module) => {
                let rows = output.chunks_mut(stride);
                // SAFETY: `of_vectors` makes a kernel for an instruction set only where the processor has it.
                unsafe { module.make(bytes, width, rows) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Curves(modules) => {
                // SAFETY: `of_vectors` makes a kernel for an instruction set only where the processor has it.
                unsafe { modules.make(bytes, width, output, stride) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Lines(modules) => {
                // SAFETY: `of_vectors` makes a kernel for an instruction set only where the processor has it.
                unsafe { modules.make(bytes, width, output, stride) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Curves(modules) => {
                // SAFETY: `of_vectors` makes a kernel for an instruction set only where the processor has it.
                unsafe { modules.make(bytes, width, output, stride) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2DeepLines(module) => {
                let rows = output.chunks_mut(stride);
                // SAFETY: `of_deep_vectors` makes a kernel for an instruction set only where the processor has it.
                unsafe { module.make(words, width, rows) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512DeepLines(module) => {
                let rows = output.chunks_mut(stride);
                // SAFETY: `of_deep_vectors` makes a kernel for an instruction set only where the processor has it.
                unsafe { module.make(words, width, rows) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::DeepCurves(module) => {
                let rows = output.chunks_mut(stride);
                // SAFETY: `of_deep_vectors` makes a kernel for an instruction set only where the processor has it.
                unsafe { module.make(words, width, rows) }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel {
    /// A kernel above [`Cpu::Portable`] for one module above 8 bits, if there is one.
    fn of_deep_vectors(module: &RcModule, tables: &RcTables, depth: u32, cpu: Cpu) -> Option<Self> {
        let (window, thresholds) = (window::Window::new(module, tables), &*tables.thresholds);
        let widest = match cpu {
            Cpu::Avx512 => lines::deep::avx512::Lines::new(&window, thresholds, depth),
            _ => None,
        };
        let widest = widest.map(Box::new).map(Self::Avx512DeepLines);
        let lines =
            || lines::deep::avx2::Lines::new(&window, thresholds, depth).map(Self::Avx2DeepLines);
        let curves = || curves::deep::Curves::new(module, tables, depth).map(Self::DeepCurves);
        widest.or_else(lines).or_else(curves)
    }

    /// A kernel above [`Cpu::Portable`] for as many modules as can be made together, if there is one.
    fn of_vectors(modules: &[Tabled], cpu: Cpu) -> Option<Self> {
        let windows = modules.iter().take(curves::MOST_MODULES);
        let windows: Vec<_> = windows
            .map(|(module, tables)| (window::Window::new(module, tables), &*tables.thresholds))
            .collect();
        let wide_lines = |modules: &[_]| {
            let lines = lines::avx512::Lines::new(modules);
            lines.map(Box::new).map(Self::Avx512Lines)
        };
        let lines = || {
            let (window, thresholds) = &windows[0];
            lines::avx2::Lines::new(window, thresholds).map(Self::Avx2Lines)
        };
        let wide_curves =
            |modules: &[_]| curves::avx512::Curves::new(modules).map(Self::Avx512Curves);
        let curves = |modules: &[_]| curves::avx2::Curves::new(modules).map(Self::Avx2Curves);
        match cpu {
            Cpu::Avx512 => most(&windows, wide_lines)
                .or_else(lines)
                .or_else(|| most(&windows, wide_curves))
                .or_else(|| most(&windows, curves)),
            _ => lines().or_else(|| most(&windows, curves)),
        }
    }
}

/// A kernel for as many of the first modules as there is one for.
#[cfg(target_arch = "x86_64")]
fn most<M>(modules: &[M], kernel: impl Fn(&[M]) -> Option<Kernel>) -> Option<Kernel> {
    let counts = (1..=modules.len()).rev();
    counts.map(|count| &modules[..count]).find_map(kernel)
}
