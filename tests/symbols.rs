//! What the shared library shows to a linker: the functions of `include/wsgiserver.symbols` and
//! nothing else, the SONAME of docs/abi.md, and the flags that a guest in another process needs.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[test]
fn the_library_exports_what_the_list_says() {
    let listing = tool("nm", &["-D", "--defined-only"]);
    let exported: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/wsgiserver.symbols");
    let text = fs::read_to_string(path).unwrap();
    let listed: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let alone = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| {
        a.difference(b).copied().collect::<Vec<_>>().join(" ")
    };
    assert!(
        exported == listed,
        "include/wsgiserver.symbols and the library differ: run ./dev bless (and is each file of \
         src/ffi named in tests/header.rs?)\nonly in the library: {}\nonly in the list: {}",
        alone(&exported, &listed),
        alone(&listed, &exported),
    );
    let foreign: Vec<_> = exported.iter().filter(|name| !name.starts_with("wsgi_")).collect();
    assert!(foreign.is_empty(), "exported, but not ours: {foreign:?}");
}

#[test]
fn the_soname_follows_the_written_rule() {
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    let expected = match major {
        "0" => format!("[libwsgiserver.so.0.{minor}]"),
        _ => format!("[libwsgiserver.so.{major}]"),
    };
    let dynamic = tool("readelf", &["-d", "-W"]);
    let soname = dynamic.lines().find(|line| line.contains("(SONAME)"));
    assert!(soname.is_some_and(|line| line.ends_with(&expected)), "{soname:?}, not {expected}");
}

/// It stays mapped while its threads run, binds at load time, and can't be written to after that.
#[test]
fn the_library_is_pinned_and_hardened() {
    let dynamic = tool("readelf", &["-d", "-W"]);
    let flags = dynamic.lines().find(|line| line.contains("(FLAGS_1)")).unwrap_or_default();
    assert!(flags.contains("NODELETE") && flags.contains("NOW"), "{flags}");
    assert!(!dynamic.contains("TEXTREL") && !dynamic.contains("RPATH"), "{dynamic}");
    let segments = tool("readelf", &["-l", "-W"]);
    assert!(segments.contains("GNU_RELRO"), "{segments}");
    let stack = segments.lines().find(|line| line.contains("GNU_STACK")).unwrap_or_default();
    assert!(stack.contains(" RW "), "the stack may be executed: {stack}");
}

fn tool(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name)
        .args(arguments)
        .arg(library())
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{name} (of binutils) is needed: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Cargo has built it for this test, beside this program.
fn library() -> PathBuf {
    let program = env::current_exe().unwrap();
    let library = program.with_file_name("libwsgiserver.so");
    assert!(library.exists(), "no {}", library.display());
    library
}
