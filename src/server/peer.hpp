// Who a connection comes from.
#pragma once

#include "base/address.hpp"

namespace proapi::server {

struct Peer {
    base::Address address;  // as logs and requests show it; an empty host: a Unix socket, or nobody with an address
    bool is_trusted_proxy = false;  // requests say who their client is, and are believed
};

}  // namespace proapi::server
