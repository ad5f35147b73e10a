//! What does a pixel cost in each operation, by instruction set?
//!
//!     cargo bench --bench kernels -- 's x2'
//!
//! Cycles of the time stamp counter for each pixel of the source (criterion's `c/e`), one thread, on the luma of a natural frame.
//! Each graph has one branch, so that its figure is that of the branch's kernels between loading and finishing.
//! Where the processor has no such counter it is nanoseconds. Groups whose names begin with `deep` have 10 bits a sample.

#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use gstrclut::engine::{
    Cpu, Filter, History, Model, Options, Plane, PlaneMut, Resampler, Siting, Upscaler, Workers,
    model::Graph,
};
use support::{
    frames,
    models::{self, Lines},
};

#[cfg(not(target_arch = "x86_64"))]
use criterion::measurement::WallTime as Clock;
#[cfg(target_arch = "x86_64")]
use criterion_cycles_per_byte::CyclesPerByte as Clock;

#[cfg(target_arch = "x86_64")]
const CLOCK: Clock = criterion_cycles_per_byte::CyclesPerByte;
#[cfg(not(target_arch = "x86_64"))]
const CLOCK: Clock = criterion::measurement::WallTime;

const WIDTH: usize = 1920;
/// A quarter of the frame is enough, and keeps the slowest kernels bearable.
const HEIGHT: usize = 270;

/// Name, graph, RC tables and scales.
const OPERATIONS: [(&str, &str, Lines, &[u32]); 6] = [
    ("square", "s", Lines::Straight, &[1, 2, 3, 4]),
    ("pattern", "y", Lines::Straight, &[1, 2, 3, 4]),
    ("rc3 + point", "3'", Lines::Straight, &[1, 2, 4]),
    ("rc7 + point", "7'", Lines::Straight, &[1]),
    ("rc7 + pattern", "7", Lines::Straight, &[1]),
    ("general rc7 + point", "7'", Lines::Bent, &[1]),
];

fn luma() -> Vec<u8> {
    gst::init().expect("GStreamer");
    let info = frames::info(WIDTH as u32, HEIGHT as u32);
    let frame = frames::natural(&frames::bundled_clip(), &info, 1).expect("the bundled clip");
    frames::luma(&frame[0], &info)
}

fn look_ups(criterion: &mut Criterion<Clock>) {
    let luma = luma();
    let deep = ten_bits_of(&luma);
    for (name, notation, lines, scales) in OPERATIONS {
        for scale in scales {
            let graph = Graph::parse(notation, *scale).expect("a graph of this file");
            let model = models::natural(name, &graph, lines);
            model_at_both_depths(criterion, &format!("{name} x{scale}"), &model, &luma, &deep);
        }
    }
}

/// All operations of a model that people use, one after the other.
fn built_in(criterion: &mut Criterion<Clock>) {
    let luma = luma();
    let deep = ten_bits_of(&luma);
    for scale in [2, 3, 4] {
        let model = Model::builtin("rclut", scale).expect("a built-in model can be read");
        let name = format!("built-in rclut x{scale}");
        model_at_both_depths(criterion, &name, &model, &luma, &deep);
    }
}

fn model_at_both_depths(
    criterion: &mut Criterion<Clock>,
    name: &str,
    model: &Model,
    luma: &[u8],
    deep: &[u16],
) {
    let upscaler = |cpu| {
        let options = Options {
            threads: 1,
            cpu: Some(cpu),
            ..Options::default()
        };
        Upscaler::new(model, options).expect("an upscaler")
    };
    let mut narrow = group(criterion, name);
    for cpu in levels() {
        eight_bits(&mut narrow, cpu, &mut upscaler(cpu), luma);
    }
    narrow.finish();
    let mut wide = group(criterion, &format!("deep {name}"));
    for cpu in levels() {
        ten_bits(&mut wide, cpu, &mut upscaler(cpu), deep);
    }
}

/// A plane of 10 bits that looks the same, with low bits that it did not have.
fn ten_bits_of(luma: &[u8]) -> Vec<u16> {
    let samples = luma.iter().enumerate();
    let deeper = samples.map(|(index, sample)| 4 * u16::from(*sample) + (index % 4) as u16);
    deeper.collect()
}

fn resampler(criterion: &mut Criterion<Clock>) {
    let luma = luma();
    let workers = Workers::new(1).expect("no threads");
    let sited = Siting::Cosited;
    for scale in [2, 3, 4] {
        let mut resampler =
            Resampler::new(scale, Filter::Bicubic, sited, sited, workers.clone(), 0);
        let source = Plane::new(&luma, WIDTH, HEIGHT, WIDTH).expect("a plane");
        let mut output = vec![0; WIDTH * HEIGHT * scale * scale];
        let mut group = group(criterion, &format!("bicubic x{scale}"));
        // The resampler follows the environment, not an option.
        let cpu = Cpu::allowed(None).expect("a known RCLUT_CPU");
        group.bench_function(BenchmarkId::new(cpu.name(), "8 bits"), |bencher| {
            let width = WIDTH * scale;
            let mut to = PlaneMut::new(&mut output, width, HEIGHT * scale, width).expect("a plane");
            bencher.iter(|| resampler.plane_u8(&source, &mut to));
        });
    }
}

/// What a history costs where nothing stands still, and what it saves where everything does. The cheapest model: there it
/// weighs most.
fn history(criterion: &mut Criterion<Clock>) {
    let graph = Graph::parse("s", 2).expect("a graph of this file");
    let model = models::natural("square", &graph, Lines::Straight);
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    let mut upscaler = Upscaler::new(&model, options).expect("an upscaler");
    let info = frames::info(WIDTH as u32, HEIGHT as u32);
    let noise = [1, 2].map(|seed| frames::luma(&frames::noise(&info, seed), &info));
    let (width, height) = (2 * WIDTH, 2 * HEIGHT);
    let mut output = vec![0; width * height];
    let mut to = PlaneMut::new(&mut output, width, height, width).expect("a plane");
    let mut group = criterion.benchmark_group("two planes in turn, s x2");
    group.throughput(Throughput::Elements(2 * (WIDTH * HEIGHT) as u64));
    for (name, planes) in [("noise", [0, 1]), ("the same", [0, 0])] {
        let sources = planes.map(|number: usize| {
            let samples = &noise[number];
            Plane::new(samples, WIDTH, HEIGHT, WIDTH).expect("a plane")
        });
        group.bench_function(BenchmarkId::new(name, "without a history"), |bencher| {
            bencher.iter(|| {
                sources
                    .each_ref()
                    .map(|from| upscaler.plane_u8(from, &mut to))
            });
        });
        let mut past = History::default();
        group.bench_function(BenchmarkId::new(name, "with a history"), |bencher| {
            bencher.iter(|| {
                let next = |from| upscaler.plane_u8_after(&mut past, from, &mut to);
                sources.each_ref().map(next)
            });
        });
    }
}

/// The instruction sets that may be used here, the lowest first.
fn levels() -> impl Iterator<Item = Cpu> {
    let highest = Cpu::allowed(None).expect("a known RCLUT_CPU");
    Cpu::ALL.into_iter().filter(move |cpu| *cpu <= highest)
}

fn group<'a>(criterion: &'a mut Criterion<Clock>, name: &str) -> BenchmarkGroup<'a, Clock> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements((WIDTH * HEIGHT) as u64));
    group
}

fn eight_bits(group: &mut BenchmarkGroup<Clock>, cpu: Cpu, upscaler: &mut Upscaler, luma: &[u8]) {
    let scale = upscaler.scale();
    let source = Plane::new(luma, WIDTH, HEIGHT, WIDTH).expect("a plane");
    let mut output = vec![0; WIDTH * HEIGHT * scale * scale];
    group.bench_function(BenchmarkId::new(cpu.name(), "8 bits"), |bencher| {
        let width = WIDTH * scale;
        let mut to = PlaneMut::new(&mut output, width, HEIGHT * scale, width).expect("a plane");
        bencher.iter(|| upscaler.plane_u8(&source, &mut to));
    });
}

fn ten_bits(group: &mut BenchmarkGroup<Clock>, cpu: Cpu, upscaler: &mut Upscaler, deep: &[u16]) {
    let scale = upscaler.scale();
    let source = Plane::new(deep, WIDTH, HEIGHT, WIDTH).expect("a plane");
    let mut output = vec![0; WIDTH * HEIGHT * scale * scale];
    group.bench_function(BenchmarkId::new(cpu.name(), "10 bits"), |bencher| {
        let width = WIDTH * scale;
        let mut to = PlaneMut::new(&mut output, width, HEIGHT * scale, width).expect("a plane");
        bencher.iter(|| upscaler.plane_u16(&source, &mut to, 10));
    });
}

criterion_group! {
    name = kernels;
    config = Criterion::default()
        .with_measurement(CLOCK)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .without_plots();
    targets = look_ups, built_in, resampler, history
}
criterion_main!(kernels);
