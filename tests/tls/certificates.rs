//! The certificates and keys of the tests, made on the spot.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The file's name; `certificates.sh` says what there is.
pub fn file(name: &str) -> String {
    folder().join(name).into_os_string().into_string().unwrap()
}

/// A folder of a test's own.
pub fn own_folder(name: &str) -> PathBuf {
    let own = folder().join(name);
    std::fs::create_dir_all(&own).unwrap();
    own
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let features = if cfg!(feature = "openssl") { "tls-openssl" } else { "tls" };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(features);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        run(&folder, &[]);
        folder
    })
}

/// Calls a function of `certificates.sh` in this folder; without one, all of it.
pub fn run(folder: &Path, function: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/certificates.sh");
    let output = Command::new("bash")
        .args([&script, folder])
        .args(function)
        .stdin(Stdio::null())
        .output()
        .expect("the tests need bash and openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
