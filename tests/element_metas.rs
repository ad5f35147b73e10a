//! What becomes of each meta of a frame, and of navigation events on their way back.
#![cfg(feature = "plugin")]

mod support;

use gst::meta::CustomMeta;
use gst::prelude::*;
use gst_video::{
    VideoAFDMeta, VideoAffineTransformationMeta, VideoBarMeta, VideoCaptionMeta, VideoCropMeta,
    VideoOverlayCompositionMeta, VideoRegionOfInterestMeta, VideoTimeCode, VideoTimeCodeMeta,
};

use support::frames;

const CAPS: &str = "video/x-raw,format=GRAY8,width=8,height=4,framerate=25/1";

fn harness() -> gst_check::Harness {
    frames::init();
    let mut harness = gst_check::Harness::new_parse("rclut scale=3");
    harness.set_src_caps_str(CAPS);
    harness
}

/// The frame that comes out for one with the metas that `add` adds.
fn passed(add: impl FnOnce(&mut gst::BufferRef)) -> gst::Buffer {
    let mut harness = harness();
    let mut buffer = gst::Buffer::with_size(32).unwrap();
    add(buffer.get_mut().unwrap());
    harness.push_and_pull(buffer).unwrap()
}

#[test]
fn regions_of_interest_grow_with_the_frame() {
    let output = passed(|buffer| {
        let mut region = VideoRegionOfInterestMeta::add(buffer, "face", (1, 2, 3, 2));
        region.set_id(5);
        region.set_parent_id(4);
        region.add_param(
            gst::Structure::builder("detection")
                .field("confidence", 0.5)
                .build(),
        );
    });
    let region = output.meta::<VideoRegionOfInterestMeta>().unwrap();
    assert_eq!(region.rect(), (3, 6, 9, 6));
    assert_eq!(
        (region.roi_type(), region.id(), region.parent_id()),
        ("face", 5, 4)
    );
    assert_eq!(
        region.param("detection").unwrap().get("confidence"),
        Ok(0.5)
    );
}

fn overlay() -> gst_video::VideoOverlayComposition {
    let mut pixels = gst::Buffer::with_size(4 * 4).unwrap();
    let format = gst_video::VideoFormat::Bgra;
    gst_video::VideoMeta::add(
        pixels.get_mut().unwrap(),
        gst_video::VideoFrameFlags::empty(),
        format,
        2,
        2,
    )
    .unwrap();
    let flags = gst_video::VideoOverlayFormatFlags::empty();
    gst_video::VideoOverlayRectangle::new_raw(&pixels, 1, -1, 4, 2, flags).into()
}

#[test]
fn overlays_grow_with_the_frame() {
    let output = passed(|buffer| {
        VideoOverlayCompositionMeta::add(buffer, &overlay());
    });
    let meta = output.meta::<VideoOverlayCompositionMeta>().unwrap();
    let rectangle = meta.overlay().rectangle(0).unwrap();
    assert_eq!(rectangle.render_rectangle(), (3, -3, 12, 6));
}

#[test]
fn metas_that_know_no_pixels_are_copied() {
    frames::init();
    CustomMeta::register_simple("RclutTestMeta");
    let matrix = [
        [0.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ];
    let output = passed(|buffer| {
        VideoCaptionMeta::add(buffer, gst_video::VideoCaptionType::Cea708Raw, &[1, 2, 3]);
        let flags = gst_video::VideoTimeCodeFlags::empty();
        let code = VideoTimeCode::new(gst::Fraction::new(25, 1), None, flags, 1, 2, 3, 4, 0);
        VideoTimeCodeMeta::add(buffer, &code.try_into().unwrap());
        VideoAffineTransformationMeta::add(buffer, Some(&matrix));
        let spec = gst_video::VideoAFDSpec::AtscA53;
        VideoAFDMeta::add(buffer, 0, spec, gst_video::VideoAFDValue::_169Letter169Full);
        let mut custom = CustomMeta::add(buffer, "RclutTestMeta").unwrap();
        custom.mut_structure().set("answer", 42);
    });
    assert_eq!(output.meta::<VideoCaptionMeta>().unwrap().data(), [1, 2, 3]);
    let code = output.meta::<VideoTimeCodeMeta>().unwrap();
    assert_eq!(code.tc().to_string(), "01:02:03:04");
    assert_eq!(
        output
            .meta::<VideoAffineTransformationMeta>()
            .unwrap()
            .matrix(),
        &matrix
    );
    let shape = output.meta::<VideoAFDMeta>().unwrap();
    assert_eq!(shape.afd(), gst_video::VideoAFDValue::_169Letter169Full);
    let custom = CustomMeta::from_buffer(&output, "RclutTestMeta").unwrap();
    assert_eq!(custom.structure().get("answer"), Ok(42));
}

#[test]
fn bars_are_dropped_and_crops_grow() {
    let output = passed(|buffer| {
        VideoBarMeta::add(buffer, 0, true, 2, 2);
        VideoCropMeta::add(buffer, (1, 1, 4, 2));
    });
    assert!(output.meta::<VideoBarMeta>().is_none());
    assert_eq!(
        output.meta::<VideoCropMeta>().unwrap().rect(),
        (3, 3, 12, 6)
    );
}

#[test]
fn a_frame_that_passes_untouched_keeps_all() {
    frames::init();
    let mut harness = gst_check::Harness::new_parse("rclut scale=1");
    harness.set_src_caps_str(CAPS);
    let mut buffer = gst::Buffer::with_size(32).unwrap();
    VideoBarMeta::add(buffer.get_mut().unwrap(), 0, true, 2, 2);
    let memory = buffer.peek_memory(0).as_ptr();
    let output = harness.push_and_pull(buffer).unwrap();
    assert!(output.meta::<VideoBarMeta>().is_some());
    assert_eq!(output.peek_memory(0).as_ptr(), memory);
}

#[test]
fn upstream_hears_of_overlays_but_not_of_crops() {
    let mut harness = harness();
    let window = gst::Structure::builder("window")
        .field("width", 240u32)
        .field("height", 120u32)
        .build();
    harness.add_propose_allocation_meta(VideoOverlayCompositionMeta::meta_api(), Some(&window));
    harness.add_propose_allocation_meta(VideoCropMeta::meta_api(), None);
    // Anew, so that the element asks.
    harness.set_src_caps_str(&CAPS.replace("width=8", "width=16"));
    let caps = harness.srcpad().unwrap().current_caps().unwrap();
    let mut query = gst::query::Allocation::new(Some(&caps), true);
    assert!(harness.srcpad().unwrap().peer_query(&mut query));
    assert!(
        query
            .find_allocation_meta::<gst_video::VideoMeta>()
            .is_some()
    );
    assert!(query.find_allocation_meta::<VideoCropMeta>().is_none());
    let overlay = query
        .find_allocation_meta::<VideoOverlayCompositionMeta>()
        .unwrap();
    let (_, params) = query.allocation_metas().nth(overlay as usize).unwrap();
    let params = params.unwrap();
    assert_eq!(
        (params.get("width"), params.get("height")),
        (Ok(80u32), Ok(40u32))
    );
}

#[test]
fn the_pointer_comes_back_to_the_smaller_frame() {
    let mut harness = harness();
    for name in [
        "mouse-move",
        "mouse-button-press",
        "mouse-scroll",
        "touch-down",
        "touch-motion",
    ] {
        let structure = gst::Structure::builder("application/x-gst-navigation")
            .field("event", name)
            .field("pointer_x", 12.0)
            .field("pointer_y", 6.0)
            .field("delta_pointer_y", 1.0)
            .build();
        assert!(harness.push_upstream_event(gst::event::Navigation::new(structure)));
        let event = loop {
            let event = harness.pull_upstream_event().unwrap();
            if event.type_() == gst::EventType::Navigation {
                break event;
            }
        };
        let structure = event.structure().unwrap();
        assert_eq!(
            (structure.get("pointer_x"), structure.get("pointer_y")),
            (Ok(4.0), Ok(2.0))
        );
        assert_eq!(structure.get("delta_pointer_y"), Ok(1.0), "{name}");
    }
}
