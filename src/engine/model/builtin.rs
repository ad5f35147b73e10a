//! The models that are part of the library: found by family and scale, parsed once per process.

use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::{Model, ModelError};

/// A model file inside the library.
struct Builtin {
    family: &'static str,
    scale: u32,
    file: &'static [u8],
    parsed: OnceCell<Arc<Model>>,
}

impl Builtin {
    const fn new(family: &'static str, scale: u32, file: &'static [u8]) -> Self {
        Self {
            family,
            scale,
            file,
            parsed: OnceCell::new(),
        }
    }
}

static BUILTINS: [Builtin; 4] = [
    Builtin::new(
        "rclut",
        2,
        include_bytes!("../../../luts/rclut-x2.safetensors"),
    ),
    Builtin::new(
        "rclut",
        3,
        include_bytes!("../../../luts/rclut-x3.safetensors"),
    ),
    Builtin::new(
        "rclut",
        4,
        include_bytes!("../../../luts/rclut-x4.safetensors"),
    ),
    Builtin::new(
        "srlut",
        2,
        include_bytes!("../../../luts/srlut-x2.safetensors"),
    ),
];

impl Model {
    /// Names of the built-in models, `family-xN`.
    pub fn builtin_names() -> impl Iterator<Item = String> {
        BUILTINS
            .iter()
            .map(|builtin| format!("{}-x{}", builtin.family, builtin.scale))
    }

    /// Whether a family, such as `rclut`, is built in at a scale.
    #[must_use]
    pub fn is_builtin(family: &str, scale: u32) -> bool {
        BUILTINS
            .iter()
            .any(|builtin| builtin.family == family && builtin.scale == scale)
    }

    /// The built-in model of a family and scale, parsed at its first use and shared from then on.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`] if there is none.
    pub fn builtin(family: &str, scale: u32) -> Result<Arc<Self>, ModelError> {
        let found = BUILTINS
            .iter()
            .find(|builtin| builtin.family == family && builtin.scale == scale);
        let builtin = found.ok_or_else(|| Self::unknown_name(&format!("{family}-x{scale}")))?;
        let parsed = builtin
            .parsed
            .get_or_try_init(|| Self::from_bytes(builtin.file).map(Arc::new));
        parsed.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_is_what_its_name_says() {
        for builtin in &BUILTINS {
            let model = Model::builtin(builtin.family, builtin.scale).unwrap();
            assert_eq!(model.graph().scale, builtin.scale);
            assert_eq!(
                model.info().name,
                format!("{}-x{}", builtin.family, builtin.scale)
            );
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Model::builtin("rclut", 7).unwrap_err().to_string();
        assert!(
            error.contains("`rclut-x7`") && error.contains("rclut-x2"),
            "{error}"
        );
    }
}
