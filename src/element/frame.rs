//! Pixel format -> jobs: what the engine does with each component of a frame.

use gst_video::{VideoChromaSite, VideoFormat, VideoFrameRef, VideoInfo};

use crate::engine::plane::{Layout, PlaneError};
use crate::engine::{Plane, PlaneMut, Resampler, Siting, UpscaleError, Upscaler};

use super::mapped::{self, MappedError};

/// The formats of the pad templates, the ones that need least work first.
pub const FORMATS: [VideoFormat; 18] = [
    VideoFormat::I420,
    VideoFormat::Yv12,
    VideoFormat::Nv12,
    VideoFormat::Nv21,
    VideoFormat::Gray8,
    VideoFormat::Y42b,
    VideoFormat::Y444,
    VideoFormat::Gbr,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Rgbx,
    VideoFormat::Bgrx,
    VideoFormat::Xrgb,
    VideoFormat::Xbgr,
    VideoFormat::Rgba,
    VideoFormat::Bgra,
    VideoFormat::Argb,
    VideoFormat::Abgr,
];

/// Why a frame could not be scaled.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("{side} frame: {source}")]
    Mapped {
        side: &'static str,
        source: MappedError,
    },
    #[error("{side} frame: {source}")]
    Plane {
        side: &'static str,
        source: PlaneError,
    },
    #[error(transparent)]
    Upscale(#[from] UpscaleError),
}

/// Everything to do for one frame; made once for each negotiated pair of caps.
#[derive(Debug)]
pub struct Plan {
    jobs: Vec<Job>,
    resamplers: Vec<Resampler>,
}

/// What to do with one component.
#[derive(Clone, Copy, Debug)]
struct Job {
    method: Method,
    /// The plane that holds the component, and the bytes before its first sample.
    plane: usize,
    offset: usize,
    /// Bytes from one sample to the next.
    step: usize,
    source: Size,
    destination: Size,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    width: usize,
    height: usize,
}

#[derive(Clone, Copy, Debug)]
enum Method {
    /// Luma, red, green and blue: the look-up tables.
    Tables,
    /// Chroma and alpha: the resampler of this number.
    Resample(usize),
    /// The byte of a pixel that means nothing: white, so that equal frames have equal bytes.
    Pad,
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
        let mut jobs = Vec::new();
        for component in 0..format.n_components() as u8 {
            let method = if is_for_tables(source, component) {
                Method::Tables
            } else {
                let siting = siting(source, component, chroma_site);
                let known = sitings.iter().position(|known| *known == siting);
                Method::Resample(known.unwrap_or_else(|| {
                    sitings.push(siting);
                    sitings.len() - 1
                }))
            };
            jobs.push(Job {
                method,
                plane: source.comp_plane(component) as usize,
                offset: source.comp_poffset(component) as usize,
                step: source.comp_pstride(component) as usize,
                source: size(source, component),
                destination: size(destination, component),
            });
        }
        jobs.extend(padding(&jobs));
        let resampler = |(horizontal, vertical)| {
            let workers = upscaler.workers().clone();
            Resampler::new(upscaler.scale(), horizontal, vertical, workers, band_rows)
        };
        Self {
            jobs,
            resamplers: sitings.into_iter().map(resampler).collect(),
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
        for job in &self.jobs {
            let mut to = job.destination_plane(destination)?;
            match job.method {
                Method::Tables => upscaler.plane_u8(&job.source_plane(source)?, &mut to)?,
                Method::Resample(number) => {
                    self.resamplers[number].plane_u8(&job.source_plane(source)?, &mut to)?;
                }
                Method::Pad => (0..to.height()).for_each(|y| {
                    let samples = to.row_mut(y).iter_mut().step_by(job.step);
                    samples.for_each(|sample| *sample = u8::MAX);
                }),
            }
        }
        Ok(())
    }
}

impl Job {
    fn source_plane<'a>(
        &self,
        frame: &'a VideoFrameRef<&gst::BufferRef>,
    ) -> Result<Plane<'a, u8>, FrameError> {
        let side = "input";
        let mapped = |source| FrameError::Mapped { side, source };
        let stride = mapped::stride(frame, self.plane).map_err(mapped)?;
        let bytes = mapped::bytes(frame, self.plane).map_err(mapped)?;
        let bytes = bytes.get(self.offset..).unwrap_or_default();
        Plane::with_layout(bytes, self.layout(self.source, stride))
            .map_err(|source| FrameError::Plane { side, source })
    }

    fn destination_plane<'a>(
        &self,
        frame: &'a mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<PlaneMut<'a, u8>, FrameError> {
        let side = "output";
        let mapped = |source| FrameError::Mapped { side, source };
        let stride = mapped::stride(frame, self.plane).map_err(mapped)?;
        let bytes = mapped::bytes_mut(frame, self.plane).map_err(mapped)?;
        let bytes = bytes.get_mut(self.offset..).unwrap_or_default();
        PlaneMut::with_layout(bytes, self.layout(self.destination, stride))
            .map_err(|source| FrameError::Plane { side, source })
    }

    fn layout(&self, size: Size, stride: usize) -> Layout {
        Layout {
            width: size.width,
            height: size.height,
            stride,
            step: self.step,
        }
    }
}

/// Chroma and alpha are not what the tables have learnt; at full size they go the same way as subsampled.
fn is_for_tables(info: &VideoInfo, component: u8) -> bool {
    match component {
        0 => true,
        1 | 2 => info.format_info().is_rgb(),
        _ => false,
    }
}

/// Where a component's samples lie among the luma's, horizontally and vertically.
fn siting(info: &VideoInfo, component: u8, site: VideoChromaSite) -> (Siting, Siting) {
    let format = info.format_info();
    let along = |subsampling: u32, cosited| match site.contains(cosited) && subsampling > 0 {
        true => Siting::Cosited,
        false => Siting::Centred,
    };
    let component = usize::from(component);
    (
        along(format.w_sub()[component], VideoChromaSite::H_COSITED),
        along(format.h_sub()[component], VideoChromaSite::V_COSITED),
    )
}

/// The size of a component in one buffer: a whole frame's, or with `alternate` interlacing a field's.
fn size(info: &VideoInfo, component: u8) -> Size {
    let format = info.format_info();
    Size {
        width: format.scale_width(component, info.width()) as usize,
        height: format.scale_height(component, info.field_height()) as usize,
    }
}

/// The job for the fourth byte of RGBx and its kin, which no component claims.
fn padding(jobs: &[Job]) -> Option<Job> {
    let first = *jobs.first()?;
    let is_packed = jobs.iter().all(|job| job.plane == first.plane);
    if !is_packed || first.step != 4 || jobs.len() != 3 {
        return None;
    }
    let offset = (0..4).find(|offset| jobs.iter().all(|job| job.offset != *offset))?;
    Some(Job {
        method: Method::Pad,
        offset,
        ..first
    })
}
