//! The JSON under `rclut` (docs/model-format.md, "Description").

use serde_json::json;

use super::{refused, refused_description, support::model_file::ModelFile};

#[test]
fn missing() {
    let file = ModelFile::valid();
    let bytes = file.bytes_with(&file.tensors.to_string());
    refused(
        &bytes,
        &["metadata `rclut`", "missing", "expected a JSON description"],
    );
}

#[test]
fn not_json() {
    let file = ModelFile::valid();
    let bytes = file.bytes_with(&file.header_with("scale: 2"));
    refused(
        &bytes,
        &["metadata `rclut`", "line 1 column 1", "expected JSON"],
    );
}

#[test]
fn text_behind_it() {
    let file = ModelFile::valid();
    let description = file.description.to_string() + " 1";
    let bytes = file.bytes_with(&file.header_with(&description));
    refused(&bytes, &["metadata `rclut`", "end", "trailing characters"]);
}

#[test]
fn of_another_version() {
    refused_description(
        |description| *description = json!({ "version": 2, "whatever": [] }),
        &["metadata `rclut`", "found version 2", "expected 1"],
    );
}

#[test]
fn without_a_version() {
    refused_description(
        |description| drop(description.as_object_mut().unwrap().remove("version")),
        &["metadata `rclut`", "missing field `version`"],
    );
}

#[test]
fn unknown_field() {
    refused_description(
        |description| description["graph"]["stages"][1]["branches"][0]["gain"] = json!(2),
        &[
            "metadata `rclut`",
            "graph.stages[1].branches[0].gain",
            "`gain`",
            "expected one of `input`",
        ],
    );
}

#[test]
fn missing_field() {
    refused_description(
        |description| {
            drop(
                description["graph"]
                    .as_object_mut()
                    .unwrap()
                    .remove("border"),
            )
        },
        &["metadata `rclut`", "graph", "missing field `border`"],
    );
}

#[test]
fn field_twice() {
    let file = ModelFile::valid();
    let description = file.description.to_string();
    let description = description.replacen("\"scale\":2", "\"scale\":2,\"scale\":2", 1);
    let bytes = file.bytes_with(&file.header_with(&description));
    refused(
        &bytes,
        &["metadata `rclut`", "graph", "duplicate field `scale`"],
    );
}

#[test]
fn number_beyond_finite() {
    for number in ["1e999", "-1e999"] {
        let bytes = with_provenance(number);
        let parts = [
            "metadata `rclut`",
            "info.provenance",
            "number out of range",
            "finite",
        ];
        refused(&bytes, &parts);
    }
}

#[test]
fn number_that_is_none() {
    for number in ["NaN", "Infinity", "-Infinity"] {
        let bytes = with_provenance(number);
        refused(
            &bytes,
            &["metadata `rclut`", "info", "line 1 column", "finite"],
        );
    }
}

fn with_provenance(number: &str) -> Vec<u8> {
    let mut file = ModelFile::valid();
    file.description["info"]["provenance"] = json!({ "psnr": "HERE" });
    let description = file.description.to_string().replace("\"HERE\"", number);
    file.bytes_with(&file.header_with(&description))
}
