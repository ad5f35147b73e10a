//! PyTorch checkpoints of the published form, made by `checkpoints/make.py`, become the tables that they must.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::Command;
use gstrclut::engine::Model;
use rclut_trainer::checkpoint;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/checkpoints")
        .join(name)
}

fn import(folder: &Path, graph: &str, scale: &str, files: &[&str]) -> Model {
    let output = folder.join("model.safetensors");
    let mut command = Command::cargo_bin("rclut-trainer").unwrap();
    command.args([
        "import",
        "--interval",
        "6",
        "--graph",
        graph,
        "--scale",
        scale,
        "-o",
    ]);
    command
        .arg(&output)
        .args(files.iter().map(|file| fixture(file)));
    command.assert().success();
    Model::open(output).unwrap()
}

#[test]
fn networks_become_the_tables_of_an_independent_forward() {
    let folder = TempDir::new().unwrap();
    let tables =
        ["s1_s", "s1_y", "s2_s", "s2_y"].map(|name| format!("LUT_x2_6bit_int8_{name}.npy"));
    let tables = tables.each_ref().map(String::as_str);
    for (graph, scale, checkpoint, tables) in [
        ("s y ; s y", "2", "mulut.pth", &tables[..]),
        ("srlut", "3", "srlut.pth", &["Model_S_x3_6bit_int8.npy"]),
    ] {
        let network = import(folder.path(), graph, scale, &[checkpoint]);
        let expected = import(folder.path(), graph, scale, tables);
        assert_eq!(network.graph(), expected.graph());
        assert_eq!(network.tables(), expected.tables(), "{checkpoint}");
    }
}

#[test]
fn tensors_have_the_names_of_a_state_dictionary() {
    let tensors = checkpoint::read(&fixture("mulut.pth")).unwrap();
    assert_eq!(tensors["s1_s.model.conv1.conv.weight"].shape, [4, 1, 2, 2]);
    assert_eq!(
        tensors["s2_y.model.conv5.conv1.conv.weight"].shape,
        [4, 16, 1, 1]
    );
    assert_eq!(tensors.len(), 4 * 12);
    let tensors = checkpoint::read(&fixture("srlut.pth")).unwrap();
    assert_eq!(tensors["conv6.bias"].shape, [9]);
    assert_eq!(tensors.len(), 12);
}

#[test]
fn a_checkpoint_that_lacks_a_unit_is_refused_by_its_tensor() {
    let folder = TempDir::new().unwrap();
    for (graph, scale, file, expected) in [
        (
            "s y d ; s y",
            "2",
            "mulut.pth",
            "`s1_d.model.conv1.conv.weight` is missing",
        ),
        (
            "s y ; s y",
            "3",
            "mulut.pth",
            "found a unit of 4 outputs, expected 9",
        ),
        ("3 s ; s y", "2", "mulut.pth", "RC module"),
    ] {
        let mut command = Command::cargo_bin("rclut-trainer").unwrap();
        command.args(["import", "--graph", graph, "--scale", scale, "-o"]);
        let assert = command
            .arg(folder.path().join("model.safetensors"))
            .arg(fixture(file))
            .assert()
            .failure();
        let message = String::from_utf8_lossy(&assert.get_output().stderr);
        assert!(
            message.contains(file) && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn hostile_pickles_are_refused_and_not_executed() {
    for name in ["hostile_zip.pth", "hostile_legacy.pth"] {
        let message = format!("{:#}", checkpoint::read(&fixture(name)).unwrap_err());
        assert!(
            message.contains(name) && message.contains(".system`, refused"),
            "{message}"
        );
    }
    assert!(!Path::new("a-hostile-pickle-was-executed").exists());
}

#[test]
fn a_damaged_checkpoint_is_an_error_wherever_it_is_damaged() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("damaged.pth");
    for name in ["mulut.pth", "srlut.pth"] {
        let whole = fs::read(fixture(name)).unwrap();
        for length in (0..whole.len()).step_by(97) {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(
                checkpoint::read(&path).is_err(),
                "{name} cut to {length} bytes"
            );
        }
        // A flipped byte may hit a weight; it must not do worse than that.
        for at in (0..whole.len()).step_by(31) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0xa5;
            fs::write(&path, &flipped).unwrap();
            let _ = checkpoint::read(&path);
        }
    }
}
