//! What a network learns to undo.

use std::io::Cursor;

use anyhow::Result;
use clap::ValueEnum;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, codecs::jpeg::JpegEncoder};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{codec::noisy_level, image::Image};

/// What is done to an image after it has been shrunk (at scale 1: to the image itself).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Nothing: plain super-resolution.
    Sr,
    /// Gaussian noise of this standard deviation, in levels.
    Dn { sigma: f64 },
    /// JPEG of this quality, 1..=100, each plane by itself.
    Db { quality: u8 },
}

/// The tasks' names on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskName {
    /// Super-resolution
    Sr,
    /// Super-resolution of noisy images; denoising at scale 1
    Dn,
    /// Super-resolution of JPEG images; deblocking at scale 1
    Db,
}

impl Task {
    /// A plane as the network gets it.
    ///
    /// # Errors
    /// If the JPEG encoder refuses the plane, such as for its size.
    pub fn degrade(self, plane: &[u8], width: usize, random: &mut impl Rng) -> Result<Vec<u8>> {
        match self {
            Self::Sr => Ok(plane.to_vec()),
            Self::Dn { sigma } => Ok(plane
                .iter()
                .map(|v| noisy_level(*v, sigma, random))
                .collect()),
            Self::Db { quality } => through_jpeg(plane, width, quality),
        }
    }

    /// As [`Task::degrade`], for each plane of an image.
    ///
    /// # Errors
    /// As [`Task::degrade`].
    pub fn degrade_image(self, image: &Image, random: &mut impl Rng) -> Result<Image> {
        let planes = image.planes.iter();
        let planes = planes.map(|plane| self.degrade(plane, image.width, random));
        Ok(Image {
            planes: planes.collect::<Result<_>>()?,
            ..*image
        })
    }
}

fn through_jpeg(plane: &[u8], width: usize, quality: u8) -> Result<Vec<u8>> {
    let (columns, rows) = (width as u32, (plane.len() / width) as u32);
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality).write_image(
        plane,
        columns,
        rows,
        ExtendedColorType::L8,
    )?;
    let decoded = image::load(Cursor::new(file), ImageFormat::Jpeg)?;
    Ok(decoded.into_luma8().into_raw())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn degraded(task: Task) -> (Vec<u8>, Vec<u8>) {
        let plane: Vec<u8> = (0..64 * 48)
            .map(|i| (100 + (i / 64) + (i % 64) / 2) as u8)
            .collect();
        let degraded = task
            .degrade(&plane, 64, &mut ChaCha8Rng::seed_from_u64(1))
            .unwrap();
        (plane, degraded)
    }

    fn deviation((plane, degraded): (Vec<u8>, Vec<u8>)) -> f64 {
        let squares = plane
            .iter()
            .zip(&degraded)
            .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
        (squares.sum::<f64>() / plane.len() as f64).sqrt()
    }

    #[test]
    fn noise_has_the_deviation_asked_for() {
        assert!((deviation(degraded(Task::Dn { sigma: 25.0 })) - 25.0).abs() < 1.0);
        assert_eq!(deviation(degraded(Task::Sr)), 0.0);
    }

    #[test]
    fn a_lower_quality_costs_more() {
        let [low, high] = [10, 90].map(|quality| deviation(degraded(Task::Db { quality })));
        assert!(low > high && high > 0.0, "{low} {high}");
    }
}
