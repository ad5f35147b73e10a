//! A run from a folder of photographs to a model, resumable at any moment.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use gstrclut::engine::model::{Graph, Info, Model};
use serde_json::json;

use super::{
    adam::Rates,
    checkpoint::{Best, Checkpoint},
    files::{with_suffix, write_whole},
    learner::Learner,
    net::Net,
    patches::Sampler,
    photos::{self, Split},
    schedule::{self, Budget},
    validate::{self, Case},
};

/// What to grow, from what, for how long.
#[derive(Clone, Debug)]
pub struct Options {
    pub graph: Graph,
    /// Folder of photographs.
    pub data: PathBuf,
    pub budget: Budget,
    pub seed: u64,
    /// Patches of a step.
    pub batch: usize,
    /// Side of a patch, in low-resolution pixels.
    pub crop: usize,
    pub rates: Rates,
    pub threads: usize,
    /// Steps between checkpoints, each with a validation.
    pub save_steps: u64,
    /// The model file to write. The checkpoint lies beside it.
    pub output: PathBuf,
    /// Whether to start anew where there is a checkpoint.
    pub restart: bool,
    /// The model's name and licence; the run adds where it came from.
    pub info: Info,
}

/// How a run is going.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    pub steps: u64,
    /// Part of the budget used up, 0..=1.
    pub progress: f32,
    /// Steps a second since the run started or went on.
    pub rate: f64,
    /// Recent mean squared error of the patches, in levels.
    pub loss: f64,
    /// PSNR of the last validation, in dB.
    pub psnr: Option<f64>,
}

/// Someone who watches a run, and may stop it.
pub trait Watcher: Sync {
    /// So many of the photographs have been read.
    fn loading(&self, _done: usize, _total: usize) {}
    /// A step is done.
    fn stepped(&self, _status: &Status) {}
    /// Whether to stop at the next step, with a checkpoint.
    fn wants_stop(&self) -> bool {
        false
    }
}

/// Where the checkpoint of a run lies.
#[must_use]
pub fn checkpoint_path(output: &Path) -> PathBuf {
    with_suffix(output, ".checkpoint")
}

/// Grows a model, or goes on from the checkpoint of the same run, and writes it. Returns it with its validation PSNR.
///
/// # Errors
/// If the photographs cannot be read, the loss is not a number, a file cannot be written or the watcher stops the run.
/// The last checkpoint stays.
pub fn grow(options: &Options, watcher: &dyn Watcher) -> Result<(Model, f64)> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build();
    let pool = pool.context("thread pool")?;
    pool.install(|| Run::start(options, watcher)?.finish())
}

struct Run<'a> {
    options: &'a Options,
    watcher: &'a dyn Watcher,
    /// When the run would have begun, had it never been interrupted.
    begin: Instant,
    data: Data,
    learner: Learner,
    best: Option<Best>,
    status: Status,
}

/// The photographs and who they are.
struct Data {
    split: Split,
    training: Vec<photos::Photo>,
    validation: Vec<Case>,
}

impl Data {
    fn load(options: &Options, watcher: &dyn Watcher) -> Result<Self> {
        let split = Split::of_folder(&options.data)?;
        let total = split.training.len() + split.validation.len();
        let done = std::sync::atomic::AtomicUsize::new(0);
        let loaded = || {
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            watcher.loading(done, total);
        };
        let scale = options.graph.scale as usize;
        let load = |files| photos::load(files, scale, options.crop, loaded);
        let training = load(&split.training)?;
        let validation = load(&split.validation).context("photographs held out")?;
        let validation = validation
            .iter()
            .map(|photo| Case::new(photo, scale))
            .collect();
        Ok(Self {
            split,
            training,
            validation,
        })
    }
}

impl<'a> Run<'a> {
    fn start(options: &'a Options, watcher: &'a dyn Watcher) -> Result<Self> {
        let begin = Instant::now();
        let data = Data::load(options, watcher)?;
        let mut run = Self {
            learner: Learner::new(
                Net::identity(options.graph.clone(), options.seed),
                options.threads,
            ),
            best: None,
            status: Status::default(),
            options,
            watcher,
            begin,
            data,
        };
        let path = checkpoint_path(&options.output);
        if options.restart {
            return Ok(run);
        }
        if let Some(checkpoint) = Checkpoint::find(&path, &run.request())? {
            run.status.steps = checkpoint.steps;
            run.begin = run
                .begin
                .checked_sub(checkpoint.elapsed)
                .unwrap_or(run.begin);
            run.best = checkpoint.best;
            run.status.psnr = run.best.as_ref().map(|best| best.psnr);
            run.learner =
                Learner::resume(options.graph.clone(), checkpoint.learner, options.threads);
        }
        Ok(run)
    }

    fn finish(mut self) -> Result<(Model, f64)> {
        let Options { batch, crop, .. } = *self.options;
        let training = std::mem::take(&mut self.data.training);
        let sampler = Sampler::new(
            &training,
            self.options.graph.scale as usize,
            crop,
            self.options.seed,
        );
        let (first_step, started) = (self.status.steps, Instant::now());
        loop {
            self.status.progress = self.progress();
            self.learner
                .refine(schedule::interval(self.status.progress));
            if schedule::is_settled(self.status.progress) {
                self.learner.settle();
            }
            if self.status.progress >= 1.0 {
                return self.write();
            }
            let rates = schedule::rates(self.options.rates, self.status.progress);
            let loss = self
                .learner
                .step(&sampler.batch(self.status.steps, batch), crop, rates);
            self.status.steps += 1;
            let steps = (self.status.steps - first_step) as f64;
            self.status.rate = steps / started.elapsed().as_secs_f64();
            self.check_loss(loss)?;
            let is_due = self.status.steps.is_multiple_of(self.options.save_steps);
            if is_due {
                self.validate();
            }
            self.watcher.stepped(&self.status);
            if self.watcher.wants_stop() {
                self.save()?;
                bail!(
                    "stopped after {} steps; the same command goes on from {}",
                    self.status.steps,
                    checkpoint_path(&self.options.output).display()
                );
            }
            if is_due {
                self.save()?;
            }
        }
    }

    fn progress(&self) -> f32 {
        self.options
            .budget
            .progress(self.status.steps, self.begin.elapsed())
    }

    fn check_loss(&mut self, loss: f64) -> Result<()> {
        ensure!(
            loss.is_finite(),
            "the loss is {loss} after {} steps, expected a number; lower --lr0. The last checkpoint stays",
            self.status.steps
        );
        let recent = if self.status.loss == 0.0 {
            loss
        } else {
            self.status.loss
        };
        self.status.loss = 0.99 * recent + 0.01 * loss;
        Ok(())
    }

    /// Measures the network on the photographs held out and keeps it if it is the best that a file can hold.
    fn validate(&mut self) {
        let psnr = validate::psnr(self.learner.net(), &self.data.validation);
        self.status.psnr = Some(psnr);
        let is_better = self.best.as_ref().is_none_or(|best| psnr > best.psnr);
        if self.learner.is_settled() && self.learner.net().is_finest() && is_better {
            let model = self.learner.net().to_model(Info::default());
            let model = model.expect("a graph that has been checked").to_bytes();
            self.best = Some(Best {
                psnr,
                steps: self.status.steps,
                model,
            });
        }
    }

    fn save(&self) -> Result<()> {
        let checkpoint = Checkpoint {
            request: self.request(),
            steps: self.status.steps,
            elapsed: self.begin.elapsed(),
            learner: self.learner.saved(),
            best: self.best.clone(),
        };
        checkpoint.save(&checkpoint_path(&self.options.output))
    }

    /// Writes the best model and removes the checkpoint.
    fn write(mut self) -> Result<(Model, f64)> {
        self.validate();
        let best = self
            .best
            .take()
            .expect("the last network is settled and finest");
        let model = Model::from_bytes(&best.model)?;
        let info = Info {
            provenance: self.provenance(&best),
            ..self.options.info.clone()
        };
        let model = Model::new(info, model.graph().clone(), model.tables().to_vec())?;
        write_whole(&self.options.output, &model.to_bytes())?;
        let checkpoint = checkpoint_path(&self.options.output);
        if checkpoint.exists() {
            std::fs::remove_file(&checkpoint)
                .with_context(|| format!("checkpoint {}", checkpoint.display()))?;
        }
        Ok((model, best.psnr))
    }

    /// What makes this run different from another.
    fn request(&self) -> String {
        let Options {
            graph,
            budget,
            seed,
            batch,
            crop,
            rates,
            threads,
            ..
        } = self.options;
        let Split {
            training,
            validation,
        } = &self.data.split;
        let notation = graph.notation();
        let names: Vec<_> = training
            .iter()
            .chain(validation)
            .map(|path| path.file_name())
            .collect();
        format!(
            "{notation} x{} {:?}, {budget:?}, seed {seed}, {batch} patches of {crop}, {rates:?}, {threads} threads, \
             {} images with checksum {:08x}",
            graph.scale,
            graph.border,
            names.len(),
            crc32fast::hash(format!("{names:?}").as_bytes())
        )
    }

    /// What the model says of how it was made.
    fn provenance(&self, best: &Best) -> serde_json::Map<String, serde_json::Value> {
        let entries = json!({
            "method": "grow",
            "graph": self.options.graph.notation(),
            "training_images": self.data.split.training.len(),
            "validation_images": self.data.split.validation.len(),
            "steps": self.status.steps,
            "batch_size": self.options.batch,
            "crop_size": self.options.crop,
            "seed": self.options.seed,
            "threads": self.options.threads,
            "best_step": best.steps,
            "validation_psnr": best.psnr,
        });
        let mut provenance = self.options.info.provenance.clone();
        provenance.extend(entries.as_object().expect("an object").clone());
        provenance
    }
}
