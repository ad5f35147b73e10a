//! The safetensors container: its header and the bytes of its tensors, checked before anything is believed.
//!
//! The `safetensors` crate reads the same files, but its errors do not say which tensor is wrong and what was expected.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use safetensors::Dtype;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::ModelError;

/// Largest file accepted.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Largest JSON header accepted; bounds what parsing can allocate.
pub const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Key of the header's entry that is no tensor.
const METADATA_KEY: &str = "__metadata__";

/// A container whose tensors fill its buffer exactly.
pub struct Container<'a> {
    pub metadata: BTreeMap<String, String>,
    pub tensors: BTreeMap<String, Tensor<'a>>,
}

/// A tensor's type, shape and bytes, which agree with each other.
pub struct Tensor<'a> {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: &'a [u8],
}

/// What the header says of a tensor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorInfo {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Where the tensor's bytes start and end in the buffer behind the header.
    data_offsets: (usize, usize),
}

impl<'a> Container<'a> {
    /// Reads the header and cuts the buffer into its tensors.
    ///
    /// # Errors
    /// [`ModelError::Container`], or [`ModelError::Invalid`] at a tensor, for every rule of docs/model-format.md,
    /// "Container".
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ModelError> {
        check_file_size(bytes.len() as u64)?;
        let (json, buffer) = split(bytes)?;
        let json = std::str::from_utf8(json)
            .map_err(|error| refuse(format!("header: {error}, expected JSON in UTF-8")))?;
        let mut entries: BTreeMap<String, &RawValue> = parse("header", json)?;
        let metadata = entries.remove(METADATA_KEY);
        let metadata = metadata.map_or(Ok(BTreeMap::new()), |entry| {
            parse(METADATA_KEY, entry.get())
        })?;
        let tensors = entries.into_iter().map(|(name, entry)| {
            let info = serde_json::from_str(entry.get());
            let info = info.map_err(|error| refuse(format!("tensor `{name}`: {error}")))?;
            Ok((name, info))
        });
        let tensors = tensors.collect::<Result<_, ModelError>>()?;
        check_tiling(&tensors, buffer.len())?;
        let tensors = tensors.into_iter().map(|(name, info)| {
            let (start, end) = info.data_offsets;
            let tensor = Tensor {
                dtype: info.dtype,
                shape: info.shape,
                bytes: &buffer[start..end],
            };
            (name, tensor)
        });
        Ok(Self {
            metadata,
            tensors: tensors.collect(),
        })
    }
}

/// Refuses a file of more bytes than the format allows.
pub fn check_file_size(bytes: u64) -> Result<(), ModelError> {
    if bytes <= MAX_FILE_BYTES {
        return Ok(());
    }
    Err(ModelError::invalid(
        "model file",
        format!("{bytes} bytes"),
        format!("at most {MAX_FILE_BYTES} bytes"),
    ))
}

fn refuse(reason: String) -> ModelError {
    ModelError::Container { reason }
}

/// The JSON header, whose length the first eight bytes give, and the buffer behind it.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), ModelError> {
    let (length, rest) = bytes.split_first_chunk().ok_or_else(|| {
        let found = bytes.len();
        refuse(format!(
            "found {found} bytes, expected at least the 8 of the header's length"
        ))
    })?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(refuse(format!(
            "found a header of {length} bytes, expected at most {MAX_HEADER_BYTES}"
        )));
    }
    rest.split_at_checked(length as usize).ok_or_else(|| {
        let found = rest.len();
        refuse(format!(
            "found {found} bytes after the header's length, expected a header of {length}"
        ))
    })
}

/// Tensors fill the buffer from its start to its end, with no hole and no overlap, each as its type and shape say.
fn check_tiling(tensors: &BTreeMap<String, TensorInfo>, buffer: usize) -> Result<(), ModelError> {
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by_key(|(_, info)| info.data_offsets);
    let mut end_of_last = 0;
    for (name, info) in in_order {
        let at = format!("tensor `{name}`");
        let (start, end) = info.data_offsets;
        let found = format!("data_offsets [{start}, {end}]");
        if start != end_of_last {
            let expected = format!("a start at {end_of_last}, where the tensor before it ends");
            return Err(ModelError::invalid(at, found, expected));
        }
        if end < start || end > buffer {
            let expected = format!("an end in {start}..={buffer}, the bytes that the file has");
            return Err(ModelError::invalid(at, found, expected));
        }
        let bytes = info.bytes();
        if bytes != Some(end - start) {
            let bytes = bytes.map_or("more than memory holds".to_owned(), |n| n.to_string());
            let TensorInfo { dtype, shape, .. } = info;
            let expected = format!("the bytes of {dtype} {shape:?}, {bytes}");
            return Err(ModelError::invalid(at, found, expected));
        }
        end_of_last = end;
    }
    if end_of_last != buffer {
        return Err(refuse(format!(
            "found {buffer} bytes of tensors, expected {end_of_last}, where the last one ends"
        )));
    }
    Ok(())
}

impl TensorInfo {
    /// Bytes of a tensor of this type and shape; none if the number has no meaning.
    fn bytes(&self) -> Option<usize> {
        let elements = self
            .shape
            .iter()
            .try_fold(1usize, |product, n| product.checked_mul(*n))?;
        let bits = elements.checked_mul(self.dtype.bitsize())?;
        bits.is_multiple_of(8).then_some(bits / 8)
    }
}

fn parse<'a, T: Deserialize<'a>>(
    at: &str,
    json: &'a str,
) -> Result<BTreeMap<String, T>, ModelError> {
    let entries = serde_json::from_str(json);
    let UniqueMap(entries) = entries.map_err(|error| refuse(format!("{at}: {error}")))?;
    Ok(entries)
}

/// A JSON object. Parsers keep the last of two equal keys; here a file that says anything twice is refused instead.
struct UniqueMap<T>(BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for UniqueMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = UniqueMap<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueMap<T>, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, T>()? {
                    if entries.contains_key(&key) {
                        let message = format!("`{key}` appears twice, expected once");
                        return Err(A::Error::custom(message));
                    }
                    entries.insert(key, value);
                }
                Ok(UniqueMap(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}
