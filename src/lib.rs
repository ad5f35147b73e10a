//! rclut: real-time, bit-exact video upscaling by learned look-up tables.
//!
//! # The map of the house
//!
//! - [`engine`]: the upscaler itself. It knows no GStreamer and no torch; apps, tests and the trainer link to it.
//!   - [`engine::model`]: what a model is, its file and its validation.
//!   - [`engine::reference`](mod@engine::reference): the arithmetic, written to be read; the oracle of every kernel.
//!   - [`engine::Upscaler`]: the fast path, plane by plane.
//!   - [`engine::History`]: what a plane was in the frame before, so that what stands still is copied.
//!   - [`engine::Resampler`]: the bicubic way for chroma and alpha.
//! - `element` (feature `plugin`): the GStreamer face.
//!
//! Arrows go one way: the element and the trainer use the engine, which uses neither.

#[cfg(feature = "plugin")]
pub mod element;
pub mod engine;

#[cfg(feature = "plugin")]
mod plugin {
    //! What GStreamer finds when it loads the library.

    use gst::glib;

    fn init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
        crate::element::register(Some(plugin))
    }

    gst::plugin_define!(
        rclut,
        env!("CARGO_PKG_DESCRIPTION"),
        init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MPL-2.0",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_REPOSITORY"),
        env!("BUILD_REL_DATE")
    );
}

#[cfg(feature = "plugin")]
pub use plugin::*;
