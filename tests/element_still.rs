//! What stands still is copied from the frame before: it looks as if it had been made, and `stats` tell.
#![cfg(feature = "plugin")]

mod support;

use gst::prelude::*;

use support::frames::{self, Models};

const SIZE: &str = "width=72,height=36,framerate=25/1";

fn harness(rclut: &str, format: &str) -> gst_check::Harness {
    frames::init();
    let mut harness = gst_check::Harness::new_parse(rclut);
    harness.set_src_caps_str(&format!("video/x-raw,format={format},{SIZE}"));
    harness
}

/// A picture; others have one byte in 40 rows or so changed.
fn picture(format: &str, number: usize) -> gst::Buffer {
    let caps = format!("video/x-raw,format={format},{SIZE}");
    let info = gst_video::VideoInfo::from_caps(&caps.parse::<gst::Caps>().unwrap()).unwrap();
    let byte = |at: usize| match number * (at % 3001) {
        1 => 200,
        _ => at.wrapping_mul(2_654_435_761) >> 13,
    };
    let bytes: Vec<u8> = (0..info.size()).map(|at| byte(at) as u8).collect();
    gst::Buffer::from_slice(bytes)
}

fn push(harness: &mut gst_check::Harness, frame: gst::Buffer) -> Vec<u8> {
    let made = harness.push_and_pull(frame).unwrap();
    made.map_readable().unwrap().to_vec()
}

/// Frames so far, and the share of their tiles that were copied.
fn stats(harness: &mut gst_check::Harness) -> (u64, f64) {
    let element = harness.find_element("rclut").unwrap();
    let stats = element.property::<gst::Structure>("stats");
    (stats.get("frames").unwrap(), stats.get("reused").unwrap())
}

fn element(models: &Models) -> String {
    format!("rclut model={}", models.path(2))
}

#[test]
fn the_third_of_equal_frames_is_copied() {
    let models = frames::models();
    for format in frames::formats() {
        let mut harness = harness(&element(&models), &format);
        let alone = |number| {
            let mut harness = self::harness(&element(&models), &format);
            push(&mut harness, picture(&format, number))
        };
        let made = [alone(0), alone(1)];
        for (number, share) in [(0, 0.0), (0, 0.0), (0, 1.0 / 3.0), (0, 0.5)] {
            assert!(
                push(&mut harness, picture(&format, number)) == made[number],
                "{format}"
            );
            assert!((stats(&mut harness).1 - share).abs() < 1e-9, "{format}");
        }
        for number in [1, 1, 1, 0, 1] {
            assert!(
                push(&mut harness, picture(&format, number)) == made[number],
                "{format}"
            );
        }
        let (frames, share) = stats(&mut harness);
        assert!(
            frames == 9 && share > 0.3 && share < 0.9,
            "{format}: {share}"
        );
    }
}

/// Properties that change what comes out, or how, change it at once.
#[test]
fn whatever_changes_beside_the_picture_shows() {
    let models = frames::models();
    let format = "A420";
    let mut harness = harness(&element(&models), format);
    let running = harness.find_element("rclut").unwrap();
    let mut set: Vec<(&str, String)> = Vec::new();
    for (property, value) in [
        ("model", "rclut".to_owned()),
        ("model", models.path(2)),
        ("chroma", "lut".to_owned()),
        ("split", "0.5".to_owned()),
        ("split", "0.2".to_owned()),
        ("split", "1".to_owned()),
        ("split", "0".to_owned()),
        ("n-threads", "2".to_owned()),
        ("tile-size", "7".to_owned()),
        ("model", models.path(3)),
        ("model", "rclut".to_owned()),
        ("scale", "1".to_owned()),
        ("scale", "2".to_owned()),
    ] {
        (0..3).for_each(|_| drop(push(&mut harness, picture(format, 0))));
        running.set_property_from_str(property, &value);
        set.push((property, value));
        let mut fresh = self::harness(&element(&models), format);
        let element = fresh.find_element("rclut").unwrap();
        for (property, value) in &set {
            element.set_property_from_str(property, value);
        }
        let expected = push(&mut fresh, picture(format, 0));
        assert!(
            push(&mut harness, picture(format, 0)) == expected,
            "{set:?}"
        );
    }
}

#[test]
fn other_caps_start_anew() {
    let models = frames::models();
    let mut harness = harness(&element(&models), "GRAY8");
    let frame = |byte: u8| gst::Buffer::from_slice(vec![byte; 72 * 36]);
    (0..4).for_each(|_| drop(push(&mut harness, frame(9))));
    assert_eq!(stats(&mut harness), (4, 0.5));
    for format in ["width=36,height=72", "width=72,height=36"] {
        harness.set_src_caps_str(&format!("video/x-raw,format=GRAY8,{format},framerate=25/1"));
        (0..2).for_each(|_| drop(push(&mut harness, frame(9))));
    }
    let (frames, share) = stats(&mut harness);
    assert_eq!(frames, 8);
    assert!(share < 0.5, "{share}");
}

#[test]
fn a_flush_does_no_harm() {
    let models = frames::models();
    let mut harness = harness(&element(&models), "I420");
    let made = push(&mut harness, picture("I420", 0));
    (0..2).for_each(|_| drop(push(&mut harness, picture("I420", 0))));
    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(harness.push_event(gst::event::Segment::new(&segment)));
    let other = push(&mut harness, picture("I420", 1));
    assert!(other != made);
    assert!(push(&mut harness, picture("I420", 0)) == made);
}
