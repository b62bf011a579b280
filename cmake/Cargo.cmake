# The target that runs cargo. Cargo knows best what is stale, so it runs at every build.
#
# Sets: wsgiserver_soversion, wsgiserver_soname, wsgiserver_native_libraries, wsgiserver_release_dir,
# wsgiserver_debug_dir, wsgiserver_output_dir (a generator expression: that of this build).

find_program(CARGO_EXECUTABLE cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin")
file(STRINGS Cargo.toml rust_line REGEX "^rust-version = \"" LIMIT_COUNT 1)
string(REGEX MATCH "[0-9]+(\\.[0-9]+)+" rust_wanted "${rust_line}")
if(NOT CARGO_EXECUTABLE)
    message(FATAL_ERROR "wsgiserver needs cargo, with Rust ${rust_wanted} or newer, and finds none: "
                        "see https://rustup.rs, or set CARGO_EXECUTABLE")
endif()
get_filename_component(cargo_bin "${CARGO_EXECUTABLE}" DIRECTORY)
find_program(RUSTC_EXECUTABLE rustc HINTS "${cargo_bin}")
# From the project's folder, so that a toolchain chosen for it is the one looked at.
execute_process(COMMAND "${RUSTC_EXECUTABLE}" --version WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                OUTPUT_VARIABLE rust_found ERROR_QUIET)
if(NOT rust_found MATCHES "^rustc ([0-9]+\\.[0-9]+\\.[0-9]+)")
    message(FATAL_ERROR "wsgiserver needs Rust ${rust_wanted} or newer, and rustc "
                        "('${RUSTC_EXECUTABLE}') doesn't tell its version")
elseif(CMAKE_MATCH_1 VERSION_LESS rust_wanted)
    message(FATAL_ERROR "wsgiserver needs Rust ${rust_wanted} or newer, and this is Rust "
                        "${CMAKE_MATCH_1}: 'rustup update' brings a newer one")
endif()

# As build.rs gives it to the library (docs/abi.md): .so.0.Y before 1.0, .so.X from then on.
set(wsgiserver_soversion ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(wsgiserver_soversion 0.${PROJECT_VERSION_MINOR})
endif()
set(wsgiserver_soname libwsgiserver.so.${wsgiserver_soversion})

# What `rustc --print native-static-libs` says for a program that links the static library, less
# gcc_s and c: the compiler adds these, or their static forms, by itself.
set(wsgiserver_native_libraries util rt pthread m dl)
set(cargo_features "")
if(WSGISERVER_OPENSSL)
    set(cargo_features --features openssl)
    list(PREPEND wsgiserver_native_libraries ssl crypto)
endif()

set(WSGISERVER_CARGO_TARGET_DIR ${PROJECT_BINARY_DIR}/cargo
    CACHE PATH "cargo's target folder; another one may share what is built there")
mark_as_advanced(WSGISERVER_CARGO_TARGET_DIR CARGO_EXECUTABLE RUSTC_EXECUTABLE)
set(wsgiserver_release_dir ${WSGISERVER_CARGO_TARGET_DIR}/release)
set(wsgiserver_debug_dir ${WSGISERVER_CARGO_TARGET_DIR}/debug)
set(wsgiserver_output_dir ${WSGISERVER_CARGO_TARGET_DIR}/$<IF:$<CONFIG:Debug>,debug,release>)

# In the build tree a program looks for the SONAME; cargo writes the plain name.
add_custom_target(
    wsgiserver_cargo ALL
    COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${WSGISERVER_CARGO_TARGET_DIR}
            ${CARGO_EXECUTABLE} build --locked --lib ${cargo_features} $<$<NOT:$<CONFIG:Debug>>:--release>
    COMMAND ${CMAKE_COMMAND} -E create_symlink libwsgiserver.so
            ${wsgiserver_output_dir}/${wsgiserver_soname}
    BYPRODUCTS ${wsgiserver_release_dir}/libwsgiserver.so ${wsgiserver_release_dir}/libwsgiserver.a
               ${wsgiserver_debug_dir}/libwsgiserver.so ${wsgiserver_debug_dir}/libwsgiserver.a
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    COMMENT "Building wsgiserver with cargo"
    USES_TERMINAL COMMAND_EXPAND_LISTS VERBATIM)
