// The certificates of a server with TLS. They are loaded again on request and when one of their files has changed; if
// the new ones are not usable, the old ones stay in use. Connections keep those with which they began.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/timer_wheel.hpp"
#include "net/reactor.hpp"
#include "net/tls_context.hpp"
#include "service/log.hpp"

namespace proapi::server {

class Certificates {
public:
    // Loads the files. Throws std::runtime_error with one line that names the setting and the file. The reactor and the
    // log must outlive this object. The files are looked at once in `look_interval`.
    Certificates(net::Reactor& reactor, service::Log& log, net::TlsOptions options,
                 net::Duration look_interval = net::Duration(1000));

    [[nodiscard]] const std::shared_ptr<net::TlsContext>& context() const noexcept { return context_; }
    // Loads the files again. Logs one line, with what is wrong if the old certificates stay in use.
    void reload();

private:
    // What changes when somebody writes or replaces a file.
    struct Stamp {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = -1;
        std::int64_t modified_ns = 0;
        friend bool operator==(const Stamp&, const Stamp&) = default;
    };
    [[nodiscard]] std::vector<Stamp> look() const;
    void on_time();

    net::Reactor& reactor_;
    service::Log& log_;
    const net::TlsOptions options_;
    const net::Duration look_interval_;
    std::vector<Stamp> loaded_, seen_;  // when the files were last loaded, and last looked at
    std::shared_ptr<net::TlsContext> context_;
    base::Timer timer_;
};

}  // namespace proapi::server
