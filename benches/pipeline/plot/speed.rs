//! The speeds of a record, as SVG: a panel for each session, a row for each contender, a bar for each way to run it.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::record::{Record, Speed};

const WIDTH: u32 = 900;
/// Pixels of a bar.
const BAR: u32 = 12;
/// Pixels of a panel besides its bars.
const FRAME: u32 = 80;
/// The axis is logarithmic: it ends at this power of the longest bar, so that the bar's label has a quarter of the width.
const LABEL_ROOM: f64 = 1.35;

/// Writes the plot.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, record: &Record) -> Result<()> {
    draw(path, record).map_err(|error| anyhow!("plot {}: {error}", path.display()))
}

/// One panel: contenders in the order of the record, each with its speeds.
type Panel<'a> = Vec<(&'a str, Vec<&'a Speed>)>;

fn draw(path: &Path, record: &Record) -> Result<(), Box<dyn std::error::Error>> {
    let mut panels: BTreeMap<&str, Panel> = BTreeMap::new();
    for speed in record.speeds.iter().filter(|speed| speed.threads > 0) {
        let panel = panels.entry(&speed.session).or_default();
        match panel.iter_mut().find(|(name, _)| *name == speed.contender) {
            Some((_, speeds)) => speeds.push(speed),
            None => panel.push((&speed.contender, vec![speed])),
        }
    }
    let bars = |panel: &Panel| {
        panel
            .iter()
            .map(|(_, speeds)| speeds.len() as u32 + 1)
            .sum::<u32>()
    };
    let heights: Vec<u32> = panels
        .values()
        .map(|panel| FRAME + BAR * bars(panel))
        .collect();
    let root = SVGBackend::new(path, (WIDTH, heights.iter().sum())).into_drawing_area();
    root.fill(&WHITE)?;
    let mut rest = root.clone();
    for ((session, panel), height) in panels.iter().zip(heights) {
        let (area, below) = rest.split_vertically(height);
        draw_panel(&area, session, panel, bars(panel))?;
        rest = below;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(
    area: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    session: &str,
    panel: &Panel,
    bars: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let speeds = panel.iter().flat_map(|(_, speeds)| speeds);
    let fastest = speeds
        .map(|speed| speed.frames_per_second)
        .fold(1.0, f64::max);
    // From the top down.
    let mut chart = ChartBuilder::on(area)
        .caption(session, ("sans-serif", 18))
        .margin(8)
        .x_label_area_size(32)
        .y_label_area_size(170)
        .build_cartesian_2d(
            (1.0..fastest.powf(LABEL_ROOM)).log_scale(),
            f64::from(bars)..0.0,
        )?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_desc("frames a second")
        .x_label_formatter(&|value| format!("{value:.0}"))
        .light_line_style(WHITE)
        .draw()?;
    let mut row = 0.5;
    for (name, speeds) in panel {
        let middle = row + speeds.len() as f64 / 2.0;
        let (_, y) = chart.backend_coord(&(1.0, middle));
        let (_, top) = area.get_base_pixel();
        let style = ("sans-serif", 13).into_text_style(area);
        area.draw_text(name, &style, (12, y - top - 6))?;
        for speed in speeds {
            let value = speed.frames_per_second;
            let bar = [(1.0, row + 0.1), (value.max(1.0), row + 0.9)];
            chart.draw_series([Rectangle::new(
                bar,
                colour(&speed.cpu, speed.threads).filled(),
            )])?;
            let text = format!("{value:.1}  {} {}", speed.cpu, threads(speed.threads));
            let style = ("sans-serif", 11).into_font();
            chart.draw_series([Text::new(text, (value.max(1.0) * 1.02, row + 0.1), style)])?;
            row += 1.0;
        }
        row += 1.0;
    }
    Ok(())
}

fn threads(count: u32) -> String {
    match count {
        1 => "1 thread".to_owned(),
        count => format!("{count} threads"),
    }
}

fn colour(cpu: &str, threads: u32) -> RGBAColor {
    let colour = match cpu {
        "avx512" => RGBColor(0, 90, 181),
        "avx2" => RGBColor(220, 130, 20),
        _ => RGBColor(130, 130, 130),
    };
    colour.mix(if threads == 1 { 0.5 } else { 1.0 })
}
