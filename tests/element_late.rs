//! `late` on a machine that is too slow: its clock goes on by what each frame costs, so that the same frames are late in
//! every run.
#![cfg(feature = "plugin")]

mod support;

use std::sync::{Arc, Mutex};

use gst::ClockTime;
use gst::prelude::*;
use gst_app::AppSrc;

use support::frames;
use support::work_clock::WorkClock;

const CAPS: &str = "video/x-raw,format=GRAY8,width=8,height=4,framerate=25/1";
const FRAME_TIME: ClockTime = ClockTime::from_mseconds(40);

/// Frames of a stream; the machine is slow for the first half.
const FRAMES: u64 = 400;

/// What made a frame, as the messages name it, and milliseconds that this takes a slow machine and a quick one.
const COSTS: [(&str, u64, u64); 3] = [
    ("model", 90, 30),
    ("cheap-model", 60, 20),
    ("bicubic", 15, 5),
];

fn picture() -> gst::Buffer {
    let samples: Vec<u8> = (0..32).map(|at| (at * 37) as u8).collect();
    gst::Buffer::from_slice(samples)
}

/// What `rclut` makes of the picture.
fn made(properties: &str) -> Vec<u8> {
    let mut harness = gst_check::Harness::new_parse(&format!("rclut scale=2 {properties}"));
    harness.set_src_caps_str(CAPS);
    let output = harness.push_and_pull(picture()).unwrap();
    output.map_readable().unwrap().to_vec()
}

/// What comes of a stream: for each frame that comes out its time and what made it, and the element's messages.
struct Outcome {
    frames: Vec<(ClockTime, &'static str)>,
    messages: Vec<(ClockTime, String)>,
}

/// Streams the picture through a machine on which `late` is set.
fn stream(late: &str) -> Outcome {
    frames::init();
    let looks = [
        ("model", made("")),
        ("cheap-model", made("model=srlut")),
        ("bicubic", made("split=1")),
    ];
    let pipeline = gst::parse::launch(&format!(
        "appsrc name=source format=time block=true max-buffers=1 caps={CAPS}
            ! rclut name=upscaler scale=2 late={late} ! fakesink name=sink sync=true qos=true"
    ));
    let pipeline: gst::Pipeline = pipeline.unwrap().downcast().unwrap();
    let clock = WorkClock::default();
    pipeline.use_clock(Some(&clock));
    pipeline.set_start_time(None);
    pipeline.set_base_time(ClockTime::ZERO);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let upscaled = pipeline
        .by_name("upscaler")
        .unwrap()
        .static_pad("src")
        .unwrap();
    let seen_here = seen.clone();
    upscaled.add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
        let buffer = probe.buffer().unwrap();
        let (time, bytes) = (buffer.pts().unwrap(), buffer.map_readable().unwrap());
        let look = looks
            .iter()
            .position(|(_, look)| bytes.as_slice() == look.as_slice());
        let (name, slow, quick) = COSTS[look.expect("a frame that something made")];
        seen_here.lock().unwrap().push((time, name));
        let cost = if time < FRAME_TIME * (FRAMES / 2) {
            slow
        } else {
            quick
        };
        // The first is made before the clock runs.
        if time > ClockTime::ZERO {
            clock.work(ClockTime::from_mseconds(cost));
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let source: AppSrc = pipeline.by_name("source").unwrap().downcast().unwrap();
    for number in 0..FRAMES {
        let mut buffer = picture();
        let buffer_ref = buffer.get_mut().unwrap();
        buffer_ref.set_pts(FRAME_TIME * number);
        buffer_ref.set_duration(FRAME_TIME);
        source.push_buffer(buffer).unwrap();
    }
    source.end_of_stream().unwrap();
    let bus = pipeline.bus().unwrap();
    let mut messages = Vec::new();
    for message in bus.iter_timed(ClockTime::from_seconds(60)) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => panic!("{error:?}"),
            gst::MessageView::Element(_) => {
                let news = message.structure().unwrap();
                assert_eq!(news.name(), "rclut-quality");
                let quality = news.get::<String>("quality").unwrap();
                messages.push((news.get("running-time").unwrap(), quality));
            }
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    let frames = std::mem::take(&mut *seen.lock().unwrap());
    Outcome { frames, messages }
}

fn count(outcome: &Outcome, look: &str) -> usize {
    outcome
        .frames
        .iter()
        .filter(|(_, made_by)| *made_by == look)
        .count()
}

#[test]
fn degrade_serves_a_late_stream_by_cheaper_ways_until_it_is_in_time_again() {
    let outcome = stream("degrade");
    assert_eq!(outcome.frames.len() as u64, FRAMES, "none is dropped");
    // Each change is told with the time of the frame that it begins with.
    let mut changes = Vec::new();
    for pair in outcome.frames.windows(2) {
        let [(_, before), (time, after)] = pair else {
            unreachable!("windows of two")
        };
        if before != after {
            changes.push((*time, (*after).to_owned()));
        }
    }
    assert_eq!(changes, outcome.messages);
    let qualities: Vec<_> = changes
        .iter()
        .map(|(_, quality)| quality.as_str())
        .collect();
    // Down to what keeps up, and up as often as that seems to be enough; in the end back to the model.
    assert_eq!(qualities[..2], ["cheap-model", "bicubic"]);
    assert_eq!(qualities[qualities.len() - 2..], ["cheap-model", "model"]);
    let tries = &qualities[2..qualities.len() - 2];
    assert!(!tries.is_empty());
    assert!(
        tries
            .chunks(2)
            .all(|pair| pair == ["cheap-model", "bicubic"]),
        "{qualities:?}"
    );
    // Late at once, so that bicubic makes most of the slow half; the model most of the quick one.
    assert!(changes[0].0 <= FRAME_TIME * 3, "{:?}", changes[0]);
    assert!(count(&outcome, "bicubic") > 100, "{qualities:?}");
    assert!(count(&outcome, "model") > 80, "{qualities:?}");
}

#[test]
fn drop_leaves_late_frames_out() {
    let outcome = stream("drop");
    let frames = outcome.frames.len() as u64;
    assert!(frames < FRAMES * 4 / 5, "{frames} came out");
    assert_eq!(count(&outcome, "model") as u64, frames);
    assert!(outcome.messages.is_empty());
    // In time again, all come.
    let quick = outcome
        .frames
        .iter()
        .filter(|(time, _)| *time >= FRAME_TIME * (FRAMES - 50));
    assert_eq!(quick.count(), 50);
}

#[test]
fn off_makes_every_frame_by_the_model() {
    let outcome = stream("off");
    assert_eq!(count(&outcome, "model") as u64, FRAMES);
    assert!(outcome.messages.is_empty());
}
