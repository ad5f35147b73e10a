//! Runs programs that find the plugin as a user's would, through `GST_PLUGIN_PATH`.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Output},
};

use gst::prelude::*;

/// An example of this package, built if it is not yet.
pub fn example(name: &str) -> Command {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // Where this test lies says where cargo builds, and how.
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.parent().and_then(Path::parent).expect("a folder");
    let profile = match folder.file_name() {
        Some(name) if name != "debug" => name,
        _ => OsStr::new("dev"),
    };
    let target = folder.parent().expect("a folder of all profiles");
    // With the whole workspace, as its tests are built: by itself it would want every dependency with other features.
    let mut build = command(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--workspace",
        "--manifest-path",
        manifest,
    ]);
    build.arg("--target-dir").arg(target);
    build.arg("--profile").arg(profile);
    succeed(build.args(["--example", name]));
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    command(folder.join("examples").join(file))
}

/// A command whose GStreamer finds the plugin of this build, and which no GLib warning survives.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    // Cargo puts the plugin beside the tests.
    let test = std::env::current_exe().expect("the test's own path");
    let registry = Path::new(env!("CARGO_TARGET_TMPDIR")).join("registry.bin");
    let mut command = Command::new(program);
    command
        .env("GST_PLUGIN_PATH", test.parent().expect("a folder"))
        .env("GST_REGISTRY", registry)
        .env("G_DEBUG", "fatal_warnings");
    command
}

/// The Python that sees GStreamer, if the machine has one.
pub fn python() -> Option<&'static str> {
    let found = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let imports = "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst";
        let output = command(python).args(["-c", imports]).output();
        output.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        println!("skipped: no Python here sees GStreamer");
    }
    found
}

/// Runs a command to its end; what it printed.
#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program starts");
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(
        status.success(),
        "{command:?}: {status}\n{stdout}\n{stderr}"
    );
    stdout
}

/// Width and height of a video or picture file.
#[track_caller]
pub fn size(file: &Path) -> (i32, i32) {
    gst::init().expect("GStreamer");
    let pipeline = "filesrc name=file ! decodebin ! video/x-raw ! fakesink name=sink";
    let pipeline = gst::parse::launch(pipeline).expect("a pipeline");
    let pipeline: gst::Pipeline = pipeline.downcast().expect("several elements");
    let element = |name| pipeline.by_name(name).expect("an element");
    element("file").set_property("location", file);
    pipeline
        .set_state(gst::State::Paused)
        .expect("the file opens");
    let (result, ..) = pipeline.state(gst::ClockTime::from_seconds(20));
    result.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let caps = element("sink")
        .static_pad("sink")
        .and_then(|pad| pad.current_caps());
    let caps = caps.expect("a decoded file has caps");
    let field = |name| {
        caps.structure(0)
            .expect("one structure")
            .get(name)
            .expect("a size")
    };
    let size = (field("width"), field("height"));
    pipeline.set_state(gst::State::Null).expect("stops");
    size
}
