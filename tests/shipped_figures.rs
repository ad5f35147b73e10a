//! luts/README.md and its plot say of every model under luts/ what was measured: what luts/figures.json, the record of speeds
//! that it links to and the file itself say.
//!
//! `RCLUT_BLESS=1 cargo test --test shipped_figures` writes these columns anew.

mod support;

use std::{collections::BTreeSet, fs, path::Path};

use gstrclut::engine::Model;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use support::shipped::{self, Figures, Psnr};

/// What matters here of a record (benches/pipeline).
#[derive(Deserialize)]
struct Record {
    speeds: Vec<Speed>,
}

#[derive(Deserialize)]
struct Speed {
    contender: String,
    frames_per_second: f64,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The record that the README links to.
fn record(readme: &str) -> Record {
    let folder = "benches/records/";
    let (_, link) = readme.split_once(&format!("](../{folder}")).unwrap();
    let (file, _) = link.split_once(')').unwrap();
    serde_json::from_str(&read(&root().join(folder).join(file))).unwrap()
}

/// Thousands apart.
fn grouped(number: usize) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

/// The first cells of a model's row in the table of figures; those after them are known of the run alone.
fn figures_row(name: &str, psnr: &Psnr, record: &Record) -> Vec<String> {
    let path = shipped::path(name);
    let model = Model::open(&path).unwrap();
    // A model that was levelled after its run has none.
    let held_out = model.info().provenance.get("validation_psnr");
    let held_out = held_out.map_or(String::new(), |psnr| {
        format!("{:.3}", psnr.as_f64().unwrap())
    });
    let mut speeds = record.speeds.iter();
    let speed = speeds.find(|speed| speed.contender == name);
    let speed = speed.unwrap_or_else(|| panic!("the record of speeds lacks {name}"));
    let digits = if speed.frames_per_second < 100.0 {
        1
    } else {
        0
    };
    vec![
        format!("| `{name}`"),
        format!("{:.3}", psnr.set5),
        format!("{:.3}", psnr.set14),
        format!("{:.3}", psnr.b100),
        held_out,
        format!("{:.digits$}", speed.frames_per_second),
        grouped(fs::metadata(path).unwrap().len() as usize),
    ]
}

/// Puts the first cells of a table's row in the place of those that are there.
fn replace(lines: &mut [String], row: &[String]) {
    let start = format!("{} | ", row[0]);
    let line = lines.iter_mut().find(|line| line.starts_with(&start));
    let line = line.unwrap_or_else(|| panic!("luts/README.md has no row {start}"));
    let others = line.split(" | ").skip(row.len()).map(str::to_owned);
    *line = row
        .iter()
        .cloned()
        .chain(others)
        .collect::<Vec<_>>()
        .join(" | ");
}

/// The README as it should be.
fn corrected(readme: &str, figures: &Figures) -> String {
    let record = record(readme);
    let mut lines: Vec<String> = readme.split('\n').map(str::to_owned).collect();
    for (name, measured) in &figures.models {
        replace(&mut lines, &figures_row(name, &measured.psnr, &record));
        let file = format!("| `{name}.safetensors`");
        replace(&mut lines, &[file, format!("`{}` |", measured.sha256)]);
    }
    lines.join("\n")
}

#[test]
fn figures_are_of_the_files_that_are_shipped() {
    for (name, measured) in Figures::read().models {
        let digest = Sha256::digest(fs::read(shipped::path(&name)).unwrap());
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            digits, measured.sha256,
            "luts/figures.json is of another {name}: run scripts/measure_models.py"
        );
    }
}

#[test]
fn the_readme_says_what_was_measured() {
    let path = root().join("luts/README.md");
    let figures = Figures::read();
    let corrected = corrected(&read(&path), &figures);
    if std::env::var_os("RCLUT_BLESS").is_some() {
        fs::write(&path, &corrected).unwrap();
    }
    let readme = read(&path);
    for (found, expected) in readme.lines().zip(corrected.lines()) {
        assert_eq!(found, expected);
    }
    for (scale, Psnr { set5, set14, b100 }) in &figures.bicubic {
        let words = format!("{set5:.3} / {set14:.3} / {b100:.3} at {scale}");
        assert!(readme.contains(&words), "bicubic: {words}");
    }
    let table = readme
        .lines()
        .skip_while(|line| !line.starts_with("| model | Set5 |"));
    let rows = table.take_while(|line| line.starts_with('|'));
    let names: BTreeSet<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(
        names.into_iter().eq(&shipped::names()),
        "the table lists other models than there are"
    );
}

#[test]
fn the_plot_shows_every_model() {
    let plot = read(&root().join("docs/images/quality.svg"));
    for (name, measured) in Figures::read().models {
        let label = format!("{name} {:.2}", measured.psnr.set5);
        assert!(
            plot.contains(&label),
            "docs/images/quality.svg does not show {label}"
        );
    }
}
