//! Which model, and which scales, the properties `model` and `scale` choose.

use std::sync::Arc;

use gst::glib;

use crate::engine::Model;
use crate::engine::model::ModelError;

/// The built-in family that needs least work.
const CHEAP_FAMILY: &str = "srlut";

/// Values of the property `scale`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstRclutScale")]
#[repr(i32)]
pub enum Scale {
    /// What the caps downstream ask for; 2 where they leave it open, or the model file's own.
    #[default]
    #[enum_value(
        name = "What downstream asks for; 2 where it leaves that open, or the model file's own",
        nick = "auto"
    )]
    Auto = 0,
    /// The same size: nothing is changed, unless a model file for scale 1 is set.
    #[enum_value(
        name = "The same size: passthrough, unless the model is a file for scale 1",
        nick = "1"
    )]
    One = 1,
    /// Twice the width and height.
    #[enum_value(name = "Twice the width and height", nick = "2")]
    Two = 2,
    /// Three times the width and height.
    #[enum_value(name = "Three times the width and height", nick = "3")]
    Three = 3,
    /// Four times the width and height.
    #[enum_value(name = "Four times the width and height", nick = "4")]
    Four = 4,
}

impl Scale {
    fn fixed(self) -> Option<u32> {
        (self != Self::Auto).then_some(self as u32)
    }

    /// The scales that it allows, the preferred first.
    pub fn candidates(self) -> Vec<u32> {
        self.fixed().map_or(vec![2, 3, 4, 1], |scale| vec![scale])
    }
}

/// Where the property `model` points, once it has been opened.
#[derive(Clone, Debug)]
enum Source {
    /// One built-in model for each scale.
    Family(String),
    /// A file that has been read.
    File { path: String, model: Arc<Model> },
}

/// An opened choice of model and scale.
#[derive(Clone, Debug)]
pub struct Selection {
    source: Source,
    scale: Scale,
}

/// Why the properties cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("model file {path}: {source}")]
    File { path: String, source: ModelError },
    #[error(
        "model {path} makes scale {found}, but scale={asked} is asked for: set scale={found} or scale=auto, or another model"
    )]
    Conflict {
        path: String,
        found: u32,
        asked: u32,
    },
}

impl Selection {
    /// Reads the model if it is a file. Whether it fits the scale is for [`Selection::check`] to say: the two properties
    /// change one after the other.
    ///
    /// # Errors
    /// [`SelectionError`] if the name is not known or the file is bad.
    pub fn open(model: &str, scale: Scale) -> Result<Self, SelectionError> {
        let source = if Model::is_family(model) {
            Source::Family(model.to_owned())
        } else {
            Source::open(model)?
        };
        Ok(Self { source, scale })
    }

    /// The same model at another scale.
    pub fn with_scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// That the model makes the scale.
    ///
    /// # Errors
    /// [`SelectionError`] that names both if not.
    pub fn check(&self) -> Result<(), SelectionError> {
        let Some(asked) = self.scale.fixed() else {
            return Ok(());
        };
        match &self.source {
            Source::Family(_) => self.model(asked).map(drop),
            Source::File { model, .. } if model.graph().scale == asked => Ok(()),
            Source::File { path, model } => Err(SelectionError::Conflict {
                path: path.clone(),
                found: model.graph().scale,
                asked,
            }),
        }
    }

    /// The scales that may be negotiated, the preferred first; none if the model does not make the scale asked for.
    pub fn scales(&self) -> Vec<u32> {
        let mut scales = self.scale.candidates();
        scales.retain(|scale| self.makes(*scale));
        scales
    }

    /// Whether a scale may be negotiated.
    pub fn makes(&self, scale: u32) -> bool {
        let is_asked = self.scale.fixed().is_none_or(|asked| asked == scale);
        is_asked
            && match &self.source {
                Source::Family(_) => self.model(scale).is_ok(),
                Source::File { model, .. } => model.graph().scale == scale,
            }
    }

    /// The name of a model that mixes colours, if one may be negotiated: frames must then hold red, green and blue.
    pub fn connects(&self) -> Option<String> {
        let models = self
            .scales()
            .into_iter()
            .filter_map(|scale| self.model(scale).ok()?);
        let mut mixing = models.filter(|model| model.connect().is_some());
        mixing.next().map(|model| model.info().name.clone())
    }

    /// Whether every frame passes untouched, whatever it is.
    pub fn is_passthrough(&self) -> bool {
        matches!(self.source, Source::Family(_)) && self.scale == Scale::One
    }

    /// Whether frames of a negotiated scale pass untouched.
    pub fn passes(&self, scale: u32) -> bool {
        matches!(self.source, Source::Family(_)) && scale == 1
    }

    /// The model for a negotiated scale; none if frames of that scale pass untouched.
    ///
    /// # Errors
    /// [`SelectionError::Model`] if no model makes the scale.
    pub fn model(&self, scale: u32) -> Result<Option<Arc<Model>>, SelectionError> {
        match &self.source {
            Source::Family(_) if self.passes(scale) => Ok(None),
            Source::Family(family) => Ok(Some(Model::named(family, scale)?)),
            Source::File { model, .. } => Ok(Some(model.clone())),
        }
    }
}

/// The fastest built-in model of a scale, if it is another than `model`.
pub fn cheap_model(scale: u32, model: &Arc<Model>) -> Option<Arc<Model>> {
    let cheap = Model::builtin(CHEAP_FAMILY, scale).ok()?;
    (!Arc::ptr_eq(&cheap, model)).then_some(cheap)
}

impl Source {
    fn open(path: &str) -> Result<Self, SelectionError> {
        // A bare word is more likely a mistyped family than a file.
        let is_word = !path.contains(['/', '\\', '.']);
        if is_word && !std::path::Path::new(path).exists() {
            return Err(SelectionError::Model(Model::unknown_name(path)));
        }
        let model = Model::open(path).map_err(|error| match error {
            error @ ModelError::Io { .. } => SelectionError::Model(error),
            source => SelectionError::File {
                path: path.to_owned(),
                source,
            },
        })?;
        Ok(Self::File {
            path: path.to_owned(),
            model: Arc::new(model),
        })
    }
}
