//! The tensors that the graph asks for (docs/model-format.md, "Tensors").

use serde_json::json;

use super::{refused, refused_description, refused_tensors, support::model_file::ModelFile};

#[test]
fn missing() {
    let mut file = ModelFile::valid();
    let name = "stage2.branch1.rc.thresholds";
    let tensor = file.tensors.as_object_mut().unwrap().remove(name).unwrap();
    file.tensors["stage9.branch1.rc.thresholds"] = tensor;
    let parts = [
        "tensor `stage2.branch1.rc.thresholds` is missing",
        "expected I32 [254]",
    ];
    refused(&file.bytes(), &parts);
}

#[test]
fn not_of_the_graph() {
    let mut file = ModelFile::valid();
    let end = file.buffer.len();
    file.tensors["notes"] = json!({ "dtype": "U8", "shape": [2], "data_offsets": [end, end + 2] });
    file.buffer.extend([0; 2]);
    refused(
        &file.bytes(),
        &["tensor `notes` is not part of the graph", "expected only"],
    );
}

#[test]
fn of_another_type() {
    refused_tensors(
        |tensors| tensors["stage1.branch1.table"]["dtype"] = json!("U8"),
        &[
            "tensor `stage1.branch1.table`",
            "found U8 [256, 1]",
            "expected I8 [256, 1]",
        ],
    );
}

#[test]
fn of_another_shape() {
    refused_tensors(
        |tensors| tensors["stage1.branch1.table"]["shape"] = json!([1, 256]),
        &[
            "tensor `stage1.branch1.table`",
            "found I8 [1, 256]",
            "expected I8 [256, 1]",
        ],
    );
}

#[test]
fn contributions_of_another_module() {
    refused_description(
        |description| {
            description["graph"]["stages"][1]["branches"][0]["rc"]["size"] = json!(3);
        },
        &[
            "tensor `stage2.branch1.rc.contributions`",
            "found I16 [2, 2, 256]",
            "expected I16 [3, 3, 256]",
        ],
    );
}

#[test]
fn thresholds_that_descend() {
    let mut file = ModelFile::valid();
    let start = file.range("stage1.branch1.rc.thresholds").start;
    file.buffer[start..start + 4].copy_from_slice(&7_000_000i32.to_le_bytes());
    let parts = [
        "stage1.branch1.rc.thresholds",
        "found 7000000 before",
        "at index 0",
        "expected thresholds in ascending order",
    ];
    refused(&file.bytes(), &parts);
}
