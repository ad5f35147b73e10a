//! 4-D simplex interpolation of a row, four rotations at once (ARITHMETIC sections 1 and 2).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod layout;
#[cfg(target_arch = "x86_64")]
mod pages;
mod portable;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
use super::widening::Widening;
use super::{Accumulator, Sample, unfold::Rows};
use crate::engine::{
    cpu::Cpu,
    model::{Offset, rotate_offset},
};

/// The table of one branch, as the model has it.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    /// Entries, outputs last.
    pub entries: &'a [i8],
    /// Output pixels a side for each pixel: an entry has the square of it.
    pub side: usize,
    /// Nodes along an axis.
    pub nodes: usize,
    /// Bits of a sample below its node.
    pub interval: u32,
    /// Left shift that brings a value to the scale of the stage's sum.
    pub shift: u32,
}

/// A branch with any pattern: sixteen samples, four look-ups for each pixel.
pub struct Rotated {
    offsets: [[Offset; 4]; 4],
    kernel: RotatedKernel,
    #[cfg(target_arch = "x86_64")]
    widening: Widening,
}

enum RotatedKernel {
    Portable(portable::Rotated),
    #[cfg(target_arch = "x86_64")]
    Avx2One(avx2::RotatedOne),
    #[cfg(target_arch = "x86_64")]
    Avx2Four(avx2::RotatedFour),
    #[cfg(target_arch = "x86_64")]
    Avx2Wide(avx2::RotatedWide),
    #[cfg(target_arch = "x86_64")]
    Deep(avx2::deep::Rotated),
    #[cfg(target_arch = "x86_64")]
    Avx512One(avx512::RotatedOne),
    #[cfg(target_arch = "x86_64")]
    Avx512Four(avx512::RotatedFour),
    #[cfg(target_arch = "x86_64")]
    Avx512Wide(avx512::RotatedWide),
}

impl RotatedKernel {
    fn new(table: &Table, cpu: Cpu) -> Self {
        match (cpu, table.side) {
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx512, 1) if table.has_layout() => {
                Self::Avx512One(avx512::RotatedOne::new(table))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx512, 2) if table.has_layout() => {
                Self::Avx512Four(avx512::RotatedFour::new(table))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx512, 3 | 4) if table.has_layout() => {
                Self::Avx512Wide(avx512::RotatedWide::new(table))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx2, 1) if table.has_layout() => Self::Avx2One(avx2::RotatedOne::new(table)),
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx2, 2) if table.has_layout() => Self::Avx2Four(avx2::RotatedFour::new(table)),
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx2, 3 | 4) if table.has_layout() => {
                Self::Avx2Wide(avx2::RotatedWide::new(table))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx2 | Cpu::Avx512, _) if table.depth() > 8 => {
                Self::Deep(avx2::deep::Rotated::new(table))
            }
            _ => Self::Portable(portable::Rotated::new(table)),
        }
    }
}

impl Rotated {
    /// Packs a table.
    #[must_use]
    pub fn new(table: &Table, pattern: [Offset; 4], cpu: Cpu) -> Self {
        Self {
            offsets: std::array::from_fn(|rotation| {
                pattern.map(|offset| rotate_offset(rotation, offset))
            }),
            kernel: RotatedKernel::new(table, cpu),
            #[cfg(target_arch = "x86_64")]
            widening: Widening::new(table),
        }
    }

    /// For each rotation, the offsets of axes a b c d in the unrotated frame.
    #[must_use]
    pub fn offsets(&self) -> &[[Offset; 4]; 4] {
        &self.offsets
    }

    /// Adds the look-ups of `width` pixels to `sums`, [`slots`](super::slots) for each pixel.
    ///
    /// `inputs` has, for each rotation and axis, the row to read from the first pixel's sample on.
    pub fn add<I: Sample, A: Accumulator>(
        &self,
        inputs: &[[&[I]; 4]; 4],
        width: usize,
        sums: &mut [A],
    ) {
        match &self.kernel {
            RotatedKernel::Portable(kernel) => kernel.add(inputs, width, sums),
            #[cfg(target_arch = "x86_64")]
            RotatedKernel::Deep(kernel) => {
                let inputs = inputs.map(|axes| axes.map(I::words));
                let sums = A::thirty_two_bits_mut(sums);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { kernel.add(&inputs, width, sums) }
            }
            #[cfg(target_arch = "x86_64")]
            kernel => self.widening.add(width, sums, |x, width, sums| {
                let inputs = inputs.map(|axes| axes.map(|row| &I::bytes(row)[x..]));
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe {
                    match kernel {
                        RotatedKernel::Avx2One(kernel) => kernel.add(&inputs, width, sums),
                        RotatedKernel::Avx2Four(kernel) => kernel.add(&inputs, width, sums),
                        RotatedKernel::Avx2Wide(kernel) => kernel.add(&inputs, width, sums),
                        RotatedKernel::Avx512One(kernel) => kernel.add(&inputs, width, sums),
                        RotatedKernel::Avx512Four(kernel) => kernel.add(&inputs, width, sums),
                        RotatedKernel::Avx512Wide(kernel) => kernel.add(&inputs, width, sums),
                        RotatedKernel::Portable(_) | RotatedKernel::Deep(_) => {
                            unreachable!("handled above")
                        }
                    }
                }
            }),
        }
    }
}

/// A branch whose pattern is the corners of a square, on a plane: its four rotations read the same four samples, so that
/// one look-up in a table of permuted entries replaces four (docs/performance.md, "Folding").
pub struct Folded {
    kernel: FoldedKernel,
}

enum FoldedKernel {
    Portable(portable::Folded),
    #[cfg(target_arch = "x86_64")]
    Avx2One(avx2::FoldedOne),
    #[cfg(target_arch = "x86_64")]
    Avx2Four(avx2::FoldedFour),
    #[cfg(target_arch = "x86_64")]
    Avx2Wide(avx2::FoldedWide),
    #[cfg(target_arch = "x86_64")]
    Deep(avx2::deep::Folded),
    #[cfg(target_arch = "x86_64")]
    Avx512One(avx512::FoldedOne),
    #[cfg(target_arch = "x86_64")]
    Avx512Four(avx512::FoldedFour),
    #[cfg(target_arch = "x86_64")]
    Avx512Wide(avx512::FoldedWide),
}

impl FoldedKernel {
    fn new(tables: &[Table], distance: usize, cpu: Cpu) -> Self {
        let table = &tables[0];
        match (cpu, table.side) {
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx512, 1) if table.has_layout() => {
                Self::Avx512One(avx512::FoldedOne::new(table, distance))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx512, 2) if table.has_layout() && distance <= avx512::FoldedFour::FURTHEST => {
                Self::Avx512Four(avx512::FoldedFour::new(tables, distance))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx512, 3 | 4) if table.has_layout() => {
                Self::Avx512Wide(avx512::FoldedWide::new(tables))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx2, 1) if table.has_layout() => Self::Avx2One(avx2::FoldedOne::new(table)),
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx2 | Cpu::Avx512, 2) if table.has_layout() => {
                Self::Avx2Four(avx2::FoldedFour::new(table))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx2, 3 | 4) if table.has_layout() => {
                Self::Avx2Wide(avx2::FoldedWide::new(table))
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx2 | Cpu::Avx512, _) if table.depth() > 8 => {
                Self::Deep(avx2::deep::Folded::new(table))
            }
            _ => Self::Portable(portable::Folded::new(table)),
        }
    }
}

/// Most tables whose look-ups a kernel sums.
pub const MOST_TABLES: usize = 4;

/// For each rotation, which corner of the square (top left, top right, bottom left, bottom right) each axis reads.
const CORNERS: [[usize; 4]; 4] = [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]];

impl Folded {
    /// The side of the square, if the pattern is one.
    #[must_use]
    pub fn distance(pattern: [Offset; 4]) -> Option<usize> {
        let (_, side) = pattern[1];
        let square = [(0, 0), (0, side), (side, 0), (side, side)];
        (side > 0 && pattern == square).then_some(side as usize)
    }

    /// How many tables like this one a kernel sums, for squares of side `distance`.
    #[must_use]
    pub fn tables_at_once(table: &Table, distance: usize, cpu: Cpu) -> usize {
        match (cpu, table.side) {
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx512, 2) if table.has_layout() && distance <= avx512::FoldedFour::FURTHEST => {
                MOST_TABLES
            }
            #[cfg(target_arch = "x86_64")]
            (Cpu::Avx512, 3 | 4) if table.has_layout() => MOST_TABLES,
            _ => 1,
        }
    }

    /// Packs tables to be summed, no more than [`Folded::tables_at_once`].
    #[must_use]
    pub fn new(tables: &[Table], distance: usize, cpu: Cpu) -> Self {
        let at_once = Self::tables_at_once(&tables[0], distance, cpu);
        assert!((1..=at_once).contains(&tables.len()));
        Self {
            kernel: FoldedKernel::new(tables, distance, cpu),
        }
    }

    /// What [`Folded::look_up`] makes.
    #[must_use]
    pub fn rows(&self) -> Rows {
        match &self.kernel {
            #[cfg(target_arch = "x86_64")]
            FoldedKernel::Avx512One(_) | FoldedKernel::Avx512Four(_) => Rows::Sides,
            _ => Rows::Rotations,
        }
    }

    /// Looks up `squares` squares, side by side, in all tables, and sums what they say into rows that lie `stride` values
    /// apart, [`slots`](super::slots) values for each square.
    ///
    /// `inputs` has, for each table, the rows of the corners (top left, top right, bottom left, bottom right) from the
    /// first square on.
    pub fn look_up<I: Sample, A: Accumulator>(
        &self,
        inputs: &[[&[I]; 4]],
        squares: usize,
        outputs: &mut [A],
        stride: usize,
    ) {
        match &self.kernel {
            FoldedKernel::Portable(kernel) => {
                kernel.look_up(&inputs[0], squares, rows(outputs, stride));
            }
            #[cfg(target_arch = "x86_64")]
            FoldedKernel::Deep(kernel) => {
                let inputs = inputs[0].map(I::words);
                let outputs = rows(A::thirty_two_bits_mut(outputs), stride);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { kernel.look_up(&inputs, squares, outputs) }
            }
            #[cfg(target_arch = "x86_64")]
            FoldedKernel::Avx512Four(kernel) => {
                let inputs = bytes(inputs);
                let outputs = rows(A::sixteen_bits_mut(outputs), stride);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { kernel.look_up(&inputs, squares, outputs) }
            }
            #[cfg(target_arch = "x86_64")]
            FoldedKernel::Avx512One(kernel) => {
                let inputs = inputs[0].map(I::bytes);
                let outputs = rows(A::sixteen_bits_mut(outputs), stride);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe { kernel.look_up(&inputs, squares, outputs) }
            }
            #[cfg(target_arch = "x86_64")]
            kernel => {
                let all = bytes(inputs);
                let inputs = all[0];
                let outputs = rows(A::sixteen_bits_mut(outputs), stride);
                // SAFETY: `new` makes a kernel for an instruction set only where the processor has it.
                unsafe {
                    match kernel {
                        FoldedKernel::Avx2One(kernel) => {
                            kernel.look_up(&inputs, squares, outputs);
                        }
                        FoldedKernel::Avx2Four(kernel) => {
                            kernel.look_up(&inputs, squares, outputs);
                        }
                        FoldedKernel::Avx2Wide(kernel) => {
                            kernel.look_up(&inputs, squares, outputs);
                        }
                        FoldedKernel::Avx512Wide(kernel) => {
                            kernel.look_up(&all, squares, outputs);
                        }
                        FoldedKernel::Portable(_)
                        | FoldedKernel::Deep(_)
                        | FoldedKernel::Avx512One(_)
                        | FoldedKernel::Avx512Four(_) => {
                            unreachable!("handled above")
                        }
                    }
                }
            }
        }
    }
}

/// The corners for each table, the last one's for those that there are not.
#[cfg(target_arch = "x86_64")]
fn bytes<'a, I: Sample>(inputs: &[[&'a [I]; 4]]) -> [[&'a [u8]; 4]; MOST_TABLES] {
    std::array::from_fn(|table| inputs[table.min(inputs.len() - 1)].map(I::bytes))
}

/// The first `N` of rows that lie `stride` values apart.
fn rows<A, const N: usize>(rows: &mut [A], stride: usize) -> [&mut [A]; N] {
    let mut rows = rows.chunks_mut(stride);
    std::array::from_fn(|_| rows.next().expect("as many rows as the kernel makes"))
}
