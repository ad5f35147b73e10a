//! The engine's face: a model made ready to run over planes.

use std::sync::Arc;

use super::{Model, Plane, PlaneMut, Workers, reference};

/// How to run; never what comes out.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads to use; 0 means all cores.
    pub threads: usize,
    /// Rows of the source in a band; 0 lets the engine choose.
    pub band_rows: usize,
}

/// Why a plane cannot be upscaled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpscaleError {
    /// The destination is not `scale` times the source.
    #[error("destination plane: found {found:?}, expected {expected:?} (width, height)")]
    Size {
        found: (usize, usize),
        expected: (usize, usize),
    },
    /// Bits in a sample.
    #[error("depth: found {found} bits, expected 8..=16")]
    Depth { found: u32 },
    /// The thread pool could not be made.
    #[error("thread pool: {0}")]
    Threads(String),
}

/// A model packed for this machine, with its threads and scratch memory.
pub struct Upscaler {
    model: Model,
    workers: Arc<Workers>,
}

impl Upscaler {
    /// Packs a model. The one place that allocates; see the methods.
    ///
    /// # Errors
    /// [`UpscaleError::Threads`] if the pool cannot be made.
    pub fn new(model: &Model, options: Options) -> Result<Self, UpscaleError> {
        Ok(Self {
            model: model.clone(),
            workers: Workers::new(options.threads)?,
        })
    }

    /// Output pixels a side for each input pixel.
    #[must_use]
    pub fn scale(&self) -> usize {
        self.model.scale()
    }

    /// The threads, for other work on the same frames.
    #[must_use]
    pub fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// Upscales a plane of 8-bit samples.
    ///
    /// # Errors
    /// [`UpscaleError::Size`] unless the destination is exactly `scale` times the source.
    pub fn plane_u8(
        &mut self,
        source: &Plane<u8>,
        destination: &mut PlaneMut<u8>,
    ) -> Result<(), UpscaleError> {
        self.run(source, destination, 8)
    }

    /// Upscales a plane of samples with `depth` significant bits in the low bits.
    ///
    /// # Errors
    /// As [`Upscaler::plane_u8`]; [`UpscaleError::Depth`] unless `depth` is 8..=16. Bits above `depth` are ignored.
    pub fn plane_u16(
        &mut self,
        source: &Plane<u16>,
        destination: &mut PlaneMut<u16>,
        depth: u32,
    ) -> Result<(), UpscaleError> {
        self.run(source, destination, depth)
    }

    fn run<T: Copy + Into<u16> + TryFrom<u16, Error: std::fmt::Debug>>(
        &mut self,
        source: &Plane<T>,
        destination: &mut PlaneMut<T>,
        depth: u32,
    ) -> Result<(), UpscaleError> {
        if !(8..=16).contains(&depth) {
            return Err(UpscaleError::Depth { found: depth });
        }
        let scale = self.scale();
        let expected = (source.width() * scale, source.height() * scale);
        let found = (destination.width(), destination.height());
        if found != expected {
            return Err(UpscaleError::Size { found, expected });
        }
        let mask = u16::MAX >> (16 - depth);
        let mut data = Vec::new();
        for y in 0..source.height() {
            data.extend(
                source
                    .row(y)
                    .iter()
                    .step_by(source.layout().step)
                    .map(|v| (*v).into() & mask),
            );
        }
        let image = reference::Image::new(source.width(), source.height(), data);
        let trace = reference::run(&self.model, &image, depth);
        let out = trace.output();
        let step = destination.layout().step;
        for y in 0..out.height {
            let row = destination.row_mut(y);
            for x in 0..out.width {
                row[x * step] = T::try_from(out.data[y * out.width + x]).expect("fits");
            }
        }
        Ok(())
    }
}
