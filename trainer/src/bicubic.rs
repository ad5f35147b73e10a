//! Bicubic resampling that equals MATLAB's `imresize` on 8-bit images, by which the papers make their low-resolution images.
//!
//! The kernel is Keys' cubic convolution with a = -0.5 (R. Keys, "Cubic convolution interpolation for digital image
//! processing", 1981). Shrinking widens it by the factor (antialiasing). Rows are resampled first, then columns;
//! coordinates outside the image mirror with the border pixel repeated.

use rayon::prelude::*;

use crate::image::Image;

/// When sums become 8-bit samples. The papers' published low-resolution files differ in this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// After the rows and again after the columns: MuLUT's X4 files, SR-LUT's X2 and X3 files.
    #[default]
    EachPass,
    /// Once, at the end: SR-LUT's X4 files.
    Once,
}

/// The image `factor` times smaller on each side, rounded up.
#[must_use]
pub fn shrink(image: &Image, factor: usize, rounding: Rounding) -> Image {
    let side = |length: usize| Axis::new(length, length.div_ceil(factor), 1.0 / factor as f64);
    resample(image, &side(image.height), &side(image.width), rounding)
}

/// The image `factor` times larger on each side.
#[must_use]
pub fn enlarge(image: &Image, factor: usize, rounding: Rounding) -> Image {
    let side = |length: usize| Axis::new(length, length * factor, factor as f64);
    resample(image, &side(image.height), &side(image.width), rounding)
}

/// For each output sample along an axis, the input samples that it is made of and their weights.
struct Axis {
    taps: Vec<Vec<(usize, f64)>>,
}

impl Axis {
    fn new(length: usize, out_length: usize, scale: f64) -> Self {
        let taps = (0..out_length).map(|index| taps(index, length, scale));
        Self {
            taps: taps.collect(),
        }
    }

    fn len(&self) -> usize {
        self.taps.len()
    }
}

fn taps(index: usize, length: usize, scale: f64) -> Vec<(usize, f64)> {
    let stretch = scale.min(1.0);
    let width = 4.0 / stretch;
    // MATLAB counts samples from 1, their centres on the integers.
    let centre = (index + 1) as f64 / scale + 0.5 * (1.0 - 1.0 / scale);
    let first = (centre - width / 2.0).floor();
    let taps = (0..width.ceil() as usize + 2).map(|tap| {
        let position = first + tap as f64;
        let weight = stretch * cubic(stretch * (centre - position));
        (mirror(position as i64 - 1, length), weight)
    });
    let mut taps: Vec<_> = taps.filter(|(_, weight)| *weight != 0.0).collect();
    let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
    for (_, weight) in &mut taps {
        *weight /= sum;
    }
    taps
}

/// Keys' kernel, a = -0.5.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        1.5 * x * x * x - 2.5 * x * x + 1.0
    } else if x <= 2.0 {
        -0.5 * x * x * x + 2.5 * x * x - 4.0 * x + 2.0
    } else {
        0.0
    }
}

/// The sample that a coordinate from 0 reads, mirrored with the border repeated: 2 1 0 | 0 1 2.
fn mirror(position: i64, length: usize) -> usize {
    let position = position.rem_euclid(2 * length as i64) as usize;
    position.min(2 * length - 1 - position)
}

fn resample(image: &Image, rows: &Axis, columns: &Axis, rounding: Rounding) -> Image {
    let planes = image.planes.iter();
    Image {
        width: columns.len(),
        height: rows.len(),
        planes: planes
            .map(|plane| resample_plane(plane, image.width, rows, columns, rounding))
            .collect(),
    }
}

fn resample_plane(
    plane: &[u8],
    width: usize,
    rows: &Axis,
    columns: &Axis,
    rounding: Rounding,
) -> Vec<u8> {
    let mut out = vec![0; rows.len() * columns.len()];
    let lines = out.par_chunks_mut(columns.len()).zip(&rows.taps);
    lines.for_each_init(
        || vec![0.0; width],
        |line, (out, row_taps)| {
            line.fill(0.0);
            for &(y, weight) in row_taps {
                for (sum, sample) in line.iter_mut().zip(&plane[y * width..]) {
                    *sum += f64::from(*sample) * weight;
                }
            }
            if rounding == Rounding::EachPass {
                line.iter_mut().for_each(|value| *value = round(*value));
            }
            for (out, taps) in out.iter_mut().zip(&columns.taps) {
                let terms = taps.iter().map(|&(x, weight)| line[x] * weight);
                *out = round(terms.sum()) as u8;
            }
        },
    );
    out
}

/// To the nearest 8-bit level, halves up.
fn round(value: f64) -> f64 {
    (value + 0.5).floor().clamp(0.0, 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(samples: &[u8]) -> Image {
        Image {
            width: samples.len(),
            height: 1,
            planes: vec![samples.to_vec()],
        }
    }

    #[test]
    fn a_flat_image_stays_flat() {
        let flat = Image {
            width: 13,
            height: 9,
            planes: vec![vec![77; 13 * 9]; 3],
        };
        for rounding in [Rounding::EachPass, Rounding::Once] {
            for factor in 1..=4 {
                for image in [
                    shrink(&flat, factor, rounding),
                    enlarge(&flat, factor, rounding),
                ] {
                    assert!(image.planes.iter().flatten().all(|sample| *sample == 77));
                }
            }
        }
    }

    #[test]
    fn weights_are_those_of_the_formula() {
        // Doubling: the centre falls a quarter of a pixel off, where Keys' kernel is (-9, 111, 29, -3) / 128.
        let step = row(&[0, 0, 0, 128, 128, 128, 128]);
        let doubled = enlarge(&step, 2, Rounding::Once);
        assert_eq!(doubled.planes[0][2..10], [0, 0, 0, 26, 102, 137, 131, 128]);
        // Halving: the widened kernel is (-3, -9, 29, 111, 111, 29, -9, -3) / 256.
        let impulse = row(&[0, 0, 0, 0, 255, 0, 0, 0, 0, 0]);
        assert_eq!(
            shrink(&impulse, 2, Rounding::Once).planes[0],
            [0, 29, 111, 0, 0]
        );
    }

    #[test]
    fn odd_lengths_shrink_to_the_next_whole_sample() {
        assert_eq!(shrink(&row(&[9; 7]), 2, Rounding::Once).width, 4);
        assert_eq!(shrink(&row(&[9]), 4, Rounding::Once).width, 1);
    }
}
