// A message for many connections is encoded once for all that encode it alike, and is what each would have sent itself.
#include "ws/shared_frame.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/cpp/ws/replay.hpp"
#include "ws/deflater.hpp"
#include "ws/sender.hpp"

namespace proapi::ws {
namespace {

using tests::Octets;
using tests::take_all;

// Counts the messages that another encoder encodes.
class CountingEncoder final : public MessageEncoder {
public:
    CountingEncoder(int& count, std::unique_ptr<MessageEncoder> encoder)
        : count_(count), encoder_(std::move(encoder)) {}
    [[nodiscard]] std::optional<EncodedMessage> encode(Opcode opcode, base::Bytes message) override {
        ++count_;
        return encoder_->encode(opcode, message);
    }
    [[nodiscard]] std::uint64_t variant() const noexcept override { return encoder_->variant(); }

private:
    int& count_;
    std::unique_ptr<MessageEncoder> encoder_;
};

Octets send_alone(const DeflateContext& context, std::uint64_t threshold, const Octets& payload) {
    Sender sender{Role::server, nullptr};
    sender.use(make_deflater(context, threshold));
    sender.send_message(Opcode::text, payload);
    return take_all(sender.output());
}

TEST(SharedFrame, IsEncodedOnceForAllThatDoItAlike) {
    const Octets payload(20'000, 'x');
    SharedFrame frame(Opcode::text, payload);
    const DeflateContext large{.takeover = false}, small{.takeover = false, .window_bits = 10};
    int count = 0;
    for (int round = 0; round < 3; ++round) {
        for (const DeflateContext& context : {large, small}) {
            Sender sender{Role::server, nullptr};
            sender.use(std::make_unique<CountingEncoder>(count, make_deflater(context, 1024)));
            sender.send_shared(frame);
            EXPECT_EQ(take_all(sender.output()), send_alone(context, 1024, payload));
        }
    }
    EXPECT_EQ(count, 2);
    SharedFrame copy = frame;
    Sender sender{Role::server, nullptr};
    sender.use(std::make_unique<CountingEncoder>(count, make_deflater(large, 1024)));
    sender.send_shared(copy);
    EXPECT_EQ(count, 2) << "a copy has what was encoded before";
}

TEST(SharedFrame, AnotherThresholdIsAnotherVariant) {
    const Octets payload(2000, 'x');
    SharedFrame frame(Opcode::text, payload);
    const DeflateContext context{.takeover = false};
    for (const std::uint64_t threshold : {1024U, 5000U, 1024U}) {
        Sender sender{Role::server, nullptr};
        sender.use(make_deflater(context, threshold));
        sender.send_shared(frame);
        const Octets octets = take_all(sender.output());
        EXPECT_EQ(octets, send_alone(context, threshold, payload));
        EXPECT_EQ(octets.size() < 100, threshold == 1024);
    }
}

// With a takeover the message must become part of each connection's own window.
TEST(SharedFrame, EachConnectionWithATakeoverEncodesItItself) {
    const Octets payload(2000, 'x');
    SharedFrame frame(Opcode::text, payload);
    const DeflateContext context{.takeover = true};
    int count = 0;
    for (int member = 0; member < 2; ++member) {
        Sender together{Role::server, nullptr}, alone{Role::server, nullptr};
        together.use(std::make_unique<CountingEncoder>(count, make_deflater(context, 0)));
        alone.use(make_deflater(context, 0));
        for (int round = 0; round <= member; ++round) {
            together.send_shared(frame);
            alone.send_message(Opcode::text, payload);
            EXPECT_EQ(take_all(together.output()), take_all(alone.output()));
        }
    }
    EXPECT_EQ(count, 3);
}

TEST(SharedFrame, HoldsThePayload) {
    SharedFrame frame(Opcode::binary, Octets{1, 2, 3});
    EXPECT_EQ(frame.opcode(), Opcode::binary);
    EXPECT_EQ(Octets(frame.payload().begin(), frame.payload().end()), (Octets{1, 2, 3}));
    EXPECT_EQ(frame.payload().data(), frame.plain().bytes().data() + 2) << "the payload must not be a copy";
}

}  // namespace
}  // namespace proapi::ws
