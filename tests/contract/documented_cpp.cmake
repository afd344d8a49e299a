# Builds the C++ programs of docs/coming-from.md, each from its block on the page, for test_coming_from.py.
#
# "A chat (Drogon)", the heading above a program, is built as coming_from/a_chat__drogon_ in the build directory: as it
# stands on the page, except that it listens on a free port of this machine.
set(page ${PROJECT_SOURCE_DIR}/docs/coming-from.md)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
file(READ ${page} rest)

# Moves what precedes `mark` from `rest` to `passed`. `found`: -1 if there is no mark.
macro(pass mark)
    string(FIND "${rest}" "${mark}" found)
    if(found GREATER_EQUAL 0)
        string(SUBSTRING "${rest}" 0 ${found} passed)
        string(LENGTH "${mark}" length)
        math(EXPR found "${found} + ${length}")
        string(SUBSTRING "${rest}" ${found} -1 rest)
    endif()
endmacro()

pass("\n```cpp\n")
while(found GREATER_EQUAL 0)
    string(FIND "${passed}" "\n### " found REVERSE)
    string(SUBSTRING "${passed}" ${found} -1 passed)
    string(REGEX MATCH "^\n### ([^\n]+)" passed "${passed}")
    set(heading "${CMAKE_MATCH_1}")
    string(MAKE_C_IDENTIFIER "${heading}" name)
    string(TOLOWER "${name}" name)

    pass("\n```\n")
    string(REGEX REPLACE "run_or_exit\\([^)]*\\)" "run_or_exit({.port = 0})" program "${passed}\n")
    if(program STREQUAL "${passed}\n")
        message(FATAL_ERROR "${page}: ${heading}: expected a program that calls app.run_or_exit({.port = ...})")
    endif()
    set(source ${CMAKE_CURRENT_BINARY_DIR}/coming_from/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "${program}" @ONLY)

    add_executable(coming_from_${name} ${source})
    set_target_properties(coming_from_${name} PROPERTIES OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/coming_from
        INTERPROCEDURAL_OPTIMIZATION OFF)  # nothing is measured, and such links take long
    target_compile_options(coming_from_${name} PRIVATE -Werror)
    target_link_libraries(coming_from_${name} PRIVATE proapi::proapi)
    set_property(GLOBAL APPEND PROPERTY proapi_documented_programs coming_from_${name})
    pass("\n```cpp\n")
endwhile()
