//! The limits of the graph (docs/model-format.md, "Graph").

use serde_json::{Value, json};

use super::refused_description;

fn stage(description: &mut Value) -> &mut Value {
    &mut description["graph"]["stages"][1]
}

fn branch(description: &mut Value) -> &mut Value {
    &mut stage(description)["branches"][0]
}

#[test]
fn scale_out_of_range() {
    for scale in [0, 5] {
        refused_description(
            |description| description["graph"]["scale"] = json!(scale),
            &["scale", &format!("found {scale}"), "expected 1..=4"],
        );
    }
}

#[test]
fn unknown_border() {
    refused_description(
        |description| description["graph"]["border"] = json!("wrap"),
        &["graph.border", "`wrap`", "expected `edge` or `reflect`"],
    );
}

#[test]
fn unknown_rounding() {
    refused_description(
        |description| stage(description)["rounding"] = json!("up"),
        &[
            "graph.stages[1].rounding",
            "`up`",
            "expected `mid` or `last`",
        ],
    );
}

#[test]
fn no_stage_or_nine() {
    for count in [0, 9] {
        refused_description(
            |description| {
                let stage = stage(description).clone();
                description["graph"]["stages"] = json!(vec![stage; count]);
            },
            &["stages", &format!("found {count}"), "expected 1..=8"],
        );
    }
}

#[test]
fn no_branch_or_seventeen() {
    for count in [0, 17] {
        refused_description(
            |description| {
                let branch = branch(description).clone();
                stage(description)["branches"] = json!(vec![branch; count]);
            },
            &[
                "stage 2, branches",
                &format!("found {count}"),
                "expected 1..=16",
            ],
        );
    }
}

#[test]
fn interval_out_of_range() {
    for interval in [2, 7] {
        refused_description(
            |description| stage(description)["interval"] = json!(interval),
            &[
                "stage 2, interval",
                &format!("found {interval}"),
                "expected 3..=6",
            ],
        );
    }
}

#[test]
fn interval_of_colours_out_of_range() {
    for interval in [2, 7] {
        refused_description(
            |description| description["graph"]["connect"] = json!({ "interval": interval }),
            &[
                "connect, interval",
                &format!("found {interval}"),
                "expected 3..=6",
            ],
        );
    }
}

#[test]
fn input_that_does_not_exist_yet() {
    refused_description(
        |description| branch(description)["input"] = json!(2),
        &[
            "stage 2, branch 1, input",
            "found plane 2",
            "expected a plane that exists already, 0..=1",
        ],
    );
}

#[test]
fn offset_out_of_range() {
    for offset in [-9, 9] {
        refused_description(
            |description| branch(description)["pattern"][3][1] = json!(offset),
            &[
                "stage 2, branch 1, pattern",
                &format!("found {offset}"),
                "expected -8..=8",
            ],
        );
    }
}

#[test]
fn pattern_of_three_offsets() {
    refused_description(
        |description| drop(branch(description)["pattern"].as_array_mut().unwrap().pop()),
        &[
            "graph.stages[1].branches[0].pattern",
            "3 offsets",
            "expected four",
        ],
    );
}

#[test]
fn one_dimensional_table_without_an_rc_module() {
    refused_description(
        |description| {
            let branch = &mut stage(description)["branches"][1];
            drop(branch.as_object_mut().unwrap().remove("rc"));
        },
        &[
            "stage 2, branch 2, pattern",
            "found a one-dimensional table",
            "expected an RC module",
        ],
    );
}

#[test]
fn rc_size_out_of_range() {
    for size in [0, 16] {
        refused_description(
            |description| branch(description)["rc"]["size"] = json!(size),
            &[
                "stage 2, branch 1, rc size",
                &format!("found {size}"),
                "expected 1..=15",
            ],
        );
    }
}

#[test]
fn rc_origin_out_of_range() {
    for origin in [-9, 9] {
        refused_description(
            |description| branch(description)["rc"]["origin"] = json!(origin),
            &[
                "stage 2, branch 1, rc origin",
                &format!("found {origin}"),
                "expected -8..=8",
            ],
        );
    }
}

#[test]
fn rc_window_that_reaches_too_far() {
    refused_description(
        |description| {
            branch(description)["rc"]["size"] = json!(15);
            branch(description)["rc"]["origin"] = json!(2);
        },
        &["stage 2, branch 1, rc reach", "found 16", "expected 0..=15"],
    );
}

#[test]
fn rc_entries_other_than_two_numbers() {
    refused_description(
        |description| branch(description)["rc"]["entries"] = json!(255),
        &[
            "stage 2, branch 1, rc entries",
            "found 255",
            "expected 17 or 256",
        ],
    );
}

#[test]
fn rc_fraction_bits_out_of_range() {
    refused_description(
        |description| branch(description)["rc"]["fraction_bits"] = json!(16),
        &[
            "stage 2, branch 1, rc fraction_bits",
            "found 16",
            "expected 0..=15",
        ],
    );
}
