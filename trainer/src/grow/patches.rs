//! Patches cut at random from photographs, and a few from drawn pictures.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    drawn,
    photos::{Photo, luma_of},
};
use crate::{
    bicubic::{self, Rounding},
    image::Image,
};

/// One patch in so many is of a drawn picture.
const DRAWN: usize = 16;
/// The least contrast that a patch is brought to.
const LEAST_CONTRAST: f32 = 0.5;

/// A square to learn from: one plane of it, or red, green and blue one after the other.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Low-resolution levels, row by row.
    pub source: Vec<f32>,
    /// `scale^2` levels for each of them, as the network's output.
    pub target: Vec<f32>,
}

impl Patch {
    /// Makes the patch flatter by up to a half, brighter or darker, or its negative, within 0..=255. What enlarges a picture
    /// enlarges that one too, and entries that few photographs visit are visited from others.
    fn change_contrast(&mut self, random: &mut ChaCha8Rng) {
        let contrast = random.random_range(LEAST_CONTRAST..=1.0f32);
        let darkest = (random.random::<f32>() * 255.0 * (1.0 - contrast)).round();
        let (slope, constant) = match random.random() {
            true => (contrast, darkest),
            false => (-contrast, darkest + 255.0 * contrast),
        };
        for level in &mut self.source {
            *level = (slope * *level + constant).round_ties_even();
        }
        for level in &mut self.target {
            *level = slope * *level + constant;
        }
    }
}

/// Cuts patches from photographs, each as likely as its weight says.
pub struct Sampler<'a> {
    photos: &'a [Photo],
    /// The weights of the photographs up to and with each one.
    weights: Vec<usize>,
    seed: u64,
    scale: usize,
    crop: usize,
    in_colour: bool,
}

/// What a patch is cut from a photograph's planes.
#[derive(Clone, Copy)]
enum Component {
    Plane(usize),
    Luma,
}

impl<'a> Sampler<'a> {
    /// A sampler of patches of `crop` x `crop` low-resolution pixels.
    #[must_use]
    pub fn new(photos: &'a [Photo], scale: usize, crop: usize, seed: u64) -> Self {
        let weights = photos.iter().scan(0, |total, photo| {
            *total += photo.weight;
            Some(*total)
        });
        Self {
            photos,
            weights: weights.collect(),
            seed,
            scale,
            crop,
            in_colour: false,
        }
    }

    /// The same, of patches with red, green and blue.
    #[must_use]
    pub fn in_colour(self, in_colour: bool) -> Self {
        Self { in_colour, ..self }
    }

    /// The patches of a step; the same for the same seed, whatever was drawn before.
    #[must_use]
    pub fn batch(&self, step: u64, count: usize) -> Vec<Patch> {
        let patches = (0..count).into_par_iter().map(|index| {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            let number = step as usize * count + index;
            random.set_stream(number as u64 + 1);
            if number % DRAWN == DRAWN - 1 {
                self.draw(&mut random)
            } else {
                self.cut(&mut random)
            }
        });
        patches.collect()
    }

    fn draw(&self, random: &mut ChaCha8Rng) -> Patch {
        let side = self.crop * self.scale;
        let high = drawn::draw(side, random);
        let low = bicubic::shrink(&high, self.scale, Rounding::EachPass);
        let levels = |image: &Image| {
            image.planes[0]
                .iter()
                .map(|v| f32::from(*v))
                .collect::<Vec<_>>()
        };
        let colours = if self.in_colour { 3 } else { 1 };
        Patch {
            source: levels(&low).repeat(colours),
            target: pixel_major(&levels(&high), side, self.scale).repeat(colours),
        }
    }

    fn cut(&self, random: &mut ChaCha8Rng) -> Patch {
        let total = *self.weights.last().expect("there are photographs");
        let drawn = random.random_range(0..total);
        let photo = &self.photos[self.weights.partition_point(|weight| *weight <= drawn)];
        let y = random.random_range(0..=photo.low.height - self.crop);
        let x = random.random_range(0..=photo.low.width - self.crop);
        let component = match (photo.low.planes.len(), random.random_range(0..4)) {
            (1, _) => Component::Plane(0),
            (_, 3) => Component::Luma,
            (_, plane) => Component::Plane(plane),
        };
        // The network does not tell a quarter turn; of the eight ways to lay a square, two are left.
        let transposed = random.random();
        let mut patch = Patch {
            source: Vec::new(),
            target: Vec::new(),
        };
        let (colours, last) = ([0, 1, 2], photo.low.planes.len() - 1);
        let colours = colours.map(|colour| Component::Plane(last.min(colour)));
        let components = if self.in_colour {
            &colours[..]
        } else {
            &[component]
        };
        for component in components {
            let low = cut(&photo.low, *component, (y, x), self.crop, transposed);
            let side = self.crop * self.scale;
            let place = (y * self.scale, x * self.scale);
            let high = cut(&photo.high, *component, place, side, transposed);
            patch.source.extend(low);
            patch.target.extend(pixel_major(&high, side, self.scale));
        }
        if random.random() {
            patch.change_contrast(random);
        }
        patch
    }
}

/// A square of an image's component, row by row, or column by column if transposed.
fn cut(
    image: &Image,
    component: Component,
    (top, left): (usize, usize),
    side: usize,
    transposed: bool,
) -> Vec<f32> {
    let mut samples = Vec::with_capacity(side * side);
    for y in top..top + side {
        let row = |plane: usize| &image.planes[plane][y * image.width + left..][..side];
        match component {
            Component::Plane(plane) => {
                samples.extend(row(plane).iter().map(|level| f32::from(*level)));
            }
            Component::Luma => {
                let pixels = row(0).iter().zip(row(1)).zip(row(2));
                let lumas = pixels.map(|((r, g), b)| luma_of([*r, *g, *b]));
                samples.extend(lumas.map(f32::from));
            }
        }
    }
    if transposed {
        transpose(&mut samples, side);
    }
    samples
}

fn transpose(square: &mut [f32], side: usize) {
    for row in 1..side {
        for column in 0..row {
            square.swap(row * side + column, column * side + row);
        }
    }
}

/// The samples of a picture `scale` times as large as its source, gathered for each source pixel.
#[must_use]
pub fn pixel_major(samples: &[f32], width: usize, scale: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(samples.len());
    for rows in samples.chunks_exact(width * scale) {
        for x in (0..width).step_by(scale) {
            for row in rows.chunks_exact(width) {
                out.extend_from_slice(&row[x..x + scale]);
            }
        }
    }
    out
}
