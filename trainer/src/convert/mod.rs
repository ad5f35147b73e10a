//! From a network to a model: every unit read out on its grid, every RC module into fixed point.
//!
//! - [`rc`]: contributions, fraction bits and thresholds of an RC module.
//! - [`compare`]: what the conversion cost, network against model.
//!
//! A table's node `m` is the unit at the values `m * q`, rounded to whole numbers; so on the nodes a table says exactly
//! what the network says. The last node of an axis stands for 256, one level above white, and no sample lies on it: the
//! engine only interpolates towards it (ARITHMETIC section 1). The unit is therefore evaluated at 256/255, where its
//! own straight line between 240 and white ends. At 255/255, as in the published converters, white itself would be read
//! 1/16 of the way back towards 240.

pub mod compare;
pub mod rc;

use anyhow::{Context, Result, ensure};
use gstrclut::engine::model::{BranchTables, Graph, Info, Model, Pattern};
use tch::{Device, Kind, Tensor};

use crate::network::{BranchNetwork, Network};

/// Reads a network out into a model with `2^interval` levels between the nodes of its 4-D tables.
///
/// The network computes in double precision from here on: single precision would round a few entries that lie near a
/// half to one side or the other, depending on the order of sums.
///
/// # Errors
/// If the interval is not 3..=6, or a module's contributions are not finite or beyond what 16 bits hold.
pub fn to_model(network: &Network, interval: u32, info: Info) -> Result<Model> {
    ensure!(
        (3..=6).contains(&interval),
        "interval: found {interval}, expected 3..=6"
    );
    ensure!(
        network.kind() == Kind::Double,
        "a network in double precision"
    );
    let _no_grad = tch::no_grad_guard();
    let device = network.device();
    let mut graph = network.architecture().graph.clone();
    let mut tables = Vec::new();
    for (index, branches) in network.stages().iter().enumerate() {
        graph.stages[index].interval = interval;
        let mut stage = Vec::with_capacity(branches.len());
        for (number, branch) in branches.iter().enumerate() {
            let at = || format!("stage {}, branch {}", index + 1, number + 1);
            stage.push(
                convert_branch(branch, device, &mut graph, (index, number)).with_context(at)?,
            );
        }
        tables.push(stage);
    }
    Ok(Model::new(info, graph, tables)?)
}

fn convert_branch(
    network: &BranchNetwork,
    device: Device,
    graph: &mut Graph,
    (index, number): (usize, usize),
) -> Result<BranchTables> {
    let nodes = graph.stages[index].nodes();
    let interval = graph.stages[index].interval;
    let branch = &mut graph.stages[index].branches[number];
    branch.pattern = network.pattern();
    let rc = match (network.rc(), &mut branch.rc) {
        (Some(trained), Some(module)) => Some(rc::convert(trained, module)?),
        _ => None,
    };
    let values = match branch.pattern {
        Pattern::Point => axis(256, 1).unsqueeze(0),
        Pattern::Simplex(_) => grid(&axis(nodes, 1 << interval)),
    };
    let entries = network.table_entries(&values.to_device(device));
    // The file has the outputs last.
    let entries = entries.transpose(0, 1).contiguous().flatten(0, 1);
    let entries = entries.to_kind(Kind::Int8).to_device(Device::Cpu);
    let table = Vec::try_from(entries).expect("a vector of entries");
    Ok(BranchTables { table, rc })
}

/// The values in [0, 1] (the last one above) of so many nodes, `step` levels apart.
fn axis(nodes: usize, step: i64) -> Tensor {
    Tensor::arange(nodes as i64, (Kind::Double, Device::Cpu)) * step / 255.0
}

/// Every combination of four nodes, the last axis fastest: `[4, nodes^4]`.
fn grid(axis: &Tensor) -> Tensor {
    let nodes = axis.size()[0];
    let axes = (0..4).map(|dimension| {
        let mut shape = [1; 4];
        shape[dimension] = nodes;
        axis.view(shape).expand([nodes; 4], false).flatten(0, 3)
    });
    Tensor::stack(&axes.collect::<Vec<_>>(), 0)
}
