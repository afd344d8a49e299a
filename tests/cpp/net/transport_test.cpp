// The behaviour that all transports share, tested over TCP, in memory and over TLS on each of the two: reads, writes,
// pauses, the half-close, ends and losses.
#include "net/transport.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "backends.hpp"
#include "net/memory_transport.hpp"
#include "net/tcp_transport.hpp"
#include "net/tls_transport.hpp"
#include "tests/cpp/tls_files.hpp"
#include "transport_recorder.hpp"

namespace proapi::net {
namespace {

enum class TransportKind : std::uint8_t { tcp, unix_socket, memory, tls_tcp, tls_memory };

[[nodiscard]] std::string name_of(TransportKind kind) {
    switch (kind) {
        case TransportKind::tcp:
            return "Tcp";
        case TransportKind::unix_socket:
            return "Unix";
        case TransportKind::memory:
            return "Memory";
        case TransportKind::tls_tcp:
            return "TlsOverTcp";
        case TransportKind::tls_memory:
            return "TlsInMemory";
    }
    return {};
}

[[nodiscard]] bool is_tls(TransportKind kind) noexcept {
    return kind == TransportKind::tls_tcp || kind == TransportKind::tls_memory;
}

class TransportTest : public ::testing::TestWithParam<TransportKind> {
protected:
    TransportTest() {
        if (GetParam() == TransportKind::memory || GetParam() == TransportKind::tls_memory) {
            auto [first, second] = MemoryTransport::make_pair(reactor);
            ours = std::move(first);
            theirs = std::move(second);
        } else if (GetParam() == TransportKind::unix_socket) {
            SocketPair pair;
            ours = std::make_unique<TcpTransport>(reactor, std::move(pair.ours));
            theirs = std::make_unique<TcpTransport>(reactor, std::move(pair.theirs));
        } else {
            TcpPair pair;
            ::fcntl(pair.theirs.get(), F_SETFL, O_NONBLOCK);
            ours = std::make_unique<TcpTransport>(reactor, std::move(pair.ours));
            theirs = std::make_unique<TcpTransport>(reactor, std::move(pair.theirs));
        }
        if (is_tls(GetParam())) add_tls();
        ours->start(our_handler);
        theirs->start(their_handler);
        turn_until([&] { return ours->is_established() && theirs->is_established(); });
        theirs->start_reading();  // the tickets that a TLS server sends after its handshake
        turn_twice();
        theirs->stop_reading();
    }

    void add_tls() {
        TlsOptions options;
        options.certificates.push_back(tls_files.make("server", "localhost"));
        const auto context = TlsContext::load(options);
        ASSERT_TRUE(context) << context.error();
        ours = std::make_unique<TlsTransport>(reactor, std::move(ours), *context, (*context)->make_session());
        theirs = std::make_unique<TlsTransport>(reactor, std::move(theirs), *context, make_client(tls_client.get()));
    }

    // Runs turns until `done`. Each turn waits for an event.
    void turn_until(const std::function<bool()>& done) {
        for (int turns = 0; !done(); ++turns) {
            ASSERT_LT(turns, 10'000);
            reactor.turn(Duration(5000));
        }
    }
    void turn_twice() {
        reactor.turn(Duration(0));
        reactor.turn(Duration(0));
    }
    static WriteResult write(Transport& transport, std::string_view text) {
        const base::Bytes octets = base::as_bytes(text);
        return transport.write({&octets, 1});
    }
    void they_write(std::string_view text) { ASSERT_EQ(write(*theirs, text).written, text.size()); }
    // Writes until there is no more room. Returns how many octets were taken.
    std::size_t fill(Transport& transport) {
        std::size_t written = 0;
        while (true) {
            const WriteResult result = write(transport, much);
            EXPECT_EQ(result.error, 0);
            written += result.written;
            if (result.state == WriteResult::State::pending || result.error != 0) return written;
        }
    }

    const std::string much = std::string(1 << 20, 'x');
    const TlsFiles tls_files;
    const ClientContext tls_client = make_client_context();
    Reactor reactor;
    TransportRecorder our_handler, their_handler;
    std::unique_ptr<Transport> ours, theirs;
};

TEST_P(TransportTest, ReadsWhatComesBeforeAndAfterItStarts) {
    they_write("early ");
    turn_twice();
    EXPECT_EQ(our_handler.received, "");
    ours->start_reading();
    turn_until([&] { return our_handler.received == "early "; });
    they_write("late");
    EXPECT_EQ(our_handler.received, "early ") << "only a turn reports";
    turn_until([&] { return our_handler.received == "early late"; });
    EXPECT_FALSE(ours->has_unread_octets());
}

TEST_P(TransportTest, KnowsOfUnreadOctets) {
    EXPECT_FALSE(ours->has_unread_octets());
    they_write("unread");
    turn_until([&] { return ours->has_unread_octets(); });
    ours->start_reading();
    turn_until([&] { return our_handler.received == "unread"; });
    EXPECT_FALSE(ours->has_unread_octets());
}

TEST_P(TransportTest, APauseLosesNothing) {
    ours->start_reading();
    our_handler.after_read = [&] { ours->stop_reading(); };
    they_write("one");
    turn_until([&] { return our_handler.received == "one"; });
    they_write("two");
    turn_twice();
    EXPECT_EQ(our_handler.received, "one");
    ours->start_reading();
    turn_until([&] { return our_handler.received == "onetwo"; });
}

TEST_P(TransportTest, ReadsOnceATurn) {
    reactor.turn(Duration(0));  // the first turn counts as one after a stall, and checks twice
    ours->start_reading();
    std::size_t sent = write(*theirs, much).written;
    while (sent < much.size() || our_handler.received.size() < much.size()) {
        const int before = our_handler.reads;
        reactor.turn(Duration(5000));
        ASSERT_LE(our_handler.reads, before + 1);
        if (!theirs->is_writing()) sent += write(*theirs, std::string_view(much).substr(sent)).written;
    }
    EXPECT_EQ(our_handler.received, much);
}

TEST_P(TransportTest, WritesSeveralPieces) {
    const std::array pieces{base::as_bytes("one "), base::as_bytes("two "), base::as_bytes("three")};
    EXPECT_EQ(ours->write(pieces).written, 13U);
    EXPECT_EQ(ours->write_at_once(pieces), 13U);
    theirs->start_reading();
    turn_until([&] { return their_handler.received == "one two threeone two three"; });
}

TEST_P(TransportTest, AWriteWithoutRoomIsPendingUntilThereIsSome) {
    const std::size_t written = fill(*ours);
    ASSERT_GT(written, 0U);
    EXPECT_TRUE(ours->is_writing());
    const base::Bytes octets = base::as_bytes("x");
    EXPECT_EQ(ours->write_at_once({&octets, 1}), 0U) << "another write is pending";
    turn_twice();
    EXPECT_EQ(our_handler.written, 0U);
    theirs->start_reading();
    turn_until([&] { return our_handler.written > 0; });
    EXPECT_FALSE(ours->is_writing());
    turn_until([&] { return their_handler.received.size() == written + our_handler.written; });
}

TEST_P(TransportTest, CountsWhatIsDelivered) {
    if (GetParam() == TransportKind::unix_socket) GTEST_SKIP() << "see OverAUnixSocketDeliveredMeansRead";
    while (ours->undelivered_octets() > 0) reactor.turn(Duration(1));  // an acknowledgement is no event
    const std::uint32_t before = ours->delivered_octets();
    ASSERT_EQ(write(*ours, "delivered").written, 9U);
    turn_until([&] { return ours->undelivered_octets() == 0; });
    // TLS counts the octets of the lower transport: a record has 22 more.
    EXPECT_EQ(ours->delivered_octets() - before, is_tls(GetParam()) ? 9U + 22U : 9U);
    const std::size_t written = fill(*ours);
    EXPECT_GT(ours->undelivered_octets(), 0U);
    const std::uint32_t full = ours->delivered_octets();
    theirs->start_reading();
    turn_until([&] { return their_handler.received.size() == 9 + written + our_handler.written; });
    turn_until([&] { return ours->undelivered_octets() == 0; });
    EXPECT_NE(ours->delivered_octets(), full);
}

// promise: unix-socket-limits
TEST_P(TransportTest, OverAUnixSocketDeliveredMeansRead) {
    if (GetParam() != TransportKind::unix_socket) GTEST_SKIP() << "see CountsWhatIsDelivered";
    EXPECT_EQ(ours->undelivered_octets(), 0U);
    const std::size_t written = fill(*ours);
    const std::size_t undelivered = ours->undelivered_octets();
    const std::uint32_t full = ours->delivered_octets();
    EXPECT_GT(undelivered, 0U);
    turn_twice();
    EXPECT_EQ(ours->delivered_octets(), full) << "nobody reads";
    theirs->start_reading();
    turn_until([&] { return ours->undelivered_octets() < undelivered; });
    EXPECT_NE(ours->delivered_octets(), full);
    turn_until([&] { return their_handler.received.size() == written + our_handler.written; });
    EXPECT_EQ(ours->undelivered_octets(), 0U);
}

TEST_P(TransportTest, AHalfCloseIsTheEndOfReadingAndNotOfWriting) {
    ours->start_reading();
    theirs->start_reading();
    they_write("bye");
    theirs->shutdown_write();
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.received, "bye");
    EXPECT_EQ(our_handler.end_error, 0);
    EXPECT_EQ(our_handler.finishes, 1);
    EXPECT_TRUE(ours->has_peer_finished());
    EXPECT_TRUE(ours->has_read_ended());
    ASSERT_EQ(write(*ours, "answer").written, 6U);
    turn_until([&] { return their_handler.received == "answer"; });
    EXPECT_EQ(their_handler.finishes, 0);
    turn_twice();
    EXPECT_EQ(our_handler.ends, 1);
    EXPECT_EQ(write(*theirs, "more").error, EPIPE);
}

// promise: stream-ends-with-its-client
TEST_P(TransportTest, ReportsThatThePeerHasFinishedWhateverIsUnread) {
    they_write("unread");
    theirs->shutdown_write();
    turn_until([&] { return our_handler.finishes > 0; });
    EXPECT_TRUE(ours->has_peer_finished());
    turn_twice();
    EXPECT_EQ(our_handler.ends, 0);
    EXPECT_FALSE(ours->has_read_ended());
    ours->start_reading();
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.received, "unread");
    EXPECT_EQ(our_handler.finishes, 1);
}

TEST_P(TransportTest, ReportsTheEndOfAPeerThatLeftNothingEvenWhileNobodyReads) {
    if (is_tls(GetParam())) GTEST_SKIP() << "a peer that says goodbye has left octets";
    theirs->close(Transport::CloseMode::orderly);
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.end_error, 0);
    EXPECT_EQ(our_handler.ends, 1);
}

TEST_P(TransportTest, ReportsTheEndToAReaderThatPausesAtTheLastOctets) {
    our_handler.after_read = [&] { ours->stop_reading(); };
    they_write("the last");
    theirs->close(Transport::CloseMode::orderly);
    turn_until([&] { return our_handler.finishes > 0; });
    ours->start_reading();
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.received, "the last");
    EXPECT_EQ(our_handler.end_error, 0);
}

TEST_P(TransportTest, AResetIsAnEndWithAnErrorAndComesAfterTheOctetsBefore) {
    if (GetParam() == TransportKind::unix_socket) GTEST_SKIP() << "a Unix socket has no RST";
    they_write("the last");
    turn_until([&] { return ours->has_unread_octets(); });
    our_handler.after_read = [&] { ours->stop_reading(); };
    ours->start_reading();
    theirs->close(Transport::CloseMode::reset);
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.received, "the last");
    EXPECT_EQ(our_handler.end_error, ECONNRESET);
    EXPECT_EQ(our_handler.finishes, 1);
    EXPECT_NE(write(*ours, "x").error, 0);
}

TEST_P(TransportTest, AResetThatNobodyReadsIsAnEndWithAnError) {
    if (GetParam() == TransportKind::unix_socket) GTEST_SKIP() << "a Unix socket has no RST";
    they_write("unread");
    theirs->close(Transport::CloseMode::reset);
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.received, "");
    EXPECT_EQ(our_handler.end_error, ECONNRESET);
}

TEST_P(TransportTest, ClosingWithUnreadOctetsResets) {
    ASSERT_EQ(write(*ours, "unread").written, 6U);
    turn_until([&] { return theirs->has_unread_octets(); });
    ours->start_reading();
    theirs->close(Transport::CloseMode::orderly);
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.end_error, ECONNRESET);
}

// promise: stream-ends-with-its-client
TEST_P(TransportTest, ReportsALossAfterTheEndOfReading) {
    if (GetParam() == TransportKind::unix_socket) GTEST_SKIP() << "a Unix socket has no RST";
    ours->start_reading();
    theirs->shutdown_write();
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.lost_error, 0);
    theirs->close(Transport::CloseMode::reset);
    turn_until([&] { return our_handler.lost_error != 0; });
    EXPECT_EQ(our_handler.ends, 1);
}

TEST_P(TransportTest, APendingWriteFindsALoss) {
    if (GetParam() == TransportKind::unix_socket) GTEST_SKIP() << "a Unix socket has no RST";
    fill(*ours);
    theirs->close(Transport::CloseMode::reset);
    turn_until([&] { return our_handler.lost_error != 0; });
    EXPECT_FALSE(ours->is_writing());
    EXPECT_EQ(our_handler.written, 0U);
}

TEST_P(TransportTest, AHandlerMayCloseItWhateverIsReported) {
    our_handler.after_read = [&] { ours->close(Transport::CloseMode::orderly); };
    their_handler.on_finish = [&] { theirs->close(Transport::CloseMode::orderly); };
    ours->start_reading();
    they_write("x");
    turn_until([&] { return our_handler.reads > 0; });
    EXPECT_FALSE(ours->is_open());
    turn_twice();
    EXPECT_EQ(our_handler.reads, 1);
    EXPECT_EQ(our_handler.finishes + our_handler.ends, 0);
    turn_until([&] { return their_handler.finishes > 0; });
    turn_twice();
    EXPECT_EQ(their_handler.ends, 0);
}

TEST_P(TransportTest, OneThatIsClosedWritesNothing) {
    ours->close(Transport::CloseMode::orderly);
    EXPECT_FALSE(ours->is_open());
    EXPECT_EQ(write(*ours, "x").error, ENOTCONN);
    const base::Bytes octets = base::as_bytes("x");
    EXPECT_EQ(ours->write_at_once({&octets, 1}), 0U);
    ours->shutdown_write();
    ours->start_reading();
    turn_twice();
    EXPECT_EQ(our_handler.reads, 0);
}

TEST_P(TransportTest, IsSecureOverTls) {
    EXPECT_EQ(ours->is_secure(), is_tls(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Net, TransportTest,
                         ::testing::Values(TransportKind::tcp, TransportKind::unix_socket, TransportKind::memory,
                                           TransportKind::tls_tcp, TransportKind::tls_memory),
                         [](const auto& kind) { return name_of(kind.param); });

}  // namespace
}  // namespace proapi::net
