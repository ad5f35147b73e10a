//! Bicubic resampling of the planes that no table touches (ARITHMETIC section 6).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod row;
mod weights;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::Sample;
use crate::engine::{
    Cpu, History, Plane, PlaneMut, UpscaleError, Workers,
    history::{self, Maker, Past},
    tiles::Size,
};

use row::Blendable;
use weights::Axis;

/// Processor cycles for one output sample, roughly; decides how many threads pay.
const CYCLES_PER_SAMPLE: usize = 6;

/// How far from a sample, in rows and columns, what it becomes depends on the source: the furthest of four taps.
const REACH: usize = 2;

/// Where a plane's samples lie among the luma samples, along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Siting {
    /// Midway between the luma samples that share the sample. Also right for a plane that is not subsampled.
    Centred,
    /// At the first of the two luma samples that share the sample.
    Cosited,
}

/// How samples between the source's are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Catmull-Rom: sharp, with a little overshoot.
    #[default]
    Bicubic,
    /// The line between two neighbours: soft, and never beyond them.
    Bilinear,
}

/// A resampler made ready for one scale and siting; its scratch memory grows at the first call.
#[derive(Debug)]
pub struct Resampler {
    scale: usize,
    horizontal: Axis,
    vertical: Axis,
    workers: Arc<Workers>,
    band_rows: usize,
    cpu: Cpu,
    scratch: Vec<Scratch>,
    /// For the white level of the last plane: outputs of several depths do not mix.
    maker: (u16, Maker),
}

/// One blended source row for each width of sample, with its edges repeated.
#[derive(Clone, Debug, Default)]
struct Scratch {
    narrow: Vec<i16>,
    wide: Vec<i32>,
}

impl Resampler {
    /// A resampler by `scale` (1..=4) for planes sited so; `band_rows` source rows make a band, 0 lets it choose.
    #[must_use]
    pub fn new(
        scale: usize,
        filter: Filter,
        horizontal: Siting,
        vertical: Siting,
        workers: Arc<Workers>,
        band_rows: usize,
    ) -> Self {
        let scratch = vec![Scratch::default(); workers.threads()];
        Self {
            scale,
            horizontal: Axis::new(scale, filter, horizontal),
            vertical: Axis::new(scale, filter, vertical),
            workers,
            band_rows,
            // An environment that names no instruction set is the upscaler's to refuse.
            cpu: Cpu::allowed(None).unwrap_or(Cpu::Portable),
            scratch,
            maker: Default::default(),
        }
    }

    /// Resamples a plane of 8-bit samples.
    ///
    /// # Errors
    /// [`UpscaleError::Size`] if the destination is more than `scale` times the source. It may be smaller, as the chroma of
    /// an odd frame is: columns on the right and rows at the bottom are then not made.
    pub fn plane_u8(
        &mut self,
        source: &Plane<u8>,
        destination: &mut PlaneMut<u8>,
    ) -> Result<(), UpscaleError> {
        self.run_narrow(None, source, destination)
    }

    /// Resamples the next plane of a stream: as [`Resampler::plane_u8`], but rows that stand still are copied from what
    /// they became before. Every plane of a stream has a history of its own.
    ///
    /// # Errors
    /// As [`Resampler::plane_u8`].
    pub fn plane_u8_after(
        &mut self,
        history: &mut History,
        source: &Plane<u8>,
        destination: &mut PlaneMut<u8>,
    ) -> Result<(), UpscaleError> {
        self.run_narrow(Some(&mut history.eight), source, destination)
    }

    /// Resamples a plane of samples with `depth` significant bits in the low bits.
    ///
    /// # Errors
    /// As [`Resampler::plane_u8`]; [`UpscaleError::Depth`] unless `depth` is 8..=16. Bits above `depth` are ignored.
    pub fn plane_u16(
        &mut self,
        source: &Plane<u16>,
        destination: &mut PlaneMut<u16>,
        depth: u32,
    ) -> Result<(), UpscaleError> {
        self.run_wide(None, source, destination, depth)
    }

    /// As [`Resampler::plane_u8_after`], for samples with `depth` significant bits in the low bits.
    ///
    /// # Errors
    /// As [`Resampler::plane_u16`].
    pub fn plane_u16_after(
        &mut self,
        history: &mut History,
        source: &Plane<u16>,
        destination: &mut PlaneMut<u16>,
        depth: u32,
    ) -> Result<(), UpscaleError> {
        self.run_wide(Some(&mut history.deep), source, destination, depth)
    }

    fn run_narrow(
        &mut self,
        past: Option<&mut Past<u8>>,
        source: &Plane<u8>,
        destination: &mut PlaneMut<u8>,
    ) -> Result<(), UpscaleError> {
        self.run(past, source, destination, u8::MAX, |scratch| {
            &mut scratch.narrow
        })
    }

    fn run_wide(
        &mut self,
        past: Option<&mut Past<u16>>,
        source: &Plane<u16>,
        destination: &mut PlaneMut<u16>,
        depth: u32,
    ) -> Result<(), UpscaleError> {
        if !(8..=16).contains(&depth) {
            return Err(UpscaleError::Depth { found: depth });
        }
        let white = u16::MAX >> (16 - depth);
        self.run(past, source, destination, white, |scratch| {
            &mut scratch.wide
        })
    }

    fn run<T: Blendable + Sample>(
        &mut self,
        past: Option<&mut Past<T>>,
        source: &Plane<T>,
        destination: &mut PlaneMut<T>,
        white: T,
        blended: impl Fn(&mut Scratch) -> &mut Vec<T::Blended> + Sync,
    ) -> Result<(), UpscaleError> {
        self.check(source, destination)?;
        let (scale, height) = (self.scale, destination.height());
        let cycles = destination.width() * height * CYCLES_PER_SAMPLE;
        let threads = self.workers.paying(cycles);
        let band_rows = match self.band_rows {
            0 => height.div_ceil(threads),
            rows => rows * scale,
        };
        let past = past.filter(|_| self.has_room_for_every_row(source, destination));
        if self.maker.0 != white.into() {
            self.maker = (white.into(), Maker::default());
        }
        let (horizontal, vertical, cpu) = (&self.horizontal, &self.vertical, self.cpu);
        let (workers, scratch) = (&self.workers, &mut self.scratch[..threads]);
        let make = |scratch: &mut Scratch, first: usize, band: &mut PlaneMut<T>| {
            let blended = blended(scratch);
            blended.resize(source.width() + 2 * row::EDGE, T::Blended::default());
            let step = band.layout().step;
            for y in 0..band.height() {
                let (taps, weights) = vertical.taps(first + y, source.height());
                let rows = taps.map(|tap| source.row(tap));
                row::blend(rows, source.layout().step, weights, white, blended, cpu);
                row::spread(blended, horizontal, white, band.row_mut(y), step, cpu);
            }
        };
        if let Some(past) = past {
            let size = Size::of(source);
            // Whole rows: they take less time than it takes to make parts of them.
            let tile = Size {
                width: size.width,
                ..history::TILE
            };
            past.fit(&self.maker.1, scale, size, tile, self.band_rows);
            if past.look(source, REACH, workers) {
                let bands = height.div_ceil(band_rows);
                past.replay(
                    source,
                    destination,
                    bands,
                    workers,
                    scratch,
                    |scratch, area, part| {
                        make(scratch, area.top * scale, part);
                    },
                );
                return Ok(());
            }
        }
        let bands = destination.bands(band_rows);
        workers.run(scratch, bands, |scratch, (first, mut band)| {
            make(scratch, first, &mut band)
        });
        Ok(())
    }

    /// Whether every row of the source has one in the destination.
    fn has_room_for_every_row<T>(&self, source: &Plane<T>, destination: &PlaneMut<T>) -> bool {
        destination.height() > (source.height() - 1) * self.scale
    }

    fn check<T>(&self, source: &Plane<T>, destination: &PlaneMut<T>) -> Result<(), UpscaleError> {
        let expected = (source.width() * self.scale, source.height() * self.scale);
        let found = (destination.width(), destination.height());
        match found.0 <= expected.0 && found.1 <= expected.1 {
            true => Ok(()),
            false => Err(UpscaleError::Size { found, expected }),
        }
    }
}
