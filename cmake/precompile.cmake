# Precompiled headers, where a build asks for them: they halve the time that the tests take to compile. Other builds go
# without, so that each file is seen to include what it needs.
option(PROAPI_PRECOMPILED_HEADERS "Precompile what tests and the C++ front end include most" OFF)

# Of debug builds: no optimization for what is mostly coroutines and templates, where it takes a third of the time.
set(unoptimized_in_debug $<$<CONFIG:Debug>:-O0>)

# precompile_headers(target <header>...) or precompile_headers(target REUSE_FROM other)
function(precompile_headers target)
    if(NOT PROAPI_PRECOMPILED_HEADERS)
        return()
    endif()
    if(ARGV1 STREQUAL "REUSE_FROM")
        target_precompile_headers(${target} REUSE_FROM ${ARGV2})
    else()
        target_precompile_headers(${target} PRIVATE ${ARGN})
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${target} PRIVATE -fpch-preprocess)  # ccache asks for it
    endif()
endfunction()
