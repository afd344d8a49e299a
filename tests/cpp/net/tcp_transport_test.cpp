// The transport over a TCP connection: completed reads and writes, pauses, ends, and fairness between two, with system
// calls given to the kernel in batches and one by one.
#include "net/tcp_transport.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "backends.hpp"
#include "transport_recorder.hpp"

namespace proapi::net {
namespace {

class TcpTransportTest : public ::testing::TestWithParam<IoSubmitter::Backend> {
protected:
    TcpTransportTest() {
        auto [ours, theirs] = SocketPair();
        transport.emplace(reactor, std::move(ours));
        transport->start(handler);
        peer = std::move(theirs);
    }

    void peer_sends(std::string_view text) {
        ASSERT_EQ(::write(peer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    // Runs turns until `done`. Each turn waits for an event.
    void turn_until(const std::function<bool()>& done) {
        for (int turns = 0; !done(); ++turns) {
            ASSERT_LT(turns, 10'000);
            reactor.turn(Duration(5000));
        }
    }

    Reactor reactor{GetParam()};
    TransportRecorder handler;
    std::optional<TcpTransport> transport;
    base::Descriptor peer;
};

TEST_P(TcpTransportTest, ReadsWhatComesAfterAndBeforeItStarts) {
    peer_sends("early ");
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.received, "");
    transport->start_reading();
    turn_until([&] { return handler.received == "early "; });
    peer_sends("late");
    turn_until([&] { return handler.received == "early late"; });
}

TEST_P(TcpTransportTest, APauseLosesNothing) {
    transport->start_reading();
    handler.after_read = [&] { transport->stop_reading(); };
    peer_sends("one");
    turn_until([&] { return handler.received == "one"; });
    peer_sends("two");
    reactor.turn(Duration(0));
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.received, "one");
    transport->start_reading();
    turn_until([&] { return handler.received == "onetwo"; });
}

TEST_P(TcpTransportTest, TellsTheEndOnceAndAfterTheLastOctets) {
    transport->start_reading();
    peer_sends("bye");
    peer.reset();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.received, "bye");
    EXPECT_EQ(handler.end_error, 0);
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.ends, 1);
}

TEST_P(TcpTransportTest, TellsTheEndOfAPeerThatLeftNothingEvenWhileNobodyReads) {
    peer.reset();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.ends, 1);
}

TEST_P(TcpTransportTest, DoesNotTellAnEndBeforeOctetsThatAreStillToBeRead) {
    peer_sends("unread");
    peer.reset();
    reactor.turn(Duration(0));
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.ends, 0);
    transport->start_reading();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.received, "unread");
}

// promise: stream-ends-with-its-client
TEST_P(TcpTransportTest, TellsThatThePeerHasFinishedWhateverIsUnread) {
    peer_sends("unread");
    peer.reset();
    turn_until([&] { return handler.finishes > 0; });
    EXPECT_EQ(handler.ends, 0);
    transport->start_reading();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.received, "unread");
    EXPECT_EQ(handler.finishes, 1);
}

TEST_P(TcpTransportTest, TellsThatThePeerHasFinishedThoughItsEndIsReadFirst) {
    transport->start_reading();
    handler.after_read = [&] { peer.reset(); };
    peer_sends("bye");
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.finishes, 1);
}

TEST_P(TcpTransportTest, AHandlerMayCloseItWhenItIsToldThatThePeerHasFinished) {
    handler.on_finish = [&] { transport->close(Transport::CloseMode::orderly); };
    transport->start_reading();
    peer.reset();
    turn_until([&] { return handler.finishes > 0; });
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.ends, 0);
}

// promise: stream-ends-with-its-client
TEST_P(TcpTransportTest, TellsOfALossAfterTheEndOfReading) {
    TcpPair pair;
    TransportRecorder of_tcp;
    TcpTransport tcp(reactor, std::move(pair.ours));
    tcp.start(of_tcp);
    tcp.start_reading();
    ::shutdown(pair.theirs.get(), SHUT_WR);
    turn_until([&] { return of_tcp.ends > 0; });
    EXPECT_EQ(of_tcp.end_error, 0);
    EXPECT_EQ(of_tcp.lost_error, 0);
    pair.reset_theirs();
    turn_until([&] { return of_tcp.lost_error != 0; });
    EXPECT_EQ(of_tcp.ends, 1);
}

TEST_P(TcpTransportTest, AResetThatNobodyReadsIsAnEndWithAnError) {
    TcpPair pair;
    TransportRecorder of_tcp;
    TcpTransport tcp(reactor, std::move(pair.ours));
    tcp.start(of_tcp);
    ASSERT_EQ(::send(pair.theirs.get(), "unread", 6, 0), 6);
    pair.reset_theirs();
    turn_until([&] { return of_tcp.ends > 0; });
    EXPECT_NE(of_tcp.end_error, 0);
    EXPECT_EQ(of_tcp.finishes, 1);
}

TEST_P(TcpTransportTest, AResetBehindOctetsAtWhichReadingPausesIsAnEndWithAnError) {
    TcpPair pair;
    TransportRecorder of_tcp;
    TcpTransport tcp(reactor, std::move(pair.ours));
    tcp.start(of_tcp);
    of_tcp.after_read = [&] { tcp.stop_reading(); };
    ASSERT_EQ(::send(pair.theirs.get(), "the last", 8, 0), 8);
    pair.reset_theirs();
    tcp.start_reading();
    turn_until([&] { return of_tcp.ends > 0; });
    EXPECT_EQ(of_tcp.received, "the last");
    EXPECT_NE(of_tcp.end_error, 0);
}

TEST_P(TcpTransportTest, AWriteThatDoesNotFitCompletesLater) {
    const std::string big(8 * 1024 * 1024, 'x');
    const base::Bytes all = base::as_bytes(big);
    WriteResult result = transport->write({&all, 1});
    std::size_t sent = result.written;
    ASSERT_GT(sent, 0U);
    ASSERT_LT(sent, big.size());
    const base::Bytes rest = all.subspan(sent);
    result = transport->write({&rest, 1});
    ASSERT_EQ(result.state, WriteResult::State::pending);
    EXPECT_TRUE(transport->is_writing());
    std::string sink(sent, '\0');
    ASSERT_GT(::read(peer.get(), sink.data(), sink.size()), 0);
    turn_until([&] { return handler.written > 0; });
    EXPECT_FALSE(transport->is_writing());
}

TEST_P(TcpTransportTest, WritingToAPeerThatIsGoneIsAnError) {
    peer.reset();
    const base::Bytes octets = base::as_bytes("x");
    EXPECT_EQ(transport->write({&octets, 1}).error, EPIPE);
}

TEST_P(TcpTransportTest, MayBeDestroyedByItsHandlerInsideARead) {
    transport->start_reading();
    handler.after_read = [&] { transport->close(Transport::CloseMode::orderly); };
    peer_sends("x");
    turn_until([&] { return handler.reads > 0; });
    EXPECT_FALSE(transport->is_open());
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads, 1);
}

TEST_P(TcpTransportTest, AHotOneLeavesTheOthersTheirTurn) {
    auto [ours, quiet_peer] = SocketPair();
    TransportRecorder quiet_handler;
    TcpTransport quiet(reactor, std::move(ours));
    quiet.start(quiet_handler);
    const std::string flood(64 * 1024, 'f');
    handler.after_read = [&] {
        [[maybe_unused]] const auto refilled = ::write(peer.get(), flood.data(), flood.size());
    };
    transport->start_reading();
    quiet.start_reading();
    peer_sends(flood);
    ASSERT_EQ(::write(quiet_peer.get(), "q", 1), 1);
    turn_until([&] { return quiet_handler.reads > 0; });
    EXPECT_LE(handler.reads, 3) << "one read of each transport per turn";
}

// Two transports that can read in the same turn: both are read before the data of the first is handed over.
class TwoTransports : public TcpTransportTest {
protected:
    TwoTransports() {
        auto [ours, theirs] = SocketPair();
        other.emplace(reactor, std::move(ours));
        other->start(other_handler);
        other_peer = std::move(theirs);
        transport->start_reading();
        other->start_reading();
        reactor.turn(Duration(0));
    }
    void both_peers_send(std::string_view text) {
        peer_sends(text);
        ASSERT_EQ(::write(other_peer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }

    TransportRecorder other_handler;
    std::optional<TcpTransport> other;
    base::Descriptor other_peer;
};

TEST_P(TwoTransports, EachGetsItsOwn) {
    peer_sends("mine");
    ASSERT_EQ(::write(other_peer.get(), "theirs", 6), 6);
    turn_until([&] { return handler.reads > 0 && other_handler.reads > 0; });
    EXPECT_EQ(handler.received, "mine");
    EXPECT_EQ(other_handler.received, "theirs");
}

TEST_P(TwoTransports, OneThatIsClosedByTheOthersHandlerHearsNothingMore) {
    handler.after_read = [&] { other->close(Transport::CloseMode::orderly); };
    other_handler.after_read = [&] { transport->close(Transport::CloseMode::orderly); };
    both_peers_send("x");
    turn_until([&] { return handler.reads + other_handler.reads > 0; });
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads + other_handler.reads, 1);
}

TEST_P(TwoTransports, OneThatIsDestroyedByTheOthersHandlerHearsNothingMore) {
    handler.after_read = [&] { other.reset(); };
    other_handler.after_read = [&] { transport.reset(); };
    both_peers_send("x");
    turn_until([&] { return handler.reads + other_handler.reads > 0; });
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads + other_handler.reads, 1);
}

TEST_P(TwoTransports, OneThatIsPausedByTheOthersHandlerLosesNothing) {
    handler.after_read = [&] { other->stop_reading(); };
    other_handler.after_read = [&] { transport->stop_reading(); };
    both_peers_send("one");
    turn_until([&] { return handler.reads > 0 && other_handler.reads > 0; });
    both_peers_send("two");
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.received + other_handler.received, "oneone");
    transport->start_reading();
    other->start_reading();
    turn_until([&] { return handler.received == "onetwo" && other_handler.received == "onetwo"; });
}

TEST_P(TwoTransports, WhatAnExceptionLeavesOverIsHandedOverInTheNextTurn) {
    bool has_thrown = false;
    handler.after_read = other_handler.after_read = [&] {
        if (!std::exchange(has_thrown, true)) throw std::bad_alloc();
    };
    both_peers_send("x");
    EXPECT_THROW(turn_until([&] { return has_thrown; }), std::bad_alloc);
    turn_until([&] { return handler.reads + other_handler.reads == 2; });
}

TEST_P(TwoTransports, MoreThanTheBufferHoldsComesWhole) {
    const std::string big(100'000, 'b');
    both_peers_send(big);
    turn_until([&] { return handler.received.size() == big.size() && other_handler.received.size() == big.size(); });
    EXPECT_EQ(handler.received, big);
    EXPECT_EQ(other_handler.received, big);
}

// Transports that write at the end of one turn, as connections do.
struct Writer final : TransportRecorder, TurnEndHook {
    Writer(Reactor& of, base::Descriptor socket) : transport(of, std::move(socket)) { transport.start(*this); }
    void on_turn_end() override {
        if (before_write) before_write();
        const base::Bytes octets = base::as_bytes(text);
        if (transport.is_open()) states.push_back(transport.write({&octets, 1}).state);
    }

    std::string text;
    std::function<void()> before_write;
    std::vector<WriteResult::State> states;
    TcpTransport transport;
};

class ManyTransports : public TcpTransportTest {
protected:
    static constexpr std::size_t many = 3 * IoBatch::capacity / 2;

    ManyTransports() {
        for (std::size_t i = 0; i < many; ++i) {
            auto [ours, theirs] = SocketPair();
            writers.push_back(std::make_unique<Writer>(reactor, std::move(ours)));
            writers.back()->text = "text " + std::to_string(i);
            peers.push_back(std::move(theirs));
        }
    }
    void all_write() {
        for (const auto& writer : writers) reactor.at_turn_end(*writer);
        reactor.finish_turn();
    }
    [[nodiscard]] std::string peer_gets(std::size_t i) const {
        std::string text(100, '\0');
        const ssize_t count = ::recv(peers[i].get(), text.data(), text.size(), MSG_DONTWAIT);
        return text.substr(0, count < 0 ? 0 : static_cast<std::size_t>(count));
    }

    std::vector<std::unique_ptr<Writer>> writers;
    std::vector<base::Descriptor> peers;
};

TEST_P(ManyTransports, EachReadsItsOwn) {
    for (const auto& writer : writers) writer->transport.start_reading();
    reactor.turn(Duration(0));
    for (std::size_t i = 0; i < many; ++i)
        ASSERT_GT(::write(peers[i].get(), writers[i]->text.data(), writers[i]->text.size()), 0);
    turn_until([&] { return std::ranges::all_of(writers, [](const auto& writer) { return writer->reads > 0; }); });
    for (const auto& writer : writers) EXPECT_EQ(writer->received, writer->text);
}

TEST_P(ManyTransports, EachWritesItsOwnBeforeTheTurnIsOver) {
    all_write();
    for (std::size_t i = 0; i < many; ++i) {
        EXPECT_EQ(peer_gets(i), writers[i]->text);
        EXPECT_FALSE(writers[i]->transport.is_writing());
        ASSERT_EQ(writers[i]->states.size(), 1U);
        EXPECT_EQ(writers[i]->states[0], WriteResult::State::together);
        ASSERT_EQ(writers[i]->done.size(), 1U);
        EXPECT_EQ(writers[i]->done[0].written, writers[i]->text.size());
        EXPECT_EQ(writers[i]->done[0].state, WriteResult::State::done);
    }
}

TEST_P(ManyTransports, OneThatFailsFailsAlone) {
    peers[1].reset();
    all_write();
    ASSERT_EQ(writers[1]->done.size(), 1U);
    EXPECT_EQ(writers[1]->done[0].error, EPIPE);
    EXPECT_EQ(peer_gets(0), writers[0]->text);
    EXPECT_EQ(peer_gets(2), writers[2]->text);
}

TEST_P(ManyTransports, OneWhosePeerHasNoRoomWaitsForIt) {
    writers[1]->text = std::string(8 * 1024 * 1024, 'x');
    all_write();  // only a part of it fits
    ASSERT_EQ(writers[1]->done.size(), 1U);
    ASSERT_GT(writers[1]->done[0].written, 0U);
    all_write();
    ASSERT_EQ(writers[1]->done.size(), 2U);
    EXPECT_EQ(writers[1]->done[1].state, WriteResult::State::pending);
    EXPECT_TRUE(writers[1]->transport.is_writing());
    std::string sink(writers[1]->text.size(), '\0');
    ASSERT_GT(::read(peers[1].get(), sink.data(), sink.size()), 0);
    turn_until([&] { return writers[1]->written > 0; });
    EXPECT_FALSE(writers[1]->transport.is_writing());
}

TEST_P(ManyTransports, OneThatAnotherClosesBeforeItsWriteIsCarriedOutWritesNothing) {
    writers[1]->before_write = [&] { writers[0]->transport.close(Transport::CloseMode::orderly); };
    all_write();
    EXPECT_EQ(writers[0]->states.size(), 1U);
    EXPECT_TRUE(writers[0]->done.empty());
    EXPECT_EQ(peer_gets(0), "");
    EXPECT_EQ(peer_gets(2), writers[2]->text);
}

TEST_P(ManyTransports, OneThatAnotherDestroysIsToldNothing) {
    writers[1]->before_write = [&] { writers[0].reset(); };
    all_write();
    EXPECT_EQ(peer_gets(1), writers[1]->text);
}

INSTANTIATE_TEST_SUITE_P(Net, TcpTransportTest, every_backend, name_of);
INSTANTIATE_TEST_SUITE_P(Net, TwoTransports, every_backend, name_of);
INSTANTIATE_TEST_SUITE_P(Net, ManyTransports, every_backend, name_of);

}  // namespace
}  // namespace proapi::net
