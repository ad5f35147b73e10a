//! What the benchmarks share: frames to scale and models to scale them with.
#![allow(dead_code, reason = "each benchmark uses its own part")]

pub mod frames;
pub mod models;
#[path = "../../tests/support/shipped.rs"]
pub mod shipped;
#[path = "../../tests/support/tables.rs"]
pub mod tables;
