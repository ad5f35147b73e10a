//! Frame-exactness: real pipelines for every format and scale give the bits whose hashes are in `tests/frame_exact/`, on
//! every machine and for every number of threads and band height.
//!
//! `RCLUT_BLESS=1 cargo test --test frame_exact` writes the hashes anew, so that a change of output shows in git.
#![cfg(feature = "plugin")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use sha2::{Digest, Sha256};

use support::{frames, shipped};

/// The hash of each case, such as `I420 smpte x2`; x1 is what goes in.
type Hashes = BTreeMap<String, String>;

/// Odd sizes, so that subsampled chroma does not divide.
const SIZE: &str = "width=37,height=23,framerate=25/1";

/// Flat areas and edges; every frequency, moving.
const PATTERNS: [&str; 2] = ["smpte", "zone-plate kx2=20 ky2=20 kt=3"];

/// Threads and rows in a band.
const WAYS: [(u32, u32); 3] = [(1, 0), (2, 3), (7, 16)];

fn hash(description: &str) -> String {
    let run = frames::run(description);
    assert_eq!(run.error, None, "{description}");
    assert_eq!(run.frames.len(), 2, "{description}");
    let mut hasher = Sha256::new();
    run.frames
        .iter()
        .flatten()
        .for_each(|plane| hasher.update(plane));
    hasher
        .finalize()
        .iter()
        .take(12)
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

/// Two frames, and what the hashes call them.
struct Source {
    name: String,
    pipeline: String,
}

impl Source {
    fn pattern(format: &str, pattern: &str) -> Self {
        let name = format!("{format} {}", pattern.split(' ').next().unwrap());
        let caps = format!("video/x-raw,format={format},{SIZE}");
        Self {
            name,
            pipeline: format!("videotestsrc num-buffers=2 pattern={pattern} ! {caps}"),
        }
    }

    /// A piece of the bundled clip, which every conforming decoder decodes to the same bits.
    fn clip() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/clip/bunny-640x360.webm"
        );
        // `identity` ends the stream in place of the third frame.
        let decode = "matroskademux ! vp9dec ! identity eos-after=3";
        let crop = "videocrop left=301 right=200 top=131 bottom=140";
        Self {
            name: "I420 clip".to_owned(),
            pipeline: format!("filesrc location={path} ! {decode} ! {crop}"),
        }
    }
}

/// A model for each of some scales.
type Models = BTreeMap<u32, String>;

/// The hash of each scale of a source, by its model, in the first of `ways`; the others must agree with it.
fn found(source: &Source, models: &Models, ways: &[(u32, u32)]) -> Hashes {
    let Source { name, pipeline } = source;
    let untouched = hash(&format!("{pipeline} ! appsink name=sink"));
    let mut hashes = Hashes::from([(format!("{name} x1"), untouched)]);
    for (scale, model) in models {
        let mut ways = ways.iter().map(|(threads, rows)| {
            let rclut =
                format!("rclut model={model} scale={scale} n-threads={threads} tile-size={rows}");
            hash(&format!("{pipeline} ! {rclut} ! appsink name=sink"))
        });
        let first = ways.next().unwrap();
        assert!(
            ways.all(|other| other == first),
            "{name} x{scale}: threads or bands change the output"
        );
        hashes.insert(format!("{name} x{scale}"), first);
    }
    hashes
}

/// Compares with the committed hashes of a section, or writes them anew when asked to.
fn judge(section: &str, found: &Hashes) {
    let path = format!(
        "{}/tests/frame_exact/{section}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("RCLUT_BLESS").is_some() {
        let lines = found.iter().map(|(case, hash)| format!("{case} {hash}\n"));
        fs::write(&path, lines.collect::<String>()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    let committed: Hashes = committed
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(case, hash)| (case.to_owned(), hash.to_owned()))
        .collect();
    assert!(
        committed.keys().eq(found.keys()),
        "{path} lists other cases than there are"
    );
    for (case, hash) in found {
        let source = case[..case.len() - 1].to_owned() + "1";
        if committed[&source] != found[&source] {
            // That of another release of GStreamer may, which says nothing about us.
            println!("SKIPPED {case}: the source is another picture than the hashes are for");
            continue;
        }
        assert_eq!(&committed[case], hash, "{case}");
    }
}

#[test]
fn every_format_and_scale_gives_the_committed_hash() {
    let models = frames::models();
    let by_scale = (2..=4).map(|scale| (scale, models.path(scale))).collect();
    let formats = frames::formats();
    let found = formats.iter().flat_map(|format| {
        let source = Source::pattern(format, "smpte");
        found(&source, &by_scale, &WAYS)
    });
    judge("formats", &found.collect());
}

/// The default model of each scale.
fn builtin() -> Models {
    (2..=4).map(|scale| (scale, "rclut".to_owned())).collect()
}

/// Apart from the formats, because these change whenever a built-in model does.
#[test]
fn every_builtin_model_gives_the_committed_hash() {
    frames::init();
    let formats = ["I420", "RGB"].into_iter();
    let patterns = formats.flat_map(|format| PATTERNS.map(|p| Source::pattern(format, p)));
    let found = patterns
        .chain([Source::clip()])
        .flat_map(|source| found(&source, &builtin(), &WAYS));
    judge("builtin", &found.collect());
}

/// The models under luts/, by family.
fn families() -> BTreeMap<String, Models> {
    let mut families = BTreeMap::<String, Models>::new();
    for name in shipped::names() {
        let (family, scale) = name.rsplit_once("-x").unwrap();
        let models = families.entry(family.to_owned()).or_default();
        let path = shipped::path(&name).display().to_string();
        models.insert(scale.parse().unwrap(), path);
    }
    families
}

#[test]
fn every_shipped_model_gives_the_committed_hash() {
    frames::init();
    let families = families();
    let found = families.iter().flat_map(|(family, models)| {
        let patterns = PATTERNS.map(|pattern| Source::pattern("I420", pattern));
        let sources = patterns.into_iter().chain([Source::clip()]);
        let sources = sources.map(move |source| Source {
            name: format!("{family} {}", source.name),
            ..source
        });
        sources.flat_map(|source| found(&source, models, &WAYS[..2]))
    });
    judge("shipped", &found.collect());
}

#[test]
fn every_thread_count_and_band_height_gives_the_same() {
    frames::init();
    let ways: Vec<_> = [1, 2, 7]
        .into_iter()
        .flat_map(|threads| [1, 5, 64].map(|rows| (threads, rows)))
        .collect();
    for pattern in PATTERNS {
        let source = Source::pattern("NV12", pattern);
        found(&source, &builtin(), &ways);
    }
}
