//! `train`: a folder of photographs to a network, the papers' way.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tch::Device;

use super::{convert, report, terminal::Terminal};
use crate::{
    evaluate::Scores,
    history,
    network::{Architecture, Block, RcActivation, architecture},
    train::{
        checkpoint::Checkpoint,
        openmp,
        run::{self, Options, Rates, Status, Watcher},
        task::{Task, TaskName},
    },
};

/// Train a network on photographs, for `convert` to make a model of.
///
/// Writes EXP-DIR/last.safetensors, from which the same command goes on wherever it was stopped, and
/// EXP-DIR/best.safetensors, the network with the best validation, beside them the history and TensorBoard's events, and at
/// the end EXP-DIR/report: curves, and what the network scores as tables. The same seed and threads give the same files. Option
/// names are those of the papers' code; their spelling (--batchSize) is understood too.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer train --model rclut --scale 2 --train-dir photos --total-iter 20000 --exp-dir runs/rclut-x2\n  \
    rclut-trainer convert runs/rclut-x2/best.safetensors -o rclut-x2.safetensors\n\n\
    --model is a preset (srlut, mulut, rclut, rc-srlut, rc-mulut) or a graph such as '3 5 7 ; 3\\' 5 7\\' s@0': letters are \
    patterns (s d y e h o f, or j for one whose offsets are learned), numbers RC modules; 'connect ; ' in front mixes colours."
)]
pub struct Args {
    /// Preset or graph; without it --stages and --modes
    #[arg(long, value_name = "NAME|GRAPH", conflicts_with_all = ["stages", "modes"])]
    model: Option<String>,
    /// Stages, each of all the --modes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    stages: u8,
    /// Patterns of a stage: letters of s d y e h o f j
    #[arg(long, default_value = "sdy")]
    modes: String,
    /// Mix red, green and blue before the first stage; the same as 'connect ; ' before the graph
    #[arg(long)]
    connect: bool,
    /// Output pixels a side for each input pixel
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4))]
    scale: u32,
    /// Hidden features of a layer
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    nf: u16,
    /// Kind of unit; plain for srlut, dense for the others, if not given
    #[arg(long, value_enum)]
    block: Option<Block>,
    /// What stands between the two linear layers of an RC module
    #[arg(long, value_enum, default_value = "none")]
    rc_activation: RcActivation,
    /// Row and column where RC windows begin, from the pixel: 0 in the paper's figure, -2 for 7x7 in its code
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-8..=8))]
    rc_origin: i32,
    /// What the network learns to undo
    #[arg(long, value_enum, default_value = "sr")]
    task: TaskName,
    /// Standard deviation of the noise of task dn, in levels
    #[arg(long, default_value_t = 25.0)]
    sigma: f64,
    /// JPEG quality of task db
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    qf: u8,
    /// Folder of photographs: PNG, JPEG or WebP
    #[arg(long, alias = "trainDir", value_name = "DIR")]
    train_dir: PathBuf,
    /// Folder of validation sets, such as Set5; without it every twentieth photograph is held out
    #[arg(long, alias = "valDir", value_name = "DIR")]
    val_dir: Option<PathBuf>,
    /// Folder to write to
    #[arg(long, alias = "expDir", value_name = "DIR")]
    exp_dir: PathBuf,
    /// Steps to train
    #[arg(long, alias = "totalIter", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    total_iter: u64,
    /// Patches of a step
    #[arg(long, alias = "batchSize", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    batch_size: u16,
    /// Side of a patch in low-resolution pixels
    #[arg(long, alias = "cropSize", default_value_t = 48, value_parser = clap::value_parser!(u16).range(1..))]
    crop_size: u16,
    /// First learning rate; it falls along half a cosine
    #[arg(long, default_value_t = 1e-3)]
    lr0: f64,
    /// Last learning rate; a fifth of the first if negative
    #[arg(long, default_value_t = 1e-4, allow_negative_numbers = true)]
    lr1: f64,
    /// Part of each weight that is added to its gradient
    #[arg(long, alias = "weightDecay", default_value_t = 0.0)]
    weight_decay: f64,
    /// Steps between records of the loss, in the history and where there is no terminal
    #[arg(long, alias = "displayStep", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    display_step: u64,
    /// Steps between validations
    #[arg(long, alias = "valStep", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    val_step: u64,
    /// Steps between checkpoints
    #[arg(long, alias = "saveStep", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    save_step: u64,
    /// Where to compute: cpu, cuda or cuda:1
    #[arg(long, default_value = "cpu", value_parser = parse_device)]
    device: Device,
    /// The same by number: 0 for the processor, 1 for a CUDA device where there is one
    #[arg(long, alias = "gpuNum", value_name = "0|1", value_parser = parse_gpu_num, conflicts_with = "device")]
    gpu_num: Option<Device>,
    /// Processor threads, 0 for all cores
    #[arg(long, alias = "workerNum", default_value_t = 0)]
    threads: usize,
    /// Seed of the starting weights and of the patches
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Start anew even where there is a checkpoint
    #[arg(long)]
    restart: bool,
    /// Go on after so many steps, or not at all; without it from whatever checkpoint there is
    #[arg(
        long,
        alias = "startIter",
        value_name = "STEPS",
        conflicts_with = "restart"
    )]
    start_iter: Option<u64>,
    /// Say on stderr what the options come to: network, device, folders
    #[arg(long)]
    debug: bool,
    /// Start from the weights of this checkpoint, of `train` or of `import --network`
    #[arg(long, value_name = "CHECKPOINT")]
    init: Option<PathBuf>,
}

/// `cpu`, or a CUDA device that libtorch finds.
pub(super) fn parse_device(text: &str) -> Result<Device, String> {
    let number = match text.split_once(':') {
        None if text == "cpu" => return Ok(Device::Cpu),
        None if text == "cuda" => Some(0),
        Some(("cuda", number)) => number.parse().ok(),
        _ => None,
    };
    let number = number.ok_or("expected cpu, cuda or cuda:N")?;
    let found = tch::Cuda::device_count();
    if (number as i64) < found {
        return Ok(Device::Cuda(number));
    }
    Err(format!("libtorch finds {found} CUDA devices"))
}

/// The published number of devices.
fn parse_gpu_num(text: &str) -> Result<Device, String> {
    match text {
        "0" => Ok(Device::Cpu),
        "1" => Ok(Device::cuda_if_available()),
        _ => Err("expected 0 or 1: a network trains on one device".to_owned()),
    }
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        openmp::let_threads_sleep()?;
        let (display_step, debug) = (self.display_step, self.debug);
        let options = self.options()?;
        if debug {
            let Options {
                architecture,
                device,
                threads,
                data,
                validation,
                folder,
                ..
            } = &options;
            eprintln!("network     {architecture}");
            eprintln!(
                "graph       {}",
                serde_json::to_string(&architecture.graph)?
            );
            eprintln!("device      {device:?}, {threads} threads");
            eprintln!("photographs {}", data.display());
            match validation {
                Some(folder) => eprintln!("validation  {}", folder.display()),
                None => eprintln!("validation  every twentieth photograph"),
            }
            let last = options.last_checkpoint();
            let found = if last.exists() { "found" } else { "none yet" };
            eprintln!("folder      {}, checkpoint {found}", folder.display());
        }
        let shown = Shown {
            terminal: Terminal::new(options.total, "{pos}/{len}")?,
            display_step,
        };
        let description = run::train(&options, &shown)?;
        shown.terminal.bar.finish_and_clear();
        let best = description.best.context("a run ends with a validation")?;
        println!(
            "{}: {:.3} dB after {} steps, the best of {}",
            options.best_checkpoint().display(),
            best.psnr_y,
            best.steps,
            description.steps
        );
        write_report(&options)
    }

    fn options(self) -> Result<Options> {
        for (name, value) in [("--lr0", self.lr0), ("--sigma", self.sigma)] {
            ensure!(
                value > 0.0 && value.is_finite(),
                "{name}: found {value}, expected more than 0"
            );
        }
        Ok(Options {
            architecture: self.architecture()?,
            task: match self.task {
                TaskName::Sr => Task::Sr,
                TaskName::Dn => Task::Dn { sigma: self.sigma },
                TaskName::Db => Task::Db { quality: self.qf },
            },
            data: self.train_dir,
            validation: self.val_dir,
            device: self.gpu_num.unwrap_or(self.device),
            threads: match self.threads {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                threads => threads,
            },
            seed: self.seed,
            batch: self.batch_size.into(),
            crop: self.crop_size.into(),
            total: self.total_iter,
            rates: Rates {
                lr0: self.lr0,
                lr1: self.lr1,
            },
            weight_decay: self.weight_decay,
            report_every: self.display_step,
            validate_every: self.val_step,
            save_every: self.save_step,
            folder: self.exp_dir,
            restart: self.restart,
            start: self.start_iter,
            init: self.init,
        })
    }

    fn architecture(&self) -> Result<Architecture> {
        let text = match &self.model {
            Some(model) => model.clone(),
            None => architecture::notation(&self.modes, self.stages.into())?,
        };
        let mut architecture = Architecture::parse(&text, self.scale)?;
        if self.connect {
            architecture.graph.connect.get_or_insert_default();
        }
        architecture.features = self.nf.into();
        architecture.block = self.block.unwrap_or(architecture.block);
        architecture.rc_activation = self.rc_activation;
        if let Some(init) = &self.init {
            // SR-LUT's released networks have another than ours.
            architecture.bound = Checkpoint::open(init)?.description.architecture.bound;
        }
        let stages = architecture.graph.stages.iter_mut();
        for rc in stages
            .flat_map(|stage| &mut stage.branches)
            .filter_map(|branch| branch.rc.as_mut())
        {
            rc.origin = self.rc_origin;
        }
        architecture.validate()?;
        Ok(architecture)
    }
}

/// Writes EXP-DIR/report: the run's curves, and what the best network scores as tables.
fn write_report(options: &Options) -> Result<()> {
    let name = options.folder.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let model = convert::model_of(&options.best_checkpoint(), name)?;
    let history = history::load(&options.folder.join(history::FILE_NAME))?;
    // A benchmark's small images are those of super-resolution.
    let sets = options.validation.iter().cloned();
    let sets: Vec<PathBuf> = sets.filter(|_| options.task == Task::Sr).collect();
    let folder = options.folder.join("report");
    report::write(&folder, &model, &sets, &history, options.threads)
}

/// Shows a run on the terminal.
struct Shown {
    terminal: Terminal,
    display_step: u64,
}

impl Watcher for Shown {
    fn loading(&self, done: usize, total: usize) {
        self.terminal.loading(done, total);
    }

    fn stepped(&self, status: &Status) {
        let Status {
            steps,
            patches_per_second,
            loss,
        } = status;
        // The papers' code shows the same figure.
        let psnr = -10.0 * loss.log10();
        let message = format!("{patches_per_second:.1} patches/s, loss {loss:.6} ({psnr:.2} dB)");
        let bar = &self.terminal.bar;
        if bar.is_hidden() && steps.is_multiple_of(self.display_step) {
            eprintln!("step {steps}: {message}");
        }
        bar.set_position(*steps);
        bar.set_message(message);
    }

    fn validated(&self, steps: u64, sets: &[(&str, Scores)], is_best: bool) {
        let sets = sets.iter().map(|(name, scores)| {
            let Scores {
                psnr_y,
                ssim,
                bicubic_psnr_y,
                ..
            } = scores;
            format!("{name} {psnr_y:.3} dB, SSIM {ssim:.4} (bicubic {bicubic_psnr_y:.3} dB)")
        });
        let sets = sets.collect::<Vec<_>>().join("; ");
        let best = if is_best { ", the best so far" } else { "" };
        self.terminal
            .bar
            .suspend(|| println!("step {steps}: {sets}{best}"));
    }

    fn wants_stop(&self) -> bool {
        self.terminal.wants_stop()
    }
}
