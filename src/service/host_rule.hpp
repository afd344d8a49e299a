// Which hosts a server answers for: the Host rule, a defence against DNS rebinding. Any site can let its own name
// resolve to 127.0.0.1; the browser then treats the page's requests as same-origin, and only the Host field shows which
// site sent them. Does not look at Origin. See docs/adr/0007-which-hosts-a-server-answers-for.md.
#pragma once

#include <string>
#include <string_view>

#include "service/request_info.hpp"
#include "service/site.hpp"

namespace proapi::service {

// Returns the reach of a server that listens on `host`, a numeric address or a name. Everything but loopback addresses
// and names counts as the network.
[[nodiscard]] Reach find_reach(std::string_view host) noexcept;

// Whether a field indicates a proxy: Forwarded, X-Forwarded-*, X-Real-IP or Via. Scripts in a page can write some of
// these.
[[nodiscard]] bool is_forwarded(const http::Headers& headers) noexcept;

// Whether `text` is "*", a name, "*.name" (its subdomains), or an address (IPv6 with or without brackets), with no
// scheme, port or path.
[[nodiscard]] bool is_host_pattern(std::string_view text);

// Applies the Host rule. A request passes if
// - it has no Host (HTTP/1.0);
// - its host is in allowed_hosts, or belongs to an origin in an allowed_origins, including those of routes;
// - only programs on its own machine can reach the server, and the host is a loopback name;
// - allowed_hosts is empty, and either others can reach the server, or no page can have sent the request (proxies), or
//   the host is what a trusted proxy says (real_client.hpp).
// Ports are not compared. The error's text is for the log and names the setting.
[[nodiscard]] Result<void> check_host(const RequestInfo& request, const Site& site);

}  // namespace proapi::service
