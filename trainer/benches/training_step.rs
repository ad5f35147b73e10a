//! Training samples a second: the networks as they are computed here, against the papers' unfolded formulation with the
//! same weights in the same libtorch. One element is one patch of 48x48, forward and backward.
//!
//! `cargo bench -p rclut-trainer --features torch`

#[path = "../tests/support/unfold.rs"]
mod unfold;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rclut_trainer::network::{Architecture, Network};
use tch::{Device, Kind, Tensor};
use unfold::Unfolded;

const PATCHES: i64 = 2;
const CROP: i64 = 48;
const SCALE: u32 = 4;

fn training_step(criterion: &mut Criterion) {
    let options = (Kind::Float, Device::Cpu);
    let scale = i64::from(SCALE);
    let source = Tensor::randint(256, [PATCHES, 1, CROP, CROP], options) / 255.0;
    let target = Tensor::rand([PATCHES, 1, scale * CROP, scale * CROP], options);
    for model in ["srlut", "mulut", "rclut"] {
        let architecture = Architecture::parse(model, SCALE).expect("a preset");
        let network = Network::new(architecture, Device::Cpu);
        let unfolded = Unfolded::new(&network);
        let parameters = network.parameters();
        let step = |forward: &dyn Fn(&Tensor) -> Tensor| {
            let error = (forward(&source) - &target).square().mean(Kind::Float);
            error.backward();
            for (_, parameter) in &parameters {
                let _ = parameter.grad().zero_();
            }
        };
        let mut group = criterion.benchmark_group(model);
        group.throughput(Throughput::Elements(PATCHES as u64));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(100));
        group.bench_function("ours", |bencher| {
            bencher.iter(|| step(&|source| network.forward(source)));
        });
        group.bench_function("unfolded", |bencher| {
            bencher.iter(|| step(&|source| unfolded.forward(source)));
        });
        group.finish();
    }
}

criterion_group!(benches, training_step);
criterion_main!(benches);
