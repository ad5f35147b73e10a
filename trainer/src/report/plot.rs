//! The curves of a run's history, as SVG.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::history::Scalar;

/// Points of a curve: step and value.
type Curve = Vec<(f64, f64)>;

/// Pixels of a plot.
const SIZE: (u32, u32) = (800, 400);

/// Writes `loss.svg` for the tags that speak of loss and `psnr.svg` for those of PSNR, where there are two points to
/// join; returns the names written.
pub(super) fn write_all(folder: &Path, history: &[Scalar]) -> Result<Vec<&'static str>> {
    let mut written = Vec::new();
    for (word, file, label) in [
        ("loss", "loss.svg", "loss"),
        ("psnr", "psnr.svg", "PSNR-Y, dB"),
    ] {
        let mut curves: BTreeMap<&str, Curve> = BTreeMap::new();
        for scalar in history
            .iter()
            .filter(|scalar| scalar.tag.to_lowercase().contains(word))
        {
            if scalar.value.is_finite() {
                curves
                    .entry(&scalar.tag)
                    .or_default()
                    .push((scalar.step as f64, scalar.value));
            }
        }
        if curves.values().any(|curve| curve.len() > 1) {
            let path = folder.join(file);
            draw(&path, label, &curves)
                .map_err(|error| anyhow!("plot {}: {error}", path.display()))?;
            written.push(file);
        }
    }
    Ok(written)
}

fn draw(
    path: &Path,
    label: &str,
    curves: &BTreeMap<&str, Curve>,
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || curves.values().flatten();
    let span = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        // A flat curve still needs an axis.
        if high > low {
            low..high
        } else {
            low - 0.5..high + 0.5
        }
    };
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(
            span(&mut points().map(|p| p.0)),
            span(&mut points().map(|p| p.1)),
        )?;
    chart
        .configure_mesh()
        .x_desc("step")
        .y_desc(label)
        .max_light_lines(1)
        .light_line_style(WHITE)
        .draw()?;
    for (index, (tag, curve)) in curves.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let series = chart.draw_series(LineSeries::new(curve.iter().copied(), &colour))?;
        series
            .label(*tag)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_drawn_where_there_is_something_to_join() {
        let folder = tempfile::tempdir().unwrap();
        let scalar = |tag: &str, step, value| Scalar {
            tag: tag.to_owned(),
            step,
            value,
        };
        let history = [
            scalar("loss", 1, 3.0),
            scalar("loss", 2, f64::NAN),
            scalar("loss", 3, 1.0),
            scalar("PSNR_valid/Set5", 1, 30.0),
        ];
        assert_eq!(write_all(folder.path(), &history).unwrap(), ["loss.svg"]);
        let svg = std::fs::read_to_string(folder.path().join("loss.svg")).unwrap();
        assert!(svg.contains("<polyline") && svg.contains("loss") && svg.contains("step"));
        assert!(write_all(folder.path(), &[]).unwrap().is_empty());
    }
}
