//! What a pickle holds once read: values that refer to each other by number, and the tensors found among them.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};

/// Where a value lies in its [`Pickled`].
pub(super) type Id = usize;

/// A Python value, as far as finding tensors needs it. Containers hold the numbers of their members, so that neither
/// cycles nor depth can hurt.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Integer(i128),
    Flag(bool),
    Text(String),
    Sequence(Vec<Id>),
    Dictionary(Vec<(Id, Id)>),
    /// A class or function by name; never looked up.
    Global(String),
    /// An instance of a class, with the state it was given.
    Object(Option<Id>),
    Storage(Storage),
    Tensor(TensorView),
    /// Anything that no tensor depends on: None, floats, bytes, sets.
    Other,
}

/// A run of elements in the file.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// `FloatStorage` and its like.
    pub kind: String,
    pub key: String,
}

/// A tensor's view of its storage.
#[derive(Clone, Debug)]
pub(super) struct TensorView {
    pub storage: Storage,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl Storage {
    /// Bytes of an element, if the kind is a known one.
    pub fn element_size(&self) -> Option<usize> {
        Some(match self.kind.strip_suffix("Storage")? {
            "Double" | "Long" => 8,
            "Float" | "Int" => 4,
            "Half" | "BFloat16" | "Short" => 2,
            "Byte" | "Char" | "Bool" => 1,
            _ => return None,
        })
    }

    pub fn is_floating_point(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "DoubleStorage" | "FloatStorage" | "HalfStorage" | "BFloat16Storage"
        )
    }
}

/// A pickle's values and which of them is the pickled one.
#[derive(Debug)]
pub(super) struct Pickled {
    pub values: Vec<Value>,
    pub root: Id,
}

/// Deepest nesting of modules in the search for tensors.
const MAX_DEPTH: usize = 32;

impl Pickled {
    pub fn integer(&self) -> Option<i128> {
        match self.values[self.root] {
            Value::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The boolean under a key of the dictionary that was pickled.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.values[self.entries(self.root).get(key).copied()?] {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// The list of texts that was pickled.
    pub fn texts(&self) -> Result<Vec<&str>> {
        let Value::Sequence(items) = &self.values[self.root] else {
            bail!("found another value, expected a list");
        };
        let texts = items.iter().map(|item| match &self.values[*item] {
            Value::Text(text) => Ok(text.as_str()),
            other => bail!("found {other:?}, expected a text"),
        });
        texts.collect()
    }

    pub fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.values.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// Tensors by the names that `state_dict` would give them.
    pub fn named_tensors(&self) -> Result<Vec<(String, TensorView)>> {
        let mut found = Vec::new();
        // Each container is searched once, so that cycles end and shared ones cost nothing.
        let mut seen = HashSet::new();
        let mut pending = vec![(self.root, String::new(), 0)];
        while let Some((id, name, depth)) = pending.pop() {
            ensure!(
                depth <= MAX_DEPTH,
                "found modules nested deeper than {MAX_DEPTH}"
            );
            let members = match &self.values[id] {
                Value::Tensor(view) => {
                    found.push((name, view.clone()));
                    continue;
                }
                Value::Object(Some(state)) if seen.insert(id) => self.module_members(*state),
                Value::Dictionary(_) if seen.insert(id) => self.entries(id),
                _ => continue,
            };
            for (key, member) in members {
                let name = if name.is_empty() {
                    key.to_owned()
                } else {
                    format!("{name}.{key}")
                };
                pending.push((member, name, depth + 1));
            }
        }
        Ok(found)
    }

    /// A module's parameters, buffers and submodules by name.
    fn module_members(&self, state: Id) -> HashMap<&str, Id> {
        let state = self.entries(state);
        let groups = ["_parameters", "_buffers", "_modules"];
        let groups = groups.iter().filter_map(|group| state.get(group));
        groups.flat_map(|group| self.entries(*group)).collect()
    }

    /// The members of a dictionary whose keys are texts; none for any other value.
    fn entries(&self, id: Id) -> HashMap<&str, Id> {
        let Value::Dictionary(entries) = &self.values[id] else {
            return HashMap::new();
        };
        let entries = entries
            .iter()
            .filter_map(|(key, value)| match &self.values[*key] {
                Value::Text(key) => Some((key.as_str(), *value)),
                _ => None,
            });
        entries.collect()
    }

    /// The storage and tensor that `torch._utils._rebuild_tensor_v2` was given.
    pub fn tensor(&self, arguments: &[Id]) -> Result<TensorView> {
        let [storage, offset, shape, strides, ..] = arguments else {
            bail!(
                "found a tensor of {} arguments, expected at least 4",
                arguments.len()
            );
        };
        let Value::Storage(storage) = &self.values[*storage] else {
            bail!("found a tensor without a storage");
        };
        let view = TensorView {
            storage: storage.clone(),
            offset: self.length(*offset)?,
            shape: self.lengths(*shape)?,
            strides: self.lengths(*strides)?,
        };
        ensure!(
            view.shape.len() == view.strides.len(),
            "found a tensor whose shape and strides differ in length"
        );
        Ok(view)
    }

    /// The storage that a persistent id names.
    pub fn storage(&self, kind: Id, key: Id) -> Result<Storage> {
        match (&self.values[kind], &self.values[key]) {
            (Value::Global(kind), Value::Text(key)) => {
                let kind = kind.rsplit('.').next().unwrap_or_default();
                Ok(Storage {
                    kind: kind.to_owned(),
                    key: key.clone(),
                })
            }
            _ => bail!("found a storage without type and key"),
        }
    }

    fn length(&self, id: Id) -> Result<usize> {
        match self.values[id] {
            Value::Integer(integer) => usize::try_from(integer)
                .with_context(|| format!("found length {integer}, expected 0 or more")),
            ref other => bail!("found {other:?}, expected a length"),
        }
    }

    fn lengths(&self, id: Id) -> Result<Vec<usize>> {
        match &self.values[id] {
            Value::Sequence(items) => items.iter().map(|item| self.length(*item)).collect(),
            other => bail!("found {other:?}, expected a list of lengths"),
        }
    }
}
