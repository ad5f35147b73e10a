//! The model file: a safetensors container with the graph in its metadata (docs/model-format.md).
//!
//! Nothing is believed before it is checked, and nothing is allocated that the file's own size does not bound.

use std::{
    collections::{HashMap, HashSet},
    fmt, fs,
    path::Path,
};

use safetensors::{
    Dtype, SafeTensors,
    tensor::{TensorView, serialize},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};

use super::{
    BranchTables, Graph, Info, Model, ModelError, RcModule, RcTables, THRESHOLDS, TensorName,
};

/// Version of the description that this build reads and writes.
pub const FORMAT_VERSION: u32 = 1;
/// Largest file accepted.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Largest JSON header accepted; bounds what parsing can allocate.
pub const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Key of the description in the container's `__metadata__`.
const METADATA_KEY: &str = "rclut";

/// The JSON under `rclut`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    info: Info,
    graph: Graph,
}

/// The one field that every version has, read first so that a newer file gets a message about its version.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Model {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError::Io`] if it cannot be read, otherwise as [`Model::from_bytes`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let io = |source| ModelError::Io {
            path: path.to_owned(),
            source,
        };
        check_file_size(fs::metadata(path).map_err(io)?.len())?;
        Self::from_bytes(&fs::read(path).map_err(io)?)
    }

    /// Writes a model file.
    ///
    /// # Errors
    /// [`ModelError::Io`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelError> {
        let path = path.as_ref();
        fs::write(path, self.to_bytes()).map_err(|source| ModelError::Io {
            path: path.to_owned(),
            source,
        })
    }

    /// Reads a model from the bytes of its file.
    ///
    /// # Errors
    /// One for every way in which docs/model-format.md says a file can be malformed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        check_file_size(bytes.len() as u64)?;
        refuse_duplicate_tensors(header(bytes)?)?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(container)?;
        let description = metadata.metadata().as_ref();
        let description = description.and_then(|entries| entries.get(METADATA_KEY));
        let Description { info, graph, .. } = parse_description(description)?;
        graph.validate()?;

        let file = SafeTensors::deserialize(bytes).map_err(container)?;
        let mut tensors = Tensors { file, read: 0 };
        let mut tables = Vec::with_capacity(graph.stages.len());
        for (index, stage) in graph.stages.iter().enumerate() {
            let branches = stage.branches.iter().enumerate();
            let branches = branches.map(|(number, branch)| {
                let name = TensorName::new(index, number);
                Ok(BranchTables {
                    table: tensors.read_i8(name.table(), &graph.table_shape(index, branch))?,
                    rc: match &branch.rc {
                        Some(module) => Some(tensors.read_rc(module, name)?),
                        None => None,
                    },
                })
            });
            tables.push(branches.collect::<Result<_, ModelError>>()?);
        }
        tensors.refuse_unread(&graph)?;
        Self::new(info, graph, tables)
    }

    /// The bytes of the model's file. The same model gives the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let description = Description {
            version: FORMAT_VERSION,
            info: self.info.clone(),
            graph: self.graph.clone(),
        };
        let description =
            serde_json::to_string(&description).expect("a description has string keys only");
        let tensors = self.owned_tensors();
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            let view = TensorView::new(*dtype, shape.clone(), data);
            (
                name,
                view.expect("a valid model's tensors have their shapes"),
            )
        });
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), description)]);
        serialize(views, Some(metadata)).expect("tensors of a valid model serialize")
    }

    fn owned_tensors(&self) -> Vec<(String, Dtype, Vec<usize>, Vec<u8>)> {
        let mut tensors = Vec::new();
        for (index, stage) in self.graph.stages.iter().enumerate() {
            for (number, branch) in stage.branches.iter().enumerate() {
                let tables = &self.tables[index][number];
                let name = TensorName::new(index, number);
                let entries = tables.table.iter().map(|entry| entry.cast_unsigned());
                let shape = self.graph.table_shape(index, branch);
                tensors.push((name.table(), Dtype::I8, shape, entries.collect()));
                if let (Some(module), Some(rc)) = (&branch.rc, &tables.rc) {
                    let data = rc
                        .contributions
                        .iter()
                        .flat_map(|value| value.to_le_bytes());
                    let shape = contributions_shape(module);
                    tensors.push((name.contributions(), Dtype::I16, shape, data.collect()));
                    let data = rc.thresholds.iter().flat_map(|value| value.to_le_bytes());
                    let shape = vec![THRESHOLDS];
                    tensors.push((name.thresholds(), Dtype::I32, shape, data.collect()));
                }
            }
        }
        tensors
    }
}

fn contributions_shape(module: &RcModule) -> Vec<usize> {
    [module.size, module.size, module.entries]
        .map(|n| n as usize)
        .to_vec()
}

fn container(error: impl fmt::Display) -> ModelError {
    ModelError::Container {
        reason: error.to_string(),
    }
}

fn check_file_size(bytes: u64) -> Result<(), ModelError> {
    if bytes <= MAX_FILE_BYTES {
        return Ok(());
    }
    Err(ModelError::invalid(
        "model file",
        format!("{bytes} bytes"),
        format!("at most {MAX_FILE_BYTES} bytes"),
    ))
}

/// The JSON header, whose length the first eight bytes give.
fn header(bytes: &[u8]) -> Result<&[u8], ModelError> {
    let (length, rest) = bytes
        .split_first_chunk()
        .ok_or_else(|| container(format!("found {} bytes, expected at least 8", bytes.len())))?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(container(format!(
            "found a header of {length} bytes, expected at most {MAX_HEADER_BYTES}"
        )));
    }
    rest.get(..length as usize).ok_or_else(|| {
        container(format!(
            "found {} bytes after the header's length, expected a header of {length}",
            rest.len()
        ))
    })
}

/// JSON parsers keep the last of two equal keys; a file that names a tensor twice is refused instead.
fn refuse_duplicate_tensors(header: &[u8]) -> Result<(), ModelError> {
    struct UniqueKeys;
    impl<'de> Visitor<'de> for UniqueKeys {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a JSON object of tensors")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut seen = HashSet::new();
            while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                if seen.contains(&key) {
                    let message = format!("tensor `{key}` appears twice, expected once");
                    return Err(A::Error::custom(message));
                }
                seen.insert(key);
            }
            Ok(())
        }
    }
    let mut json = serde_json::Deserializer::from_slice(header);
    json.deserialize_map(UniqueKeys).map_err(container)
}

fn parse_description(json: Option<&String>) -> Result<Description, ModelError> {
    let refuse = |reason: String| ModelError::Metadata { reason };
    let json = json.ok_or_else(|| refuse("missing, expected a JSON description".to_owned()))?;
    let invalid = |error: serde_json::Error| refuse(error.to_string());
    let Versioned { version } = serde_json::from_str(json).map_err(invalid)?;
    if version != FORMAT_VERSION {
        return Err(refuse(format!(
            "found version {version}, expected {FORMAT_VERSION}"
        )));
    }
    serde_json::from_str(json).map_err(invalid)
}

/// The file's tensors, and how many of them the graph has asked for.
struct Tensors<'a> {
    file: SafeTensors<'a>,
    read: usize,
}

impl Tensors<'_> {
    /// The bytes of a tensor, after its type and shape are what the graph asks for.
    fn read(&mut self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&[u8], ModelError> {
        let tensor = self
            .file
            .tensor(name)
            .map_err(|_| ModelError::MissingTensor {
                name: name.to_owned(),
                expected: format!("{dtype:?} {shape:?}"),
            })?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            return Err(ModelError::invalid(
                format!("tensor `{name}`"),
                format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                format!("{dtype:?} {shape:?}"),
            ));
        }
        self.read += 1;
        Ok(tensor.data())
    }

    fn read_i8(&mut self, name: String, shape: &[usize]) -> Result<Vec<i8>, ModelError> {
        let bytes = self.read(&name, Dtype::I8, shape)?;
        Ok(bytes.iter().map(|byte| byte.cast_signed()).collect())
    }

    fn read_rc(&mut self, module: &RcModule, name: TensorName) -> Result<RcTables, ModelError> {
        let shape = contributions_shape(module);
        let bytes = self.read(&name.contributions(), Dtype::I16, &shape)?;
        let values = bytes.as_chunks().0.iter();
        let contributions = values.map(|value| i16::from_le_bytes(*value)).collect();
        let bytes = self.read(&name.thresholds(), Dtype::I32, &[THRESHOLDS])?;
        let values = bytes.as_chunks().0.iter();
        Ok(RcTables {
            contributions,
            thresholds: values.map(|value| i32::from_le_bytes(*value)).collect(),
        })
    }

    fn refuse_unread(&self, graph: &Graph) -> Result<(), ModelError> {
        if self.file.len() == self.read {
            return Ok(());
        }
        let mut names: Vec<&str> = self.file.names();
        names.sort_unstable();
        let asked = asked_names(graph);
        let stray = names.into_iter().find(|name| !asked.contains(*name));
        Err(ModelError::UnexpectedTensor {
            name: stray.unwrap_or_default().to_owned(),
            expected: self.read,
        })
    }
}

fn asked_names(graph: &Graph) -> HashSet<String> {
    let mut names = HashSet::new();
    for (index, stage) in graph.stages.iter().enumerate() {
        for (number, branch) in stage.branches.iter().enumerate() {
            let name = TensorName::new(index, number);
            names.insert(name.table());
            if branch.rc.is_some() {
                names.insert(name.contributions());
                names.insert(name.thresholds());
            }
        }
    }
    names
}
