//! Models that mix colours in pipelines: every format with red, green and blue, and what is said of the others.
#![cfg(feature = "plugin")]

mod support;

use gst_video::{VideoFormat, VideoFormatInfo, VideoInfo};
use gstrclut::engine::{Model, model::Graph, reference};

use support::oracle::{Filter, Wanted, component};
use support::{frames, tables};

/// A file of a model that mixes colours, at x2.
fn mixing() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixing.safetensors");
    let graph = Graph::parse("connect ; s", 2).unwrap();
    let model = tables::model(&graph, tables::Kind::Smooth, 7);
    model.save(&path).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn colours_of_every_format_equal_the_reference() {
    frames::init();
    let (_folder, path) = mixing();
    let model = Model::open(&path).unwrap();
    let formats = frames::formats().into_iter();
    let formats = formats.filter(|format| {
        let format = format.parse::<VideoFormat>().unwrap();
        VideoFormatInfo::from_format(format).is_rgb()
    });
    let mut count = 0;
    for format in formats {
        let caps = |scale: i32| {
            let size = format!("width={},height={}", 11 * scale, 7 * scale);
            let caps = format!("video/x-raw,format={format},{size},framerate=25/1");
            caps.parse::<gst::Caps>().unwrap()
        };
        let [from, to] = [1, 2].map(|scale| VideoInfo::from_caps(&caps(scale)).unwrap());
        let mut harness = gst_check::Harness::new_parse(&format!("rclut model={path} split=0.2"));
        harness.set_src_caps(caps(1));
        let wanted = Wanted {
            model: Some(&model),
            scale: 2,
            chroma: Some(Filter::Bicubic),
            cosited: (false, false),
            split: 0.0,
        };
        // Twice the same, then another, so that tiles are copied and made again.
        for seed in [3, 3, 3, 4] {
            let bytes = (0..from.size()).map(|at| tables::random(seed, at, 0, 255) as u8);
            let source = gst::Buffer::from_slice(bytes.collect::<Vec<_>>());
            let output = harness.push_and_pull(source.clone()).unwrap();
            let colours = [0, 1, 2].map(|number| component(&source, &from, number));
            let depth = from.format_info().depth()[0];
            let mixed = reference::connect(&model, colours.each_ref(), depth).unwrap();
            let alpha = (3..from.n_components() as usize).map(|at| component(&source, &from, at));
            for (number, before) in mixed.into_iter().chain(alpha).enumerate() {
                let expected = wanted.component(&before, &from, &to, number);
                let found = component(&output, &to, number);
                // The left fifth is bicubic of the colours as they came, and a line of white beside it.
                let plain = if number == 3 { 0 } else { 5 };
                let width = found.width;
                for (found, expected) in found.data.chunks(width).zip(expected.data.chunks(width)) {
                    assert!(
                        found[plain..] == expected[plain..],
                        "{format}, component {number}"
                    );
                }
            }
        }
        count += 1;
    }
    assert!(count > 20, "{count} formats");
}

#[test]
fn frames_of_other_formats_are_converted_before_or_refused_by_name() {
    let (_folder, path) = mixing();
    let source = "videotestsrc num-buffers=1 ! video/x-raw,width=16,height=8";
    let run = frames::run(&format!(
        "{source},format=I420 ! videoconvert ! rclut model={path} ! appsink name=sink"
    ));
    assert_eq!(run.error, None);
    let format = run.caps[0]
        .structure(0)
        .unwrap()
        .get::<String>("format")
        .unwrap();
    let format = format.parse::<VideoFormat>().unwrap();
    assert!(VideoFormatInfo::from_format(format).is_rgb(), "{format:?}");
    for format in ["I420", "GRAY8"] {
        let run = frames::run(&format!(
            "{source},format={format} ! rclut model={path} ! appsink name=sink"
        ));
        let error = run.error.unwrap();
        for word in ["smooth", format, "videoconvert", "RGB"] {
            assert!(error.contains(word), "`{word}` is missing: {error}");
        }
    }
}
