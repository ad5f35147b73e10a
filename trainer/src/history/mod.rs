//! What a run measures step by step: kept as JSON lines for reports, and as TensorBoard events to be watched.

mod events;
mod recorder;

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use events::EventFile;
pub use recorder::Recorder;

/// The JSON lines' name in a run's folder.
pub const FILE_NAME: &str = "history.jsonl";

/// A figure at a step, under a tag such as `loss` or `PSNR_valid/Set5`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scalar {
    pub tag: String,
    pub step: u64,
    pub value: f64,
}

/// The figures of a run, past and to come.
pub struct History {
    scalars: Vec<Scalar>,
    path: PathBuf,
    lines: File,
    events: EventFile,
}

impl History {
    /// Opens the history in a run's folder, which is made if need be. A run that resumes after step `resumed` keeps
    /// what was recorded up to there; one that starts anew passes 0 and drops all.
    ///
    /// # Errors
    /// If the files cannot be read or written; the message names them.
    pub fn open(folder: &Path, resumed: u64) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
        let path = folder.join(FILE_NAME);
        let at = || format!("history {}", path.display());
        let mut scalars = if path.exists() {
            load(&path)?
        } else {
            Vec::new()
        };
        scalars.retain(|scalar| scalar.step <= resumed && resumed > 0);
        // Written beside and renamed, so that a kill leaves the old history or the new one.
        let fresh = path.with_extension("jsonl.new");
        fs::write(
            &fresh,
            scalars.iter().map(line).collect::<Result<String>>()?,
        )
        .with_context(at)?;
        fs::rename(&fresh, &path).with_context(at)?;
        let lines = OpenOptions::new()
            .append(true)
            .open(&path)
            .with_context(at)?;
        let events = EventFile::create(folder, resumed)?;
        Ok(Self {
            scalars,
            path,
            lines,
            events,
        })
    }

    /// Records a figure; it is in both files when this returns.
    ///
    /// # Errors
    /// If a file cannot be written; the message names it.
    pub fn record(&mut self, tag: &str, step: u64, value: f64) -> Result<()> {
        let scalar = Scalar {
            tag: tag.to_owned(),
            step,
            value,
        };
        let written = self.lines.write_all(line(&scalar)?.as_bytes());
        written.with_context(|| format!("history {}", self.path.display()))?;
        self.events.write_scalar(tag, step, value)?;
        self.scalars.push(scalar);
        Ok(())
    }

    /// Everything recorded, in order.
    #[must_use]
    pub fn scalars(&self) -> &[Scalar] {
        &self.scalars
    }
}

fn line(scalar: &Scalar) -> Result<String> {
    Ok(serde_json::to_string(scalar)? + "\n")
}

/// Reads a history's JSON lines. A last line without its end, which a killed run leaves, is passed over.
///
/// # Errors
/// If the file cannot be read or a line is not a figure; the message names both.
pub fn load(path: &Path) -> Result<Vec<Scalar>> {
    let at = || format!("history {}", path.display());
    let text = fs::read_to_string(path).with_context(at)?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().enumerate().map(|(index, line)| {
        serde_json::from_str(line).with_context(|| format!("{}, line {}", at(), index + 1))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_keeps_what_came_before_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path(), 0).unwrap();
        for step in [100, 200, 300] {
            history.record("loss", step, 1.0 / step as f64).unwrap();
        }
        // Killed in the middle of a line.
        let path = folder.path().join(FILE_NAME);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + "{\"tag\":\"lo").unwrap();

        let mut resumed = History::open(folder.path(), 200).unwrap();
        resumed.record("loss", 300, 0.5).unwrap();
        let steps = |scalars: &[Scalar]| {
            scalars
                .iter()
                .map(|s| (s.step, s.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            steps(resumed.scalars()),
            [(100, 0.01), (200, 0.005), (300, 0.5)]
        );
        assert_eq!(load(&path).unwrap(), resumed.scalars());
        assert!(
            History::open(folder.path(), 0)
                .unwrap()
                .scalars()
                .is_empty()
        );
    }

    #[test]
    fn a_line_that_is_no_figure_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(
            &path,
            "{\"tag\":\"loss\",\"step\":1,\"value\":2.0}\nnonsense\n",
        )
        .unwrap();
        let error = format!("{:#}", load(&path).unwrap_err());
        assert!(
            error.contains(FILE_NAME) && error.contains("line 2"),
            "{error}"
        );
    }
}
