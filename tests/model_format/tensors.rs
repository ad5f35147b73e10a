//! The tensors that the graph asks for (docs/model-format.md, "Tensors").

use serde_json::json;

use gstrclut::engine::model::Graph;

use super::{
    refused, refused_description, refused_tensors,
    support::{
        model_file::ModelFile,
        tables::{self, Kind},
    },
};

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

fn mixing() -> ModelFile {
    let graph = Graph::parse("connect ; 1'", 1).unwrap();
    ModelFile::of(&tables::model(&graph, Kind::Noise, 1))
}

#[test]
fn colours_without_their_table() {
    let mut file = mixing();
    let tensor = file
        .tensors
        .as_object_mut()
        .unwrap()
        .remove("connect.table");
    file.tensors["mix.table"] = tensor.unwrap();
    let parts = [
        "tensor `connect.table` is missing",
        "expected I8 [17, 17, 17, 3]",
    ];
    refused(&file.bytes(), &parts);
}

#[test]
fn a_table_of_colours_for_a_graph_that_mixes_none() {
    let mut file = mixing();
    let graph = file.description["graph"].as_object_mut().unwrap();
    graph.remove("connect");
    let parts = ["tensor `connect.table` is not part of the graph"];
    refused(&file.bytes(), &parts);
}

#[test]
fn colours_of_another_interval() {
    let mut file = mixing();
    file.description["graph"]["connect"]["interval"] = json!(5);
    let parts = [
        "tensor `connect.table`",
        "found I8 [17, 17, 17, 3]",
        "expected I8 [9, 9, 9, 3]",
    ];
    refused(&file.bytes(), &parts);
}
