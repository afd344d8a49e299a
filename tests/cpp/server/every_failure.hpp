// Runs scenarios over a transport in memory, with every cut of the input and with every failure.
#pragma once

#include <cerrno>
#include <string>
#include <vector>

#include "memory_server.hpp"

namespace proapi::server::test {

// Ways in which the server's transport is slow. No answer may depend on them.
[[nodiscard]] inline std::vector<net::MemoryBehaviour> every_behaviour() {
    using Writes = net::MemoryBehaviour::Writes;
    return {
        {},
        {.writes = Writes::together},
        {.max_read_bytes = 1, .max_write_bytes = 7},
        {.send_buffer_bytes = 16, .max_read_bytes = 5},
        {.send_buffer_bytes = 16, .max_write_bytes = 3, .writes = Writes::together},
    };
}

// What a client sends, in parts. The server runs its turns after each part.
using Parts = std::vector<std::string>;

struct Outcome {
    std::string received;
    std::vector<std::string> requests;
};

// Runs a client that sends all of it, half-closes, reads to the end, and drops the connection. Afterwards everything
// must have been released, and each handler must have been told of its end once.
inline Outcome run_client(const Parts& parts, const net::MemoryBehaviour& behaviour, net::MemoryFailure* failure,
                          const std::function<void(MemoryServer&)>& prepare = {}) {
    MemoryServer served;
    if (prepare) prepare(served);
    Outcome outcome;
    {
        std::unique_ptr<MemoryClient> client = served.connect(behaviour, failure);
        // The client's buffer is small as well, so that the server's small one matters.
        if (behaviour.send_buffer_bytes < 1024) client->transport().set_behaviour({.receive_buffer_bytes = 32});
        served.turns();
        for (const std::string& part : parts) {
            client->send(part);
            served.turns();
        }
        client->transport().shutdown_write();
        served.turns();
        outcome.received = client->received();
        if (failure && failure->has_come) {
            EXPECT_EQ(client->end_error(), ECONNRESET);
            EXPECT_EQ(served.open(), 0U) << "a failure ends the connection";
        }
        client->transport().close(net::Transport::CloseMode::reset);
    }
    served.turns();
    EXPECT_EQ(served.open(), 0U);
    for (const auto& handler : served.application.echoing) {
        EXPECT_EQ(handler->ends, 1);
        EXPECT_TRUE(handler->websocket->has_ended());
    }
    for (const auto& handler : served.application.waiting) {
        EXPECT_EQ(handler->ends, 1);
    }
    outcome.requests = served.application.requests;
    const ServerLoad load = served.server->load();
    EXPECT_EQ(load.http + load.websockets + load.send_queued_bytes + load.partial_bytes, 0U);
    return outcome;
}

// Runs `scenario(failure)` repeatedly: first with the first read or write of the server failing, then with the second,
// and so on, until none is left to fail. Returns how many there are.
template <class Scenario>
std::size_t for_each_failure(Scenario&& scenario) {
    for (std::size_t operation = 0;; ++operation) {
        SCOPED_TRACE("operation " + std::to_string(operation) + " fails");
        net::MemoryFailure failure{.after_operations = operation, .error = EHOSTUNREACH};
        scenario(failure);
        if (!failure.has_come || ::testing::Test::HasFailure()) return operation;
    }
}

// Runs the same client with every behaviour and every failure. It must receive what `right` says or, if its connection
// fails, the beginning of that.
inline void expect_with_every_failure(const Parts& parts, const Outcome& right,
                                      const std::function<void(MemoryServer&)>& prepare = {}) {
    for (const net::MemoryBehaviour& behaviour : every_behaviour()) {
        const std::size_t operations = for_each_failure([&](net::MemoryFailure& failure) {
            const Outcome outcome = run_client(parts, behaviour, &failure, prepare);
            if (failure.has_come) {
                EXPECT_TRUE(right.received.starts_with(outcome.received)) << outcome.received;
            } else {
                EXPECT_EQ(outcome.received, right.received);
                EXPECT_EQ(outcome.requests, right.requests);
            }
        });
        EXPECT_GT(operations, 2U);
        if (::testing::Test::HasFailure()) return;
    }
}

// Sends the same octets cut in two at every octet, and octet by octet.
inline void expect_with_every_cut(const std::string& octets, const Outcome& right,
                                  const std::function<void(MemoryServer&)>& prepare = {}) {
    for (std::size_t cut = 1; cut < octets.size(); ++cut) {
        SCOPED_TRACE("cut at " + std::to_string(cut));
        const Outcome outcome = run_client({octets.substr(0, cut), octets.substr(cut)}, {}, nullptr, prepare);
        ASSERT_EQ(outcome.received, right.received);
        ASSERT_EQ(outcome.requests, right.requests);
    }
    Parts single;
    for (const char octet : octets) single.emplace_back(1, octet);
    EXPECT_EQ(run_client(single, {}, nullptr, prepare).received, right.received);
}

}  // namespace proapi::server::test
