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
use gstrclut::engine::model::{BranchTables, Graph, Info, Model, Pattern, Tables};
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
    let connect = network.connect().zip(graph.connect.as_mut());
    let connect = connect.map(|(network, table)| {
        table.interval = interval;
        let values = grid(&axis(table.nodes(), 1 << interval), 3);
        read_out(&network.table_entries(&values.to_device(device)))
    });
    let mut stages = Vec::new();
    for (index, branches) in network.stages().iter().enumerate() {
        graph.stages[index].interval = interval;
        let mut stage = Vec::with_capacity(branches.len());
        for (number, branch) in branches.iter().enumerate() {
            let at = || format!("stage {}, branch {}", index + 1, number + 1);
            stage.push(
                convert_branch(branch, device, &mut graph, (index, number)).with_context(at)?,
            );
        }
        stages.push(stage);
    }
    Ok(Model::new(info, graph, Tables { connect, stages })?)
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
        Pattern::Simplex(_) => grid(&axis(nodes, 1 << interval), 4),
    };
    let table = read_out(&network.table_entries(&values.to_device(device)));
    Ok(BranchTables { table, rc })
}

/// `[outputs, entries]` whole numbers as a table, which has the outputs last.
fn read_out(entries: &Tensor) -> Vec<i8> {
    let entries = entries.transpose(0, 1).contiguous().flatten(0, 1);
    let entries = entries.to_kind(Kind::Int8).to_device(Device::Cpu);
    Vec::try_from(entries).expect("a vector of entries")
}

/// The values in [0, 1] (the last one above) of so many nodes, `step` levels apart.
fn axis(nodes: usize, step: i64) -> Tensor {
    Tensor::arange(nodes as i64, (Kind::Double, Device::Cpu)) * step / 255.0
}

/// Every combination of as many nodes as there are axes, the last axis fastest: `[axes, nodes^axes]`.
fn grid(axis: &Tensor, axes: usize) -> Tensor {
    let nodes = axis.size()[0];
    let axes = (0..axes).map(|dimension| {
        let mut shape = vec![1; axes];
        shape[dimension] = nodes;
        let all = axis.view(&shape[..]).expand(vec![nodes; axes], false);
        all.flatten(0, -1)
    });
    Tensor::stack(&axes.collect::<Vec<_>>(), 0)
}
