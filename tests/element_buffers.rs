//! Memory that is not as one would have it: foreign, shared, padded, upside down or too short.
#![cfg(feature = "plugin")]

mod support;

use gst::prelude::*;
use gst_video::prelude::*;

use support::frames;

fn harness(rclut: &str, caps: &str) -> (gst_check::Harness, gst::Bus) {
    frames::init();
    let mut harness = gst_check::Harness::new_parse(rclut);
    let bus = gst::Bus::new();
    harness.find_element("rclut").unwrap().set_bus(Some(&bus));
    harness.set_src_caps_str(caps);
    (harness, bus)
}

fn error(bus: &gst::Bus) -> String {
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    match message.view() {
        gst::MessageView::Error(error) => error.error().to_string(),
        _ => unreachable!("only errors are popped"),
    }
}

const GRAY: &str = "video/x-raw,format=GRAY8,width=4,height=4,framerate=25/1";

fn with_stride(bytes: usize, offset: usize, stride: i32) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(vec![100; bytes]);
    let flags = gst_video::VideoFrameFlags::empty();
    let format = gst_video::VideoFormat::Gray8;
    let buffer_ref = buffer.get_mut().unwrap();
    gst_video::VideoMeta::add_full(buffer_ref, flags, format, 4, 4, &[offset], &[stride]).unwrap();
    buffer
}

#[test]
fn bottom_up_frames_are_refused_with_a_reason() {
    let (mut harness, bus) = harness("rclut scale=2", GRAY);
    assert_eq!(
        harness.push(with_stride(32, 24, -8)),
        Err(gst::FlowError::Error)
    );
    let error = error(&bus);
    assert!(
        error.contains("bottom-up") && error.contains("-8"),
        "{error}"
    );
}

#[test]
fn strides_that_promise_more_than_there_is_are_refused() {
    let (mut harness, bus) = harness("rclut scale=2", GRAY);
    assert_eq!(
        harness.push(with_stride(32, 0, 4000)),
        Err(gst::FlowError::Error)
    );
    let error = error(&bus);
    assert!(
        error.contains("input frame") && error.contains("4000"),
        "{error}"
    );
}

#[test]
fn a_frame_that_is_too_short_is_refused() {
    let (mut harness, bus) = harness("rclut scale=2", GRAY);
    let short = gst::Buffer::with_size(15).unwrap();
    assert_eq!(harness.push(short), Err(gst::FlowError::Error));
    let error = error(&bus);
    assert!(
        error.contains("15 bytes") && error.contains("expected 16"),
        "{error}"
    );
}

#[test]
fn a_last_row_without_padding_is_enough() {
    let (mut harness, _) = harness("rclut scale=2", GRAY);
    harness.push(with_stride(3 * 50 + 4, 0, 50)).unwrap();
    assert_eq!(harness.pull().unwrap().size(), 64);
}

#[test]
fn memory_in_pieces_works() {
    let caps = "video/x-raw,format=I420,width=4,height=4,framerate=25/1";
    let (mut harness, _) = harness("rclut scale=2", caps);
    let mut pieces = gst::Buffer::new();
    for bytes in [10, 6, 3, 5, 8] {
        pieces
            .get_mut()
            .unwrap()
            .append_memory(gst::Memory::from_slice(vec![90u8; bytes]));
    }
    let whole = gst::Buffer::from_slice(vec![90u8; 32]);
    let from_pieces = harness.push_and_pull(pieces).unwrap();
    let from_whole = harness.push_and_pull(whole).unwrap();
    assert_eq!(
        from_pieces.map_readable().unwrap().as_slice(),
        from_whole.map_readable().unwrap().as_slice()
    );
}

/// A pool whose buffers have borders and strides of their own, as a display's have.
#[test]
fn padding_that_downstream_asks_for_is_honoured() {
    frames::init();
    let caps: gst::Caps = GRAY.replace("=4", "=8").parse().unwrap();
    let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=2 pattern=snow ! {GRAY} ! rclut scale=2 ! appsink name=sink sync=false"
    ));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    let pad = sink.static_pad("sink").unwrap();
    let pool_caps = caps.clone();
    pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, move |_, probe| {
        if let Some(gst::QueryViewMut::Allocation(query)) =
            probe.query_mut().map(gst::QueryRef::view_mut)
        {
            let pool = gst_video::VideoBufferPool::new();
            let mut config = pool.config();
            config.set_params(Some(&pool_caps), info.size() as u32, 1, 0);
            config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
            config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
            config.set_video_alignment(&gst_video::VideoAlignment::new(3, 5, 7, 9, &[0; 4]));
            pool.set_config(config).unwrap();
            query.add_allocation_pool(Some(&pool), info.size() as u32, 1, 0);
            query.add_allocation_meta::<gst_video::VideoMeta>(None);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink
        .emit_by_name::<Option<gst::Sample>>("pull-sample", &[])
        .unwrap();
    let padded = sample.buffer().unwrap();
    let meta = padded.meta::<gst_video::VideoMeta>().unwrap();
    assert!(meta.stride()[0] > 8, "the pool was not used");
    let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
    let found = frames::planes(padded, &info);
    pipeline.set_state(gst::State::Null).unwrap();
    let plain = frames::run(&format!(
        "videotestsrc num-buffers=2 pattern=snow ! {GRAY} ! rclut scale=2 ! appsink name=sink"
    ));
    assert_eq!(found, plain.frames[0]);
}

#[test]
fn the_input_is_never_written_to() {
    let (mut harness, _) = harness("rclut scale=2", GRAY);
    let input = gst::Buffer::from_slice([7u8; 16]);
    harness.push_and_pull(input.clone()).unwrap();
    assert_eq!(input.map_readable().unwrap().as_slice(), [7; 16]);
}

#[test]
fn upstream_is_offered_a_pool_of_its_own_frames() {
    let (harness, _) = harness("rclut scale=2", GRAY);
    let pad = harness.srcpad().unwrap();
    let mut query = gst::query::Allocation::new(pad.current_caps().as_ref(), true);
    assert!(pad.peer_query(&mut query));
    let (_, size, ..) = query.allocation_pools().next().unwrap();
    assert_eq!(size, 16);
    assert!(
        query
            .find_allocation_meta::<gst_video::VideoMeta>()
            .is_some()
    );
}
