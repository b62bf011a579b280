# Installs the header, both libraries, a CMake package and a pkg-config file. Nothing installed
# holds an absolute path, so a prefix can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(real_name libwsgiserver.so.${PROJECT_VERSION})
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/wsgiserver)
set(made_dir ${PROJECT_BINARY_DIR}/package)

install(FILES include/wsgiserver.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${wsgiserver_output_dir}/libwsgiserver.a DESTINATION ${CMAKE_INSTALL_LIBDIR})

# libwsgiserver.so -> the SONAME -> the file with the whole version
install(PROGRAMS ${wsgiserver_output_dir}/libwsgiserver.so DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RENAME ${real_name})
file(MAKE_DIRECTORY ${made_dir})
file(CREATE_LINK ${real_name} ${made_dir}/${wsgiserver_soname} SYMBOLIC)
file(CREATE_LINK ${wsgiserver_soname} ${made_dir}/libwsgiserver.so SYMBOLIC)
install(FILES ${made_dir}/${wsgiserver_soname} ${made_dir}/libwsgiserver.so
        DESTINATION ${CMAKE_INSTALL_LIBDIR})

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
        DESTINATION ${package_dir})

# pkg-config finds the prefix from where its file lies; an absolute library folder has no such way.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix ${CMAKE_INSTALL_PREFIX})
    set(pc_libdir ${CMAKE_INSTALL_LIBDIR})
else()
    file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
    set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
else()
    set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
list(TRANSFORM wsgiserver_native_libraries PREPEND -l OUTPUT_VARIABLE pc_native)
string(JOIN " " pc_native ${pc_native})
configure_file(cmake/wsgiserver.pc.in ${made_dir}/wsgiserver.pc @ONLY)
install(FILES ${made_dir}/wsgiserver.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
