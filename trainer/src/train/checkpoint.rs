//! A network on disk, and with it all that a run needs to go on: a safetensors file with a JSON description.
//!
//! The patches and noise of a step follow from the seed and the step's number, so no generator has a state to keep.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use safetensors::{
    Dtype, SafeTensors,
    tensor::{TensorView, serialize},
};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::{adam::Moments, task::Task};
use crate::{
    grow::files::write_whole,
    network::{Architecture, Network},
};

const VERSION: u32 = 1;
/// Key of the description in the container's `__metadata__`.
const METADATA_KEY: &str = "rclut-trainer";

/// Whose weights they are and how they came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    version: u32,
    pub architecture: Architecture,
    pub task: Task,
    /// What the run was asked for, in words; a run with another request must not go on from here.
    pub request: String,
    /// Steps done.
    pub steps: u64,
    /// The best validation so far.
    pub best: Option<Best>,
}

/// A validation that no other has beaten.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Mean PSNR-Y of the sets, in dB.
    pub psnr_y: f64,
    /// Steps after which it stood.
    pub steps: u64,
}

/// A checkpoint that has been read.
pub struct Checkpoint {
    pub description: Description,
    tensors: HashMap<String, Tensor>,
}

impl Description {
    /// Of a run that has not begun.
    #[must_use]
    pub fn new(architecture: Architecture, task: Task, request: String) -> Self {
        Self {
            version: VERSION,
            architecture,
            task,
            request,
            steps: 0,
            best: None,
        }
    }
}

/// Writes the weights and, for a run to go on, the optimiser's state.
///
/// # Errors
/// If the file cannot be written; what was there before stays.
pub fn save(
    path: &Path,
    description: &Description,
    network: &Network,
    moments: &[Moments],
) -> Result<()> {
    let mut tensors: Vec<(String, Tensor)> = network.parameters();
    let names: Vec<String> = tensors.iter().map(|(name, _)| name.clone()).collect();
    for (name, moments) in names.iter().zip(moments) {
        tensors.push((first_moment(name), moments.first.shallow_clone()));
        tensors.push((second_moment(name), moments.second.shallow_clone()));
    }
    let tensors = tensors.iter().map(|(name, tensor)| {
        let shape = tensor.size().iter().map(|n| *n as usize).collect();
        (name, shape, bytes(tensor))
    });
    let tensors: Vec<(&String, Vec<usize>, Vec<u8>)> = tensors.collect();
    let views = tensors.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), data);
        (name, view.expect("four bytes for each element"))
    });
    let description = serde_json::to_string(description)?;
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), description)]);
    write_whole(path, &serialize(views, Some(metadata))?)
}

fn first_moment(parameter: &str) -> String {
    format!("adam.first.{parameter}")
}

fn second_moment(parameter: &str) -> String {
    format!("adam.second.{parameter}")
}

fn bytes(tensor: &Tensor) -> Vec<u8> {
    let values = tensor
        .detach()
        .to_device(Device::Cpu)
        .to_kind(Kind::Float)
        .flatten(0, -1);
    let values = Vec::<f32>::try_from(values).expect("a vector of numbers");
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// If the file cannot be read or is not a checkpoint that this version wrote; the message names it.
    pub fn open(path: &Path) -> Result<Self> {
        let file = fs::read(path).with_context(|| format!("checkpoint {}", path.display()))?;
        Self::from_bytes(&file).with_context(|| format!("checkpoint {}", path.display()))
    }

    fn from_bytes(file: &[u8]) -> Result<Self> {
        let (_, metadata) = SafeTensors::read_metadata(file)?;
        let metadata = metadata.metadata().as_ref();
        let description = metadata.and_then(|entries| entries.get(METADATA_KEY));
        let description = description.with_context(|| {
            format!("found no `{METADATA_KEY}` metadata, expected a network that `train` wrote")
        })?;
        let description: Description = serde_json::from_str(description)?;
        ensure!(
            description.version == VERSION,
            "found version {}, expected {VERSION}",
            description.version
        );
        description.architecture.validate()?;
        let mut tensors = HashMap::new();
        for (name, view) in SafeTensors::deserialize(file)?.iter() {
            ensure!(
                view.dtype() == Dtype::F32,
                "tensor `{name}`: found {:?}, expected F32",
                view.dtype()
            );
            let size: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
            let tensor = Tensor::f_from_data_size(view.data(), &size, Kind::Float)?;
            tensors.insert(name.to_owned(), tensor);
        }
        Ok(Self {
            description,
            tensors,
        })
    }

    /// The network, with its weights.
    ///
    /// # Errors
    /// If a weight is missing or has another shape.
    pub fn network(&self, device: Device) -> Result<Network> {
        let network = Network::new(self.description.architecture.clone(), device);
        let _no_grad = tch::no_grad_guard();
        for (name, weight) in network.parameters() {
            weight.shallow_clone().copy_(self.tensor(&name, &weight)?);
        }
        Ok(network)
    }

    /// The optimiser's state, in the order of the network's parameters.
    ///
    /// # Errors
    /// If the file holds a network only, or a shape is wrong.
    pub fn moments(&self, network: &Network) -> Result<Vec<Moments>> {
        let parameters = network.parameters();
        let moments = parameters.iter().map(|(name, weight)| {
            let device = weight.device();
            Ok(Moments {
                first: self.tensor(&first_moment(name), weight)?.to_device(device),
                second: self.tensor(&second_moment(name), weight)?.to_device(device),
            })
        });
        moments.collect()
    }

    /// A tensor of the shape of `like`.
    fn tensor(&self, name: &str, like: &Tensor) -> Result<&Tensor> {
        let Some(tensor) = self.tensors.get(name) else {
            bail!(
                "tensor `{name}` is missing, expected one of shape {:?}",
                like.size()
            );
        };
        ensure!(
            tensor.size() == like.size(),
            "tensor `{name}`: found shape {:?}, expected {:?}",
            tensor.size(),
            like.size()
        );
        Ok(tensor)
    }
}
