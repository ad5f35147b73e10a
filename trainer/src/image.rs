//! Photographs: PNG, JPEG and WebP in, PNG out, as planes of 8-bit samples.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, GrayImage, ImageReader, RgbImage};

use crate::grow::photos::luma;

/// File name extensions that [`list`] takes for images.
pub const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// A grey or RGB picture, each component in a plane of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Samples in a row, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
    /// One plane (grey) or three (R, G, B), each of `width * height` samples, row by row.
    pub planes: Vec<Vec<u8>>,
}

impl Image {
    /// Reads an image file. Grey stays one plane; 16-bit samples are reduced to 8 bits and alpha is dropped.
    ///
    /// # Errors
    /// If the file cannot be read or is not a PNG, JPEG or WebP image; the message names it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let reader = ImageReader::open(path)
            .and_then(ImageReader::with_guessed_format)
            .with_context(|| format!("image {}", path.display()))?;
        let decoded = reader
            .decode()
            .with_context(|| format!("image {}: expected PNG, JPEG or WebP", path.display()))?;
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        ensure!(
            width > 0 && height > 0,
            "image {}: no pixels",
            path.display()
        );
        let grey = !decoded.color().has_color();
        Ok(if grey {
            Self::from_interleaved(width, height, 1, &decoded.into_luma8())
        } else {
            Self::from_interleaved(width, height, 3, &decoded.into_rgb8())
        })
    }

    /// An image of the samples of its pixels one after the other, each of `components`.
    pub(crate) fn from_interleaved(
        width: usize,
        height: usize,
        components: usize,
        samples: &[u8],
    ) -> Self {
        let plane = |component| samples.iter().skip(component).step_by(components);
        Self {
            width,
            height,
            planes: (0..components)
                .map(|c| plane(c).copied().collect())
                .collect(),
        }
    }

    /// Writes a PNG file, grey or RGB.
    ///
    /// # Errors
    /// If the file cannot be written; the message names it.
    pub fn save_png(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.to_picture()
            .save_with_format(path, image::ImageFormat::Png)
            .with_context(|| format!("image {}", path.display()))
    }

    /// The image as the `image` crate has it.
    pub(crate) fn to_picture(&self) -> DynamicImage {
        let (width, height) = (self.width as u32, self.height as u32);
        let count = self.width * self.height;
        let samples = (0..count).flat_map(|i| self.planes.iter().map(move |plane| plane[i]));
        let samples = samples.collect();
        let picture = match self.planes.len() {
            1 => GrayImage::from_raw(width, height, samples).map(Into::into),
            _ => RgbImage::from_raw(width, height, samples).map(Into::into),
        };
        picture.expect("planes hold width * height samples")
    }

    /// Red, green and blue; three times the same of a grey image.
    #[must_use]
    pub fn colours(&self) -> [&Vec<u8>; 3] {
        [0, 1, 2].map(|colour| &self.planes[colour.min(self.planes.len() - 1)])
    }

    /// The image, or its luma if `like` is grey.
    #[must_use]
    pub fn coloured_as(self, like: &Self) -> Self {
        if self.planes.len() == like.planes.len() {
            return self;
        }
        Self {
            planes: vec![luma(&self)],
            ..self
        }
    }

    /// The top left part whose width and height are the largest multiples of `factor` (the papers' "modcrop").
    ///
    /// # Errors
    /// If the image is smaller than `factor` on a side.
    pub fn crop_to_multiple(&self, factor: usize) -> Result<Self> {
        let (width, height) = (
            self.width - self.width % factor,
            self.height - self.height % factor,
        );
        ensure!(
            width > 0 && height > 0,
            "found {}x{} pixels, expected at least {factor}x{factor}",
            self.width,
            self.height
        );
        Ok(self.crop(0, 0, width, height))
    }

    /// The part of `width` x `height` pixels whose top left pixel is (`x`, `y`).
    ///
    /// # Panics
    /// If the part does not lie inside the image.
    #[must_use]
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let rows = |plane: &Vec<u8>| {
            let rows = (y..y + height).flat_map(|row| &plane[row * self.width + x..][..width]);
            rows.copied().collect()
        };
        assert!(
            x + width <= self.width && y + height <= self.height,
            "crop outside the image"
        );
        Self {
            width,
            height,
            planes: self.planes.iter().map(rows).collect(),
        }
    }
}

/// The image files directly in a folder, sorted by name.
///
/// # Errors
/// If the folder cannot be read or holds no image; the message names it.
pub fn list(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let folder = folder.as_ref();
    let context = || format!("folder {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if EXTENSIONS.contains(&extension.as_str()) && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!(
            "folder {}: found no image, expected {} files",
            folder.display(),
            EXTENSIONS.join(", ")
        );
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn png_keeps_every_sample() {
        let folder = tempfile::tempdir().unwrap();
        for components in [1, 3] {
            let samples: Vec<u8> = (0..7 * 5 * components).map(|i| (i * 37) as u8).collect();
            let image = Image::from_interleaved(7, 5, components, &samples);
            let path = folder.path().join(format!("{components}.png"));
            image.save_png(&path).unwrap();
            assert_eq!(Image::open(&path).unwrap(), image);
        }
    }

    #[test]
    fn a_file_that_is_no_image_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.png");
        fs::write(&path, "not an image").unwrap();
        let error = format!("{:#}", Image::open(&path).unwrap_err());
        assert!(
            error.contains("words.png") && error.contains("expected PNG"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_lists_its_images_in_order_and_an_empty_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            list(folder.path())
                .unwrap_err()
                .to_string()
                .contains("found no image")
        );
        for name in ["b.PNG", "a.webp", "c.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = list(folder.path()).unwrap();
        assert_eq!(
            found,
            ["a.webp", "b.PNG"].map(|name| folder.path().join(name))
        );
    }

    #[test]
    fn crops_keep_the_right_pixels() {
        let image = Image {
            width: 4,
            height: 3,
            planes: vec![(0..12).collect()],
        };
        assert_eq!(image.crop(1, 1, 2, 2).planes[0], [5, 6, 9, 10]);
        let cropped = image.crop_to_multiple(2).unwrap();
        assert_eq!((cropped.width, cropped.height), (4, 2));
        assert!(image.crop_to_multiple(5).is_err());
    }
}
