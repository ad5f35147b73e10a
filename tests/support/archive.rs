//! Reads `.npz` archives of golden vectors.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use npyz::{DType, NpyFile, TypeChar};

/// An archive of named arrays.
pub struct Archive {
    path: PathBuf,
    zip: zip::ZipArchive<File>,
    keys: Vec<String>,
    read: BTreeSet<String>,
}

/// An array of integers, C order.
#[derive(Debug, PartialEq, Eq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<i64>,
}

impl Archive {
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let zip = zip::ZipArchive::new(file).expect("a zip archive");
        let names = zip.file_names().map(|name| name.expect("a name in UTF-8"));
        let keys = names
            .map(|name| name.trim_end_matches(".npy").to_owned())
            .collect();
        Self {
            path: path.to_owned(),
            zip,
            keys,
            read: BTreeSet::new(),
        }
    }

    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Keys that nobody has asked for.
    pub fn unread(&self) -> Vec<&String> {
        self.keys
            .iter()
            .filter(|key| !self.read.contains(*key))
            .collect()
    }

    pub fn array(&mut self, key: &str) -> Array {
        self.read.insert(key.to_owned());
        let name = format!("{key}.npy");
        let entry = self.zip.by_name(&name);
        let entry = entry.unwrap_or_else(|e| panic!("{}: {key}: {e}", self.path.display()));
        let file = NpyFile::new(entry).expect("a .npy array");
        let shape = file.shape().iter().map(|n| *n as usize).collect();
        let DType::Plain(dtype) = file.dtype() else {
            panic!("{key}: a structured array")
        };
        Array {
            shape,
            values: match (dtype.type_char(), dtype.size_field()) {
                (TypeChar::Uint, 1) => integers::<u8, _>(file),
                (TypeChar::Int, 1) => integers::<i8, _>(file),
                (TypeChar::Int, 2) => integers::<i16, _>(file),
                (TypeChar::Int, 4) => integers::<i32, _>(file),
                (TypeChar::Int, 8) => integers::<i64, _>(file),
                // 64-bit states of the generator: the same bits, signed.
                (TypeChar::Uint, 8) => {
                    let values = file.into_vec::<u64>().expect("values");
                    values.into_iter().map(u64::cast_signed).collect()
                }
                other => panic!("{key}: dtype {other:?}"),
            },
        }
    }

    /// The archive's description.
    pub fn meta(&mut self) -> serde_json::Value {
        let bytes: Vec<u8> = self.array("meta").values.iter().map(|b| *b as u8).collect();
        serde_json::from_slice(&bytes).expect("meta is JSON")
    }
}

fn integers<T: npyz::Deserialize + Into<i64>, R: Read>(file: NpyFile<R>) -> Vec<i64> {
    let values = file.into_vec::<T>().expect("values of the header's type");
    values.into_iter().map(Into::into).collect()
}

/// The committed selection, and the full set where a checkout has it beside the repository.
pub fn golden_folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let full = root.join("../shared/golden");
    let mut folders = vec![root.join("tests/golden")];
    if full.is_dir() {
        folders.push(full);
    } else {
        println!("skipped: the full set of golden vectors is not beside this checkout");
    }
    folders
}
