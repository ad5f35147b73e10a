//! A running stream: properties and caps that change, events, and what the element tells of itself.
#![cfg(feature = "plugin")]

mod support;

use gst::prelude::*;

use support::frames;

const CAPS: &str = "video/x-raw,format=GRAY8,width=8,height=4,framerate=25/1";

fn harness(rclut: &str) -> gst_check::Harness {
    frames::init();
    let mut harness = gst_check::Harness::new_parse(rclut);
    harness.set_src_caps_str(CAPS);
    harness
}

fn frame(number: u64) -> gst::Buffer {
    let bytes: Vec<u8> = (0..32).map(|at| (at * 37 + number * 11) as u8).collect();
    let mut buffer = gst::Buffer::from_slice(bytes);
    let buffer_ref = buffer.get_mut().unwrap();
    buffer_ref.set_pts(gst::ClockTime::from_mseconds(40 * number));
    buffer_ref.set_duration(gst::ClockTime::from_mseconds(40));
    buffer
}

fn bytes(buffer: &gst::Buffer) -> Vec<u8> {
    buffer.map_readable().unwrap().to_vec()
}

/// The size in the caps that the frames come with now.
fn size(harness: &gst_check::Harness) -> (i32, i32) {
    let caps = harness.sinkpad().unwrap().current_caps().unwrap();
    let structure = caps.structure(0).unwrap();
    (
        structure.get("width").unwrap(),
        structure.get("height").unwrap(),
    )
}

#[test]
fn a_scale_that_changes_counts_from_the_next_frame() {
    let mut harness = harness("rclut scale=2");
    let element = harness.find_element("rclut").unwrap();
    for (number, (scale, width)) in [("2", 16), ("3", 24), ("1", 8), ("4", 32), ("auto", 16)]
        .into_iter()
        .enumerate()
    {
        element.set_property_from_str("scale", scale);
        let output = harness.push_and_pull(frame(number as u64)).unwrap();
        assert_eq!(size(&harness), (width, width / 2), "scale={scale}");
        assert_eq!(output.size() as i32, width * width / 2);
    }
}

#[test]
fn a_model_that_changes_counts_from_the_next_frame() {
    let models = frames::models();
    let mut harness = harness("rclut");
    let element = harness.find_element("rclut").unwrap();
    let builtin = bytes(&harness.push_and_pull(frame(0)).unwrap());
    element.set_property("model", models.path(2));
    let same_size = bytes(&harness.push_and_pull(frame(0)).unwrap());
    assert_eq!(size(&harness), (16, 8));
    assert_ne!(builtin, same_size);
    element.set_property("model", models.path(3));
    harness.push_and_pull(frame(0)).unwrap();
    assert_eq!(size(&harness), (24, 12));
    element.set_property("model", models.path(1));
    let made = bytes(&harness.push_and_pull(frame(0)).unwrap());
    assert_ne!(made, bytes(&frame(0)));
    element.set_property("model", "rclut");
    element.set_property_from_str("scale", "1");
    assert_eq!(
        bytes(&harness.push_and_pull(frame(0)).unwrap()),
        bytes(&frame(0))
    );
    element.set_property_from_str("scale", "auto");
    assert_eq!(bytes(&harness.push_and_pull(frame(0)).unwrap()), builtin);
}

#[test]
fn a_bad_model_in_mid_stream_is_an_error() {
    let mut harness = harness("rclut");
    let element = harness.find_element("rclut").unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    harness.push_and_pull(frame(0)).unwrap();
    element.set_property("model", "nope");
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!("only errors are popped");
    };
    assert!(error.error().to_string().contains("nope"));
}

#[test]
fn threads_tiles_and_chroma_may_change_and_only_chroma_shows() {
    frames::init();
    let mut harness = gst_check::Harness::new_parse("rclut scale=2");
    harness.set_src_caps_str("video/x-raw,format=I420,width=8,height=4,framerate=25/1");
    let element = harness.find_element("rclut").unwrap();
    let input: Vec<u8> = (0..48).map(|at| (at * 53) as u8).collect();
    let mut push = || {
        bytes(
            &harness
                .push_and_pull(gst::Buffer::from_slice(input.clone()))
                .unwrap(),
        )
    };
    let first = push();
    element.set_property("n-threads", 3u32);
    element.set_property("tile-size", 1u32);
    assert_eq!(push(), first);
    for chroma in ["bilinear", "lut"] {
        element.set_property_from_str("chroma", chroma);
        let other = push();
        assert_eq!(other[..128], first[..128], "{chroma}");
        assert_ne!(other[128..], first[128..], "{chroma}");
    }
}

#[test]
fn caps_may_change_in_mid_stream() {
    let mut harness = harness("rclut scale=3");
    harness.push_and_pull(frame(0)).unwrap();
    for (format, width, height) in [("RGB", 5, 3), ("I420", 6, 4), ("GRAY16_LE", 3, 2)] {
        harness.set_src_caps_str(&format!(
            "video/x-raw,format={format},width={width},height={height},framerate=25/1"
        ));
        let caps = harness.srcpad().unwrap().current_caps().unwrap();
        let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
        let made = harness
            .push_and_pull(gst::Buffer::with_size(info.size()).unwrap())
            .unwrap();
        assert_eq!(size(&harness), (3 * width, 3 * height));
        let larger = harness.sinkpad().unwrap().current_caps().unwrap();
        assert_eq!(
            made.size(),
            gst_video::VideoInfo::from_caps(&larger).unwrap().size(),
            "{format}"
        );
    }
}

#[test]
fn downstream_may_ask_for_another_size_in_mid_stream() {
    frames::init();
    let description = "videotestsrc num-buffers=40 ! video/x-raw,format=I420,width=16,height=8 ! rclut ! capsfilter name=filter caps=video/x-raw,width=32 ! appsink name=sink sync=false max-buffers=1";
    let pipeline = gst::parse::launch(description)
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
    let (sink, filter) = (
        pipeline.by_name("sink").unwrap(),
        pipeline.by_name("filter").unwrap(),
    );
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut widths = Vec::new();
    while let Some(sample) = sink.emit_by_name::<Option<gst::Sample>>("pull-sample", &[]) {
        let width: i32 = sample
            .caps()
            .unwrap()
            .structure(0)
            .unwrap()
            .get("width")
            .unwrap();
        if widths.last() != Some(&width) {
            widths.push(width);
            let next = match width {
                32 => "video/x-raw,width=64",
                _ => "video/x-raw,width=48",
            };
            filter.set_property("caps", next.parse::<gst::Caps>().unwrap());
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(widths, [32, 64, 48]);
}

#[test]
fn events_pass_and_gaps_flushes_and_eos_do_no_harm() {
    let mut harness = harness("rclut scale=2");
    let first = bytes(&harness.push_and_pull(frame(0)).unwrap());
    assert!(harness.push_event(gst::event::Gap::new(
        gst::ClockTime::from_mseconds(40),
        None
    )));
    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let output = harness.push_and_pull(frame(0)).unwrap();
    assert_eq!(bytes(&output), first);
    assert_eq!(output.pts(), frame(0).pts());
    assert!(harness.push_event(gst::event::Eos::new()));
    let mut types = Vec::new();
    while let Some(event) = harness.try_pull_event() {
        types.push(event.type_());
    }
    for expected in [
        gst::EventType::Gap,
        gst::EventType::FlushStop,
        gst::EventType::Eos,
    ] {
        assert!(types.contains(&expected), "{types:?}");
    }
}

#[test]
fn seeking_gives_the_same_frames_again() {
    frames::init();
    let description = "videotestsrc pattern=zone-plate kx2=20 kt=9 ! video/x-raw,format=I420,width=16,height=8 ! rclut ! appsink name=sink sync=false max-buffers=1";
    let pipeline = gst::parse::launch(description).unwrap();
    let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let pull = || {
        let sample = sink.emit_by_name::<Option<gst::Sample>>("pull-sample", &[]);
        bytes(&sample.unwrap().buffer_owned().unwrap())
    };
    let (first, second) = (pull(), pull());
    assert!(first != second, "the source does not move");
    pipeline
        .seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::ZERO)
        .unwrap();
    assert!((pull(), pull()) == (first, second));
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_still_image_is_a_stream_of_one_frame() {
    let run = frames::run(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=16,height=8,framerate=0/1 ! rclut scale=4 ! appsink name=sink",
    );
    assert_eq!((run.error, run.frames.len()), (None, 1));
    let frozen = frames::run(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=16,height=8 ! imagefreeze num-buffers=3 ! rclut scale=4 ! appsink name=sink",
    );
    assert_eq!((frozen.error, frozen.frames.len()), (None, 3));
    assert_eq!(frozen.frames[0], frozen.frames[2]);
    assert_eq!(frozen.frames[0], run.frames[0]);
}

#[test]
fn no_latency_is_added() {
    let mut harness = harness("rclut");
    harness.set_live(true);
    harness.set_upstream_latency(gst::ClockTime::from_mseconds(20));
    harness.push_and_pull(frame(0)).unwrap();
    assert_eq!(
        harness.query_latency(),
        Some(gst::ClockTime::from_mseconds(20))
    );
}

#[test]
fn split_shows_both_with_a_line_between() {
    let made = |rclut| bytes(&harness(rclut).push_and_pull(frame(3)).unwrap());
    let (tables, plain, both) = (
        made("rclut scale=2"),
        made("rclut scale=2 split=1"),
        made("rclut scale=2 split=0.25"),
    );
    assert_ne!(tables, plain);
    for y in 0..8 {
        let row = 16 * y..16 * (y + 1);
        let (tables, plain, both) = (&tables[row.clone()], &plain[row.clone()], &both[row]);
        assert_eq!(both[..4], plain[..4]);
        assert_eq!(both[4], 255);
        assert_eq!(both[5..], tables[5..]);
    }
}

#[test]
fn split_moves_with_a_controller() {
    use gst_controller::prelude::*;
    let mut harness = harness("rclut scale=2");
    let element = harness.find_element("rclut").unwrap();
    let source = gst_controller::InterpolationControlSource::new();
    source.set_mode(gst_controller::InterpolationMode::Linear);
    source.set(gst::ClockTime::ZERO, 0.0);
    source.set(gst::ClockTime::SECOND, 1.0);
    element
        .add_control_binding(&gst_controller::DirectControlBinding::new(
            &element, "split", &source,
        ))
        .unwrap();
    let position = |output: gst::Buffer| {
        bytes(&output)[..16]
            .iter()
            .position(|sample| *sample == 255)
    };
    let mut dark = |number: u64| {
        let mut buffer = gst::Buffer::from_slice([20u8; 32]);
        buffer
            .get_mut()
            .unwrap()
            .set_pts(gst::ClockTime::from_mseconds(40 * number));
        position(harness.push_and_pull(buffer).unwrap())
    };
    assert_eq!((dark(0), dark(5), dark(10)), (None, Some(3), Some(6)));
}

#[test]
fn stats_tell_frames_times_model_and_instructions() {
    let mut harness = harness("rclut scale=2");
    (0..5).for_each(|number| drop(harness.push_and_pull(frame(number)).unwrap()));
    let element = harness.find_element("rclut").unwrap();
    let stats = element.property::<gst::Structure>("stats");
    assert_eq!(stats.get("frames"), Ok(5u64));
    assert!(stats.get::<f64>("mean-ms").unwrap() > 0.0);
    assert!(stats.get::<f64>("p99-ms").unwrap() > 0.0);
    assert_eq!(stats.get("model"), Ok("rclut-x2"));
    assert!(["portable", "avx2", "avx512"].contains(&stats.get::<&str>("cpu").unwrap()));
}
