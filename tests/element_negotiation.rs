//! What the pads agree on: sizes in both directions, what stays as it is, and what happens when it changes mid-stream.
#![cfg(feature = "plugin")]

mod support;

use gst::prelude::*;
use support::frames::{self, run};

/// What the sink pad answers when downstream takes `downstream`, or the source pad when upstream gives `upstream`.
fn answer(rclut: &str, direction: gst::PadDirection, neighbour: &str) -> gst::Caps {
    frames::init();
    let element = gst::parse::launch(rclut).unwrap();
    let caps: gst::Caps = neighbour.parse().unwrap();
    let template = |direction| {
        let presence = gst::PadPresence::Always;
        gst::PadTemplate::new("x", direction, presence, &caps).unwrap()
    };
    let (ours, theirs) = match direction {
        gst::PadDirection::Sink => ("sink", gst::PadDirection::Sink),
        _ => ("src", gst::PadDirection::Src),
    };
    let peer = gst::Pad::from_template(&template(theirs));
    match theirs {
        gst::PadDirection::Sink => element.static_pad("src").unwrap().link(&peer).unwrap(),
        _ => peer.link(&element.static_pad("sink").unwrap()).unwrap(),
    };
    element.set_state(gst::State::Ready).unwrap();
    let answer = element.static_pad(ours).unwrap().query_caps(None);
    element.set_state(gst::State::Null).unwrap();
    answer
}

fn assert_answer(rclut: &str, direction: gst::PadDirection, neighbour: &str, expected: &[&str]) {
    let mut found = answer(rclut, direction, neighbour);
    for structure in found.make_mut().iter_mut() {
        structure.remove_fields(["format", "framerate"]);
    }
    let expected: Vec<gst::Caps> = expected.iter().map(|caps| caps.parse().unwrap()).collect();
    let found: Vec<_> = (0..found.size())
        .map(|at| {
            let mut one = gst::Caps::new_empty();
            let features = found.features(at).map(ToOwned::to_owned);
            one.make_mut()
                .append_structure_full(found.structure(at).unwrap().to_owned(), features);
            one
        })
        .collect();
    assert_eq!(found, expected, "{rclut} beside {neighbour}");
}

#[test]
fn sizes_multiply_downstream() {
    let source = gst::PadDirection::Src;
    let check = |rclut, caps, expected: &[&str]| assert_answer(rclut, source, caps, expected);
    check(
        "rclut scale=3",
        "video/x-raw,width=7,height=5",
        &["video/x-raw,width=21,height=15"],
    );
    check(
        "rclut scale=2",
        "video/x-raw,width=[1,100],height={5,9,20000}",
        &["video/x-raw,width=[2,200,2],height={10,18}"],
    );
    check(
        "rclut scale=2",
        "video/x-raw,width=[6,99,3],height=16383",
        &["video/x-raw,width=[12,198,6],height=32766"],
    );
    check(
        "rclut",
        "video/x-raw,width=20000,height=2;video/x-raw,width=10,height=10000",
        &[
            "video/x-raw,width=20000,height=2",
            "video/x-raw,width=20,height=20000",
            "video/x-raw,width=30,height=30000",
            "video/x-raw,width=10,height=10000",
        ],
    );
}

#[test]
fn sizes_divide_upstream_where_they_are_multiples() {
    let sink = gst::PadDirection::Sink;
    let check = |rclut, caps, expected: &[&str]| assert_answer(rclut, sink, caps, expected);
    check(
        "rclut scale=2",
        "video/x-raw,width=8,height=6",
        &["video/x-raw,width=4,height=3"],
    );
    check(
        "rclut scale=4",
        "video/x-raw,width=[5,100],height={5,8,16}",
        &["video/x-raw,width=[2,25],height={2,4}"],
    );
    check(
        "rclut scale=2",
        "video/x-raw,width=[9,99,3],height=[1,32767]",
        &["video/x-raw,width=[6,48,3],height=[1,16383]"],
    );
    // 960 is the preferred half; a third, a quarter and the whole would do too.
    check(
        "rclut",
        "video/x-raw,width=1920",
        &[
            "video/x-raw,width=960,height=[1,16383]",
            "video/x-raw,width=640,height=[1,10922]",
            "video/x-raw,width=480,height=[1,8191]",
            "video/x-raw,width=1920,height=[1,32767]",
        ],
    );
}

#[test]
fn all_but_the_size_stays() {
    let fields = "pixel-aspect-ratio=4/3,framerate=0/1,max-framerate=50/1,colorimetry=bt2100-pq,chroma-site=mpeg2,\
        mastering-display-info=(string)\"35400:14600:8500:39850:6550:2300:15635:16450:10000000:1\",\
        content-light-level=(string)\"1000:400\",views=2,multiview-mode=side-by-side,interlace-mode=progressive";
    for features in ["", "(meta:GstVideoOverlayComposition)"] {
        let caps = |size| format!("video/x-raw{features},format=NV12,{size},{fields}");
        let found = answer(
            "rclut scale=2",
            gst::PadDirection::Src,
            &caps("width=10,height=6"),
        );
        assert_eq!(
            found,
            caps("width=20,height=12").parse::<gst::Caps>().unwrap()
        );
    }
    let alternate = "video/x-raw(format:Interlaced),format=NV12,width=10,height=6,interlace-mode=alternate,framerate=25/1";
    let found = answer("rclut scale=2", gst::PadDirection::Src, alternate);
    let expected = alternate.replace("=10", "=20").replace("=6", "=12");
    assert_eq!(found, expected.parse::<gst::Caps>().unwrap());
}

#[test]
fn frames_elsewhere_pass_only_untouched() {
    let elsewhere = "video/x-raw(memory:GLMemory),format=RGBA,width=8,height=8,framerate=25/1";
    let answered = |rclut| answer(rclut, gst::PadDirection::Src, elsewhere);
    assert_eq!(
        answered("rclut scale=1"),
        elsewhere.parse::<gst::Caps>().unwrap()
    );
    // Not scalable: the template, so that the caps come and are refused with a reason.
    assert!(answered("rclut scale=2").size() > 1);
    assert!(answered("rclut").size() > 1);
}

fn size(caps: &gst::Caps) -> (i32, i32) {
    let structure = caps.structure(0).unwrap();
    (
        structure.get("width").unwrap(),
        structure.get("height").unwrap(),
    )
}

#[test]
fn auto_follows_downstream_and_prefers_two() {
    let source = "videotestsrc num-buffers=1 ! video/x-raw,format=I420,width=16,height=8";
    for (downstream, expected) in [
        ("video/x-raw", (32, 16)),
        ("video/x-raw,width=48", (48, 24)),
        ("video/x-raw,height=32", (64, 32)),
        ("video/x-raw,width=16", (16, 8)),
        ("video/x-raw,width=[17,1000]", (32, 16)),
        ("video/x-raw,width=[40,1000]", (48, 24)),
        ("video/x-raw,width=[1,31]", (16, 8)),
        ("video/x-raw,width={64,48}", (48, 24)),
    ] {
        let run = run(&format!(
            "{source} ! rclut ! {downstream} ! appsink name=sink"
        ));
        assert_eq!(
            (run.error, size(&run.caps[0])),
            (None, expected),
            "{downstream}"
        );
    }
    let free = run(
        "videotestsrc num-buffers=1 ! rclut ! video/x-raw,width=96,height=64 ! appsink name=sink",
    );
    assert_eq!(size(&free.caps[0]), (96, 64));
}

#[test]
fn a_model_file_decides_the_scale() {
    let models = frames::models();
    let source = "videotestsrc num-buffers=1 ! video/x-raw,format=I420,width=16,height=8";
    for scale in 1..=4 {
        let model = models.path(scale);
        let run = run(&format!(
            "{source} ! rclut model={model} ! appsink name=sink"
        ));
        assert_eq!(size(&run.caps[0]), (16 * scale as i32, 8 * scale as i32));
    }
    // Scale 1 passes frames untouched, unless there is a model for it.
    let untouched = run(&format!("{source} ! appsink name=sink")).frames;
    let passed = run(&format!("{source} ! rclut scale=1 ! appsink name=sink")).frames;
    let made = run(&format!(
        "{source} ! rclut scale=1 model={} ! appsink name=sink",
        models.path(1)
    ));
    assert_eq!(untouched, passed);
    assert_ne!(untouched, made.frames);
    assert_eq!(made.error, None);
}

#[test]
fn colour_stays_what_it_was_when_the_height_would_imply_another() {
    let run = run(
        "videotestsrc num-buffers=1 ! video/x-raw,format=I420,width=64,height=360 ! rclut ! appsink name=sink",
    );
    let structure = run.caps[0].structure(0).unwrap();
    assert_eq!(structure.get::<&str>("colorimetry"), Ok("bt601"));
    assert_eq!(structure.get::<&str>("chroma-site"), Ok("jpeg"));
}

/// The first error of a pipeline that cannot work.
fn error(description: &str) -> String {
    let run = run(&format!("{description} ! appsink name=sink"));
    run.error.unwrap_or_else(|| panic!("{description} worked"))
}

#[track_caller]
fn assert_says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "`{word}` is missing: {error}");
    }
}

#[test]
fn a_refusal_says_what_would_help() {
    let models = frames::models();
    let source = "videotestsrc num-buffers=1 ! video/x-raw,width=16,height=8";
    let interlaced = error(&format!("{source},interlace-mode=interleaved ! rclut"));
    assert_says(&interlaced, &["interleaved", "deinterlace"]);
    let mixed = error(&format!("{source},interlace-mode=mixed ! rclut"));
    assert_says(&mixed, &["mixed", "deinterlace"]);
    let other = error(&format!("{source} ! rclut scale=2 ! video/x-raw,width=48"));
    assert_says(&other, &["32x16", "scale=3", "48x24"]);
    let none = error(&format!("{source} ! rclut ! video/x-raw,width=50"));
    assert_says(&none, &["16x8", "32x16", "48x24", "64x32", "no scale"]);
    let large =
        error("videotestsrc num-buffers=1 ! video/x-raw,width=2,height=16384 ! rclut scale=2");
    assert_says(&large, &["32768", "32767"]);
    let conflict = error(&format!(
        "{source} ! rclut scale=2 model={}",
        models.path(3)
    ));
    assert_says(&conflict, &["x3.safetensors", "scale=2", "scale=3"]);
    let unknown = error(&format!("{source} ! rclut model=rcult"));
    assert_says(&unknown, &["rcult", "rclut-x2", ".safetensors"]);
    let missing = error(&format!("{source} ! rclut model=/nowhere/x.safetensors"));
    assert_says(&missing, &["/nowhere/x.safetensors", "No such file"]);
    let broken = tempfile::NamedTempFile::with_suffix(".safetensors").unwrap();
    let bad = error(&format!(
        "{source} ! rclut model={}",
        broken.path().display()
    ));
    assert_says(&bad, &[broken.path().to_str().unwrap(), "not a model file"]);
}

/// No source makes them, so that a harness must.
#[test]
fn fields_of_an_odd_height_are_refused() {
    frames::init();
    let mut harness = gst_check::Harness::new("rclut");
    let bus = gst::Bus::new();
    harness.element().unwrap().set_bus(Some(&bus));
    harness.set_src_caps_str(
        "video/x-raw(format:Interlaced),interlace-mode=alternate,format=I420,width=16,height=7,framerate=25/1",
    );
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!("only errors are popped");
    };
    assert_says(&error.error().to_string(), &["odd", "7"]);
}

#[test]
fn a_bad_model_is_an_error_at_ready() {
    frames::init();
    let element = gst::ElementFactory::make("rclut")
        .property("model", "nope")
        .build()
        .unwrap();
    assert!(element.set_state(gst::State::Ready).is_err());
    element.set_property("model", "rclut");
    element.set_state(gst::State::Ready).unwrap();
    element.set_state(gst::State::Null).unwrap();
}
