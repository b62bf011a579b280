# The library as targets of the build tree, under the names that the installed package has.

foreach(kind IN ITEMS shared static)
    string(TOUPPER ${kind} type)
    if(kind STREQUAL shared)
        set(file libwsgiserver.so)
    else()
        set(file libwsgiserver.a)
    endif()
    add_library(wsgiserver::${kind} ${type} IMPORTED GLOBAL)
    set_target_properties(
        wsgiserver::${kind}
        PROPERTIES IMPORTED_LOCATION ${wsgiserver_release_dir}/${file}
                   IMPORTED_LOCATION_DEBUG ${wsgiserver_debug_dir}/${file}
                   INTERFACE_INCLUDE_DIRECTORIES
                   "${PROJECT_SOURCE_DIR}/include;${PROJECT_SOURCE_DIR}/bindings/cpp")
    add_dependencies(wsgiserver::${kind} wsgiserver_cargo)
endforeach()
set_target_properties(wsgiserver::shared PROPERTIES IMPORTED_SONAME ${wsgiserver_soname})
set_target_properties(wsgiserver::static PROPERTIES INTERFACE_LINK_LIBRARIES
                                                    "${wsgiserver_native_libraries}")

add_library(wsgiserver::wsgiserver INTERFACE IMPORTED GLOBAL)
if(BUILD_SHARED_LIBS)
    target_link_libraries(wsgiserver::wsgiserver INTERFACE wsgiserver::shared)
else()
    target_link_libraries(wsgiserver::wsgiserver INTERFACE wsgiserver::static)
endif()
