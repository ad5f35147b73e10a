//! Does the arithmetic equal the golden vectors, bit for bit, in the reference and in the engine?
//!
//! The vectors come from an oracle that shares no code with this project (tests/golden/README.md).

mod support;

use std::path::Path;

use gstrclut::engine::{
    Model, Options, Plane, PlaneMut, Upscaler,
    model::{Border, BranchTables, Graph, RcTables, Rounding},
    reference::{self, Division, Image, Trace},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::{
    archive::{Archive, Array, golden_folders},
    tables::{self, Kind},
};

#[test]
fn the_generator_makes_the_tables_that_the_vectors_were_made_with() {
    for folder in golden_folders() {
        let mut golden = Archive::open(&folder.join("generator.npz"));
        for seed in [0, 123] {
            let expected = golden.array(&format!("splitmix_seed{seed}")).values;
            let found = (0..8).map(|i| tables::splitmix(seed, i).cast_signed());
            assert_eq!(found.collect::<Vec<_>>(), expected);
        }
        let noise = tables::simplex(Kind::Noise, 3, 1, false);
        let expected = golden.array("lut4_noise_seed3_first64").values;
        assert!(
            expected.iter().eq(noise
                .iter()
                .map(|v| i64::from(*v))
                .take(64)
                .collect::<Vec<_>>()
                .iter())
        );
    }
}

#[test]
fn every_reachable_sum_rounds_as_the_papers_code() {
    for folder in golden_folders() {
        let mut golden = Archive::open(&folder.join("rounding.npz"));
        for (key, rounding, branches) in [
            ("D64_bias127", Rounding::Mid, 1),
            ("D192_bias127", Rounding::Mid, 3),
            ("D16_bias0", Rounding::Last, 1),
            ("srlut_sum_of_4", Rounding::Last, 1),
            ("D48_bias0", Rounding::Last, 3),
        ] {
            let expected = golden.array(key).values;
            let division = Division::new(rounding, branches, 4, 8);
            let lowest = -(expected.len() as i64 - 1) / 2;
            for (sum, expected) in (lowest..).zip(expected) {
                assert_eq!(i64::from(division.apply(sum)), expected, "{key}, sum {sum}");
            }
        }
    }
}

#[test]
fn thresholds_squash_as_the_tanh_does() {
    for folder in golden_folders() {
        let mut golden = Archive::open(&folder.join("rcsquash.npz"));
        for size in [3, 5, 7] {
            for bits in [12, 16] {
                let thresholds = tables::thresholds(size, bits);
                let key = format!("RC{size}/F{bits}");
                let expected = golden.array(&format!("thr/{key}")).values;
                assert!(
                    thresholds.iter().map(|t| i64::from(*t)).eq(expected),
                    "{key}"
                );
                let sums = golden.array(&format!("S/{key}")).values;
                let squashed = golden.array(&format!("R/{key}")).values;
                for (sum, expected) in sums.into_iter().zip(squashed) {
                    let reached = thresholds.iter().filter(|t| sum >= i64::from(**t)).count();
                    assert_eq!(reached as i64, expected, "{key}, sum {sum}");
                }
            }
        }
    }
}

#[test]
fn srlut() {
    for_each_archive("srlut", |golden, scale| {
        let meta = golden.meta();
        for kind in Kind::ALL {
            let recipe = &meta["tables"][kind.name()];
            for (border, out, sum) in [
                (Border::Edge, "out_edge", Some("acc_edge")),
                (Border::Reflect, "out_reflect", None),
            ] {
                let graph = Graph::parse("srlut", scale).unwrap();
                let graph = tables::with_border(graph, border);
                let tables = vec![vec![plain(table(recipe, kind, scale))]];
                let model = Model::new(tables::info("srlut"), graph, tables).unwrap();
                let check = Check {
                    golden,
                    model: &model,
                    kind,
                };
                check.run(out, &|trace, channel, golden, case| {
                    if let Some(sum) = sum {
                        let key = format!("{sum}/{}/{case}", kind.name());
                        compare(golden, &key, channel, &trace.stages[0].accumulator);
                    }
                });
            }
        }
    });
}

#[test]
fn mulut() {
    for_each_archive("mulut", |golden, scale| {
        let meta = golden.meta();
        for kind in Kind::ALL {
            let stage = |stage: u32| {
                let modes = ["s", "d", "y"].into_iter();
                let tables = modes.map(|mode| {
                    let recipe = &meta["tables"][format!("{}/s{stage}_{mode}", kind.name())];
                    plain(table(recipe, kind, scale))
                });
                tables.collect::<Vec<_>>()
            };
            let graph = Graph::parse("mulut", scale).unwrap();
            let model = Model::new(tables::info("mulut"), graph, vec![stage(1), stage(2)]).unwrap();
            let check = Check {
                golden,
                model: &model,
                kind,
            };
            check.run("out", &|trace, channel, golden, case| {
                compare_stages(trace, channel, golden, &format!("{}/{case}", kind.name()));
            });
        }
    });
}

#[test]
fn rclut() {
    for_each_archive("rclut", |golden, scale| {
        let meta = golden.meta();
        for kind in Kind::ALL {
            for (variant, origin_of_7, entries) in [
                ("code256", -2, 256),
                ("code17", -2, 17),
                ("paper256", 0, 256),
                ("paper17", 0, 17),
            ] {
                let model = rclut_model(&meta, kind, scale, origin_of_7, entries);
                let check = Check {
                    golden,
                    model: &model,
                    kind,
                };
                check.run(
                    &format!("out/{variant}"),
                    &|trace, channel, golden, case| {
                        let rest = format!("{variant}/{}/{case}", kind.name());
                        compare_stages(trace, channel, golden, &rest);
                        for (branch, size) in [3, 5, 7].into_iter().enumerate() {
                            let planes = trace.stages[0].rc_planes[branch].as_ref().unwrap();
                            for (rotation, plane) in planes.iter().enumerate().take(2) {
                                let key = format!("rc1_r{rotation}/{rest}/RC{size}");
                                compare(golden, &key, channel, &widen(plane));
                            }
                        }
                    },
                );
            }
        }
    });
}

fn rclut_model(meta: &Value, kind: Kind, scale: u32, origin_of_7: i32, entries: u32) -> Model {
    let mut graph = Graph::parse("rclut", scale).unwrap();
    let mut tables = Vec::new();
    for (index, stage) in graph.stages.iter_mut().enumerate() {
        let branches = stage.branches.iter_mut().map(|branch| {
            let module = branch.rc.as_mut().unwrap();
            module.entries = entries;
            let size = module.size as usize;
            if size == 7 {
                module.origin = origin_of_7;
            }
            let key = format!("{}/s{}_RC{size}", kind.name(), index + 1);
            let recipes = &meta["tables"][key];
            let rc = &recipes[format!("rc{entries}")];
            let contributions = tables::contributions(kind, seed(rc), size, entries as usize);
            let bytes = contributions.iter().flat_map(|value| value.to_le_bytes());
            assert_hash(rc, &bytes.collect::<Vec<_>>());
            BranchTables {
                table: table(&recipes["lut"], kind, scale),
                rc: Some(RcTables {
                    contributions,
                    thresholds: tables::thresholds(size, if entries == 17 { 16 } else { 12 }),
                }),
            }
        });
        tables.push(branches.collect());
    }
    Model::new(tables::info("rclut"), graph, tables).unwrap()
}

/// Runs over the archives `family_x2` to `family_x4` of each folder, and sees that nothing in them was passed over.
fn for_each_archive(family: &str, run: impl Fn(&mut Archive, u32)) {
    for folder in golden_folders() {
        for scale in [2, 3, 4] {
            let mut golden = Archive::open(&folder.join(format!("{family}_x{scale}.npz")));
            run(&mut golden, scale);
            // The published SR-LUT script's wrong simplex (docs/arithmetic.md section 6) is not ours; thresholds have
            // a test of their own.
            let unread = golden.unread().into_iter();
            let unread = unread.filter(|key| !key.contains("defect") && !key.starts_with("thr/"));
            assert_eq!(unread.collect::<Vec<_>>(), Vec::<&String>::new());
        }
    }
}

fn plain(table: Vec<i8>) -> BranchTables {
    BranchTables { table, rc: None }
}

fn seed(recipe: &Value) -> u64 {
    recipe["seed"].as_u64().expect("a recipe has a seed")
}

/// The table that a recipe describes, with its hash checked.
fn table(recipe: &Value, kind: Kind, scale: u32) -> Vec<i8> {
    let last = recipe["last"]
        .as_bool()
        .expect("a recipe says if its stage is the last");
    let outputs = if last { (scale * scale) as usize } else { 1 };
    let table = match recipe["recipe"].as_str() {
        Some("lut4") => tables::simplex(kind, seed(recipe), outputs, last),
        Some("lut1") => tables::point(kind, seed(recipe), outputs),
        other => panic!("recipe {other:?}"),
    };
    let bytes: Vec<u8> = table.iter().map(|v| v.cast_unsigned()).collect();
    assert_hash(recipe, &bytes);
    table
}

fn assert_hash(recipe: &Value, bytes: &[u8]) {
    let digest = Sha256::digest(bytes);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(recipe["sha256"], digest, "{recipe}");
}

/// A model and the archive that holds its results.
struct Check<'a> {
    golden: &'a mut Archive,
    model: &'a Model,
    kind: Kind,
}

type Inspect<'a> = &'a dyn Fn(&Trace, usize, &mut Archive, &str);

impl Check<'_> {
    /// Every case's image by the reference and by the engine; `inspect` compares what lies between.
    fn run(self, out: &str, inspect: Inspect) {
        let Self {
            golden,
            model,
            kind,
        } = self;
        let mut upscaler = Upscaler::new(model, Options::default()).unwrap();
        let cases: Vec<String> = golden
            .keys()
            .iter()
            .filter(|k| k.starts_with("in_"))
            .cloned()
            .collect();
        assert!(!cases.is_empty());
        for case in cases {
            let input = golden.array(&case);
            let case = case.trim_start_matches("in_");
            for channel in 0..input.shape.get(2).copied().unwrap_or(1) {
                let source = image(&input, channel);
                let trace = reference::run(model, &source, 8);
                let key = format!("{out}/{}/{case}", kind.name());
                assert!(golden.keys().contains(&key), "{key}");
                compare(golden, &key, channel, &widen(trace.output()));
                compare(golden, &key, channel, &by_engine(&mut upscaler, &source));
                inspect(&trace, channel, golden, case);
            }
        }
    }
}

fn image(array: &Array, channel: usize) -> Image {
    let channels = array.shape.get(2).copied().unwrap_or(1);
    let values = array.values.iter().skip(channel).step_by(channels);
    Image::new(
        array.shape[1],
        array.shape[0],
        values.map(|v| *v as u16).collect(),
    )
}

fn widen(image: &Image) -> Vec<i64> {
    image.data.iter().map(|v| i64::from(*v)).collect()
}

fn by_engine(upscaler: &mut Upscaler, source: &Image) -> Vec<i64> {
    let (width, height) = (source.width, source.height);
    let scale = upscaler.scale();
    let input: Vec<u8> = source.data.iter().map(|v| *v as u8).collect();
    let mut output = vec![0u8; width * scale * height * scale];
    let plane = Plane::new(&input, width, height, width).unwrap();
    let mut into =
        PlaneMut::new(&mut output, width * scale, height * scale, width * scale).unwrap();
    upscaler.plane_u8(&plane, &mut into).unwrap();
    output.into_iter().map(i64::from).collect()
}

/// Compares one channel with an array, if the archive holds it.
fn compare(golden: &mut Archive, key: &str, channel: usize, found: &[i64]) {
    if !golden.keys().iter().any(|known| known == key) {
        return;
    }
    let expected = golden.array(key);
    let channels = expected.shape.get(2).copied().unwrap_or(1);
    let expected = expected.values.iter().skip(channel).step_by(channels);
    assert!(expected.eq(found), "{key}, channel {channel}");
}

fn compare_stages(trace: &Trace, channel: usize, golden: &mut Archive, rest: &str) {
    compare(
        golden,
        &format!("stage1/{rest}"),
        channel,
        &widen(&trace.stages[0].plane),
    );
    for (index, stage) in trace.stages.iter().enumerate() {
        let key = format!("acc{}/{rest}", index + 1);
        compare(golden, &key, channel, &stage.accumulator);
    }
}

#[test]
fn published_tables_give_the_published_crops() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.join("golden/real").is_dir() {
        println!("skipped: runs with the published tables are not beside this checkout");
        return;
    }
    let published = |file: String| -> BranchTables {
        let file = std::fs::File::open(shared.join("published").join(file)).unwrap();
        plain(npyz::NpyFile::new(file).unwrap().into_vec().unwrap())
    };

    let mut golden = Archive::open(&shared.join("golden/real/srlut_s.npz"));
    for scale in [2, 3, 4] {
        let tables = published(format!("srlut/Model_S_x{scale}_4bit_int8.npy"));
        for (border, out) in [(Border::Edge, "out_edge"), (Border::Reflect, "out_reflect")] {
            let graph = tables::with_border(Graph::parse("srlut", scale).unwrap(), border);
            let tables = vec![vec![tables.clone()]];
            let model = Model::new(tables::info("srlut"), graph, tables).unwrap();
            let input = golden.array(&format!("x{scale}/in"));
            for channel in 0..3 {
                let trace = reference::run(&model, &image(&input, channel), 8);
                let key = format!("x{scale}/{out}");
                compare(&mut golden, &key, channel, &widen(trace.output()));
            }
        }
    }

    let mut golden = Archive::open(&shared.join("golden/real/mulut_sdy_x4.npz"));
    let stage = |stage: u32| {
        let modes = ["s", "d", "y"].into_iter();
        let file = |mode| format!("mulut/LUT_ft_x4_4bit_int8_s{stage}_{mode}.npy");
        modes.map(|mode| published(file(mode))).collect::<Vec<_>>()
    };
    let graph = Graph::parse("mulut", 4).unwrap();
    let model = Model::new(tables::info("mulut"), graph, vec![stage(1), stage(2)]).unwrap();
    for name in ["butterfly", "woman"] {
        let input = golden.array(&format!("{name}/in"));
        for channel in 0..3 {
            let trace = reference::run(&model, &image(&input, channel), 8);
            for (key, found) in [
                ("acc1", &trace.stages[0].accumulator),
                ("stage1", &widen(&trace.stages[0].plane)),
                ("acc2", &trace.stages[1].accumulator),
                ("out", &widen(trace.output())),
            ] {
                compare(&mut golden, &format!("{name}/{key}"), channel, found);
            }
        }
    }
    assert_eq!(golden.unread(), Vec::<&String>::new());
}
