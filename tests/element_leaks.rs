//! Is everything freed in the end? Whole programs under GStreamer's tracer of leaks.
#![cfg(feature = "plugin")]

mod support;

use support::plugin::command;

/// What follows the width and height of `videotestsrc`: ways to run, and ways to fail.
const PIPELINES: [&str; 8] = [
    "format=I420 ! rclut model=srlut ! fakesink",
    "format=BGRA ! rclut model=srlut split=0.5 n-threads=2 ! videoconvert ! pngenc ! fakesink",
    "format=P010_10LE ! rclut model=srlut chroma=lut late=degrade ! fakesink sync=true qos=true",
    "format=I420 ! rclut scale=1 ! fakesink",
    "format=I420 ! tee name=t t. ! queue ! rclut model=srlut ! fakesink t. ! queue ! rclut model=srlut ! fakesink",
    "format=I420,interlace-mode=interleaved ! rclut ! fakesink",
    "format=I420 ! rclut model=nope ! fakesink",
    "format=I420 ! rclut ! video/x-raw,width=65 ! fakesink",
];

#[test]
fn nothing_is_alive_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    for pipeline in PIPELINES {
        let log = folder.path().join("log");
        let whole =
            format!("videotestsrc num-buffers=3 ! video/x-raw,width=32,height=18,{pipeline}");
        let run = command("gst-launch-1.0")
            .env("GST_TRACERS", "leaks")
            .env("GST_DEBUG", "GST_TRACER:7")
            .env("GST_DEBUG_FILE", &log)
            .arg("-q")
            .args(whole.split(' '))
            .output()
            .unwrap();
        let is_meant_to_fail = ["interleaved", "nope", "65"]
            .iter()
            .any(|wrong| pipeline.contains(wrong));
        assert_eq!(
            run.status.success(),
            !is_meant_to_fail,
            "{pipeline}: {run:?}"
        );
        let log = std::fs::read_to_string(&log).unwrap();
        // The tracer says what its lines look like before it has anything to say.
        assert!(log.contains("object-alive.class"), "no tracer: {log}");
        let alive: Vec<_> = log
            .lines()
            .filter(|line| line.contains("object-alive, type-name=(string)Gst"))
            .collect();
        assert!(alive.is_empty(), "{pipeline}: {alive:#?}");
    }
}
