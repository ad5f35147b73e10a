//! What can be wrong with a model, said so that its author can mend it.

use std::{io, path::PathBuf};

/// Why a model was refused. Every message names the place, what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file could not be read or written.
    #[error("model file {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    /// The bytes are not a safetensors container (docs/model-format.md, "Container").
    #[error("not a model file: {reason}")]
    Container { reason: String },
    /// The `rclut` entry of `__metadata__` is missing or is not the JSON that the format asks for.
    #[error("metadata `rclut`: {reason}")]
    Metadata { reason: String },
    /// A value is outside what the format allows.
    #[error("{at}: found {found}, expected {expected}")]
    Invalid {
        /// The place: a path into the graph such as `stage 1, branch 2, input`, or a tensor's name.
        at: String,
        found: String,
        expected: String,
    },
    /// The graph asks for a tensor that the file does not hold.
    #[error("tensor `{name}` is missing, expected {expected}")]
    MissingTensor { name: String, expected: String },
    /// The file holds a tensor that no branch of the graph reads.
    #[error("tensor `{name}` is not part of the graph, expected only those that its branches read")]
    UnexpectedTensor { name: String },
    /// No model has this name.
    #[error(
        "no model is called `{name}`: expected one that is built in ({builtin}) or a file of that name, .safetensors, in a \
         folder of models (looked in {folders})"
    )]
    UnknownName {
        name: String,
        builtin: String,
        folders: String,
    },
}

impl ModelError {
    pub(crate) fn invalid(
        at: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            at: at.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}
