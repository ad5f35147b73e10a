//! The papers' tables, imported and measured: the papers' images and figures come out.

#[path = "support/commands.rs"]
mod commands;

use std::{
    fs,
    path::{Path, PathBuf},
};

use commands::{figure, output, test_json, text};
use rclut_trainer::image::{self, Image};
use tempfile::TempDir;

/// Measuring data that a fresh clone lacks.
fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared")
        .join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is not here", path.display());
    None
}

#[test]
fn published_mulut_tables_give_the_published_images_in_every_pixel() {
    let (Some(tables), Some(data)) = (shared("published/mulut"), shared("data/bench/Set5")) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let (model, saved) = (
        folder.path().join("mulut.safetensors"),
        folder.path().join("saved"),
    );
    let files: Vec<_> = fs::read_dir(&tables)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let files: Vec<_> = files
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "npy"))
        .collect();
    let mut args = vec![
        "import",
        "--graph",
        "mulut",
        "--scale",
        "4",
        "-o",
        text(&model),
    ];
    args.extend(files.iter().map(|file| text(file)));
    output(&args);

    let (high, low) = (data.join("HR"), data.join("LR_bicubic/X4"));
    let args = [
        "--model",
        text(&model),
        "--scale",
        "4",
        "--hr",
        text(&high),
        "--lr",
        text(&low),
        "--save",
        text(&saved),
    ];
    let report = test_json(folder.path(), &args);
    assert!(
        (figure(&report, "/mean/psnr_y") - 30.6078).abs() < 5e-5,
        "{report}"
    );
    assert!(
        (figure(&report, "/mean/ssim") - 0.8656).abs() < 5e-5,
        "{report}"
    );
    assert!(
        (figure(&report, "/mean/bicubic_psnr_y") - 28.43).abs() < 5e-3,
        "{report}"
    );
    for file in image::list(tables.join("Set5_x4")).unwrap() {
        let ours = Image::open(saved.join(file.file_name().unwrap())).unwrap();
        assert!(
            ours == Image::open(&file).unwrap(),
            "{} differs",
            file.display()
        );
    }

    output(&["export", "--model", text(&model), "-o", text(folder.path())]);
    for file in files {
        let back = fs::read(folder.path().join(file.file_name().unwrap())).unwrap();
        assert!(
            fs::read(file).unwrap() == back,
            "{} changed",
            file.display()
        );
    }
}

#[test]
fn published_srlut_tables_give_the_published_figures() {
    let (Some(tables), Some(data)) = (shared("published/srlut"), shared("data/bench/Set5/HR"))
    else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let model = folder.path().join("srlut.safetensors");
    for (scale, rounding, expected) in [
        ("2", "each-pass", 35.518),
        ("3", "each-pass", 31.971),
        ("4", "once", 29.832),
    ] {
        let file = tables.join(format!("Model_S_x{scale}_4bit_int8.npy"));
        output(&[
            "import",
            "--graph",
            "srlut",
            "--scale",
            scale,
            "-o",
            text(&model),
            text(&file),
        ]);
        let args = [
            "--model",
            text(&model),
            "--scale",
            scale,
            "--hr",
            text(&data),
            "--rounding",
            rounding,
            "--keep-size",
        ];
        let report = test_json(folder.path(), &args);
        assert!(
            (figure(&report, "/mean/psnr_y") - expected).abs() < 6e-4,
            "{report}"
        );
    }
}
