//! Frames to scale: pictures of a video at any size, noise, and their luma.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;
use gst_video::{VideoFormat, VideoFrameRef, VideoInfo, prelude::*};

use super::tables;

/// The video that is used unless another is asked for.
pub fn bundled_clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clip/bunny-1280x720.webm")
}

/// The caps of I420 frames.
pub fn info(width: u32, height: u32) -> VideoInfo {
    let info = VideoInfo::builder(VideoFormat::I420, width, height).fps(60);
    info.build().expect("a size that I420 can have")
}

/// `count` frames that differ everywhere. A video smaller than they are is not enlarged, which would make its pictures
/// smooth: several of its frames are laid side by side.
///
/// # Errors
/// If the video cannot be decoded.
pub fn natural(video: &Path, info: &VideoInfo, count: usize) -> Result<Vec<gst::Buffer>> {
    let pictures = decode(video)?;
    let (_, of) = pictures.first().context("the video has no frame")?;
    let (across, down) = (
        info.width().div_ceil(of.width()),
        info.height().div_ceil(of.height()),
    );
    let pieces = (across * down) as usize;
    let frame = |number: usize| {
        let mut frame = gst::Buffer::with_size(info.size()).expect("memory for a frame");
        for piece in 0..pieces {
            let (column, row) = (piece as u32 % across, piece as u32 / across);
            // Far apart in time, so that no two are alike.
            let at = (number + piece * pictures.len() / pieces) % pictures.len();
            let place = (column * of.width(), row * of.height());
            paste(&pictures[at], &mut frame, info, place)?;
        }
        Ok(frame)
    };
    (0..count).map(frame).collect()
}

/// A frame in which no two samples have to do with each other.
pub fn noise(info: &VideoInfo, seed: u64) -> gst::Buffer {
    let words = (0..info.size().div_ceil(8) as u64).map(|index| tables::splitmix(seed, index));
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    gst::Buffer::from_slice(bytes)
}

/// The luma of a frame, row by row.
pub fn luma(frame: &gst::Buffer, info: &VideoInfo) -> Vec<u8> {
    let frame = VideoFrameRef::from_buffer_ref_readable(frame, info).expect("a readable frame");
    let stride = frame.plane_stride()[0] as usize;
    let rows = frame.plane_data(0).expect("luma").chunks(stride);
    let rows = rows.take(info.height() as usize);
    rows.flat_map(|row| row[..info.width() as usize].to_vec())
        .collect()
}

/// All frames of a video, with their caps.
fn decode(video: &Path) -> Result<Vec<(gst::Buffer, VideoInfo)>> {
    let description = "filesrc name=file ! decodebin ! videoconvert ! video/x-raw,format=I420 ! appsink name=sink sync=false";
    let pipeline = gst::parse::launch(description)?;
    let pipeline: gst::Pipeline = pipeline.downcast().expect("several elements");
    let file = pipeline.by_name("file").expect("the file source");
    file.set_property("location", video);
    let sink = pipeline.by_name("sink").expect("the sink");
    let sink: gst_app::AppSink = sink.downcast().expect("an appsink");
    pipeline.set_state(gst::State::Playing)?;
    let mut pictures = Vec::new();
    while let Ok(sample) = sink.pull_sample() {
        let info = VideoInfo::from_caps(sample.caps().context("a sample has caps")?)?;
        pictures.push((
            sample.buffer_owned().context("a sample has a buffer")?,
            info,
        ));
    }
    pipeline.set_state(gst::State::Null)?;
    let bus = pipeline.bus().expect("a pipeline has a bus");
    if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error])
        && let gst::MessageView::Error(error) = message.view()
    {
        bail!("{}: {}", video.display(), error.error());
    }
    ensure!(!pictures.is_empty(), "{}: no frames", video.display());
    Ok(pictures)
}

/// Copies as much of a picture as fits to a place in a frame, counted in pixels.
fn paste(
    (picture, of): &(gst::Buffer, VideoInfo),
    frame: &mut gst::Buffer,
    info: &VideoInfo,
    (x, y): (u32, u32),
) -> Result<()> {
    let from = VideoFrameRef::from_buffer_ref_readable(picture, of)?;
    let frame = frame.get_mut().context("a frame of our own")?;
    let mut to = VideoFrameRef::from_buffer_ref_writable(frame, info)?;
    let format = info.format_info();
    for plane in 0..3u8 {
        let width = |width| format.scale_width(plane, width) as usize;
        let height = |height| format.scale_height(plane, height) as usize;
        let columns = width(of.width()).min(width(info.width() - x));
        let rows = height(of.height()).min(height(info.height() - y));
        let strides = [from.plane_stride(), to.plane_stride()];
        let [from_stride, to_stride] = strides.map(|strides| strides[plane as usize] as usize);
        let source = from.plane_data(plane.into())?.chunks(from_stride);
        let target = to.plane_data_mut(plane.into())?.chunks_mut(to_stride);
        for (source, target) in source.zip(target.skip(height(y))).take(rows) {
            target[width(x)..][..columns].copy_from_slice(&source[..columns]);
        }
    }
    Ok(())
}
