//! The trainer's commands, run as a user runs them.

use std::{fs, path::Path};

use assert_cmd::Command;
use serde_json::Value;

/// The command line.
pub fn trainer(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("rclut-trainer").unwrap();
    command.args(args);
    command
}

/// What a run that must succeed prints.
pub fn output(args: &[&str]) -> String {
    let assert = trainer(args).assert().success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What `test` writes as JSON.
pub fn test_json(folder: &Path, args: &[&str]) -> Value {
    let json = folder.join("figures.json");
    let mut all = vec!["test", "--json", text(&json)];
    all.extend(args);
    output(&all);
    serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap()
}

/// A number of a report.
pub fn figure(report: &Value, pointer: &str) -> f64 {
    report
        .pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{pointer} in {report}"))
}
