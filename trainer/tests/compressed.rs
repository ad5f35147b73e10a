//! Small images through real encoders: `prepare --codec`, measured and learned from.

use std::{fs, path::Path};

use assert_cmd::{Command, assert::Assert};
use rclut_trainer::image::Image;
use serde_json::Value;

fn trainer(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("rclut-trainer").unwrap();
    command.args(args);
    command
}

fn write_photographs(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for number in 0..3 {
        let sample = |i: usize, c: usize| {
            let (x, y) = ((i % 80) as f64, (i / 80) as f64);
            (120.0 + 60.0 * (x / 3.0 + (c + number) as f64).sin() + 50.0 * (y / 4.0).cos()) as u8
        };
        let planes = (0..3).map(|c| (0..80 * 70).map(|i| sample(i, c)).collect());
        let image = Image {
            width: 80,
            height: 70,
            planes: planes.collect(),
        };
        image
            .save_png(folder.join(format!("{number}.png")))
            .unwrap();
    }
}

/// A few steps on photographs and their low-resolution folders.
fn grow(high: &str, out: &str, crop: &str, lows: Vec<String>) -> Assert {
    let args = ["grow", "--graph", "srlut", "--scale", "2", "--data", high];
    let mut command = trainer(&args);
    command.args(["--total-iter", "8", "--crop-size", crop, "-o", out]);
    for low in lows {
        command.args(["--lr", &low]);
    }
    command.assert()
}

/// What a run has on the photographs held out, in dB.
fn psnr(run: Assert) -> f64 {
    let stdout = run.success().get_output().stdout.clone();
    let text = String::from_utf8(stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let unit = words.iter().position(|word| *word == "dB").unwrap();
    words[unit - 1].parse().unwrap()
}

#[test]
fn compressed_images_lie_beside_the_clean_ones_and_measure_worse() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (high, small, json) = (at("hr"), at("small"), at("figures.json"));
    write_photographs(Path::new(&high));
    let args = ["prepare", "--hr", &high, "--lr", &small, "--scale", "2"];
    trainer(&args)
        .args(["--codec", "jpeg:90,jpeg:15"])
        .assert()
        .success();
    let psnr = |low: &str| {
        let low = at(&format!("small/{low}"));
        let args = [
            "test", "--model", "rclut", "--scale", "2", "--hr", &high, "--lr", &low,
        ];
        trainer(&args).args(["--json", &json]).assert().success();
        let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
        report["mean"]["psnr_y"].as_f64().unwrap()
    };
    let [clean, soft, hard] = ["X2", "X2_jpeg-90", "X2_jpeg-15"].map(psnr);
    assert!(clean > soft && soft > hard, "{clean} {soft} {hard}");
}

/// What is learned from small images is learned from those in the folders, not from shrunk ones. At half their size these
/// photographs have no room for a patch of 20 pixels.
#[test]
fn growing_reads_the_low_resolution_folders_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (high, small, out) = (at("hr"), at("small"), at("model.safetensors"));
    write_photographs(Path::new(&high));
    let args = ["prepare", "--hr", &high, "--lr", &small, "--scale", "2"];
    trainer(&args)
        .args(["--codec", "jpeg:30"])
        .assert()
        .success();
    let lows = |lows: &[&str]| lows.iter().map(|low| at(&format!("small/{low}"))).collect();
    let psnr = |folders: &[&str]| psnr(grow(&high, &out, "20", lows(folders)));
    let (shrunk, clean) = (psnr(&[]), psnr(&["X2"]));
    let (mixed, coded) = (psnr(&["X2", "X2_jpeg-30"]), psnr(&["X2_jpeg-30"]));
    assert_eq!(shrunk, clean);
    assert!(clean > mixed && mixed > coded, "{clean} {mixed} {coded}");
    fs::remove_file(at("small/X2_jpeg-30/1.png")).unwrap();
    let failed = grow(&high, &out, "20", lows(&["X2_jpeg-30"])).failure();
    let message = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(
        message.contains("X2_jpeg-30") && message.contains("`1`"),
        "{message}"
    );
}

/// Without folders `grow` halves photographs by itself; with `prepare --halves` the folders have all of the same.
#[test]
fn growing_takes_halves_from_the_folders_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (high, out) = (at("hr"), at("model.safetensors"));
    write_photographs(Path::new(&high));
    let prepare = |low: &str, args: &[&str]| {
        let to = ["prepare", "--hr", &high, "--lr", &at(low), "--scale", "2"];
        trainer(&to).args(args).assert().success();
    };
    prepare("whole", &[]);
    prepare("both", &["--halves"]);
    assert!(Path::new(&at("both/X2/1_half.png")).exists());
    let psnr = |lows: &[&str]| {
        let lows = lows.iter().map(|low| at(low)).collect();
        psnr(grow(&high, &out, "16", lows))
    };
    let (shrunk, whole, both) = (psnr(&[]), psnr(&["whole/X2"]), psnr(&["both/X2"]));
    assert_eq!(shrunk, both);
    assert_ne!(shrunk, whole);
}

/// Of two photographs neither is lost because both would be written as one file.
#[test]
fn preparing_names_files_that_would_be_written_twice() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (high, small) = (at("hr"), at("small"));
    write_photographs(Path::new(&high));
    fs::copy(at("hr/2.png"), at("hr/1_half.png")).unwrap();
    let args = ["prepare", "--hr", &high, "--lr", &small, "--scale", "2"];
    trainer(&args).assert().success();
    let failed = trainer(&args).arg("--halves").assert().failure();
    let message = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(message.contains("1_half.png"), "{message}");
}

#[test]
fn an_encoder_that_is_not_here_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (high, small) = (at("hr"), at("small"));
    write_photographs(Path::new(&high));
    let args = [
        "prepare", "--hr", &high, "--lr", &small, "--codec", "x264:23",
    ];
    let failed = trainer(&args).env("PATH", folder.path()).assert().failure();
    let message = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    for part in [".png", "x264-23", "ffmpeg cannot be run"] {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}
