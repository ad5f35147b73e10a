//! `grow`: a folder of photographs to a model, its tables trained directly.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use gstrclut::engine::model::Graph;

use super::training::{TrainingArgs, train};
use crate::grow::run::Start;

/// Train a model's tables directly on photographs.
///
/// Every twentieth photograph is held out, and the tables that serve those best are kept. With --total-iter the same
/// seed and threads give the same file. Stop it at any moment: the same command goes on from the last checkpoint,
/// OUT.safetensors.checkpoint.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rclut-trainer grow --graph rclut --scale 2 --data photos --minutes 20 -o mine-x2.safetensors\n\n\
    A graph is a preset (srlut, mulut, rclut), the notation such as 's d y ; s@1 s@0', or a file that holds the notation \
    or the graph's JSON."
)]
pub struct Args {
    /// Preset, notation or file of the graph
    #[arg(long, value_name = "NAME|FILE")]
    graph: String,
    /// Output pixels a side for each input pixel
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4))]
    scale: u32,
    /// First learning rate, in levels; it falls along half a cosine
    #[arg(long, default_value_t = 0.3)]
    lr0: f32,
    #[command(flatten)]
    training: TrainingArgs,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let graph = parse_graph(&self.graph, self.scale)?;
        train(Start::Graph(graph), self.lr0, self.training)
    }
}

/// A graph from a preset's name, the notation, or a file that holds the notation or the graph's JSON.
fn parse_graph(text: &str, scale: u32) -> Result<Graph> {
    if !Path::new(text).is_file() {
        return Graph::parse(text, scale).with_context(|| format!("graph `{text}` is no file"));
    }
    let content = fs::read_to_string(text).with_context(|| format!("graph file {text}"))?;
    let parsed = if content.trim_start().starts_with('{') {
        parse_json(&content, scale)
    } else {
        Graph::parse(content.trim(), scale).map_err(Into::into)
    };
    parsed.with_context(|| format!("graph file {text}"))
}

fn parse_json(content: &str, scale: u32) -> Result<Graph> {
    let graph = Graph {
        scale,
        ..serde_json::from_str(content)?
    };
    graph.validate()?;
    Ok(graph)
}
