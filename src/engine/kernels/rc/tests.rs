//! The RC kernels of every instruction set against the portable one.

use super::*;
use crate::engine::{
    kernels::{
        LANES,
        check::{Content, cases, cpus, noise},
        padded_width,
    },
    model::{Model, THRESHOLDS},
};

/// As far as a window reaches.
const REACH: i32 = 15;
/// What lies behind a destination, before and after.
const CANARY: u8 = 0x5a;

/// Rows above and below a row of pixels, each as long as promised and no longer.
struct Neighbourhood<S> {
    rows: Vec<Vec<S>>,
    width: usize,
}

impl Neighbourhood<u8> {
    fn new(width: usize, content: Content) -> Self {
        Self::of(width, |seed| content.row(width + 2 * LANES, seed))
    }
}

impl Neighbourhood<u16> {
    fn deep(width: usize, content: Content, depth: u32) -> Self {
        Self::of(width, |seed| {
            content.deep_row(width + 2 * LANES, seed, depth)
        })
    }
}

impl<S: Sample> Neighbourhood<S> {
    fn of(width: usize, row: impl Fn(u32) -> Vec<S>) -> Self {
        Self {
            rows: (0..=2 * REACH as u32).map(row).collect(),
            width,
        }
    }

    fn at(&self, (dy, dx): Offset) -> &[S] {
        let row = &self.rows[(dy + REACH) as usize][(dx + REACH) as usize..];
        &row[..(padded_width(self.width) + LANES).strict_add_signed(-dx as isize)]
    }

    /// All planes, once the canaries are seen to be alive.
    fn planes(&self, modules: &Modules) -> Vec<Vec<u8>> {
        let padded = padded_width(self.width);
        let stride = padded + LANES;
        let mut output = vec![CANARY; modules.planes() * stride];
        let mut sums = vec![0; padded];
        let input = |offset| self.at(offset);
        modules.make(input, self.width, &mut sums, &mut output, stride);
        let rows = output.chunks_exact(stride).map(|row| {
            let (made, behind) = row.split_at(padded);
            let alive = behind.iter().all(|v| *v == CANARY);
            assert!(alive, "wrote behind {} pixels", self.width);
            made[..self.width].to_vec()
        });
        rows.collect()
    }
}

/// The planes of modules of the same plane are the same by every instruction set.
fn assert_same(modules: &[Tabled], what: &str) {
    let portable = Modules::new(modules, 8, Cpu::Portable);
    let kernels = cpus().map(|cpu| (cpu, Modules::new(modules, 8, cpu)));
    let kernels: Vec<_> = kernels.collect();
    // Kernels may handle several vectors at once.
    let wide = [255, 256, 257, 320].map(|width| (width, Content::Noise));
    for (width, content) in cases().chain(wide) {
        let neighbourhood = Neighbourhood::new(width, content);
        let expected = neighbourhood.planes(&portable);
        for (cpu, kernel) in &kernels {
            let found = neighbourhood.planes(kernel);
            let sizes: Vec<_> = modules.iter().map(|(module, _)| module.size).collect();
            assert!(
                found == expected,
                "{what} of sizes {sizes:?}, {cpu:?}, {width} pixels, {content:?}"
            );
        }
    }
}

/// The planes of a module above 8 bits are the same by every instruction set.
fn assert_same_deep(module: &RcModule, tables: &RcTables, what: &str) {
    for depth in [9, 10, 12, 16] {
        let portable = Modules::new(&[(module, tables)], depth, Cpu::Portable);
        for cpu in cpus().filter(|cpu| *cpu > Cpu::Portable) {
            let kernel = Modules::new(&[(module, tables)], depth, cpu);
            for width in [1, 63, 64, 65, 130, 255, 256, 257, 320] {
                for content in Content::ALL {
                    let neighbourhood = Neighbourhood::deep(width, content, depth);
                    assert!(
                        neighbourhood.planes(&kernel) == neighbourhood.planes(&portable),
                        "{what}, {module:?}, {depth} bits, {cpu:?}, {width} pixels, {content:?}"
                    );
                }
            }
        }
    }
}

/// Sizes, origins and entries of modules.
fn modules() -> impl Iterator<Item = RcModule> {
    let shapes = [(1, 0, 256), (2, -1, 17), (3, 0, 256), (5, 0, 17)];
    let shapes = shapes.into_iter().chain([(7, -2, 256), (8, -8, 256)]);
    let shapes = shapes.chain([(9, 0, 17), (15, -7, 256), (15, 0, 256)]);
    shapes.map(|(size, origin, entries)| RcModule {
        size,
        origin,
        entries,
        fraction_bits: 0,
    })
}

/// Contributions that are lines, with slopes between the two.
fn lines(module: &RcModule, slopes: [i32; 2]) -> Vec<i16> {
    let mut noise = noise(module.size);
    let positions = (0..module.size * module.size).flat_map(|position| {
        let [least, most] = slopes;
        let slope = match position % 4 {
            0 => most,
            1 => least,
            _ => least + (noise() as i32 % (most - least + 1)),
        };
        let middle = (noise() % 64) as i32 - 32 - slope * module.entries as i32 / 2;
        (0..module.entries as i32).map(move |v| (middle + slope * v) as i16)
    });
    positions.collect()
}

/// Contributions that are as far from a line as can be, of at most a size.
fn curves(module: &RcModule, most: i32) -> Vec<i16> {
    let mut noise = noise(module.size + 7);
    let entries = 0..module.size * module.size * module.entries;
    entries
        .map(|_| (noise() as i32 % (2 * most + 1) - most) as i16)
        .collect()
}

/// The thresholds of a tanh with this unit (ARITHMETIC section 4).
fn tanh(unit: f64) -> Vec<i32> {
    let threshold = |k: usize| (unit * ((k as f64 - 126.5) / 127.0).atanh()).ceil() as i32;
    (0..THRESHOLDS).map(threshold).collect()
}

/// Thresholds of no tanh: evenly spread, all at one place, out of reach, and two that differ by the least.
fn odd_thresholds() -> [Vec<i32>; 4] {
    let count = THRESHOLDS as i32;
    let mut last = vec![i32::MIN; THRESHOLDS];
    last[THRESHOLDS - 2] = 100;
    last[THRESHOLDS - 1] = 101;
    [
        (0..count).map(|k| 40 * (k - 127)).collect(),
        vec![-5; THRESHOLDS],
        (0..count).map(|k| i32::MAX - count + k).collect(),
        last,
    ]
}

#[test]
fn shipped_modules_have_kernels_of_every_instruction_set() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/luts");
    let files = std::fs::read_dir(folder).expect("the models of this repository");
    let files = files.map(|file| file.expect("an entry of a folder").path());
    let models = files.filter(|file| file.extension().is_some_and(|name| name == "safetensors"));
    for path in models {
        let model = Model::open(&path).expect("a shipped model");
        let stages = model.graph().stages.iter().zip(model.tables());
        for (stage, tables) in stages {
            for (branch, tables) in stage.branches.iter().zip(tables) {
                let (Some(module), Some(tables)) = (&branch.rc, &tables.rc) else {
                    continue;
                };
                for cpu in cpus().filter(|cpu| *cpu > Cpu::Portable) {
                    for depth in [8, 10, 16] {
                        let modules = Modules::new(&[(module, tables)], depth, cpu);
                        let portable = matches!(modules.kernels[..], [Kernel::Portable(_)]);
                        assert!(
                            !portable,
                            "{cpu:?} has none for a module of {}, {depth} bits",
                            path.display()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn lines_make_the_same_planes_by_every_instruction_set() {
    for module in modules() {
        let area = f64::from(module.size * module.size);
        for slopes in [[-1, 1], [-9, 30], [-128, 127]] {
            let contributions = lines(&module, slopes);
            // Such that the middle of the tanh is reached, and the ends.
            for unit in [8.0, 60.0, 500.0] {
                let tables = RcTables {
                    contributions: contributions.clone(),
                    thresholds: tanh(unit * area),
                };
                assert_same(&[(&module, &tables)], &format!("lines {slopes:?}, {unit}"));
            }
        }
    }
}

#[test]
fn deep_lines_make_the_same_planes_by_every_instruction_set() {
    for module in modules() {
        let area = f64::from(module.size * module.size);
        for slopes in [[-9, 30], [-128, 127]] {
            let tables = RcTables {
                contributions: lines(&module, slopes),
                thresholds: tanh(60.0 * area),
            };
            assert_same_deep(&module, &tables, &format!("lines {slopes:?}"));
        }
    }
    let module = modules().nth(2).expect("a module of nine positions");
    for (number, thresholds) in odd_thresholds().into_iter().enumerate() {
        let tables = RcTables {
            contributions: lines(&module, [-20, 40]),
            thresholds,
        };
        assert_same_deep(&module, &tables, &format!("thresholds {number}"));
    }
}

#[test]
fn deep_curves_make_the_same_planes_by_every_instruction_set() {
    for module in modules() {
        let area = f64::from(module.size * module.size);
        // Sums that 16 bits hold, and more.
        for most in [(32_000.0 / area / 17.0) as i32, 1300, 32767] {
            let tables = RcTables {
                contributions: curves(&module, most),
                thresholds: tanh(f64::from(most) * area / 20.0),
            };
            assert_same_deep(&module, &tables, &format!("curves of {most}"));
        }
    }
}

#[test]
fn curves_make_the_same_planes_by_every_instruction_set() {
    for module in modules() {
        let area = f64::from(module.size * module.size);
        for most in [100, 1300, 32767] {
            let tables = RcTables {
                contributions: curves(&module, most),
                thresholds: tanh(f64::from(most) * area / 20.0),
            };
            assert_same(&[(&module, &tables)], &format!("curves of {most}"));
        }
    }
}

#[test]
fn modules_of_the_same_plane_are_made_together() {
    // Of the paper, more than are made together, with origins of their own; curves, a line among them, lines.
    let groups: [&[(u32, i32)]; 4] = [
        &[(3, 0), (5, 0), (7, 0)],
        &[(7, 0), (7, 0), (7, -2), (1, 0), (3, -1)],
        &[(2, 0), (4, -3), (3, 2)],
        &[(5, 0), (12, 0), (6, 0), (6, 0)],
    ];
    for group in groups {
        let modules: Vec<RcModule> = group
            .iter()
            .map(|(size, origin)| RcModule {
                size: *size,
                origin: *origin,
                entries: 256,
                fraction_bits: 0,
            })
            .collect();
        for straight in [0..0, 2..3, 0..modules.len()] {
            let tables = modules.iter().enumerate().map(|(number, module)| RcTables {
                contributions: match straight.contains(&number) {
                    true => lines(module, [-9, 30]),
                    false => curves(module, 600),
                },
                thresholds: tanh(f64::from(40 * module.size * module.size)),
            });
            let tables: Vec<RcTables> = tables.collect();
            let tabled: Vec<Tabled> = modules.iter().zip(&tables).collect();
            assert_same(&tabled, "a group");
        }
    }
}

#[test]
fn the_paper_s_modules_are_made_together() {
    let sizes = [3, 5, 7].map(|size| RcModule {
        size,
        origin: 0,
        entries: 256,
        fraction_bits: 0,
    });
    let kernels = |contributions: fn(&RcModule) -> Vec<i16>, cpu: Cpu| {
        let tables = sizes.map(|module| RcTables {
            contributions: contributions(&module),
            thresholds: tanh(f64::from(40 * module.size * module.size)),
        });
        let tabled: Vec<Tabled> = sizes.iter().zip(&tables).collect();
        Modules::new(&tabled, 8, cpu).kernels.len()
    };
    for cpu in cpus().filter(|cpu| *cpu > Cpu::Portable) {
        assert_eq!(kernels(|module| curves(module, 600), cpu), 1, "{cpu:?}");
    }
    for cpu in cpus().filter(|cpu| *cpu == Cpu::Avx512) {
        assert_eq!(kernels(|module| lines(module, [-9, 30]), cpu), 1, "{cpu:?}");
    }
}

#[test]
fn thresholds_of_any_shape_are_kept() {
    for module in modules().filter(|module| module.size <= 5) {
        for (number, thresholds) in odd_thresholds().into_iter().enumerate() {
            for contributions in [lines(&module, [-20, 40]), curves(&module, 1000)] {
                let tables = RcTables {
                    contributions,
                    thresholds: thresholds.clone(),
                };
                assert_same(&[(&module, &tables)], &format!("thresholds {number}"));
            }
        }
    }
}
