//! How much memory does a process hold that plays one pipeline?

use std::fs;

use anyhow::{Context, Result, bail};
use gst::prelude::*;

use super::{child, record::Memory, session, session::Session, support::models};

const SESSION: Session = Session::X2;

/// Each model of the session in a process of its own.
///
/// # Errors
/// If a process fails.
pub fn all(threads: u32) -> Result<Vec<Memory>> {
    let (_, _, scale) = SESSION.size();
    let measure = |model: String| {
        let mib = child(|command| {
            command.args(["--memory", &model, "--threads", &threads.to_string()]);
        })?;
        let resident_mib: f64 = mib.trim().parse()?;
        println!("{:>6.1} MiB resident  {model}", resident_mib);
        Ok(Memory {
            session: SESSION.name(),
            model,
            threads,
            resident_mib,
        })
    };
    let models = models::all(scale).into_iter();
    models
        .map(|model| measure(model.info().name.clone()))
        .collect()
}

/// The most memory that this process held while it played some frames through a model.
///
/// # Errors
/// If there is no such model, the pipeline fails, or the system does not say.
pub fn resident_mib(name: &str, threads: u32) -> Result<f64> {
    let (width, height, scale) = SESSION.size();
    let folder = tempfile::tempdir()?;
    let model = models::all(scale)
        .into_iter()
        .find(|model| model.info().name == name);
    let path = session::save(&model.with_context(|| format!("no model {name}"))?, &folder)?;
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=20 pattern=snow ! video/x-raw,format=I420,width={width},height={height}
            ! rclut model={path} scale={scale} n-threads={threads} ! fakesink sync=false"
    ))?;
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    pipeline.set_state(gst::State::Playing)?;
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    let message = bus.timed_pop_filtered(gst::ClockTime::NONE, &wanted);
    let resident = high_water_mark();
    pipeline.set_state(gst::State::Null)?;
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => bail!("{}", error.error()),
        _ => resident,
    }
}

/// MiB, as Linux counts them.
fn high_water_mark() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.context("VmHWM in /proc/self/status")?;
    let kib = kib.trim().trim_end_matches(" kB").parse::<f64>();
    Ok(kib? / 1024.0)
}
