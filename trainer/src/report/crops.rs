//! Crops side by side: original, bicubic, model, where the model gains most.

use crate::{
    bicubic,
    evaluate::{Pair, Protocol},
    image::Image,
    metrics,
};

/// Side of a crop, and the gap between two, in pixels of the full-size image.
const SIDE: usize = 96;
const GAP: usize = 4;
/// Step of the search.
const STRIDE: usize = 24;
/// Every pixel of a crop is shown this many times on each side, so that single ones can be seen.
const ZOOM: usize = 3;

/// Three crops of one image, side by side.
#[derive(Clone, Debug)]
pub(super) struct Crop {
    /// The image's name.
    pub image: String,
    pub picture: Image,
    /// How much squared luma error bicubic makes there more than the model does.
    pub gain: f64,
}

impl Crop {
    /// The place of a pair where the model gains most over bicubic; none if the image is smaller than a crop.
    pub fn find(pair: &Pair, upscaled: &Image, protocol: &Protocol) -> Option<Self> {
        let high = &pair.high;
        if high.width.min(high.height) < SIDE {
            return None;
        }
        let enlarged = bicubic::enlarge(&pair.low, protocol.scale, protocol.rounding);
        let gains = gains(high, &enlarged, upscaled);
        let sum = |(x, y): (usize, usize)| -> f64 {
            let rows = gains[y * high.width..].chunks(high.width).take(SIDE);
            rows.map(|row| row[x..x + SIDE].iter().sum::<f64>()).sum()
        };
        let places = (0..=high.height - SIDE).step_by(STRIDE);
        let places =
            places.flat_map(|y| (0..=high.width - SIDE).step_by(STRIDE).map(move |x| (x, y)));
        let scored = places.map(|place| (place, sum(place)));
        let ((x, y), gain) = scored.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let crops = [high, &enlarged, upscaled].map(|image| image.crop(x, y, SIDE, SIDE));
        Some(Self {
            image: pair.name.clone(),
            picture: side_by_side(&crops),
            gain,
        })
    }
}

/// Squared luma error of bicubic less that of the model, pixel by pixel of the original.
fn gains(high: &Image, enlarged: &Image, upscaled: &Image) -> Vec<f64> {
    let cut = |image: &Image| metrics::luma(&image.crop(0, 0, high.width, high.height));
    let (original, bicubic, model) = (metrics::luma(high), cut(enlarged), cut(upscaled));
    let pixels = original.iter().zip(&bicubic).zip(&model);
    pixels
        .map(|((original, bicubic), model)| {
            (bicubic - original).powi(2) - (model - original).powi(2)
        })
        .collect()
}

fn side_by_side(crops: &[Image; 3]) -> Image {
    let (width, height) = (3 * SIDE + 2 * GAP, SIDE);
    let sample = |plane: usize, x: usize, y: usize| {
        let (crop, column) = (x / (SIDE + GAP), x % (SIDE + GAP));
        if column < SIDE {
            crops[crop].planes[plane][y * SIDE + column]
        } else {
            u8::MAX
        }
    };
    let planes = (0..crops[0].planes.len()).map(|plane| {
        let rows =
            (0..height * ZOOM).flat_map(|y| (0..width * ZOOM).map(move |x| (x / ZOOM, y / ZOOM)));
        rows.map(|(x, y)| sample(plane, x, y)).collect()
    });
    Image {
        width: width * ZOOM,
        height: height * ZOOM,
        planes: planes.collect(),
    }
}
