//! The GStreamer face of the engine.
//!
//! - `imp.rs`: the element, in the order of every gst-plugins-rs element.
//! - `selection.rs`: which model and which scales the properties choose.
//! - `caps.rs`: what one pad may carry for what the other carries.
//! - `format.rs`: pixel formats, and where each component's samples lie.
//! - `frame.rs`: what the engine does with each component of a frame.
//! - `mapped.rs`: the memory of a mapped frame.
//! - `meta.rs`: what happens to each meta, and to the pointer of navigation events.
//! - `pace.rs`: how late a stream is, and how good a frame a late one gets.
//! - `samples.rs`: samples that must be unpacked before and packed after.
//! - `scaler.rs`: the engine and its plan, kept from one negotiation to the next.
//! - `settings.rs`: the properties.
//! - `stats.rs`: how long frames take, and what of them had been made before.

/**
 * SECTION:element-rclut
 *
 * Upscales raw video x2, x3 or x4 with learned look-up tables: in real time on plain processors, and with the same
 * output bits on every machine, for every number of threads and every tile size. A model is built in; others are read
 * from `.safetensors` files.
 *
 * Luma, or each of red, green and blue, goes through the tables; chroma and alpha through a bicubic resampler that
 * respects the chroma site.
 *
 * ## Examples
 * ```bash
 * gst-launch-1.0 videotestsrc ! video/x-raw,width=320,height=180 ! rclut scale=2 ! videoconvert ! autovideosink
 * ```
 * Scale to what the next element asks for:
 * ```bash
 * gst-launch-1.0 filesrc location=in.mkv ! decodebin ! rclut ! video/x-raw,width=1920 ! videoconvert ! x264enc ! mp4mux ! filesink location=out.mp4
 * ```
 */
use gst::glib;
use gst::prelude::*;

mod caps;
mod format;
mod frame;
mod imp;
mod mapped;
mod meta;
mod pace;
mod samples;
mod scaler;
mod selection;
mod settings;
mod stats;

pub use frame::Chroma;
pub use pace::Late;
pub use selection::Scale;

glib::wrapper! {
    /// The `rclut` element: a video filter that upscales with look-up tables.
    pub struct Rclut(ObjectSubclass<imp::Rclut>)
        @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element with a plugin, or with the process where there is none.
///
/// # Errors
/// If the registry refuses it.
pub fn register(plugin: Option<&gst::Plugin>) -> Result<(), glib::BoolError> {
    #[cfg(feature = "doc")]
    for type_ in [
        Scale::static_type(),
        Chroma::static_type(),
        Late::static_type(),
    ] {
        type_.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(plugin, "rclut", gst::Rank::NONE, Rclut::static_type())
}
