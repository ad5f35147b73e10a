//! What is saved opens equal, and other readers open it, too.

use gstrclut::engine::{
    Model,
    model::{Graph, PRESETS},
};
use serde_json::{Value, json};

use super::support::{
    model_file::ModelFile,
    tables::{self, Kind},
};

/// Every graph that the papers know, every scale: what is saved opens equal, and saves the same bytes again.
#[test]
fn saved_models_open_equal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let presets = PRESETS.map(|(name, _)| name);
    for name in presets.into_iter().chain(["connect ; s"]) {
        for scale in 1..=4 {
            let graph = Graph::parse(name, scale).unwrap();
            let model = tables::model(&graph, Kind::Noise, 1);
            model.save(&path).unwrap();
            let opened = Model::open(&path).unwrap();
            assert_eq!(opened.graph(), model.graph(), "{name} x{scale}");
            assert_eq!(opened.info(), model.info(), "{name} x{scale}");
            assert!(opened.tables() == model.tables(), "{name} x{scale}: tables");
            assert!(
                opened.connect() == model.connect(),
                "{name} x{scale}: colours"
            );
            assert!(
                opened.to_bytes() == model.to_bytes(),
                "{name} x{scale}: bytes"
            );
        }
    }
}

#[test]
fn provenance_keeps_every_digit() {
    let mut file = ModelFile::valid();
    let provenance = json!({ "psnr": 36.122_334_567_890_12, "seeds": [1, u64::MAX], "by": null });
    file.description["info"]["provenance"] = provenance.clone();
    let model = Model::from_bytes(&file.bytes()).unwrap();
    assert_eq!(json!(model.info().provenance), provenance);
    let again = Model::from_bytes(&model.to_bytes()).unwrap();
    assert_eq!(again.info(), model.info());
    assert_eq!(again.to_bytes(), model.to_bytes());
}

#[test]
fn order_of_the_header_does_not_matter() {
    let file = ModelFile::valid();
    let names: Vec<&String> = file.tensors.as_object().unwrap().keys().collect();
    let reversed = names
        .iter()
        .rev()
        .map(|name| format!("\"{name}\":{}", file.tensors[*name]));
    let metadata = format!(
        "\"__metadata__\":{{\"rclut\":{}}}",
        Value::String(file.description.to_string())
    );
    let header = format!("{{{},{metadata}}}", reversed.collect::<Vec<_>>().join(","));
    let model = Model::from_bytes(&file.bytes_with(&header)).unwrap();
    assert_eq!(
        model.to_bytes(),
        Model::from_bytes(&file.bytes()).unwrap().to_bytes()
    );
}

/// What this project's loader takes, any reader of safetensors takes.
#[test]
fn written_files_are_safetensors() {
    let bytes = Model::from_bytes(&ModelFile::valid().bytes())
        .unwrap()
        .to_bytes();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let table = file.tensor("stage1.branch1.table").unwrap();
    assert_eq!(
        (table.dtype(), table.shape()),
        (safetensors::Dtype::I8, &[256, 1][..])
    );
}
