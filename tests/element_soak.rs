//! A stream that is negotiated anew again and again: does its memory stay flat? Every second frame for some seconds, or
//! every second for as many as `RCLUT_SOAK_SECONDS` says:
//!
//!     RCLUT_SOAK_SECONDS=1200 cargo test --release --test element_soak -- --nocapture
#![cfg(feature = "plugin")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_app::AppSrc;
use sysinfo::{ProcessesToUpdate, System};

use support::frames;

/// Rounds of an ordinary run, and frames in each.
const ROUNDS: usize = 60;
const FRAMES: usize = 2;

const FRAMES_PER_SECOND: usize = 25;
const FRAME_TIME: Duration = Duration::from_millis(1000 / FRAMES_PER_SECOND as u64);

/// What resident memory may grow by once every way has been gone twice. Packed tables are megabytes, and allocators keep
/// some of what is freed; what leaks with every negotiation would be many times this.
const ALLOWANCE: u64 = 64 << 20;

/// What a round asks for: input caps, then properties.
const WAYS: [(&str, &str); 12] = [
    ("I420,width=160,height=90", "scale=2 model=rclut"),
    ("NV12,width=96,height=54", "scale=3 model=rclut"),
    ("I420_10LE,width=80,height=45", "scale=2 model=rclut"),
    ("RGB,width=61,height=37", "scale=4 model=rclut"),
    ("I420,width=160,height=90", "scale=1 model=rclut"),
    (
        "GRAY8,width=17,height=99",
        "scale=2 model=srlut n-threads=2",
    ),
    (
        "BGRA,width=64,height=48",
        "scale=2 model=srlut split=0.5 n-threads=1",
    ),
    (
        "P010_10LE,width=64,height=48",
        "scale=2 model=srlut late=degrade split=0",
    ),
    (
        "YUY2,width=128,height=32",
        "scale=3 model=rclut chroma=bilinear",
    ),
    (
        "Y444,width=31,height=33",
        "scale=2 model=rclut chroma=lut late=off",
    ),
    (
        "A420,width=48,height=48",
        "scale=2 model=rclut chroma=bicubic tile-size=3",
    ),
    (
        "GRAY16_LE,width=100,height=2",
        "scale=auto model=rclut tile-size=0 late=drop",
    ),
];

fn resident() -> u64 {
    let process = sysinfo::get_current_pid().unwrap();
    let mut system = System::new();
    system.refresh_processes(ProcessesToUpdate::Some(&[process]), true);
    system.process(process).unwrap().memory()
}

/// Sets what a round asks for and streams its frames.
fn go(way: (&str, &str), frames: usize, source: &AppSrc, upscaler: &gst::Element) {
    let (format, properties) = way;
    for property in properties.split(' ') {
        let (name, value) = property.split_once('=').unwrap();
        upscaler.set_property_from_str(name, value);
    }
    let caps = format!("video/x-raw,framerate={FRAMES_PER_SECOND}/1,format={format}");
    let caps: gst::Caps = caps.parse().unwrap();
    let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
    for _ in 0..frames {
        let buffer = gst::Buffer::from_slice(vec![100u8; info.size()]);
        let sample = gst::Sample::builder().caps(&caps).buffer(&buffer).build();
        source.push_sample(&sample).unwrap();
        thread::sleep(FRAME_TIME);
    }
}

#[test]
fn memory_stays_flat() {
    let asked = std::env::var("RCLUT_SOAK_SECONDS").ok();
    let (rounds, frames) = match asked {
        Some(seconds) => (seconds.parse().unwrap(), FRAMES_PER_SECOND),
        None => (ROUNDS, FRAMES),
    };
    frames::init();
    let pipeline = gst::parse::launch(
        "appsrc name=source is-live=true do-timestamp=true format=time
            ! rclut name=upscaler n-threads=1 ! fakesink name=sink sync=true",
    );
    let pipeline: gst::Pipeline = pipeline.unwrap().downcast().unwrap();
    let element = |name| pipeline.by_name(name).unwrap();
    let (upscaler, sink) = (element("upscaler"), element("sink"));
    let source: AppSrc = element("source").downcast().unwrap();
    let (negotiated, caps_events) = std::sync::mpsc::channel();
    let pad = sink.static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, probe| {
        if probe
            .event()
            .is_some_and(|event| event.type_() == gst::EventType::Caps)
        {
            negotiated.send(()).unwrap();
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();

    let (started, mut settled) = (Instant::now(), 0);
    let say = |memory: u64| {
        println!(
            "{:>4} s {:>7} KiB",
            started.elapsed().as_secs(),
            memory / 1024
        )
    };
    for number in 0..rounds {
        if number % 60 == 0 {
            say(resident());
        }
        if number == 2 * WAYS.len() {
            settled = resident();
        }
        go(WAYS[number % WAYS.len()], frames, &source, &upscaler);
    }
    let last = resident();
    say(last);
    let bus = pipeline.bus().unwrap();
    let error = bus.pop_filtered(&[gst::MessageType::Error]);
    assert!(error.is_none(), "{error:?}");
    let stats = upscaler.property::<gst::Structure>("stats");
    pipeline.set_state(gst::State::Null).unwrap();
    let negotiations = caps_events.try_iter().count();
    println!(
        "negotiated {negotiations} times, {} frames upscaled",
        stats.get::<u64>("frames").unwrap()
    );
    assert!(
        negotiations >= rounds,
        "{negotiations} negotiations in {rounds} rounds"
    );
    assert!(last <= settled + ALLOWANCE, "{settled} bytes became {last}");
}
