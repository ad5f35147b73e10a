//! Pushes frames that the program makes itself through `rclut`, and takes them back: appsrc and appsink.
//!
//!     cargo run --release --example frames -- last-frame.png
//!
//! Programs without GStreamer do the same with `gstrclut::engine::Upscaler`.

use std::{path::PathBuf, thread};

use anyhow::{Context, Result, bail};
use clap::Parser;
use gst::prelude::*;
use gst_app::{AppSink, AppSrc};
use image::GrayImage;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
const FRAMES: u64 = 25;

/// Upscales frames drawn by the program itself.
#[derive(Parser)]
struct Arguments {
    /// Where the last upscaled frame goes, as PNG.
    output: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gst::init()?;
    gstrclut::plugin_register_static()?;
    let pipeline = gst::parse::launch(&format!(
        "appsrc name=source format=time max-buffers=4 block=true
            caps=video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT},framerate=25/1
            ! rclut scale=2 ! appsink name=sink sync=false max-buffers=4"
    ))?;
    let pipeline: gst::Pipeline = pipeline
        .downcast()
        .expect("several elements make a pipeline");
    let element = |name| pipeline.by_name(name).expect("an element of the pipeline");
    let source: AppSrc = element("source").downcast().expect("an appsrc");
    let sink: AppSink = element("sink").downcast().expect("an appsink");
    pipeline.set_state(gst::State::Playing)?;

    let feeder = thread::spawn(move || feed(&source));
    let mut last = None;
    while let Ok(sample) = sink.pull_sample() {
        last = Some(image(&sample)?);
    }
    check_errors(&pipeline)?;
    feeder.join().expect("the feeder does not panic")?;
    pipeline.set_state(gst::State::Null)?;

    let last = last.context("no frame came out")?;
    println!(
        "{FRAMES} frames, the last of {}x{}",
        last.width(),
        last.height()
    );
    last.save(&arguments.output)?;
    Ok(())
}

fn feed(source: &AppSrc) -> Result<()> {
    for index in 0..FRAMES {
        let mut buffer = gst::Buffer::from_slice(draw(index).into_raw());
        let buffer_mut = buffer.get_mut().expect("nobody else holds a new buffer");
        buffer_mut.set_pts(gst::ClockTime::from_mseconds(40 * index));
        buffer_mut.set_duration(gst::ClockTime::from_mseconds(40));
        source.push_buffer(buffer)?;
    }
    source.end_of_stream()?;
    Ok(())
}

/// A zone plate whose rings move outwards.
fn draw(index: u64) -> GrayImage {
    GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let (x, y) = (f64::from(x) - 160.0, f64::from(y) - 90.0);
        let phase = (x * x + y * y) / 250.0 - index as f64 / 2.0;
        image::Luma([(128.0 + 100.0 * phase.cos()) as u8])
    })
}

/// The frame of a sample, without the padding of its rows.
fn image(sample: &gst::Sample) -> Result<GrayImage> {
    let info = gst_video::VideoInfo::from_caps(sample.caps().context("a frame has caps")?)?;
    let buffer = sample.buffer().context("a sample of video has a buffer")?;
    let map = buffer.map_readable()?;
    let (width, stride) = (info.width() as usize, info.stride()[0] as usize);
    let rows = map.chunks(stride).take(info.height() as usize);
    let data = rows.flat_map(|row| &row[..width]).copied().collect();
    GrayImage::from_raw(info.width(), info.height(), data).context("a whole frame")
}

/// An appsink ends alike at the end and at an error; the bus knows which it was.
fn check_errors(pipeline: &gst::Pipeline) -> Result<()> {
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    if let Some(message) = bus.timed_pop_filtered(gst::ClockTime::NONE, &wanted)
        && let gst::MessageView::Error(error) = message.view()
    {
        bail!("{}: {}", error.error(), error.debug().unwrap_or_default());
    }
    Ok(())
}
