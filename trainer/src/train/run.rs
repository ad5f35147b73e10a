//! A run from a folder of photographs to a network, resumable at any moment.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

use super::{
    adam::{Adam, Moments},
    checkpoint::{self, Best, Checkpoint, Description},
    gradient::backward,
    task::Task,
    validate::Set,
};
use crate::{
    evaluate::Scores,
    grow::{
        patches::{Patch, Sampler},
        photos::{self, Photo, Split},
    },
    history::History,
    network::{Architecture, Network, connect::COLOURS},
};

/// File names of the checkpoints: the network with the best validation, and the state of the run.
pub const BEST: &str = "best.safetensors";
pub const LAST: &str = "last.safetensors";

/// What to train, on what, for how long. Lengths are in steps.
#[derive(Clone, Debug)]
pub struct Options {
    pub architecture: Architecture,
    pub task: Task,
    /// Folder of photographs.
    pub data: PathBuf,
    /// Folder of validation sets ([`Set::of_folder`]); without it, every twentieth photograph is held out.
    pub validation: Option<PathBuf>,
    pub device: Device,
    pub threads: usize,
    pub seed: u64,
    /// Patches of a step.
    pub batch: usize,
    /// Side of a patch, in low-resolution pixels.
    pub crop: usize,
    pub total: u64,
    pub rates: Rates,
    pub weight_decay: f64,
    /// Steps between records of the loss.
    pub report_every: u64,
    /// Steps between validations.
    pub validate_every: u64,
    /// Steps between checkpoints.
    pub save_every: u64,
    /// Folder of the checkpoints and the history.
    pub folder: PathBuf,
    /// Whether to start anew where there is a checkpoint.
    pub restart: bool,
    /// Steps after which the run must go on; 0 for a new one.
    pub start: Option<u64>,
    /// A checkpoint whose weights a new run starts from, in place of random ones.
    pub init: Option<PathBuf>,
}

/// Learning rates that fall along half a cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// The first.
    pub lr0: f64,
    /// The last; if negative, the rate falls to a fifth of [`Rates::lr0`].
    pub lr1: f64,
}

/// How a run is going.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    pub steps: u64,
    /// Patches a second since the run started or went on.
    pub patches_per_second: f64,
    /// Mean squared error of the last step, of values in [0, 1].
    pub loss: f64,
}

/// Someone who watches a run, and may stop it.
pub trait Watcher: Sync {
    /// So many of the photographs have been read.
    fn loading(&self, _done: usize, _total: usize) {}
    /// A step is done.
    fn stepped(&self, _status: &Status) {}
    /// Sets have been measured.
    fn validated(&self, _steps: u64, _sets: &[(&str, Scores)], _is_best: bool) {}
    /// Whether to stop at the next step, with a checkpoint.
    fn wants_stop(&self) -> bool {
        false
    }
}

impl Rates {
    /// The rate of a step, counted from 0.
    #[must_use]
    pub fn at(self, step: u64, total: u64) -> f64 {
        let cosine = 1.0 + (std::f64::consts::PI * step as f64 / total as f64).cos();
        if self.lr1 < 0.0 {
            self.lr0 * (0.2 + 0.8 * cosine / 2.0)
        } else {
            self.lr1 + (self.lr0 - self.lr1) * cosine / 2.0
        }
    }
}

impl Options {
    /// Where the state of the run lies.
    #[must_use]
    pub fn last_checkpoint(&self) -> PathBuf {
        self.folder.join(LAST)
    }

    /// Where the network with the best validation lies.
    #[must_use]
    pub fn best_checkpoint(&self) -> PathBuf {
        self.folder.join(BEST)
    }
}

/// Trains a network, or goes on from the last checkpoint of the same run. Returns the description of the last
/// checkpoint.
///
/// # Errors
/// If images cannot be read, the loss is not a number, a file cannot be written or the watcher stops the run. The last
/// checkpoint stays.
pub fn train(options: &Options, watcher: &dyn Watcher) -> Result<Description> {
    tch::set_num_threads(options.threads as i32);
    let data = Data::load(options, watcher)?;
    Run::start(options, watcher, &data)?.finish()
}

/// The images and who they are.
struct Data {
    names: String,
    training: Vec<Photo>,
    sets: Vec<Set>,
}

impl Data {
    fn load(options: &Options, watcher: &dyn Watcher) -> Result<Self> {
        let scale = options.architecture.graph.scale as usize;
        let (training, held_out) = match options.validation {
            Some(_) => (crate::image::list(&options.data)?, Vec::new()),
            None => {
                let split = Split::of_folder(&options.data)?;
                (split.training, split.validation)
            }
        };
        let names = |files: &[PathBuf]| {
            let names = files.iter().filter_map(|file| file.file_name());
            names
                .map(|name| name.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let names = format!("{} | {}", names(&training), names(&held_out));
        let total = training.len() + held_out.len();
        let done = AtomicUsize::new(0);
        let load = |files: &[PathBuf]| {
            photos::load(files, &[], scale, options.crop, || {
                watcher.loading(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            })
        };
        let training = load(&training)?;
        let sets = match &options.validation {
            Some(folder) => Set::of_folder(folder, scale, options.task)?,
            None => {
                let photos = load(&held_out).context("photographs held out")?;
                vec![Set::held_out(&photos, scale, options.task)?]
            }
        };
        Ok(Self {
            names,
            training,
            sets,
        })
    }
}

struct Run<'a> {
    options: &'a Options,
    watcher: &'a dyn Watcher,
    data: &'a Data,
    network: Network,
    adam: Adam,
    description: Description,
    history: History,
}

impl<'a> Run<'a> {
    fn start(options: &'a Options, watcher: &'a dyn Watcher, data: &'a Data) -> Result<Self> {
        let request = request(options, data);
        let path = options.last_checkpoint();
        let (network, moments, description) = if path.exists() && !options.restart {
            let checkpoint = Checkpoint::open(&path)?;
            let description = checkpoint.description.clone();
            ensure!(
                description.request == request,
                "checkpoint {} belongs to another run; --restart starts anew\n  found    {}\n  expected {request}",
                path.display(),
                description.request
            );
            let network = checkpoint.network(options.device)?;
            let moments = checkpoint.moments(&network)?;
            (network, moments, description)
        } else {
            let network = new_network(options)?;
            let parameters = network.parameters();
            let moments = parameters.iter().map(|(_, weight)| Moments::zero(weight));
            let description = Description::new(options.architecture.clone(), options.task, request);
            (network, moments.collect(), description)
        };
        let steps = description.steps;
        ensure!(
            options.start.is_none_or(|start| start == steps),
            "--start-iter {}: found a run of {steps} steps in {}, expected one of as many",
            options.start.unwrap_or_default(),
            path.display()
        );
        Ok(Self {
            history: History::open(&options.folder, description.steps)?,
            adam: Adam::new(moments, options.weight_decay),
            options,
            watcher,
            data,
            network,
            description,
        })
    }

    fn finish(mut self) -> Result<Description> {
        let Options {
            batch,
            crop,
            seed,
            total,
            ..
        } = *self.options;
        let scale = self.options.architecture.graph.scale as usize;
        let sampler = Sampler::new(&self.data.training, scale, crop, seed);
        let sampler = sampler.in_colour(self.network.connect().is_some());
        let (first, started) = (self.description.steps, Instant::now());
        while self.description.steps < total {
            let step = self.description.steps;
            if step >= total / 2 {
                // The second half learns what the table will read.
                self.network.freeze_offsets();
            }
            let mut patches = sampler.batch(step, batch);
            self.degrade(&mut patches, step)?;
            let loss = self.step(&patches, step)?;
            self.description.steps += 1;
            let steps = self.description.steps;
            self.watcher.stepped(&Status {
                steps,
                patches_per_second: ((steps - first) as usize * batch) as f64
                    / started.elapsed().as_secs_f64(),
                loss,
            });
            if steps.is_multiple_of(self.options.report_every) {
                self.history.record("loss", steps, loss)?;
            }
            if steps.is_multiple_of(self.options.validate_every) || steps == total {
                self.validate()?;
            }
            if steps.is_multiple_of(self.options.save_every) || steps == total {
                self.save()?;
            } else if self.watcher.wants_stop() {
                self.save()?;
                bail!(
                    "stopped after {steps} steps; the same command goes on from {}",
                    self.options.last_checkpoint().display()
                );
            }
        }
        Ok(self.description)
    }

    fn degrade(&self, patches: &mut [Patch], step: u64) -> Result<()> {
        if self.options.task == Task::Sr {
            return Ok(());
        }
        let mut random = ChaCha8Rng::seed_from_u64(self.options.seed);
        // The sampler counts its streams from below.
        random.set_stream(u64::MAX - step);
        for patch in patches {
            let Options { task, crop, .. } = *self.options;
            for colour in patch.source.chunks_mut(crop * crop) {
                let plane: Vec<u8> = colour.iter().map(|level| *level as u8).collect();
                let plane = task.degrade(&plane, crop, &mut random)?;
                for (level, degraded) in colour.iter_mut().zip(plane) {
                    *level = f32::from(degraded);
                }
            }
        }
        Ok(())
    }

    /// One step of the optimiser; returns the mean squared error.
    fn step(&mut self, patches: &[Patch], step: u64) -> Result<f64> {
        let (source, target) = self.tensors(patches);
        let loss = backward(&self.network, &source, &target, self.options.threads);
        ensure!(
            loss.is_finite(),
            "the loss is {loss} after {step} steps, expected a number; lower --lr0. The last checkpoint stays"
        );
        let rate = self.options.rates.at(step, self.options.total);
        self.adam.step(&self.network.parameters(), step + 1, rate);
        Ok(loss)
    }

    /// Planes of a patch.
    fn colours(&self) -> i64 {
        self.network.connect().map_or(1, |_| COLOURS)
    }

    /// Sources `[batch, colours, crop, crop]` and targets `[batch, colours, scale * crop, scale * crop]` of some patches,
    /// values in [0, 1].
    fn tensors(&self, patches: &[Patch]) -> (Tensor, Tensor) {
        let crop = self.options.crop;
        let scale = i64::from(self.options.architecture.graph.scale);
        let gather = |part: fn(&Patch) -> &Vec<f32>| {
            patches.iter().flat_map(part).copied().collect::<Vec<_>>()
        };
        let (count, colours, side) = (patches.len() as i64, self.colours(), crop as i64);
        let source = gather(|patch| &patch.source);
        let planes = (count * colours) as usize;
        let source = self.network.input(&source, planes, (crop, crop));
        // A patch holds the `scale^2` target values of each low-resolution pixel together.
        let target =
            Tensor::from_slice(&gather(|patch| &patch.target)).to_device(self.options.device);
        let target = target.view([count * colours, side, side, scale * scale]);
        let target = target.permute([0, 3, 1, 2]).pixel_shuffle(scale) / 255.0;
        let shape = |side: i64| [count, colours, side, side];
        (source.view(shape(side)), target.view(shape(scale * side)))
    }

    /// Measures every set, and keeps the network if it is the best so far.
    fn validate(&mut self) -> Result<()> {
        let sets = self.data.sets.iter();
        let scores = sets.map(|set| Ok((set.name.as_str(), set.measure(&self.network)?)));
        let scores: Vec<(&str, Scores)> = scores.collect::<Result<_>>()?;
        let psnr_y =
            scores.iter().map(|(_, scores)| scores.psnr_y).sum::<f64>() / scores.len() as f64;
        let steps = self.description.steps;
        for (name, scores) in &scores {
            let tag = format!("PSNR_valid/{name}");
            self.history.record(&tag, steps, scores.psnr_y)?;
        }
        let is_best = self
            .description
            .best
            .is_none_or(|best| psnr_y > best.psnr_y);
        if is_best {
            self.description.best = Some(Best { psnr_y, steps });
            checkpoint::save(
                &self.options.best_checkpoint(),
                &self.description,
                &self.network,
                &[],
            )?;
        }
        self.watcher.validated(steps, &scores, is_best);
        Ok(())
    }

    fn save(&self) -> Result<()> {
        let path = self.options.last_checkpoint();
        checkpoint::save(&path, &self.description, &self.network, self.adam.moments())
            .context("the last checkpoint, if any, is still there")
    }
}

/// The network that a new run starts with.
fn new_network(options: &Options) -> Result<Network> {
    tch::manual_seed(options.seed as i64);
    let Some(path) = &options.init else {
        return Ok(Network::new(options.architecture.clone(), options.device));
    };
    let checkpoint = Checkpoint::open(path)?;
    let found = &checkpoint.description.architecture;
    ensure!(
        *found == options.architecture,
        "checkpoint {}: found {found}, expected {}",
        path.display(),
        options.architecture
    );
    checkpoint.network(options.device)
}

/// What makes a run different from another.
fn request(options: &Options, data: &Data) -> String {
    let Options {
        architecture,
        task,
        threads,
        seed,
        batch,
        crop,
        total,
        rates,
        weight_decay,
        validate_every,
        init,
        ..
    } = options;
    let init = init.iter().map(|path| format!(", from {}", path.display()));
    format!(
        "{architecture}, {task:?}, {total} steps of {batch} patches of {crop}, {rates:?}, weight decay {weight_decay}, \
         seed {seed}, {threads} threads, validation every {validate_every}, images with checksum {:08x}{}",
        crc32fast::hash(data.names.as_bytes()),
        init.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_fall_from_the_first_to_the_last() {
        let rates = Rates {
            lr0: 1e-3,
            lr1: 1e-4,
        };
        assert!((rates.at(0, 100) - 1e-3).abs() < 1e-12);
        assert!((rates.at(50, 100) - 5.5e-4).abs() < 1e-12);
        assert!((rates.at(100, 100) - 1e-4).abs() < 1e-12);
        let published = Rates { lr1: -1.0, ..rates };
        assert!((published.at(0, 100) - 1e-3).abs() < 1e-12);
        assert!((published.at(100, 100) - 2e-4).abs() < 1e-12);
    }
}
