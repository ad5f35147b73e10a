//! The report of a model: figures beside bicubic's and the papers', curves of its training, and crops to look at.
//!
//! A folder with `report.md`, `report.json`, `loss.svg` and `psnr.svg` if there is a history, and `crops/`.

mod crops;
mod papers;
mod plot;

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};
use gstrclut::engine::{Model, Upscaler, model::Info};
use serde::Serialize;

use crate::{
    evaluate::{self, Protocol, Scores},
    history::Scalar,
    sets::Set,
};
use crops::Crop;

/// What a model scored on one set.
#[derive(Clone, Debug, Serialize)]
pub struct SetScores {
    pub name: String,
    pub mean: Scores,
    pub images: Vec<ImageScores>,
    /// A place that shows the difference, if an image is large enough.
    #[serde(skip)]
    crop: Option<Crop>,
}

/// What a model scored on one image.
#[derive(Clone, Debug, Serialize)]
pub struct ImageScores {
    pub name: String,
    #[serde(flatten)]
    pub scores: Scores,
}

#[derive(Serialize)]
struct Json<'a> {
    model: &'a str,
    graph: String,
    scale: u32,
    sets: &'a [SetScores],
    history: &'a [Scalar],
}

/// Measures a model on the images of a set; `measured` is told after each.
///
/// # Errors
/// If an image cannot be read or is too small; the message names it.
pub fn measure(
    upscaler: &mut Upscaler,
    set: &Set,
    protocol: &Protocol,
    measured: impl Fn(),
) -> Result<SetScores> {
    let mut images = Vec::new();
    let mut crop: Option<Crop> = None;
    for files in &set.pairs {
        let pair = files.load(protocol)?;
        let upscaled = evaluate::upscale(upscaler, &pair.low)?;
        let scores = evaluate::score(&pair, &upscaled, protocol)?;
        let found = Crop::find(&pair, &upscaled, protocol);
        crop = crop
            .into_iter()
            .chain(found)
            .max_by(|a, b| a.gain.total_cmp(&b.gain));
        images.push(ImageScores {
            name: pair.name,
            scores,
        });
        measured();
    }
    let scores: Vec<Scores> = images.iter().map(|image| image.scores).collect();
    Ok(SetScores {
        name: set.name.clone(),
        mean: Scores::mean(&scores),
        images,
        crop,
    })
}

/// Writes the report's folder. `history` may be empty.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub fn write(folder: &Path, model: &Model, sets: &[SetScores], history: &[Scalar]) -> Result<()> {
    let at = || format!("report {}", folder.display());
    let crops = folder.join("crops");
    fs::create_dir_all(&crops).with_context(at)?;
    for set in sets {
        if let Some(crop) = &set.crop {
            crop.picture
                .save_png(crops.join(format!("{}.png", set.name)))?;
        }
    }
    let plots = plot::write_all(folder, history)?;
    let json = Json {
        model: &model.info().name,
        graph: model.graph().notation(),
        scale: model.graph().scale,
        sets,
        history,
    };
    let json = serde_json::to_string_pretty(&json)? + "\n";
    fs::write(folder.join("report.json"), json).with_context(at)?;
    fs::write(folder.join("report.md"), markdown(model, sets, &plots)).with_context(at)
}

fn markdown(model: &Model, sets: &[SetScores], plots: &[&str]) -> String {
    let (info, graph) = (model.info(), model.graph());
    let mut text = format!("# {}\n\n", info.name);
    let field = graph.receptive_field();
    let mut line = |line: String| writeln!(text, "{line}").expect("a string takes all");
    line(format!("- graph: `{}`", graph.notation()));
    line(format!("- scale: {}", graph.scale));
    line(format!("- receptive field: {field} x {field}"));
    line(format!("- file: {} bytes", model.to_bytes().len()));
    line(format!("- licence: {}", info.licence));
    if !sets.is_empty() {
        line(results(info, graph.scale, sets));
    }
    if !plots.is_empty() {
        line("\n## Training\n".to_owned());
        plots
            .iter()
            .for_each(|plot| line(format!("![{plot}]({plot})\n")));
    }
    let shown = sets
        .iter()
        .filter_map(|set| Some((&set.name, set.crop.as_ref()?)));
    for (index, (set, crop)) in shown.enumerate() {
        if index == 0 {
            line(
                "\n## Crops\n\nOriginal, bicubic, this model: where the model gains most.\n"
                    .to_owned(),
            );
        }
        line(format!(
            "{set}, `{}`:\n\n![{set}](crops/{set}.png)\n",
            crop.image
        ));
    }
    text
}

/// The table of results, with its heading and sources.
fn results(info: &Info, scale: u32, sets: &[SetScores]) -> String {
    let row = |name: &str, cell: &dyn Fn(&SetScores) -> String| {
        let cells: Vec<String> = sets.iter().map(cell).collect();
        format!("| {name} | {} |", cells.join(" | "))
    };
    let both = |psnr: f64, ssim: f64| format!("{psnr:.2} / {ssim:.4}");
    let mut lines = vec![
        "\n## Results\n\nPSNR-Y in dB / SSIM, means over each set.\n".to_owned(),
        row("", &|set| set.name.clone()),
        format!("|---|{}", "---|".repeat(sets.len())),
        row("bicubic", &|set| {
            both(set.mean.bicubic_psnr_y, set.mean.bicubic_ssim)
        }),
    ];
    let mut papers_shown = false;
    for paper in papers::at_scale(scale) {
        let figure = |set: &SetScores| paper.psnr_y(&set.name).map(|psnr| format!("{psnr:.2}"));
        if sets.iter().any(|set| figure(set).is_some()) {
            lines.push(row(paper.name, &|set| {
                figure(set).unwrap_or_else(|| "-".to_owned())
            }));
            papers_shown = true;
        }
    }
    lines.push(row(&format!("**{}**", info.name), &|set| {
        both(set.mean.psnr_y, set.mean.ssim)
    }));
    if papers_shown {
        lines.push(format!("\n{}", papers::SOURCES));
    }
    lines.join("\n")
}
