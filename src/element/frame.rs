//! Pixel format -> jobs: what the engine does with each component of a frame.

use gst_video::{VideoChromaSite, VideoFormatInfo, VideoFrameRef, VideoInfo};

use crate::engine::plane::{Layout, PlaneError};
use crate::engine::{Plane, PlaneMut, Resampler, Siting, UpscaleError, Upscaler};

use super::format::{self, Component, Role, Storage};
use super::mapped::{self, MappedError};

/// Why a frame could not be scaled.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("input frame: {0}")]
    Input(MappedError),
    #[error("output frame: {0}")]
    Output(MappedError),
    #[error(transparent)]
    Upscale(#[from] UpscaleError),
}

/// Everything to do for one frame; made once for each negotiated pair of caps.
#[derive(Debug)]
pub struct Plan {
    jobs: Vec<Job>,
    resamplers: Vec<Resampler>,
    /// Unpacked samples of one component, before and after; empty if none needs unpacking.
    unpacked: [Vec<u16>; 2],
}

/// What to do with one component.
#[derive(Clone, Copy, Debug)]
struct Job {
    method: Method,
    component: Component,
    source: Size,
    destination: Size,
    /// No earlier job has written to the bytes of this one's pixels.
    is_first: bool,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    width: usize,
    height: usize,
}

#[derive(Clone, Copy, Debug)]
enum Method {
    /// The look-up tables.
    Tables,
    /// The resampler of this number.
    Resample(usize),
    /// White, so that equal frames have equal bytes.
    Fill,
}

impl Plan {
    /// Plans the frames of `source`, to be scaled by the model's scale to those of `destination`.
    pub fn new(
        source: &VideoInfo,
        destination: &VideoInfo,
        chroma_site: VideoChromaSite,
        upscaler: &Upscaler,
        band_rows: usize,
    ) -> Self {
        let format = source.format_info();
        let mut sitings = Vec::new();
        let mut jobs: Vec<Job> = Vec::new();
        for (number, component) in format::components(&format).into_iter().enumerate() {
            let method = match component.role {
                Role::Detail => Method::Tables,
                // Chroma and alpha are not what the tables have learnt.
                Role::Chroma | Role::Alpha => {
                    let siting = siting(&format, number, chroma_site);
                    let known = sitings.iter().position(|known| *known == siting);
                    Method::Resample(known.unwrap_or_else(|| {
                        sitings.push(siting);
                        sitings.len() - 1
                    }))
                }
                Role::Padding => Method::Fill,
            };
            // Padding has the size of any component of its pixels.
            let sized_as = number.min(format.n_components() as usize - 1);
            jobs.push(Job {
                method,
                component,
                source: size(source, sized_as),
                destination: size(destination, sized_as),
                is_first: jobs
                    .iter()
                    .all(|job| job.component.plane != component.plane),
            });
        }
        let resampler = |(horizontal, vertical)| {
            let workers = upscaler.workers().clone();
            Resampler::new(upscaler.scale(), horizontal, vertical, workers, band_rows)
        };
        Self {
            jobs,
            resamplers: sitings.into_iter().map(resampler).collect(),
            unpacked: Default::default(),
        }
    }

    /// Scales one frame.
    ///
    /// # Errors
    /// [`FrameError`] if a frame's memory is not what its caps and strides promise.
    pub fn run(
        &mut self,
        upscaler: &mut Upscaler,
        source: &VideoFrameRef<&gst::BufferRef>,
        destination: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<(), FrameError> {
        let Self {
            jobs,
            resamplers,
            unpacked: [before, after],
        } = self;
        for job in jobs {
            let (from, from_layout) = job.source(source).map_err(FrameError::Input)?;
            let (to, to_layout) = job.destination(destination).map_err(FrameError::Output)?;
            let input = |error: PlaneError| FrameError::Input(error.into());
            let output = |error: PlaneError| FrameError::Output(error.into());
            let component = &job.component;
            match (component.storage, job.method) {
                (_, Method::Fill) => {
                    fill(&mut PlaneMut::with_layout(to, to_layout).map_err(output)?);
                }
                (Storage::Byte, method) => {
                    let from = Plane::with_layout(from, from_layout).map_err(input)?;
                    let mut to = PlaneMut::with_layout(to, to_layout).map_err(output)?;
                    match method {
                        Method::Resample(number) => resamplers[number].plane_u8(&from, &mut to)?,
                        _ => upscaler.plane_u8(&from, &mut to)?,
                    }
                }
                (_, method) => {
                    let from = component.words(from, from_layout, before).map_err(input)?;
                    let depth = component.working_depth();
                    let write = |to: &mut PlaneMut<u16>| match method {
                        Method::Resample(number) => resamplers[number].plane_u16(&from, to, depth),
                        _ => upscaler.plane_u16(&from, to, depth),
                    };
                    let written = component.write_words(to, to_layout, after, job.is_first, write);
                    written.map_err(output)??;
                }
            }
        }
        Ok(())
    }
}

impl Job {
    /// The bytes of the component's plane from its first sample on, and how it lies in them.
    fn source<'a>(
        &self,
        frame: &'a VideoFrameRef<&gst::BufferRef>,
    ) -> Result<(&'a [u8], Layout), MappedError> {
        let Component { plane, offset, .. } = self.component;
        let stride = mapped::stride(frame, plane)?;
        let bytes = mapped::bytes(frame, plane)?.get(offset..);
        Ok((bytes.unwrap_or_default(), self.layout(self.source, stride)))
    }

    fn destination<'a>(
        &self,
        frame: &'a mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<(&'a mut [u8], Layout), MappedError> {
        let Component { plane, offset, .. } = self.component;
        let stride = mapped::stride(frame, plane)?;
        let bytes = mapped::bytes_mut(frame, plane)?.get_mut(offset..);
        Ok((
            bytes.unwrap_or_default(),
            self.layout(self.destination, stride),
        ))
    }

    fn layout(&self, size: Size, stride: usize) -> Layout {
        Layout {
            width: size.width,
            height: size.height,
            stride,
            step: self.component.step,
        }
    }
}

fn fill(plane: &mut PlaneMut<u8>) {
    let step = plane.layout().step;
    for y in 0..plane.height() {
        plane
            .row_mut(y)
            .iter_mut()
            .step_by(step)
            .for_each(|byte| *byte = u8::MAX);
    }
}

/// Where a component's samples lie among the luma's, horizontally and vertically.
fn siting(format: &VideoFormatInfo, component: usize, site: VideoChromaSite) -> (Siting, Siting) {
    let along = |subsampling: u32, cosited| match site.contains(cosited) && subsampling > 0 {
        true => Siting::Cosited,
        false => Siting::Centred,
    };
    (
        along(format.w_sub()[component], VideoChromaSite::H_COSITED),
        along(format.h_sub()[component], VideoChromaSite::V_COSITED),
    )
}

/// The size of a component in one buffer: a whole frame's, or with `alternate` interlacing a field's.
fn size(info: &VideoInfo, component: usize) -> Size {
    let (format, component) = (info.format_info(), component as u8);
    Size {
        width: format.scale_width(component, info.width()) as usize,
        height: format.scale_height(component, info.field_height()) as usize,
    }
}
