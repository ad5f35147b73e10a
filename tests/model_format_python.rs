//! Does the Python of docs/model-format.md read a model and compute what the reference computes?

mod support;

use std::{fs, path::Path, process::Command};

use gstrclut::engine::{
    Model,
    model::{Border, Graph},
    reference::{self, Image},
};
use support::{
    document::code_blocks,
    tables::{self, Kind},
};

/// Joins the document's code: reads a model by hand where the `safetensors` package is not at hand.
const DRIVER: &str = r#"
import json, sys

model, source, width, output = sys.argv[1:]
data = open(model, "rb").read()
length = int.from_bytes(data[:8], "little")
header, buffer = json.loads(data[8 : 8 + length]), data[8 + length :]
description = json.loads(header.pop("__metadata__")["rclut"])
types = {"I8": "<i1", "I16": "<i2", "I32": "<i4"}
tables = {}
for name, tensor in header.items():
    start, end = tensor["data_offsets"]
    values = np.frombuffer(buffer[start:end], types[tensor["dtype"]])
    tables[name] = values.reshape(tensor["shape"])
source = np.fromfile(source, np.uint8).reshape(-1, int(width))
if "connect.table" in tables:
    source = mix(tables["connect.table"], [source, 255 - source, source // 2])[1]
upscale(description, tables, source).tofile(output)
"#;

/// A Python that can import a module, if the machine has one.
fn python_with(module: &str) -> Option<&'static str> {
    let found = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let import = Command::new(python)
            .args(["-c", &format!("import {module}")])
            .output();
        import.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        println!("skipped: no Python here has {module}");
    }
    found
}

fn run(python: &str, script: &str, arguments: &[&Path]) -> String {
    let mut command = Command::new(python);
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["-c", script]);
    let output = command.args(arguments).output().expect("Python starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_first_snippet_opens_a_model() {
    let Some(python) = python_with("safetensors") else {
        return;
    };
    let printed = run(
        python,
        &code_blocks("docs/model-format.md", "python")[0],
        &[],
    );
    assert!(printed.starts_with("rclut-x2 2\n"), "{printed}");
    assert!(printed.contains("stage1.branch1.table int8"), "{printed}");
}

#[test]
fn the_second_snippet_computes_what_the_reference_computes() {
    let Some(python) = python_with("numpy") else {
        return;
    };
    let script = code_blocks("docs/model-format.md", "python")[1].clone() + DRIVER;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (width, height) = (19, 13);
    let samples: Vec<u8> = (0..width * height)
        .map(|index| tables::random(7, index, 0, 255) as u8)
        .collect();
    fs::write(path("source"), &samples).unwrap();
    let source = Image::new(
        width,
        height,
        samples.iter().map(|v| u16::from(*v)).collect(),
    );
    for graph in ["s", "s d y ; s d y", "3 5 7 s ; 3' 5 7' s@0", "connect ; s"] {
        for border in [Border::Edge, Border::Reflect] {
            let mut graph = tables::with_border(Graph::parse(graph, 3).unwrap(), border);
            if let Some(rc) = &mut graph.stages[0].branches[0].rc {
                (rc.entries, rc.origin) = (17, -1);
            }
            let model: Model = tables::model(&graph, Kind::Noise, 1);
            model.save(path("model")).unwrap();
            let width = width.to_string();
            let arguments = [path("model"), path("source"), width.into(), path("output")];
            run(
                python,
                &script,
                &arguments.each_ref().map(|path| path.as_path()),
            );
            let output = fs::read(path("output")).unwrap();
            let output: Vec<u16> = output.into_iter().map(u16::from).collect();
            let colour = |change: fn(u16) -> u16| {
                let data = source.data.iter().map(|v| change(*v)).collect();
                Image::new(source.width, source.height, data)
            };
            let (green, blue) = (colour(|v| 255 - v), colour(|v| v / 2));
            let mixed = reference::connect(&model, [&source, &green, &blue], 8);
            let plane = mixed.map_or_else(|| source.clone(), |[_, green, _]| green);
            let expected = reference::run(&model, &plane, 8);
            assert!(
                output == expected.output().data,
                "{} {border:?}",
                graph.notation()
            );
        }
    }
}
