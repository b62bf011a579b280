# The target that runs cargo. Cargo knows best what is stale, so it runs at every build.
#
# Sets: wsgiserver_soname, wsgiserver_native_libraries, wsgiserver_release_dir,
# wsgiserver_debug_dir, wsgiserver_output_dir (a generator expression: that of this build).

find_program(CARGO_EXECUTABLE cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin")
if(NOT CARGO_EXECUTABLE)
    message(FATAL_ERROR "cargo is needed to build wsgiserver: see https://rustup.rs")
endif()

# As build.rs gives it to the library: .so.0.Y before 1.0, .so.X from then on.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(wsgiserver_soname libwsgiserver.so.0.${PROJECT_VERSION_MINOR})
else()
    set(wsgiserver_soname libwsgiserver.so.${PROJECT_VERSION_MAJOR})
endif()

# What `rustc --print native-static-libs` says for a program that links the static library.
set(wsgiserver_native_libraries gcc_s util rt pthread m dl c)

set(cargo_dir ${PROJECT_BINARY_DIR}/cargo)
set(wsgiserver_release_dir ${cargo_dir}/release)
set(wsgiserver_debug_dir ${cargo_dir}/debug)
set(wsgiserver_output_dir ${cargo_dir}/$<IF:$<CONFIG:Debug>,debug,release>)

# In the build tree a program looks for the SONAME; cargo writes the plain name.
add_custom_target(
    wsgiserver_cargo ALL
    COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${cargo_dir}
            ${CARGO_EXECUTABLE} build --locked --lib $<$<NOT:$<CONFIG:Debug>>:--release>
    COMMAND ${CMAKE_COMMAND} -E create_symlink libwsgiserver.so
            ${wsgiserver_output_dir}/${wsgiserver_soname}
    BYPRODUCTS ${wsgiserver_release_dir}/libwsgiserver.so ${wsgiserver_release_dir}/libwsgiserver.a
               ${wsgiserver_debug_dir}/libwsgiserver.so ${wsgiserver_debug_dir}/libwsgiserver.a
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    COMMENT "Building wsgiserver with cargo"
    USES_TERMINAL COMMAND_EXPAND_LISTS VERBATIM)
