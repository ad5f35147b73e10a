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

/// A photograph at half its size: pictures that people watch have mostly been shrunk from what a camera took, and are
/// sharper by the pixel.
///
/// # Errors
/// If the photograph has a side of a single pixel.
pub fn half(image: &Image) -> Result<Image> {
    let even = image.crop_to_multiple(2)?;
    Ok(bicubic::shrink(&even, 2, Rounding::EachPass))
}

/// By which name low-resolution folders have the version of a photograph's [`half`]: `NAME_half`.
#[must_use]
pub fn half_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("_half.png");
    path.with_file_name(name)
}

/// Reads photographs, whole and at half their size, with each of their low-resolution versions: those in the folders `lows`,
/// or, if there are no folders, those that the papers' bicubic makes. Left out are photographs without room for a patch
/// of `crop` low-resolution pixels, and halves that a folder does not have. `progress` is called after each file.
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
    let patch = crop * scale;
    let versions = files.par_iter().map(|path| {
        let image = Image::open(path)?;
        progress();
        let side = image.width.min(image.height);
        if side < patch {
            return Ok(Vec::new());
        }
        let weight = image.width * image.height;
        let mut sizes = vec![(path.clone(), image.crop_to_multiple(scale)?)];
        if side >= 2 * patch {
            sizes.push((half_path(path), half(&image)?.crop_to_multiple(scale)?));
        }
        let mut photos = Vec::new();
        for (size, high) in sizes {
            let is_whole = size == *path;
            let present = lows
                .iter()
                .filter(|folder| is_whole || folder.find(&size).is_ok());
            let mut versions: Vec<_> = present
                .map(|folder| folder.open(&size, &high))
                .collect::<Result<_>>()?;
            if lows.is_empty() {
                versions.push(bicubic::shrink(&high, scale, Rounding::EachPass));
            }
            let high = Arc::new(high);
            photos.extend(versions.into_iter().map(|low| Photo {
                high: Arc::clone(&high),
                low,
                weight,
            }));
        }
        Ok(photos)
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
