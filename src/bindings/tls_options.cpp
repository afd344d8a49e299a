// TlsOptions: the files and rules of a server with TLS, for Engine.use_tls().
#include "bindings/classes.hpp"
#include "net/tls_context.hpp"

namespace proapi::bindings {

void add_tls_options(nb::module_& module) {
    using net::TlsOptions;
    const auto make = [](TlsOptions* self, const std::vector<std::pair<std::string, std::string>>& certificates,
                         const std::string& keyfile_password, const std::string& ca_certs, int cert_reqs,
                         const std::string& ciphers) {
        new (self) TlsOptions{.certificates = {},
                              .keyfile_password = keyfile_password,
                              .ca_certs = ca_certs,
                              .client_certificate = static_cast<TlsOptions::ClientCertificate>(cert_reqs),
                              .ciphers = ciphers};
        for (const auto& [certfile, keyfile] : certificates) self->certificates.push_back({certfile, keyfile});
    };
    const auto check = [](const TlsOptions& self) {
        const auto loaded = net::TlsContext::load(self);
        if (!loaded) throw nb::value_error(loaded.error().c_str());
    };
    nb::class_<TlsOptions>(module, "TlsOptions")
        .def("__init__", make, nb::kw_only(), nb::arg("certificates"), nb::arg("keyfile_password"), nb::arg("ca_certs"),
             nb::arg("cert_reqs"), nb::arg("ciphers"))
        .def("check", check);
}

}  // namespace proapi::bindings
