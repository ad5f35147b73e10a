//! A model file taken apart: its header and description as JSON to edit, its tensors as bytes.

use gstrclut::engine::{Model, model::Graph};
use serde_json::Value;

use super::tables::{self, Kind};

/// A safetensors file whose parts can be made wrong one at a time.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// The header without `__metadata__`: tensors by name.
    pub tensors: Value,
    /// The JSON that stands as text under `rclut`.
    pub description: Value,
    /// The bytes behind the header.
    pub buffer: Vec<u8>,
}

impl ModelFile {
    /// A small valid file with two stages, RC modules of both kinds and a 1-D and a 4-D table.
    pub fn valid() -> Self {
        let mut graph = Graph::parse("3' ; 2 3'@0", 2).unwrap();
        let first = &mut graph.stages[0].branches[0];
        first.rc.as_mut().unwrap().entries = 17;
        Self::of(&tables::model(&graph, Kind::Noise, 1))
    }

    /// A valid file of a few kilobytes: 1-D tables only.
    pub fn tiny() -> Self {
        let mut graph = Graph::parse("2' ; 1' 1'@0", 1).unwrap();
        for stage in &mut graph.stages {
            for branch in &mut stage.branches {
                branch.rc.as_mut().unwrap().entries = 17;
            }
        }
        Self::of(&tables::model(&graph, Kind::Noise, 1))
    }

    pub fn of(model: &Model) -> Self {
        let bytes = model.to_bytes();
        let (length, rest) = bytes.split_first_chunk().unwrap();
        let (header, buffer) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let mut tensors: Value = serde_json::from_slice(header).unwrap();
        let metadata = tensors.as_object_mut().unwrap().remove("__metadata__");
        let description = metadata.unwrap()["rclut"].as_str().unwrap().to_owned();
        Self {
            tensors,
            description: serde_json::from_str(&description).unwrap(),
            buffer: buffer.to_vec(),
        }
    }

    /// The JSON header.
    pub fn header(&self) -> String {
        self.header_with(&self.description.to_string())
    }

    /// The JSON header around a description that need not be JSON.
    pub fn header_with(&self, description: &str) -> String {
        let mut header = self.tensors.clone();
        header["__metadata__"] = serde_json::json!({ "rclut": description });
        header.to_string()
    }

    /// The whole file.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_with(&self.header())
    }

    /// The whole file around a header that need not be right.
    pub fn bytes_with(&self, header: &str) -> Vec<u8> {
        let length = (header.len() as u64).to_le_bytes();
        [&length, header.as_bytes(), &self.buffer].concat()
    }

    /// Where a tensor's bytes lie in the buffer.
    pub fn range(&self, name: &str) -> std::ops::Range<usize> {
        let offset = |k: usize| self.tensors[name]["data_offsets"][k].as_u64().unwrap() as usize;
        offset(0)..offset(1)
    }
}
