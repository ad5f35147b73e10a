//! `convert`: a trained network to a model, and what that cost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use gstrclut::engine::model::{Info, Model};
use serde_json::json;
use tch::Device;

use super::{lut::OutputArgs, progress_bar};
use crate::{
    convert::{
        self,
        compare::{Comparison, compare},
    },
    evaluate,
    network::Network,
    train::{
        checkpoint::{Checkpoint, Description},
        openmp,
        run::{BEST, LAST},
        validate::Set,
    },
};

/// The papers' interval: 16 levels between nodes.
const INTERVAL: u32 = 4;
const UNSPECIFIED: &str = "unspecified";

/// Convert a trained network to a model.
///
/// Every unit is read out on its grid and every RC module into fixed point. With --test-dir the network and the model are
/// compared on sets of images: PSNR-Y of both, and how many samples differ by how much.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer convert runs/rclut-x2/best.safetensors -o rclut-x2.safetensors --test-dir benchmark"
)]
pub struct Args {
    /// Checkpoint that `train` wrote; without it the best of --exp-dir, or that of --load-iter
    #[arg(value_name = "CHECKPOINT", required_unless_present = "exp_dir")]
    checkpoint: Option<PathBuf>,
    /// Steps of the checkpoint in --exp-dir
    #[arg(
        long,
        alias = "loadIter",
        value_name = "STEPS",
        requires = "exp_dir",
        conflicts_with = "checkpoint"
    )]
    load_iter: Option<u64>,
    #[command(flatten)]
    output: OutputArgs,
    /// Interval bits: 2^N levels between the nodes of 4-D tables
    #[arg(long, default_value_t = INTERVAL, value_parser = clap::value_parser!(u32).range(3..=6))]
    interval: u32,
    /// Folder of sets, such as Set5, to compare network and model on
    #[arg(long, alias = "testDir", value_name = "DIR")]
    test_dir: Option<PathBuf>,
    /// Write the comparison as JSON
    #[arg(long, value_name = "OUT", requires = "test_dir")]
    json: Option<PathBuf>,
    /// The model's name; the file's name if not given
    #[arg(long)]
    name: Option<String>,
    /// The model's licence
    #[arg(long, default_value = UNSPECIFIED)]
    licence: String,
    /// Processor threads, 0 for all cores
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        openmp::let_threads_sleep()?;
        let output = self.output.path();
        let stem = output.file_stem();
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or(stem);
        let name = name.context("-o: expected a file's name")?;
        let checkpoint = self.checkpoint()?;
        let network = checkpoint.network(Device::Cpu)?.in_double();
        let mut info = info(&checkpoint.description, name, self.interval);
        info.licence.clone_from(&self.licence);
        let model = convert::to_model(&network, self.interval, info)?;
        model.save(&output)?;
        println!("{}", output.display());
        let Some(folder) = &self.test_dir else {
            return Ok(());
        };
        let comparisons = self.compare(folder, &checkpoint.description, &network, &model)?;
        if let Some(path) = &self.json {
            let json = serde_json::to_string_pretty(&comparisons)? + "\n";
            fs::write(path, json).with_context(|| format!("report {}", path.display()))?;
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<Checkpoint> {
        if let Some(path) = &self.checkpoint {
            return Checkpoint::open(path);
        }
        let folder = self.output.lut.exp_dir.as_deref();
        let folder = folder.expect("clap asks for one of the two");
        let open = |name| Checkpoint::open(&folder.join(name));
        let best = open(BEST)?;
        let Some(wanted) = self.load_iter else {
            return Ok(best);
        };
        let last = open(LAST)?;
        let found = [best.description.steps, last.description.steps];
        let mut checkpoints = [last, best].into_iter();
        let checkpoint = checkpoints.find(|checkpoint| checkpoint.description.steps == wanted);
        checkpoint.with_context(|| {
            format!(
                "--load-iter {wanted}: folder {} holds checkpoints after {} steps ({BEST}) and {} ({LAST})",
                folder.display(),
                found[0],
                found[1]
            )
        })
    }

    fn compare(
        &self,
        folder: &Path,
        description: &Description,
        network: &Network,
        model: &Model,
    ) -> Result<serde_json::Map<String, serde_json::Value>> {
        let mut upscaler = evaluate::upscaler(model, self.threads)?;
        let mut comparisons = serde_json::Map::new();
        for set in Set::of_folder(folder, model.scale(), description.task)? {
            let bar = progress_bar(set.pairs().len(), "comparing");
            let comparison = compare(network, &mut upscaler, set.pairs(), || bar.inc(1))?;
            bar.finish_and_clear();
            print(&set.name, &comparison);
            comparisons.insert(set.name, serde_json::to_value(comparison)?);
        }
        Ok(comparisons)
    }
}

/// What a model says of the network that it was read out from.
fn info(description: &Description, name: String, interval: u32) -> Info {
    let provenance = json!({
        "method": "train and convert",
        "network": description.architecture.to_string(),
        "task": description.task,
        "training": description.request,
        "steps": description.steps,
        "interval": interval,
    });
    Info {
        name,
        licence: UNSPECIFIED.to_owned(),
        provenance: provenance.as_object().expect("an object").clone(),
    }
}

/// The model of a trained network at the usual interval.
pub(super) fn model_of(checkpoint: &Path, name: String) -> Result<Model> {
    let checkpoint = Checkpoint::open(checkpoint)?;
    let network = checkpoint.network(Device::Cpu)?.in_double();
    let info = info(&checkpoint.description, name, INTERVAL);
    convert::to_model(&network, INTERVAL, info)
}

fn print(name: &str, comparison: &Comparison) {
    let Comparison {
        images,
        network_psnr_y,
        table_psnr_y,
        differences,
    } = comparison;
    println!(
        "{name} ({images} images): network {network_psnr_y:.3} dB, model {table_psnr_y:.3} dB; {:.2} % of samples differ, \
         by {:.2} levels on average, at most {}",
        100.0 * differences.share(),
        differences.mean(),
        differences.largest
    );
}
