//! CMake and cargo-c install the same headers, and neither has a version of its own. That the files
//! they make agree is tested by `./dev test package`, where cargo-c is found.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn cmake_and_cargo_c_install_the_same_headers() {
    let install = read("cmake/Install.cmake");
    let metadata = metadata();
    assert!(!headers(&metadata).is_empty());
    assert_eq!(headers(&metadata), headers(&install));
}

#[test]
fn every_part_of_the_cpp_header_is_installed() {
    let install = read("cmake/Install.cmake");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bindings/cpp/wsgiserver");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("bindings/cpp/wsgiserver/{name}");
        assert!(headers(&install).contains(path.as_str()), "{path}");
    }
}

#[test]
fn the_version_stands_in_one_place() {
    let cargo = read("Cargo.toml");
    // The line that CMakeLists.txt and ./dev take.
    let version = cargo.lines().find_map(|line| line.strip_prefix("version = \"")).unwrap();
    assert_eq!(version, concat!(env!("CARGO_PKG_VERSION"), "\""));
    for word in ["version", "versioning", "version_suffix_components", "rustflags"] {
        let overrides = metadata().lines().any(|line| line.starts_with(&format!("{word} =")));
        assert!(!overrides, "{word} under package.metadata.capi: docs/abi.md has the rule");
    }
}

fn metadata() -> String {
    let cargo = read("Cargo.toml");
    let begin = cargo.find("[package.metadata.capi").unwrap();
    let sections = cargo[begin..].split("\n[");
    sections
        .take_while(|it| it.trim_start_matches('[').starts_with("package.metadata.capi"))
        .collect()
}

/// Each `include/NAME` and `bindings/…` that ends like a header.
fn headers(text: &str) -> BTreeSet<&str> {
    text.split([' ', '"', '\n', '(', ')'])
        .filter(|word| word.contains('/') && (word.ends_with(".h") || word.ends_with(".hpp")))
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
