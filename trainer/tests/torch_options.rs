//! The published options that say where a run goes on, on which device, and under which name: both spellings.
#![cfg(feature = "torch")]

#[path = "support/commands.rs"]
#[allow(dead_code, reason = "its commands only")]
mod commands;
#[path = "support/training.rs"]
#[allow(dead_code, reason = "its pictures only")]
mod training;

use commands::{output, text, trainer};
use gstrclut::engine::Model;

#[test]
fn published_options_are_understood() {
    let data = training::photographs(2);
    let data = text(data.path());
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let exp = text(&run);
    let common = [
        "train",
        "--modes",
        "s",
        "--stages",
        "1",
        "--scale",
        "2",
        "--nf",
        "4",
        "--batchSize",
        "1",
        "--cropSize",
        "8",
        "--saveStep",
        "5",
        "--valStep",
        "5",
        "--trainDir",
        data,
        "--expDir",
        exp,
        "--totalIter",
        "10",
    ];
    let train = |more: &[&str]| trainer(&[&common[..], more].concat());
    let failure = |more: &[&str]| {
        let failed = train(more).assert().failure();
        String::from_utf8_lossy(&failed.get_output().stderr).into_owned()
    };
    let error = failure(&["--start-iter", "5"]);
    assert!(
        error.contains("--start-iter 5") && error.contains("0 steps"),
        "{error}"
    );
    let error = failure(&["--gpuNum", "2"]);
    assert!(error.contains("one device"), "{error}");

    let trained = train(&["--startIter", "0", "--gpuNum", "0", "--debug"])
        .assert()
        .success();
    let said = String::from_utf8_lossy(&trained.get_output().stderr).into_owned();
    for word in ["s x2, 4 features", "Cpu", "none yet", "\"interval\":4"] {
        assert!(said.contains(word), "`{word}` is missing: {said}");
    }
    let error = failure(&["--start-iter", "0"]);
    assert!(
        error.contains("10 steps") && error.contains("last.safetensors"),
        "{error}"
    );
    train(&["--start-iter", "10", "--gpu-num", "0"])
        .assert()
        .success();

    // A name in the experiment's folder in place of paths.
    output(&[
        "convert",
        "--expDir",
        exp,
        "--loadIter",
        "10",
        "--lutName",
        "LUT",
    ]);
    let error = trainer(&["convert", "--exp-dir", exp, "--load-iter", "7"])
        .assert()
        .failure();
    let error = String::from_utf8_lossy(&error.get_output().stderr).into_owned();
    assert!(
        error.contains("--load-iter 7") && error.contains("10 (last.safetensors)"),
        "{error}"
    );
    let lut = run.join("LUT.safetensors");
    assert_eq!(Model::open(&lut).unwrap().info().name, "LUT");
    output(&[
        "finetune",
        text(&lut),
        "--data",
        data,
        "--totalIter",
        "2",
        "--cropSize",
        "8",
        "--no-report",
        "--exp-dir",
        exp,
    ]);
    let tuned = run.join("LUT_ft.safetensors");
    assert_eq!(Model::open(&tuned).unwrap().info().name, "LUT_ft");
    for name in [&["--lut-name", "LUT_ft"][..], &[]] {
        let test = ["test", "--expDir", exp, "--scale", "2", "--testDir", data];
        let said = output(&[&test[..], name].concat());
        assert!(said.starts_with("LUT_ft at x2"), "{said}");
    }
    for missing in [&["test", "--scale", "2", "--hr", data][..], &["convert"]] {
        trainer(missing).assert().failure();
    }
}
