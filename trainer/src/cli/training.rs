//! What `grow` and `finetune` share: options, what the terminal shows, and the report at the end.

use std::{path::PathBuf, sync::Mutex, time::Duration};

use anyhow::{Context, Result};
use gstrclut::engine::model::Info;
use serde_json::json;

use super::{lut::OutputArgs, report::ReportArgs, terminal::Terminal};
use crate::{
    grow::{
        adam::Rates,
        run::{self, Options, Outcome, Start, Status, Watcher},
        schedule::Budget,
    },
    history::Recorder,
};

/// Positions of the bar of a run, whose length may be a time.
const BAR_STEPS: f32 = 10_000.0;

/// Options of both.
#[derive(Debug, clap::Args)]
pub(super) struct TrainingArgs {
    /// Folder of photographs: PNG, JPEG or WebP
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of their low-resolution versions, NAME or NAMExSCALE, as `prepare` makes them; several times for a mix.
    /// Without it the photographs are shrunk by bicubic
    #[arg(long, value_name = "DIR")]
    lr: Vec<PathBuf>,
    #[command(flatten)]
    budget: BudgetArgs,
    /// Seed of the starting weights and of the patches
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Patches of a step
    #[arg(long, default_value_t = 16, alias = "batchSize", value_parser = at_least_one)]
    batch_size: usize,
    /// Side of a patch in low-resolution pixels
    #[arg(long, default_value_t = 48, alias = "cropSize", value_parser = at_least_one)]
    crop_size: usize,
    /// Steps between checkpoints, each with a validation
    #[arg(long, default_value_t = 500, alias = "saveStep", value_parser = clap::value_parser!(u64).range(1..))]
    save_step: u64,
    /// Threads, 0 for all cores
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Start anew even where there is a checkpoint
    #[arg(long)]
    restart: bool,
    /// The model's name; the file's name if not given
    #[arg(long)]
    name: Option<String>,
    /// The model's licence; that of the model to tune if not given
    #[arg(long)]
    licence: Option<String>,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct BudgetArgs {
    /// Steps to train
    #[arg(long, alias = "totalIter", value_parser = clap::value_parser!(u64).range(1..))]
    total_iter: Option<u64>,
    /// Minutes to train, reading the photographs included
    #[arg(long)]
    minutes: Option<f64>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number from 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// Trains, shows how it goes, writes the model and its report.
pub(super) fn train(start: Start, lr0: f32, args: TrainingArgs) -> Result<()> {
    let shown = Shown {
        terminal: Terminal::new(BAR_STEPS as u64, "{percent:>3} %")?,
        logged: Mutex::new(None),
        recorder: args.report.recorder(&args.output.path()),
    };
    let (options, report) = args.options(start, lr0)?;
    let outcome = run::train(&options, &shown);
    shown.terminal.bar.finish_and_clear();
    // A history that cannot be written stops the run; its error says more than the stop.
    shown
        .recorder
        .as_ref()
        .map_or(Ok(()), |recorder| recorder.finish().map(drop))?;
    let Outcome { model, psnr, given } = outcome?;
    let given = given.map_or(String::new(), |given| format!(", {given:.3} dB before"));
    println!(
        "{} in {}: {psnr:.3} dB on the photographs held out{given}",
        model.info().name,
        options.output.display()
    );
    report.write(&model, shown.recorder.as_ref(), options.threads)
}

impl TrainingArgs {
    /// A run of these arguments.
    fn options(self, start: Start, lr0: f32) -> Result<(Options, ReportArgs)> {
        let budget =
            match (self.budget.total_iter, self.budget.minutes) {
                (Some(steps), _) => Budget::Iterations(steps),
                (None, minutes) => {
                    let minutes = minutes.expect("clap asks for one of the two");
                    let time = Duration::try_from_secs_f64(minutes * 60.0).ok();
                    let time = time.filter(|time| !time.is_zero());
                    Budget::Time(time.with_context(|| {
                        format!("--minutes: found {minutes}, expected more than 0")
                    })?)
                }
            };
        let output = self.output.path();
        let stem = output
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.or(stem).context("-o: expected a file's name")?;
        let threads = match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let given = match &start {
            Start::Graph(_) => None,
            Start::Model { model, .. } => Some(model.info().licence.clone()),
        };
        let licence = self.licence.or(given);
        let mut provenance = serde_json::Map::new();
        provenance.insert("command".to_owned(), json!(command_line()));
        let options = Options {
            start,
            data: self.data,
            lows: self.lr,
            budget,
            seed: self.seed,
            batch: self.batch_size,
            crop: self.crop_size,
            rates: Rates::from_first(lr0),
            threads,
            save_steps: self.save_step,
            output,
            restart: self.restart,
            info: Info {
                name,
                licence: licence.unwrap_or_else(|| "unspecified".to_owned()),
                provenance,
            },
        };
        Ok((options, self.report))
    }
}

/// The command as it was typed.
fn command_line() -> String {
    let arguments = std::env::args().skip(1).map(|argument| {
        if argument.contains([' ', ';', '\'']) {
            format!("\"{argument}\"")
        } else {
            argument
        }
    });
    ["rclut-trainer".to_owned()]
        .into_iter()
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Shows a run on the terminal and records it.
struct Shown {
    terminal: Terminal,
    /// The last validation that was written to a log.
    logged: Mutex<Option<f64>>,
    recorder: Option<Recorder>,
}

impl Watcher for Shown {
    fn loading(&self, done: usize, total: usize) {
        self.terminal.loading(done, total);
    }

    fn stepped(&self, status: &Status) {
        if let Some(recorder) = &self.recorder {
            recorder.step(status.steps, status.loss, status.psnr);
        }
        let bar = &self.terminal.bar;
        bar.set_position((status.progress * BAR_STEPS) as u64);
        let psnr = status
            .psnr
            .map_or("-".to_owned(), |psnr| format!("{psnr:.3} dB"));
        let Status {
            steps, rate, loss, ..
        } = status;
        bar.set_message(format!(
            "step {steps} {rate:.1}/s loss {loss:.2} PSNR {psnr}"
        ));
        let mut logged = self.logged.lock().expect("nobody panics with it");
        if bar.is_hidden() && *logged != status.psnr {
            // No terminal, a log file perhaps: a line for each validation.
            eprintln!("step {steps}: {rate:.1} steps/s, loss {loss:.2}, PSNR {psnr}");
            *logged = status.psnr;
        }
    }

    fn wants_stop(&self) -> bool {
        let failed = self.recorder.as_ref().is_some_and(Recorder::has_failed);
        failed || self.terminal.wants_stop()
    }
}
