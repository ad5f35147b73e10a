//! Tuning a finished model: it starts as what plays, never ends worse, resumes, and bends RC modules only where it may.

#[path = "support/training.rs"]
mod training;

use std::{fs, sync::Arc};

use gstrclut::engine::{
    Model,
    model::{BranchTables, Graph, Info},
};
use rclut_trainer::grow::{
    adam::Rates,
    net::Net,
    run::{self, Options, Start, checkpoint_path},
};
use tempfile::TempDir;
use training::{Quiet, StopAfter, options, photographs, upscale};

const GRAPH: &str = "s 3 ; 3' s@0";

/// What the runs here share: pictures, and a folder for what they write.
struct Desk {
    data: TempDir,
    out: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            data: photographs(4),
            out: tempfile::tempdir().unwrap(),
        }
    }

    fn options(&self, start: Start, name: &str, steps: u64) -> Options {
        let output = self.out.path().join(name).with_extension("safetensors");
        options(start, self.data.path(), output, steps)
    }

    /// A model that has learned a little.
    fn grown(&self, steps: u64) -> Model {
        let start = Start::Graph(Graph::parse(GRAPH, 2).unwrap());
        let options = self.options(start, "grown", steps);
        run::train(&options, &Quiet).unwrap().model
    }
}

fn tune(model: &Model, bend: bool) -> Start {
    let model = Arc::new(model.clone());
    Start::Model { model, bend }
}

/// The model with other contributions in its RC modules.
fn with_contributions(model: &Model, entries: u32, change: impl Fn(usize, i16) -> i16) -> Model {
    let (mut graph, mut tables) = (model.graph().clone(), model.tables().to_vec());
    let places = graph
        .stages
        .iter_mut()
        .flat_map(|stage| &mut stage.branches);
    for (place, BranchTables { rc, .. }) in places.zip(tables.iter_mut().flatten()) {
        let (Some(module), Some(rc)) = (&mut place.rc, rc) else {
            continue;
        };
        let positions = rc.contributions.chunks_exact(256);
        let contributions = positions.flat_map(|curve| {
            let bent = |v: usize| change(v, curve[v.min(255)]);
            match entries {
                256 => (0..256).map(bent).collect::<Vec<_>>(),
                _ => (0..=16).map(|node| bent(16 * node)).collect(),
            }
        });
        rc.contributions = contributions.collect();
        module.entries = entries;
        if entries == 17 {
            // The sum is 16 times as large; so are the thresholds.
            rc.thresholds
                .clone_from(&rclut_trainer::grow::rc::thresholds(*module));
        }
    }
    Model::new(Info::default(), graph, tables).unwrap()
}

/// A bow over the range of levels, so that no contribution is a straight line.
fn bow(v: usize, entry: i16) -> i16 {
    let bow = 600.0 * (v as f32 / 80.0).sin();
    (f32::from(entry) + bow).clamp(-32_768.0, 32_767.0) as i16
}

#[test]
fn tuning_starts_as_what_is_played() {
    let desk = Desk::new();
    let lines = desk.grown(60);
    let (width, height) = (31, 23);
    let source: Vec<u8> = (0..width * height)
        .map(|i| (i * i * 7 + i * 3) as u8)
        .collect();
    let curves = with_contributions(&lines, 256, bow);
    let nodes = with_contributions(&lines, 17, bow);
    for model in [&lines, &curves, &nodes] {
        let expected = upscale(model, &source, width, height);
        for bend in [false, true] {
            let net = Net::from_model(model).learning(bend).in_file_numbers();
            let model = net.to_model(Info::default()).unwrap();
            assert!(
                upscale(&model, &source, width, height) == expected,
                "bend {bend}"
            );
        }
    }
}

#[test]
fn tuning_helps_and_keeps_straight_lines_straight() {
    let desk = Desk::new();
    let grown = desk.grown(60);
    let is_straight = |model: &Model| {
        let modules = model
            .tables()
            .iter()
            .flatten()
            .filter_map(|branch| branch.rc.as_ref());
        let curves = modules.flat_map(|rc| rc.contributions.chunks_exact(256));
        let mut steps =
            curves.map(|curve| curve.windows(2).all(|w| w[1] - w[0] == curve[1] - curve[0]));
        steps.all(|straight| straight)
    };
    for bend in [false, true] {
        let mut options = desk.options(tune(&grown, bend), "tuned", 300);
        options.rates = Rates::from_first(0.2);
        let outcome = run::train(&options, &Quiet).unwrap();
        let given = outcome.given.unwrap();
        assert!(
            outcome.psnr > given + 0.1,
            "{given} dB before, {} dB after",
            outcome.psnr
        );
        assert_eq!(is_straight(&outcome.model), !bend);
        assert_eq!(outcome.model.info().provenance["method"], "finetune");
    }
}

#[test]
fn curves_learn_too() {
    let desk = Desk::new();
    let grown = desk.grown(200);
    for entries in [256, 17] {
        let bowed = with_contributions(&grown, entries, bow);
        let options = desk.options(tune(&bowed, false), "tuned", 300);
        let outcome = run::train(&options, &Quiet).unwrap();
        let given = outcome.given.unwrap();
        assert!(
            outcome.psnr > given + 0.5,
            "{given} dB before, {} dB after",
            outcome.psnr
        );
        let contributions = |model: &Model| -> Vec<i16> {
            let branches = model.tables().iter().flatten();
            branches
                .filter_map(|branch| branch.rc.as_ref())
                .flat_map(|rc| rc.contributions.clone())
                .collect()
        };
        let (before, after) = (contributions(&bowed), contributions(&outcome.model));
        assert_eq!(before.len(), after.len());
        assert!(before != after);
    }
}

#[test]
fn a_run_that_finds_nothing_better_gives_back_what_it_got() {
    let desk = Desk::new();
    let grown = desk.grown(200);
    let mut options = desk.options(tune(&grown, false), "tuned", 40);
    options.rates = Rates::from_first(60.0);
    let outcome = run::train(&options, &Quiet).unwrap();
    assert_eq!(Some(outcome.psnr), outcome.given);
    assert!(outcome.model.graph() == grown.graph() && outcome.model.tables() == grown.tables());
    let written = Model::open(&options.output).unwrap();
    assert!(written.tables() == grown.tables());
}

#[test]
fn a_stopped_run_ends_with_the_same_file() {
    let desk = Desk::new();
    let bowed = with_contributions(&desk.grown(60), 256, bow);
    let whole = desk.options(tune(&bowed, false), "whole", 60);
    run::train(&whole, &Quiet).unwrap();
    let parts = desk.options(tune(&bowed, false), "parts", 60);
    for steps in [5, 33] {
        run::train(&parts, &StopAfter::new(steps)).unwrap_err();
        assert!(checkpoint_path(&parts.output).exists());
    }
    // A model that is not the one the checkpoint is of.
    let other = desk.options(tune(&bowed, true), "parts", 60);
    let error = run::train(&other, &Quiet).unwrap_err().to_string();
    assert!(error.contains("another run"), "{error}");
    run::train(&parts, &Quiet).unwrap();
    assert!(fs::read(&whole.output).unwrap() == fs::read(&parts.output).unwrap());
}
