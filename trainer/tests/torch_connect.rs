//! Networks that mix colours: what is learned, converted, measured, and what cannot be done with them.
#![cfg(feature = "torch")]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/networks.rs"]
mod networks;

use std::{fs, path::Path};

use commands::{figure, output, test_json, text, trainer};
use gstrclut::engine::{
    Model,
    model::Info,
    reference::{self, Image as Plane},
};
use networks::{network, noise};
use rclut_trainer::{
    convert, history,
    image::Image,
    network::{tape::Tape, to_levels},
};
use serde_json::Value;
use tch::{Kind, Tensor};

/// A network whose table is no mere copy of its inputs.
fn mixing() -> rclut_trainer::network::Network {
    let network = network("connect ; s", 2, |_| ());
    let parameters = network.parameters();
    let named = |name: &str| {
        let found = parameters.iter().find(|(known, _)| known == name);
        found.unwrap().1.shallow_clone()
    };
    let _no_grad = tch::no_grad_guard();
    let mut last = named("connect.unit.conv2.weight");
    let waves: Vec<f64> = (0..24).map(|k| (f64::from(k) * 1.7).sin() * 0.4).collect();
    last += Tensor::from_slice(&waves).view([3, 8]);
    network
}

#[test]
fn on_the_grid_a_table_of_colours_is_the_network() {
    let network = mixing();
    for interval in [4, 5] {
        let model = convert::to_model(&network, interval, Info::default()).unwrap();
        let step = 1 << interval;
        let (width, height) = (40, 30);
        let picture = noise(3 * width * height, step);
        let source = network.input(&picture, 3, (height, width));
        let source = source.view([1, 3, height as i64, width as i64]);
        let mixed = network.connect().unwrap().forward(&source);
        let mixed: Vec<u16> = to_levels(&mixed).into_iter().map(u16::from).collect();
        let colours = picture.chunks(width * height).map(|plane| {
            let samples = plane.iter().map(|v| u16::from(*v)).collect();
            Plane::new(width, height, samples)
        });
        let colours: Vec<Plane> = colours.collect();
        let table = reference::connect(&model, [&colours[0], &colours[1], &colours[2]], 8);
        let table: Vec<u16> = table
            .unwrap()
            .into_iter()
            .flat_map(|plane| plane.data)
            .collect();
        assert!(table == mixed, "interval {interval}");
        let distinct = table.iter().collect::<std::collections::BTreeSet<_>>();
        assert!(distinct.len() > 50, "{} levels", distinct.len());
    }
}

#[test]
fn every_weight_in_front_feels_a_gradient() {
    let network = mixing();
    let picture = noise(2 * 3 * 8 * 9, 1);
    let source = network.input(&picture, 6, (8, 9)).view([2, 3, 8, 9]);
    let mut tape = Tape::default();
    let output = network.record(&source, &mut tape);
    assert_eq!(output.size(), [2, 3, 16, 18]);
    tape.backward(&output.square().sum(Kind::Double));
    for (name, parameter) in network.parameters() {
        let gradient = parameter.grad().abs().sum(Kind::Double).double_value(&[]);
        assert!(gradient > 0.0, "{name}");
    }
}

/// Pictures whose colours go together, as those of photographs do, one of them grey.
fn photographs(folder: &Path) {
    for number in 0..4 {
        let (width, height) = (64, 48);
        let level = |index: usize, colour: usize| {
            let (y, x) = ((index / width) as f32, (index % width) as f32);
            let (phase, tint) = (number as f32 * 1.7, 0.4 * colour as f32);
            let wave = (0.21 * x + 0.13 * y + phase).sin() + (0.006 * x * y + phase).cos();
            (128.0 + (45.0 - 12.0 * tint) * wave + 30.0 * tint).clamp(0.0, 255.0) as u8
        };
        let colours = if number == 1 { 1 } else { 3 };
        let plane = |colour| {
            (0..width * height)
                .map(|index| level(index, colour))
                .collect()
        };
        let image = Image {
            width,
            height,
            planes: (0..colours).map(plane).collect(),
        };
        image
            .save_png(folder.join(format!("{number}.png")))
            .unwrap();
    }
}

#[test]
fn a_network_that_mixes_colours_learns_and_becomes_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let data = path("photos");
    fs::create_dir(&data).unwrap();
    photographs(&data);
    let (data, run) = (text(&data), path("run"));
    let common = "train --modes s --stages 1 --scale 2 --threads 2 --batch-size 4 --crop-size 12 --display-step 1 \
        --val-step 50 --save-step 50 --lr0 4e-3 --task db --qf 90";
    let words = |more: &str| -> Vec<String> {
        let words = common.split_whitespace().chain(more.split_whitespace());
        words.map(str::to_owned).collect()
    };
    let train = |more: &str, folder: &Path| {
        let mut words = words(more);
        words.extend(["--train-dir", data, "--exp-dir", text(folder)].map(str::to_owned));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        trainer(&words)
    };
    train("--connect --nf 8 --total-iter 50", &run)
        .assert()
        .success();
    // The same command, spelled as a graph, would go on from there.
    train("--connect --nf 8 --total-iter 50", &run)
        .assert()
        .success();
    let scalars = history::load(&run.join(history::FILE_NAME)).unwrap();
    let losses = scalars.iter().filter(|s| s.tag == "loss");
    let losses: Vec<f64> = losses.map(|s| s.value).collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses[..8]), mean(&losses[losses.len() - 8..]));
    assert!(last < first * 0.5, "the loss went from {first} to {last}");

    let (model, json) = (path("model.safetensors"), path("report.json"));
    let best = run.join("best.safetensors");
    let convert = [
        "convert",
        text(&best),
        "-o",
        text(&model),
        "--test-dir",
        data,
    ];
    let said = output(&[&convert[..], &["--json", text(&json)]].concat());
    assert!(said.contains("samples differ"), "{said}");
    let report: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let set = report.as_object().unwrap().values().next().unwrap();
    let (network, table) = (figure(set, "/network_psnr_y"), figure(set, "/table_psnr_y"));
    assert!(
        (network - table).abs() < 0.5,
        "network {network} dB, model {table} dB"
    );
    assert!(Model::open(&model).unwrap().connect().is_some());
    let said = output(&["inspect", text(&model)]);
    assert!(
        said.contains("connect ; s") && said.contains("14739"),
        "{said}"
    );
    let report = test_json(
        folder.path(),
        &["--model", text(&model), "--scale", "2", "--hr", data],
    );
    assert!(figure(&report, "/mean/psnr_y") > 15.0, "{report}");

    // What works on one plane at a time says so.
    let tuned = path("tuned.safetensors");
    let tune = ["--data", data, "--total-iter", "1", "-o", text(&tuned)];
    for arguments in [
        [&["finetune", text(&model)][..], &tune].concat(),
        [
            &["grow", "--graph", "connect ; s", "--scale", "2"][..],
            &tune,
        ]
        .concat(),
        vec!["level", text(&model), "-o", text(&tuned)],
        vec!["export", "--model", text(&model), "-o", text(&tuned)],
    ] {
        let refused = trainer(&arguments).assert().failure();
        let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(
            said.contains("mixes colours") || said.contains("does not mix colours"),
            "{arguments:?}: {said}"
        );
        assert!(!tuned.exists());
    }
    let refused = train("--connect --nf 2 --total-iter 1", &path("narrow")).assert();
    let said = String::from_utf8_lossy(&refused.failure().get_output().stderr).into_owned();
    assert!(said.contains("found 2, expected 3..=1024"), "{said}");
}
