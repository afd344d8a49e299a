# Brotli has no CMake package of its own. Gives the target brotli::brotli.
find_path(brotli_INCLUDE_DIR brotli/encode.h)
find_library(brotli_encoder_LIBRARY brotlienc)
find_library(brotli_decoder_LIBRARY brotlidec)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(brotli REQUIRED_VARS brotli_encoder_LIBRARY brotli_decoder_LIBRARY brotli_INCLUDE_DIR)
mark_as_advanced(brotli_INCLUDE_DIR brotli_encoder_LIBRARY brotli_decoder_LIBRARY)
if(brotli_FOUND AND NOT TARGET brotli::brotli)
    add_library(brotli::brotli INTERFACE IMPORTED)
    set_target_properties(brotli::brotli PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${brotli_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES "${brotli_encoder_LIBRARY};${brotli_decoder_LIBRARY}")
endif()
