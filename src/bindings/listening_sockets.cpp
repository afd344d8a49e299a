// ListeningSockets: where a server of the package listens, opened before its workers start.
#include <nanobind/stl/optional.h>

#include "bindings/classes.hpp"
#include "net/listening_sockets.hpp"

namespace proapi::bindings {

namespace {

[[noreturn]] void raise_listen_error(const net::ListenError& error) {
    PyErr_SetString(PyExc_OSError, error.text.c_str());
    throw nb::python_error();
}

void open(net::ListeningSockets* self, std::vector<std::string> hosts, std::uint16_t port, std::string uds,
          unsigned uds_mode, std::vector<int> fds, bool reuse_port, int backlog, int workers) {
    const net::ListenOptions options{.hosts = std::move(hosts),
                                     .port = port,
                                     .uds = std::move(uds),
                                     .uds_mode = static_cast<mode_t>(uds_mode),
                                     .fds = std::move(fds),
                                     .reuse_port = reuse_port,
                                     .backlog = backlog};
    auto sockets = [&] {
        const nb::gil_scoped_release released;  // a name may take long to resolve
        return net::ListeningSockets::open(options, workers);
    }();
    if (!sockets) raise_listen_error(sockets.error());
    new (self) net::ListeningSockets(*std::move(sockets));
}

}  // namespace

AddressPairs to_pairs(const std::vector<base::Address>& addresses) {
    AddressPairs pairs;
    for (const base::Address& address : addresses) pairs.emplace_back(address.host, address.port);
    return pairs;
}

std::vector<net::ListeningSocket> sockets_for_worker(net::ListeningSockets& sockets) {
    auto own = sockets.for_worker();
    if (!own) raise_listen_error(own.error());
    return *std::move(own);
}

void add_listening_sockets(nb::module_& module) {
    nb::class_<net::ListeningSockets>(module, "ListeningSockets")
        .def("__init__", &open, nb::kw_only(), nb::arg("hosts"), nb::arg("port"), nb::arg("uds"), nb::arg("uds_mode"),
             nb::arg("fds"), nb::arg("reuse_port"), nb::arg("backlog"), nb::arg("workers"))
        .def_prop_ro("addresses", [](const net::ListeningSockets& self) { return to_pairs(self.addresses()); })
        .def("keep_from_children", &net::ListeningSockets::keep_from_children)
        .def("close", &net::ListeningSockets::close)
        .def("remove_file", &net::ListeningSockets::remove_file);
}

}  // namespace proapi::bindings
