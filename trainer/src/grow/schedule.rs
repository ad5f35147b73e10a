//! What changes in the course of a run: grids, learning rates, and when numbers settle to those of the file.

use std::time::Duration;

use super::{adam::Rates, net::COARSEST};

/// How long to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// A number of steps. The same seed and threads give the same tables.
    Iterations(u64),
    /// A time; how many steps it holds depends on the machine.
    Time(Duration),
}

impl Budget {
    /// The part of the budget, 0..=1, that is used up after so many steps and so much time.
    #[must_use]
    pub fn progress(self, iterations: u64, elapsed: Duration) -> f32 {
        let used = match self {
            Self::Iterations(total) => iterations as f64 / total as f64,
            Self::Time(total) => elapsed.as_secs_f64() / total.as_secs_f64(),
        };
        used.min(1.0) as f32
    }
}

/// At which part of a run the grid is refined: to interval 5, 4, 3.
const REFINEMENTS: [f32; 3] = [0.12, 0.35, 0.5];
/// At which part of a run RC modules and entries settle to the numbers that the file can hold.
const SETTLING: f32 = 0.75;
/// Rates end at this part of what they start from.
const LAST_RATE: f32 = 0.01;

/// Interval bits of the grids.
#[must_use]
pub fn interval(progress: f32) -> u32 {
    let refined = REFINEMENTS.iter().filter(|at| progress >= **at).count();
    COARSEST - refined as u32
}

/// Whether forward passes run the numbers of the file.
#[must_use]
pub fn is_settled(progress: f32) -> bool {
    progress >= SETTLING
}

/// Rates that fall along half a cosine.
#[must_use]
pub fn rates(start: Rates, progress: f32) -> Rates {
    let cosine = 0.5 + 0.5 * (std::f32::consts::PI * progress).cos();
    let factor = cosine.max(LAST_RATE);
    Rates {
        last: start.last * factor,
        inner: start.inner * factor,
        rc: start.rc * factor,
    }
}
