# What an installed copy holds: the public headers, the layers' static libraries, and the package that makes
# find_package(proapi) and target_link_libraries(... proapi::proapi) work elsewhere.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(proapi_layers proapi_base proapi_net proapi_http proapi_ws proapi_service proapi_server proapi_app)

# The layers include each other from src/, which is not installed: users see include/proapi only. They are called there
# as they are here: proapi::base.
foreach(layer IN LISTS proapi_layers)
    string(REPLACE "proapi_" "" name ${layer})
    set_target_properties(${layer} PROPERTIES EXPORT_NAME ${name})
    get_target_property(directories ${layer} INTERFACE_INCLUDE_DIRECTORIES)
    if(directories AND NOT directories MATCHES "BUILD_INTERFACE")
        set_target_properties(${layer} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "$<BUILD_INTERFACE:${directories}>")
    endif()
endforeach()

install(TARGETS proapi ${proapi_layers} EXPORT proapi-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT proapi-targets NAMESPACE proapi:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/proapi)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/proapi DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.hpp")

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/proapi-config.cmake.in
    ${PROJECT_BINARY_DIR}/proapi-config.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/proapi)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/proapi-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/proapi-config.cmake ${PROJECT_BINARY_DIR}/proapi-config-version.cmake
    ${PROJECT_SOURCE_DIR}/cmake/Findliburing.cmake ${PROJECT_SOURCE_DIR}/cmake/Findisal.cmake
    ${PROJECT_SOURCE_DIR}/cmake/Findbrotli.cmake ${PROJECT_SOURCE_DIR}/cmake/Findzstd.cmake
    ${PROJECT_SOURCE_DIR}/cmake/compiler.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/proapi)
