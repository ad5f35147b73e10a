//! Random models and images for tests: noise, smooth and extreme ones, the same for the same seed.

// Each test uses its part of these.
#![allow(dead_code)]

use gstrclut::engine::{
    Model,
    model::{
        Border, Branch, BranchTables, Graph, Info, Offset, Pattern, RcModule, RcTables, Rounding,
        Stage, THRESHOLDS, Tables as ModelTables,
    },
    reference::Image,
};
use proptest::prelude::*;

/// What the numbers of tables look like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any entry, any contribution.
    Noise,
    /// Entries that change slowly, affine contributions, thresholds of a tanh: as after training.
    Smooth,
    /// Smooth entries, and contributions on lines with slopes of 8 bits: as grown tables are.
    Grown,
    /// Entries of 127 or -128, contributions of +-32767.
    Extreme,
    /// All -128.
    Lowest,
}

/// The numbers of a model.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    kind: Kind,
    seed: u64,
}

/// The samples of an image.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    kind: Kind,
    seed: u64,
}

/// A generator of numbers that only needs to look random (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of `low..=high`.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::Noise),
        3 => Just(Kind::Smooth),
        2 => Just(Kind::Grown),
        2 => Just(Kind::Extreme),
        1 => Just(Kind::Lowest),
    ]
}

impl Arbitrary for Tables {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let tables = (kind(), any::<u64>());
        tables.prop_map(|(kind, seed)| Self { kind, seed }).boxed()
    }
}

impl Arbitrary for Content {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let content = (kind(), any::<u64>());
        content.prop_map(|(kind, seed)| Self { kind, seed }).boxed()
    }
}

impl Content {
    pub fn noise(seed: u64) -> Self {
        let kind = Kind::Noise;
        Self { kind, seed }
    }

    pub fn smooth(seed: u64) -> Self {
        let kind = Kind::Smooth;
        Self { kind, seed }
    }

    /// An image of `depth` bits.
    pub fn image(self, width: usize, height: usize, depth: u32) -> Image {
        let mut numbers = Numbers(self.seed);
        let max = (1i64 << depth) - 1;
        let slopes = [
            numbers.within(-max, max) / 40,
            numbers.within(-max, max) / 40,
        ];
        let mut sample = |y: usize, x: usize| match self.kind {
            Kind::Noise => numbers.within(0, max),
            Kind::Smooth | Kind::Grown => {
                let plane = max / 2 + slopes[0] * y as i64 + slopes[1] * x as i64;
                (plane + numbers.within(-max / 60, max / 60)).clamp(0, max)
            }
            Kind::Extreme => numbers.within(0, 1) * max,
            Kind::Lowest => 0,
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        let data = places.map(|(y, x)| sample(y, x) as u16).collect();
        Image::new(width, height, data)
    }
}

impl Tables {
    pub fn noise(seed: u64) -> Self {
        let kind = Kind::Noise;
        Self { kind, seed }
    }

    pub fn smooth(seed: u64) -> Self {
        let kind = Kind::Smooth;
        Self { kind, seed }
    }

    pub fn grown(seed: u64) -> Self {
        let kind = Kind::Grown;
        Self { kind, seed }
    }

    /// A model with this graph.
    pub fn model(self, graph: Graph) -> Model {
        let mut numbers = Numbers(self.seed);
        let stages = graph.stages.iter().enumerate();
        let stages = stages.map(|(index, stage)| {
            let branches = stage.branches.iter();
            let branches = branches.map(|branch| BranchTables {
                table: self.table(&graph.table_shape(index, branch), &mut numbers),
                rc: branch.rc.map(|module| self.rc(&module, &mut numbers)),
            });
            branches.collect()
        });
        let stages = stages.collect();
        let connect = graph
            .connect
            .map(|connect| self.table(&connect.table_shape(), &mut numbers));
        let tables = ModelTables { connect, stages };
        let info = Info {
            name: "random".to_owned(),
            ..Info::default()
        };
        Model::new(info, graph, tables).expect("a valid graph and tables of its shapes")
    }

    fn table(self, shape: &[usize], numbers: &mut Numbers) -> Vec<i8> {
        let entries: usize = shape.iter().product();
        let outputs = shape[shape.len() - 1];
        match self.kind {
            Kind::Lowest => vec![-128; entries],
            Kind::Noise | Kind::Extreme => {
                let bytes = std::iter::repeat_with(|| numbers.next().to_le_bytes()).flatten();
                let entry = |byte: u8| match self.kind {
                    Kind::Extreme if byte & 1 == 0 => -128,
                    Kind::Extreme => 127,
                    _ => byte.cast_signed(),
                };
                bytes.take(entries).map(entry).collect()
            }
            Kind::Smooth | Kind::Grown => {
                let nodes = shape[0];
                let weights: Vec<i64> = (0..4).map(|_| numbers.within(-40, 120)).collect();
                let entry = |index: usize| {
                    let (vertex, output) = (index / outputs, index % outputs);
                    let axes = (0..shape.len() - 1).scan(vertex, |rest, _| {
                        let node = *rest % nodes;
                        *rest /= nodes;
                        Some(node)
                    });
                    let value = axes
                        .zip(&weights)
                        .map(|(node, weight)| node as i64 * weight);
                    (value.sum::<i64>() / nodes as i64 - 60 + output as i64).clamp(-128, 127) as i8
                };
                (0..entries).map(entry).collect()
            }
        }
    }

    fn rc(self, module: &RcModule, numbers: &mut Numbers) -> RcTables {
        let positions = i64::from(module.size * module.size);
        let entries = i64::from(module.entries);
        let steepest = match self.kind {
            // One pixel of the window outweighs the others.
            Kind::Grown => 120,
            _ => [9, 127, 700][numbers.within(0, 2) as usize].min(32_000 / entries),
        };
        // What the sum spans, in units of the thresholds.
        let mut span = 1.0;
        let mut contributions = Vec::new();
        for position in 0..positions {
            let steepest = match self.kind {
                Kind::Grown if position > 0 => 5,
                _ => steepest,
            };
            let (slope, constant) = (numbers.within(-steepest, steepest), numbers.within(-99, 99));
            span += slope.abs() as f64 * if entries == 17 { 255.0 * 16.0 } else { 255.0 };
            contributions.extend((0..entries).map(|entry| match self.kind {
                Kind::Noise => numbers.within(-4096, 4096) as i16,
                Kind::Smooth | Kind::Grown => (slope * entry + constant) as i16,
                Kind::Extreme => (numbers.within(0, 1) * 2 * 32767 - 32767) as i16,
                Kind::Lowest => i16::MIN,
            }));
        }
        let unit = match self.kind {
            Kind::Smooth | Kind::Grown => span / numbers.within(2, 9) as f64,
            _ => positions as f64 * 4096.0,
        };
        RcTables {
            contributions,
            thresholds: self.thresholds(unit, numbers),
        }
    }

    /// The thresholds of a tanh whose argument is the sum over `unit`.
    fn thresholds(self, unit: f64, numbers: &mut Numbers) -> Vec<i32> {
        let squash = |k: usize| unit * ((k as f64 - 126.5) / 127.0).atanh();
        let mut thresholds: Vec<i32> = match self.kind {
            Kind::Extreme => (0..THRESHOLDS)
                .map(|_| numbers.within(i32::MIN.into(), i32::MAX.into()) as i32)
                .collect(),
            _ => (0..THRESHOLDS).map(|k| squash(k) as i32).collect(),
        };
        thresholds.sort_unstable();
        thresholds
    }
}

/// Any graph that the format allows and that a test can run in a moment.
pub fn graph() -> impl Strategy<Value = Graph> {
    let border = prop_oneof![Just(Border::Edge), Just(Border::Reflect)];
    let stages = prop_oneof![6 => 1..=3usize, 1 => 4..=8usize];
    let graph = (1..=4u32, border, stages).prop_flat_map(|(scale, border, stages)| {
        let stages: Vec<_> = (0..stages).map(|index| stage(index, stages)).collect();
        stages.prop_map(move |stages| Graph {
            scale,
            border,
            connect: None,
            stages,
        })
    });
    graph.prop_filter("tables small enough for a test", |graph| {
        let sizes = graph.stages.iter().enumerate().flat_map(|(index, stage)| {
            let branches = stage.branches.iter();
            branches.map(move |branch| graph.table_shape(index, branch).iter().product::<usize>())
        });
        sizes.sum::<usize>() < 8 << 20
    })
}

fn stage(index: usize, stages: usize) -> impl Strategy<Value = Stage> {
    let interval = prop_oneof![1 => Just(3u32), 5 => Just(4u32), 2 => 5..=6u32];
    let rounding = if index + 1 == stages {
        Just(Rounding::Last)
    } else {
        Just(Rounding::Mid)
    };
    let few: usize = if stages > 3 { 2 } else { 5 };
    let branches = prop_oneof![8 => 1..=few, 1 => 6..=16usize];
    let branches =
        branches.prop_flat_map(move |count| proptest::collection::vec(branch(index), count));
    (interval, rounding, branches).prop_map(|(interval, rounding, branches)| Stage {
        interval,
        rounding,
        branches,
    })
}

fn branch(stage_index: usize) -> impl Strategy<Value = Branch> {
    let letters = proptest::sample::select(&Pattern::NAMED);
    let named = letters.prop_map(|(_, offsets)| offsets);
    let free = [offset(), offset(), offset(), offset()];
    let simplex = prop_oneof![3 => named, 1 => free];
    let simplex = simplex.prop_map(Pattern::Simplex);
    let rc = proptest::option::of(rc_module());
    let input = 0..=stage_index;
    (input, rc, simplex, any::<bool>()).prop_map(|(input, rc, simplex, point)| Branch {
        input,
        rc,
        pattern: if rc.is_some() && point {
            Pattern::Point
        } else {
            simplex
        },
    })
}

fn offset() -> impl Strategy<Value = Offset> {
    (-8..=8i32, -8..=8i32)
}

fn rc_module() -> impl Strategy<Value = RcModule> {
    let size = prop_oneof![6 => 1..=7u32, 1 => 8..=15u32];
    let module = size.prop_flat_map(|size| {
        let origins = -8i32..=8;
        let origins = origins.filter(move |origin| origin + size as i32 - 1 <= 15);
        let origins: Vec<i32> = origins.collect();
        let entries = prop_oneof![Just(256u32), Just(17u32)];
        (Just(size), proptest::sample::select(origins), entries)
    });
    module.prop_map(|(size, origin, entries)| RcModule {
        size,
        origin,
        entries,
        fraction_bits: 12,
    })
}
