//! The `rclut-trainer` command; see `cli`.

use std::process::ExitCode;

use rclut_trainer::cli::Cli;

fn main() -> ExitCode {
    match Cli::from_arguments().and_then(Cli::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
