//! What a run finds out, as JSON: the machine, and every figure with what it was measured on.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// All that one run of the benchmarks measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    pub machine: Machine,
    pub speeds: Vec<Speed>,
    pub packing: Vec<Packing>,
    pub memory: Vec<Memory>,
    pub operations: Vec<Operation>,
}

/// Where a record was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub system: String,
    /// Of the time stamp counter, which counts the cycles of `operations`.
    pub counter_ghz: Option<f64>,
    pub gstreamer: String,
    pub rclut: String,
}

/// A contender in a session.
#[derive(Debug, Serialize, Deserialize)]
pub struct Speed {
    /// Size of the input and scale.
    pub session: String,
    pub contender: String,
    /// The highest instruction set that `rclut` might use.
    pub cpu: String,
    /// 0: one for each core.
    pub threads: u32,
    /// Median over rounds.
    pub frames_per_second: f64,
    /// Speed over that of `videoscale method=lanczos` with as many threads in the same round, median.
    pub ratio: f64,
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            session,
            contender,
            cpu,
            threads,
            frames_per_second,
            ratio,
        } = self;
        write!(
            f,
            "{session:<12} {cpu:<8} {threads} threads  {contender:<22} "
        )?;
        write!(
            f,
            "{frames_per_second:>8.2} frames/s  {ratio:>7.3} x lanczos"
        )
    }
}

/// How long a model takes to be made ready.
#[derive(Debug, Serialize, Deserialize)]
pub struct Packing {
    pub model: String,
    pub cpu: String,
    pub milliseconds: f64,
}

/// What a process that plays one pipeline holds at most.
#[derive(Debug, Serialize, Deserialize)]
pub struct Memory {
    pub session: String,
    pub model: String,
    pub threads: u32,
    pub resident_mib: f64,
}

/// What criterion measured of one operation (benches/kernels).
#[derive(Debug, Serialize, Deserialize)]
pub struct Operation {
    pub operation: String,
    pub cpu: String,
    /// Bits of a sample.
    pub depth: String,
    /// Cycles of the counter for each pixel of the source; median.
    pub cycles_per_pixel: f64,
}

impl Machine {
    pub fn here() -> Self {
        let system = sysinfo::System::new_all();
        let processor = system.cpus().first();
        let version = sysinfo::System::long_os_version().unwrap_or_default();
        let kernel = sysinfo::System::kernel_version().unwrap_or_default();
        Self {
            processor: processor.map_or(String::new(), |cpu| cpu.brand().to_owned()),
            cores: system.cpus().len(),
            memory_gib: system.total_memory() >> 30,
            system: format!("{version}, kernel {kernel}"),
            counter_ghz: counter_ghz(),
            gstreamer: gst::version_string().to_string(),
            rclut: commit(),
        }
    }
}

/// How fast the time stamp counter counts.
fn counter_ghz() -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    {
        use std::{arch::x86_64::_rdtsc, thread::sleep, time};
        let started = time::Instant::now();
        // SAFETY: every x86-64 processor has the instruction; it reads a counter.
        let before = unsafe { _rdtsc() };
        sleep(time::Duration::from_millis(100));
        // SAFETY: as above.
        let cycles = unsafe { _rdtsc() } - before;
        let ghz = cycles as f64 / started.elapsed().as_nanos() as f64;
        Some((ghz * 1000.0).round() / 1000.0)
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// The version, and the commit where git can tell.
fn commit() -> String {
    let arguments = ["describe", "--always", "--dirty"];
    let git = std::process::Command::new("git").args(arguments).output();
    let commit = git.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version = env!("CARGO_PKG_VERSION");
    format!("{version} {}", commit.unwrap_or_default().trim())
}

/// What criterion left in its folder of the last run of benches/kernels; nothing if there was none.
///
/// # Errors
/// If its files are not what criterion writes.
pub fn operations(folder: &Path) -> Result<Vec<Operation>> {
    let groups = folders(folder);
    let functions = groups.iter().flat_map(|group| folders(group));
    let depths: Vec<PathBuf> = functions.flat_map(|function| folders(&function)).collect();
    let newest = depths.iter().map(|depth| depth.join("new"));
    newest
        .filter(|folder| folder.is_dir())
        .map(|folder| operation(&folder))
        .collect()
}

fn operation(folder: &Path) -> Result<Operation> {
    let read = |name: &str| -> Result<serde_json::Value> {
        let path = folder.join(name);
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_slice(&text)?)
    };
    let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
    let text = |key: &str| benchmark[key].as_str().context("a name").map(str::to_owned);
    let pixels = benchmark["throughput"]["Elements"].as_f64();
    let cycles = estimates["median"]["point_estimate"].as_f64();
    Ok(Operation {
        operation: text("group_id")?,
        cpu: text("function_id")?,
        depth: text("value_str")?,
        cycles_per_pixel: cycles.context("cycles")? / pixels.context("pixels")?,
    })
}

/// The folders in a folder, by name.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}
