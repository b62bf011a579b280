//! The table of misuse (tests/c/misuse*) is complete against the header.

use std::path::Path;
use std::{env, fs};

#[test]
fn every_function_is_in_the_table_of_misuse() {
    let table = table();
    let missing: Vec<_> =
        functions().into_iter().filter(|name| !table.contains(&format!("ROW({name},"))).collect();
    assert!(missing.is_empty(), "no ROW in tests/c/misuse*: {missing:?}");
}

#[test]
fn null_is_given_to_every_function_that_takes_a_pointer() {
    let (table, header) = (one_line(&table()), one_line(&read("include/wsgiserver.h")));
    let takes_a_pointer = |name: &str| {
        let at = header.find(&format!("{name}(")).expect(name);
        header[at..].split_once(';').is_some_and(|(declaration, _)| declaration.contains('*'))
    };
    let is_tested = |name: &str| {
        table.split("NULL_GIVES(").skip(1).any(|row| {
            let call = row.split_once(';').map_or(row, |(call, _)| call);
            call.contains(&format!("{name}(")) && call.contains("NULL")
        })
    };
    let missing: Vec<_> =
        functions().into_iter().filter(|name| takes_a_pointer(name) && !is_tested(name)).collect();
    assert!(missing.is_empty(), "no NULL_GIVES in tests/c/misuse*: {missing:?}");
}

fn functions() -> Vec<String> {
    let symbols = read("include/wsgiserver.symbols");
    symbols.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
}

/// All files of it.
fn table() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_part = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("misuse");
    files.filter(|path| is_part(path)).map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
