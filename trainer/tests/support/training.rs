//! Short runs of `grow` and `finetune` on drawn pictures.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use gstrclut::engine::{Model, Options as EngineOptions, Plane, PlaneMut, Upscaler, model::Info};
use rclut_trainer::{
    grow::{
        adam::Rates,
        run::{Options, Start, Status, Watcher},
        schedule::Budget,
    },
    image::Image,
};
use tempfile::TempDir;

/// Pictures with edges, curves and texture at many angles.
pub fn photographs(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        let (width, height) = (120, 100);
        let phase = number as f32 * 1.7;
        let pixel = |index: usize| {
            let (y, x) = ((index / width) as f32, (index % width) as f32);
            let wave = (0.21 * x + 0.13 * y + phase).sin() + (0.05 * x * y / 10.0 + phase).cos();
            let disc = if (x - 60.0).hypot(y - 40.0) < 25.0 + phase {
                60.0
            } else {
                -30.0
            };
            (128.0 + 40.0 * wave + disc).clamp(0.0, 255.0) as u8
        };
        let plane: Vec<u8> = (0..width * height).map(pixel).collect();
        let image = Image {
            width,
            height,
            planes: vec![plane],
        };
        image
            .save_png(folder.path().join(format!("{number:02}.png")))
            .unwrap();
    }
    folder
}

/// Options of a short run that ends with a model called `tiny`.
pub fn options(start: Start, data: &Path, output: PathBuf, steps: u64) -> Options {
    Options {
        start,
        data: data.to_owned(),
        lows: Vec::new(),
        budget: Budget::Iterations(steps),
        seed: 7,
        batch: 4,
        crop: 16,
        rates: Rates::from_first(1.0),
        threads: 2,
        save_steps: 20,
        output,
        restart: false,
        info: Info {
            name: "tiny".to_owned(),
            licence: "CC0-1.0".to_owned(),
            ..Info::default()
        },
    }
}

/// Watches and does nothing.
pub struct Quiet;

impl Watcher for Quiet {}

/// What the engine makes of a plane.
pub fn upscale(model: &Model, levels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let scale = model.scale();
    let mut out = vec![0; levels.len() * scale * scale];
    let source = Plane::new(levels, width, height, width).unwrap();
    let mut target = PlaneMut::new(&mut out, width * scale, height * scale, width * scale).unwrap();
    let mut upscaler = Upscaler::new(model, EngineOptions::default()).unwrap();
    upscaler.plane_u8(&source, &mut target).unwrap();
    out
}

/// Stops a run after so many steps.
pub struct StopAfter(AtomicU64);

impl StopAfter {
    pub fn new(steps: u64) -> Self {
        Self(AtomicU64::new(steps))
    }
}

impl Watcher for StopAfter {
    fn stepped(&self, _status: &Status) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn wants_stop(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}
