//! A model's figures on images: PSNR-Y and SSIM, with plain bicubic beside them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use gstrclut::engine::{Model, Options, Plane, PlaneMut, Upscaler};
use serde::Serialize;

use crate::{
    bicubic::{self, Rounding},
    image::{self, Image},
    metrics,
};

/// How a full-size image and its low-resolution version belong together.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// How many times smaller the low-resolution image is on each side.
    pub scale: usize,
    /// When the sums of bicubic resampling are rounded.
    pub rounding: Rounding,
    /// Most papers crop the full-size image to a multiple of the scale. If set, it keeps its size instead: the
    /// low-resolution image's is rounded up and the upscaled one is cut (SR-LUT's published x3 figures).
    pub keep_size: bool,
}

/// A full-size image and its low-resolution version.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The full-size file's name without its extension.
    pub name: String,
    /// Full size, cropped as the protocol says.
    pub high: Image,
    /// `scale` times smaller.
    pub low: Image,
}

/// Where the files of one [`Pair`] lie.
#[derive(Clone, Debug)]
pub struct PairFiles {
    high: PathBuf,
    low: Option<PathBuf>,
}

/// What was measured on one image, or the mean over images. PSNR in dB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    pub psnr_y: f64,
    pub ssim: f64,
    pub bicubic_psnr_y: f64,
    pub bicubic_ssim: f64,
}

/// The pairs of a folder of full-size images and, if given, one of low-resolution images: `NAME` or `NAMExS`.
///
/// # Errors
/// If a folder cannot be read, holds no images, or lacks the low-resolution image of a full-size one.
pub fn find_pairs(high: &Path, low: Option<&Path>, scale: usize) -> Result<Vec<PairFiles>> {
    let low = low
        .map(|folder| LowFolder::list(folder, scale))
        .transpose()?;
    let pairs = image::list(high)?.into_iter().map(|high| {
        let low = low.as_ref().map(|folder| folder.find(&high)).transpose()?;
        let low = low.map(Path::to_owned);
        Ok(PairFiles { high, low })
    });
    pairs.collect()
}

/// A folder of low-resolution versions, `NAME` or `NAMExS`.
pub struct LowFolder {
    folder: PathBuf,
    files: Vec<PathBuf>,
    scale: usize,
}

impl LowFolder {
    /// The folder's images.
    ///
    /// # Errors
    /// If the folder cannot be read or holds no images.
    pub fn list(folder: &Path, scale: usize) -> Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            files: image::list(folder)?,
            scale,
        })
    }

    /// The low-resolution version of a full-size file.
    ///
    /// # Errors
    /// If there is none; the message names both.
    pub fn find(&self, high: &Path) -> Result<&Path> {
        let stem = stem(high);
        let names = [stem.clone(), format!("{stem}x{}", self.scale)];
        let mut files = self.files.iter();
        let found = files.find(|file| names.contains(&self::stem(file)));
        let found = found.with_context(|| {
            format!(
                "folder {}: found no image `{}` or `{}`",
                self.folder.display(),
                names[0],
                names[1]
            )
        });
        Ok(found?)
    }

    /// Reads the low-resolution version of a full-size file that has been read and cropped.
    ///
    /// # Errors
    /// If there is none, it cannot be read or the sizes do not agree; the message names the file.
    pub fn open(&self, path: &Path, high: &Image) -> Result<Image> {
        open_low(self.find(path)?, (path, high), self.scale)
    }
}

/// Reads a low-resolution file, which must have the size of the full-size one over the scale.
fn open_low(path: &Path, (high_path, high): (&Path, &Image), scale: usize) -> Result<Image> {
    let low = Image::open(path)?;
    let side = |length: usize| length.div_ceil(scale);
    let expected = (side(high.width), side(high.height), high.planes.len());
    let found = (low.width, low.height, low.planes.len());
    ensure!(
        found == expected,
        "image {}: found (width, height, planes) {found:?}, expected {expected:?} for {} at scale {scale}",
        path.display(),
        high_path.display(),
    );
    Ok(low)
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

impl Protocol {
    /// Reads a full-size image and crops it as the protocol says.
    ///
    /// # Errors
    /// If it cannot be read or is smaller than the scale; the message names the file.
    pub fn open(&self, path: &Path) -> Result<Image> {
        let cropped = self.crop(Image::open(path)?);
        cropped.with_context(|| format!("image {}", path.display()))
    }

    /// A full-size image cropped as the protocol says.
    ///
    /// # Errors
    /// If it is smaller than the scale.
    pub fn crop(&self, image: Image) -> Result<Image> {
        if self.keep_size {
            return Ok(image);
        }
        image.crop_to_multiple(self.scale)
    }

    /// The low-resolution version of a full-size image.
    #[must_use]
    pub fn shrink(&self, high: &Image) -> Image {
        bicubic::shrink(high, self.scale, self.rounding)
    }
}

impl PairFiles {
    /// Reads the pair; without a low-resolution file the image is shrunk as the protocol says.
    ///
    /// # Errors
    /// If a file cannot be read or the sizes do not agree; the message names the file.
    pub fn load(&self, protocol: &Protocol) -> Result<Pair> {
        let high = protocol.open(&self.high)?;
        let low = match &self.low {
            None => protocol.shrink(&high),
            Some(path) => open_low(path, (&self.high, &high), protocol.scale)?,
        };
        Ok(Pair {
            name: stem(&self.high),
            high,
            low,
        })
    }
}

/// The image, `scale` times larger, each of its planes upscaled by the model, once its colours are mixed if the model does
/// that.
///
/// # Errors
/// As the engine's.
pub fn upscale(upscaler: &mut Upscaler, low: &Image) -> Result<Image> {
    let (width, height) = (low.width * upscaler.scale(), low.height * upscaler.scale());
    let connects = upscaler.connects();
    if connects {
        let colours = low.colours();
        let plane = |colour: usize| Plane::new(colours[colour], low.width, low.height, low.width);
        upscaler.connect_u8([&plane(0)?, &plane(1)?, &plane(2)?])?;
    }
    let count = if connects { 3 } else { low.planes.len() };
    let planes = (0..count).map(|number| {
        let mut out = vec![0; width * height];
        let mut to = PlaneMut::new(&mut out, width, height, width)?;
        if connects {
            upscaler.colour_u8(number, &mut to)?;
        } else {
            let source = Plane::new(&low.planes[number], low.width, low.height, low.width)?;
            upscaler.plane_u8(&source, &mut to)?;
        }
        Ok(out)
    });
    let planes = planes.collect::<Result<_>>()?;
    let upscaled = Image {
        width,
        height,
        planes,
    };
    Ok(upscaled.coloured_as(low))
}

/// Scores of an upscaled image. `scale` pixels on each side do not count for PSNR, as in the papers.
///
/// # Errors
/// If nothing would be left to measure.
pub fn score(pair: &Pair, upscaled: &Image, protocol: &Protocol) -> Result<Scores> {
    let (high, scale) = (&pair.high, protocol.scale);
    ensure!(
        high.width.min(high.height) > 2 * scale,
        "image `{}`: found {}x{} pixels, expected more than {} a side",
        pair.name,
        high.width,
        high.height,
        2 * scale
    );
    let cut = |image: &Image| image.crop(0, 0, high.width, high.height);
    let upscaled = cut(upscaled);
    let enlarged = cut(&bicubic::enlarge(&pair.low, scale, protocol.rounding));
    Ok(Scores {
        psnr_y: metrics::psnr_y(high, &upscaled, scale),
        ssim: metrics::ssim_y(high, &upscaled),
        bicubic_psnr_y: metrics::psnr_y(high, &enlarged, scale),
        bicubic_ssim: metrics::ssim_y(high, &enlarged),
    })
}

impl Scores {
    /// The mean of each figure.
    ///
    /// # Panics
    /// If there is nothing to average.
    #[must_use]
    pub fn mean(scores: &[Self]) -> Self {
        assert!(!scores.is_empty(), "a mean of nothing");
        let mean =
            |figure: fn(&Self) -> f64| scores.iter().map(figure).sum::<f64>() / scores.len() as f64;
        Self {
            psnr_y: mean(|s| s.psnr_y),
            ssim: mean(|s| s.ssim),
            bicubic_psnr_y: mean(|s| s.bicubic_psnr_y),
            bicubic_ssim: mean(|s| s.bicubic_ssim),
        }
    }
}

/// An upscaler of a model on `threads` threads, 0 for all cores.
///
/// # Errors
/// As the engine's.
pub fn upscaler(model: &Model, threads: usize) -> Result<Upscaler> {
    let options = Options {
        threads,
        ..Options::default()
    };
    Ok(Upscaler::new(model, options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOCOL: Protocol = Protocol {
        scale: 2,
        rounding: Rounding::EachPass,
        keep_size: false,
    };

    fn write(path: PathBuf, width: usize, height: usize) {
        let plane = (0..width * height).map(|i| (i * 31) as u8).collect();
        Image {
            width,
            height,
            planes: vec![plane],
        }
        .save_png(path)
        .unwrap();
    }

    #[test]
    fn low_resolution_files_are_found_by_either_name_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (high, low) = (folder.path().join("hr"), folder.path().join("lr"));
        std::fs::create_dir(&high).unwrap();
        std::fs::create_dir(&low).unwrap();
        write(high.join("a.png"), 9, 8);
        write(low.join("ax2.png"), 4, 4);
        let pairs = find_pairs(&high, Some(&low), 2).unwrap();
        let pair = pairs[0].load(&PROTOCOL).unwrap();
        assert_eq!((pair.high.width, pair.low.width), (8, 4));

        write(high.join("b.png"), 9, 8);
        let error = find_pairs(&high, Some(&low), 2).unwrap_err().to_string();
        assert!(error.contains("`b` or `bx2`"), "{error}");

        let whole = Protocol {
            keep_size: true,
            ..PROTOCOL
        };
        write(low.join("ax2.png"), 5, 4);
        let pair = pairs[0].load(&whole).unwrap();
        assert_eq!((pair.high.width, pair.low.width), (9, 5));
        let enlarged = bicubic::enlarge(&pair.low, 2, PROTOCOL.rounding);
        assert!(score(&pair, &enlarged, &whole).is_ok());

        write(low.join("b.png"), 3, 4);
        let pairs = find_pairs(&high, Some(&low), 2).unwrap();
        let error = pairs[1].load(&PROTOCOL).unwrap_err().to_string();
        assert!(
            error.contains("b.png: found") && error.contains("(4, 4, 1)"),
            "{error}"
        );
    }
}
