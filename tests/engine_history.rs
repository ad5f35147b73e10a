//! A plane made after others equals the same plane made alone, whatever stood still, and tiles that stood still are
//! copied.

mod models;

use gstrclut::engine::{
    Cpu, Filter, History, Model, Options, Plane, PlaneMut, Resampler, Reuse, Siting, Upscaler,
    Workers, model::Graph, plane::Layout, reference::Image,
};
use models::{Content, Numbers, Tables};
use proptest::prelude::*;

/// What becomes of a picture from one frame to the next.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    /// One sample, near the corner of four tiles.
    Sample {
        column: usize,
        row: usize,
    },
    /// A box somewhere.
    Box(u64),
    /// A new picture.
    Cut(u64),
    /// Back to the first picture.
    Return,
}

/// Samples of the source in a tile.
const TILE: (usize, usize) = (64, 32);

fn change() -> impl Strategy<Value = Change> {
    let sample = (0..140usize, 0..80usize);
    let near = (50..78usize, 18..46usize);
    prop_oneof![
        4 => Just(Change::Nothing),
        2 => prop_oneof![sample, near].prop_map(|(column, row)| Change::Sample { column, row }),
        2 => any::<u64>().prop_map(Change::Box),
        1 => any::<u64>().prop_map(Change::Cut),
        1 => Just(Change::Return),
    ]
}

impl Change {
    fn apply(self, image: &mut Image, first: &Image, depth: u32) {
        let (width, height) = (image.width, image.height);
        match self {
            Self::Nothing => {}
            Self::Sample { column, row } => {
                let sample = &mut image.data[row % height * width + column % width];
                *sample ^= 1 << (depth - 1);
            }
            Self::Box(seed) => {
                let mut numbers = Numbers(seed);
                let mut within = |end: usize| numbers.within(0, end as i64 - 1) as usize;
                let (left, top) = (within(width), within(height));
                let (columns, rows) = (1 + within(width - left), 1 + within(height - top));
                for y in top..top + rows {
                    for sample in &mut image.data[y * width + left..][..columns] {
                        *sample ^= 3;
                    }
                }
            }
            Self::Cut(seed) => *image = Content::noise(seed).image(width, height, depth),
            Self::Return => image.data.clone_from(&first.data),
        }
    }
}

/// Upscales an image whose samples lie `step` apart, after others if there is a history.
fn upscale(
    upscaler: &mut Upscaler,
    history: Option<&mut History>,
    image: &Image,
    depth: u32,
    step: usize,
) -> (Vec<u16>, Reuse) {
    let scale = upscaler.scale();
    let layout = |width, height| Layout {
        width,
        height,
        stride: width * step + 3,
        step,
    };
    let from = layout(image.width, image.height);
    let to = layout(image.width * scale, image.height * scale);
    let spread = |index: usize| index / from.width * from.stride + index % from.width * step;
    let mut input = vec![0u16; from.stride * from.height];
    for (index, sample) in image.data.iter().enumerate() {
        input[spread(index)] = *sample;
    }
    let mut output = vec![0u16; to.stride * to.height];
    let mut reuse = Reuse::default();
    if depth == 8 {
        let input: Vec<u8> = input.iter().map(|sample| *sample as u8).collect();
        let mut bytes = vec![0u8; output.len()];
        let source = Plane::with_layout(&input, from).unwrap();
        let mut destination = PlaneMut::with_layout(&mut bytes, to).unwrap();
        match history {
            Some(past) => {
                reuse = upscaler
                    .plane_u8_after(past, &source, &mut destination)
                    .unwrap();
            }
            None => upscaler.plane_u8(&source, &mut destination).unwrap(),
        }
        output = bytes.into_iter().map(u16::from).collect();
    } else {
        let source = Plane::with_layout(&input, from).unwrap();
        let mut destination = PlaneMut::with_layout(&mut output, to).unwrap();
        match history {
            Some(past) => {
                reuse = upscaler
                    .plane_u16_after(past, &source, &mut destination, depth)
                    .unwrap();
            }
            None => upscaler
                .plane_u16(&source, &mut destination, depth)
                .unwrap(),
        }
    }
    (output, reuse)
}

fn size() -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![
        (1..=9usize, 1..=9usize),
        (60..=70usize, 28..=36usize),
        (120..=140usize, 60..=80usize),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_plane_after_others_equals_the_plane_alone(
        graph in models::graph(),
        tables in any::<Tables>(),
        content in any::<Content>(),
        (width, height) in size(),
        depth in prop_oneof![4 => Just(8u32), 1 => Just(10u32)],
        (threads, band_rows) in (1..=3usize, prop_oneof![2 => Just(0usize), 1 => 1..=40usize]),
        step in 1..=2usize,
        changes in proptest::collection::vec(change(), 2..=6),
    ) {
        let model = tables.model(graph);
        let options = Options { threads, band_rows, cpu: None };
        let mut upscaler = Upscaler::new(&model, options).unwrap();
        let mut alone = Upscaler::new(&model, Options { threads: 1, ..Options::default() }).unwrap();
        let mut history = History::default();
        let first = content.image(width, height, depth);
        let mut image = first.clone();
        for (number, change) in changes.into_iter().enumerate() {
            change.apply(&mut image, &first, depth);
            let (found, _) = upscale(&mut upscaler, Some(&mut history), &image, depth, step);
            let (expected, _) = upscale(&mut alone, None, &image, depth, step);
            prop_assert!(found == expected, "frame {number}, after {change:?}");
        }
    }
}

fn model(notation: &str, scale: u32, seed: u64) -> Model {
    Tables::noise(seed).model(Graph::parse(notation, scale).unwrap())
}

fn upscaler(model: &Model) -> Upscaler {
    let options = Options {
        threads: 2,
        ..Options::default()
    };
    Upscaler::new(model, options).unwrap()
}

/// A history of an image that has stood still long enough for every tile to be kept.
fn still(upscaler: &mut Upscaler, image: &Image) -> History {
    let mut history = History::default();
    for _ in 0..2 {
        upscale(upscaler, Some(&mut history), image, 8, 1);
    }
    history
}

#[test]
fn what_stands_still_is_copied_from_the_third_frame_on() {
    let mut upscaler = upscaler(&model("s d y ; s d y", 2, 1));
    let image = Content::noise(1).image(150, 70, 8);
    let mut history = History::default();
    for reused in [0, 0, 9, 9] {
        let (_, reuse) = upscale(&mut upscaler, Some(&mut history), &image, 8, 1);
        assert_eq!(reuse, Reuse { tiles: 9, reused });
    }
}

#[test]
fn a_picture_in_noise_is_copied_as_soon_as_it_stays() {
    let mut upscaler = upscaler(&model("s", 2, 1));
    let mut history = History::default();
    let mut share = |seed| {
        let image = Content::noise(seed).image(150, 70, 8);
        upscale(&mut upscaler, Some(&mut history), &image, 8, 1)
            .1
            .reused
    };
    assert!((0..100).all(|seed| share(seed) == 0));
    assert!((0..40).any(|_| share(7) == 9));
    // Pictures shown twice each: every second one is copied.
    let reused = (0..20).map(|frame| share(1000 + frame / 2));
    assert_eq!(reused.sum::<u64>(), 9 * 10);
}

/// One sample changes, at each place around the corner of four tiles: those are made again that it reaches, no others.
#[test]
fn tiles_are_made_again_exactly_as_far_as_a_sample_reaches() {
    for notation in ["s", "s d y ; s d y", "3 5 7 ; 3' 5 7'"] {
        let model = model(notation, 2, 5);
        let reach = model.graph().receptive_field() as usize / 2;
        let mut upscaler = upscaler(&model);
        let mut alone = Upscaler::new(&model, Options::default()).unwrap();
        let image = Content::noise(2).image(3 * TILE.0, 3 * TILE.1, 8);
        // How many tiles in a line a sample `distance` past the first border reaches.
        let reached = |distance: isize| match distance {
            0.. => 1 + usize::from((distance as usize) < reach),
            _ => 1 + usize::from(distance.unsigned_abs() <= reach),
        };
        for distance in -(reach as isize) - 2..reach as isize + 2 {
            let mut history = still(&mut upscaler, &image);
            let (x, y) = (
                TILE.0.strict_add_signed(distance),
                TILE.1.strict_add_signed(distance),
            );
            let mut changed = image.clone();
            changed.data[y * changed.width + x] ^= 128;
            let (found, reuse) = upscale(&mut upscaler, Some(&mut history), &changed, 8, 1);
            let expected = upscale(&mut alone, None, &changed, 8, 1).0;
            assert!(found == expected, "{notation}, {distance} past a border");
            let reached = reached(distance) * reached(distance);
            let expected = Reuse {
                tiles: 9,
                reused: 9 - reached as u64,
            };
            assert_eq!(reuse, expected, "{notation}, {distance} past a border");
        }
    }
}

#[test]
fn a_history_of_something_else_is_forgotten() {
    let (one, other) = (model("s", 2, 1), model("s", 2, 2));
    let (mut one, mut other) = (upscaler(&one), upscaler(&other));
    let image = Content::noise(3).image(70, 40, 8);
    let smaller = Content::noise(3).image(40, 70, 8);
    let (of_one, of_other) = (
        upscale(&mut one, None, &image, 8, 1).0,
        upscale(&mut other, None, &image, 8, 1).0,
    );
    let mut history = still(&mut one, &image);
    let (found, reuse) = upscale(&mut one, Some(&mut history), &image, 8, 1);
    assert!(found == of_one && reuse.reused == reuse.tiles);
    let (found, reuse) = upscale(&mut other, Some(&mut history), &image, 8, 1);
    assert!(found == of_other && reuse.reused == 0);
    for image in [&smaller, &image] {
        let alone = upscale(&mut other, None, image, 8, 1).0;
        let (found, reuse) = upscale(&mut other, Some(&mut history), image, 8, 1);
        assert!(found == alone && reuse.reused == 0);
    }
}

#[test]
fn planes_of_any_instruction_set_and_scale_are_made_alike() {
    for cpu in Cpu::ALL.into_iter().filter(|cpu| *cpu <= Cpu::detected()) {
        for scale in 1..=4 {
            let model = model("s 7 ; d@0 5@0 ; y@0 3@0 ; s@1 s@2 s@3 s@0 5@1", scale, 9);
            let options = Options {
                threads: 2,
                band_rows: 0,
                cpu: Some(cpu),
            };
            let mut upscaler = Upscaler::new(&model, options.clone()).unwrap();
            let mut alone = Upscaler::new(&model, options).unwrap();
            let first = Content::smooth(4).image(261, 67, 8);
            let mut image = first.clone();
            let mut history = still(&mut upscaler, &image);
            for seed in 0..4 {
                Change::Box(seed).apply(&mut image, &first, 8);
                let (found, _) = upscale(&mut upscaler, Some(&mut history), &image, 8, 1);
                let expected = upscale(&mut alone, None, &image, 8, 1).0;
                assert!(found == expected, "x{scale}, {cpu:?}, box {seed}");
            }
        }
    }
}

/// A resampler, what it makes of an image alone, and what it makes after others; `cut` rows and columns are left out.
struct Resampling {
    resampler: Resampler,
    history: History,
    scale: usize,
    cut: usize,
}

impl Resampling {
    fn new(scale: usize, cut: usize) -> Self {
        let workers = Workers::new(2).unwrap();
        let (horizontal, vertical) = (Siting::Cosited, Siting::Centred);
        Self {
            resampler: Resampler::new(scale, Filter::Bicubic, horizontal, vertical, workers, 0),
            history: History::default(),
            scale,
            cut,
        }
    }

    fn both(&mut self, image: &Image, depth: u32) -> [Vec<u16>; 2] {
        let (width, height) = (image.width, image.height);
        let source = Plane::new(&image.data, width, height, width).unwrap();
        let (width, height) = (
            width * self.scale - self.cut,
            height * self.scale - self.cut,
        );
        let mut made = [0x55, 0xaa].map(|byte| vec![byte; width * height]);
        let [mut alone, mut after] = made
            .each_mut()
            .map(|samples| PlaneMut::new(samples, width, height, width).unwrap());
        let (resampler, history) = (&mut self.resampler, &mut self.history);
        resampler.plane_u16(&source, &mut alone, depth).unwrap();
        resampler
            .plane_u16_after(history, &source, &mut after, depth)
            .unwrap();
        made
    }
}

#[test]
fn resampled_planes_are_alike_whichever_rows_change() {
    for scale in 1..=4 {
        for cut in 0..=scale {
            let mut resampling = Resampling::new(scale, cut);
            let mut image = Content::noise(scale as u64).image(9, 70, 10);
            // Every row in turn, twice the same picture each.
            for frame in 0..2 * image.height {
                image.data[frame / 2 * image.width + frame % image.width] ^=
                    (frame & 1) as u16 * 512;
                let [alone, after] = resampling.both(&image, 10);
                assert!(alone == after, "x{scale} without {cut}, row {}", frame / 2);
            }
        }
    }
}

#[test]
fn resampled_planes_of_several_depths_do_not_mix() {
    let mut resampling = Resampling::new(2, 0);
    let image = Content::noise(1).image(9, 40, 12);
    for depth in [12, 12, 12, 10, 10, 10, 12, 12, 12, 10, 10, 10] {
        let [alone, after] = resampling.both(&image, depth);
        assert!(alone == after, "{depth} bits");
    }
}
