//! The commands that need no training, run as a user runs them.

#[path = "support/commands.rs"]
mod commands;

use std::{
    fs,
    path::{Path, PathBuf},
};

use commands::{figure, output, test_json, text, trainer};
use gstrclut::engine::{Model, Options as EngineOptions, Plane, PlaneMut, Upscaler};
use rclut_trainer::{
    history::{self, History},
    image::{self, Image},
    published,
};
use serde_json::Value;
use tempfile::TempDir;

/// The message of a run that must fail.
fn failure(args: &[&str]) -> String {
    let assert = trainer(args).assert().failure();
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// A file with a published name and arbitrary entries.
fn write_table(folder: &Path, name: &str, shape: &[u64]) -> PathBuf {
    let path = folder.join(name);
    let count = shape.iter().product::<u64>() as usize;
    let seed = name.bytes().map(usize::from).sum::<usize>();
    let entries: Vec<i8> = (0..count).map(|i| ((i * 89 + seed) >> 3) as i8).collect();
    published::write_table(&path, shape, &entries).unwrap();
    path
}

/// A folder with one grey and one colour picture of soft shapes.
fn write_photographs(folder: &Path) {
    let sample = |i: usize, c: usize| {
        let (x, y) = ((i % 37) as f64, (i / 37) as f64);
        (120.0 + 60.0 * (x / 5.0 + c as f64).sin() + 50.0 * (y / 7.0).cos()) as u8
    };
    for components in [1, 3] {
        let planes = (0..components).map(|c| (0..37 * 29).map(|i| sample(i, c)).collect());
        let image = Image {
            width: 37,
            height: 29,
            planes: planes.collect(),
        };
        image
            .save_png(folder.join(format!("photograph{components}.png")))
            .unwrap();
    }
}

#[test]
fn tables_come_back_bit_for_bit() {
    let folder = TempDir::new().unwrap();
    let (model, exported) = (
        folder.path().join("model.safetensors"),
        folder.path().join("out"),
    );
    let names = ["s1_s", "s1_d", "s1_y", "s2_s", "s2_d", "s2_y"];
    let files = names.map(|name| {
        let outputs = if name.starts_with("s1") { 1 } else { 4 };
        write_table(
            folder.path(),
            &format!("LUT_ft_x2_4bit_int8_{name}.npy"),
            &[83521, outputs],
        )
    });
    let mut args = vec![
        "import",
        "--graph",
        "mulut",
        "--scale",
        "2",
        "-o",
        text(&model),
    ];
    args.extend(files.iter().map(|file| text(file)));
    output(&args);
    output(&["export", "--model", text(&model), "-o", text(&exported)]);
    for file in &files {
        let back = exported.join(file.file_name().unwrap());
        assert!(
            fs::read(file).unwrap() == fs::read(&back).unwrap(),
            "{} changed",
            back.display()
        );
    }
}

#[test]
fn a_single_table_finds_its_place_with_or_without_a_published_name() {
    let folder = TempDir::new().unwrap();
    let model = folder.path().join("own.safetensors");
    let named = write_table(folder.path(), "Model_S_x3_4bit_int8.npy", &[83521, 1, 3, 3]);
    output(&[
        "import",
        "--graph",
        "srlut",
        "--scale",
        "3",
        "-o",
        text(&model),
        text(&named),
    ]);
    let imported = Model::open(&model).unwrap();

    // The same entries under another name and on the command line's word alone.
    let other = folder.path().join("other.npy");
    fs::copy(&named, &other).unwrap();
    let placed = format!("1.s={}", text(&other));
    for place in [vec![placed.as_str()], vec!["--table", &placed]] {
        let mut args = vec![
            "import",
            "--graph",
            "srlut",
            "--scale",
            "3",
            "-o",
            text(&model),
        ];
        args.extend(place);
        output(&args);
        let again = Model::open(&model).unwrap();
        assert_eq!(again.graph(), imported.graph());
        assert_eq!(again.tables(), imported.tables());
    }
    output(&[
        "export",
        "--model",
        text(&model),
        "-o",
        text(folder.path()),
        "--release",
        "mulut",
    ]);
    let exported =
        published::Table::read(&folder.path().join("LUT_ft_x3_4bit_int8_s1_s.npy")).unwrap();
    assert_eq!(exported.entries, imported.tables()[0][0].table);
}

#[test]
fn import_says_what_is_wrong_with_a_file() {
    let folder = TempDir::new().unwrap();
    let model = folder.path().join("model.safetensors");
    let good = write_table(folder.path(), "Model_S_x2_4bit_int8.npy", &[83521, 1, 2, 2]);
    let short = write_table(folder.path(), "LUT_x2_4bit_int8_s1_s.npy", &[1000, 4]);
    let coarse = write_table(folder.path(), "LUT_ft_x2_4bit_int8_s1_s.npy", &[6561, 4]);
    let stray = write_table(folder.path(), "LUT_x2_4bit_int8_s1_d.npy", &[83521, 4]);
    let unknown = write_table(folder.path(), "table.npy", &[83521, 4]);
    for (scale, graph, files, expected) in [
        (
            "3",
            "srlut",
            vec![&good],
            vec!["Model_S_x2", "found scale 2", "expected 3"],
        ),
        (
            "2",
            "srlut",
            vec![&short],
            vec!["s1_s.npy", "found 1000 rows", "83521"],
        ),
        (
            "2",
            "srlut",
            vec![&coarse],
            vec!["interval of 5 bits", "expected 4"],
        ),
        (
            "2",
            "srlut",
            vec![&good, &stray],
            vec!["s1_d.npy", "no such branch"],
        ),
        ("2", "srlut", vec![&unknown], vec!["table.npy", "1.s="]),
        (
            "2",
            "s d",
            vec![&good],
            vec!["stage 1, branch d", "found no file"],
        ),
        ("2", "3 s", vec![&good], vec!["RC module"]),
        ("2", "q", vec![&good], vec!["graph `q`"]),
        ("1", "srlut", vec![], vec!["found no file"]),
    ] {
        let mut args = vec![
            "import",
            "--graph",
            graph,
            "--scale",
            scale,
            "-o",
            text(&model),
        ];
        args.extend(files.iter().map(|file| text(file)));
        let message = failure(&args);
        for part in expected {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
        assert!(!model.exists(), "a refused import must leave no file");
    }
}

#[test]
fn prepared_images_measure_as_those_made_on_the_fly() {
    let folder = TempDir::new().unwrap();
    let (high, low) = (folder.path().join("hr"), folder.path().join("lr"));
    fs::create_dir(&high).unwrap();
    write_photographs(&high);
    for extra in [
        &["--rounding", "each-pass"][..],
        &["--rounding", "once"],
        &["--keep-size"],
    ] {
        let mut args = vec![
            "prepare",
            "--hr",
            text(&high),
            "--lr",
            text(&low),
            "--scale",
            "2,3",
        ];
        args.extend(extra);
        output(&args);
        for scale in ["2", "3"] {
            let given = low.join(format!("X{scale}"));
            let mut args = vec!["--model", "rclut", "--scale", scale, "--hr", text(&high)];
            args.extend(extra);
            let made = test_json(folder.path(), &args);
            args.extend(["--lr", text(&given)]);
            assert_eq!(test_json(folder.path(), &args), made);
        }
    }
}

#[test]
fn test_reports_each_image_the_mean_and_bicubic() {
    let folder = TempDir::new().unwrap();
    let (high, saved) = (folder.path().join("hr"), folder.path().join("saved"));
    fs::create_dir(&high).unwrap();
    write_photographs(&high);
    let args = [
        "--model",
        "rclut-x2",
        "--scale",
        "2",
        "--hr",
        text(&high),
        "--save",
        text(&saved),
    ];
    let report = test_json(folder.path(), &args);
    for key in ["psnr_y", "ssim", "bicubic_psnr_y"] {
        let each = [0, 1].map(|i| figure(&report, &format!("/images/{i}/{key}")));
        let mean = figure(&report, &format!("/mean/{key}"));
        assert!(
            (mean - (each[0] + each[1]) / 2.0).abs() < 1e-9,
            "{key}: {mean} of {each:?}"
        );
    }
    assert!(
        figure(&report, "/mean/bicubic_psnr_y") > 25.0,
        "bicubic on soft shapes: {report}"
    );
    assert_eq!(report["images"][0]["name"], "photograph1");
    let saved: Vec<_> = image::list(&saved).unwrap();
    let saved = saved.iter().map(|file| Image::open(file).unwrap());
    assert!(
        saved
            .map(|image| (image.width, image.height, image.planes.len()))
            .eq([(36, 28, 1), (36, 28, 3)])
    );
}

#[test]
fn test_refuses_what_it_cannot_measure() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let hr = text(&empty);
    for (model, scale, expected) in [
        ("rclut", "2", "found no image"),
        ("rclut-x2", "3", "found scale 2, expected 3"),
        ("nothing", "2", "`nothing-x2`"),
        ("nothing.safetensors", "2", "nothing.safetensors"),
        ("rclut", "5", "5 is not in 1..=4"),
    ] {
        let message = failure(&["test", "--model", model, "--scale", scale, "--hr", hr]);
        assert!(
            message.contains(expected),
            "`{expected}` is not in: {message}"
        );
    }
}

#[test]
fn a_report_holds_figures_curves_and_crops() {
    let folder = TempDir::new().unwrap();
    let (set, report) = (folder.path().join("Set5/HR"), folder.path().join("report"));
    fs::create_dir_all(&set).unwrap();
    let sample = |i: usize, c: usize| ((i % 128) * (i / 128) / (40 + c)) as u8;
    let planes = (0..3).map(|c| (0..128 * 112).map(|i| sample(i, c)).collect());
    let image = Image {
        width: 128,
        height: 112,
        planes: planes.collect(),
    };
    image.save_png(set.join("rings.png")).unwrap();
    let mut history = History::open(folder.path(), 0).unwrap();
    for step in 1..4 {
        history.record("loss", step, 1.0 / step as f64).unwrap();
        history
            .record("PSNR_valid/Set5", step, 30.0 + step as f64)
            .unwrap();
    }

    let jsonl = folder.path().join(history::FILE_NAME);
    let args = [
        "report",
        "--model",
        "rclut",
        "--scale",
        "2",
        "--history",
        text(&jsonl),
    ];
    let sets = folder.path().join("Set5");
    output(&[&args[..], &["--hr", text(&sets), "-o", text(&report)]].concat());

    let read = |name: &str| fs::read_to_string(report.join(name)).unwrap();
    let json: Value = serde_json::from_str(&read("report.json")).unwrap();
    let args = ["--model", "rclut", "--scale", "2", "--hr", text(&set)];
    let measured = test_json(folder.path(), &args);
    assert_eq!(json["sets"][0]["name"], "Set5");
    assert_eq!(json["sets"][0]["mean"], measured["mean"]);
    assert_eq!(json["sets"][0]["images"], measured["images"]);
    assert_eq!(json["history"].as_array().unwrap().len(), 6);

    let markdown = read("report.md");
    let psnr = format!("{:.2} / ", figure(&measured, "/mean/psnr_y"));
    for part in [
        "| bicubic |",
        "| SR-LUT |",
        "**rclut-x2**",
        &psnr,
        "(psnr.svg)",
        "(crops/Set5.png)",
    ] {
        assert!(markdown.contains(part), "`{part}` is not in: {markdown}");
    }
    assert!(read("loss.svg").contains("<polyline") && read("psnr.svg").contains("<polyline"));
    let crops = Image::open(report.join("crops/Set5.png")).unwrap();
    assert!(crops.width > 3 * crops.height, "three squares side by side");
}

#[test]
fn a_grown_model_comes_with_its_report() {
    let folder = TempDir::new().unwrap();
    let (data, report) = (
        folder.path().join("photos"),
        folder.path().join("report/tiny"),
    );
    fs::create_dir(&data).unwrap();
    for number in 0..2 {
        let plane = (0..96 * 96)
            .map(|i| (i % 96 * (i / 96 + number) / 37) as u8)
            .collect();
        let image = Image {
            width: 96,
            height: 96,
            planes: vec![plane],
        };
        image.save_png(data.join(format!("{number}.png"))).unwrap();
    }
    let model = folder.path().join("tiny.safetensors");
    let args = [
        "grow",
        "--graph",
        "s",
        "--scale",
        "2",
        "--total-iter",
        "200",
        "--save-step",
        "50",
    ];
    let small = ["--batch-size", "2", "--crop-size", "16", "--threads", "1"];
    let paths = ["--data", text(&data), "-o", text(&model)];
    output(&[&args[..], &small, &paths, &["--report-on", text(&data)]].concat());

    let scalars = history::load(&report.join(history::FILE_NAME)).unwrap();
    let losses: Vec<_> = scalars
        .iter()
        .filter(|scalar| scalar.tag == "loss")
        .collect();
    assert_eq!(
        losses.iter().map(|scalar| scalar.step).collect::<Vec<_>>(),
        [100, 200]
    );
    assert!(scalars.iter().any(|scalar| scalar.tag == "PSNR_valid"));
    let markdown = fs::read_to_string(report.join("report.md")).unwrap();
    assert!(
        markdown.contains("**tiny**") && markdown.contains("(loss.svg)"),
        "{markdown}"
    );
    let events = fs::read_dir(&report).unwrap();
    let events = events.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains("tfevents")
    });
    assert_eq!(events.count(), 1);
}

#[test]
fn options_may_come_from_a_file_and_typed_ones_win() {
    let folder = TempDir::new().unwrap();
    let high = folder.path().join("hr");
    fs::create_dir(&high).unwrap();
    write_photographs(&high);
    let file = folder.path().join("options.toml");
    let json = folder.path().join("figures.json");
    let options = format!(
        "[test]\nmodel = 'rclut'\nscale = 2\nhr = {:?}\njson = {:?}\nrounding = 'once'\nkeep_size = true\n",
        text(&high),
        text(&json)
    );
    fs::write(&file, options).unwrap();
    output(&["test", "--config", text(&file), "--scale", "3"]);
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report["scale"], 3);
    assert_eq!(report["rounding"], "once");
    assert_eq!(report["keep_size"], true);

    fs::write(&file, "[test]\nmodle = 'rclut'").unwrap();
    let message = failure(&["test", "--config", text(&file)]);
    assert!(
        message.contains("options.toml") && message.contains("`modle`, expected"),
        "{message}"
    );
}

#[test]
fn inspect_tells_what_a_model_is() {
    let shown = output(&["inspect", "rclut-x2"]);
    for part in ["rclut-x2", "receptive field", "operations/px", "provenance"] {
        assert!(shown.contains(part), "`{part}` is not in: {shown}");
    }
    assert_eq!(output(&["inspect", "rclut", "--scale", "2"]), shown);
    let message = failure(&["inspect", "rclut"]);
    assert!(message.contains("rclut-x2"), "{message}");
}

#[test]
fn a_levelled_model_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (once, twice) = (path("once.safetensors"), path("twice.safetensors"));
    let shown = output(&["level", "srlut-x2", "-o", &once]);
    assert!(shown.contains("ramps fall 0 times"), "{shown}");
    let shown = output(&["level", &once, "-o", &twice]);
    assert!(shown.contains("0 entries moved"), "{shown}");
    assert_eq!(fs::read(once).unwrap(), fs::read(twice).unwrap());
}

/// What a photograph's first plane becomes.
fn upscaled(model: &str, photograph: &Image) -> Vec<u8> {
    let mut upscaler =
        Upscaler::new(&Model::open(model).unwrap(), EngineOptions::default()).unwrap();
    let (width, height, scale) = (photograph.width, photograph.height, upscaler.scale());
    let mut output = vec![0; width * height * scale * scale];
    let source = Plane::new(&photograph.planes[0], width, height, width).unwrap();
    let wide = width * scale;
    let mut sink = PlaneMut::new(&mut output, wide, height * scale, wide).unwrap();
    upscaler.plane_u8(&source, &mut sink).unwrap();
    output
}

#[test]
fn levelling_with_photographs_changes_them_less() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let photographs = folder.path().join("photographs");
    fs::create_dir(&photographs).unwrap();
    let (width, height) = (200, 160);
    let level = |i: usize| {
        let (x, y) = ((i % width) as f64, (i / width) as f64);
        (128.0 + 70.0 * (x / 19.0).sin() + 50.0 * (y / 13.0).cos()) as u8
    };
    let photograph = Image {
        width,
        height,
        planes: vec![(0..width * height).map(level).collect()],
    };
    for name in ["a.png", "b.png"] {
        photograph.save_png(photographs.join(name)).unwrap();
    }

    let model = Model::builtin("srlut", 2).unwrap();
    let mut tables = model.tables().to_vec();
    for (index, entry) in tables[0][0].table.iter_mut().enumerate() {
        *entry = entry.saturating_add(((index * 7919) % 3) as i8 - 1);
    }
    let spoiled = Model::new(model.info().clone(), model.graph().clone(), tables).unwrap();
    let (given, plain, informed) = (
        path("given.safetensors"),
        path("plain.safetensors"),
        path("informed.safetensors"),
    );
    fs::write(&given, spoiled.to_bytes()).unwrap();
    output(&["level", &given, "-o", &plain]);
    let shown = output(&[
        "level",
        &given,
        "--data",
        text(&photographs),
        "-o",
        &informed,
    ]);
    assert!(!shown.contains(" 0 entries moved"), "{shown}");
    let before = upscaled(&given, &photograph);
    let change = |model: &str| {
        let pairs = before.iter().zip(upscaled(model, &photograph));
        let squares = pairs.map(|(a, b)| f64::from(a.abs_diff(b)).powi(2));
        squares.sum::<f64>()
    };
    assert!(change(&informed) < change(&plain));
}
