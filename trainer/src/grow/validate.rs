//! How good a network is on the photographs that it has not seen.

use rayon::prelude::*;

use super::{
    forward::{self, to_level},
    net::Net,
    patches::pixel_major,
    photos::{Photo, luma},
};
use crate::image::Image;

/// Largest side of the middle of a photograph that is measured, in low-resolution pixels.
const SIDE: usize = 192;

/// The middle of a held-out photograph, as luma.
pub struct Case {
    source: Vec<f32>,
    /// Laid out as the network's output.
    target: Vec<f32>,
    size: (usize, usize),
}

impl Case {
    /// The middle of a photograph.
    #[must_use]
    pub fn new(photo: &Photo, scale: usize) -> Self {
        let (width, height) = (photo.low.width.min(SIDE), photo.low.height.min(SIDE));
        let (x, y) = (
            (photo.low.width - width) / 2,
            (photo.low.height - height) / 2,
        );
        let levels = |image: Image| {
            luma(&image)
                .iter()
                .map(|v| f32::from(*v))
                .collect::<Vec<_>>()
        };
        let high = photo
            .high
            .crop(x * scale, y * scale, width * scale, height * scale);
        Self {
            source: levels(photo.low.crop(x, y, width, height)),
            target: pixel_major(&levels(high), width * scale, scale),
            size: (width, height),
        }
    }
}

/// Mean over the cases of the peak signal-to-noise ratio of the luma, in dB.
#[must_use]
pub fn psnr(net: &Net, cases: &[Case]) -> f64 {
    let ratios = cases.par_iter().map(|case| {
        let run = forward::run(net, &case.source, case.size);
        let pairs = run.output.iter().zip(&case.target);
        let squares: f64 = pairs
            .map(|(out, target)| f64::from(to_level(*out) - target).powi(2))
            .sum();
        10.0 * (255.0 * 255.0 * case.target.len() as f64 / squares).log10()
    });
    ratios.collect::<Vec<_>>().iter().sum::<f64>() / cases.len() as f64
}
