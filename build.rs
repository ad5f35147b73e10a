//! Hands the plugin its version and release date, and packs the built-in models.

use std::{env, error::Error, fs, io::Write, path::Path};

use flate2::{Compression, write::ZlibEncoder};

/// The files of luts/ that become part of the library, for `src/engine/model/builtin.rs` to unpack: a quarter smaller.
const BUILTINS: [&str; 4] = ["rclut-x2", "rclut-x3", "rclut-x4", "srlut-x2"];

fn main() -> Result<(), Box<dyn Error>> {
    gst_plugin_version_helper::info();
    let folder = env::var("OUT_DIR")?;
    for name in BUILTINS {
        let source = format!("luts/{name}.safetensors");
        println!("cargo::rerun-if-changed={source}");
        let target = Path::new(&folder).join(format!("{name}.zlib"));
        let mut encoder = ZlibEncoder::new(fs::File::create(target)?, Compression::best());
        encoder.write_all(&fs::read(source)?)?;
        encoder.finish()?;
    }
    Ok(())
}
