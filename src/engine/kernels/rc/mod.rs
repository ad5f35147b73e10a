//! RC modules: a window of one-dimensional contributions, summed and squashed, in four rotations (ARITHMETIC section 4).

mod portable;

use super::Sample;
use crate::engine::model::{Offset, RcModule, RcTables, rotate_offset};

/// One module, ready to make its four planes.
pub struct Module {
    /// For each rotation, where each position of the window lies in the unrotated frame.
    offsets: [Box<[Offset]>; 4],
    kernel: portable::Module,
}

impl Module {
    /// Packs a module for planes of `depth` bits.
    #[must_use]
    pub fn new(module: &RcModule, tables: &RcTables, depth: u32) -> Self {
        let window = || {
            let range = module.origin..module.origin + module.size as i32;
            range
                .clone()
                .flat_map(move |dy| range.clone().map(move |dx| (dy, dx)))
        };
        Self {
            offsets: std::array::from_fn(|rotation| {
                window()
                    .map(|offset| rotate_offset(rotation, offset))
                    .collect()
            }),
            kernel: portable::Module::new(module, tables, depth),
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
        let rows = self.offsets[rotation].iter().map(|offset| input(*offset));
        self.kernel.make(rows, width, sums, output);
    }
}
