//! Do the example programs do on the bundled clip what they say?

#![cfg(feature = "plugin")]

mod support;

use std::{fs, path::Path};

use support::plugin::{command, example, python, size, succeed};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CLIP: &str = "examples/clip/bunny-640x360.webm";

/// A short file with sound, so that an unoptimised build is done soon.
fn short_film(path: &Path) {
    succeed(command("gst-launch-1.0").args([
        "-q",
        "matroskamux",
        "name=muxer",
        "!",
        "filesink",
        &format!("location={}", path.display()),
        "videotestsrc",
        "num-buffers=8",
        "!",
        "video/x-raw,width=160,height=90",
        "!",
        "vp8enc",
        "!",
        "muxer.",
        "audiotestsrc",
        "num-buffers=20",
        "!",
        "vorbisenc",
        "!",
        "muxer.",
    ]));
}

#[test]
fn transcode_enlarges_the_video_and_keeps_the_sound() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.mkv"), folder.path().join("out.mkv"));
    short_film(&input);
    succeed(
        example("transcode")
            .args([&input, &output])
            .args(["--scale", "3"]),
    );
    assert_eq!(size(&output), (480, 270));
    let sound = format!(
        "filesrc location={} ! matroskademux ! audio/x-opus ! fakesink",
        output.display()
    );
    succeed(command("gst-launch-1.0").arg("-q").args(sound.split(' ')));
}

#[test]
fn transcode_names_what_it_cannot_open() {
    let output = example("transcode")
        .args(["no-such-file", "out.mkv"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("no-such-file"), "{errors}");
}

#[test]
fn frames_pushes_and_pulls_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("last.png");
    let printed = succeed(example("frames").arg(&picture));
    assert_eq!(printed, "25 frames, the last of 640x360\n");
    assert_eq!(image::image_dimensions(&picture).unwrap(), (640, 360));
}

#[test]
fn stills_enlarges_a_folder_and_names_what_is_no_picture() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (photos, large) = (folder.path().join("photos"), folder.path().join("large"));
    fs::create_dir(&photos).unwrap();
    let gradient = image::RgbaImage::from_fn(40, 30, |x, y| {
        image::Rgba([6 * x as u8, 8 * y as u8, 99, 4 * x as u8])
    });
    gradient.save(photos.join("gradient.png")).unwrap();
    image::GrayImage::new(31, 17)
        .save(photos.join("grey.png"))
        .unwrap();
    let stills = Path::new(ROOT).join("examples/python/stills.py");

    succeed(
        command(python)
            .arg(&stills)
            .args([&photos, &large])
            .args(["--scale", "3"]),
    );
    let enlarged = image::open(large.join("gradient.png")).unwrap();
    assert_eq!((enlarged.width(), enlarged.height()), (120, 90));
    assert!(enlarged.color().has_alpha(), "{:?}", enlarged.color());
    assert_eq!(
        image::image_dimensions(large.join("grey.png")).unwrap(),
        (93, 51)
    );

    fs::write(photos.join("notes.txt"), "no picture").unwrap();
    let output = command(python)
        .arg(&stills)
        .args([&photos, &large])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("notes.txt"), "{errors}");
}

#[test]
fn live_shows_frames_until_its_time_is_over() {
    let Some(python) = python() else { return };
    let live = Path::new(ROOT).join("examples/python/live.py");
    let arguments = ["--test", "--seconds", "4", "--sink", "fakesink"];
    let printed = succeed(command(python).arg(live).args(arguments));
    let last = printed.lines().last().expect("a last line");
    let frames: u32 = last.split(' ').next().unwrap().parse().unwrap();
    assert!(last.ends_with("frames in all") && frames > 0, "{printed}");
}

#[test]
fn the_c_program_links_the_plugin_and_enlarges_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (
        folder.path().join("in.webm"),
        folder.path().join("out.webm"),
    );
    let build = format!("BUILD={}", folder.path().display());
    succeed(
        command("make")
            .args(["-C", "examples/c", "PROFILE=dev", &build])
            .current_dir(ROOT),
    );
    let cut = format!(
        "filesrc location={CLIP} ! matroskademux ! identity eos-after=5 ! webmmux ! filesink location={}",
        input.display()
    );
    succeed(
        command("gst-launch-1.0")
            .arg("-q")
            .args(cut.split(' '))
            .current_dir(ROOT),
    );
    // Nothing but the program itself brings the plugin.
    let program = folder.path().join("upscale");
    succeed(
        command(program)
            .env_remove("GST_PLUGIN_PATH")
            .args([&input, &output]),
    );
    assert_eq!(size(&output), (1280, 720));
}
