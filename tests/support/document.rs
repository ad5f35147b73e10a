//! Code blocks of the project's Markdown files, for tests that run them.

use std::path::Path;

/// The contents of a document's fenced blocks of one language, in order.
pub fn code_blocks(document: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{document}: {error}"));
    let opening = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|line| line == opening) {
        let block = lines.by_ref().take_while(|line| *line != "```");
        blocks.push(block.map(|line| format!("{line}\n")).collect());
    }
    blocks
}
