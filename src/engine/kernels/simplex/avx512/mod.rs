//! Simplex interpolation by AVX-512: blocks of 64 pixels.
//!
//! Cells and rows are explained in docs/performance.md.

mod corners;
mod folded;
mod quads;
mod rotated;
mod sorted;
mod wide;

pub use folded::{FoldedFour, FoldedOne};
pub use rotated::{RotatedFour, RotatedOne};
pub use wide::{FoldedWide, RotatedWide};
