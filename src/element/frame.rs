//! Pixel format -> jobs: what the engine does with each component of a frame.

use std::fmt;
use std::sync::Arc;

use gst::glib;
use gst_video::{VideoChromaSite, VideoFormatInfo, VideoFrameRef, VideoInfo};

use crate::engine::plane::{Area, Layout, PlaneError};
use crate::engine::{
    Filter, History, Plane, PlaneMut, Resampler, Reuse, Siting, UpscaleError, Upscaler, Workers,
};

use super::format::{self, Component, Role, Storage};
use super::mapped::{self, MappedError};
use super::samples::Packing;

/// Why a frame could not be scaled.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("input frame: {0}")]
    Input(MappedError),
    #[error("output frame: {0}")]
    Output(MappedError),
    #[error(transparent)]
    Upscale(#[from] UpscaleError),
    #[error("there are no caps yet")]
    NotNegotiated,
}

/// Values of the property `chroma`: how chroma is scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstRclutChroma")]
#[repr(i32)]
pub enum Chroma {
    #[default]
    #[enum_value(name = "Catmull-Rom, at the chroma site of the caps", nick = "bicubic")]
    Bicubic = 0,
    #[enum_value(
        name = "Straight lines, at the chroma site of the caps",
        nick = "bilinear"
    )]
    Bilinear = 1,
    #[enum_value(
        name = "The look-up tables, as if centred (bicubic where odd frames leave chroma no exact multiple)",
        nick = "lut"
    )]
    Lut = 2,
}

impl Chroma {
    /// The filter that makes chroma; nothing if the tables do. These make exact multiples only.
    fn filter(self, is_multiple: bool) -> Option<Filter> {
        match self {
            Self::Lut if is_multiple => None,
            Self::Bilinear => Some(Filter::Bilinear),
            Self::Bicubic | Self::Lut => Some(Filter::Bicubic),
        }
    }
}

/// Everything to do for one frame; made once for each negotiated pair of caps.
pub struct Plan {
    /// With what became of each component before.
    jobs: Vec<(Job, History)>,
    /// The first is the plain way for what the tables make; the others are those of [`Method::Resample`].
    resamplers: Vec<Resampler>,
    workers: Arc<Workers>,
    /// Unpacked samples of one component, before and after; empty if none needs unpacking.
    unpacked: [Vec<u16>; 2],
    /// The same of red, green and blue, for a model that mixes them.
    colours: [Vec<u16>; 3],
}

/// What differs from frame to frame.
pub struct Look<'a> {
    /// The tables; without them bicubic does their part.
    pub upscaler: Option<&'a mut Upscaler>,
    /// The left share of the frame that bicubic makes, for comparison.
    pub split: f64,
    /// Adds up what the tables did not have to make.
    pub reuse: Reuse,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    width: usize,
    height: usize,
}

#[derive(Clone, Copy, Debug)]
enum Method {
    /// The look-up tables.
    Tables,
    /// The resampler of this number.
    Resample(usize, Interpolation),
    /// White, so that equal frames have equal bytes.
    Fill,
}

/// How the resampler makes samples, and where they lie among the luma's, horizontally and vertically.
type Interpolation = (Filter, Siting, Siting);

const PLAIN: Interpolation = (Filter::Bicubic, Siting::Centred, Siting::Centred);

impl Plan {
    /// Plans the frames of `source`, to be scaled by the model's scale to those of `destination`.
    pub fn new(
        source: &VideoInfo,
        destination: &VideoInfo,
        chroma_site: VideoChromaSite,
        chroma: Chroma,
        upscaler: &Upscaler,
        band_rows: usize,
    ) -> Self {
        let format = source.format_info();
        let mut interpolations = vec![PLAIN];
        let mut jobs: Vec<Job> = Vec::new();
        for (number, component) in format::components(&format).into_iter().enumerate() {
            // Padding has the size of any component of its pixels.
            let sized_as = number.min(format.n_components() as usize - 1);
            let (from, to) = (size(source, sized_as), size(destination, sized_as));
            let is_multiple = to == from.times(upscaler.scale());
            let interpolation = match component.role {
                Role::Alpha => Some(PLAIN),
                Role::Chroma => chroma
                    .filter(is_multiple)
                    .map(|filter| interpolation(filter, &format, number, chroma_site)),
                Role::Detail | Role::Padding => None,
            };
            let method = match interpolation {
                Some(wanted) => {
                    let known = interpolations.iter().position(|known| *known == wanted);
                    let number = known.unwrap_or_else(|| {
                        interpolations.push(wanted);
                        interpolations.len() - 1
                    });
                    Method::Resample(number, wanted)
                }
                None if component.role == Role::Padding => Method::Fill,
                None => Method::Tables,
            };
            let is_first = jobs
                .iter()
                .all(|job| job.component.plane != component.plane);
            jobs.push(Job {
                method,
                component,
                source: from,
                destination: to,
                is_first,
            });
        }
        let workers = upscaler.workers();
        let resampler = |(filter, horizontal, vertical)| {
            let workers = workers.clone();
            Resampler::new(
                upscaler.scale(),
                filter,
                horizontal,
                vertical,
                workers,
                band_rows,
            )
        };
        Self {
            jobs: jobs
                .into_iter()
                .map(|job| (job, History::default()))
                .collect(),
            resamplers: interpolations.into_iter().map(resampler).collect(),
            workers: workers.clone(),
            unpacked: Default::default(),
            colours: Default::default(),
        }
    }

    /// Scales one frame.
    ///
    /// # Errors
    /// [`FrameError`] if a frame's memory is not what its caps and strides promise.
    pub fn run(
        &mut self,
        look: &mut Look,
        source: &VideoFrameRef<&gst::BufferRef>,
        destination: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<(), FrameError> {
        if let Some(upscaler) = look.upscaler.as_deref_mut()
            && upscaler.connects()
        {
            self.connect(upscaler, source)?;
        }
        let Self {
            jobs,
            resamplers,
            workers,
            unpacked: [before, after],
            ..
        } = self;
        for (number, (job, history)) in jobs.iter_mut().enumerate() {
            let (from, from_layout) = job.source(source).map_err(FrameError::Input)?;
            let (to, to_layout) = job.destination(destination).map_err(FrameError::Output)?;
            let input = |error: PlaneError| FrameError::Input(error.into());
            let output = |error: PlaneError| FrameError::Output(error.into());
            match (job.method, job.packing()) {
                (Method::Fill, _) => {
                    fill(&mut PlaneMut::with_layout(to, to_layout).map_err(output)?);
                }
                (_, None) => {
                    let from = Plane::with_layout(from, from_layout).map_err(input)?;
                    let mut to = PlaneMut::with_layout(to, to_layout).map_err(output)?;
                    job.make(look, (number, history), resamplers, &from, &mut to)?;
                }
                (_, Some(packing)) => {
                    let from = packing.read(from, from_layout, before, workers);
                    let from = from.map_err(input)?;
                    let make = |to: &mut PlaneMut<u16>| {
                        job.make(look, (number, history), resamplers, &from, to)
                    };
                    let made = packing.write(to, to_layout, after, workers, make);
                    made.map_err(output)??;
                }
            }
        }
        Ok(())
    }

    /// Has the model mix the frame's colours, components 0 to 2. Caps of other formats are not taken for such a model.
    fn connect(
        &mut self,
        upscaler: &mut Upscaler,
        source: &VideoFrameRef<&gst::BufferRef>,
    ) -> Result<(), FrameError> {
        let [(red, _), (green, _), (blue, _), ..] = &self.jobs[..] else {
            return Ok(());
        };
        let colours = [red, green, blue];
        if colours.iter().any(|job| job.component.role != Role::Detail) {
            return Ok(());
        }
        let input = |error: PlaneError| FrameError::Input(error.into());
        let [Some(reds), Some(greens), Some(blues)] = colours.map(Job::packing) else {
            let plane = |job: &Job| {
                let (from, layout) = job.source(source).map_err(FrameError::Input)?;
                Plane::with_layout(from, layout).map_err(input)
            };
            let planes = [&plane(red)?, &plane(green)?, &plane(blue)?];
            return Ok(upscaler.connect_u8(planes)?);
        };
        let [red_samples, green_samples, blue_samples] = &mut self.colours;
        let workers = &self.workers;
        let plane = |job: &Job, packing: Packing, samples| {
            let (from, layout) = job.source(source).map_err(FrameError::Input)?;
            packing.read(from, layout, samples, workers).map_err(input)
        };
        let planes = [
            &plane(red, reds, red_samples)?,
            &plane(green, greens, green_samples)?,
            &plane(blue, blues, blue_samples)?,
        ];
        Ok(upscaler.connect_u16(planes, red.component.working_depth())?)
    }
}

/// What the debug log tells of the plan: sizes and ways, component by component.
impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (number, (job, _)) in self.jobs.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            let (from, to) = (job.source, job.destination);
            write!(formatter, "{comma}component {number} {from} -> {to} by ")?;
            match job.method {
                Method::Tables => write!(formatter, "the tables")?,
                Method::Resample(_, (filter, horizontal, vertical)) => {
                    write!(formatter, "{filter:?} ({horizontal:?}, {vertical:?})")?;
                }
                Method::Fill => write!(formatter, "filling")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

impl Size {
    fn times(self, scale: usize) -> Self {
        Self {
            width: self.width * scale,
            height: self.height * scale,
        }
    }
}

impl Job {
    /// How the component's samples are packed; nothing if each is a byte.
    fn packing(&self) -> Option<Packing> {
        match self.component.storage {
            Storage::Byte => None,
            Storage::Bits(bits) => Some(Packing {
                bits,
                depth: self.component.depth,
                is_first: self.is_first,
            }),
        }
    }

    /// Makes the plane of the component of this number.
    fn make<T: Sample>(
        &self,
        look: &mut Look,
        (number, history): (usize, &mut History),
        resamplers: &mut [Resampler],
        from: &Plane<T>,
        to: &mut PlaneMut<T>,
    ) -> Result<(), UpscaleError> {
        let depth = self.component.working_depth();
        if let Method::Resample(number, _) = self.method {
            return T::resample_after(&mut resamplers[number], history, from, to, depth);
        }
        let plain = (look.split.clamp(0.0, 1.0) * to.width() as f64).round() as usize;
        match &mut look.upscaler {
            Some(upscaler) if plain < to.width() => {
                look.reuse += match upscaler.connects() {
                    true => T::colour(upscaler, history, number, to)?,
                    false => T::look_up(upscaler, history, from, to, depth)?,
                };
            }
            _ => return T::resample(&mut resamplers[0], from, to, depth),
        }
        if plain > 0 {
            let left = Area {
                left: 0,
                top: 0,
                width: plain,
                height: to.height(),
            };
            T::resample(&mut resamplers[0], from, &mut to.part(left), depth)?;
            if self.component.role == Role::Detail {
                draw_divider(to, plain, T::white(depth));
            }
        }
        Ok(())
    }

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

/// A sample that the engine scales: one byte, or two with the depth in the low bits.
trait Sample: Copy {
    fn white(depth: u32) -> Self;

    fn look_up(
        upscaler: &mut Upscaler,
        history: &mut History,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        depth: u32,
    ) -> Result<Reuse, UpscaleError>;

    /// One of the colours that the model has mixed.
    fn colour(
        upscaler: &mut Upscaler,
        history: &mut History,
        number: usize,
        to: &mut PlaneMut<Self>,
    ) -> Result<Reuse, UpscaleError>;

    fn resample(
        resampler: &mut Resampler,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        depth: u32,
    ) -> Result<(), UpscaleError>;

    fn resample_after(
        resampler: &mut Resampler,
        history: &mut History,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        depth: u32,
    ) -> Result<(), UpscaleError>;
}

impl Sample for u8 {
    fn white(_depth: u32) -> Self {
        Self::MAX
    }

    fn look_up(
        upscaler: &mut Upscaler,
        history: &mut History,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        _depth: u32,
    ) -> Result<Reuse, UpscaleError> {
        upscaler.plane_u8_after(history, from, to)
    }

    fn colour(
        upscaler: &mut Upscaler,
        history: &mut History,
        number: usize,
        to: &mut PlaneMut<Self>,
    ) -> Result<Reuse, UpscaleError> {
        upscaler.colour_u8_after(history, number, to)
    }

    fn resample(
        resampler: &mut Resampler,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        _depth: u32,
    ) -> Result<(), UpscaleError> {
        resampler.plane_u8(from, to)
    }

    fn resample_after(
        resampler: &mut Resampler,
        history: &mut History,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        _depth: u32,
    ) -> Result<(), UpscaleError> {
        resampler.plane_u8_after(history, from, to)
    }
}

impl Sample for u16 {
    fn white(depth: u32) -> Self {
        Self::MAX >> (16 - depth)
    }

    fn look_up(
        upscaler: &mut Upscaler,
        history: &mut History,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        depth: u32,
    ) -> Result<Reuse, UpscaleError> {
        upscaler.plane_u16_after(history, from, to, depth)
    }

    fn colour(
        upscaler: &mut Upscaler,
        history: &mut History,
        number: usize,
        to: &mut PlaneMut<Self>,
    ) -> Result<Reuse, UpscaleError> {
        upscaler.colour_u16_after(history, number, to)
    }

    fn resample(
        resampler: &mut Resampler,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        depth: u32,
    ) -> Result<(), UpscaleError> {
        resampler.plane_u16(from, to, depth)
    }

    fn resample_after(
        resampler: &mut Resampler,
        history: &mut History,
        from: &Plane<Self>,
        to: &mut PlaneMut<Self>,
        depth: u32,
    ) -> Result<(), UpscaleError> {
        resampler.plane_u16_after(history, from, to, depth)
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

/// A line of one pixel between the plain part and the other.
fn draw_divider<T: Copy>(plane: &mut PlaneMut<T>, column: usize, white: T) {
    let step = plane.layout().step;
    for y in 0..plane.height() {
        plane.row_mut(y)[column * step] = white;
    }
}

/// How a chroma component is resampled.
fn interpolation(
    filter: Filter,
    format: &VideoFormatInfo,
    component: usize,
    site: VideoChromaSite,
) -> Interpolation {
    let along = |subsampling: u32, cosited| match site.contains(cosited) && subsampling > 0 {
        true => Siting::Cosited,
        false => Siting::Centred,
    };
    (
        filter,
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
