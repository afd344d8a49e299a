// Which hosts a server answers for: the Host rule, against DNS rebinding. A page of any site can let its own name
// resolve to 127.0.0.1; its requests are then same-origin to the browser, and only Host shows whose they are.
// Knows nothing of Origin; see docs/adr/0007-which-hosts-a-server-answers-for.md.
#pragma once

#include <string>
#include <string_view>

#include "service/request_info.hpp"
#include "service/site.hpp"

namespace proapi::service {

// Of a server that listens at `host`, a numeric address or a name. What is neither is taken for the network.
[[nodiscard]] Reach find_reach(std::string_view host) noexcept;

// Whether a field says that a proxy stands between: Forwarded, X-Forwarded-*, X-Real-IP, Via. A page can write them.
[[nodiscard]] bool is_forwarded(const http::Headers& headers) noexcept;

// "*", a name, "*.name" (its subdomains), or an address, IPv6 with brackets or without; no scheme, port or path.
[[nodiscard]] bool is_host_pattern(std::string_view text);

// Passes: no Host (HTTP/1.0); a host in allowed_hosts or of an origin in an allowed_origins, the routes' included; for
// a server that only its own machine reaches, a loopback name. While allowed_hosts is empty also: any host, for a
// server that others reach, and for one that they don't where a proxy stands before it for certain. Ports are not
// compared. The error's text is for the log, and names the setting.
[[nodiscard]] Result<void> check_host(const RequestInfo& request, const Site& site);

}  // namespace proapi::service
