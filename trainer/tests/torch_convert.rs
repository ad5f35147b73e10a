//! Conversion, held to the network: exact where it is promised, within the promised bounds elsewhere.
#![cfg(feature = "torch")]

#[path = "support/networks.rs"]
mod networks;

use std::path::Path;

use gstrclut::engine::{
    model::{Graph, Info, Model, Pattern},
    reference::{self, Image},
};
use networks::network;
use rclut_trainer::{
    checkpoint, convert,
    network::{Block, Network, RcActivation, to_levels},
    published::{network_of, tables_of_networks},
};
use tch::Tensor;

fn convert(network: &Network, interval: u32) -> Model {
    convert::to_model(network, interval, Info::default()).unwrap()
}

/// An image of random levels that are multiples of `step`.
fn noise(width: usize, height: usize, step: usize) -> Image {
    let levels = networks::noise(width * height, step);
    Image::new(width, height, levels.into_iter().map(u16::from).collect())
}

fn input(network: &Network, image: &Image) -> Tensor {
    let levels: Vec<u8> = image.data.iter().map(|v| *v as u8).collect();
    network.input(&levels, 1, (image.height, image.width))
}

fn run_network(network: &Network, image: &Image) -> Vec<u16> {
    let out = to_levels(&tch::no_grad(|| network.forward(&input(network, image))));
    out.into_iter().map(u16::from).collect()
}

#[test]
fn on_the_grid_a_model_says_exactly_what_its_network_says() {
    for interval in 3..=6 {
        for (text, scale) in [("s", 4), ("s d y", 2), ("e h o f", 3), ("d", 1)] {
            if interval == 3 && scale != 2 {
                continue; // A million nodes; once is enough.
            }
            for block in [Block::Dense, Block::Plain] {
                let network = network(text, scale, |a| a.block = block);
                let model = convert(&network, interval);
                let image = noise(23, 17, 1 << interval);
                let table = reference::run(&model, &image, 8);
                assert_eq!(
                    table.output().data,
                    run_network(&network, &image),
                    "{text} x{scale}, interval {interval}, {block:?}"
                );
            }
        }
    }
}

#[test]
fn off_the_grid_a_finer_interval_is_closer() {
    let network = network("s d", 2, |_| ());
    let image = noise(40, 40, 1);
    let expected = run_network(&network, &image);
    let error = |interval| {
        let trace = reference::run(&convert(&network, interval), &image, 8);
        let pairs = trace.output().data.iter().zip(&expected);
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>() as f64 / expected.len() as f64
    };
    let errors: Vec<f64> = (3..=6).map(error).collect();
    assert!(errors.is_sorted() && errors[0] > 0.0, "{errors:?}");
}

/// A layer's rows of weights and its biases.
struct Layer {
    weights: Vec<Vec<f64>>,
    biases: Vec<f64>,
}

/// A unit in plain arithmetic, from the weights' names alone.
fn unit(network: &Network, prefix: &str) -> impl Fn(&[f64]) -> Vec<i8> + use<> {
    let parameters = network.parameters();
    let find = |name: String| {
        let found = parameters.iter().find(|(other, _)| *other == name);
        found
            .unwrap_or_else(|| panic!("no weight {name}"))
            .1
            .shallow_clone()
    };
    let layers = (1..=6).map(|number| Layer {
        weights: Vec::try_from(find(format!("{prefix}.conv{number}.weight"))).unwrap(),
        biases: Vec::try_from(find(format!("{prefix}.conv{number}.bias"))).unwrap(),
    });
    let layers: Vec<Layer> = layers.collect();
    let block = network.architecture().block;
    move |values| {
        let mut seen = values.to_vec();
        for (number, layer) in layers.iter().enumerate() {
            let rows = layer.weights.iter().zip(&layer.biases);
            let sums = rows.map(|(row, bias)| {
                row.iter()
                    .zip(&seen)
                    .map(|(weight, value)| weight * value)
                    .sum::<f64>()
                    + bias
            });
            let sums: Vec<f64> = sums.collect();
            if number == 5 {
                let entry = |sum: f64| (127.0 * sum.tanh()).round_ties_even() as i8;
                return sums.into_iter().map(entry).collect();
            }
            let new = sums.into_iter().map(|sum| sum.max(0.0));
            if number == 0 || block == Block::Plain {
                seen = new.collect();
            } else {
                seen.extend(new);
            }
        }
        unreachable!("the last layer returns")
    }
}

#[test]
fn table_entries_are_the_units_of_plain_arithmetic() {
    for (text, block) in [
        ("s ; s", Block::Dense),
        ("y ; d", Block::Plain),
        ("3 ; 5'", Block::Dense),
    ] {
        let network = network(text, 2, |a| a.block = block);
        let interval = 5;
        let model = convert(&network, interval);
        for (index, stage) in model.graph().stages.iter().enumerate() {
            let branch = &stage.branches[0];
            let unit = unit(&network, &format!("stage{}.branch1.unit", index + 1));
            let table = &model.tables()[index][0].table;
            let outputs = model.graph().outputs(index);
            let (axes, nodes, step) = match branch.pattern {
                Pattern::Point => (1, 256, 1.0),
                Pattern::Simplex(_) => (4, stage.nodes(), f64::from(1 << interval)),
            };
            // Every node of the two longest diagonals and, by a stride without a common factor, many others.
            for index in (0..table.len() / outputs).step_by(7) {
                let mut rest = index;
                let mut values = vec![0.0; axes];
                for value in values.iter_mut().rev() {
                    let level = (rest % nodes) as f64 * step / 255.0;
                    *value = if branch.rc.is_some() {
                        level.tanh()
                    } else {
                        level
                    };
                    rest /= nodes;
                }
                assert_eq!(
                    table[index * outputs..][..outputs],
                    unit(&values),
                    "{text}: {values:?}"
                );
            }
        }
    }
}

/// The planes of the first stage's modules, network against table: how many pixels differ, and by how much at most.
fn rc_differences(text: &str, activation: RcActivation, origin: i32) -> (f64, u16, u32) {
    let network = network(text, 2, |a| {
        a.rc_activation = activation;
        for branch in &mut a.graph.stages[0].branches {
            branch.rc.as_mut().unwrap().origin = origin;
        }
    });
    let model = convert(&network, 6);
    let image = noise(120, 90, 1);
    let trace = reference::run(&model, &image, 8);
    let input = input(&network, &image);
    let (mut differing, mut largest, mut total, mut values) = (0, 0, 0, [false; 256]);
    for (branch, planes) in network.stages()[0].iter().zip(&trace.stages[0].rc_planes) {
        let upright = tch::no_grad(|| branch.rc().unwrap().forward(&input));
        for (rotation, plane) in planes.as_ref().unwrap().iter().enumerate() {
            let turned = upright
                .select(1, rotation as i64)
                .rot90(rotation as i64, [1, 2]);
            for (network, table) in to_levels(&turned).into_iter().zip(&plane.data) {
                let difference = u16::from(network).abs_diff(*table);
                differing += usize::from(difference > 0);
                largest = largest.max(difference);
                total += 1;
                values[usize::from(network)] = true;
            }
        }
    }
    assert!(
        values.iter().filter(|seen| **seen).count() > 20,
        "the planes are not flat"
    );
    let bits = model.graph().stages[0]
        .branches
        .iter()
        .map(|b| b.rc.unwrap().fraction_bits);
    (
        differing as f64 / total as f64,
        largest,
        bits.min().unwrap(),
    )
}

#[test]
fn rc_planes_differ_by_one_level_in_few_pixels() {
    for activation in [RcActivation::None, RcActivation::Relu] {
        for (text, origin) in [("3 5 7 ; s", 0), ("7 ; s", -2), ("5 7 ; 3'", -3)] {
            let (share, largest, bits) = rc_differences(text, activation, origin);
            println!("{text}, origin {origin}, {activation:?}: {share:.5} at F = {bits}");
            assert!(largest <= 1, "{text}: {largest} levels");
            assert!(share <= 0.003, "{text}: {share} at F = {bits}");
        }
    }
}

#[test]
fn learned_offsets_are_rounded_and_the_table_follows_the_frozen_network() {
    let mut network = network("j s", 2, |_| ());
    let parameters = network.parameters();
    let (_, offsets) = parameters
        .iter()
        .find(|(name, _)| name.ends_with("offsets"))
        .unwrap();
    let learned = [0.2, -0.4, 1.6, 0.1, -2.2, 1.9, 30.0, 0.6].map(|v: f64| v);
    tch::no_grad(|| {
        offsets
            .shallow_clone()
            .copy_(&Tensor::from_slice(&learned).view([4, 2]))
    });
    let model = convert(&network, 4);
    let expected = Pattern::Simplex([(0, 0), (2, 0), (-2, 2), (8, 1)]);
    assert_eq!(model.graph().stages[0].branches[0].pattern, expected);

    network.freeze_offsets();
    let image = noise(19, 21, 16);
    assert_eq!(
        reference::run(&model, &image, 8).output().data,
        run_network(&network, &image)
    );
}

#[test]
fn a_converted_model_survives_its_file() {
    let model = convert(&network("rclut", 3, |_| ()), 4);
    let read = Model::from_bytes(&model.to_bytes()).unwrap();
    assert_eq!(read.tables(), model.tables());
    let mut graph = Graph::parse("rclut", 3).unwrap();
    for (stage, read) in graph.stages.iter_mut().zip(&read.graph().stages) {
        for (branch, read) in stage.branches.iter_mut().zip(&read.branches) {
            branch.rc.as_mut().unwrap().fraction_bits = read.rc.unwrap().fraction_bits;
        }
    }
    assert_eq!(*read.graph(), graph);
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_place() {
    let network = network("s ; 3", 2, |_| ());
    for (name, weight) in network.parameters() {
        if name.contains("rc.linear2.bias") {
            let _ = tch::no_grad(|| weight.shallow_clone().fill_(f64::NAN));
        }
    }
    let error = format!(
        "{:#}",
        convert::to_model(&network, 4, Info::default()).unwrap_err()
    );
    assert!(
        error.contains("stage 2, branch 1") && error.contains("finite"),
        "{error}"
    );
}

#[test]
fn a_released_network_is_read_out_as_its_release_reads_it() {
    for (text, scale, file) in [("s y ; s y", 2, "mulut.pth"), ("srlut", 3, "srlut.pth")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints");
        let tensors = checkpoint::read(&path.join(file)).unwrap();
        let mut graph = Graph::parse(text, scale).unwrap();
        for stage in &mut graph.stages {
            stage.interval = 6;
        }
        let model = convert(&network_of(&tensors, &graph).unwrap().in_double(), 6);
        let released = tables_of_networks(&tensors, &graph).unwrap();
        let stages = model.tables().iter().zip(&released).enumerate();
        for (index, (found, expected)) in stages {
            let outputs = graph.outputs(index);
            for (found, expected) in found.iter().zip(expected) {
                let rows = found.table.chunks_exact(outputs);
                let rows = rows.zip(expected.table.chunks_exact(outputs));
                // The last node of an axis stands for 256 here and for 255 there.
                let inner = |row: usize| (0..4).all(|axis| row / 5_usize.pow(axis) % 5 < 4);
                let differing = rows
                    .enumerate()
                    .filter(|(row, (found, expected))| inner(*row) && found != expected);
                assert_eq!(differing.count(), 0, "{file}, stage {}", index + 1);
            }
        }
    }
}
