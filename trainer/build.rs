//! Tells binaries and tests of the feature `torch` where libtorch lies, so that they run with no LD_LIBRARY_PATH.

use std::{env, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    let folder = env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys says where it found libtorch");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    if Path::new(&folder).join("libtorch_cuda.so").exists() {
        // Nothing calls this part of libtorch by name; it registers itself once it is loaded.
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-ltorch_cuda");
    }
}
