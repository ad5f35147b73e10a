//! Does high bit depth keep its bits and agree with 8 bits (docs/arithmetic.md section 5)?

mod support;

use gstrclut::engine::{
    Model,
    model::{BranchTables, Graph, Pattern, RcTables},
    reference::{self, Image},
};
use support::tables;

const DEPTHS: [u32; 3] = [10, 12, 16];

/// The built-in models, and smooth ones with RC modules of both kinds of contributions.
fn models() -> Vec<Model> {
    let mut models: Vec<Model> = [2, 3, 4]
        .map(|scale| Model::clone(&Model::builtin("rclut", scale).unwrap()))
        .into();
    models.extend([256, 17].map(smooth_rc_model));
    models
}

/// Every table a straight line: each branch passes its input on, the RC modules through their tanh.
fn smooth_rc_model(entries: u32) -> Model {
    let mut graph = Graph::parse("3 5 7 s ; 3' 5 7' s@0", 2).unwrap();
    let mut tables = Vec::new();
    for (index, stage) in graph.stages.iter_mut().enumerate() {
        let last = index == 1;
        let branches = stage.branches.iter_mut().map(|branch| {
            let rc = branch.rc.as_mut().map(|module| {
                module.entries = entries;
                let spacing = if entries == 17 { 16 } else { 1 };
                let line = (0..entries).map(|k| 28 * (k as i16 * spacing - 128));
                let positions = (module.size * module.size) as usize;
                let line: Vec<i16> = line.collect();
                RcTables {
                    contributions: line.repeat(positions),
                    thresholds: tables::thresholds(
                        module.size as usize,
                        if entries == 17 { 16 } else { 12 },
                    ),
                }
            });
            let nodes = if branch.pattern == Pattern::Point {
                256
            } else {
                17usize.pow(4)
            };
            let level = |node: usize| {
                if nodes == 256 {
                    node
                } else {
                    16 * (node / 17usize.pow(3))
                }
            };
            let outputs = if last { 4 } else { 1 };
            let entry = |index: usize| match (level(index / outputs), last) {
                (level, true) => (level / 4) as i8,
                (level, false) => (level as i64 - 127).min(127) as i8,
            };
            BranchTables {
                table: (0..nodes * outputs).map(entry).collect(),
                rc,
            }
        });
        tables.push(branches.collect());
    }
    Model::new(tables::info("smooth"), graph, tables).unwrap()
}

fn ramp(depth: u32) -> Image {
    let (width, height) = (64, 48);
    let top = f64::from((1u32 << depth) - 1);
    let sample = |i: usize| top * (i % width + i / width) as f64 / (width + height - 2) as f64;
    let samples = (0..width * height).map(|i| sample(i).round() as u16);
    Image::new(width, height, samples.collect())
}

fn shifted_up(image: &Image, bits: u32) -> Image {
    let data = image.data.iter().map(|sample| sample << bits);
    Image::new(image.width, image.height, data.collect())
}

#[test]
fn a_frame_shifted_up_gives_the_frame_of_8_bits_within_a_level() {
    let flat = |level| Image::new(5, 4, vec![level; 20]);
    let frames = [ramp(8), flat(0), flat(16), flat(127), flat(235), flat(255)];
    for model in models() {
        for frame in &frames {
            let narrow = reference::run(&model, frame, 8);
            for depth in DEPTHS {
                let wide = reference::run(&model, &shifted_up(frame, depth - 8), depth);
                for (narrow, wide) in narrow.output().data.iter().zip(&wide.output().data) {
                    // Rounded to the level that 8 bits would show: half a level is the 8-bit result's own rounding.
                    let wide = (f64::from(*wide) / f64::from(1u32 << (depth - 8))).round();
                    let apart = (wide - f64::from(*narrow)).abs();
                    assert!(apart <= 1.0, "{model:?}, {depth} bits: {narrow} and {wide}");
                }
            }
        }
    }
}

#[test]
fn a_ramp_of_more_bits_comes_out_with_more_levels() {
    for model in models() {
        for depth in DEPTHS {
            let trace = reference::run(&model, &ramp(depth), depth);
            let mut levels = trace.output().data.clone();
            levels.sort_unstable();
            levels.dedup();
            assert!(
                levels.len() > 256,
                "{model:?}, {depth} bits: {} levels",
                levels.len()
            );
        }
    }
}
