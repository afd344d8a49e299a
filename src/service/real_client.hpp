// Who the client of a request is when trusted proxies have passed the request on, and what it asked the first of them
// for: what X-Forwarded-For, -Proto and -Host, or Forwarded, say.
//
//   client ------> proxy A ------> proxy B ------> server
//                          adds "client"   adds "A"           X-Forwarded-For: client, A
//
// Only the end of such a list is known to be true: the server knows who its peer is, a trusted peer reports who called
// it, and so on to the left, as long as the one who reports is trusted. What is left of the first untrusted address was
// written by that client.
#pragma once

#include <optional>
#include <string>

#include "service/request_info.hpp"
#include "service/site.hpp"
#include "service/trusted_networks.hpp"

namespace proapi::service {

// What the trusted proxies say. An empty string or nullopt: nothing.
struct RealClient {
    std::optional<base::Address> client;  // a numeric host; port 0 if the port is not named
    std::optional<bool> is_secure;
    std::string host;  // not checked
};

// Reads the fields of a request that came from a trusted peer. If there is any X-Forwarded-For, -Proto or -Host,
// Forwarded is ignored: most proxies write X-Forwarded-* and pass on the Forwarded that their client has invented. A
// malformed member ends the walk, and so does one that names no address; what was found before it counts.
[[nodiscard]] RealClient find_real_client(const http::Headers& headers, const TrustedNetworks& trusted);

// Makes `request`, which came from a trusted peer, the request of its real client: `client`, `secure`, and the Host
// field, and with it the URL and the Host and Origin rules. On loopback the Host field is replaced only if the request
// passes the Host rule with its own: a page whose name leads to this machine can write X-Forwarded-Host too. Returns
// false, and changes nothing, if the host that a proxy names is not one (RFC 9110 section 7.2): 400.
[[nodiscard]] bool take_real_client(RequestInfo& request, const Site& site, const TrustedNetworks& trusted);

}  // namespace proapi::service
