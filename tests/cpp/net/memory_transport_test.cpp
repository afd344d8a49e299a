// The configurable behaviour of an end in memory: small buffers, short reads and writes, failures. The behaviour that
// all transports share is tested in transport_test.cpp.
#include "net/memory_transport.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <cerrno>
#include <string>

#include "transport_recorder.hpp"

namespace proapi::net {
namespace {

class MemoryTransportTest : public ::testing::Test {
protected:
    MemoryTransportTest() {
        ours->start(our_handler);
        theirs->start(their_handler);
    }
    void turns() {
        while (reactor.has_work()) reactor.turn(Duration(0));
    }
    static WriteResult write(Transport& transport, std::string_view text) {
        const base::Bytes octets = base::as_bytes(text);
        return transport.write({&octets, 1});
    }

    Reactor reactor;
    TransportRecorder our_handler, their_handler;
    MemoryTransport::Pair pair = MemoryTransport::make_pair(reactor);
    std::unique_ptr<MemoryTransport>&ours = pair.first, &theirs = pair.second;
};

TEST_F(MemoryTransportTest, CutsReads) {
    theirs->set_behaviour({.max_read_bytes = 2});
    theirs->start_reading();
    EXPECT_EQ(write(*ours, "abcde").written, 5U);
    turns();
    EXPECT_EQ(their_handler.received, "abcde");
    EXPECT_EQ(their_handler.reads, 3);
}

TEST_F(MemoryTransportTest, CutsWrites) {
    ours->set_behaviour({.max_write_bytes = 3});
    EXPECT_EQ(write(*ours, "abcde").written, 3U);
    EXPECT_EQ(write(*ours, "de").written, 2U);
    theirs->start_reading();
    turns();
    EXPECT_EQ(their_handler.received, "abcde");
}

TEST_F(MemoryTransportTest, TakesWhatTheTwoBuffersHold) {
    ours->set_behaviour({.send_buffer_bytes = 3});
    theirs->set_behaviour({.receive_buffer_bytes = 4});
    EXPECT_EQ(write(*ours, "abcdefghij").written, 7U);
    EXPECT_EQ(ours->undelivered_octets(), 3U);
    EXPECT_EQ(ours->delivered_octets(), 4U);
    EXPECT_EQ(write(*ours, "hij").state, WriteResult::State::pending);
    theirs->start_reading();
    turns();
    EXPECT_EQ(our_handler.written, 3U);
    EXPECT_EQ(their_handler.received, "abcdefghij");
    EXPECT_EQ(ours->undelivered_octets(), 0U);
    EXPECT_EQ(ours->delivered_octets(), 10U);
}

TEST_F(MemoryTransportTest, NothingIsDeliveredToAPeerWithoutABuffer) {
    theirs->set_behaviour({.receive_buffer_bytes = 0});
    theirs->start_reading();
    EXPECT_EQ(write(*ours, "abc").written, 3U);
    ours->shutdown_write();
    turns();
    EXPECT_EQ(ours->undelivered_octets(), 3U);
    EXPECT_EQ(their_handler.reads + their_handler.finishes, 0);
    theirs->set_behaviour({});
    turns();
    EXPECT_EQ(their_handler.received, "abc");
    EXPECT_EQ(their_handler.ends, 1);
}

TEST_F(MemoryTransportTest, AResetDropsWhatIsUndelivered) {
    theirs->set_behaviour({.receive_buffer_bytes = 2});
    EXPECT_EQ(write(*ours, "abcde").written, 5U);
    ours->close(Transport::CloseMode::reset);
    theirs->start_reading();
    turns();
    EXPECT_EQ(their_handler.received, "ab");
    EXPECT_EQ(their_handler.end_error, ECONNRESET);
}

TEST_F(MemoryTransportTest, WritesTogetherAtTheEndOfTheTurn) {
    ours->set_behaviour({.writes = MemoryBehaviour::Writes::together});
    theirs->start_reading();
    EXPECT_EQ(write(*ours, "abc").state, WriteResult::State::together);
    EXPECT_TRUE(ours->is_writing());
    EXPECT_TRUE(our_handler.done.empty());
    turns();
    ASSERT_EQ(our_handler.done.size(), 1U);
    EXPECT_EQ(our_handler.done[0].written, 3U);
    EXPECT_FALSE(ours->is_writing());
    EXPECT_EQ(their_handler.received, "abc");
}

TEST_F(MemoryTransportTest, WritesTogetherReportWhatIsWrong) {
    ours->set_behaviour({.writes = MemoryBehaviour::Writes::together});
    theirs->close(Transport::CloseMode::orderly);
    EXPECT_EQ(write(*ours, "abc").state, WriteResult::State::together);
    turns();
    ASSERT_EQ(our_handler.done.size(), 1U);
    EXPECT_EQ(our_handler.done[0].error, EPIPE);
}

TEST_F(MemoryTransportTest, FailsAtTheReadThatWasAskedFor) {
    theirs->set_behaviour({.max_read_bytes = 1});
    MemoryFailure failure{.after_operations = 2, .error = ETIMEDOUT};
    theirs->set_failure(&failure);
    theirs->start_reading();
    ours->start_reading();
    EXPECT_EQ(write(*ours, "abc").written, 3U);
    turns();
    EXPECT_TRUE(failure.has_come);
    EXPECT_EQ(their_handler.received, "ab");
    EXPECT_EQ(their_handler.finishes, 1);
    EXPECT_EQ(their_handler.ends, 1);
    EXPECT_EQ(their_handler.end_error, ETIMEDOUT);
    EXPECT_EQ(write(*theirs, "x").error, ETIMEDOUT);
    EXPECT_EQ(our_handler.end_error, ECONNRESET);
    EXPECT_EQ(their_handler.lost_error, 0) << "reported once";
}

TEST_F(MemoryTransportTest, FailsAtTheEndOfReadingToo) {
    MemoryFailure failure{.after_operations = 0, .error = ETIMEDOUT};
    theirs->set_failure(&failure);
    theirs->start_reading();
    ours->shutdown_write();
    turns();
    EXPECT_EQ(their_handler.end_error, ETIMEDOUT);
}

TEST_F(MemoryTransportTest, FailsAtTheWriteThatWasAskedFor) {
    MemoryFailure failure{.after_operations = 1, .error = EHOSTUNREACH};
    ours->set_failure(&failure);
    EXPECT_EQ(write(*ours, "a").written, 1U);
    EXPECT_FALSE(failure.has_come);
    EXPECT_EQ(write(*ours, "b").error, EHOSTUNREACH);
    EXPECT_TRUE(failure.has_come);
    EXPECT_EQ(our_handler.ends, 0) << "only a turn reports";
    theirs->start_reading();
    turns();
    EXPECT_EQ(our_handler.end_error, EHOSTUNREACH);
    EXPECT_EQ(their_handler.received, "a");
    EXPECT_EQ(their_handler.end_error, ECONNRESET);
}

TEST_F(MemoryTransportTest, FailsAtAWriteAtOnce) {
    MemoryFailure failure{.after_operations = 0, .error = EHOSTUNREACH};
    ours->set_failure(&failure);
    const base::Bytes octets = base::as_bytes("x");
    EXPECT_EQ(ours->write_at_once({&octets, 1}), 0U);
    EXPECT_EQ(write(*ours, "x").error, EHOSTUNREACH) << "the next write reports it";
}

TEST_F(MemoryTransportTest, FailsAtAPendingWrite) {
    ours->set_behaviour({.send_buffer_bytes = 1});
    theirs->set_behaviour({.receive_buffer_bytes = 0});
    MemoryFailure failure{.after_operations = 1, .error = EHOSTUNREACH};
    ours->set_failure(&failure);
    EXPECT_EQ(write(*ours, "ab").written, 1U);
    EXPECT_EQ(write(*ours, "b").state, WriteResult::State::pending);
    turns();
    EXPECT_FALSE(failure.has_come);
    theirs->set_behaviour({});
    turns();
    EXPECT_EQ(our_handler.lost_error, EHOSTUNREACH);
    EXPECT_EQ(our_handler.written, 0U);
}

TEST_F(MemoryTransportTest, EitherEndMayGoFirst) {
    theirs->start_reading();
    EXPECT_EQ(write(*ours, "last words").written, 10U);
    ours.reset();
    turns();
    EXPECT_EQ(their_handler.received, "last words");
    EXPECT_EQ(their_handler.end_error, 0);
    EXPECT_EQ(write(*theirs, "x").error, EPIPE);
    theirs.reset();
    turns();
}

TEST_F(MemoryTransportTest, WakesALoopThatDrivesItsReactor) {
    turns();
    reactor.turn(Duration(0));
    theirs->start_reading();
    reactor.turn(Duration(0));
    EXPECT_FALSE(reactor.has_work());
    EXPECT_EQ(write(*ours, "x").written, 1U);
    EXPECT_TRUE(reactor.has_work());
    epoll_event event{};
    EXPECT_EQ(::epoll_wait(reactor.descriptor(), &event, 1, 0), 1);
}

TEST_F(MemoryTransportTest, IsAsSecureAsItIsSaidToBe) {
    ours->set_behaviour({.is_secure = true});
    EXPECT_TRUE(ours->is_secure());
}

}  // namespace
}  // namespace proapi::net
