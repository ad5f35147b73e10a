//! rclut: real-time, bit-exact video upscaling by learned look-up tables.
//!
//! # The map of the house
//!
//! - [`engine`]: the upscaler itself. It knows no GStreamer and no torch; apps, tests and the trainer link to it.
//!   - [`engine::model`]: what a model is, its file and its validation.
//!   - [`engine::reference`](mod@engine::reference): the arithmetic, written to be read; the oracle of every kernel.
//!   - [`engine::Upscaler`]: the fast path, plane by plane.
//! - `element` (feature `plugin`): the GStreamer face.
//!
//! Arrows go one way: the element and the trainer use the engine, which uses neither.

pub mod engine;
