//! FSRCNNX in ONNX Runtime, by a Python of this machine that has it (benches/peers/fsrcnnx.py).

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

/// The network, waiting for frames.
pub struct Fsrcnnx {
    python: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Fsrcnnx {
    /// Starts the network; `None` if this machine has no Python with ONNX Runtime.
    pub fn new(width: u32, height: u32, scale: u32, threads: u32) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/fsrcnnx.py");
        let arguments = [width, height, scale, threads].map(|number| number.to_string());
        let mut python = Command::new("python3")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let orders = python.stdin.take()?;
        let answers = BufReader::new(python.stdout.take()?);
        let mut fsrcnnx = Self {
            python,
            orders,
            answers,
        };
        // Its version; nothing if an import failed.
        fsrcnnx.answer().ok().map(|_| fsrcnnx)
    }

    /// Runs `count` frames; how long they took.
    ///
    /// # Errors
    /// If the Python has ended.
    pub fn play(&mut self, count: u32) -> Result<Duration> {
        writeln!(self.orders, "{count}").context("FSRCNNX")?;
        let seconds: f64 = self.answer()?.parse().context("FSRCNNX")?;
        Ok(Duration::from_secs_f64(seconds))
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        let bytes = self.answers.read_line(&mut line).context("FSRCNNX")?;
        ensure!(bytes > 0, "FSRCNNX has ended");
        Ok(line.trim().to_owned())
    }
}

impl Drop for Fsrcnnx {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}
