//! How libtorch's threads wait for each other.

use std::{env, process::Command};

use anyhow::{Context, Result};

const WAIT_POLICY: &str = "OMP_WAIT_POLICY";

/// Lets threads that wait sleep. By default they spin, which next to any other load made training 27 times slower. Only
/// the environment can say so, before libtorch is loaded: the process starts itself anew, once, under the same number.
///
/// # Errors
/// If the process cannot be started.
pub fn let_threads_sleep() -> Result<()> {
    if env::var_os(WAIT_POLICY).is_some() {
        return Ok(());
    }
    let program = env::current_exe().context("this program's file")?;
    let mut command = Command::new(program);
    command
        .args(env::args_os().skip(1))
        .env(WAIT_POLICY, "passive");
    start(command)
}

#[cfg(unix)]
fn start(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    // Returns only if it failed.
    Err(command.exec()).context("starting this program with another environment")
}

#[cfg(not(unix))]
fn start(mut command: Command) -> Result<()> {
    let status = command
        .status()
        .context("starting this program with another environment")?;
    std::process::exit(status.code().unwrap_or(1))
}
