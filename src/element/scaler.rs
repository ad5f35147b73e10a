//! What makes frames, kept from one negotiation to the next: each part is made anew only when what it depends on changes.

use std::fmt;
use std::sync::Arc;

use gst_video::{VideoChromaSite, VideoFrameRef, VideoInfo};

use crate::engine::{Model, Options, Reuse, UpscaleError, Upscaler};

use super::frame::{Chroma, FrameError, Look, Plan};
use super::pace::Quality;
use super::selection::SelectionError;
use super::settings::Settings;

/// What the caps of both pads say.
pub struct Negotiated {
    pub source: VideoInfo,
    pub destination: VideoInfo,
    pub chroma_site: VideoChromaSite,
    pub scale: u32,
}

/// What the properties say.
pub struct Wish {
    pub model: Arc<Model>,
    /// What late frames are made with, if there is anything.
    pub cheap: Option<Arc<Model>>,
    pub n_threads: u32,
    pub tile_size: u32,
    pub chroma: Chroma,
}

/// Why frames cannot be made as the properties say.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error(transparent)]
    Engine(#[from] UpscaleError),
}

#[derive(Default)]
pub struct Scaler {
    negotiated: Option<Negotiated>,
    engine: Option<Engine>,
    cheap: Option<Engine>,
    plan: Option<(Chroma, Plan)>,
}

/// An upscaler and what it was made for.
struct Engine {
    model: Arc<Model>,
    n_threads: u32,
    tile_size: u32,
    upscaler: Upscaler,
}

impl Scaler {
    /// Takes new caps; what depends on the old is forgotten.
    pub fn negotiate(&mut self, negotiated: Negotiated) {
        self.plan = None;
        self.negotiated = Some(negotiated);
    }

    /// The caps of the frames that it makes.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    /// Follows the properties. A model that does not make the negotiated scale waits for the renegotiation that its property
    /// has asked for. True if frames are made in another way than before.
    ///
    /// # Errors
    /// [`PrepareError`] if there is no such model, or the engine cannot be had.
    pub fn follow(&mut self, settings: &Settings) -> Result<bool, PrepareError> {
        let selection = settings.selection.as_ref();
        let Some(negotiated) = &self.negotiated else {
            return Ok(false);
        };
        let scale = negotiated.scale;
        if !selection.is_some_and(|selection| selection.makes(scale)) {
            return Ok(false);
        }
        match settings.wish(scale)? {
            Some(wish) => Ok(self.prepare(&wish)?),
            None => {
                (self.cheap, self.plan) = (None, None);
                Ok(self.engine.take().is_some())
            }
        }
    }

    /// Makes what is missing or no longer fits. True if there is a new plan.
    fn prepare(&mut self, wish: &Wish) -> Result<bool, UpscaleError> {
        let fits = |engine: &mut Engine| engine.fits(&wish.model, wish);
        let engine = match self.engine.take_if(fits) {
            Some(engine) => engine,
            None => {
                self.plan = None;
                Engine::new(wish.model.clone(), wish)?
            }
        };
        let engine = self.engine.insert(engine);
        match &wish.cheap {
            Some(model) => {
                let kept = self.cheap.take_if(|engine| engine.fits(model, wish));
                let cheap = kept.map_or_else(|| Engine::new(model.clone(), wish), Ok)?;
                self.cheap = Some(cheap);
            }
            None => self.cheap = None,
        }
        let planned = self.plan.as_ref().map(|(chroma, _)| *chroma);
        let Some(negotiated) = self
            .negotiated
            .as_ref()
            .filter(|_| planned != Some(wish.chroma))
        else {
            return Ok(false);
        };
        let plan = Plan::new(
            &negotiated.source,
            &negotiated.destination,
            negotiated.chroma_site,
            wish.chroma,
            &engine.upscaler,
            wish.tile_size as usize,
        );
        self.plan = Some((wish.chroma, plan));
        Ok(true)
    }

    /// Whether the caps are of a scale that the settings have left since: others are being negotiated, and what would make
    /// frames for these is not there.
    pub fn is_outdated(&self) -> bool {
        self.negotiated.is_some() && self.plan.is_none()
    }

    /// Makes a frame; what of it had been made before.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run(
        &mut self,
        quality: Quality,
        split: f64,
        source: &VideoFrameRef<&gst::BufferRef>,
        destination: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<Reuse, FrameError> {
        let Some((_, plan)) = &mut self.plan else {
            return Err(FrameError::NotNegotiated);
        };
        let engine = match quality {
            Quality::Model => self.engine.as_mut(),
            Quality::Cheap => self.cheap.as_mut(),
            Quality::Bicubic => None,
        };
        let upscaler = engine.map(|engine| &mut engine.upscaler);
        let mut look = Look {
            upscaler,
            split,
            reuse: Reuse::default(),
        };
        plan.run(&mut look, source, destination)?;
        Ok(look.reuse)
    }

    /// Whether there is a cheap model.
    pub fn has_cheap(&self) -> bool {
        self.cheap.is_some()
    }

    /// The model's name and the instruction set that runs it.
    pub fn describe(&self) -> Option<(&str, &'static str)> {
        let engine = self.engine.as_ref()?;
        Some((&engine.model.info().name, engine.upscaler.cpu().name()))
    }
}

/// What the debug log tells: model, instruction set, threads and bands, and what becomes of each component.
impl fmt::Display for Scaler {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let (Some(engine), Some((_, plan)), Some(negotiated)) =
            (&self.engine, &self.plan, &self.negotiated)
        else {
            return formatter.write_str("frames pass untouched");
        };
        let (model, upscaler) = (&engine.model.info().name, &engine.upscaler);
        let source = &negotiated.source;
        let (width, height) = (source.width() as usize, source.field_height() as usize);
        let (threads, rows) = upscaler.share(width, height);
        let cpu = upscaler.cpu().name();
        write!(
            formatter,
            "model {model} on {cpu}, threads: {threads}, rows in a band: {rows}; {plan}"
        )
    }
}

impl Engine {
    fn new(model: Arc<Model>, wish: &Wish) -> Result<Self, UpscaleError> {
        let options = Options {
            threads: wish.n_threads as usize,
            band_rows: wish.tile_size as usize,
            ..Options::default()
        };
        Ok(Self {
            upscaler: Upscaler::new(&model, options)?,
            model,
            n_threads: wish.n_threads,
            tile_size: wish.tile_size,
        })
    }

    fn fits(&self, model: &Arc<Model>, wish: &Wish) -> bool {
        Arc::ptr_eq(&self.model, model)
            && (self.n_threads, self.tile_size) == (wish.n_threads, wish.tile_size)
    }
}
