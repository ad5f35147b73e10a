//! Does every pipeline of docs/recipes.md run, and give what its `# ->` lines say?

#![cfg(feature = "plugin")]

mod support;

use std::{fs, path::Path};

use support::{
    document::code_blocks,
    plugin::{command, size, succeed},
};

/// Ten frames of the clip, a video with sound, two pictures and a model, under the names that the recipes use.
fn prepare(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clip = root.join("examples/clip/bunny-640x360.webm");
    let pipelines = [
        format!(
            "filesrc location={} ! matroskademux ! identity eos-after=11 ! webmmux ! filesink location=in.webm",
            clip.display()
        ),
        "matroskamux name=out ! filesink location=sound.mkv
         videotestsrc num-buffers=10 ! video/x-raw,width=640,height=360 ! vp8enc deadline=1 ! out.
         audiotestsrc num-buffers=20 ! vorbisenc ! out."
            .to_owned(),
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=320,height=180 ! pngenc
            ! filesink location=photo.png"
            .to_owned(),
        "videotestsrc num-buffers=1 foreground-color=0x80ff8000 pattern=ball
            ! video/x-raw,format=RGBA,width=320,height=180 ! pngenc ! filesink location=logo.png"
            .to_owned(),
    ];
    for pipeline in pipelines {
        let arguments = pipeline.split_whitespace();
        succeed(
            command("gst-launch-1.0")
                .args(["-q"])
                .args(arguments)
                .current_dir(folder),
        );
    }
    fs::copy(
        root.join("luts/rclut-x2.safetensors"),
        folder.join("mine.safetensors"),
    )
    .unwrap();
}

/// The element that GStreamer did not find, if that is why a recipe failed.
fn missing_element(errors: &str) -> Option<&str> {
    let (_, rest) = errors.split_once("no element \"")?;
    let (name, _) = rest.split_once('"')?;
    (name != "rclut").then_some(name)
}

/// Runs a recipe in a folder of its own and compares what it wrote with what it promises.
fn run(recipe: &str, inputs: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    for input in fs::read_dir(inputs).unwrap() {
        let input = input.unwrap();
        fs::copy(input.path(), folder.path().join(input.file_name())).unwrap();
    }
    let headless = recipe.replace("autovideosink", "fakesink sync=true");
    let script = format!("set -euo pipefail\n{headless}");
    let output = command("timeout")
        .args(["60", "bash", "-c", &script])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        if let Some(element) = missing_element(&errors) {
            println!("skipped: no element `{element}` here for\n{recipe}");
            return Ok(());
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        return Err(format!("{}\n{printed}\n{errors}", output.status));
    }
    for promise in recipe.lines().filter_map(|line| line.strip_prefix("# -> ")) {
        let (file, expected) = promise.split_once(' ').ok_or("a file and a size")?;
        let (width, height) = size(&folder.path().join(file));
        if format!("{width}x{height}") != expected {
            return Err(format!(
                "{file}: found {width}x{height}, expected {expected}"
            ));
        }
    }
    Ok(())
}

#[test]
fn every_recipe_works() {
    let inputs = tempfile::tempdir().unwrap();
    prepare(inputs.path());
    let recipes = code_blocks("docs/recipes.md", "bash");
    assert!(recipes.len() >= 20, "{} recipes", recipes.len());
    for recipe in recipes {
        if let Err(reason) = run(&recipe, inputs.path()) {
            panic!("{recipe}\n{reason}");
        }
    }
}
