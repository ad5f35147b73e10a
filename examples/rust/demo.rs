//! Plays the bundled clip through the plugin and shows what it gains over bicubic: `make demo`.
//!
//! It finds `rclut` as any application does; scripts/demo.sh sets `GST_PLUGIN_PATH` and the working directory.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;
use gst_app::AppSink;
use gst_video::VideoFrameExt;
use image::{RgbImage, imageops};
use indicatif::{ProgressBar, ProgressStyle};

const CLIP: &str = "examples/clip/bunny-640x360.webm";
const ORIGINAL: &str = "examples/clip/bunny-1280x720.webm";
const FRAMES: u64 = 40;
const UPSCALED: &str = "target/demo/bunny-rclut.webm";
const PICTURE: &str = "target/demo/bicubic-rclut-original.png";

/// The part of a frame that the picture shows, as left, top, width and height, and the frame.
const DETAIL: (u32, u32, u32, u32) = (264, 556, 200, 160);
const DETAIL_FRAME: u64 = 20;

fn main() -> Result<()> {
    gst::init()?;
    ensure!(
        gst::ElementFactory::find("rclut").is_some(),
        "GStreamer finds no element `rclut`: run this through `make demo`"
    );
    let [rclut, bicubic] = compare()?;
    let rate = frames_per_second()?;
    println!("rclut    {rclut:.2} dB PSNR-Y against the original");
    println!("bicubic  {bicubic:.2} dB");
    println!("speed    {rate:.0} frames/s, decoded and upscaled from 640x360 to 1280x720");
    println!("video    {UPSCALED}");
    println!("picture  {PICTURE}");
    Ok(())
}

/// Upscales the clip into a file; the mean PSNR-Y of rclut and of bicubic over its frames, in dB.
fn compare() -> Result<[f64; 2]> {
    let pipeline = launch(&format!(
        "filesrc location={CLIP} ! matroskademux ! vp9dec ! tee name=clip
         clip. ! queue ! rclut scale=2 ! tee name=upscaled
         upscaled. ! queue ! vp8enc deadline=1 cpu-used=4 target-bitrate=8000000 threads=2
            ! webmmux ! filesink location={UPSCALED}
         upscaled. ! queue ! appsink name=rclut sync=false max-buffers=2
         clip. ! queue ! videoscale method=catrom ! video/x-raw,width=1280,height=720
            ! appsink name=bicubic sync=false max-buffers=2
         filesrc location={ORIGINAL} ! matroskademux ! vp9dec ! queue
            ! appsink name=original sync=false max-buffers=2"
    ))?;
    let sinks = ["rclut", "bicubic", "original"].map(|name| {
        let sink = pipeline.by_name(name).expect("an element of the pipeline");
        sink.downcast::<AppSink>().expect("an appsink")
    });
    pipeline.set_state(gst::State::Playing)?;
    let progress = ProgressBar::new(FRAMES).with_style(ProgressStyle::with_template(
        "upscaling [{bar:40}] {pos}/{len} frames {elapsed}",
    )?);
    let mut sums = [0.0; 2];
    for index in 0..FRAMES {
        let mut samples = Vec::new();
        for sink in &sinks {
            samples.push(next_frame(&pipeline, sink)?);
        }
        let original = luma(&samples[2])?;
        for (sum, sample) in sums.iter_mut().zip(&samples) {
            *sum += psnr(&luma(sample)?, &original);
        }
        if index == DETAIL_FRAME {
            picture(&[&samples[1], &samples[0], &samples[2]])?.save(PICTURE)?;
        }
        progress.inc(1);
    }
    progress.finish();
    wait_for_end(&pipeline)?;
    Ok(sums.map(|sum| sum / FRAMES as f64))
}

/// Decodes and upscales the clip with nothing behind, timed from the first frame that comes out to the last.
fn frames_per_second() -> Result<f64> {
    let pipeline = launch(&format!(
        "filesrc location={CLIP} ! matroskademux ! vp9dec ! queue ! rclut scale=2
            ! fakesink name=sink sync=false"
    ))?;
    let times = Arc::new(Mutex::new(Vec::new()));
    let sink = pipeline
        .by_name("sink")
        .expect("an element of the pipeline");
    let pad = sink.static_pad("sink").expect("a sink's pad");
    let recorded = times.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        recorded.lock().unwrap().push(Instant::now());
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing)?;
    wait_for_end(&pipeline)?;
    let times = times.lock().unwrap();
    let [first, .., last] = times[..] else {
        bail!("{CLIP}: found {} frames, expected {FRAMES}", times.len());
    };
    Ok((times.len() - 1) as f64 / last.duration_since(first).as_secs_f64())
}

fn launch(description: &str) -> Result<gst::Pipeline> {
    let pipeline = gst::parse::launch(description)?;
    Ok(pipeline
        .downcast()
        .expect("several elements make a pipeline"))
}

/// The next frame of a sink, or the error that kept it from coming.
fn next_frame(pipeline: &gst::Pipeline, sink: &AppSink) -> Result<gst::Sample> {
    loop {
        if let Some(sample) = sink.try_pull_sample(gst::ClockTime::SECOND) {
            return Ok(sample);
        }
        check_errors(pipeline, gst::ClockTime::ZERO)?;
        ensure!(
            !sink.is_eos(),
            "`{}` ended early, expected {FRAMES} frames",
            sink.name()
        );
    }
}

/// Waits until every sink has had everything, then stops the pipeline.
fn wait_for_end(pipeline: &gst::Pipeline) -> Result<()> {
    check_errors(pipeline, gst::ClockTime::NONE)?;
    pipeline.set_state(gst::State::Null)?;
    Ok(())
}

/// Waits at most so long for the end of the stream; an error on the way is this function's.
fn check_errors(
    pipeline: &gst::Pipeline,
    timeout: impl Into<Option<gst::ClockTime>>,
) -> Result<()> {
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    if let Some(message) = bus.timed_pop_filtered(timeout, &wanted)
        && let gst::MessageView::Error(error) = message.view()
    {
        bail!("{}: {}", error.error(), error.debug().unwrap_or_default());
    }
    Ok(())
}

/// The luma samples of a frame, row by row, without padding.
fn luma(sample: &gst::Sample) -> Result<Vec<u8>> {
    let caps = sample.caps().context("a frame has caps")?;
    let info = gst_video::VideoInfo::from_caps(caps)?;
    let buffer = sample.buffer().context("a sample of video has a buffer")?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
    let (width, stride) = (info.width() as usize, frame.plane_stride()[0] as usize);
    let rows = frame
        .plane_data(0)?
        .chunks(stride)
        .take(info.height() as usize);
    Ok(rows.flat_map(|row| &row[..width]).copied().collect())
}

/// Peak signal-to-noise ratio in dB, the peak being 255.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    let mean = squares.sum::<f64>() / a.len() as f64;
    10.0 * (255.0f64.powi(2) / mean).log10()
}

/// The same detail of several frames, side by side and twice as large.
fn picture(samples: &[&gst::Sample]) -> Result<RgbImage> {
    const GAP: u32 = 8;
    let (left, top, width, height) = DETAIL;
    let count = samples.len() as u32;
    let mut picture = RgbImage::new(count * (2 * width + GAP) - GAP, 2 * height);
    for (column, sample) in (0..).zip(samples) {
        let frame = rgb(sample)?;
        let detail = imageops::crop_imm(&frame, left, top, width, height).to_image();
        let detail = imageops::resize(&detail, 2 * width, 2 * height, imageops::Nearest);
        imageops::replace(
            &mut picture,
            &detail,
            column * i64::from(2 * width + GAP),
            0,
        );
    }
    Ok(picture)
}

fn rgb(sample: &gst::Sample) -> Result<RgbImage> {
    // Rows of 3 * 1280 bytes need no padding, so the buffer is the image.
    let caps = gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::Rgb);
    let sample = gst_video::convert_sample(sample, &caps.build(), gst::ClockTime::NONE)?;
    let info = gst_video::VideoInfo::from_caps(sample.caps().context("a frame has caps")?)?;
    let buffer = sample.buffer().context("a converted sample has a buffer")?;
    let data = buffer.map_readable()?.to_vec();
    RgbImage::from_raw(info.width(), info.height(), data).context("an RGB frame without padding")
}
