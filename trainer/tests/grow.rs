//! Growing from a folder of pictures to a model that plays: what it learns, how it resumes, what it refuses.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use gstrclut::engine::{
    Model, Options as EngineOptions, Plane, PlaneMut, Upscaler,
    model::{Border, Graph, Info, Rounding},
};
use rclut_trainer::{
    grow::{
        adam::Rates,
        forward::{self, to_level},
        net::Net,
        run::{self, Options, Status, Watcher, checkpoint_path},
        schedule::Budget,
    },
    image::Image,
};
use tempfile::TempDir;

/// Pictures with edges, curves and texture at many angles.
fn photographs(count: usize) -> TempDir {
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

fn options(graph: &str, data: &Path, output: PathBuf, steps: u64) -> Options {
    Options {
        graph: Graph::parse(graph, 2).unwrap(),
        data: data.to_owned(),
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

struct Quiet;
impl Watcher for Quiet {}

fn upscale(model: &Model, levels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let scale = model.scale();
    let mut out = vec![0; levels.len() * scale * scale];
    let source = Plane::new(levels, width, height, width).unwrap();
    let mut target = PlaneMut::new(&mut out, width * scale, height * scale, width * scale).unwrap();
    let mut upscaler = Upscaler::new(model, EngineOptions::default()).unwrap();
    upscaler.plane_u8(&source, &mut target).unwrap();
    out
}

/// A settled network is the engine, bit for bit, for every kind of branch, border and rounding.
#[test]
fn a_network_in_file_numbers_plays_as_the_engine_does() {
    let (width, height) = (23, 17);
    let source: Vec<u8> = (0..width * height)
        .map(|i| (i * i * 37 + i * 11) as u8)
        .collect();
    let levels: Vec<f32> = source.iter().map(|v| f32::from(*v)).collect();
    for (number, notation) in [
        "s",
        "3 5 7 ; 3' 5 7'",
        "s 7 ; d@0 5y@0 ; y@0 3' s@1 s@2 e@0",
    ]
    .into_iter()
    .enumerate()
    {
        for scale in 1..=4 {
            let mut graph = Graph::parse(notation, scale).unwrap();
            if number % 2 == 0 {
                graph.border = Border::Reflect;
            }
            if scale == 1 {
                graph.stages.last_mut().unwrap().rounding = Rounding::Mid;
            }
            let mut net = Net::identity(graph, u64::from(scale));
            net.refine(0);
            net.fix_rc();
            for branch in net.branches.iter_mut().flatten() {
                for (index, entry) in branch.table.entries.iter_mut().enumerate() {
                    *entry = (*entry + (index * 2_654_435_761 % 31) as f32 - 15.0).round();
                    *entry = entry.clamp(-128.0, 127.0);
                }
            }
            let model = net.to_model(Info::default()).unwrap();
            let played = upscale(&model, &source, width, height);
            let side = scale as usize;
            for net in [&net, &Net::from_model(&model)] {
                let output = forward::run(net, &levels, (width, height)).output;
                for (index, played) in played.iter().enumerate() {
                    let (y, x) = (index / (width * side), index % (width * side));
                    let pixel = (y / side) * width + x / side;
                    let value = output[(pixel * side + y % side) * side + x % side];
                    assert_eq!(
                        to_level(value),
                        f32::from(*played),
                        "{notation} x{scale} ({y}, {x})"
                    );
                }
            }
        }
    }
}

#[test]
fn a_tiny_table_learns_and_keeps_flat_areas_flat() {
    let (data, out) = (photographs(4), tempfile::tempdir().unwrap());
    let output = out.path().join("tiny.safetensors");
    let short = options("s", data.path(), output.clone(), 1);
    let (_, untrained) = run::grow(&short, &Quiet).unwrap();
    let (model, trained) = run::grow(&options("s", data.path(), output, 800), &Quiet).unwrap();
    assert!(
        trained > untrained + 3.0,
        "{untrained} dB before, {trained} dB after"
    );
    for level in 0..=255 {
        let flat = upscale(&model, &[level; 64], 8, 8);
        let error = flat.iter().map(|v| v.abs_diff(level)).max().unwrap();
        assert!(error <= 4, "level {level}: off by {error}");
    }
}

/// Stops a run after so many steps.
struct StopAfter(AtomicU64);

impl Watcher for StopAfter {
    fn stepped(&self, _status: &Status) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn wants_stop(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[test]
fn a_run_stopped_in_any_phase_ends_with_the_same_file() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let whole = options(
        "s 3 ; 3' s@0",
        data.path(),
        out.path().join("whole.safetensors"),
        100,
    );
    run::grow(&whole, &Quiet).unwrap();
    let mut parts = whole.clone();
    parts.output = out.path().join("parts.safetensors");
    for steps in [5, 20, 33, 30] {
        let error = run::grow(&parts, &StopAfter(AtomicU64::new(steps))).unwrap_err();
        assert!(error.to_string().contains("goes on from"), "{error}");
        assert!(!parts.output.exists());
    }
    run::grow(&parts, &Quiet).unwrap();
    assert!(fs::read(&whole.output).unwrap() == fs::read(&parts.output).unwrap());
    assert!(!checkpoint_path(&parts.output).exists());
}

#[test]
fn a_killed_command_goes_on_and_ends_with_the_same_file() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let command = |name: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rclut-trainer"));
        command.args([
            "grow",
            "--graph",
            "s d",
            "--scale",
            "2",
            "--total-iter",
            "300",
        ]);
        command.args([
            "--crop-size",
            "16",
            "--batch-size",
            "4",
            "--save-step",
            "20",
            "--threads",
            "2",
        ]);
        command
            .args(["--name", "tiny", "--data", "."])
            .current_dir(data.path());
        command
            .arg("-o")
            .arg(out.path().join(name))
            .stderr(std::process::Stdio::null());
        command
    };
    assert!(command("whole.safetensors").status().unwrap().success());
    let checkpoint = checkpoint_path(&out.path().join("parts.safetensors"));
    let mut killed = command("parts.safetensors").spawn().unwrap();
    while !checkpoint.exists() && killed.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(command("parts.safetensors").status().unwrap().success());
    let tables = |name: &str| {
        Model::open(out.path().join(name))
            .unwrap()
            .tables()
            .to_vec()
    };
    assert!(tables("whole.safetensors") == tables("parts.safetensors"));
}

#[test]
fn another_request_does_not_go_on_from_a_checkpoint() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let mut options = options("s", data.path(), out.path().join("tiny.safetensors"), 50);
    run::grow(&options, &StopAfter(AtomicU64::new(10))).unwrap_err();
    options.seed = 8;
    let error = run::grow(&options, &Quiet).unwrap_err().to_string();
    assert!(
        error.contains("another run") && error.contains("seed 8"),
        "{error}"
    );
    options.restart = true;
    run::grow(&options, &Quiet).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let options = options("s", data.path(), out.path().join("tiny.safetensors"), 50);
    fs::write(checkpoint_path(&options.output), "short").unwrap();
    let error = run::grow(&options, &Quiet).unwrap_err().to_string();
    assert!(
        error.contains("tiny.safetensors.checkpoint is damaged"),
        "{error}"
    );
}

#[test]
fn bad_data_is_refused_by_name() {
    let out = tempfile::tempdir().unwrap();
    let refuse = |data: &Path| {
        let options = options("s", data, out.path().join("tiny.safetensors"), 10);
        format!("{:#}", run::grow(&options, &Quiet).unwrap_err())
    };
    let empty = tempfile::tempdir().unwrap();
    assert!(refuse(empty.path()).contains("found no image"));
    assert!(refuse(photographs(1).path()).contains("expected at least two"));

    let small = tempfile::tempdir().unwrap();
    for name in ["a.png", "b.png"] {
        let image = Image {
            width: 31,
            height: 40,
            planes: vec![vec![9; 31 * 40]],
        };
        image.save_png(small.path().join(name)).unwrap();
    }
    assert!(refuse(small.path()).contains("32 pixels a side"));

    let broken = photographs(2);
    fs::write(broken.path().join("00.png"), "no image").unwrap();
    assert!(refuse(broken.path()).contains("00.png"));
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let mut options = options("s", data.path(), out.path().join("tiny.safetensors"), 50);
    options.rates = Rates::from_first(f32::NAN);
    let error = run::grow(&options, &Quiet).unwrap_err().to_string();
    assert!(error.contains("the loss is NaN after"), "{error}");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let data = photographs(3);
    let options = options(
        "s",
        data.path(),
        data.path().join("nowhere/tiny.safetensors"),
        20,
    );
    let error = format!("{:#}", run::grow(&options, &Quiet).unwrap_err());
    assert!(
        error.contains("nowhere") && error.contains("cannot write"),
        "{error}"
    );
}
