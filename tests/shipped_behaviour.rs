//! What every model under luts/ does to pictures with nothing to learn from: flat areas and ramps.

use std::{fs, path::PathBuf};

use gstrclut::engine::{Model, Options, Plane, PlaneMut, Upscaler};

/// What luts/README.md says of each model: how far a flat area may be off, how far a ramp may fall between neighbours.
const LIMITS: [(&str, u8, u8); 6] = [
    ("rclut-x2", 1, 1),
    ("rclut-x3", 1, 2),
    ("rclut-x4", 1, 2),
    ("srlut-x2", 1, 1),
    ("srlut-x3", 4, 3),
    ("srlut-x4", 2, 2),
];

fn upscaler(name: &str) -> Upscaler {
    let file = format!("{name}.safetensors");
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "luts", &file].iter().collect();
    Upscaler::new(&Model::open(&path).unwrap(), Options::default()).unwrap()
}

/// The upscaled picture, by rows.
fn upscale(upscaler: &mut Upscaler, picture: &[u8], width: usize) -> Vec<Vec<u8>> {
    let (height, scale) = (picture.len() / width, upscaler.scale());
    let mut output = vec![0; picture.len() * scale * scale];
    let wide = width * scale;
    upscaler
        .plane_u8(
            &Plane::new(picture, width, height, width).unwrap(),
            &mut PlaneMut::new(&mut output, wide, height * scale, wide).unwrap(),
        )
        .unwrap();
    output.chunks_exact(wide).map(<[u8]>::to_vec).collect()
}

/// The largest distance of a flat picture's output from its level, over all levels.
fn flat_error(upscaler: &mut Upscaler) -> u8 {
    let error = |level: u8| {
        let rows = upscale(upscaler, &[level; 64], 8);
        rows.iter()
            .flatten()
            .map(|sample| sample.abs_diff(level))
            .max()
    };
    (0..=255).filter_map(error).max().unwrap()
}

/// The largest fall from a pixel to the next of a ramp that rises by a level every `run` pixels.
fn largest_fall(upscaler: &mut Upscaler, run: usize) -> u8 {
    let width = 256 * run;
    let row: Vec<u8> = (0..width).map(|x| (x / run) as u8).collect();
    let rows = upscale(upscaler, &row.repeat(8), width);
    let falls = rows
        .iter()
        .flat_map(|row| row.windows(2))
        .map(|pair| pair[0].saturating_sub(pair[1]));
    falls.max().unwrap()
}

#[test]
fn flat_areas_and_ramps_stay_within_what_the_card_says() {
    for (name, flat_limit, fall_limit) in LIMITS {
        let mut upscaler = upscaler(name);
        let flat = flat_error(&mut upscaler);
        assert!(flat <= flat_limit, "{name}: a flat area is off by {flat}");
        let falls = [1, 2, 4].map(|run| largest_fall(&mut upscaler, run));
        let kept = falls.iter().all(|fall| *fall <= fall_limit);
        assert!(
            kept,
            "{name}: ramps of 1, 2, 4 pixels a level fall by {falls:?}"
        );
    }
}

#[test]
fn every_model_has_its_limits() {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "luts"].iter().collect();
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    for name in names.filter_map(|name| name.strip_suffix(".safetensors").map(str::to_owned)) {
        let known = LIMITS.iter().any(|(known, ..)| *known == name);
        assert!(known, "{name} has no limits");
    }
}
