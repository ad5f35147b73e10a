//! Plays a file, a camera or anything else with an address, upscaled, with a slider in the terminal between plain bicubic
//! on the left and the tables on the right.
//!
//!     cargo run --release --example player -- examples/clip/bunny-640x360.webm
//!     cargo run --release --example player -- v4l2:///dev/video0
//!
//! Left and right move the slider, space stops and goes on, q ends. The window is GStreamer's own (`autovideosink`) and
//! the keys are the terminal's, so that no toolkit is needed.

use std::{
    io::{self, IsTerminal},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use crossterm::event::{self, Event, KeyCode, KeyModifiers};
use crossterm::terminal;
use gst::{ClockTime, glib, prelude::*};
use gst_controller::{DirectControlBinding, InterpolationControlSource, prelude::*};
use indicatif::{ProgressBar, ProgressStyle};

/// What one key press moves the slider by.
const STEP: f64 = 0.02;

/// Plays video upscaled, beside bicubic.
#[derive(Parser)]
struct Arguments {
    /// A file, or an address such as v4l2:///dev/video0 or rtsp://...
    input: String,
    /// Output pixels a side for each input pixel, 1 to 4, or what the window asks for.
    #[arg(long, default_value = "2")]
    scale: String,
    /// A family of models, or the path of a .safetensors file.
    #[arg(long, default_value = "rclut")]
    model: String,
    /// Moves the slider by itself from left to right in so many seconds.
    #[arg(long)]
    sweep: Option<f64>,
    /// Where the picture goes.
    #[arg(long, default_value = "autovideosink")]
    sink: String,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gst::init()?;
    gstrclut::plugin_register_static()?;
    let upscaler = gst::ElementFactory::make("rclut")
        .property_from_str("scale", &arguments.scale)
        .property_from_str("late", "degrade")
        .property("model", &arguments.model)
        .build()?;
    match arguments.sweep {
        Some(seconds) => sweep(&upscaler, seconds)?,
        None => upscaler.set_property("split", 0.5),
    }
    let player = gst::ElementFactory::make("playbin")
        .property("uri", address(&arguments.input)?)
        .property("video-filter", &upscaler)
        .property(
            "video-sink",
            gst::parse::bin_from_description(&arguments.sink, true)?,
        )
        .build()?;
    player.set_state(gst::State::Playing)?;
    let result = follow(&player, &upscaler);
    player.set_state(gst::State::Null)?;
    result
}

fn address(input: &str) -> Result<String> {
    if input.contains("://") {
        return Ok(input.to_owned());
    }
    let path = Path::new(input)
        .canonicalize()
        .with_context(|| input.to_owned())?;
    Ok(glib::filename_to_uri(path, None)?.into())
}

/// Has the element itself move its property, frame by frame, by the time of the stream.
fn sweep(upscaler: &gst::Element, seconds: f64) -> Result<()> {
    let slider = InterpolationControlSource::new();
    slider.set_mode(gst_controller::InterpolationMode::Linear);
    slider.set(ClockTime::ZERO, 0.0);
    slider.set(ClockTime::from_seconds_f64(seconds), 1.0);
    upscaler.add_control_binding(&DirectControlBinding::new(upscaler, "split", &slider))?;
    Ok(())
}

/// The keys of the terminal, if there is one; it is left as it was found.
struct Keys {
    are_there: bool,
}

impl Keys {
    fn new() -> Result<Self> {
        let are_there = io::stdin().is_terminal();
        if are_there {
            terminal::enable_raw_mode()?;
        }
        Ok(Self { are_there })
    }

    /// The next key that has been pressed.
    fn next(&self) -> Result<Option<KeyCode>> {
        while self.are_there && event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()?
                && key.is_press()
            {
                let is_ctrl_c =
                    key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
                return Ok(Some(if is_ctrl_c { KeyCode::Esc } else { key.code }));
            }
        }
        Ok(None)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.are_there {
            // Nobody is left to tell.
            let _ = terminal::disable_raw_mode();
        }
    }
}

/// Follows the keys and shows the slider until the end.
fn follow(player: &gst::Element, upscaler: &gst::Element) -> Result<()> {
    let style = ProgressStyle::with_template("bicubic {bar:50} rclut  {msg}")?;
    let slider = ProgressBar::new(100).with_style(style.progress_chars("=|-"));
    let keys = Keys::new()?;
    let bus = player.bus().context("a player has a bus")?;
    loop {
        while let Some(key) = keys.next()? {
            match key {
                KeyCode::Left => slide(upscaler, -STEP),
                KeyCode::Right => slide(upscaler, STEP),
                KeyCode::Char(' ') => toggle(player)?,
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                _ => {}
            }
        }
        let split: f64 = upscaler.property("split");
        slider.set_position((split * 100.0).round() as u64);
        let Some(message) = bus.timed_pop(ClockTime::from_mseconds(40)) else {
            continue;
        };
        match message.view() {
            gst::MessageView::Eos(_) => return Ok(()),
            gst::MessageView::Error(error) => {
                bail!("{}: {}", error.error(), error.debug().unwrap_or_default())
            }
            gst::MessageView::Element(element) => {
                // A machine that is too slow gets frames that are quicker to make.
                let news = element.structure();
                if let Some(news) = news.filter(|news| news.name() == "rclut-quality") {
                    slider.set_message(format!("by {}", news.get::<&str>("quality")?));
                }
            }
            _ => {}
        }
    }
}

fn slide(upscaler: &gst::Element, step: f64) {
    let split: f64 = upscaler.property("split");
    upscaler.set_property("split", (split + step).clamp(0.0, 1.0));
}

fn toggle(player: &gst::Element) -> Result<()> {
    let next = match player.current_state() {
        gst::State::Playing => gst::State::Paused,
        _ => gst::State::Playing,
    };
    player.set_state(next)?;
    Ok(())
}
