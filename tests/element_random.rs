//! Random streams: formats, sizes, scales, strides, threads and properties that change between frames; every frame equals
//! what a fresh element makes of it alone. `RCLUT_RANDOM_STREAMS` sets how many, `RCLUT_RANDOM_SEED` the first seed.
#![cfg(feature = "plugin")]

mod support;

use gst::prelude::*;
use gst_video::VideoInfo;

use support::{frames, tables};

/// Streams in an ordinary run.
const STREAMS: u64 = 40;

fn variable(name: &str, default: u64) -> u64 {
    let value = std::env::var(name);
    value.map_or(default, |value| value.parse().unwrap())
}

/// The numbers of one stream.
struct Dice {
    seed: u64,
    rolled: usize,
}

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.rolled += 1;
        tables::random(self.seed, self.rolled, 0, below as i64 - 1) as usize
    }
}

/// A frame of noise whose rows have up to 16 bytes that belong to nobody.
fn noise(info: &VideoInfo, dice: &mut Dice) -> gst::Buffer {
    let padding = dice.roll(9) * 2;
    let (mut offsets, mut strides, mut size) = (Vec::new(), Vec::new(), 0);
    for stride in &info.stride()[..info.n_planes() as usize] {
        offsets.push(size);
        strides.push(stride + padding as i32);
        size += (*stride as usize + padding) * info.height() as usize;
    }
    let seed = dice.roll(1 << 30) as u64;
    let bytes: Vec<u8> = (0..size)
        .map(|at| tables::splitmix(seed, at as u64) as u8)
        .collect();
    let mut buffer = gst::Buffer::from_slice(bytes);
    let flags = gst_video::VideoFrameFlags::empty();
    let (width, height) = (info.width(), info.height());
    let meta = buffer.get_mut().unwrap();
    gst_video::VideoMeta::add_full(
        meta,
        flags,
        info.format(),
        width,
        height,
        &offsets,
        &strides,
    )
    .unwrap();
    buffer
}

fn visible(harness: &gst_check::Harness, output: &gst::Buffer) -> Vec<frames::PlaneBytes> {
    let caps = harness.sinkpad().unwrap().current_caps().unwrap();
    frames::planes(output, &VideoInfo::from_caps(&caps).unwrap())
}

fn stream(seed: u64, formats: &[String]) {
    let mut dice = Dice { seed, rolled: 0 };
    let mut harness = gst_check::Harness::new_parse("rclut");
    let element = harness.find_element("rclut").unwrap();
    let mut caps: Option<gst::Caps> = None;
    for _ in 0..6 {
        if caps.is_none() || dice.roll(3) == 0 {
            let format = &formats[dice.roll(formats.len())];
            let (width, height) = (1 + dice.roll(40), 1 + dice.roll(30));
            let new =
                format!("video/x-raw,format={format},width={width},height={height},framerate=25/1");
            let new: gst::Caps = new.parse().unwrap();
            harness.set_src_caps(new.clone());
            caps = Some(new);
        }
        let scale = ["auto", "1", "2", "3", "4"][dice.roll(5)];
        let chroma = ["bicubic", "bilinear", "lut"][dice.roll(3)];
        let split = dice.roll(5) as f64 / 4.0;
        element.set_property_from_str("scale", scale);
        element.set_property_from_str("chroma", chroma);
        element.set_property("split", split);
        element.set_property("n-threads", dice.roll(4) as u32);
        element.set_property("tile-size", dice.roll(12) as u32);
        if dice.roll(4) == 0 {
            harness.push_event(gst::event::FlushStart::new());
            harness.push_event(gst::event::FlushStop::new(true));
            let segment = gst::FormattedSegment::<gst::ClockTime>::new();
            harness.push_event(gst::event::Segment::new(&segment));
        }
        let caps = caps.as_ref().unwrap();
        let input = noise(&VideoInfo::from_caps(caps).unwrap(), &mut dice);
        let output = harness.push_and_pull(input.clone()).unwrap();
        let alone = format!("rclut n-threads=1 scale={scale} chroma={chroma} split={split}");
        let mut fresh = gst_check::Harness::new_parse(&alone);
        fresh.set_src_caps(caps.clone());
        let expected = fresh.push_and_pull(input).unwrap();
        assert!(
            visible(&harness, &output) == visible(&fresh, &expected),
            "seed {seed}: {caps} by {alone}"
        );
    }
}

#[test]
fn every_frame_of_a_random_stream_is_as_if_it_were_alone() {
    let formats = frames::formats();
    let first = variable("RCLUT_RANDOM_SEED", 1);
    let seeds = first..first + variable("RCLUT_RANDOM_STREAMS", STREAMS);
    println!("seeds {seeds:?}");
    seeds.for_each(|seed| stream(seed, &formats));
}
