//! Models to measure: trained ones, and generated ones whose tables have the statistics of trained ones. There planes between
//! stages look like the picture too, so that look-ups touch the cells that they touch in real use.

use std::sync::Arc;

use gstrclut::engine::{
    Model,
    model::{Branch, BranchTables, Graph, Pattern, RcModule, RcTables},
};

use super::{shipped, tables};

/// Graphs to compare: name, notation, and whether RC modules are straight lines or bent ones.
const GRAPHS: [(&str, &str, Lines); 5] = [
    ("srlut", "srlut", Lines::Straight),
    ("mulut", "mulut", Lines::Straight),
    ("rclut-paper", "rclut", Lines::Straight),
    ("rclut-paper-general", "rclut", Lines::Bent),
    (
        "three-plane",
        "s 7 ; d@0 5@0 ; y@0 3@0 ; s@1 s@2 s@3 s@0 5@1",
        Lines::Straight,
    ),
];

/// Of RC modules: as many as let slopes of one digit weigh the pixels of a window.
const FRACTION_BITS: u32 = 8;

/// What the contributions of an RC module look like over the levels of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// As training leaves them: a convolution.
    Straight,
    /// As fine-tuning may leave them: real 1-D tables.
    Bent,
}

/// The built-in models of a scale, then one with natural tables for each graph to compare.
pub fn all(scale: u32) -> Vec<Arc<Model>> {
    let suffix = format!("-x{scale}");
    let names = Model::builtin_names().filter_map(|name| {
        let family = name.strip_suffix(&suffix)?;
        Some(Model::builtin(family, scale).expect("a built-in model can be read"))
    });
    let natural = GRAPHS.iter().map(|(name, notation, lines)| {
        let graph = Graph::parse(notation, scale).expect("a graph of this file");
        Arc::new(natural(name, &graph, *lines))
    });
    names.chain(natural).collect()
}

/// Every model under luts/ of a scale.
pub fn shipped(scale: u32) -> Vec<Arc<Model>> {
    let suffix = format!("-x{scale}");
    let mut names = shipped::names();
    names.retain(|name| name.ends_with(&suffix));
    let models = names.iter().map(|name| Model::open(shipped::path(name)));
    let models = models.map(|model| Arc::new(model.expect("a shipped model can be read")));
    models.collect()
}

/// A model of any graph with 4-bit intervals.
pub fn natural(name: &str, graph: &Graph, lines: Lines) -> Model {
    let mut graph = graph.clone();
    let branches = graph
        .stages
        .iter_mut()
        .flat_map(|stage| &mut stage.branches);
    for module in branches.filter_map(|branch| branch.rc.as_mut()) {
        module.fraction_bits = FRACTION_BITS;
    }
    let stages = graph.stages.iter().enumerate().map(|(index, stage)| {
        let branches = stage.branches.iter();
        let branches = branches.map(|branch| branch_tables(&graph, index, branch, lines));
        branches.collect()
    });
    let stages: Vec<Vec<_>> = stages.collect();
    Model::new(tables::info(name), graph, stages).expect("natural tables fit their graph")
}

fn branch_tables(graph: &Graph, stage: usize, branch: &Branch, lines: Lines) -> BranchTables {
    let scale = graph.outputs(stage).isqrt();
    let last = stage + 1 == graph.stages.len();
    // Four entries of a last stage add up to a pixel; those of others are signed.
    let entry = |level: f64| match last {
        true => level / 4.0,
        false => level - 128.0,
    };
    let entry = |level| entry(level).round().clamp(-127.0, 127.0) as i8;
    let places = move || (0..scale * scale).map(move |place| (place / scale, place % scale));
    let table = match branch.pattern {
        Pattern::Point => (0..256)
            .flat_map(|level| places().map(move |_| entry(f64::from(level))))
            .collect(),
        Pattern::Simplex(_) => (0..17usize.pow(4))
            .flat_map(|node| places().map(move |place| entry(blend(node, place, scale))))
            .collect(),
    };
    BranchTables {
        table,
        rc: branch.rc.map(|module| rc_tables(&module, lines)),
    }
}

/// The level at a sub-pixel of the first of a node's four pixels, as if these were the corners of a square.
fn blend(node: usize, (row, column): (usize, usize), scale: usize) -> f64 {
    let level = |axis: u32| (16 * (node / 17usize.pow(3 - axis) % 17)) as f64;
    let toward = |place: usize| 0.5 * (place as f64 + 0.5) / scale as f64;
    let (down, right) = (toward(row), toward(column));
    let top = level(0) * (1.0 - right) + level(1) * right;
    let bottom = level(2) * (1.0 - right) + level(3) * right;
    top * (1.0 - down) + bottom * down
}

/// A window that weighs near pixels most.
fn rc_tables(module: &RcModule, lines: Lines) -> RcTables {
    let size = module.size as usize;
    let positions = (0..size * size).map(|position| (position / size).max(position % size));
    let contributions = positions.flat_map(|distance| {
        let slope = 8 / (distance as i16 + 1);
        (0..256).map(move |level: i16| {
            let bend = match lines {
                Lines::Straight => 0,
                Lines::Bent => level * (255 - level) / 1024,
            };
            slope * (level - 128) + bend
        })
    });
    RcTables {
        contributions: contributions.collect(),
        thresholds: tables::thresholds(size, module.fraction_bits),
    }
}
