# Two packages by `cpack -G DEB`: libwsgiserver0.Y, named after the SONAME, and libwsgiserver-dev.
# Configure with -DCMAKE_INSTALL_PREFIX=/usr, which puts the libraries where Debian has them.
set(WSGISERVER_DEBIAN_MAINTAINER "libwsgiserver authors <libwsgiserver@packages.invalid>"
    CACHE STRING "The Maintainer of the Debian packages")
mark_as_advanced(WSGISERVER_DEBIAN_MAINTAINER)
set(library_package libwsgiserver${wsgiserver_soversion})
set(debian_dir ${PROJECT_BINARY_DIR}/debian)

# What only these packages have: EXCLUDE_FROM_ALL keeps it from `cmake --install`.
file(READ LICENSE-MIT mit_text)
string(REGEX MATCH "Copyright[^\n]*" debian_copyright "${mit_text}")
string(REGEX REPLACE "^.*(Permission is .*[^\n])\n*$" "\n\\1" mit_text "${mit_text}")
string(REPLACE "\n\n" "\n.\n" mit_text "${mit_text}")
string(REPLACE "\n" "\n " mit_text "${mit_text}")
string(REGEX REPLACE "^\n" "" mit_text "${mit_text}")
configure_file(cmake/debian/copyright.in ${debian_dir}/copyright @ONLY)
string(TIMESTAMP debian_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(cmake/debian/changelog.in ${debian_dir}/changelog.Debian @ONLY)
execute_process(COMMAND gzip -9nf ${debian_dir}/changelog.Debian)
install(FILES ${debian_dir}/copyright ${debian_dir}/changelog.Debian.gz
        DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${library_package}
        COMPONENT debian_runtime EXCLUDE_FROM_ALL)
install(FILES ${debian_dir}/copyright ${debian_dir}/changelog.Debian.gz
        DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/libwsgiserver-dev
        COMPONENT debian_development EXCLUDE_FROM_ALL)

# A package of the system has its paths in the .pc file, where they are recognized as such.
set(pc_prefix /usr)
set(pc_libdir /usr/${CMAKE_INSTALL_LIBDIR})
set(pc_includedir /usr/${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/wsgiserver.pc.in ${debian_dir}/wsgiserver.pc @ONLY)
install(FILES ${debian_dir}/wsgiserver.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT debian_development EXCLUDE_FROM_ALL)

# For the Depends of packages that use the library: which version has which function.
file(READ include/wsgiserver.symbols symbols)
string(REGEX REPLACE "(wsgi_[a-z0-9_]+) ([0-9.]+)\n" " \\1@Base \\2\n" symbols "${symbols}")
file(WRITE ${debian_dir}/symbols "${wsgiserver_soname} ${library_package} #MINVER#\n${symbols}")
file(WRITE ${debian_dir}/shlibs
     "libwsgiserver ${wsgiserver_soversion} ${library_package} (>= ${PROJECT_VERSION})\n")
file(WRITE ${debian_dir}/triggers "activate-noawait ldconfig\n")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME libwsgiserver)
set(CPACK_PACKAGE_CONTACT "${WSGISERVER_DEBIAN_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL runtime debian_runtime development debian_development)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
foreach(group IN ITEMS runtime development)
    string(TOUPPER ${group} GROUP)
    set(CPACK_COMPONENT_${GROUP}_GROUP lib${group})
    set(CPACK_COMPONENT_DEBIAN_${GROUP}_GROUP lib${group})
endforeach()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SOURCE libwsgiserver)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(description "It runs applications like those of Python's WSGI: one function, which may
block, is called on a pool of threads. Requests can also be answered later,
or be pulled by threads of the program.")
set(CPACK_DEBIAN_LIBRUNTIME_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_LIBRUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRUNTIME_DESCRIPTION
    "thread-pooled HTTP/1.1 server to embed - shared library\n${description}")
set(CPACK_DEBIAN_LIBRUNTIME_PACKAGE_CONTROL_EXTRA
    ${debian_dir}/shlibs ${debian_dir}/symbols ${debian_dir}/triggers)
set(CPACK_DEBIAN_LIBDEVELOPMENT_PACKAGE_NAME libwsgiserver-dev)
set(CPACK_DEBIAN_LIBDEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBDEVELOPMENT_DESCRIPTION
    "thread-pooled HTTP/1.1 server to embed - development files\n${description}
This package has the headers, the static library, and what CMake and
pkg-config need.")
set(CPACK_DEBIAN_LIBDEVELOPMENT_PACKAGE_DEPENDS
    "${library_package} (= ${PROJECT_VERSION}-1), libc6-dev")
if(WSGISERVER_OPENSSL)
    string(APPEND CPACK_DEBIAN_LIBDEVELOPMENT_PACKAGE_DEPENDS ", libssl-dev")
endif()

# The Depends of the library are known once it is built, so they are looked up when cpack runs.
set(debian_library ${wsgiserver_release_dir}/libwsgiserver.so)
configure_file(cmake/debian/depends.cmake.in ${debian_dir}/depends.cmake @ONLY)
set(CPACK_PROJECT_CONFIG_FILE ${debian_dir}/depends.cmake)
include(CPack)
