//! What every training command shows on the terminal, and how Ctrl-C reaches the run.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::progress_bar;

/// A bar for the reading of photographs, one for the training after it, and whether Ctrl-C was pressed.
pub(super) struct Terminal {
    loading: ProgressBar,
    /// Of the training; hidden where there is no terminal.
    pub bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Terminal {
    /// A bar of `length` positions; `progress` says, as a template, how they are shown as a figure.
    pub fn new(length: u64, progress: &str) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("Ctrl-C")?;
        let template =
            format!("  training [{{bar:30}}] {progress} {{msg}} {{elapsed}} ETA {{eta}}");
        let style = ProgressStyle::with_template(&template).expect("a valid template");
        Ok(Self {
            loading: progress_bar(0, "reading"),
            bar: ProgressBar::new(length).with_style(style.progress_chars("=> ")),
            stop,
        })
    }

    /// So many of the photographs have been read.
    pub fn loading(&self, done: usize, total: usize) {
        self.loading.set_length(total as u64);
        self.loading.set_position(done as u64);
        if done == total {
            self.loading.finish_and_clear();
            self.bar.reset();
        }
    }

    pub fn wants_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
