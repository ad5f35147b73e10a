//! Small images through real encoders: `prepare --codec`, measured and learned from.

use std::{fs, path::Path};

use assert_cmd::Command;
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
    let grow = |lows: &[&str]| {
        let args = ["grow", "--graph", "srlut", "--scale", "2", "--data", &high];
        let mut command = trainer(&args);
        command.args(["--total-iter", "8", "--crop-size", "20", "-o", &out]);
        for low in lows {
            command.args(["--lr", &at(&format!("small/{low}"))]);
        }
        command.assert()
    };
    let psnr = |lows: &[&str]| {
        let stdout = grow(lows).success().get_output().stdout.clone();
        let text = String::from_utf8(stdout).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        let unit = words.iter().position(|word| *word == "dB").unwrap();
        words[unit - 1].parse::<f64>().unwrap()
    };
    let (shrunk, clean) = (psnr(&[]), psnr(&["X2"]));
    let (mixed, coded) = (psnr(&["X2", "X2_jpeg-30"]), psnr(&["X2_jpeg-30"]));
    assert_eq!(shrunk, clean);
    assert!(clean > mixed && mixed > coded, "{clean} {mixed} {coded}");
    fs::remove_file(at("small/X2_jpeg-30/1.png")).unwrap();
    let failed = grow(&["X2_jpeg-30"]).failure();
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
        let args = ["grow", "--graph", "srlut", "--scale", "2", "--data", &high];
        let mut command = trainer(&args);
        command.args(["--total-iter", "8", "--crop-size", "16", "-o", &out]);
        for low in lows {
            command.args(["--lr", &at(low)]);
        }
        let stdout = command.assert().success().get_output().stdout.clone();
        let text = String::from_utf8(stdout).unwrap();
        text.lines()
            .find(|line| line.contains("dB"))
            .unwrap()
            .to_owned()
    };
    let (shrunk, whole, both) = (psnr(&[]), psnr(&["whole/X2"]), psnr(&["both/X2"]));
    assert_eq!(shrunk, both);
    assert_ne!(shrunk, whole);
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
