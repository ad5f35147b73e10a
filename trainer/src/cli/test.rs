//! `test`: a model's PSNR-Y and SSIM on a folder of images, with bicubic beside them.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{find_model, lut::LutArgs, progress_bar};
use crate::{
    bicubic::Rounding,
    evaluate::{self, Protocol, Scores},
};

/// Measure a model: PSNR-Y and SSIM as in the papers, bicubic beside it.
///
/// Full-size images are cropped to a multiple of the scale, unless --keep-size. Without --lr they are shrunk by MATLAB-compatible bicubic.
/// Every colour component goes through the tables; luma is BT.601, and PSNR leaves out SCALE pixels on each side.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer test --model rclut --scale 2 --hr Set5/HR --json set5.json"
)]
pub struct Args {
    /// Built-in family (`rclut`), built-in model (`rclut-x2`) or .safetensors file
    #[arg(
        long,
        value_name = "NAME|FILE",
        required_unless_present = "exp_dir",
        conflicts_with = "exp_dir"
    )]
    model: Option<String>,
    #[command(flatten)]
    lut: LutArgs,
    /// Output pixels a side for each input pixel
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4))]
    scale: u32,
    /// Folder of full-size images
    #[arg(long, alias = "testDir", value_name = "DIR")]
    hr: PathBuf,
    /// Folder of their low-resolution versions, NAME or NAMExSCALE
    #[arg(long, value_name = "DIR")]
    lr: Option<PathBuf>,
    /// When bicubic sums are rounded to 8 bits
    #[arg(long, value_enum, default_value_t)]
    rounding: Rounding,
    /// Do not crop full-size images to a multiple of the scale (SR-LUT's published x3 figures)
    #[arg(long)]
    keep_size: bool,
    /// Write the figures as JSON
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
    /// Write the upscaled images as PNG
    #[arg(long, alias = "resultRoot", value_name = "DIR")]
    save: Option<PathBuf>,
    /// Threads, 0 for all cores
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

#[derive(Serialize)]
struct Report {
    model: String,
    scale: u32,
    rounding: Rounding,
    keep_size: bool,
    mean: Scores,
    images: Vec<ImageScores>,
}

#[derive(Serialize)]
struct ImageScores {
    name: String,
    #[serde(flatten)]
    scores: Scores,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let protocol = Protocol {
            scale: self.scale as usize,
            rounding: self.rounding,
            keep_size: self.keep_size,
        };
        let file = self
            .lut
            .path()
            .map(|path| path.to_string_lossy().into_owned());
        let model = self.model.clone().or(file);
        let model = model.expect("clap asks for one of the two");
        let model = find_model(&model, Some(self.scale))?;
        let mut upscaler = evaluate::upscaler(&model, self.threads)?;
        let pairs = evaluate::find_pairs(&self.hr, self.lr.as_deref(), protocol.scale)?;
        if let Some(folder) = &self.save {
            fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
        }
        let bar = progress_bar(pairs.len(), "measuring");
        let mut images = Vec::new();
        for files in bar.wrap_iter(pairs.iter()) {
            let pair = files.load(&protocol)?;
            let upscaled = evaluate::upscale(&mut upscaler, &pair.low)?;
            if let Some(folder) = &self.save {
                upscaled.save_png(folder.join(format!("{}.png", pair.name)))?;
            }
            let scores = evaluate::score(&pair, &upscaled, &protocol)?;
            images.push(ImageScores {
                name: pair.name,
                scores,
            });
        }
        let scores: Vec<Scores> = images.iter().map(|image| image.scores).collect();
        let report = Report {
            model: model.info().name.clone(),
            scale: self.scale,
            rounding: self.rounding,
            keep_size: self.keep_size,
            mean: Scores::mean(&scores),
            images,
        };
        report.print();
        if let Some(path) = &self.json {
            let json = serde_json::to_string_pretty(&report)? + "\n";
            fs::write(path, json).with_context(|| format!("report {}", path.display()))?;
        }
        Ok(())
    }
}

impl Report {
    fn print(&self) {
        let names = self.images.iter().map(|image| image.name.chars().count());
        let width = names.max().unwrap_or(0).max("bicubic".len());
        println!("{} at x{}", self.model, self.scale);
        println!(
            "{:width$}  PSNR-Y   SSIM    bicubic: PSNR-Y   SSIM",
            "image"
        );
        let line = |name: &str, scores: &Scores| {
            let Scores {
                psnr_y,
                ssim,
                bicubic_psnr_y,
                bicubic_ssim,
            } = scores;
            println!(
                "{name:width$} {psnr_y:7.3} {ssim:7.4} {bicubic_psnr_y:16.3} {bicubic_ssim:7.4}"
            );
        };
        for image in &self.images {
            line(&image.name, &image.scores);
        }
        line("mean", &self.mean);
    }
}
