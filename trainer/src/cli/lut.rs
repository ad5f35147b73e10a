//! The published options that name a model's file: `expDir` and `lutName`.

use std::path::PathBuf;

/// A model in an experiment's folder.
#[derive(Debug, clap::Args)]
pub(super) struct LutArgs {
    /// Experiment's folder, in which --lut-name is
    #[arg(long, alias = "expDir", value_name = "DIR")]
    pub exp_dir: Option<PathBuf>,
    /// Name of the model's file in the experiment's folder, without .safetensors
    #[arg(
        long,
        alias = "lutName",
        value_name = "NAME",
        default_value = "LUT_ft",
        requires = "exp_dir"
    )]
    lut_name: String,
}

/// Where to write a model.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Model file to write
    #[arg(
        short,
        long,
        value_name = "OUT.safetensors",
        required_unless_present = "exp_dir",
        conflicts_with = "exp_dir"
    )]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub lut: LutArgs,
}

impl LutArgs {
    /// The file, if the options say where.
    pub fn path(&self) -> Option<PathBuf> {
        let folder = self.exp_dir.as_ref()?;
        Some(folder.join(format!("{}.safetensors", self.lut_name)))
    }
}

impl OutputArgs {
    /// The file.
    pub fn path(&self) -> PathBuf {
        let path = self.output.clone().or_else(|| self.lut.path());
        path.expect("clap asks for one of the two")
    }
}
