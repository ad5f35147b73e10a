//! PSNR and SSIM on luma, as the papers measure them.

use crate::image::Image;

/// Luma of BT.601 in studio range, 16..=235, not rounded (MATLAB's `rgb2ycbcr`); a grey image is its own luma.
#[must_use]
pub fn luma(image: &Image) -> Vec<f64> {
    match &image.planes[..] {
        [red, green, blue] => red
            .iter()
            .zip(green)
            .zip(blue)
            .map(|((r, g), b)| {
                f64::from(*r) * 0.256_788_235_294_118
                    + f64::from(*g) * 0.504_129_411_764_706
                    + f64::from(*b) * 0.097_905_882_352_941
                    + 16.0
            })
            .collect(),
        planes => planes[0].iter().map(|sample| f64::from(*sample)).collect(),
    }
}

/// Peak signal-to-noise ratio of the luma in dB, `shave` pixels left out on each side; infinite for equal images.
///
/// # Panics
/// If the images differ in size or nothing is left of them.
#[must_use]
pub fn psnr_y(a: &Image, b: &Image, shave: usize) -> f64 {
    assert_eq!(
        (a.width, a.height),
        (b.width, b.height),
        "images to compare"
    );
    assert!(
        a.width.min(a.height) > 2 * shave,
        "nothing left inside the shaved border"
    );
    let (a_luma, b_luma) = (luma(a), luma(b));
    let inside = |y: usize| y * a.width + shave..(y + 1) * a.width - shave;
    let mut sum = 0.0;
    for y in shave..a.height - shave {
        let pairs = a_luma[inside(y)].iter().zip(&b_luma[inside(y)]);
        sum += pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    }
    let count = (a.width - 2 * shave) * (a.height - 2 * shave);
    10.0 * (255.0 * 255.0 * count as f64 / sum).log10()
}

/// Side of the Gaussian window of SSIM.
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;

/// Mean structural similarity of the luma over all windows inside the image (Z. Wang et al., "Image quality
/// assessment: from error visibility to structural similarity", 2004; 11x11 Gaussian, sigma 1.5, K = 0.01, 0.03).
/// Not a number if the image is smaller than the window.
///
/// # Panics
/// If the images differ in size.
#[must_use]
pub fn ssim_y(a: &Image, b: &Image) -> f64 {
    assert_eq!(
        (a.width, a.height),
        (b.width, b.height),
        "images to compare"
    );
    if a.width < WINDOW || a.height < WINDOW {
        return f64::NAN;
    }
    let (a_luma, b_luma) = (luma(a), luma(b));
    let blur = |values: Vec<f64>| gaussian(&values, a.width, a.height);
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).collect();
    let (a_a, b_b) = (
        blur(product(&a_luma, &a_luma)),
        blur(product(&b_luma, &b_luma)),
    );
    let a_b = blur(product(&a_luma, &b_luma));
    let (a_mean, b_mean) = (blur(a_luma), blur(b_luma));

    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    let windows = (0..a_mean.len()).map(|i| {
        let (a, b) = (a_mean[i], b_mean[i]);
        let (a_variance, b_variance) = (a_a[i] - a * a, b_b[i] - b * b);
        let covariance = a_b[i] - a * b;
        (2.0 * a * b + c1) * (2.0 * covariance + c2)
            / ((a * a + b * b + c1) * (a_variance + b_variance + c2))
    });
    windows.sum::<f64>() / a_mean.len() as f64
}

/// Gaussian mean of every window that lies inside the image.
fn gaussian(values: &[f64], width: usize, height: usize) -> Vec<f64> {
    let centre = (WINDOW / 2) as f64;
    let kernel: [f64; WINDOW] =
        std::array::from_fn(|i| (-(i as f64 - centre).powi(2) / (2.0 * SIGMA * SIGMA)).exp());
    let total: f64 = kernel.iter().sum();
    let (out_width, out_height) = (width - WINDOW + 1, height - WINDOW + 1);
    let mut out = Vec::with_capacity(out_width * out_height);
    let mut line = vec![0.0; width];
    for y in 0..out_height {
        line.fill(0.0);
        for (i, weight) in kernel.iter().enumerate() {
            for (sum, value) in line.iter_mut().zip(&values[(y + i) * width..]) {
                *sum += value * weight / total;
            }
        }
        let windows = line.windows(WINDOW);
        out.extend(windows.map(|window| {
            let terms = window.iter().zip(&kernel);
            terms
                .map(|(value, weight)| value * weight / total)
                .sum::<f64>()
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize, sample: impl Fn(usize) -> u8) -> Image {
        Image {
            width,
            height,
            planes: vec![(0..width * height).map(sample).collect()],
        }
    }

    #[test]
    fn luma_spans_studio_range() {
        let colour = |v| Image {
            width: 1,
            height: 1,
            planes: vec![vec![v]; 3],
        };
        assert!((luma(&colour(0))[0] - 16.0).abs() < 1e-9);
        assert!((luma(&colour(255))[0] - 235.0).abs() < 1e-9);
    }

    #[test]
    fn psnr_of_a_constant_error_and_of_none() {
        let (a, b) = (grey(8, 8, |i| i as u8), grey(8, 8, |i| i as u8 + 5));
        assert!((psnr_y(&a, &b, 2) - 20.0 * (255.0f64 / 5.0).log10()).abs() < 1e-9);
        assert_eq!(psnr_y(&a, &a, 0), f64::INFINITY);
    }

    #[test]
    fn a_shaved_border_does_not_count() {
        let (a, b) = (
            grey(6, 6, |_| 9),
            grey(6, 6, |i| if i < 6 { 200 } else { 9 }),
        );
        assert_eq!(psnr_y(&a, &b, 1), f64::INFINITY);
    }

    #[test]
    fn ssim_is_one_for_equal_images_and_follows_the_formula_for_flat_ones() {
        let a = grey(16, 12, |i| (i * 7) as u8);
        assert!((ssim_y(&a, &a) - 1.0).abs() < 1e-9);
        let (dark, bright) = (grey(11, 11, |_| 100), grey(11, 11, |_| 150));
        let c1 = (0.01f64 * 255.0).powi(2);
        let expected = (2.0 * 100.0 * 150.0 + c1) / (100.0f64.powi(2) + 150.0f64.powi(2) + c1);
        assert!((ssim_y(&dark, &bright) - expected).abs() < 1e-6);
    }
}
