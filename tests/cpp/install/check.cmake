# Run by ctest. Stops at the first step that fails.
# promise: cpp-handler-without-co-return
foreach(old prefix build)
    file(REMOVE_RECURSE ${WORK}/${old})
endforeach()
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --config "${CONFIG}"
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/build -G ${GENERATOR}
    -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS}
    -DCMAKE_BUILD_TYPE=${CONFIG} ERROR_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
string(FIND "${said}" "miscompiles some coroutines" warning)
if(MISCOMPILES AND warning EQUAL -1)
    message(FATAL_ERROR "expected a warning of this compiler, got none:\n${said}")
elseif(NOT MISCOMPILES AND NOT warning EQUAL -1)
    message(FATAL_ERROR "expected no warning of this compiler, got:\n${said}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/build -DPROAPI_QUIET_COMPILER=ON
    ERROR_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
if(said MATCHES "miscompiles")
    message(FATAL_ERROR "expected silence of PROAPI_QUIET_COMPILER, got:\n${said}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK}/build/consumer COMMAND_ERROR_IS_FATAL ANY)

execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build --target without_co RESULT_VARIABLE result
    OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(result EQUAL 0 OR NOT said MATCHES "without_co.cpp:5:.*return-type")
    message(FATAL_ERROR "expected a handler without co_ to be refused by -Werror=return-type, got:\n${said}")
endif()
