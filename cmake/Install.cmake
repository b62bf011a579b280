# Installs the headers, both libraries, a CMake package, a pkg-config file and the licences. Nothing
# installed holds an absolute path, so a prefix can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(real_name libwsgiserver.so.${PROJECT_VERSION})
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/wsgiserver)
set(made_dir ${PROJECT_BINARY_DIR}/package)
# `cmake --install --strip`, and cpack, strip the libraries as well, which are no targets of CMake's.
find_program(STRIP_EXECUTABLE NAMES ${CMAKE_STRIP} strip)
mark_as_advanced(STRIP_EXECUTABLE)

function(install_library component file name strip_flag)
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${component}
            RENAME ${name})
    if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
        set(installed "\$ENV{DESTDIR}${CMAKE_INSTALL_LIBDIR}/${name}")
    else()
        set(installed "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/${name}")
    endif()
    install(CODE "if(CMAKE_INSTALL_DO_STRIP)
        execute_process(COMMAND \"${STRIP_EXECUTABLE}\" ${strip_flag} \"${installed}\")
    endif()" COMPONENT ${component})
endfunction()

# The plain name -> the SONAME -> the file with the whole version
install_library(runtime ${wsgiserver_output_dir}/libwsgiserver.so ${real_name} --strip-unneeded)
install_library(development ${wsgiserver_output_dir}/libwsgiserver.a libwsgiserver.a --strip-debug)
file(MAKE_DIRECTORY ${made_dir})
file(CREATE_LINK ${real_name} ${made_dir}/${wsgiserver_soname} SYMBOLIC)
file(CREATE_LINK ${wsgiserver_soname} ${made_dir}/libwsgiserver.so SYMBOLIC)
install(FILES ${made_dir}/${wsgiserver_soname} DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT runtime)
install(FILES ${made_dir}/libwsgiserver.so DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT development)
install(FILES include/wsgiserver.h include/wsgiserver.ffi.h bindings/cpp/wsgiserver.hpp
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES
        bindings/cpp/wsgiserver/dispatcher.hpp
        bindings/cpp/wsgiserver/error.hpp
        bindings/cpp/wsgiserver/exchange.hpp
        bindings/cpp/wsgiserver/handlers.hpp
        bindings/cpp/wsgiserver/middleware.hpp
        bindings/cpp/wsgiserver/request.hpp
        bindings/cpp/wsgiserver/server.hpp
        bindings/cpp/wsgiserver/ssl.hpp
        bindings/cpp/wsgiserver/stream.hpp
        bindings/cpp/wsgiserver/text.hpp
        bindings/cpp/wsgiserver/view.hpp
        bindings/cpp/wsgiserver/worker.hpp
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/wsgiserver COMPONENT development)
install(FILES LICENSE-MIT LICENSE-APACHE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT licences)

configure_package_config_file(
    cmake/wsgiserver-config.cmake.in ${made_dir}/wsgiserver-config.cmake
    INSTALL_DESTINATION ${package_dir}
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
# While the version is 0.Y, each Y may break what the one before promised.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatibility SameMinorVersion)
else()
    set(compatibility SameMajorVersion)
endif()
write_basic_package_version_file(${made_dir}/wsgiserver-config-version.cmake
                                 COMPATIBILITY ${compatibility})
install(FILES ${made_dir}/wsgiserver-config.cmake ${made_dir}/wsgiserver-config-version.cmake
        DESTINATION ${package_dir} COMPONENT development)

# pkg-config knows where its file lies; an absolute folder has no way from there.
list(TRANSFORM wsgiserver_native_libraries PREPEND -l OUTPUT_VARIABLE pc_native)
string(JOIN " " pc_native ${pc_native})
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix ${CMAKE_INSTALL_PREFIX})
    set(pc_libdir ${CMAKE_INSTALL_LIBDIR})
    set(pc_includedir ${CMAKE_INSTALL_FULL_INCLUDEDIR})
else()
    file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
    set(pc_libdir "\${pcfiledir}/..")
    set(pc_includedir "\${pcfiledir}/${up}/${CMAKE_INSTALL_INCLUDEDIR}")
    if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
        set(pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
    endif()
endif()
configure_file(cmake/wsgiserver.pc.in ${made_dir}/wsgiserver.pc @ONLY)
install(FILES ${made_dir}/wsgiserver.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT pkgconfig)

if(top_level AND CMAKE_SYSTEM_NAME STREQUAL Linux)
    include(cmake/Debian.cmake)
endif()
