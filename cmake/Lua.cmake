# The Lua module for each version that WSGISERVER_LUA lists: 5.1, 5.2, 5.3, 5.4, jit. LuaJIT's ABI is that
# of 5.1, so one module is both's.

set(lua_source ${PROJECT_SOURCE_DIR}/bindings/lua)
file(GLOB lua_sources CONFIGURE_DEPENDS ${lua_source}/src/*.c)
set(lua_abis)
foreach(version IN LISTS WSGISERVER_LUA)
    if(NOT version MATCHES "^(5\\.[1234]|jit)$")
        message(FATAL_ERROR "WSGISERVER_LUA lists '${version}': it may list 5.1, 5.2, 5.3, 5.4 and jit")
    endif()
    string(REPLACE jit 5.1 abi ${version})
    string(REPLACE jit jit-2.1 folder ${version})
    set(lua_module wsgiserver_lua${abi})
    if(NOT abi IN_LIST lua_abis)
        list(APPEND lua_abis ${abi})
        find_path(WSGISERVER_LUA${abi}_INCLUDE lua.h PATH_SUFFIXES lua${folder} NO_CACHE
                  NO_CMAKE_SYSTEM_PATH PATHS /usr/include /usr/local/include)
        if(NOT WSGISERVER_LUA${abi}_INCLUDE)
            message(FATAL_ERROR "WSGISERVER_LUA lists ${version}, and lua.h of Lua ${version} is not "
                                "found: install it, or set WSGISERVER_LUA${abi}_INCLUDE")
        endif()
        add_library(${lua_module} MODULE ${lua_sources})
        target_include_directories(${lua_module} PRIVATE ${WSGISERVER_LUA${abi}_INCLUDE})
        target_link_libraries(${lua_module} PRIVATE wsgiserver::shared)
        # A worker thread may be in its code when the state that has loaded it is closed.
        target_link_options(${lua_module} PRIVATE -Wl,-z,nodelete -pthread)
        set_target_properties(
            ${lua_module}
            PROPERTIES PREFIX "" OUTPUT_NAME wsgiserver C_STANDARD 99 C_VISIBILITY_PRESET hidden
                       LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lua/${abi}
                       INSTALL_RPATH "$ORIGIN/../..")
        if(WSGISERVER_INSTALL)
            install(TARGETS ${lua_module} DESTINATION ${CMAKE_INSTALL_LIBDIR}/lua/${abi} COMPONENT lua)
            install(FILES ${lua_source}/wsgiserver/cdef.lua ${lua_source}/wsgiserver/ffi.lua
                          ${lua_source}/wsgiserver/ffi_request.lua
                    DESTINATION ${CMAKE_INSTALL_DATADIR}/lua/${abi}/wsgiserver COMPONENT lua)
            install(FILES ${lua_source}/wsapi/wsgiserver.lua
                    DESTINATION ${CMAKE_INSTALL_DATADIR}/lua/${abi}/wsapi COMPONENT lua)
        endif()
    endif()
    if(WSGISERVER_INSTALL)
        file(READ ${lua_source}/bin/wsgiserver-lua lua_command)
        string(REPLACE "#!/usr/bin/env lua\n" "#!/usr/bin/env lua${version}\n" lua_command "${lua_command}")
        file(RELATIVE_PATH lua_modules ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_DATADIR}/lua/${abi})
        file(RELATIVE_PATH lua_libraries ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/lua/${abi})
        string(REPLACE "local modules, libraries\n"
                       "local modules, libraries = \"${lua_modules}\", \"${lua_libraries}\"\n"
                       lua_command "${lua_command}")
        file(WRITE ${PROJECT_BINARY_DIR}/lua/wsgiserver-lua${version} "${lua_command}")
        install(PROGRAMS ${PROJECT_BINARY_DIR}/lua/wsgiserver-lua${version}
                DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT lua)
    endif()
endforeach()
