//! Generates tables from seeds, as the golden vectors' descriptions ask.

use gstrclut::engine::model::{
    Border, BranchTables, Graph, Info, Model, Pattern, RcTables, THRESHOLDS, Tables,
};

/// splitmix64: the `index`-th state of a seed.
pub fn splitmix(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The `index`-th value of a seed, `low..=high`.
pub fn random(seed: u64, index: usize, low: i64, high: i64) -> i64 {
    let span = (high - low + 1) as u64;
    low + ((splitmix(seed, index as u64) >> 33) % span) as i64
}

/// What the entries of a generated table look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Noise,
    Smooth,
    Extreme,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Noise, Self::Smooth, Self::Extreme];

    pub fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Smooth => "smooth",
            Self::Extreme => "extreme",
        }
    }
}

/// A 4-D table of 17 nodes an axis.
pub fn simplex(kind: Kind, seed: u64, outputs: usize, last: bool) -> Vec<i8> {
    let entries = 17usize.pow(4) * outputs;
    let entry = |index: usize| {
        let node = index / outputs;
        let digit = |power: u32| (node / 17usize.pow(power) % 17) as i64;
        let m = 8 * digit(3) + 4 * digit(2) + 2 * digit(1) + 2 * digit(0);
        match (kind, last) {
            (Kind::Noise, true) => random(seed, index, -64, 127),
            (Kind::Noise, false) => random(seed, index, -127, 127),
            (Kind::Smooth, true) => (m / 4 + random(seed, index, -16, 16)).clamp(-127, 127),
            (Kind::Smooth, false) => (m - 127 + random(seed, index, -20, 20)).clamp(-127, 127),
            (Kind::Extreme, _) => extreme(seed, index, 127, -128),
        }
    };
    (0..entries).map(|index| entry(index) as i8).collect()
}

/// A table of 17 nodes an axis that mixes colours; a smooth one keeps them apart.
pub fn connect(kind: Kind, seed: u64) -> Vec<i8> {
    let entry = |index: usize| {
        let (node, colour) = (index / 3, index % 3);
        let level = 16 * (node / 17usize.pow(2 - colour as u32) % 17) as i64;
        match kind {
            Kind::Noise => random(seed, index, -127, 127),
            Kind::Smooth => (level - 127 + random(seed, index, -20, 20)).clamp(-127, 127),
            Kind::Extreme => extreme(seed, index, 127, -128),
        }
    };
    (0..17 * 17 * 17 * 3)
        .map(|index| entry(index) as i8)
        .collect()
}

/// A 1-D table of 256 entries.
pub fn point(kind: Kind, seed: u64, outputs: usize) -> Vec<i8> {
    let entry = |index: usize| match kind {
        Kind::Noise => random(seed, index, -64, 127),
        Kind::Smooth => {
            let x = (index / outputs) as i64;
            (x / 4 + random(seed, index, -16, 16)).clamp(-127, 127)
        }
        Kind::Extreme => extreme(seed, index, 127, -128),
    };
    (0..256 * outputs).map(|index| entry(index) as i8).collect()
}

/// The contributions of an RC module.
pub fn contributions(kind: Kind, seed: u64, size: usize, entries: usize) -> Vec<i16> {
    let entry = |index: usize| match kind {
        Kind::Noise => random(seed, index, -12288, 12288),
        Kind::Smooth => {
            let slope = random(seed, index / entries, 512, 2560);
            let x = (index % entries * if entries == 17 { 16 } else { 1 }) as i64;
            ((slope * (x - 128)) >> 5) + random(seed + 1, index, -1024, 1024)
        }
        Kind::Extreme => extreme(seed, index, 32767, -32768),
    };
    (0..size * size * entries)
        .map(|index| entry(index) as i16)
        .collect()
}

fn extreme(seed: u64, index: usize, high: i64, low: i64) -> i64 {
    if random(seed, index, 0, 1) == 1 {
        high
    } else {
        low
    }
}

/// The thresholds of a module whose contributions have `fraction_bits` (docs/arithmetic.md section 4).
pub fn thresholds(size: usize, fraction_bits: u32) -> Vec<i32> {
    let unit = (size * size) as f64 * f64::from(1u32 << fraction_bits);
    let level = |sum: i64| (127.0 * (sum as f64 / unit).tanh()).round_ties_even();
    let threshold = |k: usize| {
        let wanted = k as f64 - 126.0;
        let mut sum = (((wanted - 0.5) / 127.0).atanh() * unit).floor() as i64 - 2;
        while level(sum) < wanted {
            sum += 1;
        }
        sum as i32
    };
    (0..THRESHOLDS).map(threshold).collect()
}

/// A model with generated tables for any graph, each branch from a seed of its own.
pub fn model(graph: &Graph, kind: Kind, seed: u64) -> Model {
    let connected = graph.connect.map(|table| {
        assert_eq!(table.interval, 4, "the generator makes 17 nodes an axis");
        connect(kind, seed)
    });
    let mut stages = Vec::new();
    for (index, stage) in graph.stages.iter().enumerate() {
        let last = index + 1 == graph.stages.len();
        let branches = stage.branches.iter().enumerate().map(|(number, branch)| {
            let seed = seed + 100 * (index as u64 + 1) + 10 * number as u64;
            let outputs = graph.outputs(index);
            BranchTables {
                table: match branch.pattern {
                    Pattern::Point => point(kind, seed, outputs),
                    Pattern::Simplex(_) => {
                        assert_eq!(stage.interval, 4, "the generator makes 17 nodes an axis");
                        simplex(kind, seed, outputs, last)
                    }
                },
                rc: branch.rc.map(|rc| {
                    let size = rc.size as usize;
                    let extra = if rc.entries == 17 { 4 } else { 0 };
                    RcTables {
                        contributions: contributions(kind, seed + 5, size, rc.entries as usize),
                        thresholds: thresholds(size, rc.fraction_bits + extra),
                    }
                }),
            }
        });
        stages.push(branches.collect());
    }
    let tables = Tables {
        connect: connected,
        stages,
    };
    Model::new(info(kind.name()), graph.clone(), tables).expect("generated tables fit their graph")
}

pub fn info(name: &str) -> Info {
    Info {
        name: name.to_owned(),
        licence: "CC0-1.0".to_owned(),
        ..Info::default()
    }
}

/// The same graph with another rule for coordinates outside.
pub fn with_border(mut graph: Graph, border: Border) -> Graph {
    graph.border = border;
    graph
}
