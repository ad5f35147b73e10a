//! PyTorch checkpoints (`.pth`) as named arrays, read without executing anything in them.
//!
//! Both containers that `torch.save` has written are understood, with a whole module or a state dictionary inside:
//! - zip: `*/data.pkl` describes the object, `*/data/KEY` holds the elements of storage KEY, uncompressed;
//! - legacy: five pickles in a row (magic number, protocol version, system, the object, storage keys), then for each
//!   key its number of elements (i64) and the elements. All numbers are little-endian.

mod pickle;
mod values;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::{Cursor, Read},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use zip::{CompressionMethod, ZipArchive};

use pickle::load;
use values::{Pickled, Storage, TensorView};

/// Largest checkpoint accepted.
const MAX_BYTES: u64 = 1 << 30;
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
const LEGACY_MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const LEGACY_PROTOCOL: i128 = 1001;

/// A parameter or buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Values, last axis fastest.
    pub values: Vec<f32>,
}

/// Tensors by their name in the state dictionary, such as `s1_s.model.conv1.conv.weight`.
pub type Tensors = BTreeMap<String, Tensor>;

/// Reads the floating-point tensors of a checkpoint.
///
/// # Errors
/// If the file cannot be read, is malformed, or asks to call anything but what builds tensors; the message names it.
pub fn read(path: &Path) -> Result<Tensors> {
    let at = || format!("checkpoint {}", path.display());
    let length = fs::metadata(path).with_context(at)?.len();
    ensure!(
        length <= MAX_BYTES,
        "{}: found {length} bytes, expected at most {MAX_BYTES}",
        at()
    );
    let bytes = fs::read(path).with_context(at)?;
    parse(&bytes).with_context(at)
}

fn parse(bytes: &[u8]) -> Result<Tensors> {
    if bytes.starts_with(ZIP_MAGIC) {
        parse_zip(bytes)
    } else {
        parse_legacy(bytes)
    }
}

fn parse_zip(bytes: &[u8]) -> Result<Tensors> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).context("expected a zip archive")?;
    let names = archive.file_names().map(|name| Ok(name?.into_owned()));
    let names: Vec<String> = names.collect::<Result<_>>()?;
    let object = names.iter().find_map(|name| name.strip_suffix("/data.pkl"));
    let folder = object.context("found no data.pkl in the archive, expected one")?;
    let mut entry = |name: &str| {
        let name = format!("{folder}/{name}");
        let mut file = archive
            .by_name(&name)
            .with_context(|| format!("archive entry {name}"))?;
        // Uncompressed entries cannot hold more than the file itself does.
        ensure!(
            file.compression() == CompressionMethod::Stored,
            "archive entry {name}: found {}, expected no compression",
            file.compression()
        );
        let mut data = Vec::new();
        file.read_to_end(&mut data)
            .with_context(|| format!("archive entry {name}"))?;
        Ok(data)
    };
    if names.contains(&format!("{folder}/byteorder")) {
        let order = entry("byteorder")?;
        ensure!(
            order == b"little",
            "found byte order {:?}, expected little",
            order.escape_ascii()
        );
    }
    let (pickled, _) = load(&entry("data.pkl")?)?;
    let mut data = HashMap::new();
    for storage in pickled.storages() {
        if !data.contains_key(&storage.key) {
            data.insert(
                storage.key.clone(),
                entry(&format!("data/{}", storage.key))?,
            );
        }
    }
    collect(&pickled, &data)
}

fn parse_legacy(bytes: &[u8]) -> Result<Tensors> {
    let mut rest = bytes;
    let mut next = || {
        let (pickled, used) = load(rest)?;
        rest = &rest[used..];
        Ok::<_, anyhow::Error>(pickled)
    };
    let magic = next().context("expected a PyTorch checkpoint")?.integer();
    ensure!(
        magic == Some(LEGACY_MAGIC),
        "found no magic number, expected a PyTorch checkpoint"
    );
    let protocol = next()?.integer();
    ensure!(
        protocol == Some(LEGACY_PROTOCOL),
        "found protocol version {protocol:?}, expected {LEGACY_PROTOCOL}"
    );
    let system = next()?;
    ensure!(
        system.flag("little_endian") != Some(false),
        "found big-endian numbers, expected little-endian ones"
    );
    let pickled = next().context("the pickled object")?;
    let keys = next().context("the list of storages")?;
    let storages: HashMap<&str, &Storage> = pickled.storages().map(|s| (&*s.key, s)).collect();
    let mut data = HashMap::new();
    for key in keys.texts()? {
        let storage = storages
            .get(key)
            .with_context(|| format!("storage {key}: no tensor uses it"))?;
        let (count, after) = rest
            .split_first_chunk()
            .with_context(|| format!("storage {key}: the file ends"))?;
        let length = usize::try_from(i64::from_le_bytes(*count))
            .ok()
            .and_then(|count| count.checked_mul(storage.element_size()?))
            .filter(|length| *length <= after.len())
            .with_context(|| format!("storage {key}: the file ends before its elements"))?;
        let (elements, after) = after.split_at(length);
        data.insert(key.to_owned(), elements.to_vec());
        rest = after;
    }
    collect(&pickled, &data)
}

/// Every floating-point tensor that the pickled object holds, under its name.
fn collect(pickled: &Pickled, data: &HashMap<String, Vec<u8>>) -> Result<Tensors> {
    let mut tensors = Tensors::new();
    // Tensors may share elements, but not so that a small file fills the memory.
    let mut left: usize = data.values().map(Vec::len).sum();
    for (name, view) in pickled.named_tensors()? {
        if view.storage.is_floating_point() {
            let tensor = gather(&view, data).with_context(|| format!("tensor `{name}`"))?;
            let rest = left.checked_sub(tensor.values.len());
            left = rest.with_context(|| {
                format!("tensor `{name}`: found more values than the file holds bytes")
            })?;
            tensors.insert(name, tensor);
        }
    }
    ensure!(
        !tensors.is_empty(),
        "found no tensors, expected a module or a state dictionary"
    );
    Ok(tensors)
}

/// The elements of a view of a storage, in the order of its axes.
fn gather(view: &TensorView, data: &HashMap<String, Vec<u8>>) -> Result<Tensor> {
    let storage = &view.storage;
    let bytes = data
        .get(&storage.key)
        .with_context(|| format!("storage {} is missing", storage.key))?;
    let elements: Vec<f32> = match storage.kind.as_str() {
        "FloatStorage" => bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        "DoubleStorage" => bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f64::from_le_bytes(*b) as f32)
            .collect(),
        kind => bail!("found {kind}, expected FloatStorage or DoubleStorage"),
    };
    let count = view
        .shape
        .iter()
        .try_fold(1usize, |count, axis| count.checked_mul(*axis));
    let count = count
        .filter(|count| *count <= elements.len())
        .with_context(|| {
            format!(
                "found shape {:?}, expected at most the storage's {} elements",
                view.shape,
                elements.len()
            )
        })?;
    let mut values = Vec::with_capacity(count);
    let mut index = vec![0; view.shape.len()];
    for _ in 0..count {
        let mut steps = index.iter().zip(&view.strides);
        let offset = steps.try_fold(view.offset, |sum, (i, stride)| {
            sum.checked_add(stride.checked_mul(*i)?)
        });
        let value = offset.and_then(|offset| elements.get(offset));
        values.push(
            *value.context("found strides that leave the storage, expected a view inside it")?,
        );
        for (i, length) in index.iter_mut().zip(&view.shape).rev() {
            *i += 1;
            if *i < *length {
                break;
            }
            *i = 0;
        }
    }
    Ok(Tensor {
        shape: view.shape.clone(),
        values,
    })
}
