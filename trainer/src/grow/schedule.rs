//! What changes in the course of a run: grids, learning rates, and when numbers settle to those of the file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// All numbers are real ones.
    Growing,
    /// What runs are the numbers of the file, entries of 8 bits and RC modules in fixed point: that of a finished model.
    Tuning,
    /// RC modules and the planes between stages are final, in the numbers of the file; the last stage's tables alone learn,
    /// in real numbers to the end.
    Closing,
}

/// At which part of a run the grid is refined: to interval 5, 4, 3. A coarse grid learns faster, and what it learns is shared
/// by more pixels; the fine one needs no more than the end.
const REFINEMENTS: [f32; 3] = [0.25, 0.6, 0.65];
/// At which part of a run its RC modules and planes are final, and the rates of the modules have come to their end.
const CLOSING: f32 = 0.9;
/// Rates end at this part of what they start from.
const LAST_RATE: f32 = 0.01;

/// Interval bits of the grids.
#[must_use]
pub fn interval(progress: f32) -> u32 {
    let refined = REFINEMENTS.iter().filter(|at| progress >= **at).count();
    COARSEST - refined as u32
}

/// The phase that a run from a graph is in.
#[must_use]
pub fn phase(progress: f32) -> Phase {
    match progress {
        CLOSING.. => Phase::Closing,
        _ => Phase::Growing,
    }
}

/// Rates that fall along half a cosine: those of tables until the end, those of RC modules until they are final.
#[must_use]
pub fn rates(start: Rates, progress: f32) -> Rates {
    let factor = cosine(progress);
    Rates {
        last: start.last * factor,
        inner: start.inner * factor,
        rc: start.rc * cosine((progress / CLOSING).min(1.0)),
    }
}

fn cosine(progress: f32) -> f32 {
    let cosine = 0.5 + 0.5 * (std::f32::consts::PI * progress).cos();
    cosine.max(LAST_RATE)
}
