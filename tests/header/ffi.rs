//! `wsgiserver.ffi.h`: the declarations of the header without a line for the preprocessor, for the
//! parsers of cffi, LuaJIT and PHP.

/// Constants become enums; `size_t` and the fixed widths are names that each of the parsers knows.
pub fn without_preprocessor(header: &str) -> String {
    let mut text = String::new();
    // What stands in `#ifdef __cplusplus` is for C++ alone.
    let mut cplusplus = false;
    for line in header.lines() {
        match line.strip_prefix('#') {
            Some(directive) if directive.starts_with("ifdef __cplusplus") => cplusplus = true,
            Some(directive) if directive.starts_with("endif") => cplusplus = false,
            Some(directive) => text.extend(constant(directive)),
            None if cplusplus => {}
            None => {
                text += line;
                text.push('\n');
            }
        }
    }
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text.trim_end().to_owned() + "\n"
}

/// `define WSGI_X -1` as an enum; nothing for the other directives.
fn constant(directive: &str) -> Option<String> {
    let (name, value) = directive.strip_prefix("define ")?.split_once(' ')?;
    // LuaJIT's enums have 32 bits.
    let value: i32 = value.trim().parse().unwrap_or_else(|_| {
        panic!("the constant {name} is not a number of 32 bits, which an enum can't hold: {value}")
    });
    Some(format!("enum {{ {name} = {value} }};\n"))
}

#[test]
fn constants_become_enums_and_directives_go() {
    let header = "// Hello.\n\n#ifndef X\n#define X\n\n#include <stddef.h>\n\n// One.\n#define A -1\n\n\
                  #ifdef __cplusplus\nextern \"C\" {\n#endif // __cplusplus\n\nint a(void);\n\n\
                  #ifdef __cplusplus\n}  // extern \"C\"\n#endif  // __cplusplus\n\n#endif\n";
    assert_eq!(
        without_preprocessor(header),
        "// Hello.\n\n// One.\nenum { A = -1 };\n\nint a(void);\n"
    );
}
