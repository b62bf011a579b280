//! Gives the shared library its SONAME: `libwsgiserver.so.0.Y` for a version 0.Y.Z, and
//! `libwsgiserver.so.X` from 1.0 on (cargo-c's rule, so that every way of building agrees).

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let part = |name: &str| env::var(name).unwrap_or_default();
    let (major, minor) = (part("CARGO_PKG_VERSION_MAJOR"), part("CARGO_PKG_VERSION_MINOR"));
    let abi = if major == "0" { format!("0.{minor}") } else { major };
    if part("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwsgiserver.so.{abi}");
        // A host that unloads us while our threads run would crash: stay mapped.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
