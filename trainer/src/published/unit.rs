//! The released networks, evaluated on the grid of their tables.
//!
//! A unit maps four values to `scale^2`: a convolution over the sampled pixels, ReLU, four 1x1 convolutions with ReLU
//! (dense: each output is appended to its input), a last 1x1 convolution, and in MuLUT a tanh. Names in a checkpoint:
//!
//! | release | unit | layers |
//! |---|---|---|
//! | MuLUT, dense | `s1_s.model.` | `conv1.conv`, `conv2.conv1.conv` ... `conv5.conv1.conv`, `conv6.conv` |
//! | MuLUT, plain | `s1_s.model.` | `conv1.conv` ... `conv6.conv` |
//! | SR-LUT | none | `conv1` ... `conv6`, no tanh |

use anyhow::{Context, Result, ensure};
use gstrclut::engine::model::{BranchTables, Graph};
use rayon::prelude::*;

use crate::checkpoint::Tensors;

/// Reads the networks of a checkpoint out as the tables of a graph without RC modules.
///
/// Nodes are the values 0, q, 2q, ... and 255 in place of 256, divided by 255; entries are the outputs clamped to
/// -1..=1, times 127, rounded half to even.
///
/// # Errors
/// If the graph has RC modules or the checkpoint lacks a unit of it; the message names the tensor.
pub fn tables_of_networks(tensors: &Tensors, graph: &Graph) -> Result<Vec<Vec<BranchTables>>> {
    let stages = graph.stages.iter().enumerate().map(|(index, stage)| {
        let branches = stage.branches.iter().map(|branch| {
            let word = branch.notation(index);
            let place = format!("stage {}, branch {word}", index + 1);
            ensure!(
                branch.rc.is_none(),
                "{place}: released networks have no RC modules, expected none"
            );
            let unit = Unit::find(tensors, index + 1, &word).context(place.clone())?;
            let outputs = graph.outputs(index);
            ensure!(
                unit.outputs() == outputs,
                "{place}: found a unit of {} outputs, expected {outputs}",
                unit.outputs()
            );
            Ok(BranchTables {
                table: unit.table(stage.interval),
                rc: None,
            })
        });
        branches.collect()
    });
    stages.collect()
}

/// A linear layer: a 1x1 convolution, or the first one over its four values.
pub(super) struct Layer {
    inputs: usize,
    /// `inputs` weights for each output.
    pub weights: Vec<f32>,
    pub biases: Vec<f32>,
}

pub(super) struct Unit {
    /// Six, the last without ReLU.
    pub layers: Vec<Layer>,
    pub dense: bool,
    pub tanh: bool,
}

/// Nodes evaluated together, so that the inner loops run over them.
const BLOCK: usize = 32;
type Lanes = [f32; BLOCK];

impl Unit {
    /// The unit of a stage (from 1) and a mode.
    pub fn find(tensors: &Tensors, stage: usize, mode: &str) -> Result<Self> {
        let released = format!("s{stage}_{mode}.model.");
        let has = |name: &str| tensors.contains_key(name);
        let (prefix, middle, tail, tanh) = if has(&format!("{released}conv2.conv1.conv.weight")) {
            (released.as_str(), ".conv1.conv", ".conv", true)
        } else if !has(&format!("{released}conv1.conv.weight")) && has("conv1.weight") {
            ("", "", "", false)
        } else {
            (released.as_str(), ".conv", ".conv", true)
        };
        let dense = middle == ".conv1.conv";
        let layers = (1..=6).map(|number| {
            let kind = if (2..=5).contains(&number) {
                middle
            } else {
                tail
            };
            Layer::find(tensors, &format!("{prefix}conv{number}{kind}"))
        });
        let unit = Self {
            layers: layers.collect::<Result<_>>()?,
            dense,
            tanh,
        };
        unit.check_widths()?;
        Ok(unit)
    }

    /// Every layer must read what those before it give.
    fn check_widths(&self) -> Result<()> {
        let mut width = 4;
        for (index, layer) in self.layers.iter().enumerate() {
            ensure!(
                layer.inputs == width,
                "conv{}: found {} inputs, expected {width}",
                index + 1,
                layer.inputs
            );
            let outputs = layer.biases.len();
            width = if self.dense && index > 0 {
                width + outputs
            } else {
                outputs
            };
        }
        Ok(())
    }

    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.biases.len())
    }

    /// The table on the grid of an interval, row by row.
    fn table(&self, interval: u32) -> Vec<i8> {
        let nodes = (1usize << (8 - interval)) + 1;
        let rows = nodes.pow(4);
        let outputs = self.outputs();
        let value = |node: usize| (node << interval).min(255) as f32 / 255.0;
        let mut table = vec![0i8; rows * outputs];
        table
            .par_chunks_mut(BLOCK * outputs)
            .enumerate()
            .for_each(|(block, entries)| {
                let axes = [nodes.pow(3), nodes.pow(2), nodes, 1];
                let inputs = axes.map(|step| {
                    std::array::from_fn(|lane| {
                        let row = (block * BLOCK + lane).min(rows - 1);
                        value(row / step % nodes)
                    })
                });
                let results = self.forward(&inputs);
                for (lane, row) in entries.chunks_exact_mut(outputs).enumerate() {
                    for (entry, result) in row.iter_mut().zip(&results) {
                        *entry = (result[lane].clamp(-1.0, 1.0) * 127.0).round_ties_even() as i8;
                    }
                }
            });
        table
    }

    fn forward(&self, inputs: &[Lanes; 4]) -> Vec<Lanes> {
        let (last, hidden) = self.layers.split_last().expect("six layers");
        let mut features = inputs.to_vec();
        for (index, layer) in hidden.iter().enumerate() {
            let mut outputs = layer.apply(&features);
            outputs
                .iter_mut()
                .flatten()
                .for_each(|value| *value = value.max(0.0));
            if self.dense && index > 0 {
                features.append(&mut outputs);
            } else {
                features = outputs;
            }
        }
        let mut outputs = last.apply(&features);
        if self.tanh {
            outputs
                .iter_mut()
                .flatten()
                .for_each(|value| *value = value.tanh());
        }
        outputs
    }
}

impl Layer {
    fn find(tensors: &Tensors, name: &str) -> Result<Self> {
        let tensor = |kind: &str| {
            let name = format!("{name}.{kind}");
            tensors
                .get(&name)
                .with_context(|| format!("tensor `{name}` is missing"))
        };
        let (weight, bias) = (tensor("weight")?, tensor("bias")?);
        let outputs = bias.values.len();
        ensure!(
            weight.shape.len() == 4
                && weight.shape[0] == outputs
                && outputs > 0
                && !weight.values.is_empty(),
            "tensor `{name}.weight`: found shape {:?}, expected ({outputs}, inputs, height, width)",
            weight.shape
        );
        Ok(Self {
            inputs: weight.values.len() / outputs,
            weights: weight.values.clone(),
            biases: bias.values.clone(),
        })
    }

    fn apply(&self, features: &[Lanes]) -> Vec<Lanes> {
        let rows = self.weights.chunks_exact(self.inputs).zip(&self.biases);
        let rows = rows.map(|(weights, bias)| {
            let mut sums = [*bias; BLOCK];
            for (weight, feature) in weights.iter().zip(features) {
                for (sum, value) in sums.iter_mut().zip(feature) {
                    *sum += weight * value;
                }
            }
            sums
        });
        rows.collect()
    }
}
