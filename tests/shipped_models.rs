//! Every model under luts/ is found by its name where models are looked for.

mod support;

use std::{fs, sync::Arc};

use gstrclut::engine::{
    Model,
    model::{FOLDERS_VARIABLE, ModelError},
};

use support::shipped;

/// A model by its file's name, through the search by family and scale.
fn named(name: &str) -> Result<Arc<Model>, ModelError> {
    let (family, scale) = name.rsplit_once("-x").unwrap();
    Model::named(family, scale.parse().unwrap())
}

/// One test, so that the environment is set before anything reads it.
#[test]
fn shipped_models_are_found_by_name() {
    // SAFETY: the only test of this binary has started no thread yet.
    unsafe { std::env::set_var(FOLDERS_VARIABLE, shipped::folder()) };
    for name in shipped::names() {
        let model = named(&name).unwrap();
        assert_eq!(model.info().name, name);
        assert!(Model::is_family(name.rsplit_once("-x").unwrap().0));
    }
    unknown_names_say_where_was_looked();
    a_file_that_makes_another_scale_is_refused();
}

fn unknown_names_say_where_was_looked() {
    for name in ["nonesuch-x2", "../luts/srlut-x2"] {
        let error = named(name).unwrap_err().to_string();
        let folder = shipped::folder().display().to_string();
        let expected = [name, "rclut-x2", &folder];
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    }
}

fn a_file_that_makes_another_scale_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        shipped::path("srlut-x2"),
        folder.path().join("mislabelled-x3.safetensors"),
    )
    .unwrap();
    // SAFETY: the only test of this binary has started no thread.
    unsafe { std::env::set_var(FOLDERS_VARIABLE, folder.path()) };
    let error = named("mislabelled-x3").unwrap_err().to_string();
    assert!(
        error.contains("mislabelled-x3") && error.contains("scale"),
        "{error}"
    );
}
