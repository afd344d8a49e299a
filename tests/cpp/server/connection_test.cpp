// A connection and its end, with the test's own protocol over a transport in memory: one write per turn, waiting for
// room, the phases of the end, the time limits; and all of these with every read and write failing.
#include "server/connection.hpp"

#include <gtest/gtest.h>

#include "every_failure.hpp"
#include "fake_protocol.hpp"

namespace proapi::server::test {
namespace {

using CloseMode = net::Transport::CloseMode;

class ConnectionTest : public ::testing::Test {
protected:
    void open(const net::MemoryBehaviour& behaviour = {}) {
        fake.emplace(served, behaviour);
        fake->connection->start_reading();
        served.turns();
    }
    Connection& connection() { return *fake->connection; }
    MemoryClient& client() { return *fake->client; }
    ProtocolReport& report() { return fake->report; }
    [[nodiscard]] bool becomes_gone() {
        return served.turn_until([&] { return fake->is_gone(); });
    }
    void client_takes_nothing() { client().transport().set_behaviour({.receive_buffer_bytes = 0}); }

    MemoryServer served;
    std::optional<FakeConnection> fake;
};

TEST_F(ConnectionTest, ReadsForItsProtocol) {
    open();
    client().send("one");
    served.turns();
    connection().stop_reading();
    client().send("two");
    served.turns();
    EXPECT_EQ(report().received, "one");
    EXPECT_TRUE(connection().has_unread_octets());
    connection().start_reading();
    served.turns();
    EXPECT_EQ(report().received, "onetwo");
}

TEST_F(ConnectionTest, WritesOnceATurn) {
    open({.max_write_bytes = 4});
    fake->write("one ");
    fake->write("two ");
    fake->write("three");
    EXPECT_EQ(client().received(), "");
    served.turns();
    EXPECT_EQ(client().received(), "one two three");
    EXPECT_EQ(report().written, 1) << "reported once, however many parts the transport takes";
}

TEST_F(ConnectionTest, WritesWhatTurnEndsPutOut) {
    open();
    bool has_written = false;
    fake->fake->at_turn_end = [&] {
        if (!std::exchange(has_written, true)) fake->fake->output().append("at the end");
    };
    connection().flush_soon();
    served.turns();
    EXPECT_EQ(client().received(), "at the end");
}

TEST_F(ConnectionTest, WaitsForRoom) {
    open({.send_buffer_bytes = 10});
    client_takes_nothing();
    fake->write(std::string(35, 'x'));
    served.turns();
    EXPECT_EQ(connection().undelivered_octets(), 35U);
    EXPECT_EQ(report().written, 1);
    client().transport().set_behaviour({.receive_buffer_bytes = 10});
    served.turns();
    EXPECT_EQ(client().received(), std::string(35, 'x'));
    EXPECT_GT(report().written_after_waiting, 0);
    EXPECT_EQ(connection().undelivered_octets(), 0U);
}

TEST_F(ConnectionTest, APeerThatMakesNoRoomIsDropped) {
    served.site.settings.write_timeout = service::Duration(20);
    open({.send_buffer_bytes = 10});
    client_takes_nothing();
    fake->write(std::string(35, 'x'));
    EXPECT_TRUE(becomes_gone());
    served.turns();
    EXPECT_EQ(client().end_error(), ECONNRESET);
}

TEST_F(ConnectionTest, SendsAtOnceBehindWhatIsQueued) {
    open();
    fake->write("queued ");
    connection().send_at_once(base::as_bytes("head "), base::as_bytes("body"));
    EXPECT_TRUE(fake->fake->output().empty()) << "it was written at the call";
    served.turns();
    EXPECT_EQ(client().received(), "queued head body");
    EXPECT_EQ(report().written, 1);
}

TEST_F(ConnectionTest, SendsAtOnceWhatFitsAndCopiesTheRest) {
    const std::string all = "queued head body";
    for (std::size_t room = 1; room < all.size(); ++room) {
        open({.max_write_bytes = room});
        fake->write("queued ");
        connection().send_at_once(base::as_bytes("head "), base::as_bytes("body"));
        EXPECT_EQ(fake->fake->output().size_bytes(), all.size() - room);
        served.turns();
        EXPECT_EQ(client().received(), all);
        fake.reset();
    }
}

TEST_F(ConnectionTest, ReportsThePeersEnd) {
    open();
    connection().stop_reading();
    client().send("unread");
    client().transport().shutdown_write();
    served.turns();
    EXPECT_EQ(report().finishes, 1);
    EXPECT_EQ(report().read_ends, 0);
    EXPECT_TRUE(connection().has_peer_finished());
    connection().start_reading();
    served.turns();
    EXPECT_EQ(report().received, "unread");
    EXPECT_EQ(report().read_ends, 1);
    EXPECT_TRUE(connection().has_read_ended());
    EXPECT_FALSE(fake->is_gone()) << "the protocol decides";
}

TEST_F(ConnectionTest, ALostConnectionIsGone) {
    open();
    client().transport().close(CloseMode::reset);
    served.turns();
    EXPECT_TRUE(report().is_destroyed);
    EXPECT_EQ(report().ends, 1);
    EXPECT_EQ(report().read_ends, 0);
}

TEST_F(ConnectionTest, FinishWritesAndThenEndsItsSide) {
    open();
    fake->write("last words");
    connection().finish();
    EXPECT_FALSE(connection().is_serving());
    served.turns();
    EXPECT_EQ(client().received(), "last words");
    EXPECT_EQ(client().end_error(), 0);
    client().send("too late");
    served.turns();
    EXPECT_EQ(report().received, "") << "octets after the end are dropped";
    EXPECT_EQ(client().end_error(), 0) << "and cause no reset";
    EXPECT_FALSE(fake->is_gone());
    client().transport().shutdown_write();
    served.turns();
    EXPECT_TRUE(report().is_destroyed);
    EXPECT_EQ(report().ends, 1);
}

TEST_F(ConnectionTest, FinishWaitsForCloseTimeout) {
    served.site.settings.close_timeout = service::Duration(20);
    open();
    fake->write("last words");
    connection().finish();
    EXPECT_TRUE(becomes_gone());
    served.turns();
    EXPECT_EQ(client().received(), "last words");
    EXPECT_EQ(client().end_error(), 0);
}

TEST_F(ConnectionTest, FinishWaitsForAPeerThatTakesItSlowly) {
    served.site.settings.close_timeout = service::Duration(1);
    served.site.settings.write_timeout = service::Duration(10'000);
    open();
    client_takes_nothing();
    fake->write("last words");
    connection().finish();
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(30);
    while (std::chrono::steady_clock::now() < end) served.reactor.turn(net::Duration(5));
    EXPECT_FALSE(fake->is_gone()) << "close_timeout begins only after the peer has everything";
    client().transport().set_behaviour({});
    EXPECT_TRUE(becomes_gone());
    served.turns();
    EXPECT_EQ(client().received(), "last words");
}

TEST_F(ConnectionTest, FinishDropsAPeerThatTakesNothing) {
    served.site.settings.write_timeout = service::Duration(20);
    open();
    client_takes_nothing();
    fake->write("last words");
    connection().finish();
    EXPECT_TRUE(becomes_gone());
    served.turns();
    EXPECT_EQ(client().received(), "");
    EXPECT_EQ(client().end_error(), ECONNRESET);
}

TEST_F(ConnectionTest, FinishAfterThePeersEndIsTheEnd) {
    open();
    client().transport().shutdown_write();
    served.turns();
    fake->write("last words");
    connection().finish();
    served.turns();
    EXPECT_TRUE(report().is_destroyed);
    EXPECT_EQ(client().received(), "last words");
    EXPECT_EQ(client().end_error(), 0);
}

TEST_F(ConnectionTest, ALossWhileLingeringIsTheEnd) {
    open();
    connection().finish();
    served.turns();
    ASSERT_FALSE(fake->is_gone());
    client().transport().close(CloseMode::reset);
    served.turns();
    EXPECT_TRUE(report().is_destroyed);
}

TEST_F(ConnectionTest, ExpectEndLeavesTheProtocolInPlace) {
    served.site.settings.close_timeout = service::Duration(20);
    open();
    fake->write("the last word");
    connection().expect_end();
    served.turns();
    client().send("answer");
    served.turns();
    EXPECT_EQ(report().received, "answer");
    EXPECT_TRUE(becomes_gone());
}

TEST_F(ConnectionTest, AbortIsTheEndAtOnce) {
    open();
    fake->write("never said");
    connection().abort();
    connection().abort();
    EXPECT_EQ(report().ends, 1);
    EXPECT_FALSE(report().is_destroyed) << "a caller may still use it";
    served.turns();
    EXPECT_TRUE(report().is_destroyed);
    EXPECT_EQ(client().received(), "");
    EXPECT_EQ(client().end_error(), ECONNRESET);
}

TEST_F(ConnectionTest, AnExceptionCostsTheConnection) {
    open();
    client().send("throw");
    served.turns();
    EXPECT_TRUE(report().is_destroyed);
    EXPECT_EQ(report().ends, 1);
    EXPECT_TRUE(served.log.has("a connection was dropped: as it was told to"));
}

TEST_F(ConnectionTest, TheNextProtocolGoesOnWithTheOutput) {
    open();
    ProtocolReport next_report;
    fake->write("old ");
    auto next = std::make_unique<FakeProtocol>(next_report);
    FakeProtocol& protocol = *next;
    std::string leftover = "leftover";
    connection().start(std::move(next), {reinterpret_cast<std::uint8_t*>(leftover.data()), leftover.size()});
    EXPECT_EQ(next_report.starts, 1);
    EXPECT_EQ(next_report.received, "leftover");
    EXPECT_FALSE(report().is_destroyed) << "the old protocol may be the caller";
    protocol.output().append("new");
    served.turns();
    EXPECT_TRUE(report().is_destroyed);
    EXPECT_EQ(report().ends, 0);
    EXPECT_EQ(client().received(), "old new");
    connection().abort();
    served.turns();
    EXPECT_EQ(next_report.ends, 1);
    report().ends = 1;  // keeps FakeConnection's destructor from using the connection
}

TEST_F(ConnectionTest, KnowsWhetherTheTransportIsSecure) {
    open();
    EXPECT_FALSE(connection().is_secure());
    fake.reset();
    open({.is_secure = true});
    EXPECT_TRUE(connection().is_secure());
}

// ---- every failure ----------------------------------------------------------------------------------------------

// Reads, a write that waits for room, a write that completes at the call, and an orderly end.
TEST(ConnectionFailures, EachIsTheEndAndToldOnce) {
    for (const net::MemoryBehaviour& behaviour : every_behaviour()) {
        const std::size_t operations = for_each_failure([&](net::MemoryFailure& failure) {
            MemoryServer served;
            FakeConnection fake(served, behaviour, &failure);
            const auto unless_gone = [&](const std::function<void()>& step) {
                served.turns();
                if (!fake.is_gone()) step();
                served.turns();
            };
            fake.client->transport().set_behaviour({.receive_buffer_bytes = 10});
            fake.connection->start_reading();
            unless_gone([&] { fake.client->send("question"); });
            unless_gone([&] { fake.write("an answer that needs some room"); });
            unless_gone([&] {
                fake.write("queued ");
                fake.connection->send_at_once(base::as_bytes("head "), base::as_bytes("body"));
            });
            unless_gone([&] { fake.connection->finish(); });
            unless_gone([&] { fake.client->send("too late"); });
            const std::string all = "an answer that needs some roomqueued head body";
            EXPECT_TRUE(all.starts_with(fake.client->received())) << fake.client->received();
            if (!failure.has_come) {
                EXPECT_EQ(fake.report.received, "question");
                EXPECT_EQ(fake.client->received(), all);
                EXPECT_EQ(fake.client->end_error(), 0);
                fake.client->transport().shutdown_write();
                served.turns();
            } else {
                EXPECT_EQ(fake.client->end_error(), ECONNRESET);
            }
            EXPECT_EQ(fake.report.ends, 1);
            EXPECT_TRUE(fake.report.is_destroyed);
        });
        EXPECT_GT(operations, 4U);
    }
}

}  // namespace
}  // namespace proapi::server::test
