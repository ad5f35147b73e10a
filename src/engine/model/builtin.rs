//! The models that are part of the library: found by family and scale, parsed once per process.

use std::{io::Read, sync::Arc};

use flate2::read::ZlibDecoder;
use once_cell::sync::OnceCell;

use super::{Model, ModelError};

/// A model file inside the library.
struct Builtin {
    family: &'static str,
    scale: u32,
    /// Packed by zlib.
    packed: &'static [u8],
    parsed: OnceCell<Arc<Model>>,
}

impl Builtin {
    const fn new(family: &'static str, scale: u32, packed: &'static [u8]) -> Self {
        Self {
            family,
            scale,
            packed,
            parsed: OnceCell::new(),
        }
    }

    fn unpack(&self) -> Result<Arc<Model>, ModelError> {
        let mut file = Vec::new();
        ZlibDecoder::new(self.packed)
            .read_to_end(&mut file)
            .expect("what build.rs has packed can be unpacked");
        Model::from_bytes(&file).map(Arc::new)
    }
}

/// A file that build.rs has packed.
macro_rules! packed {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".zlib"))
    };
}

static BUILTINS: [Builtin; 4] = [
    Builtin::new("rclut", 2, packed!("rclut-x2")),
    Builtin::new("rclut", 3, packed!("rclut-x3")),
    Builtin::new("rclut", 4, packed!("rclut-x4")),
    Builtin::new("srlut", 2, packed!("srlut-x2")),
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
        builtin.parsed.get_or_try_init(|| builtin.unpack()).cloned()
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
