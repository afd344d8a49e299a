#include "app/listen_options.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace proapi::detail {

namespace {

constexpr int first_activated = 3;  // SD_LISTEN_FDS_START

[[nodiscard]] std::string_view find_variable(const char* name) noexcept {
    const char* const value = std::getenv(name);
    return value ? value : "";
}

[[nodiscard]] std::optional<int> parse_number(std::string_view text) noexcept {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Returns the descriptors that systemd has passed to this process (sd_listen_fds(3)).
[[nodiscard]] std::vector<int> take_activated() {
    const auto process = parse_number(find_variable("LISTEN_PID")), count = parse_number(find_variable("LISTEN_FDS"));
    if (process != ::getpid() || count.value_or(0) <= 0) return {};
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    std::vector<int> all(static_cast<std::size_t>(*count));
    std::iota(all.begin(), all.end(), first_activated);
    return all;
}

[[nodiscard]] std::vector<std::string> find_hosts(const RunOptions& options) {
    if (!options.host.names().empty()) return options.host.names();
    const std::string_view host = find_variable("PROAPI_HOST");
    return {host.empty() ? "127.0.0.1" : std::string(host)};
}

[[nodiscard]] std::uint16_t find_port(const RunOptions& options) {
    const std::string_view set = find_variable("PROAPI_PORT");
    const bool is_from_environment = !options.port && !set.empty();
    const int port = is_from_environment ? parse_number(set).value_or(-1) : options.port.value_or(8000);
    if (port < 0 || port > 65535)
        throw std::runtime_error(std::string(is_from_environment ? "PROAPI_PORT" : "port") +
                                 ": expected 0 to 65535, got " +
                                 (is_from_environment ? std::string(set) : std::to_string(port)));
    return static_cast<std::uint16_t>(port);
}

}  // namespace

net::ListenOptions find_listen_options(const RunOptions& options, int backlog) {
    if (options.uds_mode > 0777)
        throw std::runtime_error("uds_mode: expected permissions from 0 to 0777, got " +
                                 std::to_string(options.uds_mode) + " (decimal)");
    if (options.fd && *options.fd < 0)
        throw std::runtime_error("fd: expected a descriptor, got " + std::to_string(*options.fd));
    net::ListenOptions found{.uds = options.uds,
                             .uds_mode = static_cast<mode_t>(options.uds_mode),
                             .reuse_port = options.reuse_port,
                             .backlog = backlog};
    if (options.fd) found.fds.push_back(*options.fd);
    const bool has_host = !options.host.names().empty() || options.port;
    if (!has_host && found.uds.empty() && found.fds.empty()) found.fds = take_activated();
    if (has_host || (found.uds.empty() && found.fds.empty())) {
        found.hosts = find_hosts(options);
        found.port = find_port(options);
    }
    return found;
}

}  // namespace proapi::detail
