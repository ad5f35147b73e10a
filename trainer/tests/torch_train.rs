//! Training and converting as a user does: what is learned, how a run resumes, what is refused.
#![cfg(feature = "torch")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use gstrclut::engine::{Model, model::Pattern};
use rclut_trainer::{history, image::Image};
use serde_json::Value;
use tempfile::TempDir;

/// Pictures with edges, curves and texture at many angles.
fn photographs(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        let (width, height) = (96, 80);
        let phase = number as f32 * 1.7;
        let level = |index: usize| {
            let (y, x) = ((index / width) as f32, (index % width) as f32);
            let wave = (0.21 * x + 0.13 * y + phase).sin() + (0.004 * x * y + phase).cos();
            let disc = if (x - 50.0).hypot(y - 35.0) < 20.0 + phase {
                60.0
            } else {
                -30.0
            };
            (128.0 + 40.0 * wave + disc).clamp(0.0, 255.0) as u8
        };
        let planes = vec![(0..width * height).map(level).collect()];
        let image = Image {
            width,
            height,
            planes,
        };
        image
            .save_png(folder.path().join(format!("{number:02}.png")))
            .unwrap();
    }
    folder
}

/// A command of the trainer; words are separated by spaces, `|` stands for a space in a word.
fn trainer(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rclut-trainer"));
    command.args(
        arguments
            .split_whitespace()
            .map(|word| word.replace('|', " ")),
    );
    command
}

fn train(model: &str, data: &Path, folder: &Path, more: &str) -> Command {
    train_of_features(8, model, data, folder, more)
}

fn train_of_features(nf: u32, model: &str, data: &Path, folder: &Path, more: &str) -> Command {
    trainer(&format!(
        "train --model {} --nf {nf} --threads 2 --batch-size 4 --crop-size 16 --display-step 1 --val-step 20 --save-step 10 \
         --train-dir {} --exp-dir {} {more}",
        model.replace(' ', "|"),
        data.display(),
        folder.display(),
    ))
}

fn succeed(mut command: Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{stderr}");
    String::from_utf8(stdout).unwrap()
}

fn fail(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(!status.success(), "it must fail");
    String::from_utf8(stderr).unwrap()
}

/// Mean loss of the first and of the last steps of a run.
fn losses(folder: &Path, count: usize) -> (f64, f64) {
    let scalars = history::load(&folder.join(history::FILE_NAME)).unwrap();
    let losses: Vec<f64> = scalars
        .iter()
        .filter(|s| s.tag == "loss")
        .map(|s| s.value)
        .collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    (
        mean(&losses[..count]),
        mean(&losses[losses.len() - count..]),
    )
}

#[test]
fn a_network_learns_and_its_model_does_as_well() {
    let (data, folder) = (photographs(4), tempfile::tempdir().unwrap());
    let run = folder.path().join("run");
    // RC planes of random weights say little at first: they take longer.
    for (model, activation, fall) in [("mulut", "none", 0.3), ("rclut", "relu", 0.8)] {
        let more =
            format!("--scale 2 --rc-activation {activation} --total-iter 200 --lr0 4e-3 --restart");
        let said = succeed(train(model, data.path(), &run, &more));
        assert!(
            said.contains("held out") && said.contains("the best of 200"),
            "{said}"
        );
        let (first, last) = losses(&run, 20);
        assert!(
            last < first * fall,
            "{model}: the loss went from {first} to {last}"
        );

        let (output, json) = (
            folder.path().join("model.safetensors"),
            folder.path().join("report.json"),
        );
        let said = succeed(trainer(&format!(
            "convert {} -o {} --testDir {} --json {}",
            run.join("best.safetensors").display(),
            output.display(),
            data.path().display(),
            json.display()
        )));
        assert!(said.contains("samples differ"), "{said}");
        assert_eq!(Model::open(&output).unwrap().scale(), 2);
        let report: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        let set = report.as_object().unwrap().values().next().unwrap();
        let [network, table] =
            ["network_psnr_y", "table_psnr_y"].map(|key| set[key].as_f64().unwrap());
        println!("{model}: {set}");
        assert!(
            (network - table).abs() < 0.5,
            "{model}: network {network} dB, model {table} dB"
        );
    }
}

#[test]
fn a_killed_run_ends_with_the_files_of_an_uninterrupted_one() {
    let (data, folder) = (photographs(3), tempfile::tempdir().unwrap());
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join(name));
    // Learned offsets, an RC module with an activation, noise: all that has a state.
    let command = |run: &PathBuf| {
        train(
            "3 j ; 3' s@0",
            data.path(),
            run,
            "--scale 2 --rc-activation relu --task dn --total-iter 60",
        )
    };
    succeed(command(&whole));

    let mut child = command(&killed)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !killed.join("last.safetensors").exists() {
        assert!(
            started.elapsed() < Duration::from_secs(100),
            "no checkpoint after 100 s"
        );
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let read = |run: &Path, name: &str| fs::read(run.join(name)).unwrap();
    assert!(
        read(&killed, "last.safetensors") != read(&whole, "last.safetensors"),
        "it was killed too late"
    );

    succeed(command(&killed));
    for name in ["last.safetensors", "best.safetensors", history::FILE_NAME] {
        assert!(read(&killed, name) == read(&whole, name), "{name} differs");
    }
}

#[test]
fn a_released_network_is_trained_further() {
    let (data, folder) = (photographs(3), tempfile::tempdir().unwrap());
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints");
    for (graph, scale, file) in [("srlut", 3, "srlut.pth"), ("s y ; s y", 2, "mulut.pth")] {
        let network = folder.path().join("network.safetensors");
        succeed(trainer(&format!(
            "import --network --graph {} --scale {scale} -o {} {}",
            graph.replace(' ', "|"),
            network.display(),
            released.join(file).display()
        )));
        let run = folder.path().join("run");
        let more = format!(
            "--scale {scale} --init {} --total-iter 60 --lr0 4e-3 --restart",
            network.display()
        );
        succeed(train_of_features(4, graph, data.path(), &run, &more));
        let (first, last) = losses(&run, 5);
        assert!(last < first, "{file}: the loss went from {first} to {last}");
        let report = fs::read_to_string(run.join("report/report.md")).unwrap();
        assert!(report.contains("(loss.svg)"), "{report}");

        let error = fail(train("d", data.path(), &folder.path().join("other"), &more));
        assert!(
            error.contains("network.safetensors: found s") && error.contains("expected d"),
            "{error}"
        );
    }
}

#[test]
fn restoration_networks_have_scale_one_and_learned_offsets_become_a_pattern() {
    let (data, folder) = (photographs(2), tempfile::tempdir().unwrap());
    for task in ["dn --sigma 15", "db --qf 30"] {
        let run = folder.path().join("run");
        // The papers' spelling of the options.
        let mut command = trainer(&format!(
            "train --scale 1 --task {task} --stages 1 --modes sj --nf 8 --batchSize 2 --cropSize 16 --totalIter 10 \
             --displayStep 5 --valStep 5 --saveStep 5 --restart --trainDir {} --expDir {}",
            data.path().display(),
            run.display()
        ));
        command.env_remove("OMP_WAIT_POLICY");
        succeed(command);
        let output = folder.path().join("model.safetensors");
        let checkpoint = run.join("last.safetensors");
        succeed(trainer(&format!(
            "convert {} -o {} --interval 5",
            checkpoint.display(),
            output.display()
        )));
        let model = Model::open(&output).unwrap();
        let branches = &model.graph().stages[0].branches;
        assert_eq!((model.scale(), branches.len()), (1, 2));
        assert_eq!(branches[0].pattern, Pattern::named('s').unwrap());
        assert_ne!(branches[1].pattern, branches[0].pattern);
    }
}

#[test]
fn what_cannot_be_trained_is_refused_by_name() {
    let (data, folder) = (photographs(2), tempfile::tempdir().unwrap());
    let run = folder.path().join("run");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let error = fail(train("s", &empty, &run, "--total-iter 10"));
    assert!(
        error.contains("empty") && error.contains("found no image"),
        "{error}"
    );
    let error = fail(train("s q", data.path(), &run, "--total-iter 10"));
    assert!(error.contains("`q`"), "{error}");
    let error = fail(train(
        "s",
        data.path(),
        &run,
        "--total-iter 10 --device cuda:7",
    ));
    assert!(error.contains("CUDA"), "{error}");

    succeed(train("s", data.path(), &run, "--total-iter 10"));
    let checkpoint = run.join("last.safetensors");
    let before = fs::read(&checkpoint).unwrap();
    let error = fail(train("s d", data.path(), &run, "--total-iter 10"));
    assert!(
        error.contains("another run") && error.contains("--restart"),
        "{error}"
    );
    let error = fail(train(
        "s",
        data.path(),
        &run,
        "--total-iter 500 --lr0 1e30 --lr1 1e30 --restart",
    ));
    assert!(
        error.contains("the loss is NaN") && error.contains("--lr0"),
        "{error}"
    );
    assert!(
        fs::read(&checkpoint).unwrap() == before,
        "the last good checkpoint stays"
    );

    fs::write(&checkpoint, &before[..before.len() / 2]).unwrap();
    let error = fail(train("s", data.path(), &run, "--total-iter 10"));
    assert!(error.contains("last.safetensors"), "{error}");
    let error = fail(trainer(&format!(
        "convert {} -o x.safetensors",
        data.path().join("00.png").display()
    )));
    assert!(error.contains("00.png"), "{error}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = fail(train("s", data.path(), &file, "--total-iter 10"));
    assert!(
        error.contains("folder") && error.contains("file"),
        "{error}"
    );
}
