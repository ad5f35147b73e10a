//! What the pictures of models cost, as SVG: PSNR-Y on Set5 against frames a second, a panel for each scale.

use std::{error::Error, ops::Range, path::Path};

use anyhow::{Context, Result, anyhow};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{record::Speed, session::YARDSTICK, support::shipped::Figures};

const WIDTH: u32 = 900;
/// Pixels of a panel.
const HEIGHT: u32 = 240;
/// The axes go beyond the points: speeds by a factor below and one above, where names stand; PSNR by this many dB.
const SPEED_ROOM: (f64, f64) = (1.2, 1.8);
const PSNR_ROOM: f64 = 0.25;
/// A name is up to so many times as long, in speed, and so high, in dB, that it meets another point.
const NAME_SIZE: (f64, f64) = (1.8, 0.15);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The models of a scale.
struct Panel<'a> {
    title: String,
    points: Vec<Point<'a>>,
    /// Frames a second of the peer.
    yardstick: f64,
}

struct Point<'a> {
    name: &'a str,
    frames_per_second: f64,
    decibels: f64,
}

impl Point<'_> {
    /// Whether its name, on its right, would run into another point.
    fn reaches(&self, other: &Self) -> bool {
        let ratio = other.frames_per_second / self.frames_per_second;
        let apart = (other.decibels - self.decibels).abs();
        ratio > 1.0 && ratio < NAME_SIZE.0 && apart < NAME_SIZE.1
    }
}

/// Writes the plot of some sessions, whose contenders are the models of the figures.
///
/// # Errors
/// If the figures lack a session's scale or the file cannot be written.
pub fn write(path: &Path, speeds: &[Speed], figures: &Figures) -> Result<()> {
    let sessions = speeds.chunk_by(|one, next| one.session == next.session);
    let panels = sessions.map(|speeds| panel(speeds, figures));
    let panels: Vec<Panel> = panels.collect::<Result<_>>()?;
    draw(path, &panels).map_err(|error| anyhow!("plot {}: {error}", path.display()))
}

fn panel<'a>(speeds: &'a [Speed], figures: &Figures) -> Result<Panel<'a>> {
    let yardstick = speeds.iter().find(|speed| speed.contender == YARDSTICK);
    let yardstick = yardstick.context("the yardstick plays")?;
    let session = &yardstick.session;
    let scale = session.split(' ').next_back().unwrap_or_default();
    let bicubic = figures.bicubic.get(scale);
    let bicubic = bicubic.with_context(|| format!("bicubic's PSNR for {session}"))?;
    let points = speeds.iter().filter_map(|speed| {
        let measured = figures.models.get(&speed.contender)?;
        Some(Point {
            name: &speed.contender,
            frames_per_second: speed.frames_per_second,
            decibels: measured.psnr.set5,
        })
    });
    Ok(Panel {
        title: format!(
            "{session}, {}, {} threads; bicubic: {:.2} dB",
            yardstick.cpu, yardstick.threads, bicubic.set5
        ),
        points: points.collect(),
        yardstick: yardstick.frames_per_second,
    })
}

/// The least and the greatest of some values.
fn span(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    (least, values.fold(f64::NEG_INFINITY, f64::max))
}

/// All panels have the same speeds, and as many pixels for a dB.
fn draw(path: &Path, panels: &[Panel]) -> Result<(), Box<dyn Error>> {
    let speeds = panels.iter().flat_map(|panel| {
        let points = panel.points.iter().map(|point| point.frames_per_second);
        points.chain([panel.yardstick])
    });
    let (slowest, fastest) = span(speeds);
    let decibels = panels.iter().map(|panel| {
        let points = panel.points.iter();
        span(points.map(|point| point.decibels))
    });
    let heights = decibels.clone().map(|(least, most)| most - least);
    let half = heights.fold(0.0, f64::max) / 2.0 + PSNR_ROOM;
    let root = SVGBackend::new(path, (WIDTH, HEIGHT * panels.len() as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let areas = root.split_evenly((panels.len(), 1));
    for ((panel, (least, most)), area) in panels.iter().zip(decibels).zip(&areas) {
        let middle = (least + most) / 2.0;
        let decibels = middle - half..middle + half;
        let speeds = slowest / SPEED_ROOM.0..fastest * SPEED_ROOM.1;
        draw_panel(area, panel, speeds, decibels)?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(
    area: &Area,
    panel: &Panel,
    speeds: Range<f64>,
    decibels: Range<f64>,
) -> Result<(), Box<dyn Error>> {
    let (bottom, top) = (decibels.start, decibels.end);
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(speeds.log_scale(), decibels)?;
    chart
        .configure_mesh()
        .x_desc("frames a second")
        .y_desc("PSNR-Y on Set5, dB")
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value:.1}"))
        .light_line_style(WHITE)
        .draw()?;
    // Text that starts right of a dot, or ends left of it.
    let text = |text: &str, (side, offset): (HPos, i32)| {
        let style = ("sans-serif", 12).into_text_style(area);
        let style = style.pos(Pos::new(side, VPos::Center));
        Text::new(text.to_owned(), (offset, 0), style)
    };
    let (right, left) = ((HPos::Left, 8), (HPos::Right, -8));
    for point in &panel.points {
        let at = (point.frames_per_second, point.decibels);
        let dot = Circle::new((0, 0), 4, RGBColor(0, 90, 181).filled());
        let name = format!("{} {:.2}", point.name, point.decibels);
        let crowded = panel.points.iter().any(|other| point.reaches(other));
        let side = if crowded { left } else { right };
        chart.draw_series([EmptyElement::at(at) + dot + text(&name, side)])?;
    }
    let line = [bottom, top].map(|decibels| (panel.yardstick, decibels));
    chart.draw_series(DashedLineSeries::new(line, 3, 3, BLACK.mix(0.5).into()))?;
    let foot = (panel.yardstick, bottom + PSNR_ROOM / 2.0);
    chart.draw_series([EmptyElement::at(foot) + text(YARDSTICK, right)])?;
    Ok(())
}
