//! The upscaler: models, the reference arithmetic, and the fast path over borrowed planes.

mod aligned;
mod connect;
mod cpu;
mod history;
mod kernels;
pub mod model;
mod plan;
pub mod plane;
pub mod reference;
mod threads;
mod tiles;
mod upscaler;

pub use cpu::Cpu;
pub use history::{History, Reuse};
pub use kernels::resample::{Filter, Resampler, Siting};
pub use model::Model;
pub use plane::{Plane, PlaneMut};
pub use threads::Workers;
pub use upscaler::{Options, UpscaleError, Upscaler};
