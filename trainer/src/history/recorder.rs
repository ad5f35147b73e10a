//! Records a run that is watched from many threads and may have been resumed.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use anyhow::Result;

use super::{FILE_NAME, History, Scalar, load};

/// Steps between two entries of the loss.
const LOSS_EVERY: u64 = 100;

/// Keeps a run's loss and validation in its folder. What goes wrong is kept too, and told at the end.
pub struct Recorder {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    history: Option<History>,
    psnr: Option<f64>,
    error: Option<anyhow::Error>,
}

impl Recorder {
    /// A recorder that writes to this folder from the first step on.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            state: Mutex::default(),
        }
    }

    /// The folder that it writes to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Step `step` (from 1) is done. The first one seen tells where the run was resumed. `psnr` is that of the last
    /// validation and is recorded when it changes.
    pub fn step(&self, step: u64, loss: f64, psnr: Option<f64>) {
        let mut state = self.state();
        if state.error.is_none() {
            let recorded = self.record(&mut state, step, loss, psnr);
            state.error = recorded.err();
        }
    }

    fn record(&self, state: &mut State, step: u64, loss: f64, psnr: Option<f64>) -> Result<()> {
        let history = match &mut state.history {
            Some(history) => history,
            none => none.insert(History::open(&self.folder, step.saturating_sub(1))?),
        };
        if step.is_multiple_of(LOSS_EVERY) {
            history.record("loss", step, loss)?;
        }
        if let Some(value) = psnr.filter(|_| psnr != state.psnr) {
            history.record("PSNR_valid", step, value)?;
        }
        state.psnr = psnr;
        Ok(())
    }

    /// Whether something could not be written, so that the run had better stop.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state().error.is_some()
    }

    /// Everything recorded, or what went wrong. A run that had no step left to do finds what it recorded before.
    ///
    /// # Errors
    /// If a file could not be read or written; the message names it.
    pub fn finish(&self) -> Result<Vec<Scalar>> {
        let mut state = self.state();
        let earlier = self.folder.join(FILE_NAME);
        match (state.error.take(), &state.history) {
            (Some(error), _) => Err(error),
            (None, Some(history)) => Ok(history.scalars().to_vec()),
            (None, None) if earlier.exists() => load(&earlier),
            (None, None) => Ok(Vec::new()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let run = |steps: std::ops::RangeInclusive<u64>| {
            let recorder = Recorder::new(folder.path().to_owned());
            for step in steps {
                recorder.step(step, step as f64, Some((step / 150) as f64));
            }
            recorder.finish().unwrap()
        };
        run(1..=420);
        let scalars = run(301..=500);
        let of = |tag: &str| -> Vec<u64> {
            scalars
                .iter()
                .filter(|scalar| scalar.tag == tag)
                .map(|scalar| scalar.step)
                .collect()
        };
        assert_eq!(of("loss"), [100, 200, 300, 400, 500]);
        assert_eq!(of("PSNR_valid"), [1, 150, 300, 301, 450]);
        let nothing_left = Recorder::new(folder.path().to_owned());
        assert_eq!(nothing_left.finish().unwrap(), scalars);
    }

    #[test]
    fn what_cannot_be_written_is_told_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let recorder = Recorder::new(file);
        recorder.step(1, 0.0, None);
        assert!(recorder.has_failed());
        assert!(format!("{:#}", recorder.finish().unwrap_err()).contains("file"));
    }
}
