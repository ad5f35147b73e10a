//! What a conversion cost: the network and the model made from it on the same images.

use anyhow::Result;
use gstrclut::engine::Upscaler;
use serde::Serialize;

use crate::{
    evaluate::{self, Pair},
    image::Image,
    metrics,
    network::Network,
};

/// Network against table. PSNR in dB of the luma, the mean over images; differences in 8-bit levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    pub images: usize,
    pub network_psnr_y: f64,
    pub table_psnr_y: f64,
    pub differences: Differences,
}

/// How two sets of samples differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Differences {
    pub samples: u64,
    /// Samples that are not equal.
    pub differing: u64,
    /// The largest difference.
    pub largest: u8,
    /// The sum of all differences.
    pub total: u64,
}

/// Upscales every low-resolution image both ways. `progress` is called after each.
///
/// # Errors
/// As the engine's.
pub fn compare(
    network: &Network,
    upscaler: &mut Upscaler,
    pairs: &[Pair],
    progress: impl Fn(),
) -> Result<Comparison> {
    let scale = upscaler.scale();
    let mut comparison = Comparison {
        images: pairs.len(),
        ..Comparison::default()
    };
    for pair in pairs {
        let by_network = network.upscale(&pair.low);
        let by_table = evaluate::upscale(upscaler, &pair.low)?;
        let share = |image: &Image| metrics::psnr_y(&pair.high, image, scale) / pairs.len() as f64;
        comparison.network_psnr_y += share(&by_network);
        comparison.table_psnr_y += share(&by_table);
        for (network, table) in by_network.planes.iter().zip(&by_table.planes) {
            comparison.differences.add(network, table);
        }
        progress();
    }
    Ok(comparison)
}

impl Differences {
    /// Counts the differences of two equally long runs of samples.
    pub fn add(&mut self, a: &[u8], b: &[u8]) {
        for (a, b) in a.iter().zip(b) {
            let difference = a.abs_diff(*b);
            self.samples += 1;
            self.differing += u64::from(difference > 0);
            self.largest = self.largest.max(difference);
            self.total += u64::from(difference);
        }
    }

    /// The part of the samples that are not equal, 0..=1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.differing as f64 / self.samples.max(1) as f64
    }

    /// The mean size of a difference, where there is one.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.total as f64 / self.differing.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_count_add_up_and_keep_the_largest() {
        let mut differences = Differences::default();
        differences.add(&[1, 2, 3], &[1, 5, 2]);
        differences.add(&[9], &[9]);
        assert_eq!(
            (
                differences.samples,
                differences.differing,
                differences.largest,
                differences.total
            ),
            (4, 2, 3, 4)
        );
        assert_eq!((differences.share(), differences.mean()), (0.5, 2.0));
    }
}
