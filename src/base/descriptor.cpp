#include "base/descriptor.hpp"

#include <unistd.h>

#include <cerrno>

namespace proapi::base {

void Descriptor::close(int fd) noexcept {
    ::close(fd);
}

void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace proapi::base
