//! What makes frames, kept from one negotiation to the next: each part is made anew only when what it depends on changes.

use std::sync::Arc;

use gst_video::{VideoChromaSite, VideoFrameRef, VideoInfo};

use crate::engine::{Model, Options, UpscaleError, Upscaler};

use super::frame::{Chroma, FrameError, Look, Plan};
use super::pace::Quality;

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

#[derive(Default)]
pub struct Scaler {
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
    /// Forgets what depends on the caps.
    pub fn renegotiate(&mut self) {
        self.plan = None;
    }

    /// Makes what is missing or no longer fits. True if there is a new plan.
    ///
    /// # Errors
    /// [`UpscaleError`] if the engine cannot be had.
    pub fn prepare(&mut self, negotiated: &Negotiated, wish: &Wish) -> Result<bool, UpscaleError> {
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
        if self
            .plan
            .as_ref()
            .is_some_and(|(chroma, _)| *chroma == wish.chroma)
        {
            return Ok(false);
        }
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

    /// Makes a frame; false if nothing has been prepared.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run(
        &mut self,
        quality: Quality,
        split: f64,
        source: &VideoFrameRef<&gst::BufferRef>,
        destination: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<bool, FrameError> {
        let Some((_, plan)) = &mut self.plan else {
            return Ok(false);
        };
        let engine = match quality {
            Quality::Model => self.engine.as_mut(),
            Quality::Cheap => self.cheap.as_mut(),
            Quality::Bicubic => None,
        };
        let upscaler = engine.map(|engine| &mut engine.upscaler);
        plan.run(&mut Look { upscaler, split }, source, destination)?;
        Ok(true)
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

    /// What the engine does with each component.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref().map(|(_, plan)| plan)
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
