// Who a connection comes from.
#pragma once

#include "base/address.hpp"
#include "service/request_info.hpp"

namespace proapi::server {

struct Peer {
    base::Address address;          // as logs and requests show it; an empty host: nobody with an address
    bool is_trusted_proxy = false;  // requests say who their client is, and are believed
    service::Reach reach = service::Reach::network;  // who may have sent its requests
};

}  // namespace proapi::server
