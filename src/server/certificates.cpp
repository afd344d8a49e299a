#include "server/certificates.hpp"

#include <sys/stat.h>

#include <exception>
#include <stdexcept>
#include <utility>

namespace proapi::server {

Certificates::Certificates(net::Reactor& reactor, service::Log& log, net::TlsOptions options,
                           net::Duration look_interval)
    : reactor_(reactor),
      log_(log),
      options_(std::move(options)),
      look_interval_(look_interval),
      loaded_(look()),
      seen_(loaded_),
      timer_([](void* self) { static_cast<Certificates*>(self)->on_time(); }, this) {
    auto loaded = net::TlsContext::load(options_);
    if (!loaded) throw std::runtime_error(std::move(loaded).error());
    context_ = *std::move(loaded);
    reactor_.start_timer(timer_, look_interval_);
}

void Certificates::reload() {
    loaded_ = seen_ = look();
    auto loaded = net::TlsContext::load(options_);
    if (!loaded)
        return log_.write(service::LogLevel::error,
                          "the certificates were not reloaded, the old ones stay in use: " + loaded.error());
    context_ = *std::move(loaded);
    log_.write(service::LogLevel::info, "the certificates were reloaded");
}

// Whoever replaces a certificate writes several files, which belong together. So they are loaded once they have not
// changed between two looks.
void Certificates::on_time() {
    reactor_.start_timer(timer_, look_interval_);
    try {
        const std::vector<Stamp> before = std::exchange(seen_, look());
        if (seen_ == before && seen_ != loaded_) reload();
    } catch (const std::exception&) {  // ignored: out of memory; the next look tries again
        loaded_.clear();
    }
}

std::vector<Certificates::Stamp> Certificates::look() const {
    std::vector<Stamp> stamps;
    const auto add = [&stamps](const std::string& file) {
        struct stat found{};
        if (file.empty() || ::stat(file.c_str(), &found) != 0) return stamps.emplace_back(), void();
        stamps.push_back({found.st_dev, found.st_ino, found.st_size,
                          found.st_mtim.tv_sec * 1'000'000'000LL + found.st_mtim.tv_nsec});
    };
    for (const auto& [certfile, keyfile] : options_.certificates) {
        add(certfile);
        add(keyfile);
    }
    add(options_.ca_certs);
    return stamps;
}

}  // namespace proapi::server
