//! `report`: a model's figures, curves and crops as a folder to read.

use std::path::{Path, PathBuf};

use anyhow::Result;
use gstrclut::engine::Model;

use super::{find_model, progress_bar};
use crate::{
    bicubic::Rounding,
    evaluate::{self, Protocol},
    history::{self, Recorder, Scalar},
    report::{self, SetScores},
    sets,
};

/// Write a report: PSNR-Y and SSIM on benchmark sets beside bicubic and the papers, curves of training, crops.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer report --model mine-x2.safetensors --scale 2 --hr SRBenchmark -o report"
)]
pub struct Args {
    /// Built-in family (`rclut`), built-in model (`rclut-x2`) or .safetensors file
    #[arg(long, value_name = "NAME|FILE")]
    model: String,
    /// Output pixels a side for each input pixel
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4))]
    scale: u32,
    /// A set (images, or HR and LR_bicubic/XS) or a folder of sets; may be given again
    #[arg(long, value_name = "DIR", required = true)]
    hr: Vec<PathBuf>,
    /// Folder to write the report to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// A run's history.jsonl, for the curves
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// When bicubic sums are rounded to 8 bits
    #[arg(long, value_enum, default_value_t)]
    rounding: Rounding,
    /// Do not crop full-size images to a multiple of the scale
    #[arg(long)]
    keep_size: bool,
    /// Threads, 0 for all cores
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let protocol = Protocol {
            scale: self.scale as usize,
            rounding: self.rounding,
            keep_size: self.keep_size,
        };
        let model = find_model(&self.model, Some(self.scale))?;
        let history = self
            .history
            .as_deref()
            .map(history::load)
            .transpose()?
            .unwrap_or_default();
        let scores = measure_sets(&model, &self.hr, &protocol, self.threads)?;
        report::write(&self.output, &model, &scores, &history)?;
        println!("{}", self.output.join("report.md").display());
        Ok(())
    }
}

/// Options of a training run: what it records and reports.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// Folder for the run's history, TensorBoard events and, at the end, a report [default: report/NAME beside the output]
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Set, or folder of sets, that the report measures the model on; may be given again
    #[arg(long, value_name = "DIR")]
    report_on: Vec<PathBuf>,
    /// Record and report nothing
    #[arg(long, conflicts_with_all = ["report", "report_on"])]
    no_report: bool,
}

impl ReportArgs {
    /// The recorder of a run that writes this model file, unless nothing is to be recorded.
    pub fn recorder(&self, output: &Path) -> Option<Recorder> {
        let beside = || {
            let name = output.file_stem().unwrap_or_default();
            output.with_file_name("report").join(name)
        };
        (!self.no_report).then(|| Recorder::new(self.report.clone().unwrap_or_else(beside)))
    }

    /// Writes the report on the finished model where the run was recorded.
    pub fn write(&self, model: &Model, recorder: Option<&Recorder>, threads: usize) -> Result<()> {
        let Some(recorder) = recorder else {
            return Ok(());
        };
        write(
            recorder.folder(),
            model,
            &self.report_on,
            &recorder.finish()?,
            threads,
        )
    }
}

/// Measures a model on sets as the papers do and writes the report's folder.
pub(super) fn write(
    folder: &Path,
    model: &Model,
    sets: &[PathBuf],
    history: &[Scalar],
    threads: usize,
) -> Result<()> {
    let protocol = Protocol {
        scale: model.scale(),
        rounding: Rounding::default(),
        keep_size: false,
    };
    let scores = measure_sets(model, sets, &protocol, threads)?;
    report::write(folder, model, &scores, history)?;
    println!("{}", folder.join("report.md").display());
    Ok(())
}

fn measure_sets(
    model: &Model,
    folders: &[PathBuf],
    protocol: &Protocol,
    threads: usize,
) -> Result<Vec<SetScores>> {
    let mut sets = Vec::new();
    for folder in folders {
        sets.extend(sets::find_sets(folder, protocol.scale)?);
    }
    let mut upscaler = evaluate::upscaler(model, threads)?;
    let bar = progress_bar(sets.iter().map(|set| set.pairs.len()).sum(), "measuring");
    let scores = sets
        .iter()
        .map(|set| report::measure(&mut upscaler, set, protocol, || bar.inc(1)));
    let scores = scores.collect();
    bar.finish_and_clear();
    scores
}
