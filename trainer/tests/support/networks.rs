//! Small networks and images of noise, the same in every run.

use std::sync::Mutex;

use rclut_trainer::network::{Architecture, Network};
use tch::Device;

/// Torch has one generator for all threads, and tests run in several.
static GENERATOR: Mutex<()> = Mutex::new(());

/// A network of 8 features with random weights, in double precision.
pub fn network(text: &str, scale: u32, change: impl FnOnce(&mut Architecture)) -> Network {
    let mut architecture = Architecture::parse(text, scale).unwrap();
    architecture.features = 8;
    change(&mut architecture);
    let _alone = GENERATOR.lock().unwrap();
    tch::manual_seed(3);
    Network::new(architecture, Device::Cpu).in_double()
}

/// Random levels that are multiples of `step`.
pub fn noise(count: usize, step: usize) -> Vec<u8> {
    let levels = (0..count).scan(1u32, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as usize / step * step)
    });
    levels.map(|level| level as u8).collect()
}
