//! Upscales the video of a file into a Matroska file, its sound kept, with a progress bar.
//!
//!     cargo run --release --example transcode -- in.webm out.mkv --scale 3
//!
//! The plugin is linked into the program and registered by it, so nothing needs to be installed.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Parser;
use gst::{glib, prelude::*};
use indicatif::{ProgressBar, ProgressStyle};

/// Upscales a video file with look-up tables.
#[derive(Parser)]
struct Arguments {
    /// Any file that GStreamer can decode.
    input: PathBuf,
    /// The Matroska file to write.
    output: PathBuf,
    /// Output pixels a side for each input pixel, 1 to 4.
    #[arg(long, default_value = "2")]
    scale: String,
    /// A built-in family of models, or the path of a .safetensors file.
    #[arg(long, default_value = "rclut")]
    model: String,
    /// Bits a second of the VP8 stream.
    #[arg(long, default_value_t = 8_000_000)]
    bitrate: i32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gst::init()?;
    gstrclut::plugin_register_static()?;
    let pipeline = pipeline(&arguments)?;
    pipeline.set_state(gst::State::Playing)?;
    let result = follow(&pipeline);
    pipeline.set_state(gst::State::Null)?;
    result
}

fn pipeline(arguments: &Arguments) -> Result<gst::Pipeline> {
    let pipeline = gst::parse::launch(
        "uridecodebin name=input ! video/x-raw ! queue ! rclut name=upscaler
            ! vp8enc name=encoder deadline=1 cpu-used=4 ! queue ! matroskamux name=muxer
            ! filesink name=output",
    )?;
    let pipeline: gst::Pipeline = pipeline
        .downcast()
        .expect("several elements make a pipeline");
    let element = |name| pipeline.by_name(name).expect("an element of the pipeline");
    let input = arguments.input.canonicalize();
    let input = input.with_context(|| arguments.input.display().to_string())?;
    element("input").set_property("uri", glib::filename_to_uri(input, None)?);
    element("output").set_property("location", &arguments.output);
    element("upscaler").set_property_from_str("scale", &arguments.scale);
    element("upscaler").set_property("model", &arguments.model);
    element("encoder").set_property("target-bitrate", arguments.bitrate);
    // Video pads find their way by themselves; each sound pad gets an encoder of its own.
    let muxer = element("muxer");
    let parent = pipeline.downgrade();
    element("input").connect_pad_added(move |input, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let is_sound = caps
            .structure(0)
            .is_some_and(|caps| caps.name() == "audio/x-raw");
        if let Some(pipeline) = parent.upgrade()
            && is_sound
            && let Err(error) = add_sound(&pipeline, pad, &muxer)
        {
            gst::element_error!(input, gst::CoreError::Pad, ["sound: {error}"]);
        }
    });
    Ok(pipeline)
}

fn add_sound(pipeline: &gst::Pipeline, pad: &gst::Pad, muxer: &gst::Element) -> Result<()> {
    let branch = "queue ! audioconvert ! audioresample ! opusenc ! queue";
    let branch = gst::parse::bin_from_description(branch, true)?;
    pipeline.add(&branch)?;
    branch.link_pads(Some("src"), muxer, Some("audio_%u"))?;
    branch.sync_state_with_parent()?;
    pad.link(
        &branch
            .static_pad("sink")
            .context("the branch has an input")?,
    )?;
    Ok(())
}

/// Shows how far the pipeline is until it ends or fails.
fn follow(pipeline: &gst::Pipeline) -> Result<()> {
    let progress = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "[{bar:40}] {percent} % {elapsed} (eta {eta})",
    )?);
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    loop {
        let message = bus.timed_pop_filtered(gst::ClockTime::from_mseconds(200), &wanted);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => {
                bail!("{}: {}", error.error(), error.debug().unwrap_or_default())
            }
            Some(_) => {
                progress.finish();
                return Ok(());
            }
            None => {
                let duration = pipeline.query_duration::<gst::ClockTime>();
                let position = pipeline.query_position::<gst::ClockTime>();
                progress.set_length(duration.map_or(0, gst::ClockTime::mseconds));
                progress.set_position(position.map_or(0, gst::ClockTime::mseconds));
            }
        }
    }
}
