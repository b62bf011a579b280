//! What docs/ says is complete and so: the table of options is the source's, each function has its
//! place, each link leads somewhere.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wsgiserver::{OptionKind, OptionSpec, option_specs};

const TABLE_HEAD: &str =
    "| option | type | default | takes | what it is |\n|---|---|---|---|---|\n";

#[test]
fn the_table_of_options_is_up_to_date() {
    let path = root().join("docs/options.md");
    let committed = fs::read_to_string(&path).unwrap();
    let introduction = committed.split(TABLE_HEAD).next().unwrap();
    let mut text = format!("{introduction}{TABLE_HEAD}");
    for spec in option_specs() {
        text.push_str(&row(spec));
    }
    if env::var_os("WSGISERVER_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
}

#[test]
fn every_function_and_option_that_a_document_names_exists() {
    let header = read("include/wsgiserver.h");
    for document in documents() {
        for name in names(&fs::read_to_string(&document).unwrap()) {
            // `wsgi_server_` and the like stand for a group.
            let known = mentions(&header, &name) || name.ends_with('_');
            assert!(known, "{}: there is no {name}", document.display());
        }
    }
}

#[test]
fn every_link_leads_to_a_file() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let exists = document.parent().unwrap().join(target).exists();
            assert!(exists, "{}: there is no {target}", document.display());
        }
    }
}

fn row(spec: &OptionSpec) -> String {
    let mark = if spec.is_for_running_servers() { " ◆" } else { "" };
    let default = match spec.default {
        "" => String::new(),
        text => format!("`{text}`"),
    };
    let takes = match spec.kind {
        OptionKind::Flag => "yes or no".into(),
        kind => kind.accepts().replace("a whole number", "").trim_start_matches([',', ' ']).into(),
    };
    let takes: String = takes;
    let mut row = String::new();
    let (name, kind, help) = (spec.name, spec.kind.name(), spec.help);
    writeln!(row, "| `{name}`{mark} | {kind} | {default} | {takes} | {help} |").unwrap();
    row
}

/// The names of functions, types and constants of the C interface in a text.
fn names(text: &str) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text
        .split(|c| !word(c))
        .filter(|word| word.starts_with("wsgi_") || word.starts_with("WSGI_"));
    words.map(str::to_owned).collect()
}

fn mentions(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages
        .chain(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|name| root().join(name)))
        .collect()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_default()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
