//! `include/wsgiserver.h` is what `src/ffi` says.

use std::path::Path;
use std::{env, fs};

/// In reading order: the header has the declarations in this one.
const FILES: &[&str] =
    &["types", "library", "error", "server", "request", "body", "response", "pull", "dispatcher"];

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in FILES {
        builder = builder.with_src(root.join(format!("src/ffi/{file}.rs")));
    }
    let mut generated = Vec::new();
    builder.generate().unwrap().write(&mut generated);
    let generated = without_safety_sections(&String::from_utf8(generated).unwrap());
    let committed = root.join("include/wsgiserver.h");
    if env::var_os("WSGISERVER_BLESS").is_some() {
        fs::create_dir_all(root.join("include")).unwrap();
        fs::write(&committed, &generated).unwrap();
    }
    let committed = fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        generated == committed,
        "include/wsgiserver.h is not what src/ffi says; `./dev bless` writes it anew"
    );
}

/// What a Rust caller has to promise goes without saying in C.
fn without_safety_sections(header: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in header.lines() {
        let comment = line.trim_start().strip_prefix("//");
        if comment.is_some_and(|text| text.trim() == "# Safety") {
            skipping = true;
            while lines.last().is_some_and(|line| line.trim() == "//") {
                lines.pop();
            }
        }
        skipping &= comment.is_some();
        if !skipping {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}
