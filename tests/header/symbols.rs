//! `wsgiserver.symbols`: each function of the library with the version it came in.

use std::collections::BTreeMap;

const MAJOR: &str = env!("CARGO_PKG_VERSION_MAJOR");
const MINOR: &str = env!("CARGO_PKG_VERSION_MINOR");

/// Where nothing is said, a function is as old as the library.
const FIRST: &str = "0.1";

/// The committed list with what is new in the header. What the header has no more goes only while
/// docs/abi.md allows it, before 1.0.
pub fn blessed(committed: &str, header: &str) -> String {
    let known: BTreeMap<&str, &str> =
        committed.lines().filter_map(|line| line.split_once(' ')).collect();
    let current = format!("{MAJOR}.{MINOR}");
    let symbols: BTreeMap<&str, &str> = functions(header)
        .map(|name| (name, known.get(name).copied().unwrap_or(&current)))
        .collect();
    if MAJOR != "0" {
        let gone = known.keys().filter(|name| !symbols.contains_key(*name)).collect::<Vec<_>>();
        assert!(gone.is_empty(), "gone from the header, a break of the ABI: {gone:?}");
    }
    symbols.iter().map(|(name, version)| format!("{name} {version}\n")).collect()
}

/// The header with a line `Since` over each function that came later than the first version.
pub fn with_since(header: &str, symbols: &str) -> String {
    let versions: BTreeMap<&str, &str> =
        symbols.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut text = String::new();
    for line in header.lines() {
        let version = functions(line).next().and_then(|name| versions.get(name));
        if let Some(version) = version.filter(|version| **version != FIRST) {
            text += &format!("// Since {version}.\n");
        }
        text += line;
        text.push('\n');
    }
    text
}

/// A declaration of a function begins at the line's start and has its name before the first `(`.
fn functions(header: &str) -> impl Iterator<Item = &str> {
    header
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
        .filter(|line| !line.starts_with("typedef"))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
}

#[test]
fn new_functions_get_the_current_version() {
    let header = "typedef void (*wsgi_free_fn)(void *user_data);\n// wsgi_c()\n\
                  const char *wsgi_b(void);\nint wsgi_a(int a,\n           int b);\n";
    let expected = format!("wsgi_a {MAJOR}.{MINOR}\nwsgi_b 0.0\n");
    assert_eq!(blessed("wsgi_b 0.0\n", header), expected);
}

#[test]
fn later_functions_say_so() {
    let header = "// A.\nint wsgi_a(void);\n\n// B.\nint wsgi_b(int b,\n           int c);\n";
    let expected = header.replace("int wsgi_b", "// Since 0.2.\nint wsgi_b");
    assert_eq!(with_since(header, "wsgi_a 0.1\nwsgi_b 0.2\n"), expected);
}
