# Says once that the compiler is one of those that miscompile coroutines, unless PROAPI_QUIET_COMPILER is set.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13 AND NOT PROAPI_QUIET_COMPILER)
    get_property(proapi_compiler_was_named GLOBAL PROPERTY PROAPI_COMPILER_WAS_NAMED)
    if(NOT proapi_compiler_was_named)
        set_property(GLOBAL PROPERTY PROAPI_COMPILER_WAS_NAMED TRUE)
        message(WARNING "proapi: g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles some coroutines: braces, ?: and lambdas with "
            "captures inside of what co_await waits for may destroy objects twice. Use g++ 13 or newer, or clang, or write "
            "what docs/compilers.md says. PROAPI_QUIET_COMPILER=ON silences this.")
    endif()
    unset(proapi_compiler_was_named)
endif()
