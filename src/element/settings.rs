//! The element's properties: what they are, what they are set to, and what that asks of the scaler.

use gst::glib;
use gst::prelude::*;

use super::caps::MAX_SIZE;
use super::frame::Chroma;
use super::pace::Late;
use super::scaler::Wish;
use super::selection::{self, Scale, Selection, SelectionError};

pub const DEFAULT_MODEL: &str = "rclut";
const DEFAULT_SCALE: Scale = Scale::Auto;
const DEFAULT_N_THREADS: u32 = 0;
const DEFAULT_TILE_SIZE: u32 = 0;
const DEFAULT_CHROMA: Chroma = Chroma::Bicubic;
const DEFAULT_SPLIT: f64 = 0.0;
const DEFAULT_LATE: Late = Late::Drop;

#[derive(Clone, Debug)]
pub struct Settings {
    pub model: String,
    pub scale: Scale,
    pub n_threads: u32,
    pub tile_size: u32,
    pub chroma: Chroma,
    pub split: f64,
    pub late: Late,
    /// The opened model, from READY on.
    pub selection: Option<Selection>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: DEFAULT_MODEL.to_owned(),
            scale: DEFAULT_SCALE,
            n_threads: DEFAULT_N_THREADS,
            tile_size: DEFAULT_TILE_SIZE,
            chroma: DEFAULT_CHROMA,
            split: DEFAULT_SPLIT,
            late: DEFAULT_LATE,
            selection: None,
        }
    }
}

impl Settings {
    /// The scales that may be negotiated, the preferred first.
    pub fn scales(&self) -> Vec<u32> {
        match &self.selection {
            Some(selection) => selection.scales(),
            None => self.scale.candidates(),
        }
    }

    /// The name of a model that mixes colours, if frames may go through one.
    pub fn connects(&self) -> Option<String> {
        self.selection.as_ref().and_then(Selection::connects)
    }

    /// Whether every frame passes untouched.
    pub fn is_passthrough(&self) -> bool {
        let selection = self.selection.as_ref();
        selection.is_some_and(Selection::is_passthrough)
    }

    /// What is needed to make frames of a scale; nothing if they pass untouched.
    pub fn wish(&self, scale: u32) -> Result<Option<Wish>, SelectionError> {
        let model = match &self.selection {
            Some(selection) => selection.model(scale)?,
            None => None,
        };
        Ok(model.map(|model| Wish {
            cheap: match self.late {
                Late::Degrade => selection::cheap_model(scale, &model),
                Late::Drop | Late::Off => None,
            },
            model,
            n_threads: self.n_threads,
            tile_size: self.tile_size,
            chroma: self.chroma,
        }))
    }

    /// The value of a property that is set, not measured.
    pub fn property(&self, name: &str) -> glib::Value {
        match name {
            "model" => self.model.to_value(),
            "scale" => self.scale.to_value(),
            "n-threads" => self.n_threads.to_value(),
            "tile-size" => self.tile_size.to_value(),
            "chroma" => self.chroma.to_value(),
            "split" => self.split.to_value(),
            "late" => self.late.to_value(),
            name => unreachable!("no property {name}"),
        }
    }
}

/// What `gst-inspect-1.0` lists.
pub fn properties() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecString::builder("model")
            .nick("Model")
            .blurb("A family of models, built in or installed, or the path of a .safetensors file")
            .default_value(DEFAULT_MODEL)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("scale", DEFAULT_SCALE)
            .nick("Scale")
            .blurb("Output pixels a side for each input pixel")
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("n-threads")
            .nick("Threads")
            .blurb("Threads to use (0 = one for each core); never changes the output")
            .maximum(1024)
            .default_value(DEFAULT_N_THREADS)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("tile-size")
            .nick("Tile size")
            .blurb("Input rows a thread takes at a time (0 = automatic); never changes the output")
            .maximum(MAX_SIZE as u32)
            .default_value(DEFAULT_TILE_SIZE)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("chroma", DEFAULT_CHROMA)
            .nick("Chroma")
            .blurb("How chroma is scaled")
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("split")
            .nick("Split")
            .blurb("Left share of the frame that plain bicubic makes, to see both side by side")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_SPLIT)
            .controllable()
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("late", DEFAULT_LATE)
            .nick("Late frames")
            .blurb("What becomes of frames that are late by downstream's clock; sets qos")
            .mutable_playing()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("Frames, milliseconds a frame (mean and 99th percentile), share of tiles reused, model, instructions")
            .read_only()
            .build(),
    ]
}
