// Streams over a socket pair: completed reads and writes, pauses, ends, and fairness between two.
#include "net/stream.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <utility>

namespace proapi::net {
namespace {

struct Recorder final : StreamHandler {
    void on_read(base::MutableBytes bytes) override {
        ++reads;
        received.append(base::as_text(bytes));
        if (after_read) after_read();
    }
    void on_read_end(int error) override {
        ++ends;
        end_error = error;
    }
    void on_written(std::size_t count) override { written += count; }
    void on_write_error(int error) override { write_error = error; }

    std::string received;
    std::function<void()> after_read;
    int reads = 0, ends = 0, end_error = -1, write_error = 0;
    std::size_t written = 0;
};

// Two ends that are connected.
std::pair<Descriptor, Descriptor> make_pair_of_sockets() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

class StreamTest : public ::testing::Test {
protected:
    StreamTest() {
        auto [ours, theirs] = make_pair_of_sockets();
        stream.emplace(reactor, std::move(ours), handler);
        peer = std::move(theirs);
    }

    void peer_sends(std::string_view text) {
        ASSERT_EQ(::write(peer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    // Turns until `done`, each of which waits for an event.
    void turn_until(const std::function<bool()>& done) {
        for (int turns = 0; !done(); ++turns) {
            ASSERT_LT(turns, 10'000);
            reactor.turn(Duration(5000));
        }
    }

    Reactor reactor;
    Recorder handler;
    std::optional<Stream> stream;
    Descriptor peer;
};

TEST_F(StreamTest, ReadsWhatComesAfterAndBeforeItStarts) {
    peer_sends("early ");
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.received, "");
    stream->start_reading();
    turn_until([&] { return handler.received == "early "; });
    peer_sends("late");
    turn_until([&] { return handler.received == "early late"; });
}

TEST_F(StreamTest, APauseLosesNothing) {
    stream->start_reading();
    handler.after_read = [&] { stream->stop_reading(); };
    peer_sends("one");
    turn_until([&] { return handler.received == "one"; });
    peer_sends("two");
    reactor.turn(Duration(0));
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.received, "one");
    stream->start_reading();
    turn_until([&] { return handler.received == "onetwo"; });
}

TEST_F(StreamTest, TellsTheEndOnceAndAfterTheLastOctets) {
    stream->start_reading();
    peer_sends("bye");
    peer.reset();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.received, "bye");
    EXPECT_EQ(handler.end_error, 0);
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.ends, 1);
}

TEST_F(StreamTest, TellsTheEndOfAPeerThatLeftNothingEvenWhileNobodyReads) {
    peer.reset();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.ends, 1);
}

TEST_F(StreamTest, DoesNotTellAnEndBeforeOctetsThatAreStillToBeRead) {
    peer_sends("unread");
    peer.reset();
    reactor.turn(Duration(0));
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.ends, 0);
    stream->start_reading();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.received, "unread");
}

TEST_F(StreamTest, AWriteThatDoesNotFitCompletesLater) {
    const std::string big(8 * 1024 * 1024, 'x');
    const iovec entry{const_cast<char*>(big.data()), big.size()};
    WriteResult result = stream->write(&entry, 1);
    std::size_t sent = result.written;
    ASSERT_GT(sent, 0U);
    ASSERT_LT(sent, big.size());
    const iovec rest{const_cast<char*>(big.data()) + sent, big.size() - sent};
    result = stream->write(&rest, 1);
    ASSERT_TRUE(result.pending);
    EXPECT_TRUE(stream->is_writing());
    std::string sink(sent, '\0');
    ASSERT_GT(::read(peer.get(), sink.data(), sink.size()), 0);
    turn_until([&] { return handler.written > 0; });
    EXPECT_FALSE(stream->is_writing());
}

TEST_F(StreamTest, WritingToAPeerThatIsGoneIsAnError) {
    peer.reset();
    const iovec entry{const_cast<char*>("x"), 1};
    EXPECT_EQ(stream->write(&entry, 1).error, EPIPE);
}

TEST_F(StreamTest, MayBeDestroyedByItsHandlerInsideARead) {
    stream->start_reading();
    handler.after_read = [&] { stream->close(); };
    peer_sends("x");
    turn_until([&] { return handler.reads > 0; });
    EXPECT_FALSE(stream->is_open());
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads, 1);
}

TEST_F(StreamTest, AHotStreamLeavesTheOthersTheirTurn) {
    auto [ours, quiet_peer] = make_pair_of_sockets();
    Recorder quiet_handler;
    Stream quiet(reactor, std::move(ours), quiet_handler);
    const std::string flood(64 * 1024, 'f');
    handler.after_read = [&] {
        [[maybe_unused]] const auto refilled = ::write(peer.get(), flood.data(), flood.size());
    };
    stream->start_reading();
    quiet.start_reading();
    peer_sends(flood);
    ASSERT_EQ(::write(quiet_peer.get(), "q", 1), 1);
    turn_until([&] { return quiet_handler.reads > 0; });
    EXPECT_LE(handler.reads, 3) << "one read of each a turn";
}

// Two streams that have something to read in one turn: both are read before the first is handed over.
class TwoStreams : public StreamTest {
protected:
    TwoStreams() {
        auto [ours, theirs] = make_pair_of_sockets();
        other.emplace(reactor, std::move(ours), other_handler);
        other_peer = std::move(theirs);
        stream->start_reading();
        other->start_reading();
        reactor.turn(Duration(0));
    }
    void both_peers_send(std::string_view text) {
        peer_sends(text);
        ASSERT_EQ(::write(other_peer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }

    Recorder other_handler;
    std::optional<Stream> other;
    Descriptor other_peer;
};

TEST_F(TwoStreams, EachGetsItsOwn) {
    peer_sends("mine");
    ASSERT_EQ(::write(other_peer.get(), "theirs", 6), 6);
    turn_until([&] { return handler.reads > 0 && other_handler.reads > 0; });
    EXPECT_EQ(handler.received, "mine");
    EXPECT_EQ(other_handler.received, "theirs");
}

TEST_F(TwoStreams, OneThatIsClosedByTheOthersHandlerHearsNothingMore) {
    handler.after_read = [&] { other->close(); };
    other_handler.after_read = [&] { stream->close(); };
    both_peers_send("x");
    turn_until([&] { return handler.reads + other_handler.reads > 0; });
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads + other_handler.reads, 1);
}

TEST_F(TwoStreams, OneThatIsDestroyedByTheOthersHandlerHearsNothingMore) {
    handler.after_read = [&] { other.reset(); };
    other_handler.after_read = [&] { stream.reset(); };
    both_peers_send("x");
    turn_until([&] { return handler.reads + other_handler.reads > 0; });
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads + other_handler.reads, 1);
}

TEST_F(TwoStreams, OneThatIsPausedByTheOthersHandlerLosesNothing) {
    handler.after_read = [&] { other->stop_reading(); };
    other_handler.after_read = [&] { stream->stop_reading(); };
    both_peers_send("one");
    turn_until([&] { return handler.reads > 0 && other_handler.reads > 0; });
    both_peers_send("two");
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.received + other_handler.received, "oneone");
    stream->start_reading();
    other->start_reading();
    turn_until([&] { return handler.received == "onetwo" && other_handler.received == "onetwo"; });
}

TEST_F(TwoStreams, WhatAnExceptionLeavesOverIsHandedOverInTheNextTurn) {
    bool has_thrown = false;
    handler.after_read = other_handler.after_read = [&] {
        if (!std::exchange(has_thrown, true)) throw std::bad_alloc();
    };
    both_peers_send("x");
    EXPECT_THROW(turn_until([&] { return has_thrown; }), std::bad_alloc);
    turn_until([&] { return handler.reads + other_handler.reads == 2; });
}

TEST_F(TwoStreams, MoreThanTheBufferHoldsComesWhole) {
    const std::string big(100'000, 'b');
    both_peers_send(big);
    turn_until([&] { return handler.received.size() == big.size() && other_handler.received.size() == big.size(); });
    EXPECT_EQ(handler.received, big);
    EXPECT_EQ(other_handler.received, big);
}

}  // namespace
}  // namespace proapi::net
