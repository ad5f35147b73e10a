//! `prepare`: a folder of full-size images to folders of low-resolution ones.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use indicatif::ParallelProgressIterator;
use rayon::prelude::*;

use super::progress_bar;
use crate::{
    bicubic::Rounding,
    codec::Codec,
    evaluate::Protocol,
    film::Film,
    grow::photos,
    image::{self, Image},
};

/// Make low-resolution images from full-size ones.
///
/// Crops each image to a multiple of the scale, shrinks it as MATLAB's bicubic `imresize` does and writes
/// LR/X2/NAME.png, LR/X3/NAME.png, ... With --codec also LR/X2_x264-23/NAME.png, ...: the small images encoded and decoded,
/// by a video's encoder as a frame of a short film of a camera that pans across the image.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer prepare --hr Set5/HR --lr Set5/LR_bicubic --scale 2,3,4\n  \
    rclut-trainer prepare --hr photos --lr small --scale 2 --codec x264:18,x264:23,x264:28,jpeg:70"
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
    /// Encoders to send the small images through, separated by commas: x264:CRF (needs ffmpeg), jpeg:QUALITY; or noise:SIGMA
    #[arg(long, value_delimiter = ',', value_name = "CODEC:N")]
    codec: Vec<Codec>,
    /// When sums are rounded to 8 bits
    #[arg(long, value_enum, default_value_t)]
    rounding: Rounding,
    /// Do not crop images to a multiple of the scale; the small image's size is rounded up
    #[arg(long)]
    keep_size: bool,
    /// Also of each image at half its size, as NAME_half.png, which `grow` learns from as well if it finds it
    #[arg(long)]
    halves: bool,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let files = image::list(&self.hr)?;
        self.check_names(&files)?;
        let folders = || self.scale.iter().flat_map(|scale| self.folders(*scale));
        for (_, folder) in folders() {
            fs::create_dir_all(&folder).with_context(|| format!("folder {}", folder.display()))?;
        }
        let bar = progress_bar(files.len(), "shrinking");
        files.par_iter().progress_with(bar).try_for_each(|file| {
            let mut sizes = vec![Image::open(file)?];
            if self.halves {
                let half = photos::half(&sizes[0]);
                sizes.push(half.with_context(|| format!("image {}", file.display()))?);
            }
            for (name, image) in self.names(file).zip(sizes) {
                for scale in &self.scale {
                    let written = self.write(&name, &image, *scale);
                    written.with_context(|| format!("image {}", file.display()))?;
                }
            }
            anyhow::Ok(())
        })?;
        for (_, folder) in folders() {
            let images = files.len() * if self.halves { 2 } else { 1 };
            println!("{images} images in {}", folder.display());
        }
        Ok(())
    }

    /// By which names a file's low-resolution versions are written: the whole image's, and its half's if that is asked for.
    fn names(&self, file: &Path) -> impl Iterator<Item = PathBuf> {
        let name = PathBuf::from(file.file_name().expect("a listed file has a name"));
        let half = self.halves.then(|| photos::half_path(&name));
        [name.with_extension("png")].into_iter().chain(half)
    }

    /// Refuses files of which one would be written over the other.
    fn check_names(&self, files: &[PathBuf]) -> Result<()> {
        let mut writers = HashMap::new();
        for file in files {
            for name in self.names(file) {
                if let Some(other) = writers.insert(name.clone(), file) {
                    bail!(
                        "images {} and {} would both be written as {}; expected names that differ without extension",
                        other.display(),
                        file.display(),
                        name.display()
                    );
                }
            }
        }
        Ok(())
    }

    /// Writes the low-resolution versions of an image.
    fn write(&self, name: &Path, image: &Image, scale: u32) -> Result<()> {
        let protocol = Protocol {
            scale: scale as usize,
            rounding: self.rounding,
            keep_size: self.keep_size,
        };
        let high = protocol.crop(image.clone())?;
        let film = if self.codec.iter().any(|codec| codec.is_video()) {
            Film::pan(&high, protocol.scale, |frame| protocol.shrink(frame))
        } else {
            Film::still(protocol.shrink(&high))
        };
        for (codec, folder) in self.folders(scale) {
            let degraded = codec.map(|codec| codec.degrade(&film)).transpose()?;
            let low = degraded.as_ref().unwrap_or(film.low());
            low.save_png(folder.join(name))?;
        }
        Ok(())
    }

    /// The folders of a scale: of the clean images, and of those that an encoder had.
    fn folders(&self, scale: u32) -> impl Iterator<Item = (Option<Codec>, PathBuf)> {
        let clean = (None, self.lr.join(format!("X{scale}")));
        let codecs = self.codec.iter();
        let coded =
            codecs.map(move |codec| (Some(*codec), self.lr.join(format!("X{scale}_{codec}"))));
        [clean].into_iter().chain(coded)
    }
}
