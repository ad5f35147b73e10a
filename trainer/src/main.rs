//! The `rclut-trainer` command; see `cli`.

use std::process::ExitCode;

use clap::Parser;
use rclut_trainer::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
