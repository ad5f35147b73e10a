//! Simplex interpolation by AVX2.
//!
//! Cells and rows are explained in docs/performance.md.

pub mod deep;
mod narrow;
mod sorted;
mod wide;

pub use narrow::{FoldedFour, FoldedOne, RotatedFour, RotatedOne};
pub use wide::{FoldedWide, RotatedWide};
