//! What docs/ says is complete and so: the table of options is the source's, each function has its
//! place, each link leads somewhere.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wsgiserver::{OptionKind, OptionSpec, option_specs};

const TABLE_HEAD: &str =
    "| option | type | default | takes | what it is |\n|---|---|---|---|---|\n";

/// What the seed has under names that look like ours.
const SEED_NAMES: &[&str] = &["wsgi_app", "wsgi_gateways"];

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
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(text == committed, "docs/options.md is not what the source says; run ./dev bless");
}

#[test]
fn every_function_has_its_place_in_the_description_of_the_c_api() {
    let symbols = read("include/wsgiserver.symbols");
    let functions: Vec<_> = symbols.lines().filter_map(|line| line.split(' ').next()).collect();
    let text = read("docs/c-api.md");
    let missing: Vec<_> = functions.iter().filter(|name| !mentions(&text, name)).collect();
    assert!(missing.is_empty(), "docs/c-api.md does not mention {missing:?}");
}

#[test]
fn every_function_and_option_that_a_document_names_exists() {
    let header = read("include/wsgiserver.h");
    for document in documents() {
        for name in names(&fs::read_to_string(&document).unwrap()) {
            // `wsgi_server_` and the like stand for a group.
            let of_the_seed = SEED_NAMES.contains(&&*name);
            let known = mentions(&header, &name) || name.ends_with('_') || of_the_seed;
            assert!(known, "{}: there is no {name}", document.display());
        }
    }
}

/// The codes are promised: a number that changes in the source is no longer the one that was told.
#[test]
fn the_codes_of_the_error_log_are_those_of_the_table() {
    let header = read("include/wsgiserver.h");
    let mut codes: Vec<_> = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define WSGI_LOG_")?.split_once(' '))
        .map(|(name, number)| (number.trim().parse::<u32>().unwrap(), format!("WSGI_LOG_{name}")))
        .collect();
    codes.sort();
    let text = read("docs/operations.md");
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?.parse::<u32>().ok()?, cells.next()?.trim_matches('`').to_owned()))
    });
    assert_eq!(rows.collect::<Vec<_>>(), codes);
}

#[test]
fn every_function_says_which_thread_may_call_it_and_its_errors() {
    let header = read("include/wsgiserver.h");
    let (_, functions) = header.split_once("extern \"C\" {").unwrap();
    let mut silent = Vec::new();
    for block in functions.split("\n\n").filter(|block| block.starts_with("// ")) {
        let (comments, code): (Vec<_>, Vec<_>) =
            block.lines().partition(|line| line.starts_with("//"));
        let (comment, code) = (comments.join(" "), code.join(" "));
        if !code.contains('(') {
            continue;
        }
        let tells_errors = comment.contains("rrors") || comment.contains("WSGI_");
        if !(comment.contains("thread") && tells_errors) {
            silent.push(code);
        }
    }
    assert!(silent.is_empty(), "their comments lack the thread or the errors: {silent:#?}");
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
