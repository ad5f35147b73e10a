//! Training patches a second: a step of `train` beside one of the papers' unfolded formulation, with the same weights and
//! batch in the same libtorch. They take turns, so that whatever else the machine does meets both.
//!
//! `cargo bench -p rclut-trainer --features torch [-- --record FILE]` prints medians over rounds, and writes them as JSON.

#[path = "../tests/support/unfold.rs"]
mod unfold;

use std::{fs, path::PathBuf, time::Instant};

use anyhow::Result;
use clap::Parser;
use rclut_trainer::{
    network::{Architecture, Network},
    train::{gradient::backward, openmp},
};
use serde::Serialize;
use tch::{Device, Kind, Tensor};
use unfold::Unfolded;

/// Patches of a step. The papers take 32; the graph of their formulation, which is kept whole for the way back, then takes
/// gigabytes.
const PATCHES: i64 = 8;
const CROP: i64 = 48;
const SCALE: u32 = 4;
const ROUNDS: usize = 9;

#[derive(Parser)]
struct Options {
    /// File to write the figures to
    #[arg(long)]
    record: Option<PathBuf>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Serialize)]
struct Record {
    processor: String,
    threads: usize,
    models: Vec<Model>,
}

/// Medians over rounds.
#[derive(Serialize)]
struct Model {
    model: &'static str,
    patches_per_second: f64,
    unfolded_patches_per_second: f64,
    ratio: f64,
}

fn measure(model: &'static str, threads: usize) -> Model {
    let options = (Kind::Float, Device::Cpu);
    let side = i64::from(SCALE) * CROP;
    let source = Tensor::randint(256, [PATCHES, 1, CROP, CROP], options) / 255.0;
    let target = Tensor::rand([PATCHES, 1, side, side], options);
    let architecture = Architecture::parse(model, SCALE).expect("a preset");
    let network = Network::new(architecture, Device::Cpu);
    let unfolded = Unfolded::new(&network);
    let parameters = network.parameters();
    let seconds = |step: &dyn Fn() -> f64| {
        let start = Instant::now();
        step();
        let seconds = start.elapsed().as_secs_f64();
        for (_, parameter) in &parameters {
            let _ = parameter.grad().zero_();
        }
        seconds
    };
    let ours = || backward(&network, &source, &target, threads);
    let papers = || {
        let error = (unfolded.forward(&source) - &target).square();
        let error = error.mean(Kind::Float);
        error.backward();
        error.double_value(&[])
    };
    // The first step of each is for the caches and the allocator.
    seconds(&ours);
    seconds(&papers);
    let rounds = (0..ROUNDS).map(|_| (seconds(&ours), seconds(&papers)));
    let rounds: Vec<(f64, f64)> = rounds.collect();
    let of_all = |figure: fn(&(f64, f64)) -> f64| median(rounds.iter().map(figure).collect());
    Model {
        model,
        patches_per_second: PATCHES as f64 / of_all(|(ours, _)| *ours),
        unfolded_patches_per_second: PATCHES as f64 / of_all(|(_, papers)| *papers),
        ratio: of_all(|(ours, papers)| papers / ours),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<()> {
    openmp::let_threads_sleep()?;
    let options = Options::parse();
    let system = sysinfo::System::new_all();
    let mut record = Record {
        processor: system
            .cpus()
            .first()
            .map_or("", |cpu| cpu.brand())
            .to_owned(),
        threads: usize::try_from(tch::get_num_threads())?,
        models: Vec::new(),
    };
    for name in ["srlut", "mulut", "rclut"] {
        let model = measure(name, record.threads);
        println!(
            "{name:<8} {:7.2} patches/s, unfolded {:6.2}: {:.2} times",
            model.patches_per_second, model.unfolded_patches_per_second, model.ratio
        );
        record.models.push(model);
    }
    if let Some(path) = options.record {
        fs::write(path, serde_json::to_string_pretty(&record)? + "\n")?;
    }
    Ok(())
}
