// Streams over a socket pair: completed reads and writes, pauses, ends, and fairness between two; with the calls of
// many given to the kernel together, and one by one.
#include "net/stream.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "backends.hpp"

namespace proapi::net {
namespace {

struct StreamRecorder : StreamHandler {
    void on_read(base::MutableBytes bytes) override {
        ++reads;
        received.append(base::as_text(bytes));
        if (after_read) after_read();
    }
    void on_peer_finished() override {
        ++finishes;
        EXPECT_EQ(ends, 0) << "told before the end of reading";
        if (on_finish) on_finish();
    }
    void on_read_end(int error) override {
        ++ends;
        end_error = error;
    }
    void on_write_done(const WriteResult& result) override { done.push_back(result); }
    void on_written(std::size_t count) override { written += count; }
    void on_lost(int error) override { lost_error = error; }

    std::string received;
    std::function<void()> after_read, on_finish;
    int reads = 0, finishes = 0, ends = 0, end_error = -1, lost_error = 0;
    std::vector<WriteResult> done;
    std::size_t written = 0;
};

class StreamTest : public ::testing::TestWithParam<CallRing::Backend> {
protected:
    StreamTest() {
        auto [ours, theirs] = SocketPair();
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

    Reactor reactor{GetParam()};
    StreamRecorder handler;
    std::optional<Stream> stream;
    base::Descriptor peer;
};

TEST_P(StreamTest, ReadsWhatComesAfterAndBeforeItStarts) {
    peer_sends("early ");
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.received, "");
    stream->start_reading();
    turn_until([&] { return handler.received == "early "; });
    peer_sends("late");
    turn_until([&] { return handler.received == "early late"; });
}

TEST_P(StreamTest, APauseLosesNothing) {
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

TEST_P(StreamTest, TellsTheEndOnceAndAfterTheLastOctets) {
    stream->start_reading();
    peer_sends("bye");
    peer.reset();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.received, "bye");
    EXPECT_EQ(handler.end_error, 0);
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.ends, 1);
}

TEST_P(StreamTest, TellsTheEndOfAPeerThatLeftNothingEvenWhileNobodyReads) {
    peer.reset();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.ends, 1);
}

TEST_P(StreamTest, DoesNotTellAnEndBeforeOctetsThatAreStillToBeRead) {
    peer_sends("unread");
    peer.reset();
    reactor.turn(Duration(0));
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.ends, 0);
    stream->start_reading();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.received, "unread");
}

// promise: stream-ends-with-its-client
TEST_P(StreamTest, TellsThatThePeerHasFinishedWhateverIsUnread) {
    peer_sends("unread");
    peer.reset();
    turn_until([&] { return handler.finishes > 0; });
    EXPECT_EQ(handler.ends, 0);
    stream->start_reading();
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.received, "unread");
    EXPECT_EQ(handler.finishes, 1);
}

TEST_P(StreamTest, TellsThatThePeerHasFinishedThoughItsEndIsReadFirst) {
    stream->start_reading();
    handler.after_read = [&] { peer.reset(); };
    peer_sends("bye");
    turn_until([&] { return handler.ends > 0; });
    EXPECT_EQ(handler.finishes, 1);
}

TEST_P(StreamTest, AHandlerMayCloseItWhenItIsToldThatThePeerHasFinished) {
    handler.on_finish = [&] { stream->close(); };
    stream->start_reading();
    peer.reset();
    turn_until([&] { return handler.finishes > 0; });
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.ends, 0);
}

// promise: stream-ends-with-its-client
TEST_P(StreamTest, TellsOfALossAfterTheEndOfReading) {
    TcpPair pair;
    StreamRecorder of_tcp;
    Stream tcp(reactor, std::move(pair.ours), of_tcp);
    tcp.start_reading();
    ::shutdown(pair.theirs.get(), SHUT_WR);
    turn_until([&] { return of_tcp.ends > 0; });
    EXPECT_EQ(of_tcp.end_error, 0);
    EXPECT_EQ(of_tcp.lost_error, 0);
    pair.reset_theirs();
    turn_until([&] { return of_tcp.lost_error != 0; });
    EXPECT_EQ(of_tcp.ends, 1);
}

TEST_P(StreamTest, AResetThatNobodyReadsIsAnEndWithAnError) {
    TcpPair pair;
    StreamRecorder of_tcp;
    Stream tcp(reactor, std::move(pair.ours), of_tcp);
    ASSERT_EQ(::send(pair.theirs.get(), "unread", 6, 0), 6);
    pair.reset_theirs();
    turn_until([&] { return of_tcp.ends > 0; });
    EXPECT_NE(of_tcp.end_error, 0);
    EXPECT_EQ(of_tcp.finishes, 1);
}

TEST_P(StreamTest, AResetBehindOctetsAtWhichReadingPausesIsAnEndWithAnError) {
    TcpPair pair;
    StreamRecorder of_tcp;
    Stream tcp(reactor, std::move(pair.ours), of_tcp);
    of_tcp.after_read = [&] { tcp.stop_reading(); };
    ASSERT_EQ(::send(pair.theirs.get(), "the last", 8, 0), 8);
    pair.reset_theirs();
    tcp.start_reading();
    turn_until([&] { return of_tcp.ends > 0; });
    EXPECT_EQ(of_tcp.received, "the last");
    EXPECT_NE(of_tcp.end_error, 0);
}

TEST_P(StreamTest, AWriteThatDoesNotFitCompletesLater) {
    const std::string big(8 * 1024 * 1024, 'x');
    const base::Bytes all = base::as_bytes(big);
    WriteResult result = stream->write({&all, 1});
    std::size_t sent = result.written;
    ASSERT_GT(sent, 0U);
    ASSERT_LT(sent, big.size());
    const base::Bytes rest = all.subspan(sent);
    result = stream->write({&rest, 1});
    ASSERT_EQ(result.state, WriteResult::State::pending);
    EXPECT_TRUE(stream->is_writing());
    std::string sink(sent, '\0');
    ASSERT_GT(::read(peer.get(), sink.data(), sink.size()), 0);
    turn_until([&] { return handler.written > 0; });
    EXPECT_FALSE(stream->is_writing());
}

TEST_P(StreamTest, WritingToAPeerThatIsGoneIsAnError) {
    peer.reset();
    const base::Bytes octets = base::as_bytes("x");
    EXPECT_EQ(stream->write({&octets, 1}).error, EPIPE);
}

TEST_P(StreamTest, MayBeDestroyedByItsHandlerInsideARead) {
    stream->start_reading();
    handler.after_read = [&] { stream->close(); };
    peer_sends("x");
    turn_until([&] { return handler.reads > 0; });
    EXPECT_FALSE(stream->is_open());
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads, 1);
}

TEST_P(StreamTest, AHotStreamLeavesTheOthersTheirTurn) {
    auto [ours, quiet_peer] = SocketPair();
    StreamRecorder quiet_handler;
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
        auto [ours, theirs] = SocketPair();
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

    StreamRecorder other_handler;
    std::optional<Stream> other;
    base::Descriptor other_peer;
};

TEST_P(TwoStreams, EachGetsItsOwn) {
    peer_sends("mine");
    ASSERT_EQ(::write(other_peer.get(), "theirs", 6), 6);
    turn_until([&] { return handler.reads > 0 && other_handler.reads > 0; });
    EXPECT_EQ(handler.received, "mine");
    EXPECT_EQ(other_handler.received, "theirs");
}

TEST_P(TwoStreams, OneThatIsClosedByTheOthersHandlerHearsNothingMore) {
    handler.after_read = [&] { other->close(); };
    other_handler.after_read = [&] { stream->close(); };
    both_peers_send("x");
    turn_until([&] { return handler.reads + other_handler.reads > 0; });
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads + other_handler.reads, 1);
}

TEST_P(TwoStreams, OneThatIsDestroyedByTheOthersHandlerHearsNothingMore) {
    handler.after_read = [&] { other.reset(); };
    other_handler.after_read = [&] { stream.reset(); };
    both_peers_send("x");
    turn_until([&] { return handler.reads + other_handler.reads > 0; });
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reads + other_handler.reads, 1);
}

TEST_P(TwoStreams, OneThatIsPausedByTheOthersHandlerLosesNothing) {
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

TEST_P(TwoStreams, WhatAnExceptionLeavesOverIsHandedOverInTheNextTurn) {
    bool has_thrown = false;
    handler.after_read = other_handler.after_read = [&] {
        if (!std::exchange(has_thrown, true)) throw std::bad_alloc();
    };
    both_peers_send("x");
    EXPECT_THROW(turn_until([&] { return has_thrown; }), std::bad_alloc);
    turn_until([&] { return handler.reads + other_handler.reads == 2; });
}

TEST_P(TwoStreams, MoreThanTheBufferHoldsComesWhole) {
    const std::string big(100'000, 'b');
    both_peers_send(big);
    turn_until([&] { return handler.received.size() == big.size() && other_handler.received.size() == big.size(); });
    EXPECT_EQ(handler.received, big);
    EXPECT_EQ(other_handler.received, big);
}

// Some streams that write at one turn's end, as connections do.
struct Writer final : StreamRecorder, TurnEndHook {
    Writer(Reactor& of, base::Descriptor socket) : stream(of, std::move(socket), *this) {}
    void on_turn_end() override {
        if (before_write) before_write();
        const base::Bytes octets = base::as_bytes(text);
        if (stream.is_open()) states.push_back(stream.write({&octets, 1}).state);
    }

    std::string text;
    std::function<void()> before_write;
    std::vector<WriteResult::State> states;
    Stream stream;
};

class ManyStreams : public StreamTest {
protected:
    static constexpr std::size_t many = 3 * CallQueue::capacity / 2;

    ManyStreams() {
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

TEST_P(ManyStreams, EachReadsItsOwn) {
    for (const auto& writer : writers) writer->stream.start_reading();
    reactor.turn(Duration(0));
    for (std::size_t i = 0; i < many; ++i)
        ASSERT_GT(::write(peers[i].get(), writers[i]->text.data(), writers[i]->text.size()), 0);
    turn_until([&] { return std::ranges::all_of(writers, [](const auto& writer) { return writer->reads > 0; }); });
    for (const auto& writer : writers) EXPECT_EQ(writer->received, writer->text);
}

TEST_P(ManyStreams, EachWritesItsOwnBeforeTheTurnIsOver) {
    all_write();
    for (std::size_t i = 0; i < many; ++i) {
        EXPECT_EQ(peer_gets(i), writers[i]->text);
        EXPECT_FALSE(writers[i]->stream.is_writing());
        ASSERT_EQ(writers[i]->states.size(), 1U);
        EXPECT_EQ(writers[i]->states[0], WriteResult::State::together);
        ASSERT_EQ(writers[i]->done.size(), 1U);
        EXPECT_EQ(writers[i]->done[0].written, writers[i]->text.size());
        EXPECT_EQ(writers[i]->done[0].state, WriteResult::State::done);
    }
}

TEST_P(ManyStreams, OneThatFailsFailsAlone) {
    peers[1].reset();
    all_write();
    ASSERT_EQ(writers[1]->done.size(), 1U);
    EXPECT_EQ(writers[1]->done[0].error, EPIPE);
    EXPECT_EQ(peer_gets(0), writers[0]->text);
    EXPECT_EQ(peer_gets(2), writers[2]->text);
}

TEST_P(ManyStreams, OneWhosePeerHasNoRoomWaitsForIt) {
    writers[1]->text = std::string(8 * 1024 * 1024, 'x');
    all_write();  // a part of it fits
    ASSERT_EQ(writers[1]->done.size(), 1U);
    ASSERT_GT(writers[1]->done[0].written, 0U);
    all_write();
    ASSERT_EQ(writers[1]->done.size(), 2U);
    EXPECT_EQ(writers[1]->done[1].state, WriteResult::State::pending);
    EXPECT_TRUE(writers[1]->stream.is_writing());
    std::string sink(writers[1]->text.size(), '\0');
    ASSERT_GT(::read(peers[1].get(), sink.data(), sink.size()), 0);
    turn_until([&] { return writers[1]->written > 0; });
    EXPECT_FALSE(writers[1]->stream.is_writing());
}

TEST_P(ManyStreams, OneThatAnotherClosesBeforeItsWriteIsCarriedOutWritesNothing) {
    writers[1]->before_write = [&] { writers[0]->stream.close(); };
    all_write();
    EXPECT_EQ(writers[0]->states.size(), 1U);
    EXPECT_TRUE(writers[0]->done.empty());
    EXPECT_EQ(peer_gets(0), "");
    EXPECT_EQ(peer_gets(2), writers[2]->text);
}

TEST_P(ManyStreams, OneThatAnotherDestroysIsToldNothing) {
    writers[1]->before_write = [&] { writers[0].reset(); };
    all_write();
    EXPECT_EQ(peer_gets(1), writers[1]->text);
}

INSTANTIATE_TEST_SUITE_P(Net, StreamTest, every_backend, name_of);
INSTANTIATE_TEST_SUITE_P(Net, TwoStreams, every_backend, name_of);
INSTANTIATE_TEST_SUITE_P(Net, ManyStreams, every_backend, name_of);

}  // namespace
}  // namespace proapi::net
