//! `finetune`: a model's tables trained further, in the arithmetic that plays them.

use anyhow::Result;

use super::{
    find_model,
    training::{TrainingArgs, train},
};
use crate::grow::run::Start;

/// Train a model's tables further on photographs.
///
/// Runs the numbers of the file from the first step on: entries rounded to 8 bits, RC modules in fixed point. The model
/// written is the best on the photographs held out, that which was given included, so it is never worse there. Stop it at
/// any moment: the same command goes on from the last checkpoint, OUT.safetensors.checkpoint.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer finetune mulut-x4.safetensors --data photos --total-iter 2000 -o mulut-ft-x4.safetensors"
)]
pub struct Args {
    /// Built-in model (`rclut-x2`) or .safetensors file
    #[arg(value_name = "NAME|FILE")]
    model: String,
    /// First learning rate, in levels; it falls along half a cosine
    #[arg(long, default_value_t = 0.1)]
    lr0: f32,
    /// Let RC modules that are straight lines bend: a better fit, slower to play
    #[arg(long)]
    bend: bool,
    #[command(flatten)]
    training: TrainingArgs,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let model = find_model(&self.model, None)?;
        let start = Start::Model {
            model,
            bend: self.bend,
        };
        train(start, self.lr0, self.training)
    }
}
