//! Growing from a folder of pictures to a model that plays: what it learns, how it resumes, what it refuses.

#[path = "support/training.rs"]
mod training;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Output, Stdio},
    thread,
    time::Duration,
};

use gstrclut::engine::{
    Model,
    model::{Border, Graph, Info, Rounding},
};
use rclut_trainer::{
    grow::{
        adam::Rates,
        forward::{self, to_level},
        net::Net,
        run::{self, Options, Outcome, Start, checkpoint_path},
    },
    image::Image,
};
use training::{Quiet, StopAfter, options, photographs, upscale};

/// Options of a run that grows a graph.
fn grow(graph: &str, data: &Path, output: PathBuf, steps: u64) -> Options {
    options(
        Start::Graph(Graph::parse(graph, 2).unwrap()),
        data,
        output,
        steps,
    )
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
            let mut net = net.in_file_numbers();
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

/// The format takes any thresholds, not only those of a tanh.
#[test]
fn modules_of_any_thresholds_play_as_the_engine_does() {
    let (width, height) = (23, 17);
    let source: Vec<u8> = (0..width * height)
        .map(|i| (i * i * 37 + i * 11) as u8)
        .collect();
    let levels: Vec<f32> = source.iter().map(|v| f32::from(*v)).collect();
    let mut net = Net::identity(Graph::parse("3 5 ; 3' s@0", 1).unwrap(), 1);
    net.refine(0);
    let usual = net.in_file_numbers().to_model(Info::default()).unwrap();
    let mut tables = usual.tables().to_vec();
    let modules = tables.iter_mut().flatten();
    for rc in modules.filter_map(|branch| branch.rc.as_mut()) {
        for (index, threshold) in (0..).zip(&mut rc.thresholds) {
            *threshold = *threshold / 3 + 40 * index - 1_000;
        }
    }
    let model = Model::new(Info::default(), usual.graph().clone(), tables).unwrap();
    let played = upscale(&model, &source, width, height);
    assert_ne!(played, upscale(&usual, &source, width, height));
    let output = forward::run(&Net::from_model(&model), &levels, (width, height)).output;
    let output: Vec<f32> = output.into_iter().map(to_level).collect();
    let played: Vec<f32> = played.into_iter().map(f32::from).collect();
    assert_eq!(output, played);
}

#[test]
fn a_tiny_table_learns_and_keeps_flat_areas_flat() {
    let (data, out) = (photographs(4), tempfile::tempdir().unwrap());
    let output = out.path().join("tiny.safetensors");
    let short = grow("s", data.path(), output.clone(), 1);
    let untrained = run::train(&short, &Quiet).unwrap().psnr;
    let options = grow("s", data.path(), output, 800);
    let Outcome {
        model,
        psnr: trained,
        ..
    } = run::train(&options, &Quiet).unwrap();
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

#[test]
fn a_run_stopped_in_any_phase_ends_with_the_same_file() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let whole = grow(
        "s 3 ; 3' s@0",
        data.path(),
        out.path().join("whole.safetensors"),
        100,
    );
    run::train(&whole, &Quiet).unwrap();
    let mut parts = whole.clone();
    parts.output = out.path().join("parts.safetensors");
    for steps in [5, 20, 33, 30] {
        let error = run::train(&parts, &StopAfter::new(steps)).unwrap_err();
        assert!(error.to_string().contains("goes on from"), "{error}");
        assert!(!parts.output.exists());
    }
    run::train(&parts, &Quiet).unwrap();
    assert!(fs::read(&whole.output).unwrap() == fs::read(&parts.output).unwrap());
    assert!(!checkpoint_path(&parts.output).exists());
}

/// `grow` as a user types it, run in the folder of the photographs, killed once it has a checkpoint.
struct Command<'a> {
    data: &'a Path,
    output: PathBuf,
}

impl Command<'_> {
    /// The command behind a prefix of words.
    fn behind(&self, words: &[&str]) -> process::Command {
        let trainer = env!("CARGO_BIN_EXE_rclut-trainer");
        let grow = "grow --graph s --scale 2 --total-iter 300 --crop-size 16 --batch-size 4 --save-step 20 --threads 2 \
            --name tiny --data . -o";
        let words: Vec<&str> = words
            .iter()
            .copied()
            .chain([trainer])
            .chain(grow.split_whitespace())
            .collect();
        let mut command = process::Command::new(words[0]);
        command.args(&words[1..]).arg(&self.output);
        command.current_dir(self.data).stderr(Stdio::piped());
        command
    }

    fn succeed(&self) {
        assert!(self.behind(&[]).status().unwrap().success());
    }

    fn kill_at_first_checkpoint(&self) {
        let mut killed = self.behind(&[]).stderr(Stdio::null()).spawn().unwrap();
        let checkpoint = checkpoint_path(&self.output);
        while !checkpoint.exists() && killed.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert!(!self.output.exists(), "it was killed too late");
    }
}

#[test]
fn a_killed_command_goes_on_and_ends_with_the_same_file() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let [whole, parts] = ["whole", "parts"].map(|name| Command {
        data: data.path(),
        output: out.path().join(name),
    });
    whole.succeed();
    parts.kill_at_first_checkpoint();
    parts.succeed();
    let tables = |command: &Command| Model::open(&command.output).unwrap().tables().to_vec();
    assert!(tables(&whole) == tables(&parts));
}

#[test]
#[cfg(unix)]
fn a_full_disk_stops_a_run_and_the_last_checkpoint_stays() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let command = Command {
        data: data.path(),
        output: out.path().join("tiny"),
    };
    command.kill_at_first_checkpoint();
    let checkpoint = checkpoint_path(&command.output);
    let before = fs::read(&checkpoint).unwrap();

    // A limit on the size of files fails a write as a full disk does: that of every checkpoint from this size on, in units of
    // 512 bytes or, in some shells, of 1024.
    let blocks = before.len() / 1024;
    let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let limited = ["sh", "-c", &limit, "sh"];
    let Output { status, stderr, .. } = command.behind(&limited).output().unwrap();
    let error = String::from_utf8_lossy(&stderr);
    assert!(
        !status.success() && error.contains("cannot write") && error.contains("tiny.checkpoint"),
        "{error}"
    );
    assert!(fs::read(&checkpoint).unwrap() == before);
    command.succeed();
}

#[test]
fn another_request_does_not_go_on_from_a_checkpoint() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let mut options = grow("s", data.path(), out.path().join("tiny.safetensors"), 50);
    run::train(&options, &StopAfter::new(10)).unwrap_err();
    options.seed = 8;
    let error = run::train(&options, &Quiet).unwrap_err().to_string();
    assert!(
        error.contains("another run") && error.contains("seed 8"),
        "{error}"
    );
    options.restart = true;
    run::train(&options, &Quiet).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let (data, out) = (photographs(3), tempfile::tempdir().unwrap());
    let options = grow("s", data.path(), out.path().join("tiny.safetensors"), 50);
    fs::write(checkpoint_path(&options.output), "short").unwrap();
    let error = run::train(&options, &Quiet).unwrap_err().to_string();
    assert!(
        error.contains("tiny.safetensors.checkpoint is damaged"),
        "{error}"
    );
}

#[test]
fn bad_data_is_refused_by_name() {
    let out = tempfile::tempdir().unwrap();
    let refuse = |data: &Path| {
        let options = grow("s", data, out.path().join("tiny.safetensors"), 10);
        format!("{:#}", run::train(&options, &Quiet).unwrap_err())
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
    let mut options = grow("s", data.path(), out.path().join("tiny.safetensors"), 50);
    options.rates = Rates::from_first(f32::NAN);
    let error = run::train(&options, &Quiet).unwrap_err().to_string();
    assert!(error.contains("the loss is NaN after"), "{error}");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let data = photographs(3);
    let options = grow(
        "s",
        data.path(),
        data.path().join("nowhere/tiny.safetensors"),
        20,
    );
    let error = format!("{:#}", run::train(&options, &Quiet).unwrap_err());
    assert!(
        error.contains("nowhere") && error.contains("cannot write"),
        "{error}"
    );
}
