//! Models by name: those built in, then files named `family-xN.safetensors` in the folders of models.
//!
//! Folders, in order: those that the environment variable `RCLUT_MODELS` lists (as `PATH` lists its own), then the folder
//! `rclut` beside the library or program that this code is part of, where `make install` puts the files.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{MAX_SCALE, Model, ModelError};

/// Lists folders of models.
pub const FOLDERS_VARIABLE: &str = "RCLUT_MODELS";
/// The folder of models beside the library.
const FOLDER_NAME: &str = "rclut";

/// Files that were opened by name, for the rest of the process.
static OPENED: Mutex<Option<HashMap<PathBuf, Arc<Model>>>> = Mutex::new(None);

impl Model {
    /// The model of a family and scale: built in, or a file in one of the folders of models, which is read at its first
    /// use and shared from then on.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`] if there is none; another [`ModelError`] if its file is bad, or makes another scale.
    pub fn named(family: &str, scale: u32) -> Result<Arc<Self>, ModelError> {
        if Self::is_builtin(family, scale) {
            return Self::builtin(family, scale);
        }
        match find(family, scale) {
            Some(path) => open(path, scale),
            None => Err(Self::unknown_name(&format!("{family}-x{scale}"))),
        }
    }

    /// Whether a model of this family is built in or in one of the folders of models, at any scale.
    #[must_use]
    pub fn is_family(family: &str) -> bool {
        let found = |scale| Self::is_builtin(family, scale) || find(family, scale).is_some();
        (1..=MAX_SCALE).any(found)
    }

    /// The error that says which names there are and where files were looked for.
    #[must_use]
    pub fn unknown_name(name: &str) -> ModelError {
        let builtin: Vec<_> = Self::builtin_names().collect();
        let folders: Vec<_> = folders()
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        ModelError::UnknownName {
            name: name.to_owned(),
            builtin: builtin.join(", "),
            folders: folders.join(", "),
        }
    }
}

/// The folders of models, whether or not they are there.
fn folders() -> Vec<PathBuf> {
    let listed = std::env::var_os(FOLDERS_VARIABLE);
    let listed = listed.iter().flat_map(std::env::split_paths);
    let listed = listed.filter(|folder| !folder.as_os_str().is_empty());
    let beside = own_path().and_then(|path| Some(path.parent()?.join(FOLDER_NAME)));
    listed.chain(beside).collect()
}

/// The first file of a family and scale.
fn find(family: &str, scale: u32) -> Option<PathBuf> {
    // A family is a word, never a way out of the folders.
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !family.chars().all(is_word) {
        return None;
    }
    let files = folders().into_iter();
    let mut files = files.map(|folder| folder.join(format!("{family}-x{scale}.safetensors")));
    files.find(|path| path.is_file())
}

fn open(path: PathBuf, scale: u32) -> Result<Arc<Model>, ModelError> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let opened = opened.get_or_insert_default();
    if let Some(model) = opened.get(&path) {
        return Ok(model.clone());
    }
    let model = Arc::new(Model::open(&path)?);
    check_scale(&path, &model, scale)?;
    opened.insert(path, model.clone());
    Ok(model)
}

/// That a file makes the scale that its name says.
fn check_scale(path: &Path, model: &Model, scale: u32) -> Result<(), ModelError> {
    let found = model.graph().scale;
    if found == scale {
        return Ok(());
    }
    Err(ModelError::invalid(
        format!("{}: scale", path.display()),
        found,
        scale.to_string(),
    ))
}

/// The file that holds this code: the plugin, or the program that the library is linked into.
#[cfg(unix)]
fn own_path() -> Option<PathBuf> {
    use std::{
        ffi::{CStr, OsStr, c_void},
        mem::MaybeUninit,
        os::unix::ffi::OsStrExt,
    };
    let address = own_path as fn() -> Option<PathBuf> as *const c_void;
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `address` may be any address, and `info` has room for what is written; it is read only where dladdr says
    // that it was found.
    let found = unsafe { libc::dladdr(address, info.as_mut_ptr()) } != 0;
    // SAFETY: all of it is zero or was written by dladdr; null pointers and a zero address are valid.
    let info = unsafe { info.assume_init() };
    if !found || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr gives a NUL-terminated path that lives as long as the object it names, which is the one running.
    let path = unsafe { CStr::from_ptr(info.dli_fname) };
    std::fs::canonicalize(OsStr::from_bytes(path.to_bytes())).ok()
}

#[cfg(not(unix))]
fn own_path() -> Option<PathBuf> {
    std::env::current_exe().ok()
}
