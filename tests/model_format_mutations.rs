//! Does the loader stay calm whatever the bytes? Valid files are mutated; none may make it panic, hang, or allocate
//! more than the file's size accounts for.
//!
//! A test binary of its own, since its allocator counts for the whole process.

mod support;

use std::{alloc::System, time::Instant};

use gstrclut::engine::Model;
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::model_file::ModelFile;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that loading may allocate in all, freed ones included, for each byte of the file. A JSON array of numbers is
/// the worst: two bytes of text become a value of 32, in a vector that doubles as it grows.
const ALLOCATED_PER_BYTE: usize = 64;
/// Bytes that loading may allocate for any file, such as for an error's text.
const ALLOCATED_AT_LEAST: usize = 16 << 10;

/// One change to the bytes of a file.
#[derive(Clone, Debug)]
enum Edit {
    Flip {
        at: Index,
        bit: u8,
    },
    Truncate {
        at: Index,
    },
    Insert {
        at: Index,
        bytes: Vec<u8>,
    },
    /// Copies a part of the file over another.
    Splice {
        from: Index,
        to: Index,
        length: usize,
    },
    HeaderLength(u64),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Flip { at, bit } => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Truncate { at } => bytes.truncate(at.index(bytes.len())),
            Self::Insert { at, bytes: new } => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Splice { from, to, length } => {
                let from = from.index(bytes.len());
                let part = bytes[from..bytes.len().min(from + length)].to_vec();
                let to = to.index(bytes.len());
                let end = bytes.len().min(to + part.len());
                bytes.splice(to..end, part);
            }
            Self::HeaderLength(length) => {
                let end = bytes.len().min(8);
                bytes[..end].copy_from_slice(&length.to_le_bytes()[..end]);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Edit::Flip { at, bit }),
        1 => at().prop_map(|at| Edit::Truncate { at }),
        1 => (at(), vec(any::<u8>(), 1..64)).prop_map(|(at, bytes)| Edit::Insert { at, bytes }),
        2 => (at(), at(), 1..200usize).prop_map(|(from, to, length)| Edit::Splice { from, to, length }),
        1 => prop_oneof![any::<u64>(), 0..4096u64].prop_map(Edit::HeaderLength),
    ]
}

/// JSON that a field does not expect.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-20..300i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9.]{0,12}".prop_map(Value::from),
        Just(json!("I16")),
        Just(json!([u64::MAX, u64::MAX])),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            vec(("[a-z]{1,8}", inner), 0..8).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

/// Every place in a JSON value, as a pointer (RFC 6901).
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                places(item, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

fn replace_somewhere(json: &mut Value, place: Index, value: Value) {
    let mut found = Vec::new();
    places(json, "", &mut found);
    let place: &String = place.get(&found);
    *json.pointer_mut(place).expect("a place of this value") = value;
}

/// Loads a file and holds the loader to its promises.
fn load(bytes: &[u8]) -> Result<(), TestCaseError> {
    let region = Region::new(ALLOCATOR);
    let start = Instant::now();
    let result = Model::from_bytes(bytes);
    let allocated = region.change().bytes_allocated;
    let allowed = ALLOCATED_AT_LEAST + ALLOCATED_PER_BYTE * bytes.len();
    prop_assert!(
        allocated <= allowed,
        "{allocated} bytes allocated for {}",
        bytes.len()
    );
    prop_assert!(start.elapsed().as_secs() < 10, "took {:?}", start.elapsed());
    match result {
        Err(error) => prop_assert!(!error.to_string().is_empty()),
        // What is taken in spite of the mutation is a whole model, and a file for other readers, too.
        Ok(model) => {
            prop_assert!(safetensors::SafeTensors::deserialize(bytes).is_ok());
            let again = Model::from_bytes(&model.to_bytes());
            let again = again.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(again.graph(), model.graph());
            prop_assert!(again.tables() == model.tables());
        }
    }
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The one test, so that nothing else allocates while it measures.
#[test]
fn no_file_upsets_the_loader() {
    let file = ModelFile::tiny();
    let bytes = file.bytes();
    assert!(
        Model::from_bytes(&bytes).is_ok(),
        "the file to mutate is valid"
    );

    let mut runner = proptest::test_runner::TestRunner::new(config());
    let edits = vec(edit(), 1..6);
    runner
        .run(&edits, |edits| {
            let mut bytes = bytes.clone();
            edits.iter().for_each(|edit| edit.apply(&mut bytes));
            load(&bytes)
        })
        .unwrap_or_else(|failure| panic!("edited bytes: {failure}"));

    let replacements = vec((any::<bool>(), any::<Index>(), value()), 1..4);
    runner
        .run(&replacements, |replacements| {
            let mut file = file.clone();
            for (in_description, place, value) in replacements {
                let json = if in_description {
                    &mut file.description
                } else {
                    &mut file.tensors
                };
                replace_somewhere(json, place, value);
            }
            load(&file.bytes())
        })
        .unwrap_or_else(|failure| panic!("edited JSON: {failure}"));

    for text in ["[", "{\"a\":", "0,", "[0],", "\"\\u0000\","] {
        let mut file = file.clone();
        file.description["info"]["provenance"] = json!({ "deep": "HERE" });
        let nested = format!("[{}0]", text.repeat(200_000 / text.len()));
        let description = file.description.to_string().replace("\"HERE\"", &nested);
        load(&file.bytes_with(&file.header_with(&description)))
            .unwrap_or_else(|failure| panic!("much JSON of `{text}`: {failure}"));
    }
}
