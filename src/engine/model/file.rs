//! The model file: a safetensors container with the graph in its metadata (docs/model-format.md).
//!
//! Nothing is believed before it is checked, and nothing is allocated that the file's own size does not bound.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::Read,
    path::Path,
};

use safetensors::{
    Dtype,
    tensor::{TensorView, serialize},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    BranchTables, CONNECT_TABLE, Graph, Info, Model, ModelError, RcModule, RcTables, THRESHOLDS,
    Tables, TensorName,
    container::{Container, MAX_FILE_BYTES, Tensor, check_file_size},
};

/// Version of the description that this build reads and writes.
pub const FORMAT_VERSION: u32 = 1;

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
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        check_file_size(length)?;
        let mut bytes = Vec::with_capacity(length as usize);
        // A device or a pipe has no length to ask for, so the limit holds for what is read, too.
        file.take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        Self::from_bytes(&bytes)
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
        let Container { metadata, tensors } = Container::parse(bytes)?;
        let Description { info, graph, .. } = parse_description(metadata.get(METADATA_KEY))?;
        graph.validate()?;

        let mut tensors = Tensors { unread: tensors };
        let connect = graph.connect.map(|connect| {
            let name = CONNECT_TABLE.to_owned();
            tensors.read_i8(name, &connect.table_shape())
        });
        let connect = connect.transpose()?;
        let mut stages = Vec::with_capacity(graph.stages.len());
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
            stages.push(branches.collect::<Result<_, ModelError>>()?);
        }
        tensors.refuse_unread()?;
        Self::new(info, graph, Tables { connect, stages })
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
        let bytes = |entries: &[i8]| entries.iter().map(|entry| entry.cast_unsigned()).collect();
        if let (Some(connect), Some(table)) = (&self.graph.connect, self.connect()) {
            let shape = connect.table_shape().to_vec();
            tensors.push((CONNECT_TABLE.to_owned(), Dtype::I8, shape, bytes(table)));
        }
        for (index, stage) in self.graph.stages.iter().enumerate() {
            for (number, branch) in stage.branches.iter().enumerate() {
                let tables = &self.tables()[index][number];
                let name = TensorName::new(index, number);
                let shape = self.graph.table_shape(index, branch);
                tensors.push((name.table(), Dtype::I8, shape, bytes(&tables.table)));
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

fn parse_description(json: Option<&String>) -> Result<Description, ModelError> {
    let json = json.ok_or_else(|| ModelError::Metadata {
        reason: "missing, expected a JSON description".to_owned(),
    })?;
    let Versioned { version } = parse(json)?;
    if version != FORMAT_VERSION {
        return Err(ModelError::Metadata {
            reason: format!("found version {version}, expected {FORMAT_VERSION}"),
        });
    }
    parse(json)
}

/// Parses JSON whose errors say where in it they are.
fn parse<T: DeserializeOwned>(json: &str) -> Result<T, ModelError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let refuse = |at: &str, error: serde_json::Error| {
        let hint = if error.is_data() {
            ""
        } else {
            ", expected JSON whose numbers are finite"
        };
        ModelError::Metadata {
            reason: format!("{at}: {error}{hint}"),
        }
    };
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let at = error.path().to_string();
        refuse(&at, error.into_inner())
    })?;
    deserializer.end().map_err(|error| refuse("end", error))?;
    Ok(value)
}

/// The file's tensors that the graph has not asked for yet.
struct Tensors<'a> {
    unread: BTreeMap<String, Tensor<'a>>,
}

impl<'a> Tensors<'a> {
    /// The bytes of a tensor, after its type and shape are what the graph asks for.
    fn read(
        &mut self,
        name: String,
        dtype: Dtype,
        shape: &[usize],
    ) -> Result<&'a [u8], ModelError> {
        let expected = format!("{dtype} {shape:?}");
        let Some(tensor) = self.unread.remove(&name) else {
            return Err(ModelError::MissingTensor { name, expected });
        };
        if tensor.dtype != dtype || tensor.shape != shape {
            let found = format!("{} {:?}", tensor.dtype, tensor.shape);
            return Err(ModelError::invalid(
                format!("tensor `{name}`"),
                found,
                expected,
            ));
        }
        Ok(tensor.bytes)
    }

    fn read_i8(&mut self, name: String, shape: &[usize]) -> Result<Vec<i8>, ModelError> {
        let bytes = self.read(name, Dtype::I8, shape)?;
        Ok(bytes.iter().map(|byte| byte.cast_signed()).collect())
    }

    fn read_rc(&mut self, module: &RcModule, name: TensorName) -> Result<RcTables, ModelError> {
        let shape = contributions_shape(module);
        let bytes = self.read(name.contributions(), Dtype::I16, &shape)?;
        let values = bytes.as_chunks().0.iter();
        let contributions = values.map(|value| i16::from_le_bytes(*value)).collect();
        let bytes = self.read(name.thresholds(), Dtype::I32, &[THRESHOLDS])?;
        let values = bytes.as_chunks().0.iter();
        Ok(RcTables {
            contributions,
            thresholds: values.map(|value| i32::from_le_bytes(*value)).collect(),
        })
    }

    fn refuse_unread(mut self) -> Result<(), ModelError> {
        match self.unread.pop_first() {
            None => Ok(()),
            Some((name, _)) => Err(ModelError::UnexpectedTensor { name }),
        }
    }
}
