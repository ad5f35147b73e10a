//! Do the example programs do on the bundled clip what they say?

#![cfg(feature = "plugin")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

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
fn player_moves_the_line_between_bicubic_and_tables() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("dark.webm");
    let dark = format!(
        "videotestsrc pattern=black num-buffers=10 ! video/x-raw,width=160,height=90,framerate=25/1
         ! vp8enc ! webmmux ! filesink location={}",
        film.display()
    );
    succeed(
        command("gst-launch-1.0")
            .arg("-q")
            .args(dark.split_whitespace()),
    );
    let pictures = folder.path().join("%02d.png");
    let sink = format!(
        "videoconvert ! pngenc ! multifilesink location={}",
        pictures.display()
    );
    succeed(
        example("player")
            .arg(&film)
            .args(["--model", "srlut", "--sweep", "0.4", "--sink", &sink]),
    );
    for number in 0..10 {
        let picture = image::open(folder.path().join(format!("{number:02}.png"))).unwrap();
        let row = picture.to_luma8().into_raw()[..320].to_vec();
        let bright: Vec<_> = (0..320).filter(|x| row[*x] > 100).collect();
        // From left to right in ten frames; with nothing on its left there is no line.
        let expected = if number == 0 {
            vec![]
        } else {
            vec![32 * number]
        };
        assert_eq!(bright, expected, "frame {number}");
    }
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
fn live_shows_as_many_frames_as_asked_for() {
    let Some(python) = python() else { return };
    let live = Path::new(ROOT).join("examples/python/live.py");
    let arguments = ["--test", "--frames", "1", "--sink", "fakesink"];
    let printed = succeed(command(python).arg(live).args(arguments));
    let last = printed.lines().last().expect("a last line");
    let frames: u32 = last.split(' ').next().unwrap().parse().unwrap();
    assert!(last.ends_with("frames in all") && frames > 0, "{printed}");
}

/// Whether GStreamer and Python have what an example needs.
fn has(python: &str, elements: &[&str], namespaces: &[&str]) -> bool {
    let has_element = |name: &&str| {
        let output = command("gst-inspect-1.0").args(["--exists", name]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let has_namespace = |name: &&str| {
        let import = format!("import gi; gi.require_version('{name}', '1.0')");
        let output = command(python).args(["-c", &import]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let missing = elements.iter().find(|name| !has_element(name));
    let missing = missing.or(namespaces.iter().find(|name| !has_namespace(name)));
    if let Some(name) = missing {
        println!("skipped: no {name} here");
    }
    missing.is_none()
}

/// A program that runs until it is dropped.
struct Server {
    process: std::process::Child,
    /// The first line that it printed.
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        let printed = process.stdout.as_mut().unwrap();
        BufReader::new(printed).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        Self { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn rtsp_serves_a_test_picture_and_what_another_server_serves() {
    let Some(python) = python() else { return };
    if !has(
        python,
        &["rtspsrc", "rtpvp8pay", "vp8enc"],
        &["GstRtspServer"],
    ) {
        return;
    }
    let rtsp = Path::new(ROOT).join("examples/python/rtsp.py");
    let serve = |arguments: &[&str]| {
        let mut command = command(python);
        Server::start(command.arg(&rtsp).args(["--port", "0"]).args(arguments))
    };
    let first = serve(&[]);
    let second = serve(&[&first.address]);
    let look = format!(
        "-v rtspsrc location={} ! rtpvp8depay ! vp8dec ! identity eos-after=3 ! fakesink",
        second.address
    );
    let printed = succeed(
        command("timeout")
            .args(["60", "gst-launch-1.0"])
            .args(look.split(' ')),
    );
    assert!(
        printed.contains("width=(int)1280, height=(int)720"),
        "{printed}"
    );
}

#[test]
fn webrtc_brings_frames_to_the_receiver() {
    let Some(python) = python() else { return };
    let namespaces = ["GstSdp", "GstWebRTC"];
    if !has(python, &["webrtcbin", "nicesrc", "dtlsenc"], &namespaces) {
        return;
    }
    let webrtc = Path::new(ROOT).join("examples/python/webrtc.py");
    let printed = succeed(
        command("timeout")
            .args(["60", python])
            .arg(webrtc)
            .args(["--frames", "5"]),
    );
    assert_eq!(printed, "5 frames of 640x360 have arrived\n");
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
