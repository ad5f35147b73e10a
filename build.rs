//! Hands the plugin its version and release date.

fn main() {
    gst_plugin_version_helper::info();
}
