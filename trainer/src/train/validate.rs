//! A network's PSNR-Y and SSIM on sets of images, as the papers measure them.

use std::path::Path;

use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::task::Task;
use crate::{
    bicubic::Rounding,
    evaluate::{self, Pair, Protocol, Scores},
    grow::photos::Photo,
    network::Network,
    sets,
};

/// Largest side of the middle of a held-out photograph that is measured, in low-resolution pixels.
const SIDE: usize = 128;

/// Images that are measured together, such as Set5.
pub struct Set {
    pub name: String,
    protocol: Protocol,
    pairs: Vec<Pair>,
}

impl Set {
    /// The sets of a folder, as [`sets::find_sets`] finds them.
    ///
    /// # Errors
    /// If there is no set or an image cannot be read.
    pub fn of_folder(folder: &Path, scale: usize, task: Task) -> Result<Vec<Self>> {
        let protocol = protocol(scale);
        let sets = sets::find_sets(folder, scale)?.into_iter().map(|set| {
            let pairs = set.pairs.iter().map(|files| files.load(&protocol));
            Self {
                name: set.name,
                protocol,
                pairs: pairs.collect::<Result<_>>()?,
            }
            .degraded(task)
        });
        sets.collect()
    }

    /// The middles of photographs that are not trained on.
    ///
    /// # Errors
    /// As [`Task::degrade`].
    pub fn held_out(photos: &[Photo], scale: usize, task: Task) -> Result<Self> {
        let pairs = photos.iter().enumerate().map(|(index, photo)| {
            let (width, height) = (photo.low.width.min(SIDE), photo.low.height.min(SIDE));
            let (x, y) = (
                (photo.low.width - width) / 2,
                (photo.low.height - height) / 2,
            );
            let high = (x * scale, y * scale, width * scale, height * scale);
            Pair {
                name: format!("photograph {}", index + 1),
                high: photo.high.crop(high.0, high.1, high.2, high.3),
                low: photo.low.crop(x, y, width, height),
            }
        });
        Self {
            name: "held out".to_owned(),
            protocol: protocol(scale),
            pairs: pairs.collect(),
        }
        .degraded(task)
    }

    /// With the low-resolution images as the network is to get them; the same each time.
    fn degraded(mut self, task: Task) -> Result<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        for pair in &mut self.pairs {
            pair.low = task.degrade_image(&pair.low, &mut random)?;
        }
        Ok(self)
    }

    /// The images.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The mean scores of a network.
    ///
    /// # Errors
    /// If an image is too small to measure.
    pub fn measure(&self, network: &Network) -> Result<Scores> {
        ensure!(!self.pairs.is_empty(), "set `{}`: no images", self.name);
        let scores = self.pairs.iter().map(|pair| {
            let upscaled = network.upscale(&pair.low);
            evaluate::score(pair, &upscaled, &self.protocol)
        });
        Ok(Scores::mean(&scores.collect::<Result<Vec<_>>>()?))
    }
}

fn protocol(scale: usize) -> Protocol {
    Protocol {
        scale,
        rounding: Rounding::EachPass,
        keep_size: false,
    }
}
