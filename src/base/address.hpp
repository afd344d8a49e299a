// The address of a peer, or of a server that listens: a host and a port, as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace proapi::base {

struct Address {
    // Numeric if it comes from the kernel. A Unix socket has no host: "unix" is a peer over one, and
    // "unix:/run/app.sock" is where a server listens. "unix:@app" is a name in Linux' abstract namespace.
    std::string host;
    std::uint16_t port = 0;
    friend bool operator==(const Address&, const Address&) = default;
};

inline constexpr std::string_view unix_host = "unix";

[[nodiscard]] bool is_unix(const Address& address) noexcept;

// "127.0.0.1:8000", "[::1]:8000", "unix", "unix:/run/app.sock"
[[nodiscard]] std::string to_string(const Address& address);

}  // namespace proapi::base
