//! The released networks as networks of ours, to convert, compare and train further.

use anyhow::{Context, Result, ensure};
use gstrclut::engine::model::Graph;
use tch::{Device, Tensor};

use super::unit::Unit;
use crate::{
    checkpoint::Tensors,
    network::{Architecture, Block, Bound, Network, RcActivation},
};

/// A checkpoint's networks in place of the tables of a graph without RC modules.
///
/// # Errors
/// If the graph has RC modules, the checkpoint lacks a unit of it, or two units are not of one kind and size; the message
/// names the place.
pub fn network_of(tensors: &Tensors, graph: &Graph) -> Result<Network> {
    let mut named = Vec::new();
    let mut architecture: Option<Architecture> = None;
    for (index, stage) in graph.stages.iter().enumerate() {
        for (number, branch) in stage.branches.iter().enumerate() {
            let word = branch.notation(index);
            let place = format!("stage {}, branch {word}", index + 1);
            ensure!(
                branch.rc.is_none(),
                "{place}: released networks have no RC modules, expected none"
            );
            let unit = Unit::find(tensors, index + 1, &word).context(place.clone())?;
            let found = architecture_of(&unit, graph);
            let expected = architecture.get_or_insert_with(|| found.clone());
            ensure!(
                found == *expected,
                "{place}: found a unit of {found}, expected {expected} as in the first"
            );
            named.push((
                format!("stage{}.branch{}.unit", index + 1, number + 1),
                unit,
            ));
        }
    }
    let architecture = architecture.context("a graph has branches")?;
    let network = Network::new(architecture, Device::Cpu);
    let parameters = network.parameters();
    let _no_grad = tch::no_grad_guard();
    for (unit, layer, kind, values) in named.iter().flat_map(|(name, unit)| weights(name, unit)) {
        let name = format!("{unit}.conv{layer}.{kind}");
        let found = parameters.iter().find(|(parameter, _)| *parameter == name);
        let (_, parameter) = found.context("a network has every layer of its units")?;
        ensure!(
            parameter.numel() == values.len(),
            "tensor `{name}`: found {} values, expected {:?}",
            values.len(),
            parameter.size()
        );
        let values = Tensor::from_slice(values).view(&parameter.size()[..]);
        parameter.shallow_clone().copy_(&values);
    }
    Ok(network)
}

fn architecture_of(unit: &Unit, graph: &Graph) -> Architecture {
    Architecture {
        graph: graph.clone(),
        features: unit.layers[0].biases.len() as i64,
        block: if unit.dense {
            Block::Dense
        } else {
            Block::Plain
        },
        bound: if unit.tanh { Bound::Tanh } else { Bound::Clamp },
        rc_activation: RcActivation::None,
        learned: Vec::new(),
    }
}

/// Name of the unit, number of the layer from 1, kind and values of each of its tensors.
fn weights<'a>(
    name: &'a str,
    unit: &'a Unit,
) -> impl Iterator<Item = (&'a str, usize, &'static str, &'a [f32])> {
    unit.layers
        .iter()
        .enumerate()
        .flat_map(move |(index, layer)| {
            [
                (name, index + 1, "weight", &layer.weights[..]),
                (name, index + 1, "bias", &layer.biases[..]),
            ]
        })
}
