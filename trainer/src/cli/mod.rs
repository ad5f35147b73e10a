//! The command line: one file for each subcommand, each an `Args` with a `run`.

mod config;
#[cfg(feature = "torch")]
mod convert;
mod export;
mod finetune;
mod grow;
mod import;
mod inspect;
mod level;
mod lut;
mod prepare;
mod report;
mod terminal;
mod test;
#[cfg(feature = "torch")]
mod train;
mod training;

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use clap::{CommandFactory, Parser, Subcommand};
use gstrclut::engine::Model;
use indicatif::{ProgressBar, ProgressStyle};

/// Makes, converts and measures the look-up tables of the rclut video upscaler.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    // `config::expand` takes it out before clap parses; it stands here for `--help`.
    /// TOML file of options: a table for each subcommand, keys as the options' names; typed options win
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Prepare(prepare::Args),
    Grow(grow::Args),
    Finetune(finetune::Args),
    #[cfg(feature = "torch")]
    Train(train::Args),
    #[cfg(feature = "torch")]
    Convert(convert::Args),
    Test(test::Args),
    Report(report::Args),
    Inspect(inspect::Args),
    Level(level::Args),
    Import(import::Args),
    Export(export::Args),
}

impl Cli {
    /// Reads the process's arguments and those of the file that `--config` names. Ends the process where they ask for
    /// help or cannot be understood.
    ///
    /// # Errors
    /// If the file cannot be read or holds something that is no option.
    pub fn from_arguments() -> Result<Self> {
        let arguments = config::expand(env::args_os().collect(), &Self::command())?;
        Ok(Self::parse_from(arguments))
    }

    /// Does what the command line asks for.
    ///
    /// # Errors
    /// Whatever stopped it; messages name the file, what was found and what was expected.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Prepare(args) => args.run(),
            Command::Grow(args) => args.run(),
            Command::Finetune(args) => args.run(),
            #[cfg(feature = "torch")]
            Command::Train(args) => args.run(),
            #[cfg(feature = "torch")]
            Command::Convert(args) => args.run(),
            Command::Test(args) => args.run(),
            Command::Report(args) => args.run(),
            Command::Inspect(args) => args.run(),
            Command::Level(args) => args.run(),
            Command::Import(args) => args.run(),
            Command::Export(args) => args.run(),
        }
    }
}

/// A model by the file's path, by the name `family-xN` of one that is built in or installed, or by its family and a scale.
fn find_model(name: &str, scale: Option<u32>) -> Result<Arc<Model>> {
    let model = if Path::new(name).is_file() || name.ends_with(".safetensors") {
        let model = Model::open(name);
        Arc::new(model.with_context(|| format!("model {name}"))?)
    } else if let Some((family, digits)) = name.rsplit_once("-x") {
        Model::named(family, digits.parse().unwrap_or_default())
            .with_context(|| format!("model `{name}` is no file"))?
    } else {
        let scale = scale.with_context(|| {
            format!("model `{name}`: no file; a built-in family needs a scale, such as `{name}-x2`")
        })?;
        Model::named(name, scale).with_context(|| format!("model `{name}` is no file"))?
    };
    if let Some(scale) = scale {
        let found = model.graph().scale;
        ensure!(
            found == scale,
            "model {name}: found scale {found}, expected {scale}"
        );
    }
    Ok(model)
}

/// A bar over `length` steps that shows what is being worked on; silent where stderr is no terminal.
fn progress_bar(length: usize, doing: &'static str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg:>10} [{bar:40}] {pos}/{len} {per_sec} ETA {eta}")
            .expect("a valid template")
            .progress_chars("=> ");
    ProgressBar::new(length as u64)
        .with_style(style)
        .with_message(doing)
}
