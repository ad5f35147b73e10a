//! Bytes, header and tensors as docs/model-format.md, "Container", asks.

use std::fs::File;

use gstrclut::engine::{
    Model,
    model::{MAX_FILE_BYTES, MAX_HEADER_BYTES},
};
use serde_json::json;

use super::{refused, refused_tensors, support::model_file::ModelFile};

#[test]
fn shorter_than_the_header_length() {
    refused(&[0; 7], &["found 7 bytes", "expected at least the 8"]);
}

#[test]
fn header_longer_than_the_file() {
    let mut bytes = ModelFile::valid().bytes();
    let rest = bytes.len() - 8;
    bytes[..8].copy_from_slice(&(rest as u64 + 1).to_le_bytes());
    let found = format!("found {rest} bytes after the header's length");
    let expected = format!("expected a header of {}", rest + 1);
    refused(&bytes, &[&found, &expected]);
}

#[test]
fn header_over_its_limit() {
    let file = ModelFile::valid();
    let header = file.header() + &" ".repeat(MAX_HEADER_BYTES as usize);
    let found = format!("found a header of {} bytes", header.len());
    refused(
        &file.bytes_with(&header),
        &[&found, "expected at most 1048576"],
    );
}

#[test]
fn header_length_near_the_end_of_64_bits() {
    let mut bytes = ModelFile::valid().bytes();
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    refused(
        &bytes,
        &["found a header of 18446744073709551615 bytes", "at most"],
    );
}

#[test]
fn truncated_in_the_header() {
    let file = ModelFile::valid();
    let bytes = file.bytes();
    let expected = format!("expected a header of {}", file.header().len());
    refused(&bytes[..100], &["found 92 bytes", &expected]);
}

#[test]
fn truncated_in_the_tensors() {
    let bytes = ModelFile::valid().bytes();
    let parts = [
        "tensor `",
        "found data_offsets",
        "expected an end",
        "the bytes that the file has",
    ];
    refused(&bytes[..bytes.len() - 1], &parts);
}

#[test]
fn bytes_behind_the_last_tensor() {
    let file = ModelFile::valid();
    let found = format!("found {} bytes of tensors", file.buffer.len() + 3);
    let expected = format!("expected {}", file.buffer.len());
    refused(&[file.bytes(), vec![0; 3]].concat(), &[&found, &expected]);
}

#[test]
fn header_that_is_not_utf8() {
    let bytes = [&3u64.to_le_bytes()[..], &[b'{', 0xFF, b'}']].concat();
    refused(&bytes, &["header", "index 1", "expected JSON in UTF-8"]);
}

#[test]
fn header_that_is_not_json() {
    let bytes = ModelFile::valid().bytes_with("{tensors}");
    refused(
        &bytes,
        &["header", "key must be a string", "line 1 column 2"],
    );
}

#[test]
fn header_that_is_not_an_object() {
    let bytes = ModelFile::valid().bytes_with("[1, 2]");
    refused(&bytes, &["header", "sequence", "expected a JSON object"]);
}

#[test]
fn header_with_text_behind_its_object() {
    let file = ModelFile::valid();
    let bytes = file.bytes_with(&(file.header() + "{}"));
    refused(&bytes, &["header", "trailing characters"]);
}

#[test]
fn tensor_twice() {
    let file = ModelFile::valid();
    let name = "stage1.branch1.table";
    let again = format!("{{\"{name}\":{},", file.tensors[name]);
    let bytes = file.bytes_with(&file.header().replacen('{', &again, 1));
    refused(
        &bytes,
        &["`stage1.branch1.table` appears twice", "expected once"],
    );
}

#[test]
fn metadata_twice() {
    let file = ModelFile::valid();
    let bytes = file.bytes_with(&file.header().replacen('{', "{\"__metadata__\":{},", 1));
    refused(&bytes, &["`__metadata__` appears twice", "expected once"]);
}

#[test]
fn description_twice() {
    let file = ModelFile::valid();
    let header = file
        .header()
        .replacen("\"rclut\":", "\"rclut\":\"{}\",\"rclut\":", 1);
    refused(
        &file.bytes_with(&header),
        &["__metadata__", "`rclut` appears twice", "expected once"],
    );
}

#[test]
fn metadata_that_is_not_text() {
    let file = ModelFile::valid();
    let header = file
        .header()
        .replacen("\"rclut\":", "\"other\":1,\"rclut\":", 1);
    refused(
        &file.bytes_with(&header),
        &["__metadata__", "integer `1`", "expected a string"],
    );
}

#[test]
fn unknown_type() {
    refused_tensors(
        |tensors| tensors["stage1.branch1.table"]["dtype"] = json!("I7"),
        &["tensor `stage1.branch1.table`", "`I7`", "expected one of"],
    );
}

#[test]
fn unknown_field_of_a_tensor() {
    refused_tensors(
        |tensors| tensors["stage1.branch1.table"]["strides"] = json!([1]),
        &[
            "tensor `stage1.branch1.table`",
            "`strides`",
            "expected one of",
        ],
    );
}

#[test]
fn negative_dimension() {
    refused_tensors(
        |tensors| tensors["stage1.branch1.table"]["shape"] = json!([-256, -1]),
        &["tensor `stage1.branch1.table`", "`-256`", "expected usize"],
    );
}

#[test]
fn hole_in_the_buffer() {
    let mut file = ModelFile::valid();
    let end = file.buffer.len();
    let last = tensor_that_ends_at(&file, end);
    let range = file.range(&last);
    file.tensors[&last]["data_offsets"] = json!([range.start + 4, end + 4]);
    file.buffer.extend([0; 4]);
    let found = format!("found data_offsets [{}, {}]", range.start + 4, end + 4);
    let expected = format!("expected a start at {}", range.start);
    refused(
        &file.bytes(),
        &[&format!("tensor `{last}`"), &found, &expected],
    );
}

#[test]
fn tensors_that_overlap() {
    let mut file = ModelFile::valid();
    let last = tensor_that_ends_at(&file, file.buffer.len());
    let range = file.range(&last);
    file.tensors[&last]["data_offsets"] = json!([range.start - 4, range.end - 4]);
    let found = format!(
        "found data_offsets [{}, {}]",
        range.start - 4,
        range.end - 4
    );
    refused(&file.bytes(), &["tensor `", &found, "expected a start at"]);
}

#[test]
fn end_before_the_start() {
    refused_tensors(
        |tensors| tensors["stage1.branch1.table"]["data_offsets"] = json!([0, -1]),
        &["tensor `stage1.branch1.table`", "`-1`", "expected usize"],
    );
    let mut file = ModelFile::valid();
    let last = tensor_that_ends_at(&file, file.buffer.len());
    let start = file.range(&last).start;
    file.tensors[&last]["data_offsets"] = json!([start, start - 1]);
    refused(
        &file.bytes(),
        &["tensor `", "found data_offsets", "expected"],
    );
}

#[test]
fn shape_that_is_not_what_the_offsets_hold() {
    refused_tensors(
        |tensors| tensors["stage1.branch1.table"]["shape"] = json!([255, 1]),
        &[
            "tensor `stage1.branch1.table`",
            "found data_offsets",
            "I8 [255, 1], 255",
        ],
    );
}

#[test]
fn shape_beyond_64_bits() {
    refused_tensors(
        |tensors| tensors["stage1.branch1.table"]["shape"] = json!([u64::MAX, 2]),
        &[
            "tensor `stage1.branch1.table`",
            "found data_offsets",
            "more than memory holds",
        ],
    );
}

#[test]
fn file_over_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.safetensors");
    File::create(&path)
        .unwrap()
        .set_len(MAX_FILE_BYTES + 1)
        .unwrap();
    let message = Model::open(&path).unwrap_err().to_string();
    assert_eq!(
        message,
        "model file: found 268435457 bytes, expected at most 268435456 bytes"
    );
}

#[test]
#[cfg(unix)]
fn device_without_an_end() {
    let message = Model::open("/dev/zero").unwrap_err().to_string();
    assert!(
        message.contains("expected at most 268435456 bytes"),
        "{message}"
    );
}

#[test]
fn file_that_is_not_there() {
    let message = Model::open("no/such/model.safetensors")
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("model file no/such/model.safetensors: "),
        "{message}"
    );
}

fn tensor_that_ends_at(file: &ModelFile, end: usize) -> String {
    let mut names = file.tensors.as_object().unwrap().keys();
    names
        .find(|name| file.range(name).end == end)
        .unwrap()
        .clone()
}
