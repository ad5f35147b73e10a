//! `prepare`: a folder of full-size images to folders of low-resolution ones.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use indicatif::ParallelProgressIterator;
use rayon::prelude::*;

use super::progress_bar;
use crate::{bicubic::Rounding, evaluate::Protocol, image};

/// Make low-resolution images from full-size ones.
///
/// Crops each image to a multiple of the scale, shrinks it as MATLAB's bicubic `imresize` does and writes
/// LR/X2/NAME.png, LR/X3/NAME.png, ...
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer prepare --hr Set5/HR --lr Set5/LR_bicubic --scale 2,3,4"
)]
pub struct Args {
    /// Folder of full-size PNG, JPEG or WebP images
    #[arg(long, value_name = "DIR")]
    hr: PathBuf,
    /// Folder to write the folders X2, X3, X4 to
    #[arg(long, value_name = "DIR")]
    lr: PathBuf,
    /// Scales, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "2,3,4", value_parser = clap::value_parser!(u32).range(2..=4))]
    scale: Vec<u32>,
    /// When sums are rounded to 8 bits
    #[arg(long, value_enum, default_value_t)]
    rounding: Rounding,
    /// Do not crop images to a multiple of the scale; the small image's size is rounded up
    #[arg(long)]
    keep_size: bool,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let files = image::list(&self.hr)?;
        for &scale in &self.scale {
            let folder = self.folder(scale);
            fs::create_dir_all(&folder).with_context(|| format!("folder {}", folder.display()))?;
        }
        let bar = progress_bar(files.len(), "shrinking");
        files.par_iter().progress_with(bar).try_for_each(|file| {
            let name = PathBuf::from(file.file_name().expect("a listed file has a name"));
            self.scale.iter().try_for_each(|&scale| {
                let protocol = Protocol {
                    scale: scale as usize,
                    rounding: self.rounding,
                    keep_size: self.keep_size,
                };
                let low = protocol.shrink(&protocol.open(file)?);
                low.save_png(self.folder(scale).join(name.with_extension("png")))
            })
        })?;
        for &scale in &self.scale {
            println!("{} images in {}", files.len(), self.folder(scale).display());
        }
        Ok(())
    }

    fn folder(&self, scale: u32) -> PathBuf {
        self.lr.join(format!("X{scale}"))
    }
}
