//! How many frames a second does a whole pipeline make, beside its peers on the same frames?
//!
//!     cargo bench --bench pipeline -- --record NAME
//!
//! Every session is a process of its own: sizes, threads and instruction sets do not meet in one. In it `rclut` with each
//! model, `videoscale method=lanczos` and FSRCNNX take turns. Figures are medians over rounds, printed and written to
//! `target/bench/record.json` with a plot beside it; `--record` also keeps them in benches/records and docs/images.
//! With `--shipped` the models are those of luts/, and the plot sets PSNR against speed; where their tables have changed and
//! not what they cost, `--redraw RECORD` beside it draws that again, over the PSNR that they have now.

mod fsrcnnx;
mod memory;
mod player;
mod plot;
mod record;
mod session;
#[path = "../support/mod.rs"]
mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use gstrclut::engine::{Cpu, Options, Upscaler};
use record::{Machine, Packing, Record, Speed};
use session::Session;
use support::{models, shipped::Figures};

#[derive(Parser)]
struct Arguments {
    /// Keep the figures under this name, a word for the machine.
    #[arg(long, value_name = "NAME")]
    record: Option<String>,
    /// The models of luts/ instead of the built-in ones and those with generated tables, at the highest instruction set.
    #[arg(long)]
    shipped: bool,
    /// Measure nothing, but draw a record's plot once more, to docs/images.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "session", "memory"])]
    redraw: Option<PathBuf>,
    /// A video whose frames are scaled.
    #[arg(long, value_name = "FILE", default_value_os_t = support::frames::bundled_clip())]
    video: PathBuf,
    /// Only this session, with the instruction set that RCLUT_CPU allows; JSON on standard output.
    #[arg(long, value_name = "SESSION")]
    session: Option<Session>,
    /// Threads of `--session` and `--memory`.
    #[arg(long, default_value_t = 2)]
    threads: u32,
    /// Only the memory that the model of this name needs; MiB on standard output.
    #[arg(long, value_name = "MODEL")]
    memory: Option<String>,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gst::init()?;
    gstrclut::plugin_register_static()?;
    if let Some(session) = arguments.session {
        let models = match arguments.shipped {
            true => models::shipped,
            false => models::all,
        };
        let speeds = session::run(session, models, arguments.threads, &arguments.video)?;
        println!("{}", serde_json::to_string(&speeds)?);
    } else if let Some(model) = &arguments.memory {
        println!("{}", memory::resident_mib(model, arguments.threads)?);
    } else if let Some(path) = &arguments.redraw {
        redraw(path, arguments.shipped)?;
    } else if arguments.shipped {
        shipped(&arguments)?;
    } else {
        everything(&arguments)?;
    }
    Ok(())
}

/// The plot of frames a second.
const SPEED: &str = "speed.svg";
/// The plot of PSNR against them.
const QUALITY: &str = "quality.svg";

/// A session, the highest instruction set and the number of threads.
type Run = (Session, Cpu, u32);

/// Those that make 4K of pictures in motion.
const MOVING: [Session; 3] = [Session::X2, Session::X3, Session::X4];

/// Measures the built-in models and those with generated tables in every way.
fn everything(arguments: &Arguments) -> Result<()> {
    let record = Record {
        machine: Machine::here(),
        speeds: speeds(&every_way()?, arguments)?,
        packing: packing()?,
        memory: memory::all(arguments.threads)?,
        operations: record::operations(&target()?.join("criterion"))?,
    };
    write(&record, ["record.json", SPEED], arguments, |path| {
        plot::speed::write(path, &record)
    })
}

/// Measures the speed of every model of luts/, and draws its PSNR against that.
fn shipped(arguments: &Arguments) -> Result<()> {
    let figures = Figures::read();
    let highest = Cpu::allowed(None)?;
    let record = Record {
        machine: Machine::here(),
        speeds: speeds(&MOVING.map(|session| (session, highest, 2)), arguments)?,
        packing: Vec::new(),
        memory: Vec::new(),
        operations: Vec::new(),
    };
    write(&record, ["shipped.json", QUALITY], arguments, |path| {
        plot::quality::write(path, &record.speeds, &figures)
    })
}

/// Draws what a record says, of the models of luts/ or of the others.
fn redraw(record: &Path, is_shipped: bool) -> Result<()> {
    let text = fs::read_to_string(record);
    let text = text.with_context(|| format!("record {}", record.display()))?;
    let record: Record =
        serde_json::from_str(&text).with_context(|| format!("record {}", record.display()))?;
    match is_shipped {
        true => plot::quality::write(&images().join(QUALITY), &record.speeds, &Figures::read()),
        false => plot::speed::write(&images().join(SPEED), &record),
    }
}

/// The folder of the pictures of the documentation.
fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images")
}

/// Cargo's target folder.
fn target() -> Result<&'static Path> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.context("cargo's target folder")
}

/// Writes a record and its plot; keeps both if the record has been given a name.
fn write(
    record: &Record,
    names: [&str; 2],
    arguments: &Arguments,
    draw: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let folder = target()?.join("bench");
    fs::create_dir_all(&folder)?;
    let [json, svg] = names.map(|name| folder.join(name));
    fs::write(&json, serde_json::to_string_pretty(record)?)?;
    draw(&svg)?;
    println!("{}\n{}", json.display(), svg.display());
    if let Some(name) = &arguments.record {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::copy(&json, root.join(format!("benches/records/{name}.json")))?;
        fs::copy(&svg, images().join(names[1]))?;
    }
    Ok(())
}

/// Every session at every instruction set that this processor has, and on one thread at the highest.
fn every_way() -> Result<Vec<Run>> {
    let highest = Cpu::allowed(None)?;
    let mut runs = Vec::new();
    for session in MOVING {
        let levels = Cpu::ALL.into_iter().rev().filter(|cpu| *cpu <= highest);
        runs.extend(levels.map(|cpu| (session, cpu, 2)));
    }
    runs.push((Session::Still, highest, 2));
    runs.extend([Session::X2, Session::Small].map(|session| (session, highest, 1)));
    Ok(runs)
}

/// The speeds of some sessions, each a process of its own.
fn speeds(runs: &[Run], arguments: &Arguments) -> Result<Vec<Speed>> {
    let mut speeds = Vec::new();
    for (session, cpu, threads) in runs {
        let started = Instant::now();
        let json = child(|command| {
            command.arg("--session").arg(session.argument());
            command.arg("--threads").arg(threads.to_string());
            command.arg("--video").arg(&arguments.video);
            command.args(arguments.shipped.then_some("--shipped"));
            command.env("RCLUT_CPU", cpu.name());
        })?;
        let new: Vec<Speed> = serde_json::from_str(&json)?;
        for speed in &new {
            println!("{speed}");
        }
        println!("({:.0} s)\n", started.elapsed().as_secs_f64());
        speeds.extend(new);
    }
    Ok(speeds)
}

/// How long each model takes to be packed for each instruction set.
fn packing() -> Result<Vec<Packing>> {
    const TIMES: usize = 5;
    let mut packing = Vec::new();
    for model in [2, 3, 4].into_iter().flat_map(models::all) {
        for cpu in Cpu::ALL.into_iter().filter(|cpu| *cpu <= Cpu::detected()) {
            let options = Options {
                threads: 1,
                cpu: Some(cpu),
                ..Options::default()
            };
            let time = || -> Result<f64> {
                let started = Instant::now();
                Upscaler::new(&model, options.clone())?;
                Ok(1000.0 * started.elapsed().as_secs_f64())
            };
            let times: Vec<f64> = (0..TIMES).map(|_| time()).collect::<Result<_>>()?;
            packing.push(Packing {
                model: format!("{} x{}", model.info().name, model.scale()),
                cpu: cpu.name().to_owned(),
                milliseconds: session::median(times),
            });
        }
    }
    Ok(packing)
}

/// What a process of this program prints.
fn child(set_up: impl FnOnce(&mut Command)) -> Result<String> {
    let mut command = Command::new(env::current_exe()?);
    set_up(&mut command);
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
