//! `level`: a finished model whose flat areas keep their level and whose ramps do not fall.

use std::path::PathBuf;

use anyhow::Result;
use gstrclut::engine::model::Info;

use super::find_model;
use crate::grow::{
    files::write_whole,
    level::{Photographs, level},
    net::Net,
    patches::Sampler,
    photos::{self, Split},
    run::LEVEL_PATCHES,
};

/// Side of the patches of photographs, in low-resolution pixels, and the seed that they are drawn by.
const CROP: usize = 48;
const SEED: u64 = 1;

/// Make flat areas keep their level and ramps rise.
///
/// Moves a few entries of the last stage by whole units; grow and finetune end with it. Where an earlier stage's plane falls
/// already, some falls are left. PSNR on photographs hardly changes: measure it with `test`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer level mulut-x4.safetensors -o mulut-level-x4.safetensors"
)]
pub struct Args {
    /// Built-in model (`rclut-x2`) or .safetensors file
    #[arg(value_name = "NAME|FILE")]
    model: String,
    /// Folder of photographs, of which what they use most moves least; without it all entries move as easily
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of their low-resolution versions, NAME or NAMExSCALE; several times for a mix
    #[arg(long, value_name = "DIR", requires = "data")]
    lr: Vec<PathBuf>,
    /// Model file to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let model = find_model(&self.model, None)?;
        Net::takes(model.graph())?;
        let mut net = Net::from_model(&model);
        let last = net.branches.len() - 1;
        let photographs = self.photographs(&net, last)?;
        let levelness = level(&mut net, last, &photographs);
        let mut provenance = model.info().provenance.clone();
        provenance.insert("levelled".to_owned(), true.into());
        // That of the model as it was.
        provenance.remove("validation_psnr");
        let info = Info {
            provenance,
            ..model.info().clone()
        };
        write_whole(&self.output, &net.to_model(info)?.to_bytes())?;
        println!(
            "{}: {} entries moved; flat areas are at most {} levels off, ramps fall {} times",
            self.output.display(),
            levelness.moved,
            levelness.flat_error,
            levelness.falls
        );
        Ok(())
    }

    fn photographs(&self, net: &Net, stage: usize) -> Result<Photographs> {
        let Some(data) = &self.data else {
            return Ok(Photographs::none(net, stage));
        };
        let scale = net.graph.scale as usize;
        let files = Split::of_folder(data)?.training;
        let photos = photos::load(&files, &self.lr, scale, CROP, || ())?;
        let patches = Sampler::new(&photos, scale, CROP, SEED).batch(0, LEVEL_PATCHES);
        Ok(Photographs::of(net, stage, &patches, CROP))
    }
}
