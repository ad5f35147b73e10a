//! A run from a folder of photographs to a model, resumable at any moment.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
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
    level::{Photographs, level},
    net::Net,
    patches::{Patch, Sampler},
    photos::{self, Split},
    schedule::{self, Budget, Phase},
    validate::{self, Case},
};

/// Patches of photographs by which entries are rounded.
pub const LEVEL_PATCHES: usize = 256;

/// What a run starts from.
#[derive(Clone, Debug)]
pub enum Start {
    /// A graph, whose tables grow from coarse grids that know nothing.
    Graph(Graph),
    /// A finished model, whose entries and RC modules are tuned in the numbers of its file.
    Model {
        model: Arc<Model>,
        /// Whether RC modules that are straight lines may become curves, which take longer to play.
        bend: bool,
    },
}

impl Start {
    /// The graph of the model to write.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        match self {
            Self::Graph(graph) => graph,
            Self::Model { model, .. } => model.graph(),
        }
    }
}

/// What to train, on what, for how long.
#[derive(Clone, Debug)]
pub struct Options {
    pub start: Start,
    /// Folder of photographs.
    pub data: PathBuf,
    /// Folders of their low-resolution versions, each as likely; shrunk by bicubic if there are none.
    pub lows: Vec<PathBuf>,
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

/// What a run ends with.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub model: Model,
    /// Its PSNR on the photographs held out, in dB.
    pub psnr: f64,
    /// That of the model to tune, which [`Outcome::psnr`] is never below.
    pub given: Option<f64>,
}

/// Where the checkpoint of a run lies.
#[must_use]
pub fn checkpoint_path(output: &Path) -> PathBuf {
    with_suffix(output, ".checkpoint")
}

/// Grows or tunes a model, or goes on from the checkpoint of the same run, and writes the best that was validated.
///
/// # Errors
/// If the photographs cannot be read, the loss is not a number, a file cannot be written or the watcher stops the run.
/// The last checkpoint stays.
pub fn train(options: &Options, watcher: &dyn Watcher) -> Result<Outcome> {
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
    /// PSNR of the model to tune.
    given: Option<f64>,
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
        let scale = options.start.graph().scale as usize;
        let load = |files| photos::load(files, &options.lows, scale, options.crop, loaded);
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
        Net::takes(options.start.graph())?;
        let data = Data::load(options, watcher)?;
        let (learner, best) = match &options.start {
            Start::Graph(graph) => {
                let net = Net::identity(graph.clone(), options.seed);
                (Learner::new(net, options.threads), None)
            }
            Start::Model { model, bend } => {
                let net = Net::from_model(model);
                // What is given is the best until something better is found.
                let best = Best {
                    psnr: validate::psnr(&net, &data.validation),
                    steps: 0,
                    branches: net.branches.clone(),
                };
                (
                    Learner::tune(net.learning(*bend), options.threads),
                    Some(best),
                )
            }
        };
        let mut run = Self {
            learner,
            given: best.as_ref().map(|best| best.psnr),
            best,
            status: Status::default(),
            options,
            watcher,
            begin,
            data,
        };
        let path = checkpoint_path(&options.output);
        let checkpoint = match options.restart {
            true => None,
            false => Checkpoint::find(&path, &run.request())?,
        };
        if let Some(checkpoint) = checkpoint {
            run.status.steps = checkpoint.steps;
            run.begin = run
                .begin
                .checked_sub(checkpoint.elapsed)
                .unwrap_or(run.begin);
            run.best = checkpoint.best;
            let graph = options.start.graph().clone();
            run.learner = Learner::resume(graph, checkpoint.learner, options.threads);
        }
        run.status.psnr = run.best.as_ref().map(|best| best.psnr);
        Ok(run)
    }

    fn finish(mut self) -> Result<Outcome> {
        let Options { batch, crop, .. } = *self.options;
        let training = std::mem::take(&mut self.data.training);
        let sampler = Sampler::new(
            &training,
            self.options.start.graph().scale as usize,
            crop,
            self.options.seed,
        );
        let (first_step, started) = (self.status.steps, Instant::now());
        loop {
            self.status.progress = self.progress();
            self.learner
                .refine(schedule::interval(self.status.progress));
            if self.phase() == Phase::Closing && self.learner.phase() < Phase::Closing {
                self.learner.close(&sampler.batch(0, LEVEL_PATCHES), crop);
            }
            if self.status.progress >= 1.0 {
                return self.write(&sampler.batch(0, LEVEL_PATCHES));
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

    /// The phase of the run. All of a finished model is tuned to the end.
    fn phase(&self) -> Phase {
        match self.options.start {
            Start::Graph(_) => schedule::phase(self.status.progress),
            Start::Model { .. } => Phase::Tuning,
        }
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

    /// Measures the network on the photographs held out and keeps it if it is the best of those that are final but for the last
    /// stage.
    fn validate(&mut self) {
        let net = self.learner.net();
        let psnr = validate::psnr(net, &self.data.validation);
        self.status.psnr = Some(psnr);
        let is_best = self.best.as_ref().is_none_or(|best| psnr > best.psnr);
        if self.learner.phase() != Phase::Growing && is_best {
            self.best = Some(Best {
                psnr,
                steps: self.status.steps,
                branches: net.branches.clone(),
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

    /// Rounds and levels the best network, writes the model and removes the checkpoint. A model that was given is tuned or stays
    /// as it is.
    fn write(mut self, patches: &[Patch]) -> Result<Outcome> {
        self.validate();
        let mut best = self.best.take().expect("the last network is final");
        let net = Net {
            graph: self.options.start.graph().clone(),
            branches: std::mem::take(&mut best.branches),
        };
        let mut levelled = net.clone();
        let last = net.branches.len() - 1;
        let photographs = Photographs::of(&net, last, patches, self.options.crop);
        level(&mut levelled, last, &photographs);
        let psnr = validate::psnr(&levelled, &self.data.validation);
        let is_given = self.given.is_some() && best.steps == 0;
        let model = if !is_given && self.given.is_none_or(|given| psnr >= given) {
            best.psnr = psnr;
            levelled.to_model(Info::default())?
        } else {
            net.to_model(Info::default())?
        };
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
        Ok(Outcome {
            model,
            psnr: best.psnr,
            given: self.given,
        })
    }

    /// What makes this run different from another.
    fn request(&self) -> String {
        let Options {
            start,
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
        let start = match start {
            Start::Graph(graph) => {
                format!("{} x{} {:?}", graph.notation(), graph.scale, graph.border)
            }
            Start::Model { model, bend } => format!(
                "model {} with checksum {:08x}, bend {bend}",
                model.info().name,
                crc32fast::hash(&model.to_bytes())
            ),
        };
        let names: Vec<_> = training
            .iter()
            .chain(validation)
            .map(|path| path.file_name())
            .collect();
        let lows = &self.options.lows;
        format!(
            "{start}, {budget:?}, seed {seed}, {batch} patches of {crop}, {rates:?}, {threads} threads, \
             {} images with checksum {:08x}, small ones in {lows:?}",
            names.len(),
            crc32fast::hash(format!("{names:?}").as_bytes())
        )
    }

    /// What the model says of how it was made.
    fn provenance(&self, best: &Best) -> serde_json::Map<String, serde_json::Value> {
        let (method, tuned) = match &self.options.start {
            Start::Graph(_) => ("grow", None),
            Start::Model { model, .. } => ("finetune", Some(model.info())),
        };
        let entries = json!({
            "method": method,
            "graph": self.options.start.graph().notation(),
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
        if let Some(Info {
            name,
            licence,
            provenance: before,
        }) = tuned
        {
            let tuned = json!({ "name": name, "licence": licence, "provenance": before });
            provenance.insert("tuned_from".to_owned(), tuned);
        }
        provenance
    }
}
