//! The photographs that a table learns from, and those held out to choose by.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Result, bail, ensure};
use rayon::prelude::*;

use crate::{
    bicubic::{self, Rounding},
    evaluate::LowFolder,
    image::{self, Image},
};

/// One file in so many, by name, is held out for validation.
const HELD_OUT: usize = 20;

/// A photograph and what is left of it at low resolution.
pub struct Photo {
    /// Shared by all of its low-resolution versions.
    pub high: Arc<Image>,
    pub low: Image,
    /// How often patches are cut from it. Photographs have as much of a say as they have pixels, at whichever size.
    pub weight: usize,
}

impl Photo {
    fn shrunk(high: Arc<Image>, scale: usize, weight: usize) -> Self {
        let low = bicubic::shrink(&high, scale, Rounding::EachPass);
        Self { high, low, weight }
    }
}

/// The files of a folder, split.
#[derive(Clone, Debug)]
pub struct Split {
    pub training: Vec<PathBuf>,
    pub validation: Vec<PathBuf>,
}

impl Split {
    /// Every twentieth image by name is held out, the tenth first; of fewer than ten the last one.
    ///
    /// # Errors
    /// If the folder cannot be read or holds fewer than two images.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let files = image::list(folder)?;
        if files.len() < 2 {
            bail!(
                "folder {}: found one image, expected at least two: one to learn from, one to validate with",
                folder.display()
            );
        }
        let first = (HELD_OUT / 2 - 1).min(files.len() - 1);
        let held_out = |index: &usize| *index >= first && (index - first).is_multiple_of(HELD_OUT);
        let (validation, training): (Vec<_>, Vec<_>) = (0..files.len()).partition(held_out);
        let pick = |indices: Vec<usize>| indices.iter().map(|i| files[*i].clone()).collect();
        Ok(Self {
            training: pick(training),
            validation: pick(validation),
        })
    }
}

/// Reads photographs with each of their low-resolution versions: those in the folders `lows`, or, if there are no folders,
/// the photograph shrunk by the papers' bicubic. Then there is also the photograph at half its size: pictures that people
/// watch have mostly been shrunk from what a camera took, and are sharper by the pixel. Photographs without room for a patch
/// of `crop` low-resolution pixels are left out. `progress` is called after each file.
///
/// # Errors
/// If a file cannot be read or is not an image, a folder lacks a photograph's version or has one of another size, or if no
/// photograph is large enough.
pub fn load(
    files: &[PathBuf],
    lows: &[PathBuf],
    scale: usize,
    crop: usize,
    progress: impl Fn() + Sync,
) -> Result<Vec<Photo>> {
    let lows = lows.iter().map(|folder| LowFolder::list(folder, scale));
    let lows: Vec<_> = lows.collect::<Result<_>>()?;
    let versions = files.par_iter().map(|path| {
        let image = Image::open(path)?;
        progress();
        if image.width.min(image.height) < crop * scale {
            return Ok(Vec::new());
        }
        let weight = image.width * image.height;
        let high = Arc::new(image.crop_to_multiple(scale)?);
        if lows.is_empty() {
            let mut sizes = vec![Photo::shrunk(high, scale, weight)];
            if image.width.min(image.height) >= 2 * crop * scale {
                let half = bicubic::shrink(&image.crop_to_multiple(2)?, 2, Rounding::EachPass);
                let half = Arc::new(half.crop_to_multiple(scale)?);
                sizes.push(Photo::shrunk(half, scale, weight));
            }
            return Ok(sizes);
        }
        let lows = lows.iter().map(|folder| folder.open(path, &high));
        let photo = |low| Photo {
            high: Arc::clone(&high),
            low,
            weight,
        };
        lows.map(|low| low.map(photo)).collect()
    });
    let versions: Vec<Vec<Photo>> = versions.collect::<Result<_>>()?;
    let photos: Vec<Photo> = versions.into_iter().flatten().collect();
    ensure!(
        !photos.is_empty(),
        "none of {} images has {} pixels a side, which a patch of {crop} pixels takes at x{scale}",
        files.len(),
        crop * scale
    );
    Ok(photos)
}

/// Full-range BT.601 luma of an image, rounded to 8 bits; grey is its own luma.
#[must_use]
pub fn luma(image: &Image) -> Vec<u8> {
    match &image.planes[..] {
        [red, green, blue] => {
            let pixels = red.iter().zip(green).zip(blue);
            pixels.map(|((r, g), b)| luma_of([*r, *g, *b])).collect()
        }
        planes => planes[0].clone(),
    }
}

/// Full-range BT.601 luma, rounded to 8 bits.
#[must_use]
pub fn luma_of([r, g, b]: [u8; 3]) -> u8 {
    // Weights in 1/65536, which add up to 1.
    ((19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b) + 32_768) >> 16) as u8
}
