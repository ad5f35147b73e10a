//! The state of a run on disk, from which it goes on as if nothing had happened.

use std::{fs, io::ErrorKind, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{files::write_whole, learner::Saved, net::Branch};

/// All that a run needs to go on; the patches of a step follow from the seed.
#[derive(Serialize, Deserialize)]
pub struct Checkpoint<'a> {
    /// What the run was asked for, in words; a run with another request must not go on from here.
    pub request: String,
    /// Steps done.
    pub steps: u64,
    /// Time spent.
    pub elapsed: Duration,
    pub learner: Saved<'a>,
    /// The best network so far.
    pub best: Option<Best>,
}

/// A network whose last stage alone may still learn, and its PSNR on the photographs held out.
#[derive(Clone, Serialize, Deserialize)]
pub struct Best {
    pub psnr: f64,
    /// Steps after which it stood.
    pub steps: u64,
    pub branches: Vec<Vec<Branch>>,
}

impl Checkpoint<'_> {
    /// Writes a checkpoint in place of the last one.
    ///
    /// # Errors
    /// If the file cannot be written; the last one stays.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = postcard::to_stdvec(self).context("checkpoint")?;
        write_whole(path, &bytes).context("the last checkpoint, if any, is still there")
    }

    /// Reads the checkpoint of a run, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged or belongs to another run.
    pub fn find(path: &Path, request: &str) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error).with_context(|| format!("checkpoint {}", path.display()))?,
        };
        let checkpoint: Self = postcard::from_bytes(&bytes).with_context(|| {
            format!(
                "checkpoint {} is damaged; --restart starts anew",
                path.display()
            )
        })?;
        ensure!(
            checkpoint.request == request,
            "checkpoint {} belongs to another run; --restart starts anew\n  found    {}\n  expected {request}",
            path.display(),
            checkpoint.request
        );
        Ok(Some(checkpoint))
    }
}
