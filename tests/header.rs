//! The generated files in include/ are what `src/ffi` says; `./dev bless` writes them all anew.

#[path = "header/ffi.rs"]
mod ffi;
#[path = "header/symbols.rs"]
mod symbols;

use std::path::Path;
use std::sync::LazyLock;
use std::{env, fs};

/// In reading order: the header has the declarations in this one.
const FILES: &[&str] = &[
    "types",
    "library",
    "error",
    "server",
    "life",
    "listening",
    "ssl",
    "ssl_table",
    "handlers",
    "log",
    "request",
    "view",
    "keys",
    "addresses",
    "body",
    "data",
    "limits",
    "response",
    "stream",
    "writing",
    "owned",
    "flat",
    "beside",
    "pull",
    "dispatcher",
    "threadpool",
    "statistics",
    "helpers",
];

#[test]
fn the_header_is_up_to_date() {
    up_to_date("wsgiserver.h", |_| header());
}

#[test]
fn the_header_without_a_preprocessor_is_up_to_date() {
    up_to_date("wsgiserver.ffi.h", |_| ffi::without_preprocessor(&header()));
}

#[test]
fn the_symbols_are_up_to_date() {
    up_to_date("wsgiserver.symbols", |committed| symbols::blessed(committed, &header()));
}

#[test]
fn the_layout_of_each_struct_is_tested() {
    let layouts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/layout.h");
    let layouts = fs::read_to_string(layouts).unwrap_or_default();
    for line in header().lines() {
        let Some(name) = line.strip_prefix("typedef struct ").and_then(|l| l.strip_suffix(" {"))
        else {
            continue;
        };
        assert!(layouts.contains(&format!("STRUCT({name}, ")), "add {name} to src/ffi/layout.rs");
    }
}

/// What `make` gives, from the committed text, is the committed text; written first if asked for.
fn up_to_date(name: &str, make: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include").join(name);
    let committed = || fs::read_to_string(&path).unwrap_or_default();
    if env::var_os("WSGISERVER_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, make(&committed())).unwrap();
    }
    let committed = committed();
    let generated = make(&committed);
    let difference = generated.lines().zip(committed.lines()).find(|(new, old)| new != old);
    assert!(
        generated == committed,
        "include/{name} is not what src/ffi says; run ./dev bless\n(new, committed): {difference:?}"
    );
}

fn header() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in FILES {
        builder = builder.with_src(root.join(format!("src/ffi/{file}.rs")));
    }
    let mut generated = Vec::new();
    builder.generate().unwrap().write(&mut generated);
    let header = without_safety_sections(&String::from_utf8(generated).unwrap());
    symbols::with_since(&header, &symbols::blessed(&SYMBOLS, &header))
}

/// As committed: read before a test writes it anew, since each one makes the header first.
static SYMBOLS: LazyLock<String> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/wsgiserver.symbols");
    fs::read_to_string(path).unwrap_or_default()
});

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
