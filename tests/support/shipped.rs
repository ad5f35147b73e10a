//! The models under luts/, and what luts/figures.json says of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// What `scripts/measure_models.py` found.
#[derive(Debug, Deserialize)]
pub struct Figures {
    /// By scale, such as `x2`.
    pub bicubic: BTreeMap<String, Psnr>,
    /// By the name of the model's file, such as `rclut-x2`.
    pub models: BTreeMap<String, Measured>,
}

/// PSNR-Y in dB, the mean of each set.
#[derive(Debug, Deserialize)]
pub struct Psnr {
    #[serde(rename = "Set5")]
    pub set5: f64,
    #[serde(rename = "Set14")]
    pub set14: f64,
    #[serde(rename = "B100")]
    pub b100: f64,
}

/// A model file's figures.
#[derive(Debug, Deserialize)]
pub struct Measured {
    /// Of the file that was measured, in hexadecimal digits.
    pub sha256: String,
    #[serde(flatten)]
    pub psnr: Psnr,
}

impl Figures {
    /// # Panics
    /// If the file is not what the script writes of these models.
    pub fn read() -> Self {
        let path = folder().join("figures.json");
        let text = fs::read_to_string(&path).expect("luts/figures.json");
        let figures: Self = serde_json::from_str(&text).expect("what the script writes");
        assert!(
            figures.models.keys().eq(&names()),
            "luts/figures.json is of other models than there are: run scripts/measure_models.py"
        );
        figures
    }
}

/// Where they are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("luts")
}

/// The file of a model.
pub fn path(name: &str) -> PathBuf {
    folder().join(format!("{name}.safetensors"))
}

/// Names of the models, family and scale, in alphabetical order.
pub fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("luts").flatten();
    let names = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".safetensors").map(str::to_owned)
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert!(names.len() >= 6, "found only {names:?}");
    names
}
