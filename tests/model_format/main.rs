//! Is every way to be malformed that docs/model-format.md names refused, with an error that says what, where, found
//! and expected; and does what is saved open equal?

mod container;
mod description;
mod graph;
mod round_trip;
#[path = "../support/mod.rs"]
mod support;
mod tensors;

use gstrclut::engine::Model;
use serde_json::Value;
use support::model_file::ModelFile;

/// Asserts that a file is refused, with these parts in the message, in this order.
#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    let message = match Model::from_bytes(bytes) {
        Ok(_) => panic!("accepted, expected an error with {parts:?}"),
        Err(error) => error.to_string(),
    };
    let mut rest = message.as_str();
    for part in parts {
        let Some(at) = rest.find(part) else {
            panic!("`{message}` lacks `{part}`, or has it too early");
        };
        rest = &rest[at + part.len()..];
    }
}

/// Asserts that the valid file is refused once its description is edited.
#[track_caller]
fn refused_description(edit: impl FnOnce(&mut Value), parts: &[&str]) {
    let mut file = ModelFile::valid();
    edit(&mut file.description);
    refused(&file.bytes(), parts);
}

/// Asserts that the valid file is refused once the JSON of its tensors is edited.
#[track_caller]
fn refused_tensors(edit: impl FnOnce(&mut Value), parts: &[&str]) {
    let mut file = ModelFile::valid();
    edit(&mut file.tensors);
    refused(&file.bytes(), parts);
}
